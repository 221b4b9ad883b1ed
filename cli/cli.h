/*
 * cli.h - what the subcommands of `usher` share: their table, option parsing, output for people.
 *
 * A subcommand is one file with one public `const struct cli_command`, registered in cli/main.c as a sentence ("bypass
 * grant"). Its option table feeds the parser and --help alike. Exit codes: 0 done, 1 refused or found something, 2
 * could not run.
 */
#ifndef USHER_CLI_CLI_H
#define USHER_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"

#ifndef USHER_VERSION
#define USHER_VERSION "0.1"
#endif

#define CLI_OK 0
#define CLI_REFUSED 1
#define CLI_FAILED 2

#define CLI_LIST_MAX 64

enum cli_kind {
    CLI_FLAG,   /* bool */
    CLI_STRING, /* const char *; given twice is an error */
    CLI_LIST    /* struct cli_list */
};
struct cli_list {
    const char *v[CLI_LIST_MAX];
    size_t n;
};
struct cli_option {
    const char *name; /* without "--" */
    char letter;      /* 0: none */
    enum cli_kind kind;
    size_t offset;   /* of the field in the command's option struct */
    const char *arg; /* "FILE"; NULL for flags */
    const char *help;
};
struct cli_command {
    const char *name;      /* "verify", "account add" */
    const char *arguments; /* "FILE|-"; "" if none */
    const char *summary;   /* one line */
    const char *notes;     /* further lines for --help; may be NULL */
    const char *example;
    const struct cli_option *options;
    size_t noptions;
    int (*run)(const struct cli_command *self, int argc, char **argv);
};

/*
 * Parses argv[0..argc) (without the command's own words) into `opts` (zeroed by the caller); options and operands may
 * be mixed,
 * "--" ends options. Operands are moved to the front of argv and counted in *ret_operands. Returns -1 to go on, or the
 * exit code after --help or a usage error (already printed).
 */
int cli_parse(const struct cli_command *c, int argc, char **argv, void *opts, int *ret_operands);
/* Prints "usher NAME: message" and where to find help; returns CLI_FAILED. */
int cli_usage_error(const struct cli_command *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Prints the error; returns CLI_FAILED. */
int cli_fail(const struct cli_command *c, const struct err *e);

/* Reads a whole file, "-" is standard input. ERR_IO, ERR_LIMIT (larger than out->max). */
int cli_read_file(const char *path, struct buf *out, struct err *e);
/*
 * Text from strangers for a terminal: valid UTF-8 stays, control characters, bidirectional overrides and broken octets
 * become \xHH, so that nothing can move the cursor or reorder a line.
 */
void cli_text(struct buf *out, struct slice s);
/* Standard output is a terminal and NO_COLOR is not set. */
bool cli_colour(void);

extern const struct cli_command *const cli_commands[]; /* NULL-terminated; cli/main.c */
extern const struct cli_command cli_serve, cli_config, cli_verify, cli_audit, cli_metadata, cli_explain;
extern const struct cli_command cli_account_add, cli_account_list, cli_account_show, cli_account_disable,
    cli_account_enable, cli_account_passwd;
extern const struct cli_command cli_bypass_grant, cli_bypass_revoke, cli_bypass_list;
extern const struct cli_command cli_idp_list, cli_idp_test, cli_idp_refresh, cli_idp_approve, cli_idp_distrust;
extern const struct cli_command cli_session_list, cli_session_revoke, cli_log_show;

#endif
