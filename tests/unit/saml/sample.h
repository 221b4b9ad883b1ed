/* sample.h - one Assertion and one signed Response in canonical form, and a way to change one thing about them. */
#ifndef USHER_TESTS_SAML_SAMPLE_H
#define USHER_TESTS_SAML_SAMPLE_H

#include "tests/unit/unit.h"

#define SAMPLE_SUBJECT                                                                                             \
    "<saml:Subject>"                                                                                               \
    "<saml:NameID Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress\">ann@example.com</saml:NameID>" \
    "<saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">"                                  \
    "<saml:SubjectConfirmationData InResponseTo=\"id1\" NotOnOrAfter=\"2026-11-24T10:05:00Z\""                     \
    " Recipient=\"https://sp.example.com/acs\"></saml:SubjectConfirmationData>"                                    \
    "</saml:SubjectConfirmation>"                                                                                  \
    "</saml:Subject>"
#define SAMPLE_CONDITIONS                                                                                        \
    "<saml:Conditions NotBefore=\"2026-11-24T09:55:00Z\" NotOnOrAfter=\"2026-11-24T11:00:00Z\">"                 \
    "<saml:AudienceRestriction><saml:Audience>https://sp.example.com</saml:Audience></saml:AudienceRestriction>" \
    "</saml:Conditions>"
#define SAMPLE_AUTHN                                                                                  \
    "<saml:AuthnStatement AuthnInstant=\"2026-11-24T09:59:00Z\" SessionIndex=\"s1\""                  \
    " SessionNotOnOrAfter=\"2026-11-24T18:00:00Z\"><saml:AuthnContext><saml:AuthnContextClassRef>"    \
    "urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext>" \
    "</saml:AuthnStatement>"
#define SAMPLE_ATTRIBUTES                                                              \
    "<saml:AttributeStatement>"                                                        \
    "<saml:Attribute Name=\"mail\" NameFormat=\"f\" FriendlyName=\"E-mail\">"          \
    "<saml:AttributeValue>ann@example.com</saml:AttributeValue></saml:Attribute>"      \
    "<saml:Attribute Name=\"groups\"><saml:AttributeValue>staff</saml:AttributeValue>" \
    "<saml:AttributeValue>R&amp;D</saml:AttributeValue></saml:Attribute>"              \
    "</saml:AttributeStatement>"
#define SAMPLE_ASSERTION_WITH(ns, signature)                                                                     \
    "<saml:Assertion " ns "ID=\"_a1\" IssueInstant=\"2026-11-24T10:00:00Z\" Version=\"2.0\">"                    \
    "<saml:Issuer>https://idp.example.com</saml:Issuer>" signature SAMPLE_SUBJECT SAMPLE_CONDITIONS SAMPLE_AUTHN \
        SAMPLE_ATTRIBUTES "</saml:Assertion>"

#define SAMPLE_ASSERTION SAMPLE_ASSERTION_WITH("xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ", "")
#define SAMPLE_SIGNATURE \
    "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo></ds:SignedInfo></ds:Signature>"
#define SAMPLE_RESPONSE                                                                                               \
    "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" Destination=\"https://sp.example.com/acs\"" \
    " ID=\"_r1\" InResponseTo=\"id1\" IssueInstant=\"2026-11-24T10:00:01Z\" Version=\"2.0\">"                         \
    "<saml:Issuer xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">https://idp.example.com</saml:Issuer>"         \
    "<samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"></samlp:StatusCode>"        \
    "</samlp:Status>" SAMPLE_ASSERTION_WITH("xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ",                  \
                                            SAMPLE_SIGNATURE) "</samlp:Response>"

/* `doc` with the first `from` replaced by `to`; fails the test if it is not there. Free it. */
static inline char *sample_edit(const char *doc, const char *from, const char *to)
{
    const char *hit = strstr(doc, from);
    char *out = NULL;

    if (!hit)
        fail_msg("the sample does not hold '%s'", from);
    assert_true(asprintf(&out, "%.*s%s%s", (int)(hit - doc), doc, to, hit + strlen(from)) >= 0);
    return out;
}

#endif
