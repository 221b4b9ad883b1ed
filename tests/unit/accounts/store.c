/* Unit tests of accounts/store.h: rows, opening, logins in one transaction. */
#include "tests/unit/accounts/fixture.h"

#include <sys/stat.h>

#include "accounts/schema.h"

/* --- opening ----------------------------------------------------------------------------------------------------- */

static void urls_are_strict(void **state)
{
    static const struct {
        const char *url, *code;
    } cases[] = {{"postgresql://db/usher", "not-supported"},
                 {"mysql:/x", "config-invalid"},
                 {"sqlite:", "config-invalid"},
                 {"sqlite::memory", "config-invalid"},
                 {"sqlite:/nonexistent/usher.db", "store-error"},
                 {"sqlite:/tmp", "store-error"}};
    struct store *s = NULL;
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_err(store_open(cases[i].url, &s, &e), &e, cases[i].code);
    assert_null(s);
}

static void memory_is_private(void **state)
{
    struct store *a = NULL, *b = NULL;
    struct account found;
    struct err e = ERR_INIT;
    bool is;

    (void)state;
    assert_ok(store_open("sqlite::memory:", &a, &e), &e);
    assert_ok(store_open("sqlite::memory:", &b, &e), &e);
    (void)fixture_add(a, "ada@example.com");
    assert_ok(store_account_by_email(a, "ada@example.com", &found, &is, &e), &e);
    assert_true(is);
    assert_ok(store_account_by_email(b, "ada@example.com", &found, &is, &e), &e);
    assert_false(is);
    store_close(a);
    store_close(b);
}

static void file_is_private_and_migrated_once(void **state)
{
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    struct stat st;

    assert_int_equal(stat(f->url + 7, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    (void)fixture_add(s, "ada@example.com");
    store_close(s);
    s = fixture_store(f);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM migrations"), schema_version);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM accounts"), 1);
    store_close(s);
}

static void readable_by_all_is_refused(void **state)
{
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    struct err e = ERR_INIT;

    store_close(s);
    assert_int_equal(chmod(f->url + 7, 0644), 0);
    assert_err(store_open(f->url, &s, &e), &e, "store-error");
}

static void newer_altered_and_foreign_databases_are_refused(void **state)
{
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    struct err e = ERR_INIT;

    store_close(s);
    (void)fixture_sql(f, "INSERT INTO migrations SELECT max(number) + 1, 'later', 'x' FROM migrations");
    assert_err(store_open(f->url, &s, &e), &e, "store-version");
    (void)fixture_sql(f, "DELETE FROM migrations WHERE name = 'later'; UPDATE migrations SET checksum = 'x'");
    assert_err(store_open(f->url, &s, &e), &e, "store-version");
    /* the refusals changed nothing */
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM accounts"), 0);
    strcat(f->url, "2");
    (void)fixture_sql(f, "CREATE TABLE recipes (name TEXT)");
    assert_int_equal(chmod(f->url + 7, 0600), 0);
    assert_err(store_open(f->url, &s, &e), &e, "store-error");
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM sqlite_schema"), 1);
}

/* --- accounts ---------------------------------------------------------------------------------------------------- */

