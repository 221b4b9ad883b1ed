/*
 * locate_metadata.c - the worker's half of metadata: the root, its Signature if one is wanted, and the canonical bytes
 * from which the router reads; see verify_metadata() in dom.h.
 *
 * Only the Signature of the root counts: it covers everything within. Those of single entities in an aggregate are part
 * of what is signed and are not looked at, and so are IDs there: the one ID that libxml2 is told about is the root's.
 */
#include "saml/dom.h"

#include "saml/compat_xml.h"
#include "saml/metadata.h"

/* The direct child of the root, wherever it stands among its siblings; two would leave open which one counts. */
static int root_signature(xmlNode *root, xmlNode **ret, struct err *e)
{
    *ret = NULL;
    for (xmlNode *n = dom_first(root); n; n = dom_next(n)) {
        if (!dom_is(n, SAML_NS_DSIG, "Signature"))
            continue;
        if (*ret)
            return dom_refuse(n, ERR_SIGNATURE_SHAPE, e, "a second Signature of the same element");
        *ret = n;
    }
    return 0;
}

static int signed_metadata(xmlNode *root, const struct saml_trust *signer, struct arena *a, struct saml_signed *ret,
                           struct err *e)
{
    xmlNode *signature;

    if (root_signature(root, &signature, e) != 0)
        return -1;
    if (!signature)
        return err_set(e, ERR_SIGNATURE_MISSING, "the metadata is not signed");
    if (!dom_attr(root, "ID").p)
        return dom_refuse(root, ERR_XML_ID, e, "no ID");
    if (dsig_verify(signature, root, SAML_METADATA, signer, signer->allow, a, &ret->sig[0], e) != 0)
        return -1;
    ret->nsig = 1;
    return 0;
}

/* So that the strict reader meets one spelling whatever was fetched. */
static int plain_metadata(struct _xmlDoc *doc, struct arena *a, struct saml_signed *ret, struct err *e)
{
    ret->plain_what = SAML_METADATA;
    return dom_canonical(doc, SAML_METADATA_MAX, a, &ret->plain, e);
}

int verify_metadata(const struct saml_verify_request *rq, struct arena *a, struct saml_signed *ret, struct err *e)
{
    struct saml_signed s = {.nsig = 0};
    xmlDoc *doc = NULL;
    xmlNode *root;
    int result = -1;

    if (rq->ntrusts > 1 || rq->by_issuer)
        return err_set(e, ERR_INTERNAL, "metadata is signed by one signer or by nobody");
    if (dom_parse(rq->xml, &prescan_metadata, &doc, e) != 0)
        return -1;
    root = dom_root(doc);
    if (!dom_is(root, SAML_NS_METADATA, "EntityDescriptor") && !dom_is(root, SAML_NS_METADATA, "EntitiesDescriptor"))
        (void)dom_refuse(root, ERR_METADATA, e, "the root element is not of SAML metadata");
    else
        result = rq->ntrusts == 1 ? signed_metadata(root, rq->trusts[0], a, &s, e) : plain_metadata(doc, a, &s, e);
    dom_free(doc);
    if (result == 0)
        *ret = s;
    return result;
}
