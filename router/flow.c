/* flow.c - the steps that several handlers share; see handlers.h. */
#include "router/handlers.h"

#include <stdlib.h>

#include "base/encode.h"
#include "policy/trace.h"
#include "router/pages.h"
#include "router/pending.h"
#include "router/idp_keys.h"

#define FORM_COOKIE_BYTES 16
#define LOOP_SECONDS 60
#define LOOP_ROUNDS 3

const char *flow_login_host(const struct router *r)
{
    return r->config->public_parsed.host;
}

bool flow_session(struct exchange *x, const char *host, struct session_view *ret)
{
    struct slice token = http_cookie_get(&x->cookies, COOKIE_SESSION);
    struct err e = ERR_INIT;

    if (!token.p)
        return false;
    switch (session_check(x->router->sessions, x->router->keys, token, host, x->now, ret)) {
    case SESSION_OK: return true;
    case SESSION_UNKNOWN:
        return session_load(x->router->sessions, x->router->keys, x->router->store, token, host, x->now, ret, &e) == 0;
    case SESSION_REFUSED: break;
    }
    return false;
}

/* --- forms ---------------------------------------------------------------------------------------------------------
 */

static const char *form_token(struct exchange *x, struct slice cookie)
{
    unsigned char tag[KEYRING_TAG_BYTES];
    struct buf text;
    const char *copy;

    keyring_tag(x->router->keys, "form", cookie, tag);
    buf_init(&text, 64);
    base64url_encode(&text, tag, sizeof tag);
    copy = arena_strdup(&x->arena, buf_cstr(&text));
    buf_free(&text);
    return copy ? copy : "";
}

static bool is_form_cookie(const struct http_cookie *c)
{
    return slice_starts(c->name, SLICE(COOKIE_FORM)) && c->value.n >= FORM_COOKIE_BYTES;
}

const char *flow_form_token(struct exchange *x)
{
    unsigned char random[FORM_COOKIE_BYTES], name_random[4];
    char name[sizeof COOKIE_FORM + 2 * sizeof name_random] = COOKIE_FORM;
    struct slice cookie;
    struct buf text;

    for (size_t i = 0; i < x->cookies.n; i++) {
        if (is_form_cookie(&x->cookies.v[i]))
            return form_token(x, x->cookies.v[i].value);
    }
    buf_init(&text, 64);
    secret_random(random, sizeof random);
    base64url_encode(&text, random, sizeof random);
    cookie = arena_slice(&x->arena, buf_slice(&text));
    buf_free(&text);
    if (!cookie.p)
        return "";
    secret_random(name_random, sizeof name_random);
    hex_encode(name + sizeof COOKIE_FORM - 1, name_random, sizeof name_random);
    reply_cookie(x, name, cookie.p, HTTP_SAME_SITE_LAX, HTTP_COOKIE_SESSION);
    return form_token(x, cookie);
}

static bool holds_form_cookie(const struct exchange *x)
{
    for (size_t i = 0; i < x->cookies.n; i++) {
        if (is_form_cookie(&x->cookies.v[i]))
            return true;
    }
    return false;
}

static bool form_token_fits(struct exchange *x, struct slice token)
{
    struct err e = ERR_INIT;
    struct buf tag;
    bool whole, ok = false;

    buf_init(&tag, 64);
    whole = token.p && base64url_decode(token, &tag, &e) == 0 && tag.len == KEYRING_TAG_BYTES;
    for (size_t i = 0; whole && !ok && i < x->cookies.n; i++) {
        const struct http_cookie *c = &x->cookies.v[i];

        ok = is_form_cookie(c) && keyring_tag_ok(x->router->keys, "form", c->value, (const unsigned char *)tag.data);
    }
    buf_free(&tag);
    return ok;
}

int flow_form(struct exchange *x, struct form *ret)
{
    struct slice type = x->content_type;
    ptrdiff_t semicolon = slice_find(type, ';');

    if (semicolon >= 0)
        type.n = (size_t)semicolon;
    if (!slice_is_nocase(slice_trim(type), "application/x-www-form-urlencoded"))
        return err_set(&x->err, ERR_HTTP_BODY, "a form is expected");
    if (form_parse(x->body, &x->arena, ret, &x->err) != 0)
        return -1;
    if (x->origin.p && !slice_is(x->origin, x->router->config->public_url)) {
        char found[256];

        str_escape(found, sizeof found, x->origin.p, x->origin.n);
        return err_mismatch(&x->err, ERR_CSRF, found, x->router->config->public_url, "form from another origin");
    }
    if (x->fetch_site.p && !slice_is(x->fetch_site, "same-origin"))
        return err_set(&x->err, ERR_CSRF, "form from another site (Sec-Fetch-Site)");
    if (!holds_form_cookie(x))
        return err_set(&x->err, ERR_NO_COOKIE,
                       "the browser sent no form cookie back: cookies are blocked, or the page was never opened here");
    if (!form_token_fits(x, form_get(ret, "csrf")))
        return err_set(&x->err, ERR_CSRF, "form token does not belong to this browser");
    return 0;
}

