/*
 * throttle.h - slows down guessing without letting a stranger lock anybody out.
 *
 * Three kinds of counters of failed attempts:
 *   per network (IPv4 /24, IPv6 /48)         strangers only
 *   per account                              strangers only
 *   per account and network, or per account and device, for those that signed in before (by network: the
 *   network's own counter as well, with more free attempts)
 * A stranger is an attempt that brings neither a device proof for the account nor comes from a network that signed in
 * to it before. So an attack on an account slows the attackers (and the person at a new place), never the person where
 * they are known; and a known network or device is itself counted. Past its free attempts a counter demands a wait
 * since its last failure that doubles with each one; failures are forgiven one by one with time.
 *
 * Counters live in fixed-size sketches (count-min under a secret hash): nothing is ever evicted, so a flood of random
 * accounts or addresses cannot wash a counter out; at worst it slows all strangers. Memory is fixed, nothing is
 * persistent. Thread-safe, never blocks for long; time is passed in.
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
#define THROTTLE_FREE_KNOWN 10
#define THROTTLE_FREE_KNOWN_NETWORK 60 /* of a network, by people who are known there, without a device cookie */
#define THROTTLE_FIRST_WAIT_SEC 2
#define THROTTLE_MAX_WAIT_SEC 900
#define THROTTLE_FORGIVE_SEC 600 /* one failure is forgiven in this time */

struct throttle;

struct throttle *throttle_new(void); /* NULL if memory is out */
void throttle_free(struct throttle *t);

#define THROTTLE_COUNTERS 2
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
