/*
 * h_saml.c - the assertion consumer service, and this service's metadata.
 *
 * The order is: signature, conditions, cookie, policy, account, commit. Everything before the commit reads only, so
 * whoever is refused leaves nothing behind but an event.
 */
#include "router/handlers.h"

#include "base/encode.h"
#include "provisioning/admit.h"
#include "router/grants.h"
#include "router/pending.h"
#include "router/idp_keys.h"
#include "router/log.h"
#include "router/profile.h"
#include "router/unsolicited.h"
#include "saml/judge.h"

/* What the ACS knows so far about one login. */
struct acs {
    struct slice xml;
    struct saml_signed reply; /* of the worker; not believed */
    bool unwrapped;           /* the worker has been given the content key */
    bool again;               /* another worker has been asked, as the first one's answer did not hold */
    const struct config_idp *idp;
    const struct saml_trust *trust; /* its keys; x->trusts holds them */
    struct saml_verdict verdict;
    struct slice request_id; /* the signed InResponseTo */
    char cookie_name[PENDING_COOKIE_SIZE];
    struct pending pending;
    struct slice subject, name, groups; /* groups one a line */
    bool groups_known;
};

/* The SAMLResponse field as XML in the arena. This form comes from another site: it has no form token and needs none.
 */
static int read_message(struct exchange *x, struct slice *ret_xml)
{
    struct form form;
    struct slice text;

    if (flow_saml_form(x, &form) != 0)
        return -1;
    text = form_get(&form, "SAMLResponse");
    if (!text.p)
        return err_set(&x->err, ERR_FORM, "there is no SAMLResponse in the form");
    return flow_saml_message(x, text, (size_t)x->router->config->message_max, ret_xml);
}

static void judge_answer(struct exchange *x);

/*
 * Hands the message to the worker and goes on with judge_answer(). The Issuer that stands in it only chooses whose keys
 * are tried (it is unsigned there); the signed one is compared with that identity provider's entity ID afterwards.
 */
static void ask_worker(struct exchange *x, const struct acs *s, int trust, struct slice content_key)
{
    x->ask = (struct worker_request){.judge = {SAML_MESSAGE_RESPONSE, trust, content_key, s->xml}, .fresh = s->again};
    x->then = judge_answer;
    x->where = THEN_WORKER;
}

/* Whose login this would be. For the log also where the message was refused, as the worker says. */
static void name_idp(struct exchange *x, struct acs *s, size_t trust)
{
    s->trust = trusts_get(x->trusts, trust);
    s->idp = s->trust && trust < x->router->config->nidps ? &x->router->config->idps[trust] : NULL;
    x->idp = s->idp ? s->idp->name : NULL;
}

static int read_answer(struct exchange *x, struct acs *s)
{
    if (wire_get_signed(x->worker_reply, &s->reply, &x->err) != 0)
        return -1;
    name_idp(x, s, s->reply.trust);
    return s->idp ? 0 : err_set(&x->err, ERR_RECHECK, "signed by an identity provider that is not there");
}

/*
 * The worker can go no further without the content key. Asked once: with it the worker has all it needs, and the keys
 * tried are those of the same identity provider, whose exceptions were applied to the unwrapping.
 */
static int unwrap(struct exchange *x, struct acs *s)
{
    const struct saml_wrapped_key *w = &s->reply.wrapped;
    unsigned char *key = arena_alloc(&x->arena, SAML_CONTENT_KEY_MAX); /* wiped with the arena, as this is a POST */

    if (!key)
        return err_set(&x->err, ERR_MEMORY, "content key");
    if (s->unwrapped)
        return err_set(&x->err, ERR_RECHECK, "the worker wants a key that it has");
    if (!saml_wrapped_stands_in(w, s->xml))
        return err_set(&x->err, ERR_RECHECK, "the worker wants a key that is not in the message");
    if (saml_unwrap_key(&x->router->config->sp_keys, config_idp_allow(s->idp, x->now), w, key, &x->err) != 0)
        return -1;
    s->unwrapped = true;
    ask_worker(x, s, (int)s->reply.trust, slice_make(key, saml_cipher_key_size(w->content)));
    return 0;
}

