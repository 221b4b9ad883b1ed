/*
 * compiled.h - the policy as it is asked: what read.c makes, lint.c checks and decide.c asks. Internal to policy.
 *
 * Option tables fill the first fields of each struct; the ones after "compiled" are made from them.
 */
#ifndef USHER_POLICY_COMPILED_H
#define USHER_POLICY_COMPILED_H

#include "policy/pattern.h"
#include "policy/policy.h"
#include "policy/table.h"
#include "policy/trace.h"

/* --- grants ------------------------------------------------------------------------------------------------------ */

struct policy_grant {
    const struct policy_grant *next; /* of the same account, or with a pattern in the same domain */
    int64_t id;                      /* in the store; 0: of the file */
    enum grant_kind kind;
    size_t index;        /* position among all */
    bool unsound;        /* a refused row: outside, with the password door shut */
    const char *account; /* as compared */
    const char *owner, *reason;
    int64_t from, until; /* 0: no limit */
    struct conf_netblocks networks;
    const char *where;             /* "usher.yaml:12:5"; NULL: a row of the store */
    const struct conf_node *node;  /* of the file; for policy_lint() */
    struct policy_pattern pattern; /* text NULL: an address */
};

struct policy_grants {
    struct arena arena;
    struct policy_table exact;    /* account -> struct grant_list */
    struct policy_table patterns; /* domain -> struct grant_list */
    const struct policy_grant **all;
    size_t n, capacity;
};

/* Copies `g` and its texts. ERR_MEMORY. */
int policy_grants_insert(struct policy_grants *set, const struct policy_grant *g, struct err *e);
/* The first of a list linked by `next`, in no particular order; NULL if there is none. */
const struct policy_grant *policy_grants_exact(const struct policy_grants *set, const char *account,
                                               struct policy_work *work);
const struct policy_grant *policy_grants_patterns(const struct policy_grants *set, const char *domain,
                                                  struct policy_work *work);
bool policy_grant_in_time(const struct policy_grant *g, int64_t now);
bool policy_grant_times_meet(const struct policy_grant *a, const struct policy_grant *b);
/* What a grant must have besides a sound account. ERR_GRANT. */
int policy_grant_sound(const struct policy_grant *g, struct err *e);
bool policy_networks_contain(const struct conf_netblocks *networks, const struct netaddr *a);

/* --- the rest ---------------------------------------------------------------------------------------------------- */

enum domain_sso { SSO_OFF = 0, SSO_OPTIONAL, SSO_REQUIRED };
enum domain_new_users { NEW_USERS_OFF = 0, NEW_USERS_JIT };
enum domain_exceptions { EXCEPTIONS_ROUTED = 0, EXCEPTIONS_HIDDEN };

struct policy_domain {
    int sso; /* enum domain_sso */
    const char *idp;
    int new_users;  /* enum domain_new_users */
    int exceptions; /* enum domain_exceptions */
    /* compiled */
    const char *name;
    const char *where;
    bool unsound; /* it has errors: nothing is concluded from it */
};

/* A door as rules and `default` name it. Only SSO has an idp; NULL: the IdP of the address's domain. */
struct policy_target {
    enum policy_door door;
    const char *idp;
};

struct policy_when {
    struct conf_strings email, domain, group;
    struct conf_netblocks network;
};

struct policy_rule {
    const char *name;
    const struct conf_node *when_node;
    const char *door_text;
    /* compiled */
    struct policy_when when;
    struct policy_target target;
    struct policy_table emails, domains, groups; /* the exact entries of `when` */
    struct policy_pattern *patterns;             /* the others of when.email */
    size_t npatterns;
    const char *where;
    const struct conf_node *node; /* while reading only */
    bool unsound;                 /* as for domains */
};

struct policy_speaker {
    const char *name;
    struct policy_table domains;
};

struct policy {
    struct arena arena;
    struct policy_speaker *idps;
    size_t nidps;
    const char **idp_names; /* NULL-terminated, for suggestions */
    struct policy_domain *domains;
    size_t ndomains;
    struct policy_table domain_index;
    struct policy_grants *grants;
    struct policy_rule *rules;
    size_t nrules;
    struct policy_target fallback; /* `default` */
    const char *fallback_where;
};

const struct policy_domain *policy_domain_find(const struct policy *p, const char *name, struct policy_work *work);
/* The IdP may speak for this e-mail domain. False for an unknown IdP, and for NULL. */
bool policy_idp_speaks(const struct policy *p, const char *idp, const char *domain, struct policy_work *work);

/* trace.c. A NULL tracer records nothing, a step that is NULL takes no conditions. */
struct policy_tracer {
    struct arena *a;
    struct policy_step *first, *last;
    bool full; /* memory is out or the arena full: then there is no trace rather than half of one */
};
struct policy_step *policy_trace_step(struct policy_tracer *t, enum policy_step_kind kind, const char *name,
                                      const char *where);
/* For policy_step.says. */
void policy_trace_says(struct policy_tracer *t, struct policy_step *step, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void policy_trace_condition(struct policy_tracer *t, struct policy_step *step, struct policy_condition c);
/* "a, b" for policy_condition.wanted. */
const char *policy_trace_strings(struct policy_tracer *t, const struct conf_strings *v);
const char *policy_trace_networks(struct policy_tracer *t, const struct conf_netblocks *v);

/* lint.c: what only the whole shows. Also asked about a policy with errors, so that all are reported together. */
void policy_check(const struct policy *p, struct conf_problems *problems);

/* options.c */
enum policy_table_id {
    POLICY_TABLE_DOMAIN,
    POLICY_TABLE_GRANT,
    POLICY_TABLE_RULE,
    POLICY_TABLE_WHEN,
    POLICY_TABLE_APP,
    POLICY_TABLE_COUNT
};
extern const struct conf_table policy_tables[POLICY_TABLE_COUNT];

/* What a row of `grants` is read into. */
struct policy_grant_conf {
    const char *account;
    int kind; /* index: 0 outside, 1 fallback */
    const char *owner, *reason;
    int64_t from, until;
    struct conf_netblocks network;
};

/* What apps[].allow is read into. */
struct policy_app_conf {
    struct conf_strings groups;
    const char *door;
};

#endif
