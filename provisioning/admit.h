/*
 * admit.h - which account an asserted identity is: the known one, one to link, a new one, or none.
 *
 * Pure: the caller has looked both candidates up and afterwards lets the store decide again by unique keys. The rules:
 *
 *  1. The key is (IdP, immutable identifier), never the e-mail: addresses are changed and given to others (Entra:
 * "index on tenant and object id"). An account with this identity is the account, whatever its address says; the store
 * takes over the new address unless it belongs to somebody else.
 *  2. Without such an account, one with the same address is linked if it has no identity yet. The caller has made sure
 * that this IdP may speak for the address's domain and that no `outside` grant covers it; otherwise an IdP could take
 * over anybody's account by asserting their address ("nOAuth", 2023).
 *  3. An account with the same address and another identity is never taken over: the address was given to somebody new,
 * and an administrator has to decide what becomes of the old account.
 *  4. A disabled account stays disabled, whichever way it was found; it is not replaced by a new one.
 *  5. Otherwise a new account is made if the domain says so (new_users: jit).
 */
#ifndef USHER_PROVISIONING_ADMIT_H
#define USHER_PROVISIONING_ADMIT_H

#include "accounts/store.h"

struct provisioning_identity {
    const char *idp;
    const char *subject; /* immutable */
    const struct email *email;
    bool jit; /* the domain's new_users */
};

struct provisioning_outcome {
    enum login_account account; /* LOGIN_REFUSED unless admitted */
    int64_t account_id;         /* of LOGIN_EXISTING and LOGIN_LINK */
};

/* `by_subject`, `by_email`: the accounts found so, or NULL. ERR_ACCOUNT_DISABLED, ERR_LINK_REFUSED, ERR_JIT_OFF. */
int provisioning_admit(const struct provisioning_identity *who, const struct account *by_subject,
                       const struct account *by_email, struct provisioning_outcome *ret, struct err *e);

#endif
