/* Unit tests of router/idp_lint.h: each finding with its place and code, and what is sound has none. */
#include "tests/unit/router/config_rig.h"

#include "router/idp_lint.h"

#define APP "99999999-8888-7777-6666-555555555555"
#define CLAIMS "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
#define MICROSOFT "https://login.microsoftonline.com/"
#define PATH "/federationmetadata/2007-06/federationmetadata.xml"
#define ENTRA "profile: entra, metadata: idp.xml, domains: [contoso.com]"
#define ENTRA_URL(tenant, query) \
    "{ profile: entra, domains: [contoso.com], metadata: '" MICROSOFT tenant PATH query "' }"

/* What is said of one block about idp.xml, with its level, right behind the text `before` in the block (NULL: of the
 * block as a whole). All is in line 5, where the block begins in column 6. */
static void finds(const char *block, const char *level, const char *before, const char *text)
{
    const char *found = before ? strstr(block, before) : block;
    char place[64], *line;

    assert_non_null(found);
    (void)snprintf(place, sizeof place, ":5:%zu: %s: ", (size_t)(found - block) + (before ? strlen(before) : 0) + 6,
                   level);
    (void)rig_idp(block);
    assert_said(text);
    line = strstr(rig_said, text);
    while (line > rig_said && line[-1] != '\n')
        line--;
    line[strcspn(line, "\n")] = '\0';
    if (!strstr(line, place))
        fail_msg("'%s' is not said at '%s' but: %s", text, place, line);
}

static void sound_blocks(void **state)
{
    static const char *const sound[] = {
        "{ " ENTRA " }",
        "{ " ENTRA ", tenant: " RIG_TENANT " }",
        "{ " ENTRA ", email_from: " CLAIMS "emailaddress }",
        "{ " ENTRA ", subject_from: 'urn:employee-number' }",
        "{ " ENTRA ", entity_id: 'urn:usher' }",
        "{ " ENTRA ", allow: [{ name: rsa1024, until: 2027-06-30 }] }",
        ENTRA_URL(RIG_TENANT, "?appid=" APP),
        ENTRA_URL(RIG_TENANT, "?x=1&AppId=" APP),
        "{ profile: okta, metadata: idp.xml, domains: [contoso.onmicrosoft.com], subject_from: objectId }",
        "{ metadata: idp.xml, domains: [contoso.com], subject_from: nameid, email_from: mail }",
    };

    (void)state;
    for (size_t i = 0; i < sizeof sound / sizeof *sound; i++) {
        assert_non_null(rig_idp(sound[i]));
        assert_sound();
    }
}

static void metadata_urls(void **state)
{
    (void)state;
    finds(ENTRA_URL(RIG_TENANT, ""), "warning", "metadata: ", "no ?appid=APPLICATION-ID");
    finds(ENTRA_URL(RIG_TENANT, "?appid="), "warning", "metadata: ", "(signature-invalid)");
    finds(ENTRA_URL(RIG_TENANT, "?appid=contoso"), "warning", "metadata: ", "no ?appid=APPLICATION-ID");
    finds(ENTRA_URL(RIG_TENANT, "?xappid=" APP), "warning", "metadata: ", "no ?appid=APPLICATION-ID");
    finds(ENTRA_URL("common", "?appid=" APP), "error", "metadata: ", "(issuer-mismatch, AADSTS50194)");
    finds(ENTRA_URL("organizations", "?appid=" APP), "error", "metadata: ", "'organizations' is not a tenant");
    finds(ENTRA_URL("Consumers", "?appid=" APP), "error", "metadata: ", "'Consumers' is not a tenant");
    finds("{ profile: entra, domains: [contoso.com], tenant: " APP ", metadata: '" MICROSOFT RIG_TENANT PATH
          "?appid=" APP "' }",
          "error", "tenant: ", "tenant is not the one of the metadata URL");
    /* not Microsoft's: its form is its own affair */
    assert_non_null(
        rig_idp("{ profile: entra, domains: [contoso.com], metadata: 'https://mirror.contoso.com/x.xml' }"));
    assert_sound();
}

static void issuers(void **state)
{
    (void)state;
    rig_metadata("t.xml", "https://sts.windows.net/{tenant}/", MICROSOFT "common/saml2", "", 365);
    finds("{ profile: entra, metadata: t.xml, domains: [contoso.com] }", "error",
          "metadata: ", "the IdP's entity ID is a template");
    assert_said("AADSTS50194");
    rig_metadata("t.xml", RIG_ISSUER, MICROSOFT "common/saml2", "", 365);
    finds("{ profile: entra, metadata: t.xml, domains: [contoso.com] }", "error",
          "metadata: ", "the sign-on URL is not of one tenant");
    rig_metadata("t.xml", "https://idp.contoso.com/", "https://idp.contoso.com/sso", "", 365);
    finds("{ profile: entra, metadata: t.xml, domains: [contoso.com] }", "warning",
          "metadata: ", "is not https://sts.windows.net/TENANT/: no tenant is known");
    finds("{ profile: entra, metadata: t.xml, domains: [contoso.com], tenant: " RIG_TENANT " }", "warning",
          "metadata: ", "tenant stands for it");
    finds("{ " ENTRA ", tenant: " APP " }", "error", "tenant: ", "tenant is not the one of the IdP's entity ID");
    /* a stand-in for tests cannot answer with Entra's errors */
    rig_metadata("t.xml", "https://idp.other.test/", "https://idp.other.test/sso", "", 365);
    assert_non_null(rig_idp("{ profile: entra, metadata: t.xml, domains: [contoso.com] }"));
    assert_sound();
}

