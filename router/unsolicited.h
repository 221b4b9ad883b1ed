/*
 * unsolicited.h - what becomes of an assertion that answers no request (IdP-initiated sign-on, Back in a browser).
 *
 * It opens nothing and is not spent, however genuine: whoever can make a browser post it could sign that browser in as
 * somebody else. It is taken as a hint that its person is at the identity provider, who is then asked as usual. Under a
 * session that this browser holds and that is of the same identity, it leads onward.
 */
#ifndef USHER_ROUTER_UNSOLICITED_H
#define USHER_ROUTER_UNSOLICITED_H

#include "router/handlers.h"
#include "saml/judge.h"

/*
 * Makes the reply to a verdict that passed all conditions as an unsolicited one: 303 to /login, or to the identity
 * provider with a new AuthnRequest; after three of these within a minute ERR_UNSOLICITED, as an identity provider that
 * never answers what it is asked would lead in circles.
 */
void unsolicited_restart(struct exchange *x, const struct config_idp *idp, const struct saml_verdict *v);

#endif