/* The InResponseTo of the signed confirmation; it picks the cookie. */
static struct slice signed_request_id(const struct saml_assertion *as)
{
    for (size_t i = 0; i < as->nconfirmations; i++) {
        if (as->confirmations[i].bearer && as->confirmations[i].in_response_to.n > 0)
            return as->confirmations[i].in_response_to;
    }
    return (struct slice){NULL, 0};
}

/* An assertion in clear has its ID somewhere in the message. */
static bool is_of_message(const struct acs *s)
{
    const struct slice *id = &s->verdict.assertion.id;

    return s->unwrapped || memmem(s->xml.p, s->xml.n, id->p, id->n) != NULL ||
           memmem(s->xml.p, s->xml.n, "EncryptedAssertion", strlen("EncryptedAssertion")) != NULL;
}

/* The router's own check of what the worker found, and the reading of it. */
static int verify_signature(struct exchange *x, struct acs *s)
{
    const struct config *c = x->router->config;

    if (saml_judge_signed_only(&s->reply, s->trust, &c->sp_keys, config_idp_allow(s->idp, x->now), &x->arena,
                               &s->verdict, &x->err) != 0)
        return -1;
    if (is_of_message(s))
        return 0;
    s->verdict = (struct saml_verdict){0};
    return err_set(&x->err, ERR_RECHECK, "the worker answered with another message's assertion");
}

/*
 * An honest worker's answer holds: xmlsec has verified the same bytes with the same keys. This one made a mistake, or
 * was taken over by an earlier message, so the person gets a second opinion, of a new one.
 */
static bool is_suspect(const struct exchange *x, const struct acs *s)
{
    return !s->again && (x->err.code == ERR_RECHECK || x->err.code == ERR_SIGNATURE);
}

static void ask_another(struct exchange *x, struct acs *s)
{
    log_err(LOG_LEVEL_ERROR, "worker.distrusted", &x->err);
    err_clear(&x->err);
    s->again = true;
    s->unwrapped = false;
    ask_worker(x, s, WIRE_BY_ISSUER, SLICE(""));
}

/* The conditions, against the request that the assertion itself names; the cookie must name the same one. */
static int verify_conditions(struct exchange *x, struct acs *s)
{
    const struct config *c = x->router->config;
    struct saml_expect expect = {.issuer = slice_of(s->trust->issuer),
                                 .acs = slice_of(c->acs_url),
                                 .audience = slice_of(s->idp->entity_id),
                                 .now = x->now,
                                 .skew = s->idp->skew,
                                 .email_from = slice_of(s->idp->email_from),
                                 .email_domains = s->idp->domains.v,
                                 .nemail_domains = s->idp->domains.n};

    s->request_id = signed_request_id(&s->verdict.assertion);
    expect.request_id = s->request_id;
    expect.unsolicited = s->request_id.p == NULL;
    if (saml_judge_conditions(&expect, &s->verdict, &x->err) != 0)
        return -1;
    if (expect.nemail_domains == 0 || !s->verdict.has_email) /* the configuration forbids both; fail closed */
        return err_set(&x->err, ERR_INTERNAL, "an assertion passed without the check of its e-mail domain");
    return 0;
}

static int match_cookie(struct exchange *x, struct acs *s)
{
    struct slice value;
    struct err why = ERR_INIT;

    pending_cookie_name(s->request_id, s->cookie_name);
    value = http_cookie_get(&x->cookies, s->cookie_name);
    if (!value.p)
        return err_mismatch(&x->err, ERR_NO_PENDING, NULL, s->cookie_name,
                            "this browser holds no pending login for the request that was answered");
    if (pending_open(x->router->keys, s->cookie_name, value, x->now, &x->arena, &s->pending, &why) != 0)
        return err_set(&x->err, ERR_NO_PENDING, "the pending login does not count: %s", why.msg);
    if (!slice_is(s->request_id, s->pending.request_id) || strcmp(s->pending.idp, s->idp->name) != 0)
        return err_mismatch(&x->err, ERR_IN_RESPONSE_TO, s->idp->name, s->pending.idp,
                            "another identity provider was asked");
    return 0;
}

