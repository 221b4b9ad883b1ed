/*
 * growth.c - what a Response costs by its size, and how much memory its tree takes.
 *
 *   growth ROUNDS
 *
 * Signed Responses of one shape with more and more groups (names of 540 octets, as a directory has them), from base64
 * text to the fields of the signed bytes, up to SAML_XML_MAX; then what it costs to refuse twice that. The documents
 * are written in canonical form, so that signing them needs no canonicalization.
 */
#include "tests/bench/slices.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include "base/encode.h"
#include "saml/judge.h"
#include "saml/xml_memory.h"

#define TEXT_MAX ((size_t)4 * SAML_XML_MAX)
#define STRING_OF(x) #x
#define STRING(x) STRING_OF(x)
#define DSIG "http://www.w3.org/2000/09/xmldsig#"
#define EXC "http://www.w3.org/2001/10/xml-exc-c14n#"
#define ISSUER "https://idp.example.com/"

static struct saml_trust trust;
static EVP_PKEY *pkey;

/* --- documents -----------------------------------------------------------------------------------------------------
 */

static void put_assertion(struct buf *out, size_t groups, const char *signature)
{
    buf_printf(out,
               "<Assertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_a\" "
               "IssueInstant=\"2026-01-01T00:00:00Z\" Version=\"2.0\"><Issuer>" ISSUER "</Issuer>%s"
               "<Subject><NameID>ada</NameID></Subject><AttributeStatement><Attribute Name=\"groups\">",
               signature);
    for (size_t i = 0; i < groups; i++)
        buf_printf(out,
                   "<AttributeValue>CN=group %06zu of the directory,OU=%0460zu,OU=groups,DC=example,DC=com"
                   "</AttributeValue>",
                   i, i * 7919);
    buf_add_str(out, "</Attribute></AttributeStatement></Assertion>");
}

static void put_base64_digest(struct buf *out, struct slice data)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];

    (void)SHA256((const unsigned char *)data.p, data.n, digest);
    base64_encode(out, digest, sizeof digest);
}

static void put_signed_info(struct buf *out, const char *xmlns, struct slice assertion)
{
    buf_printf(out,
               "<SignedInfo%s><CanonicalizationMethod Algorithm=\"" EXC "\"></CanonicalizationMethod>"
               "<SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"></SignatureMethod>"
               "<Reference URI=\"#_a\"><Transforms><Transform Algorithm=\"" DSIG "enveloped-signature\"></Transform>"
               "<Transform Algorithm=\"" EXC "\"></Transform></Transforms>"
               "<DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></DigestMethod><DigestValue>",
               xmlns);
    put_base64_digest(out, assertion);
    buf_add_str(out, "</DigestValue></Reference></SignedInfo>");
}

static void put_signature(struct buf *out, struct slice assertion)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char value[512];
    size_t n = sizeof value;
    struct buf info;

    buf_init(&info, 8192);
    put_signed_info(&info, " xmlns=\"" DSIG "\"", assertion);
    if (!ctx || EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, pkey, NULL) != 1 ||
        EVP_DigestSign(ctx, value, &n, (const unsigned char *)info.data, info.len) != 1)
        slices_fail("growth", "OpenSSL does not sign");
    EVP_MD_CTX_free(ctx);
    buf_free(&info);
    buf_add_str(out, "<Signature xmlns=\"" DSIG "\">");
    put_signed_info(out, "", assertion);
    buf_add_str(out, "<SignatureValue>");
    base64_encode(out, value, n);
    buf_add_str(out, "</SignatureValue></Signature>");
}

/* A signed Response of about `bytes`. */
static struct slice make(size_t bytes)
{
    size_t groups = bytes > 2400 ? (bytes - 2400) / 578 : 0;
    struct buf assertion, signature, xml;

    buf_init(&assertion, TEXT_MAX);
    buf_init(&signature, 16384);
    buf_init(&xml, TEXT_MAX);
    put_assertion(&assertion, groups, "");
    put_signature(&signature, buf_slice(&assertion));
    buf_add_str(&xml, "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"_r\" "
                      "IssueInstant=\"2026-01-01T00:00:00Z\" Version=\"2.0\"><samlp:Status><samlp:StatusCode "
                      "Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></samlp:Status>");
    put_assertion(&xml, groups, buf_cstr(&signature));
    buf_add_str(&xml, "</samlp:Response>");
    if (buf_failed(&xml))
        slices_fail("growth", "the document does not fit");
    buf_free(&assertion);
    buf_free(&signature);
    return buf_slice(&xml);
}

static void make_key(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    struct err e = ERR_INIT;
    char *pem;
    long n;

    pkey = EVP_RSA_gen(2048);
    if (!pkey || !bio || PEM_write_bio_PUBKEY(bio, pkey) != 1)
        slices_fail("growth", "no key");
    n = BIO_get_mem_data(bio, &pem);
    saml_trust_init(&trust);
    if (saml_trust_add_pem(&trust, slice_make(pem, (size_t)n), &e) != 0)
        slices_fail("growth", e.msg);
    BIO_free(bio);
}

