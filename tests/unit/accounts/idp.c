/* Metadata documents and keys of identity providers: what is in force, what waits, what never counts again. */
#include "tests/unit/accounts/fixture.h"

#define URL "https://idp.example/metadata"

static struct idp_key key_named(unsigned char c)
{
    struct idp_key k = {.not_after = NOW + 1000};

    memset(k.sha256, c, sizeof k.sha256);
    (void)snprintf(k.subject, sizeof k.subject, "CN=%c", c);
    return k;
}

struct found {
    struct idp_key v[8];
    size_t n;
};
static bool collect(void *ctx, const struct idp_key *k)
{
    struct found *f = ctx;

    f->v[f->n++] = *k;
    return f->n < 8;
}
static struct found keys_of(struct store *s, const char *idp)
{
    struct found f = {.n = 0};
    struct err e = ERR_INIT;

    assert_ok(store_idp_keys(s, idp, collect, &f, &e), &e);
    return f;
}
static const struct idp_key *named(const struct found *f, unsigned char c)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->v[i].sha256[0] == c)
            return &f->v[i];
    }
    fail_msg("no key %c", c);
    return NULL;
}

static int64_t changes(struct store *s)
{
    struct err e = ERR_INIT;
    int64_t n = 0;

    assert_ok(store_changes(s, &n, &e), &e);
    return n;
}

static struct idp_metadata load(struct store *s, struct arena *a)
{
    struct idp_metadata m;
    struct err e = ERR_INIT;
    bool found;

    arena_init(a, 1 << 26);
    assert_ok(store_idp_metadata(s, "entra", a, &m, &found, &e), &e);
    assert_int_equal(found, m.revision > 0);
    return m;
}

/* A document of these keys at a time, on the revision that is there. */
static int take(struct store *s, enum idp_outcome outcome, const char *document, const char *names, int64_t now,
                struct err *e)
{
    struct idp_key keys[8];
    struct arena a;
    struct idp_update u = {.idp = "entra",
                           .outcome = outcome,
                           .revision = load(s, &a).revision,
                           .url = URL,
                           .now = now,
                           .next = now + 3600,
                           .document = slice_of(document),
                           .keys = keys,
                           .nkeys = strlen(names)};

    arena_free(&a);
    for (size_t i = 0; i < u.nkeys; i++)
        keys[i] = key_named((unsigned char)names[i]);
    return store_idp_update(s, &u, e);
}

static void documents(void **state)
{
    struct store *s = fixture_store(*state);
    struct idp_metadata m;
    struct err e = ERR_INIT;
    struct arena a;
    int64_t before;

    m = load(s, &a);
    assert_null(m.document.p);
    arena_free(&a);
    before = changes(s);
    assert_ok(take(s, IDP_CURRENT, "one", "ab", NOW, &e), &e);
    assert_true(changes(s) > before);
    m = load(s, &a);
    assert_int_equal(m.revision, 1);
    assert_true(slice_is(m.document, "one"));
    assert_string_equal(m.url, URL);
    assert_int_equal(m.fetched, NOW);
    assert_int_equal(m.next, NOW + 3600);
    arena_free(&a);
    /* the same again is no change, but it is fresh */
    before = changes(s);
    assert_ok(take(s, IDP_CURRENT, "one", "ab", NOW + 5, &e), &e);
    m = load(s, &a);
    assert_int_equal(m.revision, 1);
    assert_int_equal(m.fetched, NOW + 5);
    assert_int_equal(changes(s), before);
    arena_free(&a);
    /* another set: what is gone is marked, what comes back is not */
    assert_ok(take(s, IDP_CURRENT, "two", "bc", NOW + 6, &e), &e);
    struct found f = keys_of(s, "entra");
    assert_int_equal(f.n, 3);
    assert_int_equal(named(&f, 'a')->removed_at, NOW + 6);
    assert_int_equal(named(&f, 'b')->removed_at, 0);
    assert_int_equal(named(&f, 'c')->first_seen, NOW + 6);
    assert_string_equal(named(&f, 'c')->subject, "CN=c");
    assert_ok(take(s, IDP_CURRENT, "three", "ac", NOW + 7, &e), &e);
    f = keys_of(s, "entra");
    assert_int_equal(named(&f, 'a')->removed_at, 0);
    assert_int_equal(named(&f, 'a')->first_seen, NOW);
    assert_int_equal(named(&f, 'b')->removed_at, NOW + 7);
    assert_int_equal(keys_of(s, "other").n, 0);
    store_close(s);
}

