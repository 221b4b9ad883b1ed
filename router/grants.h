/*
 * grants.h - the grants of the store, as an index that policy can consult, exchanged whole when the store changes.
 *
 * Readers take a reference, never a lock for longer than that; a reload builds a new index beside the old one.
 * Thread-safe.
 */
#ifndef USHER_ROUTER_GRANTS_H
#define USHER_ROUTER_GRANTS_H

#include "accounts/store.h"
#include "policy/policy.h"

struct grants_cache;

/* Reads the store once. ERR_STORE, ERR_MEMORY. */
int grants_cache_new(struct store *s, struct grants_cache **ret, struct err *e);
void grants_cache_free(struct grants_cache *g);
/* Reads the store again; on failure the old index stays. */
int grants_cache_reload(struct grants_cache *g, struct store *s, struct err *e);

/* Builds an index from the store's rows; for the CLI as well. Rows that policy does not understand are skipped and
 * counted. */
int grants_index(struct store *s, struct policy_grants **ret, size_t *ret_skipped, struct err *e);

/* policy_route(), policy_authorize() and policy_is_outside() with the grants of now. */
int grants_cache_route(struct grants_cache *g, const struct policy *p, const struct policy_request *request,
                       struct arena *a, struct policy_decision *ret, struct err *e);
int grants_cache_authorize(struct grants_cache *g, const struct policy *p, const struct policy_request *request,
                           struct arena *a, struct policy_decision *ret, struct err *e);

bool grants_cache_is_outside(struct grants_cache *g, const struct policy *p, const struct email *who, int64_t now);

#endif
