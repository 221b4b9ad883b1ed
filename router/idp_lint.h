/*
 * idp_lint.h - what the configuration alone shows about a login that will fail later, or succeed for the wrong person.
 *
 * An identity provider's refusals are read by the person who signs in, on a page that usher never sees; Entra's carry
 * an AADSTS code. Each finding says what is wrong, where it is written, what to do, and the code (or usher's own error)
 * that it will otherwise end in. Warnings: it may work; errors: it cannot, or must not.
 */
#ifndef USHER_ROUTER_IDP_LINT_H
#define USHER_ROUTER_IDP_LINT_H

#include "router/config.h"

/* All identity providers of `c`, which may be half read (NULL fields): other problems are reported elsewhere. */
void idp_lint(const struct config *c, int64_t now, struct conf_problems *p);

#endif
