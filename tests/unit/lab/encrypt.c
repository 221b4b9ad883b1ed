/* Unit tests of lab/encrypt.h: what mint encrypts is accepted, each trick is refused with the error its row promises.
 */
#include "tests/unit/unit.h"

#include "base/secret.h"
#include "lab/encrypt.h"
#include "saml/judge.h"
#include "tests/unit/lab/lab_keys.h"

static struct lab_keys idp, sp;
static struct mint_recipient *recipient;
static struct saml_trust trust;
static struct saml_sp_keys keys;

static struct mint_response response(void)
{
    static const char *const groups[] = {"staff", "admins"};
    static const struct mint_attribute attribute = {"groups", groups, 2};
    struct mint_response m;

    mint_response_init(&m, 1795000000);
    m.issuer = "https://idp.other.test/";
    m.audience = "https://login.usher.test";
    m.recipient = m.destination = "https://login.usher.test/saml/acs";
    m.name_id = "ada@usher.test";
    m.attributes = &attribute;
    m.nattributes = 1;
    return m;
}

/* Mints and judges; what is accepted is about Ada. `ret_xml`, if not NULL, is the text; free it. */
static int judge(const struct mint_response *m, unsigned allow, char **ret_xml, struct err *e)
{
    struct saml_verdict v;
    struct arena a;
    struct buf xml;
    int rc;

    arena_init(&a, SAML_ARENA_MAX);
    buf_init(&xml, MINT_XML_MAX);
    assert_ok(mint_response(m, idp.key, &xml, e), e);
    rc = saml_judge_signature_only(buf_slice(&xml), &trust, &keys, allow, &a, &v, e);
    if (rc == 0) {
        assert_true(slice_is(v.assertion.name_id, "ada@usher.test"));
        assert_int_equal(v.assertion.attributes[0].nvalues, 2);
    }
    if (ret_xml)
        *ret_xml = strdup(buf_cstr(&xml));
    buf_free(&xml);
    arena_free(&a);
    return rc;
}

static void every_way(void **state)
{
    static const char *const ciphers[] = {"aes128-cbc", "aes192-cbc", "aes256-cbc",
                                          "aes128-gcm", "aes192-gcm", "aes256-gcm"};
    static const char *const hashes[] = {NULL, "sha1", "sha256", "sha384", "sha512"};

    (void)state;
    for (unsigned i = 0; i < 90; i++) {
        struct mint_response m = response();
        struct mint_encrypt x;
        struct err e = ERR_INIT;
        char *xml;

        mint_encrypt_init(&x, recipient);
        x.cipher = ciphers[i % 6];
        x.place = (enum mint_key_place)(i / 6 % 3);
        x.digest = hashes[i % 5];
        x.label = i % 2 ? "label" : NULL;
        if (i / 18 != 0) {
            x.transport = "rsa-oaep";
            x.mgf = hashes[i / 18];
        }
        m.sign = 1 + i % 3;
        m.encrypt_assertion = &x;
        m.encrypt_id = i % 4 == 0 ? &x : NULL;
        assert_ok(judge(&m, 0, &xml, &e), &e);
        assert_null(strstr(xml, "ada@usher.test"));
        assert_null(strstr(xml, "<Assertion"));
        assert_non_null(strstr(xml, "<EncryptedAssertion"));
        free(xml);
        m.encrypt_assertion = NULL;
        m.encrypt_id = &x;
        assert_ok(judge(&m, 0, &xml, &e), &e);
        assert_null(strstr(xml, "ada@usher.test"));
        assert_non_null(strstr(xml, "<EncryptedID"));
        free(xml);
    }
}

static void old_ways(void **state)
{
    struct mint_response m = response();
    struct mint_encrypt x;
    struct err e = ERR_INIT;

    (void)state;
    mint_encrypt_init(&x, recipient);
    x.cipher = "tripledes-cbc";
    x.transport = "rsa-1_5";
    m.encrypt_assertion = &x;
    assert_ok(judge(&m, SAML_ALLOW_RSA15, NULL, &e), &e);
    assert_err(judge(&m, 0, NULL, &e), &e, "algorithm-not-allowed");
}

