/*
 * server.h - an HTTP/1.1 server on a libevent loop: strict framing, absolute deadlines, limits, TLS.
 *
 * One struct http_server belongs to one event_base and one thread; it shares nothing with its siblings but an optional
 * struct http_conn_limit, so the loops need no locks. An acceptor hands descriptors to the servers. What is ambiguous
 * in HTTP is refused and the connection closed (rules.h), never repaired; a request that reaches the handler has one
 * reading only. This layer never logs and never decides about content: it reports through a callback and counts.
 *
 * The process must ignore SIGPIPE and have called secret_init(). Unless said otherwise, functions that take a server
 * or a request may be called on the server's own thread only.
 */
#ifndef USHER_ROUTER_HTTP_SERVER_H
#define USHER_ROUTER_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "base/url.h"

struct event_base;
struct ssl_ctx_st; /* OpenSSL's SSL_CTX */
struct http_server;
struct http_acceptor;
struct http_conn_limit;

/* --- requests ----------------------------------------------------------------------------------------------------- */

enum http_method {
    HTTP_METHOD_NONE = 0, /* never in a request that a handler sees */
    HTTP_METHOD_GET,
    HTTP_METHOD_HEAD,
    HTTP_METHOD_POST,
    HTTP_METHOD_PUT,
    HTTP_METHOD_PATCH,
    HTTP_METHOD_DELETE,
    HTTP_METHOD_OPTIONS,
    HTTP_METHOD_COUNT
};
const char *http_method_name(enum http_method m); /* "GET" */
#define HTTP_ALLOW(m) (1U << (m))

struct http_header {
    struct slice name; /* as it was sent; compare without case */
    struct slice value;
};

/*
 * A request as the handler sees it. Everything in it lives until the answer is given; it is for reading, but for
 * `user`.
 */
struct http_request {
    enum http_method method;
    bool http10;         /* HTTP/1.0 rather than 1.1 */
    bool tls;            /* came over TLS that this server ended */
    bool has_query;      /* a '?' was there, even if nothing follows it */
    uint32_t tag;        /* of the listener it came through */
    struct netaddr peer; /* family 0 on a Unix socket */
    struct slice target; /* the request target as sent */
    /* Still percent-encoded. Starts with one '/'; printable ASCII with sound escapes; holds no encoded slash, backslash
     * or NUL and no "." or ".." segment, encoded or not. */
    struct slice path;
    struct slice query; /* without '?'; still encoded, escapes not looked at */
    char host[256];     /* of the Host header: lower case, no brackets */
    uint16_t port;      /* of the Host header, 0 if it has none */
    const struct http_header *headers;
    size_t n_headers;
    struct slice body; /* complete; chunked coding removed, trailers dropped */
    void *user;        /* NULL at first; for the handler's own state */
};

/* The value of the first header with this name, {NULL, 0} if there is none. */
struct slice http_header(const struct http_request *req, const char *name);
/* How often it was sent. Host, Content-Length and Transfer-Encoding are never there twice; others may be. */
size_t http_header_count(const struct http_request *req, const char *name);
/* 16 characters of a-z2-7 (80 random bits), made at the first call; stable for the request. */
const char *http_request_id(struct http_request *req);
struct http_server *http_request_server(const struct http_request *req);

/*
 * Answering. Each request is answered exactly once: in the handler, or later after http_pend(). `req` must not be used
 * after http_respond(). A handler that returns with neither is a bug: the client gets 500. A pending request that is
 * not answered by the answer deadline gets 503, and one whose client left is dropped: so a job remembers the handle and
 * asks for the request when it is done.
 */
void http_pend(struct http_request *req);
/* Never 0. Never points at another request, however late. */
uint64_t http_request_handle(const struct http_request *req);
/* NULL if the request has been answered or its client has gone. */
struct http_request *http_request_by_handle(struct http_server *s, uint64_t handle);

/*
 * Adds a header to the coming answer, before http_respond(); for cookies and what every page has. Names must be tokens,
 * values must not hold control characters but TAB; a name the server writes itself (Connection, Content-Length, Date,
 * Transfer-Encoding) is refused as well. A refused header turns the answer into a 500 and is reported as ERR_INTERNAL.
 */
