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
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_row_comes_out_as_it_says)};
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
