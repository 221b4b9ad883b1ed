/*
 * saml_key.h - TEST KEYS of the corpora. None of them is, or may ever be, used for anything else.
 *
 * SAML_FUZZ_KEY signed the documents of tests/corpus/saml_verify and saml_recheck, SAML_FUZZ_KEYS some of
 * tests/corpus/saml_judge; their private halves were thrown away. SAML_FUZZ_PRIVATE is both halves of one more, with
 * its certificate: documents are signed with it, encrypted for it and decrypted with it, here and in new corpus files.
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

/* TEST VECTOR: a private key that everybody has. */
#define SAML_FUZZ_PRIVATE                                                \
    "-----BEGIN PRIVATE KEY-----\n"                                      \
    "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDGskIJO84LNlX3\n" \
    "3Y4wp84vle9XYc65ePo7AXjoZk0HPMjDhPbbTARRF8qjC3s344RSV2GRaUOLQJ2g\n" \
    "WcssYt2r6j8d9Be43Bjl2xCCCOfQzCEam1VEVztXGfz0uL520t8QL5zgf+7bWXyN\n" \
    "xlN4h7UJ4jYEu9FDPhdXzbJgDmzphHCEoI53wKSmrl1EsUCPqXAgfF1mf3ym3Ute\n" \
    "B6S+tlen3MBJ3KiaGopfiqB3r7l83bxFNsXEb7S2t/tGkBtQP7cZ6eWIUErXhqZO\n" \
    "6jpIlVy9UqkyZa9nKpr82hWig60MrX2q0yGLtRkzPqWKM4e6JEb7ET3oLFcu/W7y\n" \
    "kSrsqYzjAgMBAAECggEATmhKecVRTghfjUOvGBEn4oxKmdNdVcBhEkbG9QJllB0O\n" \
    "5mTCWxBYxb1bN9LQiWHtNecId+6vejSB3yR/8eCDtBLoXEQV1lt4McAr9/xWqgTb\n" \
    "bVntoF3B62G0ecerVU1qO8NmJwsk8QcTiQjBqJb4wFE1WtHYxq2qXXos0Q3wOYdY\n" \
    "aYXz48eN3q1UpjnocdGwNUASyovGe9CKGxagifKoYBS5wfCH7bOVFw/td/Q4mZIZ\n" \
    "BZZW73nmKlORAqbvuobc3krScriVKuvq+FGzL2j1xivJNQS3o6hU7D9/kk8w33Bh\n" \
    "Ax4ZMrLLrxjQ6QajGv+V6O2uex1Q2Ns41N/i5vG4fQKBgQD36TDLcpc1x7/9OCq9\n" \
    "znWLzqTkbFj+aheHGxx8t7TA/iWk0IUEJ5WCjR5XgNJfbqIq5Lx9gE7g6R/sleNZ\n" \
    "dQ0fJsX6SyC9H0VxtV1QXmO9be5GTIIfswyRxyofqoZhrAiJu9Smvr2VgrwE3EX9\n" \
    "ImMrXb/6Mbs/GQ6CjAOvSAmljwKBgQDNLfnd8Bj6y1HJVTjm3WS2gNlE0FT1S5sU\n" \
    "GDoym8jUf7kjYGoC1LYmoDh6mTbht4gGpGUxRx1IO0a5jXhQa5tKRtGSmVlZCGuD\n" \
    "rf1t6lS7WPBjL9+5VacON79Bofr57uOJ/ukOLWCJrKeXC14xv7vpb9scwK8mi9aV\n" \
    "zeAEY0+BbQKBgQDxUzqAkUfIvm2R3X8dzUB3m+y/vwjSgAvvJOESNvHpfHzAd4tE\n" \
    "hBPyRdTncStYYqXSA1/I+4HNRqIg97eceWkQjfnisAdqkmpTSi1P8tI8sCpmnEt+\n" \
    "+BigP7Qtpx2xLnoROZrDxqFeTSkhwhsPUs4ehOBAePDBd268ffeIRSO+2QKBgBy+\n" \
    "TRu/T/CKXSnES5Vj/IDoqgdO3CgE8HOvNS/zzP2f6vK+xfshi2b72Q2ruxmB2Yd8\n" \
    "rkRp/vsoeq7x16IEgRu1shREcVTcrhsjW7ZzNm2MdxieE0xmaGHAg4WRSJSM18l0\n" \
    "MXfv+W8wBcZOLGLxxkRcjCiKAb93pZcU4UYcF349AoGBAJ+PHFKUFmEz3crp9Vrl\n" \
    "cn9VJXY1+EeF1GXBynh90wtHZiGl4ViKZU4PpzjCVlgZoaDBjbjUaQ9JnJDueZ22\n" \
    "5WDBS1HQi5jMQFht+7T+jly7WCVPP1b7IwfJgsMngfmLmGPzKozEdR0r+MSG7hyc\n" \
    "ET98Tp3cOkMGmz146n830Q9I\n"                                         \
    "-----END PRIVATE KEY-----\n"
