/* Unit tests of accounts/password.h. */
#include "tests/unit/accounts/fixture.h"

#include "accounts/password.h"

#define GOOD "correct horse battery"

static void acceptable(void **state)
{
    char longest[PASSWORD_MAX_BYTES + 1];
    struct err e = ERR_INIT;

    (void)state;
    memset(longest, 'x', sizeof longest);
    assert_ok(password_acceptable(SLICE("123456789012345"), &e), &e);
    assert_ok(password_acceptable(slice_make(longest, PASSWORD_MAX_BYTES), &e), &e);
    assert_ok(password_acceptable(SLICE("p\xc3\xa4sswort p\xc3\xa4sswort"), &e), &e);
    assert_err(password_acceptable(SLICE(""), &e), &e, "password-not-acceptable");
    assert_err(password_acceptable(SLICE("12345678901234"), &e), &e, "password-not-acceptable");
    assert_err(password_acceptable(slice_make(longest, sizeof longest), &e), &e, "password-not-acceptable");
    assert_err(password_acceptable(SLICE("latin-1 \xe4 latin-1 \xe4"), &e), &e, "password-not-acceptable");
    assert_err(password_acceptable(slice_make("123456789\0 12345678", 19), &e), &e, "password-not-acceptable");
}

static void hashes_are_read_within_bounds(void **state)
{
#define REST "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    static const struct {
        const char *hash;
        bool good;
    } cases[] = {
        {"$argon2id$v=19$m=19456,t=2,p=1" REST, true},
        {"$argon2id$v=19$m=262144,t=10,p=4" REST, true},
        {"$argon2id$v=19$m=8,t=1,p=1" REST, true},
        {"$argon2id$v=19$m=262145,t=2,p=1" REST, false}, /* memory */
        {"$argon2id$v=19$m=2097152,t=2,p=1" REST, false},
        {"$argon2id$v=19$m=4294986752,t=2,p=1" REST, false}, /* wraps to 19456 in 32 bits */
        {"$argon2id$v=19$m=7,t=2,p=1" REST, false},
        {"$argon2id$v=19$m=31,t=2,p=4" REST, false}, /* 8 KiB a lane */
        {"$argon2id$v=19$m=19456,t=11,p=1" REST, false},
        {"$argon2id$v=19$m=19456,t=0,p=1" REST, false},
        {"$argon2id$v=19$m=19456,t=2,p=5" REST, false},
        {"$argon2id$v=19$m=019456,t=2,p=1" REST, false},
        {"$argon2id$v=19$m=+19456,t=2,p=1" REST, false},
        {"$argon2id$v=19$t=2,m=19456,p=1" REST, false},
        {"$argon2id$v=19$m=19456,t=2,p=1,keyid=x" REST, false},
        {"$argon2id$v=16$m=19456,t=2,p=1" REST, false},
        {"$argon2id$m=19456,t=2,p=1" REST, false},
        {"$argon2i$v=19$m=19456,t=2,p=1" REST, false},
        {"$2b$12$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false},
        {"$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA", false},
        {"$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$", false},
        {"$argon2id$v=19$m=19456,t=2,p=1$$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false},
        {"$argon2id$v=19$m=19456,t=2,p=1" REST "=", false},
        {"$argon2id$v=19$m=19456,t=2,p=1" REST "$x", false},
        {"$argon2id$v=19$m=19456,t=2,p=1" REST REST REST, false},
        {"", false},
    };
    struct password_params p;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (password_hash_read(cases[i].hash, &p) != cases[i].good)
            fail_msg("%s", cases[i].hash);
    }
    assert_true(password_hash_read(cases[1].hash, &p));
    assert_int_equal(p.memory_kib, 262144);
    assert_int_equal(p.passes, 10);
    assert_int_equal(p.lanes, 4);
    assert_false(password_needs_rehash(cases[0].hash));
    assert_true(password_needs_rehash(cases[2].hash));
    assert_true(password_needs_rehash(""));
}

