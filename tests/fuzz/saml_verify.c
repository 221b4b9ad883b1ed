/*
 * Fuzzes saml/verify.h with a fixed trust, and whatever verifies goes through the router's own check: the two must
 * agree. The corpus holds documents that verify with this key, so that mutations start behind the signature checks.
 */
#include <stdint.h>
#include <stdlib.h>

#include "saml/recheck.h"
#include "tests/fuzz/saml_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct saml_trust trust;
    struct saml_signer signers[2];
    struct saml_signed s;
    struct err e = ERR_INIT;
    struct arena a;

    if (trust.nkeys == 0 && (saml_init(&e) != 0 || saml_trust_add_pem(&trust, SLICE(SAML_FUZZ_KEY), &e) != 0))
        abort();
    arena_init(&a, 8 * size + 64 * 1024);
    if (saml_verify(slice_make(data, size), &trust, 0, &a, &s, &e) == 0) {
        if (saml_recheck(&s, &trust, 0, signers, &e) != 0)
            abort();
    } else if (e.code == ERR_NONE || e.code == ERR_INTERNAL) {
        abort();
    }
    arena_free(&a);
    return 0;
}
