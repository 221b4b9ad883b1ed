/* inspect.c - see inspect.h. Placeholder: the audit's inspect.c takes its place. */
#include "saml/inspect.h"

int saml_inspect(struct slice xml, struct arena *a, struct saml_inspection *ret, struct err *e)
{
    (void)xml;
    (void)a;
    (void)ret;
    return err_set(e, ERR_NOT_SUPPORTED, "inspection is not built yet");
}
