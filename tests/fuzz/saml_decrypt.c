/*
 * Fuzzes saml/decrypt.h. The first three octets choose key transport, digest, mask and cipher, and how the rest is
 * taken: either it is a plaintext that is encrypted here and must come out again; or key and content as a stranger
 * makes them, for which there is one refusal and nothing else.
 */
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "tests/fuzz/saml_rig.h"

#define LABEL "a label"
#define HOSTILE 64U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const ciphers[] = {NULL,          "AES-128-CBC", "AES-192-CBC", "AES-256-CBC",
                                      "AES-128-GCM", "AES-192-GCM", "AES-256-GCM", "DES-EDE3-CBC"};
static const char *const hashes[] = {NULL, "SHA1", "SHA256", "SHA384", "SHA512"};

static struct saml_wrapped_key choose(const uint8_t *data)
{
    return (struct saml_wrapped_key){.transport = data[0] & 1 ? SAML_TRANSPORT_RSA15 : SAML_TRANSPORT_OAEP,
                                     .digest = (enum saml_hash)(data[0] >> 1 & 3) + 1,
                                     .mgf = (enum saml_hash)(data[0] >> 3 & 3) + 1,
                                     .content = (enum saml_cipher)(data[1] & 7),
                                     .label = data[0] & 32 ? SLICE(LABEL) : SLICE("")};
}

static size_t wrap(const struct saml_wrapped_key *w, const unsigned char *key, unsigned char out[SAML_WRAPPED_MAX])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(rig_sp_keys()->v[0].pkey, NULL);
    size_t n = SAML_WRAPPED_MAX;

    must(ctx && EVP_PKEY_encrypt_init(ctx) == 1);
    if (w->transport == SAML_TRANSPORT_RSA15) {
        must(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1);
    } else {
        must(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, hashes[w->digest], NULL) == 1 &&
             EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, hashes[w->mgf], NULL) == 1);
        if (w->label.n)
            must(EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_strdup(LABEL), (int)w->label.n) == 1);
    }
    must(EVP_PKEY_encrypt(ctx, out, &n, key, saml_cipher_key_size(w->content)) == 1);
    EVP_PKEY_CTX_free(ctx);
    return n;
}

/* IV, ciphertext and tag, padded as xmlenc 5.2 says. */
static struct slice encrypt(enum saml_cipher c, const unsigned char *key, struct slice plain, struct arena *a)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, ciphers[c], NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    size_t block = cipher ? (size_t)EVP_CIPHER_get_block_size(cipher) : 0;
    size_t iv = cipher ? (size_t)EVP_CIPHER_get_iv_length(cipher) : 0;
    size_t pad = block > 1 ? block - plain.n % block : 0, tag = block > 1 ? 0 : 16;
    unsigned char *in = arena_alloc(a, plain.n + pad + 1), *out = arena_alloc(a, iv + plain.n + pad + tag);
    int n = 0;

    must(cipher && ctx && in && out);
    memset(in, 0, plain.n + pad + 1);
    memset(out, 1, iv);
    if (plain.n)
        memcpy(in, plain.p, plain.n);
    if (pad)
        in[plain.n + pad - 1] = (unsigned char)pad;
    must(EVP_EncryptInit_ex2(ctx, cipher, key, out, NULL) == 1 && EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
         EVP_EncryptUpdate(ctx, out + iv, &n, in, (int)(plain.n + pad)) == 1 &&
         EVP_EncryptFinal_ex(ctx, out + iv + n, &n) == 1);
    must(!tag || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, out + iv + plain.n) == 1);
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    return slice_make(out, iv + plain.n + pad + tag);
}

static void round_trip(struct saml_wrapped_key w, struct slice plain, struct arena *a)
{
    const unsigned char key[SAML_CONTENT_KEY_MAX] = "thirty-two octets of content key";
    unsigned char wrapped[SAML_WRAPPED_MAX], again[SAML_CONTENT_KEY_MAX];
    struct err e = ERR_INIT;
    struct slice found;

    w.cipher = slice_make(wrapped, wrap(&w, key, wrapped));
    must(saml_unwrap_key(rig_sp_keys(), SAML_ALLOW_RSA15, &w, again, &e) == 0);
    must(memcmp(again, key, saml_cipher_key_size(w.content)) == 0);
    must(saml_decrypt_content(w.content, again, encrypt(w.content, again, plain, a), a, &found, &e) == 0);
    must(slice_eq(found, plain));
    /* without the exception, neither RSA 1.5 nor Triple DES */
    if (w.transport == SAML_TRANSPORT_RSA15 || w.content == SAML_TRIPLEDES_CBC)
        must(saml_unwrap_key(rig_sp_keys(), 0, &w, again, &e) == -1 && e.code == ERR_ALGORITHM);
    err_clear(&e);
    must(saml_unwrap_key(NULL, SAML_ALLOW_RSA15, &w, again, &e) == -1 && e.code == ERR_DECRYPT_KEY);
}

/* The first `n` octets are the key, the others the content. */
static void hostile(struct saml_wrapped_key w, size_t n, struct slice rest, struct arena *a)
{
    unsigned char key[SAML_CONTENT_KEY_MAX];
    struct err e = ERR_INIT;
    struct slice found;

    n = n < rest.n ? n : rest.n;
    w.cipher = slice_make(rest.p, n);
    rest = slice_make(rest.p + n, rest.n - n);
    if (saml_unwrap_key(rig_sp_keys(), SAML_ALLOW_RSA15, &w, key, &e) != 0) {
        must(e.code == ERR_DECRYPT && (n == 0 || saml_cipher_key_size(w.content) == 0));
        memset(key, 0, sizeof key);
    }
    err_clear(&e);
    if (saml_decrypt_content(w.content, key, rest, a, &found, &e) != 0)
        must(e.code == ERR_DECRYPT);
    else /* by accident: only where nothing vouches for it */
        must(!saml_cipher_authentic(w.content) && found.n < rest.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct saml_wrapped_key w;
    struct arena a;

    if (size < 3 || size > 65536)
        return 0;
    (void)rig_trust();
    arena_init(&a, 1 << 20);
    w = choose(data);
    if (data[1] & HOSTILE || saml_cipher_key_size(w.content) == 0)
        hostile(w, data[2] + 1U, slice_make(data + 3, size - 3), &a);
    else
        round_trip(w, slice_make(data + 3, size - 3), &a);
    arena_free(&a);
    return 0;
}
