/* grants.c - see grants.h. */
#include "router/grants.h"

#include <pthread.h>
#include <stdlib.h>

#include "router/log.h"

/* An index and how many use it; freed by the last. */
struct shared {
    struct policy_grants *index;
    size_t users;
};

struct grants_cache {
    pthread_mutex_t mutex;
    struct shared *now;
};

struct build {
    struct policy_grants *index;
    size_t skipped;
};

static bool add_row(void *ctx, const struct account_grant_row *row)
{
    struct build *b = ctx;
    struct err e = ERR_INIT;
    const struct policy_grant_text text = {.id = row->id,
                                           .account = row->account,
                                           .kind = row->kind,
                                           .owner = row->owner,
                                           .reason = row->reason,
                                           .from = row->from,
                                           .until = row->until,
                                           .networks = row->networks,
                                           .condition = row->condition};

    if (policy_grants_add(b->index, &text, &e) != 0)
        b->skipped++;
    return true;
}

int grants_index(struct store *s, struct policy_grants **ret, size_t *ret_skipped, struct err *e)
{
    struct build b = {.index = policy_grants_new()};

    if (!b.index)
        return err_set(e, ERR_MEMORY, "grants");
    if (store_grant_list(s, false, add_row, &b, e) != 0) {
        policy_grants_free(b.index);
        return -1;
    }
    *ret = b.index;
    *ret_skipped = b.skipped;
    return 0;
}

static void release(struct grants_cache *g, struct shared *s)
{
    bool last;

    if (!s)
        return;
    pthread_mutex_lock(&g->mutex);
    last = --s->users == 0;
    pthread_mutex_unlock(&g->mutex);
    if (last) {
        policy_grants_free(s->index);
        free(s);
    }
}

static struct shared *acquire(struct grants_cache *g)
{
    struct shared *s;

    pthread_mutex_lock(&g->mutex);
    s = g->now;
    s->users++;
    pthread_mutex_unlock(&g->mutex);
    return s;
}

int grants_cache_reload(struct grants_cache *g, struct store *s, struct err *e)
{
    struct shared *new = calloc(1, sizeof *new), *old;
    size_t skipped = 0;

    if (!new)
        return err_set(e, ERR_MEMORY, "grants");
    if (grants_index(s, &new->index, &skipped, e) != 0) {
        free(new);
        return -1;
    }
    if (skipped)
        log_line(LOG_LEVEL_WARNING, "grants.skipped", "message",
                 "grants in the store that this version cannot read have no effect");
    new->users = 1; /* the cache's own */
    pthread_mutex_lock(&g->mutex);
    old = g->now;
    g->now = new;
    pthread_mutex_unlock(&g->mutex);
    release(g, old);
    return 0;
}

int grants_cache_new(struct store *s, struct grants_cache **ret, struct err *e)
{
    struct grants_cache *g = calloc(1, sizeof *g);

    if (!g)
        return err_set(e, ERR_MEMORY, "grants");
    pthread_mutex_init(&g->mutex, NULL);
    if (grants_cache_reload(g, s, e) != 0) {
        grants_cache_free(g);
        return -1;
    }
    *ret = g;
    return 0;
}

void grants_cache_free(struct grants_cache *g)
{
    if (!g)
        return;
    release(g, g->now);
    pthread_mutex_destroy(&g->mutex);
    free(g);
}

int grants_cache_route(struct grants_cache *g, const struct policy *p, const struct policy_request *request,
                       struct arena *a, struct policy_decision *ret, struct err *e)
{
    struct shared *s = acquire(g);
    int r = policy_route(p, s->index, request, a, ret, e);

    release(g, s);
    return r;
}

int grants_cache_authorize(struct grants_cache *g, const struct policy *p, const struct policy_request *request,
                           struct arena *a, struct policy_decision *ret, struct err *e)
{
    struct shared *s = acquire(g);
    int r = policy_authorize(p, s->index, request, a, ret, e);

    release(g, s);
    return r;
}

bool grants_cache_is_outside(struct grants_cache *g, const struct policy *p, const struct email *who, int64_t now)
{
    struct shared *s = acquire(g);
    bool outside = policy_is_outside(p, s->index, who, now);

    release(g, s);
    return outside;
}
