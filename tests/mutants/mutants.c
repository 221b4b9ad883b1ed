/*
 * mutants.c - switches off one check of the verifier at a time and plays the rows of tests/cases/saml/ against what is
 * left: at least one must come out otherwise (`make check-mutants`).
 *
 * Linked with sources that mutate.pl has rewritten. A check that no row notices fails, unless exempt.txt says why no
 * row can; an exempt check that a row does notice fails, and so does a hostile row that stays refused whichever check
 * is off: nothing explains it. Judging without a check may crash or hang: that is noticed too, in a process of its own.
 *
 * mutants REPORT [EXEMPT [FILE]] - writes to REPORT which rows notice which check. With FILE (base/form.c): of this
 * source alone.
 */
#include "tests/unit/unit.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/secret.h"
#include "tests/mutants/mutant.h"
#include "tests/unit/lab/case_judge.h"

#define ROWS "tests/cases/saml"
#define CPU_MICROSECONDS 500000 /* for one row; an honest one takes milliseconds */
#define MEMORY_MAX (2UL << 30)
#define JOBS 2

unsigned mutant_selected = MUTANT_NONE;
unsigned char *mutant_fired;
unsigned mutant_last, mutant_explains;

enum notice { NOT_REACHED = 0, REACHED, SAME, DIFFERS, DIES };

static const char *exempt_file = "tests/mutants/exempt.txt", *only;
static struct case_rows rows;
static unsigned char *notice; /* [site][row], shared by the processes */
static unsigned *explains;    /* [row]: the check that refused it */

static unsigned char *at(size_t site, size_t row)
{
    return &notice[site * rows.n + row];
}

static bool wanted(const char *file)
{
    return !only || strncmp(file, only, strlen(only)) == 0;
}

