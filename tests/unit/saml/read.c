/* The strict reader: everything it takes from a good Assertion, and one change at a time that it refuses. */
#include "saml/read.h"

#include "base/buf.h"
#include "saml/token.h"
#include "tests/unit/saml/sample.h"

static struct arena arena;
static struct saml_response response;
static struct saml_assertion assertion;
static char *copy; /* of the text last read */

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 16 * (size_t)SAML_XML_MAX);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    free(copy);
    copy = NULL;
    return 0;
}

static int read_it(const char *xml, enum saml_element what, struct err *e)
{
    size_t n = strlen(xml);

    /* exactly as large as the text, so that AddressSanitizer sees a read past its end */
    free(copy);
    copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, xml, n);
    return saml_read(slice_make(copy, n), what, NULL, 0, &arena, &response, &assertion, e);
}

static void assert_slice(struct slice s, const char *expected)
{
    assert_non_null(s.p);
    if (!slice_is(s, expected))
        fail_msg("'%.*s' is not '%s'", SLICE_ARG(s), expected);
}

/* What the sample says, however its Assertion was signed. */
static void assert_sample(void)
{
    const struct saml_assertion *as = &assertion;

    assert_slice(as->id, "_a1");
    assert_slice(as->issuer, "https://idp.example.com");
    assert_int_equal(as->issue_instant, 1795514400);
    assert_slice(as->name_id, "ann@example.com");
    assert_slice(as->name_id_format, "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress");
    assert_null(as->name_qualifier.p);
    assert_int_equal(as->nconfirmations, 1);
    assert_true(as->confirmations[0].bearer);
    assert_slice(as->confirmations[0].recipient, "https://sp.example.com/acs");
    assert_slice(as->confirmations[0].in_response_to, "id1");
    assert_int_equal(as->confirmations[0].not_before, 0);
    assert_int_equal(as->confirmations[0].not_on_or_after, 1795514700);
    assert_true(as->has_conditions);
    assert_int_equal(as->not_before, 1795514100);
    assert_int_equal(as->not_on_or_after, 1795518000);
    assert_int_equal(as->nrestrictions, 1);
    assert_int_equal(as->restrictions[0].n, 1);
    assert_slice(as->restrictions[0].audiences[0], "https://sp.example.com");
    assert_false(as->unknown_condition);
    assert_false(as->one_time_use);
    assert_true(as->has_authn_statement);
    assert_int_equal(as->authn_instant, 1795514340);
    assert_int_equal(as->session_not_on_or_after, 1795543200);
    assert_slice(as->session_index, "s1");
    assert_slice(as->authn_context, "urn:oasis:names:tc:SAML:2.0:ac:classes:Password");
    assert_int_equal(as->nattributes, 2);
    assert_slice(as->attributes[0].name, "mail");
    assert_slice(as->attributes[0].name_format, "f");
    assert_slice(as->attributes[0].friendly_name, "E-mail");
    assert_int_equal(as->attributes[1].nvalues, 2);
    assert_slice(as->attributes[1].values[1], "R&D");
}

static void good_assertion(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(read_it(SAMPLE_ASSERTION, SAML_ASSERTION, &e), &e);
    assert_sample();
    assert_null(response.id.p);
}

static void good_response(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(read_it(SAMPLE_RESPONSE, SAML_RESPONSE, &e), &e);
    assert_sample();
    assert_slice(response.id, "_r1");
    assert_slice(response.issuer, "https://idp.example.com");
    assert_slice(response.destination, "https://sp.example.com/acs");
    assert_slice(response.in_response_to, "id1");
    assert_int_equal(response.issue_instant, 1795514401);
}

struct row {
    const char *from, *to;
    const char *why; /* part of the message */
};

/* Every row applied alone to `doc` is refused for its reason, with no field left behind on the way. */
static void refused(const char *doc, enum saml_element what, const struct row *rows, size_t n, const char *code)
{
    for (size_t i = 0; i < n; i++) {
        struct err e = ERR_INIT;
        char *xml = sample_edit(doc, rows[i].from, rows[i].to);

        if (read_it(xml, what, &e) == 0)
            fail_msg("accepted: '%s' instead of '%s'", rows[i].to, rows[i].from);
        if (strcmp(err_name(e.code), code) != 0 || !strstr(e.msg, rows[i].why))
            fail_msg("refused as %s: %s, not for '%s': '%s' instead of '%s'", err_name(e.code), e.msg, rows[i].why,
                     rows[i].to, rows[i].from);
        free(xml);
    }
}
#define REFUSED(doc, what, rows, code) refused((doc), (what), (rows), sizeof(rows) / sizeof(rows)[0], (code))

