/*
 * audit_attack.c - unit tests of cli/audit_attack.h: every row of the table has a document that resembles it, and
 * honest documents resemble none.
 */
#include "tests/unit/cli/examine.h"

#define SAML_A "xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\""
#define SAML_P "xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\""
#define XENC "xmlns=\"http://www.w3.org/2001/04/xmlenc#\""
#define EVIL "<Assertion " SAML_A " ID=\"evil\" Version=\"2.0\" IssueInstant=\"2026-01-01T00:00:00Z\"/>"
#define ENCRYPTED "<EncryptedAssertion " SAML_A "><EncryptedData " XENC "/></EncryptedAssertion>"
#define STATUS "<samlp:Status>"
#define ASSERTION_ID "_0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
#define TRANSFORM(uri) "<Transform Algorithm=\"" uri "\"/></Transforms>"

static uint64_t covered; /* rows that some test has met */

static void expect(EVP_PKEY *trusted, const char *xml, const char *names)
{
    struct audit_result r;
    char found[EXAMINE_NAMES];

    examine(trusted, xml, &r);
    attack_names(&r, found);
    if (strcmp(found, names) != 0)
        fail_msg("resembles '%s', should '%s': %s: %s\n%s", found, names,
                 err_name(r.why.code) ? err_name(r.why.code) : "-", r.why.msg, xml);
    covered |= r.attacks;
    audit_result_free(&r);
}

static void expect_made(struct sign_response *m, EVP_PKEY *trusted, const char *names)
{
    char *xml = sign_make(m);

    expect(trusted, xml, names);
    free(xml);
}

