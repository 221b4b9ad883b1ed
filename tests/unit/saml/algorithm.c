/*
 * The whole matrix of keys, signature methods, digests and exceptions, each with a genuine signature, in both halves:
 * the worker's (saml_verify) with its exceptions and the router's (saml_recheck) with its own, which may have ended.
 */
#include "tests/unit/saml/verify_rig.h"

#define MORE2007 "http://www.w3.org/2007/05/xmldsig-more#"

static struct key {
    const char *name;
    bool rsa;
    unsigned needs;
    EVP_PKEY *pkey;
} keys[] = {
    {"RSA-1024", true, SAML_ALLOW_RSA1024, NULL},
    {"RSA-2047", true, SAML_ALLOW_RSA1024, NULL},
    {"RSA-2048", true, 0, NULL},
    {"P-256", false, 0, NULL},
    {"P-384", false, 0, NULL},
    {"P-521", false, 0, NULL},
};

static const struct method {
    const char *uri;
    bool rsa;
    unsigned needs;
} methods[] = {
    {SIGN_MORE "rsa-sha256", true, 0},    {SIGN_MORE "rsa-sha384", true, 0},
    {SIGN_MORE "rsa-sha512", true, 0},    {SIGN_DSIG "rsa-sha1", true, SAML_ALLOW_SHA1},
    {SIGN_MORE "ecdsa-sha256", false, 0}, {SIGN_MORE "ecdsa-sha384", false, 0},
    {SIGN_MORE "ecdsa-sha512", false, 0},
};

static const struct digest {
    const char *uri;
    unsigned needs;
} digests[] = {
    {SIGN_XENC "sha256", 0}, {SIGN_MORE "sha384", 0}, {SIGN_XENC "sha512", 0}, {SIGN_DSIG "sha1", SAML_ALLOW_SHA1}};

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define ALLOW_ALL (SAML_ALLOW_SHA1 | SAML_ALLOW_RSA1024 | SAML_ALLOW_RSA15)

/* What must come of it with these exceptions; NULL: accepted. Algorithms are judged before keys. */
static const char *expected(const struct key *k, const struct method *m, const struct digest *d, unsigned allow)
{
    if ((m->needs | d->needs) & ~allow)
        return "algorithm-not-allowed";
    return k->needs & ~allow ? "key-too-weak" : NULL;
}

static void assert_outcome(int rc, struct err *e, const char *want, const struct key *k, const struct method *m,
                           const struct digest *d, unsigned allow)
{
    const char *got = rc == 0 ? NULL : err_name(e->code);

    if ((got == NULL) != (want == NULL) || (got && strcmp(got, want) != 0))
        fail_msg("%s, %s, %s with exceptions %u: %s, not %s", k->name, m->uri, d->uri, allow, got ? got : "accepted",
                 want ? want : "accepted");
    err_clear(e);
}

static void one_cell(const struct key *k, const struct method *m, const struct digest *d)
{
    struct sign_response r = sign_defaults(k->pkey);
    struct saml_signer signers[2];
    struct saml_signed s, none;
    struct saml_trust trust;
    struct err e = ERR_INIT;
    struct arena a;
    char *xml;

    r.sign.method = m->uri;
    r.sign.digest = d->uri;
    xml = sign_make(&r);
    saml_trust_init(&trust);
    sign_trust(&trust, k->pkey);
    arena_init(&a, 16 * SAML_XML_MAX);
    for (unsigned allow = 0; allow <= ALLOW_ALL; allow++)
        assert_outcome(saml_verify(slice_of(xml), &trust, allow, &a, &none, &e), &e, expected(k, m, d, allow), k, m, d,
                       allow);
    /* the worker was given every exception; the router has those that are still in force */
    assert_ok(saml_verify(slice_of(xml), &trust, ALLOW_ALL, &a, &s, &e), &e);
    for (unsigned allow = 0; allow <= ALLOW_ALL; allow++)
        assert_outcome(saml_recheck(&s, &trust, allow, signers, &e), &e, expected(k, m, d, allow), k, m, d, allow);
    arena_free(&a);
    saml_trust_free(&trust);
    free(xml);
}

static void the_matrix(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(keys); i++) {
        for (size_t k = 0; k < COUNT(methods); k++) {
            for (size_t n = 0; n < COUNT(digests) && keys[i].rsa == methods[k].rsa; n++)
                one_cell(&keys[i], &methods[k], &digests[n]);
        }
    }
}

/* Neither half: a signature is genuine, and of another kind than every pinned key. */
static void a_key_of_the_other_type(void **state)
{
    struct err e = ERR_INIT;
    char *xml;

    (void)state;
    for (size_t i = 0; i < COUNT(keys); i++) {
        struct sign_response r = sign_defaults(keys[i].pkey);

        xml = sign_make(&r);
        assert_err(verify_with(xml, keys[keys[i].rsa ? 3 : 2].pkey, ALLOW_ALL, &e), &e, "signature-invalid");
        free(xml);
    }
}

