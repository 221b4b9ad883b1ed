/* Fuzzes the guess of what a file holds: XML, base64 or a form. */
#include <stdlib.h>

#include "saml/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = ERR_INIT;
    struct slice xml;
    struct arena a;

    arena_init(&a, SAML_ARENA_MAX);
    if (saml_unwrap_file(slice_make(data, size), &a, &xml, &e) == 0) {
        if (!xml.p || xml.n == 0 || xml.n > SAML_XML_MAX)
            abort();
    } else if (e.code != ERR_ENCODING && e.code != ERR_FORM && e.code != ERR_XML_SIZE) {
        abort();
    }
    arena_free(&a);
    return 0;
}