static void honest_documents_resemble_none(void **state)
{
    struct sign_response m = sign_defaults(pinned);
    char *info = key_info_of(pinned, 86400);

    (void)state;
    expect_made(&m, pinned, "");
    m.sign.key_info = info;
    expect_made(&m, pinned, "");
    expect_made(&m, NULL, "");
    m.sign_response = true;
    expect_made(&m, pinned, "");
    m.sign_assertion = false;
    expect_made(&m, pinned, "");
    expect(pinned, "<samlp:AuthnRequest " SAML_P " ID=\"a\" Version=\"2.0\"/>", "");
    expect(pinned, "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"https://idp\"/>", "");
    free(info);
}

/* One change to a document with a genuine signature, after signing. */
static void changes(void **state)
{
    static const struct {
        const char *what, *by, *names;
    } rows[] = {
        {"</Signature>", "<samlp:Response ID=\"x\"/></Signature>", "xsw-1"},
        {STATUS, "<samlp:Response ID=\"x\"/>" STATUS, "xsw-2"},
        {"</samlp:Status>", "</samlp:Status>" EVIL, "xsw-3"},
        {"</AuthnStatement>", "</AuthnStatement>" EVIL, "xsw-4"},
        {"</Signature>", EVIL "</Signature>", "xsw-6"},
        {STATUS, "<samlp:Extensions>" EVIL "</samlp:Extensions>" STATUS, "xsw-7"},
        {"</Signature>", "<Object>" EVIL "</Object></Signature>", "xsw-8, object-in-signature"},
        {"</SignedInfo>", "</SignedInfo><SignedInfo/>", "xsw-9"},
        {"</Conditions>", "</Conditions><Advice>" EVIL "</Advice>", "assertion-hidden"},
        {"ada@contoso.com</AttributeValue>", "ada@contoso.com" EVIL "</AttributeValue>", "assertion-hidden"},
        {"URI=\"#" ASSERTION_ID, "URI=\"#other", "signature-over-another"},
        {"URI=\"#" ASSERTION_ID, "URI=\"", "signature-over-document"},
        {"URI=\"#" ASSERTION_ID, "URI=\"https://evil.test/", "external-reference"},
        {"URI=\"#" ASSERTION_ID, "URI=\"#xpointer(/)", "signature-over-another, external-reference"},
        {"</Signature>", "<Object/></Signature>", "object-in-signature"},
        {"</Reference>", "</Reference><Reference URI=\"#x\"/>", "several-references"},
        {"</Signature>", "<Object><Manifest/></Object></Signature>", "object-in-signature, several-references"},
        {"</Transforms>", TRANSFORM("http://www.w3.org/TR/1999/REC-xpath-19991116"), "transform"},
        {"</Transforms>", TRANSFORM("http://www.w3.org/2002/06/xmldsig-filter2"), "transform"},
        {"</Transforms>", TRANSFORM("http://www.w3.org/TR/1999/REC-xslt-19991116"), "transform, xslt"},
        {"</Transforms>", TRANSFORM("http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"), ""},
        {STATUS, "<samlp:Extensions><x xmlns=\"urn:x\" ID=\"" ASSERTION_ID "\"/></samlp:Extensions>" STATUS,
         "duplicate-id"},
        {"<Subject>", "<Subject xml:id=\"x\">", "disguised-id"},
        {"<Subject>", "<Subject Id=\"x\">", "disguised-id"},
        {STATUS, "<samlp:Extensions><DigestValue xmlns=\"" SIGN_DSIG "\">eA==</DigestValue></samlp:Extensions>" STATUS,
         "digest-elsewhere"},
        {"</DigestValue>", "<!---->A</DigestValue>", "comment-in-digest"},
        {"<Subject>", "<Subject xmlns:r=\"relative\">", "void-canonicalization"},
        {">ada@contoso.com</NameID>", ">eve@contoso.com</NameID>", "changed-after-signing"},
        {">ada@contoso.com</NameID>", ">ada@contoso.com<!---->.evil.test</NameID>",
         "changed-after-signing, comment-truncation"},
        {">ada@contoso.com</NameID>", ">ada@contoso.com<![CDATA[.evil.test]]></NameID>",
         "changed-after-signing, comment-truncation"},
        {"<Subject>", "<NameID xmlns=\"urn:evil\">eve@contoso.com</NameID><Subject>",
         "changed-after-signing, namespace-confusion"},
        {"<samlp:Response", "<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><samlp:Response", "xxe, doctype"},
        {"<samlp:Response", "<!DOCTYPE x [<!ENTITY a \"b\">]><samlp:Response", "entity-expansion, doctype"},
        {"<samlp:Response", "<!DOCTYPE x [<!ATTLIST Assertion n ID #IMPLIED>]><samlp:Response",
         "dtd-attributes, doctype"},
        {"<samlp:Response", "<!DOCTYPE x><samlp:Response", "doctype"},
        {STATUS, "<?x y?>" STATUS, "processing-instruction"},
        {"<samlp:Response", "<?xml version=\"1.0\" encoding=\"UTF-16\"?><samlp:Response", "encoding"},
        {"</SignatureValue>", "</SignatureValue><KeyInfo><RetrievalMethod URI=\"x\"/></KeyInfo>", "key-retrieval"},
        {"xmldsig-more#rsa-sha256", "xmldsig-more#hmac-sha256", "hmac-confusion"},
        {"xmlenc#sha256", "xmldsig-more#md5", "sha1-downgrade"},
        {"</samlp:Status>", "</samlp:Status>" ENCRYPTED, "clear-beside-encrypted"},
        {"</samlp:Status>", "</samlp:Status>" ENCRYPTED ENCRYPTED, "clear-beside-encrypted, several-encrypted"},
        {"</samlp:Status>",
         "</samlp:Status><EncryptedAssertion " SAML_A "><EncryptedData " XENC
         "><CipherData><CipherReference URI=\"x\"/></CipherData></EncryptedData></EncryptedAssertion>",
         "clear-beside-encrypted, cipher-reference"},
    };
    struct sign_response m = sign_defaults(pinned);
    char *xml = sign_make(&m);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *edited = sign_replace(xml, rows[i].what, rows[i].by);

        expect(pinned, edited, rows[i].names);
        free(edited);
    }
    free(xml);
}

static void a_moved_signature(void **state)
{
    struct sign_response m = sign_defaults(pinned);
    char *xml, *signature, *end, *out;

    (void)state;
    /* XSW5: the Signature of the genuine assertion goes into the evil one, the genuine one stays behind */
    xml = sign_make(&m);
    signature = strstr(xml, "<Signature ");
    end = strstr(xml, "</Signature>") + strlen("</Signature>");
    out = sign_printf("<samlp:Response " SAML_P " ID=\"r\" Version=\"2.0\"><Assertion " SAML_A
                      " ID=\"evil\" Version=\"2.0\">%.*s</Assertion><Assertion " SAML_A " ID=\"" ASSERTION_ID
                      "\" Version=\"2.0\"/></samlp:Response>",
                      (int)(end - signature), signature);
    expect(pinned, out, "xsw-5, signature-over-another");
    free(out);
    free(xml);
}

static void keys_and_algorithms(void **state)
{
    EVP_PKEY *weak = sign_rsa(1024);
    struct sign_response m = sign_defaults(attacker);
    char *info = key_info_of(attacker, 86400), *weak_info = key_info_of(weak, 86400);

    (void)state;
    expect_made(&m, pinned, "");
    m.sign.key_info = info;
    expect_made(&m, pinned, "key-substitution");
    m.sign.key_info = "<KeyInfo><KeyValue><RSAKeyValue><Modulus>AQAB</Modulus><Exponent>AQAB</Exponent></RSAKeyValue>"
                      "</KeyValue></KeyInfo>";
    expect_made(&m, pinned, "key-value");
    m.sign.key = pinned;
    expect_made(&m, pinned, "");
    m.sign.method = SIGN_DSIG "rsa-sha1";
    m.sign.key_info = NULL;
    expect_made(&m, pinned, "sha1-downgrade");
    m.sign.method = NULL;
    m.sign.key = weak;
    m.sign.key_info = weak_info;
    expect_made(&m, weak, "weak-key");
    free(info);
    free(weak_info);
    EVP_PKEY_free(weak);
}

