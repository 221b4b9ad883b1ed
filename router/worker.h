/*
 * worker.h - usher-worker processes and what keeps them honest: one per loop, fed through one socket pair.
 *
 * A worker is exec'ed without private keys, files or network (cli/usher_worker.c). Requests are batched: what was
 * submitted in one turn of the loop goes out in one write. The deadline of a document starts when the worker can have
 * begun with it; past it the worker is killed. A worker that died, was killed or answered nonsense is replaced. Its
 * answers come in batches, and a document may do its harm after it was answered, so it cannot be told which one was to
 * blame: all that had no answer are submitted again, one at a time, and the one that a new worker dies of as its first
 * is refused with ERR_WORKER. So no other login is lost, and a document ends three workers at most. Deaths in a row
 * delay the next start (doubling, bounded); while there is no worker a bounded number of requests waits, the rest is
 * ERR_BUSY.
 *
 * Its answers are bytes from a process that strangers may have taken over: the caller rechecks (recheck.h, judge.h).
 */
#ifndef USHER_ROUTER_WORKER_H
#define USHER_ROUTER_WORKER_H

#include "router/trusts.h"
#include "saml/wire.h"

struct event_base;
struct worker;

struct worker_options {
    const char *path;     /* of usher-worker; worker_path() finds it beside this program */
    unsigned deadline_ms; /* for one document, from when the worker can have begun with it */
    size_t queue_max;     /* requests in flight and waiting; ERR_BUSY past it */
    size_t bytes_max;     /* of their XML in all */
    size_t memory_max;    /* RLIMIT_AS of the process; not with sanitizers */
    int cpu;              /* the core it is pinned to; -1: none */
    bool log;             /* deaths get a log line */
    bool standby;         /* a process that died is replaced at once, not with the next request */
};
void worker_options_init(struct worker_options *o);
/* "DIRECTORY-OF-THIS-PROGRAM/usher-worker". ERR_WORKER if it is not there or cannot be executed. */
int worker_path(char *dst, size_t size, struct err *e);

struct worker_request {
    bool inspect;            /* saml_inspect() of `judge.xml`; otherwise judge */
    struct wire_judge judge; /* the slices must stay until `done` */
    struct trusts *trusts;   /* borrowed until `done`; NULL for inspect and for metadata that nobody signs */
    /*
     * The last answer to this document did not survive the recheck: the process is replaced at once, the new one gets
     * this document first and nothing else, and is replaced after it.
     */
    bool fresh;
    /*
     * Called once, in the loop's thread. `reply` is the payload of the SIGNED or INSPECTED frame, to be decoded with
     * wire_get_signed() or wire_get_inspected(), valid only during the call; or `why` is set. The reply is well-formed,
     * and its trust is the one that was asked for, or one of the table; nothing else of it is known. The call may
     * submit again, but not free the worker.
     */
    void (*done)(struct worker_request *r, struct slice reply, const struct err *why);
    void *arg;
    size_t refused_by; /* whose keys were tried before it was refused, as the worker says; SAML_TRUSTS_MAX: nobody's */
    /* private to worker.c */
    struct worker_request *next;
    uint64_t id;
    bool tried;
};

/* In the loop's thread; the process starts with the first request. ERR_WORKER, ERR_MEMORY. */
int worker_new(struct event_base *base, const struct worker_options *o, struct worker **ret, struct err *e);
/* Ends the process; whatever is in flight is done with ERR_WORKER. Accepts NULL. */
void worker_free(struct worker *w);
/* In the loop's thread. 0: `done` will be called. ERR_BUSY, ERR_WORKER otherwise, and it will not. */
int worker_submit(struct worker *w, struct worker_request *r, struct err *e);

struct worker_stats {
    uint64_t judged, restarts, deadlines;
    size_t in_flight;
    int pid; /* 0: none runs */
};
/* From any thread, as long as the worker is there. */
void worker_stats(const struct worker *w, struct worker_stats *ret);

/* For commands: one request, waited for; `reply` is copied into `a`. `base` must be otherwise idle; NULL: the worker's
 * own one. The refusal of the document, or ERR_WORKER, ERR_BUSY, ERR_MEMORY. */
int worker_call(struct event_base *base, struct worker *w, struct worker_request *r, struct arena *a,
                struct slice *ret_reply, struct err *e);

/* A worker with an event base of its own, for worker_call(NULL, ...); worker_free() frees both. `path` NULL:
 * worker_path(). ERR_WORKER, ERR_MEMORY. */
int worker_open_blocking(const struct worker_options *o, struct worker **ret, struct err *e);
/*
 * For a command that keeps several requests of worker_open_blocking() in flight: waits until something happens to them,
 * and calls `done` of those that it is the end of. If there is nothing to wait for, all are done with ERR_INTERNAL.
 */
void worker_wait(struct worker *w);
/* Starts the process and sees that it answers: for a start that should fail at once if no worker can work. ERR_WORKER.
 */
int worker_check(struct worker *w, struct err *e);

#endif
