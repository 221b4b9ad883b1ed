/* metadata.c - see metadata.h. Sections are those of "Metadata for the OASIS SAML V2.0". */
#include "saml/metadata.h"

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/url.h"
#include "saml/dom.h"
#include "saml/names.h"

#define CERTIFICATE_MAX (64 * 1024) /* DER octets of one certificate */

/*
 * Finding the entity
 */

/* 2.4.1: protocolSupportEnumeration is a list of URIs separated by white space. */
static bool speaks_saml2(const struct _xmlNode *role)
{
    struct slice list = dom_attr(role, "protocolSupportEnumeration");

    while (list.n > 0) {
        size_t n = 0;

        list = slice_trim(list);
        while (n < list.n && !strchr(" \t\r\n", list.p[n]))
            n++;
        if (slice_is(slice_make(list.p, n), SAML_NS_PROTOCOL))
            return true;
        list = slice_make(list.p + n, list.n - n);
    }
    return false;
}

static bool is_idp_role(const struct _xmlNode *node)
{
    return dom_is(node, SAML_NS_METADATA, "IDPSSODescriptor") && speaks_saml2(node);
}

static bool has_idp_role(const struct _xmlNode *entity)
{
    for (const struct _xmlNode *n = dom_first(entity); n; n = dom_next(n)) {
        if (is_idp_role(n))
            return true;
    }
    return false;
}

struct picking {
    const char *entity; /* NULL: whichever there is */
    const struct _xmlNode *hit;
    size_t hits;
};

/* EntitiesDescriptor (2.3.1) holds more of its kind; prescan bounds the depth, and so the recursion. */
static void pick(struct picking *p, const struct _xmlNode *node)
{
    if (dom_is(node, SAML_NS_METADATA, "EntitiesDescriptor")) {
        for (const struct _xmlNode *n = dom_first(node); n; n = dom_next(n))
            pick(p, n);
    } else if (dom_is(node, SAML_NS_METADATA, "EntityDescriptor") && has_idp_role(node) &&
               (!p->entity || slice_is(dom_attr(node, "entityID"), p->entity))) {
        p->hit = node;
        p->hits++;
    }
}

static int find_entity(struct _xmlDoc *doc, const char *entity, const struct _xmlNode **ret, struct err *e)
{
    struct picking p = {.entity = entity};

    pick(&p, dom_root(doc));
    if (p.hits == 0)
        return err_mismatch(e, ERR_METADATA, NULL, entity, "no entity with an IDPSSODescriptor for SAML 2.0");
    if (p.hits > 1)
        return err_mismatch(e, ERR_METADATA, NULL, entity,
                            entity ? "the entity is there %zu times"
                                   : "%zu identity providers: one must be chosen by its entity ID",
                            p.hits);
    *ret = p.hit;
    return 0;
}

/*
 * Reading it
 */

/*
 * Adds one ds:X509Certificate. An unusable one is passed over, whatever is wrong with it: the identity provider may
 * list a DSA key beside the one it uses. *ret_usable counts the others.
 */
static int read_certificate(const struct _xmlNode *node, struct saml_trust *t, size_t *ret_usable, struct err *e)
{
    struct err why = ERR_INIT;
    struct slice text;
    struct buf der;
    int rc = 0;

    buf_init(&der, CERTIFICATE_MAX);
    if (!dom_text(node, &text) || base64_decode(text, &der, &why) != 0)
        goto out;
    if (saml_trust_add_cert(t, buf_slice(&der), &why) == 0) {
        (*ret_usable)++;
    } else if (why.code != ERR_TRUST) { /* too many, or no memory: not the certificate's fault */
        *e = why;
        rc = -1;
    }
out:
    buf_free(&der);
    return rc;
}

/* 2.4.1.1: a KeyDescriptor without `use` is for signing and encryption alike. */
static int read_key(const struct _xmlNode *key, struct saml_trust *t, size_t *ret_usable, struct err *e)
{
    struct slice use = dom_attr(key, "use");

    if (use.p && !slice_is(use, "signing"))
        return 0;
    for (const struct _xmlNode *info = dom_first(key); info; info = dom_next(info)) {
        if (!dom_is(info, SAML_NS_DSIG, "KeyInfo"))
            continue;
        for (const struct _xmlNode *data = dom_first(info); data; data = dom_next(data)) {
            if (!dom_is(data, SAML_NS_DSIG, "X509Data"))
                continue;
            for (const struct _xmlNode *cert = dom_first(data); cert; cert = dom_next(cert)) {
                if (dom_is(cert, SAML_NS_DSIG, "X509Certificate") && read_certificate(cert, t, ret_usable, e) != 0)
                    return -1;
            }
        }
    }
    return 0;
}

