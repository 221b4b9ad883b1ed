/*
 * mint_fill.h - signs whatever stands in a document: every Signature whose SignatureValue is empty is filled in.
 *
 * The text stays as it is, octet by octet; only the empty DigestValue and SignatureValue elements get their content. So
 * a document of any shape can be signed genuinely: what is canonicalized, digested and signed is what its own
 * SignedInfo says, with the transforms and algorithms that xmlsec has. saml_init() must have been called.
 */
#ifndef USHER_LAB_MINT_FILL_H
#define USHER_LAB_MINT_FILL_H

#include "lab/mint.h"

struct evp_pkey_st;

/* Takes over `pkey`; `cert_der` is what KeyInfo shows. ERR_MEMORY. */
int mint_key_adopt(struct evp_pkey_st *pkey, struct slice cert_der, struct mint_key **ret, struct err *e);

struct mint_signers {
    const struct mint_key
        *response; /* for a Signature that is a child of an element named Response; NULL: left empty */
    const struct mint_key *otherwise; /* and for any other */
    struct slice hmac;                /* instead of both, where the method is an HMAC */
};

/* Appends the document to `out`, signed from the innermost Signature outward. ERR_INTERNAL (no XML, xmlsec refused). */
int mint_fill(struct slice xml, const struct mint_signers *with, struct buf *out, struct err *e);
/* Only the digests: the SignatureValues that are there stay, and become wrong. ERR_INTERNAL. */
int mint_redigest(struct slice xml, const struct mint_signers *with, struct buf *out, struct err *e);

#endif
