/*
 * read.h - the strict reader: signed bytes in, struct saml_assertion out. No libxml2.
 *
 * It reads canonical XML (UTF-8, no DTD, no processing instructions, no entities but the five and character references)
 * of at most SAML_XML_MAX bytes; names are compared as namespace + local name; QNames in values are never resolved. The
 * element order and cardinality of SAML core 2.3 to 2.7 are enforced for what is used; unknown attributes of an
 * AttributeStatement are kept, unknown elements where the schema has no wildcard are refused. A *used* value (Issuer,
 * NameID, Audience, times, a used AttributeValue) that is split by a comment, CDATA section or element is refused;
 * comments between elements and a whole-CDATA value pass. What is encrypted in signed bytes is decrypted here and read
 * by the same rules: the private keys are on this side of the pipe.
 */
#ifndef USHER_SAML_READ_H
#define USHER_SAML_READ_H

#include "base/arena.h"
#include "saml/verify.h"

#define SAML_ATTRIBUTES_MAX 512
#define SAML_CONFIRMATIONS_MAX 8
#define SAML_AUDIENCES_MAX 64

struct saml_attribute {
    struct slice name, name_format, friendly_name;
    const struct slice *values; /* text of each AttributeValue; p == NULL: not plain text (xsi:nil, elements, split) */
    size_t nvalues;
};
struct saml_confirmation {
    bool bearer;
    struct slice recipient, in_response_to; /* p == NULL: absent */
    int64_t not_before, not_on_or_after;    /* 0: absent */
};
struct saml_restriction { /* one AudienceRestriction; all of them must hold */
    const struct slice *audiences;
    size_t n;
};
struct saml_assertion {
    struct slice id, issuer;
    int64_t issue_instant;
    struct slice name_id, name_id_format; /* name_id.p is never NULL */
    struct slice name_qualifier, sp_name_qualifier;
    struct saml_confirmation confirmations[SAML_CONFIRMATIONS_MAX];
    size_t nconfirmations;
    bool has_conditions;
    int64_t not_before, not_on_or_after; /* of Conditions; 0: absent */
    const struct saml_restriction *restrictions;
    size_t nrestrictions;
    bool unknown_condition; /* a condition other than AudienceRestriction, OneTimeUse, ProxyRestriction */
    bool one_time_use;
    bool has_authn_statement;
    int64_t authn_instant, session_not_on_or_after; /* earliest of all statements; 0: absent */
    struct slice session_index, authn_context;      /* of the first AuthnStatement */
    const struct saml_attribute *attributes;
    size_t nattributes;
    bool has_encrypted_attribute; /* not read: an attribute that is missing here is unknown, not absent */
};

/* Fields of a *signed* Response element; zeroed if only the Assertion is signed. */
struct saml_response {
    struct slice id, issuer, destination, in_response_to; /* p == NULL: absent */
    int64_t issue_instant;
};

/*
 * Reads `element`, whose root is `what`. For SAML_RESPONSE the Assertion is its one child of that name, or of the name
 * EncryptedAssertion. That, and an EncryptedID in place of the NameID, is decrypted with `keys` (NULL or empty:
 * ERR_DECRYPT_KEY); `allow`: SAML_ALLOW_RSA15. Everything points into `element` or `a`, so that both must outlive the
 * result. ERR_READ (bad times too), ERR_STATUS, ERR_ALGORITHM, ERR_DECRYPT, ERR_DECRYPT_KEY, ERR_MEMORY. After an error
 * the results hold nothing that may be used.
 */
int saml_read(struct slice element, enum saml_element what, const struct saml_sp_keys *keys, unsigned allow,
              struct arena *a, struct saml_response *ret_response, struct saml_assertion *ret, struct err *e);

/* The attribute with exactly this Name, or NULL; NULL too if two attributes have it (ambiguous). */
const struct saml_attribute *saml_attribute_get(const struct saml_assertion *as, struct slice name);
/* Its only value. {NULL, 0} if absent, several, or not plain text. White space around it is trimmed. */
struct slice saml_attribute_single(const struct saml_assertion *as, struct slice name);

#endif
