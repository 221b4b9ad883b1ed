/*
 * store.c - threads and connections of the store: one writer with group commit, a small pool of readers.
 *
 * Callers put their write into a queue and sleep. The writer takes all that wait (at most STORE_BATCH_MAX), opens one
 * transaction, runs each inside a savepoint, commits, wakes them. So while one transaction is on its way to the disk
 * the next one fills, and durable writes per second are not bounded by fsyncs per second. A queued write lives on its
 * caller's stack; the writer never touches it after marking it done.
 */
#include "accounts/store_impl.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/schema.h"

struct write {
    store_fn fn;
    void *arg;
    struct err *e;
    struct write *next;
    int result;
    bool done;
};

struct store {
    struct sql_target target;

    pthread_t thread;
    bool has_thread;
    struct sql_conn *writer; /* the writer thread's alone */

    pthread_mutex_t queue_lock; /* guards the queue and `done` of its members */
    pthread_cond_t queue_filled;
    pthread_cond_t writes_done;
    struct write *head, **tail;
    size_t queued, queue_max;
    bool stop;

    pthread_mutex_t readers_lock; /* guards the pool; a connection taken from it is its taker's alone */
    pthread_cond_t reader_free;
    struct sql_conn *idle[STORE_READERS];
    size_t n_idle, n_open;

    pthread_mutex_t watch_lock; /* guards what store_changes() remembers */
    struct sql_conn *watch;
    int64_t watch_version;
    int64_t watch_changes; /* 0: nothing read yet */

    _Atomic uint64_t reads, writes, commits;
};

/* --- writer ------------------------------------------------------------------------------------------------------ */

static void fail_all(struct write *batch, const struct err *why)
{
    for (struct write *w = batch; w; w = w->next) {
        if (w->result != 0)
            continue; /* it has its own reason */
        *w->e = *why;
        w->result = -1;
    }
}

/* Undoes the transaction, if there still is one. */
static void roll_back(struct sql_conn *c)
{
    struct err ignored = ERR_INIT;

    if (sql_in_transaction(c))
        (void)sql_do(c, "ROLLBACK", &ignored);
}

/* Returns -1 with `e` set only if the transaction as a whole is lost. */
static int run_one(struct sql_conn *c, struct write *w, struct err *e)
{
    if (sql_do(c, "SAVEPOINT op", e) != 0)
        return -1;
    w->result = w->fn(c, w->arg, w->e);
    sql_reset_all(c);
    if (!sql_in_transaction(c))
        return err_set(e, ERR_STORE, "database: gave up the transaction: %s", w->e->msg);
    if (w->result != 0 && sql_do(c, "ROLLBACK TO op", e) != 0)
        return -1;
    return sql_do(c, "RELEASE op", e);
}

/* Runs the batch in one transaction. Every member has its result afterwards. */
static void run_batch(struct store *s, struct write *batch)
{
    struct err e = ERR_INIT;
    size_t good = 0;

    if (sql_do(s->writer, "BEGIN IMMEDIATE", &e) != 0) {
        fail_all(batch, &e);
        return;
    }
    for (struct write *w = batch; w; w = w->next) {
        if (run_one(s->writer, w, &e) != 0)
            goto lost;
        good += w->result == 0;
    }
    if (good == 0) {
        roll_back(s->writer);
        return;
    }
    if (sql_do(s->writer, "COMMIT", &e) != 0)
        goto lost;
    atomic_fetch_add(&s->writes, good);
    atomic_fetch_add(&s->commits, 1);
    return;
lost:
    roll_back(s->writer);
    fail_all(batch, &e);
}

/* Takes up to STORE_BATCH_MAX writes off the queue; called with the lock held. */
static struct write *take_batch(struct store *s)
{
    struct write *batch = s->head, *last = batch;
    size_t n = 1;

    while (last->next && n < STORE_BATCH_MAX) {
        last = last->next;
        n++;
    }
    s->head = last->next;
    last->next = NULL;
    if (!s->head)
        s->tail = &s->head;
    s->queued -= n;
    return batch;
}

