/*
 * table.h - a hash index from text to a pointer. Internal to policy.
 *
 * Open addressing, at most half full, under SipHash with a key of its own: a lookup looks at about as many slots at a
 * million entries as at ten, whoever chose the texts. It only grows; texts and values are borrowed. (uthash would put
 * 56 bytes of links into every grant, and ends the process when memory is out unless told otherwise.)
 */
#ifndef USHER_POLICY_TABLE_H
#define USHER_POLICY_TABLE_H

#include "policy/policy.h"

#define POLICY_TABLE_KEY_BYTES 16

struct policy_slot {
    uint64_t hash;
    const char *text; /* NULL: free */
    void *value;
};

struct policy_table {
    struct policy_slot *slots;
    size_t capacity; /* 0 or a power of two */
    size_t n;
    unsigned char key[POLICY_TABLE_KEY_BYTES];
};

/* A zeroed struct is an empty table. */
void policy_table_clear(struct policy_table *t);
/* `text` must not be there yet. ERR_MEMORY. */
int policy_table_put(struct policy_table *t, const char *text, void *value, struct err *e);
/* NULL if it is not there. `work` may be NULL. */
void *policy_table_get(const struct policy_table *t, struct slice text, struct policy_work *work);

#endif
