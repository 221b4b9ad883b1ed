/* rules.c - what the parser and the rules take and refuse, as a table; each head whole, byte by byte, and cut in two.
 */
#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/secret.h"
#include "router/http/parse.h"

#define BODY_MAX 64
#define METHODS (HTTP_ALLOW(HTTP_METHOD_GET) | HTTP_ALLOW(HTTP_METHOD_HEAD) | HTTP_ALLOW(HTTP_METHOD_POST))
#define H "Host: a.example\r\n"
#define GET(rest) "GET / HTTP/1.1\r\n" H rest "\r\n"
#define POST(rest) "POST / HTTP/1.1\r\n" H rest "\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"

struct result {
    enum err_code code;
    size_t used;
    bool done;
    char body[BODY_MAX + 1];
    char path[64], host[64];
    uint16_t port;
    size_t n_headers;
    bool keep_alive;
};

/* Feeds `text` in pieces of `step` bytes, at least one. */
static struct result run(struct slice text, size_t step)
{
    struct http_request req = {0};
    struct http_parser *p = NULL;
    struct result r = {.code = ERR_NONE};
    struct err e = ERR_INIT;
    enum http_parse_event event = HTTP_PARSE_MORE;
    size_t used;

    assert_ok(http_parser_new(&req, HTTP_HEAD_MAX, METHODS, &p, &e), &e);
    while (r.used < text.n && event != HTTP_PARSE_DONE) {
        size_t n = text.n - r.used < step ? text.n - r.used : step;
        /* a copy of exactly this size: AddressSanitizer sees a read past it */
        char *piece = malloc(n);

        assert_non_null(piece);
        memcpy(piece, text.p + r.used, n);
        if (http_parser_feed(p, piece, n, &used, &event, &e) != 0) {
            r.code = e.code;
            free(piece);
            break;
        }
        free(piece);
        assert_true(used <= n);
        assert_true(used > 0);
        r.used += used;
        if (event == HTTP_PARSE_HEAD && http_parser_set_body_max(p, BODY_MAX, &e) != 0) {
            r.code = e.code;
            break;
        }
    }
    r.done = event == HTTP_PARSE_DONE && r.code == ERR_NONE;
    if (r.done) {
        (void)str_copy(r.body, sizeof r.body, req.body);
        (void)str_copy(r.path, sizeof r.path, req.path);
        (void)str_copy(r.host, sizeof r.host, slice_of(req.host));
        r.port = req.port;
        r.n_headers = req.n_headers;
        r.keep_alive = http_parser_keep_alive(p);
    }
    http_parser_free(p);
    return r;
}

struct row {
    const char *what;
    struct slice text;
    const char *code; /* "ok", "more", or the name of an error */
};
#define ROW(what, text, code)                \
    {                                        \
        what, {text, sizeof(text) - 1}, code \
    }

