/* bodies.c - request bodies in memory: the budget that servers share, and that nothing of a body is left behind. */
#include "tests/unit/http/rig.h"

#include <malloc.h>
#include <pthread.h>

#include "router/http/conn.h"
#include "router/http/parse.h"

#define BUDGET (128 * 1024) /* of it 96 KiB for large bodies */
#define HEAD(path, headers) "POST " path " HTTP/1.1\r\n" HOST headers "\r\n"

/* Two servers on one loop, with one limit. */
struct pair {
    struct rig a, b;
};

static void pair_start(struct pair *p, unsigned body_ms)
{
    struct http_server_options o;
    struct err e = ERR_INIT;

    *p = (struct pair){0};
    assert_ok(secret_init(&e), &e);
    assert_ok(http_conn_limit_new(100, 100, BUDGET, NULL, 0, &p->a.limit, &e), &e);
    rig_options(&p->a, &o);
    o.conn = p->a.limit;
    o.body_ms = body_ms;
    rig_start(&p->a, &o);
    o.arg = &p->b;
    assert_ok(http_server_new(p->a.base, &o, &p->b.server, &e), &e);
    p->b.base = p->a.base;
}

static void pair_stop(struct pair *p)
{
    http_server_free(p->b.server);
    rig_stop(&p->a);
}

/* A client of this server, whichever has the listener. */
static void pair_client(struct rig *r, struct client *c)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    http_server_adopt(r->server, fds[0], 0);
    client_open_fd(r, c, fds[1]);
}

static size_t reserved(const struct pair *p)
{
    return http_conn_limit_body_bytes(p->a.limit);
}

static void send_bytes(struct client *c, size_t n)
{
    static char xs[64 * 1024];

    memset(xs, 'x', sizeof xs);
    assert_true(n <= sizeof xs);
    assert_int_equal(bufferevent_write(c->bev, xs, n), 0);
}

