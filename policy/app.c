/* app.c - who may use an application: see policy.h. */
#include "policy/compiled.h"

bool policy_app_read(const struct conf_node *allow, struct policy_app *ret, struct arena *a, struct conf_problems *p)
{
    struct policy_app_conf c = {0};
    const struct conf_node *door = NULL;
    bool ok = conf_read_map(allow, &policy_tables[POLICY_TABLE_APP], &c, a, p);

    if (conf_kind(allow) == CONF_MAP)
        door = conf_get(allow, "door");
    ret->groups = c.groups;
    ret->door = policy_door_by_name(c.door);
    if (c.door && ret->door != DOOR_SSO && ret->door != DOOR_PASSWORD) {
        conf_problem(p, CONF_ERROR, door, "door is sso or password, not '%s'", c.door);
        ret->door = DOOR_DENY;
        ok = false;
    }
    /* an empty list would read as "no group is asked for", the opposite of what it says */
    if (conf_kind(allow) == CONF_MAP && conf_get(allow, "groups") && c.groups.n == 0) {
        conf_problem(p, CONF_ERROR, conf_get(allow, "groups"), "groups is empty; leave it out to ask for none");
        ok = false;
    }
    return ok;
}

void policy_app_print(const struct policy_app *app, unsigned indent, struct buf *out)
{
    struct policy_app_conf c = {.groups = app->groups,
                                .door = app->door == DOOR_DENY ? NULL : policy_door_name(app->door)};

    if (!c.door && c.groups.n == 0)
        return;
    buf_printf(out, "%*sallow:\n", (int)(2 * indent), "");
    conf_print_map(&policy_tables[POLICY_TABLE_APP], &c, indent + 1, out);
}

static bool has_one(const struct conf_strings *wanted, struct slice groups)
{
    struct slice g;

    while (slice_split(&groups, '\n', &g)) {
        for (size_t i = 0; i < wanted->n; i++) {
            if (slice_is(g, wanted->v[i]))
                return true;
        }
    }
    return false;
}

int policy_authorize_app(const struct policy_app *app, enum policy_door door, struct slice groups, struct err *e)
{
    if (door != DOOR_SSO && door != DOOR_PASSWORD)
        return err_set(e, ERR_DENIED_APP, "the session was opened by no known door");
    if (app->door != DOOR_DENY && app->door != door)
        return err_mismatch(e, ERR_DENIED_APP, policy_door_name(door), policy_door_name(app->door),
                            "the session was opened by another door than the application asks for");
    if (app->groups.n > 0 && !has_one(&app->groups, groups))
        return err_mismatch(e, ERR_DENIED_APP, groups.n ? NULL : "no groups", app->groups.v[0],
                            "the session has none of the %zu groups that the application asks for", app->groups.n);
    return 0;
}
