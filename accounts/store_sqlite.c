/*
 * store_sqlite.c - sql.h on SQLite. The only file that includes sqlite3.h.
 *
 * WAL with synchronous=FULL: a commit is on disk when it returns; replay and revocation rows must not be lost with the
 * power. Every connection is opened with NOMUTEX, as one thread at a time uses it, and with the switches that keep a
 * prepared or damaged file from running code: untrusted schema, defensive mode, no double-quoted strings, limits.
 */
#include "accounts/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/secret.h"
#include "base/str.h"

#define STMT_MAX 96
#define APPLICATION_ID 0x75736872 /* "ushr" */

struct sql_stmt {
    const char *text;
    sqlite3_stmt *h;
    struct sql_conn *conn;
    bool used;  /* since the last sql_reset_all() */
    int failed; /* first result other than OK of a sql_set_*() */
    bool bad_row;
};

struct sql_conn {
    sqlite3 *db;
    struct sql_stmt stmts[STMT_MAX];
    size_t n;
};

static int fail(struct sql_conn *c, int rc, const char *what, struct err *e)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: (void)err_set(e, ERR_BUSY, "database: %s: another process held it for too long", what); break;
    case SQLITE_NOMEM: (void)err_set(e, ERR_MEMORY, "database: %s", what); break;
    default:
        (void)err_set(e, ERR_STORE, "database: %s: %s (%d)", what, c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc),
                      rc);
    }
    return -1;
}

int sql_target_parse(const char *url, struct sql_target *ret, struct err *e)
{
    static const char scheme[] = "sqlite:";
    struct slice u = slice_of(url), path;

    if (slice_starts(u, SLICE("postgresql://")) || slice_starts(u, SLICE("postgres://")))
        return err_set(e, ERR_NOT_SUPPORTED, "store: PostgreSQL is not built into this version");
    if (!slice_starts(u, SLICE(scheme)))
        return err_mismatch(e, ERR_CONFIG, url, "sqlite:/path/to/usher.db", "store: not a database URL");
    path = slice_make(u.p + sizeof scheme - 1, u.n - (sizeof scheme - 1));
    *ret = (struct sql_target){.in_memory = slice_is(path, ":memory:")};
    if (ret->in_memory) {
        unsigned char id[8];
        char hex[2 * sizeof id + 1];

        secret_random(id, sizeof id);
        hex_encode(hex, id, sizeof id);
        /* a name with a slash is shared by the connections of this process */
        (void)snprintf(ret->name, sizeof ret->name, "file:/usher-%s?vfs=memdb", hex);
        return 0;
    }
    if (path.n == 0 || path.p[0] == ':' || !str_copy(ret->name, sizeof ret->name, path))
        return err_mismatch(e, ERR_CONFIG, url, "sqlite:/path/to/usher.db", "store: not a database path");
    return 0;
}

/* Creates the file for its owner only; SQLite gives the files beside it the same mode. An existing one is not opened
 * here: closing the descriptor would drop the locks of another handle of this process on it. */
static int create_private(const char *path, struct err *e)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0) {
        (void)close(fd);
        return 0;
    }
    if (errno != EEXIST || stat(path, &st) != 0)
        return err_set(e, ERR_STORE, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_STORE, "%s: not a regular file", path);
    if (st.st_mode & S_IRWXO)
        return err_set(e, ERR_STORE, "%s: everybody may read or change it (mode %04o); chmod 600 it", path,
                       (unsigned)(st.st_mode & 07777));
    return 0;
}

