/*
 * client.h - who is really asking: the client's address and the host it used, through trusted proxies.
 *
 * X-Forwarded-For counts only from trusted_proxies (and on the auth listener); the client is its rightmost untrusted
 * hop. A forwarding header that comes twice, or is malformed, is ERR_HTTP_FORWARDED: two readers must not be able to
 * differ.
 */
#ifndef USHER_ROUTER_CLIENT_H
#define USHER_ROUTER_CLIENT_H

#include "router/config.h"
#include "router/http/server.h"

/* `always_trusted`: the peer is the proxy by definition (auth listener). */
int client_address(const struct config *c, const struct http_request *req, bool always_trusted, struct netaddr *ret,
                   struct err *e);

/*
 * For /auth: the application's host and the URI that the browser asked for, from X-Forwarded-Host and X-Forwarded-Uri
 * (Caddy, Traefik), X-Original-URL (whole), X-Original-URI, or else the Host header. What is said twice must agree.
 * `ret_uri` borrows from the request; {NULL, 0} if unknown.
 */
int client_original(const struct http_request *req, char host[256], uint16_t *ret_port, struct slice *ret_uri,
                    struct err *e);

#endif
