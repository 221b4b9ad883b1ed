/* sp_keys.c - private keys of this service provider from PEM text; see decrypt.h. */
#include "saml/decrypt.h"

#include <limits.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#define BITS_MAX (8 * SAML_WRAPPED_MAX)
#define BITS_MIN 2048        /* of a key in service */
#define BITS_MIN_ALONE 1024  /* of a key that decrypts what was once encrypted for it */
#define CERTIFICATES_MAX 16U /* a chain may stand there; one of it is ours */

/* What the PEM text holds. */
struct found {
    EVP_PKEY *pkey;
    X509 *certificates[CERTIFICATES_MAX];
    size_t ncertificates;
};

static void found_free(struct found *f)
{
    EVP_PKEY_free(f->pkey);
    for (size_t i = 0; i < f->ncertificates; i++)
        X509_free(f->certificates[i]);
}

static int take_private(struct found *f, const char *header, const unsigned char *der, long n, struct err *e)
{
    const unsigned char *p = der;

    if (f->pkey)
        return err_set(e, ERR_KEY_FILE, "two private keys in one file");
    if (header[0] != '\0')
        return err_set(e, ERR_KEY_FILE, "the private key is encrypted");
    f->pkey = d2i_AutoPrivateKey(NULL, &p, n);
    return f->pkey && p == der + n ? 0 : err_set(e, ERR_KEY_FILE, "the private key cannot be decoded");
}

static int take_certificate(struct found *f, const unsigned char *der, long n, struct err *e)
{
    const unsigned char *p = der;
    X509 *cert;

    if (f->ncertificates == CERTIFICATES_MAX)
        return err_set(e, ERR_KEY_FILE, "more than %u certificates", CERTIFICATES_MAX);
    cert = d2i_X509(NULL, &p, n);
    if (!cert)
        return err_set(e, ERR_KEY_FILE, "a certificate cannot be decoded");
    f->certificates[f->ncertificates++] = cert;
    return 0;
}

static int take_block(struct found *f, const char *name, const char *header, const unsigned char *der, long n,
                      struct err *e)
{
    if (strcmp(name, PEM_STRING_PKCS8INF) == 0 || strcmp(name, PEM_STRING_RSA) == 0)
        return take_private(f, header, der, n, e);
    if (strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0)
        return take_certificate(f, der, n, e);
    return err_mismatch(e, ERR_KEY_FILE, name, "PRIVATE KEY and CERTIFICATE", "a PEM block that has no use here");
}

static int take_all(struct found *f, struct slice pem, struct err *e)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    int result = bio ? 0 : err_set(e, ERR_MEMORY, "no memory for PEM text");

    while (result == 0) {
        char *name = NULL, *header = NULL;
        unsigned char *der = NULL;
        long n = 0;

        if (PEM_read_bio(bio, &name, &header, &der, &n) != 1) {
            if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
                result = err_set(e, ERR_KEY_FILE, "a PEM block is damaged");
            break;
        }
        result = take_block(f, name, header, der, n, e);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)n);
    }
    BIO_free(bio);
    return result;
}

/* The certificate of the key; certificates of which none is its own are a mistake somebody should hear of. */
static int own_certificate(const struct found *f, bool needed, const X509 **ret, struct err *e)
{
    *ret = NULL;
    for (size_t i = 0; i < f->ncertificates; i++) {
        const EVP_PKEY *public = X509_get0_pubkey(f->certificates[i]);

        if (public && EVP_PKEY_eq(public, f->pkey) == 1) {
            *ret = f->certificates[i];
            return 0;
        }
    }
    if (f->ncertificates > 0)
        return err_set(e, ERR_KEY_FILE, "the certificate does not belong to the private key");
    return needed ? err_set(e, ERR_KEY_FILE, "there is no certificate beside the private key") : 0;
}

static int check_strength(const EVP_PKEY *pkey, bool in_service, struct err *e)
{
    int bits = EVP_PKEY_get_bits(pkey), least = in_service ? BITS_MIN : BITS_MIN_ALONE;

    if (!EVP_PKEY_is_a(pkey, "RSA"))
        return err_set(e, ERR_KEY_FILE, "a key of type %s; it has to be RSA", EVP_PKEY_get0_type_name(pkey));
    if (bits < least || bits > BITS_MAX)
        return err_set(e, ERR_KEY_FILE, "an RSA key of %d bits; %d to %d are accepted", bits, least, BITS_MAX);
    return 0;
}

