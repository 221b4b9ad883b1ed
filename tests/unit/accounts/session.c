/* Unit tests of accounts/session.h and accounts/landing.h. */
#include "tests/unit/accounts/fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#include "accounts/landing.h"

#define LOGIN_HOST "login.example.com"
#define WIKI "wiki.example.com"
#define THREADS 8

/* One signed-in person, and a second process that looks at the same database. */
struct world {
    struct fixture *f;
    struct store *store;
    struct session_table *table;
    struct store *other_store;
    struct session_table *other;
    struct session_row row;
    struct store_login_result login;
    char token[SESSION_TOKEN_SIZE];
};

static struct world open_world(void **state, size_t max_tokens)
{
    struct world w = {.f = *state};

    w.store = fixture_store(w.f);
    w.other_store = fixture_store(w.f);
    w.table = session_table_new(max_tokens);
    w.other = session_table_new(max_tokens);
    assert_non_null(w.table);
    assert_non_null(w.other);
    w.row = fixture_session("ada@example.com", "oid-ada");
    return w;
}

static void sign_in(struct world *w, const char *assertion)
{
    struct store_login in = fixture_login(&w->row, assertion);
    struct err e = ERR_INIT;

    if (w->login.account_id != 0) {
        in.account = LOGIN_EXISTING;
        in.account_id = w->login.account_id;
    }
    assert_ok(session_login(w->table, w->f->keys, w->store, &in, LOGIN_HOST, w->token, &w->login, &e), &e);
}

static void close_world(struct world *w)
{
    session_table_free(w->table);
    session_table_free(w->other);
    store_close(w->store);
    store_close(w->other_store);
}

static enum session_state check(const struct world *w, const char *token, const char *host, int64_t now)
{
    static struct session_view view;

    return session_check(w->table, w->f->keys, slice_of(token), host, now, &view);
}

static int load_other(const struct world *w, const char *token, const char *host, int64_t now, struct err *e)
{
    static struct session_view view;

    return session_load(w->other, w->f->keys, w->other_store, slice_of(token), host, now, &view, e);
}

static enum session_state check_other(const struct world *w, const char *token, const char *host, int64_t now)
{
    static struct session_view view;

    return session_check(w->other, w->f->keys, slice_of(token), host, now, &view);
}

/* --- tokens ------------------------------------------------------------------------------------------------------ */

static void garbage_never_reaches_the_store(void **state)
{
    struct world w = open_world(state, 1000);
    struct store_counters before, after;
    char text[SESSION_TOKEN_SIZE + 1];
    struct err e = ERR_INIT;

    sign_in(&w, "_a1");
    store_counters(w.other_store, &before);
    for (size_t i = 0; i < SESSION_TOKEN_SIZE - 1; i++) { /* every character counts, also the last one's spare bits */
        strcpy(text, w.token);
        text[i] = text[i] == 'A' ? 'B' : 'A';
        assert_int_equal(check_other(&w, text, LOGIN_HOST, NOW), SESSION_REFUSED);
        assert_err(load_other(&w, text, LOGIN_HOST, NOW, &e), &e, "session-none");
    }
    assert_err(load_other(&w, "", LOGIN_HOST, NOW, &e), &e, "session-none");
    strcpy(text, w.token);
    strcat(text, "A");
    assert_err(load_other(&w, text, LOGIN_HOST, NOW, &e), &e, "session-none");
    text[SESSION_TOKEN_SIZE - 2] = '=';
    assert_err(load_other(&w, text, LOGIN_HOST, NOW, &e), &e, "session-none");
    store_counters(w.other_store, &after);
    assert_int_equal(after.reads, before.reads);
    /* the genuine one: one read, and none for the next check */
    assert_int_equal(check_other(&w, w.token, LOGIN_HOST, NOW), SESSION_UNKNOWN);
    assert_ok(load_other(&w, w.token, LOGIN_HOST, NOW, &e), &e);
    assert_int_equal(check_other(&w, w.token, LOGIN_HOST, NOW), SESSION_OK);
    store_counters(w.other_store, &after);
    assert_int_equal(after.reads, before.reads + 1);
    close_world(&w);
}

static void stored_hashed(void **state)
{
    struct world w = open_world(state, 1000);
    char statement[256];

    sign_in(&w, "_a1");
    (void)snprintf(statement, sizeof statement, "SELECT count(*) FROM session_tokens WHERE length(hash) = 32");
    assert_int_equal(fixture_sql(w.f, statement), 1);
    close_world(&w);
}

