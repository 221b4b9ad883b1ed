/*
 * sign.h - test signer: makes Responses of Entra's shape and signs any element of any XML text.
 *
 * Written with libxml2's canonicalization and OpenSSL alone, not with xmlsec, so that what saml/ accepts was made by
 * other code. Keys are made at run time. Every part of a Signature can be replaced, so that a trick is shown with a
 * genuine signature. Texts are malloc'ed and NUL-terminated; a failure in here fails the test. Call saml_init() first.
 *
 *     EVP_PKEY *key = sign_rsa(2048);
 *     struct sign_response r = sign_defaults(key);      // change what the test is about
 *     char *xml = sign_make(&r);                        // Assertion signed, as Entra does
 *     ... saml_judge(slice_of(xml), ...);
 *     free(xml);
 *
 * Lower level: sign_element(xml, id, options) puts a Signature after the Issuer of the element with that ID (or as its
 * first child if there is no Issuer). sign_trust() pins a key; sign_cert_pem() wraps it in a self-signed certificate.
 */
#ifndef USHER_TESTS_UNIT_SAML_SIGN_H
#define USHER_TESTS_UNIT_SAML_SIGN_H

#include "tests/unit/unit.h"

#include <time.h>

#include <libxml/c14n.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/encode.h"
#include "saml/trust.h"

#define SIGN_DSIG "http://www.w3.org/2000/09/xmldsig#"
#define SIGN_MORE "http://www.w3.org/2001/04/xmldsig-more#"
#define SIGN_XENC "http://www.w3.org/2001/04/xmlenc#"
#define SIGN_EXC "http://www.w3.org/2001/10/xml-exc-c14n#"
#define SIGN_TRANSFORMS                                                                                       \
    "<Transforms><Transform Algorithm=\"" SIGN_DSIG "enveloped-signature\"/><Transform Algorithm=\"" SIGN_EXC \
    "\"/></Transforms>"

/* Everything but `key` may stay NULL. */
struct sign_options {
    EVP_PKEY *key;
    const char *hmac_secret;     /* instead of `key`: SignatureMethod must then be an HMAC */
    const char *method;          /* SignatureMethod; default: rsa-sha256 or ecdsa-sha256 by the key's type */
    const char *digest;          /* DigestMethod; default: sha256 */
    const char *c14n;            /* CanonicalizationMethod in SignedInfo; default: exclusive */
    const char *uri;             /* Reference URI; default: '#' and the ID */
    const char *transforms;      /* the whole Transforms element, or "" */
    const char *digested;        /* octets that are digested instead of the canonical element */
    const char *digest_split;    /* put into the middle of DigestValue (a comment) */
    const char *value_split;     /* put into the middle of SignatureValue */
    const char *more_references; /* XML after the Reference */
    const char *more_info;       /* XML of a second SignedInfo, before the genuine one */
    const char *key_info;        /* XML after SignatureValue */
    const char *attributes;      /* of the Signature element, with a leading blank */
};

struct sign_attribute {
    const char *name, *value;
};

/* Everything is XML text as it will stand in the document. NULL leaves the element or attribute out. */
struct sign_response {
    const char *response_id, *assertion_id;
    const char *issuer, *audience, *recipient, *destination, *in_response_to;
    const char *name_id, *name_id_format;
    const char *status; /* top-level StatusCode */
    int64_t now, not_before, not_on_or_after;
    struct sign_attribute attributes[16];                          /* up to the first without a name */
    const char *before_assertion, *after_assertion, *in_assertion; /* more XML: around it, at its end */
    const char *extensions;                                        /* content of samlp:Extensions */
    bool sign_response, sign_assertion;
    struct sign_options sign;
};

static __attribute__((format(printf, 1, 2), noinline, unused)) char *sign_printf(const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;

    va_start(ap, fmt);
    assert_true(vasprintf(&text, fmt, ap) >= 0);
    va_end(ap);
    return text;
}

/* --- keys -------------------------------------------------------------------------------------------------------- */

static inline EVP_PKEY *sign_rsa(unsigned bits)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);

    assert_non_null(key);
    return key;
}

