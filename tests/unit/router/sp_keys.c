/* Unit tests of the option sp_keys: files that only their owner may read, a key and its certificate, in order. */
#include "tests/unit/router/config_rig.h"

static char *key_pem(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    return sign_bio_text(bio);
}

/* A file with a key and the certificate of another, or of the same. */
static void write_key(const char *name, EVP_PKEY *key, EVP_PKEY *of_certificate, mode_t mode)
{
    char *private = key_pem(key), *cert = of_certificate ? sign_cert_pem(of_certificate, "usher") : strdup("");
    char *both = sign_printf("%s%s", private, cert);

    rig_write(name, both, mode);
    free(both);
    free(cert);
    free(private);
}

#define IDP "idps:\n  a: { profile: entra, metadata: idp.xml, domains: [contoso.com], sign_requests: yes }\n"

static void two_keys(void **state)
{
    const struct config *c = rig_load("sp_keys: [new.pem, old.pem]\n" IDP);

    (void)state;
    assert_non_null(c);
    assert_int_equal(c->sp_keys.n, 2);
    assert_int_equal(EVP_PKEY_eq(c->sp_keys.v[0].pkey, rig_key), 1);
    assert_true(c->idps[0].sign_requests);
    assert_true(slice_ends(slice_of(c->sp_key_files.v[1]), SLICE("/old.pem")));
    assert_int_equal(c->sp_key_files.v[1][0], '/');
    c = rig_load("sp_keys: new.pem\n" IDP);
    assert_int_equal(c->sp_keys.n, 1);
}

static void refused(void **state)
{
    EVP_PKEY *weak = sign_rsa(1024), *ec = sign_ec("P-256");

    (void)state;
    write_key("open.pem", rig_key, rig_key, 0644);
    write_key("bare.pem", rig_key, NULL, 0600);
    write_key("weak.pem", weak, weak, 0600);
    write_key("ec.pem", ec, ec, 0600);
    write_key("other.pem", rig_key, ec, 0600);
    rig_write("junk.pem", "junk", 0600);
    for (int i = 0; i < 7; i++) {
        static const char *const names[] = {"open", "bare", "weak", "ec", "other", "junk", "none"};
        char *text = sign_printf("sp_keys: [new.pem, %s.pem]\n" IDP, names[i]);

        assert_null(rig_load(text));
        assert_said("usher.yaml:4:20: error: sp_keys: ");
        assert_said("bad-key-file");
        free(text);
    }
    EVP_PKEY_free(weak);
    EVP_PKEY_free(ec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_keys), cmocka_unit_test(refused)};
    EVP_PKEY *old;

    if (rig_start(NULL) != 0)
        return 1;
    old = sign_rsa(2048);
    rig_metadata("idp.xml", RIG_ISSUER, RIG_SSO, "", 365);
    write_key("new.pem", rig_key, rig_key, 0600);
    write_key("old.pem", old, old, 0600);
    EVP_PKEY_free(old);
    return cmocka_run_group_tests_name("router sp_keys", tests, NULL, rig_stop);
}
