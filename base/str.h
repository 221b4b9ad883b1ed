/*
 * str.h - slices, strict numbers, escaping for people, comparison without timing.
 *
 * A slice borrows bytes and owns nothing; it may hold any octet and is not terminated. Nothing here depends on the
 * locale: case folding is ASCII only.
 */
#ifndef USHER_BASE_STR_H
#define USHER_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *p; /* may be NULL only if n is 0 */
    size_t n;
};

#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})
/* For printf: "%.*s", SLICE_ARG(s). Only for text that is known to be printable; else use str_escape(). */
#define SLICE_ARG(s) (int)(s).n, (s).n ? (s).p : ""

static inline struct slice slice_of(const char *cstr)
{
    return (struct slice){cstr, cstr ? strlen(cstr) : 0};
}

static inline struct slice slice_make(const void *p, size_t n)
{
    return (struct slice){(const char *)p, n};
}

/* These few are inline: with a literal, comparing costs a few instructions, and parsers do little else. */
static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool slice_is(struct slice a, const char *cstr)
{
    return slice_eq(a, slice_of(cstr));
}
static inline bool slice_starts(struct slice s, struct slice prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}
/* ASCII case folding; other octets compare as they are. */
bool slice_is_nocase(struct slice a, const char *cstr);
bool slice_ends(struct slice s, struct slice suffix);
/* Index of `c`, or -1. */
ptrdiff_t slice_find(struct slice s, char c);
/* Without leading and trailing XML white space (space, tab, CR, LF). */
struct slice slice_trim(struct slice s);
/* Takes the part before the next `sep` (or all) off the front of `*rest`. False if rest was exhausted (p == NULL then).
 */
bool slice_split(struct slice *rest, char sep, struct slice *ret_part);

/* Eight octets at once: all of them 0x20 to 0x7f. */
static inline bool ascii_is_plain8(const char *p)
{
    const uint64_t ones = 0x0101010101010101ULL;
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return ((v | (v - ones * 0x20)) & (ones * 0x80)) == 0;
}

/* How many octets from the front are 0x20 to 0x7f: text that needs no second look. */
size_t ascii_plain_run(struct slice s);

char ascii_lower(char c);
static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static inline bool ascii_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline bool ascii_is_alnum(char c)
{
    return ascii_is_digit(c) || ascii_is_alpha(c);
}
/* 0..15, or -1. */
int ascii_hex_value(char c);

/* Decimal digits only, no sign, no white space, at most `max`. False leaves *ret alone. */
bool str_to_u64(struct slice s, uint64_t max, uint64_t *ret);

/* Copies with terminator; false (and "" in dst) if it does not fit or holds NUL. */
bool str_copy(char *dst, size_t size, struct slice s);

/* Copies what fits and terminates; NUL becomes '?'. For the `found` of err_mismatch(), which escapes the rest. */
void str_cut(char *dst, size_t size, struct slice s);

/*
 * Writes `src` as printable ASCII for logs and messages: other octets and backslash become \xHH, what does not fit is
 * cut and ends in "...". Always terminates. Returns the length written. size >= 8.
 */
size_t str_escape(char *dst, size_t size, const char *src, size_t n);

/* Equal in time that depends on n only. */
bool mem_equal_ct(const void *a, const void *b, size_t n);

/* True if all of `s` is valid UTF-8 (RFC 3629: no surrogates, no overlong forms, <= U+10FFFF). */
bool str_is_utf8(struct slice s);
/* Takes one code point off the front of *s, which is not empty and known to be valid UTF-8. */
uint32_t str_next_code_point(struct slice *s);

/* The entry of `names` (NULL-terminated) closest to `word` if it is close enough to be a slip, else NULL. */
const char *str_suggest(struct slice word, const char *const *names);

#endif
