/*
 * open.h - what the subcommands with -c FILE share: the configuration with all its problems printed, and the store it
 * names.
 */
#ifndef USHER_CLI_OPEN_H
#define USHER_CLI_OPEN_H

#include "accounts/store.h"
#include "cli/cli.h"
#include "router/config.h"

#define OPEN_CONFIG_OPTION(type)                                                            \
    {                                                                                       \
        "config", 'c', CLI_STRING, offsetof(type, config), "FILE", "the configuration file" \
    }

/* NULL after printing every problem to standard error. `warnings`: print them also if there is no error. */
struct config *open_config(const struct cli_command *c, const char *path, bool warnings);
/* The configuration and the store that it names; NULL after printing why not (*ret_config may be set all the same). */
struct store *open_both(const struct cli_command *c, const char *path, struct config **ret_config);
/* Closes what open_both() gave; either may be NULL. */
void open_close(struct store *s, struct config *config);
/*
 * Prints a table that `fill` makes from configuration and store. Takes `t`; NULL means that --format was wrong. Returns
 * the exit code.
 */
struct table;
int open_table(const struct cli_command *c, const char *path, struct table *t,
               int (*fill)(const void *options, const struct config *config, struct store *s, struct table *t,
                           struct err *e),
               const void *options);
/* An event of an administrator at this command line: kind and, if not NULL, address and detail. */
void open_event(struct event *ret, const char *kind, const char *email, const char *detail);
/* Who runs the command, for created_by and events: login name or uid. */
const char *open_operator(void);

#endif
