/*
 * audit_text.c - see audit_text.h.
 *
 * The window holds twice what the longest message can take. Until the end of the stream a message is looked for only in
 * its first half, so that all of it is in the window; what was looked at is dropped but for a little context.
 */
#include "cli/audit_text.h"

#include <string.h>

#include "base/encode.h"
#include "cli/audit_markup.h"
#include "saml/verify.h"

/* Every octet of the base64 text percent-encoded; the same for XML. */
#define MESSAGE_MAX (4 * (size_t)SAML_XML_MAX + 64 * 1024)
#define WASTE_MAX (64 * (uint64_t)SAML_XML_MAX) /* searched in vain in one stream */
#define CONTEXT_MAX 4096 /* kept before the place that is looked at: the front of a query string */
#define VALUE_MIN 16     /* a shorter parameter is an example in a text */
#define RUN_MIN 64       /* a shorter run of base64 without a name is no message */
#define FRONT_MAX 4096   /* of a run, by which it is known */
#define FRONT_LESS 512   /* where too much looks like one and is none */
#define LINE_MIN 56      /* wrapped base64 is 64 or 76 wide; what is wider is one message a line */
#define LINE_MAX 80

/* A message as its value was cut out of the window. */
struct cut {
    enum audit_form form;
    size_t at, end; /* in the window */
    struct slice query;
};

const char *audit_form_name(enum audit_form f)
{
    switch (f) {
    case AUDIT_XML: return "xml";
    case AUDIT_BASE64: return "base64";
    case AUDIT_FORM: return "form";
    case AUDIT_REDIRECT: return "redirect";
    case AUDIT_HTML: return "html";
    }
    return "xml";
}

/* --- reporting --------------------------------------------------------------------------------------------------- */

static void count_lines(struct audit_text *t, size_t at)
{
    while (t->counted < at) {
        const char *p = t->window.data + t->counted, *nl = memchr(p, '\n', at - t->counted);

        if (!nl) {
            t->counted = at;
            return;
        }
        t->line++;
        t->counted += (size_t)(nl - p) + 1;
    }
}

static int report(struct audit_text *t, const struct cut *c, struct slice xml, const struct err *why)
{
    struct audit_found f = {
        .form = c->form, .line = t->line, .offset = t->offset, .xml = xml, .query = c->query, .why = why};

    if (!t->fixed) {
        count_lines(t, c->at);
        f.line = t->line;
        f.offset = t->offset + c->at;
    }
    return t->found(t->arg, &f);
}

/* --- decoding ---------------------------------------------------------------------------------------------------- */

/* Behind a byte order mark and white space. */
static bool begins_markup(struct slice s)
{
    if (slice_starts(s, SLICE("\xef\xbb\xbf")))
        s = slice_make(s.p + 3, s.n - 3);
    s = slice_trim(s);
    return s.n > 0 && s.p[0] == '<';
}

/* UTF-16 is refused by every check, but it is a message all the same: a way past filters. */
static bool is_utf16_markup(struct slice s)
{
    return s.n >= 4 && (memcmp(s.p, "\xff\xfe<", 4) == 0 || memcmp(s.p, "\xfe\xff\0<", 4) == 0 ||
                        memcmp(s.p, "<\0?", 4) == 0 || memcmp(s.p, "\0<\0?", 4) == 0);
}

static bool mentions_saml(struct slice s)
{
    return memmem(s.p, s.n, "urn:oasis:names:tc:SAML", 23) != NULL || is_utf16_markup(s);
}

/* Base64 text into t->xml: the document itself, or deflated. The form tells which. */
static int decode(struct audit_text *t, struct slice text, enum audit_form *form, struct err *e)
{
    struct slice raw;

    buf_reset(&t->xml);
    if (base64_decode(text, &t->xml, e) != 0)
        return -1;
    raw = buf_slice(&t->xml);
    if (begins_markup(raw) || is_utf16_markup(raw))
        return 0;
    buf_reset(&t->scratch);
    if (inflate_raw(raw, &t->scratch, e) != 0)
        return e->code == ERR_LIMIT ? -1
                                    : (err_clear(e), err_set(e, ERR_ENCODING, "base64 of neither XML nor deflate"));
    buf_reset(&t->xml);
    buf_add_slice(&t->xml, buf_slice(&t->scratch));
    if (!begins_markup(buf_slice(&t->xml)))
        return err_set(e, ERR_ENCODING, "base64 of neither XML nor deflated XML");
    *form = AUDIT_REDIRECT;
    return 0;
}

/* A document that is longer than usher takes is reported as that, not cut. */
static int report_decoded(struct audit_text *t, struct cut *c, struct slice text)
{
    struct err e = ERR_INIT;

    if (decode(t, text, &c->form, &e) != 0)
        return report(t, c, SLICE(""), &e);
    return report(t, c, buf_slice(&t->xml), NULL);
}

