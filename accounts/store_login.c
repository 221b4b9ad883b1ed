/*
 * store_login.c - a login in one transaction, the replay memory, and the removal of what no longer matters.
 *
 * What the router decided before (which account, link or create) may have been overtaken by another login; here it
 * is checked again under the write lock, by unique keys.
 */
#include <inttypes.h>
#include <string.h>

#include "accounts/store_impl.h"

#define KEEP_AFTER_END_SEC 86400
#define PURGE_ROWS 1000 /* per table and call: a long transaction would hold up logins */

struct commit {
    const struct store_login *in;
    struct store_login_result result;
};

int store_replay_spend(struct sql_conn *c, const char *issuer, const char *id, int64_t valid_until, struct err *e)
{
    struct sql_stmt *st = sql_stmt(
        c, "INSERT INTO replay (issuer, assertion_id, valid_until) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING", e);

    if (!st)
        return -1;
    sql_set_text(st, 1, issuer);
    sql_set_text(st, 2, id);
    sql_set_int(st, 3, valid_until);
    if (sql_run(st, e) != 0)
        return -1;
    if (sql_changed(c) == 0)
        return err_set(e, ERR_REPLAY, "'%s' of %s was used before", id, issuer);
    return 0;
}

static int spend_assertion(struct sql_conn *c, const struct store_login *in, struct err *e)
{
    if (!in->assertion_id || in->assertion_id[0] == '\0')
        return 0;
    return store_replay_spend(c, in->issuer, in->assertion_id, in->valid_until, e);
}

/* The account that this login is for, made or bound if that was decided. */
static int settle_account(struct sql_conn *c, struct commit *cm, struct account *ret, struct err *e)
{
    const struct store_login *in = cm->in;
    const struct session_row *s = in->session;
    struct account new = {.created = s->created, .source = "jit"};
    int64_t id = in->account_id;
    bool found;

    if (in->account == LOGIN_CREATE) {
        (void)str_copy(new.email_key, sizeof new.email_key, slice_of(in->email_key));
        memcpy(new.email, s->email, sizeof new.email);
        memcpy(new.name, s->name, sizeof new.name);
        memcpy(new.idp, s->idp, sizeof new.idp);
        memcpy(new.subject, s->subject, sizeof new.subject);
        if (store_account_insert(c, &new, &id, e) != 0)
            return -1;
        cm->result.created = id != 0;
        if (id == 0) { /* somebody was faster: with the same identity it is the same person */
            if (store_account_get_by_subject(c, s->idp, s->subject, ret, &found, e) != 0)
                return -1;
            if (!found)
                return err_set(e, ERR_LINK_REFUSED, "the address %s belongs to another account", in->email_key);
            id = ret->id;
        }
    } else if (in->account == LOGIN_LINK) {
        if (store_account_bind(c, id, s->idp, s->subject, e) != 0)
            return -1;
        cm->result.linked = true;
    }
    if (store_account_get(c, id, ret, &found, e) != 0)
        return -1;
    if (!found)
        return err_set(e, ERR_ACCOUNT_NONE, "there is no account with the number %" PRId64, id);
    return 0;
}

static int check_account(const struct store_login *in, const struct account *a, struct err *e)
{
    const struct session_row *s = in->session;

    if (a->disabled)
        return err_set(e, ERR_ACCOUNT_DISABLED, "the account %s is disabled", a->email_key);
    if (s->idp[0] != '\0' && (strcmp(a->idp, s->idp) != 0 || strcmp(a->subject, s->subject) != 0))
        return err_mismatch(e, ERR_LINK_REFUSED, s->subject, a->subject, "the account %s has another identity",
                            a->email_key);
    if (in->account == LOGIN_LINK && strcmp(a->email_key, in->email_key) != 0)
        return err_mismatch(e, ERR_LINK_REFUSED, in->email_key, a->email_key,
                            "the account to be linked has got another address");
    if (in->password_hash && strcmp(a->password_hash, in->password_hash) != 0)
        return err_set(e, ERR_PASSWORD, "the password of %s was changed while it was checked", a->email_key);
    return 0;
}

/* Time of the login, and what the directory says now. A password login asserts neither name nor address. */
static int update_account(struct sql_conn *c, struct commit *cm, const struct account *a, struct err *e)
{
    const struct session_row *s = cm->in->session;
    bool asserted = s->idp[0] != '\0';
    struct sql_stmt *st =
        sql_stmt(c, "UPDATE accounts SET last_login = ?2, name = coalesce(?3, name) WHERE id = ?1", e);

    if (!st)
        return -1;
    sql_set_int(st, 1, a->id);
    sql_set_int(st, 2, s->created);
    sql_set_text(st, 3, asserted ? s->name : NULL);
    if (sql_run(st, e) != 0)
        return -1;
    if (!asserted || (strcmp(a->email_key, cm->in->email_key) == 0 && strcmp(a->email, s->email) == 0))
        return 0;
    st = sql_stmt(c,
                  "UPDATE accounts SET email_key = ?2, email = ?3 WHERE id = ?1"
                  " AND NOT EXISTS (SELECT 1 FROM accounts o WHERE o.email_key = ?2 AND o.id <> ?1)",
                  e);
    if (!st)
        return -1;
    sql_set_int(st, 1, a->id);
    sql_set_text(st, 2, cm->in->email_key);
    sql_set_text(st, 3, s->email);
    if (sql_run(st, e) != 0)
        return -1;
    cm->result.email_kept = sql_changed(c) == 0;
    return 0;
}

