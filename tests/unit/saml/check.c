/* The table of conditions: one good case, and every way to leave it that has to be refused, each with its code. */
#include "saml/check.h"

#include "tests/unit/unit.h"

#define NOW 1795514400 /* 2026-11-24T10:00:00Z */
#define SKEW 60

/* Everything saml_check() looks at. Tests change one thing and put it back by calling good() again. */
struct fixture {
    struct saml_assertion as;
    struct saml_response response;
    struct saml_outer outer;
    struct saml_expect x;
    struct slice audiences[2][2];
    struct saml_restriction restrictions[2];
};

static void good(struct fixture *f)
{
    *f = (struct fixture){
        .as = {.id = SLICE("_a1"),
               .issuer = SLICE("https://idp.example.com/"),
               .issue_instant = NOW - 5,
               .name_id = SLICE("ann@example.com"),
               .confirmations = {{.bearer = true,
                                  .recipient = SLICE("https://sp.example.com/acs"),
                                  .in_response_to = SLICE("id1"),
                                  .not_on_or_after = NOW + 300}},
               .nconfirmations = 1,
               .has_conditions = true,
               .not_before = NOW - 300,
               .not_on_or_after = NOW + 3600,
               .nrestrictions = 1,
               .has_authn_statement = true,
               .authn_instant = NOW - 60},
        .outer = {.issuer = SLICE("https://idp.example.com/"),
                  .destination = SLICE("https://sp.example.com/acs"),
                  .in_response_to = SLICE("id1"),
                  .status_code = SLICE("urn:oasis:names:tc:SAML:2.0:status:Success")},
        .x = {.issuer = SLICE("https://idp.example.com/"),
              .acs = SLICE("https://sp.example.com/acs"),
              .audience = SLICE("https://sp.example.com"),
              .request_id = SLICE("id1"),
              .now = NOW,
              .skew = SKEW},
    };
    f->audiences[0][0] = f->audiences[1][0] = SLICE("https://sp.example.com");
    f->restrictions[0] = (struct saml_restriction){f->audiences[0], 1};
    f->restrictions[1] = (struct saml_restriction){f->audiences[1], 1};
    f->as.restrictions = f->restrictions;
}

/* The same with a signature over the Response. */
static void good_signed(struct fixture *f)
{
    good(f);
    f->response = (struct saml_response){.id = SLICE("_r1"),
                                         .issuer = f->outer.issuer,
                                         .destination = f->outer.destination,
                                         .in_response_to = f->outer.in_response_to,
                                         .issue_instant = NOW - 5};
}

static int check(const struct fixture *f, int64_t *ret_until, struct err *e)
{
    return saml_check(&f->as, &f->response, &f->outer, &f->x, ret_until, e);
}

static void passes(const struct fixture *f)
{
    struct err e = ERR_INIT;
    int64_t until;

    assert_ok(check(f, &until, &e), &e);
}

/* Refused, and with the default of an untouched result. */
#define REFUSED(f, name)                                      \
    do {                                                      \
        struct err err_ = ERR_INIT;                           \
        int64_t until_ = -7;                                  \
        assert_err(check(&(f), &until_, &err_), &err_, name); \
        assert_int_equal(until_, -7);                         \
    } while (0)

/* One change to the good case that must be refused. */
#define BAD(change, name) \
    do {                  \
        good(&f);         \
        change;           \
        REFUSED(f, name); \
    } while (0)
#define BAD_SIGNED(change, name) \
    do {                         \
        good_signed(&f);         \
        change;                  \
        REFUSED(f, name);        \
    } while (0)
#define GOOD(change) \
    do {             \
        good(&f);    \
        change;      \
        passes(&f);  \
    } while (0)
#define GOOD_SIGNED(change) \
    do {                    \
        good_signed(&f);    \
        change;             \
        passes(&f);         \
    } while (0)

static const struct slice absent = {NULL, 0};

