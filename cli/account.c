/*
 * account.c - `usher account add|list|show|disable|enable|passwd`: accounts of the password door, and those the
 * directory made.
 *
 * Passwords are read from the terminal without echo, twice, or one line from standard input; never from the command
 * line, where every user of the machine can read them.
 */
#include "cli/open.h"

#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "accounts/password.h"
#include "base/clock.h"
#include "base/secret.h"
#include "cli/table.h"

struct options {
    const char *config, *name, *kind, *format;
    bool no_password;
};

/* --- passwords
 * ---------------------------------------------------------------------------------------------------------- */

/* One line from standard input; without echo and with a prompt on a terminal. */
static int read_line(const char *prompt, struct buf *out, struct err *e)
{
    struct termios old, quiet;
    bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &old) == 0;
    char ch;
    ssize_t n;

    if (terminal) {
        fprintf(stderr, "%s: ", prompt);
        quiet = old;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    while ((n = read(STDIN_FILENO, &ch, 1)) == 1 && ch != '\n')
        buf_add_char(out, ch);
    if (terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
        fputc('\n', stderr);
    }
    if (n < 0 || (n == 0 && out->len == 0))
        return err_set(e, ERR_IO, "no password on standard input");
    if (buf_failed(out))
        return err_set(e, ERR_PASSWORD_WEAK, "the password is longer than %d bytes", PASSWORD_MAX_BYTES);
    return 0;
}

static int read_password(char hash[STORE_HASH_MAX + 1], struct err *e)
{
    struct buf first, second;
    int r = -1;

    buf_init(&first, PASSWORD_MAX_BYTES);
    buf_init(&second, PASSWORD_MAX_BYTES);
    if (read_line("New password", &first, e) != 0)
        goto out;
    if (isatty(STDIN_FILENO)) {
        if (read_line("The same again", &second, e) != 0)
            goto out;
        if (!slice_eq(buf_slice(&first), buf_slice(&second))) {
            (void)err_set(e, ERR_USAGE, "the two passwords differ");
            goto out;
        }
    }
    r = password_hash(buf_slice(&first), hash, e);
out:
    buf_free_secret(&first);
    buf_free_secret(&second);
    return r;
}

/* --- what all of them do first
 * ------------------------------------------------------------------------------------------ */

struct context {
    struct options o;
    struct config *config;
    struct store *store;
    struct email who;
    struct account account;
};

static void context_close(struct context *x)
{
    open_close(x->store, x->config);
    secret_wipe(x, sizeof *x);
    free(x);
}

/* Parses, reads the one operand, opens. NULL: *ret_rc is the exit code. */
static struct context *context_open(const struct cli_command *c, int argc, char **argv, int *ret_rc)
{
    struct context *x = calloc(1, sizeof *x);
    struct err e = ERR_INIT;
    int operands = 0;

    *ret_rc = CLI_FAILED;
    if (!x)
        return NULL;
    *ret_rc = cli_parse(c, argc, argv, &x->o, &operands);
    if (*ret_rc >= 0)
        goto fail;
    *ret_rc = CLI_FAILED;
    if (operands != 1) {
        (void)cli_usage_error(c, "one EMAIL is wanted");
        goto fail;
    }
    if (email_parse(slice_of(argv[0]), &x->who, &e) != 0) {
        (void)cli_fail(c, &e);
        goto fail;
    }
    x->store = open_both(c, x->o.config, &x->config);
    if (x->store)
        return x;
fail:
    context_close(x);
    return NULL;
}

/* Loads the account of x->who; prints why not. */
static bool find(const struct cli_command *c, struct context *x)
{
    struct err e = ERR_INIT;
    bool found = false;

    if (store_account_by_email(x->store, x->who.key, &x->account, &found, &e) == 0 && !found)
        (void)err_set(&e, ERR_ACCOUNT_NONE, "there is no account '%s'", x->who.text);
    if (e.code != ERR_NONE)
        (void)cli_fail(c, &e);
    return e.code == ERR_NONE;
}

/* --- add
 * ------------------------------------------------------------------------------------------------------------------ */

