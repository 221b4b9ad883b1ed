/* respond.c - answers: status line, headers, who may keep the connection; and what a request has of the server's. */
#include "router/http/conn.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/secret.h"

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Unknown";
}

static struct exchange *exchange_of(struct http_request *req)
{
    return (struct exchange *)req;
}

/* --- identity ----------------------------------------------------------------------------------------------------- */

void server_random(struct http_server *s, void *dst, size_t n)
{
    if (s->random_left < n) {
        secret_random(s->random, sizeof s->random); /* one system call for 64 requests */
        s->random_left = sizeof s->random;
    }
    s->random_left -= n;
    memcpy(dst, s->random + s->random_left, n);
}

const char *http_request_id(struct http_request *req)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    struct exchange *x = exchange_of(req);
    unsigned char bytes[REQUEST_ID_CHARS];

    if (x->id[0])
        return x->id;
    server_random(x->conn->server, bytes, sizeof bytes * 5 / 8);
    for (size_t bit = 0, i = 0; i < REQUEST_ID_CHARS; i++, bit += 5) {
        unsigned two = (unsigned)bytes[bit / 8] << 8 | (bit / 8 + 1 < 10 ? bytes[bit / 8 + 1] : 0);

        x->id[i] = alphabet[two >> (11 - bit % 8) & 31];
    }
    x->id[REQUEST_ID_CHARS] = '\0';
    return x->id;
}

struct http_server *http_request_server(const struct http_request *req)
{
    return ((const struct exchange *)req)->conn->server;
}

#define SLOT_BITS 24

uint64_t http_request_handle(const struct http_request *req)
{
    const struct conn *c = ((const struct exchange *)req)->conn;

    return c->server->slots[c->slot].generation << SLOT_BITS | c->slot;
}

struct http_request *http_request_by_handle(struct http_server *s, uint64_t handle)
{
    uint64_t slot = handle & ((1U << SLOT_BITS) - 1), generation = handle >> SLOT_BITS;

    if (slot >= s->n_slots || generation == 0 || s->slots[slot].generation != generation)
        return NULL;
    return &s->slots[slot].conn->x->req;
}

void http_pend(struct http_request *req)
{
    exchange_of(req)->pended = true;
}

void http_close_after(struct http_request *req)
{
    exchange_of(req)->conn->close_after = true;
}

/* --- headers ------------------------------------------------------------------------------------------------------ */

/* What decides how the message is read is written here and nowhere else. */
static bool header_is_ours(struct slice name)
{
    static const char *const ours[] = {"connection", "content-length", "date", "transfer-encoding"};

    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        if (slice_is_nocase(name, ours[i]))
            return true;
    }
    return false;
}

static bool header_add(struct buf *to, struct slice name, struct slice value)
{
    if (!http_is_token(name) || !http_is_field_value(value) || header_is_ours(name))
        return false;
    buf_add_slice(to, name);
    buf_add(to, ": ", 2);
    buf_add_slice(to, value);
    buf_add(to, "\r\n", 2);
    return !buf_failed(to);
}

void http_add_header(struct http_request *req, const char *name, struct slice value)
{
    struct exchange *x = exchange_of(req);

    if (!header_add(&x->headers, slice_of(name), value))
        x->headers_bad = true;
}

/* RFC 9110 5.6.7, in English whatever the locale; made anew once a second. */
static const char *server_date(struct http_server *s)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = clock_now();
    struct tm tm;

    if (now == s->date_at && s->date[0])
        return s->date;
    s->date_at = now;
    if (!gmtime_r(&now, &tm))
        tm = (struct tm){.tm_mday = 1, .tm_year = 70, .tm_wday = 4};
    (void)snprintf(s->date, sizeof s->date, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday,
                   tm.tm_mday, months + 3 * tm.tm_mon, (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
    return s->date;
}

/* --- the answer --------------------------------------------------------------------------------------------------- */

/* printf() was the dearest function of an answer. */
static void add_number(struct buf *out, size_t v)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    buf_add(out, digits + at, sizeof digits - at);
}

