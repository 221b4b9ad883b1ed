/* Fuzzes the reading of metadata, through prescan and libxml2. */
#include <stdlib.h>

#include "saml/metadata.h"
#include "saml/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    struct err e = ERR_INIT;
    struct saml_trust t;

    if (!ready && saml_init(&e) != 0)
        abort();
    ready = true;
    saml_trust_init(&t);
    if (saml_metadata_read(slice_make(data, size), NULL, &t, &e) == 0 && (t.nkeys == 0 || !t.issuer || !t.issuer[0]))
        abort();
    saml_trust_free(&t);
    return 0;
}
