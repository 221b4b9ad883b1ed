/*
 * decide.c - the decision: see policy.h.
 *
 * What rules, grants, domains and default say is a set of open doors. A rule that matches replaces the set, one that
 * may match is intersected with it, and settle() takes away what never may be open, last and whatever came before.
 */
#include "policy/ask.h"

static enum policy_door door_of(unsigned open)
{
    switch (open & OPEN_BOTH) {
    case OPEN_SSO: return DOOR_SSO;
    case OPEN_PASSWORD: return DOOR_PASSWORD;
    case OPEN_BOTH: return DOOR_CHOOSE;
    default: return DOOR_DENY;
    }
}

/* --- together ---------------------------------------------------------------------------------------------------- */

static void apply_grants(struct standing *s, const struct exceptions *ex)
{
    if (ex->outside) {
        s->open = ex->opener ? OPEN_PASSWORD : OPEN_NONE;
        s->by = STEP_GRANT;
        s->grant = ex->outside;
    } else if (ex->opener && !(s->open & OPEN_PASSWORD)) {
        s->open |= OPEN_PASSWORD;
        s->by = STEP_GRANT;
        s->grant = ex->opener;
    }
}

static void apply_rules(struct standing *s, const struct facts *f)
{
    const struct walk *w = &f->walk;
    unsigned before;

    if (w->match)
        *s = (struct standing){.open = policy_rule_opens(w->match),
                               .idp = policy_rule_idp(w->match, f),
                               .by = STEP_RULE,
                               .rule = w->match};
    before = s->open;
    s->open &= w->mask;
    if (w->mask_idp && !policy_same_idp(w->mask_idp, s->idp))
        s->open &= ~(unsigned)OPEN_SSO;
    if (s->open != before) {
        s->narrowed = true;
        s->by = STEP_RULE;
        s->rule = w->maybe;
    }
}

static void trace_invariant(const struct ask *q, const char *says)
{
    policy_trace_says(q->t, policy_trace_step(q->t, STEP_INVARIANT, "", NULL), "%s", says);
}

/* What holds whatever was said. Configuration checks make most of this unreachable; this is what makes it certain. */
static void settle(const struct ask *q, const struct facts *f, struct standing *s)
{
    if ((s->open & OPEN_SSO) && !policy_idp_speaks(q->p, s->idp, q->r->email->domain, q->r->work)) {
        s->open &= ~(unsigned)OPEN_SSO;
        trace_invariant(q, "an identity provider counts only for the domains it may speak for");
    }
    if ((s->open & OPEN_SSO) && f->ex.outside) {
        s->open &= ~(unsigned)OPEN_SSO;
        trace_invariant(q, "an account that lives outside the directory never comes by SSO");
    }
    if ((s->open & OPEN_PASSWORD) && (f->ex.outside || (f->domain && f->domain->sso == SSO_REQUIRED)) &&
        !f->ex.opener) {
        s->open &= ~(unsigned)OPEN_PASSWORD;
        trace_invariant(q, "here only a grant in force opens the password door");
    }
    if (!(s->open & OPEN_SSO))
        s->idp = NULL;
}

static struct standing conclude(const struct ask *q, const struct facts *f)
{
    struct standing s = policy_ask_base(q, f);

    apply_grants(&s, &f->ex);
    apply_rules(&s, f);
    settle(q, f, &s);
    return s;
}

/* --- the answer -------------------------------------------------------------------------------------------------- */

static const char *open_text(const struct standing *s, char room[128])
{
    (void)snprintf(room, 128, "%s%s%s", policy_door_name(door_of(s->open)), s->idp ? " " : "", s->idp ? s->idp : "");
    return room;
}

/* The doors without what decided: the next rule, the account as everybody, the domain as an unknown one. */
static struct standing without(const struct ask *q, const struct facts *f, const struct standing *s)
{
    const struct policy_request quiet = {.email = q->r->email,
                                         .groups = q->r->groups,
                                         .groups_known = q->r->groups_known,
                                         .client = q->r->client,
                                         .now = q->r->now,
                                         .door_used = q->r->door_used,
                                         .idp_used = q->r->idp_used};
    const struct ask silent = {.p = q->p, .extra = q->extra, .r = &quiet, .routing = q->routing};
    struct facts other = *f;

    if (s->by == STEP_RULE) {
        other.walk = policy_ask_rules(&silent, f, (size_t)(s->rule - q->p->rules) + 1);
    } else if (s->by == STEP_GRANT) {
        other.ex = (struct exceptions){0};
    } else {
        other.domain = NULL;
        other.own_idp = q->p->fallback.idp;
    }
    return conclude(&silent, &other);
}

static void mark_decided(struct policy_tracer *t, const struct standing *s)
{
    char room[GRANT_WHERE_SIZE];
    const char *where = s->by == STEP_RULE    ? s->rule->where
                        : s->by == STEP_GRANT ? policy_grant_where(s->grant, room)
                                              : NULL;

    for (struct policy_step *step = t->first; step; step = step->next)
        step->decided = step->kind == s->by && (!where || strcmp(step->where, where) == 0);
}

static const char *because(const struct ask *q, const struct facts *f, const struct standing *s)
{
    struct arena *a = q->t->a;
    char room[GRANT_WHERE_SIZE];

    switch (s->by) {
    case STEP_RULE:
        return arena_printf(a, "rule '%s' (%s)%s", s->rule->name, s->rule->where,
                            s->narrowed ? ", which may match" : "");
    case STEP_GRANT:
        return arena_printf(a, "the grant for %s (%s)", s->grant->account, policy_grant_where(s->grant, room));
    case STEP_DOMAIN: return arena_printf(a, "domain %s (%s)", f->domain->name, f->domain->where);
    case STEP_DEFAULT:
    case STEP_INVARIANT: break;
    }
    return q->p->fallback_where[0] ? arena_printf(a, "the default (%s)", q->p->fallback_where)
                                   : arena_strdup(a, "the default, which is deny unless given");
}

