/* Metadata: which keys and addresses count, and which documents give none. */
#include "saml/metadata.h"

#include "saml/verify.h"
#include "tests/unit/saml/sign.h"

static EVP_PKEY *rsa, *other, *dsa;
static char *rsa_cert, *other_cert, *dsa_cert; /* base64 DER */

/* The base64 of a certificate, without the PEM lines. */
static char *certificate(EVP_PKEY *key)
{
    X509 *cert = sign_cert(key, "idp", 0, 86400);
    unsigned char *der = NULL;
    int n = i2d_X509(cert, &der);
    char *text;

    assert_true(n > 0);
    text = sign_base64(der, (size_t)n);
    OPENSSL_free(der);
    X509_free(cert);
    return text;
}

static EVP_PKEY *dsa_key(void)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DSA", NULL);
    EVP_PKEY *params = NULL, *key = NULL;

    assert_int_equal(EVP_PKEY_paramgen_init(ctx), 1);
    assert_true(EVP_PKEY_CTX_set_dsa_paramgen_bits(ctx, 1024) > 0);
    assert_int_equal(EVP_PKEY_paramgen(ctx, &params), 1);
    EVP_PKEY_CTX_free(ctx);
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, params, NULL);
    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_keygen(ctx, &key), 1);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(params);
    return key;
}

static int set_up(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(saml_init(&e), &e);
    rsa = sign_rsa(2048);
    other = sign_rsa(2048);
    dsa = dsa_key();
    rsa_cert = certificate(rsa);
    other_cert = certificate(other);
    dsa_cert = certificate(dsa);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(rsa_cert);
    free(other_cert);
    free(dsa_cert);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(other);
    EVP_PKEY_free(dsa);
    saml_cleanup();
    return 0;
}

#define MD "xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\""
#define ENTITY(id, role) "<EntityDescriptor " MD " entityID=\"" id "\">" role "</EntityDescriptor>"
#define IDP(content)                                                                                 \
    "<IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">" content \
    "</IDPSSODescriptor>"
#define KEY(use)                                                                                                \
    "<KeyDescriptor" use "><KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><X509Data><X509Certificate>%s" \
    "</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
#define SIGNING KEY(" use=\"signing\"")
#define SSO                                                                                \
    "<SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" " \
    "Location=\"https://idp.example.com/sso\"/>"

/* Reads `format`, in which each %s is one certificate. */
__attribute__((format(printf, 4, 5))) static int read_md(struct saml_trust *t, const char *entity, struct err *e,
                                                         const char *format, ...)
{
    va_list ap;
    char *xml = NULL;
    int rc;

    va_start(ap, format);
    assert_true(vasprintf(&xml, format, ap) >= 0);
    va_end(ap);
    saml_trust_init(t);
    rc = saml_metadata_read(slice_of(xml), entity, t, e);
    if (rc != 0)
        saml_trust_free(t);
    free(xml);
    return rc;
}

static bool has_key(const struct saml_trust *t, EVP_PKEY *key)
{
    for (size_t i = 0; i < t->nkeys; i++) {
        if (EVP_PKEY_eq(t->keys[i].pkey, key) == 1)
            return true;
    }
    return false;
}

static void good(void **state)
{
    struct err e = ERR_INIT;
    struct saml_trust t;

    (void)state;
    assert_ok(read_md(&t, NULL, &e, ENTITY("urn:idp", IDP(SIGNING SSO)), rsa_cert), &e);
    assert_string_equal(t.issuer, "urn:idp");
    assert_string_equal(t.sso_redirect, "https://idp.example.com/sso");
    assert_int_equal(t.nkeys, 1);
    assert_true(has_key(&t, rsa));
    saml_trust_free(&t);
    /* an XML declaration, a byte order mark, a comment, a Signature beside the roles */
    assert_ok(read_md(&t, NULL, &e,
                      "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- x -->" ENTITY(
                          "urn:idp", "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/>" IDP(SIGNING)),
                      rsa_cert),
              &e);
    assert_null(t.sso_redirect);
    saml_trust_free(&t);
    /* a style sheet for browsers, in front and within; it joins no halves of a value */
    assert_ok(read_md(&t, NULL, &e, "<?xml-stylesheet href=\"x\"?>" ENTITY("urn:idp", "<?x?>" IDP(SIGNING "<?y?>")),
                      rsa_cert),
              &e);
    assert_int_equal(t.nkeys, 1);
    saml_trust_free(&t);
    assert_err(read_md(&t, NULL, &e, ENTITY("urn:idp", IDP(KEY(""))) "<?xml version=\"1.0\"?>", rsa_cert), &e,
               "xml-processing-instruction");
    assert_err(read_md(&t, NULL, &e, ENTITY("urn:idp", IDP(KEY(""))) "<?open", rsa_cert), &e,
               "xml-processing-instruction");
}

