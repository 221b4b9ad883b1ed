/* table.h - tables for people (libsmartcols: widths, UTF-8, terminal) and the same rows as JSON for programs. */
#ifndef USHER_CLI_TABLE_H
#define USHER_CLI_TABLE_H

struct table;

/* `format` NULL or "text", or "json". Columns are const char *, ended by NULL. NULL if memory is out or the format is
 * unknown. */
struct table *table_new(const char *format, ...) __attribute__((sentinel));
/* As many const char * as there are columns, ended by NULL. Text from strangers is escaped for the terminal. */
void table_row(struct table *t, ...) __attribute__((sentinel));
void table_print(struct table *t);
/* Prints the rows so far and forgets them, so that a long table need not be kept; the headings come once. */
void table_flush(struct table *t);
void table_free(struct table *t);

#endif
