/*
 * reader.h - what readers of signed bytes are made of: moving from tag to tag, values that nobody can split, and what
 * is encrypted in them.
 *
 * Private to saml/. A pull reader over the strict tokenizer; whatever it refuses has the code it was opened with, below
 * CODE, and the place.
 */
#ifndef USHER_SAML_READER_H
#define USHER_SAML_READER_H

#include "saml/decrypt.h"
#include "saml/token.h"

struct reader {
    struct tokenizer t;
    struct token tok; /* the last one read */
    struct arena *a;
    const struct saml_sp_keys *keys; /* for what is encrypted; may be NULL or empty */
    unsigned allow;                  /* SAML_ALLOW_RSA15 */
};

struct reader_source {
    struct slice xml;
    unsigned flags;                  /* of the tokenizer */
    enum err_code code;              /* for what is not as it should be */
    const struct saml_sp_keys *keys; /* for what is encrypted; may be NULL or empty */
    unsigned allow;                  /* SAML_ALLOW_RSA15 */
};

/* A reader from `a`, at the start tag of the root. CODE, ERR_MEMORY. */
int reader_open(const struct reader_source *s, struct arena *a, struct reader **ret, struct err *e);

/* Adds the place to an error and gives back `rc`. */
int reader_place(const struct reader *r, struct err *e, int rc);
/* Raises CODE with the place; evaluates to -1. */
#define reader_refuse(r, e, ...) reader_place((r), (e), err_set((e), (r)->t.code, __VA_ARGS__))

int reader_next(struct reader *r, struct err *e);
/* The last token is a start tag of this name. */
bool reader_is(const struct reader *r, const char *ns, const char *local);
/* To the next child's start tag, or to the parent's end tag; between them only white space and comments may stand. */
int reader_child(struct reader *r, struct err *e);
/*
 * From a start tag to its end tag, whatever is between, unless an Assertion hides there: an element of that name has
 * one place in a message, and readers that search for it must not find another one.
 */
int reader_skip(struct reader *r, struct err *e);
/* reader_skip() and on to the next child. */
int reader_skip_child(struct reader *r, struct err *e);
/* The last token must be the end tag of `parent`. */
int reader_stop(struct reader *r, const char *parent, struct err *e);

/*
 * From a start tag to its end tag: the text between, if it is nothing at all, one run of characters, or one CDATA
 * section. Anything else (a comment, an element, two sections) gives p == NULL: joined or cut, two readers would not
 * see the same value.
 */
int reader_plain_text(struct reader *r, struct slice *ret, struct err *e);
/* The trimmed text of a value that counts: neither split nor empty. */
int reader_text(struct reader *r, const char *what, struct slice *ret, struct err *e);
/* An attribute that has to be there and not to be empty. */
int reader_attr(struct reader *r, const char *name, struct slice *ret, struct err *e);
/* An optional xs:dateTime; 0 if absent. That is why the one value that would read as 0 is refused. */
int reader_time(struct reader *r, const char *name, int64_t *ret, struct err *e);
/*
 * Arrays grow in the arena: `old` if it has room for one more behind its first n, else a copy of twice the size. It is
 * full whenever n is a power of two, so that no capacity has to be kept. NULL: ERR_MEMORY.
 */
void *reader_room(struct reader *r, void *old, size_t n, size_t size, struct err *e);

/*
 * From the start tag of an element of SAML's EncryptedElementType (core 2.2.4) to its end tag: a reader of what is
 * encrypted in it, which stands at its root, the element of this name. Only in signed bytes (see there). ERR_DECRYPT
 * (another element, or none), ERR_DECRYPT_KEY, ERR_ALGORITHM, CODE, ERR_MEMORY.
 */
int reader_decrypt(struct reader *r, const char *ns, const char *local, struct reader **ret, struct err *e);

/* A NameID (core 2.2.3) and its attributes; p == NULL: absent. */
struct reader_name {
    struct slice value, format, qualifier, sp_qualifier;
};
/* From the start tag of a NameID, or of an EncryptedID with one in it, to its end tag. Errors of reader_decrypt(). */
int reader_name(struct reader *r, struct reader_name *ret, struct err *e);

#endif
