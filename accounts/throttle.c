/*
 * throttle.c - see throttle.h.
 *
 * A counter is a leaky bucket: a level and the time of its last failure. A sketch holds ROWS x WIDTH of them; a key has
 * one in each row, chosen by a secret hash, and counts as the one that blocks least. Other keys can only raise some of
 * a key's buckets, and a count is added only to those that are lowest (conservative update), so that collisions need
 * far more failures than password hashing lets through.
 *
 * The known (account, network) pairs stand in sets chosen by the account alone: whoever can sign in, and only they can
 * add a pair, pushes out pairs of their own set at most.
 */
#include "accounts/throttle.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 4
/* Power of two, of 16 bits at most. Wide, for a fresh pair must be seen as fresh in a flood of others: of the 30000
 * that two cores can hash in THROTTLE_FORGIVE_SEC, each row holds one in every second bucket. */
#define WIDTH 65536
#define SETS 4096 /* power of two */
#define WAYS 8
#define LEVEL_MAX 72 /* saturated: forgiven after LEVEL_MAX * THROTTLE_FORGIVE_SEC */
_Static_assert(LEVEL_MAX >= THROTTLE_FREE_KNOWN_NETWORK + 9, "the longest wait, 9 doublings, is never reached");
_Static_assert(THROTTLE_FIRST_WAIT_SEC << 9 >= THROTTLE_MAX_WAIT_SEC, "9 doublings do not make the longest wait");

struct bucket {
    int64_t last;   /* time of the last failure */
    int64_t leaked; /* time up to which forgiveness was applied */
    uint32_t level;
};

struct sketch {
    struct bucket rows[ROWS][WIDTH];
};

struct pair {
    uint64_t print; /* 0: free */
    int64_t used;
};

struct throttle {
    pthread_mutex_t lock;
    unsigned char key[crypto_shorthash_KEYBYTES];
    struct sketch networks;
    struct sketch accounts;
    struct sketch strangers; /* of strangers: account and network */
    struct sketch known;
    struct pair pairs[SETS][WAYS];
};

enum domain { OF_ACCOUNT, OF_NETWORK, OF_ACCOUNT_NETWORK, OF_ACCOUNT_DEVICE, OF_SET };

/* --- keys -------------------------------------------------------------------------------------------------------- */

/* A hash of what is counted; the parts are hashed singly first, so that they cannot run into each other. */
static uint64_t key_of(const struct throttle *t, enum domain d, const struct throttle_attempt *a)
{
    struct netaddr net = netaddr_network(&a->client);
    uint64_t part[4] = {(uint64_t)d, 0, 0, 0}, h;

    if (d != OF_NETWORK)
        (void)crypto_shorthash((unsigned char *)&part[1], (const unsigned char *)a->account, strlen(a->account),
                               t->key);
    if (d == OF_NETWORK || d == OF_ACCOUNT_NETWORK) {
        unsigned char raw[1 + sizeof net.addr] = {net.family};

        memcpy(raw + 1, net.addr, sizeof net.addr);
        (void)crypto_shorthash((unsigned char *)&part[2], raw, sizeof raw, t->key);
    }
    if (d == OF_ACCOUNT_DEVICE)
        (void)crypto_shorthash((unsigned char *)&part[3], (const unsigned char *)a->device.p, a->device.n, t->key);
    (void)crypto_shorthash((unsigned char *)&h, (const unsigned char *)part, sizeof part, t->key);
    return h;
}

/* --- sketches ---------------------------------------------------------------------------------------------------- */

static struct bucket *bucket_of(struct sketch *sk, size_t row, uint64_t key)
{
    /* 16 bits of the key for each row */
    return &sk->rows[row][(key >> (16 * row)) & (WIDTH - 1)];
}

/* Forgives what time has forgiven. A clock that was set back starts the wait anew instead of locking until then. */
static void leak(struct bucket *b, int64_t now)
{
    int64_t n;

    if (b->last > now)
        b->last = now;
    if (b->level == 0 || b->leaked > now)
        b->leaked = now;
    n = (now - b->leaked) / THROTTLE_FORGIVE_SEC;
    b->level = n >= b->level ? 0 : b->level - (uint32_t)n;
    b->leaked += n * THROTTLE_FORGIVE_SEC;
}

