/* dispatch.c - see dispatch.h. */
#include "router/dispatch.h"

#include <stdlib.h>

#include "base/clock.h"
#include "router/auth.h"
#include "router/client.h"
#include "router/flood.h"
#include "router/log.h"
#include "router/pages.h"

/* Room for a SAML verdict and the copies around it. */
#define EXCHANGE_ARENA_MAX (64 * 1024 * 1024)

struct exchange_job {
    struct job job;
    struct exchange x;
    struct dispatcher *dispatcher;
    const struct route *route;
    void (*handler)(struct exchange *x); /* the next to run */
    bool entered;                        /* counts in router->inflight */
    bool to_worker;                      /* goes from its pool thread to the worker, not to the client */
    struct http_server *server;
    uint64_t handle;
};

/* --- in a pool thread
 * ----------------------------------------------------------------------------------------------------- */

static void log_exchange(const struct exchange *x)
{
    char client[48];
    bool refused = x->err.code != ERR_NONE;

    netaddr_format(&x->client, client);
    log_line(refused ? log_level_for(x->err.code) : LOG_LEVEL_INFO, x->event, "request", x->request_id, "error",
             refused ? err_name(x->err.code) : NULL, "account", x->account, "idp", x->idp, "client", client, "message",
             refused ? x->err.msg : NULL, "found", x->err.found[0] ? x->err.found : NULL, "expected",
             x->err.expected[0] ? x->err.expected : NULL);
}

/* Whatever a person was refused for has its event under the number they were shown, as far as a flood leaves room. */
static void record(struct exchange *x)
{
    struct event *ev;
    struct err e = ERR_INIT;

    if (x->err.code != ERR_NONE && !x->event)
        x->event = "request.refused";
    if (!x->event)
        return;
    log_exchange(x);
    if (x->event_stored && x->err.code == ERR_NONE)
        return;
    if (x->err.code != ERR_NONE && !x->proven && !flood_admit(x->router->flood, &x->client, x->now))
        return;
    ev = arena_alloc(&x->arena, sizeof *ev);
    if (!ev)
        return;
    if (x->event_stored)
        x->unnamed = !x->unnamed; /* one of the two has the number */
    exchange_event(x, ev);
    if (store_event_append(x->router->store, ev, &e) != 0)
        log_err(LOG_LEVEL_ERROR, "event.lost", &e);
}

/*
 * Runs the handler, and what it goes on with where it asks for. A full queue there is seen by the next
 * handler as x->err, in this thread: it has to settle what the one before began.
 */
static bool run_handler(struct job *job)
{
    struct exchange_job *j = (struct exchange_job *)job;
    struct exchange *x = &j->x;

    if (x->now == 0)
        x->now = clock_now();
    j->handler(x);
    while (x->then) {
        j->handler = x->then;
        x->then = NULL;
        j->to_worker = x->where == THEN_WORKER;
        if (j->to_worker)
            return true; /* by way of the loop, which alone may speak with its worker */
        if (jobs_submit(x->where == THEN_HASH ? j->dispatcher->hash_pool : j->dispatcher->store_pool, job, &x->err) ==
            0)
            return false; /* not ours any more */
        j->handler(x);
    }
    reply_finish(x);
    record(x);
    return true;
}

/* --- in the loop
 * ------------------------------------------------------------------------------------------------------------ */

static void free_job(struct exchange_job *j)
{
    if (j->entered)
        inflight_leave(j->x.router->inflight, &j->x.client);
    trusts_unref(j->x.trusts);
    buf_free(&j->x.reply_body);
    if (j->x.is_post) /* a password may have been in the form */
        arena_free_secret(&j->x.arena);
    else
        arena_free(&j->x.arena);
    free(j);
}

static void send_reply(struct exchange *x, struct http_request *req)
{
    for (size_t i = 0; i < x->nheaders; i++)
        http_add_header(req, x->headers[i].name, slice_of(x->headers[i].value));
    if (x->content_type_out && x->reply_body.len)
        http_add_header(req, "Content-Type", slice_of(x->content_type_out));
    http_respond(req, x->status, NULL, 0, buf_slice(&x->reply_body));
}

