/*
 * locate.c - the walk to the one Assertion; see locate() in dom.h.
 *
 * Signature wrapping lives on a verifier that searches: by ID, by XPath, by name. Here every place is reached by
 * walking down from the root, and a second sweep over all elements refuses whatever a search could have found
 * elsewhere: assertions, signatures, and attributes that look like IDs.
 */
#include "saml/dom.h"

#include "saml/compat_xml.h"
#include "saml/token.h"

#define NS_XENC "http://www.w3.org/2001/04/xmlenc#"
#define IDS_MAX 32 /* two of SAML's; the rest are Id of Signature and of what is encrypted */

/* --- the sweep over all elements --------------------------------------------------------------------------------- */

struct sweep {
    const struct located *found;
    const xmlNode *encrypted; /* the EncryptedAssertion child of the Response, or NULL */
    struct slice ids[IDS_MAX];
    size_t nids;
    struct err *e;
};

/* Where an ID may stand: `ID` on the two elements we walked to, `Id` on a Signature and on what is encrypted. */
static bool id_belongs(const struct sweep *s, const xmlNode *node, const xmlAttr *at)
{
    if (at->ns)
        return false;
    if (strcmp((const char *)at->name, "ID") == 0)
        return node == s->found->response || node == s->found->assertion;
    if (strcmp((const char *)at->name, "Id") == 0)
        return node == s->found->response_signature || node == s->found->assertion_signature ||
               dom_is(node, NS_XENC, "EncryptedData") || dom_is(node, NS_XENC, "EncryptedKey");
    return false;
}

static int check_id(struct sweep *s, const xmlNode *node, const xmlAttr *at)
{
    struct slice value = dom_attr_value(at);

    if (!slice_is_nocase(slice_of((const char *)at->name), "id"))
        return 0;
    if (!id_belongs(s, node, at))
        return dom_refuse(node, ERR_XML_ID, s->e, "an attribute that looks like an ID where none belongs");
    if (!token_is_ncname(value))
        return dom_refuse(node, ERR_XML_ID, s->e, "an ID that is not an NCName");
    for (size_t i = 0; i < s->nids; i++) {
        if (slice_eq(s->ids[i], value))
            return dom_refuse(node, ERR_XML_ID, s->e, "the same ID twice");
    }
    if (s->nids == IDS_MAX)
        return dom_refuse(node, ERR_XML_ID, s->e, "more IDs than a Response has use for");
    s->ids[s->nids++] = value;
    return 0;
}

static bool inside(const xmlNode *node, const xmlNode *ancestor)
{
    while (node && node != ancestor)
        node = node->parent;
    return node && ancestor;
}

/*
 * Elements of XML-DSig outside the located Signatures: KeyInfo has honest uses (holder-of-key confirmation, encryption)
 * and so has DigestMethod (RSA-OAEP); nothing else has.
 */
static bool dsig_belongs(const struct sweep *s, const xmlNode *node)
{
    if (inside(node, s->found->response_signature) || inside(node, s->found->assertion_signature))
        return true;
    if (dom_is(node, SAML_NS_DSIG, "DigestMethod"))
        return dom_is(node->parent, NS_XENC, "EncryptionMethod");
    for (; node; node = node->parent) {
        if (dom_is(node, SAML_NS_DSIG, "KeyInfo"))
            return true;
    }
    return false;
}

/* A URI with a scheme. Canonicalization fails on relative namespace names (C14N 1.0, 1.3), and a failure that goes
 * unnoticed signs nothing; libxml2 2.9 lets them pass. */
static bool is_absolute(const char *uri)
{
    const char *p = uri;

    if (!ascii_is_alpha(*p))
        return false;
    while (ascii_is_alnum(*p) || *p == '+' || *p == '-' || *p == '.')
        p++;
    return *p == ':';
}