static void *shared(size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

/* Makes every row and notes which checks had something to refuse in it. Returns how many rows are not as they say. */
static size_t judge_unmutated(void)
{
    unsigned char *fired = calloc(mutant_sites_n, 1);
    size_t wrong = 0;

    for (size_t i = 0; i < rows.n && fired; i++) {
        struct err e = ERR_INIT;
        struct case_verdict v;

        if (case_make(&rows.v[i], ROWS, &e) != 0) {
            err_print(stderr, "mutants", &e);
            wrong++;
            continue;
        }
        memset(fired, 0, mutant_sites_n);
        mutant_last = mutant_explains = MUTANT_NONE;
        mutant_fired = fired;
        case_judge(&rows.v[i], &v);
        mutant_fired = NULL;
        explains[i] = v.accepted ? MUTANT_NONE : mutant_explains;
        for (size_t site = 0; site < mutant_sites_n; site++) {
            if (fired[site])
                *at(site, i) = REACHED;
        }
        if (!case_as_expected(&rows.v[i], &v)) {
            fprintf(stderr, "mutants: %s: %s instead of %s\n", rows.v[i].name, v.text, rows.v[i].expected);
            wrong++;
        }
    }
    free(fired);
    return fired ? wrong : 1;
}

static void limit(void)
{
    const struct itimerval timer = {.it_value = {.tv_usec = CPU_MICROSECONDS}};

    (void)setitimer(ITIMER_PROF, &timer, NULL);
}

/* A refusal without a reason is what is left of a check that was switched off and still stands in the way. */
static bool differs(const struct case_row *r, const struct case_verdict *v)
{
    return !case_as_expected(r, v) && (v->accepted || v->e.code != ERR_NONE);
}

/* In a process of its own: the rows from `from` on that this check has something to do with. */
static void judge_mutant(unsigned site, size_t from, volatile size_t *now)
{
    const struct rlimit memory = {MEMORY_MAX, MEMORY_MAX}, core = {0, 0};

    (void)setrlimit(RLIMIT_AS, &memory);
    (void)setrlimit(RLIMIT_CORE, &core);
    mutant_selected = site;
    for (size_t i = from; i < rows.n; i++) {
        struct case_verdict v;

        if (*at(site, i) != REACHED)
            continue;
        *now = i;
        limit();
        case_judge(&rows.v[i], &v);
        *at(site, i) = differs(&rows.v[i], &v) ? DIFFERS : SAME;
    }
    _exit(0);
}

/* Every JOBS-th check. */
static void judge_mutants(unsigned first, volatile size_t *now)
{
    for (unsigned site = first; site < mutant_sites_n; site += JOBS) {
        for (size_t from = 0; from < rows.n && wanted(mutant_sites[site].file); from++) {
            int status = 0;
            pid_t pid;

            while (from < rows.n && *at(site, from) != REACHED)
                from++;
            if (from == rows.n)
                break;
            *now = from;
            pid = fork();
            if (pid == 0)
                judge_mutant(site, from, now);
            if (pid < 0 || waitpid(pid, &status, 0) != pid)
                _exit(1);
            if (status == 0)
                break;
            *at(site, *now) = DIES;
            from = *now;
        }
    }
    _exit(0);
}

static bool run_jobs(void)
{
    volatile size_t *now = shared(JOBS * sizeof *now);
    bool ok = now != NULL;

    (void)fflush(NULL);
    for (unsigned k = 0; k < JOBS && ok; k++) {
        pid_t pid = fork();

        if (pid == 0)
            judge_mutants(k, &now[k]);
        ok = pid > 0;
    }
    for (unsigned k = 0; k < JOBS; k++) {
        int status = 1;

        ok = wait(&status) > 0 && status == 0 && ok;
    }
    return ok;
}

/* --- exemptions -----------------------------------------------------------------------------------------------------
 */

struct exempt {
    char site[512]; /* "FILE FUNCTION: TEXT" */
    unsigned line;
    bool has_reason, used, caught;
};
static struct exempt exempts[1024];
static size_t nexempts;

/* Unindented lines name checks, the indented text behind them is the reason. */
static bool read_exempts(void)
{
    size_t n, group = 0;
    char *text = case_read_file(exempt_file, &n), *rest = text, *line;
    bool ok = text != NULL, in_reason = false;
    unsigned number = 0;

    while (ok && (line = strsep(&rest, "\n")) != NULL) {
        number++;
        if (line[0] == '#' || line[0] == '\0')
            continue;
        if (line[0] == ' ') {
            for (size_t i = group; i < nexempts; i++)
                exempts[i].has_reason = true;
            in_reason = true;
            continue;
        }
        if (in_reason)
            group = nexempts;
        in_reason = false;
        if (nexempts == sizeof exempts / sizeof *exempts)
            ok = false;
        else {
            (void)snprintf(exempts[nexempts].site, sizeof exempts[0].site, "%s", line);
            exempts[nexempts++].line = number;
        }
    }
    free(text);
    return ok;
}

/* "FILE FUNCTION: *" is every check of the function. */
static struct exempt *find_exempt(const struct mutant_site *s)
{
    char exact[512], all[512];

    (void)snprintf(exact, sizeof exact, "%s %s: %s", s->file, s->function, s->text);
    (void)snprintf(all, sizeof all, "%s %s: *", s->file, s->function);
    for (size_t i = 0; i < nexempts; i++) {
        if (strcmp(exempts[i].site, exact) == 0 || strcmp(exempts[i].site, all) == 0)
            return &exempts[i];
    }
    return NULL;
}

static size_t check_exempts(void)
{
    size_t bad = 0;

    for (size_t i = 0; i < nexempts; i++) {
        const struct exempt *x = &exempts[i];
        const char *what = !x->has_reason ? "has no reason"
                           : !x->used     ? "names no check"
                           : x->caught    ? "is noticed by a row and needs no exemption"
                                          : NULL;

        if (what && wanted(x->site)) {
            printf("%s:%u: %s %s\n", exempt_file, x->line, x->site, what);
            bad++;
        }
    }
    return bad;
}

/* --- the report ------------------------------------------------------------------------------------------------------
 */

static bool report_site(FILE *report, size_t site)
{
    const struct mutant_site *s = &mutant_sites[site];
    bool caught = false, reached = false;

    fprintf(report, "%s:%d %s: %s\n", s->file, s->line, s->function, s->text);
    for (size_t i = 0; i < rows.n; i++) {
        enum notice n = *at(site, i);

        reached = reached || n != NOT_REACHED;
        caught = caught || n >= DIFFERS;
        if (n >= DIFFERS)
            fprintf(report, "    %s%s\n", rows.v[i].name, n == DIES ? " (dies)" : "");
    }
    if (!caught)
        fprintf(report, "    nobody notices%s\n", reached ? "" : ": nothing to refuse in any row");
    return caught;
}

/* How many hostile rows come out otherwise if a single check is off: the others are refused twice over. */
static size_t rows_on_one_check(void)
{
    size_t n = 0;

    for (size_t i = 0; i < rows.n; i++) {
        bool hangs = false;

        for (size_t site = 0; site < mutant_sites_n; site++)
            hangs = hangs || *at(site, i) >= DIFFERS;
        n += hangs && !rows.v[i].accepted;
    }
    return n;
}

static size_t explain_rows(FILE *out)
{
    size_t n = 0;

    for (size_t i = 0; i < rows.n; i++) {
        const struct case_row *r = &rows.v[i];

        if (r->accepted)
            continue;
        if (explains[i] == MUTANT_NONE) {
            printf("%s:%u: %s: no check has refused it\n", r->file, r->line, r->name);
            n++;
        } else {
            const struct mutant_site *s = &mutant_sites[explains[i]];

            fprintf(out, "%s: refused by %s:%d %s: %s\n", r->name, s->file, s->line, s->function, s->text);
        }
    }
    return n;
}

static int report(FILE *out)
{
    size_t checks = 0, caught = 0, exempt = 0, missed = 0, bad;

    for (size_t site = 0; site < mutant_sites_n; site++) {
        struct exempt *x = find_exempt(&mutant_sites[site]);
        bool c;

        if (!wanted(mutant_sites[site].file))
            continue;
        c = report_site(out, site);
        checks++;
        caught += c;
        exempt += x && !c;
        if (x) {
            x->used = true;
            x->caught = x->caught || c;
        } else if (!c) {
            const struct mutant_site *s = &mutant_sites[site];

            printf("%s:%d: %s: no row notices that this check is off: %s\n", s->file, s->line, s->function, s->text);
            missed++;
        }
    }
    bad = check_exempts() + explain_rows(out);
    printf(
        "check-mutants: %zu checks, %zu caught, %zu exempt, %zu missed; %zu rows, %zu of them refused by one check\n",
        checks, caught, exempt, missed, rows.n, rows_on_one_check());
    return missed || bad || checks == 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct err e = ERR_INIT;
    FILE *out;
    int rc;

    if (argc < 2 || argc > 4 || !(out = fopen(argv[1], "w"))) {
        fprintf(stderr, "mutants REPORT [EXEMPT [FILE]]\n");
        return 2;
    }
    if (argc > 2)
        exempt_file = argv[2];
    only = argc > 3 ? argv[3] : NULL;
    if (secret_init(&e) != 0 || saml_init(&e) != 0 || case_rows_read(&rows, ROWS, &e) != 0) {
        err_print(stderr, "mutants", &e);
        return 2;
    }
    notice = shared((size_t)mutant_sites_n * rows.n);
    explains = calloc(rows.n, sizeof *explains);
    if (!notice || !explains || !read_exempts() || judge_unmutated() != 0 || !run_jobs())
        return 2;
    rc = report(out);
    (void)fclose(out);
    free(explains);
    case_rows_free(&rows);
    case_keys_free();
    return rc;
}
