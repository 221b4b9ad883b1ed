/* xmlchar.h - characters as XML 1.0 (fifth edition) sees them. Internal to the tokenizer. */
#ifndef USHER_SAML_XMLCHAR_H
#define USHER_SAML_XMLCHAR_H

#include "base/str.h"

/* Production 3, S. */
static inline bool xmlchar_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The code point at *at of text that is known to be UTF-8; moves *at past it. */
uint32_t xmlchar_next(struct slice s, size_t *at);
/* Writes `c` as UTF-8, at most 4 octets; returns how many. */
size_t xmlchar_put(char *dst, uint32_t c);

/* Production 2, Char. */
bool xmlchar_valid(uint32_t c);
/* Productions 4 and 4a without the colon: what begins an NCName, and what it consists of. */
bool xmlchar_name_start(uint32_t c);
bool xmlchar_name(uint32_t c);
/* The same for one octet of ASCII: nearly every name consists of these alone. */
extern const bool xmlchar_ascii_names[256];
static inline bool xmlchar_ascii_name(char c)
{
    return xmlchar_ascii_names[(unsigned char)c];
}

/* The character meant by what stands between '&' and ';': one of the five entities, or the number of a valid Char.
 * Otherwise 0. */
uint32_t xmlchar_reference(struct slice name);

#endif
