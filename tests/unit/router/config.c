/* Unit tests of the identity providers' options in router/config.h: what is read, what is refused, what is printed. */
#include "tests/unit/router/config_rig.h"

#include "router/profile.h"

#define ENTRA "profile: entra, metadata: idp.xml, domains: [contoso.com, partner.org]"
#define URL_IDP                                                                                        \
    "profile: entra, domains: [contoso.com], metadata: 'https://login.microsoftonline.com/" RIG_TENANT \
    "/federationmetadata/2007-06/federationmetadata.xml?appid=99999999-8888-7777-6666-555555555555'"
#define DAY 86400

static void a_file(void **state)
{
    const struct config_idp *idp = rig_idp("{ " ENTRA " }");

    (void)state;
    assert_sound();
    assert_false(idp->metadata_is_url);
    assert_int_equal(idp->metadata[0], '/');
    assert_string_equal(idp->trust.issuer, RIG_ISSUER);
    assert_string_equal(idp->trust.sso_redirect, RIG_SSO);
    assert_int_equal(idp->refresh, 0);
    assert_string_equal(idp->logout_issuer, "https://login.microsoftonline.com/" RIG_TENANT "/");
    assert_string_equal(rig_config->slo_url, "https://login.example.com/saml/slo");
    assert_string_equal(idp->entity_id, "https://login.example.com/saml/metadata");
}

/* Nothing is fetched at load: the trust is empty. */
static void a_url(void **state)
{
    const struct config_idp *idp = rig_idp("{ " URL_IDP " }");

    (void)state;
    assert_sound();
    assert_true(idp->metadata_is_url);
    assert_int_equal(idp->refresh, 6 * 3600);
    assert_null(idp->trust.issuer);
    assert_int_equal(idp->trust.nkeys, 0);
    assert_false(idp->metadata_private);

    idp = rig_idp("{ " URL_IDP ", refresh: 5m, metadata_private: yes, metadata_ca: ca.pem, metadata_valid_until: yes, "
                  "tenant: " RIG_TENANT " }");
    assert_sound();
    assert_int_equal(idp->refresh, 300);
    assert_true(idp->metadata_private);
    assert_true(idp->metadata_valid_until);
    assert_true(slice_ends(slice_of(idp->metadata_ca), SLICE("/ca.pem")));
    assert_int_equal(idp->metadata_ca[0], '/');
    assert_string_equal(idp->logout_issuer, "https://login.microsoftonline.com/" RIG_TENANT "/");
}

static void options_that_are_refused(void **state)
{
    static const struct {
        const char *block, *said;
    } bad[] = {
        {"{ domains: [x.org], metadata: 'http://idp.example.com/metadata' }",
         "usher.yaml:5:36: error: metadata over http"},
        {"{ domains: [x.org], metadata: 'ftp://idp.example.com/metadata' }", "usher.yaml:5:36: error: metadata"},
        {"{ domains: [x.org], metadata: 'file:///etc/idp.xml' }", "usher.yaml:5:36: error: metadata"},
        {"{ " URL_IDP ", refresh: 4m }", "error: refresh: 240 is not between 300 and 604800 seconds"},
        {"{ " URL_IDP ", refresh: 8d }", "error: refresh: "},
        {"{ " ENTRA ", refresh: 1h }", "error: refresh is for a metadata URL"},
        {"{ " ENTRA ", metadata_private: yes }", "error: metadata_private is for a metadata URL"},
        {"{ " ENTRA ", metadata_ca: ca.pem }", "error: metadata_ca is for a metadata URL"},
        {"{ " ENTRA ", metadata_signer: idp.xml }", "error: metadata_signer is for a metadata URL"},
        {"{ " URL_IDP ", metadata_signer: none.pem }", "none.pem"},
        {"{ " URL_IDP ", metadata_signer: idp.xml }", "trust-unusable"},
        {"{ " ENTRA ", metadata_valid_until: yes }", "error: metadata_valid_until: the metadata has no validUntil"},
        {"{ " ENTRA ", tenant: contoso }", "error: 'contoso' is not a tenant ID"},
        {"{ " ENTRA ", tenant: 11111111-2222-3333-4444-55555555555g }", "is not a tenant ID"},
        {"{ " ENTRA ", guest_domains: [other.org] }", "error: other.org is not in domains"},
        {"{ " ENTRA ", whr: 'not a domain' }", "error: whr is a domain, or `address`"},
        {"{ " ENTRA ", sign_requests: yes }", "error: sign_requests needs a key: sp_keys is not given"},
        {"{ metadata: idp.xml, domains: [x.org], subject_from: id, tenant: " RIG_TENANT " }",
         "error: tenant is for profile: entra"},
        {"{ metadata: idp.xml, domains: [x.org], subject_from: id, whr: x.org }", "error: whr is for profile: entra"},
        {"{ metadata: idp.xml, domains: [x.org], subject_from: id, guest_domains: [x.org] }",
         "error: guest_domains is for profile: entra"},
        {"{ profile: adfs, metadata: idp.xml, domains: [x.org] }", "error: subject_from is missing: profile adfs"},
        {"{ profile: okta, metadata: idp.xml, domains: [x.org] }", "error: subject_from is missing: profile okta"},
        {"{ profile: google, metadata: idp.xml, domains: [x.org] }", "error: subject_from is missing: profile google"},
        {"{ profile: keycloak, metadata: idp.xml, domains: [x.org] }", "error: subject_from is missing"},
        {"{ profile: entra, metadata: cert.pem, domains: [x.org] }", "is a certificate; metadata is needed"},
    };
    char *pem = sign_cert_pem(rig_key, "x");

    (void)state;
    rig_write("cert.pem", pem, 0644);
    free(pem);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(rig_idp(bad[i].block));
        assert_said(bad[i].said);
    }
}

