/*
 * inspect.c - see inspect.h.
 *
 * One walk over all elements of a document that prescan has let pass, so depth, elements and attributes are bounded and
 * no recursion is needed. Where the verifier refuses at the first thing out of place (locate.c, dsig.c), this one goes
 * on and notes it: an auditor wants to know everything that stands there.
 */
#include "saml/inspect.h"

#include <stdlib.h>

#include "base/encode.h"
#include "saml/algorithm.h"
#include "saml/compat_xml.h"
#include "saml/dom.h"

#define NS_XENC "http://www.w3.org/2001/04/xmlenc#"

#define ALG_XSLT "http://www.w3.org/TR/1999/REC-xslt-19991116"
#define IDS_MAX 4096                /* elements of a message: more IDs cannot be, but for attributes in two cases */
#define CERTIFICATE_MAX (16 * 1024) /* octets of a certificate that is worth showing */

struct walk {
    struct saml_inspection *i;
    struct arena *a;
    const xmlNode *root;
    struct slice *ids;
    size_t nids, children; /* `children`: Assertions that are children of the root */
    bool memory;           /* has run out */
};

/* --- text -------------------------------------------------------------------------------------------------------- */

static struct slice keep(struct walk *w, struct slice s)
{
    struct slice copy = {NULL, 0};

    if (s.p) {
        copy = arena_slice(w->a, s);
        w->memory = w->memory || !copy.p;
    }
    return copy;
}

/* All text of an element that stands directly in it, put together; what cuts it shows in the traits. */
static struct slice whole_text(struct walk *w, const xmlNode *element)
{
    struct slice one;
    struct buf all;

    if (dom_text(element, &one))
        return keep(w, slice_trim(one));
    buf_init(&all, SAML_XML_MAX);
    for (const xmlNode *c = element->children; c; c = c->next) {
        if ((c->type == XML_TEXT_NODE || c->type == XML_CDATA_SECTION_NODE) && c->content)
            buf_add_str(&all, (const char *)c->content);
    }
    w->memory = w->memory || buf_failed(&all);
    one = keep(w, slice_trim(buf_slice(&all)));
    buf_free(&all);
    return one;
}

/* Text that a reader who stops at the first node would cut short. */
static bool is_split(const xmlNode *element)
{
    size_t text = 0, comments = 0;

    for (const xmlNode *c = element->children; c; c = c->next) {
        if (c->type == XML_COMMENT_NODE)
            comments++;
        else if (c->type == XML_CDATA_SECTION_NODE ||
                 (c->type == XML_TEXT_NODE && c->content && slice_trim(slice_of((const char *)c->content)).n > 0))
            text++;
    }
    return text > 1 || (text == 1 && comments > 0);
}

static bool in_namespace(const xmlNode *node, const char *ns)
{
    return node->ns && node->ns->href && strcmp((const char *)node->ns->href, ns) == 0;
}

static bool is_saml(const xmlNode *node)
{
    return in_namespace(node, SAML_NS_PROTOCOL) || in_namespace(node, SAML_NS_ASSERTION) ||
           in_namespace(node, SAML_NS_METADATA);
}

static struct slice path_of(struct walk *w, const xmlNode *node)
{
    const xmlNode *up[PRESCAN_DEPTH_MAX];
    struct slice path;
    size_t n = 0;
    struct buf b;

    buf_init(&b, 4096);
    for (; dom_is_element(node) && n < PRESCAN_DEPTH_MAX; node = node->parent)
        up[n++] = node;
    while (n > 0) {
        if (b.len)
            buf_add_char(&b, '/');
        buf_add_str(&b, (const char *)up[--n]->name);
    }
    path = keep(w, buf_failed(&b) ? SLICE("(a long path)") : buf_slice(&b));
    buf_free(&b);
    return path;
}

/* --- signatures -------------------------------------------------------------------------------------------------- */

static const xmlNode *child(const xmlNode *parent, const char *ns, const char *local)
{
    const xmlNode *c = parent ? dom_first(parent) : NULL;

    while (c && !dom_is(c, ns, local))
        c = dom_next(c);
    return c;
}

static const xmlNode *dsig_child(const xmlNode *parent, const char *local)
{
    return child(parent, SAML_NS_DSIG, local);
}

static size_t count(const xmlNode *parent, const char *local)
{
    size_t n = 0;

    for (const xmlNode *c = parent ? dom_first(parent) : NULL; c; c = dom_next(c))
        n += dom_is(c, SAML_NS_DSIG, local);
    return n;
}

