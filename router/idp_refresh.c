/* idp_refresh.c - fetching metadata, and what becomes of a document; see idp_keys.h. */
#include <jansson.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/secret.h"
#include "router/idp_keys_impl.h"
#include "router/log.h"
#include "saml/metadata.h"

#define REFRESH_DEFAULT (6 * 3600)
#define INTERVAL_MIN 300 /* whatever cacheDuration and validUntil say */
#define BACKOFF_FIRST 60 /* after the first failure; doubled with each, up to the interval */
#define DOUBLINGS_MAX 20

/* --- when next --------------------------------------------------------------------------------------------------- */

/* A tenth more or less, so that many instances do not ask at the same moment. */
static int64_t with_jitter(int64_t seconds)
{
    int64_t tenth = seconds / 10;
    uint32_t r;

    secret_random(&r, sizeof r);
    return seconds - tenth + (int64_t)(r % (uint64_t)(2 * tenth + 1));
}

/* What is configured, or sooner if the document says that it will not keep that long. */
static int64_t interval(const struct config_idp *idp, int64_t cache_duration, int64_t valid_until, int64_t now)
{
    int64_t seconds = idp->refresh > 0 ? idp->refresh : REFRESH_DEFAULT;

    if (cache_duration != 0 && cache_duration < seconds)
        seconds = cache_duration;
    if (idp->metadata_valid_until && valid_until > now && (valid_until - now) / 2 < seconds)
        seconds = (valid_until - now) / 2;
    return seconds < INTERVAL_MIN ? INTERVAL_MIN : seconds;
}

static int64_t backoff(const struct config_idp *idp, int64_t failures)
{
    int64_t most = idp->refresh > 0 ? idp->refresh : REFRESH_DEFAULT;
    int64_t seconds = (int64_t)BACKOFF_FIRST << (failures < DOUBLINGS_MAX ? failures : DOUBLINGS_MAX);

    return seconds < most ? seconds : most;
}

static void plan(struct idp_keys *k, size_t i, int64_t next)
{
    (void)pthread_mutex_lock(&k->lock);
    k->entries[i].next = next;
    (void)pthread_mutex_unlock(&k->lock);
}

/* --- saying so --------------------------------------------------------------------------------------------------- */

size_t idp_rows_of_keys(const struct saml_trust *t, struct idp_key rows[SAML_KEYS_MAX])
{
    for (size_t i = 0; i < t->nkeys; i++) {
        rows[i] = (struct idp_key){.not_after = t->keys[i].not_after};
        memcpy(rows[i].sha256, t->keys[i].sha256, sizeof rows[i].sha256);
        str_cut(rows[i].subject, sizeof rows[i].subject, slice_of(t->keys[i].subject));
    }
    return t->nkeys;
}

/* The keys of `a` that `b` does not have, as hex; `b` may be NULL. */
static json_t *keys_beyond(const struct saml_trust *a, const struct saml_trust *b)
{
    json_t *list = json_array();
    char hex[2 * STORE_KEY_BYTES + 1];

    for (size_t i = 0; list && i < a->nkeys; i++) {
        if (b && idp_has_key(b, a->keys[i].sha256))
            continue;
        hex_encode(hex, a->keys[i].sha256, STORE_KEY_BYTES);
        (void)json_array_append_new(list, json_string(hex));
    }
    return list;
}

/* An event about a change from `old` (NULL: nothing) to `found`. */
static void describe(const struct config_idp *idp, const char *kind, const char *by, const struct saml_trust *old,
                     const struct saml_trust *found, int64_t now, struct event *ret)
{
    static const struct saml_trust nothing;
    json_t *o = json_pack("{s:s*, s:o, s:o}", "by", by, "added", keys_beyond(found, old), "removed",
                          keys_beyond(old ? old : &nothing, found));
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

    *ret = (struct event){.at = now};
    (void)str_copy(ret->kind, sizeof ret->kind, slice_of(kind));
    (void)str_copy(ret->idp, sizeof ret->idp, slice_of(idp->name));
    if (text)
        (void)str_copy(ret->detail, sizeof ret->detail, slice_of(text));
    free(text);
    json_decref(o);
}

