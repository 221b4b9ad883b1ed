/* base_time.c - times and durations. What is accepted is written back in the one form, fractions aside. */
#include <stdint.h>
#include <stdlib.h>

#include "base/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make(data, size);
    struct err e = ERR_INIT;
    char out[TIME_TEXT_SIZE];
    int64_t t, again;

    if (time_parse(text, &t, &e) == 0) {
        time_format(t, out);
        must(memcmp(out, data, 19) == 0 && time_parse(slice_of(out), &again, &e) == 0 && again == t);
    }
    err_clear(&e);
    if (time_parse_lenient(text, &t, &e) == 0) {
        time_format(t, out);
        must(time_parse(slice_of(out), &again, &e) == 0 && again == t);
    }
    err_clear(&e);
    if (duration_parse(text, &t, &e) == 0)
        must(t >= 0 && t <= 3660LL * 86400);
    return 0;
}
