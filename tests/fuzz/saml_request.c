/* Fuzzes the reading of an AuthnRequest: as it came in the URL, or as XML that is packed here first. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/encode.h"
#include "saml/request.h"
#include "saml/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_make(data, size);
    struct saml_request_in in;
    struct err e = ERR_INIT;
    struct buf packed, text;
    struct arena a;

    arena_init(&a, 1 << 20);
    buf_init(&packed, 1 << 20);
    buf_init(&text, 1 << 21);
    if (size > 0 && data[0] == '<') {
        if (deflate_raw(input, &packed, &e) != 0)
            abort();
        base64_encode(&text, buf_cstr(&packed), packed.len);
        input = buf_slice(&text);
    }
    if (saml_request_read(input, &a, &in, &e) == 0 && (!token_is_ncname(in.id) || in.issuer.n == 0))
        abort();
    buf_free(&packed);
    buf_free(&text);
    arena_free(&a);
    return 0;
}