static int exec(struct sql_conn *c, const char *text, struct err *e)
{
    int rc = sqlite3_exec(c->db, text, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : fail(c, rc, text, e);
}

static void harden(sqlite3 *db)
{
    static const struct {
        int op, value;
    } switches[] = {{SQLITE_DBCONFIG_DEFENSIVE, 1},      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
                    {SQLITE_DBCONFIG_DQS_DML, 0},        {SQLITE_DBCONFIG_DQS_DDL, 0},
                    {SQLITE_DBCONFIG_ENABLE_FKEY, 1},    {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
                    {SQLITE_DBCONFIG_ENABLE_VIEW, 0},    {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
                    {SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0}};
    static const struct {
        int id, value;
    } limits[] = {{SQLITE_LIMIT_LENGTH, 40 << 20}, /* a row with two documents of STORE_DOCUMENT_MAX */
                  {SQLITE_LIMIT_SQL_LENGTH, 1 << 16}, {SQLITE_LIMIT_COLUMN, 64},  {SQLITE_LIMIT_EXPR_DEPTH, 64},
                  {SQLITE_LIMIT_COMPOUND_SELECT, 4},  {SQLITE_LIMIT_ATTACHED, 0}, {SQLITE_LIMIT_VARIABLE_NUMBER, 64},
                  {SQLITE_LIMIT_WORKER_THREADS, 0}};

    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        (void)sqlite3_db_config(db, switches[i].op, switches[i].value, (int *)NULL);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        (void)sqlite3_limit(db, limits[i].id, limits[i].value);
}

/* The change to WAL takes an exclusive lock and, when two processes meet at a new file, fails without asking the busy
 * handler. */
static int set_wal(struct sql_conn *c, struct err *e)
{
    const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};

    for (int tries = 0;; tries++) {
        if (exec(c, "PRAGMA journal_mode=WAL", e) == 0)
            return 0;
        if (e->code != ERR_BUSY || tries == SQL_BUSY_TIMEOUT_MS / 20)
            return -1;
        err_clear(e);
        (void)nanosleep(&pause, NULL);
    }
}

int sql_open(const struct sql_target *t, struct sql_conn **ret, struct err *e)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    struct sql_conn *c = NULL;
    int rc;

    if (!t->in_memory && create_private(t->name, e) != 0)
        return -1;
    c = calloc(1, sizeof *c);
    if (!c)
        return err_set(e, ERR_MEMORY, "database connection");
    rc = sqlite3_open_v2(t->name, &c->db, flags | (t->in_memory ? SQLITE_OPEN_URI : 0), NULL);
    if (rc != SQLITE_OK) {
        (void)fail(c, rc, t->name, e);
        goto out;
    }
    (void)sqlite3_busy_timeout(c->db, SQL_BUSY_TIMEOUT_MS);
    harden(c->db);
    if (!t->in_memory && set_wal(c, e) != 0)
        goto out;
    if (exec(c, "PRAGMA synchronous=FULL; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY", e) != 0)
        goto out;
    *ret = c;
    return 0;
out:
    (void)err_wrap(e, "%s", t->name);
    sql_close(c);
    return -1;
}

void sql_close(struct sql_conn *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++)
        (void)sqlite3_finalize(c->stmts[i].h);
    (void)sqlite3_close(c->db);
    free(c);
}

struct sql_stmt *sql_stmt(struct sql_conn *c, const char *text, struct err *e)
{
    struct sql_stmt *st = NULL;
    int rc;

    for (size_t i = 0; i < c->n && !st; i++) {
        if (c->stmts[i].text == text)
            st = &c->stmts[i];
    }
    if (!st) {
        if (c->n == STMT_MAX) {
            (void)err_set(e, ERR_INTERNAL, "database: more than %d statements", STMT_MAX);
            return NULL;
        }
        st = &c->stmts[c->n];
        rc = sqlite3_prepare_v3(c->db, text, -1, SQLITE_PREPARE_PERSISTENT, &st->h, NULL);
        if (rc != SQLITE_OK) {
            (void)fail(c, rc, "prepare", e);
            return NULL;
        }
        st->text = text;
        st->conn = c;
        c->n++;
    }
    if (st->used) {
        (void)sqlite3_reset(st->h);
        (void)sqlite3_clear_bindings(st->h);
    }
    st->used = true;
    st->failed = SQLITE_OK;
    st->bad_row = false;
    return st;
}

static void remember(struct sql_stmt *st, int rc)
{
    if (st->failed == SQLITE_OK)
        st->failed = rc;
}

void sql_set_int(struct sql_stmt *st, int i, int64_t v)
{
    remember(st, sqlite3_bind_int64(st->h, i, v));
}

void sql_set_int_or_null(struct sql_stmt *st, int i, int64_t v)
{
    if (v != 0)
        remember(st, sqlite3_bind_int64(st->h, i, v));
}

void sql_set_text(struct sql_stmt *st, int i, const char *s)
{
    if (s && s[0] != '\0')
        remember(st, sqlite3_bind_text(st->h, i, s, -1, SQLITE_STATIC));
}

void sql_set_blob(struct sql_stmt *st, int i, const void *p, size_t n)
{
    remember(st, sqlite3_bind_blob64(st->h, i, p, n, SQLITE_STATIC));
}

