/* Logout messages: both bindings, signed and not; every refusal; and what is written can be read. */
#include "saml/logout.h"

#include "saml/verify.h"
#include "tests/unit/saml/encrypt.h"

#define NOW SIGN_NOW
#define ISSUER "https://idp.example.com/"
#define SLO "https://login.example.com/saml/slo"
#define RSA256 SIGN_MORE "rsa-sha256"
#define NS "xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\""
#define AT " Version=\"2.0\" IssueInstant=\"2026-09-21T14:13:20Z\" Destination=\"" SLO "\""
#define REQUEST "<samlp:LogoutRequest " NS " ID=\"_r1\"" AT ">"
#define HEAD REQUEST "<Issuer>" ISSUER "</Issuer>"
#define TAIL "</samlp:LogoutRequest>"
#define ADA "<NameID Format=\"urn:f\" NameQualifier=\"q\" SPNameQualifier=\"s\"> ada@example.com </NameID>"
#define GOOD HEAD ADA "<samlp:SessionIndex>_s1</samlp:SessionIndex><samlp:SessionIndex>_s2</samlp:SessionIndex>" TAIL
#define STATUS(code) \
    "<samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:" code "\"/></samlp:Status>"
#define RESPONSE_HEAD "<samlp:LogoutResponse " NS " ID=\"_a1\" InResponseTo=\"id1\"" AT "><Issuer>" ISSUER "</Issuer>"
#define RESPONSE RESPONSE_HEAD STATUS("Success") "</samlp:LogoutResponse>"

static EVP_PKEY *pinned, *other, *curve;
static struct saml_trust trust;
static struct arena arena;

/* --- making ------------------------------------------------------------------------------------------------------ */

static char *encoded(const char *text)
{
    struct buf b;
    char *s;

    buf_init(&b, 1 << 20);
    percent_encode(&b, slice_of(text));
    s = strdup(buf_cstr(&b));
    assert_non_null(s);
    buf_free(&b);
    return s;
}

/* "SAMLRequest=..." of XML. */
static char *parameter(const char *name, const char *xml)
{
    struct err e = ERR_INIT;
    struct buf packed;
    char *text, *value, *s;

    buf_init(&packed, 1 << 20);
    assert_ok(deflate_raw(slice_of(xml), &packed, &e), &e);
    text = sign_base64(buf_cstr(&packed), packed.len);
    value = encoded(text);
    s = sign_printf("%s=%s", name, value);
    free(value);
    free(text);
    buf_free(&packed);
    return s;
}

/* The same with RelayState, encoded as it is given. */
static char *with_relay_state(char *query, const char *relay_state)
{
    char *s = sign_printf("%s&RelayState=%s", query, relay_state);

    free(query);
    return s;
}

/* `query` with SigAlg, and Signature by `key` over all of it. Frees `query`. */
static char *with_signature(char *query, EVP_PKEY *key, const char *method)
{
    struct sign_options o = {.key = key};
    char *alg = encoded(method), *octets = sign_printf("%s&SigAlg=%s", query, alg);
    char *value = sign_value(&o, method, octets), *text = encoded(value),
         *s = sign_printf("%s&Signature=%s", octets, text);

    free(text);
    free(value);
    free(octets);
    free(alg);
    free(query);
    return s;
}

static int read_query(const char *query, struct saml_logout *l, struct err *e)
{
    return saml_logout_redirect(slice_of(query), &trust, 0, NULL, &arena, l, e);
}

/* Unsigned, by redirect. */
static int read_xml(const char *xml, struct saml_logout *l, struct err *e)
{
    char *query = parameter(strstr(xml, "LogoutResponse") ? "SAMLResponse" : "SAMLRequest", xml);
    int rc = read_query(query, l, e);

    free(query);
    return rc;
}

static struct saml_logout_expect expected(void)
{
    return (struct saml_logout_expect){
        .issuer = SLICE(ISSUER), .destination = SLICE(SLO), .in_response_to = SLICE("id1"), .now = NOW, .skew = 60};
}

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

/* --- the POST binding -------------------------------------------------------------------------------------------- */