static void accepted(const char *doc, enum saml_element what, const char *from, const char *to)
{
    struct err e = ERR_INIT;
    char *xml = sample_edit(doc, from, to);

    if (read_it(xml, what, &e) != 0) {
        err_print(stderr, to, &e);
        fail();
    }
    free(xml);
}

#define ASSERTION_IN "<saml:Assertion ID=\"_x\"></saml:Assertion>"

static void bad_assertions(void **state)
{
    static const struct row rows[] = {
        /* the head */
        {"Version=\"2.0\"", "Version=\"1.1\"", "Version"},
        {" Version=\"2.0\"", "", "Version"},
        {"Version=\"2.0\"", "Version=\"2.0 \"", "Version"},
        {"ID=\"_a1\"", "ID=\"1a\"", "NCName"},
        {"ID=\"_a1\"", "ID=\" _a1\"", "NCName"},
        {"ID=\"_a1\" ", "", "ID is missing"},
        {"ID=\"_a1\"", "Id=\"_a1\"", "ID is missing"},
        {"ID=\"_a1\"", "saml:ID=\"_a1\"", "ID is missing"},
        {"IssueInstant=\"2026-11-24T10:00:00Z\" ", "", "IssueInstant is missing"},
        {"2026-11-24T10:00:00Z", "2026-11-24T10:00:00", "bad time"},
        {"2026-11-24T10:00:00Z", "2026-11-24T10:00:00+01:00", "bad time"},
        {"2026-11-24T10:00:00Z", "1970-01-01T00:00:00Z", "bad time"},
        {"urn:oasis:names:tc:SAML:2.0:assertion", "urn:oasis:names:tc:SAML:1.0:assertion", "not the Assertion"},
        /* Issuer */
        {"<saml:Issuer>https://idp.example.com</saml:Issuer>", "", "does not begin with its Issuer"},
        {"https://idp.example.com", "", "Issuer is empty"},
        {"https://idp.example.com", " \n ", "Issuer is empty"},
        {"idp.example.com", "idp<!-- x -->.example.com", "Issuer is not plain text"},
        {"idp.example.com", "idp<![CDATA[.example]]>.com", "Issuer is not plain text"},
        {"idp.example.com", "idp<b>.</b>example.com", "Issuer is not plain text"},
        {"</saml:Issuer>", "</saml:Issuer><saml:Issuer>x</saml:Issuer>", "without Subject"},
        {"<saml:Issuer>https://idp.example.com</saml:Issuer>",
         "<Issuer xmlns=\"urn:x\">https://idp.example.com</Issuer>", "does not begin with its Issuer"},
        /* a Signature in its own canonical bytes was not taken out by the transform: it is another one */
        {"</saml:Issuer>", "</saml:Issuer>" SAMPLE_SIGNATURE, "without Subject"},
        /* Subject */
        {SAMPLE_SUBJECT, "", "without Subject"},
        {SAMPLE_SUBJECT SAMPLE_CONDITIONS, SAMPLE_CONDITIONS SAMPLE_SUBJECT, "without Subject"},
        {SAMPLE_SUBJECT, SAMPLE_SUBJECT SAMPLE_SUBJECT, "Subject does not belong"},
        {"ann@example.com</saml:NameID>", "</saml:NameID>", "NameID is empty"},
        {"ann@example.com</saml:NameID>", "ann@example.com<!---->.evil.com</saml:NameID>", "NameID is not plain"},
        {"ann@example.com</saml:NameID>", "<!---->ann@example.com</saml:NameID>", "NameID is not plain"},
        {"ann@example.com</saml:NameID>", "ann@example.com<!----></saml:NameID>", "NameID is not plain"},
        {"ann@example.com</saml:NameID>", "<![CDATA[ann]]><![CDATA[@example.com]]></saml:NameID>",
         "NameID is not plain"},
        {"ann@example.com</saml:NameID>", "<x></x>ann@example.com</saml:NameID>", "NameID is not plain"},
        {"</saml:NameID>", "</saml:NameID><saml:NameID>bob</saml:NameID>", "NameID does not belong"},
        {"<saml:SubjectConfirmation ", "<saml:Extra></saml:Extra><saml:SubjectConfirmation ", "Extra does not belong"},
        {" Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\"", "", "Method is missing"},
        {"<saml:SubjectConfirmationData ",
         "<saml:SubjectConfirmationData></saml:SubjectConfirmationData><saml:SubjectConfirmationData ",
         "SubjectConfirmationData does not belong"},
        {"2026-11-24T10:05:00Z", "2026-11-31T10:05:00Z", "bad time in NotOnOrAfter"},
        {"2026-11-24T10:05:00Z", "", "bad time in NotOnOrAfter"},
        {"></saml:SubjectConfirmationData>", ">" ASSERTION_IN "</saml:SubjectConfirmationData>",
         "an assertion inside another"},
        /* Conditions */
        {"NotBefore=\"2026-11-24T09:55:00Z\"", "NotBefore=\"yesterday\"", "bad time in NotBefore"},
        {"NotOnOrAfter=\"2026-11-24T11:00:00Z\"", "NotOnOrAfter=\"10000-01-01T00:00:00Z\"", "bad time"},
        {"NotOnOrAfter=\"2026-11-24T11:00:00Z\"", "NotOnOrAfter=\"1970-01-01T00:00:00Z\"", "bad time"},
        {"<saml:Audience>https://sp.example.com</saml:Audience>", "", "without Audience"},
        {"<saml:Audience>", "<saml:Other></saml:Other><saml:Audience>", "without Audience"},
        {"</saml:Audience>", "</saml:Audience><saml:Other></saml:Other>", "Other does not belong"},
        {"https://sp.example.com</saml:Audience>", "https://sp.example<!---->.com</saml:Audience>",
         "Audience is not plain"},
        {"https://sp.example.com</saml:Audience>", "</saml:Audience>", "Audience is empty"},
        {"</saml:Conditions>",
         "<saml:OneTimeUse></saml:OneTimeUse><saml:OneTimeUse></saml:OneTimeUse></saml:Conditions>",
         "OneTimeUse twice"},
        {"</saml:Conditions>",
         "<saml:ProxyRestriction></saml:ProxyRestriction><saml:ProxyRestriction></saml:ProxyRestriction>"
         "</saml:Conditions>",
         "ProxyRestriction twice"},
        {"</saml:Conditions>", "<saml:Condition>" ASSERTION_IN "</saml:Condition></saml:Conditions>",
         "an assertion inside another"},
        {SAMPLE_CONDITIONS, SAMPLE_CONDITIONS SAMPLE_CONDITIONS, "Conditions does not belong"},
        /* Advice */
        {SAMPLE_AUTHN, "<saml:Advice>" ASSERTION_IN "</saml:Advice>" SAMPLE_AUTHN, "an assertion inside another"},
        {SAMPLE_AUTHN,
         "<saml:Advice><x><saml:EncryptedAssertion></saml:EncryptedAssertion></x></saml:Advice>" SAMPLE_AUTHN,
         "an assertion inside another"},
        {SAMPLE_CONDITIONS, "<saml:Advice></saml:Advice>" SAMPLE_CONDITIONS, "Conditions does not belong"},
        /* statements */
        {"AuthnInstant=\"2026-11-24T09:59:00Z\" ", "", "AuthnInstant is missing"},
        {"SessionNotOnOrAfter=\"2026-11-24T18:00:00Z\"", "SessionNotOnOrAfter=\"1970-01-01T00:00:00Z\"", "bad time"},
        {"<saml:AuthnContext>", "<saml:Other></saml:Other><saml:AuthnContext>", "without AuthnContext"},
        {"</saml:AuthnContext>", "</saml:AuthnContext><saml:AuthnContext></saml:AuthnContext>",
         "AuthnContext does not belong"},
        {"</saml:AuthnContextClassRef>",
         "</saml:AuthnContextClassRef><saml:AuthnContextDecl>" ASSERTION_IN "</saml:AuthnContextDecl>",
         "an assertion inside another"},
        {"classes:Password", "classes:<!---->Password", "AuthnContextClassRef is not plain"},
        {" Name=\"mail\"", "", "Name is missing"},
        {" Name=\"mail\"", " Name=\"\"", "Name is missing"},
        {"<saml:AttributeValue>staff", "<saml:Value></saml:Value><saml:AttributeValue>staff", "Value does not belong"},
        {"<saml:AttributeValue>staff", "<saml:AttributeValue>" ASSERTION_IN, "an assertion inside another"},
        {"</saml:AttributeStatement>", "<saml:Other></saml:Other></saml:AttributeStatement>", "Other does not belong"},
        {"</saml:AttributeStatement>", "</saml:AttributeStatement><saml:Other></saml:Other>", "Other does not belong"},
        {"</saml:AttributeStatement>", "</saml:AttributeStatement>" SAMPLE_SUBJECT, "Subject does not belong"},
        {"</saml:AttributeStatement>", "</saml:AttributeStatement>" SAMPLE_SIGNATURE, "Signature does not belong"},
        /* text and what the tokenizer refuses */
        {"</saml:Issuer>", "</saml:Issuer>x", "text between elements"},
        {"</saml:Issuer>", "</saml:Issuer><![CDATA[ ]]>", "text between elements"},
        {"</saml:Issuer>", "</saml:Issuer>&#160;", "text between elements"},
        {"</saml:Issuer>", "</saml:Issuer><?x?>", "processing instruction"},
        {"</saml:Assertion>", "", "does not end"},
        {"</saml:Assertion>", "</saml:Assertion> ", "outside the root"},
        {"</saml:Assertion>", "</saml:Assertion><!---->", "outside the element"},
    };

    (void)state;
    REFUSED(SAMPLE_ASSERTION, SAML_ASSERTION, rows, "assertion-unreadable");
}

