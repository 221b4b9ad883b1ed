/*
 * Unit tests of router/profile.h: that recorded Responses hold the names which the rows claim, and what Entra's profile
 * asks of signed claims.
 */
#include "tests/unit/unit.h"

#include <unistd.h>

#include "router/profile.h"
#include "saml/check.h"

#define TENANT "11111111-2222-3333-4444-555555555555"
#define OTHER "99999999-2222-3333-4444-555555555555"
#define ISSUER "https://sts.windows.net/" TENANT "/"
#define CLAIMS "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
#define IDP_CLAIM "http://schemas.microsoft.com/identity/claims/identityprovider"

/* The encrypted recordings (Shibboleth) cannot be looked into here. */
static void recordings_hold_the_names(void **state)
{
    static const struct {
        const char *file;
        enum idp_profile profile;
        bool email, name, groups;
    } proof[] = {
        {"responses/adfs-61551eb6.xml", PROFILE_ADFS, true, false, true},
        {"responses/adfs-ad9f816a.xml", PROFILE_ADFS, false, true, false},
        {"responses/keycloak-2901848f.xml", PROFILE_KEYCLOAK, true, false, true},
        {"responses/keycloak-7b7b7e71.xml", PROFILE_KEYCLOAK, false, false, true},
    };
    const char *dir = getenv("USHER_RECORDED");

    (void)state;
    if (!dir || access(dir, R_OK) != 0)
        skip();
    for (size_t i = 0; i < sizeof proof / sizeof *proof; i++) {
        const struct profile *p = profile_get(proof[i].profile);
        const char *names[] = {proof[i].email ? p->email_from : NULL, proof[i].name ? p->name_from : NULL,
                               proof[i].groups ? p->groups_from : NULL};
        char *xml = unit_read_file(dir, proof[i].file, NULL), attribute[256];

        for (size_t k = 0; k < 3; k++) {
            (void)snprintf(attribute, sizeof attribute, " Name=\"%s\"", names[k] ? names[k] : "");
            if (names[k] && !strstr(xml, attribute))
                fail_msg("%s has no attribute %s", proof[i].file, names[k]);
        }
        free(xml);
    }
}

static void rows(void **state)
{
    (void)state;
    for (int i = 0; i < PROFILE_COUNT; i++) {
        const struct profile *p = profile_get((enum idp_profile)i);

        assert_string_equal(p->name, profile_names[i]);
        assert_non_null(p->email_from);
        /* whoever is keyed by NameID was told so: generic warns, the others refuse without subject_from */
        if (i != PROFILE_GENERIC)
            assert_true(!p->subject_from || strcmp(p->subject_from, "nameid") != 0);
    }
    assert_null(profile_names[PROFILE_COUNT]);
}

static void tenants_of_entity_ids(void **state)
{
    static const char *const none[] = {
        "",
        "https://sts.windows.net/",
        "https://sts.windows.net/" TENANT,
        "https://sts.windows.net/{tenant}/",
        "https://sts.windows.net/11111111-2222-3333-4444-55555555555x/",
        "https://sts.windows.net/11111111-2222-3333-44444555555555555/",
        "https://sts.windows.net/x/" TENANT "/",
        "https://sts.windows.net.evil.test/" TENANT "/",
        "http://sts.windows.net/" TENANT "/",
        "https://login.microsoftonline.com/" TENANT "/",
    };
    char tenant[PROFILE_TENANT_SIZE];

    (void)state;
    assert_true(profile_entra_tenant(SLICE(ISSUER), tenant));
    assert_string_equal(tenant, TENANT);
    assert_true(profile_entra_tenant(SLICE(ISSUER OTHER), tenant));
    assert_string_equal(tenant, TENANT);
    assert_true(profile_entra_tenant(SLICE("https://sts.chinacloudapi.cn/" TENANT "/"), tenant));
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(profile_entra_tenant(slice_of(none[i]), tenant));
}

