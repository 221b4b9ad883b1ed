/*
 * prescan.c - see prescan.h. Two walks: octets (UTF-8, characters), then markup (what there is, and how much of it).
 */
#include "saml/prescan.h"

#include "saml/metadata.h"
#include "saml/verify.h"
#include "saml/xmlchar.h"

const struct prescan_limits prescan_message = {
    .bytes = SAML_XML_MAX,
    .elements = 4096,
    .comments = 64,
    .cdata = 256,
    .attributes_total = 16 * 1024,
    .tag_bytes = 16 * 1024,
    .text_bytes = 256 * 1024,
    .attributes = 64,
    .namespaces = 32,
    .scope = 64,
    .scope_bytes = 4096,
    .namespaces_total = 1024,
};

const struct prescan_limits prescan_metadata = {
    .bytes = SAML_METADATA_MAX,
    .elements = 512 * 1024,
    .comments = 64 * 1024,
    .cdata = 64 * 1024,
    .attributes_total = 2 * 1024 * 1024,
    .tag_bytes = 16 * 1024,
    .text_bytes = 256 * 1024,
    .attributes = 64,
    .namespaces = 32,
    .scope = 64,
    .scope_bytes = 4096,
    .namespaces_total = 256 * 1024,
    .instructions = true,
};

struct scan {
    const struct prescan_limits *max;
    const char *start, *p, *end;
    size_t elements, comments, cdata, attributes, namespaces;
    size_t depth;
    bool root_seen;
    size_t scope, scope_bytes; /* of all open elements */
    struct {
        size_t scope, scope_bytes; /* before the element at this depth */
    } open[PRESCAN_DEPTH_MAX];
    struct err *e;
};

static int refuse(struct scan *s, enum err_code code, const char *what)
{
    (void)err_set(s->e, code, "%s", what);
    return err_at(s->e, "octet %zu", (size_t)(s->p - s->start));
}

static int too_many(struct scan *s, const char *what, size_t max)
{
    (void)err_set(s->e, ERR_XML_LIMIT, "more than %zu %s", max, what);
    return err_at(s->e, "octet %zu", (size_t)(s->p - s->start));
}

static inline bool starts(const struct scan *s, const char *literal)
{
    return slice_starts(slice_make(s->p, (size_t)(s->end - s->p)), slice_of(literal));
}

static bool skip_space(struct scan *s)
{
    const char *from = s->p;

    while (s->p < s->end && xmlchar_space(*s->p))
        s->p++;
    return s->p > from;
}

/* --- octets ------------------------------------------------------------------------------------------------------ */

/* XML 1.0 production [2] Char beyond what str_is_utf8() refuses: no control characters, no U+FFFE, U+FFFF. */
static int check_octets(struct scan *s, bool ascii_only)
{
    const char *from = s->p;
    bool ascii = true;

    while (s->p < s->end) {
        unsigned char c = (unsigned char)*s->p;

        if (c < 0x20 && !xmlchar_space((char)c))
            return refuse(s, ERR_XML_ENCODING, c ? "control character" : "NUL octet");
        if (c >= 0x80 && ascii_only)
            return refuse(s, ERR_XML_ENCODING, "the declared encoding is not UTF-8, but not all octets are ASCII");
        if (c >= 0x80)
            ascii = false;
        if (c == 0xef && (starts(s, "\xef\xbf\xbe") || starts(s, "\xef\xbf\xbf")))
            return refuse(s, ERR_XML_ENCODING, "U+FFFE or U+FFFF, which XML does not allow");
        s->p++;
        s->p += ascii_plain_run(slice_make(s->p, (size_t)(s->end - s->p)));
    }
    s->p = from;
    if (!ascii && !str_is_utf8(slice_make(from, (size_t)(s->end - from))))
        return refuse(s, ERR_XML_ENCODING, "not valid UTF-8");
    return 0;
}

/* ISO-8859-1 is the first 256 characters of Unicode. From s->p on the scan continues in `scratch`. */
static int from_latin1(struct scan *s, struct buf *scratch)
{
    size_t n = (size_t)(s->end - s->p), out = 0;
    char *to = buf_room(scratch, 2 * n);

    if (!to)
        return err_set(s->e, ERR_MEMORY, "no memory to convert %zu octets", n);
    for (; s->p < s->end; s->p++) {
        unsigned char c = (unsigned char)*s->p;

        if (c >= 0x80)
            to[out++] = (char)(0xc0 | c >> 6);
        to[out++] = (char)(c < 0x80 ? c : 0x80 | (c & 0x3f));
    }
    scratch->len += out;
    s->start = s->p = to;
    s->end = to + out;
    return 0;
}

/* --- XML declaration --------------------------------------------------------------------------------------------- */

