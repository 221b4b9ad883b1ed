/* Unit tests of saml/logout.h: reading, the query and its signature, checking, writing. */
#include "tests/unit/saml/logout_rig.h"

/* --- reading ----------------------------------------------------------------------------------------------------- */

static void good_request(void **state)
{
    struct saml_logout_expect x = expected();
    struct err e = ERR_INIT;
    struct saml_logout l;

    (void)state;
    assert_ok(read_xml("<?xml version=\"1.0\"?>\n<!-- c -->" GOOD "\n", &l, &e), &e);
    assert_false(l.is_response);
    assert_false(l.is_signed);
    assert_true(slice_is(l.id, "_r1"));
    assert_true(slice_is(l.issuer, ISSUER));
    assert_true(slice_is(l.destination, SLO));
    assert_true(slice_is(l.name_id, "ada@example.com"));
    assert_true(slice_is(l.name_id_format, "urn:f"));
    assert_true(slice_is(l.name_qualifier, "q"));
    assert_true(slice_is(l.sp_name_qualifier, "s"));
    assert_int_equal(l.nsession_index, 2);
    assert_true(slice_is(l.session_index[1], "_s2"));
    assert_int_equal(l.issue_instant, NOW);
    assert_int_equal(l.not_on_or_after, 0);
    assert_null(l.relay_state.p);
    assert_ok(saml_logout_check(&l, &x, &e), &e);
}

static void good_response(void **state)
{
    struct saml_logout_expect x = expected();
    struct err e = ERR_INIT;
    struct saml_logout l;

    (void)state;
    assert_ok(read_xml(RESPONSE, &l, &e), &e);
    assert_true(l.is_response);
    assert_true(slice_is(l.status_code, SAML_STATUS_PREFIX "Success"));
    assert_null(l.sub_status.p);
    assert_ok(saml_logout_check(&l, &x, &e), &e);
    assert_ok(read_xml(RESPONSE_HEAD "<samlp:Extensions><x xmlns=\"urn:x\"/></samlp:Extensions><samlp:Status>"
                                     "<samlp:StatusCode Value=\"urn:a\"><samlp:StatusCode Value=\"urn:b\"/>"
                                     "</samlp:StatusCode><samlp:StatusMessage>m</samlp:StatusMessage>"
                                     "<samlp:StatusDetail/></samlp:Status></samlp:LogoutResponse>",
                       &l, &e),
              &e);
    assert_true(slice_is(l.status_code, "urn:a"));
    assert_true(slice_is(l.sub_status, "urn:b"));
}

static void malformed(void **state)
{
    static const char *const rows[] = {
        "",
        "<samlp:LogoutRequest",
        "<!DOCTYPE x []>" GOOD,
        GOOD "<x/>",
        "<samlp:Response " NS " ID=\"_r1\"" AT "/>",
        "<LogoutRequest ID=\"_r1\"" AT "/>",
        "<samlp:LogoutRequest " NS AT "><Issuer>" ISSUER "</Issuer>" ADA TAIL,                /* no ID */
        "<samlp:LogoutRequest " NS " ID=\"1\"" AT "><Issuer>" ISSUER "</Issuer>" ADA TAIL,    /* no NCName */
        "<samlp:LogoutRequest " NS " ID=\"_r1\" Version=\"2.0\"><Issuer>i</Issuer>" ADA TAIL, /* no IssueInstant */
        "<samlp:LogoutRequest " NS " ID=\"_r1\" Version=\"1.1\" IssueInstant=\"2026-09-21T14:13:20Z\">" ADA TAIL,
        "<samlp:LogoutRequest " NS " ID=\"_r1\" Version=\"2.0\" IssueInstant=\"today\"><Issuer>i</Issuer>" ADA TAIL,
        "<samlp:LogoutRequest " NS " NotOnOrAfter=\"x\" ID=\"_r1\"" AT "><Issuer>i</Issuer>" ADA TAIL,
        HEAD TAIL, /* about nobody */
        HEAD "<NameID/>" TAIL,
        HEAD "<NameID> </NameID>" TAIL,
        HEAD "<NameID>ada<!-- -->@example.com</NameID>" TAIL, /* two readers, two names */
        HEAD "<NameID>ada<![CDATA[@example.com]]></NameID>" TAIL,
        HEAD "<NameID>ada<b/></NameID>" TAIL,
        HEAD "<NameID xmlns=\"urn:x\">ada</NameID>" TAIL,
        HEAD "<BaseID/>" TAIL,
        HEAD ADA ADA TAIL,
        HEAD ADA "text" TAIL,
        HEAD ADA "<samlp:SessionIndex/>" TAIL,
        HEAD ADA "<SessionIndex>_s1</SessionIndex>" TAIL,
        HEAD "<Issuer>again</Issuer>" ADA TAIL,
        REQUEST "<Issuer>a<!-- -->b</Issuer>" ADA TAIL,
        HEAD "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/>" ADA TAIL, /* seen by nobody */
        RESPONSE_HEAD "</samlp:LogoutResponse>",
        RESPONSE_HEAD "<samlp:Status/></samlp:LogoutResponse>",
        RESPONSE_HEAD "<samlp:Status><samlp:StatusCode/></samlp:Status></samlp:LogoutResponse>",
        RESPONSE_HEAD "<samlp:Status><samlp:StatusCode Value=\"a\"/><samlp:StatusCode Value=\"b\"/></samlp:Status>"
                      "</samlp:LogoutResponse>",
        RESPONSE_HEAD "<samlp:Status><samlp:StatusCode Value=\"a\"><x/></samlp:StatusCode></samlp:Status>"
                      "</samlp:LogoutResponse>",
        RESPONSE_HEAD STATUS("Success") STATUS("Success") "</samlp:LogoutResponse>",
    };
    struct err e = ERR_INIT;
    struct saml_logout l;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        print_message("# %zu\n", i);
        assert_err(read_xml(rows[i], &l, &e), &e, "logout-invalid");
    }
}

