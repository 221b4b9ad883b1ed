/*
 * target.h - where a person wants to go: application, path, and the landing challenge of the browser that asked there.
 *
 * Sealed, so that what travels through forms, cookies and the login host's URLs cannot be made or changed by anybody
 * else (no open redirect). The plain form is one field a line: no field can hold a newline, and it is the shortest.
 */
#ifndef USHER_ROUTER_TARGET_H
#define USHER_ROUTER_TARGET_H

#include "base/arena.h"
#include "base/secret.h"

#define TARGET_PATH_MAX 1024
#define TARGET_PLAIN_MAX 2048
#define TARGET_SECONDS (24 * 60 * 60) /* a login page may stay open for a day */

struct target {
    const char *app;       /* host as configured; "": the login host itself, and then the rest is "" as well */
    const char *path;      /* path and query on it; url_path_is_safe() */
    const char *challenge; /* accounts/landing.h: of the nonce in the application's cookie */
    int64_t made;
};
#define TARGET_NONE ((struct target){"", "", "", 0})

/* Appends the plain form. */
void target_write(const struct target *t, struct buf *out);
/* Takes the plain form off the front of *lines; false if it is not one. Text is copied into `a`. */
bool target_read(struct slice *lines, struct arena *a, struct target *ret);

/* Appends URL-safe text; nothing for TARGET_NONE. ERR_LIMIT. */
int target_seal(const struct keyring *k, const struct target *t, struct buf *out, struct err *e);
/* Empty text gives TARGET_NONE. ERR_SEAL; text lives in `a`. */
int target_open(const struct keyring *k, struct slice sealed, int64_t now, struct arena *a, struct target *ret,
                struct err *e);

/* One line off the front of *lines, copied; NULL if there is none or memory is out. */
const char *target_line(struct slice *lines, struct arena *a);
/* The same as a number; -1 if it is none. */
int64_t target_line_number(struct slice *lines);

#endif
