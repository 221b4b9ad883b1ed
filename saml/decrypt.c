/*
 * decrypt.c - see decrypt.h: key transport and content ciphers.
 *
 * What is secret here is whether an unwrap succeeded and what the last octet of a decrypted text is. Neither decides a
 * branch of ours, an address or an error; only OpenSSL's own handling of OAEP is not in our hands.
 */
#include "saml/decrypt.h"

#include <limits.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "base/encode.h"
#include "saml/trust.h"

#define GCM_IV_SIZE 12
#define GCM_TAG_SIZE 16
#define RSA15_PADDING_MIN 8 /* random octets that RFC 8017 7.2 asks for */

struct cipher {
    const char *name;  /* OpenSSL's */
    size_t key, block; /* octets; block 0: GCM */
};

static const struct cipher ciphers[] = {
    [SAML_CIPHER_NONE] = {NULL, 0, 0},           [SAML_AES128_CBC] = {"AES-128-CBC", 16, 16},
    [SAML_AES192_CBC] = {"AES-192-CBC", 24, 16}, [SAML_AES256_CBC] = {"AES-256-CBC", 32, 16},
    [SAML_AES128_GCM] = {"AES-128-GCM", 16, 0},  [SAML_AES192_GCM] = {"AES-192-GCM", 24, 0},
    [SAML_AES256_GCM] = {"AES-256-GCM", 32, 0},  [SAML_TRIPLEDES_CBC] = {"DES-EDE3-CBC", 24, 8},
};

static const struct cipher *cipher_of(enum saml_cipher c)
{
    return (size_t)c < sizeof ciphers / sizeof *ciphers ? &ciphers[c] : &ciphers[SAML_CIPHER_NONE];
}

size_t saml_cipher_key_size(enum saml_cipher c)
{
    return cipher_of(c)->key;
}

bool saml_cipher_authentic(enum saml_cipher c)
{
    return cipher_of(c)->key > 0 && cipher_of(c)->block == 0;
}

int saml_decrypt_refused(struct err *e)
{
    err_clear(e);
    return err_set(e, ERR_DECRYPT, "it cannot be decrypted with our keys, or what comes out is not what it should be");
}

/*
 * Key transport
 */

/* 0xff if x == 0, else 0; for x < 2^24. */
static unsigned char mask_if_zero(unsigned x)
{
    return (unsigned char)((x - 1U) >> 24);
}

/* Where mask is 0xff `from` replaces `to`; the same work either way. */
static void select_ct(unsigned char *to, const unsigned char *from, size_t n, unsigned char mask)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (unsigned char)((to[i] & ~mask) | (from[i] & mask));
}

static const char *hash_name(enum saml_hash h)
{
    switch (h) {
    case SAML_HASH_SHA1: return "SHA1";
    case SAML_HASH_SHA256: return "SHA256";
    case SAML_HASH_SHA384: return "SHA384";
    case SAML_HASH_SHA512: return "SHA512";
    default: return NULL;
    }
}

static bool set_oaep(EVP_PKEY_CTX *ctx, const struct saml_wrapped_key *w)
{
    if (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, hash_name(w->digest), NULL) != 1 ||
        EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, hash_name(w->mgf), NULL) != 1)
        return false;
    if (w->label.n > 0) {
        void *label = OPENSSL_memdup(w->label.p, w->label.n);

        if (!label || EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, (int)w->label.n) != 1) {
            OPENSSL_free(label);
            return false;
        }
    }
    return true;
}

/*
 * RSA 1.5: 00 02, octets that are not 0, 00, the key. Its length is known, so that the place of every octet is, too
 * (as in TLS, RFC 5246 7.4.7.1): 0xff if all is right.
 */
static unsigned char rsa15_mask(const unsigned char *em, size_t n, size_t key_size)
{
    unsigned wrong = em[0] | (em[1] ^ 2U) | em[n - key_size - 1];

    for (size_t i = 2; i < n - key_size - 1; i++)
        wrong |= mask_if_zero(em[i]);
    return mask_if_zero(wrong);
}

