/* Unit tests of base/url.h. */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "base/url.h"

static void urls_are_taken_apart(void **state)
{
    static const struct {
        const char *text;
        bool https;
        const char *host;
        int port;
        bool port_given;
        const char *path, *query; /* query NULL: none */
    } rows[] = {
        {"https://example.com", true, "example.com", 443, false, "/", NULL},
        {"http://Example.COM:8080/", false, "example.com", 8080, true, "/", NULL},
        {"HTTPS://h/a/b?x=1&y=%2F?z", true, "h", 443, false, "/a/b", "x=1&y=%2F?z"},
        {"https://h?x", true, "h", 443, false, "/", "x"},
        {"https://h/?", true, "h", 443, false, "/", ""},
        {"https://127.0.0.1:443/", true, "127.0.0.1", 443, true, "/", NULL},
        {"https://[::1]:8443/x", true, "::1", 8443, true, "/x", NULL},
        {"https://[2001:DB8:0:0::1]/", true, "2001:db8::1", 443, false, "/", NULL},
        {"https://xn--strae-oqa.de/", true, "xn--strae-oqa.de", 443, false, "/", NULL},
        {"https://h/a{b}|c^d`e?[1]", true, "h", 443, false, "/a{b}|c^d`e", "[1]"},
        {"https://h/a@b:c", true, "h", 443, false, "/a@b:c", NULL},
        {"https://h//x", true, "h", 443, false, "//x", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = ERR_INIT;
        struct url u;

        assert_ok(url_parse(slice_of(rows[i].text), &u, &e), &e);
        assert_int_equal(u.https, rows[i].https);
        assert_string_equal(u.host, rows[i].host);
        assert_int_equal(u.port, rows[i].port);
        assert_int_equal(u.port_given, rows[i].port_given);
        assert_true(slice_is(u.path, rows[i].path));
        assert_int_equal(u.has_query, rows[i].query != NULL);
        assert_true(slice_is(u.query, rows[i].query ? rows[i].query : ""));
    }
}

static void urls_are_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "/",
        "//example.com/",
        "https:",
        "https:/example.com",
        "https://",
        "https:///example.com",
        "https://?x",
        "https://:443/",
        "ftp://example.com/",
        "javascript:alert(1)",
        "data:text/html,x",
        " https://example.com/",
        "https://example.com/ ",
        "https://example.com/a b",
        "https://exa\tmple.com/",
        "https://example.com/\r\nSet-Cookie:x",
        "https://example.com\\@evil.example/",
        "https:\\\\example.com/",
        "https://example.com/\\evil",
        "https://ann@example.com/",
        "https://ann:pw@example.com/",
        "https://@example.com/",
        "https://example.com#@evil.example/",
        "https://example.com/#x",
        "https://example.com/%",
        "https://example.com/%2",
        "https://example.com/%zz",
        "https://exa%6dple.com/",
        "https://example.com/?%",
        "https://example.com/<x>",
        "https://example.com/\"x",
        "https://example.com:/",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:080/",
        "https://example.com:+80/",
        "https://example.com:80:80/",
        "https://example.com:80x/",
        "https://example.com./",
        "https://.example.com/",
        "https://a..b/",
        "https://a_b.example/",
        "https://-a.example/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.0.0.1/",
        "https://0x7f000001/",
        "https://127.0.0.01/",
        "https://127.0.0.256/",
        "https://1.2.3.4.5/",
        "https://::1/",
        "https://[::1/",
        "https://[::1]x/",
        "https://[::1%25lo]/",
        "https://[127.0.0.1]/",
        "https://[]/",
        "https://xn--0/",
        ("https://stra\xc3\x9f"
         "e.de/"),
        "https://\xef\xbd\x85xample.com/",
        "https://example.com/\xc3\xa4",
        "https://example.com/\x7f",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = ERR_INIT;
        struct url u = {.port = 7};

        if (url_parse(slice_of(rows[i]), &u, &e) == 0)
            fail_msg("'%s' was accepted with host %s", rows[i], u.host);
        assert_string_equal(err_name(e.code), "bad-url");
        assert_int_equal(u.port, 7);
    }
}

static void urls_have_a_longest(void **state)
{
    char text[URL_MAX + 2] = "https://example.com/";
    struct err e = ERR_INIT;
    struct url u;

    (void)state;
    memset(text + strlen(text), 'a', sizeof text - strlen(text) - 1);
    assert_ok(url_parse(slice_make(text, URL_MAX), &u, &e), &e);
    assert_err(url_parse(slice_make(text, URL_MAX + 1), &u, &e), &e, "bad-url");
    assert_err(url_parse(slice_make("https://a.example/\0x", 20), &u, &e), &e, "bad-url");
    assert_err(url_parse(slice_make("https://a.example\0.b/", 21), &u, &e), &e, "bad-url");
}

static bool same_origin(const char *a, const char *b)
{
    struct err e = ERR_INIT;
    struct url ua, ub;

    assert_ok(url_parse(slice_of(a), &ua, &e), &e);
    assert_ok(url_parse(slice_of(b), &ub, &e), &e);
    return url_same_origin(&ua, &ub);
}