static int run_add(const struct cli_command *c, int argc, char **argv)
{
    int rc;
    struct context *x = context_open(c, argc, argv, &rc);
    struct account a = {.created = clock_now()};
    struct event ev;
    struct err e = ERR_INIT;
    int64_t id;

    if (!x)
        return rc;
    rc = CLI_FAILED;
    memcpy(a.email, x->who.text, sizeof a.email);
    memcpy(a.email_key, x->who.key, sizeof a.email_key);
    (void)str_copy(a.source, sizeof a.source, SLICE("cli"));
    if (!str_copy(a.name, sizeof a.name, slice_of(x->o.name)) ||
        !str_copy(a.kind, sizeof a.kind, slice_of(x->o.kind ? x->o.kind : "person"))) {
        (void)cli_usage_error(c, "--name or --kind is too long");
        goto out;
    }
    open_event(&ev, "account.added", x->who.text, NULL);
    if ((!x->o.no_password && read_password(a.password_hash, &e) != 0) ||
        store_account_add(x->store, &a, &ev, &id, &e) != 0) {
        (void)cli_fail(c, &e);
        goto out;
    }
    printf("account %lld added: %s%s\n", (long long)id, a.email, x->o.no_password ? ", without a password" : "");
    rc = CLI_OK;
out:
    secret_wipe(&a, sizeof a);
    context_close(x);
    return rc;
}

static const struct cli_option add_options[] = {
    OPEN_CONFIG_OPTION(struct options),
    {"name", 0, CLI_STRING, offsetof(struct options, name), "NAME", "display name"},
    {"kind", 0, CLI_STRING, offsetof(struct options, kind), "KIND", "free text: person (unless given), room, service"},
    {"no-password", 0, CLI_FLAG, offsetof(struct options, no_password), NULL,
     "the password door stays shut until `account passwd`"},
};
const struct cli_command cli_account_add = {
    .name = "account add",
    .arguments = "EMAIL",
    .summary = "Add an account with a password.",
    .notes = "The password is asked for, or read as one line from standard input. In a domain with sso: required the "
             "account\n"
             "also needs a grant (usher bypass grant) before it can use the password door.",
    .example = "usher account add -c usher.yaml room-4@contoso.com --kind room --name 'Room 4'",
    .options = add_options,
    .noptions = sizeof add_options / sizeof *add_options,
    .run = run_add,
};

/* --- list, show
 * ------------------------------------------------------------------------------------------------------------- */

static const struct cli_option list_options[] = {
    OPEN_CONFIG_OPTION(struct options),
    {"format", 0, CLI_STRING, offsetof(struct options, format), "text|json", "text unless given"},
};

static bool list_one(void *ctx, const struct account *a)
{
    struct table *t = ctx;
    char created[TIME_TEXT_SIZE], seen[TIME_TEXT_SIZE];

    time_format(a->created, created);
    time_format(a->last_login, seen);
    table_row(t, a->email, a->name, a->kind, a->disabled ? "disabled" : "enabled", a->password_hash[0] ? "yes" : "no",
              a->idp[0] ? a->idp : "-", a->source, created, a->last_login ? seen : "never", NULL);
    return true;
}

static int fill(const void *options, const struct config *config, struct store *s, struct table *t, struct err *e)
{
    (void)options;
    (void)config;
    return store_account_list(s, list_one, t, e);
}

static int run_list(const struct cli_command *c, int argc, char **argv)
{
    struct options o = {0};
    int operands, rc = cli_parse(c, argc, argv, &o, &operands);

    if (rc >= 0)
        return rc;
    if (operands)
        return cli_usage_error(c, "'%s' is not expected", argv[0]);
    return open_table(c, o.config,
                      table_new(o.format, "EMAIL", "NAME", "KIND", "STATE", "PASSWORD", "IDP", "SOURCE", "CREATED",
                                "LAST-LOGIN", NULL),
                      fill, &o);
}

const struct cli_command cli_account_list = {
    .name = "account list",
    .arguments = "",
    .summary = "List all accounts.",
    .example = "usher account list -c usher.yaml",
    .options = list_options,
    .noptions = sizeof list_options / sizeof *list_options,
    .run = run_list,
};

static void show_line(const char *label, const char *value)
{
    struct buf text;

    buf_init(&text, 4096);
    cli_text(&text, slice_of(value));
    printf("%-12s %s\n", label, value[0] ? buf_cstr(&text) : "-");
    buf_free(&text);
}