static void *writer_main(void *arg)
{
    struct store *s = arg;

    (void)pthread_mutex_lock(&s->queue_lock);
    for (;;) {
        struct write *batch, *next;

        while (!s->head && !s->stop)
            (void)pthread_cond_wait(&s->queue_filled, &s->queue_lock);
        if (!s->head)
            break;
        batch = take_batch(s);
        (void)pthread_mutex_unlock(&s->queue_lock);
        run_batch(s, batch);
        (void)pthread_mutex_lock(&s->queue_lock);
        for (; batch; batch = next) {
            next = batch->next;
            batch->done = true;
        }
        (void)pthread_cond_broadcast(&s->writes_done);
    }
    (void)pthread_mutex_unlock(&s->queue_lock);
    return NULL;
}

int store_write(struct store *s, store_fn fn, void *arg, struct err *e)
{
    struct err mine = ERR_INIT;
    struct write w = {.fn = fn, .arg = arg, .e = &mine};

    (void)pthread_mutex_lock(&s->queue_lock);
    if (s->stop || s->queued >= s->queue_max) {
        (void)pthread_mutex_unlock(&s->queue_lock);
        return err_set(e, ERR_BUSY, "the store has too many writes waiting");
    }
    *s->tail = &w;
    s->tail = &w.next;
    s->queued++;
    (void)pthread_cond_signal(&s->queue_filled);
    while (!w.done)
        (void)pthread_cond_wait(&s->writes_done, &s->queue_lock);
    (void)pthread_mutex_unlock(&s->queue_lock);
    if (w.result != 0 && e->code == ERR_NONE)
        *e = mine;
    return w.result;
}

void store_set_queue_max(struct store *s, size_t max)
{
    (void)pthread_mutex_lock(&s->queue_lock);
    s->queue_max = max;
    (void)pthread_mutex_unlock(&s->queue_lock);
}

size_t store_queued(struct store *s)
{
    size_t n;

    (void)pthread_mutex_lock(&s->queue_lock);
    n = s->queued;
    (void)pthread_mutex_unlock(&s->queue_lock);
    return n;
}

/* --- readers ----------------------------------------------------------------------------------------------------- */

/* Waits for a connection; opens one while there are fewer than STORE_READERS. */
static int take_reader(struct store *s, struct sql_conn **ret, struct err *e)
{
    struct sql_conn *c = NULL;

    (void)pthread_mutex_lock(&s->readers_lock);
    while (s->n_idle == 0 && s->n_open == STORE_READERS)
        (void)pthread_cond_wait(&s->reader_free, &s->readers_lock);
    if (s->n_idle > 0)
        c = s->idle[--s->n_idle];
    else
        s->n_open++;
    (void)pthread_mutex_unlock(&s->readers_lock);
    if (!c && sql_open(&s->target, &c, e) != 0) {
        (void)pthread_mutex_lock(&s->readers_lock);
        s->n_open--;
        (void)pthread_cond_signal(&s->reader_free);
        (void)pthread_mutex_unlock(&s->readers_lock);
        return -1;
    }
    *ret = c;
    return 0;
}

static void give_reader(struct store *s, struct sql_conn *c)
{
    (void)pthread_mutex_lock(&s->readers_lock);
    s->idle[s->n_idle++] = c;
    (void)pthread_cond_signal(&s->reader_free);
    (void)pthread_mutex_unlock(&s->readers_lock);
}

int store_read(struct store *s, store_fn fn, void *arg, struct err *e)
{
    struct sql_conn *c;
    int r;

    atomic_fetch_add(&s->reads, 1);
    if (take_reader(s, &c, e) != 0)
        return -1;
    r = fn(c, arg, e);
    sql_reset_all(c);
    give_reader(s, c);
    return r;
}

/* --- change counter ---------------------------------------------------------------------------------------------- */