/* Seconds from `now` until the bucket admits another attempt. */
static int64_t wait_of(const struct bucket *b, uint32_t free_attempts, int64_t now)
{
    int64_t wait = THROTTLE_FIRST_WAIT_SEC;

    if (b->level < free_attempts)
        return 0;
    for (uint32_t i = free_attempts; i < b->level && wait < THROTTLE_MAX_WAIT_SEC; i++)
        wait *= 2;
    if (wait > THROTTLE_MAX_WAIT_SEC)
        wait = THROTTLE_MAX_WAIT_SEC;
    return now - b->last >= wait ? 0 : wait - (now - b->last);
}

static int64_t sketch_wait(struct sketch *sk, uint64_t key, uint32_t free_attempts, int64_t now)
{
    int64_t least = INT64_MAX;

    for (size_t r = 0; r < ROWS; r++) {
        struct bucket *b = bucket_of(sk, r, key);
        int64_t wait;

        leak(b, now);
        wait = wait_of(b, free_attempts, now);
        if (wait < least)
            least = wait;
    }
    return least;
}

/* How many failures stand against the key. */
static uint32_t sketch_level(struct sketch *sk, uint64_t key, int64_t now)
{
    uint32_t least = LEVEL_MAX;

    for (size_t r = 0; r < ROWS; r++) {
        struct bucket *b = bucket_of(sk, r, key);

        leak(b, now);
        if (b->level < least)
            least = b->level;
    }
    return least;
}

/* Counts one failure; returns the rows in which it stands. Rows that other keys have raised are not raised further, but
 * their time is: no row may admit before the key's own count would. */
static uint8_t sketch_add(struct sketch *sk, uint64_t key, int64_t now)
{
    uint32_t least = sketch_level(sk, key, now);
    uint8_t rows = 0;

    for (size_t r = 0; r < ROWS; r++) {
        struct bucket *b = bucket_of(sk, r, key);

        b->last = now;
        if (b->level == least && least < LEVEL_MAX) {
            b->level++;
            rows |= (uint8_t)(1U << r);
        }
    }
    return rows;
}

/* Takes back exactly what sketch_add() counted, so that nothing of another key's is taken. */
static void sketch_sub(struct sketch *sk, uint64_t key, uint8_t rows, int64_t now)
{
    for (size_t r = 0; r < ROWS; r++) {
        struct bucket *b = bucket_of(sk, r, key);

        leak(b, now);
        if ((rows >> r & 1U) && b->level > 0)
            b->level--;
    }
}

/* --- known pairs ------------------------------------------------------------------------------------------------- */

/* NULL if the pair is not known; then *ret_victim (if asked for) is the free or least recently used place of its set.
 */
static struct pair *find_pair(struct throttle *t, const struct throttle_attempt *a, struct pair **ret_victim)
{
    struct pair *set = t->pairs[key_of(t, OF_SET, a) & (SETS - 1)], *victim = set;
    uint64_t print = key_of(t, OF_ACCOUNT_NETWORK, a) | 1;

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].print == print)
            return &set[i];
        if (set[i].used < victim->used) /* a free one has 0 */
            victim = &set[i];
    }
    if (ret_victim)
        *ret_victim = victim;
    return NULL;
}

static void remember(struct throttle *t, const struct throttle_attempt *a, int64_t now)
{
    struct pair *victim = NULL, *p;

    if (a->client.family == 0)
        return; /* not a network: everybody is there */
    p = find_pair(t, a, &victim);
    if (!p)
        p = victim;
    *p = (struct pair){key_of(t, OF_ACCOUNT_NETWORK, a) | 1, now};
}

/* --- interface --------------------------------------------------------------------------------------------------- */

/* What an attempt is counted under. */
struct counted {
    struct sketch *sketch;
    uint64_t key;
    uint32_t free_attempts;
    const char *what;
    bool spares_fresh; /* does not make a fresh pair wait */
};

