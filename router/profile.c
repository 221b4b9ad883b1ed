/* profile.c - see profile.h. */
#include "router/profile.h"

#include "saml/check.h"

#define CLAIMS "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
#define CLAIM_NAME CLAIMS "name"
#define CLAIM_UPN CLAIMS "upn"
#define CLAIM_IDENTITY_PROVIDER "http://schemas.microsoft.com/identity/claims/identityprovider"

/*
 * What proves the names: files of the recorded Responses by their family (tests/unit/router/profile.c reads them).
 * Okta, Google: only the NameID is the product's own, and it is the address; attributes are named by whoever sets the
 * application up ("email", "Email", "group" and "groups" are all on record).
 */
static const struct profile profiles[PROFILE_COUNT] = {
    [PROFILE_GENERIC] = {.name = "generic",
                         .email_from = "nameid",
                         .subject_from = "nameid",
                         .name_from = "displayName",
                         .groups_from = "groups"},
    /* Microsoft's reference of SAML token claims */
    [PROFILE_ENTRA] = {.name = "entra",
                       .email_from = SAML_CLAIM_EMAIL,
                       .subject_from = SAML_CLAIM_OBJECT_ID,
                       .name_from = SAML_CLAIM_DISPLAY_NAME,
                       .groups_from = SAML_CLAIM_GROUPS,
                       .groups_overage_from = SAML_CLAIM_GROUPS_LINK},
    /* adfs-61551eb6 (emailaddress, Group), adfs-ad9f816a (CommonName); NameID is transient in both */
    [PROFILE_ADFS] = {.name = "adfs",
                      .email_from = SAML_CLAIM_EMAIL,
                      .name_from = "http://schemas.xmlsoap.org/claims/CommonName",
                      .groups_from = "http://schemas.xmlsoap.org/claims/Group"},
    /* okta-*: the NameID is an address in emailAddress and unspecified format alike */
    [PROFILE_OKTA] = {.name = "okta", .email_from = "nameid"},
    /* google-f9c6421e */
    [PROFILE_GOOGLE] = {.name = "google", .email_from = "nameid"},
    /* keycloak-2901848f (X500 email, Role), keycloak-7b7b7e71 (Role); NameID is the user name, or transient */
    [PROFILE_KEYCLOAK] = {.name = "keycloak", .email_from = "urn:oid:1.2.840.113549.1.9.1", .groups_from = "Role"},
    /* shibboleth-158bc1cb (mail, displayName, eduPersonEntitlement, subject-id), shibboleth-8ccda95e (displayName),
     * both encrypted; subject-id is immutable by its specification (SAML Subject Identifier Attributes, 3.3) */
    [PROFILE_SHIBBOLETH] = {.name = "shibboleth",
                            .email_from = "urn:oid:0.9.2342.19200300.100.1.3",
                            .subject_from = "urn:oasis:names:tc:SAML:attribute:subject-id",
                            .name_from = "urn:oid:2.16.840.1.113730.3.1.241",
                            .groups_from = "urn:oid:1.3.6.1.4.1.5923.1.1.1.7"},
};

const char *const profile_names[] = {"generic", "entra", "adfs", "okta", "google", "keycloak", "shibboleth", NULL};

const struct profile *profile_get(enum idp_profile p)
{
    return &profiles[p];
}

static void fill(const char **field, const char *own, const char *otherwise)
{
    if (!*field)
        *field = own ? own : otherwise;
}

void profile_defaults(struct config_idp *idp)
{
    const struct profile *own = &profiles[idp->profile], *generic = &profiles[PROFILE_GENERIC];

    fill(&idp->email_from, own->email_from, NULL);
    fill(&idp->subject_from, own->subject_from, NULL);
    fill(&idp->name_from, own->name_from, generic->name_from);
    fill(&idp->groups_from, own->groups_from, generic->groups_from);
    fill(&idp->groups_overage_from, own->groups_overage_from, NULL);
}

/*
 * Entra
 */

bool profile_is_guid(struct slice s)
{
    if (s.n != PROFILE_TENANT_SIZE - 1)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? s.p[i] != '-' : ascii_hex_value(s.p[i]) < 0)
            return false;
    }
    return true;
}

