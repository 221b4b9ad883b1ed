/*
 * flood.h - what strangers may cost: how many of their requests run at once, and how many of their events are kept.
 *
 * Both count by client network (IPv4 /24, IPv6 /48) in fixed tables under a secret hash: nothing grows with the number
 * of strangers, and who shares a place with a flood is slowed with it, never let off.
 */
#ifndef USHER_ROUTER_FLOOD_H
#define USHER_ROUTER_FLOOD_H

#include "accounts/store.h"
#include "base/url.h"

/* --- requests at once
 * ------------------------------------------------------------------------------------------------- */

struct inflight;
struct inflight *inflight_new(void); /* NULL if memory is out */
void inflight_free(struct inflight *f);
/* False: `max` of this network run already; else one more does, until inflight_leave() with the same address. */
bool inflight_enter(struct inflight *f, const struct netaddr *client, unsigned max);
void inflight_leave(struct inflight *f, const struct netaddr *client);

/* --- events
 * ----------------------------------------------------------------------------------------------------------- */

/*
 * A refusal that nobody had to prove anything for is stored while its network has tokens (1000, one more every five
 * seconds) and all strangers together have (5000, one more a second). What is over is counted; the log line is written
 * in any case.
 */
#define FLOOD_NETWORK_BURST 1000
#define FLOOD_NETWORK_SECONDS 5
#define FLOOD_TOTAL_BURST 5000

struct flood;
struct flood *flood_new(void); /* NULL if memory is out */
void flood_free(struct flood *f);
/* May an event of this stranger be stored? */
bool flood_admit(struct flood *f, const struct netaddr *client, int64_t now);
/* Stores one event "events.suppressed" with the count since the last report, if it is not 0. Blocks. */
void flood_report(struct flood *f, struct store *s, int64_t now);

#endif
