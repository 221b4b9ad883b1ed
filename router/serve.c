/* serve.c - see serve.h. */
#include "router/serve.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "router/auth.h"
#include "router/dispatch.h"
#include "router/flood.h"
#include "router/grants.h"
#include "router/idp_keys.h"
#include "router/log.h"

#define LOOPS_MAX ROUTER_LOOPS_MAX
#define STORE_THREADS 16
#define STORE_QUEUE 1024
#define HASH_QUEUE 64
#define SESSION_TOKENS_MAX 200000
#define BODY_BYTES_MAX ((size_t)64 << 20) /* of all requests in progress */
#define DRAIN_MS 10000
#define TICK_MS 500
#define FLUSH_TICKS 120 /* every minute */
#define PURGE_STEPS 50

enum { TAG_MAIN = 0, TAG_AUTH = 1 };

struct loop {
    struct event_base *base;
    struct http_server *server;
    struct dispatcher dispatcher;
    struct worker *worker;
    int cpu;            /* -1: wherever there is room */
    struct event *stop; /* made active from the main thread */
    int stop_fd[2];
    pthread_t thread;
    bool started;
};

struct daemon {
    struct router router;
    struct event_base *base;
    struct http_conn_limit *limit;
    struct http_acceptor *acceptor;
    struct ssl_ctx_st *tls;
    struct jobs_pool *store_pool, *hash_pool;
    struct jobs_reply *reply; /* of the main loop: housekeeping */
    struct event *signals[3], *tick;
    struct loop loops[LOOPS_MAX];
    size_t nloops;
    int64_t changes;
    unsigned ticks;
    bool housekeeping; /* one job of it is under way */
    bool refreshing;   /* so is one that fetches metadata, which may take its time */
};

/* --- loops
 * ------------------------------------------------------------------------------------------------------------- */

static void on_request(struct http_request *req, void *arg)
{
    struct loop *l = arg;

    if (req->tag == TAG_AUTH)
        dispatch_auth(&l->dispatcher, req);
    else
        dispatch(&l->dispatcher, req);
}

static size_t on_head(const struct http_request *head, void *arg)
{
    const struct loop *l = arg;
    const struct config *c = l->dispatcher.router->config;
    size_t max;

    if (head->tag == TAG_AUTH)
        return 0;
    /* a body for a host that is not ours is not even read */
    if (!dispatch_is_login_host(c, head))
        return HTTP_REFUSE(421);
    max = route_body_max(head->path);
    return max < 2 * (size_t)c->message_max ? max : 2 * (size_t)c->message_max;
}

static void on_report(const struct http_report *r, void *arg)
{
    char client[48];

    (void)arg;
    netaddr_format(&r->peer, client);
    log_line(strcmp(r->event, "refused") == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "http", "what", r->event, "error",
             err_name(r->err->code), "message", r->err->msg, "client", client, "request",
             r->request_id[0] ? r->request_id : NULL);
}

static void on_drained(void *arg)
{
    struct loop *l = arg;

    (void)event_base_loopbreak(l->base);
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;
    char byte;

    (void)what;
    (void)!read(fd, &byte, 1);
    http_server_drain(l->server, DRAIN_MS, on_drained, l);
}

static void *loop_main(void *arg)
{
    struct loop *l = arg;

    (void)event_base_dispatch(l->base);
    return NULL;
}

/* In the main thread, before the loop's own runs: a worker that cannot work is an error of the start. */
static int start_worker(struct daemon *d, struct loop *l, struct err *e)
{
    struct worker_options o;

    worker_options_init(&o);
    o.cpu = l->cpu;
    o.log = true;
    o.standby = true;
    if (worker_new(l->base, &o, &l->worker, e) != 0)
        return -1;
    d->router.workers[d->router.nworkers++] = l->worker;
    return worker_check(l->worker, e);
}

