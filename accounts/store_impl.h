/*
 * store_impl.h - how an operation of store.h reaches the database. For accounts/store_*.c.
 */
#ifndef USHER_ACCOUNTS_STORE_IMPL_H
#define USHER_ACCOUNTS_STORE_IMPL_H

#include "accounts/sql.h"
#include "accounts/store.h"

#define STORE_QUEUE_MAX 1024 /* writes that wait; more are refused with ERR_BUSY */
#define STORE_BATCH_MAX 256  /* writes in one transaction */
#define STORE_READERS 8      /* connections; a reader beyond them waits */

typedef int (*store_fn)(struct sql_conn *c, void *arg, struct err *e);

/*
 * Runs `fn` in the writer thread, inside a savepoint of a transaction that other writes share, and returns when that is
 * committed. If fn fails, only what it did is undone. If the whole transaction is lost, -1 with fn's work undone: so
 * results go into `arg` and reach the caller's ret_* only after 0.
 */
int store_write(struct store *s, store_fn fn, void *arg, struct err *e);
/* Runs `fn` in this thread on a connection of its own. fn must not call the store. */
int store_read(struct store *s, store_fn fn, void *arg, struct err *e);

/* For tests: another maximum than STORE_QUEUE_MAX; writes that wait now. */
void store_set_queue_max(struct store *s, size_t max);
size_t store_queued(struct store *s);

/* The pieces that several operations share; to be called inside a write. */
int store_changes_get(struct sql_conn *c, int64_t *ret, struct err *e);
int store_changes_bump(struct sql_conn *c, int64_t *ret, struct err *e);
int store_event_insert(struct sql_conn *c, const struct event *ev, struct err *e); /* ev may be NULL */
int store_sessions_end_account(struct sql_conn *c, int64_t account_id, int64_t now, struct err *e);
int store_account_get(struct sql_conn *c, int64_t id, struct account *ret, bool *ret_found, struct err *e);
int store_account_get_by_subject(struct sql_conn *c, const char *idp, const char *subject, struct account *ret,
                                 bool *ret_found, struct err *e);
/* *ret_id 0: address or identity are taken. */
int store_account_insert(struct sql_conn *c, const struct account *a, int64_t *ret_id, struct err *e);
/* The same binding again is fine. ERR_LINK_REFUSED, ERR_ACCOUNT_NONE. */
int store_account_bind(struct sql_conn *c, int64_t id, const char *idp, const char *subject, struct err *e);
/* Columns SESSION_COLUMNS from `col` on. */
#define SESSION_COLUMNS                                                                                        \
    "s.id, s.account_id, s.email, s.name, s.door, s.idp, s.subject, s.name_id, s.session_index, s.created, "   \
    "s.last_seen, s.idle_sec, s.absolute_end, s.revoked_at, s.member_of, s.name_id_format, s.name_qualifier, " \
    "s.sp_name_qualifier, s.key_sha256"
#define SESSION_COLUMNS_N 19
int store_session_read(struct sql_stmt *st, struct session_row *ret, struct err *e);
int store_session_insert(struct sql_conn *c, const struct session_row *row, int64_t *ret_id, struct err *e);
int store_token_insert(struct sql_conn *c, int64_t session_id, const struct session_token_row *token,
                       const unsigned char *landing, struct err *e);
/* Ends what a login verified by this key opened. */
int store_sessions_end_key(struct sql_conn *c, const char *idp, const unsigned char sha256[STORE_KEY_BYTES],
                           int64_t now, size_t *ret_n, struct err *e);
/* ERR_SIGNATURE if it was distrusted. */
int store_idp_check_key(struct sql_conn *c, const char *idp, const unsigned char sha256[STORE_KEY_BYTES],
                        struct err *e);
int store_session_end_id(struct sql_conn *c, int64_t session_id, int64_t now, size_t *ret_n, struct err *e);
int store_session_end_name_id(struct sql_conn *c, const struct session_select *w, int64_t now, size_t *ret_n,
                              struct err *e);
/* ERR_REPLAY if the pair is there already. */
int store_replay_spend(struct sql_conn *c, const char *issuer, const char *id, int64_t valid_until, struct err *e);

#endif