static int run_show(const struct cli_command *c, int argc, char **argv)
{
    int rc;
    struct context *x = context_open(c, argc, argv, &rc);
    const struct account *a;
    char text[TIME_TEXT_SIZE];

    if (!x)
        return rc;
    rc = CLI_FAILED;
    if (find(c, x)) {
        a = &x->account;
        show_line("email", a->email);
        show_line("name", a->name);
        show_line("kind", a->kind);
        show_line("state", a->disabled ? "disabled" : "enabled");
        show_line("password", a->password_hash[0] ? "set" : "none");
        show_line("idp", a->idp);
        show_line("subject", a->subject);
        show_line("source", a->source);
        time_format(a->created, text);
        show_line("created", text);
        time_format(a->last_login, text);
        show_line("last login", a->last_login ? text : "never");
        rc = CLI_OK;
    }
    context_close(x);
    return rc;
}

static const struct cli_option one_options[] = {OPEN_CONFIG_OPTION(struct options)};
const struct cli_command cli_account_show = {
    .name = "account show",
    .arguments = "EMAIL",
    .summary = "Show one account.",
    .example = "usher account show -c usher.yaml room-4@contoso.com",
    .options = one_options,
    .noptions = 1,
    .run = run_show,
};

/* --- disable, enable, passwd
 * -------------------------------------------------------------------------------------------------- */

static int set_disabled(const struct cli_command *c, int argc, char **argv, bool disabled)
{
    int rc;
    struct context *x = context_open(c, argc, argv, &rc);
    struct err e = ERR_INIT;
    struct event ev;

    if (!x)
        return rc;
    rc = CLI_FAILED;
    open_event(&ev, disabled ? "account.disabled" : "account.enabled", x->who.text, NULL);
    if (find(c, x)) {
        if (store_account_set_disabled(x->store, x->account.id, disabled, clock_now(), &ev, &e) != 0) {
            (void)cli_fail(c, &e);
        } else {
            printf("%s is %s\n", x->account.email, disabled ? "disabled; its sessions have ended" : "enabled");
            rc = CLI_OK;
        }
    }
    context_close(x);
    return rc;
}

static int run_disable(const struct cli_command *c, int argc, char **argv)
{
    return set_disabled(c, argc, argv, true);
}

static int run_enable(const struct cli_command *c, int argc, char **argv)
{
    return set_disabled(c, argc, argv, false);
}

const struct cli_command cli_account_disable = {
    .name = "account disable",
    .arguments = "EMAIL",
    .summary = "Disable an account and end its sessions.",
    .example = "usher account disable -c usher.yaml leaver@contoso.com",
    .options = one_options,
    .noptions = 1,
    .run = run_disable,
};
const struct cli_command cli_account_enable = {
    .name = "account enable",
    .arguments = "EMAIL",
    .summary = "Enable a disabled account again.",
    .example = "usher account enable -c usher.yaml returner@contoso.com",
    .options = one_options,
    .noptions = 1,
    .run = run_enable,
};

static int run_passwd(const struct cli_command *c, int argc, char **argv)
{
    int rc;
    struct context *x = context_open(c, argc, argv, &rc);
    char hash[STORE_HASH_MAX + 1] = "";
    struct err e = ERR_INIT;
    struct event ev;

    if (!x)
        return rc;
    rc = CLI_FAILED;
    open_event(&ev, "account.password", x->who.text, x->o.no_password ? "removed" : "set");
    if (find(c, x)) {
        if ((!x->o.no_password && read_password(hash, &e) != 0) ||
            store_account_set_password(x->store, x->account.id, hash, true, clock_now(), &ev, &e) != 0) {
            (void)cli_fail(c, &e);
        } else {
            printf("password of %s %s; its sessions have ended\n", x->account.email,
                   x->o.no_password ? "removed" : "set");
            rc = CLI_OK;
        }
    }
    secret_wipe(hash, sizeof hash);
    context_close(x);
    return rc;
}

static const struct cli_option passwd_options[] = {
    OPEN_CONFIG_OPTION(struct options),
    {"no-password", 0, CLI_FLAG, offsetof(struct options, no_password), NULL, "remove the password instead"},
};
const struct cli_command cli_account_passwd = {
    .name = "account passwd",
    .arguments = "EMAIL",
    .summary = "Set or remove an account's password and end its sessions.",
    .example = "usher account passwd -c usher.yaml room-4@contoso.com",
    .options = passwd_options,
    .noptions = sizeof passwd_options / sizeof *passwd_options,
    .run = run_passwd,
};