static void bad_responses(void **state)
{
    static const struct row rows[] = {
        {"ID=\"_r1\"", "ID=\"-r1\"", "NCName"},
        {"IssueInstant=\"2026-11-24T10:00:01Z\"", "", "IssueInstant is missing"},
        {"Version=\"2.0\"", "Version=\"2.1\"", "Version"},
        {"urn:oasis:names:tc:SAML:2.0:protocol", "urn:x", "not the Response"},
        {"<samlp:Status>", SAMPLE_SIGNATURE "<samlp:Status>", "without Status"},
        {"<samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"></samlp:StatusCode>"
         "</samlp:Status>",
         "", "without Status"},
        {"<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"></samlp:StatusCode>", "",
         "does not begin with StatusCode"},
        {"</samlp:StatusCode>", "</samlp:StatusCode><samlp:StatusCode Value=\"x\"></samlp:StatusCode>",
         "StatusCode does not belong"},
        {"</samlp:Status>", "</samlp:Status><samlp:Status></samlp:Status>", "without Assertion"},
        {"<samlp:Status>",
         "<samlp:Extensions>"
         "<a:Assertion xmlns:a=\"urn:oasis:names:tc:SAML:2.0:assertion\">"
         "</a:Assertion></samlp:Extensions><samlp:Status>",
         "an assertion inside another"},
        {"</saml:Assertion>",
         "</saml:Assertion><saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">"
         "</saml:Assertion>",
         "Assertion does not belong"},
        {"</saml:Issuer>" SAMPLE_SIGNATURE, "</saml:Issuer>" SAMPLE_SIGNATURE SAMPLE_SIGNATURE, "without Subject"},
        {"<ds:SignedInfo></ds:SignedInfo>",
         "<ds:Object><a:Assertion xmlns:a=\"urn:oasis:names:tc:SAML:2.0:assertion\">"
         "</a:Assertion></ds:Object>",
         "an assertion inside another"},
    };

    (void)state;
    REFUSED(SAMPLE_RESPONSE, SAML_RESPONSE, rows, "assertion-unreadable");
}

