/* encrypt.c - see encrypt.h. */
#include "lab/encrypt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/encode.h"
#include "base/secret.h"
#include "lab/mint.h"

#define XENC "http://www.w3.org/2001/04/xmlenc#"
#define XENC11 "http://www.w3.org/2009/xmlenc11#"
#define DSIG "http://www.w3.org/2000/09/xmldsig#"
#define DSIG_MORE "http://www.w3.org/2001/04/xmldsig-more#"
#define KEY_MAX 32
#define WRAPPED_MAX 2048
#define TAG_SIZE 16

struct mint_recipient {
    EVP_PKEY *pkey;
};

static const struct cipher {
    const char *name, *ns, *openssl;
} ciphers[] = {
    {"aes128-cbc", XENC, "AES-128-CBC"},     {"aes192-cbc", XENC, "AES-192-CBC"},
    {"aes256-cbc", XENC, "AES-256-CBC"},     {"aes128-gcm", XENC11, "AES-128-GCM"},
    {"aes192-gcm", XENC11, "AES-192-GCM"},   {"aes256-gcm", XENC11, "AES-256-GCM"},
    {"tripledes-cbc", XENC, "DES-EDE3-CBC"},
};
static const struct hash {
    const char *name, *uri, *mgf;
} hashes[] = {
    {"sha1", DSIG "sha1", XENC11 "mgf1sha1"},
    {"sha256", XENC "sha256", XENC11 "mgf1sha256"},
    {"sha384", DSIG_MORE "sha384", XENC11 "mgf1sha384"},
    {"sha512", XENC "sha512", XENC11 "mgf1sha512"},
};

/* clang-format off */
const struct mint_encrypt_trick mint_encrypt_tricks[] = {
    {.name = "unsigned", .expected = "decryption-failed", .help = "encrypted, as anybody can, and not signed", .change_sign = true, .sign = MINT_SIGN_NOTHING},
    {.name = "rsa15", .expected = "algorithm-not-allowed", .help = "the key travels under RSA 1.5", .transport = "rsa-1_5"},
    {.name = "tripledes", .expected = "algorithm-not-allowed", .help = "encrypted with Triple DES", .cipher = "tripledes-cbc"},
    {.name = "two-assertions", .expected = "decryption-failed", .help = "the plaintext is the assertion twice", .after = "%"},
    {.name = "wrapped", .expected = "decryption-failed", .help = "the plaintext is an element around the assertion", .before = "<Wrapper>", .after = "</Wrapper>"},
    {.name = "doctype", .expected = "decryption-failed", .help = "the plaintext has a DOCTYPE", .before = "<!DOCTYPE a [<!ENTITY e \"x\">]>"},
    {.name = "closes", .expected = "decryption-failed", .help = "the plaintext closes the element that it stands in", .before = "</EncryptedAssertion>"},
    {.name = "wrong-padding", .expected = "decryption-failed", .help = "the padding is longer than a block", .cipher = "aes256-cbc", .pad = 17},
    {.name = "short-tag", .expected = "decryption-failed", .help = "an authentication tag of 4 octets", .cipher = "aes256-gcm", .cut_tag = 12},
    {.name = "wrong-tag", .expected = "decryption-failed", .help = "an authentication tag with a wrong bit", .cipher = "aes256-gcm", .break_tag = true},
    {.name = "other-mode", .expected = "decryption-failed", .help = "encrypted with GCM and sent as CBC", .cipher = "aes256-gcm", .say_cipher = XENC "aes256-cbc"},
    {.name = "noise-key", .expected = "decryption-failed", .help = "EncryptedKey is noise", .noise_key = true},
    {.name = "short-key", .expected = "decryption-failed", .help = "the key is for a shorter cipher", .cut_key = 8},
    {.name = "two-keys", .expected = "response-shape", .help = "two EncryptedKey elements", .more_keys = 1},
    {.name = "thousand-keys", .expected = "response-shape", .help = "a thousand and one EncryptedKey elements", .more_keys = 1000},
    {.name = "cipher-reference", .expected = "response-shape", .help = "the ciphertext is to be fetched", .cipher_reference = true},
    {.name = "key-elsewhere", .expected = "response-shape", .help = "a RetrievalMethod names another place", .retrieval = "http://127.0.0.1:9/key"},
    {.name = "key-loop", .expected = "response-shape", .help = "a RetrievalMethod names what it stands in", .retrieval = "#_data"},
    {.name = "clear-beside", .expected = "response-shape", .help = "the assertion in clear beside it", .clear_beside = true},
    {.name = "encrypted-beside", .expected = "response-shape", .help = "a second encrypted assertion beside it", .encrypted_beside = true},
    {.name = "swapped", .expected = "signature-invalid", .help = "another encrypted assertion in a signed Response", .change_sign = true, .sign = MINT_SIGN_RESPONSE, .swap = true},
};
/* clang-format on */
const size_t mint_encrypt_tricks_n = sizeof mint_encrypt_tricks / sizeof *mint_encrypt_tricks;

