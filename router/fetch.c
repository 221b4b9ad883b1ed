/* fetch.c - see fetch.h. */
#include "router/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

#define STATUS_LINE_MAX 512
#define CANCEL_MS 200 /* how long a stop may go unnoticed */
#define GRACE_MS 2000 /* that usher-fetch gets beyond its own timeout, to say so */

struct child {
    pid_t pid;
    int in, out; /* our ends; -1: closed */
};

int fetch_path(char *dst, size_t size, struct err *e)
{
    static const char name[] = "usher-fetch";
    ssize_t n = readlink("/proc/self/exe", dst, size);
    char *slash;

    if (n <= 0 || (size_t)n >= size)
        return err_set(e, ERR_FETCH, "the place of this program is not known");
    dst[n] = '\0';
    slash = strrchr(dst, '/');
    if (!slash || (size_t)(slash + 1 - dst) + sizeof name > size)
        return err_set(e, ERR_FETCH, "the place of this program is not known");
    memcpy(slash + 1, name, sizeof name);
    if (access(dst, X_OK) != 0)
        return err_set(e, ERR_FETCH, "%s: %s; it belongs beside usher", dst, strerror(errno));
    return 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* No descriptor but the three, no signal mask of a pool thread, no environment. */
static int spawn(const char *path, const int in[2], const int out[2], pid_t *ret, struct err *e)
{
    static char *const environment[] = {NULL};
    char *const argv[] = {(char *)(uintptr_t)path, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    int rc;

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return err_set(e, ERR_MEMORY, "usher-fetch");
    if (posix_spawnattr_init(&attr) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return err_set(e, ERR_MEMORY, "usher-fetch");
    }
    rc = posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    if (rc == 0)
        rc = posix_spawnattr_setsigmask(&attr, &none);
    if (rc == 0)
        rc = posix_spawnattr_setsigdefault(&attr, &all);
    if (rc == 0)
        rc = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (rc == 0)
        rc = posix_spawn(ret, path, &actions, &attr, argv, environment);
    (void)posix_spawnattr_destroy(&attr);
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc == 0 ? 0 : err_set(e, ERR_FETCH, "%s: %s", path, strerror(rc));
}

static int start(const char *path, struct child *c, struct err *e)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    int rc = -1;

    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        (void)err_set(e, ERR_FETCH, "pipe: %s", strerror(errno));
    else
        rc = spawn(path, in, out, &c->pid, e);
    close_fd(&in[0]);
    close_fd(&out[1]);
    if (rc != 0) {
        close_fd(&in[1]);
        close_fd(&out[0]);
        return -1;
    }
    c->in = in[1];
    c->out = out[0];
    return 0;
}

/* The request fits into a pipe, so this never waits. A child that is gone already shows in what it did not answer. */
static int send_request(struct child *c, const struct fetch_request *r, struct err *e)
{
    struct buf text;
    bool whole;

    buf_init(&text, 4096 * 2);
    buf_printf(&text, "url %s\nmax %zu\ntimeout %u\nprivate %d\n", r->url, r->body_max, r->timeout_ms,
               r->allow_private ? 1 : 0);
    if (r->ca_file)
        buf_printf(&text, "ca %s\n", r->ca_file);
    /* a line break in a value would be a line of its own */
    whole = !buf_failed(&text) && !strpbrk(r->url, "\r\n") && (!r->ca_file || !strpbrk(r->ca_file, "\r\n"));
    if (whole)
        (void)!write(c->in, buf_cstr(&text), text.len);
    buf_free(&text);
    close_fd(&c->in);
    return whole ? 0 : err_set(e, ERR_FETCH, "the URL is too long or holds a line break");
}

/* Everything up to the end of the child's output. */
static int receive(struct child *c, int64_t deadline, const atomic_bool *cancelled, struct buf *out, struct err *e)
{
    for (;;) {
        struct pollfd p = {.fd = c->out, .events = POLLIN};
        int64_t left = deadline - clock_mono_ms();
        char chunk[16384];
        ssize_t n;

        if (left <= 0)
            return err_set(e, ERR_FETCH, "usher-fetch did not end in time");
        if (cancelled && atomic_load(cancelled))
            return err_set(e, ERR_FETCH, "usher is stopping");
        if (poll(&p, 1, (int)(left < CANCEL_MS ? left : CANCEL_MS)) < 0 && errno != EINTR)
            return err_set(e, ERR_FETCH, "usher-fetch: %s", strerror(errno));
        if (p.revents == 0)
            continue;
        n = read(c->out, chunk, sizeof chunk);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return err_set(e, ERR_FETCH, "usher-fetch: %s", strerror(errno));
        buf_add(out, chunk, n > 0 ? (size_t)n : 0);
        if (buf_failed(out))
            return err_set(e, ERR_LIMIT, "usher-fetch returned more than was asked for");
    }
}

int fetch_read_answer(struct slice all, const char *url, struct arena *a, struct slice *ret, struct err *e)
{
    struct slice rest = all, line, word;
    char why[STATUS_LINE_MAX];
    uint64_t n;

    if (!slice_split(&rest, '\n', &line) || !rest.p)
        return err_set(e, ERR_FETCH, "usher-fetch ended without an answer");
    (void)slice_split(&line, ' ', &word);
    if (slice_is(word, "ok") && str_to_u64(line, all.n, &n) && n == rest.n) {
        *ret = arena_slice(a, rest);
        return ret->p ? 0 : err_set(e, ERR_MEMORY, "no room for a document of %zu octets", rest.n);
    }
    if (line.n == 0 || (!slice_is(word, "failed") && !slice_is(word, "limit")))
        return err_set(e, ERR_FETCH, "usher-fetch ended without a whole answer");
    str_cut(why, sizeof why, line);
    if (slice_is(word, "limit"))
        return err_set(e, ERR_LIMIT, "%.200s: %s", url, why);
    return err_set(e, ERR_FETCH, "%.200s: %s", url, why);
}

int fetch_run(const struct fetch_request *r, struct arena *a, struct slice *ret_body, struct err *e)
{
    struct child c = {.in = -1, .out = -1};
    char path[4096];
    struct buf out;
    int rc = -1;

    if (fetch_path(path, sizeof path, e) != 0 || start(path, &c, e) != 0)
        return -1;
    buf_init(&out, r->body_max + STATUS_LINE_MAX);
    if (send_request(&c, r, e) == 0 &&
        receive(&c, clock_mono_ms() + r->timeout_ms + GRACE_MS, r->cancelled, &out, e) == 0)
        rc = fetch_read_answer(buf_slice(&out), r->url, a, ret_body, e);
    close_fd(&c.in);
    close_fd(&c.out);
    (void)kill(c.pid, SIGKILL); /* it has answered, or it will not be listened to */
    while (waitpid(c.pid, NULL, 0) < 0 && errno == EINTR)
        ;
    buf_free(&out);
    return rc;
}
