/*
 * edit.h - the small language in which a change to a document is written: one command a line.
 *
 *   replace [every] "A" by "B"              the first occurrence, or all; there must be one
 *   insert [N times] "X" PLACE ELEMENT      PLACE: before, after, first in, last in
 *   copy ELEMENT PLACE ELEMENT              the text as it is
 *   move ELEMENT PLACE ELEMENT
 *   evil PLACE ELEMENT                      a forged Assertion: the first one without its Signature, as somebody else
 *   forge ELEMENT                           in it, every NameID and every value with an @ becomes somebody else
 *   remove ELEMENT
 *   unwrap ELEMENT                          its tags go, its content stays
 *   rename ELEMENT to "NAME"                in both tags
 *   set NAME of ELEMENT to "V"              an attribute, added if it is not there
 *   drop NAME of ELEMENT
 *   text of ELEMENT is "V"                  all that is between its tags
 *   prepend "X", append "X"                 to the document
 *   document is "X"                         all of it
 *   cut N                                   the last N octets go
 *   wrap N                                  signature wrapping XSW N, 1 to 9 (wrap.c)
 *
 * ELEMENT is a path as in xmltext.h. In strings, which stand in single or double quotes, \n \t \r \0 \" \\ \xHH are
 * what they are in C, and {name} stands for a word of the caller or one of: {saml} {samlp} {dsig} {more} {xenc} {exc}
 * {cm} {status} {claims}.
 */
#ifndef USHER_LAB_EDIT_H
#define USHER_LAB_EDIT_H

#include "base/buf.h"
#include "base/err.h"

#define EDIT_DOCUMENT_MAX (16 * 1024 * 1024)

struct edit_word {
    const char *name, *text;
};

/* Carries out `line` on `doc`. `words` may be NULL. ERR_USAGE (unknown command, nothing of that name), ERR_LIMIT. */
int edit_apply(struct buf *doc, struct slice line, const struct edit_word *words, size_t nwords, struct err *e);
/* Appends `text` with escapes and {words} replaced. ERR_USAGE. */
int edit_expand(struct slice text, const struct edit_word *words, size_t nwords, struct buf *out, struct err *e);
/* Puts `text` in place of [from, to). */
void edit_splice(struct buf *doc, size_t from, size_t to, struct slice text);
/* Appends `xml` with the identity in it forged: what `forge` does. */
void edit_forge(struct slice xml, struct buf *out);
/* The nine wrappings; `n` is from 1 to 9. ERR_USAGE. */
int edit_wrap(struct buf *doc, unsigned n, struct err *e);

#endif
