/*
 * Unit tests of saml/dsig_transform.h and of the contexts behind key_verifies(): what xmlsec may use and what it may
 * not, signatures of every algorithm, and everything that is not one.
 */
#include "tests/unit/saml/verify_rig.h"

#include <pthread.h>

#include <xmlsec/crypto.h>
#include <xmlsec/transforms.h>
#include <xmlsec/xmldsig.h>
#include <xmlsec/xmlsec.h>

#include "saml/algorithm.h"
#include "saml/dsig_transform.h"

/* --- what xmlsec has ------------------------------------------------------------------------------------------------
 */

static void xmlsec_has_the_allowed_transforms_and_no_other(void **state)
{
    static const char *const gone[] = {
        "http://www.w3.org/TR/1999/REC-xslt-19991116", "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "http://www.w3.org/2002/06/xmldsig-filter2",   "http://www.w3.org/2001/04/xmldsig-more/xptr",
        "http://www.w3.org/2000/09/xmldsig#base64",    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2006/12/xml-c14n11",        "http://www.w3.org/2001/04/xmldsig-more#md5",
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "http://www.w3.org/2000/09/xmldsig#dsa-sha1",  "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
        "http://www.w3.org/2001/04/xmlenc#rsa-1_5",
    };
    xmlSecPtrList *list = xmlSecTransformIdsGet();

    (void)state;
    /* enveloped-signature, two of exclusive c14n, and the two tables */
    assert_int_equal(xmlSecPtrListGetSize(list), 3 + digest_algorithms_n + signature_algorithms_n);
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        assert_null(xmlSecTransformIdListFindByHref(list, (const xmlChar *)gone[i], xmlSecTransformUsageAny));
    for (size_t i = 0; i < signature_algorithms_n; i++) {
        assert_ptr_equal(xmlSecTransformIdListFindByHref(list, (const xmlChar *)signature_algorithms[i].uri,
                                                         xmlSecTransformUsageSignatureMethod),
                         dsig_signature_transform(&signature_algorithms[i]));
    }
    for (size_t i = 0; i < digest_algorithms_n; i++)
        assert_ptr_equal(xmlSecTransformIdListFindByHref(list, (const xmlChar *)digest_algorithms[i].uri,
                                                         xmlSecTransformUsageDigestMethod),
                         dsig_digest_transform(&digest_algorithms[i]));
}

static void the_transforms_cannot_sign(void **state)
{
    struct sign_response r = sign_defaults(pinned);
    char *xml = sign_make(&r);
    struct saml_trust trust;
    xmlDoc *doc = sign_parse(xml);
    xmlNode *assertion = sign_find(xmlDocGetRootElement(doc), "ID", r.assertion_id);
    xmlAttr *id = xmlHasProp(assertion, (const xmlChar *)"ID");
    xmlNode *signature = xmlFirstElementChild(assertion);
    xmlSecDSigCtx *ctx = xmlSecDSigCtxCreate(NULL);

    (void)state;
    saml_trust_init(&trust);
    sign_trust(&trust, pinned);
    while (signature && strcmp((const char *)signature->name, "Signature") != 0)
        signature = xmlNextElementSibling(signature);
    assert_non_null(signature);
    assert_non_null(xmlAddID(NULL, doc, (const xmlChar *)r.assertion_id, id));
    ctx->signKey = dsig_key_new(&trust.keys[0]);
    assert_non_null(ctx->signKey);
    assert_true(xmlSecDSigCtxSign(ctx, signature) < 0);
    assert_int_not_equal(ctx->status, xmlSecDSigStatusSucceeded);
    xmlSecDSigCtxDestroy(ctx);
    xmlFreeDoc(doc);
    saml_trust_free(&trust);
    free(xml);
}