/* The worker's half, then the router's. */
static int judge_post(const char *xml, const struct saml_sp_keys *keys, unsigned allow, struct saml_logout *l,
                      struct err *e)
{
    const struct saml_trust *one = &trust;
    struct saml_verify_request rq = {
        .message = SAML_MESSAGE_LOGOUT, .xml = slice_of(xml), .trusts = &one, .ntrusts = 1};
    struct saml_signed s;

    if (saml_verify_message(&rq, &arena, &s, e) != 0)
        return -1;
    return saml_logout_signed(&s, &trust, allow, keys, &arena, l, e);
}

static int posted(const char *xml, struct saml_logout *l, struct err *e)
{
    return judge_post(xml, NULL, 0, l, e);
}

static char *signed_xml(const char *xml, const char *id, EVP_PKEY *key)
{
    struct sign_options o = {.key = key};

    return sign_element(xml, id, &o);
}

static void signed_post(void **state)
{
    struct err e = ERR_INIT;
    struct saml_logout l;
    char *xml = signed_xml(GOOD, "_r1", pinned);

    (void)state;
    assert_ok(posted(xml, &l, &e), &e);
    assert_true(l.is_signed);
    assert_true(slice_is(l.name_id, "ada@example.com"));
    assert_int_equal(l.nsession_index, 2);
    free(xml);
    xml = signed_xml(RESPONSE, "_a1", curve);
    assert_ok(posted(xml, &l, &e), &e);
    assert_true(l.is_signed && l.is_response);
    free(xml);
}

static void plain_post(void **state)
{
    struct err e = ERR_INIT;
    struct saml_logout l;

    (void)state;
    assert_ok(posted("<?xml version=\"1.0\" encoding=\"UTF-8\"?><!-- c -->" GOOD, &l, &e), &e);
    assert_false(l.is_signed);
    assert_true(slice_is(l.name_id, "ada@example.com"));
    assert_ok(posted(RESPONSE, &l, &e), &e);
    assert_true(l.is_response && !l.is_signed);
}

static void refused_posts(void **state)
{
    char *good = signed_xml(GOOD, "_r1", pinned), *foreign = signed_xml(GOOD, "_r1", other), *text;
    struct err e = ERR_INIT;
    struct saml_logout l;

    (void)state;
    assert_err(posted(foreign, &l, &e), &e, "signature-invalid");
    text = sign_replace(good, "ada@example.com", "bob@example.com");
    assert_err(posted(text, &l, &e), &e, "signature-invalid");
    free(text);
    /* the Signature in another place counts for nothing, so it must not be there */
    text = sign_replace(good, "<Issuer>" ISSUER "</Issuer>", "<Issuer>" ISSUER "</Issuer><samlp:Extensions/>");
    assert_err(posted(text, &l, &e), &e, "signature-shape");
    free(text);
    text = sign_printf(HEAD ADA "<samlp:Extensions>%s</samlp:Extensions>" TAIL, good);
    assert_err(posted(text, &l, &e), &e, "xml-id");
    free(text);
    assert_err(posted(HEAD "<samlp:Extensions><Assertion/></samlp:Extensions>" ADA TAIL, &l, &e), &e, "response-shape");
    assert_err(posted(HEAD "<samlp:Extensions><x ID=\"_r1\"/></samlp:Extensions>" ADA TAIL, &l, &e), &e, "xml-id");
    assert_err(posted("<samlp:LogoutRequest " NS AT "><Issuer>i</Issuer>" ADA TAIL, &l, &e), &e, "xml-id");
    assert_err(posted("<samlp:Response " NS " ID=\"_r1\"" AT "/>", &l, &e), &e, "logout-invalid");
    assert_err(posted(REQUEST "<Issuer>a<b/></Issuer>" ADA TAIL, &l, &e), &e, "logout-invalid");
    assert_err(posted("<!DOCTYPE x>" GOOD, &l, &e), &e, "xml-doctype");
    assert_err(posted(HEAD TAIL, &l, &e), &e, "logout-invalid");
    free(good);
    free(foreign);
}

/* --- an encrypted name ------------------------------------------------------------------------------------------- */

