/* saml_inspect.c - fuzzes saml/inspect.h: whatever parses is described, within bounds and without reading past it. */
#include <stdint.h>
#include <stdlib.h>

#include "saml/inspect.h"
#include "saml/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t touch(struct slice s)
{
    size_t sum = 0;

    for (size_t i = 0; i < s.n; i++)
        sum += (unsigned char)s.p[i];
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static volatile size_t sink; /* so that every octet is read */
    struct saml_inspection in;
    struct err e = ERR_INIT;
    struct arena a;

    if (saml_init(&e) != 0)
        abort();
    arena_init(&a, 16 * size + (1 << 20));
    if (saml_inspect(slice_make(data, size), &a, &in, &e) == 0) {
        if (!in.root.n || in.nsignatures > SAML_INSPECT_SIGNATURES_MAX || in.nsignatures > in.signatures_in_all)
            abort();
        sink = touch(in.root) + touch(in.id) + touch(in.issuer) + touch(in.issue_instant) + touch(in.destination) +
               touch(in.in_response_to) + touch(in.status_code) + touch(in.assertion_id) + touch(in.assertion_issuer);
        for (size_t i = 0; i < in.nsignatures; i++) {
            const struct saml_inspected_signature *s = &in.signatures[i];

            if (!s->path.n)
                abort();
            sink += touch(s->path) + touch(s->parent_id) + touch(s->uri) + touch(s->method) + touch(s->digest) +
                    touch(s->certificate);
        }
    } else if (e.code == ERR_NONE || e.code == ERR_INTERNAL) {
        abort();
    }
    (void)sink;
    arena_free(&a);
    return 0;
}