static void explain(const struct ask *q, const struct facts *f, const struct standing *s, struct policy_decision *ret)
{
    struct standing other;
    char room[128];

    if (!q->t)
        return;
    mark_decided(q->t, s);
    ret->because = because(q, f, s);
    if (s->by != STEP_DEFAULT) {
        other = without(q, f, s);
        ret->otherwise = arena_strdup(q->t->a, open_text(&other, room));
    }
    ret->trace = q->t->full ? NULL : q->t->first;
}

static int refuse(const struct ask *q, const struct facts *f, const struct standing *s, struct err *e)
{
    const char *who = q->r->email->key, *used = policy_door_name(q->r->door_used);
    char room[128], by[GRANT_WHERE_SIZE];

    if (s->by == STEP_RULE && policy_rule_opens(s->rule) == OPEN_NONE)
        return err_set(e, ERR_DENIED_RULE, "rule '%s' (%s) denies %s%s", s->rule->name, s->rule->where, who,
                       s->narrowed ? ": not all that it asks is known, and it may match" : "");
    if (f->ex.outside && !q->routing && q->r->door_used == DOOR_SSO)
        return err_set(e, ERR_DENIED_OUTSIDE, "%s lives outside the directory (%s) but was asserted by '%s'", who,
                       policy_grant_where(f->ex.outside, by), q->r->idp_used ? q->r->idp_used : "");
    if (s->by == STEP_DEFAULT && s->open == OPEN_NONE)
        return err_set(e, ERR_DENIED_DEFAULT, "no rule, grant or domain speaks for %s", who);
    if (q->routing)
        return err_set(e, ERR_DENIED_DOOR, "no door is open for %s", who);
    if (q->r->door_used == DOOR_SSO && (s->open & OPEN_SSO))
        return err_mismatch(e, ERR_DENIED_DOOR, q->r->idp_used ? q->r->idp_used : "", s->idp,
                            "%s was asserted by another identity provider than its own", who);
    return err_mismatch(e, ERR_DENIED_DOOR, used, open_text(s, room), "%s came through a door that is not open", who);
}

static int misuse(const struct policy *p, const struct policy_request *r, struct err *e)
{
    if (!p || !r->email || r->email->key[0] == '\0' || r->email->domain[0] == '\0')
        return err_set(e, ERR_INTERNAL, "policy was asked about nobody");
    return 0;
}

int policy_route(const struct policy *p, const struct policy_grants *extra, const struct policy_request *r,
                 struct arena *a, struct policy_decision *ret, struct err *e)
{
    struct policy_tracer tracer = {.a = a};
    const struct ask q = {.p = p, .extra = extra, .r = r, .routing = true, .t = a ? &tracer : NULL};
    struct standing s;
    struct facts f;

    *ret = (struct policy_decision){.door = DOOR_DENY};
    if (misuse(p, r, e) != 0)
        return -1;
    f = policy_ask(&q);
    s = conclude(&q, &f);
    ret->outside = f.ex.outside != NULL;
    explain(&q, &f, &s, ret);
    if (s.open == OPEN_NONE)
        return refuse(&q, &f, &s, e);
    ret->door = door_of(s.open);
    ret->idp = s.idp;
    return 0;
}

int policy_authorize(const struct policy *p, const struct policy_grants *extra, const struct policy_request *r,
                     struct arena *a, struct policy_decision *ret, struct err *e)
{
    struct policy_tracer tracer = {.a = a};
    const struct ask q = {.p = p, .extra = extra, .r = r, .t = a ? &tracer : NULL};
    struct standing s;
    struct facts f;
    bool by_sso, by_password;

    *ret = (struct policy_decision){.door = DOOR_DENY};
    if (misuse(p, r, e) != 0)
        return -1;
    f = policy_ask(&q);
    s = conclude(&q, &f);
    ret->outside = f.ex.outside != NULL;
    explain(&q, &f, &s, ret);
    by_sso = r->door_used == DOOR_SSO && (s.open & OPEN_SSO) && policy_same_idp(s.idp, r->idp_used);
    by_password = r->door_used == DOOR_PASSWORD && (s.open & OPEN_PASSWORD);
    if (!by_sso && !by_password)
        return refuse(&q, &f, &s, e);
    ret->door = r->door_used;
    if (by_sso) {
        ret->idp = s.idp;
        ret->new_users_jit = f.domain && f.domain->new_users == NEW_USERS_JIT;
    } else if (s.by == STEP_GRANT && f.ex.opener) {
        ret->grant_id = f.ex.opener->id;
    }
    return 0;
}

/* --- names ------------------------------------------------------------------------------------------------------- */

const char *policy_door_name(enum policy_door door)
{
    switch (door) {
    case DOOR_SSO: return "sso";
    case DOOR_PASSWORD: return "password";
    case DOOR_CHOOSE: return "choose";
    case DOOR_DENY: break;
    }
    return "deny";
}

enum policy_door policy_door_by_name(const char *name)
{
    for (int d = DOOR_SSO; name && d <= DOOR_CHOOSE; d++) {
        if (strcmp(name, policy_door_name((enum policy_door)d)) == 0)
            return (enum policy_door)d;
    }
    return DOOR_DENY;
}
