/* store_event.c - the event rows of store.h. */
#include <stdlib.h>

#include "accounts/store_impl.h"

#define EVENT_COLUMNS "id, at, request_id, kind, code, email, account_id, idp, client, detail"

static int read_event(struct sql_stmt *st, struct event *ret, struct err *e)
{
    ret->id = sql_int(st, 0);
    ret->at = sql_int(st, 1);
    SQL_TEXT(st, 2, ret->request_id);
    SQL_TEXT(st, 3, ret->kind);
    SQL_TEXT(st, 4, ret->code);
    SQL_TEXT(st, 5, ret->email);
    ret->account_id = sql_int(st, 6);
    SQL_TEXT(st, 7, ret->idp);
    SQL_TEXT(st, 8, ret->client);
    SQL_TEXT(st, 9, ret->detail);
    return sql_row_ok(st, e);
}

int store_event_insert(struct sql_conn *c, const struct event *ev, struct err *e)
{
    struct sql_stmt *st;

    if (!ev)
        return 0;
    st = sql_stmt(c,
                  "INSERT INTO events (at, request_id, kind, code, email, account_id, idp, client, detail)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                  e);
    if (!st)
        return -1;
    sql_set_int(st, 1, ev->at);
    sql_set_text(st, 2, ev->request_id);
    sql_set_text(st, 3, ev->kind);
    sql_set_text(st, 4, ev->code);
    sql_set_text(st, 5, ev->email);
    sql_set_int_or_null(st, 6, ev->account_id);
    sql_set_text(st, 7, ev->idp);
    sql_set_text(st, 8, ev->client);
    sql_set_text(st, 9, ev->detail);
    if (sql_run(st, e) != 0)
        return err_wrap(e, "event %s", ev->kind);
    return 0;
}

static int append(struct sql_conn *c, void *arg, struct err *e)
{
    const struct event *const *ev = arg;

    return store_event_insert(c, *ev, e);
}

int store_event_append(struct store *s, const struct event *ev, struct err *e)
{
    return store_write(s, append, &ev, e);
}

struct find {
    const char *request_id;
    struct event *ret;
    bool found;
};

static int find(struct sql_conn *c, void *arg, struct err *e)
{
    struct find *f = arg;
    struct sql_stmt *st = sql_stmt(c, "SELECT " EVENT_COLUMNS " FROM events WHERE request_id = ?1", e);

    if (!st)
        return -1;
    sql_set_text(st, 1, f->request_id);
    if (sql_next(st, &f->found, e) != 0)
        return -1;
    return f->found ? read_event(st, f->ret, e) : 0;
}

int store_event_find(struct store *s, const char *request_id, struct event *ret, bool *ret_found, struct err *e)
{
    struct find f = {.request_id = request_id, .ret = ret};

    if (store_read(s, find, &f, e) != 0)
        return -1;
    *ret_found = f.found;
    return 0;
}

struct list {
    int64_t after_id, since;
    size_t limit;
    bool (*each)(void *ctx, const struct event *ev);
    void *ctx;
};

static int list(struct sql_conn *c, void *arg, struct err *e)
{
    struct list *l = arg;
    struct sql_stmt *st =
        sql_stmt(c, "SELECT " EVENT_COLUMNS " FROM events WHERE id > ?1 AND at >= ?2 ORDER BY id LIMIT ?3", e);
    struct event ev;
    bool row;

    if (!st)
        return -1;
    sql_set_int(st, 1, l->after_id);
    sql_set_int(st, 2, l->since);
    sql_set_int(st, 3, l->limit == 0 ? -1 : (int64_t)l->limit);
    for (;;) {
        if (sql_next(st, &row, e) != 0)
            return -1;
        if (!row)
            return 0;
        if (read_event(st, &ev, e) != 0)
            return -1;
        if (!l->each(l->ctx, &ev))
            return 0;
    }
}

int store_event_list(struct store *s, int64_t after_id, int64_t since, size_t limit,
                     bool (*each)(void *ctx, const struct event *ev), void *ctx, struct err *e)
{
    struct list l = {after_id, since, limit, each, ctx};

    return store_read(s, list, &l, e);
}
