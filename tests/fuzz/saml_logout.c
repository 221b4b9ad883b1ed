/*
 * Fuzzes saml/logout.h: a query of the redirect binding as it is; or, if the input begins with '<', XML that is packed
 * into one, that comes by POST, through the worker's half, and that stands for what a lying worker returned. What
 * comes by both ways must be understood alike. Queries of the corpus may be signed with the keys of saml_key.h.
 */
#include "base/encode.h"
#include "saml/logout.h"
#include "saml/token.h"
#include "tests/fuzz/saml_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct saml_logout *l, bool may_be_signed)
{
    struct saml_logout_expect x = {.issuer = SLICE(RIG_ISSUER),
                                   .also_issuer = SLICE("https://logout.example/"),
                                   .destination = SLICE("https://sp.example/slo"),
                                   .in_response_to = SLICE("id1"),
                                   .now = RIG_NOW,
                                   .skew = 60};
    struct err e = ERR_INIT;

    must((may_be_signed || !l->is_signed) && l->is_signed == (l->signer.key != NULL));
    must(token_is_ncname(l->id) && l->issue_instant > 0 && l->nsession_index <= SAML_SESSION_INDEXES_MAX);
    must((l->is_response ? l->status_code.n : l->name_id.n) > 0);
    if (saml_logout_check(l, &x, &e) != 0)
        must_blame_input(&e);
    else
        must(l->issuer.n > 0 && (l->destination.n > 0 || !l->is_signed) && l->issue_instant <= x.now + x.skew);
}

static char *packed(struct slice xml)
{
    struct buf deflated, text, query;
    struct err e = ERR_INIT;
    char *copy;

    buf_init(&deflated, 1 << 22);
    buf_init(&text, 1 << 23);
    buf_init(&query, 1 << 24);
    must(deflate_raw(xml, &deflated, &e) == 0);
    base64_encode(&text, buf_cstr(&deflated), deflated.len);
    buf_add_str(&query, xml.n % 2 ? "SAMLRequest=" : "SAMLResponse=");
    percent_encode(&query, buf_slice(&text));
    copy = strdup(buf_cstr(&query));
    must(copy && !buf_failed(&query));
    buf_free(&deflated);
    buf_free(&text);
    buf_free(&query);
    return copy;
}

/* True: read. */
static bool redirect(struct slice query, struct arena *a, struct saml_logout *l)
{
    struct slice issuer;
    struct err e = ERR_INIT;
    bool ok = saml_logout_redirect(query, rig_trust(), 0, NULL, a, l, &e) == 0;

    if (ok)
        check(l, true);
    else
        must_blame_input(&e);
    err_clear(&e);
    if (saml_logout_peek(query, a, &issuer, &e) == 0)
        must(issuer.n > 0 && (!ok || slice_eq(issuer, l->issuer)));
    return ok;
}

/* What the worker makes of it, and the router of that. */
static bool posted(struct slice xml, struct arena *a, struct saml_logout *l)
{
    const struct saml_trust *trust = rig_trust();
    struct saml_verify_request rq = {
        .message = SAML_MESSAGE_LOGOUT, .xml = xml, .trusts = &trust, .ntrusts = 1, .by_issuer = xml.n % 2};
    struct err e = ERR_INIT;
    struct saml_signed s;

    if (saml_verify_message(&rq, a, &s, &e) != 0) {
        must_blame_input(&e);
        return false;
    }
    if (saml_logout_signed(&s, trust, 0, NULL, a, l, &e) != 0) {
        must_blame_input(&e);
        must(e.code != ERR_RECHECK && e.code != ERR_SIGNATURE);
        return false;
    }
    check(l, true);
    return true;
}

static void lied(struct slice xml, struct arena *a)
{
    struct saml_signed s = {.plain_what = xml.n % 2 ? SAML_LOGOUT_REQUEST : SAML_LOGOUT_RESPONSE, .plain = xml};
    struct saml_logout l;
    struct err e = ERR_INIT;

    if (saml_logout_signed(&s, rig_trust(), 0, NULL, a, &l, &e) == 0)
        check(&l, false);
    else
        must_blame_input(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_make(data, size);
    struct saml_logout by_redirect, by_post;
    struct arena a;
    char *query;

    (void)rig_trust();
    arena_init(&a, 16 << 20);
    if (size > 0 && data[0] == '<') {
        bool ok;

        lied(input, &a);
        query = packed(input);
        ok = redirect(slice_of(query), &a, &by_redirect);
        if (posted(input, &a, &by_post) && ok)
            must(by_redirect.is_response == by_post.is_response && slice_eq(by_redirect.id, by_post.id) &&
                 slice_eq(by_redirect.issuer, by_post.issuer) && slice_eq(by_redirect.name_id, by_post.name_id) &&
                 by_redirect.nsession_index == by_post.nsession_index &&
                 by_redirect.issue_instant == by_post.issue_instant);
        free(query);
    } else {
        (void)redirect(input, &a, &by_redirect);
    }
    arena_free(&a);
    return 0;
}
