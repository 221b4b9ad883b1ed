/*
 * parse.c - see parse.h.
 *
 * llhttp calls back with pieces of tokens, cut wherever the input was. The head is therefore copied behind what came
 * before and llhttp is run over the copy, so that the pieces of a token are neighbours and a token is an offset and a
 * length. A piece that is not a neighbour (a folded header) is refused. llhttp pauses at the end of the head, where the
 * rules are asked, and at the end of the message; each message has a fresh llhttp state.
 */
#include "router/http/parse.h"

#include <stdlib.h>

#include <llhttp.h>

#include "base/buf.h"
#include "base/secret.h"

#if LLHTTP_VERSION_MAJOR < 9 && !LLHTTP_STRICT_MODE
#error "llhttp 8 must be compiled with LLHTTP_STRICT_MODE=1: without it, it accepts 'X-User : a' and CVE-2025-23167"
#endif

#define HEAD_FIRST 2048       /* most heads fit */
#define BODY_KEPT_MAX 16384   /* a larger body buffer is freed after the request */
#define BODY_EXPECT_MAX 16384 /* what a Content-Length alone makes us allocate */

struct span {
    uint16_t at, n;
};

enum stage { STAGE_HEAD, STAGE_BODY, STAGE_DONE, STAGE_FAILED };

struct http_parser {
    llhttp_t ll;
    struct http_request *req;
    unsigned methods;
    size_t head_max;
    enum stage stage;

    char *head;
    size_t head_len, head_cap;
    struct span url, names[HTTP_HEADERS_MAX], values[HTTP_HEADERS_MAX];
    size_t n_headers;
    bool name_done; /* the current name is complete: the next piece of a name starts another header */
    struct http_header *headers;
    const char *refusal; /* what a callback objected to, */
    enum err_code code;  /* and as what */

    struct buf body;
    struct http_framing framing;
    size_t chunks, framing_bytes;
    bool keep_alive;
};

static int refuse(struct http_parser *p, enum err_code code, const char *why)
{
    p->code = code;
    p->refusal = why;
    return HPE_USER;
}

/* Adds a piece to a token. */
static int span_extend(struct http_parser *p, struct span *s, const char *at, size_t n)
{
    size_t from = (size_t)(at - p->head);

    if (n == 0)
        return 0;
    if (s->n == 0)
        s->at = (uint16_t)from;
    if (from != (size_t)s->at + s->n)
        return refuse(p, ERR_HTTP_SYNTAX, "a header line is folded");
    s->n = (uint16_t)(s->n + n);
    return 0;
}

static int on_url(llhttp_t *ll, const char *at, size_t n)
{
    struct http_parser *p = ll->data;

    return span_extend(p, &p->url, at, n);
}

/* Names and values are also called for trailers, which are counted (framing_bytes) and dropped. */
static int on_name(llhttp_t *ll, const char *at, size_t n)
{
    struct http_parser *p = ll->data;

    if (p->stage != STAGE_HEAD)
        return 0;
    if (p->name_done || p->n_headers == 0) {
        if (p->n_headers == HTTP_HEADERS_MAX)
            return refuse(p, ERR_HTTP_HEAD_SIZE, "there are more than 100 headers");
        p->names[p->n_headers] = (struct span){0, 0};
        p->values[p->n_headers] = (struct span){0, 0};
        p->n_headers++;
        p->name_done = false;
    }
    return span_extend(p, &p->names[p->n_headers - 1], at, n);
}

static int on_name_complete(llhttp_t *ll)
{
    ((struct http_parser *)ll->data)->name_done = true;
    return 0;
}

static int on_value(llhttp_t *ll, const char *at, size_t n)
{
    struct http_parser *p = ll->data;

    if (p->stage != STAGE_HEAD)
        return 0;
    if (p->n_headers == 0)
        return refuse(p, ERR_HTTP_SYNTAX, "a value without a name");
    return span_extend(p, &p->values[p->n_headers - 1], at, n);
}

static int on_pause(llhttp_t *ll)
{
    (void)ll;
    return HPE_PAUSED;
}

static int on_body(llhttp_t *ll, const char *at, size_t n)
{
    struct http_parser *p = ll->data;

    if (n > p->body.max - p->body.len)
        return refuse(p, ERR_HTTP_BODY_SIZE, "the body is larger than this route takes");
    buf_add(&p->body, at, n);
    return buf_failed(&p->body) ? refuse(p, ERR_MEMORY, "no memory for the body") : 0;
}

