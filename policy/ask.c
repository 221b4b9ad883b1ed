/* ask.c - see ask.h. */
#include "policy/ask.h"

#include "base/clock.h"

bool policy_same_idp(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* --- conditions of rules ----------------------------------------------------------------------------------------- */

static enum policy_answer ask_email(const struct ask *q, const struct policy_rule *rule)
{
    if (policy_table_get(&rule->emails, slice_of(q->r->email->key), q->r->work))
        return ANSWER_YES;
    for (size_t i = 0; i < rule->npatterns; i++) {
        if (q->r->work)
            q->r->work->patterns++;
        if (policy_pattern_matches(&rule->patterns[i], q->r->email))
            return ANSWER_YES;
    }
    return ANSWER_NO;
}

static enum policy_answer ask_domain(const struct ask *q, const struct policy_rule *rule)
{
    return policy_table_get(&rule->domains, slice_of(q->r->email->domain), q->r->work) ? ANSWER_YES : ANSWER_NO;
}

static enum policy_answer ask_group(const struct ask *q, const struct policy_rule *rule, const char **why)
{
    struct slice rest = q->r->groups, g;

    if (q->routing) {
        *why = "asked after sign-in";
        return ANSWER_NO;
    }
    while (slice_split(&rest, '\n', &g)) {
        if (policy_table_get(&rule->groups, g, q->r->work))
            return ANSWER_YES;
    }
    if (q->r->groups_known)
        return ANSWER_NO;
    if (q->r->door_used == DOOR_PASSWORD) {
        *why = "a password proves no group";
        return ANSWER_NO;
    }
    *why = "the directory did not send all groups";
    return ANSWER_UNKNOWN;
}

static enum policy_answer ask_network(const struct ask *q, const struct conf_netblocks *networks, const char **why)
{
    if (q->r->client.family == 0) {
        *why = "the client's address is not known";
        return ANSWER_UNKNOWN;
    }
    return policy_networks_contain(networks, &q->r->client) ? ANSWER_YES : ANSWER_NO;
}

/* Takes one condition into the answer so far. False: no use in asking the others. */
static bool take(const struct ask *q, struct policy_step *step, const char *name, const char *wanted,
                 enum policy_answer answer, const char *why, enum policy_answer *all)
{
    policy_trace_condition(q->t, step,
                           (struct policy_condition){.name = name, .wanted = wanted, .why = why, .answer = answer});
    if (answer == ANSWER_NO || (answer == ANSWER_UNKNOWN && *all == ANSWER_YES))
        *all = answer;
    return step || *all != ANSWER_NO;
}

/* All conditions must hold. Stops at the first that does not, unless a trace wants the others. */
static enum policy_answer ask_when(const struct ask *q, const struct policy_rule *rule, struct policy_step *step)
{
    const struct policy_when *w = &rule->when;
    enum policy_answer all = ANSWER_YES, answer;
    const char *why = "";

    if (w->email.n > 0 && !take(q, step, "email", policy_trace_strings(q->t, &w->email), ask_email(q, rule), why, &all))
        return ANSWER_NO;
    if (w->domain.n > 0 &&
        !take(q, step, "domain", policy_trace_strings(q->t, &w->domain), ask_domain(q, rule), why, &all))
        return ANSWER_NO;
    if (w->network.n > 0) {
        answer = ask_network(q, &w->network, &why);
        if (!take(q, step, "network", policy_trace_networks(q->t, &w->network), answer, why, &all))
            return ANSWER_NO;
    }
    if (w->group.n > 0) {
        why = "";
        answer = ask_group(q, rule, &why);
        (void)take(q, step, "group", policy_trace_strings(q->t, &w->group), answer, why, &all);
    }
    return all;
}

/* --- rules ------------------------------------------------------------------------------------------------------- */

unsigned policy_rule_opens(const struct policy_rule *rule)
{
    switch (rule->target.door) {
    case DOOR_SSO: return OPEN_SSO;
    case DOOR_PASSWORD: return OPEN_PASSWORD;
    case DOOR_DENY:
    case DOOR_CHOOSE: break;
    }
    return OPEN_NONE;
}

const char *policy_rule_idp(const struct policy_rule *rule, const struct facts *f)
{
    return rule->target.idp ? rule->target.idp : f->own_idp;
}

static void narrow(struct walk *w, const struct policy_rule *rule, const struct facts *f)
{
    unsigned opens = policy_rule_opens(rule);

    if (!w->maybe || (opens == OPEN_NONE && policy_rule_opens(w->maybe) != OPEN_NONE))
        w->maybe = rule;
    w->mask &= opens;
    if (opens == OPEN_SSO) {
        const char *idp = policy_rule_idp(rule, f);

        if (!idp || (w->mask_idp && !policy_same_idp(w->mask_idp, idp)))
            w->mask &= ~(unsigned)OPEN_SSO;
        w->mask_idp = idp;
    }
}

struct walk policy_ask_rules(const struct ask *q, const struct facts *f, size_t from)
{
    struct walk w = {.mask = OPEN_BOTH};

    for (size_t i = from; i < q->p->nrules && !w.match; i++) {
        const struct policy_rule *rule = &q->p->rules[i];
        struct policy_step *step = policy_trace_step(q->t, STEP_RULE, rule->name, rule->where);
        enum policy_answer answer = ask_when(q, rule, step);

        if (q->r->work)
            q->r->work->rules++;
        if (step) {
            step->answer = answer;
            policy_trace_says(q->t, step, "%s%s%s%s", policy_door_name(rule->target.door), rule->target.idp ? " " : "",
                              rule->target.idp ? rule->target.idp : "", rule->target.door == DOOR_DENY ? "" : " only");
        }
        if (answer == ANSWER_UNKNOWN)
            narrow(&w, rule, f);
        if (answer == ANSWER_YES)
            w.match = rule;
    }
    return w;
}

/* --- grants ------------------------------------------------------------------------------------------------------ */

/* "usher.yaml:22:5", or "grant 7 of the store" in `room`. */
const char *policy_grant_where(const struct policy_grant *g, char room[GRANT_WHERE_SIZE])
{
    if (g->where)
        return g->where;
    (void)snprintf(room, GRANT_WHERE_SIZE, "grant %lld of the store", (long long)g->id);
    return room;
}

static void trace_grant(const struct ask *q, const struct policy_grant *g, bool in_time, enum policy_answer network,
                        const char *why)
{
    char room[GRANT_WHERE_SIZE];
    struct policy_step *step = policy_trace_step(q->t, STEP_GRANT, g->account, policy_grant_where(g, room));

    if (!step)
        return;
    step->answer = in_time ? ANSWER_YES : ANSWER_NO;
    if (g->unsound)
        policy_trace_says(q->t, step, "no door (the row is damaged)");
    else
        policy_trace_says(q->t, step, "%s (%s; %s: %s)",
                          g->kind == GRANT_FALLBACK ? "a password as well" : "password only",
                          g->kind == GRANT_FALLBACK ? "fallback" : "outside", g->owner, g->reason);
    if (g->from != 0 || g->until != 0) {
        char from[TIME_TEXT_SIZE] = "always", until[TIME_TEXT_SIZE] = "without end";

        if (g->from != 0)
            time_format(g->from, from);
        if (g->until != 0)
            time_format(g->until, until);
        policy_trace_condition(
            q->t, step,
            (struct policy_condition){.name = "time",
                                      .wanted = arena_printf(q->t->a, "from %s until %s", from, until),
                                      .why = "",
                                      .answer = in_time ? ANSWER_YES : ANSWER_NO});
    }
    if (g->networks.n > 0)
        policy_trace_condition(
            q->t, step,
            (struct policy_condition){
                .name = "network", .wanted = policy_trace_networks(q->t, &g->networks), .why = why, .answer = network});
}

static void ask_grant(const struct ask *q, const struct policy_grant *g, struct exceptions *ret)
{
    bool in_time = policy_grant_in_time(g, q->r->now);
    const char *why = "";
    enum policy_answer network = g->networks.n > 0 ? ask_network(q, &g->networks, &why) : ANSWER_YES;

    trace_grant(q, g, in_time, network, why);
    if (!in_time)
        return;
    if (g->kind == GRANT_OUTSIDE && !ret->outside)
        ret->outside = g;
    if (network == ANSWER_YES && !g->unsound && !ret->opener)
        ret->opener = g;
}

static void ask_grants_of(const struct ask *q, const struct policy_grants *set, struct exceptions *ret)
{
    const struct policy_grant *g;

    if (!set)
        return;
    for (g = policy_grants_exact(set, q->r->email->key, q->r->work); g; g = g->next)
        ask_grant(q, g, ret);
    for (g = policy_grants_patterns(set, q->r->email->domain, q->r->work); g; g = g->next) {
        if (q->r->work)
            q->r->work->patterns++;
        if (policy_pattern_matches(&g->pattern, q->r->email))
            ask_grant(q, g, ret);
    }
}

struct exceptions policy_ask_grants(const struct ask *q)
{
    struct exceptions ex = {0};

    ask_grants_of(q, q->p->grants, &ex);
    ask_grants_of(q, q->extra, &ex);
    return ex;
}

bool policy_is_outside(const struct policy *p, const struct policy_grants *extra, const struct email *who, int64_t now)
{
    const struct policy_request r = {.email = who, .now = now};
    const struct ask q = {.p = p, .extra = extra, .r = &r};

    return policy_ask_grants(&q).outside != NULL;
}

/* --- domains and default ----------------------------------------------------------------------------------------- */

static void trace_base(const struct ask *q, const struct policy_domain *d)
{
    static const char *const modes[] = {[SSO_OFF] = "off", [SSO_OPTIONAL] = "optional", [SSO_REQUIRED] = "required"};
    const struct policy_target *t = &q->p->fallback;
    struct policy_step *step;

    step = d ? policy_trace_step(q->t, STEP_DOMAIN, d->name, d->where)
             : policy_trace_step(q->t, STEP_DEFAULT, "", q->p->fallback_where);
    if (!step)
        return;
    step->answer = ANSWER_YES;
    if (d)
        policy_trace_says(q->t, step, "sso %s%s%s", modes[d->sso], d->idp ? ", " : "", d->idp ? d->idp : "");
    else
        policy_trace_says(q->t, step, "%s%s%s", policy_door_name(t->door), t->idp ? " " : "", t->idp ? t->idp : "");
}

struct standing policy_ask_base(const struct ask *q, const struct facts *f)
{
    static const unsigned modes[] = {[SSO_OFF] = OPEN_PASSWORD, [SSO_OPTIONAL] = OPEN_BOTH, [SSO_REQUIRED] = OPEN_SSO};
    struct standing s = {.open = OPEN_NONE, .idp = f->own_idp, .by = STEP_DEFAULT};

    if (f->domain) {
        s.by = STEP_DOMAIN;
        s.open = modes[f->domain->sso];
    } else if (q->p->fallback.door == DOOR_PASSWORD) {
        s.open = OPEN_PASSWORD;
    } else if (q->p->fallback.door == DOOR_SSO) {
        s.open = OPEN_SSO;
    }
    return s;
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

struct facts policy_ask(const struct ask *q)
{
    struct facts f = {.domain = policy_domain_find(q->p, q->r->email->domain, q->r->work)};

    f.own_idp = f.domain ? f.domain->idp : q->p->fallback.idp;
    f.walk = policy_ask_rules(q, &f, 0);
    f.ex = policy_ask_grants(q);
    trace_base(q, f.domain);
    return f;
}