#define SAML_FUZZ_CERTIFICATE                                            \
    "-----BEGIN CERTIFICATE-----\n"                                      \
    "MIIDCzCCAfOgAwIBAgIUAfcbwcvvD967wJHUWFNNSSvAAfAwDQYJKoZIhvcNAQEL\n" \
    "BQAwFDESMBAGA1UEAwwJZnV6eiB0ZXN0MCAXDTI2MTEyNDE5NDE0MFoYDzIxMjYx\n" \
    "MDMxMTk0MTQwWjAUMRIwEAYDVQQDDAlmdXp6IHRlc3QwggEiMA0GCSqGSIb3DQEB\n" \
    "AQUAA4IBDwAwggEKAoIBAQDGskIJO84LNlX33Y4wp84vle9XYc65ePo7AXjoZk0H\n" \
    "PMjDhPbbTARRF8qjC3s344RSV2GRaUOLQJ2gWcssYt2r6j8d9Be43Bjl2xCCCOfQ\n" \
    "zCEam1VEVztXGfz0uL520t8QL5zgf+7bWXyNxlN4h7UJ4jYEu9FDPhdXzbJgDmzp\n" \
    "hHCEoI53wKSmrl1EsUCPqXAgfF1mf3ym3UteB6S+tlen3MBJ3KiaGopfiqB3r7l8\n" \
    "3bxFNsXEb7S2t/tGkBtQP7cZ6eWIUErXhqZO6jpIlVy9UqkyZa9nKpr82hWig60M\n" \
    "rX2q0yGLtRkzPqWKM4e6JEb7ET3oLFcu/W7ykSrsqYzjAgMBAAGjUzBRMB0GA1Ud\n" \
    "DgQWBBS9IpWkgLwrlpUGExlfBaJMFJkwwDAfBgNVHSMEGDAWgBS9IpWkgLwrlpUG\n" \
    "ExlfBaJMFJkwwDAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBCwUAA4IBAQCa\n" \
    "ovyfbedCrfuEu3Ct1U5JUcPx15dyHMfMesUpoOKq9hUwQIo8/Y8UwB5anrSshF/O\n" \
    "1G0n8AEkX8966peH/HoBICrTsE++JYj1wqEgxs9TWJkv3oF+2JFmQ0SYktGjRMfx\n" \
    "3JFbf8PFRxexv77CvVeONkeB8xR+kC9E38o2lwgrizcUC+JwmOYMGsjIkmhAt785\n" \
    "JomZrpoBGPekKFyBGFcwwxO2SnKZFH7lbgIGgTm504o3q5QuArTYJBAsrw+B8mXh\n" \
    "JB1m/6ZLGz/ZhmIAMZRGPz/7PZFbuHlCKoVc480NgnWSucuMyoWwGD9x/xbHX8d6\n" \
    "IharyrmdYGnyDeYR62sd\n"                                             \
    "-----END CERTIFICATE-----\n"
/* RSA with 1024 bits, P-256, P-521, and the public half of SAML_FUZZ_PRIVATE. */
#define SAML_FUZZ_KEYS                                                   \
    "-----BEGIN PUBLIC KEY-----\n"                                       \
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDbusZrt2WvIXdZ5DVzYwn6NqyL\n" \
    "rsNWiBtxQA1DfhTMXOpwPJhNEwVddG770Spa2y24OtNaptgZgua5oeRleyv+L4O6\n" \
    "rSmx2N22mOCQ6DnQW3AuZq3QARgie+yBhH1a+oUu0X4ENblqXHgSe7tQ3+LaaZKL\n" \
    "nTXGlGtSnLN8X2xolwIDAQAB\n"                                         \
    "-----END PUBLIC KEY-----\n"                                         \
    "-----BEGIN PUBLIC KEY-----\n"                                       \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEIzDGC2mHtqKpw947qXA1kUTANIEM\n" \
    "hk8lPYka3BTPpPIbgjpmz2xOCtrCJelvf7k716i98iNlrYj0/IAVtCioeA==\n"     \
    "-----END PUBLIC KEY-----\n"                                         \
    "-----BEGIN PUBLIC KEY-----\n"                                       \
    "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQA1aApxPb/eRlqWeU+Vuc8kF0ZklRG\n" \
    "GatiFRtr0gPLm29vu+y8Gu9k/owrnvd8zXN6tgksT9wyfObx38Ek2cyS1SMATXAB\n" \
    "to6b+7K/J/E75UtIDgptFxsIVjUQ70lepmCTvm1m39Tui/rs1cG4YFJ86bG/BmUv\n" \
    "pE+Wkj5/XoqBHFA3laM=\n"                                             \
    "-----END PUBLIC KEY-----\n"                                         \
    "-----BEGIN PUBLIC KEY-----\n"                                       \
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxrJCCTvOCzZV992OMKfO\n" \
    "L5XvV2HOuXj6OwF46GZNBzzIw4T220wEURfKowt7N+OEUldhkWlDi0CdoFnLLGLd\n" \
    "q+o/HfQXuNwY5dsQggjn0MwhGptVRFc7Vxn89Li+dtLfEC+c4H/u21l8jcZTeIe1\n" \
    "CeI2BLvRQz4XV82yYA5s6YRwhKCOd8Ckpq5dRLFAj6lwIHxdZn98pt1LXgekvrZX\n" \
    "p9zASdyomhqKX4qgd6+5fN28RTbFxG+0trf7RpAbUD+3GenliFBK14amTuo6SJVc\n" \
    "vVKpMmWvZyqa/NoVooOtDK19qtMhi7UZMz6lijOHuiRG+xE96CxXLv1u8pEq7KmM\n" \
    "4wIDAQAB\n"                                                         \
    "-----END PUBLIC KEY-----\n"

#endif
