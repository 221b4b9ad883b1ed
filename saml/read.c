/* read.c - see read.h. Section numbers are those of "Assertions and Protocols for SAML V2.0" (core). */
#include "saml/read.h"

#include "saml/names.h"
#include "saml/reader.h"

/* Version, ID and IssueInstant, which a Response and an Assertion have alike (2.3.3, 3.2.2). */
static int read_head(struct reader *r, struct slice *ret_id, int64_t *ret_issue_instant, struct err *e)
{
    struct slice text;

    if (!slice_is(token_attr(&r->tok, "Version"), "2.0"))
        return reader_refuse(r, e, "Version is not 2.0");
    if (reader_attr(r, "ID", ret_id, e) != 0)
        return -1;
    if (!token_is_ncname(*ret_id))
        return reader_refuse(r, e, "ID is not an NCName");
    if (reader_attr(r, "IssueInstant", &text, e) != 0)
        return -1;
    return reader_time(r, "IssueInstant", ret_issue_instant, e);
}

/*
 * Subject (2.4.1)
 */

/* NameID, or EncryptedID with a NameID in it (2.2.4). A BaseID, or an Assertion as an identifier, nobody sends. */
static int read_identifier(struct reader *r, struct saml_assertion *as, struct err *e)
{
    struct reader_name name = {.value = {NULL, 0}};

    if (!reader_is(r, SAML_NS_ASSERTION, "NameID") && !reader_is(r, SAML_NS_ASSERTION, "EncryptedID"))
        return reader_refuse(r, e, "the Subject does not begin with a NameID");
    if (reader_name(r, &name, e) != 0)
        return -1;
    as->name_id = name.value;
    as->name_id_format = name.format;
    as->name_qualifier = name.qualifier;
    as->sp_name_qualifier = name.sp_qualifier;
    return 0;
}

/* SubjectConfirmationData (2.4.1.2): its attributes count, its content (a KeyInfo, say) belongs to other methods. */
static int read_confirmation_data(struct reader *r, struct saml_confirmation *c, struct err *e)
{
    c->recipient = token_attr(&r->tok, "Recipient");
    c->in_response_to = token_attr(&r->tok, "InResponseTo");
    if (reader_time(r, "NotBefore", &c->not_before, e) != 0 ||
        reader_time(r, "NotOnOrAfter", &c->not_on_or_after, e) != 0)
        return -1;
    return reader_skip(r, e);
}

static int read_confirmation(struct reader *r, struct saml_assertion *as, struct err *e)
{
    struct saml_confirmation *c = &as->confirmations[as->nconfirmations];
    struct slice method;

    if (as->nconfirmations == SAML_CONFIRMATIONS_MAX)
        return reader_refuse(r, e, "more than %d subject confirmations", SAML_CONFIRMATIONS_MAX);
    as->nconfirmations++;
    if (reader_attr(r, "Method", &method, e) != 0)
        return -1;
    c->bearer = slice_is(method, SAML_METHOD_BEARER);

    if (reader_child(r, e) != 0)
        return -1;
    /* names who may confirm, if not the subject; nothing here decides by it */
    if ((reader_is(r, SAML_NS_ASSERTION, "NameID") || reader_is(r, SAML_NS_ASSERTION, "BaseID") ||
         reader_is(r, SAML_NS_ASSERTION, "EncryptedID")) &&
        reader_skip_child(r, e) != 0)
        return -1;
    if (reader_is(r, SAML_NS_ASSERTION, "SubjectConfirmationData") &&
        (read_confirmation_data(r, c, e) != 0 || reader_child(r, e) != 0))
        return -1;
    return reader_stop(r, "SubjectConfirmation", e);
}

static int read_subject(struct reader *r, struct saml_assertion *as, struct err *e)
{
    if (reader_child(r, e) != 0 || read_identifier(r, as, e) != 0 || reader_child(r, e) != 0)
        return -1;
    while (reader_is(r, SAML_NS_ASSERTION, "SubjectConfirmation")) {
        if (read_confirmation(r, as, e) != 0 || reader_child(r, e) != 0)
            return -1;
    }
    return reader_stop(r, "Subject", e);
}

