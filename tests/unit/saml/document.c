/* document.c - unit tests of saml/verify.h: the Response around the Assertion, the XML it is written in, limits. */
#include "tests/unit/saml/verify_rig.h"

/* --- the Response ------------------------------------------------------------------------------------------------ */

static void other_documents_are_refused(void **state)
{
    static const struct {
        const char *what, *by;
    } bad[] = {
        {"Version=\"2.0\" IssueInstant", "Version=\"1.1\" IssueInstant"},
        {"Version=\"2.0\" IssueInstant", "IssueInstant"},
        {"Version=\"2.0\" xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"",
         "Version=\"1.0\" xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\""},
        {"xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\"",
         "xmlns:samlp=\"urn:oasis:names:tc:SAML:1.0:protocol\""},
        {"<samlp:Status>", "text<samlp:Status>"},
        {"<samlp:Status>", "<![CDATA[x]]><samlp:Status>"},
        {"<samlp:Status>", "<x/><samlp:Status>"},
        {"<samlp:Status>", "<samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>"
                           "</samlp:Status><samlp:Status>"},
        {"<samlp:Status>", "<samlp:Extensions/><samlp:Extensions/><samlp:Status>"},
        {"<samlp:StatusCode ", "<samlp:StatusMessage/><samlp:StatusCode "},
        {"<samlp:StatusCode ", "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>"
                               "<samlp:StatusCode "},
        {"<samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></samlp:Status>", ""},
        {"<samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></samlp:Status>",
         "<samlp:Status/>"},
        {"555555555555/</Issuer>", "555555555555/<!-- --></Issuer>"},
    };
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_err(verify_edited(bad[i].what, bad[i].by, &e), &e, "response-shape");
    assert_err(verify("<Assertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"a\" Version=\"2.0\"/>", &e), &e,
               "response-shape");
    assert_err(verify("<samlp:LogoutResponse xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"a\" "
                      "Version=\"2.0\"/>",
                      &e),
               &e, "response-shape");
    assert_err(verify("<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"a\" Version=\"2.0\">"
                      "<samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>"
                      "</samlp:Status></samlp:Response>",
                      &e),
               &e, "response-shape");
}

static void only_success_is_success(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    /* success as the second level, signed or not */
    assert_err(
        verify_edited("status:Success\"/></samlp:Status>",
                      "status:Responder\"><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>"
                      "</samlp:StatusCode></samlp:Status>",
                      &e),
        &e, "status-not-success");
    assert_err(verify_edited("status:Success\"", "status:Success \"", &e), &e, "status-not-success");
    assert_err(verify_edited("status:Success\"", "status:success\"", &e), &e, "status-not-success");
    /* what Entra says goes into the error */
    assert_int_equal(
        verify("<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"a\" "
               "Version=\"2.0\"><samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:"
               "Requester\"><samlp:StatusCode Value=\"urn:x:Denied\"/></samlp:StatusCode>"
               "<samlp:StatusMessage>AADSTS50105: not assigned</samlp:StatusMessage></samlp:Status>"
               "</samlp:Response>",
               &e),
        -1);
    assert_string_equal(err_name(e.code), "status-not-success");
    assert_string_equal(e.found,
                        "urn:oasis:names:tc:SAML:2.0:status:Requester / urn:x:Denied: AADSTS50105: not assigned");
}

static void encrypted_assertions_have_a_shape(void **state)
{
    struct err e = ERR_INIT;
    struct sign_response r = sign_defaults(pinned);
    char *xml = sign_make(&r), *from = strstr(xml, "<Assertion "), *text = NULL;

    (void)state;
    text = sign_printf("%.*s<EncryptedAssertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">"
                       "<EncryptedData xmlns=\"http://www.w3.org/2001/04/xmlenc#\" Id=\"_e\"/>"
                       "</EncryptedAssertion></samlp:Response>",
                       (int)(from - xml), xml);
    assert_err(verify(text, &e), &e, "response-shape");
    free(text);
    free(xml);
    /* a clear one beside it */
    r.after_assertion = "<EncryptedAssertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"/>";
    assert_err(verify_made(&r, &e), &e, "response-shape");
}

/* --- the parser -------------------------------------------------------------------------------------------------- */

