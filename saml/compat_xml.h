/*
 * compat_xml.h - what differs between libxml2 2.9 / xmlsec 1.2 (Debian 12, 13) and libxml2 2.12+ / xmlsec 1.3.
 *
 * The one header that includes libxml2 and xmlsec; only the .c files of this folder may include it.
 */
#ifndef USHER_SAML_COMPAT_XML_H
#define USHER_SAML_COMPAT_XML_H

#include <libxml/c14n.h>
#include <libxml/hash.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/valid.h>
#include <libxml/xmlerror.h>
#include <libxml/xmlversion.h>

#include <xmlsec/xmlsec.h>
#include <xmlsec/version.h>
#include <xmlsec/buffer.h>
#include <xmlsec/crypto.h>
#include <xmlsec/errors.h>
#include <xmlsec/io.h>
#include <xmlsec/keys.h>
#include <xmlsec/keysdata.h>
#include <xmlsec/list.h>
#include <xmlsec/nodeset.h>
#include <xmlsec/transforms.h>
#include <xmlsec/xmldsig.h>

#include <xmlsec/openssl/crypto.h>

/* 2.12 made the argument of structured error handlers const. */
#if LIBXML_VERSION >= 21200
typedef const xmlError *compat_xml_error;
#else
typedef xmlError *compat_xml_error;
#endif

#endif