/*
 * Conditions (2.5)
 */

static int read_restriction(struct reader *r, struct saml_restriction *ret, size_t *audiences_left, struct err *e)
{
    struct slice *audiences = NULL;

    if (reader_child(r, e) != 0)
        return -1;
    for (ret->n = 0; reader_is(r, SAML_NS_ASSERTION, "Audience"); ret->n++) {
        if ((*audiences_left)-- == 0)
            return reader_refuse(r, e, "more than %d audiences", SAML_AUDIENCES_MAX);
        audiences = reader_room(r, audiences, ret->n, sizeof *audiences, e);
        if (!audiences || reader_text(r, "Audience", &audiences[ret->n], e) != 0 || reader_child(r, e) != 0)
            return -1;
    }
    ret->audiences = audiences;
    if (ret->n == 0)
        return reader_refuse(r, e, "an AudienceRestriction without Audience");
    return reader_stop(r, "AudienceRestriction", e);
}

static int read_conditions(struct reader *r, struct saml_assertion *as, struct err *e)
{
    struct saml_restriction *restrictions = NULL;
    size_t audiences_left = SAML_AUDIENCES_MAX;
    bool proxy_seen = false;

    as->has_conditions = true;
    if (reader_time(r, "NotBefore", &as->not_before, e) != 0 ||
        reader_time(r, "NotOnOrAfter", &as->not_on_or_after, e) != 0 || reader_child(r, e) != 0)
        return -1;
    while (r->tok.kind == TOKEN_START) {
        if (token_is(&r->tok, SAML_NS_ASSERTION, "AudienceRestriction")) {
            restrictions = reader_room(r, restrictions, as->nrestrictions, sizeof *restrictions, e);
            if (!restrictions || read_restriction(r, &restrictions[as->nrestrictions++], &audiences_left, e) != 0 ||
                reader_child(r, e) != 0)
                return -1;
            continue;
        }
        if (token_is(&r->tok, SAML_NS_ASSERTION, "OneTimeUse")) {
            if (as->one_time_use)
                return reader_refuse(r, e, "OneTimeUse twice"); /* 2.5.1.5 */
            as->one_time_use = true;
        } else if (token_is(&r->tok, SAML_NS_ASSERTION, "ProxyRestriction")) {
            if (proxy_seen)
                return reader_refuse(r, e,
                                     "ProxyRestriction twice"); /* 2.5.1.6; it binds who issues further assertions */
            proxy_seen = true;
        } else {
            as->unknown_condition = true;
        }
        if (reader_skip_child(r, e) != 0)
            return -1;
    }
    as->restrictions = restrictions;
    return reader_stop(r, "Conditions", e);
}

/*
 * Statements (2.7)
 */

static void keep_earliest(int64_t *t, int64_t other)
{
    if (other != 0 && (*t == 0 || other < *t))
        *t = other;
}

/* AuthnContext (2.7.2.2): the class reference is read, declarations and authorities are not. */
static int read_authn_context(struct reader *r, struct slice *ret_class, struct err *e)
{
    *ret_class = (struct slice){NULL, 0};
    if (reader_child(r, e) != 0)
        return -1;
    if (reader_is(r, SAML_NS_ASSERTION, "AuthnContextClassRef") &&
        (reader_text(r, "AuthnContextClassRef", ret_class, e) != 0 || reader_child(r, e) != 0))
        return -1;
    if ((reader_is(r, SAML_NS_ASSERTION, "AuthnContextDecl") ||
         reader_is(r, SAML_NS_ASSERTION, "AuthnContextDeclRef")) &&
        reader_skip_child(r, e) != 0)
        return -1;
    while (reader_is(r, SAML_NS_ASSERTION, "AuthenticatingAuthority")) {
        if (reader_skip_child(r, e) != 0)
            return -1;
    }
    return reader_stop(r, "AuthnContext", e);
}

