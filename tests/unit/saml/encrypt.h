/*
 * encrypt.h - test encryptor: EncryptedData and EncryptedKey for any plaintext, on OpenSSL alone.
 *
 *     struct encrypt_options o = encrypt_defaults(sp_key);      // change what the test is about
 *     char *xml = encrypt_response(&r, &o);                     // of sign.h: its Assertion encrypted, then signed
 * around
 *
 * Texts are malloc'ed and NUL-terminated; a failure in here fails the test.
 */
#ifndef USHER_TESTS_UNIT_SAML_ENCRYPT_H
#define USHER_TESTS_UNIT_SAML_ENCRYPT_H

#include "tests/unit/saml/sign.h"

#include <openssl/rand.h>

#include "saml/decrypt.h"

#define ENCRYPT_XENC "http://www.w3.org/2001/04/xmlenc#"
#define ENCRYPT_XENC11 "http://www.w3.org/2009/xmlenc11#"

enum encrypt_place {
    ENCRYPT_INSIDE,   /* EncryptedKey in EncryptedData/KeyInfo: Entra, ADFS, Shibboleth, SimpleSAMLphp */
    ENCRYPT_BESIDE,   /* after EncryptedData */
    ENCRYPT_REFERENCE /* after it, named by a RetrievalMethod, and naming EncryptedData: Okta */
};

struct encrypt_options {
    EVP_PKEY *to;
    const char *cipher;       /* "aes256-cbc", "aes128-gcm", "tripledes-cbc" */
    const char *transport;    /* "rsa-oaep-mgf1p", "rsa-oaep", "rsa-1_5" */
    const char *digest, *mgf; /* of OAEP, "SHA256"; NULL: SHA-1, and no element that says so */
    const char *label;        /* OAEPparams, text */
    enum encrypt_place place;
    size_t tag;           /* octets of the tag that are sent */
    int last;             /* the last octet of padding, if not -1 */
    size_t key_cut;       /* octets by which the content key is too short */
    const char *inherits; /* taken out of the plaintext: " xmlns=\"...\"", to be declared outside */
    const char *outside;  /* attributes of EncryptedAssertion, with a leading blank */
};

static inline struct encrypt_options encrypt_defaults(EVP_PKEY *to)
{
    return (struct encrypt_options){
        .to = to, .cipher = "aes256-cbc", .transport = "rsa-oaep-mgf1p", .tag = 16, .last = -1};
}

static inline const EVP_CIPHER *encrypt_cipher(const char *name)
{
    const EVP_CIPHER *c = EVP_get_cipherbyname(strcmp(name, "tripledes-cbc") == 0 ? "des-ede3-cbc" : name);
    char other[32];

    if (c)
        return c;
    (void)snprintf(other, sizeof other, "aes-%.3s-%s", name + 3, name + 7); /* aes256-cbc */
    c = EVP_get_cipherbyname(other);
    assert_non_null(c);
    return c;
}

/* IV, ciphertext and tag. Padded as xmlenc 5.2 says: any octets, and their number at last. */
static inline struct slice encrypt_content(const struct encrypt_options *o, struct slice plain,
                                           const unsigned char *key)
{
    const EVP_CIPHER *cipher = encrypt_cipher(o->cipher);
    bool gcm = EVP_CIPHER_get_mode(cipher) == EVP_CIPH_GCM_MODE;
    size_t iv = (size_t)EVP_CIPHER_get_iv_length(cipher), block = gcm ? 1 : (size_t)EVP_CIPHER_get_block_size(cipher);
    size_t pad = gcm ? 0 : block - plain.n % block, n = plain.n + pad;
    unsigned char *in = calloc(1, n + 1), *out = calloc(1, iv + n + 16);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int got = 0;

    memcpy(in, plain.p, plain.n);
    if (pad)
        in[n - 1] = (unsigned char)(o->last >= 0 ? o->last : (int)pad);
    assert_int_equal(RAND_bytes(out, (int)iv), 1);
    assert_int_equal(EVP_EncryptInit_ex2(ctx, cipher, key, out, NULL), 1);
    assert_int_equal(EVP_CIPHER_CTX_set_padding(ctx, 0), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, out + iv, &got, in, (int)n), 1);
    assert_int_equal(got, n);
    assert_int_equal(EVP_EncryptFinal_ex(ctx, out + iv + n, &got), 1);
    if (gcm)
        assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, out + iv + n), 1);
    EVP_CIPHER_CTX_free(ctx);
    free(in);
    return slice_make(out, iv + n + (gcm ? o->tag : 0));
}

