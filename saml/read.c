/* read.c - see read.h. Section numbers are those of "Assertions and Protocols for SAML V2.0" (core). */
#include "saml/read.h"

#include "base/clock.h"
#include "saml/names.h"
#include "saml/token.h"

struct reader {
    struct tokenizer t;
    struct token tok; /* the last one read */
    struct arena *a;
};

/* Raises ERR_READ with the place; evaluates to -1. */
#define bad(r, e, ...) at_place((r), (e), err_set((e), ERR_READ, __VA_ARGS__))

static int at_place(const struct reader *r, struct err *e, int rc)
{
    char path[100];

    token_path(&r->t, path, sizeof path);
    (void)err_at(e, "%s", path);
    return rc;
}

/*
 * Moving about
 */

static int next(struct reader *r, struct err *e)
{
    return token_next(&r->t, &r->tok, e);
}

static bool is_start(const struct reader *r, const char *ns, const char *local)
{
    return r->tok.kind == TOKEN_START && token_is(&r->tok, ns, local);
}

/* To the next child's start tag, or to the parent's end tag; between them only white space and comments may stand. */
static int next_child(struct reader *r, struct err *e)
{
    do {
        if (next(r, e) != 0)
            return -1;
        if (r->tok.kind == TOKEN_CDATA || (r->tok.kind == TOKEN_TEXT && slice_trim(r->tok.text).n > 0))
            return bad(r, e, "text between elements");
    } while (r->tok.kind != TOKEN_START && r->tok.kind != TOKEN_STOP);
    return 0;
}

/*
 * From a start tag to its end tag, whatever is between, unless an Assertion hides there: an element of that name has
 * one place in a message, and readers that search for it must not find another one.
 */
static int skip(struct reader *r, struct err *e)
{
    size_t depth = r->t.depth;

    while (r->t.depth >= depth) {
        if (next(r, e) != 0)
            return -1;
        if (is_start(r, SAML_NS_ASSERTION, "Assertion") || is_start(r, SAML_NS_ASSERTION, "EncryptedAssertion"))
            return bad(r, e, "an assertion inside another element");
    }
    return 0;
}

/* skip() and on to the next child. */
static int skip_child(struct reader *r, struct err *e)
{
    return skip(r, e) != 0 ? -1 : next_child(r, e);
}

static int expect_stop(struct reader *r, const char *parent, struct err *e)
{
    if (r->tok.kind == TOKEN_STOP)
        return 0;
    return bad(r, e, "%.*s does not belong in %s, or not here, or not again", SLICE_ARG(r->tok.local), parent);
}

/*
 * Values
 */

/*
 * From a start tag to its end tag: the text between, if it is nothing at all, one run of characters, or one CDATA
 * section. Anything else (a comment, an element, two sections) gives p == NULL: joined or cut, two readers would not
 * see the same value.
 */
static int plain_text(struct reader *r, struct slice *ret, struct err *e)
{
    size_t depth = r->t.depth, pieces = 0;

    *ret = SLICE("");
    for (;;) {
        if (next(r, e) != 0)
            return -1;
        if (r->t.depth < depth)
            break;
        if (is_start(r, SAML_NS_ASSERTION, "Assertion") || is_start(r, SAML_NS_ASSERTION, "EncryptedAssertion"))
            return bad(r, e, "an assertion inside another element");
        pieces++;
        *ret = r->tok.kind == TOKEN_TEXT || r->tok.kind == TOKEN_CDATA ? r->tok.text : (struct slice){NULL, 0};
    }
    if (pieces > 1)
        *ret = (struct slice){NULL, 0};
    return 0;
}

/* The trimmed text of a value that counts: neither split nor empty. */
static int required_text(struct reader *r, const char *what, struct slice *ret, struct err *e)
{
    if (plain_text(r, ret, e) != 0)
        return -1;
    if (!ret->p)
        return bad(r, e, "%s is not plain text: split by a comment, CDATA section or element", what);
    *ret = slice_trim(*ret);
    return ret->n > 0 ? 0 : bad(r, e, "%s is empty", what);
}

static int required_attr(struct reader *r, const char *name, struct slice *ret, struct err *e)
{
    *ret = token_attr(&r->tok, name);
    return ret->n > 0 ? 0 : bad(r, e, "the attribute %s is missing or empty", name);
}

