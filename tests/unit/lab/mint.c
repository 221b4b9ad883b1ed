/*
 * Unit tests of lab/mint.h, tricks.h, claims.h: what is minted is judged by saml/judge.h, good ones accepted, each
 * trick refused with the error its row promises.
 */
#include "tests/unit/unit.h"

#include "base/secret.h"
#include "lab/claims.h"
#include "lab/tricks.h"
#include "saml/judge.h"
#include "tests/unit/lab/lab_keys.h"

#define NOW 1795000000
#define ISSUER "https://idp.other.test/"
#define AUDIENCE "https://login.usher.test"
#define ACS "https://login.usher.test/saml/acs"
#define REQUEST "id00112233445566778899aabbccddeeff"

static struct lab_keys rsa, p256, p384;
static const char *const domains[] = {"usher.test"};

struct fixture {
    struct arena a;
    struct claims claims;
    struct mint_response m;
    struct saml_trust trust;
    struct saml_expect x;
    struct saml_verdict verdict;
    struct buf xml;
    struct err e;
};

static void fixture_init(struct fixture *f, const struct lab_keys *k)
{
    char *pem;
    size_t n;

    memset(f, 0, sizeof *f);
    arena_init(&f->a, SAML_ARENA_MAX);
    buf_init(&f->xml, MINT_XML_MAX);
    claims_init(&f->claims, &f->a);
    assert_ok(claims_add(&f->claims, SAML_CLAIM_EMAIL, "ada@usher.test", &f->e), &f->e);
    assert_ok(claims_add(&f->claims, SAML_CLAIM_OBJECT_ID, "6a1f", &f->e), &f->e);
    mint_response_init(&f->m, NOW);
    f->m.issuer = ISSUER;
    f->m.audience = AUDIENCE;
    f->m.recipient = f->m.destination = ACS;
    f->m.in_response_to = REQUEST;
    f->m.name_id = "ada@usher.test";
    claims_use(&f->claims, &f->m);
    saml_trust_init(&f->trust);
    pem = unit_read_file(k->dir, "cert", &n);
    assert_ok(saml_trust_add_pem(&f->trust, slice_make(pem, n), &f->e), &f->e);
    free(pem);
    f->x = (struct saml_expect){
        .issuer = SLICE(ISSUER),
        .acs = SLICE(ACS),
        .audience = SLICE(AUDIENCE),
        .request_id = SLICE(REQUEST),
        .now = NOW,
        .skew = SAML_SKEW_DEFAULT,
        .email_from = SLICE(SAML_CLAIM_EMAIL),
        .email_domains = domains,
        .nemail_domains = 1,
    };
}

static void fixture_free(struct fixture *f)
{
    saml_trust_free(&f->trust);
    buf_free(&f->xml);
    arena_free(&f->a);
}

static int judge(struct fixture *f)
{
    return saml_judge(buf_slice(&f->xml), &f->trust, NULL, 0, &f->x, &f->a, &f->verdict, &f->e);
}

static int make_keys(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(secret_init(&e), &e);
    assert_ok(saml_init(&e), &e);
    lab_keys_make(&rsa, "RSA");
    lab_keys_make(&p256, "P-256");
    lab_keys_make(&p384, "P-384");
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    lab_keys_free(&rsa);
    lab_keys_free(&p256);
    lab_keys_free(&p384);
    saml_cleanup();
    return 0;
}

