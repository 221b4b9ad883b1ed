/*
 * idp.h - a small SAML identity provider for tests and demonstrations, on router/http.
 *
 *   GET  /metadata    its metadata: entity ID, signing certificate, sign-on URL (HTTP-Redirect)
 *   GET  /sso         takes SAMLRequest, RelayState, login_hint; shows the people to choose from
 *   POST /sso/login   the choice; answers with a page that posts the signed Response to the AssertionConsumerServiceURL
 *   GET  /slo         takes SAMLRequest (a LogoutRequest) and answers by redirect; or SAMLResponse, and shows what it
 * says GET  /logout      shows the people and starts a logout; with `person`: sends the LogoutRequest, by `binding`
 * redirect or post, signed unless `unsigned` is there; `index`: a SessionIndex in it
 *
 * There is no password and no session: whoever reaches it can be anybody. It posts Responses only to URLs it was given
 * (`acs_allowed`), or, if told so, to any that a request names: an identity provider that does the latter is an open
 * signing oracle, which is what a laboratory may want. One thread, no state between requests.
 */
#ifndef USHER_LAB_IDP_H
#define USHER_LAB_IDP_H

#include "lab/mint.h"
#include "lab/people.h"
#include "router/http/server.h"

struct idp {
    const char *public_url; /* origin where browsers see it, without a slash at the end */
    const char *entity_id;
    const struct mint_key *key;
    const struct people *people;
    const char *const *acs_allowed;
    size_t n_acs_allowed;
    bool acs_any;
    bool sign_in_at_once;   /* a login_hint that names somebody skips the page */
    const char *slo_url;    /* of the service provider; NULL: no single logout here */
    const char *slo_answer; /* what LogoutRequests get: a name of idp_slo_answers[] */
    bool slo_unsigned;      /* answers are not signed, as Entra's */
};

/* For struct http_server_options.handle, `arg` being a const struct idp *. */
void idp_handle(struct http_request *req, void *arg);
/* NULL-terminated: success, partial, refused. */
extern const char *const idp_slo_answers[];
/* The metadata document. */
void idp_metadata(const struct idp *idp, struct buf *out);

#endif