static void encrypted_parts(void **state)
{
    static const struct row in_assertion[] = {
        {"<saml:NameID Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress\">ann@example.com</saml:NameID>",
         "<saml:EncryptedID></saml:EncryptedID>", "exactly one EncryptedData"},
    };
    static const struct row in_response[] = {
        {"</samlp:Status>",
         "</samlp:Status><a:EncryptedAssertion xmlns:a=\"urn:oasis:names:tc:SAML:2.0:assertion\">"
         "</a:EncryptedAssertion>",
         "exactly one EncryptedData"},
    };

    (void)state;
    REFUSED(SAMPLE_ASSERTION, SAML_ASSERTION, in_assertion, "assertion-unreadable");
    REFUSED(SAMPLE_RESPONSE, SAML_RESPONSE, in_response, "assertion-unreadable");
}

static void refusals_of_the_provider(void **state)
{
    static const struct row rows[] = {
        {"status:Success\"></samlp:StatusCode></samlp:Status>",
         "status:Responder\"><samlp:StatusCode Value=\"urn:sub\"></samlp:StatusCode></samlp:StatusCode>"
         "<samlp:StatusMessage>AADSTS50105</samlp:StatusMessage><samlp:StatusDetail></samlp:StatusDetail></"
         "samlp:Status>",
         "urn:sub AADSTS50105"},
        {"status:Success", "status:Succes", "refusal"},
        /* Success counts at the first level only */
        {"status:Success\"></samlp:StatusCode>",
         "status:Requester\"><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"></samlp:StatusCode>"
         "</samlp:StatusCode>",
         "refusal"},
    };

    (void)state;
    REFUSED(SAMPLE_RESPONSE, SAML_RESPONSE, rows, "status-not-success");
}

