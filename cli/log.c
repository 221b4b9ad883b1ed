/* log.c - `usher log show`: the events, or the one behind the number a person was shown. */
#include "cli/open.h"

#include <string.h>

#include "base/clock.h"
#include "cli/table.h"

struct options {
    const char *config, *format, *since;
};
static const struct cli_option options[] = {
    OPEN_CONFIG_OPTION(struct options),
    {"since", 0, CLI_STRING, offsetof(struct options, since), "TIME", "only events from this time on"},
    {"format", 0, CLI_STRING, offsetof(struct options, format), "text|json", "text unless given"},
};

static bool list_one(void *ctx, const struct event *ev)
{
    struct table *t = ctx;
    char at[TIME_TEXT_SIZE];

    time_format(ev->at, at);
    table_row(t, at, ev->kind, ev->code[0] ? ev->code : "-", ev->email[0] ? ev->email : "-", ev->idp[0] ? ev->idp : "-",
              ev->client[0] ? ev->client : "-", ev->request_id[0] ? ev->request_id : "-", ev->detail, NULL);
    return true;
}

static int fill(const struct options *o, const char *request_id, struct store *store, struct table *t,
                struct event *found, struct err *e)
{
    int64_t since = 0;
    bool is_there = false;

    if (request_id) {
        if (store_event_find(store, request_id, found, &is_there, e) != 0)
            return -1;
        return is_there ? (int)list_one(t, found) : 0;
    }
    if (o->since && time_parse_lenient(slice_of(o->since), &since, e) != 0)
        return -1;
    return store_event_list(store, 0, since, 0, list_one, t, e) == 0 ? 1 : -1;
}

/* For one event: its code's meaning for an administrator, which a table has no room for. */
static void explain(const struct options *o, const struct event *ev)
{
    if ((!o->format || strcmp(o->format, "text") == 0) && ev->code[0])
        printf("\n%s: %s\n", ev->code, err_admin_text(err_by_name(ev->code)));
}

static int run(const struct cli_command *c, int argc, char **argv)
{
    struct options o = {0};
    struct config *config = NULL;
    struct store *store;
    struct table *t = NULL;
    struct event found = {0};
    struct err e = ERR_INIT;
    int operands, r, rc = cli_parse(c, argc, argv, &o, &operands);

    if (rc >= 0)
        return rc;
    if (operands > 1)
        return cli_usage_error(c, "at most one request id is wanted");
    rc = CLI_FAILED;
    store = open_both(c, o.config, &config);
    if (store) {
        t = table_new(o.format, "TIME", "EVENT", "ERROR", "ACCOUNT", "IDP", "CLIENT", "REQUEST", "DETAIL", NULL);
        r = t ? fill(&o, operands ? argv[0] : NULL, store, t, &found, &e)
              : cli_usage_error(c, "--format is text or json");
        if (t && r < 0)
            rc = cli_fail(c, &e);
        else if (t && r == 0)
            fprintf(stderr, "usher log show: there is no event with the number '%s'\n", argv[0]);
        else if (t) {
            table_print(t);
            explain(&o, &found);
        }
        rc = t && r > 0 ? CLI_OK : t && r == 0 ? CLI_REFUSED : CLI_FAILED;
    }
    table_free(t);
    open_close(store, config);
    return rc;
}

const struct cli_command cli_log_show = {
    .name = "log show",
    .arguments = "[REQUEST-ID]",
    .summary = "Show the events, or the one behind the number a person was shown.",
    .notes = "exit 1 if there is no event with that number.",
    .example = "usher log show -c usher.yaml k3v7q2m5x6a4b8c2",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .run = run,
};
