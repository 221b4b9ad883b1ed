/*
 * conf.c - from YAML text to nodes. The only file that knows libfyaml (0.7.12, not yet a stable interface).
 *
 * It is read by events, not as a libfyaml document: fy_document_build_from_file() silently ignores a second document,
 * stops at the first duplicate key, and has no place for a mapping. The tree is ours, in an arena, and outlives the
 * parser.
 */
#include <libfyaml.h>

#include "base/conf_impl.h"

#define NESTING_MAX 32

/* One file being read. */
struct reader {
    struct conf_doc *doc;
    struct conf_file *file;
    struct conf_problems *problems;
    struct fy_parser *parser;
    int line, col; /* of the last event that had a place: for those that have none */
};

/* libfyaml's mark is behind the opening quote, or behind the asterisk of an alias. */
static bool mark_is_late(struct fy_event *ev)
{
    struct fy_token *scalar = ev->type == FYET_SCALAR ? ev->scalar.value : NULL;
    enum fy_scalar_style style = scalar ? fy_token_scalar_style(scalar) : FYSS_PLAIN;

    return ev->type == FYET_ALIAS || style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
}

static struct conf_node *node_new(struct reader *r, struct fy_event *ev)
{
    const struct fy_mark *mark = fy_event_start_mark(ev); /* from 0; none for a value that is not there */
    struct conf_node *n = arena_alloc(&r->doc->arena, sizeof *n);

    if (mark) {
        r->line = mark->line + 1;
        r->col = mark->column + 1 - mark_is_late(ev);
    }
    if (!n)
        return NULL;
    n->kind = ev->type == FYET_MAPPING_START ? CONF_MAP : ev->type == FYET_SEQUENCE_START ? CONF_SEQ : CONF_SCALAR;
    n->line = r->line;
    n->col = r->col;
    n->file = r->file;
    n->text = "";
    n->where = arena_printf(&r->doc->arena, "%s:%d:%d", r->file->name, n->line, n->col);
    return n->where ? n : NULL;
}

/* --- reading events ------------------------------------------------------------------------------------------ */

/* What YAML has and configuration does not: each is reported, and reading goes on. */
static void refuse_extras(struct reader *r, struct fy_event *ev, const struct conf_node *n)
{
    struct fy_token *tag = fy_event_get_tag_token(ev);
    struct fy_token *anchor = ev->type == FYET_ALIAS ? NULL : fy_event_get_anchor_token(ev);

    if (ev->type == FYET_ALIAS)
        conf_problem(r->problems, CONF_ERROR, n, "aliases (*name) are not used here; write the value out");
    if (anchor)
        conf_problem(r->problems, CONF_ERROR, n, "anchors (&name) are not used here; write the value out");
    if (tag)
        conf_problem(r->problems, CONF_ERROR, n, "tags (!name) are not used here; every option knows its type");
}

static bool read_scalar(struct reader *r, struct fy_event *ev, struct conf_node *n)
{
    struct fy_token *token = ev->type == FYET_SCALAR ? ev->scalar.value : NULL;
    size_t len = 0;
    const char *text = token ? fy_token_get_text(token, &len) : "";

    n->blank = !token;
    if (!text)
        return false;
    if (memchr(text, '\0', len)) {
        conf_problem(r->problems, CONF_ERROR, n, "the text holds a NUL octet");
        len = 0;
    }
    n->text = arena_strndup(&r->doc->arena, text, len);
    return n->text != NULL;
}

static struct conf_node *read_node(struct reader *r, struct fy_event *ev, unsigned depth);

/* Reads entries up to the end of the map or sequence. */
static bool read_entries(struct reader *r, struct conf_node *n, unsigned depth)
{
    enum fy_event_type end = n->kind == CONF_MAP ? FYET_MAPPING_END : FYET_SEQUENCE_END;
    struct conf_node *key = NULL;

    for (;;) {
        struct fy_event *ev = fy_parser_parse(r->parser);
        struct conf_node *child = NULL;
        bool done = ev && ev->type == end;

        if (ev && !done)
            child = read_node(r, ev, depth + 1);
        fy_parser_event_free(r->parser, ev);
        if (done)
            return true;
        if (!child)
            return false;
        if (n->kind == CONF_MAP && !key) {
            key = child;
            if (key->kind != CONF_SCALAR || key->blank)
                conf_problem(r->problems, CONF_ERROR, key, "a key must be plain text");
            else if (strcmp(key->text, "<<") == 0)
                conf_problem(r->problems, CONF_ERROR, key, "merge keys (<<) are not used here; write the values out");
            continue;
        }
        if (!conf_push(&r->doc->arena, n, key, child))
            return false;
        key = NULL;
    }
}

