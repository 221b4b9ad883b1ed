/*
 * encrypt.h - XML encryption for mint.c: an element encrypted for a service provider, as products do it or as none
 * should.
 *
 * On OpenSSL alone. The table of tricks has one way per row in which an encrypted Response must be refused; everything
 * but the one thing stays sound.
 */
#ifndef USHER_LAB_ENCRYPT_H
#define USHER_LAB_ENCRYPT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/* The public key of a service provider. */
struct mint_recipient;
/* From a certificate in PEM form. ERR_TRUST (also: not RSA). */
int mint_recipient_load(const char *cert_file, struct mint_recipient **ret, struct err *e);
/* Takes a reference to `pkey`, which must be RSA. ERR_MEMORY. */
struct evp_pkey_st;
int mint_recipient_of(struct evp_pkey_st *pkey, struct mint_recipient **ret, struct err *e);
void mint_recipient_free(struct mint_recipient *r);

/* Where EncryptedKey stands. */
enum mint_key_place {
    MINT_KEY_INSIDE = 0, /* in EncryptedData/KeyInfo: Entra, ADFS, Shibboleth, SimpleSAMLphp */
    MINT_KEY_BESIDE,     /* after EncryptedData */
    MINT_KEY_REFERENCED  /* after it, and a RetrievalMethod names it: Okta */
};

struct mint_encrypt_trick {
    const char *name;
    const char *expected; /* name of the error code, for an assertion as mint makes it unless told otherwise */
    const char *help;
    const char *cipher, *transport; /* NULL: as asked for */
    bool change_sign;               /* `sign` (MINT_SIGN_ bits) replaces what was asked for */
    unsigned sign;
    const char *before, *after; /* around the plaintext; "%" stands for the plaintext once more */
    size_t more_keys;           /* further EncryptedKey elements */
    int pad;                    /* last octet of CBC padding, 0: the right one */
    size_t cut_tag, cut_key;    /* octets */
    const char *say_cipher;     /* what EncryptionMethod says instead */
    const char *retrieval;      /* URI of a RetrievalMethod */
    bool cipher_reference, break_tag, noise_key;
    /* of the whole document, once it is signed or before: */
    bool clear_beside, encrypted_beside, swap;
};
extern const struct mint_encrypt_trick mint_encrypt_tricks[];
extern const size_t mint_encrypt_tricks_n;
/* NULL if there is none of this name. */
const struct mint_encrypt_trick *mint_encrypt_trick_find(const char *name);

/* Everything is borrowed. */
struct mint_encrypt {
    const struct mint_recipient *to;
    const char *cipher;    /* "aes256-cbc", "aes128-gcm", "tripledes-cbc" ... */
    const char *transport; /* "rsa-oaep-mgf1p", "rsa-oaep" (xmlenc 1.1), "rsa-1_5" */
    const char *digest,
        *mgf;          /* of OAEP: "sha1", "sha256", "sha384", "sha512"; NULL: SHA-1, without an element for it */
    const char *label; /* OAEPparams, as text; NULL: none */
    enum mint_key_place place;
    const struct mint_encrypt_trick *trick; /* NULL: none */
};

/* What Entra sends: AES-256-CBC, rsa-oaep-mgf1p, EncryptedKey inside. */
void mint_encrypt_init(struct mint_encrypt *x, const struct mint_recipient *to);

/* Appends <NAME xmlns="...SAML:2.0:assertion"> with the plaintext encrypted in it. ERR_USAGE (an unknown algorithm, or
 * a mask with anything but rsa-oaep), ERR_INTERNAL. */
int mint_encrypt(const struct mint_encrypt *x, const char *name, struct slice plaintext, struct buf *out,
                 struct err *e);

#endif
