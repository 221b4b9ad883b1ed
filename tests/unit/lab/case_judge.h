/* case_judge.h - the verdict on a row, as one word: who it is, or the name of the error. */
#ifndef USHER_TESTS_UNIT_LAB_CASE_JUDGE_H
#define USHER_TESTS_UNIT_LAB_CASE_JUDGE_H

#include "saml/dom.h"
#include "tests/unit/lab/case.h"

struct case_verdict {
    bool accepted;
    char text[256]; /* who it is, or the name of the error */
    struct err e;
};

static inline int case_read_alone(const struct case_row *r, struct arena *a, struct saml_verdict *v, struct err *e)
{
    const struct saml_signature *s = &r->said.sig[0];

    if (saml_read(s->element, s->what, &r->keys, r->trust[0].allow, a, &v->response, &v->assertion, e) != 0 ||
        saml_check(&v->assertion, &v->response, &r->said.outer, &r->x, &v->valid_until, e) != 0)
        return -1;
    return saml_email(&v->assertion, &r->x, &v->has_email, &v->email, e);
}

static inline int case_by_issuer(const struct case_row *r, struct arena *a, struct saml_verdict *v, struct err *e)
{
    const struct saml_trust *trusts[3] = {&r->trust[0], &r->trust[1], &r->trust[2]};
    struct saml_verify_request rq = {
        .message = SAML_MESSAGE_RESPONSE, .xml = r->input, .trusts = trusts, .ntrusts = r->ntrust, .by_issuer = true};
    struct saml_signed *s = arena_alloc(a, sizeof *s);
    struct saml_expect x = r->x;

    if (!s || saml_verify_message(&rq, a, s, e) != 0)
        return -1;
    if (trusts[s->trust]->issuer)
        x.issuer = slice_of(trusts[s->trust]->issuer);
    return saml_judge_signed(s, trusts[s->trust], &r->keys, trusts[s->trust]->allow, &x, a, v, e);
}

static inline int case_run(const struct case_row *r, struct arena *a, struct saml_verdict *v, struct err *e)
{
    const struct saml_trust *trust = &r->trust[0];
    struct saml_signed *s = arena_alloc(a, sizeof *s);
    struct saml_signer signers[2];
    unsigned char key[SAML_CONTENT_KEY_MAX];
    struct slice xml;
    struct buf scratch;
    unsigned allow = r->router_strict ? 0 : trust->allow;
    int result;

    switch (r->layer) {
    case CASE_WHOLE: return saml_judge(r->input, trust, &r->keys, trust->allow, &r->x, a, v, e);
    case CASE_WIRE:
        return saml_unwrap_file(r->input, a, &xml, e) != 0
                   ? -1
                   : saml_judge(xml, trust, &r->keys, trust->allow, &r->x, a, v, e);
    case CASE_UNWRAP: return saml_unwrap_file(r->input, a, &xml, e);
    case CASE_ISSUER: return case_by_issuer(r, a, v, e);
    case CASE_PRESCAN:
        result = prescan(r->input, &prescan_message, &scratch, &xml, e);
        buf_free(&scratch);
        return result;
    case CASE_WORKER: return saml_verify(r->input, trust, trust->allow, a, s, e);
    case CASE_ROUTER: return saml_judge_signed(&r->said, trust, &r->keys, allow, &r->x, a, v, e);
    case CASE_KEY: return saml_unwrap_key(&r->keys, allow, &r->said.wrapped, key, e);
    case CASE_RECHECK: return saml_recheck(&r->said, trust, allow, signers, e);
    case CASE_READER: return case_read_alone(r, a, v, e);
    }
    return -1;
}

static inline void case_judge(const struct case_row *r, struct case_verdict *ret)
{
    struct saml_verdict v = {.has_email = false};
    struct arena a;

    memset(ret, 0, sizeof *ret);
    arena_init(&a, SAML_ARENA_MAX);
    ret->accepted = case_run(r, &a, &v, &ret->e) == 0;
    if (!ret->accepted)
        (void)snprintf(ret->text, sizeof ret->text, "%s", err_name(ret->e.code));
    else if (r->layer == CASE_PRESCAN || r->layer == CASE_UNWRAP || r->layer == CASE_WORKER || r->layer == CASE_KEY ||
             r->layer == CASE_RECHECK)
        (void)snprintf(ret->text, sizeof ret->text, "passes");
    else if (v.has_email)
        (void)snprintf(ret->text, sizeof ret->text, "%s", v.email.text);
    else
        (void)snprintf(ret->text, sizeof ret->text, "\"%.*s\"", SLICE_ARG(v.assertion.name_id));
    arena_free(&a);
}

static inline bool case_as_expected(const struct case_row *r, const struct case_verdict *v)
{
    return v->accepted == r->accepted && strcmp(v->text, r->expected) == 0;
}

#endif
