/* Unit tests of base/form.h. */
#include "tests/unit/unit.h"

#include "base/form.h"

static int parse(const char *text, struct arena *a, struct form *f, struct err *e)
{
    return form_parse(slice_of(text), a, f, e);
}

static void fields_are_decoded(void **state)
{
    struct err e = ERR_INIT;
    struct arena a;
    struct form f;

    (void)state;
    arena_init(&a, 10000);
    assert_ok(parse("email=a%40b.de&na%6de=%c3%A4+%2B&empty=&bare&x=a=b", &a, &f, &e), &e);
    assert_int_equal(f.n, 5);
    assert_true(slice_is(form_get(&f, "email"), "a@b.de"));
    assert_true(slice_is(form_get(&f, "name"), "\xc3\xa4 +"));
    assert_string_equal(form_get(&f, "name").p, "\xc3\xa4 +");
    assert_non_null(form_get(&f, "empty").p);
    assert_int_equal(form_get(&f, "empty").n, 0);
    assert_non_null(form_get(&f, "bare").p);
    assert_int_equal(form_get(&f, "bare").n, 0);
    assert_true(slice_is(form_get(&f, "x"), "a=b"));
    assert_null(form_get(&f, "absent").p);
    assert_null(form_get(&f, "nam").p);
    assert_ok(parse("", &a, &f, &e), &e);
    assert_int_equal(f.n, 0);
    arena_free(&a);
}

static void forms_are_refused(void **state)
{
    static const char *const rows[] = {
        "a=1&a=2", "a=1&%61=2",  "a&a",   "a=%",   "a=%4",        "a=%4g",  "a=%g4",  "%=1",
        "a=%00",   "a%00=1",     "=1",    "&",     "a=1&",        "&a=1",   "a=1&&b", "a=b c",
        "a=b\r\n", "a=\xc3\xa4", "a=%ff", "a=%c3", "%ed%a0%80=1", "a=\x7f", "=",
    };
    struct err e = ERR_INIT;
    struct arena a;
    struct form f = {.n = 77};

    (void)state;
    arena_init(&a, 10000);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (parse(rows[i], &a, &f, &e) == 0)
            fail_msg("'%s' was accepted", rows[i]);
        assert_string_equal(err_name(e.code), "bad-form");
        err_clear(&e);
        assert_int_equal(f.n, 77);
    }
    assert_err(form_parse(slice_make("a=b\0c", 5), &a, &f, &e), &e, "bad-form");
    arena_free(&a);
}

static void fields_are_counted(void **state)
{
    char text[400];
    struct err e = ERR_INIT;
    struct arena a;
    struct form f;
    size_t n = 0;

    (void)state;
    arena_init(&a, 10000);
    for (int i = 0; i < FORM_FIELDS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%sf%d=%d", i ? "&" : "", i, i);
    assert_ok(parse(text, &a, &f, &e), &e);
    assert_int_equal(f.n, FORM_FIELDS_MAX);
    assert_true(slice_is(form_get(&f, "f31"), "31"));
    (void)snprintf(text + n, sizeof text - n, "&one=more");
    assert_err(parse(text, &a, &f, &e), &e, "bad-form");
    arena_free(&a);
}

static void memory_is_bounded(void **state)
{
    struct err e = ERR_INIT;
    struct arena a;
    struct form f;

    (void)state;
    arena_init(&a, 64);
    assert_err(parse("a=0123456789012345678901234567890123456789012345678901234567890123456789", &a, &f, &e), &e,
               "limit-exceeded");
    arena_free(&a);
}

static void messages_never_repeat_a_value(void **state)
{
    struct err e = ERR_INIT;
    struct arena a;
    struct form f;

    (void)state;
    arena_init(&a, 10000);
    assert_int_equal(parse("user=x&password=secret%zz", &a, &f, &e), -1);
    assert_null(strstr(e.msg, "secret"));
    assert_null(strstr(e.found, "secret"));
    assert_non_null(strstr(e.msg, "form field 2"));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_decoded),
        cmocka_unit_test(forms_are_refused),
        cmocka_unit_test(fields_are_counted),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(messages_never_repeat_a_value),
    };

    return cmocka_run_group_tests_name("base/form", tests, NULL, NULL);
}