/* --- SAMLResponse=, SAMLRequest= --------------------------------------------------------------------------------- */

static bool is_base64(char c)
{
    return ascii_is_alnum(c) || c == '+' || c == '/';
}

/* Octets of "SAMLResponse=" or "SAMLRequest=" at the front of `s`, "=" may be encoded; else 0. */
static size_t parameter_name(struct slice s)
{
    static const char *const names[] = {"SAMLResponse", "SAMLRequest"};

    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(names[i]);

        if (s.n <= n + 3 || memcmp(s.p, names[i], n) != 0)
            continue;
        if (s.p[n] == '=')
            return n + 1;
        if (s.p[n] == '%' && s.p[n + 1] == '3' && (s.p[n + 2] == 'D' || s.p[n + 2] == 'd'))
            return n + 3;
    }
    return 0;
}

static bool ends_query(char c)
{
    return (unsigned char)c <= ' ' || (unsigned char)c >= 0x7f || strchr("\"'<>`\\^{}|?#", c) != NULL;
}

/* All parameters beside it: the signature of the redirect binding is there. */
static struct slice query_around(struct slice w, size_t at, size_t end)
{
    size_t from = at, to = end;

    while (from > 0 && at - from < CONTEXT_MAX && !ends_query(w.p[from - 1]))
        from--;
    while (to < w.n && to - end < CONTEXT_MAX && !ends_query(w.p[to]))
        to++;
    return slice_make(w.p + from, to - from);
}

/* Percent-decodes text into `out`. A plus that nobody encoded stands for itself in base64. */
static int unescape(struct slice text, bool plus_is_space, struct buf *out, struct err *e)
{
    struct buf once;
    int r;

    buf_reset(out);
    if (percent_decode(text, plus_is_space, out, e) != 0)
        return -1;
    if (slice_find(buf_slice(out), '%') < 0)
        return 0;
    /* a URL as a parameter of another URL */
    buf_init(&once, MESSAGE_MAX);
    buf_add_slice(&once, buf_slice(out));
    buf_reset(out);
    r = percent_decode(buf_slice(&once), plus_is_space, out, e);
    buf_free(&once);
    return r;
}

static int report_parameter(struct audit_text *t, struct slice w, struct cut *c, struct slice value)
{
    bool escaped = slice_find(value, '%') >= 0;
    struct err e = ERR_INIT;
    struct buf text;
    int r;

    buf_init(&text, MESSAGE_MAX);
    if (unescape(value, escaped, &text, &e) == 0 && decode(t, buf_slice(&text), &c->form, &e) != 0 && escaped &&
        slice_find(value, '+') >= 0) {
        /* half encoded: the slashes were, the pluses were not. A strict server reads spaces there, which base64 skips.
         */
        struct err other = ERR_INIT;

        if (unescape(value, false, &text, &other) == 0 && decode(t, buf_slice(&text), &c->form, &other) == 0)
            err_clear(&e);
    }
    if (c->form == AUDIT_REDIRECT)
        c->query = query_around(w, c->at, c->end);
    r = report(t, c, e.code == ERR_NONE ? buf_slice(&t->xml) : SLICE(""), e.code == ERR_NONE ? NULL : &e);
    buf_free(&text);
    return r;
}

/* A longer name ends in ours; the %3F or %26 of a URL in a URL is no part of a name. */
static bool inside_name(struct slice w, size_t at)
{
    return at > 0 && ascii_is_alnum(w.p[at - 1]) && !(at > 2 && w.p[at - 3] == '%');
}

static int try_parameter(struct audit_text *t, struct slice w, size_t at, size_t *ret_end)
{
    size_t name = parameter_name(slice_make(w.p + at, w.n - at)), end = at + name;
    struct cut c = {.form = AUDIT_FORM, .at = at};

    if (name == 0 || inside_name(w, at))
        return 0;
    while (end < w.n && end - at < MESSAGE_MAX && (is_base64(w.p[end]) || w.p[end] == '%' || w.p[end] == '='))
        end++;
    *ret_end = end;
    if (end - at - name < VALUE_MIN)
        return 0;
    c.end = end;
    return report_parameter(t, w, &c, slice_make(w.p + at + name, end - at - name));
}

/* --- HTML and XML ------------------------------------------------------------------------------------------------ */

