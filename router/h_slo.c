/*
 * h_slo.c - /saml/slo: single logout with the identity provider (SAML profiles 4.4), by redirect and by form.
 *
 * /saml/slo takes what identity providers send. A signed LogoutRequest ends every session of its NameID, and
 * SessionIndex, at that provider: no cookie is needed, and once per message. An unsigned one (Entra's are) may be
 * anybody's: a link that leads here with a guessed NameID. So it can end the one session that this very browser holds,
 * if it is of that provider and that NameID, and nothing else: the most that a stranger gets is that somebody has to
 * sign in again. Where the browser does not send its session along (SameSite=Lax: a form from another site), nothing
 * ends, and that is what is answered.
 */
#include "router/logout.h"

#include "base/encode.h"

#define RELAY_STATE_MAX 80

struct slo {
    const struct config_idp *idp;
    const struct saml_trust *trust;
    unsigned allow;
    bool says_response; /* the name of the parameter */
    struct slice relay_state, xml;
    struct saml_signed signed_parts;
    struct saml_logout message;
};

/* The page of a message that is not accepted. Whoever comes back from signing out is told what is true in any case. */
static void refuse_slo(struct exchange *x, const struct slo *s)
{
    struct logout_asked asked;

    if (!s || !s->says_response || !logout_recall(x, &asked)) {
        flow_refuse(x, "logout.refused");
        return;
    }
    x->event = "logout.unconfirmed";
    x->idp = asked.idp;
    logout_forget(x);
    page_signed_out(&x->reply_body, SIGNED_OUT_UNCONFIRMED, x->request_id);
    reply_page(x, err_http_status(x->err.code));
}

/* The Issuer is unsigned here and chooses whose keys to try; the one that was signed is compared afterwards. */
static int choose_idp(struct exchange *x, struct slice issuer, struct slo *s)
{
    const struct config *c = x->router->config;
    char found[200];

    for (size_t i = 0; i < c->nidps && !s->idp && issuer.n; i++) {
        const struct saml_trust *t = logout_trust(x, &c->idps[i]);

        if (slice_is(issuer, t->issuer ? t->issuer : "") ||
            (c->idps[i].logout_issuer && slice_is(issuer, c->idps[i].logout_issuer))) {
            s->idp = &c->idps[i];
            s->trust = t;
        }
    }
    if (!s->idp) {
        str_cut(found, sizeof found, issuer);
        return err_mismatch(&x->err, ERR_ISSUER, found, "the entity ID of a configured identity provider",
                            "no identity provider of this name");
    }
    x->idp = s->idp->name;
    s->allow = config_idp_allow(s->idp, x->now);
    return 0;
}

static int check(struct exchange *x, const struct slo *s, const char *request_id)
{
    struct saml_logout_expect expect = {.issuer = slice_of(s->trust->issuer),
                                        .also_issuer = slice_of(s->idp->logout_issuer),
                                        .destination = slice_of(x->router->config->slo_url),
                                        .in_response_to = slice_of(request_id),
                                        .now = x->now,
                                        .skew = s->idp->skew};

    return saml_logout_check(&s->message, &expect, &x->err);
}

/* --- a LogoutRequest: who is meant ---------------------------------------------------------------------------------
 */

static const char *text_of(struct exchange *x, struct slice s)
{
    return s.p ? arena_strndup(&x->arena, s.p, s.n) : NULL;
}

static struct session_select whom(struct exchange *x, const struct slo *s)
{
    const struct saml_logout *l = &s->message;

    return (struct session_select){.by = SESSION_BY_NAME_ID,
                                   .idp = s->idp->name,
                                   .name_id = text_of(x, l->name_id),
                                   .name_id_format = text_of(x, l->name_id_format),
                                   .name_qualifier = text_of(x, l->name_qualifier),
                                   .sp_name_qualifier = text_of(x, l->sp_name_qualifier)};
}

/* Is this session, alive, among those that the message names? The store's rule for the NameID, asked of one row. */
static bool is_meant(const struct slo *s, const struct session_row *row)
{
    const struct saml_logout *l = &s->message;
    bool index = l->nsession_index == 0 || row->session_index[0] == '\0';

    for (size_t i = 0; i < l->nsession_index && !index; i++)
        index = slice_is(l->session_index[i], row->session_index);
    return index && strcmp(row->idp, s->idp->name) == 0 && row->name_id[0] && slice_is(l->name_id, row->name_id) &&
           store_name_id_fits(row->name_id_format, l->name_id_format, true) &&
           store_name_id_fits(row->name_qualifier, l->name_qualifier, false) &&
           store_name_id_fits(row->sp_name_qualifier, l->sp_name_qualifier, false);
}

