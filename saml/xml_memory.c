/* xml_memory.c - see xml_memory.h. */
#include "saml/xml_memory.h"

#include <malloc.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "saml/compat_xml.h"
#include "saml/verify.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define EACH_BY_MALLOC 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EACH_BY_MALLOC 1
#endif
#ifndef EACH_BY_MALLOC
#define EACH_BY_MALLOC 0
#endif

#define PAGE 4096
#define MAX_MAPPED ((size_t)1024 * 1024 * 1024) /* headers hold offsets of 32 bits */
#define COUNTED_FIRST 64
#define COUNTED_OF 16
/* What the largest message may take, and what one of that size usually takes, stays for the next: a larger mapping, and
 * pages that are filled further, go with their document. */
#define KEEP_MAPPED (XML_MEMORY_TIMES * (size_t)SAML_XML_MAX + XML_MEMORY_EXTRA + 2 * PAGE)
#define KEEP_FILLED ((size_t)8 * SAML_XML_MAX)

/* Before every block: what it takes, itself included, and where the block before it begins. */
struct header {
    uint32_t size; /* of 16 octets each; the lowest bit says that it was freed */
    uint32_t before;
};
#define ALIGN alignof(max_align_t)
#define FREED 1U
_Static_assert(sizeof(struct header) == ALIGN / 2, "blocks are aligned behind their header");

static struct {
    size_t times, extra;
} bound = {XML_MEMORY_TIMES, XML_MEMORY_EXTRA};
static pthread_key_t at_thread_end;
static bool initialised;

/* One per thread. */
static _Thread_local struct {
    char *base; /* the mapping, or NULL */
    size_t mapped;
    size_t max;    /* of `used`, for the documents that are open */
    size_t used;   /* octets from the front */
    size_t top;    /* the last block's header; 0 if there is none */
    size_t live;   /* blocks that are not freed */
    size_t filled; /* the highest `used` since the outermost begin */
    unsigned depth;
    unsigned long documents; /* outermost ones so far */
    bool exhausted, retired, counts;
    struct xml_memory_stats stats;
} t;

/* --- blocks ------------------------------------------------------------------------------------------------------ */

static struct header *header_at(size_t at)
{
    return (struct header *)(void *)(t.base + at);
}

static bool is_mapped(const void *p)
{
    return (uintptr_t)p - (uintptr_t)t.base < t.mapped;
}

static bool is_open(void)
{
    return t.depth > 0 && !t.retired;
}

/* What a block for n octets takes; 0 if that is past the bound. */
static size_t block_size(size_t n)
{
    size_t need = (n + sizeof(struct header) + ALIGN - 1) & ~(ALIGN - 1);

    if (need > n && need <= t.max && t.used <= t.max - need)
        return need;
    t.exhausted = true;
    return 0;
}

static void *block_new(size_t n)
{
    size_t need = block_size(n);
    struct header *h = header_at(t.used);

    if (need == 0)
        return NULL;
    h->size = (uint32_t)need;
    h->before = (uint32_t)t.top;
    t.top = t.used;
    t.used += need;
    t.live++;
    return h + 1;
}

static struct header *header_of(void *p)
{
    return (struct header *)p - 1;
}

/* `used` is about to go down. */
static void note_filled(void)
{
    if (t.used > t.filled)
        t.filled = t.used;
}

/* Freed blocks at the end are there to be used again; others are not, so that a stale pointer meets no new object. */
static void block_free(void *p)
{
    struct header *h = header_of(p);

    if (!is_open() || h->size & FREED)
        return;
    h->size |= FREED;
    t.live--;
    if (h != header_at(t.top))
        return;
    note_filled();
    while (t.top != 0 && (h = header_at(t.top))->size & FREED) {
        t.used = t.top;
        t.top = h->before;
    }
}

static void *block_resize(void *p, size_t n)
{
    struct header *h = header_of(p);
    size_t room = h->size - sizeof *h, need;
    void *bigger;

    if (n <= room)
        return p;
    if (h != header_at(t.top)) {
        bigger = block_new(n);
        if (bigger) {
            memcpy(bigger, p, room);
            block_free(p);
        }
        return bigger;
    }
    t.used = t.top;
    need = block_size(n);
    if (need == 0) {
        t.used += h->size;
        return NULL;
    }
    h->size = (uint32_t)need;
    t.used += need;
    return p;
}

/* --- what libxml2 calls ------------------------------------------------------------------------------------------ */

/* EACH_BY_MALLOC: malloc()'s own objects, counted against the bound while a document is open. */
static void *count(void *p)
{
    if (p) {
        t.used += malloc_usable_size(p);
        t.live++;
        note_filled();
    }
    return p;
}