/* Through the whole of xmlsec: a context that has verified, and one whose transform stands on its own. */
static void a_transform_without_its_chain_gives_nothing(void **state)
{
    xmlSecTransform *t = xmlSecTransformCreate(dsig_signature_transform(&signature_algorithms[0]));
    xmlSecTransform *c14n = xmlSecTransformCreate(dsig_c14n_transform(SLICE(SAML_ALG_EXC_C14N)));
    xmlSecTransform *digest = xmlSecTransformCreate(dsig_digest_transform(&digest_algorithms[0]));
    xmlSecByte octets[256] = {0};
    xmlSecKey *foreign = xmlSecKeyCreate();
    xmlSecKeyReq requirements;
    xmlSecTransformCtx *ctx = xmlSecTransformCtxCreate();

    (void)state;
    assert_non_null(t);
    assert_non_null(c14n);
    assert_non_null(digest);
    assert_int_equal(xmlSecKeyReqInitialize(&requirements), 0);
    t->operation = xmlSecTransformOperationSign;
    assert_true(xmlSecTransformSetKeyReq(t, &requirements) < 0);
    t->operation = xmlSecTransformOperationVerify;
    assert_int_equal(xmlSecTransformSetKeyReq(t, &requirements), 0);
    assert_true(xmlSecTransformSetKey(t, foreign) < 0); /* a key that was not pinned */
    assert_true(xmlSecTransformVerify(t, octets, sizeof octets, ctx) < 0 || t->status != xmlSecTransformStatusOk);
    t->status = xmlSecTransformStatusFinished; /* and no key */
    assert_true(t->id->verify(t, octets, sizeof octets, ctx) < 0);
    assert_int_not_equal(t->status, xmlSecTransformStatusOk);

    digest->operation = xmlSecTransformOperationVerify;
    assert_true(digest->id->verify(digest, octets, 32, ctx) < 0);     /* of nothing */
    assert_true(digest->id->pushBin(digest, octets, 10, 0, ctx) < 0); /* and a part is not all */
    assert_true(digest->id->pushBin(digest, octets, 0, 1, ctx) < 0);
    assert_int_equal(digest->id->pushBin(digest, octets, 10, 1, ctx), 0);
    assert_true(digest->id->pushBin(digest, octets, 10, 1, ctx) < 0);
    assert_int_equal(digest->id->verify(digest, octets, 20, ctx), 0);
    assert_int_equal(digest->status, xmlSecTransformStatusFail);

    assert_null(dsig_c14n_text(c14n).p);
    assert_null(dsig_c14n_text(t).p);
    assert_false(dsig_c14n_too_long(t));
    assert_true(c14n->id->pushXml(c14n, NULL, ctx) < 0);
    xmlSecTransformDestroy(digest);
    xmlSecTransformDestroy(c14n);
    xmlSecTransformDestroy(t);
    xmlSecKeyDestroy(foreign);
    xmlSecKeyReqFinalize(&requirements);
    xmlSecTransformCtxDestroy(ctx);
}

/* --- canonicalization
 * ------------------------------------------------------------------------------------------------- */

/* What libxml2 alone makes of the same nodes is what comes out, whatever stands in the element. */
static void canonical_bytes_are_libxml2s(void **state)
{
    static const char *const content[] = {
        "plain",
        "<x xmlns='urn:x'><y xmlns=''/></x>",
        "<p:x xmlns:p='urn:p' xmlns:q='urn:q'><q:y q:b='2' p:a='1' c='3'/></p:x>",
        "<!-- comment --><x><!-- another --></x>",
        "<![CDATA[<&>]]>&lt;&amp;&gt;&#13;&#9;",
        "<x xml:lang='en' a='&#9;&#10;&#13;&quot;&lt;'>\\n</x>",
        "<a:x xmlns:a='urn:1'><a:y><a:x xmlns:a='urn:2'/></a:y></a:x>",
    };

    (void)state;
    for (size_t i = 0; i < sizeof content / sizeof *content; i++) {
        struct sign_response r = sign_defaults(pinned);
        struct err e = ERR_INIT;

        r.attributes[0].value = content[i];
        assert_ok(verify_made(&r, &e), &e);
        r.sign.transforms =
            "<Transforms><Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>"
            "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#WithComments\"/></Transforms>";
        assert_ok(verify_made(&r, &e), &e);
    }
}

/* --- signatures
 * --------------------------------------------------------------------------------------------------------- */

