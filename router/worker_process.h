/*
 * worker_process.h - one usher-worker process: started, ended, and the reason of its end. Private to worker.c.
 */
#ifndef USHER_ROUTER_WORKER_PROCESS_H
#define USHER_ROUTER_WORKER_PROCESS_H

#include <sys/types.h>

#include "router/worker.h"

struct worker_process {
    pid_t pid; /* 0: there is none */
    int fd;    /* our end of the socket pair, non-blocking; -1 */
};

/* The thread that calls it must live as long as the process, which is killed with it. ERR_WORKER. */
int worker_process_start(const struct worker_options *o, struct worker_process *ret, struct err *e);
/* SIGKILL. It is gone when `fd` reads its end. */
void worker_process_kill(const struct worker_process *p);
/* After the end was read, or to have it so: waits for it, closes, and puts into words how it ended. */
void worker_process_reap(struct worker_process *p, char *dst, size_t size);

#endif
