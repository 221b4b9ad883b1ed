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
#include "saml/trust.h"

#define SAML_INSPECT_SIGNATURES_MAX 16

/*
 * What attacks leave behind in a document, wherever it stands. Each is a fact about the markup and no verdict; some
 * have honest uses (KeyValue, a comment). saml_inspection.traits.
 */
enum saml_trait {
    SAML_TRAIT_ASSERTIONS = 1 << 0, /* several Assertions as children of the root */
    SAML_TRAIT_ASSERTION_IN_ASSERTION = 1 << 1 /* as its child; in Advice it is _HIDDEN */,
    SAML_TRAIT_ASSERTION_IN_EXTENSIONS = 1 << 2,
    SAML_TRAIT_ASSERTION_IN_SIGNATURE = 1 << 3, /* not in its Object */
    SAML_TRAIT_ASSERTION_IN_OBJECT = 1 << 4,
    SAML_TRAIT_ASSERTION_HIDDEN = 1 << 5,      /* anywhere else below the root's children */
    SAML_TRAIT_RESPONSE_IN_SIGNATURE = 1 << 6, /* a second Response, there or anywhere else */
    SAML_TRAIT_RESPONSE_ELSEWHERE = 1 << 7,
    SAML_TRAIT_LOOKALIKE = 1 << 8, /* Response, Assertion, NameID or Signature of a foreign namespace */
    SAML_TRAIT_DUPLICATE_ID = 1 << 9,
    SAML_TRAIT_STRANGE_ID = 1 << 10,        /* Id, id, xml:id, x:ID where ID belongs */
    SAML_TRAIT_SPLIT_TEXT = 1 << 11,        /* text of SAML cut by a comment or CDATA section */
    SAML_TRAIT_SPLIT_DSIG = 1 << 12,        /* the same in a Signature: DigestValue, SignatureValue, X509Certificate */
    SAML_TRAIT_DSIG_OUTSIDE = 1 << 13,      /* DigestValue and the like outside of any Signature */
    SAML_TRAIT_SIGNED_INFOS = 1 << 14,      /* several SignedInfo in one Signature */
    SAML_TRAIT_REFERENCES = 1 << 15,        /* several Reference, or a Manifest */
    SAML_TRAIT_OBJECT = 1 << 16,            /* Object in a Signature */
    SAML_TRAIT_TRANSFORM = 1 << 17,         /* other than enveloped-signature and canonicalization */
    SAML_TRAIT_XSLT = 1 << 18,              /* one of these */
    SAML_TRAIT_KEY_VALUE = 1 << 19,         /* KeyInfo holds a bare key */
    SAML_TRAIT_RETRIEVAL = 1 << 20,         /* KeyInfo wants a key to be fetched */
    SAML_TRAIT_CIPHER_REFERENCE = 1 << 21,  /* so does EncryptedData with its content */
    SAML_TRAIT_RELATIVE_NAMESPACE = 1 << 22 /* a namespace name that canonicalization fails on */
};
#define SAML_TRAITS_ALL ((1U << 23) - 1)

struct saml_inspected_signature {
    struct slice path;           /* "Response/Assertion": of the element that carries it */
    struct slice parent_id, uri; /* covers its parent if uri is '#' + parent_id */
    struct slice method, digest; /* algorithm URIs as they stand there */
    struct slice certificate;    /* DER, from KeyInfo; p == NULL: none, or damaged */
    bool covers_parent;
    /*
     * What the certificate says, decoded here so that nobody else has to decode strangers' certificates. SAML_KEY_NONE:
     * there is none, or it does not hold a key that could be pinned; then nothing of this is set.
     */
    enum saml_key_type key_type;
    unsigned key_bits;
    struct slice spki;    /* DER SubjectPublicKeyInfo, as the pinned ones are compared */
    struct slice subject; /* escaped, shorter than saml_key.subject */
    int64_t not_after;    /* 0: unknown */
};

struct saml_inspection {
    /* "samlp:Response" by namespace and local name: "Response", "LogoutRequest", "EntityDescriptor", "Assertion", ...;
     * of another namespace: "{namespace}local" */
    struct slice root;
    /* of the root; for metadata entityID is the issuer. Text cut by comments is put together again, see traits. */
    struct slice id, issuer, issue_instant, destination, in_response_to, status_code;
    struct slice assertion_id, assertion_issuer; /* of the first Assertion; p == NULL: none in clear */
    size_t assertions, encrypted_assertions;     /* anywhere in the document */
    struct saml_inspected_signature signatures[SAML_INSPECT_SIGNATURES_MAX];
    size_t nsignatures; /* the first ones, in document order */
    size_t signatures_in_all;
    unsigned traits; /* SAML_TRAIT_* */
};

/* `ret` points into `a`. ERR_XML_*, ERR_MEMORY. saml_init() must have been called. */
int saml_inspect(struct slice xml, struct arena *a, struct saml_inspection *ret, struct err *e);

#endif