/* The values of one attribute added to the groups; false if any of them cannot be read or held: then they are not all
 * known. */
static bool add_groups(const struct saml_attribute *at, struct buf *text)
{
    bool all = true;

    for (size_t i = 0; i < at->nvalues; i++) {
        struct slice g = slice_trim(at->values[i]);

        if (!at->values[i].p || slice_find(g, '\n') >= 0 || text->len + g.n + 1 > STORE_GROUPS_MAX) {
            all = false;
            continue;
        }
        if (g.n == 0)
            continue;
        if (text->len)
            buf_add_char(text, '\n');
        buf_add_slice(text, g);
    }
    return all;
}

/*
 * All values of all attributes of that name: an IdP may send one Attribute with many values, or many with one. What is
 * there but cannot be read, and an overage mark, make the groups unknown - never "none", which would let a deny rule
 * miss.
 */
static int read_groups(struct exchange *x, struct acs *s)
{
    const struct saml_assertion *as = &s->verdict.assertion;
    struct buf text;

    buf_init(&text, STORE_GROUPS_MAX);
    s->groups_known = !as->has_encrypted_attribute;
    for (size_t i = 0; i < as->nattributes; i++) {
        const struct saml_attribute *at = &as->attributes[i];

        if (s->idp->groups_overage_from && slice_is(at->name, s->idp->groups_overage_from))
            s->groups_known = false;
        if (slice_is(at->name, s->idp->groups_from) && !add_groups(at, &text))
            s->groups_known = false;
    }
    s->groups = arena_slice(&x->arena, buf_slice(&text));
    buf_free(&text);
    return s->groups.p ? 0 : err_set(&x->err, ERR_MEMORY, "groups");
}

/* The claims that the account and the session are made of; all from signed bytes. */
static int read_claims(struct exchange *x, struct acs *s)
{
    const struct saml_assertion *as = &s->verdict.assertion;
    const struct config_idp *idp = s->idp;

    if (profile_check(idp, as, &s->verdict.email, &x->err) != 0)
        return -1;
    s->subject = strcmp(idp->subject_from, "nameid") == 0 ? slice_trim(as->name_id)
                                                          : saml_attribute_single(as, slice_of(idp->subject_from));
    if (!s->subject.p || s->subject.n == 0 || s->subject.n > STORE_SUBJECT_MAX || slice_find(s->subject, '\0') >= 0)
        return err_mismatch(&x->err, ERR_NO_SUBJECT_KEY, NULL, idp->subject_from,
                            "no usable immutable identifier in the assertion");
    /* core 8.3.8: a transient identifier is another one each time, and may be given to anybody next */
    if (strcmp(idp->subject_from, "nameid") == 0 && slice_is(as->name_id_format, SAML_NAMEID_TRANSIENT))
        return err_mismatch(&x->err, ERR_NO_SUBJECT_KEY, SAML_NAMEID_TRANSIENT,
                            "a persistent NameID, or subject_from: ATTRIBUTE",
                            "a transient NameID cannot name an account");
    s->name = saml_attribute_single(as, slice_of(idp->name_from));
    if (s->name.n > STORE_NAME_MAX || !s->name.p)
        s->name = SLICE("");
    return read_groups(x, s);
}

/* The asserted identity is judged, whatever address was typed, by the rules in force now. */
static int authorize(struct exchange *x, const struct acs *s, struct policy_decision *ret)
{
    struct policy_request request;
    int r;

    flow_policy_request(x, &s->verdict.email, &request);
    request.door_used = DOOR_SSO;
    request.idp_used = s->idp->name;
    request.groups = s->groups;
    request.groups_known = s->groups_known;
    r = grants_cache_authorize(x->router->grants, x->router->config->policy, &request, &x->arena, ret, &x->err);
    flow_keep_trace(x, ret);
    return r;
}

