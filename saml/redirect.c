/* redirect.c - see redirect.h. */
#include "saml/redirect.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/encode.h"
#include "base/form.h"
#include "saml/algorithm.h"

#define WRITE_MAX (64 * 1024) /* of a query that is written */
#define ENCODING_DEFLATE "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE"

/*
 * Writing
 */

static void parameter_add(struct buf *out, const char *name, struct slice value)
{
    if (out->len)
        buf_add_char(out, '&');
    buf_printf(out, "%s=", name);
    percent_encode(out, value);
}

int redirect_sign(const struct saml_sp_key *key, struct slice data, struct buf *out, struct err *e)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char value[SAML_SIGNATURE_MAX];
    size_t n = sizeof value;
    int rc = -1;

    if (!ctx || EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key->pkey, NULL) != 1 ||
        EVP_DigestSign(ctx, value, &n, (const unsigned char *)data.p, data.n) != 1) {
        (void)err_set(e, ERR_INTERNAL, "OpenSSL cannot sign");
    } else {
        base64_encode(out, value, n);
        rc = 0;
    }
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return rc;
}

/* Appends Signature over the query as it stands. */
static int sign_query(struct buf *query, const struct saml_sp_key *key, struct err *e)
{
    struct buf text;
    int rc;

    buf_init(&text, 2 * SAML_SIGNATURE_MAX);
    rc = redirect_sign(key, buf_slice(query), &text, e);
    if (rc == 0)
        parameter_add(query, "Signature", buf_slice(&text));
    buf_free(&text);
    return rc;
}

/* Appends the query to a URL that may hold one already (metadata's Location may). */
static void append_query(struct buf *out, const char *destination, struct slice query)
{
    struct slice to = slice_of(destination);
    char last = to.n ? to.p[to.n - 1] : '\0';

    buf_add_slice(out, to);
    if (slice_find(to, '?') < 0)
        buf_add_char(out, '?');
    else if (last != '?' && last != '&')
        buf_add_char(out, '&');
    buf_add_slice(out, query);
}

int redirect_write(const char *destination, const char *parameter, struct slice xml, const char *relay_state,
                   const struct saml_sp_key *sign, struct buf *out, struct err *e)
{
    struct buf packed, text, query;
    int rc = -1;

    buf_init(&packed, WRITE_MAX);
    buf_init(&text, WRITE_MAX);
    buf_init(&query, WRITE_MAX);
    if (relay_state && strlen(relay_state) > REDIRECT_RELAY_STATE_MAX) {
        (void)err_set(e, ERR_LIMIT, "RelayState is longer than %d bytes", REDIRECT_RELAY_STATE_MAX);
        goto out;
    }
    if (deflate_raw(xml, &packed, e) != 0)
        goto out;
    base64_encode(&text, buf_cstr(&packed), packed.len);
    parameter_add(&query, parameter, buf_slice(&text));
    if (relay_state)
        parameter_add(&query, "RelayState", slice_of(relay_state));
    if (sign) {
        parameter_add(&query, "SigAlg", SLICE(REDIRECT_RSA_SHA256));
        if (!buf_failed(&query) && sign_query(&query, sign, e) != 0)
            goto out;
    }
    append_query(out, destination, buf_slice(&query));
    rc = buf_failed(&text) || buf_failed(&query) || buf_failed(out)
             ? err_set(e, ERR_LIMIT, "the redirect URL is too long")
             : 0;
out:
    buf_free(&packed);
    buf_free(&text);
    buf_free(&query);
    return rc;
}

/*
 * Reading
 */

enum place { MESSAGE, RELAY_STATE, SIG_ALG, SIGNATURE, PLACES };

/* Percent-decoded into the arena; `+` is a space there, which no value of SAML's has (base64 skips it). */
static int decode(struct slice raw, size_t max, struct arena *a, struct slice *ret, struct err *e)
{
    struct buf b;
    int rc;

    buf_init(&b, max);
    rc = percent_decode(raw, true, &b, e);
    if (rc == 0) {
        *ret = arena_slice(a, buf_slice(&b));
        rc = ret->p ? 0 : err_set(e, ERR_MEMORY, "no memory for the query");
    }
    buf_free(&b);
    return rc;
}

/* Where each parameter stands, by its plain name: an escaped one is another parameter, which form_parse() has shown not
 * to be the second of its decoded name. */
