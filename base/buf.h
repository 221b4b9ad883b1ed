/*
 * buf.h - a growable byte buffer that is born with its maximum (curl's dynbuf habit).
 *
 * Appending past the maximum, or running out of memory, marks the buffer failed; further appends do nothing. So a
 * writer appends freely and looks at buf_failed() once at the end. The data is always followed by a NUL that does not
 * count.
 */
#ifndef USHER_BASE_BUF_H
#define USHER_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct buf {
    char *data; /* NULL until the first append; NUL-terminated after it */
    size_t len;
    size_t cap;
    size_t max; /* len never exceeds it */
    bool failed;
};

/* `max` is a required decision: the most bytes this buffer may ever hold. Allocates nothing. */
void buf_init(struct buf *b, size_t max);
/* Frees the memory, keeps the maximum; usable again afterwards. */
void buf_free(struct buf *b);
/* As buf_free() but wipes the bytes first: for secrets. */
void buf_free_secret(struct buf *b);
/* Empties without freeing; also clears `failed`. */
void buf_reset(struct buf *b);

void buf_add(struct buf *b, const void *data, size_t n);
void buf_add_slice(struct buf *b, struct slice s);
void buf_add_str(struct buf *b, const char *cstr);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Makes room for n more bytes and returns where they go (then add n to len), or NULL and failed. */
char *buf_room(struct buf *b, size_t n);

static inline bool buf_failed(const struct buf *b)
{
    return b->failed;
}
/* The content; "" if empty. Valid until the next change. */
const char *buf_cstr(const struct buf *b);
static inline struct slice buf_slice(const struct buf *b)
{
    return slice_make(buf_cstr(b), b->len);
}

#endif
