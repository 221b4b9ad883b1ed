/*
 * h_app.c - what the reverse proxy passes to usher on an application's own host: /.usher/start begins a sign-in there,
 * /.usher/land ends it with this host's own cookie.
 */
#include "router/handlers.h"

#include <stdio.h>

#include "base/encode.h"
#include "router/pages.h"

#define NONCES_MAX 4
#define NONCE_NAME_SIZE (sizeof COOKIE_NONCE + NONCE_HANDLE_CHARS)

/* The `rd` parameter: where on this application to go. "/" if there is none. */
static const char *return_path(struct exchange *x, const struct form *query)
{
    struct slice rd = form_get(query, "rd");

    if (!rd.p)
        return "/";
    if (rd.n > TARGET_PATH_MAX || !url_path_is_safe(rd) || slice_starts(rd, SLICE("/.usher/"))) {
        (void)err_mismatch(&x->err, ERR_RETURN_URL, rd.p, "a path of this application", "bad return path");
        return NULL;
    }
    return rd.p;
}

static const char *start_url(struct exchange *x, const char *path)
{
    struct buf url;
    const char *copy;

    buf_init(&url, 4 * TARGET_PATH_MAX);
    buf_add_str(&url, "/.usher/start?rd=");
    percent_encode(&url, slice_of(path));
    copy = arena_strdup(&x->arena, buf_cstr(&url));
    buf_free(&url);
    return copy;
}

/* The name of the cookie that holds the nonce behind a challenge; `handle` is the challenge or its beginning. */
static void nonce_cookie_name(struct slice handle, char dst[NONCE_NAME_SIZE])
{
    (void)snprintf(dst, NONCE_NAME_SIZE, COOKIE_NONCE "%.*s", NONCE_HANDLE_CHARS,
                   handle.n >= NONCE_HANDLE_CHARS ? handle.p : "");
}

/* The challenge of a nonce that this browser holds, so that later tabs need no cookie more. False if it holds none. */
static bool nonce_held(const struct exchange *x, char challenge[LANDING_CHALLENGE_SIZE])
{
    char name[NONCE_NAME_SIZE];

    for (size_t i = 0; i < x->cookies.n; i++) {
        const struct http_cookie *c = &x->cookies.v[i];

        if (!slice_starts(c->name, SLICE(COOKIE_NONCE)) || landing_challenge(c->value, challenge) != 0)
            continue;
        nonce_cookie_name(slice_of(challenge), name);
        if (slice_is(c->name, name))
            return true;
    }
    return false;
}

/* Applications should see few cookies: of more than NONCES_MAX that tabs set at the same moment, `used` remains. */
static void drop_nonces(struct exchange *x, const char *used)
{
    size_t held = 0;

    for (size_t i = 0; i < x->cookies.n; i++)
        held += slice_starts(x->cookies.v[i].name, SLICE(COOKIE_NONCE));
    for (size_t i = 0; held > NONCES_MAX && i < x->cookies.n && x->nheaders < REPLY_HEADERS_MAX / 2; i++) {
        struct slice name = x->cookies.v[i].name;
        const char *copy = slice_starts(name, SLICE(COOKIE_NONCE)) ? arena_strndup(&x->arena, name.p, name.n) : NULL;

        if (copy && strcmp(copy, used) != 0)
            reply_cookie_delete(x, copy, HTTP_SAME_SITE_LAX);
    }
}

void handle_start(struct exchange *x)
{
    struct form query;
    struct session_view who;
    struct target t = {.made = x->now, .app = x->app->host};
    char nonce[LANDING_NONCE_SIZE], challenge[LANDING_CHALLENGE_SIZE];
    char name[NONCE_NAME_SIZE];
    const char *sealed;

    if (form_parse(x->query, &x->arena, &query, &x->err) != 0 || !(t.path = return_path(x, &query))) {
        flow_refuse(x, "start.refused");
        return;
    }
    if (flow_session(x, x->app->host, &who)) { /* signed in meanwhile, in another tab */
        reply_redirect(x, t.path);
        return;
    }
    if (!nonce_held(x, challenge)) {
        landing_start(nonce, challenge);
        nonce_cookie_name(slice_of(challenge), name);
        reply_cookie(x, name, nonce, HTTP_SAME_SITE_LAX, TARGET_SECONDS);
    }
    t.challenge = challenge;
    sealed = flow_seal_target(x, &t);
    reply_redirect(x, arena_printf(&x->arena, "%s/login?to=%s", x->router->config->public_url, sealed));
}

void handle_land(struct exchange *x)
{
    struct form query;
    struct session_view who;
    char token[SESSION_TOKEN_SIZE], name[NONCE_NAME_SIZE];
    const char *path;

    if (form_parse(x->query, &x->arena, &query, &x->err) != 0 || !(path = return_path(x, &query))) {
        flow_refuse(x, "land.refused");
        return;
    }
    nonce_cookie_name(form_get(&query, "n"), name);
    if (landing_redeem(x->router->keys, x->router->sessions, x->router->store, form_get(&query, "t"), x->app->host,
                       http_cookie_get(&x->cookies, name), x->now, token, &who, &x->err) == 0) {
        reply_cookie(x, COOKIE_SESSION, token, HTTP_SAME_SITE_LAX, HTTP_COOKIE_SESSION);
        drop_nonces(x, name);
        secret_wipe(token, sizeof token);
        reply_redirect(x, path);
        return;
    }
    if (x->err.code == ERR_LAND && flow_session(x, x->app->host, &who)) { /* Back: spent, but its session lives */
        err_clear(&x->err);
        reply_redirect(x, path);
        return;
    }
    x->again_url = start_url(x, path);
    flow_refuse(x, "land.refused");
}

void handle_css(struct exchange *x)
{
    buf_add_str(&x->reply_body, page_css);
    x->status = 200;
    x->content_type_out = "text/css; charset=utf-8";
    reply_header(x, "Cache-Control", "public, max-age=3600");
    reply_header(x, "X-Content-Type-Options", "nosniff");
}
