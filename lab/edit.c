/* edit.c - see edit.h. */
#include "lab/edit.h"

#include "lab/xmltext.h"

struct editing {
    struct buf *doc;
    struct slice rest; /* of the line */
    const struct edit_word *words;
    size_t nwords;
    struct buf strings[2]; /* those of the line, expanded */
    size_t nstrings;
    struct err *e;
};

/* --- words and strings ---------------------------------------------------------------------------------------------
 */

static const struct edit_word vocabulary[] = {
    {"saml", "urn:oasis:names:tc:SAML:2.0:assertion"},
    {"samlp", "urn:oasis:names:tc:SAML:2.0:protocol"},
    {"dsig", "http://www.w3.org/2000/09/xmldsig#"},
    {"more", "http://www.w3.org/2001/04/xmldsig-more#"},
    {"xenc", "http://www.w3.org/2001/04/xmlenc#"},
    {"exc", "http://www.w3.org/2001/10/xml-exc-c14n#"},
    {"cm", "urn:oasis:names:tc:SAML:2.0:cm:"},
    {"status", "urn:oasis:names:tc:SAML:2.0:status:"},
    {"claims", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"},
};

static const char *word_text(struct slice name, const struct edit_word *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (slice_is(name, words[i].name))
            return words[i].text;
    }
    return NULL;
}

/* At a backslash: how many octets of the text were used; 0 if it is no escape. */
static size_t unescape(struct slice text, char *ret)
{
    static const char names[] = "ntr0\"\\", values[] = "\n\t\r\0\"\\";
    const char *hit = text.n > 1 && text.p[1] ? strchr(names, text.p[1]) : NULL;

    if (hit) {
        *ret = values[hit - names];
        return 2;
    }
    if (text.n < 4 || text.p[1] != 'x' || ascii_hex_value(text.p[2]) < 0 || ascii_hex_value(text.p[3]) < 0)
        return 0;
    *ret = (char)(ascii_hex_value(text.p[2]) << 4 | ascii_hex_value(text.p[3]));
    return 4;
}

int edit_expand(struct slice text, const struct edit_word *words, size_t nwords, struct buf *out, struct err *e)
{
    for (size_t i = 0; i < text.n;) {
        struct slice rest = slice_make(text.p + i, text.n - i);
        size_t used = 1;

        if (text.p[i] == '\\') {
            char c = 0;

            used = unescape(rest, &c);
            if (used == 0)
                return err_set(e, ERR_USAGE, "unknown escape in a string: %.*s", (int)(rest.n < 4 ? rest.n : 4),
                               rest.p);
            buf_add_char(out, c);
        } else if (text.p[i] == '{') {
            ptrdiff_t close = slice_find(rest, '}');
            struct slice name = close > 0 ? slice_make(rest.p + 1, (size_t)close - 1) : SLICE("");
            const char *value = word_text(name, words, nwords);

            if (!value)
                value = word_text(name, vocabulary, sizeof vocabulary / sizeof *vocabulary);
            if (!value)
                return err_set(e, ERR_USAGE, "unknown word {%.*s}", SLICE_ARG(name));
            buf_add_str(out, value);
            used = (size_t)close + 1;
        } else {
            buf_add_char(out, text.p[i]);
        }
        i += used;
    }
    return buf_failed(out) ? err_set(e, ERR_LIMIT, "the text is larger than %zu octets", out->max) : 0;
}

static void skip_blanks(struct editing *ed)
{
    while (ed->rest.n && (ed->rest.p[0] == ' ' || ed->rest.p[0] == '\t'))
        ed->rest = slice_make(ed->rest.p + 1, ed->rest.n - 1);
}

/* Up to the next blank; a path may hold brackets with blanks in them. */
static struct slice next_word(struct editing *ed)
{
    struct slice word = {ed->rest.p, 0};
    size_t depth = 0;

    skip_blanks(ed);
    word.p = ed->rest.p;
    while (word.n < ed->rest.n && (depth > 0 || ed->rest.p[word.n] != ' ')) {
        depth += ed->rest.p[word.n] == '[';
        depth -= ed->rest.p[word.n] == ']' && depth > 0;
        word.n++;
    }
    ed->rest = slice_make(ed->rest.p + word.n, ed->rest.n - word.n);
    return word;
}

/* Takes the word if it comes next. */
static bool accept(struct editing *ed, const char *word)
{
    struct slice before = ed->rest;

    if (slice_is(next_word(ed), word))
        return true;
    ed->rest = before;
    return false;
}

