/* Unit tests of saml/decrypt.h: ciphers, key transport, private keys from PEM text. */
#include "tests/unit/saml/encrypt.h"

static EVP_PKEY *sp, *other;

/* --- ciphers ----------------------------------------------------------------------------------------------------- */

static size_t from_hex(const char *hex, unsigned char *dst)
{
    size_t n = 0;

    for (; hex[0] && hex[1]; hex += 2)
        dst[n++] = (unsigned char)(ascii_hex_value(hex[0]) << 4 | ascii_hex_value(hex[1]));
    return n;
}

/*
 * SP 800-38A F.2.1, F.2.3, F.2.5 (CBC), and cases 3, 9 and 15 of the GCM specification. The last octet of the CBC
 * plaintext is 0x10: as padding it takes the fourth block away.
 */
static void known_answers(void **state)
{
#define CBC_PLAIN                                                                                      \
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52ef" \
    "f69f2445df4f9b17ad2b417be66c3710"
#define CBC_IV "000102030405060708090a0b0c0d0e0f"
#define GCM_PLAIN                                                                                      \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525" \
    "b16aedf5aa0de657ba637b391aafd255"
#define GCM_IV "cafebabefacedbaddecaf888"
    static const struct {
        enum saml_cipher cipher;
        const char *key, *in, *plain;
        size_t n;
    } rows[] = {
        {SAML_AES128_CBC, "2b7e151628aed2a6abf7158809cf4f3c",
         CBC_IV "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e22229516"
                "3ff1caa1681fac09120eca307586e1a7",
         CBC_PLAIN, 48},
        {SAML_AES192_CBC, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
         CBC_IV "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a571b242012fb7ae07fa9baac3df102e0"
                "08b0e27988598881d920a9e64f5615cd",
         CBC_PLAIN, 48},
        {SAML_AES256_CBC, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
         CBC_IV "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461"
                "b2eb05e2c39be9fcda6c19078c6a9d1b",
         CBC_PLAIN, 48},
        {SAML_AES128_GCM, "feffe9928665731c6d6a8f9467308308",
         GCM_IV "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa05"
                "1ba30b396a0aac973d58e091473f59854d5c2af327cd64a62cf35abd2ba6fab4",
         GCM_PLAIN, 64},
        {SAML_AES192_GCM, "feffe9928665731c6d6a8f9467308308feffe9928665731c",
         GCM_IV "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f47"
                "18e2448b2fe324d9ccda2710acade2569924a7c8587336bfb118024db8674a14",
         GCM_PLAIN, 64},
        {SAML_AES256_GCM, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
         GCM_IV "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
                "c5f61e6393ba7a0abcc9f662898015adb094dac5d93471bdec1a502270e3cc6c",
         GCM_PLAIN, 64},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned char key[64], in[128], plain[64];
        struct slice got;
        struct err e = ERR_INIT;
        struct arena a;
        size_t n = from_hex(rows[i].in, in);

        arena_init(&a, 1 << 16);
        (void)from_hex(rows[i].plain, plain);
        assert_int_equal(from_hex(rows[i].key, key), saml_cipher_key_size(rows[i].cipher));
        assert_int_equal(saml_cipher_authentic(rows[i].cipher), rows[i].n == 64);
        assert_ok(saml_decrypt_content(rows[i].cipher, key, slice_make(in, n), &a, &got, &e), &e);
        assert_int_equal(got.n, rows[i].n);
        assert_memory_equal(got.p, plain, got.n);
        arena_free(&a);
    }
}