/* To whoever still waits for it. */
static void finish(struct exchange_job *j)
{
    struct http_request *req = http_request_by_handle(j->server, j->handle);

    if (req)
        send_reply(&j->x, req);
    free_job(j);
}

static void refuse_now(struct exchange_job *j);

/* The next handler sees what the worker said. If there is no room for it in the pool, nothing is left to be done. */
static void go_on(struct exchange_job *j)
{
    if (jobs_submit(j->dispatcher->store_pool, &j->job, &j->x.err) != 0)
        refuse_now(j);
}

static void worker_answered(struct worker_request *r, struct slice reply, const struct err *why)
{
    struct exchange_job *j = r->arg;
    struct exchange *x = &j->x;

    if (why) {
        x->err = *why;
    } else {
        x->worker_reply = arena_slice(&x->arena, reply);
        if (!x->worker_reply.p)
            (void)err_set(&x->err, ERR_MEMORY, "answer of the worker");
    }
    go_on(j);
}

static void ask_worker(struct exchange_job *j)
{
    struct exchange *x = &j->x;

    j->to_worker = false;
    x->ask.trusts = x->trusts;
    x->ask.done = worker_answered;
    x->ask.arg = j;
    if (!j->dispatcher->worker) { /* nor is there a pool any more */
        (void)err_set(&x->err, ERR_WORKER, "usher is stopping");
        refuse_now(j);
    } else if (worker_submit(j->dispatcher->worker, &x->ask, &x->err) != 0) {
        go_on(j);
    }
}

static void handler_done(struct job *job)
{
    struct exchange_job *j = (struct exchange_job *)job;

    if (j->to_worker)
        ask_worker(j);
    else
        finish(j);
}

/* The parts of the request that handlers look at, copied: the connection may be gone when they do. */
static int copy_request(struct exchange *x, struct http_request *req)
{
    struct slice cookie = http_header(req, "Cookie");

    if (http_header_count(req, "Cookie") > 1)
        return err_set(&x->err, ERR_HTTP_SYNTAX, "two Cookie headers");
    cookie = cookie.p ? arena_slice(&x->arena, cookie) : cookie;
    if (cookie.p && http_cookies_parse(cookie, &x->cookies, &x->err) != 0)
        return -1;
    x->is_post = req->method == HTTP_METHOD_POST;
    x->path = arena_strndup(&x->arena, req->path.p, req->path.n);
    x->query = arena_slice(&x->arena, req->query);
    x->body = arena_slice(&x->arena, req->body);
    x->origin =
        http_header(req, "Origin").p ? arena_slice(&x->arena, http_header(req, "Origin")) : (struct slice){NULL, 0};
    x->fetch_site = http_header(req, "Sec-Fetch-Site").p ? arena_slice(&x->arena, http_header(req, "Sec-Fetch-Site"))
                                                         : (struct slice){NULL, 0};
    x->content_type = arena_slice(&x->arena, http_header(req, "Content-Type"));
    if (!x->path || !x->query.p || !x->body.p || !x->content_type.p)
        return err_set(&x->err, ERR_MEMORY, "request");
    return 0;
}

/* Refused before any handler: still a page and an event. It runs as a job like any handler, since writing the event
 * blocks. */
static void refuse_only(struct exchange *x)
{
    x->event = "request.refused";
    reply_refusal(x);
}

bool dispatch_is_login_host(const struct config *c, const struct http_request *req)
{
    uint16_t standard = c->public_parsed.https ? 443 : 80;
    uint16_t port = req->port ? req->port : standard;

    return strcmp(req->host, c->public_parsed.host) == 0 && (req->port == 0 || port == c->public_parsed.port);
}

static const struct route refusal_route = {.handler = refuse_only};