static void view_carries_the_identity(void **state)
{
    struct world w = open_world(state, 1000);
    struct session_view a, b;
    struct slice rest, g;
    struct err e = ERR_INIT;

    sign_in(&w, "_a1");
    assert_int_equal(session_check(w.table, w.f->keys, slice_of(w.token), LOGIN_HOST, NOW, &a), SESSION_OK);
    assert_ok(session_load(w.other, w.f->keys, w.other_store, slice_of(w.token), LOGIN_HOST, NOW, &b, &e), &e);
    assert_string_equal(a.email, "ada@example.com");
    assert_string_equal(a.name, "Ada Lovelace");
    assert_string_equal(a.door, "sso");
    assert_string_equal(a.idp, "entra");
    assert_string_equal(a.subject, "oid-ada");
    assert_int_equal(a.id, w.login.session_id);
    assert_int_equal(a.account_id, w.login.account_id);
    assert_int_equal(a.absolute_end, NOW + 36000);
    assert_int_equal(a.groups_n, strlen("staff\nadmins"));
    rest = slice_make(a.groups, a.groups_n);
    assert_true(slice_split(&rest, '\n', &g) && slice_is(g, "staff"));
    assert_true(slice_split(&rest, '\n', &g) && slice_is(g, "admins"));
    assert_false(slice_split(&rest, '\n', &g));
    assert_string_equal(b.email, a.email);
    assert_string_equal(b.groups, a.groups);
    assert_int_equal(b.id, a.id);
    close_world(&w);
}

static void good_for_one_host(void **state)
{
    struct world w = open_world(state, 1000);
    struct err e = ERR_INIT;

    sign_in(&w, "_a1");
    assert_int_equal(check(&w, w.token, WIKI, NOW), SESSION_REFUSED);
    assert_int_equal(check(&w, w.token, "", NOW), SESSION_REFUSED);
    assert_err(load_other(&w, w.token, WIKI, NOW, &e), &e, "session-none");
    assert_int_equal(check(&w, w.token, LOGIN_HOST, NOW), SESSION_OK);
    close_world(&w);
}

/* The asserted address belongs to somebody else: the session carries the account's own, from the first check on. */
static void a_kept_address_is_the_sessions(void **state)
{
    struct world w = open_world(state, 1000);
    struct session_view view;

    sign_in(&w, "_a1");
    (void)fixture_add(w.store, "taken@example.com");
    strcpy(w.row.email, "taken@example.com");
    sign_in(&w, "_a2");
    assert_true(w.login.email_kept);
    assert_int_equal(session_check(w.table, w.f->keys, slice_of(w.token), LOGIN_HOST, NOW, &view), SESSION_OK);
    assert_string_equal(view.email, "ada@example.com");
    close_world(&w);
}

/* --- ends -------------------------------------------------------------------------------------------------------- */

static void ends_to_the_second(void **state)
{
    static const struct {
        int64_t idle, absolute; /* of the session, from NOW */
        int64_t at;             /* first use, from NOW */
        bool alive;
    } cases[] = {
        {900, 36000, 899, true}, {900, 36000, 900, false}, {900, 500, 499, true}, {900, 500, 500, false},
        {1, 500, 0, true},       {1, 500, 1, false},       {900, 0, 0, false},
    };
    char assertion[16];
    struct err e = ERR_INIT;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w = open_world(state, 1000);

        w.row.idle_sec = cases[i].idle;
        w.row.absolute_end = NOW + cases[i].absolute;
        (void)snprintf(assertion, sizeof assertion, "_c%zu", i);
        w.login.account_id = 0;
        (void)snprintf(w.row.subject, sizeof w.row.subject, "oid-%zu", i);
        (void)snprintf(w.row.email, sizeof w.row.email, "p%zu@example.com", i);
        sign_in(&w, assertion);
        assert_int_equal(check(&w, w.token, LOGIN_HOST, NOW + cases[i].at) == SESSION_OK, cases[i].alive);
        if (cases[i].alive)
            assert_ok(load_other(&w, w.token, LOGIN_HOST, NOW + cases[i].at, &e), &e);
        else
            assert_err(load_other(&w, w.token, LOGIN_HOST, NOW + cases[i].at, &e), &e, "session-none");
        close_world(&w);
    }
}