static void account_roundtrip(void **state)
{
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    struct account a = fixture_account("room-4@example.com"), got;
    struct err e = ERR_INIT;
    int64_t id, other;
    bool found;

    strcpy(a.email, "Room-4@example.com");
    strcpy(a.kind, "room");
    strcpy(a.idp, "entra");
    strcpy(a.subject, "object-id-1");
    strcpy(a.password_hash, "$hash");
    assert_ok(store_account_add(s, &a, NULL, &id, &e), &e);
    a.id = id;
    assert_ok(store_account_by_email(s, "room-4@example.com", &got, &found, &e), &e);
    assert_true(found);
    assert_int_equal(got.id, id);
    assert_string_equal(got.email, "Room-4@example.com");
    assert_string_equal(got.kind, "room");
    assert_string_equal(got.password_hash, "$hash");
    assert_string_equal(got.source, "cli");
    assert_int_equal(got.created, NOW);
    assert_int_equal(got.last_login, 0);
    assert_ok(store_account_by_subject(s, "entra", "object-id-1", &got, &found, &e), &e);
    assert_true(found);
    assert_int_equal(got.id, id);
    assert_ok(store_account_by_subject(s, "okta", "object-id-1", &got, &found, &e), &e);
    assert_false(found);
    /* the address, then the identity, is taken */
    assert_err(store_account_add(s, &a, NULL, &other, &e), &e, "account-exists");
    strcpy(a.email_key, "room-5@example.com");
    assert_err(store_account_add(s, &a, NULL, &other, &e), &e, "account-exists");
    store_close(s);
}

static bool count_until(void *ctx, const struct account *a)
{
    int *left = ctx;

    assert_true(a->email_key[0] != '\0');
    return --*left > 0;
}

static void account_changes(void **state)
{
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    int64_t ada = fixture_add(s, "ada@example.com"), bob = fixture_add(s, "bob@example.com"), before, after;
    struct account got;
    struct err e = ERR_INIT;
    bool found;
    int left;

    assert_ok(store_changes(s, &before, &e), &e);
    assert_ok(store_account_set_disabled(s, ada, true, NOW, NULL, &e), &e);
    assert_ok(store_account_set_password(s, ada, "$new", true, NOW, NULL, &e), &e);
    assert_ok(store_account_link(s, ada, "entra", "oid-ada", NULL, &e), &e);
    assert_ok(store_account_link(s, ada, "entra", "oid-ada", NULL, &e), &e);
    assert_ok(store_changes(s, &after, &e), &e);
    assert_true(after >= before + 4);
    assert_ok(store_account_by_email(s, "ada@example.com", &got, &found, &e), &e);
    assert_true(got.disabled);
    assert_string_equal(got.password_hash, "$new");
    assert_string_equal(got.subject, "oid-ada");
    /* one identity an account, one account an identity */
    assert_err(store_account_link(s, ada, "entra", "oid-other", NULL, &e), &e, "account-link-refused");
    assert_err(store_account_link(s, bob, "entra", "oid-ada", NULL, &e), &e, "account-link-refused");
    assert_err(store_account_link(s, bob, "entra", "", NULL, &e), &e, "account-link-refused");
    assert_ok(store_account_unlink(s, ada, NOW, NULL, &e), &e);
    assert_ok(store_account_link(s, bob, "entra", "oid-ada", NULL, &e), &e);
    assert_ok(store_account_set_password(s, ada, NULL, false, NOW, NULL, &e), &e);
    assert_ok(store_account_set_disabled(s, ada, false, NOW, NULL, &e), &e);
    assert_ok(store_account_by_email(s, "ada@example.com", &got, &found, &e), &e);
    assert_false(got.disabled);
    assert_string_equal(got.password_hash, "");

    left = 100;
    assert_ok(store_account_list(s, count_until, &left, &e), &e);
    assert_int_equal(left, 98);
    left = 1;
    assert_ok(store_account_list(s, count_until, &left, &e), &e);
    assert_int_equal(left, 0);

    assert_ok(store_account_delete(s, ada, NOW, NULL, &e), &e);
    assert_ok(store_account_by_email(s, "ada@example.com", &got, &found, &e), &e);
    assert_false(found);
    assert_err(store_account_delete(s, ada, NOW, NULL, &e), &e, "account-not-found");
    assert_err(store_account_set_disabled(s, ada, true, NOW, NULL, &e), &e, "account-not-found");
    assert_err(store_account_set_password(s, ada, "$x", true, NOW, NULL, &e), &e, "account-not-found");
    assert_err(store_account_link(s, ada, "entra", "oid-new", NULL, &e), &e, "account-not-found");
    assert_err(store_account_unlink(s, ada, NOW, NULL, &e), &e, "account-not-found");
    store_close(s);
}

