/*
 * idp_keys.h - which keys speak for each identity provider now: from metadata files and URLs, kept in the store.
 *
 * The last good document of every URL is a row of the store, so a restart needs no network and commands see what the
 * daemon sees. What is due is fetched by usher-fetch in a pool thread, with jitter, and refetched once (rate limited)
 * when a signature matches no known key. A new set that shares a key with the old one replaces it: keys that are gone
 * die at once. A set that shares none waits for `usher idp approve`, the old one stays, and an event says so. A key
 * that `usher idp distrust` named never counts again.
 */
#ifndef USHER_ROUTER_IDP_KEYS_H
#define USHER_ROUTER_IDP_KEYS_H

#include "accounts/store.h"
#include "router/config.h"
#include "router/trusts.h"

struct idp_keys;
struct jobs_pool;
struct jobs_reply;

/* Reads files and the store; fetches nothing. An identity provider without a document has an empty trust. */
int idp_keys_new(const struct config *c, struct store *s, struct idp_keys **ret, struct err *e);
void idp_keys_free(struct idp_keys *k);

/* The table in force; one trust for each of config->idps, in that order. Give it back with trusts_unref(). */
struct trusts *idp_keys_current(struct idp_keys *k);

/* Reads the store again, after another process or idp_keys_refresh() changed it. In a pool thread. */
int idp_keys_reload(struct idp_keys *k, struct err *e);

/* Fetches one identity provider's metadata now and stores the outcome. Blocks: in a pool thread or a command. */
int idp_keys_refresh(struct idp_keys *k, size_t idp, int64_t now, struct err *e);

/* Fetches what is due, each in turn. In a pool thread; returns at once if another thread is at it. */
void idp_keys_refresh_due(struct idp_keys *k, int64_t now);

/* No known key verified a signature of this one: it becomes due, at most once in five minutes. Never blocks. */
void idp_keys_unknown_key(struct idp_keys *k, size_t idp, int64_t now);

/* A login was verified by this key. Never blocks; first and last use are stored by the next refresh or flush. */
void idp_keys_used(struct idp_keys *k, size_t idp, const unsigned char sha256[32], int64_t now);

#endif