/* "P-256", "P-384", "P-521", or another curve OpenSSL knows. */
static inline EVP_PKEY *sign_ec(const char *curve)
{
    EVP_PKEY *key = EVP_EC_gen(curve);

    assert_non_null(key);
    return key;
}

static inline char *sign_bio_text(BIO *bio)
{
    char *p, *text;
    long n = BIO_get_mem_data(bio, &p);

    text = strndup(p, (size_t)n);
    assert_non_null(text);
    BIO_free(bio);
    return text;
}

static inline char *sign_public_pem(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
    return sign_bio_text(bio);
}

/* A self-signed certificate with this common name; lifetimes relative to now, in seconds. */
static inline X509 *sign_cert(EVP_PKEY *key, const char *cn, long from, long until)
{
    X509 *cert = X509_new();
    X509_NAME *name;

    assert_non_null(cert);
    assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(cert), from);
    (void)X509_gmtime_adj(X509_getm_notAfter(cert), until);
    (void)X509_set_pubkey(cert, key);
    name = X509_get_subject_name(cert);
    (void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
    (void)X509_set_issuer_name(cert, name);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    return cert;
}

static inline char *sign_cert_pem(EVP_PKEY *key, const char *cn)
{
    BIO *bio = BIO_new(BIO_s_mem());
    X509 *cert = sign_cert(key, cn, 0, 86400);

    assert_int_equal(PEM_write_bio_X509(bio, cert), 1);
    X509_free(cert);
    return sign_bio_text(bio);
}

/* Pins one key, as an administrator would with a PEM file. */
static inline void sign_trust(struct saml_trust *t, EVP_PKEY *key)
{
    char *pem = sign_public_pem(key);
    struct err e = ERR_INIT;

    assert_ok(saml_trust_add_pem(t, slice_of(pem), &e), &e);
    free(pem);
}

/* --- signing ----------------------------------------------------------------------------------------------------- */

static inline const EVP_MD *sign_md(const char *uri)
{
    static const char *const names[] = {"sha256", "sha384", "sha512", "sha1", "md5"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(uri) > strlen(names[i]) && strcmp(uri + strlen(uri) - strlen(names[i]), names[i]) == 0)
            return EVP_get_digestbyname(names[i]);
    }
    fail_msg("no digest in %s", uri);
    return NULL;
}

static inline xmlNode *sign_find(xmlNode *node, const char *attribute, const char *value)
{
    for (; node; node = node->next) {
        xmlNode *found;
        xmlChar *v = node->type == XML_ELEMENT_NODE ? xmlGetNoNsProp(node, (const xmlChar *)attribute) : NULL;
        bool is = v && strcmp((const char *)v, value) == 0;

        xmlFree(v);
        if (is)
            return node;
        if (node->type == XML_ELEMENT_NODE && (found = sign_find(node->children, attribute, value)) != NULL)
            return found;
    }
    return NULL;
}

static inline int sign_visible(void *root, xmlNode *node, xmlNode *parent)
{
    const xmlNode *at = node->type == XML_NAMESPACE_DECL ? parent : node;

    while (at && at != root)
        at = at->parent;
    return at != NULL;
}

/* The canonical form of one element and what is in it. */
static inline char *sign_canonical(xmlNode *element, bool exclusive)
{
    xmlBuffer *memory = xmlBufferCreate();
    xmlOutputBuffer *out = xmlOutputBufferCreateBuffer(memory, NULL);
    char *text;

    assert_true(xmlC14NExecute(element->doc, sign_visible, element, exclusive ? XML_C14N_EXCLUSIVE_1_0 : XML_C14N_1_0,
                               NULL, 0, out) >= 0);
    (void)xmlOutputBufferClose(out);
    text = strdup((const char *)xmlBufferContent(memory));
    assert_non_null(text);
    xmlBufferFree(memory);
    return text;
}

static inline xmlDoc *sign_parse(const char *xml)
{
    xmlDoc *doc = xmlReadMemory(xml, (int)strlen(xml), NULL, "UTF-8", XML_PARSE_NONET);

    if (!doc)
        fail_msg("the test made bad XML: %s", xml);
    return doc;
}

static inline char *sign_base64(const void *data, size_t n)
{
    struct buf b;
    char *text;

    buf_init(&b, 65536);
    base64_encode(&b, data, n);
    text = strdup(buf_cstr(&b));
    assert_non_null(text);
    buf_free(&b);
    return text;
}

