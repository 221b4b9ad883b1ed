/*
 * inspect.h - what stands in a message, for an auditor: unverified, and labelled so.
 *
 * saml_inspect() parses like saml_verify_message() (prescan, libxml2), and then describes instead of judging: which
 * element is the root, what it says of itself, every Signature wherever it stands, what it claims to cover and which
 * certificate it carries. Nothing of this is an identity and nothing of it is proven.
 */
#ifndef USHER_SAML_INSPECT_H
#define USHER_SAML_INSPECT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define SAML_INSPECT_SIGNATURES_MAX 16

struct saml_inspected_signature {
    struct slice path;           /* "Response/Assertion": of the element that carries it */
    struct slice parent_id, uri; /* covers its parent if uri is '#' + parent_id */
    struct slice method, digest; /* algorithm URIs as they stand there */
    struct slice certificate;    /* DER, from KeyInfo; p == NULL: none, or damaged */
    bool covers_parent;
};

struct saml_inspection {
    struct slice root; /* "samlp:Response" by namespace and local name: "Response", "LogoutRequest", ... */
    struct slice id, issuer, issue_instant, destination, in_response_to, status_code; /* of the root */
    struct slice assertion_id, assertion_issuer; /* of the first Assertion; p == NULL: none in clear */
    size_t assertions, encrypted_assertions;     /* anywhere in the document */
    struct saml_inspected_signature signatures[SAML_INSPECT_SIGNATURES_MAX];
    size_t nsignatures; /* the first ones, in document order */
    size_t signatures_in_all;
};

/* `ret` points into `a`. ERR_XML_*, ERR_MEMORY. saml_init() must have been called. */
int saml_inspect(struct slice xml, struct arena *a, struct saml_inspection *ret, struct err *e);

#endif
