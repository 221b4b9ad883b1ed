/* Unit tests of the option tables of base/conf.h: reading by type, reporting together, printing back. */
#include "tests/unit/unit.h"

#include <limits.h>
#include <unistd.h>

#include "base/conf.h"

enum door { DOOR_DENY, DOOR_SSO, DOOR_PASSWORD };
static const char *const doors[] = {"deny", "sso", "password", NULL};

struct settings {
    const char *name, *file, *site, *domain;
    struct listen_addr listen, auth;
    bool strict;
    int door;
    int64_t count, offset, life, until;
    struct email owner;
    struct conf_strings groups;
    struct conf_strings files;
    struct conf_strings domains;
    struct conf_netblocks networks;
    const struct conf_node *rules;
};

#define F(field) offsetof(struct settings, field)
static const struct conf_option options[] = {
    {"name", CONF_T_STRING, F(name), CONF_REQUIRED, NULL, NULL, 0, 0, "What it is called."},
    {"file", CONF_T_PATH, F(file), 0, NULL, NULL, 0, 0, "Where it is."},
    {"site", CONF_T_URL, F(site), 0, "https://example.com/", NULL, 0, 0, "Its page."},
    {"domain", CONF_T_DOMAIN, F(domain), 0, NULL, NULL, 0, 0, "Its domain."},
    {"listen", CONF_T_LISTEN, F(listen), 0, "127.0.0.1:8080", NULL, 0, 0, "Where it listens."},
    {"auth", CONF_T_LISTEN, F(auth), 0, NULL, NULL, 0, 0, "Where the proxy asks."},
    {"strict", CONF_T_BOOL, F(strict), 0, "yes", NULL, 0, 0, "Whether it is strict."},
    {"door", CONF_T_ENUM, F(door), 0, NULL, doors, 0, 0, "a|b"},
    {"count", CONF_T_NUMBER, F(count), 0, "3", NULL, 1, 10, "How many."},
    {"offset", CONF_T_NUMBER, F(offset), 0, NULL, NULL, -5, 5, "By how much."},
    {"life", CONF_T_DURATION, F(life), 0, "8h", NULL, 60, 86400, "How long."},
    {"until", CONF_T_TIME, F(until), 0, NULL, NULL, 0, 0, "Until when."},
    {"owner", CONF_T_EMAIL, F(owner), 0, NULL, NULL, 0, 0, "Whose."},
    {"groups", CONF_T_STRINGS, F(groups), 0, NULL, NULL, 0, 0, "Groups."},
    {"files", CONF_T_PATHS, F(files), 0, NULL, NULL, 0, 0, "Files."},
    {"domains", CONF_T_DOMAINS, F(domains), 0, NULL, NULL, 0, 0, "Domains."},
    {"networks", CONF_T_NETBLOCKS, F(networks), 0, "[127.0.0.1/32, ::1]", NULL, 0, 0, "Networks."},
    {"rules", CONF_T_NODE, F(rules), 0, NULL, NULL, 0, 0, "Rules."},
    {"smtp", CONF_T_UNSUPPORTED, 0, 0, NULL, NULL, 0, 0, "Mail."},
};
static const struct conf_table table = {"things[]", "A thing.", options, sizeof options / sizeof *options};

/* One reading: everything a test needs, freed together. */
struct fixture {
    struct conf_problems *problems;
    struct conf_doc *doc;
    struct arena arena;
    struct settings s;
    struct buf text; /* the problems */
    bool ok;
};

static void read_yaml(struct fixture *f, const char *yaml)
{
    *f = (struct fixture){.problems = conf_problems_new()};
    arena_init(&f->arena, 1 << 20);
    buf_init(&f->text, 1 << 20);
    f->doc = conf_parse("t.yaml", slice_of(yaml), f->problems);
    if (f->doc)
        f->ok = conf_read_map(conf_root(f->doc), &table, &f->s, &f->arena, f->problems);
    conf_problems_print(f->problems, &f->text);
}

