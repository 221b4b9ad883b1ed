/*
 * Unit tests of saml/verify.h: what verifies, and every refusal, with a genuine signature where the trick needs one.
 */
#include "tests/unit/unit.h"

#include "saml/recheck.h"
#include "saml/verify.h"
#include "tests/unit/saml/sign.h"

/* Made once: RSA keys take long. `pinned` is what the trust holds, `attacker` is of the same kind. */
static EVP_PKEY *pinned, *attacker;

/* Verifies with one pinned key; on success also that the router's own check agrees. */
static int verify_with(const char *xml, EVP_PKEY *key, unsigned allow, struct err *e)
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

static int verify(const char *xml, struct err *e)
{
    return verify_with(xml, pinned, 0, e);
}

/* The verdict on a Response as described; frees nothing of `r`. */
static int verify_made(const struct sign_response *r, struct err *e)
{
    char *xml = sign_make(r);
    int result = verify_with(xml, pinned, 0, e);

    free(xml);
    return result;
}

/* The default Response signed with these options. */
static int verify_signed(struct sign_options o, struct err *e)
{
    struct sign_response r = sign_defaults(pinned);

    if (!o.key && !o.hmac_secret)
        o.key = pinned;
    r.sign = o;
    return verify_made(&r, e);
}

/* The default, signed Response with one replacement in its text afterwards. */
static int verify_edited(const char *what, const char *by, struct err *e)
{
    struct sign_response r = sign_defaults(pinned);
    char *xml = sign_make(&r), *edited = sign_replace(xml, what, by);
    int result = verify(edited, e);

    free(edited);
    free(xml);
    return result;
}

/* The default Response with one replacement in its text, signed afterwards. */
static int verify_signed_edit(const char *what, const char *by, struct err *e)
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

/* --- what verifies ----------------------------------------------------------------------------------------------- */

static void assertion_response_or_both_may_be_signed(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    for (int i = 1; i < 4; i++) {
        struct sign_response r = sign_defaults(pinned);
        struct saml_trust trust;
        struct saml_signed s;
        struct arena a;
        char *xml;

        r.sign_assertion = i & 1;
        r.sign_response = i & 2;
        xml = sign_make(&r);
        saml_trust_init(&trust);
        sign_trust(&trust, pinned);
        arena_init(&a, 1024 * 1024);
        assert_ok(saml_verify(slice_of(xml), &trust, 0, &a, &s, &e), &e);
        assert_int_equal(s.nsig, i == 3 ? 2 : 1);
        assert_int_equal(s.sig[0].what, i & 2 ? SAML_RESPONSE : SAML_ASSERTION);
        if (i == 3)
            assert_int_equal(s.sig[1].what, SAML_ASSERTION);
        /* what is handed out is exactly what was signed, without the signature itself */
        assert_true(slice_starts(s.sig[s.nsig - 1].signed_info, SLICE("<SignedInfo xmlns=\"" SIGN_DSIG "\">")));
        assert_non_null(memmem(s.sig[0].element.p, s.sig[0].element.n, "ada@contoso.com", 15));
        assert_true(slice_starts(s.sig[0].element, i & 2 ? SLICE("<samlp:Response ") : SLICE("<Assertion ")));
        if (i != 3)
            assert_null(memmem(s.sig[0].element.p, s.sig[0].element.n, "SignatureValue", 14));
        assert_true(slice_is(s.outer.issuer, r.issuer));
        assert_true(slice_is(s.outer.destination, r.destination));
        assert_true(slice_is(s.outer.in_response_to, r.in_response_to));
        assert_true(slice_is(s.outer.status_code, r.status));
        arena_free(&a);
        saml_trust_free(&trust);
        free(xml);
    }
}