int sql_next(struct sql_stmt *st, bool *ret_row, struct err *e)
{
    int rc = st->failed;

    if (rc == SQLITE_OK)
        rc = sqlite3_step(st->h);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return fail(st->conn, rc, "statement", e);
    *ret_row = rc == SQLITE_ROW;
    return 0;
}

int sql_run(struct sql_stmt *st, struct err *e)
{
    bool row = false;

    if (sql_next(st, &row, e) != 0)
        return -1;
    if (row)
        return err_set(e, ERR_INTERNAL, "database: a row where none was expected");
    return 0;
}

int64_t sql_int(struct sql_stmt *st, int col)
{
    return sqlite3_column_int64(st->h, col);
}

void sql_text(struct sql_stmt *st, int col, char *dst, size_t size)
{
    const void *p = sqlite3_column_text(st->h, col);
    int n = sqlite3_column_bytes(st->h, col);

    if (!p && sqlite3_column_type(st->h, col) != SQLITE_NULL)
        st->bad_row = true; /* no memory for it */
    if (!str_copy(dst, size, slice_make(p, p && n > 0 ? (size_t)n : 0)))
        st->bad_row = true;
}

struct slice sql_blob(struct sql_stmt *st, int col)
{
    const void *p = sqlite3_column_blob(st->h, col);
    int n = sqlite3_column_bytes(st->h, col);

    if (!p && sqlite3_column_type(st->h, col) != SQLITE_NULL)
        st->bad_row = true; /* no memory for it; an empty one is never stored */
    return slice_make(p, p && n > 0 ? (size_t)n : 0);
}

int sql_row_ok(struct sql_stmt *st, struct err *e)
{
    if (st->bad_row)
        return err_set(e, ERR_STORE, "database: a row holds a text that does not fit its field");
    return 0;
}

size_t sql_changed(struct sql_conn *c)
{
    return (size_t)sqlite3_changes(c->db);
}

int64_t sql_last_id(struct sql_conn *c)
{
    return sqlite3_last_insert_rowid(c->db);
}

int sql_do(struct sql_conn *c, const char *text, struct err *e)
{
    struct sql_stmt *st = sql_stmt(c, text, e);
    int r = st ? sql_run(st, e) : -1;

    if (st) {
        (void)sqlite3_reset(st->h);
        st->used = false;
    }
    return r == 0 ? 0 : err_wrap(e, "%s", text);
}

int sql_script(struct sql_conn *c, const char *text, struct err *e)
{
    int rc = sqlite3_exec(c->db, text, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : fail(c, rc, "script", e);
}

void sql_reset_all(struct sql_conn *c)
{
    for (size_t i = 0; i < c->n; i++) {
        struct sql_stmt *st = &c->stmts[i];

        if (!st->used)
            continue;
        (void)sqlite3_reset(st->h);
        (void)sqlite3_clear_bindings(st->h);
        st->used = false;
    }
}

bool sql_in_transaction(struct sql_conn *c)
{
    return sqlite3_get_autocommit(c->db) == 0;
}

void sql_set_busy_timeout(struct sql_conn *c, int ms)
{
    (void)sqlite3_busy_timeout(c->db, ms);
}

static int one_int(struct sql_conn *c, const char *text, int64_t *ret, struct err *e)
{
    struct sql_stmt *st = sql_stmt(c, text, e);
    bool row = false;

    if (!st || sql_next(st, &row, e) != 0)
        return -1;
    *ret = row ? sql_int(st, 0) : 0;
    (void)sqlite3_reset(st->h);
    st->used = false;
    return 0;
}

int sql_data_version(struct sql_conn *c, int64_t *ret, struct err *e)
{
    return one_int(c, "PRAGMA data_version", ret, e);
}

int sql_claim(struct sql_conn *c, struct err *e)
{
    int64_t id, objects;
    char text[64];

    if (one_int(c, "PRAGMA application_id", &id, e) != 0)
        return -1;
    if (id == APPLICATION_ID)
        return 0;
    if (one_int(c, "SELECT count(*) FROM sqlite_schema", &objects, e) != 0)
        return -1;
    if (id != 0 || objects != 0)
        return err_set(e, ERR_STORE, "this is a database, but not one of usher's");
    (void)snprintf(text, sizeof text, "PRAGMA application_id=%d", APPLICATION_ID);
    return exec(c, text, e);
}
