/*
 * lab.h - what the subcommands of `usher-lab` share: their table, option parsing, exit codes.
 *
 * A subcommand is one file cmd_NAME.c with one public `const struct lab_command`, listed in lab/main.c. It may not use
 * cli/ (the walls in docs/architecture.md), so the option parser is its own, of the same habit. Exit codes: 0 done,
 * 2 could not run.
 */
#ifndef USHER_LAB_LAB_H
#define USHER_LAB_LAB_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"

#define LAB_OK 0
#define LAB_FAILED 2

#define LAB_LIST_MAX 64

enum lab_kind {
    LAB_FLAG,   /* bool */
    LAB_STRING, /* const char *; given twice is an error */
    LAB_LIST    /* struct lab_list */
};
struct lab_list {
    const char *v[LAB_LIST_MAX];
    size_t n;
};
struct lab_option {
    const char *name; /* without "--" */
    enum lab_kind kind;
    size_t offset;   /* of the field in the command's option struct */
    const char *arg; /* "FILE"; NULL for flags */
    const char *help;
};
struct lab_command {
    const char *name;
    const char *summary; /* one line */
    const char *example;
    const struct lab_option *options;
    size_t noptions;
    void (*notes)(FILE *out); /* further lines for --help; may be NULL */
    int (*run)(const struct lab_command *self, int argc, char **argv);
};

/*
 * Parses the words after the command's name, "--name VALUE" or "--name=VALUE", into `opts` (zeroed by the caller).
 * There are no operands. Returns -1 to go on, or the exit code after --help or a usage error (already printed).
 */
int lab_parse(const struct lab_command *c, int argc, char **argv, void *opts);
void lab_help(const struct lab_command *c, FILE *out);
/* Print "usher-lab NAME: ..." and return LAB_FAILED. */
int lab_usage_error(const struct lab_command *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int lab_fail(const struct lab_command *c, const struct err *e);

extern const struct lab_command lab_mint, lab_request, lab_idp;

#endif
