/* bypass.c - `usher bypass grant|revoke|list`: exceptions held in the store. A running daemon notices within a second.
 */
#include "cli/open.h"

#include <string.h>

#include "base/clock.h"
#include "cli/table.h"
#include "policy/grant.h"

struct options {
    const char *config, *kind, *owner, *reason, *from, *until, *format;
    struct cli_list network;
    bool all;
};

/* --- grant ----------------------------------------------------------------------------------------------------------
 */

static int make_row(const struct options *o, const char *account, struct account_grant_row *g, struct err *e)
{
    struct policy_grant_text text;
    size_t used = 0;

    *g = (struct account_grant_row){.created = clock_now()};
    if ((o->from && time_parse_lenient(slice_of(o->from), &g->from, e) != 0) ||
        (o->until && time_parse_lenient(slice_of(o->until), &g->until, e) != 0))
        return -1;
    for (size_t i = 0; i < o->network.n; i++) {
        int n = snprintf(g->networks + used, sizeof g->networks - used, "%s%s", used ? " " : "", o->network.v[i]);

        if (n < 0 || (size_t)n >= sizeof g->networks - used)
            return err_set(e, ERR_GRANT, "too many networks");
        used += (size_t)n;
    }
    if (!str_copy(g->kind, sizeof g->kind, slice_of(o->kind)) ||
        !str_copy(g->owner, sizeof g->owner, slice_of(o->owner)) ||
        !str_copy(g->reason, sizeof g->reason, slice_of(o->reason)) ||
        !str_copy(g->created_by, sizeof g->created_by, slice_of(open_operator())))
        return err_set(e, ERR_GRANT, "kind, owner or reason is too long");
    text = (struct policy_grant_text){.account = account,
                                      .kind = g->kind,
                                      .owner = g->owner,
                                      .reason = g->reason,
                                      .from = g->from,
                                      .until = g->until,
                                      .networks = g->networks};
    return policy_grant_check(&text, g->account, e);
}

/* --kind, --owner and --reason are all named at once. */
static bool check_required(const struct cli_command *c, const struct options *o)
{
    const struct {
        const char *value, *name, *what;
    } needed[] = {{o->kind, "kind", "outside or fallback"},
                  {o->owner, "owner", "who answers for this exception"},
                  {o->reason, "reason", "why it exists"}};
    bool ok = true;

    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (!needed[i].value) {
            (void)cli_usage_error(c, "--%s is missing: %s", needed[i].name, needed[i].what);
            ok = false;
        }
    }
    return ok;
}

static int run_grant(const struct cli_command *c, int argc, char **argv)
{
    struct options o = {0};
    struct config *config = NULL;
    struct store *store;
    struct account_grant_row row;
    struct event ev;
    struct err e = ERR_INIT;
    int64_t id = 0;
    int operands, rc = cli_parse(c, argc, argv, &o, &operands);

    if (rc >= 0)
        return rc;
    if (operands != 1)
        return cli_usage_error(c, "one EMAIL or pattern is wanted");
    if (!check_required(c, &o))
        return CLI_FAILED;
    rc = CLI_FAILED;
    store = open_both(c, o.config, &config);
    if (store) {
        if (make_row(&o, argv[0], &row, &e) == 0) {
            if (row.account[0] == '*' && row.account[1] == '@')
                fprintf(stderr, "usher bypass grant: warning: this covers everybody in %s\n", row.account + 2);
            if (row.until && row.until <= clock_now())
                fprintf(stderr, "usher bypass grant: warning: it has expired already and opens nothing\n");
            open_event(&ev, "grant.added", row.account, o.reason);
            if (store_grant_add(store, &row, &ev, &id, &e) == 0) {
                printf("grant %lld: %s %s\n", (long long)id, row.kind, row.account);
                rc = CLI_OK;
            }
        }
        if (rc != CLI_OK)
            (void)cli_fail(c, &e);
    }
    open_close(store, config);
    return rc;
}

static const struct cli_option grant_options[] = {
    OPEN_CONFIG_OPTION(struct options),
    {"kind", 0, CLI_STRING, offsetof(struct options, kind), "outside|fallback",
     "outside the directory, or SSO and a password"},
    {"owner", 0, CLI_STRING, offsetof(struct options, owner), "NAME", "who answers for this exception"},
    {"reason", 0, CLI_STRING, offsetof(struct options, reason), "TEXT", "why it exists"},
    {"from", 0, CLI_STRING, offsetof(struct options, from), "TIME", "counts from then on; at once unless given"},
    {"until", 0, CLI_STRING, offsetof(struct options, until), "TIME", "ends then; never unless given"},
    {"network", 0, CLI_LIST, offsetof(struct options, network), "CIDR", "the password door opens only from there"},
};
const struct cli_command cli_bypass_grant = {
    .name = "bypass grant",
    .arguments = "EMAIL|PATTERN",
    .summary = "Make an exception: let an account use a password.",
    .notes = "A pattern has one * before the @. The account itself is made by `usher account add`.",
    .example = "usher bypass grant -c usher.yaml room-4@contoso.com --kind outside --owner facilities \\\n"
               "    --reason 'shared display' --until 2027-06-30",
    .options = grant_options,
    .noptions = sizeof grant_options / sizeof *grant_options,
    .run = run_grant,
};

