/* logout_rig.h - keys, messages and the ways to read them that the logout tests share. */
#ifndef USHER_TESTS_UNIT_SAML_LOGOUT_RIG_H
#define USHER_TESTS_UNIT_SAML_LOGOUT_RIG_H

#include "saml/logout.h"
#include "saml/verify.h"
#include "tests/unit/saml/encrypt.h"

#define NOW SIGN_NOW
#define ISSUER "https://idp.example.com/"
#define SLO "https://login.example.com/saml/slo"
#define RSA256 SIGN_MORE "rsa-sha256"
#define NS "xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\""
#define AT " Version=\"2.0\" IssueInstant=\"2026-09-21T14:13:20Z\" Destination=\"" SLO "\""
#define REQUEST "<samlp:LogoutRequest " NS " ID=\"_r1\"" AT ">"
#define HEAD REQUEST "<Issuer>" ISSUER "</Issuer>"
#define TAIL "</samlp:LogoutRequest>"
#define ADA "<NameID Format=\"urn:f\" NameQualifier=\"q\" SPNameQualifier=\"s\"> ada@example.com </NameID>"
#define GOOD HEAD ADA "<samlp:SessionIndex>_s1</samlp:SessionIndex><samlp:SessionIndex>_s2</samlp:SessionIndex>" TAIL
#define STATUS(code) \
    "<samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:" code "\"/></samlp:Status>"
#define RESPONSE_HEAD "<samlp:LogoutResponse " NS " ID=\"_a1\" InResponseTo=\"id1\"" AT "><Issuer>" ISSUER "</Issuer>"
#define RESPONSE RESPONSE_HEAD STATUS("Success") "</samlp:LogoutResponse>"

static EVP_PKEY *pinned, *other, *curve;
static struct saml_trust trust;
static struct arena arena;

/* --- making ------------------------------------------------------------------------------------------------------ */

static inline char *encoded(const char *text)
{
    struct buf b;
    char *s;

    buf_init(&b, 1 << 20);
    percent_encode(&b, slice_of(text));
    s = strdup(buf_cstr(&b));
    assert_non_null(s);
    buf_free(&b);
    return s;
}

/* "SAMLRequest=..." of XML. */
static inline char *parameter(const char *name, const char *xml)
{
    struct err e = ERR_INIT;
    struct buf packed;
    char *text, *value, *s;

    buf_init(&packed, 1 << 20);
    assert_ok(deflate_raw(slice_of(xml), &packed, &e), &e);
    text = sign_base64(buf_cstr(&packed), packed.len);
    value = encoded(text);
    s = sign_printf("%s=%s", name, value);
    free(value);
    free(text);
    buf_free(&packed);
    return s;
}

/* The same with RelayState, encoded as it is given. */
static inline char *with_relay_state(char *query, const char *relay_state)
{
    char *s = sign_printf("%s&RelayState=%s", query, relay_state);

    free(query);
    return s;
}

/* `query` with SigAlg, and Signature by `key` over all of it. Frees `query`. */
static inline char *with_signature(char *query, EVP_PKEY *key, const char *method)
{
    struct sign_options o = {.key = key};
    char *alg = encoded(method), *octets = sign_printf("%s&SigAlg=%s", query, alg);
    char *value = sign_value(&o, method, octets), *text = encoded(value),
         *s = sign_printf("%s&Signature=%s", octets, text);

    free(text);
    free(value);
    free(octets);
    free(alg);
    free(query);
    return s;
}

static inline int read_query(const char *query, struct saml_logout *l, struct err *e)
{
    return saml_logout_redirect(slice_of(query), &trust, 0, NULL, &arena, l, e);
}

/* Unsigned, by redirect. */
static inline int read_xml(const char *xml, struct saml_logout *l, struct err *e)
{
    char *query = parameter(strstr(xml, "LogoutResponse") ? "SAMLResponse" : "SAMLRequest", xml);
    int rc = read_query(query, l, e);

    free(query);
    return rc;
}

static inline struct saml_logout_expect expected(void)
{
    return (struct saml_logout_expect){
        .issuer = SLICE(ISSUER), .destination = SLICE(SLO), .in_response_to = SLICE("id1"), .now = NOW, .skew = 60};
}

static inline int set_up(void **state)
{
    struct err e = ERR_INIT;
    char *pem;

    (void)state;
    assert_ok(saml_init(&e), &e);
    pinned = sign_rsa(2048);
    other = sign_rsa(2048);
    curve = sign_ec("P-256");
    saml_trust_init(&trust);
    sign_trust(&trust, pinned);
    pem = sign_public_pem(curve);
    assert_ok(saml_trust_add_pem(&trust, slice_of(pem), &e), &e);
    free(pem);
    arena_init(&arena, 64 << 20);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    saml_trust_free(&trust);
    EVP_PKEY_free(pinned);
    EVP_PKEY_free(other);
    EVP_PKEY_free(curve);
    saml_cleanup();
    return 0;
}

#endif
