/*
 * grant.h - grants: the exceptions to how a domain signs in, and the index that finds them.
 *
 * A grant names an account, or accounts by one `*` in the local part, and is one of two kinds:
 *
 *   outside    the account lives outside the directory: it signs in by password, never starts SSO, an assertion for it
 *              is refused, provisioning neither sees nor touches it
 *   fallback   SSO as everybody, and a password as well
 *
 * It is in force from `from` (inclusive) until `until` (exclusive): `until: 2027-06-30` ends with the 29th, UTC. Before
 * and after, it equals no grant. `network` limits where its password door is open and nothing else: an outside account
 * stays outside wherever somebody asserts it from. Several grants may speak for one account; then the account is
 * outside if any of them says so, and the password door is open if any that counts opens it, so that no exception is
 * weakened by another.
 *
 * An index is filled once and then only read: threads may share it. Finding the grants of an account costs one hash
 * lookup, however many there are, and one comparison for each pattern of its domain.
 */
#ifndef USHER_POLICY_GRANT_H
#define USHER_POLICY_GRANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/email.h"
#include "base/err.h"

enum grant_kind { GRANT_NONE = 0, GRANT_OUTSIDE, GRANT_FALLBACK };

/* A grant as text, as the store and the command line have it. NULL means "". */
struct policy_grant_text {
    int64_t id;            /* of the row in the store; 0: it has none yet */
    const char *account;   /* an address, or one `*` in the local part */
    const char *kind;      /* "outside" or "fallback" */
    const char *owner;     /* who answers for it: required */
    const char *reason;    /* required */
    int64_t from;          /* 0: at once */
    int64_t until;         /* 0: without end */
    const char *networks;  /* netblocks separated by spaces; "": anywhere */
    const char *condition; /* the key `while`; must be "" in this version */
};

/*
 * Checks a grant before it is stored. ERR_GRANT with what is wrong; ERR_NOT_SUPPORTED for `while`. With `ret_account`
 * (may be NULL) the account in the form to store: all lower case, A-label domain.
 */
int policy_grant_check(const struct policy_grant_text *t, char ret_account[EMAIL_MAX + 1], struct err *e);

struct policy_grants;

struct policy_grants *policy_grants_new(void); /* empty; NULL if memory is out */
void policy_grants_free(struct policy_grants *g);
/*
 * Copies everything. ERR_GRANT and ERR_NOT_SUPPORTED as policy_grant_check(), ERR_MEMORY. A row that is refused opens
 * no door; but if its account can be read and it is not a sound fallback, the account is kept shut instead of being
 * treated as everybody, since the row may have meant "outside". So it is safe to count refused rows and go on.
 */
int policy_grants_add(struct policy_grants *g, const struct policy_grant_text *t, struct err *e);
size_t policy_grants_count(const struct policy_grants *g);

#endif
