/*
 * clock.h - time: whole seconds UTC since 1970 for everything stored or compared, milliseconds for timers.
 *
 * Tests set the clock; nothing else in usher calls time(). RFC 3339 text is read strictly: SAML core 1.3.3 demands UTC.
 */
#ifndef USHER_BASE_CLOCK_H
#define USHER_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* Seconds UTC. */
int64_t clock_now(void);
/* Milliseconds since some fixed point, never going backwards. */
int64_t clock_mono_ms(void);
/* From now on clock_now() returns `now`; clock_release() ends that. For tests only; thread-safe. */
void clock_freeze(int64_t now);
void clock_release(void);

/* YYYY-MM-DDThh:mm:ss[.f{1,9}]Z with every field in range (years 1970 to 9999; no leap second). Fractions are cut off.
 * ERR_TIME. */
int time_parse(struct slice text, int64_t *ret, struct err *e);
/* Also plain seconds since 1970, and a date alone (midnight UTC): for command lines and configuration. ERR_TIME. */
int time_parse_lenient(struct slice text, int64_t *ret, struct err *e);
#define TIME_TEXT_SIZE 24
/* "2026-11-24T15:03:22Z". */
void time_format(int64_t t, char dst[TIME_TEXT_SIZE]);

/* "90", "90s", "15m", "8h", "30d": seconds, at most ten years. ERR_TIME. */
int duration_parse(struct slice text, int64_t *ret_sec, struct err *e);

#endif
