/* store_grant.c - the grant rows of store.h. */
#include <inttypes.h>
#include <string.h>

#include "accounts/store_impl.h"

struct add {
    const struct account_grant_row *g;
    const struct event *log;
    int64_t id;
};

static int add(struct sql_conn *c, void *arg, struct err *e)
{
    struct add *a = arg;
    const struct account_grant_row *g = a->g;
    struct sql_stmt *st = sql_stmt(c,
                                   "INSERT INTO grants (account, kind, owner, reason, valid_from, valid_until,"
                                   " networks, condition, created, created_by)"
                                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                                   e);

    if (!st)
        return -1;
    sql_set_text(st, 1, g->account);
    sql_set_text(st, 2, g->kind);
    sql_set_text(st, 3, g->owner);
    sql_set_text(st, 4, g->reason);
    sql_set_int_or_null(st, 5, g->from);
    sql_set_int_or_null(st, 6, g->until);
    sql_set_text(st, 7, g->networks);
    sql_set_text(st, 8, g->condition);
    sql_set_int(st, 9, g->created);
    sql_set_text(st, 10, g->created_by);
    if (sql_run(st, e) != 0)
        return -1;
    a->id = sql_last_id(c);
    if (store_changes_bump(c, NULL, e) != 0)
        return -1;
    return store_event_insert(c, a->log, e);
}

int store_grant_add(struct store *s, const struct account_grant_row *g, const struct event *log, int64_t *ret_id,
                    struct err *e)
{
    struct add a = {.g = g, .log = log};

    if (g->account[0] == '\0' || g->owner[0] == '\0' || g->reason[0] == '\0')
        return err_set(e, ERR_GRANT, "a grant needs an account, an owner and a reason");
    if (strcmp(g->kind, "outside") != 0 && strcmp(g->kind, "fallback") != 0)
        return err_mismatch(e, ERR_GRANT, g->kind, "outside or fallback", "unknown kind of grant");
    if (g->until != 0 && g->until <= g->from)
        return err_set(e, ERR_GRANT, "the grant ends before it begins");
    if (store_write(s, add, &a, e) != 0)
        return -1;
    *ret_id = a.id;
    return 0;
}

struct mark {
    int64_t id, now;
    const struct event *log;
};

static int revoke(struct sql_conn *c, void *arg, struct err *e)
{
    struct mark *m = arg;
    struct sql_stmt *st = sql_stmt(c, "UPDATE grants SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL", e);

    if (!st)
        return -1;
    sql_set_int(st, 1, m->id);
    sql_set_int(st, 2, m->now);
    if (sql_run(st, e) != 0)
        return -1;
    if (sql_changed(c) == 0)
        return err_set(e, ERR_GRANT, "no grant in force has the number %" PRId64, m->id);
    if (store_changes_bump(c, NULL, e) != 0)
        return -1;
    return store_event_insert(c, m->log, e);
}

int store_grant_revoke(struct store *s, int64_t id, int64_t now, const struct event *log, struct err *e)
{
    struct mark m = {id, now, log};

    return store_write(s, revoke, &m, e);
}

static int touch(struct sql_conn *c, void *arg, struct err *e)
{
    struct mark *m = arg;
    struct sql_stmt *st = sql_stmt(c, "UPDATE grants SET last_used = max(coalesce(last_used, 0), ?2) WHERE id = ?1", e);

    if (!st)
        return -1;
    sql_set_int(st, 1, m->id);
    sql_set_int(st, 2, m->now);
    return sql_run(st, e);
}

int store_grant_touch(struct store *s, int64_t id, int64_t now, struct err *e)
{
    struct mark m = {id, now, NULL};

    return store_write(s, touch, &m, e);
}

struct list {
    bool with_revoked;
    bool (*each)(void *ctx, const struct account_grant_row *g);
    void *ctx;
};

static int read_grant(struct sql_stmt *st, struct account_grant_row *ret, struct err *e)
{
    ret->id = sql_int(st, 0);
    SQL_TEXT(st, 1, ret->account);
    SQL_TEXT(st, 2, ret->kind);
    SQL_TEXT(st, 3, ret->owner);
    SQL_TEXT(st, 4, ret->reason);
    ret->from = sql_int(st, 5);
    ret->until = sql_int(st, 6);
    SQL_TEXT(st, 7, ret->networks);
    SQL_TEXT(st, 8, ret->condition);
    ret->created = sql_int(st, 9);
    SQL_TEXT(st, 10, ret->created_by);
    ret->last_used = sql_int(st, 11);
    ret->revoked_at = sql_int(st, 12);
    return sql_row_ok(st, e);
}

static int list(struct sql_conn *c, void *arg, struct err *e)
{
    struct list *l = arg;
    struct sql_stmt *st = sql_stmt(c,
                                   "SELECT id, account, kind, owner, reason, valid_from, valid_until, networks,"
                                   " condition, created, created_by, last_used, revoked_at FROM grants"
                                   " WHERE ?1 = 1 OR revoked_at IS NULL ORDER BY id",
                                   e);
    struct account_grant_row g;
    bool row;

    if (!st)
        return -1;
    sql_set_int(st, 1, l->with_revoked);
    for (;;) {
        if (sql_next(st, &row, e) != 0)
            return -1;
        if (!row)
            return 0;
        if (read_grant(st, &g, e) != 0)
            return -1;
        if (!l->each(l->ctx, &g))
            return 0;
    }
}

int store_grant_list(struct store *s, bool with_revoked, bool (*each)(void *ctx, const struct account_grant_row *g),
                     void *ctx, struct err *e)
{
    struct list l = {with_revoked, each, ctx};

    return store_read(s, list, &l, e);
}