static void done(struct fixture *f)
{
    conf_free(f->doc);
    conf_problems_free(f->problems);
    arena_free(&f->arena);
    buf_free(&f->text);
}

static void must_read(struct fixture *f, const char *yaml)
{
    read_yaml(f, yaml);
    if (!f->ok || conf_errors(f->problems))
        fail_msg("%s", buf_cstr(&f->text));
}

static void expect_problems(const char *yaml, const char *expected)
{
    struct fixture f;

    read_yaml(&f, yaml);
    assert_false(f.ok);
    assert_string_equal(buf_cstr(&f.text), expected);
    done(&f);
}

static void defaults_fill_what_is_absent(void **state)
{
    struct fixture f;

    (void)state;
    must_read(&f, "name: x\n");
    assert_string_equal(f.s.name, "x");
    assert_null(f.s.file);
    assert_string_equal(f.s.site, "https://example.com/");
    assert_int_equal(f.s.listen.port, 8080);
    assert_int_equal(f.s.auth.ip.family, 0);
    assert_true(f.s.strict);
    assert_int_equal(f.s.door, DOOR_DENY);
    assert_int_equal(f.s.count, 3);
    assert_int_equal(f.s.life, 8 * 3600);
    assert_int_equal(f.s.networks.n, 2);
    assert_int_equal(f.s.networks.v[1].base.family, 6);
    assert_int_equal(f.s.networks.v[1].bits, 128);
    assert_int_equal(f.s.groups.n, 0);
    assert_null(f.s.rules);
    done(&f);
}

static const char full[] = "name: no\n"
                           "file: certs/a.pem\n"
                           "site: http://H.example:81/x?y\n"
                           "domain: Stra\xc3\x9f"
                           "e.de\n"
                           "listen: \"[::1]:443\"\n"
                           "auth: unix:/run/a b.sock\n"
                           "strict: Off\n"
                           "door: password\n"
                           "count: 10\n"
                           "offset: -5\n"
                           "life: 90m\n"
                           "until: 2027-06-30\n"
                           "owner: Ann@Example.com\n"
                           "groups: staff\n"
                           "domains: [A.de, b.example]\n"
                           "networks: [10.0.0.0/8, \"2001:db8::/32\", 192.0.2.1]\n"
                           "rules:\n  - a: b\n";

static void paths_start_at_the_file(void **state)
{
    struct fixture f;
    char cwd[PATH_MAX], path[PATH_MAX + 16];
    struct buf out;

    (void)state;
    must_read(&f, "name: x\nfiles: [certs/a.pem, /b.pem]\n");
    assert_non_null(getcwd(cwd, sizeof cwd));
    (void)snprintf(path, sizeof path, "%s/certs/a.pem", cwd);
    assert_int_equal(f.s.files.n, 2);
    assert_string_equal(f.s.files.v[0], path);
    assert_string_equal(f.s.files.v[1], "/b.pem");
    buf_init(&out, 65536);
    conf_print_map(&table, &f.s, 0, &out);
    assert_non_null(strstr(buf_cstr(&out), ", /b.pem]\n"));
    buf_free(&out);
    done(&f);
    must_read(&f, "name: x\nfiles: /b.pem\n");
    assert_int_equal(f.s.files.n, 1);
    done(&f);
    expect_problems("name: x\nfiles: [a, '']\n", "t.yaml:2:12: error: files: an empty path [config-invalid]\n");
}