static int usage(struct editing *ed, const char *expected)
{
    return err_set(ed->e, ERR_USAGE, "%s was expected before '%.*s'", expected, SLICE_ARG(ed->rest));
}

static int expect(struct editing *ed, const char *word)
{
    return accept(ed, word) ? 0 : usage(ed, word);
}

/* A string in single or double quotes, expanded. Valid until the line is done; two a line. */
static int next_string(struct editing *ed, struct slice *ret)
{
    struct buf *b = &ed->strings[ed->nstrings < 2 ? ed->nstrings : 0];
    size_t n = 1;
    char quote;

    skip_blanks(ed);
    quote = ed->rest.n ? ed->rest.p[0] : 0;
    if (ed->nstrings == 2 || ed->rest.n < 2 || (quote != '"' && quote != '\''))
        return usage(ed, "a string");
    while (n < ed->rest.n && ed->rest.p[n] != quote)
        n += ed->rest.p[n] == '\\' ? 2 : 1;
    if (n >= ed->rest.n)
        return usage(ed, "the end of a string");
    if (edit_expand(slice_make(ed->rest.p + 1, n - 1), ed->words, ed->nwords, b, ed->e) != 0)
        return -1;
    ed->nstrings++;
    ed->rest = slice_make(ed->rest.p + n + 1, ed->rest.n - n - 1);
    *ret = buf_slice(b);
    return 0;
}

static int next_element(struct editing *ed, struct xmltext *ret)
{
    struct slice path = next_word(ed);

    if (path.n && xmltext_find(buf_slice(ed->doc), path, ret))
        return 0;
    return err_set(ed->e, ERR_USAGE, "there is no element '%.*s'", SLICE_ARG(path));
}

/* before, after, first in, last in, and an element: the offset. An empty-element tag is opened for what goes in. */
static int next_place(struct editing *ed, size_t *ret)
{
    struct slice where = next_word(ed);
    bool first = slice_is(where, "first"), last = slice_is(where, "last");
    struct xmltext el;

    if (((first || last) && expect(ed, "in") != 0) || next_element(ed, &el) != 0)
        return -1;
    if (!first && !last && !slice_is(where, "before") && !slice_is(where, "after"))
        return err_set(ed->e, ERR_USAGE, "'%.*s' is no place", SLICE_ARG(where));
    if ((first || last) && el.empty) {
        struct buf end;
        const char *name = ed->doc->data + el.from + 1;

        buf_init(&end, 256);
        buf_add_str(&end, "></");
        buf_add(&end, name, el.name_to - el.from - 1);
        buf_add_char(&end, '>');
        edit_splice(ed->doc, el.to - 2, el.to, buf_slice(&end));
        buf_free(&end);
        *ret = el.to - 1;
        return 0;
    }
    *ret = first ? el.inner : last ? el.inner_to : slice_is(where, "before") ? el.from : el.to;
    return 0;
}

/* --- commands -------------------------------------------------------------------------------------------------------
 */

void edit_splice(struct buf *doc, size_t from, size_t to, struct slice text)
{
    struct buf out;

    buf_init(&out, doc->max);
    buf_add(&out, buf_cstr(doc), from);
    buf_add_slice(&out, text);
    buf_add(&out, buf_cstr(doc) + to, doc->len - to);
    buf_free(doc);
    *doc = out; /* transferred; if it did not fit, edit_apply() sees that */
}

static int replace(struct editing *ed)
{
    bool every = accept(ed, "every");
    struct slice a, b;
    size_t at = 0, hits = 0;

    if (next_string(ed, &a) != 0 || expect(ed, "by") != 0 || next_string(ed, &b) != 0)
        return -1;
    for (;;) {
        const char *hit = at < ed->doc->len ? memmem(ed->doc->data + at, ed->doc->len - at, a.p, a.n) : NULL;

        if (!hit || (hits && !every))
            break;
        at = (size_t)(hit - ed->doc->data);
        edit_splice(ed->doc, at, at + a.n, b);
        at += b.n;
        hits++;
    }
    return hits ? 0 : err_set(ed->e, ERR_USAGE, "the text to replace is not there: %.*s", SLICE_ARG(a));
}

