/* audit_pool.c - see audit_pool.h. */
#include "cli/audit_pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#define UNDER_WAY 16 /* documents in one worker: it is not to wait for us */
#define SLOTS_PER_THREAD (2 * UNDER_WAY)
/* Of XML in the ring, per thread: what is known of a document takes a multiple of it. */
#define OCTETS_PER_THREAD ((size_t)1024 * 1024)

struct slot {
    struct audit_examination examination; /* first */
    bool ready;
};

struct audit_pool {
    struct audit_pool_options o;
    pthread_mutex_t lock;
    pthread_cond_t work, ready;
    struct slot *slots;
    size_t nslots, octets;
    uint64_t first, next,
        end; /* first: not given to done() yet; next: for a thread to take; end: free. Modulo nslots. */
    bool stop;
    struct thread {
        pthread_t id;
        bool running;
        struct audit_pool *pool;
        struct audit_examiner *examiner;
    } * threads;
};

static struct slot *slot(struct audit_pool *p, uint64_t i)
{
    return &p->slots[i % p->nslots];
}

static void on_examined(struct audit_examination *n)
{
    struct audit_pool *p = n->arg;

    (void)pthread_mutex_lock(&p->lock);
    ((struct slot *)n)->ready = true;
    (void)pthread_cond_signal(&p->ready);
    (void)pthread_mutex_unlock(&p->lock);
}

/* Begins with what is a thread's share of what waits, and leaves the rest to the others. Locked. */
static void take(struct thread *t)
{
    struct audit_pool *p = t->pool;
    uint64_t share = (p->end - p->next + p->o.threads - 1) / p->o.threads;

    for (; share > 0 && p->next < p->end && audit_examiner_under_way(t->examiner) < UNDER_WAY; share--) {
        struct slot *s = slot(p, p->next++);

        (void)pthread_mutex_unlock(&p->lock);
        audit_examine(t->examiner, &s->examination);
        (void)pthread_mutex_lock(&p->lock);
    }
}

static void *run(void *arg)
{
    struct thread *t = arg;
    struct audit_pool *p = t->pool;

    (void)pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        take(t);
        if (audit_examiner_under_way(t->examiner) > 0) {
            (void)pthread_mutex_unlock(&p->lock);
            audit_examiner_wait(t->examiner);
            (void)pthread_mutex_lock(&p->lock);
        } else if (p->next == p->end && !p->stop) {
            (void)pthread_cond_wait(&p->work, &p->lock);
        }
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void empty(struct audit_pool *p, struct slot *s)
{
    struct audit_document *d = s->examination.document;

    p->octets -= d->xml.len;
    audit_result_free(&s->examination.result);
    audit_document_free(d);
    *s = (struct slot){.ready = false};
}

static bool has_room(const struct audit_pool *p)
{
    return p->end - p->first < p->nslots && p->octets < p->o.threads * OCTETS_PER_THREAD;
}

/* Gives away what is ready in front. Waits until there is room, or until all is given. Locked. */
static void give(struct audit_pool *p, bool all)
{
    while (p->first < p->end) {
        struct slot *s = slot(p, p->first);

        if (!s->ready) {
            if (!all && has_room(p))
                return;
            (void)pthread_cond_wait(&p->ready, &p->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&p->lock); /* the threads go on while it is printed */
        p->o.done(p->o.arg, s->examination.document, &s->examination.result);
        (void)pthread_mutex_lock(&p->lock);
        empty(p, s);
        p->first++;
    }
}

void audit_pool_add(struct audit_pool *p, struct audit_document *d)
{
    struct slot *s;

    (void)pthread_mutex_lock(&p->lock);
    give(p, false);
    s = slot(p, p->end++);
    s->examination.document = d;
    s->examination.done = on_examined;
    s->examination.arg = p;
    p->octets += d->xml.len;
    (void)pthread_cond_signal(&p->work);
    (void)pthread_mutex_unlock(&p->lock);
}

void audit_pool_drain(struct audit_pool *p)
{
    (void)pthread_mutex_lock(&p->lock);
    give(p, true);
    (void)pthread_mutex_unlock(&p->lock);
}

void audit_pool_free(struct audit_pool *p)
{
    if (!p)
        return;
    (void)pthread_mutex_lock(&p->lock);
    p->stop = true;
    (void)pthread_cond_broadcast(&p->work);
    (void)pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; p->threads && i < p->o.threads; i++) {
        if (p->threads[i].running)
            (void)pthread_join(p->threads[i].id, NULL);
        audit_examiner_free(p->threads[i].examiner);
    }
    for (; p->first < p->end; p->first++)
        empty(p, slot(p, p->first));
    (void)pthread_cond_destroy(&p->work);
    (void)pthread_cond_destroy(&p->ready);
    (void)pthread_mutex_destroy(&p->lock);
    free(p->threads);
    free(p->slots);
    free(p);
}

/* Signals are for the thread that can act on them. */
static int start(struct thread *t, struct err *e)
{
    sigset_t all, before;
    int rc;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&t->id, NULL, run, t);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    t->running = rc == 0;
    return rc == 0 ? 0 : err_set(e, ERR_MEMORY, "a thread cannot be started: %s", strerror(rc));
}

int audit_pool_new(const struct audit_pool_options *o, struct audit_pool **ret, struct err *e)
{
    struct audit_pool *p = calloc(1, sizeof *p);

    if (!p)
        return err_set(e, ERR_MEMORY, "no memory for the audit");
    p->o = *o;
    p->nslots = o->threads * SLOTS_PER_THREAD;
    p->slots = calloc(p->nslots, sizeof *p->slots);
    p->threads = calloc(o->threads, sizeof *p->threads);
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->work, NULL);
    (void)pthread_cond_init(&p->ready, NULL);
    if (!p->slots || !p->threads) {
        (void)err_set(e, ERR_MEMORY, "no memory for the audit");
        goto fail;
    }
    for (size_t i = 0; i < o->threads; i++) {
        struct thread *t = &p->threads[i];

        t->pool = p;
        if (audit_examiner_new(&o->examiner, &t->examiner, e) != 0 ||
            (i == 0 && audit_examiner_check(t->examiner, e) != 0) || start(t, e) != 0)
            goto fail;
    }
    *ret = p;
    return 0;
fail:
    audit_pool_free(p);
    return -1;
}
