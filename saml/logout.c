/*
 * logout.c - see logout.h. Section numbers are those of "Assertions and Protocols for SAML V2.0" (core) and "Bindings".
 *
 * One reader for both bindings, on the tokenizer that also reads assertions; no libxml2. What it reads was either
 * signed, or is not and then decides next to nothing.
 */
#include "saml/logout.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>

#include "base/clock.h"
#include "base/encode.h"
#include "saml/algorithm.h"
#include "saml/names.h"
#include "saml/redirect.h"
#include "saml/token.h"

#define EC_VALUE_MAX 144 /* an ECDSA signature by P-521: 132 octets, in DER up to 139 */

/* --- reading ----------------------------------------------------------------------------------------------------- */

struct reader {
    struct tokenizer t;
    struct token tok; /* the last one read */
};

/* Raises ERR_LOGOUT with the place; evaluates to -1. */
#define bad(r, e, ...) at_place((r), (e), err_set((e), ERR_LOGOUT, __VA_ARGS__))

static int at_place(const struct reader *r, struct err *e, int rc)
{
    char path[100];

    token_path(&r->t, path, sizeof path);
    (void)err_at(e, "%s", path);
    return rc;
}

static bool is_start(const struct reader *r, const char *ns, const char *local)
{
    return r->tok.kind == TOKEN_START && token_is(&r->tok, ns, local);
}

/* To the next child's start tag, or to the parent's end tag; between them only white space and comments may stand. */
static int next_child(struct reader *r, struct err *e)
{
    do {
        if (token_next(&r->t, &r->tok, e) != 0)
            return -1;
        if (r->tok.kind == TOKEN_CDATA || (r->tok.kind == TOKEN_TEXT && slice_trim(r->tok.text).n > 0))
            return bad(r, e, "text between elements");
    } while (r->tok.kind != TOKEN_START && r->tok.kind != TOKEN_STOP);
    return 0;
}

static int skip_child(struct reader *r, struct err *e)
{
    return token_skip(&r->t, e) != 0 ? -1 : next_child(r, e);
}

/* From a start tag past its end tag to the next child: the trimmed text between, which is one run of characters or one
 * CDATA section and not empty. Split by a comment or an element, two readers would not see the same value. */
static int required_text(struct reader *r, const char *what, struct slice *ret, struct err *e)
{
    if (token_next(&r->t, &r->tok, e) != 0)
        return -1;
    if (r->tok.kind != TOKEN_TEXT && r->tok.kind != TOKEN_CDATA)
        return bad(r, e, "%s is empty or not plain text", what);
    *ret = slice_trim(r->tok.text);
    if (token_next(&r->t, &r->tok, e) != 0)
        return -1;
    if (r->tok.kind != TOKEN_STOP)
        return bad(r, e, "%s is split by a comment, CDATA section or element", what);
    return ret->n > 0 ? next_child(r, e) : bad(r, e, "%s is empty", what);
}

/* An xs:dateTime; 0 if it is absent, which is why the one value that reads as 0 is refused. */
static int time_attr(struct reader *r, const char *name, bool required, int64_t *ret, struct err *e)
{
    struct slice text = token_attr(&r->tok, name);
    struct err why = ERR_INIT;

    *ret = 0;
    if (!text.p && !required)
        return 0;
    if (text.p && time_parse(text, ret, &why) == 0 && *ret > 0)
        return 0;
    *ret = 0;
    return bad(r, e, "%s is missing or not a time in UTC", name);
}

/* The start tag of the root (3.2.1, 3.2.2). */
static int read_root(struct reader *r, struct saml_logout *l, struct err *e)
{
    if (is_start(r, SAML_NS_PROTOCOL, "LogoutResponse"))
        l->is_response = true;
    else if (!is_start(r, SAML_NS_PROTOCOL, "LogoutRequest"))
        return bad(r, e, "not a samlp:LogoutRequest or samlp:LogoutResponse");
    if (!slice_is(token_attr(&r->tok, "Version"), "2.0"))
        return bad(r, e, "Version is not 2.0");
    l->id = token_attr(&r->tok, "ID");
    if (!token_is_ncname(l->id))
        return bad(r, e, "ID is missing or not an NCName");
    l->destination = token_attr(&r->tok, "Destination");
    if (time_attr(r, "IssueInstant", true, &l->issue_instant, e) != 0)
        return -1;
    if (l->is_response) {
        l->in_response_to = token_attr(&r->tok, "InResponseTo");
        return 0;
    }
    return time_attr(r, "NotOnOrAfter", false, &l->not_on_or_after, e);
}

