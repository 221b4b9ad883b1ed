/* request.c - see request.h. */
#include "saml/request.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/secret.h"
#include "saml/metadata.h"
#include "saml/names.h"
#include "saml/token.h"

#define RELAY_STATE_MAX 80          /* bindings 3.4.3: "MUST NOT exceed 80 bytes in length" */
#define REQUEST_XML_MAX (64 * 1024) /* a request of somebody else, inflated */
#define RSA_OCTETS_MAX 2048
#define ALG_RSA_SHA256 "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"

void saml_request_id(char dst[SAML_REQUEST_ID_SIZE])
{
    unsigned char random[16];

    secret_random(random, sizeof random);
    dst[0] = 'i'; /* an NCName does not begin with a digit */
    dst[1] = 'd';
    hex_encode(dst + 2, random, sizeof random);
}

/*
 * Writing
 */

static void attribute(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, " %s=\"", name);
    html_escape(out, slice_of(value));
    buf_add_char(out, '"');
}

void saml_request_xml(const struct saml_request *r, struct buf *out)
{
    char now[TIME_TEXT_SIZE];

    time_format(r->now, now);
    buf_add_str(out, "<samlp:AuthnRequest xmlns:samlp=\"" SAML_NS_PROTOCOL "\" xmlns:saml=\"" SAML_NS_ASSERTION "\"");
    attribute(out, "ID", r->id);
    attribute(out, "Version", "2.0");
    attribute(out, "IssueInstant", now);
    attribute(out, "Destination", r->sso_url);
    attribute(out, "AssertionConsumerServiceURL", r->acs_url);
    attribute(out, "ProtocolBinding", SAML_BINDING_POST);
    buf_add_str(out, "><saml:Issuer>");
    html_escape(out, slice_of(r->entity_id));
    buf_add_str(out, "</saml:Issuer></samlp:AuthnRequest>");
}

static void parameter(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, "%s=", name);
    percent_encode(out, slice_of(value));
}

/* What stands between the URL of the identity provider and the next parameter. */
static void separator(struct buf *out)
{
    char last = out->len ? out->data[out->len - 1] : '\0';

    if (last != '?' && last != '&')
        buf_add_char(out, slice_find(buf_slice(out), '?') < 0 ? '?' : '&');
}

int saml_redirect_sign(const struct saml_sp_key *key, size_t from, struct buf *out, struct err *e)
{
    unsigned char value[RSA_OCTETS_MAX];
    size_t n = sizeof value;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    struct buf text;
    int rc = -1;

    buf_init(&text, 2 * sizeof value);
    buf_add_char(out, '&');
    parameter(out, "SigAlg", ALG_RSA_SHA256);
    if (buf_failed(out)) {
        (void)err_set(e, ERR_LIMIT, "the redirect URL is too long");
    } else if (!ctx || !EVP_PKEY_is_a(key->pkey, "RSA") ||
               EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key->pkey, NULL) != 1 ||
               EVP_DigestSign(ctx, value, &n, (const unsigned char *)out->data + from, out->len - from) != 1) {
        (void)err_set(e, ERR_INTERNAL, "the request could not be signed");
    } else {
        base64_encode(&text, value, n);
        buf_add_char(out, '&');
        parameter(out, "Signature", buf_cstr(&text));
        rc = buf_failed(&text) || buf_failed(out) ? err_set(e, ERR_LIMIT, "the redirect URL is too long") : 0;
    }
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    buf_free(&text);
    return rc;
}

/* base64 of the deflated document */
static int pack_request(const struct saml_request *r, struct buf *text, struct err *e)
{
    struct buf xml, packed;
    int rc = -1;

    buf_init(&xml, REQUEST_XML_MAX);
    buf_init(&packed, REQUEST_XML_MAX);
    saml_request_xml(r, &xml);
    if (buf_failed(&xml))
        (void)err_set(e, ERR_LIMIT, "the AuthnRequest is larger than %d bytes", REQUEST_XML_MAX);
    else
        rc = deflate_raw(buf_slice(&xml), &packed, e);
    base64_encode(text, packed.data, packed.len);
    buf_free(&xml);
    buf_free(&packed);
    return rc;
}

/*
 * The signature covers SAMLRequest, RelayState and SigAlg in this order. login_hint and whr are not of SAML and come
 * after it; `+` in an address is percent-encoded, as Entra reads a query like a form.
 */
