/*
 * cases.c - runs the decision tables in tests/cases/policy (README.md there has the format), and the configurations in
 * tests/cases/policy/bad, each of which names the problems that must be found.
 */
#include <glob.h>

#include "tests/unit/policy/policy_files.h"

#include "base/clock.h"
#include "policy/trace.h"

#define CASES "tests/cases/policy"
#define WORDS_MAX 32

struct table {
    const char *path;
    struct loaded l;
    struct policy_grants *stored;
    size_t rows, wrong;
};

/* One line, taken apart at spaces. */
struct line {
    int number;
    const char *text;
    char room[512];
    char *words[WORDS_MAX];
    size_t n, at;
};

static bool split(struct line *l, int number, const char *text)
{
    char *save = NULL;

    *l = (struct line){.number = number, .text = text};
    if (strlen(text) >= sizeof l->room)
        return false;
    (void)strcpy(l->room, text);
    for (char *w = strtok_r(l->room, " ", &save); w && l->n < WORDS_MAX; w = strtok_r(NULL, " ", &save))
        l->words[l->n++] = w;
    return true;
}

static const char *next(struct line *l)
{
    return l->at < l->n ? l->words[l->at++] : "";
}

static bool take(struct line *l, const char *word)
{
    if (l->at < l->n && strcmp(l->words[l->at], word) == 0) {
        l->at++;
        return true;
    }
    return false;
}

/* The rest up to `stop` or the end, joined again. */
static void rest(struct line *l, const char *stop, char *ret, size_t size)
{
    ret[0] = '\0';
    while (l->at < l->n && (!stop || strcmp(l->words[l->at], stop) != 0)) {
        if (ret[0])
            (void)strncat(ret, " ", size - strlen(ret) - 1);
        (void)strncat(ret, l->words[l->at++], size - strlen(ret) - 1);
    }
}

static void wrong(struct table *t, const struct line *l, const char *found)
{
    print_error("%s:%d: %s\n    found: %s\n", t->path, l->number, l->text, found);
    t->wrong++;
}

/* --- one row --------------------------------------------------------------------------------------------------------
 */

struct row {
    struct policy_request r;
    struct email email;
    char groups[256];
    bool route;
};

static bool read_conditions(struct line *l, struct row *row)
{
    struct err e = ERR_INIT;

    while (l->at < l->n && strcmp(l->words[l->at], "->") != 0) {
        const char *word = next(l);

        if (strcmp(word, "from") == 0) {
            if (take(l, "nowhere"))
                row->r.client = (struct netaddr){0};
            else if (netaddr_parse(slice_of(next(l)), &row->r.client, &e) != 0)
                return false;
        } else if (strcmp(word, "at") == 0) {
            if (time_parse_lenient(slice_of(next(l)), &row->r.now, &e) != 0)
                return false;
        } else if (strcmp(word, "groups") == 0) {
            (void)snprintf(row->groups, sizeof row->groups, "%s", next(l));
            for (char *c = row->groups; *c; c++)
                *c = *c == ',' ? '\n' : *c;
            row->r.groups_known = true;
        } else if (strcmp(word, "more-groups") == 0) {
            row->r.groups_known = false;
        } else {
            return false;
        }
    }
    row->r.groups = slice_of(row->groups);
    return take(l, "->");
}

static bool read_row(struct line *l, struct row *row)
{
    const char *how = next(l);
    struct err e = ERR_INIT;
    const char *idp = NULL;

    *row = (struct row){.route = strcmp(how, "route") == 0};
    if (strcmp(how, "sso") == 0)
        idp = next(l);
    else if (!row->route && strcmp(how, "password") != 0)
        return false;
    row->r = (struct policy_request){.email = &row->email, .now = 1795521600};
    row->r.door_used = row->route ? DOOR_DENY : idp ? DOOR_SSO : DOOR_PASSWORD;
    row->r.idp_used = idp;
    row->r.groups_known = idp != NULL; /* an IdP that names no groups says that there are none */
    (void)netaddr_parse(SLICE("192.0.2.10"), &row->r.client, &e);
    return email_parse(slice_of(next(l)), &row->email, &e) == 0 && read_conditions(l, row);
}

/* "sso entra", "choose entra", "password", "yes", "yes jit", or an error name. */
static void describe(const struct row *row, int rc, const struct policy_decision *d, const struct err *e, char *ret,
                     size_t size)
{
    if (rc != 0)
        (void)snprintf(ret, size, "%s", err_name(e->code));
    else if (row->route)
        (void)snprintf(ret, size, "%s%s%s", policy_door_name(d->door), d->idp ? " " : "", d->idp ? d->idp : "");
    else
        (void)snprintf(ret, size, "yes%s%s", d->new_users_jit ? " jit" : "", d->grant_id ? " by-stored-grant" : "");
}

