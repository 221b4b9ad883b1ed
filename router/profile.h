/*
 * profile.h - what the products are known to send: the defaults of an idps block, and what a login must carry besides.
 *
 * A row holds only names that recorded Responses of that product show, or that its maker documents as fixed. Where a
 * product leaves a name to whoever configures it, the row is silent and the generic name is taken. Only a source that
 * is immutable may be the default of the account key: other products have to be told (`subject_from`).
 */
#ifndef USHER_ROUTER_PROFILE_H
#define USHER_ROUTER_PROFILE_H

#include "base/email.h"
#include "router/config.h"
#include "saml/read.h"

enum idp_profile {
    PROFILE_GENERIC = 0,
    PROFILE_ENTRA,
    PROFILE_ADFS,
    PROFILE_OKTA,
    PROFILE_GOOGLE,
    PROFILE_KEYCLOAK,
    PROFILE_SHIBBOLETH,
    PROFILE_COUNT
};

struct profile {
    const char *name;
    const char *email_from;          /* "nameid" or an attribute name */
    const char *subject_from;        /* NULL: the configuration must say */
    const char *name_from;           /* NULL: as generic */
    const char *groups_from;         /* NULL: as generic */
    const char *groups_overage_from; /* NULL: the product sends all groups */
};

/* NULL-terminated, in the order of enum idp_profile: for the option table. */
extern const char *const profile_names[];
const struct profile *profile_get(enum idp_profile p);
/* Fills what the configuration left out; subject_from stays NULL if the profile has no safe one. */
void profile_defaults(struct config_idp *idp);

#define PROFILE_TENANT_SIZE 37
/* The tenant ID in an Entra entity ID, "https://sts.windows.net/TENANT/" (and perhaps an application ID behind it).
 * False: it is none. */
bool profile_entra_tenant(struct slice entity_id, char dst[PROFILE_TENANT_SIZE]);
/* True for 8-4-4-4-12 hexadecimal digits. */
bool profile_is_guid(struct slice s);

/*
 * After signature, conditions and e-mail: what the profile asks of the signed claims. Entra: the tenantid claim is this
 * tenant's (a claim that is missing is not); a guest of the directory (#EXT# in the name, or authenticated by somebody
 * else) only with an address in guest_domains. ERR_TENANT, ERR_GUEST.
 */
int profile_check(const struct config_idp *idp, const struct saml_assertion *as, const struct email *email,
                  struct err *e);

#endif