static inline char *sign_digest(const char *uri, const char *data)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    assert_int_equal(EVP_Digest(data, strlen(data), md, &n, sign_md(uri), NULL), 1);
    return sign_base64(md, n);
}

/* r||s of a DER ECDSA signature; `width` octets each. */
static inline size_t sign_raw_ecdsa(const unsigned char *der, size_t n, int width, unsigned char *dst)
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);

    assert_non_null(sig);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), dst, width), width);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), dst + width, width), width);
    ECDSA_SIG_free(sig);
    return 2 * (size_t)width;
}

/* SignatureValue of `data`, in base64. RSA-PSS if the method says so. */
static inline char *sign_value(const struct sign_options *o, const char *method, const char *data)
{
    unsigned char value[2048], raw[256];
    size_t n = sizeof value;
    unsigned hmac_n = sizeof value;
    EVP_PKEY_CTX *pctx = NULL;
    EVP_MD_CTX *ctx;

    if (o->hmac_secret) {
        assert_non_null(HMAC(sign_md(method), o->hmac_secret, (int)strlen(o->hmac_secret), (const unsigned char *)data,
                             strlen(data), value, &hmac_n));
        return sign_base64(value, hmac_n);
    }
    ctx = EVP_MD_CTX_new();
    assert_int_equal(
        EVP_DigestSignInit(ctx, &pctx, strstr(method, "MGF1") ? EVP_sha256() : sign_md(method), NULL, o->key), 1);
    if (strstr(method, "MGF1"))
        assert_true(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) > 0);
    assert_int_equal(EVP_DigestSign(ctx, value, &n, (const unsigned char *)data, strlen(data)), 1);
    EVP_MD_CTX_free(ctx);
    if (!EVP_PKEY_is_a(o->key, "EC"))
        return sign_base64(value, n);
    n = sign_raw_ecdsa(value, n, (EVP_PKEY_get_bits(o->key) + 7) / 8, raw);
    return sign_base64(raw, n);
}

static inline const char *sign_or(const char *text, const char *otherwise)
{
    return text ? text : otherwise;
}

static inline char *sign_replace(const char *text, const char *what, const char *by)
{
    const char *at = strstr(text, what);

    if (!at)
        fail_msg("no '%s' in the text", what);
    return sign_printf("%.*s%s%s", (int)(at - text), text, by, at + strlen(what));
}

/* `text` with `split` in its middle. Frees `text`. */
static inline char *sign_split(char *text, const char *split)
{
    int half = (int)(strlen(text) / 2);
    char *out = NULL;

    out = sign_printf("%.*s%s%s", half, text, sign_or(split, ""), text + half);
    free(text);
    return out;
}

/* Where the Signature goes: after the Issuer of the element with this ID, else after its start tag. */
static inline size_t sign_place(const char *xml, const char *id)
{
    const char *at, *open_end, *issuer;
    char attribute[256];

    (void)snprintf(attribute, sizeof attribute, "ID=\"%s\"", id);
    at = strstr(xml, attribute);
    if (!at)
        fail_msg("no element with %s", attribute);
    open_end = strchr(at, '>');
    assert_non_null(open_end);
    issuer = strstr(open_end, "Issuer");
    /* the next start tag is an Issuer, whatever its prefix */
    if (issuer && strchr(open_end + 1, '<') < issuer && !memchr(open_end + 1, '>', (size_t)(issuer - open_end - 1))) {
        issuer = strstr(issuer + 6, "Issuer>");
        assert_non_null(issuer);
        return (size_t)(issuer - xml) + 7;
    }
    return (size_t)(open_end - xml) + 1;
}

#define SIGN_PLACEHOLDER "@SIGNATURE-VALUE@"

static inline xmlNode *sign_find_placeholder(xmlNode *node)
{
    for (; node; node = node->next) {
        xmlNode *found;

        if (node->type == XML_TEXT_NODE && strcmp((const char *)node->content, SIGN_PLACEHOLDER) == 0)
            return node->parent;
        if (node->type == XML_ELEMENT_NODE && (found = sign_find_placeholder(node->children)) != NULL)
            return found;
    }
    return NULL;
}

