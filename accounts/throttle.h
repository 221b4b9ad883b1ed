/*
 * throttle.h - slows down guessing without letting a stranger lock anybody out.
 *
 * Counters of failed attempts. For strangers:
 *   per network (IPv4 /24, IPv6 /48)
 *   per pair of account and network
 *   per account; its wait applies only to a pair that has THROTTLE_FRESH failures of its own
 * For those that signed in before:
 *   per account and device, or per account and network (then the network's own counter as well, with more free
 * attempts) A stranger is an attempt that brings neither a device proof for the account nor comes from a network that
 * signed in to it before. Past its free attempts a counter demands a wait since its last failure that doubles with each
 * one; failures are forgiven one by one with time.
 *
 * So an attack on an account slows every network that takes part by what all of them did, and never the person: not
 * where they are known, and somewhere new they have THROTTLE_FRESH attempts at once, whatever is done elsewhere. Only
 * who shares the network of an attacker shares its waits.
 *
 * The price: an attacker with N networks has N * THROTTLE_FRESH guesses at an account at once and then N for each
 * THROTTLE_FORGIVE_SEC, up to what the hash threads can do: the throttle does not stop a large network of bots (or the
 * holder of a large IPv6 prefix), the length of the password does, of which the minimum is 15 bytes. A wait that holds
 * for every stranger would stop them, and would be the lock-out.
 *
 * Counters live in fixed-size sketches (count-min under a secret hash): nothing is ever evicted, so a flood of random
 * accounts or addresses cannot wash a counter out; at worst it slows all strangers. Memory is fixed (25 MiB), nothing
 * is persistent. Thread-safe, never blocks for long; time is passed in.
 */
#ifndef USHER_ACCOUNTS_THROTTLE_H
#define USHER_ACCOUNTS_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "base/url.h"

#define THROTTLE_FREE_ACCOUNT 5
#define THROTTLE_FREE_NETWORK 20
#define THROTTLE_FREE_PAIR 5
#define THROTTLE_FRESH 3 /* a pair with fewer failures does not wait for the account's */
#define THROTTLE_FREE_KNOWN 10
#define THROTTLE_FREE_KNOWN_NETWORK 60 /* of a network, by people who are known there, without a device cookie */
#define THROTTLE_FIRST_WAIT_SEC 2
#define THROTTLE_MAX_WAIT_SEC 900
#define THROTTLE_FORGIVE_SEC 600 /* one failure is forgiven in this time */

struct throttle;

struct throttle *throttle_new(void); /* NULL if memory is out */
void throttle_free(struct throttle *t);

#define THROTTLE_COUNTERS 3
struct throttle_attempt {
    const char *account;   /* e-mail key, as typed, whether there is such an account or not */
    struct netaddr client; /* not masked */
    struct slice device;   /* an id from a sealed device cookie that was made for this account; empty: none */
    /* set by throttle_admit() for throttle_settle() */
    bool known;
    uint8_t counted[THROTTLE_COUNTERS];
};

/*
 * Before the hash. 0: go ahead; the attempt counts as failed from now on, so that many at once are no way around it,
 * until throttle_settle() says otherwise. ERR_THROTTLED: refuse without hashing, uncounted; *ret_retry_sec says when.
 */
int throttle_admit(struct throttle *t, struct throttle_attempt *a, int64_t now, int64_t *ret_retry_sec, struct err *e);

enum throttle_outcome {
    THROTTLE_FAILED = 0, /* stays counted */
    THROTTLE_SUCCEEDED,  /* uncounted; account and network are known together from now on */
    THROTTLE_ABANDONED   /* uncounted: nothing was tried (queue full, store down) */
};
/* Exactly once for each admitted attempt, with the same struct. */
void throttle_settle(struct throttle *t, const struct throttle_attempt *a, enum throttle_outcome outcome, int64_t now);

#endif