/* Signed: all that are meant, wherever they are, once. */
static int end_all(struct exchange *x, const struct slo *s, size_t *ret_n)
{
    const struct saml_logout *l = &s->message;
    const char **indexes = arena_array(&x->arena, SAML_SESSION_INDEXES_MAX, sizeof *indexes);
    struct event *event = arena_alloc(&x->arena, sizeof *event);
    struct session_view who;
    struct store_logout out = {.issuer = s->trust->issuer,
                               .message_id = arena_printf(&x->arena, "logout:%.*s", SLICE_ARG(l->id)),
                               .valid_until = l->issue_instant + SAML_LOGOUT_AGE_MAX + s->idp->skew,
                               .who = whom(x, s),
                               .session_index = indexes,
                               .nsession_index = l->nsession_index,
                               .log = event};
    bool held = flow_session(x, flow_login_host(x->router), &who);

    if (!indexes || !event || !out.message_id || !out.who.name_id)
        return err_set(&x->err, ERR_MEMORY, "logout");
    for (size_t i = 0; i < l->nsession_index; i++) {
        indexes[i] = text_of(x, l->session_index[i]);
        if (!indexes[i]) /* NULL would mean every session */
            return err_set(&x->err, ERR_MEMORY, "logout");
    }
    x->event = "session.ended";
    exchange_event(x, event);
    if (session_logout(x->router->sessions, x->router->store, &out, x->now, ret_n, &x->err) != 0)
        return -1;
    x->event_stored = *ret_n > 0;
    if (*ret_n == 0)
        x->event = "logout.unmatched";
    if (held && !flow_session(x, flow_login_host(x->router), &who)) {
        reply_cookie_delete(x, COOKIE_SESSION, HTTP_SAME_SITE_LAX);
        reply_cookie_delete(x, COOKIE_HELD, HTTP_SAME_SITE_NONE);
    }
    return 0;
}

/* How many are meant and live on. */
static int count_left(struct exchange *x, const struct slo *s, size_t *ret_n)
{
    const struct saml_logout *l = &s->message;
    struct session_select who = whom(x, s);
    size_t n;

    *ret_n = 0;
    for (size_t i = 0; i < (l->nsession_index ? l->nsession_index : 1); i++) {
        who.session_index = l->nsession_index ? text_of(x, l->session_index[i]) : NULL;
        if (store_session_count(x->router->store, &who, x->now, &n, &x->err) != 0)
            return -1;
        *ret_n += n;
    }
    return 0;
}

/* --- a LogoutRequest: the answer -----------------------------------------------------------------------------------
 */

/* Whichever binding the request came by; where the identity provider takes no answer, the person is told. */
static void answer(struct exchange *x, const struct slo *s, bool ended, const char *status, const char *substatus)
{
    enum signed_out so_far = ended ? SIGNED_OUT_HERE : SIGNED_OUT_NOTHING;
    struct logout_address to = logout_response_address(s->trust);
    char id[SAML_REQUEST_ID_SIZE];
    struct saml_logout_out o;

    if (!to.url) {
        page_signed_out(&x->reply_body, so_far, NULL);
        reply_page(x, 200);
        return;
    }
    saml_request_id(id);
    o = (struct saml_logout_out){.id = id,
                                 .issuer = s->idp->entity_id,
                                 .issue_instant = x->now,
                                 .in_response_to = text_of(x, s->message.id),
                                 .status = status,
                                 .substatus = substatus};
    /* what is longer than the bindings allow (3.4.3, 3.5.3) was no RelayState, and NUL would cut it */
    if (s->relay_state.p && s->relay_state.n <= RELAY_STATE_MAX && slice_find(s->relay_state, '\0') < 0)
        o.relay_state = text_of(x, s->relay_state);
    if (!o.in_response_to)
        (void)err_set(&x->err, ERR_MEMORY, "logout");
    if (x->err.code != ERR_NONE || logout_send(x, &o, to, so_far, &x->err) != 0)
        flow_refuse(x, "logout.refused");
}

static void handle_request(struct exchange *x, const struct slo *s)
{
    const struct session_row *row = NULL;
    char name[120];
    size_t n = 0;
    bool ended = false;

    if (check(x, s, NULL) != 0) {
        refuse_slo(x, s);
        return;
    }
    (void)str_escape(name, sizeof name, s->message.name_id.p, s->message.name_id.n);
    x->detail = arena_printf(&x->arena, "%s LogoutRequest for %s", s->message.is_signed ? "signed" : "unsigned", name);
    if (s->message.is_signed) {
        x->proven = true;
        if (end_all(x, s, &n) != 0)
            refuse_slo(x, s);
        else if (n > 0)
            answer(x, s, true, "Success", NULL);
        else
            answer(x, s, false, "Requester", "UnknownPrincipal");
        return;
    }
    row = logout_own_session(x);
    if (!row || !is_meant(s, row)) {
        answer(x, s, false, "Requester", "RequestDenied");
        return;
    }
    x->account = row->email;
    if (logout_end_own(x, &ended) != 0 || count_left(x, s, &n) != 0)
        refuse_slo(x, s);
    else
        answer(x, s, true, "Success", n > 0 ? "PartialLogout" : NULL);
}

/* --- a LogoutResponse ----------------------------------------------------------------------------------------------
 */

/* Only told: the session here ended before the identity provider was asked. An unsigned one is heard as well, as it
 * names the request that nobody but this browser and the identity provider has seen. */
