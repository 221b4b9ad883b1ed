/* h_login.c - the login host's pages: the e-mail box, the password door, home, sign-out. */
#include "router/handlers.h"

#include "accounts/password.h"
#include "base/encode.h"
#include "router/grants.h"
#include "router/pages.h"

#define DEVICE_SECONDS (180 * 24 * 60 * 60)

static void fill_form(struct exchange *x, const struct target *t, const char *email, struct page_form *ret)
{
    const struct config_app *app = flow_app_of(x, t);

    *ret = (struct page_form){.csrf = flow_form_token(x),
                              .to = flow_seal_target(x, t),
                              .email = email,
                              .app = app ? app->name : NULL,
                              .request_id = x->request_id};
}

void handle_home(struct exchange *x)
{
    struct session_view who;

    if (!flow_session(x, flow_login_host(x->router), &who)) {
        reply_redirect(x, arena_printf(&x->arena, "%s/login", x->router->config->public_url));
        return;
    }
    page_home(&x->reply_body, who.name, who.email, flow_form_token(x));
    reply_page(x, 200);
}

void handle_login_page(struct exchange *x)
{
    struct form query;
    struct target t = TARGET_NONE;
    struct session_view who;
    struct page_form page;

    if (form_parse(x->query, &x->arena, &query, &x->err) != 0) {
        flow_refuse(x, "login.refused");
        return;
    }
    /* a target that went stale is dropped: signing in still makes sense */
    if (target_open(x->router->keys, form_get(&query, "to"), x->now, &x->arena, &t, &x->err) != 0) {
        err_clear(&x->err);
        t = TARGET_NONE;
    }
    if (flow_session(x, flow_login_host(x->router), &who)) {
        flow_onward(x, &who, &t);
        return;
    }
    fill_form(x, &t, "", &page);
    page_login(&x->reply_body, &page);
    reply_page(x, 200);
}

/* What every POST of the login pages brings. 0, or -1 with the reply made. */
struct login_input {
    struct form form;
    struct target to;
    struct email who;
};

static int read_input(struct exchange *x, struct login_input *in)
{
    struct page_form page;

    if (flow_form(x, &in->form) != 0) {
        flow_refuse(x, "login.refused");
        return -1;
    }
    if (target_open(x->router->keys, form_get(&in->form, "to"), x->now, &x->arena, &in->to, &x->err) != 0) {
        err_clear(&x->err);
        in->to = TARGET_NONE;
    }
    if (email_parse(slice_trim(form_get(&in->form, "email")), &in->who, &x->err) != 0) {
        struct slice typed = form_get(&in->form, "email");

        x->err.found[0] = '\0'; /* people type passwords into the wrong box: not into the log */
        fill_form(x, &in->to, typed.p ? typed.p : "", &page);
        page.error = err_user_text(x->err.code);
        x->event = "login.refused";
        page_login(&x->reply_body, &page);
        reply_page(x, err_http_status(x->err.code));
        return -1;
    }
    x->account = in->who.text;
    return 0;
}

/* The typed address only routes: a hint, nothing more. */
static void route(struct exchange *x, const struct login_input *in, struct policy_decision *ret)
{
    struct policy_request request;

    flow_policy_request(x, &in->who, &request);
    (void)grants_cache_route(x->router->grants, x->router->config->policy, &request, &x->arena, ret, &x->err);
    flow_keep_trace(x, ret);
}

static void start_sso(struct exchange *x, const struct login_input *in, const char *idp_name)
{
    const struct config_idp *idp = idp_name ? config_idp(x->router->config, idp_name) : NULL;

    if (!idp) {
        (void)err_set(&x->err, ERR_INTERNAL, "the policy chose no identity provider");
        flow_refuse(x, "login.refused");
        return;
    }
    x->idp = idp->name;
    flow_start_sso(x, idp, &in->who, &in->to);
}

void handle_login(struct exchange *x)
{
    struct login_input in = {.to = TARGET_NONE};
    struct policy_decision decision = {0};
    struct page_form page;

    if (read_input(x, &in) != 0)
        return;
    route(x, &in, &decision);
    switch (decision.door) {
    case DOOR_SSO: start_sso(x, &in, decision.idp); return;
    case DOOR_PASSWORD:
        fill_form(x, &in.to, in.who.text, &page);
        page_password(&x->reply_body, &page);
        reply_page(x, 200);
        return;
    case DOOR_CHOOSE:
        fill_form(x, &in.to, in.who.text, &page);
        page_choose(&x->reply_body, &page);
        reply_page(x, 200);
        return;
    case DOOR_DENY: break;
    }
    flow_refuse(x, "login.refused");
}

