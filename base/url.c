/* url.c - see url.h. */
#include "base/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "base/email.h"

#define PATH_MAX_BYTES 1024

static int bad(struct err *e, struct slice found, const char *expected, const char *what)
{
    char text[96];

    str_cut(text, sizeof text, found);
    return err_mismatch(e, ERR_URL, text, expected, "%s", what);
}

static int bad_url(struct err *e, struct slice found, const char *what)
{
    return bad(e, found, "https://host[:port][/path][?query]", what);
}

/* inet_pton() wants a terminated text; it is strict (no leading zeros, no short forms, no zone). */
static bool pton(int family, struct slice text, void *ret)
{
    char copy[INET6_ADDRSTRLEN];

    return str_copy(copy, sizeof copy, text) && inet_pton(family, copy, ret) == 1;
}

/* Name, IPv4 address, or IPv6 address in brackets; the canonical spelling goes to `host`. */
static bool host_parse(struct slice text, char host[256])
{
    struct err ignored = ERR_INIT; /* the caller's message says URL, not e-mail */
    struct in6_addr six;
    struct in_addr four;

    if (text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']') {
        if (!pton(AF_INET6, slice_make(text.p + 1, text.n - 2), &six))
            return false;
        return inet_ntop(AF_INET6, &six, host, 256) != NULL;
    }
    if (pton(AF_INET, text, &four))
        return str_copy(host, 256, text);
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] >= 0x80)
            return false;
    }
    return domain_parse(text, true, host, &ignored) == 0;
}

/* 1 to 5 digits, no leading zero. */
static bool port_parse(struct slice text, bool zero_ok, uint16_t *ret)
{
    uint64_t v;

    if (text.n > 5 || (text.n > 1 && text.p[0] == '0') || !str_to_u64(text, 65535, &v) || (v == 0 && !zero_ok))
        return false;
    *ret = (uint16_t)v;
    return true;
}

/* Splits "host:port" at the colon behind the host. False if there is no port. */
static bool split_port(struct slice text, struct slice *ret_host, struct slice *ret_port)
{
    struct slice behind;
    ptrdiff_t close = text.n && text.p[0] == '[' ? slice_find(text, ']') : -1, colon;
    size_t skip = close >= 0 ? (size_t)close + 1 : 0;

    behind = slice_make(text.p + skip, text.n - skip);
    colon = slice_find(behind, ':');
    if (colon < 0) {
        *ret_host = text;
        return false;
    }
    *ret_host = slice_make(text.p, skip + (size_t)colon);
    *ret_port = slice_make(behind.p + colon + 1, behind.n - (size_t)colon - 1);
    return true;
}

int url_parse_authority(struct slice text, char host[256], uint16_t *ret_port, struct err *e)
{
    struct slice name, port;
    char out[256];
    uint16_t v = 0;

    if (text.n == 0)
        return bad(e, text, "host or host:port", "the host is empty");
    if (split_port(text, &name, &port) && !port_parse(port, false, &v))
        return bad(e, text, "a port from 1 to 65535", "not a port");
    if (!host_parse(name, out))
        return bad(e, text, "a host name, an IPv4 address, or an IPv6 address in brackets", "not a host");
    memcpy(host, out, strlen(out) + 1);
    *ret_port = v;
    return 0;
}

/*
 * Path and query octets: printable ASCII without those that a browser rewrites or a page must not contain. RFC 3986 is
 * narrower, but browsers send ^ ` { | } as they are, and they read them the same way everywhere.
 */
static bool path_octets_ok(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("\\\"<>#", s.p[i]))
            return false;
    }
    return true;
}

static bool escapes_ok(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '%')
            continue;
        if (s.n - i < 3 || ascii_hex_value(s.p[i + 1]) < 0 || ascii_hex_value(s.p[i + 2]) < 0)
            return false;
    }
    return true;
}

int url_parse(struct slice text, struct url *ret, struct err *e)
{
    struct url out = {.path = SLICE("/")};
    struct slice rest, authority;
    size_t n;
    ptrdiff_t question;

    if (text.n > URL_MAX)
        return bad_url(e, text, "the URL is longer than 2048 octets");
    if (!path_octets_ok(text) || !escapes_ok(text))
        return bad_url(e, text, "the URL holds an octet that must be escaped, a fragment, or a broken escape");
    n = text.n >= 8 && slice_is_nocase(slice_make(text.p, 8), "https://")  ? 8
        : text.n >= 7 && slice_is_nocase(slice_make(text.p, 7), "http://") ? 7
                                                                           : 0;
    if (n == 0)
        return bad_url(e, text, "the URL does not start with https:// or http://");
    out.https = n == 8;
    rest = slice_make(text.p + n, text.n - n);
    n = 0;
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    authority = slice_make(rest.p, n);
    rest = slice_make(rest.p + n, rest.n - n);
    if (slice_find(authority, '@') >= 0)
        return bad_url(e, text, "the URL has user information");
    if (url_parse_authority(authority, out.host, &out.port, e) != 0)
        return -1;
    out.port_given = out.port != 0;
    if (!out.port_given)
        out.port = out.https ? 443 : 80;
    question = slice_find(rest, '?');
    if (question >= 0) {
        out.has_query = true;
        out.query = slice_make(rest.p + question + 1, rest.n - (size_t)question - 1);
        rest.n = (size_t)question;
    }
    if (rest.n)
        out.path = rest;
    *ret = out;
    return 0;
}

