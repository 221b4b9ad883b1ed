/*
 * cases.c - plays every row of tests/cases/saml/ against the verifier: whom it accepts, what it refuses and with which
 * error. `cases ROW...` (names) prints the verdicts on these rows and their documents instead.
 */
#include "tests/unit/unit.h"

#include <unistd.h>

#include "base/secret.h"
#include "tests/unit/lab/case_judge.h"

#define ROWS "tests/cases/saml"

static struct case_rows rows;

static int setup(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(secret_init(&e), &e);
    assert_ok(saml_init(&e), &e);
    assert_ok(case_rows_read(&rows, ROWS, &e), &e);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    case_rows_free(&rows);
    case_keys_free();
    saml_cleanup();
    return 0;
}

static void every_row_comes_out_as_it_says(void **state)
{
    size_t hostile = 0, wrong = 0;

    (void)state;
    for (size_t i = 0; i < rows.n; i++) {
        struct case_row *r = &rows.v[i];
        struct case_verdict v;
        struct err e = ERR_INIT;

        hostile += !r->accepted;
        if (case_make(r, ROWS, &e) != 0) {
            err_print(stderr, "cases", &e);
            wrong++;
            continue;
        }
        case_judge(r, &v);
        if (!case_as_expected(r, &v)) {
            wrong++;
            fprintf(stderr, "%s:%u: %s: %s%s instead of %s%s\n", r->file, r->line, r->name,
                    v.accepted ? "accepted " : "", v.text, r->accepted ? "accepted " : "", r->expected);
            if (!v.accepted)
                err_print(stderr, NULL, &v.e);
        }
    }
    fprintf(stderr, "# %zu rows: %zu hostile, %zu benign\n", rows.n, hostile, rows.n - hostile);
    assert_int_equal(wrong, 0);
    assert_true(hostile >= 200);
    assert_true(rows.n - hostile >= 50);
}

/* "| RULE | what | N |" of the README, for this rule. -1: there is no such line. */
static long rows_in_readme(const char *readme, const char *rule)
{
    char begin[64];
    const char *line, *end;

    (void)snprintf(begin, sizeof begin, "\n| %s | ", rule);
    line = strstr(readme, begin);
    end = line ? strchr(line + 1, '\n') : NULL;
    if (!end)
        return -1;
    for (end -= 2; end[-1] != '|';)
        end--;
    return atol(end);
}

static void every_rule_is_in_the_readme_with_its_rows(void **state)
{
    char *readme = unit_read_file(ROWS, "README.md", NULL);
    long in_all = 0, listed = 0;

    (void)state;
    for (size_t i = 0; i < rows.n; i++) {
        const char *rule = rows.v[i].rule;
        long n = 0;
        bool first = true;

        for (size_t k = 0; k < rows.n; k++) {
            n += strcmp(rows.v[k].rule, rule) == 0;
            first = first && (k >= i || strcmp(rows.v[k].rule, rule) != 0);
        }
        if (rows_in_readme(readme, rule) != n)
            fail_msg("rule %s has %ld rows; the README says %ld", rule, n, rows_in_readme(readme, rule));
        in_all += first ? n : 0;
    }
    /* and no rule is listed that has none */
    for (const char *line = readme; (line = strstr(line, "\n| ")) != NULL; line++) {
        const char *end = strchr(line + 1, '\n'), *number = end ? end - 2 : line;

        while (number > line && number[-1] != '|')
            number--;
        listed += atol(number);
    }
    assert_int_equal(in_all, rows.n);
    assert_int_equal(listed, rows.n);
    free(readme);
}

static int show(int argc, char **argv)
{
    for (size_t i = 0; i < rows.n; i++) {
        struct case_row *r = &rows.v[i];
        struct case_verdict v;
        struct err e = ERR_INIT;
        bool wanted = false;

        for (int k = 1; k < argc; k++)
            wanted = wanted || strcmp(argv[k], r->name) == 0;
        if (!wanted)
            continue;
        if (case_make(r, ROWS, &e) != 0) {
            err_print(stderr, "cases", &e);
            return 1;
        }
        case_judge(r, &v);
        printf("%s: %s%s\n", r->name, v.accepted ? "accepted " : "", v.text);
        if (!v.accepted)
            err_print(stdout, NULL, &v.e);
        printf("%.*s\n", SLICE_ARG(r->input));
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_row_comes_out_as_it_says),
                                       cmocka_unit_test(every_rule_is_in_the_readme_with_its_rows)};
    struct err e = ERR_INIT;
    int rc;

    if (argc < 2)
        return cmocka_run_group_tests(tests, setup, teardown);
    if (secret_init(&e) != 0 || saml_init(&e) != 0 || case_rows_read(&rows, ROWS, &e) != 0) {
        err_print(stderr, "cases", &e);
        return 2;
    }
    rc = show(argc, argv);
    (void)teardown(NULL);
    return rc;
}