/* An optional xs:dateTime; 0 if absent. That is why the one value that would read as 0 is refused. */
static int time_attr(struct reader *r, const char *name, int64_t *ret, struct err *e)
{
    struct slice text = token_attr(&r->tok, name);
    struct err why = ERR_INIT;
    char found[64];

    *ret = 0;
    if (!text.p)
        return 0;
    if (time_parse(text, ret, &why) == 0 && *ret > 0)
        return 0;
    *ret = 0;
    str_cut(found, sizeof found, text);
    return at_place(r, e, err_mismatch(e, ERR_READ, found, "UTC, YYYY-MM-DDThh:mm:ss[.f]Z", "bad time in %s", name));
}

/* Version, ID and IssueInstant, which a Response and an Assertion have alike (2.3.3, 3.2.2). */
static int read_head(struct reader *r, struct slice *ret_id, int64_t *ret_issue_instant, struct err *e)
{
    struct slice text;

    if (!slice_is(token_attr(&r->tok, "Version"), "2.0"))
        return bad(r, e, "Version is not 2.0");
    if (required_attr(r, "ID", ret_id, e) != 0)
        return -1;
    if (!token_is_ncname(*ret_id))
        return bad(r, e, "ID is not an NCName");
    if (required_attr(r, "IssueInstant", &text, e) != 0)
        return -1;
    return time_attr(r, "IssueInstant", ret_issue_instant, e);
}

/*
 * Arrays grow in the arena: `old` if it has room for one more behind its first n, else a copy of twice the size. It is
 * full whenever n is a power of two, so that no capacity has to be kept. NULL: ERR_MEMORY.
 */
static void *room_for_one(struct reader *r, void *old, size_t n, size_t size, struct err *e)
{
    void *p;

    if (n > 0 && (n & (n - 1)) != 0)
        return old;
    p = arena_array(r->a, n ? 2 * n : 1, size);
    if (!p)
        (void)err_set(e, ERR_MEMORY, "no memory for the assertion");
    else if (n)
        memcpy(p, old, n * size);
    return p;
}

/*
 * Subject (2.4.1)
 */

/* The start tag of an identifier: NameID is wanted; the two others are known, and refused with a reason. */
static int read_name_id(struct reader *r, struct saml_assertion *as, struct err *e)
{
    if (is_start(r, SAML_NS_ASSERTION, "EncryptedID"))
        return at_place(r, e, err_set(e, ERR_ENCRYPTED, "the subject's name is encrypted"));
    if (!is_start(r, SAML_NS_ASSERTION, "NameID"))
        return bad(r, e, "the Subject does not begin with a NameID");
    as->name_id_format = token_attr(&r->tok, "Format");
    as->name_qualifier = token_attr(&r->tok, "NameQualifier");
    as->sp_name_qualifier = token_attr(&r->tok, "SPNameQualifier");
    return required_text(r, "NameID", &as->name_id, e);
}

/* SubjectConfirmationData (2.4.1.2): its attributes count, its content (a KeyInfo, say) belongs to other methods. */
static int read_confirmation_data(struct reader *r, struct saml_confirmation *c, struct err *e)
{
    c->recipient = token_attr(&r->tok, "Recipient");
    c->in_response_to = token_attr(&r->tok, "InResponseTo");
    if (time_attr(r, "NotBefore", &c->not_before, e) != 0 || time_attr(r, "NotOnOrAfter", &c->not_on_or_after, e) != 0)
        return -1;
    return skip(r, e);
}

static int read_confirmation(struct reader *r, struct saml_assertion *as, struct err *e)
{
    struct saml_confirmation *c = &as->confirmations[as->nconfirmations];
    struct slice method;

    if (as->nconfirmations == SAML_CONFIRMATIONS_MAX)
        return bad(r, e, "more than %d subject confirmations", SAML_CONFIRMATIONS_MAX);
    as->nconfirmations++;
    if (required_attr(r, "Method", &method, e) != 0)
        return -1;
    c->bearer = slice_is(method, SAML_METHOD_BEARER);

    if (next_child(r, e) != 0)
        return -1;
    /* names who may confirm, if not the subject; nothing here decides by it */
    if ((is_start(r, SAML_NS_ASSERTION, "NameID") || is_start(r, SAML_NS_ASSERTION, "BaseID") ||
         is_start(r, SAML_NS_ASSERTION, "EncryptedID")) &&
        skip_child(r, e) != 0)
        return -1;
    if (is_start(r, SAML_NS_ASSERTION, "SubjectConfirmationData") &&
        (read_confirmation_data(r, c, e) != 0 || next_child(r, e) != 0))
        return -1;
    return expect_stop(r, "SubjectConfirmation", e);
}