void http_add_header(struct http_request *req, const char *name, struct slice value);
/* Status 200 to 599. The headers (checked as above) follow those added before; everything is copied. HEAD gets the
 * Content-Length without the body. */
void http_respond(struct http_request *req, int status, const struct http_header *headers, size_t n_headers,
                  struct slice body);
/* A text/plain answer with the reason phrase as body: "404 Not Found\n". */
void http_respond_status(struct http_request *req, int status);
/* The connection closes after the answer to this request. */
void http_close_after(struct http_request *req);
const char *http_reason(int status); /* "Not Found"; "Unknown" if it is */

/* --- server ------------------------------------------------------------------------------------------------------- */

/* What body_limit returns instead of a size to refuse with this status (400 to 599) before any of the body is read. */
#define HTTP_REFUSE(status) (SIZE_MAX - (size_t)(status))

enum http_refused {
    HTTP_REFUSED_SYNTAX,      /* 400, 417 */
    HTTP_REFUSED_HEAD_SIZE,   /* 431 */
    HTTP_REFUSED_BODY_SIZE,   /* 413 */
    HTTP_REFUSED_METHOD,      /* 405 */
    HTTP_REFUSED_UNSUPPORTED, /* 501: CONNECT, Upgrade, unknown methods */
    HTTP_REFUSED_VERSION,     /* 505 */
    HTTP_REFUSED_TIMEOUT,     /* 408, and silent closes by deadline */
    HTTP_REFUSED_ANSWER,      /* 503: the handler did not answer in time */
    HTTP_REFUSED_WRITE,       /* the client did not take its answer in time */
    HTTP_REFUSED_EARLY,       /* by the router's body_limit */
    HTTP_REFUSED_BODY_MEMORY, /* 503: the bodies of all requests in progress hold what they may */
    HTTP_REFUSED_CONNECTIONS, /* closed at once: too many connections, or the hand-over queue was full */
    HTTP_REFUSED_ADDRESS,     /* closed at once: too many connections from this address */
    HTTP_REFUSED_TLS,         /* the handshake failed */
    HTTP_REFUSED_COUNT
};
const char *http_refused_name(enum http_refused r); /* "syntax": for metrics labels */

struct http_counters {
    uint64_t accepted;  /* connections taken on */
    uint64_t active;    /* connections now */
    uint64_t requests;  /* whole requests given to the handler */
    uint64_t abandoned; /* clients that left before their answer */
    uint64_t refused[HTTP_REFUSED_COUNT];
};

struct http_report {
    const char *event;      /* "refused", "deadline", "handler", "accept", "tls" */
    const struct err *err;  /* what happened; its text is escaped already */
    const char *request_id; /* "" before there is a request */
    struct netaddr peer;
    uint32_t tag;
};

struct http_server_options {
    /* Called for each request. */
    void (*handle)(struct http_request *req, void *arg);
    /* May be NULL (then body_max counts). Called when the head of a request that announces a body is known, body and
     * id not; returns how many bytes of body it may have, or HTTP_REFUSE(status). */
    size_t (*body_limit)(const struct http_request *head, void *arg);
    /* May be NULL. */
    void (*report)(const struct http_report *r, void *arg);
    void *arg;

    unsigned methods;             /* HTTP_ALLOW() bits; default GET, HEAD, POST */
    size_t head_max;              /* request line and headers; default and maximum 16 KiB */
    size_t body_max;              /* default 64 KiB */
    unsigned requests_per_conn;   /* default 1000, then Connection: close */
    struct http_conn_limit *conn; /* shared by servers; NULL: none. Not owned. */

    /* Absolute: bytes trickling in do not extend them. */
    unsigned head_ms;   /* from accept, or the first byte of a later request, to the end of the head; 10 s */
    unsigned body_ms;   /* from there to the end of the body; 30 s */
    unsigned answer_ms; /* from there to http_respond(); 30 s */
    unsigned write_ms;  /* from http_respond() until the kernel took all of it; 30 s */
    unsigned idle_ms;   /* between requests; 60 s */
    unsigned linger_ms; /* for a refused client to read the refusal and close; 1 s */
};
/* All defaults; `handle` must still be set. */
void http_server_options_init(struct http_server_options *o);

/* ERR_MEMORY, ERR_IO, ERR_INTERNAL (no handler, a zero limit). */
int http_server_new(struct event_base *base, const struct http_server_options *o, struct http_server **ret,
                    struct err *e);
