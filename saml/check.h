/*
 * check.h - the conditions of SAML profiles 4.1.4.3 and core 2.4, 2.5 as one table, each row with its own error code.
 *
 * Pure: state (the request ID from the sealed cookie, replay) is brought or kept by the caller. Every comparison is
 * octet by octet; Issuer, Audience and NameID are trimmed of XML white space first (Entra sends a leading blank).
 */
#ifndef USHER_SAML_CHECK_H
#define USHER_SAML_CHECK_H

#include "base/email.h"
#include "saml/read.h"

#define SAML_SKEW_DEFAULT 60
#define SAML_SKEW_MAX 300
#define SAML_NAMEID_TRANSIENT "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
#define SAML_CLAIM_EMAIL "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"
#define SAML_CLAIM_OBJECT_ID "http://schemas.microsoft.com/identity/claims/objectidentifier"
#define SAML_CLAIM_TENANT_ID "http://schemas.microsoft.com/identity/claims/tenantid"
#define SAML_CLAIM_DISPLAY_NAME "http://schemas.microsoft.com/identity/claims/displayname"
#define SAML_CLAIM_GROUPS "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"
#define SAML_CLAIM_GROUPS_LINK "http://schemas.microsoft.com/claims/groups.link"

struct saml_expect {
    struct slice issuer, acs, audience;
    struct slice request_id; /* of the request this answers; ignored if unsolicited */
    bool unsolicited;        /* no InResponseTo may be present */
    int64_t now;
    int64_t skew;                     /* seconds, 0 to SAML_SKEW_MAX */
    struct slice email_from;          /* "nameid" or an attribute name */
    const char *const *email_domains; /* A-labels this IdP may speak for; n == 0: no ownership check */
    size_t nemail_domains;
};

/* The e-mail by the configured source. present is false (and 0 returned) if there is none and no domains were given. */
int saml_email(const struct saml_assertion *as, const struct saml_expect *x, bool *ret_present, struct email *ret,
               struct err *e);

/*
 * Runs the whole table; the first failed row decides and e->at names it. `response` may be zeroed (unsigned). `outer`
 * is unsigned text that can only refuse. At success *ret_valid_until is the last second at which the same assertion
 * could pass again (for the replay memory).
 */
int saml_check(const struct saml_assertion *as, const struct saml_response *response, const struct saml_outer *outer,
               const struct saml_expect *x, int64_t *ret_valid_until, struct err *e);

#endif
