/*
 * encode.h - base64, hex, percent, HTML, deflate.
 *
 * Decoders are strict: what they accept has one reading. Output goes to a struct buf, whose maximum bounds it.
 */
#ifndef USHER_BASE_ENCODE_H
#define USHER_BASE_ENCODE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * RFC 4648 section 4. White space (SP TAB CR LF) is skipped; anything else outside the alphabet, padding that is
 * missing, misplaced or followed by data, and non-zero trailing bits are ERR_ENCODING. ERR_LIMIT if `out` is too small.
 */
int base64_decode(struct slice text, struct buf *out, struct err *e);
void base64_encode(struct buf *out, const void *data, size_t n);
/* RFC 4648 section 5 without padding: for tokens and cookies. Decoding takes no white space. */
int base64url_decode(struct slice text, struct buf *out, struct err *e);
void base64url_encode(struct buf *out, const void *data, size_t n);

/* Lower-case hex; dst holds 2 * n + 1 bytes. */
void hex_encode(char *dst, const void *data, size_t n);

/* RFC 3986: unreserved stays, the rest becomes %XX. */
void percent_encode(struct buf *out, struct slice s);
/* `plus_is_space` for application/x-www-form-urlencoded. A % without two hex digits is ERR_ENCODING. */
int percent_decode(struct slice s, bool plus_is_space, struct buf *out, struct err *e);
/* For identity headers: printable ASCII stays but for '%', which with all other octets becomes %XX. */
void header_encode(struct buf *out, struct slice s);

/* & < > " ' for HTML and XML text and quoted attribute values. Control characters but TAB, CR, LF become U+FFFD. */
void html_escape(struct buf *out, struct slice s);

/* Raw deflate (RFC 1951), as the HTTP-Redirect binding has it. ERR_LIMIT / ERR_ENCODING; trailing bytes are an error.
 */
int deflate_raw(struct slice in, struct buf *out, struct err *e);
int inflate_raw(struct slice in, struct buf *out, struct err *e);

#endif
