/* The tokenizer: what it gives for good input, and every kind of bad input by itself. */
#include "saml/token.h"

#include "base/buf.h"
#include "tests/unit/unit.h"

/* One token as "<{ns}local a="v" {ns}b="w">", "</{ns}local>", "'text'", "[cdata]", "#comment#". */
static void show(const struct token *tok, struct buf *out)
{
    switch (tok->kind) {
    case TOKEN_EOF: break;
    case TOKEN_START:
    case TOKEN_STOP:
        buf_add_str(out, tok->kind == TOKEN_START ? "<" : "</");
        if (tok->ns.n)
            buf_printf(out, "{%.*s}", SLICE_ARG(tok->ns));
        buf_add_slice(out, tok->local);
        for (size_t i = 0; i < tok->nattrs; i++) {
            buf_add_char(out, ' ');
            if (tok->attrs[i].ns.n)
                buf_printf(out, "{%.*s}", SLICE_ARG(tok->attrs[i].ns));
            buf_printf(out, "%.*s=\"%.*s\"", SLICE_ARG(tok->attrs[i].local), SLICE_ARG(tok->attrs[i].value));
        }
        buf_add_char(out, '>');
        break;
    case TOKEN_TEXT: buf_printf(out, "'%.*s'", SLICE_ARG(tok->text)); break;
    case TOKEN_CDATA: buf_printf(out, "[%.*s]", SLICE_ARG(tok->text)); break;
    case TOKEN_COMMENT: buf_printf(out, "#%.*s#", SLICE_ARG(tok->text)); break;
    }
}

static int tokenize(struct slice xml, unsigned flags, struct buf *out, struct err *e)
{
    static struct tokenizer t;
    /* exactly as large as the text, so that AddressSanitizer sees a read past its end */
    char *copy = malloc(xml.n ? xml.n : 1);
    struct arena a;
    struct token tok;
    int rc;

    assert_non_null(copy);
    memcpy(copy, xml.p, xml.n);
    arena_init(&a, 1 << 20);
    rc = token_init(&t, slice_make(copy, xml.n), flags, ERR_READ, &a, e);
    while (rc == 0) {
        rc = token_next(&t, &tok, e);
        if (rc != 0 || tok.kind == TOKEN_EOF)
            break;
        show(&tok, out);
    }
    arena_free(&a);
    free(copy);
    return rc;
}

static void good(const char *xml, unsigned flags, const char *expected)
{
    struct err e = ERR_INIT;
    struct buf out;

    buf_init(&out, 1 << 16);
    if (tokenize(slice_of(xml), flags, &out, &e) != 0) {
        err_print(stderr, xml, &e);
        fail();
    }
    assert_string_equal(buf_cstr(&out), expected);
    buf_free(&out);
}

/* The message holds `why`, so that a row fails for its own reason. */
static void bad_bytes(struct slice xml, unsigned flags, const char *why)
{
    struct err e = ERR_INIT;
    struct buf out;

    buf_init(&out, 1 << 20);
    if (tokenize(xml, flags, &out, &e) == 0)
        fail_msg("accepted (%s): %.*s", why, (int)(xml.n < 200 ? xml.n : 200), xml.p);
    if (!strstr(e.msg, why))
        fail_msg("refused as '%s', not '%s': %.*s", e.msg, why, (int)(xml.n < 200 ? xml.n : 200), xml.p);
    assert_string_equal(err_name(e.code), "assertion-unreadable");
    buf_free(&out);
}

static void bad(const char *xml, const char *why)
{
    bad_bytes(slice_of(xml), 0, why);
}

static void elements_and_text(void **state)
{
    (void)state;
    good("<a></a>", 0, "<a></a>");
    good("<a/>", 0, "<a></a>");
    good("<a  x = '1' y=\"2\" />", 0, "<a x=\"1\" y=\"2\"></a>");
    good("<a>one<b>two</b>three</a >", 0, "<a>'one'<b>'two'</b>'three'</a>");
    good("<a>x<!-- y -->z</a>", 0, "<a>'x'# y #'z'</a>");
    good("<a><!-->--></a>", 0, "<a>#>#</a>");
    good("<a><![CDATA[<&>]]]]><![CDATA[>]]></a>", 0, "<a>[<&>]]][>]</a>");
    good("<a><![CDATA[]]></a>", 0, "<a>[]</a>");
    good("<\xc3\xa9l\xc3\xa9ment a.b-c_1=''/>", 0, "<\xc3\xa9l\xc3\xa9ment a.b-c_1=\"\"></\xc3\xa9l\xc3\xa9ment>");
}

