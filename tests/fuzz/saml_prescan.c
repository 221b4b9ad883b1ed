/*
 * Fuzzes saml/prescan.h. What passes is given to libxml2: prescan must have kept every DOCTYPE, processing instruction
 * and NUL away from it.
 */
#include <stdint.h>
#include <stdlib.h>

#include "saml/dom.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice xml = slice_make(data, size), doc = {NULL, 0};
    struct _xmlDoc *tree = NULL;
    struct err e = ERR_INIT;
    struct buf scratch;

    if (saml_init(&e) != 0)
        abort();
    if (prescan(xml, &prescan_message, &scratch, &doc, &e) == 0) {
        if (doc.n == 0 || doc.n > 2 * size || memchr(doc.p, '\0', doc.n) || !str_is_utf8(doc))
            abort();
        err_clear(&e);
        if (dom_parse(xml, &prescan_message, &tree, &e) == 0) {
            if (!dom_root(tree))
                abort();
            dom_free(tree);
        } else if (e.code == ERR_XML_DOCTYPE || e.code == ERR_XML_PI || e.code == ERR_INTERNAL) {
            abort();
        }
    } else if (e.code == ERR_NONE || e.code == ERR_INTERNAL) {
        abort();
    }
    buf_free(&scratch);
    return 0;
}