static void pending(void **state)
{
    struct store *s = fixture_store(*state);
    struct idp_metadata m;
    struct err e = ERR_INIT;
    struct arena a;
    int64_t before;

    assert_err(take(s, IDP_PENDING, "two", "", NOW, &e), &e, "internal-error");
    assert_err(take(s, IDP_CURRENT, "", "", NOW, &e), &e, "internal-error");
    assert_ok(take(s, IDP_CURRENT, "one", "a", NOW, &e), &e);
    assert_ok(take(s, IDP_PENDING, "two", "", NOW + 1, &e), &e);
    m = load(s, &a);
    assert_true(slice_is(m.document, "one"));
    assert_true(slice_is(m.pending, "two"));
    assert_int_equal(m.pending_since, NOW + 1);
    assert_int_equal(m.revision, 2);
    arena_free(&a);
    before = changes(s);
    assert_ok(take(s, IDP_PENDING, "two", "", NOW + 2, &e), &e);
    assert_int_equal(changes(s), before);
    m = load(s, &a);
    assert_int_equal(m.pending_since, NOW + 1);
    assert_int_equal(m.checked, NOW + 2);
    arena_free(&a);
    assert_ok(take(s, IDP_CURRENT, "two", "b", NOW + 3, &e), &e);
    m = load(s, &a);
    assert_true(slice_is(m.document, "two"));
    assert_null(m.pending.p);
    assert_int_equal(m.pending_since, 0);
    arena_free(&a);
    store_close(s);
}

static void failures(void **state)
{
    struct store *s = fixture_store(*state);
    struct idp_update u = {.idp = "entra", .url = URL, .now = NOW, .next = NOW + 60, .error = "no route"};
    struct idp_metadata m;
    struct err e = ERR_INIT;
    struct arena a;

    assert_ok(store_idp_update(s, &u, &e), &e);
    assert_ok(store_idp_update(s, &u, &e), &e);
    m = load(s, &a);
    assert_int_equal(m.failures, 2);
    assert_string_equal(m.error, "no route");
    assert_null(m.document.p);
    assert_int_equal(m.next, NOW + 60);
    arena_free(&a);
    assert_ok(take(s, IDP_CURRENT, "one", "a", NOW + 1, &e), &e);
    u.now = NOW + 2;
    u.next = 0;
    assert_ok(store_idp_update(s, &u, &e), &e);
    m = load(s, &a);
    assert_int_equal(m.failures, 1);
    assert_true(slice_is(m.document, "one")); /* the last good copy stays */
    assert_int_equal(m.fetched, NOW + 1);
    assert_int_equal(m.next, NOW + 1 + 3600);
    arena_free(&a);
    /* a decision on what is no longer so */
    u = (struct idp_update){
        .idp = "entra", .outcome = IDP_CURRENT, .revision = 77, .url = URL, .now = NOW, .document = SLICE("x")};
    assert_err(store_idp_update(s, &u, &e), &e, "busy");
    u.document.n = STORE_DOCUMENT_MAX + 1;
    assert_err(store_idp_update(s, &u, &e), &e, "limit-exceeded");
    store_close(s);
}

static void largest(void **state)
{
    struct store *s = fixture_store(*state);
    char *big = malloc(STORE_DOCUMENT_MAX);
    struct idp_update u = {.idp = "entra", .outcome = IDP_CURRENT, .url = URL, .now = NOW};
    struct idp_metadata m;
    struct err e = ERR_INIT;
    struct arena a;

    assert_non_null(big);
    memset(big, 'x', STORE_DOCUMENT_MAX);
    u.document = slice_make(big, STORE_DOCUMENT_MAX);
    assert_ok(store_idp_update(s, &u, &e), &e);
    u.outcome = IDP_PENDING;
    u.revision = 1;
    big[0] = 'y';
    assert_ok(store_idp_update(s, &u, &e), &e);
    m = load(s, &a);
    assert_int_equal(m.document.n, STORE_DOCUMENT_MAX);
    assert_int_equal(m.pending.n, STORE_DOCUMENT_MAX);
    assert_true(m.document.p[0] == 'x' && m.pending.p[0] == 'y');
    arena_free(&a);
    free(big);
    store_close(s);
}

