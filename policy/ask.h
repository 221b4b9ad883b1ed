/*
 * ask.h - the questions behind a decision: which rules, grants and domain speak for an address. Internal to policy.
 *
 * ask.c finds out what each says and records it in the trace; decide.c makes one answer of it.
 */
#ifndef USHER_POLICY_ASK_H
#define USHER_POLICY_ASK_H

#include "policy/compiled.h"

enum { OPEN_NONE = 0, OPEN_SSO = 1, OPEN_PASSWORD = 2, OPEN_BOTH = 3 };

struct ask {
    const struct policy *p;
    const struct policy_grants *extra;
    const struct policy_request *r;
    bool routing;
    struct policy_tracer *t; /* NULL: no trace */
};

/* The grants of an account that are in force. */
struct exceptions {
    const struct policy_grant *outside; /* one of that kind */
    const struct policy_grant *opener;  /* one that opens the password door here */
};

/* What the rules say, from one of them on. */
struct walk {
    const struct policy_rule *match; /* the first that matches; NULL: none */
    const struct policy_rule *maybe; /* one that may match before that: the first that denies, else the first */
    unsigned mask;                   /* what all that may match leave open */
    const char *mask_idp;            /* with OPEN_SSO in mask: the only IdP; NULL: any */
};

struct facts {
    const struct policy_domain *domain; /* NULL: no entry */
    const char *own_idp;                /* of the address: its domain's or the default's; may be NULL */
    struct exceptions ex;
    struct walk walk;
};

/* Which doors are open, and who said so. */
struct standing {
    unsigned open;
    const char *idp; /* with OPEN_SSO */
    enum policy_step_kind by;
    const struct policy_rule *rule;   /* with STEP_RULE */
    const struct policy_grant *grant; /* with STEP_GRANT */
    bool narrowed;                    /* a rule that may match took a door away: `rule` is that one */
};

/* Rules from number `from` on. `f` needs own_idp only. */
struct walk policy_ask_rules(const struct ask *q, const struct facts *f, size_t from);
struct exceptions policy_ask_grants(const struct ask *q);
/* What the domain or the default says, nothing else considered. */
struct standing policy_ask_base(const struct ask *q, const struct facts *f);
/* All of it, once, with its trace. */
struct facts policy_ask(const struct ask *q);

/* The doors that a rule leaves, and the IdP it means; NULL if the address has none. */
unsigned policy_rule_opens(const struct policy_rule *rule);
const char *policy_rule_idp(const struct policy_rule *rule, const struct facts *f);
bool policy_same_idp(const char *a, const char *b); /* false if one is NULL */

#define GRANT_WHERE_SIZE 48
/* "usher.yaml:22:5", or "grant 7 of the store" in `room`. */
const char *policy_grant_where(const struct policy_grant *g, char room[GRANT_WHERE_SIZE]);

#endif
