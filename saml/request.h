/*
 * request.h - AuthnRequest by HTTP-Redirect (SAML bindings 3.4).
 *
 * What Entra accepts: no Subject (AADSTS900236), no RequestedAuthnContext (AADSTS75011), no NameIDPolicy
 * (AADSTS75016); ID is an NCName (AADSTS7500529). The address goes as login_hint, and the home realm as whr, after the
 * SAML parameters. RelayState is an opaque handle of at most 80 bytes.
 */
#ifndef USHER_SAML_REQUEST_H
#define USHER_SAML_REQUEST_H

#include "base/buf.h"
#include "base/err.h"
#include "saml/decrypt.h"

#define SAML_REQUEST_ID_SIZE 36 /* "id" + 32 hex digits + NUL, rounded */

struct saml_request {
    const char *sso_url;   /* of the identity provider; may already hold a query */
    const char *entity_id; /* ours */
    const char *acs_url;
    const char *id;                 /* from saml_request_id() */
    const char *relay_state;        /* NULL: none */
    const char *login_hint;         /* NULL: none */
    const char *whr;                /* Entra's home realm, a domain; NULL: none */
    const struct saml_sp_key *sign; /* NULL: unsigned */
    int64_t now;
};

/* A new random request ID: an NCName with 128 random bits. */
void saml_request_id(char dst[SAML_REQUEST_ID_SIZE]);
/* The AuthnRequest document. */
void saml_request_xml(const struct saml_request *r, struct buf *out);
/* The URL to redirect to: SAMLRequest, RelayState, with a key SigAlg and Signature, then login_hint and whr. `out` is
 * empty. ERR_LIMIT (RelayState, or the whole), ERR_METADATA (no sign-on URL is known), ERR_INTERNAL (signing). */
int saml_request_redirect(const struct saml_request *r, struct buf *out, struct err *e);

/*
 * bindings 3.4.4.1: appends SigAlg and Signature to `out`, whose octets from `from` on are then
 * "SAMLRequest=...&RelayState=..." (or SAMLResponse), percent-encoded as they are sent: exactly those and SigAlg are
 * signed, with RSA-SHA256. ERR_INTERNAL, ERR_LIMIT.
 */
int saml_redirect_sign(const struct saml_sp_key *key, size_t from, struct buf *out, struct err *e);

/*
 * The other side, for the test identity provider and tests: reads an AuthnRequest from the SAMLRequest parameter
 * (base64 of raw deflate) with the strict reader's limits. Everything points into `a`; p == NULL: absent (acs_url,
 * destination). ERR_ENCODING, ERR_LIMIT, ERR_READ.
 */
struct saml_request_in {
    struct slice id, issuer, acs_url, destination;
    int64_t issue_instant;
};
struct arena;
int saml_request_read(struct slice saml_request, struct arena *a, struct saml_request_in *ret, struct err *e);

#endif
