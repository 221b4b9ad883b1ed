/*
 * Fuzzes saml/logout.h: a query of the redirect binding as it is; or, if the input begins with '<', XML that is packed
 * into one, and that stands for what a worker returned for the POST binding. Nothing here can be signed.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/encode.h"
#include "saml/logout.h"
#include "saml/token.h"
#include "tests/fuzz/saml_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct saml_logout *l)
{
    if (l->is_signed || !token_is_ncname(l->id) || l->issue_instant <= 0 ||
        l->nsession_index > SAML_SESSION_INDEXES_MAX || (l->is_response ? l->status_code.n : l->name_id.n) == 0)
        abort();
}

static char *packed(struct slice xml)
{
    struct buf deflated, text, query;
    struct err e = ERR_INIT;
    char *copy;

    buf_init(&deflated, 1 << 22);
    buf_init(&text, 1 << 23);
    buf_init(&query, 1 << 24);
    if (deflate_raw(xml, &deflated, &e) != 0)
        abort();
    base64_encode(&text, buf_cstr(&deflated), deflated.len);
    buf_add_str(&query, xml.n % 2 ? "SAMLRequest=" : "SAMLResponse=");
    percent_encode(&query, buf_slice(&text));
    copy = strdup(buf_cstr(&query));
    if (!copy || buf_failed(&query))
        abort();
    buf_free(&deflated);
    buf_free(&text);
    buf_free(&query);
    return copy;
}

static void redirect(struct slice query, const struct saml_trust *trust, struct arena *a)
{
    struct saml_logout l;
    struct slice issuer;
    struct err e = ERR_INIT;

    if (saml_logout_redirect(query, trust, 0, NULL, a, &l, &e) == 0)
        check(&l);
    else if (e.code == ERR_NONE || e.code == ERR_INTERNAL)
        abort();
    err_clear(&e);
    if (saml_logout_peek(query, a, &issuer, &e) == 0 && issuer.n == 0)
        abort();
}

static void posted(struct slice xml, const struct saml_trust *trust, struct arena *a)
{
    struct saml_signed s = {.plain_what = xml.n % 2 ? SAML_LOGOUT_REQUEST : SAML_LOGOUT_RESPONSE, .plain = xml};
    struct saml_logout l;
    struct err e = ERR_INIT;

    if (saml_logout_signed(&s, trust, 0, NULL, a, &l, &e) == 0)
        check(&l);
    else if (e.code == ERR_NONE || e.code == ERR_INTERNAL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct saml_trust trust;
    struct slice input = slice_make(data, size);
    struct err e = ERR_INIT;
    struct arena a;
    char *query;

    if (trust.nkeys == 0 && saml_trust_add_pem(&trust, SLICE(SAML_FUZZ_KEY), &e) != 0)
        abort();
    arena_init(&a, 16 << 20);
    if (size > 0 && data[0] == '<') {
        posted(input, &trust, &a);
        query = packed(input);
        redirect(slice_of(query), &trust, &a);
        free(query);
    } else {
        redirect(input, &trust, &a);
    }
    arena_free(&a);
    return 0;
}
