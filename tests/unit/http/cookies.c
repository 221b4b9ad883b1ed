/* cookies.c - Cookie headers read and Set-Cookie values written. */
#include "tests/unit/unit.h"

#include "router/http/cookie.h"

struct row {
    const char *header;
    const char *got; /* "name=value|..." of the pairs that are read */
    size_t skipped;
};

static const struct row rows[] = {
    {"", "", 0},
    {"a=1", "a=1|", 0},
    {"a=1; b=2", "a=1|b=2|", 0},
    {"a=1;b=2;", "a=1|b=2|", 0},
    {"a=; b=2", "a=|b=2|", 0},
    {"a=b=c==", "a=b=c==|", 0},
    {"a=\"1\"; b=\"\"", "a=1|b=|", 0},
    {"a=\"", "", 1},
    {"a; b=2", "b=2|", 1},
    {"=1; b=2", "b=2|", 1},
    {"a b=1; b=2", "b=2|", 1},
    {"a =1; b=2", "b=2|", 1},
    {"a= 1; b=2", "b=2|", 1},
    {"a=1,2; b=2", "b=2|", 1},
    {"a={\"x\": 1}; b=2", "b=2|", 1},
    {"a=\xc3\xa9; b=2", "b=2|", 1},
    {"a=x\\y; b=2", "b=2|", 1},
    {"$Version=1; a=1", "$Version=1|a=1|", 0},
    {";;; a=1 ;;", "a=1|", 0},
    {"__Host-usher=t0k; theme=dark", "__Host-usher=t0k|theme=dark|", 0},
};

static void pairs_are_read(void **state)
{
    struct http_cookies c;
    struct err e = ERR_INIT;
    struct buf got;

    (void)state;
    buf_init(&got, 1024);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        buf_reset(&got);
        assert_ok(http_cookies_parse(slice_of(rows[i].header), &c, &e), &e);
        for (size_t k = 0; k < c.n; k++)
            buf_printf(&got, "%.*s=%.*s|", SLICE_ARG(c.v[k].name), SLICE_ARG(c.v[k].value));
        assert_string_equal(buf_cstr(&got), rows[i].got);
        assert_int_equal(c.skipped, rows[i].skipped);
    }
    buf_free(&got);
}

static void a_name_is_looked_up(void **state)
{
    struct http_cookies c;
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(http_cookies_parse(SLICE("a=1; A=2; b=3; b=4; c="), &c, &e), &e);
    assert_true(slice_is(http_cookie_get(&c, "a"), "1"));
    assert_true(slice_is(http_cookie_get(&c, "A"), "2"));
    assert_null(http_cookie_get(&c, "b").p); /* two: neither */
    assert_non_null(http_cookie_get(&c, "c").p);
    assert_int_equal(http_cookie_get(&c, "c").n, 0);
    assert_null(http_cookie_get(&c, "d").p);
}

static void there_is_a_maximum(void **state)
{
    struct http_cookies c;
    struct err e = ERR_INIT;
    struct buf b;

    (void)state;
    buf_init(&b, 4096);
    for (int i = 0; i < HTTP_COOKIES_MAX; i++)
        buf_printf(&b, "c%d=%d; ", i, i);
    assert_ok(http_cookies_parse(buf_slice(&b), &c, &e), &e);
    assert_int_equal(c.n, HTTP_COOKIES_MAX);
    buf_add_str(&b, "odd");
    assert_err(http_cookies_parse(buf_slice(&b), &c, &e), &e, "http-cookie");
    buf_free(&b);
}

static void a_request_has_one_cookie_header(void **state)
{
    const struct http_header headers[] = {
        {SLICE("Host"), SLICE("a")}, {SLICE("cookie"), SLICE("a=1")}, {SLICE("Cookie"), SLICE("a=2")}};
    struct http_request req = {.headers = headers, .n_headers = 1};
    struct http_cookies c;
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(http_request_cookies(&req, &c, &e), &e);
    assert_int_equal(c.n, 0);
    req.n_headers = 2;
    assert_ok(http_request_cookies(&req, &c, &e), &e);
    assert_true(slice_is(http_cookie_get(&c, "a"), "1"));
    req.n_headers = 3;
    assert_err(http_request_cookies(&req, &c, &e), &e, "http-cookie");
    assert_int_equal(c.n, 0);
}

