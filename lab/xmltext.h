/*
 * xmltext.h - finds elements in the text of a document, so that it can be changed octet by octet.
 *
 * Not a parser: it trusts that tags nest, compares local names only, and passes over comments, CDATA sections,
 * processing instructions and declarations. What it changes may well be no XML afterwards; that is what it is for.
 */
#ifndef USHER_LAB_XMLTEXT_H
#define USHER_LAB_XMLTEXT_H

#include <stdbool.h>

#include "base/str.h"

struct xmltext {
    size_t from, to;        /* the whole element */
    size_t inner, inner_to; /* what is between its tags; both behind the tag if it is an empty-element tag */
    size_t name_to;         /* end of the name in the start tag */
    bool empty;             /* <x/> */
};

/*
 * `path` is names separated by '/': the first element of the first name anywhere, in it the first of the second name
 * anywhere, and so on. A name may be followed by [2] (the second) or [text] (the first whose start tag holds it).
 */
bool xmltext_find(struct slice xml, struct slice path, struct xmltext *ret);
/* The value of the attribute with this name as written: what is between the quotes. */
bool xmltext_attribute(struct slice xml, const struct xmltext *el, struct slice name, size_t *ret_from, size_t *ret_to);

#endif