/* N times TEXT at a place; `text` may point into the document. */
static int insert_text(struct editing *ed, struct slice text, uint64_t times)
{
    struct buf all;
    size_t at = 0;
    int result = -1;

    buf_init(&all, EDIT_DOCUMENT_MAX);
    for (uint64_t i = 0; i < times; i++)
        buf_add_slice(&all, text);
    if (buf_failed(&all))
        (void)err_set(ed->e, ERR_LIMIT, "that is larger than %d octets", EDIT_DOCUMENT_MAX);
    else if (next_place(ed, &at) == 0) {
        edit_splice(ed->doc, at, at, buf_slice(&all));
        result = 0;
    }
    buf_free(&all);
    return result;
}

static int insert(struct editing *ed)
{
    struct slice before = ed->rest, text;
    uint64_t times = 1;

    if (str_to_u64(next_word(ed), 10000000, &times)) {
        if (expect(ed, "times") != 0)
            return -1;
    } else {
        ed->rest = before;
    }
    return next_string(ed, &text) != 0 ? -1 : insert_text(ed, text, times);
}

static int copy_or_move(struct editing *ed, bool move)
{
    struct xmltext el;
    struct buf text;
    int result = -1;

    buf_init(&text, EDIT_DOCUMENT_MAX);
    if (next_element(ed, &el) == 0) {
        buf_add(&text, ed->doc->data + el.from, el.to - el.from);
        if (move)
            edit_splice(ed->doc, el.from, el.to, SLICE(""));
        result = insert_text(ed, buf_slice(&text), 1);
    }
    buf_free(&text);
    return result;
}

static int copy(struct editing *ed)
{
    return copy_or_move(ed, false);
}

static int move(struct editing *ed)
{
    return copy_or_move(ed, true);
}

static int evil(struct editing *ed)
{
    struct xmltext el, signature;
    struct buf genuine, forged;
    size_t from, to;
    int result = -1;

    buf_init(&genuine, EDIT_DOCUMENT_MAX);
    buf_init(&forged, EDIT_DOCUMENT_MAX);
    if (!xmltext_find(buf_slice(ed->doc), SLICE("Assertion"), &el)) {
        (void)err_set(ed->e, ERR_USAGE, "there is no Assertion to forge");
        goto out;
    }
    buf_add(&genuine, ed->doc->data + el.from, el.to - el.from);
    if (xmltext_find(buf_slice(&genuine), SLICE("Signature"), &signature))
        edit_splice(&genuine, signature.from, signature.to, SLICE(""));
    edit_forge(buf_slice(&genuine), &forged);
    if (xmltext_find(buf_slice(&forged), SLICE("Assertion"), &el) &&
        xmltext_attribute(buf_slice(&forged), &el, SLICE("ID"), &from, &to))
        edit_splice(&forged, from, to, SLICE("_evil"));
    result = insert_text(ed, buf_slice(&forged), 1);
out:
    buf_free(&genuine);
    buf_free(&forged);
    return result;
}

static int forge(struct editing *ed)
{
    struct xmltext el;
    struct buf forged;

    if (next_element(ed, &el) != 0)
        return -1;
    buf_init(&forged, EDIT_DOCUMENT_MAX);
    edit_forge(slice_make(ed->doc->data + el.from, el.to - el.from), &forged);
    edit_splice(ed->doc, el.from, el.to, buf_slice(&forged));
    buf_free(&forged);
    return 0;
}

static int remove_element(struct editing *ed)
{
    struct xmltext el;

    if (next_element(ed, &el) != 0)
        return -1;
    edit_splice(ed->doc, el.from, el.to, SLICE(""));
    return 0;
}

static int unwrap(struct editing *ed)
{
    struct xmltext el;

    if (next_element(ed, &el) != 0)
        return -1;
    edit_splice(ed->doc, el.inner_to, el.to, SLICE(""));
    edit_splice(ed->doc, el.from, el.inner, SLICE(""));
    return 0;
}

static int rename_element(struct editing *ed)
{
    struct xmltext el;
    struct slice name;

    if (next_element(ed, &el) != 0 || expect(ed, "to") != 0 || next_string(ed, &name) != 0)
        return -1;
    if (!el.empty)
        edit_splice(ed->doc, el.inner_to + 2, el.to - 1, name);
    edit_splice(ed->doc, el.from + 1, el.name_to, name);
    return 0;
}

