/*
 * Fuzzes everything behind the signature as if signatures were always true: the input is a Response whose Signature
 * elements are templates (no digest, no value); it is genuinely signed with a key made at start, and then judged. So
 * mutations reach canonicalization, recheck, the strict reader and the conditions instead of failing at a digest.
 *
 * What comes out is compared with what was signed: both halves must agree that the signature holds, whenever the
 * document has the one accepted form.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/secret.h"
#include "lab/mint_sign.h"
#include "saml/check.h"
#include "saml/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mint_key *key;
static struct saml_trust trust;

static void write_files(EVP_PKEY *pkey, const char *key_file, const char *cert_file)
{
    X509 *cert = X509_new();
    FILE *k = fopen(key_file, "w"), *c = fopen(cert_file, "w");

    if (!cert || !k || !c || !X509_set_pubkey(cert, pkey) || !X509_gmtime_adj(X509_getm_notBefore(cert), 0) ||
        !X509_gmtime_adj(X509_getm_notAfter(cert), 3600) || X509_sign(cert, pkey, EVP_sha256()) <= 0 ||
        PEM_write_PrivateKey(k, pkey, NULL, NULL, 0, NULL, NULL) != 1 || PEM_write_X509(c, cert) != 1)
        abort();
    (void)fclose(k);
    (void)fclose(c);
    X509_free(cert);
}

/* A P-256 key, since it signs fast; by way of files, as mint_key_load() takes them. */
static void make_key(void)
{
    char dir[] = "/tmp/usher-fuzz.XXXXXX", key_file[64], cert_file[64];
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    struct err e = ERR_INIT;
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem;
    long n;

    (void)umask(077);
    if (!pkey || !bio || !mkdtemp(dir) || secret_init(&e) != 0 || saml_init(&e) != 0)
        abort();
    (void)snprintf(key_file, sizeof key_file, "%s/key", dir);
    (void)snprintf(cert_file, sizeof cert_file, "%s/cert", dir);
    write_files(pkey, key_file, cert_file);
    if (mint_key_load(key_file, cert_file, &key, &e) != 0 || PEM_write_bio_PUBKEY(bio, pkey) != 1)
        abort();
    n = BIO_get_mem_data(bio, &pem);
    if (saml_trust_add_pem(&trust, slice_make(pem, (size_t)n), &e) != 0)
        abort();
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    (void)unlink(key_file);
    (void)unlink(cert_file);
    (void)rmdir(dir);
}

static void judge(struct slice xml)
{
    struct saml_expect x = {.issuer = SLICE("https://idp.example/"),
                            .acs = SLICE("https://sp.example/acs"),
                            .audience = SLICE("https://sp.example"),
                            .request_id = SLICE("id1"),
                            .now = 1767225600,
                            .skew = 60,
                            .email_from = SLICE("nameid")};
    static struct saml_verdict v;
    struct err e = ERR_INIT;
    struct saml_signed s;
    struct arena a;

    arena_init(&a, SAML_ARENA_MAX);
    if (saml_verify(xml, &trust, 0, &a, &s, &e) != 0) {
        if (e.code == ERR_NONE || e.code == ERR_INTERNAL)
            abort();
    } else if (saml_judge_signed(&s, &trust, NULL, 0, &x, &a, &v, &e) != 0) {
        /* the form is right and the digests were made for it: what is refused now is content */
        if (e.code == ERR_NONE || e.code == ERR_INTERNAL || e.code == ERR_SIGNATURE)
            abort();
    } else if (v.assertion.name_id.n == 0 || v.valid_until < x.now - x.skew) {
        abort();
    }
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = ERR_INIT;
    struct buf xml;

    if (!key)
        make_key();
    if (size > 64 * 1024)
        return 0;
    buf_init(&xml, MINT_XML_MAX);
    if (mint_sign(slice_make(data, size), key, &xml, &e) == 0)
        judge(buf_slice(&xml));
    buf_free(&xml);
    return 0;
}
