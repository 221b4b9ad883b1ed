/* base_url.c - URLs, authorities, addresses, networks, listeners. What is accepted reads the same when written again.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

static void check_url(struct slice text)
{
    struct err e = ERR_INIT;
    struct url u, again;
    char copy[URL_MAX + 300];
    int n;

    if (url_parse(text, &u, &e) != 0) {
        must(e.code == ERR_URL);
        return;
    }
    must(u.port != 0 && u.host[0] != '\0' && u.path.n >= 1 && u.path.p[0] == '/');
    n = snprintf(copy, sizeof copy, strchr(u.host, ':') ? "%s://[%s]:%u%.*s%s%.*s" : "%s://%s:%u%.*s%s%.*s",
                 u.https ? "https" : "http", u.host, u.port, SLICE_ARG(u.path), u.has_query ? "?" : "",
                 SLICE_ARG(u.query));
    if (n > URL_MAX)
        return;
    must(url_parse(slice_of(copy), &again, &e) == 0 && url_same_origin(&u, &again));
    must(slice_eq(u.path, again.path) && slice_eq(u.query, again.query) && u.has_query == again.has_query);
}

static void check_addresses(struct slice text)
{
    struct err e = ERR_INIT;
    struct netaddr a, again;
    struct netblock b;
    struct listen_addr l;
    char copy[48];

    if (netaddr_parse(text, &a, &e) == 0) {
        netaddr_format(&a, copy);
        must(netaddr_parse(slice_of(copy), &again, &e) == 0 && memcmp(&a, &again, sizeof a) == 0);
    }
    err_clear(&e);
    if (netblock_parse(text, &b, &e) == 0)
        must(b.bits <= 128 && netblock_contains(&b, &b.base));
    err_clear(&e);
    if (listen_addr_parse(text, &l, &e) == 0)
        must(l.is_unix ? l.path[0] == '/' : l.ip.family != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make(data, size);
    struct err e = ERR_INIT;
    char host[256];
    uint16_t port;

    check_url(text);
    check_addresses(text);
    if (url_parse_authority(text, host, &port, &e) == 0)
        must(host[0] != '\0');
    if (url_path_is_safe(text))
        must(text.p[0] == '/' && (text.n == 1 || (text.p[1] != '/' && text.p[1] != '\\')));
    return 0;
}