static void lengths(void **state)
{
    static const struct {
        enum saml_cipher cipher;
        size_t n;
        bool ok;
    } rows[] = {
        {SAML_AES256_CBC, 0, false},    {SAML_AES256_CBC, 16, false},      {SAML_AES256_CBC, 31, false},
        {SAML_AES256_CBC, 32, true},    {SAML_AES256_CBC, 33, false},      {SAML_AES256_CBC, 48, true},
        {SAML_TRIPLEDES_CBC, 8, false}, {SAML_TRIPLEDES_CBC, 16, true},    {SAML_TRIPLEDES_CBC, 20, false},
        {SAML_AES256_GCM, 0, false},    {SAML_AES256_GCM, 27, false}, /* a tag of 15 octets */
        {SAML_CIPHER_NONE, 32, false},  {(enum saml_cipher)99, 32, false},
    };
    const unsigned char key[SAML_CONTENT_KEY_MAX] = {1}, in[64] = {2};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct slice got;
        struct err e = ERR_INIT;
        struct arena a;

        arena_init(&a, 1 << 16);
        if (rows[i].ok)
            assert_ok(saml_decrypt_content(rows[i].cipher, key, slice_make(in, rows[i].n), &a, &got, &e), &e);
        else
            assert_err(saml_decrypt_content(rows[i].cipher, key, slice_make(in, rows[i].n), &a, &got, &e), &e,
                       "decryption-failed");
        arena_free(&a);
    }
    assert_int_equal(saml_cipher_key_size(SAML_CIPHER_NONE), 0);
    assert_int_equal(saml_cipher_key_size((enum saml_cipher)99), 0);
    assert_false(saml_cipher_authentic(SAML_CIPHER_NONE));
    assert_false(saml_cipher_authentic(SAML_TRIPLEDES_CBC));
}

/* 1 to 16 is padding; anything else leaves the text whole, and nothing is ever an error. */
static void padding(void **state)
{
    unsigned char key[32];

    (void)state;
    assert_int_equal(RAND_bytes(key, sizeof key), 1);
    for (int last = 0; last < 256; last++) {
        struct encrypt_options o = encrypt_defaults(sp);
        struct slice in, got, text = SLICE("exactly fifteen");
        struct err e = ERR_INIT;
        struct arena a;

        arena_init(&a, 1 << 16);
        o.last = last;
        in = encrypt_content(&o, text, key);
        assert_int_equal(in.n, 32);
        assert_ok(saml_decrypt_content(SAML_AES256_CBC, key, in, &a, &got, &e), &e);
        assert_int_equal(got.n, last >= 1 && last <= 16 ? 16 - last : 16);
        assert_memory_equal(got.p, text.p, got.n < text.n ? got.n : text.n);
        free((void *)(uintptr_t)in.p);
        arena_free(&a);
    }
}

static void no_memory(void **state)
{
    const unsigned char key[SAML_CONTENT_KEY_MAX] = {1}, in[4096] = {2};
    struct slice got;
    struct err e = ERR_INIT;
    struct arena a;

    (void)state;
    arena_init(&a, 256);
    assert_err(saml_decrypt_content(SAML_AES256_CBC, key, slice_make(in, sizeof in), &a, &got, &e), &e,
               "out-of-memory");
    arena_free(&a);
}

/* --- key transport ----------------------------------------------------------------------------------------------- */

static enum saml_hash hash_of(const char *name)
{
    static const char *const names[] = {"SHA1", "SHA256", "SHA384", "SHA512"};

    for (size_t i = 0; name && i < 4; i++) {
        if (strcmp(names[i], name) == 0)
            return (enum saml_hash)(SAML_HASH_SHA1 + i);
    }
    return SAML_HASH_SHA1;
}

/* Wraps `key` and unwraps it with `keys`; whether the same comes out. */
static bool comes_back(const struct encrypt_options *o, const struct saml_wrapped_key *like,
                       const struct saml_sp_keys *keys, unsigned allow)
{
    unsigned char key[SAML_CONTENT_KEY_MAX], got[SAML_CONTENT_KEY_MAX];
    struct saml_wrapped_key w = *like;
    size_t n = saml_cipher_key_size(w.content);
    struct err e = ERR_INIT;
    bool same;

    assert_int_equal(RAND_bytes(key, sizeof key), 1);
    w.cipher = encrypt_key(o, key, n - o->key_cut);
    assert_ok(saml_unwrap_key(keys, allow, &w, got, &e), &e);
    same = memcmp(key, got, n) == 0;
    free((void *)(uintptr_t)w.cipher.p);
    return same;
}

