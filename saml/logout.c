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

#include "base/encode.h"
#include "saml/algorithm.h"
#include "saml/names.h"
#include "saml/reader.h"
#include "saml/redirect.h"

#define EC_VALUE_MAX 144 /* an ECDSA signature by P-521: 132 octets, in DER up to 139 */

/* --- reading ----------------------------------------------------------------------------------------------------- */

/* From a start tag past its end tag to the next child: the value between. */
static int read_value(struct reader *r, const char *what, struct slice *ret, struct err *e)
{
    return reader_text(r, what, ret, e) != 0 ? -1 : reader_child(r, e);
}

/* The start tag of the root (3.2.1, 3.2.2). */
static int read_root(struct reader *r, struct saml_logout *l, struct err *e)
{
    struct slice issued;

    if (reader_is(r, SAML_NS_PROTOCOL, "LogoutResponse"))
        l->is_response = true;
    else if (!reader_is(r, SAML_NS_PROTOCOL, "LogoutRequest"))
        return reader_refuse(r, e, "not a samlp:LogoutRequest or samlp:LogoutResponse");
    if (!slice_is(token_attr(&r->tok, "Version"), "2.0"))
        return reader_refuse(r, e, "Version is not 2.0");
    l->id = token_attr(&r->tok, "ID");
    if (!token_is_ncname(l->id))
        return reader_refuse(r, e, "ID is missing or not an NCName");
    l->destination = token_attr(&r->tok, "Destination");
    if (reader_attr(r, "IssueInstant", &issued, e) != 0 || reader_time(r, "IssueInstant", &l->issue_instant, e) != 0)
        return -1;
    if (l->is_response) {
        l->in_response_to = token_attr(&r->tok, "InResponseTo");
        return 0;
    }
    return reader_time(r, "NotOnOrAfter", &l->not_on_or_after, e);
}

/* Issuer and Extensions. A Signature was taken out of the bytes that it covers, and the redirect binding has none
 * (bindings 3.4.4.1): one that is still there was verified by nobody. */
static int read_head(struct reader *r, struct saml_logout *l, struct err *e)
{
    if (reader_child(r, e) != 0)
        return -1;
    if (reader_is(r, SAML_NS_ASSERTION, "Issuer") && read_value(r, "Issuer", &l->issuer, e) != 0)
        return -1;
    if (reader_is(r, SAML_NS_DSIG, "Signature"))
        return reader_refuse(r, e, "a Signature in XML that nobody has verified");
    if (reader_is(r, SAML_NS_PROTOCOL, "Extensions") && reader_skip_child(r, e) != 0)
        return -1;
    return 0;
}

/*
 * Whom it is about. In a message that is not signed a stranger may have put any ciphertext, and what becomes of it
 * would tell him about the plaintext (see verify_encrypted() in verify.c), so nothing there is decrypted.
 */
static int read_whom(struct reader *r, struct saml_logout *l, struct err *e)
{
    struct reader_name name = {.value = {NULL, 0}};

    if (reader_is(r, SAML_NS_ASSERTION, "EncryptedID") && !l->is_signed)
        return reader_place(r, e, err_set(e, ERR_SIGNATURE_MISSING, "an encrypted name in an unsigned LogoutRequest"));
    if (!reader_is(r, SAML_NS_ASSERTION, "NameID") && !reader_is(r, SAML_NS_ASSERTION, "EncryptedID"))
        return reader_refuse(r, e, "a LogoutRequest without NameID");
    if (reader_name(r, &name, e) != 0)
        return -1;
    l->name_id = name.value;
    l->name_id_format = name.format;
    l->name_qualifier = name.qualifier;
    l->sp_name_qualifier = name.sp_qualifier;
    return reader_child(r, e);
}

/* LogoutRequest (3.7.1): whom it is about, and which of their sessions. */
static int read_request(struct reader *r, struct saml_logout *l, struct err *e)
{
    if (read_whom(r, l, e) != 0)
        return -1;
    while (reader_is(r, SAML_NS_PROTOCOL, "SessionIndex")) {
        if (l->nsession_index == SAML_SESSION_INDEXES_MAX)
            return reader_refuse(r, e, "more than %d SessionIndex elements", SAML_SESSION_INDEXES_MAX);
        if (read_value(r, "SessionIndex", &l->session_index[l->nsession_index++], e) != 0)
            return -1;
    }
    return 0;
}

