/* Fuzzes the plain forms behind router/target.h: what opens a seal is read by these, and nothing may pass that leads
 * elsewhere. */
#include <stdint.h>
#include <stdlib.h>

#include "base/url.h"
#include "router/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice lines = slice_make(data, size);
    struct target t, again;
    struct arena a;
    struct buf plain;

    arena_init(&a, 4 * 1024 * 1024);
    buf_init(&plain, 2 * 1024 * 1024);
    if (size > 0 && target_read(&lines, &a, &t)) {
        if (t.app[0] != '\0' && !url_path_is_safe(slice_of(t.path)))
            abort();
        target_write(&t, &plain);
        lines = buf_slice(&plain);
        if (!target_read(&lines, &a, &again) || strcmp(again.app, t.app) != 0 || strcmp(again.path, t.path) != 0 ||
            strcmp(again.challenge, t.challenge) != 0 || again.made != t.made)
            abort();
    }
    buf_free(&plain);
    arena_free(&a);
    return 0;
}
