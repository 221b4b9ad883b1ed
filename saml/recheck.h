/*
 * recheck.h - the router does not believe the worker: it verifies the returned bytes with OpenSSL and the pinned keys.
 *
 * For every signature: a small strict reader takes CanonicalizationMethod, SignatureMethod and the one Reference from
 * the canonical SignedInfo; the algorithms are allow-listed and fit the key; some pinned key verifies SignatureValue
 * over SignedInfo; Reference URI is '#' + the ID attribute of the element's root; the transforms are exactly enveloped
 * + exclusive c14n; the digest over the element's bytes equals DigestValue; the root is what `what` says. About 20 us
 * per RSA signature.
 */
#ifndef USHER_SAML_RECHECK_H
#define USHER_SAML_RECHECK_H

#include "saml/verify.h"

struct saml_signer {
    const struct saml_key *key; /* borrowed from the trust */
    const char *method;         /* "rsa-sha256", static text */
    const char *digest;         /* "sha256" */
};

/* Sets ret[i] for s->sig[i]. ERR_RECHECK for what a correct worker never returns, else ERR_ALGORITHM, ERR_KEY_WEAK,
 * ERR_SIGNATURE... */
int saml_recheck(const struct saml_signed *s, const struct saml_trust *trust, unsigned allow, struct saml_signer ret[2],
                 struct err *e);

#endif
