/* read.c - from configuration nodes to the policy as it is asked. Everything wrong is recorded and reading goes on. */
#include <stdlib.h>

#include "policy/compiled.h"

#define ARENA_MAX ((size_t)1 << 30)

struct reader {
    struct policy *p;
    struct conf_problems *problems;
    const struct conf_node *root;
};

static int out_of_memory(const struct reader *r)
{
    conf_problem(r->problems, CONF_ERROR, r->root, "memory is out");
    return -1;
}

/* Copies what the configuration owns. NULL only if memory is out. */
static const char *keep(const struct reader *r, const char *text)
{
    return arena_strdup(&r->p->arena, text);
}

/* Adds `text` unless it is there. */
static int add_once(const struct reader *r, struct policy_table *t, const char *text, void *value)
{
    struct err e = ERR_INIT;

    if (policy_table_get(t, slice_of(text), NULL))
        return 0;
    return policy_table_put(t, text, value, &e) == 0 ? 0 : out_of_memory(r);
}

/* --- identity providers ------------------------------------------------------------------------------------------ */

static int read_idps(const struct reader *r, const struct policy_idp *idps, size_t n)
{
    struct policy *p = r->p;

    p->idps = arena_array(&p->arena, n, sizeof *p->idps);
    p->idp_names = arena_array(&p->arena, n + 1, sizeof *p->idp_names);
    if (!p->idps || !p->idp_names)
        return out_of_memory(r);
    for (size_t i = 0; i < n; i++) {
        struct policy_speaker *s = &p->idps[p->nidps++];

        s->name = keep(r, idps[i].name);
        p->idp_names[i] = s->name;
        if (!s->name)
            return out_of_memory(r);
        for (size_t j = 0; j < idps[i].ndomains; j++) {
            const char *domain = keep(r, idps[i].domains[j]);

            if (!domain)
                return out_of_memory(r);
            if (add_once(r, &s->domains, domain, s) != 0)
                return -1;
        }
    }
    return 0;
}

/* The name as the policy keeps it; NULL with the problem recorded if there is no such IdP. */
static const char *find_idp(const struct reader *r, struct slice name, const struct conf_node *where)
{
    const char *near;

    for (size_t i = 0; i < r->p->nidps; i++) {
        if (slice_is(name, r->p->idps[i].name))
            return r->p->idps[i].name;
    }
    near = str_suggest(name, r->p->idp_names);
    if (near)
        conf_problem(r->problems, CONF_ERROR, where, "there is no identity provider '%.*s'; did you mean '%s'?",
                     SLICE_ARG(name), near);
    else
        conf_problem(r->problems, CONF_ERROR, where, "there is no identity provider '%.*s' in idps", SLICE_ARG(name));
    return NULL;
}

/* --- doors ------------------------------------------------------------------------------------------------------- */

/* "deny", "password", "sso", "sso IDP". Anything else is recorded and leaves DOOR_DENY. */
static void read_target(const struct reader *r, const char *text, const struct conf_node *where,
                        struct policy_target *ret)
{
    struct slice s = slice_of(text);

    *ret = (struct policy_target){.door = DOOR_DENY};
    if (slice_is(s, "deny"))
        return;
    if (slice_is(s, "password")) {
        ret->door = DOOR_PASSWORD;
    } else if (slice_is(s, "sso")) {
        ret->door = DOOR_SSO;
    } else if (slice_starts(s, SLICE("sso "))) {
        ret->idp = find_idp(r, slice_trim(slice_make(text + 4, s.n - 4)), where);
        ret->door = ret->idp ? DOOR_SSO : DOOR_DENY;
    } else {
        conf_problem(r->problems, CONF_ERROR, where, "'%s' is no door: deny, password, sso, or sso IDP", text);
    }
}

static void read_default(const struct reader *r)
{
    const struct conf_node *n = conf_get(r->root, "default");
    struct policy *p = r->p;

    p->fallback_where = "";
    if (!n)
        return;
    p->fallback_where = keep(r, conf_where(n));
    if (!p->fallback_where) {
        (void)out_of_memory(r);
    } else if (conf_kind(n) != CONF_SCALAR) {
        conf_problem(r->problems, CONF_ERROR, n, "default is deny, password, or sso IDP");
    } else {
        read_target(r, conf_text(n), n, &p->fallback);
        if (p->fallback.door == DOOR_SSO && !p->fallback.idp)
            conf_problem(r->problems, CONF_ERROR, n, "name the identity provider: default: sso IDP");
    }
}

