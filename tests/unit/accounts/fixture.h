/* fixture.h - what the tests of accounts/ share: a folder that goes away, keys, people. */
#ifndef USHER_TESTS_UNIT_ACCOUNTS_FIXTURE_H
#define USHER_TESTS_UNIT_ACCOUNTS_FIXTURE_H

#include "tests/unit/unit.h"

#include <ftw.h>
#include <unistd.h>

#include "accounts/session.h"
#include "base/clock.h"

#define NOW 1800000000

struct fixture {
    char dir[64];
    char url[128]; /* of a database in it */
    struct keyring *keys;
};

static inline int fixture_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err e = ERR_INIT;
    char path[128];

    assert_non_null(f);
    assert_ok(secret_init(&e), &e);
    strcpy(f->dir, "/tmp/usher-accounts-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->url, sizeof f->url, "sqlite:%s/usher.db", f->dir);
    (void)snprintf(path, sizeof path, "%s/keys", f->dir);
    assert_ok(keyring_load(path, true, &f->keys, &e), &e);
    clock_freeze(NOW);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    clock_release();
    keyring_free(f->keys);
    (void)nftw(f->dir, fixture_remove, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

#define fixture_test(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

static inline struct store *fixture_store(const struct fixture *f)
{
    struct store *s = NULL;
    struct err e = ERR_INIT;

    assert_ok(store_open(f->url, &s, &e), &e);
    return s;
}

static inline struct account fixture_account(const char *email)
{
    struct account a = {.created = NOW, .source = "cli", .kind = "person", .name = "Somebody"};

    strcpy(a.email, email);
    strcpy(a.email_key, email);
    return a;
}

static inline int64_t fixture_add(struct store *s, const char *email)
{
    struct account a = fixture_account(email);
    struct err e = ERR_INIT;
    int64_t id = 0;

    assert_ok(store_account_add(s, &a, NULL, &id, &e), &e);
    assert_true(id > 0);
    return id;
}

static inline struct session_row fixture_session(const char *email, const char *subject)
{
    struct session_row row = {.created = NOW,
                              .idle_sec = 900,
                              .absolute_end = NOW + 36000,
                              .name = "Ada Lovelace",
                              .door = "sso",
                              .idp = "entra",
                              .name_id = "ada-name-id",
                              .session_index = "_s1",
                              .groups = "staff\nadmins"};

    strcpy(row.email, email);
    strcpy(row.subject, subject);
    return row;
}

/* A first login of a person through SSO. `assertion` must be new. */
static inline struct store_login fixture_login(const struct session_row *row, const char *assertion)
{
    return (struct store_login){.issuer = "https://idp.example/",
                                .assertion_id = assertion,
                                .valid_until = NOW + 300,
                                .account = LOGIN_CREATE,
                                .email_key = row->email,
                                .session = row};
}

/* The number that a statement given to the sqlite3 command prints; -1 if it fails. For what no interface shows. */
static inline long fixture_sql(const struct fixture *f, const char *statement)
{
    char command[1024], out[64] = "-1";
    FILE *p;

    (void)snprintf(command, sizeof command, "sqlite3 '%s' \"%s\"", f->url + strlen("sqlite:"), statement);
    p = popen(command, "r");
    assert_non_null(p);
    if (!fgets(out, sizeof out, p))
        strcpy(out, "0");
    assert_int_equal(pclose(p), 0);
    return strtol(out, NULL, 10);
}

#endif