static void entity_ids(void **state)
{
    (void)state;
    finds("{ " ENTRA ", entity_id: 'urn:usher ' }", "error", "entity_id: ", "(AADSTS700016)");
    finds("{ " ENTRA ", entity_id: ' urn:usher' }", "error", "entity_id: ", "holds a blank");
    finds("{ " ENTRA ", entity_id: 'urn:us her' }", "error", "entity_id: ", "holds a blank");
    finds("{ " ENTRA ", entity_id: '' }", "error", "entity_id: ", "entity_id '' is empty");
    finds("{ " ENTRA ", entity_id: usher }", "warning", "entity_id: ", "'usher' is not a URI");
    finds("{ " ENTRA ", entity_id: ':usher' }", "warning", "entity_id: ", "audience-mismatch");
    finds("{ metadata: idp.xml, domains: [contoso.com], subject_from: id, entity_id: 'urn:usher ' }", "error",
          "entity_id: ", "what the IdP has");
    assert_not_said("AADSTS");
    (void)rig_load("entity_id: 'urn:usher '\nidps:\n  a: { " ENTRA " }\n");
    assert_said("usher.yaml:4:12: error: entity_id 'urn:usher '");
}

static void reply_urls(void **state)
{
    (void)state;
    rig_public_url = "http://login.localhost:8080";
    (void)rig_idp("{ " ENTRA " }");
    assert_said("usher.yaml:1:13: warning: Entra takes an https Reply URL only");
    assert_said("AADSTS50011");
    (void)rig_idp("{ metadata: idp.xml, domains: [contoso.com], subject_from: id }");
    assert_sound();
    rig_public_url = "https://login.example.com";
}

static void claims(void **state)
{
    static const char *const emails[] = {"nameid", CLAIMS "name", CLAIMS "upn"};
    static const char *const subjects[] = {
        CLAIMS "emailaddress", CLAIMS "name", CLAIMS "upn", "mail", "urn:oid:0.9.2342.19200300.100.1.3",
        "UserPrincipalName"};
    char *block;

    (void)state;
    for (size_t i = 0; i < sizeof emails / sizeof *emails; i++) {
        block = sign_printf("{ " ENTRA ", email_from: %s }", emails[i]);
        finds(block, "warning", "email_from: ", "is the user principal name, which is not the mail address");
        free(block);
    }
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        block = sign_printf("{ " ENTRA ", subject_from: '%s' }", subjects[i]);
        finds(block, "error", "subject_from: ", "can change, and can be given to somebody else");
        free(block);
        block = sign_printf("{ metadata: idp.xml, domains: [x.org], subject_from: '%s' }", subjects[i]);
        finds(block, "warning", "subject_from: ", "can change, and can be given to somebody else");
        free(block);
    }
    finds("{ " ENTRA ", subject_from: nameid }", "warning", "subject_from: ", "the objectidentifier claim is the key");
    finds("{ metadata: idp.xml, domains: [x.org], subject_from: nameid }", "warning",
          "subject_from: ", "subject_from and email_from are both the NameID");
    finds("{ " ENTRA ", groups_overage_from: '' }", "error", "groups_overage_from: ", "groups_overage_from is empty");
    finds("{ profile: entra, metadata: idp.xml, domains: [contoso.com, contoso.onmicrosoft.com] }", "warning",
          "domains: ", "contoso.onmicrosoft.com: addresses of a tenant's initial domain");
}

static void keys_of_the_idp(void **state)
{
    EVP_PKEY *weak = sign_rsa(1024);

    (void)state;
    rig_metadata("t.xml", RIG_ISSUER, RIG_SSO, "", 30);
    finds("{ profile: entra, metadata: t.xml, domains: [contoso.com] }", "warning",
          "metadata: ", "certificate 'CN=idp' expires in 30 days");
    rig_metadata("t.xml", RIG_ISSUER, RIG_SSO, "", 31);
    assert_non_null(rig_idp("{ profile: entra, metadata: t.xml, domains: [contoso.com] }"));
    assert_sound();
    rig_metadata("t.xml", RIG_ISSUER, RIG_SSO, "", -1);
    finds("{ profile: entra, metadata: t.xml, domains: [contoso.com] }", "warning",
          "metadata: ", "certificate 'CN=idp' has expired; its key still counts, as it is pinned");
    assert_non_null(strstr(rig_said, "AADSTS50003"));
    rig_metadata_of(weak, "t.xml", RIG_ISSUER, RIG_SSO, "", 365);
    finds("{ profile: entra, metadata: t.xml, domains: [contoso.com] }", "warning", "metadata: ", "(key-too-weak)");
    assert_non_null(rig_idp("{ profile: entra, metadata: t.xml, domains: [contoso.com], "
                            "allow: [{ name: rsa1024, until: 2027-06-30 }] }"));
    assert_sound();
    EVP_PKEY_free(weak);
}

