/*
 * audit_text.c - unit tests of cli/audit_text.h and audit_json.h: what is found in text, where, and what is not. Every
 * text is fed whole, and in pieces of 1 and 7 octets: the result must be the same.
 */
#include "tests/unit/unit.h"

#include "base/encode.h"
#include "cli/audit_json.h"

#define XML "<p:Response xmlns:p=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"a\"><p:Status/></p:Response>"
#define XML_IN_JSON \
    "<p:Response xmlns:p=\\\"urn:oasis:names:tc:SAML:2.0:protocol\\\" ID=\\\"a\\\"><p:Status/></p:Response>"
#define REQUEST "<p:AuthnRequest xmlns:p=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"q\"/>"

struct collected {
    struct buf text; /* a line for each: "form line:offset path xml-or-code" */
    size_t n;
    int stop_at;
};

static int collect_json(void *arg, const struct audit_found *f, const char *path, int64_t entry)
{
    struct collected *c = arg;

    buf_printf(&c->text, "%s %d:%d ", audit_form_name(f->form), (int)f->line, (int)f->offset);
    if (path[0])
        buf_printf(&c->text, "%s %d ", path, (int)entry);
    if (f->why)
        buf_add_str(&c->text, err_name(f->why->code));
    else if (slice_is(slice_trim(f->xml), XML))
        buf_add_str(&c->text, "XML");
    else if (slice_is(f->xml, REQUEST))
        buf_add_str(&c->text, "REQUEST");
    else
        buf_printf(&c->text, "(%d octets)", (int)f->xml.n);
    if (f->query.n)
        buf_printf(&c->text, " ?%.*s", SLICE_ARG(f->query));
    buf_add_char(&c->text, '\n');
    c->n++;
    return c->stop_at && (int)c->n == c->stop_at;
}

static int collect(void *arg, const struct audit_found *f)
{
    return collect_json(arg, f, "", -1);
}

static void feed_text(struct slice text, size_t piece, struct collected *c)
{
    struct audit_text t;

    buf_init(&c->text, 1 << 20);
    audit_text_init(&t, collect, c);
    for (size_t at = 0; at < text.n; at += piece)
        assert_int_equal(audit_text_feed(&t, text.p + at, text.n - at < piece ? text.n - at : piece), 0);
    assert_int_equal(audit_text_end(&t), 0);
    audit_text_free(&t);
}

static void finds(struct slice text, const char *expected)
{
    const size_t pieces[] = {text.n + 1, 7, 1};

    for (size_t i = 0; i < 3; i++) {
        struct collected c = {.n = 0};

        feed_text(text, pieces[i], &c);
        assert_string_equal(buf_cstr(&c.text), expected);
        buf_free(&c.text);
    }
}

__attribute__((format(printf, 2, 3))) static void finds_in(const char *expected, const char *fmt, ...)
{
    va_list ap;
    char *text;

    va_start(ap, fmt);
    assert_true(vasprintf(&text, fmt, ap) >= 0);
    va_end(ap);
    finds(slice_of(text), expected);
    free(text);
}

static char base64[512], request64[512], form[512], deflated[512], page64[1024];

static void percent(const char *text, char *dst, size_t size)
{
    struct buf b;

    buf_init(&b, size);
    percent_encode(&b, slice_of(text));
    assert_true(str_copy(dst, size, buf_slice(&b)));
    buf_free(&b);
}

static int setup(void **state)
{
    struct buf raw, text;
    struct err e = ERR_INIT;

    (void)state;
    buf_init(&raw, 1024);
    buf_init(&text, 1024);
    base64_encode(&text, XML, strlen(XML));
    assert_true(str_copy(base64, sizeof base64, buf_slice(&text)));
    percent(base64, form, sizeof form);
    assert_ok(deflate_raw(SLICE(REQUEST), &raw, &e), &e);
    buf_reset(&text);
    base64_encode(&text, raw.data, raw.len);
    assert_true(str_copy(request64, sizeof request64, buf_slice(&text)));
    percent(request64, deflated, sizeof deflated);
    buf_reset(&raw);
    buf_printf(&raw, "<html><input name=\"SAMLResponse\" value=\"%s\"></html>", base64);
    buf_reset(&text);
    base64_encode(&text, raw.data, raw.len);
    assert_true(str_copy(page64, sizeof page64, buf_slice(&text)));
    buf_free(&raw);
    buf_free(&text);
    return 0;
}

