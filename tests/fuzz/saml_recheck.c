/*
 * Fuzzes saml/recheck.h: the input is what a worker returned, as SignedInfo, SignatureValue and element, each ended by
 * a line "\n--\n". Only genuine bytes may pass.
 */
#include <stdint.h>
#include <stdlib.h>

#include "saml/recheck.h"
#include "tests/fuzz/saml_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice part(struct slice *rest)
{
    const char *end = rest->n ? memmem(rest->p, rest->n, "\n--\n", 4) : NULL;
    struct slice s = end ? slice_make(rest->p, (size_t)(end - rest->p)) : *rest;

    *rest = end ? slice_make(end + 4, rest->n - s.n - 4) : SLICE("");
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct saml_trust trust;
    struct slice rest = slice_make(data, size);
    struct saml_signed s = {.nsig = 1};
    struct saml_signer signers[2];
    struct err e = ERR_INIT;

    if (trust.nkeys == 0 && saml_trust_add_pem(&trust, SLICE(SAML_FUZZ_KEY), &e) != 0)
        abort();
    s.sig[0].signed_info = part(&rest);
    s.sig[0].signature_value = part(&rest);
    s.sig[0].element = part(&rest);
    s.sig[0].what = size % 2 ? SAML_RESPONSE : SAML_ASSERTION;
    if (saml_recheck(&s, &trust, 0, signers, &e) == 0) {
        if (!signers[0].key || !memmem(s.sig[0].element.p, s.sig[0].element.n, "ada@contoso.com", 15))
            abort();
    } else if (e.code == ERR_NONE || e.code == ERR_INTERNAL) {
        abort();
    }
    return 0;
}