static void use_moves_the_idle_end_not_the_absolute_one(void **state)
{
    struct world w = open_world(state, 1000);
    struct err e = ERR_INIT;

    w.row.absolute_end = NOW + 2000;
    sign_in(&w, "_a1");
    assert_int_equal(check(&w, w.token, LOGIN_HOST, NOW + 800), SESSION_OK);
    assert_int_equal(check(&w, w.token, LOGIN_HOST, NOW + 1600), SESSION_OK);
    assert_int_equal(check(&w, w.token, LOGIN_HOST, NOW + 1999), SESSION_OK);
    assert_int_equal(check(&w, w.token, LOGIN_HOST, NOW + 2000), SESSION_REFUSED);
    /* the other process knows of that use once it was flushed */
    assert_err(load_other(&w, w.token, LOGIN_HOST, NOW + 1999, &e), &e, "session-none");
    clock_freeze(NOW + 1999);
    assert_ok(session_table_flush(w.table, w.store, false, &e), &e);
    assert_ok(load_other(&w, w.token, LOGIN_HOST, NOW + 1999, &e), &e);
    close_world(&w);
}

static void idle_here_but_used_elsewhere(void **state)
{
    struct world w = open_world(state, 1000);
    static struct session_view view;
    struct err e = ERR_INIT;

    sign_in(&w, "_a1");
    assert_ok(load_other(&w, w.token, LOGIN_HOST, NOW + 800, &e), &e);
    assert_ok(session_table_flush(w.other, w.other_store, true, &e), &e);
    assert_int_equal(check(&w, w.token, LOGIN_HOST, NOW + 1000), SESSION_UNKNOWN);
    assert_ok(session_load(w.table, w.f->keys, w.store, slice_of(w.token), LOGIN_HOST, NOW + 1000, &view, &e), &e);
    assert_int_equal(check(&w, w.token, LOGIN_HOST, NOW + 1000), SESSION_OK);
    close_world(&w);
}

static void flush_writes_at_most_once_a_minute(void **state)
{
    struct world w = open_world(state, 1000);
    struct store_counters before, after;
    struct err e = ERR_INIT;

    sign_in(&w, "_a1");
    store_counters(w.store, &before);
    for (int i = 1; i < 60; i++) {
        assert_int_equal(check(&w, w.token, LOGIN_HOST, NOW + i), SESSION_OK);
        assert_ok(session_table_flush(w.table, w.store, false, &e), &e);
    }
    store_counters(w.store, &after);
    assert_int_equal(after.writes, before.writes);
    assert_int_equal(check(&w, w.token, LOGIN_HOST, NOW + 60), SESSION_OK);
    assert_ok(session_table_flush(w.table, w.store, false, &e), &e);
    assert_ok(session_table_flush(w.table, w.store, true, &e), &e);
    store_counters(w.store, &after);
    assert_int_equal(after.writes, before.writes + 1);
    assert_int_equal(fixture_sql(w.f, "SELECT last_seen FROM sessions"), NOW + 60);
    assert_int_equal(session_table_count(w.table), 1);
    clock_freeze(NOW + 60 + 900);
    assert_ok(session_table_flush(w.table, w.store, false, &e), &e); /* and lets go of what has ended */
    assert_int_equal(session_table_count(w.table), 0);
    close_world(&w);
}

/* --- revocation -------------------------------------------------------------------------------------------------- */

static void revocation_reaches_every_process(void **state)
{
    static const enum session_selector by[] = {SESSION_BY_ID, SESSION_BY_TOKEN, SESSION_BY_ACCOUNT, SESSION_BY_NAME_ID};
    struct world w = open_world(state, 1000);
    unsigned char hash[STORE_TOKEN_HASH_BYTES];
    char assertion[16];
    struct event log = {.at = NOW, .kind = "session.ended"};
    struct err e = ERR_INIT;
    size_t n;

    for (size_t i = 0; i < sizeof by / sizeof *by; i++) {
        struct session_select which = {.by = by[i]};

        (void)snprintf(assertion, sizeof assertion, "_r%zu", i);
        sign_in(&w, assertion);
        assert_true(session_token_read(w.f->keys, slice_of(w.token), hash));
        which.id = by[i] == SESSION_BY_ACCOUNT ? w.login.account_id : w.login.session_id;
        which.hash = hash;
        which.idp = "entra";
        which.name_id = "ada-name-id";
        which.session_index = "_s1";
        assert_ok(load_other(&w, w.token, LOGIN_HOST, NOW, &e), &e);
        assert_ok(session_revoke(w.table, w.store, &which, NOW, &log, &n, &e), &e);
        assert_int_equal(n, 1);
        assert_int_equal(check(&w, w.token, LOGIN_HOST, NOW), SESSION_REFUSED);
        assert_ok(session_table_refresh(w.other, w.other_store, &e), &e);
        assert_int_equal(check_other(&w, w.token, LOGIN_HOST, NOW), SESSION_REFUSED);
        assert_err(load_other(&w, w.token, LOGIN_HOST, NOW, &e), &e, "session-none");
        assert_ok(session_revoke(w.table, w.store, &which, NOW, &log, &n, &e), &e);
        assert_int_equal(n, 0);
    }
    assert_int_equal(fixture_sql(w.f, "SELECT count(*) FROM events"), sizeof by / sizeof *by);
    close_world(&w);
}