int flow_saml_form(struct exchange *x, struct form *ret)
{
    struct slice type = x->content_type;
    ptrdiff_t semicolon = slice_find(type, ';');

    if (semicolon >= 0)
        type.n = (size_t)semicolon;
    if (!slice_is_nocase(slice_trim(type), "application/x-www-form-urlencoded"))
        return err_set(&x->err, ERR_HTTP_BODY, "the HTTP-POST binding sends a form");
    return form_parse(x->body, &x->arena, ret, &x->err);
}

int flow_saml_message(struct exchange *x, struct slice text, size_t max, struct slice *ret_xml)
{
    struct buf xml;
    int r;

    /* white space in it is a line break every 60 characters at most */
    if (text.n > max / 3 * 4 + max / 16 + 1024)
        return err_set(&x->err, ERR_XML_SIZE, "%zu octets of base64, for a message of at most %zu", text.n, max);
    buf_init(&xml, text.n + 3); /* what base64_decode() asks for, and more than it can write */
    r = base64_decode(text, &xml, &x->err);
    if (r == 0 && xml.len > max)
        r = err_set(&x->err, ERR_XML_SIZE, "the message has %zu octets, more than %zu", xml.len, max);
    if (r == 0) {
        *ret_xml = arena_slice(&x->arena, buf_slice(&xml));
        r = ret_xml->p ? 0 : err_set(&x->err, ERR_MEMORY, "message");
    }
    buf_free(&xml);
    return r;
}

const char *flow_seal_target(struct exchange *x, const struct target *t)
{
    struct buf text;
    const char *copy;

    buf_init(&text, 2 * TARGET_PLAIN_MAX);
    (void)target_seal(x->router->keys, t, &text, &x->err);
    copy = arena_strdup(&x->arena, buf_cstr(&text));
    buf_free(&text);
    return copy ? copy : "";
}

/* --- onward ----------------------------------------------------------------------------------------------------------
 */

/*
 * Three rounds to the same page within a minute mean that the application's cookie never arrives. Kept in a sealed
 * cookie, so that it costs the server nothing; several tabs to different pages are no loop.
 */
static int count_round(struct exchange *x, const struct target *t)
{
    struct slice value = http_cookie_get(&x->cookies, COOKIE_LOOP), lines;
    struct buf plain, sealed;
    struct err e = ERR_INIT;
    int64_t first = x->now, rounds = 0;
    int r = 0;

    buf_init(&plain, TARGET_PLAIN_MAX);
    buf_init(&sealed, 2 * TARGET_PLAIN_MAX);
    if (value.p && keyring_open(x->router->keys, COOKIE_LOOP, value, &plain, &e) == 0) {
        int64_t seen_first, seen_rounds;
        struct slice app;

        lines = buf_slice(&plain);
        seen_first = target_line_number(&lines);
        seen_rounds = target_line_number(&lines);
        if (slice_split(&lines, '\n', &app) && slice_is(app, t->app) && slice_is(lines, t->path) &&
            x->now - seen_first < LOOP_SECONDS) {
            first = seen_first;
            rounds = seen_rounds;
        }
    }
    if (++rounds > LOOP_ROUNDS) {
        r = err_set(
            &x->err, ERR_LOOP,
            "round %lld to %s within %d s: %s is signed in, but the application's cookie '%s' does not come back",
            (long long)rounds, t->app, LOOP_SECONDS, x->account ? x->account : "the person", COOKIE_SESSION);
        reply_cookie_delete(x, COOKIE_LOOP, HTTP_SAME_SITE_LAX);
    } else {
        buf_reset(&plain);
        buf_printf(&plain, "%lld\n%lld\n%s\n%s", (long long)first, (long long)rounds, t->app, t->path);
        if (!buf_failed(&plain) && keyring_seal(x->router->keys, COOKIE_LOOP, buf_slice(&plain), &sealed, &e) == 0)
            reply_cookie(x, COOKIE_LOOP, buf_cstr(&sealed), HTTP_SAME_SITE_LAX, LOOP_SECONDS);
    }
    buf_free(&plain);
    buf_free(&sealed);
    return r;
}

