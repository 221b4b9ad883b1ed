/*
 * session.c - sessions between the store and the table: opened, loaded, ended. See session.h.
 *
 * The store is always written first: what it did not take is not in the table either, and what it ended is dropped here
 * before the caller hears of it.
 */
#include "accounts/session_impl.h"

#include <string.h>

int session_load(struct session_table *t, const struct keyring *keys, struct store *s, struct slice token,
                 const char *host, int64_t now, struct session_view *ret, struct err *e)
{
    unsigned char hash[STORE_TOKEN_HASH_BYTES];
    char token_host[DOMAIN_MAX + 1];
    struct session_row row;
    int64_t changes, seen;
    bool found;

    if (!session_token_read(keys, token, hash))
        return err_set(e, ERR_SESSION_NONE, "the session token carries no valid tag");
    if (store_session_find(s, hash, &row, token_host, &changes, &found, e) != 0)
        return -1;
    if (!found)
        return err_set(e, ERR_SESSION_NONE, "no session has this token");
    if (strcmp(token_host, host) != 0)
        return err_mismatch(e, ERR_SESSION_NONE, host, token_host, "the session token is for another host");
    if (row.revoked_at != 0)
        return err_set(e, ERR_SESSION_NONE, "the session of %s was ended", row.email);
    if (now >= row.absolute_end)
        return err_set(e, ERR_SESSION_NONE, "the session of %s has reached its end", row.email);
    seen = session_table_last_seen(t, row.id);
    if (now - (seen > row.last_seen ? seen : row.last_seen) >= row.idle_sec)
        return err_set(e, ERR_SESSION_NONE, "the session of %s was not used for too long", row.email);
    session_table_put(t, hash, host, &row, changes);
    session_table_use(t, row.id, now);
    session_view_of_row(ret, &row);
    return 0;
}

/* Sees to it that a session just opened is in the table, although its row was not what was given, or a refresh went
 * past it. That fails harmlessly: then the first check asks the store. */
static void hold_new(struct session_table *t, const struct keyring *keys, struct store *s, const char *text,
                     const struct session_token_row *token, int64_t now)
{
    struct session_view ignored;
    struct err e = ERR_INIT;

    for (int tries = 0; tries < 3 && !session_table_holds(t, token->hash); tries++) {
        if (session_load(t, keys, s, slice_of(text), token->host, now, &ignored, &e) != 0)
            return;
    }
}

int session_login(struct session_table *t, const struct keyring *keys, struct store *s, const struct store_login *in,
                  const char *host, char ret_token[SESSION_TOKEN_SIZE], struct store_login_result *ret, struct err *e)
{
    struct session_token_row token;
    struct store_login login = *in;
    struct store_login_result result;
    char text[SESSION_TOKEN_SIZE];
    struct session_row row;
    int r = -1;

    session_token_make(keys, text, token.hash);
    if (!str_copy(token.host, sizeof token.host, slice_of(host))) {
        (void)err_set(e, ERR_LIMIT, "host name longer than %d octets", DOMAIN_MAX);
        goto out;
    }
    login.token = &token;
    if (store_login_commit(s, &login, &result, e) != 0)
        goto out;
    session_table_end(t, &login.replaces, 1);
    row = *in->session;
    row.id = result.session_id;
    row.account_id = result.account_id;
    row.last_seen = row.created;
    row.revoked_at = 0;
    if (!result.email_kept) /* else the store's row is not quite this one */
        session_table_put(t, token.hash, token.host, &row, result.changes);
    hold_new(t, keys, s, text, &token, row.created);
    memcpy(ret_token, text, sizeof text);
    *ret = result;
    r = 0;
out:
    secret_wipe(text, sizeof text);
    return r;
}

int session_end(struct session_table *t, const struct keyring *keys, struct store *s, struct slice token, int64_t now,
                const struct event *log, bool *ret_ended, struct err *e)
{
    unsigned char hash[STORE_TOKEN_HASH_BYTES];
    struct session_select which = {.by = SESSION_BY_TOKEN, .hash = hash};
    size_t n = 0;

    if (!session_token_read(keys, token, hash)) {
        *ret_ended = false;
        return 0;
    }
    if (store_session_revoke(s, &which, now, log, &n, e) != 0)
        return -1;
    session_table_end_token(t, hash);
    *ret_ended = n > 0;
    return session_table_refresh(t, s, e);
}

int session_revoke(struct session_table *t, struct store *s, const struct session_select *which, int64_t now,
                   const struct event *log, size_t *ret_n, struct err *e)
{
    if (store_session_revoke(s, which, now, log, ret_n, e) != 0)
        return -1;
    return session_table_refresh(t, s, e);
}

int session_logout(struct session_table *t, struct store *s, const struct store_logout *in, int64_t now, size_t *ret_n,
                   struct err *e)
{
    if (store_logout(s, in, now, ret_n, e) != 0)
        return -1;
    return session_table_refresh(t, s, e);
}
