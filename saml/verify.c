/* verify.c - see verify.h: the order of things; the parts are in prescan.c, dom.c, locate.c and dsig.c. */
#include "saml/verify.h"

#include "saml/dom.h"

static bool initialised;

int saml_init(struct err *e)
{
    if (initialised)
        return 0;
    if (dom_init(e) != 0 || dsig_init(e) != 0)
        return -1;
    initialised = true;
    return 0;
}

void saml_cleanup(void)
{
    if (!initialised)
        return;
    dsig_cleanup();
    dom_cleanup();
    initialised = false;
}

/* The document is about to go. Absent stays absent. */
static int copy_outer(const struct saml_outer *outer, struct arena *a, struct saml_outer *ret, struct err *e)
{
    struct saml_outer o = *outer;
    struct slice *parts[] = {&o.issuer, &o.destination, &o.in_response_to, &o.status_code};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i]->p) {
            *parts[i] = arena_slice(a, *parts[i]);
            if (!parts[i]->p)
                return err_set(e, ERR_MEMORY, "no room for the Response's fields");
        }
    }
    *ret = o;
    return 0;
}

/* The Issuer that stands there chooses whose keys to try; nothing else may come of it. */
static int choose_trust(const struct saml_verify_request *rq, const struct located *l, size_t *ret, struct err *e)
{
    struct slice issuer = l->outer.issuer;
    char found[160];

    if (!rq->by_issuer) {
        *ret = 0;
        return rq->ntrusts == 1 ? 0 : err_set(e, ERR_INTERNAL, "%zu trusts and no rule to choose by", rq->ntrusts);
    }
    if (!issuer.p && l->assertion &&
        (!dom_is(dom_first(l->assertion), SAML_NS_ASSERTION, "Issuer") || !dom_text(dom_first(l->assertion), &issuer)))
        issuer = (struct slice){NULL, 0};
    issuer = slice_trim(issuer);
    for (size_t i = 0; issuer.n && i < rq->ntrusts; i++) {
        if (rq->trusts[i]->issuer && slice_is(issuer, rq->trusts[i]->issuer)) {
            *ret = i;
            return 0;
        }
    }
    str_cut(found, sizeof found, issuer);
    return err_mismatch(e, ERR_ISSUER, issuer.n ? found : NULL, "the entity ID of a configured identity provider",
                        "no identity provider of this name");
}

static int verify_signatures(const struct located *l, const struct saml_trust *trust, struct arena *a,
                             struct saml_signed *s, struct err *e)
{
    if (!l->response_signature && !l->assertion_signature)
        return err_set(e, ERR_SIGNATURE_MISSING, "neither the Response nor the Assertion is signed");
    /* every signature that is present must hold, also one that would not be needed */
    if (l->response_signature && dsig_verify(l->response_signature, l->response, SAML_RESPONSE, trust, trust->allow, a,
                                             &s->sig[s->nsig++], e) != 0)
        return -1;
    if (l->assertion_signature && dsig_verify(l->assertion_signature, l->assertion, SAML_ASSERTION, trust, trust->allow,
                                              a, &s->sig[s->nsig++], e) != 0)
        return -1;
    return copy_outer(&l->outer, a, &s->outer, e);
}

int saml_verify_message(const struct saml_verify_request *rq, struct arena *a, struct saml_signed *ret, struct err *e)
{
    struct saml_signed s = {.nsig = 0};
    struct located l;
    struct _xmlDoc *doc = NULL;
    int result = -1;

    if (!initialised)
        return err_set(e, ERR_INTERNAL, "saml_init() was not called");
    if (rq->message == SAML_MESSAGE_LOGOUT)
        return verify_logout(rq, a, ret, e);
    if (rq->message != SAML_MESSAGE_RESPONSE)
        return err_set(e, ERR_INTERNAL, "a message of unknown kind");
    if (dom_parse(rq->xml, &prescan_message, &doc, e) != 0)
        return -1;
    if (locate(doc, &l, e) == 0 && choose_trust(rq, &l, &s.trust, e) == 0 &&
        verify_signatures(&l, rq->trusts[s.trust], a, &s, e) == 0) {
        *ret = s;
        result = 0;
    }
    dom_free(doc);
    return result;
}

int saml_verify(struct slice xml, const struct saml_trust *trust, unsigned allow, struct arena *a,
                struct saml_signed *ret, struct err *e)
{
    struct saml_trust with = *trust;
    const struct saml_trust *one = &with;
    struct saml_verify_request rq = {.message = SAML_MESSAGE_RESPONSE, .xml = xml, .trusts = &one, .ntrusts = 1};

    with.allow = allow;
    return saml_verify_message(&rq, a, ret, e);
}

int saml_peek_issuer(struct slice xml, struct arena *a, struct slice *ret, struct err *e)
{
    struct located l;
    struct _xmlDoc *doc = NULL;
    struct slice issuer;
    int result = -1;

    if (!initialised)
        return err_set(e, ERR_INTERNAL, "saml_init() was not called");
    if (dom_parse(xml, &prescan_message, &doc, e) != 0)
        return -1;
    if (locate(doc, &l, e) != 0)
        goto out;
    issuer = l.outer.issuer;
    if (!issuer.p &&
        (!dom_is(dom_first(l.assertion), SAML_NS_ASSERTION, "Issuer") || !dom_text(dom_first(l.assertion), &issuer))) {
        (void)err_set(e, ERR_ISSUER, "neither the Response nor the Assertion names its issuer");
        goto out;
    }
    *ret = arena_slice(a, slice_trim(issuer));
    result = ret->p ? 0 : err_set(e, ERR_MEMORY, "no room for the issuer");
out:
    dom_free(doc);
    return result;
}
