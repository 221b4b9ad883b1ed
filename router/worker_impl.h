/*
 * worker_impl.h - what worker_call.c needs of worker.c.
 */
#ifndef USHER_ROUTER_WORKER_IMPL_H
#define USHER_ROUTER_WORKER_IMPL_H

#include "router/worker.h"

struct event_base *worker_base(struct worker *w);
/* worker_free() frees the base too. */
void worker_own_base(struct worker *w);
/* Path of the program. */
const char *worker_program(const struct worker *w);
/* Every request that has no answer yet is done with this error. */
void worker_give_up(struct worker *w, const struct err *why);

#endif