static void overlong_texts_are_refused(void **state)
{
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    int64_t ada = fixture_add(s, "ada@example.com");
    char text[STORE_SUBJECT_MAX + 2];
    struct err e = ERR_INIT;

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_err(store_account_link(s, ada, "entra", text, NULL, &e), &e, "limit-exceeded");
    assert_err(store_account_set_password(s, ada, text, false, NOW, NULL, &e), &e, "limit-exceeded");
    store_close(s);
}

/* --- grants ------------------------------------------------------------------------------------------------------ */

static bool keep_grant(void *ctx, const struct account_grant_row *g)
{
    struct account_grant_row *last = ctx;

    *last = *g;
    return true;
}

static void grants(void **state)
{
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    struct account_grant_row g = {.account = "room-4@example.com",
                                  .kind = "outside",
                                  .owner = "facilities",
                                  .reason = "shared display",
                                  .until = NOW + 100,
                                  .networks = "10.0.0.0/8 192.0.2.1",
                                  .condition = "idp-failing",
                                  .created = NOW,
                                  .created_by = "root"},
                             got = {.id = 0};
    struct event log = {.at = NOW, .kind = "grant.added"};
    struct err e = ERR_INIT;
    int64_t id, before, after;

    assert_ok(store_changes(s, &before, &e), &e);
    assert_ok(store_grant_add(s, &g, &log, &id, &e), &e);
    assert_ok(store_changes(s, &after, &e), &e);
    assert_true(after > before);
    assert_ok(store_grant_list(s, false, keep_grant, &got, &e), &e);
    assert_int_equal(got.id, id);
    assert_string_equal(got.networks, g.networks);
    assert_string_equal(got.condition, "idp-failing");
    assert_int_equal(got.until, NOW + 100);
    assert_int_equal(got.from, 0);
    before = after;
    assert_ok(store_grant_touch(s, id, NOW + 5, &e), &e);
    assert_ok(store_grant_touch(s, id, NOW + 3, &e), &e);
    assert_ok(store_changes(s, &after, &e), &e);
    assert_int_equal(after, before);
    assert_ok(store_grant_revoke(s, id, NOW + 9, NULL, &e), &e);
    assert_err(store_grant_revoke(s, id, NOW + 9, NULL, &e), &e, "grant-invalid");
    memset(&got, 0, sizeof got);
    assert_ok(store_grant_list(s, false, keep_grant, &got, &e), &e);
    assert_int_equal(got.id, 0);
    assert_ok(store_grant_list(s, true, keep_grant, &got, &e), &e);
    assert_int_equal(got.last_used, NOW + 5);
    assert_int_equal(got.revoked_at, NOW + 9);

    g.until = g.from = NOW;
    assert_err(store_grant_add(s, &g, NULL, &id, &e), &e, "grant-invalid");
    g.until = 0;
    strcpy(g.kind, "inside");
    assert_err(store_grant_add(s, &g, NULL, &id, &e), &e, "grant-invalid");
    strcpy(g.kind, "fallback");
    g.owner[0] = '\0';
    assert_err(store_grant_add(s, &g, NULL, &id, &e), &e, "grant-invalid");
    store_close(s);
}

/* --- events ------------------------------------------------------------------------------------------------------ */

static bool keep_ids(void *ctx, const struct event *ev)
{
    int64_t *sum = ctx;

    *sum = *sum * 10 + ev->id;
    return true;
}

