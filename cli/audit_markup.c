/* audit_markup.c - see audit_markup.h. */
#include "cli/audit_markup.h"

#include "base/encode.h"

#define PROLOGUE_MAX 4096   /* of a message inside of other text */
#define DECLARATION_MAX 128 /* of an XML declaration there */
#define TAG_MAX 16384       /* prescan takes no longer one */

static struct slice from(struct slice s, size_t at)
{
    return at < s.n ? slice_make(s.p + at, s.n - at) : SLICE("");
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* --- HTML inputs ------------------------------------------------------------------------------------------------- */

/* One character reference at the front of `s`, which begins with '&'; its length, 0 if it is none that counts here. */
static size_t reference(struct slice s, struct buf *out)
{
    static const struct {
        struct slice name;
        char c;
    } named[] = {{{"&amp;", 5}, '&'},    {{"&lt;", 4}, '<'},   {{"&gt;", 4}, '>'},
                 {{"&quot;", 6}, '"'},   {{"&plus;", 6}, '+'}, {{"&sol;", 5}, '/'},
                 {{"&equals;", 8}, '='}, {{"&Tab;", 5}, '\t'}, {{"&NewLine;", 9}, '\n'}};
    unsigned value = 0;
    size_t i = 2;
    bool hex;

    for (size_t k = 0; k < sizeof named / sizeof *named; k++) {
        if (slice_starts(s, named[k].name)) {
            buf_add_char(out, named[k].c);
            return named[k].name.n;
        }
    }
    if (s.n < 4 || s.p[1] != '#')
        return 0;
    hex = s.p[2] == 'x' || s.p[2] == 'X';
    for (i += hex; i < s.n && i < 10; i++) {
        int digit = ascii_hex_value(s.p[i]);

        if (digit < 0 || (!hex && digit > 9))
            break;
        value = value * (hex ? 16U : 10U) + (unsigned)digit;
    }
    if (i >= s.n || s.p[i] != ';' || value == 0 || value > 0x7f) /* base64 is ASCII */
        return 0;
    buf_add_char(out, (char)value);
    return i + 1;
}

static void unescape(struct slice s, struct buf *out)
{
    buf_reset(out);
    while (s.n > 0) {
        size_t n = s.p[0] == '&' ? reference(s, out) : 0;

        if (n == 0) {
            buf_add_char(out, s.p[0]);
            n = 1;
        }
        s = from(s, n);
    }
}

/* One attribute at s[*at]; false at the end of the tag. Values are raw. */
static bool html_attribute(struct slice s, size_t *at, struct slice *ret_name, struct slice *ret_value)
{
    size_t i = *at, start;
    char quote;

    while (i < s.n && (is_space(s.p[i]) || s.p[i] == '/'))
        i++;
    start = i;
    while (i < s.n && !is_space(s.p[i]) && !strchr("=<>/", s.p[i]))
        i++;
    *ret_name = slice_make(s.p + start, i - start);
    *ret_value = SLICE("");
    while (i < s.n && is_space(s.p[i]))
        i++;
    if (ret_name->n == 0 || i >= s.n || s.p[i] == '<') {
        *at = i;
        return false;
    }
    if (s.p[i] == '=') {
        i++;
        while (i < s.n && is_space(s.p[i]))
            i++;
        quote = i < s.n && (s.p[i] == '"' || s.p[i] == '\'') ? s.p[i++] : '\0';
        start = i;
        while (i < s.n && (quote ? s.p[i] != quote : !is_space(s.p[i]) && s.p[i] != '>'))
            i++;
        *ret_value = slice_make(s.p + start, i - start);
        if (quote && i < s.n)
            i++;
    }
    *at = i;
    return true;
}

size_t markup_input(struct slice s, size_t max, struct buf *value)
{
    struct slice name, raw, found = {NULL, 0};
    size_t at = 6;
    bool ours = false;

    if (s.n > max)
        s.n = max;
    if (s.n < 7 || !slice_is_nocase(slice_make(s.p, 6), "<input") || !(is_space(s.p[6]) || s.p[6] == '/'))
        return 0;
    while (html_attribute(s, &at, &name, &raw)) {
        if (slice_is_nocase(name, "name"))
            ours = slice_is(raw, "SAMLResponse") || slice_is(raw, "SAMLRequest");
        else if (slice_is_nocase(name, "value"))
            found = raw;
    }
    if (!ours || !found.p || at >= s.n || s.p[at] != '>')
        return 0;
    unescape(found, value);
    return buf_failed(value) ? 0 : at + 1;
}

/* --- XML --------------------------------------------------------------------------------------------------------- */

static bool is_name(char c)
{
    return ascii_is_alnum(c) || c == '_' || c == '-' || c == '.' || c == ':' || (unsigned char)c >= 0x80;
}

static struct slice name_at(struct slice s)
{
    size_t n = 0;

