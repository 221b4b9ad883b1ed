/*
 * audit_judge.c - see audit_judge.h.
 *
 * A document is inspected, then judged with the pinned keys of the issuer it names, and if these do not verify it, once
 * more with the keys in its own KeyInfo: whoever holds any key can make that hold, so it is reported apart. Each of
 * these is a request to the worker and a function that goes on with the answer:
 *
 *     audit_examine() -> on_inspected() -> judge_by() -> on_judged() [-> judge_by() -> on_judged()] -> finish()
 *
 * on_judged() asks once more where the worker needs a content key, or by a new worker where the answer does not hold.
 */
#include "cli/audit_judge.h"

#include <stdlib.h>

#include <openssl/sha.h>

#include "base/clock.h"
#include "base/secret.h"
#include "cli/audit_attack.h"
#include "cli/worker.h"

struct audit_examiner {
    const struct judge_setup *setup;
    bool with_conditions;
    struct worker *worker;
    size_t under_way;
    struct trusts *pinned; /* setup->trusts, by index; without any, one trust without keys */
    /* The key that documents bring along is mostly the same: kept from one to the next. NULL: there is none. */
    struct trusts *brought;
    unsigned char brought_sha256[32];
};

static bool any_trust(const struct audit_examiner *x)
{
    return x->setup->ntrusts > 0;
}

void audit_document_free(struct audit_document *d)
{
    if (!d)
        return;
    free(d->file);
    buf_free(&d->xml);
    free(d);
}

const char *audit_verdict_name(enum audit_verdict v)
{
    switch (v) {
    case AUDIT_REFUSED: return "refused";
    case AUDIT_UNSIGNED: return "unsigned";
    case AUDIT_INVALID: return "invalid";
    case AUDIT_UNTRUSTED: return "untrusted";
    case AUDIT_NOT_JUDGED: return "not-judged";
    case AUDIT_VALID: return "valid";
    }
    return "refused";
}

/* --- keys -------------------------------------------------------------------------------------------------------- */

static bool is_pinned(const struct judge_setup *s, const unsigned char sha256[32])
{
    for (size_t i = 0; i < s->ntrusts; i++) {
        for (size_t k = 0; k < s->trusts[i].nkeys; k++) {
            if (memcmp(s->trusts[i].keys[k].sha256, sha256, 32) == 0)
                return true;
        }
    }
    return false;
}

static void describe_key(const struct judge_setup *s, const struct saml_key *k, int64_t at, struct audit_key *ret)
{
    ret->known = true;
    memcpy(ret->sha256, k->sha256, sizeof ret->sha256);
    memcpy(ret->subject, k->subject, sizeof ret->subject);
    ret->not_after = k->not_after;
    ret->bits = k->bits;
    ret->rsa = k->type == SAML_KEY_RSA;
    ret->pinned = is_pinned(s, k->sha256);
    ret->expired = k->not_after && k->not_after < at;
    ret->weak = ret->rsa && k->bits < 2048;
}

static void sha256(struct slice s, unsigned char ret[32])
{
    (void)SHA256((const unsigned char *)s.p, s.n, ret);
}

static void digest_certificates(const struct saml_inspection *in, unsigned char ret[32])
{
    unsigned char each[SAML_INSPECT_SIGNATURES_MAX][32] = {{0}};

    for (size_t i = 0; i < in->nsignatures; i++)
        sha256(in->signatures[i].certificate, each[i]);
    sha256(slice_make(each, sizeof each), ret);
}

/* What stands beside a key in its certificate is for the report. */
static void add_brought(struct saml_trust *t, const struct saml_inspected_signature *s)
{
    struct err ignored = ERR_INIT;
    size_t before = t->nkeys;

    if (s->key_type == SAML_KEY_NONE || saml_trust_add_spki(t, s->spki, &ignored) != 0 || t->nkeys == before)
        return;
    (void)str_copy(t->keys[before].subject, sizeof t->keys[before].subject, s->subject);
    t->keys[before].not_after = s->not_after;
}

/* The keys in KeyInfo as a trust of their own, for every signature in the document. */
static void load_brought(struct audit_examiner *x, const struct saml_inspection *in)
{
    unsigned char digest[32];
    struct saml_trust *t;

    digest_certificates(in, digest);
    if (memcmp(digest, x->brought_sha256, sizeof digest) == 0)
        return;
    trusts_unref(x->brought);
    x->brought = NULL;
    t = calloc(1, sizeof *t);
    if (!t)
        return; /* one key fewer to try */
    for (size_t i = 0; i < in->nsignatures; i++)
        add_brought(t, &in->signatures[i]);
    t->allow = x->setup->allow;
    x->brought = t->nkeys ? trusts_new(&t, 1) : NULL;
    if (!x->brought) {
        saml_trust_free(t);
        free(t);
    }
    memcpy(x->brought_sha256, digest, sizeof digest);
}