/*
 * A damaged file can hold a key that decodes, and even belongs to its certificate, which has the public half alone.
 * With it nothing would decrypt and every signature would be wrong, and neither would say why: so it is tried once.
 */
static int check_works(EVP_PKEY *pkey, struct err *e)
{
    static const unsigned char text[] = "any text";
    unsigned char value[SAML_WRAPPED_MAX];
    size_t n = sizeof value;
    EVP_MD_CTX *sign = EVP_MD_CTX_new(), *verify = EVP_MD_CTX_new();
    bool ok = sign && verify && EVP_DigestSignInit_ex(sign, NULL, "SHA256", NULL, NULL, pkey, NULL) == 1 &&
              EVP_DigestSign(sign, value, &n, text, sizeof text) == 1 &&
              EVP_DigestVerifyInit_ex(verify, NULL, "SHA256", NULL, NULL, pkey, NULL) == 1 &&
              EVP_DigestVerify(verify, value, n, text, sizeof text) == 1;

    EVP_MD_CTX_free(sign);
    EVP_MD_CTX_free(verify);
    return ok ? 0 : err_set(e, ERR_KEY_FILE, "the private key is damaged: it does not sign as its public half says");
}

/* Takes over the key. */
static int make_key(struct found *f, const X509 *cert, struct saml_sp_key *ret, struct err *e)
{
    struct saml_sp_key k = {.not_after = 0};
    unsigned char *spki = NULL, *der = NULL;
    int spki_n = i2d_PUBKEY(f->pkey, &spki), n = cert ? i2d_X509(cert, &der) : 0;
    struct tm tm;

    if (spki_n <= 0 || n < 0) {
        OPENSSL_free(spki);
        OPENSSL_free(der);
        return err_set(e, ERR_KEY_FILE, "the key or its certificate cannot be encoded");
    }
    (void)SHA256(spki, (size_t)spki_n, k.sha256);
    OPENSSL_free(spki);
    k.certificate = slice_make(der, (size_t)n);
    if (cert && ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) == 1)
        k.not_after = (int64_t)timegm(&tm);
    k.pkey = f->pkey;
    f->pkey = NULL;
    *ret = k;
    return 0;
}

static void key_free(struct saml_sp_key *k)
{
    EVP_PKEY_free(k->pkey);
    OPENSSL_free((void *)(uintptr_t)k->certificate.p);
    *k = (struct saml_sp_key){.pkey = NULL};
}

int saml_sp_keys_add_pem(struct saml_sp_keys *k, struct slice pem, bool certificate_needed, struct err *e)
{
    struct found f = {.pkey = NULL};
    struct saml_sp_key key;
    const X509 *cert;
    int result = -1;

    if (k->n == SAML_SP_KEYS_MAX)
        return err_set(e, ERR_LIMIT, "more than %d private keys", SAML_SP_KEYS_MAX);
    if (pem.n == 0 || pem.n > INT_MAX)
        return err_set(e, ERR_KEY_FILE, "PEM text of %zu octets", pem.n);
    if (take_all(&f, pem, e) != 0)
        goto out;
    if (!f.pkey) {
        (void)err_set(e, ERR_KEY_FILE, "no unencrypted private key in the PEM text");
        goto out;
    }
    if (check_strength(f.pkey, certificate_needed, e) != 0 || check_works(f.pkey, e) != 0 ||
        own_certificate(&f, certificate_needed, &cert, e) != 0 || make_key(&f, cert, &key, e) != 0)
        goto out;
    for (size_t i = 0; i < k->n; i++) {
        if (memcmp(k->v[i].sha256, key.sha256, sizeof key.sha256) == 0) {
            (void)err_set(e, ERR_KEY_FILE, "the same private key is there already");
            key_free(&key);
            goto out;
        }
    }
    k->v[k->n++] = key;
    result = 0;
out:
    found_free(&f);
    ERR_clear_error();
    return result;
}

void saml_sp_keys_free(struct saml_sp_keys *k)
{
    for (size_t i = 0; i < k->n; i++)
        key_free(&k->v[i]);
    *k = (struct saml_sp_keys){.n = 0};
}
