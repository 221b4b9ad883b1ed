/* encrypted_dom.c - encrypted_from_tree() of encrypted.h: what libxml2's tree has, as the list that is judged. */
#include "saml/encrypted.h"

#include "saml/compat_xml.h"
#include "saml/dom.h"

static void add_part(struct encrypted_parts *parts, const xmlNode *node, unsigned depth)
{
    struct encrypted_part *p = &parts->v[parts->n++];

    *p = (struct encrypted_part){.depth = depth,
                                 .ns = node->ns ? slice_of((const char *)node->ns->href) : (struct slice){NULL, 0},
                                 .local = slice_of((const char *)node->name),
                                 .algorithm = dom_attr(node, "Algorithm"),
                                 .type = dom_attr(node, "Type"),
                                 .id = dom_attr(node, "Id"),
                                 .uri = dom_attr(node, "URI"),
                                 .only_elements = dom_only_elements(node, true)};
    (void)dom_text(node, &p->text);
}

/* Outermost first, as a tokenizer would have met them. */
static bool list_scope(struct encrypted_parts *parts, const xmlNode *node)
{
    if (node->type != XML_ELEMENT_NODE) /* the document */
        return true;
    if (!list_scope(parts, node->parent))
        return false;
    for (const xmlNs *ns = node->nsDef; ns; ns = ns->next) {
        if (parts->nscope == TOKEN_BINDINGS_MAX)
            return false;
        parts->scope[parts->nscope++] =
            (struct token_binding){slice_of((const char *)ns->prefix), slice_of((const char *)ns->href)};
    }
    return true;
}

int encrypted_from_tree(const xmlNode *element, enum err_code code, struct arena *a, const struct encrypted_parts **ret,
                        struct err *e)
{
    struct encrypted_parts *parts = arena_alloc(a, sizeof *parts);
    const xmlNode *node = element, *child;
    unsigned depth = 0;

    if (!parts)
        return err_set(e, ERR_MEMORY, "no memory for what is encrypted");
    if (!list_scope(parts, element))
        return dom_refuse(element, code, e, "more namespaces than encryption has use for");
    for (;;) {
        if (depth == ENCRYPTED_DEPTH_MAX || parts->n == ENCRYPTED_PARTS_MAX)
            return dom_refuse(element, code, e, "more elements than encryption has use for");
        add_part(parts, node, depth);
        child = dom_first(node);
        if (child) {
            node = child;
            depth++;
            continue;
        }
        while (node != element && !dom_next(node)) {
            node = node->parent;
            depth--;
        }
        if (node == element)
            break;
        node = dom_next(node);
    }
    *ret = parts;
    return 0;
}
