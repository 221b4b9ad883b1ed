/*
 * policy.h - which door: the decision, pure. Subject, request and rules in; door and reason out.
 *
 * A typed address is routed (policy_route: a hint, it gives nobody anything); the identity that was then asserted by an
 * IdP or proven by a password is authorized (policy_authorize: this decides). Both ask in the same order:
 *
 *   1. rules     in the order of the file, the first that matches says which doors there are: it denies or limits
 *   2. grants    exceptions of the file and of the store (grant.h)
 *   3. domains   the entry of exactly this domain; a subdomain needs its own
 *   4. default
 *
 * and three things hold whatever a rule says:
 *   - in an `sso: required` domain only a grant opens the password door;
 *   - an account under a grant of kind `outside` never comes by SSO, and by password only where its grant lets it;
 *   - an IdP counts only for the e-mail domains that it may speak for (idps.NAME.domains).
 *
 * What is not known takes away and never gives. A rule whose conditions hold as far as they are known (the directory
 * sent more groups than fit; the client has no network address) is asked together with what comes after it, and only
 * doors that both leave open are open: so a deny rule on a group refuses a person whose groups are unknown. Two cases
 * are known by nature and no gap: while routing, rules that test `group` are passed over, as nobody has been identified
 * yet (authorization asks them); and a password proves no membership, so behind the password door such rules match only
 * groups that the request names. Who leaves and has a password loses it by `usher account disable` or the end of the
 * grant, not by a directory group; policy_read() warns where that matters.
 *
 * Zero is deny: a zeroed decision opens nothing. Nothing here reads a clock, logs, or keeps state; a struct policy is
 * immutable after policy_read(), so threads share it.
 */
#ifndef USHER_POLICY_POLICY_H
#define USHER_POLICY_POLICY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/conf.h"
#include "base/email.h"
#include "base/err.h"
#include "base/url.h"
#include "policy/grant.h"

#define POLICY_RULES_MAX 1000 /* they are asked one after the other */

enum policy_door {
    DOOR_DENY = 0,
    DOOR_SSO,
    DOOR_PASSWORD,
    DOOR_CHOOSE /* both; a page asks which. For `sso: optional`, and for a fallback grant that counts */
};
/* "deny", "sso", "password", "choose". */
const char *policy_door_name(enum policy_door door);
/* DOOR_DENY for any other text, and for NULL. */
enum policy_door policy_door_by_name(const char *name);

/* --- reading ----------------------------------------------------------------------------------------------------- */

struct policy_idp {
    const char *name;
    const char *const *domains; /* A-labels; the only ones it may speak for */
    size_t ndomains;
};

struct policy;

/*
 * Reads `domains`, `grants`, `rules` and `default` of the configuration; other keys are left alone. All problems are
 * recorded. Everything is copied, but the nodes of grants for policy_lint(). NULL only if memory is out or there are
 * errors of its own.
 */
struct policy *policy_read(const struct conf_node *root, const struct policy_idp *idps, size_t nidps,
                           struct conf_problems *p);
void policy_free(struct policy *p);
/* Warnings that depend on the time: grants that are over. The document that was read must still be there. */
void policy_lint(const struct policy *p, int64_t now, struct conf_problems *problems);
/* The four sections as YAML, defaults included. NULL prints nothing. */
void policy_print(const struct policy *p, struct buf *out);
/* Tables for docs/config.md. */
void policy_print_docs(struct buf *out);

/* --- asking ------------------------------------------------------------------------------------------------------ */

/* Work done, for tests and benchmarks of equal work. */
struct policy_work {
    size_t lookups;  /* hash lookups */
    size_t probes;   /* slots looked at for them */
    size_t patterns; /* patterns compared */
    size_t rules;    /* rules asked */
};

struct policy_request {
    const struct email *email; /* typed, asserted, or that of the account whose password was proven */
    struct slice groups;       /* one a line; compared octet by octet */
    bool groups_known;         /* `groups` is all of them. False: more may exist (overage) */
    struct netaddr client;
    int64_t now;
    /* for policy_authorize(): how the person came */
    enum policy_door door_used; /* DOOR_SSO or DOOR_PASSWORD */
    const char *idp_used;       /* with DOOR_SSO: the IdP whose assertion was accepted */
    struct policy_work *work;   /* added to; NULL: not counted */
};

struct policy_step; /* trace.h */

struct policy_decision {
    enum policy_door door; /* routing: where to send; authorization: the door that was used, or DOOR_DENY */
    const char *idp;       /* with DOOR_SSO and DOOR_CHOOSE; lives as long as the policy */
    bool new_users_jit;    /* the domain creates accounts at first login; only after SSO was authorized */
    bool outside;          /* a grant of kind outside is in force (set on refusal too) */
    int64_t grant_id;      /* the store's grant without which the password door would be shut: store_grant_touch() */
    /* In the caller's arena; NULL if that was NULL or is full. For administrators only, never on a page. */
    const struct policy_step *trace; /* see trace.h */
    const char *because;             /* what decided, with its place: "domain contoso.com (usher.yaml:18:3)" */
    const char *otherwise;           /* the doors there would be without that */
};

/*
 * `extra`: the grants of the store, asked beside those of the file; may be NULL. `a`: where the trace goes; NULL: no
 * trace, and nothing is allocated. `ret` is always written and holds nothing of `extra`.
 *
 * policy_route() returns 0 if a door is open, else -1 with the code that policy_authorize() would raise.
 */
int policy_route(const struct policy *p, const struct policy_grants *extra, const struct policy_request *r,
                 struct arena *a, struct policy_decision *ret, struct err *e);
/*
 * 0: the person may come in through the door they used. ERR_DENIED_RULE: a deny rule matched, or may match (see above).
 * ERR_DENIED_OUTSIDE: asserted, but lives outside the directory. ERR_DENIED_DEFAULT: nothing speaks for the address.
 * ERR_DENIED_DOOR: another door, another IdP than the one for this domain, or an IdP that may not speak for it.
 */
int policy_authorize(const struct policy *p, const struct policy_grants *extra, const struct policy_request *r,
                     struct arena *a, struct policy_decision *ret, struct err *e);
/*
 * A grant of kind outside is in force for this address. For provisioning: an account that is known by its subject is
 * asked under the address it has here, too, so that a changed address at the IdP is no way around its grant.
 */
bool policy_is_outside(const struct policy *p, const struct policy_grants *extra, const struct email *who, int64_t now);

/* --- applications ------------------------------------------------------------------------------------------------ */

/* What `apps[].allow` asks of a session. Zeroed: nothing more than that it exists; signing in was authorized before. */
struct policy_app {
    struct conf_strings groups; /* one of them; none: no group is asked for */
    enum policy_door door;      /* DOOR_SSO or DOOR_PASSWORD; DOOR_DENY: either */
};
/* Pointers go into `a`. False if errors were recorded. */
bool policy_app_read(const struct conf_node *allow, struct policy_app *ret, struct arena *a, struct conf_problems *p);
/* `allow:` as YAML at this level of indentation (two spaces each); nothing if it asks for nothing. */
void policy_app_print(const struct policy_app *app, unsigned indent, struct buf *out);
/* `door`: how the session was opened. `groups`: one a line, what is known. ERR_DENIED_APP. */
int policy_authorize_app(const struct policy_app *app, enum policy_door door, struct slice groups, struct err *e);

#endif
