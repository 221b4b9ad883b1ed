/*
 * auth.h - /auth, which the reverse proxy asks on every request: 200 with identity headers, 401 with the way to sign
 * in, 403.
 *
 * The hot path: one keyed hash, one table look-up, no store, no allocation of ours. Answers have an empty body and
 * Content-Length: 0 (with a body nginx opens a connection per check) and are never 3xx (nginx makes 500 of that).
 */
#ifndef USHER_ROUTER_AUTH_H
#define USHER_ROUTER_AUTH_H

#include "router/exchange.h"
#include "router/jobs.h"

/* A genuine token that is not in memory is looked up by a job in `pool`. */
void auth_handle(struct router *r, struct jobs_pool *pool, struct jobs_reply *reply, struct http_request *req);

#endif
