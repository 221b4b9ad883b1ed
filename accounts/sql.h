/*
 * sql.h - the seam between the store's operations and a database. For accounts/store*.c only.
 *
 * The operations are written in plain SQL with numbered parameters against these few functions; store_sqlite.c is the
 * one implementation, another database would be a second one. A connection is used by one thread at a time. Statements
 * are prepared once per connection and kept; the cache is keyed by the address of the text, so texts must be literals.
 */
#ifndef USHER_ACCOUNTS_SQL_H
#define USHER_ACCOUNTS_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct sql_conn;
struct sql_stmt;

#define SQL_BUSY_TIMEOUT_MS 5000

/* Where the database is, from its URL in the configuration. */
struct sql_target {
    bool in_memory;
    char name[4096];
};
int sql_target_parse(const char *url, struct sql_target *ret, struct err *e);

/* Opens a connection; the first one of a process creates the file. ERR_STORE, ERR_BUSY. */
int sql_open(const struct sql_target *t, struct sql_conn **ret, struct err *e);
void sql_close(struct sql_conn *c);

/* The statement of this text, reset and without parameters. NULL and `e` set if it cannot be prepared. */
struct sql_stmt *sql_stmt(struct sql_conn *c, const char *text, struct err *e);
/* Parameters count from 1. What is set must stay until the statement is reset. Failures show at sql_next(). */
void sql_set_int(struct sql_stmt *st, int i, int64_t v);
void sql_set_int_or_null(struct sql_stmt *st, int i, int64_t v); /* 0 is NULL */
void sql_set_text(struct sql_stmt *st, int i, const char *s);    /* NULL and "" are NULL */
void sql_set_blob(struct sql_stmt *st, int i, const void *p, size_t n);
/* The next row, if there is one. */
int sql_next(struct sql_stmt *st, bool *ret_row, struct err *e);
/* For a statement without rows. */
int sql_run(struct sql_stmt *st, struct err *e);

/* Columns of the current row count from 0; NULL reads as 0 or "". */
int64_t sql_int(struct sql_stmt *st, int col);
/* What does not fit is a damaged row: reported by sql_row_ok(), which goes at the end of each reading of a row. */
void sql_text(struct sql_stmt *st, int col, char *dst, size_t size);
#define SQL_TEXT(st, col, array) sql_text((st), (col), (array), sizeof(array))
/* Valid until the next row; {NULL, 0} for NULL. */
struct slice sql_blob(struct sql_stmt *st, int col);
int sql_row_ok(struct sql_stmt *st, struct err *e);

/* Rows that the last statement inserted, changed or deleted. */
size_t sql_changed(struct sql_conn *c);
int64_t sql_last_id(struct sql_conn *c);
/* Statement given by text, no parameters, no rows. */
int sql_do(struct sql_conn *c, const char *text, struct err *e);
/* Several statements, for migrations. */
int sql_script(struct sql_conn *c, const char *text, struct err *e);
/* Ends every reading under way and forgets parameters: after each operation. */
void sql_reset_all(struct sql_conn *c);
/* False if the database has given up the transaction by itself (disk full, I/O error). */
bool sql_in_transaction(struct sql_conn *c);
/* Instead of SQL_BUSY_TIMEOUT_MS: for tests. */
void sql_set_busy_timeout(struct sql_conn *c, int ms);
/* Changes when another connection has committed. */
int sql_data_version(struct sql_conn *c, int64_t *ret, struct err *e);
/* Marks the database as ours. ERR_STORE if it is somebody else's. */
int sql_claim(struct sql_conn *c, struct err *e);

#endif
