/*
 * dsig_transform.h - what xmlsec may use to verify: the transforms of the allow-list, and no other exists for it.
 *
 * Private to saml/. xmlsec stays the verifier: it reads the Signature, finds what is referred to, takes the Signature
 * out, leads the octets through the transforms in their order, and says what holds. Three kinds of its steps are
 * transforms of our own, which it takes through its public interface. Signatures: its own ask OpenSSL for every
 * parameter of the key ("is it private?") and make two contexts anew for each signature; ours call key_verifies() with
 * the pinned key, and cannot sign. Digests: its own look the algorithm up each time and take a kilobyte at a time.
 * Canonicalization: libxml2's either way; see dsig_c14n.c for what is spared.
 */
#ifndef USHER_SAML_DSIG_TRANSFORM_H
#define USHER_SAML_DSIG_TRANSFORM_H

#include "saml/algorithm.h"

struct _xmlSecKey;
struct _xmlSecTransform;
struct _xmlSecTransformKlass;

/* Empties xmlsec's list of transforms and registers: enveloped-signature, which is xmlsec's, and ours. After
 * xmlSecOpenSSLInit(). ERR_INTERNAL. */
int dsig_transforms_register(struct err *e);

/* Ours for this algorithm. */
const struct _xmlSecTransformKlass *dsig_digest_transform(const struct digest_algorithm *alg);
const struct _xmlSecTransformKlass *dsig_signature_transform(const struct signature_algorithm *alg);

/* Ours for exclusive c14n; is_exc_c14n(uri). */
const struct _xmlSecTransformKlass *dsig_c14n_transform(struct slice uri);
/* What it has made: handed on to the next transform, and as valid as the transform. {NULL, 0} if it has made nothing or
 * is another. */
struct slice dsig_c14n_text(struct _xmlSecTransform *t);
/* It gave up because the canonical form is longer than any document of its kind may be. */
bool dsig_c14n_too_long(struct _xmlSecTransform *t);

/* A key of xmlsec that stands for `key`, borrowed, and fits none but the transforms above. NULL if memory is out. */
struct _xmlSecKey *dsig_key_new(const struct saml_key *key);

#endif
