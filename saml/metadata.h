/*
 * metadata.h - read an identity provider's metadata (SAML metadata 2.0).
 *
 * Reading goes through prescan and the strict tokenizer, never through libxml2. Only IDPSSODescriptor with the SAML 2.0
 * protocol, its KeyDescriptors for signing (use="signing" or none), SingleSignOnService and SingleLogoutService are
 * read: Entra's WS-Federation RoleDescriptors are not. Metadata signatures are not verified here: whoever put the file
 * there vouches for it, and what was fetched goes through the worker first (router/idp_document.h). validUntil and
 * cacheDuration are read and not acted on: they are the caller's to keep.
 */
#ifndef USHER_SAML_METADATA_H
#define USHER_SAML_METADATA_H

#include "base/buf.h"
#include "saml/trust.h"

#define SAML_METADATA_MAX (16 * 1024 * 1024) /* federation aggregates are large */
#define SAML_BINDING_REDIRECT "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
#define SAML_BINDING_POST "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"

/*
 * Adds issuer, signing keys and redirect sign-on URL of one entity to `t`. `entity` NULL: exactly one entity with an
 * IDPSSODescriptor must be there. Certificates that are of no use (damaged, DSA) are passed over as long as one is
 * left; an address that is not http or https counts as none, which is no error here. After an error `t` may hold some
 * of the keys; free it. ERR_METADATA (also: no usable key, another issuer than `t` has), ERR_LIMIT, ERR_MEMORY,
 * ERR_XML_*.
 */
int saml_metadata_read(struct slice xml, const char *entity, struct saml_trust *t, struct err *e);

#endif
