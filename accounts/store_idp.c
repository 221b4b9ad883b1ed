/* store_idp.c - metadata documents and signing keys of identity providers; see store.h. */
#include <inttypes.h>
#include <string.h>

#include "accounts/store_impl.h"

/* --- reading ----------------------------------------------------------------------------------------------------- */

struct get {
    const char *idp;
    struct arena *a;
    struct idp_metadata *ret;
    bool found;
};

/* NULL stays NULL. */
static int copy_document(struct sql_stmt *st, int col, struct arena *a, struct slice *ret, struct err *e)
{
    struct slice s = sql_blob(st, col);

    *ret = (struct slice){NULL, 0};
    if (!s.p)
        return 0;
    *ret = arena_slice(a, s);
    return ret->p ? 0 : err_set(e, ERR_MEMORY, "no room for a document of %zu octets", s.n);
}

static int get(struct sql_conn *c, void *arg, struct err *e)
{
    struct get *g = arg;
    struct idp_metadata *m = g->ret;
    struct sql_stmt *st = sql_stmt(c,
                                   "SELECT revision, url, document, fetched, checked, next, failures, error, pending,"
                                   " pending_since FROM idp_metadata WHERE idp = ?1",
                                   e);

    *m = (struct idp_metadata){.revision = 0};
    if (!st)
        return -1;
    sql_set_text(st, 1, g->idp);
    if (sql_next(st, &g->found, e) != 0)
        return -1;
    if (!g->found)
        return 0;
    m->revision = sql_int(st, 0);
    SQL_TEXT(st, 1, m->url);
    m->fetched = sql_int(st, 3);
    m->checked = sql_int(st, 4);
    m->next = sql_int(st, 5);
    m->failures = sql_int(st, 6);
    SQL_TEXT(st, 7, m->error);
    m->pending_since = sql_int(st, 9);
    if (copy_document(st, 2, g->a, &m->document, e) != 0 || copy_document(st, 8, g->a, &m->pending, e) != 0)
        return -1;
    return sql_row_ok(st, e);
}

int store_idp_metadata(struct store *s, const char *idp, struct arena *a, struct idp_metadata *ret, bool *ret_found,
                       struct err *e)
{
    struct get g = {.idp = idp, .a = a, .ret = ret};

    if (store_read(s, get, &g, e) != 0)
        return -1;
    *ret_found = g.found;
    return 0;
}

struct list {
    const char *idp;
    bool (*each)(void *ctx, const struct idp_key *k);
    void *ctx;
};

static int read_key(struct sql_stmt *st, struct idp_key *ret, struct err *e)
{
    struct slice sha = sql_blob(st, 0);

    if (sha.n != sizeof ret->sha256)
        return err_set(e, ERR_STORE, "database: the name of a key has %zu octets", sha.n);
    memcpy(ret->sha256, sha.p, sizeof ret->sha256);
    SQL_TEXT(st, 1, ret->subject);
    ret->not_after = sql_int(st, 2);
    ret->first_seen = sql_int(st, 3);
    ret->first_used = sql_int(st, 4);
    ret->last_used = sql_int(st, 5);
    ret->removed_at = sql_int(st, 6);
    ret->distrusted_at = sql_int(st, 7);
    SQL_TEXT(st, 8, ret->reason);
    return sql_row_ok(st, e);
}

static int list(struct sql_conn *c, void *arg, struct err *e)
{
    struct list *l = arg;
    struct sql_stmt *st = sql_stmt(c,
                                   "SELECT sha256, subject, not_after, first_seen, first_used, last_used, removed_at,"
                                   " distrusted_at, reason FROM idp_keys WHERE idp = ?1 ORDER BY first_seen, sha256",
                                   e);
    struct idp_key k;
    bool row;

    if (!st)
        return -1;
    sql_set_text(st, 1, l->idp);
    for (;;) {
        if (sql_next(st, &row, e) != 0)
            return -1;
        if (!row)
            return 0;
        if (read_key(st, &k, e) != 0)
            return -1;
        if (!l->each(l->ctx, &k))
            return 0;
    }
}

int store_idp_keys(struct store *s, const char *idp, bool (*each)(void *ctx, const struct idp_key *k), void *ctx,
                   struct err *e)
{
    struct list l = {idp, each, ctx};

    return store_read(s, list, &l, e);
}

