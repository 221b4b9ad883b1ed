/*
 * lab_edit.c - the language of the rows: a line of lab/edit.h, then the document that it changes. Whatever either is,
 * the command is done or is an error, and stays within its limits.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lab/edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct edit_word words[] = {{"cert", "AAAA"}};
    const uint8_t *end = memchr(data, '\n', size);
    size_t n = end ? (size_t)(end - data) : size;
    struct err e = ERR_INIT;
    struct buf doc;

    buf_init(&doc, 1 << 16);
    if (end)
        buf_add(&doc, end + 1, size - n - 1);
    if (!buf_failed(&doc) && edit_apply(&doc, slice_make(data, n), words, 1, &e) == 0 && doc.len > doc.max)
        abort();
    buf_free(&doc);
    return 0;
}
