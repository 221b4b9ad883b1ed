/* token.c - see token.h. */
#include "saml/token.h"

#include <stdio.h>

#include "saml/xmlchar.h"

#define XML_NS "http://www.w3.org/XML/1998/namespace"
#define XMLNS_NS "http://www.w3.org/2000/xmlns/"

/* Raises the caller's code with the place; evaluates to -1. */
#define bad(t, e, ...) at_place((t), (e), err_set((e), (t)->code, __VA_ARGS__))

static int at_place(const struct tokenizer *t, struct err *e, int rc)
{
    char path[80];

    token_path(t, path, sizeof path);
    (void)err_at(e, "%s%sbyte %zu", path, path[0] ? ", " : "", t->at);
    return rc;
}

void token_path(const struct tokenizer *t, char *dst, size_t size)
{
    size_t at = 0;

    dst[0] = '\0';
    for (size_t i = 0; i < t->depth && at + 1 < size; i++) {
        int n = snprintf(dst + at, size - at, "%s%.*s", i ? "/" : "", SLICE_ARG(t->open[i].local));

        if (n < 0)
            return;
        at += (size_t)n;
    }
}

/*
 * Characters
 */

bool token_is_ncname(struct slice s)
{
    size_t at = 0;

    if (s.n == 0 || !str_is_utf8(s) || !xmlchar_name_start(xmlchar_next(s, &at)))
        return false;
    while (at < s.n) {
        if (!xmlchar_name(xmlchar_next(s, &at)))
            return false;
    }
    return true;
}

/* UTF-8 is checked by the caller; what remains are C0 controls, U+FFFE and U+FFFF. */
static int check_chars(struct tokenizer *t, struct err *e)
{
    const struct slice in = t->in;

    for (size_t i = ascii_plain_run(in); i < in.n; i += 1 + ascii_plain_run(slice_make(in.p + i + 1, in.n - i - 1))) {
        unsigned char c = (unsigned char)in.p[i];

        if ((c < 0x20 && !xmlchar_space((char)c)) ||
            (c == 0xef && (unsigned char)in.p[i + 1] == 0xbf && (unsigned char)in.p[i + 2] >= 0xbe)) {
            t->at = i;
            return bad(t, e, "a character that XML does not allow");
        }
    }
    return 0;
}

/*
 * Scanning
 */

static inline bool looking_at(const struct tokenizer *t, struct slice text)
{
    return slice_starts(slice_make(t->in.p + t->at, t->in.n - t->at), text);
}

/* Moves past `text` if it comes next. */
static inline bool accept(struct tokenizer *t, struct slice text)
{
    if (!looking_at(t, text))
        return false;
    t->at += text.n;
    return true;
}

static bool skip_space(struct tokenizer *t)
{
    size_t from = t->at;

    while (t->at < t->in.n && xmlchar_space(t->in.p[t->at]))
        t->at++;
    return t->at > from;
}

/* Takes everything before `end` and moves past `end`. False if it never comes. */
static inline bool take_until(struct tokenizer *t, struct slice end, struct slice *ret)
{
    const char *from = t->in.p + t->at;
    size_t n = t->in.n - t->at;
    const char *hit = end.n == 1 ? memchr(from, end.p[0], n) : memmem(from, n, end.p, end.n);

    if (!hit)
        return false;
    *ret = slice_make(from, (size_t)(hit - from));
    t->at += ret->n + end.n;
    return true;
}

/* Where the NCName that begins at `at` ends; `at` if none begins there. */
static size_t ncname_end(const struct tokenizer *t, size_t at)
{
    size_t next = at;

    if (at == t->in.n || !xmlchar_name_start(xmlchar_next(t->in, &next)))
        return at;
    do {
        at = next;
        while (at < t->in.n && xmlchar_ascii_name(t->in.p[at]))
            at++;
        next = at;
    } while (at < t->in.n && (unsigned char)t->in.p[at] >= 0x80 && xmlchar_name(xmlchar_next(t->in, &next)));
    return at;
}

/* NCName, or NCName ':' NCName. `prefix` is empty without a colon. */
static int scan_qname(struct tokenizer *t, struct slice *ret_qname, struct slice *ret_prefix, struct slice *ret_local,
                      struct err *e)
{
    size_t from = t->at, part = from, end = ncname_end(t, from);

