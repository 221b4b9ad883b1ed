/*
 * saml_key.h - the public key with which the documents of tests/corpus/saml_verify and saml_recheck were signed. Its
 * private half was thrown away.
 */
#ifndef USHER_TESTS_FUZZ_SAML_KEY_H
#define USHER_TESTS_FUZZ_SAML_KEY_H

#define SAML_FUZZ_KEY                                                    \
    "-----BEGIN PUBLIC KEY-----\n"                                       \
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAiyx4dQDrKB7O0KUHL7SQ\n" \
    "0dFDEV0fNbYr6B/9R+h6mqUikEhwLcOYuQCrtNO2LV3oCWRZlYAhnKtjOW0pQnAP\n" \
    "u0hudwpkJMAUbV+SkJlSP/rl7IYx0I2rQjPT0GjoQZQsu6YL+xE+TYC8YgGuJ6mZ\n" \
    "ojUUzg31RSozQr651yalbednFhv1pkXYYcvzI9uFaiXU3wkesYnmFF1Z2fKO2T34\n" \
    "hNQn3LAqcv77co9qC0S1c55V8wMCy/TeGUu0bWNkWTBEUrmk8gOiR+bD1uoDtB/X\n" \
    "yJJgSJFVsFU9C77J/RVJjDCPay8hg5sH5NB/yIHN3RXEyVF2EFRSoohVQlg6nKai\n" \
    "3QIDAQAB\n"                                                         \
    "-----END PUBLIC KEY-----\n"

#endif
