/* listen.c - listening sockets, and the acceptor that spreads connections over the servers. */
#include "router/http/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTENERS_MAX 16
#define ACCEPT_BURST 64 /* then other events have a turn */
#define SHED_BURST 16   /* waiting clients told by closing, each time descriptors ran out */
#define PAUSE_MS 100    /* until accepting is tried again */

/* --- sockets ------------------------------------------------------------------------------------------------------ */

/* A socket file that nobody listens on is left over from a crash; any other file is not ours to remove. */
static int unix_path_clear(const struct sockaddr_un *un, struct err *e)
{
    struct stat st;
    int fd, refused;

    if (lstat(un->sun_path, &st) != 0)
        return errno == ENOENT ? 0 : err_set(e, ERR_LISTEN, "unix:%s: %s", un->sun_path, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return err_set(e, ERR_LISTEN, "unix:%s exists and is not a socket", un->sun_path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(e, ERR_LISTEN, "unix:%s: socket: %s", un->sun_path, strerror(errno));
    refused = connect(fd, (const struct sockaddr *)un, sizeof *un) != 0 && errno == ECONNREFUSED;
    (void)close(fd);
    if (!refused)
        return err_set(e, ERR_LISTEN, "unix:%s is in use", un->sun_path);
    if (unlink(un->sun_path) != 0)
        return err_set(e, ERR_LISTEN, "unix:%s: unlink: %s", un->sun_path, strerror(errno));
    return 0;
}

static int to_sockaddr(const struct listen_addr *a, struct sockaddr_storage *ss, socklen_t *ret_len, struct err *e)
{
    struct sockaddr_un *un = (struct sockaddr_un *)ss;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)ss;
    struct sockaddr_in *four = (struct sockaddr_in *)ss;

    *ss = (struct sockaddr_storage){0};
    if (a->is_unix) {
        un->sun_family = AF_UNIX;
        if (!str_copy(un->sun_path, sizeof un->sun_path, slice_of(a->path)))
            return err_set(e, ERR_LISTEN, "the path of a Unix socket is longer than %zu octets",
                           sizeof un->sun_path - 1);
        *ret_len = sizeof *un;
    } else if (a->ip.family == 6) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(a->port);
        memcpy(&six->sin6_addr, a->ip.addr, 16);
        *ret_len = sizeof *six;
    } else if (a->ip.family == 4) {
        four->sin_family = AF_INET;
        four->sin_port = htons(a->port);
        memcpy(&four->sin_addr, a->ip.addr, 4);
        *ret_len = sizeof *four;
    } else {
        return err_set(e, ERR_LISTEN, "no address to listen on");
    }
    return 0;
}

static void describe(const struct listen_addr *a, char dst[160])
{
    char ip[48];

    if (a->is_unix) {
        (void)snprintf(dst, 160, "unix:%s", a->path);
        return;
    }
    netaddr_format(&a->ip, ip);
    (void)snprintf(dst, 160, a->ip.family == 6 ? "[%s]:%u" : "%s:%u", ip, (unsigned)a->port);
}

static int real_port(int fd, uint16_t *ret)
{
    struct sockaddr_storage ss = {0};
    socklen_t len = sizeof ss;

    if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
        return -1;
    *ret = 0;
    if (ss.ss_family == AF_INET)
        *ret = ntohs(((struct sockaddr_in *)&ss)->sin_port);
    else if (ss.ss_family == AF_INET6)
        *ret = ntohs(((struct sockaddr_in6 *)&ss)->sin6_port);
    return 0;
}

int http_listen(const struct listen_addr *addr, int backlog, int *ret_fd, uint16_t *ret_port, struct err *e)
{
    struct sockaddr_storage ss;
    char name[160];
    socklen_t len = 0;
    uint16_t port;
    int fd = -1, on = 1;

    if (to_sockaddr(addr, &ss, &len, e) != 0)
        return -1;
    if (addr->is_unix && unix_path_clear((struct sockaddr_un *)&ss, e) != 0)
        return -1;
    describe(addr, name);
    fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(e, ERR_LISTEN, "%s: socket: %s", name, strerror(errno));
    if ((!addr->is_unix && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) ||
        (ss.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) ||
        bind(fd, (struct sockaddr *)&ss, len) != 0 || listen(fd, backlog) != 0 || real_port(fd, &port) != 0) {
        (void)err_set(e, ERR_LISTEN, "%s: %s", name, strerror(errno));
        (void)close(fd);
        return -1;
    }
    /* as open as a loopback port, whatever the umask: the proxy runs as somebody else; the folder is what keeps others
     * out */
    if (addr->is_unix && chmod(addr->path, 0666) != 0) {
        (void)err_set(e, ERR_LISTEN, "%s: %s", name, strerror(errno));
        (void)close(fd);
        return -1;
    }
    *ret_fd = fd;
    *ret_port = port;
    return 0;
}

/* --- acceptor ----------------------------------------------------------------------------------------------------- */

struct listener {
    struct http_acceptor *acceptor;
    struct event *event;
    int fd;
    uint32_t tag;
};

struct http_acceptor {
    struct event_base *base;
    struct http_server **servers;
    size_t n_servers, next; /* whose turn it is among equals */
    uint64_t *load;         /* scratch: connections per server during a burst */
    struct listener listeners[LISTENERS_MAX];
    size_t n_listeners;
    struct event *resume;
    int spare; /* a descriptor to give up when there are no others */
    uint64_t pauses;
};