/* Encodings in which an all-ASCII document has the same meaning as in UTF-8. */
static bool is_ascii_compatible(struct slice name)
{
    static const char *const families[] = {"iso-8859-", "windows-125"};

    if (slice_is_nocase(name, "us-ascii") || slice_is_nocase(name, "ascii"))
        return true;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        size_t n = strlen(families[i]);
        uint64_t part;

        if (name.n > n && slice_is_nocase(slice_make(name.p, n), families[i]))
            return str_to_u64(slice_make(name.p + n, name.n - n), 16, &part);
    }
    return false;
}

/* NAME S? '=' S? quoted; *ret_value is without quotes. False leaves s->p anywhere. */
static bool pseudo_attribute(struct scan *s, const char *name, struct slice *ret_value)
{
    const char *close;

    if (!starts(s, name))
        return false;
    s->p += strlen(name);
    (void)skip_space(s);
    if (s->p == s->end || *s->p++ != '=')
        return false;
    (void)skip_space(s);
    if (s->p == s->end || (*s->p != '"' && *s->p != '\''))
        return false;
    close = memchr(s->p + 1, *s->p, (size_t)(s->end - s->p - 1));
    if (!close)
        return false;
    *ret_value = slice_make(s->p + 1, (size_t)(close - s->p - 1));
    s->p = close + 1;
    return true;
}

enum encoding { ENCODING_UTF8 = 0, ENCODING_ASCII, ENCODING_LATIN1 };

/* <?xml version="1.0" [encoding="..."] [standalone="yes|no"]?>, at the very start only. */
static int check_declaration(struct scan *s, enum encoding *ret)
{
    struct slice value;
    bool space;

    if (!starts(s, "<?xml") || s->end - s->p == 5 || !xmlchar_space(s->p[5]))
        return 0;
    s->p += 5;
    (void)skip_space(s);
    if (!pseudo_attribute(s, "version", &value))
        return refuse(s, ERR_XML_SYNTAX, "XML declaration without version");
    if (!slice_is(value, "1.0"))
        return refuse(s, ERR_XML_SYNTAX, "XML version other than 1.0");
    space = skip_space(s);
    if (space && starts(s, "encoding")) {
        if (!pseudo_attribute(s, "encoding", &value))
            return refuse(s, ERR_XML_SYNTAX, "malformed encoding in the XML declaration");
        if (slice_is_nocase(value, "iso-8859-1"))
            *ret = ENCODING_LATIN1;
        else if (is_ascii_compatible(value))
            *ret = ENCODING_ASCII;
        else if (!slice_is_nocase(value, "utf-8"))
            return refuse(s, ERR_XML_ENCODING, "the declared encoding is not UTF-8");
        space = skip_space(s);
    }
    if (space && starts(s, "standalone")) {
        if (!pseudo_attribute(s, "standalone", &value) || !(slice_is(value, "yes") || slice_is(value, "no")))
            return refuse(s, ERR_XML_SYNTAX, "malformed standalone in the XML declaration");
        (void)skip_space(s);
    }
    if (!starts(s, "?>"))
        return refuse(s, ERR_XML_SYNTAX, "malformed XML declaration");
    s->p += 2;
    return 0;
}

/* --- markup ------------------------------------------------------------------------------------------------------ */

/* At '&': one of the five entities or a character reference; whether its number is a character, libxml2 decides. */
static int scan_reference(struct scan *s)
{
    static const char *const five[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};
    const char *p = s->p + 1, *from;
    bool hex;

    for (size_t i = 0; i < sizeof five / sizeof *five; i++) {
        if (starts(s, five[i])) {
            s->p += strlen(five[i]);
            return 0;
        }
    }
    if (p == s->end || *p++ != '#')
        return refuse(s, ERR_XML_SYNTAX, "entity reference other than the five of XML");
    hex = p < s->end && *p == 'x';
    p += hex;
    for (from = p; p < s->end && (hex ? ascii_hex_value(*p) >= 0 : ascii_is_digit(*p));)
        p++;
    if (p == from || p - from > 8 || p == s->end || *p != ';')
        return refuse(s, ERR_XML_SYNTAX, "malformed character reference");
    s->p = p + 1;
    return 0;
}