/* Canonicalization without a private parameter cannot leave anything out. */
static bool is_canonicalization(struct slice alg)
{
    static const char *const inclusive[] = {"http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
                                            "http://www.w3.org/2006/12/xml-c14n11"};

    for (size_t i = 0; i < 2; i++) {
        struct slice plain = slice_of(inclusive[i]);

        if (slice_eq(alg, plain) ||
            (slice_starts(alg, plain) && slice_is(slice_make(alg.p + plain.n, alg.n - plain.n), "#WithComments")))
            return true;
    }
    return is_exc_c14n(alg);
}

static void note_transforms(struct walk *w, const xmlNode *reference)
{
    const xmlNode *transforms = dsig_child(reference, "Transforms");

    for (const xmlNode *t = transforms ? dom_first(transforms) : NULL; t; t = dom_next(t)) {
        struct slice alg = dom_attr(t, "Algorithm");

        if (slice_is(alg, SAML_ALG_ENVELOPED) || is_canonicalization(alg))
            continue;
        w->i->traits |= SAML_TRAIT_TRANSFORM | (slice_is(alg, ALG_XSLT) ? SAML_TRAIT_XSLT : 0U);
    }
}

static struct slice certificate_of(struct walk *w, const xmlNode *key_info)
{
    const xmlNode *node = dsig_child(dsig_child(key_info, "X509Data"), "X509Certificate");
    struct slice der = {NULL, 0};
    struct err ignored = ERR_INIT;
    struct buf out;

    if (!node)
        return der;
    buf_init(&out, CERTIFICATE_MAX);
    if (base64_decode(whole_text(w, node), &out, &ignored) == 0 && out.len > 0)
        der = keep(w, buf_slice(&out));
    buf_free(&out);
    return der;
}

static void decode_certificate(struct walk *w, struct saml_inspected_signature *s)
{
    struct saml_trust one;
    struct err ignored = ERR_INIT;

    saml_trust_init(&one);
    if (saml_trust_add_cert(&one, s->certificate, &ignored) == 0) {
        const struct saml_key *k = &one.keys[0];

        s->key_type = k->type;
        s->key_bits = k->bits;
        s->spki = keep(w, k->spki);
        s->subject = keep(w, slice_of(k->subject));
        s->not_after = k->not_after;
    }
    saml_trust_free(&one);
}

/* Both signatures of a message mostly bring the same one: it is decoded once. */
static void describe_certificate(struct walk *w, struct saml_inspected_signature *s)
{
    const struct saml_inspected_signature *first = &w->i->signatures[0];

    if (s == first || !slice_eq(s->certificate, first->certificate)) {
        decode_certificate(w, s);
        return;
    }
    s->key_type = first->key_type;
    s->key_bits = first->key_bits;
    s->spki = first->spki;
    s->subject = first->subject;
    s->not_after = first->not_after;
}

static void note_signature(struct walk *w, const xmlNode *signature)
{
    const xmlNode *info = dsig_child(signature, "SignedInfo"), *reference = dsig_child(info, "Reference"),
                  *method = dsig_child(info, "SignatureMethod"), *digest = dsig_child(reference, "DigestMethod"),
                  *key = dsig_child(signature, "KeyInfo");
    struct saml_inspection *i = w->i;
    struct saml_inspected_signature *s;

    i->traits |= (count(signature, "SignedInfo") > 1 ? SAML_TRAIT_SIGNED_INFOS : 0U) |
                 (count(info, "Reference") > 1 ? SAML_TRAIT_REFERENCES : 0U) |
                 (count(signature, "Object") > 0 ? SAML_TRAIT_OBJECT : 0U) |
                 (dsig_child(key, "KeyValue") ? SAML_TRAIT_KEY_VALUE : 0U) |
                 (dsig_child(key, "RetrievalMethod") ? SAML_TRAIT_RETRIEVAL : 0U);
    for (const xmlNode *r = reference; r; r = dom_next(r))
        note_transforms(w, r);
    i->signatures_in_all++;
    if (i->nsignatures == SAML_INSPECT_SIGNATURES_MAX)
        return;
    s = &i->signatures[i->nsignatures++];
    s->path = path_of(w, signature->parent);
    if (dom_is_element(signature->parent)) {
        s->parent_id = keep(w, dom_attr(signature->parent, "ID"));
        if (!s->parent_id.p) /* of a Signature in a Signature, or of no ID at all */
            s->parent_id = keep(w, dom_attr(signature->parent, "Id"));
    }
    s->uri = keep(w, reference ? dom_attr(reference, "URI") : (struct slice){NULL, 0});
    s->method = keep(w, method ? dom_attr(method, "Algorithm") : (struct slice){NULL, 0});
    s->digest = keep(w, digest ? dom_attr(digest, "Algorithm") : (struct slice){NULL, 0});
    s->certificate = certificate_of(w, key);
    if (s->certificate.p)
        describe_certificate(w, s);
    s->covers_parent = s->uri.n > 1 && s->uri.p[0] == '#' && s->parent_id.p &&
                       slice_eq(slice_make(s->uri.p + 1, s->uri.n - 1), s->parent_id);
}

