/* Unit tests of saml/trust.h: which keys can be pinned, and from what. */
#include "tests/unit/unit.h"

#include <openssl/sha.h>

#include "saml/recheck.h"
#include "tests/unit/saml/sign.h"

static EVP_PKEY *rsa;

static int add_pem(struct saml_trust *t, const char *pem, struct err *e)
{
    return saml_trust_add_pem(t, slice_of(pem), e);
}

static int add_key(EVP_PKEY *key, struct err *e)
{
    struct saml_trust t;
    char *pem = sign_public_pem(key);
    int r;

    saml_trust_init(&t);
    r = add_pem(&t, pem, e);
    assert_int_equal(t.nkeys, r == 0 ? 1 : 0);
    saml_trust_free(&t);
    free(pem);
    return r;
}

static void allowances_have_names(void **state)
{
    char text[64];

    (void)state;
    assert_int_equal(saml_allow_by_name(SLICE("sha1")), SAML_ALLOW_SHA1);
    assert_int_equal(saml_allow_by_name(SLICE("rsa1024")), SAML_ALLOW_RSA1024);
    assert_int_equal(saml_allow_by_name(SLICE("rsa15")), SAML_ALLOW_RSA15);
    assert_int_equal(saml_allow_by_name(SLICE("SHA1")), 0);
    assert_int_equal(saml_allow_by_name(SLICE("")), 0);
    saml_allow_print(0, text, sizeof text);
    assert_string_equal(text, "-");
    saml_allow_print(SAML_ALLOW_SHA1 | SAML_ALLOW_RSA15, text, sizeof text);
    assert_string_equal(text, "sha1, rsa15");
    saml_allow_print(SAML_ALLOW_SHA1 | SAML_ALLOW_RSA15, text, 8);
    assert_string_equal(text, "sha1, r");
}

static void a_certificate_gives_key_subject_and_expiry(void **state)
{
    struct saml_trust t;
    struct err e = ERR_INIT;
    X509 *cert = sign_cert(rsa, "Ad\xc3\xa4 \\ Co", -86400 * 2, -86400); /* expired: pins all the same */
    unsigned char *der = NULL, *spki = NULL, sha[32];
    int n = i2d_X509(cert, &der), spki_n = i2d_PUBKEY(rsa, &spki);

    (void)state;
    saml_trust_init(&t);
    assert_ok(saml_trust_add_cert(&t, slice_make(der, (size_t)n), &e), &e);
    assert_int_equal(t.nkeys, 1);
    assert_int_equal(t.keys[0].type, SAML_KEY_RSA);
    assert_int_equal(t.keys[0].bits, 2048);
    assert_true(slice_eq(t.keys[0].spki, slice_make(spki, (size_t)spki_n)));
    (void)SHA256(spki, (size_t)spki_n, sha);
    assert_memory_equal(t.keys[0].sha256, sha, 32);
    assert_string_equal(t.keys[0].subject, "CN=Ad\\x5cC3\\x5cA4 \\x5c\\x5c Co");
    assert_true(t.keys[0].not_after < time(NULL) - 86000 && t.keys[0].not_after > time(NULL) - 87000);
    saml_trust_free(&t);
    assert_int_equal(t.nkeys, 0);
    saml_trust_free(&t);
    OPENSSL_free(der);
    OPENSSL_free(spki);
    X509_free(cert);
}

static void the_same_key_is_kept_once(void **state)
{
    struct saml_trust t;
    struct err e = ERR_INIT;
    char *bare = sign_public_pem(rsa), *cert = sign_cert_pem(rsa, "one");
    int64_t before;

    (void)state;
    saml_trust_init(&t);
    assert_ok(add_pem(&t, bare, &e), &e);
    assert_string_equal(t.keys[0].subject, "");
    assert_int_equal(t.keys[0].not_after, 0);
    assert_ok(add_pem(&t, cert, &e), &e);
    assert_int_equal(t.nkeys, 1);
    before = t.keys[0].not_after;
    assert_true(before > time(NULL));
    assert_ok(add_pem(&t, bare, &e), &e);
    assert_true(t.keys[0].not_after == before);
    saml_trust_free(&t);
    free(bare);
    free(cert);
}

static void pem_may_hold_several(void **state)
{
    struct saml_trust t;
    struct err e = ERR_INIT;
    EVP_PKEY *ec = sign_ec("P-384");
    char *one = sign_cert_pem(rsa, "one"), *two = sign_public_pem(ec);
    char *both = sign_printf("comment\n%s\nanother\n%s\n", one, two);

    (void)state;
    saml_trust_init(&t);
    assert_ok(add_pem(&t, both, &e), &e);
    assert_int_equal(t.nkeys, 2);
    assert_int_equal(t.keys[1].type, SAML_KEY_EC);
    assert_int_equal(t.keys[1].bits, 384);
    saml_trust_free(&t);
    free(both);
    free(one);
    free(two);
    EVP_PKEY_free(ec);
}

static void other_types_of_key_are_refused(void **state)
{
    static const char *const curves[] = {"secp256k1", "P-224", "brainpoolP256r1"};
    struct err e = ERR_INIT;
    EVP_PKEY *key;

    (void)state;
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
        key = sign_ec(curves[i]);
        assert_err(add_key(key, &e), &e, "trust-unusable");
        EVP_PKEY_free(key);
    }
    key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert_err(add_key(key, &e), &e, "trust-unusable");
    EVP_PKEY_free(key);
    key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    assert_err(add_key(key, &e), &e, "trust-unusable");
    EVP_PKEY_free(key);
    key = sign_ec("P-521");
    assert_ok(add_key(key, &e), &e);
    EVP_PKEY_free(key);
}

