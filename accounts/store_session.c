/* store_session.c - the session rows of store.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/store_impl.h"

bool session_row_alive(const struct session_row *row, int64_t now)
{
    return row->revoked_at == 0 && now < row->absolute_end && now - row->last_seen < row->idle_sec;
}

int store_session_read(struct sql_stmt *st, struct session_row *ret, struct err *e)
{
    struct slice key;

    ret->id = sql_int(st, 0);
    ret->account_id = sql_int(st, 1);
    SQL_TEXT(st, 2, ret->email);
    SQL_TEXT(st, 3, ret->name);
    SQL_TEXT(st, 4, ret->door);
    SQL_TEXT(st, 5, ret->idp);
    SQL_TEXT(st, 6, ret->subject);
    SQL_TEXT(st, 7, ret->name_id);
    SQL_TEXT(st, 8, ret->session_index);
    ret->created = sql_int(st, 9);
    ret->last_seen = sql_int(st, 10);
    ret->idle_sec = sql_int(st, 11);
    ret->absolute_end = sql_int(st, 12);
    ret->revoked_at = sql_int(st, 13);
    SQL_TEXT(st, 14, ret->groups);
    SQL_TEXT(st, 15, ret->name_id_format);
    SQL_TEXT(st, 16, ret->name_qualifier);
    SQL_TEXT(st, 17, ret->sp_name_qualifier);
    key = sql_blob(st, 18);
    ret->has_key = key.n == sizeof ret->key_sha256;
    if (ret->has_key)
        memcpy(ret->key_sha256, key.p, key.n);
    return sql_row_ok(st, e);
}

int store_session_insert(struct sql_conn *c, const struct session_row *row, int64_t *ret_id, struct err *e)
{
    struct sql_stmt *st =
        sql_stmt(c,
                 "INSERT INTO sessions (account_id, email, name, door, idp, subject, name_id,"
                 " session_index, created, last_seen, idle_sec, absolute_end, member_of,"
                 " name_id_format, name_qualifier, sp_name_qualifier, key_sha256)"
                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
                 e);

    if (!st)
        return -1;
    sql_set_int(st, 1, row->account_id);
    sql_set_text(st, 2, row->email);
    sql_set_text(st, 3, row->name);
    sql_set_text(st, 4, row->door);
    sql_set_text(st, 5, row->idp);
    sql_set_text(st, 6, row->subject);
    sql_set_text(st, 7, row->name_id);
    sql_set_text(st, 8, row->session_index);
    sql_set_int(st, 9, row->created);
    sql_set_int(st, 10, row->idle_sec);
    sql_set_int(st, 11, row->absolute_end);
    sql_set_text(st, 12, row->groups);
    sql_set_text(st, 13, row->name_id_format);
    sql_set_text(st, 14, row->name_qualifier);
    sql_set_text(st, 15, row->sp_name_qualifier);
    if (row->has_key)
        sql_set_blob(st, 16, row->key_sha256, sizeof row->key_sha256);
    if (sql_run(st, e) != 0)
        return -1;
    *ret_id = sql_last_id(c);
    return 0;
}

int store_token_insert(struct sql_conn *c, int64_t session_id, const struct session_token_row *token,
                       const unsigned char *landing, struct err *e)
{
    struct sql_stmt *st = sql_stmt(c,
                                   "INSERT INTO session_tokens (hash, session_id, host, landing)"
                                   " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (landing) DO NOTHING",
                                   e);

    if (!st)
        return -1;
    sql_set_blob(st, 1, token->hash, sizeof token->hash);
    sql_set_int(st, 2, session_id);
    sql_set_text(st, 3, token->host);
    if (landing)
        sql_set_blob(st, 4, landing, STORE_LANDING_BYTES);
    if (sql_run(st, e) != 0)
        return -1;
    if (sql_changed(c) == 0)
        return err_set(e, ERR_LAND, "the landing token was spent before");
    return 0;
}

/* --- finding ----------------------------------------------------------------------------------------------------- */

struct find {
    const unsigned char *hash;
    struct session_row *row;
    char *host;
    int64_t changes;
    bool found;
};

