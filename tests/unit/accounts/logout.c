/* Unit tests of single logout in the store: which sessions a LogoutRequest names, once, together with its replay row.
 */
#include "tests/unit/accounts/fixture.h"

#define FORMAT_EMAIL "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
#define FORMAT_NONE "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"

static int counter;

/* A new login of the person; returns the session's number. */
static int64_t sign_in(struct store *s, const struct session_row *row)
{
    struct session_token_row token = {.host = "login.example.com"};
    struct store_login_result r;
    struct store_login in;
    struct err e = ERR_INIT;
    char assertion[16];

    counter++;
    memcpy(token.hash, &counter, sizeof counter);
    (void)snprintf(assertion, sizeof assertion, "_a%d", counter);
    in = fixture_login(row, assertion);
    in.token = &token;
    assert_ok(store_login_commit(s, &in, &r, &e), &e);
    return r.session_id;
}

static bool lives(struct store *s, int64_t id)
{
    struct session_row row;
    struct err e = ERR_INIT;
    bool found;

    assert_ok(store_session_get(s, id, &row, &found, &e), &e);
    assert_true(found);
    return session_row_alive(&row, NOW);
}

static struct store_logout ada(void)
{
    static char id[24];

    (void)snprintf(id, sizeof id, "logout:_m%d", ++counter);
    return (struct store_logout){.issuer = "https://idp.example/",
                                 .message_id = id,
                                 .valid_until = NOW + 360,
                                 .who = {.by = SESSION_BY_NAME_ID, .idp = "entra", .name_id = "ada-name-id"}};
}

static void by_index(void **state)
{
    static const char *const both[] = {"_s1", "_s9"}, *const two[] = {"_s2"}, *const none[] = {"_s7", "_s8"};
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    struct session_row row = fixture_session("ada@example.com", "oid-ada");
    struct session_row bare = row, other = fixture_session("bob@example.com", "oid-bob");
    struct event log = {.at = NOW, .kind = "session.ended"};
    struct store_logout in;
    struct err e = ERR_INIT;
    int64_t a, b, c, d;
    size_t n;

    strcpy(other.name_id, "bob-name-id");
    a = sign_in(s, &row);
    strcpy(row.session_index, "_s2");
    b = sign_in(s, &row);
    d = sign_in(s, &other);
    in = ada();
    in.session_index = none;
    in.nsession_index = 2;
    in.log = &log;
    assert_ok(store_logout(s, &in, NOW, &n, &e), &e);
    assert_int_equal(n, 0);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM events"), 0);
    in = ada();
    in.session_index = both;
    in.nsession_index = 2;
    in.log = &log;
    assert_ok(store_logout(s, &in, NOW, &n, &e), &e);
    assert_int_equal(n, 1);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM events"), 1);
    assert_false(lives(s, a));
    assert_true(lives(s, b) && lives(s, d));
    /* a session that came without an index may be the one that is meant */
    bare.session_index[0] = '\0';
    c = sign_in(s, &bare);
    in = ada();
    in.session_index = two;
    in.nsession_index = 1;
    assert_ok(store_logout(s, &in, NOW, &n, &e), &e);
    assert_int_equal(n, 2);
    assert_false(lives(s, b) || lives(s, c));
    assert_true(lives(s, d));
    (void)sign_in(s, &row);
    (void)sign_in(s, &bare);
    in = ada(); /* no index: all */
    assert_ok(store_session_count(s, &in.who, NOW, &n, &e), &e);
    assert_int_equal(n, 2);
    assert_ok(store_logout(s, &in, NOW, &n, &e), &e);
    assert_int_equal(n, 2);
    assert_ok(store_session_count(s, &in.who, NOW, &n, &e), &e);
    assert_int_equal(n, 0);
    assert_true(lives(s, d));
    in = ada();
    in.who.idp = "okta"; /* the same name at another identity provider is another person */
    in.who.name_id = "bob-name-id";
    assert_ok(store_logout(s, &in, NOW, &n, &e), &e);
    assert_int_equal(n, 0);
    assert_true(lives(s, d));
    store_close(s);
}