static void every_type_is_read(void **state)
{
    struct fixture f;
    char cwd[PATH_MAX], path[PATH_MAX + 16];

    (void)state;
    must_read(&f, full);
    assert_string_equal(f.s.name, "no");
    assert_non_null(getcwd(cwd, sizeof cwd));
    (void)snprintf(path, sizeof path, "%s/certs/a.pem", cwd);
    assert_string_equal(f.s.file, path);
    assert_string_equal(f.s.site, "http://H.example:81/x?y");
    assert_string_equal(f.s.domain, "xn--strae-oqa.de");
    assert_int_equal(f.s.listen.ip.family, 6);
    assert_string_equal(f.s.auth.path, "/run/a b.sock");
    assert_false(f.s.strict);
    assert_int_equal(f.s.door, DOOR_PASSWORD);
    assert_int_equal(f.s.count, 10);
    assert_int_equal(f.s.offset, -5);
    assert_int_equal(f.s.life, 5400);
    assert_int_equal(f.s.until, 1814313600);
    assert_string_equal(f.s.owner.key, "ann@example.com");
    assert_int_equal(f.s.groups.n, 1);
    assert_string_equal(f.s.groups.v[0], "staff");
    assert_int_equal(f.s.domains.n, 2);
    assert_string_equal(f.s.domains.v[0], "a.de");
    assert_int_equal(f.s.networks.n, 3);
    assert_int_equal(f.s.networks.v[0].bits, 8);
    assert_int_equal(conf_kind(f.s.rules), CONF_SEQ);
    done(&f);
}

static void all_problems_are_reported_together(void **state)
{
    (void)state;
    expect_problems(
        "nmae: x\n"
        "colour: red\n"
        "site: ftp://x\n"
        "strict: maybe\n"
        "door: pasword\n"
        "count: 11\n"
        "offset: -6\n"
        "life: 30\n"
        "until: tomorrow\n"
        "owner: ann\n"
        "groups: [a, {b: c}]\n"
        "domains: [ok.example, a..b, localhost]\n"
        "networks: [10.0.0.1/8]\n"
        "file: [x]\n"
        "domain: {}\n"
        "listen: localhost:80\n"
        "auth:\n"
        "smtp: mail.example.com\n",
        "t.yaml:1:1: error: unknown key 'nmae'; did you mean 'name'?\n"
        "t.yaml:1:1: error: required option 'name' is missing: What it is called.\n"
        "t.yaml:2:1: error: unknown key 'colour'\n"
        "t.yaml:3:7: error: site: the URL does not start with https:// or http://; found 'ftp://x'; "
        "expected https://host[:port][/path][?query] [bad-url]\n"
        "t.yaml:4:9: error: strict: 'maybe' is neither yes nor no [config-invalid]\n"
        "t.yaml:5:7: error: door: 'pasword' is not one of deny, sso, password; did you mean 'password'? "
        "[config-invalid]\n"
        "t.yaml:6:8: error: count: 11 is not between 1 and 10 [config-invalid]\n"
        "t.yaml:7:9: error: offset: -6 is not between -5 and 5 [config-invalid]\n"
        "t.yaml:8:7: error: life: 30 is not between 60 and 86400 seconds [config-invalid]\n"
        "t.yaml:9:8: error: until: not a time; found 'tomorrow'; expected YYYY-MM-DDThh:mm:ssZ, YYYY-MM-DD "
        "or seconds since 1970 [bad-time]\n"
        "t.yaml:10:8: error: owner: not an e-mail address: no @; found 'ann'; expected name@example.com "
        "[bad-email]\n"
        "t.yaml:11:13: error: groups: an entry must be a single value\n"
        "t.yaml:12:23: error: domains: not a domain name; found 'a..b'; expected a domain of letters, digits "
        "and hyphens, at most 63 octets a label, 253 in all [bad-email]\n"
        "t.yaml:12:29: error: domains: not a full domain name; found 'localhost'; expected at least two "
        "labels, as in example.com [bad-email]\n"
        "t.yaml:13:12: error: networks: bits behind the prefix are set; found '10.0.0.1/8'; expected an "
        "address, or a network as in 10.0.0.0/8 or 2001:db8::/32 [bad-url]\n"
        "t.yaml:14:7: error: file: expected a single value, not a list\n"
        "t.yaml:15:9: error: domain: expected a single value, not a mapping\n"
        "t.yaml:16:9: error: listen: not an address to listen on (names are not resolved); found "
        "'localhost:80'; expected 127.0.0.1:8080, [::1]:8080 or unix:/path [bad-url]\n"
        "t.yaml:17:1: error: auth: no value is given\n"
        "t.yaml:18:7: error: option 'smtp' is not built yet in this version [not-supported]\n");
}