static void what_it_is_said_to_be(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_err(read_it(SAMPLE_RESPONSE, SAML_ASSERTION, &e), &e, "assertion-unreadable");
    assert_err(read_it(SAMPLE_ASSERTION, SAML_RESPONSE, &e), &e, "assertion-unreadable");
    assert_err(read_it(SAMPLE_ASSERTION, SAML_NOTHING, &e), &e, "assertion-unreadable");
    assert_err(read_it("", SAML_ASSERTION, &e), &e, "assertion-unreadable");
}

/* Legal, and met in the wild. */
static void also_good(void **state)
{
    (void)state;
    accepted(SAMPLE_ASSERTION, SAML_ASSERTION, "ann@example.com</saml:NameID>",
             "<![CDATA[ann@example.com]]></saml:NameID>");
    assert_slice(assertion.name_id, "ann@example.com");
    accepted(SAMPLE_ASSERTION, SAML_ASSERTION, "ann@example.com</saml:NameID>", "ann&#64;example.com</saml:NameID>");
    assert_slice(assertion.name_id, "ann@example.com");
    accepted(SAMPLE_ASSERTION, SAML_ASSERTION, "ann@example.com</saml:NameID>", "\n  ann@example.com\n</saml:NameID>");
    assert_slice(assertion.name_id, "ann@example.com");
    accepted(SAMPLE_ASSERTION, SAML_ASSERTION, "<saml:NameID ",
             "<saml:NameID NameQualifier=\"q\" SPNameQualifier=\"s\" ");
    assert_slice(assertion.name_qualifier, "q");
    assert_slice(assertion.sp_name_qualifier, "s");
    accepted(SAMPLE_ASSERTION, SAML_ASSERTION, "<saml:Subject>", "\n <!-- between --> <saml:Subject>");
    accepted(SAMPLE_ASSERTION, SAML_ASSERTION, SAMPLE_AUTHN SAMPLE_ATTRIBUTES, SAMPLE_ATTRIBUTES SAMPLE_AUTHN);
    assert_sample();
    accepted(SAMPLE_ASSERTION, SAML_ASSERTION, "<saml:SubjectConfirmationData ",
             "<saml:NameID>who may confirm</saml:NameID><saml:SubjectConfirmationData ");
    assert_sample();
    accepted(SAMPLE_ASSERTION, SAML_ASSERTION, SAMPLE_AUTHN,
             "<saml:Advice><saml:AssertionIDRef>x</saml:AssertionIDRef></saml:Advice>" SAMPLE_AUTHN);
    assert_sample();
    accepted(SAMPLE_ASSERTION, SAML_ASSERTION, "<saml:AuthnContext>",
             "<saml:SubjectLocality Address=\"10.0.0.1\"></saml:SubjectLocality><saml:AuthnContext>");
    assert_sample();
    accepted(SAMPLE_ASSERTION, SAML_ASSERTION, "</saml:AuthnContextClassRef>",
             "</saml:AuthnContextClassRef><saml:AuthnContextDeclRef>d</saml:AuthnContextDeclRef>"
             "<saml:AuthenticatingAuthority>x</saml:AuthenticatingAuthority>");
    assert_sample();
    accepted(SAMPLE_RESPONSE, SAML_RESPONSE, "<samlp:Status>",
             "<samlp:Extensions><x xmlns=\"urn:x\"></x></samlp:Extensions><samlp:Status>");
    assert_sample();
    accepted(
        SAMPLE_RESPONSE, SAML_RESPONSE, "</samlp:Status>",
        "<samlp:StatusMessage>welcome</samlp:StatusMessage><samlp:StatusDetail></samlp:StatusDetail></samlp:Status>");
    assert_sample();
    accepted(SAMPLE_RESPONSE, SAML_RESPONSE, SAMPLE_SIGNATURE, "");
    assert_sample();
}

