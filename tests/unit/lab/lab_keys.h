/* lab_keys.h - keys and certificates made at run time, in a temporary folder that goes away with the test program. */
#ifndef USHER_TESTS_UNIT_LAB_KEYS_H
#define USHER_TESTS_UNIT_LAB_KEYS_H

#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "lab/mint.h"

struct lab_keys {
    char dir[64], key_file[96], cert_file[96];
    struct mint_key *key;
};

static inline void lab_write_key(const char *path, EVP_PKEY *pkey)
{
    mode_t old = umask(077);
    FILE *f = fopen(path, "w");

    (void)umask(old);
    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(f), 0);
}

static inline void lab_write_cert(const char *path, EVP_PKEY *pkey)
{
    X509 *cert = X509_new();
    X509_NAME *name;
    FILE *f = fopen(path, "w");

    assert_non_null(cert);
    assert_non_null(f);
    assert_int_equal(X509_set_version(cert, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), -60));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 3600));
    assert_int_equal(X509_set_pubkey(cert, pkey), 1);
    name = X509_get_subject_name(cert);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"lab", -1, -1, 0), 1);
    assert_int_equal(X509_set_issuer_name(cert, name), 1);
    assert_true(X509_sign(cert, pkey, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_X509(f, cert), 1);
    assert_int_equal(fclose(f), 0);
    X509_free(cert);
}

/* `type`: "RSA" (2048 bits) or an EC curve such as "P-256". */
static inline void lab_keys_make(struct lab_keys *k, const char *type)
{
    struct err e = ERR_INIT;
    EVP_PKEY *pkey = strcmp(type, "RSA") == 0 ? EVP_RSA_gen(2048) : EVP_EC_gen(type);

    assert_non_null(pkey);
    (void)snprintf(k->dir, sizeof k->dir, "/tmp/usher-lab-test.XXXXXX");
    assert_non_null(mkdtemp(k->dir));
    (void)snprintf(k->key_file, sizeof k->key_file, "%s/key", k->dir);
    (void)snprintf(k->cert_file, sizeof k->cert_file, "%s/cert", k->dir);
    lab_write_key(k->key_file, pkey);
    lab_write_cert(k->cert_file, pkey);
    EVP_PKEY_free(pkey);
    assert_ok(mint_key_load(k->key_file, k->cert_file, &k->key, &e), &e);
}

static inline void lab_keys_free(struct lab_keys *k)
{
    mint_key_free(k->key);
    (void)unlink(k->key_file);
    (void)unlink(k->cert_file);
    (void)rmdir(k->dir);
}

#endif