static int read_subject(struct reader *r, struct saml_assertion *as, struct err *e)
{
    if (next_child(r, e) != 0 || read_name_id(r, as, e) != 0 || next_child(r, e) != 0)
        return -1;
    while (is_start(r, SAML_NS_ASSERTION, "SubjectConfirmation")) {
        if (read_confirmation(r, as, e) != 0 || next_child(r, e) != 0)
            return -1;
    }
    return expect_stop(r, "Subject", e);
}

/*
 * Conditions (2.5)
 */

static int read_restriction(struct reader *r, struct saml_restriction *ret, size_t *audiences_left, struct err *e)
{
    struct slice *audiences = NULL;

    if (next_child(r, e) != 0)
        return -1;
    for (ret->n = 0; is_start(r, SAML_NS_ASSERTION, "Audience"); ret->n++) {
        if ((*audiences_left)-- == 0)
            return bad(r, e, "more than %d audiences", SAML_AUDIENCES_MAX);
        audiences = room_for_one(r, audiences, ret->n, sizeof *audiences, e);
        if (!audiences || required_text(r, "Audience", &audiences[ret->n], e) != 0 || next_child(r, e) != 0)
            return -1;
    }
    ret->audiences = audiences;
    if (ret->n == 0)
        return bad(r, e, "an AudienceRestriction without Audience");
    return expect_stop(r, "AudienceRestriction", e);
}

static int read_conditions(struct reader *r, struct saml_assertion *as, struct err *e)
{
    struct saml_restriction *restrictions = NULL;
    size_t audiences_left = SAML_AUDIENCES_MAX;
    bool proxy_seen = false;

    as->has_conditions = true;
    if (time_attr(r, "NotBefore", &as->not_before, e) != 0 ||
        time_attr(r, "NotOnOrAfter", &as->not_on_or_after, e) != 0 || next_child(r, e) != 0)
        return -1;
    while (r->tok.kind == TOKEN_START) {
        if (token_is(&r->tok, SAML_NS_ASSERTION, "AudienceRestriction")) {
            restrictions = room_for_one(r, restrictions, as->nrestrictions, sizeof *restrictions, e);
            if (!restrictions || read_restriction(r, &restrictions[as->nrestrictions++], &audiences_left, e) != 0 ||
                next_child(r, e) != 0)
                return -1;
            continue;
        }
        if (token_is(&r->tok, SAML_NS_ASSERTION, "OneTimeUse")) {
            if (as->one_time_use)
                return bad(r, e, "OneTimeUse twice"); /* 2.5.1.5 */
            as->one_time_use = true;
        } else if (token_is(&r->tok, SAML_NS_ASSERTION, "ProxyRestriction")) {
            if (proxy_seen)
                return bad(r, e, "ProxyRestriction twice"); /* 2.5.1.6; it binds who issues further assertions */
            proxy_seen = true;
        } else {
            as->unknown_condition = true;
        }
        if (skip_child(r, e) != 0)
            return -1;
    }
    as->restrictions = restrictions;
    return expect_stop(r, "Conditions", e);
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
    if (next_child(r, e) != 0)
        return -1;
    if (is_start(r, SAML_NS_ASSERTION, "AuthnContextClassRef") &&
        (required_text(r, "AuthnContextClassRef", ret_class, e) != 0 || next_child(r, e) != 0))
        return -1;
    if ((is_start(r, SAML_NS_ASSERTION, "AuthnContextDecl") || is_start(r, SAML_NS_ASSERTION, "AuthnContextDeclRef")) &&
        skip_child(r, e) != 0)
        return -1;
    while (is_start(r, SAML_NS_ASSERTION, "AuthenticatingAuthority")) {
        if (skip_child(r, e) != 0)
            return -1;
    }
    return expect_stop(r, "AuthnContext", e);
}

static int read_authn_statement(struct reader *r, struct saml_assertion *as, struct err *e)
{
    bool first = !as->has_authn_statement;
    int64_t instant, session_end;
    struct slice text, context;

    if (required_attr(r, "AuthnInstant", &text, e) != 0 || time_attr(r, "AuthnInstant", &instant, e) != 0 ||
        time_attr(r, "SessionNotOnOrAfter", &session_end, e) != 0)
        return -1;
    keep_earliest(&as->authn_instant, instant);
    keep_earliest(&as->session_not_on_or_after, session_end);
    as->has_authn_statement = true;
    if (first)
        as->session_index = token_attr(&r->tok, "SessionIndex");

    if (next_child(r, e) != 0)
        return -1;
    if (is_start(r, SAML_NS_ASSERTION, "SubjectLocality") && skip_child(r, e) != 0)
        return -1;
    if (!is_start(r, SAML_NS_ASSERTION, "AuthnContext"))
        return bad(r, e, "an AuthnStatement without AuthnContext");
    if (read_authn_context(r, &context, e) != 0 || next_child(r, e) != 0)
        return -1;
    if (first)
        as->authn_context = context;
    return expect_stop(r, "AuthnStatement", e);
}