static size_t counters_of(struct throttle *t, const struct throttle_attempt *a, struct counted v[THROTTLE_COUNTERS])
{
    uint64_t network = key_of(t, OF_NETWORK, a), pair = key_of(t, OF_ACCOUNT_NETWORK, a);

    if (a->known && a->device.n > 0) {
        v[0] = (struct counted){.sketch = &t->known,
                                .key = key_of(t, OF_ACCOUNT_DEVICE, a),
                                .free_attempts = THROTTLE_FREE_KNOWN,
                                .what = "this device"};
        return 1;
    }
    if (a->known) {
        v[0] = (struct counted){.sketch = &t->known,
                                .key = pair,
                                .free_attempts = THROTTLE_FREE_KNOWN,
                                .what = "this account from this network"};
        /* a network where many are known is not free to try each of their passwords */
        v[1] = (struct counted){.sketch = &t->networks,
                                .key = network,
                                .free_attempts = THROTTLE_FREE_KNOWN_NETWORK,
                                .what = "this network"};
        return 2;
    }
    v[0] = (struct counted){
        .sketch = &t->networks, .key = network, .free_attempts = THROTTLE_FREE_NETWORK, .what = "this network"};
    v[1] = (struct counted){.sketch = &t->strangers,
                            .key = pair,
                            .free_attempts = THROTTLE_FREE_PAIR,
                            .what = "this account from this network"};
    v[2] = (struct counted){.sketch = &t->accounts,
                            .key = key_of(t, OF_ACCOUNT, a),
                            .free_attempts = THROTTLE_FREE_ACCOUNT,
                            .what = "this account",
                            .spares_fresh = true};
    return 3;
}

/* A stranger whose network has hardly tried this account: may well be its owner somewhere new. */
static bool is_fresh(struct throttle *t, const struct throttle_attempt *a, int64_t now)
{
    return !a->known && sketch_level(&t->strangers, key_of(t, OF_ACCOUNT_NETWORK, a), now) < THROTTLE_FRESH;
}

int throttle_admit(struct throttle *t, struct throttle_attempt *a, int64_t now, int64_t *ret_retry_sec, struct err *e)
{
    struct counted v[THROTTLE_COUNTERS];
    const char *what = "";
    int64_t wait = 0;
    bool fresh;
    size_t n;

    (void)pthread_mutex_lock(&t->lock);
    a->known = a->device.n > 0 || find_pair(t, a, NULL);
    fresh = is_fresh(t, a, now);
    n = counters_of(t, a, v);
    for (size_t i = 0; i < n; i++) {
        int64_t w = sketch_wait(v[i].sketch, v[i].key, v[i].free_attempts, now);

        if (w > wait && !(fresh && v[i].spares_fresh)) {
            wait = w;
            what = v[i].what;
        }
    }
    for (size_t i = 0; i < n && wait == 0; i++)
        a->counted[i] = sketch_add(v[i].sketch, v[i].key, now);
    (void)pthread_mutex_unlock(&t->lock);
    if (wait == 0)
        return 0;
    *ret_retry_sec = wait;
    return err_set(e, ERR_THROTTLED, "too many failed attempts for %s; next in %lld s", what, (long long)wait);
}

void throttle_settle(struct throttle *t, const struct throttle_attempt *a, enum throttle_outcome outcome, int64_t now)
{
    struct counted v[THROTTLE_COUNTERS];
    size_t n;

    if (outcome == THROTTLE_FAILED)
        return; /* counted when it was admitted */
    (void)pthread_mutex_lock(&t->lock);
    n = counters_of(t, a, v);
    for (size_t i = 0; i < n; i++)
        sketch_sub(v[i].sketch, v[i].key, a->counted[i], now);
    if (outcome == THROTTLE_SUCCEEDED)
        remember(t, a, now);
    (void)pthread_mutex_unlock(&t->lock);
}

struct throttle *throttle_new(void)
{
    struct throttle *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    (void)pthread_mutex_init(&t->lock, NULL);
    crypto_shorthash_keygen(t->key);
    return t;
}

void throttle_free(struct throttle *t)
{
    if (!t)
        return;
    (void)pthread_mutex_destroy(&t->lock);
    sodium_memzero(t->key, sizeof t->key);
    free(t);
}