static void cookies_are_written(void **state)
{
    struct err e = ERR_INIT;
    struct buf b;

    (void)state;
    buf_init(&b, 8192);
    assert_ok(http_cookie_format(&b, "__Host-usher", SLICE("t0k-_="), true, HTTP_SAME_SITE_LAX, 3600, &e), &e);
    assert_string_equal(buf_cstr(&b), "__Host-usher=t0k-_=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=3600");
    buf_reset(&b);
    assert_ok(http_cookie_format(&b, "p", SLICE("1"), true, HTTP_SAME_SITE_NONE, HTTP_COOKIE_SESSION, &e), &e);
    assert_string_equal(buf_cstr(&b), "p=1; Path=/; HttpOnly; SameSite=None; Secure");
    buf_reset(&b);
    assert_ok(http_cookie_format(&b, "p", SLICE("1"), false, HTTP_SAME_SITE_STRICT, HTTP_COOKIE_SESSION, &e), &e);
    assert_string_equal(buf_cstr(&b), "p=1; Path=/; HttpOnly; SameSite=Strict");
    buf_reset(&b);
    assert_ok(http_cookie_format_delete(&b, "__Host-usher", true, HTTP_SAME_SITE_LAX, &e), &e);
    assert_string_equal(buf_cstr(&b), "__Host-usher=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0");
    buf_free(&b);
}

static void bad_cookies_are_not_written(void **state)
{
    static const char *const names[] = {"", "a b", "a=b", "a;b", "a\r\nb"};
    static const char *const values[] = {"a b", "a;b", "a,b", "a\"b", "a\\b", "a\r\nSet-Cookie: x", "\x7f", "\xc3\xa9"};
    char large[4001];
    struct err e = ERR_INIT;
    struct buf b;

    (void)state;
    buf_init(&b, 8192);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_err(http_cookie_format(&b, names[i], SLICE("1"), true, HTTP_SAME_SITE_LAX, 1, &e), &e, "internal-error");
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_err(http_cookie_format(&b, "a", slice_of(values[i]), true, HTTP_SAME_SITE_LAX, 1, &e), &e,
                   "internal-error");
    assert_err(http_cookie_format(&b, "a", SLICE("a\0b"), true, HTTP_SAME_SITE_LAX, 1, &e), &e, "internal-error");
    assert_err(http_cookie_format(&b, "a", SLICE("1"), false, HTTP_SAME_SITE_NONE, 1, &e), &e, "internal-error");
    assert_err(http_cookie_format(&b, "__Host-a", SLICE("1"), false, HTTP_SAME_SITE_LAX, 1, &e), &e, "internal-error");
    assert_err(http_cookie_format(&b, "a", SLICE("1"), true, HTTP_SAME_SITE_LAX, -2, &e), &e, "internal-error");
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    assert_err(http_cookie_format(&b, "a", slice_of(large), true, HTTP_SAME_SITE_LAX, 1, &e), &e, "internal-error");
    large[3999] = '\0';
    assert_int_equal(b.len, 0);
    assert_ok(http_cookie_format(&b, "a", slice_of(large), true, HTTP_SAME_SITE_LAX, 1, &e), &e);
    buf_free(&b);
    buf_init(&b, 16);
    assert_err(http_cookie_format(&b, "a", SLICE("1"), true, HTTP_SAME_SITE_LAX, 1, &e), &e, "internal-error");
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_read),      cmocka_unit_test(a_name_is_looked_up),
        cmocka_unit_test(there_is_a_maximum),  cmocka_unit_test(a_request_has_one_cookie_header),
        cmocka_unit_test(cookies_are_written), cmocka_unit_test(bad_cookies_are_not_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