const struct mint_encrypt_trick *mint_encrypt_trick_find(const char *name)
{
    for (size_t i = 0; i < mint_encrypt_tricks_n; i++) {
        if (strcmp(mint_encrypt_tricks[i].name, name) == 0)
            return &mint_encrypt_tricks[i];
    }
    return NULL;
}

void mint_encrypt_init(struct mint_encrypt *x, const struct mint_recipient *to)
{
    *x = (struct mint_encrypt){.to = to, .cipher = "aes256-cbc", .transport = "rsa-oaep-mgf1p"};
}

int mint_recipient_load(const char *cert_file, struct mint_recipient **ret, struct err *e)
{
    struct mint_recipient *r = NULL;
    BIO *bio = BIO_new_file(cert_file, "r");
    X509 *cert = NULL;
    int rc = -1;

    if (!bio)
        return err_set(e, ERR_TRUST, "%s: %s", cert_file, strerror(errno));
    cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    r = calloc(1, sizeof *r);
    if (!cert || !r || !(r->pkey = X509_get_pubkey(cert)) || !EVP_PKEY_is_a(r->pkey, "RSA"))
        (void)err_set(e, ERR_TRUST, "%s: not a certificate with an RSA key in PEM form", cert_file);
    else
        rc = 0;
    if (rc == 0)
        *ret = r; /* transferred */
    else
        mint_recipient_free(r);
    X509_free(cert);
    BIO_free(bio);
    return rc;
}

int mint_recipient_of(EVP_PKEY *pkey, struct mint_recipient **ret, struct err *e)
{
    struct mint_recipient *r = calloc(1, sizeof *r);

    if (!r || EVP_PKEY_up_ref(pkey) != 1) {
        free(r);
        return err_set(e, ERR_MEMORY, "no memory for a public key");
    }
    r->pkey = pkey;
    *ret = r; /* transferred */
    return 0;
}

void mint_recipient_free(struct mint_recipient *r)
{
    if (!r)
        return;
    EVP_PKEY_free(r->pkey);
    free(r);
}

/* --- what is asked for ---------------------------------------------------------------------------------------------
 */

/* The request after its trick, and what its names stand for. */
struct plan {
    const struct mint_encrypt *x;
    struct mint_encrypt_trick trick; /* zeroed: none */
    const struct cipher *cipher;
    const char *transport;
    const struct hash *digest, *mgf; /* NULL: not said */
    bool gcm;
};

static const struct hash *find_hash(const char *name)
{
    for (size_t i = 0; name && i < sizeof hashes / sizeof *hashes; i++) {
        if (strcmp(hashes[i].name, name) == 0)
            return &hashes[i];
    }
    return NULL;
}

static int make_plan(const struct mint_encrypt *x, struct plan *p, struct err *e)
{
    const char *cipher;

    *p = (struct plan){.x = x};
    if (x->trick)
        p->trick = *x->trick;
    cipher = p->trick.cipher ? p->trick.cipher : x->cipher;
    p->transport = p->trick.transport ? p->trick.transport : x->transport;
    for (size_t i = 0; i < sizeof ciphers / sizeof *ciphers; i++) {
        if (strcmp(ciphers[i].name, cipher) == 0)
            p->cipher = &ciphers[i];
    }
    if (!p->cipher)
        return err_set(e, ERR_USAGE, "cipher '%s' is unknown", cipher);
    p->gcm = strcmp(p->cipher->ns, XENC11) == 0;
    if (strcmp(p->transport, "rsa-oaep-mgf1p") != 0 && strcmp(p->transport, "rsa-oaep") != 0 &&
        strcmp(p->transport, "rsa-1_5") != 0)
        return err_set(e, ERR_USAGE, "key transport '%s' is unknown", p->transport);
    p->digest = find_hash(x->digest);
    p->mgf = find_hash(x->mgf);
    if ((x->digest && !p->digest) || (x->mgf && !p->mgf))
        return err_set(e, ERR_USAGE, "OAEP: sha1, sha256, sha384 or sha512");
    if (p->mgf && strcmp(p->transport, "rsa-oaep") != 0)
        return err_set(e, ERR_USAGE, "only rsa-oaep has a mask of its own");
    return 0;
}