static struct slice signed_octets(EVP_PKEY *pkey, const char *md, struct slice data,
                                  unsigned char raw[SAML_SIGNATURE_MAX])
{
    unsigned char der[SAML_SIGNATURE_MAX];
    const unsigned char *p = der;
    size_t n = sizeof der;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ECDSA_SIG *sig;
    int half = (EVP_PKEY_get_bits(pkey) + 7) / 8;

    assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, md, NULL, NULL, pkey, NULL), 1);
    assert_int_equal(EVP_DigestSign(ctx, der, &n, (const unsigned char *)data.p, data.n), 1);
    EVP_MD_CTX_free(ctx);
    if (!EVP_PKEY_is_a(pkey, "EC")) {
        memcpy(raw, der, n);
        return slice_make(raw, n);
    }
    sig = d2i_ECDSA_SIG(NULL, &p, (long)n);
    assert_non_null(sig);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, half), half);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + half, half), half);
    ECDSA_SIG_free(sig);
    return slice_make(raw, (size_t)(2 * half));
}

static const char *const md_names[] = {"SHA1", "SHA256", "SHA384", "SHA512"}; /* by enum hash */

/* One algorithm and one key: its signature verifies; nothing that differs from it in any way does. */
static void judge_signatures(const struct signature_algorithm *alg, EVP_PKEY *pkey, EVP_PKEY *other_pkey)
{
    const struct slice data = SLICE("<SignedInfo/>"), other_data = SLICE("<SignedInfo />");
    unsigned char raw[SAML_SIGNATURE_MAX + 8], changed[SAML_SIGNATURE_MAX + 8];
    struct saml_trust trust, other;
    const struct saml_key *key;
    struct slice value;

    saml_trust_init(&trust);
    saml_trust_init(&other);
    sign_trust(&trust, pkey);
    sign_trust(&other, other_pkey);
    key = &trust.keys[0];
    memset(raw, 0, sizeof raw);
    value = signed_octets(pkey, md_names[alg->hash], data, raw + 1); /* a zero before and after it */
    assert_int_equal(value.n, signature_size(key));

    assert_true(key_verifies(key, alg, value, data));
    assert_false(key_verifies(key, alg, value, other_data));
    assert_false(key_verifies(&other.keys[0], alg, value, data));
    for (size_t i = 0; i < signature_algorithms_n; i++) {
        const struct signature_algorithm *another = &signature_algorithms[i];

        if (another->key == alg->key && another->hash != alg->hash)
            assert_false(key_verifies(key, another, value, data));
    }
    /* truncated and lengthened at either end, r and s too short and too long with it */
    assert_false(key_verifies(key, alg, slice_make(value.p, value.n - 1), data));
    assert_false(key_verifies(key, alg, slice_make(value.p, value.n - 2), data));
    assert_false(key_verifies(key, alg, slice_make(value.p, value.n / 2), data));
    assert_false(key_verifies(key, alg, slice_make(value.p + 1, value.n - 1), data));
    assert_false(key_verifies(key, alg, slice_make(value.p - 1, value.n + 1), data));
    assert_false(key_verifies(key, alg, slice_make(value.p, value.n + 1), data));
    assert_false(key_verifies(key, alg, slice_make(value.p, value.n + 2), data));
    assert_false(key_verifies(key, alg, (struct slice){NULL, 0}, data));
    /* each end of each number changed; nothing but zeros, nothing but ones */
    for (size_t i = 0; i < 4; i++) {
        size_t at = i == 0 ? 0 : i == 1 ? value.n / 2 - 1 : i == 2 ? value.n / 2 : value.n - 1;

        memcpy(changed, value.p, value.n);
        changed[at] ^= 1;
        assert_false(key_verifies(key, alg, slice_make(changed, value.n), data));
    }
    memset(changed, 0, value.n);
    assert_false(key_verifies(key, alg, slice_make(changed, value.n), data));
    memset(changed, 0xff, value.n);
    assert_false(key_verifies(key, alg, slice_make(changed, value.n), data));
    /* the context is as good afterwards */
    assert_true(key_verifies(key, alg, value, data));
    saml_trust_free(&trust);
    saml_trust_free(&other);
}

static void only_the_signature_verifies(void **state)
{
    static const char *const curves[] = {"P-256", "P-384", "P-521"};
    EVP_PKEY *ec[2];

    (void)state;
    for (size_t i = 0; i < signature_algorithms_n; i++) {
        if (signature_algorithms[i].key == SAML_KEY_RSA)
            judge_signatures(&signature_algorithms[i], pinned, attacker);
    }
    for (size_t c = 0; c < sizeof curves / sizeof *curves; c++) {
        ec[0] = sign_ec(curves[c]);
        ec[1] = sign_ec(curves[c]);
        for (size_t i = 0; i < signature_algorithms_n; i++) {
            if (signature_algorithms[i].key == SAML_KEY_EC)
                judge_signatures(&signature_algorithms[i], ec[0], ec[1]);
        }
        EVP_PKEY_free(ec[0]);
        EVP_PKEY_free(ec[1]);
    }
}

