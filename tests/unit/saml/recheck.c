/*
 * Unit tests of saml/recheck.h: what a worker that was taken over could return. SignedInfo is written here and signed
 * with the pinned key, so that each refusal is of the form alone.
 */
#include "tests/unit/unit.h"

#include "saml/recheck.h"
#include "tests/unit/saml/sign.h"

static EVP_PKEY *pinned, *attacker, *curve;

#define ASSERTION                                                                                             \
    "<Assertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_a\" Version=\"2.0\"><Issuer>i</Issuer>" \
    "</Assertion>"
#define C14N "<CanonicalizationMethod Algorithm=\"" SIGN_EXC "\"></CanonicalizationMethod>"
#define METHOD "<SignatureMethod Algorithm=\"" SIGN_MORE "rsa-sha256\"></SignatureMethod>"
#define ENVELOPED "<Transform Algorithm=\"" SIGN_DSIG "enveloped-signature\"></Transform>"
#define EXC "<Transform Algorithm=\"" SIGN_EXC "\"></Transform>"
#define TRANSFORMS "<Transforms>" ENVELOPED EXC "</Transforms>"
#define DIGEST_METHOD "<DigestMethod Algorithm=\"" SIGN_XENC "sha256\"></DigestMethod>"
#define DIGEST "<DigestValue>@</DigestValue>" /* @: the digest of the element */
#define REFERENCE "<Reference URI=\"#_a\">" TRANSFORMS DIGEST_METHOD DIGEST "</Reference>"
#define INFO(x) "<SignedInfo xmlns=\"" SIGN_DSIG "\">" x "</SignedInfo>"
#define GOOD INFO(C14N METHOD REFERENCE)

/* Rechecks one signature over `info` (digest filled in) by `key`. `mangle` may change the raw SignatureValue. */
static int recheck_value(const char *info, const char *element, enum saml_element what, const struct sign_options *o,
                         unsigned allow, void (*mangle)(struct buf *), struct err *e)
{
    const char *method = strstr(info, "ecdsa") ? SIGN_MORE "ecdsa-sha256" : sign_or(o->method, SIGN_MORE "rsa-sha256");
    char *digest = sign_digest(SIGN_XENC "sha256", element);
    char *filled = strchr(info, '@') ? sign_replace(info, "@", digest) : strdup(info);
    char *base64 = sign_value(o, method, filled);
    struct saml_signed s = {.nsig = 1};
    struct saml_signer signers[2];
    struct saml_trust trust;
    struct buf value;
    int r;

    buf_init(&value, 8192);
    assert_ok(base64_decode(slice_of(base64), &value, e), e);
    if (mangle)
        mangle(&value);
    saml_trust_init(&trust);
    sign_trust(&trust, pinned);
    sign_trust(&trust, curve);
    s.sig[0] = (struct saml_signature){.what = what,
                                       .signed_info = slice_of(filled),
                                       .signature_value = buf_slice(&value),
                                       .element = slice_of(element)};
    r = saml_recheck(&s, &trust, allow, signers, e);
    if (r == 0)
        assert_true(signers[0].key == &trust.keys[o->key == curve]);
    saml_trust_free(&trust);
    buf_free(&value);
    free(base64);
    free(filled);
    free(digest);
    return r;
}

static int recheck(const char *info, struct err *e)
{
    return recheck_value(info, ASSERTION, SAML_ASSERTION, &(struct sign_options){.key = pinned}, 0, NULL, e);
}

static void the_genuine_one_passes(void **state)
{
    static const char *const good[] = {
        GOOD,
        INFO("\n " C14N "\n" METHOD "\n\t" REFERENCE " "),
        INFO("<CanonicalizationMethod Algorithm=\"" SIGN_EXC
             "WithComments\"></CanonicalizationMethod>" METHOD REFERENCE),
        INFO("<CanonicalizationMethod Algorithm=\"" SIGN_EXC "\"><ec:InclusiveNamespaces xmlns:ec=\"" SIGN_EXC
             "\" PrefixList=\"xs xsi\"></ec:InclusiveNamespaces></CanonicalizationMethod>" METHOD REFERENCE),
        INFO(C14N METHOD "<Reference URI=\"#_a\">" TRANSFORMS DIGEST_METHOD
                         "<DigestValue>\n@\n</DigestValue></Reference>"),
    };
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_ok(recheck(good[i], &e), &e);
}

