/*
 * password.h - Argon2id, with equal work for whoever asks.
 *
 * Each check computes exactly one hash, be the account unknown, disabled, without password, or the password wrong, so
 * that neither the answer nor its time says which (an imported hash with other parameters costs what it says until it
 * is replaced at the next login). Call from a bounded pool of job threads: a hash takes about 20 ms of a core and 19
 * MiB. The caller wipes the password.
 */
#ifndef USHER_ACCOUNTS_PASSWORD_H
#define USHER_ACCOUNTS_PASSWORD_H

#include "accounts/store.h"

#define PASSWORD_MIN_BYTES 15
#define PASSWORD_MAX_BYTES 1024
/* OWASP's and RFC 9106's lower set: m = 19 MiB, t = 2, p = 1. */
#define PASSWORD_MEMORY_KIB 19456
#define PASSWORD_PASSES 2
/* What a stored (imported) hash may ask for; a costlier one is never computed. */
#define PASSWORD_MEMORY_KIB_LIMIT 262144
#define PASSWORD_PASSES_LIMIT 10
#define PASSWORD_LANES_LIMIT 4

/* 15 to 1024 bytes of valid UTF-8 without NUL. ERR_PASSWORD_WEAK. */
int password_acceptable(struct slice password, struct err *e);
/* Also demands password_acceptable(). */
int password_hash(struct slice password, char ret[STORE_HASH_MAX + 1], struct err *e);

struct password_params {
    uint32_t memory_kib;
    uint32_t passes;
    uint32_t lanes;
};
/* Reads "$argon2id$v=19$m=..,t=..,p=..$salt$hash" strictly and within the limits; false otherwise. */
bool password_hash_read(const char *hash, struct password_params *ret);
/* Made with other parameters than ours (or not readable): hash again at the next successful login. */
bool password_needs_rehash(const char *hash);

/*
 * The password door. ERR_PASSWORD, ERR_ACCOUNT_UNKNOWN (also: no password set), ERR_ACCOUNT_DISABLED: for the log; the
 * person sees one sentence for all three. *ret is written on success only; password_needs_rehash(ret->password_hash)
 * then says whether to store a new hash.
 */
int password_check(struct store *s, const struct email *who, struct slice password, struct account *ret, struct err *e);

/* Hash computations in this process so far: for tests of equal work, and as a metric. */
uint64_t password_hashes_done(void);

#endif
