/*
 * verify_rig.h - verdicts of saml_verify() on Responses that sign.h makes, for the programs about verify.h.
 *
 * Whatever verifies is also given to the router's own check, which must agree: so every test that expects success tests
 * both. Run the group with verify_setup() and verify_teardown().
 */
#ifndef USHER_TESTS_UNIT_SAML_VERIFY_RIG_H
#define USHER_TESTS_UNIT_SAML_VERIFY_RIG_H

#include "tests/unit/unit.h"

#include "saml/recheck.h"
#include "saml/verify.h"
#include "tests/unit/saml/sign.h"

/* Made once: RSA keys take long. `pinned` is what the trust holds, `attacker` is of the same kind. */
static EVP_PKEY *pinned, *attacker;

/* Verifies with one pinned key; on success also that the router's own check agrees. */
static inline int verify_with(const char *xml, EVP_PKEY *key, unsigned allow, struct err *e)
{
    struct saml_trust trust;
    struct saml_signed s;
    struct saml_signer signers[2];
    struct arena a;
    int r;

    saml_trust_init(&trust);
    sign_trust(&trust, key);
    arena_init(&a, 16 * SAML_XML_MAX);
    r = saml_verify(slice_of(xml), &trust, allow, &a, &s, e);
    if (r == 0) {
        assert_ok(saml_recheck(&s, &trust, allow, signers, e), e);
        assert_ptr_equal(signers[0].key, &trust.keys[0]);
    }
    arena_free(&a);
    saml_trust_free(&trust);
    return r;
}

static inline int verify(const char *xml, struct err *e)
{
    return verify_with(xml, pinned, 0, e);
}

/* The verdict on a Response as described; frees nothing of `r`. */
static inline int verify_made(const struct sign_response *r, struct err *e)
{
    char *xml = sign_make(r);
    int result = verify_with(xml, pinned, 0, e);

    free(xml);
    return result;
}

/* The default Response signed with these options. */
static inline int verify_signed(struct sign_options o, struct err *e)
{
    struct sign_response r = sign_defaults(pinned);

    if (!o.key && !o.hmac_secret)
        o.key = pinned;
    r.sign = o;
    return verify_made(&r, e);
}

/* The default, signed Response with one replacement in its text afterwards. */
static inline int verify_edited(const char *what, const char *by, struct err *e)
{
    struct sign_response r = sign_defaults(pinned);
    char *xml = sign_make(&r), *edited = sign_replace(xml, what, by);
    int result = verify(edited, e);

    free(edited);
    free(xml);
    return result;
}

/* The default Response with one replacement in its text, signed afterwards. */
static inline int verify_signed_edit(const char *what, const char *by, struct err *e)
{
    struct sign_response r = sign_defaults(pinned);
    char *plain = sign_unsigned(&r), *edited = sign_replace(plain, what, by);
    char *xml = sign_element(edited, r.assertion_id, &r.sign);
    int result = verify(xml, e);

    free(xml);
    free(edited);
    free(plain);
    return result;
}

static inline int verify_setup(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(saml_init(&e), &e);
    assert_ok(saml_init(&e), &e); /* again does nothing */
    pinned = sign_rsa(2048);
    attacker = sign_rsa(2048);
    return 0;
}

static inline int verify_teardown(void **state)
{
    (void)state;
    EVP_PKEY_free(pinned);
    EVP_PKEY_free(attacker);
    saml_cleanup();
    return 0;
}

#endif