/* Row and change counter in one statement, so of one moment. */
static int find(struct sql_conn *c, void *arg, struct err *e)
{
    struct find *f = arg;
    struct sql_stmt *st = sql_stmt(c,
                                   "SELECT " SESSION_COLUMNS ", t.host, (SELECT n FROM changes)"
                                   " FROM session_tokens t JOIN sessions s ON s.id = t.session_id WHERE t.hash = ?1",
                                   e);

    if (!st)
        return -1;
    sql_set_blob(st, 1, f->hash, STORE_TOKEN_HASH_BYTES);
    if (sql_next(st, &f->found, e) != 0)
        return -1;
    if (!f->found)
        return 0;
    sql_text(st, SESSION_COLUMNS_N, f->host, DOMAIN_MAX + 1);
    f->changes = sql_int(st, SESSION_COLUMNS_N + 1);
    return store_session_read(st, f->row, e);
}

int store_session_find(struct store *s, const unsigned char hash[STORE_TOKEN_HASH_BYTES], struct session_row *ret,
                       char ret_host[DOMAIN_MAX + 1], int64_t *ret_changes, bool *ret_found, struct err *e)
{
    struct find f = {.hash = hash, .row = ret, .host = ret_host};

    if (store_read(s, find, &f, e) != 0)
        return -1;
    *ret_changes = f.changes;
    *ret_found = f.found;
    return 0;
}

struct get {
    int64_t id;
    struct session_row *row;
    bool found;
};

static int get(struct sql_conn *c, void *arg, struct err *e)
{
    struct get *g = arg;
    struct sql_stmt *st = sql_stmt(c, "SELECT " SESSION_COLUMNS " FROM sessions s WHERE s.id = ?1", e);

    if (!st)
        return -1;
    sql_set_int(st, 1, g->id);
    if (sql_next(st, &g->found, e) != 0)
        return -1;
    return g->found ? store_session_read(st, g->row, e) : 0;
}

int store_session_get(struct store *s, int64_t id, struct session_row *ret, bool *ret_found, struct err *e)
{
    struct get g = {.id = id, .row = ret};

    if (store_read(s, get, &g, e) != 0)
        return -1;
    *ret_found = g.found;
    return 0;
}

struct list {
    int64_t now;
    bool (*each)(void *ctx, const struct session_row *row);
    void *ctx;
    struct session_row *row;
};

static int list(struct sql_conn *c, void *arg, struct err *e)
{
    struct list *l = arg;
    struct sql_stmt *st = sql_stmt(c,
                                   "SELECT " SESSION_COLUMNS " FROM sessions s WHERE s.revoked_at IS NULL"
                                   " AND s.absolute_end > ?1 AND s.last_seen + s.idle_sec > ?1 ORDER BY s.id",
                                   e);
    bool row;

    if (!st)
        return -1;
    sql_set_int(st, 1, l->now);
    for (;;) {
        if (sql_next(st, &row, e) != 0)
            return -1;
        if (!row)
            return 0;
        if (store_session_read(st, l->row, e) != 0)
            return -1;
        if (!l->each(l->ctx, l->row))
            return 0;
    }
}

int store_session_list(struct store *s, int64_t now, bool (*each)(void *ctx, const struct session_row *row), void *ctx,
                       struct err *e)
{
    struct session_row row;
    struct list l = {now, each, ctx, &row};

    return store_read(s, list, &l, e);
}

/* --- a token for another host ------------------------------------------------------------------------------------ */

struct add_token {
    int64_t session_id;
    const struct session_token_row *token;
    const unsigned char *landing;
    int64_t last_seen, now;
    struct session_row *row;
    int64_t changes;
};

static int touch_one(struct sql_conn *c, int64_t id, int64_t last_seen, struct err *e)
{
    struct sql_stmt *st =
        sql_stmt(c, "UPDATE sessions SET last_seen = ?2 WHERE id = ?1 AND last_seen < ?2 AND revoked_at IS NULL", e);

    if (!st)
        return -1;
    sql_set_int(st, 1, id);
    sql_set_int(st, 2, last_seen);
    return sql_run(st, e);
}