static void good_cases(void **state)
{
    struct fixture f;

    (void)state;
    GOOD((void)0);
    GOOD_SIGNED((void)0);
}

static void issuer(void **state)
{
    struct fixture f;

    (void)state;
    BAD(f.as.issuer = SLICE("https://idp.example.com"), "issuer-mismatch");
    BAD(f.as.issuer = SLICE("https://idp.example.com//"), "issuer-mismatch");
    BAD(f.as.issuer = SLICE("https://IDP.example.com/"), "issuer-mismatch");
    BAD(f.as.issuer = SLICE("https://idp.example.com/\0"), "issuer-mismatch");
    BAD(f.as.issuer = SLICE(""), "issuer-mismatch");
    BAD(f.as.issuer = absent, "issuer-mismatch");
    BAD(f.outer.issuer = SLICE("https://other.example.com/"), "issuer-mismatch");
    BAD(f.outer.issuer = SLICE(""), "issuer-mismatch");
    GOOD(f.outer.issuer = absent);
    GOOD(f.outer.issuer = SLICE(" https://idp.example.com/\n"));
    BAD_SIGNED(f.response.issuer = SLICE("https://other.example.com/"), "issuer-mismatch");
    BAD_SIGNED(f.response.issuer = absent, "issuer-mismatch");
}

static void destination(void **state)
{
    struct fixture f;

    (void)state;
    BAD(f.outer.destination = SLICE("https://sp.example.com/acs2"), "destination-mismatch");
    BAD(f.outer.destination = SLICE("https://sp.example.com/ac"), "destination-mismatch");
    BAD(f.outer.destination = SLICE("http://sp.example.com/acs"), "destination-mismatch");
    BAD(f.outer.destination = SLICE(""), "destination-mismatch");
    GOOD(f.outer.destination = absent);
    BAD_SIGNED(f.response.destination = absent, "destination-mismatch");
    BAD_SIGNED(f.response.destination = SLICE(""), "destination-mismatch");
    BAD_SIGNED(f.response.destination = SLICE("https://other.example.com/acs"), "destination-mismatch");
}

static void status(void **state)
{
    struct fixture f;

    (void)state;
    BAD(f.outer.status_code = SLICE("urn:oasis:names:tc:SAML:2.0:status:Responder"), "status-not-success");
    BAD(f.outer.status_code = SLICE("urn:oasis:names:tc:SAML:2.0:status:Success "), "status-not-success");
    BAD(f.outer.status_code = absent, "status-not-success");
}

static void conditions(void **state)
{
    struct fixture f;

    (void)state;
    BAD(f.as.unknown_condition = true, "unknown-condition");
    GOOD(f.as.one_time_use = true);
}

static void audience(void **state)
{
    struct fixture f;

    (void)state;
    BAD(f.as.nrestrictions = 0, "audience-mismatch");
    BAD((f.as.nrestrictions = 0, f.as.has_conditions = false), "audience-mismatch");
    BAD(f.restrictions[0].n = 0, "audience-mismatch");
    BAD(f.audiences[0][0] = SLICE("https://sp.example.com/"), "audience-mismatch");
    BAD(f.audiences[0][0] = SLICE("https://sp.example.co"), "audience-mismatch");
    BAD(f.audiences[0][0] = SLICE("https://SP.example.com"), "audience-mismatch");
    /* within one restriction any audience will do */
    GOOD((f.audiences[0][0] = SLICE("other"), f.audiences[0][1] = f.x.audience, f.restrictions[0].n = 2));
    /* of several restrictions every one must hold */
    GOOD(f.as.nrestrictions = 2);
    BAD((f.as.nrestrictions = 2, f.audiences[1][0] = SLICE("other")), "audience-mismatch");
    BAD((f.as.nrestrictions = 2, f.audiences[0][0] = SLICE("other")), "audience-mismatch");
}