/* A LogoutRequest with EncryptedID around `plaintext`, signed in the way of each binding, and judged. */
static int judge_encrypted(const char *plaintext, const struct encrypt_options *o, bool by_post,
                           const struct saml_sp_keys *keys, unsigned allow, struct saml_logout *l, struct err *e)
{
    char *name = encrypt_element("EncryptedID", plaintext, o);
    char *xml = sign_printf(HEAD "%s<samlp:SessionIndex>_s1</samlp:SessionIndex>" TAIL, name), *text;
    int rc;

    if (by_post) {
        text = signed_xml(xml, "_r1", pinned);
        rc = judge_post(text, keys, allow, l, e);
    } else {
        text = with_signature(parameter("SAMLRequest", xml), pinned, RSA256);
        rc = saml_logout_redirect(slice_of(text), &trust, allow, keys, &arena, l, e);
    }
    free(text);
    free(xml);
    free(name);
    return rc;
}

static void encrypted_name(void **state)
{
    static const char name[] = "<s:NameID xmlns:s=\"urn:oasis:names:tc:SAML:2.0:assertion\" Format=\"urn:f\" "
                               "NameQualifier=\"q\" SPNameQualifier=\"s\"> ada@example.com </s:NameID>";
    struct encrypt_options o = encrypt_defaults(other);
    struct saml_sp_keys ours = {.n = 0}, rollover = {.n = 0}, none = {.n = 0}, wrong = {.n = 0};
    struct err e = ERR_INIT;
    struct saml_logout l;

    (void)state;
    encrypt_sp_key(&ours, other);
    encrypt_sp_key(&wrong, pinned);
    encrypt_sp_key(&rollover, pinned);
    encrypt_sp_key(&rollover, other);
    for (int by_post = 0; by_post < 2; by_post++) {
        for (int gcm = 0; gcm < 2; gcm++) {
            o.cipher = gcm ? "aes128-gcm" : "aes256-cbc";
            assert_ok(judge_encrypted(name, &o, by_post, &ours, 0, &l, &e), &e);
            assert_true(l.is_signed);
            assert_true(slice_is(l.name_id, "ada@example.com"));
            assert_true(slice_is(l.name_id_format, "urn:f"));
            assert_true(slice_is(l.name_qualifier, "q"));
            assert_true(slice_is(l.sp_name_qualifier, "s"));
            assert_int_equal(l.nsession_index, 1);
            assert_ok(judge_encrypted(name, &o, by_post, &rollover, 0, &l, &e), &e);
            assert_err(judge_encrypted(name, &o, by_post, &wrong, 0, &l, &e), &e, "decryption-failed");
            assert_err(judge_encrypted(name, &o, by_post, &none, 0, &l, &e), &e, "decryption-key-missing");
            assert_err(judge_encrypted(name, &o, by_post, NULL, 0, &l, &e), &e, "decryption-key-missing");
            assert_err(judge_encrypted("<NameID>ada</NameID>", &o, by_post, &ours, 0, &l, &e), &e, "decryption-failed");
            assert_err(judge_encrypted("ada", &o, by_post, &ours, 0, &l, &e), &e, "decryption-failed");
            assert_err(judge_encrypted("<a:NameID>a<!-- -->b</a:NameID>", &o, by_post, &ours, 0, &l, &e), &e,
                       "logout-invalid");
        }
        o.transport = "rsa-1_5";
        assert_err(judge_encrypted(name, &o, by_post, &ours, 0, &l, &e), &e, "algorithm-not-allowed");
        assert_ok(judge_encrypted(name, &o, by_post, &ours, SAML_ALLOW_RSA15, &l, &e), &e);
        o.transport = "rsa-oaep-mgf1p";
    }
    saml_sp_keys_free(&ours);
    saml_sp_keys_free(&wrong);
    saml_sp_keys_free(&rollover);
}