/* The same as a line of the log, once it is stored. */
static void log_change(const struct event *ev)
{
    log_line(strcmp(ev->kind, "idp.keys-pending") == 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, ev->kind, "idp", ev->idp,
             "keys", ev->detail);
}

/* --- a document -------------------------------------------------------------------------------------------------- */

/* What the store knows when a document arrives. The arena keeps its documents. */
struct known {
    struct arena a;
    struct idp_metadata m;
    struct idp_key_list keys;
    struct saml_trust in_force, waiting; /* as far as they can be read */
};

static void known_free(struct known *kn)
{
    saml_trust_free(&kn->in_force);
    saml_trust_free(&kn->waiting);
    idp_key_list_free(&kn->keys);
    arena_free(&kn->a);
}

static int known_load(struct idp_keys *k, const struct config_idp *idp, struct known *kn, struct err *e)
{
    struct err why = ERR_INIT;
    bool found;

    *kn = (struct known){.keys = {.n = 0}};
    arena_init(&kn->a, 2 * STORE_DOCUMENT_MAX + 65536);
    if (store_idp_metadata(k->store, idp->name, &kn->a, &kn->m, &found, e) != 0 ||
        idp_key_list_load(k->store, idp->name, &kn->keys, e) != 0) {
        known_free(kn);
        return -1;
    }
    if (kn->m.document.p && saml_metadata_read(kn->m.document, NULL, &kn->in_force, &why) != 0)
        saml_trust_free(&kn->in_force);
    err_clear(&why);
    if (kn->m.pending.p && saml_metadata_read(kn->m.pending, NULL, &kn->waiting, &why) != 0)
        saml_trust_free(&kn->waiting);
    return 0;
}

/* Another identity provider's entity ID would take over its logins. */
static int check_entity_is_free(struct idp_keys *k, size_t idp, const struct saml_trust *found, struct err *e)
{
    struct trusts *t = idp_keys_current(k);
    int rc = 0;

    for (size_t i = 0; i < trusts_count(t) && rc == 0; i++) {
        const char *issuer = trusts_get(t, i)->issuer;

        if (i != idp && issuer && strcmp(issuer, found->issuer) == 0)
            rc = err_mismatch(e, ERR_METADATA, found->issuer, NULL, "the metadata names the entity ID of idps.%s",
                              k->config->idps[i].name);
    }
    trusts_unref(t);
    return rc;
}

/* The outcome of judging `found`, as an update of the store. */
static void decide(const struct config_idp *idp, const struct known *kn, const struct saml_trust *found,
                   struct idp_update *u, struct event *log)
{
    u->outcome = IDP_CURRENT;
    switch (idp_document_judge(idp, &kn->m, &kn->in_force, &kn->keys, found)) {
    case IDP_VERDICT_FIRST:
        describe(idp, "idp.keys-first", NULL, kn->m.document.p ? &kn->in_force : NULL, found, u->now, log);
        u->log = log;
        break;
    case IDP_VERDICT_SAME: break;
    case IDP_VERDICT_CHANGED:
        describe(idp, "idp.keys-changed", NULL, &kn->in_force, found, u->now, log);
        u->log = log;
        break;
    case IDP_VERDICT_WAIT:
        u->outcome = IDP_PENDING;
        if (kn->m.pending.p && idp_same_keys(&kn->waiting, found)) {
            log_line(LOG_LEVEL_ERROR, "idp.keys-pending", "idp", idp->name, "message", "still waits for approval");
        } else {
            describe(idp, "idp.keys-pending", NULL, &kn->in_force, found, u->now, log);
            u->log = log;
        }
        break;
    }
}