static void too_much(void **state)
{
    struct err e = ERR_INIT;
    struct saml_logout l;
    struct buf xml;

    (void)state;
    buf_init(&xml, 1 << 20);
    buf_add_str(&xml, HEAD ADA);
    for (int i = 0; i <= SAML_SESSION_INDEXES_MAX; i++)
        buf_add_str(&xml, "<samlp:SessionIndex>s</samlp:SessionIndex>");
    buf_add_str(&xml, TAIL);
    assert_err(read_xml(buf_cstr(&xml), &l, &e), &e, "logout-invalid");
    buf_reset(&xml);
    buf_add_str(&xml, GOOD); /* a deflate bomb: small on the wire */
    while (xml.len <= SAML_LOGOUT_MAX)
        buf_add_char(&xml, ' ');
    assert_err(read_xml(buf_cstr(&xml), &l, &e), &e, "limit-exceeded");
    buf_free(&xml);
}

static void peeked(void **state)
{
    char *query = parameter("SAMLRequest", GOOD), *nobody = parameter("SAMLRequest", REQUEST ADA TAIL);
    struct err e = ERR_INIT;
    struct slice issuer;

    (void)state;
    assert_ok(saml_logout_peek(slice_of(query), &arena, &issuer, &e), &e);
    assert_true(slice_is(issuer, ISSUER));
    assert_ok(saml_logout_peek_xml(SLICE(RESPONSE), &arena, &issuer, &e), &e);
    assert_true(slice_is(issuer, ISSUER));
    assert_err(saml_logout_peek(slice_of(nobody), &arena, &issuer, &e), &e, "issuer-mismatch");
    assert_err(saml_logout_peek_xml(SLICE("<x/>"), &arena, &issuer, &e), &e, "logout-invalid");
    assert_err(saml_logout_peek(SLICE("SAMLRequest=%21"), &arena, &issuer, &e), &e, "bad-encoding");
    free(query);
    free(nobody);
}

/* --- the query --------------------------------------------------------------------------------------------------- */

static void signed_query(void **state)
{
    char *query = with_signature(with_relay_state(parameter("SAMLRequest", GOOD), "a%26b+c"), pinned, RSA256);
    char *bare = with_signature(parameter("SAMLResponse", RESPONSE), pinned, SIGN_MORE "rsa-sha512");
    char *more = sign_printf("utm=1&%s&x=%%20", bare);
    char *ec = with_signature(parameter("SAMLRequest", GOOD), curve, SIGN_MORE "ecdsa-sha256");
    struct err e = ERR_INIT;
    struct saml_logout l;

    (void)state;
    assert_ok(read_query(query, &l, &e), &e);
    assert_true(l.is_signed);
    assert_string_equal(l.signer.method, "rsa-sha256");
    assert_ptr_equal(l.signer.key, &trust.keys[0]);
    assert_true(slice_is(l.relay_state, "a&b c"));
    assert_ok(read_query(bare, &l, &e), &e);
    assert_true(l.is_signed);
    assert_ok(read_query(more, &l, &e), &e); /* what others add is not signed, and not looked at */
    assert_true(l.is_signed);
    assert_ok(read_query(ec, &l, &e), &e);
    assert_string_equal(l.signer.method, "ecdsa-sha256");
    free(query);
    free(bare);
    free(more);
    free(ec);
}

