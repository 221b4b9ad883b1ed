/*
 * Unit tests of saml/xml_memory.h: documents leave nothing behind, none takes more than its bound, and whatever happens
 * to one does not touch the next. (With sanitizers every object is malloc()'s: then the same tests look for leaks.)
 */
#include "tests/unit/saml/verify_rig.h"

#include <pthread.h>

#include "saml/dom.h"
#include "saml/xml_memory.h"

static void restore_bound(void)
{
    xml_memory_set_bound(XML_MEMORY_TIMES, XML_MEMORY_EXTRA);
}

static size_t left(void)
{
    struct xml_memory_stats stats;

    xml_memory_stats(&stats);
    return stats.left;
}

/* --- nothing is left --------------------------------------------------------------------------------------------- */

static void documents_leave_nothing_behind(void **state)
{
    static const char *const others[] = {"",
                                         "<a",
                                         "<a b='1' b='2'/>",
                                         "<a xmlns:p='relative'><p:b/></a>",
                                         "<p:a/>",
                                         "<a>&#0;</a>",
                                         "<a><!-- - --></a>",
                                         "<!DOCTYPE a><a/>",
                                         "<a></b>",
                                         "<a xml:id='1'/>",
                                         "<a xmlns:xml='urn:x'/>"};
    struct sign_response r = sign_defaults(pinned);
    struct xml_memory_stats stats;
    struct err e = ERR_INIT;
    char *xml = sign_make(&r);

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_ok(verify(xml, &e), &e);
        assert_err(verify_with(xml, attacker, 0, &e), &e, "signature-invalid");
        assert_err(verify_edited("Success", "Responder", &e), &e, "status-not-success");
        assert_err(verify_edited("<NameID", "<NameID Format=\"x\" ", &e), &e, "xml-syntax");
        for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
            assert_int_equal(verify(others[k], &e), -1);
            err_clear(&e);
        }
    }
    xml_memory_stats(&stats);
    assert_int_equal(stats.left, 0);
    assert_true(stats.peak > strlen(xml));
    assert_true(stats.peak <= XML_MEMORY_TIMES * strlen(xml) + XML_MEMORY_EXTRA + 4096);
    free(xml);
}

/* --- the bound --------------------------------------------------------------------------------------------------- */

/* The most memory that prescan() lets an octet of XML ask for; `fill` appends elements until the text is long enough.
 */
static void fill_elements(struct buf *b)
{
    buf_add_str(b, "x<a/>");
}

static void fill_attributes(struct buf *b)
{
    buf_add_str(b, "<a a='1' b='1' c='1' d='1' e='1' f='1' g='1' h='1'/>");
}

static void fill_namespaces(struct buf *b)
{
    buf_add_str(b, "<a xmlns:a='a:' xmlns:b='a:' xmlns:c='a:' xmlns:d='a:'/>");
}

static void fill_references(struct buf *b)
{
    buf_add_str(b, "&lt;&#9;");
}

static void fill_sections(struct buf *b)
{
    buf_add_str(b, "<![CDATA[]]>x<!---->");
}

static void no_message_comes_near_the_bound(void **state)
{
    static const struct {
        void (*fill)(struct buf *b);
        size_t most; /* before prescan() refuses it */
    } rows[] = {{fill_elements, 4000},
                {fill_attributes, 2000},
                {fill_namespaces, 250},
                {fill_references, 30000},
                {fill_sections, 60}};
    struct xml_memory_stats stats;
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct _xmlDoc *doc = NULL;
        struct buf b;

        buf_init(&b, SAML_XML_MAX);
        buf_add_str(&b, "<a>");
        for (size_t k = 0; k < rows[i].most; k++)
            rows[i].fill(&b);
        buf_add_str(&b, "</a>");
        assert_false(buf_failed(&b));
        assert_ok(dom_parse(buf_slice(&b), &prescan_message, &doc, &e), &e);
        assert_false(xml_memory_exhausted());
        dom_free(doc);
        xml_memory_stats(&stats);
        assert_true(stats.peak < XML_MEMORY_EXTRA);
        buf_free(&b);
    }
    assert_int_equal(left(), 0);
}

/* Namespaces that are written out again and again: canonicalization stops at the length of a document, and the memory
 * stays far from the bound. */