int idp_keys_take(struct idp_keys *k, size_t i, struct slice document, int64_t now, struct err *e)
{
    const struct config_idp *idp = &k->config->idps[i];
    struct idp_update u = {.idp = idp->name, .url = idp->metadata, .now = now, .document = document};
    struct idp_key rows[SAML_KEYS_MAX];
    struct saml_trust found;
    struct event log;
    struct known kn;
    int rc = -1;

    if (idp_document_read(idp, document, now, &found, e) != 0)
        return -1;
    if (check_entity_is_free(k, i, &found, e) != 0 || known_load(k, idp, &kn, e) != 0) {
        saml_trust_free(&found);
        return -1;
    }
    u.revision = kn.m.revision;
    u.next = now + with_jitter(interval(idp, found.cache_duration, found.valid_until, now));
    u.keys = rows;
    u.nkeys = idp_rows_of_keys(&found, rows);
    decide(idp, &kn, &found, &u, &log);
    rc = store_idp_update(k->store, &u, e);
    known_free(&kn);
    saml_trust_free(&found);
    if (rc == 0 && u.log)
        log_change(u.log);
    if (rc != 0 || idp_keys_rebuild(k, now, e) != 0)
        return -1;
    plan(k, i, u.next);
    return 0;
}

/* The last good document stays; the next attempt is put off the further the more have failed. */
static void record_failure(struct idp_keys *k, size_t i, int64_t now, const struct err *why)
{
    const struct config_idp *idp = &k->config->idps[i];
    char text[STORE_ERROR_MAX + 1];
    struct err e = ERR_INIT;
    struct idp_update u = {.idp = idp->name, .outcome = IDP_FAILED, .url = idp->metadata, .now = now, .error = text};
    struct idp_metadata m;
    struct arena a;
    bool found;

    (void)snprintf(text, sizeof text, "%s: %s", err_name(why->code), why->msg);
    arena_init(&a, 2 * STORE_DOCUMENT_MAX + 65536);
    if (store_idp_metadata(k->store, idp->name, &a, &m, &found, &e) != 0)
        m.failures = 0;
    arena_free(&a);
    u.next = now + with_jitter(backoff(idp, m.failures));
    plan(k, i, u.next);
    if (e.code != ERR_NONE || store_idp_update(k->store, &u, &e) != 0)
        log_err(LOG_LEVEL_WARNING, "metadata", &e);
}

int idp_keys_refresh(struct idp_keys *k, size_t i, int64_t now, struct err *e)
{
    const struct config_idp *idp = &k->config->idps[i];
    struct slice fetched, document;
    struct arena a;
    int rc = -1;

    if (!idp->metadata_is_url)
        return err_set(e, ERR_USAGE, "idps.%s: its metadata is a file, which is read at start", idp->name);
    arena_init(&a, 8 * (size_t)STORE_DOCUMENT_MAX);
    if (idp_document_fetch(idp, &k->stopping, &a, &fetched, e) == 0 &&
        idp_document_canonical(idp, fetched, &a, &document, e) == 0)
        rc = idp_keys_take(k, i, document, now, e);
    arena_free(&a);
    if (rc != 0 && !atomic_load(&k->stopping)) { /* a stop says nothing about the other side */
        (void)err_wrap(e, "idps.%s", idp->name);
        record_failure(k, i, now, e);
    }
    return rc;
}

int idp_keys_approve(struct idp_keys *k, size_t i, const char *by, int64_t now, struct err *e)
{
    const struct config_idp *idp = &k->config->idps[i];
    struct idp_update u = {.idp = idp->name, .outcome = IDP_CURRENT, .url = idp->metadata, .now = now};
    struct idp_key rows[SAML_KEYS_MAX];
    struct saml_trust found;
    struct event log;
    struct known kn;
    int rc = -1;

    if (known_load(k, idp, &kn, e) != 0)
        return -1;
    if (!kn.m.pending.p || !idp->metadata_is_url || strcmp(kn.m.url, idp->metadata) != 0) {
        (void)err_set(e, ERR_METADATA, "idps.%s: no metadata waits for approval", idp->name);
        goto out;
    }
    if (idp_document_read(idp, kn.m.pending, now, &found, e) != 0)
        goto out;
    if (check_entity_is_free(k, i, &found, e) == 0) {
        u.revision = kn.m.revision;
        u.document = kn.m.pending;
        u.keys = rows;
        u.nkeys = idp_rows_of_keys(&found, rows);
        describe(idp, "idp.keys-approved", by, &kn.in_force, &found, now, &log);
        u.log = &log;
        rc = store_idp_update(k->store, &u, e);
        if (rc == 0)
            log_change(&log);
    }
    saml_trust_free(&found);
out:
    known_free(&kn);
    return rc == 0 ? idp_keys_rebuild(k, now, e) : -1;
}
