/*
 * logout.h - single logout messages (SAML core 3.7, profiles 4.4, bindings 3.4 and 3.5).
 *
 * POST binding: the worker verifies the XML signature and returns signed bytes (verify.h, SAML_MESSAGE_LOGOUT); they
 * are rechecked and read here by the strict reader. Redirect binding: the signature is over the raw octets of the query
 * string (SAMLRequest|SAMLResponse, RelayState, SigAlg, in this order), so the router verifies it with OpenSSL and the
 * pinned key, inflates exactly those octets, and reads them with the same strict reader; no libxml2 is involved. What
 * is not signed may only end the session of the browser that brings it.
 */
#ifndef USHER_SAML_LOGOUT_H
#define USHER_SAML_LOGOUT_H

#include "base/buf.h"
#include "saml/recheck.h"
#include "saml/request.h"

#define SAML_LOGOUT_MAX (64 * 1024) /* octets of a logout message, inflated */
#define SAML_SESSION_INDEXES_MAX 32
#define SAML_LOGOUT_AGE_MAX 300 /* seconds from IssueInstant, besides skew */

#define SAML_STATUS_PREFIX "urn:oasis:names:tc:SAML:2.0:status:"

struct saml_logout {
    bool is_response;
    struct slice id, issuer, destination, in_response_to;                    /* p == NULL: absent */
    int64_t issue_instant, not_on_or_after;                                  /* 0: absent */
    struct slice name_id, name_id_format, name_qualifier, sp_name_qualifier; /* request */
    struct slice session_index[SAML_SESSION_INDEXES_MAX]; /* request; none: all sessions of the NameID */
    size_t nsession_index;
    struct slice status_code, sub_status; /* response; of the first StatusCode and of the one in it */
    struct slice relay_state;             /* redirect binding */
    bool is_signed;
    struct saml_signer signer; /* if signed */
};

struct saml_logout_expect {
    struct slice issuer; /* of the identity provider */
    struct slice
        also_issuer; /* a second accepted one: Entra's logout issuer differs from its login issuer; n == 0 none */
    struct slice destination;    /* our logout URL; must equal if present, and must be present if signed */
    struct slice in_response_to; /* response: the ID of our request */
    int64_t now, skew;
};

/*
 * A message of the redirect binding, from the raw query string. Chooses nothing: `trust` is that of the identity
 * provider that the (unsigned) issuer names; saml_logout_peek() reads it. A parameter twice, a Signature without
 * SigAlg, another order than the signed one: refused. A Signature that is there must hold; so must it not be that of
 * XML, which has no place in this binding. `keys`: an EncryptedID is decrypted if the message is signed. ERR_FORM,
 * ERR_ENCODING, ERR_LIMIT, ERR_ALGORITHM, ERR_KEY_WEAK, ERR_SIGNATURE, ERR_SIGNATURE_MISSING (an EncryptedID in what is
 * not signed), ERR_LOGOUT (not a logout message as it should be), ERR_DECRYPT, ERR_DECRYPT_KEY.
 */
int saml_logout_redirect(struct slice query, const struct saml_trust *trust, unsigned allow,
                         const struct saml_sp_keys *keys, struct arena *a, struct saml_logout *ret, struct err *e);
/* The Issuer that stands in it, unsigned. It chooses whose keys to try, and nothing else. */
int saml_logout_peek(struct slice query, struct arena *a, struct slice *ret_issuer, struct err *e);
/* The same of XML that came by POST. An Issuer of Entra's for logout is no entity ID, so the worker cannot choose. */
int saml_logout_peek_xml(struct slice xml, struct arena *a, struct slice *ret_issuer, struct err *e);
/* From what the worker returned for the POST binding; rechecks if signed. Also ERR_RECHECK. */
int saml_logout_signed(const struct saml_signed *s, const struct saml_trust *trust, unsigned allow,
                       const struct saml_sp_keys *keys, struct arena *a, struct saml_logout *ret, struct err *e);
/*
 * Issuer, Destination, times (IssueInstant not older than SAML_LOGOUT_AGE_MAX and skew), InResponseTo. ERR_ISSUER,
 * ERR_DESTINATION, ERR_EXPIRED, ERR_NOT_YET_VALID, ERR_IN_RESPONSE_TO.
 */
int saml_logout_check(const struct saml_logout *l, const struct saml_logout_expect *x, struct err *e);

struct saml_logout_out {
    const char *id, *issuer, *destination;
    int64_t issue_instant;
    /* request */
    const char *name_id, *name_id_format, *name_qualifier, *sp_name_qualifier, *session_index; /* NULL: left out */
    /* response */
    const char *in_response_to;     /* NULL: this is a request */
    const char *status;             /* what follows SAML_STATUS_PREFIX: "Success", "Requester", "Responder" */
    const char *substatus;          /* "PartialLogout", ...; NULL: none */
    const char *relay_state;        /* NULL: none */
    const struct saml_sp_key *sign; /* NULL: unsigned */
};
/* The message for the HTTP-POST binding, in base64 as the form field has it; signed with RSA-SHA256 if a key is given.
 */
int saml_logout_write_post(const struct saml_logout_out *o, struct buf *ret_base64, struct err *e);
/* The whole URL of the redirect binding (destination + query), signed with RSA-SHA256 if a key is given. */
int saml_logout_write_redirect(const struct saml_logout_out *o, struct buf *ret_url, struct err *e);

#endif