static int try_input(struct audit_text *t, struct slice w, size_t at, size_t *ret_end)
{
    struct cut c = {.form = AUDIT_HTML, .at = at};
    size_t n = markup_input(slice_make(w.p + at, w.n - at), MESSAGE_MAX, &t->scratch);
    struct buf value;
    int r;

    if (n == 0)
        return 0;
    *ret_end = at + n;
    buf_init(&value, MESSAGE_MAX);
    buf_add_slice(&value, buf_slice(&t->scratch));
    r = buf_failed(&value) ? -1 : value.len < VALUE_MIN ? 0 : report_decoded(t, &c, buf_slice(&value));
    buf_free(&value);
    return r;
}

static int try_xml(struct audit_text *t, struct slice w, size_t at, size_t *ret_end)
{
    struct cut c = {.form = AUDIT_XML, .at = at};
    struct slice rest = slice_make(w.p + at, w.n - at);
    struct err e = ERR_INIT;
    size_t tag = 0, looked = 0, n;

    if (!markup_is_message(rest, &tag))
        return 0;
    n = t->wasted < WASTE_MAX ? markup_element(rest, SAML_XML_MAX + 1, &looked) : 0;
    if (n == 0) {
        t->wasted += looked;
        *ret_end = at + tag;
        (void)err_set(&e, ERR_XML_SYNTAX, "a message begins here and does not end within %d octets", SAML_XML_MAX);
        return report(t, &c, SLICE(""), &e);
    }
    *ret_end = at + n;
    return report(t, &c, slice_make(rest.p, n), NULL);
}

/* --- base64 without a name --------------------------------------------------------------------------------------- */

/* Past a run, of at most `max`, that may go on over lines of one width, as MIME and PEM wrap it. */
static size_t run_end(struct slice w, size_t at, size_t max)
{
    size_t i = at, line = at, width = 0;

    for (;;) {
        while (i < w.n && i - at < max && is_base64(w.p[i]))
            i++;
        if (width == 0)
            width = i - at;
        if (width < LINE_MIN || width > LINE_MAX || i - line != width || i - at >= max)
            break;
        line = i + (i < w.n && w.p[i] == '\r');
        if (line + 1 >= w.n || w.p[line] != '\n' || !is_base64(w.p[line + 1]))
            break;
        i = ++line;
    }
    for (size_t pad = 0; pad < 2 && i < w.n && w.p[i] == '='; pad++)
        i++;
    return i;
}

/* Its front decides whether it is one of ours. */
static bool run_is_message(struct audit_text *t, struct slice front)
{
    struct err e = ERR_INIT;
    struct buf clean;
    bool is;

    buf_init(&clean, FRONT_MAX);
    for (size_t i = 0; i < front.n; i++) {
        if (is_base64(front.p[i]))
            buf_add_char(&clean, front.p[i]);
    }
    buf_reset(&t->xml);
    is = base64_decode(slice_make(buf_cstr(&clean), clean.len / 4 * 4), &t->xml, &e) == 0 &&
         begins_markup(buf_slice(&t->xml)) && mentions_saml(buf_slice(&t->xml));
    buf_free(&clean);
    return is;
}

/* '<' and what may follow it ("<?", "<s") encode to P and one of C to H. */
static bool begins_run(struct slice s)
{
    return s.n > 1 && s.p[0] == 'P' && s.p[1] >= 'C' && s.p[1] <= 'H';
}

static int try_run(struct audit_text *t, struct slice w, size_t at, size_t *ret_end)
{
    struct cut c = {.form = AUDIT_BASE64, .at = at};
    size_t end;

    if (!begins_run(slice_make(w.p + at, w.n - at)) || (at > 0 && is_base64(w.p[at - 1])))
        return 0;
    end = run_end(w, at, t->wasted < WASTE_MAX ? FRONT_MAX : FRONT_LESS);
    if (end - at < RUN_MIN)
        return 0;
    if (!run_is_message(t, slice_make(w.p + at, end - at))) {
        t->wasted += end - at;
        return 0;
    }
    end = run_end(w, at, MESSAGE_MAX);
    *ret_end = end;
    return report_decoded(t, &c, slice_make(w.p + at, end - at));
}

/* --- the search -------------------------------------------------------------------------------------------------- */

static int try_at(struct audit_text *t, struct slice w, size_t at, size_t *ret_end)
{
    int r;

    switch (w.p[at]) {
    case 'S': return try_parameter(t, w, at, ret_end);
    case 'P': return try_run(t, w, at, ret_end);
    case '<': r = try_input(t, w, at, ret_end); return r || *ret_end > at + 1 ? r : try_xml(t, w, at, ret_end);
    default: return 0;
    }
}

static bool is_start(char c)
{
    return c == 'S' || c == 'P' || c == '<';
}

