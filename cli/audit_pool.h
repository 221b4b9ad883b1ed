/*
 * audit_pool.h - documents are judged by all cores and come out in the order they went in.
 *
 * A ring of few slots: the thread that finds documents waits when it is full, so memory is bounded by the ring, and it
 * is this same thread that gets the results. Each other thread has an examiner, and so a worker, of its own.
 */
#ifndef USHER_CLI_AUDIT_POOL_H
#define USHER_CLI_AUDIT_POOL_H

#include "cli/audit_judge.h"

struct audit_pool;

struct audit_pool_options {
    struct audit_examiner_options examiner;
    size_t threads; /* at least 1 */
    /* In the thread that calls audit_pool_add() and audit_pool_drain(), in the order of audit_pool_add(). */
    void (*done)(void *arg, const struct audit_document *d, struct audit_result *r);
    void *arg;
};

/* The first worker is seen to work. ERR_WORKER, ERR_MEMORY. */
int audit_pool_new(const struct audit_pool_options *o, struct audit_pool **ret, struct err *e);
/* Takes the document. Waits for room; calls done() for what has become ready. */
void audit_pool_add(struct audit_pool *p, struct audit_document *d);
/* Waits until all is done. */
void audit_pool_drain(struct audit_pool *p);
/* Ends the threads; what is not done yet is dropped. Accepts NULL. */
void audit_pool_free(struct audit_pool *p);

#endif