static void by_attributes_of_the_name(void **state)
{
    static const struct {
        const char *stored[3], *asked[3];
        size_t n;
    } rows[] = {
        {{FORMAT_EMAIL, "", ""}, {FORMAT_EMAIL, NULL, NULL}, 1},
        {{FORMAT_EMAIL, "", ""}, {NULL, NULL, NULL}, 1},
        {{FORMAT_EMAIL, "", ""}, {FORMAT_NONE, NULL, NULL}, 1},
        {{FORMAT_NONE, "", ""}, {FORMAT_EMAIL, NULL, NULL}, 1},
        {{"", "", ""}, {FORMAT_EMAIL, "q", "s"}, 1},
        {{FORMAT_EMAIL, "", ""}, {"urn:x", NULL, NULL}, 0},
        {{"", "q", "s"}, {NULL, "q", "s"}, 1},
        {{"", "q", "s"}, {NULL, NULL, NULL}, 1},
        {{"", "q", "s"}, {NULL, "r", "s"}, 0},
        {{"", "q", "s"}, {NULL, "q", "t"}, 0},
    };
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    struct err e = ERR_INIT;
    struct session_row got;
    bool found;
    size_t n;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct session_row row = fixture_session("ada@example.com", "oid-ada");
        struct store_logout in = ada();
        int64_t id;

        (void)snprintf(row.name_id, sizeof row.name_id, "name-%zu", i);
        strcpy(row.name_id_format, rows[i].stored[0]);
        strcpy(row.name_qualifier, rows[i].stored[1]);
        strcpy(row.sp_name_qualifier, rows[i].stored[2]);
        id = sign_in(s, &row);
        assert_ok(store_session_get(s, id, &got, &found, &e), &e);
        assert_string_equal(got.name_id_format, rows[i].stored[0]);
        assert_string_equal(got.name_qualifier, rows[i].stored[1]);
        assert_string_equal(got.sp_name_qualifier, rows[i].stored[2]);
        in.who.name_id = row.name_id;
        in.who.name_id_format = rows[i].asked[0];
        in.who.name_qualifier = rows[i].asked[1];
        in.who.sp_name_qualifier = rows[i].asked[2];
        assert_ok(store_session_count(s, &in.who, NOW, &n, &e), &e);
        assert_int_equal(n, rows[i].n);
        /* the same rule, asked of one row */
        assert_int_equal(store_name_id_fits(row.name_id_format, slice_of(in.who.name_id_format), true) &&
                             store_name_id_fits(row.name_qualifier, slice_of(in.who.name_qualifier), false) &&
                             store_name_id_fits(row.sp_name_qualifier, slice_of(in.who.sp_name_qualifier), false),
                         rows[i].n);
        assert_ok(store_logout(s, &in, NOW, &n, &e), &e);
        assert_int_equal(n, rows[i].n);
    }
    store_close(s);
}

/* The same message again ends nothing, also not what was opened since. */
static void once(void **state)
{
    struct store *s = fixture_store(*state);
    struct session_row row = fixture_session("ada@example.com", "oid-ada");
    struct store_logout in = ada();
    struct err e = ERR_INIT;
    int64_t id;
    size_t n;

    (void)sign_in(s, &row);
    assert_ok(store_logout(s, &in, NOW, &n, &e), &e);
    assert_int_equal(n, 1);
    id = sign_in(s, &row);
    assert_err(store_logout(s, &in, NOW, &n, &e), &e, "assertion-replayed");
    assert_true(lives(s, id));
    in.issuer = "https://other.example/"; /* IDs are each issuer's own */
    assert_ok(store_logout(s, &in, NOW, &n, &e), &e);
    store_close(s);
}

static void nonsense(void **state)
{
    struct store *s = fixture_store(*state);
    struct session_row row;
    struct store_logout in = ada();
    struct err e = ERR_INIT;
    char *text = calloc(1, 4096);
    bool found;
    size_t n;

    assert_non_null(text);
    memset(text, 'x', 4095);
    in.message_id = text;
    assert_err(store_logout(s, &in, NOW, &n, &e), &e, "limit-exceeded");
    in = ada();
    in.who.name_id = "";
    assert_err(store_logout(s, &in, NOW, &n, &e), &e, "internal-error");
    in = ada();
    in.message_id = "";
    assert_err(store_logout(s, &in, NOW, &n, &e), &e, "internal-error");
    in.who.by = SESSION_BY_ID;
    assert_err(store_session_count(s, &in.who, NOW, &n, &e), &e, "internal-error");
    assert_ok(store_session_get(s, 12345, &row, &found, &e), &e);
    assert_false(found);
    free(text);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(by_index), fixture_test(by_attributes_of_the_name),
                                       fixture_test(once), fixture_test(nonsense)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
