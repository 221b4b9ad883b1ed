/* Unit tests of base/conf.h: the YAML subset, places, includes. Option tables are in conf_table.c. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/conf.h"

/* The problems as text; free(). */
static char *problems_text(const struct conf_problems *p)
{
    struct buf out;
    char *text;

    buf_init(&out, 1 << 20);
    conf_problems_print(p, &out);
    text = strdup(buf_cstr(&out));
    assert_non_null(text);
    buf_free(&out);
    return text;
}

static void expect_problems(const char *yaml, const char *expected)
{
    struct conf_problems *p = conf_problems_new();
    struct conf_doc *d = conf_parse("t.yaml", slice_of(yaml), p);
    char *found = problems_text(p);

    assert_string_equal(found, expected);
    assert_null(d);
    assert_true(conf_errors(p) > 0);
    free(found);
    conf_problems_free(p);
}

static struct conf_doc *must_parse(const char *yaml, struct conf_problems *p)
{
    struct conf_doc *d = conf_parse("t.yaml", slice_of(yaml), p);

    if (!d)
        fail_msg("%s", problems_text(p));
    assert_int_equal(conf_errors(p), 0);
    return d;
}

static void every_scalar_is_text_with_a_place(void **state)
{
    static const char yaml[] = "door: no\n"
                               "port: 0755\n"
                               "version: 1.10\n"
                               "list:\n"
                               "  - ~\n"
                               "  - {a: \"x y\", b: null}\n"
                               "blank:\n"
                               "quoted: \"\"\n"
                               "block: |\n"
                               "  one\n"
                               "  two\n";
    struct conf_problems *p = conf_problems_new();
    struct conf_doc *d = must_parse(yaml, p);
    const struct conf_node *root = conf_root(d), *list = conf_get(root, "list"), *map = conf_item(list, 1);

    (void)state;
    assert_int_equal(conf_kind(root), CONF_MAP);
    assert_int_equal(conf_count(root), 7);
    assert_string_equal(conf_text(conf_get(root, "door")), "no");
    assert_string_equal(conf_where(conf_get(root, "door")), "t.yaml:1:7");
    assert_string_equal(conf_text(conf_get(root, "port")), "0755");
    assert_string_equal(conf_text(conf_get(root, "version")), "1.10");
    assert_int_equal(conf_kind(list), CONF_SEQ);
    assert_string_equal(conf_text(conf_item(list, 0)), "~");
    assert_string_equal(conf_where(map), "t.yaml:6:5");
    assert_string_equal(conf_text(conf_get(map, "a")), "x y");
    assert_string_equal(conf_where(conf_get(map, "b")), "t.yaml:6:19");
    assert_string_equal(conf_text(conf_get(map, "b")), "null");
    assert_true(conf_is_blank(conf_get(root, "blank")));
    assert_string_equal(conf_text(conf_get(root, "blank")), "");
    assert_false(conf_is_blank(conf_get(root, "quoted")));
    assert_string_equal(conf_text(conf_get(root, "block")), "one\ntwo\n");
    assert_string_equal(conf_text(conf_key(root, 2)), "version");
    assert_string_equal(conf_where(conf_key(root, 2)), "t.yaml:3:1");
    assert_null(conf_get(root, "absent"));
    assert_null(conf_get(list, "absent"));
    assert_null(conf_item(root, 7));
    assert_null(conf_key(list, 0));
    conf_free(d);
    conf_problems_free(p);
}

static void keys_are_found_in_any_order(void **state)
{
    struct conf_problems *p = conf_problems_new();
    struct buf yaml;
    struct conf_doc *d;

    (void)state;
    buf_init(&yaml, 1 << 20);
    for (int i = 0; i < 500; i++)
        buf_printf(&yaml, "k%d: v%d\n", i * 7919 % 500, i);
    d = must_parse(buf_cstr(&yaml), p);
    assert_int_equal(conf_count(conf_root(d)), 500);
    for (int i = 0; i < 500; i++) {
        char key[16], value[16];

        (void)snprintf(key, sizeof key, "k%d", i * 7919 % 500);
        (void)snprintf(value, sizeof value, "v%d", i);
        assert_string_equal(conf_text(conf_get(conf_root(d), key)), value);
        assert_string_equal(conf_text(conf_item(conf_root(d), (size_t)i)), value);
    }
    conf_free(d);
    buf_free(&yaml);
    conf_problems_free(p);
}