/* As the worker decoded the certificates. */
static void describe_claims(const struct audit_examiner *x, struct audit_result *r, int64_t at)
{
    for (size_t i = 0; i < r->in.nsignatures; i++) {
        const struct saml_inspected_signature *s = &r->in.signatures[i];
        struct saml_key k = {.type = s->key_type, .bits = s->key_bits, .not_after = s->not_after};

        if (s->certificate.n)
            sha256(s->certificate, r->claimed[i].cert);
        if (k.type == SAML_KEY_NONE)
            continue;
        sha256(s->spki, k.sha256);
        (void)str_copy(k.subject, sizeof k.subject, s->subject);
        describe_key(x->setup, &k, at, &r->claimed[i]);
    }
}

/* --- the signature ----------------------------------------------------------------------------------------------- */

/* Keys count for the entity that they were given for; keys without a name for whoever is left. */
static const struct saml_trust *choose_trust(const struct judge_setup *s, const struct saml_inspection *in,
                                             struct err *e)
{
    struct slice issuer = in->issuer.n ? in->issuer : in->assertion_issuer;
    const struct saml_trust *nameless = NULL;
    char found[160];

    for (size_t i = 0; i < s->ntrusts; i++) {
        const struct saml_trust *t = &s->trusts[i];

        if (t->issuer && slice_is(issuer, t->issuer))
            return t;
        if (!t->issuer && (!s->expect.issuer.n || slice_eq(s->expect.issuer, issuer)))
            nameless = t;
    }
    if (nameless)
        return nameless;
    str_cut(found, sizeof found, issuer);
    (void)err_mismatch(e, ERR_ISSUER, found, s->expect.issuer.n ? s->expect.issuer.p : "an issuer that --trust names",
                       "no trusted identity provider of this name");
    return NULL;
}

static enum audit_verdict verdict_of(enum err_code code)
{
    switch ((int)code) {
    case ERR_SIGNATURE:
    case ERR_RECHECK: return AUDIT_INVALID;
    case ERR_SIGNATURE_MISSING: return AUDIT_UNSIGNED;
    case ERR_STATUS: return AUDIT_NOT_JUDGED; /* no assertion, nobody signs in on it */
    default: return AUDIT_REFUSED;
    }
}

static void keep_signers(const struct audit_examiner *x, const struct saml_verdict *v, struct audit_result *r,
                         int64_t at)
{
    r->nsigned = v->signed_parts.nsig;
    for (size_t i = 0; i < r->nsigned; i++) {
        struct audit_signer *s = &r->signed_by[i];

        s->what = v->signed_parts.sig[i].what;
        s->method = v->signers[i].method;
        s->digest = v->signers[i].digest;
        describe_key(x->setup, v->signers[i].key, at, &s->key);
    }
    r->signed_issuer = v->assertion.issuer;
    r->signed_id = v->assertion.id;
    r->issued = v->assertion.issue_instant;
}

/* --- conditions -------------------------------------------------------------------------------------------------- */

/* Whichever request was answered: an auditor has not sent it. One that was named must be it. */
static void expect_any_request(struct saml_expect *x, const struct saml_assertion *as)
{
    if (x->unsolicited || x->request_id.n)
        return;
    for (size_t i = 0; i < as->nconfirmations; i++) {
        if (as->confirmations[i].bearer && as->confirmations[i].in_response_to.n) {
            x->request_id = as->confirmations[i].in_response_to;
            return;
        }
    }
    x->unsolicited = true;
}

static void judge_conditions(const struct audit_examiner *x, struct saml_verdict *v, struct audit_result *r)
{
    struct saml_expect expect = x->setup->expect;

    if (x->setup->ntrusts > 1 || !expect.issuer.n) /* chosen by issuer, which the signed one must equal */
        expect.issuer = r->in.issuer.n ? r->in.issuer : r->in.assertion_issuer;
    if (x->setup->now_is_issued)
        expect.now = v->assertion.issue_instant;
    expect_any_request(&expect, &v->assertion);
    r->judged_at = expect.now;
    if (saml_judge_conditions(&expect, v, &r->conditions_why) == 0) {
        r->conditions = AUDIT_CONDITIONS_MET;
        r->valid_until = v->valid_until;
    } else {
        r->conditions = AUDIT_CONDITIONS_REFUSED;
    }
}

/* --- one document ------------------------------------------------------------------------------------------------ */