/* Never silently: without a word about it the key of accounts is no NameID. */
static void account_keys(void **state)
{
    const struct config_idp *idp = rig_idp("{ metadata: idp.xml, domains: [x.org] }");

    (void)state;
    assert_string_equal(idp->subject_from, "nameid");
    assert_said("usher.yaml:5:6: warning: subject_from is not given: accounts are keyed by NameID");
    idp = rig_idp("{ profile: shibboleth, metadata: idp.xml, domains: [x.org] }");
    assert_sound();
    assert_string_equal(idp->subject_from, "urn:oasis:names:tc:SAML:attribute:subject-id");
    idp = rig_idp("{ profile: adfs, metadata: idp.xml, domains: [x.org], subject_from: objectGUID }");
    assert_sound();
    assert_string_equal(idp->subject_from, "objectGUID");
}

static void defaults_of_profiles(void **state)
{
    const struct config_idp *idp = rig_idp("{ " ENTRA " }");

    (void)state;
    assert_string_equal(idp->email_from, "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress");
    assert_string_equal(idp->groups_overage_from, "http://schemas.microsoft.com/claims/groups.link");
    idp = rig_idp("{ " ENTRA ", email_from: urn:own, groups_from: roles }");
    assert_string_equal(idp->email_from, "urn:own");
    assert_string_equal(idp->groups_from, "roles");
    idp = rig_idp("{ profile: okta, metadata: idp.xml, domains: [x.org], subject_from: id }");
    assert_string_equal(idp->email_from, "nameid");
    assert_string_equal(idp->name_from, "displayName");
    assert_string_equal(idp->groups_from, "groups");
    assert_null(idp->groups_overage_from);
    assert_null(idp->logout_issuer);
}

static void exceptions(void **state)
{
    /* the machine's clock plays no part: 2026-11-24T10:00:00Z */
    const struct config_idp *idp =
        rig_idp("{ " ENTRA ", allow: [{ name: rsa1024, until: 2027-01-31 }, { name: sha1, until: 2027-03-01 }] }");
    int64_t january = RIG_NOW + 67 * DAY + 14 * 3600, march = january + 29 * DAY;
    struct buf text;

    (void)state;
    assert_int_equal(idp->nexceptions, 2);
    assert_int_equal(idp->exceptions[0].until, january);
    assert_int_equal(idp->allow, SAML_ALLOW_SHA1 | SAML_ALLOW_RSA1024);
    assert_int_equal(idp->trust.allow, idp->allow);
    assert_int_equal(config_idp_allow(idp, RIG_NOW), SAML_ALLOW_SHA1 | SAML_ALLOW_RSA1024);
    assert_int_equal(config_idp_allow(idp, january - 1), SAML_ALLOW_SHA1 | SAML_ALLOW_RSA1024);
    assert_int_equal(config_idp_allow(idp, january), SAML_ALLOW_SHA1);
    assert_int_equal(config_idp_allow(idp, march - 1), SAML_ALLOW_SHA1);
    assert_int_equal(config_idp_allow(idp, march), 0);

    buf_init(&text, 4096);
    config_print_exceptions(rig_config, RIG_NOW, &text);
    assert_string_equal(buf_cstr(&text), "exception rsa1024 of idps.a ends 2027-01-31T00:00:00Z (in 67 days)\n"
                                         "exception sha1 of idps.a ends 2027-03-01T00:00:00Z (in 96 days)\n");
    buf_reset(&text);
    config_print_exceptions(rig_config, january, &text);
    assert_string_equal(buf_cstr(&text), "exception sha1 of idps.a ends 2027-03-01T00:00:00Z (in 29 days)\n");
    buf_reset(&text);
    config_print_exceptions(rig_config, march, &text);
    assert_int_equal(text.len, 0);
    buf_free(&text);
}

static void an_exception_that_has_ended(void **state)
{
    const struct config_idp *idp = rig_idp("{ " ENTRA ", allow: [{ name: sha1, until: 2026-11-24 }] }");

    (void)state;
    assert_non_null(idp);
    assert_said("warning: the exception 'sha1' has ended and is not in force");
    assert_int_equal(config_idp_allow(idp, RIG_NOW), 0);
    assert_int_equal(idp->allow, 0);
    assert_int_equal(idp->trust.allow, 0);
}

