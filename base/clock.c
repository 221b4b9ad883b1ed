/*
 * clock.c - see clock.h. Written by hand: strptime() depends on the locale, skips white space, and takes fields out of
 * range; timegm() silently carries them over.
 */
#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

static atomic_bool frozen;
static _Atomic int64_t frozen_at;

int64_t clock_now(void)
{
    struct timespec ts;

    if (atomic_load(&frozen))
        return atomic_load(&frozen_at);
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec;
}

int64_t clock_mono_ms(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void clock_freeze(int64_t now)
{
    atomic_store(&frozen_at, now);
    atomic_store(&frozen, true);
}

void clock_release(void)
{
    atomic_store(&frozen, false);
}

static bool is_leap(int64_t y)
{
    return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

/* Days from 1970-01-01 to the first of January of year y. */
static int64_t days_to_year(int64_t y)
{
    int64_t p = y - 1;

    return (y - 1970) * 365 + (p / 4 - p / 100 + p / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400);
}

static const int month_days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

static int64_t days_in_month(int64_t y, int64_t m)
{
    return month_days[m - 1] + (m == 2 && is_leap(y));
}

/* Reads exactly `width` digits at p. */
static bool digits(const char *p, size_t width, int64_t *ret)
{
    uint64_t v;

    if (!str_to_u64(slice_make(p, width), 9999, &v))
        return false;
    *ret = (int64_t)v;
    return true;
}

static bool parse_date(const char *p, int64_t *ret_days)
{
    int64_t y, m, d, days;

    if (!digits(p, 4, &y) || p[4] != '-' || !digits(p + 5, 2, &m) || p[7] != '-' || !digits(p + 8, 2, &d))
        return false;
    if (y < 1970 || m < 1 || m > 12 || d < 1 || d > days_in_month(y, m))
        return false;
    days = days_to_year(y) + d - 1;
    for (int64_t i = 1; i < m; i++)
        days += days_in_month(y, i);
    *ret_days = days;
    return true;
}

static bool parse_full(struct slice s, int64_t *ret)
{
    int64_t days, h, min, sec;

    if (s.n < 20 || s.n > 30 || !parse_date(s.p, &days) || s.p[10] != 'T')
        return false;
    if (!digits(s.p + 11, 2, &h) || s.p[13] != ':' || !digits(s.p + 14, 2, &min) || s.p[16] != ':' ||
        !digits(s.p + 17, 2, &sec) || h > 23 || min > 59 || sec > 59)
        return false;
    if (s.n > 20) {
        if (s.p[19] != '.' || s.n < 22)
            return false;
        for (size_t i = 20; i < s.n - 1; i++) {
            if (!ascii_is_digit(s.p[i]))
                return false;
        }
    }
    if (s.p[s.n - 1] != 'Z')
        return false;
    *ret = ((days * 24 + h) * 60 + min) * 60 + sec;
    return true;
}

static int bad_time(struct slice text, const char *expected, struct err *e)
{
    char found[64];

    str_cut(found, sizeof found, text);
    return err_mismatch(e, ERR_TIME, found, expected, "not a time");
}

int time_parse(struct slice text, int64_t *ret, struct err *e)
{
    if (!parse_full(text, ret))
        return bad_time(text, "YYYY-MM-DDThh:mm:ss[.fraction]Z", e);
    return 0;
}

int time_parse_lenient(struct slice text, int64_t *ret, struct err *e)
{
    uint64_t seconds;
    int64_t days;

    if (parse_full(text, ret))
        return 0;
    if (str_to_u64(text, 253402300799ULL, &seconds)) {
        *ret = (int64_t)seconds;
        return 0;
    }
    if (text.n == 10 && parse_date(text.p, &days)) {
        *ret = days * 86400;
        return 0;
    }
    return bad_time(text, "YYYY-MM-DDThh:mm:ssZ, YYYY-MM-DD or seconds since 1970", e);
}

void time_format(int64_t t, char dst[TIME_TEXT_SIZE])
{
    const int64_t last = 253402300799LL; /* 9999-12-31T23:59:59Z */
    int64_t days, y = 1970, m = 1, rest;

    t = t < 0 ? 0 : t > last ? last : t;
    days = t / 86400;
    rest = t % 86400;
    y += days / 366;
    while (days_to_year(y + 1) <= days)
        y++;
    days -= days_to_year(y);
    while (days >= days_in_month(y, m))
        days -= days_in_month(y, m++);
    (void)snprintf(dst, TIME_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)y % 10000, (int)m % 100,
                   (int)(days + 1) % 100, (int)(rest / 3600) % 100, (int)(rest / 60 % 60), (int)(rest % 60));
}

int duration_parse(struct slice text, int64_t *ret_sec, struct err *e)
{
    const int64_t most = 3660LL * 86400;
    struct slice number = text;
    uint64_t v;
    int64_t unit = 1;

    if (text.n > 0 && !ascii_is_digit(text.p[text.n - 1])) {
        static const char units[] = "smhd";
        static const int64_t seconds[] = {1, 60, 3600, 86400};
        const char *hit = memchr(units, text.p[text.n - 1], sizeof units - 1);

        unit = hit ? seconds[hit - units] : 0;
        number.n--;
    }
    if (unit == 0 || !str_to_u64(number, (uint64_t)(most / unit), &v))
        return bad_time(text, "a number with s, m, h or d, at most ten years", e);
    *ret_sec = (int64_t)v * unit;
    return 0;
}
