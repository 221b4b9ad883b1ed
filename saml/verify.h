/*
 * verify.h - what the verification worker does: hostile XML in, signed bytes out.
 *
 * prescan -> parse (libxml2) -> walk to the one Assertion -> look at each Signature -> xmlsec verifies with a pinned
 * key -> hand out the canonical SignedInfo, the raw SignatureValue and the canonical signed element of every signature.
 * No private key, no file, no network, no clock. The caller believes none of it: see recheck.h. All of this runs in
 * usher-worker once that exists; nothing but struct saml_signed crosses.
 */
#ifndef USHER_SAML_VERIFY_H
#define USHER_SAML_VERIFY_H

#include "base/arena.h"
#include "saml/trust.h"

#define SAML_XML_MAX (1024 * 1024)

enum saml_element { SAML_NOTHING = 0, SAML_RESPONSE, SAML_ASSERTION };

struct saml_signature {
    enum saml_element what;       /* the element that carries and is covered by this signature */
    struct slice signed_info;     /* canonical ds:SignedInfo */
    struct slice signature_value; /* raw octets (XML form: r||s for ECDSA) */
    struct slice element;         /* canonical element without this Signature (enveloped transform applied) */
};

/* Unsigned text around the assertion. It can only lead to refusal, never to an identity. p == NULL: absent. */
struct saml_outer {
    struct slice issuer, destination, in_response_to, status_code, status_detail /* sub-code and message */;
};

struct saml_signed {
    struct saml_signature sig[2]; /* Response first if both are signed */
    size_t nsig;                  /* 1 or 2; every Signature present has verified */
    struct saml_outer outer;      /* of the Response element, signed or not */
};

/* Once per process, before any thread and before a sandbox; again does nothing. Sets libxml2's and xmlsec's loaders and
 * error handlers: neither opens or prints anything afterwards. */
int saml_init(struct err *e);
void saml_cleanup(void);

/*
 * Judges the signatures of a samlp:Response document. `ret` points into `a` (give it about 8 times the XML plus 64
 * KiB). Every signature that is present must verify by a key of `trust`, and one must be there. A status other than
 * Success is ERR_STATUS whether signed or not (there is no assertion to read). ERR_XML_*, ERR_RESPONSE_SHAPE,
 * ERR_STATUS, ERR_ENCRYPTED, ERR_SIGNATURE_MISSING, ERR_SIGNATURE_SHAPE, ERR_TRANSFORM, ERR_ALGORITHM, ERR_KEY_WEAK,
 * ERR_SIGNATURE, ERR_MEMORY. Thread-safe.
 */
int saml_verify(struct slice xml, const struct saml_trust *trust, unsigned allow, struct arena *a,
                struct saml_signed *ret, struct err *e);

/*
 * The Issuer of the Response, or else of the Assertion, as it stands there: unsigned, trimmed, NUL-terminated in `a`.
 * Good for one thing: to choose whose keys to try. After saml_verify() with those keys, the signed Issuer must be
 * compared. Refuses what saml_verify() would refuse before looking at a signature; ERR_ISSUER if there is none.
 */
int saml_peek_issuer(struct slice xml, struct arena *a, struct slice *ret, struct err *e);

#endif
