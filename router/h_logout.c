/*
 * h_logout.c - signing out by the button: here first. The session ends before anybody else is asked; what the identity
 * provider then does or fails to do is only told (h_slo.c).
 */
#include "router/logout.h"

#include "router/idp_keys.h"

#define COOKIE_LOGOUT "__Host-usher-o" /* sealed: the LogoutRequest that this browser was sent away with */

/* --- what this browser holds ---------------------------------------------------------------------------------------
 */

struct session_row *logout_own_session(struct exchange *x)
{
    struct slice token = http_cookie_get(&x->cookies, COOKIE_SESSION);
    struct session_row *row = arena_alloc(&x->arena, sizeof *row);
    unsigned char hash[STORE_TOKEN_HASH_BYTES];
    char host[DOMAIN_MAX + 1];
    struct err e = ERR_INIT;
    int64_t changes;
    bool found = false;

    if (!row || !token.p || !session_token_read(x->router->keys, token, hash) ||
        store_session_find(x->router->store, hash, row, host, &changes, &found, &e) != 0 || !found ||
        strcmp(host, flow_login_host(x->router)) != 0 || !session_row_alive(row, x->now))
        return NULL;
    return row;
}

int logout_end_own(struct exchange *x, bool *ret_ended)
{
    struct slice token = http_cookie_get(&x->cookies, COOKIE_SESSION);
    struct event *event = arena_alloc(&x->arena, sizeof *event);

    *ret_ended = false;
    if (!event)
        return err_set(&x->err, ERR_MEMORY, "event");
    x->event = "session.ended";
    exchange_event(x, event);
    if (token.p && session_end(x->router->sessions, x->router->keys, x->router->store, token, x->now, event, ret_ended,
                               &x->err) != 0)
        return -1;
    x->event_stored = true;
    reply_cookie_delete(x, COOKIE_SESSION, HTTP_SAME_SITE_LAX);
    reply_cookie_delete(x, COOKIE_HELD, HTTP_SAME_SITE_NONE);
    return 0;
}

/* --- the request under way, in a cookie ----------------------------------------------------------------------------
 */

static int remember_asked(struct exchange *x, const char *request_id, const char *idp, struct err *e)
{
    struct buf plain, sealed;
    int r;

    buf_init(&plain, 512);
    buf_init(&sealed, 2048);
    buf_printf(&plain, "%lld\n%s\n%s\n", (long long)x->now, request_id, idp);
    r = buf_failed(&plain) ? err_set(e, ERR_LIMIT, "logout under way")
                           : keyring_seal(x->router->keys, COOKIE_LOGOUT, buf_slice(&plain), &sealed, e);
    if (r == 0) /* None: the answer may come as a form from the identity provider's site */
        reply_cookie(x, COOKIE_LOGOUT, buf_cstr(&sealed), HTTP_SAME_SITE_NONE, LOGOUT_SECONDS);
    buf_free(&plain);
    buf_free(&sealed);
    return r;
}

bool logout_recall(struct exchange *x, struct logout_asked *ret)
{
    struct slice value = http_cookie_get(&x->cookies, COOKIE_LOGOUT), lines;
    struct err e = ERR_INIT;
    struct buf plain;
    int64_t made = -1;

    buf_init(&plain, 512);
    if (value.p && keyring_open(x->router->keys, COOKIE_LOGOUT, value, &plain, &e) == 0) {
        lines = buf_slice(&plain);
        made = target_line_number(&lines);
        ret->request_id = target_line(&lines, &x->arena);
        ret->idp = target_line(&lines, &x->arena);
    }
    buf_free(&plain);
    return made >= 0 && made <= x->now + 60 && x->now - made <= LOGOUT_SECONDS && ret->request_id && ret->idp;
}

void logout_forget(struct exchange *x)
{
    reply_cookie_delete(x, COOKIE_LOGOUT, HTTP_SAME_SITE_NONE);
}

/* --- messages of ours ----------------------------------------------------------------------------------------------
 */

struct logout_address logout_request_address(const struct saml_trust *t)
{
    return (struct logout_address){.url = t->slo_redirect ? t->slo_redirect : t->slo_post, .by_post = !t->slo_redirect};
}

