/*
 * session_impl.h - what session.c needs of the table beside session.h. For accounts/session*.c.
 */
#ifndef USHER_ACCOUNTS_SESSION_IMPL_H
#define USHER_ACCOUNTS_SESSION_IMPL_H

#include "accounts/session.h"

bool session_table_holds(struct session_table *t, const unsigned char hash[STORE_TOKEN_HASH_BYTES]);
/* The session was used, besides session_check(); the next flush writes it. */
void session_table_use(struct session_table *t, int64_t session_id, int64_t now);
/* Marks these sessions as ended; their tokens leave at the next flush. Ids that are not in memory are skipped. */
void session_table_end(struct session_table *t, const int64_t *ids, size_t n);
/* Takes the token out and marks its session, whatever the store says later. */
void session_table_end_token(struct session_table *t, const unsigned char hash[STORE_TOKEN_HASH_BYTES]);

#endif
