/*
 * idp_keys_impl.h - what idp_keys.c and idp_refresh.c share.
 */
#ifndef USHER_ROUTER_IDP_KEYS_IMPL_H
#define USHER_ROUTER_IDP_KEYS_IMPL_H

#include <pthread.h>

#include "router/idp_document.h"
#include "router/idp_keys.h"

#define IDP_USES_MAX 128

struct idp_entry {
    int64_t revision; /* that the table in force was made from */
    int64_t next;     /* URL: when to fetch; 0: now */
    int64_t expires;  /* metadata_valid_until: when the keys of the document stop counting; 0: never */
    int64_t asked;    /* when idp_keys_unknown_key() last had an effect */
    bool asked_for;
    int64_t cache_duration, valid_until; /* of the document */
};

struct idp_keys {
    const struct config *config;
    struct store *store;

    pthread_mutex_t building; /* held by the one thread that makes a new table; taken before `lock` */
    pthread_mutex_t working;  /* held by the one thread that refreshes what is due, as long as that takes */

    atomic_bool stopping;

    pthread_mutex_t lock; /* guards what follows; never held across a call of the store */
    struct trusts *current;
    struct idp_entry entries[CONFIG_IDPS_MAX];
    struct idp_use uses[IDP_USES_MAX];
    size_t nuses;
    int64_t flushed;
    bool announced;
};

/* idp_keys_reload() as of `now`. */
int idp_keys_rebuild(struct idp_keys *k, int64_t now, struct err *e);
/* Rows for the keys of a trust; returns how many. */
size_t idp_rows_of_keys(const struct saml_trust *t, struct idp_key rows[SAML_KEYS_MAX]);

#endif
