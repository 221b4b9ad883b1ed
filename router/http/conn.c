/*
 * conn.c - the life of one connection: phases, deadlines, reading, dispatching, writing, closing.
 *
 * Deadlines are absolute. The timer is set lazily: it may fire before the deadline (which has moved on since) and is
 * then set again, so that a busy connection costs no timer operation per request.
 */
#include "router/http/conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>

#include "base/clock.h"
#include "base/secret.h"

#define INPUT_MAX 16384        /* read ahead while a request is in progress */
#define DISCARD_MAX (4U << 20) /* from a refused client, before it is cut off */
#define REFUSE_STATUS_MIN 400
#define REFUSE_STATUS_MAX 599

/* --- phases and deadlines ----------------------------------------------------------------------------------------- */

static unsigned phase_ms(const struct conn *c, enum phase phase)
{
    const struct http_server_options *o = &c->server->o;

    switch (phase) {
    case PHASE_IDLE: return c->n_requests ? o->idle_ms : o->head_ms;
    case PHASE_HEAD: return o->head_ms;
    case PHASE_BODY: return o->body_ms;
    case PHASE_ANSWER: return o->answer_ms;
    case PHASE_WRITE: return o->write_ms;
    case PHASE_LINGER:
    case PHASE_COUNT: break;
    }
    return o->linger_ms;
}

void conn_phase(struct conn *c, enum phase phase)
{
    c->phase = (uint8_t)phase;
    /* the first head has its time from accept: with TLS, the handshake is part of it */
    if (phase != PHASE_HEAD || c->n_requests > 0)
        c->deadline_ms = clock_mono_ms() + phase_ms(c, phase);
}

void conn_enter(struct conn *c)
{
    c->busy++;
}

static void conn_free(struct conn *c);

void conn_leave(struct conn *c)
{
    struct timeval tv;
    int64_t left;

    if (--c->busy)
        return;
    if (!c->doomed && (c->timer_ms == 0 || c->deadline_ms < c->timer_ms)) {
        left = c->deadline_ms - clock_mono_ms();
        left = left > 1 ? left : 1;
        tv = (struct timeval){.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};
        if (event_add(&c->timer, &tv) == 0)
            c->timer_ms = c->deadline_ms;
        else
            c->doomed = true; /* a connection without deadline is worse than none */
    }
    if (c->doomed)
        conn_free(c);
}

void conn_doom(struct conn *c)
{
    c->doomed = true;
}

void conn_report(struct conn *c, const char *event, const struct err *e)
{
    server_report(c->server, &(struct http_report){
                                 .event = event,
                                 .err = e,
                                 .request_id = c->x ? c->x->id : "",
                                 .peer = c->peer,
                                 .tag = c->tag,
                             });
}

/* Takes n bytes out of the input. libevent would leave them in freed memory, and they hold cookies and passwords. */
static void input_drop(struct evbuffer *in, size_t n)
{
    size_t part;

    while (n > 0 && (part = evbuffer_get_contiguous_space(in)) > 0) {
        part = part < n ? part : n;
        secret_wipe(evbuffer_pullup(in, (ssize_t)part), part);
        (void)evbuffer_drain(in, part);
        n -= part;
    }
}

/* --- closing ------------------------------------------------------------------------------------------------------ */

static void tls_goodbye(struct conn *c)
{
    if (!c->ssl || c->handshake)
        return;
    /* close_notify goes out, the client's is not waited for */
    (void)SSL_shutdown(c->ssl);
    ERR_clear_error();
}

static void exchange_end(struct conn *c)
{
    c->server->slots[c->slot].generation = 0;
    if (!c->x)
        return;
    if (c->server->o.conn)
        http_conn_limit_body_give(c->server->o.conn, &c->x->body_reserved);
    server_exchange_give(c->server, c->x);
    c->x = NULL;
}

