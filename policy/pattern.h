/*
 * pattern.h - the accounts that rules and grants name: an address, or one `*` in its local part. Internal to policy.
 */
#ifndef USHER_POLICY_PATTERN_H
#define USHER_POLICY_PATTERN_H

#include "base/email.h"
#include "base/err.h"

/* "room-*@contoso.com". Borrows from its text, which is in the form of struct email key. */
struct policy_pattern {
    const char *text;
    struct slice prefix, suffix; /* of the local part */
    const char *domain;
};

/*
 * An address or a pattern into the form that is compared: all lower case, A-label domain. `*ret_pattern` says which.
 * A `*` anywhere but once in the local part is ERR_EMAIL, like everything else that is no address.
 */
int policy_account_parse(struct slice text, char ret_key[EMAIL_MAX + 1], bool *ret_pattern, struct err *e);
/* `key` from policy_account_parse() with a `*`; it must stay. */
struct policy_pattern policy_pattern_of(const char *key);

bool policy_pattern_matches(const struct policy_pattern *p, const struct email *who);
/* The same for a key ("room-4@contoso.com"). */
bool policy_pattern_matches_key(const struct policy_pattern *p, const char *key);
/* Every address that `narrow` matches is matched by `wide`. */
bool policy_pattern_covers(const struct policy_pattern *wide, const struct policy_pattern *narrow);
/* Some address is matched by both. */
bool policy_pattern_overlaps(const struct policy_pattern *a, const struct policy_pattern *b);

#endif
