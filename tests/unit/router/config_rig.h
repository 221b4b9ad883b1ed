/*
 * config_rig.h - a folder of its own with metadata and a configuration made at run time, loaded at a frozen time.
 *
 *     rig_metadata("idp.xml", RIG_ISSUER, RIG_SSO, "", 365);   // a certificate of 365 days, from RIG_NOW on
 *     rig_load("idps:\n  a: { metadata: idp.xml, domains: [contoso.com] }\n");
 *     assert_said("usher.yaml:5:6: warning: ");
 *
 * rig_load() puts public_url, store and key_dir before the text: it begins in line 4. Call rig_start() and rig_stop().
 */
#ifndef USHER_TESTS_UNIT_ROUTER_CONFIG_RIG_H
#define USHER_TESTS_UNIT_ROUTER_CONFIG_RIG_H

#include "tests/unit/saml/sign.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "router/config.h"
#include "saml/verify.h"

#define RIG_NOW 1795514400 /* 2026-11-24T10:00:00Z */
#define RIG_TENANT "11111111-2222-3333-4444-555555555555"
#define RIG_ISSUER "https://sts.windows.net/" RIG_TENANT "/"
#define RIG_SSO "https://login.microsoftonline.com/" RIG_TENANT "/saml2"

static char rig_dir[64];
static EVP_PKEY *rig_key;
static struct config *rig_config;
static char *rig_said; /* the problems of the last rig_load() */
static const char *rig_public_url = "https://login.example.com";

static inline int rig_start(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    (void)snprintf(rig_dir, sizeof rig_dir, "/tmp/usher-unit-config.XXXXXX");
    clock_freeze(RIG_NOW);
    rig_key = sign_rsa(2048);
    return !mkdtemp(rig_dir) || saml_init(&e) != 0;
}

/* The folder holds files only. */
static inline int rig_stop(void **state)
{
    DIR *dir = opendir(rig_dir);
    struct dirent *entry;
    char path[512];

    (void)state;
    config_free(rig_config);
    free(rig_said);
    EVP_PKEY_free(rig_key);
    clock_release();
    saml_cleanup();
    while (dir && (entry = readdir(dir)) != NULL) {
        (void)snprintf(path, sizeof path, "%s/%s", rig_dir, entry->d_name);
        (void)unlink(path);
    }
    if (dir)
        (void)closedir(dir);
    return rmdir(rig_dir);
}

static inline void rig_write(const char *name, const char *text, mode_t mode)
{
    char path[256];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", rig_dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* A certificate that ends so many days after RIG_NOW, whatever the machine's clock says; base64 of its DER. */
static inline char *rig_certificate(EVP_PKEY *key, int days)
{
    X509 *cert = sign_cert(key, "idp", 0, 0);
    unsigned char *der = NULL;
    char *text;
    int n;

    (void)ASN1_TIME_set(X509_getm_notBefore(cert), RIG_NOW - 400 * 86400);
    (void)ASN1_TIME_set(X509_getm_notAfter(cert), RIG_NOW + days * 86400L);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    n = i2d_X509(cert, &der);
    assert_true(n > 0);
    text = sign_base64(der, (size_t)n);
    OPENSSL_free(der);
    X509_free(cert);
    return text;
}

static inline void rig_metadata_of(EVP_PKEY *key, const char *name, const char *issuer, const char *sso,
                                   const char *role_attributes, int days)
{
    char *cert = rig_certificate(key, days);
    char *xml = sign_printf("<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"%s\">"
                            "<IDPSSODescriptor%s protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">"
                            "<KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"" SIGN_DSIG "\"><X509Data>"
                            "<X509Certificate>%s</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
                            "<SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\""
                            " Location=\"%s\"/></IDPSSODescriptor></EntityDescriptor>",
                            issuer, role_attributes, cert, sso);

    rig_write(name, xml, 0644);
    free(xml);
    free(cert);
}

static inline void rig_metadata(const char *name, const char *issuer, const char *sso, const char *role_attributes,
                                int days)
{
    rig_metadata_of(rig_key, name, issuer, sso, role_attributes, days);
}

/* Loads the text behind the head; the problems are kept for assert_said(). NULL if there are errors. */
static inline const struct config *rig_load(const char *text)
{
    struct conf_problems *p = conf_problems_new();
    struct buf said;
    char path[256];
    char *all = sign_printf("public_url: %s\nstore: sqlite:usher.db\nkey_dir: keys\n%s", rig_public_url, text);

    rig_write("usher.yaml", all, 0644);
    free(all);
    config_free(rig_config);
    free(rig_said);
    (void)snprintf(path, sizeof path, "%s/usher.yaml", rig_dir);
    rig_config = config_load(path, p);
    buf_init(&said, 1024 * 1024);
    conf_problems_print(p, &said);
    rig_said = strdup(buf_cstr(&said));
    assert_non_null(rig_said);
    buf_free(&said);
    conf_problems_free(p);
    return rig_config;
}

/* The one identity provider of an otherwise sound configuration: "{ ... }" in flow style, in line 5. */
static inline const struct config_idp *rig_idp(const char *block)
{
    char *text = sign_printf("idps:\n  a: %s\n", block);
    const struct config *c = rig_load(text);

    free(text);
    return c ? &c->idps[0] : NULL;
}

#define assert_said(text)                                              \
    do {                                                               \
        if (!strstr(rig_said, (text)))                                 \
            fail_msg("'%s' was not said, but:\n%s", (text), rig_said); \
    } while (0)
#define assert_not_said(text)                                 \
    do {                                                      \
        if (strstr(rig_said, (text)))                         \
            fail_msg("'%s' was said:\n%s", (text), rig_said); \
    } while (0)
#define assert_sound()                                                    \
    do {                                                                  \
        if (rig_said[0])                                                  \
            fail_msg("problems in a sound configuration:\n%s", rig_said); \
    } while (0)

#endif
