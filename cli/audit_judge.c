/*
 * audit_judge.c - see audit_judge.h.
 *
 * A document is inspected, then judged with the pinned keys of the issuer it names, and if these do not verify it, once
 * more with the certificates in its own KeyInfo: whoever holds any key can make that hold, so it is reported apart.
 */
#include "cli/audit_judge.h"

#include <stdlib.h>

#include <openssl/sha.h>

#include "base/clock.h"
#include "cli/audit_attack.h"

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

static void digest_certificates(const struct saml_inspection *in, unsigned char ret[32])
{
    unsigned char each[SAML_INSPECT_SIGNATURES_MAX][32] = {{0}};

    for (size_t i = 0; i < in->nsignatures; i++)
        (void)SHA256((const unsigned char *)in->signatures[i].certificate.p, in->signatures[i].certificate.n, each[i]);
    (void)SHA256(each[0], sizeof each, ret);
}

/* The keys in KeyInfo as a trust of their own, for every signature in the document. */
static void load_brought(struct audit_examiner *x, const struct saml_inspection *in)
{
    unsigned char sha256[32];

    digest_certificates(in, sha256);
    if (memcmp(sha256, x->brought_sha256, sizeof sha256) == 0)
        return;
    saml_trust_free(&x->brought);
    memcpy(x->brought_sha256, sha256, sizeof sha256);
    x->brought_serial++;
    for (size_t i = 0; i < in->nsignatures; i++) {
        struct err ignored = ERR_INIT;

        if (in->signatures[i].certificate.n)
            (void)saml_trust_add_cert(&x->brought, in->signatures[i].certificate, &ignored);
    }
    x->brought.allow = x->setup->allow;
}

/* Which of the loaded keys a certificate has: it is decoded once more only if the document has several. */
static void describe_claims(struct audit_examiner *x, struct audit_result *r, int64_t at)
{
    for (size_t i = 0; i < r->in.nsignatures; i++) {
        struct slice der = r->in.signatures[i].certificate;
        const struct saml_key *key = NULL;
        struct saml_trust one;
        struct err ignored = ERR_INIT;

        if (!der.n)
            continue;
        (void)SHA256((const unsigned char *)der.p, der.n, r->claimed[i].cert);
        saml_trust_init(&one);
        if (x->brought.nkeys == 1 && (i == 0 || slice_eq(der, r->in.signatures[0].certificate)))
            key = &x->brought.keys[0];
        else if (saml_trust_add_cert(&one, der, &ignored) == 0)
            key = &one.keys[0];
        if (key)
            describe_key(x->setup, key, at, &r->claimed[i]);
        saml_trust_free(&one);
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

/* With what the document brings along, if it is the key alone that is missing or wrong. */
static bool judge_with_brought(struct audit_examiner *x, struct slice xml, struct audit_result *r,
                               struct saml_verdict *v)
{
    uint64_t serial = x->setup->ntrusts + x->brought_serial; /* behind those of the pinned, which are their indexes */
    struct err e = ERR_INIT;

    if (x->brought.nkeys == 0)
        return false;
    if (x->judge->judge(x->judge, xml, &x->brought, serial, &r->a, v, &e) == 0) {
        r->verdict = AUDIT_UNTRUSTED;
        if (r->why.code == ERR_NONE)
            (void)err_set(&r->why, ERR_SIGNATURE, "verified by the key in its own KeyInfo: proves nothing");
        return true;
    }
    if (!x->any_trust) {
        r->why = e;
        r->verdict = verdict_of(e.code);
    }
    return false;
}

static bool judge(struct audit_examiner *x, struct slice xml, struct audit_result *r, struct saml_verdict *v)
{
    static const struct saml_trust none; /* no key at all */
    const struct saml_trust *t = x->any_trust ? choose_trust(x->setup, &r->in, &r->why) : &none;

    if (t && (x->any_trust || x->brought.nkeys == 0)) {
        uint64_t serial = x->any_trust ? (uint64_t)(t - x->setup->trusts) : x->setup->ntrusts;

        if (x->judge->judge(x->judge, xml, t, serial, &r->a, v, &r->why) == 0) {
            r->verdict = AUDIT_VALID;
            return true;
        }
        r->verdict = verdict_of(r->why.code);
        if (!x->any_trust && r->why.code == ERR_SIGNATURE) {
            r->verdict = AUDIT_NOT_JUDGED; /* for want of any key */
            return false;
        }
        if (r->why.code != ERR_SIGNATURE && r->why.code != ERR_KEY_WEAK)
            return false;
    }
    return judge_with_brought(x, xml, r, v);
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

static void judge_conditions(struct audit_examiner *x, struct saml_verdict *v, struct audit_result *r)
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

static void examine_xml(struct audit_examiner *x, const struct audit_document *d, struct audit_result *r)
{
    struct slice xml = buf_slice(&d->xml);
    struct saml_verdict *v = arena_alloc(&r->a, sizeof *v);
    int64_t at;

    r->owes = true; /* until it is known to be something else */
    if (!v) {
        (void)err_set(&r->why, ERR_MEMORY, "no memory for a verdict");
        return;
    }
    if (x->judge->inspect(x->judge, xml, &r->a, &r->in, &r->why) != 0)
        return;
    r->inspected = true;
    r->owes = owes_signature(&r->in);
    at = judged_time(x, r);
    load_brought(x, &r->in);
    describe_claims(x, r, at);
    if (!r->owes) {
        r->verdict = r->in.signatures_in_all || d->query_signed ? AUDIT_NOT_JUDGED : AUDIT_UNSIGNED;
        return;
    }
    if (!judge(x, xml, r, v))
        return;
    keep_signers(x, v, r, at);
    if (r->verdict == AUDIT_VALID && x->with_conditions)
        judge_conditions(x, v, r);
}

void audit_examine(struct audit_examiner *x, const struct audit_document *d, struct audit_result *r)
{
    arena_init(&r->a, 3 * SAML_ARENA_MAX);
    if (d->undecodable.code != ERR_NONE) {
        r->owes = true;
        r->why = d->undecodable;
    } else {
        examine_xml(x, d, r);
    }
    r->finding = r->owes && r->verdict != AUDIT_VALID && r->why.code != ERR_STATUS;
    r->attacks = audit_attacks_of(r, buf_slice(&d->xml), x->any_trust);
}

void audit_result_free(struct audit_result *r)
{
    arena_free(&r->a);
}

void audit_examiner_free(struct audit_examiner *x)
{
    if (x->judge)
        x->judge->free(x->judge);
    saml_trust_free(&x->brought);
}
