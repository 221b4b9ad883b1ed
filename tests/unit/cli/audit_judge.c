/* audit_judge.c - unit tests of cli/audit_judge.h: the verdict on one document, and what is said of its keys. */
#include "tests/unit/cli/examine.h"

static void check(EVP_PKEY *trusted, const char *xml, enum audit_verdict verdict, const char *code, bool finding)
{
    struct audit_result r;

    examine(trusted, xml, &r);
    assert_string_equal(audit_verdict_name(r.verdict), audit_verdict_name(verdict));
    assert_string_equal(r.why.code ? err_name(r.why.code) : "", code);
    assert_int_equal(r.finding, finding);
    audit_result_free(&r);
}

static void verdicts(void **state)
{
    struct sign_response m = sign_defaults(pinned);
    char *info = key_info_of(pinned, 86400), *plain = sign_unsigned(&m), *bare, *shown, *changed;

    (void)state;
    bare = sign_make(&m);
    m.sign.key_info = info;
    shown = sign_make(&m);
    changed = sign_replace(shown, ">ada@contoso.com</NameID>", ">eve@contoso.com</NameID>");

    check(pinned, bare, AUDIT_VALID, "", false);
    check(pinned, shown, AUDIT_VALID, "", false);
    check(attacker, bare, AUDIT_INVALID, "signature-invalid", true);
    check(attacker, shown, AUDIT_UNTRUSTED, "signature-invalid", true);
    check(pinned, changed, AUDIT_INVALID, "signature-invalid", true);
    check(pinned, plain, AUDIT_UNSIGNED, "signature-missing", true);
    check(pinned, "<!DOCTYPE x><x/>", AUDIT_REFUSED, "xml-doctype", true);
    check(pinned, "not XML", AUDIT_REFUSED, "xml-syntax", true);
    /* without trust nothing is proven, and no document passes */
    check(NULL, shown, AUDIT_UNTRUSTED, "signature-invalid", true);
    check(NULL, changed, AUDIT_INVALID, "signature-invalid", true);
    check(NULL, bare, AUDIT_NOT_JUDGED, "signature-invalid", true);
    check(NULL, plain, AUDIT_UNSIGNED, "signature-missing", true);
    free(changed);
    free(shown);
    free(bare);
    free(plain);
    free(info);
}

/* Messages whose signature an identity provider does not owe. */
static void other_messages(void **state)
{
#define P "xmlns:p=\"urn:oasis:names:tc:SAML:2.0:protocol\""
    (void)state;
    check(pinned, "<p:AuthnRequest " P " ID=\"a\"/>", AUDIT_UNSIGNED, "", false);
    check(pinned, "<p:AuthnRequest " P " ID=\"a\"><Signature xmlns=\"" SIGN_DSIG "\"/></p:AuthnRequest>",
          AUDIT_NOT_JUDGED, "", false);
    check(pinned,
          "<p:Response " P " ID=\"a\" Version=\"2.0\"><p:Status><p:StatusCode Value=\"urn:x\"/></p:Status>"
          "</p:Response>",
          AUDIT_NOT_JUDGED, "status-not-success", false);
    /* but an assertion in one of them does not slip through */
    check(pinned,
          "<p:AuthnRequest " P " ID=\"a\"><Assertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"/>"
          "</p:AuthnRequest>",
          AUDIT_REFUSED, "response-shape", true);
    check(pinned, "<Assertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"/>", AUDIT_REFUSED, "response-shape",
          true);
#undef P
}