/* Anybody can send any ciphertext in a message that nobody signs: it is not decrypted, whatever it is. */
static void encrypted_and_unsigned(void **state)
{
    static const char *const names[] = {ADA, "ada", "<NameID"};
    struct encrypt_options o = encrypt_defaults(other);
    struct saml_sp_keys ours = {.n = 0};
    struct err e = ERR_INIT;
    struct saml_logout l;

    (void)state;
    encrypt_sp_key(&ours, other);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *name = encrypt_element("EncryptedID", names[i], &o), *xml = sign_printf(HEAD "%s" TAIL, name);
        char *query = parameter("SAMLRequest", xml);

        assert_err(saml_logout_redirect(slice_of(query), &trust, 0, &ours, &arena, &l, &e), &e, "signature-missing");
        assert_err(judge_post(xml, &ours, 0, &l, &e), &e, "signature-missing");
        free(query);
        free(xml);
        free(name);
    }
    saml_sp_keys_free(&ours);
}

/* By the Issuer that stands there, among several; and by nothing if there is none. */
static void chosen_by_issuer(void **state)
{
    char elsewhere[] = "https://other.example.com/", here[] = ISSUER;
    struct saml_trust strange = {.issuer = elsewhere}, named = trust;
    const struct saml_trust *two[] = {&strange, &named};
    char *xml = signed_xml(GOOD, "_r1", pinned), *nobody = signed_xml(REQUEST ADA TAIL, "_r1", pinned);
    struct saml_verify_request rq = {
        .message = SAML_MESSAGE_LOGOUT, .xml = slice_of(xml), .trusts = two, .ntrusts = 2, .by_issuer = true};
    struct saml_signed s;
    struct err e = ERR_INIT;

    (void)state;
    assert_err(saml_verify_message(&rq, &arena, &s, &e), &e, "issuer-mismatch");
    named.issuer = here;
    assert_ok(saml_verify_message(&rq, &arena, &s, &e), &e);
    assert_int_equal(s.trust, 1);
    assert_int_equal(s.nsig, 1);
    rq.xml = slice_of(nobody);
    assert_err(saml_verify_message(&rq, &arena, &s, &e), &e, "issuer-mismatch");
    rq.by_issuer = false;
    assert_err(saml_verify_message(&rq, &arena, &s, &e), &e, "internal-error");
    free(xml);
    free(nobody);
}

