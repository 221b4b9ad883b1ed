/*
 * audit_seen.c - see audit_seen.h. Open addressing; the key is cut from a SHA-256, so that who writes the IDs cannot
 * choose where they go in the table.
 */
#include "cli/audit_seen.h"

#include <stdlib.h>

#include <openssl/evp.h>

struct audit_seen_entry {
    unsigned char key[16];
    uint64_t number; /* 0: free */
};

/* SHA-256(issuer NUL id); neither holds a NUL. */
static bool key_of(struct slice issuer, struct slice id, unsigned char ret[16])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char sha256[EVP_MAX_MD_SIZE];
    bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(ctx, issuer.p, issuer.n) == 1 && EVP_DigestUpdate(ctx, "", 1) == 1 &&
              EVP_DigestUpdate(ctx, id.p, id.n) == 1 && EVP_DigestFinal_ex(ctx, sha256, NULL) == 1;

    EVP_MD_CTX_free(ctx);
    if (ok)
        memcpy(ret, sha256, 16);
    return ok;
}

static struct audit_seen_entry *place(struct audit_seen_entry *v, size_t room, const unsigned char key[16])
{
    size_t at;

    memcpy(&at, key, sizeof at);
    for (at %= room; v[at].number && memcmp(v[at].key, key, 16) != 0; at = (at + 1) % room)
        ;
    return &v[at];
}

/* At most half full. */
static bool grow(struct audit_seen *s)
{
    size_t room = s->room ? 2 * s->room : 1024;
    struct audit_seen_entry *v;

    if (2 * s->n < s->room)
        return true;
    v = s->n < AUDIT_SEEN_MAX ? calloc(room, sizeof *v) : NULL;
    if (!v)
        return false;
    for (size_t i = 0; i < s->room; i++) {
        if (s->v[i].number)
            *place(v, room, s->v[i].key) = s->v[i];
    }
    free(s->v);
    s->v = v;
    s->room = room;
    return true;
}

uint64_t audit_seen_add(struct audit_seen *s, struct slice issuer, struct slice id, uint64_t number)
{
    struct audit_seen_entry *e;
    unsigned char key[16];
    bool room = grow(s);

    if (!s->room || !key_of(issuer, id, key)) {
        s->full = true;
        return 0;
    }
    e = place(s->v, s->room, key);
    if (e->number)
        return e->number;
    if (!room) {
        s->full = true;
        return 0;
    }
    memcpy(e->key, key, sizeof key);
    e->number = number;
    s->n++;
    return 0;
}

void audit_seen_free(struct audit_seen *s)
{
    free(s->v);
    *s = (struct audit_seen){.v = NULL};
}
