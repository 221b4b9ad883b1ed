/*
 * trace.h - how a decision came about, for `usher explain` and the log. Never for the person logging in.
 */
#ifndef USHER_POLICY_TRACE_H
#define USHER_POLICY_TRACE_H

#include "policy/policy.h"

enum policy_answer {
    ANSWER_NO = 0,
    ANSWER_YES,
    ANSWER_UNKNOWN /* may hold: it takes doors away and opens none */
};

struct policy_condition {
    const char *name;   /* "email", "domain", "group", "network", "time" */
    const char *wanted; /* "10.0.0.0/8, 192.0.2.1" */
    const char *why;    /* "" or what made the answer: "asked after sign-in" */
    enum policy_answer answer;
};

enum policy_step_kind { STEP_RULE, STEP_GRANT, STEP_DOMAIN, STEP_DEFAULT, STEP_INVARIANT };

/* Everything that was asked, in order. Steps after the deciding one are there too: they are what would have counted. */
struct policy_step {
    struct policy_step *next;
    enum policy_step_kind kind;
    const char *name;  /* rule's name, grant's account, domain */
    const char *where; /* "usher.yaml:12:5", "grant 7 of the store", or "" */
    const char *says;  /* "deny", "sso entra", "password as well (fallback, it-lead: break-glass)" */
    enum policy_answer answer;
    bool decided; /* this one */
    struct policy_condition *conditions;
    size_t nconditions;
};

/* Several lines of text: one a step, then the decision and what it would have been otherwise. */
void policy_trace_print(const struct policy_decision *d, struct buf *out);

#endif
