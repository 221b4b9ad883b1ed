/*
 * encode.c - see encode.h. Base64 is written by hand: EVP_DecodeBlock accepts `YR==` and `====`, libsodium is strict
 * but twenty times slower than a table, and a SAMLResponse is 7 kB of it on every login.
 */
#include "base/encode.h"

#include <zlib.h>

static const char alphabet64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#define IS_SPACE 0x40
#define IS_BAD 0x80
#define A8(base) (base), (base) + 1, (base) + 2, (base) + 3, (base) + 4, (base) + 5, (base) + 6, (base) + 7
#define X IS_BAD
#define X8 X, X, X, X, X, X, X, X
#define X16 X8, X8
#define SP IS_SPACE
/* What stands in 0x20 to 0x2f and 0x50 to 0x5f tells the two alphabets apart. */
static const unsigned char value64[256] = {
    X,   X,      X,      X,      X,   X,   X,   X,   X,  SP, SP, X,  X, SP, X, X,  X16, /* 00 */
    SP,  X,      X,      X,      X,   X,   X,   X,   X,  X,  X,  62, X, X,  X, 63,      /* 20 */
    52,  53,     54,     55,     56,  57,  58,  59,  60, 61, X,  X,  X, X,  X, X,       /* 30 */
    X,   A8(0),  A8(8),  A8(16), 24,  25,  X,   X,   X,  X,  X,                         /* 40 */
    X,   A8(26), A8(34), A8(42), 50,  51,  X,   X,   X,  X,  X,                         /* 60 */
    X16, X16,    X16,    X16,    X16, X16, X16, X16,                                    /* 80 */
};
static const unsigned char value64url[256] = {
    X16, X16,                                                                    /* 00 */
    X,   X,      X,      X,      X,   X,   X,   X,   X,  X,  X,  X, X, 62, X, X, /* 20 */
    52,  53,     54,     55,     56,  57,  58,  59,  60, 61, X,  X, X, X,  X, X, /* 30 */
    X,   A8(0),  A8(8),  A8(16), 24,  25,  X,   X,   X,  X,  63,                 /* 40 */
    X,   A8(26), A8(34), A8(42), 50,  51,  X,   X,   X,  X,  X,                  /* 60 */
    X16, X16,    X16,    X16,    X16, X16, X16, X16,                             /* 80 */
};

static int bad64(struct err *e, size_t at)
{
    return err_set(e, ERR_ENCODING, "not strict base64 (octet %zu)", at);
}

/* Whole groups of four, for as long as all four are of the alphabet; returns how many characters that were. */
static size_t decode64_groups(const unsigned char *p, size_t n, const unsigned char value[256], unsigned char *to)
{
    size_t i = 0;

    for (; n - i >= 4; i += 4) {
        unsigned a = value[p[i]], b = value[p[i + 1]], c = value[p[i + 2]], d = value[p[i + 3]];
        uint32_t three = a << 18 | b << 12 | c << 6 | d;

        if ((a | b | c | d) >= IS_SPACE)
            break;
        *to++ = (unsigned char)(three >> 16);
        *to++ = (unsigned char)(three >> 8);
        *to++ = (unsigned char)three;
    }
    return i;
}

static int decode64(struct slice text, const unsigned char value[256], bool pads, struct buf *out, struct err *e)
{
    const unsigned char *p = (const unsigned char *)text.p;
    uint32_t acc = 0;
    unsigned have = 0; /* sextets in acc */
    size_t pad = 0;
    unsigned char *to = (unsigned char *)buf_room(out, text.n / 4 * 3 + 3);

    if (!to)
        return err_set(e, ERR_LIMIT, "base64 text of %zu bytes does not fit %zu", text.n, out->max);
    for (size_t i = 0; i < text.n; i++) {
        unsigned v;

        if (have == 0 && pad == 0) {
            size_t groups = decode64_groups(p + i, text.n - i, value, to);

            to += groups / 4 * 3;
            i += groups;
            if (i == text.n)
                break;
        }
        v = value[p[i]];
        if (v == IS_SPACE)
            continue;
        if (p[i] == '=' && pads) {
            if (++pad > 2)
                return bad64(e, i);
            continue;
        }
        if (v > IS_SPACE || pad)
            return bad64(e, i);
        acc = acc << 6 | v;
        if (++have == 4) {
            *to++ = (unsigned char)(acc >> 16);
            *to++ = (unsigned char)(acc >> 8);
            *to++ = (unsigned char)acc;
            acc = 0;
            have = 0;
        }
    }
    if (have == 1 || (pads && (have ? 4 - have : 0) != pad))
        return bad64(e, text.n);
    if (have == 2) {
        if (acc & 0xf)
            return bad64(e, text.n);
        *to++ = (unsigned char)(acc >> 4);
    } else if (have == 3) {
        if (acc & 3)
            return bad64(e, text.n);
        *to++ = (unsigned char)(acc >> 10);
        *to++ = (unsigned char)(acc >> 2);
    }
    out->len = (size_t)(to - (unsigned char *)out->data);
    out->data[out->len] = '\0';
    return 0;
}