static void other_signed_infos_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "<SignedInfo/>",
        "x" GOOD,
        GOOD "x",
        GOOD GOOD,
        "<!---->" GOOD,
        INFO(""),
        INFO(METHOD REFERENCE),
        INFO(C14N REFERENCE),
        INFO(C14N METHOD),
        INFO(METHOD C14N REFERENCE),
        INFO(C14N METHOD REFERENCE REFERENCE),
        INFO("<!-- -->" C14N METHOD REFERENCE),
        INFO("x" C14N METHOD REFERENCE),
        INFO(C14N METHOD REFERENCE "<Object></Object>"),
        "<SignedInfo xmlns=\"urn:x\">" C14N METHOD REFERENCE "</SignedInfo>",
        "<SignedInfo xmlns=\"" SIGN_DSIG "\" Id=\"x\">" C14N METHOD REFERENCE "</SignedInfo>",
        /* canonicalization */
        INFO("<CanonicalizationMethod Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\">"
             "</CanonicalizationMethod>" METHOD REFERENCE),
        INFO("<CanonicalizationMethod></CanonicalizationMethod>" METHOD REFERENCE),
        INFO("<CanonicalizationMethod Algorithm=\"" SIGN_EXC "\"><x></x></CanonicalizationMethod>" METHOD REFERENCE),
        INFO("<CanonicalizationMethod Algorithm=\"" SIGN_EXC "\"><ec:InclusiveNamespaces xmlns:ec=\"" SIGN_EXC
             "\" PrefixList=\"a b c d e f g h i j k l m n o p "
             "q\"></ec:InclusiveNamespaces></CanonicalizationMethod>" METHOD REFERENCE),
        INFO("<CanonicalizationMethod Algorithm=\"" SIGN_EXC "\"><ec:InclusiveNamespaces xmlns:ec=\"" SIGN_EXC
             "\"></ec:InclusiveNamespaces></CanonicalizationMethod>" METHOD REFERENCE),
        /* SignatureMethod with parameters */
        INFO(C14N "<SignatureMethod Algorithm=\"" SIGN_MORE "rsa-sha256\"><HMACOutputLength>0</HMACOutputLength>"
                  "</SignatureMethod>" REFERENCE),
        /* Reference */
        INFO(C14N METHOD "<Reference URI=\"\">" TRANSFORMS DIGEST_METHOD DIGEST "</Reference>"),
        INFO(C14N METHOD "<Reference URI=\"#\">" TRANSFORMS DIGEST_METHOD DIGEST "</Reference>"),
        INFO(C14N METHOD "<Reference URI=\"#_b\">" TRANSFORMS DIGEST_METHOD DIGEST "</Reference>"),
        INFO(C14N METHOD "<Reference URI=\"_a\">" TRANSFORMS DIGEST_METHOD DIGEST "</Reference>"),
        INFO(C14N METHOD "<Reference>" TRANSFORMS DIGEST_METHOD DIGEST "</Reference>"),
        INFO(C14N METHOD "<Reference Type=\"x\" URI=\"#_a\">" TRANSFORMS DIGEST_METHOD DIGEST "</Reference>"),
        INFO(C14N METHOD "<Reference URI=\"#_a\">" DIGEST_METHOD DIGEST "</Reference>"),
        INFO(C14N METHOD "<Reference URI=\"#_a\"><Transforms></Transforms>" DIGEST_METHOD DIGEST "</Reference>"),
        INFO(C14N METHOD "<Reference URI=\"#_a\"><Transforms>" ENVELOPED "</Transforms>" DIGEST_METHOD DIGEST
                         "</Reference>"),
        INFO(C14N METHOD "<Reference URI=\"#_a\"><Transforms>" EXC "</Transforms>" DIGEST_METHOD DIGEST "</Reference>"),
        INFO(C14N METHOD "<Reference URI=\"#_a\"><Transforms>" EXC ENVELOPED "</Transforms>" DIGEST_METHOD DIGEST
                         "</Reference>"),
        INFO(C14N METHOD "<Reference URI=\"#_a\"><Transforms>" ENVELOPED EXC EXC "</Transforms>" DIGEST_METHOD DIGEST
                         "</Reference>"),
        INFO(C14N METHOD "<Reference URI=\"#_a\"><Transforms>" ENVELOPED
                         "<Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"></Transform>"
                         "</Transforms>" DIGEST_METHOD DIGEST "</Reference>"),
        /* digest */
        INFO(C14N METHOD "<Reference URI=\"#_a\">" TRANSFORMS DIGEST_METHOD "<DigestValue></DigestValue></Reference>"),
        INFO(C14N METHOD "<Reference URI=\"#_a\">" TRANSFORMS DIGEST_METHOD "<DigestValue>AAAA</DigestValue>"
                         "</Reference>"),
        INFO(C14N METHOD "<Reference URI=\"#_a\">" TRANSFORMS DIGEST_METHOD "<DigestValue>@AAAA</DigestValue>"
                         "</Reference>"),
        INFO(C14N METHOD "<Reference URI=\"#_a\">" TRANSFORMS DIGEST_METHOD "<DigestValue>@<!-- --></DigestValue>"
                         "</Reference>"),
        INFO(C14N METHOD "<Reference URI=\"#_a\">" TRANSFORMS DIGEST_METHOD "<DigestValue>"
                         "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=</DigestValue></Reference>"),
        INFO(C14N METHOD "<Reference URI=\"#_a\">" TRANSFORMS DIGEST_METHOD DIGEST DIGEST "</Reference>"),
    };
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_err(recheck(bad[i], &e), &e, "recheck-failed");
    assert_err(
        recheck(INFO(C14N "<SignatureMethod Algorithm=\"" SIGN_MORE "hmac-sha256\"></SignatureMethod>" REFERENCE), &e),
        &e, "algorithm-not-allowed");
    assert_err(recheck(INFO(C14N METHOD "<Reference URI=\"#_a\">" TRANSFORMS "<DigestMethod Algorithm=\"" SIGN_DSIG
                                        "sha1\"></DigestMethod>" DIGEST "</Reference>"),
                       &e),
               &e, "algorithm-not-allowed");
}

