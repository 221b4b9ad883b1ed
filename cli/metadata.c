/* metadata.c - `usher metadata`. */
#include "cli/open.h"

struct options {
    const char *config;
};
static const struct cli_option options[] = {OPEN_CONFIG_OPTION(struct options)};

static int run(const struct cli_command *c, int argc, char **argv)
{
    struct options o = {0};
    struct config *config;
    struct buf xml;
    int operands, rc = cli_parse(c, argc, argv, &o, &operands);

    if (rc >= 0)
        return rc;
    if (operands)
        return cli_usage_error(c, "'%s' is not expected", argv[0]);
    config = open_config(c, o.config, false);
    if (!config)
        return CLI_FAILED;
    buf_init(&xml, 64 * 1024);
    config_sp_metadata(config, &xml);
    (void)fputs(buf_cstr(&xml), stdout);
    buf_free(&xml);
    config_free(config);
    return CLI_OK;
}

const struct cli_command cli_metadata = {
    .name = "metadata",
    .arguments = "",
    .summary = "Print this service provider's metadata, to give to the identity provider.",
    .example = "usher metadata -c /etc/usher/usher.yaml > sp-metadata.xml",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .run = run,
};
