/* What usher-fetch answers, and what happens when it is not there. That it fetches: tests/e2e/metadata.t. */
#include "router/fetch.h"

#include "tests/unit/unit.h"

static int answer(const char *text, struct slice *ret, struct err *e)
{
    static struct arena a;

    arena_free(&a);
    arena_init(&a, 4096);
    return fetch_read_answer(slice_of(text), "https://idp.example/", &a, ret, e);
}

static void documents(void **state)
{
    struct err e = ERR_INIT;
    struct slice s;

    (void)state;
    assert_ok(answer("ok 5\nhello", &s, &e), &e);
    assert_true(slice_is(s, "hello"));
    assert_ok(answer("ok 7\nfailed\n", &s, &e), &e);
    assert_true(slice_is(s, "failed\n"));
}

static void refusals(void **state)
{
    static const char *const none[] = {"",
                                       "ok",
                                       "ok 5",
                                       "ok 4\nhello",
                                       "ok 6\nhello",
                                       "ok -5\nhello",
                                       "ok\nx",
                                       "ok \n",
                                       "OK 5\nhello",
                                       "\n",
                                       "failed\n",
                                       "failed no line",
                                       "limit \n",
                                       "ok 5 \nhello",
                                       "ok 99999999999999999999\nx"};
    struct err e = ERR_INIT;
    struct slice s = {NULL, 0};

    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        if (answer(none[i], &s, &e) == 0)
            fail_msg("a document: %s", none[i]);
        assert_string_equal(err_name(e.code), "fetch-failed");
        assert_null(s.p);
        err_clear(&e);
    }
    assert_int_equal(answer("failed no \x1b[2Jroute\n", &s, &e), -1);
    assert_string_equal(err_name(e.code), "fetch-failed");
    assert_string_equal(e.msg, "https://idp.example/: no \\x1b[2Jroute");
    err_clear(&e);
    assert_err(answer("limit too much\n", &s, &e), &e, "limit-exceeded");
}

static void no_program(void **state)
{
    const struct fetch_request r = {.url = "https://idp.example/", .body_max = 10, .timeout_ms = 10};
    struct err e = ERR_INIT;
    struct arena a;
    struct slice s;
    char path[16], long_path[4096];

    (void)state;
    arena_init(&a, 4096);
    assert_err(fetch_run(&r, &a, &s, &e), &e, "fetch-failed");
    assert_err(fetch_path(path, sizeof path, &e), &e, "fetch-failed");
    assert_int_equal(fetch_path(long_path, sizeof long_path, &e), -1);
    assert_non_null(strstr(e.msg, "it belongs beside usher"));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents),
        cmocka_unit_test(refusals),
        cmocka_unit_test(no_program),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