/* --- cryptography --------------------------------------------------------------------------------------------------
 */

/* The plaintext with what the trick puts around it, padded if the mode wants it. */
static void add_padded(const struct plan *p, struct slice plaintext, size_t block, struct buf *out)
{
    const char *after = p->trick.after ? p->trick.after : "";
    unsigned char pad[EVP_MAX_BLOCK_LENGTH] = {0};
    size_t n;

    buf_add_str(out, p->trick.before ? p->trick.before : "");
    buf_add_slice(out, plaintext);
    if (strcmp(after, "%") == 0)
        buf_add_slice(out, plaintext);
    else
        buf_add_str(out, after);
    if (p->gcm)
        return;
    n = block - out->len % block;
    pad[n - 1] = (unsigned char)(p->trick.pad ? p->trick.pad : (int)n);
    buf_add(out, pad, n);
}

/* CipherValue: IV, ciphertext, tag. */
static bool add_content(const struct plan *p, struct slice plaintext, const unsigned char *key, struct buf *out)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, p->cipher->openssl, NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    size_t iv = cipher ? (size_t)EVP_CIPHER_get_iv_length(cipher) : 0, tag = p->gcm ? TAG_SIZE : 0;
    struct buf text;
    unsigned char *raw = NULL;
    int n = 0, last = 0;
    bool ok = false;

    buf_init(&text, MINT_XML_MAX);
    if (!cipher || !ctx)
        goto out;
    add_padded(p, plaintext, (size_t)EVP_CIPHER_get_block_size(cipher), &text);
    raw = malloc(iv + text.len + tag);
    if (buf_failed(&text) || !raw)
        goto out;
    secret_random(raw, iv);
    if (EVP_EncryptInit_ex2(ctx, cipher, key, raw, NULL) != 1 || EVP_CIPHER_CTX_set_padding(ctx, 0) != 1 ||
        EVP_EncryptUpdate(ctx, raw + iv, &n, (const unsigned char *)text.data, (int)text.len) != 1 ||
        EVP_EncryptFinal_ex(ctx, raw + iv + n, &last) != 1 ||
        (p->gcm && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, raw + iv + text.len) != 1))
        goto out;
    if (p->trick.break_tag)
        raw[iv + text.len] ^= 1;
    base64_encode(out, raw, iv + text.len + tag - p->trick.cut_tag);
    ok = true;
out:
    free(raw);
    buf_free(&text);
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    return ok;
}

static bool set_padding(const struct plan *p, EVP_PKEY_CTX *ctx)
{
    const char *label = p->x->label;
    char *copy;

    if (strcmp(p->transport, "rsa-1_5") == 0)
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
    if (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, p->digest ? p->digest->name : "sha1", NULL) != 1 ||
        EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, p->mgf ? p->mgf->name : "sha1", NULL) != 1)
        return false;
    if (!label)
        return true;
    copy = OPENSSL_strdup(label);
    if (copy && EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, copy, (int)strlen(copy)) == 1)
        return true;
    OPENSSL_free(copy);
    return false;
}

/* CipherValue of EncryptedKey. */
static bool add_wrapped(const struct plan *p, const unsigned char *key, size_t key_n, struct buf *out)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, p->x->to->pkey, NULL);
    unsigned char raw[WRAPPED_MAX];
    size_t n = sizeof raw;
    bool ok = ctx && EVP_PKEY_encrypt_init(ctx) == 1 && set_padding(p, ctx) &&
              EVP_PKEY_encrypt(ctx, raw, &n, key, key_n - p->trick.cut_key) == 1;

    if (ok && p->trick.noise_key) {
        secret_random(raw, n);
        raw[0] = 0; /* below the modulus */
    }
    if (ok)
        base64_encode(out, raw, n);
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

/* --- XML -----------------------------------------------------------------------------------------------------------
 */

