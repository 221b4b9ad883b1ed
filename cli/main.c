/* main.c - the `usher` command: finds the subcommand, whose words may be one ("verify") or two ("account add"). */
#include "cli/cli.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "saml/verify.h"

const struct cli_command *const cli_commands[] = {
    &cli_serve,          &cli_config,         &cli_explain,         &cli_account_add,
    &cli_account_list,   &cli_account_show,   &cli_account_disable, &cli_account_enable,
    &cli_account_passwd, &cli_bypass_grant,   &cli_bypass_revoke,   &cli_bypass_list,
    &cli_session_list,   &cli_session_revoke, &cli_log_show,        &cli_metadata,
    &cli_verify,         &cli_idp_list,       &cli_idp_test,        &cli_idp_refresh,
    &cli_idp_approve,    &cli_idp_distrust,   &cli_audit,           NULL,
};

static void print_overview(FILE *out)
{
    fprintf(out, "usage: usher COMMAND [options]\n\n"
                 "A login front door for reverse proxies: picks SSO or password by address, verifies SAML assertions,\n"
                 "tells the proxy who is there.\n\ncommands:\n");
    for (size_t i = 0; cli_commands[i]; i++)
        fprintf(out, "  %-16s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    fprintf(out, "\n'usher COMMAND --help' shows options and an example.\n");
}

/* How many leading words of argv are this command's name; 0 if it is another command. */
static int words_matched(const struct cli_command *c, int argc, char **argv)
{
    struct slice rest = slice_of(c->name), word;
    int n = 0;

    while (slice_split(&rest, ' ', &word)) {
        if (n >= argc || !slice_is(word, argv[n]))
            return 0;
        n++;
    }
    return n;
}

/* `usher account`: the first word names a group of commands. Lists them. */
static bool print_group(const char *word)
{
    bool any = false;

    for (size_t i = 0; cli_commands[i]; i++) {
        struct slice rest = slice_of(cli_commands[i]->name), first;

        if (slice_split(&rest, ' ', &first) && rest.p && slice_is(first, word)) {
            fprintf(stderr, "%s  usher %-20s %s\n", any ? "" : "which one?\n", cli_commands[i]->name,
                    cli_commands[i]->summary);
            any = true;
        }
    }
    return any;
}

int main(int argc, char **argv)
{
    struct err e = ERR_INIT;
    int rc = CLI_FAILED;

    (void)signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        print_overview(stderr);
        return CLI_FAILED;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_overview(stdout);
        return CLI_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("usher %s\n", USHER_VERSION);
        return CLI_OK;
    }
    if (secret_init(&e) != 0 || saml_init(&e) != 0) {
        err_print(stderr, "usher", &e);
        return CLI_FAILED;
    }
    for (size_t i = 0; cli_commands[i]; i++) {
        int words = words_matched(cli_commands[i], argc - 1, argv + 1);

        if (words > 0) {
            rc = cli_commands[i]->run(cli_commands[i], argc - 1 - words, argv + 1 + words);
            saml_cleanup();
            if (fflush(stdout) != 0 && rc == CLI_OK) {
                fprintf(stderr, "usher: standard output could not be written\n");
                rc = CLI_FAILED;
            }
            return rc;
        }
    }
    if (!print_group(argv[1]))
        fprintf(stderr, "usher: unknown command '%s'\nTry 'usher --help'.\n", argv[1]);
    saml_cleanup();
    return CLI_FAILED;
}
