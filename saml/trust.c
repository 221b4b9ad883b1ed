/* trust.c - see trust.h. */
#include "saml/trust.h"

#include <stdlib.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "saml/metadata.h"

#define RSA_BITS_MAX 16384 /* OpenSSL refuses longer ones too; bounds what a verification can cost */

static const struct {
    const char *name;
    unsigned bit;
} allowances[] = {
    {"sha1", SAML_ALLOW_SHA1},
    {"rsa1024", SAML_ALLOW_RSA1024},
    {"rsa15", SAML_ALLOW_RSA15},
};

unsigned saml_allow_by_name(struct slice name)
{
    for (size_t i = 0; i < sizeof allowances / sizeof *allowances; i++) {
        if (slice_is(name, allowances[i].name))
            return allowances[i].bit;
    }
    return 0;
}

void saml_allow_print(unsigned allow, char *dst, size_t size)
{
    size_t at = 0;

    (void)snprintf(dst, size, "-");
    for (size_t i = 0; i < sizeof allowances / sizeof *allowances && at < size; i++) {
        if (allow & allowances[i].bit)
            at += (size_t)snprintf(dst + at, size - at, "%s%s", at ? ", " : "", allowances[i].name);
    }
}

void saml_trust_init(struct saml_trust *t)
{
    *t = (struct saml_trust){.nkeys = 0};
}

static void key_free(struct saml_key *k)
{
    EVP_PKEY_free(k->pkey);
    OPENSSL_free((void *)(uintptr_t)k->spki.p);
    *k = (struct saml_key){.type = SAML_KEY_NONE};
}

void saml_trust_free(struct saml_trust *t)
{
    for (size_t i = 0; i < t->nkeys; i++)
        key_free(&t->keys[i]);
    free(t->issuer);
    free(t->sso_redirect);
    free(t->slo_redirect);
    free(t->slo_post);
    free(t->slo_redirect_response);
    free(t->slo_post_response);
    saml_trust_init(t);
}

/* *dst = a copy of src; absent stays absent. */
static bool copy_text(char **dst, const char *src)
{
    *dst = src ? strdup(src) : NULL;
    return !src || *dst;
}

int saml_trust_copy(struct saml_trust *dst, const struct saml_trust *src, struct err *e)
{
    struct saml_trust t = *src; /* for what is no pointer */

    t.nkeys = 0;
    memset(t.keys, 0, sizeof t.keys);
    t.issuer = t.sso_redirect = t.slo_redirect = t.slo_post = NULL;
    t.slo_redirect_response = t.slo_post_response = NULL;

    for (size_t i = 0; i < src->nkeys; i++) {
        struct saml_key *k = &t.keys[i];

        *k = src->keys[i];
        k->spki.p = OPENSSL_memdup(src->keys[i].spki.p, src->keys[i].spki.n);
        if (!k->spki.p)
            goto fail;
        (void)EVP_PKEY_up_ref(k->pkey);
        t.nkeys++;
    }
    if (copy_text(&t.issuer, src->issuer) && copy_text(&t.sso_redirect, src->sso_redirect) &&
        copy_text(&t.slo_redirect, src->slo_redirect) && copy_text(&t.slo_post, src->slo_post) &&
        copy_text(&t.slo_redirect_response, src->slo_redirect_response) &&
        copy_text(&t.slo_post_response, src->slo_post_response)) {
        *dst = t;
        return 0;
    }
fail:
    saml_trust_free(&t);
    return err_set(e, ERR_MEMORY, "a copy of the trust");
}

void saml_trust_drop_key(struct saml_trust *t, size_t i)
{
    key_free(&t->keys[i]);
    t->nkeys--;
    for (; i < t->nkeys; i++)
        t->keys[i] = t->keys[i + 1];
    t->keys[t->nkeys] = (struct saml_key){.type = SAML_KEY_NONE};
}

/* --- one key ----------------------------------------------------------------------------------------------------- */