static void each_trick_is_refused_as_its_row_says(void **state)
{
    (void)state;
    assert_true(mint_encrypt_tricks_n >= 20);
    for (size_t i = 0; i < mint_encrypt_tricks_n; i++) {
        const struct mint_encrypt_trick *t = &mint_encrypt_tricks[i];
        struct mint_response m = response();
        struct mint_encrypt x;
        struct err e = ERR_INIT;

        assert_ptr_equal(mint_encrypt_trick_find(t->name), t);
        mint_encrypt_init(&x, recipient);
        m.encrypt_assertion = &x;
        assert_ok(judge(&m, 0, NULL, &e), &e);
        x.trick = t;
        if (judge(&m, 0, NULL, &e) == 0)
            fail_msg("trick %s was accepted", t->name);
        if (strcmp(err_name(e.code), t->expected) != 0)
            fail_msg("trick %s: %s (%s), not %s", t->name, err_name(e.code), e.msg, t->expected);
    }
    assert_null(mint_encrypt_trick_find("no-such-trick"));
}

/* A trick is about the one thing: where the exception allows what it does, it is accepted. */
static void tricks_are_about_one_thing(void **state)
{
    static const char *const names[] = {"rsa15", "tripledes"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct mint_response m = response();
        struct mint_encrypt x;
        struct err e = ERR_INIT;

        mint_encrypt_init(&x, recipient);
        x.trick = mint_encrypt_trick_find(names[i]);
        m.encrypt_assertion = &x;
        assert_ok(judge(&m, SAML_ALLOW_RSA15, NULL, &e), &e);
    }
}

static void wrong_requests(void **state)
{
    static const struct {
        const char *cipher, *transport, *digest, *mgf;
    } rows[] = {
        {"aes512-cbc", "rsa-oaep", NULL, NULL},           {"aes256-cbc", "rsa-2_0", NULL, NULL},
        {"aes256-cbc", "rsa-oaep", "md5", NULL},          {"aes256-cbc", "rsa-oaep", NULL, "sha224"},
        {"aes256-cbc", "rsa-oaep-mgf1p", NULL, "sha256"},
    };
    struct mint_recipient *none = NULL;
    struct err e = ERR_INIT;
    struct mint_response m;
    struct mint_encrypt x;
    struct buf out;

    (void)state;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        m = response();
        x = (struct mint_encrypt){.to = recipient,
                                  .cipher = rows[i / 2].cipher,
                                  .transport = rows[i / 2].transport,
                                  .digest = rows[i / 2].digest,
                                  .mgf = rows[i / 2].mgf};
        if (i % 2)
            m.encrypt_id = &x;
        else
            m.encrypt_assertion = &x;
        buf_init(&out, MINT_XML_MAX);
        assert_err(mint_response(&m, idp.key, &out, &e), &e, "usage");
        buf_free(&out);
    }
    m = response();
    mint_encrypt_init(&x, recipient);
    m.issuer = NULL;
    m.encrypt_assertion = &x;
    buf_init(&out, MINT_XML_MAX);
    assert_err(mint_response(&m, idp.key, &out, &e), &e, "usage");
    buf_free(&out);
    assert_err(mint_recipient_load("/nonexistent", &none, &e), &e, "trust-unusable");
    assert_err(mint_recipient_load(sp.key_file, &none, &e), &e, "trust-unusable");
    assert_null(none);
}

static int set_up(void **state)
{
    struct err e = ERR_INIT;
    char *text;
    size_t n;

    (void)state;
    assert_ok(secret_init(&e), &e);
    assert_ok(saml_init(&e), &e);
    lab_keys_make(&idp, "RSA");
    lab_keys_make(&sp, "RSA");
    saml_trust_init(&trust);
    text = unit_read_file(idp.dir, "cert", &n);
    assert_ok(saml_trust_add_pem(&trust, slice_make(text, n), &e), &e);
    free(text);
    text = unit_read_file(sp.dir, "key", &n);
    assert_ok(saml_sp_keys_add_pem(&keys, slice_make(text, n), false, &e), &e);
    free(text);
    assert_ok(mint_recipient_load(sp.cert_file, &recipient, &e), &e);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mint_recipient_free(recipient);
    saml_sp_keys_free(&keys);
    saml_trust_free(&trust);
    lab_keys_free(&idp);
    lab_keys_free(&sp);
    saml_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way),
        cmocka_unit_test(old_ways),
        cmocka_unit_test(each_trick_is_refused_as_its_row_says),
        cmocka_unit_test(tricks_are_about_one_thing),
        cmocka_unit_test(wrong_requests),
    };

    return cmocka_run_group_tests_name("lab/encrypt", tests, set_up, tear_down);
}