/* An assertion of up to four attributes, one value each. */
struct sample {
    struct slice values[4];
    struct saml_attribute attributes[4];
    struct saml_assertion as;
};

static struct saml_assertion *assertion(struct sample *s, const char *issuer, const char *const names_and_values[8])
{
    *s = (struct sample){.as = {.issuer = slice_of(issuer), .name_id = SLICE("ada@contoso.com")}};
    for (size_t i = 0; i < 4 && names_and_values[2 * i]; i++) {
        s->values[i] = slice_of(names_and_values[2 * i + 1]);
        s->attributes[i] =
            (struct saml_attribute){.name = slice_of(names_and_values[2 * i]), .values = &s->values[i], .nvalues = 1};
        s->as.nattributes++;
    }
    s->as.attributes = s->attributes;
    return &s->as;
}

#define ASSERTION(s, issuer, ...) assertion((s), (issuer), (const char *const[8]){__VA_ARGS__})

static struct config_idp entra = {.name = "a", .profile = PROFILE_ENTRA};
static struct email ada, bob;

static void the_tenant_must_be_right(void **state)
{
    struct config_idp idp = entra;
    struct err e = ERR_INIT;
    struct sample s;

    (void)state;
    assert_ok(profile_check(&idp, ASSERTION(&s, ISSUER, SAML_CLAIM_TENANT_ID, TENANT), &ada, &e), &e);
    assert_ok(profile_check(&idp, ASSERTION(&s, ISSUER, SAML_CLAIM_TENANT_ID, " " TENANT "\n"), &ada, &e), &e);
    assert_ok(profile_check(&idp, ASSERTION(&s, " " ISSUER, SAML_CLAIM_TENANT_ID, TENANT), &ada, &e), &e);
    assert_err(profile_check(&idp, ASSERTION(&s, ISSUER, SAML_CLAIM_TENANT_ID, OTHER), &ada, &e), &e,
               "tenant-mismatch");
    assert_err(profile_check(&idp, ASSERTION(&s, ISSUER, NULL), &ada, &e), &e, "tenant-mismatch");
    assert_err(profile_check(&idp, ASSERTION(&s, ISSUER, SAML_CLAIM_TENANT_ID, ""), &ada, &e), &e, "tenant-mismatch");
    assert_err(profile_check(&idp, ASSERTION(&s, ISSUER, SAML_CLAIM_TENANT_ID, TENANT, SAML_CLAIM_TENANT_ID, TENANT),
                             &ada, &e),
               &e, "tenant-mismatch"); /* twice is ambiguous */

    /* of the entity ID nothing is known: only the option speaks */
    assert_ok(profile_check(&idp, ASSERTION(&s, "https://idp.test/", SAML_CLAIM_TENANT_ID, OTHER), &ada, &e), &e);
    idp.tenant = "11111111-2222-3333-4444-555555555555";
    assert_err(profile_check(&idp, ASSERTION(&s, "https://idp.test/", SAML_CLAIM_TENANT_ID, OTHER), &ada, &e), &e,
               "tenant-mismatch");
    assert_err(profile_check(&idp, ASSERTION(&s, "https://idp.test/", NULL), &ada, &e), &e, "tenant-mismatch");
    assert_ok(profile_check(&idp, ASSERTION(&s, "https://idp.test/", SAML_CLAIM_TENANT_ID, TENANT), &ada, &e), &e);
    /* both are known and differ: neither is believed */
    idp.tenant = OTHER;
    assert_err(profile_check(&idp, ASSERTION(&s, ISSUER, SAML_CLAIM_TENANT_ID, OTHER), &ada, &e), &e,
               "tenant-mismatch");
    assert_err(profile_check(&idp, ASSERTION(&s, ISSUER, SAML_CLAIM_TENANT_ID, TENANT), &ada, &e), &e,
               "tenant-mismatch");
}

#define TENANT_CLAIM SAML_CLAIM_TENANT_ID, TENANT