/* At "<!": a comment, or a CDATA section inside the root element. */
static int scan_bang(struct scan *s)
{
    const char *from = s->p, *close;

    if (starts(s, "<!--")) {
        if (++s->comments > s->max->comments)
            return too_many(s, "comments", s->max->comments);
        close = memmem(from + 4, (size_t)(s->end - from) - 4, "--", 2);
        if (!close || s->end - close < 3 || close[2] != '>')
            return refuse(s, ERR_XML_SYNTAX, "comment without end, or -- inside a comment");
        if ((size_t)(close - from) > s->max->tag_bytes)
            return too_many(s, "octets in one comment", s->max->tag_bytes);
    } else if (starts(s, "<![CDATA[")) {
        if (s->depth == 0)
            return refuse(s, ERR_XML_SYNTAX, "CDATA section outside the root element");
        if (++s->cdata > s->max->cdata)
            return too_many(s, "CDATA sections", s->max->cdata);
        close = memmem(from, (size_t)(s->end - from), "]]>", 3);
        if (!close)
            return refuse(s, ERR_XML_SYNTAX, "CDATA section without end");
        if ((size_t)(close - from) > s->max->text_bytes)
            return too_many(s, "octets in one CDATA section", s->max->text_bytes);
    } else {
        return refuse(s, ERR_XML_DOCTYPE, "DOCTYPE or another declaration");
    }
    s->p = close + 3;
    return 0;
}

/* What cannot be part of a name here: the octets that markup is made of. */
static const bool ends_name[256] = {
    [' '] = true, ['\t'] = true, ['\n'] = true, ['\r'] = true, ['='] = true, ['/'] = true,
    ['<'] = true, ['>'] = true,  ['"'] = true,  ['\''] = true, ['&'] = true};

static struct slice scan_name(struct scan *s)
{
    const char *from = s->p;

    while (s->p < s->end && !ends_name[(unsigned char)*s->p])
        s->p++;
    return slice_make(from, (size_t)(s->p - from));
}

/* Moves to `end`; every reference before it is checked. */
static int scan_references(struct scan *s, const char *end)
{
    const char *at;

    while ((at = memchr(s->p, '&', (size_t)(end - s->p))) != NULL) {
        s->p = at;
        if (scan_reference(s) != 0)
            return -1;
    }
    s->p = end;
    return 0;
}

/* NAME S? '=' S? quoted. References are checked, '<' is refused. */
static int scan_attribute(struct scan *s, size_t *nnamespaces)
{
    struct slice name = scan_name(s);
    const char *close, *less;

    if (name.n == 0)
        return refuse(s, ERR_XML_SYNTAX, "malformed tag");
    (void)skip_space(s);
    if (s->p == s->end || *s->p++ != '=')
        return refuse(s, ERR_XML_SYNTAX, "attribute without value");
    (void)skip_space(s);
    if (s->p == s->end || (*s->p != '"' && *s->p != '\''))
        return refuse(s, ERR_XML_SYNTAX, "attribute value without quotes");
    close = memchr(s->p + 1, *s->p, (size_t)(s->end - s->p - 1));
    if (!close)
        return refuse(s, ERR_XML_SYNTAX, "attribute value without end");
    s->p++;
    less = memchr(s->p, '<', (size_t)(close - s->p));
    if (less) {
        s->p = less;
        return refuse(s, ERR_XML_SYNTAX, "'<' in an attribute value");
    }
    if (scan_references(s, close) != 0)
        return -1;
    s->p++;
    if (slice_is(name, "xmlns") || slice_starts(name, SLICE("xmlns:"))) {
        if (++*nnamespaces > s->max->namespaces)
            return too_many(s, "namespace declarations in one tag", s->max->namespaces);
        if (++s->namespaces > s->max->namespaces_total)
            return too_many(s, "namespace declarations", s->max->namespaces_total);
        if (++s->scope > s->max->scope)
            return too_many(s, "namespace declarations in scope", s->max->scope);
        s->scope_bytes += (size_t)(s->p - name.p);
        if (s->scope_bytes > s->max->scope_bytes)
            return too_many(s, "octets of namespace declarations in scope", s->max->scope_bytes);
    }
    return 0;
}

static int scan_start_tag(struct scan *s)
{
    const char *from = s->p;
    size_t nattributes = 0, nnamespaces = 0, scope = s->scope, scope_bytes = s->scope_bytes;
    bool empty;

    if (s->depth == 0 && s->root_seen)
        return refuse(s, ERR_XML_SYNTAX, "second root element");
    s->root_seen = true;
    if (++s->elements > s->max->elements)
        return too_many(s, "elements", s->max->elements);
    if (s->depth == PRESCAN_DEPTH_MAX)
        return too_many(s, "levels of elements", PRESCAN_DEPTH_MAX);
    s->p++;
    if (scan_name(s).n == 0)
        return refuse(s, ERR_XML_SYNTAX, "malformed tag");
    while (skip_space(s) && s->p < s->end && *s->p != '>' && *s->p != '/') {
        if (++nattributes > s->max->attributes)
            return too_many(s, "attributes in one tag", s->max->attributes);
        if (++s->attributes > s->max->attributes_total)
            return too_many(s, "attributes", s->max->attributes_total);
        if (scan_attribute(s, &nnamespaces) != 0)
            return -1;
    }
    if ((size_t)(s->p - from) > s->max->tag_bytes)
        return too_many(s, "octets in one tag", s->max->tag_bytes);
    empty = starts(s, "/>");
    if (!empty && !starts(s, ">"))
        return refuse(s, ERR_XML_SYNTAX, "malformed tag");
    s->p += empty ? 2 : 1;
    if (empty) {
        s->scope = scope;
        s->scope_bytes = scope_bytes;
        return 0;
    }
    s->open[s->depth].scope = scope;
    s->open[s->depth].scope_bytes = scope_bytes;
    s->depth++;
    return 0;
}

