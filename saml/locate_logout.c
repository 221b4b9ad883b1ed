/*
 * locate_logout.c - the worker's half of a logout message by POST: where its Signature is, and the canonical bytes.
 *
 * See locate_logout() in dom.h. The walk is short, as these messages have one place for each part; what they say is
 * read from the canonical bytes alone (logout.c), so nothing but the Issuer is looked at here, to choose keys by.
 */
#include "saml/dom.h"

#include "saml/compat_xml.h"

/* Issuer, if any, is the first child and Signature the next (core 3.2.1, 3.2.2). */
static int head(struct located *l, struct err *e)
{
    xmlNode *node = dom_first(l->response);

    if (dom_is(node, SAML_NS_ASSERTION, "Issuer")) {
        if (!dom_text(node, &l->outer.issuer))
            return dom_refuse(node, ERR_LOGOUT, e, "Issuer is not plain text");
        node = dom_next(node);
    }
    if (dom_is(node, SAML_NS_DSIG, "Signature"))
        l->response_signature = node;
    return 0;
}

int locate_logout(xmlDoc *doc, struct located *ret, struct err *e)
{
    struct located l = {.response = dom_root(doc)};

    if (!dom_is(l.response, SAML_NS_PROTOCOL, "LogoutRequest") &&
        !dom_is(l.response, SAML_NS_PROTOCOL, "LogoutResponse"))
        return dom_refuse(l.response, ERR_LOGOUT, e, "the root element is no logout message");
    if (!dom_attr(l.response, "ID").p)
        return dom_refuse(l.response, ERR_XML_ID, e, "no ID");
    if (head(&l, e) != 0 || locate_sweep(&l, e) != 0)
        return -1;
    l.outer.destination = dom_attr(l.response, "Destination");
    l.outer.in_response_to = dom_attr(l.response, "InResponseTo");
    *ret = l;
    return 0;
}

static int canonical(xmlDoc *doc, struct arena *a, struct slice *ret, struct err *e)
{
    xmlChar *text = NULL;
    int n = xmlC14NDocDumpMemory(doc, NULL, XML_C14N_EXCLUSIVE_1_0, NULL, 0, &text);

    if (n <= 0 || !text) {
        xmlFree(text);
        return err_set(e, ERR_XML_SYNTAX, "the message could not be canonicalized");
    }
    *ret = arena_slice(a, slice_make(text, (size_t)n));
    xmlFree(text);
    return ret->p ? 0 : err_set(e, ERR_MEMORY, "no room for the message");
}

int verify_logout(const struct located *l, const struct saml_trust *trust, struct arena *a, struct saml_signed *s,
                  struct err *e)
{
    enum saml_element what =
        dom_is(l->response, SAML_NS_PROTOCOL, "LogoutRequest") ? SAML_LOGOUT_REQUEST : SAML_LOGOUT_RESPONSE;

    if (l->response_signature) {
        if (dsig_verify(l->response_signature, l->response, what, trust, trust->allow, a, &s->sig[0], e) != 0)
            return -1;
        s->nsig = 1;
        return 0;
    }
    s->plain_what = what;
    return canonical(l->response->doc, a, &s->plain, e);
}