static void unsigned_fields_may_be_absent(void **state)
{
    struct sign_response r = sign_defaults(pinned);
    char *xml, *no_issuer;
    struct saml_trust trust;
    struct saml_signed s;
    struct arena a;
    struct err e = ERR_INIT;

    (void)state;
    r.destination = r.in_response_to = NULL;
    xml = sign_make(&r);
    no_issuer = sign_replace(xml,
                             "<Issuer xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">"
                             "https://sts.windows.net/11111111-2222-3333-4444-555555555555/</Issuer>",
                             "");
    saml_trust_init(&trust);
    sign_trust(&trust, pinned);
    arena_init(&a, 1024 * 1024);
    assert_ok(saml_verify(slice_of(no_issuer), &trust, 0, &a, &s, &e), &e);
    assert_null(s.outer.issuer.p);
    assert_null(s.outer.destination.p);
    assert_null(s.outer.in_response_to.p);
    arena_free(&a);
    saml_trust_free(&trust);
    free(no_issuer);
    free(xml);
}

static void listed_algorithms_verify(void **state)
{
    static const char *const digests[] = {SIGN_XENC "sha256", SIGN_MORE "sha384", SIGN_XENC "sha512"};
    static const char *const rsa[] = {SIGN_MORE "rsa-sha256", SIGN_MORE "rsa-sha384", SIGN_MORE "rsa-sha512"};
    static const char *const ec[] = {SIGN_MORE "ecdsa-sha256", SIGN_MORE "ecdsa-sha384", SIGN_MORE "ecdsa-sha512"};
    static const char *const curves[] = {"P-256", "P-384", "P-521"};
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct sign_response r = sign_defaults(pinned);
        char *xml;

        assert_ok(verify_signed((struct sign_options){.method = rsa[i], .digest = digests[2 - i]}, &e), &e);
        for (size_t k = 0; k < 3; k++) {
            EVP_PKEY *key = sign_ec(curves[k]);

            r.sign = (struct sign_options){.key = key, .method = ec[i], .digest = digests[k]};
            xml = sign_make(&r);
            assert_ok(verify_with(xml, key, 0, &e), &e);
            free(xml);
            EVP_PKEY_free(key);
        }
    }
    assert_ok(verify_signed((struct sign_options){.c14n = SIGN_EXC "WithComments"}, &e), &e);
    assert_ok(
        verify_signed((struct sign_options){.transforms = "<Transforms><Transform Algorithm=\"" SIGN_DSIG
                                                          "enveloped-signature\"/><Transform Algorithm=\"" SIGN_EXC
                                                          "WithComments\"/></Transforms>"},
                      &e),
        &e);
    assert_ok(
        verify_signed((struct sign_options){.transforms = "<Transforms><Transform Algorithm=\"" SIGN_DSIG
                                                          "enveloped-signature\"/><Transform Algorithm=\"" SIGN_EXC
                                                          "\"><InclusiveNamespaces xmlns=\"" SIGN_EXC
                                                          "\" PrefixList=\"xs\"/></Transform></Transforms>"},
                      &e),
        &e);
}

static void honest_variants_verify(void **state)
{
    struct sign_response r = sign_defaults(pinned);
    struct err e = ERR_INIT;
    char *xml, *edited;

    (void)state;
    /* white space and comments between elements, an Id on the Signature, character references in base64 */
    xml = sign_make(&r);
    edited = sign_replace(xml, "<samlp:Status>", "\r\n <!-- comment -->\t<samlp:Status>\n");
    assert_ok(verify(edited, &e), &e);
    free(edited);
    edited = sign_replace(xml, "</SignatureValue>", "&#13;\n</SignatureValue>");
    assert_ok(verify(edited, &e), &e);
    free(edited);
    free(xml);
    assert_ok(verify_signed((struct sign_options){.attributes = " Id=\"Signature1\""}, &e), &e);
    assert_ok(verify_signed((struct sign_options){.key_info = "<KeyInfo><KeyName>whatever</KeyName></KeyInfo>"}, &e),
              &e);
    r.extensions = "<x xmlns=\"urn:x\">y</x>";
    assert_ok(verify_made(&r, &e), &e);
    r.attributes[0].value = "<![CDATA[a<b]]>";
    r.attributes[1].value = "&#x41;&amp;\xc3\xa4";
    assert_ok(verify_made(&r, &e), &e);
}

