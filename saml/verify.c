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

int saml_verify(struct slice xml, const struct saml_trust *trust, unsigned allow, struct arena *a,
                struct saml_signed *ret, struct err *e)
{
    struct saml_signed s = {.nsig = 0};
    struct located l;
    struct _xmlDoc *doc = NULL;
    int result = -1;

    if (!initialised)
        return err_set(e, ERR_INTERNAL, "saml_init() was not called");
    if (dom_parse(xml, &prescan_message, &doc, e) != 0)
        return -1;
    if (locate(doc, &l, e) != 0)
        goto out;
    if (!l.response_signature && !l.assertion_signature) {
        (void)err_set(e, ERR_SIGNATURE_MISSING, "neither the Response nor the Assertion is signed");
        goto out;
    }
    /* every signature that is present must hold, also one that would not be needed */
    if (l.response_signature &&
        dsig_verify(l.response_signature, l.response, SAML_RESPONSE, trust, allow, a, &s.sig[s.nsig++], e) != 0)
        goto out;
    if (l.assertion_signature &&
        dsig_verify(l.assertion_signature, l.assertion, SAML_ASSERTION, trust, allow, a, &s.sig[s.nsig++], e) != 0)
        goto out;
    if (copy_outer(&l.outer, a, &s.outer, e) != 0)
        goto out;
    *ret = s;
    result = 0;
out:
    dom_free(doc);
    return result;
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