/* r||s as XML-DSig has it, and the DER of a plain library; of each only the one form. */
static void ecdsa_forms(void **state)
{
    static const struct {
        const char *curve, *method, *md;
    } rows[] = {{"P-256", SIGN_MORE "ecdsa-sha256", "SHA256"}, {"P-521", SIGN_MORE "ecdsa-sha512", "SHA512"}};
    struct err e = ERR_INIT;
    struct saml_logout l;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        EVP_PKEY *key = sign_ec(rows[i].curve);
        char *alg = encoded(rows[i].method), *query = parameter("SAMLRequest", GOOD);
        char *octets = sign_printf("%s&SigAlg=%s", query, alg), *raw = with_signature(query, key, rows[i].method);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        unsigned char der[256];
        size_t n = sizeof der;
        struct saml_trust t;

        saml_trust_init(&t);
        sign_trust(&t, key);
        assert_ok(saml_logout_redirect(slice_of(raw), &t, 0, NULL, &arena, &l, &e), &e);
        assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, rows[i].md, NULL, NULL, key, NULL), 1);
        assert_int_equal(EVP_DigestSign(ctx, der, &n, (const unsigned char *)octets, strlen(octets)), 1);
        for (size_t more = 0; more < 2; more++) {
            char *value, *text, *whole;

            der[n] = 0; /* an octet behind it is another encoding, and there is only one */
            value = sign_base64(der, n + more);
            text = encoded(value);
            whole = sign_printf("%s&Signature=%s", octets, text);
            if (more)
                assert_err(saml_logout_redirect(slice_of(whole), &t, 0, NULL, &arena, &l, &e), &e, "signature-invalid");
            else
                assert_ok(saml_logout_redirect(slice_of(whole), &t, 0, NULL, &arena, &l, &e), &e);
            free(whole);
            free(text);
            free(value);
        }
        EVP_MD_CTX_free(ctx);
        saml_trust_free(&t);
        free(raw);
        free(octets);
        free(alg);
        EVP_PKEY_free(key);
    }
}

/* The octets that were sent are what counts: an escape written in another way is another message. */
static void changed_query(void **state)
{
    static const struct {
        const char *what, *by, *code;
    } rows[] = {
        {"RelayState=x", "RelayState=y", "signature-invalid"},
        {"RelayState=x", "RelayState=%78", "signature-invalid"},
        {"&RelayState=x", "", "signature-invalid"},
        {"&RelayState=x", "&RelayState=", "signature-invalid"},
        {"%2Fxmldsig", "%2fxmldsig", "signature-invalid"},
        {"rsa-sha256", "rsa-sha512", "signature-invalid"},
        {"rsa-sha256", "rsa-sha1", "algorithm-not-allowed"},
        {"rsa-sha256", "hmac-sha256", "algorithm-not-allowed"},
        {"&Signature=", "&Signature=AAAA", "signature-invalid"},
        {"&Signature=", "&Signature=%21", "bad-encoding"},
        {"&Signature=", "&Signatur=", "bad-form"},
        {"&SigAlg=", "&SigAl=", "bad-form"},
        {"&Signature=", "&Signature=&Signature=", "bad-form"},
        {"&SigAlg=", "&SigAlg=a&SigAlg=", "bad-form"},
        {"&RelayState=x", "&RelayState=x&RelayState=x", "bad-form"},
        {"&RelayState=x", "&RelayState=x&Relay%53tate=y", "bad-form"},
        {"&RelayState=x", "&RelayState=x&SAMLResponse=AA", "bad-form"},
        {"&RelayState=x", "&RelayState=x&SAML%52equest=AA", "bad-form"},
        {"SAMLRequest=", "SAML%52equest=", "bad-form"},
        {"SAMLRequest=", "SAMLResponse=", "signature-invalid"},
        {"SAMLRequest=", "SAMLRequest=%00", "bad-form"},
        {"SAMLRequest=", "SAMLEncoding=urn:none&SAMLRequest=", "bad-encoding"},
        {"SAMLRequest=", "SAMLRequest=AAAA", "signature-invalid"},
    };
    char *query = with_signature(with_relay_state(parameter("SAMLRequest", GOOD), "x"), pinned, RSA256);
    char *turned, *tail = strstr(query, "&SigAlg=");
    struct err e = ERR_INIT;
    struct saml_logout l;

    (void)state;
    assert_ok(read_query(query, &l, &e), &e);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = sign_replace(query, rows[i].what, rows[i].by);

        print_message("# %zu\n", i);
        assert_err(read_query(text, &l, &e), &e, rows[i].code);
        free(text);
    }
    /* the same parameters in another order: a reader that builds the signed octets itself would not see it */
    turned = sign_printf("%s&%.*s", tail + 1, (int)(tail - query), query);
    assert_err(read_query(turned, &l, &e), &e, "bad-form");
    free(turned);
    assert_err(read_query("", &l, &e), &e, "bad-form");
    assert_err(read_query("RelayState=x", &l, &e), &e, "bad-form");
    free(query);
}

