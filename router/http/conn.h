/*
 * conn.h - the inside of the server, shared by its files: connections, the request each has in progress, the server.
 *
 * A connection is small while it is idle; the first byte of a request takes an exchange (parser, buffers) from the
 * server's pool, the answer gives it back. A connection is freed in one place, conn_leave(), so that callbacks and
 * handlers that run inside an entry point never see it go.
 */
#ifndef USHER_ROUTER_HTTP_CONN_H
#define USHER_ROUTER_HTTP_CONN_H

#include <stdatomic.h>
#include <sys/queue.h>

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/ssl.h>

#include "base/buf.h"
#include "router/http/parse.h"
#include "router/http/server.h"

#define REQUEST_ID_CHARS 16

/* What a connection waits for; each but PHASE_COUNT has a deadline of its own. */
enum phase {
    PHASE_IDLE,   /* for the first byte of a request */
    PHASE_HEAD,   /* for the rest of the head */
    PHASE_BODY,   /* for the rest of the body */
    PHASE_ANSWER, /* for the handler */
    PHASE_WRITE,  /* for the client to take the answer */
    PHASE_LINGER, /* for a refused client to close */
    PHASE_COUNT
};

struct conn;

/* One request in progress. */
struct exchange {
    struct http_request req; /* first: a request is its exchange */
    struct conn *conn;       /* NULL in the pool */
    struct http_parser *parser;
    size_t body_reserved; /* of the shared limit */
    struct buf headers;   /* of the answer, as added by http_add_header() */
    bool headers_bad;
    bool pended;
    char id[REQUEST_ID_CHARS + 1]; /* "" until it is asked for */
    SLIST_ENTRY(exchange) pool;
};

struct conn {
    struct http_server *server;
    struct bufferevent *bev;
    SSL *ssl;           /* NULL without TLS; owned by bev */
    struct exchange *x; /* NULL while idle */
    LIST_ENTRY(conn) list;
    struct event timer;
    int64_t deadline_ms; /* of the current phase */
    int64_t timer_ms;    /* when the timer fires: never later than the deadline */
    uint32_t slot, tag;
    uint32_t n_requests;
    uint32_t discarded; /* bytes, while lingering */
    struct netaddr peer;
    uint8_t phase;    /* enum phase */
    uint8_t busy;     /* entry points on the stack */
    bool processing;  /* conn_process() is on the stack and goes on by itself */
    bool paused;      /* reading is, as enough is read ahead */
    bool close_after; /* no request after this one */
    bool linger;      /* unread input may exist: closing at once would destroy the answer on its way */
    bool handshake;   /* TLS not established yet */
    bool doomed;      /* to be freed by conn_leave() */
    bool in_limit;    /* counted in the shared limit */
};

/* Which request a handle means: slots are connections, generations are requests. */
struct slot {
    struct conn *conn;   /* NULL: free */
    uint64_t generation; /* of the request that may still be answered; 0: none */
};

struct http_server {
    struct event_base *base;
    struct http_server_options o;
    SSL_CTX *tls[HTTP_TAG_MAX];
    LIST_HEAD(conn_list, conn) conns;
    SLIST_HEAD(exchange_pool, exchange) pool;
    size_t n_pool;

    struct slot *slots;
    uint32_t *free_slots; /* stack of indexes */
    uint32_t n_slots, n_free_slots;
    uint64_t generation;

    int queue[2]; /* pipe of struct handed_over: http_server_hand_over() */
    struct event *queue_event;

    struct buf out; /* head of the answer being written */
    int64_t date_at;
    char date[32]; /* "Tue, 24 Nov 2026 15:22:55 GMT" */
    unsigned char random[640];
    size_t random_left;

    struct event *drain_timer;
    int64_t drain_deadline_ms;
    void (*drain_done)(void *arg);
    void *drain_arg;
    bool draining, stopped;

    /* written by this thread only, read by any */
    _Atomic uint64_t accepted, active, requests, abandoned, refused[HTTP_REFUSED_COUNT];
    _Atomic uint64_t queue_full; /* written by any */
};

static inline void counter_add(_Atomic uint64_t *c, uint64_t n)
{
    /* one writer: a plain load and store, no locked instruction */
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

/* conn.c */
/* Takes the descriptor in any case. */
void conn_open(struct http_server *s, int fd, uint32_t tag);
/* Brackets whatever touches a connection from outside; conn_leave() sets the timer, or frees the connection. */
void conn_enter(struct conn *c);
void conn_leave(struct conn *c);
void conn_doom(struct conn *c);
void conn_phase(struct conn *c, enum phase phase);
/* Sends both parts, now as far as the kernel takes them, the rest when it can. */
void conn_send(struct conn *c, struct slice head, struct slice body);
/* The answer has been given to conn_send(): what comes next. */
void conn_answered(struct conn *c);
void conn_report(struct conn *c, const char *event, const struct err *e);
/* Nothing of a connection without a request in progress is lost by closing it now. */
void conn_close_idle(struct conn *c);

/* respond.c */
/* Answers with the status of `e` and closes; reports and counts. */
void conn_refuse(struct conn *c, const struct err *e);
void server_random(struct http_server *s, void *dst, size_t n);

/* limit.c: true if the connection may live; then it must be given back */
enum http_limit { HTTP_LIMIT_OK, HTTP_LIMIT_TOTAL, HTTP_LIMIT_ADDRESS };
enum http_limit http_conn_limit_take(struct http_conn_limit *l, const struct netaddr *peer);
void http_conn_limit_give(struct http_conn_limit *l, const struct netaddr *peer);
/* Raises what a body has reserved, *held, to n bytes; false, with nothing changed, if there is no room for it. */
bool http_conn_limit_body_take(struct http_conn_limit *l, size_t *held, size_t n);
void http_conn_limit_body_give(struct http_conn_limit *l, size_t *held);

/* server.c */
struct exchange *server_exchange_take(struct http_server *s);
void server_exchange_give(struct http_server *s, struct exchange *x);
/* -1 if memory is out. */
int server_slot_take(struct http_server *s, struct conn *c);
void server_slot_give(struct http_server *s, uint32_t slot);
/* A connection is gone: a drain may be complete. */
void server_conn_gone(struct http_server *s);
void server_report(struct http_server *s, const struct http_report *r);
void server_count_refused(struct http_server *s, enum http_refused r);

#endif