static void servers_share_the_budget(void **state)
{
    struct pair p;
    struct client first, second, form;

    (void)state;
    pair_start(&p, 30000);
    pair_client(&p.a, &first);
    client_send(&first, HEAD("/", "Content-Length: 60000\r\n"));
    rig_wait(&p.a, reserved(&p) == 60000); /* from the head on, whether it comes or not */

    /* the other server has none left for as much, and says so before it reads any of it */
    pair_client(&p.b, &second);
    client_send(&second, HEAD("/", "Content-Length: 60000\r\nExpect: 100-continue\r\n"));
    rig_wait(&p.b, second.closed);
    assert_true(client_has(&second, "HTTP/1.1 503 Service Unavailable\r\n"));
    assert_true(client_has(&second, "Connection: close\r\n"));
    assert_false(client_has(&second, "100 Continue"));
    assert_string_equal(p.b.last_error, "http-body-memory");
    assert_string_equal(p.b.last_event, "refused");
    assert_int_equal(rig_counters(&p.b).refused[HTTP_REFUSED_BODY_MEMORY], 1);
    assert_int_equal(rig_counters(&p.a).refused[HTTP_REFUSED_BODY_MEMORY], 0);
    assert_string_equal(http_refused_name(HTTP_REFUSED_BODY_MEMORY), "body-memory");
    assert_int_equal(p.b.handled, 0);
    assert_int_equal(reserved(&p), 60000);
    client_close(&second);

    /* what is smaller fits, and gives back what it had; what has no body needs nothing */
    pair_client(&p.b, &form);
    client_send(&form, HEAD("/echo", "Content-Length: 4\r\n") "form");
    rig_wait(&p.b, client_has(&form, "\r\n\r\nform"));
    client_send(&form, "GET / HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&p.b, client_has(&form, "hello"));
    assert_int_equal(reserved(&p), 60000);

    /* the answer makes room */
    send_bytes(&first, 60000);
    rig_wait(&p.a, client_has(&first, "hello"));
    assert_int_equal(reserved(&p), 0);
    client_send(&form, HEAD("/", "Content-Length: 60000\r\n"));
    send_bytes(&form, 60000);
    rig_wait(&p.b, client_count(&form, "hello") == 2);
    assert_int_equal(reserved(&p), 0);
    client_close(&form);
    client_close(&first);
    pair_stop(&p);
}

/* However a request ends, it gives back what it had. */
static void every_end_makes_room(void **state)
{
    struct pair p;
    struct client c;

    (void)state;
    pair_start(&p, 300);
    /* its client leaves: in the middle of the body, then before the answer */
    pair_client(&p.a, &c);
    client_send(&c, HEAD("/", "Content-Length: 50000\r\n") "half");
    rig_wait(&p.a, reserved(&p) == 50000);
    client_close(&c);
    rig_wait(&p.a, reserved(&p) == 0);
    pair_client(&p.a, &c);
    client_send(&c, HEAD("/later", "Content-Length: 4\r\n") "body");
    rig_wait(&p.a, p.a.n_handles == 1);
    assert_int_equal(reserved(&p), 4); /* held while the handler has it */
    client_close(&c);
    rig_wait(&p.a, rig_counters(&p.a).active == 0);
    assert_int_equal(reserved(&p), 0);
    /* the answer comes later */
    pair_client(&p.a, &c);
    client_send(&c, HEAD("/later", "Content-Length: 4\r\n") "body");
    rig_wait(&p.a, p.a.n_handles == 2);
    assert_int_equal(reserved(&p), 4);
    http_respond(http_request_by_handle(p.a.server, p.a.handles[1]), 200, NULL, 0, SLICE("later"));
    assert_int_equal(reserved(&p), 0);
    rig_wait(&p.a, client_has(&c, "later"));
    client_close(&c);
    /* its deadline passes */
    pair_client(&p.a, &c);
    client_send(&c, HEAD("/", "Content-Length: 50000\r\n") "half");
    rig_wait(&p.a, reserved(&p) == 50000);
    rig_wait(&p.a, client_has(&c, "408 Request Timeout"));
    assert_int_equal(reserved(&p), 0);
    client_close(&c);
    /* it is refused for what it announces, or by what it sends */
    pair_client(&p.a, &c);
    client_send(&c, HEAD("/small", "Content-Length: 11\r\n"));
    rig_wait(&p.a, client_has(&c, "413 Content Too Large"));
    client_close(&c);
    pair_client(&p.a, &c);
    client_send(&c, HEAD("/", "Transfer-Encoding: chunked\r\n") "4\r\nbody\r\n");
    rig_wait(&p.a, reserved(&p) > 0);
    client_send(&c, "none\r\n");
    rig_wait(&p.a, client_has(&c, "400 Bad Request"));
    assert_int_equal(reserved(&p), 0);
    client_close(&c);
    /* the server ends */
    pair_client(&p.b, &c);
    client_send(&c, HEAD("/", "Content-Length: 50000\r\n") "half");
    rig_wait(&p.b, reserved(&p) == 50000);
    http_server_free(p.b.server);
    p.b.server = NULL;
    assert_int_equal(reserved(&p), 0);
    client_close(&c);
    pair_stop(&p);
}

static void chunked_bodies_reserve_as_they_grow(void **state)
{
    struct pair p;
    struct client first, second;

    (void)state;
    pair_start(&p, 30000);
    pair_client(&p.a, &first);
    client_send(&first, HEAD("/echo", "Transfer-Encoding: chunked\r\n") "d000\r\n");
    rig_wait(&p.a, p.a.server && rig_counters(&p.a).active == 1);
    send_bytes(&first, 0xd000);
    rig_wait(&p.a, reserved(&p) >= 0xd000);
    assert_true(reserved(&p) < 0xe000);

    pair_client(&p.b, &second);
    client_send(&second, HEAD("/", "Transfer-Encoding: chunked\r\n") "4000\r\n");
    send_bytes(&second, 0x4000);
    rig_wait(&p.b, reserved(&p) >= 0xd000 + 0x4000);
    assert_false(second.closed);
    client_send(&second, "\r\nc000\r\n");
    send_bytes(&second, 0xc000);
    rig_wait(&p.b, second.closed);
    assert_true(client_has(&second, "503 Service Unavailable"));
    assert_string_equal(p.b.last_error, "http-body-memory");
    assert_int_equal(rig_counters(&p.b).refused[HTTP_REFUSED_BODY_MEMORY], 1);
    assert_int_equal(p.b.handled, 0);
    assert_true(reserved(&p) < 0xe000); /* the first's, untouched */
    client_close(&second);

    client_send(&first, "\r\n0\r\n\r\n");
    rig_wait(&p.a, client_has(&first, "Content-Length: 53248\r\n"));
    assert_int_equal(reserved(&p), 0);
    client_close(&first);
    pair_stop(&p);
}

/* Large bodies that are announced and never sent leave room for forms. */
static void the_last_quarter_is_for_small_bodies(void **state)
{
    struct pair p;
    struct client large[2], small, another;

    (void)state;
    pair_start(&p, 30000);
    pair_client(&p.a, &large[0]);
    client_send(&large[0], HEAD("/", "Content-Length: 60000\r\n"));
    pair_client(&p.a, &large[1]);
    client_send(&large[1], HEAD("/", "Content-Length: 38304\r\n"));
    rig_wait(&p.a, reserved(&p) == 98304); /* three quarters, to the byte */
    pair_client(&p.a, &another);
    client_send(&another, HEAD("/", "Content-Length: 32769\r\n"));
    rig_wait(&p.a, client_has(&another, "503 Service Unavailable"));
    client_close(&another);
    pair_client(&p.a, &small);
    client_send(&small, HEAD("/", "Content-Length: 32768\r\n"));
    rig_wait(&p.a, reserved(&p) == BUDGET);
    pair_client(&p.a, &another);
    client_send(&another, HEAD("/", "Content-Length: 1\r\n"));
    rig_wait(&p.a, client_has(&another, "503 Service Unavailable"));
    assert_int_equal(rig_counters(&p.a).refused[HTTP_REFUSED_BODY_MEMORY], 2);
    client_close(&another);
    client_close(&small);
    rig_wait(&p.a, reserved(&p) == 98304);
    client_close(&large[0]);
    client_close(&large[1]);
    pair_stop(&p);
}

#define ROUNDS 50000

struct taker {
    struct http_conn_limit *limit;
    size_t taken, over;
};

static void *take_and_give(void *arg)
{
    struct taker *t = arg;
    size_t held = 0;

    for (size_t i = 0; i < ROUNDS; i++) {
        if (http_conn_limit_body_take(t->limit, &held, 1 + i % 700) &&
            http_conn_limit_body_take(t->limit, &held, 600)) /* less, or more */
            t->taken++;
        t->over += http_conn_limit_body_bytes(t->limit) > 1000;
        http_conn_limit_body_give(t->limit, &held);
    }
    return NULL;
}

static void the_budget_holds_between_threads(void **state)
{
    struct http_conn_limit *limit = NULL;
    struct taker takers[2] = {0};
    pthread_t threads[2];
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(secret_init(&e), &e);
    assert_ok(http_conn_limit_new(1, 1, 1000, NULL, 0, &limit, &e), &e);
    for (size_t i = 0; i < 2; i++) {
        takers[i].limit = limit;
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &takers[i]), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(takers[i].over, 0);
    }
    /* one of them may have run wholly while the other was suspended with the budget in its hands */
    assert_true(takers[0].taken + takers[1].taken > 0);
    assert_int_equal(http_conn_limit_body_bytes(limit), 0);
    http_conn_limit_free(limit);
}

