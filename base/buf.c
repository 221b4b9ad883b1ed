/* buf.c - see buf.h. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_free(struct buf *b)
{
    free(b->data);
    buf_init(b, b->max);
}

void buf_free_secret(struct buf *b)
{
    if (b->data)
        OPENSSL_cleanse(b->data, b->cap);
    buf_free(b);
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data)
        b->data[0] = '\0';
}

char *buf_room(struct buf *b, size_t n)
{
    size_t cap = b->cap;
    char *data;

    if (b->failed || n > b->max - b->len) {
        b->failed = true;
        return NULL;
    }
    if (b->len + n + 1 > cap) {
        cap = cap ? cap : 64;
        while (cap < b->len + n + 1)
            cap = cap * 2;
        data = malloc(cap); /* not realloc: the old copy is wiped, the buffer may hold a secret */
        if (!data) {
            b->failed = true;
            return NULL;
        }
        if (b->data) {
            memcpy(data, b->data, b->len);
            OPENSSL_cleanse(b->data, b->cap);
            free(b->data);
        }
        b->data = data;
        b->cap = cap;
    }
    b->data[b->len + n] = '\0';
    return b->data + b->len;
}

void buf_add(struct buf *b, const void *data, size_t n)
{
    char *to;

    if (n == 0)
        return;
    to = buf_room(b, n);
    if (!to)
        return;
    memcpy(to, data, n);
    b->len += n;
}

void buf_add_slice(struct buf *b, struct slice s)
{
    buf_add(b, s.p, s.n);
}

void buf_add_str(struct buf *b, const char *cstr)
{
    buf_add(b, cstr, strlen(cstr));
}

void buf_add_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    int n;
    char *to;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) {
        b->failed = true;
    } else if ((to = buf_room(b, (size_t)n)) != NULL) {
        (void)vsnprintf(to, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

const char *buf_cstr(const struct buf *b)
{
    return b->data ? b->data : "";
}