static void conditions(void **state)
{
    (void)state;
    accepted(SAMPLE_ASSERTION, SAML_ASSERTION, SAMPLE_CONDITIONS, "");
    assert_false(assertion.has_conditions);
    assert_int_equal(assertion.nrestrictions, 0);
    accepted(SAMPLE_ASSERTION, SAML_ASSERTION, "</saml:Conditions>",
             "<saml:OneTimeUse></saml:OneTimeUse><saml:ProxyRestriction Count=\"0\"></saml:ProxyRestriction>"
             "<saml:AudienceRestriction><saml:Audience>a</saml:Audience><saml:Audience>b</saml:Audience>"
             "<saml:Audience>c</saml:Audience></saml:AudienceRestriction></saml:Conditions>");
    assert_true(assertion.one_time_use);
    assert_false(assertion.unknown_condition);
    assert_int_equal(assertion.nrestrictions, 2);
    assert_slice(assertion.restrictions[0].audiences[0], "https://sp.example.com");
    assert_int_equal(assertion.restrictions[1].n, 3);
    assert_slice(assertion.restrictions[1].audiences[2], "c");
    accepted(SAMPLE_ASSERTION, SAML_ASSERTION, "</saml:Conditions>",
             "<saml:Condition xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"x:y\">"
             "</saml:Condition></saml:Conditions>");
    assert_true(assertion.unknown_condition);
    accepted(SAMPLE_ASSERTION, SAML_ASSERTION, "</saml:Conditions>",
             "<OneTimeUse xmlns=\"urn:x\"></OneTimeUse></saml:Conditions>");
    assert_true(assertion.unknown_condition);
    assert_false(assertion.one_time_use);
}

static void several_statements(void **state)
{
    (void)state;
    accepted(SAMPLE_ASSERTION, SAML_ASSERTION, SAMPLE_AUTHN,
             SAMPLE_AUTHN "<saml:AuthnStatement AuthnInstant=\"2026-11-24T09:00:00Z\" SessionIndex=\"s2\""
                          " SessionNotOnOrAfter=\"2026-11-24T12:00:00Z\"><saml:AuthnContext></saml:AuthnContext>"
                          "</saml:AuthnStatement>"
                          "<saml:AuthzDecisionStatement></saml:AuthzDecisionStatement>" SAMPLE_ATTRIBUTES);
    assert_int_equal(assertion.authn_instant, 1795510800);
    assert_int_equal(assertion.session_not_on_or_after, 1795521600);
    assert_slice(assertion.session_index, "s1");
    assert_int_equal(assertion.nattributes, 4);
    assert_slice(assertion.attributes[3].values[0], "staff");
    /* a statement without an end does not take away the end of another */
    accepted(SAMPLE_ASSERTION, SAML_ASSERTION, SAMPLE_AUTHN,
             SAMPLE_AUTHN "<saml:AuthnStatement AuthnInstant=\"2026-11-24T09:59:30Z\"><saml:AuthnContext>"
                          "</saml:AuthnContext></saml:AuthnStatement>");
    assert_int_equal(assertion.authn_instant, 1795514340);
    assert_int_equal(assertion.session_not_on_or_after, 1795543200);
    accepted(SAMPLE_ASSERTION, SAML_ASSERTION, SAMPLE_AUTHN, "");
    assert_false(assertion.has_authn_statement);
}