static void disabling_ends_sessions(void **state)
{
    struct world w = open_world(state, 1000);
    struct err e = ERR_INIT;

    sign_in(&w, "_a1");
    /* by another process, as the command line does; the daemon notices by the change counter */
    assert_ok(store_account_set_disabled(w.other_store, w.login.account_id, true, NOW, NULL, &e), &e);
    assert_ok(session_table_refresh(w.table, w.store, &e), &e);
    assert_int_equal(check(&w, w.token, LOGIN_HOST, NOW), SESSION_REFUSED);
    /* enabling does not bring it back */
    assert_ok(store_account_set_disabled(w.other_store, w.login.account_id, false, NOW, NULL, &e), &e);
    assert_ok(session_table_refresh(w.table, w.store, &e), &e);
    assert_err(load_other(&w, w.token, LOGIN_HOST, NOW, &e), &e, "session-none");
    sign_in(&w, "_a2");
    assert_ok(store_account_delete(w.other_store, w.login.account_id, NOW, NULL, &e), &e);
    assert_ok(session_table_refresh(w.table, w.store, &e), &e);
    assert_int_equal(check(&w, w.token, LOGIN_HOST, NOW), SESSION_REFUSED);
    close_world(&w);
}

static void a_new_login_ends_the_old_session(void **state)
{
    struct world w = open_world(state, 1000);
    struct store_login in;
    char old[SESSION_TOKEN_SIZE];
    struct err e = ERR_INIT;

    sign_in(&w, "_a1");
    strcpy(old, w.token);
    in = fixture_login(&w.row, "_a2");
    in.account = LOGIN_EXISTING;
    in.account_id = w.login.account_id;
    in.replaces = w.login.session_id;
    assert_ok(session_login(w.table, w.f->keys, w.store, &in, LOGIN_HOST, w.token, &w.login, &e), &e);
    assert_string_not_equal(old, w.token);
    assert_int_equal(check(&w, old, LOGIN_HOST, NOW), SESSION_REFUSED);
    assert_int_equal(check(&w, w.token, LOGIN_HOST, NOW), SESSION_OK);
    close_world(&w);
}

static void signing_out(void **state)
{
    struct world w = open_world(state, 1000);
    struct event log = {.at = NOW, .kind = "session.ended"};
    struct err e = ERR_INIT;
    bool ended;

    sign_in(&w, "_a1");
    assert_ok(session_end(w.table, w.f->keys, w.store, SLICE("garbage"), NOW, &log, &ended, &e), &e);
    assert_false(ended);
    assert_ok(session_end(w.table, w.f->keys, w.store, slice_of(w.token), NOW, &log, &ended, &e), &e);
    assert_true(ended);
    assert_err(load_other(&w, w.token, LOGIN_HOST, NOW, &e), &e, "session-none");
    assert_ok(session_end(w.table, w.f->keys, w.store, slice_of(w.token), NOW, &log, &ended, &e), &e);
    assert_false(ended);
    assert_int_equal(fixture_sql(w.f, "SELECT count(*) FROM events"), 1);
    close_world(&w);
}