/* --- places ------------------------------------------------------------------------------------------------------ */

static const xmlNode *ancestor(const xmlNode *node, const char *ns, const char *local)
{
    for (node = node->parent; node; node = node->parent) {
        if (dom_is(node, ns, local))
            return node;
    }
    return NULL;
}

static void note_assertion(struct walk *w, const xmlNode *node)
{
    const xmlNode *response = ancestor(node, SAML_NS_PROTOCOL, "Response");
    struct saml_inspection *i = w->i;

    i->assertions++;
    if (i->assertions == 1) {
        const xmlNode *issuer = child(node, SAML_NS_ASSERTION, "Issuer");

        i->assertion_id = keep(w, dom_attr(node, "ID"));
        if (!i->assertion_id.p)
            i->assertion_id = SLICE("");
        if (issuer)
            i->assertion_issuer = whole_text(w, issuer);
    }
    if (node == w->root)
        return;
    if (node->parent == w->root && !dom_is(w->root, SAML_NS_ASSERTION, "Assertion")) {
        i->traits |= ++w->children > 1 ? SAML_TRAIT_ASSERTIONS : 0U;
        return;
    }
    if (ancestor(node, SAML_NS_DSIG, "Object"))
        i->traits |= SAML_TRAIT_ASSERTION_IN_OBJECT;
    else if (ancestor(node, SAML_NS_DSIG, "Signature"))
        i->traits |= SAML_TRAIT_ASSERTION_IN_SIGNATURE;
    else if (ancestor(node, SAML_NS_PROTOCOL, "Extensions"))
        i->traits |= SAML_TRAIT_ASSERTION_IN_EXTENSIONS;
    else if (dom_is(node->parent, SAML_NS_ASSERTION, "Assertion"))
        i->traits |= SAML_TRAIT_ASSERTION_IN_ASSERTION;
    else if (!response || response == w->root)
        i->traits |= SAML_TRAIT_ASSERTION_HIDDEN; /* of a second Response it is not the hiding that counts */
}

/* Elements that a reader blind to namespaces takes for the real ones. */
static bool is_lookalike(const xmlNode *node)
{
    static const char *const names[] = {"Assertion", "EncryptedAssertion", "NameID", "Signature", "SignedInfo"};

    if (is_saml(node) || in_namespace(node, SAML_NS_DSIG))
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp((const char *)node->name, names[i]) == 0)
            return true;
    }
    return false;
}

/* See dsig_belongs() in locate.c: KeyInfo may stand by itself, and a DigestMethod in OAEP parameters. */
static bool is_stray_dsig(const xmlNode *node)
{
    if (!in_namespace(node, SAML_NS_DSIG) || dom_is(node, SAML_NS_DSIG, "Signature") ||
        dom_is(node, SAML_NS_DSIG, "KeyInfo") || ancestor(node, SAML_NS_DSIG, "Signature") ||
        ancestor(node, SAML_NS_DSIG, "KeyInfo"))
        return false;
    return !(dom_is(node, SAML_NS_DSIG, "DigestMethod") && dom_is(node->parent, NS_XENC, "EncryptionMethod"));
}

/* By expanded name; the walk has each element once. */
static void note_element(struct walk *w, const xmlNode *node)
{
    struct saml_inspection *i = w->i;

    if (dom_is(node, SAML_NS_ASSERTION, "Assertion"))
        note_assertion(w, node);
    else if (dom_is(node, SAML_NS_ASSERTION, "EncryptedAssertion"))
        i->encrypted_assertions++;
    else if (dom_is(node, SAML_NS_PROTOCOL, "Response") && node != w->root)
        i->traits |= ancestor(node, SAML_NS_DSIG, "Signature") ? SAML_TRAIT_RESPONSE_IN_SIGNATURE
                                                               : SAML_TRAIT_RESPONSE_ELSEWHERE;
    else if (dom_is(node, SAML_NS_DSIG, "Signature"))
        note_signature(w, node);
    else if (dom_is(node, SAML_NS_DSIG, "Manifest"))
        i->traits |= SAML_TRAIT_REFERENCES;
    else if (dom_is(node, NS_XENC, "CipherReference"))
        i->traits |= SAML_TRAIT_CIPHER_REFERENCE;
    i->traits |=
        (is_stray_dsig(node) ? SAML_TRAIT_DSIG_OUTSIDE : 0U) | (is_lookalike(node) ? SAML_TRAIT_LOOKALIKE : 0U);
    if (is_split(node))
        i->traits |= in_namespace(node, SAML_NS_DSIG) ? SAML_TRAIT_SPLIT_DSIG
                     : is_saml(node)                  ? SAML_TRAIT_SPLIT_TEXT
                                                      : 0U;
}