static void empty_documents_are_empty_maps(void **state)
{
    static const char *const rows[] = {"", "# a comment\n", "---\n", "---\n...\n", "\n\n", "\xef\xbb\xbf", "{}\n"};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct conf_problems *p = conf_problems_new();
        struct conf_doc *d = must_parse(rows[i], p);

        assert_int_equal(conf_kind(conf_root(d)), CONF_MAP);
        assert_int_equal(conf_count(conf_root(d)), 0);
        assert_string_equal(conf_where(conf_root(d)), "t.yaml:1:1");
        conf_free(d);
        conf_problems_free(p);
    }
}

static void what_yaml_has_and_configuration_has_not(void **state)
{
    (void)state;
    expect_problems("a: 1\nb: 2\na: 3\n", "t.yaml:3:1: error: key 'a' is given twice, before at t.yaml:1:1\n");
    expect_problems("m:\n  x: 1\n  \"x\": 2\n", "t.yaml:3:3: error: key 'x' is given twice, before at t.yaml:2:3\n");
    expect_problems("a: &here 1\nb: *here\n",
                    "t.yaml:1:10: error: anchors (&name) are not used here; write the value out\n"
                    "t.yaml:2:4: error: aliases (*name) are not used here; write the value out\n");
    expect_problems("a: !!str 1\nb: !local {c: d}\n",
                    "t.yaml:1:10: error: tags (!name) are not used here; every option knows its type\n"
                    "t.yaml:2:11: error: tags (!name) are not used here; every option knows its type\n");
    expect_problems("a: {<<: {b: c}}\n",
                    "t.yaml:1:5: error: merge keys (<<) are not used here; write the values out\n");
    expect_problems("a: 1\n---\nb: 2\n", "t.yaml:2:1: error: a second YAML document starts here; a configuration is "
                                         "one document (use include)\n");
    expect_problems("- a\n- b\n", "t.yaml:1:1: error: the top level must be a mapping (name: value)\n");
    expect_problems("text\n", "t.yaml:1:1: error: the top level must be a mapping (name: value)\n");
    expect_problems("? [a, b]\n: c\n", "t.yaml:1:3: error: a key must be plain text\n");
    expect_problems(": x\n", "t.yaml:1:1: error: a key must be plain text\n");
    expect_problems("a: \"x\\0y\"\n", "t.yaml:1:4: error: the text holds a NUL octet\n");
    expect_problems("a: b\nc: \x01\n", "t.yaml:2:4: error: a control character\n");
    expect_problems("a: b\nc: \xff\n", "t.yaml:2:1: error: the line is not UTF-8\n");
    expect_problems("include: other.yaml\n", "t.yaml:1:10: error: include works in files only\n");
}

static void syntax_errors_have_a_place(void **state)
{
    (void)state;
    expect_problems("a: b: c\n", "t.yaml:1:5: error: invalid nested block mapping on the same line\n");
    expect_problems("a: {b: 1,\n", "t.yaml:2:1: error: did not find expected node content\n");
    expect_problems("a: [1, 2\nb: 3\n", "t.yaml:3:1: error: flow sequence without a closing bracket\n");
}

static void nesting_is_bounded(void **state)
{
    struct conf_problems *p = conf_problems_new();
    char yaml[200] = "a: ";
    char *text;

    (void)state;
    memset(yaml + 3, '[', 60);
    memset(yaml + 63, ']', 60);
    assert_null(conf_parse("t.yaml", slice_of(yaml), p));
    text = problems_text(p);
    assert_string_equal(text, "t.yaml:1:35: error: nested deeper than 32 levels\n");
    free(text);
    conf_problems_free(p);
}

static void problems_are_sorted_and_counted(void **state)
{
    struct conf_problems *p = conf_problems_new();
    struct conf_doc *d = must_parse("a: 1\nb: 2\n", p);
    struct err e = ERR_INIT;
    char *text;

    (void)state;
    assert_ok(conf_check(p, &e), &e);
    conf_problem(p, CONF_ERROR, conf_get(conf_root(d), "b"), "second\n%s", "\x1b[31m");
    conf_problem(p, CONF_WARNING, conf_get(conf_root(d), "a"), "first");
    (void)err_mismatch(&e, ERR_EMAIL, "x\ny", "a@b", "not an address");
    conf_problem_err(p, conf_key(conf_root(d), 1), &e);
    assert_int_equal(e.code, ERR_NONE);
    conf_problem(p, CONF_ERROR, NULL, "no place");
    assert_int_equal(conf_errors(p), 3);
    assert_int_equal(conf_warnings(p), 1);
    text = problems_text(p);
    assert_string_equal(text, "error: no place\n"
                              "t.yaml:1:4: warning: first\n"
                              "t.yaml:2:1: error: not an address; found 'x\\x5cx0ay'; expected a@b [bad-email]\n"
                              "t.yaml:2:4: error: second\\x0a\\x1b[31m\n");
    free(text);
    assert_err(conf_check(p, &e), &e, "config-invalid");
    conf_free(d);
    conf_problems_free(p);
}

