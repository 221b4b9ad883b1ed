/* admit.c - see admit.h; the numbers are those of its rules. */
#include "provisioning/admit.h"

#include <string.h>

static bool is_empty(const char *text)
{
    return !text || text[0] == '\0';
}

/* The caller looked the accounts up; a mix-up must not open one. */
static int check_lookup(const struct provisioning_identity *who, const struct account *by_subject,
                        const struct account *by_email, struct err *e)
{
    if (is_empty(who->idp) || is_empty(who->subject) || !who->email || is_empty(who->email->key))
        return err_set(e, ERR_INTERNAL, "an identity without identity provider, subject or address");
    if (by_subject && (strcmp(by_subject->idp, who->idp) != 0 || strcmp(by_subject->subject, who->subject) != 0))
        return err_set(e, ERR_INTERNAL, "account %s is not the one of this subject", by_subject->email_key);
    if (by_email && strcmp(by_email->email_key, who->email->key) != 0)
        return err_set(e, ERR_INTERNAL, "account %s is not the one of %s", by_email->email_key, who->email->key);
    return 0;
}

static int refuse_disabled(const struct account *a, struct err *e)
{
    return err_set(e, ERR_ACCOUNT_DISABLED, "account %s is disabled", a->email_key);
}

static int admit_known(const struct provisioning_identity *who, const struct account *known,
                       const struct account *by_email, struct provisioning_outcome *ret, struct err *e)
{
    if (known->disabled) /* 4 */
        return refuse_disabled(known, e);
    if (by_email && by_email->id != known->id) /* 2 */
        return err_mismatch(e, ERR_LINK_REFUSED, who->email->key, known->email_key,
                            "the identity of account %s now has the address of another account", known->email_key);
    *ret = (struct provisioning_outcome){.account = LOGIN_EXISTING,
                                         .account_id = known->id,
                                         .email_changed = strcmp(known->email_key, who->email->key) != 0};
    return 0;
}

static int admit_by_email(const struct provisioning_identity *who, const struct account *found,
                          struct provisioning_outcome *ret, struct err *e)
{
    if (found->disabled) /* 4 */
        return refuse_disabled(found, e);
    if (!is_empty(found->idp) || !is_empty(found->subject)) /* 3 */
        return err_mismatch(e, ERR_LINK_REFUSED, who->subject, found->subject,
                            "account %s belongs to another identity, of '%s'", found->email_key, found->idp);
    *ret = (struct provisioning_outcome){.account = LOGIN_LINK, .account_id = found->id};
    return 0;
}

int provisioning_admit(const struct provisioning_identity *who, const struct account *by_subject,
                       const struct account *by_email, struct provisioning_outcome *ret, struct err *e)
{
    *ret = (struct provisioning_outcome){.account = LOGIN_REFUSED};
    if (check_lookup(who, by_subject, by_email, e) != 0)
        return -1;
    if (by_subject)
        return admit_known(who, by_subject, by_email, ret, e);
    if (by_email)
        return admit_by_email(who, by_email, ret, e);
    if (!who->jit) /* 5 */
        return err_set(e, ERR_JIT_OFF, "no account for %s, and %s does not create accounts at sign-in", who->email->key,
                       who->email->domain);
    *ret = (struct provisioning_outcome){.account = LOGIN_CREATE};
    return 0;
}