static const struct row rows[] = {
    ROW("plain GET", GET(""), "ok"),
    ROW("HTTP/1.0 with Host", "GET / HTTP/1.0\r\n" H "\r\n", "ok"),
    ROW("one empty line before the request", "\r\n" GET(""), "ok"),
    ROW("header with white space around", GET("X-A: \t v \t\r\n"), "ok"),
    ROW("header without white space", GET("X-A:v\r\n"), "ok"),
    ROW("empty header", GET("X-A:\r\nX-B: \r\nX-C: 1\r\n"), "ok"),
    ROW("octets above 127 in a value", GET("X-A: \xc3\xa9\r\n"), "ok"),
    ROW("POST", POST("Content-Length: 3\r\n") "abc", "ok"),
    ROW("POST without body", POST(""), "ok"),
    ROW("POST with Content-Length 0", POST("Content-Length: 0\r\n"), "ok"),
    ROW("chunked", POST(CHUNKED) "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "ok"),
    ROW("Chunked, the word in capitals", POST("Transfer-Encoding: CHUNKED\r\n") "3\r\nabc\r\n0\r\n\r\n", "ok"),
    ROW("a short chunk extension", POST(CHUNKED) "3;a=b\r\nabc\r\n0\r\n\r\n", "ok"),
    ROW("a short trailer", POST(CHUNKED) "3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n", "ok"),
    ROW("absolute form that agrees", "GET http://A.example:80/p?q HTTP/1.1\r\n" H "\r\n", "ok"),
    ROW("absolute form without path", "GET http://a.example HTTP/1.1\r\n" H "\r\n", "ok"),
    ROW("Expect: 100-continue", POST("Content-Length: 1\r\nExpect: 100-Continue\r\n") "x", "ok"),
    ROW("dots inside a segment", "GET /a..b/.well-known/...x HTTP/1.1\r\n" H "\r\n", "ok"),
    ROW("head not complete", "GET / HTTP/1.1\r\n" H, "more"),
    ROW("body not complete", POST("Content-Length: 3\r\n") "ab", "more"),

    /* two readings of the body's length */
    ROW("CL and TE", POST("Content-Length: 3\r\n" CHUNKED) "3\r\nabc\r\n0\r\n\r\n", "http-syntax"),
    ROW("TE and CL", POST(CHUNKED "Content-Length: 3\r\n") "3\r\nabc\r\n0\r\n\r\n", "http-syntax"),
    ROW("two differing CL", POST("Content-Length: 3\r\nContent-Length: 4\r\n") "abcd", "http-syntax"),
    ROW("two equal CL", POST("Content-Length: 3\r\nContent-Length: 3\r\n") "abc", "http-syntax"),
    ROW("CL as a list", POST("Content-Length: 3, 3\r\n") "abc", "http-syntax"),
    ROW("CL +4", POST("Content-Length: +4\r\n") "abcd", "http-syntax"),
    ROW("CL -1", POST("Content-Length: -1\r\n"), "http-syntax"),
    ROW("CL 0x4", POST("Content-Length: 0x4\r\n") "abcd", "http-syntax"),
    ROW("CL empty", POST("Content-Length:\r\n"), "http-syntax"),
    ROW("CL with inner space", POST("Content-Length: 1 2\r\n") "abcd", "http-syntax"),
    ROW("CL above 64 bits", POST("Content-Length: 99999999999999999999\r\n"), "http-syntax"),
    ROW("TE xchunked", POST("Transfer-Encoding: xchunked\r\n") "abc", "http-syntax"),
    ROW("TE gzip, chunked", POST("Transfer-Encoding: gzip, chunked\r\n") "0\r\n\r\n", "http-syntax"),
    ROW("TE chunked, gzip", POST("Transfer-Encoding: chunked, gzip\r\n") "0\r\n\r\n", "http-syntax"),
    ROW("TE chunked, chunked", POST("Transfer-Encoding: chunked, chunked\r\n") "0\r\n\r\n", "http-syntax"),
    ROW("TE identity", POST("Transfer-Encoding: identity\r\n"), "http-syntax"),
    ROW("TE empty", POST("Transfer-Encoding:\r\n"), "http-syntax"),
    ROW("TE in quotes", POST("Transfer-Encoding: \"chunked\"\r\n") "0\r\n\r\n", "http-syntax"),
    ROW("TE with a parameter", POST("Transfer-Encoding: chunked;q=1\r\n") "0\r\n\r\n", "http-syntax"),
    ROW("TE with a vertical tab", POST("Transfer-Encoding: \vchunked\r\n") "0\r\n\r\n", "http-syntax"),
    ROW("TE twice", POST(CHUNKED CHUNKED) "0\r\n\r\n", "http-syntax"),
    ROW("TE on HTTP/1.0", "POST / HTTP/1.0\r\n" H CHUNKED "\r\n0\r\n\r\n", "http-syntax"),
    ROW("TE with space before the colon", POST("Transfer-Encoding : chunked\r\n") "0\r\n\r\n", "http-syntax"),
    ROW("folded TE", POST("Transfer-Encoding:\r\n chunked\r\n") "0\r\n\r\n", "http-syntax"),
    ROW("chunk size 0x2", POST(CHUNKED) "0x2\r\nab\r\n0\r\n\r\n", "http-syntax"),
    ROW("chunk size +2", POST(CHUNKED) "+2\r\nab\r\n0\r\n\r\n", "http-syntax"),
    ROW("chunk size with space", POST(CHUNKED) "2 \r\nab\r\n0\r\n\r\n", "http-syntax"),
    ROW("chunk size overflow", POST(CHUNKED) "10000000000000002\r\nab\r\n0\r\n\r\n", "http-syntax"),
    ROW("chunk without CRLF after data", POST(CHUNKED) "2\r\nab0\r\n\r\n", "http-syntax"),
    ROW("chunk longer than its size", POST(CHUNKED) "2\r\nabc\r\n0\r\n\r\n", "http-syntax"),
    ROW("chunk line with bare LF", POST(CHUNKED) "2\nab\r\n0\r\n\r\n", "http-syntax"),
    ROW("chunk extension with bare LF", POST(CHUNKED) "2;a\nab\r\n0\r\n\r\n", "http-syntax"),
    ROW("chunk extension with CR", POST(CHUNKED) "2;a\rb\r\nab\r\n0\r\n\r\n", "http-syntax"),

    /* lines */
    ROW("bare LF everywhere", "GET / HTTP/1.1\nHost: a.example\n\n", "http-syntax"),
    ROW("bare LF after the request line", "GET / HTTP/1.1\n" H "\r\n", "http-syntax"),
    ROW("bare LF after a header", "GET / HTTP/1.1\r\nHost: a.example\n\r\n", "http-syntax"),
    ROW("bare LF as empty line", "GET / HTTP/1.1\r\n" H "\n", "http-syntax"),
    ROW("bare CR in a value", GET("X-A: a\rb\r\n"), "http-syntax"),
    ROW("CR X instead of CR LF at the end", "GET / HTTP/1.1\r\n" H "\rX", "http-syntax"),
    ROW("space before the colon", GET("X-User : a\r\n"), "http-syntax"),
    ROW("tab before the colon", GET("X-User\t: a\r\n"), "http-syntax"),
    ROW("space before the first header", "GET / HTTP/1.1\r\n X-A: b\r\n" H "\r\n", "http-syntax"),
    ROW("folded header", GET("X-A: b\r\n c\r\n"), "http-syntax"),
    ROW("folded with tab", GET("X-A: b\r\n\tc\r\n"), "http-syntax"),
    ROW("folded empty", GET("X-A: b\r\n \r\n"), "http-syntax"),
    ROW("NUL in a value", GET("X-A: a\0b\r\n"), "http-syntax"),
    ROW("NUL in a name", GET("X-\0A: b\r\n"), "http-syntax"),
    ROW("DEL in a value", GET("X-A: a\x7f\r\n"), "http-syntax"),
    ROW("control in a value", GET("X-A: a\x01\r\n"), "http-syntax"),
    ROW("control in a name", GET("X\x01-A: a\r\n"), "http-syntax"),
    ROW("octet above 127 in a name", GET("X\xc3\xa9: a\r\n"), "http-syntax"),
    ROW("a line without colon", GET("X-A\r\n"), "http-syntax"),
    ROW("a line with an empty name", GET(": a\r\n"), "http-syntax"),
    ROW("a name with a bracket", GET("X(A): a\r\n"), "http-syntax"),
    ROW("two empty lines before the request", "\r\n\r\n" GET(""), "http-syntax"),
    ROW("LF before the request", "\n" GET(""), "http-syntax"),
    ROW("space before the request", " " GET(""), "http-syntax"),

    /* request line */
    ROW("two spaces", "GET  / HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("space behind the target", "GET /  HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("space behind the version", "GET / HTTP/1.1 \r\n" H "\r\n", "http-version"),
    ROW("tab as separator", "GET\t/ HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("no version", "GET /\r\n\r\n", "http-version"),
    ROW("no version but headers", "GET /\r\n" H "\r\n", "http-version"),
    ROW("HTTP/0.9", "GET / HTTP/0.9\r\n" H "\r\n", "http-version"),
    ROW("HTTP/1.9", "GET / HTTP/1.9\r\n" H "\r\n", "http-version"),
    ROW("HTTP/2.0", "GET / HTTP/2.0\r\n" H "\r\n", "http-version"),
    ROW("HTTP/1.10", "GET / HTTP/1.10\r\n" H "\r\n", "http-version"),
    ROW("http/1.1 in small letters", "GET / http/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("RTSP", "GET / RTSP/1.0\r\n" H "\r\n", "http-syntax"),
    ROW("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http-version"),
    ROW("TLS on the plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "http-syntax"),
    ROW("empty garbage", "\0\0\0\0", "http-syntax"),

    /* methods */
    ROW("PUT is known", "PUT / HTTP/1.1\r\n" H "\r\n", "http-method"),
    ROW("OPTIONS is known", "OPTIONS / HTTP/1.1\r\n" H "\r\n", "http-method"),
    ROW("TRACE", "TRACE / HTTP/1.1\r\n" H "\r\n", "http-unsupported"),
    ROW("CONNECT", "CONNECT a.example:443 HTTP/1.1\r\n" H "\r\n", "http-unsupported"),
    ROW("Upgrade", GET("Connection: Upgrade\r\nUpgrade: websocket\r\n"), "http-unsupported"),
    ROW("Upgrade without Connection", GET("Upgrade: h2c\r\n"), "http-unsupported"),
    ROW("a method nobody knows", "BREW / HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("method in small letters", "get / HTTP/1.1\r\n" H "\r\n", "http-syntax"),

    /* Host and target */
    ROW("no Host", "GET / HTTP/1.1\r\n\r\n", "http-syntax"),
    ROW("no Host on HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "http-syntax"),
    ROW("two Hosts", GET("Host: b.example\r\n"), "http-syntax"),
    ROW("two equal Hosts", GET(H), "http-syntax"),
    ROW("empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "http-syntax"),
    ROW("Host with user", "GET / HTTP/1.1\r\nHost: u@a.example\r\n\r\n", "http-syntax"),
    ROW("Host with path", "GET / HTTP/1.1\r\nHost: a.example/x\r\n\r\n", "http-syntax"),
    ROW("Host with port zero", "GET / HTTP/1.1\r\nHost: a.example:0\r\n\r\n", "http-syntax"),
    ROW("Host with large port", "GET / HTTP/1.1\r\nHost: a.example:65536\r\n\r\n", "http-syntax"),
    ROW("Host list", "GET / HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n", "http-syntax"),
    ROW("absolute form of another host", "GET http://b.example/ HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("absolute form of another port", "GET http://a.example:81/ HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("absolute form with user", "GET http://u@a.example/ HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("absolute form with // path", "GET http://a.example//evil/x HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("absolute form of another scheme", "GET ftp://a.example/ HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("//evil/x", "GET //evil/x HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("asterisk form", "GET * HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("relative path", "GET a HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("fragment", "GET /#x HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("backslash", "GET /\\evil HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("octet above 127 in the path", "GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("control in the query", "GET /?a\x01 HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("%00", "GET /a%00b HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("%2f", "GET /a%2Fb HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("%5c", "GET /a%5cb HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("bad escape", "GET /a%2 HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("bad escape at the end", "GET /a% HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("..", "GET /a/../b HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW(".. at the end", "GET /a/.. HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW(".", "GET /./b HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW("%2e%2E", "GET /a/%2e%2E/b HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    ROW(".%2e", "GET /a/.%2e HTTP/1.1\r\n" H "\r\n", "http-syntax"),

    /* limits and the rest */
    ROW("body announced too large", POST("Content-Length: 65\r\n"), "http-body-too-large"),
    ROW("chunk too large",
        POST(CHUNKED) "41\r\n"
                      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefX\r\n0\r\n\r\n",
        "http-body-too-large"),
    ROW("Expect of something else", POST("Content-Length: 1\r\nExpect: 200-ok\r\n") "x", "http-expectation"),
    ROW("Expect twice", POST("Content-Length: 1\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n") "x",
        "http-expectation"),
};

static int check_row(const struct row *row, size_t step)
{
    struct result r = run(row->text, step);
    const char *got = r.code ? err_name(r.code) : r.done ? "ok" : "more";

    if (strcmp(got, row->code) != 0)
        print_error("%s, %zu bytes at a time: expected %s, got %s\n", row->what, step, row->code, got);
    return strcmp(got, row->code) != 0 || (r.done && r.used != row->text.n);
}

static void table_of_requests(void **state)
{
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        failures += check_row(&rows[i], rows[i].text.n);
        for (size_t step = 1; step < rows[i].text.n; step += 7)
            failures += check_row(&rows[i], step);
    }
    assert_int_equal(failures, 0);
}

static void fields_are_read(void **state)
{
    struct result r =
        run(SLICE("POST /p%20q/?x=1&y=%zz HTTP/1.1\r\nhOST: A.Example:8443\r\nX: 1\r\nContent-Length: 3\r\n\r\nabcGET"),
            10);

    (void)state;
    assert_true(r.done);
    assert_string_equal(r.path, "/p%20q/");
    assert_string_equal(r.host, "a.example");
    assert_int_equal(r.port, 8443);
    assert_int_equal(r.n_headers, 3);
    assert_string_equal(r.body, "abc");
    assert_true(r.keep_alive);
    r = run(SLICE(POST(CHUNKED) "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\nPOST"), 5);
    assert_true(r.done);
    assert_string_equal(r.body, "abcde");
    assert_int_equal(r.n_headers, 2); /* trailers are no headers */
    r = run(SLICE(GET("Connection: close\r\n")), 1000);
    assert_false(r.keep_alive);
    r = run(SLICE("GET / HTTP/1.0\r\n" H "\r\n"), 1000);
    assert_false(r.keep_alive);
    r = run(SLICE("GET / HTTP/1.0\r\n" H "Connection: keep-alive\r\n\r\n"), 1000);
    assert_true(r.keep_alive);
}

static void pipelined_bytes_stay(void **state)
{
    static const char text[] = GET("") GET("X: 2\r\n");
    struct result r = run(SLICE(text), 4096);

    (void)state;
    assert_true(r.done);
    assert_int_equal(r.used, strlen(GET("")));
}

static void repeat(struct buf *b, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_add_str(b, text);
}

static void sizes_are_bounded(void **state)
{
    struct result r;
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 20);
    /* exactly 16 KiB pass, one more does not */
    buf_add_str(&b, "GET / HTTP/1.1\r\n" H "X: ");
    repeat(&b, "x", HTTP_HEAD_MAX - 4 - b.len);
    buf_add_str(&b, "\r\n\r\n");
    r = run(buf_slice(&b), 4096);
    assert_true(r.done);
    assert_int_equal(r.used, HTTP_HEAD_MAX);
    buf_reset(&b);
    buf_add_str(&b, "GET / HTTP/1.1\r\n" H "X: ");
    repeat(&b, "x", HTTP_HEAD_MAX - 3 - b.len);
    buf_add_str(&b, "\r\n\r\n");
    r = run(buf_slice(&b), 4096);
    assert_string_equal(err_name(r.code), "http-head-too-large");
    assert_true(r.used <= HTTP_HEAD_MAX);

    buf_reset(&b);
    buf_add_str(&b, "GET / HTTP/1.1\r\n" H);
    repeat(&b, "X: 1\r\n", HTTP_HEADERS_MAX - 1);
    buf_add_str(&b, "\r\n");
    r = run(buf_slice(&b), 100);
    assert_true(r.done);
    assert_int_equal(r.n_headers, HTTP_HEADERS_MAX);
    buf_reset(&b);
    buf_add_str(&b, "GET / HTTP/1.1\r\n" H);
    repeat(&b, "X: 1\r\n", HTTP_HEADERS_MAX);
    buf_add_str(&b, "\r\n");
    assert_string_equal(err_name(run(buf_slice(&b), 100).code), "http-head-too-large");

    /* chunk extensions, trailers, leading zeros: 1 KiB in all */
    buf_reset(&b);
    buf_add_str(&b, POST(CHUNKED) "1;");
    repeat(&b, "x", 4096);
    buf_add_str(&b, "\r\na\r\n0\r\n\r\n");
    assert_string_equal(err_name(run(buf_slice(&b), 512).code), "http-syntax");
    buf_reset(&b);
    buf_add_str(&b, POST(CHUNKED) "1\r\na\r\n0\r\n");
    repeat(&b, "X: 1\r\n", 400);
    buf_add_str(&b, "\r\n");
    assert_string_equal(err_name(run(buf_slice(&b), 512).code), "http-syntax");
    buf_reset(&b);
    buf_add_str(&b, POST(CHUNKED));
    repeat(&b, "0", 3000);
    buf_add_str(&b, "1\r\na\r\n0\r\n\r\n");
    assert_string_equal(err_name(run(buf_slice(&b), 512).code), "http-syntax");
    /* many small chunks are dear, but sound */
    buf_reset(&b);
    buf_add_str(&b, POST(CHUNKED));
    repeat(&b, "1\r\na\r\n", BODY_MAX);
    buf_add_str(&b, "0\r\n\r\n");
    r = run(buf_slice(&b), 100);
    assert_true(r.done);
    assert_int_equal(strlen(r.body), BODY_MAX);
    buf_free(&b);
}

/* Cuts lines as a careless parser would: at CRLF, at the first colon. */
static size_t cut_headers(struct slice raw, struct http_header *headers)
{
    const char *p = strstr(raw.p, "\r\n") + 2;
    size_t n = 0;

    while (strncmp(p, "\r\n", 2) != 0) {
        const char *end = strstr(p, "\r\n"), *colon = strchr(p, ':');

        if (!colon || colon > end)
            colon = end - 1;
        headers[n++] =
            (struct http_header){slice_make(p, (size_t)(colon - p)), slice_make(colon + 1, (size_t)(end - colon) - 1)};
        p = end + 2;
    }
    return n;
}

/* The rules alone: each refuses even what llhttp would have refused before it was asked. */
static void rules_stand_alone(void **state)
{
    static const struct row alone[] = {
        ROW("sound", POST("Content-Length: 3\r\n"), "ok"),
        ROW("CL and TE", POST("Content-Length: 3\r\n" CHUNKED), "http-syntax"),
        ROW("two CL", POST("Content-Length: 3\r\nContent-Length: 3\r\n"), "http-syntax"),
        ROW("two TE", POST(CHUNKED CHUNKED), "http-syntax"),
        ROW("CL +4", POST("Content-Length: +4\r\n"), "http-syntax"),
        ROW("TE xchunked", POST("Transfer-Encoding: xchunked\r\n"), "http-syntax"),
        ROW("TE on HTTP/1.0", "POST / HTTP/1.0\r\n" H CHUNKED "\r\n", "http-syntax"),
        ROW("folded", GET("X: a\r\n b: c\r\n"), "http-syntax"),
        ROW("space before the colon", GET("X : a\r\n"), "http-syntax"),
        ROW("no colon", GET("X\r\n"), "http-syntax"),
        ROW("control in a value", GET("X: a\x01\r\n"), "http-syntax"),
        ROW("bare CR in a value", GET("X: a\rb\r\n"), "http-syntax"),
        ROW("bare LF in a value", GET("X: a\nb\r\n"), "http-syntax"),
        ROW("HTTP/1.9", "GET / HTTP/1.9\r\n" H "\r\n", "http-version"),
        ROW("lower-case method", "get / HTTP/1.1\r\n" H "\r\n", "http-unsupported"),
        ROW("no target", "GET  HTTP/1.1\r\n" H "\r\n", "http-syntax"),
        ROW("three words and one", "GET / x HTTP/1.1\r\n" H "\r\n", "http-syntax"),
    };
    struct http_header headers[8];
    struct http_framing f;
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++) {
        struct http_request req = {0};
        size_t n = cut_headers(alone[i].text, headers);
        int r = http_rules_head(alone[i].text, headers, n, METHODS, &req, &f, &e);

        if (strcmp(r ? err_name(e.code) : "ok", alone[i].code) != 0)
            fail_msg("%s: expected %s, got %s", alone[i].what, alone[i].code, r ? err_name(e.code) : "ok");
        err_clear(&e);
    }
    /* what the other reading did not see, or saw elsewhere */
    {
        struct slice text = SLICE(GET("X: 1\r\n"));
        struct http_request req = {0};

        assert_int_equal(cut_headers(text, headers), 2);
        assert_err(http_rules_head(text, headers, 1, METHODS, &req, &f, &e), &e, "http-syntax");
        assert_err(http_rules_head(text, headers, 3, METHODS, &req, &f, &e), &e, "http-syntax");
        headers[1].value = SLICE("2");
        assert_err(http_rules_head(text, headers, 2, METHODS, &req, &f, &e), &e, "http-syntax");
        headers[1] = (struct http_header){SLICE("X"), SLICE("1")};
        assert_err(http_rules_head(text, headers, 2, METHODS, &req, &f, &e), &e, "http-syntax");
        text.n--;
        assert_err(http_rules_head(text, headers, 2, METHODS, &req, &f, &e), &e, "http-syntax");
    }
    assert_ok(http_rules_chunks(1024 + 40, 2, &e), &e);
    assert_err(http_rules_chunks(1024 + 41, 2, &e), &e, "http-syntax");
}

static void a_parser_is_used_again(void **state)
{
    struct http_request req = {0};
    struct http_parser *p = NULL;
    struct err e = ERR_INIT;
    enum http_parse_event event;
    const char *text = POST("Content-Length: 3\r\nCookie: secret\r\n") "abc";
    size_t used;

    (void)state;
    assert_err(http_parser_new(&req, HTTP_HEAD_MAX + 1, METHODS, &p, &e), &e, "internal-error");
    assert_ok(http_parser_new(&req, HTTP_HEAD_MAX, METHODS, &p, &e), &e);
    assert_false(http_parser_started(p));
    for (int i = 0; i < 3; i++) {
        assert_ok(http_parser_feed(p, text, strlen(text), &used, &event, &e), &e);
        assert_int_equal(event, HTTP_PARSE_HEAD);
        assert_int_equal(used, strlen(text) - 3);
        assert_int_equal(http_parser_framing(p)->content_length, 3);
        assert_ok(http_parser_set_body_max(p, 3, &e), &e);
        assert_ok(http_parser_feed(p, text + used, 3, &used, &event, &e), &e);
        assert_int_equal(event, HTTP_PARSE_DONE);
        assert_true(slice_is(req.body, "abc"));
        assert_true(slice_is(http_header(&req, "COOKIE"), "secret"));
        assert_int_equal(http_header_count(&req, "x"), 0);
        assert_null(http_header(&req, "x").p);
        assert_err(http_parser_feed(p, "G", 1, &used, &event, &e), &e, "internal-error");
        http_parser_reset(p);
        assert_int_equal(req.n_headers, 0);
        assert_false(http_parser_started(p));
    }
    /* a body that nobody allowed is refused */
    assert_ok(http_parser_feed(p, text, strlen(text), &used, &event, &e), &e);
    assert_err(http_parser_feed(p, "abc", 3, &used, &event, &e), &e, "http-body-too-large");
    http_parser_free(p);
    http_parser_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_of_requests),    cmocka_unit_test(fields_are_read),
        cmocka_unit_test(pipelined_bytes_stay), cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(rules_stand_alone),    cmocka_unit_test(a_parser_is_used_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