static void other_keys(void **state)
{
    char *foreign = with_signature(parameter("SAMLRequest", GOOD), other, RSA256);
    char *typed = with_signature(parameter("SAMLRequest", GOOD), pinned, RSA256), *wrong;
    EVP_PKEY *small = sign_rsa(1024);
    char *weak = with_signature(parameter("SAMLRequest", GOOD), small, RSA256);
    struct saml_trust t;
    struct err e = ERR_INIT;
    struct saml_logout l;

    (void)state;
    assert_err(read_query(foreign, &l, &e), &e, "signature-invalid");
    wrong = sign_replace(typed, "rsa-sha256", "ecdsa-sha256");
    assert_err(read_query(wrong, &l, &e), &e, "signature-invalid");
    saml_trust_init(&t);
    sign_trust(&t, small);
    assert_err(saml_logout_redirect(slice_of(weak), &t, 0, NULL, &arena, &l, &e), &e, "key-too-weak");
    assert_ok(saml_logout_redirect(slice_of(weak), &t, SAML_ALLOW_RSA1024, NULL, &arena, &l, &e), &e);
    saml_trust_free(&t);
    saml_trust_init(&t);
    assert_err(saml_logout_redirect(slice_of(typed), &t, 0, NULL, &arena, &l, &e), &e, "signature-invalid");
    EVP_PKEY_free(small);
    free(foreign);
    free(typed);
    free(wrong);
    free(weak);
}

static void crossed_parameter(void **state)
{
    char *query = parameter("SAMLResponse", GOOD), *back = parameter("SAMLRequest", RESPONSE);
    struct err e = ERR_INIT;
    struct saml_logout l;

    (void)state;
    assert_err(read_query(query, &l, &e), &e, "logout-invalid");
    assert_err(read_query(back, &l, &e), &e, "logout-invalid");
    free(query);
    free(back);
}

/* --- checking ---------------------------------------------------------------------------------------------------- */