static void any_pinned_key_may_verify(void **state)
{
    struct sign_response r = sign_defaults(pinned);
    struct err e = ERR_INIT;
    EVP_PKEY *ec = sign_ec("P-256");
    char *xml = sign_make(&r);
    struct saml_trust trust;
    struct saml_signed s;
    struct saml_signer signers[2];
    struct arena a;

    (void)state;
    saml_trust_init(&trust);
    arena_init(&a, 1024 * 1024);
    assert_err(saml_verify(slice_of(xml), &trust, 0, &a, &s, &e), &e, "signature-invalid");
    sign_trust(&trust, ec);
    assert_err(saml_verify(slice_of(xml), &trust, 0, &a, &s, &e), &e, "signature-invalid");
    sign_trust(&trust, attacker);
    assert_err(saml_verify(slice_of(xml), &trust, 0, &a, &s, &e), &e, "signature-invalid");
    sign_trust(&trust, pinned);
    assert_ok(saml_verify(slice_of(xml), &trust, 0, &a, &s, &e), &e);
    assert_ok(saml_recheck(&s, &trust, 0, signers, &e), &e);
    assert_ptr_equal(signers[0].key, &trust.keys[2]);
    assert_string_equal(signers[0].method, "rsa-sha256");
    assert_string_equal(signers[0].digest, "sha256");
    arena_free(&a);
    saml_trust_free(&trust);
    free(xml);
    EVP_PKEY_free(ec);
}

#define TRANSFORM(uri) "<Transform Algorithm=\"" uri "\"/>"
#define ENVELOPED TRANSFORM(SIGN_DSIG "enveloped-signature")
#define EXC TRANSFORM(SIGN_EXC)
#define IN_TRANSFORMS(x) "<Transforms>" x "</Transforms>"

/* --- keys and algorithms ----------------------------------------------------------------------------------------- */

/* KeyInfo with what a verifier might be tempted to use: the attacker's key, as a value and as a certificate. */
static char *tempting_key_info(EVP_PKEY *key)
{
    unsigned char n[512], *der = NULL;
    BIGNUM *modulus = NULL;
    X509 *cert = sign_cert(key, "Microsoft Azure Federated SSO Certificate", 0, 86400);
    int der_n = i2d_X509(cert, &der);
    char *n64, *cert64, *out = NULL;

    assert_int_equal(EVP_PKEY_get_bn_param(key, "n", &modulus), 1);
    n64 = sign_base64(n, (size_t)BN_bn2bin(modulus, n));
    cert64 = sign_base64(der, (size_t)der_n);
    out = sign_printf("<KeyInfo><KeyValue><RSAKeyValue><Modulus>%s</Modulus><Exponent>AQAB</Exponent></RSAKeyValue>"
                      "</KeyValue><X509Data><X509Certificate>%s</X509Certificate></X509Data></KeyInfo>",
                      n64, cert64);
    free(n64);
    free(cert64);
    OPENSSL_free(der);
    BN_free(modulus);
    X509_free(cert);
    return out;
}

static void keys_of_others_are_refused(void **state)
{
    struct err e = ERR_INIT;
    EVP_PKEY *ec = sign_ec("P-256");
    char *key_info = tempting_key_info(attacker), *pinned_info = tempting_key_info(pinned);

    (void)state;
    assert_err(verify_signed((struct sign_options){.key = attacker}, &e), &e, "signature-invalid");
    assert_err(verify_signed((struct sign_options){.key = attacker, .key_info = key_info}, &e), &e,
               "signature-invalid");
    assert_err(verify_signed((struct sign_options){.key = attacker, .key_info = pinned_info}, &e), &e,
               "signature-invalid");
    assert_err(verify_signed((struct sign_options){.key = ec}, &e), &e, "signature-invalid");
    /* and what KeyInfo says does not matter to the genuine one */
    assert_ok(verify_signed((struct sign_options){.key_info = key_info}, &e), &e);
    free(key_info);
    free(pinned_info);
    EVP_PKEY_free(ec);
}

static void hmac_is_refused(void **state)
{
    struct err e = ERR_INIT;
    char *pem = sign_public_pem(pinned), *cert = sign_cert_pem(pinned, "idp");
    const char *secrets[] = {pem, cert, ""};
    static const char *const methods[] = {SIGN_MORE "hmac-sha256", SIGN_DSIG "hmac-sha1"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 2; k++)
            assert_err(verify_signed((struct sign_options){.hmac_secret = secrets[i], .method = methods[k]}, &e), &e,
                       "algorithm-not-allowed");
    }
    free(pem);
    free(cert);
}

