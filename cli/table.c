/* table.c - see table.h. */
#include "cli/table.h"

#include <libsmartcols/libsmartcols.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

#define COLUMNS_MAX 16

struct table {
    struct libscols_table *scols;
    size_t columns;
    bool json;
};

struct table *table_new(const char *format, ...)
{
    struct table *t = calloc(1, sizeof *t);
    const char *name;
    va_list ap;

    if (!t || (format && strcmp(format, "text") != 0 && strcmp(format, "json") != 0) ||
        !(t->scols = scols_new_table())) {
        free(t);
        return NULL;
    }
    t->json = format && strcmp(format, "json") == 0;
    scols_table_enable_json(t->scols, t->json);
    (void)scols_table_enable_noencoding(t->scols, 1); /* table_row() has escaped what it takes */
    scols_table_set_name(t->scols, "rows");
    va_start(ap, format);
    while ((name = va_arg(ap, const char *)) != NULL && t->columns < COLUMNS_MAX) {
        (void)scols_table_new_column(t->scols, name, 0, SCOLS_FL_NOEXTREMES);
        t->columns++;
    }
    va_end(ap);
    return t;
}

void table_row(struct table *t, ...)
{
    struct libscols_line *line = scols_table_new_line(t->scols, NULL);
    const char *value;
    va_list ap;

    if (!line)
        return;
    va_start(ap, t);
    for (size_t i = 0; i < t->columns && (value = va_arg(ap, const char *)) != NULL; i++) {
        struct buf text;

        buf_init(&text, 65536);
        cli_text(&text, slice_of(value));
        (void)scols_line_set_data(line, i, buf_cstr(&text));
        buf_free(&text);
    }
    va_end(ap);
}

void table_print(struct table *t)
{
    (void)scols_print_table(t->scols);
}

void table_flush(struct table *t)
{
    if (scols_table_get_nlines(t->scols) == 0)
        return;
    (void)scols_print_table(t->scols);
    scols_table_remove_lines(t->scols);
    (void)scols_table_enable_noheadings(t->scols, 1);
}

void table_free(struct table *t)
{
    if (!t)
        return;
    scols_unref_table(t->scols);
    free(t);
}
