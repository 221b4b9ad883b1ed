/* schema.c - see schema.h. */
#include "accounts/schema.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "base/encode.h"

#define CHECKSUM_SIZE (2 * crypto_hash_sha256_BYTES + 1)

/*
 * Times are seconds since 1970. Absent texts are NULL, never ''.
 *
 * sessions.account_id becomes NULL when the account goes, but the row stays until its end: running processes learn from
 * revoked_change which sessions they have to drop.
 */
static const char initial[] =
    "CREATE TABLE accounts ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  email_key TEXT NOT NULL UNIQUE,"
    "  email TEXT NOT NULL,"
    "  name TEXT,"
    "  kind TEXT,"
    "  idp TEXT,"
    "  subject TEXT,"
    "  password_hash TEXT,"
    "  disabled INTEGER NOT NULL CHECK (disabled IN (0, 1)),"
    "  created INTEGER NOT NULL,"
    "  last_login INTEGER,"
    "  source TEXT NOT NULL CHECK (source IN ('cli', 'jit')),"
    "  CHECK ((idp IS NULL) = (subject IS NULL)),"
    "  UNIQUE (idp, subject)"
    ") STRICT;"
    "CREATE TABLE grants ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  account TEXT NOT NULL,"
    "  kind TEXT NOT NULL CHECK (kind IN ('outside', 'fallback')),"
    "  owner TEXT NOT NULL,"
    "  reason TEXT NOT NULL,"
    "  valid_from INTEGER,"
    "  valid_until INTEGER,"
    "  networks TEXT,"
    "  condition TEXT,"
    "  created INTEGER NOT NULL,"
    "  created_by TEXT,"
    "  last_used INTEGER,"
    "  revoked_at INTEGER"
    ") STRICT;"
    "CREATE TABLE sessions ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  account_id INTEGER REFERENCES accounts ON DELETE SET NULL,"
    "  email TEXT NOT NULL,"
    "  name TEXT,"
    "  door TEXT NOT NULL CHECK (door IN ('sso', 'password')),"
    "  idp TEXT,"
    "  subject TEXT,"
    "  name_id TEXT,"
    "  session_index TEXT,"
    "  member_of TEXT," /* groups, one a line */
    "  created INTEGER NOT NULL,"
    "  last_seen INTEGER NOT NULL,"
    "  idle_sec INTEGER NOT NULL,"
    "  absolute_end INTEGER NOT NULL,"
    "  revoked_at INTEGER,"
    "  revoked_change INTEGER,"
    "  CHECK ((revoked_at IS NULL) = (revoked_change IS NULL))"
    ") STRICT;"
    "CREATE INDEX sessions_by_account ON sessions (account_id);"
    "CREATE INDEX sessions_by_name_id ON sessions (idp, name_id) WHERE name_id IS NOT NULL;"
    "CREATE INDEX sessions_by_change ON sessions (revoked_change) WHERE revoked_change IS NOT NULL;"
    "CREATE INDEX sessions_by_end ON sessions (absolute_end);"
    "CREATE TABLE session_tokens ("
    "  hash BLOB PRIMARY KEY,"
    "  session_id INTEGER NOT NULL REFERENCES sessions ON DELETE CASCADE,"
    "  host TEXT NOT NULL,"
    "  landing BLOB UNIQUE" /* the landing token that was spent for it */
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX session_tokens_by_session ON session_tokens (session_id);"
    "CREATE TABLE replay ("
    "  issuer TEXT NOT NULL,"
    "  assertion_id TEXT NOT NULL,"
    "  valid_until INTEGER NOT NULL,"
    "  PRIMARY KEY (issuer, assertion_id)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX replay_by_end ON replay (valid_until);"
    "CREATE TABLE events ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  at INTEGER NOT NULL,"
    "  request_id TEXT UNIQUE,"
    "  kind TEXT NOT NULL,"
    "  code TEXT,"
    "  email TEXT,"
    "  account_id INTEGER,"
    "  idp TEXT,"
    "  client TEXT,"
    "  detail TEXT"
    ") STRICT;"
    "CREATE INDEX events_by_time ON events (at);"
    "CREATE TABLE changes (one INTEGER PRIMARY KEY CHECK (one = 1), n INTEGER NOT NULL) STRICT;"
    "INSERT INTO changes VALUES (1, 1);";

/*
 * Keys are known by the SHA-256 of their SubjectPublicKeyInfo. A row of idp_keys outlives the key's place in the
 * metadata: what was distrusted once must be recognised whenever it is announced again.
 */
