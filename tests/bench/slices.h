/*
 * slices.h - comparing the cost of several ways to do one thing on a noisy machine.
 *
 * Every way runs in a process of its own, so that none profits from what another has set up. The processes take turns
 * with slices of about 20 ms of CPU time; a round is one slice of each. Only ratios within one round mean anything,
 * and only the median of them over all rounds is reported.
 */
#ifndef USHER_TESTS_BENCH_SLICES_H
#define USHER_TESTS_BENCH_SLICES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLICES_MAX 16
#define SLICES_ROUNDS_MAX 200
#define SLICE_NS 20e6

struct slices_way {
    const char *name;
    bool (*start)(void);   /* once, in its process; NULL: nothing to do */
    bool (*once)(void);    /* what is measured; false: the answer was wrong, and the benchmark ends */
    char *const *program;  /* instead of both: a program to run, see below */
    double (*extra)(void); /* CPU time (ns) of other processes that work for this one, since they began; NULL: none */
};

struct slices_worker {
    pid_t pid;
    int ask, answer;
    uint32_t count; /* that take about SLICE_NS */
};

static _Noreturn void slices_fail(const char *name, const char *what)
{
    (void)fprintf(stderr, "bench: %s: %s\n", name, what);
    exit(1);
}

static double slices_cpu_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double slices_spent_ns(const struct slices_way *w)
{
    return slices_cpu_ns() + (w->extra ? w->extra() : 0);
}

/*
 * Asks are counts (4 octets), answers the CPU time (ns, a double) of so many operations, both as this machine has them.
 * A program does the same on its standard input and output, and refuses what must be refused before its first answer.
 */
static void slices_serve(const struct slices_way *w, int ask, int answer)
{
    uint32_t n;

    if (w->program) {
        if (dup2(ask, STDIN_FILENO) >= 0 && dup2(answer, STDOUT_FILENO) >= 0)
            (void)execvp(w->program[0], w->program);
        slices_fail(w->name, "cannot be run");
    }

    if (w->start && !w->start())
        slices_fail(w->name, "could not start");
    while (read(ask, &n, sizeof n) == sizeof n) {
        double began = slices_spent_ns(w), ns;

        for (uint32_t i = 0; i < n; i++) {
            if (!w->once())
                slices_fail(w->name, "wrong answer");
        }
        ns = slices_spent_ns(w) - began;
        if (write(answer, &ns, sizeof ns) != sizeof ns)
            break;
    }
    exit(0);
}

static double slices_turn(const struct slices_way *way, struct slices_worker *w, uint32_t count)
{
    double ns;

    if (write(w->ask, &count, sizeof count) != sizeof count || read(w->answer, &ns, sizeof ns) != sizeof ns)
        slices_fail(way->name, "its process has ended");
    return ns;
}

static void slices_fork(const struct slices_way *way, struct slices_worker *w)
{
    int to[2], from[2];

    if (pipe(to) != 0 || pipe(from) != 0)
        slices_fail(way->name, "no pipe");
    w->pid = fork();
    if (w->pid < 0)
        slices_fail(way->name, "no process");
    if (w->pid == 0) {
        (void)close(to[1]);
        (void)close(from[0]);
        slices_serve(way, to[0], from[1]);
    }
    (void)close(to[0]);
    (void)close(from[1]);
    w->ask = to[1];
    w->answer = from[0];
    /* warm-up, until one slice is long enough to be measured */
    w->count = 1;
    for (double ns = 0; ns < SLICE_NS / 4; w->count *= 2) {
        ns = slices_turn(way, w, w->count);
        if (ns >= SLICE_NS / 4) {
            w->count = (uint32_t)((double)w->count * SLICE_NS / ns) + 1;
            break;
        }
    }
}

/* ns[way][round]: CPU time of one operation. */
static void slices_measure(const struct slices_way *ways, size_t n, size_t rounds, double ns[][SLICES_ROUNDS_MAX])
{
    struct slices_worker workers[SLICES_MAX];

    for (size_t i = 0; i < n; i++)
        slices_fork(&ways[i], &workers[i]);
    for (size_t r = 0; r < rounds; r++) {
        for (size_t i = 0; i < n; i++)
            ns[i][r] = slices_turn(&ways[i], &workers[i], workers[i].count) / workers[i].count;
    }
    /* later workers hold the pipes of earlier ones: all of ours are closed before any end is waited for */
    for (size_t i = 0; i < n; i++) {
        (void)close(workers[i].ask);
        (void)close(workers[i].answer);
    }
    for (size_t i = 0; i < n; i++)
        (void)waitpid(workers[i].pid, NULL, 0);
}

static int slices_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* "NAME<tab>median<tab>lower quartile<tab>upper quartile" of a/b over the rounds. */
static void slices_print(const char *name, const double *a, const double *b, size_t rounds)
{
    double v[SLICES_ROUNDS_MAX];

    for (size_t r = 0; r < rounds; r++)
        v[r] = a[r] / b[r];
    qsort(v, rounds, sizeof *v, slices_compare);
    printf("%s\t%.2f\t%.2f\t%.2f\n", name, v[rounds / 2], v[rounds / 4], v[rounds * 3 / 4]);
}

#endif
