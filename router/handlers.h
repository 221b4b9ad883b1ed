/*
 * handlers.h - every page and endpoint. A handler runs in a pool thread and turns an exchange into a reply
 * (exchange.h); routes.c says which path and method reach it, on which kind of host, in which pool.
 */
#ifndef USHER_ROUTER_HANDLERS_H
#define USHER_ROUTER_HANDLERS_H

#include "policy/policy.h"
#include "router/exchange.h"
#include "router/target.h"

/* Cookies. __Host-: Secure, Path=/, no Domain; enforced by the browser. */
#define COOKIE_SESSION "__Host-usher"
#define COOKIE_DEVICE "__Host-usher-d" /* sealed: this device signed in by password to this account */
#define COOKIE_LOOP "__Host-usher-l"   /* sealed: rounds to the same target */
/* Sealed: the number of the session this browser holds. SameSite=None, as the identity provider's answer comes without
 * COOKIE_SESSION and yet must end that session; it opens nothing and proves nothing. */
#define COOKIE_HELD "__Host-usher-s"
/*
 * Prefixes: two tabs that start at the same moment get two answers, and of two cookies of one name the browser keeps
 * the later only, which would strand the other tab. So each answer sets a name of its own, and only if there is none
 * yet.
 */
#define COOKIE_FORM "__Host-usher-c-" /* random; form tokens are made from it */
#define COOKIE_NONCE                                                                                        \
    "__Host-usher-n-"        /* on an application's host, and the challenge's beginning: accounts/landing.h \
                              */
#define NONCE_HANDLE_CHARS 8 /* so much of the challenge; it finds the cookie and proves nothing */

/* h_login.c: the login host */
void handle_home(struct exchange *x);
void handle_login_page(struct exchange *x);
void handle_login(struct exchange *x);
void handle_login_sso(struct exchange *x);
void handle_login_password(struct exchange *x);
/* h_logout.c */
void handle_logout_page(struct exchange *x);
void handle_logout(struct exchange *x);
/* h_slo.c */
void handle_slo_redirect(struct exchange *x);
void handle_slo_post(struct exchange *x);
/* h_saml.c */
void handle_acs(struct exchange *x);
void handle_sp_metadata(struct exchange *x);
/* h_app.c: an application's host */
void handle_start(struct exchange *x);
void handle_land(struct exchange *x);
/* either */
void handle_css(struct exchange *x);

/* --- shared by the handlers: flow.c ---------------------------------------------------------------------------------
 */

/* The host a token of the login host is bound to. */
const char *flow_login_host(const struct router *r);
/* The living session of this browser on `host`; false (and x->err untouched) if there is none. */
bool flow_session(struct exchange *x, const char *host, struct session_view *ret);
/* A form token for this browser; sets a COOKIE_FORM if it has none. "" if memory is out. */
const char *flow_form_token(struct exchange *x);
/*
 * Reads the body as a form and checks that it was sent from our page: Origin and Sec-Fetch-Site if present, and the
 * form token. ERR_HTTP_BODY, ERR_FORM, ERR_CSRF in x->err.
 */
int flow_form(struct exchange *x, struct form *ret);
/* The form of the HTTP-POST binding (bindings 3.5). It comes from another site: it has no form token and needs none.
 * ERR_HTTP_BODY, ERR_FORM. */
int flow_saml_form(struct exchange *x, struct form *ret);
/* A message in base64 as XML of at most `max` octets, in the exchange's arena. ERR_XML_SIZE before anything is decoded,
 * ERR_ENCODING. */
int flow_saml_message(struct exchange *x, struct slice text, size_t max, struct slice *ret_xml);
/* Seals `t` for a form or URL; "" for none. */
const char *flow_seal_target(struct exchange *x, const struct target *t);
/*
 * The person is signed in: to the application (through /.usher/land) or to the home page. Refuses with ERR_DENIED_APP,
 * ERR_LOOP.
 */
void flow_onward(struct exchange *x, const struct session_view *who, const struct target *t);
/* The application that the target names; NULL for the login host, or if it is not configured any more. */
const struct config_app *flow_app_of(const struct exchange *x, const struct target *t);
/* Will flow_onward() let a session of this door and these groups into the target? Sets x->unnamed accordingly. */
void flow_foresee(struct exchange *x, const struct target *t, enum policy_door door, struct slice groups);
/* The number of the session that this browser held last, also where COOKIE_SESSION does not come along; 0 if none. */
int64_t flow_held_session(struct exchange *x);
/* What policy is asked about `who`, before anything is known of groups. */
void flow_policy_request(struct exchange *x, const struct email *who, struct policy_request *ret);
/* Keeps how the decision came about for the event of this exchange; pages never show it. */
void flow_keep_trace(struct exchange *x, const struct policy_decision *d);
/* Opens a session in place of the one this browser held: commit, cookies, and *ret filled. 0, or -1 with x->err. */
int flow_open_session(struct exchange *x, struct store_login *in, struct session_row *row, struct session_view *ret);
/* A refusal with its event. */
void flow_refuse(struct exchange *x, const char *event);
/* Sends the browser to the identity provider. */
void flow_start_sso(struct exchange *x, const struct config_idp *idp, const struct email *who, const struct target *t);

#endif
