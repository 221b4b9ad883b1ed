/*
 * Fuzzes the tokenizer against libxml2: what the tokenizer accepts, libxml2 must accept and see the same way, elements,
 * attributes and text alike. The first octet chooses between a canonical element and a whole document.
 */
#include <stdlib.h>

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "base/buf.h"
#include "saml/token.h"

#define SHOWN_MAX (1 << 22)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Octets below 9 cannot stand in XML and so separate. */
static void show_name(struct buf *out, char mark, struct slice ns, struct slice local)
{
    buf_add_char(out, mark);
    buf_add_slice(out, ns);
    buf_add_char(out, '\1');
    buf_add_slice(out, local);
}

static void show_token(struct buf *out, const struct token *tok)
{
    switch (tok->kind) {
    case TOKEN_START:
        show_name(out, '\2', tok->ns, tok->local);
        for (size_t i = 0; i < tok->nattrs; i++) {
            show_name(out, '\3', tok->attrs[i].ns, tok->attrs[i].local);
            buf_add_char(out, '\4');
            buf_add_slice(out, tok->attrs[i].value);
        }
        buf_add_char(out, '\5');
        break;
    case TOKEN_STOP: buf_add_char(out, '\6'); break;
    case TOKEN_TEXT:
    case TOKEN_CDATA: buf_add_slice(out, tok->text); break;
    case TOKEN_COMMENT:
    case TOKEN_EOF: break;
    }
}

static struct slice xml_slice(const xmlChar *s)
{
    return slice_of((const char *)s);
}

static struct slice ns_of(const xmlNs *ns)
{
    return ns ? xml_slice(ns->href) : (struct slice){NULL, 0};
}

static void show_node(struct buf *out, const xmlNode *node)
{
    for (; node; node = node->next) {
        if (node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE)
            buf_add_slice(out, xml_slice(node->content));
        if (node->type != XML_ELEMENT_NODE)
            continue;
        show_name(out, '\2', ns_of(node->ns), xml_slice(node->name));
        for (const xmlAttr *attr = node->properties; attr; attr = attr->next) {
            xmlChar *value = xmlNodeListGetString(node->doc, attr->children, 1);

            show_name(out, '\3', ns_of(attr->ns), xml_slice(attr->name));
            buf_add_char(out, '\4');
            buf_add_slice(out, xml_slice(value));
            xmlFree(value);
        }
        buf_add_char(out, '\5');
        show_node(out, node->children);
        buf_add_char(out, '\6');
    }
}

static void silent(void *ctx, const char *format, ...)
{
    (void)ctx;
    (void)format;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tokenizer t;
    struct slice xml;
    struct err e = ERR_INIT;
    struct arena a;
    struct token tok;
    struct buf ours, theirs;
    int rc;

    if (size == 0)
        return 0;
    xml = slice_make(data + 1, size - 1);
    arena_init(&a, 1 << 24);
    buf_init(&ours, SHOWN_MAX);
    buf_init(&theirs, SHOWN_MAX);
    rc = token_init(&t, xml, data[0] & 1 ? TOKEN_DOCUMENT : 0, ERR_READ, &a, &e);
    do {
        if (rc == 0)
            rc = token_next(&t, &tok, &e);
        if (rc == 0)
            show_token(&ours, &tok);
    } while (rc == 0 && tok.kind != TOKEN_EOF);

    if (rc == 0) {
        xmlDoc *doc;

        xmlSetGenericErrorFunc(NULL, silent);
        doc =
            xmlReadMemory(xml.p, (int)xml.n, NULL, "UTF-8", XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
        if (!doc)
            abort(); /* libxml2 calls it malformed */
        show_node(&theirs, xmlDocGetRootElement(doc));
        if (!buf_failed(&ours) && !slice_eq(buf_slice(&ours), buf_slice(&theirs)))
            abort(); /* two readers, two documents */
        xmlFreeDoc(doc);
    } else if (e.code != ERR_READ && e.code != ERR_MEMORY) {
        abort();
    }
    buf_free(&ours);
    buf_free(&theirs);
    arena_free(&a);
    return 0;
}
