/*
 * verify.c - what judging a Response costs, against the cryptography it cannot do without and against bare xmlsec.
 *
 *   verify ROUNDS RESPONSE.xml CERT.pem ISSUER ACS AUDIENCE REQUEST-ID
 *
 *   floor    SHA-256 of the canonical element and of the canonical SignedInfo, one RSA verification, contexts ready
 *   xmlsec   libxml2 parses, xmlsec verifies with the public key ready; nothing of SAML is looked at
 *   judge    saml_judge(): prescan, the same two libraries, everything proven again with OpenSSL, read from the signed
 *            bytes, every condition checked
 *
 * Every way has to refuse a Response with one changed letter before it is measured.
 */
#include "tests/bench/slices.h"

#include <string.h>

#include <openssl/evp.h>

#include "base/clock.h"
#include "base/encode.h"
#include "saml/compat_xml.h"
#include "saml/judge.h"

#include <xmlsec/app.h>
#include <xmlsec/base64.h>
#include <xmlsec/xmltree.h>

static struct {
    struct slice xml, twin, base64;
    struct saml_trust trust;
    struct saml_expect expect;
} in;

/* --- judge and its parts --------------------------------------------------------------------------------------------
 */

static bool judge(struct slice xml)
{
    struct arena a;
    struct err e = ERR_INIT;
    struct saml_verdict v;
    bool ok;

    arena_init(&a, SAML_ARENA_MAX);
    ok = saml_judge(xml, &in.trust, NULL, 0, &in.expect, &a, &v, &e) == 0 && v.has_email;
    arena_free(&a);
    return ok;
}

static bool judge_start(void)
{
    struct err e = ERR_INIT;

    return saml_init(&e) == 0 && judge(in.xml) && !judge(in.twin);
}

static bool judge_once(void)
{
    return judge(in.xml);
}

static bool judge_base64_once(void)
{
    struct buf xml;
    struct err e = ERR_INIT;
    bool ok;

    buf_init(&xml, SAML_XML_MAX);
    ok = base64_decode(in.base64, &xml, &e) == 0 && judge(buf_slice(&xml));
    buf_free(&xml);
    return ok;
}

static bool verify_once(void)
{
    struct arena a;
    struct err e = ERR_INIT;
    struct saml_signed s;
    bool ok;

    arena_init(&a, SAML_ARENA_MAX);
    ok = saml_verify(in.xml, &in.trust, 0, &a, &s, &e) == 0;
    arena_free(&a);
    return ok;
}

static struct arena kept_arena;
static struct saml_signed kept;

static bool keep_signed(void)
{
    struct err e = ERR_INIT;

    arena_init(&kept_arena, SAML_ARENA_MAX);
    return judge_start() && saml_verify(in.xml, &in.trust, 0, &kept_arena, &kept, &e) == 0 && kept.nsig == 1;
}

static bool recheck_once(void)
{
    struct saml_signer signers[2];
    struct err e = ERR_INIT;

    return saml_recheck(&kept, &in.trust, 0, signers, &e) == 0;
}

/* --- floor
 * ------------------------------------------------------------------------------------------------------------
 */

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

/* --- bare xmlsec
 * ------------------------------------------------------------------------------------------------------
 */

static xmlSecKeyPtr xmlsec_key;

static bool xmlsec_verify(const char *xml, size_t n)
{
    static const xmlChar id[] = "ID";
    const xmlChar *ids[] = {id, NULL};
    xmlDocPtr doc = xmlReadMemory(xml, (int)n, NULL, NULL, XML_PARSE_NONET | XML_PARSE_COMPACT);
    xmlSecDSigCtxPtr ctx = xmlSecDSigCtxCreate(NULL);
    xmlNodePtr signature;
    bool ok = false;

    if (!doc || !ctx)
        goto out;
    xmlSecAddIDs(doc, xmlDocGetRootElement(doc), ids);
    signature = xmlSecFindNode(xmlDocGetRootElement(doc), xmlSecNodeSignature, xmlSecDSigNs);
    ctx->signKey = xmlSecKeyDuplicate(xmlsec_key);
    ok = signature && ctx->signKey && xmlSecDSigCtxVerify(ctx, signature) == 0 &&
         ctx->status == xmlSecDSigStatusSucceeded;
out:
    if (ctx)
        xmlSecDSigCtxDestroy(ctx);
    if (doc)
        xmlFreeDoc(doc);
    return ok;
}

static bool xmlsec_once(void)
{
    return xmlsec_verify(in.xml.p, in.xml.n);
}

static bool xmlsec_base64_once(void)
{
    char text[64 * 1024];
    xmlSecSize n;

    return xmlSecBase64Decode_ex((const xmlChar *)in.base64.p, (xmlSecByte *)text, sizeof text, &n) == 0 &&
           xmlsec_verify(text, n);
}

static bool xmlsec_start(void)
{
    const struct slice spki = in.trust.keys[0].spki;

    if (xmlSecInit() < 0 || xmlSecOpenSSLAppInit(NULL) < 0 || xmlSecOpenSSLInit() < 0)
        return false;
    xmlSecErrorsDefaultCallbackEnableOutput(0);
    /* from the bare public key: a key that was loaded from a certificate would copy the certificate each time */
    xmlsec_key =
        xmlSecCryptoAppKeyLoadMemory((const xmlSecByte *)spki.p, spki.n, xmlSecKeyDataFormatDer, NULL, NULL, NULL);
    return xmlsec_key && xmlsec_once() && !xmlsec_verify(in.twin.p, in.twin.n);
}

/* --- input
 * ------------------------------------------------------------------------------------------------------------
 */

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

int main(int argc, char **argv)
{
    static const struct slices_way ways[] = {
        {"floor", floor_start, floor_once},
        {"xmlsec", xmlsec_start, xmlsec_once},
        {"judge", judge_start, judge_once},
        {"saml_verify", judge_start, verify_once},
        {"saml_recheck", keep_signed, recheck_once},
        {"xmlsec, base64", xmlsec_start, xmlsec_base64_once},
        {"judge, base64", judge_start, judge_base64_once},
    };
    enum { FLOOR, XMLSEC, JUDGE, VERIFY, RECHECK, XMLSEC64, JUDGE64 };
    static double ns[SLICES_MAX][SLICES_ROUNDS_MAX];
    size_t rounds = argc == 8 ? strtoul(argv[1], NULL, 10) : 0;

    if (rounds < 4 || rounds > SLICES_ROUNDS_MAX)
        slices_fail("usage", "verify ROUNDS RESPONSE.xml CERT.pem ISSUER ACS AUDIENCE REQUEST-ID");
    read_input(argv + 2);
    slices_measure(ways, sizeof ways / sizeof *ways, rounds, ns);
    slices_print("bare xmlsec / floor", ns[XMLSEC], ns[FLOOR], rounds);
    slices_print("saml_judge / floor", ns[JUDGE], ns[FLOOR], rounds);
    slices_print("  of it saml_verify / floor", ns[VERIFY], ns[FLOOR], rounds);
    slices_print("  of it saml_recheck / floor", ns[RECHECK], ns[FLOOR], rounds);
    slices_print("saml_judge / bare xmlsec", ns[JUDGE], ns[XMLSEC], rounds);
    slices_print("both from base64: saml_judge / floor", ns[JUDGE64], ns[FLOOR], rounds);
    slices_print("both from base64: saml_judge / bare xmlsec", ns[JUDGE64], ns[XMLSEC64], rounds);
    saml_trust_free(&in.trust);
    return 0;
}
