/*
 * rig.h - a server and plain-socket clients on one loop, for the programs beside it. Nothing sleeps: rig_wait() runs
 * the loop until something is true and fails the test after five seconds.
 */
#ifndef USHER_TESTS_UNIT_HTTP_RIG_H
#define USHER_TESTS_UNIT_HTTP_RIG_H

#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/secret.h"
#include "router/http/server.h"

#define HOST "Host: a.example\r\n"
#define WAIT_MS 5000

struct rig {
    struct event_base *base;
    struct http_server *server;
    struct http_acceptor *acceptor;
    struct http_conn_limit *limit;
    uint16_t port;

    uint64_t handles[8]; /* of requests for /later, in order */
    size_t n_handles;
    size_t handled;
    char id[17]; /* of the last request */
    struct netaddr peer;
    char last_error[40]; /* the last thing reported, by name */
    char last_event[16];
    size_t reports;
    bool drained;
};

struct client {
    struct bufferevent *bev;
    struct buf in;
    bool closed;
    bool reset; /* by an error rather than an end of file */
};

static inline struct slice big_body(void)
{
    static char *big;
    static const size_t n = 16 << 20;

    if (!big) {
        big = malloc(n);
        assert_non_null(big);
        memset(big, 'x', n);
    }
    return slice_make(big, n);
}

static inline void rig_handle(struct http_request *req, void *arg)
{
    const struct http_header bad = {SLICE("X-Bad"), SLICE("a\r\nSet-Cookie: x=y")};
    const struct http_header ours = {SLICE("content-length"), SLICE("3")};
    const struct http_header fine = {SLICE("X-Fine"), SLICE("yes")};
    struct rig *r = arg;

    r->handled++;
    r->peer = req->peer;
    (void)str_copy(r->id, sizeof r->id, slice_of(http_request_id(req)));
    assert_ptr_equal(http_request_id(req), http_request_id(req));
    assert_ptr_equal(http_request_server(req), r->server);
    if (slice_is(req->path, "/later")) {
        assert_true(r->n_handles < 8);
        r->handles[r->n_handles++] = http_request_handle(req);
        http_pend(req);
    } else if (slice_is(req->path, "/silent")) {
        return;
    } else if (slice_is(req->path, "/echo")) {
        http_respond(req, 200, NULL, 0, req->body);
    } else if (slice_is(req->path, "/query")) {
        http_respond(req, 200, NULL, 0, req->query);
    } else if (slice_is(req->path, "/big")) {
        http_respond(req, 200, NULL, 0, big_body());
    } else if (slice_is(req->path, "/close")) {
        http_close_after(req);
        http_respond_status(req, 404);
    } else if (slice_is(req->path, "/bad-header")) {
        http_respond(req, 200, &bad, 1, SLICE("secret"));
    } else if (slice_is(req->path, "/bad-added")) {
        http_add_header(req, "X Bad", SLICE("1"));
        http_respond(req, 200, NULL, 0, SLICE("secret"));
    } else if (slice_is(req->path, "/our-header")) {
        http_respond(req, 200, &ours, 1, SLICE("secret"));
    } else if (slice_is(req->path, "/twice")) {
        http_respond(req, 200, NULL, 0, SLICE("first"));
        http_respond(req, 200, NULL, 0, SLICE("second"));
    } else if (slice_is(req->path, "/none")) {
        http_respond(req, 204, NULL, 0, SLICE(""));
    } else {
        http_add_header(req, "X-Added", SLICE("first"));
        http_respond(req, 200, &fine, 1, SLICE("hello"));
    }
}

static inline size_t rig_body_limit(const struct http_request *head, void *arg)
{
    (void)arg;
    assert_null(head->body.p);
    return slice_is(head->path, "/small") ? 10 : slice_is(head->path, "/nowhere") ? HTTP_REFUSE(404) : 1 << 16;
}

static inline void rig_report(const struct http_report *report, void *arg)
{
    struct rig *r = arg;

    r->reports++;
    (void)snprintf(r->last_error, sizeof r->last_error, "%s", err_name(report->err->code));
    (void)snprintf(r->last_event, sizeof r->last_event, "%s", report->event);
}