static void encode64(struct buf *out, const void *data, size_t n, const char *alphabet, bool pad)
{
    const unsigned char *p = data;

    for (size_t i = 0; i < n; i += 3) {
        size_t have = n - i < 3 ? n - i : 3;
        uint32_t v = (uint32_t)p[i] << 16 | (have > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (have > 2 ? p[i + 2] : 0);
        char four[4] = {alphabet[v >> 18], alphabet[v >> 12 & 63], alphabet[v >> 6 & 63], alphabet[v & 63]};

        for (size_t k = have + 1; pad && k < 4; k++)
            four[k] = '=';
        buf_add(out, four, pad ? 4 : have + 1);
    }
}

int base64_decode(struct slice text, struct buf *out, struct err *e)
{
    return decode64(text, value64, true, out, e);
}

void base64_encode(struct buf *out, const void *data, size_t n)
{
    encode64(out, data, n, alphabet64, true);
}

int base64url_decode(struct slice text, struct buf *out, struct err *e)
{
    return decode64(text, value64url, false, out, e);
}

void base64url_encode(struct buf *out, const void *data, size_t n)
{
    encode64(out, data, n, alphabet64url, false);
}

void hex_encode(char *dst, const void *data, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = data;

    for (size_t i = 0; i < n; i++) {
        *dst++ = digits[p[i] >> 4];
        *dst++ = digits[p[i] & 15];
    }
    *dst = '\0';
}

static void percent_octet(struct buf *out, char c)
{
    static const char digits[] = "0123456789ABCDEF";
    unsigned char u = (unsigned char)c;
    char text[3] = {'%', digits[u >> 4], digits[u & 15]};

    buf_add(out, text, 3);
}

void percent_encode(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (ascii_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~')
            buf_add_char(out, c);
        else
            percent_octet(out, c);
    }
}

void header_encode(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] >= 0x20 && s.p[i] < 0x7f && s.p[i] != '%')
            buf_add_char(out, s.p[i]);
        else
            percent_octet(out, s.p[i]);
    }
}

int percent_decode(struct slice s, bool plus_is_space, struct buf *out, struct err *e)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (c == '%') {
            int hi = i + 2 < s.n ? ascii_hex_value(s.p[i + 1]) : -1;
            int lo = i + 2 < s.n ? ascii_hex_value(s.p[i + 2]) : -1;

            if (hi < 0 || lo < 0)
                return err_set(e, ERR_ENCODING, "%% without two hex digits (octet %zu)", i);
            c = (char)(hi << 4 | lo);
            i += 2;
        }
        buf_add_char(out, c);
    }
    if (buf_failed(out))
        return err_set(e, ERR_LIMIT, "text of %zu bytes does not fit %zu", s.n, out->max);
    return 0;
}

void html_escape(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        switch (c) {
        case '&': buf_add_str(out, "&amp;"); break;
        case '<': buf_add_str(out, "&lt;"); break;
        case '>': buf_add_str(out, "&gt;"); break;
        case '"': buf_add_str(out, "&quot;"); break;
        case '\'': buf_add_str(out, "&#39;"); break;
        default:
            if (((unsigned char)c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
                buf_add_str(out, "\xef\xbf\xbd");
            else
                buf_add_char(out, c);
        }
    }
}

/* zlib wants non-const input; it does not write to it. */
static Bytef *zlib_in(struct slice in)
{
    union {
        const char *c;
        Bytef *u;
    } cast = {.c = in.p};

    return cast.u;
}

int deflate_raw(struct slice in, struct buf *out, struct err *e)
{
    z_stream z = {.next_in = zlib_in(in), .avail_in = (uInt)in.n};
    size_t room;
    int rc;

    if (in.n > 1U << 24)
        return err_set(e, ERR_LIMIT, "%zu bytes are too many to deflate", in.n);
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return err_set(e, ERR_MEMORY, "deflateInit2");
    room = deflateBound(&z, (uLong)in.n);
    z.next_out = (Bytef *)buf_room(out, room);
    z.avail_out = (uInt)room;
    rc = z.next_out ? deflate(&z, Z_FINISH) : Z_BUF_ERROR;
    (void)deflateEnd(&z);
    if (rc != Z_STREAM_END)
        return err_set(e, ERR_LIMIT, "deflated text does not fit %zu bytes", out->max);
    out->len += room - z.avail_out;
    out->data[out->len] = '\0';
    return 0;
}

int inflate_raw(struct slice in, struct buf *out, struct err *e)
{
    z_stream z = {.next_in = zlib_in(in), .avail_in = (uInt)in.n};
    size_t room = out->max - out->len;
    int rc;

    if (in.n > 1U << 24 || room > 1U << 24)
        return err_set(e, ERR_LIMIT, "%zu bytes are too many to inflate", in.n);
    if (inflateInit2(&z, -15) != Z_OK)
        return err_set(e, ERR_MEMORY, "inflateInit2");
    z.next_out = (Bytef *)buf_room(out, room);
    z.avail_out = (uInt)room;
    rc = z.next_out ? inflate(&z, Z_FINISH) : Z_MEM_ERROR;
    (void)inflateEnd(&z);
    if (rc == Z_BUF_ERROR && z.avail_out == 0)
        return err_set(e, ERR_LIMIT, "inflated text is larger than %zu bytes", room);
    if (rc != Z_STREAM_END || z.avail_in != 0)
        return err_set(e, ERR_ENCODING, "not raw deflate data, or data behind its end");
    out->len += room - z.avail_out;
    out->data[out->len] = '\0';
    return 0;
}