static int read_authn_statement(struct reader *r, struct saml_assertion *as, struct err *e)
{
    bool first = !as->has_authn_statement;
    int64_t instant, session_end;
    struct slice text, context;

    if (reader_attr(r, "AuthnInstant", &text, e) != 0 || reader_time(r, "AuthnInstant", &instant, e) != 0 ||
        reader_time(r, "SessionNotOnOrAfter", &session_end, e) != 0)
        return -1;
    keep_earliest(&as->authn_instant, instant);
    keep_earliest(&as->session_not_on_or_after, session_end);
    as->has_authn_statement = true;
    if (first)
        as->session_index = token_attr(&r->tok, "SessionIndex");

    if (reader_child(r, e) != 0)
        return -1;
    if (reader_is(r, SAML_NS_ASSERTION, "SubjectLocality") && reader_skip_child(r, e) != 0)
        return -1;
    if (!reader_is(r, SAML_NS_ASSERTION, "AuthnContext"))
        return reader_refuse(r, e, "an AuthnStatement without AuthnContext");
    if (read_authn_context(r, &context, e) != 0 || reader_child(r, e) != 0)
        return -1;
    if (first)
        as->authn_context = context;
    return reader_stop(r, "AuthnStatement", e);
}

static int read_value(struct reader *r, struct slice *ret, struct err *e)
{
    struct slice nil = token_attr_ns(&r->tok, SAML_NS_XSI, "nil");

    if (reader_plain_text(r, ret, e) != 0)
        return -1;
    if (slice_is(nil, "true") || slice_is(nil, "1"))
        *ret = (struct slice){NULL, 0};
    return 0;
}

static int read_attribute(struct reader *r, struct saml_attribute *ret, struct err *e)
{
    struct slice *values = NULL;

    if (reader_attr(r, "Name", &ret->name, e) != 0)
        return -1;
    ret->name_format = token_attr(&r->tok, "NameFormat");
    ret->friendly_name = token_attr(&r->tok, "FriendlyName");
    if (reader_child(r, e) != 0)
        return -1;
    for (ret->nvalues = 0; reader_is(r, SAML_NS_ASSERTION, "AttributeValue"); ret->nvalues++) {
        values = reader_room(r, values, ret->nvalues, sizeof *values, e);
        if (!values || read_value(r, &values[ret->nvalues], e) != 0 || reader_child(r, e) != 0)
            return -1;
    }
    ret->values = values;
    return reader_stop(r, "Attribute", e);
}

/* Several statements count as one. `*attributes` is the array so far. */
static int read_attribute_statement(struct reader *r, struct saml_assertion *as, struct saml_attribute **attributes,
                                    struct err *e)
{
    if (reader_child(r, e) != 0)
        return -1;
    while (r->tok.kind == TOKEN_START) {
        if (token_is(&r->tok, SAML_NS_ASSERTION, "EncryptedAttribute")) {
            /*
             * Not decrypted: products encrypt the whole assertion, and each of these would cost a private-key
             * operation. But it may be any attribute, so that from now on none is known to be absent.
             */
            as->has_encrypted_attribute = true;
            if (reader_skip_child(r, e) != 0)
                return -1;
            continue;
        }
        if (!token_is(&r->tok, SAML_NS_ASSERTION, "Attribute"))
            break;
        if (as->nattributes == SAML_ATTRIBUTES_MAX)
            return reader_refuse(r, e, "more than %d attributes", SAML_ATTRIBUTES_MAX);
        *attributes = reader_room(r, *attributes, as->nattributes, sizeof **attributes, e);
        if (!*attributes || read_attribute(r, &(*attributes)[as->nattributes++], e) != 0 || reader_child(r, e) != 0)
            return -1;
    }
    return reader_stop(r, "AttributeStatement", e);
}

static int read_statements(struct reader *r, struct saml_assertion *as, struct err *e)
{
    struct saml_attribute *attributes = NULL;

    while (r->tok.kind == TOKEN_START) {
        int rc;

        if (token_is(&r->tok, SAML_NS_ASSERTION, "AuthnStatement"))
            rc = read_authn_statement(r, as, e);
        else if (token_is(&r->tok, SAML_NS_ASSERTION, "AttributeStatement"))
            rc = read_attribute_statement(r, as, &attributes, e);
        else if (token_is(&r->tok, SAML_NS_ASSERTION, "AuthzDecisionStatement") ||
                 token_is(&r->tok, SAML_NS_ASSERTION, "Statement"))
            rc = reader_skip(r, e);
        else
            break;
        if (rc != 0 || reader_child(r, e) != 0)
            return -1;
    }
    as->attributes = attributes;
    return reader_stop(r, "Assertion", e);
}

