/*
 * dsig_transform.h - what xmlsec may use to verify: the transforms of the allow-list, and no other exists for it.
 *
 * Private to saml/. xmlsec stays the verifier: it canonicalizes, digests and compares, and asks a transform whether the
 * SignatureValue is right. For that last step it gets transforms of our own through its public interface, because its
 * own ask OpenSSL for every parameter of the key ("is it private?") and make two contexts anew for each signature. Ours
 * call key_verifies() with the pinned key. They cannot sign.
 */
#ifndef USHER_SAML_DSIG_TRANSFORM_H
#define USHER_SAML_DSIG_TRANSFORM_H

#include "saml/algorithm.h"

struct _xmlSecKey;
struct _xmlSecTransformKlass;

/* Empties xmlsec's list of transforms and registers: enveloped-signature, exclusive c14n with and without comments, the
 * digests and the signature algorithms of algorithm.h. After xmlSecOpenSSLInit(). ERR_INTERNAL. */
int dsig_transforms_register(struct err *e);

/* Ours for this algorithm. */
const struct _xmlSecTransformKlass *dsig_signature_transform(const struct signature_algorithm *alg);

/* A key of xmlsec that stands for `key`, borrowed, and fits none but the transforms above. NULL if memory is out. */
struct _xmlSecKey *dsig_key_new(const struct saml_key *key);

#endif
