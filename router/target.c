/* target.c - see target.h. */
#include "router/target.h"

#include "base/url.h"

#define PURPOSE "target"

const char *target_line(struct slice *lines, struct arena *a)
{
    struct slice line;

    return slice_split(lines, '\n', &line) ? arena_strndup(a, line.p, line.n) : NULL;
}

int64_t target_line_number(struct slice *lines)
{
    struct slice line;
    uint64_t v;

    return slice_split(lines, '\n', &line) && str_to_u64(line, INT64_MAX, &v) ? (int64_t)v : -1;
}

void target_write(const struct target *t, struct buf *out)
{
    buf_printf(out, "%lld\n%s\n%s\n%s\n", (long long)t->made, t->challenge, t->app, t->path);
}

bool target_read(struct slice *lines, struct arena *a, struct target *ret)
{
    ret->made = target_line_number(lines);
    ret->challenge = target_line(lines, a);
    ret->app = target_line(lines, a);
    ret->path = target_line(lines, a);
    return ret->made >= 0 && ret->challenge && ret->app && ret->path &&
           (ret->app[0] == '\0' || url_path_is_safe(slice_of(ret->path)));
}

int target_seal(const struct keyring *k, const struct target *t, struct buf *out, struct err *e)
{
    struct buf plain;
    int r = 0;

    if (t->app[0] == '\0')
        return 0;
    buf_init(&plain, TARGET_PLAIN_MAX);
    target_write(t, &plain);
    if (buf_failed(&plain))
        r = err_set(e, ERR_LIMIT, "return address is too long");
    else
        r = keyring_seal(k, PURPOSE, buf_slice(&plain), out, e);
    buf_free(&plain);
    return r;
}

int target_open(const struct keyring *k, struct slice sealed, int64_t now, struct arena *a, struct target *ret,
                struct err *e)
{
    struct target t = TARGET_NONE;
    struct buf plain;
    struct slice lines;
    bool ok;

    if (sealed.n == 0) {
        *ret = t;
        return 0;
    }
    buf_init(&plain, TARGET_PLAIN_MAX);
    if (keyring_open(k, PURPOSE, sealed, &plain, e) != 0) {
        buf_free(&plain);
        return -1;
    }
    lines = buf_slice(&plain);
    ok = target_read(&lines, a, &t);
    buf_free(&plain);
    if (!ok)
        return err_set(e, ERR_SEAL, "sealed target is not readable");
    if (t.made > now + 60 || now - t.made > TARGET_SECONDS)
        return err_set(e, ERR_SEAL, "this page was opened more than a day ago");
    *ret = t;
    return 0;
}
