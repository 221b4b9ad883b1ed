/* Unit tests of saml/prescan.h: what is refused before libxml2, and with which code; and what honest documents hold. */
#include "tests/unit/unit.h"

#include <dirent.h>

#include "saml/prescan.h"
#include "saml/verify.h"

static int run_limits(struct slice xml, const struct prescan_limits *limits, struct err *e)
{
    struct buf scratch;
    struct slice doc = {NULL, 0};
    int r = prescan(xml, limits, &scratch, &doc, e);

    assert_true(r != 0 || doc.n > 0);
    buf_free(&scratch);
    return r;
}

static int run(const char *xml, struct err *e)
{
    return run_limits(slice_of(xml), &prescan_message, e);
}

/* Good ones, and what of them goes to the parser. */
static void what_passes(void **state)
{
    static const struct {
        const char *xml, *doc;
    } good[] = {
        {"<a/>", "<a/>"},
        {"\xef\xbb\xbf<a/>", "<a/>"},
        {"\xef\xbb\xbf<?xml version=\"1.0\"?><a/>", "<a/>"},
        {"<?xml version='1.0' encoding='utf-8' standalone = 'no' ?>\n<a/>", "\n<a/>"},
        {"<?xml version=\"1.0\" encoding=\"US-ASCII\"?><a/>", "<a/>"},
        {"<?xml version=\"1.0\" encoding=\"windows-1252\"?><a>x</a>", "<a>x</a>"},
        {"<?xml version=\"1.0\" encoding=\"ISO-8859-15\"?><a>x</a>", "<a>x</a>"},
        {"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>D\xf6"
         "e\x80</a>",
         "<a>D\xc3\xb6"
         "e\xc2\x80</a>"},
        {"<!-- c --><a b='-->' c=\"&lt;'>\"/> <!-- d -->\n", NULL},
        {"<a b = '1'\n\tc='&#xA;&#10;&amp;'><![CDATA[<!DOCTYPE ]] > <? &x; ]]><b></b ></a>", NULL},
        {"<a>\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\t\r\n</a>", NULL},
    };
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct buf scratch;
        struct slice doc;

        assert_ok(prescan(slice_of(good[i].xml), &prescan_message, &scratch, &doc, &e), &e);
        if (good[i].doc)
            assert_true(slice_is(doc, good[i].doc));
        buf_free(&scratch);
    }
}

static void encodings_that_are_refused(void **state)
{
    static const char *const bad[] = {
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a/>",
        "<?xml version=\"1.0\" encoding=\"UTF-7\"?><a/>",
        "<?xml version=\"1.0\" encoding=\"EUC-JP\"?><a/>",
        "<?xml version=\"1.0\" encoding=\"IBM037\"?><a/>",
        "<?xml version=\"1.0\" encoding=\"\"?><a/>",
        "<?xml version=\"1.0\" encoding=\"iso-8859-17\"?><a/>",
        "<?xml version=\"1.0\" encoding=\"windows-1252\"?><a>\x80</a>",
        "<?xml version=\"1.0\" encoding=\"us-ascii\"?><a>\xc3\xa4</a>",
        "<a>\x80</a>",
        "<a>\xc0\xaf</a>",         /* overlong */
        "<a>\xed\xa0\x80</a>",     /* surrogate */
        "<a>\xf4\x90\x80\x80</a>", /* past U+10FFFF */
        "<a>\xe2\x82</a>",         /* cut off */
        "<a>\xef\xbf\xbe</a>",     /* U+FFFE */
        "<a>12345678\x01</a>",
        "<a b='\x1f'/>",
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\x02</a>",
    };
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_err(run(bad[i], &e), &e, "xml-encoding");
    /* libxml2 stops at a NUL and is content with what came before */
    assert_err(run_limits(SLICE("<a/>\0<b/>"), &prescan_message, &e), &e, "xml-encoding");
    assert_err(run_limits(SLICE("<a/>\0"), &prescan_message, &e), &e, "xml-encoding");
    assert_err(run_limits(SLICE("<a>1234567\0</a>"), &prescan_message, &e), &e, "xml-encoding");
    /* UTF-16, with and without byte order mark */
    assert_err(run_limits(SLICE("\xff\xfe<\0a\0/\0>\0"), &prescan_message, &e), &e, "xml-encoding");
    assert_err(run_limits(SLICE("\0<\0a\0/\0>"), &prescan_message, &e), &e, "xml-encoding");
}