/* Whatever the row says: what was refused opens nothing, and what was let in came as it said. */
static void check_invariants(const struct row *row, int rc, const struct policy_decision *d, const struct err *e)
{
    if (rc != 0) {
        assert_int_equal(rc, -1);
        assert_int_not_equal(e->code, ERR_NONE);
        assert_int_equal(d->door, DOOR_DENY);
        assert_null(d->idp);
        assert_false(d->new_users_jit);
        assert_int_equal(d->grant_id, 0);
        return;
    }
    assert_int_equal(e->code, ERR_NONE);
    assert_int_not_equal(d->door, DOOR_DENY);
    if (!row->route)
        assert_int_equal(d->door, row->r.door_used);
    if (d->door == DOOR_SSO || d->door == DOOR_CHOOSE)
        assert_non_null(d->idp);
    if (d->door == DOOR_SSO)
        assert_false(d->outside);
}

static int ask(const struct table *t, const struct row *row, struct arena *a, struct policy_decision *ret,
               struct err *e)
{
    memset(ret, 0x55, sizeof *ret);
    return row->route ? policy_route(t->l.policy, t->stored, &row->r, a, ret, e)
                      : policy_authorize(t->l.policy, t->stored, &row->r, a, ret, e);
}

static void run_row(struct table *t, struct line *l)
{
    char expect[128], found[256], because[256], otherwise[128];
    struct policy_decision d, quiet;
    struct err e = ERR_INIT, quiet_e = ERR_INIT;
    struct arena a;
    struct row row;
    int rc;

    if (!read_row(l, &row)) {
        wrong(t, l, "a line that cannot be read");
        return;
    }
    expect[0] = '\0';
    while (l->at < l->n && strcmp(l->words[l->at], "because") != 0 && strcmp(l->words[l->at], "otherwise") != 0) {
        if (expect[0])
            (void)strcat(expect, " ");
        (void)strncat(expect, next(l), 60);
    }
    because[0] = otherwise[0] = '\0';
    if (take(l, "because"))
        rest(l, "otherwise", because, sizeof because);
    if (take(l, "otherwise"))
        rest(l, NULL, otherwise, sizeof otherwise);
    t->rows++;

    arena_init(&a, 1 << 20);
    rc = ask(t, &row, &a, &d, &e);
    check_invariants(&row, rc, &d, &e);
    describe(&row, rc, &d, &e, found, sizeof found);
    assert_non_null(d.trace);
    assert_non_null(d.because);
    if (strcmp(found, expect) != 0)
        wrong(t, l, found);
    else if (because[0] && strncmp(d.because, because, strlen(because)) != 0)
        wrong(t, l, d.because);
    else if (otherwise[0] && strcmp(d.otherwise ? d.otherwise : "nothing", otherwise) != 0)
        wrong(t, l, d.otherwise ? d.otherwise : "nothing");
    /* the trace changes nothing */
    assert_int_equal(ask(t, &row, NULL, &quiet, &quiet_e), rc);
    assert_int_equal(quiet_e.code, e.code);
    assert_string_equal(quiet_e.msg, e.msg);
    assert_int_equal(quiet.door, d.door);
    assert_ptr_equal(quiet.idp, d.idp);
    assert_null(quiet.trace);
    arena_free(&a);
}

/* stored 7 outside room-4@contoso.com [from T] [until T] [network N]... [while X] [nobody] */
static void add_stored(struct table *t, struct line *l)
{
    struct policy_grant_text g = {.owner = "facilities", .reason = "shared display"};
    char networks[256] = "";
    struct err e = ERR_INIT;
    bool refused = false;

    g.id = atoi(next(l));
    g.kind = next(l);
    g.account = next(l);
    while (l->at < l->n) {
        const char *word = next(l);

        if (strcmp(word, "from") == 0)
            assert_ok(time_parse_lenient(slice_of(next(l)), &g.from, &e), &e);
        else if (strcmp(word, "until") == 0)
            assert_ok(time_parse_lenient(slice_of(next(l)), &g.until, &e), &e);
        else if (strcmp(word, "network") == 0)
            (void)snprintf(networks + strlen(networks), sizeof networks - strlen(networks), " %s", next(l));
        else if (strcmp(word, "while") == 0)
            g.condition = next(l);
        else if (strcmp(word, "nobody") == 0)
            g.owner = "";
        else if (strcmp(word, "refused") == 0)
            refused = true;
        else
            wrong(t, l, word);
    }
    g.networks = networks;
    if ((policy_grants_add(t->stored, &g, &e) != 0) != refused)
        wrong(t, l, refused ? "taken" : e.msg);
}

