/*
 * form.h - application/x-www-form-urlencoded, for bodies and query strings (WHATWG URL 5.1, strict where it is
 * lenient).
 *
 * Names and values are decoded into an arena. A name that comes twice, an empty name or field ("a=1&&b=2"), a broken
 * escape, an octet that a browser would have escaped, NUL, text that is not UTF-8, more than FORM_FIELDS_MAX fields are
 * ERR_FORM: two readers of one request must not be able to differ. A field without "=" has an empty value. No message
 * repeats a value: it may be a password.
 */
#ifndef USHER_BASE_FORM_H
#define USHER_BASE_FORM_H

#include "base/arena.h"
#include "base/err.h"

#define FORM_FIELDS_MAX 32

struct form_field {
    struct slice name, value; /* NUL-terminated behind their end */
};
struct form {
    struct form_field fields[FORM_FIELDS_MAX];
    size_t n;
};

/* ERR_FORM; ERR_LIMIT if the arena is too small. `ret` is written only on success. Empty text gives no field. */
int form_parse(struct slice text, struct arena *a, struct form *ret, struct err *e);
/* The value, or {NULL, 0} if the field is absent. */
struct slice form_get(const struct form *f, const char *name);

#endif
