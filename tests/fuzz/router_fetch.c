/* Fuzzes the reading of what usher-fetch answers. */
#include <stdlib.h>

#include "router/fetch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = ERR_INIT;
    struct slice s = {NULL, 0};
    struct arena a;

    arena_init(&a, 1 << 24);
    if (fetch_read_answer(slice_make(data, size), "https://idp.example/", &a, &s, &e) == 0) {
        /* a document is the end of the input, behind a line that gives its length */
        if (!s.p || s.n + 5 > size || memcmp(data + size - s.n, s.p, s.n) != 0 || data[size - s.n - 1] != '\n')
            abort();
    } else if (e.code == ERR_NONE || s.p) {
        abort();
    }
    arena_free(&a);
    return 0;
}