static void good_ones_are_accepted_however_signed(void **state)
{
    static const struct {
        const char *algorithm;
        const struct lab_keys *key;
    } ways[] = {{"rsa-sha256", &rsa},    {"rsa-sha384", &rsa},    {"rsa-sha512", &rsa},
                {"ecdsa-sha256", &p256}, {"ecdsa-sha384", &p384}, {"ecdsa-sha512", &p256}};

    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        for (unsigned sign = MINT_SIGN_ASSERTION; sign <= MINT_SIGN_BOTH; sign++) {
            struct fixture f;

            fixture_init(&f, ways[i].key);
            f.m.algorithm = ways[i].algorithm;
            f.m.sign = sign;
            assert_ok(mint_response(&f.m, ways[i].key->key, &f.xml, &f.e), &f.e);
            assert_ok(judge(&f), &f.e);
            assert_int_equal(f.verdict.signed_parts.nsig, sign == MINT_SIGN_BOTH ? 2 : 1);
            assert_string_equal(f.verdict.signers[0].method, ways[i].algorithm);
            assert_string_equal(f.verdict.email.text, "ada@usher.test");
            assert_true(slice_eq(f.verdict.assertion.session_index, f.verdict.assertion.id)); /* as Entra does */
            fixture_free(&f);
        }
    }
}

static void each_trick_is_refused_as_its_row_says(void **state)
{
    (void)state;
    assert_true(tricks_n >= 13);
    for (size_t i = 0; i < tricks_n; i++) {
        struct fixture f;

        fixture_init(&f, &rsa);
        assert_ok(trick_mint(&tricks[i], &f.m, rsa.key, &f.xml, &f.e), &f.e);
        if (judge(&f) == 0)
            fail_msg("trick %s was accepted", tricks[i].name);
        if (strcmp(err_name(f.e.code), tricks[i].expected) != 0)
            fail_msg("trick %s: %s instead of %s: %s", tricks[i].name, err_name(f.e.code), tricks[i].expected, f.e.msg);
        /* the same without the trick is accepted: only the trick was refused */
        err_clear(&f.e);
        buf_reset(&f.xml);
        assert_ok(trick_mint(NULL, &f.m, rsa.key, &f.xml, &f.e), &f.e);
        assert_ok(judge(&f), &f.e);
        fixture_free(&f);
    }
}

static void text_survives_whatever_it_holds(void **state)
{
    static const char name[] = "Zo\xc3\xab <O'Brien> & \"Co\" ]]> <!-- -->";
    const struct saml_attribute *groups;
    struct fixture f;

    (void)state;
    fixture_init(&f, &rsa);
    assert_ok(claims_add(&f.claims, SAML_CLAIM_DISPLAY_NAME, name, &f.e), &f.e);
    assert_ok(claims_add(&f.claims, SAML_CLAIM_GROUPS, "one", &f.e), &f.e);
    assert_ok(claims_add(&f.claims, SAML_CLAIM_GROUPS, "two", &f.e), &f.e);
    assert_ok(claims_add(&f.claims, SAML_CLAIM_TENANT_ID, NULL, &f.e), &f.e);
    claims_use(&f.claims, &f.m);
    assert_ok(mint_response(&f.m, rsa.key, &f.xml, &f.e), &f.e);
    assert_ok(judge(&f), &f.e);
    assert_true(slice_is(saml_attribute_single(&f.verdict.assertion, SLICE(SAML_CLAIM_DISPLAY_NAME)), name));
    groups = saml_attribute_get(&f.verdict.assertion, SLICE(SAML_CLAIM_GROUPS));
    assert_non_null(groups);
    assert_int_equal(groups->nvalues, 2);
    assert_true(slice_is(groups->values[0], "one") && slice_is(groups->values[1], "two"));
    assert_null(saml_attribute_get(&f.verdict.assertion, SLICE(SAML_CLAIM_TENANT_ID)));
    fixture_free(&f);
}

