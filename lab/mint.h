/*
 * mint.h - makes SAML Responses as Microsoft Entra makes them: genuinely signed, with every field in the caller's hand.
 *
 * For tests and the test identity provider. The document is written as text and signed by xmlsec (exclusive c14n,
 * enveloped signature right after Issuer, X509Certificate in KeyInfo). Nothing is judged here: a Response that no
 * service provider should accept is as welcome as a good one. saml_init() and secret_init() must have been called.
 */
#ifndef USHER_LAB_MINT_H
#define USHER_LAB_MINT_H

#include "base/buf.h"
#include "base/err.h"

struct mint_encrypt; /* lab/encrypt.h */

#define MINT_XML_MAX (4 * 1024 * 1024) /* more than any service provider should take */

#define MINT_FORMAT_EMAIL "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
#define MINT_FORMAT_PERSISTENT "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"

/* What signs, and the certificate that KeyInfo shows. */
struct mint_key;
/* A key that only its owner may read, and its certificate. They need not belong together: that is one of the things to
 * test. ERR_KEY_FILE, ERR_TRUST. */
int mint_key_load(const char *key_file, const char *cert_file, struct mint_key **ret, struct err *e);
/* A new RSA-2048 key that shows the certificate of `victim`. ERR_INTERNAL. */
int mint_key_forge(const struct mint_key *victim, struct mint_key **ret, struct err *e);
void mint_key_free(struct mint_key *k);
/* The private key as an EVP_PKEY *, for saml/logout.h; the key's own. */
void *mint_key_pkey(const struct mint_key *k);
/* The certificate in base64 without line breaks, for KeyInfo and metadata. */
const char *mint_key_cert(const struct mint_key *k);

#define MINT_SIGN_NOTHING 0U
#define MINT_SIGN_ASSERTION 1U /* Entra's default */
#define MINT_SIGN_RESPONSE 2U
#define MINT_SIGN_BOTH (MINT_SIGN_ASSERTION | MINT_SIGN_RESPONSE)

struct mint_attribute {
    const char *name;
    const char *const *values;
    size_t nvalues;
};

/* Everything is borrowed. Strings are UTF-8; NULL leaves the attribute or element out unless said otherwise. */
struct mint_response {
    const char *response_id, *assertion_id;         /* NULL: a new random one */
    const char *issuer;                             /* of both elements */
    const char *destination;                        /* of the Response */
    const char *recipient;                          /* of the SubjectConfirmationData */
    const char *audience;                           /* NULL: no AudienceRestriction */
    const char *in_response_to;                     /* of both elements; NULL: unsolicited */
    const char *name_id, *name_id_format;           /* name_id NULL: an empty NameID */
    const char *session_index;                      /* NULL: the assertion's ID, as Entra does */
    const char *authn_context;                      /* NULL: Password */
    int64_t issued, not_before, not_on_or_after;    /* seconds UTC; window of Conditions */
    int64_t confirm_until;                          /* NotOnOrAfter of the bearer confirmation */
    int64_t authn_instant, session_not_on_or_after; /* 0 leaves SessionNotOnOrAfter out */
    const struct mint_attribute *attributes;
    size_t nattributes;
    unsigned sign;         /* MINT_SIGN_ bits */
    const char *algorithm; /* a name from mint_algorithms() */
    /* NULL: in clear. The NameID is encrypted before anything is signed, the Assertion between the two signatures. */
    const struct mint_encrypt *encrypt_id, *encrypt_assertion;
};

/* Entra's defaults at `now`: issued now, valid from 5 minutes before for an hour, assertion signed with rsa-sha256. */
void mint_response_init(struct mint_response *m, int64_t now);
/* Sets every end of validity to `seconds` after `issued`. */
void mint_response_valid_for(struct mint_response *m, int64_t seconds);
/* NULL-terminated: rsa-sha256, rsa-sha384, rsa-sha512, rsa-sha1, ecdsa-sha256, ecdsa-sha384, ecdsa-sha512. */
const char *const *mint_algorithms(void);

/*
 * Appends the signed document to `out`, without XML declaration. ERR_USAGE (unknown algorithm, or one that does not
 * fit the key or another one), ERR_LIMIT, ERR_INTERNAL (also: text that is not UTF-8).
 */
int mint_response(const struct mint_response *m, const struct mint_key *k, struct buf *out, struct err *e);

/* Appends a LogoutRequest for the POST binding, signed with rsa-sha256 if `k` is not NULL. ERR_USAGE, ERR_LIMIT,
 * ERR_INTERNAL. */
struct mint_logout {
    const char *id, *issuer, *destination, *name_id, *name_id_format;
    const char *session_index; /* NULL: none */
    int64_t issued;
};
int mint_logout(const struct mint_logout *m, const struct mint_key *k, struct buf *out, struct err *e);

#endif