static inline struct slice encrypt_key(const struct encrypt_options *o, const unsigned char *key, size_t n)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(o->to, NULL);
    unsigned char *out = calloc(1, 2048);
    size_t out_n = 2048;

    assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
    if (strcmp(o->transport, "rsa-1_5") == 0) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING), 1);
    } else {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, o->digest ? o->digest : "SHA1", NULL), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, o->mgf ? o->mgf : "SHA1", NULL), 1);
        if (o->label)
            assert_int_equal(EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_strdup(o->label), (int)strlen(o->label)), 1);
    }
    assert_int_equal(EVP_PKEY_encrypt(ctx, out, &out_n, key, n), 1);
    EVP_PKEY_CTX_free(ctx);
    return slice_make(out, out_n);
}

/* "SHA256" -> the element; "" if it is not to be said. */
static inline char *encrypt_hash_element(const char *hash, bool mgf)
{
    char lower[16] = "";

    if (!hash)
        return sign_printf("%s", "");
    for (size_t i = 0; hash[i]; i++)
        lower[i] = ascii_lower(hash[i]);
    if (mgf)
        return sign_printf("<m:MGF xmlns:m=\"" ENCRYPT_XENC11 "\" Algorithm=\"" ENCRYPT_XENC11 "mgf1%s\"/>", lower);
    return sign_printf("<d:DigestMethod xmlns:d=\"" SIGN_DSIG "\" Algorithm=\"%s%s\"/>",
                       strcmp(lower, "sha1") == 0 ? SIGN_DSIG : ENCRYPT_XENC, lower);
}

static inline char *encrypt_key_element(const struct encrypt_options *o, struct slice wrapped)
{
    char *digest = encrypt_hash_element(o->digest, false), *mgf = encrypt_hash_element(o->mgf, true), *text;
    char *value = sign_base64(wrapped.p, wrapped.n), *label = o->label ? sign_base64(o->label, strlen(o->label)) : NULL;

    text = sign_printf(
        "<e:EncryptedKey xmlns:e=\"" ENCRYPT_XENC "\" Id=\"_k\"><e:EncryptionMethod Algorithm=\"%s%s\">"
        "%s%s%s%s%s</e:EncryptionMethod><e:CipherData><e:CipherValue>%s</e:CipherValue></e:CipherData>"
        "%s</e:EncryptedKey>",
        strcmp(o->transport, "rsa-oaep") == 0 ? ENCRYPT_XENC11 : ENCRYPT_XENC, o->transport,
        label ? "<e:OAEPparams>" : "", label ? label : "", label ? "</e:OAEPparams>" : "", digest, mgf, value,
        o->place == ENCRYPT_REFERENCE ? "<e:ReferenceList><e:DataReference URI=\"#_d\"/></e:ReferenceList>" : "");
    free(digest);
    free(mgf);
    free(value);
    free(label);
    return text;
}