/* LogoutResponse (3.7.2, 3.2.2): the Status, whatever it says. */
static int read_response(struct reader *r, struct saml_logout *l, struct err *e)
{
    if (!reader_is(r, SAML_NS_PROTOCOL, "Status"))
        return reader_refuse(r, e, "a LogoutResponse without Status");
    if (reader_child(r, e) != 0)
        return -1;
    l->status_code = token_attr(&r->tok, "Value");
    if (!reader_is(r, SAML_NS_PROTOCOL, "StatusCode") || l->status_code.n == 0)
        return reader_refuse(r, e, "a Status that does not begin with a StatusCode");
    if (reader_child(r, e) != 0)
        return -1;
    if (reader_is(r, SAML_NS_PROTOCOL, "StatusCode")) {
        l->sub_status = token_attr(&r->tok, "Value");
        if (reader_skip_child(r, e) != 0)
            return -1;
    }
    if (r->tok.kind != TOKEN_STOP)
        return reader_refuse(r, e, "an unknown child of StatusCode");
    if (reader_child(r, e) != 0)
        return -1;
    if (reader_is(r, SAML_NS_PROTOCOL, "StatusMessage") && reader_skip_child(r, e) != 0)
        return -1;
    if (reader_is(r, SAML_NS_PROTOCOL, "StatusDetail") && reader_skip_child(r, e) != 0)
        return -1;
    return r->tok.kind == TOKEN_STOP ? reader_child(r, e) : reader_refuse(r, e, "an unknown child of Status");
}

static int open_message(const struct reader_source *source, struct arena *a, struct reader **ret, struct err *e)
{
    if (source->xml.n > SAML_LOGOUT_MAX)
        return err_set(e, ERR_LIMIT, "a logout message of %zu octets, more than %d", source->xml.n, SAML_LOGOUT_MAX);
    return reader_open(source, a, ret, e);
}

/* `signer` NULL: nobody vouches for it. */
static int read_message(const struct reader_source *source, const struct saml_signer *signer, struct arena *a,
                        struct saml_logout *ret, struct err *e)
{
    struct saml_logout l = {.is_signed = signer != NULL};
    struct reader *r;

    if (signer)
        l.signer = *signer;
    if (open_message(source, a, &r, e) != 0 || read_root(r, &l, e) != 0 || read_head(r, &l, e) != 0 ||
        (l.is_response ? read_response(r, &l, e) : read_request(r, &l, e)) != 0 ||
        reader_stop(r, "a logout message", e) != 0)
        return -1;
    do { /* the tokenizer lets nothing but comments and white space follow */
        if (reader_next(r, e) != 0)
            return -1;
    } while (r->tok.kind != TOKEN_EOF);
    *ret = l;
    return 0;
}

int saml_logout_peek_xml(struct slice xml, struct arena *a, struct slice *ret_issuer, struct err *e)
{
    struct reader_source source = {.xml = xml, .flags = TOKEN_DOCUMENT, .code = ERR_LOGOUT};
    struct saml_logout l = {.is_response = false};
    struct reader *r;

    if (open_message(&source, a, &r, e) != 0 || read_root(r, &l, e) != 0 || reader_child(r, e) != 0)
        return -1;
    if (!reader_is(r, SAML_NS_ASSERTION, "Issuer"))
        return err_set(e, ERR_ISSUER, "the logout message does not name its issuer");
    return read_value(r, "Issuer", ret_issuer, e);
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
    struct reader_source source = {.flags = TOKEN_DOCUMENT, .code = ERR_LOGOUT, .keys = keys, .allow = allow};
    struct saml_signer signer = {.key = NULL};
    struct redirect_query q;
    struct saml_logout l;

    if (redirect_split(query, a, &q, e) != 0 || (q.octets.p && verify_query(&q, trust, allow, &signer, e) != 0) ||
        redirect_message(&q, SAML_LOGOUT_MAX, a, &source.xml, e) != 0 ||
        read_message(&source, signer.key ? &signer : NULL, a, &l, e) != 0)
        return -1;
    if (l.is_response != q.is_response)
        return err_set(e, ERR_LOGOUT, "a request as SAMLResponse, or a response as SAMLRequest");
    l.relay_state = q.relay_state;
    *ret = l;
    return 0;
}

/* --- the POST binding -------------------------------------------------------------------------------------------- */

int saml_logout_signed(const struct saml_signed *s, const struct saml_trust *trust, unsigned allow,
                       const struct saml_sp_keys *keys, struct arena *a, struct saml_logout *ret, struct err *e)
{
    enum saml_element what = s->nsig ? s->sig[0].what : s->plain_what;
    struct reader_source source = {.code = ERR_LOGOUT, .keys = keys, .allow = allow};
    struct saml_signer signers[2] = {{.key = NULL}};
    struct saml_logout l;

    if (what != SAML_LOGOUT_REQUEST && what != SAML_LOGOUT_RESPONSE)
        return err_set(e, ERR_RECHECK, "what came back is not a logout message");
    if (s->nsig && saml_recheck(s, trust, allow, signers, e) != 0)
        return -1;
    source.xml = s->nsig ? s->sig[0].element : s->plain;
    if (read_message(&source, s->nsig ? &signers[0] : NULL, a, &l, e) != 0)
        return -1;
    if (l.is_response != (what == SAML_LOGOUT_RESPONSE))
        return err_set(e, ERR_RECHECK, "what came back is another message than it is said to be");
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