/* Refused by name in both halves, whatever is allowed: the same signed bytes with another method or digest. */
static void never_accepted(void **state)
{
    static const char *const bad_methods[] = {
        SIGN_MORE "rsa-md5",
        SIGN_MORE "rsa-ripemd160",
        SIGN_MORE "rsa-sha224",
        SIGN_MORE "ecdsa-sha1",
        SIGN_MORE "ecdsa-sha224",
        SIGN_MORE "esign-sha256",
        SIGN_DSIG "dsa-sha1",
        SIGN_DSIG "hmac-sha1",
        SIGN_MORE "hmac-sha256",
        SIGN_MORE "rsa-sha256 ",
        SIGN_MORE "RSA-SHA256",
        "rsa-sha256",
        SIGN_DSIG "rsa-sha256",
        MORE2007 "sha256-rsa-MGF1",
        MORE2007 "sha1-rsa-MGF1",
        MORE2007 "rsa-pss",
        MORE2007 "ecdsa-sha3-256",
        "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519",
        "",
    };
    static const char *const bad_digests[] = {SIGN_MORE "md5",
                                              SIGN_MORE "sha224",
                                              SIGN_XENC "ripemd160",
                                              MORE2007 "sha3-256",
                                              SIGN_XENC "sha256 ",
                                              "sha256",
                                              ""};
    struct sign_response r = sign_defaults(pinned);
    char *xml = sign_make(&r), *odd;
    struct saml_signer signers[2];
    struct saml_signed s, bent;
    struct saml_trust trust;
    struct err e = ERR_INIT;
    struct arena a;

    (void)state;
    saml_trust_init(&trust);
    sign_trust(&trust, pinned);
    arena_init(&a, 16 * SAML_XML_MAX);
    assert_ok(saml_verify(slice_of(xml), &trust, 0, &a, &s, &e), &e);
    for (size_t i = 0; i < COUNT(bad_methods) + COUNT(bad_digests); i++) {
        bool method = i < COUNT(bad_methods);
        const char *was = method ? SIGN_MORE "rsa-sha256" : SIGN_XENC "sha256";
        const char *is = method ? bad_methods[i] : bad_digests[i - COUNT(bad_methods)];
        char *info = strndup(s.sig[0].signed_info.p, s.sig[0].signed_info.n), *bent_info;

        odd = sign_replace(xml, was, is);
        assert_err(verify_with(odd, pinned, ALLOW_ALL, &e), &e, "algorithm-not-allowed");
        free(odd);
        bent_info = sign_replace(info, was, is);
        bent = s;
        bent.sig[0].signed_info = slice_of(bent_info);
        assert_err(saml_recheck(&bent, &trust, ALLOW_ALL, signers, &e), &e, "algorithm-not-allowed");
        free(bent_info);
        free(info);
    }
    arena_free(&a);
    saml_trust_free(&trust);
    free(xml);
}

/* A genuine RSA-PSS signature: the refusal says what it is, and not that something was forged. */
static void rsa_pss_has_its_own_words(void **state)
{
    static const char *const pss[] = {MORE2007 "sha256-rsa-MGF1", MORE2007 "sha384-rsa-MGF1",
                                      MORE2007 "sha512-rsa-MGF1", MORE2007 "rsa-pss"};
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < COUNT(pss); i++) {
        struct sign_response r = sign_defaults(pinned);
        char *xml, *odd;

        r.sign.method = MORE2007 "sha256-rsa-MGF1";
        xml = sign_make(&r);
        odd = sign_replace(xml, MORE2007 "sha256-rsa-MGF1", pss[i]);
        assert_int_equal(verify_with(odd, pinned, ALLOW_ALL, &e), -1);
        assert_string_equal(err_name(e.code), "algorithm-not-allowed");
        assert_non_null(strstr(e.msg, "RSA-PSS is not supported"));
        assert_string_equal(e.found, pss[i]);
        err_clear(&e);
        free(odd);
        free(xml);
    }
}

/* The switches of `usher verify --allow` and of the configuration are the same ones. */
static void names_of_exceptions(void **state)
{
    char text[64];

    (void)state;
    assert_int_equal(saml_allow_by_name(SLICE("sha1")), SAML_ALLOW_SHA1);
    assert_int_equal(saml_allow_by_name(SLICE("rsa1024")), SAML_ALLOW_RSA1024);
    assert_int_equal(saml_allow_by_name(SLICE("rsa15")), SAML_ALLOW_RSA15);
    assert_int_equal(saml_allow_by_name(SLICE("SHA1")), 0);
    saml_allow_print(ALLOW_ALL, text, sizeof text);
    assert_string_equal(text, "sha1, rsa1024, rsa15");
}

static int setup(void **state)
{
    if (verify_setup(state) != 0)
        return -1;
    keys[0].pkey = sign_rsa(1024);
    keys[1].pkey = sign_rsa(2047);
    keys[2].pkey = pinned;
    for (size_t i = 3; i < COUNT(keys); i++)
        keys[i].pkey = sign_ec(keys[i].name);
    return 0;
}

static int teardown(void **state)
{
    for (size_t i = 0; i < COUNT(keys); i++) {
        if (keys[i].pkey != pinned)
            EVP_PKEY_free(keys[i].pkey);
    }
    return verify_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_matrix),          cmocka_unit_test(a_key_of_the_other_type),
        cmocka_unit_test(never_accepted),      cmocka_unit_test(rsa_pss_has_its_own_words),
        cmocka_unit_test(names_of_exceptions),
    };

    return cmocka_run_group_tests_name("saml algorithm", tests, setup, teardown);
}
