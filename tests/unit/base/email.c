/* Unit tests of base/email.h: one reading of an address, refusal instead of repair. */
#include "tests/unit/unit.h"

#include <idn2.h>

#include "base/email.h"

struct address_row {
    const char *text, *shown, *key;
};

static void addresses_are_normalised(void **state)
{
    static const struct address_row rows[] = {
        {"ann@example.com", "ann@example.com", "ann@example.com"},
        {"Ann.Lee@Example.COM", "Ann.Lee@example.com", "ann.lee@example.com"},
        {"a+tag@example.com", "a+tag@example.com", "a+tag@example.com"},
        {"!#$&'*+/=?^_{}~-@x.de", "!#$&'*+/=?^_{}~-@x.de", "!#$&'*+/=?^_{}~-@x.de"},
        {"i@Stra\xc3\x9f"
         "e.de",
         "i@xn--strae-oqa.de", "i@xn--strae-oqa.de"},
        {"i@XN--Strae-OQA.de", "i@xn--strae-oqa.de", "i@xn--strae-oqa.de"},
        {"i@\xc3\x84rzte.\xe6\x97\xa5\xe6\x9c\xac.jp", "i@xn--rzte-koa.xn--wgv71a.jp", "i@xn--rzte-koa.xn--wgv71a.jp"},
        {"a@3com.co.uk", "a@3com.co.uk", "a@3com.co.uk"},
        {"a@b.c-d", "a@b.c-d", "a@b.c-d"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = ERR_INIT;
        struct email m;

        assert_ok(email_parse(slice_of(rows[i].text), &m, &e), &e);
        assert_string_equal(m.text, rows[i].shown);
        assert_string_equal(m.key, rows[i].key);
        assert_string_equal(strchr(m.text, '@') + 1, m.domain);
        assert_int_equal(strncmp(m.key, m.local, strlen(m.local)), 0);
        assert_int_equal(m.key[strlen(m.local)], '@');
    }
}

static void addresses_are_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "@",
        "ann",
        "ann@",
        "@example.com",
        "ann@localhost",
        "ann@@example.com",
        "ann@example.com@evil.example",
        "ann@example.com,eve@evil.example",
        "ann@example.com;eve@evil.example",
        " ann@example.com",
        "ann@example.com ",
        "ann@example.com\n",
        "ann\t@example.com",
        "mailto:ann@example.com",
        "<ann@example.com>",
        "Ann <ann@example.com>",
        "\"ann\"@example.com",
        "ann(comment)@example.com",
        "ann%example.com@relay.example",
        "relay.example!ann@example.com@x",
        ".ann@example.com",
        "ann.@example.com",
        "a..b@example.com",
        "a`b@example.com",
        "a|b@example.com",
        "a\\b@example.com",
        "ann@example.com.",
        "ann@.example.com",
        "ann@example..com",
        "ann@-example.com",
        "ann@example-.com",
        "ann@ex_ample.com",
        "ann@exam ple.com",
        "ann@[127.0.0.1]",
        "ann@127.0.0.1",
        "ann@example.123",
        "ann@example.0x7f",
        "ann@example.0x",
        "ann@ab--cd.com",
        "ann@xn--abc.com",
        "ann@xn--0.com",
        "ann@xn--ls8h.la",
        "\xc4\xb1nn@example.com",     /* dotless i */
        "\xe2\x84\xaaim@example.com", /* Kelvin sign */
        ("ann\xef\xbc\xa0"
         "example.com"), /* full-width @ */
        ("ann@ex\xef\xbc\xa0"
         "ample.com"),
        "an\xe2\x80\x8bn@example.com", /* zero width space */
        ("\xe2\x80\xae"
         "ann@example.com"), /* right-to-left override */
        "\xd7\x90@example.com",
        "ann@exa\xe2\x80\x8bmple.com", /* libidn2 would drop it */
        ("ann@stra\xe2\x80\x8b\xc3\x9f"
         "e.de"),
        ("ann@str\xc2\xad\xc3\x9f"
         "e.de"),                 /* soft hyphen */
        "ann@\xe2\x84\xaaim.com", /* libidn2 would make it kim.com */
        ("ann@example\xe3\x80\x82"
         "com"),                            /* ideographic full stop: libidn2 makes it a dot */
        "ann@\xef\xbd\x85x\xc3\xa4mple.de", /* full-width e beside a true umlaut */
        "ann@a\xcc\x88x.de",                /* decomposed: another spelling of the same name */
        "ann@a\xc3\xa4_b.de",
        "ann@xn--\xc3\xa4.de",
        ("ann@\xd7\x90"
         "a.com"), /* mixed direction */
        "ann@\xc3\xa4\xff.de",
        "ann@\xf0\x9f\x92\xa9.la",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct email m = {.text = "untouched"};
        struct err e = ERR_INIT;

        if (email_parse(slice_of(rows[i]), &m, &e) == 0)
            fail_msg("'%s' was accepted as %s", rows[i], m.key);
        assert_string_equal(err_name(e.code), "bad-email");
        assert_string_equal(m.text, "untouched");
    }
}

