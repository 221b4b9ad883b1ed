/*
 * mint_sign.h - the signing half of mint.c: keys, algorithms, Signature templates. Not for others.
 */
#ifndef USHER_LAB_MINT_SIGN_H
#define USHER_LAB_MINT_SIGN_H

#include "lab/mint.h"

struct mint_ids {
    const char *response, *assertion;
};

/* The algorithm is known and fits the type of the key. ERR_USAGE. */
int mint_sign_check(const char *algorithm, const struct mint_key *k, struct err *e);
/* Appends an empty ds:Signature that refers to `id`. The algorithm must be a known one. */
void mint_sign_template(struct buf *out, const char *algorithm, const struct mint_key *k, const char *id);
/*
 * Fills every Signature template of the document (there may be none), an inner one before the one around it, and
 * appends the result to `out`. ERR_INTERNAL.
 */
int mint_sign(struct slice xml, const struct mint_key *k, struct buf *out, struct err *e);

#endif