static void keys(void **state)
{
    struct err e = ERR_INIT;
    struct saml_trust t;

    (void)state;
    /* no use: for signing too */
    assert_ok(read_md(&t, NULL, &e, ENTITY("urn:idp", IDP(KEY(""))), rsa_cert), &e);
    saml_trust_free(&t);
    /* several, and one for encryption that must not verify */
    assert_ok(read_md(&t, NULL, &e, ENTITY("urn:idp", IDP(SIGNING KEY(" use=\"encryption\""))), rsa_cert, other_cert),
              &e);
    assert_int_equal(t.nkeys, 1);
    assert_false(has_key(&t, other));
    saml_trust_free(&t);
    assert_ok(read_md(&t, NULL, &e, ENTITY("urn:idp", IDP(SIGNING SIGNING SIGNING)), rsa_cert, other_cert, rsa_cert),
              &e);
    assert_int_equal(t.nkeys, 2);
    saml_trust_free(&t);
    /* one that is of no use beside one that is */
    assert_ok(read_md(&t, NULL, &e, ENTITY("urn:idp", IDP(SIGNING SIGNING)), dsa_cert, rsa_cert), &e);
    assert_int_equal(t.nkeys, 1);
    assert_true(has_key(&t, rsa));
    saml_trust_free(&t);
    assert_ok(read_md(&t, NULL, &e, ENTITY("urn:idp", IDP(SIGNING SIGNING)), "not base64!", rsa_cert), &e);
    assert_int_equal(t.nkeys, 1);
    saml_trust_free(&t);
}

static void no_usable_key(void **state)
{
    static const char *const formats[] = {
        ENTITY("urn:idp", IDP(SSO)),
        ENTITY("urn:idp", IDP(KEY(" use=\"encryption\""))),
        ENTITY("urn:idp", IDP(KEY(" use=\"Signing\""))),
        ENTITY("urn:idp", IDP(KEY(" use=\"\""))),
        /* of another role, or of none */
        ENTITY("urn:idp",
               IDP("") "<SPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">" SIGNING
                       "</SPSSODescriptor>"),
        ENTITY("urn:idp",
               IDP("") "<RoleDescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">" SIGNING
                       "</RoleDescriptor>"),
        ENTITY("urn:idp", IDP("") SIGNING),
        ENTITY("urn:idp", IDP("<Extensions>" SIGNING "</Extensions>")),
        /* of an IDPSSODescriptor that does not speak SAML 2.0 */
        ENTITY("urn:idp",
               IDP("") "<IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:1.1:protocol\">" SIGNING
                       "</IDPSSODescriptor>"),
        /* in another namespace */
        ENTITY("urn:idp", IDP("<KeyDescriptor xmlns=\"urn:x\"><KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\">"
                              "<X509Data><X509Certificate>%s</X509Certificate></X509Data></KeyInfo></KeyDescriptor>")),
        /* the certificate is not plain text */
        ENTITY("urn:idp", IDP("<KeyDescriptor><KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><X509Data>"
                              "<X509Certificate><?x?>%s</X509Certificate></X509Data></KeyInfo></KeyDescriptor>")),
        ENTITY("urn:idp", IDP("<KeyDescriptor><KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><X509Data>"
                              "<X509Certificate>%s<!-- --></X509Certificate></X509Data></KeyInfo></KeyDescriptor>")),
        ENTITY("urn:idp", IDP("<KeyDescriptor><KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><X509Data>"
                              "<X509Certificate>%s<x/></X509Certificate></X509Data></KeyInfo></KeyDescriptor>")),
    };
    struct err e = ERR_INIT;
    struct saml_trust t;

    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        char *xml = strstr(formats[i], "%s") ? sign_replace(formats[i], "%s", rsa_cert) : strdup(formats[i]);

        if (read_md(&t, NULL, &e, "%s", xml) == 0)
            fail_msg("accepted: %s", formats[i]);
        assert_string_equal(err_name(e.code), "metadata-invalid");
        assert_non_null(strstr(e.msg, "no usable signing certificate"));
        err_clear(&e);
        free(xml);
    }
    assert_err(read_md(&t, NULL, &e, ENTITY("urn:idp", IDP(SIGNING)), dsa_cert), &e, "metadata-invalid");
}