/* clang-format off */
static void whole_streams(void **state)
{
    (void)state;
    finds(SLICE(XML), "xml 1:0 XML\n");
    finds(SLICE("\n" XML "\n"), "xml 1:0 XML\n");
    finds(SLICE("\xef\xbb\xbf" XML), "xml 1:0 (93 octets)\n");
    finds(SLICE("<?xml version=\"1.0\"?><!-- x --><!DOCTYPE p [<!ENTITY a \"b\">]>" REQUEST), "xml 1:0 (132 octets)\n");
    finds(SLICE("<p:Response xmlns:p=\"urn:oasis:names:tc:SAML:2.0:protocol\">"), "xml 1:0 (59 octets)\n");
    finds(SLICE("\xff\xfe<\0p\0:\0R\0"), "xml 1:0 (10 octets)\n");
    finds_in("base64 1:0 XML\n", "%s", base64);
    finds_in("base64 1:0 XML\n", "%.60s\r\n%s\n", base64, base64 + 60);
    finds_in("base64 1:0 XML\n", "%s", form);
    finds_in("redirect 1:0 REQUEST\n", "%s", request64);
    finds_in("redirect 1:0 REQUEST\n", "%s\n", deflated);
}

static void parameters(void **state)
{
    (void)state;
    finds_in("form 1:0 XML\n", "SAMLResponse=%s", form);
    finds_in("form 1:0 XML\n", "SAMLResponse=%s", base64);
    finds_in("form 1:0 XML\n", "SAMLResponse=%s&RelayState=x", form);
    finds_in("form 1:13 XML\n", "RelayState=x&SAMLResponse=%s\n", form);
    finds_in("form 3:19 XML\n", "POST / HTTP/1.1\r\n\r\nSAMLResponse=%s\r\n", form);
    finds_in("form 1:2 XML\nform 2:137 XML\n", "a SAMLResponse=%s\n SAMLResponse=%s\n", base64, base64);
    finds_in("form 1:0 bad-encoding\n", "SAMLResponse=%.41s", base64);
    finds_in("form 1:0 bad-encoding\n", "%s", "SAMLResponse=QUFBQUFBQUFBQUFBQUFBQQ==");
    /* partly encoded: the plus at its end was not */
    finds_in("form 1:0 XML\n", "SAMLResponse=%%50%s", base64 + 1);
}

static void redirect_urls(void **state)
{
    char expected[1200], twice[512];

    (void)state;
    /* the query string is kept as it is: the signature of this binding is over its octets */
    (void)snprintf(expected, sizeof expected, "redirect 2:28 REQUEST ?SAMLRequest=%s&RelayState=a%%20b&Signature=eA%%3D\n", deflated);
    finds_in(expected, "10.0.0.1 \"GET / HTTP/1.1\"\n/?SAMLRequest=%s&RelayState=a%%20b&Signature=eA%%3D HTTP/1.1\n", deflated);
    /* a URL as a parameter of another one */
    percent(deflated, twice, sizeof twice);
    (void)snprintf(expected, sizeof expected, "redirect 1:17 REQUEST ?next=%%2Fsso%%3FSAMLRequest%%3D%s\n", twice);
    finds_in(expected, "/a?next=%%2Fsso%%3FSAMLRequest%%3D%s", twice);
}