static void confirmations(void **state)
{
    static const char other[] =
        "<saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:holder-of-key\">"
        "<saml:SubjectConfirmationData NotBefore=\"2026-11-24T09:00:00Z\"><k xmlns=\"urn:k\">x</k>"
        "</saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>";
    struct err e = ERR_INIT;
    struct buf many;
    char *xml;

    (void)state;
    accepted(SAMPLE_ASSERTION, SAML_ASSERTION, "</saml:Subject>", other);
    assert_int_equal(assertion.nconfirmations, 2);
    assert_false(assertion.confirmations[1].bearer);
    assert_null(assertion.confirmations[1].recipient.p);
    assert_int_equal(assertion.confirmations[1].not_before, 1795510800);

    buf_init(&many, 1 << 16);
    for (size_t i = 1; i < SAML_CONFIRMATIONS_MAX; i++)
        buf_add_str(&many, "<saml:SubjectConfirmation Method=\"m\"></saml:SubjectConfirmation>");
    buf_add_str(&many, "</saml:Subject>");
    accepted(SAMPLE_ASSERTION, SAML_ASSERTION, "</saml:Subject>", buf_cstr(&many));
    assert_int_equal(assertion.nconfirmations, SAML_CONFIRMATIONS_MAX);
    xml = sample_edit(SAMPLE_ASSERTION, "<saml:SubjectConfirmation ",
                      "<saml:SubjectConfirmation Method=\"m\"></saml:SubjectConfirmation><saml:SubjectConfirmation ");
    buf_reset(&many);
    buf_add_str(&many, xml);
    free(xml);
    xml = sample_edit(buf_cstr(&many), "</saml:Subject>",
                      "<saml:SubjectConfirmation Method=\"m\">"
                      "</saml:SubjectConfirmation></saml:Subject>");
    assert_ok(read_it(xml, SAML_ASSERTION, &e), &e);
    assert_int_equal(assertion.nconfirmations, 3);
    free(xml);
    buf_free(&many);
}

/* Reads the sample with `n` pieces of `piece` in place of `from`. */
static int read_many(const char *from, const char *before, const char *piece, size_t n, const char *after,
                     struct err *e)
{
    struct buf text;
    char *xml;
    int rc;

    buf_init(&text, SAML_XML_MAX);
    buf_add_str(&text, before);
    for (size_t i = 0; i < n; i++)
        buf_add_str(&text, piece);
    buf_add_str(&text, after);
    assert_false(buf_failed(&text));
    xml = sample_edit(SAMPLE_ASSERTION, from, buf_cstr(&text));
    rc = read_it(xml, SAML_ASSERTION, e);
    free(xml);
    buf_free(&text);
    return rc;
}

static void limits(void **state)
{
    static const char confirmation[] = "<saml:SubjectConfirmation Method=\"m\"></saml:SubjectConfirmation>";
    static const char audience[] = "<saml:Audience>a</saml:Audience>";
    static const char attribute[] = "<saml:Attribute Name=\"x\"></saml:Attribute>";
    static const char value[] = "<saml:AttributeValue>x</saml:AttributeValue>";
    struct err e = ERR_INIT;

    (void)state;
    assert_err(read_many("</saml:Subject>", "", confirmation, SAML_CONFIRMATIONS_MAX, "</saml:Subject>", &e), &e,
               "assertion-unreadable");
    assert_ok(read_many("<saml:Audience>", "", audience, SAML_AUDIENCES_MAX - 1, "<saml:Audience>", &e), &e);
    assert_err(read_many("<saml:Audience>", "", audience, SAML_AUDIENCES_MAX, "<saml:Audience>", &e), &e,
               "assertion-unreadable");
    assert_ok(read_many(SAMPLE_ATTRIBUTES, "<saml:AttributeStatement>", attribute, SAML_ATTRIBUTES_MAX,
                        "</saml:AttributeStatement>", &e),
              &e);
    assert_int_equal(assertion.nattributes, SAML_ATTRIBUTES_MAX);
    assert_err(read_many(SAMPLE_ATTRIBUTES, "<saml:AttributeStatement>", attribute, SAML_ATTRIBUTES_MAX + 1,
                         "</saml:AttributeStatement>", &e),
               &e, "assertion-unreadable");
    assert_ok(read_many("<saml:AttributeValue>staff", "", value, 4000, "<saml:AttributeValue>staff", &e), &e);
    assert_int_equal(assertion.attributes[1].nvalues, 4002);
    assert_slice(assertion.attributes[1].values[4000], "staff");
    assert_err(read_many("<saml:AttributeValue>staff", "", value, TOKEN_ELEMENTS_MAX, "<saml:AttributeValue>staff", &e),
               &e, "assertion-unreadable");

    /* white space fills it up to the limit, then beyond */
    for (size_t n = SAML_XML_MAX; n <= SAML_XML_MAX + 1; n++) {
        char *pad = NULL, *big;

        assert_true(asprintf(&pad, "</saml:Issuer>%*s", (int)(n - strlen(SAMPLE_ASSERTION)), "") > 0);
        big = sample_edit(SAMPLE_ASSERTION, "</saml:Issuer>", pad);
        assert_int_equal(strlen(big), n);
        if (n == SAML_XML_MAX)
            assert_ok(read_it(big, SAML_ASSERTION, &e), &e);
        else
            assert_err(read_it(big, SAML_ASSERTION, &e), &e, "assertion-unreadable");
        free(big);
        free(pad);
    }
}

