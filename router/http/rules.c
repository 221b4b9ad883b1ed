/* rules.c - see rules.h. One function per rule, in the order in which they are asked. */
#include "router/http/rules.h"

/* RFC 9110 5.6.2 tchar. */
static const bool token_char[256] = {
    ['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true, ['\''] = true, ['*'] = true, ['+'] = true,
    ['-'] = true, ['.'] = true, ['^'] = true, ['_'] = true, ['`'] = true, ['|'] = true,  ['~'] = true, ['0'] = true,
    ['1'] = true, ['2'] = true, ['3'] = true, ['4'] = true, ['5'] = true, ['6'] = true,  ['7'] = true, ['8'] = true,
    ['9'] = true, ['A'] = true, ['B'] = true, ['C'] = true, ['D'] = true, ['E'] = true,  ['F'] = true, ['G'] = true,
    ['H'] = true, ['I'] = true, ['J'] = true, ['K'] = true, ['L'] = true, ['M'] = true,  ['N'] = true, ['O'] = true,
    ['P'] = true, ['Q'] = true, ['R'] = true, ['S'] = true, ['T'] = true, ['U'] = true,  ['V'] = true, ['W'] = true,
    ['X'] = true, ['Y'] = true, ['Z'] = true, ['a'] = true, ['b'] = true, ['c'] = true,  ['d'] = true, ['e'] = true,
    ['f'] = true, ['g'] = true, ['h'] = true, ['i'] = true, ['j'] = true, ['k'] = true,  ['l'] = true, ['m'] = true,
    ['n'] = true, ['o'] = true, ['p'] = true, ['q'] = true, ['r'] = true, ['s'] = true,  ['t'] = true, ['u'] = true,
    ['v'] = true, ['w'] = true, ['x'] = true, ['y'] = true, ['z'] = true,
};

bool http_is_token(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!token_char[(unsigned char)s.p[i]])
            return false;
    }
    return s.n > 0;
}