static void html(void **state)
{
    (void)state;
    finds_in("html 2:7 XML\n", "<form>\n<input type=\"hidden\" name=\"SAMLResponse\" value=\"%s\"/>", base64);
    finds_in("html 1:0 XML\n", "<INPUT value='%s' NAME=SAMLResponse>", base64);
    finds_in("html 1:0 XML\n", "<input name=\"SAMLResponse\" value=\"&#80;&#x48;%.117s&#x2B;&NewLine;\">", base64 + 2);
    finds(SLICE("<input name=\"RelayState\" value=\"PHA6UmVzcG9uc2UgeG1\">"), "");
    finds(SLICE("<input name=\"SAMLResponse\" value=\"PHA6UmVzcG9uc2UgeG1"), "");
    finds(SLICE("<inputs name=\"SAMLResponse\" value=\"PHA6UmVzcG9uc2UgeG1\">"), "");
    finds(SLICE("<input name=\"SAMLResponse\" value=\"\">"), "");
}

static void xml_in_text(void **state)
{
#define NESTED "<p:Response xmlns:p=\"urn:oasis:names:tc:SAML:2.0:protocol\"><p:Response><p:Response/></p:Response>"
    (void)state;
    finds(SLICE("got: " XML " and " REQUEST "\nend"), "xml 1:5 XML\nxml 1:100 REQUEST\n");
    finds(SLICE("x " NESTED "</p:Response> y " REQUEST), "xml 1:2 (110 octets)\nxml 1:115 REQUEST\n");
    finds(SLICE("cut: <p:Response xmlns:p=\"urn:oasis:names:tc:SAML:2.0:protocol\">\n" REQUEST), "xml 1:5 xml-syntax\nxml 2:65 REQUEST\n");
    finds(SLICE("x <?xml version=\"1.0\"?>\n" REQUEST), "xml 1:2 (93 octets)\n");
    finds(SLICE("x <p:Response>no namespace</p:Response>"), "");
#undef NESTED
}

static void base64_in_text(void **state)
{
    (void)state;
    finds_in("base64 1:14 XML\n", "SAMLResponse: %s", base64);
    finds_in("base64 1:18 XML\n", "{'SAMLResponse': '%s'}", base64);
    finds_in("base64 2:4 XML\n", "is:\n%.60s\n%s\n\nnext", base64, base64 + 60);
    finds_in("base64 1:0 XML\nbase64 2:121 XML\n", "%s\n%s\n", base64, base64); /* one a line */
    finds_in("base64 1:2 bad-encoding\n", "- %.119s.", base64);
    /* a page kept in base64, as HAR does: found inside, in the place of the whole */
    finds_in("html 1:0 XML\n", "%s", page64);
}

static void nothing_else(void **state)
{
    (void)state;
    finds(SLICE(""), "");
    finds(SLICE("   \n"), "");
    finds(SLICE("\0\1\2\xff\xfe<"), "");
    finds(SLICE("SAMLResponse=... as in the example"), "");
    finds(SLICE("xSAMLResponse=PHNhbWxwOlJlc3BvbnNlLz4K"), "");
    finds(SLICE("<html><body>Response</body></html>"), "");
    finds(SLICE("<Response><ok/></Response>"), "");
    finds(SLICE("PD94PD94PD94"), "");
    finds(SLICE("src=\"data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciPjxwYXRoIGQ9Ik0wIDAiLz48L3N2Zz4=\""), "");
}
/* clang-format on */

/* Streams longer than the window: memory stays, places are right, a message across its edge is whole. */
static void long_streams(void **state)
{
    const size_t filler = 3000017, n = 7; /* 21 MB in all, a message behind each part */
    char *text = malloc(n * (filler + 256)), expected[1024];
    size_t at = 0, e = 0;
    struct collected c = {.n = 0};

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < n; i++) {
        memset(text + at, i == 2 ? 'P' : 'x', filler); /* one part that looks like base64 all the way */
        text[at + filler - 1] = '\n';
        at += filler;
        e += (size_t)snprintf(expected + e, sizeof expected - e, "form %zu:%zu XML\n", 2 * i + 2, at);
        at += (size_t)snprintf(text + at, 256, "SAMLResponse=%s\n", base64);
    }
    feed_text(slice_make(text, at), 65536, &c);
    assert_string_equal(buf_cstr(&c.text), expected);
    buf_free(&c.text);
    free(text);
}