static void oaep(void **state)
{
    static const char *const hashes[] = {NULL, "SHA256", "SHA384", "SHA512"};
    static const enum saml_cipher ciphers[] = {SAML_AES128_CBC, SAML_AES192_GCM, SAML_AES256_CBC};
    struct saml_sp_keys keys = {.n = 0};

    (void)state;
    encrypt_sp_key(&keys, sp);
    for (size_t i = 0; i < 4 * 4 * 2 * 3; i++) {
        struct encrypt_options o = encrypt_defaults(sp);
        struct saml_wrapped_key w = {.transport = SAML_TRANSPORT_OAEP, .content = ciphers[i / 32]}, wrong;

        o.digest = hashes[i % 4];
        o.mgf = hashes[i / 4 % 4];
        o.label = i / 16 % 2 ? "usher" : NULL;
        w.digest = hash_of(o.digest);
        w.mgf = hash_of(o.mgf);
        w.label = slice_of(o.label);
        assert_true(comes_back(&o, &w, &keys, 0));
        wrong = w;
        wrong.digest = w.digest == SAML_HASH_SHA1 ? SAML_HASH_SHA512 : SAML_HASH_SHA1;
        assert_false(comes_back(&o, &wrong, &keys, 0));
        wrong = w;
        wrong.mgf = w.mgf == SAML_HASH_SHA1 ? SAML_HASH_SHA512 : SAML_HASH_SHA1;
        assert_false(comes_back(&o, &wrong, &keys, 0));
        wrong = w;
        wrong.label = SLICE("another");
        assert_false(comes_back(&o, &wrong, &keys, 0));
        o.key_cut = 8; /* a key for another cipher */
        assert_false(comes_back(&o, &w, &keys, 0));
    }
    saml_sp_keys_free(&keys);
}

static void rsa15(void **state)
{
    struct saml_wrapped_key w = {.transport = SAML_TRANSPORT_RSA15, .content = SAML_AES256_CBC};
    struct encrypt_options o = encrypt_defaults(sp);
    unsigned char got[SAML_CONTENT_KEY_MAX];
    struct saml_sp_keys keys = {.n = 0};
    struct err e = ERR_INIT;

    (void)state;
    encrypt_sp_key(&keys, sp);
    o.transport = "rsa-1_5";
    for (int i = 0; i < 16; i++)
        assert_true(comes_back(&o, &w, &keys, SAML_ALLOW_RSA15));
    o.key_cut = 16;
    assert_false(comes_back(&o, &w, &keys, SAML_ALLOW_RSA15));
    o.key_cut = 0;
    o.transport = "rsa-oaep-mgf1p";
    assert_false(comes_back(&o, &w, &keys, SAML_ALLOW_RSA15));
    w.cipher = SLICE("x");
    assert_err(saml_unwrap_key(&keys, 0, &w, got, &e), &e, "algorithm-not-allowed");
    saml_sp_keys_free(&keys);
}

/* Every octet of the padding counts: blocks that are right but for one thing, raised with the bare public key. */
static void rsa15_blocks(void **state)
{
    static const struct {
        size_t at;
        unsigned char octet;
        bool ok;
    } rows[] = {
        {1, 2, true},            /* unchanged */
        {0, 1, false},           /* begins with 00 */
        {1, 1, false},           /* block type 2 */
        {2, 0, false},           /* padding is not 0 ... */
        {100, 0, false},         /* ... anywhere */
        {256 - 34, 0, false},    /* ... to its end */
        {256 - 33, 0, true},     /* where the 0 stands */
        {256 - 33, 0xff, false}, /* which has to be 0 */
        {255, 0xff, true},       /* of the key every octet is right */
    };
    struct saml_wrapped_key w = {.transport = SAML_TRANSPORT_RSA15, .content = SAML_AES256_CBC};
    struct saml_sp_keys keys = {.n = 0};

    (void)state;
    encrypt_sp_key(&keys, sp);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned char em[256], out[256], got[SAML_CONTENT_KEY_MAX];
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(sp, NULL);
        size_t n = sizeof out;
        struct err e = ERR_INIT;

        memset(em, 0x55, sizeof em);
        em[0] = 0;
        em[1] = 2;
        em[256 - 33] = 0;
        em[rows[i].at] = rows[i].octet;
        assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
        assert_int_equal(EVP_PKEY_encrypt(ctx, out, &n, em, sizeof em), 1);
        w.cipher = slice_make(out, n);
        assert_ok(saml_unwrap_key(&keys, SAML_ALLOW_RSA15, &w, got, &e), &e);
        assert_int_equal(memcmp(got, em + 256 - 32, 32) == 0, rows[i].ok);
        EVP_PKEY_CTX_free(ctx);
    }
    saml_sp_keys_free(&keys);
}

