/*
 * err.h - the one error type.
 *
 * Every function that can fail returns 0 or -1 and takes `struct err *` as its last parameter. The code is set once,
 * where the failure is seen; callers add context with err_wrap() and never replace it. A code carries its class, HTTP
 * status, the sentence the person logging in may see, and the paragraph an administrator needs (base/err.def,
 * docs/errors.md).
 *
 * `msg`, `found` and `expected` may hold text that a stranger sent. They are stored escaped (printable ASCII, cut to
 * size), so that they can be logged or printed as they are; in HTML they still go through html escaping. The person
 * logging in is never shown any of the three, only err_user_text() and a request id.
 */
#ifndef USHER_BASE_ERR_H
#define USHER_BASE_ERR_H

#include <stddef.h>
#include <stdio.h>

enum err_code {
    ERR_NONE = 0,
#define ERR(sym, name, cls, http, user, admin) ERR_##sym,
#include "base/err.def"
#undef ERR
    ERR_CODE_COUNT
};

/* Who can mend it: decides the log level and the exit code. */
enum err_class {
    ERR_CLASS_NONE = 0,
    ERR_CLASS_PERSON, /* the person logging in (wrong password, expired page) */
    ERR_CLASS_PEER,   /* what another system sent (a bad assertion, a bad request) */
    ERR_CLASS_ADMIN,  /* configuration, files, command line */
    ERR_CLASS_BUSY,   /* a limit is reached; try again later */
    ERR_CLASS_BUG     /* a broken invariant of ours, or the machine failed (memory, disk) */
};

struct err {
    enum err_code code;
    char msg[320];      /* what failed, for the administrator; no trailing newline */
    char found[200];    /* the value that was found, "" if there is none */
    char expected[200]; /* what would have been right, "" if there is none */
    char at[120];       /* place in the input: "usher.yaml:12:5", "Response/Assertion/Conditions" */
    const char *file;   /* where it was first raised */
    const char *func;
    int line;
};

#define ERR_INIT         \
    {                    \
        .code = ERR_NONE \
    }

/* Clears `e` for reuse. */
void err_clear(struct err *e);

/*
 * Sets code and message unless `e` already holds an error (the first failure wins). Always returns -1, so that
 * `return err_set(e, ERR_X, "...")` is the idiom. `e` must not be NULL.
 */
#define err_set(e, code, ...) err_set_at((e), (code), __FILE__, __func__, __LINE__, __VA_ARGS__)
int err_set_at(struct err *e, enum err_code code, const char *file, const char *func, int line, const char *fmt, ...)
    __attribute__((format(printf, 6, 7), nonnull(1, 6)));

/* As err_set(), with what was found and what was expected (either may be NULL; neither needs to be terminated ASCII
 * text). */
#define err_mismatch(e, code, found, expected, ...) \
    err_mismatch_at((e), (code), __FILE__, __func__, __LINE__, (found), (expected), __VA_ARGS__)
int err_mismatch_at(struct err *e, enum err_code code, const char *file, const char *func, int line, const char *found,
                    const char *expected, const char *fmt, ...) __attribute__((format(printf, 8, 9), nonnull(1, 8)));

/* Puts context in front of the message ("identity provider 'acme': ..."). Returns -1. No effect without an error. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3), nonnull(1, 2)));

/* Sets the place in the input unless one is set. Returns -1. */
int err_at(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3), nonnull(1, 2)));

/* Properties of a code. None returns NULL; an unknown code reads as "internal-error". */
const char *err_name(enum err_code code); /* stable: "audience-mismatch" */
enum err_class err_class_of(enum err_code code);
int err_http_status(enum err_code code);
const char *err_user_text(enum err_code code);  /* one sentence, plain text */
const char *err_admin_text(enum err_code code); /* a paragraph, plain text */
/* The code with this name, ERR_NONE if there is none. */
enum err_code err_by_name(const char *name);

/* Prints "NAME: [at: ]msg", then indented found and expected lines if there are any. */
void err_print(FILE *out, const char *prefix, const struct err *e);

#endif
