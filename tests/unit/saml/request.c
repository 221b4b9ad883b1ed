/* AuthnRequest: what is written, what is read back, and what is refused. */
#include "saml/request.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/arena.h"
#include "base/encode.h"
#include "base/form.h"
#include "saml/token.h"
#include "tests/unit/unit.h"

static const struct saml_request sample = {
    .sso_url = "https://idp.example.com/sso",
    .entity_id = "https://sp.example.com/?a=1&b=2",
    .acs_url = "https://sp.example.com/acs",
    .id = "id0123456789abcdef0123456789abcdef",
    .now = 1795514400,
};

static void ids(void **state)
{
    char a[SAML_REQUEST_ID_SIZE], b[SAML_REQUEST_ID_SIZE];

    (void)state;
    saml_request_id(a);
    saml_request_id(b);
    assert_int_equal(strlen(a), 34);
    assert_true(token_is_ncname(slice_of(a)));
    assert_string_not_equal(a, b);
}

/* Entra: no Subject, no RequestedAuthnContext, no NameIDPolicy. */
static void document(void **state)
{
    struct buf xml;

    (void)state;
    buf_init(&xml, 4096);
    saml_request_xml(&sample, &xml);
    assert_string_equal(buf_cstr(&xml),
                        "<samlp:AuthnRequest xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\""
                        " xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\""
                        " ID=\"id0123456789abcdef0123456789abcdef\" Version=\"2.0\""
                        " IssueInstant=\"2026-11-24T10:00:00Z\" Destination=\"https://idp.example.com/sso\""
                        " AssertionConsumerServiceURL=\"https://sp.example.com/acs\""
                        " ProtocolBinding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\">"
                        "<saml:Issuer>https://sp.example.com/?a=1&amp;b=2</saml:Issuer></samlp:AuthnRequest>");
    buf_free(&xml);
}

/* The names of the parameters in order, and the values as a server would see them. */
static void redirect_gives(const struct saml_request *r, const char *start, size_t nfields, struct form *ret,
                           struct arena *a)
{
    struct err e = ERR_INIT;
    struct buf url;
    const char *query;

    buf_init(&url, 8192);
    assert_ok(saml_request_redirect(r, &url, &e), &e);
    assert_true(slice_starts(buf_slice(&url), slice_of(start)));
    query = strchr(buf_cstr(&url), '?');
    assert_non_null(query);
    assert_null(strchr(query + 1, '?'));
    assert_null(strstr(query, "?&"));
    assert_null(strstr(query, "&&"));
    assert_ok(form_parse(slice_of(query + 1), a, ret, &e), &e);
    assert_int_equal(ret->n, nfields);
    buf_free(&url);
}

static void redirects(void **state)
{
    struct saml_request r = sample;
    struct saml_request_in in;
    struct err e = ERR_INIT;
    struct arena a;
    struct form f;

    (void)state;
    arena_init(&a, 1 << 20);
    redirect_gives(&r, "https://idp.example.com/sso?SAMLRequest=", 1, &f, &a);
    assert_ok(saml_request_read(form_get(&f, "SAMLRequest"), &a, &in, &e), &e);
    assert_true(slice_is(in.id, sample.id));
    assert_true(slice_is(in.issuer, sample.entity_id));
    assert_true(slice_is(in.acs_url, sample.acs_url));
    assert_true(slice_is(in.destination, sample.sso_url));
    assert_int_equal(in.issue_instant, sample.now);

    r.relay_state = "a b&c";
    r.login_hint = "ann+x@example.com";
    redirect_gives(&r, "https://idp.example.com/sso?SAMLRequest=", 3, &f, &a);
    assert_true(slice_is(f.fields[0].name, "SAMLRequest"));
    assert_true(slice_is(f.fields[1].name, "RelayState"));
    assert_true(slice_is(f.fields[1].value, "a b&c"));
    assert_true(slice_is(f.fields[2].name, "login_hint"));
    assert_true(slice_is(f.fields[2].value, "ann+x@example.com"));

    r.sso_url = "https://idp.example.com/sso?tenant=1";
    redirect_gives(&r, "https://idp.example.com/sso?tenant=1&SAMLRequest=", 4, &f, &a);
    r.sso_url = "https://idp.example.com/sso?";
    redirect_gives(&r, "https://idp.example.com/sso?SAMLRequest=", 3, &f, &a);
    r.sso_url = "https://idp.example.com/sso?tenant=1&";
    redirect_gives(&r, "https://idp.example.com/sso?tenant=1&SAMLRequest=", 4, &f, &a);
    arena_free(&a);
}

