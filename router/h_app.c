/*
 * h_app.c - what the reverse proxy passes to usher on an application's own host: /.usher/start begins a sign-in there,
 * /.usher/land ends it with this host's own cookie.
 */
#include "router/handlers.h"

#include "base/encode.h"
#include "router/pages.h"

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

void handle_start(struct exchange *x)
{
    struct form query;
    struct session_view who;
    struct target t = {.made = x->now, .app = x->app->host};
    char nonce[LANDING_NONCE_SIZE], challenge[LANDING_CHALLENGE_SIZE];
    const char *sealed;
    struct slice old = http_cookie_get(&x->cookies, COOKIE_NONCE);

    if (form_parse(x->query, &x->arena, &query, &x->err) != 0 || !(t.path = return_path(x, &query))) {
        flow_refuse(x, "start.refused");
        return;
    }
    if (flow_session(x, x->app->host, &who)) { /* signed in meanwhile, in another tab */
        reply_redirect(x, t.path);
        return;
    }
    /* one nonce per browser, so that several tabs can be on their way at once */
    if (!old.p || landing_challenge(old, challenge) != 0) {
        landing_start(nonce, challenge);
        reply_cookie(x, COOKIE_NONCE, nonce, HTTP_SAME_SITE_LAX, TARGET_SECONDS);
    }
    t.challenge = challenge;
    sealed = flow_seal_target(x, &t);
    reply_redirect(x, arena_printf(&x->arena, "%s/login?to=%s", x->router->config->public_url, sealed));
}

void handle_land(struct exchange *x)
{
    struct form query;
    struct session_view who;
    char token[SESSION_TOKEN_SIZE];
    const char *path;

    if (form_parse(x->query, &x->arena, &query, &x->err) != 0 || !(path = return_path(x, &query))) {
        flow_refuse(x, "land.refused");
        return;
    }
    if (landing_redeem(x->router->keys, x->router->sessions, x->router->store, form_get(&query, "t"), x->app->host,
                       http_cookie_get(&x->cookies, COOKIE_NONCE), x->now, token, &who, &x->err) == 0) {
        reply_cookie(x, COOKIE_SESSION, token, HTTP_SAME_SITE_LAX, HTTP_COOKIE_SESSION);
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