static void canonicalization_is_limited_too(void **state)
{
    struct sign_response r = sign_defaults(pinned);
    struct xml_memory_stats stats;
    struct err e = ERR_INIT;
    struct buf many;
    char *xml;

    (void)state;
    buf_init(&many, 1024 * 1024);
    buf_add_str(&many, "<x xmlns:p=\"urn:");
    for (int i = 0; i < 3900; i++)
        buf_add_char(&many, 'u');
    buf_add_str(&many, "\">");
    for (int i = 0; i < 3800; i++)
        buf_add_str(&many, "<p:y/>");
    buf_add_str(&many, "</x>");
    r.attributes[0].value = buf_cstr(&many);
    xml = sign_make(&r);
    assert_err(verify(xml, &e), &e, "xml-limit");
    xml_memory_stats(&stats);
    assert_true(stats.peak < XML_MEMORY_EXTRA);
    assert_int_equal(left(), 0);
    free(xml);
    buf_free(&many);
}

static void a_bound_that_is_met_ends_with_its_document(void **state)
{
    struct sign_response r = sign_defaults(pinned);
    char *xml = sign_make(&r);
    struct err e = ERR_INIT;
    void *most, *more;

    (void)state;
    xml_memory_set_bound(0, 64 * 1024);
    assert_ok(xml_memory_begin(0, &e), &e);
    assert_null(xmlMalloc(PTRDIFF_MAX));
    assert_true(xml_memory_exhausted());
    most = xmlMalloc(60 * 1024);
    assert_non_null(most);
    assert_null(xmlMalloc(8 * 1024));
    assert_null(xmlRealloc(most, 70 * 1024));
    more = xmlMalloc(100);
    assert_non_null(more);
    xmlFree(more);
    xmlFree(most);
    xml_memory_end();
    assert_false(xml_memory_exhausted());
    restore_bound();
    assert_ok(verify(xml, &e), &e);
    assert_int_equal(left(), 0);
    /* a size for which there is no number; nothing is open then */
    assert_err(xml_memory_begin(SIZE_MAX, &e), &e, "out-of-memory");
    assert_false(xml_memory_exhausted());
    free(xml);
}

/* libxml2 says so when memory ends while it builds the tree (not everywhere: see xml_memory.h). */
static void a_tree_that_is_too_large_is_refused(void **state)
{
    struct _xmlDoc *doc = NULL;
    struct err e = ERR_INIT;
    struct buf many;

    (void)state;
    buf_init(&many, 64 * 1024);
    buf_add_str(&many, "<a>");
    for (int i = 0; i < 4000; i++)
        buf_add_str(&many, "<a/>");
    buf_add_str(&many, "</a>");
    xml_memory_set_bound(0, 256 * 1024);
    assert_err(dom_parse(buf_slice(&many), &prescan_message, &doc, &e), &e, "xml-limit");
    restore_bound();
    assert_ok(dom_parse(buf_slice(&many), &prescan_message, &doc, &e), &e);
    dom_free(doc);
    buf_free(&many);
}

/* --- more than one document ----------------------------------------------------------------------------------------
 */

static void documents_nest(void **state)
{
    struct _xmlDoc *outer = NULL, *inner = NULL;
    struct err e = ERR_INIT;

    (void)state;
    for (int inner_first = 0; inner_first < 2; inner_first++) {
        assert_ok(dom_parse(slice_of("<a><b>outer</b></a>"), &prescan_message, &outer, &e), &e);
        assert_ok(dom_parse(slice_of("<c><d>inner</d></c>"), &prescan_message, &inner, &e), &e);
        assert_err(dom_parse(slice_of("<c"), &prescan_message, &inner, &e), &e, "xml-syntax");
        dom_free(inner_first ? inner : outer);
        assert_true(dom_is(dom_root(inner_first ? outer : inner), "", "a") == false);
        assert_non_null(dom_first(dom_root(inner_first ? outer : inner)));
        dom_free(inner_first ? outer : inner);
    }
    dom_free(NULL);
    assert_int_equal(left(), 0);
}

static void older_objects_stay_what_they_are(void **state)
{
    struct _xmlDoc *doc = NULL;
    struct err e = ERR_INIT;
    char *grown = xmlMalloc(10), *freed = xmlMalloc(10);

    (void)state;
    memcpy(grown, "older", 6);
    assert_ok(dom_parse(slice_of("<a/>"), &prescan_message, &doc, &e), &e);
    grown = xmlRealloc(grown, 5000);
    assert_non_null(grown);
    assert_string_equal(grown, "older");
    xmlFree(freed);
    dom_free(doc);
    assert_string_equal(grown, "older");
    xmlFree(grown);
}

