/*
 * parse.h - bytes in, one request out: llhttp, the rules and the limits, without sockets.
 *
 * A parser collects one message at a time: the head in one buffer (so that the rules read it as it came), the body in
 * another with its framing removed. It fills a struct http_request that its owner provides and that borrows from these
 * buffers until http_parser_reset(). After an error the parser is of no use until reset, and the connection must close:
 * where the next message starts is not known any more.
 */
#ifndef USHER_ROUTER_HTTP_PARSE_H
#define USHER_ROUTER_HTTP_PARSE_H

#include "router/http/rules.h"

#define HTTP_HEAD_MAX 16384 /* offsets into a head are 16 bits wide */
#define HTTP_HEADERS_MAX 100

enum http_parse_event {
    HTTP_PARSE_MORE = 0, /* everything was taken, the message is not complete */
    HTTP_PARSE_HEAD,     /* a sound head that announces a body; set its limit, then go on */
    HTTP_PARSE_DONE      /* the request is complete; bytes that follow it were not taken */
};

struct http_parser;

/* `req` is filled by the parser, which touches only the fields that come from the message. head_max is at most
 * HTTP_HEAD_MAX. ERR_MEMORY. */
int http_parser_new(struct http_request *req, size_t head_max, unsigned methods, struct http_parser **ret,
                    struct err *e);
void http_parser_free(struct http_parser *p);
/* Ready for the next message. Wipes the buffers, which held cookies and passwords, and gives large ones back. */
void http_parser_reset(struct http_parser *p);

/*
 * Takes at most n bytes; how many is in *ret_used, also when it is fewer than n. The errors of http_rules_head() and
 * http_rules_chunks(), ERR_HTTP_HEAD_SIZE, ERR_HTTP_BODY_SIZE, ERR_MEMORY.
 */
int http_parser_feed(struct http_parser *p, const char *data, size_t n, size_t *ret_used, enum http_parse_event *ret,
                     struct err *e);
/* After HTTP_PARSE_HEAD: the most bytes of body. ERR_HTTP_BODY_SIZE if more are announced already. 0 before the call.
 */
int http_parser_set_body_max(struct http_parser *p, size_t max, struct err *e);

/* A byte of the message has been taken. */
bool http_parser_started(const struct http_parser *p);
/* For a complete head: whether the client lets the connection live. */
bool http_parser_keep_alive(const struct http_parser *p);
const struct http_framing *http_parser_framing(const struct http_parser *p);
/* Bytes of body so far. */
size_t http_parser_body_len(const struct http_parser *p);

#endif
