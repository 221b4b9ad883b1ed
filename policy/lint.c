/* lint.c - what only the whole shows: contradictions between sections (errors), and what cannot work (warnings). */
#include "policy/compiled.h"

static const char *domain_of(const char *account)
{
    return strchr(account, '@') + 1;
}

static bool has_star(const char *account)
{
    return strchr(account, '*') != NULL;
}

/* --- one rule ---------------------------------------------------------------------------------------------------- */

/* The first account of when.email in this domain; NULL if there is none. */
static const char *account_in(const struct policy_rule *rule, const char *domain)
{
    for (size_t i = 0; i < rule->when.email.n; i++) {
        if (strcmp(domain_of(rule->when.email.v[i]), domain) == 0)
            return rule->when.email.v[i];
    }
    return NULL;
}

/* Somebody of this domain could meet the conditions. */
static bool may_match_domain(const struct policy_rule *rule, const char *domain)
{
    if (rule->when.domain.n > 0 && !policy_table_get(&rule->domains, slice_of(domain), NULL))
        return false;
    return rule->when.email.n == 0 || account_in(rule, domain);
}

/* In an `sso: required` domain only a grant opens the password door. */
static void check_password_door(const struct policy *p, const struct policy_rule *rule, struct conf_problems *problems)
{
    for (size_t i = 0; i < p->ndomains; i++) {
        const struct policy_domain *d = &p->domains[i];
        const char *account;

        if (d->sso != SSO_REQUIRED || !may_match_domain(rule, d->name))
            continue;
        account = account_in(rule, d->name);
        conf_problem(problems, CONF_ERROR, conf_get(rule->node, "door"),
                     "rule '%s' opens the password door in %s, where sso is required and only a grant may; write under "
                     "grants: - { account: '%s%s', kind: outside, owner: WHO, reason: WHY } (kind: fallback if they "
                     "have SSO as well), or limit the rule to other domains",
                     rule->name, d->name, account ? account : "*@", account ? "" : d->name);
        if (rule->when.email.n == 0 && rule->when.domain.n == 0)
            return; /* the same for every such domain */
    }
}

static void check_sso_domain(const struct policy *p, const struct policy_rule *rule, const char *domain,
                             const struct conf_node *where, struct conf_problems *problems)
{
    const struct policy_domain *d = policy_domain_find(p, domain, NULL);
    const char *idp = rule->target.idp ? rule->target.idp : d ? d->idp : p->fallback.idp;

    if (d && d->unsound)
        return;
    if (!idp)
        conf_problem(problems, CONF_ERROR, where, "%s has no identity provider; write door: sso IDP", domain);
    else if (!policy_idp_speaks(p, idp, domain, NULL))
        conf_problem(problems, CONF_ERROR, where,
                     "identity provider '%s' may not speak for %s (idps.%s.domains), so rule '%s' would let nobody in",
                     idp, domain, idp, rule->name);
}

static void check_sso_door(const struct policy *p, const struct policy_rule *rule, struct conf_problems *problems)
{
    const struct conf_node *email = conf_get(rule->when_node, "email"), *domain = conf_get(rule->when_node, "domain");

    for (size_t i = 0; i < rule->when.domain.n; i++)
        check_sso_domain(p, rule, rule->when.domain.v[i], domain, problems);
    for (size_t i = 0; i < rule->when.email.n; i++)
        check_sso_domain(p, rule, domain_of(rule->when.email.v[i]), email, problems);
}

/* A password proves no group: say where that leaves a hole, or makes the rule pointless. */
static void check_group(const struct policy *p, const struct policy_rule *rule, struct conf_problems *problems)
{
    const struct conf_node *where = conf_get(rule->when_node, "group");

    if (rule->target.door == DOOR_PASSWORD) {
        conf_problem(problems, CONF_WARNING, where,
                     "rule '%s' tests a group, which a password cannot prove: it opens no password door, it only shuts "
                     "SSO for that group",
                     rule->name);
        return;
    }
    for (size_t i = 0; i < p->ndomains; i++) {
        const struct policy_domain *d = &p->domains[i];

        if (d->sso != SSO_OPTIONAL || !may_match_domain(rule, d->name))
            continue;
        conf_problem(problems, CONF_WARNING, where,
                     "rule '%s' tests a group, which a password cannot prove: in %s (sso: optional) it does not reach "
                     "who signs in by password",
                     rule->name, d->name);
        return;
    }
}

static bool can_match(const struct policy_rule *rule)
{
    for (size_t i = 0; i < rule->when.email.n; i++) {
        if (policy_table_get(&rule->domains, slice_of(domain_of(rule->when.email.v[i])), NULL))
            return true;
    }
    return rule->when.email.n == 0 || rule->when.domain.n == 0;
}

/* --- an earlier rule in front of a later one --------------------------------------------------------------------- */

static bool covers_account(const struct policy_rule *wide, const char *account)
{
    if (!has_star(account) && policy_table_get(&wide->emails, slice_of(account), NULL))
        return true;
    for (size_t i = 0; i < wide->npatterns; i++) {
        struct policy_pattern narrow;

        if (!has_star(account)) {
            if (policy_pattern_matches_key(&wide->patterns[i], account))
                return true;
            continue;
        }
        narrow = policy_pattern_of(account);
        if (policy_pattern_covers(&wide->patterns[i], &narrow))
            return true;
    }
    return false;
}

static bool covers_email(const struct policy_rule *wide, const struct policy_rule *narrow)
{
    if (wide->when.email.n == 0)
        return true;
    for (size_t i = 0; i < narrow->when.email.n; i++) {
        if (!covers_account(wide, narrow->when.email.v[i]))
            return false;
    }
    return narrow->when.email.n > 0;
}