static void more_problems_than_anybody_reads(void **state)
{
    struct conf_problems *p = conf_problems_new();
    char *text;

    (void)state;
    for (int i = 0; i < 5000; i++)
        conf_problem(p, CONF_ERROR, NULL, "one");
    assert_int_equal(conf_errors(p), 5000);
    text = problems_text(p);
    assert_non_null(strstr(text, "and 4000 more\n"));
    free(text);
    conf_problems_free(p);
}

/* --- files --- */

struct dir {
    char path[64];
};

static void put(const struct dir *d, const char *name, const char *text)
{
    char path[300];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", d->path, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fputs(text, f) >= 0, 1);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, 0644), 0);
}

static int make_dir(void **state)
{
    struct dir *d = calloc(1, sizeof *d);
    char sub[80];

    (void)snprintf(d->path, sizeof d->path, "/tmp/usher-conf-XXXXXX");
    if (!mkdtemp(d->path))
        return -1;
    (void)snprintf(sub, sizeof sub, "%s/sub", d->path);
    *state = d;
    return mkdir(sub, 0755);
}

static int remove_dir(void **state)
{
    static const char *const names[] = {"main.yaml", "a.yaml", "b.yaml", "sub/c.yaml", "sub/d.yaml", "sub", "."};
    struct dir *d = *state;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[300];

        (void)snprintf(path, sizeof path, "%s/%s", d->path, names[i]);
        if (strcmp(names[i], ".") == 0)
            (void)rmdir(d->path);
        else
            (void)remove(path);
    }
    free(d);
    return 0;
}

static struct conf_doc *load(const struct dir *d, struct conf_problems *p)
{
    char path[300];

    (void)snprintf(path, sizeof path, "%s/main.yaml", d->path);
    return conf_load(path, p);
}

/* Loads main.yaml and compares the problems, in which DIR stands for the directory. */
static void expect_load_problems(const struct dir *d, const char *expected)
{
    struct conf_problems *p = conf_problems_new();
    struct buf wanted;
    char *found;
    const char *c = expected;

    assert_null(load(d, p));
    buf_init(&wanted, 1 << 16);
    while (*c) {
        if (strncmp(c, "DIR", 3) == 0) {
            buf_add_str(&wanted, d->path);
            c += 3;
        } else {
            buf_add_char(&wanted, *c++);
        }
    }
    found = problems_text(p);
    assert_string_equal(found, buf_cstr(&wanted));
    free(found);
    buf_free(&wanted);
    conf_problems_free(p);
}

static void includes_are_joined(void **state)
{
    struct dir *d = *state;
    struct conf_problems *p = conf_problems_new();
    struct conf_doc *doc;
    const struct conf_node *root, *rules;
    char where[200];

    put(d, "main.yaml", "include: [a.yaml, sub/c.yaml]\nrules: [one]\nidps:\n  x: {p: 1}\n");
    put(d, "a.yaml", "rules: [two]\nstore: here\n");
    put(d, "sub/c.yaml", "include: d.yaml\nidps:\n  y: {p: 2}\n");
    put(d, "sub/d.yaml", "rules: [three]\nidps:\n  z: {p: 3}\n");
    doc = load(d, p);
    if (!doc)
        fail_msg("%s", problems_text(p));
    root = conf_root(doc);
    assert_int_equal(conf_count(root), 3);
    assert_null(conf_get(root, "include"));
    rules = conf_get(root, "rules");
    assert_int_equal(conf_count(rules), 3);
    assert_string_equal(conf_text(conf_item(rules, 0)), "one");
    assert_string_equal(conf_text(conf_item(rules, 1)), "two");
    assert_string_equal(conf_text(conf_item(rules, 2)), "three");
    (void)snprintf(where, sizeof where, "%s/sub/d.yaml:1:9", d->path);
    assert_string_equal(conf_where(conf_item(rules, 2)), where);
    assert_int_equal(conf_count(conf_get(root, "idps")), 3);
    assert_string_equal(conf_text(conf_get(conf_get(conf_get(root, "idps"), "z"), "p")), "3");
    assert_string_equal(conf_text(conf_get(root, "store")), "here");
    assert_string_equal(conf_dir(conf_get(root, "store")), d->path);
    (void)snprintf(where, sizeof where, "%s/sub", d->path);
    assert_string_equal(conf_dir(conf_item(rules, 2)), where);
    conf_free(doc);
    conf_problems_free(p);
}