/* --- domains ----------------------------------------------------------------------------------------------------- */

static void check_domain(const struct reader *r, struct policy_domain *d, const struct conf_node *n)
{
    const struct conf_node *idp = conf_get(n, "idp");
    struct err e = ERR_INIT;

    if (d->exceptions == EXCEPTIONS_HIDDEN) {
        (void)err_set(&e, ERR_NOT_SUPPORTED, "exceptions: hidden is not built yet in this version");
        conf_problem_err(r->problems, conf_get(n, "exceptions"), &e);
    }
    if (d->sso == SSO_OFF && d->new_users == NEW_USERS_JIT)
        conf_problem(r->problems, CONF_WARNING, conf_get(n, "new_users"),
                     "new_users: jit has no effect while sso is off");
    if (!d->idp) {
        if (d->sso != SSO_OFF)
            conf_problem(r->problems, CONF_ERROR, n, "domain %s has sso: %s and needs idp: NAME", d->name,
                         d->sso == SSO_REQUIRED ? "required" : "optional");
        return;
    }
    d->idp = find_idp(r, slice_of(d->idp), idp);
    if (d->idp && !policy_idp_speaks(r->p, d->idp, d->name, NULL))
        conf_problem(r->problems, CONF_ERROR, idp,
                     "identity provider '%s' may not speak for %s; add it to idps.%s.domains if its people are there",
                     d->idp, d->name, d->idp);
}

static int read_domain(const struct reader *r, const struct conf_node *key, const struct conf_node *n)
{
    struct policy *p = r->p;
    struct policy_domain *d = &p->domains[p->ndomains];
    const struct policy_domain *before;
    size_t errors = conf_errors(r->problems);
    char name[DOMAIN_MAX + 1];
    struct err e = ERR_INIT;

    *d = (struct policy_domain){0};
    if (domain_parse(slice_of(conf_text(key)), false, name, &e) != 0) {
        conf_problem_err(r->problems, key, &e);
        return 0;
    }
    before = policy_domain_find(p, name, NULL);
    if (before) {
        conf_problem(r->problems, CONF_ERROR, key, "domain %s is there already (%s)", name, before->where);
        return 0;
    }
    d->name = keep(r, name);
    d->where = keep(r, conf_where(key));
    if (!d->name || !d->where)
        return out_of_memory(r);
    if (conf_read_map(n, &policy_tables[POLICY_TABLE_DOMAIN], d, &p->arena, r->problems))
        check_domain(r, d, n);
    d->unsound = conf_errors(r->problems) > errors;
    p->ndomains++;
    return add_once(r, &p->domain_index, d->name, d);
}

static int read_domains(const struct reader *r)
{
    const struct conf_node *n = conf_get(r->root, "domains");

    if (!n)
        return 0;
    if (conf_kind(n) != CONF_MAP) {
        conf_problem(r->problems, CONF_ERROR, n, "domains is a map: contoso.com: { sso: required, idp: NAME }");
        return 0;
    }
    r->p->domains = arena_array(&r->p->arena, conf_count(n), sizeof *r->p->domains);
    if (!r->p->domains)
        return out_of_memory(r);
    for (size_t i = 0; i < conf_count(n); i++) {
        if (read_domain(r, conf_key(n, i), conf_item(n, i)) != 0)
            return -1;
    }
    return 0;
}

/* --- grants ------------------------------------------------------------------------------------------------------ */

/* A list that was given but is empty would read as "no condition", the opposite of what it says. */
static bool refuse_empty(const struct reader *r, const struct conf_node *map, const char *key, size_t n)
{
    const struct conf_node *given = conf_get(map, key);

    if (!given || n > 0)
        return false;
    conf_problem(r->problems, CONF_ERROR, given, "%s is empty; leave it out if it does not matter", key);
    return true;
}