static void uses(void **state)
{
    struct store *s = fixture_store(*state);
    struct idp_use v[2] = {{.idp = "entra", .first = NOW + 5, .last = NOW + 9}, {.idp = "file", .first = 3, .last = 4}};
    struct err e = ERR_INIT;
    const struct idp_key y = key_named('y');
    struct found f;
    int64_t before;

    memset(v[0].sha256, 'a', sizeof v[0].sha256);
    memset(v[1].sha256, 'z', sizeof v[1].sha256);
    assert_ok(take(s, IDP_CURRENT, "one", "ab", NOW, &e), &e);
    before = changes(s);
    assert_ok(store_idp_used(s, v, 2, &e), &e);
    assert_ok(store_idp_used(s, v, 0, &e), &e);
    v[0].first = v[0].last = NOW + 7; /* an instance that is late: moves neither end */
    assert_ok(store_idp_used(s, v, 1, &e), &e);
    assert_int_equal(changes(s), before);
    f = keys_of(s, "entra");
    assert_int_equal(named(&f, 'a')->first_used, NOW + 5);
    assert_int_equal(named(&f, 'a')->last_used, NOW + 9);
    assert_int_equal(named(&f, 'b')->first_used, 0);
    f = keys_of(s, "file");
    assert_int_equal(named(&f, 'z')->first_seen, 3);
    assert_ok(store_idp_seen(s, "file", &y, 1, NOW, &e), &e);
    f = keys_of(s, "file");
    assert_int_equal(named(&f, 'y')->first_seen, NOW);
    assert_int_equal(named(&f, 'z')->removed_at, NOW);
    assert_int_equal(changes(s), before);
    store_close(s);
}

static bool note_revision(void *ctx, const char *idp, int64_t revision)
{
    if (strcmp(idp, "entra") == 0)
        *(int64_t *)ctx = revision;
    return true;
}

static void distrusted(void **state)
{
    struct fixture *fx = *state;
    struct store *s = fixture_store(fx);
    struct session_row row = fixture_session("ada@example.com", "oid-ada"), got;
    struct store_login login = fixture_login(&row, "_1");
    struct store_login_result result;
    struct session_token_row token = {.host = "login.example"};
    const struct event log = {.at = NOW, .kind = "keys.distrusted"};
    char host[DOMAIN_MAX + 1];
    struct err e = ERR_INIT;
    struct found f;
    size_t ended = 99;
    int64_t before, now_at, revision = 0;
    bool found;

    row.has_key = true;
    memset(row.key_sha256, 'a', sizeof row.key_sha256);
    login.token = &token;
    assert_ok(store_login_commit(s, &login, &result, &e), &e);
    assert_ok(store_session_find(s, token.hash, &got, host, &now_at, &found, &e), &e);
    assert_true(found && got.has_key);
    assert_memory_equal(got.key_sha256, row.key_sha256, sizeof row.key_sha256);
    assert_string_equal(host, "login.example");

    before = changes(s);
    /* the same key of another identity provider is not this one's affair */
    assert_ok(store_idp_distrust(s, "other", row.key_sha256, "stolen", NOW, NULL, &ended, &e), &e);
    assert_int_equal(ended, 0);
    assert_true(changes(s) > before);
    assert_ok(store_idp_distrust(s, "entra", row.key_sha256, "stolen", NOW + 1, &log, &ended, &e), &e);
    assert_int_equal(ended, 1);
    assert_ok(store_session_find(s, token.hash, &got, host, &now_at, &found, &e), &e);
    assert_int_equal(got.revoked_at, NOW + 1);
    assert_int_equal(fixture_sql(fx, "SELECT count(*) FROM events WHERE kind = 'keys.distrusted'"), 1);
    assert_ok(store_idp_revisions(s, note_revision, &revision, &e), &e);
    assert_int_equal(revision, 1);
    /* a login that was verified before and commits after */
    login = fixture_login(&row, "_2");
    login.account = LOGIN_EXISTING;
    login.account_id = result.account_id;
    token.hash[0] = 1;
    login.token = &token;
    assert_err(store_login_commit(s, &login, &result, &e), &e, "signature-invalid");
    /* again: the first reason stays, and so it does when the key is announced anew */
    assert_ok(store_idp_distrust(s, "entra", row.key_sha256, "other words", NOW + 2, NULL, &ended, &e), &e);
    assert_ok(take(s, IDP_CURRENT, "one", "a", NOW + 3, &e), &e);
    f = keys_of(s, "entra");
    assert_int_equal(f.n, 1);
    assert_int_equal(f.v[0].distrusted_at, NOW + 1);
    assert_string_equal(f.v[0].reason, "stolen");
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(documents), fixture_test(pending), fixture_test(failures),
        fixture_test(largest),   fixture_test(uses),    fixture_test(distrusted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
