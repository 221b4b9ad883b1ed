/* Fuzzes router/client.h: lines "Name: value" as the headers of a request on the auth listener. */
#include <stdint.h>
#include <stdlib.h>

#include "router/client.h"

#define HEADERS_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct netblock trusted = {.base = {.family = 4, .addr = {127}}, .bits = 8};
    static const struct config config = {.trusted_proxies = {.v = &trusted, .n = 1}};
    struct http_header headers[HEADERS_MAX];
    struct http_request req = {
        .headers = headers, .host = "auth.internal", .peer = {.family = 4, .addr = {127, 0, 0, 1}}};
    struct slice rest = slice_make(data, size), line, uri;
    struct err e = ERR_INIT;
    struct netaddr client;
    char host[256] = "";
    uint16_t port = 0;

    while (req.n_headers < HEADERS_MAX && slice_split(&rest, '\n', &line)) {
        ptrdiff_t colon = slice_find(line, ':');

        if (colon < 0)
            continue;
        headers[req.n_headers++] = (struct http_header){slice_make(line.p, (size_t)colon),
                                                        slice_make(line.p + colon + 1, line.n - (size_t)colon - 1)};
    }
    (void)client_address(&config, &req, true, &client, &e);
    err_clear(&e);
    /* whatever passes is a host as it is compared, and a piece of the input */
    if (client_original(&req, host, &port, &uri, &e) == 0 &&
        (memchr(host, '\0', sizeof host) == NULL ||
         (uri.n && !(uri.p >= (const char *)data && uri.p + uri.n <= (const char *)data + size))))
        abort();
    return 0;
}
