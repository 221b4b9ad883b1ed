/* config.c - `usher config`. */
#include "cli/open.h"

#include "base/clock.h"

struct options {
    const char *config;
    bool check;
};
static const struct cli_option options[] = {
    OPEN_CONFIG_OPTION(struct options),
    {"check", 0, CLI_FLAG, offsetof(struct options, check), NULL,
     "only check: all errors and warnings, exit 1 if any error"},
};

static int run(const struct cli_command *c, int argc, char **argv)
{
    struct options o = {0};
    struct config *config;
    struct buf text;
    int operands, rc = cli_parse(c, argc, argv, &o, &operands);

    if (rc >= 0)
        return rc;
    if (operands || !o.config)
        return cli_usage_error(c, "-c FILE is wanted, and nothing else");
    config = open_config(c, o.config, true);
    if (!config)
        return CLI_REFUSED;
    buf_init(&text, 16 * 1024 * 1024);
    if (o.check) {
        printf("%s: configuration OK\n", o.config);
        config_print_registration(config, &text);
        config_print_exceptions(config, clock_now(), &text);
    } else {
        config_print(config, &text);
    }
    (void)fputs(buf_cstr(&text), stdout);
    buf_free(&text);
    config_free(config);
    return CLI_OK;
}

const struct cli_command cli_config = {
    .name = "config",
    .arguments = "",
    .summary = "Show the effective configuration, defaults included, or check it.",
    .notes = "Problems are printed as file:line:col, all at once. exit 0 sound, 1 errors found, 2 could not run.",
    .example = "usher config -c /etc/usher/usher.yaml --check",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .run = run,
};