/* A key of the other type is refused before OpenSSL is asked, by key_fits() and once more by the transform. */
static void keys_of_the_wrong_type_do_not_fit(void **state)
{
    EVP_PKEY *ec = sign_ec("P-256");
    struct sign_response r = sign_defaults(ec);
    struct err e = ERR_INIT;
    char *xml;

    (void)state;
    xml = sign_make(&r);
    assert_ok(verify_with(xml, ec, 0, &e), &e);
    assert_err(verify_with(xml, pinned, 0, &e), &e, "signature-invalid");
    free(xml);
    r = sign_defaults(pinned);
    xml = sign_make(&r);
    assert_err(verify_with(xml, ec, 0, &e), &e, "signature-invalid");
    free(xml);
    EVP_PKEY_free(ec);
}

/* More keys than there are contexts, freed and made anew, so that addresses come again: each is asked for itself. */
static void contexts_follow_their_keys(void **state)
{
    const struct signature_algorithm *alg = NULL;
    const struct slice data = SLICE("data");
    unsigned char raw[12][SAML_SIGNATURE_MAX];
    EVP_PKEY *pkeys[12];
    struct slice values[12];
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(signature_algorithm_find(SLICE("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"), 0, &alg, &e), &e);
    for (size_t i = 0; i < 12; i++) {
        pkeys[i] = sign_ec("P-256");
        values[i] = signed_octets(pkeys[i], "SHA256", data, raw[i]);
    }
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < 12; i++) {
            struct saml_trust trust;

            saml_trust_init(&trust);
            sign_trust(&trust, pkeys[i]);
            for (size_t k = 0; k < 12; k++)
                assert_int_equal(key_verifies(&trust.keys[0], alg, values[k], data), i == k);
            saml_trust_free(&trust);
        }
    }
    for (size_t i = 0; i < 12; i++)
        EVP_PKEY_free(pkeys[i]);
}

/* --- threads
 * ------------------------------------------------------------------------------------------------------------- */

struct shared {
    const struct signature_algorithm *alg;
    struct saml_trust trust;
    struct slice value;
    unsigned char raw[SAML_SIGNATURE_MAX];
};

static void *verify_many(void *arg)
{
    const struct shared *s = arg;
    const struct slice data = SLICE("data"), other = SLICE("daTa");
    uintptr_t wrong = 0;

    for (int i = 0; i < 200; i++) {
        wrong += !key_verifies(&s->trust.keys[0], s->alg, s->value, data);
        wrong += key_verifies(&s->trust.keys[0], s->alg, s->value, other);
    }
    return (void *)wrong;
}

static void threads_share_keys_and_no_contexts(void **state)
{
    struct shared s = {.alg = NULL};
    struct err e = ERR_INIT;
    pthread_t threads[8];
    void *wrong;

    (void)state;
    assert_ok(signature_algorithm_find(SLICE("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"), 0, &s.alg, &e), &e);
    saml_trust_init(&s.trust);
    sign_trust(&s.trust, pinned);
    s.value = signed_octets(pinned, "SHA256", SLICE("data"), s.raw);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, verify_many, &s), 0);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    saml_trust_free(&s.trust);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xmlsec_has_the_allowed_transforms_and_no_other),
        cmocka_unit_test(the_transforms_cannot_sign),
        cmocka_unit_test(a_transform_without_its_chain_gives_nothing),
        cmocka_unit_test(canonical_bytes_are_libxml2s),
        cmocka_unit_test(only_the_signature_verifies),
        cmocka_unit_test(keys_of_the_wrong_type_do_not_fit),
        cmocka_unit_test(contexts_follow_their_keys),
        cmocka_unit_test(threads_share_keys_and_no_contexts),
    };

    return cmocka_run_group_tests_name("saml/dsig_transform", tests, verify_setup, verify_teardown);
}