static void other_elements_are_refused(void **state)
{
    static const char *const bad[] = {
        "<Assertion xmlns=\"urn:x\" ID=\"_a\"></Assertion>",
        "<Assertion ID=\"_a\"></Assertion>",
        "<Response xmlns=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"_a\"></Response>",
        "<Assertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_b\"></Assertion>",
        "<Assertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\" Id=\"_a\"></Assertion>",
        "<Assertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\" xml:ID=\"_a\"></Assertion>",
        "<Assertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"></Assertion>",
        "x" ASSERTION,
        "",
    };
    struct sign_options o = {.key = pinned};
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_err(recheck_value(GOOD, bad[i], SAML_ASSERTION, &o, 0, NULL, &e), &e, "recheck-failed");
    assert_err(recheck_value(GOOD, ASSERTION, SAML_RESPONSE, &o, 0, NULL, &e), &e, "recheck-failed");
    assert_err(recheck_value(GOOD, ASSERTION, SAML_NOTHING, &o, 0, NULL, &e), &e, "recheck-failed");
    assert_ok(recheck_value(GOOD, "<Response xmlns=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"_a\"></Response>",
                            SAML_RESPONSE, &o, 0, NULL, &e),
              &e);
}

static void flip(struct buf *b)
{
    b->data[b->len - 1] ^= 1;
}
static void cut(struct buf *b)
{
    b->len--;
}
static void lengthen(struct buf *b)
{
    buf_add_char(b, 0);
}
static void zero(struct buf *b)
{
    memset(b->data, 0, b->len);
}
static void empty(struct buf *b)
{
    b->len = 0;
}
/* r||s as the DER that OpenSSL takes itself. */
static void to_der(struct buf *b)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    unsigned char der[128], *p = der;
    int n;

    assert_int_equal(ECDSA_SIG_set0(sig, BN_bin2bn((unsigned char *)b->data, 32, NULL),
                                    BN_bin2bn((unsigned char *)b->data + 32, 32, NULL)),
                     1);
    n = i2d_ECDSA_SIG(sig, &p);
    buf_reset(b);
    buf_add(b, der, (size_t)n);
    ECDSA_SIG_free(sig);
}
/* r||s with a zero octet before each: the same numbers, another length. */
static void widen(struct buf *b)
{
    char copy[64];

    memcpy(copy, b->data, 64);
    buf_reset(b);
    buf_add_char(b, 0);
    buf_add(b, copy, 32);
    buf_add_char(b, 0);
    buf_add(b, copy + 32, 32);
}