static int on_chunk(llhttp_t *ll)
{
    ((struct http_parser *)ll->data)->chunks++;
    return 0;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_name,
    .on_header_field_complete = on_name_complete,
    .on_header_value = on_value,
    .on_headers_complete = on_pause,
    .on_body = on_body,
    .on_chunk_header = on_chunk,
    .on_message_complete = on_pause,
};

static void start(struct http_parser *p)
{
    llhttp_init(&p->ll, HTTP_REQUEST, &settings);
    p->ll.data = p;
    p->stage = STAGE_HEAD;
    p->head_len = 0;
    p->url = (struct span){0, 0};
    p->n_headers = 0;
    p->name_done = false;
    p->refusal = NULL;
    p->body.max = 0;
    p->framing = (struct http_framing){0};
    p->chunks = p->framing_bytes = 0;
    p->keep_alive = false;
    p->req->method = HTTP_METHOD_NONE;
    p->req->http10 = p->req->has_query = false;
    p->req->target = p->req->path = p->req->query = p->req->body = (struct slice){NULL, 0};
    p->req->host[0] = '\0';
    p->req->port = 0;
    p->req->headers = NULL;
    p->req->n_headers = 0;
}

int http_parser_new(struct http_request *req, size_t head_max, unsigned methods, struct http_parser **ret,
                    struct err *e)
{
    struct http_parser *p;

    if (head_max == 0 || head_max > HTTP_HEAD_MAX)
        return err_set(e, ERR_INTERNAL, "head_max is %zu", head_max);
    p = calloc(1, sizeof *p);
    if (!p)
        return err_set(e, ERR_MEMORY, "no memory for a parser");
    p->req = req;
    p->head_max = head_max;
    p->methods = methods;
    buf_init(&p->body, 0);
    start(p);
    *ret = p;
    return 0;
}

void http_parser_free(struct http_parser *p)
{
    if (!p)
        return;
    secret_wipe(p->head, p->head_len);
    free(p->head);
    free(p->headers);
    buf_free_secret(&p->body);
    free(p);
}

void http_parser_reset(struct http_parser *p)
{
    secret_wipe(p->head, p->head_len);
    if (p->body.cap > BODY_KEPT_MAX) {
        buf_free_secret(&p->body);
    } else if (p->body.data) {
        secret_wipe(p->body.data, p->body.len);
        buf_reset(&p->body);
    }
    start(p);
}

/* Turns llhttp's refusal, or ours from within a callback, into an error. */
static int fail(struct http_parser *p, llhttp_errno_t why, struct err *e)
{
    p->stage = STAGE_FAILED;
    if (p->refusal)
        return err_set(e, p->code, "%s", p->refusal);
    if (why == HPE_INVALID_VERSION || why == HPE_PAUSED_H2_UPGRADE)
        return err_set(e, ERR_HTTP_VERSION, "not HTTP/1.0 or HTTP/1.1");
    return err_set(e, ERR_HTTP_SYNTAX, "%s", llhttp_get_error_reason(&p->ll));
}

static int head_reserve(struct http_parser *p, size_t n, struct err *e)
{
    size_t cap = p->head_cap ? p->head_cap : HEAD_FIRST;
    char *head;

    while (cap < p->head_len + n)
        cap *= 2;
    if (cap == p->head_cap)
        return 0;
    head = malloc(cap); /* not realloc: cookies are not left behind */
    if (!head)
        return err_set(e, ERR_MEMORY, "no memory for a request head");
    if (p->head) {
        memcpy(head, p->head, p->head_len);
        secret_wipe(p->head, p->head_len);
        free(p->head);
    }
    p->head = head;
    p->head_cap = cap;
    return 0;
}

static struct slice span_slice(const struct http_parser *p, struct span s)
{
    return slice_make(p->head + s.at, s.n);
}

/* The head is complete: the rules decide, and llhttp must have understood the same. */
static int head_complete(struct http_parser *p, enum http_parse_event *ret, struct err *e)
{
    struct slice url;

    p->stage = STAGE_FAILED;
    if (!p->headers)
        p->headers = malloc(HTTP_HEADERS_MAX * sizeof *p->headers);
    if (!p->headers)
        return err_set(e, ERR_MEMORY, "no memory for request headers");
    for (size_t i = 0; i < p->n_headers; i++)
        p->headers[i] = (struct http_header){span_slice(p, p->names[i]), span_slice(p, p->values[i])};
    if (http_rules_head(slice_make(p->head, p->head_len), p->headers, p->n_headers, p->methods, p->req, &p->framing,
                        e) != 0)
        return -1;
    url = span_slice(p, p->url);
    if (url.p != p->req->target.p || url.n != p->req->target.n || p->ll.content_length != p->framing.content_length ||
        ((p->ll.flags & F_CHUNKED) != 0) != p->framing.chunked)
        return err_set(e, ERR_HTTP_SYNTAX, "two readings of the target or of the body's length");
    p->keep_alive = llhttp_should_keep_alive(&p->ll) != 0;
    if (!p->framing.chunked && p->framing.content_length == 0) {
        p->stage = STAGE_DONE;
        p->req->body = slice_make("", 0);
        *ret = HTTP_PARSE_DONE;
    } else {
        p->stage = STAGE_BODY;
        llhttp_resume(&p->ll);
        *ret = HTTP_PARSE_HEAD;
    }
    return 0;
}

