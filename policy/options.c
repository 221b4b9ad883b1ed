/* options.c - the option tables of domains, grants, rules and apps[].allow, and what is printed from them. */
#include "policy/compiled.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* clang-format off */
static const char *const sso_modes[] = {"off", "optional", "required", NULL};
static const char *const new_users[] = {"off", "jit", NULL};
static const char *const exceptions[] = {"routed", "hidden", NULL};
static const char *const grant_kinds[] = {"outside", "fallback", NULL};

#define O(field) offsetof(struct policy_domain, field)
static const struct conf_option domain_options[] = {
    {"sso", CONF_T_ENUM, O(sso), CONF_REQUIRED, NULL, sso_modes, 0, 0, "`required`: SSO, and a password only by a grant. `optional`: the person chooses. `off`: password."},
    {"idp", CONF_T_STRING, O(idp), 0, NULL, NULL, 0, 0, "The identity provider of this domain; needed unless sso is off. Its `domains` must list this one."},
    {"new_users", CONF_T_ENUM, O(new_users), 0, "off", new_users, 0, 0, "`jit`: an account is created at the first sign-in by SSO."},
    {"exceptions", CONF_T_ENUM, O(exceptions), 0, "routed", exceptions, 0, 0, "Where an address under a grant is sent shows that it is an exception. `hidden` is not supported yet."},
};
#undef O
#define O(field) offsetof(struct policy_grant_conf, field)
static const struct conf_option grant_options[] = {
    {"account", CONF_T_STRING, O(account), CONF_REQUIRED, NULL, NULL, 0, 0, "An address, or one `*` in the part before the @ (in quotes if it comes first: YAML reads a leading * in its own way)."},
    {"kind", CONF_T_ENUM, O(kind), CONF_REQUIRED, NULL, grant_kinds, 0, 0, "`outside`: not in the directory, password only, assertions are refused. `fallback`: SSO as everybody, and a password as well."},
    {"owner", CONF_T_STRING, O(owner), CONF_REQUIRED, NULL, NULL, 0, 0, "Who answers for this exception."},
    {"reason", CONF_T_STRING, O(reason), CONF_REQUIRED, NULL, NULL, 0, 0, "Why it exists."},
    {"from", CONF_T_TIME, O(from), 0, NULL, NULL, 0, 0, "In force from then on; a date begins at 00:00 UTC. At once unless given."},
    {"until", CONF_T_TIME, O(until), 0, NULL, NULL, 0, 0, "Not in force from then on: `2027-06-30` ends with the 29th, UTC. Without end unless given. Afterwards it equals no grant."},
    {"network", CONF_T_NETBLOCKS, O(network), 0, NULL, NULL, 0, 0, "Where its password door is open. It says nothing about SSO: an outside account stays outside everywhere."},
    {"while", CONF_T_UNSUPPORTED, 0, 0, NULL, NULL, 0, 0, "`idp-failing`: only while the IdP does not work."},
};
#undef O
#define O(field) offsetof(struct policy_rule, field)
static const struct conf_option rule_options[] = {
    {"name", CONF_T_STRING, O(name), CONF_REQUIRED, NULL, NULL, 0, 0, "For traces and logs; each rule has its own."},
    {"when", CONF_T_NODE, O(when_node), CONF_REQUIRED, NULL, NULL, 0, 0, "Conditions; all of them must hold, and at least one must be given."},
    {"door", CONF_T_STRING, O(door_text), 0, NULL, NULL, 0, 0, "`deny`, `password`, `sso` (the IdP of the domain) or `sso IDP`: the only door there is for whom the rule matches."},
    {"second_factor", CONF_T_UNSUPPORTED, 0, 0, NULL, NULL, 0, 0, "`required`: a second factor besides."},
};
#undef O
#define O(field) offsetof(struct policy_when, field)
static const struct conf_option when_options[] = {
    {"email", CONF_T_STRINGS, O(email), 0, NULL, NULL, 0, 0, "One of these addresses, each with at most one `*` in the part before the @."},
    {"domain", CONF_T_DOMAINS, O(domain), 0, NULL, NULL, 0, 0, "The address is in one of exactly these domains; subdomains are others."},
    {"group", CONF_T_STRINGS, O(group), 0, NULL, NULL, 0, 0, "The IdP names one of these groups, octet by octet (Entra: object IDs). Asked when somebody comes by SSO, not while routing; a group that may exist because the directory sent only part of them takes doors away and opens none."},
    {"network", CONF_T_NETBLOCKS, O(network), 0, NULL, NULL, 0, 0, "The client's address is in one of these."},
};
#undef O
#define O(field) offsetof(struct policy_app_conf, field)
static const struct conf_option app_options[] = {
    {"groups", CONF_T_STRINGS, O(groups), 0, NULL, NULL, 0, 0, "The session has one of these groups. A password session has none."},
    {"door", CONF_T_STRING, O(door), 0, NULL, NULL, 0, 0, "`sso` or `password`: how the session was opened. Either unless given."},
};
#undef O