static int open_session(struct sql_conn *c, struct commit *cm, const struct account *a, struct err *e)
{
    struct session_row row = *cm->in->session;
    size_t ignored;

    if (row.has_key && store_idp_check_key(c, row.idp, row.key_sha256, e) != 0)
        return -1;
    if (cm->in->replaces != 0 && store_session_end_id(c, cm->in->replaces, row.created, &ignored, e) != 0)
        return -1;
    row.account_id = a->id;
    if (cm->result.email_kept)
        memcpy(row.email, a->email, sizeof row.email);
    if (store_session_insert(c, &row, &cm->result.session_id, e) != 0)
        return -1;
    return store_token_insert(c, cm->result.session_id, cm->in->token, NULL, e);
}

static int log_login(struct sql_conn *c, const struct commit *cm, struct err *e)
{
    struct event ev;

    if (!cm->in->log)
        return 0;
    ev = *cm->in->log;
    ev.account_id = cm->result.account_id;
    return store_event_insert(c, &ev, e);
}

static int commit(struct sql_conn *c, void *arg, struct err *e)
{
    struct commit *cm = arg;
    struct account a;

    if (spend_assertion(c, cm->in, e) != 0 || settle_account(c, cm, &a, e) != 0 || check_account(cm->in, &a, e) != 0)
        return -1;
    cm->result.account_id = a.id;
    if (update_account(c, cm, &a, e) != 0 || open_session(c, cm, &a, e) != 0 || log_login(c, cm, e) != 0)
        return -1;
    return store_changes_get(c, &cm->result.changes, e);
}

static bool too_long(const char *s, size_t max)
{
    return s && strlen(s) > max;
}

int store_login_commit(struct store *s, const struct store_login *in, struct store_login_result *ret, struct err *e)
{
    struct commit cm = {.in = in};
    bool asserted = in->session->idp[0] != '\0';

    if (too_long(in->issuer, STORE_REPLAY_MAX) || too_long(in->assertion_id, STORE_REPLAY_MAX))
        return err_set(e, ERR_LIMIT, "issuer or assertion ID is longer than %d octets", STORE_REPLAY_MAX);
    /* Broken invariants of the caller. An asserted identity without immutable id or replay row must never get here. */
    if (in->account == LOGIN_REFUSED || (in->account != LOGIN_EXISTING && !asserted) ||
        asserted != (in->session->subject[0] != '\0') || (asserted && (!in->email_key || in->email_key[0] == '\0')) ||
        (asserted && (!in->issuer || !in->assertion_id || in->issuer[0] == '\0' || in->assertion_id[0] == '\0')) ||
        too_long(in->email_key, EMAIL_MAX))
        return err_set(e, ERR_INTERNAL, "login without a decision, an identity or an assertion");
    if (store_write(s, commit, &cm, e) != 0)
        return -1;
    *ret = cm.result;
    return 0;
}

/* --- replay memory, purge ---------------------------------------------------------------------------------------- */

struct seen {
    const char *issuer, *assertion_id;
    bool seen;
};

static int seen(struct sql_conn *c, void *arg, struct err *e)
{
    struct seen *q = arg;
    struct sql_stmt *st = sql_stmt(c, "SELECT 1 FROM replay WHERE issuer = ?1 AND assertion_id = ?2", e);

    if (!st)
        return -1;
    sql_set_text(st, 1, q->issuer);
    sql_set_text(st, 2, q->assertion_id);
    return sql_next(st, &q->seen, e);
}

int store_replay_seen(struct store *s, const char *issuer, const char *assertion_id, bool *ret, struct err *e)
{
    struct seen q = {issuer, assertion_id, false};

    if (store_read(s, seen, &q, e) != 0)
        return -1;
    *ret = q.seen;
    return 0;
}

struct purge {
    int64_t now, keep_events_sec;
    size_t n;
};

static int purge_with(struct sql_conn *c, const char *text, int64_t before, size_t *n, struct err *e)
{
    struct sql_stmt *st = sql_stmt(c, text, e);

    if (!st)
        return -1;
    sql_set_int(st, 1, before);
    sql_set_int(st, 2, PURGE_ROWS);
    if (sql_run(st, e) != 0)
        return -1;
    *n += sql_changed(c);
    return 0;
}

/* A revoked session stays until its own end has passed, so that a process which was asleep still learns of it. */
static int purge(struct sql_conn *c, void *arg, struct err *e)
{
    struct purge *p = arg;
    int64_t before = p->now - KEEP_AFTER_END_SEC;

    if (purge_with(c,
                   "DELETE FROM replay WHERE (issuer, assertion_id) IN"
                   " (SELECT issuer, assertion_id FROM replay WHERE valid_until < ?1 LIMIT ?2)",
                   before, &p->n, e) != 0 ||
        purge_with(c,
                   "DELETE FROM sessions WHERE id IN"
                   " (SELECT id FROM sessions WHERE absolute_end < ?1 OR last_seen + idle_sec < ?1 LIMIT ?2)",
                   before, &p->n, e) != 0)
        return -1;
    if (p->keep_events_sec == 0)
        return 0;
    return purge_with(c, "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < ?1 ORDER BY id LIMIT ?2)",
                      p->now - p->keep_events_sec, &p->n, e);
}

int store_purge(struct store *s, int64_t now, int64_t keep_events_sec, size_t *ret_n, struct err *e)
{
    struct purge p = {now, keep_events_sec, 0};

    if (store_write(s, purge, &p, e) != 0)
        return -1;
    *ret_n = p.n;
    return 0;
}