bool http_is_field_value(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static struct slice trim_ows(struct slice s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* Takes one line off the front. Lines end in CRLF; a CR or LF that stands alone is caught as a control character in
 * whatever the line is read as. */
static bool take_line(struct slice *rest, struct slice *ret)
{
    const char *lf = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;

    if (!lf || lf == rest->p || lf[-1] != '\r')
        return false;
    *ret = slice_make(rest->p, (size_t)(lf - rest->p) - 1);
    rest->n -= (size_t)(lf + 1 - rest->p);
    rest->p = lf + 1;
    return true;
}

static struct slice cut_before(struct slice s, char c, struct slice *ret_rest)
{
    ptrdiff_t at = slice_find(s, c);

    if (at < 0) {
        *ret_rest = (struct slice){NULL, 0};
        return s;
    }
    *ret_rest = slice_make(s.p + at + 1, s.n - (size_t)at - 1);
    return slice_make(s.p, (size_t)at);
}

/*
 * Rule: the request line is METHOD SP target SP HTTP/1.0 or HTTP/1.1, with single spaces. llhttp passes other versions
 * and a line without one (HTTP/0.9). One empty line in front is allowed (RFC 9112 2.2), llhttp skips any number.
 */
static int rule_request_line(struct slice *rest, struct http_request *req, struct slice *ret_method, struct err *e)
{
    struct slice line, after_method, version;

    if (slice_starts(*rest, SLICE("\r\n")))
        *rest = slice_make(rest->p + 2, rest->n - 2);
    if (!take_line(rest, &line))
        return err_set(e, ERR_HTTP_SYNTAX, "the request line does not end in CRLF, or empty lines come before it");
    *ret_method = cut_before(line, ' ', &after_method);
    req->target = cut_before(after_method, ' ', &version);
    if (!http_is_token(*ret_method) || req->target.n == 0)
        return err_set(e, ERR_HTTP_SYNTAX, "the request line has no method or no target");
    if (version.n == 0)
        return err_set(e, ERR_HTTP_VERSION, "the request line has no version: HTTP/0.9");
    if (!slice_starts(version, SLICE("HTTP/")) || slice_find(version, ' ') >= 0)
        return err_set(e, ERR_HTTP_SYNTAX, "the request line is not METHOD SP target SP version");
    if (!slice_is(version, "HTTP/1.1") && !slice_is(version, "HTTP/1.0"))
        return err_set(e, ERR_HTTP_VERSION, "the version is %.*s", SLICE_ARG(version));
    req->http10 = slice_is(version, "HTTP/1.0");
    return 0;
}

/*
 * Rule: each line is name, colon, value with optional white space around it; no folding (a line that starts with white
 * space continues the one before for some readers), no control characters. And llhttp saw exactly these lines.
 */
static int rule_lines(struct slice rest, struct http_header *headers, size_t n, struct err *e)
{
    struct slice line, value, name;

    for (size_t i = 0;; i++) {
        if (!take_line(&rest, &line))
            return err_set(e, ERR_HTTP_SYNTAX, "a header line does not end in CRLF");
        if (line.n == 0)
            return i == n && rest.n == 0 ? 0 : err_set(e, ERR_HTTP_SYNTAX, "two readings of where the head ends");
        if (*line.p == ' ' || *line.p == '\t')
            return err_set(e, ERR_HTTP_SYNTAX, "a header line is folded (RFC 9112 5.2)");
        name = cut_before(line, ':', &value);
        if (!value.p || !http_is_token(name))
            return err_set(e, ERR_HTTP_SYNTAX, "a header line is not 'name: value'");
        if (!http_is_field_value(value))
            return err_set(e, ERR_HTTP_SYNTAX, "the value of header '%.*s' holds control characters", SLICE_ARG(name));
        value = trim_ows(value);
        if (i >= n || headers[i].name.p != name.p || headers[i].name.n != name.n ||
            !slice_eq(trim_ows(headers[i].value), value))
            return err_set(e, ERR_HTTP_SYNTAX, "two readings of header '%.*s'", SLICE_ARG(name));
        headers[i].value = value;
    }
}

/* Rule: methods by an allow-list. CONNECT and Upgrade would leave HTTP on this connection. */
static int rule_method(struct slice method, unsigned methods, struct http_request *req, struct err *e)
{
    for (unsigned m = HTTP_METHOD_NONE + 1; m < HTTP_METHOD_COUNT; m++) {
        if (slice_is(method, http_method_name((enum http_method)m)))
            req->method = (enum http_method)m;
    }
    if (req->method == HTTP_METHOD_NONE)
        return err_set(e, ERR_HTTP_UNSUPPORTED, "the method is %.*s", SLICE_ARG(method));
    if (!(methods & HTTP_ALLOW(req->method)))
        return err_set(e, ERR_HTTP_METHOD, "the method %s is not used here", http_method_name(req->method));
    if (http_header_count(req, "upgrade"))
        return err_set(e, ERR_HTTP_UNSUPPORTED, "the request asks for an upgrade of the protocol");
    return 0;
}

/* Rule: exactly one Host with sound syntax, on HTTP/1.0 too: the login host and the applications are told by it. */
static int rule_host(struct http_request *req, struct err *e)
{
    struct err why = ERR_INIT;
    size_t n = http_header_count(req, "host");

    if (n != 1)
        return err_set(e, ERR_HTTP_SYNTAX, "%s Host header", n ? "more than one" : "no");
    if (url_parse_authority(http_header(req, "host"), req->host, &req->port, &why) != 0)
        return err_set(e, ERR_HTTP_SYNTAX, "Host: %s", why.msg);
    return 0;
}

/*
 * Rule: one reading of the path. A "//" start is a host for some, dot segments are resolved by some proxies and not by
 * others, an encoded slash, backslash or NUL is a delimiter for some.
 */
static int rule_path(struct slice path, struct err *e)
{
    struct slice rest = path, segment;

    if (slice_starts(path, SLICE("//")))
        return err_set(e, ERR_HTTP_SYNTAX, "the path starts with //");
    for (size_t i = 0; i < path.n; i++) {
        int hi, lo, c;

        if (path.p[i] == '\\')
            return err_set(e, ERR_HTTP_SYNTAX, "the path holds a backslash");
        if (path.p[i] != '%')
            continue;
        hi = i + 1 < path.n ? ascii_hex_value(path.p[i + 1]) : -1;
        lo = i + 2 < path.n ? ascii_hex_value(path.p[i + 2]) : -1;
        c = hi * 16 + lo;
        if (hi < 0 || lo < 0 || c == 0 || c == '/' || c == '\\')
            return err_set(e, ERR_HTTP_SYNTAX, "the path holds a bad escape, or an escaped NUL, slash or backslash");
    }
    while (slice_split(&rest, '/', &segment)) {
        size_t dots = 0, at = 0;

        while (at < segment.n) {
            if (segment.p[at] == '.') {
                at++;
            } else if (segment.n - at >= 3 && slice_is_nocase(slice_make(segment.p + at, 3), "%2e")) {
                at += 3;
            } else {
                break;
            }
            dots++;
        }
        if (at == segment.n && (dots == 1 || dots == 2))
            return err_set(e, ERR_HTTP_SYNTAX, "the path holds a '.' or '..' segment");
    }
    return 0;
}

/* Rule: the target is a path, or an http(s) URL whose authority is the one of Host. */
static int rule_target(struct http_request *req, struct err *e)
{
    struct err why = ERR_INIT;
    struct url u;

    for (size_t i = 0; i < req->target.n; i++) {
        if (req->target.p[i] <= 0x20 || req->target.p[i] >= 0x7f || req->target.p[i] == '#')
            return err_set(e, ERR_HTTP_SYNTAX, "the target holds a fragment or something other than printable ASCII");
    }
    if (*req->target.p == '/') {
        req->path = cut_before(req->target, '?', &req->query);
        req->has_query = req->query.p != NULL;
        return rule_path(req->path, e);
    }
    if (url_parse(req->target, &u, &why) != 0)
        return err_set(e, ERR_HTTP_SYNTAX, "the target is neither a path nor a URL: %s", why.msg);
    if (strcmp(u.host, req->host) != 0 || u.port != (req->port ? req->port : u.https ? 443 : 80))
        return err_mismatch(e, ERR_HTTP_SYNTAX, u.host, req->host, "the target names another host than Host");
    req->path = u.path;
    req->query = u.query;
    req->has_query = u.has_query;
    return rule_path(req->path, e);
}

/*
 * Rule: one reading of how long the body is. Content-Length once, digits only, alone; Transfer-Encoding once, exactly
 * "chunked", alone, on HTTP/1.1. llhttp refuses most of the rest; here it is refused whatever llhttp says.
 */
static int rule_framing(struct http_request *req, struct http_framing *f, struct err *e)
{
    size_t n_te = http_header_count(req, "transfer-encoding"), n_cl = http_header_count(req, "content-length");
    struct slice te = http_header(req, "transfer-encoding"), cl = http_header(req, "content-length");

    if (n_te + n_cl > 1)
        return err_set(e, ERR_HTTP_SYNTAX, "more than one Content-Length or Transfer-Encoding header");
    if (n_cl && !str_to_u64(cl, INT64_MAX, &f->content_length))
        return err_set(e, ERR_HTTP_SYNTAX, "Content-Length is not a number");
    if (n_te && req->http10)
        return err_set(e, ERR_HTTP_SYNTAX, "Transfer-Encoding on HTTP/1.0");
    if (n_te && !slice_is_nocase(te, "chunked"))
        return err_set(e, ERR_HTTP_SYNTAX, "Transfer-Encoding is not 'chunked'");
    f->chunked = n_te == 1;
    return 0;
}

static int rule_expect(struct http_request *req, struct http_framing *f, struct err *e)
{
    size_t n = http_header_count(req, "expect");

    if (n == 0)
        return 0;
    if (n > 1 || !slice_is_nocase(http_header(req, "expect"), "100-continue"))
        return err_set(e, ERR_HTTP_EXPECT, "Expect is not '100-continue'");
    f->expect_continue = !req->http10 && (f->chunked || f->content_length > 0);
    return 0;
}

int http_rules_head(struct slice raw, struct http_header *headers, size_t n_headers, unsigned methods,
                    struct http_request *req, struct http_framing *ret, struct err *e)
{
    struct http_framing f = {0};
    struct slice method = {NULL, 0};

    if (rule_request_line(&raw, req, &method, e) != 0 || rule_lines(raw, headers, n_headers, e) != 0)
        return -1;
    req->headers = headers;
    req->n_headers = n_headers;
    if (rule_method(method, methods, req, e) != 0 || rule_host(req, e) != 0 || rule_target(req, e) != 0 ||
        rule_framing(req, &f, e) != 0 || rule_expect(req, &f, e) != 0)
        return -1;
    *ret = f;
    return 0;
}

/* A chunk line holds a size and two CRLF; more than that is extensions, leading zeros or trailers, of which there may
 * be 1 KiB in all. */
#define CHUNK_LINE_MAX 20
#define CHUNK_EXTRA_MAX 1024

int http_rules_chunks(size_t framing_bytes, size_t chunks, struct err *e)
{
    if (framing_bytes / CHUNK_LINE_MAX > chunks && framing_bytes - chunks * CHUNK_LINE_MAX > CHUNK_EXTRA_MAX)
        return err_set(e, ERR_HTTP_SYNTAX, "chunk extensions and trailers are larger than %d bytes", CHUNK_EXTRA_MAX);
    return 0;
}
