/* store_account.c - the account rows of store.h. */
#include <inttypes.h>
#include <string.h>

#include "accounts/store_impl.h"

#define ACCOUNT_COLUMNS \
    "id, email_key, email, name, kind, idp, subject, password_hash, disabled, created, last_login, source"

static int read_account(struct sql_stmt *st, struct account *ret, struct err *e)
{
    ret->id = sql_int(st, 0);
    SQL_TEXT(st, 1, ret->email_key);
    SQL_TEXT(st, 2, ret->email);
    SQL_TEXT(st, 3, ret->name);
    SQL_TEXT(st, 4, ret->kind);
    SQL_TEXT(st, 5, ret->idp);
    SQL_TEXT(st, 6, ret->subject);
    SQL_TEXT(st, 7, ret->password_hash);
    ret->disabled = sql_int(st, 8) != 0;
    ret->created = sql_int(st, 9);
    ret->last_login = sql_int(st, 10);
    SQL_TEXT(st, 11, ret->source);
    return sql_row_ok(st, e);
}

static int none(int64_t id, struct err *e)
{
    return err_set(e, ERR_ACCOUNT_NONE, "there is no account with the number %" PRId64, id);
}

/* --- finding ----------------------------------------------------------------------------------------------------- */

static int get_one(struct sql_stmt *st, struct account *ret, bool *ret_found, struct err *e)
{
    if (sql_next(st, ret_found, e) != 0)
        return -1;
    return *ret_found ? read_account(st, ret, e) : 0;
}

int store_account_get(struct sql_conn *c, int64_t id, struct account *ret, bool *ret_found, struct err *e)
{
    struct sql_stmt *st = sql_stmt(c, "SELECT " ACCOUNT_COLUMNS " FROM accounts WHERE id = ?1", e);

    if (!st)
        return -1;
    sql_set_int(st, 1, id);
    return get_one(st, ret, ret_found, e);
}

int store_account_get_by_subject(struct sql_conn *c, const char *idp, const char *subject, struct account *ret,
                                 bool *ret_found, struct err *e)
{
    struct sql_stmt *st = sql_stmt(c, "SELECT " ACCOUNT_COLUMNS " FROM accounts WHERE idp = ?1 AND subject = ?2", e);

    if (!st)
        return -1;
    sql_set_text(st, 1, idp);
    sql_set_text(st, 2, subject);
    return get_one(st, ret, ret_found, e);
}

struct find {
    const char *email_key;
    const char *idp, *subject;
    struct account account;
    bool found;
};

static int by_email(struct sql_conn *c, void *arg, struct err *e)
{
    struct find *f = arg;
    struct sql_stmt *st = sql_stmt(c, "SELECT " ACCOUNT_COLUMNS " FROM accounts WHERE email_key = ?1", e);

    if (!st)
        return -1;
    sql_set_text(st, 1, f->email_key);
    return get_one(st, &f->account, &f->found, e);
}

static int by_subject(struct sql_conn *c, void *arg, struct err *e)
{
    struct find *f = arg;

    return store_account_get_by_subject(c, f->idp, f->subject, &f->account, &f->found, e);
}

static int find(struct store *s, store_fn fn, struct find *f, struct account *ret, bool *ret_found, struct err *e)
{
    if (store_read(s, fn, f, e) != 0)
        return -1;
    if (f->found)
        *ret = f->account;
    *ret_found = f->found;
    return 0;
}

int store_account_by_email(struct store *s, const char *email_key, struct account *ret, bool *ret_found, struct err *e)
{
    struct find f = {.email_key = email_key};

    return find(s, by_email, &f, ret, ret_found, e);
}

int store_account_by_subject(struct store *s, const char *idp, const char *subject, struct account *ret,
                             bool *ret_found, struct err *e)
{
    struct find f = {.idp = idp, .subject = subject};

    return find(s, by_subject, &f, ret, ret_found, e);
}

struct list {
    bool (*each)(void *ctx, const struct account *a);
    void *ctx;
};

