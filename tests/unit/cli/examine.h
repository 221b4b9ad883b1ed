/*
 * examine.h - what `usher audit` makes of one document, for the unit programs of cli/: the whole way from text to
 * verdict and resemblances, by the usher-worker of this build.
 */
#ifndef USHER_TESTS_UNIT_CLI_EXAMINE_H
#define USHER_TESTS_UNIT_CLI_EXAMINE_H

#include <unistd.h>

#include "tests/unit/unit.h"

#include "cli/audit_attack.h"
#include "cli/audit_judge.h"
#include "tests/unit/saml/sign.h"

/* Made once: RSA keys take long. */
static EVP_PKEY *pinned, *attacker;

#define EXAMINE_NAMES 1024

/* "xsw-1, transform" of a result. */
static inline void attack_names(const struct audit_result *r, char dst[EXAMINE_NAMES])
{
    size_t at = 0;

    dst[0] = '\0';
    for (size_t i = 0; i < audit_attacks_n; i++) {
        if (r->attacks >> i & 1)
            at += (size_t)snprintf(dst + at, EXAMINE_NAMES - at, "%s%s", at ? ", " : "", audit_attacks[i].name);
    }
}

/* "build/NAME" of build/unit/cli/PROGRAM */
static inline void examine_program(const char *name, char *dst, size_t size)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    assert_true(n > 0);
    self[n] = '\0';
    for (int up = 0; up < 3; up++) {
        char *end = strrchr(self, '/');

        assert_non_null(end);
        *end = '\0';
    }
    assert_true((size_t)snprintf(dst, size, "%s/%s", self, name) < size);
}

static inline void examined(struct audit_examination *n)
{
    *(bool *)n->arg = true;
}

/* Free the result. */
static inline void examine_as(const struct judge_setup *s, bool conditions, struct slice xml, struct audit_result *ret)
{
    char worker[4096];
    struct audit_examiner_options o = {.setup = s, .with_conditions = conditions, .worker = worker};
    struct audit_document d = {.number = 1, .form = AUDIT_XML};
    bool done = false;
    struct audit_examination n = {.document = &d, .done = examined, .arg = &done};
    struct audit_examiner *x = NULL;
    struct err e = ERR_INIT;

    examine_program("usher-worker", worker, sizeof worker);
    assert_ok(audit_examiner_new(&o, &x, &e), &e);
    buf_init(&d.xml, xml.n + 1);
    buf_add_slice(&d.xml, xml);
    audit_examine(x, &n);
    while (!done)
        audit_examiner_wait(x);
    assert_int_equal(audit_examiner_under_way(x), 0);
    *ret = n.result;
    buf_free(&d.xml);
    audit_examiner_free(x);
}

/* With this key pinned, or with no trust at all. */
static inline void examine(EVP_PKEY *trusted, const char *xml, struct audit_result *ret)
{
    struct judge_setup *s = calloc(1, sizeof *s);

    assert_non_null(s);
    if (trusted) {
        sign_trust(&s->trusts[0], trusted);
        s->ntrusts = 1;
    }
    s->now_is_issued = true;
    examine_as(s, false, slice_of(xml), ret);
    judge_setup_free(s);
    free(s);
}

static inline int examine_setup(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(saml_init(&e), &e);
    pinned = sign_rsa(2048);
    attacker = sign_rsa(2048);
    return 0;
}

static inline int examine_teardown(void **state)
{
    (void)state;
    EVP_PKEY_free(pinned);
    EVP_PKEY_free(attacker);
    saml_cleanup();
    return 0;
}

/* KeyInfo with a certificate of this key. Free it. */
static inline char *key_info_of(EVP_PKEY *key, long until)
{
    X509 *cert = sign_cert(key, "brought", -86400, until);
    unsigned char *der = NULL;
    int n = i2d_X509(cert, &der);
    char *b64, *info;

    assert_true(n > 0);
    b64 = sign_base64(der, (size_t)n);
    info = sign_printf("<KeyInfo><X509Data><X509Certificate>%s</X509Certificate></X509Data></KeyInfo>", b64);
    free(b64);
    OPENSSL_free(der);
    X509_free(cert);
    return info;
}

#endif