/* Issuer and Extensions. A Signature was taken out of the bytes that it covers, and the redirect binding has none
 * (bindings 3.4.4.1): one that is still there was verified by nobody. */
static int read_head(struct reader *r, struct saml_logout *l, struct err *e)
{
    if (next_child(r, e) != 0)
        return -1;
    if (is_start(r, SAML_NS_ASSERTION, "Issuer") && required_text(r, "Issuer", &l->issuer, e) != 0)
        return -1;
    if (is_start(r, SAML_NS_DSIG, "Signature"))
        return bad(r, e, "a Signature in XML that nobody has verified");
    if (is_start(r, SAML_NS_PROTOCOL, "Extensions") && skip_child(r, e) != 0)
        return -1;
    return 0;
}

/* LogoutRequest (3.7.1): whom it is about, and which of their sessions. */
static int read_request(struct reader *r, struct saml_logout *l, struct err *e)
{
    if (is_start(r, SAML_NS_ASSERTION, "EncryptedID"))
        return at_place(r, e, err_set(e, ERR_DECRYPT_KEY, "the name in the LogoutRequest is encrypted"));
    if (!is_start(r, SAML_NS_ASSERTION, "NameID"))
        return bad(r, e, "a LogoutRequest without NameID");
    l->name_id_format = token_attr(&r->tok, "Format");
    l->name_qualifier = token_attr(&r->tok, "NameQualifier");
    l->sp_name_qualifier = token_attr(&r->tok, "SPNameQualifier");
    if (required_text(r, "NameID", &l->name_id, e) != 0)
        return -1;
    while (is_start(r, SAML_NS_PROTOCOL, "SessionIndex")) {
        if (l->nsession_index == SAML_SESSION_INDEXES_MAX)
            return bad(r, e, "more than %d SessionIndex elements", SAML_SESSION_INDEXES_MAX);
        if (required_text(r, "SessionIndex", &l->session_index[l->nsession_index++], e) != 0)
            return -1;
    }
    return 0;
}

/* LogoutResponse (3.7.2, 3.2.2): the Status, whatever it says. */
static int read_response(struct reader *r, struct saml_logout *l, struct err *e)
{
    if (!is_start(r, SAML_NS_PROTOCOL, "Status"))
        return bad(r, e, "a LogoutResponse without Status");
    if (next_child(r, e) != 0)
        return -1;
    l->status_code = token_attr(&r->tok, "Value");
    if (!is_start(r, SAML_NS_PROTOCOL, "StatusCode") || l->status_code.n == 0)
        return bad(r, e, "a Status that does not begin with a StatusCode");
    if (next_child(r, e) != 0)
        return -1;
    if (is_start(r, SAML_NS_PROTOCOL, "StatusCode")) {
        l->sub_status = token_attr(&r->tok, "Value");
        if (skip_child(r, e) != 0)
            return -1;
    }
    if (r->tok.kind != TOKEN_STOP)
        return bad(r, e, "an unknown child of StatusCode");
    if (next_child(r, e) != 0)
        return -1;
    if (is_start(r, SAML_NS_PROTOCOL, "StatusMessage") && skip_child(r, e) != 0)
        return -1;
    if (is_start(r, SAML_NS_PROTOCOL, "StatusDetail") && skip_child(r, e) != 0)
        return -1;
    return r->tok.kind == TOKEN_STOP ? next_child(r, e) : bad(r, e, "an unknown child of Status");
}

static int reader_new(struct slice xml, unsigned flags, struct arena *a, struct reader **ret, struct err *e)
{
    struct reader *r = arena_alloc(a, sizeof *r);

    if (!r)
        return err_set(e, ERR_MEMORY, "no memory for the logout message");
    if (xml.n > SAML_LOGOUT_MAX)
        return err_set(e, ERR_LIMIT, "a logout message of %zu octets, more than %d", xml.n, SAML_LOGOUT_MAX);
    if (token_init(&r->t, xml, flags, ERR_LOGOUT, a, e) != 0)
        return -1;
    do {
        if (token_next(&r->t, &r->tok, e) != 0)
            return -1;
    } while (r->tok.kind != TOKEN_START && r->tok.kind != TOKEN_EOF);
    *ret = r;
    return 0;
}

