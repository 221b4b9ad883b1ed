/* Unit tests of base/err.h and of the table in base/err.def. */
#include "tests/unit/unit.h"

#include <ctype.h>
#include <stdbool.h>

#include "base/err.h"

static void the_first_failure_wins(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(err_set(&e, ERR_EMAIL, "first %d", 1), -1);
    assert_int_equal(err_set(&e, ERR_URL, "second"), -1);
    assert_int_equal(err_mismatch(&e, ERR_TIME, "found", "expected", "third"), -1);
    assert_string_equal(err_name(e.code), "bad-email");
    assert_string_equal(e.msg, "first 1");
    assert_string_equal(e.found, "");
    assert_string_equal(e.expected, "");
    assert_string_equal(e.func, __func__);
    assert_non_null(strstr(e.file, "err.c"));
    err_clear(&e);
    assert_int_equal(e.code, ERR_NONE);
    assert_string_equal(e.msg, "");
    assert_int_equal(err_set(&e, ERR_URL, "second"), -1);
    assert_string_equal(err_name(e.code), "bad-url");
}

static void context_is_put_in_front(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(err_wrap(&e, "no error, no effect"), -1);
    assert_string_equal(e.msg, "");
    (void)err_set(&e, ERR_IO, "it broke");
    assert_int_equal(err_wrap(&e, "identity provider '%s'", "acme"), -1);
    (void)err_wrap(&e, "outer");
    assert_string_equal(e.msg, "outer: identity provider 'acme': it broke");
    assert_string_equal(err_name(e.code), "io-error");
    (void)err_at(&e, "usher.yaml:%d:%d", 3, 4);
    (void)err_at(&e, "elsewhere");
    assert_string_equal(e.at, "usher.yaml:3:4");
}

static void what_strangers_send_is_escaped(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    (void)err_mismatch(&e, ERR_EMAIL, "a\r\nb\x1b[31m\xc3\xa4", "c\\d", "bad\n%s", "\x07");
    assert_string_equal(e.msg, "bad\\x0a\\x07");
    assert_string_equal(e.found, "a\\x0d\\x0ab\\x1b[31m\\xc3\\xa4");
    assert_string_equal(e.expected, "c\\x5cd");
    (void)err_wrap(&e, "x\ny");
    assert_string_equal(e.msg, "x\\x0ay: bad\\x0a\\x07");
    (void)err_at(&e, "p\nq");
    assert_string_equal(e.at, "p\\x0aq");
}

static void long_texts_are_cut(void **state)
{
    struct err e = ERR_INIT;
    char text[4000];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)err_mismatch(&e, ERR_EMAIL, text, text, "%s", text);
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
    assert_string_equal(e.found + strlen(e.found) - 3, "...");
    assert_true(strlen(e.found) < sizeof e.found);
    (void)err_wrap(&e, "%s", text);
    assert_true(strlen(e.msg) < sizeof e.msg);
    (void)err_at(&e, "%s", text);
    assert_true(strlen(e.at) < sizeof e.at);
}

static bool is_kebab(const char *name)
{
    for (const char *c = name; *c; c++) {
        if (*c == '-' ? c == name || c[1] == '-' || c[1] == '\0'
                      : !islower((unsigned char)*c) && !isdigit((unsigned char)*c))
            return false;
    }
    return name[0] != '\0';
}

static bool is_sentence(const char *text)
{
    size_t n = strlen(text);

    return n > 10 && isupper((unsigned char)text[0]) | (strncmp(text, "usher", 5) == 0) && strchr(".)?", text[n - 1]) &&
           !strpbrk(text, "<>&\n");
}

static void every_code_is_described(void **state)
{
    (void)state;
    assert_string_equal(err_name(ERR_NONE), "none");
    for (int i = 1; i < ERR_CODE_COUNT; i++) {
        enum err_code code = (enum err_code)i;

        if (!is_kebab(err_name(code)) || !is_sentence(err_user_text(code)) || strlen(err_admin_text(code)) < 20)
            fail_msg("row of %s", err_name(code));
        assert_int_not_equal(err_class_of(code), ERR_CLASS_NONE);
        assert_in_range(err_http_status(code), 400, 599);
        assert_int_equal(err_by_name(err_name(code)), code);
    }
    assert_int_equal(err_by_name("no-such-code"), ERR_NONE);
    assert_int_equal(err_by_name(""), ERR_NONE);
    assert_string_equal(err_name((enum err_code)9999), "internal-error");
    assert_int_equal(err_http_status((enum err_code) - 1), 500);
}

static void errors_are_printed(void **state)
{
    struct err e = ERR_INIT;
    char text[2000] = "";
    FILE *f = fmemopen(text, sizeof text, "w");

    (void)state;
    assert_non_null(f);
    (void)err_mismatch(&e, ERR_ISSUER, "https://a", "https://b", "wrong issuer");
    (void)err_at(&e, "Response/Issuer");
    err_print(f, "usher", &e);
    err_clear(&e);
    (void)err_set(&e, ERR_IO, "broken");
    err_print(f, NULL, &e);
    assert_int_equal(fclose(f), 0);
    assert_string_equal(text, "usher: issuer-mismatch: Response/Issuer: wrong issuer\n"
                              "  found:    https://a\n"
                              "  expected: https://b\n"
                              "io-error: broken\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_failure_wins),         cmocka_unit_test(context_is_put_in_front),
        cmocka_unit_test(what_strangers_send_is_escaped), cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(every_code_is_described),        cmocka_unit_test(errors_are_printed),
    };

    return cmocka_run_group_tests_name("base/err", tests, NULL, NULL);
}
