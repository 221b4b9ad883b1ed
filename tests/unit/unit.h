/* unit.h - what every unit program includes: cmocka in the order it needs, and helpers for struct err. */
#ifndef USHER_TESTS_UNIT_H
#define USHER_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

/* Succeeded: otherwise prints the error. */
#define assert_ok(call, e)                 \
    do {                                   \
        if ((call) != 0) {                 \
            err_print(stderr, #call, (e)); \
            fail();                        \
        }                                  \
    } while (0)

/* Failed with this code, by its stable name, as everywhere in tests: `make check-errors` looks for the name. Clears
 * `e`. */
#define assert_err(call, e, name)                         \
    do {                                                  \
        assert_int_equal((call), -1);                     \
        assert_string_equal(err_name((e)->code), (name)); \
        err_clear(e);                                     \
    } while (0)

/* The content of a file under `dir`, NUL-terminated; fails the test if it cannot be read. Free it. */
static inline char *unit_read_file(const char *dir, const char *name, size_t *ret_n)
{
    char path[4096];
    FILE *f;
    long n;
    char *data;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "rb");
    if (!f)
        fail_msg("%s: cannot be opened", path);
    (void)fseek(f, 0, SEEK_END);
    n = ftell(f);
    rewind(f);
    data = malloc((size_t)n + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)n, f), (size_t)n);
    data[n] = '\0';
    (void)fclose(f);
    if (ret_n)
        *ret_n = (size_t)n;
    return data;
}

#endif