/* Replaces `key` if this private key unwraps one of the right size. False only if OpenSSL has no memory or the like. */
static bool unwrap_with(EVP_PKEY *pkey, const struct saml_wrapped_key *w, size_t key_size,
                        unsigned char key[SAML_CONTENT_KEY_MAX])
{
    unsigned char out[SAML_WRAPPED_MAX] = {0};
    size_t n = sizeof out, modulus = (size_t)EVP_PKEY_get_size(pkey);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    bool rsa15 = w->transport == SAML_TRANSPORT_RSA15, ok = false;
    int rc;

    if (!ctx || modulus > sizeof out || EVP_PKEY_decrypt_init(ctx) != 1 ||
        (rsa15 ? EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) != 1 : !set_oaep(ctx, w)))
        goto out;
    ok = true;
    rc = EVP_PKEY_decrypt(ctx, out, &n, (const unsigned char *)w->cipher.p, w->cipher.n);
    if (rsa15) {
        /* fails only for a number that is not below the modulus, which anybody can see */
        if (rc == 1 && n == modulus && n >= key_size + 3 + RSA15_PADDING_MIN)
            select_ct(key, out + n - key_size, key_size, rsa15_mask(out, n, key_size));
    } else {
        select_ct(key, out, key_size, mask_if_zero((unsigned)(rc != 1) | (unsigned)(n != key_size)));
    }
out:
    OPENSSL_cleanse(out, sizeof out);
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static int check_wrapped(const struct saml_wrapped_key *w, unsigned allow, struct err *e)
{
    if (saml_cipher_key_size(w->content) == 0 || w->cipher.n == 0 || w->cipher.n > SAML_WRAPPED_MAX ||
        w->label.n > SAML_LABEL_MAX)
        return saml_decrypt_refused(e);
    if (w->transport == SAML_TRANSPORT_OAEP && hash_name(w->digest) && hash_name(w->mgf)) {
        if (w->content == SAML_TRIPLEDES_CBC && !(allow & SAML_ALLOW_RSA15))
            return err_set(e, ERR_ALGORITHM, "the content is encrypted with Triple DES");
        return 0;
    }
    if (w->transport == SAML_TRANSPORT_RSA15 && (allow & SAML_ALLOW_RSA15))
        return 0;
    return err_set(e, ERR_ALGORITHM, "the key is not encrypted with RSA-OAEP");
}

/* White space as it may stand in base64, written out or as a character reference (Java writes &#13;): its octets, or 0.
 */
static size_t space_at(struct slice s)
{
    static const char *const references[] = {"&#13;", "&#xD;", "&#xd;", "&#10;", "&#xA;", "&#xa;"};

    if (s.n > 0 && memchr(" \t\r\n", s.p[0], 4))
        return 1;
    for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
        if (slice_starts(s, slice_of(references[i])))
            return strlen(references[i]);
    }
    return 0;
}

bool saml_wrapped_stands_in(const struct saml_wrapped_key *w, struct slice xml)
{
    struct buf wanted, text;
    bool found;

    buf_init(&wanted, 2 * SAML_WRAPPED_MAX);
    buf_init(&text, xml.n + 1);
    base64_encode(&wanted, w->cipher.p, w->cipher.n);
    for (size_t i = 0; i < xml.n;) {
        size_t space = space_at(slice_make(xml.p + i, xml.n - i));

        if (space == 0)
            buf_add_char(&text, xml.p[i++]);
        i += space;
    }
    found = w->cipher.n > 0 && !buf_failed(&wanted) && !buf_failed(&text) && text.len > 0 &&
            memmem(text.data, text.len, wanted.data, wanted.len) != NULL;
    buf_free(&wanted);
    buf_free(&text);
    return found;
}

