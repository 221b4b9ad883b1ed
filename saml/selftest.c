/* selftest.c - see selftest.h. Test vectors: both private keys were thrown away when the documents had been signed. */
#include "saml/selftest.h"

#include "saml/recheck.h"

static const struct {
    const char *name, *key, *xml;
} documents[] = {
    {"RSA",
     "-----BEGIN PUBLIC KEY-----\n"
     "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAuH8leYp2+OQuKx+daWom\n"
     "dUvlBVpucEwJguzIeH1g5AjohroQuY7eLFkVBf+m1m6DPg/BiJrrN++QgpYW7R5g\n"
     "QrgHtREe1aE8v4szzRSVmsnp8WVQeeAgN7rqPreDb/1cMXoPI/GkrlIznxEiJJM4\n"
     "FEd9mthWxBHfm146UdDDyyt3wi9hO+UgHwhOuOTiw9eHc0VM3mEBjqE2UYbrLyrg\n"
     "T/KkHKAE+4lc9LrGdFJYQy/Fpquh2KHP0yFm9S7jNmZvn+Bk8ZPBVxjUUQuEjySH\n"
     "SaS352BfPRgstr/6YKdGKgt0CQIrJlDsFRY3/P12e9R6ljt9j9TlYEzyLtZeGXkb\n"
     "kQIDAQAB\n"
     "-----END PUBLIC KEY-----\n",
     "<p:Response xmlns:p=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"r\" Version=\"2.0\" IssueInstant="
     "\"2026-01-01T00:00:00Z\"><p:Status><p:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success"
     "\"/></p:Status><Assertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"a\" Version=\"2.0\" I"
     "ssueInstant=\"2026-01-01T00:00:00Z\"><Issuer>usher-worker</Issuer><Signature xmlns=\"http://www.w3.o"
     "rg/2000/09/xmldsig#\"><SignedInfo><CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-"
     "exc-c14n#\"/><SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"/><Refe"
     "rence URI=\"#a\"><Transforms><Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-sign"
     "ature\"/><Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/></Transforms><DigestMetho"
     "d Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><DigestValue>jxHUmgxKAUfORov/BnuBFjX8ti4IZG"
     "k++Jf0CYDmHk8=</DigestValue></Reference></SignedInfo><SignatureValue>jATYecuOD/72BGT/0pjSmJHnHxfZ4R+"
     "p2x93NSLYTjqYndvCf7tgkiE0wvDG29B+9to14mdtdsga15XFbWFXpQrVv0Hmq1OgJn8EPqU+VnIa9/NE1hKtaP1zGdLDZlR4gAM"
     "VNuCKduicdG0KNgDgnDKtpTyoSSEy1eVRzh5i+9I8oTM7c5ea+GClz1tkJks8rfO8olXFJcWDts46EBKtiiR3rOoY93z3IRjPuZ0"
     "2Xl0MEpMQnKiqjinqOLQy0IOJsEbQToLp1MRWtRlO8TPozk9ZwwpGAWKgKiFMUBU4c231024Rv6kCj51jrG8mS2RMRS/uqwL6rRU"
     "zSI9XCjmEIg==</SignatureValue></Signature></Assertion></p:Response>"},
    {"ECDSA",
     "-----BEGIN PUBLIC KEY-----\n"
     "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEJuMBkx7clGP/elxDDS89ERElZvnM\n"
     "kICNfqZKv5BqNB64rmRLKX7G9Lz9kNhuTkjCgdS4XLnWswzOwcNzUIm40w==\n"
     "-----END PUBLIC KEY-----\n",
     "<p:Response xmlns:p=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"r\" Version=\"2.0\" IssueInstant="
     "\"2026-01-01T00:00:00Z\"><p:Status><p:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success"
     "\"/></p:Status><Assertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"a\" Version=\"2.0\" I"
     "ssueInstant=\"2026-01-01T00:00:00Z\"><Issuer>usher-worker</Issuer><Signature xmlns=\"http://www.w3.o"
     "rg/2000/09/xmldsig#\"><SignedInfo><CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-"
     "exc-c14n#\"/><SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256\"/><Re"
     "ference URI=\"#a\"><Transforms><Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-si"
     "gnature\"/><Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/></Transforms><DigestMet"
     "hod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha512\"/><DigestValue>bWNQUr4Kp6sClNYSqobrbHdlXCb6"
     "FaSGUrsyJv5GJBi02UcczyUvrDaUDSywJg8alHbMvlPWUGxVMVN4wuf5VA==</DigestValue></Reference></SignedInfo><"
     "SignatureValue>FHtjzlU0CERu0OrCI3nQTz6SCZ8J2zvHqLYu+ZqTyyM3u3Ze4vNg2APqlXZgrNUDVKb5/fV2tPJQxeWcIIxqE"
     "Q==</SignatureValue></Signature></Assertion></p:Response>"},
};

static int test_document(const char *key, const char *xml, struct err *e)
{
    struct saml_signer signers[2];
    struct saml_trust trust;
    struct saml_signed s;
    struct arena a;
    int rc = -1;

    saml_trust_init(&trust);
    arena_init(&a, 4 * (size_t)SAML_XML_MAX);
    if (saml_trust_add_pem(&trust, slice_of(key), e) == 0 && saml_verify(slice_of(xml), &trust, 0, &a, &s, e) == 0)
        rc = saml_recheck(&s, &trust, 0, signers, e);
    arena_free(&a);
    saml_trust_free(&trust);
    return rc;
}

int saml_selftest(struct err *e)
{
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        if (test_document(documents[i].key, documents[i].xml, e) != 0)
            return err_wrap(e, "self-test of the verifier, %s", documents[i].name);
    }
    return 0;
}
