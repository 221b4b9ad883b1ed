/*
 * tricks.h - Responses that a service provider must refuse: one row per trick, with the error usher must answer with.
 *
 * The table feeds `usher-lab mint --trick`, the people file of the test identity provider, and the test that plays
 * every row against the verifier. Everything but the one thing a row is about stays sound, so that a refusal proves one
 * check.
 */
#ifndef USHER_LAB_TRICKS_H
#define USHER_LAB_TRICKS_H

#include "lab/mint.h"

struct trick {
    const char *name;     /* "expired" */
    const char *expected; /* name of the error code: "assertion-expired" */
    const char *help;
    void (*before)(struct mint_response *m); /* changes what will be signed; may be NULL */
    bool email_elsewhere, email_removed;     /* what happens to the e-mail claim, before signing */
    bool forge_key;                          /* sign with a new key that shows the trusted certificate */
    bool tamper;                             /* change the NameID after signing */
    const char *edit;                        /* a line of lab/edit.h, carried out after signing; may be NULL */
};

extern const struct trick tricks[];
extern const size_t tricks_n;

/* NULL if there is none of this name. */
const struct trick *trick_find(const char *name);
/* As mint_response(), with the trick played; `t` NULL plays none. ERR_LIMIT (more than 64 attributes). */
int trick_mint(const struct trick *t, const struct mint_response *m, const struct mint_key *k, struct buf *out,
               struct err *e);

#endif
