/*
 * token.h - a small strict XML tokenizer: the only reader of signed bytes.
 *
 * A pull parser over bytes in memory, linear in their number, without recursion. It knows elements, attributes, text,
 * CDATA sections, comments, the five predefined entities and character references, and namespaces (Namespaces in XML
 * 1.0). Everything else is an error: DOCTYPE, processing instructions, other entities, invalid UTF-8, characters that
 * XML does not allow, unbound prefixes, attributes that are equal by expanded name, misuse of xml and xmlns, anything
 * outside the root element, and whatever passes one of the limits below.
 *
 * Exclusive canonicalization declares every visibly used namespace inside the element, so nothing is supplied from
 * outside. Prefixes inside values (xsi:type="xs:string") are never resolved.
 */
#ifndef USHER_SAML_TOKEN_H
#define USHER_SAML_TOKEN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define TOKEN_DEPTH_MAX 32
#define TOKEN_ELEMENTS_MAX 4096
#define TOKEN_ELEMENTS_METADATA_MAX (512 * 1024)
#define TOKEN_ATTRS_MAX 64     /* of one tag, namespace declarations included */
#define TOKEN_BINDINGS_MAX 128 /* namespace declarations in scope, all open elements together */

/*
 * The input may be a whole document: a leading XML declaration (version 1.0, encoding UTF-8 if any), and white space
 * and comments around the root. Without the flag the input is one element from its first byte to its last, as
 * canonicalization leaves it.
 */
#define TOKEN_DOCUMENT 1U
/*
 * The input is metadata: as many elements as a federation needs, and processing instructions are passed over. One gives
 * a TOKEN_COMMENT, so that it cannot join two halves of a value.
 */
#define TOKEN_METADATA 2U

enum token_kind {
    TOKEN_EOF = 0, /* after the root element; every further call gives it again */
    TOKEN_START,   /* start tag; an empty-element tag gives TOKEN_START and TOKEN_STOP */
    TOKEN_STOP,    /* end tag */
    TOKEN_TEXT,    /* character data between two other tokens, never empty */
    TOKEN_CDATA,   /* one CDATA section, may be empty */
    TOKEN_COMMENT
};

struct token_attr {
    struct slice ns; /* n == 0: no namespace */
    struct slice local;
    struct slice value; /* decoded and normalized (XML 1.0 3.3.3 for CDATA attributes) */
};

/*
 * Slices point into the input or the arena and stay valid as long as these; `attrs` is valid until the next
 * token_next(). Namespace declarations are not among the attributes.
 */
struct token {
    enum token_kind kind;
    struct slice ns;    /* TOKEN_START, TOKEN_STOP: namespace name; n == 0: none */
    struct slice local; /* TOKEN_START, TOKEN_STOP */
    const struct token_attr *attrs;
    size_t nattrs;
    struct slice text; /* TOKEN_TEXT, TOKEN_CDATA: decoded; TOKEN_COMMENT: what is between the dashes */
};

struct token_binding {
    struct slice prefix; /* n == 0: the default namespace */
    struct slice uri;    /* interned: equal names in scope have the same pointer */
};
struct token_element {
    struct slice qname, ns, local;
    size_t nbindings; /* before this element's own declarations */
};

struct tokenizer {
    struct slice in;
    size_t at;
    unsigned flags;
    enum err_code code;
    struct arena *a;
    bool root_seen, stop_pending;
    size_t nelements, depth, nbindings;
    struct token_element open[TOKEN_DEPTH_MAX];
    struct token_binding bindings[TOKEN_BINDINGS_MAX];
    struct token_attr attrs[TOKEN_ATTRS_MAX];
};

/*
 * Starts reading `xml`; checks all of it for UTF-8 and allowed characters. Decoded text goes into `a`. `code` is the
 * error raised for anything that is wrong with the input, by this and by token_next() (ERR_READ, ERR_RECHECK ...);
 * ERR_MEMORY if the arena is full.
 */
int token_init(struct tokenizer *t, struct slice xml, unsigned flags, enum err_code code, struct arena *a,
               struct err *e);
/* The next token. After an error the tokenizer must not be used again. */
int token_next(struct tokenizer *t, struct token *ret, struct err *e);
/* After a TOKEN_START: reads to its TOKEN_STOP and drops both and all between. */
int token_skip(struct tokenizer *t, struct err *e);

/* A start or end tag of this expanded name; `ns` "" means none. */
static inline bool token_is(const struct token *tok, const char *ns, const char *local)
{
    return slice_is(tok->local, local) && slice_is(tok->ns, ns);
}
/* The value of the attribute without namespace; {NULL, 0} if absent. */
struct slice token_attr(const struct token *tok, const char *local);
/* As token_attr() with a namespace. */
struct slice token_attr_ns(const struct token *tok, const char *ns, const char *local);

/* "Response/Assertion/Subject": the open elements, cut to what fits. */
void token_path(const struct tokenizer *t, char *dst, size_t size);

/* An NCName (Namespaces in XML 1.0), as SAML requires for ID attributes. */
bool token_is_ncname(struct slice s);

#endif
