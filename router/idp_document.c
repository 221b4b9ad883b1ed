/* idp_document.c - see idp_document.h. */
#include "router/idp_document.h"

#include <event2/event.h>
#include <stdlib.h>

#include "router/fetch.h"
#include "router/worker.h"
#include "saml/metadata.h"
#include "saml/recheck.h"

#define FETCH_TIMEOUT_MS 30000
#define FETCH_MAX (10 * 1000 * 1000 - 4096) /* libxml2 takes no more without XML_PARSE_HUGE, which it never gets */
#define WORKER_DEADLINE_MS 20000            /* a federation's aggregate takes its time */

/* --- keys of the store ------------------------------------------------------------------------------------------- */

static bool collect(void *ctx, const struct idp_key *k)
{
    struct idp_key_list *l = ctx;
    struct idp_key *v = reallocarray(l->v, l->n + 1, sizeof *v);

    if (!v) {
        idp_key_list_free(l);
        l->n = SIZE_MAX;
        return false;
    }
    l->v = v;
    l->v[l->n++] = *k;
    return true;
}

int idp_key_list_load(struct store *s, const char *idp, struct idp_key_list *ret, struct err *e)
{
    struct idp_key_list l = {.n = 0};

    if (store_idp_keys(s, idp, collect, &l, e) != 0) {
        idp_key_list_free(&l);
        return -1;
    }
    if (l.n == SIZE_MAX)
        return err_set(e, ERR_MEMORY, "keys of %s", idp);
    *ret = l;
    return 0;
}

void idp_key_list_free(struct idp_key_list *l)
{
    free(l->v);
    *l = (struct idp_key_list){.n = 0};
}

const struct idp_key *idp_key_list_find(const struct idp_key_list *l, const unsigned char sha256[STORE_KEY_BYTES])
{
    for (size_t i = 0; i < l->n; i++) {
        if (memcmp(l->v[i].sha256, sha256, STORE_KEY_BYTES) == 0)
            return &l->v[i];
    }
    return NULL;
}

bool idp_key_is_distrusted(const struct idp_key_list *l, const unsigned char sha256[STORE_KEY_BYTES])
{
    const struct idp_key *k = idp_key_list_find(l, sha256);

    return k && k->distrusted_at != 0;
}

/* --- fetching and the worker ------------------------------------------------------------------------------------- */

int idp_document_fetch(const struct config_idp *idp, const atomic_bool *cancelled, struct arena *a, struct slice *ret,
                       struct err *e)
{
    const struct fetch_request r = {.url = idp->metadata,
                                    .body_max = FETCH_MAX,
                                    .timeout_ms = FETCH_TIMEOUT_MS,
                                    .allow_private = idp->metadata_private,
                                    .ca_file = idp->metadata_ca,
                                    .cancelled = cancelled};

    return fetch_run(&r, a, ret, e);
}

/* The one place that asks the worker. `signer` NULL: the canonical document is wanted, whoever signed it. */
static int ask_worker(struct slice xml, const struct saml_trust *signer, struct arena *a, struct saml_signed *ret,
                      struct err *e)
{
    struct event_base *base = event_base_new();
    struct trusts *trusts = signer ? trusts_borrow(&signer, 1) : NULL;
    struct worker_request rq = {.judge = {.message = SAML_MESSAGE_METADATA, .trust = signer ? 0 : WIRE_NO_TRUST},
                                .trusts = trusts};
    struct worker_options o;
    struct worker *w = NULL;
    struct slice reply;
    char path[4096];
    int rc = -1;

    if (!base || (signer && !trusts)) {
        (void)err_set(e, ERR_MEMORY, "verification of metadata");
        goto out;
    }
    worker_options_init(&o);
    o.path = path;
    o.deadline_ms = WORKER_DEADLINE_MS;
    if (o.bytes_max < xml.n)
        o.bytes_max = xml.n;
    rq.judge.xml = xml;
    if (worker_path(path, sizeof path, e) != 0 || worker_new(base, &o, &w, e) != 0 ||
        worker_call(base, w, &rq, a, &reply, e) != 0)
        goto out;
    rc = wire_get_signed(reply, ret, e);
out:
    worker_free(w);
    trusts_unref(trusts);
    if (base)
        event_base_free(base);
    return rc;
}