/* Looks at what begins before `until`. */
static int scan(struct audit_text *t, size_t until)
{
    struct slice w = buf_slice(&t->window);
    size_t at = t->scanned;
    int r = 0;

    while (at < until && r == 0) {
        size_t end = at + 1;

        if (is_start(w.p[at]))
            r = try_at(t, w, at, &end);
        at = end;
    }
    t->scanned = at;
    return r;
}

/* Makes room, but for the context. */
static void drop(struct audit_text *t)
{
    size_t n = t->scanned > CONTEXT_MAX ? t->scanned - CONTEXT_MAX : 0;

    if (n == 0)
        return;
    count_lines(t, n);
    memmove(t->window.data, t->window.data + n, t->window.len - n);
    t->window.len -= n;
    t->scanned -= n;
    t->counted -= n;
    t->offset += t->fixed ? 0 : n;
    t->cut = true;
}

/* --- a stream that is one message -------------------------------------------------------------------------------- */

/* What a page or a file of base64 holds, where it is no message itself: a HAR keeps pages so. */
static int search_decoded(struct audit_text *t)
{
    struct audit_text inner;
    int r;

    audit_text_init(&inner, t->found, t->arg);
    audit_text_begin(&inner, t->line, t->offset);
    inner.fixed = inner.nested = true;
    r = audit_text_feed(&inner, t->xml.data, t->xml.len);
    if (r == 0)
        r = audit_text_end(&inner);
    audit_text_free(&inner);
    return r;
}

/* A list of messages, each on a line of its own. */
static bool one_a_line(struct slice text)
{
    ptrdiff_t end = slice_find(text, '\n');

    return end > LINE_MAX && begins_run(slice_make(text.p + end + 1, text.n - (size_t)end - 1));
}

/* The whole stream is base64, percent-encoded perhaps. */
static int whole_base64(struct audit_text *t, struct slice text, bool *ret_done)
{
    struct cut c = {.form = AUDIT_BASE64};
    struct err e = ERR_INIT;
    struct buf plain;
    int r = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (!is_base64(text.p[i]) && !strchr(" \t\r\n%=", text.p[i]))
            return 0;
    }
    buf_init(&plain, MESSAGE_MAX);
    if (text.n < VALUE_MIN || one_a_line(text) || unescape(text, slice_find(text, '%') >= 0, &plain, &e) != 0 ||
        decode(t, buf_slice(&plain), &c.form, &e) != 0)
        goto out;
    *ret_done = true;
    if (markup_root_is_message(buf_slice(&t->xml)) || is_utf16_markup(buf_slice(&t->xml)))
        r = report(t, &c, buf_slice(&t->xml), NULL);
    else if (!t->nested && c.form != AUDIT_REDIRECT)
        r = search_decoded(t);
out:
    buf_free(&plain);
    return r;
}

static int whole(struct audit_text *t, bool *ret_done)
{
    struct slice all = buf_slice(&t->window), text = slice_trim(all);
    struct cut c = {.form = AUDIT_XML};

    if (text.n == 0)
        return 0;
    if ((begins_markup(all) && markup_root_is_message(all)) || is_utf16_markup(all)) {
        *ret_done = true;
        return report(t, &c, all, NULL);
    }
    return whole_base64(t, text, ret_done);
}

/* --- interface --------------------------------------------------------------------------------------------------- */

void audit_text_init(struct audit_text *t, int (*found)(void *arg, const struct audit_found *f), void *arg)
{
    *t = (struct audit_text){.found = found, .arg = arg};
    buf_init(&t->window, 2 * MESSAGE_MAX);
    buf_init(&t->xml, MESSAGE_MAX);
    buf_init(&t->scratch, MESSAGE_MAX);
    audit_text_begin(t, 1, 0);
}

void audit_text_free(struct audit_text *t)
{
    buf_free(&t->window);
    buf_free(&t->xml);
    buf_free(&t->scratch);
}

void audit_text_begin(struct audit_text *t, uint64_t line, uint64_t offset)
{
    buf_reset(&t->window);
    t->scanned = t->counted = 0;
    t->wasted = 0;
    t->line = line;
    t->offset = offset;
    t->cut = false;
}

int audit_text_feed(struct audit_text *t, const char *p, size_t n)
{
    while (n > 0) {
        size_t room = t->window.max - t->window.len, k = n < room ? n : room;
        int r;

        buf_add(&t->window, p, k);
        if (buf_failed(&t->window))
            return -1;
        p += k;
        n -= k;
        if (t->window.len < t->window.max)
            continue;
        r = scan(t, t->window.len - MESSAGE_MAX);
        if (r != 0)
            return r;
        drop(t);
    }
    return 0;
}

int audit_text_end(struct audit_text *t)
{
    bool done = false;
    int r = t->cut ? 0 : whole(t, &done);

    if (r != 0 || done)
        return r;
    return scan(t, t->window.len);
}
