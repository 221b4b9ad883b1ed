/* audit_in_process.c - the judge of audit_judge.h in this process. */
#include "cli/audit_judge.h"

static int inspect(struct audit_judge *j, struct slice xml, struct arena *a, struct saml_inspection *ret, struct err *e)
{
    (void)j;
    return saml_inspect(xml, a, ret, e);
}

static int judge(struct audit_judge *j, struct slice xml, const struct saml_trust *trust, uint64_t serial,
                 struct arena *a, struct saml_verdict *ret, struct err *e)
{
    (void)j;
    (void)serial;
    return saml_judge_signature_only(xml, trust, NULL, trust->allow, a, ret, e);
}

static void nothing(struct audit_judge *j)
{
    (void)j;
}

int audit_judge_in_process(const struct judge_setup *s, struct audit_judge **ret, struct err *e)
{
    static struct audit_judge one = {.inspect = inspect, .judge = judge, .free = nothing};

    (void)s;
    (void)e;
    *ret = &one;
    return 0;
}