static void weak_algorithms_need_their_exception(void **state)
{
    static const struct sign_options sha1[] = {
        {.method = SIGN_DSIG "rsa-sha1", .digest = SIGN_DSIG "sha1"},
        {.method = SIGN_DSIG "rsa-sha1"},
        {.digest = SIGN_DSIG "sha1"},
    };
    static const struct sign_options never[] = {
        {.method = SIGN_MORE "rsa-md5"},
        {.digest = SIGN_MORE "md5"},
        {.method = "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"},
        {.method = SIGN_DSIG "dsa-sha1"},
        {.method = SIGN_MORE "ecdsa-sha1"},
        {.method = "rsa-sha256"},
        {.method = ""},
    };
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof sha1 / sizeof *sha1; i++) {
        struct sign_response r = sign_defaults(pinned);
        char *xml;

        r.sign = sha1[i];
        r.sign.key = pinned;
        xml = sign_make(&r);
        assert_err(verify_with(xml, pinned, 0, &e), &e, "algorithm-not-allowed");
        assert_err(verify_with(xml, pinned, SAML_ALLOW_RSA1024 | SAML_ALLOW_RSA15, &e), &e, "algorithm-not-allowed");
        assert_ok(verify_with(xml, pinned, SAML_ALLOW_SHA1, &e), &e);
        free(xml);
    }
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        struct sign_response r = sign_defaults(pinned);
        char *xml, *odd;

        r.sign.key = pinned;
        r.sign.digest = never[i].digest;
        if (never[i].method && strstr(never[i].method, "MGF1"))
            r.sign.method = never[i].method; /* a genuine one */
        xml = sign_make(&r);
        odd = never[i].method && !r.sign.method ? sign_replace(xml, SIGN_MORE "rsa-sha256", never[i].method)
                                                : strdup(xml);
        assert_err(verify_with(odd, pinned, SAML_ALLOW_SHA1, &e), &e, "algorithm-not-allowed");
        free(odd);
        free(xml);
    }
}

static void weak_keys_need_their_exception(void **state)
{
    struct sign_response r = sign_defaults(NULL);
    EVP_PKEY *rsa1024 = sign_rsa(1024), *rsa512 = sign_rsa(512), *rsa2047 = sign_rsa(2047);
    struct err e = ERR_INIT;
    char *xml;

    (void)state;
    r.sign.key = rsa1024;
    xml = sign_make(&r);
    assert_err(verify_with(xml, rsa1024, 0, &e), &e, "key-too-weak");
    assert_err(verify_with(xml, rsa1024, SAML_ALLOW_SHA1, &e), &e, "key-too-weak");
    assert_ok(verify_with(xml, rsa1024, SAML_ALLOW_RSA1024, &e), &e);
    free(xml);
    r.sign.key = rsa2047;
    xml = sign_make(&r);
    assert_err(verify_with(xml, rsa2047, 0, &e), &e, "key-too-weak");
    assert_ok(verify_with(xml, rsa2047, SAML_ALLOW_RSA1024, &e), &e);
    free(xml);
    r.sign.key = rsa512;
    xml = sign_make(&r);
    assert_err(verify_with(xml, rsa512, SAML_ALLOW_RSA1024, &e), &e, "key-too-weak");
    free(xml);
    EVP_PKEY_free(rsa1024);
    EVP_PKEY_free(rsa512);
    EVP_PKEY_free(rsa2047);
}

/* --- content that was changed ------------------------------------------------------------------------------------ */