static int place(struct slice query, struct slice whole[PLACES], bool *ret_is_response, struct err *e)
{
    static const char *const names[PLACES] = {"SAMLRequest=", "RelayState=", "SigAlg=", "Signature="};
    struct slice rest = query, part;
    int last = -1;
    bool messages = false, in_order = true;

    while (slice_split(&rest, '&', &part)) {
        bool is_response = slice_starts(part, SLICE("SAMLResponse="));

        for (int i = 0; i < PLACES; i++) {
            if (!(i == MESSAGE && is_response) && !slice_starts(part, slice_of(names[i])))
                continue;
            if (i == MESSAGE && messages)
                return err_set(e, ERR_FORM, "SAMLRequest and SAMLResponse");
            if (i == MESSAGE) {
                messages = true;
                *ret_is_response = is_response;
            }
            whole[i] = part;
            in_order = in_order && i > last;
            last = i;
        }
    }
    if (!messages)
        return err_set(e, ERR_FORM, "neither SAMLRequest nor SAMLResponse");
    if (!whole[SIG_ALG].p != !whole[SIGNATURE].p)
        return err_set(e, ERR_FORM, "one of SigAlg and Signature without the other");
    if (whole[SIGNATURE].p && !in_order)
        return err_set(e, ERR_FORM, "the parameters are in another order than the signed one");
    return 0;
}

static struct slice value_of(struct slice whole)
{
    ptrdiff_t at = slice_find(whole, '=');

    return slice_make(whole.p + at + 1, whole.n - (size_t)at - 1);
}

static int take_signature(const struct slice whole[PLACES], struct arena *a, struct redirect_query *q, struct err *e)
{
    struct slice text;
    struct buf b;
    int rc = -1;

    if (decode(value_of(whole[SIG_ALG]), 256, a, &q->sig_alg, e) != 0 ||
        decode(value_of(whole[SIGNATURE]), 2 * SAML_SIGNATURE_MAX, a, &text, e) != 0)
        return -1;
    buf_init(&b, SAML_SIGNATURE_MAX);
    if (base64_decode(text, &b, e) != 0)
        goto out;
    q->signature = arena_slice(a, buf_slice(&b));
    buf_free(&b);
    buf_init(&b, WRITE_MAX * 4);
    buf_add_slice(&b, whole[MESSAGE]);
    if (whole[RELAY_STATE].p) {
        buf_add_char(&b, '&');
        buf_add_slice(&b, whole[RELAY_STATE]);
    }
    buf_add_char(&b, '&');
    buf_add_slice(&b, whole[SIG_ALG]);
    q->octets = arena_slice(a, buf_slice(&b));
    if (buf_failed(&b))
        (void)err_set(e, ERR_LIMIT, "the query is too long");
    else
        rc = q->octets.p && q->signature.p ? 0 : err_set(e, ERR_MEMORY, "no memory for the query");
out:
    buf_free(&b);
    return rc;
}

int redirect_split(struct slice query, struct arena *a, struct redirect_query *ret, struct err *e)
{
    struct redirect_query q = {.is_response = false};
    struct slice whole[PLACES] = {{NULL, 0}};
    struct slice encoding;
    struct form form;

    if (form_parse(query, a, &form, e) != 0 || place(query, whole, &q.is_response, e) != 0)
        return -1;
    encoding = form_get(&form, "SAMLEncoding");
    if (encoding.p && !slice_is(encoding, ENCODING_DEFLATE))
        return err_set(e, ERR_ENCODING, "SAMLEncoding is not that of DEFLATE");
    q.message = value_of(whole[MESSAGE]);
    if (whole[RELAY_STATE].p && decode(value_of(whole[RELAY_STATE]), WRITE_MAX, a, &q.relay_state, e) != 0)
        return -1;
    if (whole[SIGNATURE].p && take_signature(whole, a, &q, e) != 0)
        return -1;
    *ret = q;
    return 0;
}

int redirect_message(const struct redirect_query *q, size_t max, struct arena *a, struct slice *ret_xml, struct err *e)
{
    struct slice text;
    struct buf packed, xml;
    int rc = -1;

    buf_init(&packed, max);
    buf_init(&xml, max);
    if (decode(q->message, 2 * max, a, &text, e) != 0 || base64_decode(text, &packed, e) != 0 ||
        inflate_raw(buf_slice(&packed), &xml, e) != 0)
        goto out;
    *ret_xml = arena_slice(a, buf_slice(&xml));
    rc = ret_xml->p ? 0 : err_set(e, ERR_MEMORY, "no memory for the message");
out:
    buf_free(&packed);
    buf_free(&xml);
    return rc;
}
