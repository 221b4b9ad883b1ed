/* pending.c - see pending.h. The plain form is one field a line, as in target.h. */
#include "router/pending.h"

#include <stdio.h>

#include <openssl/evp.h>

#include "base/encode.h"

void pending_cookie_name(struct slice request_id, char dst[PENDING_COOKIE_SIZE])
{
    unsigned char md[EVP_MAX_MD_SIZE] = {0};
    char hex[25];

    (void)EVP_Digest(request_id.p, request_id.n, md, NULL, EVP_sha256(), NULL);
    hex_encode(hex, md, 12);
    (void)snprintf(dst, PENDING_COOKIE_SIZE, PENDING_PREFIX "%s", hex);
}

int pending_seal(const struct keyring *k, const struct pending *p, struct buf *out, struct err *e)
{
    char name[PENDING_COOKIE_SIZE];
    struct buf plain;
    int r;

    buf_init(&plain, PENDING_PLAIN_MAX);
    buf_printf(&plain, "%s\n%lld\n%lld\n%s\n%s\n", p->request_id, (long long)p->started, (long long)p->session_id,
               p->idp, p->email);
    target_write(&p->to, &plain);
    pending_cookie_name(slice_of(p->request_id), name);
    if (buf_failed(&plain))
        r = err_set(e, ERR_LIMIT, "pending login does not fit its cookie");
    else
        r = keyring_seal(k, name, buf_slice(&plain), out, e);
    buf_free_secret(&plain);
    return r;
}

static bool read_lines(struct slice lines, struct arena *a, struct pending *p)
{
    struct slice id;

    if (!slice_split(&lines, '\n', &id) || !str_copy(p->request_id, sizeof p->request_id, id))
        return false;
    p->started = target_line_number(&lines);
    p->session_id = target_line_number(&lines);
    p->idp = target_line(&lines, a);
    p->email = target_line(&lines, a);
    return p->started >= 0 && p->session_id >= 0 && p->idp && p->email && target_read(&lines, a, &p->to);
}

int pending_open(const struct keyring *k, const char *cookie_name, struct slice value, int64_t now, struct arena *a,
                 struct pending *ret, struct err *e)
{
    char expected[PENDING_COOKIE_SIZE];
    struct pending p = {.started = 0};
    struct buf plain;
    bool ok;

    buf_init(&plain, PENDING_PLAIN_MAX);
    if (keyring_open(k, cookie_name, value, &plain, e) != 0) {
        buf_free_secret(&plain);
        return -1;
    }
    ok = read_lines(buf_slice(&plain), a, &p);
    buf_free_secret(&plain);
    pending_cookie_name(slice_of(p.request_id), expected);
    if (!ok || strcmp(expected, cookie_name) != 0) {
        return err_set(e, ERR_SEAL, "pending login in '%s' is not readable", cookie_name);
    }
    if (p.started > now + 60 || now - p.started > PENDING_SECONDS)
        return err_set(e, ERR_SEAL, "pending login was started more than %d s ago", PENDING_SECONDS);
    *ret = p;
    return 0;
}
