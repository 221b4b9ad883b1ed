/* audit_seen.h - which assertions an audit has met, to see one that comes again: 24 octets each, bounded. */
#ifndef USHER_CLI_AUDIT_SEEN_H
#define USHER_CLI_AUDIT_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define AUDIT_SEEN_MAX ((size_t)1 << 22) /* assertions; then no more are remembered */

struct audit_seen {
    struct audit_seen_entry *v;
    size_t n, room;
    bool full; /* some were not remembered: the limit, or memory */
};

/* Zeroed is empty. The number that this issuer and ID came with before, or 0; then `number` is remembered. */
uint64_t audit_seen_add(struct audit_seen *s, struct slice issuer, struct slice id, uint64_t number);
void audit_seen_free(struct audit_seen *s);

#endif
