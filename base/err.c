/* err.c - see err.h. */
#include "base/err.h"

#include <stdarg.h>
#include <string.h>

#include "base/str.h"

static const struct {
    const char *name;
    enum err_class cls;
    int http;
    const char *user;
    const char *admin;
} codes[] = {
    [ERR_NONE] = {"none", ERR_CLASS_NONE, 200, "", ""},
#define ERR(sym, name, cls, http, user, admin) [ERR_##sym] = {name, ERR_CLASS_##cls, http, user, admin},
#include "base/err.def"
#undef ERR
};

static enum err_code known(enum err_code code)
{
    return (unsigned)code < ERR_CODE_COUNT ? code : ERR_INTERNAL;
}

void err_clear(struct err *e)
{
    *e = (struct err)ERR_INIT;
}

__attribute__((format(printf, 6, 0))) static void set(struct err *e, enum err_code code, const char *file,
                                                      const char *func, int line, const char *fmt, va_list ap)
{
    char raw[sizeof e->msg];
    int n = vsnprintf(raw, sizeof raw, fmt, ap);

    e->code = code;
    e->file = file;
    e->func = func;
    e->line = line;
    str_escape(e->msg, sizeof e->msg, raw, n < 0 ? 0 : strlen(raw));
}

int err_set_at(struct err *e, enum err_code code, const char *file, const char *func, int line, const char *fmt, ...)
{
    va_list ap;

    if (e->code != ERR_NONE)
        return -1;
    va_start(ap, fmt);
    set(e, code, file, func, line, fmt, ap);
    va_end(ap);
    return -1;
}

int err_mismatch_at(struct err *e, enum err_code code, const char *file, const char *func, int line, const char *found,
                    const char *expected, const char *fmt, ...)
{
    va_list ap;

    if (e->code != ERR_NONE)
        return -1;
    va_start(ap, fmt);
    set(e, code, file, func, line, fmt, ap);
    va_end(ap);
    if (found)
        str_escape(e->found, sizeof e->found, found, strlen(found));
    if (expected)
        str_escape(e->expected, sizeof e->expected, expected, strlen(expected));
    return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    char old[sizeof e->msg], context[sizeof e->msg];
    va_list ap;
    size_t n;

    if (e->code == ERR_NONE)
        return -1;
    memcpy(old, e->msg, sizeof old);
    va_start(ap, fmt);
    (void)vsnprintf(context, sizeof context, fmt, ap);
    va_end(ap);
    n = str_escape(e->msg, sizeof e->msg, context, strlen(context));
    (void)snprintf(e->msg + n, sizeof e->msg - n, ": %s", old);
    return -1;
}

int err_at(struct err *e, const char *fmt, ...)
{
    char raw[sizeof e->at];
    va_list ap;

    if (e->at[0] != '\0')
        return -1;
    va_start(ap, fmt);
    (void)vsnprintf(raw, sizeof raw, fmt, ap);
    va_end(ap);
    str_escape(e->at, sizeof e->at, raw, strlen(raw));
    return -1;
}

const char *err_name(enum err_code code)
{
    return codes[known(code)].name;
}

enum err_class err_class_of(enum err_code code)
{
    return codes[known(code)].cls;
}

int err_http_status(enum err_code code)
{
    return codes[known(code)].http;
}

const char *err_user_text(enum err_code code)
{
    return codes[known(code)].user;
}

const char *err_admin_text(enum err_code code)
{
    return codes[known(code)].admin;
}

enum err_code err_by_name(const char *name)
{
    for (size_t i = 1; i < ERR_CODE_COUNT; i++) {
        if (strcmp(codes[i].name, name) == 0)
            return (enum err_code)i;
    }
    return ERR_NONE;
}

void err_print(FILE *out, const char *prefix, const struct err *e)
{
    fprintf(out, "%s%s%s: %s%s%s\n", prefix ? prefix : "", prefix ? ": " : "", err_name(e->code), e->at,
            e->at[0] ? ": " : "", e->msg);
    if (e->found[0])
        fprintf(out, "  found:    %s\n", e->found);
    if (e->expected[0])
        fprintf(out, "  expected: %s\n", e->expected);
}
