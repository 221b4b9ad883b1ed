/*
 * encrypted.h - xenc:EncryptedData and its xenc:EncryptedKey as they stand in a message.
 *
 * Private to saml/. The worker meets them in libxml2's tree, the router in signed bytes. Both only list the elements
 * (encrypted_list.c, and dom_encrypted() in encrypted_dom.c); one function judges the list, so that no two readers
 * understand a message differently. Nothing in it is ever followed: no URI, no reference to another key. The one
 * EncryptedKey is found by its place, within EncryptedData/KeyInfo or after EncryptedData (SAML core 2.3.4), and a
 * reference that stands there as well has to agree.
 */
#ifndef USHER_SAML_ENCRYPTED_H
#define USHER_SAML_ENCRYPTED_H

#include "saml/decrypt.h"
#include "saml/token.h"

#define ENCRYPTED_PARTS_MAX 64 /* elements in one; honest ones have about 20 */
#define ENCRYPTED_DEPTH_MAX 16

#define SAML_NS_XENC "http://www.w3.org/2001/04/xmlenc#"
#define SAML_NS_XENC11 "http://www.w3.org/2009/xmlenc11#"

struct _xmlNode;

/* One element. Attributes without namespace; p == NULL: absent. */
struct encrypted_part {
    unsigned depth; /* 0: the EncryptedAssertion or EncryptedID itself */
    struct slice ns, local;
    struct slice algorithm, type, id, uri;
    struct slice text;  /* all that is in it, if that is plain text or nothing; else p == NULL */
    bool only_elements; /* nothing in it but elements, white space and comments */
};
/* The elements in document order, and the namespaces in scope inside of the first one. */
struct encrypted_parts {
    struct encrypted_part v[ENCRYPTED_PARTS_MAX];
    size_t n;
    struct token_binding scope[TOKEN_BINDINGS_MAX];
    size_t nscope;
};

struct encrypted {
    struct saml_wrapped_key key;
    struct slice content; /* octets of EncryptedData's CipherValue */
    const struct encrypted_parts *parts;
};

/*
 * Judges the list. `code` is for what has the wrong shape; ERR_ALGORITHM for what is encrypted in a way that is not
 * accepted (`allow`: SAML_ALLOW_RSA15), ERR_MEMORY. `ret` points into `a` and borrows `parts`.
 */
int encrypted_judge(const struct encrypted_parts *parts, unsigned allow, enum err_code code, struct arena *a,
                    struct encrypted *ret, struct err *e);

/* Lists the element whose start tag was the tokenizer's last token, and reads to its end tag. `*ret` is from `a`. The
 * tokenizer's own code for what is wrong; ERR_MEMORY. */
int encrypted_from_tokens(struct tokenizer *t, const struct token *start, struct arena *a,
                          const struct encrypted_parts **ret, struct err *e);
/* The same for an element of a tree. `code`: more elements, or deeper, than anybody needs. */
int encrypted_from_tree(const struct _xmlNode *element, enum err_code code, struct arena *a,
                        const struct encrypted_parts **ret, struct err *e);

/*
 * The plaintext as a document of its own: trimmed, and the namespaces of the place that it stands for are declared in
 * its start tag unless it does so itself. ERR_DECRYPT if it does not begin with a start tag; ERR_MEMORY.
 */
int encrypted_document(const struct encrypted *x, struct slice plaintext, struct arena *a, struct slice *ret,
                       struct err *e);

/* Unwraps, decrypts and encrypted_document(). Errors of the three. */
int encrypted_open(const struct encrypted *x, const struct saml_sp_keys *keys, unsigned allow, struct arena *a,
                   struct slice *ret, struct err *e);

#endif