static void run_line(struct table *t, int number, const char *text)
{
    struct line l;

    if (!split(&l, number, text))
        fail_msg("%s:%d: too long", t->path, number);
    if (l.n == 0 || l.words[0][0] == '#')
        return;
    if (take(&l, "stored"))
        add_stored(t, &l);
    else
        run_row(t, &l);
}

/* The configuration stands before a line "---", the rows after it. */
static void test_table(void **state)
{
    struct table t = {.path = *state};
    char *text = unit_read_file(".", t.path, NULL), *rows = strstr(text, "\n---\n");
    struct buf problems;
    int number = 1;

    if (!rows)
        fail_msg("%s: no line ---", t.path);
    *rows = '\0';
    load_policy(t.path, slice_make(text, (size_t)(rows - text)), &t.l);
    buf_init(&problems, 1 << 16);
    conf_problems_print(t.l.problems, &problems);
    if (!t.l.policy)
        fail_msg("%s", buf_cstr(&problems));
    buf_free(&problems);
    t.stored = policy_grants_new();
    assert_non_null(t.stored);
    for (char *c = text; c < rows; c++)
        number += *c == '\n';
    rows += strlen("\n---\n");
    number += 2;
    for (char *end; *rows; rows = end + 1, number++) {
        end = strchr(rows, '\n');
        assert_non_null(end);
        *end = '\0';
        run_line(&t, number, rows);
    }
    print_message("# %s: %zu rows\n", t.path, t.rows);
    assert_true(t.rows > 0);
    policy_grants_free(t.stored);
    unload(&t.l);
    free(text);
    if (t.wrong)
        fail_msg("%s: %zu rows are wrong", t.path, t.wrong);
}

/* --- configurations with problems -----------------------------------------------------------------------------------
 */

/* `expect` is "LINE LEVEL: TEXT"; a line of `found` is "f:LINE:COLUMN: LEVEL: ...TEXT...". */
static bool is_found(const char *found, const char *expect)
{
    char where[32], level[16];
    const char *what = strstr(expect, ": ");
    int line = 0;

    if (!what || sscanf(expect, "%d %15[a-z]", &line, level) != 2)
        fail_msg("cannot be read: %s", expect);
    what += 2;
    (void)snprintf(where, sizeof where, "f:%d:", line);
    for (const char *end; (end = strchr(found, '\n')) != NULL; found = end + 1) {
        const char *in = strstr(found, what), *at = strstr(found, level);

        if (strncmp(found, where, strlen(where)) == 0 && at && in && at < in && in < end)
            return true;
    }
    return false;
}

/* Each "# expect LINE error: TEXT" must be among the problems, and there must be no others. */
static void test_bad(void **state)
{
    const char *path = *state;
    size_t n, expected = 0, missing = 0;
    char *text = unit_read_file(".", path, &n), *save = NULL;
    struct loaded l;
    struct buf found;

    load_policy("f", slice_make(text, n), &l);
    buf_init(&found, 1 << 16);
    conf_problems_print(l.problems, &found);
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (strncmp(line, "# expect ", 9) != 0)
            continue;
        expected++;
        if (!is_found(buf_cstr(&found), line + 9)) {
            print_error("%s: not found: %s\n", path, line + 9);
            missing++;
        }
    }
    assert_true(expected > 0);
    if (missing || conf_errors(l.problems) + conf_warnings(l.problems) != expected) {
        print_error("%s: %zu problems expected; found:\n%s", path, expected, buf_cstr(&found));
        fail();
    }
    /* warnings do not stop anything, errors do */
    assert_int_equal(l.policy == NULL, conf_errors(l.problems) > 0);
    buf_free(&found);
    unload(&l);
    free(text);
}

int main(void)
{
    struct CMUnitTest tests[256] = {0};
    glob_t good, bad;
    size_t n = 0;
    int failed;

    if (glob(CASES "/*.case", 0, NULL, &good) != 0 || glob(CASES "/bad/*.yaml", 0, NULL, &bad) != 0) {
        (void)fprintf(stderr, "no cases; run from the top of the source tree\n");
        return 1;
    }
    for (size_t i = 0; i < good.gl_pathc && n < 256; i++)
        tests[n++] = (struct CMUnitTest){good.gl_pathv[i], test_table, NULL, NULL, good.gl_pathv[i]};
    for (size_t i = 0; i < bad.gl_pathc && n < 256; i++)
        tests[n++] = (struct CMUnitTest){bad.gl_pathv[i], test_bad, NULL, NULL, bad.gl_pathv[i]};
    failed = _cmocka_run_group_tests("policy/cases", tests, n, NULL, NULL);
    globfree(&good);
    globfree(&bad);
    return failed;
}