/* <a:NAME> with EncryptedData of the plaintext. */
static inline char *encrypt_element(const char *name, const char *plaintext, const struct encrypt_options *o)
{
    size_t key_n = (size_t)EVP_CIPHER_get_key_length(encrypt_cipher(o->cipher)) - o->key_cut;
    unsigned char key[SAML_CONTENT_KEY_MAX];
    struct slice content, wrapped;
    char *key_element, *value, *info = NULL, *text;

    assert_int_equal(RAND_bytes(key, sizeof key), 1);
    content = encrypt_content(o, slice_of(plaintext), key);
    wrapped = encrypt_key(o, key, key_n);
    key_element = encrypt_key_element(o, wrapped);
    value = sign_base64(content.p, content.n);
    if (o->place == ENCRYPT_INSIDE)
        info = sign_printf("<i:KeyInfo xmlns:i=\"" SIGN_DSIG "\">%s</i:KeyInfo>", key_element);
    else if (o->place == ENCRYPT_REFERENCE)
        info = sign_printf("<i:KeyInfo xmlns:i=\"" SIGN_DSIG "\"><i:RetrievalMethod Type=\"" ENCRYPT_XENC
                           "EncryptedKey\" URI=\"#_k\"/></i:KeyInfo>");
    text = sign_printf("<a:%s xmlns:a=\"urn:oasis:names:tc:SAML:2.0:assertion\"%s><e:EncryptedData "
                       "xmlns:e=\"" ENCRYPT_XENC "\" Id=\"_d\" Type=\"" ENCRYPT_XENC "Element\"><e:EncryptionMethod "
                       "Algorithm=\"%s%s\"/>%s<e:CipherData><e:CipherValue>%s</e:CipherValue></e:CipherData>"
                       "</e:EncryptedData>%s</a:%s>",
                       name, sign_or(o->outside, ""), strstr(o->cipher, "gcm") ? ENCRYPT_XENC11 : ENCRYPT_XENC,
                       o->cipher, info ? info : "", value, o->place == ENCRYPT_INSIDE ? "" : key_element, name);
    free(info);
    free(value);
    free(key_element);
    free((void *)(uintptr_t)content.p);
    free((void *)(uintptr_t)wrapped.p);
    return text;
}

/* `xml` with the part from `from` up to and with the first `to` replaced. */
static inline char *encrypt_splice(const char *xml, const char *from, const char *to, const char *by)
{
    const char *start = strstr(xml, from), *end = start ? strstr(start, to) : NULL;

    if (!end)
        fail_msg("no '%s'...'%s' in the text", from, to);
    return sign_printf("%.*s%s%s", (int)(start - xml), xml, by, end + strlen(to));
}

/* The Assertion of a Response, from tag to tag. */
static inline char *encrypt_assertion_of(const char *xml)
{
    const char *start = strstr(xml, "<Assertion "), *end = start ? strstr(start, "</Assertion>") : NULL;
    char *text;

    assert_non_null(end);
    text = strndup(start, (size_t)(end - start) + strlen("</Assertion>"));
    assert_non_null(text);
    return text;
}

/* As sign_make(): the Assertion is signed first if it is to be, then encrypted, then the Response is signed. */
static inline char *encrypt_response(const struct sign_response *r, const struct encrypt_options *o)
{
    struct sign_response inner = *r;
    char *xml, *assertion, *encrypted, *out;

    inner.sign_response = false;
    xml = sign_make(&inner);
    assertion = encrypt_assertion_of(xml);
    if (o->inherits) {
        out = sign_replace(assertion, o->inherits, "");
        free(assertion);
        assertion = out;
    }
    encrypted = encrypt_element("EncryptedAssertion", assertion, o);
    out = encrypt_splice(xml, "<Assertion ", "</Assertion>", encrypted);
    free(xml);
    free(assertion);
    free(encrypted);
    if (r->sign_response) {
        xml = sign_element(out, r->response_id, &r->sign);
        free(out);
        out = xml;
    }
    return out;
}

/* A private key as the service provider has it. Free with saml_sp_keys_free(). */
static inline void encrypt_sp_key(struct saml_sp_keys *keys, EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());
    struct err e = ERR_INIT;
    char *pem;

    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
    pem = sign_bio_text(bio);
    assert_ok(saml_sp_keys_add_pem(keys, slice_of(pem), false, &e), &e);
    free(pem);
}

#endif