/* What a worker that strangers took over may return. */
static void lying_worker(void **state)
{
    const struct saml_trust *one = &trust;
    char *xml = signed_xml(GOOD, "_r1", pinned);
    struct saml_verify_request rq = {
        .message = SAML_MESSAGE_LOGOUT, .xml = slice_of(xml), .trusts = &one, .ntrusts = 1};
    struct saml_signed good, s;
    struct err e = ERR_INIT;
    struct saml_logout l;

    (void)state;
    assert_ok(saml_verify_message(&rq, &arena, &good, &e), &e);
#define LIE(change, code)                                                              \
    do {                                                                               \
        s = good;                                                                      \
        change;                                                                        \
        assert_err(saml_logout_signed(&s, &trust, 0, NULL, &arena, &l, &e), &e, code); \
    } while (0)
    LIE(s.sig[0].element = SLICE(GOOD), "recheck-failed");
    LIE(s.sig[0].what = SAML_LOGOUT_RESPONSE, "recheck-failed");
    LIE(s.sig[0].what = SAML_RESPONSE, "recheck-failed");
    LIE(s.sig[0].what = SAML_METADATA, "recheck-failed");
    LIE(s.sig[0].signature_value = SLICE(""), "signature-invalid");
    LIE((s.sig[1] = s.sig[0], s.nsig = 2), "recheck-failed");
    LIE((s.nsig = 0, s.plain_what = SAML_NOTHING), "recheck-failed");
    LIE((s.nsig = 0, s.plain_what = SAML_LOGOUT_RESPONSE, s.plain = SLICE(GOOD)), "recheck-failed");
    LIE((s.nsig = 0, s.plain_what = SAML_LOGOUT_REQUEST, s.plain = SLICE("")), "logout-invalid");
#undef LIE
    /* it may say that nothing was signed, and that is then what it is worth */
    s = (struct saml_signed){.plain_what = SAML_LOGOUT_REQUEST, .plain = SLICE(GOOD)};
    assert_ok(saml_logout_signed(&s, &trust, 0, NULL, &arena, &l, &e), &e);
    assert_false(l.is_signed);
    free(xml);
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

/* What is written for a form holds for xmlsec, and for the reader of this folder. */
static void written_post(void **state)
{
    static const char *const names[] = {"ada@example.com", "<a> & \"b\" 'c'\r\n\td \xC3\xAB"};
    struct saml_sp_key key = {.pkey = pinned, .certificate = SLICE("not looked at")};
    struct saml_logout_out request = {.id = "id1",
                                      .issuer = ISSUER,
                                      .destination = SLO "?a=1&b=\"<>\t",
                                      .issue_instant = NOW,
                                      .name_id_format = "urn:f",
                                      .session_index = "_s>1"};
    struct saml_logout_out response = {.id = "id2",
                                       .issuer = ISSUER,
                                       .destination = SLO,
                                       .issue_instant = NOW,
                                       .in_response_to = "id1",
                                       .status = "Success",
                                       .substatus = "PartialLogout"};
    struct saml_logout_expect x = expected();
    struct err e = ERR_INIT;
    struct saml_logout l;
    struct buf text, xml;

    (void)state;
    buf_init(&text, 1 << 20);
    buf_init(&xml, 1 << 20);
    for (size_t i = 0; i < 6; i++) {
        struct saml_logout_out o = i < 4 ? request : response;

        buf_reset(&text);
        buf_reset(&xml);
        o.name_id = names[i / 2 % 2];
        o.sign = i % 2 ? &key : NULL;
        assert_ok(saml_logout_write_post(&o, &text, &e), &e);
        assert_ok(base64_decode(buf_slice(&text), &xml, &e), &e);
        assert_ok(posted(buf_cstr(&xml), &l, &e), &e);
        assert_int_equal(l.is_signed, i % 2);
        assert_int_equal(l.is_response, i >= 4);
        assert_true(slice_is(l.destination, o.destination));
        if (!l.is_response) {
            assert_true(slice_is(l.name_id, o.name_id));
            assert_true(slice_is(l.session_index[0], "_s>1"));
        } else {
            assert_true(slice_is(l.sub_status, SAML_STATUS_PREFIX "PartialLogout"));
            assert_ok(saml_logout_check(&l, &x, &e), &e);
        }
    }
    key.pkey = other;
    response.sign = &key;
    buf_reset(&text);
    buf_reset(&xml);
    assert_ok(saml_logout_write_post(&response, &text, &e), &e);
    assert_ok(base64_decode(buf_slice(&text), &xml, &e), &e);
    assert_err(posted(buf_cstr(&xml), &l, &e), &e, "signature-invalid");
    buf_free(&text);
    buf_free(&xml);
}

static int set_up(void **state)
{
    struct err e = ERR_INIT;
    char *pem;

    (void)state;
    assert_ok(saml_init(&e), &e);
    pinned = sign_rsa(2048);
    other = sign_rsa(2048);
    curve = sign_ec("P-256");
    saml_trust_init(&trust);
    sign_trust(&trust, pinned);
    pem = sign_public_pem(curve);
    assert_ok(saml_trust_add_pem(&trust, slice_of(pem), &e), &e);
    free(pem);
    arena_init(&arena, 64 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    saml_trust_free(&trust);
    EVP_PKEY_free(pinned);
    EVP_PKEY_free(other);
    EVP_PKEY_free(curve);
    saml_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_request),     cmocka_unit_test(good_response),
        cmocka_unit_test(malformed),        cmocka_unit_test(too_much),
        cmocka_unit_test(peeked),           cmocka_unit_test(signed_query),
        cmocka_unit_test(ecdsa_forms),      cmocka_unit_test(changed_query),
        cmocka_unit_test(other_keys),       cmocka_unit_test(crossed_parameter),
        cmocka_unit_test(checked),          cmocka_unit_test(signed_post),
        cmocka_unit_test(plain_post),       cmocka_unit_test(refused_posts),
        cmocka_unit_test(encrypted_name),   cmocka_unit_test(encrypted_and_unsigned),
        cmocka_unit_test(chosen_by_issuer), cmocka_unit_test(lying_worker),
        cmocka_unit_test(written_request),  cmocka_unit_test(written_response),
        cmocka_unit_test(written_post),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