/* https://APP/.usher/land?t=...&n=...&rd=PATH; n finds the nonce's cookie */
static const char *landing_url(struct exchange *x, const struct session_view *who, const struct target *t)
{
    struct buf url;
    const char *copy = NULL;

    buf_init(&url, 8192);
    buf_printf(&url, "%s://%s/.usher/land?t=", x->router->config->public_parsed.https ? "https" : "http", t->app);
    if (landing_issue(x->router->keys, who->id, t->app, slice_of(t->challenge), x->now, &url, &x->err) == 0) {
        buf_printf(&url, "&n=%.*s&rd=", NONCE_HANDLE_CHARS, t->challenge);
        percent_encode(&url, slice_of(t->path));
        if (!buf_failed(&url))
            copy = arena_strdup(&x->arena, buf_cstr(&url));
    }
    buf_free(&url);
    return copy;
}

const struct config_app *flow_app_of(const struct exchange *x, const struct target *t)
{
    const struct config *c = x->router->config;

    for (size_t i = 0; i < c->napps; i++) {
        if (strcmp(c->apps[i].host, t->app) == 0)
            return &c->apps[i];
    }
    return NULL;
}

void flow_foresee(struct exchange *x, const struct target *t, enum policy_door door, struct slice groups)
{
    const struct config_app *app = flow_app_of(x, t);
    struct err e = ERR_INIT;

    x->unnamed = t->app[0] != '\0' && (!app || policy_authorize_app(&app->allow, door, groups, &e) != 0);
}

void flow_onward(struct exchange *x, const struct session_view *who, const struct target *t)
{
    const struct config *c = x->router->config;
    const struct config_app *app = flow_app_of(x, t);
    const char *url;

    if (t->app[0] == '\0') {
        reply_redirect(x, arena_printf(&x->arena, "%s/", c->public_url));
        return;
    }
    x->account = x->account ? x->account : arena_strdup(&x->arena, who->email);
    if (!app) {
        (void)err_set(&x->err, ERR_RETURN_URL, "application '%s' is not configured any more", t->app);
    } else if (policy_authorize_app(&app->allow, policy_door_by_name(who->door), slice_make(who->groups, who->groups_n),
                                    &x->err) == 0 &&
               count_round(x, t) == 0 && (url = landing_url(x, who, t)) != NULL) {
        reply_redirect(x, url);
        return;
    }
    flow_refuse(x, "app.refused");
}

void flow_refuse(struct exchange *x, const char *event)
{
    if (x->err.code == ERR_NONE)
        (void)err_set(&x->err, ERR_INTERNAL, "refused without a reason");
    x->event = event;
    reply_refusal(x);
}

void flow_policy_request(struct exchange *x, const struct email *who, struct policy_request *ret)
{
    *ret = (struct policy_request){.email = who, .client = x->client, .now = x->now};
}

void flow_keep_trace(struct exchange *x, const struct policy_decision *d)
{
    struct buf text;

    buf_init(&text, 16384);
    policy_trace_print(d, &text);
    x->detail = arena_strdup(&x->arena, buf_cstr(&text));
    buf_free(&text);
}

/* --- signing in ------------------------------------------------------------------------------------------------------
 */

int64_t flow_held_session(struct exchange *x)
{
    struct slice sealed = http_cookie_get(&x->cookies, COOKIE_HELD);
    struct err e = ERR_INIT;
    struct buf plain;
    uint64_t id = 0;

    buf_init(&plain, 64);
    if (!sealed.p || keyring_open(x->router->keys, COOKIE_HELD, sealed, &plain, &e) != 0 ||
        !str_to_u64(buf_slice(&plain), INT64_MAX, &id))
        id = 0;
    buf_free(&plain);
    return (int64_t)id;
}

static void remember_held(struct exchange *x, int64_t session_id)
{
    struct err e = ERR_INIT;
    struct buf plain, sealed;

    buf_init(&plain, 64);
    buf_init(&sealed, 256);
    buf_printf(&plain, "%lld", (long long)session_id);
    if (keyring_seal(x->router->keys, COOKIE_HELD, buf_slice(&plain), &sealed, &e) == 0)
        reply_cookie(x, COOKIE_HELD, buf_cstr(&sealed), HTTP_SAME_SITE_NONE, HTTP_COOKIE_SESSION);
    buf_free(&plain);
    buf_free(&sealed);
}