/* Time by which a certificate has expired or not. */
static int64_t judged_time(const struct audit_examiner *x, const struct audit_result *r)
{
    struct err ignored = ERR_INIT;
    int64_t t = 0;

    if (!x->setup->now_is_issued || !r->in.issue_instant.n || time_parse(r->in.issue_instant, &t, &ignored) != 0)
        return x->setup->expect.now;
    return t;
}

static bool owes_signature(const struct saml_inspection *in)
{
    return slice_is(in->root, "Response") || slice_is(in->root, "Assertion") ||
           slice_is(in->root, "EncryptedAssertion") || in->assertions > 0 || in->encrypted_assertions > 0;
}

static void finish(struct audit_examination *n)
{
    struct audit_result *r = &n->result;

    trusts_unref(n->brought);
    secret_wipe(n->content_key, sizeof n->content_key);
    r->finding = r->owes && r->verdict != AUDIT_VALID && r->why.code != ERR_STATUS;
    r->attacks = audit_attacks_of(r, buf_slice(&n->document->xml), any_trust(n->x));
    n->x->under_way--;
    n->done(n);
}

static void fail(struct audit_examination *n, const struct err *why)
{
    n->result.why = *why;
    finish(n);
}

/* To the worker with the question in `ask`. */
static void submit(struct audit_examination *n)
{
    struct err e = ERR_INIT;

    if (worker_submit(n->x->worker, &n->ask, &e) != 0)
        fail(n, &e);
}

/* --- judging ----------------------------------------------------------------------------------------------------- */

static void on_judged(struct worker_request *rq, struct slice reply, const struct err *why);

static void judge_by(struct audit_examination *n, struct trusts *trusts, size_t i)
{
    n->by = trusts;
    n->ask = (struct worker_request){
        .judge = {SAML_MESSAGE_RESPONSE, (int)i, SLICE(""), buf_slice(&n->document->xml)},
        .trusts = trusts,
        .done = on_judged,
        .arg = n,
    };
    submit(n);
}

static bool by_brought(const struct audit_examination *n)
{
    return n->by == n->brought;
}

static void accepted(struct audit_examination *n, struct saml_verdict *v)
{
    struct audit_examiner *x = n->x;
    struct audit_result *r = &n->result;

    r->verdict = by_brought(n) ? AUDIT_UNTRUSTED : AUDIT_VALID;
    if (by_brought(n) && r->why.code == ERR_NONE)
        (void)err_set(&r->why, ERR_SIGNATURE, "verified by the key in its own KeyInfo: proves nothing");
    keep_signers(x, v, r, judged_time(x, r));
    if (r->verdict == AUDIT_VALID && x->with_conditions)
        judge_conditions(x, v, r);
    finish(n);
}

static void refused(struct audit_examination *n, const struct err *why)
{
    struct audit_result *r = &n->result;
    bool key_missing = why->code == ERR_SIGNATURE || why->code == ERR_KEY_WEAK;

    if (by_brought(n) && any_trust(n->x)) { /* what the pinned keys said counts */
        finish(n);
        return;
    }
    r->why = *why;
    r->verdict = verdict_of(why->code);
    if (!by_brought(n) && !any_trust(n->x) && why->code == ERR_SIGNATURE)
        r->verdict = AUDIT_NOT_JUDGED; /* for want of any key */
    /* with what the document brings along, if it is the key alone that is missing or wrong */
    if (!by_brought(n) && key_missing && n->brought)
        judge_by(n, n->brought, 0);
    else
        finish(n);
}

/* The worker found what it has no key for. */
static void unwrap(struct audit_examination *n, const struct saml_trust *t)
{
    const struct saml_wrapped_key *w = &n->found->wrapped;
    struct err e = ERR_INIT;

    if (n->ask.judge.content_key.n) {
        (void)err_set(&e, ERR_RECHECK, "the worker wants a key that it has");
        refused(n, &e);
    } else if (saml_unwrap_key(&n->x->setup->keys, t->allow, w, n->content_key, &e) != 0) {
        refused(n, &e);
    } else {
        n->ask.judge.content_key = slice_make(n->content_key, saml_cipher_key_size(w->content));
        submit(n);
    }
}

/* The reply outlives the call: the verdict borrows from it. */
static int keep_found(struct audit_examination *n, struct slice reply, struct saml_verdict **ret, struct err *e)
{
    struct arena *a = &n->result.a;
    struct slice kept = arena_slice(a, reply);

    n->found = arena_alloc(a, sizeof *n->found);
    *ret = arena_alloc(a, sizeof **ret);
    if (!kept.p || !n->found || !*ret)
        return err_set(e, ERR_MEMORY, "no memory for a verdict");
    return wire_get_signed(kept, n->found, e);
}