static void references(void **state)
{
    (void)state;
    good("<a b='&lt;&amp;&quot;&apos;&gt;'>&lt;&amp;&gt;</a>", 0, "<a b=\"<&\"'>\">'<&>'</a>");
    good("<a>&#65;&#x42;&#x20ac;&#x1F600;&#9;</a>", 0, "<a>'AB\xe2\x82\xac\xf0\x9f\x98\x80\t'</a>");
    good("<a>]]&gt;</a>", 0, "<a>']]>'</a>");
    good("<a>a]]b</a>", 0, "<a>'a]]b'</a>");
    bad("<a>&nbsp;</a>", "a reference");
    bad("<a>&</a>", "a reference");
    bad("<a>&;</a>", "a reference");
    bad("<a>&lt</a>", "a reference");
    bad("<a>&LT;</a>", "a reference");
    bad("<a>&#;</a>", "a reference");
    bad("<a>&#x;</a>", "a reference");
    bad("<a>&#X41;</a>", "a reference");
    bad("<a>&#6 5;</a>", "a reference");
    bad("<a>&#4A;</a>", "a reference");
    bad("<a>&#0;</a>", "a reference");
    bad("<a>&#1;</a>", "a reference");
    bad("<a>&#xD800;</a>", "a reference");
    bad("<a>&#xFFFE;</a>", "a reference");
    bad("<a>&#x110000;</a>", "a reference");
    bad("<a>&#x100000041;</a>", "a reference"); /* 'A' modulo 2^32 */
    bad("<a b='&x;'/>", "a reference");
}

static void line_ends_and_white_space(void **state)
{
    (void)state;
    good("<a>1\r\n2\r3\n\r4&#13;</a>", 0, "<a>'1\n2\n3\n\n4\r'</a>");
    good("<a>1\r</a>", 0, "<a>'1\n'</a>");
    good("<a>\n\r\r\n</a>", 0, "<a>'\n\n\n'</a>");
    good("<a><![CDATA[1\r\n2&amp;]]></a>", 0, "<a>[1\n2&amp;]</a>");
    good("<a b='1\t2\n3\r\n4\r5&#9;&#10;&#13;'/>", 0, "<a b=\"1 2 3 4 5\t\n\r\"></a>");
}

static void namespaces(void **state)
{
    (void)state;
    good("<a xmlns='u'><b c='1'/></a>", 0, "<{u}a><{u}b c=\"1\"></{u}b></{u}a>");
    good("<p:a xmlns:p='u' p:c='1' c='2'/>", 0, "<{u}a {u}c=\"1\" c=\"2\"></{u}a>");
    good("<p:a p:c='1' xmlns:p='u'/>", 0, "<{u}a {u}c=\"1\"></{u}a>"); /* declared behind its use */
    good("<a xmlns='u'><a xmlns=''><a/></a><a xmlns='v'/><a/></a>", 0,
         "<{u}a><a><a></a></a><{v}a></{v}a><{u}a></{u}a></{u}a>");
    good("<p:a xmlns:p='u'><p:a xmlns:p='v'/><p:a/></p:a>", 0, "<{u}a><{v}a></{v}a><{u}a></{u}a></{u}a>");
    good("<a xml:lang='de'/>", 0, "<a {http://www.w3.org/XML/1998/namespace}lang=\"de\"></a>");
    good("<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>", 0, "<a></a>");
    good("<a b='q:name'/>", 0, "<a b=\"q:name\"></a>"); /* a prefix in a value is text */
    good("<a xmlns:p='u' xmlns='u' p:b='1' b='2'/>", 0, "<{u}a {u}b=\"1\" b=\"2\"></{u}a>");

    bad("<p:a/>", "prefix is not declared");
    bad("<a p:b='1'/>", "prefix is not declared");
    bad("<a><b xmlns:p='u'/><p:c/></a>", "prefix is not declared"); /* its scope has ended */
    bad("<a xmlns:p=''/>", "bound to nothing");
    bad("<a xmlns:p='u' xmlns:p='v'/>", "declared twice");
    bad("<a xmlns='u' xmlns='u'/>", "declared twice");
    bad("<a xmlns:xml='u'/>", "belong together");
    bad("<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>", "belong together");
    bad("<a xmlns='http://www.w3.org/XML/1998/namespace'/>", "belong together");
    bad("<a xmlns:xmlns='u'/>", "cannot be declared");
    bad("<a xmlns:p='http://www.w3.org/2000/xmlns/'/>", "cannot be declared");
    bad("<a xmlns='http://www.w3.org/2000/xmlns/'/>", "cannot be declared");
    bad("<xmlns:a/>", "prefix xmlns");
    bad("<a b='1' b='1'/>", "given twice");
    bad("<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>", "given twice");
    bad("<a xmlns:p='u'><b xmlns:q='u' p:b='1' q:b='2'/></a>", "given twice"); /* declared at two places */
}

