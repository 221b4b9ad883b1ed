/* idp_keys.c - see idp_keys.h: the table in force, when what is due, and which keys were used. */
#include "router/idp_keys.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "router/idp_keys_impl.h"
#include "router/log.h"
#include "saml/metadata.h"

#define UNKNOWN_KEY_SECONDS 300 /* strangers can have it fetched no more often */
#define FLUSH_SECONDS 60

/* --- building a table -------------------------------------------------------------------------------------------- */

/* How one identity provider stands in the table that is being built. */
struct built {
    struct saml_trust *trust;
    int64_t revision, expires, next;
};

static void drop_distrusted(struct saml_trust *t, const struct idp_key_list *known)
{
    for (size_t i = t->nkeys; i-- > 0;) {
        if (idp_key_is_distrusted(known, t->keys[i].sha256))
            saml_trust_drop_key(t, i);
    }
}

static void drop_all(struct saml_trust *t)
{
    while (t->nkeys > 0)
        saml_trust_drop_key(t, t->nkeys - 1);
}

/* The trust of the stored document; empty if there is none from this URL, or it cannot be read any more. */
static int build_from_store(struct idp_keys *k, const struct config_idp *idp, struct built *b, struct err *e)
{
    struct idp_metadata m;
    struct err why = ERR_INIT;
    struct arena a;
    bool found;
    int rc;

    arena_init(&a, 2 * STORE_DOCUMENT_MAX + 65536);
    rc = store_idp_metadata(k->store, idp->name, &a, &m, &found, e);
    if (rc == 0) {
        b->revision = m.revision;
        if (m.document.p && strcmp(m.url, idp->metadata) == 0) {
            b->next = m.next;
            if (saml_metadata_read(m.document, NULL, b->trust, &why) != 0) {
                saml_trust_free(b->trust);
                (void)err_wrap(&why, "idps.%s: the stored metadata", idp->name);
                log_err(LOG_LEVEL_ERROR, "metadata", &why);
            }
        } else if (m.failures > 0 && strcmp(m.url, idp->metadata) == 0) {
            b->next = m.next; /* never had one; not fetched again at once because somebody restarts us */
        }
    }
    arena_free(&a);
    return rc;
}

static int build_one(struct idp_keys *k, size_t i, int64_t now, struct built *b, struct err *e)
{
    const struct config_idp *idp = &k->config->idps[i];
    struct idp_key_list known;
    int rc;

    saml_trust_init(b->trust);
    rc = idp->metadata_is_url ? build_from_store(k, idp, b, e) : saml_trust_copy(b->trust, &idp->trust, e);
    if (rc != 0 || idp_key_list_load(k->store, idp->name, &known, e) != 0)
        return -1;
    drop_distrusted(b->trust, &known);
    idp_key_list_free(&known);
    b->trust->allow = idp->allow;
    b->expires = 0;
    if (idp->metadata_valid_until && b->trust->issuer) {
        if (b->trust->valid_until > now) {
            b->expires = b->trust->valid_until;
        } else {
            drop_all(b->trust);
            log_line(LOG_LEVEL_ERROR, "metadata.expired", "idp", idp->name, "message",
                     "the metadata in force is past its validUntil: its keys do not count any more");
        }
    }
    return 0;
}

/* Two that claim one entity ID: the later one would be verified by the first one's keys. */
static void drop_doubles(struct idp_keys *k, struct built *b)
{
    for (size_t i = 1; i < k->config->nidps; i++) {
        for (size_t j = 0; j < i && b[i].trust->issuer; j++) {
            if (b[j].trust->issuer && strcmp(b[i].trust->issuer, b[j].trust->issuer) == 0) {
                log_line(LOG_LEVEL_ERROR, "metadata.entity-taken", "idp", k->config->idps[i].name, "message",
                         "its metadata names the entity ID of another identity provider; it is left out", "other",
                         k->config->idps[j].name);
                saml_trust_free(b[i].trust);
            }
        }
    }
}

struct revisions {
    const struct config *config;
    int64_t *v;
};

static bool note_revision(void *ctx, const char *idp, int64_t revision)
{
    struct revisions *r = ctx;

    for (size_t i = 0; i < r->config->nidps; i++) {
        if (strcmp(r->config->idps[i].name, idp) == 0)
            r->v[i] = revision;
    }
    return true;
}

/* Has anything of this one changed since the table in force was made? With the lock. */
static bool is_stale(const struct idp_keys *k, size_t i, int64_t revision, int64_t now)
{
    const struct idp_entry *en = &k->entries[i];

    return !k->current || en->revision != revision || (en->expires != 0 && en->expires <= now);
}

