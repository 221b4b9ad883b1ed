/* This service provider's metadata, with and without keys and single logout. */
#include "saml/sp_metadata.h"

#include "tests/unit/unit.h"

#define ENTITY                                                          \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<md:EntityDescriptor " \
    "xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\""
#define ID " entityID=\"https://sp.example.com/?a=1&amp;b=&quot;2&quot;\">\n"
#define ROLE(sign)                                                                                                     \
    "  <md:SPSSODescriptor AuthnRequestsSigned=\"" sign "\" WantAssertionsSigned=\"true\" protocolSupportEnumeration=" \
    "\"urn:oasis:names:tc:SAML:2.0:protocol\">\n"
#define ACS                                                                                       \
    "    <md:AssertionConsumerService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\"" \
    " Location=\"https://sp.example.com/saml/acs\" index=\"0\" isDefault=\"true\"/>\n"
#define SLO(binding)                                                                           \
    "    <md:SingleLogoutService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:" binding "\"" \
    " Location=\"https://sp.example.com/saml/slo\"/>\n"
#define KEY(use, cert)                                                                                 \
    "    <md:KeyDescriptor use=\"" use "\">\n      <ds:KeyInfo><ds:X509Data><ds:X509Certificate>" cert \
    "</ds:X509Certificate></ds:X509Data></ds:KeyInfo>\n"
#define KEY_END "    </md:KeyDescriptor>\n"
#define METHOD(uri) "      <md:EncryptionMethod Algorithm=\"http://www.w3.org/" uri "\"/>\n"
#define END "  </md:SPSSODescriptor>\n</md:EntityDescriptor>\n"

static void without_keys(void **state)
{
    struct saml_sp_metadata m = {.entity_id = "https://sp.example.com/?a=1&b=\"2\"",
                                 .acs_url = "https://sp.example.com/saml/acs",
                                 .requests_signed = true}; /* nothing to sign with */
    struct buf xml;

    (void)state;
    buf_init(&xml, 4096);
    saml_sp_metadata_write(&m, &xml);
    assert_string_equal(buf_cstr(&xml), ENTITY ID ROLE("false") ACS END);
    buf_free(&xml);
}

static void with_keys(void **state)
{
    struct saml_sp_keys keys = {.n = 2,
                                .v = {{.certificate = SLICE("the first")}, {.certificate = SLICE("the second")}}};
    struct saml_sp_metadata m = {.entity_id = "https://sp.example.com/?a=1&b=\"2\"",
                                 .acs_url = "https://sp.example.com/saml/acs",
                                 .slo_url = "https://sp.example.com/saml/slo",
                                 .keys = &keys,
                                 .requests_signed = true};
    struct buf xml;

    (void)state;
    buf_init(&xml, 8192);
    saml_sp_metadata_write(&m, &xml);
    assert_string_equal(
        buf_cstr(&xml),
        ENTITY " xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"" ID ROLE("true") KEY("signing", "dGhlIGZpcnN0")
            KEY_END KEY("signing", "dGhlIHNlY29uZA==") KEY_END KEY("encryption", "dGhlIGZpcnN0")
                METHOD("2009/xmlenc11#aes256-gcm") METHOD("2009/xmlenc11#aes128-gcm") METHOD("2009/xmlenc11#rsa-oaep")
                    METHOD("2001/04/xmlenc#rsa-oaep-mgf1p") KEY_END SLO("HTTP-Redirect") SLO("HTTP-POST") ACS END);
    buf_free(&xml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(without_keys), cmocka_unit_test(with_keys)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
