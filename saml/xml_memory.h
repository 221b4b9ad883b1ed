/*
 * xml_memory.h - the memory of libxml2 and xmlsec while one document is looked at.
 *
 * Private to saml/. Between begin and end, what the two libraries allocate in this thread comes from one mapping that
 * is used up from the front and given back as a whole: an eighth of a verification was malloc() and free(). It has a
 * bound in proportion to the document, so that no document, however it is made, costs more memory than that: past it
 * an allocation fails like one for which there is no memory. Outside of begin and end, and in other threads, they get
 * malloc()'s memory as ever.
 *
 * That is safe because nothing outlives its document: what libxml2 makes once is made in dom_init(), its last error is
 * forgotten at the end. To be sure of it, the first documents of a thread and then one in sixteen are freed object by
 * object (xml_memory_counts()), and what is left of them at the end is counted: nothing. Should there be anything, the
 * mapping stays as it is for ever and this thread goes back to malloc().
 *
 * With sanitizers every object is malloc()'s own, so that they see each of them; the bound holds all the same.
 */
#ifndef USHER_SAML_XML_MEMORY_H
#define USHER_SAML_XML_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Before libxml2 has allocated anything, once per process. ERR_INTERNAL. */
int xml_memory_init(struct err *e);

/*
 * Of one document, in this thread; dom_parse() and dom_free() call them. They nest: a document that was inside another
 * (decrypted) adds its own bound, and the memory goes back with the outermost end. ERR_MEMORY.
 */
int xml_memory_begin(size_t document_bytes, struct err *e);
void xml_memory_end(void);

/* Whether the document that was begun last is to be freed object by object. If not, its tree and its parser may stay
 * where they are: they go with the mapping. */
bool xml_memory_counts(void);

/* True from when the bound was met until the outermost end. */
bool xml_memory_exhausted(void);

/*
 * The bound: `times` the document (half of that for what is past SAML_XML_MAX: metadata, which is mostly text) and
 * `extra` octets. libxml2 2.9 does not survive everywhere that memory ends, so this is a last fence, which no message
 * that has passed prescan() comes near: its limits on elements, attributes and namespaces stay under `extra`, and
 * dsig_c14n.c limits what canonicalization can add. Setting it is for tests, while no document is open.
 */
#define XML_MEMORY_TIMES 28
#define XML_MEMORY_EXTRA ((size_t)16 * 1024 * 1024)
void xml_memory_set_bound(size_t times, size_t extra);

struct xml_memory_stats {
    size_t peak; /* octets of the mapping that were in use at once, most of all documents of this thread so far */
    size_t left; /* documents of this thread after which something was left, see above */
};
void xml_memory_stats(struct xml_memory_stats *ret);

#endif