/*
 * Assertion (2.3.3) and Response (3.3.3)
 */

static int read_issuer(struct reader *r, struct slice *ret, struct err *e)
{
    return reader_text(r, "Issuer", ret, e) != 0 ? -1 : reader_child(r, e);
}

/*
 * From its start tag to its end tag. `own_signature`: the element still holds the Assertion's own Signature, as it does
 * within a signed Response; the enveloped-signature transform took it out of the bytes that it covers itself.
 */
static int read_assertion(struct reader *r, bool own_signature, struct saml_assertion *as, struct err *e)
{
    if (read_head(r, &as->id, &as->issue_instant, e) != 0 || reader_child(r, e) != 0)
        return -1;
    if (!reader_is(r, SAML_NS_ASSERTION, "Issuer"))
        return reader_refuse(r, e, "an Assertion that does not begin with its Issuer");
    if (read_issuer(r, &as->issuer, e) != 0)
        return -1;
    if (own_signature && reader_is(r, SAML_NS_DSIG, "Signature") && reader_skip_child(r, e) != 0)
        return -1;
    if (!reader_is(r, SAML_NS_ASSERTION, "Subject"))
        return reader_refuse(r, e, "an Assertion without Subject, or not in its place");
    if (read_subject(r, as, e) != 0 || reader_child(r, e) != 0)
        return -1;
    if (reader_is(r, SAML_NS_ASSERTION, "Conditions") && (read_conditions(r, as, e) != 0 || reader_child(r, e) != 0))
        return -1;
    if (reader_is(r, SAML_NS_ASSERTION, "Advice") && reader_skip_child(r, e) != 0)
        return -1;
    return read_statements(r, as, e);
}

/*
 * Within a signed Response. The Assertion may have a Signature of its own, which is passed over here as it is where
 * nothing is encrypted: the Response's signature covers every octet of the ciphertext and so of the plaintext.
 */
static int read_encrypted_assertion(struct reader *r, struct saml_assertion *as, struct err *e)
{
    struct reader *inner;

    if (reader_decrypt(r, SAML_NS_ASSERTION, "Assertion", &inner, e) != 0)
        return -1;
    return read_assertion(inner, true, as, e) != 0 || reader_next(inner, e) != 0 ? -1 : 0;
}

/* StatusCode (3.2.2.2): *ret is its Value, *ret_sub that of the code below it. */
static int read_status_code(struct reader *r, struct slice *ret, struct slice *ret_sub, struct err *e)
{
    if (!reader_is(r, SAML_NS_PROTOCOL, "StatusCode"))
        return reader_refuse(r, e, "a Status that does not begin with StatusCode");
    if (reader_attr(r, "Value", ret, e) != 0 || reader_child(r, e) != 0)
        return -1;
    *ret_sub = (struct slice){NULL, 0};
    if (reader_is(r, SAML_NS_PROTOCOL, "StatusCode")) {
        *ret_sub = token_attr(&r->tok, "Value");
        if (reader_skip_child(r, e) != 0)
            return -1;
    }
    return reader_stop(r, "StatusCode", e);
}