static void who_signed_what(void **state)
{
    struct sign_response m = sign_defaults(pinned);
    char *info = key_info_of(pinned, -3600), *xml;
    struct audit_result r;

    (void)state;
    m.sign.key_info = info;
    m.sign_response = true;
    xml = sign_make(&m);
    examine(pinned, xml, &r);
    assert_int_equal(r.nsigned, 2);
    assert_int_equal(r.signed_by[0].what, SAML_RESPONSE);
    assert_int_equal(r.signed_by[1].what, SAML_ASSERTION);
    assert_string_equal(r.signed_by[0].method, "rsa-sha256");
    assert_string_equal(r.signed_by[0].digest, "sha256");
    assert_true(r.signed_by[0].key.pinned);
    assert_int_equal(r.signed_by[0].key.bits, 2048);
    assert_true(slice_is(r.signed_id, m.assertion_id));
    assert_true(slice_is(r.signed_issuer, m.issuer));
    /* the certificate is the document's word; that its key is pinned is ours */
    assert_int_equal(r.in.nsignatures, 2);
    assert_true(slice_is(r.in.signatures[0].path, "Response"));
    assert_true(slice_is(r.in.signatures[1].path, "Response/Assertion"));
    assert_true(r.claimed[0].known && r.claimed[0].pinned && r.claimed[1].pinned);
    assert_string_equal(r.claimed[0].subject, "CN=brought");
    assert_memory_equal(r.claimed[0].sha256, r.signed_by[0].key.sha256, 32);
    audit_result_free(&r);

    examine(attacker, xml, &r);
    assert_int_equal(r.verdict, AUDIT_UNTRUSTED);
    assert_false(r.signed_by[0].key.pinned);
    assert_false(r.claimed[0].pinned);
    audit_result_free(&r);
    free(xml);
    free(info);
}

/* Certificates end at some time: by the clock that was named, or when the message was issued. */
static void expired_keys(void **state)
{
    struct sign_response m = sign_defaults(pinned);
    struct judge_setup *s = calloc(1, sizeof *s);
    char *info = key_info_of(pinned, -3600), *xml;
    int64_t now = clock_now();
    struct audit_result r;

    (void)state;
    assert_non_null(s);
    m.sign.key_info = info;
    m.now = now - 2 * 3600;
    xml = sign_make(&m);
    sign_trust(&s->trusts[0], pinned);
    s->ntrusts = 1;
    s->now_is_issued = true;
    examine_as(s, false, slice_of(xml), &r);
    assert_false(r.claimed[0].expired);
    audit_result_free(&r);
    s->now_is_issued = false;
    s->expect.now = now;
    examine_as(s, false, slice_of(xml), &r);
    assert_true(r.claimed[0].expired);
    audit_result_free(&r);
    free(xml);
    free(info);
    judge_setup_free(s);
    free(s);
}

/* Each identity provider's keys are for its own messages. */
static void several_identity_providers(void **state)
{
    struct sign_response m = sign_defaults(pinned);
    struct judge_setup *s = calloc(1, sizeof *s);
    char *xml = sign_make(&m);
    struct audit_result r;

    (void)state;
    assert_non_null(s);
    sign_trust(&s->trusts[0], attacker);
    s->trusts[0].issuer = strdup("https://another.example.com/");
    sign_trust(&s->trusts[1], pinned);
    s->trusts[1].issuer = strdup(m.issuer);
    s->ntrusts = 2;
    examine_as(s, false, slice_of(xml), &r);
    assert_int_equal(r.verdict, AUDIT_VALID);
    audit_result_free(&r);
    /* the same key under another name does not count */
    free(s->trusts[1].issuer);
    s->trusts[1].issuer = strdup("https://third.example.com/");
    examine_as(s, false, slice_of(xml), &r);
    assert_int_equal(r.verdict, AUDIT_REFUSED);
    assert_string_equal(err_name(r.why.code), "issuer-mismatch");
    audit_result_free(&r);
    /* keys without a name are for whoever is left */
    free(s->trusts[1].issuer);
    s->trusts[1].issuer = NULL;
    examine_as(s, false, slice_of(xml), &r);
    assert_int_equal(r.verdict, AUDIT_VALID);
    audit_result_free(&r);
    free(xml);
    judge_setup_free(s);
    free(s);
}

/* --- several under way, and workers that misbehave ------------------------------------------------------------------
 */

/* What a document brings along is its own, whatever is under way beside it. */
static void several_under_way(void **state)
{
    struct sign_response good = sign_defaults(pinned), own = sign_defaults(attacker);
    char *good_info = key_info_of(pinned, 86400), *own_info = key_info_of(attacker, 86400), *valid, *untrusted, *plain;
    struct judge_setup *s = calloc(1, sizeof *s);
    struct audit_result r[5];

    (void)state;
    assert_non_null(s);
    sign_trust(&s->trusts[0], pinned);
    s->ntrusts = 1;
    good.sign.key_info = good_info;
    own.sign.key_info = own_info;
    valid = sign_make(&good);
    untrusted = sign_make(&own);
    plain = sign_unsigned(&good);
    assert_int_equal(
        examine_all("usher-worker", s, false, (const char *[]){untrusted, valid, plain, untrusted, valid}, 5, r), 1);
    assert_int_equal(r[0].verdict, AUDIT_UNTRUSTED);
    assert_int_equal(r[1].verdict, AUDIT_VALID);
    assert_int_equal(r[2].verdict, AUDIT_UNSIGNED);
    assert_int_equal(r[3].verdict, AUDIT_UNTRUSTED);
    assert_int_equal(r[4].verdict, AUDIT_VALID);
    for (size_t i = 0; i < 5; i++)
        audit_result_free(&r[i]);
    free(plain);
    free(untrusted);
    free(valid);
    free(own_info);
    free(good_info);
    judge_setup_free(s);
    free(s);
}