static void checked(void **state)
{
    struct saml_logout_expect x = expected();
    struct err e = ERR_INIT;
    struct saml_logout request, response, l;

    (void)state;
    assert_ok(read_xml(GOOD, &request, &e), &e);
    assert_ok(read_xml(RESPONSE, &response, &e), &e);
#define BAD(base, change, code)                                \
    do {                                                       \
        l = (base);                                            \
        x = expected();                                        \
        change;                                                \
        assert_err(saml_logout_check(&l, &x, &e), &e, (code)); \
    } while (0)
#define FINE(base, change)                            \
    do {                                              \
        l = (base);                                   \
        x = expected();                               \
        change;                                       \
        assert_ok(saml_logout_check(&l, &x, &e), &e); \
    } while (0)
    BAD(request, l.issuer = SLICE("https://idp.example.com"), "issuer-mismatch");
    BAD(request, (l.issuer = (struct slice){NULL, 0}, x.issuer = l.issuer), "issuer-mismatch");
    FINE(request, (l.issuer = SLICE("https://login/t/"), x.also_issuer = SLICE("https://login/t/")));
    BAD(request, (l.issuer = SLICE("https://login/u/"), x.also_issuer = SLICE("https://login/t/")), "issuer-mismatch");
    BAD(request, l.destination = SLICE(SLO "/"), "destination-mismatch");
    FINE(request, l.destination = ((struct slice){NULL, 0}));
    BAD(request, (l.is_signed = true, l.destination = (struct slice){NULL, 0}), "destination-mismatch");
    FINE(request, l.is_signed = true);
    FINE(request, x.now = NOW + SAML_LOGOUT_AGE_MAX + 60);
    BAD(request, x.now = NOW + SAML_LOGOUT_AGE_MAX + 61, "assertion-expired");
    FINE(request, x.now = NOW - 60);
    BAD(request, x.now = NOW - 61, "not-yet-valid");
    FINE(request, l.not_on_or_after = NOW - 59);
    BAD(request, l.not_on_or_after = NOW - 60, "assertion-expired");
    BAD(response, l.in_response_to = SLICE("id2"), "in-response-to-mismatch");
    BAD(response, l.in_response_to = ((struct slice){NULL, 0}), "in-response-to-mismatch");
    BAD(response, (l.in_response_to = SLICE(""), x.in_response_to = SLICE("")), "in-response-to-mismatch");
#undef BAD
#undef FINE
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

static const char *query_of(const struct buf *url)
{
    const char *mark = strchr(buf_cstr(url), '?');

    assert_non_null(mark);
    return mark + 1;
}

static void written_request(void **state)
{
    struct saml_sp_key key = {.pkey = pinned};
    struct saml_logout_out o = {.id = "id1",
                                .issuer = ISSUER,
                                .destination = SLO,
                                .issue_instant = NOW,
                                .name_id = "<ada> & \"co\"@example.com",
                                .name_id_format = "urn:f",
                                .name_qualifier = "q&",
                                .session_index = "_s1",
                                .relay_state = "r s"};
    struct saml_logout_expect x = expected();
    struct err e = ERR_INIT;
    struct saml_logout l;
    struct buf url;

    (void)state;
    buf_init(&url, 16384);
    for (int with_key = 0; with_key < 2; with_key++) {
        buf_reset(&url);
        o.sign = with_key ? &key : NULL;
        assert_ok(saml_logout_write_redirect(&o, &url, &e), &e);
        assert_memory_equal(buf_cstr(&url), SLO "?SAMLRequest=", sizeof SLO "?SAMLRequest=" - 1);
        assert_ok(read_query(query_of(&url), &l, &e), &e);
        assert_int_equal(l.is_signed, with_key);
        assert_true(slice_is(l.name_id, o.name_id));
        assert_true(slice_is(l.name_qualifier, "q&"));
        assert_null(l.sp_name_qualifier.p);
        assert_true(slice_is(l.session_index[0], "_s1"));
        assert_true(slice_is(l.relay_state, "r s"));
        assert_ok(saml_logout_check(&l, &x, &e), &e);
    }
    buf_reset(&url);
    o.destination = "https://idp/slo?a=1";
    assert_ok(saml_logout_write_redirect(&o, &url, &e), &e);
    assert_non_null(strstr(buf_cstr(&url), "https://idp/slo?a=1&SAMLRequest="));
    o.relay_state = "12345678901234567890123456789012345678901234567890123456789012345678901234567890+";
    assert_err(saml_logout_write_redirect(&o, &url, &e), &e, "limit-exceeded");
    buf_free(&url);
}

static void written_response(void **state)
{
    struct saml_logout_out o = {.id = "id2",
                                .issuer = ISSUER,
                                .destination = SLO,
                                .issue_instant = NOW,
                                .in_response_to = "id1",
                                .status = "Requester",
                                .substatus = "UnknownPrincipal"};
    struct saml_logout_expect x = expected();
    struct err e = ERR_INIT;
    struct saml_logout l;
    struct buf url;

    (void)state;
    buf_init(&url, 16384);
    assert_ok(saml_logout_write_redirect(&o, &url, &e), &e);
    assert_ok(read_query(query_of(&url), &l, &e), &e);
    assert_true(l.is_response);
    assert_true(slice_is(l.status_code, SAML_STATUS_PREFIX "Requester"));
    assert_true(slice_is(l.sub_status, SAML_STATUS_PREFIX "UnknownPrincipal"));
    assert_ok(saml_logout_check(&l, &x, &e), &e);
    buf_free(&url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_request),      cmocka_unit_test(good_response), cmocka_unit_test(malformed),
        cmocka_unit_test(too_much),          cmocka_unit_test(peeked),        cmocka_unit_test(signed_query),
        cmocka_unit_test(ecdsa_forms),       cmocka_unit_test(changed_query), cmocka_unit_test(other_keys),
        cmocka_unit_test(crossed_parameter), cmocka_unit_test(checked),       cmocka_unit_test(written_request),
        cmocka_unit_test(written_response)};

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
