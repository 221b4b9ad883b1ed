/* mint.c - see mint.h: the document as text. Signing is in mint_sign.c. */
#include "lab/mint.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/secret.h"
#include "lab/encrypt.h"
#include "lab/mint_sign.h"

#define ID_SIZE 34 /* '_' + 32 hex digits + NUL */
#define AUTHN_PASSWORD "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"

void mint_response_init(struct mint_response *m, int64_t now)
{
    *m = (struct mint_response){
        .name_id_format = MINT_FORMAT_EMAIL,
        .issued = now,
        .not_before = now - 300,
        .not_on_or_after = now + 3600,
        .confirm_until = now + 3600,
        .authn_instant = now - 2,
        .sign = MINT_SIGN_ASSERTION,
        .algorithm = "rsa-sha256",
    };
}

void mint_response_valid_for(struct mint_response *m, int64_t seconds)
{
    m->not_on_or_after = m->issued + seconds;
    m->confirm_until = m->issued + seconds;
}

static void random_id(char dst[ID_SIZE])
{
    unsigned char raw[16];

    secret_random(raw, sizeof raw);
    dst[0] = '_'; /* an NCName may not start with a digit */
    hex_encode(dst + 1, raw, sizeof raw);
}

static void add_escaped(struct buf *out, const char *text)
{
    html_escape(out, slice_of(text));
}

/* ` name="value"`, or nothing. */
static void add_attribute(struct buf *out, const char *name, const char *value)
{
    if (!value)
        return;
    buf_printf(out, " %s=\"", name);
    add_escaped(out, value);
    buf_add_char(out, '"');
}

/* Entra writes milliseconds; so a reader that cannot take a fraction is found. */
static void add_time(struct buf *out, const char *name, int64_t t)
{
    char text[TIME_TEXT_SIZE];

    time_format(t, text);
    buf_printf(out, " %s=\"%.*s.000Z\"", name, TIME_TEXT_SIZE - 5, text);
}

