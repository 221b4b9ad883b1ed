/*
 * dispatch.h - from a request on a loop to a handler in a pool thread and back.
 */
#ifndef USHER_ROUTER_DISPATCH_H
#define USHER_ROUTER_DISPATCH_H

#include "router/exchange.h"
#include "router/jobs.h"
#include "router/routes.h"

/* One per loop. */
struct dispatcher {
    struct router *router;
    struct jobs_pool *store_pool, *hash_pool;
    struct jobs_reply *reply;
    struct worker *worker; /* NULL once the daemon stops */
};

/* The Host is that of public_url. */
bool dispatch_is_login_host(const struct config *c, const struct http_request *req);
/* A request on the main listener. */
void dispatch(struct dispatcher *d, struct http_request *req);
/* A request on the auth listener: /auth and /healthz, nothing else. */
void dispatch_auth(struct dispatcher *d, struct http_request *req);

#endif