static void not_an_idp(void **state)
{
    static const char *const documents[] = {
        ENTITY("urn:idp", ""),
        ENTITY("urn:idp", "<SPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\"/>"),
        ENTITY("urn:idp", "<IDPSSODescriptor/>"),
        ENTITY("urn:idp", "<IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocolX\"/>"),
        ENTITY("urn:idp", "<IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:1.1:protocol\"/>"),
        "<EntityDescriptor xmlns=\"urn:x\" entityID=\"urn:idp\"/>",
        "<EntitiesDescriptor " MD "/>",
        /* an entity within something that is not an EntitiesDescriptor */
        "<Other " MD ">" ENTITY("urn:idp", IDP("")) "</Other>",
    };
    struct err e = ERR_INIT;
    struct saml_trust t;

    (void)state;
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        if (read_md(&t, NULL, &e, "%s", documents[i]) == 0)
            fail_msg("accepted: %s", documents[i]);
        assert_string_equal(err_name(e.code), "metadata-invalid");
        assert_non_null(strstr(e.msg, "no entity with an IDPSSODescriptor"));
        err_clear(&e);
    }
    assert_err(read_md(&t, NULL, &e, "<EntityDescriptor " MD ">" IDP(SIGNING) "</EntityDescriptor>", rsa_cert), &e,
               "metadata-invalid");
    assert_err(read_md(&t, NULL, &e, "%s", "not XML"), &e, "xml-syntax");
    assert_err(read_md(&t, NULL, &e, "%s", ""), &e, "xml-too-large");
    assert_err(read_md(&t, NULL, &e, "<!DOCTYPE x>" ENTITY("urn:idp", IDP(SIGNING)), rsa_cert), &e, "xml-doctype");
}

