/* http_cookie.c - a Cookie header; what is read must be fit to be written again, and be read the same then. */
#include <stdint.h>
#include <stdlib.h>

#include "router/http/cookie.h"

#define MUST(x)      \
    do {             \
        if (!(x))    \
            abort(); \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_cookies c, again;
    struct err e = ERR_INIT;
    char name[4096];
    struct buf out;

    if (http_cookies_parse(slice_make(data, size), &c, &e) != 0)
        return 0;
    MUST(c.n + c.skipped <= HTTP_COOKIES_MAX);
    for (size_t i = 0; i < c.n; i++) {
        if (c.v[i].name.n + c.v[i].value.n > 4000 || !str_copy(name, sizeof name, c.v[i].name))
            continue;
        buf_init(&out, 8192);
        MUST(http_cookie_format(&out, name, c.v[i].value, true, HTTP_SAME_SITE_LAX, 1, &e) == 0);
        MUST(http_cookies_parse(slice_make(out.data, c.v[i].name.n + 1 + c.v[i].value.n), &again, &e) == 0);
        MUST(again.n == 1 && slice_eq(again.v[0].name, c.v[i].name) && slice_eq(again.v[0].value, c.v[i].value));
        buf_free(&out);
    }
    return 0;
}
