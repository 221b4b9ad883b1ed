/*
 * session_table.c - the table of living sessions: see session.h and session_impl.h.
 *
 * Two maps. Tokens, by hash, spread over shards with a mutex each: a check takes one of them for well under a
 * microsecond. Sessions ("cores"), by id, under one mutex: identity and ends, shared by all tokens of the session and
 * freed with the last of them; checks reach them through a token and need only atomics. Lock order: shard, then cores.
 *
 * A row that was read before somebody ended the session must not enter the table after the refresh that would have
 * dropped it. So a row comes with the change number at which it was read, and is put in only if no refresh went past
 * it.
 */
#include "accounts/session_impl.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* uthash ends the process when memory is out, unless told otherwise; an element not added has no table then */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/clock.h"

#define SHARDS 64
#define FLUSH_STEP_SEC 60
#define FLUSH_ROWS 500 /* per write, so that logins get between */
#define EVICT_STEPS 8

struct core {
    int64_t id;
    int64_t account_id;
    int64_t created;
    int64_t idle_sec;
    int64_t absolute_end;
    _Atomic int64_t last_seen;
    atomic_bool ended;
    int64_t flushed; /* last_seen as the store has it; under cores_lock */
    size_t refs;     /* tokens that point here, and callers; under cores_lock */
    UT_hash_handle hh;
    const char *name, *door, *idp, *subject, *groups; /* into text, after the email */
    size_t groups_n;
    char text[]; /* email */
};

struct token {
    unsigned char hash[STORE_TOKEN_HASH_BYTES];
    struct core *core;
    bool used; /* since it was last passed over for eviction */
    UT_hash_handle hh;
    char host[];
};

struct shard {
    pthread_mutex_t lock;
    struct token *tokens; /* uthash keeps them in order of insertion: the head is next to be evicted */
} __attribute__((aligned(64)));

struct session_table {
    struct shard shards[SHARDS];
    size_t max_per_shard;
    unsigned char key[crypto_shorthash_KEYBYTES];
    pthread_mutex_t cores_lock;
    struct core *cores;
    pthread_mutex_t refresh_lock; /* one refresh at a time */
    _Atomic int64_t refreshed;    /* change number up to which ended sessions were dropped */
};

/* --- cores -------------------------------------------------------------------------------------------------------- */

/* The texts came out of fields of the same sizes. */
static void view_of_core(struct session_view *ret, const struct core *c)
{
    ret->id = c->id;
    ret->account_id = c->account_id;
    memcpy(ret->email, c->text, strlen(c->text) + 1);
    memcpy(ret->name, c->name, strlen(c->name) + 1);
    memcpy(ret->door, c->door, strlen(c->door) + 1);
    memcpy(ret->idp, c->idp, strlen(c->idp) + 1);
    memcpy(ret->subject, c->subject, strlen(c->subject) + 1);
    ret->created = c->created;
    ret->absolute_end = c->absolute_end;
    ret->groups_n = c->groups_n;
    memcpy(ret->groups, c->groups, c->groups_n + 1);
}

static const char *append(char **to, const char *text)
{
    size_t n = strlen(text) + 1;
    char *at = *to;

    memcpy(at, text, n);
    *to += n;
    return at;
}

static struct core *core_new(const struct session_row *row)
{
    size_t n = strlen(row->email) + strlen(row->name) + strlen(row->door) + strlen(row->idp) + strlen(row->subject) +
               strlen(row->groups) + 6;
    struct core *c = calloc(1, sizeof *c + n);
    char *to;

    if (!c)
        return NULL;
    to = c->text;
    c->id = row->id;
    c->account_id = row->account_id;
    c->created = row->created;
    c->idle_sec = row->idle_sec;
    c->absolute_end = row->absolute_end;
    c->flushed = row->last_seen;
    atomic_init(&c->last_seen, row->last_seen);
    atomic_init(&c->ended, false);
    (void)append(&to, row->email);
    c->name = append(&to, row->name);
    c->door = append(&to, row->door);
    c->idp = append(&to, row->idp);
    c->subject = append(&to, row->subject);
    c->groups = append(&to, row->groups);
    c->groups_n = strlen(row->groups);
    return c;
}

