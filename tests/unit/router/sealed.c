/* Unit tests of router/target.h and router/pending.h: what is sealed comes back, and nothing else does. */
#include "tests/unit/unit.h"

#include <unistd.h>

#include "base/email.h"
#include "router/pending.h"

static struct keyring *keys;
static struct arena arena;
static char key_path[64];

static int setup(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    (void)snprintf(key_path, sizeof key_path, "/tmp/usher-unit-key.%ld", (long)getpid());
    arena_init(&arena, 1024 * 1024);
    return secret_init(&e) != 0 || keyring_load(key_path, true, &keys, &e) != 0;
}

static int teardown(void **state)
{
    (void)state;
    keyring_free(keys);
    arena_free(&arena);
    return unlink(key_path);
}

static const struct target wiki = {"wiki.usher.test", "/page?x=1&y=%20", "challenge", 1000};

static void a_target_comes_back(void **state)
{
    struct err e = ERR_INIT;
    struct target t;
    struct buf b;

    (void)state;
    buf_init(&b, 8192);
    assert_ok(target_seal(keys, &wiki, &b, &e), &e);
    assert_ok(target_open(keys, buf_slice(&b), 1001, &arena, &t, &e), &e);
    assert_string_equal(t.app, wiki.app);
    assert_string_equal(t.path, wiki.path);
    assert_string_equal(t.challenge, wiki.challenge);
    assert_err(target_open(keys, buf_slice(&b), 1000 + TARGET_SECONDS + 1, &arena, &t, &e), &e, "seal-broken");
    assert_err(target_open(keys, buf_slice(&b), 900, &arena, &t, &e), &e, "seal-broken");
    for (size_t i = 0; i < b.len; i += 7) {
        char old = b.data[i];

        b.data[i] = old == 'A' ? 'B' : 'A';
        assert_err(target_open(keys, buf_slice(&b), 1001, &arena, &t, &e), &e, "seal-broken");
        b.data[i] = old;
    }
    buf_free(&b);
}

static void no_target_is_no_text(void **state)
{
    struct err e = ERR_INIT;
    struct target t = wiki;
    struct buf b;

    (void)state;
    buf_init(&b, 8192);
    assert_ok(target_seal(keys, &TARGET_NONE, &b, &e), &e);
    assert_int_equal(b.len, 0);
    assert_ok(target_open(keys, SLICE(""), 5, &arena, &t, &e), &e);
    assert_string_equal(t.app, "");
    buf_free(&b);
}

static void a_target_to_elsewhere_is_refused(void **state)
{
    static const char *const paths[] = {"//evil.test/", "/\\evil.test/", "https://evil.test/", "", "x"};
    struct err e = ERR_INIT;
    struct target t;

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct target evil = wiki;
        struct buf b;

        evil.path = paths[i];
        buf_init(&b, 8192);
        assert_ok(target_seal(keys, &evil, &b, &e), &e);
        assert_err(target_open(keys, buf_slice(&b), 1001, &arena, &t, &e), &e, "seal-broken");
        buf_free(&b);
    }
}

static void a_path_that_does_not_fit_is_an_error(void **state)
{
    struct err e = ERR_INIT;
    char path[TARGET_PLAIN_MAX];
    struct target t = wiki;
    struct buf b;

    (void)state;
    memset(path, 'a', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    t.path = path;
    buf_init(&b, 8192);
    assert_err(target_seal(keys, &t, &b, &e), &e, "limit-exceeded");
    buf_free(&b);
}

static void make_pending(struct pending *p, struct buf *b, char name[PENDING_COOKIE_SIZE])
{
    struct err e = ERR_INIT;

    *p = (struct pending){.request_id = "id0123456789abcdef0123456789abcdef",
                          .idp = "entra",
                          .to = wiki,
                          .email = "ada@usher.test",
                          .started = 1000};
    pending_cookie_name(slice_of(p->request_id), name);
    assert_ok(pending_seal(keys, p, b, &e), &e);
}

static void a_pending_login_comes_back(void **state)
{
    struct err e = ERR_INIT;
    struct pending p, back;
    char name[PENDING_COOKIE_SIZE], other[PENDING_COOKIE_SIZE];
    struct buf b;

    (void)state;
    buf_init(&b, 4096);
    make_pending(&p, &b, name);
    assert_true(strncmp(name, PENDING_PREFIX, strlen(PENDING_PREFIX)) == 0);
    assert_ok(pending_open(keys, name, buf_slice(&b), 1000 + PENDING_SECONDS, &arena, &back, &e), &e);
    assert_string_equal(back.request_id, p.request_id);
    assert_string_equal(back.idp, "entra");
    assert_string_equal(back.email, "ada@usher.test");
    assert_string_equal(back.to.path, wiki.path);
    assert_int_equal(back.session_id, 0);
    assert_err(pending_open(keys, name, buf_slice(&b), 1001 + PENDING_SECONDS, &arena, &back, &e), &e, "seal-broken");
    /* a cookie moved to the name of another request */
    pending_cookie_name(SLICE("idffffffffffffffffffffffffffffffff"), other);
    assert_err(pending_open(keys, other, buf_slice(&b), 1001, &arena, &back, &e), &e, "seal-broken");
    buf_free(&b);
}

static void the_largest_pending_login_fits_a_cookie(void **state)
{
    struct err e = ERR_INIT;
    char path[TARGET_PATH_MAX + 1], email[EMAIL_MAX + 1], host[DOMAIN_MAX + 1], challenge[64],
        name[PENDING_COOKIE_SIZE];
    struct pending p;
    struct buf b;

    (void)state;
    memset(path, 'a', sizeof path);
    path[0] = '/';
    path[TARGET_PATH_MAX] = '\0';
    memset(email, 'e', sizeof email);
    email[EMAIL_MAX] = '\0';
    memset(host, 'h', sizeof host);
    host[DOMAIN_MAX] = '\0';
    memset(challenge, 'c', sizeof challenge);
    challenge[43] = '\0';
    buf_init(&b, 3800); /* browsers take 4096 with name and attributes */
    make_pending(&p, &b, name);
    buf_reset(&b);
    p.email = email;
    p.to = (struct target){host, path, challenge, INT64_MAX};
    assert_ok(pending_seal(keys, &p, &b, &e), &e);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_comes_back),
        cmocka_unit_test(no_target_is_no_text),
        cmocka_unit_test(a_target_to_elsewhere_is_refused),
        cmocka_unit_test(a_path_that_does_not_fit_is_an_error),
        cmocka_unit_test(a_pending_login_comes_back),
        cmocka_unit_test(the_largest_pending_login_fits_a_cookie),
    };

    return cmocka_run_group_tests_name("router/sealed", tests, setup, teardown);
}
