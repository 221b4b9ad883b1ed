/* algorithm.c - see algorithm.h. */
#include "saml/algorithm.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include "saml/xmlchar.h"

#define MORE "http://www.w3.org/2001/04/xmldsig-more#"
#define XENC "http://www.w3.org/2001/04/xmlenc#"
#define DSIG "http://www.w3.org/2000/09/xmldsig#"

static const struct signature_algorithm signatures[] = {
    {MORE "rsa-sha256", "rsa-sha256", SAML_KEY_RSA, "SHA256", 0},
    {MORE "rsa-sha384", "rsa-sha384", SAML_KEY_RSA, "SHA384", 0},
    {MORE "rsa-sha512", "rsa-sha512", SAML_KEY_RSA, "SHA512", 0},
    {MORE "ecdsa-sha256", "ecdsa-sha256", SAML_KEY_EC, "SHA256", 0},
    {MORE "ecdsa-sha384", "ecdsa-sha384", SAML_KEY_EC, "SHA384", 0},
    {MORE "ecdsa-sha512", "ecdsa-sha512", SAML_KEY_EC, "SHA512", 0},
    {DSIG "rsa-sha1", "rsa-sha1", SAML_KEY_RSA, "SHA1", SAML_ALLOW_SHA1},
};

static const struct digest_algorithm digests[] = {
    {XENC "sha256", "sha256", 32, 0},
    {MORE "sha384", "sha384", 48, 0},
    {XENC "sha512", "sha512", 64, 0},
    {DSIG "sha1", "sha1", 20, SAML_ALLOW_SHA1},
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

static int not_allowed(struct slice uri, const char *what, const char *expected, struct err *e)
{
    char found[160];

    str_cut(found, sizeof found, uri);
    return err_mismatch(e, ERR_ALGORITHM, found, expected, "%s algorithm is not accepted", what);
}

/* RFC 9231 2.3.9, 2.3.10 */
static bool is_rsa_pss(struct slice uri)
{
    return slice_starts(uri, SLICE("http://www.w3.org/2007/05/xmldsig-more#")) &&
           (slice_ends(uri, SLICE("-rsa-MGF1")) || slice_ends(uri, SLICE("#rsa-pss")));
}

int signature_algorithm_find(struct slice uri, unsigned allow, const struct signature_algorithm **ret, struct err *e)
{
    for (size_t i = 0; i < COUNT(signatures); i++) {
        if (!slice_is(uri, signatures[i].uri))
            continue;
        if (signatures[i].needs & ~allow)
            return not_allowed(uri, "signature", "SHA-256 or better (or the exception sha1)", e);
        *ret = &signatures[i];
        return 0;
    }
    if (is_rsa_pss(uri)) {
        char found[160];

        str_cut(found, sizeof found, uri);
        return err_mismatch(e, ERR_ALGORITHM, found, "rsa-sha256 (PKCS #1 v1.5), to be set at the identity provider",
                            "RSA-PSS is not supported (XML Security Library 1.2 does not have it)");
    }
    return not_allowed(uri, "signature", "rsa or ecdsa with sha256, sha384, sha512", e);
}

int digest_algorithm_find(struct slice uri, unsigned allow, const struct digest_algorithm **ret, struct err *e)
{
    for (size_t i = 0; i < COUNT(digests); i++) {
        if (!slice_is(uri, digests[i].uri))
            continue;
        if (digests[i].needs & ~allow)
            return not_allowed(uri, "digest", "SHA-256 or better (or the exception sha1)", e);
        *ret = &digests[i];
        return 0;
    }
    return not_allowed(uri, "digest", "sha256, sha384, sha512", e);
}

bool is_exc_c14n(struct slice uri)
{
    return slice_is(uri, SAML_ALG_EXC_C14N) || slice_is(uri, SAML_ALG_EXC_C14N_COMMENTS);
}

bool is_short_prefix_list(struct slice list)
{
    size_t names = 0;
    bool in_name = false;

    for (size_t i = 0; i < list.n; i++) {
        bool space = xmlchar_space(list.p[i]);

        if (!space && !in_name)
            names++;
        in_name = !space;
    }
    return names <= SAML_PREFIXES_MAX;
}

bool digest_compute(const struct digest_algorithm *alg, struct slice data, unsigned char dst[SAML_DIGEST_MAX])
{
    unsigned char md[EVP_MAX_MD_SIZE];
    size_t n = 0;

    if (EVP_Q_digest(NULL, alg->name, NULL, data.p ? data.p : "", data.n, md, &n) != 1 || n != alg->size)
        return false;
    memcpy(dst, md, n);
    return true;
}

bool digest_is_of_nothing(const struct digest_algorithm *alg, const void *digest)
{
    unsigned char nothing[SAML_DIGEST_MAX];

    /* an OpenSSL that cannot hash makes this a refusal too */
    return !digest_compute(alg, SLICE(""), nothing) || memcmp(nothing, digest, alg->size) == 0;
}

enum key_fit key_fits(const struct saml_key *key, const struct signature_algorithm *alg, unsigned allow)
{
    if (key->type != alg->key || key->type == SAML_KEY_NONE)
        return KEY_FIT_NOT;
    if (key->type == SAML_KEY_RSA && key->bits < (allow & SAML_ALLOW_RSA1024 ? 1024U : 2048U))
        return KEY_FIT_WEAK;
    return KEY_FIT_OK;
}

size_t signature_size(const struct saml_key *key)
{
    return (key->type == SAML_KEY_EC ? 2 : 1) * (((size_t)key->bits + 7) / 8);
}

/* XML-DSig writes ECDSA signatures as r||s, each as wide as the curve; OpenSSL wants DER. 0 if memory is out. */
static size_t der_of(struct slice rs, unsigned char **ret)
{
    int half = (int)(rs.n / 2), n = 0;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn((const unsigned char *)rs.p, half, NULL);
    BIGNUM *s = BN_bin2bn((const unsigned char *)rs.p + half, half, NULL);

    if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
        r = s = NULL;
        n = i2d_ECDSA_SIG(sig, ret);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    return n > 0 ? (size_t)n : 0;
}

bool key_verifies(const struct saml_key *key, const struct signature_algorithm *method, struct slice value,
                  struct slice data)
{
    EVP_MD_CTX *ctx = NULL;
    unsigned char *der = NULL;
    const unsigned char *sig = (const unsigned char *)value.p;
    size_t n = value.n;
    bool ok = false;

    /* a shorter or longer number is another encoding of a signature, and there is only one */
    if (n != signature_size(key))
        return false;
    if (key->type == SAML_KEY_EC) {
        n = der_of(value, &der);
        sig = der;
    }
    ctx = EVP_MD_CTX_new();
    /* 1 is yes; 0 and every negative number are no */
    if (n && ctx && EVP_DigestVerifyInit_ex(ctx, NULL, method->md, NULL, NULL, key->pkey, NULL) == 1 &&
        EVP_DigestVerify(ctx, sig, n, (const unsigned char *)data.p, data.n) == 1)
        ok = true;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    return ok;
}

int no_key_verifies(const struct saml_trust *trust, const struct signature_algorithm *alg, unsigned allow,
                    struct err *e)
{
    size_t weak = 0, good = 0;

    for (size_t i = 0; i < trust->nkeys; i++) {
        enum key_fit fit = key_fits(&trust->keys[i], alg, allow);

        weak += fit == KEY_FIT_WEAK;
        good += fit == KEY_FIT_OK;
    }
    if (weak && !good)
        return err_set(e, ERR_KEY_WEAK, "the trusted RSA key has fewer than %u bits",
                       allow & SAML_ALLOW_RSA1024 ? 1024U : 2048U);
    if (!good)
        return err_set(e, ERR_SIGNATURE, "no trusted key is of the type that %s needs", alg->name);
    return err_set(e, ERR_SIGNATURE, "none of %zu trusted keys verifies the %s signature%s", good, alg->name,
                   weak ? " (weaker keys were not tried)" : "");
}