    *ret_prefix = (struct slice){NULL, 0};
    if (end > from && end < t->in.n && t->in.p[end] == ':') {
        *ret_prefix = slice_make(t->in.p + from, end - from);
        part = end + 1;
        end = ncname_end(t, part);
    }
    t->at = end;
    if (end == part || (end < t->in.n && t->in.p[end] == ':'))
        return bad(t, e, "a name was expected");
    *ret_qname = slice_make(t->in.p + from, end - from);
    *ret_local = slice_make(t->in.p + part, end - part);
    return 0;
}

/*
 * Text
 */

enum text_kind { TEXT_CONTENT, TEXT_ATTR, TEXT_CDATA };

/* Whether octet `c` means something other than itself. */
static inline bool needs_decoding(enum text_kind kind, char c)
{
    return c == '\r' || (kind != TEXT_CDATA && c == '&') || (kind == TEXT_ATTR && (c == '\t' || c == '\n'));
}

/* How many octets from the front mean themselves. */
static size_t plain_octets(enum text_kind kind, struct slice raw)
{
    const char *amp = kind != TEXT_CDATA && raw.n ? memchr(raw.p, '&', raw.n) : NULL;
    size_t n = amp ? (size_t)(amp - raw.p) : raw.n, i = 0;

    while (i < n) {
        if (n - i >= 8 && ascii_is_plain8(raw.p + i))
            i += 8;
        else if (needs_decoding(kind, raw.p[i]))
            return i;
        else
            i++;
    }
    return n;
}

/*
 * References are resolved, line ends become LF (XML 1.0 2.11), white space in attributes becomes a space (3.3.3).
 * Decoding never makes text longer, so that the raw length bounds it; text without anything to decode is not copied.
 */
static int decode(struct tokenizer *t, struct slice raw, enum text_kind kind, struct slice *ret, struct err *e)
{
    size_t n = plain_octets(kind, raw);
    char *dst;

    if (n == raw.n) {
        *ret = raw;
        return 0;
    }
    dst = arena_alloc(t->a, raw.n);
    if (!dst)
        return err_set(e, ERR_MEMORY, "no memory for text of %zu bytes", raw.n);
    memcpy(dst, raw.p, n);
    for (size_t i = n; i < raw.n; i++) {
        char c = raw.p[i];

        if (!needs_decoding(kind, c)) {
            dst[n++] = c;
        } else if (c == '&') {
            ptrdiff_t end = slice_find(slice_make(raw.p + i + 1, raw.n - i - 1), ';');
            uint32_t value = end > 0 ? xmlchar_reference(slice_make(raw.p + i + 1, (size_t)end)) : 0;

            if (value == 0)
                return bad(t, e, "a reference other than the five entities and characters that XML allows");
            n += xmlchar_put(dst + n, value);
            i += (size_t)end + 1;
        } else {
            if (c == '\r' && i + 1 < raw.n && raw.p[i + 1] == '\n')
                i++;
            dst[n++] = kind == TEXT_ATTR ? ' ' : '\n';
        }
    }
    *ret = slice_make(dst, n);
    return 0;
}

/*
 * Namespaces
 */

/* Looks the prefix up; an empty one is the default namespace, which elements have and attributes do not. */
static int resolve(struct tokenizer *t, struct slice prefix, struct slice *ret, struct err *e)
{
    *ret = (struct slice){NULL, 0};
    for (size_t i = t->nbindings; i-- > 0;) {
        if (slice_eq(t->bindings[i].prefix, prefix)) {
            *ret = t->bindings[i].uri;
            return 0;
        }
    }
    return prefix.n == 0 ? 0 : bad(t, e, "a namespace prefix is not declared");
}