static void guests(void **state)
{
    static const char *const partner[] = {"partner.org"};
    static const struct {
        const char *name, *value;
    } marks[] = {
        {CLAIMS "name", "bob_partner.org#EXT#@contoso.onmicrosoft.com"},
        {CLAIMS "upn", "bob_partner.org#ext#@contoso.onmicrosoft.com"},
        {IDP_CLAIM, "https://sts.windows.net/" OTHER "/"},
        {IDP_CLAIM, "live.com"},
        {IDP_CLAIM, "mail"},
        {IDP_CLAIM, ""},
        {IDP_CLAIM, NULL}, /* a value that is not plain text */
    };
    struct config_idp strict = entra, open = entra;
    struct err e = ERR_INIT;
    struct sample s;

    (void)state;
    open.guest_domains = (struct conf_strings){partner, 1};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        struct saml_assertion *as = ASSERTION(&s, ISSUER, TENANT_CLAIM, marks[i].name, marks[i].value);

        assert_err(profile_check(&strict, as, &ada, &e), &e, "guest-not-allowed");
        assert_err(profile_check(&strict, as, &bob, &e), &e, "guest-not-allowed");
        assert_ok(profile_check(&open, as, &bob, &e), &e);
        /* a guest never speaks for the tenant's own domain */
        assert_err(profile_check(&open, as, &ada, &e), &e, "guest-not-allowed");
    }
    /* a member: its own directory authenticated it, with and without the application behind the issuer */
    assert_ok(profile_check(&strict, ASSERTION(&s, ISSUER, TENANT_CLAIM, IDP_CLAIM, ISSUER), &ada, &e), &e);
    assert_ok(profile_check(&strict, ASSERTION(&s, ISSUER OTHER, TENANT_CLAIM, IDP_CLAIM, ISSUER), &ada, &e), &e);
    assert_ok(profile_check(&strict, ASSERTION(&s, ISSUER, TENANT_CLAIM, CLAIMS "name", "ada#1@contoso.com"), &ada, &e),
              &e);
    /* a member's claim does not hide a guest's */
    assert_err(
        profile_check(&strict, ASSERTION(&s, ISSUER, TENANT_CLAIM, IDP_CLAIM, ISSUER, IDP_CLAIM, "live.com"), &ada, &e),
        &e, "guest-not-allowed");
    (void)ASSERTION(&s, ISSUER, TENANT_CLAIM);
    s.as.name_id = SLICE("bob_partner.org#EXT#@contoso.onmicrosoft.com");
    assert_err(profile_check(&strict, &s.as, &bob, &e), &e, "guest-not-allowed");
}

static void other_profiles_ask_nothing(void **state)
{
    struct err e = ERR_INIT;
    struct sample s;

    (void)state;
    for (int i = 0; i < PROFILE_COUNT; i++) {
        struct config_idp idp = {.name = "a", .profile = i};
        struct saml_assertion *as = ASSERTION(&s, ISSUER, SAML_CLAIM_TENANT_ID, OTHER, IDP_CLAIM, "live.com");

        if (i == PROFILE_ENTRA)
            assert_err(profile_check(&idp, as, &ada, &e), &e, "tenant-mismatch");
        else
            assert_ok(profile_check(&idp, as, &ada, &e), &e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recordings_hold_the_names),
        cmocka_unit_test(rows),
        cmocka_unit_test(tenants_of_entity_ids),
        cmocka_unit_test(the_tenant_must_be_right),
        cmocka_unit_test(guests),
        cmocka_unit_test(other_profiles_ask_nothing),
    };
    struct err e = ERR_INIT;

    if (email_parse(SLICE("ada@contoso.com"), &ada, &e) != 0 || email_parse(SLICE("bob@partner.org"), &bob, &e) != 0)
        return 1;
    return cmocka_run_group_tests_name("router profile", tests, NULL, NULL);
}