/* *dst = a copy of s, unless it is set. */
static int set_text(char **dst, struct slice s, struct err *e)
{
    if (*dst)
        return 0;
    *dst = strndup(s.n ? s.p : "", s.n);
    return *dst ? 0 : err_set(e, ERR_MEMORY, "no memory for %zu bytes", s.n);
}

/* The first sign-on address for our binding. One that a browser must not be sent to counts as none. */
static int read_sso(const struct _xmlNode *sso, struct saml_trust *t, struct err *e)
{
    struct slice location = dom_attr(sso, "Location");
    struct err why = ERR_INIT;
    struct url url;

    if (!slice_is(dom_attr(sso, "Binding"), SAML_BINDING_REDIRECT) || url_parse(location, &url, &why) != 0)
        return 0;
    return set_text(&t->sso_redirect, location, e);
}

/* xs:boolean */
static bool is_true(struct slice s)
{
    s = slice_trim(s);
    return slice_is(s, "true") || slice_is(s, "1");
}

static int read_role(const struct _xmlNode *role, struct saml_trust *t, size_t *ret_usable, struct err *e)
{
    t->want_signed_requests |= is_true(dom_attr(role, "WantAuthnRequestsSigned"));
    for (const struct _xmlNode *n = dom_first(role); n; n = dom_next(n)) {
        if (dom_is(n, SAML_NS_METADATA, "KeyDescriptor") && read_key(n, t, ret_usable, e) != 0)
            return -1;
        if (dom_is(n, SAML_NS_METADATA, "SingleSignOnService") && read_sso(n, t, e) != 0)
            return -1;
    }
    return 0;
}

static int read_entity(const struct _xmlNode *entity, struct saml_trust *t, struct err *e)
{
    struct slice id = dom_attr(entity, "entityID");
    size_t usable = 0;
    char found[200];

    str_cut(found, sizeof found, id);
    if (id.n == 0)
        return err_set(e, ERR_METADATA, "the entity has no entityID");
    if (t->issuer && !slice_is(id, t->issuer))
        return err_mismatch(e, ERR_METADATA, found, t->issuer, "metadata of two identity providers");
    for (const struct _xmlNode *n = dom_first(entity); n; n = dom_next(n)) {
        if (is_idp_role(n) && read_role(n, t, &usable, e) != 0)
            return -1;
    }
    if (usable == 0)
        return err_mismatch(e, ERR_METADATA, found, NULL, "no usable signing certificate");
    return set_text(&t->issuer, id, e);
}

int saml_metadata_read(struct slice xml, const char *entity, struct saml_trust *t, struct err *e)
{
    const struct _xmlNode *node = NULL;
    struct _xmlDoc *doc = NULL;
    int rc = -1;

    if (dom_parse(xml, &prescan_metadata, &doc, e) != 0)
        return -1;
    if (find_entity(doc, entity, &node, e) == 0)
        rc = read_entity(node, t, e);
    dom_free(doc);
    return rc;
}

/*
 * Writing ours
 */

void saml_metadata_write(const char *entity_id, const char *acs_url, struct buf *out)
{
    buf_add_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                     "<md:EntityDescriptor xmlns:md=\"" SAML_NS_METADATA "\" entityID=\"");
    html_escape(out, slice_of(entity_id));
    buf_add_str(out, "\">\n"
                     "  <md:SPSSODescriptor AuthnRequestsSigned=\"false\" WantAssertionsSigned=\"true\""
                     " protocolSupportEnumeration=\"" SAML_NS_PROTOCOL "\">\n"
                     "    <md:AssertionConsumerService Binding=\"" SAML_BINDING_POST "\" Location=\"");
    html_escape(out, slice_of(acs_url));
    buf_add_str(out, "\" index=\"0\" isDefault=\"true\"/>\n"
                     "  </md:SPSSODescriptor>\n"
                     "</md:EntityDescriptor>\n");
}