/* Whether it closes the right element, libxml2 decides. */
static int scan_end_tag(struct scan *s)
{
    const char *from = s->p;

    if (s->depth == 0)
        return refuse(s, ERR_XML_SYNTAX, "end tag without start");
    s->p += 2;
    if (scan_name(s).n == 0)
        return refuse(s, ERR_XML_SYNTAX, "malformed end tag");
    (void)skip_space(s);
    if ((size_t)(s->p - from) > s->max->tag_bytes)
        return too_many(s, "octets in one tag", s->max->tag_bytes);
    if (!starts(s, ">"))
        return refuse(s, ERR_XML_SYNTAX, "malformed end tag");
    s->p++;
    s->depth--;
    s->scope = s->open[s->depth].scope;
    s->scope_bytes = s->open[s->depth].scope_bytes;
    return 0;
}

static int scan_text(struct scan *s)
{
    const char *from = s->p, *less;

    if (s->depth == 0) {
        if (!skip_space(s))
            return refuse(s, ERR_XML_SYNTAX, s->root_seen ? "text after the root element" : "text before the root");
        return 0;
    }
    less = memchr(from, '<', (size_t)(s->end - from));
    if (scan_references(s, less ? less : s->end) != 0)
        return -1;
    if ((size_t)(s->p - from) > s->max->text_bytes)
        return too_many(s, "octets in one run of text", s->max->text_bytes);
    return 0;
}

/* One called xml would be a second declaration; other names are libxml2's business. */
static int scan_instruction(struct scan *s)
{
    const char *from = s->p, *end = memmem(from, (size_t)(s->end - from), "?>", 2);
    size_t n = 2; /* "<?" and the name */

    while (end && from + n < end && !xmlchar_space(from[n]))
        n++;
    if (!s->max->instructions || !end || slice_is_nocase(slice_make(from + 2, n - 2), "xml"))
        return refuse(s, ERR_XML_PI, "processing instruction");
    if (++s->comments > s->max->comments)
        return too_many(s, "comments", s->max->comments);
    if ((size_t)(end - from) > s->max->tag_bytes)
        return too_many(s, "octets in one processing instruction", s->max->tag_bytes);
    s->p = end + 2;
    return 0;
}

static int scan_markup(struct scan *s)
{
    while (s->p < s->end) {
        int r;

        if (*s->p != '<')
            r = scan_text(s);
        else if (starts(s, "<!"))
            r = scan_bang(s);
        else if (starts(s, "<?"))
            r = scan_instruction(s);
        else if (starts(s, "</"))
            r = scan_end_tag(s);
        else
            r = scan_start_tag(s);
        if (r != 0)
            return -1;
    }
    if (!s->root_seen || s->depth != 0)
        return refuse(s, ERR_XML_SYNTAX, s->root_seen ? "the document is cut off" : "no root element");
    return 0;
}

int prescan(struct slice xml, const struct prescan_limits *limits, struct buf *scratch, struct slice *ret,
            struct err *e)
{
    struct scan s = {.max = limits, .e = e};
    enum encoding encoding = ENCODING_UTF8;
    struct slice doc;

    buf_init(scratch, 2 * limits->bytes);
    if (xml.n == 0)
        return err_set(e, ERR_XML_SIZE, "the document is empty");
    if (xml.n > limits->bytes)
        return err_set(e, ERR_XML_SIZE, "the document has %zu octets, more than %zu", xml.n, limits->bytes);
    s.start = s.p = xml.p;
    s.end = xml.p + xml.n;
    if (starts(&s, "\xef\xbb\xbf")) /* .NET writes it; only at the start, where it is not text */
        s.p += 3;
    if (check_declaration(&s, &encoding) != 0)
        return -1;
    if (encoding == ENCODING_LATIN1 && from_latin1(&s, scratch) != 0)
        return -1;
    if (check_octets(&s, encoding == ENCODING_ASCII) != 0)
        return -1;
    doc = slice_make(s.p, (size_t)(s.end - s.p));
    if (scan_markup(&s) != 0)
        return -1;
    *ret = doc;
    return 0;
}
