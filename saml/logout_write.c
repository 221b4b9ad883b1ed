/*
 * logout_write.c - the writing half of logout.h.
 *
 * Every message is written in the form that exclusive canonicalization would give it: namespaces where they are used,
 * attributes in order, no empty-element tags, C14N's own escapes. So a signature for the POST binding is a digest over
 * what stands there, and no XML library has to sign.
 */
#include "saml/logout.h"

#include "base/clock.h"
#include "base/encode.h"
#include "saml/algorithm.h"
#include "saml/names.h"
#include "saml/redirect.h"

#define XMLNS_SAML " xmlns:saml=\"" SAML_NS_ASSERTION "\""
#define EMPTY(name, uri) "<ds:" name " Algorithm=\"" uri "\"></ds:" name ">"
#define ALG_SHA256 "http://www.w3.org/2001/04/xmlenc#sha256"

/* C14N 1.0, 2.3: attributes have more to escape than text. What XML does not allow becomes U+FFFD. */
static void escaped(struct buf *out, const char *value, bool in_attribute)
{
    for (const char *p = value; *p; p++) {
        switch (*p) {
        case '&': buf_add_str(out, "&amp;"); break;
        case '<': buf_add_str(out, "&lt;"); break;
        case '\r': buf_add_str(out, "&#xD;"); break;
        case '>': buf_add_str(out, in_attribute ? ">" : "&gt;"); break;
        case '"': buf_add_str(out, in_attribute ? "&quot;" : "\""); break;
        case '\t': buf_add_str(out, in_attribute ? "&#x9;" : "\t"); break;
        case '\n': buf_add_str(out, in_attribute ? "&#xA;" : "\n"); break;
        default:
            if ((unsigned char)*p < ' ')
                buf_add_str(out, "\xEF\xBF\xBD");
            else
                buf_add_char(out, *p);
        }
    }
}

static void attribute(struct buf *out, const char *name, const char *value)
{
    if (!value)
        return;
    buf_printf(out, " %s=\"", name);
    escaped(out, value, true);
    buf_add_char(out, '"');
}

static void write_name(const struct saml_logout_out *o, struct buf *out)
{
    buf_add_str(out, "<saml:NameID" XMLNS_SAML);
    attribute(out, "Format", o->name_id_format);
    attribute(out, "NameQualifier", o->name_qualifier);
    attribute(out, "SPNameQualifier", o->sp_name_qualifier);
    buf_add_char(out, '>');
    escaped(out, o->name_id, false);
    buf_add_str(out, "</saml:NameID>");
    if (o->session_index) {
        buf_add_str(out, "<samlp:SessionIndex>");
        escaped(out, o->session_index, false);
        buf_add_str(out, "</samlp:SessionIndex>");
    }
}

static void write_status(const struct saml_logout_out *o, struct buf *out)
{
    buf_printf(out, "<samlp:Status><samlp:StatusCode Value=\"" SAML_STATUS_PREFIX "%s\">", o->status);
    if (o->substatus)
        buf_printf(out, "<samlp:StatusCode Value=\"" SAML_STATUS_PREFIX "%s\"></samlp:StatusCode>", o->substatus);
    buf_add_str(out, "</samlp:StatusCode></samlp:Status>");
}

/* *ret_place: behind the Issuer, where a Signature belongs. */
static int write_xml(const struct saml_logout_out *o, struct buf *out, size_t *ret_place, struct err *e)
{
    const char *root = o->in_response_to ? "LogoutResponse" : "LogoutRequest";
    char now[TIME_TEXT_SIZE];

    time_format(o->issue_instant, now);
    buf_printf(out, "<samlp:%s xmlns:samlp=\"" SAML_NS_PROTOCOL "\"", root);
    attribute(out, "Destination", o->destination); /* in the order of their names */
    attribute(out, "ID", o->id);
    attribute(out, "InResponseTo", o->in_response_to);
    attribute(out, "IssueInstant", now);
    attribute(out, "Version", "2.0");
    buf_add_str(out, "><saml:Issuer" XMLNS_SAML ">");
    escaped(out, o->issuer, false);
    buf_add_str(out, "</saml:Issuer>");
    *ret_place = out->len;
    if (o->in_response_to)
        write_status(o, out);
    else
        write_name(o, out);
    buf_printf(out, "</samlp:%s>", root);
    return buf_failed(out) ? err_set(e, ERR_LIMIT, "the logout message is larger than %d octets", SAML_LOGOUT_MAX) : 0;
}