static int list(struct sql_conn *c, void *arg, struct err *e)
{
    struct list *l = arg;
    struct sql_stmt *st = sql_stmt(c, "SELECT " ACCOUNT_COLUMNS " FROM accounts ORDER BY email_key", e);
    struct account a;
    bool row;

    if (!st)
        return -1;
    for (;;) {
        if (sql_next(st, &row, e) != 0)
            return -1;
        if (!row)
            return 0;
        if (read_account(st, &a, e) != 0)
            return -1;
        if (!l->each(l->ctx, &a))
            return 0;
    }
}

int store_account_list(struct store *s, bool (*each)(void *ctx, const struct account *a), void *ctx, struct err *e)
{
    struct list l = {each, ctx};

    return store_read(s, list, &l, e);
}

/* --- changing ---------------------------------------------------------------------------------------------------- */

int store_account_insert(struct sql_conn *c, const struct account *a, int64_t *ret_id, struct err *e)
{
    struct sql_stmt *st = sql_stmt(c,
                                   "INSERT INTO accounts (email_key, email, name, kind, idp, subject, password_hash,"
                                   " disabled, created, last_login, source)"
                                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING",
                                   e);

    if (!st)
        return -1;
    sql_set_text(st, 1, a->email_key);
    sql_set_text(st, 2, a->email);
    sql_set_text(st, 3, a->name);
    sql_set_text(st, 4, a->kind);
    sql_set_text(st, 5, a->idp);
    sql_set_text(st, 6, a->subject);
    sql_set_text(st, 7, a->password_hash);
    sql_set_int(st, 8, a->disabled);
    sql_set_int(st, 9, a->created);
    sql_set_int_or_null(st, 10, a->last_login);
    sql_set_text(st, 11, a->source);
    if (sql_run(st, e) != 0)
        return -1;
    *ret_id = sql_changed(c) > 0 ? sql_last_id(c) : 0;
    return 0;
}

/* What the operations on one account have in common. */
struct change {
    int64_t id, now;
    const struct account *add;
    const char *hash;
    const char *idp, *subject;
    bool flag;
    const struct event *log;
};

static int add(struct sql_conn *c, void *arg, struct err *e)
{
    struct change *ch = arg;

    if (store_account_insert(c, ch->add, &ch->id, e) != 0)
        return -1;
    if (ch->id == 0)
        return err_set(e, ERR_ACCOUNT_EXISTS, "%s, or its identity, has an account", ch->add->email_key);
    if (store_changes_bump(c, NULL, e) != 0)
        return -1;
    return store_event_insert(c, ch->log, e);
}

int store_account_add(struct store *s, const struct account *a, const struct event *log, int64_t *ret_id, struct err *e)
{
    struct change ch = {.add = a, .log = log};

    if (store_write(s, add, &ch, e) != 0)
        return -1;
    *ret_id = ch.id;
    return 0;
}

/* After the statement that changed account ch->id: there must have been one. */
static int finish(struct sql_conn *c, const struct change *ch, bool end_sessions, struct err *e)
{
    if (sql_changed(c) == 0)
        return none(ch->id, e);
    if (end_sessions ? store_sessions_end_account(c, ch->id, ch->now, e) != 0 : store_changes_bump(c, NULL, e) != 0)
        return -1;
    return store_event_insert(c, ch->log, e);
}

static int set_disabled(struct sql_conn *c, void *arg, struct err *e)
{
    struct change *ch = arg;
    struct sql_stmt *st = sql_stmt(c, "UPDATE accounts SET disabled = ?2 WHERE id = ?1", e);

    if (!st)
        return -1;
    sql_set_int(st, 1, ch->id);
    sql_set_int(st, 2, ch->flag);
    return sql_run(st, e) != 0 ? -1 : finish(c, ch, ch->flag, e);
}

int store_account_set_disabled(struct store *s, int64_t id, bool disabled, int64_t now, const struct event *log,
                               struct err *e)
{
    struct change ch = {.id = id, .now = now, .flag = disabled, .log = log};

    return store_write(s, set_disabled, &ch, e);
}

static int set_password(struct sql_conn *c, void *arg, struct err *e)
{
    struct change *ch = arg;
    struct sql_stmt *st = sql_stmt(c, "UPDATE accounts SET password_hash = ?2 WHERE id = ?1", e);

    if (!st)
        return -1;
    sql_set_int(st, 1, ch->id);
    sql_set_text(st, 2, ch->hash);
    return sql_run(st, e) != 0 ? -1 : finish(c, ch, ch->flag, e);
}