/* A row read before the session ended must not get into the table after the refresh that dropped it. */
static void a_stale_row_does_not_come_back(void **state)
{
    struct world w = open_world(state, 1000);
    unsigned char hash[STORE_TOKEN_HASH_BYTES];
    char host[DOMAIN_MAX + 1];
    struct session_row row;
    struct session_select which = {.by = SESSION_BY_ID};
    int64_t changes;
    struct err e = ERR_INIT;
    bool found;
    size_t n;

    sign_in(&w, "_a1");
    which.id = w.login.session_id;
    assert_true(session_token_read(w.f->keys, slice_of(w.token), hash));
    assert_ok(store_session_find(w.other_store, hash, &row, host, &changes, &found, &e), &e);
    assert_ok(session_revoke(w.other, w.other_store, &which, NOW, NULL, &n, &e), &e);
    session_table_put(w.other, hash, host, &row, changes);
    assert_int_equal(session_table_count(w.other), 0);
    assert_int_equal(check_other(&w, w.token, LOGIN_HOST, NOW), SESSION_UNKNOWN);
    close_world(&w);
}

/* --- bounds ------------------------------------------------------------------------------------------------------ */

static void the_table_is_bounded_and_reloads(void **state)
{
    enum { PEOPLE = 300, MAX = 64 }; /* one place in each shard */
    struct world w = open_world(state, MAX);
    char(*tokens)[SESSION_TOKEN_SIZE] = calloc(PEOPLE, sizeof *tokens);
    char assertion[16];
    struct err e = ERR_INIT;
    static struct session_view view;
    size_t hits = 0;

    assert_non_null(tokens);
    for (int i = 0; i < PEOPLE; i++) {
        (void)snprintf(assertion, sizeof assertion, "_b%d", i);
        sign_in(&w, assertion);
        strcpy(tokens[i], w.token);
        assert_true(session_table_count(w.table) <= MAX);
    }
    for (int i = 0; i < PEOPLE; i++) {
        enum session_state state_of = check(&w, tokens[i], LOGIN_HOST, NOW);

        hits += state_of == SESSION_OK;
        assert_int_not_equal(state_of, SESSION_REFUSED);
    }
    assert_true(hits > 0 && hits <= MAX);
    for (int i = 0; i < PEOPLE; i++) { /* afterwards: each loading makes another one leave */
        assert_ok(session_load(w.table, w.f->keys, w.store, slice_of(tokens[i]), LOGIN_HOST, NOW, &view, &e), &e);
        assert_int_equal(check(&w, tokens[i], LOGIN_HOST, NOW), SESSION_OK);
    }
    free(tokens);
    close_world(&w);
}

/* --- landing ----------------------------------------------------------------------------------------------------- */

struct landing {
    char nonce[LANDING_NONCE_SIZE];
    char challenge[LANDING_CHALLENGE_SIZE];
    struct buf token;
};

static struct landing start_landing(const struct world *w, const char *host)
{
    struct landing l;
    struct err e = ERR_INIT;

    landing_start(l.nonce, l.challenge);
    buf_init(&l.token, LANDING_TOKEN_MAX);
    assert_ok(landing_issue(w->f->keys, w->login.session_id, host, slice_of(l.challenge), NOW, &l.token, &e), &e);
    assert_true(l.token.len < LANDING_TOKEN_MAX);
    return l;
}

static int redeem(const struct world *w, const struct landing *l, const char *host, const char *nonce, int64_t now,
                  char token[SESSION_TOKEN_SIZE], struct err *e)
{
    static struct session_view view;
    int r = landing_redeem(w->f->keys, w->table, w->store, buf_slice(&l->token), host, slice_of(nonce), now, token,
                           &view, e);

    if (r == 0) {
        assert_string_equal(view.email, "ada@example.com");
        assert_int_equal(view.id, w->login.session_id);
    }
    return r;
}

static void landing_opens_the_other_host_once(void **state)
{
    struct world w = open_world(state, 1000);
    char token[SESSION_TOKEN_SIZE], again[SESSION_TOKEN_SIZE];
    struct landing l;
    struct err e = ERR_INIT;

    sign_in(&w, "_a1");
    l = start_landing(&w, WIKI);
    /* none of these spends it */
    assert_err(redeem(&w, &l, "crm.example.com", l.nonce, NOW, token, &e), &e, "landing-refused");
    assert_err(redeem(&w, &l, WIKI, "another browser's", NOW, token, &e), &e, "landing-refused");
    assert_err(redeem(&w, &l, WIKI, l.challenge, NOW, token, &e), &e, "landing-refused");
    assert_err(redeem(&w, &l, WIKI, "", NOW, token, &e), &e, "landing-refused");
    assert_err(redeem(&w, &l, WIKI, l.nonce, NOW + 60, token, &e), &e, "landing-refused");
    assert_ok(redeem(&w, &l, WIKI, l.nonce, NOW + 59, token, &e), &e);
    assert_err(redeem(&w, &l, WIKI, l.nonce, NOW + 59, again, &e), &e, "landing-refused");
    assert_int_equal(check(&w, token, WIKI, NOW + 59), SESSION_OK);
    assert_int_equal(check(&w, token, LOGIN_HOST, NOW + 59), SESSION_REFUSED);
    assert_ok(load_other(&w, token, WIKI, NOW + 59, &e), &e);
    l.token.data[l.token.len / 2] ^= 1;
    assert_err(redeem(&w, &l, WIKI, l.nonce, NOW, token, &e), &e, "landing-refused");
    buf_free(&l.token);
    close_world(&w);
}

