/* serve.c - `usher serve`. */
#include "cli/open.h"

#include <string.h>

#include "base/clock.h"
#include "router/log.h"
#include "router/serve.h"

struct options {
    const char *config, *log_level;
};
static const struct cli_option options[] = {
    OPEN_CONFIG_OPTION(struct options),
    {"log-level", 0, CLI_STRING, offsetof(struct options, log_level), "LEVEL",
     "debug, info, warning or error; info unless given"},
};

static bool set_level(const char *name)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};

    for (size_t i = 0; name && i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            log_set_level((enum log_level)i);
            return true;
        }
    }
    return !name;
}

/* Each time, so that none is forgotten. */
static void log_exceptions(const struct config *c)
{
    struct slice rest, line;
    char one[256];
    struct buf text;

    buf_init(&text, 64 * 1024);
    config_print_exceptions(c, clock_now(), &text);
    rest = buf_slice(&text);
    while (slice_split(&rest, '\n', &line) && line.n > 0) {
        str_cut(one, sizeof one, line);
        log_line(LOG_LEVEL_WARNING, "exception", "in_force", one);
    }
    buf_free(&text);
}

static int run(const struct cli_command *c, int argc, char **argv)
{
    struct options o = {0};
    struct config *config;
    struct err e = ERR_INIT;
    int operands, rc = cli_parse(c, argc, argv, &o, &operands);

    if (rc >= 0)
        return rc;
    if (operands)
        return cli_usage_error(c, "'%s' is not expected", argv[0]);
    if (!set_level(o.log_level))
        return cli_usage_error(c, "--log-level '%s': debug, info, warning or error", o.log_level);
    config = open_config(c, o.config, true);
    if (!config)
        return CLI_FAILED;
    log_exceptions(config);
    rc = serve(config, &e) == 0 ? CLI_OK : cli_fail(c, &e);
    config_free(config);
    return rc;
}

const struct cli_command cli_serve = {
    .name = "serve",
    .arguments = "",
    .summary = "Run the login front door.",
    .notes =
        "Prints one line on standard output when it is ready, logs to standard error, stops gracefully on SIGTERM.",
    .example = "usher serve -c /etc/usher/usher.yaml",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .run = run,
};
