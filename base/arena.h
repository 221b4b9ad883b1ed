/*
 * arena.h - memory that lives as long as one request and is freed at once.
 *
 * Nothing is freed singly and there is no destructor; secrets do not belong in it (use struct buf and
 * buf_free_secret()). Born with its maximum: an allocation past it returns NULL like one for which there is no memory.
 * Not thread-safe.
 */
#ifndef USHER_BASE_ARENA_H
#define USHER_BASE_ARENA_H

#include <stddef.h>

#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *blocks;
    size_t used; /* bytes handed out, alignment included */
    size_t max;
};

void arena_init(struct arena *a, size_t max_bytes);
/* Frees everything handed out. The arena can be used again. */
void arena_free(struct arena *a);
/* As arena_free() but wipes everything first: where a password came in with the request. */
void arena_free_secret(struct arena *a);

/* Zeroed, aligned for any type. NULL if the maximum is reached or memory is out. n == 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t n);
/* As arena_alloc() for an array; refuses overflow. */
void *arena_array(struct arena *a, size_t count, size_t size);
/* Copies with a terminating NUL. */
char *arena_strndup(struct arena *a, const char *p, size_t n);
char *arena_strdup(struct arena *a, const char *cstr);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Copies the bytes; {NULL, 0} if memory is out (an empty slice gives a non-NULL p). */
struct slice arena_slice(struct arena *a, struct slice s);

#endif