static int read_message(struct slice xml, unsigned flags, struct arena *a, struct saml_logout *ret, struct err *e)
{
    struct saml_logout l = {.is_response = false};
    struct reader *r;

    if (reader_new(xml, flags, a, &r, e) != 0 || read_root(r, &l, e) != 0 || read_head(r, &l, e) != 0 ||
        (l.is_response ? read_response(r, &l, e) : read_request(r, &l, e)) != 0)
        return -1;
    if (r->tok.kind != TOKEN_STOP)
        return bad(r, e, "%.*s does not belong in a logout message, or not here, or not again",
                   SLICE_ARG(r->tok.local));
    do { /* the tokenizer lets nothing but comments and white space follow */
        if (token_next(&r->t, &r->tok, e) != 0)
            return -1;
    } while (r->tok.kind != TOKEN_EOF);
    *ret = l;
    return 0;
}

int saml_logout_peek_xml(struct slice xml, struct arena *a, struct slice *ret_issuer, struct err *e)
{
    struct saml_logout l = {.is_response = false};
    struct reader *r;

    if (reader_new(xml, TOKEN_DOCUMENT, a, &r, e) != 0 || read_root(r, &l, e) != 0 || next_child(r, e) != 0)
        return -1;
    if (!is_start(r, SAML_NS_ASSERTION, "Issuer"))
        return err_set(e, ERR_ISSUER, "the logout message does not name its issuer");
    return required_text(r, "Issuer", ret_issuer, e);
}

/* --- the redirect binding ---------------------------------------------------------------------------------------- */

int saml_logout_peek(struct slice query, struct arena *a, struct slice *ret_issuer, struct err *e)
{
    struct redirect_query q;
    struct slice xml;

    if (redirect_split(query, a, &q, e) != 0 || redirect_message(&q, SAML_LOGOUT_MAX, a, &xml, e) != 0)
        return -1;
    return saml_logout_peek_xml(xml, a, ret_issuer, e);
}

/*
 * XML-DSig writes ECDSA signatures as r||s, and its URI is what SigAlg names; but senders that sign the octets with a
 * plain library (OpenSAML's) send its DER. This turns DER, and nothing but DER, into r||s; anything else stays.
 */
static struct slice ecdsa_value(const struct saml_key *key, struct slice value, unsigned char rs[EC_VALUE_MAX])
{
    const unsigned char *p = (const unsigned char *)value.p;
    int half = (int)(signature_size(key) / 2);
    struct slice ret = value;
    unsigned char *again = NULL;
    ECDSA_SIG *sig;

    if (key->type != SAML_KEY_EC || value.n == signature_size(key) || value.n > EC_VALUE_MAX || 2 * half > EC_VALUE_MAX)
        return value;
    sig = d2i_ECDSA_SIG(NULL, &p, (long)value.n);
    if (sig && i2d_ECDSA_SIG(sig, &again) == (int)value.n && memcmp(again, value.p, value.n) == 0 &&
        BN_bn2binpad(ECDSA_SIG_get0_r(sig), rs, half) == half &&
        BN_bn2binpad(ECDSA_SIG_get0_s(sig), rs + half, half) == half)
        ret = slice_make(rs, 2 * (size_t)half);
    OPENSSL_free(again);
    ECDSA_SIG_free(sig);
    return ret;
}

/* Bindings 3.4.4.1: the signature is over the octets of the query, and SigAlg is one of XML-DSig's URIs. */
static int verify_query(const struct redirect_query *q, const struct saml_trust *trust, unsigned allow,
                        struct saml_signer *ret, struct err *e)
{
    const struct signature_algorithm *method;
    unsigned char rs[EC_VALUE_MAX];
    bool found = false;

    if (signature_algorithm_find(q->sig_alg, allow, &method, e) != 0)
        return -1;
    for (size_t i = 0; i < trust->nkeys && !found; i++) {
        const struct saml_key *key = &trust->keys[i];

        found = key_fits(key, method, allow) == KEY_FIT_OK &&
                key_verifies(key, method, ecdsa_value(key, q->signature, rs), q->octets);
        if (found)
            /* what the name says after its dash is the digest */
            *ret = (struct saml_signer){.key = key, .method = method->name, .digest = strchr(method->name, '-') + 1};
    }
    ERR_clear_error();
    return found ? 0 : no_key_verifies(trust, method, allow, e);
}