static const char keys_and_metadata[] =
    "CREATE TABLE idp_metadata ("
    "  idp TEXT PRIMARY KEY,"
    "  revision INTEGER NOT NULL,"
    "  url TEXT," /* NULL: metadata is a file, and the row is here for its revision */
    "  document BLOB,"
    "  fetched INTEGER,"
    "  checked INTEGER,"
    "  next INTEGER,"
    "  failures INTEGER NOT NULL DEFAULT 0,"
    "  error TEXT,"
    "  pending BLOB,"
    "  pending_since INTEGER,"
    "  CHECK ((document IS NULL) = (fetched IS NULL)),"
    "  CHECK ((pending IS NULL) = (pending_since IS NULL))"
    ") STRICT;"
    "CREATE TABLE idp_keys ("
    "  idp TEXT NOT NULL,"
    "  sha256 BLOB NOT NULL,"
    "  subject TEXT,"
    "  not_after INTEGER,"
    "  first_seen INTEGER NOT NULL,"
    "  first_used INTEGER,"
    "  last_used INTEGER,"
    "  removed_at INTEGER,"
    "  distrusted_at INTEGER,"
    "  reason TEXT,"
    "  PRIMARY KEY (idp, sha256)"
    ") STRICT, WITHOUT ROWID;"
    "ALTER TABLE sessions ADD COLUMN key_sha256 BLOB;" /* that verified the login */
    "CREATE INDEX sessions_by_key ON sessions (idp, key_sha256) WHERE key_sha256 IS NOT NULL;";

/* A LogoutRequest names the person as the assertion did: with all attributes of the NameID. */
static const char session_name_ids[] = "ALTER TABLE sessions ADD COLUMN name_id_format TEXT;"
                                       "ALTER TABLE sessions ADD COLUMN name_qualifier TEXT;"
                                       "ALTER TABLE sessions ADD COLUMN sp_name_qualifier TEXT;";

const struct schema_migration schema_migrations[] = {
    {"initial", initial},
    {"keys and metadata", keys_and_metadata},
    {"session name ids", session_name_ids},
};
const size_t schema_version = sizeof schema_migrations / sizeof *schema_migrations;

static void checksum(const struct schema_migration *m, char ret[CHECKSUM_SIZE])
{
    unsigned char digest[crypto_hash_sha256_BYTES];

    (void)crypto_hash_sha256(digest, (const unsigned char *)m->sql, strlen(m->sql));
    hex_encode(ret, digest, sizeof digest);
}

/* Checks what was applied; *ret_n is how many. Runs inside the transaction that will apply the next. */
static int check_applied(struct sql_conn *c, size_t *ret_n, struct err *e)
{
    struct sql_stmt *st = sql_stmt(c, "SELECT number, checksum FROM migrations ORDER BY number", e);
    char known[CHECKSUM_SIZE], found[CHECKSUM_SIZE];
    size_t n = 0;
    bool row;

    if (!st)
        return -1;
    for (;;) {
        if (sql_next(st, &row, e) != 0)
            return -1;
        if (!row)
            break;
        if (n == schema_version || sql_int(st, 0) != (int64_t)n + 1)
            return err_set(e, ERR_STORE_VERSION,
                           "the database has migration %" PRId64 ", this usher knows %zu: a newer version wrote it",
                           sql_int(st, 0), schema_version);
        checksum(&schema_migrations[n], known);
        SQL_TEXT(st, 1, found);
        if (sql_row_ok(st, e) != 0 || strcmp(found, known) != 0) {
            err_clear(e);
            return err_mismatch(e, ERR_STORE_VERSION, found, known,
                                "migration %zu (%s) is not the one that was applied", n + 1, schema_migrations[n].name);
        }
        n++;
    }
    sql_reset_all(c);
    *ret_n = n;
    return 0;
}

static int apply(struct sql_conn *c, size_t i, struct err *e)
{
    const struct schema_migration *m = &schema_migrations[i];
    struct sql_stmt *st;
    char sum[CHECKSUM_SIZE];

    if (sql_script(c, m->sql, e) != 0)
        return err_wrap(e, "migration %zu (%s)", i + 1, m->name);
    st = sql_stmt(c, "INSERT INTO migrations (number, name, checksum) VALUES (?1, ?2, ?3)", e);
    if (!st)
        return -1;
    checksum(m, sum);
    sql_set_int(st, 1, (int64_t)i + 1);
    sql_set_text(st, 2, m->name);
    sql_set_text(st, 3, sum);
    return sql_run(st, e);
}

int schema_migrate(struct sql_conn *c, struct err *e)
{
    struct err ignored = ERR_INIT;
    size_t n = 0;

    do {
        if (sql_do(c, "BEGIN IMMEDIATE", e) != 0)
            return -1;
        if (sql_claim(c, e) != 0 ||
            sql_script(c,
                       "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL,"
                       " checksum TEXT NOT NULL) STRICT",
                       e) != 0 ||
            check_applied(c, &n, e) != 0 || (n < schema_version && apply(c, n++, e) != 0))
            goto fail;
        sql_reset_all(c);
        if (sql_do(c, "COMMIT", e) != 0)
            goto fail;
    } while (n < schema_version);
    return 0;
fail:
    sql_reset_all(c);
    (void)sql_do(c, "ROLLBACK", &ignored);
    return -1;
}
