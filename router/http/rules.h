/*
 * rules.h - what usher demands of a request head beyond what llhttp refuses.
 *
 * Pure functions over the buffered head: no sockets, no state. llhttp (strict) decides where a head and a body end;
 * these rules read the same bytes once more, strictly, and demand that both readings agree, so that no proxy in front
 * can have understood something else. Everything refused is refused for good: the connection closes.
 */
#ifndef USHER_ROUTER_HTTP_RULES_H
#define USHER_ROUTER_HTTP_RULES_H

#include "router/http/server.h"

/* How the body of a request is delimited. */
struct http_framing {
    bool chunked;
    bool expect_continue;    /* the client waits for 100 before it sends the body */
    uint64_t content_length; /* 0 if chunked or absent */
};

/*
 * Checks the head `raw` (from the first byte to the end of the empty line). `headers` are the fields as llhttp cut
 * them; they must be the lines of `raw`, and their values are trimmed here. On success method, version, target, path,
 * query, host, port and headers of `req` are filled, borrowing from `raw`. `methods` are HTTP_ALLOW() bits.
 *
 * ERR_HTTP_SYNTAX, ERR_HTTP_VERSION, ERR_HTTP_METHOD (known, not allowed), ERR_HTTP_UNSUPPORTED (unknown, CONNECT,
 * Upgrade), ERR_HTTP_EXPECT. On failure `req->method` may be set, so that an answer to HEAD stays without body.
 */
int http_rules_head(struct slice raw, struct http_header *headers, size_t n_headers, unsigned methods,
                    struct http_request *req, struct http_framing *ret, struct err *e);

/*
 * Bounds what a chunked body may cost beside its data: `framing_bytes` are all bytes of chunk lines, extensions and
 * trailers so far. ERR_HTTP_SYNTAX.
 */
int http_rules_chunks(size_t framing_bytes, size_t chunks, struct err *e);

/* RFC 9110 5.6.2: what names of headers and cookies are made of; at least one octet. */
bool http_is_token(struct slice s);
/* No control character but TAB: fit for a header value. */
bool http_is_field_value(struct slice s);

#endif