/* --- revoke ----------------------------------------------------------------------------------------------------------
 */

static int run_revoke(const struct cli_command *c, int argc, char **argv)
{
    struct options o = {0};
    struct config *config = NULL;
    struct store *store;
    struct event ev;
    struct err e = ERR_INIT;
    uint64_t id;
    int operands, rc = cli_parse(c, argc, argv, &o, &operands);

    if (rc >= 0)
        return rc;
    if (operands != 1 || !str_to_u64(slice_of(argv[0]), INT64_MAX, &id))
        return cli_usage_error(c, "one grant's number is wanted, as `bypass list` shows it");
    rc = CLI_FAILED;
    store = open_both(c, o.config, &config);
    open_event(&ev, "grant.revoked", NULL, argv[0]);
    if (store) {
        if (store_grant_revoke(store, (int64_t)id, clock_now(), &ev, &e) == 0) {
            printf("grant %s is revoked\n", argv[0]);
            rc = CLI_OK;
        } else {
            (void)cli_fail(c, &e);
        }
    }
    open_close(store, config);
    return rc;
}

static const struct cli_option revoke_options[] = {OPEN_CONFIG_OPTION(struct options)};
const struct cli_command cli_bypass_revoke = {
    .name = "bypass revoke",
    .arguments = "NUMBER",
    .summary = "End an exception of the store.",
    .notes = "Grants of the configuration file are ended there.",
    .example = "usher bypass revoke -c usher.yaml 7",
    .options = revoke_options,
    .noptions = 1,
    .run = run_revoke,
};

/* --- list ------------------------------------------------------------------------------------------------------------
 */

static void show_time(int64_t t, const char *none, char dst[TIME_TEXT_SIZE])
{
    if (t)
        time_format(t, dst);
    else
        (void)snprintf(dst, TIME_TEXT_SIZE, "%s", none);
}

static bool list_one(void *ctx, const struct account_grant_row *g)
{
    struct table *t = ctx;
    char id[24], from[TIME_TEXT_SIZE], until[TIME_TEXT_SIZE], used[TIME_TEXT_SIZE];
    int64_t now = clock_now();

    (void)snprintf(id, sizeof id, "%lld", (long long)g->id);
    show_time(g->from, "-", from);
    show_time(g->until, "-", until);
    show_time(g->last_used, "never", used);
    table_row(t, id, g->account, g->kind,
              g->revoked_at                 ? "revoked"
              : g->until && g->until <= now ? "expired"
              : g->from > now               ? "not yet"
                                            : "in force",
              from, until, g->networks[0] ? g->networks : "-", g->owner, g->reason, used, NULL);
    return true;
}

static void list_file_grants(const struct config *config, struct table *t)
{
    const struct conf_node *grants = conf_get(conf_root(config->doc), "grants");

    for (size_t i = 0; grants && i < conf_count(grants); i++) {
        const struct conf_node *g = conf_item(grants, i);
        const char *names[] = {"account", "kind", "from", "until", "network", "owner", "reason"};
        const char *v[7];

        for (size_t k = 0; k < 7; k++) {
            const struct conf_node *n = conf_get(g, names[k]);

            v[k] = !n ? "-" : conf_kind(n) == CONF_SCALAR ? conf_text(n) : "(several)";
        }
        table_row(t, conf_where(g), v[0], v[1], "in the file", v[2], v[3], v[4], v[5], v[6], "-", NULL);
    }
}

static int fill(const void *options, const struct config *config, struct store *s, struct table *t, struct err *e)
{
    if (store_grant_list(s, ((const struct options *)options)->all, list_one, t, e) != 0)
        return -1;
    list_file_grants(config, t);
    return 0;
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
                      table_new(o.format, "GRANT", "ACCOUNT", "KIND", "STATE", "FROM", "UNTIL", "NETWORK", "OWNER",
                                "REASON", "LAST-USED", NULL),
                      fill, &o);
}

static const struct cli_option list_options[] = {
    OPEN_CONFIG_OPTION(struct options),
    {"all", 0, CLI_FLAG, offsetof(struct options, all), NULL, "revoked ones as well"},
    {"format", 0, CLI_STRING, offsetof(struct options, format), "text|json", "text unless given"},
};
const struct cli_command cli_bypass_list = {
    .name = "bypass list",
    .arguments = "",
    .summary = "List the exceptions of the store and of the file.",
    .example = "usher bypass list -c usher.yaml",
    .options = list_options,
    .noptions = sizeof list_options / sizeof *list_options,
    .run = run_list,
};