static char *private_pem(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    return sign_bio_text(bio);
}

static void bad_pem_is_refused(void **state)
{
    struct saml_trust t;
    struct err e = ERR_INIT;
    char *cert = sign_cert_pem(rsa, "x"), *secret = private_pem(rsa), *odd;

    (void)state;
    saml_trust_init(&t);
    assert_err(add_pem(&t, "", &e), &e, "trust-unusable");
    assert_err(add_pem(&t, "no PEM here", &e), &e, "trust-unusable");
    assert_err(add_pem(&t, secret, &e), &e, "trust-unusable");
    assert_err(add_pem(&t, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &e), &e, "trust-unusable");
    assert_err(add_pem(&t, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", &e), &e, "trust-unusable");
    odd = sign_replace(cert, "-----END", "");
    assert_err(add_pem(&t, odd, &e), &e, "trust-unusable");
    free(odd);
    assert_int_equal(t.nkeys, 0);
    /* a good block does not save a bad one */
    odd = sign_printf("%s-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n", cert);
    assert_err(add_pem(&t, odd, &e), &e, "trust-unusable");
    free(odd);
    saml_trust_free(&t);
    free(cert);
    free(secret);
}

static void der_with_trailing_octets_is_refused(void **state)
{
    struct saml_trust t;
    struct err e = ERR_INIT;
    X509 *cert = sign_cert(rsa, "x", 0, 86400);
    unsigned char der[4096], *p = der;
    int n = i2d_X509(cert, &p);

    (void)state;
    der[n] = 0;
    saml_trust_init(&t);
    assert_err(saml_trust_add_cert(&t, slice_make(der, (size_t)n + 1), &e), &e, "trust-unusable");
    assert_err(saml_trust_add_cert(&t, slice_make(der, (size_t)n - 1), &e), &e, "trust-unusable");
    assert_err(saml_trust_add_cert(&t, SLICE(""), &e), &e, "trust-unusable");
    assert_int_equal(t.nkeys, 0);
    saml_trust_free(&t);
    X509_free(cert);
}

static void keys_are_bounded(void **state)
{
    struct saml_trust t;
    struct err e = ERR_INIT;

    (void)state;
    saml_trust_init(&t);
    for (int i = 0; i <= SAML_KEYS_MAX; i++) {
        EVP_PKEY *key = sign_ec("P-256");
        char *pem = sign_public_pem(key);

        if (i < SAML_KEYS_MAX)
            assert_ok(add_pem(&t, pem, &e), &e);
        else
            assert_err(add_pem(&t, pem, &e), &e, "limit-exceeded");
        free(pem);
        EVP_PKEY_free(key);
    }
    assert_int_equal(t.nkeys, SAML_KEYS_MAX);
    saml_trust_free(&t);
}

static void a_file_is_metadata_or_pem(void **state)
{
    struct saml_trust t;
    struct err e = ERR_INIT;
    char *pem = sign_cert_pem(rsa, "x"), *padded = sign_printf("\xef\xbb\xbf\r\n %s", pem), *metadata;
    unsigned char *der = NULL;
    X509 *cert = sign_cert(rsa, "x", 0, 86400);
    int n = i2d_X509(cert, &der);
    char *base64 = sign_base64(der, (size_t)n);

    (void)state;
    saml_trust_init(&t);
    assert_err(saml_trust_add_file(&t, SLICE(" \n"), NULL, &e), &e, "trust-unusable");
    assert_ok(saml_trust_add_file(&t, slice_of(padded), NULL, &e), &e);
    assert_int_equal(t.nkeys, 1);
    assert_null(t.issuer);
    saml_trust_free(&t);
    metadata = sign_printf(
        "\n<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"urn:idp\"><IDPSSODescriptor "
        "protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\"><KeyDescriptor><KeyInfo xmlns=\"" SIGN_DSIG
        "\"><X509Data><X509Certificate>%s</X509Certificate></X509Data></KeyInfo></KeyDescriptor><SingleSignOnService "
        "Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" Location=\"https://idp.example.com/sso\"/>"
        "</IDPSSODescriptor></EntityDescriptor>",
        base64);
    assert_ok(saml_trust_add_file(&t, slice_of(metadata), NULL, &e), &e);
    assert_int_equal(t.nkeys, 1);
    assert_string_equal(t.issuer, "urn:idp");
    saml_trust_free(&t);
    assert_err(saml_trust_add_file(&t, SLICE("<x/>"), NULL, &e), &e, "metadata-invalid");
    saml_trust_free(&t);
    free(metadata);
    free(base64);
    OPENSSL_free(der);
    X509_free(cert);
    free(padded);
    free(pem);
}

static int setup(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(saml_init(&e), &e);
    rsa = sign_rsa(2048);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    EVP_PKEY_free(rsa);
    saml_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allowances_have_names),
        cmocka_unit_test(a_certificate_gives_key_subject_and_expiry),
        cmocka_unit_test(the_same_key_is_kept_once),
        cmocka_unit_test(pem_may_hold_several),
        cmocka_unit_test(other_types_of_key_are_refused),
        cmocka_unit_test(bad_pem_is_refused),
        cmocka_unit_test(der_with_trailing_octets_is_refused),
        cmocka_unit_test(keys_are_bounded),
        cmocka_unit_test(a_file_is_metadata_or_pem),
    };

    return cmocka_run_group_tests_name("saml/trust", tests, setup, teardown);
}