/* --- nothing is left behind --------------------------------------------------------------------------------------- */

#define PASSWORD "correct-horse-battery"
#define FORM "password=" PASSWORD

/* How many pieces of memory libevent gave back with a password in them. */
static size_t left_behind;

static void looking_free(void *p)
{
    if (p && memmem(p, malloc_usable_size(p), PASSWORD, strlen(PASSWORD)))
        left_behind++;
    free(p);
}

/* A client without libevent, whose own buffers would be looked at as well. Sends the parts one by one, each when the
 * one before has been read, and closes when `until`, in the answer, has come (NULL: at once). */
static void talk(struct rig *r, const char *const *parts, size_t n, const char *until)
{
    char answer[4096] = "";
    size_t len = 0;
    ssize_t got;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    http_server_adopt(r->server, fds[0], 0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(write(fds[1], parts[i], strlen(parts[i])), strlen(parts[i]));
        for (int k = 0; k < 10; k++)
            assert_int_not_equal(event_base_loop(r->base, EVLOOP_NONBLOCK), -1);
    }
    while (until && !strstr(answer, until)) {
        rig_turn(r);
        got = read(fds[1], answer + len, sizeof answer - 1 - len);
        len += got > 0 ? (size_t)got : 0;
        answer[len] = '\0';
        assert_int_not_equal(got, 0); /* closed without that answer */
    }
    assert_int_equal(close(fds[1]), 0);
    rig_wait(r, rig_counters(r).active == 0);
}