#define MANY                                                                                                        \
    "<EntitiesDescriptor " MD "><EntitiesDescriptor>" ENTITY("urn:a", IDP(SIGNING)) "</EntitiesDescriptor>" ENTITY( \
        "urn:sp", "<SPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">" SIGNING   \
                  "</SPSSODescriptor>") ENTITY("urn:b", IDP(SIGNING)) "</EntitiesDescriptor>"

static void aggregates(void **state)
{
    struct err e = ERR_INIT;
    struct saml_trust t;

    (void)state;
    assert_ok(read_md(&t, "urn:a", &e, MANY, rsa_cert, dsa_cert, other_cert), &e);
    assert_string_equal(t.issuer, "urn:a");
    assert_true(has_key(&t, rsa) && t.nkeys == 1);
    saml_trust_free(&t);
    assert_ok(read_md(&t, "urn:b", &e, MANY, rsa_cert, dsa_cert, other_cert), &e);
    assert_true(has_key(&t, other) && t.nkeys == 1);
    saml_trust_free(&t);
    assert_err(read_md(&t, "urn:sp", &e, MANY, rsa_cert, dsa_cert, other_cert), &e, "metadata-invalid");
    assert_err(read_md(&t, "urn:c", &e, MANY, rsa_cert, dsa_cert, other_cert), &e, "metadata-invalid");
    assert_err(read_md(&t, NULL, &e, MANY, rsa_cert, dsa_cert, other_cert), &e, "metadata-invalid");
    /* one identity provider among others needs no choosing; the same twice cannot be chosen */
    assert_ok(read_md(&t, NULL, &e,
                      "<EntitiesDescriptor " MD ">" ENTITY("urn:sp", "<SPSSODescriptor/>")
                          ENTITY("urn:b", IDP(SIGNING)) "</EntitiesDescriptor>",
                      rsa_cert),
              &e);
    saml_trust_free(&t);
    assert_err(read_md(&t, "urn:a", &e,
                       "<EntitiesDescriptor " MD ">" ENTITY("urn:a", IDP(SIGNING))
                           ENTITY("urn:a", IDP(SIGNING)) "</EntitiesDescriptor>",
                       rsa_cert, other_cert),
               &e, "metadata-invalid");
}

static void sign_on_address(void **state)
{
#define AT(binding, location) "<SingleSignOnService Binding=\"" binding "\" Location=\"" location "\"/>"
    static const struct {
        const char *services, *expected;
    } rows[] = {
        {AT(SAML_BINDING_POST, "https://idp/post") AT(SAML_BINDING_REDIRECT, "https://idp/redirect"),
         "https://idp/redirect"},
        {AT(SAML_BINDING_REDIRECT, "https://idp/1") AT(SAML_BINDING_REDIRECT, "https://idp/2"), "https://idp/1"},
        {AT(SAML_BINDING_REDIRECT, "https://idp/sso?a=1&amp;b=2"), "https://idp/sso?a=1&b=2"},
        {AT(SAML_BINDING_POST, "https://idp/post"), NULL},
        {AT(SAML_BINDING_REDIRECT, "javascript:alert(1)"), NULL},
        {AT(SAML_BINDING_REDIRECT, "//evil.example.com/"), NULL},
        {AT(SAML_BINDING_REDIRECT, "https://idp/sso#x"), NULL},
        {AT(SAML_BINDING_REDIRECT, "https://idp/&#10;x"), NULL},
        {AT(SAML_BINDING_REDIRECT, ""), NULL},
        {"<SingleSignOnService Binding=\"" SAML_BINDING_REDIRECT "\"/>", NULL},
        {"<SingleLogoutService Binding=\"" SAML_BINDING_REDIRECT "\" Location=\"https://idp/out\"/>", NULL},
    };
    struct err e = ERR_INIT;
    struct saml_trust t;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_ok(read_md(&t, NULL, &e,
                          "<EntityDescriptor " MD " entityID=\"urn:idp\"><IDPSSODescriptor"
                          " protocolSupportEnumeration=\" urn:x&#10; urn:oasis:names:tc:SAML:2.0:protocol \">" SIGNING
                          "%s</IDPSSODescriptor></EntityDescriptor>",
                          rsa_cert, rows[i].services),
                  &e);
        if (rows[i].expected)
            assert_string_equal(t.sso_redirect, rows[i].expected);
        else
            assert_null(t.sso_redirect);
        saml_trust_free(&t);
    }
}

static void logout_addresses(void **state)
{
    static const char services[] =
        "<SingleLogoutService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:SOAP\" Location=\"https://idp/soap\"/>"
        "<SingleLogoutService Binding=\"" SAML_BINDING_POST "\" Location=\"javascript:x\"/>"
        "<SingleLogoutService Binding=\"" SAML_BINDING_POST "\" Location=\"https://idp/post\"/>"
        "<SingleLogoutService Binding=\"" SAML_BINDING_REDIRECT "\" Location=\"https://idp/out\""
        " ResponseLocation=\"https://idp/out-response\"/>"
        "<SingleLogoutService Binding=\"" SAML_BINDING_REDIRECT "\" Location=\"https://idp/second\"/>";
    struct err e = ERR_INIT;
    struct saml_trust t, copy;

    (void)state;
    assert_ok(read_md(&t, NULL, &e, ENTITY("urn:idp", IDP(SIGNING "%s")), rsa_cert, services), &e);
    assert_string_equal(t.slo_post, "https://idp/post");
    assert_null(t.slo_post_response);
    assert_string_equal(t.slo_redirect, "https://idp/out");
    assert_string_equal(t.slo_redirect_response, "https://idp/out-response");
    assert_null(t.sso_redirect);
    /* a copy is one of its own */
    assert_ok(saml_trust_copy(&copy, &t, &e), &e);
    saml_trust_free(&t);
    assert_string_equal(copy.issuer, "urn:idp");
    assert_string_equal(copy.slo_redirect_response, "https://idp/out-response");
    assert_true(has_key(&copy, rsa));
    saml_trust_drop_key(&copy, 0);
    assert_int_equal(copy.nkeys, 0);
    saml_trust_free(&copy);
}

