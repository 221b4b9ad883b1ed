/* edit.c - unit tests of lab/edit.h, xmltext.h and mint_fill.h: what each command does, and what cannot be done. */
#include "tests/unit/unit.h"

#include "lab/edit.h"
#include "lab/mint_fill.h"
#include "lab/xmltext.h"

static void check(const char *before, const char *line, const char *after)
{
    struct err e = ERR_INIT;
    struct buf doc;

    buf_init(&doc, 4096);
    buf_add_str(&doc, before);
    assert_ok(edit_apply(&doc, slice_of(line), NULL, 0, &e), &e);
    assert_string_equal(buf_cstr(&doc), after);
    buf_free(&doc);
}

static void commands_change_the_text(void **state)
{
    (void)state;
    check("<a>x x</a>", "replace 'x' by \"y\"", "<a>y x</a>");
    check("<a>x x</a>", "replace every 'x' by ''", "<a> </a>");
    check("<a><b/></a>", "insert 2 times 'z' before b", "<a>zz<b/></a>");
    check("<a><b/></a>", "insert 'z' after b", "<a><b/>z</a>");
    check("<a><b/></a>", "insert 'z' first in b", "<a><b>z</b></a>");
    check("<a><p:b x='>'/></a>", "insert 'z' last in b", "<a><p:b x='>'>z</p:b></a>");
    check("<a><b>1</b></a>", "insert 'z' last in b", "<a><b>1z</b></a>");
    check("<a><b>1</b><c/></a>", "copy b after c", "<a><b>1</b><c/><b>1</b></a>");
    check("<a><b>1</b><c/></a>", "move b first in c", "<a><c><b>1</b></c></a>");
    check("<a><b>1</b></a>", "remove b", "<a></a>");
    check("<a><b>1</b></a>", "unwrap b", "<a>1</a>");
    check("<a><b>1</b></a>", "rename b to 'c'", "<a><c>1</c></a>");
    check("<a><b/></a>", "rename b to 'c'", "<a><c/></a>");
    check("<a k=\"1\"/>", "set k of a to '2'", "<a k=\"2\"/>");
    check("<a/>", "set k of a to '2'", "<a k=\"2\"/>");
    check("<a j='0' k='1'/>", "drop k of a", "<a j='0'/>");
    check("<a>1</a>", "text of a is '2'", "<a>2</a>");
    check("<a/>", "prepend '{cm}'", "urn:oasis:names:tc:SAML:2.0:cm:<a/>");
    check("<a/>", "append '\\x41\\n\\\\'", "<a/>A\n\\");
    check("<a/>", "cut 1", "<a/");
    check("<a/>", "document is ''", "");
    check("<a><NameID>x@y</NameID><NameID>z</NameID></a>", "forge a",
          "<a><NameID>admin-x@y</NameID><NameID>z</NameID></a>");
    check("<r><Assertion ID='1'><Signature/></Assertion></r>", "evil after Assertion",
          "<r><Assertion ID='1'><Signature/></Assertion><Assertion ID='_evil'></Assertion></r>");
}

static void paths_lead_to_one_element(void **state)
{
    static const char doc[] = "<!-- <b/> --><a><![CDATA[<b>]]><?b <b>?><b n='x'/><c><b n='y/z'>1</b></c><b/></a>";
    struct slice xml = slice_of(doc);
    struct xmltext el;
    size_t from, to;

    (void)state;
    assert_true(xmltext_find(xml, SLICE("b"), &el) && el.empty);
    assert_true(xmltext_attribute(xml, &el, SLICE("n"), &from, &to) && to - from == 1 && doc[from] == 'x');
    assert_false(xmltext_attribute(xml, &el, SLICE("m"), &from, &to));
    assert_true(xmltext_find(xml, SLICE("c/b"), &el) && !el.empty && doc[el.inner] == '1');
    assert_true(xmltext_find(xml, SLICE("b[2]"), &el) && doc[el.inner] == '1');
    assert_true(xmltext_find(xml, SLICE("a/b[y/z]"), &el) && doc[el.inner] == '1');
    assert_true(xmltext_find(xml, SLICE("b[3]"), &el) && el.empty);
    assert_false(xmltext_find(xml, SLICE("b[4]"), &el));
    assert_false(xmltext_find(xml, SLICE("c/c"), &el));
    assert_false(xmltext_find(SLICE("<a><b"), SLICE("c"), &el));
    assert_true(xmltext_find(SLICE("<a><b></a>"), SLICE("b"), &el) && el.to == 10); /* never closed: to the end */
}

static void what_cannot_be_done_is_an_error(void **state)
{
    static const char *const bad[] = {"",
                                      "dance",
                                      "replace 'q' by 'r'",
                                      "replace 'x'",
                                      "replace x by y",
                                      "remove b",
                                      "insert 'x'",
                                      "insert 'x' near a",
                                      "insert 'x' first a",
                                      "insert 3 'x' before a",
                                      "set k a to 'x'",
                                      "drop k of a",
                                      "text of a",
                                      "prepend 'x",
                                      "prepend '{nobody}'",
                                      "prepend '\\q'",
                                      "cut 9000",
                                      "cut x",
                                      "wrap 0",
                                      "wrap 10",
                                      "wrap 3",
                                      "evil after a",
                                      "remove a a",
                                      "copy a beside a",
                                      "document 'x'"};
    struct err e = ERR_INIT;
    struct buf doc;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        buf_init(&doc, 4096);
        buf_add_str(&doc, "<a>x</a>");
        assert_err(edit_apply(&doc, slice_of(bad[i]), NULL, 0, &e), &e, "usage");
        buf_free(&doc);
    }
    buf_init(&doc, 64);
    buf_add_str(&doc, "<a>x</a>");
    assert_err(edit_apply(&doc, SLICE("insert 100 times 'x' last in a"), NULL, 0, &e), &e, "limit-exceeded");
    buf_free(&doc);
    buf_init(&doc, 64);
    assert_err(mint_fill(SLICE("<a"), &(struct mint_signers){.hmac = {NULL, 0}}, &doc, &e), &e, "internal-error");
    buf_free(&doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_change_the_text),
        cmocka_unit_test(paths_lead_to_one_element),
        cmocka_unit_test(what_cannot_be_done_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