/* Octets at which a search could begin again and again stay linear: each of these would take minutes otherwise. */
static void hostile_streams(void **state)
{
    static const char *const parts[] = {"<p:Response xmlns:p=\"urn:oasis:names:tc:SAML:2.0:protocol\">",
                                        "<?xml ",
                                        "<!DOCTYPE ",
                                        "<input name=\"",
                                        "PD=",
                                        "PDPDPDPDPDPDPDPDPDPDPDPDPDPDPDPDPDPDPDPDPDPDPDPDPDPDPDPDPDPD\n",
                                        "<Response ",
                                        "SAMLResponse=A&"};
    const size_t size = 18 * 1024 * 1024; /* more than is ever held at once */
    char *text = malloc(size + 128);

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct collected c = {.stop_at = 0};
        size_t n = strlen(parts[i]), at = 0;

        for (; at < size; at += n)
            memcpy(text + at, parts[i], n);
        buf_init(&c.text, 1);
        feed_text(slice_make(text, at), 65536, &c);
        assert_int_equal(c.n, i == 0 ? at / n : 0);
        buf_free(&c.text);
    }
    free(text);
}

static void the_search_can_be_ended(void **state)
{
    struct collected c = {.stop_at = 2};
    struct audit_text t;

    (void)state;
    buf_init(&c.text, 4096);
    audit_text_init(&t, collect, &c);
    assert_int_equal(audit_text_feed(&t, "- " XML XML XML, 2 + 3 * strlen(XML)), 0);
    assert_int_equal(audit_text_end(&t), 1);
    assert_int_equal(c.n, 2);
    audit_text_free(&t);
    buf_free(&c.text);
}

/* --- JSON ----------------------------------------------------------------------------------------------------------
 */

/* Returns how much was understood. */
static size_t feed_json(struct slice text, size_t piece, struct collected *c, bool *ret_whole)
{
    struct audit_json j;
    size_t at = 0;

    buf_init(&c->text, 1 << 20);
    audit_json_init(&j, collect_json, c);
    while (at < text.n) {
        size_t n = text.n - at < piece ? text.n - at : piece, used = 0;

        assert_int_equal(audit_json_feed(&j, text.p + at, n, &used), 0);
        at += used;
        if (used < n)
            break;
    }
    assert_int_equal(audit_json_end(&j, ret_whole), 0);
    assert_int_equal(j.offset, at);
    audit_json_free(&j);
    return at;
}

__attribute__((format(printf, 2, 3))) static void json_finds(const char *expected, const char *fmt, ...)
{
    va_list ap;
    char *text;

    va_start(ap, fmt);
    assert_true(vasprintf(&text, fmt, ap) >= 0);
    va_end(ap);
    for (size_t piece = 1; piece < 4096; piece *= 5) {
        struct collected c = {.n = 0};
        bool whole = false;

        assert_int_equal(feed_json(slice_of(text), piece, &c, &whole), strlen(text));
        assert_true(whole);
        assert_string_equal(buf_cstr(&c.text), expected);
        buf_free(&c.text);
    }
    free(text);
}

