/* str.c - see str.h. */
#include "base/str.h"

#include <openssl/crypto.h>

size_t ascii_plain_run(struct slice s)
{
    size_t i = 0;

    /* without branches in between, four at a time */
    while (s.n - i >= 32 && (int)ascii_is_plain8(s.p + i) & ascii_is_plain8(s.p + i + 8) &
                                ascii_is_plain8(s.p + i + 16) & ascii_is_plain8(s.p + i + 24))
        i += 32;
    while (s.n - i >= 8 && ascii_is_plain8(s.p + i))
        i += 8;
    while (i < s.n && (unsigned char)s.p[i] >= 0x20 && (unsigned char)s.p[i] < 0x80)
        i++;
    return i;
}

char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

int ascii_hex_value(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool slice_is_nocase(struct slice a, const char *cstr)
{
    if (a.n != strlen(cstr))
        return false;
    for (size_t i = 0; i < a.n; i++) {
        if (ascii_lower(a.p[i]) != ascii_lower(cstr[i]))
            return false;
    }
    return true;
}

bool slice_ends(struct slice s, struct slice suffix)
{
    return s.n >= suffix.n && (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

ptrdiff_t slice_find(struct slice s, char c)
{
    const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;

    return hit ? hit - s.p : -1;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
    while (s.n > 0 && is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool slice_split(struct slice *rest, char sep, struct slice *ret_part)
{
    ptrdiff_t at;

    if (!rest->p)
        return false;
    at = slice_find(*rest, sep);
    if (at < 0) {
        *ret_part = *rest;
        *rest = (struct slice){NULL, 0};
        return true;
    }
    *ret_part = slice_make(rest->p, (size_t)at);
    *rest = slice_make(rest->p + at + 1, rest->n - (size_t)at - 1);
    return true;
}

bool str_to_u64(struct slice s, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        uint64_t digit;

        if (!ascii_is_digit(s.p[i]))
            return false;
        digit = (uint64_t)(s.p[i] - '0');
        if (v > (max - digit) / 10 || digit > max)
            return false;
        v = v * 10 + digit;
    }
    if (v > max)
        return false;
    *ret = v;
    return true;
}

bool str_copy(char *dst, size_t size, struct slice s)
{
    if (s.n >= size || slice_find(s, '\0') >= 0) {
        dst[0] = '\0';
        return false;
    }
    if (s.n)
        memcpy(dst, s.p, s.n);
    dst[s.n] = '\0';
    return true;
}

void str_cut(char *dst, size_t size, struct slice s)
{
    size_t n = s.n < size ? s.n : size - 1;

    for (size_t i = 0; i < n; i++)
        dst[i] = s.p[i] ? s.p[i] : '?';
    dst[n] = '\0';
}

size_t str_escape(char *dst, size_t size, const char *src, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    size_t out = 0, i;

    for (i = 0; i < n; i++) {
        unsigned char c = (unsigned char)src[i];
        bool plain = c >= 0x20 && c < 0x7f && c != '\\';
        size_t need = plain ? 1 : 4;
        size_t tail = i + 1 < n ? 3 : 0; /* room for "..." unless this is the last */

        if (out + need + tail >= size)
            break;
        if (plain) {
            dst[out++] = (char)c;
        } else {
            dst[out++] = '\\';
            dst[out++] = 'x';
            dst[out++] = hex[c >> 4];
            dst[out++] = hex[c & 15];
        }
    }
    if (i < n) {
        memcpy(dst + out, "...", 3);
        out += 3;
    }
    dst[out] = '\0';
    return out;
}

bool mem_equal_ct(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

bool str_is_utf8(struct slice s)
{
    const unsigned char *p = (const unsigned char *)s.p;

    for (size_t i = 0; i < s.n;) {
        unsigned char c = p[i];
        size_t more;
        uint32_t cp, min;

        if (c < 0x80) {
            i += 1 + ascii_plain_run(slice_make(p + i + 1, s.n - i - 1));
            continue;
        }
        if (c >= 0xc2 && c <= 0xdf) {
            more = 1, cp = c & 0x1f, min = 0x80;
        } else if (c >= 0xe0 && c <= 0xef) {
            more = 2, cp = c & 0x0f, min = 0x800;
        } else if (c >= 0xf0 && c <= 0xf4) {
            more = 3, cp = c & 0x07, min = 0x10000;
        } else {
            return false;
        }
        if (s.n - i <= more)
            return false;
        for (size_t k = 1; k <= more; k++) {
            if ((p[i + k] & 0xc0) != 0x80)
                return false;
            cp = (cp << 6) | (p[i + k] & 0x3fU);
        }
        if (cp < min || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
            return false;
        i += more + 1;
    }
    return true;
}

uint32_t str_next_code_point(struct slice *s)
{
    const unsigned char *p = (const unsigned char *)s->p;
    size_t more = p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 1 : p[0] < 0xf0 ? 2 : 3;
    uint32_t c = more ? p[0] & (0x3fU >> more) : p[0];

    for (size_t k = 1; k <= more; k++)
        c = c << 6 | (p[k] & 0x3fU);
    *s = slice_make(s->p + more + 1, s->n - more - 1);
    return c;
}

/* Levenshtein distance with a small bound: words of more than 40 characters are not compared. */
static size_t distance(struct slice a, struct slice b)
{
    size_t row[42];

    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t cost = diagonal + (ascii_lower(a.p[i - 1]) != ascii_lower(b.p[j - 1]));

            diagonal = row[j];
            if (row[j] + 1 < cost)
                cost = row[j] + 1;
            if (row[j - 1] + 1 < cost)
                cost = row[j - 1] + 1;
            row[j] = cost;
        }
    }
    return row[b.n];
}

const char *str_suggest(struct slice word, const char *const *names)
{
    const char *best = NULL;
    size_t best_distance = word.n < 4 ? 2 : 3; /* exclusive: one slip in a short word, two in a longer one */

    if (word.n > 40)
        return NULL;
    for (; *names; names++) {
        struct slice name = slice_of(*names);
        size_t d;

        if (name.n > 40)
            continue;
        d = distance(word, name);
        if (d < best_distance) {
            best_distance = d;
            best = *names;
        }
    }
    return best;
}