/* Puts the new table in place of the old one, whose users keep it until they are done. */
static int install(struct idp_keys *k, struct built *b, bool const *rebuilt, struct err *e)
{
    struct saml_trust *v[CONFIG_IDPS_MAX];
    struct trusts *new, *old;

    for (size_t i = 0; i < k->config->nidps; i++)
        v[i] = b[i].trust;
    new = trusts_new(v, k->config->nidps);
    if (!new)
        return err_set(e, ERR_MEMORY, "keys of identity providers");
    (void)pthread_mutex_lock(&k->lock);
    old = k->current;
    k->current = new;
    for (size_t i = 0; i < k->config->nidps; i++) {
        if (!rebuilt[i])
            continue;
        k->entries[i].revision = b[i].revision;
        k->entries[i].expires = b[i].expires;
        k->entries[i].next = b[i].next;
        k->entries[i].cache_duration = b[i].trust->cache_duration;
        k->entries[i].valid_until = b[i].trust->valid_until;
    }
    (void)pthread_mutex_unlock(&k->lock);
    trusts_unref(old);
    return 0;
}

static int rebuild(struct idp_keys *k, const int64_t *revisions, const bool *stale, int64_t now, struct err *e)
{
    struct built b[CONFIG_IDPS_MAX] = {{.trust = NULL}};
    struct trusts *old = idp_keys_current(k);
    size_t n = k->config->nidps;
    int rc = 0;

    for (size_t i = 0; i < n && rc == 0; i++) {
        b[i] = (struct built){.trust = calloc(1, sizeof *b[i].trust), .revision = revisions[i]};
        if (!b[i].trust)
            rc = err_set(e, ERR_MEMORY, "keys of identity providers");
        else if (stale[i])
            rc = build_one(k, i, now, &b[i], e);
        else
            rc = saml_trust_copy(b[i].trust, trusts_get(old, i), e);
    }
    if (rc == 0) {
        drop_doubles(k, b);
        rc = install(k, b, stale, e);
    }
    for (size_t i = 0; i < n && rc != 0; i++) {
        if (b[i].trust)
            saml_trust_free(b[i].trust);
        free(b[i].trust);
    }
    trusts_unref(old);
    return rc;
}

int idp_keys_rebuild(struct idp_keys *k, int64_t now, struct err *e)
{
    int64_t revisions[CONFIG_IDPS_MAX] = {0};
    struct revisions r = {k->config, revisions};
    bool stale[CONFIG_IDPS_MAX], any = false;
    int rc = 0;

    (void)pthread_mutex_lock(&k->building);
    if (store_idp_revisions(k->store, note_revision, &r, e) != 0) {
        rc = -1;
        goto out;
    }
    (void)pthread_mutex_lock(&k->lock);
    for (size_t i = 0; i < k->config->nidps; i++) {
        stale[i] = is_stale(k, i, revisions[i], now);
        any = any || stale[i];
    }
    any = any || !k->current;
    (void)pthread_mutex_unlock(&k->lock);
    if (any)
        rc = rebuild(k, revisions, stale, now, e);
out:
    (void)pthread_mutex_unlock(&k->building);
    return rc;
}

int idp_keys_reload(struct idp_keys *k, struct err *e)
{
    return idp_keys_rebuild(k, clock_now(), e);
}

/* --- the table --------------------------------------------------------------------------------------------------- */

int idp_keys_new(const struct config *c, struct store *s, struct idp_keys **ret, struct err *e)
{
    struct idp_keys *k = calloc(1, sizeof *k);

    if (!k)
        return err_set(e, ERR_MEMORY, "keys of identity providers");
    k->config = c;
    k->store = s;
    (void)pthread_mutex_init(&k->lock, NULL);
    (void)pthread_mutex_init(&k->building, NULL);
    (void)pthread_mutex_init(&k->working, NULL);
    if (idp_keys_reload(k, e) != 0) {
        idp_keys_free(k);
        return -1;
    }
    *ret = k;
    return 0;
}

void idp_keys_free(struct idp_keys *k)
{
    if (!k)
        return;
    trusts_unref(k->current);
    (void)pthread_mutex_destroy(&k->lock);
    (void)pthread_mutex_destroy(&k->building);
    (void)pthread_mutex_destroy(&k->working);
    free(k);
}

struct trusts *idp_keys_current(struct idp_keys *k)
{
    struct trusts *t;

    (void)pthread_mutex_lock(&k->lock);
    t = trusts_ref(k->current);
    (void)pthread_mutex_unlock(&k->lock);
    return t;
}

/* --- what is due ------------------------------------------------------------------------------------------------- */

/* With the lock. */
static bool entry_due(const struct idp_keys *k, size_t i, int64_t now)
{
    const struct idp_entry *en = &k->entries[i];

    return k->config->idps[i].metadata_is_url && (en->asked_for || en->next <= now);
}

/* With the lock. */
static bool flush_due(const struct idp_keys *k, int64_t now)
{
    return k->nuses > 0 && now - k->flushed >= FLUSH_SECONDS;
}

