/*
 * decrypt.h - XML encryption as SAML uses it (xmlenc-core1 5.2, 5.5; SAML core 2.2.4, 2.3.4), on OpenSSL alone.
 *
 * Key transport is RSA-OAEP (rsa-oaep-mgf1p, and xmlenc11 rsa-oaep with MGF1 of SHA-1 to SHA-512); RSA 1.5 is refused
 * unless allowed by name. Content is AES-GCM with a tag of 16 octets, or AES-CBC; Triple DES only with the exception
 * for RSA 1.5, as products of that age send both. One EncryptedKey, CipherValue only.
 *
 * Decryption proves nothing about who wrote it, and must not become an oracle: a key that cannot be unwrapped gives a
 * random one, CBC padding is never judged, and all that can then go wrong is ERR_DECRYPT with one text and the same
 * work. Plaintext is hostile input: it is parsed as a document of its own, never spliced into another.
 */
#ifndef USHER_SAML_DECRYPT_H
#define USHER_SAML_DECRYPT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define SAML_SP_KEYS_MAX 8      /* configuration takes two: the key in use and the one before or after it */
#define SAML_CONTENT_KEY_MAX 32 /* AES-256 */
#define SAML_WRAPPED_MAX 2048   /* octets of an encrypted key: RSA-16384 */
#define SAML_LABEL_MAX 1024     /* octets of an OAEP label */

enum saml_transport { SAML_TRANSPORT_NONE = 0, SAML_TRANSPORT_OAEP, SAML_TRANSPORT_RSA15 };
enum saml_hash { SAML_HASH_SHA1 = 1, SAML_HASH_SHA256, SAML_HASH_SHA384, SAML_HASH_SHA512 };
enum saml_cipher {
    SAML_CIPHER_NONE = 0,
    SAML_AES128_CBC,
    SAML_AES192_CBC,
    SAML_AES256_CBC,
    SAML_AES128_GCM,
    SAML_AES192_GCM,
    SAML_AES256_GCM,
    SAML_TRIPLEDES_CBC
};

/* An EncryptedKey as it stands in a document. */
struct saml_wrapped_key {
    enum saml_transport transport;
    enum saml_hash digest, mgf;
    enum saml_cipher content; /* what the key is for: gives its length */
    struct slice label;       /* OAEPparams; n == 0: none */
    struct slice cipher;      /* p == NULL: there is none */
};

/* Private keys of this service provider, with their certificates. */
struct saml_sp_key {
    void *pkey;               /* EVP_PKEY *, RSA */
    struct slice certificate; /* DER, owned */
    unsigned char sha256[32]; /* of the certificate's SubjectPublicKeyInfo */
    int64_t not_after;
};
struct saml_sp_keys {
    struct saml_sp_key v[SAML_SP_KEYS_MAX]; /* the first signs; all decrypt */
    size_t n;
};

/* Adds the one PRIVATE KEY of PEM text and the CERTIFICATE that belongs to it; `certificate_needed` false: a key alone
 * will do (`usher verify --decrypt-key`), and 1024 bits instead of 2048: what a recording was encrypted for is not ours
 * to choose. ERR_KEY_FILE, ERR_LIMIT. */
int saml_sp_keys_add_pem(struct saml_sp_keys *k, struct slice pem, bool certificate_needed, struct err *e);
void saml_sp_keys_free(struct saml_sp_keys *k);

/* Octets of the key of this cipher; 0 for what is none. */
size_t saml_cipher_key_size(enum saml_cipher c);
/* GCM: what decrypts was made by somebody who knew the key. */
bool saml_cipher_authentic(enum saml_cipher c);

/*
 * The content key, of saml_cipher_key_size(w->content) octets. Every key of `keys` is tried, whichever fits; if none
 * does the result is random, and what is decrypted with it will be refused with the rest. `allow`: SAML_ALLOW_RSA15.
 * ERR_ALGORITHM (RSA 1.5 or Triple DES without the exception), ERR_DECRYPT_KEY (no key is configured at all),
 * ERR_DECRYPT (a struct that no reader of ours fills), ERR_INTERNAL.
 */
int saml_unwrap_key(const struct saml_sp_keys *keys, unsigned allow, const struct saml_wrapped_key *w,
                    unsigned char ret[SAML_CONTENT_KEY_MAX], struct err *e);

/*
 * True if this very key stands in the message as base64, whatever white space is in it. The worker says which key it
 * wants unwrapped, and one that was taken over must not have the keys of other messages unwrapped for it.
 */
bool saml_wrapped_stands_in(const struct saml_wrapped_key *w, struct slice xml);

/*
 * `cipher` is IV and ciphertext (and tag) as in CipherValue. The plaintext goes into `a`. CBC: padding that makes no
 * sense leaves the text whole, for the parser to refuse. ERR_DECRYPT (also: a length that cannot be), ERR_MEMORY.
 */
int saml_decrypt_content(enum saml_cipher c, const unsigned char *key, struct slice cipher, struct arena *a,
                         struct slice *ret, struct err *e);

/* Replaces whatever `e` holds by the one ERR_DECRYPT that there is. Returns -1. */
int saml_decrypt_refused(struct err *e);

#endif