static void on_judged(struct worker_request *rq, struct slice reply, const struct err *why)
{
    struct audit_examination *n = rq->arg;
    const struct saml_trust *t = trusts_get(n->by, (size_t)rq->judge.trust);
    struct saml_verdict *v = NULL;
    struct err e = ERR_INIT;

    if (why) {
        refused(n, why);
    } else if (keep_found(n, reply, &v, &e) != 0) {
        refused(n, &e);
    } else if (n->found->wrapped.cipher.p) {
        unwrap(n, t);
    } else if (saml_judge_signed_only(n->found, t, &n->x->setup->keys, t->allow, &n->result.a, v, &e) == 0) {
        accepted(n, v);
    } else if (e.code == ERR_RECHECK && !rq->fresh) { /* an earlier document may have taken the worker over */
        rq->fresh = true;
        submit(n);
    } else {
        refused(n, &e);
    }
}

static void judge(struct audit_examination *n)
{
    struct audit_examiner *x = n->x;
    struct audit_result *r = &n->result;
    const struct saml_trust *t = any_trust(x) ? choose_trust(x->setup, &r->in, &r->why) : NULL;

    if (t)
        judge_by(n, x->pinned, (size_t)(t - x->setup->trusts));
    else if (n->brought)
        judge_by(n, n->brought, 0);
    else if (!any_trust(x))
        judge_by(n, x->pinned, 0); /* by no key: it may be refused for something else */
    else
        finish(n);
}

/* --- inspecting -------------------------------------------------------------------------------------------------- */

static void on_inspected(struct worker_request *rq, struct slice reply, const struct err *why)
{
    struct audit_examination *n = rq->arg;
    struct audit_result *r = &n->result;
    struct err e = ERR_INIT;

    if (why) {
        fail(n, why);
        return;
    }
    if (wire_get_inspected(reply, &r->a, &r->in, &e) != 0) {
        fail(n, &e);
        return;
    }
    r->inspected = true;
    r->owes = owes_signature(&r->in);
    load_brought(n->x, &r->in);
    n->brought = trusts_ref(n->x->brought);
    describe_claims(n->x, r, judged_time(n->x, r));
    if (r->owes) {
        judge(n);
        return;
    }
    r->verdict = r->in.signatures_in_all || n->document->query_signed ? AUDIT_NOT_JUDGED : AUDIT_UNSIGNED;
    finish(n);
}

void audit_examine(struct audit_examiner *x, struct audit_examination *n)
{
    n->x = x;
    x->under_way++;
    arena_init(&n->result.a, 4 * SAML_ARENA_MAX);
    n->result.owes = true; /* until it is known to be something else */
    if (n->document->undecodable.code != ERR_NONE) {
        fail(n, &n->document->undecodable);
        return;
    }
    n->ask = (struct worker_request){
        .inspect = true, .judge = {.xml = buf_slice(&n->document->xml)}, .done = on_inspected, .arg = n};
    submit(n);
}

void audit_result_free(struct audit_result *r)
{
    arena_free(&r->a);
}

/* --- the examiner ------------------------------------------------------------------------------------------------ */

size_t audit_examiner_under_way(const struct audit_examiner *x)
{
    return x->under_way;
}

uint64_t audit_examiner_restarts(const struct audit_examiner *x)
{
    struct worker_stats stats;

    worker_stats(x->worker, &stats);
    return stats.restarts;
}

void audit_examiner_wait(struct audit_examiner *x)
{
    worker_wait(x->worker);
}

int audit_examiner_check(struct audit_examiner *x, struct err *e)
{
    return worker_check(x->worker, e);
}

int audit_examiner_new(const struct audit_examiner_options *o, struct audit_examiner **ret, struct err *e)
{
    static const struct saml_trust none;
    const struct saml_trust *all[CLI_LIST_MAX] = {&none};
    size_t n = o->setup->ntrusts;
    struct worker_options w;
    struct audit_examiner *x = calloc(1, sizeof *x);

    if (!x)
        return err_set(e, ERR_MEMORY, "no memory for the audit");
    x->setup = o->setup;
    x->with_conditions = o->with_conditions;
    for (size_t i = 0; i < n; i++)
        all[i] = &o->setup->trusts[i];
    x->pinned = trusts_borrow(all, n ? n : 1);
    if (!x->pinned) {
        (void)err_set(e, ERR_MEMORY, "no memory for the audit");
        goto fail;
    }
    cli_worker_options(&w);
    w.path = o->worker;
    if (worker_open_blocking(&w, &x->worker, e) != 0)
        goto fail;
    *ret = x;
    return 0;
fail:
    audit_examiner_free(x);
    return -1;
}

void audit_examiner_free(struct audit_examiner *x)
{
    if (!x)
        return;
    worker_free(x->worker);
    trusts_unref(x->pinned);
    trusts_unref(x->brought);
    free(x);
}
