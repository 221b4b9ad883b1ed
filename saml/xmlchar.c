/* xmlchar.c - see xmlchar.h. */
#include "saml/xmlchar.h"

#define TEN(c)                                                                                                       \
    [c] = 1, [c + 1] = 1, [c + 2] = 1, [c + 3] = 1, [c + 4] = 1, [c + 5] = 1, [c + 6] = 1, [c + 7] = 1, [c + 8] = 1, \
    [c + 9] = 1
#define SIX(c) [c] = 1, [c + 1] = 1, [c + 2] = 1, [c + 3] = 1, [c + 4] = 1, [c + 5] = 1
const bool xmlchar_ascii_names[256] = {TEN('0'), TEN('A'), TEN('K'),  SIX('U'),  TEN('a'),
                                       TEN('k'), SIX('u'), ['_'] = 1, ['-'] = 1, ['.'] = 1};

uint32_t xmlchar_next(struct slice s, size_t *at)
{
    unsigned char lead = (unsigned char)s.p[*at];
    size_t more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    uint32_t c = more == 0 ? lead : lead & (0x3fU >> more);

    for (*at += 1; more > 0; more--, *at += 1)
        c = c << 6 | ((unsigned char)s.p[*at] & 0x3fU);
    return c;
}

bool xmlchar_valid(uint32_t c)
{
    return c == 0x9 || c == 0xa || c == 0xd || (c >= 0x20 && c <= 0xd7ff) || (c >= 0xe000 && c <= 0xfffd) ||
           (c >= 0x10000 && c <= 0x10ffff);
}

bool xmlchar_name_start(uint32_t c)
{
    static const uint32_t range[][2] = {
        {0xc0, 0xd6},     {0xd8, 0xf6},     {0xf8, 0x2ff},    {0x370, 0x37d},   {0x37f, 0x1fff},  {0x200c, 0x200d},
        {0x2070, 0x218f}, {0x2c00, 0x2fef}, {0x3001, 0xd7ff}, {0xf900, 0xfdcf}, {0xfdf0, 0xfffd}, {0x10000, 0xeffff},
    };

    if (c < 0x80)
        return ascii_is_alpha((char)c) || c == '_';
    for (size_t i = 0; i < sizeof range / sizeof range[0]; i++) {
        if (c >= range[i][0] && c <= range[i][1])
            return true;
    }
    return false;
}

bool xmlchar_name(uint32_t c)
{
    return xmlchar_name_start(c) || (c < 0x80 && (ascii_is_digit((char)c) || c == '-' || c == '.')) || c == 0xb7 ||
           (c >= 0x300 && c <= 0x36f) || (c >= 0x203f && c <= 0x2040);
}

size_t xmlchar_put(char *dst, uint32_t c)
{
    if (c < 0x80) {
        dst[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        dst[0] = (char)(0xc0 | c >> 6);
        dst[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        dst[0] = (char)(0xe0 | c >> 12);
        dst[1] = (char)(0x80 | (c >> 6 & 0x3f));
        dst[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    dst[0] = (char)(0xf0 | c >> 18);
    dst[1] = (char)(0x80 | (c >> 12 & 0x3f));
    dst[2] = (char)(0x80 | (c >> 6 & 0x3f));
    dst[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

uint32_t xmlchar_reference(struct slice name)
{
    static const struct {
        const char *name;
        uint32_t c;
    } predefined[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    uint32_t c = 0, base = 10;
    size_t i = 1;

    for (size_t k = 0; k < sizeof predefined / sizeof predefined[0]; k++) {
        if (slice_is(name, predefined[k].name))
            return predefined[k].c;
    }
    if (name.n < 2 || name.p[0] != '#')
        return 0;
    if (name.p[1] == 'x') {
        base = 16;
        i = 2;
    }
    if (i == name.n)
        return 0;
    for (; i < name.n; i++) {
        int digit = ascii_hex_value(name.p[i]);

        if (digit < 0 || (uint32_t)digit >= base)
            return 0;
        c = c * base + (uint32_t)digit;
        if (c > 0x10ffff)
            return 0;
    }
    return xmlchar_valid(c) ? c : 0;
}
