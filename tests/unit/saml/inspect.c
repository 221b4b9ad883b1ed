/* inspect.c - unit tests of saml/inspect.h: what is said of a message, and that nothing is judged. */
#include "tests/unit/unit.h"

#include "saml/inspect.h"
#include "saml/verify.h"
#include "tests/unit/saml/sign.h"

#define P "xmlns:p=\"urn:oasis:names:tc:SAML:2.0:protocol\""
#define A "xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\""

static EVP_PKEY *key;

static void inspect(struct arena *a, const char *xml, struct saml_inspection *ret)
{
    struct err e = ERR_INIT;

    arena_init(a, 4 * 1024 * 1024);
    assert_ok(saml_inspect(slice_of(xml), a, ret, &e), &e);
}

static void assert_slice(struct slice s, const char *expected)
{
    if (!expected) {
        assert_null(s.p);
        return;
    }
    if (!slice_is(s, expected))
        fail_msg("'%.*s' is not '%s'", SLICE_ARG(s), expected);
}

static void a_signed_response(void **state)
{
    struct sign_response m = sign_defaults(key);
    struct saml_inspection in;
    struct arena a;
    char *xml;

    (void)state;
    m.sign_response = true;
    m.sign.key_info = "<KeyInfo><X509Data><X509Certificate>TUlJ\nQg==</X509Certificate></X509Data></KeyInfo>";
    xml = sign_make(&m);
    inspect(&a, xml, &in);
    assert_slice(in.root, "Response");
    assert_slice(in.id, m.response_id);
    assert_slice(in.issuer, m.issuer);
    assert_slice(in.issue_instant, "2026-09-21T14:13:20Z");
    assert_slice(in.destination, m.destination);
    assert_slice(in.in_response_to, m.in_response_to);
    assert_slice(in.status_code, m.status);
    assert_slice(in.assertion_id, m.assertion_id);
    assert_slice(in.assertion_issuer, m.issuer);
    assert_int_equal(in.assertions, 1);
    assert_int_equal(in.encrypted_assertions, 0);
    assert_int_equal(in.traits, 0);
    assert_int_equal(in.nsignatures, 2);
    assert_int_equal(in.signatures_in_all, 2);
    assert_slice(in.signatures[0].path, "Response");
    assert_slice(in.signatures[1].path, "Response/Assertion");
    assert_slice(in.signatures[1].parent_id, m.assertion_id);
    assert_slice(in.signatures[1].uri, "#_0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9");
    assert_slice(in.signatures[1].method, SIGN_MORE "rsa-sha256");
    assert_slice(in.signatures[1].digest, SIGN_XENC "sha256");
    assert_slice(in.signatures[1].certificate, "MIIB");
    assert_int_equal(in.signatures[1].key_type, SAML_KEY_NONE); /* which is none */
    assert_null(in.signatures[1].spki.p);
    assert_true(in.signatures[0].covers_parent && in.signatures[1].covers_parent);
    arena_free(&a);
    free(xml);
}

/* KeyInfo with a certificate of this key. Free it. */
static char *key_info(EVP_PKEY *of)
{
    X509 *cert = sign_cert(of, "shown\x1b", -60, 3600);
    unsigned char *der = NULL;
    int n = i2d_X509(cert, &der);
    char *b64, *info;

    assert_true(n > 0);
    b64 = sign_base64(der, (size_t)n);
    info = sign_printf("<KeyInfo><X509Data><X509Certificate>%s</X509Certificate></X509Data></KeyInfo>", b64);
    free(b64);
    OPENSSL_free(der);
    X509_free(cert);
    return info;
}

/* What a certificate says is decoded here, where it can do no harm. */
static void certificates(void **state)
{
    EVP_PKEY *ec = sign_ec("P-384"), *rsa = sign_rsa(2048);
    struct saml_inspection in;
    struct saml_trust t;
    struct arena a;
    EVP_PKEY *const keys[] = {rsa, ec};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct sign_response m = sign_defaults(key);
        char *info = key_info(keys[i]), *xml;

        m.sign_response = true;
        m.sign.key_info = info;
        xml = sign_make(&m);
        inspect(&a, xml, &in);
        saml_trust_init(&t);
        sign_trust(&t, keys[i]);
        for (size_t n = 0; n < 2; n++) {
            const struct saml_inspected_signature *s = &in.signatures[n];

            assert_int_equal(s->key_type, t.keys[0].type);
            assert_int_equal(s->key_bits, i == 0 ? 2048 : 384);
            assert_true(slice_eq(s->spki, t.keys[0].spki));
            assert_true(s->not_after > clock_now() + 3000 && s->not_after <= clock_now() + 3600);
            assert_null(memchr(s->subject.p, '\x1b', s->subject.n));
            assert_true(slice_starts(s->subject, SLICE("CN=shown")));
        }
        saml_trust_free(&t);
        arena_free(&a);
        free(xml);
        free(info);
    }
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
}

