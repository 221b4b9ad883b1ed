/* request.c - looking things up in a request. Pure; what needs the connection is in respond.c. */
#include "router/http/server.h"

static const char *const method_names[HTTP_METHOD_COUNT] = {
    [HTTP_METHOD_NONE] = "",         [HTTP_METHOD_GET] = "GET",         [HTTP_METHOD_HEAD] = "HEAD",
    [HTTP_METHOD_POST] = "POST",     [HTTP_METHOD_PUT] = "PUT",         [HTTP_METHOD_PATCH] = "PATCH",
    [HTTP_METHOD_DELETE] = "DELETE", [HTTP_METHOD_OPTIONS] = "OPTIONS",
};

const char *http_method_name(enum http_method m)
{
    return (unsigned)m < HTTP_METHOD_COUNT ? method_names[m] : "";
}

/* Most names differ in length already, and this runs a dozen times per request. */
static bool is_named(const struct http_header *h, const char *name, size_t n)
{
    return h->name.n == n && slice_is_nocase(h->name, name);
}

struct slice http_header(const struct http_request *req, const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < req->n_headers; i++) {
        if (is_named(&req->headers[i], name, n))
            return req->headers[i].value;
    }
    return (struct slice){NULL, 0};
}

size_t http_header_count(const struct http_request *req, const char *name)
{
    size_t n = strlen(name), count = 0;

    for (size_t i = 0; i < req->n_headers; i++)
        count += is_named(&req->headers[i], name, n);
    return count;
}
