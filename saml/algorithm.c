/* algorithm.c - see algorithm.h. */
#include "saml/algorithm.h"

#include <pthread.h>
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include "saml/xmlchar.h"

#define MORE "http://www.w3.org/2001/04/xmldsig-more#"
#define XENC "http://www.w3.org/2001/04/xmlenc#"
#define DSIG "http://www.w3.org/2000/09/xmldsig#"

const struct signature_algorithm signature_algorithms[] = {
    {MORE "rsa-sha256", "rsa-sha256", SAML_KEY_RSA, HASH_SHA256, 0},
    {MORE "rsa-sha384", "rsa-sha384", SAML_KEY_RSA, HASH_SHA384, 0},
    {MORE "rsa-sha512", "rsa-sha512", SAML_KEY_RSA, HASH_SHA512, 0},
    {MORE "ecdsa-sha256", "ecdsa-sha256", SAML_KEY_EC, HASH_SHA256, 0},
    {MORE "ecdsa-sha384", "ecdsa-sha384", SAML_KEY_EC, HASH_SHA384, 0},
    {MORE "ecdsa-sha512", "ecdsa-sha512", SAML_KEY_EC, HASH_SHA512, 0},
    {DSIG "rsa-sha1", "rsa-sha1", SAML_KEY_RSA, HASH_SHA1, SAML_ALLOW_SHA1},
};

const struct digest_algorithm digest_algorithms[] = {
    {XENC "sha256", "sha256", HASH_SHA256, 32, 0},
    {MORE "sha384", "sha384", HASH_SHA384, 48, 0},
    {XENC "sha512", "sha512", HASH_SHA512, 64, 0},
    {DSIG "sha1", "sha1", HASH_SHA1, 20, SAML_ALLOW_SHA1},
};

#define COUNT(a) (sizeof(a) / sizeof *(a))
const size_t signature_algorithms_n = COUNT(signature_algorithms);
const size_t digest_algorithms_n = COUNT(digest_algorithms);

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
    for (size_t i = 0; i < signature_algorithms_n; i++) {
        if (!slice_is(uri, signature_algorithms[i].uri))
            continue;
        if (signature_algorithms[i].needs & ~allow)
            return not_allowed(uri, "signature", "SHA-256 or better (or the exception sha1)", e);
        *ret = &signature_algorithms[i];
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
    for (size_t i = 0; i < digest_algorithms_n; i++) {
        if (!slice_is(uri, digest_algorithms[i].uri))
            continue;
        if (digest_algorithms[i].needs & ~allow)
            return not_allowed(uri, "digest", "SHA-256 or better (or the exception sha1)", e);
        *ret = &digest_algorithms[i];
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

/* --- contexts that are ready ---------------------------------------------------------------------------------------
 */

/*
 * A digest or key context of OpenSSL 3 that is made anew looks up its implementation and costs 2 to 3 us, a sixth of an
 * RSA verification. Digests are fetched once per process; contexts are kept per thread, as they cannot be shared.
 */
static EVP_MD *hashes[HASH_COUNT]; /* NULL: this OpenSSL does not have it (SHA-1 under a policy, say) */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_thread_end;
static bool have_thread_end;

#define READY_KEYS 8

struct ready {
    EVP_MD_CTX *md;
    struct {
        EVP_PKEY_CTX *ctx; /* holds a reference to pkey: while it is here, the pointer means this key */
        const EVP_PKEY *pkey;
        enum hash hash;
    } keys[READY_KEYS];
    unsigned next; /* to be replaced */
};
static _Thread_local struct ready *thread_ready;

static void ready_free(void *p)
{
    struct ready *r = p;

    for (size_t i = 0; i < READY_KEYS; i++)
        EVP_PKEY_CTX_free(r->keys[i].ctx);
    EVP_MD_CTX_free(r->md);
    free(r);
    thread_ready = NULL;
}

static void fetch(void)
{
    static const char *const names[HASH_COUNT] = {"SHA1", "SHA256", "SHA384", "SHA512"};

    for (size_t i = 0; i < HASH_COUNT; i++)
        hashes[i] = EVP_MD_fetch(NULL, names[i], NULL);
    have_thread_end = pthread_key_create(&at_thread_end, ready_free) == 0;
}

/* NULL if memory is out. */
static struct ready *ready(void)
{
    struct ready *r = thread_ready;

    if (r)
        return r;
    if (pthread_once(&once, fetch) != 0 || !have_thread_end)
        return NULL;
    r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->md = EVP_MD_CTX_new();
    thread_ready = r;
    if (!r->md || pthread_setspecific(at_thread_end, r) != 0) {
        ready_free(r);
        return NULL;
    }
    return r;
}

static size_t hash_size(enum hash hash)
{
    return ready() && hashes[hash] ? (size_t)EVP_MD_get_size(hashes[hash]) : 0;
}

static bool hash_compute(enum hash hash, struct slice data, unsigned char dst[SAML_DIGEST_MAX])
{
    struct ready *r = ready();

    return r && hashes[hash] && EVP_DigestInit_ex2(r->md, hashes[hash], NULL) == 1 &&
           EVP_DigestUpdate(r->md, data.p ? data.p : "", data.n) == 1 && EVP_DigestFinal_ex(r->md, dst, NULL) == 1;
}

/* A context of this thread that verifies by this key; owned by the thread. */
static EVP_PKEY_CTX *key_context(EVP_PKEY *pkey, enum hash hash)
{
    struct ready *r = ready();
    EVP_PKEY_CTX *ctx;

    if (!r || !hashes[hash])
        return NULL;
    for (size_t i = 0; i < READY_KEYS; i++) {
        if (r->keys[i].pkey == pkey && r->keys[i].hash == hash)
            return r->keys[i].ctx;
    }
    ctx = EVP_PKEY_CTX_new(pkey, NULL);
    if (!ctx || EVP_PKEY_verify_init(ctx) != 1 || EVP_PKEY_CTX_set_signature_md(ctx, hashes[hash]) != 1) {
        EVP_PKEY_CTX_free(ctx);
        return NULL;
    }
    EVP_PKEY_CTX_free(r->keys[r->next].ctx);
    r->keys[r->next].ctx = ctx;
    r->keys[r->next].pkey = pkey;
    r->keys[r->next].hash = hash;
    r->next = (r->next + 1) % READY_KEYS;
    return ctx;
}

/* --- use ------------------------------------------------------------------------------------------------------------
 */

bool digest_compute(const struct digest_algorithm *alg, struct slice data, unsigned char dst[SAML_DIGEST_MAX])
{
    return hash_size(alg->hash) == alg->size && hash_compute(alg->hash, data, dst);
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

bool key_verifies(const struct saml_key *key, const struct signature_algorithm *alg, struct slice value,
                  struct slice data)
{
    unsigned char digest[SAML_DIGEST_MAX], *der = NULL;
    const unsigned char *sig = (const unsigned char *)value.p;
    size_t n = value.n, size = hash_size(alg->hash);
    EVP_PKEY_CTX *ctx;
    bool ok;

    /* a shorter or longer number is another encoding of a signature, and there is only one */
    if (n != signature_size(key) || size == 0 || !hash_compute(alg->hash, data, digest))
        return false;
    ctx = key_context(key->pkey, alg->hash);
    if (!ctx)
        return false;
    if (key->type == SAML_KEY_EC) {
        n = der_of(value, &der);
        sig = der;
    }
    /* 1 is yes; 0 and every negative number are no */
    ok = n && EVP_PKEY_verify(ctx, sig, n, digest, size) == 1;
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