static void declarations_are_refused(void **state)
{
    static const char *const doctype[] = {
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
        "<?xml version=\"1.0\"?>\n<!doctype a><a/>",
        "<a><!ENTITY x 'y'></a>",
        "<a/><!DOCTYPE a>",
        "<a><![INCLUDE[]]></a>",
        "<a><!-></a>",
        "<a><!",
    };
    static const char *const pi[] = {"<?pi?><a/>",
                                     "<a><?pi ?></a>",
                                     "<a/><?pi?>",
                                     " <?xml version=\"1.0\"?><a/>",
                                     "<?xml version=\"1.0\"?><?xml version=\"1.0\"?><a/>",
                                     "<?xml-stylesheet?><a/>"};
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof doctype / sizeof *doctype; i++)
        assert_err(run(doctype[i], &e), &e, "xml-doctype");
    for (size_t i = 0; i < sizeof pi / sizeof *pi; i++)
        assert_err(run(pi[i], &e), &e, "xml-processing-instruction");
}

static void syntax_that_is_refused(void **state)
{
    static const char *const bad[] = {
        " ",
        "x<a/>",
        "<a/>x",
        "<a/><b/>",
        "<a></a><a></a>",
        "<a>",
        "<a><b></b>",
        "</a>",
        "<a/></a>",
        "<a",
        "<a b='",
        "<a b='c",
        "<a b",
        "<a b=c/>",
        "<a b='1'c='2'/>",
        "<a b='<'/>",
        "<a =''/>",
        "<a /b>",
        "< a/>",
        "<>",
        "<a></a x>",
        "<a></>",
        "<a><!-- -- --></a>",
        "<a><!--</a>",
        "<a><!--->",
        "<![CDATA[x]]><a/>",
        "<a/><![CDATA[x]]>",
        "<a><![CDATA[</a>",
        "<a>&nbsp;</a>",
        "<a>&x;</a>",
        "<a b='&x;'/>",
        "<a>&</a>",
        "<a>&#;</a>",
        "<a>&#x;</a>",
        "<a>&#12</a>",
        "<a>&#xg;</a>",
        "<a>&#000000000065;</a>",
        "<?xml?><a/>",
        "<?xml version=\"1.1\"?><a/>",
        "<?xml version=\"1.0' ?><a/>",
        "<?xml version=\"1.0\"encoding=\"utf-8\"?><a/>",
        "<?xml encoding=\"utf-8\"?><a/>",
        "<?xml version=\"1.0\" standalone=\"maybe\"?><a/>",
        "<?xml version=\"1.0\" encoding='utf-8",
        "<?xml version=\"1.0\" x='y'?><a/>",
        "<?xml version=\"1.0\"?",
    };
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (bad[i][0] == '<' && strcmp(bad[i], "<?xml?><a/>") == 0) {
            assert_err(run(bad[i], &e), &e, "xml-processing-instruction");
            continue;
        }
        assert_err(run(bad[i], &e), &e, "xml-syntax");
    }
}

/* `n` times `unit` between `head` and `tail`; unit may hold one %zu for the counter. */
static char *repeat(const char *head, const char *unit, size_t n, const char *tail, struct slice *ret)
{
    struct buf b;

    buf_init(&b, 8 * 1024 * 1024);
    buf_add_str(&b, head);
    for (size_t i = 0; i < n; i++) {
        const char *at = strchr(unit, '#');

        if (!at) {
            buf_add_str(&b, unit);
            continue;
        }
        buf_add(&b, unit, (size_t)(at - unit));
        buf_printf(&b, "%zu", i);
        buf_add_str(&b, at + 1);
    }
    buf_add_str(&b, tail);
    assert_false(buf_failed(&b));
    *ret = buf_slice(&b);
    return b.data;
}

