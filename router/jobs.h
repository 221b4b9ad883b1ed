/*
 * jobs.h - bounded thread pools for what must not block an event loop: store calls, password hashing, verification.
 *
 * A job runs in a pool thread, then its `done` runs in the loop that submitted it, woken through a descriptor. A full
 * queue refuses at once. A job carries an opaque request handle, never a connection: the client may be gone by then.
 */
#ifndef USHER_ROUTER_JOBS_H
#define USHER_ROUTER_JOBS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct event_base;
struct jobs_pool;
struct jobs_reply; /* the completion side of one loop */

struct job {
    bool (*run)(struct job *j);  /* in a pool thread; must not touch the loop. False: it was submitted elsewhere */
    void (*done)(struct job *j); /* in the loop; frees the job */
    struct jobs_reply *reply;
    struct job *next;
};

/* `threads` at least 1; `queue_max` jobs may wait besides those that run. Threads block all signals. ERR_INTERNAL. */
int jobs_pool_new(const char *name, size_t threads, size_t queue_max, struct jobs_pool **ret, struct err *e);
/* Finishes what is queued, then ends the threads. Accepts NULL. */
void jobs_pool_free(struct jobs_pool *p);

/* One per loop, in the loop's thread. */
int jobs_reply_new(struct event_base *base, struct jobs_reply **ret, struct err *e);
/* Runs what has arrived, drops the rest; all pools that answer here must have been freed. Accepts NULL. */
void jobs_reply_free(struct jobs_reply *r);

/* ERR_BUSY if the queue is full: nothing happens to the job then. */
int jobs_submit(struct jobs_pool *p, struct job *j, struct err *e);

/* Jobs that wait; for /healthz and tests. */
size_t jobs_waiting(struct jobs_pool *p);

#endif
