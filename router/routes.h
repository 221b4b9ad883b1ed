/*
 * routes.h - which path and method reach which handler, on which kind of host, how many at once from one network, with
 * how large a body.
 */
#ifndef USHER_ROUTER_ROUTES_H
#define USHER_ROUTER_ROUTES_H

#include "router/exchange.h"
#include "router/http/server.h"

enum route_host { ROUTE_LOGIN = 1, ROUTE_APP = 2, ROUTE_ANY = 3 };

struct route {
    const char *path;
    enum http_method method; /* GET stands for HEAD as well */
    enum route_host host;
    unsigned per_network; /* at most so many at once from one network; 0: no limit */
    size_t body_max;
    void (*handler)(struct exchange *x);
};

/* ERR_HTTP_NOT_FOUND, ERR_HTTP_METHOD. */
const struct route *route_find(enum http_method method, struct slice path, bool is_app_host, struct err *e);
/* The largest body that any route of this path takes; 0 if there is none. */
size_t route_body_max(struct slice path);

#endif
