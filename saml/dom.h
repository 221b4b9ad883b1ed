/*
 * dom.h - libxml2's tree as the rest of saml/ sees it: one parse call, and helpers that never guess.
 *
 * Private to saml/. Types of libxml2 appear as struct tags only. Names are compared as namespace and local name
 * together, by one helper; nothing is ever found by ID, XPath or name: callers walk.
 */
#ifndef USHER_SAML_DOM_H
#define USHER_SAML_DOM_H

#include "base/arena.h"
#include "saml/names.h"
#include "saml/prescan.h"
#include "saml/verify.h"

struct _xmlDoc;
struct _xmlNode;
struct _xmlAttr;

/*
 * prescan() and libxml2: no network, no entities, no recovery, and anything libxml2 has to say, a warning too, is a
 * refusal. Free the document with dom_free(), in the same thread: its memory, and that of everything libxml2 and xmlsec
 * make until then, is one bounded piece (xml_memory.h). saml_init() must have been called. ERR_XML_*, ERR_MEMORY.
 */
int dom_parse(struct slice xml, const struct prescan_limits *limits, struct _xmlDoc **ret, struct err *e);
void dom_free(struct _xmlDoc *doc);
struct _xmlNode *dom_root(struct _xmlDoc *doc);

/* The whole document in exclusive canonicalization without comments. ERR_XML_SYNTAX (it cannot be), ERR_XML_LIMIT (past
 * `max` octets), ERR_MEMORY. */
int dom_canonical(struct _xmlDoc *doc, size_t max, struct arena *a, struct slice *ret, struct err *e);

/* An element of this namespace and local name. NULL is not. */
bool dom_is(const struct _xmlNode *node, const char *ns, const char *local);
bool dom_is_element(const struct _xmlNode *node);

/* First child element, next sibling element; NULL at the end. They pass over text and comments. */
struct _xmlNode *dom_first(const struct _xmlNode *parent);
struct _xmlNode *dom_next(const struct _xmlNode *node);

/* True if `parent` has no children but elements, white space and, if `comments`, comments. */
bool dom_only_elements(const struct _xmlNode *parent, bool comments);

/* The attribute without namespace; NULL if absent. */
struct _xmlAttr *dom_attr_node(const struct _xmlNode *element, const char *local);
/* Its value; {NULL, 0} if absent. Valid as long as the document. */
struct slice dom_attr(const struct _xmlNode *element, const char *local);
struct slice dom_attr_value(const struct _xmlAttr *attr);

/* The element's content if that is nothing or one single text node (or one CDATA section): true. No part is ever
 * dropped. */
bool dom_text(const struct _xmlNode *element, struct slice *ret);

/* err_at() with "Response/Assertion/Issuer". Returns -1. */
int dom_at(const struct _xmlNode *node, struct err *e);
/* err_set() and dom_at(): `return dom_refuse(node, ERR_X, e, "...")`. */
#define dom_refuse(node, code, e, ...) ((void)err_set((e), (code), __VA_ARGS__), dom_at((node), (e)))

/* The places in a Response that matter. */
struct located {
    struct _xmlNode *response, *assertion;
    struct _xmlNode *encrypted; /* the EncryptedAssertion instead of an Assertion, or NULL */
    struct _xmlNode *response_signature, *assertion_signature; /* NULL: absent */
    struct saml_outer outer;                                   /* borrows from the document */
};

/*
 * Walks from the root; every element of the document is looked at once. ERR_RESPONSE_SHAPE, ERR_XML_ID,
 * ERR_SIGNATURE_SHAPE (a Signature in another place), ERR_STATUS.
 */
int locate(struct _xmlDoc *doc, struct located *ret, struct err *e);
/*
 * The same for a document that is one Assertion from its first octet to its last, as decryption gives it: sets
 * `assertion` and `assertion_signature`. ERR_RESPONSE_SHAPE, ERR_XML_ID, ERR_SIGNATURE_SHAPE.
 */
int locate_assertion(struct _xmlDoc *doc, struct located *ret, struct err *e);
/*
 * The second half of it, for another kind of message: every element once, from found->response down. Whatever a search
 * by name or ID could have found outside the places in `found` is refused.
 */
int locate_sweep(const struct located *found, struct err *e);

/*
 * Judges one Signature: its form first, then xmlsec with each pinned key that fits. `parent` is the element that
 * carries it. *ret is filled from the arena. ERR_SIGNATURE_SHAPE, ERR_TRANSFORM, ERR_ALGORITHM, ERR_KEY_WEAK,
 * ERR_SIGNATURE, ERR_MEMORY.
 */
int dsig_verify(struct _xmlNode *signature, struct _xmlNode *parent, enum saml_element what,
                const struct saml_trust *trust, unsigned allow, struct arena *a, struct saml_signature *ret,
                struct err *e);

/*
 * The trust that counts: the only one, or that of the issuer, which is unsigned here: it chooses whose keys to try, and
 * nothing else may come of it. ERR_ISSUER, ERR_INTERNAL.
 */
int verify_choose_trust(const struct saml_verify_request *rq, struct slice issuer, size_t *ret, struct err *e);

/*
 * saml_verify_message() for SAML_MESSAGE_METADATA. With a trust: the root's Signature verifies by one of its keys and
 * *ret holds it. Without: *ret holds the canonical document. ERR_METADATA, ERR_XML_*, ERR_SIGNATURE_MISSING and what
 * dsig_verify() raises.
 */
int verify_metadata(const struct saml_verify_request *rq, struct arena *a, struct saml_signed *ret, struct err *e);
/*
 * saml_verify_message() for SAML_MESSAGE_LOGOUT. *ret holds the one signature, or without one the canonical document;
 * `outer` stays empty, as all there is to read is in these.
 * ERR_LOGOUT, ERR_RESPONSE_SHAPE (an assertion in it), ERR_XML_*, ERR_ISSUER (no trust of that name) and what
 * dsig_verify() raises.
 */
int verify_logout(const struct saml_verify_request *rq, struct arena *a, struct saml_signed *ret, struct err *e);

/* Process-wide set-up of the two libraries; see saml_init(). */
int dom_init(struct err *e);
int dsig_init(struct err *e);
void dsig_cleanup(void);
void dom_cleanup(void);

#endif
