/*
 * locate_logout.c - the worker's half of a logout message by POST: where its Signature is, and the canonical bytes.
 *
 * See verify_logout() in dom.h. The walk is short, as these messages have one place for each part; what they say is
 * read from the canonical bytes alone (logout.c), so nothing but the Issuer is looked at here, to choose keys by.
 */
#include "saml/dom.h"

#include "saml/compat_xml.h"

/* Issuer, if any, is the first child and Signature the next (core 3.2.1, 3.2.2). */
static int locate_logout(xmlDoc *doc, struct located *ret, struct err *e)
{
    struct located l = {.response = dom_root(doc)};
    xmlNode *node;

    if (!dom_is(l.response, SAML_NS_PROTOCOL, "LogoutRequest") &&
        !dom_is(l.response, SAML_NS_PROTOCOL, "LogoutResponse"))
        return dom_refuse(l.response, ERR_LOGOUT, e, "the root element is no logout message");
    if (!dom_attr(l.response, "ID").p)
        return dom_refuse(l.response, ERR_XML_ID, e, "no ID");
    node = dom_first(l.response);
    if (dom_is(node, SAML_NS_ASSERTION, "Issuer")) {
        if (!dom_text(node, &l.outer.issuer))
            return dom_refuse(node, ERR_LOGOUT, e, "Issuer is not plain text");
        node = dom_next(node);
    }
    if (dom_is(node, SAML_NS_DSIG, "Signature"))
        l.response_signature = node;
    if (locate_sweep(&l, e) != 0)
        return -1;
    *ret = l;
    return 0;
}

static int take_bytes(const struct located *l, const struct saml_trust *trust, struct arena *a, struct saml_signed *s,
                      struct err *e)
{
    enum saml_element what =
        dom_is(l->response, SAML_NS_PROTOCOL, "LogoutRequest") ? SAML_LOGOUT_REQUEST : SAML_LOGOUT_RESPONSE;

    if (!l->response_signature) {
        s->plain_what = what;
        return dom_canonical(l->response->doc, SAML_XML_MAX, a, &s->plain, e);
    }
    s->nsig = 1;
    return dsig_verify(l->response_signature, l->response, what, trust, trust->allow, a, &s->sig[0], e);
}

int verify_logout(const struct saml_verify_request *rq, struct arena *a, struct saml_signed *ret, struct err *e)
{
    struct saml_signed s = {.nsig = 0};
    struct located l = {.response = NULL};
    xmlDoc *doc = NULL;
    int result = -1;

    if (dom_parse(rq->xml, &prescan_message, &doc, e) != 0)
        return -1;
    if (locate_logout(doc, &l, e) == 0 && verify_choose_trust(rq, l.outer.issuer, &s.trust, e) == 0 &&
        take_bytes(&l, rq->trusts[s.trust], a, &s, e) == 0) {
        *ret = s;
        result = 0;
    }
    dom_free(doc);
    return result;
}