static void add_name_id(struct buf *out, const struct mint_response *m)
{
    buf_add_str(out, "<NameID");
    if (m->encrypt_id)
        buf_add_str(out, " xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"");
    add_attribute(out, "Format", m->name_id_format);
    buf_add_char(out, '>');
    add_escaped(out, m->name_id);
    buf_add_str(out, "</NameID>");
}

static int add_identifier(struct buf *out, const struct mint_response *m, struct err *e)
{
    struct buf plain;
    int r;

    if (!m->encrypt_id) {
        add_name_id(out, m);
        return 0;
    }
    buf_init(&plain, MINT_XML_MAX);
    add_name_id(&plain, m);
    r = mint_encrypt(m->encrypt_id, "EncryptedID", buf_slice(&plain), out, e);
    buf_free(&plain);
    return r;
}

static int add_subject(struct buf *out, const struct mint_response *m, struct err *e)
{
    buf_add_str(out, "<Subject>");
    if (add_identifier(out, m, e) != 0)
        return -1;
    buf_add_str(out, "<SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">"
                     "<SubjectConfirmationData");
    add_attribute(out, "InResponseTo", m->in_response_to);
    add_time(out, "NotOnOrAfter", m->confirm_until);
    add_attribute(out, "Recipient", m->recipient);
    buf_add_str(out, "/></SubjectConfirmation></Subject>");
    return 0;
}

static void add_conditions(struct buf *out, const struct mint_response *m)
{
    buf_add_str(out, "<Conditions");
    add_time(out, "NotBefore", m->not_before);
    add_time(out, "NotOnOrAfter", m->not_on_or_after);
    buf_add_char(out, '>');
    if (m->audience) {
        buf_add_str(out, "<AudienceRestriction><Audience>");
        add_escaped(out, m->audience);
        buf_add_str(out, "</Audience></AudienceRestriction>");
    }
    buf_add_str(out, "</Conditions>");
}

static void add_attributes(struct buf *out, const struct mint_response *m)
{
    if (m->nattributes == 0) /* the schema wants at least one in a statement */
        return;
    buf_add_str(out, "<AttributeStatement>");
    for (size_t i = 0; i < m->nattributes; i++) {
        const struct mint_attribute *a = &m->attributes[i];

        buf_add_str(out, "<Attribute");
        add_attribute(out, "Name", a->name);
        buf_add_char(out, '>');
        for (size_t j = 0; j < a->nvalues; j++) {
            buf_add_str(out, "<AttributeValue>");
            add_escaped(out, a->values[j]);
            buf_add_str(out, "</AttributeValue>");
        }
        buf_add_str(out, "</Attribute>");
    }
    buf_add_str(out, "</AttributeStatement>");
}

static void add_authn(struct buf *out, const struct mint_response *m, const char *assertion_id)
{
    buf_add_str(out, "<AuthnStatement");
    add_time(out, "AuthnInstant", m->authn_instant);
    add_attribute(out, "SessionIndex", m->session_index ? m->session_index : assertion_id);
    if (m->session_not_on_or_after)
        add_time(out, "SessionNotOnOrAfter", m->session_not_on_or_after);
    buf_add_str(out, "><AuthnContext><AuthnContextClassRef>");
    add_escaped(out, m->authn_context ? m->authn_context : AUTHN_PASSWORD);
    buf_add_str(out, "</AuthnContextClassRef></AuthnContext></AuthnStatement>");
}

/* The document with empty Signature templates where signatures will be. */
static int add_document(struct buf *out, const struct mint_response *m, const struct mint_key *k,
                        const struct mint_ids *ids, struct err *e)
{
    buf_add_str(out, "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\"");
    add_attribute(out, "ID", ids->response);
    buf_add_str(out, " Version=\"2.0\"");
    add_time(out, "IssueInstant", m->issued);
    add_attribute(out, "Destination", m->destination);
    add_attribute(out, "InResponseTo", m->in_response_to);
    buf_add_str(out, "><Issuer xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">");
    add_escaped(out, m->issuer);
    buf_add_str(out, "</Issuer>");
    if (m->sign & MINT_SIGN_RESPONSE)
        mint_sign_template(out, m->algorithm, k, ids->response);
    buf_add_str(out, "<samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>"
                     "</samlp:Status><Assertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"");
    add_attribute(out, "ID", ids->assertion);
    add_time(out, "IssueInstant", m->issued);
    buf_add_str(out, " Version=\"2.0\"><Issuer>");
    add_escaped(out, m->issuer);
    buf_add_str(out, "</Issuer>");
    if (m->sign & MINT_SIGN_ASSERTION)
        mint_sign_template(out, m->algorithm, k, ids->assertion);
    if (add_subject(out, m, e) != 0)
        return -1;
    add_conditions(out, m);
    add_attributes(out, m);
    add_authn(out, m, ids->assertion);
    buf_add_str(out, "</Assertion></samlp:Response>");
    return 0;
}

static int add_signed(struct buf *out, const struct mint_response *m, const struct mint_key *k,
                      const struct mint_ids *ids, struct err *e)
{
    struct buf xml;
    int r = -1;

    buf_init(&xml, MINT_XML_MAX);
    if (add_document(&xml, m, k, ids, e) != 0)
        goto out;
    if (buf_failed(&xml))
        (void)err_set(e, ERR_LIMIT, "the Response is larger than %d bytes", MINT_XML_MAX);
    else
        r = mint_sign(buf_slice(&xml), k, out, e);
out:
    buf_free(&xml);
    return r;
}

/*
 * Encryption. The document is text of our own, so that an element is from "<Name " to "</Name>".
 */

/* The first element of this name that is in `xml`: {NULL, 0} if there is none. */
static struct slice find_element(struct slice xml, const char *name)
{
    char open[40], close[40];
    const char *from, *to;

    (void)snprintf(open, sizeof open, "<%s ", name);
    (void)snprintf(close, sizeof close, "</%s>", name);
    from = memmem(xml.p, xml.n, open, strlen(open));
    to = from ? memmem(from, xml.n - (size_t)(from - xml.p), close, strlen(close)) : NULL;
    return to ? slice_make(from, (size_t)(to - from) + strlen(close)) : (struct slice){NULL, 0};
}

/* `xml` with `by` in the place of `part`, which is within it. */
static void add_replaced(struct buf *out, struct slice xml, struct slice part, struct slice by)
{
    const char *end = part.p + part.n;

    buf_add(out, xml.p, (size_t)(part.p - xml.p));
    buf_add_slice(out, by);
    buf_add(out, end, xml.n - (size_t)(end - xml.p));
}

/* What stands in the place of the Assertion: it, encrypted, and what a trick puts beside it. */
static int add_encrypted(struct buf *out, const struct mint_encrypt *x, struct slice assertion, struct err *e)
{
    if (mint_encrypt(x, "EncryptedAssertion", assertion, out, e) != 0)
        return -1;
    if (x->trick && x->trick->clear_beside)
        buf_add_slice(out, assertion);
    if (x->trick && x->trick->encrypted_beside)
        return mint_encrypt(x, "EncryptedAssertion", assertion, out, e);
    return 0;
}

/* `xml`, whose Assertion is signed, with that encrypted and with a template for the Response's signature. */
static int add_with_encrypted(struct buf *out, const struct mint_response *m, const struct mint_key *k,
                              struct slice xml, const char *response_id, struct err *e)
{
    struct slice assertion = find_element(xml, "Assertion"), issuer = find_element(xml, "Issuer");
    struct buf encrypted, text;
    int r = -1;

    if (!assertion.p || !issuer.p)
        return err_set(e, ERR_USAGE, "an Assertion can be encrypted if the Response names its issuer");
    buf_init(&encrypted, MINT_XML_MAX);
    buf_init(&text, MINT_XML_MAX);
    if (add_encrypted(&encrypted, m->encrypt_assertion, assertion, e) != 0)
        goto out;
    buf_add(&text, xml.p, (size_t)(issuer.p + issuer.n - xml.p));
    if (m->sign & MINT_SIGN_RESPONSE)
        mint_sign_template(&text, m->algorithm, k, response_id);
    buf_add(&text, issuer.p + issuer.n, (size_t)(assertion.p - issuer.p) - issuer.n);
    buf_add_slice(&text, buf_slice(&encrypted));
    buf_add_str(&text, "</samlp:Response>");
    if (buf_failed(&text) || buf_failed(&encrypted))
        (void)err_set(e, ERR_LIMIT, "the Response is larger than %d bytes", MINT_XML_MAX);
    else
        r = mint_sign(buf_slice(&text), k, out, e);
out:
    buf_free(&text);
    buf_free(&encrypted);
    return r;
}

/* Another EncryptedAssertion of the same content in a document that is signed already. */
static int add_swapped(struct buf *out, const struct mint_encrypt *x, struct slice xml, struct slice assertion,
                       struct err *e)
{
    struct buf other;
    int r;

    buf_init(&other, MINT_XML_MAX);
    r = mint_encrypt(x, "EncryptedAssertion", assertion, &other, e);
    if (r == 0)
        add_replaced(out, xml, find_element(xml, "EncryptedAssertion"), buf_slice(&other));
    buf_free(&other);
    return r;
}

static int add_signed_encrypted(struct buf *out, const struct mint_response *m, const struct mint_key *k,
                                const struct mint_ids *ids, struct err *e)
{
    const struct mint_encrypt_trick *trick = m->encrypt_assertion->trick;
    struct mint_response outer = *m, inner;
    struct buf clear, done;
    int r = -1;

    if (trick && trick->change_sign)
        outer.sign = trick->sign;
    inner = outer;
    inner.sign &= ~MINT_SIGN_RESPONSE;
    buf_init(&clear, MINT_XML_MAX);
    buf_init(&done, MINT_XML_MAX);
    if (add_signed(&clear, &inner, k, ids, e) != 0 ||
        add_with_encrypted(&done, &outer, k, buf_slice(&clear), ids->response, e) != 0)
        goto out;
    r = 0;
    if (trick && trick->swap)
        r = add_swapped(out, m->encrypt_assertion, buf_slice(&done), find_element(buf_slice(&clear), "Assertion"), e);
    else
        buf_add_slice(out, buf_slice(&done));
out:
    buf_free(&done);
    buf_free(&clear);
    return r;
}

int mint_response(const struct mint_response *m, const struct mint_key *k, struct buf *out, struct err *e)
{
    char response_id[ID_SIZE], assertion_id[ID_SIZE];
    struct mint_ids ids = {m->response_id, m->assertion_id};
    int r;

    if (mint_sign_check(m->algorithm, k, e) != 0)
        return -1;
    if (!ids.response) {
        random_id(response_id);
        ids.response = response_id;
    }
    if (!ids.assertion) {
        random_id(assertion_id);
        ids.assertion = assertion_id;
    }
    r = m->encrypt_assertion ? add_signed_encrypted(out, m, k, &ids, e) : add_signed(out, m, k, &ids, e);
    if (r == 0 && buf_failed(out))
        return err_set(e, ERR_LIMIT, "the Response does not fit %zu bytes", out->max);
    return r;
}

int mint_logout(const struct mint_logout *m, const struct mint_key *k, struct buf *out, struct err *e)
{
    struct buf xml;
    int r;

    if (k && mint_sign_check("rsa-sha256", k, e) != 0)
        return -1;
    buf_init(&xml, MINT_XML_MAX);
    buf_add_str(&xml, "<samlp:LogoutRequest xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\"");
    add_attribute(&xml, "ID", m->id);
    buf_add_str(&xml, " Version=\"2.0\"");
    add_time(&xml, "IssueInstant", m->issued);
    add_attribute(&xml, "Destination", m->destination);
    buf_add_str(&xml, "><Issuer xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">");
    add_escaped(&xml, m->issuer);
    buf_add_str(&xml, "</Issuer>");
    if (k)
        mint_sign_template(&xml, "rsa-sha256", k, m->id);
    buf_add_str(&xml, "<NameID xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"");
    add_attribute(&xml, "Format", m->name_id_format);
    buf_add_char(&xml, '>');
    add_escaped(&xml, m->name_id);
    buf_add_str(&xml, "</NameID>");
    if (m->session_index) {
        buf_add_str(&xml, "<samlp:SessionIndex>");
        add_escaped(&xml, m->session_index);
        buf_add_str(&xml, "</samlp:SessionIndex>");
    }
    buf_add_str(&xml, "</samlp:LogoutRequest>");
    if (!buf_failed(&xml) && !k)
        buf_add_slice(out, buf_slice(&xml));
    r = buf_failed(&xml) ? err_set(e, ERR_LIMIT, "the LogoutRequest is larger than %d bytes", MINT_XML_MAX)
        : k              ? mint_sign(buf_slice(&xml), k, out, e)
                         : 0;
    buf_free(&xml);
    if (r == 0 && buf_failed(out))
        return err_set(e, ERR_LIMIT, "the LogoutRequest does not fit %zu bytes", out->max);
    return r;
}