static void nul_is_refused_everywhere(void **state)
{
    static const char text[] = "ann@example.com";
    struct err e = ERR_INIT;
    struct email m;

    (void)state;
    for (size_t at = 0; at < sizeof text; at++) {
        char copy[sizeof text + 1];

        memcpy(copy, text, at);
        copy[at] = '\0';
        memcpy(copy + at + 1, text + at, sizeof text - 1 - at);
        assert_err(email_parse(slice_make(copy, sizeof text), &m, &e), &e, "bad-email");
    }
}

/* Builds "<local>@<labels of 60>.<last>" of exactly these lengths. */
static size_t build(char *dst, size_t local, size_t domain)
{
    size_t n = 0;

    for (; n < local; n++)
        dst[n] = 'a';
    dst[n++] = '@';
    for (size_t i = 0; i < domain; i++)
        dst[n++] = i % 61 == 60 && i + 1 < domain ? '.' : 'b';
    return n;
}

static void lengths_have_edges(void **state)
{
    char text[400];
    struct err e = ERR_INIT;
    struct email m;
    char domain[DOMAIN_MAX + 1];

    (void)state;
    assert_ok(email_parse(slice_make(text, build(text, 64, 189)), &m, &e), &e);
    assert_int_equal(strlen(m.text), 254);
    assert_err(email_parse(slice_make(text, build(text, 64, 190)), &m, &e), &e, "bad-email");
    assert_err(email_parse(slice_make(text, build(text, 65, 100)), &m, &e), &e, "bad-email");
    assert_ok(domain_parse(slice_make(text + 2, build(text, 1, 253) - 2), false, domain, &e), &e);
    assert_err(domain_parse(slice_make(text + 2, build(text, 1, 254) - 2), false, domain, &e), &e, "bad-email");
    memset(text, 'c', 64);
    memcpy(text + 63, ".de", 3);
    assert_ok(domain_parse(slice_make(text, 66), false, domain, &e), &e);
    memset(text, 'c', 64);
    memcpy(text + 64, ".de", 3);
    assert_err(domain_parse(slice_make(text, 67), false, domain, &e), &e, "bad-email");
    memset(text, 'c', sizeof text);
    assert_err(domain_parse(slice_make(text, sizeof text), true, domain, &e), &e, "bad-email");
}

static void single_labels_only_on_request(void **state)
{
    char d[DOMAIN_MAX + 1];
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(domain_parse(SLICE("LocalHost"), true, d, &e), &e);
    assert_string_equal(d, "localhost");
    assert_err(domain_parse(SLICE("localhost"), false, d, &e), &e, "bad-email");
    assert_err(domain_parse(SLICE("12345"), true, d, &e), &e, "bad-email");
    assert_err(domain_parse(SLICE(""), true, d, &e), &e, "bad-email");
    assert_err(domain_parse(SLICE("."), true, d, &e), &e, "bad-email");
}

/* Names that take the fast path come out as libidn2 would have them, and what the fast path refuses for its hyphens,
 * libidn2 refuses as well. */
static void fast_path_agrees_with_libidn2(void **state)
{
    static const char alphabet[] = "aZ0-9.";
    unsigned seed = 1;
    size_t accepted = 0;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        char text[16], mine[DOMAIN_MAX + 1];
        struct err e = ERR_INIT;
        uint8_t *theirs = NULL;
        size_t n;
        int rc;

        seed = seed * 1103515245U + 12345U;
        n = 1 + (seed >> 16) % 12;
        for (size_t i = 0; i < n; i++) {
            seed = seed * 1103515245U + 12345U;
            text[i] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
        text[n] = '\0';
        rc = idn2_lookup_u8((const uint8_t *)text, &theirs, IDN2_NONTRANSITIONAL | IDN2_USE_STD3_ASCII_RULES);
        if (domain_parse(slice_of(text), true, mine, &e) == 0) {
            assert_int_equal(rc, IDN2_OK);
            assert_string_equal(mine, (const char *)theirs);
            accepted++;
        }
        idn2_free(theirs);
    }
    assert_true(accepted > 1000);
}

static void coverage_is_by_whole_labels(void **state)
{
    (void)state;
    assert_true(domain_covers("example.com", "example.com"));
    assert_true(domain_covers("example.com", "a.b.example.com"));
    assert_false(domain_covers("example.com", "badexample.com"));
    assert_false(domain_covers("example.com", "com"));
    assert_false(domain_covers("a.example.com", "example.com"));
    assert_false(domain_covers("", "example.com"));
}

static void messages_show_what_was_found(void **state)
{
    struct err e = ERR_INIT;
    struct email m;

    (void)state;
    assert_int_equal(email_parse(SLICE("a\n\\b@x"), &m, &e), -1);
    assert_string_equal(e.found, "a\\x0a\\x5cb@x");
    assert_non_null(strstr(e.expected, "ASCII letters"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_normalised),      cmocka_unit_test(addresses_are_refused),
        cmocka_unit_test(nul_is_refused_everywhere),     cmocka_unit_test(lengths_have_edges),
        cmocka_unit_test(single_labels_only_on_request), cmocka_unit_test(fast_path_agrees_with_libidn2),
        cmocka_unit_test(coverage_is_by_whole_labels),   cmocka_unit_test(messages_show_what_was_found),
    };

    return cmocka_run_group_tests_name("base/email", tests, NULL, NULL);
}