static void conn_free(struct conn *c)
{
    struct http_server *s = c->server;

    if (c->phase == PHASE_ANSWER)
        counter_add(&s->abandoned, 1);
    exchange_end(c);
    (void)event_del(&c->timer);
    LIST_REMOVE(c, list);
    server_slot_give(s, c->slot);
    if (c->phase != PHASE_LINGER)
        tls_goodbye(c);
    input_drop(bufferevent_get_input(c->bev), evbuffer_get_length(bufferevent_get_input(c->bev)));
    bufferevent_free(c->bev);
    if (c->in_limit)
        http_conn_limit_give(s->o.conn, &c->peer);
    counter_add(&s->active, (uint64_t)-1);
    free(c);
    server_conn_gone(s);
}

void conn_close_idle(struct conn *c)
{
    conn_enter(c);
    if (c->phase == PHASE_IDLE && c->n_requests > 0 && evbuffer_get_length(bufferevent_get_input(c->bev)) == 0)
        conn_doom(c);
    conn_leave(c);
}

/* Drops the connection with everything in its send buffer, which the kernel would otherwise keep for minutes. */
static void conn_abort(struct conn *c)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(bufferevent_getfd(c->bev), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    conn_doom(c);
}

/*
 * While a request is being answered, what follows it is read only up to INPUT_MAX. (Not by a watermark: over it,
 * libevent 2.1 calls back again and again as long as nothing is taken.)
 */
static void reading_pause(struct conn *c)
{
    if (c->phase > PHASE_BODY && c->phase != PHASE_LINGER &&
        evbuffer_get_length(bufferevent_get_input(c->bev)) >= INPUT_MAX) {
        (void)bufferevent_disable(c->bev, EV_READ);
        c->paused = true;
    }
}

static void reading_resume(struct conn *c)
{
    if (c->paused && bufferevent_enable(c->bev, EV_READ) != 0)
        conn_doom(c);
    c->paused = false;
}

static void discard_input(struct conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    size_t n = evbuffer_get_length(in);

    input_drop(in, n);
    if (n > DISCARD_MAX - c->discarded)
        conn_doom(c);
    else
        c->discarded += (uint32_t)n;
}

/* All is sent. Closing a socket with unread input sends a reset that can overtake the answer, so where input may exist
 * the client is told that nothing follows and gets a moment to close first. */