static void events(void **state)
{
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    struct event ev = {.kind = "login.refused",
                       .code = "replay",
                       .email = "ada@example.com",
                       .account_id = 7,
                       .idp = "entra",
                       .client = "192.0.2.1",
                       .detail = "{\"found\":\"x\"}"},
                 got;
    struct err e = ERR_INIT;
    int64_t ids = 0;
    bool found;
    size_t n;

    for (int i = 1; i <= 4; i++) {
        ev.at = NOW + i;
        (void)snprintf(ev.request_id, sizeof ev.request_id, "req-%d", i);
        if (i == 4)
            ev.request_id[0] = '\0';
        assert_ok(store_event_append(s, &ev, &e), &e);
    }
    ev.request_id[0] = '\0'; /* many may have none */
    assert_ok(store_event_append(s, &ev, &e), &e);
    strcpy(ev.request_id, "req-2"); /* two may not have the same */
    assert_err(store_event_append(s, &ev, &e), &e, "store-error");
    assert_ok(store_event_find(s, "req-2", &got, &found, &e), &e);
    assert_true(found);
    assert_int_equal(got.at, NOW + 2);
    assert_string_equal(got.code, "replay");
    assert_string_equal(got.client, "192.0.2.1");
    assert_string_equal(got.detail, ev.detail);
    assert_int_equal(got.account_id, 7);
    assert_ok(store_event_find(s, "req-9", &got, &found, &e), &e);
    assert_false(found);
    assert_ok(store_event_find(s, "", &got, &found, &e), &e);
    assert_false(found);
    assert_ok(store_event_list(s, 0, NOW + 2, 0, keep_ids, &ids, &e), &e);
    assert_int_equal(ids, 2345);
    ids = 0;
    assert_ok(store_event_list(s, 2, 0, 2, keep_ids, &ids, &e), &e);
    assert_int_equal(ids, 34);
    assert_ok(store_purge(s, NOW + 103, 100, &n, &e), &e);
    assert_int_equal(n, 2);
    store_close(s);
}

/* --- logins ------------------------------------------------------------------------------------------------------ */

static struct session_token_row token_row(unsigned char id)
{
    struct session_token_row t = {.host = "login.example.com"};

    memset(t.hash, id, sizeof t.hash);
    return t;
}

static int commit(struct store *s, struct store_login in, unsigned char token, struct store_login_result *ret,
                  struct err *e)
{
    struct session_token_row t = token_row(token);

    in.token = &t;
    return store_login_commit(s, &in, ret, e);
}

static void login_creates_everything_or_nothing(void **state)
{
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    struct session_row row = fixture_session("ada@example.com", "oid-ada"), got;
    struct store_login in = fixture_login(&row, "_a1");
    struct event log = {.at = NOW, .kind = "login.accepted", .request_id = "r1"}, ev;
    struct store_login_result r;
    char host[DOMAIN_MAX + 1];
    struct account a;
    struct err e = ERR_INIT;
    int64_t changes;
    bool found;

    in.log = &log;
    assert_ok(commit(s, in, 1, &r, &e), &e);
    assert_true(r.created);
    assert_false(r.email_kept);
    assert_ok(store_account_by_subject(s, "entra", "oid-ada", &a, &found, &e), &e);
    assert_true(found);
    assert_string_equal(a.source, "jit");
    assert_string_equal(a.name, "Ada Lovelace");
    assert_int_equal(a.last_login, NOW);
    assert_ok(store_session_find(s, token_row(1).hash, &got, host, &changes, &found, &e), &e);
    assert_true(found);
    assert_int_equal(got.id, r.session_id);
    assert_int_equal(got.account_id, a.id);
    assert_string_equal(got.groups, "staff\nadmins");
    assert_string_equal(got.session_index, "_s1");
    assert_string_equal(host, "login.example.com");
    assert_int_equal(changes, r.changes);
    assert_ok(store_event_find(s, "r1", &ev, &found, &e), &e);
    assert_true(found);
    assert_int_equal(ev.account_id, a.id);
    assert_ok(store_replay_seen(s, "https://idp.example/", "_a1", &found, &e), &e);
    assert_true(found);

    /* the same assertion again, in another login's clothes: nothing of it stays */
    in.account = LOGIN_EXISTING;
    in.account_id = a.id;
    strcpy(log.request_id, "r2");
    assert_err(commit(s, in, 2, &r, &e), &e, "assertion-replayed");
    assert_ok(store_session_find(s, token_row(2).hash, &got, host, &changes, &found, &e), &e);
    assert_false(found);
    assert_ok(store_event_find(s, "r2", &ev, &found, &e), &e);
    assert_false(found);
    /* the same id of another issuer is another assertion */
    in.issuer = "https://other.example/";
    assert_ok(commit(s, in, 3, &r, &e), &e);

    /* refused after the replay row was written: the assertion is not spent */
    assert_ok(store_account_set_disabled(s, a.id, true, NOW, NULL, &e), &e);
    in.assertion_id = "_a2";
    strcpy(log.request_id, "r3");
    assert_err(commit(s, in, 4, &r, &e), &e, "account-disabled");
    assert_ok(store_replay_seen(s, "https://other.example/", "_a2", &found, &e), &e);
    assert_false(found);
    store_close(s);
}

