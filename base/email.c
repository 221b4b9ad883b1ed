/*
 * email.c - see email.h. ASCII names never reach libidn2; labels with other characters go through it one at a time,
 * and only if the mapping of UTS 46 changed nothing but case. Otherwise libidn2 2.3 would repair what we must refuse:
 * "a_b.com" becomes ab.com, a Kelvin sign k, an ideographic full stop a dot, a zero width space nothing.
 */
#include "base/email.h"

#include <idn2.h>

#define LABEL_MAX 63
#define LABEL_INPUT_MAX (4 * LABEL_MAX) /* no code point is longer than four octets */

static int bad(struct err *e, struct slice found, const char *expected, const char *what)
{
    char text[96];

    str_cut(text, sizeof text, found);
    return err_mismatch(e, ERR_EMAIL, text, expected, "%s", what);
}

static bool is_ascii(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    }
    return true;
}

/* The Unicode label that came back differs from what was typed in case at most: every code point kept its place, and
 * none moved between ASCII and the rest. */
static bool only_case_changed(struct slice typed, struct slice back)
{
    while (typed.n && back.n) {
        uint32_t from = str_next_code_point(&typed), to = str_next_code_point(&back);

        if (from < 0x80 ? (uint32_t)ascii_lower((char)from) != to : to < 0x80)
            return false;
    }
    return typed.n == 0 && back.n == 0;
}

/* LDH, 1 to 63 octets, no hyphen at either end, "--" in third place only behind "xn". */
static bool label_is_ldh(struct slice label)
{
    if (label.n < 1 || label.n > LABEL_MAX || label.p[0] == '-' || label.p[label.n - 1] == '-')
        return false;
    for (size_t i = 0; i < label.n; i++) {
        if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-')
            return false;
    }
    return label.n < 4 || label.p[2] != '-' || label.p[3] != '-' || slice_is_nocase(slice_make(label.p, 2), "xn");
}

/* A label that needs IDNA: Unicode, or an A-label whose content must be valid. `ret` gets the lower-case A-label. */
static bool label_to_ascii(struct slice label, char ret[LABEL_MAX + 1])
{
    char typed[LABEL_INPUT_MAX + 1];
    uint8_t *ascii = NULL;
    char *back = NULL;
    bool unicode = !is_ascii(label), ok = false;

    for (size_t i = 0; i < label.n; i++) {
        if ((unsigned char)label.p[i] < 0x80 && !ascii_is_alnum(label.p[i]) && label.p[i] != '-')
            return false;
    }
    if (!str_copy(typed, sizeof typed, label))
        return false;
    if (idn2_lookup_u8((const uint8_t *)typed, &ascii, IDN2_NONTRANSITIONAL | IDN2_USE_STD3_ASCII_RULES) != IDN2_OK)
        goto out;
    if (!label_is_ldh(slice_of((const char *)ascii)) || !str_copy(ret, LABEL_MAX + 1, slice_of((const char *)ascii)))
        goto out;
    if (!unicode) {
        ok = slice_is_nocase(label, ret);
        goto out;
    }
    if (strncmp(ret, "xn--", 4) != 0 || idn2_to_unicode_8z8z(ret, &back, 0) != IDN2_OK)
        goto out;
    ok = only_case_changed(label, slice_of(back));
out:
    idn2_free(back);
    idn2_free(ascii);
    return ok;
}

static bool label_needs_idna(struct slice label)
{
    return !is_ascii(label) || (label.n >= 4 && slice_is_nocase(slice_make(label.p, 4), "xn--"));
}

static const char expected_domain[] = "a domain of letters, digits and hyphens, at most 63 octets a label, 253 in all";

