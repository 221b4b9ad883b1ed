/* explain.c - `usher explain`: which door an address is sent to, and why; what would be decided once somebody has come
 * through it. */
#include "cli/open.h"

#include <string.h>

#include "base/clock.h"
#include "policy/trace.h"
#include "router/grants.h"

struct options {
    const char *config, *from, *at;
    struct cli_list group;
};

/* The question as policy takes it. */
struct question {
    struct email who;
    struct buf groups;
    struct policy_request request;
};

static int make_question(const struct options *o, const char *address, struct question *q, struct err *e)
{
    if (email_parse(slice_of(address), &q->who, e) != 0)
        return -1;
    q->request = (struct policy_request){.email = &q->who, .now = clock_now()};
    if (o->at && time_parse_lenient(slice_of(o->at), &q->request.now, e) != 0)
        return err_wrap(e, "--at");
    if (o->from && netaddr_parse(slice_of(o->from), &q->request.client, e) != 0)
        return err_wrap(e, "--from");
    for (size_t i = 0; i < o->group.n; i++)
        buf_printf(&q->groups, "%s%s", i ? "\n" : "", o->group.v[i]);
    q->request.groups = buf_slice(&q->groups);
    return 0;
}

static void print_decision(const char *title, const struct policy_decision *d, const struct err *e)
{
    struct buf text;

    buf_init(&text, 1024 * 1024);
    policy_trace_print(d, &text);
    printf("%s: %s%s%s\n%s", title, policy_door_name(d->door), d->idp ? " " : "", d->idp ? d->idp : "",
           buf_cstr(&text));
    if (e->code != ERR_NONE)
        printf("  %s: %s\n", err_name(e->code), e->msg);
    buf_free(&text);
}

/* Routing, then each door as if the person had come through it. */
static void explain(const struct config *config, const struct policy_grants *store_grants, struct question *q)
{
    struct policy_decision routed, decided;
    struct err e = ERR_INIT;
    struct arena a;

    arena_init(&a, 1024 * 1024);
    (void)policy_route(config->policy, store_grants, &q->request, &a, &routed, &e);
    print_decision("typed address is sent to", &routed, &e);
    q->request.groups_known = true;
    for (int door = DOOR_SSO; door <= DOOR_PASSWORD; door++) {
        const char *title = door == DOOR_SSO ? "signed in through SSO" : "signed in by password";

        if (routed.door != DOOR_CHOOSE && routed.door != (enum policy_door)door)
            continue;
        err_clear(&e);
        q->request.door_used = (enum policy_door)door;
        q->request.idp_used = door == DOOR_SSO ? routed.idp : NULL;
        (void)policy_authorize(config->policy, store_grants, &q->request, &a, &decided, &e);
        print_decision(title, &decided, &e);
    }
    arena_free(&a);
}

static int run(const struct cli_command *c, int argc, char **argv)
{
    struct options o = {0};
    struct question q = {.request = {.now = 0}};
    struct config *config = NULL;
    struct store *store;
    struct policy_grants *store_grants = NULL;
    struct err e = ERR_INIT;
    size_t skipped = 0;
    int operands, rc = cli_parse(c, argc, argv, &o, &operands);

    if (rc >= 0)
        return rc;
    if (operands != 1)
        return cli_usage_error(c, "one EMAIL is wanted");
    buf_init(&q.groups, 65536);
    rc = CLI_FAILED;
    store = open_both(c, o.config, &config);
    if (store) {
        if (make_question(&o, argv[0], &q, &e) != 0 || grants_index(store, &store_grants, &skipped, &e) != 0) {
            (void)cli_fail(c, &e);
        } else {
            if (skipped)
                fprintf(stderr, "usher explain: %zu grants of the store are not readable and open no door\n", skipped);
            explain(config, store_grants, &q);
            rc = CLI_OK;
        }
    }
    policy_grants_free(store_grants);
    buf_free(&q.groups);
    open_close(store, config);
    return rc;
}

static const struct cli_option options[] = {
    OPEN_CONFIG_OPTION(struct options),
    {"from", 0, CLI_STRING, offsetof(struct options, from), "IP", "the client's address"},
    {"group", 0, CLI_LIST, offsetof(struct options, group), "G", "a group that the identity provider asserts"},
    {"at", 0, CLI_STRING, offsetof(struct options, at), "TIME", "as of then; now unless given"},
};
const struct cli_command cli_explain = {
    .name = "explain",
    .arguments = "EMAIL",
    .summary = "Say which door an address gets, and why.",
    .notes = "Asks the same engine as the running daemon, with the file's and the store's grants.",
    .example = "usher explain -c usher.yaml room-4@contoso.com --from 10.1.2.3",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .run = run,
};