struct revisions {
    bool (*each)(void *ctx, const char *idp, int64_t revision);
    void *ctx;
};

static int revisions(struct sql_conn *c, void *arg, struct err *e)
{
    struct revisions *r = arg;
    struct sql_stmt *st = sql_stmt(c, "SELECT idp, revision FROM idp_metadata", e);
    char idp[STORE_IDP_MAX + 1];
    bool row;

    if (!st)
        return -1;
    for (;;) {
        if (sql_next(st, &row, e) != 0)
            return -1;
        if (!row)
            return 0;
        SQL_TEXT(st, 0, idp);
        if (sql_row_ok(st, e) != 0)
            return -1;
        if (!r->each(r->ctx, idp, sql_int(st, 1)))
            return 0;
    }
}

int store_idp_revisions(struct store *s, bool (*each)(void *ctx, const char *idp, int64_t revision), void *ctx,
                        struct err *e)
{
    struct revisions r = {each, ctx};

    return store_read(s, revisions, &r, e);
}

int store_idp_check_key(struct sql_conn *c, const char *idp, const unsigned char sha256[STORE_KEY_BYTES], struct err *e)
{
    struct sql_stmt *st =
        sql_stmt(c, "SELECT 1 FROM idp_keys WHERE idp = ?1 AND sha256 = ?2 AND distrusted_at IS NOT NULL", e);
    bool distrusted;

    if (!st)
        return -1;
    sql_set_text(st, 1, idp);
    sql_set_blob(st, 2, sha256, STORE_KEY_BYTES);
    if (sql_next(st, &distrusted, e) != 0)
        return -1;
    return distrusted ? err_set(e, ERR_SIGNATURE, "the key that verified the login was distrusted meanwhile") : 0;
}

/* --- what a fetch brought ---------------------------------------------------------------------------------------- */

/* *ret_revision 0: there is no row. */
static int revision_of(struct sql_conn *c, const char *idp, int64_t *ret_revision, struct err *e)
{
    struct sql_stmt *st = sql_stmt(c, "SELECT revision FROM idp_metadata WHERE idp = ?1", e);
    bool row;

    if (!st)
        return -1;
    sql_set_text(st, 1, idp);
    if (sql_next(st, &row, e) != 0)
        return -1;
    *ret_revision = row ? sql_int(st, 0) : 0;
    return 0;
}

/* Two administrators, or one and the daemon: the later decision was made on what is no longer so. */
static int check_revision(struct sql_conn *c, const struct idp_update *u, struct err *e)
{
    int64_t revision;

    if (revision_of(c, u->idp, &revision, e) != 0)
        return -1;
    if (revision != u->revision)
        return err_set(e, ERR_BUSY, "the metadata of %s was changed at the same moment; try again", u->idp);
    return 0;
}

static int record_failure(struct sql_conn *c, const struct idp_update *u, struct err *e)
{
    struct sql_stmt *st = sql_stmt(c,
                                   "INSERT INTO idp_metadata (idp, revision, url, checked, next, failures, error)"
                                   " VALUES (?1, 1, ?2, ?3, ?4, 1, ?5) ON CONFLICT (idp) DO UPDATE SET"
                                   " url = coalesce(url, excluded.url), checked = excluded.checked,"
                                   " next = coalesce(excluded.next, next), failures = failures + 1,"
                                   " error = excluded.error",
                                   e);

    if (!st)
        return -1;
    sql_set_text(st, 1, u->idp);
    sql_set_text(st, 2, u->url);
    sql_set_int(st, 3, u->now);
    sql_set_int_or_null(st, 4, u->next);
    sql_set_text(st, 5, u->error);
    return sql_run(st, e);
}

static int take_document(struct sql_conn *c, const struct idp_update *u, struct err *e)
{
    struct sql_stmt *st =
        sql_stmt(c,
                 "INSERT INTO idp_metadata (idp, revision, url, document, fetched, checked, next)"
                 " VALUES (?1, 1, ?2, ?3, ?4, ?4, ?5) ON CONFLICT (idp) DO UPDATE SET"
                 " revision = revision + (document IS NOT excluded.document OR pending IS NOT NULL),"
                 " url = excluded.url, document = excluded.document, fetched = excluded.fetched,"
                 " checked = excluded.checked, next = coalesce(excluded.next, next), failures = 0, error = NULL,"
                 " pending = NULL, pending_since = NULL",
                 e);

    if (!st)
        return -1;
    sql_set_text(st, 1, u->idp);
    sql_set_text(st, 2, u->url);
    sql_set_blob(st, 3, u->document.p, u->document.n);
    sql_set_int(st, 4, u->now);
    sql_set_int_or_null(st, 5, u->next);
    return sql_run(st, e);
}