static void without_a_signature(void **state)
{
    struct sign_response m = sign_defaults(pinned);
    char *long_text = malloc(300 * 1024), *xml;

    (void)state;
    m.sign_assertion = false;
    expect_made(&m, pinned, "signature-stripped");
    expect(pinned,
           "<samlp:Response " SAML_P " ID=\"r\" Version=\"2.0\"><samlp:Status><samlp:StatusCode "
           "Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></samlp:Status>" ENCRYPTED "</samlp:Response>",
           "encrypted-unsigned");
    /* nobody signs in on a refusal */
    expect(pinned,
           "<samlp:Response " SAML_P " ID=\"r\" Version=\"2.0\"><samlp:Status><samlp:StatusCode "
           "Value=\"urn:oasis:names:tc:SAML:2.0:status:Responder\"/></samlp:Status></samlp:Response>",
           "");
    assert_non_null(long_text);
    memset(long_text, 'a', 300 * 1024 - 1);
    long_text[300 * 1024 - 1] = '\0';
    m.name_id = long_text;
    xml = sign_unsigned(&m);
    expect(pinned, xml, "resource-exhaustion");
    free(xml);
    free(long_text);
}

/* Genuine, and refused for what it says. */
static void conditions(void **state)
{
    struct sign_response m = sign_defaults(pinned);
    struct judge_setup *s = calloc(1, sizeof *s);
    const char *domains[] = {"fabrikam.com"};
    char *xml = sign_make(&m), names[EXAMINE_NAMES];
    struct audit_result r;

    (void)state;
    assert_non_null(s);
    sign_trust(&s->trusts[0], pinned);
    s->ntrusts = 1;
    s->now_is_issued = true;
    s->expect = (struct saml_expect){.acs = slice_of(m.recipient),
                                     .audience = SLICE("https://another.example.com"),
                                     .issuer = slice_of(m.issuer),
                                     .email_from = SLICE(SAML_CLAIM_EMAIL)};
    examine_as(s, true, slice_of(xml), &r);
    attack_names(&r, names);
    assert_string_equal(names, "token-of-another-service");
    assert_int_equal(r.conditions, AUDIT_CONDITIONS_REFUSED);
    assert_string_equal(err_name(r.conditions_why.code), "audience-mismatch");
    assert_false(r.finding);
    covered |= r.attacks;
    audit_result_free(&r);

    s->expect.audience = slice_of(m.audience);
    examine_as(s, true, slice_of(xml), &r);
    assert_int_equal(r.conditions, AUDIT_CONDITIONS_MET);
    assert_int_equal(r.judged_at, SIGN_NOW);
    assert_int_equal(r.attacks, 0);
    audit_result_free(&r);

    s->expect.email_domains = domains;
    s->expect.nemail_domains = 1;
    examine_as(s, true, slice_of(xml), &r);
    attack_names(&r, names);
    assert_string_equal(names, "foreign-domain");
    covered |= r.attacks;
    audit_result_free(&r);
    free(xml);
    judge_setup_free(s);
    free(s);
}

/* Seen only in the order of documents: here the row itself, in tests/e2e/audit.t the way to it. */
static void a_replay(void **state)
{
    struct audit_result r = {.first = 7, .verdict = AUDIT_VALID};
    uint64_t found = audit_attacks_of(&r, SLICE(""), true);

    (void)state;
    assert_true(found == audit_attack_replay());
    assert_string_equal(audit_attacks[audit_attacks_n - 1].name, "replay");
    covered |= found;
}

/* Runs last. */
static void every_row_is_met(void **state)
{
    (void)state;
    for (size_t i = 0; i < audit_attacks_n; i++) {
        if (!(covered >> i & 1))
            fail_msg("no document here resembles %s", audit_attacks[i].name);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(audit_attacks[i].name, audit_attacks[k].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest_documents_resemble_none),
        cmocka_unit_test(changes),
        cmocka_unit_test(a_moved_signature),
        cmocka_unit_test(keys_and_algorithms),
        cmocka_unit_test(without_a_signature),
        cmocka_unit_test(conditions),
        cmocka_unit_test(a_replay),
        cmocka_unit_test(every_row_is_met),
    };

    return cmocka_run_group_tests_name("cli/audit_attack", tests, examine_setup, examine_teardown);
}