static void other_signature_values_are_refused(void **state)
{
    static void (*const mangles[])(struct buf *) = {flip, cut, lengthen, zero, empty};
    static const char ec[] =
        INFO(C14N "<SignatureMethod Algorithm=\"" SIGN_MORE "ecdsa-sha256\"></SignatureMethod>" REFERENCE);
    struct sign_options rsa = {.key = pinned}, ecdsa = {.key = curve}, other = {.key = attacker};
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof mangles / sizeof *mangles; i++) {
        assert_err(recheck_value(GOOD, ASSERTION, SAML_ASSERTION, &rsa, 0, mangles[i], &e), &e, "signature-invalid");
        assert_err(recheck_value(ec, ASSERTION, SAML_ASSERTION, &ecdsa, 0, mangles[i], &e), &e, "signature-invalid");
    }
    assert_ok(recheck_value(ec, ASSERTION, SAML_ASSERTION, &ecdsa, 0, NULL, &e), &e);
    assert_err(recheck_value(ec, ASSERTION, SAML_ASSERTION, &ecdsa, 0, to_der, &e), &e, "signature-invalid");
    assert_err(recheck_value(ec, ASSERTION, SAML_ASSERTION, &ecdsa, 0, widen, &e), &e, "signature-invalid");
    assert_err(recheck_value(GOOD, ASSERTION, SAML_ASSERTION, &other, 0, NULL, &e), &e, "signature-invalid");
    /* SignatureMethod says SHA-256, the signature is over SHA-384 */
    rsa.method = SIGN_MORE "rsa-sha384";
    assert_err(recheck_value(GOOD, ASSERTION, SAML_ASSERTION, &rsa, 0, NULL, &e), &e, "signature-invalid");
}

/* Both parts genuine, of two messages: the digest ties them. */
static void parts_of_two_messages_do_not_mix(void **state)
{
    struct sign_options o = {.key = pinned};
    char *digest = sign_digest(SIGN_XENC "sha256", "<Assertion/>"), *info = sign_replace(GOOD, "@", digest);
    struct err e = ERR_INIT;

    (void)state;
    assert_err(recheck_value(info, ASSERTION, SAML_ASSERTION, &o, 0, NULL, &e), &e, "recheck-failed");
    free(info);
    free(digest);
}

