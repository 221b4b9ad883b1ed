/*
 * hello.c - the floor for session checks: a server on bare libevent bufferevents that answers every request head with
 * the same empty 200. It reads nothing of a request but where its head ends, and times nothing out.
 *
 *   hello PORT-FILE        listens on a free port of the loopback address; ends on SIGTERM
 */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

static void on_read(struct bufferevent *bev, void *arg)
{
    struct evbuffer *in = bufferevent_get_input(bev);
    struct evbuffer_ptr end;

    (void)arg;
    while ((end = evbuffer_search(in, "\r\n\r\n", 4, NULL)).pos >= 0) {
        (void)evbuffer_drain(in, (size_t)end.pos + 4);
        (void)bufferevent_write(bev, answer, sizeof answer - 1);
    }
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)arg;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        bufferevent_free(bev);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from, int n, void *arg)
{
    struct bufferevent *bev = bufferevent_socket_new(evconnlistener_get_base(l), fd, BEV_OPT_CLOSE_ON_FREE);

    (void)from;
    (void)n;
    (void)arg;
    if (!bev) {
        (void)close(fd);
        return;
    }
    bufferevent_setcb(bev, on_read, NULL, on_event, NULL);
    (void)bufferevent_enable(bev, EV_READ | EV_WRITE);
}

static void on_term(evutil_socket_t sig, short what, void *base)
{
    (void)sig;
    (void)what;
    (void)event_base_loopbreak(base);
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    struct event_config *c = event_config_new();
    struct event_base *base;
    struct evconnlistener *l;
    struct event *term;
    FILE *f;

    (void)signal(SIGPIPE, SIG_IGN);
    if (argc != 2 || !c || event_config_set_flag(c, EVENT_BASE_FLAG_NOLOCK) != 0 ||
        !(base = event_base_new_with_config(c)))
        return 2;
    l = evconnlistener_new_bind(base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE, 1024, (struct sockaddr *)&at, sizeof at);
    term = evsignal_new(base, SIGTERM, on_term, base);
    if (!l || !term || event_add(term, NULL) != 0 ||
        getsockname(evconnlistener_get_fd(l), (struct sockaddr *)&at, &n) != 0 || !(f = fopen(argv[1], "we")))
        return 1;
    (void)fprintf(f, "%u\n", ntohs(at.sin_port));
    (void)fclose(f);
    (void)event_base_dispatch(base);
    event_free(term);
    evconnlistener_free(l);
    event_base_free(base);
    event_config_free(c);
    return 0;
}