int saml_logout_redirect(struct slice query, const struct saml_trust *trust, unsigned allow,
                         const struct saml_sp_keys *keys, struct arena *a, struct saml_logout *ret, struct err *e)
{
    struct saml_logout l;
    struct saml_signer signer = {.key = NULL};
    struct redirect_query q;
    struct slice xml;

    (void)keys;
    if (redirect_split(query, a, &q, e) != 0 || (q.octets.p && verify_query(&q, trust, allow, &signer, e) != 0) ||
        redirect_message(&q, SAML_LOGOUT_MAX, a, &xml, e) != 0 || read_message(xml, TOKEN_DOCUMENT, a, &l, e) != 0)
        return -1;
    if (l.is_response != q.is_response)
        return err_set(e, ERR_LOGOUT, "a request as SAMLResponse, or a response as SAMLRequest");
    l.relay_state = q.relay_state;
    l.is_signed = signer.key != NULL;
    l.signer = signer;
    *ret = l;
    return 0;
}

/* --- the POST binding -------------------------------------------------------------------------------------------- */

int saml_logout_signed(const struct saml_signed *s, const struct saml_trust *trust, unsigned allow,
                       const struct saml_sp_keys *keys, struct arena *a, struct saml_logout *ret, struct err *e)
{
    enum saml_element what = s->nsig ? s->sig[0].what : s->plain_what;
    struct saml_signer signers[2] = {{.key = NULL}};
    struct saml_logout l;

    (void)keys;
    if (what != SAML_LOGOUT_REQUEST && what != SAML_LOGOUT_RESPONSE)
        return err_set(e, ERR_RECHECK, "what came back is not a logout message");
    if (s->nsig && saml_recheck(s, trust, allow, signers, e) != 0)
        return -1;
    if (read_message(s->nsig ? s->sig[0].element : s->plain, 0, a, &l, e) != 0)
        return -1;
    if (l.is_response != (what == SAML_LOGOUT_RESPONSE))
        return err_set(e, ERR_RECHECK, "what came back is another message than it is said to be");
    l.is_signed = s->nsig != 0;
    l.signer = signers[0];
    *ret = l;
    return 0;
}

/* --- checking ---------------------------------------------------------------------------------------------------- */

static int mismatch(struct err *e, enum err_code code, struct slice found, struct slice expected, const char *what)
{
    char f[200], x[200];

    str_cut(f, sizeof f, found);
    str_cut(x, sizeof x, expected);
    return err_mismatch(e, code, found.p ? f : NULL, expected.p ? x : NULL, "%s", what);
}

/* A request that is kept back and sent later must not end the sessions of then, so its time counts beside its ID. */
static int check_times(const struct saml_logout *l, const struct saml_logout_expect *x, struct err *e)
{
    if (l->issue_instant > x->now + x->skew)
        return err_set(e, ERR_NOT_YET_VALID, "the logout message was issued in the future");
    if (x->now - l->issue_instant > SAML_LOGOUT_AGE_MAX + x->skew)
        return err_set(e, ERR_EXPIRED, "the logout message was issued more than %d s ago", SAML_LOGOUT_AGE_MAX);
    if (l->not_on_or_after && x->now - x->skew >= l->not_on_or_after)
        return err_set(e, ERR_EXPIRED, "the logout request has expired");
    return 0;
}

int saml_logout_check(const struct saml_logout *l, const struct saml_logout_expect *x, struct err *e)
{
    bool ours =
        l->issuer.n && (slice_eq(l->issuer, x->issuer) || (x->also_issuer.n && slice_eq(l->issuer, x->also_issuer)));

    if (!ours)
        return mismatch(e, ERR_ISSUER, l->issuer, x->issuer, "another issuer of the logout message");
    /* bindings 3.4.5.2, 3.5.5.2: a signed message names its destination, so that it is of use nowhere else */
    if (l->is_signed && !l->destination.p)
        return mismatch(e, ERR_DESTINATION, l->destination, x->destination,
                        "a signed logout message without Destination");
    if (l->destination.p && !slice_eq(l->destination, x->destination))
        return mismatch(e, ERR_DESTINATION, l->destination, x->destination, "the logout message is for another place");
    if (l->is_response && (!l->in_response_to.n || !slice_eq(l->in_response_to, x->in_response_to)))
        return mismatch(e, ERR_IN_RESPONSE_TO, l->in_response_to, x->in_response_to, "answers another request");
    return check_times(l, x, e);
}