static int add_token(struct sql_conn *c, void *arg, struct err *e)
{
    struct add_token *a = arg;
    struct sql_stmt *st = sql_stmt(c, "SELECT " SESSION_COLUMNS " FROM sessions s WHERE s.id = ?1", e);
    bool row;

    if (!st)
        return -1;
    sql_set_int(st, 1, a->session_id);
    if (sql_next(st, &row, e) != 0 || (row && store_session_read(st, a->row, e) != 0))
        return -1;
    if (row && a->row->last_seen < a->last_seen)
        a->row->last_seen = a->last_seen;
    if (!row || !session_row_alive(a->row, a->now))
        return err_set(e, ERR_SESSION_NONE, "the session that opened the landing has ended");
    if (store_token_insert(c, a->session_id, a->token, a->landing, e) != 0 ||
        touch_one(c, a->session_id, a->now, e) != 0)
        return -1;
    a->row->last_seen = a->now;
    return store_changes_get(c, &a->changes, e);
}

int store_session_add_token(struct store *s, int64_t session_id, const struct session_token_row *token,
                            const unsigned char landing[STORE_LANDING_BYTES], int64_t last_seen, int64_t now,
                            struct session_row *ret, int64_t *ret_changes, struct err *e)
{
    struct add_token a = {session_id, token, landing, last_seen, now, ret, 0};

    if (store_write(s, add_token, &a, e) != 0)
        return -1;
    *ret_changes = a.changes;
    return 0;
}

/* --- touching ---------------------------------------------------------------------------------------------------- */

struct touch {
    const struct session_touch *v;
    size_t n;
};

static int touch(struct sql_conn *c, void *arg, struct err *e)
{
    struct touch *t = arg;

    for (size_t i = 0; i < t->n; i++) {
        if (touch_one(c, t->v[i].id, t->v[i].last_seen, e) != 0)
            return -1;
    }
    return 0;
}

int store_session_touch(struct store *s, const struct session_touch *v, size_t n, struct err *e)
{
    struct touch t = {v, n};

    return n == 0 ? 0 : store_write(s, touch, &t, e);
}

/* --- ending ------------------------------------------------------------------------------------------------------ */

/*
 * What a LogoutRequest names, as ?2 to ?7. What either side leaves open is no contradiction: products differ in which
 * attributes of the NameID they repeat, and a session without SessionIndex may be the one that is meant.
 */
#define FORMAT_UNSPECIFIED "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
#define UNSPECIFIED "'" FORMAT_UNSPECIFIED "'"
#define NAME_ID_MATCHES                                                                         \
    "idp = ?2 AND name_id = ?3 AND (?4 IS NULL OR session_index IS NULL OR session_index = ?4)" \
    " AND (coalesce(?5, " UNSPECIFIED ") = " UNSPECIFIED " OR name_id_format IS NULL"           \
    " OR name_id_format IN (?5, " UNSPECIFIED "))"                                              \
    " AND (?6 IS NULL OR name_qualifier IS NULL OR name_qualifier = ?6)"                        \
    " AND (?7 IS NULL OR sp_name_qualifier IS NULL OR sp_name_qualifier = ?7)"

bool store_name_id_fits(const char *stored, struct slice asked, bool format)
{
    if (asked.n == 0 || stored[0] == '\0' || slice_is(asked, stored))
        return true;
    return format && (slice_is(asked, FORMAT_UNSPECIFIED) || strcmp(stored, FORMAT_UNSPECIFIED) == 0);
}

static void set_name_id(struct sql_stmt *st, const struct session_select *w)
{
    sql_set_text(st, 2, w->idp);
    sql_set_text(st, 3, w->name_id);
    sql_set_text(st, 4, w->session_index);
    sql_set_text(st, 5, w->name_id_format);
    sql_set_text(st, 6, w->name_qualifier);
    sql_set_text(st, 7, w->sp_name_qualifier);
}

#define REVOKE                                                                          \
    "UPDATE sessions SET revoked_at = ?1, revoked_change = (SELECT n FROM changes) + 1" \
    " WHERE revoked_at IS NULL AND "

/* `st` is a REVOKE statement with its own parameters set, from ?2 on. The change it announces is counted after it. */
static int run_revoke(struct sql_conn *c, struct sql_stmt *st, int64_t now, size_t *ret_n, struct err *e)
{
    sql_set_int(st, 1, now);
    if (sql_run(st, e) != 0)
        return -1;
    *ret_n = sql_changed(c);
    return *ret_n == 0 ? 0 : store_changes_bump(c, NULL, e);
}