bool url_same_origin(const struct url *a, const struct url *b)
{
    return a->https == b->https && a->port == b->port && strcmp(a->host, b->host) == 0;
}

bool url_path_is_safe(struct slice s)
{
    return s.n >= 1 && s.n <= PATH_MAX_BYTES && s.p[0] == '/' && !(s.n > 1 && s.p[1] == '/') && path_octets_ok(s);
}

/* An IPv4-mapped IPv6 address is the IPv4 address it stands for: rules must not depend on how the socket was opened. */
static void fold(struct netaddr *a)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

    if (a->family != 6 || memcmp(a->addr, mapped, sizeof mapped) != 0)
        return;
    memmove(a->addr, a->addr + 12, 4);
    memset(a->addr + 4, 0, 12);
    a->family = 4;
}

static bool address(struct slice text, struct netaddr *ret)
{
    *ret = (struct netaddr){0};
    if (pton(AF_INET, text, ret->addr))
        ret->family = 4;
    else if (pton(AF_INET6, text, ret->addr))
        ret->family = 6;
    return ret->family != 0;
}

int netaddr_parse(struct slice text, struct netaddr *ret, struct err *e)
{
    struct netaddr out;

    if (!address(text, &out))
        return bad(e, text, "an IPv4 or IPv6 address", "not a network address");
    fold(&out);
    *ret = out;
    return 0;
}

void netaddr_from_sockaddr(const struct sockaddr *sa, struct netaddr *ret)
{
    *ret = (struct netaddr){0};
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in four;

        memcpy(&four, sa, sizeof four);
        ret->family = 4;
        memcpy(ret->addr, &four.sin_addr, 4);
    } else if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 six;

        memcpy(&six, sa, sizeof six);
        ret->family = 6;
        memcpy(ret->addr, &six.sin6_addr, 16);
        fold(ret);
    }
}

void netaddr_format(const struct netaddr *a, char dst[48])
{
    if (a->family == 0 || !inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->addr, dst, 48))
        memcpy(dst, "unknown", sizeof "unknown");
}

/* Clears the bits behind the first `bits`; true if one of them was set. */
static bool mask(struct netaddr *a, unsigned bits)
{
    bool was_set = false;

    for (unsigned i = 0; i < 16; i++) {
        unsigned keep = bits >= (i + 1) * 8 ? 8 : bits > i * 8 ? bits - i * 8 : 0;
        uint8_t kept = (uint8_t)(a->addr[i] & (0xff00U >> keep));

        was_set |= kept != a->addr[i];
        a->addr[i] = kept;
    }
    return was_set;
}

int netblock_parse(struct slice text, struct netblock *ret, struct err *e)
{
    static const char expected[] = "an address, or a network as in 10.0.0.0/8 or 2001:db8::/32";
    struct slice rest = text, ip = {NULL, 0};
    struct netblock out;
    uint64_t bits;
    uint8_t written;

    if (!slice_split(&rest, '/', &ip) || !address(ip, &out.base))
        return bad(e, text, expected, "not a network");
    bits = out.base.family == 4 ? 32 : 128;
    if (rest.p && (rest.n > 3 || (rest.n > 1 && rest.p[0] == '0') || !str_to_u64(rest, bits, &bits)))
        return bad(e, text, expected, "not a prefix length");
    written = out.base.family;
    fold(&out.base);
    if (written != out.base.family) { /* ::ffff:10.0.0.0/104 is 10.0.0.0/8 */
        if (bits < 96)
            return bad(e, text, expected, "the prefix cuts through IPv4-mapped addresses");
        bits -= 96;
    }
    out.bits = (uint8_t)bits;
    if (mask(&out.base, out.bits))
        return bad(e, text, expected, "bits behind the prefix are set");
    *ret = out;
    return 0;
}

bool netblock_contains(const struct netblock *b, const struct netaddr *a)
{
    struct netaddr net = *a;

    if (a->family == 0 || a->family != b->base.family)
        return false;
    (void)mask(&net, b->bits);
    return memcmp(net.addr, b->base.addr, sizeof net.addr) == 0;
}

struct netaddr netaddr_network(const struct netaddr *a)
{
    struct netaddr net = *a;

    (void)mask(&net, a->family == 4 ? 24 : 48);
    return net;
}

int listen_addr_parse(struct slice text, struct listen_addr *ret, struct err *e)
{
    static const char expected[] = "127.0.0.1:8080, [::1]:8080 or unix:/path";
    struct listen_addr out = {0};
    struct slice host, port;

    if (slice_starts(text, SLICE("unix:"))) {
        out.is_unix = true;
        if (text.n < 6 || text.p[5] != '/' || !str_copy(out.path, sizeof out.path, slice_make(text.p + 5, text.n - 5)))
            return bad(e, text, "unix: and an absolute path of at most 107 octets", "not a socket path");
        *ret = out;
        return 0;
    }
    if (!split_port(text, &host, &port) || !port_parse(port, true, &out.port))
        return bad(e, text, expected, "no port");
    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']') {
        if (!address(slice_make(host.p + 1, host.n - 2), &out.ip) || out.ip.family != 6)
            return bad(e, text, expected, "not an IPv6 address");
    } else if (!address(host, &out.ip) || out.ip.family != 4) {
        return bad(e, text, expected, "not an address to listen on (names are not resolved)");
    }
    *ret = out;
    return 0;
}
