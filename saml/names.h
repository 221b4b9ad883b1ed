/* names.h - namespace names and other URIs of SAML 2.0 that several files of this folder compare with. Private to
 * saml/. */
#ifndef USHER_SAML_NAMES_H
#define USHER_SAML_NAMES_H

#define SAML_NS_PROTOCOL "urn:oasis:names:tc:SAML:2.0:protocol"
#define SAML_NS_ASSERTION "urn:oasis:names:tc:SAML:2.0:assertion"
#define SAML_NS_METADATA "urn:oasis:names:tc:SAML:2.0:metadata"
#define SAML_NS_DSIG "http://www.w3.org/2000/09/xmldsig#"
#define SAML_NS_XSI "http://www.w3.org/2001/XMLSchema-instance"

#define SAML_STATUS_SUCCESS "urn:oasis:names:tc:SAML:2.0:status:Success"
#define SAML_METHOD_BEARER "urn:oasis:names:tc:SAML:2.0:cm:bearer"

#endif
