/* xmltext.c - see xmltext.h. */
#include "lab/xmltext.h"

enum tag_kind { TAG_NONE = 0, TAG_START, TAG_EMPTY, TAG_END };
struct tag {
    enum tag_kind kind;
    size_t from, name, name_to, to;
};

/* Where `text` ends that begins to be looked for at `at`; the end of the document if it never comes. */
static size_t behind(struct slice xml, size_t at, const char *text)
{
    const char *hit = at < xml.n ? memmem(xml.p + at, xml.n - at, text, strlen(text)) : NULL;

    return hit ? (size_t)(hit - xml.p) + strlen(text) : xml.n;
}

static bool at_text(struct slice xml, size_t at, const char *text)
{
    return slice_starts(slice_make(xml.p + at, xml.n - at), slice_of(text));
}

static bool ends_name(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '/' || c == '>';
}

/* The end of a tag: the first '>' outside of quotes. */
static size_t tag_end(struct slice xml, size_t at)
{
    char quote = 0;

    for (; at < xml.n; at++) {
        char c = xml.p[at];

        if (quote ? c == quote : c == '"' || c == '\'')
            quote = quote ? 0 : c;
        else if (!quote && c == '>')
            return at + 1;
    }
    return xml.n;
}

/* The next tag from *at on; TAG_NONE at the end. */
static struct tag next_tag(struct slice xml, size_t *at)
{
    struct tag t = {.kind = TAG_NONE};

    for (;;) {
        const char *open = *at < xml.n ? memchr(xml.p + *at, '<', xml.n - *at) : NULL;

        if (!open)
            return t;
        t.from = (size_t)(open - xml.p);
        if (at_text(xml, t.from, "<!--"))
            *at = behind(xml, t.from, "-->");
        else if (at_text(xml, t.from, "<![CDATA["))
            *at = behind(xml, t.from, "]]>");
        else if (at_text(xml, t.from, "<?"))
            *at = behind(xml, t.from, "?>");
        else if (at_text(xml, t.from, "<!"))
            *at = behind(xml, t.from, ">");
        else
            break;
    }
    t.kind = at_text(xml, t.from, "</") ? TAG_END : TAG_START;
    t.name = t.from + (t.kind == TAG_END ? 2 : 1);
    for (t.name_to = t.name; t.name_to < xml.n && !ends_name(xml.p[t.name_to]);)
        t.name_to++;
    t.to = *at = tag_end(xml, t.name_to);
    if (t.kind == TAG_START && t.to >= 2 && xml.p[t.to - 2] == '/')
        t.kind = TAG_EMPTY;
    return t;
}

static struct slice local_name(struct slice xml, const struct tag *t)
{
    struct slice name = slice_make(xml.p + t->name, t->name_to - t->name);
    ptrdiff_t colon = slice_find(name, ':');

    return colon < 0 ? name : slice_make(name.p + colon + 1, name.n - (size_t)colon - 1);
}

/* Fills in where the element ends that `start` begins. */
static struct xmltext element_of(struct slice xml, const struct tag *start)
{
    struct xmltext el = {.from = start->from,
                         .name_to = start->name_to,
                         .inner = start->to,
                         .inner_to = start->to,
                         .to = start->to,
                         .empty = start->kind == TAG_EMPTY};
    size_t at = start->to, depth = 1;

    while (!el.empty && depth > 0) {
        struct tag t = next_tag(xml, &at);

        if (t.kind == TAG_NONE) {
            el.inner_to = el.to = xml.n;
            break;
        }
        depth += t.kind == TAG_START;
        depth -= t.kind == TAG_END;
        if (depth == 0) {
            el.inner_to = t.from;
            el.to = t.to;
        }
    }
    return el;
}

/* One step of the path within [from, to). */
static bool find_step(struct slice xml, size_t from, size_t to, struct slice step, struct xmltext *ret)
{
    ptrdiff_t bracket = slice_find(step, '[');
    struct slice name = bracket < 0 ? step : slice_make(step.p, (size_t)bracket);
    struct slice which = bracket < 0 ? SLICE("1") : slice_make(step.p + bracket + 1, step.n - (size_t)bracket - 1);
    struct slice part = slice_make(xml.p, to);
    uint64_t number = 0, seen = 0;
    size_t at = from;
    struct tag t;

    if (bracket >= 0 && (which.n < 2 || which.p[--which.n] != ']'))
        return false;
    (void)str_to_u64(which, 1000000, &number);
    while ((t = next_tag(part, &at)).kind != TAG_NONE) {
        if (t.kind == TAG_END || !slice_eq(local_name(part, &t), name))
            continue;
        if (number ? ++seen == number : memmem(part.p + t.from, t.to - t.from, which.p, which.n) != NULL) {
            *ret = element_of(xml, &t);
            return true;
        }
    }
    return false;
}

bool xmltext_find(struct slice xml, struct slice path, struct xmltext *ret)
{
    struct xmltext el = {.inner = 0, .inner_to = xml.n};
    size_t from = 0;

    /* a bracket may hold a slash */
    for (size_t i = 0, depth = 0; i <= path.n; i++) {
        char c = i < path.n ? path.p[i] : '/';

        depth += c == '[';
        depth -= c == ']' && depth > 0;
        if (c != '/' || (depth > 0 && i < path.n))
            continue;
        if (!find_step(xml, el.inner, el.inner_to, slice_make(path.p + from, i - from), &el))
            return false;
        from = i + 1;
    }
    *ret = el;
    return true;
}

bool xmltext_attribute(struct slice xml, const struct xmltext *el, struct slice name, size_t *ret_from, size_t *ret_to)
{
    size_t at = el->name_to;

    for (;;) {
        size_t from, to;
        char quote;

        while (at < el->inner && (ends_name(xml.p[at]) && xml.p[at] != '>' && xml.p[at] != '/'))
            at++;
        if (at >= el->inner || xml.p[at] == '>' || xml.p[at] == '/')
            return false;
        for (from = at; at < el->inner && xml.p[at] != '=';)
            at++;
        to = at++;
        if (at >= el->inner)
            return false;
        quote = xml.p[at++];
        *ret_from = at;
        while (at < el->inner && xml.p[at] != quote)
            at++;
        *ret_to = at++;
        if (slice_eq(slice_make(xml.p + from, to - from), name))
            return true;
    }
}