static void changes_after_signing_are_refused(void **state)
{
    struct sign_response r = sign_defaults(pinned);
    struct err e = ERR_INIT;
    char *xml, *other, *digest, *value;

    (void)state;
    assert_err(verify_edited("ada@contoso.com", "eve@contoso.com", &e), &e, "signature-invalid");
    assert_err(verify_edited("<Subject>", "<Subject> ", &e), &e, "signature-invalid");
    /* the digest made right again, the signature not: what a verifier that looks at the digest alone accepts */
    xml = sign_make(&r);
    r.name_id = "eve@contoso.com";
    other = sign_make(&r);
    value = strstr(xml, "<SignatureValue>");
    digest = strstr(other, "<SignatureValue>");
    assert_int_equal(value - xml, digest - other);
    memcpy(digest, value, (size_t)(strstr(value, "</SignatureValue>") - value));
    assert_err(verify(other, &e), &e, "signature-invalid");
    free(other);
    /* one character of SignatureValue; then another length */
    other = strdup(xml);
    value = strstr(other, "<SignatureValue>") + 20;
    *value = *value == 'A' ? 'B' : 'A';
    assert_err(verify(other, &e), &e, "signature-invalid");
    free(other);
    other = sign_replace(xml, "<SignatureValue>", "<SignatureValue>AAAA");
    assert_err(verify(other, &e), &e, "signature-invalid");
    free(other);
    free(xml);
}

/* A comment that canonicalization removes leaves the signature intact: that is the reader's trap, not the verifier's.
 */
static void comments_in_content_are_handed_on_removed(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(verify_edited("ada@contoso.com</NameID>", "ada@contoso.com<!-- x --></NameID>", &e), &e);
}

static void no_signature_is_refused(void **state)
{
    struct sign_response r = sign_defaults(pinned);
    struct err e = ERR_INIT;

    (void)state;
    r.sign_assertion = false;
    assert_err(verify_made(&r, &e), &e, "signature-missing");
}

/* Both are signed and one does not hold: the other one is no excuse. */
static void every_signature_must_hold(void **state)
{
    struct sign_response r = sign_defaults(pinned);
    struct err e = ERR_INIT;
    struct sign_options bad = {.key = attacker};
    char *plain = sign_unsigned(&r), *first, *both;

    (void)state;
    first = sign_element(plain, r.assertion_id, &bad);
    both = sign_element(first, r.response_id, &r.sign);
    assert_err(verify(both, &e), &e, "signature-invalid");
    free(first);
    free(both);
    first = sign_element(plain, r.assertion_id, &r.sign);
    both = sign_element(first, r.response_id, &bad);
    assert_err(verify(both, &e), &e, "signature-invalid");
    free(first);
    free(both);
    free(plain);
}

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

static void encrypted_assertions_are_named(void **state)
{
    struct err e = ERR_INIT;
    struct sign_response r = sign_defaults(pinned);
    char *xml = sign_make(&r), *from = strstr(xml, "<Assertion "), *text = NULL;

    (void)state;
    text = sign_printf("%.*s<EncryptedAssertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">"
                       "<EncryptedData xmlns=\"http://www.w3.org/2001/04/xmlenc#\" Id=\"_e\"/>"
                       "</EncryptedAssertion></samlp:Response>",
                       (int)(from - xml), xml);
    assert_err(verify(text, &e), &e, "encryption-not-supported");
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

static int setup(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(saml_init(&e), &e);
    assert_ok(saml_init(&e), &e); /* again does nothing */
    pinned = sign_rsa(2048);
    attacker = sign_rsa(2048);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    EVP_PKEY_free(pinned);
    EVP_PKEY_free(attacker);
    saml_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(assertion_response_or_both_may_be_signed),
        cmocka_unit_test(unsigned_fields_may_be_absent),
        cmocka_unit_test(listed_algorithms_verify),
        cmocka_unit_test(honest_variants_verify),
        cmocka_unit_test(any_pinned_key_may_verify),
        cmocka_unit_test(keys_of_others_are_refused),
        cmocka_unit_test(hmac_is_refused),
        cmocka_unit_test(weak_algorithms_need_their_exception),
        cmocka_unit_test(weak_keys_need_their_exception),
        cmocka_unit_test(changes_after_signing_are_refused),
        cmocka_unit_test(comments_in_content_are_handed_on_removed),
        cmocka_unit_test(no_signature_is_refused),
        cmocka_unit_test(every_signature_must_hold),
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
        cmocka_unit_test(other_documents_are_refused),
        cmocka_unit_test(only_success_is_success),
        cmocka_unit_test(encrypted_assertions_are_named),
        cmocka_unit_test(bad_xml_is_refused),
        cmocka_unit_test(latin1_is_read_as_its_characters),
        cmocka_unit_test(limits_hold),
    };

    return cmocka_run_group_tests_name("saml/verify", tests, setup, teardown);
}