int store_session_end_id(struct sql_conn *c, int64_t session_id, int64_t now, size_t *ret_n, struct err *e)
{
    struct sql_stmt *st = sql_stmt(c, REVOKE "id = ?2", e);

    if (!st)
        return -1;
    sql_set_int(st, 2, session_id);
    return run_revoke(c, st, now, ret_n, e);
}

static int end_account(struct sql_conn *c, int64_t account_id, int64_t now, size_t *ret_n, struct err *e)
{
    struct sql_stmt *st = sql_stmt(c, REVOKE "account_id = ?2", e);

    if (!st)
        return -1;
    sql_set_int(st, 2, account_id);
    return run_revoke(c, st, now, ret_n, e);
}

/* For a change of the account itself: counts it even if there was no session. */
int store_sessions_end_account(struct sql_conn *c, int64_t account_id, int64_t now, struct err *e)
{
    size_t n;

    if (end_account(c, account_id, now, &n, e) != 0)
        return -1;
    return n > 0 ? 0 : store_changes_bump(c, NULL, e);
}

static int end_token(struct sql_conn *c, const unsigned char *hash, int64_t now, size_t *ret_n, struct err *e)
{
    struct sql_stmt *st = sql_stmt(c, REVOKE "id = (SELECT session_id FROM session_tokens WHERE hash = ?2)", e);

    if (!st)
        return -1;
    sql_set_blob(st, 2, hash, STORE_TOKEN_HASH_BYTES);
    return run_revoke(c, st, now, ret_n, e);
}

int store_session_end_name_id(struct sql_conn *c, const struct session_select *w, int64_t now, size_t *ret_n,
                              struct err *e)
{
    struct sql_stmt *st = sql_stmt(c, REVOKE NAME_ID_MATCHES, e);

    if (!st)
        return -1;
    set_name_id(st, w);
    return run_revoke(c, st, now, ret_n, e);
}

int store_sessions_end_key(struct sql_conn *c, const char *idp, const unsigned char sha256[STORE_KEY_BYTES],
                           int64_t now, size_t *ret_n, struct err *e)
{
    struct sql_stmt *st = sql_stmt(c, REVOKE "idp = ?2 AND key_sha256 = ?3", e);

    if (!st)
        return -1;
    sql_set_text(st, 2, idp);
    sql_set_blob(st, 3, sha256, STORE_KEY_BYTES);
    return run_revoke(c, st, now, ret_n, e);
}

struct revoke {
    const struct session_select *which;
    int64_t now;
    const struct event *log;
    size_t n;
};

static int revoke(struct sql_conn *c, void *arg, struct err *e)
{
    struct revoke *r = arg;
    int rc = -1;

    switch (r->which->by) {
    case SESSION_BY_ID: rc = store_session_end_id(c, r->which->id, r->now, &r->n, e); break;
    case SESSION_BY_TOKEN: rc = end_token(c, r->which->hash, r->now, &r->n, e); break;
    case SESSION_BY_ACCOUNT: rc = end_account(c, r->which->id, r->now, &r->n, e); break;
    case SESSION_BY_NAME_ID: rc = store_session_end_name_id(c, r->which, r->now, &r->n, e); break;
    }
    if (rc != 0)
        return -1;
    return r->n == 0 ? 0 : store_event_insert(c, r->log, e);
}

int store_session_revoke(struct store *s, const struct session_select *which, int64_t now, const struct event *log,
                         size_t *ret_n, struct err *e)
{
    struct revoke r = {which, now, log, 0};

    if (store_write(s, revoke, &r, e) != 0)
        return -1;
    *ret_n = r.n;
    return 0;
}

struct count {
    const struct session_select *which;
    int64_t now;
    int64_t n;
};

static int count_name_id(struct sql_conn *c, void *arg, struct err *e)
{
    struct count *q = arg;
    struct sql_stmt *st = sql_stmt(c,
                                   "SELECT count(*) FROM sessions WHERE revoked_at IS NULL AND absolute_end > ?1"
                                   " AND last_seen + idle_sec > ?1 AND " NAME_ID_MATCHES,
                                   e);
    bool row;

    if (!st)
        return -1;
    sql_set_int(st, 1, q->now);
    set_name_id(st, q->which);
    if (sql_next(st, &row, e) != 0)
        return -1;
    q->n = row ? sql_int(st, 0) : 0;
    return 0;
}

