/* client.c - see client.h. */
#include "router/client.h"

/* The only value of a header; false if it comes more than once. p == NULL: absent. */
static int single(const struct http_request *req, const char *name, struct slice *ret, struct err *e)
{
    if (http_header_count(req, name) > 1)
        return err_set(e, ERR_HTTP_FORWARDED, "%s comes more than once", name);
    *ret = slice_trim(http_header(req, name));
    return 0;
}

static bool is_trusted(const struct config *c, const struct netaddr *a)
{
    if (a->family == 0) /* Unix socket: who may connect is decided by its mode */
        return true;
    for (size_t i = 0; i < c->trusted_proxies.n; i++) {
        if (netblock_contains(&c->trusted_proxies.v[i], a))
            return true;
    }
    return false;
}

int client_address(const struct config *c, const struct http_request *req, bool always_trusted, struct netaddr *ret,
                   struct err *e)
{
    struct slice list;

    *ret = req->peer;
    if (!always_trusted && !is_trusted(c, &req->peer))
        return 0;
    if (single(req, "X-Forwarded-For", &list, e) != 0)
        return -1;
    while (list.n > 0) { /* from the right: each hop was added by the one after it */
        struct slice hop = list;
        struct err bad = ERR_INIT;
        size_t comma = list.n;

        while (comma > 0 && list.p[comma - 1] != ',')
            comma--;
        hop = slice_trim(slice_make(list.p + comma, list.n - comma));
        if (netaddr_parse(hop, ret, &bad) != 0)
            return err_mismatch(e, ERR_HTTP_FORWARDED, bad.found, "an IP address", "X-Forwarded-For is malformed");
        if (!is_trusted(c, ret) || comma == 0)
            return 0;
        list.n = comma - 1;
    }
    return 0;
}

static int set_host(struct slice text, const char *from, char host[256], uint16_t *port, bool *have, struct err *e)
{
    char other[256];
    uint16_t other_port;

    if (!text.p)
        return 0;
    if (url_parse_authority(text, other, &other_port, e) != 0) {
        err_clear(e);
        return err_set(e, ERR_HTTP_FORWARDED, "%s does not hold a host", from);
    }
    if (*have && (strcmp(other, host) != 0 || other_port != *port))
        return err_mismatch(e, ERR_HTTP_FORWARDED, other, host, "%s contradicts another header", from);
    memcpy(host, other, sizeof other);
    *port = other_port;
    *have = true;
    return 0;
}

static int set_uri(struct slice text, const char *from, struct slice *uri, struct err *e)
{
    if (!text.p)
        return 0;
    if (uri->p && !slice_eq(*uri, text))
        return err_set(e, ERR_HTTP_FORWARDED, "%s contradicts another header", from);
    *uri = text;
    return 0;
}

int client_original(const struct http_request *req, char host[256], uint16_t *ret_port, struct slice *ret_uri,
                    struct err *e)
{
    struct slice forwarded_host, original_host, forwarded_uri, original_uri, original_url;
    struct url url;
    bool have = false;

    *ret_uri = (struct slice){NULL, 0};
    if (single(req, "X-Forwarded-Host", &forwarded_host, e) != 0 ||
        single(req, "X-Original-Host", &original_host, e) != 0 ||
        single(req, "X-Forwarded-Uri", &forwarded_uri, e) != 0 ||
        single(req, "X-Original-URI", &original_uri, e) != 0 || single(req, "X-Original-URL", &original_url, e) != 0)
        return -1;
    if (set_host(forwarded_host, "X-Forwarded-Host", host, ret_port, &have, e) != 0 ||
        set_host(original_host, "X-Original-Host", host, ret_port, &have, e) != 0)
        return -1;
    if (original_url.p && original_url.n > 0 && original_url.p[0] == '/') { /* some proxies send only the path here */
        if (set_uri(original_url, "X-Original-URL", ret_uri, e) != 0)
            return -1;
    } else if (original_url.p) {
        struct slice authority;

        if (url_parse(original_url, &url, e) != 0) {
            err_clear(e);
            return err_set(e, ERR_HTTP_FORWARDED, "X-Original-URL is no URL");
        }
        /* from scheme:// to the path */
        authority = slice_make(original_url.p + (url.https ? 8 : 7), 0);
        while (authority.p + authority.n < original_url.p + original_url.n &&
               !memchr("/?", authority.p[authority.n], 2))
            authority.n++;
        if (set_host(authority, "X-Original-URL", host, ret_port, &have, e) != 0)
            return -1;
        *ret_uri = slice_make(authority.p + authority.n,
                              original_url.n - (size_t)(authority.p + authority.n - original_url.p));
    }
    if (set_uri(forwarded_uri, "X-Forwarded-Uri", ret_uri, e) != 0 ||
        set_uri(original_uri, "X-Original-URI", ret_uri, e) != 0)
        return -1;
    if (!have) {
        memcpy(host, req->host, sizeof req->host);
        *ret_port = req->port;
    }
    return 0;
}
