/* idp.c - see idp.h. */
#include "lab/idp.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/form.h"
#include "lab/idp_impl.h"
#include "saml/metadata.h"
#include "saml/request.h"

#define ARENA_MAX (4 * 1024 * 1024)
#define STATUS "urn:oasis:names:tc:SAML:2.0:status:"

/* One sign-on request, read anew from what the browser carries. */
struct sso {
    struct form form;
    struct saml_request_in request;
    struct idp_visit visit;
    const char *acs;
};

void idp_metadata(const struct idp *idp, struct buf *out)
{
    buf_add_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                     "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"");
    html_escape(out, slice_of(idp->entity_id));
    buf_printf(out,
               "\"><IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">"
               "<KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><X509Data>"
               "<X509Certificate>%s</X509Certificate></X509Data></KeyInfo></KeyDescriptor>",
               mint_key_cert(idp->key));
    if (idp->slo_url) {
        buf_add_str(out, "<SingleLogoutService Binding=\"" SAML_BINDING_REDIRECT "\" Location=\"");
        html_escape(out, slice_of(idp->public_url));
        buf_add_str(out, "/slo\"/>");
    }
    buf_add_str(out, "<SingleSignOnService Binding=\"" SAML_BINDING_REDIRECT "\" Location=\"");
    html_escape(out, slice_of(idp->public_url));
    buf_add_str(out, "/sso\"/></IDPSSODescriptor></EntityDescriptor>\n");
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

void idp_respond_page(struct http_request *req, int status, const char *nonce, const struct buf *page)
{
    char csp[256];
    struct http_header headers[] = {
        {SLICE("Content-Type"), SLICE("text/html; charset=utf-8")},
        {SLICE("Cache-Control"), SLICE("no-store")},
        {SLICE("X-Content-Type-Options"), SLICE("nosniff")},
        {SLICE("Referrer-Policy"), SLICE("no-referrer")},
        {SLICE("Content-Security-Policy"), {NULL, 0}},
    };

    /* no form-action: Chromium applies it to every redirect after the POST, whose hosts only the other side knows */
    (void)snprintf(csp, sizeof csp,
                   "default-src 'none'; style-src 'nonce-%s'; script-src 'nonce-%s'; base-uri 'none'; "
                   "frame-ancestors 'none'",
                   nonce, nonce);
    headers[4].value = slice_of(csp);
    if (buf_failed(page))
        http_respond_status(req, 500);
    else
        http_respond(req, status, headers, sizeof headers / sizeof *headers, buf_slice(page));
}

static void respond_error(struct http_request *req, const struct err *e)
{
    char nonce[IDP_NONCE_SIZE];
    struct buf page;

    buf_init(&page, IDP_PAGE_MAX);
    idp_nonce(nonce);
    idp_page_error(e, nonce, &page);
    idp_respond_page(req, err_http_status(e->code), nonce, &page);
    buf_free(&page);
}

static void respond_metadata(struct http_request *req, const struct idp *idp)
{
    const struct http_header headers[] = {
        {SLICE("Content-Type"), SLICE("application/samlmetadata+xml")},
        {SLICE("X-Content-Type-Options"), SLICE("nosniff")},
    };
    struct buf xml;

    buf_init(&xml, IDP_PAGE_MAX);
    idp_metadata(idp, &xml);
    if (buf_failed(&xml))
        http_respond_status(req, 500);
    else
        http_respond(req, 200, headers, sizeof headers / sizeof *headers, buf_slice(&xml));
    buf_free(&xml);
}

/* --- sign-on ------------------------------------------------------------------------------------------------------ */

static int check_acs(const struct idp *idp, struct slice asked, const char **ret, struct arena *a, struct err *e)
{
    struct url url;

    if (asked.n == 0 && idp->n_acs_allowed == 1) {
        *ret = idp->acs_allowed[0];
        return 0;
    }
    for (size_t i = 0; i < idp->n_acs_allowed; i++) {
        if (slice_is(asked, idp->acs_allowed[i])) {
            *ret = idp->acs_allowed[i];
            return 0;
        }
    }
    if (!idp->acs_any) {
        char found[200];

        str_cut(found, sizeof found, asked);
        return err_mismatch(e, ERR_URL, found, idp->n_acs_allowed ? idp->acs_allowed[0] : NULL,
                            "the AssertionConsumerServiceURL is not one that this provider was told of");
    }
    if (url_parse(asked, &url, e) != 0) /* no "javascript:" */
        return err_wrap(e, "AssertionConsumerServiceURL");
    *ret = arena_strndup(a, asked.p, asked.n);
    return *ret ? 0 : err_set(e, ERR_MEMORY, "no memory for a URL");
}

static int read_sso(const struct idp *idp, struct slice fields, struct arena *a, struct sso *ret, struct err *e)
{
    struct slice request;

    if (form_parse(fields, a, &ret->form, e) != 0)
        return -1;
    request = form_get(&ret->form, "SAMLRequest");
    if (!request.p)
        return err_set(e, ERR_FORM, "SAMLRequest is missing: signing in starts at an application");
    if (saml_request_read(request, a, &ret->request, e) != 0)
        return err_wrap(e, "SAMLRequest");
    ret->visit = (struct idp_visit){request, form_get(&ret->form, "RelayState"), ret->request.issuer};
    return check_acs(idp, ret->request.acs_url, &ret->acs, a, e);
}

/* What Entra sends when sign-on fails: unsigned, without an assertion. */
static void cancelled_response(const struct idp *idp, const struct sso *sso, struct buf *out)
{
    char now[TIME_TEXT_SIZE], id[IDP_NONCE_SIZE];

    time_format(clock_now(), now);
    idp_nonce(id);
    buf_printf(out,
               "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"_%s\" Version=\"2.0\" "
               "IssueInstant=\"%s\" Destination=\"",
               id, now);
    html_escape(out, slice_of(sso->acs));
    buf_add_str(out, "\" InResponseTo=\"");
    html_escape(out, sso->request.id);
    buf_add_str(out, "\"><Issuer xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">");
    html_escape(out, slice_of(idp->entity_id));
    buf_add_str(out, "</Issuer><samlp:Status><samlp:StatusCode Value=\"" STATUS
                     "Responder\"><samlp:StatusCode Value=\"" STATUS "AuthnFailed\"/></samlp:StatusCode>"
                     "<samlp:StatusMessage>The person cancelled.</samlp:StatusMessage></samlp:Status>"
                     "</samlp:Response>");
}

static int signed_response(const struct idp *idp, const struct sso *sso, const struct person *who, struct arena *a,
                           struct buf *out, struct err *e)
{
    struct mint_response m;
    struct claims claims;

    claims_init(&claims, a);
    if (person_claims(who, idp->people, idp->entity_id, &claims, e) != 0)
        return -1;
    mint_response_init(&m, clock_now());
    m.issuer = idp->entity_id;
    m.destination = m.recipient = sso->acs;
    m.audience = arena_strndup(a, sso->request.issuer.p, sso->request.issuer.n);
    m.in_response_to = arena_strndup(a, sso->request.id.p, sso->request.id.n);
    if (!m.audience || !m.in_response_to)
        return err_set(e, ERR_MEMORY, "no memory for a Response");
    m.name_id = who->name;
    claims_use(&claims, &m);
    return trick_mint(who->trick, &m, idp->key, out, e);
}

/* `who` NULL: the person cancelled. */
static int answer(struct http_request *req, const struct idp *idp, const struct sso *sso, const struct person *who,
                  struct arena *a, struct err *e)
{
    char nonce[IDP_NONCE_SIZE];
    struct buf xml, base64, page;
    int r = -1;

    buf_init(&xml, MINT_XML_MAX);
    buf_init(&base64, 2 * MINT_XML_MAX);
    buf_init(&page, IDP_PAGE_MAX);
    if (!who)
        cancelled_response(idp, sso, &xml);
    else if (signed_response(idp, sso, who, a, &xml, e) != 0)
        goto out;
    base64_encode(&base64, buf_cstr(&xml), xml.len);
    idp_nonce(nonce);
    idp_page_post(sso->acs, "SAMLResponse", buf_slice(&base64), sso->visit.relay_state, nonce, &page);
    idp_respond_page(req, 200, nonce, &page);
    r = 0;
out:
    buf_free(&page);
    buf_free(&base64);
    buf_free(&xml);
    return r;
}

static int get_sso(struct http_request *req, const struct idp *idp, struct arena *a, struct err *e)
{
    char nonce[IDP_NONCE_SIZE];
    const struct person *hinted;
    struct buf page;
    struct sso sso;

    if (read_sso(idp, req->query, a, &sso, e) != 0)
        return -1;
    hinted = people_find(idp->people, form_get(&sso.form, "login_hint"));
    if (hinted && idp->sign_in_at_once)
        return answer(req, idp, &sso, hinted, a, e);
    buf_init(&page, IDP_PAGE_MAX);
    idp_nonce(nonce);
    idp_page_choose(idp, &sso.visit, hinted, nonce, &page);
    idp_respond_page(req, 200, nonce, &page);
    buf_free(&page);
    return 0;
}

static int post_login(struct http_request *req, const struct idp *idp, struct arena *a, struct err *e)
{
    const struct person *who = NULL;
    struct sso sso;

    if (read_sso(idp, req->body, a, &sso, e) != 0)
        return -1;
    if (!form_get(&sso.form, "cancel").p) {
        who = people_find(idp->people, form_get(&sso.form, "person"));
        if (!who)
            return err_set(e, ERR_FORM, "nobody of this name is in the people file");
    }
    return answer(req, idp, &sso, who, a, e);
}

static void get_home(struct http_request *req, const struct idp *idp)
{
    char nonce[IDP_NONCE_SIZE];
    struct buf page;

    buf_init(&page, IDP_PAGE_MAX);
    idp_nonce(nonce);
    idp_page_home(idp, nonce, &page);
    idp_respond_page(req, 200, nonce, &page);
    buf_free(&page);
}

void idp_handle(struct http_request *req, void *arg)
{
    const struct idp *idp = arg;
    bool get = req->method == HTTP_METHOD_GET || req->method == HTTP_METHOD_HEAD;
    struct err e = ERR_INIT;
    struct arena a;
    int r = 0;

    arena_init(&a, ARENA_MAX);
    if (get && slice_is(req->path, "/"))
        get_home(req, idp);
    else if (get && slice_is(req->path, "/metadata"))
        respond_metadata(req, idp);
    else if (get && slice_is(req->path, "/sso"))
        r = get_sso(req, idp, &a, &e);
    else if (req->method == HTTP_METHOD_POST && slice_is(req->path, "/sso/login"))
        r = post_login(req, idp, &a, &e);
    else if (get && idp->slo_url && slice_is(req->path, "/slo"))
        r = idp_get_slo(req, idp, &a, &e);
    else if (get && idp->slo_url && slice_is(req->path, "/logout"))
        r = idp_get_logout(req, idp, &a, &e);
    else
        http_respond_status(req, 404);
    if (r != 0)
        respond_error(req, &e);
    arena_free(&a);
}