static void numbers_are_strict(void **state)
{
    (void)state;
    expect_problems("name: x\ncount: 0x3\n",
                    "t.yaml:2:8: error: count: '0x3' is not a whole number [config-invalid]\n");
    expect_problems("name: x\ncount: 3.0\n",
                    "t.yaml:2:8: error: count: '3.0' is not a whole number [config-invalid]\n");
    expect_problems("name: x\ncount: 99999999999999999999\n",
                    "t.yaml:2:8: error: count: '99999999999999999999' is not a whole number [config-invalid]\n");
    expect_problems("name: x\ncount: -1\n", "t.yaml:2:8: error: count: -1 is not between 1 and 10 [config-invalid]\n");
    expect_problems("name: x\ndoor: SSO\n", "t.yaml:2:7: error: door: 'SSO' is not one of deny, sso, password; did you "
                                            "mean 'sso'? [config-invalid]\n");
}

static void values_outlive_the_document(void **state)
{
    struct fixture f;

    (void)state;
    must_read(&f, full);
    conf_free(f.doc);
    f.doc = NULL;
    assert_string_equal(f.s.name, "no");
    assert_string_equal(f.s.domains.v[1], "b.example");
    assert_string_equal(f.s.owner.text, "Ann@example.com");
    done(&f);
}

static void a_section_must_be_a_mapping(void **state)
{
    struct conf_problems *p = conf_problems_new();
    struct conf_doc *d = conf_parse("t.yaml", SLICE("things: text\n"), p);
    struct settings s = {0};
    struct arena a;
    struct buf text;

    (void)state;
    arena_init(&a, 10000);
    buf_init(&text, 10000);
    assert_false(conf_read_map(conf_get(conf_root(d), "things"), &table, &s, &a, p));
    conf_problems_print(p, &text);
    assert_string_equal(buf_cstr(&text), "t.yaml:1:9: error: things[]: expected a mapping (name: value)\n");
    buf_free(&text);
    arena_free(&a);
    conf_free(d);
    conf_problems_free(p);
}

static void memory_is_bounded(void **state)
{
    struct conf_problems *p = conf_problems_new();
    struct conf_doc *d = conf_parse("t.yaml", slice_of(full), p);
    struct settings s = {0};
    struct arena a;

    (void)state;
    for (size_t max = 16; max < 700; max += 16) {
        arena_init(&a, max);
        if (!conf_read_map(conf_root(d), &table, &s, &a, p))
            assert_true(conf_errors(p) > 0);
        arena_free(&a);
    }
    assert_true(conf_errors(p) > 10);
    conf_free(d);
    conf_problems_free(p);
}

static void printed_settings_read_back(void **state)
{
    struct fixture f, again;
    struct buf out, twice;

    (void)state;
    buf_init(&out, 10000);
    buf_init(&twice, 10000);
    must_read(&f, full);
    conf_print_map(&table, &f.s, 0, &out);
    assert_non_null(strstr(buf_cstr(&out), "\nauth: \"unix:/run/a b.sock\"\n"));
    assert_non_null(strstr(buf_cstr(&out), "\nstrict: no\ndoor: password\ncount: 10\noffset: -5\nlife: 90m\n"
                                           "until: 2027-06-30T00:00:00Z\nowner: Ann@example.com\ngroups: [staff]\n"
                                           "domains: [a.de, b.example]\n"
                                           "networks: [10.0.0.0/8, 2001:db8::/32, 192.0.2.1/32]\n"));
    must_read(&again, buf_cstr(&out));
    conf_print_map(&table, &again.s, 0, &twice);
    assert_string_equal(buf_cstr(&out), buf_cstr(&twice));
    assert_memory_equal(&f.s.listen, &again.s.listen, sizeof f.s.listen);
    done(&again);
    done(&f);
    buf_reset(&out);
    must_read(&f, "name: x\n");
    conf_print_map(&table, &f.s, 2, &out);
    assert_string_equal(buf_cstr(&out), "    name: x\n"
                                        "    site: https://example.com/\n"
                                        "    listen: 127.0.0.1:8080\n"
                                        "    strict: yes\n"
                                        "    door: deny\n"
                                        "    count: 3\n"
                                        "    offset: 0\n"
                                        "    life: 8h\n"
                                        "    networks: [127.0.0.1/32, \"::1/128\"]\n");
    done(&f);
    buf_free(&out);
    buf_free(&twice);
}