static void several_landings_share_one_nonce(void **state)
{
    struct world w = open_world(state, 1000);
    char challenge[LANDING_CHALLENGE_SIZE], token[SESSION_TOKEN_SIZE];
    struct landing a, b;
    struct err e = ERR_INIT;

    sign_in(&w, "_a1");
    a = start_landing(&w, WIKI);
    assert_int_equal(landing_challenge(slice_of(a.nonce), challenge), 0);
    assert_string_equal(challenge, a.challenge);
    assert_int_equal(landing_challenge(SLICE("short"), challenge), -1);
    buf_init(&b.token, LANDING_TOKEN_MAX);
    assert_ok(landing_issue(w.f->keys, w.login.session_id, WIKI, slice_of(challenge), NOW, &b.token, &e), &e);
    assert_ok(redeem(&w, &b, WIKI, a.nonce, NOW, token, &e), &e);
    assert_ok(redeem(&w, &a, WIKI, a.nonce, NOW, token, &e), &e);
    buf_free(&a.token);
    buf_free(&b.token);
    close_world(&w);
}

static void landing_needs_a_challenge_of_the_right_form(void **state)
{
    static const char *const bad[] = {
        "", "x", "0123456789012345678901234567890123456789012=", "01234567890123456789012345678901234567890123456789"};
    struct world w = open_world(state, 1000);
    struct err e = ERR_INIT;
    struct buf b;

    buf_init(&b, LANDING_TOKEN_MAX);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_err(landing_issue(w.f->keys, 1, WIKI, slice_of(bad[i]), NOW, &b, &e), &e, "landing-refused");
    assert_int_equal(b.len, 0);
    buf_free(&b);
    close_world(&w);
}

static void child_and_parent_end_together(void **state)
{
    struct world w = open_world(state, 1000);
    char child[SESSION_TOKEN_SIZE], late[SESSION_TOKEN_SIZE];
    struct landing l, unspent;
    struct err e = ERR_INIT;
    bool ended;

    sign_in(&w, "_a1");
    l = start_landing(&w, WIKI);
    unspent = start_landing(&w, WIKI);
    assert_ok(redeem(&w, &l, WIKI, l.nonce, NOW, child, &e), &e);
    assert_ok(load_other(&w, child, WIKI, NOW, &e), &e);
    /* use of the child keeps the parent awake */
    assert_int_equal(check(&w, child, WIKI, NOW + 800), SESSION_OK);
    assert_int_equal(check(&w, w.token, LOGIN_HOST, NOW + 1600), SESSION_OK);
    assert_ok(session_end(w.table, w.f->keys, w.store, slice_of(w.token), NOW, NULL, &ended, &e), &e);
    assert_true(ended);
    assert_int_equal(check(&w, child, WIKI, NOW), SESSION_REFUSED);
    assert_ok(session_table_refresh(w.other, w.other_store, &e), &e);
    assert_int_equal(check_other(&w, child, WIKI, NOW), SESSION_REFUSED);
    assert_err(load_other(&w, child, WIKI, NOW, &e), &e, "session-none");
    assert_err(redeem(&w, &unspent, WIKI, unspent.nonce, NOW, late, &e), &e, "session-none");
    buf_free(&l.token);
    buf_free(&unspent.token);
    close_world(&w);
}

/* --- threads ----------------------------------------------------------------------------------------------------- */

struct race {
    struct world *w;
    struct landing *l;
    atomic_int won, lost;
    atomic_bool stop;
};

