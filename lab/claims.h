/*
 * claims.h - builds the attribute list of a Response, with Entra's names for the usual claims.
 *
 * Lives in an arena; a name that is added again gets a further value (or, `apart`, another Attribute).
 */
#ifndef USHER_LAB_CLAIMS_H
#define USHER_LAB_CLAIMS_H

#include "base/arena.h"
#include "lab/mint.h"

#define CLAIM_UPN "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"
#define CLAIMS_MAX 64
#define CLAIM_VALUES_MAX 512

struct claims {
    struct arena *a; /* not owned */
    bool apart;      /* each value in an Attribute of its own, as some identity providers send groups */
    struct mint_attribute v[CLAIMS_MAX];
    size_t n;
};

void claims_init(struct claims *c, struct arena *a);
/* Borrows both strings. A NULL value adds nothing. ERR_LIMIT, ERR_MEMORY. */
int claims_add(struct claims *c, const char *name, const char *value, struct err *e);
/* Points the Response's attributes at `c`, which must outlive it. */
void claims_use(const struct claims *c, struct mint_response *m);

#endif