static int feed_head(struct http_parser *p, const char *data, size_t n, size_t *ret_used, enum http_parse_event *ret,
                     struct err *e)
{
    llhttp_errno_t why;
    size_t taken;
    char *from;

    if (n > p->head_max - p->head_len)
        n = p->head_max - p->head_len;
    p->stage = STAGE_FAILED; /* until it went well */
    if (n == 0)
        return err_set(e, ERR_HTTP_HEAD_SIZE, "the head is larger than %zu bytes", p->head_max);
    if (head_reserve(p, n, e) != 0)
        return -1;
    from = p->head + p->head_len;
    memcpy(from, data, n);
    p->stage = STAGE_HEAD;
    why = llhttp_execute(&p->ll, from, n);
    if (why == HPE_OK) {
        p->head_len += n;
        *ret_used = n;
        *ret = HTTP_PARSE_MORE;
        return 0;
    }
    if (why != HPE_PAUSED) {
        p->head_len += n; /* so that all of it is wiped */
        return fail(p, why, e);
    }
    taken = (size_t)(llhttp_get_error_pos(&p->ll) - from);
    secret_wipe(from + taken, n - taken); /* the beginning of the body was copied as well: a password, perhaps */
    p->head_len += taken;
    *ret_used = taken;
    return head_complete(p, ret, e);
}

static int feed_body(struct http_parser *p, const char *data, size_t n, size_t *ret_used, enum http_parse_event *ret,
                     struct err *e)
{
    size_t before = p->body.len;
    llhttp_errno_t why = llhttp_execute(&p->ll, data, n);

    if (why != HPE_OK && why != HPE_PAUSED)
        return fail(p, why, e);
    *ret_used = why == HPE_PAUSED ? (size_t)(llhttp_get_error_pos(&p->ll) - data) : n;
    *ret = HTTP_PARSE_MORE;
    p->framing_bytes += *ret_used - (p->body.len - before);
    if (http_rules_chunks(p->framing_bytes, p->chunks, e) != 0) {
        p->stage = STAGE_FAILED;
        return -1;
    }
    if (why == HPE_PAUSED) {
        p->stage = STAGE_DONE;
        p->req->body = buf_slice(&p->body);
        *ret = HTTP_PARSE_DONE;
    }
    return 0;
}

int http_parser_feed(struct http_parser *p, const char *data, size_t n, size_t *ret_used, enum http_parse_event *ret,
                     struct err *e)
{
    *ret_used = 0;
    *ret = HTTP_PARSE_MORE;
    if (p->stage == STAGE_DONE || p->stage == STAGE_FAILED)
        return err_set(e, ERR_INTERNAL, "the parser was not reset");
    if (n == 0)
        return 0;
    if (p->stage == STAGE_HEAD)
        return feed_head(p, data, n, ret_used, ret, e);
    return feed_body(p, data, n, ret_used, ret, e);
}

int http_parser_set_body_max(struct http_parser *p, size_t max, struct err *e)
{
    if (p->stage != STAGE_BODY)
        return err_set(e, ERR_INTERNAL, "there is no body to limit");
    if (p->framing.content_length > max) {
        p->stage = STAGE_FAILED;
        return err_set(e, ERR_HTTP_BODY_SIZE, "the body has %llu bytes, this route takes %zu",
                       (unsigned long long)p->framing.content_length, max);
    }
    p->body.max = max;
    if (p->framing.content_length > 0)
        (void)buf_room(&p->body, p->framing.content_length < BODY_EXPECT_MAX ? (size_t)p->framing.content_length
                                                                             : BODY_EXPECT_MAX);
    return buf_failed(&p->body) ? err_set(e, ERR_MEMORY, "no memory for the body") : 0;
}

bool http_parser_started(const struct http_parser *p)
{
    return p->head_len > 0;
}

bool http_parser_keep_alive(const struct http_parser *p)
{
    return p->keep_alive;
}

const struct http_framing *http_parser_framing(const struct http_parser *p)
{
    return &p->framing;
}

size_t http_parser_body_len(const struct http_parser *p)
{
    return p->body.len;
}
