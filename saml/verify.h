/*
 * verify.h - what the verification worker does: hostile XML in, signed bytes out.
 *
 * prescan -> parse (libxml2) -> walk to the elements that count -> look at each Signature -> xmlsec verifies with a
 * pinned key -> hand out the canonical SignedInfo, the raw SignatureValue and the canonical signed element of every
 * signature. No private key, no file, no network, no clock. The caller believes none of it: see recheck.h. All of this
 * runs in usher-worker; nothing but struct saml_verify_request and struct saml_signed crosses (wire.h).
 */
#ifndef USHER_SAML_VERIFY_H
#define USHER_SAML_VERIFY_H

#include "base/arena.h"
#include "saml/decrypt.h"
#include "saml/trust.h"

#define SAML_XML_MAX (2 * 1024 * 1024) /* octets of a message; configuration may ask for less (message_max) */
#define SAML_TRUSTS_MAX 64             /* identity providers that one request may choose from */

/* Which kind of document is to be judged; each has its own walk (locate.c). */
enum saml_message {
    SAML_MESSAGE_RESPONSE = 1,
    SAML_MESSAGE_LOGOUT,  /* LogoutRequest or LogoutResponse, POST binding */
    SAML_MESSAGE_METADATA /* EntityDescriptor or EntitiesDescriptor */
};

enum saml_element {
    SAML_NOTHING = 0,
    SAML_RESPONSE,
    SAML_ASSERTION,
    SAML_LOGOUT_REQUEST,
    SAML_LOGOUT_RESPONSE,
    SAML_METADATA
};

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
    size_t nsig;                  /* 1 or 2; every Signature present has verified. 0: see plain and wrapped */
    struct saml_outer outer;      /* of the root element, signed or not */
    size_t trust;                 /* index of the trust that was chosen */
    /* Logout and metadata without a Signature: the canonical document. Nothing vouches for it. */
    enum saml_element plain_what;
    struct slice plain;
    /*
     * cipher.p != NULL: the assertion is encrypted and nothing outside it is signed, so nothing has been verified yet.
     * The caller unwraps this key (saml_unwrap_key()) and asks again with it: the private key is never here.
     */
    struct saml_wrapped_key wrapped;
};

struct saml_verify_request {
    enum saml_message message;
    struct slice xml;
    /*
     * Whose keys count. by_issuer: of the one trust whose issuer is the Issuer that stands in the message, which is
     * unsigned here; the signed one must be compared afterwards. Otherwise there is exactly one trust (metadata: or
     * none, then a Signature is not looked at). Each trust brings its own exceptions (trust->allow).
     */
    const struct saml_trust *const *trusts;
    size_t ntrusts;
    bool by_issuer;
    struct slice content_key; /* n == 0: none yet. See saml_signed.wrapped */
};

/* Once per process, before any thread and before a sandbox; again does nothing. Sets libxml2's and xmlsec's loaders and
 * error handlers: neither opens or prints anything afterwards. */
int saml_init(struct err *e);
void saml_cleanup(void);

/*
 * Judges the signatures of one message. ret->trust is set as soon as the trust is chosen, also if the message is
 * refused then (until that it is SAML_TRUSTS_MAX): a hint whose keys may be out of date. Otherwise `ret` points into
 * `a` (give it about 8 times the XML plus 64 KiB). Every signature that is present must verify by a key of the trust,
 * and for a Response one must be there, outside of or inside what is encrypted. Within a signed Response nothing is
 * decrypted: the signed bytes hold what is encrypted, and saml_read() opens it. A status other than Success is
 * ERR_STATUS whether signed or not (there is no assertion to read). ERR_XML_*, ERR_RESPONSE_SHAPE, ERR_STATUS,
 * ERR_ISSUER (no trust of that name), ERR_DECRYPT, ERR_SIGNATURE_MISSING, ERR_SIGNATURE_SHAPE, ERR_TRANSFORM,
 * ERR_ALGORITHM, ERR_KEY_WEAK, ERR_SIGNATURE, ERR_MEMORY. Thread-safe.
 */
int saml_verify_message(const struct saml_verify_request *rq, struct arena *a, struct saml_signed *ret, struct err *e);

/* The same for a Response and one trust, with `allow` in place of the trust's own: for tests and benchmarks. */
int saml_verify(struct slice xml, const struct saml_trust *trust, unsigned allow, struct arena *a,
                struct saml_signed *ret, struct err *e);

#endif
