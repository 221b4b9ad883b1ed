/* cookie.c - see cookie.h. */
#include "router/http/cookie.h"

#include "router/http/rules.h"

#define COOKIE_BYTES_MAX 4000 /* browsers drop a cookie whose name and value exceed 4096 */

/* RFC 6265 4.1.1 cookie-octet: printable ASCII without space, double quote, comma, semicolon and backslash. */
static bool is_cookie_value(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c <= 0x20 || c >= 0x7f || c == '"' || c == ',' || c == ';' || c == '\\')
            return false;
    }
    return true;
}

static bool pair_parse(struct slice text, struct http_cookie *ret)
{
    ptrdiff_t at = slice_find(text, '=');
    struct slice value;

    if (at < 0)
        return false;
    value = slice_make(text.p + at + 1, text.n - (size_t)at - 1);
    if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
        value = slice_make(value.p + 1, value.n - 2);
    *ret = (struct http_cookie){.name = slice_make(text.p, (size_t)at), .value = value};
    return http_is_token(ret->name) && is_cookie_value(value);
}

int http_cookies_parse(struct slice value, struct http_cookies *ret, struct err *e)
{
    struct slice part;

    ret->n = ret->skipped = 0;
    while (slice_split(&value, ';', &part)) {
        part = slice_trim(part);
        if (part.n == 0)
            continue; /* a trailing semicolon */
        if (ret->n + ret->skipped == HTTP_COOKIES_MAX)
            return err_set(e, ERR_HTTP_COOKIE, "there are more than %d cookies", HTTP_COOKIES_MAX);
        if (pair_parse(part, &ret->v[ret->n]))
            ret->n++;
        else
            ret->skipped++;
    }
    return 0;
}

int http_request_cookies(const struct http_request *req, struct http_cookies *ret, struct err *e)
{
    ret->n = ret->skipped = 0;
    if (http_header_count(req, "cookie") > 1)
        return err_set(e, ERR_HTTP_COOKIE, "there is more than one Cookie header");
    return http_cookies_parse(http_header(req, "cookie"), ret, e);
}

struct slice http_cookie_get(const struct http_cookies *c, const char *name)
{
    struct slice hit = {NULL, 0};

    for (size_t i = 0; i < c->n; i++) {
        if (!slice_is(c->v[i].name, name))
            continue;
        if (hit.p)
            return (struct slice){NULL, 0}; /* which is ours? Somebody planted one of them. */
        hit = c->v[i].value;
    }
    return hit;
}

int http_cookie_format(struct buf *out, const char *name, struct slice value, bool secure, enum http_same_site site,
                       int64_t max_age_sec, struct err *e)
{
    static const char *const sites[] = {"Strict", "Lax", "None"};
    struct slice n = slice_of(name);

    if (!http_is_token(n) || !is_cookie_value(value) || n.n + value.n > COOKIE_BYTES_MAX ||
        (unsigned)site >= sizeof sites / sizeof *sites || max_age_sec < HTTP_COOKIE_SESSION)
        return err_set(e, ERR_INTERNAL, "a cookie that cannot be sent: '%s', %zu bytes", name, value.n);
    if (!secure && (site == HTTP_SAME_SITE_NONE || slice_starts(n, SLICE("__"))))
        return err_set(e, ERR_INTERNAL, "the cookie '%s' needs Secure", name);
    buf_printf(out, "%s=%.*s; Path=/; HttpOnly; SameSite=%s", name, SLICE_ARG(value), sites[site]);
    if (secure)
        buf_add_str(out, "; Secure");
    if (max_age_sec != HTTP_COOKIE_SESSION)
        buf_printf(out, "; Max-Age=%lld", (long long)max_age_sec);
    return buf_failed(out) ? err_set(e, ERR_INTERNAL, "no room for the cookie '%s'", name) : 0;
}

int http_cookie_format_delete(struct buf *out, const char *name, bool secure, enum http_same_site site, struct err *e)
{
    return http_cookie_format(out, name, SLICE(""), secure, site, 0, e);
}