static unsigned id_hash(const struct session_table *t, int64_t id)
{
    uint64_t h;

    (void)crypto_shorthash((unsigned char *)&h, (const unsigned char *)&id, sizeof id, t->key);
    return (unsigned)h;
}

/* With cores_lock held. */
static struct core *core_find(struct session_table *t, int64_t id)
{
    struct core *c = NULL;

    HASH_FIND_BYHASHVALUE(hh, t->cores, &id, sizeof id, id_hash(t, id), c);
    return c;
}

static void see(struct core *c, int64_t now)
{
    if (atomic_load_explicit(&c->last_seen, memory_order_relaxed) < now)
        atomic_store_explicit(&c->last_seen, now, memory_order_relaxed);
}

/* The core of this row, with one more reference; NULL if memory is out. */
static struct core *core_hold(struct session_table *t, const struct session_row *row)
{
    struct core *c;

    (void)pthread_mutex_lock(&t->cores_lock);
    c = core_find(t, row->id);
    if (c) {
        see(c, row->last_seen);
    } else {
        c = core_new(row);
        if (c) {
            HASH_ADD_KEYPTR_BYHASHVALUE(hh, t->cores, &c->id, sizeof c->id, id_hash(t, c->id), c);
            if (!c->hh.tbl) {
                free(c);
                c = NULL;
            }
        }
    }
    if (c)
        c->refs++;
    (void)pthread_mutex_unlock(&t->cores_lock);
    return c;
}

static void core_drop(struct session_table *t, struct core *c)
{
    bool last;

    (void)pthread_mutex_lock(&t->cores_lock);
    last = --c->refs == 0;
    if (last)
        HASH_DELETE(hh, t->cores, c);
    (void)pthread_mutex_unlock(&t->cores_lock);
    if (last)
        free(c);
}

/* --- tokens ------------------------------------------------------------------------------------------------------- */

static struct shard *shard_of(struct session_table *t, const unsigned char hash[STORE_TOKEN_HASH_BYTES],
                              unsigned *ret_hashv)
{
    uint64_t h;

    (void)crypto_shorthash((unsigned char *)&h, hash, STORE_TOKEN_HASH_BYTES, t->key);
    *ret_hashv = (unsigned)h;
    return &t->shards[(h >> 32) % SHARDS];
}

/* The next three with the shard's lock held. */
static struct token *token_find(struct shard *sh, const unsigned char hash[STORE_TOKEN_HASH_BYTES], unsigned hashv)
{
    struct token *k = NULL;

    HASH_FIND_BYHASHVALUE(hh, sh->tokens, hash, STORE_TOKEN_HASH_BYTES, hashv, k);
    return k;
}

static void token_remove(struct session_table *t, struct shard *sh, struct token *k)
{
    HASH_DELETE(hh, sh->tokens, k);
    core_drop(t, k->core);
    free(k);
}

/* Second chance: the oldest leaves unless it was used since it was last looked at; then it is the newest. After a few
 * such steps the next leaves in any case. */
static void evict_one(struct session_table *t, struct shard *sh)
{
    for (int step = 0; sh->tokens && step < EVICT_STEPS; step++) {
        struct token *k = sh->tokens;
        unsigned hashv = k->hh.hashv;

        if (!k->used || atomic_load(&k->core->ended))
            break;
        k->used = false;
        HASH_DELETE(hh, sh->tokens, k);
        HASH_ADD_KEYPTR_BYHASHVALUE(hh, sh->tokens, k->hash, sizeof k->hash, hashv, k);
        if (!k->hh.tbl) { /* no memory to put it back: it is gone from the table already */
            core_drop(t, k->core);
            free(k);
            return;
        }
    }
    if (sh->tokens)
        token_remove(t, sh, sh->tokens);
}