static bool covers_domain(const struct policy_rule *wide, const struct policy_rule *narrow)
{
    bool by_domain = narrow->when.domain.n > 0, by_email = narrow->when.email.n > 0;

    if (wide->when.domain.n == 0)
        return true;
    for (size_t i = 0; by_domain && i < narrow->when.domain.n; i++)
        by_domain = policy_table_get(&wide->domains, slice_of(narrow->when.domain.v[i]), NULL);
    for (size_t i = 0; by_email && i < narrow->when.email.n; i++)
        by_email = policy_table_get(&wide->domains, slice_of(domain_of(narrow->when.email.v[i])), NULL);
    return by_domain || by_email;
}

static bool covers_group(const struct policy_rule *wide, const struct policy_rule *narrow)
{
    if (wide->when.group.n == 0)
        return true;
    for (size_t i = 0; i < narrow->when.group.n; i++) {
        if (!policy_table_get(&wide->groups, slice_of(narrow->when.group.v[i]), NULL))
            return false;
    }
    return narrow->when.group.n > 0;
}

static bool covers_network(const struct policy_rule *wide, const struct policy_rule *narrow)
{
    const struct conf_netblocks *w = &wide->when.network, *n = &narrow->when.network;

    if (w->n == 0)
        return true;
    for (size_t i = 0; i < n->n; i++) {
        bool covered = false;

        for (size_t j = 0; j < w->n && !covered; j++)
            covered = w->v[j].bits <= n->v[i].bits && netblock_contains(&w->v[j], &n->v[i].base);
        if (!covered)
            return false;
    }
    return n->n > 0;
}

static void check_reached(const struct policy *p, size_t n, struct conf_problems *problems)
{
    const struct policy_rule *rule = &p->rules[n];

    for (size_t i = 0; i < n; i++) {
        const struct policy_rule *before = &p->rules[i];

        if (before->unsound || !covers_email(before, rule) || !covers_domain(before, rule) ||
            !covers_group(before, rule) || !covers_network(before, rule))
            continue;
        conf_problem(problems, CONF_WARNING, rule->node, "rule '%s' is never reached: rule '%s' (%s) matches before it",
                     rule->name, before->name, before->where);
        return;
    }
}

static void check_rule(const struct policy *p, size_t n, struct conf_problems *problems)
{
    const struct policy_rule *rule = &p->rules[n];

    if (!can_match(rule)) {
        conf_problem(problems, CONF_WARNING, rule->node, "rule '%s' never matches: no address is in one of its domains",
                     rule->name);
        return;
    }
    if (rule->target.door == DOOR_PASSWORD)
        check_password_door(p, rule, problems);
    if (rule->target.door == DOOR_SSO)
        check_sso_door(p, rule, problems);
    if (rule->when.group.n > 0)
        check_group(p, rule, problems);
    check_reached(p, n, problems);
}

/* --- grants ------------------------------------------------------------------------------------------------------ */

/* Reports the first other grant that speaks for the same account at the same time. True if there is one. */
static bool check_same(const struct policy_grant *g, const struct policy_grant *list, struct conf_problems *problems)
{
    for (; list; list = list->next) {
        if (list->index >= g->index || strcmp(list->account, g->account) != 0 || !policy_grant_times_meet(list, g))
            continue;
        conf_problem(problems, CONF_ERROR, g->node, "there is a grant for %s already (%s)", g->account, list->where);
        return true;
    }
    return false;
}

static void check_overlap(const struct policy_grant *g, const struct policy_grant *list, struct conf_problems *problems)
{
    for (; list; list = list->next) {
        bool meet = g->pattern.text ? list->index < g->index && policy_pattern_overlaps(&list->pattern, &g->pattern)
                                    : policy_pattern_matches_key(&list->pattern, g->account);

        if (!meet || !policy_grant_times_meet(list, g))
            continue;
        conf_problem(problems, CONF_WARNING, g->node,
                     "the grant for %s and the one for %s (%s) speak for the same accounts; if one says outside, that "
                     "counts",
                     g->account, list->account, list->where);
        return;
    }
}

static void check_grant(const struct policy *p, const struct policy_grant *g, struct conf_problems *problems)
{
    const char *name = domain_of(g->account);
    const struct policy_domain *d = policy_domain_find(p, name, NULL);
    const struct policy_grant *patterns = policy_grants_patterns(p->grants, name, NULL);
    const struct policy_grant *same = g->pattern.text ? patterns : policy_grants_exact(p->grants, g->account, NULL);

    if (!d)
        conf_problem(problems, CONF_WARNING, g->node, "%s has no entry in domains; is the grant for %s spelled right?",
                     name, g->account);
    else if (g->kind == GRANT_FALLBACK && d->sso != SSO_REQUIRED && !d->unsound)
        conf_problem(problems, CONF_WARNING, g->node,
                     "the grant for %s has no effect: everybody in %s may use a password (sso: %s)", g->account, name,
                     d->sso == SSO_OFF ? "off" : "optional");
    if (!check_same(g, same, problems))
        check_overlap(g, patterns, problems);
}

void policy_check(const struct policy *p, struct conf_problems *problems)
{
    for (size_t i = 0; i < p->nrules; i++) {
        if (!p->rules[i].unsound)
            check_rule(p, i, problems);
    }
    for (size_t i = 0; i < p->grants->n; i++)
        check_grant(p, p->grants->all[i], problems);
}

void policy_lint(const struct policy *p, int64_t now, struct conf_problems *problems)
{
    for (size_t i = 0; i < p->grants->n; i++) {
        const struct policy_grant *g = p->grants->all[i];

        if (g->until != 0 && g->until <= now)
            conf_problem(problems, CONF_WARNING, g->node, "the grant for %s is over; it counts as no grant",
                         g->account);
    }
}