/* What comes after the signed part is no part of SAML; '+' in an address would read as a blank. */
static void hints_come_last(void **state)
{
    struct saml_request r = sample;
    struct err e = ERR_INIT;
    struct arena a;
    struct form f;
    struct buf url;

    (void)state;
    arena_init(&a, 1 << 20);
    buf_init(&url, 8192);
    r.relay_state = "handle";
    r.login_hint = "ann+x@contoso.com";
    r.whr = "contoso.com";
    redirect_gives(&r, "https://idp.example.com/sso?SAMLRequest=", 4, &f, &a);
    assert_true(slice_is(f.fields[2].name, "login_hint"));
    assert_true(slice_is(f.fields[2].value, "ann+x@contoso.com"));
    assert_true(slice_is(f.fields[3].name, "whr"));
    assert_true(slice_is(f.fields[3].value, "contoso.com"));
    assert_ok(saml_request_redirect(&r, &url, &e), &e);
    assert_true(slice_ends(buf_slice(&url), SLICE("&login_hint=ann%2Bx%40contoso.com&whr=contoso.com")));
    buf_free(&url);
    arena_free(&a);
}

/* Verified as the binding says (3.4.4.1): over the octets as they stand in the URL. */
static void assert_signature(const char *url, EVP_PKEY *key, const char *first)
{
    const char *from = strstr(url, first), *until = strstr(url, "&Signature="), *end;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    struct err e = ERR_INIT;
    struct arena a;
    struct form f;
    struct buf value;
    struct slice fields;

    assert_non_null(from);
    assert_non_null(until);
    end = strchr(until + 1, '&');
    fields = slice_make(until + 1, end ? (size_t)(end - until - 1) : strlen(until + 1));
    arena_init(&a, 1 << 20);
    assert_ok(form_parse(fields, &a, &f, &e), &e);
    buf_init(&value, 4096);
    assert_ok(base64_decode(form_get(&f, "Signature"), &value, &e), &e);
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestVerify(ctx, (const unsigned char *)value.data, value.len, (const unsigned char *)from,
                                      (size_t)(until - from)),
                     1);
    EVP_MD_CTX_free(ctx);
    buf_free(&value);
    arena_free(&a);
}

static void signed_redirects(void **state)
{
    static const char *const sso[] = {"https://idp.example.com/sso", "https://idp.example.com/sso?tenant=1"};
    struct saml_sp_key key = {.pkey = EVP_RSA_gen(2048)};
    struct saml_request r = sample;
    struct err e = ERR_INIT;
    size_t fits;
    struct arena a;
    struct form f;
    struct buf url;

    (void)state;
    arena_init(&a, 1 << 20);
    buf_init(&url, 16384);
    r.sign = &key;
    for (size_t i = 0; i < 2; i++) {
        r.sso_url = sso[i];
        r.relay_state = i ? "a b&c" : NULL;
        r.login_hint = i ? "ann+x@contoso.com" : NULL;
        r.whr = i ? "contoso.com" : NULL;
        buf_reset(&url);
        assert_ok(saml_request_redirect(&r, &url, &e), &e);
        assert_signature(buf_cstr(&url), key.pkey, "SAMLRequest=");
        assert_ok(form_parse(slice_of(strchr(buf_cstr(&url), '?') + 1), &a, &f, &e), &e);
        assert_int_equal(f.n, i ? 7 : 3);
        assert_true(slice_is(form_get(&f, "SigAlg"), "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"));
        assert_true(slice_is(f.fields[i ? 1 : 0].name, "SAMLRequest"));
        assert_true(slice_is(f.fields[i ? 2 : 1].name, i ? "RelayState" : "SigAlg"));
        assert_true(slice_is(f.fields[i ? 4 : 2].name, "Signature"));
        if (i)
            assert_true(slice_ends(buf_slice(&url), SLICE("&login_hint=ann%2Bx%40contoso.com&whr=contoso.com")));
    }
    buf_free(&url);
    r.sign = NULL;
    buf_init(&url, 16384);
    assert_ok(saml_request_redirect(&r, &url, &e), &e);
    fits = url.len + 100; /* with a signature it does not */
    r.sign = &key;
    buf_free(&url);
    buf_init(&url, fits);
    assert_err(saml_request_redirect(&r, &url, &e), &e, "limit-exceeded");
    buf_free(&url);
    EVP_PKEY_free(key.pkey);

    key.pkey = EVP_EC_gen("P-256"); /* Entra verifies RSA-SHA256 only */
    buf_init(&url, 16384);
    assert_err(saml_request_redirect(&r, &url, &e), &e, "internal-error");
    buf_free(&url);
    EVP_PKEY_free(key.pkey);
    arena_free(&a);
}