static int read_value(struct reader *r, struct slice *ret, struct err *e)
{
    struct slice nil = token_attr_ns(&r->tok, SAML_NS_XSI, "nil");

    if (plain_text(r, ret, e) != 0)
        return -1;
    if (slice_is(nil, "true") || slice_is(nil, "1"))
        *ret = (struct slice){NULL, 0};
    return 0;
}

static int read_attribute(struct reader *r, struct saml_attribute *ret, struct err *e)
{
    struct slice *values = NULL;

    if (required_attr(r, "Name", &ret->name, e) != 0)
        return -1;
    ret->name_format = token_attr(&r->tok, "NameFormat");
    ret->friendly_name = token_attr(&r->tok, "FriendlyName");
    if (next_child(r, e) != 0)
        return -1;
    for (ret->nvalues = 0; is_start(r, SAML_NS_ASSERTION, "AttributeValue"); ret->nvalues++) {
        values = room_for_one(r, values, ret->nvalues, sizeof *values, e);
        if (!values || read_value(r, &values[ret->nvalues], e) != 0 || next_child(r, e) != 0)
            return -1;
    }
    ret->values = values;
    return expect_stop(r, "Attribute", e);
}

/* Several statements count as one. `*attributes` is the array so far. */
static int read_attribute_statement(struct reader *r, struct saml_assertion *as, struct saml_attribute **attributes,
                                    struct err *e)
{
    if (next_child(r, e) != 0)
        return -1;
    while (r->tok.kind == TOKEN_START) {
        if (token_is(&r->tok, SAML_NS_ASSERTION, "EncryptedAttribute")) {
            if (skip_child(r, e) != 0) /* there is no key for it, so nobody can use it */
                return -1;
            continue;
        }
        if (!token_is(&r->tok, SAML_NS_ASSERTION, "Attribute"))
            break;
        if (as->nattributes == SAML_ATTRIBUTES_MAX)
            return bad(r, e, "more than %d attributes", SAML_ATTRIBUTES_MAX);
        *attributes = room_for_one(r, *attributes, as->nattributes, sizeof **attributes, e);
        if (!*attributes || read_attribute(r, &(*attributes)[as->nattributes++], e) != 0 || next_child(r, e) != 0)
            return -1;
    }
    return expect_stop(r, "AttributeStatement", e);
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
            rc = skip(r, e);
        else
            break;
        if (rc != 0 || next_child(r, e) != 0)
            return -1;
    }
    as->attributes = attributes;
    return expect_stop(r, "Assertion", e);
}

/*
 * Assertion (2.3.3) and Response (3.3.3)
 */

static int read_issuer(struct reader *r, struct slice *ret, struct err *e)
{
    return required_text(r, "Issuer", ret, e) != 0 ? -1 : next_child(r, e);
}

/*
 * From its start tag to its end tag. `own_signature`: the element still holds the Assertion's own Signature, as it does
 * within a signed Response; the enveloped-signature transform took it out of the bytes that it covers itself.
 */
static int read_assertion(struct reader *r, bool own_signature, struct saml_assertion *as, struct err *e)
{
    if (read_head(r, &as->id, &as->issue_instant, e) != 0 || next_child(r, e) != 0)
        return -1;
    if (!is_start(r, SAML_NS_ASSERTION, "Issuer"))
        return bad(r, e, "an Assertion that does not begin with its Issuer");
    if (read_issuer(r, &as->issuer, e) != 0)
        return -1;
    if (own_signature && is_start(r, SAML_NS_DSIG, "Signature") && skip_child(r, e) != 0)
        return -1;
    if (!is_start(r, SAML_NS_ASSERTION, "Subject"))
        return bad(r, e, "an Assertion without Subject, or not in its place");
    if (read_subject(r, as, e) != 0 || next_child(r, e) != 0)
        return -1;
    if (is_start(r, SAML_NS_ASSERTION, "Conditions") && (read_conditions(r, as, e) != 0 || next_child(r, e) != 0))
        return -1;
    if (is_start(r, SAML_NS_ASSERTION, "Advice") && skip_child(r, e) != 0)
        return -1;
    return read_statements(r, as, e);
}

