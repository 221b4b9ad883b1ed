/* server.c - the server around its connections: options, pools, hand-over, drain, counters. */
#include "router/http/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"

#define POOL_MAX 64 /* exchanges kept for the next request */
#define ANSWER_HEAD_MAX (64 * 1024)
#define ADDED_HEADERS_MAX (32 * 1024)
#define SLOTS_MAX (1U << 24) /* what a request handle has room for */

/* One descriptor on its way to this thread. Written and read whole: smaller than PIPE_BUF. */
struct handed_over {
    int fd;
    uint32_t tag;
};

void http_server_options_init(struct http_server_options *o)
{
    *o = (struct http_server_options){
        .methods = HTTP_ALLOW(HTTP_METHOD_GET) | HTTP_ALLOW(HTTP_METHOD_HEAD) | HTTP_ALLOW(HTTP_METHOD_POST),
        .head_max = HTTP_HEAD_MAX,
        .body_max = 64 * 1024,
        .requests_per_conn = 1000,
        .head_ms = 10000,
        .body_ms = 30000,
        .answer_ms = 30000,
        .write_ms = 30000,
        .idle_ms = 60000,
        .linger_ms = 1000,
    };
}

const char *http_refused_name(enum http_refused r)
{
    static const char *const names[HTTP_REFUSED_COUNT] = {
        [HTTP_REFUSED_SYNTAX] = "syntax",           [HTTP_REFUSED_HEAD_SIZE] = "head-size",
        [HTTP_REFUSED_BODY_SIZE] = "body-size",     [HTTP_REFUSED_METHOD] = "method",
        [HTTP_REFUSED_UNSUPPORTED] = "unsupported", [HTTP_REFUSED_VERSION] = "version",
        [HTTP_REFUSED_TIMEOUT] = "timeout",         [HTTP_REFUSED_ANSWER] = "answer-late",
        [HTTP_REFUSED_WRITE] = "write-timeout",     [HTTP_REFUSED_EARLY] = "early",
        [HTTP_REFUSED_BODY_MEMORY] = "body-memory", [HTTP_REFUSED_CONNECTIONS] = "connections",
        [HTTP_REFUSED_ADDRESS] = "address",         [HTTP_REFUSED_TLS] = "tls",
    };

    return (unsigned)r < HTTP_REFUSED_COUNT ? names[r] : "";
}

/* --- pools -------------------------------------------------------------------------------------------------------- */

static void exchange_free(struct exchange *x)
{
    if (!x)
        return;
    http_parser_free(x->parser);
    buf_free_secret(&x->headers);
    free(x);
}

struct exchange *server_exchange_take(struct http_server *s)
{
    struct exchange *x = SLIST_FIRST(&s->pool);
    struct err e = ERR_INIT;

    if (x) {
        SLIST_REMOVE_HEAD(&s->pool, pool);
        s->n_pool--;
        return x;
    }
    x = calloc(1, sizeof *x);
    if (!x)
        return NULL;
    buf_init(&x->headers, ADDED_HEADERS_MAX);
    if (http_parser_new(&x->req, s->o.head_max, s->o.methods, &x->parser, &e) != 0) {
        exchange_free(x);
        return NULL;
    }
    return x;
}

void server_exchange_give(struct http_server *s, struct exchange *x)
{
    if (s->n_pool == POOL_MAX) {
        exchange_free(x);
        return;
    }
    http_parser_reset(x->parser);
    if (x->headers.data)
        secret_wipe(x->headers.data, x->headers.len); /* Set-Cookie */
    buf_reset(&x->headers);
    x->conn = NULL;
    x->headers_bad = x->pended = false;
    x->id[0] = '\0';
    x->req.user = NULL;
    SLIST_INSERT_HEAD(&s->pool, x, pool);
    s->n_pool++;
}