/* A new address at the identity provider is no way around the `outside` grant of the address the account has here. */
static int check_old_address(struct exchange *x, const struct account *account)
{
    struct email old;

    if (email_parse(slice_of(account->email), &old, &x->err) != 0)
        return -1;
    if (grants_cache_is_outside(x->router->grants, x->router->config->policy, &old, x->now))
        return err_set(&x->err, ERR_DENIED_OUTSIDE, "the account %s lives outside the directory", account->email);
    return 0;
}

/* Which account this is: the known one, one to link, or a new one. */
static int admit(struct exchange *x, const struct acs *s, const struct policy_decision *decision,
                 struct store_login *login)
{
    struct account *by_subject = arena_alloc(&x->arena, sizeof *by_subject);
    struct account *by_email = arena_alloc(&x->arena, sizeof *by_email);
    const char *subject = arena_strndup(&x->arena, s->subject.p, s->subject.n);
    bool has_subject = false, has_email = false;
    struct provisioning_identity identity;
    struct provisioning_outcome outcome;

    if (!by_subject || !by_email || !subject)
        return err_set(&x->err, ERR_MEMORY, "account");
    if (store_account_by_subject(x->router->store, s->idp->name, subject, by_subject, &has_subject, &x->err) != 0 ||
        store_account_by_email(x->router->store, s->verdict.email.key, by_email, &has_email, &x->err) != 0)
        return -1;
    identity = (struct provisioning_identity){
        .idp = s->idp->name, .subject = subject, .email = &s->verdict.email, .jit = decision->new_users_jit};
    if (provisioning_admit(&identity, has_subject ? by_subject : NULL, has_email ? by_email : NULL, &outcome,
                           &x->err) != 0)
        return -1;
    login->account = outcome.account;
    login->account_id = outcome.account_id;
    return has_subject ? check_old_address(x, by_subject) : 0;
}

static int commit(struct exchange *x, const struct acs *s, struct store_login *login, struct session_view *who)
{
    const struct saml_assertion *as = &s->verdict.assertion;
    struct session_row *row = arena_alloc(&x->arena, sizeof *row);
    struct event *event = arena_alloc(&x->arena, sizeof *event);

    if (!row || !event)
        return err_set(&x->err, ERR_MEMORY, "session");
    login->issuer = s->trust->issuer;
    login->assertion_id = arena_strndup(&x->arena, as->id.p, as->id.n);
    login->valid_until = s->verdict.valid_until;
    login->email_key = s->verdict.email.key;
    login->log = event;
    if (!login->assertion_id || !str_copy(row->email, sizeof row->email, slice_of(s->verdict.email.text)) ||
        !str_copy(row->name, sizeof row->name, s->name) || !str_copy(row->door, sizeof row->door, SLICE("sso")) ||
        !str_copy(row->idp, sizeof row->idp, slice_of(s->idp->name)) ||
        !str_copy(row->subject, sizeof row->subject, s->subject) ||
        !str_copy(row->groups, sizeof row->groups, s->groups))
        return err_set(&x->err, ERR_LIMIT, "a claim is longer than its field in the store");
    /* only for logout; an IdP with longer ones is signed out of by its other sessions' end */
    (void)str_copy(row->name_id, sizeof row->name_id, as->name_id);
    (void)str_copy(row->session_index, sizeof row->session_index, as->session_index);
    (void)str_copy(row->name_id_format, sizeof row->name_id_format, as->name_id_format);
    (void)str_copy(row->name_qualifier, sizeof row->name_qualifier, as->name_qualifier);
    (void)str_copy(row->sp_name_qualifier, sizeof row->sp_name_qualifier, as->sp_name_qualifier);
    row->absolute_end = as->session_not_on_or_after;
    /* of two, the Assertion's: with only the Response's key somebody could not have made it */
    row->has_key = true;
    memcpy(row->key_sha256, s->verdict.signers[s->verdict.signed_parts.nsig - 1].key->sha256, sizeof row->key_sha256);
    x->event = "login.accepted";
    flow_foresee(x, &s->pending.to, DOOR_SSO, s->groups);
    exchange_event(x, event);
    return flow_open_session(x, login, row, who);
}