/* Each limit: the last number that passes, and one more. */
static void limits_are_exact(void **state)
{
    static const struct {
        const char *head, *unit, *tail;
        size_t max;
    } rows[] = {
        {"<a", " a#=''", "/>", 64},        /* attributes of one tag */
        {"<a", " xmlns:p#='u'", "/>", 32}, /* namespaces of one tag */
        {"<a><b", " xmlns:p#='u'", "/></a>", 32},
        {"", "<a xmlns='u'>", NULL, 32}, /* depth, see below */
        {"<a>", "<b/>", "</a>", 4095},   /* elements */
        {"<a>", "<!---->", "</a>", 64},  /* comments */
        {"<a>", "<![CDATA[]]>", "</a>", 256},
        {"<a>", "<b c='' d='' e='' f='' g='' h='' i='' j='' k='' l='' m='' n='' o='' p='' q='' r=''/>", "</a>",
         1024}, /* attributes of the document */
        {"", "<!--x-->", "<a/>", 64},
        {"<a>", "<b xmlns='u'/>", "</a>", 1024}, /* namespaces of the document */
        {"<a b='", "x", "'/>", 16 * 1024 - 7},   /* octets of a tag */
        {"<a></a", " ", ">", 16 * 1024 - 3},
        {"<a><!--", "x", "--></a>", 16 * 1024 - 4},
        {"<a>", "x", "</a>", 256 * 1024}, /* octets of text */
        {"<a><![CDATA[", "x", "]]></a>", 256 * 1024 - 9},
        {"<a xmlns='", "u", "'/>", 4096 - 8}, /* octets of namespaces in scope */
    };
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t more = 0; more < 2; more++) {
            size_t n = rows[i].max + more;
            struct slice closing = {NULL, 0}, xml;
            char *tail = rows[i].tail ? NULL : repeat("", "</a>", n, "", &closing);
            char *data = repeat(rows[i].head, rows[i].unit, n, tail ? tail : rows[i].tail, &xml);

            if (more)
                assert_err(run_limits(xml, &prescan_message, &e), &e, "xml-limit");
            else
                assert_ok(run_limits(xml, &prescan_message, &e), &e);
            free(tail);
            free(data);
        }
    }
}

/* Declarations count as long as their element is open, not longer. */
static void namespaces_in_scope_are_bounded(void **state)
{
    struct slice unit, xml;
    char *two = repeat("<a", " xmlns:p#='u'", 22, ">", &unit), *data;
    struct err e = ERR_INIT;

    (void)state;
    data = repeat("", two, 3, "</a></a></a>", &xml);
    assert_err(run_limits(xml, &prescan_message, &e), &e, "xml-limit");
    free(data);
    data = repeat("", two, 2, "</a></a>", &xml);
    assert_ok(run_limits(xml, &prescan_message, &e), &e);
    free(data);
    free(two);
    two = repeat("<b", " xmlns:p#='u'", 22, "></b>", &unit);
    data = repeat("<a>", two, 40, "</a>", &xml);
    assert_ok(run_limits(xml, &prescan_message, &e), &e);
    free(data);
    free(two);
}

static void size_is_bounded(void **state)
{
    struct err e = ERR_INIT;
    struct slice xml;
    char *data;

    (void)state;
    assert_err(run("", &e), &e, "xml-too-large");
    data = repeat("<a/>", " ", SAML_XML_MAX - 4, "", &xml);
    assert_ok(run_limits(xml, &prescan_message, &e), &e);
    free(data);
    data = repeat("<a/>", " ", SAML_XML_MAX - 3, "", &xml);
    assert_err(run_limits(xml, &prescan_message, &e), &e, "xml-too-large");
    assert_ok(run_limits(xml, &prescan_metadata, &e), &e);
    free(data);
}

/* Every cut of a document is refused or is a document; under AddressSanitizer no cut is read past its end. */
static void every_cut_is_safe(void **state)
{
    static const char xml[] = "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"UTF-8\" standalone='yes'?>\n<!-- c -->"
                              "<a xmlns:b='u' c=\"&#x41;\"><![CDATA[x]]>&amp;\xe2\x82\xac<b:d/></a > <!-- e -->";
    struct err e = ERR_INIT;
    size_t whole = 0;

    (void)state;
    for (size_t n = 1; n < sizeof xml; n++) {
        char *cut = malloc(n);

        assert_non_null(cut);
        memcpy(cut, xml, n);
        if (run_limits(slice_make(cut, n), &prescan_message, &e) == 0)
            whole++;
        err_clear(&e);
        free(cut);
    }
    assert_int_equal(whole, 3); /* after the root, after the space, at the end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_passes),
        cmocka_unit_test(encodings_that_are_refused),
        cmocka_unit_test(declarations_are_refused),
        cmocka_unit_test(syntax_that_is_refused),
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(namespaces_in_scope_are_bounded),
        cmocka_unit_test(size_is_bounded),
        cmocka_unit_test(every_cut_is_safe),
    };

    return cmocka_run_group_tests_name("saml/prescan", tests, NULL, NULL);
}