static int spare_open(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void acceptor_resume(evutil_socket_t fd, short what, void *arg)
{
    struct http_acceptor *a = arg;

    (void)fd;
    (void)what;
    if (a->spare < 0)
        a->spare = spare_open();
    for (size_t i = 0; i < a->n_listeners; i++)
        (void)event_add(a->listeners[i].event, NULL);
}

/* With no descriptors left, a ready listener would keep the loop spinning and its clients waiting. */
static void acceptor_pause(struct http_acceptor *a, struct listener *l, int why)
{
    static const struct timeval pause = {.tv_sec = 0, .tv_usec = PAUSE_MS * 1000};
    struct err e = ERR_INIT;
    int fd;

    a->pauses++;
    for (size_t i = 0; i < a->n_listeners; i++)
        (void)event_del(a->listeners[i].event);
    (void)event_add(a->resume, &pause);
    for (int i = 0; i < SHED_BURST && a->spare >= 0; i++) {
        (void)close(a->spare);
        fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            (void)close(fd);
        a->spare = spare_open();
        if (fd < 0)
            break;
    }
    (void)err_set(&e, ERR_HTTP_CONNECTIONS, "accepting connections pauses for %d ms: %s", PAUSE_MS, strerror(why));
    server_report(a->servers[0], &(struct http_report){.event = "accept", .err = &e, .request_id = "", .tag = l->tag});
}

/* The server with the fewest connections; equals take turns. */
static size_t choose(struct http_acceptor *a)
{
    size_t best = a->next % a->n_servers;

    for (size_t i = 1; i < a->n_servers; i++) {
        size_t k = (a->next + i) % a->n_servers;

        if (a->load[k] < a->load[best])
            best = k;
    }
    a->next = best + 1;
    a->load[best]++;
    return best;
}

static void on_accept(evutil_socket_t listening, short what, void *arg)
{
    struct listener *l = arg;
    struct http_acceptor *a = l->acceptor;
    struct http_server *s;
    int fd;

    (void)what;
    for (size_t i = 0; i < a->n_servers; i++)
        a->load[i] = atomic_load_explicit(&a->servers[i]->active, memory_order_relaxed);
    for (int i = 0; i < ACCEPT_BURST; i++) {
        fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            s = a->servers[choose(a)];
            if (s->base == a->base)
                http_server_adopt(s, fd, l->tag);
            else
                http_server_hand_over(s, fd, l->tag);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            acceptor_pause(a, l, errno);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return; /* EAGAIN: all are accepted. Anything else the loop finds again. */
        }
    }
}

int http_acceptor_new(struct event_base *base, struct http_server *const *servers, size_t n_servers,
                      struct http_acceptor **ret, struct err *e)
{
    struct http_acceptor *a = calloc(1, sizeof *a);

    if (!a)
        return err_set(e, ERR_MEMORY, "no memory for an acceptor");
    a->base = base;
    a->spare = spare_open();
    a->servers = calloc(n_servers ? n_servers : 1, sizeof *a->servers);
    a->load = calloc(n_servers ? n_servers : 1, sizeof *a->load);
    a->resume = evtimer_new(base, acceptor_resume, a);
    if (a->spare < 0)
        (void)err_set(e, ERR_IO, "/dev/null: %s", strerror(errno));
    else if (!a->servers || !a->load || !a->resume)
        (void)err_set(e, ERR_MEMORY, "no memory for an acceptor");
    else if (n_servers == 0)
        (void)err_set(e, ERR_INTERNAL, "an acceptor without servers");
    if (e->code) {
        http_acceptor_free(a);
        return -1;
    }
    memcpy(a->servers, servers, n_servers * sizeof *servers);
    a->n_servers = n_servers;
    *ret = a;
    return 0;
}

int http_acceptor_add(struct http_acceptor *a, int fd, uint32_t tag, struct err *e)
{
    struct listener *l = &a->listeners[a->n_listeners];
    int on = 1;

    if (a->n_listeners == LISTENERS_MAX || tag >= HTTP_TAG_MAX) {
        (void)close(fd);
        return err_set(e, ERR_INTERNAL, "more than %d listening sockets, or a tag over %d", LISTENERS_MAX,
                       HTTP_TAG_MAX - 1);
    }
    /* accepted sockets inherit it; a Unix socket has no such option */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    *l = (struct listener){.acceptor = a, .fd = fd, .tag = tag};
    l->event =
        evutil_make_socket_nonblocking(fd) == 0 ? event_new(a->base, fd, EV_READ | EV_PERSIST, on_accept, l) : NULL;
    if (!l->event || event_add(l->event, NULL) != 0) {
        if (l->event)
            event_free(l->event);
        (void)close(fd);
        return err_set(e, ERR_MEMORY, "no event for a listening socket");
    }
    a->n_listeners++;
    return 0;
}

uint64_t http_acceptor_pauses(const struct http_acceptor *a)
{
    return a->pauses;
}

void http_acceptor_free(struct http_acceptor *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->n_listeners; i++) {
        event_free(a->listeners[i].event);
        (void)close(a->listeners[i].fd);
    }
    if (a->resume)
        event_free(a->resume);
    if (a->spare >= 0)
        (void)close(a->spare);
    free(a->servers);
    free(a->load);
    free(a);
}
