/* Unit tests of base/str.h, buf.h, arena.h. */
#include "tests/unit/unit.h"

#include "base/arena.h"
#include "base/buf.h"

static void numbers_are_strict(void **state)
{
    uint64_t v = 7;

    (void)state;
    assert_true(str_to_u64(SLICE("0"), 10, &v));
    assert_int_equal(v, 0);
    assert_true(str_to_u64(SLICE("18446744073709551615"), UINT64_MAX, &v));
    assert_true(v == UINT64_MAX);
    assert_false(str_to_u64(SLICE("18446744073709551616"), UINT64_MAX, &v));
    assert_false(str_to_u64(SLICE(""), 10, &v));
    assert_false(str_to_u64(SLICE("+1"), 10, &v));
    assert_false(str_to_u64(SLICE(" 1"), 10, &v));
    assert_false(str_to_u64(SLICE("11"), 10, &v));
    assert_false(str_to_u64(SLICE("5"), 3, &v));
    assert_true(v == UINT64_MAX);
}

static void escape_keeps_logs_printable(void **state)
{
    char dst[16];

    (void)state;
    assert_int_equal(str_escape(dst, sizeof dst, "a\n\\b", 4), 10);
    assert_string_equal(dst, "a\\x0a\\x5cb");
    str_escape(dst, sizeof dst, "0123456789abcdefgh", 18);
    assert_string_equal(dst, "0123456789ab...");
    str_escape(dst, 8, "\1\2\3\4", 4);
    assert_string_equal(dst, "\\x01...");
}

static void utf8_is_strict(void **state)
{
    static const char *const good[] = {"", "abc", "\xc2\x80", "\xe0\xa0\x80", "\xf4\x8f\xbf\xbf", "\xee\x80\x80"};
    static const char *const bad[] = {"\x80",         "\xc0\xaf",         "\xc1\xbf",         "\xe0\x9f\xbf",
                                      "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82",
                                      "\xff"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(str_is_utf8(slice_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(str_is_utf8(slice_of(bad[i])));
}

static void code_points_are_taken_one_by_one(void **state)
{
    static const uint32_t expected[] = {'a', 0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x10000, 0x10ffff};
    struct slice s = SLICE("a\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");

    (void)state;
    assert_true(str_is_utf8(s));
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_true(s.n > 0);
        assert_int_equal(str_next_code_point(&s), expected[i]);
    }
    assert_int_equal(s.n, 0);
}

static void hex_digits_have_values(void **state)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";

    (void)state;
    for (int c = 0; c < 256; c++) {
        const char *hit = c ? strchr(digits, c) : NULL;

        assert_int_equal(ascii_hex_value((char)c), hit ? (hit - digits) % 16 : -1);
    }
}

static void cutting_keeps_a_terminated_text(void **state)
{
    char dst[4];

    (void)state;
    str_cut(dst, sizeof dst, slice_make("a\0b", 3));
    assert_string_equal(dst, "a?b");
    str_cut(dst, sizeof dst, SLICE("abcdef"));
    assert_string_equal(dst, "abc");
    str_cut(dst, sizeof dst, SLICE(""));
    assert_string_equal(dst, "");
    assert_true(str_copy(dst, sizeof dst, SLICE("abc")));
    assert_false(str_copy(dst, sizeof dst, SLICE("abcd")));
    assert_string_equal(dst, "");
    assert_false(str_copy(dst, sizeof dst, slice_make("a\0", 2)));
}

static void suggestions_are_close(void **state)
{
    static const char *const names[] = {"listen", "auth_listen", "idps", "domains", NULL};

    (void)state;
    assert_string_equal(str_suggest(SLICE("lisen"), names), "listen");
    assert_string_equal(str_suggest(SLICE("idp"), names), "idps");
    assert_string_equal(str_suggest(SLICE("Domain"), names), "domains");
    assert_null(str_suggest(SLICE("color"), names));
}

static void split_takes_every_part(void **state)
{
    struct slice rest = SLICE("a,,b"), part;

    (void)state;
    assert_true(slice_split(&rest, ',', &part) && slice_is(part, "a"));
    assert_true(slice_split(&rest, ',', &part) && part.n == 0);
    assert_true(slice_split(&rest, ',', &part) && slice_is(part, "b"));
    assert_false(slice_split(&rest, ',', &part));
}

static void buffer_stops_at_its_maximum(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 5);
    buf_add_str(&b, "abc");
    buf_printf(&b, "%d", 42);
    assert_false(buf_failed(&b));
    assert_string_equal(buf_cstr(&b), "abc42");
    buf_add_char(&b, '!');
    assert_true(buf_failed(&b));
    assert_string_equal(buf_cstr(&b), "abc42");
    buf_reset(&b);
    buf_add_str(&b, "x");
    assert_false(buf_failed(&b));
    buf_free(&b);
}

static void arena_stops_at_its_maximum(void **state)
{
    struct arena a;
    char *p;

    (void)state;
    arena_init(&a, 10000);
    p = arena_strdup(&a, "hello");
    assert_string_equal(p, "hello");
    assert_string_equal(arena_printf(&a, "%s-%d", p, 5), "hello-5");
    assert_non_null(arena_alloc(&a, 9000));
    assert_null(arena_alloc(&a, 2000));
    assert_null(arena_array(&a, SIZE_MAX / 2, 4));
    arena_free_secret(&a);
    assert_int_equal(a.used, 0);
    assert_non_null(arena_alloc(&a, 9000));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_strict),
        cmocka_unit_test(escape_keeps_logs_printable),
        cmocka_unit_test(utf8_is_strict),
        cmocka_unit_test(code_points_are_taken_one_by_one),
        cmocka_unit_test(hex_digits_have_values),
        cmocka_unit_test(cutting_keeps_a_terminated_text),
        cmocka_unit_test(suggestions_are_close),
        cmocka_unit_test(split_takes_every_part),
        cmocka_unit_test(buffer_stops_at_its_maximum),
        cmocka_unit_test(arena_stops_at_its_maximum),
    };

    return cmocka_run_group_tests_name("base/str", tests, NULL, NULL);
}