int idp_document_canonical(const struct config_idp *idp, struct slice xml, struct arena *a, struct slice *ret,
                           struct err *e)
{
    const struct saml_trust *signer = idp->metadata_signer ? &idp->signer : NULL;
    struct saml_signer signers[2];
    struct saml_signed s;

    if (ask_worker(xml, signer, a, &s, e) != 0)
        return -1;
    if (!signer) {
        if (s.plain_what != SAML_METADATA || s.plain.n == 0)
            return err_set(e, ERR_RECHECK, "the worker returned no metadata");
        *ret = s.plain;
        return 0;
    }
    /* it is not believed: a signature of ours, over metadata, and nothing else is read */
    if (s.nsig != 1 || s.sig[0].what != SAML_METADATA)
        return err_set(e, ERR_RECHECK, "the worker returned no signed metadata");
    if (saml_recheck(&s, signer, signer->allow, signers, e) != 0)
        return -1;
    *ret = s.sig[0].element;
    return 0;
}

/* --- reading and judging ----------------------------------------------------------------------------------------- */

int idp_document_read(const struct config_idp *idp, struct slice document, int64_t now, struct saml_trust *ret,
                      struct err *e)
{
    struct saml_trust t;

    saml_trust_init(&t);
    if (saml_metadata_read(document, NULL, &t, e) != 0)
        goto fail;
    if (!t.sso_redirect) {
        (void)err_set(e, ERR_METADATA, "the metadata offers no SingleSignOnService with HTTP-Redirect");
        goto fail;
    }
    if (idp->metadata_valid_until && t.valid_until <= now) {
        (void)err_set(e, ERR_METADATA,
                      t.valid_until == 0 ? "the metadata has no validUntil, which is required here"
                                         : "the metadata is past its validUntil");
        goto fail;
    }
    t.allow = idp->allow;
    *ret = t;
    return 0;
fail:
    saml_trust_free(&t);
    return -1;
}

bool idp_has_key(const struct saml_trust *t, const unsigned char sha256[STORE_KEY_BYTES])
{
    for (size_t i = 0; i < t->nkeys; i++) {
        if (memcmp(t->keys[i].sha256, sha256, STORE_KEY_BYTES) == 0)
            return true;
    }
    return false;
}

bool idp_same_keys(const struct saml_trust *a, const struct saml_trust *b)
{
    for (size_t i = 0; i < a->nkeys; i++) {
        if (!idp_has_key(b, a->keys[i].sha256))
            return false;
    }
    return a->nkeys == b->nkeys; /* a trust holds each key once */
}

/* A key that is distrusted vouches for nobody. */
static bool shares_key(const struct saml_trust *old, const struct saml_trust *found, const struct idp_key_list *known)
{
    for (size_t i = 0; i < old->nkeys; i++) {
        if (idp_has_key(found, old->keys[i].sha256) && !idp_key_is_distrusted(known, old->keys[i].sha256))
            return true;
    }
    return false;
}

enum idp_verdict idp_document_judge(const struct config_idp *idp, const struct idp_metadata *stored,
                                    const struct saml_trust *in_force, const struct idp_key_list *known,
                                    const struct saml_trust *found)
{
    /* the administrator who names another URL vouches for what is there, as for the first */
    if (!stored->document.p || strcmp(stored->url, idp->metadata) != 0)
        return IDP_VERDICT_FIRST;
    if (!in_force->issuer || strcmp(in_force->issuer, found->issuer) != 0)
        return IDP_VERDICT_WAIT;
    if (idp_same_keys(in_force, found))
        return IDP_VERDICT_SAME;
    return shares_key(in_force, found, known) ? IDP_VERDICT_CHANGED : IDP_VERDICT_WAIT;
}