static void origins_compare_scheme_host_and_port(void **state)
{
    (void)state;
    assert_true(same_origin("https://a.example", "https://A.example:443/x?y"));
    assert_true(same_origin("https://[::1]/", "https://[0:0:0:0:0:0:0:1]/"));
    assert_false(same_origin("https://a.example", "http://a.example"));
    assert_false(same_origin("https://a.example", "http://a.example:443"));
    assert_false(same_origin("https://a.example", "https://a.example:444"));
    assert_false(same_origin("https://a.example", "https://b.example"));
    assert_false(same_origin("https://a.example", "https://x.a.example"));
}

static void authorities(void **state)
{
    struct err e = ERR_INIT;
    char host[256] = "before";
    uint16_t port = 9;

    (void)state;
    assert_ok(url_parse_authority(SLICE("Wiki.Example.com"), host, &port, &e), &e);
    assert_string_equal(host, "wiki.example.com");
    assert_int_equal(port, 0);
    assert_ok(url_parse_authority(SLICE("[::1]:80"), host, &port, &e), &e);
    assert_string_equal(host, "::1");
    assert_int_equal(port, 80);
    assert_err(url_parse_authority(SLICE(""), host, &port, &e), &e, "bad-url");
    assert_err(url_parse_authority(SLICE("a b"), host, &port, &e), &e, "bad-url");
    assert_err(url_parse_authority(SLICE("a.example/"), host, &port, &e), &e, "bad-url");
    assert_err(url_parse_authority(SLICE("a.example,b.example"), host, &port, &e), &e, "bad-url");
    assert_err(url_parse_authority(SLICE("ann@a.example"), host, &port, &e), &e, "bad-url");
    assert_err(url_parse_authority(SLICE("a.example:"), host, &port, &e), &e, "bad-url");
    assert_string_equal(host, "::1");
    assert_int_equal(port, 80);
}

static void safe_paths(void **state)
{
    static const char *const good[] = {"/", "/a", "/a//b", "/a?b=https://c/", "/%2f", "/.//x", "/?//x"};
    static const char *const bad[] = {"",
                                      "a",
                                      "//",
                                      "//evil.example",
                                      "///evil.example",
                                      "/\\evil.example",
                                      "\\\\evil.example",
                                      "/a\\b",
                                      "/a b",
                                      "/\tx",
                                      "/\r\nx",
                                      "/a#b",
                                      "/<x>",
                                      "/\"",
                                      "https://evil.example/",
                                      "/\xc3\xa4",
                                      "/\x7f",
                                      "?x",
                                      "javascript:x"};
    char text[1026] = "/";

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!url_path_is_safe(slice_of(good[i])))
            fail_msg("'%s' was refused", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (url_path_is_safe(slice_of(bad[i])))
            fail_msg("'%s' was accepted", bad[i]);
    }
    assert_false(url_path_is_safe(slice_make("/a\0b", 4)));
    memset(text + 1, 'x', 1024);
    assert_true(url_path_is_safe(slice_make(text, 1024)));
    assert_false(url_path_is_safe(slice_make(text, 1025)));
}

static struct netaddr ip(const char *text)
{
    struct err e = ERR_INIT;
    struct netaddr a;

    assert_ok(netaddr_parse(slice_of(text), &a, &e), &e);
    return a;
}

static void addresses(void **state)
{
    static const char *const bad[] = {"",      "1.2.3",     "1.2.3.04", "1.2.3.4 ", "::1%lo",
                                      "[::1]", "1.2.3.4:5", "x",        "0x7f.1",   "1.2.3.4/8"};
    struct err e = ERR_INIT;
    struct netaddr a, b;
    char text[48];

    (void)state;
    a = ip("10.1.2.3");
    assert_int_equal(a.family, 4);
    netaddr_format(&a, text);
    assert_string_equal(text, "10.1.2.3");
    b = ip("::ffff:10.1.2.3");
    assert_memory_equal(&a, &b, sizeof a);
    a = ip("2001:DB8::1");
    netaddr_format(&a, text);
    assert_string_equal(text, "2001:db8::1");
    a = (struct netaddr){0};
    netaddr_format(&a, text);
    assert_string_equal(text, "unknown");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_err(netaddr_parse(slice_of(bad[i]), &a, &e), &e, "bad-url");
}

static void addresses_from_sockets(void **state)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a010203)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct netaddr a, expected = ip("10.1.2.3");

    (void)state;
    netaddr_from_sockaddr((const struct sockaddr *)&four, &a);
    assert_memory_equal(&a, &expected, sizeof a);
    assert_int_equal(inet_pton(AF_INET6, "::ffff:10.1.2.3", &six.sin6_addr), 1);
    netaddr_from_sockaddr((const struct sockaddr *)&six, &a);
    assert_memory_equal(&a, &expected, sizeof a);
    netaddr_from_sockaddr((const struct sockaddr *)&local, &a);
    assert_int_equal(a.family, 0);
}

