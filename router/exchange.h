/*
 * exchange.h - one request and the reply being made for it, independent of the connection.
 *
 * A handler is a plain function from exchange to reply. It may run in a pool thread, after the client has gone, so
 * everything it reads was copied into the exchange's arena. It sets one reply; if it sets none, that is an internal
 * error.
 */
#ifndef USHER_ROUTER_EXCHANGE_H
#define USHER_ROUTER_EXCHANGE_H

#include "accounts/landing.h"
#include "accounts/store.h"
#include "accounts/throttle.h"
#include "base/arena.h"
#include "base/form.h"
#include "base/secret.h"
#include "router/config.h"
#include "router/http/cookie.h"
#include "router/worker.h"

#define REPLY_HEADERS_MAX 24
#define REQUEST_ID_SIZE 33
#define ROUTER_LOOPS_MAX 64

/* What all threads share. Set up by serve.c before the first request; each part is thread-safe or immutable. */
struct router {
    const struct config *config;
    struct keyring *keys;
    struct store *store;
    struct session_table *sessions;
    struct throttle *throttle;
    struct grants_cache *grants;              /* grants.h */
    struct flood *flood;                      /* flood.h */
    struct inflight *inflight;                /* flood.h */
    struct idp_keys *idp_keys;                /* idp_keys.h */
    struct worker *workers[ROUTER_LOOPS_MAX]; /* one of each loop; for worker_stats() */
    size_t nworkers;
    bool secure; /* public_url is https: HSTS */
};

/* Where a handler goes on. */
enum exchange_place {
    THEN_STORE = 0, /* the store pool */
    THEN_HASH,      /* the hash pool */
    THEN_WORKER     /* the store pool, after the verification worker has answered x->ask */
};

struct reply_header {
    const char *name;
    const char *value; /* in the exchange's arena, or static */
};

struct exchange {
    struct router *router;
    struct arena arena;
    struct err err; /* of the refusal, if the reply is one; logged at the end */

    /* the request */
    bool is_post;
    const char *path; /* "/login" */
    struct slice query;
    struct slice body;
    struct http_cookies cookies;
    const struct config_app *app; /* of the Host, NULL for the login host */
    struct netaddr client;
    struct slice origin, fetch_site, content_type; /* p == NULL: absent */
    char request_id[REQUEST_ID_SIZE];
    int64_t now;

    /* to go on elsewhere: set by a handler that makes no reply yet. If that place is full or fails, the next handler
     * sees x->err; but one after the worker may never run, so there must be nothing that it would have to settle. */
    void (*then)(struct exchange *x);
    enum exchange_place where;
    void *state; /* the handlers' own, in the arena */
    /* The document for THEN_WORKER: inspect, judge (its slices in the arena), fresh. */
    struct worker_request ask;
    struct trusts *trusts;     /* what it is judged by; held until the exchange ends. NULL: none yet */
    struct slice worker_reply; /* in the arena; see struct worker_request */

    /* the reply */
    int status; /* 0: not set */
    struct reply_header headers[REPLY_HEADERS_MAX];
    size_t nheaders;
    struct buf reply_body;
    const char *content_type_out;

    /* for the log line and the event */
    bool proven;           /* a verified assertion or a right password stands behind it: its event is never dropped */
    const char *again_url; /* for the refusal page; NULL: the login page */
    const char *event;     /* "login.accepted"; NULL: nothing is logged or stored */
    const char *account;   /* e-mail concerned, escaped when logged; NULL if none */
    const char *idp;
    const char *detail; /* policy trace and the like */
    bool unnamed;       /* the login's own event goes without the number: a refusal behind it will be shown with it */
    bool event_stored;  /* written with the login's own transaction already */
};

/* `value` is copied. Silently drops nothing: too many headers turn the reply into an internal error. */
void reply_header(struct exchange *x, const char *name, const char *value);
/* Set-Cookie with Secure, HttpOnly, Path=/. */
void reply_cookie(struct exchange *x, const char *name, const char *value, enum http_same_site site, int64_t max_age);
void reply_cookie_delete(struct exchange *x, const char *name, enum http_same_site site);
/* 303 See Other. */
void reply_redirect(struct exchange *x, const char *url);
/* An HTML page of this status; the caller fills x->reply_body first. */
void reply_page(struct exchange *x, int status);
/* The refusal page for x->err, whose code must be set. */
void reply_refusal(struct exchange *x);
/* The event of this exchange as it stands: kind, code, address, IdP, client, request id, detail. */
void exchange_event(const struct exchange *x, struct event *ret);

/* Sets x->err to an internal error if the reply is incomplete, and turns it into a refusal. Called once after the
 * handler. */
void reply_finish(struct exchange *x);

#endif