static int read_grant(const struct reader *r, const struct conf_node *n)
{
    struct policy_grant_conf c = {0};
    struct policy_grant g = {.node = n, .where = conf_where(n)};
    char account[EMAIL_MAX + 1];
    struct err e = ERR_INIT;
    bool pattern = false;

    if (!conf_read_map(n, &policy_tables[POLICY_TABLE_GRANT], &c, &r->p->arena, r->problems) ||
        refuse_empty(r, n, "network", c.network.n))
        return 0;
    g.kind = c.kind == 1 ? GRANT_FALLBACK : GRANT_OUTSIDE;
    g.owner = c.owner;
    g.reason = c.reason;
    g.from = c.from;
    g.until = c.until;
    g.networks = c.network;
    if (policy_account_parse(slice_of(c.account), account, &pattern, &e) != 0) {
        conf_problem_err(r->problems, conf_get(n, "account"), &e);
        return 0;
    }
    g.account = account;
    if (pattern)
        g.pattern = policy_pattern_of(account);
    if (policy_grant_sound(&g, &e) != 0) {
        conf_problem_err(r->problems, n, &e);
        return 0;
    }
    return policy_grants_insert(r->p->grants, &g, &e) == 0 ? 0 : out_of_memory(r);
}

static int read_grants(const struct reader *r)
{
    const struct conf_node *n = conf_get(r->root, "grants");

    if (!n)
        return 0;
    if (conf_kind(n) != CONF_SEQ) {
        conf_problem(r->problems, CONF_ERROR, n,
                     "grants is a list: - { account: ..., kind: ..., owner: ..., reason: ... }");
        return 0;
    }
    for (size_t i = 0; i < conf_count(n); i++) {
        if (read_grant(r, conf_item(n, i)) != 0)
            return -1;
    }
    return 0;
}

/* --- rules ------------------------------------------------------------------------------------------------------- */

/* The node of entry `i`: a single scalar stands for a list of one. */
static const struct conf_node *entry(const struct conf_node *list, size_t i)
{
    return conf_kind(list) == CONF_SEQ ? conf_item(list, i) : list;
}

/* Leaves the accounts in the form that is compared in when.email. */
static int read_emails(const struct reader *r, struct policy_rule *rule)
{
    const struct conf_node *list = conf_get(rule->when_node, "email");
    struct conf_strings given = rule->when.email;
    const char **keys = arena_array(&r->p->arena, given.n, sizeof *keys);
    struct err e = ERR_INIT;

    rule->patterns = arena_array(&r->p->arena, given.n, sizeof *rule->patterns);
    if (!rule->patterns || !keys)
        return out_of_memory(r);
    rule->when.email = (struct conf_strings){.v = keys};
    for (size_t i = 0; i < given.n; i++) {
        char key[EMAIL_MAX + 1];
        const char *kept;
        bool pattern;

        if (policy_account_parse(slice_of(given.v[i]), key, &pattern, &e) != 0) {
            conf_problem_err(r->problems, entry(list, i), &e);
            continue;
        }
        kept = keys[rule->when.email.n++] = keep(r, key);
        if (!kept)
            return out_of_memory(r);
        if (pattern)
            rule->patterns[rule->npatterns++] = policy_pattern_of(kept);
        else if (add_once(r, &rule->emails, kept, rule) != 0)
            return -1;
    }
    return 0;
}

static int read_when(const struct reader *r, struct policy_rule *rule)
{
    const struct conf_node *n = rule->when_node;
    struct policy_when *w = &rule->when;
    bool empty;

    if (!conf_read_map(n, &policy_tables[POLICY_TABLE_WHEN], w, &r->p->arena, r->problems))
        return 0;
    if (conf_count(n) == 0) {
        conf_problem(r->problems, CONF_ERROR, n, "a rule without conditions is the default; use `default`");
        return 0;
    }
    empty = refuse_empty(r, n, "email", w->email.n);
    empty |= refuse_empty(r, n, "domain", w->domain.n);
    empty |= refuse_empty(r, n, "group", w->group.n);
    empty |= refuse_empty(r, n, "network", w->network.n);
    if (empty)
        return 0;
    for (size_t i = 0; i < w->domain.n; i++) {
        if (add_once(r, &rule->domains, w->domain.v[i], rule) != 0)
            return -1;
    }
    for (size_t i = 0; i < w->group.n; i++) {
        if (w->group.v[i][0] == '\0')
            conf_problem(r->problems, CONF_ERROR, entry(conf_get(n, "group"), i), "a group has a name");
        else if (add_once(r, &rule->groups, w->group.v[i], rule) != 0)
            return -1;
    }
    return read_emails(r, rule);
}

