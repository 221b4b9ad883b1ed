/* limits.c - deadlines, slow clients, connection caps, running out of descriptors, listening sockets, threads. */
#include "tests/unit/http/rig.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "router/http/conn.h"

#define BODIES (1 << 20) /* enough: bodies.c is about that */

/* All deadlines far away but for the one under test. */
static void start(struct rig *r, void (*change)(struct http_server_options *o))
{
    struct http_server_options o;

    rig_options(r, &o);
    change(&o);
    o.conn = r->limit;
    rig_start(r, &o);
}

static void unchanged(struct http_server_options *o)
{
    (void)o;
}

static void short_head(struct http_server_options *o)
{
    o->head_ms = 200;
}

static void longer_head(struct http_server_options *o)
{
    o->head_ms = 500;
}

static void short_body(struct http_server_options *o)
{
    o->body_ms = 200;
}

static void short_answer(struct http_server_options *o)
{
    o->answer_ms = 100;
}

static void short_write(struct http_server_options *o)
{
    o->write_ms = 200;
}

static void short_idle(struct http_server_options *o)
{
    o->idle_ms = 150;
}

struct dripper {
    struct client *c;
    const char *text; /* sent byte by byte, the last byte again and again */
    struct event *timer;
};

static void drip(evutil_socket_t fd, short what, void *arg)
{
    struct dripper *d = arg;
    char two[2] = {*d->text, '\0'};

    (void)fd;
    (void)what;
    if (d->c->closed)
        return;
    client_send(d->c, two);
    if (d->text[1])
        d->text++;
}

static void dripper_start(struct rig *r, struct dripper *d)
{
    struct timeval every = {0, 15000};

    d->timer = event_new(r->base, -1, EV_PERSIST, drip, d);
    assert_non_null(d->timer);
    assert_int_equal(event_add(d->timer, &every), 0);
}

static void a_slow_head_is_cut(void **state)
{
    struct rig r = {0};
    struct client c;
    struct dripper d = {&c, "GET / HTTP/1.1\r\nX: yyyyyyyyyyyyyy", NULL};
    int64_t begin = clock_mono_ms(), took;

    (void)state;
    start(&r, short_head);
    client_open(&r, &c);
    dripper_start(&r, &d);
    rig_wait(&r, client_has(&c, "408 Request Timeout"));
    took = clock_mono_ms() - begin;
    assert_true(took >= 190); /* neither early, */
    assert_true(took < 1500); /* nor put off by each byte */
    rig_wait(&r, c.closed);
    assert_string_equal(r.last_error, "http-timeout");
    assert_string_equal(r.last_event, "deadline");
    assert_int_equal(rig_counters(&r).refused[HTTP_REFUSED_TIMEOUT], 1);
    event_free(d.timer);
    client_close(&c);
    rig_stop(&r);
}

/* Who first says nothing and then drips has no more time: it runs from accept. */
static void silence_does_not_buy_time(void **state)
{
    struct rig r = {0};
    struct client c;
    struct dripper d = {&c, "GET / HTTP/1.1\r\nX: yyyyyyyyyyyyyy", NULL};
    int64_t begin = clock_mono_ms();

    (void)state;
    start(&r, longer_head);
    client_open(&r, &c);
    rig_wait(&r, clock_mono_ms() - begin > 350);
    dripper_start(&r, &d);
    rig_wait(&r, client_has(&c, "408 Request Timeout"));
    assert_true(clock_mono_ms() - begin < 800);
    event_free(d.timer);
    client_close(&c);
    rig_stop(&r);
}

