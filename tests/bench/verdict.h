/*
 * verdict.h - what the benchmarks of a verdict share: the Response and what it is judged by, and the floor under every
 * verdict: SHA-256 of the canonical element and of the canonical SignedInfo, one RSA verification, contexts ready.
 */
#ifndef USHER_TESTS_BENCH_VERDICT_H
#define USHER_TESTS_BENCH_VERDICT_H

#include "tests/bench/slices.h"

#include <string.h>

#include <openssl/evp.h>

#include "base/clock.h"
#include "base/encode.h"
#include "saml/judge.h"

static struct {
    struct slice xml, twin, base64;
    struct saml_trust trust;
    struct saml_expect expect;
} in;

/* --- input ------------------------------------------------------------------------------------------------------- */

static struct slice read_all(const char *path)
{
    static char room[4][64 * 1024];
    static size_t used;
    FILE *f = fopen(path, "re");
    char *p = room[used++];
    size_t n;

    if (!f)
        slices_fail(path, "cannot be read");
    n = fread(p, 1, sizeof room[0] - 1, f);
    (void)fclose(f);
    return slice_make(p, n);
}

/* One letter of the display name, which every way has to digest. */
static struct slice changed(struct slice xml)
{
    static char twin[64 * 1024];
    char *at;

    memcpy(twin, xml.p, xml.n);
    at = memmem(twin, xml.n, "Lovelace<", 9);
    if (!at)
        slices_fail("twin", "there is no display name to change");
    at[0] = 'l';
    return slice_make(twin, xml.n);
}

static void read_input(char **v)
{
    static struct buf base64;
    struct err e = ERR_INIT;

    in.xml = read_all(v[0]);
    in.twin = changed(in.xml);
    saml_trust_init(&in.trust);
    if (saml_trust_add_file(&in.trust, read_all(v[1]), NULL, &e) != 0)
        slices_fail(v[1], e.msg);
    buf_init(&base64, 128 * 1024);
    base64_encode(&base64, in.xml.p, in.xml.n);
    in.base64 = slice_of(buf_cstr(&base64));
    in.expect = (struct saml_expect){.issuer = slice_of(v[2]),
                                     .acs = slice_of(v[3]),
                                     .audience = slice_of(v[4]),
                                     .request_id = slice_of(v[5]),
                                     .now = clock_now(),
                                     .skew = SAML_SKEW_DEFAULT,
                                     .email_from = SLICE(SAML_CLAIM_EMAIL)};
}

/* --- floor ------------------------------------------------------------------------------------------------------- */

/* What a correct verification of the Response returns. */
static struct arena kept_arena;
static struct saml_signed kept;

static bool keep_signed(void)
{
    struct err e = ERR_INIT;

    arena_init(&kept_arena, SAML_ARENA_MAX);
    return saml_init(&e) == 0 && saml_verify(in.xml, &in.trust, 0, &kept_arena, &kept, &e) == 0 && kept.nsig == 1;
}

static struct {
    EVP_MD *sha256;
    EVP_MD_CTX *md;
    EVP_PKEY_CTX *rsa;
} ready;

static bool floor_verify(struct slice element)
{
    unsigned char digest[32], info[32];
    char text[64];

    if (EVP_DigestInit_ex2(ready.md, ready.sha256, NULL) != 1 ||
        EVP_DigestUpdate(ready.md, element.p, element.n) != 1 || EVP_DigestFinal_ex(ready.md, digest, NULL) != 1 ||
        EVP_DigestInit_ex2(ready.md, ready.sha256, NULL) != 1 ||
        EVP_DigestUpdate(ready.md, kept.sig[0].signed_info.p, kept.sig[0].signed_info.n) != 1 ||
        EVP_DigestFinal_ex(ready.md, info, NULL) != 1)
        return false;
    (void)EVP_EncodeBlock((unsigned char *)text, digest, sizeof digest);
    return memmem(kept.sig[0].signed_info.p, kept.sig[0].signed_info.n, text, strlen(text)) &&
           EVP_PKEY_verify(ready.rsa, (const unsigned char *)kept.sig[0].signature_value.p,
                           kept.sig[0].signature_value.n, info, sizeof info) == 1;
}

static bool floor_start(void)
{
    struct slice e;
    bool refused;
    char *twin;

    if (!keep_signed())
        return false;
    ready.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    ready.md = EVP_MD_CTX_new();
    ready.rsa = EVP_PKEY_CTX_new(in.trust.keys[0].pkey, NULL);
    if (!ready.sha256 || !ready.md || EVP_PKEY_verify_init(ready.rsa) != 1 ||
        EVP_PKEY_CTX_set_signature_md(ready.rsa, ready.sha256) != 1)
        return false;
    e = kept.sig[0].element;
    twin = malloc(e.n);
    if (!twin)
        return false;
    memcpy(twin, e.p, e.n);
    twin[e.n / 2] ^= 1;
    refused = !floor_verify(slice_make(twin, e.n));
    free(twin);
    return refused && floor_verify(e);
}

static bool floor_once(void)
{
    return floor_verify(kept.sig[0].element);
}

#endif