/* One xmlns="uri" (prefix empty) or xmlns:prefix="uri" of the tag whose declarations begin at `first`. */
static int declare(struct tokenizer *t, size_t first, struct slice prefix, struct slice uri, struct err *e)
{
    if (slice_is(prefix, "xml") ? !slice_is(uri, XML_NS) : slice_is(uri, XML_NS))
        return bad(t, e, "the prefix xml and its namespace belong together");
    if (slice_is(prefix, "xmlns") || slice_is(uri, XMLNS_NS))
        return bad(t, e, "xmlns cannot be declared");
    if (prefix.n > 0 && uri.n == 0)
        return bad(t, e, "a prefix is bound to nothing");
    for (size_t i = first; i < t->nbindings; i++) {
        if (slice_eq(t->bindings[i].prefix, prefix))
            return bad(t, e, "a namespace prefix is declared twice in one tag");
    }
    if (t->nbindings == TOKEN_BINDINGS_MAX)
        return bad(t, e, "more than %d namespace declarations in scope", TOKEN_BINDINGS_MAX);
    /* One pointer for one name, so that comparing attributes of a tag costs nothing however long the names are. */
    for (size_t i = 0; i < t->nbindings; i++) {
        if (slice_eq(t->bindings[i].uri, uri)) {
            uri = t->bindings[i].uri;
            break;
        }
    }
    t->bindings[t->nbindings++] = (struct token_binding){prefix, uri.n ? uri : (struct slice){NULL, 0}};
    return 0;
}

/* Resolves the prefixes that parse_attributes() left in `ns` and refuses two attributes of one expanded name. */
static int finish_attributes(struct tokenizer *t, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        struct token_attr *attr = &t->attrs[i];

        if (attr->ns.n > 0 && resolve(t, attr->ns, &attr->ns, e) != 0)
            return -1;
        for (size_t k = 0; k < i; k++) {
            if (attr->ns.p == t->attrs[k].ns.p && slice_eq(attr->local, t->attrs[k].local))
                return bad(t, e, "an attribute is given twice");
        }
    }
    return 0;
}

/*
 * Tags
 */

static int scan_value(struct tokenizer *t, struct slice *ret, struct err *e)
{
    struct slice raw;

    (void)skip_space(t);
    if (!accept(t, SLICE("=")))
        return bad(t, e, "'=' was expected");
    (void)skip_space(t);
    if (!(accept(t, SLICE("\"")) ? take_until(t, SLICE("\""), &raw)
                                 : accept(t, SLICE("'")) && take_until(t, SLICE("'"), &raw)))
        return bad(t, e, "a quoted attribute value was expected");
    if (slice_find(raw, '<') >= 0)
        return bad(t, e, "'<' in an attribute value");
    return decode(t, raw, TEXT_ATTR, ret, e);
}

/* Up to '>' or "/>", which it leaves. Declarations are bound; of the others `ns` holds the prefix until the end. */
static int scan_attributes(struct tokenizer *t, size_t first_binding, size_t *ret_n, struct err *e)
{
    size_t n = 0, all = 0;

    while (skip_space(t) && !looking_at(t, SLICE(">")) && !looking_at(t, SLICE("/>"))) {
        struct slice qname, prefix, local, value;

        if (++all > TOKEN_ATTRS_MAX)
            return bad(t, e, "more than %d attributes in one tag", TOKEN_ATTRS_MAX);
        if (scan_qname(t, &qname, &prefix, &local, e) != 0 || scan_value(t, &value, e) != 0)
            return -1;
        if (slice_is(qname, "xmlns") || slice_is(prefix, "xmlns")) {
            if (declare(t, first_binding, prefix.n ? local : prefix, value, e) != 0)
                return -1;
        } else {
            t->attrs[n++] = (struct token_attr){prefix, local, value};
        }
    }
    *ret_n = n;
    return finish_attributes(t, n, e);
}

static int start_tag(struct tokenizer *t, struct token *ret, struct err *e)
{
    const size_t max_elements = t->flags & TOKEN_METADATA ? TOKEN_ELEMENTS_METADATA_MAX : TOKEN_ELEMENTS_MAX;
    struct token_element el = {.nbindings = t->nbindings};
    struct slice prefix;
    size_t nattrs = 0;

    t->at++; /* '<' */
    if (t->depth == 0 && t->root_seen)
        return bad(t, e, "a second root element");
    if (t->depth == TOKEN_DEPTH_MAX)
        return bad(t, e, "elements nested deeper than %d", TOKEN_DEPTH_MAX);
    if (++t->nelements > max_elements)
        return bad(t, e, "more than %zu elements", max_elements);
    if (scan_qname(t, &el.qname, &prefix, &el.local, e) != 0 || scan_attributes(t, el.nbindings, &nattrs, e) != 0)
        return -1;
    if (slice_is(prefix, "xmlns"))
        return bad(t, e, "an element has the prefix xmlns");
    if (resolve(t, prefix, &el.ns, e) != 0)
        return -1;
    if (accept(t, SLICE("/>")))
        t->stop_pending = true;
    else if (!accept(t, SLICE(">")))
        return bad(t, e, "a tag does not end");
    t->root_seen = true;
    t->open[t->depth++] = el;
    *ret = (struct token){.kind = TOKEN_START, .ns = el.ns, .local = el.local, .attrs = t->attrs, .nattrs = nattrs};
    return 0;
}