static void signed_requests(void **state)
{
    static const struct {
        const char *value;
        bool want;
    } rows[] = {{"true", true}, {" 1 ", true}, {"false", false}, {"0", false}, {"TRUE", false}, {"", false}};
    struct err e = ERR_INIT;
    struct saml_trust t, copy;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_ok(read_md(&t, NULL, &e,
                          "<EntityDescriptor " MD
                          " entityID=\"urn:idp\"><IDPSSODescriptor WantAuthnRequestsSigned=\"%s\""
                          " protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">" SIGNING
                          "</IDPSSODescriptor></EntityDescriptor>",
                          rows[i].value, rsa_cert),
                  &e);
        assert_int_equal(t.want_signed_requests, rows[i].want);
        assert_ok(saml_trust_copy(&copy, &t, &e), &e);
        assert_int_equal(copy.want_signed_requests, rows[i].want);
        saml_trust_free(&copy);
        saml_trust_free(&t);
    }
}

static void times(void **state)
{
#define LIFE(group, entity, role)                                                     \
    "<EntitiesDescriptor " MD " " group                                               \
    "><EntityDescriptor entityID=\"urn:other\" validUntil=\"2001-01-01T00:00:00Z\"/>" \
    "<EntityDescriptor entityID=\"urn:idp\" " entity "><IDPSSODescriptor " role       \
    " protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">" SIGNING   \
    "</IDPSSODescriptor></EntityDescriptor></EntitiesDescriptor>"
    static const struct {
        const char *xml;
        int64_t valid_until, cache_duration;
    } rows[] = {
        {LIFE("", "", ""), 0, 0},
        {LIFE("validUntil='1970-01-01T00:01:40Z'", "", ""), 100, 0},
        {LIFE("validUntil='1970-01-01T00:01:40.5Z'", "validUntil=' 1970-01-01T00:01:30Z '", ""), 90, 0},
        {LIFE("validUntil='1970-01-01T00:01:40Z'", "validUntil='1970-01-01T00:02:00Z'", ""), 100, 0},
        {LIFE("", "", "validUntil='1970-01-01T00:01:10Z'"), 70, 0},
        /* what is no time has passed */
        {LIFE("", "validUntil='tomorrow'", ""), 1, 0},
        {LIFE("", "validUntil='2030-01-01T00:00:00+01:00'", ""), 1, 0},
        {LIFE("", "validUntil=''", ""), 1, 0},
        {LIFE("cacheDuration='P1DT12H30M5.25S'", "", ""), 0, 86400 + 45000 + 5},
        {LIFE("cacheDuration='P1D'", "cacheDuration='PT6H'", ""), 0, 21600},
        {LIFE("cacheDuration='P1Y2M3D'", "", ""), 0, (365 + 60 + 3) * 86400},
        {LIFE("cacheDuration='PT604800S'", "", ""), 0, 604800},
        {LIFE("cacheDuration='-P1D'", "", ""), 0, 0},
        {LIFE("cacheDuration='PT'", "cacheDuration='P'", ""), 0, 0},
        {LIFE("cacheDuration='PT5'", "cacheDuration='P5H'", ""), 0, 0},
        {LIFE("cacheDuration='PT5S5M'", "cacheDuration='P1DT2D'", ""), 0, 0},
        {LIFE("cacheDuration='PT99999999999999999999S'", "cacheDuration='1D'", ""), 0, 0},
    };
    struct err e = ERR_INIT;
    struct saml_trust t;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *xml = sign_replace(rows[i].xml, "%s", rsa_cert);

        saml_trust_init(&t);
        assert_ok(saml_metadata_read(slice_of(xml), NULL, &t, &e), &e);
        assert_int_equal(t.valid_until, rows[i].valid_until);
        assert_int_equal(t.cache_duration, rows[i].cache_duration);
        saml_trust_free(&t);
        free(xml);
    }
}

/* More elements than a message may have. */
static void federation(void **state)
{
    struct err e = ERR_INIT;
    struct saml_trust t;
    struct buf xml;

    (void)state;
    buf_init(&xml, 4 << 20);
    buf_add_str(&xml, "<EntitiesDescriptor " MD ">");
    for (size_t i = 0; i < 6000; i++)
        buf_printf(&xml, "<EntityDescriptor entityID=\"urn:%zu\"><SPSSODescriptor/></EntityDescriptor>\n", i);
    buf_printf(&xml, ENTITY("urn:idp", IDP(SIGNING)) "</EntitiesDescriptor>", rsa_cert);
    assert_ok(read_md(&t, "urn:idp", &e, "%s", buf_cstr(&xml)), &e);
    assert_int_equal(t.nkeys, 1);
    saml_trust_free(&t);
    buf_free(&xml);
}