/* A key of ours unwraps, whichever of the two it is; with none of them the result is new every time. */
static void several_keys(void **state)
{
    struct saml_wrapped_key w = {
        .transport = SAML_TRANSPORT_OAEP, .digest = SAML_HASH_SHA1, .mgf = SAML_HASH_SHA1, .content = SAML_AES256_CBC};
    unsigned char first[SAML_CONTENT_KEY_MAX], second[SAML_CONTENT_KEY_MAX];
    struct encrypt_options o = encrypt_defaults(sp);
    struct saml_sp_keys both = {.n = 0}, one = {.n = 0};
    struct err e = ERR_INIT;

    (void)state;
    encrypt_sp_key(&both, other);
    encrypt_sp_key(&both, sp);
    encrypt_sp_key(&one, other);
    assert_true(comes_back(&o, &w, &both, 0));
    o.to = other;
    assert_true(comes_back(&o, &w, &both, 0));
    assert_true(comes_back(&o, &w, &one, 0));
    o.to = sp;
    assert_false(comes_back(&o, &w, &one, 0));
    w.cipher = SLICE("not a number of a length that any key has");
    assert_ok(saml_unwrap_key(&one, 0, &w, first, &e), &e);
    assert_ok(saml_unwrap_key(&one, 0, &w, second, &e), &e);
    assert_memory_not_equal(first, second, sizeof first);
    saml_sp_keys_free(&both);
    saml_sp_keys_free(&one);
    assert_err(saml_unwrap_key(NULL, 0, &w, first, &e), &e, "decryption-key-missing");
    assert_err(saml_unwrap_key(&one, 0, &w, first, &e), &e, "decryption-key-missing");
}

/* A struct that came over the pipe from a worker that was taken over. */
/* A worker may have unwrapped what stands in the message, and nothing else. */
static void stands_in_the_message(void **state)
{
    static const char octets[] = "thirty octets of a wrapped key";
    const struct saml_wrapped_key w = {.cipher = {octets, 30}};
    const struct saml_wrapped_key another = {.cipher = {"thirty octets of a wrapped kex", 30}},
                                  none = {.label = {"", 0}};
    const char *const in[] = {
        "<V>dGhpcnR5IG9jdGV0cyBvZiBhIHdyYXBwZWQga2V5</V>",
        "<V>\n dGhpcnR5IG9jdGV0\r\n\tcyBvZiBhIHdyYXBwZWQga2V5\n</V>",
        "<V>dGhpcnR5&#13;\nIG9jdGV0cyBvZiBhIHdyYXBwZWQg&#xD;&#xa;a2V5</V>",
    };
    const char *const out[] = {
        "",
        "<V>dGhpcnR5IG9jdGV0cyBvZiBhIHdyYXBwZWQga2V</V>",
        "<V>dGhpcnR5IG9jdGV0<!-- -->cyBvZiBhIHdyYXBwZWQga2V5</V>",
        "<V>dGhpcnR5IG9jdGV0&#65;cyBvZiBhIHdyYXBwZWQga2V5</V>",
    };

    (void)state;
    for (size_t i = 0; i < sizeof in / sizeof *in; i++) {
        assert_true(saml_wrapped_stands_in(&w, slice_of(in[i])));
        assert_false(saml_wrapped_stands_in(&another, slice_of(in[i])));
        assert_false(saml_wrapped_stands_in(&none, slice_of(in[i])));
    }
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        assert_false(saml_wrapped_stands_in(&w, slice_of(out[i])));
}

