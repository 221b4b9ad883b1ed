/* dom.c - see dom.h. */
#include "saml/dom.h"

#include "saml/compat_xml.h"
#include "saml/xml_memory.h"

/* --- parsing ----------------------------------------------------------------------------------------------------- */

/* Nothing is ever loaded from outside, by whatever path it was asked for. */
static xmlParserInputPtr refuse_entity(const char *url, const char *id, xmlParserCtxtPtr ctxt)
{
    (void)url;
    (void)id;
    (void)ctxt;
    return NULL;
}

/* For what is reported without a parser (canonicalization): the caller sees the return value; nothing is printed. */
static void swallow(void *data, compat_xml_error error)
{
    (void)data;
    (void)error;
}

struct capture {
    bool reported; /* a warning counts */
    int line;
    char message[200];
};

/* libxml2 gives the parser as `data`; ours is behind its _private. The first report is the one that explains. */
static void capture_report(void *data, compat_xml_error error)
{
    xmlParserCtxt *ctxt = data;
    struct capture *c = ctxt ? ctxt->_private : NULL;
    const char *message = error && error->message ? error->message : "";

    if (!c || c->reported)
        return;
    c->reported = true;
    c->line = error ? error->line : 0;
    str_cut(c->message, sizeof c->message, slice_trim(slice_of(message)));
}

/*
 * Whatever libxml2 makes on first use and keeps is made now: later, memory belongs to one document (xml_memory.h).
 */
static int warm_up(struct err *e)
{
    static const char text[] =
        "<p:a xmlns:p='urn:p' xmlns='urn:q' b='&lt;'><c xml:lang='en'>&#228;</c><!-- --><![CDATA[x]]>"
        "</p:a>";
    xmlDoc *doc = xmlReadMemory(text, sizeof text - 1, NULL, "UTF-8", XML_PARSE_NONET);
    xmlChar *canonical = NULL;
    int n = doc ? xmlC14NDocDumpMemory(doc, NULL, XML_C14N_EXCLUSIVE_1_0, NULL, 1, &canonical) : -1;

    xmlFree(canonical);
    xmlFreeDoc(doc);
    xmlFreeDoc(xmlReadMemory("<a", 2, NULL, "UTF-8", XML_PARSE_NONET)); /* the ways of an error too */
    xmlResetLastError();
    return n > 0 ? 0 : err_set(e, ERR_INTERNAL, "libxml2 cannot canonicalize");
}

int dom_init(struct err *e)
{
    if (xmlHasFeature(XML_WITH_THREAD) == 0)
        return err_set(e, ERR_INTERNAL, "libxml2 was built without threads");
    if (xml_memory_init(e) != 0)
        return -1;
    xmlInitParser();
    xmlSetExternalEntityLoader(refuse_entity);
    xmlSetStructuredErrorFunc(NULL, swallow);
    (void)xmlThrDefSetStructuredErrorFunc(NULL, swallow);
    return warm_up(e);
}

void dom_cleanup(void)
{
    xmlCleanupParser();
}

/* What the document is refused with if memory ended while it was looked at. */
static int out_of_memory(struct err *e)
{
    return xml_memory_exhausted() ? err_set(e, ERR_XML_LIMIT, "the document takes too much memory for its size")
                                  : err_set(e, ERR_MEMORY, "no memory for the XML tree");
}

/* Its memory is about to go; libxml2's last error was in it. */
static void end_document(void)
{
    xmlResetLastError();
    xml_memory_end();
}

static int parse(struct slice text, xmlDoc **ret, struct err *e)
{
    struct capture capture = {.reported = false};
    xmlParserCtxt *ctxt = xmlNewParserCtxt();
    xmlDoc *doc = NULL;
    int result = -1;

    if (!ctxt)
        return out_of_memory(e);
    ctxt->_private = &capture;
    ctxt->sax->serror = capture_report;
    doc = xmlCtxtReadMemory(ctxt, text.p, (int)text.n, NULL, "UTF-8", XML_PARSE_NONET | XML_PARSE_COMPACT);
    if (ctxt->errNo == XML_ERR_NO_MEMORY || xml_memory_exhausted()) {
        (void)out_of_memory(e);
        goto out;
    }
    /* undeclared prefixes, attributes equal by expanded name and the like are no more than reports to libxml2 */
    if (!doc || ctxt->wellFormed != 1 || ctxt->nsWellFormed != 1 || ctxt->errNo != 0 || capture.reported) {
        (void)err_set(e, ERR_XML_SYNTAX, "line %d: %s", capture.line,
                      capture.reported ? capture.message : "not well-formed");
        goto out;
    }
    if (doc->intSubset || doc->extSubset) {
        (void)err_set(e, ERR_XML_DOCTYPE, "the document has a DOCTYPE");
        goto out;
    }
    /* for the one ID of dsig.c, if there is no xml:id: libxml2's own table has 256 places, 12 KB to clear */
    if (!doc->ids)
        doc->ids = xmlHashCreateDict(1, doc->dict);
    *ret = doc;
    doc = NULL;
    result = 0;
out:
    xmlFreeDoc(doc);
    if (result != 0 || xml_memory_counts())
        xmlFreeParserCtxt(ctxt);
    return result;
}

