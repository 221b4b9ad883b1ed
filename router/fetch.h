/*
 * fetch.h - run usher-fetch: one process per document, https only, capped in size and time.
 *
 * The process (cli/usher_fetch.c, linked from base and libcurl alone) takes URL and limits on its standard input and
 * writes status line and body to its standard output. It refuses schemes other than https, redirects to them, and
 * addresses that are private, loopback or link-local unless `allow_private` is set, checked on the address that is
 * connected to.
 */
#ifndef USHER_ROUTER_FETCH_H
#define USHER_ROUTER_FETCH_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct fetch_request {
    const char *url;
    size_t body_max;
    unsigned timeout_ms;
    bool allow_private;
    const char *ca_file;          /* NULL: the system's */
    const atomic_bool *cancelled; /* NULL, or set by another thread to end it early: ERR_FETCH */
};

/* "DIRECTORY-OF-THIS-PROGRAM/usher-fetch". ERR_FETCH if it is not there. */
int fetch_path(char *dst, size_t size, struct err *e);

/*
 * Blocks: for a pool thread or a command, never for a loop. The child is killed when the time is over. ERR_FETCH (the
 * message says what: status, name resolution, certificate, time), ERR_LIMIT (body).
 */
int fetch_run(const struct fetch_request *r, struct arena *a, struct slice *ret_body, struct err *e);

/* The document out of what usher-fetch wrote for `url`, or why there is none; for fetch_run() and tests. The process
 * spoke with strangers, so nothing but "ok", a length that is right, and as many octets is a document. */
int fetch_read_answer(struct slice all, const char *url, struct arena *a, struct slice *ret, struct err *e);

#endif