void session_table_put(struct session_table *t, const unsigned char hash[STORE_TOKEN_HASH_BYTES], const char *host,
                       const struct session_row *row, int64_t changes)
{
    size_t host_n = strlen(host) + 1;
    struct token *k = calloc(1, sizeof *k + host_n);
    struct core *c = k ? core_hold(t, row) : NULL;
    struct shard *sh;
    unsigned hashv;

    if (!c) {
        free(k); /* no memory: then it is not kept */
        return;
    }
    memcpy(k->hash, hash, sizeof k->hash);
    memcpy(k->host, host, host_n);
    sh = shard_of(t, hash, &hashv);
    (void)pthread_mutex_lock(&sh->lock);
    /* the core is in the map by now: a refresh that starts after this reading marks it */
    if (atomic_load(&t->refreshed) <= changes && !token_find(sh, hash, hashv)) {
        if (HASH_COUNT(sh->tokens) >= t->max_per_shard)
            evict_one(t, sh);
        HASH_ADD_KEYPTR_BYHASHVALUE(hh, sh->tokens, k->hash, sizeof k->hash, hashv, k);
        if (k->hh.tbl) {
            k->core = c;
            k = NULL;
            c = NULL;
        }
    }
    (void)pthread_mutex_unlock(&sh->lock);
    free(k);
    if (c)
        core_drop(t, c);
}

bool session_table_holds(struct session_table *t, const unsigned char hash[STORE_TOKEN_HASH_BYTES])
{
    unsigned hashv;
    struct shard *sh = shard_of(t, hash, &hashv);
    bool held;

    (void)pthread_mutex_lock(&sh->lock);
    held = token_find(sh, hash, hashv) != NULL;
    (void)pthread_mutex_unlock(&sh->lock);
    return held;
}

/* What the token's core says. With the shard's lock held. */
static enum session_state judge(const struct token *k, const char *host, int64_t now)
{
    const struct core *c = k->core;

    if (strcmp(k->host, host) != 0 || atomic_load_explicit(&c->ended, memory_order_acquire) || now >= c->absolute_end)
        return SESSION_REFUSED;
    /* idle here, but perhaps not for another process: the store knows */
    if (now - atomic_load_explicit(&c->last_seen, memory_order_relaxed) >= c->idle_sec)
        return SESSION_UNKNOWN;
    return SESSION_OK;
}

enum session_state session_check(struct session_table *t, const struct keyring *keys, struct slice token,
                                 const char *host, int64_t now, struct session_view *ret)
{
    unsigned char hash[STORE_TOKEN_HASH_BYTES];
    enum session_state state = SESSION_UNKNOWN;
    struct shard *sh;
    struct token *k;
    unsigned hashv;

    if (!session_token_read(keys, token, hash))
        return SESSION_REFUSED;
    sh = shard_of(t, hash, &hashv);
    (void)pthread_mutex_lock(&sh->lock);
    k = token_find(sh, hash, hashv);
    if (k)
        state = judge(k, host, now);
    if (state == SESSION_OK) {
        see(k->core, now);
        k->used = true;
        view_of_core(ret, k->core);
    }
    (void)pthread_mutex_unlock(&sh->lock);
    return state;
}

/* --- seen and ended ----------------------------------------------------------------------------------------------- */

int64_t session_table_last_seen(struct session_table *t, int64_t session_id)
{
    struct core *c;
    int64_t seen;

    (void)pthread_mutex_lock(&t->cores_lock);
    c = core_find(t, session_id);
    seen = c ? atomic_load(&c->last_seen) : 0;
    (void)pthread_mutex_unlock(&t->cores_lock);
    return seen;
}

void session_table_use(struct session_table *t, int64_t session_id, int64_t now)
{
    struct core *c;

    (void)pthread_mutex_lock(&t->cores_lock);
    c = core_find(t, session_id);
    if (c)
        see(c, now);
    (void)pthread_mutex_unlock(&t->cores_lock);
}

void session_table_end(struct session_table *t, const int64_t *ids, size_t n)
{
    (void)pthread_mutex_lock(&t->cores_lock);
    for (size_t i = 0; i < n; i++) {
        struct core *c = core_find(t, ids[i]);

        if (c)
            atomic_store_explicit(&c->ended, true, memory_order_release);
    }
    (void)pthread_mutex_unlock(&t->cores_lock);
}

void session_table_end_token(struct session_table *t, const unsigned char hash[STORE_TOKEN_HASH_BYTES])
{
    unsigned hashv;
    struct shard *sh = shard_of(t, hash, &hashv);
    struct token *k;

    (void)pthread_mutex_lock(&sh->lock);
    k = token_find(sh, hash, hashv);
    if (k) {
        atomic_store_explicit(&k->core->ended, true, memory_order_release);
        token_remove(t, sh, k);
    }
    (void)pthread_mutex_unlock(&sh->lock);
}