/* The allowance is granted to the second and not beyond. */
static void times(void **state)
{
    struct fixture f;

    (void)state;
    GOOD(f.as.issue_instant = NOW + SKEW);
    BAD(f.as.issue_instant = NOW + SKEW + 1, "not-yet-valid");
    GOOD_SIGNED(f.response.issue_instant = NOW + SKEW);
    BAD_SIGNED(f.response.issue_instant = NOW + SKEW + 1, "not-yet-valid");
    GOOD(f.as.not_before = NOW + SKEW);
    BAD(f.as.not_before = NOW + SKEW + 1, "not-yet-valid");
    GOOD(f.as.not_on_or_after = NOW - SKEW + 1);
    BAD(f.as.not_on_or_after = NOW - SKEW, "assertion-expired");
    GOOD((f.as.not_on_or_after = 0, f.as.not_before = 0));
    GOOD(f.as.session_not_on_or_after = NOW - SKEW + 1);
    BAD(f.as.session_not_on_or_after = NOW - SKEW, "assertion-expired");

    f.x.skew = 0;
    good(&f);
    f.x.skew = 0;
    f.as.not_on_or_after = NOW + 1;
    passes(&f);
    f.as.not_on_or_after = NOW;
    REFUSED(f, "assertion-expired");
}

/* No combination of extreme values wraps around into "valid". */
static void extreme_times(void **state)
{
    struct fixture f;

    (void)state;
    BAD(f.as.issue_instant = INT64_MAX, "not-yet-valid");
    BAD(f.as.not_before = INT64_MAX, "not-yet-valid");
    BAD(f.as.not_on_or_after = INT64_MIN, "assertion-expired");
    BAD(f.as.confirmations[0].not_on_or_after = INT64_MIN, "assertion-expired");
    BAD((f.x.now = INT64_MAX), "assertion-expired");
    BAD((f.x.now = INT64_MIN), "not-yet-valid");
    BAD((f.as.not_before = INT64_MIN, f.x.now = INT64_MIN), "not-yet-valid"); /* by the IssueInstant */
    GOOD(f.as.not_on_or_after = INT64_MAX);
    GOOD(f.as.not_before = INT64_MIN);
    GOOD(f.as.issue_instant = INT64_MIN);
}

static void bearer(void **state)
{
    struct fixture f;

    (void)state;
    BAD(f.as.nconfirmations = 0, "no-bearer-confirmation");
    BAD(f.as.confirmations[0].bearer = false, "no-bearer-confirmation");
    BAD(f.as.confirmations[0].recipient = absent, "recipient-mismatch");
    BAD(f.as.confirmations[0].recipient = SLICE("https://sp.example.com/acs/"), "recipient-mismatch");
    BAD(f.as.confirmations[0].recipient = SLICE("https://sp.example.com/ACS"), "recipient-mismatch");
    BAD(f.as.confirmations[0].in_response_to = absent, "in-response-to-mismatch");
    BAD(f.as.confirmations[0].in_response_to = SLICE("id2"), "in-response-to-mismatch");
    BAD(f.as.confirmations[0].in_response_to = SLICE(""), "in-response-to-mismatch");
    GOOD(f.as.confirmations[0].not_on_or_after = NOW - SKEW + 1);
    BAD(f.as.confirmations[0].not_on_or_after = NOW - SKEW, "assertion-expired");
    BAD(f.as.confirmations[0].not_on_or_after = 0, "assertion-expired");
    GOOD(f.as.confirmations[0].not_before = NOW + SKEW);
    BAD(f.as.confirmations[0].not_before = NOW + SKEW + 1, "not-yet-valid");
}