static void without_a_sign_on_url(void **state)
{
    struct saml_request r = sample;
    struct err e = ERR_INIT;
    struct buf url;

    (void)state;
    buf_init(&url, 8192);
    r.sso_url = NULL;
    assert_err(saml_request_redirect(&r, &url, &e), &e, "metadata-invalid");
    assert_int_equal(url.len, 0);
    buf_free(&url);
}

/* Each of these is an error at Entra: AADSTS900236, 75011, 75016. */
static void nothing_that_entra_refuses(void **state)
{
    static const char *const elements[] = {"Subject", "RequestedAuthnContext", "NameIDPolicy", "Scoping"};
    struct buf xml;

    (void)state;
    buf_init(&xml, 4096);
    saml_request_xml(&sample, &xml);
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
        assert_null(strstr(buf_cstr(&xml), elements[i]));
    assert_non_null(strstr(buf_cstr(&xml), "<saml:Issuer>"));
    buf_free(&xml);
}

static void redirect_limits(void **state)
{
    char state80[82], *huge = malloc(70000);
    struct saml_request r = sample;
    struct err e = ERR_INIT;
    struct buf url;

    (void)state;
    assert_non_null(huge);
    memset(state80, 'x', sizeof state80);
    state80[80] = '\0';
    buf_init(&url, 8192);
    r.relay_state = state80;
    assert_ok(saml_request_redirect(&r, &url, &e), &e);
    state80[80] = 'x';
    state80[81] = '\0';
    assert_err(saml_request_redirect(&r, &url, &e), &e, "limit-exceeded");
    buf_free(&url);

    buf_init(&url, 100);
    assert_err(saml_request_redirect(&sample, &url, &e), &e, "limit-exceeded");
    buf_free(&url);

    memset(huge, 'x', 69999);
    huge[69999] = '\0';
    r = sample;
    r.entity_id = huge;
    buf_init(&url, 1 << 20);
    assert_err(saml_request_redirect(&r, &url, &e), &e, "limit-exceeded");
    buf_free(&url);
    free(huge);
}

/* deflate and base64, as the HTTP-Redirect binding has it. */
static int read_xml(const char *xml, struct arena *a, struct saml_request_in *in, struct err *e)
{
    struct buf packed, text;
    int rc;

    buf_init(&packed, 1 << 21);
    buf_init(&text, 1 << 20);
    assert_ok(deflate_raw(slice_of(xml), &packed, e), e);
    base64_encode(&text, packed.data, packed.len);
    rc = saml_request_read(buf_slice(&text), a, in, e);
    buf_free(&packed);
    buf_free(&text);
    return rc;
}

#define P "xmlns:p='urn:oasis:names:tc:SAML:2.0:protocol' xmlns:a='urn:oasis:names:tc:SAML:2.0:assertion'"
#define HEAD " ID='_1' Version='2.0' IssueInstant='2026-11-24T10:00:00Z'"
#define ISSUER "<a:Issuer>sp</a:Issuer>"

static void other_peoples(void **state)
{
    struct saml_request_in in;
    struct err e = ERR_INIT;
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    assert_ok(read_xml("<?xml version='1.0'?>\n<p:AuthnRequest " P HEAD ">\n <a:Issuer Format='x'> sp&amp;1 </a:Issuer>"
                       "<p:NameIDPolicy AllowCreate='true'/><a:Subject><a:Issuer>other</a:Issuer></a:Subject>"
                       "</p:AuthnRequest>\n",
                       &a, &in, &e),
              &e);
    assert_true(slice_is(in.issuer, "sp&1"));
    assert_null(in.acs_url.p);
    assert_null(in.destination.p);
    arena_free(&a);
}