int session_table_refresh(struct session_table *t, struct store *s, struct err *e)
{
    int64_t now_at, changes, *ids = NULL;
    size_t n = 0;
    int r = -1;

    (void)pthread_mutex_lock(&t->refresh_lock);
    if (store_changes(s, &now_at, e) != 0)
        goto out;
    if (now_at != atomic_load(&t->refreshed)) {
        if (store_session_revoked_since(s, atomic_load(&t->refreshed), &ids, &n, &changes, e) != 0)
            goto out;
        atomic_store(&t->refreshed, changes); /* first: from here on no older row gets in */
        session_table_end(t, ids, n);
    }
    r = 0;
out:
    (void)pthread_mutex_unlock(&t->refresh_lock);
    free(ids);
    return r;
}

/* --- upkeep ------------------------------------------------------------------------------------------------------- */

static void sweep(struct session_table *t, int64_t now)
{
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *sh = &t->shards[i];
        struct token *k, *next;

        (void)pthread_mutex_lock(&sh->lock);
        HASH_ITER(hh, sh->tokens, k, next)
        {
            if (judge(k, k->host, now) != SESSION_OK)
                token_remove(t, sh, k);
        }
        (void)pthread_mutex_unlock(&sh->lock);
    }
}

/* Those to be written, at most `max`, marked as written. */
static size_t take_moved(struct session_table *t, int64_t step, struct session_touch *v, size_t max)
{
    struct core *c, *next;
    size_t n = 0;

    (void)pthread_mutex_lock(&t->cores_lock);
    HASH_ITER(hh, t->cores, c, next)
    {
        int64_t seen = atomic_load(&c->last_seen);

        if (n == max)
            break;
        if (seen - c->flushed < step)
            continue;
        v[n++] = (struct session_touch){c->id, seen};
        c->flushed = seen;
    }
    (void)pthread_mutex_unlock(&t->cores_lock);
    return n;
}

/* They were not written after all. */
static void put_back(struct session_table *t, const struct session_touch *v, size_t n)
{
    (void)pthread_mutex_lock(&t->cores_lock);
    for (size_t i = 0; i < n; i++) {
        struct core *c = core_find(t, v[i].id);

        if (c)
            c->flushed = 0;
    }
    (void)pthread_mutex_unlock(&t->cores_lock);
}

int session_table_flush(struct session_table *t, struct store *s, bool all, struct err *e)
{
    struct session_touch v[FLUSH_ROWS];
    size_t n;

    do {
        n = take_moved(t, all ? 1 : FLUSH_STEP_SEC, v, FLUSH_ROWS);
        if (store_session_touch(s, v, n, e) != 0) {
            put_back(t, v, n);
            return -1;
        }
    } while (n == FLUSH_ROWS);
    sweep(t, clock_now());
    return 0;
}

/* --- making and freeing ------------------------------------------------------------------------------------------- */

struct session_table *session_table_new(size_t max_tokens)
{
    struct session_table *t = aligned_alloc(64, (sizeof *t + 63) / 64 * 64);

    if (!t)
        return NULL;
    memset(t, 0, sizeof *t);
    crypto_shorthash_keygen(t->key);
    t->max_per_shard = max_tokens / SHARDS > 0 ? max_tokens / SHARDS : 1;
    for (size_t i = 0; i < SHARDS; i++)
        (void)pthread_mutex_init(&t->shards[i].lock, NULL);
    (void)pthread_mutex_init(&t->cores_lock, NULL);
    (void)pthread_mutex_init(&t->refresh_lock, NULL);
    return t;
}

void session_table_free(struct session_table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        struct token *k, *next;

        HASH_ITER(hh, t->shards[i].tokens, k, next)
        {
            token_remove(t, &t->shards[i], k);
        }
        (void)pthread_mutex_destroy(&t->shards[i].lock);
    }
    (void)pthread_mutex_destroy(&t->cores_lock);
    (void)pthread_mutex_destroy(&t->refresh_lock);
    secret_wipe(t->key, sizeof t->key);
    free(t);
}

size_t session_table_count(struct session_table *t)
{
    size_t n = 0;

    for (size_t i = 0; i < SHARDS; i++) {
        (void)pthread_mutex_lock(&t->shards[i].lock);
        n += HASH_COUNT(t->shards[i].tokens);
        (void)pthread_mutex_unlock(&t->shards[i].lock);
    }
    return n;
}
