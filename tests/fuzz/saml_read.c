/* Fuzzes the strict reader and, on what it accepts, the table of conditions. The first octet says what is signed. */
#include <stdlib.h>

#include "saml/check.h"
#include "saml/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What every caller relies on. */
static void check_promises(const struct saml_assertion *as)
{
    if (!token_is_ncname(as->id) || as->issuer.n == 0 || as->name_id.n == 0 || as->issue_instant <= 0)
        abort();
    if (as->nconfirmations > SAML_CONFIRMATIONS_MAX || as->nattributes > SAML_ATTRIBUTES_MAX)
        abort();
    for (size_t i = 0; i < as->nrestrictions; i++) {
        if (as->restrictions[i].n == 0)
            abort();
    }
    for (size_t i = 0; i < as->nattributes; i++) {
        struct slice single = saml_attribute_single(as, as->attributes[i].name);

        if (as->attributes[i].name.n == 0 || (single.p && as->attributes[i].nvalues != 1))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct saml_response response;
    static struct saml_assertion as;
    struct err e = ERR_INIT;
    struct arena a;

    if (size == 0)
        return 0;
    arena_init(&a, 1 << 24);
    if (saml_read(slice_make(data + 1, size - 1), data[0] & 1 ? SAML_RESPONSE : SAML_ASSERTION, NULL, 0, &a, &response,
                  &as, &e) == 0) {
        const struct saml_outer outer = {.status_code = SLICE("urn:oasis:names:tc:SAML:2.0:status:Success")};
        struct saml_expect x = {.issuer = as.issuer,
                                .acs = SLICE("https://sp.example.com/acs"),
                                .audience = SLICE("https://sp.example.com"),
                                .request_id = SLICE("id1"),
                                .now = as.issue_instant,
                                .email_from = SLICE("nameid")};
        int64_t until;
        bool present;
        struct email email;

        check_promises(&as);
        if (saml_check(&as, &response, &outer, &x, &until, &e) == 0 && until < x.now)
            abort();
        err_clear(&e);
        if (saml_email(&as, &x, &present, &email, &e) != 0)
            abort(); /* without domains it never refuses */
    }
    arena_free(&a);
    return 0;
}