static void nonsense(void **state)
{
    static const unsigned char zeros[SAML_WRAPPED_MAX + 1];
    const struct saml_wrapped_key good = {.transport = SAML_TRANSPORT_OAEP,
                                          .digest = SAML_HASH_SHA1,
                                          .mgf = SAML_HASH_SHA1,
                                          .content = SAML_AES256_CBC,
                                          .cipher = SLICE("x")};
    unsigned char got[SAML_CONTENT_KEY_MAX];
    struct saml_sp_keys keys = {.n = 0};
    struct saml_wrapped_key w;
    struct err e = ERR_INIT;

    (void)state;
    encrypt_sp_key(&keys, sp);
    w = good;
    assert_ok(saml_unwrap_key(&keys, 0, &w, got, &e), &e);
    w.content = (enum saml_cipher)99;
    assert_err(saml_unwrap_key(&keys, 0, &w, got, &e), &e, "decryption-failed");
    w = good;
    w.cipher = (struct slice){NULL, 0};
    assert_err(saml_unwrap_key(&keys, 0, &w, got, &e), &e, "decryption-failed");
    w.cipher = slice_make(zeros, sizeof zeros);
    assert_err(saml_unwrap_key(&keys, 0, &w, got, &e), &e, "decryption-failed");
    w = good;
    w.label = slice_make(zeros, SAML_LABEL_MAX + 1);
    assert_err(saml_unwrap_key(&keys, 0, &w, got, &e), &e, "decryption-failed");
    w = good;
    w.digest = (enum saml_hash)0;
    assert_err(saml_unwrap_key(&keys, 0, &w, got, &e), &e, "algorithm-not-allowed");
    w = good;
    w.mgf = (enum saml_hash)9;
    assert_err(saml_unwrap_key(&keys, 0, &w, got, &e), &e, "algorithm-not-allowed");
    w = good;
    w.transport = SAML_TRANSPORT_NONE;
    assert_err(saml_unwrap_key(&keys, SAML_ALLOW_RSA15, &w, got, &e), &e, "algorithm-not-allowed");
    w = good;
    w.content = SAML_TRIPLEDES_CBC;
    assert_err(saml_unwrap_key(&keys, 0, &w, got, &e), &e, "algorithm-not-allowed");
    assert_ok(saml_unwrap_key(&keys, SAML_ALLOW_RSA15, &w, got, &e), &e);
    saml_sp_keys_free(&keys);
}

/* --- private keys ------------------------------------------------------------------------------------------------ */

static char *private_pem(EVP_PKEY *key, const char *password, bool traditional)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const EVP_CIPHER *cipher = password ? EVP_aes_128_cbc() : NULL;
    int n = password ? (int)strlen(password) : 0;

    if (traditional)
        assert_int_equal(
            PEM_write_bio_PrivateKey_traditional(bio, key, cipher, (const unsigned char *)password, n, NULL, NULL), 1);
    else
        assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, password, n, NULL, NULL), 1);
    return sign_bio_text(bio);
}

/* Adds the concatenation of up to three texts. Frees nothing. */
static int add_pem(struct saml_sp_keys *k, bool certificate, struct err *e, const char *a, const char *b, const char *c)
{
    char *text = sign_printf("%s%s%s", a, sign_or(b, ""), sign_or(c, ""));
    int rc = saml_sp_keys_add_pem(k, slice_of(text), certificate, e);

    free(text);
    return rc;
}

static void good_pem(void **state)
{
    char *key = private_pem(sp, NULL, false), *old = private_pem(other, NULL, true);
    char *cert = sign_cert_pem(sp, "sp"), *other_cert = sign_cert_pem(other, "other");
    struct saml_sp_keys k = {.n = 0};
    struct err e = ERR_INIT;
    const unsigned char *p;
    X509 *x;

    (void)state;
    assert_ok(add_pem(&k, true, &e, other_cert, key, cert), &e); /* of a chain, in any order */
    assert_ok(add_pem(&k, false, &e, old, NULL, NULL), &e);
    assert_int_equal(k.n, 2);
    p = (const unsigned char *)k.v[0].certificate.p;
    x = d2i_X509(NULL, &p, (long)k.v[0].certificate.n);
    assert_non_null(x);
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(x), sp), 1);
    assert_true(k.v[0].not_after > (int64_t)time(NULL) + 86000);
    assert_memory_not_equal(k.v[0].sha256, k.v[1].sha256, 32);
    assert_null(k.v[1].certificate.p);
    assert_int_equal(k.v[1].not_after, 0);
    for (k.n = SAML_SP_KEYS_MAX; k.n == SAML_SP_KEYS_MAX; k.n = 2)
        assert_err(add_pem(&k, false, &e, key, NULL, NULL), &e, "limit-exceeded");
    X509_free(x);
    saml_sp_keys_free(&k);
    assert_int_equal(k.n, 0);
    assert_ok(add_pem(&k, false, &e, key, NULL, NULL), &e);
    assert_err(add_pem(&k, true, &e, key, cert, NULL), &e, "bad-key-file"); /* the same again */
    saml_sp_keys_free(&k);
    free(key);
    free(old);
    free(cert);
    free(other_cert);
}