/* Closes the innermost open element. */
static int stop(struct tokenizer *t, struct token *ret)
{
    const struct token_element *el = &t->open[--t->depth];

    *ret = (struct token){.kind = TOKEN_STOP, .ns = el->ns, .local = el->local};
    t->nbindings = el->nbindings;
    t->stop_pending = false;
    return 0;
}

static int end_tag(struct tokenizer *t, struct token *ret, struct err *e)
{
    const size_t from = t->at + 2; /* "</" */
    struct slice qname, prefix, local;

    t->at = from;
    if (t->depth == 0)
        return bad(t, e, "an end tag without its start tag");
    /* what is the name of the start tag, and ends here, needs no second scan */
    if (accept(t, t->open[t->depth - 1].qname) && accept(t, SLICE(">")))
        return stop(t, ret);
    t->at = from;
    if (scan_qname(t, &qname, &prefix, &local, e) != 0)
        return -1;
    if (!slice_eq(qname, t->open[t->depth - 1].qname))
        return bad(t, e, "an end tag does not match its start tag");
    (void)skip_space(t);
    if (!accept(t, SLICE(">")))
        return bad(t, e, "an end tag does not end");
    return stop(t, ret);
}

static int comment(struct tokenizer *t, struct token *ret, struct err *e)
{
    struct slice text;

    if (t->depth == 0 && !(t->flags & TOKEN_DOCUMENT))
        return bad(t, e, "a comment outside the element");
    t->at += 4; /* "<!--" */
    if (!take_until(t, SLICE("--"), &text) || !accept(t, SLICE(">")))
        return bad(t, e, "a comment does not end, or holds \"--\"");
    *ret = (struct token){.kind = TOKEN_COMMENT, .text = text};
    return 0;
}

/* Only in metadata, where it means nothing. */
static int instruction(struct tokenizer *t, struct token *ret, struct err *e)
{
    *ret = (struct token){.kind = TOKEN_COMMENT};
    if (!(t->flags & TOKEN_METADATA) || (t->depth == 0 && !(t->flags & TOKEN_DOCUMENT)))
        return bad(t, e, "a processing instruction");
    t->at += 2; /* "<?" */
    return take_until(t, SLICE("?>"), &ret->text) ? 0 : bad(t, e, "a processing instruction does not end");
}

static int cdata(struct tokenizer *t, struct token *ret, struct err *e)
{
    struct slice raw;

    if (t->depth == 0)
        return bad(t, e, "text outside the root element");
    t->at += 9; /* "<![CDATA[" */
    if (!take_until(t, SLICE("]]>"), &raw))
        return bad(t, e, "a CDATA section does not end");
    *ret = (struct token){.kind = TOKEN_CDATA};
    return decode(t, raw, TEXT_CDATA, &ret->text, e);
}

static int text(struct tokenizer *t, struct token *ret, struct err *e)
{
    struct slice raw = slice_make(t->in.p + t->at, t->in.n - t->at);
    ptrdiff_t end = slice_find(raw, '<');

    if (end < 0)
        return bad(t, e, "an element does not end");
    raw.n = (size_t)end;
    if (memchr(raw.p, ']', raw.n) && memmem(raw.p, raw.n, "]]>", 3))
        return bad(t, e, "\"]]>\" in text");
    *ret = (struct token){.kind = TOKEN_TEXT};
    if (decode(t, raw, TEXT_CONTENT, &ret->text, e) != 0)
        return -1;
    t->at += raw.n;
    return 0;
}

/*
 * The document around the root
 */

