/* flood.c - see flood.h. */
#include "router/flood.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "router/log.h"

#define PLACES 4096

/* --- requests at once
 * ------------------------------------------------------------------------------------------------- */

struct inflight {
    unsigned char key[crypto_shorthash_KEYBYTES];
    _Atomic unsigned running[PLACES];
};

static size_t place_of(const unsigned char key[crypto_shorthash_KEYBYTES], const struct netaddr *client)
{
    const struct netaddr network = netaddr_network(client);
    unsigned char hash[crypto_shorthash_BYTES];
    uint32_t n;

    crypto_shorthash(hash, (const unsigned char *)&network, sizeof network, key);
    memcpy(&n, hash, sizeof n);
    return n % PLACES;
}

struct inflight *inflight_new(void)
{
    struct inflight *f = calloc(1, sizeof *f);

    if (f)
        crypto_shorthash_keygen(f->key);
    return f;
}

void inflight_free(struct inflight *f)
{
    free(f);
}

bool inflight_enter(struct inflight *f, const struct netaddr *client, unsigned max)
{
    _Atomic unsigned *running = &f->running[place_of(f->key, client)];
    unsigned n = atomic_load(running);

    do {
        if (n >= max)
            return false;
    } while (!atomic_compare_exchange_weak(running, &n, n + 1));
    return true;
}

void inflight_leave(struct inflight *f, const struct netaddr *client)
{
    (void)atomic_fetch_sub(&f->running[place_of(f->key, client)], 1);
}

/* --- events
 * ----------------------------------------------------------------------------------------------------------- */

/* Tokens are not counted but reckoned from the time at which the bucket was last full: no refill to run. */
struct bucket {
    int64_t used; /* tokens that are out, as of `at` */
    int64_t at;
};

struct flood {
    pthread_mutex_t lock;
    unsigned char key[crypto_shorthash_KEYBYTES];
    struct bucket networks[PLACES], total;
    size_t suppressed;
};

struct flood *flood_new(void)
{
    struct flood *f = calloc(1, sizeof *f);

    if (f) {
        crypto_shorthash_keygen(f->key);
        pthread_mutex_init(&f->lock, NULL);
    }
    return f;
}

void flood_free(struct flood *f)
{
    if (!f)
        return;
    pthread_mutex_destroy(&f->lock);
    free(f);
}

/* One token comes back every `seconds`. A clock that went back gives none back and takes none. */
static void refill(struct bucket *b, int64_t now, int64_t seconds)
{
    int64_t back = now > b->at ? (now - b->at) / seconds : 0;

    if (now < b->at)
        b->at = now;
    b->at += back * seconds;
    b->used = b->used > back ? b->used - back : 0;
    if (b->used == 0)
        b->at = now;
}

bool flood_admit(struct flood *f, const struct netaddr *client, int64_t now)
{
    struct bucket *network = &f->networks[place_of(f->key, client)];
    bool ok;

    pthread_mutex_lock(&f->lock);
    refill(network, now, FLOOD_NETWORK_SECONDS);
    refill(&f->total, now, 1);
    ok = network->used < FLOOD_NETWORK_BURST && f->total.used < FLOOD_TOTAL_BURST;
    if (ok) {
        network->used++;
        f->total.used++;
    } else {
        f->suppressed++;
    }
    pthread_mutex_unlock(&f->lock);
    return ok;
}

void flood_report(struct flood *f, struct store *s, int64_t now)
{
    struct event ev = {.at = now, .kind = "events.suppressed"};
    struct err e = ERR_INIT;
    size_t n;

    pthread_mutex_lock(&f->lock);
    n = f->suppressed;
    f->suppressed = 0;
    pthread_mutex_unlock(&f->lock);
    if (n == 0)
        return;
    (void)snprintf(ev.detail, sizeof ev.detail, "{\"count\":%zu}", n);
    log_line(LOG_LEVEL_WARNING, "events.suppressed", "detail", ev.detail);
    if (store_event_append(s, &ev, &e) != 0)
        log_err(LOG_LEVEL_ERROR, "event.lost", &e);
}
