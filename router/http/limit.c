/*
 * limit.c - how many connections, in all and from one address, and how much memory for request bodies.
 *
 * One table for all servers under a mutex, taken once when a connection opens and once when it closes. Entries are
 * preallocated: there can be no more addresses than connections. The hash is keyed, so that nobody can choose addresses
 * that share a chain. The bytes of bodies are one atomic number beside it.
 */
#include "router/http/conn.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/secret.h"

#define NOBODY UINT32_MAX

struct entry {
    struct netaddr addr;
    uint32_t count;
    uint32_t next; /* in the chain, or in the free list */
};

struct http_conn_limit {
    pthread_mutex_t lock;
    size_t max_total, max_per_address, total;
    struct netblock *exempt;
    size_t n_exempt;
    unsigned char key[crypto_shorthash_KEYBYTES];
    uint32_t *chains; /* n_chains heads, a power of two */
    size_t n_chains;
    struct entry *entries; /* max_total */
    uint32_t free;
    size_t max_body_bytes;
    _Atomic size_t body_bytes; /* reserved now */
};

int http_conn_limit_new(size_t max_total, size_t max_per_address, size_t max_body_bytes, const struct netblock *exempt,
                        size_t n_exempt, struct http_conn_limit **ret, struct err *e)
{
    struct http_conn_limit *l;

    if (max_total == 0 || max_total >= NOBODY / 4 || max_per_address == 0 || max_body_bytes == 0)
        return err_set(e, ERR_INTERNAL, "a limit of %zu connections, %zu per address, %zu bytes of bodies", max_total,
                       max_per_address, max_body_bytes);
    l = calloc(1, sizeof *l);
    if (!l)
        return err_set(e, ERR_MEMORY, "no memory for the connection limit");
    (void)pthread_mutex_init(&l->lock, NULL);
    l->max_total = max_total;
    l->max_per_address = max_per_address;
    l->max_body_bytes = max_body_bytes;
    for (l->n_chains = 64; l->n_chains < max_total; l->n_chains *= 2)
        ;
    l->chains = malloc(l->n_chains * sizeof *l->chains);
    l->entries = calloc(max_total, sizeof *l->entries);
    l->exempt = n_exempt ? calloc(n_exempt, sizeof *l->exempt) : NULL;
    if (!l->chains || !l->entries || (n_exempt && !l->exempt)) {
        http_conn_limit_free(l);
        return err_set(e, ERR_MEMORY, "no memory for the connection limit");
    }
    if (n_exempt)
        memcpy(l->exempt, exempt, n_exempt * sizeof *exempt);
    l->n_exempt = n_exempt;
    secret_random(l->key, sizeof l->key);
    for (size_t i = 0; i < l->n_chains; i++)
        l->chains[i] = NOBODY;
    for (uint32_t i = 0; i < max_total; i++)
        l->entries[i].next = i + 1 < max_total ? i + 1 : NOBODY;
    *ret = l;
    return 0;
}

void http_conn_limit_free(struct http_conn_limit *l)
{
    if (!l)
        return;
    (void)pthread_mutex_destroy(&l->lock);
    free(l->chains);
    free(l->entries);
    free(l->exempt);
    free(l);
}

size_t http_conn_limit_total(struct http_conn_limit *l)
{
    size_t n;

    (void)pthread_mutex_lock(&l->lock);
    n = l->total;
    (void)pthread_mutex_unlock(&l->lock);
    return n;
}

/* What one client has: an IPv4 address, an IPv6 /64. False if it is not counted. */
static bool counted_as(const struct http_conn_limit *l, const struct netaddr *peer, struct netaddr *ret)
{
    if (peer->family == 0)
        return false;
    for (size_t i = 0; i < l->n_exempt; i++) {
        if (netblock_contains(&l->exempt[i], peer))
            return false;
    }
    *ret = *peer;
    if (peer->family == 6)
        memset(ret->addr + 8, 0, 8);
    return true;
}

static uint32_t *find(struct http_conn_limit *l, const struct netaddr *addr)
{
    uint64_t hash;
    uint32_t *at;

    _Static_assert(sizeof hash == crypto_shorthash_BYTES, "SipHash gives 64 bits");
    _Static_assert(sizeof *addr == 17, "an address has no padding to hash");
    (void)crypto_shorthash((unsigned char *)&hash, (const unsigned char *)addr, sizeof *addr, l->key);
    at = &l->chains[hash & (l->n_chains - 1)];
    while (*at != NOBODY && memcmp(&l->entries[*at].addr, addr, sizeof *addr) != 0)
        at = &l->entries[*at].next;
    return at;
}

/* False if this address has all it may have. Locked; total < max_total, so there is a free entry. */
static bool count_up(struct http_conn_limit *l, const struct netaddr *addr)
{
    uint32_t *at = find(l, addr), i = *at;

    if (i == NOBODY) {
        i = l->free;
        l->free = l->entries[i].next;
        l->entries[i] = (struct entry){.addr = *addr, .count = 0, .next = NOBODY};
        *at = i;
    }
    if (l->entries[i].count >= l->max_per_address)
        return false;
    l->entries[i].count++;
    return true;
}

enum http_limit http_conn_limit_take(struct http_conn_limit *l, const struct netaddr *peer)
{
    enum http_limit r = HTTP_LIMIT_OK;
    struct netaddr addr;

    (void)pthread_mutex_lock(&l->lock);
    if (l->total >= l->max_total)
        r = HTTP_LIMIT_TOTAL;
    else if (counted_as(l, peer, &addr) && !count_up(l, &addr))
        r = HTTP_LIMIT_ADDRESS;
    else
        l->total++;
    (void)pthread_mutex_unlock(&l->lock);
    return r;
}

void http_conn_limit_give(struct http_conn_limit *l, const struct netaddr *peer)
{
    struct netaddr addr;
    uint32_t *at, i;

    (void)pthread_mutex_lock(&l->lock);
    l->total--;
    if (counted_as(l, peer, &addr)) {
        at = find(l, &addr);
        i = *at;
        if (--l->entries[i].count == 0) {
            *at = l->entries[i].next;
            l->entries[i].next = l->free;
            l->free = i;
        }
    }
    (void)pthread_mutex_unlock(&l->lock);
}

/* --- memory for request bodies ------------------------------------------------------------------------------------ */

size_t http_conn_limit_body_bytes(const struct http_conn_limit *l)
{
    return atomic_load_explicit(&l->body_bytes, memory_order_relaxed);
}

bool http_conn_limit_body_take(struct http_conn_limit *l, size_t *held, size_t n)
{
    size_t max = n > HTTP_BODY_SMALL ? l->max_body_bytes - l->max_body_bytes / 4 : l->max_body_bytes;
    size_t now = http_conn_limit_body_bytes(l), more;

    if (n <= *held)
        return true;
    more = n - *held;
    /* the number guards no other memory: relaxed is enough */
    do {
        if (now > max || more > max - now)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&l->body_bytes, &now, now + more, memory_order_relaxed,
                                                    memory_order_relaxed));
    *held += more;
    return true;
}

void http_conn_limit_body_give(struct http_conn_limit *l, size_t *held)
{
    if (*held == 0)
        return; /* most requests have no body, and need not touch what all loops share */
    (void)atomic_fetch_sub_explicit(&l->body_bytes, *held, memory_order_relaxed);
    *held = 0;
}