static void *redeem_in_thread(void *arg)
{
    struct race *r = arg;
    struct session_view *view = malloc(sizeof *view);
    char token[SESSION_TOKEN_SIZE];
    struct err e = ERR_INIT;

    if (landing_redeem(r->w->f->keys, r->w->table, r->w->store, buf_slice(&r->l->token), WIKI, slice_of(r->l->nonce),
                       NOW, token, view, &e) == 0)
        atomic_fetch_add(&r->won, 1);
    else if (e.code == ERR_LAND)
        atomic_fetch_add(&r->lost, 1);
    free(view);
    return NULL;
}

static void landing_is_spent_once_by_many_threads(void **state)
{
    struct world w = open_world(state, 1000);
    pthread_t threads[THREADS];
    struct landing l;

    sign_in(&w, "_a1");
    for (int round = 0; round < 5; round++) {
        struct race r = {.w = &w, .l = &l};

        l = start_landing(&w, WIKI);
        for (size_t i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, redeem_in_thread, &r), 0);
        for (size_t i = 0; i < THREADS; i++)
            (void)pthread_join(threads[i], NULL);
        assert_int_equal(r.won, 1);
        assert_int_equal(r.lost, THREADS - 1);
        buf_free(&l.token);
    }
    close_world(&w);
}

/* Checks, loads and flushes as loops and job threads do them, while sessions end. For ThreadSanitizer, and: once
 * refused, always refused. */
static void *use_in_thread(void *arg)
{
    struct race *r = arg;
    struct session_view *view = malloc(sizeof *view);
    bool refused = false;
    struct err e = ERR_INIT;

    while (!atomic_load(&r->stop)) {
        enum session_state s = session_check(r->w->table, r->w->f->keys, slice_of(r->w->token), LOGIN_HOST, NOW, view);

        if (s == SESSION_UNKNOWN && session_load(r->w->table, r->w->f->keys, r->w->store, slice_of(r->w->token),
                                                 LOGIN_HOST, NOW, view, &e) == 0)
            s = SESSION_OK;
        err_clear(&e);
        if (refused && s == SESSION_OK)
            atomic_fetch_add(&r->won, 1);
        if (!refused && s != SESSION_OK)
            atomic_fetch_add(&r->lost, 1);
        refused = refused || s != SESSION_OK;
        (void)session_table_flush(r->w->table, r->w->store, true, &e);
        err_clear(&e);
    }
    free(view);
    return NULL;
}

static void revocation_under_way(void **state)
{
    struct world w = open_world(state, 64);
    struct race r = {.w = &w};
    pthread_t threads[4];
    struct session_select which = {.by = SESSION_BY_ID};
    struct err e = ERR_INIT;
    size_t n;

    sign_in(&w, "_a1");
    which.id = w.login.session_id;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_in_thread, &r), 0);
    assert_ok(session_revoke(w.table, w.store, &which, NOW, NULL, &n, &e), &e);
    assert_int_equal(n, 1);
    while (atomic_load(&r.lost) < 4) { /* until each thread has met the end */
        assert_ok(session_table_refresh(w.table, w.store, &e), &e);
        assert_int_not_equal(check(&w, w.token, LOGIN_HOST, NOW), SESSION_OK);
    }
    atomic_store(&r.stop, true);
    for (size_t i = 0; i < 4; i++)
        (void)pthread_join(threads[i], NULL);
    assert_int_equal(r.won, 0);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(garbage_never_reaches_the_store),
        fixture_test(stored_hashed),
        fixture_test(view_carries_the_identity),
        fixture_test(good_for_one_host),
        fixture_test(a_kept_address_is_the_sessions),
        fixture_test(ends_to_the_second),
        fixture_test(use_moves_the_idle_end_not_the_absolute_one),
        fixture_test(idle_here_but_used_elsewhere),
        fixture_test(flush_writes_at_most_once_a_minute),
        fixture_test(revocation_reaches_every_process),
        fixture_test(disabling_ends_sessions),
        fixture_test(a_new_login_ends_the_old_session),
        fixture_test(signing_out),
        fixture_test(a_stale_row_does_not_come_back),
        fixture_test(the_table_is_bounded_and_reloads),
        fixture_test(landing_opens_the_other_host_once),
        fixture_test(several_landings_share_one_nonce),
        fixture_test(landing_needs_a_challenge_of_the_right_form),
        fixture_test(child_and_parent_end_together),
        fixture_test(landing_is_spent_once_by_many_threads),
        fixture_test(revocation_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