static void har(void **state)
{
    char expected[2048];

    (void)state;
    /* the same message in text and params of one entry is one; in the next entry it is another */
    json_finds("form 3:77 log.entries[0].request.postData.text 0 XML\n"
               "base64 5:447 log.entries[1].request.postData.params[1].value 1 XML\n",
               "{\"log\": {\"version\": \"1.2\", \"entries\": [\n"
               " {\"request\": {\"postData\":\n  {\"text\": \"SAMLResponse=%s\",\n"
               "   \"params\": [{\"name\": \"SAMLResponse\", \"value\": \"%s\"}]}}},\n"
               " {\"request\": {\"postData\": {\"params\": [{}, {\"value\": \"%s\"}]}}}]}}",
               form, base64, base64);
    (void)snprintf(expected, sizeof expected,
                   "redirect 1:41 log.entries[0].request.url 0 REQUEST ?SAMLRequest=%s\n"
                   "html 1:%d log.entries[0].response.content.text 0 XML\n",
                   deflated,
                   41 +
                       (int)strlen("\"https://idp/sso?SAMLRequest=\", \"queryString\": [{\"value\": \"\"}]}, "
                                   "\"response\": {\"content\": {\"text\": ") +
                       2 * (int)strlen(deflated));
    json_finds(expected,
               "{\"log\": {\"entries\": [{\"request\": {\"url\": \"https://idp/sso?SAMLRequest=%s\", \"queryString\": "
               "[{\"value\": \"%s\"}]}, \"response\": {\"content\": {\"text\": "
               "\"\\u003cinput name=\\\"SAMLResponse\\\"\\n value=\\\"%s\\\" \\/>\"}}}]}}",
               deflated, deflated, base64);
}

static void other_json(void **state)
{
    (void)state;
    json_finds("", "%s", "{}");
    json_finds("", "%s", "[1, -2.5e+3, true, false, null, \"\\ud83d\\ude00\\ud800\", {\"a\": []}] ");
    /* one object a line, as logs are written; nothing is left out for being the same */
    json_finds("form 2:17 body -1 XML\nform 3:159 [0] -1 XML\n",
               "{\"a\": 1}\n{\"body\":\"SAMLResponse=%s\"}\n[\"SAMLResponse=%s\"]", form, form);
}

static void what_is_not_json(void **state)
{
    static const struct {
        const char *text;
        size_t good; /* octets that could be JSON */
    } rows[] = {
        {"{]", 1},
        {"[}", 1},
        {"{\"a\" 1}", 5},
        {"{\"a\":1,}", 7},
        {"[1,]", 3},
        {"{1:2}", 1},
        {"[tru]", 4},
        {"[nul\xff]", 4},
        {"\"\\x\"", 2},
        {"\"\\u12g4\"", 5},
        {"\"a\nb\"", 2},
        {"[1] x", 4},
        {"[2026-01-01 10:00] GET /", 12},
        {"}", 0},
        {"[1 2]", 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct collected c = {.n = 0};
        bool whole;

        assert_int_equal(feed_json(slice_of(rows[i].text), 64, &c, &whole), rows[i].good);
        buf_free(&c.text);
    }
}

static void json_that_is_cut(void **state)
{
    struct collected c = {.n = 0};
    bool whole = true;

    (void)state;
    feed_json(SLICE("{\"a\": [\"- " XML_IN_JSON), 64, &c, &whole);
    assert_false(whole);
    assert_string_equal(buf_cstr(&c.text), "xml 1:7 a[0] -1 XML\n");
    buf_free(&c.text);
}

static void deep_json(void **state)
{
    char text[AUDIT_JSON_DEPTH + 2];
    struct collected c = {.n = 0};
    bool whole;

    (void)state;
    memset(text, '[', sizeof text);
    assert_int_equal(feed_json(slice_make(text, sizeof text), 64, &c, &whole), AUDIT_JSON_DEPTH);
    buf_free(&c.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_streams),
        cmocka_unit_test(parameters),
        cmocka_unit_test(redirect_urls),
        cmocka_unit_test(html),
        cmocka_unit_test(xml_in_text),
        cmocka_unit_test(base64_in_text),
        cmocka_unit_test(nothing_else),
        cmocka_unit_test(long_streams),
        cmocka_unit_test(hostile_streams),
        cmocka_unit_test(the_search_can_be_ended),
        cmocka_unit_test(har),
        cmocka_unit_test(other_json),
        cmocka_unit_test(what_is_not_json),
        cmocka_unit_test(json_that_is_cut),
        cmocka_unit_test(deep_json),
    };

    return cmocka_run_group_tests_name("cli/audit_text", tests, setup, NULL);
}
