/*
 * schema.h - the numbered migrations, embedded. For accounts/store*.c.
 *
 * A migration that has been released is never edited: its checksum stands in every database. A change is a new row.
 */
#ifndef USHER_ACCOUNTS_SCHEMA_H
#define USHER_ACCOUNTS_SCHEMA_H

#include "accounts/sql.h"

struct schema_migration {
    const char *name;
    const char *sql;
};

/* Migration i + 1 is element i. */
extern const struct schema_migration schema_migrations[];
extern const size_t schema_version; /* how many there are */

/*
 * Applies what is missing, each migration in a transaction of its own; processes that do so at the same time take
 * turns. ERR_STORE_VERSION: a newer usher wrote this database, or an applied migration is not the one known here.
 */
int schema_migrate(struct sql_conn *c, struct err *e);

#endif