static int loop_init(struct daemon *d, struct loop *l, struct err *e)
{
    struct event_config *ec = event_config_new();
    struct http_server_options o;

    http_server_options_init(&o);
    o.handle = on_request;
    o.body_limit = on_head;
    o.report = on_report;
    o.arg = l;
    o.conn = d->limit;
    if (ec && event_config_set_flag(ec, EVENT_BASE_FLAG_NOLOCK) == 0)
        l->base = event_base_new_with_config(ec);
    event_config_free(ec);
    if (!l->base || pipe2(l->stop_fd, O_CLOEXEC | O_NONBLOCK) != 0)
        return err_set(e, ERR_INTERNAL, "event loop: %s", strerror(errno));
    l->stop = event_new(l->base, l->stop_fd[0], EV_READ | EV_PERSIST, on_stop, l);
    if (!l->stop || event_add(l->stop, NULL) != 0)
        return err_set(e, ERR_MEMORY, "event loop");
    if (http_server_new(l->base, &o, &l->server, e) != 0)
        return -1;
    http_server_set_tls(l->server, TAG_MAIN, d->tls);
    if (start_worker(d, l, e) != 0)
        return -1;
    l->dispatcher = (struct dispatcher){
        .router = &d->router, .store_pool = d->store_pool, .hash_pool = d->hash_pool, .worker = l->worker};
    return jobs_reply_new(l->base, &l->dispatcher.reply, e);
}

/*
 * The core of each loop and its worker, which wake each other for every login: across cores that costs several times as
 * much. Left alone if the administrator chose a number of loops, or gave us fewer cores than there are.
 */
static void choose_cores(struct daemon *d, size_t n)
{
    cpu_set_t cpus;
    size_t i = 0;

    for (size_t k = 0; k < n; k++)
        d->loops[k].cpu = -1;
    if (n < 2 || d->router.config->loops || sched_getaffinity(0, sizeof cpus, &cpus) != 0 ||
        (size_t)CPU_COUNT(&cpus) != n)
        return;
    for (int cpu = 0; cpu < CPU_SETSIZE && i < n; cpu++) {
        if (CPU_ISSET(cpu, &cpus))
            d->loops[i++].cpu = cpu;
    }
}

static void pin(const struct loop *l)
{
    cpu_set_t cpus;

    if (l->cpu < 0)
        return;
    CPU_ZERO(&cpus);
    CPU_SET((size_t)l->cpu, &cpus);
    (void)pthread_setaffinity_np(l->thread, sizeof cpus, &cpus); /* only speed depends on it */
}

static int start_loops(struct daemon *d, struct err *e)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t n = d->router.config->loops ? (size_t)d->router.config->loops : cores < 1 ? 1 : (size_t)cores;
    sigset_t all, old;
    int rc = 0;

    n = n > LOOPS_MAX ? LOOPS_MAX : n;
    choose_cores(d, n);
    for (size_t i = 0; i < n; i++) {
        d->nloops++;
        if (loop_init(d, &d->loops[i], e) != 0)
            return -1;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals belong to the main loop */
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = pthread_create(&d->loops[i].thread, NULL, loop_main, &d->loops[i]);
        d->loops[i].started = rc == 0;
        if (rc == 0)
            pin(&d->loops[i]);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc == 0 ? 0 : err_set(e, ERR_INTERNAL, "thread: %s", strerror(rc));
}

/* --- housekeeping: what other processes changed, what can be forgotten
 * ------------------------------------------------- */

struct housekeeping {
    struct job job;
    struct daemon *daemon;
    bool flush;
    int64_t changes;
};

/* Each step is bounded, so that logins get between them; together they outrun what strangers can have stored. */
static void purge(struct router *r, struct err *e)
{
    size_t gone = 0;

    for (int step = 0; step < PURGE_STEPS; step++) {
        if (store_purge(r->store, clock_now(), r->config->events_keep, &gone, e) != 0 || gone == 0)
            return;
    }
}