static void login_links_only_what_is_free(void **state)
{
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    int64_t ada = fixture_add(s, "ada@example.com");
    struct session_row row = fixture_session("ada@example.com", "oid-ada");
    struct store_login in = fixture_login(&row, "_a1");
    struct store_login_result r;
    struct account a;
    struct err e = ERR_INIT;
    bool found;

    /* create was decided, but the address got an account meanwhile */
    assert_err(commit(s, in, 1, &r, &e), &e, "account-link-refused");
    /* an account that is not bound to the identity is not taken over by naming it */
    in.account = LOGIN_EXISTING;
    in.account_id = ada;
    assert_err(commit(s, in, 1, &r, &e), &e, "account-link-refused");
    in.account = LOGIN_LINK;
    in.email_key = "eve@example.com"; /* the account found by address has another one by now */
    assert_err(commit(s, in, 1, &r, &e), &e, "account-link-refused");
    in.email_key = row.email;
    assert_ok(commit(s, in, 1, &r, &e), &e);
    assert_true(r.linked);
    assert_int_equal(r.account_id, ada);
    assert_ok(store_account_by_subject(s, "entra", "oid-ada", &a, &found, &e), &e);
    assert_int_equal(a.id, ada);
    strcpy(row.subject, "oid-eve");
    in.assertion_id = "_a2";
    in.account = LOGIN_EXISTING; /* bound, but to somebody else of the same directory */
    assert_err(commit(s, in, 2, &r, &e), &e, "account-link-refused");
    in.account = LOGIN_LINK;
    assert_err(commit(s, in, 2, &r, &e), &e, "account-link-refused");
    in.account_id = ada + 100;
    assert_err(commit(s, in, 2, &r, &e), &e, "account-not-found");
    store_close(s);
}

static void login_follows_the_address_if_it_is_free(void **state)
{
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    struct session_row row = fixture_session("ada@example.com", "oid-ada"), got;
    struct store_login in = fixture_login(&row, "_a1");
    struct store_login_result r;
    char host[DOMAIN_MAX + 1];
    struct account a;
    struct err e = ERR_INIT;
    int64_t changes;
    bool found;

    assert_ok(commit(s, in, 1, &r, &e), &e);
    in.account = LOGIN_EXISTING;
    in.account_id = r.account_id;
    strcpy(row.email, "ada.king@example.com");
    strcpy(row.name, "Ada King");
    in.assertion_id = "_a2";
    assert_ok(commit(s, in, 2, &r, &e), &e);
    assert_false(r.email_kept);
    assert_ok(store_account_by_email(s, "ada.king@example.com", &a, &found, &e), &e);
    assert_true(found);
    assert_string_equal(a.name, "Ada King");
    (void)fixture_add(s, "taken@example.com");
    strcpy(row.email, "taken@example.com");
    in.assertion_id = "_a3";
    assert_ok(commit(s, in, 3, &r, &e), &e);
    assert_true(r.email_kept);
    assert_ok(store_session_find(s, token_row(3).hash, &got, host, &changes, &found, &e), &e);
    assert_string_equal(got.email, "ada.king@example.com");
    store_close(s);
}