static bool contains(const char *block, const char *address)
{
    struct err e = ERR_INIT;
    struct netblock b;
    struct netaddr a = ip(address);

    assert_ok(netblock_parse(slice_of(block), &b, &e), &e);
    return netblock_contains(&b, &a);
}

static void networks(void **state)
{
    static const char *const bad[] = {"",
                                      "/",
                                      "10.0.0.0/",
                                      "10.0.0.0/33",
                                      "10.0.0.0/08",
                                      "10.0.0.1/8",
                                      "10.0.0.0/-1",
                                      "10.0.0.0/8/8",
                                      "10.0.0/8",
                                      "2001:db8::/129",
                                      "2001:db8::1/32",
                                      "/8",
                                      "::ffff:10.0.0.0/95",
                                      "::ffff:10.0.0.1/104",
                                      "0.0.0.1/0"};
    struct err e = ERR_INIT;
    struct netblock b;
    struct netaddr none = {0};

    (void)state;
    assert_true(contains("10.0.0.0/8", "10.255.255.255"));
    assert_false(contains("10.0.0.0/8", "11.0.0.0"));
    assert_true(contains("10.0.0.0/8", "::ffff:10.1.1.1"));
    assert_true(contains("::ffff:10.0.0.0/104", "10.1.1.1"));
    assert_false(contains("::ffff:10.0.0.0/104", "11.1.1.1"));
    assert_true(contains("192.0.2.7", "192.0.2.7"));
    assert_false(contains("192.0.2.7", "192.0.2.8"));
    assert_true(contains("192.0.2.4/31", "192.0.2.5"));
    assert_false(contains("192.0.2.4/31", "192.0.2.6"));
    assert_true(contains("0.0.0.0/0", "255.1.2.3"));
    assert_false(contains("0.0.0.0/0", "::1"));
    assert_true(contains("::/0", "2001:db8::1"));
    assert_false(contains("::/0", "10.0.0.1"));
    assert_true(contains("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(contains("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(contains("::1", "::1"));
    assert_ok(netblock_parse(SLICE("0.0.0.0/0"), &b, &e), &e);
    assert_false(netblock_contains(&b, &none));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (netblock_parse(slice_of(bad[i]), &b, &e) == 0)
            fail_msg("'%s' was accepted", bad[i]);
        assert_string_equal(err_name(e.code), "bad-url");
        err_clear(&e);
    }
}

static void throttle_networks(void **state)
{
    struct netaddr a = ip("10.1.2.3"), net = netaddr_network(&a), expected = ip("10.1.2.0");

    (void)state;
    assert_memory_equal(&net, &expected, sizeof net);
    a = ip("2001:db8:1:2:3:4:5:6");
    net = netaddr_network(&a);
    expected = ip("2001:db8:1::");
    assert_memory_equal(&net, &expected, sizeof net);
    a = (struct netaddr){0};
    net = netaddr_network(&a);
    assert_int_equal(net.family, 0);
}

static void listeners(void **state)
{
    static const char *const bad[] = {"",      "8080",          ":8080",          "127.0.0.1",       "localhost:80",
                                      "[::1]", "::1:80",        "[127.0.0.1]:80", "127.0.0.1:65536", "127.0.0.1:",
                                      "unix:", "unix:relative", "*:80",           "[::1]:80 "};
    struct err e = ERR_INIT;
    struct listen_addr l;
    struct netaddr loopback = ip("127.0.0.1");
    char text[130];

    (void)state;
    assert_ok(listen_addr_parse(SLICE("127.0.0.1:8080"), &l, &e), &e);
    assert_memory_equal(&l.ip, &loopback, sizeof loopback);
    assert_int_equal(l.port, 8080);
    assert_false(l.is_unix);
    assert_ok(listen_addr_parse(SLICE("[::]:0"), &l, &e), &e);
    assert_int_equal(l.ip.family, 6);
    assert_int_equal(l.port, 0);
    assert_ok(listen_addr_parse(SLICE("unix:/run/usher.sock"), &l, &e), &e);
    assert_true(l.is_unix);
    assert_string_equal(l.path, "/run/usher.sock");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (listen_addr_parse(slice_of(bad[i]), &l, &e) == 0)
            fail_msg("'%s' was accepted", bad[i]);
        assert_string_equal(err_name(e.code), "bad-url");
        err_clear(&e);
    }
    memset(text, 'x', sizeof text);
    memcpy(text, "unix:/", 6);
    assert_ok(listen_addr_parse(slice_make(text, 5 + 107), &l, &e), &e);
    assert_err(listen_addr_parse(slice_make(text, 5 + 108), &l, &e), &e, "bad-url");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_taken_apart),
        cmocka_unit_test(urls_are_refused),
        cmocka_unit_test(urls_have_a_longest),
        cmocka_unit_test(origins_compare_scheme_host_and_port),
        cmocka_unit_test(authorities),
        cmocka_unit_test(safe_paths),
        cmocka_unit_test(addresses),
        cmocka_unit_test(addresses_from_sockets),
        cmocka_unit_test(networks),
        cmocka_unit_test(throttle_networks),
        cmocka_unit_test(listeners),
    };

    return cmocka_run_group_tests_name("base/url", tests, NULL, NULL);
}
