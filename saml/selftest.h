/*
 * selftest.h - known answers: two fixed documents must verify, one signed with RSA and SHA-256, one with ECDSA and
 * SHA-512.
 *
 * usher-worker runs it before its sandbox, so that OpenSSL and libxml2 have read and loaded by then whatever they ever
 * will, and again inside it: a worker that could not judge is seen at the start and not at the first login.
 */
#ifndef USHER_SAML_SELFTEST_H
#define USHER_SAML_SELFTEST_H

#include "base/err.h"

/* saml_init() must have been called. The error of what failed. */
int saml_selftest(struct err *e);

#endif