/* StatusCode (3.2.2.2): *ret is its Value, *ret_sub that of the code below it. */
static int read_status_code(struct reader *r, struct slice *ret, struct slice *ret_sub, struct err *e)
{
    if (!is_start(r, SAML_NS_PROTOCOL, "StatusCode"))
        return bad(r, e, "a Status that does not begin with StatusCode");
    if (required_attr(r, "Value", ret, e) != 0 || next_child(r, e) != 0)
        return -1;
    *ret_sub = (struct slice){NULL, 0};
    if (is_start(r, SAML_NS_PROTOCOL, "StatusCode")) {
        *ret_sub = token_attr(&r->tok, "Value");
        if (skip_child(r, e) != 0)
            return -1;
    }
    return expect_stop(r, "StatusCode", e);
}

/* Status (3.2.2.1). Whatever is not Success ends here, with the codes and the message for the administrator. */
static int read_status(struct reader *r, struct err *e)
{
    struct slice code, sub = {NULL, 0}, message = {NULL, 0};
    char found[200];

    if (next_child(r, e) != 0 || read_status_code(r, &code, &sub, e) != 0 || next_child(r, e) != 0)
        return -1;
    if (is_start(r, SAML_NS_PROTOCOL, "StatusMessage") && (plain_text(r, &message, e) != 0 || next_child(r, e) != 0))
        return -1;
    if (is_start(r, SAML_NS_PROTOCOL, "StatusDetail") && skip_child(r, e) != 0)
        return -1;
    if (expect_stop(r, "Status", e) != 0)
        return -1;
    if (slice_is(code, SAML_STATUS_SUCCESS))
        return 0;
    str_cut(found, sizeof found, code);
    return at_place(r, e,
                    err_mismatch(e, ERR_STATUS, found, SAML_STATUS_SUCCESS, "the answer is a refusal: %.*s %.*s",
                                 SLICE_ARG(sub), SLICE_ARG(message)));
}

static int read_response(struct reader *r, struct saml_response *resp, struct saml_assertion *as, struct err *e)
{
    if (read_head(r, &resp->id, &resp->issue_instant, e) != 0)
        return -1;
    resp->destination = token_attr(&r->tok, "Destination");
    resp->in_response_to = token_attr(&r->tok, "InResponseTo");
    if (next_child(r, e) != 0)
        return -1;
    if (is_start(r, SAML_NS_ASSERTION, "Issuer") && read_issuer(r, &resp->issuer, e) != 0)
        return -1;
    if (is_start(r, SAML_NS_PROTOCOL, "Extensions") && skip_child(r, e) != 0)
        return -1;
    if (!is_start(r, SAML_NS_PROTOCOL, "Status"))
        return bad(r, e, "a Response without Status, or not in its place");
    if (read_status(r, e) != 0 || next_child(r, e) != 0)
        return -1;
    if (is_start(r, SAML_NS_ASSERTION, "EncryptedAssertion"))
        return at_place(r, e, err_set(e, ERR_ENCRYPTED, "the assertion is encrypted"));
    if (!is_start(r, SAML_NS_ASSERTION, "Assertion"))
        return bad(r, e, "a Response without Assertion");
    if (read_assertion(r, true, as, e) != 0 || next_child(r, e) != 0)
        return -1;
    return expect_stop(r, "Response", e);
}

int saml_read(struct slice element, enum saml_element what, struct arena *a, struct saml_response *ret_response,
              struct saml_assertion *ret, struct err *e)
{
    struct reader *r;
    int rc;

    *ret_response = (struct saml_response){0};
    *ret = (struct saml_assertion){0};
    if (element.n > SAML_XML_MAX)
        return err_set(e, ERR_READ, "%zu signed bytes, more than %d", element.n, SAML_XML_MAX);
    r = arena_alloc(a, sizeof *r);
    if (!r)
        return err_set(e, ERR_MEMORY, "no memory for the reader");
    r->a = a;
    if (token_init(&r->t, element, 0, ERR_READ, a, e) != 0 || next(r, e) != 0)
        return -1;
    if (what == SAML_RESPONSE && is_start(r, SAML_NS_PROTOCOL, "Response"))
        rc = read_response(r, ret_response, ret, e);
    else if (what == SAML_ASSERTION && is_start(r, SAML_NS_ASSERTION, "Assertion"))
        rc = read_assertion(r, false, ret, e);
    else
        return bad(r, e, "the signed element is not the %s it is said to be",
                   what == SAML_RESPONSE ? "Response" : "Assertion");
    if (rc != 0 || next(r, e) != 0) /* the tokenizer lets nothing but the end follow */
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
