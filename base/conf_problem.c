/* conf_problem.c - the list of problems of conf.h. */
#include <stdlib.h>

#include "base/conf_impl.h"

#define KEPT_MAX 1000        /* the rest is counted: nobody reads more */
#define TEXTS_MAX (8U << 20) /* more than KEPT_MAX of the longest */

struct problem {
    enum conf_level level;
    const char *file; /* "" if there is none */
    int line, col;
    size_t seq;
    const char *text;
};

struct conf_problems {
    struct arena texts;
    struct problem *v;
    size_t n, cap;
    size_t errors, warnings; /* all of them, kept or not */
};

struct conf_problems *conf_problems_new(void)
{
    struct conf_problems *p = calloc(1, sizeof *p);

    if (p)
        arena_init(&p->texts, TEXTS_MAX);
    return p;
}

void conf_problems_free(struct conf_problems *p)
{
    if (!p)
        return;
    arena_free(&p->texts);
    free(p->v);
    free(p);
}

size_t conf_errors(const struct conf_problems *p)
{
    return p->errors;
}

size_t conf_warnings(const struct conf_problems *p)
{
    return p->warnings;
}

static bool grow(struct conf_problems *p)
{
    size_t cap = p->cap ? p->cap * 2 : 8;
    struct problem *v;

    if (p->n == KEPT_MAX)
        return false;
    if (p->n < p->cap)
        return true;
    v = realloc(p->v, cap * sizeof *v);
    if (!v)
        return false;
    p->v = v;
    p->cap = cap;
    return true;
}

void conf_problem_add(struct conf_problems *p, enum conf_level level, struct conf_place place, const char *text)
{
    char printable[1200];
    struct problem *row;

    /* counted first: a problem that cannot be kept for want of memory still stops the start */
    *(level == CONF_ERROR ? &p->errors : &p->warnings) += 1;
    if (!grow(p))
        return;
    str_escape(printable, sizeof printable, text, strlen(text));
    row = &p->v[p->n];
    *row = (struct problem){.level = level, .line = place.line, .col = place.col, .seq = p->n};
    row->file = arena_strdup(&p->texts, place.file);
    row->text = arena_strdup(&p->texts, printable);
    if (row->file && row->text)
        p->n++;
}

static int by_place(const void *a, const void *b)
{
    const struct problem *const *x = a, *const *y = b;
    const struct problem *m = *x, *n = *y;
    int r = strcmp(m->file, n->file);

    if (r == 0)
        r = (m->line > n->line) - (m->line < n->line);
    if (r == 0)
        r = (m->col > n->col) - (m->col < n->col);
    return r ? r : (m->seq > n->seq) - (m->seq < n->seq);
}

static void print_place(const struct problem *row, struct buf *out)
{
    if (!row->file[0])
        return;
    buf_add_str(out, row->file);
    if (row->line)
        buf_printf(out, ":%d:%d", row->line, row->col);
    buf_add_str(out, ": ");
}

void conf_problems_print(const struct conf_problems *p, struct buf *out)
{
    const struct problem **order = calloc(p->n + 1, sizeof(*order));

    for (size_t i = 0; order && i < p->n; i++)
        order[i] = &p->v[i];
    if (order)
        qsort(order, p->n, sizeof(*order), by_place);
    for (size_t i = 0; i < p->n; i++) {
        const struct problem *row = order ? order[i] : &p->v[i];

        print_place(row, out);
        buf_printf(out, "%s: %s\n", row->level == CONF_ERROR ? "error" : "warning", row->text);
    }
    if (p->errors + p->warnings > p->n)
        buf_printf(out, "and %zu more\n", p->errors + p->warnings - p->n);
    free(order);
}

int conf_check(const struct conf_problems *p, struct err *e)
{
    const struct problem *first = NULL;

    if (p->errors == 0)
        return 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct problem *row = &p->v[i];

        if (row->level == CONF_ERROR && (!first || by_place(&row, &first) < 0))
            first = row;
    }
    (void)err_set(e, ERR_CONFIG, "%zu error%s in the configuration%s%s", p->errors, p->errors == 1 ? "" : "s",
                  first ? ", the first: " : "", first ? first->text : "");
    if (first && first->line)
        (void)err_at(e, "%s:%d:%d", first->file, first->line, first->col);
    return -1;
}
