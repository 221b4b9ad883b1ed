/* verify.c - unit tests of saml/verify.h: what verifies, with which keys and algorithms, and changed content. */
#include "tests/unit/saml/verify_rig.h"

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
    };

    return cmocka_run_group_tests_name("saml/verify", tests, verify_setup, verify_teardown);
}