static void several_confirmations(void **state)
{
    struct fixture f;
    struct saml_confirmation *second;

    (void)state;
    second = &f.as.confirmations[1];
    /* a good one beside a bad one is enough, in either place */
    GOOD((f.as.nconfirmations = 2, *second = f.as.confirmations[0], second->bearer = false));
    GOOD((f.as.nconfirmations = 2, *second = f.as.confirmations[0],
          f.as.confirmations[0].recipient = SLICE("https://other.example.com")));
    /* halves of two do not add up */
    BAD((f.as.nconfirmations = 2, *second = f.as.confirmations[0], second->in_response_to = SLICE("id2"),
         f.as.confirmations[0].recipient = SLICE("https://other.example.com")),
        "in-response-to-mismatch");
    BAD((f.as.nconfirmations = 2, *second = f.as.confirmations[0], second->bearer = false,
         f.as.confirmations[0].not_on_or_after = NOW - 3600),
        "assertion-expired");
    BAD((f.as.nconfirmations = 2, *second = f.as.confirmations[0], second->not_on_or_after = NOW - 3600,
         f.as.confirmations[0].in_response_to = absent),
        "assertion-expired");
}

static void in_response_to(void **state)
{
    struct fixture f;

    (void)state;
    GOOD(f.outer.in_response_to = absent);
    BAD(f.outer.in_response_to = SLICE("id2"), "in-response-to-mismatch");
    BAD(f.outer.in_response_to = SLICE(""), "in-response-to-mismatch");
    GOOD_SIGNED(f.response.in_response_to = absent);
    BAD_SIGNED(f.response.in_response_to = SLICE("id2"), "in-response-to-mismatch");
}

static void unsolicited(void **state)
{
    struct fixture f;

#define NO_REQUEST                                                                                  \
    f.x.unsolicited = true, f.x.request_id = absent, f.as.confirmations[0].in_response_to = absent, \
    f.outer.in_response_to = absent, f.response.in_response_to = absent
    (void)state;
    GOOD((NO_REQUEST));
    GOOD_SIGNED((NO_REQUEST));
    BAD((NO_REQUEST, f.as.confirmations[0].in_response_to = SLICE("id1")), "in-response-to-mismatch");
    BAD((NO_REQUEST, f.as.confirmations[0].in_response_to = SLICE("")), "in-response-to-mismatch");
    BAD((NO_REQUEST, f.outer.in_response_to = SLICE("id1")), "in-response-to-mismatch");
    BAD_SIGNED((NO_REQUEST, f.response.in_response_to = SLICE("id1")), "in-response-to-mismatch");
    /* a request ID that happens to be known does not make it solicited */
    BAD((f.x.unsolicited = true), "in-response-to-mismatch");
}

static void authn_statement(void **state)
{
    struct fixture f;

    (void)state;
    BAD(f.as.has_authn_statement = false, "authn-statement-missing");
}

/* What the caller forgot to expect is not met by what the message forgot to say. */
static void incomplete_expectation(void **state)
{
    struct fixture f;

    (void)state;
    BAD((f.x.issuer = absent, f.as.issuer = SLICE(""), f.outer.issuer = absent), "internal-error");
    BAD(f.x.acs = absent, "internal-error");
    BAD(f.x.audience = SLICE(""), "internal-error");
    BAD((f.x.request_id = absent, f.as.confirmations[0].in_response_to = absent), "internal-error");
    BAD(f.x.skew = -1, "internal-error");
    BAD(f.x.skew = SAML_SKEW_MAX + 1, "internal-error");
    GOOD(f.x.skew = SAML_SKEW_MAX);
}