static bool add_key(const struct plan *p, const unsigned char *key, size_t n, struct buf *out)
{
    bool ok;

    buf_printf(out, "<xenc:EncryptedKey xmlns:xenc=\"" XENC "\" Id=\"_key\"><xenc:EncryptionMethod Algorithm=\"%s%s\">",
               strcmp(p->transport, "rsa-oaep") == 0 ? XENC11 : XENC, p->transport);
    if (strcmp(p->transport, "rsa-1_5") != 0) {
        if (p->digest)
            buf_printf(out, "<ds:DigestMethod xmlns:ds=\"" DSIG "\" Algorithm=\"%s\"/>", p->digest->uri);
        if (p->mgf)
            buf_printf(out, "<xenc11:MGF xmlns:xenc11=\"" XENC11 "\" Algorithm=\"%s\"/>", p->mgf->mgf);
        if (p->x->label) {
            buf_add_str(out, "<xenc:OAEPparams>");
            base64_encode(out, p->x->label, strlen(p->x->label));
            buf_add_str(out, "</xenc:OAEPparams>");
        }
    }
    buf_add_str(out, "</xenc:EncryptionMethod><xenc:CipherData><xenc:CipherValue>");
    ok = add_wrapped(p, key, n, out);
    buf_add_str(out, "</xenc:CipherValue></xenc:CipherData>");
    if (p->x->place == MINT_KEY_REFERENCED)
        buf_add_str(out, "<xenc:ReferenceList><xenc:DataReference URI=\"#_data\"/></xenc:ReferenceList>");
    buf_add_str(out, "</xenc:EncryptedKey>");
    for (size_t i = 0; i < p->trick.more_keys; i++)
        buf_add_str(out, "<xenc:EncryptedKey xmlns:xenc=\"" XENC "\"/>");
    return ok;
}

static bool add_key_info(const struct plan *p, const unsigned char *key, size_t n, struct buf *out)
{
    const char *uri = p->trick.retrieval ? p->trick.retrieval : p->x->place == MINT_KEY_REFERENCED ? "#_key" : NULL;
    bool ok = true;

    if (p->x->place == MINT_KEY_BESIDE && !uri)
        return true;
    buf_add_str(out, "<ds:KeyInfo xmlns:ds=\"" DSIG "\">");
    if (uri)
        buf_printf(out, "<ds:RetrievalMethod Type=\"" XENC "EncryptedKey\" URI=\"%s\"/>", uri);
    if (p->x->place == MINT_KEY_INSIDE && !uri)
        ok = add_key(p, key, n, out);
    buf_add_str(out, "</ds:KeyInfo>");
    return ok;
}

static bool add_data(const struct plan *p, struct slice plaintext, const unsigned char *key, size_t n, struct buf *out)
{
    bool ok;

    buf_printf(out, "<xenc:EncryptedData xmlns:xenc=\"" XENC "\" Id=\"_data\" Type=\"" XENC "Element\">");
    if (p->trick.say_cipher)
        buf_printf(out, "<xenc:EncryptionMethod Algorithm=\"%s\"/>", p->trick.say_cipher);
    else
        buf_printf(out, "<xenc:EncryptionMethod Algorithm=\"%s%s\"/>", p->cipher->ns, p->cipher->name);
    ok = add_key_info(p, key, n, out);
    buf_add_str(out, "<xenc:CipherData>");
    if (p->trick.cipher_reference) {
        buf_add_str(out, "<xenc:CipherReference URI=\"http://127.0.0.1:9/cipher\"/>");
    } else {
        buf_add_str(out, "<xenc:CipherValue>");
        ok = add_content(p, plaintext, key, out) && ok;
        buf_add_str(out, "</xenc:CipherValue>");
    }
    buf_add_str(out, "</xenc:CipherData></xenc:EncryptedData>");
    return ok;
}

int mint_encrypt(const struct mint_encrypt *x, const char *name, struct slice plaintext, struct buf *out, struct err *e)
{
    unsigned char key[KEY_MAX];
    struct plan p;
    size_t n;
    bool ok;

    if (make_plan(x, &p, e) != 0)
        return -1;
    n = (size_t)EVP_CIPHER_get_key_length(EVP_get_cipherbyname(p.cipher->openssl));
    secret_random(key, sizeof key);
    buf_printf(out, "<%s xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">", name);
    ok = add_data(&p, plaintext, key, n, out);
    if (x->place != MINT_KEY_INSIDE || p.trick.retrieval)
        ok = add_key(&p, key, n, out) && ok;
    buf_printf(out, "</%s>", name);
    secret_wipe(key, sizeof key);
    return ok ? 0 : err_set(e, ERR_INTERNAL, "OpenSSL did not encrypt");
}
