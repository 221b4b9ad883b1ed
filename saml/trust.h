/*
 * trust.h - the keys and switches with which a Response is judged.
 *
 * Keys are pinned per identity provider: compared as keys, never by name, no chains (docs/threat-model.md). A key is
 * kept as DER SubjectPublicKeyInfo, so that no certificate is decoded per login, and as a ready EVP_PKEY behind an
 * opaque pointer.
 */
#ifndef USHER_SAML_TRUST_H
#define USHER_SAML_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define SAML_KEYS_MAX 16

/* Named exceptions; 0 means none. */
#define SAML_ALLOW_SHA1 1U    /* SHA-1 in signature or digest */
#define SAML_ALLOW_RSA1024 2U /* RSA keys of 1024 to 2047 bits */
#define SAML_ALLOW_RSA15 4U   /* RSA 1.5 key transport */
/* "sha1" -> SAML_ALLOW_SHA1; 0 if unknown. */
unsigned saml_allow_by_name(struct slice name);
/* "sha1, rsa1024" into dst; "-" for none. */
void saml_allow_print(unsigned allow, char *dst, size_t size);

/* Other types of key are refused when they are added. */
enum saml_key_type { SAML_KEY_NONE = 0, SAML_KEY_RSA, SAML_KEY_EC };

struct saml_key {
    enum saml_key_type type;
    unsigned bits;            /* of the modulus or of the curve: P-256, P-384, P-521 */
    struct slice spki;        /* DER SubjectPublicKeyInfo; owned by the trust */
    unsigned char sha256[32]; /* of spki: the key's name in logs */
    char subject[160];        /* of the certificate, escaped; "" for a bare key */
    int64_t not_after;        /* of the certificate, 0 if unknown. Expiry warns, it does not refuse. */
    void *pkey;               /* EVP_PKEY *, ready for use, shared by threads */
};

struct saml_trust {
    struct saml_key keys[SAML_KEYS_MAX];
    size_t nkeys;
    char *issuer;       /* entity ID, compared octet by octet; NULL if only keys are known (PEM trust) */
    char *sso_redirect; /* SingleSignOnService Location for HTTP-Redirect; NULL if none */
    /* SingleLogoutService: Location of either binding, and ResponseLocation (NULL: Location); NULL if none */
    char *slo_redirect, *slo_post, *slo_redirect_response, *slo_post_response;
    bool want_signed_requests; /* WantAuthnRequestsSigned of the metadata */
    int64_t valid_until;       /* of the metadata; 0: it does not say, 1: it says something that is no time */
    int64_t cache_duration;    /* seconds, of the metadata; 0: it does not say */
    unsigned allow;            /* exceptions of the worker's half; the router applies its own, which may have ended */
};

/* An empty trust. free clears what it holds and accepts a zeroed struct. */
void saml_trust_init(struct saml_trust *t);
void saml_trust_free(struct saml_trust *t);
/* A trust of its own with the same keys; EVP_PKEYs are shared by reference. ERR_MEMORY. */
int saml_trust_copy(struct saml_trust *dst, const struct saml_trust *src, struct err *e);
/* Takes one key out; the others keep their order. */
void saml_trust_drop_key(struct saml_trust *t, size_t i);
/* Adds the public key of a DER certificate unless it is there already. Its validity and its own signature are not
 * looked at: who pins it vouches for it. ERR_TRUST, ERR_LIMIT. */
int saml_trust_add_cert(struct saml_trust *t, struct slice der, struct err *e);
/* Adds every certificate (or bare PUBLIC KEY) of PEM text; at least one is needed. A private key in it is ERR_TRUST:
 * it has no business there. */
int saml_trust_add_pem(struct saml_trust *t, struct slice pem, struct err *e);
/*
 * Reads file content that is either metadata (first non-blank octet is '<') or PEM. For metadata `entity` picks the
 * EntityDescriptor (NULL: there must be exactly one with an IDPSSODescriptor). Several calls add up; issuers must
 * agree.
 */
int saml_trust_add_file(struct saml_trust *t, struct slice content, const char *entity, struct err *e);

#endif