static void login_by_password(void **state)
{
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    int64_t ada = fixture_add(s, "ada@example.com");
    struct session_row row = {
        .created = NOW, .idle_sec = 900, .absolute_end = NOW + 1000, .email = "ada@example.com", .door = "password"};
    struct store_login in = {.account = LOGIN_EXISTING, .account_id = ada, .session = &row, .password_hash = "$old"};
    struct store_login_result r;
    struct err e = ERR_INIT;

    assert_err(commit(s, in, 1, &r, &e), &e, "wrong-password"); /* changed while it was checked */
    assert_ok(store_account_set_password(s, ada, "$old", true, NOW, NULL, &e), &e);
    assert_ok(commit(s, in, 1, &r, &e), &e);
    assert_int_equal(r.account_id, ada);
    store_close(s);
}

static void undecided_logins_are_bugs(void **state)
{
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    struct session_row row = fixture_session("ada@example.com", "oid-ada");
    struct store_login in = fixture_login(&row, "_a1"), bad;
    struct store_login_result r;
    char text[2000];
    struct err e = ERR_INIT;

    bad = in;
    bad.account = LOGIN_REFUSED;
    assert_err(commit(s, bad, 1, &r, &e), &e, "internal-error");
    bad = in;
    bad.assertion_id = "";
    assert_err(commit(s, bad, 1, &r, &e), &e, "internal-error");
    bad = in;
    bad.email_key = NULL;
    assert_err(commit(s, bad, 1, &r, &e), &e, "internal-error");
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    bad = in;
    bad.assertion_id = text;
    assert_err(commit(s, bad, 1, &r, &e), &e, "limit-exceeded");
    row.subject[0] = '\0';
    assert_err(commit(s, in, 1, &r, &e), &e, "internal-error");
    store_close(s);
}

static void purge_keeps_what_matters(void **state)
{
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    struct session_row row = fixture_session("ada@example.com", "oid-ada");
    struct store_login in = fixture_login(&row, "_a1");
    struct store_login_result r;
    struct err e = ERR_INIT;
    size_t n;

    row.idle_sec = 2000;
    assert_ok(commit(s, in, 1, &r, &e), &e);
    assert_ok(store_purge(s, NOW + 300 + 86400, 0, &n, &e), &e); /* last second in which the row must be there */
    assert_int_equal(n, 0);
    assert_ok(store_purge(s, NOW + 301 + 86400, 0, &n, &e), &e);
    assert_int_equal(n, 1);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM replay"), 0);
    assert_ok(store_purge(s, NOW + 2000 + 86400, 0, &n, &e), &e);
    assert_int_equal(n, 0);
    assert_ok(store_purge(s, NOW + 2001 + 86400, 0, &n, &e), &e);
    assert_int_equal(n, 1);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM session_tokens"), 0);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(urls_are_strict),
        fixture_test(memory_is_private),
        fixture_test(file_is_private_and_migrated_once),
        fixture_test(readable_by_all_is_refused),
        fixture_test(newer_altered_and_foreign_databases_are_refused),
        fixture_test(account_roundtrip),
        fixture_test(account_changes),
        fixture_test(overlong_texts_are_refused),
        fixture_test(grants),
        fixture_test(events),
        fixture_test(login_creates_everything_or_nothing),
        fixture_test(login_links_only_what_is_free),
        fixture_test(login_follows_the_address_if_it_is_free),
        fixture_test(login_by_password),
        fixture_test(undecided_logins_are_bugs),
        fixture_test(purge_keeps_what_matters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