static void number_and_order_of_signatures_are_checked(void **state)
{
    struct saml_trust trust;
    struct saml_signer signers[2];
    struct saml_signed s = {.nsig = 0}, swapped;
    struct sign_response r = sign_defaults(pinned);
    struct err e = ERR_INIT;
    struct arena a;
    char *xml;

    (void)state;
    saml_trust_init(&trust);
    sign_trust(&trust, pinned);
    arena_init(&a, 1024 * 1024);
    assert_err(saml_recheck(&s, &trust, 0, signers, &e), &e, "recheck-failed");
    r.sign_response = true;
    xml = sign_make(&r);
    assert_ok(saml_verify(slice_of(xml), &trust, 0, &a, &s, &e), &e);
    assert_ok(saml_recheck(&s, &trust, 0, signers, &e), &e);
    assert_ptr_equal(signers[1].key, &trust.keys[0]);
    swapped = s;
    swapped.sig[0] = s.sig[1];
    swapped.sig[1] = s.sig[0];
    assert_err(saml_recheck(&swapped, &trust, 0, signers, &e), &e, "recheck-failed");
    swapped.sig[1] = s.sig[1];
    assert_err(saml_recheck(&swapped, &trust, 0, signers, &e), &e, "recheck-failed");
    swapped.sig[0] = swapped.sig[1] = s.sig[0];
    assert_err(saml_recheck(&swapped, &trust, 0, signers, &e), &e, "recheck-failed");
    s.nsig = 3;
    assert_err(saml_recheck(&s, &trust, 0, signers, &e), &e, "recheck-failed");
    /* the second one does not hold: both are refused */
    s.nsig = 2;
    s.sig[1].signature_value.n--;
    assert_err(saml_recheck(&s, &trust, 0, signers, &e), &e, "signature-invalid");
    arena_free(&a);
    saml_trust_free(&trust);
    free(xml);
}

static void weak_keys_and_sha1_need_their_exception(void **state)
{
    struct sign_response r = sign_defaults(NULL);
    struct saml_trust trust;
    struct saml_signer signers[2];
    struct saml_signed s;
    struct arena a;
    struct err e = ERR_INIT;
    EVP_PKEY *weak = sign_rsa(1024);
    char *xml;

    (void)state;
    r.sign = (struct sign_options){.key = weak, .method = SIGN_DSIG "rsa-sha1", .digest = SIGN_DSIG "sha1"};
    xml = sign_make(&r);
    saml_trust_init(&trust);
    sign_trust(&trust, weak);
    arena_init(&a, 1024 * 1024);
    assert_ok(saml_verify(slice_of(xml), &trust, SAML_ALLOW_SHA1 | SAML_ALLOW_RSA1024, &a, &s, &e), &e);
    assert_ok(saml_recheck(&s, &trust, SAML_ALLOW_SHA1 | SAML_ALLOW_RSA1024, signers, &e), &e);
    assert_string_equal(signers[0].method, "rsa-sha1");
    assert_string_equal(signers[0].digest, "sha1");
    assert_err(saml_recheck(&s, &trust, SAML_ALLOW_RSA1024, signers, &e), &e, "algorithm-not-allowed");
    assert_err(saml_recheck(&s, &trust, SAML_ALLOW_SHA1, signers, &e), &e, "key-too-weak");
    arena_free(&a);
    saml_trust_free(&trust);
    free(xml);
    EVP_PKEY_free(weak);
}

static int setup(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(saml_init(&e), &e);
    pinned = sign_rsa(2048);
    attacker = sign_rsa(2048);
    curve = sign_ec("P-256");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    EVP_PKEY_free(pinned);
    EVP_PKEY_free(attacker);
    EVP_PKEY_free(curve);
    saml_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_genuine_one_passes),
        cmocka_unit_test(other_signed_infos_are_refused),
        cmocka_unit_test(other_elements_are_refused),
        cmocka_unit_test(other_signature_values_are_refused),
        cmocka_unit_test(parts_of_two_messages_do_not_mix),
        cmocka_unit_test(number_and_order_of_signatures_are_checked),
        cmocka_unit_test(weak_keys_and_sha1_need_their_exception),
    };

    return cmocka_run_group_tests_name("saml/recheck", tests, setup, teardown);
}