int store_session_count(struct store *s, const struct session_select *which, int64_t now, size_t *ret_n, struct err *e)
{
    struct count q = {which, now, 0};

    if (which->by != SESSION_BY_NAME_ID)
        return err_set(e, ERR_INTERNAL, "sessions are counted by NameID only");
    if (store_read(s, count_name_id, &q, e) != 0)
        return -1;
    *ret_n = (size_t)q.n;
    return 0;
}

/* --- single logout ----------------------------------------------------------------------------------------------- */

struct logout {
    const struct store_logout *in;
    int64_t now;
    size_t n;
};

static int logout(struct sql_conn *c, void *arg, struct err *e)
{
    struct logout *l = arg;
    struct session_select which = l->in->who;
    size_t n, total = 0;

    if (store_replay_spend(c, l->in->issuer, l->in->message_id, l->in->valid_until, e) != 0)
        return -1;
    for (size_t i = 0; i < (l->in->nsession_index ? l->in->nsession_index : 1); i++) {
        which.session_index = l->in->nsession_index ? l->in->session_index[i] : NULL;
        if (store_session_end_name_id(c, &which, l->now, &n, e) != 0)
            return -1;
        total += n;
    }
    l->n = total;
    return total == 0 ? 0 : store_event_insert(c, l->in->log, e);
}

int store_logout(struct store *s, const struct store_logout *in, int64_t now, size_t *ret_n, struct err *e)
{
    struct logout l = {in, now, 0};

    if (strlen(in->issuer) > STORE_REPLAY_MAX || strlen(in->message_id) > STORE_REPLAY_MAX)
        return err_set(e, ERR_LIMIT, "issuer or message ID is longer than %d octets", STORE_REPLAY_MAX);
    if (in->issuer[0] == '\0' || in->message_id[0] == '\0' || !in->who.name_id || in->who.name_id[0] == '\0')
        return err_set(e, ERR_INTERNAL, "a logout of nobody, or without an ID");
    if (store_write(s, logout, &l, e) != 0)
        return -1;
    *ret_n = l.n;
    return 0;
}

/* --- what ended since -------------------------------------------------------------------------------------------- */

struct since {
    int64_t since;
    int64_t *ids; /* owned by the caller of store_read() */
    size_t n, cap;
    int64_t changes;
};

static int push_id(struct since *q, int64_t id, struct err *e)
{
    if (q->n == q->cap) {
        size_t cap = q->cap ? 2 * q->cap : 64;
        int64_t *ids = reallocarray(q->ids, cap, sizeof *ids);

        if (!ids)
            return err_set(e, ERR_MEMORY, "list of ended sessions");
        q->ids = ids;
        q->cap = cap;
    }
    q->ids[q->n++] = id;
    return 0;
}

/* The counter is read first: what ends between the two readings is listed now and, harmlessly, again the next time. */
static int revoked_since(struct sql_conn *c, void *arg, struct err *e)
{
    struct since *q = arg;
    struct sql_stmt *st;
    bool row;

    if (store_changes_get(c, &q->changes, e) != 0)
        return -1;
    sql_reset_all(c);
    st = sql_stmt(c, "SELECT id FROM sessions WHERE revoked_change > ?1", e);
    if (!st)
        return -1;
    sql_set_int(st, 1, q->since);
    for (;;) {
        if (sql_next(st, &row, e) != 0)
            return -1;
        if (!row)
            return 0;
        if (push_id(q, sql_int(st, 0), e) != 0)
            return -1;
    }
}

int store_session_revoked_since(struct store *s, int64_t since, int64_t **ret_ids, size_t *ret_n, int64_t *ret_changes,
                                struct err *e)
{
    struct since q = {.since = since};

    if (store_read(s, revoked_since, &q, e) != 0) {
        free(q.ids);
        return -1;
    }
    *ret_ids = q.ids;
    *ret_n = q.n;
    *ret_changes = q.changes;
    return 0;
}