static void other_roots(void **state)
{
    static const struct {
        const char *xml, *root, *id, *issuer;
    } rows[] = {
        {"<p:AuthnRequest " P " ID=\"q\"><Issuer " A "> https://sp </Issuer></p:AuthnRequest>", "AuthnRequest", "q",
         "https://sp"},
        {"<p:LogoutRequest " P " ID=\"l\"/>", "LogoutRequest", "l", NULL},
        {"<Assertion " A " ID=\"a\"><Issuer>https://idp</Issuer></Assertion>", "Assertion", "a", "https://idp"},
        {"<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"https://idp\"/>",
         "EntityDescriptor", NULL, "https://idp"},
        {"<Response xmlns=\"urn:x\"/>", "{urn:x}Response", NULL, NULL},
        {"<Response/>", "{}Response", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct saml_inspection in;
        struct arena a;

        inspect(&a, rows[i].xml, &in);
        assert_slice(in.root, rows[i].root);
        assert_slice(in.id, rows[i].id);
        assert_slice(in.issuer, rows[i].issuer);
        assert_int_equal(in.nsignatures, 0);
        arena_free(&a);
    }
}

/* All of a text that is cut: a reader that stops at the first part is the attack. */
static void split_text(void **state)
{
    struct saml_inspection in;
    struct arena a;

    (void)state;
    inspect(&a, "<p:Response " P "><Issuer " A ">https://idp<!-- x -->.evil<![CDATA[.test]]></Issuer></p:Response>",
            &in);
    assert_slice(in.issuer, "https://idp.evil.test");
    assert_int_equal(in.traits, SAML_TRAIT_SPLIT_TEXT);
    arena_free(&a);
    inspect(&a, "<p:Response " P "><!-- between --><Issuer " A "><![CDATA[whole]]></Issuer></p:Response>", &in);
    assert_slice(in.issuer, "whole");
    assert_int_equal(in.traits, 0);
    arena_free(&a);
}

/* More than are described are counted; none is believed. */
static void many_signatures(void **state)
{
    struct saml_inspection in;
    struct arena a;
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 20);
    buf_add_str(&b, "<p:Response " P " ID=\"r\">");
    for (int i = 0; i < 50; i++)
        buf_add_str(&b, "<Signature xmlns=\"" SIGN_DSIG "\"><KeyInfo><X509Data><X509Certificate>***</X509Certificate>"
                        "</X509Data></KeyInfo></Signature>");
    buf_add_str(&b, "</p:Response>");
    inspect(&a, buf_cstr(&b), &in);
    assert_int_equal(in.nsignatures, SAML_INSPECT_SIGNATURES_MAX);
    assert_int_equal(in.signatures_in_all, 50);
    assert_null(in.signatures[0].certificate.p);
    assert_null(in.signatures[0].uri.p);
    assert_false(in.signatures[0].covers_parent);
    arena_free(&a);
    buf_free(&b);
}

static void what_does_not_parse(void **state)
{
    struct saml_inspection in;
    struct err e = ERR_INIT;
    struct arena a;

    (void)state;
    arena_init(&a, 4 * 1024 * 1024);
    assert_err(saml_inspect(SLICE("<!DOCTYPE x><x/>"), &a, &in, &e), &e, "xml-doctype");
    assert_err(saml_inspect(SLICE("<x>"), &a, &in, &e), &e, "xml-syntax");
    assert_err(saml_inspect(SLICE(""), &a, &in, &e), &e, "xml-too-large");
    arena_free(&a);
    arena_init(&a, 1024);
    assert_err(saml_inspect(SLICE("<x/>"), &a, &in, &e), &e, "out-of-memory");
    arena_free(&a);
}

static int setup(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(saml_init(&e), &e);
    key = sign_rsa(2048);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    EVP_PKEY_free(key);
    saml_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signed_response), cmocka_unit_test(certificates),    cmocka_unit_test(other_roots),
        cmocka_unit_test(split_text),        cmocka_unit_test(many_signatures), cmocka_unit_test(what_does_not_parse),
    };

    return cmocka_run_group_tests_name("saml/inspect", tests, setup, teardown);
}
