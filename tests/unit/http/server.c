/* server.c - requests and answers over real sockets: framing, order, answers given later, headers, closing, draining.
 */
#include "tests/unit/http/rig.h"

static void start_default(struct rig *r)
{
    struct http_server_options o;

    rig_options(r, &o);
    rig_start(r, &o);
}

static void answers_and_stays(void **state)
{
    struct rig r = {0};
    struct client c;
    char first_id[17];

    (void)state;
    start_default(&r);
    clock_freeze(1795533775); /* 2026-11-24T15:22:55Z */
    client_open(&r, &c);
    client_send(&c, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, client_has(&c, "hello"));
    assert_string_equal(buf_cstr(&c.in), "HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 15:22:55 GMT\r\nX-Added: first\r\n"
                                         "X-Fine: yes\r\nContent-Length: 5\r\n\r\nhello");
    assert_int_equal(strlen(r.id), 16);
    assert_int_equal(strspn(r.id, "abcdefghijklmnopqrstuvwxyz234567"), 16);
    assert_int_equal(r.peer.family, 4);
    assert_int_equal(r.peer.addr[0], 127);
    memcpy(first_id, r.id, sizeof first_id);
    buf_reset(&c.in);
    clock_freeze(1798761600); /* 2027-01-01 */
    client_send(&c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbody");
    rig_wait(&r, client_has(&c, "\r\n\r\nbody"));
    assert_false(client_has(&c, "X-Added"));
    assert_true(client_has(&c, "Date: Fri, 01 Jan 2027 00:00:00 GMT\r\n"));
    assert_string_not_equal(r.id, first_id);
    buf_reset(&c.in);
    client_send(&c, "HEAD /hello HTTP/1.1\r\n" HOST "\r\nGET /none HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, client_has(&c, "204 No Content"));
    assert_true(client_has(&c, "Content-Length: 5\r\n\r\nHTTP/1.1 204"));
    assert_int_equal(client_count(&c, "Content-Length"), 1);
    assert_false(c.closed);
    assert_int_equal(rig_counters(&r).requests, 4);
    assert_int_equal(rig_counters(&r).accepted, 1);
    assert_int_equal(rig_counters(&r).active, 1);
    client_close(&c);
    rig_wait(&r, rig_counters(&r).active == 0);
    assert_int_equal(r.reports, 0);
    clock_release();
    rig_stop(&r);
}

static void closes_when_asked(void **state)
{
    static const struct {
        const char *request;
        const char *connection; /* header of the answer, or none */
        bool closed;
    } rows[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", NULL, false},
        {"GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", "Connection: close\r\n", true},
        {"GET / HTTP/1.1\r\n" HOST "Connection: foo, Close\r\n\r\n", "Connection: close\r\n", true},
        {"GET / HTTP/1.0\r\n" HOST "\r\n", "Connection: close\r\n", true},
        {"GET / HTTP/1.0\r\n" HOST "Connection: keep-alive\r\n\r\n", "Connection: keep-alive\r\n", false},
        {"GET /close HTTP/1.1\r\n" HOST "\r\n", "Connection: close\r\n", true},
        /* what follows is not answered */
        {"GET /close HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "Connection: close\r\n", true},
    };
    struct rig r = {0};
    struct client c;

    (void)state;
    start_default(&r);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        client_open(&r, &c);
        client_send(&c, rows[i].request);
        rig_wait(&r, client_has(&c, "\r\n\r\n"));
        if (rows[i].closed)
            rig_wait(&r, c.closed);
        assert_int_equal(client_count(&c, "HTTP/1.1 "), 1);
        assert_int_equal(client_count(&c, "Connection:"), rows[i].connection != NULL);
        if (rows[i].connection)
            assert_true(client_has(&c, rows[i].connection));
        assert_int_equal(c.closed, rows[i].closed);
        client_close(&c);
    }
    rig_stop(&r);
}

static void keep_alive_has_a_limit(void **state)
{
    struct http_server_options o;
    struct rig r = {0};
    struct client c;

    (void)state;
    rig_options(&r, &o);
    o.requests_per_conn = 3;
    rig_start(&r, &o);
    client_open(&r, &c);
    for (int i = 0; i < 5; i++)
        client_send(&c, "GET / HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, c.closed);
    assert_int_equal(client_count(&c, "HTTP/1.1 200"), 3);
    assert_int_equal(client_count(&c, "Connection: close"), 1);
    client_close(&c);
    rig_stop(&r);
}

/* The last of pipelined requests is answered last, however their answers come. */
static void pipelining_keeps_order(void **state)
{
    struct rig r = {0};
    struct client c;
    struct http_request *req;

    (void)state;
    start_default(&r);
    client_open(&r, &c);
    client_send(&c, "GET /query?one HTTP/1.1\r\n" HOST "\r\nGET /later HTTP/1.1\r\n" HOST "\r\n"
                    "GET /query?three HTTP/1.1\r\n" HOST "\r\nGET /later HTTP/1.1\r\n" HOST "\r\n"
                    "GET /query?five HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, r.n_handles == 1 && client_has(&c, "one"));
    rig_turn(&r);
    assert_int_equal(r.handled, 2); /* the third waits for the second */
    req = http_request_by_handle(r.server, r.handles[0]);
    assert_non_null(req);
    http_respond(req, 200, NULL, 0, SLICE("two"));
    assert_int_equal(r.handled, 2); /* not from within http_respond() */
    assert_null(http_request_by_handle(r.server, r.handles[0]));
    rig_wait(&r, r.n_handles == 2 && client_has(&c, "three"));
    assert_null(http_request_by_handle(r.server, r.handles[0]));
    req = http_request_by_handle(r.server, r.handles[1]);
    assert_non_null(req);
    http_respond(req, 200, NULL, 0, SLICE("four"));
    rig_wait(&r, client_has(&c, "five"));
    assert_true(strstr(buf_cstr(&c.in), "one") < strstr(buf_cstr(&c.in), "two"));
    assert_true(strstr(buf_cstr(&c.in), "two") < strstr(buf_cstr(&c.in), "three"));
    assert_true(strstr(buf_cstr(&c.in), "three") < strstr(buf_cstr(&c.in), "four"));
    assert_true(strstr(buf_cstr(&c.in), "four") < strstr(buf_cstr(&c.in), "five"));
    client_close(&c);
    rig_stop(&r);
}

static void a_client_that_left_is_not_answered(void **state)
{
    struct rig r = {0};
    struct client c, other;

    (void)state;
    start_default(&r);
    client_open(&r, &c);
    client_send(&c, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, r.n_handles == 1);
    assert_non_null(http_request_by_handle(r.server, r.handles[0]));
    client_close(&c);
    rig_wait(&r, rig_counters(&r).active == 0);
    assert_null(http_request_by_handle(r.server, r.handles[0]));
    assert_int_equal(rig_counters(&r).abandoned, 1);
    /* the next connection has the same slot; its request is another */
    client_open(&r, &other);
    client_send(&other, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, r.n_handles == 2);
    assert_null(http_request_by_handle(r.server, r.handles[0]));
    assert_non_null(http_request_by_handle(r.server, r.handles[1]));
    assert_null(http_request_by_handle(r.server, 0));
    assert_null(http_request_by_handle(r.server, UINT64_MAX));
    client_close(&other);
    rig_stop(&r);
}

/* Nor does an old handle reach the next request of the same connection, half read or whole. */
static void an_answered_handle_is_spent(void **state)
{
    struct rig r = {0};
    struct client c;

    (void)state;
    start_default(&r);
    client_open(&r, &c);
    client_send(&c, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, r.n_handles == 1);
    http_respond(http_request_by_handle(r.server, r.handles[0]), 200, NULL, 0, SLICE("one"));
    assert_null(http_request_by_handle(r.server, r.handles[0]));
    client_send(&c, "GET /la");
    for (int i = 0; i < 4; i++)
        rig_turn(&r);
    assert_null(http_request_by_handle(r.server, r.handles[0]));
    client_send(&c, "ter HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, r.n_handles == 2);
    assert_null(http_request_by_handle(r.server, r.handles[0]));
    assert_non_null(http_request_by_handle(r.server, r.handles[1]));
    client_close(&c);
    rig_stop(&r);
}

static void handler_mistakes_are_500(void **state)
{
    static const char *const paths[] = {"/silent", "/bad-header", "/bad-added", "/our-header"};
    char request[128];
    struct rig r = {0};
    struct client c;

    (void)state;
    start_default(&r);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        client_open(&r, &c);
        (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST "\r\n", paths[i]);
        client_send(&c, request);
        rig_wait(&r, client_has(&c, "500 Internal Server Error\n"));
        assert_false(client_has(&c, "Set-Cookie"));
        assert_false(client_has(&c, "secret"));
        assert_string_equal(r.last_error, "internal-error");
        assert_string_equal(r.last_event, "handler");
        assert_int_equal(client_count(&c, "HTTP/1.1 "), 1);
        client_close(&c);
    }
    assert_int_equal(r.reports, 4);
    client_open(&r, &c);
    client_send(&c, "GET /twice HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, client_has(&c, "hello"));
    assert_true(client_has(&c, "first"));
    assert_false(client_has(&c, "second"));
    client_close(&c);
    rig_stop(&r);
}

struct refusal {
    const char *request;
    const char *status;
    const char *error;
    enum http_refused reason;
};

static const struct refusal refusals[] = {
    {"GET / HTTP/1.1\r\n\r\n", "400 Bad Request", "http-syntax", HTTP_REFUSED_SYNTAX},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\nGET /x HTTP/1.1\r\n" HOST "\r\n", "400 Bad Request",
     "http-syntax", HTTP_REFUSED_SYNTAX},
    {"POST / HTTP/1.1\r\n" HOST
     "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
     "400 Bad Request", "http-syntax", HTTP_REFUSED_SYNTAX},
    {"GET //evil/x HTTP/1.1\r\n" HOST "\r\n", "400 Bad Request", "http-syntax", HTTP_REFUSED_SYNTAX},
    {"PUT / HTTP/1.1\r\n" HOST "\r\n", "405 Method Not Allowed", "http-method", HTTP_REFUSED_METHOD},
    {"CONNECT a.example:80 HTTP/1.1\r\n" HOST "\r\n", "501 Not Implemented", "http-unsupported",
     HTTP_REFUSED_UNSUPPORTED},
    {"GET / HTTP/1.9\r\n" HOST "\r\n", "505 HTTP Version Not Supported", "http-version", HTTP_REFUSED_VERSION},
    {"POST /small HTTP/1.1\r\n" HOST "Content-Length: 11\r\n\r\n", "413 Content Too Large", "http-body-too-large",
     HTTP_REFUSED_BODY_SIZE},
    {"POST /small HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n", "413 Content Too Large",
     "http-body-too-large", HTTP_REFUSED_BODY_SIZE},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nExpect: more\r\n\r\n", "417 Expectation Failed",
     "http-expectation", HTTP_REFUSED_SYNTAX},
    {"POST /nowhere HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\n", "404 Not Found", "", HTTP_REFUSED_EARLY},
};

static void refusals_are_final(void **state)
{
    struct rig r = {0};
    struct client c;

    (void)state;
    start_default(&r);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        uint64_t before = rig_counters(&r).refused[refusals[i].reason];

        r.last_error[0] = '\0';
        client_open(&r, &c);
        client_send(&c, refusals[i].request);
        rig_wait(&r, c.closed);
        assert_true(client_has(&c, refusals[i].status));
        assert_true(client_has(&c, "Connection: close\r\n"));
        assert_false(c.reset);
        assert_int_equal(client_count(&c, "HTTP/1.1 "), 1); /* nothing behind it is read as a request */
        assert_int_equal(client_has(&c, "Allow: GET, HEAD, POST\r\n"), refusals[i].reason == HTTP_REFUSED_METHOD);
        assert_string_equal(r.last_error, refusals[i].error);
        assert_int_equal(rig_counters(&r).refused[refusals[i].reason], before + 1);
        assert_true(strlen(http_refused_name(refusals[i].reason)) > 0);
        client_close(&c);
    }
    assert_int_equal(r.handled, 0);
    assert_int_equal(rig_counters(&r).requests, 0);
    rig_stop(&r);
}

/* A refused client that is still sending reads the refusal before the connection ends. */
static void refused_clients_may_finish_reading(void **state)
{
    struct http_server_options o;
    struct rig r = {0};
    struct client c;

    (void)state;
    rig_options(&r, &o);
    o.linger_ms = 10 * WAIT_MS;
    rig_start(&r, &o);
    client_open(&r, &c);
    client_send(&c, "POST /small HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n");
    rig_wait(&r, c.closed);
    assert_false(c.reset);
    assert_true(client_has(&c, "413 Content Too Large"));
    assert_int_equal(rig_counters(&r).active, 1);
    client_send(&c, "the body goes on");
    rig_wait(&r, evbuffer_get_length(bufferevent_get_output(c.bev)) == 0);
    rig_turn(&r);
    assert_int_equal(rig_counters(&r).active, 1);
    client_close(&c);
    rig_wait(&r, rig_counters(&r).active == 0);
    assert_int_equal(r.handled, 0);

    /* but what it sends then is not taken without limit */
    client_open(&r, &c);
    client_send(&c, "POST /small HTTP/1.1\r\n" HOST "Content-Length: 100000000\r\n\r\n");
    assert_int_equal(bufferevent_write(c.bev, big_body().p, big_body().n), 0);
    rig_wait(&r, rig_counters(&r).accepted == 2 && rig_counters(&r).active == 0);
    client_close(&c);
    rig_stop(&r);
}

static void continue_is_sent_only_when_welcome(void **state)
{
    struct rig r = {0};
    struct client c;

    (void)state;
    start_default(&r);
    client_open(&r, &c);
    client_send(&c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    rig_wait(&r, client_has(&c, "HTTP/1.1 100 Continue\r\n\r\n"));
    assert_int_equal(r.handled, 0);
    client_send(&c, "body");
    rig_wait(&r, client_has(&c, "\r\n\r\nbody"));
    buf_reset(&c.in);
    /* the body is there already: no interim answer */
    client_send(&c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\nExpect: 100-continue\r\n\r\nmore");
    rig_wait(&r, client_has(&c, "\r\n\r\nmore"));
    assert_false(client_has(&c, "100 Continue"));
    buf_reset(&c.in);
    /* not asked for */
    client_send(&c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\n");
    for (int i = 0; i < 4; i++)
        rig_turn(&r);
    client_send(&c, "last");
    rig_wait(&r, client_has(&c, "\r\n\r\nlast"));
    assert_false(client_has(&c, "100 Continue"));
    buf_reset(&c.in);
    client_send(&c, "POST /small HTTP/1.1\r\n" HOST "Content-Length: 11\r\nExpect: 100-continue\r\n\r\n");
    rig_wait(&r, c.closed);
    assert_true(client_has(&c, "413 Content Too Large"));
    assert_false(client_has(&c, "100 Continue"));
    client_close(&c);
    rig_stop(&r);
}

static void a_large_head_is_431(void **state)
{
    struct rig r = {0};
    struct client c;
    char filler[1001];

    (void)state;
    memset(filler, 'x', sizeof filler - 1);
    filler[sizeof filler - 1] = '\0';
    start_default(&r);
    client_open(&r, &c);
    client_send(&c, "GET / HTTP/1.1\r\n" HOST "X: ");
    for (int i = 0; i < 100; i++)
        client_send(&c, filler); /* far more than is read */
    rig_wait(&r, c.closed);
    assert_true(client_has(&c, "431 Request Header Fields Too Large"));
    assert_string_equal(r.last_error, "http-head-too-large");
    assert_int_equal(rig_counters(&r).refused[HTTP_REFUSED_HEAD_SIZE], 1);
    client_close(&c);
    rig_stop(&r);
}

static void drain_done(void *arg)
{
    ((struct rig *)arg)->drained = true;
}

static void draining_finishes_what_runs(void **state)
{
    struct rig r = {0};
    struct client idle, running;

    (void)state;
    start_default(&r);
    client_open(&r, &idle);
    client_send(&idle, "GET / HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, client_has(&idle, "hello"));
    client_open(&r, &running);
    client_send(&running, "GET /later HTTP/1.1\r\n" HOST "\r\nGET / HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, r.n_handles == 1);
    http_server_drain(r.server, 4000, drain_done, &r);
    rig_wait(&r, idle.closed);
    assert_false(running.closed);
    assert_false(r.drained);
    http_respond(http_request_by_handle(r.server, r.handles[0]), 200, NULL, 0, SLICE("last"));
    assert_false(r.drained); /* never from within */
    rig_wait(&r, running.closed && r.drained);
    assert_true(client_has(&running, "Connection: close\r\n"));
    assert_int_equal(client_count(&running, "HTTP/1.1 "), 1);
    client_close(&idle);
    client_close(&running);
    rig_stop(&r);
}

static void draining_is_bounded(void **state)
{
    struct rig r = {0};
    struct client c, fresh;
    int64_t start;

    (void)state;
    start_default(&r);
    client_open(&r, &c);
    client_send(&c, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    client_open(&r, &fresh);
    rig_wait(&r, r.n_handles == 1 && rig_counters(&r).active == 2);
    start = clock_mono_ms();
    http_server_drain(r.server, 150, drain_done, &r);
    /* who has connected but not asked yet is served */
    client_send(&fresh, "GET / HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, fresh.closed);
    assert_true(client_has(&fresh, "hello"));
    assert_true(client_has(&fresh, "Connection: close\r\n"));
    rig_wait(&r, r.drained);
    assert_true(clock_mono_ms() - start >= 140);
    rig_wait(&r, c.closed);
    assert_null(http_request_by_handle(r.server, r.handles[0]));
    client_close(&c);
    client_close(&fresh);
    rig_stop(&r);
}

/* An answer on its way when draining starts is finished, and the connection closes behind it. */
static void draining_finishes_what_is_written(void **state)
{
    struct rig r = {0};
    struct client c;

    (void)state;
    start_default(&r);
    client_open(&r, &c);
    client_send(&c, "GET /big HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n");
    rig_wait(&r, r.handled == 1);
    http_server_drain(r.server, 4000, drain_done, &r);
    rig_wait(&r, c.closed && r.drained);
    assert_true(c.in.len > 16 << 20);
    assert_int_equal(r.handled, 1);
    client_close(&c);
    rig_stop(&r);
}

/* A connection that was accepted and still in the queue is served. */
static void draining_serves_the_queue(void **state)
{
    static const char request[] = "GET / HTTP/1.1\r\n" HOST "\r\n";
    struct rig r = {0};
    struct client c;
    int fds[2];

    (void)state;
    start_default(&r);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(write(fds[1], request, sizeof request - 1), sizeof request - 1);
    http_server_hand_over(r.server, fds[0], 0);
    client_open_fd(&r, &c, fds[1]);
    http_server_drain(r.server, 4000, drain_done, &r);
    rig_wait(&r, r.drained && c.closed);
    assert_true(client_has(&c, "Connection: close\r\n"));
    assert_true(client_has(&c, "hello"));
    client_close(&c);
    rig_stop(&r);
}

static void options_are_checked(void **state)
{
    struct event_base *base = event_base_new();
    struct http_server_options o;
    struct http_server *s = NULL;
    struct err e = ERR_INIT;
    struct rig r = {0};

    (void)state;
    assert_non_null(base);
    http_server_options_init(&o);
    assert_err(http_server_new(base, &o, &s, &e), &e, "internal-error");
    rig_options(&r, &o);
    o.head_max = 1 << 20;
    assert_err(http_server_new(base, &o, &s, &e), &e, "internal-error");
    o.head_max = 1024;
    o.idle_ms = 0;
    assert_err(http_server_new(base, &o, &s, &e), &e, "internal-error");
    assert_null(s);
    http_server_free(NULL);
    event_base_free(base);
    assert_string_equal(http_reason(421), "Misdirected Request");
    assert_string_equal(http_reason(299), "Unknown");
    assert_string_equal(http_method_name(HTTP_METHOD_POST), "POST");
    assert_string_equal(http_method_name(HTTP_METHOD_COUNT), "");
    for (unsigned i = 0; i < HTTP_REFUSED_COUNT; i++)
        assert_true(strlen(http_refused_name((enum http_refused)i)) > 2);
    assert_string_equal(http_refused_name(HTTP_REFUSED_COUNT), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_and_stays),
        cmocka_unit_test(closes_when_asked),
        cmocka_unit_test(keep_alive_has_a_limit),
        cmocka_unit_test(pipelining_keeps_order),
        cmocka_unit_test(a_client_that_left_is_not_answered),
        cmocka_unit_test(an_answered_handle_is_spent),
        cmocka_unit_test(handler_mistakes_are_500),
        cmocka_unit_test(refusals_are_final),
        cmocka_unit_test(refused_clients_may_finish_reading),
        cmocka_unit_test(continue_is_sent_only_when_welcome),
        cmocka_unit_test(a_large_head_is_431),
        cmocka_unit_test(draining_finishes_what_runs),
        cmocka_unit_test(draining_is_bounded),
        cmocka_unit_test(draining_finishes_what_is_written),
        cmocka_unit_test(draining_serves_the_queue),
        cmocka_unit_test(options_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