static void libevent_is_left_no_password(void **state)
{
    static const char head[] = HEAD("/", "Content-Length: 30\r\n");
    static const struct {
        const char *parts[3];
        const char *until;
    } talks[] = {
        {{head, FORM}, "hello"},
        {{HEAD("/", "Content-Length: 30\r\n") FORM}, "hello"},
        {{head, "password=correct", "-horse-battery"}, "hello"},
        {{HEAD("/", "Transfer-Encoding: chunked\r\n") "1e\r\n" FORM "\r\n0\r\n\r\n"}, "hello"},
        {{HEAD("/small", "Content-Length: 30\r\n") FORM}, "413 Content Too Large"},
        {{HEAD("/small", "Content-Length: 30\r\n"), FORM}, "413 Content Too Large"},
        {{HEAD("/", "Transfer-Encoding: chunked\r\n") "zz\r\n" FORM}, "400 Bad Request"},
        {{HEAD("/", "Content-Length: 60\r\n"), FORM}, NULL},
        {{"GET /later HTTP/1.1\r\n" HOST "\r\n", HEAD("/", "Content-Length: 30\r\n") FORM}, NULL}, /* read ahead */
    };
    struct http_server_options o;
    struct rig r = {0};
    struct evbuffer *own;

    (void)state;
    rig_options(&r, &o);
    rig_start(&r, &o);
    left_behind = 0;
    for (size_t i = 0; i < sizeof talks / sizeof *talks; i++) {
        size_t n = 0;

        while (n < 3 && talks[i].parts[n])
            n++;
        talk(&r, talks[i].parts, n, talks[i].until);
        if (left_behind > 0)
            fail_msg("talk %zu left its password in %zu pieces of memory", i, left_behind);
    }
    assert_int_equal(r.handled, 5);
    rig_stop(&r);
    assert_int_equal(left_behind, 0);
    /* the look itself works */
    own = evbuffer_new();
    assert_int_equal(evbuffer_add(own, FORM, strlen(FORM)), 0);
    evbuffer_free(own);
    assert_int_equal(left_behind, 1);
}

static void the_parser_keeps_no_password(void **state)
{
    static const char text[] = HEAD("/", "Content-Length: 30\r\nCookie: secret\r\n") FORM;
    struct http_request req = {0};
    struct http_parser *p = NULL;
    struct err e = ERR_INIT;
    enum http_parse_event event;
    const char *head, *body;
    size_t used;

    (void)state;
    assert_ok(http_parser_new(&req, HTTP_HEAD_MAX, HTTP_ALLOW(HTTP_METHOD_POST), &p, &e), &e);
    assert_ok(http_parser_feed(p, text, strlen(text), &used, &event, &e), &e);
    assert_int_equal(event, HTTP_PARSE_HEAD);
    assert_int_equal(used, strlen(text) - strlen(FORM));
    /* the head was copied with all that came with it; the target is its sixth byte */
    head = req.target.p - strlen("POST ");
    assert_memory_equal(head, text, used);
    assert_null(memmem(head, strlen(text), PASSWORD, strlen(PASSWORD)));
    assert_ok(http_parser_set_body_max(p, 100, &e), &e);
    assert_ok(http_parser_feed(p, text + used, strlen(FORM), &used, &event, &e), &e);
    assert_int_equal(event, HTTP_PARSE_DONE);
    assert_true(slice_is(req.body, FORM));
    /* both buffers are kept for the next request, empty */
    body = req.body.p;
    http_parser_reset(p);
    for (size_t i = 0; i < strlen(FORM); i++)
        assert_int_equal(body[i], 0);
    assert_null(memmem(head, strlen(text), "secret", 6));
    http_parser_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_share_the_budget),
        cmocka_unit_test(every_end_makes_room),
        cmocka_unit_test(chunked_bodies_reserve_as_they_grow),
        cmocka_unit_test(the_last_quarter_is_for_small_bodies),
        cmocka_unit_test(the_budget_holds_between_threads),
        cmocka_unit_test(libevent_is_left_no_password),
        cmocka_unit_test(the_parser_keeps_no_password),
    };

    event_set_mem_functions(malloc, realloc, looking_free); /* before libevent has any memory */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