static void fields_are_what_was_asked_for(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f, &rsa);
    f.m.response_id = "_r";
    f.m.assertion_id = "_a";
    f.m.sign = MINT_SIGN_BOTH;
    f.m.session_index = "s1";
    f.m.session_not_on_or_after = NOW + 600;
    f.m.in_response_to = NULL;
    f.x.unsolicited = true;
    mint_response_valid_for(&f.m, 300);
    assert_ok(mint_response(&f.m, rsa.key, &f.xml, &f.e), &f.e);
    assert_ok(judge(&f), &f.e);
    assert_true(slice_is(f.verdict.response.id, "_r"));
    assert_true(slice_is(f.verdict.assertion.id, "_a"));
    assert_true(slice_is(f.verdict.assertion.session_index, "s1"));
    assert_int_equal(f.verdict.assertion.session_not_on_or_after, NOW + 600);
    assert_int_equal(f.verdict.assertion.not_on_or_after, NOW + 300);
    assert_int_equal(f.verdict.assertion.not_before, NOW - 300);
    assert_int_equal(f.verdict.assertion.confirmations[0].not_on_or_after, NOW + 300);
    assert_null(f.verdict.assertion.confirmations[0].in_response_to.p);
    f.x.now = NOW + 300 + SAML_SKEW_DEFAULT;
    assert_err(judge(&f), &f.e, "assertion-expired");
    fixture_free(&f);
}

static void what_cannot_be_minted_is_an_error(void **state)
{
    static char long_text[MINT_XML_MAX + 1];
    struct fixture f;
    struct mint_key *k = NULL;

    (void)state;
    fixture_init(&f, &rsa);
    f.m.algorithm = "rsa-md5";
    assert_err(mint_response(&f.m, rsa.key, &f.xml, &f.e), &f.e, "usage");
    f.m.algorithm = "ecdsa-sha256";
    assert_err(mint_response(&f.m, rsa.key, &f.xml, &f.e), &f.e, "usage");
    f.m.algorithm = "rsa-sha256";
    f.m.name_id = "\xff";
    assert_err(mint_response(&f.m, rsa.key, &f.xml, &f.e), &f.e, "internal-error");
    memset(long_text, 'x', MINT_XML_MAX);
    f.m.name_id = long_text;
    assert_err(mint_response(&f.m, rsa.key, &f.xml, &f.e), &f.e, "limit-exceeded");
    f.m.name_id = NULL;
    assert_err(trick_mint(trick_find("tampered"), &f.m, rsa.key, &f.xml, &f.e), &f.e, "usage");
    assert_int_equal(f.xml.len, 0);
    assert_err(mint_key_load("/nonexistent", rsa.cert_file, &k, &f.e), &f.e, "bad-key-file");
    assert_err(mint_key_load(rsa.key_file, "/nonexistent", &k, &f.e), &f.e, "trust-unusable");
    assert_err(mint_key_load(rsa.key_file, rsa.key_file, &k, &f.e), &f.e, "trust-unusable");
    assert_null(k);
    assert_null(trick_find("none"));
    fixture_free(&f);
}

static void claims_have_limits(void **state)
{
    struct arena a;
    struct claims c;
    struct err e = ERR_INIT;
    char names[CLAIMS_MAX + 1][8];

    (void)state;
    arena_init(&a, SAML_ARENA_MAX);
    claims_init(&c, &a);
    for (size_t i = 0; i <= CLAIMS_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "n%zu", i);
        if (i < CLAIMS_MAX)
            assert_ok(claims_add(&c, names[i], "v", &e), &e);
        else
            assert_err(claims_add(&c, names[i], "v", &e), &e, "limit-exceeded");
    }
    for (size_t i = 1; i < CLAIM_VALUES_MAX; i++)
        assert_ok(claims_add(&c, "n0", "v", &e), &e);
    assert_err(claims_add(&c, "n0", "v", &e), &e, "limit-exceeded");
    assert_int_equal(c.v[0].nvalues, CLAIM_VALUES_MAX);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_are_accepted_however_signed),
        cmocka_unit_test(each_trick_is_refused_as_its_row_says),
        cmocka_unit_test(text_survives_whatever_it_holds),
        cmocka_unit_test(fields_are_what_was_asked_for),
        cmocka_unit_test(what_cannot_be_minted_is_an_error),
        cmocka_unit_test(claims_have_limits),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
