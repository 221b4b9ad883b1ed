/* exchange.c - see exchange.h. */
#include "router/exchange.h"

#include <jansson.h>
#include <stdlib.h>

#include "router/pages.h"

void reply_header(struct exchange *x, const char *name, const char *value)
{
    char *copy = arena_strdup(&x->arena, value);

    if (!copy || x->nheaders == REPLY_HEADERS_MAX) {
        (void)err_set(&x->err, ERR_INTERNAL, "reply header '%s' does not fit", name);
        return;
    }
    x->headers[x->nheaders++] = (struct reply_header){name, copy};
}

void reply_cookie(struct exchange *x, const char *name, const char *value, enum http_same_site site, int64_t max_age)
{
    struct buf text;

    buf_init(&text, 4096 + 256);
    if (http_cookie_format(&text, name, slice_of(value), true, site, max_age, &x->err) == 0)
        reply_header(x, "Set-Cookie", buf_cstr(&text));
    buf_free_secret(&text);
}

void reply_cookie_delete(struct exchange *x, const char *name, enum http_same_site site)
{
    struct buf text;

    buf_init(&text, 512);
    if (http_cookie_format_delete(&text, name, true, site, &x->err) == 0)
        reply_header(x, "Set-Cookie", buf_cstr(&text));
    buf_free(&text);
}

/* For everything a browser may render. form-action is wide on purpose: Chrome applies it to the redirects behind a
 * form, and an identity provider may redirect on to another one (Entra to AD FS). */
static void security_headers(struct exchange *x)
{
    reply_header(x, "Cache-Control", "no-store");
    reply_header(x, "Content-Security-Policy",
                 x->router->secure ? "default-src 'none'; style-src 'self'; form-action 'self' https:; "
                                     "frame-ancestors 'none'; base-uri 'none'"
                                   : "default-src 'none'; style-src 'self'; form-action 'self' https: http:; "
                                     "frame-ancestors 'none'; base-uri 'none'");
    reply_header(x, "X-Content-Type-Options", "nosniff");
    reply_header(x, "X-Frame-Options", "DENY");
    /* not no-referrer: with it browsers send `Origin: null` with our own forms */
    reply_header(x, "Referrer-Policy", "same-origin");
    if (x->router->secure)
        reply_header(x, "Strict-Transport-Security", "max-age=31536000");
}

void reply_redirect(struct exchange *x, const char *url)
{
    buf_reset(&x->reply_body);
    x->status = 303;
    security_headers(x);
    reply_header(x, "Location", url);
}

void reply_page(struct exchange *x, int status)
{
    x->status = status;
    x->content_type_out = "text/html; charset=utf-8";
    security_headers(x);
}

/* Starting again helps where the browser's part went stale, not where policy or the directory said no. */
static bool can_start_again(enum err_code code)
{
    enum err_class cls = err_class_of(code);

    return code != ERR_DENIED_APP && code != ERR_LOOP &&
           (cls == ERR_CLASS_PERSON || cls == ERR_CLASS_PEER || cls == ERR_CLASS_BUSY);
}

void reply_refusal(struct exchange *x)
{
    /* who proved who they are by SSO has no password to check */
    enum err_code code = x->err.code == ERR_ACCOUNT_DISABLED && x->proven ? ERR_LINK_REFUSED : x->err.code;
    const char *again =
        x->again_url ? x->again_url : arena_printf(&x->arena, "%s/login", x->router->config->public_url);

    buf_reset(&x->reply_body);
    if (code == ERR_THROTTLED || err_class_of(code) == ERR_CLASS_BUSY || err_http_status(code) == 503)
        reply_header(x, "Retry-After", "5");
    page_error(&x->reply_body, code, x->request_id, can_start_again(code) ? again : NULL);
    reply_page(x, err_http_status(code));
}

void reply_finish(struct exchange *x)
{
    /* an error that nobody looked at (a cookie that could not be made) must not leave as a success */
    bool broken = x->status == 0 || buf_failed(&x->reply_body) || (x->err.code != ERR_NONE && x->status < 400);

    if (!broken)
        return;
    if (x->err.code == ERR_NONE)
        (void)err_set(&x->err, ERR_INTERNAL, "the handler of '%s' made no whole reply", x->path);
    x->nheaders = 0;
    x->event = "request.refused";
    reply_refusal(x);
}

/* A JSON object with what an administrator needs; it must fit, so the longest text is the one that is cut. */
static void exchange_detail(const struct exchange *x, char *dst, size_t size)
{
    json_t *o = json_object();
    char *text;

    if (x->err.code != ERR_NONE) {
        json_object_set_new(o, "message", json_string(x->err.msg));
        if (x->err.found[0])
            json_object_set_new(o, "found", json_string(x->err.found));
        if (x->err.expected[0])
            json_object_set_new(o, "expected", json_string(x->err.expected));
        if (x->err.at[0])
            json_object_set_new(o, "at", json_string(x->err.at));
    }
    if (x->detail)
        json_object_set_new(o, "trace", json_stringn_nocheck(x->detail, strnlen(x->detail, size / 3)));
    text = json_object_size(o) ? json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    if (!text || !str_copy(dst, size, slice_of(text)))
        dst[0] = '\0';
    free(text);
    json_decref(o);
}

void exchange_event(const struct exchange *x, struct event *ret)
{
    *ret = (struct event){.at = x->now};
    if (!x->unnamed)
        (void)str_copy(ret->request_id, sizeof ret->request_id, slice_of(x->request_id));
    (void)str_copy(ret->kind, sizeof ret->kind, slice_of(x->event));
    if (x->err.code != ERR_NONE)
        (void)str_copy(ret->code, sizeof ret->code, slice_of(err_name(x->err.code)));
    if (x->account)
        (void)str_copy(ret->email, sizeof ret->email, slice_of(x->account));
    if (x->idp)
        (void)str_copy(ret->idp, sizeof ret->idp, slice_of(x->idp));
    netaddr_format(&x->client, ret->client);
    exchange_detail(x, ret->detail, sizeof ret->detail);
}