int saml_logout_write_redirect(const struct saml_logout_out *o, struct buf *ret_url, struct err *e)
{
    struct buf xml;
    size_t place;
    int rc;

    buf_init(&xml, SAML_LOGOUT_MAX);
    rc = write_xml(o, &xml, &place, e);
    if (rc == 0)
        rc = redirect_write(o->destination, o->in_response_to ? "SAMLResponse" : "SAMLRequest", buf_slice(&xml),
                            o->relay_state, o->sign, ret_url, e);
    buf_free(&xml);
    return rc;
}

/* Appends the Signature over `xml`, whose ID this is. */
static int write_signature(struct slice xml, const struct saml_logout_out *o, struct buf *out, struct err *e)
{
    const struct digest_algorithm *sha256;
    unsigned char digest[SAML_DIGEST_MAX];
    struct buf info;
    int rc = -1;

    buf_init(&info, 4096);
    if (digest_algorithm_find(SLICE(ALG_SHA256), 0, &sha256, e) != 0)
        goto out;
    if (!digest_compute(sha256, xml, digest)) {
        (void)err_set(e, ERR_INTERNAL, "OpenSSL cannot compute %s", sha256->name);
        goto out;
    }
    buf_add_str(&info,
                "<ds:SignedInfo xmlns:ds=\"" SAML_NS_DSIG "\">" EMPTY("CanonicalizationMethod", SAML_ALG_EXC_C14N)
                    EMPTY("SignatureMethod", REDIRECT_RSA_SHA256) "<ds:Reference URI=\"#");
    escaped(&info, o->id, true);
    buf_add_str(&info, "\"><ds:Transforms>" EMPTY("Transform", SAML_ALG_ENVELOPED)
                           EMPTY("Transform", SAML_ALG_EXC_C14N) "</ds:Transforms>" EMPTY(
                               "DigestMethod", ALG_SHA256) "<ds:DigestValue>");
    base64_encode(&info, digest, sha256->size);
    buf_add_str(&info, "</ds:DigestValue></ds:Reference></ds:SignedInfo>");
    if (buf_failed(&info)) {
        (void)err_set(e, ERR_LIMIT, "the ID of the logout message is too long");
        goto out;
    }
    buf_add_str(out, "<ds:Signature xmlns:ds=\"" SAML_NS_DSIG "\">");
    buf_add_slice(out, buf_slice(&info));
    buf_add_str(out, "<ds:SignatureValue>");
    if (redirect_sign(o->sign, buf_slice(&info), out, e) != 0)
        goto out;
    buf_add_str(out, "</ds:SignatureValue>");
    if (o->sign->certificate.n) {
        buf_add_str(out, "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>");
        base64_encode(out, o->sign->certificate.p, o->sign->certificate.n);
        buf_add_str(out, "</ds:X509Certificate></ds:X509Data></ds:KeyInfo>");
    }
    buf_add_str(out, "</ds:Signature>");
    rc = 0;
out:
    buf_free(&info);
    return rc;
}

int saml_logout_write_post(const struct saml_logout_out *o, struct buf *ret_base64, struct err *e)
{
    struct buf xml, whole;
    size_t place;
    int rc = -1;

    buf_init(&xml, SAML_LOGOUT_MAX);
    buf_init(&whole, SAML_LOGOUT_MAX);
    if (write_xml(o, &xml, &place, e) != 0)
        goto out;
    buf_add(&whole, xml.data, place);
    if (o->sign && write_signature(buf_slice(&xml), o, &whole, e) != 0)
        goto out;
    buf_add(&whole, xml.data + place, xml.len - place);
    base64_encode(ret_base64, buf_cstr(&whole), whole.len);
    rc = buf_failed(&whole) || buf_failed(ret_base64) ? err_set(e, ERR_LIMIT, "the logout message is too large") : 0;
out:
    buf_free(&xml);
    buf_free(&whole);
    return rc;
}