/* A URI with a scheme; see is_absolute() in locate.c. */
static bool has_scheme(const char *p)
{
    if (!ascii_is_alpha(*p))
        return false;
    while (ascii_is_alnum(*p) || *p == '+' || *p == '-' || *p == '.')
        p++;
    return *p == ':';
}

static void note_attributes(struct walk *w, const xmlNode *node)
{
    struct saml_inspection *i = w->i;

    for (const xmlNs *ns = node->nsDef; ns; ns = ns->next) {
        if (ns->href && ns->href[0] && !has_scheme((const char *)ns->href))
            i->traits |= SAML_TRAIT_RELATIVE_NAMESPACE;
    }
    for (const xmlAttr *at = node->properties; at; at = at->next) {
        const char *name = (const char *)at->name;
        struct slice value = dom_attr_value(at);

        if (!slice_is_nocase(slice_of(name), "id"))
            continue;
        /* XML-DSig and XML-Enc call theirs Id; elements inside of extensions are nobody's business */
        if (is_saml(node) && (at->ns || strcmp(name, "ID") != 0))
            i->traits |= SAML_TRAIT_STRANGE_ID;
        if (value.n > 0 && w->nids < IDS_MAX)
            w->ids[w->nids++] = value;
    }
}

static void note_node(struct walk *w, const xmlNode *node)
{
    if (node->type != XML_ELEMENT_NODE)
        return;
    note_element(w, node);
    note_attributes(w, node);
}

static void walk_all(struct walk *w)
{
    const xmlNode *node = w->root;

    while (node && !w->memory) {
        note_node(w, node);
        if (node->type == XML_ELEMENT_NODE && node->children) {
            node = node->children;
            continue;
        }
        while (node && node != w->root && !node->next)
            node = node->parent;
        node = node && node != w->root ? node->next : NULL;
    }
}

static int by_value(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    int d = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);

    return d ? d : (x->n > y->n) - (x->n < y->n);
}

static void note_duplicates(struct walk *w)
{
    qsort(w->ids, w->nids, sizeof *w->ids, by_value);
    for (size_t k = 1; k < w->nids; k++) {
        if (slice_eq(w->ids[k - 1], w->ids[k]))
            w->i->traits |= SAML_TRAIT_DUPLICATE_ID;
    }
}

/* --- the root ---------------------------------------------------------------------------------------------------- */

static struct slice name_of(struct walk *w, const xmlNode *root)
{
    struct slice name;
    struct buf b;

    if (is_saml(root))
        return keep(w, slice_of((const char *)root->name));
    buf_init(&b, 4096);
    buf_printf(&b, "{%s}%s", root->ns && root->ns->href ? (const char *)root->ns->href : "", (const char *)root->name);
    name = keep(w, buf_failed(&b) ? SLICE("{}(a long name)") : buf_slice(&b));
    buf_free(&b);
    return name;
}

static void note_root(struct walk *w)
{
    const xmlNode *root = w->root, *issuer = child(root, SAML_NS_ASSERTION, "Issuer"),
                  *code = child(child(root, SAML_NS_PROTOCOL, "Status"), SAML_NS_PROTOCOL, "StatusCode");
    struct saml_inspection *i = w->i;

    i->root = name_of(w, root);
    i->id = keep(w, dom_attr(root, "ID"));
    i->issue_instant = keep(w, dom_attr(root, "IssueInstant"));
    i->destination = keep(w, dom_attr(root, "Destination"));
    i->in_response_to = keep(w, dom_attr(root, "InResponseTo"));
    if (code)
        i->status_code = keep(w, dom_attr(code, "Value"));
    if (in_namespace(root, SAML_NS_METADATA))
        i->issuer = keep(w, dom_attr(root, "entityID"));
    else if (issuer)
        i->issuer = whole_text(w, issuer);
}

int saml_inspect(struct slice xml, struct arena *a, struct saml_inspection *ret, struct err *e)
{
    struct saml_inspection found = {.nsignatures = 0};
    struct walk w = {.i = &found, .a = a};
    xmlDoc *doc = NULL;
    int result = -1;

    if (dom_parse(xml, &prescan_message, &doc, e) != 0)
        return -1;
    w.root = dom_root(doc);
    w.ids = arena_array(a, IDS_MAX, sizeof *w.ids);
    if (!w.ids) {
        (void)err_set(e, ERR_MEMORY, "no room for the IDs of a document");
        goto out;
    }
    note_root(&w);
    walk_all(&w);
    note_duplicates(&w);
    if (w.memory) {
        (void)err_set(e, ERR_MEMORY, "no room for what stands in the document");
        goto out;
    }
    *ret = found;
    result = 0;
out:
    dom_free(doc);
    return result;
}
