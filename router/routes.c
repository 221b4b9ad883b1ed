/* routes.c - see routes.h. */
#include "router/routes.h"

#include "router/handlers.h"
#include "saml/verify.h"

#define FORM_BODY (16 * 1024)
/* SAML_XML_MAX as base64, percent-encoded where + / = are, with line breaks and RelayState; serve.c lets in twice
 * message_max of it */
#define ACS_BODY (2 * SAML_XML_MAX)
#define SLO_BODY (128 * 1024) /* SAML_LOGOUT_MAX likewise */

/* clang-format off */
static const struct route routes[] = {
    {"/",                  HTTP_METHOD_GET,  ROUTE_LOGIN, 0, 0,         handle_home},
    {"/login",             HTTP_METHOD_GET,  ROUTE_LOGIN, 0, 0,         handle_login_page},
    {"/login",             HTTP_METHOD_POST, ROUTE_LOGIN, 0, FORM_BODY, handle_login},
    {"/login/sso",         HTTP_METHOD_POST, ROUTE_LOGIN, 0, FORM_BODY, handle_login_sso},
    {"/login/password",    HTTP_METHOD_POST, ROUTE_LOGIN, 16,  FORM_BODY, handle_login_password},
    {"/saml/acs",          HTTP_METHOD_POST, ROUTE_LOGIN, 32, ACS_BODY,  handle_acs},
    {"/saml/slo",          HTTP_METHOD_GET,  ROUTE_LOGIN, 32, 0,        handle_slo_redirect},
    {"/saml/slo",          HTTP_METHOD_POST, ROUTE_LOGIN, 32, SLO_BODY,  handle_slo_post},
    {"/saml/metadata",     HTTP_METHOD_GET,  ROUTE_LOGIN, 0, 0,         handle_sp_metadata},
    {"/logout",            HTTP_METHOD_GET,  ROUTE_LOGIN, 0, 0,         handle_logout_page},
    {"/logout",            HTTP_METHOD_POST, ROUTE_LOGIN, 0, FORM_BODY, handle_logout},
    {"/.usher/start",      HTTP_METHOD_GET,  ROUTE_APP,   0, 0,         handle_start},
    {"/.usher/land",       HTTP_METHOD_GET,  ROUTE_APP,   0, 0,         handle_land},
    {"/.usher/usher.css",  HTTP_METHOD_GET,  ROUTE_ANY,   0, 0,         handle_css},
};
/* clang-format on */

#define ROUTES (sizeof routes / sizeof *routes)

const struct route *route_find(enum http_method method, struct slice path, bool is_app_host, struct err *e)
{
    enum route_host host = is_app_host ? ROUTE_APP : ROUTE_LOGIN;
    bool path_known = false;

    if (method == HTTP_METHOD_HEAD)
        method = HTTP_METHOD_GET;
    for (size_t i = 0; i < ROUTES; i++) {
        if (!(routes[i].host & host) || !slice_is(path, routes[i].path))
            continue;
        if (routes[i].method == method)
            return &routes[i];
        path_known = true;
    }
    (void)err_set(e, path_known ? ERR_HTTP_METHOD : ERR_HTTP_NOT_FOUND, "no route for this path and method");
    return NULL;
}

size_t route_body_max(struct slice path)
{
    size_t max = 0;

    for (size_t i = 0; i < ROUTES; i++) {
        if (slice_is(path, routes[i].path) && routes[i].body_max > max)
            max = routes[i].body_max;
    }
    return max;
}