/* Accepted: the cookie now names the session it opened, so that the same Response sent again leads onward. */
static void mark_done(struct exchange *x, struct acs *s, int64_t session_id)
{
    struct err e = ERR_INIT;
    struct buf value;

    buf_init(&value, 4000);
    s->pending.session_id = session_id;
    if (pending_seal(x->router->keys, &s->pending, &value, &e) == 0)
        reply_cookie(x, s->cookie_name, buf_cstr(&value), HTTP_SAME_SITE_NONE, PENDING_SECONDS);
    buf_free(&value);
}

/*
 * Back or a double click: this browser's login was accepted already. It is led to where it wanted to go, as whoever its
 * session cookie says; nothing is opened, and without that cookie it arrives at the login page.
 */
static void lead_onward(struct exchange *x, const struct acs *s)
{
    const char *to = flow_seal_target(x, &s->pending.to);

    reply_redirect(x, arena_printf(&x->arena, "%s/login%s%s", x->router->config->public_url, to[0] ? "?to=" : "", to));
}

/* Who it is has been proven; may they in? */
static void finish_login(struct exchange *x, struct acs *s)
{
    struct policy_decision decision = {0};
    struct store_login login = {0};
    struct session_view who;

    x->account = s->verdict.email.text;
    x->proven = true; /* a trusted key signed it, for us and now */
    if (!s->request_id.p) {
        unsolicited_restart(x, s->idp, &s->verdict);
        return;
    }
    if (match_cookie(x, s) != 0) {
        flow_refuse(x, "login.refused");
        return;
    }
    if (s->pending.session_id != 0) {
        lead_onward(x, s);
        return;
    }
    if (read_claims(x, s) != 0 || authorize(x, s, &decision) != 0 || admit(x, s, &decision, &login) != 0 ||
        commit(x, s, &login, &who) != 0) {
        flow_refuse(x, "login.refused");
        return;
    }
    for (size_t i = 0; i < s->verdict.signed_parts.nsig; i++)
        idp_keys_used(x->router->idp_keys, (size_t)(s->idp - x->router->config->idps),
                      s->verdict.signers[i].key->sha256, x->now);
    mark_done(x, s, who.id);
    flow_onward(x, &who, &s->pending.to);
}

static void judge_answer(struct exchange *x)
{
    struct acs *s = x->state;

    if (x->err.code != ERR_NONE) {
        name_idp(x, s, x->ask.refused_by);
        if (x->err.code == ERR_SIGNATURE && s->idp) /* a rollover that the metadata at hand does not know yet? */
            idp_keys_unknown_key(x->router->idp_keys, x->ask.refused_by, x->now);
        flow_refuse(x, "login.refused");
        return;
    }
    if (read_answer(x, s) != 0) {
        flow_refuse(x, "login.refused");
        return;
    }
    if (s->reply.wrapped.cipher.p) {
        if (unwrap(x, s) == 0)
            return;
        if (is_suspect(x, s))
            ask_another(x, s);
        else
            flow_refuse(x, "login.refused");
        return;
    }
    if (verify_signature(x, s) != 0 && is_suspect(x, s)) {
        ask_another(x, s);
        return;
    }
    if (x->err.code != ERR_NONE || verify_conditions(x, s) != 0) {
        flow_refuse(x, "login.refused");
        return;
    }
    finish_login(x, s);
}

void handle_acs(struct exchange *x)
{
    struct acs *s = arena_alloc(&x->arena, sizeof *s);

    if (!s || read_message(x, &s->xml) != 0) {
        if (!s)
            (void)err_set(&x->err, ERR_MEMORY, "login");
        flow_refuse(x, "login.refused");
        return;
    }
    x->state = s;
    x->trusts = idp_keys_current(x->router->idp_keys);
    ask_worker(x, s, WIRE_BY_ISSUER, SLICE(""));
}

void handle_sp_metadata(struct exchange *x)
{
    config_sp_metadata(x->router->config, &x->reply_body);
    x->status = 200;
    x->content_type_out = "application/samlmetadata+xml";
    reply_header(x, "X-Content-Type-Options", "nosniff");
}
