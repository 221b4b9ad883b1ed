/* audit_pool.c - see audit_pool.h. */
#include "cli/audit_pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#define SLOTS_PER_THREAD 4

struct slot {
    struct audit_document *document;
    struct audit_result result;
    bool ready;
};

struct audit_pool {
    struct audit_pool_options o;
    pthread_mutex_t lock;
    pthread_cond_t work, ready;
    struct slot *slots;
    size_t nslots;
    uint64_t first, next,
        end; /* first: not given to done() yet; next: for a thread to take; end: free. Modulo nslots. */
    bool stop;
    struct thread {
        pthread_t id;
        bool running;
        struct audit_pool *pool;
        struct audit_examiner examiner;
    } * threads;
};

static struct slot *slot(struct audit_pool *p, uint64_t i)
{
    return &p->slots[i % p->nslots];
}

static void *run(void *arg)
{
    struct thread *t = arg;
    struct audit_pool *p = t->pool;

    (void)pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        struct slot *s;

        if (p->next == p->end) {
            (void)pthread_cond_wait(&p->work, &p->lock);
            continue;
        }
        s = slot(p, p->next++);
        (void)pthread_mutex_unlock(&p->lock);
        audit_examine(&t->examiner, s->document, &s->result);
        (void)pthread_mutex_lock(&p->lock);
        s->ready = true;
        (void)pthread_cond_signal(&p->ready);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void empty(struct slot *s)
{
    audit_result_free(&s->result);
    audit_document_free(s->document);
    *s = (struct slot){.document = NULL};
}

/* Gives away what is ready in front. `keep`: waits until no more than so many are left. Locked. */
static void give(struct audit_pool *p, size_t keep)
{
    while (p->first < p->end) {
        struct slot *s = slot(p, p->first);

        if (!s->ready) {
            if (p->end - p->first <= keep)
                return;
            (void)pthread_cond_wait(&p->ready, &p->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&p->lock); /* the threads go on while it is printed */
        p->o.done(p->o.arg, s->document, &s->result);
        (void)pthread_mutex_lock(&p->lock);
        empty(s);
        p->first++;
    }
}

void audit_pool_add(struct audit_pool *p, struct audit_document *d)
{
    (void)pthread_mutex_lock(&p->lock);
    give(p, p->nslots - 1);
    slot(p, p->end++)->document = d;
    (void)pthread_cond_signal(&p->work);
    (void)pthread_mutex_unlock(&p->lock);
}

void audit_pool_drain(struct audit_pool *p)
{
    (void)pthread_mutex_lock(&p->lock);
    give(p, 0);
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
        audit_examiner_free(&p->threads[i].examiner);
    }
    for (; p->first < p->end; p->first++)
        empty(slot(p, p->first));
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
        t->examiner = (struct audit_examiner){
            .setup = o->setup, .with_conditions = o->with_conditions, .any_trust = o->setup->ntrusts > 0};
        if (o->new_judge(o->setup, &t->examiner.judge, e) != 0 || start(t, e) != 0)
            goto fail;
    }
    *ret = p;
    return 0;
fail:
    audit_pool_free(p);
    return -1;
}