/* One pseudo-attribute: S name Eq quoted value. False and nothing taken if another comes. */
static int declaration_part(struct tokenizer *t, struct slice name, bool *ret_there, struct slice *ret, struct err *e)
{
    size_t before = t->at;

    *ret_there = skip_space(t) && accept(t, name);
    if (!*ret_there) {
        t->at = before;
        return 0;
    }
    return scan_value(t, ret, e);
}

/* XML 1.0 production 23. Another encoding than UTF-8 would be a lie: the input was checked to be UTF-8. */
static int xml_declaration(struct tokenizer *t, struct err *e)
{
    struct slice value;
    bool there;

    if (!looking_at(t, SLICE("<?xml")) || t->in.n - t->at < 6 || !xmlchar_space(t->in.p[t->at + 5]))
        return 0;
    t->at += 5;
    if (declaration_part(t, SLICE("version"), &there, &value, e) != 0)
        return -1;
    if (!there || !slice_is(value, "1.0"))
        return bad(t, e, "not XML 1.0");
    if (declaration_part(t, SLICE("encoding"), &there, &value, e) != 0)
        return -1;
    if (there && !slice_is_nocase(value, "UTF-8"))
        return bad(t, e, "an encoding other than UTF-8 is declared");
    if (declaration_part(t, SLICE("standalone"), &there, &value, e) != 0)
        return -1;
    if (there && !slice_is(value, "yes") && !slice_is(value, "no"))
        return bad(t, e, "standalone is neither yes nor no");
    (void)skip_space(t);
    return accept(t, SLICE("?>")) ? 0 : bad(t, e, "the XML declaration does not end");
}

int token_init(struct tokenizer *t, struct slice xml, unsigned flags, enum err_code code, struct arena *a,
               struct err *e)
{
    t->in = xml.n ? xml : SLICE("");
    t->at = 0;
    t->flags = flags;
    t->code = code;
    t->a = a;
    t->root_seen = t->stop_pending = false;
    t->nelements = t->depth = 0;
    t->bindings[0] = (struct token_binding){SLICE("xml"), SLICE(XML_NS)};
    t->nbindings = 1;

    if (ascii_plain_run(t->in) < t->in.n) {
        if (!str_is_utf8(t->in))
            return bad(t, e, "not UTF-8");
        if (check_chars(t, e) != 0)
            return -1;
    }
    return flags & TOKEN_DOCUMENT ? xml_declaration(t, e) : 0;
}

/*
 * The pull interface
 */

/* Nothing is open: what may stand around the root. True if the end is reached. */
static bool at_end(struct tokenizer *t)
{
    if (t->flags & TOKEN_DOCUMENT)
        (void)skip_space(t);
    return t->at == t->in.n;
}

int token_next(struct tokenizer *t, struct token *ret, struct err *e)
{
    *ret = (struct token){.kind = TOKEN_EOF};
    if (t->stop_pending)
        return stop(t, ret);
    if (t->depth == 0 && at_end(t))
        return t->root_seen ? 0 : bad(t, e, "no root element");
    if (t->at == t->in.n)
        return bad(t, e, "an element does not end");
    if (t->in.p[t->at] != '<')
        return t->depth > 0 ? text(t, ret, e) : bad(t, e, "text outside the root element");
    if (looking_at(t, SLICE("</")))
        return end_tag(t, ret, e);
    if (looking_at(t, SLICE("<!--")))
        return comment(t, ret, e);
    if (looking_at(t, SLICE("<![CDATA[")))
        return cdata(t, ret, e);
    if (looking_at(t, SLICE("<!")))
        return bad(t, e, "a DOCTYPE or another declaration");
    if (looking_at(t, SLICE("<?")))
        return instruction(t, ret, e);
    return start_tag(t, ret, e);
}

int token_skip(struct tokenizer *t, struct err *e)
{
    size_t depth = t->depth;
    struct token tok;

    while (t->depth >= depth) {
        if (token_next(t, &tok, e) != 0)
            return -1;
    }
    return 0;
}

struct slice token_attr_ns(const struct token *tok, const char *ns, const char *local)
{
    for (size_t i = 0; i < tok->nattrs; i++) {
        if (slice_is(tok->attrs[i].local, local) && slice_is(tok->attrs[i].ns, ns))
            return tok->attrs[i].value;
    }
    return (struct slice){NULL, 0};
}

struct slice token_attr(const struct token *tok, const char *local)
{
    return token_attr_ns(tok, "", local);
}
