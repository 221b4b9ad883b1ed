/*
 * cookie.h - reading the Cookie header and writing Set-Cookie values.
 *
 * Nothing is decoded, and a pair outside the grammar of RFC 6265 4.1.1 is passed over: an application's odd cookie must
 * not lock anybody out, and usher's own cookies are never odd. Every cookie written is Path=/, HttpOnly and without
 * Domain.
 */
#ifndef USHER_ROUTER_HTTP_COOKIE_H
#define USHER_ROUTER_HTTP_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "router/http/server.h"

#define HTTP_COOKIES_MAX 64

struct http_cookie {
    struct slice name;
    struct slice value; /* without the double quotes it may have been sent in */
};
struct http_cookies {
    struct http_cookie v[HTTP_COOKIES_MAX];
    size_t n;
    size_t skipped; /* malformed pairs */
};

/* The pairs of one header value, borrowed from it. More than HTTP_COOKIES_MAX pairs: ERR_HTTP_COOKIE. */
int http_cookies_parse(struct slice value, struct http_cookies *ret, struct err *e);
/* The same for a request; no Cookie header gives none, two are ERR_HTTP_COOKIE. */
int http_request_cookies(const struct http_request *req, struct http_cookies *ret, struct err *e);
/* The value of the only cookie with this name (exact case). {NULL, 0} if there is none, or more than one. */
struct slice http_cookie_get(const struct http_cookies *c, const char *name);

enum http_same_site { HTTP_SAME_SITE_STRICT = 0, HTTP_SAME_SITE_LAX, HTTP_SAME_SITE_NONE };
#define HTTP_COOKIE_SESSION (-1) /* max_age: until the browser ends */

/*
 * Appends the value of a Set-Cookie header to `out`. The name must be a token and the value cookie-octets, together
 * at most 4000 bytes. `secure` may be false only for development without TLS: then a name with __Host- or __Secure-,
 * and SameSite=None, are refused. ERR_INTERNAL.
 */
int http_cookie_format(struct buf *out, const char *name, struct slice value, bool secure, enum http_same_site site,
                       int64_t max_age_sec, struct err *e);
/* The value that makes a browser forget the cookie. The same rules. */
int http_cookie_format_delete(struct buf *out, const char *name, bool secure, enum http_same_site site, struct err *e);

#endif
