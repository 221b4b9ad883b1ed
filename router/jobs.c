/* jobs.c - see jobs.h. The shape is Redis' bio.c with Tor's reply queue: no library does it for a libevent loop. */
#include "router/jobs.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct jobs_pool {
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct job *head, **tail;
    size_t waiting, queue_max, nthreads;
    bool stopping;
    pthread_t threads[];
};

struct jobs_reply {
    pthread_mutex_t mutex;
    struct job *head, **tail;
    int fd; /* eventfd */
    struct event *event;
};

static void reply_push(struct jobs_reply *r, struct job *j)
{
    const uint64_t one = 1;
    bool was_empty;

    j->next = NULL;
    pthread_mutex_lock(&r->mutex);
    was_empty = r->head == NULL;
    *r->tail = j;
    r->tail = &j->next;
    pthread_mutex_unlock(&r->mutex);
    /* an eventfd counter cannot be full here: one write per batch */
    if (was_empty)
        (void)!write(r->fd, &one, sizeof one);
}

static struct job *reply_take_all(struct jobs_reply *r)
{
    struct job *all;

    pthread_mutex_lock(&r->mutex);
    all = r->head;
    r->head = NULL;
    r->tail = &r->head;
    pthread_mutex_unlock(&r->mutex);
    return all;
}

static void run_done(struct job *all)
{
    while (all) {
        struct job *next = all->next;

        all->done(all);
        all = next;
    }
}

static void on_reply(evutil_socket_t fd, short what, void *arg)
{
    struct jobs_reply *r = arg;
    uint64_t count;

    (void)what;
    (void)!read(fd, &count, sizeof count);
    run_done(reply_take_all(r));
}

int jobs_reply_new(struct event_base *base, struct jobs_reply **ret, struct err *e)
{
    struct jobs_reply *r = calloc(1, sizeof *r);

    if (!r)
        return err_set(e, ERR_MEMORY, "reply queue");
    pthread_mutex_init(&r->mutex, NULL);
    r->tail = &r->head;
    r->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    r->event = r->fd >= 0 ? event_new(base, r->fd, EV_READ | EV_PERSIST, on_reply, r) : NULL;
    if (!r->event || event_add(r->event, NULL) != 0) {
        jobs_reply_free(r);
        return err_set(e, ERR_INTERNAL, "reply queue: %s", strerror(errno));
    }
    *ret = r;
    return 0;
}

void jobs_reply_free(struct jobs_reply *r)
{
    if (!r)
        return;
    run_done(reply_take_all(r));
    if (r->event)
        event_free(r->event);
    if (r->fd >= 0)
        (void)close(r->fd);
    pthread_mutex_destroy(&r->mutex);
    free(r);
}

static void *thread_main(void *arg)
{
    struct jobs_pool *p = arg;

    for (;;) {
        struct job *j;

        pthread_mutex_lock(&p->mutex);
        while (!p->head && !p->stopping)
            pthread_cond_wait(&p->wake, &p->mutex);
        j = p->head;
        if (!j) { /* stopping, and the queue is empty */
            pthread_mutex_unlock(&p->mutex);
            return NULL;
        }
        p->head = j->next;
        if (!p->head)
            p->tail = &p->head;
        p->waiting--;
        pthread_mutex_unlock(&p->mutex);
        if (j->run(j)) /* else it belongs to another pool by now */
            reply_push(j->reply, j);
    }
}

int jobs_pool_new(const char *name, size_t threads, size_t queue_max, struct jobs_pool **ret, struct err *e)
{
    struct jobs_pool *p = calloc(1, sizeof *p + threads * sizeof p->threads[0]);
    sigset_t all, old;
    int rc = 0;

    if (!p)
        return err_set(e, ERR_MEMORY, "thread pool '%s'", name);
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->tail = &p->head;
    p->queue_max = queue_max;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (rc == 0 && p->nthreads < threads) {
        rc = pthread_create(&p->threads[p->nthreads], NULL, thread_main, p);
        if (rc == 0) {
            (void)pthread_setname_np(p->threads[p->nthreads], name);
            p->nthreads++;
        }
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0) {
        jobs_pool_free(p);
        return err_set(e, ERR_INTERNAL, "thread pool '%s': %s", name, strerror(rc));
    }
    *ret = p;
    return 0;
}

void jobs_pool_free(struct jobs_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->mutex);
    p->stopping = true;
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->mutex);
    for (size_t i = 0; i < p->nthreads; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->mutex);
    free(p);
}

int jobs_submit(struct jobs_pool *p, struct job *j, struct err *e)
{
    int r = 0;

    j->next = NULL;
    pthread_mutex_lock(&p->mutex);
    if (p->stopping || p->waiting >= p->queue_max) {
        r = err_set(e, ERR_BUSY, "%zu jobs are waiting already", p->waiting);
    } else {
        *p->tail = j;
        p->tail = &j->next;
        p->waiting++;
        pthread_cond_signal(&p->wake);
    }
    pthread_mutex_unlock(&p->mutex);
    return r;
}

size_t jobs_waiting(struct jobs_pool *p)
{
    size_t n;

    pthread_mutex_lock(&p->mutex);
    n = p->waiting;
    pthread_mutex_unlock(&p->mutex);
    return n;
}