/* Status (3.2.2.1). Whatever is not Success ends here, with the codes and the message for the administrator. */
static int read_status(struct reader *r, struct err *e)
{
    struct slice code, sub = {NULL, 0}, message = {NULL, 0};
    char found[200];

    if (reader_child(r, e) != 0 || read_status_code(r, &code, &sub, e) != 0 || reader_child(r, e) != 0)
        return -1;
    if (reader_is(r, SAML_NS_PROTOCOL, "StatusMessage") &&
        (reader_plain_text(r, &message, e) != 0 || reader_child(r, e) != 0))
        return -1;
    if (reader_is(r, SAML_NS_PROTOCOL, "StatusDetail") && reader_skip_child(r, e) != 0)
        return -1;
    if (reader_stop(r, "Status", e) != 0)
        return -1;
    if (slice_is(code, SAML_STATUS_SUCCESS))
        return 0;
    str_cut(found, sizeof found, code);
    return reader_place(r, e,
                        err_mismatch(e, ERR_STATUS, found, SAML_STATUS_SUCCESS, "the answer is a refusal: %.*s %.*s",
                                     SLICE_ARG(sub), SLICE_ARG(message)));
}

static int read_response(struct reader *r, struct saml_response *resp, struct saml_assertion *as, struct err *e)
{
    if (read_head(r, &resp->id, &resp->issue_instant, e) != 0)
        return -1;
    resp->destination = token_attr(&r->tok, "Destination");
    resp->in_response_to = token_attr(&r->tok, "InResponseTo");
    if (reader_child(r, e) != 0)
        return -1;
    if (reader_is(r, SAML_NS_ASSERTION, "Issuer") && read_issuer(r, &resp->issuer, e) != 0)
        return -1;
    if (reader_is(r, SAML_NS_PROTOCOL, "Extensions") && reader_skip_child(r, e) != 0)
        return -1;
    if (!reader_is(r, SAML_NS_PROTOCOL, "Status"))
        return reader_refuse(r, e, "a Response without Status, or not in its place");
    if (read_status(r, e) != 0 || reader_child(r, e) != 0)
        return -1;
    if (reader_is(r, SAML_NS_ASSERTION, "EncryptedAssertion")) {
        if (read_encrypted_assertion(r, as, e) != 0)
            return -1;
    } else if (!reader_is(r, SAML_NS_ASSERTION, "Assertion")) {
        return reader_refuse(r, e, "a Response without Assertion");
    } else if (read_assertion(r, true, as, e) != 0) {
        return -1;
    }
    if (reader_child(r, e) != 0)
        return -1;
    return reader_stop(r, "Response", e);
}

int saml_read(struct slice element, enum saml_element what, const struct saml_sp_keys *keys, unsigned allow,
              struct arena *a, struct saml_response *ret_response, struct saml_assertion *ret, struct err *e)
{
    struct reader_source source = {.xml = element, .code = ERR_READ, .keys = keys, .allow = allow};
    struct reader *r;
    int rc;

    *ret_response = (struct saml_response){0};
    *ret = (struct saml_assertion){0};
    if (element.n > SAML_XML_MAX)
        return err_set(e, ERR_READ, "%zu signed bytes, more than %d", element.n, SAML_XML_MAX);
    if (reader_open(&source, a, &r, e) != 0)
        return -1;
    if (what == SAML_RESPONSE && reader_is(r, SAML_NS_PROTOCOL, "Response"))
        rc = read_response(r, ret_response, ret, e);
    else if (what == SAML_ASSERTION && reader_is(r, SAML_NS_ASSERTION, "Assertion"))
        rc = read_assertion(r, false, ret, e);
    else
        return reader_refuse(r, e, "the signed element is not the %s it is said to be",
                             what == SAML_RESPONSE ? "Response" : "Assertion");
    if (rc != 0 || reader_next(r, e) != 0) /* the tokenizer lets nothing but the end follow */
        return -1;
    return 0;
}

/*
 * Looking things up
 */

const struct saml_attribute *saml_attribute_get(const struct saml_assertion *as, struct slice name)
{
    const struct saml_attribute *hit = NULL;

    for (size_t i = 0; i < as->nattributes; i++) {
        if (!slice_eq(as->attributes[i].name, name))
            continue;
        if (hit)
            return NULL;
        hit = &as->attributes[i];
    }
    return hit;
}

struct slice saml_attribute_single(const struct saml_assertion *as, struct slice name)
{
    const struct saml_attribute *attr = saml_attribute_get(as, name);

    if (!attr || attr->nvalues != 1 || !attr->values[0].p)
        return (struct slice){NULL, 0};
    return slice_trim(attr->values[0]);
}