static void uncount(void *p)
{
    size_t n = p ? malloc_usable_size(p) : 0;

    /* it may be older than the document */
    t.used -= n < t.used ? n : t.used;
    t.live -= p && t.live ? 1 : 0;
}

static void *xml_malloc(size_t n)
{
    if (!is_open())
        return malloc(n);
    if (!EACH_BY_MALLOC)
        return block_new(n);
    return block_size(n) ? count(malloc(n)) : NULL;
}

static void xml_free(void *p)
{
    if (is_mapped(p)) {
        block_free(p);
        return;
    }
    if (EACH_BY_MALLOC && is_open())
        uncount(p);
    free(p);
}

static void *xml_realloc(void *p, size_t n)
{
    void *moved;

    if (!p)
        return xml_malloc(n);
    if (is_mapped(p))
        return is_open() ? block_resize(p, n) : NULL;
    if (!EACH_BY_MALLOC || !is_open())
        return realloc(p, n);
    if (block_size(n) == 0)
        return NULL;
    uncount(p);
    moved = realloc(p, n);
    (void)count(moved ? moved : p);
    return moved;
}

static char *xml_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = xml_malloc(n);

    return copy ? memcpy(copy, s, n) : NULL;
}

/* --- documents --------------------------------------------------------------------------------------------------- */

static void unmap(void)
{
    if (t.base)
        (void)munmap(t.base, t.mapped);
    t.base = NULL;
    t.mapped = 0;
}

static void thread_ends(void *set)
{
    (void)set;
    if (!t.retired)
        unmap();
}

/* A mapping of at least `size` octets; pages cost nothing until they are used. */
static bool map(size_t size)
{
    void *p;

    if (t.mapped >= size)
        return true;
    unmap();
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return false;
    t.base = p;
    t.mapped = size;
    return pthread_setspecific(at_thread_end, p) == 0;
}

int xml_memory_init(struct err *e)
{
    if (initialised)
        return 0;
    if (pthread_key_create(&at_thread_end, thread_ends) != 0)
        return err_set(e, ERR_INTERNAL, "no more thread-specific data");
    if (xmlMemSetup(xml_free, xml_malloc, xml_realloc, xml_strdup) != 0)
        return err_set(e, ERR_INTERNAL, "libxml2 does not take an allocator");
    initialised = true;
    return 0;
}

int xml_memory_begin(size_t document_bytes, struct err *e)
{
    size_t large = document_bytes > SAML_XML_MAX ? document_bytes - SAML_XML_MAX : 0;
    size_t more, max = t.depth ? t.max : ALIGN;

    if (t.retired)
        return 0;
    if (max > MAX_MAPPED || (bound.times && document_bytes > MAX_MAPPED / bound.times))
        return err_set(e, ERR_MEMORY, "no memory for a document of %zu octets", document_bytes);
    more = bound.times * (document_bytes - large) + bound.times / 2 * large + bound.extra;
    max += (more + PAGE - 1) / PAGE * PAGE;
    if (!EACH_BY_MALLOC && t.depth == 0 && !map(max))
        return err_set(e, ERR_MEMORY, "no memory for a document of %zu octets", document_bytes);
    if (t.depth == 0) {
        t.used = ALIGN / 2; /* so that what follows the first header is aligned */
        t.top = t.live = t.filled = 0;
        t.exhausted = false;
        t.counts = EACH_BY_MALLOC || t.documents < COUNTED_FIRST || t.documents % COUNTED_OF == 0;
        t.documents++;
    } else if (!EACH_BY_MALLOC && max > t.mapped) {
        max = t.mapped; /* it cannot be moved: the outer document's bound leaves the room */
    }
    t.max = max;
    t.depth++;
    return 0;
}

void xml_memory_end(void)
{
    if (t.retired || --t.depth > 0)
        return;
    note_filled();
    if (t.filled > t.stats.peak)
        t.stats.peak = t.filled;
    /* when memory has run out libxml2 forgets objects; nobody remembers them, or they would be freed */
    if (t.counts && t.live > 0 && !t.exhausted) {
        t.stats.left++;
        t.retired = !EACH_BY_MALLOC;
    } else if (t.mapped > KEEP_MAPPED) {
        unmap();
    } else if (t.mapped > KEEP_FILLED && t.filled > KEEP_FILLED) {
        (void)madvise(t.base + KEEP_FILLED, t.filled - KEEP_FILLED, MADV_DONTNEED);
    }
}

bool xml_memory_counts(void)
{
    return t.counts || t.retired;
}

bool xml_memory_exhausted(void)
{
    return t.depth > 0 && t.exhausted;
}

void xml_memory_set_bound(size_t times, size_t extra)
{
    bound.times = times;
    bound.extra = extra;
}

void xml_memory_stats(struct xml_memory_stats *ret)
{
    *ret = t.stats;
}
