/* base_form.c - form bodies. What is accepted has distinct names, and reads the same when written again. */
#include <stdint.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = ERR_INIT;
    struct arena a;
    struct form f, again;
    struct buf text;

    arena_init(&a, 1 << 20);
    buf_init(&text, 1 << 20);
    if (form_parse(slice_make(data, size), &a, &f, &e) == 0) {
        for (size_t i = 0; i < f.n; i++) {
            must(slice_eq(form_get(&f, f.fields[i].name.p), f.fields[i].value));
            if (i)
                buf_add_char(&text, '&');
            percent_encode(&text, f.fields[i].name);
            buf_add_char(&text, '=');
            percent_encode(&text, f.fields[i].value);
        }
        must(form_parse(buf_slice(&text), &a, &again, &e) == 0 && again.n == f.n);
        for (size_t i = 0; i < f.n; i++)
            must(slice_eq(f.fields[i].name, again.fields[i].name) &&
                 slice_eq(f.fields[i].value, again.fields[i].value));
    } else {
        must(e.code == ERR_FORM || e.code == ERR_LIMIT);
    }
    buf_free(&text);
    arena_free(&a);
    return 0;
}
