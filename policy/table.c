/* table.c - see table.h. */
#include "policy/table.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/secret.h"

#define FIRST_CAPACITY 8

_Static_assert(crypto_shorthash_KEYBYTES == POLICY_TABLE_KEY_BYTES, "SipHash's key");
_Static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "SipHash gives 64 bits");

static uint64_t hash_of(const struct policy_table *t, struct slice text)
{
    uint64_t h;

    (void)crypto_shorthash((unsigned char *)&h, (const unsigned char *)text.p, text.n, t->key);
    return h;
}

void policy_table_clear(struct policy_table *t)
{
    free(t->slots);
    *t = (struct policy_table){0};
}

static void insert(struct policy_table *t, struct policy_slot s)
{
    size_t i = s.hash & (t->capacity - 1);

    while (t->slots[i].text)
        i = (i + 1) & (t->capacity - 1);
    t->slots[i] = s;
    t->n++;
}

static int grow(struct policy_table *t, struct err *e)
{
    struct policy_table bigger = {.capacity = t->capacity ? 2 * t->capacity : FIRST_CAPACITY};

    if (bigger.capacity < t->capacity || !(bigger.slots = calloc(bigger.capacity, sizeof *bigger.slots)))
        return err_set(e, ERR_MEMORY, "index of %zu entries", t->n);
    if (t->capacity)
        memcpy(bigger.key, t->key, sizeof bigger.key);
    else
        secret_random(bigger.key, sizeof bigger.key);
    for (size_t i = 0; i < t->capacity; i++) {
        if (t->slots[i].text)
            insert(&bigger, t->slots[i]);
    }
    free(t->slots);
    *t = bigger;
    return 0;
}

int policy_table_put(struct policy_table *t, const char *text, void *value, struct err *e)
{
    if (t->n >= t->capacity / 2 && grow(t, e) != 0)
        return -1;
    insert(t, (struct policy_slot){.hash = hash_of(t, slice_of(text)), .text = text, .value = value});
    return 0;
}

void *policy_table_get(const struct policy_table *t, struct slice text, struct policy_work *work)
{
    void *found = NULL;
    size_t probes = 0;

    if (t->n > 0) {
        uint64_t h = hash_of(t, text);

        /* never more than half full, so that a free slot ends every search */
        for (size_t i = h & (t->capacity - 1); t->slots[i].text && !found; i = (i + 1) & (t->capacity - 1)) {
            probes++;
            if (t->slots[i].hash == h && slice_is(text, t->slots[i].text))
                found = t->slots[i].value;
        }
    }
    if (work) {
        work->lookups++;
        work->probes += probes;
    }
    return found;
}