/* The curves of NIST, by OpenSSL's names; a key with explicit parameters has no name and is refused. */
static unsigned curve_bits(const EVP_PKEY *pkey)
{
    static const struct {
        const char *name;
        unsigned bits;
    } curves[] = {{"prime256v1", 256}, {"secp384r1", 384}, {"secp521r1", 521}};
    char name[32];
    size_t n = 0;

    if (EVP_PKEY_get_group_name(pkey, name, sizeof name, &n) != 1)
        return 0;
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
        if (strcmp(name, curves[i].name) == 0)
            return curves[i].bits;
    }
    return 0;
}

static int key_kind(const EVP_PKEY *pkey, struct saml_key *k, struct err *e)
{
    int bits = EVP_PKEY_get_bits(pkey);

    if (EVP_PKEY_is_a(pkey, "RSA")) {
        if (bits <= 0 || bits > RSA_BITS_MAX)
            return err_set(e, ERR_TRUST, "an RSA key of %d bits", bits);
        k->type = SAML_KEY_RSA;
        k->bits = (unsigned)bits;
        return 0;
    }
    if (EVP_PKEY_is_a(pkey, "EC")) {
        k->type = SAML_KEY_EC;
        k->bits = curve_bits(pkey);
        if (k->bits == 0)
            return err_set(e, ERR_TRUST, "an EC key on a curve other than P-256, P-384, P-521");
        return 0;
    }
    return err_set(e, ERR_TRUST, "a key of type %s; RSA and EC are accepted", EVP_PKEY_get0_type_name(pkey));
}

/*
 * The key is decoded from its SubjectPublicKeyInfo alone: a key taken out of a certificate drags the certificate
 * along, and copying that costs five RSA verifications per login.
 */
static int key_make(const EVP_PKEY *from, struct saml_key *ret, struct err *e)
{
    struct saml_key k = {.type = SAML_KEY_NONE};
    unsigned char *der = NULL;
    const unsigned char *p;
    int n = i2d_PUBKEY(from, &der);

    if (n <= 0)
        return err_set(e, ERR_TRUST, "the public key cannot be encoded");
    k.spki = slice_make(der, (size_t)n);
    p = der;
    k.pkey = d2i_PUBKEY(NULL, &p, n);
    if (!k.pkey) {
        (void)err_set(e, ERR_TRUST, "the public key cannot be decoded");
        key_free(&k);
        return -1;
    }
    if (key_kind(k.pkey, &k, e) != 0) {
        key_free(&k);
        return -1;
    }
    (void)SHA256(der, (size_t)n, k.sha256);
    *ret = k;
    return 0;
}

/* Takes over what `k` holds. The same key in a second certificate (a renewal) changes nothing but the expiry. */
static int trust_add_key(struct saml_trust *t, struct saml_key *k, struct err *e)
{
    for (size_t i = 0; i < t->nkeys; i++) {
        if (slice_eq(t->keys[i].spki, k->spki)) {
            if (t->keys[i].not_after < k->not_after)
                t->keys[i].not_after = k->not_after;
            key_free(k);
            return 0;
        }
    }
    if (t->nkeys == SAML_KEYS_MAX) {
        key_free(k);
        return err_set(e, ERR_LIMIT, "more than %d keys", SAML_KEYS_MAX);
    }
    t->keys[t->nkeys++] = *k;
    return 0;
}

/* --- certificates and PEM ---------------------------------------------------------------------------------------- */

static void describe_subject(const X509 *cert, char *dst, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long n;

    if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0) {
        n = BIO_get_mem_data(bio, &text);
        str_escape(dst, size, text ? text : "", n > 0 ? (size_t)n : 0);
    }
    BIO_free(bio);
}

/* Not by timegm(), which opens the file of the time zone: certificates in messages are decoded in the worker. */
static int64_t expiry(const X509 *cert)
{
    char text[64];
    struct err ignored = ERR_INIT;
    struct tm tm;
    int64_t t;

    if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
        return 0;
    (void)snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                   tm.tm_hour, tm.tm_min, tm.tm_sec);
    return time_parse(slice_of(text), &t, &ignored) == 0 ? t : 0;
}

