/* Unit tests of router/client.h, router/html.h and router/routes.h. */
#include "tests/unit/unit.h"

#include "router/client.h"
#include "router/html.h"
#include "router/routes.h"

static struct netblock trusted[2];
static struct config config = {.trusted_proxies = {.v = trusted, .n = 2}};

static int setup(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    return netblock_parse(SLICE("127.0.0.0/8"), &trusted[0], &e) != 0 ||
           netblock_parse(SLICE("10.0.0.0/8"), &trusted[1], &e) != 0;
}

static struct http_request request(const char *peer, const struct http_header *headers, size_t n)
{
    struct http_request r = {.headers = headers, .n_headers = n, .host = "auth.internal"};
    struct err e = ERR_INIT;

    if (peer[0])
        assert_ok(netaddr_parse(slice_of(peer), &r.peer, &e), &e);
    return r;
}

static const char *client_of(const char *peer, const char *forwarded)
{
    static char text[48];
    const struct http_header h[] = {{SLICE("X-Forwarded-For"), {forwarded, forwarded ? strlen(forwarded) : 0}}};
    struct http_request r = request(peer, h, forwarded ? 1 : 0);
    struct err e = ERR_INIT;
    struct netaddr a;

    if (client_address(&config, &r, false, &a, &e) != 0)
        return err_name(e.code);
    netaddr_format(&a, text);
    return text;
}

static void the_rightmost_untrusted_hop_is_the_client(void **state)
{
    (void)state;
    assert_string_equal(client_of("203.0.113.1", NULL), "203.0.113.1");
    assert_string_equal(client_of("203.0.113.1", "198.51.100.7"), "203.0.113.1"); /* a stranger's word */
    assert_string_equal(client_of("127.0.0.1", "198.51.100.7"), "198.51.100.7");
    assert_string_equal(client_of("127.0.0.1", "6.6.6.6, 198.51.100.7, 10.1.1.1"), "198.51.100.7");
    assert_string_equal(client_of("127.0.0.1", "10.2.2.2, 10.1.1.1"), "10.2.2.2"); /* all trusted: the farthest */
    assert_string_equal(client_of("127.0.0.1", "2001:db8::1"), "2001:db8::1");
    assert_string_equal(client_of("127.0.0.1", "nonsense"), "forwarded-header");
    assert_string_equal(client_of("127.0.0.1", "198.51.100.7, "), "forwarded-header");
    assert_string_equal(client_of("127.0.0.1", "6.6.6.6,,10.1.1.1"), "forwarded-header");
}

static void a_header_twice_is_refused(void **state)
{
    const struct http_header h[] = {{SLICE("X-Forwarded-For"), SLICE("1.1.1.1")},
                                    {SLICE("x-forwarded-for"), SLICE("1.1.1.1")}};
    struct http_request r = request("127.0.0.1", h, 2);
    struct err e = ERR_INIT;
    struct netaddr a;

    (void)state;
    assert_err(client_address(&config, &r, false, &a, &e), &e, "forwarded-header");
}

/* "host port uri", or the error's name. */
static const char *original(const struct http_header *h, size_t n)
{
    static char text[1024];
    struct http_request r = request("127.0.0.1", h, n);
    struct err e = ERR_INIT;
    struct slice uri;
    char host[256];
    uint16_t port = 0;

    if (client_original(&r, host, &port, &uri, &e) != 0)
        return err_name(e.code);
    (void)snprintf(text, sizeof text, "%s %u %.*s", host, port, SLICE_ARG(uri));
    return text;
}
#define ORIGINAL(...)                                   \
    original((const struct http_header[]){__VA_ARGS__}, \
             sizeof((const struct http_header[]){__VA_ARGS__}) / sizeof(struct http_header))

static void proxies_say_what_was_asked_for(void **state)
{
    (void)state;
    assert_string_equal(original(NULL, 0), "auth.internal 0 ");
    assert_string_equal(
        ORIGINAL({SLICE("X-Forwarded-Host"), SLICE("Wiki.usher.test")}, {SLICE("X-Forwarded-Uri"), SLICE("/a?b")}),
        "wiki.usher.test 0 /a?b");
    assert_string_equal(ORIGINAL({SLICE("X-Original-URL"), SLICE("https://wiki.usher.test:8443/a?b")}),
                        "wiki.usher.test 8443 /a?b");
    assert_string_equal(ORIGINAL({SLICE("X-Original-URL"), SLICE("/a")}), "auth.internal 0 /a");
    assert_string_equal(
        ORIGINAL({SLICE("X-Original-URI"), SLICE("/a")}, {SLICE("X-Forwarded-Host"), SLICE("wiki.usher.test")}),
        "wiki.usher.test 0 /a");
    assert_string_equal(ORIGINAL({SLICE("X-Original-URI"), SLICE("/a")}, {SLICE("X-Forwarded-Uri"), SLICE("/b")}),
                        "forwarded-header");
    assert_string_equal(
        ORIGINAL({SLICE("X-Forwarded-Host"), SLICE("a.test")}, {SLICE("X-Original-URL"), SLICE("https://b.test/")}),
        "forwarded-header");
    assert_string_equal(ORIGINAL({SLICE("X-Forwarded-Host"), SLICE("a.test, b.test")}), "forwarded-header");
    assert_string_equal(ORIGINAL({SLICE("X-Original-URL"), SLICE("ftp://a.test/")}), "forwarded-header");
}

static void every_value_is_escaped(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 200);
    html_add(&b, "<a href=\"{}\">{}</a>", "\"><script>", "a&b'c");
    assert_string_equal(buf_cstr(&b), "<a href=\"&quot;&gt;&lt;script&gt;\">a&amp;b&#39;c</a>");
    buf_reset(&b);
    html_add(&b, "{} {}", "one");
    assert_true(buf_failed(&b));
    buf_reset(&b);
    html_add(&b, "{}", "one", "two");
    assert_true(buf_failed(&b));
    buf_free(&b);
}

static void routes_are_by_host_and_method(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_non_null(route_find(HTTP_METHOD_GET, SLICE("/login"), false, &e));
    assert_ptr_equal(route_find(HTTP_METHOD_HEAD, SLICE("/login"), false, &e),
                     route_find(HTTP_METHOD_GET, SLICE("/login"), false, &e));
    assert_null(route_find(HTTP_METHOD_GET, SLICE("/login"), true, &e));
    assert_string_equal(err_name(e.code), "http-not-found");
    err_clear(&e);
    assert_null(route_find(HTTP_METHOD_POST, SLICE("/"), false, &e));
    assert_string_equal(err_name(e.code), "http-method");
    assert_int_equal(route_body_max(SLICE("/")), 0);
    assert_true(route_body_max(SLICE("/saml/acs")) > 1024 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rightmost_untrusted_hop_is_the_client),
        cmocka_unit_test(a_header_twice_is_refused),
        cmocka_unit_test(proxies_say_what_was_asked_for),
        cmocka_unit_test(every_value_is_escaped),
        cmocka_unit_test(routes_are_by_host_and_method),
    };

    return cmocka_run_group_tests_name("router/client", tests, setup, NULL);
}