/* The canonical SignedInfo before the SignatureValue that is the placeholder. */
static inline char *sign_signed_info(const char *xml, bool exclusive)
{
    xmlDoc *doc = sign_parse(xml);
    xmlNode *value = sign_find_placeholder(xmlDocGetRootElement(doc));
    char *text;

    assert_non_null(value);
    assert_string_equal((const char *)value->prev->name, "SignedInfo");
    text = sign_canonical(value->prev, exclusive);
    xmlFreeDoc(doc);
    return text;
}

/* A new text: `xml` with a Signature in the element of this ID. */
static inline char *sign_element(const char *xml, const char *id, const struct sign_options *o)
{
    bool ec = o->key && EVP_PKEY_is_a(o->key, "EC");
    const char *method = sign_or(o->method, ec ? SIGN_MORE "ecdsa-sha256" : SIGN_MORE "rsa-sha256");
    const char *digest = sign_or(o->digest, SIGN_XENC "sha256"), *c14n = sign_or(o->c14n, SIGN_EXC);
    size_t place = sign_place(xml, id);
    xmlDoc *doc = sign_parse(xml);
    xmlNode *element = sign_find(xmlDocGetRootElement(doc), "ID", id);
    char *canonical, *digest_value, *with = NULL, *info, *value, *out, *uri = NULL;

    assert_non_null(element);
    canonical = sign_canonical(element, true);
    digest_value = sign_split(sign_digest(digest, sign_or(o->digested, canonical)), o->digest_split);
    uri = sign_printf("#%s", id);
    with =
        sign_printf("%.*s<Signature xmlns=\"" SIGN_DSIG "\"%s>%s<SignedInfo><CanonicalizationMethod Algorithm=\"%s\"/>"
                    "<SignatureMethod Algorithm=\"%s\"/><Reference URI=\"%s\">%s<DigestMethod Algorithm=\"%s\"/>"
                    "<DigestValue>%s</DigestValue></Reference>%s</SignedInfo><SignatureValue>" SIGN_PLACEHOLDER
                    "</SignatureValue>%s</Signature>%s",
                    (int)place, xml, sign_or(o->attributes, ""), sign_or(o->more_info, ""), c14n, method,
                    sign_or(o->uri, uri), sign_or(o->transforms, SIGN_TRANSFORMS), digest, digest_value,
                    sign_or(o->more_references, ""), sign_or(o->key_info, ""), xml + place);
    info = sign_signed_info(with, strncmp(c14n, SIGN_EXC, strlen(SIGN_EXC)) == 0);
    value = sign_split(sign_value(o, method, info), o->value_split);
    out = sign_replace(with, SIGN_PLACEHOLDER, value);
    free(value);
    free(info);
    free(with);
    free(uri);
    free(digest_value);
    free(canonical);
    xmlFreeDoc(doc);
    return out;
}

/* --- Responses --------------------------------------------------------------------------------------------------- */

#define SIGN_NOW 1790000000 /* 2026-09-21T14:13:20Z */

