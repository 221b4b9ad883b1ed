/*
 * session.h - session tokens, and the table of living sessions that all loops share.
 *
 * A token is 24 random bytes and a keyed tag in base64url: what carries no valid tag is refused before the table or the
 * store is asked. A token is good for exactly one host. The table holds copies of the store's rows, bounded, so that a
 * check costs no store access, no allocation and about a microsecond; session_check() may be called from an event loop,
 * everything that takes a store only from a job thread. Whatever ended in the store, by whichever process, ends here at
 * the next session_table_refresh().
 */
#ifndef USHER_ACCOUNTS_SESSION_H
#define USHER_ACCOUNTS_SESSION_H

#include "accounts/store.h"
#include "base/secret.h"

#define SESSION_TOKEN_RANDOM 24
#define SESSION_TOKEN_BYTES (SESSION_TOKEN_RANDOM + KEYRING_TAG_BYTES)
#define SESSION_TOKEN_SIZE 55 /* base64url of 40 bytes, and NUL */

/* Who is there: a copy, valid as long as the caller keeps it. Only the used part of `groups` is written. */
struct session_view {
    int64_t id;
    int64_t account_id;
    char email[EMAIL_MAX + 1];
    char name[STORE_NAME_MAX + 1];
    char door[STORE_KIND_MAX + 1];
    char idp[STORE_IDP_MAX + 1];
    char subject[STORE_SUBJECT_MAX + 1];
    int64_t created;
    int64_t absolute_end;
    size_t groups_n;                   /* length of groups */
    char groups[STORE_GROUPS_MAX + 1]; /* one a line: walk with slice_split(&rest, '\n', &g); empty if groups_n is 0 */
};

struct session_table;

/* At most about `max_tokens` tokens are kept; beyond that the least used leave (and can be loaded again). */
struct session_table *session_table_new(size_t max_tokens); /* NULL if memory is out */
void session_table_free(struct session_table *t);
size_t session_table_count(struct session_table *t);

enum session_state {
    SESSION_REFUSED = 0, /* no token of ours, for another host, or ended */
    SESSION_OK,
    SESSION_UNKNOWN /* a genuine token that is not in memory (or idle there): ask session_load() in a job thread */
};
/* Counts as activity if OK. Writes *ret only then. */
enum session_state session_check(struct session_table *t, const struct keyring *keys, struct slice token,
                                 const char *host, int64_t now, struct session_view *ret);
/* The same through the store, with one read; puts the session into the table. ERR_SESSION_NONE says why not. */
int session_load(struct session_table *t, const struct keyring *keys, struct store *s, struct slice token,
                 const char *host, int64_t now, struct session_view *ret, struct err *e);

/*
 * store_login_commit() with a fresh token for `host` (in->token is ignored), put into the table on success. A session
 * that the browser held before (in->replaces) ends.
 */
int session_login(struct session_table *t, const struct keyring *keys, struct store *s, const struct store_login *in,
                  const char *host, char ret_token[SESSION_TOKEN_SIZE], struct store_login_result *ret, struct err *e);

/* Ends the session of this token, whatever its host; a token that is none, or ended already, is no error (*ret_ended
 * false, nothing logged). */
int session_end(struct session_table *t, const struct keyring *keys, struct store *s, struct slice token, int64_t now,
                const struct event *log, bool *ret_ended, struct err *e);
/* Ends whatever matches, in the store and here. */
int session_revoke(struct session_table *t, struct store *s, const struct session_select *which, int64_t now,
                   const struct event *log, size_t *ret_n, struct err *e);

/* store_logout(), here as well. */
int session_logout(struct session_table *t, struct store *s, const struct store_logout *in, int64_t now, size_t *ret_n,
                   struct err *e);

/* Drops what ended in the store since the last call. Call it every 500 ms; cheap if
 * store_changes() did not move. */
int session_table_refresh(struct session_table *t, struct store *s, struct err *e);
/* Writes last_seen of sessions that moved by a minute or more since it was last written (`all`: whatever moved), and
 * lets go of sessions that have ended. Call it every minute, and with `all` before a stop. */
int session_table_flush(struct session_table *t, struct store *s, bool all, struct err *e);

/*
 * For landing.h, logout (which needs more of the row than a view has) and tests.
 */
/* Makes a token and the hash under which the store knows it. */
void session_token_make(const struct keyring *keys, char ret_token[SESSION_TOKEN_SIZE],
                        unsigned char ret_hash[STORE_TOKEN_HASH_BYTES]);
/* Checks form and tag; no allocation. False: not ours. */
bool session_token_read(const struct keyring *keys, struct slice token, unsigned char ret_hash[STORE_TOKEN_HASH_BYTES]);
/* Puts a token and the session's row, read at change number `changes`, into the table. Nothing happens if something
 * ended since then: the next check asks the store. */
void session_table_put(struct session_table *t, const unsigned char hash[STORE_TOKEN_HASH_BYTES], const char *host,
                       const struct session_row *row, int64_t changes);
/* When the session was last seen by this process; 0 if it is not in memory. */
int64_t session_table_last_seen(struct session_table *t, int64_t session_id);
void session_view_of_row(struct session_view *ret, const struct session_row *row);

#endif
