/* metadata.c - writing ours; see metadata.h. */
#include "saml/metadata.h"

#include "base/encode.h"
#include "saml/names.h"

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