/* Documents differ in small things each time they are fetched: what waits, waits since the first of them. */
static int hold_document(struct sql_conn *c, const struct idp_update *u, struct err *e)
{
    struct sql_stmt *st =
        sql_stmt(c,
                 "UPDATE idp_metadata SET revision = revision + (pending IS NOT ?2),"
                 " pending_since = coalesce(pending_since, ?3), pending = ?2,"
                 " checked = ?3, next = coalesce(?4, next), failures = 0, error = NULL WHERE idp = ?1",
                 e);

    if (!st)
        return -1;
    sql_set_text(st, 1, u->idp);
    sql_set_blob(st, 2, u->document.p, u->document.n);
    sql_set_int(st, 3, u->now);
    sql_set_int_or_null(st, 4, u->next);
    if (sql_run(st, e) != 0)
        return -1;
    if (sql_changed(c) == 0)
        return err_set(e, ERR_INTERNAL, "a document is to wait where none is in force");
    return 0;
}

static int mark_keys(struct sql_conn *c, const char *idp, const struct idp_key *keys, size_t n, int64_t now,
                     struct err *e)
{
    struct sql_stmt *st = sql_stmt(c, "UPDATE idp_keys SET removed_at = ?2 WHERE idp = ?1 AND removed_at IS NULL", e);

    if (!st)
        return -1;
    sql_set_text(st, 1, idp);
    sql_set_int(st, 2, now);
    if (sql_run(st, e) != 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        st = sql_stmt(c,
                      "INSERT INTO idp_keys (idp, sha256, subject, not_after, first_seen) VALUES (?1, ?2, ?3, ?4, ?5)"
                      " ON CONFLICT (idp, sha256) DO UPDATE SET removed_at = NULL, subject = excluded.subject,"
                      " not_after = excluded.not_after",
                      e);
        if (!st)
            return -1;
        sql_set_text(st, 1, idp);
        sql_set_blob(st, 2, keys[i].sha256, sizeof keys[i].sha256);
        sql_set_text(st, 3, keys[i].subject);
        sql_set_int_or_null(st, 4, keys[i].not_after);
        sql_set_int(st, 5, now);
        if (sql_run(st, e) != 0)
            return -1;
    }
    return 0;
}

static int update(struct sql_conn *c, void *arg, struct err *e)
{
    const struct idp_update *u = arg;
    int64_t before, after;

    if (revision_of(c, u->idp, &before, e) != 0)
        return -1;
    switch (u->outcome) {
    case IDP_FAILED:
        if (record_failure(c, u, e) != 0)
            return -1;
        break;
    case IDP_CURRENT:
        if (check_revision(c, u, e) != 0 || take_document(c, u, e) != 0 ||
            mark_keys(c, u->idp, u->keys, u->nkeys, u->now, e) != 0)
            return -1;
        break;
    case IDP_PENDING:
        if (check_revision(c, u, e) != 0 || hold_document(c, u, e) != 0)
            return -1;
        break;
    }
    if (revision_of(c, u->idp, &after, e) != 0 || (after != before && store_changes_bump(c, NULL, e) != 0))
        return -1;
    return store_event_insert(c, u->log, e);
}

int store_idp_update(struct store *s, const struct idp_update *u, struct err *e)
{
    struct idp_update copy = *u;

    if (strlen(u->idp) > STORE_IDP_MAX || (u->url && strlen(u->url) > STORE_URL_MAX) ||
        (u->error && strlen(u->error) > STORE_ERROR_MAX) || u->document.n > STORE_DOCUMENT_MAX)
        return err_set(e, ERR_LIMIT, "metadata of %s: a field is too long for the store", u->idp);
    if (u->outcome != IDP_FAILED && u->document.n == 0)
        return err_set(e, ERR_INTERNAL, "a document without content");
    return store_write(s, update, &copy, e);
}

struct seen {
    const char *idp;
    const struct idp_key *keys;
    size_t n;
    int64_t now;
};

