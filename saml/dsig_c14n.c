/*
 * dsig_c14n.c - exclusive canonicalization as a transform of xmlsec: libxml2 does it, this says over which nodes.
 *
 * xmlsec's own asks for every node, attribute and namespace of the whole document whether it belongs to a node set made
 * by intersecting lists, and pushes the result on in small pieces. Here the node sets that the accepted form of a
 * signature leads to are understood (an element with all below it, without the Signature for enveloped-signature), and
 * any other is refused; libxml2 walks from that element on and not the whole document; the result stays in one piece,
 * where dsig.c takes it from, and has a limit: namespaces can make it a thousand times as long as the document. Were a
 * node wrongly in or out, the digest would differ: no error here can let pass what was not signed, and recheck.h proves
 * the bytes again.
 */
#include "saml/dsig_transform.h"

#include "saml/compat_xml.h"
#include "saml/metadata.h"
#include "saml/names.h"
#include "saml/verify.h"
#include "saml/xmlchar.h"

struct c14n {
    xmlSecTransform base;
    xmlOutputBuffer *out;
    bool too_long;
    xmlChar *list; /* the PrefixList, cut into names */
    xmlChar *prefixes[SAML_PREFIXES_MAX + 1];
};

/* --- which nodes ------------------------------------------------------------------------------------------------- */

struct part {
    xmlNode *root;          /* this element and all below it */
    const xmlNode *without; /* but for this one and all below it; NULL: nothing is left out */
    bool comments;
    const xmlNode *asked; /* the element of the last question, and the answer to it */
    bool answer;
    xmlOutputBuffer *out; /* what is canonicalized so far */
    size_t max;           /* of it; past that nothing more is visible */
    bool too_long;
};

static bool element_is_in(struct part *p, const xmlNode *element)
{
    const xmlNode *up = element;

    if (element == p->asked)
        return p->answer;
    if (xmlOutputBufferGetSize(p->out) > p->max)
        p->too_long = true;
    while (up && up != p->root && up != p->without)
        up = up->parent;
    p->asked = element;
    p->answer = up && up == p->root && !p->too_long;
    return p->answer;
}

static int is_visible(void *data, xmlNode *node, xmlNode *parent)
{
    struct part *p = data;

    /* only elements have a place of their own; all other nodes (and namespaces, which are none) go with their element
     */
    if (node->type == XML_ELEMENT_NODE)
        return element_is_in(p, node);
    if (node->type == XML_COMMENT_NODE && !p->comments)
        return 0;
    return parent && element_is_in(p, parent);
}

static xmlNode *only_node(const xmlSecNodeSet *set)
{
    return set->nodes && set->nodes->nodeNr == 1 && !set->children && set->op == xmlSecNodeSetIntersection
               ? set->nodes->nodeTab[0]
               : NULL;
}

/* False for a node set of another form. */
static bool part_of(const xmlSecNodeSet *nodes, struct part *ret)
{
    struct part p = {.root = only_node(nodes), .comments = nodes->type == xmlSecNodeSetTree};

    if (!p.root || p.root->type != XML_ELEMENT_NODE || p.root->doc != nodes->doc ||
        (nodes->type != xmlSecNodeSetTree && nodes->type != xmlSecNodeSetTreeWithoutComments))
        return false;
    if (nodes->next != nodes) { /* the list is a ring */
        const xmlSecNodeSet *other = nodes->next;

        p.without = only_node(other);
        if (other->next != nodes || other->type != xmlSecNodeSetTreeInvert || !p.without ||
            p.without->type != XML_ELEMENT_NODE || p.without == p.root)
            return false;
    }
    *ret = p;
    return true;
}

/* --- methods of the transform --------------------------------------------------------------------------------------
 */

static xmlSecTransformKlass klasses[2]; /* without comments, with comments */

/* NULL if it is another. */
static struct c14n *c14n_of(xmlSecTransform *t)
{
    return t && (t->id == &klasses[0] || t->id == &klasses[1]) ? (struct c14n *)t : NULL;
}

static void finalize(xmlSecTransform *t)
{
    struct c14n *c = c14n_of(t);

    if (!c)
        return;
    if (c->out)
        (void)xmlOutputBufferClose(c->out);
    xmlFree(c->list);
}

