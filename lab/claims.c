/* claims.c - see claims.h. */
#include "lab/claims.h"

void claims_init(struct claims *c, struct arena *a)
{
    *c = (struct claims){.a = a};
}

static struct mint_attribute *find_or_add(struct claims *c, const char *name)
{
    for (size_t i = 0; i < c->n && !c->apart; i++) {
        if (strcmp(c->v[i].name, name) == 0)
            return &c->v[i];
    }
    if (c->n == CLAIMS_MAX)
        return NULL;
    c->v[c->n].name = name;
    return &c->v[c->n++];
}

int claims_add(struct claims *c, const char *name, const char *value, struct err *e)
{
    struct mint_attribute *attribute;
    const char **values;

    if (!value)
        return 0;
    attribute = find_or_add(c, name);
    if (!attribute || attribute->nvalues == CLAIM_VALUES_MAX)
        return err_set(e, ERR_LIMIT, "more than %d claims, or more than %d values in one", CLAIMS_MAX,
                       CLAIM_VALUES_MAX);
    /* a new array each time: quadratic in at most CLAIM_VALUES_MAX, and the list stays valid */
    values = arena_array(c->a, attribute->nvalues + 1, sizeof *values);
    if (!values)
        return err_set(e, ERR_MEMORY, "no memory for claims");
    if (attribute->nvalues)
        memcpy(values, attribute->values, attribute->nvalues * sizeof *values);
    values[attribute->nvalues++] = value;
    attribute->values = values;
    return 0;
}

void claims_use(const struct claims *c, struct mint_response *m)
{
    m->attributes = c->v;
    m->nattributes = c->n;
}
