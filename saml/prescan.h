/*
 * prescan.h - the look at hostile XML before libxml2 sees a byte of it.
 *
 * Linear walks. What passes is UTF-8 (or ASCII under another ASCII-compatible name, or ISO-8859-1, which is turned into
 * UTF-8 here: NetIQ sends it, and no converter of the C library is ever loaded), holds only characters that XML 1.0
 * allows, no DOCTYPE, no processing instruction (in metadata they pass: style sheets for browsers), no entity but the
 * five and character references, one root element with nothing but white space and comments around it, and keeps every
 * limit below. It does not decide well-formedness: names and namespaces are libxml2's business. The limits are what
 * libxml2 2.9 and exclusive canonicalization need to stay linear: attributes of a tag are compared pairwise, namespaces
 * in scope are searched once per element and may be written out once per element.
 */
#ifndef USHER_SAML_PRESCAN_H
#define USHER_SAML_PRESCAN_H

#include "base/buf.h"
#include "base/err.h"

#define PRESCAN_DEPTH_MAX 32

struct prescan_limits {
    size_t bytes;            /* of the document */
    size_t elements;         /* of the document */
    size_t comments;         /* of the document */
    size_t cdata;            /* sections of the document */
    size_t attributes_total; /* of the document */
    size_t tag_bytes;        /* of one tag or comment */
    size_t text_bytes;       /* of one run of text or one CDATA section */
    size_t attributes;       /* of one tag, namespace declarations included */
    size_t namespaces;       /* declared by one tag */
    size_t scope;            /* namespace declarations in scope, all open elements together */
    size_t scope_bytes;      /* octets of the declarations in scope, prefixes included */
    size_t namespaces_total; /* of the document */
    bool instructions;       /* processing instructions pass; each counts as a comment */
};

extern const struct prescan_limits prescan_message;  /* Responses: SAML_XML_MAX */
extern const struct prescan_limits prescan_metadata; /* federation aggregates: SAML_METADATA_MAX */

/*
 * *ret is what to parse as UTF-8: a byte order mark and the XML declaration are checked and left out, so that no parser
 * acts on them. It points into `xml`, or into `scratch` if the document was ISO-8859-1; `scratch` is uninitialised
 * before, and the caller frees it in any case. ERR_XML_SIZE, ERR_XML_ENCODING, ERR_XML_DOCTYPE, ERR_XML_PI,
 * ERR_XML_LIMIT, ERR_XML_SYNTAX, ERR_MEMORY.
 */
int prescan(struct slice xml, const struct prescan_limits *limits, struct buf *scratch, struct slice *ret,
            struct err *e);

#endif
