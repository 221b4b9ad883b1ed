/* Fuzzes the reading of metadata: directly, as a file of an administrator is read, and in the canonical form in which
 * the worker hands on what was fetched. Where neither comment nor CDATA section can make a difference, both must say
 * the same.
 */
#include <stdlib.h>

#include "saml/metadata.h"
#include "saml/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same(const struct saml_trust *a, const struct saml_trust *b)
{
    for (size_t i = 0; i < a->nkeys && i < b->nkeys; i++) {
        if (memcmp(a->keys[i].sha256, b->keys[i].sha256, sizeof a->keys[i].sha256) != 0)
            return false;
    }
    return a->nkeys == b->nkeys && a->valid_until == b->valid_until && a->cache_duration == b->cache_duration &&
           a->want_signed_requests == b->want_signed_requests && same_text(a->issuer, b->issuer) &&
           same_text(a->sso_redirect, b->sso_redirect) && same_text(a->slo_redirect, b->slo_redirect) &&
           same_text(a->slo_post, b->slo_post);
}

static void read_both(struct slice xml)
{
    struct saml_verify_request rq = {.message = SAML_MESSAGE_METADATA, .xml = xml};
    struct saml_trust direct, canonical;
    struct err e = ERR_INIT, why = ERR_INIT;
    struct saml_signed s;
    struct arena a;
    int rc;

    saml_trust_init(&direct);
    saml_trust_init(&canonical);
    arena_init(&a, 1 << 26);
    rc = saml_metadata_read(xml, NULL, &direct, &e);
    if (rc == 0 && (direct.nkeys == 0 || !direct.issuer || !direct.issuer[0]))
        abort();
    if (saml_verify_message(&rq, &a, &s, &why) == 0) {
        err_clear(&why);
        if (s.nsig != 0 || s.plain_what != SAML_METADATA)
            abort();
        if (saml_metadata_read(s.plain, NULL, &canonical, &why) != rc && !memmem(xml.p, xml.n, "<!", 2))
            abort();
        if (rc == 0 && why.code == ERR_NONE && !memmem(xml.p, xml.n, "<!", 2) && !same(&direct, &canonical))
            abort();
    }
    arena_free(&a);
    saml_trust_free(&canonical);
    saml_trust_free(&direct);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    struct err e = ERR_INIT;

    if (!ready && saml_init(&e) != 0)
        abort();
    ready = true;
    read_both(slice_make(data, size));
    return 0;
}