static void several_files(void **state)
{
    struct err e = ERR_INIT;
    struct saml_trust t;
    char *first = sign_replace(ENTITY("urn:idp", IDP(SIGNING SSO)), "%s", rsa_cert);
    char *second = sign_replace(ENTITY("urn:idp", IDP(SIGNING)), "%s", other_cert);
    char *foreign = sign_replace(ENTITY("urn:other", IDP(SIGNING)), "%s", other_cert);

    (void)state;
    saml_trust_init(&t);
    assert_ok(saml_metadata_read(slice_of(first), NULL, &t, &e), &e);
    assert_ok(saml_metadata_read(slice_of(second), NULL, &t, &e), &e);
    assert_int_equal(t.nkeys, 2);
    assert_string_equal(t.sso_redirect, "https://idp.example.com/sso");
    assert_err(saml_metadata_read(slice_of(foreign), NULL, &t, &e), &e, "metadata-invalid");
    assert_int_equal(t.nkeys, 2);
    saml_trust_free(&t);
    free(first);
    free(second);
    free(foreign);
}

static void too_many_keys(void **state)
{
    struct err e = ERR_INIT;
    struct saml_trust t;
    struct buf xml;

    (void)state;
    buf_init(&xml, 1 << 20);
    buf_add_str(&xml, "<EntityDescriptor " MD " entityID=\"urn:idp\"><IDPSSODescriptor"
                      " protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">");
    for (size_t i = 0; i <= SAML_KEYS_MAX; i++) {
        EVP_PKEY *key = sign_ec("P-256");
        char *cert = certificate(key);

        buf_printf(&xml, SIGNING, cert);
        free(cert);
        EVP_PKEY_free(key);
    }
    buf_add_str(&xml, "</IDPSSODescriptor></EntityDescriptor>");
    assert_err(read_md(&t, NULL, &e, "%s", buf_cstr(&xml)), &e, "limit-exceeded");
    buf_free(&xml);
}

static void logout_address(void **state)
{
#define OUT(binding, more) "<SingleLogoutService Binding=\"" binding "\" " more "/>"
    struct err e = ERR_INIT;
    struct saml_trust t;

    (void)state;
    assert_ok(
        read_md(&t, NULL, &e,
                ENTITY("urn:idp",
                       IDP(SIGNING OUT("urn:other", "Location=\"https://idp/soap\"")
                               OUT(SAML_BINDING_REDIRECT, "Location=\"javascript:alert(1)\"") OUT(
                                   SAML_BINDING_REDIRECT,
                                   "Location=\"https://idp/x\" ResponseLocation=\"//evil.example.com\"")
                                   OUT(SAML_BINDING_REDIRECT,
                                       "Location=\"https://idp/out?a=1&amp;b=2\" ResponseLocation=\"https://idp/r\"")
                                       OUT(SAML_BINDING_REDIRECT, "Location=\"https://idp/second\"")
                                           OUT(SAML_BINDING_POST, "Location=\"https://idp/post\""))),
                rsa_cert),
        &e);
    assert_string_equal(t.slo_redirect, "https://idp/out?a=1&b=2");
    assert_string_equal(t.slo_redirect_response, "https://idp/r");
    assert_string_equal(t.slo_post, "https://idp/post");
    assert_null(t.slo_post_response);
    saml_trust_free(&t);
#undef OUT
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(keys),
        cmocka_unit_test(no_usable_key),
        cmocka_unit_test(not_an_idp),
        cmocka_unit_test(aggregates),
        cmocka_unit_test(sign_on_address),
        cmocka_unit_test(several_files),
        cmocka_unit_test(too_many_keys),
        cmocka_unit_test(logout_address),
        cmocka_unit_test(times),
        cmocka_unit_test(federation),
        cmocka_unit_test(logout_addresses),
        cmocka_unit_test(signed_requests),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