    while (n < s.n && n < 256 && is_name(s.p[n]))
        n++;
    return slice_make(s.p, n);
}

static bool is_message_name(struct slice qname)
{
    static const char *const names[] = {"Response",
                                        "AuthnRequest",
                                        "LogoutRequest",
                                        "LogoutResponse",
                                        "ArtifactResolve",
                                        "ArtifactResponse",
                                        "EntityDescriptor",
                                        "EntitiesDescriptor",
                                        "NameIDMappingRequest",
                                        "NameIDMappingResponse",
                                        "ManageNameIDRequest",
                                        "ManageNameIDResponse",
                                        "Assertion",
                                        "EncryptedAssertion"};
    ptrdiff_t colon = slice_find(qname, ':');
    struct slice local = colon < 0 ? qname : from(qname, (size_t)colon + 1);

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (slice_is(local, names[i]))
            return true;
    }
    return false;
}

/* Where `what` ends in `s`, or s.n. */
static size_t behind(struct slice s, struct slice what)
{
    const char *p = s.n ? memmem(s.p, s.n, what.p, what.n) : NULL;

    return p ? (size_t)(p - s.p) + what.n : s.n;
}

/* Past a DOCTYPE and its internal subset; quotes are not looked into, a '>' in one ends it early and finds no root. */
static size_t doctype_end(struct slice s)
{
    ptrdiff_t close = slice_find(s, '>'), open = slice_find(s, '[');

    if (open >= 0 && open < close)
        return behind(s, SLICE("]>"));
    return close < 0 ? s.n : (size_t)close + 1;
}

/* The '<' of the root: past white space, comments, instructions and a DOCTYPE. s.n if there is none. */
static size_t root_at(struct slice s)
{
    size_t at = slice_starts(s, SLICE("\xef\xbb\xbf")) ? 3 : 0;

    while (at < s.n) {
        struct slice rest = from(s, at);

        if (is_space(s.p[at]))
            at++;
        else if (slice_starts(rest, SLICE("<?")))
            at += behind(rest, SLICE("?>"));
        else if (slice_starts(rest, SLICE("<!--")))
            at += behind(rest, SLICE("-->"));
        else if (slice_starts(rest, SLICE("<!")))
            at += doctype_end(rest);
        else
            return s.p[at] == '<' ? at : s.n;
    }
    return s.n;
}

static bool mentions_saml(struct slice s)
{
    return s.n && memmem(s.p, s.n, "urn:oasis:names:tc:SAML", 23) != NULL;
}

bool markup_is_message(struct slice s, size_t *ret_tag)
{
    struct slice front = slice_make(s.p, s.n < DECLARATION_MAX ? s.n : DECLARATION_MAX);
    size_t root = 0, end;

    if ((slice_starts(s, SLICE("<?xml")) && memmem(front.p, front.n, "?>", 2)) || slice_starts(s, SLICE("<!DOCTYPE")))
        root = root_at(slice_make(s.p, s.n < PROLOGUE_MAX ? s.n : PROLOGUE_MAX));
    if (root + 1 >= s.n || !is_message_name(name_at(from(s, root + 1))))
        return false;
    for (end = root + 1; end < s.n && end - root < TAG_MAX && s.p[end] != '<' && s.p[end] != '>'; end++)
        ;
    if (end >= s.n || s.p[end] != '>' || !mentions_saml(slice_make(s.p + root, end - root)))
        return false;
    *ret_tag = end + 1;
    return true;
}

/* Elements of the same name inside are counted, as signature wrapping likes to have them. */
size_t markup_element(struct slice s, size_t max, size_t *ret_looked)
{
    size_t at = s.p[1] == '?' || s.p[1] == '!' ? root_at(slice_make(s.p, s.n < PROLOGUE_MAX ? s.n : PROLOGUE_MAX)) : 0;
    struct slice name = name_at(from(s, at + 1));
    size_t depth = 0;

    if (s.n > max)
        s.n = max;
    *ret_looked = s.n;
    while (at < s.n) {
        const char *open = memchr(s.p + at, '<', s.n - at);
        struct slice rest;
        bool end;

        if (!open)
            return 0;
        at = (size_t)(open - s.p) + 1;
        end = at < s.n && s.p[at] == '/';
        rest = from(s, at + end);
        if (!slice_eq(name_at(rest), name))
            continue;
        open = memchr(rest.p, '>', rest.n);
        if (!open)
            return 0;
        at = (size_t)(open - s.p) + 1;
        if (!end && open[-1] != '/')
            depth++;
        else if (end && depth > 0)
            depth--;
        if (depth == 0) {
            *ret_looked = at;
            return at;
        }
    }
    return 0;
}

bool markup_root_is_message(struct slice s)
{
    size_t root = root_at(s);

    return root + 1 < s.n && is_message_name(name_at(from(s, root + 1))) && mentions_saml(s);
}
