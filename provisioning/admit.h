/*
 * admit.h - which account an asserted identity is: the known one, one to link, a new one, or none.
 *
 * Pure: the caller has looked both candidates up and afterwards lets the store decide again by unique keys
 * (store_login_commit). It is asked after policy_authorize() said yes: so this IdP may speak for the address's domain,
 * and no `outside` grant covers the address; the caller asks policy_is_outside() about the address that a known account
 * has here, too. The rules:
 *
 *  1. The key is (IdP, immutable identifier), never the e-mail: in their own tenant anybody can set `mail` to anything
 *     ("nOAuth", 2023), addresses are given to others, object ids are not (Entra: "index on tenant and object id").
 *  2. An account with this identity is the account, and follows its address when that changes at the IdP, unless the
 *     new one is another account's: two people would then have one address in every application. ERR_LINK_REFUSED
 *  3. Without such an account, one with the same address is linked if it has no identity yet. With another identity it
 *     is never taken over: the address was given to somebody new, or another IdP asserts it, and an administrator has
 *     to decide what becomes of the old account. ERR_LINK_REFUSED
 *  4. A disabled account stays disabled, whichever way it was found; it is not replaced by a new one.
 *     ERR_ACCOUNT_DISABLED
 *  5. Otherwise a new account is made if the domain says so (new_users: jit). ERR_JIT_OFF
 */
#ifndef USHER_PROVISIONING_ADMIT_H
#define USHER_PROVISIONING_ADMIT_H

#include "accounts/store.h"

struct provisioning_identity {
    const char *idp;
    const char *subject; /* immutable */
    const struct email *email;
    bool jit; /* policy_decision.new_users_jit */
};

struct provisioning_outcome {
    enum login_account account; /* LOGIN_REFUSED unless admitted */
    int64_t account_id;         /* of LOGIN_EXISTING and LOGIN_LINK */
    bool email_changed;         /* LOGIN_EXISTING: the account takes over the asserted address */
};

/* `by_subject`, `by_email`: the accounts found so, or NULL; one that is not what it was found as is ERR_INTERNAL. */
int provisioning_admit(const struct provisioning_identity *who, const struct account *by_subject,
                       const struct account *by_email, struct provisioning_outcome *ret, struct err *e);

#endif
