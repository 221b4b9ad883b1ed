/*
 * idp_slo.c - single logout at the test identity provider: it answers LogoutRequests, and sends them.
 *
 * It keeps no sessions, so it signs nobody out of itself; it shows what goes over the wire. Signatures of the service
 * provider are not looked at.
 */
#include "lab/idp_impl.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/form.h"
#include "lab/mint_sign.h"
#include "saml/logout.h"

#define URL_TEXT_MAX (16 * 1024)

const char *const idp_slo_answers[] = {"success", "partial", "refused", NULL};

static void redirect(struct http_request *req, const struct buf *url)
{
    const struct http_header headers[] = {
        {SLICE("Location"), buf_slice(url)},
        {SLICE("Cache-Control"), SLICE("no-store")},
    };

    http_respond(req, 303, headers, sizeof headers / sizeof *headers, SLICE(""));
}

/* Writes it, signed by `key` unless NULL, and sends the browser there. */
static int send_message(struct http_request *req, struct saml_logout_out *o, const struct mint_key *key, struct err *e)
{
    const struct saml_sp_key sign = {.pkey = key ? mint_key_pkey(key) : NULL};
    struct buf url;
    int r;

    if (key && mint_sign_check("rsa-sha256", key, e) != 0)
        return -1;
    o->sign = key ? &sign : NULL;
    buf_init(&url, URL_TEXT_MAX);
    r = saml_logout_write_redirect(o, &url, e);
    if (r == 0)
        redirect(req, &url);
    buf_free(&url);
    return r;
}

/* The message without its signature: "SAMLRequest=..." alone. */
static int read_unverified(struct slice query, struct arena *a, struct saml_logout *ret, struct slice *ret_relay_state,
                           struct err *e)
{
    static const struct saml_trust nobody = {.nkeys = 0};
    struct form form;
    struct slice rest = query, part, message = {NULL, 0};

    if (form_parse(query, a, &form, e) != 0)
        return -1;
    *ret_relay_state = form_get(&form, "RelayState");
    while (slice_split(&rest, '&', &part)) {
        if (slice_starts(part, SLICE("SAMLRequest=")) || slice_starts(part, SLICE("SAMLResponse=")))
            message = part;
    }
    return saml_logout_redirect(message.p ? message : SLICE(""), &nobody, 0, NULL, a, ret, e);
}

static int show_answer(struct http_request *req, const struct saml_logout *l, struct slice relay_state)
{
    char nonce[IDP_NONCE_SIZE];
    struct buf page;

    buf_init(&page, IDP_PAGE_MAX);
    idp_nonce(nonce);
    idp_page_logged_out(l->status_code, l->sub_status, relay_state, nonce, &page);
    idp_respond_page(req, 200, nonce, &page);
    buf_free(&page);
    return 0;
}

int idp_get_slo(struct http_request *req, const struct idp *idp, struct arena *a, struct err *e)
{
    const char *answer = idp->slo_answer ? idp->slo_answer : idp_slo_answers[0];
    char id[SAML_REQUEST_ID_SIZE];
    struct saml_logout_out o;
    struct slice relay_state;
    struct saml_logout l;

    if (read_unverified(req->query, a, &l, &relay_state, e) != 0)
        return -1;
    if (l.is_response)
        return show_answer(req, &l, relay_state);
    saml_request_id(id);
    o = (struct saml_logout_out){.id = id,
                                 .issuer = idp->entity_id,
                                 .destination = idp->slo_url,
                                 .issue_instant = clock_now(),
                                 .in_response_to = arena_strndup(a, l.id.p, l.id.n),
                                 .status = strcmp(answer, "refused") == 0 ? "Requester" : "Success",
                                 .substatus = strcmp(answer, "partial") == 0 ? "PartialLogout" : NULL,
                                 .relay_state = relay_state.p ? arena_strndup(a, relay_state.p, relay_state.n) : NULL};
    if (!o.in_response_to)
        return err_set(e, ERR_MEMORY, "no memory for an answer");
    return send_message(req, &o, idp->slo_unsigned ? NULL : idp->key, e);
}

/* --- started here ------------------------------------------------------------------------------------------------- */

static int post_request(struct http_request *req, const struct saml_logout_out *o, const struct mint_key *key,
                        struct err *e)
{
    struct mint_logout m = {.id = o->id,
                            .issuer = o->issuer,
                            .destination = o->destination,
                            .name_id = o->name_id,
                            .name_id_format = o->name_id_format,
                            .session_index = o->session_index,
                            .issued = o->issue_instant};
    struct buf xml, base64, page;
    char nonce[IDP_NONCE_SIZE];
    int r = -1;

    buf_init(&xml, MINT_XML_MAX);
    buf_init(&base64, 2 * MINT_XML_MAX);
    buf_init(&page, IDP_PAGE_MAX);
    if (mint_logout(&m, key, &xml, e) != 0)
        goto out;
    base64_encode(&base64, buf_cstr(&xml), xml.len);
    idp_nonce(nonce);
    idp_page_post(o->destination, "SAMLRequest", buf_slice(&base64), slice_of(o->relay_state), nonce, &page);
    idp_respond_page(req, 200, nonce, &page);
    r = 0;
out:
    buf_free(&xml);
    buf_free(&base64);
    buf_free(&page);
    return r;
}

static int show_people(struct http_request *req, const struct idp *idp)
{
    char nonce[IDP_NONCE_SIZE];
    struct buf page;

    buf_init(&page, IDP_PAGE_MAX);
    idp_nonce(nonce);
    idp_page_logout(idp, nonce, &page);
    idp_respond_page(req, 200, nonce, &page);
    buf_free(&page);
    return 0;
}

int idp_get_logout(struct http_request *req, const struct idp *idp, struct arena *a, struct err *e)
{
    const struct person *who;
    char id[SAML_REQUEST_ID_SIZE];
    struct saml_logout_out o;
    struct slice index;
    struct form form;
    bool is_signed;

    if (form_parse(req->query, a, &form, e) != 0)
        return -1;
    if (!form_get(&form, "person").p)
        return show_people(req, idp);
    who = people_find(idp->people, form_get(&form, "person"));
    if (!who)
        return err_set(e, ERR_FORM, "nobody of this name is in the people file");
    is_signed = !form_get(&form, "unsigned").p;
    index = form_get(&form, "index");
    saml_request_id(id);
    o = (struct saml_logout_out){.id = id,
                                 .issuer = idp->entity_id,
                                 .destination = idp->slo_url,
                                 .issue_instant = clock_now(),
                                 .name_id = who->name,
                                 .name_id_format = MINT_FORMAT_EMAIL,
                                 .session_index = index.p ? arena_strndup(a, index.p, index.n) : NULL,
                                 .relay_state = "from-the-lab"};
    if (slice_is(form_get(&form, "binding"), "post"))
        return post_request(req, &o, is_signed ? idp->key : NULL, e);
    return send_message(req, &o, is_signed ? idp->key : NULL, e);
}