/* The last second at which the same assertion passes, found by trying. */
static void valid_until(void **state)
{
    struct fixture f;
    struct err e = ERR_INIT;
    int64_t until = 0, later;

    (void)state;
#define UNTIL(expected)                       \
    do {                                      \
        assert_ok(check(&f, &until, &e), &e); \
        assert_int_equal(until, (expected));  \
        f.x.now = until;                      \
        assert_ok(check(&f, &later, &e), &e); \
        f.x.now = until + 1;                  \
        REFUSED(f, "assertion-expired");      \
    } while (0)
    good(&f);
    UNTIL(NOW + 300 + SKEW - 1);
    good(&f);
    f.as.not_on_or_after = NOW + 10;
    UNTIL(NOW + 10 + SKEW - 1);
    good(&f);
    f.as.session_not_on_or_after = NOW + 20;
    UNTIL(NOW + 20 + SKEW - 1);
    good(&f);
    f.as.nconfirmations = 2; /* the second holds on when the first has ended */
    f.as.confirmations[1] = f.as.confirmations[0];
    f.as.confirmations[1].not_on_or_after = NOW + 900;
    UNTIL(NOW + 900 + SKEW - 1);
    good(&f);
    f.as.nconfirmations = 2; /* one of another method confirms nothing, however long it lasts */
    f.as.confirmations[1] = f.as.confirmations[0];
    f.as.confirmations[1].bearer = false;
    f.as.confirmations[1].not_on_or_after = NOW + 900;
    UNTIL(NOW + 300 + SKEW - 1);
    good(&f);
    f.as.not_on_or_after = f.as.confirmations[0].not_on_or_after = INT64_MAX;
    assert_ok(check(&f, &until, &e), &e);
    assert_int_equal(until, INT64_MAX);
}

static void errors_say_what(void **state)
{
    struct fixture f;
    struct err e = ERR_INIT;
    int64_t until;

    (void)state;
    good(&f);
    f.audiences[0][0] = SLICE("https://other.example.com\n");
    assert_int_equal(check(&f, &until, &e), -1);
    assert_string_equal(e.found, "https://other.example.com\\x0a");
    assert_string_equal(e.expected, "https://sp.example.com");
    assert_string_equal(e.at, "audience");

    err_clear(&e);
    good(&f);
    f.as.not_on_or_after = NOW - 3600;
    assert_int_equal(check(&f, &until, &e), -1);
    assert_string_equal(e.found, "2026-11-24T09:00:00Z");
    assert_string_equal(e.expected, "a later time");
    assert_non_null(strstr(e.msg, "now is 2026-11-24T10:00:00Z"));

    /* of two that fail alike, the first is shown */
    err_clear(&e);
    good(&f);
    f.as.nconfirmations = 2;
    f.as.confirmations[0].recipient = SLICE("https://one.example.com");
    f.as.confirmations[1] = f.as.confirmations[0];
    f.as.confirmations[1].recipient = SLICE("https://two.example.com");
    assert_int_equal(check(&f, &until, &e), -1);
    assert_string_equal(e.found, "https://one.example.com");
}

/*
 * E-mail and ownership
 */

static void with_mail(struct fixture *f, const char *mail, struct slice values[1], struct saml_attribute attr[1])
{
    good(f);
    values[0] = slice_of(mail);
    attr[0] = (struct saml_attribute){.name = SLICE("mail"), .values = values, .nvalues = 1};
    f->as.attributes = attr;
    f->as.nattributes = 1;
    f->x.email_from = SLICE("mail");
}

static void email_of(const char *mail, const char *expected)
{
    struct fixture f;
    struct slice values[1];
    struct saml_attribute attr[1];
    struct err e = ERR_INIT;
    struct email email = {.text = "untouched"};
    bool present = true;

    with_mail(&f, mail, values, attr);
    assert_ok(saml_email(&f.as, &f.x, &present, &email, &e), &e);
    assert_int_equal(present, expected != NULL);
    assert_string_equal(email.text, expected ? expected : "untouched");
}

static void email_without_ownership(void **state)
{
    (void)state;
    email_of("Ann@Example.com", "Ann@example.com");
    email_of(" ann@example.com\n", "ann@example.com");
    email_of("ann", NULL);
    email_of("", NULL);
    email_of("ann@example.com@example.org", NULL);
    email_of("ann@example.com,bob@example.com", NULL);
    email_of("kchen\xe4\xb8\x83\xe5\x91\xb3@example.org", NULL);
}

