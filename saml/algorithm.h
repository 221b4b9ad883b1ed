/*
 * algorithm.h - the signature and digest algorithms that are accepted, in one table for the worker and the router.
 *
 * Private to saml/. Not on the list and so refused: HMAC (the public half of a key would become the secret), DSA, MD5,
 * RIPEMD, SHA-224, RSA-PSS (xmlsec 1.2 lacks it).
 */
#ifndef USHER_SAML_ALGORITHM_H
#define USHER_SAML_ALGORITHM_H

#include "saml/trust.h"

#define SAML_ALG_ENVELOPED "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
#define SAML_ALG_EXC_C14N "http://www.w3.org/2001/10/xml-exc-c14n#"
#define SAML_ALG_EXC_C14N_COMMENTS "http://www.w3.org/2001/10/xml-exc-c14n#WithComments"
#define SAML_NS_EXC_C14N SAML_ALG_EXC_C14N /* of InclusiveNamespaces; the same text */

#define SAML_PREFIXES_MAX 16    /* names in one InclusiveNamespaces PrefixList */
#define SAML_DIGEST_MAX 64      /* octets of the longest digest */
#define SAML_SIGNATURE_MAX 2048 /* octets of the longest SignatureValue: RSA with 16384 bits */

enum hash { HASH_SHA1 = 0, HASH_SHA256, HASH_SHA384, HASH_SHA512, HASH_COUNT };

struct signature_algorithm {
    const char *uri;
    const char *name; /* "rsa-sha256" */
    enum saml_key_type key;
    enum hash hash;
    unsigned needs; /* SAML_ALLOW_* that must be given */
};
struct digest_algorithm {
    const char *uri;
    const char *name; /* "sha256" */
    enum hash hash;
    size_t size;
    unsigned needs;
};

/* The tables, for whoever has to do something once per algorithm. */
extern const struct signature_algorithm signature_algorithms[];
extern const size_t signature_algorithms_n;
extern const struct digest_algorithm digest_algorithms[];
extern const size_t digest_algorithms_n;

/* By exact URI. ERR_ALGORITHM if it is not on the list or needs an exception that `allow` lacks. */
int signature_algorithm_find(struct slice uri, unsigned allow, const struct signature_algorithm **ret, struct err *e);
int digest_algorithm_find(struct slice uri, unsigned allow, const struct digest_algorithm **ret, struct err *e);

/* With comments or without: comments of a same-document reference are gone before it anyway (XML-DSig 4.4.3.3). */
bool is_exc_c14n(struct slice uri);
/* InclusiveNamespaces PrefixList: at most SAML_PREFIXES_MAX names. */
bool is_short_prefix_list(struct slice list);

/* The digest of `data`. False only if OpenSSL fails. */
bool digest_compute(const struct digest_algorithm *alg, struct slice data, unsigned char dst[SAML_DIGEST_MAX]);
/* True for the digest of zero octets: what a failed canonicalization looks like to a careless verifier. */
bool digest_is_of_nothing(const struct digest_algorithm *alg, const void *digest);

/* Whether `key` may verify signatures of `alg`: type first, then strength (RSA 2048 bits, 1024 with SAML_ALLOW_RSA1024;
 * the curves are decided when a key is added). */
enum key_fit { KEY_FIT_NOT = 0, KEY_FIT_WEAK, KEY_FIT_OK };
enum key_fit key_fits(const struct saml_key *key, const struct signature_algorithm *alg, unsigned allow);

/* Octets of an XML signature by this key: the modulus, or r||s. */
size_t signature_size(const struct saml_key *key);

/*
 * True only if `value` (raw octets as XML-DSig has them) is this key's signature over `data`. The caller has asked
 * key_fits(). Leaves OpenSSL's error queue as it falls. Thread-safe: each thread keeps contexts of its own, made ready
 * for the keys it used last; a context holds on to its key, so that a freed trust cannot be mistaken for a new one.
 */
bool key_verifies(const struct saml_key *key, const struct signature_algorithm *alg, struct slice value,
                  struct slice data);

/* The refusal after every key that fits was tried and none verified. Returns -1. ERR_SIGNATURE, or ERR_KEY_WEAK if
 * only weak keys fit. */
int no_key_verifies(const struct saml_trust *trust, const struct signature_algorithm *alg, unsigned allow,
                    struct err *e);

#endif
