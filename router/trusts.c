/* trusts.c - see trusts.h. */
#include "router/trusts.h"

#include <stdatomic.h>
#include <stdlib.h>

struct trusts {
    atomic_size_t refs;
    uint64_t serial;
    bool owned;
    size_t n;
    const struct saml_trust *v[];
};

static struct trusts *make(const struct saml_trust *const *v, size_t n, bool owned)
{
    static atomic_uint_fast64_t last;
    struct trusts *t = calloc(1, sizeof *t + n * sizeof t->v[0]);

    if (!t)
        return NULL;
    atomic_init(&t->refs, 1);
    t->serial = atomic_fetch_add(&last, 1) + 1; /* 0 is nobody's */
    t->owned = owned;
    t->n = n;
    for (size_t i = 0; i < n; i++)
        t->v[i] = v[i];
    return t;
}

struct trusts *trusts_new(struct saml_trust *const *v, size_t n)
{
    return make((const struct saml_trust *const *)v, n, true);
}

struct trusts *trusts_borrow(const struct saml_trust *const *v, size_t n)
{
    return make(v, n, false);
}

struct trusts *trusts_ref(struct trusts *t)
{
    if (t)
        atomic_fetch_add(&t->refs, 1);
    return t;
}

void trusts_unref(struct trusts *t)
{
    if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
        return;
    for (size_t i = 0; t->owned && i < t->n; i++) {
        struct saml_trust *mine = (struct saml_trust *)(uintptr_t)t->v[i]; /* given to trusts_new() without const */

        saml_trust_free(mine);
        free(mine);
    }
    free(t);
}

size_t trusts_count(const struct trusts *t)
{
    return t->n;
}

const struct saml_trust *trusts_get(const struct trusts *t, size_t i)
{
    return i < t->n ? t->v[i] : NULL;
}

const struct saml_trust *const *trusts_all(const struct trusts *t)
{
    return t->v;
}

uint64_t trusts_serial(const struct trusts *t)
{
    return t->serial;
}
