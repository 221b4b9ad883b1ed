/*
 * serve.h - the daemon: start order, threads, graceful stop.
 *
 *   main thread   acceptor, signals, half-second timer (changes in the store), purge
 *   loop threads  one http_server each: parsing, /auth, sending
 *   store pool    handlers, which may block on the store
 *   hash pool     the password door: as many threads as cores, each with a hash's memory
 */
#ifndef USHER_ROUTER_SERVE_H
#define USHER_ROUTER_SERVE_H

#include "router/config.h"

/*
 * Runs until SIGTERM or SIGINT; 0 after a graceful stop. Errors before "ready" are returned: ERR_KEY_FILE, ERR_STORE,
 * ERR_LISTEN, ERR_TLS... When ready it prints one line "usher: ready on ADDRESS, auth on ADDRESS" to standard output.
 */
int serve(const struct config *c, struct err *e);

#endif
