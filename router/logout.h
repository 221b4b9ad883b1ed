/*
 * logout.h - what the button (h_logout.c) and /saml/slo (h_slo.c) have in common.
 */
#ifndef USHER_ROUTER_LOGOUT_H
#define USHER_ROUTER_LOGOUT_H

#include "router/handlers.h"
#include "router/pages.h"
#include "saml/logout.h"

#define LOGOUT_SECONDS (10 * 60) /* from the LogoutRequest to the answer */

/* The living session of this browser as the store has it, with all that its assertion said; NULL if there is none. */
struct session_row *logout_own_session(struct exchange *x);
/* Ends the session of this browser, if any, in the store and in its cookies; x->event and what else is known of it must
 * be set, and are stored with it. */
int logout_end_own(struct exchange *x, bool *ret_ended);

/* Keys and addresses of this identity provider as the exchange found them; held until it ends. */
const struct saml_trust *logout_trust(struct exchange *x, const struct config_idp *idp);

/* The LogoutRequest that this browser was sent away with, sealed in a cookie. False: none, or too long ago. */
struct logout_asked {
    const char *request_id, *idp;
};
bool logout_recall(struct exchange *x, struct logout_asked *ret);
void logout_forget(struct exchange *x);

/* Where messages of one kind go: an address of the redirect binding, or else one of the POST binding. */
struct logout_address {
    const char *url; /* NULL: there is none */
    bool by_post;
};
struct logout_address logout_request_address(const struct saml_trust *t);
struct logout_address logout_response_address(const struct saml_trust *t);
/*
 * Sends the browser there with the message, whose destination and key are set here. By POST that is a page with a
 * button, which says what is true (`so_far`) before it is pressed. -1: nothing was replied.
 */
int logout_send(struct exchange *x, struct saml_logout_out *o, struct logout_address to, enum signed_out so_far,
                struct err *e);

#endif