int saml_request_redirect(const struct saml_request *r, struct buf *out, struct err *e)
{
    struct buf text;
    size_t from;
    int rc = -1;

    if (!r->sso_url)
        return err_set(e, ERR_METADATA,
                       "no sign-on URL of the identity provider is known: its metadata was never read");
    if (r->relay_state && strlen(r->relay_state) > RELAY_STATE_MAX)
        return err_set(e, ERR_LIMIT, "RelayState is longer than %d bytes", RELAY_STATE_MAX);
    buf_init(&text, 2 * (size_t)REQUEST_XML_MAX);
    if (pack_request(r, &text, e) != 0)
        goto out;
    buf_add_str(out, r->sso_url);
    separator(out);
    from = out->len;
    parameter(out, "SAMLRequest", buf_cstr(&text));
    if (r->relay_state) {
        buf_add_char(out, '&');
        parameter(out, "RelayState", r->relay_state);
    }
    if (r->sign && saml_redirect_sign(r->sign, from, out, e) != 0)
        goto out;
    if (r->login_hint) {
        buf_add_char(out, '&');
        parameter(out, "login_hint", r->login_hint);
    }
    if (r->whr) {
        buf_add_char(out, '&');
        parameter(out, "whr", r->whr);
    }
    rc = buf_failed(&text) || buf_failed(out) ? err_set(e, ERR_LIMIT, "the redirect URL is too long") : 0;
out:
    buf_free(&text);
    return rc;
}

/*
 * Reading
 */

static int bad(struct err *e, const char *what)
{
    (void)err_set(e, ERR_READ, "%s", what);
    return err_at(e, "AuthnRequest");
}

/* The attributes of the root's start tag. */
static int read_root(const struct token *tok, struct saml_request_in *ret, struct err *e)
{
    struct err why = ERR_INIT;

    if (!token_is(tok, SAML_NS_PROTOCOL, "AuthnRequest"))
        return bad(e, "not a samlp:AuthnRequest");
    if (!slice_is(token_attr(tok, "Version"), "2.0"))
        return bad(e, "Version is not 2.0");
    ret->id = token_attr(tok, "ID");
    if (!token_is_ncname(ret->id))
        return bad(e, "ID is missing or not an NCName");
    if (time_parse(token_attr(tok, "IssueInstant"), &ret->issue_instant, &why) != 0)
        return bad(e, "IssueInstant is missing or not a time in UTC");
    ret->destination = token_attr(tok, "Destination");
    ret->acs_url = token_attr(tok, "AssertionConsumerServiceURL");
    return 0;
}

/* From the start tag of the Issuer to its end tag. */
static int read_issuer(struct tokenizer *t, struct slice *ret, struct err *e)
{
    struct token tok;

    if (token_next(t, &tok, e) != 0)
        return -1;
    *ret = slice_trim(tok.text);
    if (tok.kind != TOKEN_TEXT || ret->n == 0)
        return bad(e, "Issuer is not plain text");
    if (token_next(t, &tok, e) != 0)
        return -1;
    return tok.kind == TOKEN_STOP ? 0 : bad(e, "Issuer is not plain text");
}

static int read_request(struct tokenizer *t, struct saml_request_in *ret, struct err *e)
{
    struct token tok;
    bool root = true;

    do {
        if (token_next(t, &tok, e) != 0)
            return -1;
        if (tok.kind != TOKEN_START)
            continue;
        if (root) {
            if (read_root(&tok, ret, e) != 0)
                return -1;
            root = false;
        } else if (token_is(&tok, SAML_NS_ASSERTION, "Issuer") && !ret->issuer.p) {
            if (read_issuer(t, &ret->issuer, e) != 0)
                return -1;
        } else if (token_skip(t, e) != 0) {
            return -1;
        }
    } while (tok.kind != TOKEN_EOF);
    return ret->issuer.p ? 0 : bad(e, "Issuer is missing"); /* profiles 4.1.4.1: it must be there */
}

int saml_request_read(struct slice saml_request, struct arena *a, struct saml_request_in *ret, struct err *e)
{
    struct tokenizer *t = arena_alloc(a, sizeof *t);
    struct buf packed, xml;
    struct slice copy;
    int rc = -1;

    *ret = (struct saml_request_in){0};
    buf_init(&packed, REQUEST_XML_MAX);
    buf_init(&xml, REQUEST_XML_MAX);
    if (base64_decode(saml_request, &packed, e) != 0 || inflate_raw(buf_slice(&packed), &xml, e) != 0)
        goto out;
    copy = arena_slice(a, buf_slice(&xml));
    if (!t || !copy.p) {
        (void)err_set(e, ERR_MEMORY, "no memory for the request");
        goto out;
    }
    if (token_init(t, copy, TOKEN_DOCUMENT, ERR_READ, a, e) != 0 || read_request(t, ret, e) != 0)
        goto out;
    rc = 0;
out:
    buf_free(&packed);
    buf_free(&xml);
    return rc;
}