static int64_t add(struct store *s, const char *email, const char *hash)
{
    int64_t id = fixture_add(s, email);
    struct err e = ERR_INIT;

    assert_ok(store_account_set_password(s, id, hash, false, NOW, NULL, &e), &e);
    return id;
}

static int check(struct store *s, const char *email, struct slice password, struct account *ret, struct err *e)
{
    struct email who = {.key = ""};

    strcpy(who.key, email);
    return password_check(s, &who, password, ret, e);
}

/* One table: the answer, and always exactly one hash. */
static void equal_work_for_everybody(void **state)
{
    /* of "password password", m=64 KiB, t=3, p=1: imported from elsewhere */
    static const char imported[] = "$argon2id$v=19$m=2097152,t=3,p=1" REST;
    char hash[STORE_HASH_MAX + 1], huge[PASSWORD_MAX_BYTES + 9];
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    struct account a = {.id = 0};
    struct err e = ERR_INIT;
    int64_t ada, dis;

    memset(huge, 'x', sizeof huge);
    assert_ok(password_hash(SLICE(GOOD), hash, &e), &e);
    assert_false(password_needs_rehash(hash));
    ada = add(s, "ada@example.com", hash);
    dis = add(s, "disabled@example.com", hash);
    assert_ok(store_account_set_disabled(s, dis, true, NOW, NULL, &e), &e);
    (void)add(s, "none@example.com", "");
    (void)add(s, "costly@example.com", imported);
    (void)add(s, "broken@example.com", "not a hash");
    const struct {
        const char *email;
        struct slice password;
        const char *code; /* "none": accepted */
    } cases[] = {
        {"ada@example.com", SLICE(GOOD), "none"},
        {"ada@example.com", SLICE(GOOD " "), "wrong-password"},
        {"ada@example.com", SLICE(""), "wrong-password"},
        {"ada@example.com", {huge, sizeof huge}, "wrong-password"},
        {"nobody@example.com", SLICE(GOOD), "account-unknown"},
        {"nobody@example.com", {huge, sizeof huge}, "account-unknown"},
        {"none@example.com", SLICE(GOOD), "account-unknown"},
        {"disabled@example.com", SLICE(GOOD), "account-disabled"},
        {"disabled@example.com", SLICE("wrong"), "account-disabled"},
        {"costly@example.com", SLICE(GOOD), "wrong-password"},
        {"broken@example.com", SLICE(GOOD), "wrong-password"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t before = password_hashes_done();
        int r = check(s, cases[i].email, cases[i].password, &a, &e);

        assert_string_equal(err_name(e.code), cases[i].code);
        assert_int_equal(r, e.code == ERR_NONE ? 0 : -1);
        assert_int_equal(password_hashes_done() - before, 1);
        err_clear(&e);
    }
    assert_int_equal(a.id, ada);
    store_close(s);
}

/* The three refusals show the person one sentence and one status. */
static void refusals_look_the_same(void **state)
{
    (void)state;
    assert_string_equal(err_user_text(ERR_PASSWORD), err_user_text(ERR_ACCOUNT_UNKNOWN));
    assert_string_equal(err_user_text(ERR_PASSWORD), err_user_text(ERR_ACCOUNT_DISABLED));
    assert_int_equal(err_http_status(ERR_PASSWORD), err_http_status(ERR_ACCOUNT_UNKNOWN));
    assert_int_equal(err_http_status(ERR_PASSWORD), err_http_status(ERR_ACCOUNT_DISABLED));
}

static void weak_passwords_are_not_hashed(void **state)
{
    char hash[STORE_HASH_MAX + 1];
    uint64_t before = password_hashes_done();
    struct err e = ERR_INIT;

    (void)state;
    assert_err(password_hash(SLICE("short"), hash, &e), &e, "password-not-acceptable");
    assert_int_equal(password_hashes_done(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(acceptable),
        fixture_test(hashes_are_read_within_bounds),
        fixture_test(equal_work_for_everybody),
        fixture_test(refusals_look_the_same),
        fixture_test(weak_passwords_are_not_hashed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