/* The same for a later request of a connection: its time runs from the first byte. */
static void a_slow_second_head_is_cut(void **state)
{
    struct rig r = {0};
    struct client c;
    struct dripper d = {&c, "GET / HTTP/1.1\r\nX: yyyyyyyyyyyyyy", NULL};
    int64_t begin, took;

    (void)state;
    start(&r, short_head);
    client_open(&r, &c);
    client_send(&c, "GET / HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, client_has(&c, "hello"));
    begin = clock_mono_ms();
    dripper_start(&r, &d);
    rig_wait(&r, client_has(&c, "408 Request Timeout"));
    took = clock_mono_ms() - begin;
    assert_true(took >= 190);
    assert_true(took < 1500);
    event_free(d.timer);
    client_close(&c);
    rig_stop(&r);
}

static void a_slow_body_is_cut(void **state)
{
    struct rig r = {0};
    struct client c;
    struct dripper d = {&c, "POST / HTTP/1.1\r\n" HOST "Content-Length: 60000\r\n\r\nx", NULL};

    (void)state;
    start(&r, short_body);
    client_open(&r, &c);
    client_send(&c, d.text);
    d.text += strlen(d.text) - 1;
    dripper_start(&r, &d);
    rig_wait(&r, client_has(&c, "408 Request Timeout"));
    rig_wait(&r, c.closed);
    assert_int_equal(r.handled, 0);
    event_free(d.timer);
    client_close(&c);
    rig_stop(&r);
}

static void silence_is_closed_silently(void **state)
{
    struct rig r = {0};
    struct client c;

    (void)state;
    start(&r, short_head);
    client_open(&r, &c);
    rig_wait(&r, c.closed);
    assert_int_equal(c.in.len, 0);
    assert_int_equal(rig_counters(&r).refused[HTTP_REFUSED_TIMEOUT], 1);
    client_close(&c);
    rig_stop(&r);
}

static void idle_connections_end(void **state)
{
    struct rig r = {0};
    struct client c;
    int64_t begin;

    (void)state;
    start(&r, short_idle);
    client_open(&r, &c);
    client_send(&c, "GET / HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, client_has(&c, "hello"));
    begin = clock_mono_ms();
    rig_wait(&r, c.closed);
    assert_true(clock_mono_ms() - begin >= 140);
    assert_int_equal(client_count(&c, "HTTP/1.1 "), 1);
    assert_int_equal(rig_counters(&r).refused[HTTP_REFUSED_TIMEOUT], 0);
    client_close(&c);
    rig_stop(&r);
}

static void a_late_answer_is_503(void **state)
{
    struct rig r = {0};
    struct client c;

    (void)state;
    start(&r, short_answer);
    client_open(&r, &c);
    client_send(&c, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, c.closed);
    assert_true(client_has(&c, "503 Service Unavailable"));
    assert_string_equal(r.last_error, "http-answer-late");
    assert_null(http_request_by_handle(r.server, r.handles[0]));
    assert_int_equal(rig_counters(&r).refused[HTTP_REFUSED_ANSWER], 1);
    client_close(&c);
    rig_stop(&r);
}

static void a_slow_reader_is_cut(void **state)
{
    struct rig r = {0};
    struct client c;

    (void)state;
    start(&r, short_write);
    client_open(&r, &c);
    client_send(&c, "GET /big HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, r.handled == 1);
    assert_int_equal(bufferevent_disable(c.bev, EV_READ), 0);
    rig_wait(&r, rig_counters(&r).active == 0);
    assert_int_equal(r.handled, 1); /* the second request waits for the first answer to be taken */
    assert_int_equal(rig_counters(&r).refused[HTTP_REFUSED_WRITE], 1);
    assert_string_equal(r.last_error, "http-timeout");
    /* the kernel does not keep the rest for it: a reset, not an orderly end */
    assert_int_equal(bufferevent_enable(c.bev, EV_READ), 0);
    rig_wait(&r, c.closed);
    assert_true(c.reset);
    client_close(&c);
    rig_stop(&r);
}

static void many_requests(struct http_server_options *o)
{
    o->requests_per_conn = 1000000;
}

/* While a request is being answered, little of what follows it is read, and the loop does not spin over it; afterwards
 * all of it is answered. */
static void reading_ahead_is_bounded(void **state)
{
    static const char request[] = "GET /query? HTTP/1.1\r\n" HOST "\r\n",
                      last[] = "GET /query?last HTTP/1.1\r\n" HOST "\r\n";
    static const size_t n = 25000, much = n * (sizeof request - 1);
    struct rig r = {0};
    struct client c;
    size_t left;
    int fds[2];

    (void)state;
    start(&r, many_requests);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    http_server_adopt(r.server, fds[0], 0);
    client_open_fd(&r, &c, fds[1]);
    client_send(&c, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, r.n_handles == 1);
    for (size_t i = 0; i < n; i++)
        client_send(&c, request);
    client_send(&c, last);
    for (int i = 0; i < 1000; i++)
        assert_int_not_equal(event_base_loop(r.base, EVLOOP_NONBLOCK), -1);
    left = evbuffer_get_length(bufferevent_get_output(c.bev));
    assert_true(left > much / 4); /* the rest is in the socket's own buffer */
    http_respond(http_request_by_handle(r.server, r.handles[0]), 200, NULL, 0, SLICE("first"));
    rig_wait(&r, c.in.len > 4 && strcmp(c.in.data + c.in.len - 4, "last") == 0);
    assert_int_equal(r.handled, n + 2);
    client_close(&c);
    rig_stop(&r);
}

static void a_large_answer_arrives_whole(void **state)
{
    struct rig r = {0};
    struct client c;

    (void)state;
    start(&r, unchanged);
    client_open(&r, &c);
    client_send(&c, "GET /big HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, c.in.len > 16 << 20 && strcmp(c.in.data + c.in.len - 5, "hello") == 0);
    assert_true(client_has(&c, "Content-Length: 16777216\r\n"));
    client_close(&c);
    rig_stop(&r);
}

/* A client that closes its sending side still gets what it asked for. */
static void half_closed_clients_are_answered(void **state)
{
    struct rig r = {0};
    struct client c;

    (void)state;
    start(&r, unchanged);
    client_open(&r, &c);
    client_send(&c, "GET /big HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, evbuffer_get_length(bufferevent_get_output(c.bev)) == 0);
    assert_int_equal(shutdown(bufferevent_getfd(c.bev), SHUT_WR), 0);
    rig_wait(&r, c.closed);
    assert_true(c.in.len > 16 << 20);
    client_close(&c);
    rig_stop(&r);
}

static void connections_are_capped(void **state)
{
    struct rig r = {0};
    struct client c[3];
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(secret_init(&e), &e);
    assert_ok(http_conn_limit_new(2, 100, BODIES, NULL, 0, &r.limit, &e), &e);
    start(&r, unchanged);
    client_open(&r, &c[0]);
    client_open(&r, &c[1]);
    rig_wait(&r, rig_counters(&r).active == 2);
    client_open(&r, &c[2]);
    rig_wait(&r, c[2].closed);
    assert_int_equal(c[2].in.len, 0);
    assert_string_equal(r.last_error, "http-connections");
    assert_int_equal(rig_counters(&r).refused[HTTP_REFUSED_CONNECTIONS], 1);
    client_close(&c[2]);
    client_close(&c[0]);
    rig_wait(&r, http_conn_limit_total(r.limit) == 1);
    client_open(&r, &c[0]);
    client_send(&c[0], "GET / HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, client_has(&c[0], "hello"));
    client_close(&c[0]);
    client_close(&c[1]);
    rig_wait(&r, http_conn_limit_total(r.limit) == 0);
    rig_stop(&r);
}

static void addresses_are_capped(void **state)
{
    const struct netblock proxies = {.base = {.family = 4, .addr = {127, 0, 0, 0}}, .bits = 8};
    struct rig r = {0};
    struct client c[2];
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(secret_init(&e), &e);
    for (size_t n_exempt = 0; n_exempt < 2; n_exempt++) {
        r = (struct rig){0};
        assert_ok(http_conn_limit_new(100, 1, BODIES, &proxies, n_exempt, &r.limit, &e), &e);
        start(&r, unchanged);
        client_open(&r, &c[0]);
        rig_wait(&r, rig_counters(&r).active == 1);
        client_open(&r, &c[1]);
        client_send(&c[1], "GET / HTTP/1.1\r\n" HOST "\r\n");
        rig_wait(&r, c[1].closed || client_has(&c[1], "hello"));
        assert_int_equal(c[1].closed, n_exempt == 0);
        assert_int_equal(rig_counters(&r).refused[HTTP_REFUSED_ADDRESS], n_exempt == 0);
        client_close(&c[0]);
        client_close(&c[1]);
        rig_stop(&r);
    }
    assert_err(http_conn_limit_new(0, 1, BODIES, NULL, 0, &r.limit, &e), &e, "internal-error");
    assert_err(http_conn_limit_new(1, 1, 0, NULL, 0, &r.limit, &e), &e, "internal-error");
    http_conn_limit_free(NULL);
}

static void addresses_are_told_apart(void **state)
{
    struct netaddr six = {.family = 6, .addr = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 1}}, neighbour = six, other = six;
    struct netaddr four = {.family = 4, .addr = {192, 0, 2, 0}}, local = {0};
    struct http_conn_limit *l = NULL;
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(secret_init(&e), &e);
    assert_ok(http_conn_limit_new(4, 1, BODIES, NULL, 0, &l, &e), &e);
    neighbour.addr[15] = 9; /* the same /64: one client may have all of it */
    other.addr[7] = 2;
    assert_int_equal(http_conn_limit_take(l, &six), HTTP_LIMIT_OK);
    assert_int_equal(http_conn_limit_take(l, &neighbour), HTTP_LIMIT_ADDRESS);
    assert_int_equal(http_conn_limit_take(l, &other), HTTP_LIMIT_OK);
    assert_int_equal(http_conn_limit_take(l, &local), HTTP_LIMIT_OK);
    assert_int_equal(http_conn_limit_take(l, &local), HTTP_LIMIT_OK); /* a Unix socket has no address */
    assert_int_equal(http_conn_limit_take(l, &local), HTTP_LIMIT_TOTAL);
    http_conn_limit_give(l, &neighbour);
    assert_int_equal(http_conn_limit_take(l, &six), HTTP_LIMIT_OK);
    http_conn_limit_give(l, &six);
    http_conn_limit_give(l, &other);
    http_conn_limit_give(l, &local);
    http_conn_limit_give(l, &local);
    /* far more addresses than entries, one after the other and four at a time */
    for (unsigned i = 0; i < 1000; i++) {
        memcpy(four.addr, &i, sizeof i);
        assert_int_equal(http_conn_limit_take(l, &four), HTTP_LIMIT_OK);
        if (i >= 3) {
            unsigned k = i - 3;

            memcpy(four.addr, &k, sizeof k);
            http_conn_limit_give(l, &four);
        }
    }
    assert_int_equal(http_conn_limit_total(l), 3);
    http_conn_limit_free(l);
}

/* Descriptors run out: no spinning, waiting clients are told, accepting resumes. */
static void descriptors_run_out(void **state)
{
    struct rlimit before, few;
    struct rig r = {0};
    struct client c;
    int fds[64];
    size_t n;

    (void)state;
    start(&r, unchanged);
    client_open(&r, &c); /* waits in the backlog, as the loop does not run */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    rig_wait(&r, http_acceptor_pauses(r.acceptor) > 0);
    assert_string_equal(r.last_error, "http-connections");
    assert_string_equal(r.last_event, "accept");
    assert_int_equal(rig_counters(&r).accepted, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    client_close(&c);
    /* it comes back by itself */
    client_open(&r, &c);
    client_send(&c, "GET / HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, client_has(&c, "hello"));
    client_close(&c);
    rig_wait(&r, rig_counters(&r).active == 0);

    /* with the spare descriptor only, the client in the backlog is closed rather than left waiting */
    client_open(&r, &c);
    for (n = 0; n < 64; n++)
        fds[n] = -1;
    few.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    for (n = 0; n < 64 && (fds[n] = dup(0)) >= 0; n++)
        ;
    rig_wait(&r, c.closed);
    assert_int_equal(c.in.len, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    for (n = 0; n < 64; n++) {
        if (fds[n] >= 0)
            (void)close(fds[n]);
    }
    client_close(&c);
    rig_stop(&r);
}

static void unix_sockets(void **state)
{
    char dir[] = "/tmp/usher-http-XXXXXX";
    struct listen_addr at = {.is_unix = true};
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct rig r = {0};
    struct client c;
    struct err e = ERR_INIT;
    uint16_t port = 1;
    int fd, second, client;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(at.path, sizeof at.path, "%s/sock", dir);
    memcpy(to.sun_path, at.path, sizeof to.sun_path);
    start(&r, unchanged);
    assert_ok(http_listen(&at, 16, &fd, &port, &e), &e);
    assert_int_equal(port, 0);
    /* one that is in use is left alone */
    assert_err(http_listen(&at, 16, &second, &port, &e), &e, "listen-failed");
    /* one that is left over is replaced */
    (void)close(fd);
    assert_ok(http_listen(&at, 16, &fd, &port, &e), &e);
    assert_ok(http_acceptor_add(r.acceptor, fd, 5, &e), &e);
    client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof to), 0);
    client_open_fd(&r, &c, client);
    client_send(&c, "GET / HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, client_has(&c, "hello"));
    assert_int_equal(r.peer.family, 0);
    client_close(&c);
    rig_stop(&r);
    assert_int_equal(unlink(at.path), 0);
    /* another kind of file is left alone */
    assert_int_equal(mkdir(at.path, 0700), 0);
    assert_err(http_listen(&at, 16, &fd, &port, &e), &e, "listen-failed");
    assert_int_equal(rmdir(at.path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void listening_can_fail(void **state)
{
    struct listen_addr addr = {.ip = {.family = 4, .addr = {127, 0, 0, 1}}};
    struct listen_addr none = {.port = 1};
    struct rig r = {0};
    struct err e = ERR_INIT;
    uint16_t port;
    int fd;

    (void)state;
    start(&r, unchanged);
    assert_true(r.port > 0);
    addr.port = r.port;
    assert_err(http_listen(&addr, 16, &fd, &port, &e), &e, "listen-failed");
    assert_err(http_listen(&none, 16, &fd, &port, &e), &e, "listen-failed");
    assert_err(http_acceptor_add(r.acceptor, dup(0), HTTP_TAG_MAX, &e), &e, "internal-error");
    assert_int_equal(rig_counters(&r).active, 0);
    rig_stop(&r);
}

/* A second server on its own thread gets its connections through the queue. */
struct worker {
    pthread_t thread;
    struct event_base *base;
    struct http_server *server;
    struct rig rig; /* its own: nothing is shared */
};

static void worker_done(void *arg)
{
    ((struct worker *)arg)->rig.drained = true;
}

/* The test asks a worker to end by a request, as there is nothing else the threads share. */
static void worker_handle(struct http_request *req, void *arg)
{
    struct worker *w = arg;

    bool end = slice_is(req->path, "/end");

    http_respond(req, 200, NULL, 0, SLICE("from the thread"));
    if (end)
        http_server_drain(w->server, 1000, worker_done, w);
}

static void *worker_run(void *arg)
{
    struct worker *w = arg;

    while (!w->rig.drained) {
        if (event_base_loop(w->base, EVLOOP_ONCE) != 0)
            break;
    }
    return NULL;
}

static void connections_go_to_another_thread(void **state)
{
    struct worker w = {0};
    struct http_server_options o;
    struct rig r = {0};
    struct client c[4];
    struct err e = ERR_INIT;
    struct http_counters counters;
    int fds[2], loaded[2][2];

    (void)state;
    start(&r, unchanged);
    /* the first server has two connections already */
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, loaded[i]), 0);
        http_server_adopt(r.server, loaded[i][0], 0);
    }
    rig_options(&w.rig, &o);
    o.handle = worker_handle;
    o.arg = &w;
    w.base = event_base_new();
    assert_non_null(w.base);
    assert_ok(http_server_new(w.base, &o, &w.server, &e), &e);
    http_acceptor_free(r.acceptor);
    r.acceptor = NULL;
    assert_ok(http_acceptor_new(r.base, (struct http_server *[]){r.server, w.server}, 2, &r.acceptor, &e), &e);
    {
        struct listen_addr any = {.ip = {.family = 4, .addr = {127, 0, 0, 1}}};
        int fd;

        assert_ok(http_listen(&any, 16, &fd, &r.port, &e), &e);
        assert_ok(http_acceptor_add(r.acceptor, fd, 0, &e), &e);
    }
    assert_int_equal(pthread_create(&w.thread, NULL, worker_run, &w), 0);
    for (size_t i = 0; i < 4; i++) {
        client_open(&r, &c[i]);
        client_send(&c[i], "GET / HTTP/1.1\r\n" HOST "\r\n");
        rig_wait(&r, client_has(&c[i], "HTTP/1.1 200"));
    }
    /* both have the same load now */
    assert_int_equal(rig_counters(&r).accepted, 3);
    http_server_counters(w.server, &counters);
    assert_int_equal(counters.accepted, 3);
    for (size_t i = 0; i < 4; i++) {
        rig_wait(&r, client_has(&c[i], "hello") || client_has(&c[i], "from the thread"));
        client_close(&c[i]);
    }
    /* by hand, too; the last one ends the thread */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    http_server_hand_over(w.server, fds[0], 0);
    assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
    client_open_fd(&r, &c[0], fds[1]);
    client_send(&c[0], "GET /end HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, c[0].closed);
    assert_true(client_has(&c[0], "from the thread"));
    assert_int_equal(pthread_join(w.thread, NULL), 0);
    assert_true(w.rig.drained);
    client_close(&c[0]);
    /* a stopped server closes what it is given; so does a full queue */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    http_server_adopt(w.server, fds[0], 0);
    client_open_fd(&r, &c[0], fds[1]);
    rig_wait(&r, c[0].closed);
    client_close(&c[0]);
    http_server_free(w.server);
    event_base_free(w.base);
    (void)close(loaded[0][1]);
    (void)close(loaded[1][1]);
    rig_stop(&r);
}

static void a_full_queue_refuses(void **state)
{
    struct rig r = {0};
    int pair[2], n = 0;

    (void)state;
    start(&r, unchanged);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    /* the same number again and again: only the queue sees it, as the loop does not run */
    while (rig_counters(&r).refused[HTTP_REFUSED_CONNECTIONS] == 0 && n++ < 100000)
        http_server_hand_over(r.server, pair[0], 0);
    assert_int_equal(rig_counters(&r).refused[HTTP_REFUSED_CONNECTIONS], 1);
    assert_int_equal(read(pair[1], &(char){0}, 1), 0); /* closed by the refusal */
    (void)close(pair[1]);
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_head_is_cut),
        cmocka_unit_test(silence_does_not_buy_time),
        cmocka_unit_test(a_slow_second_head_is_cut),
        cmocka_unit_test(a_slow_body_is_cut),
        cmocka_unit_test(silence_is_closed_silently),
        cmocka_unit_test(idle_connections_end),
        cmocka_unit_test(a_late_answer_is_503),
        cmocka_unit_test(a_slow_reader_is_cut),
        cmocka_unit_test(reading_ahead_is_bounded),
        cmocka_unit_test(a_large_answer_arrives_whole),
        cmocka_unit_test(half_closed_clients_are_answered),
        cmocka_unit_test(connections_are_capped),
        cmocka_unit_test(addresses_are_capped),
        cmocka_unit_test(addresses_are_told_apart),
        cmocka_unit_test(descriptors_run_out),
        cmocka_unit_test(unix_sockets),
        cmocka_unit_test(listening_can_fail),
        cmocka_unit_test(connections_go_to_another_thread),
        cmocka_unit_test(a_full_queue_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