static void handle_response(struct exchange *x, const struct slo *s)
{
    struct logout_asked asked;
    bool partly = slice_is(s->message.sub_status, SAML_STATUS_PREFIX "PartialLogout");
    char found[200];

    if (!logout_recall(x, &asked)) {
        (void)err_set(&x->err, ERR_NO_PENDING, "this browser did not sign out here within the last %d s",
                      LOGOUT_SECONDS);
        refuse_slo(x, s);
        return;
    }
    if (strcmp(asked.idp, s->idp->name) != 0) {
        (void)err_mismatch(&x->err, ERR_IN_RESPONSE_TO, s->idp->name, asked.idp, "another identity provider was asked");
    } else if (check(x, s, asked.request_id) == 0 && !slice_is(s->message.status_code, SAML_STATUS_PREFIX "Success")) {
        str_cut(found, sizeof found, s->message.status_code);
        (void)err_mismatch(&x->err, ERR_STATUS, found, SAML_STATUS_PREFIX "Success",
                           "the identity provider did not sign out");
    }
    if (x->err.code != ERR_NONE) {
        refuse_slo(x, s);
        return;
    }
    logout_forget(x);
    page_signed_out(&x->reply_body, partly ? SIGNED_OUT_PARTLY : SIGNED_OUT_EVERYWHERE, NULL);
    reply_page(x, 200);
}

/* --- the bindings --------------------------------------------------------------------------------------------------
 */

static void handle_message(struct exchange *x, const struct slo *s)
{
    if (s->message.is_response)
        handle_response(x, s);
    else
        handle_request(x, s);
}

static struct slo *slo_new(struct exchange *x)
{
    struct slo *s = arena_alloc(&x->arena, sizeof *s);

    if (!s) {
        (void)err_set(&x->err, ERR_MEMORY, "logout");
        flow_refuse(x, "logout.refused");
    }
    return s;
}

/* Redirect: the router verifies by itself, there is no signature of XML in it. */
void handle_slo_redirect(struct exchange *x)
{
    const struct saml_sp_keys *keys = &x->router->config->sp_keys;
    struct slo *s = slo_new(x);
    struct slice issuer;
    struct form form;

    if (!s)
        return;
    if (form_parse(x->query, &x->arena, &form, &x->err) == 0)
        s->says_response = form_get(&form, "SAMLResponse").p != NULL;
    if (x->err.code != ERR_NONE || saml_logout_peek(x->query, &x->arena, &issuer, &x->err) != 0 ||
        choose_idp(x, issuer, s) != 0 ||
        saml_logout_redirect(x->query, s->trust, s->allow, keys, &x->arena, &s->message, &x->err) != 0) {
        refuse_slo(x, s);
        return;
    }
    s->relay_state = s->message.relay_state;
    handle_message(x, s);
}

/* The one field of the form as XML. This form comes from another site: it has no form token and needs none. */
static int read_post(struct exchange *x, struct slo *s)
{
    struct slice text;
    struct form form;

    if (flow_saml_form(x, &form) != 0)
        return -1;
    s->says_response = form_get(&form, "SAMLResponse").p != NULL;
    s->relay_state = form_get(&form, "RelayState");
    text = form_get(&form, s->says_response ? "SAMLResponse" : "SAMLRequest");
    if (!text.p || (s->says_response && form_get(&form, "SAMLRequest").p))
        return err_set(&x->err, ERR_FORM, "one of SAMLRequest and SAMLResponse is expected");
    return flow_saml_message(x, text, SAML_LOGOUT_MAX, &s->xml);
}

/* With what the worker returned, which is not believed. */
static void slo_posted(struct exchange *x)
{
    struct slo *s = x->state;
    const struct saml_sp_keys *keys = &x->router->config->sp_keys;

    if (x->err.code == ERR_NONE && wire_get_signed(x->worker_reply, &s->signed_parts, &x->err) == 0 &&
        saml_logout_signed(&s->signed_parts, s->trust, s->allow, keys, &x->arena, &s->message, &x->err) == 0 &&
        s->message.is_response != s->says_response)
        (void)err_set(&x->err, ERR_LOGOUT, "a request as SAMLResponse, or a response as SAMLRequest");
    if (x->err.code != ERR_NONE)
        refuse_slo(x, s);
    else
        handle_message(x, s);
}

void handle_slo_post(struct exchange *x)
{
    struct slo *s = slo_new(x);
    struct slice issuer;

    if (!s)
        return;
    if (read_post(x, s) != 0 || saml_logout_peek_xml(s->xml, &x->arena, &issuer, &x->err) != 0 ||
        choose_idp(x, issuer, s) != 0) {
        refuse_slo(x, s);
        return;
    }
    x->state = s;
    x->ask = (struct worker_request){
        .judge = {SAML_MESSAGE_LOGOUT, (int)(s->idp - x->router->config->idps), SLICE(""), s->xml}};
    x->then = slo_posted;
    x->where = THEN_WORKER;
}