bool idp_keys_is_due(struct idp_keys *k, int64_t now)
{
    bool due;

    (void)pthread_mutex_lock(&k->lock);
    due = !k->announced || flush_due(k, now);
    for (size_t i = 0; i < k->config->nidps && !due; i++)
        due = entry_due(k, i, now) || (k->entries[i].expires != 0 && k->entries[i].expires <= now);
    (void)pthread_mutex_unlock(&k->lock);
    return due;
}

/* Keys of files get their rows when the daemon starts, so that their age and use are known like the others'. */
static void announce_files(struct idp_keys *k, int64_t now, struct err *e)
{
    struct idp_key keys[SAML_KEYS_MAX];

    for (size_t i = 0; i < k->config->nidps && e->code == ERR_NONE; i++) {
        const struct config_idp *idp = &k->config->idps[i];
        size_t n = idp_rows_of_keys(&idp->trust, keys);

        if (!idp->metadata_is_url)
            (void)store_idp_seen(k->store, idp->name, keys, n, now, e);
    }
    (void)pthread_mutex_lock(&k->lock);
    k->announced = true;
    (void)pthread_mutex_unlock(&k->lock);
}

static void refresh_one_due(struct idp_keys *k, size_t i, int64_t now)
{
    struct err e = ERR_INIT;
    bool due;

    (void)pthread_mutex_lock(&k->lock);
    due = entry_due(k, i, now);
    k->entries[i].asked_for = false;
    (void)pthread_mutex_unlock(&k->lock);
    if (due && idp_keys_refresh(k, i, now, &e) != 0)
        log_err(LOG_LEVEL_WARNING, "metadata.failed", &e);
}

void idp_keys_refresh_due(struct idp_keys *k, int64_t now)
{
    struct err e = ERR_INIT;
    bool flush;

    if (pthread_mutex_trylock(&k->working) != 0)
        return;
    if (!k->announced) /* written only here, under `working` */
        announce_files(k, now, &e);
    (void)pthread_mutex_lock(&k->lock);
    flush = flush_due(k, now);
    (void)pthread_mutex_unlock(&k->lock);
    if (e.code == ERR_NONE && flush)
        (void)idp_keys_flush(k, &e);
    if (e.code == ERR_NONE)
        (void)idp_keys_rebuild(k, now, &e);
    if (e.code != ERR_NONE)
        log_err(LOG_LEVEL_WARNING, "metadata", &e);
    for (size_t i = 0; i < k->config->nidps && !atomic_load(&k->stopping); i++)
        refresh_one_due(k, i, now);
    (void)pthread_mutex_unlock(&k->working);
}

void idp_keys_stop(struct idp_keys *k)
{
    atomic_store(&k->stopping, true);
}

void idp_keys_unknown_key(struct idp_keys *k, size_t idp, int64_t now)
{
    if (idp >= k->config->nidps || !k->config->idps[idp].metadata_is_url)
        return;
    (void)pthread_mutex_lock(&k->lock);
    if (now - k->entries[idp].asked >= UNKNOWN_KEY_SECONDS) {
        k->entries[idp].asked = now;
        k->entries[idp].asked_for = true;
    }
    (void)pthread_mutex_unlock(&k->lock);
}

/* --- uses -------------------------------------------------------------------------------------------------------- */

void idp_keys_used(struct idp_keys *k, size_t idp, const unsigned char sha256[32], int64_t now)
{
    struct idp_use *u;
    const char *name;

    if (idp >= k->config->nidps)
        return;
    name = k->config->idps[idp].name;
    (void)pthread_mutex_lock(&k->lock);
    for (u = k->uses; u < k->uses + k->nuses; u++) {
        if (u->idp == name && memcmp(u->sha256, sha256, sizeof u->sha256) == 0)
            break;
    }
    if (u == k->uses + k->nuses && k->nuses < IDP_USES_MAX) {
        *u = (struct idp_use){.idp = name, .first = now};
        memcpy(u->sha256, sha256, sizeof u->sha256);
        k->nuses++;
    }
    if (u < k->uses + k->nuses) /* else there was no room: a later login will do */
        u->last = now;
    (void)pthread_mutex_unlock(&k->lock);
}

int idp_keys_flush(struct idp_keys *k, struct err *e)
{
    struct idp_use uses[IDP_USES_MAX];
    size_t n;
    int rc;

    (void)pthread_mutex_lock(&k->lock);
    n = k->nuses;
    memcpy(uses, k->uses, n * sizeof *uses);
    k->nuses = 0;
    k->flushed = clock_now();
    (void)pthread_mutex_unlock(&k->lock);
    rc = store_idp_used(k->store, uses, n, e);
    if (rc == 0)
        return 0;
    (void)pthread_mutex_lock(&k->lock);
    if (k->nuses == 0) { /* for the next time; newer ones say as much */
        memcpy(k->uses, uses, n * sizeof *uses);
        k->nuses = n;
    }
    (void)pthread_mutex_unlock(&k->lock);
    return rc;
}