static int owned(const char *mail, const char *const *domains, size_t n, struct err *e)
{
    struct fixture f;
    struct slice values[1];
    struct saml_attribute attr[1];
    struct email email;
    bool present;
    int rc;

    with_mail(&f, mail, values, attr);
    f.x.email_domains = domains;
    f.x.nemail_domains = n;
    rc = saml_email(&f.as, &f.x, &present, &email, e);
    assert_int_equal(present, rc == 0);
    return rc;
}

static void email_ownership(void **state)
{
    static const char *const domains[] = {"example.com", "xn--bcher-kva.example"};
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(owned("ann@example.com", domains, 2, &e), &e);
    assert_ok(owned("ann@EXAMPLE.com", domains, 2, &e), &e);
    assert_ok(owned("ann@xn--bcher-kva.example", domains, 2, &e), &e);
    assert_ok(owned("ann@b\xc3\xbc"
                    "cher.example",
                    domains, 2, &e),
              &e);
    assert_err(owned("ann@example.org", domains, 2, &e), &e, "email-domain-not-owned");
    assert_err(owned("ann@sub.example.com", domains, 2, &e), &e, "email-domain-not-owned");
    assert_err(owned("ann@badexample.com", domains, 2, &e), &e, "email-domain-not-owned");
    assert_err(owned("ann@example.com.evil.org", domains, 2, &e), &e, "email-domain-not-owned");
    assert_err(owned("ann@example.com@evil.org", domains, 2, &e), &e, "email-missing");
    assert_err(owned("ann", domains, 2, &e), &e, "email-missing");
    assert_err(owned("", domains, 2, &e), &e, "email-missing");
}

static void email_source(void **state)
{
    static const char *const domains[] = {"example.com"};
    struct fixture f;
    struct slice values[2] = {SLICE("ann@example.com"), SLICE("bob@example.com")};
    struct saml_attribute attr[2];
    struct err e = ERR_INIT;
    struct email email;
    bool present;

    (void)state;
    with_mail(&f, "ann@example.com", values, attr);
    f.x.email_domains = domains;
    f.x.nemail_domains = 1;
    f.as.name_id = SLICE("upn@other.example"); /* a NameID that is not the source may differ */
    assert_ok(saml_email(&f.as, &f.x, &present, &email, &e), &e);
    assert_string_equal(email.key, "ann@example.com");

    f.x.email_from = SLICE("nameid");
    assert_err(saml_email(&f.as, &f.x, &present, &email, &e), &e, "email-domain-not-owned");
    f.as.name_id = SLICE("bob@example.com");
    assert_ok(saml_email(&f.as, &f.x, &present, &email, &e), &e);
    assert_string_equal(email.key, "bob@example.com");

    f.x.email_from = SLICE("Mail");
    assert_err(saml_email(&f.as, &f.x, &present, &email, &e), &e, "email-missing");
    f.x.email_from = SLICE("mail");
    attr[0].nvalues = 2;
    assert_err(saml_email(&f.as, &f.x, &present, &email, &e), &e, "email-missing");
    attr[0].nvalues = 1;
    attr[1] = attr[0];
    f.as.nattributes = 2;
    assert_err(saml_email(&f.as, &f.x, &present, &email, &e), &e, "email-missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_cases),
        cmocka_unit_test(issuer),
        cmocka_unit_test(destination),
        cmocka_unit_test(status),
        cmocka_unit_test(conditions),
        cmocka_unit_test(audience),
        cmocka_unit_test(times),
        cmocka_unit_test(extreme_times),
        cmocka_unit_test(bearer),
        cmocka_unit_test(several_confirmations),
        cmocka_unit_test(in_response_to),
        cmocka_unit_test(unsolicited),
        cmocka_unit_test(authn_statement),
        cmocka_unit_test(incomplete_expectation),
        cmocka_unit_test(valid_until),
        cmocka_unit_test(errors_say_what),
        cmocka_unit_test(email_without_ownership),
        cmocka_unit_test(email_ownership),
        cmocka_unit_test(email_source),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