int saml_unwrap_key(const struct saml_sp_keys *keys, unsigned allow, const struct saml_wrapped_key *w,
                    unsigned char ret[SAML_CONTENT_KEY_MAX], struct err *e)
{
    unsigned char key[SAML_CONTENT_KEY_MAX];
    size_t size = saml_cipher_key_size(w->content);
    int result = -1;

    if (check_wrapped(w, allow, e) != 0)
        return -1;
    if (!keys || keys->n == 0)
        return err_set(e, ERR_DECRYPT_KEY, "there is no private key to decrypt with");
    if (RAND_priv_bytes(key, sizeof key) != 1) {
        (void)err_set(e, ERR_INTERNAL, "OpenSSL has no random numbers");
        goto out;
    }
    for (size_t i = 0; i < keys->n; i++) {
        if (!unwrap_with(keys->v[i].pkey, w, size, key)) {
            (void)err_set(e, ERR_INTERNAL, "OpenSSL does not decrypt with private key %zu", i + 1);
            goto out;
        }
    }
    memcpy(ret, key, sizeof key);
    result = 0;
out:
    OPENSSL_cleanse(key, sizeof key);
    ERR_clear_error();
    return result;
}

/*
 * Content
 */

static bool decrypt_gcm(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *c, const unsigned char *key, struct slice in,
                        unsigned char *out)
{
    const unsigned char *iv = (const unsigned char *)in.p, *text = iv + GCM_IV_SIZE, *tag = iv + in.n - GCM_TAG_SIZE;
    int n = 0;

    return EVP_DecryptInit_ex2(ctx, c, key, iv, NULL) == 1 &&
           EVP_DecryptUpdate(ctx, out, &n, text, (int)(in.n - GCM_IV_SIZE - GCM_TAG_SIZE)) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_SIZE, (void *)(uintptr_t)tag) == 1 &&
           EVP_DecryptFinal_ex(ctx, out + n, &n) == 1;
}

static bool decrypt_cbc(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *c, const unsigned char *key, size_t block,
                        struct slice in, unsigned char *out)
{
    const unsigned char *iv = (const unsigned char *)in.p;
    int n = 0;

    return EVP_DecryptInit_ex2(ctx, c, key, iv, NULL) == 1 && EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
           EVP_DecryptUpdate(ctx, out, &n, iv + block, (int)(in.n - block)) == 1 &&
           EVP_DecryptFinal_ex(ctx, out + n, &n) == 1;
}

/* The last octet is the number of octets of padding, itself included, 1 to `block` (xmlenc 5.2). 0 if it is not. */
static size_t padding_of(unsigned char last, size_t block)
{
    unsigned n = last, is_less = ((n - 1U - (unsigned)block) >> 31) & 1U;

    return n & (0U - is_less) & (unsigned)(unsigned char)~mask_if_zero(n);
}

int saml_decrypt_content(enum saml_cipher which, const unsigned char *key, struct slice in, struct arena *a,
                         struct slice *ret, struct err *e)
{
    const struct cipher *c = cipher_of(which);
    size_t least = c->block ? 2 * c->block : GCM_IV_SIZE + GCM_TAG_SIZE, n;
    EVP_CIPHER_CTX *ctx = NULL;
    EVP_CIPHER *cipher = NULL;
    unsigned char *out;
    int result = -1;

    if (c->key == 0 || in.n < least || in.n > INT_MAX || (c->block && in.n % c->block != 0))
        return saml_decrypt_refused(e);
    n = c->block ? in.n - c->block : in.n - least;
    out = arena_alloc(a, n);
    if (!out)
        return err_set(e, ERR_MEMORY, "no memory for %zu octets of plaintext", n);
    ctx = EVP_CIPHER_CTX_new();
    cipher = EVP_CIPHER_fetch(NULL, c->name, NULL);
    if (!ctx || !cipher) {
        (void)err_set(e, ERR_INTERNAL, "OpenSSL does not offer %s", c->name);
        goto out;
    }
    if (!(c->block ? decrypt_cbc(ctx, cipher, key, c->block, in, out) : decrypt_gcm(ctx, cipher, key, in, out))) {
        OPENSSL_cleanse(out, n); /* what a wrong tag leaves is nobody's business */
        (void)saml_decrypt_refused(e);
        goto out;
    }
    *ret = slice_make(out, c->block ? n - padding_of(out[n - 1], c->block) : n);
    result = 0;
out:
    EVP_CIPHER_free(cipher);
    EVP_CIPHER_CTX_free(ctx);
    ERR_clear_error();
    return result;
}
