/*
 * trusts.h - an immutable table of trusts, counted by references and shared by threads.
 *
 * In the daemon the index is that of the identity provider in config->idps. Requests in flight keep the table that they
 * were submitted with, whatever is configured or fetched meanwhile; the worker is sent a table once and names trusts by
 * index.
 */
#ifndef USHER_ROUTER_TRUSTS_H
#define USHER_ROUTER_TRUSTS_H

#include "saml/trust.h"

struct trusts;

/* Takes the trusts over (each is cleared and freed with the table, so each comes from malloc). NULL if memory is out;
 * then they are still the caller's. */
struct trusts *trusts_new(struct saml_trust *const *v, size_t n);
/* Trusts that stay the caller's and outlive the table. */
struct trusts *trusts_borrow(const struct saml_trust *const *v, size_t n);
struct trusts *trusts_ref(struct trusts *t); /* returns t; accepts NULL */
void trusts_unref(struct trusts *t);         /* accepts NULL */
size_t trusts_count(const struct trusts *t);
const struct saml_trust *trusts_get(const struct trusts *t, size_t i); /* NULL past the end */
const struct saml_trust *const *trusts_all(const struct trusts *t);
/* A number that no other table of this process has had. */
uint64_t trusts_serial(const struct trusts *t);

#endif
