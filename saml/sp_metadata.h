/*
 * sp_metadata.h - writes this service provider's metadata (SAML metadata 2.0, 2.4.4).
 */
#ifndef USHER_SAML_SP_METADATA_H
#define USHER_SAML_SP_METADATA_H

#include <stdbool.h>

#include "base/buf.h"
#include "saml/decrypt.h"

struct saml_sp_metadata {
    const char *entity_id, *acs_url;
    const char *slo_url;             /* NULL: no single logout */
    const struct saml_sp_keys *keys; /* NULL or none: nothing is signed or decrypted here */
    bool requests_signed;            /* every AuthnRequest is signed */
};

/*
 * ACS (HTTP-POST), single logout by redirect and POST, WantAssertionsSigned. All keys are named for signing, so that a
 * new one is known before it signs; encryption is asked for with the first alone, by what is decrypted here (no RSA
 * 1.5).
 */
void saml_sp_metadata_write(const struct saml_sp_metadata *m, struct buf *out);

#endif
