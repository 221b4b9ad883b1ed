/*
 * html.h - HTML text with every value escaped.
 *
 * html_add(out, "<p>{}</p>", value): each {} takes one string and escapes it for text and double-quoted attributes
 * alike. There is no way to add a value unescaped. Too few or too many values mark the buffer failed, so a page is
 * never sent half right.
 */
#ifndef USHER_ROUTER_HTML_H
#define USHER_ROUTER_HTML_H

#include "base/buf.h"

#define html_add(out, ...) html_add_values((out), __VA_ARGS__, (const char *)NULL)
void html_add_values(struct buf *out, const char *format, ...) __attribute__((sentinel));

#endif