static void malformed(void **state)
{
    (void)state;
    bad("", "no root");
    bad("<", "a name was expected");
    bad("<>", "a name was expected");
    bad("< a/>", "a name was expected");
    bad("<1/>", "a name was expected");
    bad("<-a/>", "a name was expected");
    bad("<a:/>", "a name was expected");
    bad("<:a/>", "a name was expected");
    bad("<a:b:c xmlns:a='u'/>", "a name was expected");
    bad("<a:1 xmlns:a='u'/>", "a name was expected");
    bad("<a", "a tag does not end");
    bad("<a ", "a name was expected");
    bad("<a/ >", "a tag does not end");
    bad("<a b/>", "'=' was expected");
    bad("<a b=1/>", "a quoted attribute value");
    bad("<a b='1/>", "a quoted attribute value");
    bad("<a b='1\"/>", "a quoted attribute value");
    bad("<a b='1'c='2'/>", "a tag does not end");
    bad("<a b='<'/>", "'<' in an attribute");
    bad("<a>", "an element does not end");
    bad("<a>x", "an element does not end");
    bad("<a><b></a></b>", "does not match");
    bad("<a></A>", "does not match");
    bad("<p:a xmlns:p='u' xmlns:q='u'></q:a>", "does not match"); /* XML compares names as written */
    bad("<a></a", "an end tag does not end");
    bad("<a></a b='1'>", "an end tag does not end");
    bad("</a>", "without its start tag");
    bad("<a/></a>", "without its start tag");
    bad("<a>]]></a>", "\"]]>\" in text");
    bad("<a><!-- -- --></a>", "a comment does not end");
    bad("<a><!-- ---></a>", "a comment does not end");
    bad("<a><!-- </a>", "a comment does not end");
    bad("<a><!-></a>", "another declaration");
    bad("<a><![CDATA[x</a>", "a CDATA section does not end");
    bad("<a><![cdata[x]]></a>", "another declaration");
}

static void not_in_our_xml(void **state)
{
    (void)state;
    bad("<!DOCTYPE a><a/>", "a DOCTYPE");
    bad("<a><!ENTITY x 'y'></a>", "a DOCTYPE");
    bad("<?pi x?><a/>", "a processing instruction");
    bad("<a><?pi x?></a>", "a processing instruction");
    bad("<?xml version='1.0'?><a/>", "a processing instruction");
    bad("<a/><b/>", "a second root");
    bad("<a/>x", "text outside");
    bad("<a/> ", "text outside");
    bad(" <a/>", "text outside");
    bad("<a/><!-- x -->", "a comment outside");
    bad("<!-- x --><a/>", "a comment outside");
    bad("<a/><![CDATA[]]>", "text outside");
}

static void characters(void **state)
{
    (void)state;
    bad_bytes(SLICE("<a>\0</a>"), 0, "does not allow");
    bad_bytes(SLICE("<a/>\0"), 0, "does not allow");
    bad("<a>\x01</a>", "does not allow");
    bad("<a b='\x0b'/>", "does not allow");
    bad("<a>\xef\xbf\xbe</a>", "does not allow"); /* U+FFFE */
    bad("<a>\xef\xbf\xbf</a>", "does not allow");
    good("<a>\xef\xbf\xbd\x7f</a>", 0, "<a>'\xef\xbf\xbd\x7f'</a>");
    bad("<a>\xff</a>", "not UTF-8");
    bad("<a>\xc0\x80</a>", "not UTF-8");         /* NUL, two octets long */
    bad("<a>\xed\xa0\x80</a>", "not UTF-8");     /* a surrogate */
    bad("<a>\xf4\x90\x80\x80</a>", "not UTF-8"); /* U+110000 */
    bad("<a>\xe2\x82", "not UTF-8");
    bad("\xef\xbb\xbf<a/>", "text outside"); /* canonical XML has no byte order mark */
}