/* The node that starts with `ev`. NULL without a problem recorded: the parser's own error, or memory. */
static struct conf_node *read_node(struct reader *r, struct fy_event *ev, unsigned depth)
{
    struct conf_node *n = node_new(r, ev);

    if (!n)
        return NULL;
    if (depth > NESTING_MAX) {
        conf_problem(r->problems, CONF_ERROR, n, "nested deeper than %d levels", NESTING_MAX);
        return NULL;
    }
    refuse_extras(r, ev, n);
    if (n->kind == CONF_SCALAR)
        return read_scalar(r, ev, n) ? n : NULL;
    return read_entries(r, n, depth) ? n : NULL;
}

/* The first error libfyaml collected, or our own words. */
static void report_syntax(struct reader *r, struct fy_diag *diag, size_t errors_before)
{
    void *prev = NULL;
    struct fy_diag_error *first = fy_diag_errors_iterate(diag, &prev);

    if (first)
        conf_file_problem(r->problems, r->file, first->line, first->column, first->msg);
    else if (conf_errors(r->problems) == errors_before)
        conf_file_problem(r->problems, r->file, r->line, r->col,
                          "the file could not be read to its end (out of memory?)");
}

/* The whole stream: no document, or one. *ret stays NULL if there is none. */
static bool read_stream(struct reader *r, struct conf_node **ret)
{
    struct fy_event *ev;
    bool ok = true, ended = false;
    unsigned documents = 0;

    while (ok && !ended && (ev = fy_parser_parse(r->parser)) != NULL) {
        const struct fy_mark *mark = fy_event_start_mark(ev);

        ended = ev->type == FYET_STREAM_END;
        if (ev->type == FYET_DOCUMENT_START && ++documents == 2) {
            conf_file_problem(r->problems, r->file, mark ? mark->line + 1 : 1, mark ? mark->column + 1 : 1,
                              "a second YAML document starts here; a configuration is one document (use include)");
            ended = true;
        } else if (ev->type == FYET_MAPPING_START || ev->type == FYET_SEQUENCE_START || ev->type == FYET_SCALAR ||
                   ev->type == FYET_ALIAS) {
            *ret = read_node(r, ev, 1);
            ok = *ret != NULL;
        }
        fy_parser_event_free(r->parser, ev);
    }
    return ok && ended;
}

/* Valid UTF-8 without control characters, which libfyaml lets through; the place of the first that is not. */
static bool check_octets(struct reader *r, struct slice text)
{
    struct slice rest = text, line;

    for (int number = 1; slice_split(&rest, '\n', &line); number++) {
        if (!str_is_utf8(line)) {
            conf_file_problem(r->problems, r->file, number, 1, "the line is not UTF-8");
            return false;
        }
        for (size_t i = 0; i < line.n; i++) {
            unsigned char c = (unsigned char)line.p[i];

            if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7f) {
                conf_file_problem(r->problems, r->file, number, (int)i + 1, "a control character");
                return false;
            }
        }
    }
    return true;
}

bool conf_read_text(struct conf_doc *d, struct conf_file *file, struct slice text, struct conf_node **ret,
                    struct conf_problems *p)
{
    struct reader r = {.doc = d, .file = file, .problems = p, .line = 1, .col = 1};
    struct fy_diag_cfg diag_cfg;
    struct fy_diag *diag = NULL;
    size_t errors_before = conf_errors(p);
    bool ok = false;

    *ret = NULL;
    if (!check_octets(&r, text))
        return false;
    fy_diag_cfg_default(&diag_cfg);
    diag = fy_diag_create(&diag_cfg);
    if (diag) {
        struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_JSON_NONE | FYPCF_DEFAULT_VERSION_1_2, .diag = diag};

        fy_diag_set_collect_errors(diag, true);
        r.parser = fy_parser_create(&cfg);
    }
    if (r.parser && text.n > 0 && fy_parser_set_string(r.parser, text.p, text.n) == 0)
        ok = read_stream(&r, ret);
    else
        ok = text.n == 0;
    if (!ok)
        report_syntax(&r, diag, errors_before);
    if (r.parser)
        fy_parser_destroy(r.parser);
    if (diag)
        fy_diag_destroy(diag);
    if (ok && *ret && (*ret)->blank)
        *ret = NULL; /* "---" and nothing behind it */
    if (!ok || !*ret || (*ret)->kind == CONF_MAP)
        return ok;
    conf_problem(p, CONF_ERROR, *ret, "the top level must be a mapping (name: value)");
    return false;
}