static void includes_that_do_not_fit(void **state)
{
    struct dir *d = *state;

    put(d, "main.yaml", "include: [a.yaml, b.yaml, none.yaml]\nstore: x\nidps: {x: 1}\nrules: [r]\n");
    put(d, "a.yaml", "store: y\nidps: {x: 2}\n");
    put(d, "b.yaml", "rules: {r: s}\nbad: &a 1\n");
    expect_load_problems(d,
                         "DIR/a.yaml:1:1: error: 'store' is given in another file already, at DIR/main.yaml:2:1, and "
                         "cannot be joined with it\n"
                         "DIR/b.yaml:1:1: error: 'rules' is given in another file already, at DIR/main.yaml:4:1, and "
                         "cannot be joined with it\n"
                         "DIR/b.yaml:2:9: error: anchors (&name) are not used here; write the value out\n"
                         "DIR/none.yaml: error: No such file or directory\n");
    /* duplicates inside joined mappings are seen once all files are read */
    put(d, "main.yaml", "include: a.yaml\nidps: {x: 1}\n");
    put(d, "a.yaml", "idps: {x: 2}\n");
    expect_load_problems(d, "DIR/a.yaml:1:8: error: key 'x' is given twice, before at DIR/main.yaml:2:8\n");
}

static void includes_end(void **state)
{
    struct dir *d = *state;

    put(d, "main.yaml", "include: a.yaml\n");
    put(d, "a.yaml", "include: sub/c.yaml\n");
    put(d, "sub/c.yaml", "include: ../main.yaml\n");
    expect_load_problems(d, "DIR/sub/c.yaml:1:10: error: 'DIR/sub/../main.yaml' includes itself\n");
    put(d, "main.yaml", "include: main.yaml\n");
    expect_load_problems(d, "DIR/main.yaml:1:10: error: 'DIR/main.yaml' includes itself\n");
    put(d, "main.yaml", "include: [a.yaml, a.yaml]\n");
    put(d, "a.yaml", "x: 1\n");
    expect_load_problems(d, "DIR/main.yaml:1:19: error: 'DIR/a.yaml' is included twice\n");
    put(d, "main.yaml", "include: {a: b}\n");
    expect_load_problems(d, "DIR/main.yaml:1:10: error: include is a file name or a list of them\n");
    put(d, "main.yaml", "include:\n");
    expect_load_problems(d, "DIR/main.yaml:1:1: error: include is a file name or a list of them\n");
    put(d, "main.yaml", "include: [none.yaml, sub]\n");
    expect_load_problems(d, "DIR/none.yaml: error: No such file or directory\n"
                            "DIR/sub: error: Is a directory\n");
}

static void a_writable_file_is_a_warning(void **state)
{
    struct dir *d = *state;
    struct conf_problems *p = conf_problems_new();
    struct conf_doc *doc;
    char path[300];

    put(d, "main.yaml", "a: b\n");
    (void)snprintf(path, sizeof path, "%s/main.yaml", d->path);
    assert_int_equal(chmod(path, 0666), 0);
    doc = load(d, p);
    assert_non_null(doc);
    assert_int_equal(conf_warnings(p), 1);
    assert_int_equal(conf_errors(p), 0);
    conf_free(doc);
    conf_problems_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scalar_is_text_with_a_place),
        cmocka_unit_test(keys_are_found_in_any_order),
        cmocka_unit_test(empty_documents_are_empty_maps),
        cmocka_unit_test(what_yaml_has_and_configuration_has_not),
        cmocka_unit_test(syntax_errors_have_a_place),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(problems_are_sorted_and_counted),
        cmocka_unit_test(more_problems_than_anybody_reads),
        cmocka_unit_test_setup_teardown(includes_are_joined, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(includes_that_do_not_fit, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(includes_end, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_writable_file_is_a_warning, make_dir, remove_dir),
    };

    return cmocka_run_group_tests_name("base/conf", tests, NULL, NULL);
}
