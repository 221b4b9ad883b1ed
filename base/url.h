/*
 * url.h - the one URL parser (RFC 3986, http and https only) and the network addresses beside it.
 *
 * Refuses user information, control characters, backslashes, white space, non-ASCII octets, an empty host, bad escapes.
 * What a browser could read in another way is refused, never repaired (`///host`, 0x7f.1, a fragment).
 */
#ifndef USHER_BASE_URL_H
#define USHER_BASE_URL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/str.h"

#define URL_MAX 2048

struct url {
    bool https;
    char host[256]; /* lower case; an IPv6 address without brackets */
    uint16_t port;  /* the default of the scheme if none is given */
    bool port_given;
    struct slice path;  /* starts with '/'; "/" if none is given. Borrows from the text parsed. */
    struct slice query; /* without '?'; empty if none */
    bool has_query;
};

/* A fragment is refused. ERR_URL. */
int url_parse(struct slice text, struct url *ret, struct err *e);
bool url_same_origin(const struct url *a, const struct url *b);

/* "host" or "host:port" of a Host header or authority. Port 0 if none. ERR_URL. */
int url_parse_authority(struct slice text, char host[256], uint16_t *ret_port, struct err *e);

/* A path (and query) for use after an origin: starts with one '/', no "//" or "/\" start, printable ASCII, at most 1
 * KiB. */
bool url_path_is_safe(struct slice path_and_query);

/* A client address: IPv4 or IPv6, IPv4-mapped IPv6 folded to IPv4. family 0: unknown (Unix socket). */
struct netaddr {
    uint8_t family; /* 0, 4 or 6 */
    uint8_t addr[16];
};
struct netblock {
    struct netaddr base;
    uint8_t bits;
};
int netaddr_parse(struct slice text, struct netaddr *ret, struct err *e);
void netaddr_from_sockaddr(const struct sockaddr *sa, struct netaddr *ret);
void netaddr_format(const struct netaddr *a, char dst[48]);
/* "10.0.0.0/8", "2001:db8::/32", or a single address. Host bits that are set are ERR_URL. */
int netblock_parse(struct slice text, struct netblock *ret, struct err *e);
bool netblock_contains(const struct netblock *b, const struct netaddr *a);
/* The network a throttle counts: IPv4 /24, IPv6 /48. */
struct netaddr netaddr_network(const struct netaddr *a);

/* "127.0.0.1:8080", "[::1]:8080", "unix:/path". */
struct listen_addr {
    bool is_unix;
    char path[108];
    struct netaddr ip;
    uint16_t port; /* 0: any free port */
};
int listen_addr_parse(struct slice text, struct listen_addr *ret, struct err *e);

#endif