static void saved_metadata(void **state)
{
    struct conf_problems *p = conf_problems_new();
    struct buf said;

    (void)state;
    rig_metadata("t.xml", RIG_ISSUER, RIG_SSO, " WantAuthnRequestsSigned=\"true\"", 365);
    finds("{ profile: entra, metadata: t.xml, domains: [contoso.com] }", "warning", NULL,
          "the metadata wants signed requests (WantAuthnRequestsSigned): set sign_requests and sp_keys (AADSTS76021)");
    rig_metadata("t.xml", RIG_ISSUER, RIG_SSO, " WantAuthnRequestsSigned=\"false\"", 365);
    assert_non_null(rig_idp("{ profile: entra, metadata: t.xml, domains: [contoso.com] }"));
    assert_sound();
    rig_metadata("t.xml", RIG_ISSUER, "http://sso.contoso.com/", "", 365);
    finds("{ profile: entra, metadata: t.xml, domains: [contoso.com] }", "warning",
          "metadata: ", "the sign-on URL is http: http://sso.contoso.com/");

    assert_non_null(rig_idp("{ " ENTRA " }"));
    rig_config->idps[0].trust.valid_until = RIG_NOW - 3 * 86400;
    idp_lint(rig_config, RIG_NOW, p);
    buf_init(&said, 65536);
    conf_problems_print(p, &said);
    assert_non_null(strstr(buf_cstr(&said), ":5:34: warning: the saved metadata is past its validUntil by 3 days"));
    buf_free(&said);
    conf_problems_free(p);
}

static void exceptions(void **state)
{
    (void)state;
    finds("{ " ENTRA ", allow: [{ name: rsa1024, until: 2026-12-20 }] }", "warning", "allow: [",
          "the exception 'rsa1024' ends in 25 days; from then on such logins are refused (key-too-weak)");
    finds("{ " ENTRA ", allow: [{ name: sha1, until: 2026-12-20 }] }", "warning", "allow: [",
          "the exception 'sha1' ends in 25 days; from then on such logins are refused (algorithm-not-allowed)");
    finds("{ " ENTRA ", allow: [{ name: sha1, until: 2027-06-30 }] }", "warning", "allow: [",
          "Entra signs with SHA-256 by default");
    finds("{ " ENTRA ", allow: [{ name: rsa15, until: 2027-06-30 }] }", "warning", "allow: [",
          "there is no key to decrypt with (sp_keys)");
    (void)rig_idp("{ " ENTRA ", allow: [{ name: sha1, until: 2026-11-01 }] }");
    assert_said("has ended and is not in force");
    assert_not_said("Entra signs with SHA-256");
}

/* The certificate that Entra verifies requests with. */
static void our_own_certificate(void **state)
{
    struct buf said;

    (void)state;
    assert_non_null(rig_idp("{ " ENTRA " }"));
    rig_config->idps[0].sign_requests = true;
    for (int day = -1; day <= 31; day += 16) {
        struct conf_problems *p = conf_problems_new();

        rig_config->sp_keys = (struct saml_sp_keys){.v = {{.not_after = RIG_NOW + day * 86400}}, .n = 1};
        idp_lint(rig_config, RIG_NOW, p);
        rig_config->sp_keys.n = 0;
        buf_init(&said, 65536);
        conf_problems_print(p, &said);
        if (day == 31)
            assert_string_equal(buf_cstr(&said), "");
        else
            assert_non_null(strstr(buf_cstr(&said), day < 0 ? "has expired: put a new one in front"
                                                            : "expires within 30 days: put a new one in front"));
        buf_free(&said);
        conf_problems_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_blocks),        cmocka_unit_test(metadata_urls),  cmocka_unit_test(issuers),
        cmocka_unit_test(entity_ids),          cmocka_unit_test(reply_urls),     cmocka_unit_test(claims),
        cmocka_unit_test(keys_of_the_idp),     cmocka_unit_test(saved_metadata), cmocka_unit_test(exceptions),
        cmocka_unit_test(our_own_certificate),
    };

    if (rig_start(NULL) != 0)
        return 1;
    rig_metadata("idp.xml", RIG_ISSUER, RIG_SSO, "", 365);
    return cmocka_run_group_tests_name("router idp_lint", tests, NULL, rig_stop);
}