static void whole_documents(void **state)
{
    const unsigned d = TOKEN_DOCUMENT;

    (void)state;
    good(" \n<!-- x --> <a/>\n<!-- y -->", d, "# x #<a></a># y #");
    good("<?xml version=\"1.0\"?><a/>", d, "<a></a>");
    good("<?xml version='1.0' encoding='utf-8' standalone='yes' ?>\r\n<a/>\r\n", d, "<a></a>");
    good("<abcd x='1'/>", d, "<abcd x=\"1\"></abcd>");
    bad_bytes(SLICE("<?xml"), d, "a processing instruction");
    bad_bytes(SLICE("<?xml "), d, "not XML 1.0");
    bad_bytes(SLICE("<?xml-stylesheet x='y'?><a/>"), d, "a processing instruction");
    bad_bytes(SLICE("<?xml?><a/>"), d, "a processing instruction");
    bad_bytes(SLICE("<?xml version='1.1'?><a/>"), d, "not XML 1.0");
    bad_bytes(SLICE("<?xml encoding='UTF-8'?><a/>"), d, "not XML 1.0");
    bad_bytes(SLICE("<?xml version='1.0' encoding='UTF-16'?><a/>"), d, "other than UTF-8");
    bad_bytes(SLICE("<?xml version='1.0' standalone='maybe'?><a/>"), d, "standalone");
    bad_bytes(SLICE("<?xml version='1.0' standalone='no' encoding='UTF-8'?><a/>"), d, "does not end");
    bad_bytes(SLICE("<?xml version='1.0'encoding='UTF-8'?><a/>"), d, "does not end");
    bad_bytes(SLICE(" <?xml version='1.0'?><a/>"), d, "a processing instruction");
    bad_bytes(SLICE("<?xml version='1.0'?>"), d, "no root");
    bad_bytes(SLICE("<!-- only -->"), d, "no root");
    bad_bytes(SLICE("<a/>x"), d, "text outside");
    bad_bytes(SLICE("<a/><b/>"), d, "a second root");
    bad_bytes(SLICE("<!DOCTYPE a><a/>"), d, "a DOCTYPE");
}

/* `n` elements inside each other. */
static void nest(struct buf *out, size_t n)
{
    buf_reset(out);
    for (size_t i = 0; i < n; i++)
        buf_add_str(out, "<a>");
    for (size_t i = 0; i < n; i++)
        buf_add_str(out, "</a>");
}

/* A root with `n` children. */
static void row(struct buf *out, size_t n)
{
    buf_reset(out);
    buf_add_str(out, "<r>");
    for (size_t i = 0; i < n; i++)
        buf_add_str(out, "<a/>");
    buf_add_str(out, "</r>");
}

/* One tag with `n` attributes, or as many declarations. */
static void tag(struct buf *out, size_t n, const char *prefix)
{
    buf_reset(out);
    buf_add_str(out, "<a");
    for (size_t i = 0; i < n; i++)
        buf_printf(out, " %sn%zu='u'", prefix, i);
    buf_add_str(out, "/>");
}

/* Four open elements with `n` declarations each, and one more in the innermost if `more`. */
static void scopes(struct buf *out, size_t n, bool more)
{
    buf_reset(out);
    for (size_t el = 0; el < 4; el++) {
        buf_add_str(out, "<a");
        for (size_t i = 0; i < n; i++)
            buf_printf(out, " xmlns:p%zu.%zu='u'", el, i);
        buf_add_str(out, ">");
    }
    buf_add_str(out, more ? "<a xmlns:q='u'/>" : "<a/>");
    buf_add_str(out, "</a></a></a></a>");
}

static void limits(void **state)
{
    struct err e = ERR_INIT;
    struct buf xml, out;

    (void)state;
    buf_init(&xml, 1 << 20);
    buf_init(&out, 1 << 20);

    nest(&xml, TOKEN_DEPTH_MAX);
    assert_ok(tokenize(buf_slice(&xml), 0, &out, &e), &e);
    nest(&xml, TOKEN_DEPTH_MAX + 1);
    bad_bytes(buf_slice(&xml), 0, "nested deeper");

    row(&xml, TOKEN_ELEMENTS_MAX - 1);
    assert_ok(tokenize(buf_slice(&xml), 0, &out, &e), &e);
    row(&xml, TOKEN_ELEMENTS_MAX);
    bad_bytes(buf_slice(&xml), 0, "more than 4096 elements");

    tag(&xml, TOKEN_ATTRS_MAX, "");
    assert_ok(tokenize(buf_slice(&xml), 0, &out, &e), &e);
    tag(&xml, TOKEN_ATTRS_MAX + 1, "");
    bad_bytes(buf_slice(&xml), 0, "more than 64 attributes");
    tag(&xml, TOKEN_ATTRS_MAX + 1, "xmlns:");
    bad_bytes(buf_slice(&xml), 0, "more than 64 attributes");

    /* one binding is the predeclared xml */
    scopes(&xml, TOKEN_BINDINGS_MAX / 4 - 1, true);
    assert_ok(tokenize(buf_slice(&xml), 0, &out, &e), &e);
    scopes(&xml, TOKEN_BINDINGS_MAX / 4, false);
    bad_bytes(buf_slice(&xml), 0, "more than 128 namespace declarations");

    buf_free(&xml);
    buf_free(&out);
}

