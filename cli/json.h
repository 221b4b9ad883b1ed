/* json.h - what the printers of JSON share. */
#ifndef USHER_CLI_JSON_H
#define USHER_CLI_JSON_H

#include <jansson.h>

#include "base/clock.h"
#include "base/str.h"

/* Text, or null if it is absent or no UTF-8. */
static inline json_t *js(struct slice s)
{
    json_t *t = s.p ? json_stringn(s.p, s.n) : NULL;

    return t ? t : json_null();
}

/* RFC 3339, or null for 0. */
static inline json_t *js_time(int64_t t)
{
    char text[TIME_TEXT_SIZE];

    time_format(t, text);
    return t ? json_string(text) : json_null();
}

#endif
