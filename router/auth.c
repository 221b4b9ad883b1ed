/* auth.c - see auth.h. */
#include "router/auth.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/encode.h"
#include "router/client.h"
#include "router/handlers.h"
#include "router/log.h"

#define GROUP_SEPARATOR ','
#define RETURN_MAX 1024

/* Only what the application's configuration names is sent; a group with the separator in it would read as two. */
static bool group_is_sent(const struct config_app *app, struct slice g)
{
    if (slice_find(g, GROUP_SEPARATOR) >= 0)
        return false;
    for (size_t i = 0; i < app->allow.groups.n; i++) {
        if (slice_is(g, app->allow.groups.v[i]))
            return true;
    }
    for (size_t i = 0; i < app->send_groups.n; i++) {
        if (slice_is(g, app->send_groups.v[i]))
            return true;
    }
    return false;
}

static void add_header(struct http_request *req, const char *name, struct slice value)
{
    char small[512];
    struct buf big;

    if (value.n < sizeof small / 3) { /* nearly always: printable ASCII as it is */
        bool plain = true;

        for (size_t i = 0; i < value.n && plain; i++)
            plain = value.p[i] >= 0x20 && value.p[i] < 0x7f && value.p[i] != '%';
        if (plain) {
            http_add_header(req, name, value);
            return;
        }
    }
    buf_init(&big, 3 * STORE_GROUPS_MAX);
    header_encode(&big, value);
    http_add_header(req, name, buf_slice(&big));
    buf_free(&big);
}

static void add_groups(struct http_request *req, const struct config_app *app, const struct session_view *who)
{
    struct slice rest = slice_make(who->groups, who->groups_n), g;
    struct buf list;

    if (who->groups_n == 0 || app->allow.groups.n + app->send_groups.n == 0) {
        http_add_header(req, "Remote-Groups", SLICE(""));
        return;
    }
    buf_init(&list, STORE_GROUPS_MAX);
    while (slice_split(&rest, '\n', &g)) {
        if (!group_is_sent(app, g))
            continue;
        if (list.len)
            buf_add_char(&list, GROUP_SEPARATOR);
        buf_add_slice(&list, g);
    }
    add_header(req, "Remote-Groups", buf_slice(&list));
    buf_free(&list);
}

static void answer_identity(struct http_request *req, const struct config_app *app, const struct session_view *who)
{
    struct err e = ERR_INIT;

    if (policy_authorize_app(&app->allow, policy_door_by_name(who->door), slice_make(who->groups, who->groups_n), &e) !=
        0) {
        log_line(LOG_LEVEL_INFO, "auth.refused", "error", err_name(e.code), "account", who->email, "app", app->host,
                 "message", e.msg);
        http_respond(req, 403, NULL, 0, SLICE(""));
        return;
    }
    add_header(req, "Remote-User", slice_of(who->email));
    add_header(req, "Remote-Email", slice_of(who->email));
    add_header(req, "Remote-Name", slice_of(who->name));
    add_groups(req, app, who);
    http_respond(req, 200, NULL, 0, SLICE(""));
}

/* 401, with the address that begins a sign-in on this application. */
static void answer_sign_in(struct router *r, struct http_request *req, const struct config_app *app, struct slice uri)
{
    struct buf url;

    if (!uri.p || uri.n > RETURN_MAX || !url_path_is_safe(uri))
        uri = SLICE("/");
    buf_init(&url, 4 * RETURN_MAX + 512);
    buf_printf(&url, "%s://%s/.usher/start?rd=", r->config->public_parsed.https ? "https" : "http", app->host);
    percent_encode(&url, uri);
    http_add_header(req, "Location", buf_slice(&url));
    http_add_header(req, "Cache-Control", SLICE("no-store"));
    http_respond(req, 401, NULL, 0, SLICE(""));
    buf_free(&url);
}

/* --- a token that is not in memory: another instance, or an earlier run, opened the session --------------------------
 */

struct load_job {
    struct job job;
    struct router *router;
    struct http_server *server;
    uint64_t handle;
    const struct config_app *app;
    char token[SESSION_TOKEN_SIZE];
    char uri[RETURN_MAX + 1];
    struct session_view who;
    struct err err;
    bool found;
};

static bool load_run(struct job *job)
{
    struct load_job *j = (struct load_job *)job;
    struct router *r = j->router;

    j->found = session_load(r->sessions, r->keys, r->store, slice_of(j->token), j->app->host, clock_now(), &j->who,
                            &j->err) == 0;
    return true;
}

static void load_done(struct job *job)
{
    struct load_job *j = (struct load_job *)job;
    struct http_request *req = http_request_by_handle(j->server, j->handle);

    if (req && j->found)
        answer_identity(req, j->app, &j->who);
    else if (req && j->err.code == ERR_SESSION_NONE)
        answer_sign_in(j->router, req, j->app, slice_of(j->uri));
    else if (req)
        http_respond(req, 503, NULL, 0, SLICE(""));
    if (!j->found && j->err.code != ERR_SESSION_NONE)
        log_err(log_level_for(j->err.code), "auth.failed", &j->err);
    secret_wipe(j->token, sizeof j->token);
    free(j);
}

static void load(struct router *r, struct jobs_pool *pool, struct jobs_reply *reply, struct http_request *req,
                 const struct config_app *app, struct slice token, struct slice uri)
{
    struct load_job *j = calloc(1, sizeof *j);
    struct err e = ERR_INIT;

    if (!j) {
        http_respond(req, 503, NULL, 0, SLICE(""));
        return;
    }
    j->job = (struct job){.run = load_run, .done = load_done, .reply = reply};
    j->router = r;
    j->server = http_request_server(req);
    j->handle = http_request_handle(req);
    j->app = app;
    (void)str_copy(j->token, sizeof j->token, token);
    (void)str_copy(j->uri, sizeof j->uri, uri);
    http_pend(req);
    if (jobs_submit(pool, &j->job, &e) != 0) {
        http_respond(req, 503, NULL, 0, SLICE(""));
        free(j);
    }
}

static void answer_error(struct http_request *req, const struct err *e)
{
    log_err(log_level_for(e->code), "auth.refused", e);
    http_respond(req, err_http_status(e->code), NULL, 0, SLICE(""));
}

void auth_handle(struct router *r, struct jobs_pool *pool, struct jobs_reply *reply, struct http_request *req)
{
    struct err e = ERR_INIT;
    char host[256];
    uint16_t port;
    struct slice uri, token;
    const struct config_app *app;
    struct http_cookies cookies;
    struct session_view who;

    if (client_original(req, host, &port, &uri, &e) != 0 || http_request_cookies(req, &cookies, &e) != 0) {
        answer_error(req, &e);
        return;
    }
    app = config_app(r->config, host, port);
    if (!app) {
        (void)err_mismatch(&e, ERR_HTTP_HOST, host, "the host of an entry in apps", "no such application");
        log_err(LOG_LEVEL_WARNING, "auth.refused", &e);
        http_respond(req, 403, NULL, 0, SLICE("")); /* what nginx can pass on */
        return;
    }
    token = http_cookie_get(&cookies, COOKIE_SESSION);
    switch (token.p ? session_check(r->sessions, r->keys, token, app->host, clock_now(), &who) : SESSION_REFUSED) {
    case SESSION_OK: answer_identity(req, app, &who); return;
    case SESSION_UNKNOWN: load(r, pool, reply, req, app, token, uri); return;
    case SESSION_REFUSED: break;
    }
    answer_sign_in(r, req, app, uri);
}