int store_changes_get(struct sql_conn *c, int64_t *ret, struct err *e)
{
    struct sql_stmt *st = sql_stmt(c, "SELECT n FROM changes", e);
    bool row;

    if (!st || sql_next(st, &row, e) != 0)
        return -1;
    if (!row)
        return err_set(e, ERR_STORE, "database: the change counter is gone");
    *ret = sql_int(st, 0);
    return 0;
}

int store_changes_bump(struct sql_conn *c, int64_t *ret, struct err *e)
{
    struct sql_stmt *st = sql_stmt(c, "UPDATE changes SET n = n + 1", e);
    int64_t n;

    if (!st || sql_run(st, e) != 0 || store_changes_get(c, &n, e) != 0)
        return -1;
    if (ret)
        *ret = n;
    return 0;
}

/* With watch_lock held. The version is read first: a commit in between makes the next call read again. */
static int watch(struct store *s, int64_t *ret, struct err *e)
{
    int64_t version, n;

    if (!s->watch && sql_open(&s->target, &s->watch, e) != 0)
        return -1;
    if (sql_data_version(s->watch, &version, e) != 0)
        return -1;
    if (s->watch_changes == 0 || version != s->watch_version) {
        if (store_changes_get(s->watch, &n, e) != 0)
            return -1;
        s->watch_changes = n;
        s->watch_version = version;
    }
    *ret = s->watch_changes;
    return 0;
}

int store_changes(struct store *s, int64_t *ret, struct err *e)
{
    int r;

    (void)pthread_mutex_lock(&s->watch_lock);
    r = watch(s, ret, e);
    if (s->watch)
        sql_reset_all(s->watch);
    (void)pthread_mutex_unlock(&s->watch_lock);
    return r;
}

void store_counters(struct store *s, struct store_counters *ret)
{
    ret->reads = atomic_load(&s->reads);
    ret->writes = atomic_load(&s->writes);
    ret->commits = atomic_load(&s->commits);
}

/* --- open and close ---------------------------------------------------------------------------------------------- */

int store_open(const char *url, struct store **ret, struct err *e)
{
    struct store *s = calloc(1, sizeof *s);
    sigset_t all, old;
    int rc;

    if (!s)
        return err_set(e, ERR_MEMORY, "store");
    s->tail = &s->head;
    s->queue_max = STORE_QUEUE_MAX;
    (void)pthread_mutex_init(&s->queue_lock, NULL);
    (void)pthread_cond_init(&s->queue_filled, NULL);
    (void)pthread_cond_init(&s->writes_done, NULL);
    (void)pthread_mutex_init(&s->readers_lock, NULL);
    (void)pthread_cond_init(&s->reader_free, NULL);
    (void)pthread_mutex_init(&s->watch_lock, NULL);
    if (sql_target_parse(url, &s->target, e) != 0 || sql_open(&s->target, &s->writer, e) != 0)
        goto fail;
    if (schema_migrate(s->writer, e) != 0) {
        (void)err_wrap(e, "%s", s->target.name);
        goto fail;
    }
    /* signals are the daemon's: its loops take them */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&s->thread, NULL, writer_main, s);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0) {
        (void)err_set(e, ERR_MEMORY, "store: no thread: %s", strerror(rc));
        goto fail;
    }
    s->has_thread = true;
    *ret = s;
    return 0;
fail:
    store_close(s);
    return -1;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    if (s->has_thread) {
        (void)pthread_mutex_lock(&s->queue_lock);
        s->stop = true;
        (void)pthread_cond_signal(&s->queue_filled);
        (void)pthread_mutex_unlock(&s->queue_lock);
        (void)pthread_join(s->thread, NULL);
    }
    for (size_t i = 0; i < s->n_idle; i++)
        sql_close(s->idle[i]);
    sql_close(s->watch);
    sql_close(s->writer);
    (void)pthread_mutex_destroy(&s->queue_lock);
    (void)pthread_cond_destroy(&s->queue_filled);
    (void)pthread_cond_destroy(&s->writes_done);
    (void)pthread_mutex_destroy(&s->readers_lock);
    (void)pthread_cond_destroy(&s->reader_free);
    (void)pthread_mutex_destroy(&s->watch_lock);
    free(s);
}