/* --- what is measured ------------------------------------------------------------------------------------------------
 */

enum { KB5, KB20, KB200, LARGEST, TOO_LARGE, ALL };
static const size_t sizes[ALL] = {5300, 20 * 1024, 200 * 1024, SAML_XML_MAX - 32 * 1024, 2 * SAML_XML_MAX};
#define LARGEST_TEXT "the largest of " STRING(SAML_XML_MAX)
static struct slice xml[ALL], base64[ALL];

/* From base64 text to the signed bytes, proven twice. */
static int judge(struct slice text, struct err *e)
{
    struct saml_signer signers[2];
    struct saml_signed s;
    struct arena a;
    struct buf b;
    int r;

    buf_init(&b, text.n);
    arena_init(&a, SAML_ARENA_MAX);
    r = base64_decode(text, &b, e);
    if (r == 0)
        r = saml_verify(buf_slice(&b), &trust, 0, &a, &s, e);
    if (r == 0)
        r = saml_recheck(&s, &trust, 0, signers, e);
    arena_free(&a);
    buf_free(&b);
    return r;
}

static bool good(size_t size)
{
    struct err e = ERR_INIT;

    return judge(base64[size], &e) == 0;
}

static bool once_5(void)
{
    return good(KB5);
}

static bool once_20(void)
{
    return good(KB20);
}

static bool once_200(void)
{
    return good(KB200);
}

static bool once_largest(void)
{
    return good(LARGEST);
}

/* Refused for its size, after base64 and before anything is parsed. */
static bool once_too_large(void)
{
    struct err e = ERR_INIT;

    return judge(base64[TOO_LARGE], &e) != 0 && e.code == ERR_XML_SIZE;
}

static bool start(void)
{
    struct err e = ERR_INIT;
    char *changed;
    bool refused;

    changed = strndup(base64[KB5].p, base64[KB5].n);
    if (!changed)
        return false;
    changed[base64[KB5].n * 3 / 4] ^= 1;
    refused = judge(slice_make(changed, base64[KB5].n), &e) != 0;
    free(changed);
    return refused;
}

static void print_memory(size_t size, const char *name)
{
    struct xml_memory_stats stats;
    double times;

    /* sizes go up, so the peak is this one's */
    if (!good(size))
        slices_fail("growth", "wrong answer");
    xml_memory_stats(&stats);
    times = (double)stats.peak / (double)xml[size].n;
    printf("%s\t%.2f\t%.2f\t%.2f\n", name, times, times, times);
}

int main(int argc, char **argv)
{
    static const struct slices_way ways[ALL] = {
        {.name = "5 KB", .start = start, .once = once_5},
        {.name = "20 KB", .start = start, .once = once_20},
        {.name = "200 KB", .start = start, .once = once_200},
        {.name = "the largest", .start = start, .once = once_largest},
        {.name = "too large", .start = start, .once = once_too_large},
    };
    static double ns[SLICES_MAX][SLICES_ROUNDS_MAX];
    struct err e = ERR_INIT;
    size_t rounds = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;

    if (rounds < 4 || rounds > SLICES_ROUNDS_MAX)
        slices_fail("usage", "growth ROUNDS");
    if (saml_init(&e) != 0)
        slices_fail("growth", e.msg);
    make_key();
    for (size_t i = 0; i < ALL; i++) {
        struct buf *text = calloc(1, sizeof *text);

        xml[i] = make(sizes[i]);
        buf_init(text, 2 * TEXT_MAX);
        base64_encode(text, xml[i].p, xml[i].n);
        base64[i] = buf_slice(text);
    }
    slices_measure(ways, ALL, rounds, ns);
    for (size_t i = 0; i < ALL; i++) {
        for (size_t r = 0; r < rounds; r++)
            ns[i][r] /= (double)xml[i].n;
    }
    slices_print("CPU per octet, 20 KB / 5 KB (at most 1.3)", ns[KB20], ns[KB5], rounds);
    slices_print("CPU per octet, 200 KB / 20 KB (at most 1.3)", ns[KB200], ns[KB20], rounds);
    slices_print("CPU per octet, " LARGEST_TEXT " / 200 KB (at most 1.3)", ns[LARGEST], ns[KB200], rounds);
    slices_print("CPU per octet, refused past the limit / " LARGEST_TEXT " judged", ns[TOO_LARGE], ns[LARGEST], rounds);
    print_memory(KB5, "memory of libxml2 and xmlsec / XML, 5 KB (at most 28)");
    print_memory(KB20, "memory of libxml2 and xmlsec / XML, 20 KB");
    print_memory(KB200, "memory of libxml2 and xmlsec / XML, 200 KB");
    print_memory(LARGEST, "memory of libxml2 and xmlsec / XML, " LARGEST_TEXT);
    saml_trust_free(&trust);
    EVP_PKEY_free(pkey);
    return 0;
}