static int set_attribute(struct editing *ed)
{
    struct slice name = next_word(ed), value;
    struct xmltext el;
    struct buf text;
    size_t from, to;

    if (expect(ed, "of") != 0 || next_element(ed, &el) != 0 || expect(ed, "to") != 0 || next_string(ed, &value) != 0)
        return -1;
    if (xmltext_attribute(buf_slice(ed->doc), &el, name, &from, &to)) {
        edit_splice(ed->doc, from, to, value);
        return 0;
    }
    buf_init(&text, EDIT_DOCUMENT_MAX);
    buf_printf(&text, " %.*s=\"", SLICE_ARG(name));
    buf_add_slice(&text, value);
    buf_add_char(&text, '"');
    edit_splice(ed->doc, el.name_to, el.name_to, buf_slice(&text));
    buf_free(&text);
    return 0;
}

static int drop_attribute(struct editing *ed)
{
    struct slice name = next_word(ed);
    struct xmltext el;
    size_t from, to;

    if (expect(ed, "of") != 0 || next_element(ed, &el) != 0)
        return -1;
    if (!xmltext_attribute(buf_slice(ed->doc), &el, name, &from, &to))
        return err_set(ed->e, ERR_USAGE, "there is no attribute '%.*s' to drop", SLICE_ARG(name));
    edit_splice(ed->doc, from - name.n - 3, to + 1, SLICE("")); /* the blank before it, its name, =" and " */
    return 0;
}

static int set_text(struct editing *ed)
{
    struct xmltext el;
    struct slice text;

    if (expect(ed, "of") != 0 || next_element(ed, &el) != 0 || expect(ed, "is") != 0 || next_string(ed, &text) != 0)
        return -1;
    edit_splice(ed->doc, el.inner, el.inner_to, text);
    return 0;
}

static int prepend(struct editing *ed)
{
    struct slice text;

    if (next_string(ed, &text) != 0)
        return -1;
    edit_splice(ed->doc, 0, 0, text);
    return 0;
}

static int append(struct editing *ed)
{
    struct slice text;

    if (next_string(ed, &text) != 0)
        return -1;
    edit_splice(ed->doc, ed->doc->len, ed->doc->len, text);
    return 0;
}

static int document(struct editing *ed)
{
    struct slice text;

    if (expect(ed, "is") != 0 || next_string(ed, &text) != 0)
        return -1;
    edit_splice(ed->doc, 0, ed->doc->len, text);
    return 0;
}

static int cut(struct editing *ed)
{
    uint64_t n;

    if (!str_to_u64(next_word(ed), ed->doc->len, &n))
        return usage(ed, "a number of octets, at most those of the document,");
    edit_splice(ed->doc, ed->doc->len - n, ed->doc->len, SLICE(""));
    return 0;
}

static int wrap(struct editing *ed)
{
    uint64_t n;

    if (!str_to_u64(next_word(ed), 9, &n) || n == 0)
        return usage(ed, "a number from 1 to 9");
    return edit_wrap(ed->doc, (unsigned)n, ed->e);
}

static const struct {
    const char *name;
    int (*run)(struct editing *ed);
} commands[] = {
    {"replace", replace},
    {"insert", insert},
    {"copy", copy},
    {"move", move},
    {"evil", evil},
    {"forge", forge},
    {"remove", remove_element},
    {"unwrap", unwrap},
    {"rename", rename_element},
    {"set", set_attribute},
    {"drop", drop_attribute},
    {"text", set_text},
    {"prepend", prepend},
    {"append", append},
    {"document", document},
    {"cut", cut},
    {"wrap", wrap},
};

int edit_apply(struct buf *doc, struct slice line, const struct edit_word *words, size_t nwords, struct err *e)
{
    struct editing ed = {.doc = doc, .rest = line, .words = words, .nwords = nwords, .e = e};
    struct slice command = next_word(&ed);
    int result = 1;

    for (size_t i = 0; i < 2; i++)
        buf_init(&ed.strings[i], EDIT_DOCUMENT_MAX);
    for (size_t i = 0; i < sizeof commands / sizeof *commands && result == 1; i++) {
        if (slice_is(command, commands[i].name))
            result = commands[i].run(&ed);
    }
    if (result == 1)
        result = err_set(e, ERR_USAGE, "unknown command '%.*s'", SLICE_ARG(command));
    skip_blanks(&ed);
    if (result == 0 && ed.rest.n)
        result = usage(&ed, "the end of the line");
    if (result == 0 && buf_failed(doc))
        result = err_set(e, ERR_LIMIT, "the document is larger than %zu octets", doc->max);
    for (size_t i = 0; i < 2; i++)
        buf_free(&ed.strings[i]);
    return result;
}