/* Blocks of one document: aligned, apart from each other, grown in place or moved with what is in them. */
static void blocks_do_not_overlap(void **state)
{
    struct err e = ERR_INIT;
    unsigned char *p[200];
    size_t n[200];

    (void)state;
    assert_ok(xml_memory_begin(0, &e), &e);
    for (size_t i = 0; i < 200; i++) {
        n[i] = i * 7 % 113;
        p[i] = xmlMalloc(n[i]);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % _Alignof(max_align_t), 0);
        memset(p[i], (int)i, n[i]);
        if (i % 3 == 2) { /* not the last one, then the last one */
            p[i - 1] = xmlRealloc(p[i - 1], n[i - 1] + 50);
            p[i] = xmlRealloc(p[i], n[i] + 50);
            assert_non_null(p[i - 1]);
            assert_non_null(p[i]);
        }
        if (i % 10 == 9) {
            xmlFree(p[i - 4]);
            p[i - 4] = NULL;
        }
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t k = 0; p[i] && k < n[i]; k++)
            assert_int_equal(p[i][k], (unsigned char)i);
        xmlFree(p[i]);
    }
    xml_memory_end();
    assert_int_equal(left(), 0);
}

/* --- threads -------------------------------------------------------------------------------------------------------
 */

static char *shared_xml;
static struct saml_trust shared_trust;

static void *judge_many(void *arg)
{
    size_t *wrong = arg;
    char *changed = sign_replace(shared_xml, "ada", "eve");

    for (int i = 0; i < 60; i++) {
        struct saml_signed s;
        struct err e = ERR_INIT;
        struct arena a;

        arena_init(&a, 16 * SAML_XML_MAX);
        *wrong += saml_verify(slice_of(shared_xml), &shared_trust, 0, &a, &s, &e) != 0;
        err_clear(&e);
        *wrong += saml_verify(slice_of(changed), &shared_trust, 0, &a, &s, &e) == 0 || e.code != ERR_SIGNATURE;
        arena_free(&a);
    }
    *wrong += left();
    free(changed);
    return NULL;
}

static void threads_have_memory_of_their_own(void **state)
{
    struct sign_response r = sign_defaults(pinned);
    size_t wrong[8] = {0};
    pthread_t threads[8];

    (void)state;
    shared_xml = sign_make(&r);
    saml_trust_init(&shared_trust);
    sign_trust(&shared_trust, pinned);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, judge_many, &wrong[i]), 0);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(wrong[i], 0);
    }
    saml_trust_free(&shared_trust);
    free(shared_xml);
}

/* --- should something be left after all -----------------------------------------------------------------------------
 */

struct forgetful {
    bool intact;
    size_t left;
    int verdicts;
};

static void *forget_one(void *arg)
{
    struct forgetful *f = arg;
    struct _xmlDoc *doc = NULL;
    struct err e = ERR_INIT;
    char *kept;

    f->verdicts = dom_parse(slice_of("<a/>"), &prescan_message, &doc, &e);
    kept = xmlMalloc(6);
    memcpy(kept, "still", 6);
    dom_free(doc);
    f->left = left();
    for (int i = 0; i < 3; i++) {
        f->verdicts += dom_parse(slice_of("<a><b>text</b></a>"), &prescan_message, &doc, &e);
        dom_free(doc);
    }
    f->intact = memcmp(kept, "still", 6) == 0;
    xmlFree(kept); /* late, and no harm */
    return NULL;
}

static void what_is_left_is_never_overwritten(void **state)
{
    struct forgetful f = {.left = 0};
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, forget_one, &f), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(f.verdicts, 0);
    assert_true(f.left >= 1);
    assert_true(f.intact);
    assert_int_equal(left(), 0); /* this thread knows nothing of it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_leave_nothing_behind),
        cmocka_unit_test(no_message_comes_near_the_bound),
        cmocka_unit_test(canonicalization_is_limited_too),
        cmocka_unit_test(a_bound_that_is_met_ends_with_its_document),
        cmocka_unit_test(a_tree_that_is_too_large_is_refused),
        cmocka_unit_test(documents_nest),
        cmocka_unit_test(older_objects_stay_what_they_are),
        cmocka_unit_test(blocks_do_not_overlap),
        cmocka_unit_test(threads_have_memory_of_their_own),
        cmocka_unit_test(what_is_left_is_never_overwritten),
    };

    return cmocka_run_group_tests_name("saml/xml_memory", tests, verify_setup, verify_teardown);
}