static void conn_shutdown(struct conn *c)
{
    if (!c->linger && evbuffer_get_length(bufferevent_get_input(c->bev)) == 0) {
        conn_doom(c);
        return;
    }
    tls_goodbye(c);
    (void)shutdown(bufferevent_getfd(c->bev), SHUT_WR);
    conn_phase(c, PHASE_LINGER);
    reading_resume(c);
    discard_input(c);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

/* Straight to the socket: in nearly all cases the kernel takes everything, which saves the loop two epoll_ctl() and a
 * round. Returns how much was taken. */
static size_t send_now(struct conn *c, struct slice head, struct slice body)
{
    union {
        const char *from;
        void *to;
    } h = {head.p}, b = {body.p}; /* struct iovec has no const */
    struct iovec iov[2] = {{h.to, head.n}, {b.to, body.n}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = body.n ? 2 : 1};
    ssize_t n;

    do {
        n = sendmsg(bufferevent_getfd(c->bev), &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
        conn_doom(c);
    return n > 0 ? (size_t)n : 0;
}

void conn_send(struct conn *c, struct slice head, struct slice body)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);
    size_t done = 0;

    if (!c->ssl && evbuffer_get_length(out) == 0)
        done = send_now(c, head, body);
    if (c->doomed)
        return;
    if (done < head.n && bufferevent_write(c->bev, head.p + done, head.n - done) != 0)
        conn_doom(c);
    done = done > head.n ? done - head.n : 0;
    if (done < body.n && bufferevent_write(c->bev, body.p + done, body.n - done) != 0)
        conn_doom(c);
}

static void conn_written(struct conn *c)
{
    if (c->close_after || c->server->draining) {
        conn_shutdown(c);
    } else {
        conn_phase(c, PHASE_IDLE);
        reading_resume(c);
    }
}

void conn_answered(struct conn *c)
{
    exchange_end(c);
    conn_phase(c, PHASE_WRITE);
    if (c->doomed || evbuffer_get_length(bufferevent_get_output(c->bev)) > 0)
        return;
    conn_written(c);
    /* the next pipelined request, not from within whoever called http_respond() */
    if (c->phase == PHASE_IDLE && !c->processing && evbuffer_get_length(bufferevent_get_input(c->bev)) > 0)
        bufferevent_trigger(c->bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

/* The body is going to have n bytes, as far as is known. */
static int body_reserve(struct conn *c, size_t n, struct err *e)
{
    struct http_conn_limit *limit = c->server->o.conn;

    if (!limit || http_conn_limit_body_take(limit, &c->x->body_reserved, n))
        return 0;
    return err_set(e, ERR_HTTP_BODY_MEMORY, "no room for %zu bytes of body: requests in progress hold %zu", n,
                   http_conn_limit_body_bytes(limit));
}

/* The head is known: how much body may follow? */
static void conn_head(struct conn *c)
{
    static const struct slice go_on = {"HTTP/1.1 100 Continue\r\n\r\n", 25};
    struct http_server *s = c->server;
    struct err e = ERR_INIT;
    size_t max = s->o.body_limit ? s->o.body_limit(&c->x->req, s->o.arg) : s->o.body_max;

    if (max >= HTTP_REFUSE(REFUSE_STATUS_MAX) && max <= HTTP_REFUSE(REFUSE_STATUS_MIN)) {
        server_count_refused(s, HTTP_REFUSED_EARLY);
        c->close_after = true;
        c->linger = true;
        http_respond_status(&c->x->req, (int)(SIZE_MAX - max));
        return;
    }
    if (http_parser_set_body_max(c->x->parser, max, &e) != 0 ||
        body_reserve(c, (size_t)http_parser_framing(c->x->parser)->content_length, &e) != 0) {
        conn_refuse(c, &e);
        return;
    }
    conn_phase(c, PHASE_BODY);
    if (http_parser_framing(c->x->parser)->expect_continue && evbuffer_get_length(bufferevent_get_input(c->bev)) == 0)
        conn_send(c, go_on, slice_make("", 0));
}

static void conn_dispatch(struct conn *c)
{
    struct http_server *s = c->server;
    struct exchange *x = c->x;
    struct err e = ERR_INIT;

    c->n_requests++;
    if (!http_parser_keep_alive(x->parser) || c->n_requests >= s->o.requests_per_conn || s->draining)
        c->close_after = true;
    s->slots[c->slot].generation = ++s->generation;
    counter_add(&s->requests, 1);
    conn_phase(c, PHASE_ANSWER);
    s->o.handle(&x->req, s->o.arg);
    if (c->x != x || x->pended)
        return; /* answered, or will be */
    (void)err_set(&e, ERR_INTERNAL, "the handler of %s neither answered nor kept the request",
                  http_method_name(x->req.method));
    conn_report(c, "handler", &e);
    http_respond_status(&x->req, err_http_status(e.code));
}

/* Takes on a request that begins. */
static bool exchange_begin(struct conn *c)
{
    c->x = server_exchange_take(c->server);
    if (!c->x)
        return false;
    c->x->conn = c;
    c->x->req.peer = c->peer;
    c->x->req.tag = c->tag;
    c->x->req.tls = c->ssl != NULL;
    conn_phase(c, PHASE_HEAD);
    return true;
}

/* Gives the parser the first n bytes of the input. A body of unknown length reserves what it grows by before that. */
static int conn_feed(struct conn *c, size_t n, enum http_parse_event *ret, struct err *e)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    struct http_parser *p = c->x->parser;
    size_t used;
    int r;

    if (c->phase == PHASE_BODY && http_parser_framing(p)->chunked &&
        body_reserve(c, http_parser_body_len(p) + n, e) != 0)
        return -1;
    r = http_parser_feed(p, (const char *)evbuffer_pullup(in, (ssize_t)n), n, &used, ret, e);
    input_drop(in, used); /* the request borrows from the parser, not from here */
    return r;
}

static void conn_process(struct conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    enum http_parse_event event;
    struct err e = ERR_INIT;
    size_t n;

    c->processing = true;
    while (!c->doomed && c->phase <= PHASE_BODY && (n = evbuffer_get_contiguous_space(in)) > 0) {
        if (!c->x && !exchange_begin(c)) {
            conn_doom(c); /* no memory */
            break;
        }
        if (conn_feed(c, n, &event, &e) != 0)
            conn_refuse(c, &e);
        else if (event == HTTP_PARSE_HEAD)
            conn_head(c);
        else if (event == HTTP_PARSE_DONE)
            conn_dispatch(c);
    }
    c->processing = false;
    if (!c->doomed && c->phase == PHASE_LINGER)
        discard_input(c);
    reading_pause(c);
}

/* --- libevent's callbacks ----------------------------------------------------------------------------------------- */

static void on_read(struct bufferevent *bev, void *arg)
{
    struct conn *c = arg;

    (void)bev;
    conn_enter(c);
    conn_process(c);
    conn_leave(c);
}

/* The output has drained. */
static void on_write(struct bufferevent *bev, void *arg)
{
    struct conn *c = arg;

    conn_enter(c);
    if (c->phase == PHASE_WRITE && evbuffer_get_length(bufferevent_get_output(bev)) == 0) {
        conn_written(c);
        conn_process(c);
    }
    conn_leave(c);
}

static void handshake_failed(struct conn *c)
{
    unsigned long code = bufferevent_get_openssl_error(c->bev), next = code;
    struct err e = ERR_INIT;

    server_count_refused(c->server, HTTP_REFUSED_TLS);
    while (next)
        next = bufferevent_get_openssl_error(c->bev);
    if (code == 0)
        return; /* a port scan, or a balancer that only connects */
    (void)err_set(&e, ERR_TLS_HANDSHAKE, "TLS handshake: %s", ERR_reason_error_string(code));
    conn_report(c, "tls", &e);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct conn *c = arg;

    (void)bev;
    conn_enter(c);
    if (what & BEV_EVENT_CONNECTED) {
        c->handshake = false;
    } else if ((what & BEV_EVENT_EOF) && c->phase == PHASE_WRITE) {
        c->close_after = true; /* it may have closed its sending side only; it gets the rest of the answer */
    } else {
        if (c->handshake)
            handshake_failed(c);
        conn_doom(c);
    }
    conn_leave(c);
}

static void conn_expire(struct conn *c)
{
    struct err e = ERR_INIT;

    switch ((enum phase)c->phase) {
    case PHASE_IDLE:
        if (c->n_requests == 0)
            server_count_refused(c->server, HTTP_REFUSED_TIMEOUT);
        conn_doom(c);
        break;
    case PHASE_HEAD:
    case PHASE_BODY:
        (void)err_set(&e, ERR_HTTP_TIMEOUT, "the request was not complete within its deadline (%s)",
                      c->phase == PHASE_HEAD ? "head" : "body");
        conn_refuse(c, &e);
        break;
    case PHASE_ANSWER:
        (void)err_set(&e, ERR_HTTP_ANSWER, "no answer to %s %.*s within %u ms", http_method_name(c->x->req.method),
                      SLICE_ARG(c->x->req.path), c->server->o.answer_ms);
        conn_refuse(c, &e);
        break;
    case PHASE_WRITE:
        server_count_refused(c->server, HTTP_REFUSED_WRITE);
        (void)err_set(&e, ERR_HTTP_TIMEOUT, "the client did not take its answer within %u ms", c->server->o.write_ms);
        conn_report(c, "deadline", &e);
        conn_abort(c);
        break;
    case PHASE_LINGER:
    case PHASE_COUNT: conn_doom(c); break;
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;

    (void)fd;
    (void)what;
    conn_enter(c);
    c->timer_ms = 0;
    if (clock_mono_ms() >= c->deadline_ms)
        conn_expire(c);
    conn_leave(c);
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static bool limit_take(struct http_server *s, const struct netaddr *peer, uint32_t tag)
{
    struct err e = ERR_INIT;

    switch (http_conn_limit_take(s->o.conn, peer)) {
    case HTTP_LIMIT_OK: return true;
    case HTTP_LIMIT_TOTAL:
        server_count_refused(s, HTTP_REFUSED_CONNECTIONS);
        (void)err_set(&e, ERR_HTTP_CONNECTIONS, "too many connections");
        break;
    case HTTP_LIMIT_ADDRESS:
        server_count_refused(s, HTTP_REFUSED_ADDRESS);
        (void)err_set(&e, ERR_HTTP_CONNECTIONS, "too many connections from one address");
        break;
    }
    server_report(s, &(struct http_report){.event = "refused", .err = &e, .request_id = "", .peer = *peer, .tag = tag});
    return false;
}

/* Does not take the descriptor unless it returns a bufferevent, which then closes it. */
static struct bufferevent *new_bufferevent(struct http_server *s, int fd, uint32_t tag, SSL **ret_ssl)
{
    struct bufferevent *bev;
    SSL *ssl;

    *ret_ssl = NULL;
    if (!s->tls[tag])
        return bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
    ssl = SSL_new(s->tls[tag]);
    if (!ssl)
        return NULL;
    bev = bufferevent_openssl_socket_new(s->base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    if (!bev) {
        SSL_free(ssl);
        return NULL;
    }
    /* a message is framed by itself; an end without close_notify is an end like any other */
    bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    *ret_ssl = ssl;
    return bev;
}

void conn_open(struct http_server *s, int fd, uint32_t tag)
{
    struct sockaddr_storage ss = {0};
    socklen_t len = sizeof ss;
    struct netaddr peer = {0};
    struct conn *c = NULL;
    bool in_limit = false;

    if (s->stopped || tag >= HTTP_TAG_MAX || getpeername(fd, (struct sockaddr *)&ss, &len) != 0)
        goto fail;
    netaddr_from_sockaddr((struct sockaddr *)&ss, &peer);
    if (s->o.conn && !limit_take(s, &peer, tag))
        goto fail;
    in_limit = s->o.conn != NULL;
    c = calloc(1, sizeof *c);
    if (!c || evutil_make_socket_nonblocking(fd) != 0 || server_slot_take(s, c) != 0)
        goto fail;
    c->bev = new_bufferevent(s, fd, tag, &c->ssl);
    if (!c->bev) {
        server_slot_give(s, c->slot);
        goto fail;
    }
    c->server = s;
    c->tag = tag;
    c->peer = peer;
    c->in_limit = in_limit;
    c->handshake = c->ssl != NULL;
    LIST_INSERT_HEAD(&s->conns, c, list);
    counter_add(&s->accepted, 1);
    counter_add(&s->active, 1);
    conn_enter(c);
    bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
    conn_phase(c, PHASE_IDLE);
    /* writing is enabled as it is; to say so would poll for it once */
    if (evtimer_assign(&c->timer, s->base, on_timer, c) != 0 || bufferevent_enable(c->bev, EV_READ) != 0)
        conn_doom(c);
    conn_leave(c);
    return;
fail:
    if (in_limit)
        http_conn_limit_give(s->o.conn, &peer);
    free(c);
    (void)close(fd);
}