static void exceptions_that_are_refused(void **state)
{
    static const struct {
        const char *allow, *said;
    } bad[] = {
        {"sha1", "usher.yaml:5:87: error: allow is a list of { name: sha1, until: DATE }"},
        {"{ sha1: 2027-01-31 }", "error: allow is a list"},
        {"[sha1]", "error: idps.NAME.allow[]: expected a mapping"},
        {"[{ name: sha1 }]", "error: required option 'until' is missing"},
        {"[{ until: 2027-01-31 }]", "error: required option 'name' is missing"},
        {"[{ name: sha1, until: never }]", "error: until"},
        {"[{ name: sha1, until: 2027-12-30 }]", "error: an exception ends within 400 days"},
        {"[{ name: md5, until: 2027-01-31 }]", "error: 'md5' is not one of sha1, rsa1024, rsa15"},
        {"[{ name: sha1, until: 2027-01-31 }, { name: sha1, until: 2027-02-28 }]", "'sha1' is given twice"},
        {"[{ name: sha1, untill: 2027-01-31 }]", "did you mean 'until'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *block = sign_printf("{ " ENTRA ", allow: %s }", bad[i].allow);

        assert_null(rig_idp(block));
        assert_said(bad[i].said);
        free(block);
    }
    /* the 29th is 400 days ahead */
    assert_non_null(rig_idp("{ " ENTRA ", allow: [{ name: rsa1024, until: 2027-12-29 }] }"));
}

/* The effective configuration is a configuration, and the same one. */
static void printed_and_read_back(void **state)
{
    static const char *const blocks[] = {
        "{ " ENTRA ", guest_domains: [partner.org], whr: Contoso.COM, allow: [{ name: sha1, until: 2027-01-31 }] }",
        "{ " URL_IDP ", tenant: " RIG_TENANT ", whr: address }",
        "{ profile: keycloak, metadata: idp.xml, domains: [x.org], subject_from: id, logout_issuer: urn:x }",
    };
    struct buf first, second;

    (void)state;
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        struct conf_problems *p = conf_problems_new();
        struct config *again;
        char path[256];

        buf_init(&first, 65536);
        buf_init(&second, 65536);
        assert_non_null(rig_idp(blocks[i]));
        config_print(rig_config, &first);
        rig_write("effective.yaml", buf_cstr(&first), 0644);
        (void)snprintf(path, sizeof path, "%s/effective.yaml", rig_dir);
        again = config_load(path, p);
        assert_non_null(again);
        config_print(again, &second);
        assert_string_equal(buf_cstr(&first), buf_cstr(&second));
        if (i == 0) {
            assert_non_null(strstr(buf_cstr(&first), "    allow:\n      -\n        name: sha1\n"
                                                     "        until: 2027-01-31T00:00:00Z\n"));
            assert_non_null(strstr(buf_cstr(&first), "    whr: contoso.com\n"));
        }
        config_free(again);
        conf_problems_free(p);
        buf_free(&first);
        buf_free(&second);
    }
}

static void signers_of_metadata(void **state)
{
    char *pem = sign_public_pem(rig_key);
    const struct config_idp *idp;

    (void)state;
    rig_write("signer.pem", pem, 0644);
    free(pem);
    idp = rig_idp("{ " URL_IDP ", metadata_signer: signer.pem }");
    assert_non_null(idp);
    assert_int_equal(idp->signer.nkeys, 1);
    assert_int_equal(idp->signer.keys[0].type, SAML_KEY_RSA);
}

static void what_entra_must_have(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 4096);
    assert_non_null(rig_idp("{ " ENTRA ", entity_id: 'urn:usher' }"));
    config_print_registration(rig_config, &text);
    assert_string_equal(
        buf_cstr(&text),
        "idps.a: Entra must have, octet by octet, the Identifier (Entity ID) urn:usher (otherwise "
        "AADSTS700016), and the Reply URL https://login.example.com/saml/acs (otherwise AADSTS50011)\n");
    buf_reset(&text);
    assert_non_null(rig_idp("{ metadata: idp.xml, domains: [x.org], subject_from: id }"));
    config_print_registration(rig_config, &text);
    assert_int_equal(text.len, 0);
    buf_free(&text);
}

static void three_keys_of_ours_are_too_many(void **state)
{
    (void)state;
    assert_null(rig_load("sp_keys: [a.pem, b.pem, c.pem]\n"));
    assert_said("usher.yaml:4:10: error: sp_keys: at most 2 keys");
    assert_said("bad-key-file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file),
        cmocka_unit_test(a_url),
        cmocka_unit_test(options_that_are_refused),
        cmocka_unit_test(account_keys),
        cmocka_unit_test(defaults_of_profiles),
        cmocka_unit_test(exceptions),
        cmocka_unit_test(an_exception_that_has_ended),
        cmocka_unit_test(exceptions_that_are_refused),
        cmocka_unit_test(printed_and_read_back),
        cmocka_unit_test(signers_of_metadata),
        cmocka_unit_test(three_keys_of_ours_are_too_many),
        cmocka_unit_test(what_entra_must_have),
    };

    if (rig_start(NULL) != 0)
        return 1;
    rig_metadata("idp.xml", RIG_ISSUER, RIG_SSO, "", 365);
    return cmocka_run_group_tests_name("router config", tests, NULL, rig_stop);
}