const struct conf_table policy_tables[POLICY_TABLE_COUNT] = {
    [POLICY_TABLE_DOMAIN] = {"domains.NAME", "How the people of one e-mail domain sign in.", domain_options, COUNT(domain_options)},
    [POLICY_TABLE_GRANT] = {"grants[]", "One exception. More live in the store (`usher bypass grant`).", grant_options, COUNT(grant_options)},
    [POLICY_TABLE_RULE] = {"rules[]", "One rule; the first that matches counts, before grants and domains.", rule_options, COUNT(rule_options)},
    [POLICY_TABLE_WHEN] = {"rules[].when", "The conditions of a rule. A single value stands for a list of one.", when_options, COUNT(when_options)},
    [POLICY_TABLE_APP] = {"apps[].allow", "What an application asks of a session.", app_options, COUNT(app_options)},
};
/* clang-format on */

static void print_target(const struct policy_target *t, struct buf *out)
{
    buf_printf(out, "%s%s%s\n", policy_door_name(t->door), t->idp ? " " : "", t->idp ? t->idp : "");
}

static void print_grants(const struct policy_grants *set, struct buf *out)
{
    if (set->n)
        buf_add_str(out, "grants:\n");
    for (size_t i = 0; i < set->n; i++) {
        const struct policy_grant *g = set->all[i];
        struct policy_grant_conf c = {.account = g->account,
                                      .kind = g->kind == GRANT_FALLBACK,
                                      .owner = g->owner,
                                      .reason = g->reason,
                                      .from = g->from,
                                      .until = g->until,
                                      .network = g->networks};

        buf_add_str(out, "  -\n");
        conf_print_map(&policy_tables[POLICY_TABLE_GRANT], &c, 2, out);
    }
}

void policy_print(const struct policy *p, struct buf *out)
{
    if (!p)
        return;
    if (p->ndomains)
        buf_add_str(out, "domains:\n");
    for (size_t i = 0; i < p->ndomains; i++) {
        buf_printf(out, "  %s:\n", p->domains[i].name);
        conf_print_map(&policy_tables[POLICY_TABLE_DOMAIN], &p->domains[i], 2, out);
    }
    print_grants(p->grants, out);
    if (p->nrules)
        buf_add_str(out, "rules:\n");
    for (size_t i = 0; i < p->nrules; i++) {
        buf_add_str(out, "  -\n");
        conf_print_map(&policy_tables[POLICY_TABLE_RULE], &p->rules[i], 2, out);
        buf_add_str(out, "    when:\n");
        conf_print_map(&policy_tables[POLICY_TABLE_WHEN], &p->rules[i].when, 3, out);
    }
    buf_add_str(out, "default: ");
    print_target(&p->fallback, out);
}

void policy_print_docs(struct buf *out)
{
    for (size_t i = 0; i < POLICY_TABLE_COUNT; i++)
        conf_print_docs(&policy_tables[i], out);
}