static int slots_grow(struct http_server *s)
{
    uint32_t n = s->n_slots ? s->n_slots * 2 : 64;
    uint32_t *stack;
    struct slot *slots;

    if (n > SLOTS_MAX)
        return -1;
    slots = realloc(s->slots, n * sizeof *slots);
    if (!slots)
        return -1;
    s->slots = slots;
    stack = realloc(s->free_slots, n * sizeof *stack);
    if (!stack)
        return -1;
    s->free_slots = stack;
    for (uint32_t i = n; i-- > s->n_slots;) {
        s->slots[i] = (struct slot){NULL, 0};
        s->free_slots[s->n_free_slots++] = i;
    }
    s->n_slots = n;
    return 0;
}

int server_slot_take(struct http_server *s, struct conn *c)
{
    if (s->n_free_slots == 0 && slots_grow(s) != 0)
        return -1;
    c->slot = s->free_slots[--s->n_free_slots];
    s->slots[c->slot].conn = c;
    return 0;
}

void server_slot_give(struct http_server *s, uint32_t slot)
{
    s->slots[slot] = (struct slot){NULL, 0};
    s->free_slots[s->n_free_slots++] = slot;
}

/* --- reporting and counting --------------------------------------------------------------------------------------- */

void server_report(struct http_server *s, const struct http_report *r)
{
    if (s->o.report)
        s->o.report(r, s->o.arg);
}

void server_count_refused(struct http_server *s, enum http_refused r)
{
    counter_add(&s->refused[r], 1);
}

void http_server_counters(const struct http_server *s, struct http_counters *ret)
{
    *ret = (struct http_counters){
        .accepted = atomic_load_explicit(&s->accepted, memory_order_relaxed),
        .active = atomic_load_explicit(&s->active, memory_order_relaxed),
        .requests = atomic_load_explicit(&s->requests, memory_order_relaxed),
        .abandoned = atomic_load_explicit(&s->abandoned, memory_order_relaxed),
    };
    for (size_t i = 0; i < HTTP_REFUSED_COUNT; i++)
        ret->refused[i] = atomic_load_explicit(&s->refused[i], memory_order_relaxed);
    ret->refused[HTTP_REFUSED_CONNECTIONS] += atomic_load_explicit(&s->queue_full, memory_order_relaxed);
}

/* --- taking connections on ---------------------------------------------------------------------------------------- */

void http_server_adopt(struct http_server *s, int fd, uint32_t tag)
{
    conn_open(s, fd, tag);
}

void http_server_hand_over(struct http_server *s, int fd, uint32_t tag)
{
    struct handed_over h = {fd, tag};
    ssize_t n;

    do {
        n = write(s->queue[1], &h, sizeof h);
    } while (n < 0 && errno == EINTR);
    if (n == (ssize_t)sizeof h)
        return;
    (void)close(fd);
    atomic_fetch_add_explicit(&s->queue_full, 1, memory_order_relaxed);
}

static void queue_read(struct http_server *s)
{
    struct handed_over h[64];
    ssize_t n;

    while ((n = read(s->queue[0], h, sizeof h)) > 0) {
        for (size_t i = 0; i < (size_t)n / sizeof *h; i++)
            conn_open(s, h[i].fd, h[i].tag);
        if ((size_t)n < sizeof h)
            break; /* the loop calls again if there is more */
    }
}

static void on_queue(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    queue_read(arg);
}

void http_server_set_tls(struct http_server *s, uint32_t tag, struct ssl_ctx_st *ctx)
{
    if (tag >= HTTP_TAG_MAX || (ctx && SSL_CTX_up_ref(ctx) != 1))
        return;
    SSL_CTX_free(s->tls[tag]);
    s->tls[tag] = ctx;
}

/* --- stopping ----------------------------------------------------------------------------------------------------- */

void server_conn_gone(struct http_server *s)
{
    static const struct timeval now = {0, 0};

    if (s->draining && !s->stopped && LIST_EMPTY(&s->conns))
        (void)event_add(s->drain_timer, &now); /* not from within whatever ended the connection */
}