/* It decodes, and it belongs to its certificate: but of its private numbers two are wrong. */
static void damaged_pem(void **state)
{
    char *cert = sign_cert_pem(sp, "sp"), *key;
    BIO *bio = BIO_new(BIO_s_mem());
    struct saml_sp_keys k = {.n = 0};
    struct err e = ERR_INIT;
    unsigned char *der = NULL;
    int n = i2d_PrivateKey(sp, &der);

    (void)state;
    assert_true(n > 1000);
    der[n / 3] ^= 1;        /* private exponent */
    der[n * 72 / 100] ^= 1; /* the same modulo the first prime */
    assert_true(PEM_write_bio(bio, PEM_STRING_RSA, "", der, n) > 0);
    key = sign_bio_text(bio);
    assert_err(add_pem(&k, true, &e, key, cert, NULL), &e, "bad-key-file");
    assert_err(add_pem(&k, false, &e, key, NULL, NULL), &e, "bad-key-file");
    assert_int_equal(k.n, 0);
    OPENSSL_free(der);
    free(key);
    free(cert);
}

static void bad_pem(void **state)
{
    EVP_PKEY *ec = sign_ec("P-256"), *weak = sign_rsa(1024), *weaker = sign_rsa(1023);
    char *key = private_pem(sp, NULL, false), *locked = private_pem(sp, "x123", false);
    char *old_locked = private_pem(sp, "x123", true), *public = sign_public_pem(sp),
         *ec_key = private_pem(ec, NULL, false);
    char *weak_key = private_pem(weak, NULL, false), *weaker_key = private_pem(weaker, NULL, false);
    char *weak_cert = sign_cert_pem(weak, "weak"), *cert = sign_cert_pem(sp, "sp");
    char *other_key = private_pem(other, NULL, false);
    const struct {
        const char *a, *b;
        bool certificate;
    } rows[] = {
        {"", NULL, false},
        {"nothing of the kind", NULL, false},
        {cert, NULL, false},         /* no key */
        {public, NULL, false},       /* of no use */
        {key, other_key, false},     /* two keys */
        {key, NULL, true},           /* no certificate */
        {other_key, cert, false},    /* somebody else's */
        {locked, NULL, false},       /* encrypted */
        {old_locked, NULL, false},   /* the same in the old way */
        {ec_key, NULL, false},       /* not RSA */
        {weaker_key, NULL, false},   /* too short for anything */
        {weak_key, weak_cert, true}, /* too short for service */
        {"-----BEGIN PRIVATE KEY-----\nMIIB\n", NULL, false},
        {"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n", NULL, false},
        {"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", key, false},
    };
    struct saml_sp_keys k = {.n = 0};
    struct err e = ERR_INIT;
    char *many = sign_printf("%s", ""), *more;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_err(add_pem(&k, rows[i].certificate, &e, rows[i].a, rows[i].b, NULL), &e, "bad-key-file");
        assert_int_equal(k.n, 0);
    }
    for (int i = 0; i < 17; i++) {
        more = sign_printf("%s%s", many, cert);
        free(many);
        many = more;
    }
    assert_err(add_pem(&k, true, &e, key, many, NULL), &e, "bad-key-file");
    assert_ok(add_pem(&k, false, &e, weak_key, NULL, NULL), &e); /* what a recording was encrypted for */
    saml_sp_keys_free(&k);
    free(many);
    free(key);
    free(locked);
    free(old_locked);
    free(public);
    free(ec_key);
    free(weak_key);
    free(weaker_key);
    free(weak_cert);
    free(cert);
    free(other_key);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(weak);
    EVP_PKEY_free(weaker);
}

static int setup(void **state)
{
    (void)state;
    sp = sign_rsa(2048);
    other = sign_rsa(2048);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    EVP_PKEY_free(sp);
    EVP_PKEY_free(other);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stands_in_the_message),
        cmocka_unit_test(known_answers),
        cmocka_unit_test(lengths),
        cmocka_unit_test(padding),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(oaep),
        cmocka_unit_test(rsa15),
        cmocka_unit_test(rsa15_blocks),
        cmocka_unit_test(several_keys),
        cmocka_unit_test(nonsense),
        cmocka_unit_test(good_pem),
        cmocka_unit_test(damaged_pem),
        cmocka_unit_test(bad_pem),
    };

    return cmocka_run_group_tests_name("saml/decrypt", tests, setup, teardown);
}
