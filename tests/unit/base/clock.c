/* Unit tests of base/clock.h. */
#include "tests/unit/unit.h"

#include <time.h>

#include "base/clock.h"

struct time_row {
    const char *text;
    int64_t t;
};

static const struct time_row good[] = {
    {"1970-01-01T00:00:00Z", 0},          {"1970-01-01T00:00:01.999999999Z", 1},  {"2026-11-24T15:03:22Z", 1795532602},
    {"2024-02-29T00:00:00Z", 1709164800}, {"2000-02-29T23:59:59Z", 951868799},    {"2000-03-01T00:00:00.0Z", 951868800},
    {"2100-02-28T23:59:59Z", 4107542399}, {"9999-12-31T23:59:59Z", 253402300799},
};

static void times_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct err e = ERR_INIT;
        int64_t t = -1;

        assert_ok(time_parse(slice_of(good[i].text), &t, &e), &e);
        assert_true(t == good[i].t);
        assert_ok(time_parse_lenient(slice_of(good[i].text), &t, &e), &e);
        assert_true(t == good[i].t);
    }
}

static void times_are_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "Z",
        "2026-11-24",
        "2026-11-24T15:03:22",
        "2026-11-24T15:03:22z",
        "2026-11-24t15:03:22Z",
        "2026-11-24 15:03:22Z",
        " 2026-11-24T15:03:22Z",
        "2026-11-24T15:03:22Z ",
        "2026-11-24T15:03:22Z\n",
        "2026-11-24T15:03:22+00:00",
        "2026-11-24T15:03:22+01:00",
        "2026-11-24T15:03Z",
        "2026-11-24T15:03:22.Z",
        "2026-11-24T15:03:22.1234567890Z",
        "2026-11-24T15:03:22.1x3Z",
        "2026-11-24T15:03:22,5Z",
        "2026-11-24T15:03:60Z",
        "2016-12-31T23:59:60Z",
        "2026-11-24T15:60:00Z",
        "2026-11-24T24:00:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-11-31T00:00:00Z",
        "2026-11-00T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "-2026-11-24T15:03:22Z",
        "+2026-11-24T15:03:22Z",
        "2026-1-24T15:03:22Z",
        "2026-11-24T5:03:22Z",
        "2026-11- 4T15:03:22Z",
        "2026-11-24T15:03:+2Z",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = ERR_INIT;
        int64_t t = 7;

        if (time_parse(slice_of(rows[i]), &t, &e) == 0)
            fail_msg("'%s' was accepted", rows[i]);
        assert_string_equal(err_name(e.code), "bad-time");
        assert_int_equal(t, 7);
    }
    {
        struct err e = ERR_INIT;
        int64_t t;

        assert_err(time_parse(slice_make("2026-11-24T15:03:22Z\0", 21), &t, &e), &e, "bad-time");
        assert_err(time_parse(slice_make("2026-11-24T15:03\0:22Z", 21), &t, &e), &e, "bad-time");
    }
}

static void lenient_forms(void **state)
{
    struct err e = ERR_INIT;
    int64_t t;

    (void)state;
    assert_ok(time_parse_lenient(SLICE("2026-11-24"), &t, &e), &e);
    assert_int_equal(t, 1795478400);
    assert_ok(time_parse_lenient(SLICE("1795532602"), &t, &e), &e);
    assert_int_equal(t, 1795532602);
    assert_ok(time_parse_lenient(SLICE("0"), &t, &e), &e);
    assert_int_equal(t, 0);
    assert_err(time_parse_lenient(SLICE("253402300800"), &t, &e), &e, "bad-time");
    assert_err(time_parse_lenient(SLICE("-1"), &t, &e), &e, "bad-time");
    assert_err(time_parse_lenient(SLICE("now"), &t, &e), &e, "bad-time");
    assert_err(time_parse_lenient(SLICE("2026-11-31"), &t, &e), &e, "bad-time");
}

/* Every day of four centuries and a bit, against the C library. */
static void formatting_agrees_with_gmtime_and_parsing(void **state)
{
    (void)state;
    for (int64_t t = 0; t < 450LL * 366 * 86400; t += 86400 * 3 + 3607) {
        char mine[TIME_TEXT_SIZE], theirs[64];
        struct err e = ERR_INIT;
        time_t c = t;
        struct tm tm;
        int64_t back;

        assert_non_null(gmtime_r(&c, &tm));
        assert_true(strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0);
        time_format(t, mine);
        assert_string_equal(mine, theirs);
        assert_ok(time_parse(slice_of(mine), &back, &e), &e);
        assert_true(back == t);
    }
}

static void formatting_clamps(void **state)
{
    char text[TIME_TEXT_SIZE];

    (void)state;
    time_format(-1, text);
    assert_string_equal(text, "1970-01-01T00:00:00Z");
    time_format(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59Z");
}

static void durations(void **state)
{
    static const struct time_row ok[] = {{"0", 0},
                                         {"90", 90},
                                         {"90s", 90},
                                         {"15m", 900},
                                         {"8h", 28800},
                                         {"30d", 2592000},
                                         {"3660d", 3660LL * 86400},
                                         {"316224000", 3660LL * 86400}};
    static const char *const bad[] = {"",   "s",  "-1",  "+1", "1.5h", "1 h",   "1w",
                                      "1H", "h1", "1hh", " 1", "1 ",   "3661d", "99999999999999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof ok / sizeof *ok; i++) {
        struct err e = ERR_INIT;
        int64_t sec = -1;

        assert_ok(duration_parse(slice_of(ok[i].text), &sec, &e), &e);
        assert_true(sec == ok[i].t);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e = ERR_INIT;
        int64_t sec;

        if (duration_parse(slice_of(bad[i]), &sec, &e) == 0)
            fail_msg("'%s' was accepted", bad[i]);
        assert_string_equal(err_name(e.code), "bad-time");
    }
}

static void the_clock_can_be_frozen(void **state)
{
    int64_t before = clock_now(), mono = clock_mono_ms();

    (void)state;
    assert_true(before > 1700000000);
    clock_freeze(42);
    assert_int_equal(clock_now(), 42);
    clock_release();
    assert_true(clock_now() >= before);
    assert_true(clock_mono_ms() >= mono);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read),          cmocka_unit_test(times_are_refused),
        cmocka_unit_test(lenient_forms),           cmocka_unit_test(formatting_agrees_with_gmtime_and_parsing),
        cmocka_unit_test(formatting_clamps),       cmocka_unit_test(durations),
        cmocka_unit_test(the_clock_can_be_frozen),
    };

    return cmocka_run_group_tests_name("base/clock", tests, NULL, NULL);
}