/* The head of an answer into s->out. False if a header was refused. */
static bool head_write(struct exchange *x, int status, const struct http_header *headers, size_t n, size_t body_bytes)
{
    struct conn *c = x->conn;
    struct buf *out = &c->server->out;

    buf_reset(out);
    buf_add_str(out, "HTTP/1.1 ");
    add_number(out, (size_t)status);
    buf_add_char(out, ' ');
    buf_add_str(out, http_reason(status));
    buf_add_str(out, "\r\nDate: ");
    buf_add_str(out, server_date(c->server));
    buf_add_str(out, "\r\n");
    buf_add(out, x->headers.data, x->headers.len);
    for (size_t i = 0; i < n; i++) {
        if (!header_add(out, headers[i].name, headers[i].value))
            return false;
    }
    if (status != 204 && status != 304) {
        buf_add_str(out, "Content-Length: ");
        add_number(out, body_bytes);
        buf_add_str(out, "\r\n");
    }
    if (c->close_after)
        buf_add_str(out, "Connection: close\r\n");
    else if (x->req.http10)
        buf_add_str(out, "Connection: keep-alive\r\n");
    buf_add(out, "\r\n", 2);
    return !buf_failed(out);
}

void http_respond(struct http_request *req, int status, const struct http_header *headers, size_t n_headers,
                  struct slice body)
{
    static const struct http_header text = {{"Content-Type", 12}, {"text/plain; charset=utf-8", 25}};
    struct exchange *x = exchange_of(req);
    struct conn *c = x->conn;
    struct http_server *s;
    struct err e = ERR_INIT;

    if (!c)
        return; /* answered already: the handler's bug, but the first answer stands */
    s = c->server;
    conn_enter(c);
    if (s->draining)
        c->close_after = true;
    if (x->headers_bad || status < 200 || status > 599 || !head_write(x, status, headers, n_headers, body.n)) {
        (void)err_set(&e, ERR_INTERNAL, "an answer with status %d had a header that must not be sent, or too many",
                      status);
        conn_report(c, "handler", &e);
        buf_reset(&x->headers);
        status = err_http_status(e.code);
        body = SLICE("500 Internal Server Error\n");
        (void)head_write(x, status, &text, 1, body.n);
    }
    if (req->method == HTTP_METHOD_HEAD || status == 204 || status == 304)
        body.n = 0;
    conn_send(c, buf_slice(&s->out), body);
    conn_answered(c);
    conn_leave(c);
}

void http_respond_status(struct http_request *req, int status)
{
    static const struct http_header text = {{"Content-Type", 12}, {"text/plain; charset=utf-8", 25}};
    char body[64];
    int n = snprintf(body, sizeof body, "%d %s\n", status, http_reason(status));

    http_respond(req, status, &text, 1, slice_make(body, (size_t)n));
}

/* --- refusals ----------------------------------------------------------------------------------------------------- */

static const struct {
    enum err_code code;
    enum http_refused reason;
} reasons[] = {
    {ERR_HTTP_SYNTAX, HTTP_REFUSED_SYNTAX},       {ERR_HTTP_EXPECT, HTTP_REFUSED_SYNTAX},
    {ERR_HTTP_HEAD_SIZE, HTTP_REFUSED_HEAD_SIZE}, {ERR_HTTP_BODY_SIZE, HTTP_REFUSED_BODY_SIZE},
    {ERR_HTTP_METHOD, HTTP_REFUSED_METHOD},       {ERR_HTTP_UNSUPPORTED, HTTP_REFUSED_UNSUPPORTED},
    {ERR_HTTP_VERSION, HTTP_REFUSED_VERSION},     {ERR_HTTP_TIMEOUT, HTTP_REFUSED_TIMEOUT},
    {ERR_HTTP_ANSWER, HTTP_REFUSED_ANSWER},       {ERR_HTTP_BODY_MEMORY, HTTP_REFUSED_BODY_MEMORY},
};

static void add_allow(struct conn *c)
{
    char text[128];
    size_t n = 0;

    for (unsigned m = HTTP_METHOD_NONE + 1; m < HTTP_METHOD_COUNT; m++) {
        if (c->server->o.methods & HTTP_ALLOW(m))
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? ", " : "",
                                  http_method_name((enum http_method)m));
    }
    http_add_header(&c->x->req, "Allow", slice_make(text, n));
}

void conn_refuse(struct conn *c, const struct err *e)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].code == e->code)
            server_count_refused(c->server, reasons[i].reason);
    }
    conn_report(c, e->code == ERR_HTTP_TIMEOUT ? "deadline" : e->code == ERR_HTTP_ANSWER ? "handler" : "refused", e);
    c->close_after = true;
    c->linger = true;
    if (e->code == ERR_HTTP_METHOD)
        add_allow(c);
    http_respond_status(&c->x->req, err_http_status(e->code));
}