static void no_memory(void **state)
{
    struct err e = ERR_INIT;
    struct arena small;

    (void)state;
    for (size_t max = 0; max < 24 * 1024; max += 1024) {
        int rc;

        arena_init(&small, max);
        rc = saml_read(SLICE(SAMPLE_ASSERTION), SAML_ASSERTION, NULL, 0, &small, &response, &assertion, &e);
        if (max == 0)
            assert_int_equal(rc, -1);
        if (rc != 0)
            assert_string_equal(err_name(e.code), "out-of-memory");
        err_clear(&e);
        arena_free(&small);
    }
}

static void attribute_values(void **state)
{
    static const struct {
        const char *value;  /* in place of one AttributeValue of mail */
        const char *single; /* NULL: not usable */
    } rows[] = {
        {"<saml:AttributeValue>x</saml:AttributeValue>", "x"},
        {"<saml:AttributeValue> x\n</saml:AttributeValue>", "x"},
        {"<saml:AttributeValue></saml:AttributeValue>", ""},
        {"<saml:AttributeValue><![CDATA[x&y]]></saml:AttributeValue>", "x&y"},
        {"<saml:AttributeValue xmlns:xs=\"urn:xs\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\""
         " xsi:type=\"xs:string\">x</saml:AttributeValue>",
         "x"},
        {"<saml:AttributeValue xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"nowhere:string\">x"
         "</saml:AttributeValue>",
         "x"},
        {"<saml:AttributeValue xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"false\">x"
         "</saml:AttributeValue>",
         "x"},
        {"<saml:AttributeValue nil=\"true\">x</saml:AttributeValue>", "x"},
        {"<saml:AttributeValue xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"true\">"
         "</saml:AttributeValue>",
         NULL},
        {"<saml:AttributeValue xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"1\">x"
         "</saml:AttributeValue>",
         NULL},
        {"<saml:AttributeValue>x<!-- y --></saml:AttributeValue>", NULL},
        {"<saml:AttributeValue><!-- y --></saml:AttributeValue>", NULL},
        {"<saml:AttributeValue>x<![CDATA[y]]></saml:AttributeValue>", NULL},
        {"<saml:AttributeValue><saml:NameID>x</saml:NameID></saml:AttributeValue>", NULL},
        {"<saml:AttributeValue>x</saml:AttributeValue><saml:AttributeValue>x</saml:AttributeValue>", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct slice got;

        accepted(SAMPLE_ASSERTION, SAML_ASSERTION, "<saml:AttributeValue>ann@example.com</saml:AttributeValue>",
                 rows[i].value);
        got = saml_attribute_single(&assertion, SLICE("mail"));
        if (!rows[i].single ? got.p != NULL : !got.p || !slice_is(got, rows[i].single))
            fail_msg("%s gives '%.*s'", rows[i].value, SLICE_ARG(got));
    }
}

static void looking_up(void **state)
{
    (void)state;
    accepted(SAMPLE_ASSERTION, SAML_ASSERTION, "</saml:AttributeStatement>",
             "<saml:EncryptedAttribute></saml:EncryptedAttribute><saml:Attribute Name=\"groups\">"
             "<saml:AttributeValue>other</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>");
    assert_non_null(saml_attribute_get(&assertion, SLICE("mail")));
    assert_null(saml_attribute_get(&assertion, SLICE("Mail")));
    assert_null(saml_attribute_get(&assertion, SLICE("mai")));
    assert_null(saml_attribute_get(&assertion, SLICE("groups"))); /* given twice: ambiguous */
    assert_null(saml_attribute_single(&assertion, SLICE("groups")).p);
    assert_null(saml_attribute_single(&assertion, SLICE("absent")).p);
    assert_int_equal(assertion.nattributes, 3);
    assert_true(assertion.has_encrypted_attribute);
    accepted(SAMPLE_ASSERTION, SAML_ASSERTION, "", "");
    assert_false(assertion.has_encrypted_attribute);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(good_assertion),
        T(good_response),
        T(bad_assertions),
        T(bad_responses),
        T(encrypted_parts),
        T(refusals_of_the_provider),
        T(what_it_is_said_to_be),
        T(also_good),
        T(conditions),
        T(several_statements),
        T(confirmations),
        T(limits),
        T(no_memory),
        T(attribute_values),
        T(looking_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
