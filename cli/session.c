/* session.c - `usher session list|revoke`. A running daemon notices within a second. */
#include "cli/open.h"

#include "base/clock.h"
#include "cli/table.h"

struct options {
    const char *config, *format, *id, *account;
};

static bool list_one(void *ctx, const struct session_row *s)
{
    struct table *t = ctx;
    char id[24], since[TIME_TEXT_SIZE], seen[TIME_TEXT_SIZE], end[TIME_TEXT_SIZE];

    (void)snprintf(id, sizeof id, "%lld", (long long)s->id);
    time_format(s->created, since);
    time_format(s->last_seen, seen);
    time_format(s->absolute_end, end);
    table_row(t, id, s->email, s->door, s->idp[0] ? s->idp : "-", since, seen, end, NULL);
    return true;
}

static int fill(const void *options, const struct config *config, struct store *s, struct table *t, struct err *e)
{
    (void)options;
    (void)config;
    return store_session_list(s, clock_now(), list_one, t, e);
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
                      table_new(o.format, "ID", "EMAIL", "DOOR", "IDP", "SINCE", "LAST-SEEN", "ENDS", NULL), fill, &o);
}

static const struct cli_option list_options[] = {
    OPEN_CONFIG_OPTION(struct options),
    {"format", 0, CLI_STRING, offsetof(struct options, format), "text|json", "text unless given"},
};
const struct cli_command cli_session_list = {
    .name = "session list",
    .arguments = "",
    .summary = "List living sessions.",
    .example = "usher session list -c usher.yaml",
    .options = list_options,
    .noptions = sizeof list_options / sizeof *list_options,
    .run = run_list,
};

/* Fills the selector from --id or --account. */
static int select_sessions(const struct options *o, struct store *store, struct session_select *ret, struct err *e)
{
    struct email who;
    struct account account;
    uint64_t id;
    bool found = false;

    if (o->id) {
        if (!str_to_u64(slice_of(o->id), INT64_MAX, &id))
            return err_set(e, ERR_USAGE, "--id '%s' is not a number", o->id);
        *ret = (struct session_select){.by = SESSION_BY_ID, .id = (int64_t)id};
        return 0;
    }
    if (email_parse(slice_of(o->account), &who, e) != 0 ||
        store_account_by_email(store, who.key, &account, &found, e) != 0)
        return -1;
    if (!found)
        return err_set(e, ERR_ACCOUNT_NONE, "there is no account '%s'", who.text);
    *ret = (struct session_select){.by = SESSION_BY_ACCOUNT, .id = account.id};
    return 0;
}

static int run_revoke(const struct cli_command *c, int argc, char **argv)
{
    struct options o = {0};
    struct config *config = NULL;
    struct store *store;
    struct session_select which;
    struct event ev;
    struct err e = ERR_INIT;
    size_t n = 0;
    int operands, rc = cli_parse(c, argc, argv, &o, &operands);

    if (rc >= 0)
        return rc;
    if (operands || !o.id == !o.account)
        return cli_usage_error(c, "one of --id N and --account EMAIL is wanted");
    rc = CLI_FAILED;
    store = open_both(c, o.config, &config);
    open_event(&ev, "session.revoked", NULL, o.account ? o.account : o.id);
    if (store) {
        if (select_sessions(&o, store, &which, &e) != 0 ||
            store_session_revoke(store, &which, clock_now(), &ev, &n, &e) != 0) {
            rc = cli_fail(c, &e);
        } else {
            printf("%zu session%s ended\n", n, n == 1 ? "" : "s");
            rc = n ? CLI_OK : CLI_REFUSED;
        }
    }
    open_close(store, config);
    return rc;
}

static const struct cli_option revoke_options[] = {
    OPEN_CONFIG_OPTION(struct options),
    {"id", 0, CLI_STRING, offsetof(struct options, id), "N", "the session, as `session list` numbers it"},
    {"account", 0, CLI_STRING, offsetof(struct options, account), "EMAIL", "all sessions of this account"},
};
const struct cli_command cli_session_revoke = {
    .name = "session revoke",
    .arguments = "",
    .summary = "End one session, or all of an account.",
    .notes = "exit 1 if there was nothing to end.",
    .example = "usher session revoke -c usher.yaml --account alice@contoso.com",
    .options = revoke_options,
    .noptions = sizeof revoke_options / sizeof *revoke_options,
    .run = run_revoke,
};