static int seen(struct sql_conn *c, void *arg, struct err *e)
{
    const struct seen *q = arg;

    return mark_keys(c, q->idp, q->keys, q->n, q->now, e);
}

int store_idp_seen(struct store *s, const char *idp, const struct idp_key *keys, size_t n, int64_t now, struct err *e)
{
    struct seen q = {idp, keys, n, now};

    return store_write(s, seen, &q, e);
}

/* --- use and distrust -------------------------------------------------------------------------------------------- */

struct used {
    const struct idp_use *v;
    size_t n;
};

static int used(struct sql_conn *c, void *arg, struct err *e)
{
    const struct used *u = arg;

    for (size_t i = 0; i < u->n; i++) {
        struct sql_stmt *st =
            sql_stmt(c,
                     "INSERT INTO idp_keys (idp, sha256, first_seen, first_used, last_used)"
                     " VALUES (?1, ?2, ?3, ?3, ?4) ON CONFLICT (idp, sha256) DO UPDATE SET"
                     " first_used = min(coalesce(first_used, excluded.first_used), excluded.first_used),"
                     " last_used = max(coalesce(last_used, 0), excluded.last_used)",
                     e);

        if (!st)
            return -1;
        sql_set_text(st, 1, u->v[i].idp);
        sql_set_blob(st, 2, u->v[i].sha256, sizeof u->v[i].sha256);
        sql_set_int(st, 3, u->v[i].first);
        sql_set_int(st, 4, u->v[i].last);
        if (sql_run(st, e) != 0)
            return -1;
    }
    return 0;
}

int store_idp_used(struct store *s, const struct idp_use *v, size_t n, struct err *e)
{
    struct used u = {v, n};

    return n == 0 ? 0 : store_write(s, used, &u, e);
}

struct distrust {
    const char *idp, *reason;
    const unsigned char *sha256;
    int64_t now;
    const struct event *log;
    size_t sessions;
};

static int mark_distrusted(struct sql_conn *c, const struct distrust *d, struct err *e)
{
    struct sql_stmt *st =
        sql_stmt(c,
                 "INSERT INTO idp_keys (idp, sha256, first_seen, distrusted_at, reason) VALUES (?1, ?2, ?3, ?3, ?4)"
                 " ON CONFLICT (idp, sha256) DO UPDATE SET"
                 " reason = CASE WHEN distrusted_at IS NULL THEN excluded.reason ELSE reason END,"
                 " distrusted_at = coalesce(distrusted_at, excluded.distrusted_at)",
                 e);

    if (!st)
        return -1;
    sql_set_text(st, 1, d->idp);
    sql_set_blob(st, 2, d->sha256, STORE_KEY_BYTES);
    sql_set_int(st, 3, d->now);
    sql_set_text(st, 4, d->reason);
    return sql_run(st, e);
}

static int distrust(struct sql_conn *c, void *arg, struct err *e)
{
    struct distrust *d = arg;
    struct sql_stmt *st;

    if (mark_distrusted(c, d, e) != 0)
        return -1;
    st = sql_stmt(c,
                  "INSERT INTO idp_metadata (idp, revision) VALUES (?1, 1)"
                  " ON CONFLICT (idp) DO UPDATE SET revision = revision + 1",
                  e);
    if (!st)
        return -1;
    sql_set_text(st, 1, d->idp);
    if (sql_run(st, e) != 0 || store_sessions_end_key(c, d->idp, d->sha256, d->now, &d->sessions, e) != 0)
        return -1;
    if (d->sessions == 0 && store_changes_bump(c, NULL, e) != 0) /* else it was counted with them */
        return -1;
    return store_event_insert(c, d->log, e);
}

int store_idp_distrust(struct store *s, const char *idp, const unsigned char sha256[STORE_KEY_BYTES],
                       const char *reason, int64_t now, const struct event *log, size_t *ret_sessions, struct err *e)
{
    struct distrust d = {idp, reason, sha256, now, log, 0};

    if (strlen(idp) > STORE_IDP_MAX || strlen(reason) > STORE_NOTE_MAX)
        return err_set(e, ERR_LIMIT, "the reason has more than %d octets", STORE_NOTE_MAX);
    if (store_write(s, distrust, &d, e) != 0)
        return -1;
    *ret_sessions = d.sessions;
    return 0;
}
