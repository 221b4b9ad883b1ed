/*
 * idp_keys.h - which keys speak for each identity provider now: from metadata files and URLs, kept in the store.
 *
 * The last good document of every URL is a row of the store, so a restart needs no network and commands see what the
 * daemon sees. What is due is fetched by usher-fetch in a pool thread, with jitter, and refetched once (rate limited)
 * when a signature matches no known key. The first document from a URL is taken on the word of TLS (trust on first
 * use). A new set that shares a key with the old one replaces it: keys that are gone die at once. A set that shares
 * none waits for `usher idp approve`, the old one stays, and an event says so. A key that `usher idp distrust` named
 * never counts again. When fetching fails the last good document stays in force, however old; only with
 * metadata_valid_until do its keys stop counting, at its own validUntil.
 */
#ifndef USHER_ROUTER_IDP_KEYS_H
#define USHER_ROUTER_IDP_KEYS_H

#include "accounts/store.h"
#include "router/config.h"
#include "router/trusts.h"

struct idp_keys;

/* Reads the store and what config_load() read from files; fetches nothing. An identity provider without a document has
 * an empty trust. */
int idp_keys_new(const struct config *c, struct store *s, struct idp_keys **ret, struct err *e);
/* No call may be under way. Accepts NULL. */
void idp_keys_free(struct idp_keys *k);

/* The table in force; one trust for each of config->idps, in that order. Give it back with trusts_unref(). */
struct trusts *idp_keys_current(struct idp_keys *k);

/* Reads the store again, after another process or idp_keys_refresh() changed it, and lets documents expire. Cheap when
 * nothing changed. In a pool thread. */
int idp_keys_reload(struct idp_keys *k, struct err *e);

/* Fetches one identity provider's metadata now and stores the outcome. Blocks: in a pool thread or a command.
 * ERR_USAGE for metadata from a file. A document that has to wait for an administrator is no error. */
int idp_keys_refresh(struct idp_keys *k, size_t idp, int64_t now, struct err *e);
/* The second half of it, with a document as idp_document_canonical() gives it. ERR_METADATA. */
int idp_keys_take(struct idp_keys *k, size_t idp, struct slice document, int64_t now, struct err *e);
/* The document that waits comes into force. `by`: who says so, for the event. ERR_METADATA if none waits. */
int idp_keys_approve(struct idp_keys *k, size_t idp, const char *by, int64_t now, struct err *e);

/* Something is due: idp_keys_refresh_due() has work. Never blocks. */
bool idp_keys_is_due(struct idp_keys *k, int64_t now);
/* Fetches what is due, each in turn, and stores uses. In a pool thread; returns at once if another thread is at it. */
void idp_keys_refresh_due(struct idp_keys *k, int64_t now);

/* Before the pool of idp_keys_refresh_due() is freed: what it fetches ends early and nothing more is begun. */
void idp_keys_stop(struct idp_keys *k);

/* No known key verified a signature of this one: it becomes due, at most once in five minutes. Never blocks. */
void idp_keys_unknown_key(struct idp_keys *k, size_t idp, int64_t now);

/* A login was verified by this key. Never blocks; first and last use are stored by idp_keys_flush(). */
void idp_keys_used(struct idp_keys *k, size_t idp, const unsigned char sha256[32], int64_t now);
/* Before a stop; idp_keys_refresh_due() does it every minute. */
int idp_keys_flush(struct idp_keys *k, struct err *e);

#endif