/* Appends one label and a dot before it, unless it is the first. */
static bool add_label(struct slice label, char *out, size_t *n)
{
    char ascii[LABEL_MAX + 1];

    if (label_needs_idna(label)) {
        if (!label_to_ascii(label, ascii))
            return false;
        label = slice_of(ascii);
    } else if (!label_is_ldh(label)) {
        return false;
    }
    if (*n + (*n > 0) + label.n > DOMAIN_MAX)
        return false;
    if (*n > 0)
        out[(*n)++] = '.';
    for (size_t i = 0; i < label.n; i++)
        out[(*n)++] = ascii_lower(label.p[i]);
    return true;
}

/* A last label that is a number makes an IPv4 address out of the name, in a browser also "0x7f" (WHATWG URL 3.5). */
static bool is_number(struct slice label)
{
    bool hex = label.n >= 2 && label.p[0] == '0' && ascii_lower(label.p[1]) == 'x';

    for (size_t i = hex ? 2 : 0; i < label.n; i++) {
        if (hex ? ascii_hex_value(label.p[i]) < 0 : !ascii_is_digit(label.p[i]))
            return false;
    }
    return true;
}

int domain_parse(struct slice text, bool single_label, char ret[DOMAIN_MAX + 1], struct err *e)
{
    struct slice rest = text, label = {NULL, 0};
    char out[DOMAIN_MAX + 1];
    size_t n = 0, labels = 0;

    if (text.n == 0)
        return bad(e, text, expected_domain, "the domain is empty");
    if (text.n > 4 * DOMAIN_MAX || !str_is_utf8(text))
        return bad(e, text, expected_domain, "the domain is too long or not UTF-8");
    while (slice_split(&rest, '.', &label)) {
        if (!add_label(label, out, &n))
            return bad(e, text, expected_domain, "not a domain name");
        labels++;
    }
    if (labels < 2 && !single_label)
        return bad(e, text, "at least two labels, as in example.com", "not a full domain name");
    if (is_number(label))
        return bad(e, text, "a name, not an address", "the last label is a number");
    memcpy(ret, out, n);
    ret[n] = '\0';
    return 0;
}

static bool local_is_ok(struct slice local)
{
    static const char others[] = "!#$&'*+/=?^_{}~-";
    char before = '.'; /* so that a leading dot is a double one */

    if (local.n < 1 || local.n > EMAIL_LOCAL_MAX)
        return false;
    for (size_t i = 0; i < local.n; i++) {
        char c = local.p[i];

        if (c == '.' ? before == '.' : !ascii_is_alnum(c) && !memchr(others, c, sizeof others - 1))
            return false;
        before = c;
    }
    return before != '.';
}

int email_parse(struct slice text, struct email *ret, struct err *e)
{
    ptrdiff_t at = slice_find(text, '@');
    struct slice local, host;
    struct email out;
    size_t n;

    if (at < 0)
        return bad(e, text, "name@example.com", "not an e-mail address: no @");
    local = slice_make(text.p, (size_t)at);
    host = slice_make(text.p + at + 1, text.n - (size_t)at - 1);
    if (!local_is_ok(local))
        return bad(e, text, "1 to 64 ASCII letters, digits and .!#$&'*+/=?^_{}~- before the @, dots only between them",
                   "not an acceptable e-mail address");
    if (domain_parse(host, false, out.domain, e) != 0)
        return -1;
    n = strlen(out.domain);
    if (local.n + 1 + n > EMAIL_MAX)
        return bad(e, text, "at most 254 octets", "e-mail address too long");
    memcpy(out.text, local.p, local.n);
    out.text[local.n] = '@';
    memcpy(out.text + local.n + 1, out.domain, n + 1);
    for (size_t i = 0; i < local.n; i++)
        out.local[i] = ascii_lower(local.p[i]);
    out.local[local.n] = '\0';
    memcpy(out.key, out.local, local.n);
    memcpy(out.key + local.n, out.text + local.n, n + 2);
    *ret = out;
    return 0;
}

bool domain_covers(const char *domain, const char *host)
{
    size_t d = strlen(domain), h = strlen(host);

    if (d == 0 || h < d || strcmp(host + h - d, domain) != 0)
        return false;
    return h == d || host[h - d - 1] == '.';
}