static void check_name(const struct reader *r, const struct policy_rule *rule)
{
    for (const struct policy_rule *other = r->p->rules; other < rule; other++) {
        if (other->name && strcmp(other->name, rule->name) == 0)
            conf_problem(r->problems, CONF_ERROR, conf_get(rule->node, "name"), "rule '%s' is there already (%s)",
                         rule->name, other->where);
    }
}

static int read_rule(const struct reader *r, const struct conf_node *n)
{
    size_t errors = conf_errors(r->problems);
    struct policy_rule *rule = &r->p->rules[r->p->nrules];
    int rc = 0;

    *rule = (struct policy_rule){.node = n, .where = keep(r, conf_where(n))};
    if (!rule->where)
        return out_of_memory(r);
    r->p->nrules++; /* so that it is freed, whatever comes */
    if (conf_read_map(n, &policy_tables[POLICY_TABLE_RULE], rule, &r->p->arena, r->problems)) {
        check_name(r, rule);
        if (rule->door_text)
            read_target(r, rule->door_text, conf_get(n, "door"), &rule->target);
        else
            conf_problem(r->problems, CONF_ERROR, n, "rule '%s' has no door: deny, password, sso, or sso IDP",
                         rule->name);
        rc = read_when(r, rule);
    }
    rule->unsound = conf_errors(r->problems) > errors;
    return rc;
}

static int read_rules(const struct reader *r)
{
    const struct conf_node *n = conf_get(r->root, "rules");

    if (!n)
        return 0;
    if (conf_kind(n) != CONF_SEQ) {
        conf_problem(r->problems, CONF_ERROR, n, "rules is a list: - { name: ..., when: { ... }, door: ... }");
        return 0;
    }
    if (conf_count(n) > POLICY_RULES_MAX) {
        conf_problem(r->problems, CONF_ERROR, n, "%zu rules; at most %d, as they are asked one after the other",
                     conf_count(n), POLICY_RULES_MAX);
        return 0;
    }
    r->p->rules = arena_array(&r->p->arena, conf_count(n), sizeof *r->p->rules);
    if (!r->p->rules)
        return out_of_memory(r);
    for (size_t i = 0; i < conf_count(n); i++) {
        if (read_rule(r, conf_item(n, i)) != 0)
            return -1;
    }
    return 0;
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

/* The nodes are the document's; nothing may reach for them once it is gone. */
static void forget_nodes(struct policy *p)
{
    for (size_t i = 0; i < p->nrules; i++)
        p->rules[i].node = p->rules[i].when_node = NULL;
}

struct policy *policy_read(const struct conf_node *root, const struct policy_idp *idps, size_t nidps,
                           struct conf_problems *problems)
{
    size_t errors = conf_errors(problems);
    struct policy *p = calloc(1, sizeof *p);
    struct reader r = {.p = p, .problems = problems, .root = root};

    if (!p) {
        (void)out_of_memory(&r);
        return NULL;
    }
    arena_init(&p->arena, ARENA_MAX);
    p->grants = policy_grants_new();
    if (!p->grants)
        (void)out_of_memory(&r);
    else if (read_idps(&r, idps, nidps) == 0 && read_domains(&r) == 0 && read_grants(&r) == 0 && read_rules(&r) == 0) {
        read_default(&r);
        policy_check(p, problems);
        if (conf_errors(problems) == errors) {
            forget_nodes(p);
            return p;
        }
    }
    policy_free(p);
    return NULL;
}

void policy_free(struct policy *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->nidps; i++)
        policy_table_clear(&p->idps[i].domains);
    for (size_t i = 0; i < p->nrules; i++) {
        policy_table_clear(&p->rules[i].emails);
        policy_table_clear(&p->rules[i].domains);
        policy_table_clear(&p->rules[i].groups);
    }
    policy_table_clear(&p->domain_index);
    policy_grants_free(p->grants);
    arena_free(&p->arena);
    free(p);
}

const struct policy_domain *policy_domain_find(const struct policy *p, const char *name, struct policy_work *work)
{
    return policy_table_get(&p->domain_index, slice_of(name), work);
}

bool policy_idp_speaks(const struct policy *p, const char *idp, const char *domain, struct policy_work *work)
{
    for (size_t i = 0; idp && i < p->nidps; i++) {
        if (strcmp(p->idps[i].name, idp) == 0)
            return policy_table_get(&p->idps[i].domains, slice_of(domain), work) != NULL;
    }
    return false;
}