static bool housekeeping_run(struct job *job)
{
    struct housekeeping *h = (struct housekeeping *)job;
    struct router *r = &h->daemon->router;
    struct err e = ERR_INIT;
    int64_t now_at = h->changes;

    if (store_changes(r->store, &now_at, &e) == 0 && now_at != h->changes) {
        if (session_table_refresh(r->sessions, r->store, &e) == 0 &&
            grants_cache_reload(r->grants, r->store, &e) == 0 && idp_keys_reload(r->idp_keys, &e) == 0)
            h->changes = now_at; /* only then: a failed refresh is tried again at the next tick */
    }
    if (h->flush && e.code == ERR_NONE) {
        flood_report(r->flood, r->store, clock_now());
        if (session_table_flush(r->sessions, r->store, false, &e) == 0)
            purge(r, &e);
    }
    if (e.code != ERR_NONE)
        log_err(LOG_LEVEL_WARNING, "housekeeping", &e);
    return true;
}

static void housekeeping_done(struct job *job)
{
    struct housekeeping *h = (struct housekeeping *)job;

    h->daemon->changes = h->changes;
    h->daemon->housekeeping = false;
    free(h);
}

struct refresh {
    struct job job;
    struct daemon *daemon;
};

static bool refresh_run(struct job *job)
{
    idp_keys_refresh_due(((struct refresh *)job)->daemon->router.idp_keys, clock_now());
    return true;
}

static void refresh_done(struct job *job)
{
    ((struct refresh *)job)->daemon->refreshing = false;
    free(job);
}

/* In a job of its own: sessions that ended elsewhere must not wait for somebody's slow metadata. */
static void start_refresh(struct daemon *d)
{
    struct err e = ERR_INIT;
    struct refresh *r;

    if (d->refreshing || !idp_keys_is_due(d->router.idp_keys, clock_now()) || !(r = calloc(1, sizeof *r)))
        return;
    r->job = (struct job){.run = refresh_run, .done = refresh_done, .reply = d->reply};
    r->daemon = d;
    d->refreshing = true;
    if (jobs_submit(d->store_pool, &r->job, &e) != 0) {
        d->refreshing = false;
        free(r);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct daemon *d = arg;
    struct housekeeping *h;
    struct err e = ERR_INIT;

    (void)fd;
    (void)what;
    d->ticks++;
    start_refresh(d);
    if (d->housekeeping)
        return;
    h = calloc(1, sizeof *h);
    if (!h)
        return;
    h->job = (struct job){.run = housekeeping_run, .done = housekeeping_done, .reply = d->reply};
    h->daemon = d;
    h->flush = d->ticks % FLUSH_TICKS == 0;
    h->changes = d->changes;
    d->housekeeping = true;
    if (jobs_submit(d->store_pool, &h->job, &e) != 0) {
        d->housekeeping = false;
        free(h);
    }
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
    struct daemon *d = arg;

    (void)what;
    if (sig == SIGHUP) { /* its default would end the daemon, which nobody means who sends it */
        log_line(LOG_LEVEL_WARNING, "reload", "message",
                 "reading the configuration again is not built yet; restart instead");
        return;
    }
    log_line(LOG_LEVEL_INFO, "stopping", "signal", sig == SIGTERM ? "SIGTERM" : "SIGINT");
    (void)event_base_loopbreak(d->base);
}

/* --- start and stop
 * ---------------------------------------------------------------------------------------------------- */

static int open_keys(struct daemon *d, struct err *e)
{
    const struct config *c = d->router.config;
    char path[4096];
    struct stat st;

    if (mkdir(c->key_dir, 0700) != 0 && errno != EEXIST)
        return err_set(e, ERR_KEY_FILE, "key_dir %s: %s", c->key_dir, strerror(errno));
    if (stat(c->key_dir, &st) != 0 || !S_ISDIR(st.st_mode) || (st.st_mode & (S_IWGRP | S_IWOTH)))
        return err_set(e, ERR_KEY_FILE, "key_dir %s: must be a folder that only its owner can change", c->key_dir);
    if (snprintf(path, sizeof path, "%s/seal.key", c->key_dir) >= (int)sizeof path)
        return err_set(e, ERR_KEY_FILE, "key_dir: path too long");
    return keyring_load(path, true, &d->router.keys, e);
}

static int open_state(struct daemon *d, struct err *e)
{
    struct router *r = &d->router;

    if (open_keys(d, e) != 0 || store_open(r->config->store, &r->store, e) != 0)
        return -1;
    r->sessions = session_table_new(SESSION_TOKENS_MAX);
    r->throttle = throttle_new();
    r->flood = flood_new();
    r->inflight = inflight_new();
    r->secure = r->config->public_parsed.https;
    if (!r->sessions || !r->throttle || !r->flood || !r->inflight)
        return err_set(e, ERR_MEMORY, "session table");
    if (store_changes(r->store, &d->changes, e) != 0 || grants_cache_new(r->store, &r->grants, e) != 0 ||
        idp_keys_new(r->config, r->store, &r->idp_keys, e) != 0)
        return -1;
    return session_table_refresh(r->sessions, r->store, e);
}

static int start_pools(struct daemon *d, struct err *e)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (jobs_reply_new(d->base, &d->reply, e) != 0 ||
        jobs_pool_new("usher-store", STORE_THREADS, STORE_QUEUE, &d->store_pool, e) != 0)
        return -1;
    return jobs_pool_new("usher-hash", cores < 1 ? 1 : (size_t)cores, HASH_QUEUE, &d->hash_pool, e);
}