int flow_open_session(struct exchange *x, struct store_login *in, struct session_row *row, struct session_view *ret)
{
    const struct config *c = x->router->config;
    struct store_login_result result = {0};
    char token[SESSION_TOKEN_SIZE];

    row->created = x->now;
    row->idle_sec = c->session_idle;
    if (row->absolute_end == 0 || row->absolute_end > x->now + c->session_max)
        row->absolute_end = x->now + c->session_max;
    /* a browser that held a session gets a new one and loses the old: nothing to fixate, and signing out ends all */
    in->replaces = flow_session(x, flow_login_host(x->router), ret) ? ret->id : flow_held_session(x);
    in->session = row;
    if (session_login(x->router->sessions, x->router->keys, x->router->store, in, flow_login_host(x->router), token,
                      &result, &x->err) != 0)
        return -1;
    reply_cookie(x, COOKIE_SESSION, token, HTTP_SAME_SITE_LAX, HTTP_COOKIE_SESSION);
    if (session_check(x->router->sessions, x->router->keys, slice_of(token), flow_login_host(x->router), x->now, ret) !=
        SESSION_OK)
        (void)err_set(&x->err, ERR_INTERNAL, "a session just opened is not there");
    else
        remember_held(x, ret->id);
    secret_wipe(token, sizeof token);
    x->event_stored = true;
    return x->err.code == ERR_NONE ? 0 : -1;
}

/* Drops the oldest pending logins of this browser until there is room for one more. */
static void make_room(struct exchange *x)
{
    struct {
        const char *name;
        int64_t started;
    } open[HTTP_COOKIES_MAX];
    size_t n = 0;

    for (size_t i = 0; i < x->cookies.n; i++) {
        const struct http_cookie *c = &x->cookies.v[i];
        struct pending p;
        struct err e = ERR_INIT;
        const char *name;

        if (!slice_starts(c->name, SLICE(PENDING_PREFIX)) || !(name = arena_strndup(&x->arena, c->name.p, c->name.n)))
            continue;
        open[n].name = name;
        open[n].started = pending_open(x->router->keys, name, c->value, x->now, &x->arena, &p, &e) == 0 ? p.started : 0;
        n++;
    }
    while (n >= PENDING_MAX) {
        size_t oldest = 0;

        for (size_t i = 1; i < n; i++)
            oldest = open[i].started < open[oldest].started ? i : oldest;
        if (x->nheaders < REPLY_HEADERS_MAX / 2) /* what does not fit here goes at the next login, or by age */
            reply_cookie_delete(x, open[oldest].name, HTTP_SAME_SITE_NONE);
        open[oldest] = open[--n];
    }
}

/* The home realm that Entra is told; NULL for none. */
static const char *whr_of(const struct config_idp *idp, const struct email *who)
{
    return idp->whr && strcmp(idp->whr, "address") == 0 ? who->domain : idp->whr;
}

void flow_start_sso(struct exchange *x, const struct config_idp *idp, const struct email *who, const struct target *t)
{
    const struct config *c = x->router->config;
    struct pending p = {.idp = idp->name, .to = *t, .email = who->text, .started = x->now};
    char name[PENDING_COOKIE_SIZE], handle[17];
    unsigned char random[8];
    struct trusts *trusts = idp_keys_current(x->router->idp_keys); /* its sign-on URL is in the metadata of now */
    struct saml_request request;
    struct buf value, url;

    saml_request_id(p.request_id);
    secret_random(random, sizeof random);
    hex_encode(handle, random, sizeof random); /* RelayState: opaque, and never looked at when it comes back */
    request = (struct saml_request){.sso_url = trusts_get(trusts, (size_t)(idp - c->idps))->sso_redirect,
                                    .entity_id = idp->entity_id,
                                    .acs_url = c->acs_url,
                                    .id = p.request_id,
                                    .relay_state = handle,
                                    .login_hint = who->text,
                                    .whr = whr_of(idp, who),
                                    .sign = idp->sign_requests && c->sp_keys.n ? &c->sp_keys.v[0] : NULL,
                                    .now = x->now};
    pending_cookie_name(slice_of(p.request_id), name);
    buf_init(&value, 4000);
    buf_init(&url, 16384);
    if (!request.sso_url) {
        (void)err_set(&x->err, ERR_METADATA, "idps.%s: its metadata could not be fetched yet", idp->name);
        flow_refuse(x, "login.refused");
    } else if (pending_seal(x->router->keys, &p, &value, &x->err) == 0 &&
               saml_request_redirect(&request, &url, &x->err) == 0) {
        make_room(x);
        reply_cookie(x, name, buf_cstr(&value), HTTP_SAME_SITE_NONE, PENDING_SECONDS);
        reply_redirect(x, buf_cstr(&url));
    } else {
        flow_refuse(x, "login.refused");
    }
    buf_free(&value);
    buf_free(&url);
    trusts_unref(trusts);
}