struct logout_address logout_response_address(const struct saml_trust *t)
{
    struct logout_address a = logout_request_address(t);
    const char *other = a.by_post ? t->slo_post_response : t->slo_redirect_response;

    if (other)
        a.url = other;
    return a;
}

/* Messages are signed where there is a key, whatever sign_requests says of AuthnRequests: profiles 4.4.3.1 and 4.4.3.4
 * demand it. */
static const struct saml_sp_key *signing_key(const struct exchange *x)
{
    const struct saml_sp_keys *keys = &x->router->config->sp_keys;

    return keys->n ? &keys->v[0] : NULL;
}

int logout_send(struct exchange *x, struct saml_logout_out *o, struct logout_address to, enum signed_out so_far,
                struct err *e)
{
    struct buf text;
    int r;

    o->destination = to.url;
    o->sign = signing_key(x);
    buf_init(&text, PAGE_MAX / 2);
    r = to.by_post ? saml_logout_write_post(o, &text, e) : saml_logout_write_redirect(o, &text, e);
    if (r == 0 && to.by_post) {
        page_send_logout(&x->reply_body, so_far, to.url, o->in_response_to ? "SAMLResponse" : "SAMLRequest",
                         buf_cstr(&text), o->relay_state);
        reply_page(x, 200);
    } else if (r == 0) {
        reply_redirect(x, buf_cstr(&text));
    }
    buf_free(&text);
    return r;
}

/* --- the button ----------------------------------------------------------------------------------------------------
 */

void handle_logout_page(struct exchange *x)
{
    struct session_view who;

    if (flow_session(x, flow_login_host(x->router), &who))
        page_logout(&x->reply_body, who.email, flow_form_token(x));
    else
        page_signed_out(&x->reply_body, SIGNED_OUT_HERE, NULL);
    reply_page(x, 200);
}

static const char *or_null(const char *s)
{
    return s[0] ? s : NULL;
}

const struct saml_trust *logout_trust(struct exchange *x, const struct config_idp *idp)
{
    if (!x->trusts)
        x->trusts = idp_keys_current(x->router->idp_keys);
    return trusts_get(x->trusts, (size_t)(idp - x->router->config->idps));
}

/* To the identity provider of a session that has just ended, so that it ends its own. False: there is no way there, and
 * nothing was replied; that this happens is no failure. */
static bool ask_idp(struct exchange *x, const struct session_row *row)
{
    const struct config_idp *idp = row->idp[0] ? config_idp(x->router->config, row->idp) : NULL;
    struct logout_address to = {.url = NULL};
    char id[SAML_REQUEST_ID_SIZE];
    struct saml_logout_out o;
    struct err e = ERR_INIT;

    if (idp)
        to = logout_request_address(logout_trust(x, idp));
    if (!to.url || !row->name_id[0])
        return false;
    saml_request_id(id);
    o = (struct saml_logout_out){.id = id,
                                 .issuer = idp->entity_id,
                                 .issue_instant = x->now,
                                 .name_id = row->name_id,
                                 .name_id_format = or_null(row->name_id_format),
                                 .name_qualifier = or_null(row->name_qualifier),
                                 .sp_name_qualifier = or_null(row->sp_name_qualifier),
                                 .session_index = or_null(row->session_index)};
    return remember_asked(x, id, idp->name, &e) == 0 && logout_send(x, &o, to, SIGNED_OUT_HERE, &e) == 0;
}

void handle_logout(struct exchange *x)
{
    const struct session_row *row;
    struct form form;
    bool ended;

    if (flow_form(x, &form) != 0) {
        flow_refuse(x, "logout.refused");
        return;
    }
    row = logout_own_session(x);
    if (row)
        x->account = row->email;
    if (logout_end_own(x, &ended) != 0) {
        flow_refuse(x, "logout.refused");
        return;
    }
    if (row && ended && ask_idp(x, row))
        return;
    page_signed_out(&x->reply_body, SIGNED_OUT_HERE, NULL);
    reply_page(x, 200);
}
