/*
 * wrapping.c - unit tests of saml/verify.h: the form and the place of a Signature, what it refers to, second
 * Assertions. Each trick has a genuine signature where it needs one.
 */
#include "tests/unit/saml/verify_rig.h"

#define TRANSFORM(uri) "<Transform Algorithm=\"" uri "\"/>"
#define ENVELOPED TRANSFORM(SIGN_DSIG "enveloped-signature")
#define EXC TRANSFORM(SIGN_EXC)
#define IN_TRANSFORMS(x) "<Transforms>" x "</Transforms>"

/* --- the form of a Signature ------------------------------------------------------------------------------------- */

static void other_transforms_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        IN_TRANSFORMS(""),
        IN_TRANSFORMS(ENVELOPED),
        IN_TRANSFORMS(EXC),
        IN_TRANSFORMS(EXC ENVELOPED),
        IN_TRANSFORMS(ENVELOPED ENVELOPED),
        IN_TRANSFORMS(ENVELOPED EXC EXC),
        IN_TRANSFORMS(ENVELOPED TRANSFORM("http://www.w3.org/TR/2001/REC-xml-c14n-20010315")),
        IN_TRANSFORMS(ENVELOPED TRANSFORM("http://www.w3.org/2006/12/xml-c14n11")),
        IN_TRANSFORMS(ENVELOPED TRANSFORM(SIGN_DSIG "base64")),
        IN_TRANSFORMS("<Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><XPath>"
                      "not(ancestor-or-self::Signature)</XPath></Transform>" EXC),
        IN_TRANSFORMS(ENVELOPED "<Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><XPath>"
                                "true()</XPath></Transform>" EXC),
        IN_TRANSFORMS(ENVELOPED "<Transform Algorithm=\"http://www.w3.org/2002/06/xmldsig-filter2\"/>"),
        IN_TRANSFORMS(ENVELOPED
                      "<Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\"><x/></Transform>"),
        IN_TRANSFORMS(ENVELOPED "<Transform Algorithm=\"" SIGN_EXC "\"><InclusiveNamespaces xmlns=\"" SIGN_EXC
                                "\" PrefixList=\"a b c d e f g h i j k l m n o p q\"/></Transform>"),
    };
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_err(verify_signed((struct sign_options){.transforms = bad[i]}, &e), &e, "transform-not-allowed");
    assert_err(verify_signed((struct sign_options){.c14n = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"}, &e), &e,
               "transform-not-allowed");
}

/* An XPath filter that leaves NameID out: the IdP's signature is genuine and xmlsec1 says OK. */
static void the_xpath_hole_is_closed(void **state)
{
    struct sign_response r = sign_defaults(pinned);
    struct err e = ERR_INIT;
    char *plain, *digested, *xml;
    xmlDoc *doc;
    xmlNode *assertion;

    (void)state;
    r.name_id = NULL;
    plain = sign_unsigned(&r);
    doc = sign_parse(plain);
    assertion = sign_find(xmlDocGetRootElement(doc), "ID", r.assertion_id);
    digested = sign_canonical(assertion, true);
    r.name_id = "eve@contoso.com";
    r.sign.digested = digested;
    r.sign.transforms =
        IN_TRANSFORMS(ENVELOPED "<Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><XPath>"
                                "not(ancestor-or-self::*[local-name()='NameID'])</XPath></Transform>" EXC);
    xml = sign_make(&r);
    assert_err(verify(xml, &e), &e, "transform-not-allowed");
    free(xml);
    free(digested);
    xmlFreeDoc(doc);
    free(plain);
}

static void the_empty_canonical_form_is_refused(void **state)
{
    static const char *const digests[] = {SIGN_XENC "sha256", SIGN_MORE "sha384", SIGN_XENC "sha512"};
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_err(verify_signed((struct sign_options){.digested = "", .digest = digests[i]}, &e), &e,
                   "signature-invalid");
}

static void other_forms_of_signature_are_refused(void **state)
{
    static const char second[] = "<SignedInfo><CanonicalizationMethod Algorithm=\"" SIGN_EXC "\"/></SignedInfo>";
    static const char reference[] =
        "<Reference URI=\"\"><DigestMethod Algorithm=\"" SIGN_XENC "sha256\"/><DigestValue/>"
        "</Reference>";
    static const struct sign_options bad[] = {
        {.uri = ""},
        {.uri = "#"},
        {.uri = "#_6f3c1a50-8d1e-4c3e-9a30-1b2c3d4e5f60"}, /* the Response */
        {.uri = "#xpointer(/)"},
        {.uri = "#xpointer(id('_0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9'))"},
        {.uri = "http://example.com/#_0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"},
        {.uri = "file:///etc/passwd"},
        {.uri = "#_0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9"},
        {.more_info = second},
        {.more_references = reference},
        {.key_info = "<Object/>"},
        {.key_info = "<KeyInfo/><KeyInfo/>"},
        {.key_info = "<KeyInfo/><Object/>"},
        {.key_info = "text"},
        {.digest_split = "<!-- -->"},
        {.digest_split = "<![CDATA[]]>"},
        {.digest_split = "<x/>"},
        {.digest_split = "%"},
        {.digest_split = "AAAA"},
        {.value_split = "<!-- -->"},
        {.value_split = "<x/>"},
        {.value_split = "*"},
        {.attributes = " x=\"y\""},
    };
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_err(verify_signed(bad[i], &e), &e, "signature-shape");
    /* changes to a Signature that was good */
    assert_err(verify_edited("<SignedInfo>", "<SignedInfo><!-- -->", &e), &e, "signature-shape");
    assert_err(verify_edited("<SignedInfo>", "<SignedInfo x='y'>", &e), &e, "signature-shape");
    assert_err(verify_edited("sha256\"/><DigestValue>", "sha256\" x='y'/><DigestValue>", &e), &e, "signature-shape");
    assert_err(
        verify_edited("rsa-sha256\"/>", "rsa-sha256\"><HMACOutputLength>0</HMACOutputLength></SignatureMethod>", &e),
        &e, "signature-shape");
    assert_err(verify_edited("enveloped-signature\"/>", "enveloped-signature\"><x/></Transform>", &e), &e,
               "signature-shape");
    assert_err(verify_edited(SIGN_EXC "\"/></Transforms>", SIGN_EXC "\"><x/></Transform></Transforms>", &e), &e,
               "signature-shape");
}

/* --- wrapping ---------------------------------------------------------------------------------------------------- */

/* A forged Assertion (without signature) for another person, or the text of the genuine, signed one. */
static char *assertion_text(const struct sign_response *r, bool sign)
{
    struct sign_response copy = *r;
    char *xml, *from, *until, *text;

    copy.sign_assertion = sign;
    copy.sign_response = false;
    xml = sign_make(&copy);
    from = strstr(xml, "<Assertion ");
    until = strstr(xml, "</samlp:Response>");
    text = strndup(from, (size_t)(until - from));
    assert_non_null(text);
    free(xml);
    return text;
}

static void a_second_assertion_is_refused_anywhere(void **state)
{
    struct sign_response genuine = sign_defaults(pinned), evil = sign_defaults(pinned);
    struct err e = ERR_INIT;
    char *forged, *signed_one;

    (void)state;
    evil.assertion_id = "_evil";
    evil.name_id = "eve@contoso.com";
    forged = assertion_text(&evil, false);
    signed_one = assertion_text(&genuine, true);
    for (size_t i = 0; i < 2; i++) {
        struct sign_response r;
        char *text = NULL;
        const char *const parts[] = {forged, signed_one};

        for (size_t k = 0; k < 2; k++) {
            /* the forged one beside the genuine, then the genuine one hidden in a Response with the forged one */
            text = i ? sign_printf("<x xmlns=\"urn:x\">%s</x>", parts[k]) : strdup(parts[k]);
            r = k ? evil : genuine;
            r.sign_assertion = !k;
            r.before_assertion = text;
            assert_err(verify_made(&r, &e), &e, "response-shape");
            r.before_assertion = NULL;
            r.after_assertion = text;
            assert_err(verify_made(&r, &e), &e, "response-shape");
            r.after_assertion = NULL;
            r.extensions = text;
            assert_err(verify_made(&r, &e), &e, "response-shape");
            r.extensions = NULL;
            r.in_assertion = text;
            assert_err(verify_made(&r, &e), &e, "response-shape");
            r.in_assertion = NULL;
            r.attributes[0].value = text;
            assert_err(verify_made(&r, &e), &e, "response-shape");
            free(text);
        }
    }
    free(forged);
    free(signed_one);
}

static void an_assertion_inside_a_signature_or_status_is_refused(void **state)
{
    struct sign_response evil = sign_defaults(attacker), genuine = sign_defaults(pinned);
    struct err e = ERR_INIT;
    char *signed_one = assertion_text(&genuine, true), *text = NULL;

    (void)state;
    evil.assertion_id = "_evil";
    text = sign_printf("<Object>%s</Object>", signed_one);
    evil.sign.key_info = text;
    assert_err(verify_made(&evil, &e), &e, "response-shape");
    free(text);
    text = sign_printf("<KeyInfo>%s</KeyInfo>", signed_one);
    evil.sign.key_info = text;
    assert_err(verify_made(&evil, &e), &e, "response-shape");
    free(text);
    text = sign_printf("Success\"/><samlp:StatusDetail>%s</samlp:StatusDetail>", signed_one);
    evil.sign.key_info = NULL;
    evil.sign_assertion = false;
    {
        char *xml = sign_make(&evil), *edited = sign_replace(xml, "Success\"/>", text);

        assert_err(verify(edited, &e), &e, "response-shape");
        free(edited);
        free(xml);
    }
    free(text);
    free(signed_one);
}

/* By name alone, or in another namespace: what a namespace-blind reader would take. */
static void assertions_of_other_namespaces_are_refused(void **state)
{
    struct sign_response r = sign_defaults(pinned);
    struct err e = ERR_INIT;

    (void)state;
    r.extensions = "<Assertion xmlns=\"urn:oasis:names:tc:SAML:1.0:assertion\"/>";
    assert_err(verify_made(&r, &e), &e, "response-shape");
    r.extensions = "<Assertion xmlns=\"\"/>";
    assert_err(verify_made(&r, &e), &e, "response-shape");
    r.extensions = NULL;
    r.after_assertion = "<Assertion xmlns=\"\"/>";
    assert_err(verify_made(&r, &e), &e, "response-shape");
}

static void a_signature_in_another_place_is_refused(void **state)
{
    struct sign_response r = sign_defaults(pinned);
    struct err e = ERR_INIT;
    char *xml, *signature, *end, *text, *without, *moved;

    (void)state;
    xml = sign_make(&r);
    signature = strstr(xml, "<Signature ");
    end = strstr(xml, "</Signature>") + strlen("</Signature>");
    text = strndup(signature, (size_t)(end - signature));
    without = sign_replace(xml, text, "");
    /* the genuine signature, after Subject: it would still verify */
    moved = NULL;
    moved = sign_printf("</Subject>%s", text);
    {
        char *odd = sign_replace(without, "</Subject>", moved);

        assert_err(verify(odd, &e), &e, "signature-shape");
        free(odd);
    }
    free(moved);
    /* as a child of the Response: it refers to the Assertion, not to its parent */
    moved = sign_printf("</Assertion>%s</samlp:Response>", text);
    {
        char *odd = sign_replace(without, "</Assertion></samlp:Response>", moved);

        assert_err(verify(odd, &e), &e, "signature-shape");
        free(odd);
    }
    free(moved);
    /* twice */
    moved = sign_printf("%s%s", text, text);
    {
        char *odd = sign_replace(xml, text, moved);

        assert_err(verify(odd, &e), &e, "signature-shape");
        free(odd);
    }
    free(moved);
    free(without);
    free(text);
    free(xml);
    r.extensions = "<ds:DigestValue xmlns:ds=\"" SIGN_DSIG "\">AAAA</ds:DigestValue>";
    assert_err(verify_made(&r, &e), &e, "signature-shape");
    r.extensions = "<ds:SignedInfo xmlns:ds=\"" SIGN_DSIG "\"/>";
    assert_err(verify_made(&r, &e), &e, "signature-shape");
    r.extensions = "<Signature xmlns=\"urn:x\"/>";
    assert_err(verify_made(&r, &e), &e, "signature-shape");
}

/* The Response's Signature stands wherever a product puts it (Auth0: at the end); it still covers all else. */
static void the_response_signature_may_stand_last(void **state)
{
    struct sign_response r = sign_defaults(pinned);
    struct err e = ERR_INIT;
    char *xml, *signature, *end, *text, *without, *moved = NULL, *odd;

    (void)state;
    r.sign_assertion = false;
    r.sign_response = true;
    xml = sign_make(&r);
    signature = strstr(xml, "<Signature ");
    end = strstr(xml, "</Signature>") + strlen("</Signature>");
    text = strndup(signature, (size_t)(end - signature));
    without = sign_replace(xml, text, "");
    moved = sign_printf("%s</samlp:Response>", text);
    odd = sign_replace(without, "</samlp:Response>", moved);
    assert_ok(verify(odd, &e), &e);
    free(odd);
    free(moved);
    free(without);
    free(text);
    free(xml);
}

/* --- IDs --------------------------------------------------------------------------------------------------------- */

static void ids_are_unique_and_plain(void **state)
{
    static const struct {
        const char *what, *by;
    } bad[] = {
        {"<Subject>", "<Subject ID=\"x\">"},
        {"<Subject>", "<Subject Id=\"x\">"},
        {"<Subject>", "<Subject id=\"x\">"},
        {"<Subject>", "<Subject iD=\"x\">"},
        {"<Subject>", "<Subject xml:id=\"x\">"},
        {"<Subject>", "<Subject xmlns:x=\"urn:x\" x:ID=\"x\">"},
        {"<Assertion ID=", "<Assertion Id=\"x\" ID="},
        {"<Assertion ID=", "<Assertion xml:id=\"x\" ID="},
        {"<samlp:Response ID=\"_6f3c1a50-8d1e-4c3e-9a30-1b2c3d4e5f60\"",
         "<samlp:Response ID=\"_0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9\""},
        {"<samlp:Response ID=\"_6f3c1a50-8d1e-4c3e-9a30-1b2c3d4e5f60\"", "<samlp:Response"},
        {"<samlp:Response ID=\"_6f3c1a50-8d1e-4c3e-9a30-1b2c3d4e5f60\"", "<samlp:Response ID=\"1x\""},
        {"<samlp:Response ID=\"_6f3c1a50-8d1e-4c3e-9a30-1b2c3d4e5f60\"", "<samlp:Response ID=\"a b\""},
        {"<samlp:Response ID=\"_6f3c1a50-8d1e-4c3e-9a30-1b2c3d4e5f60\"", "<samlp:Response ID=\"a:b\""},
        {"<samlp:Response ID=\"_6f3c1a50-8d1e-4c3e-9a30-1b2c3d4e5f60\"", "<samlp:Response ID=\"\""},
        {"<samlp:Response ID=\"_6f3c1a50-8d1e-4c3e-9a30-1b2c3d4e5f60\"", "<samlp:Response ID=\" a\""},
    };
    struct sign_response r = sign_defaults(pinned);
    struct err e = ERR_INIT;
    char *xml, *odd;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_err(verify_signed_edit(bad[i].what, bad[i].by, &e), &e, "xml-id");
    /* the signature's own Id takes the Assertion's */
    r.sign.attributes = " Id=\"_0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9\"";
    assert_err(verify_made(&r, &e), &e, "xml-id");
    /* an ID written with a character reference is the same ID */
    r.sign.attributes = NULL;
    xml = sign_make(&r);
    odd = sign_replace(xml, "<Assertion ID=\"_", "<Assertion ID=\"&#x5f;");
    assert_ok(verify(odd, &e), &e);
    free(odd);
    odd = sign_replace(xml, "<Assertion ID=\"_", "<Assertion ID=\"&#x20;_");
    assert_err(verify(odd, &e), &e, "xml-id");
    free(odd);
    free(xml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_transforms_are_refused),
        cmocka_unit_test(the_xpath_hole_is_closed),
        cmocka_unit_test(the_empty_canonical_form_is_refused),
        cmocka_unit_test(other_forms_of_signature_are_refused),
        cmocka_unit_test(a_second_assertion_is_refused_anywhere),
        cmocka_unit_test(an_assertion_inside_a_signature_or_status_is_refused),
        cmocka_unit_test(assertions_of_other_namespaces_are_refused),
        cmocka_unit_test(a_signature_in_another_place_is_refused),
        cmocka_unit_test(the_response_signature_may_stand_last),
        cmocka_unit_test(ids_are_unique_and_plain),
    };

    return cmocka_run_group_tests_name("saml/wrapping", tests, verify_setup, verify_teardown);
}