/* Host, route and client; the route is refusal_route if any of it is refused. */
static const struct route *choose_route(struct exchange *x, struct http_request *req)
{
    const struct config *c = x->router->config;
    const struct route *route;

    x->app = config_app(c, req->host, req->port);
    if (!x->app && !dispatch_is_login_host(c, req)) {
        (void)err_mismatch(&x->err, ERR_HTTP_HOST, req->host, c->public_parsed.host,
                           "Host is neither the login host nor an application");
        return &refusal_route;
    }
    if (client_address(c, req, false, &x->client, &x->err) != 0 || copy_request(x, req) != 0)
        return &refusal_route;
    route = route_find(req->method, req->path, x->app != NULL, &x->err);
    return route ? route : &refusal_route;
}

/* From the loop, where nothing may block: in the log, but not in the store, which may be what is busy. */
static void refuse_now(struct exchange_job *j)
{
    refuse_only(&j->x);
    log_exchange(&j->x);
    finish(j);
}

static void answer_health(struct dispatcher *d, struct http_request *req)
{
    const struct router *r = d->router;
    uint64_t judged = 0, restarts = 0;
    size_t running = 0, waiting = 0;
    char text[256];

    for (size_t i = 0; i < r->nworkers; i++) {
        struct worker_stats s;

        worker_stats(r->workers[i], &s);
        running += s.pid != 0;
        waiting += s.in_flight;
        judged += s.judged;
        restarts += s.restarts;
    }
    (void)snprintf(text, sizeof text,
                   "ok\nstore jobs waiting %zu\nhash jobs waiting %zu\n"
                   "workers %zu of %zu running, %llu restarts, %llu documents judged, %zu waiting\n",
                   jobs_waiting(d->store_pool), jobs_waiting(d->hash_pool), running, r->nworkers,
                   (unsigned long long)restarts, (unsigned long long)judged, waiting);
    http_add_header(req, "Content-Type", SLICE("text/plain; charset=utf-8"));
    http_add_header(req, "Cache-Control", SLICE("no-store"));
    http_respond(req, 200, NULL, 0, slice_of(text));
}

/* What is dear to answer runs a few times at once for one network, so that a stranger cannot use all of it up. */
static bool enter(struct exchange_job *j, struct err *e)
{
    unsigned max = j->route->per_network;

    if (max && !inflight_enter(j->x.router->inflight, &j->x.client, max)) {
        (void)err_set(e, ERR_BUSY, "%u requests of this kind run for this network already", max);
        return false;
    }
    j->entered = max != 0;
    return true;
}

void dispatch(struct dispatcher *d, struct http_request *req)
{
    struct exchange_job *j;
    struct err e = ERR_INIT;

    if (slice_is(req->path, "/healthz")) { /* on any host: whoever asks knows the address only */
        answer_health(d, req);
        return;
    }
    j = calloc(1, sizeof *j);
    if (!j) {
        http_respond_status(req, 503);
        return;
    }
    j->job = (struct job){.run = run_handler, .done = handler_done, .reply = d->reply};
    j->server = http_request_server(req);
    j->handle = http_request_handle(req);
    j->x.router = d->router;
    j->x.client = req->peer;
    arena_init(&j->x.arena, EXCHANGE_ARENA_MAX);
    buf_init(&j->x.reply_body, PAGE_MAX);
    (void)str_copy(j->x.request_id, sizeof j->x.request_id, slice_of(http_request_id(req)));
    j->dispatcher = d;
    j->route = choose_route(&j->x, req);
    j->handler = j->route->handler;
    http_pend(req);
    if (enter(j, &e) && jobs_submit(d->store_pool, &j->job, &e) == 0)
        return;
    j->x.err = e;
    refuse_now(j);
}

void dispatch_auth(struct dispatcher *d, struct http_request *req)
{
    if (slice_is(req->path, "/auth"))
        auth_handle(d->router, d->store_pool, d->reply, req);
    else if (slice_is(req->path, "/healthz"))
        answer_health(d, req);
    else
        http_respond_status(req, 404);
}