void handle_login_sso(struct exchange *x)
{
    struct login_input in = {.to = TARGET_NONE};
    struct policy_decision decision = {0};

    if (read_input(x, &in) != 0)
        return;
    route(x, &in, &decision);
    if (decision.door == DOOR_SSO || decision.door == DOOR_CHOOSE) {
        start_sso(x, &in, decision.idp);
        return;
    }
    if (x->err.code == ERR_NONE)
        (void)err_set(&x->err, ERR_DENIED_DOOR, "company sign-in is not open for this address");
    flow_refuse(x, "login.refused");
}

/* --- the password door ----------------------------------------------------------------------------------------------
 */

/* Names the password that an account has, without telling it: a device is known until it changes. */
static void password_name(struct exchange *x, const char *hash, char dst[2 * KEYRING_TAG_BYTES + 1])
{
    unsigned char tag[KEYRING_TAG_BYTES];

    keyring_tag(x->router->keys, "device-password", slice_of(hash), tag);
    hex_encode(dst, tag, sizeof tag);
}

static bool password_is_still(struct exchange *x, const struct email *who, struct slice name)
{
    struct account *account = arena_alloc(&x->arena, sizeof *account);
    char now[2 * KEYRING_TAG_BYTES + 1];
    struct err e = ERR_INIT;
    bool found = false;

    if (!account || store_account_by_email(x->router->store, who->key, account, &found, &e) != 0 || !found)
        return false;
    password_name(x, account->password_hash, now);
    return slice_is(name, now);
}

/* The device's id if its cookie was made for this account and the password it has now; empty otherwise. */
static struct slice known_device(struct exchange *x, const struct email *who)
{
    struct slice value = http_cookie_get(&x->cookies, COOKIE_DEVICE), lines, account, password;
    struct err e = ERR_INIT;
    struct slice id = {NULL, 0};
    struct buf plain;
    int64_t made;

    buf_init(&plain, 1024);
    if (value.p && keyring_open(x->router->keys, COOKIE_DEVICE, value, &plain, &e) == 0) {
        lines = buf_slice(&plain);
        made = target_line_number(&lines);
        if (made >= 0 && x->now - made < DEVICE_SECONDS && slice_split(&lines, '\n', &account) &&
            slice_is(account, who->key) && slice_split(&lines, '\n', &password) && password_is_still(x, who, password))
            id = arena_slice(&x->arena, lines);
    }
    buf_free(&plain);
    return id;
}

/* Remembers on this device that it signed in to this account: the throttle then tells it from strangers. */
static void remember_device(struct exchange *x, const struct email *who, const char *password_hash)
{
    unsigned char random[16];
    char id[2 * sizeof random + 1], password[2 * KEYRING_TAG_BYTES + 1];
    struct err e = ERR_INIT;
    struct buf plain, sealed;

    secret_random(random, sizeof random);
    hex_encode(id, random, sizeof random);
    buf_init(&plain, 1024);
    buf_init(&sealed, 2048);
    password_name(x, password_hash, password);
    buf_printf(&plain, "%lld\n%s\n%s\n%s", (long long)x->now, who->key, password, id);
    if (!buf_failed(&plain) && keyring_seal(x->router->keys, COOKIE_DEVICE, buf_slice(&plain), &sealed, &e) == 0)
        reply_cookie(x, COOKIE_DEVICE, buf_cstr(&sealed), HTTP_SAME_SITE_LAX, DEVICE_SECONDS);
    buf_free(&plain);
    buf_free(&sealed);
}

/* The same page, sentence and status whatever was wrong; only the log knows. */
static void password_again(struct exchange *x, const struct login_input *in)
{
    struct page_form page;

    fill_form(x, &in->to, in->who.text, &page);
    page.error = err_user_text(x->err.code);
    x->event = "login.refused";
    page_password(&x->reply_body, &page);
    reply_page(x, err_http_status(x->err.code));
}

/* account->password_hash is then the new one. */
static void rehash_if_needed(struct exchange *x, struct account *account, struct slice password)
{
    char hash[STORE_HASH_MAX + 1];
    struct err e = ERR_INIT;

    if (password_needs_rehash(account->password_hash) && password_hash(password, hash, &e) == 0 &&
        store_account_set_password(x->router->store, account->id, hash, false, x->now, NULL, &e) == 0)
        memcpy(account->password_hash, hash, sizeof hash);
    secret_wipe(hash, sizeof hash);
}