/* dsig.c has judged the form: nothing, or InclusiveNamespaces with a short PrefixList. */
static int read_node(xmlSecTransform *t, xmlNode *node, xmlSecTransformCtx *ctx)
{
    struct c14n *c = c14n_of(t);
    xmlNode *inclusive = xmlFirstElementChild(node);
    size_t n = 0;

    (void)ctx;
    if (!c || c->list)
        return -1;
    if (!inclusive)
        return 0;
    c->list = xmlGetNoNsProp(inclusive, (const xmlChar *)"PrefixList");
    if (!c->list)
        return -1;
    for (xmlChar *p = c->list; *p != '\0';) {
        while (xmlchar_space((char)*p))
            *p++ = '\0';
        if (*p == '\0')
            break;
        if (n == SAML_PREFIXES_MAX)
            return -1;
        c->prefixes[n++] = p;
        while (*p != '\0' && !xmlchar_space((char)*p))
            p++;
    }
    return 0;
}

static struct slice output_of(const struct c14n *c)
{
    return slice_make(xmlOutputBufferGetContent(c->out), xmlOutputBufferGetSize(c->out));
}

static int push_xml(xmlSecTransform *t, xmlSecNodeSet *nodes, xmlSecTransformCtx *ctx)
{
    struct c14n *c = c14n_of(t);
    struct slice text;
    struct part part;
    xmlDoc view;
    int r;

    if (!c || !nodes || !t->next || t->status != xmlSecTransformStatusNone || !part_of(nodes, &part))
        return -1;
    t->status = xmlSecTransformStatusWorking;
    part.max = part.root->ns && xmlStrEqual(part.root->ns->href, (const xmlChar *)SAML_NS_METADATA) ? SAML_METADATA_MAX
                                                                                                    : SAML_XML_MAX;
    part.out = c->out = xmlAllocOutputBuffer(NULL);
    if (!c->out)
        return -1;
    /* the document as it is, but for where the walk begins; what follows the element is not of the part */
    view = *nodes->doc;
    view.children = view.last = part.root;
    r = xmlC14NExecute(&view, is_visible, &part, XML_C14N_EXCLUSIVE_1_0, c->prefixes[0] ? c->prefixes : NULL,
                       t->id == &klasses[1], c->out);
    text = output_of(c);
    c->too_long = part.too_long || text.n > part.max;
    if (r < 0 || c->too_long || text.n == 0)
        return -1;
    t->status = xmlSecTransformStatusFinished;
    return xmlSecTransformPushBin(t->next, (const xmlSecByte *)text.p, (xmlSecSize)text.n, 1, ctx);
}

/* It is only there because a transform that can be asked for octets is one that gives octets. */
static int pop_bin(xmlSecTransform *t, xmlSecByte *data, xmlSecSize max, xmlSecSize *ret_n, xmlSecTransformCtx *ctx)
{
    (void)t;
    (void)data;
    (void)max;
    (void)ret_n;
    (void)ctx;
    return -1;
}

struct slice dsig_c14n_text(xmlSecTransform *t)
{
    const struct c14n *c = c14n_of(t);

    return c && t->status == xmlSecTransformStatusFinished ? output_of(c) : (struct slice){NULL, 0};
}

bool dsig_c14n_too_long(xmlSecTransform *t)
{
    const struct c14n *c = c14n_of(t);

    return c && c->too_long;
}

#define KLASS(c14n_name, uri)                                                                              \
    {                                                                                                      \
        .klassSize = sizeof(xmlSecTransformKlass), .objSize = sizeof(struct c14n),                         \
        .name = (const xmlChar *)(c14n_name), .href = (const xmlChar *)(uri),                              \
        .usage = xmlSecTransformUsageC14NMethod | xmlSecTransformUsageDSigTransform, .finalize = finalize, \
        .readNode = read_node, .getDataType = xmlSecTransformDefaultGetDataType, .pushXml = push_xml,      \
        .popBin = pop_bin,                                                                                 \
    }

static xmlSecTransformKlass klasses[2] = {
    KLASS("exc-c14n", SAML_ALG_EXC_C14N),
    KLASS("exc-c14n-with-comments", SAML_ALG_EXC_C14N_COMMENTS),
};

const xmlSecTransformKlass *dsig_c14n_transform(struct slice uri)
{
    return &klasses[slice_is(uri, SAML_ALG_EXC_C14N_COMMENTS)];
}