static void address_text(const struct listen_addr *a, uint16_t port, char *dst, size_t size)
{
    char ip[48];

    if (a->is_unix) {
        (void)snprintf(dst, size, "unix:%s", a->path);
        return;
    }
    netaddr_format(&a->ip, ip);
    (void)snprintf(dst, size, a->ip.family == 6 ? "[%s]:%u" : "%s:%u", ip, port);
}

static int add_listener(struct daemon *d, const struct listen_addr *a, uint32_t tag, char *text, size_t size,
                        struct err *e)
{
    uint16_t port = 0;
    int fd = -1;

    if (http_listen(a, 1024, &fd, &port, e) != 0)
        return -1;
    address_text(a, port, text, size);
    return http_acceptor_add(d->acceptor, fd, tag, e);
}

static int start_listening(struct daemon *d, struct err *e)
{
    const struct config *c = d->router.config;
    struct http_server *servers[LOOPS_MAX];
    char main_text[160], auth_text[160];

    for (size_t i = 0; i < d->nloops; i++)
        servers[i] = d->loops[i].server;
    if (http_acceptor_new(d->base, servers, d->nloops, &d->acceptor, e) != 0 ||
        add_listener(d, &c->listen, TAG_MAIN, main_text, sizeof main_text, e) != 0 ||
        add_listener(d, &c->auth_listen, TAG_AUTH, auth_text, sizeof auth_text, e) != 0)
        return -1;
    printf("usher: ready on %s, auth on %s\n", main_text, auth_text);
    (void)fflush(stdout);
    log_line(LOG_LEVEL_INFO, "ready", "listen", main_text, "auth_listen", auth_text, "public_url", c->public_url);
    return 0;
}

static int start_events(struct daemon *d, struct err *e)
{
    const struct timeval every = {.tv_usec = TICK_MS * 1000};
    const int signals[] = {SIGTERM, SIGINT, SIGHUP};

    for (size_t i = 0; i < 3; i++) {
        d->signals[i] = evsignal_new(d->base, signals[i], on_signal, d);
        if (!d->signals[i] || event_add(d->signals[i], NULL) != 0)
            return err_set(e, ERR_INTERNAL, "signal handler");
    }
    d->tick = event_new(d->base, -1, EV_PERSIST, on_tick, d);
    if (!d->tick || event_add(d->tick, &every) != 0)
        return err_set(e, ERR_INTERNAL, "timer");
    return 0;
}

/* In the order in which nothing is used after it is gone: no new connections, loops drain, pools finish, state closes.
 */
