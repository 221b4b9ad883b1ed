/* admit.c - see admit.h; the numbers are those of its rules. */
#include "provisioning/admit.h"

int provisioning_admit(const struct provisioning_identity *who, const struct account *by_subject,
                       const struct account *by_email, struct provisioning_outcome *ret, struct err *e)
{
    const struct account *account = by_subject ? by_subject : by_email;

    *ret = (struct provisioning_outcome){.account = LOGIN_REFUSED};
    if (!by_subject && by_email && by_email->subject[0] != '\0') /* 3 */
        return err_mismatch(e, ERR_LINK_REFUSED, who->subject, by_email->subject,
                            "the account with the address %s belongs to another identity of %s", who->email->text,
                            by_email->idp);
    if (account && account->disabled) /* 4 */
        return err_set(e, ERR_ACCOUNT_DISABLED, "account %s is disabled", account->email);
    if (account) { /* 1, 2 */
        ret->account = by_subject ? LOGIN_EXISTING : LOGIN_LINK;
        ret->account_id = account->id;
        return 0;
    }
    if (!who->jit) /* 5 */
        return err_set(e, ERR_JIT_OFF, "%s has no account, and new_users of %s is off", who->email->text,
                       who->email->domain);
    ret->account = LOGIN_CREATE;
    return 0;
}
