/* unsolicited.c - see unsolicited.h. */
#include "router/unsolicited.h"

/* Sealed: when the first of the last restarts was, and how many there were. SameSite=None: it has to come along with
 * the identity provider's form. */
#define COOKIE_RESTARTS "__Host-usher-u"
#define RESTARTS_SECONDS 60
#define RESTARTS_MAX 3

/* The session that this browser holds is alive and of the asserted identity. Its number comes from a cookie that proves
 * nothing, so no more is done with it than to show a page that looks for the session's own cookie. */
static bool holds_same(struct exchange *x, const struct config_idp *idp, const struct saml_assertion *as)
{
    struct session_row *row = arena_alloc(&x->arena, sizeof *row);
    int64_t id = flow_held_session(x);
    struct err e = ERR_INIT;
    struct slice subject;
    bool found = false;

    if (!row || id == 0 || store_session_get(x->router->store, id, row, &found, &e) != 0 || !found ||
        !session_row_alive(row, x->now))
        return false;
    subject = strcmp(idp->subject_from, "nameid") == 0 ? slice_trim(as->name_id)
                                                       : saml_attribute_single(as, slice_of(idp->subject_from));
    return subject.n > 0 && strcmp(row->idp, idp->name) == 0 && slice_is(subject, row->subject);
}

/* One more restart, counted in the browser. */
static int count_restart(struct exchange *x)
{
    struct slice value = http_cookie_get(&x->cookies, COOKIE_RESTARTS), lines;
    int64_t first = x->now, n = 0;
    struct err e = ERR_INIT;
    struct buf plain, sealed;
    int r = 0;

    buf_init(&plain, 64);
    buf_init(&sealed, 256);
    if (value.p && keyring_open(x->router->keys, COOKIE_RESTARTS, value, &plain, &e) == 0) {
        int64_t seen_first, seen_n;

        lines = buf_slice(&plain);
        seen_first = target_line_number(&lines);
        seen_n = target_line_number(&lines);
        if (seen_first >= 0 && seen_n >= 0 && x->now - seen_first < RESTARTS_SECONDS) {
            first = seen_first;
            n = seen_n;
        }
    }
    if (++n > RESTARTS_MAX) {
        r = err_set(&x->err, ERR_UNSOLICITED,
                    "%s was asked %d times within %d s, and sent an assertion nobody asked for", x->idp, RESTARTS_MAX,
                    RESTARTS_SECONDS);
        reply_cookie_delete(x, COOKIE_RESTARTS, HTTP_SAME_SITE_NONE);
    } else {
        buf_reset(&plain);
        buf_printf(&plain, "%lld\n%lld\n", (long long)first, (long long)n);
        if (keyring_seal(x->router->keys, COOKIE_RESTARTS, buf_slice(&plain), &sealed, &x->err) == 0)
            reply_cookie(x, COOKIE_RESTARTS, buf_cstr(&sealed), HTTP_SAME_SITE_NONE, RESTARTS_SECONDS);
        r = x->err.code == ERR_NONE ? 0 : -1;
    }
    buf_free(&plain);
    buf_free(&sealed);
    return r;
}

void unsolicited_restart(struct exchange *x, const struct config_idp *idp, const struct saml_verdict *v)
{
    if (holds_same(x, idp, &v->assertion))
        reply_redirect(x, arena_printf(&x->arena, "%s/login", x->router->config->public_url));
    else if (count_restart(x) != 0)
        flow_refuse(x, "login.refused");
    else
        flow_start_sso(x, idp, &v->email, &TARGET_NONE);
}
