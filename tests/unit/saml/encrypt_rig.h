/*
 * encrypt_rig.h - verdicts on what encrypt.h makes, for the programs about encryption.
 *
 * Run the group with rig_setup() and rig_teardown(). judge() frees the text that it is given.
 */
#ifndef USHER_TESTS_UNIT_SAML_ENCRYPT_RIG_H
#define USHER_TESTS_UNIT_SAML_ENCRYPT_RIG_H

#include "tests/unit/saml/encrypt.h"

#include "saml/judge.h"

#define NS_SAML " xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\""

/* Made once: RSA keys take long. */
static EVP_PKEY *idp, *attacker, *sp, *other;
static struct saml_trust trust;
static struct saml_sp_keys sp_keys, other_keys, both_keys;

static inline int judge_with(const char *xml, const struct saml_sp_keys *keys, unsigned allow, struct saml_verdict *v,
                             struct arena *a, struct err *e)
{
    arena_init(a, SAML_ARENA_MAX);
    return saml_judge_signature_only(slice_of(xml), &trust, keys, allow, a, v, e);
}

/* The verdict; what is accepted must be about Ada. Frees `xml`. */
static inline int judge_keys(char *xml, const struct saml_sp_keys *keys, unsigned allow, struct err *e)
{
    struct saml_verdict v;
    struct arena a;
    int rc = judge_with(xml, keys, allow, &v, &a, e);

    if (rc == 0)
        assert_true(slice_is(v.assertion.name_id, "ada@contoso.com"));
    else
        assert_null(v.assertion.name_id.p);
    arena_free(&a);
    free(xml);
    return rc;
}

static inline int judge(char *xml, struct err *e)
{
    return judge_keys(xml, &sp_keys, 0, e);
}

/* An encrypted plaintext of any kind in a Response; `around`: the Response is signed. */
static inline char *response_with(const char *plaintext, const struct encrypt_options *o, bool around)
{
    struct sign_response r = sign_defaults(idp);
    char *encrypted = encrypt_element("EncryptedAssertion", plaintext, o), *xml, *out;

    r.sign_assertion = false;
    xml = sign_unsigned(&r);
    out = encrypt_splice(xml, "<Assertion ", "</Assertion>", encrypted);
    free(xml);
    free(encrypted);
    if (around) {
        xml = sign_element(out, r.response_id, &r.sign);
        free(out);
        out = xml;
    }
    return out;
}

static inline char *signed_assertion(void)
{
    struct sign_response r = sign_defaults(idp);
    char *xml = sign_make(&r), *text = encrypt_assertion_of(xml);

    free(xml);
    return text;
}

/* The default encrypted Response with one replacement in what is encrypted, signed around it afterwards or not. */
static inline char *edited(const struct encrypt_options *o, const char *from, const char *to, bool around)
{
    struct sign_response r = sign_defaults(idp);
    char *xml = encrypt_response(&r, o), *out = sign_replace(xml, from, to);

    free(xml);
    if (around) {
        xml = sign_element(out, r.response_id, &r.sign);
        free(out);
        out = xml;
    }
    return out;
}

static inline int rig_setup(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(saml_init(&e), &e);
    idp = sign_rsa(2048);
    attacker = sign_rsa(2048);
    sp = sign_rsa(2048);
    other = sign_rsa(2048);
    saml_trust_init(&trust);
    sign_trust(&trust, idp);
    encrypt_sp_key(&sp_keys, sp);
    encrypt_sp_key(&other_keys, other);
    encrypt_sp_key(&both_keys, other);
    encrypt_sp_key(&both_keys, sp);
    return 0;
}

static inline int rig_teardown(void **state)
{
    (void)state;
    saml_sp_keys_free(&sp_keys);
    saml_sp_keys_free(&other_keys);
    saml_sp_keys_free(&both_keys);
    saml_trust_free(&trust);
    EVP_PKEY_free(idp);
    EVP_PKEY_free(attacker);
    EVP_PKEY_free(sp);
    EVP_PKEY_free(other);
    saml_cleanup();
    return 0;
}

#endif