int store_account_set_password(struct store *s, int64_t id, const char *hash, bool end_sessions, int64_t now,
                               const struct event *log, struct err *e)
{
    struct change ch = {.id = id, .now = now, .hash = hash, .flag = end_sessions, .log = log};

    if (hash && strlen(hash) > STORE_HASH_MAX)
        return err_set(e, ERR_LIMIT, "a password hash has at most %d characters", STORE_HASH_MAX);
    return store_write(s, set_password, &ch, e);
}

int store_account_bind(struct sql_conn *c, int64_t id, const char *idp, const char *subject, struct err *e)
{
    struct sql_stmt *st;
    struct account a;
    bool found;

    if (store_account_get_by_subject(c, idp, subject, &a, &found, e) != 0)
        return -1;
    if (found && a.id != id)
        return err_set(e, ERR_LINK_REFUSED, "the identity '%s' of %s belongs to another account", subject, idp);
    if (found)
        return 0;
    if (store_account_get(c, id, &a, &found, e) != 0)
        return -1;
    if (!found)
        return none(id, e);
    if (a.idp[0] != '\0')
        return err_mismatch(e, ERR_LINK_REFUSED, subject, a.subject, "%s belongs to another identity, of %s",
                            a.email_key, a.idp);
    st = sql_stmt(c, "UPDATE accounts SET idp = ?2, subject = ?3 WHERE id = ?1", e);
    if (!st)
        return -1;
    sql_set_int(st, 1, id);
    sql_set_text(st, 2, idp);
    sql_set_text(st, 3, subject);
    return sql_run(st, e);
}

static int do_link(struct sql_conn *c, void *arg, struct err *e)
{
    struct change *ch = arg;

    if (store_account_bind(c, ch->id, ch->idp, ch->subject, e) != 0 || store_changes_bump(c, NULL, e) != 0)
        return -1;
    return store_event_insert(c, ch->log, e);
}

int store_account_link(struct store *s, int64_t id, const char *idp, const char *subject, const struct event *log,
                       struct err *e)
{
    struct change ch = {.id = id, .idp = idp, .subject = subject, .log = log};

    if (strlen(idp) > STORE_IDP_MAX || strlen(subject) > STORE_SUBJECT_MAX)
        return err_set(e, ERR_LIMIT, "an identity has at most %d characters", STORE_SUBJECT_MAX);
    if (idp[0] == '\0' || subject[0] == '\0')
        return err_set(e, ERR_LINK_REFUSED, "an identity needs an identity provider and an immutable id");
    return store_write(s, do_link, &ch, e);
}

static int do_unlink(struct sql_conn *c, void *arg, struct err *e)
{
    struct change *ch = arg;
    struct sql_stmt *st = sql_stmt(c, "UPDATE accounts SET idp = NULL, subject = NULL WHERE id = ?1", e);

    if (!st)
        return -1;
    sql_set_int(st, 1, ch->id);
    return sql_run(st, e) != 0 ? -1 : finish(c, ch, true, e);
}

int store_account_unlink(struct store *s, int64_t id, int64_t now, const struct event *log, struct err *e)
{
    struct change ch = {.id = id, .now = now, .log = log};

    return store_write(s, do_unlink, &ch, e);
}

static int do_delete(struct sql_conn *c, void *arg, struct err *e)
{
    struct change *ch = arg;
    struct sql_stmt *st;

    if (store_sessions_end_account(c, ch->id, ch->now, e) != 0)
        return -1;
    st = sql_stmt(c, "DELETE FROM accounts WHERE id = ?1", e);
    if (!st)
        return -1;
    sql_set_int(st, 1, ch->id);
    if (sql_run(st, e) != 0)
        return -1;
    if (sql_changed(c) == 0)
        return none(ch->id, e);
    return store_event_insert(c, ch->log, e);
}

int store_account_delete(struct store *s, int64_t id, int64_t now, const struct event *log, struct err *e)
{
    struct change ch = {.id = id, .now = now, .log = log};

    return store_write(s, do_delete, &ch, e);
}