/* The door that was used is judged by the rules in force now. */
static int authorize_password(struct exchange *x, const struct login_input *in, struct policy_decision *ret)
{
    struct policy_request request;
    int r;

    flow_policy_request(x, &in->who, &request);
    request.door_used = DOOR_PASSWORD;
    r = grants_cache_authorize(x->router->grants, x->router->config->policy, &request, &x->arena, ret, &x->err);
    flow_keep_trace(x, ret);
    return r;
}

static void sign_in(struct exchange *x, const struct login_input *in, const struct account *account)
{
    struct session_row *row = arena_alloc(&x->arena, sizeof *row);
    struct event *event = arena_alloc(&x->arena, sizeof *event);
    struct store_login login = {.issuer = "",
                                .assertion_id = "",
                                .account = LOGIN_EXISTING,
                                .account_id = account->id,
                                .email_key = account->email_key,
                                .password_hash = account->password_hash,
                                .log = event};
    struct session_view who;

    if (!row || !event) {
        (void)err_set(&x->err, ERR_MEMORY, "session");
        flow_refuse(x, "login.refused");
        return;
    }
    memcpy(row->email, account->email, sizeof row->email);
    memcpy(row->name, account->name, sizeof row->name);
    (void)str_copy(row->door, sizeof row->door, SLICE("password"));
    x->event = "login.accepted";
    flow_foresee(x, &in->to, DOOR_PASSWORD, SLICE(""));
    exchange_event(x, event);
    if (flow_open_session(x, &login, row, &who) != 0) {
        flow_refuse(x, "login.refused");
        return;
    }
    remember_device(x, &in->who, account->password_hash);
    flow_onward(x, &who, &in->to);
}

/*
 * The password door in three steps, so that the hash threads do nothing but hash: what is refused without a hash never
 * gets there, and no event or session is written there. Throttled before, settled after, exactly once.
 */
struct password_login {
    struct login_input in;
    struct throttle_attempt attempt;
    struct account account;
    bool right;
};

static void finish_password(struct exchange *x)
{
    struct password_login *l = x->state;
    struct policy_decision decision = {0};
    struct err ignored = ERR_INIT;
    bool wrong = err_class_of(x->err.code) == ERR_CLASS_PERSON;

    throttle_settle(x->router->throttle, &l->attempt,
                    l->right ? THROTTLE_SUCCEEDED
                    : wrong  ? THROTTLE_FAILED
                             : THROTTLE_ABANDONED,
                    x->now);
    x->proven = l->right;
    if (wrong) {
        password_again(x, &l->in);
    } else if (x->err.code != ERR_NONE || authorize_password(x, &l->in, &decision) != 0) {
        flow_refuse(x, "login.refused");
    } else {
        if (decision.grant_id)
            (void)store_grant_touch(x->router->store, decision.grant_id, x->now, &ignored);
        sign_in(x, &l->in, &l->account);
    }
}

/* In the hash pool. */
static void check_password(struct exchange *x)
{
    struct password_login *l = x->state;
    struct slice password = form_get(&l->in.form, "password");

    if (x->err.code == ERR_NONE && password_check(x->router->store, &l->in.who, password, &l->account, &x->err) == 0) {
        l->right = true;
        rehash_if_needed(x, &l->account, password);
    }
    x->then = finish_password;
    x->where = THEN_STORE;
}

void handle_login_password(struct exchange *x)
{
    struct password_login *l = arena_alloc(&x->arena, sizeof *l);
    struct policy_decision decision = {0};
    int64_t retry = 0;

    if (!l) {
        (void)err_set(&x->err, ERR_MEMORY, "login");
        flow_refuse(x, "login.refused");
        return;
    }
    if (read_input(x, &l->in) != 0)
        return;
    route(x, &l->in, &decision);
    if (decision.door != DOOR_PASSWORD && decision.door != DOOR_CHOOSE) {
        if (x->err.code == ERR_NONE)
            (void)err_set(&x->err, ERR_DENIED_DOOR, "the password door is not open for this address");
        flow_refuse(x, "login.refused");
        return;
    }
    l->attempt =
        (struct throttle_attempt){.account = l->in.who.key, .client = x->client, .device = known_device(x, &l->in.who)};
    if (throttle_admit(x->router->throttle, &l->attempt, x->now, &retry, &x->err) != 0) {
        reply_header(x, "Retry-After", arena_printf(&x->arena, "%lld", (long long)retry));
        password_again(x, &l->in);
        return;
    }
    x->state = l;
    x->then = check_password;
    x->where = THEN_HASH;
}