int saml_trust_add_cert(struct saml_trust *t, struct slice der, struct err *e)
{
    const unsigned char *p = (const unsigned char *)der.p;
    struct saml_key k = {.type = SAML_KEY_NONE};
    X509 *cert = NULL;
    int result = -1;

    if (der.n == 0 || der.n > LONG_MAX) {
        (void)err_set(e, ERR_TRUST, "a certificate of %zu octets", der.n);
        goto out;
    }
    cert = d2i_X509(NULL, &p, (long)der.n);
    if (!cert || p != (const unsigned char *)der.p + der.n || !X509_get0_pubkey(cert)) {
        (void)err_set(e, ERR_TRUST, "not an X.509 certificate in DER");
        goto out;
    }
    if (key_make(X509_get0_pubkey(cert), &k, e) != 0)
        goto out;
    describe_subject(cert, k.subject, sizeof k.subject);
    k.not_after = expiry(cert);
    result = trust_add_key(t, &k, e);
out:
    X509_free(cert);
    ERR_clear_error();
    return result;
}

int saml_trust_add_spki(struct saml_trust *t, struct slice der, struct err *e)
{
    const unsigned char *p = (const unsigned char *)der.p;
    struct saml_key k = {.type = SAML_KEY_NONE};
    EVP_PKEY *pkey = NULL;
    int result = -1;

    if (der.n > 0 && der.n <= LONG_MAX)
        pkey = d2i_PUBKEY(NULL, &p, (long)der.n);
    if (!pkey || p != (const unsigned char *)der.p + der.n)
        (void)err_set(e, ERR_TRUST, "not a SubjectPublicKeyInfo in DER");
    else if (key_make(pkey, &k, e) == 0)
        result = trust_add_key(t, &k, e);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return result;
}

static int add_pem_block(struct saml_trust *t, const char *name, const unsigned char *der, long n, struct err *e)
{
    if (strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0)
        return saml_trust_add_cert(t, slice_make(der, (size_t)n), e);
    if (strcmp(name, PEM_STRING_PUBLIC) == 0)
        return saml_trust_add_spki(t, slice_make(der, (size_t)n), e);
    return err_mismatch(e, ERR_TRUST, name, "CERTIFICATE or PUBLIC KEY", "a PEM block that is no trust");
}

int saml_trust_add_pem(struct saml_trust *t, struct slice pem, struct err *e)
{
    BIO *bio = NULL;
    size_t blocks = 0;
    int result = -1;

    if (pem.n == 0 || pem.n > INT_MAX)
        return err_set(e, ERR_TRUST, "PEM text of %zu octets", pem.n);
    bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    if (!bio)
        return err_set(e, ERR_MEMORY, "no memory for PEM text");
    for (;;) {
        char *name = NULL, *header = NULL;
        unsigned char *der = NULL;
        long n = 0;
        int r, got = PEM_read_bio(bio, &name, &header, &der, &n);

        if (got != 1)
            break;
        r = add_pem_block(t, name, der, n, e);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(der);
        if (r != 0)
            goto out;
        blocks++;
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        (void)err_set(e, ERR_TRUST, "PEM block %zu is damaged", blocks + 1);
        goto out;
    }
    if (blocks == 0) {
        (void)err_set(e, ERR_TRUST, "no certificate and no public key in the PEM text");
        goto out;
    }
    result = 0;
out:
    BIO_free(bio);
    ERR_clear_error();
    return result;
}

int saml_trust_add_file(struct saml_trust *t, struct slice content, const char *entity, struct err *e)
{
    struct slice text = slice_trim(content);

    if (slice_starts(text, SLICE("\xef\xbb\xbf")))
        text = slice_trim(slice_make(text.p + 3, text.n - 3));
    if (text.n == 0)
        return err_set(e, ERR_TRUST, "the file is empty");
    if (text.p[0] == '<')
        return saml_metadata_read(text, entity, t, e);
    return saml_trust_add_pem(t, text, e);
}
