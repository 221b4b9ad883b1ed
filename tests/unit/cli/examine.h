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

#define EXAMINE_MAX 8

/*
 * All of them under way at once, in the worker `worker` of this build; free the results. Returns how many processes it
 * took.
 */
static inline uint64_t examine_all(const char *worker, const struct judge_setup *s, bool conditions,
                                   const char *const *xml, size_t n, struct audit_result *ret)
{
    char path[4096];
    struct audit_examiner_options o = {.setup = s, .with_conditions = conditions, .worker = path};
    struct audit_document d[EXAMINE_MAX];
    struct audit_examination all[EXAMINE_MAX];
    bool done[EXAMINE_MAX] = {false};
    struct audit_examiner *x = NULL;
    struct err e = ERR_INIT;
    uint64_t restarts;

    assert_true(n <= EXAMINE_MAX);
    examine_program(worker, path, sizeof path);
    assert_ok(audit_examiner_new(&o, &x, &e), &e);
    for (size_t i = 0; i < n; i++) {
        d[i] = (struct audit_document){.number = i + 1, .form = AUDIT_XML};
        buf_init(&d[i].xml, strlen(xml[i]) + 1);
        buf_add_str(&d[i].xml, xml[i]);
        all[i] = (struct audit_examination){.document = &d[i], .done = examined, .arg = &done[i]};
        audit_examine(x, &all[i]);
    }
    while (audit_examiner_under_way(x) > 0)
        audit_examiner_wait(x);
    for (size_t i = 0; i < n; i++) {
        assert_true(done[i]);
        ret[i] = all[i].result;
        buf_free(&d[i].xml);
    }
    restarts = audit_examiner_restarts(x);
    audit_examiner_free(x);
    return restarts + 1;
}

/* Free the result. */
static inline void examine_as(const struct judge_setup *s, bool conditions, struct slice xml, struct audit_result *ret)
{
    char *text = strndup(xml.p, xml.n);
    const char *one = text;

    assert_non_null(text);
    (void)examine_all("usher-worker", s, conditions, &one, 1, ret);
    free(text);
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