static void bad_xml_is_refused(void **state)
{
    static const struct {
        const char *what, *by, *code;
    } bad[] = {
        {"<Subject>", "<Subject><x:y/>", "xml-syntax"}, /* undeclared prefix: a warning to libxml2 */
        {"<Subject>", "<Subject a='1' a='2'>", "xml-syntax"},
        {"<Subject>", "<Subject xmlns:p='urn:x' xmlns:q='urn:x' p:a='1' q:a='2'>", "xml-syntax"},
        {"<Subject>", "<Subject xmlns:xml='urn:x'>", "xml-syntax"},
        {"<Subject>", "<Subject xmlns:p=''>", "xml-syntax"},
        {"<Subject>", "<Subject xmlns:p='relative'>", "xml-syntax"}, /* canonicalization would fail on it */
        {"<Subject>", "<Subject xmlns:p='a b:c'>", "xml-syntax"},
        {"</Subject>", "</subject>", "xml-syntax"},
        {"<Subject>", "<Subject>]]>", "xml-syntax"},
        {"<Subject>", "<Subject>&#0;", "xml-syntax"},
        {"<Subject>", "<Subject>&#x1F;", "xml-syntax"},
        {"<Subject>", "<Subject>&#xFFFFFF;", "xml-syntax"},
        {"<Subject>", "<1>", "xml-syntax"},
        {"<Subject>", "<Subject>&x;", "xml-syntax"},
        {"</samlp:Response>", "</samlp:Response>x", "xml-syntax"},
        {"</samlp:Response>", "</samlp:Response><a/>", "xml-syntax"},
        {"<samlp:Response", "<!DOCTYPE samlp:Response [<!ENTITY x 'y'>]><samlp:Response", "xml-doctype"},
        {"<Subject>", "<Subject><?php x?>", "xml-processing-instruction"},
        {"<samlp:Response", "<?xml version=\"1.0\" encoding=\"UTF-16\"?><samlp:Response", "xml-encoding"},
        {"Ada Lovelace", "Ada \xff", "xml-encoding"},
    };
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_err(verify_edited(bad[i].what, bad[i].by, &e), &e, bad[i].code);
    assert_err(verify("", &e), &e, "xml-too-large");
}

/* NetIQ's way: declared and sent as ISO-8859-1, signed over the characters. */
static void latin1_is_read_as_its_characters(void **state)
{
    struct sign_response r = sign_defaults(pinned);
    struct err e = ERR_INIT;
    char *utf8, *latin1, *text = NULL;

    (void)state;
    r.attributes[2].value = "Jos\xc3\xa9";
    utf8 = sign_make(&r);
    assert_ok(verify(utf8, &e), &e);
    latin1 = sign_replace(utf8, "Jos\xc3\xa9", "Jos\xe9");
    assert_err(verify(latin1, &e), &e, "xml-encoding");
    text = sign_printf("<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>%s", latin1);
    assert_ok(verify(text, &e), &e);
    free(text);
    /* lying: UTF-8 octets are two characters of ISO-8859-1 each, and those were not signed */
    text = sign_printf("<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>%s", utf8);
    assert_err(verify(text, &e), &e, "signature-invalid");
    free(text);
    free(latin1);
    free(utf8);
}

/* --- limits ------------------------------------------------------------------------------------------------------ */

static void limits_hold(void **state)
{
    struct sign_response r = sign_defaults(pinned);
    struct saml_trust trust;
    struct saml_signed s;
    struct arena a;
    struct err e = ERR_INIT;
    struct buf many;
    char *xml;

    (void)state;
    xml = sign_make(&r);
    saml_trust_init(&trust);
    sign_trust(&trust, pinned);
    arena_init(&a, 1024);
    assert_err(saml_verify(slice_of(xml), &trust, 0, &a, &s, &e), &e, "out-of-memory");
    arena_free(&a);
    saml_trust_free(&trust);
    free(xml);
    /* a canonical form that is longer than any document: the prefix is declared again for every child */
    buf_init(&many, 1024 * 1024);
    buf_add_str(&many, "<x xmlns:p=\"urn:");
    for (int i = 0; i < 3000; i++)
        buf_add_char(&many, 'u');
    buf_add_str(&many, "\">");
    for (int i = 0; i < 1000; i++)
        buf_add_str(&many, "<p:y/>");
    buf_add_str(&many, "</x>");
    assert_false(buf_failed(&many));
    r.attributes[0].value = buf_cstr(&many);
    assert_err(verify_made(&r, &e), &e, "xml-limit");
    buf_free(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_documents_are_refused),       cmocka_unit_test(only_success_is_success),
        cmocka_unit_test(encrypted_assertions_have_a_shape), cmocka_unit_test(bad_xml_is_refused),
        cmocka_unit_test(latin1_is_read_as_its_characters),  cmocka_unit_test(limits_hold),
    };

    return cmocka_run_group_tests_name("saml/document", tests, verify_setup, verify_teardown);
}