/* What Entra sends after a login, Assertion signed; valid for an hour around SIGN_NOW. */
static inline struct sign_response sign_defaults(EVP_PKEY *key)
{
    return (struct sign_response){
        .response_id = "_6f3c1a50-8d1e-4c3e-9a30-1b2c3d4e5f60",
        .assertion_id = "_0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
        .issuer = "https://sts.windows.net/11111111-2222-3333-4444-555555555555/",
        .audience = "https://login.example.com",
        .recipient = "https://login.example.com/saml/acs",
        .destination = "https://login.example.com/saml/acs",
        .in_response_to = "id0123456789abcdef0123456789abcdef",
        .name_id = "ada@contoso.com",
        .name_id_format = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
        .status = "urn:oasis:names:tc:SAML:2.0:status:Success",
        .now = SIGN_NOW,
        .not_before = SIGN_NOW - 300,
        .not_on_or_after = SIGN_NOW + 3600,
        .attributes = {{"http://schemas.microsoft.com/identity/claims/tenantid",
                        "11111111-2222-3333-4444-555555555555"},
                       {"http://schemas.microsoft.com/identity/claims/objectidentifier",
                        "99999999-8888-7777-6666-555555555555"},
                       {"http://schemas.microsoft.com/identity/claims/displayname", "Ada Lovelace"},
                       {"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "ada@contoso.com"}},
        .sign_assertion = true,
        .sign = {.key = key},
    };
}

static inline void sign_add_attribute(struct buf *b, const char *name, const char *value)
{
    if (value)
        buf_printf(b, " %s=\"%s\"", name, value);
}

static inline void sign_add_assertion(const struct sign_response *r, struct buf *b)
{
    char now[TIME_TEXT_SIZE], from[TIME_TEXT_SIZE], until[TIME_TEXT_SIZE];

    time_format(r->now, now);
    time_format(r->not_before, from);
    time_format(r->not_on_or_after, until);
    buf_printf(b,
               "<Assertion ID=\"%s\" IssueInstant=\"%s\" Version=\"2.0\" "
               "xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">",
               r->assertion_id, now);
    if (r->issuer)
        buf_printf(b, "<Issuer>%s</Issuer>", r->issuer);
    buf_add_str(b, "<Subject>");
    if (r->name_id) {
        buf_add_str(b, "<NameID");
        sign_add_attribute(b, "Format", r->name_id_format);
        buf_printf(b, ">%s</NameID>", r->name_id);
    }
    buf_add_str(b, "<SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\"><SubjectConfirmationData");
    sign_add_attribute(b, "InResponseTo", r->in_response_to);
    sign_add_attribute(b, "NotOnOrAfter", until);
    sign_add_attribute(b, "Recipient", r->recipient);
    buf_printf(b, "/></SubjectConfirmation></Subject><Conditions NotBefore=\"%s\" NotOnOrAfter=\"%s\">", from, until);
    if (r->audience)
        buf_printf(b, "<AudienceRestriction><Audience>%s</Audience></AudienceRestriction>", r->audience);
    buf_add_str(b, "</Conditions><AttributeStatement>");
    for (size_t i = 0; i < 16 && r->attributes[i].name; i++)
        buf_printf(b, "<Attribute Name=\"%s\"><AttributeValue>%s</AttributeValue></Attribute>", r->attributes[i].name,
                   r->attributes[i].value);
    buf_printf(b,
               "</AttributeStatement><AuthnStatement AuthnInstant=\"%s\" SessionIndex=\"%s\"><AuthnContext>"
               "<AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</AuthnContextClassRef>"
               "</AuthnContext></AuthnStatement>%s</Assertion>",
               now, r->assertion_id, sign_or(r->in_assertion, ""));
}

/* The same document without any signature. */
static inline char *sign_unsigned(const struct sign_response *r)
{
    char now[TIME_TEXT_SIZE], *text;
    struct buf b;

    time_format(r->now, now);
    buf_init(&b, 4 * 1024 * 1024);
    buf_printf(&b, "<samlp:Response ID=\"%s\" Version=\"2.0\" IssueInstant=\"%s\"", r->response_id, now);
    sign_add_attribute(&b, "Destination", r->destination);
    sign_add_attribute(&b, "InResponseTo", r->in_response_to);
    buf_add_str(&b, " xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\">");
    if (r->issuer)
        buf_printf(&b, "<Issuer xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">%s</Issuer>", r->issuer);
    if (r->extensions)
        buf_printf(&b, "<samlp:Extensions>%s</samlp:Extensions>", r->extensions);
    buf_printf(&b, "<samlp:Status><samlp:StatusCode Value=\"%s\"/></samlp:Status>%s", r->status,
               sign_or(r->before_assertion, ""));
    sign_add_assertion(r, &b);
    buf_printf(&b, "%s</samlp:Response>", sign_or(r->after_assertion, ""));
    assert_false(buf_failed(&b));
    text = strdup(buf_cstr(&b));
    assert_non_null(text);
    buf_free(&b);
    return text;
}

static inline char *sign_make(const struct sign_response *r)
{
    char *xml = sign_unsigned(r), *out;

    if (r->sign_assertion) {
        out = sign_element(xml, r->assertion_id, &r->sign);
        free(xml);
        xml = out;
    }
    if (r->sign_response) {
        out = sign_element(xml, r->response_id, &r->sign);
        free(xml);
        xml = out;
    }
    return xml;
}

#endif