static void on_drain(evutil_socket_t fd, short what, void *arg)
{
    struct http_server *s = arg;
    int64_t left = s->drain_deadline_ms - clock_mono_ms();
    struct timeval tv = {.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};
    struct conn *c;

    (void)fd;
    (void)what;
    queue_read(s);
    if (!LIST_EMPTY(&s->conns) && left > 0) {
        (void)event_add(s->drain_timer, &tv);
        return;
    }
    s->stopped = true;
    while ((c = LIST_FIRST(&s->conns)) != NULL) {
        conn_enter(c);
        conn_doom(c);
        conn_leave(c);
    }
    if (s->drain_done)
        s->drain_done(s->drain_arg);
}

void http_server_drain(struct http_server *s, unsigned deadline_ms, void (*done)(void *arg), void *arg)
{
    struct timeval tv = {.tv_sec = deadline_ms / 1000, .tv_usec = deadline_ms % 1000 * 1000};
    struct conn *c, *next;

    if (s->draining)
        return;
    s->draining = true;
    s->drain_done = done;
    s->drain_arg = arg;
    s->drain_deadline_ms = clock_mono_ms() + deadline_ms;
    (void)event_add(s->drain_timer, &tv);
    for (c = LIST_FIRST(&s->conns); c; c = next) {
        next = LIST_NEXT(c, list);
        conn_close_idle(c);
    }
    server_conn_gone(s);
}

/* --- making and freeing ------------------------------------------------------------------------------------------- */

static int options_check(const struct http_server_options *o, struct err *e)
{
    if (!o->handle || o->head_max == 0 || o->head_max > HTTP_HEAD_MAX || o->requests_per_conn == 0 || !o->head_ms ||
        !o->body_ms || !o->answer_ms || !o->write_ms || !o->idle_ms || !o->linger_ms)
        return err_set(e, ERR_INTERNAL,
                       "an HTTP server without handler, or with a limit of zero or a head over %d bytes",
                       HTTP_HEAD_MAX);
    return 0;
}

int http_server_new(struct event_base *base, const struct http_server_options *o, struct http_server **ret,
                    struct err *e)
{
    struct http_server *s;

    if (options_check(o, e) != 0)
        return -1;
    s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, ERR_MEMORY, "no memory for a server");
    s->base = base;
    s->o = *o;
    s->queue[0] = s->queue[1] = -1;
    LIST_INIT(&s->conns);
    SLIST_INIT(&s->pool);
    buf_init(&s->out, ANSWER_HEAD_MAX);
    if (pipe2(s->queue, O_NONBLOCK | O_CLOEXEC) != 0) {
        s->queue[0] = s->queue[1] = -1;
        (void)err_set(e, ERR_IO, "pipe: %s", strerror(errno));
        goto fail;
    }
    s->queue_event = event_new(base, s->queue[0], EV_READ | EV_PERSIST, on_queue, s);
    s->drain_timer = evtimer_new(base, on_drain, s);
    if (!s->queue_event || !s->drain_timer || event_add(s->queue_event, NULL) != 0) {
        (void)err_set(e, ERR_MEMORY, "no memory for a server's events");
        goto fail;
    }
    *ret = s;
    return 0;
fail:
    http_server_free(s);
    return -1;
}

void http_server_free(struct http_server *s)
{
    struct exchange *x;
    struct conn *c;

    if (!s)
        return;
    s->stopped = true; /* what is still queued is closed */
    if (s->queue[0] >= 0)
        queue_read(s);
    while ((c = LIST_FIRST(&s->conns)) != NULL) {
        conn_enter(c);
        conn_doom(c);
        conn_leave(c);
    }
    while ((x = SLIST_FIRST(&s->pool)) != NULL) {
        SLIST_REMOVE_HEAD(&s->pool, pool);
        exchange_free(x);
    }
    for (uint32_t i = 0; i < HTTP_TAG_MAX; i++)
        SSL_CTX_free(s->tls[i]);
    if (s->queue_event)
        event_free(s->queue_event);
    if (s->drain_timer)
        event_free(s->drain_timer);
    for (size_t i = 0; i < 2; i++) {
        if (s->queue[i] >= 0)
            (void)close(s->queue[i]);
    }
    buf_free_secret(&s->out);
    free(s->slots);
    free(s->free_slots);
    free(s);
}