int dom_parse(struct slice xml, const struct prescan_limits *limits, xmlDoc **ret, struct err *e)
{
    struct slice text;
    struct buf scratch;
    int result = -1;

    if (prescan(xml, limits, &scratch, &text, e) != 0)
        goto out;
    if (text.n > INT_MAX) {
        (void)err_set(e, ERR_XML_SIZE, "the document is too large");
        goto out;
    }
    if (xml_memory_begin(text.n, e) != 0)
        goto out;
    result = parse(text, ret, e);
    if (result != 0)
        end_document();
out:
    buf_free(&scratch);
    return result;
}

void dom_free(xmlDoc *doc)
{
    if (!doc)
        return;
    if (xml_memory_counts())
        xmlFreeDoc(doc);
    end_document();
}

int dom_canonical(xmlDoc *doc, size_t max, struct arena *a, struct slice *ret, struct err *e)
{
    xmlChar *bytes = NULL;
    int n = xmlC14NDocDumpMemory(doc, NULL, XML_C14N_EXCLUSIVE_1_0, NULL, 0, &bytes);
    int result = -1;

    if (n <= 0 || !bytes)
        (void)err_set(e, ERR_XML_SYNTAX, "the document cannot be canonicalized");
    else if ((size_t)n > max)
        (void)err_set(e, ERR_XML_LIMIT, "the canonical form has more than %zu octets", max);
    else if ((*ret = arena_slice(a, slice_make(bytes, (size_t)n))).p == NULL)
        (void)err_set(e, ERR_MEMORY, "no room for the canonical form");
    else
        result = 0;
    xmlFree(bytes);
    return result;
}

xmlNode *dom_root(xmlDoc *doc)
{
    return xmlDocGetRootElement(doc);
}

/* --- looking ----------------------------------------------------------------------------------------------------- */

bool dom_is_element(const xmlNode *node)
{
    return node && node->type == XML_ELEMENT_NODE;
}

bool dom_is(const xmlNode *node, const char *ns, const char *local)
{
    return dom_is_element(node) && node->ns && node->ns->href && strcmp((const char *)node->name, local) == 0 &&
           strcmp((const char *)node->ns->href, ns) == 0;
}

static xmlNode *element_from(xmlNode *node)
{
    while (node && node->type != XML_ELEMENT_NODE)
        node = node->next;
    return node;
}

xmlNode *dom_first(const xmlNode *parent)
{
    return element_from(parent->children);
}

xmlNode *dom_next(const xmlNode *node)
{
    return element_from(node->next);
}

bool dom_only_elements(const xmlNode *parent, bool comments)
{
    for (const xmlNode *c = parent->children; c; c = c->next) {
        if (c->type == XML_ELEMENT_NODE || (c->type == XML_COMMENT_NODE && comments))
            continue;
        if (c->type != XML_TEXT_NODE || slice_trim(slice_of((const char *)c->content)).n != 0)
            return false;
    }
    return true;
}

xmlAttr *dom_attr_node(const xmlNode *element, const char *local)
{
    for (xmlAttr *at = element->properties; at; at = at->next) {
        if (!at->ns && strcmp((const char *)at->name, local) == 0)
            return at;
    }
    return NULL;
}

/* Without entity nodes a value is nothing or one text node; anything else reads as absent. */
static struct slice value_of(const xmlAttr *at)
{
    if (!at)
        return (struct slice){NULL, 0};
    if (!at->children)
        return SLICE("");
    if (at->children->type != XML_TEXT_NODE || at->children->next || !at->children->content)
        return (struct slice){NULL, 0};
    return slice_of((const char *)at->children->content);
}

struct slice dom_attr(const xmlNode *element, const char *local)
{
    return value_of(dom_attr_node(element, local));
}

struct slice dom_attr_value(const xmlAttr *at)
{
    return value_of(at);
}

bool dom_text(const xmlNode *element, struct slice *ret)
{
    const xmlNode *c = element->children;

    if (!c) {
        *ret = SLICE("");
        return true;
    }
    if (c->next || (c->type != XML_TEXT_NODE && c->type != XML_CDATA_SECTION_NODE) || !c->content)
        return false;
    *ret = slice_of((const char *)c->content);
    return true;
}

int dom_at(const xmlNode *node, struct err *e)
{
    const xmlNode *up[PRESCAN_DEPTH_MAX];
    char path[120];
    size_t n = 0, at = 0;

    path[0] = '\0';
    for (; dom_is_element(node) && n < PRESCAN_DEPTH_MAX; node = node->parent)
        up[n++] = node;
    while (n > 0 && at < sizeof path) {
        int w = snprintf(path + at, sizeof path - at, "%s%s", at ? "/" : "", (const char *)up[--n]->name);

        if (w < 0)
            break;
        at += (size_t)w;
    }
    return err_at(e, "%s", path);
}