static int sweep_element(struct sweep *s, const xmlNode *node)
{
    const char *name = (const char *)node->name;

    for (const xmlNs *ns = node->nsDef; ns; ns = ns->next) {
        const char *href = (const char *)ns->href;

        if (href && href[0] && !is_absolute(href))
            return dom_refuse(node, ERR_XML_SYNTAX, s->e, "a namespace name that is not an absolute URI");
    }
    /* by local name in any namespace: also what a namespace-blind reader would take for one */
    if ((strcmp(name, "Assertion") == 0 || strcmp(name, "EncryptedAssertion") == 0) && node != s->found->assertion &&
        node != s->encrypted)
        return dom_refuse(node, ERR_RESPONSE_SHAPE, s->e, "an assertion in a place where none belongs");
    if (strcmp(name, "Signature") == 0 && node != s->found->response_signature && node != s->found->assertion_signature)
        return dom_refuse(node, ERR_SIGNATURE_SHAPE, s->e, "a Signature in a place where none belongs");
    if (node->ns && strcmp((const char *)node->ns->href, SAML_NS_DSIG) == 0 && !dsig_belongs(s, node))
        return dom_refuse(node, ERR_SIGNATURE_SHAPE, s->e, "a part of a signature outside of one");
    for (const xmlAttr *at = node->properties; at; at = at->next) {
        if (check_id(s, node, at) != 0)
            return -1;
    }
    return 0;
}

static int sweep_all(struct sweep *s, const xmlNode *root)
{
    const xmlNode *node = root;

    while (node) {
        switch ((int)node->type) {
        case XML_ELEMENT_NODE:
            if (sweep_element(s, node) != 0)
                return -1;
            break;
        case XML_TEXT_NODE:
        case XML_CDATA_SECTION_NODE:
        case XML_COMMENT_NODE: break;
        default: return dom_refuse(node->parent, ERR_XML_SYNTAX, s->e, "a node that is not element, text or comment");
        }
        if (node->type == XML_ELEMENT_NODE && node->children) {
            node = node->children;
            continue;
        }
        while (node && node != root && !node->next)
            node = node->parent;
        node = node && node != root ? node->next : NULL;
    }
    return 0;
}

int locate_sweep(const struct located *found, struct err *e)
{
    struct sweep s = {.found = found, .e = e};

    return sweep_all(&s, found->response);
}

/* --- the walk ---------------------------------------------------------------------------------------------------- */

static int required_id(const xmlNode *node, struct err *e)
{
    if (!dom_attr(node, "ID").p)
        return dom_refuse(node, ERR_XML_ID, e, "no ID");
    return 0;
}

static int version_2(const xmlNode *node, struct err *e)
{
    struct slice v = dom_attr(node, "Version");
    char found[32];

    if (slice_is(v, "2.0"))
        return 0;
    str_cut(found, sizeof found, v);
    (void)err_mismatch(e, ERR_RESPONSE_SHAPE, v.p ? found : "(none)", "2.0", "wrong Version");
    return dom_at(node, e);
}

/* The known children of samlp:Response, each at most once, in any order: products differ, and the order carries no
 * meaning. */
struct children {
    xmlNode *issuer, *signature, *extensions, *status, *assertion, *encrypted;
};

static int response_children(xmlNode *response, struct children *ret, struct err *e)
{
    struct children c = {.issuer = NULL};
    const struct {
        const char *ns, *local;
        xmlNode **place;
    } known[] = {
        {SAML_NS_ASSERTION, "Issuer", &c.issuer},        {SAML_NS_DSIG, "Signature", &c.signature},
        {SAML_NS_PROTOCOL, "Extensions", &c.extensions}, {SAML_NS_PROTOCOL, "Status", &c.status},
        {SAML_NS_ASSERTION, "Assertion", &c.assertion},  {SAML_NS_ASSERTION, "EncryptedAssertion", &c.encrypted},
    };

    for (xmlNode *node = dom_first(response); node; node = dom_next(node)) {
        size_t i = 0;

        while (i < sizeof known / sizeof *known && !dom_is(node, known[i].ns, known[i].local))
            i++;
        if (i == sizeof known / sizeof *known)
            return dom_refuse(node, ERR_RESPONSE_SHAPE, e, "an unknown child of Response");
        if (*known[i].place)
            return dom_refuse(node, known[i].place == &c.signature ? ERR_SIGNATURE_SHAPE : ERR_RESPONSE_SHAPE, e,
                              "a child of Response that may be there once is there twice");
        *known[i].place = node;
    }
    if (!dom_only_elements(response, true))
        return dom_refuse(response, ERR_RESPONSE_SHAPE, e, "text between the children of Response");
    *ret = c;
    return 0;
}