static void stop(struct daemon *d)
{
    struct err e = ERR_INIT;

    http_acceptor_free(d->acceptor);
    if (d->acceptor && d->router.config->listen.is_unix)
        (void)unlink(d->router.config->listen.path);
    if (d->acceptor && d->router.config->auth_listen.is_unix)
        (void)unlink(d->router.config->auth_listen.path);
    for (size_t i = 0; i < d->nloops; i++) {
        if (d->loops[i].started)
            (void)!write(d->loops[i].stop_fd[1], "x", 1);
    }
    for (size_t i = 0; i < d->nloops; i++) {
        if (d->loops[i].started)
            pthread_join(d->loops[i].thread, NULL);
    }
    /* before the pools: whoever waited for a worker is told so in one of them */
    d->router.nworkers = 0;
    for (size_t i = 0; i < d->nloops; i++) {
        d->loops[i].dispatcher.worker = NULL;
        worker_free(d->loops[i].worker);
    }
    if (d->router.idp_keys)
        idp_keys_stop(d->router.idp_keys);
    jobs_pool_free(d->hash_pool);
    jobs_pool_free(d->store_pool);
    jobs_reply_free(d->reply);
    for (size_t i = 0; i < d->nloops; i++) {
        struct loop *l = &d->loops[i];

        jobs_reply_free(l->dispatcher.reply);
        if (l->stop)
            event_free(l->stop);
        http_server_free(l->server);
        if (l->base)
            event_base_free(l->base);
        if (l->stop_fd[0] > 0) {
            (void)close(l->stop_fd[0]);
            (void)close(l->stop_fd[1]);
        }
    }
    if (d->router.sessions && d->router.store &&
        session_table_flush(d->router.sessions, d->router.store, true, &e) != 0)
        log_err(LOG_LEVEL_WARNING, "stop", &e);
    err_clear(&e);
    if (d->router.idp_keys && idp_keys_flush(d->router.idp_keys, &e) != 0)
        log_err(LOG_LEVEL_WARNING, "stop", &e);
    idp_keys_free(d->router.idp_keys);
    grants_cache_free(d->router.grants);
    throttle_free(d->router.throttle);
    flood_free(d->router.flood);
    inflight_free(d->router.inflight);
    session_table_free(d->router.sessions);
    store_close(d->router.store);
    keyring_free(d->router.keys);
    http_conn_limit_free(d->limit);
    http_tls_free(d->tls);
    for (size_t i = 0; i < 3; i++) {
        if (d->signals[i])
            event_free(d->signals[i]);
    }
    if (d->tick)
        event_free(d->tick);
    if (d->base)
        event_base_free(d->base);
}

static int run(struct daemon *d, struct err *e)
{
    const struct config *c = d->router.config;

    d->base = event_base_new();
    if (!d->base)
        return err_set(e, ERR_INTERNAL, "event loop");
    if (c->tls_cert && http_tls_load(c->tls_cert, c->tls_key, &d->tls, e) != 0)
        return -1;
    if (http_conn_limit_new((size_t)c->max_connections, (size_t)c->max_connections_per_address, BODY_BYTES_MAX,
                            c->trusted_proxies.v, c->trusted_proxies.n, &d->limit, e) != 0)
        return -1;
    if (open_state(d, e) != 0 || start_pools(d, e) != 0 || start_loops(d, e) != 0 || start_events(d, e) != 0 ||
        start_listening(d, e) != 0)
        return -1;
    (void)event_base_dispatch(d->base);
    return 0;
}

int serve(const struct config *c, struct err *e)
{
    struct daemon *d = calloc(1, sizeof *d);
    int r;

    if (!d)
        return err_set(e, ERR_MEMORY, "daemon");
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGCHLD, SIG_DFL); /* how a worker ended is asked of the kernel, which forgets it if this is ignored */
    d->router.config = c;
    r = run(d, e);
    stop(d);
    free(d);
    log_line(LOG_LEVEL_INFO, "stopped", NULL);
    return r;
}
