/*
 * encode.c - see encode.h. Base64 is written by hand: EVP_DecodeBlock accepts `YR==` and `====`, libsodium is strict
 * but twenty times slower than a table, and a SAMLResponse is 7 kB of it on every login.
 */
#include "base/encode.h"

#include <endian.h>

#include <zlib.h>

static const char alphabet64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/*
 * Decoding takes four characters at once. For each of the four places there is a table of what a character means there:
 * its six bits where they belong in the three octets (the first octet lowest), and a bit of its own above them, so that
 * the four ORed together show whether all are of the alphabet. What is not is zero.
 */
#define OF_ALPHABET 0x0f000000U
#define PLACE_0(c, v) [c] = 0x01000000U | (v) << 2,
#define PLACE_1(c, v) [c] = 0x02000000U | (v) >> 4 | ((v)&15U) << 12,
#define PLACE_2(c, v) [c] = 0x04000000U | (v) >> 2 << 8 | ((v)&3U) << 22,
#define PLACE_3(c, v) [c] = 0x08000000U | (v) << 16,
/* clang-format off */
#define EIGHT(P, c, v) \
    P((c), (v)) P((c) + 1, (v) + 1U) P((c) + 2, (v) + 2U) P((c) + 3, (v) + 3U) \
    P((c) + 4, (v) + 4U) P((c) + 5, (v) + 5U) P((c) + 6, (v) + 6U) P((c) + 7, (v) + 7U)
#define TWO(P, c, v) P((c), (v)) P((c) + 1, (v) + 1U)
#define LETTERS(P, c, v) \
    EIGHT(P, (c), (v)) EIGHT(P, (c) + 8, (v) + 8U) EIGHT(P, (c) + 16, (v) + 16U) TWO(P, (c) + 24, (v) + 24U)
#define TABLE(P, c62, c63) \
    {LETTERS(P, 'A', 0U) LETTERS(P, 'a', 26U) EIGHT(P, '0', 52U) TWO(P, '8', 60U) P(c62, 62U) P(c63, 63U)}
#define TABLES(c62, c63) \
    {TABLE(PLACE_0, c62, c63), TABLE(PLACE_1, c62, c63), TABLE(PLACE_2, c62, c63), TABLE(PLACE_3, c62, c63)}
/* clang-format on */

typedef const uint32_t places64[4][256];
static places64 places = TABLES('+', '/');
static places64 places_url = TABLES('-', '_');

static int bad64(struct err *e, size_t at)
{
    return err_set(e, ERR_ENCODING, "not strict base64 (octet %zu)", at);
}

static bool is_space64(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void three_octets(unsigned char *to, uint32_t v)
{
    to[0] = (unsigned char)v;
    to[1] = (unsigned char)(v >> 8);
    to[2] = (unsigned char)(v >> 16);
}

/* Whole groups of four, for as long as all four are of the alphabet; returns how many characters that were. */
static size_t decode64_groups(const unsigned char *p, size_t n, places64 place, unsigned char *to)
{
    size_t i = 0;

    /* two groups at a time give six octets, which is one store of eight: the next groups write over the rest of it */
    for (; n - i >= 16; i += 8, to += 6) {
        uint32_t v = place[0][p[i]] | place[1][p[i + 1]] | place[2][p[i + 2]] | place[3][p[i + 3]];
        uint32_t w = place[0][p[i + 4]] | place[1][p[i + 5]] | place[2][p[i + 6]] | place[3][p[i + 7]];
        uint64_t six = htole64((v & 0xffffffU) | (uint64_t)w << 24);

        if ((v & w & OF_ALPHABET) != OF_ALPHABET)
            break;
        memcpy(to, &six, sizeof six);
    }
    for (; n - i >= 4; i += 4, to += 3) {
        uint32_t v = place[0][p[i]] | place[1][p[i + 1]] | place[2][p[i + 2]] | place[3][p[i + 3]];

        if ((v & OF_ALPHABET) != OF_ALPHABET)
            break;
        three_octets(to, v);
    }
    return i;
}

static int decode64(struct slice text, places64 place, bool url, struct buf *out, struct err *e)
{
    const unsigned char *p = (const unsigned char *)text.p;
    uint32_t group = 0;
    unsigned have = 0; /* characters in it */
    size_t pad = 0;
    unsigned char *to = (unsigned char *)buf_room(out, text.n / 4 * 3 + 3);

    if (!to)
        return err_set(e, ERR_LIMIT, "base64 text of %zu bytes does not fit %zu", text.n, out->max);
    for (size_t i = 0; i < text.n; i++) {
        uint32_t v;

        if (have == 0 && pad == 0) {
            size_t n = decode64_groups(p + i, text.n - i, place, to);

            to += n / 4 * 3;
            i += n;
            if (i == text.n)
                break;
        }
        v = place[have][p[i]];
        if (v && !pad) {
            group |= v;
            if (++have == 4) {
                three_octets(to, group);
                to += 3;
                group = 0;
                have = 0;
            }
        } else if (url || !(p[i] == '=' ? ++pad <= 2 : is_space64(p[i]))) {
            return bad64(e, i);
        }
    }
    /* what is left must make whole octets, and nothing may be left over of them */
    if (have == 1 || (!url && (have ? 4 - have : 0) != pad) || (have == 2 && group & 0xff00) ||
        (have == 3 && group & 0xff0000))
        return bad64(e, text.n);
    for (unsigned k = 1; k < have; k++, group >>= 8)
        *to++ = (unsigned char)group;
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
    return decode64(text, places, false, out, e);
}

void base64_encode(struct buf *out, const void *data, size_t n)
{
    encode64(out, data, n, alphabet64, true);
}

int base64url_decode(struct slice text, struct buf *out, struct err *e)
{
    return decode64(text, places_url, true, out, e);
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
