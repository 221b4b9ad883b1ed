/*
 * audit_markup.h - recognises SAML messages and form fields in markup, without parsing it: where one begins and ends.
 *
 * For cutting messages out of text before anything is judged; what is cut out is read by the strict parsers. Every
 * function looks at a bounded number of octets for each place it is asked about, so that a hostile file costs no more
 * than in proportion to its length.
 */
#ifndef USHER_CLI_AUDIT_MARKUP_H
#define USHER_CLI_AUDIT_MARKUP_H

#include <stdbool.h>

#include "base/buf.h"

/*
 * `s` begins with '<'. If that is an HTML input named SAMLResponse or SAMLRequest, `value` is its value with character
 * references replaced, and the length of the tag is returned; else 0.
 */
size_t markup_input(struct slice s, size_t max, struct buf *value);

/*
 * `s` begins with '<': a start tag of one of SAML's messages with a namespace of SAML declared in it, or an XML
 * declaration or DOCTYPE shortly before one. *ret_tag is the length up to the end of that tag.
 */
bool markup_is_message(struct slice s, size_t *ret_tag);
/* Octets from there to the end of that element; 0 if it does not end within `max`. *ret_looked: octets it cost. */
size_t markup_element(struct slice s, size_t max, size_t *ret_looked);

/* All of `s` is one document: the root has the name of a message and SAML is mentioned somewhere. */
bool markup_root_is_message(struct slice s);

#endif