/* Closes every connection without ceremony. */
void http_server_free(struct http_server *s);

#define HTTP_TAG_MAX 16 /* tags are 0 to 15 */
/* Connections with this tag speak TLS; NULL ends that. Takes a reference of its own; connections that exist keep the
 * context they have, so a certificate is renewed by calling this again. */
void http_server_set_tls(struct http_server *s, uint32_t tag, struct ssl_ctx_st *ctx);

/* Takes over a connected descriptor: serves it, or closes it if a limit says so. */
void http_server_adopt(struct http_server *s, int fd, uint32_t tag);
/* The same from any thread, through a queue in the kernel. Takes the descriptor in any case. */
void http_server_hand_over(struct http_server *s, int fd, uint32_t tag);

/*
 * Graceful stop: idle connections close, running requests are finished with Connection: close, after `deadline_ms`
 * the rest is cut. `done` is called once, from the loop, when no connection is left.
 */
void http_server_drain(struct http_server *s, unsigned deadline_ms, void (*done)(void *arg), void *arg);

/* From any thread. */
void http_server_counters(const struct http_server *s, struct http_counters *ret);

/* --- limits, shared by servers ------------------------------------------------------------------------------------ */

/*
 * At most max_total connections in all, and max_per_address from one IPv4 address or IPv6 /64; Unix sockets and
 * addresses in `exempt` (trusted proxies: copied) count only towards the total.
 *
 * At most max_body_bytes of request bodies in all, each from its head (Content-Length) or as it grows (chunked) until
 * its answer; the buffers they are in may be up to twice as large. The last quarter is for bodies of at most
 * HTTP_BODY_SMALL, so that whoever announces large ones and sends nothing does not close the login form. A body that
 * finds no room is refused unread. So three quarters must hold the largest body that a route takes.
 *
 * Thread-safe. ERR_MEMORY, ERR_INTERNAL (a limit of zero).
 */
#define HTTP_BODY_SMALL (32 * 1024)
int http_conn_limit_new(size_t max_total, size_t max_per_address, size_t max_body_bytes, const struct netblock *exempt,
                        size_t n_exempt, struct http_conn_limit **ret, struct err *e);
/* After every server that uses it. */
void http_conn_limit_free(struct http_conn_limit *l);
size_t http_conn_limit_total(struct http_conn_limit *l);
size_t http_conn_limit_body_bytes(const struct http_conn_limit *l);

/* --- listening ---------------------------------------------------------------------------------------------------- */

/*
 * A listening, non-blocking, close-on-exec socket. A stale Unix socket file is replaced, a live one is not; anybody
 * who can reach the file may connect (mode 666), so its folder decides who that is. *ret_port is the real port, 0 for a
 * Unix socket. ERR_LISTEN.
 */
int http_listen(const struct listen_addr *addr, int backlog, int *ret_fd, uint16_t *ret_port, struct err *e);

/*
 * Accepts on `base` and gives each connection to the server with the fewest: directly if that server is on the same
 * base, else by hand-over. When descriptors run out, it pauses for 100 ms and tells the oldest waiting clients by
 * closing them (a spare descriptor). `servers` is copied, the servers are not owned. ERR_MEMORY, ERR_IO.
 */
int http_acceptor_new(struct event_base *base, struct http_server *const *servers, size_t n_servers,
                      struct http_acceptor **ret, struct err *e);
/* A listening socket from anywhere (http_listen(), socket activation); takes it. ERR_MEMORY, ERR_IO. */
int http_acceptor_add(struct http_acceptor *a, int fd, uint32_t tag, struct err *e);
/* Reports through this server's callback (event "accept"), by default servers[0]. Counts pauses. */
uint64_t http_acceptor_pauses(const struct http_acceptor *a);
/* Closes the listening sockets. */
void http_acceptor_free(struct http_acceptor *a);

/*
 * TLS 1.2 or later, no renegotiation, no compression, ALPN http/1.1. Certificate chain in PEM, key readable by its
 * owner only. Free with SSL_CTX_free(). ERR_TLS, ERR_KEY_FILE.
 */
int http_tls_load(const char *cert_file, const char *key_file, struct ssl_ctx_st **ret, struct err *e);
void http_tls_free(struct ssl_ctx_st *ctx);

#endif