static void refused(void **state)
{
    static const char *const rows[] = {
        "<p:LogoutRequest " P HEAD ">" ISSUER "</p:LogoutRequest>",
        "<a:AuthnRequest " P HEAD ">" ISSUER "</a:AuthnRequest>",
        "<AuthnRequest " P HEAD ">" ISSUER "</AuthnRequest>",
        "<p:AuthnRequest " P " ID='_1' Version='1.1' IssueInstant='2026-11-24T10:00:00Z'>" ISSUER "</p:AuthnRequest>",
        "<p:AuthnRequest " P " ID='1' Version='2.0' IssueInstant='2026-11-24T10:00:00Z'>" ISSUER "</p:AuthnRequest>",
        "<p:AuthnRequest " P " Version='2.0' IssueInstant='2026-11-24T10:00:00Z'>" ISSUER "</p:AuthnRequest>",
        "<p:AuthnRequest " P " ID='_1' Version='2.0' IssueInstant='2026-11-24'>" ISSUER "</p:AuthnRequest>",
        "<p:AuthnRequest " P " ID='_1' Version='2.0'>" ISSUER "</p:AuthnRequest>",
        "<p:AuthnRequest " P HEAD "></p:AuthnRequest>",
        "<p:AuthnRequest " P HEAD "><a:Issuer></a:Issuer></p:AuthnRequest>",
        "<p:AuthnRequest " P HEAD "><a:Issuer> </a:Issuer></p:AuthnRequest>",
        "<p:AuthnRequest " P HEAD "><a:Issuer>s<!-- -->p</a:Issuer></p:AuthnRequest>",
        "<p:AuthnRequest " P HEAD "><a:Issuer><b>sp</b></a:Issuer></p:AuthnRequest>",
        "<p:AuthnRequest " P HEAD "><a:Subject>" ISSUER "</a:Subject></p:AuthnRequest>",
        "<p:AuthnRequest " P HEAD "><p:Issuer>sp</p:Issuer></p:AuthnRequest>",
        "<!DOCTYPE x><p:AuthnRequest " P HEAD ">" ISSUER "</p:AuthnRequest>",
        "<p:AuthnRequest " P HEAD ">" ISSUER "</p:AuthnRequest><x/>",
        "<p:AuthnRequest " P HEAD ">" ISSUER,
        "",
    };
    struct saml_request_in in;
    struct err e = ERR_INIT;
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (read_xml(rows[i], &a, &in, &e) == 0)
            fail_msg("accepted: %s", rows[i]);
        assert_string_equal(err_name(e.code), "assertion-unreadable");
        err_clear(&e);
    }
    assert_err(saml_request_read(SLICE("!"), &a, &in, &e), &e, "bad-encoding");
    assert_err(saml_request_read(SLICE("AAAA"), &a, &in, &e), &e, "bad-encoding"); /* not deflate */
    arena_free(&a);
}

/* 1 MiB that deflates to almost nothing is stopped by the limit on what comes out. */
static void bomb(void **state)
{
    struct saml_request_in in;
    struct err e = ERR_INIT;
    struct arena a;
    char *big = malloc((1 << 20) + 1);

    (void)state;
    assert_non_null(big);
    memset(big, ' ', 1 << 20);
    big[1 << 20] = '\0';
    arena_init(&a, 1 << 20);
    assert_err(read_xml(big, &a, &in, &e), &e, "limit-exceeded");
    assert_int_equal(a.used < 1 << 16, 1);
    arena_free(&a);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids),
        cmocka_unit_test(document),
        cmocka_unit_test(redirects),
        cmocka_unit_test(redirect_limits),
        cmocka_unit_test(other_peoples),
        cmocka_unit_test(refused),
        cmocka_unit_test(bomb),
        cmocka_unit_test(hints_come_last),
        cmocka_unit_test(signed_redirects),
        cmocka_unit_test(without_a_sign_on_url),
        cmocka_unit_test(nothing_that_entra_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