bool profile_entra_tenant(struct slice entity_id, char dst[PROFILE_TENANT_SIZE])
{
    /* the second is the national cloud in China; that of the US government has the first */
    static const char *const issuers[] = {"https://sts.windows.net/", "https://sts.chinacloudapi.cn/"};

    for (size_t i = 0; i < sizeof issuers / sizeof *issuers; i++) {
        struct slice rest = entity_id, tenant;

        if (!slice_starts(rest, slice_of(issuers[i])))
            continue;
        rest.p += strlen(issuers[i]);
        rest.n -= strlen(issuers[i]);
        if (slice_find(rest, '/') != PROFILE_TENANT_SIZE - 1)
            return false;
        tenant = slice_make(rest.p, PROFILE_TENANT_SIZE - 1);
        return profile_is_guid(tenant) && str_copy(dst, PROFILE_TENANT_SIZE, tenant);
    }
    return false;
}

static bool is_same_guid(struct slice a, const char *b)
{
    return profile_is_guid(a) && slice_is_nocase(a, b);
}

/*
 * The signed issuer was compared with the entity ID, and its key is this tenant's. The claim is a second witness, which
 * Entra always sends: where they differ, metadata, keys or configuration are not what somebody thinks.
 */
static int check_tenant(const struct config_idp *idp, const struct saml_assertion *as, const char *of_issuer,
                        struct err *e)
{
    const char *expected = idp->tenant ? idp->tenant : of_issuer;
    struct slice claim = saml_attribute_single(as, SLICE(SAML_CLAIM_TENANT_ID));
    char found[80];

    if (!expected)
        return 0; /* nothing names a tenant: the issuer alone speaks, and `usher config --check` warns */
    if (of_issuer && !is_same_guid(slice_of(of_issuer), expected))
        return err_mismatch(e, ERR_TENANT, of_issuer, expected, "the issuer is another tenant than the configured one");
    str_cut(found, sizeof found, claim.p ? claim : SLICE("none, or several"));
    if (!is_same_guid(claim, expected))
        return err_mismatch(e, ERR_TENANT, found, expected, "the tenantid claim is not this tenant's");
    return 0;
}

/* "alice_partner.org#EXT#@contoso.onmicrosoft.com": how the directory names a guest. */
static bool has_guest_mark(struct slice name)
{
    static const char mark[] = "#ext#";

    for (size_t i = 0; i + sizeof mark - 1 <= name.n; i++) {
        if (slice_is_nocase(slice_make(name.p + i, sizeof mark - 1), mark))
            return true;
    }
    return false;
}

/* The value of identityprovider is the issuer unless somebody else authenticated this person. */
static bool is_home(const struct saml_assertion *as, struct slice value, const char *of_issuer)
{
    char tenant[PROFILE_TENANT_SIZE];
    struct slice v = slice_trim(value);

    if (slice_eq(v, slice_trim(as->issuer)))
        return true;
    /* the issuer may have the application's ID behind the tenant's */
    return of_issuer && profile_entra_tenant(v, tenant) && slice_is_nocase(slice_of(tenant), of_issuer);
}

/* Every value of every such attribute counts: one that cannot be read, or a second one, must not hide a guest. */
static bool is_guest(const struct saml_assertion *as, const char *of_issuer)
{
    bool guest = has_guest_mark(as->name_id);

    for (size_t i = 0; i < as->nattributes; i++) {
        const struct saml_attribute *at = &as->attributes[i];
        bool name = slice_is(at->name, CLAIM_NAME) || slice_is(at->name, CLAIM_UPN);
        bool provider = slice_is(at->name, CLAIM_IDENTITY_PROVIDER);

        for (size_t k = 0; (name || provider) && k < at->nvalues; k++) {
            if (!at->values[k].p || (name && has_guest_mark(at->values[k])) ||
                (provider && !is_home(as, at->values[k], of_issuer)))
                guest = true;
        }
    }
    return guest;
}

int profile_check(const struct config_idp *idp, const struct saml_assertion *as, const struct email *email,
                  struct err *e)
{
    char tenant[PROFILE_TENANT_SIZE];
    const char *of_issuer;

    if (idp->profile != PROFILE_ENTRA)
        return 0;
    of_issuer = profile_entra_tenant(slice_trim(as->issuer), tenant) ? tenant : NULL;
    if (check_tenant(idp, as, of_issuer, e) != 0)
        return -1;
    if (!is_guest(as, of_issuer))
        return 0;
    for (size_t i = 0; i < idp->guest_domains.n; i++) {
        if (strcmp(idp->guest_domains.v[i], email->domain) == 0)
            return 0;
    }
    return err_mismatch(e, ERR_GUEST, email->text, "an address in guest_domains",
                        "a guest of the directory, whom another one authenticated");
}
