/* main.c - the `usher-lab` command: test identity provider and message minting. Never part of `usher` itself. */
#include "lab/lab.h"

#include <signal.h>
#include <string.h>

#include "base/secret.h"
#include "saml/verify.h"

static const struct lab_command *const commands[] = {&lab_idp, &lab_mint, &lab_request};
#define NCOMMANDS (sizeof commands / sizeof *commands)

static void print_overview(FILE *out)
{
    fprintf(out, "usage: usher-lab COMMAND [options]\n\n"
                 "Tools for testing SAML service providers. For laboratories: nothing here belongs in production.\n\n"
                 "commands:\n");
    for (size_t i = 0; i < NCOMMANDS; i++)
        fprintf(out, "  %-14s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out, "\n'usher-lab COMMAND --help' shows options and an example.\n");
}

static const struct lab_command *find_command(const char *name)
{
    for (size_t i = 0; i < NCOMMANDS; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct err e = ERR_INIT;
    const struct lab_command *c;
    int rc;

    if (argc < 2) {
        print_overview(stderr);
        return LAB_FAILED;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_overview(stdout);
        return LAB_OK;
    }
    c = find_command(argv[1]);
    if (!c) {
        fprintf(stderr, "usher-lab: unknown command '%s'; 'usher-lab --help' lists them\n", argv[1]);
        return LAB_FAILED;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (secret_init(&e) != 0 || saml_init(&e) != 0)
        return lab_fail(c, &e);
    rc = c->run(c, argc - 2, argv + 2);
    saml_cleanup();
    if (fflush(stdout) != 0 && rc == LAB_OK) {
        fprintf(stderr, "usher-lab %s: io-error: standard output cannot be written\n", c->name);
        return LAB_FAILED;
    }
    return rc;
}