/* The Response of `m` with an order to build/bad-worker in it, where nobody signs it. Free it. */
static char *bad(const struct sign_response *m, const char *mode)
{
    char *xml = sign_make(m), *order = sign_printf("<samlp:Status><!--bad:%s;-->", mode),
         *out = sign_replace(xml, "<samlp:Status>", order);

    assert_non_null(strstr(out, "bad:"));
    free(order);
    free(xml);
    return out;
}

/* One that ends its worker is one finding; those beside it are judged. */
static void deadly_documents(void **state)
{
    static const char *const modes[] = {"crash", "socket", "id"};
    struct sign_response m = sign_defaults(pinned);
    struct judge_setup *s = calloc(1, sizeof *s);
    char *good = sign_make(&m);

    (void)state;
    assert_non_null(s);
    sign_trust(&s->trusts[0], pinned);
    s->ntrusts = 1;
    for (size_t k = 0; k < sizeof modes / sizeof *modes; k++) {
        char *deadly = bad(&m, modes[k]);
        struct audit_result r[5];

        assert_true(examine_all("bad-worker", s, false, (const char *[]){good, good, deadly, good, good}, 5, r) > 1);
        for (size_t i = 0; i < 5; i++) {
            if (i != 2) {
                assert_int_equal(r[i].verdict, AUDIT_VALID);
            } else {
                assert_string_equal(err_name(r[i].why.code), "worker-failed");
                assert_int_equal(r[i].verdict, AUDIT_REFUSED);
                assert_true(r[i].finding);
                assert_int_equal(r[i].nsigned, 0);
            }
            audit_result_free(&r[i]);
        }
        free(deadly);
    }
    free(good);
    judge_setup_free(s);
    free(s);
}

/* Bytes that do not hold are asked for again from a new worker; a document that makes them so is refused. */
static void false_answers(void **state)
{
    static const char *const modes[] = {"forge", "garbage", "plain"};
    struct sign_response m = sign_defaults(pinned);
    struct judge_setup *s = calloc(1, sizeof *s);

    (void)state;
    assert_non_null(s);
    sign_trust(&s->trusts[0], pinned);
    s->ntrusts = 1;
    for (size_t k = 0; k < sizeof modes / sizeof *modes; k++) {
        char *lying = bad(&m, modes[k]);
        struct audit_result r;

        assert_true(examine_all("bad-worker", s, false, (const char *[]){lying}, 1, &r) > 1);
        assert_string_equal(err_name(r.why.code), "recheck-failed");
        assert_int_equal(r.verdict, AUDIT_INVALID);
        assert_true(r.finding);
        assert_null(r.signed_issuer.p);
        audit_result_free(&r);
        free(lying);
    }
    judge_setup_free(s);
    free(s);
}

/* Without a worker there is no audit. */
static void no_worker(void **state)
{
    struct judge_setup *s = calloc(1, sizeof *s);
    struct audit_examiner_options o = {.setup = s, .worker = "/bin/true"};
    struct audit_examiner *x = NULL;
    struct err e = ERR_INIT;

    (void)state;
    assert_non_null(s);
    assert_ok(audit_examiner_new(&o, &x, &e), &e);
    assert_err(audit_examiner_check(x, &e), &e, "worker-failed");
    audit_examiner_free(x);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts),
        cmocka_unit_test(other_messages),
        cmocka_unit_test(who_signed_what),
        cmocka_unit_test(expired_keys),
        cmocka_unit_test(several_identity_providers),
        cmocka_unit_test(several_under_way),
        cmocka_unit_test(deadly_documents),
        cmocka_unit_test(false_answers),
        cmocka_unit_test(no_worker),
    };

    return cmocka_run_group_tests_name("cli/audit_judge", tests, examine_setup, examine_teardown);
}
