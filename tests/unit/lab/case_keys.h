/*
 * case_keys.h - the keys of the rows, made in memory when a row first names one.
 *
 *   idp        what signs unless a row says otherwise, and what is trusted
 *   next       the identity provider's second key, for rollovers
 *   other      an attacker's, of the same kind
 *   twin       the attacker's again; its certificate has the subject, issuer and serial number of idp's
 *   leaf       the attacker's again; its certificate is signed by idp's key, as if that were a CA
 *   sp         the service provider's own
 *   expired    the certificate has ended
 *   e3         RSA with the public exponent 3
 *   rsa1024 rsa3072 p256 p384 p521
 */
#ifndef USHER_TESTS_UNIT_LAB_CASE_KEYS_H
#define USHER_TESTS_UNIT_LAB_CASE_KEYS_H

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "lab/mint_fill.h"
#include "saml/trust.h"

struct case_key {
    const char *name, *type; /* RSA, RSA:bits, RSA:e3, a curve */
    const char *subject, *signer;
    const char *method; /* what it signs with unless a row says otherwise */
    bool expired;       /* its certificate */
    EVP_PKEY *pkey;
    X509 *cert;
    struct mint_key *mint;
    char *modulus; /* base64 */
};

static struct case_key case_keys[] = {
    {.name = "idp", .type = "RSA", .subject = "idp", .method = "rsa-sha256"},
    {.name = "next", .type = "RSA", .subject = "idp next", .method = "rsa-sha256"},
    {.name = "other", .type = "RSA", .subject = "other", .method = "rsa-sha256"},
    {.name = "twin", .type = "RSA", .subject = "idp", .method = "rsa-sha256"},
    {.name = "leaf", .type = "RSA", .subject = "leaf", .signer = "idp", .method = "rsa-sha256"},
    {.name = "sp", .type = "RSA", .subject = "sp", .method = "rsa-sha256"},
    {.name = "e3", .type = "RSA:e3", .subject = "e3", .method = "rsa-sha256"},
    {.name = "expired", .type = "RSA", .subject = "expired", .method = "rsa-sha256", .expired = true},
    {.name = "rsa1024", .type = "RSA:1024", .subject = "rsa1024", .method = "rsa-sha256"},
    {.name = "rsa3072", .type = "RSA:3072", .subject = "rsa3072", .method = "rsa-sha256"},
    {.name = "p256", .type = "P-256", .subject = "p256", .method = "ecdsa-sha256"},
    {.name = "p384", .type = "P-384", .subject = "p384", .method = "ecdsa-sha384"},
    {.name = "p521", .type = "P-521", .subject = "p521", .method = "ecdsa-sha512"},
};
#define CASE_KEYS (sizeof case_keys / sizeof *case_keys)

static inline EVP_PKEY *case_pkey_make(const char *type)
{
    EVP_PKEY_CTX *ctx;
    EVP_PKEY *pkey = NULL;
    BIGNUM *e3 = NULL;
    unsigned bits = 2048;

    if (strncmp(type, "RSA", 3) != 0)
        return EVP_EC_gen(type);
    if (type[3] == ':' && type[4] != 'e')
        bits = (unsigned)atoi(type + 4);
    ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
    if (ctx && EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) == 1) {
        if (strcmp(type, "RSA:e3") == 0) {
            e3 = BN_new();
            (void)BN_set_word(e3, 3);
            (void)EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e3);
        }
        (void)EVP_PKEY_generate(ctx, &pkey);
    }
    BN_free(e3);
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static inline struct case_key *case_key_find(struct slice name, struct err *e);

static inline X509 *case_cert_make(const struct case_key *k, struct err *e)
{
    X509 *cert = X509_new();
    struct case_key *signer = k->signer ? case_key_find(slice_of(k->signer), e) : NULL;
    X509_NAME *name = cert ? X509_get_subject_name(cert) : NULL;

    if (!cert || X509_set_version(cert, 2) != 1 || ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) != 1 ||
        !X509_gmtime_adj(X509_getm_notBefore(cert), -60) ||
        !X509_gmtime_adj(X509_getm_notAfter(cert), k->expired ? -30 : 3600) || X509_set_pubkey(cert, k->pkey) != 1 ||
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)k->subject, -1, -1, 0) != 1 ||
        X509_set_issuer_name(cert, signer ? X509_get_subject_name(signer->cert) : name) != 1 ||
        X509_sign(cert, signer ? signer->pkey : k->pkey, EVP_sha256()) <= 0)
        (void)err_set(e, ERR_INTERNAL, "a certificate for '%s' could not be made", k->name);
    return cert;
}

static inline int case_key_make(struct case_key *k, struct err *e)
{
    unsigned char *der = NULL;
    int n;

    k->pkey = case_pkey_make(k->type);
    if (!k->pkey)
        return err_set(e, ERR_INTERNAL, "the key '%s' could not be made", k->name);
    k->cert = case_cert_make(k, e);
    n = e->code == ERR_NONE ? i2d_X509(k->cert, &der) : -1;
    if (n <= 0 || EVP_PKEY_up_ref(k->pkey) != 1 ||
        mint_key_adopt(k->pkey, slice_make(der, (size_t)n), &k->mint, e) != 0) {
        OPENSSL_free(der);
        return err_set(e, ERR_INTERNAL, "the key '%s' could not be made", k->name);
    }
    OPENSSL_free(der);
    return 0;
}

/* NULL: ERR_USAGE, ERR_INTERNAL. */
static inline struct case_key *case_key_find(struct slice name, struct err *e)
{
    for (size_t i = 0; i < CASE_KEYS; i++) {
        struct case_key *k = &case_keys[i];

        if (slice_is(name, k->name))
            return k->pkey || case_key_make(k, e) == 0 ? k : NULL;
    }
    (void)err_set(e, ERR_USAGE, "there is no key '%.*s'", SLICE_ARG(name));
    return NULL;
}

/* The modulus in base64, for RSAKeyValue. */
static inline const char *case_key_modulus(struct case_key *k)
{
    BIGNUM *n = NULL;
    unsigned char raw[512];
    unsigned char text[1024];

    if (!k->modulus && EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1 && BN_num_bytes(n) <= 512) {
        (void)EVP_EncodeBlock(text, raw, BN_bn2bin(n, raw));
        k->modulus = strdup((const char *)text);
    }
    BN_free(n);
    return k->modulus ? k->modulus : "";
}

static inline int case_key_trust(struct case_key *k, struct saml_trust *t, struct err *e)
{
    unsigned char *der = NULL;
    int n = i2d_X509(k->cert, &der);
    int r = n > 0 ? saml_trust_add_cert(t, slice_make(der, (size_t)n), e) : err_set(e, ERR_INTERNAL, "no certificate");

    OPENSSL_free(der);
    return r;
}

static inline void case_keys_free(void)
{
    for (size_t i = 0; i < CASE_KEYS; i++) {
        struct case_key *k = &case_keys[i];

        mint_key_free(k->mint);
        X509_free(k->cert);
        EVP_PKEY_free(k->pkey);
        free(k->modulus);
        k->mint = NULL;
        k->cert = NULL;
        k->pkey = NULL;
        k->modulus = NULL;
    }
}

#endif
