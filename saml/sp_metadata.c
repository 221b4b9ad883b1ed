/* sp_metadata.c - see sp_metadata.h. The order of elements is that of the schema. */
#include "saml/sp_metadata.h"

#include "base/encode.h"
#include "saml/metadata.h"
#include "saml/names.h"

static const char *const encryption_methods[] = {
    "http://www.w3.org/2009/xmlenc11#aes256-gcm",
    "http://www.w3.org/2009/xmlenc11#aes128-gcm",
    "http://www.w3.org/2009/xmlenc11#rsa-oaep",
    "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
};

static void key(struct buf *out, const char *use, const struct saml_sp_key *k)
{
    if (k->certificate.n == 0)
        return;
    buf_printf(out, "    <md:KeyDescriptor use=\"%s\">\n      <ds:KeyInfo><ds:X509Data><ds:X509Certificate>", use);
    base64_encode(out, k->certificate.p, k->certificate.n);
    buf_add_str(out, "</ds:X509Certificate></ds:X509Data></ds:KeyInfo>\n");
    if (strcmp(use, "encryption") == 0) {
        for (size_t i = 0; i < sizeof encryption_methods / sizeof *encryption_methods; i++)
            buf_printf(out, "      <md:EncryptionMethod Algorithm=\"%s\"/>\n", encryption_methods[i]);
    }
    buf_add_str(out, "    </md:KeyDescriptor>\n");
}

/* Name="url" and what the service has besides. */
static void service(struct buf *out, const char *name, const char *binding, const char *url, const char *more)
{
    buf_printf(out, "    <md:%s Binding=\"%s\" Location=\"", name, binding);
    html_escape(out, slice_of(url));
    buf_printf(out, "\"%s/>\n", more);
}

void saml_sp_metadata_write(const struct saml_sp_metadata *m, struct buf *out)
{
    size_t n = m->keys ? m->keys->n : 0;

    buf_add_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                     "<md:EntityDescriptor xmlns:md=\"" SAML_NS_METADATA "\"");
    if (n)
        buf_add_str(out, " xmlns:ds=\"" SAML_NS_DSIG "\"");
    buf_add_str(out, " entityID=\"");
    html_escape(out, slice_of(m->entity_id));
    buf_printf(out,
               "\">\n  <md:SPSSODescriptor AuthnRequestsSigned=\"%s\" WantAssertionsSigned=\"true\""
               " protocolSupportEnumeration=\"" SAML_NS_PROTOCOL "\">\n",
               m->requests_signed && n ? "true" : "false");
    for (size_t i = 0; i < n; i++)
        key(out, "signing", &m->keys->v[i]);
    if (n)
        key(out, "encryption", &m->keys->v[0]);
    if (m->slo_url) {
        service(out, "SingleLogoutService", SAML_BINDING_REDIRECT, m->slo_url, "");
        service(out, "SingleLogoutService", SAML_BINDING_POST, m->slo_url, "");
    }
    service(out, "AssertionConsumerService", SAML_BINDING_POST, m->acs_url, " index=\"0\" isDefault=\"true\"");
    buf_add_str(out, "  </md:SPSSODescriptor>\n</md:EntityDescriptor>\n");
}
