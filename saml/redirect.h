/*
 * redirect.h - the HTTP-Redirect binding (SAML bindings 3.4): writing a message into a URL, and the parts of one.
 *
 * Private to saml/. What is signed is the query string itself: these parameters, in this order, in the very octets that
 * were sent. So the writer signs what it wrote, and the reader never encodes anything anew.
 */
#ifndef USHER_SAML_REDIRECT_H
#define USHER_SAML_REDIRECT_H

#include "base/arena.h"
#include "base/buf.h"
#include "saml/decrypt.h"

#define REDIRECT_RELAY_STATE_MAX 80 /* bindings 3.4.3: "MUST NOT exceed 80 bytes in length" */

#define REDIRECT_RSA_SHA256 "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"

/* Appends the RSA-SHA256 signature over `data` in base64. ERR_INTERNAL. */
int redirect_sign(const struct saml_sp_key *key, struct slice data, struct buf *out, struct err *e);
/*
 * Appends `destination` with `parameter` (SAMLRequest or SAMLResponse) = `xml`, RelayState unless NULL, and with a key
 * SigAlg and Signature (RSA-SHA256). ERR_LIMIT, ERR_INTERNAL.
 */
int redirect_write(const char *destination, const char *parameter, struct slice xml, const char *relay_state,
                   const struct saml_sp_key *sign, struct buf *out, struct err *e);

/* The parameters of SAML as they stand in the query, still encoded; p == NULL: absent. */
struct redirect_query {
    bool is_response;
    struct slice message;            /* value of SAMLRequest or SAMLResponse */
    struct slice octets;             /* what a Signature covers, in the arena; p == NULL: there is none */
    struct slice sig_alg, signature; /* decoded: URI, raw octets */
    struct slice relay_state;        /* decoded */
};
/*
 * Takes the query apart. ERR_FORM: a parameter twice, however it is written; both messages or none; Signature without
 * SigAlg or the reverse; another order than the signed one. ERR_ENCODING: another SAMLEncoding than DEFLATE, Signature
 * is not base64.
 */
int redirect_split(struct slice query, struct arena *a, struct redirect_query *ret, struct err *e);
/* The message: percent-decoded, base64, inflated to at most `max` octets. ERR_FORM, ERR_ENCODING, ERR_LIMIT. */
int redirect_message(const struct redirect_query *q, size_t max, struct arena *a, struct slice *ret_xml, struct err *e);

#endif