static inline void rig_options(struct rig *r, struct http_server_options *o)
{
    http_server_options_init(o);
    o->handle = rig_handle;
    o->body_limit = rig_body_limit;
    o->report = rig_report;
    o->arg = r;
    o->linger_ms = 200;
}

/* A server behind one listener on 127.0.0.1, with these options. */
static inline void rig_start(struct rig *r, const struct http_server_options *o)
{
    struct listen_addr any = {.ip = {.family = 4, .addr = {127, 0, 0, 1}}};
    struct err e = ERR_INIT;
    int fd;

    (void)signal(SIGPIPE, SIG_IGN);
    assert_ok(secret_init(&e), &e);
    r->base = event_base_new();
    assert_non_null(r->base);
    assert_ok(http_server_new(r->base, o, &r->server, &e), &e);
    assert_ok(http_listen(&any, 128, &fd, &r->port, &e), &e);
    assert_ok(http_acceptor_new(r->base, &r->server, 1, &r->acceptor, &e), &e);
    assert_ok(http_acceptor_add(r->acceptor, fd, 3, &e), &e);
}

static inline void rig_stop(struct rig *r)
{
    http_acceptor_free(r->acceptor);
    http_server_free(r->server);
    http_conn_limit_free(r->limit);
    event_base_free(r->base);
}

/* Runs the loop until `condition`, an expression, holds. */
static inline void rig_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

static inline void rig_turn(struct rig *r)
{
    struct timeval tv = {0, 20000}; /* so that a turn ends although nothing happens */

    assert_int_equal(event_base_once(r->base, -1, EV_TIMEOUT, rig_tick, NULL, &tv), 0);
    assert_int_not_equal(event_base_loop(r->base, EVLOOP_ONCE), -1);
}

#define rig_wait(r, condition)                                       \
    do {                                                             \
        int64_t until_ = clock_mono_ms() + WAIT_MS;                  \
        while (!(condition)) {                                       \
            if (clock_mono_ms() > until_)                            \
                fail_msg("waited five seconds for: %s", #condition); \
            rig_turn(r);                                             \
        }                                                            \
    } while (0)

static inline void client_read(struct bufferevent *bev, void *arg)
{
    struct client *c = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    size_t n = evbuffer_get_length(in);

    buf_add(&c->in, evbuffer_pullup(in, -1), n);
    assert_false(buf_failed(&c->in));
    (void)evbuffer_drain(in, n);
}

static inline void client_event(struct bufferevent *bev, short what, void *arg)
{
    struct client *c = arg;

    (void)bev;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        c->closed = true;
    if (what & BEV_EVENT_ERROR)
        c->reset = true;
}

static inline int client_socket(struct rig *r)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(r->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static inline void client_open_fd(struct rig *r, struct client *c, int fd)
{
    *c = (struct client){0};
    buf_init(&c->in, 32 << 20);
    c->bev = bufferevent_socket_new(r->base, fd, BEV_OPT_CLOSE_ON_FREE);
    assert_non_null(c->bev);
    bufferevent_setcb(c->bev, client_read, NULL, client_event, c);
    assert_int_equal(bufferevent_enable(c->bev, EV_READ), 0);
}

static inline void client_open(struct rig *r, struct client *c)
{
    client_open_fd(r, c, client_socket(r));
}

static inline void client_send(struct client *c, const char *text)
{
    assert_int_equal(bufferevent_write(c->bev, text, strlen(text)), 0);
}

static inline void client_close(struct client *c)
{
    if (c->bev)
        bufferevent_free(c->bev);
    c->bev = NULL;
    buf_free(&c->in);
}

static inline bool client_has(const struct client *c, const char *text)
{
    return strstr(buf_cstr(&c->in), text) != NULL;
}

static inline size_t client_count(const struct client *c, const char *text)
{
    size_t n = 0;

    for (const char *p = buf_cstr(&c->in); (p = strstr(p, text)) != NULL; p += strlen(text))
        n++;
    return n;
}

static inline struct http_counters rig_counters(const struct rig *r)
{
    struct http_counters c;

    http_server_counters(r->server, &c);
    return c;
}

#endif