/* The place of an error is the path of open elements and the octet. */
static void places(void **state)
{
    struct err e = ERR_INIT;
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 10);
    assert_int_equal(tokenize(SLICE("<p:a xmlns:p='u'><b>&x;</b></p:a>"), 0, &out, &e), -1);
    assert_string_equal(e.at, "a/b, byte 20");
    buf_free(&out);
}

static void full_arena(void **state)
{
    static struct tokenizer t;
    struct err e = ERR_INIT;
    struct arena a;
    struct token tok;

    (void)state;
    arena_init(&a, 0);
    assert_ok(token_init(&t, SLICE("<a>plain<b>&amp;</b></a>"), 0, ERR_READ, &a, &e), &e);
    for (size_t i = 0; i < 3; i++)
        assert_ok(token_next(&t, &tok, &e), &e); /* nothing to decode, nothing allocated */
    assert_err(token_next(&t, &tok, &e), &e, "out-of-memory");
    arena_free(&a);
}

static void skipping_and_attributes(void **state)
{
    static struct tokenizer t;
    struct err e = ERR_INIT;
    struct arena a;
    struct token tok;

    (void)state;
    arena_init(&a, 1 << 16);
    assert_ok(token_init(&t, SLICE("<a><b x='1' p:x='2' xmlns:p='u'>t<c/><b/></b><d/></a>"), 0, ERR_READ, &a, &e), &e);
    assert_ok(token_next(&t, &tok, &e), &e);
    assert_ok(token_next(&t, &tok, &e), &e);
    assert_true(token_is(&tok, "", "b"));
    assert_false(token_is(&tok, "u", "b"));
    assert_true(slice_is(token_attr(&tok, "x"), "1"));
    assert_true(slice_is(token_attr_ns(&tok, "u", "x"), "2"));
    assert_null(token_attr(&tok, "y").p);
    assert_ok(token_skip(&t, &e), &e);
    assert_ok(token_next(&t, &tok, &e), &e);
    assert_true(token_is(&tok, "", "d"));
    assert_ok(token_skip(&t, &e), &e); /* an empty-element tag has its stop too */
    assert_ok(token_next(&t, &tok, &e), &e);
    assert_int_equal(tok.kind, TOKEN_STOP);
    assert_true(token_is(&tok, "", "a"));
    for (size_t i = 0; i < 2; i++) {
        assert_ok(token_next(&t, &tok, &e), &e);
        assert_int_equal(tok.kind, TOKEN_EOF);
    }
    arena_free(&a);
}

static void ncnames(void **state)
{
    (void)state;
    assert_true(token_is_ncname(SLICE("_1")));
    assert_true(token_is_ncname(SLICE("id-a.b_c")));
    assert_true(token_is_ncname(SLICE("\xc3\xa9\xcc\x81"))); /* é and a combining mark */
    assert_false(token_is_ncname(SLICE("")));
    assert_false(token_is_ncname(SLICE("1a")));
    assert_false(token_is_ncname(SLICE("a:b")));
    assert_false(token_is_ncname(SLICE("a b")));
    assert_false(token_is_ncname(SLICE(" a")));
    assert_false(token_is_ncname(SLICE("\xcc\x81"))); /* a combining mark does not begin a name */
    assert_false(token_is_ncname(SLICE("a\xff")));
    assert_false(token_is_ncname(SLICE("a\0")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_and_text),
        cmocka_unit_test(references),
        cmocka_unit_test(line_ends_and_white_space),
        cmocka_unit_test(namespaces),
        cmocka_unit_test(malformed),
        cmocka_unit_test(not_in_our_xml),
        cmocka_unit_test(characters),
        cmocka_unit_test(whole_documents),
        cmocka_unit_test(limits),
        cmocka_unit_test(places),
        cmocka_unit_test(full_arena),
        cmocka_unit_test(skipping_and_attributes),
        cmocka_unit_test(ncnames),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