/* "SUBCODE: message" of a refusal; the person at the identity provider's side explains itself only here. */
static void status_detail(const xmlNode *code, char *dst, size_t size)
{
    const xmlNode *sub = dom_first(code), *message = dom_next(code);
    struct slice sub_value = {NULL, 0}, text = {NULL, 0};
    char a[100], b[160];

    if (dom_is(sub, SAML_NS_PROTOCOL, "StatusCode"))
        sub_value = dom_attr(sub, "Value");
    if (dom_is(message, SAML_NS_PROTOCOL, "StatusMessage"))
        (void)dom_text(message, &text);
    str_cut(a, sizeof a, sub_value);
    str_cut(b, sizeof b, slice_trim(text));
    (void)snprintf(dst, size, "%s%s%s", a, a[0] && b[0] ? ": " : "", b);
}

static int check_status(const xmlNode *status, struct saml_outer *outer, struct err *e)
{
    const xmlNode *code;
    char value[120], detail[300], found[440];

    if (!status)
        return err_set(e, ERR_RESPONSE_SHAPE, "the Response has no Status");
    code = dom_first(status);
    if (!dom_is(code, SAML_NS_PROTOCOL, "StatusCode") || !dom_attr(code, "Value").p)
        return dom_refuse(status, ERR_RESPONSE_SHAPE, e, "Status does not begin with a StatusCode");
    for (const xmlNode *n = dom_next(code); n; n = dom_next(n)) {
        if (dom_is(n, SAML_NS_PROTOCOL, "StatusCode"))
            return dom_refuse(status, ERR_RESPONSE_SHAPE, e, "two top-level StatusCode elements");
    }
    outer->status_code = dom_attr(code, "Value");
    if (slice_is(outer->status_code, SAML_STATUS_SUCCESS))
        return 0;
    str_cut(value, sizeof value, outer->status_code);
    status_detail(code, detail, sizeof detail);
    (void)snprintf(found, sizeof found, "%s%s%s", value, detail[0] ? " / " : "", detail);
    return err_mismatch(e, ERR_STATUS, found, SAML_STATUS_SUCCESS, "the identity provider refused");
}

static int outer_issuer(const xmlNode *issuer, struct saml_outer *outer, struct err *e)
{
    if (issuer && !dom_text(issuer, &outer->issuer))
        return dom_refuse(issuer, ERR_RESPONSE_SHAPE, e, "Issuer is not plain text");
    return 0;
}

/* Issuer is the Assertion's first child (core 2.3.3), Signature, if any, the second: nowhere else. */
static xmlNode *assertion_signature(const xmlNode *assertion)
{
    xmlNode *first = dom_first(assertion), *second = first ? dom_next(first) : NULL;

    return dom_is(first, SAML_NS_ASSERTION, "Issuer") && dom_is(second, SAML_NS_DSIG, "Signature") ? second : NULL;
}

int locate(xmlDoc *doc, struct located *ret, struct err *e)
{
    struct located l = {.response = dom_root(doc)};
    struct children c = {.issuer = NULL};
    struct sweep sweep = {.found = &l, .e = e};

    if (!dom_is(l.response, SAML_NS_PROTOCOL, "Response"))
        return dom_refuse(l.response, ERR_RESPONSE_SHAPE, e, "the root element is not samlp:Response");
    if (version_2(l.response, e) != 0 || required_id(l.response, e) != 0 || response_children(l.response, &c, e) != 0)
        return -1;
    l.assertion = c.assertion;
    l.response_signature = c.signature;
    if (l.assertion)
        l.assertion_signature = assertion_signature(l.assertion);
    sweep.encrypted = c.encrypted;
    if (sweep_all(&sweep, l.response) != 0)
        return -1;

    l.outer.destination = dom_attr(l.response, "Destination");
    l.outer.in_response_to = dom_attr(l.response, "InResponseTo");
    if (outer_issuer(c.issuer, &l.outer, e) != 0 || check_status(c.status, &l.outer, e) != 0)
        return -1;
    if (c.encrypted && c.assertion)
        return dom_refuse(c.encrypted, ERR_RESPONSE_SHAPE, e, "an Assertion and an EncryptedAssertion");
    if (c.encrypted)
        return dom_refuse(c.encrypted, ERR_ENCRYPTED, e, "the assertion is encrypted");
    if (!l.assertion)
        return dom_refuse(l.response, ERR_RESPONSE_SHAPE, e, "no Assertion in the Response");
    if (version_2(l.assertion, e) != 0 || required_id(l.assertion, e) != 0)
        return -1;
    *ret = l;
    return 0;
}