static void any_text_reads_back(void **state)
{
    static const char *const rows[] = {
        "",
        "plain",
        "a: b",
        "a #b",
        "# x",
        "- x",
        "-",
        "[x]",
        "{x}",
        "*x",
        "&x",
        "!x",
        "|",
        ">",
        "%x",
        "@x",
        "`x",
        "'",
        "\"",
        "\\",
        "a\\n",
        "a\nb\n",
        "\t",
        " lead",
        "trail ",
        "x:",
        ":x",
        "::1",
        "---",
        "...",
        "null",
        "~",
        "a,b",
        "a]",
        "\xc3\xa4\xe6\x97\xa5\xf0\x9f\x92\xa9",
        "\x7f\x01\x1b",
        "\xc2\x85",
        "\xe2\x80\xa8",
        "\xef\xbb\xbf",
        "\xef\xbf\xbf",
        "<<",
        "?",
        "? x",
        "a\r\nb",
        "\xf0\x9f\xbf\xbe",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct conf_problems *p = conf_problems_new();
        struct conf_doc *d;
        struct buf yaml;

        buf_init(&yaml, 1000);
        buf_add_str(&yaml, "block: ");
        conf_print_scalar(rows[i], &yaml);
        buf_add_str(&yaml, "\nflow: [");
        conf_print_scalar(rows[i], &yaml);
        buf_add_str(&yaml, ", x]\n");
        d = conf_parse("t", buf_slice(&yaml), p);
        if (!d)
            fail_msg("row %zu: %s", i, buf_cstr(&yaml));
        assert_string_equal(conf_text(conf_get(conf_root(d), "block")), rows[i]);
        assert_string_equal(conf_text(conf_item(conf_get(conf_root(d), "flow"), 0)), rows[i]);
        conf_free(d);
        buf_free(&yaml);
        conf_problems_free(p);
    }
}

static void docs_are_one_row_per_option(void **state)
{
    struct buf out;
    size_t rows = 0;

    (void)state;
    buf_init(&out, 10000);
    conf_print_docs(&table, &out);
    assert_ptr_equal(strstr(buf_cstr(&out), "### `things[]`\n\nA thing.\n\n| option |"), buf_cstr(&out));
    assert_non_null(strstr(buf_cstr(&out), "| `name` | text | required | What it is called. |\n"));
    assert_non_null(strstr(buf_cstr(&out), "| `door` | `deny`, `sso`, `password` |  | a\\|b |\n"));
    assert_non_null(strstr(buf_cstr(&out), "| `life` | duration, 1m to 1d | `8h` | How long. |\n"));
    assert_non_null(strstr(buf_cstr(&out), "| `offset` | number, -5 to 5 |  | By how much. |\n"));
    assert_non_null(strstr(buf_cstr(&out), "| `smtp` | not built yet |  | Mail. |\n"));
    for (const char *c = buf_cstr(&out); (c = strstr(c, "\n| `")) != NULL; c++)
        rows++;
    assert_int_equal(rows, table.n);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_what_is_absent), cmocka_unit_test(paths_start_at_the_file),
        cmocka_unit_test(every_type_is_read),           cmocka_unit_test(all_problems_are_reported_together),
        cmocka_unit_test(numbers_are_strict),           cmocka_unit_test(values_outlive_the_document),
        cmocka_unit_test(a_section_must_be_a_mapping),  cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(printed_settings_read_back),   cmocka_unit_test(any_text_reads_back),
        cmocka_unit_test(docs_are_one_row_per_option),
    };

    return cmocka_run_group_tests_name("base/conf_table", tests, NULL, NULL);
}
