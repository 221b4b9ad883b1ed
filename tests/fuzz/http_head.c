/*
 * http_head.c - bytes to the parser and the rules. The first byte says where the input is cut in pieces; whole and cut
 * must come to the same, and what passes must keep what rules.h and server.h promise.
 */
#include <stdint.h>
#include <stdlib.h>

#include "router/http/parse.h"

#define BODY_MAX 256
#define METHODS (HTTP_ALLOW(HTTP_METHOD_GET) | HTTP_ALLOW(HTTP_METHOD_HEAD) | HTTP_ALLOW(HTTP_METHOD_POST))
#define MUST(x)      \
    do {             \
        if (!(x))    \
            abort(); \
    } while (0)

struct outcome {
    enum err_code code;
    enum http_parse_event event;
    size_t used, n_headers, body;
    bool keep_alive;
};

static void promises(const struct http_request *req)
{
    MUST(METHODS & HTTP_ALLOW(req->method));
    MUST(req->path.n > 0 && req->path.p[0] == '/' && !slice_starts(req->path, SLICE("//")));
    MUST(http_header_count(req, "host") == 1 && req->host[0]);
    MUST(http_header_count(req, "content-length") + http_header_count(req, "transfer-encoding") <= 1);
    MUST(req->body.n <= BODY_MAX && http_header_count(req, "upgrade") == 0);
    for (size_t i = 0; i < req->path.n; i++)
        MUST(req->path.p[i] > 0x20 && req->path.p[i] < 0x7f && req->path.p[i] != '\\');
    for (size_t i = 0; i < req->n_headers; i++)
        MUST(http_is_token(req->headers[i].name) && http_is_field_value(req->headers[i].value));
}

static struct outcome run(const uint8_t *data, size_t size, size_t step)
{
    struct http_request req = {0};
    struct http_parser *p = NULL;
    struct outcome o = {.code = ERR_NONE};
    struct err e = ERR_INIT;
    size_t used;

    MUST(http_parser_new(&req, HTTP_HEAD_MAX, METHODS, &p, &e) == 0);
    while (o.used < size && o.event != HTTP_PARSE_DONE && e.code == ERR_NONE) {
        size_t n = size - o.used < step ? size - o.used : step;
        char *piece = malloc(n); /* its own allocation, so that reading past it is seen */

        MUST(piece);
        memcpy(piece, data + o.used, n);
        if (http_parser_feed(p, piece, n, &used, &o.event, &e) == 0) {
            MUST(used > 0 && used <= n);
            o.used += used;
            if (o.event == HTTP_PARSE_HEAD)
                (void)http_parser_set_body_max(p, BODY_MAX, &e);
        }
        free(piece);
    }
    o.code = e.code;
    if (o.code == ERR_NONE && o.event == HTTP_PARSE_DONE) {
        promises(&req);
        o.n_headers = req.n_headers;
        o.body = req.body.n;
        o.keep_alive = http_parser_keep_alive(p);
    }
    http_parser_free(p);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole, cut;

    if (size < 1)
        return 0;
    whole = run(data + 1, size - 1, size);
    cut = run(data + 1, size - 1, data[0] % 64 + 1U);
    MUST((whole.code == ERR_NONE) == (cut.code == ERR_NONE));
    if (whole.code == ERR_NONE)
        MUST(whole.event == cut.event && whole.used == cut.used && whole.n_headers == cut.n_headers &&
             whole.body == cut.body && whole.keep_alive == cut.keep_alive);
    return 0;
}
