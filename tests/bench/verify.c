/*
 * verify.c - what judging a Response costs, against the cryptography it cannot do without, against bare xmlsec and
 * against another product.
 *
 *   verify ROUNDS RESPONSE.xml CERT.pem ISSUER ACS AUDIENCE REQUEST-ID PEER...
 *
 *   floor    SHA-256 of the canonical element and of the canonical SignedInfo, one RSA verification, contexts ready
 *   xmlsec   libxml2 parses, xmlsec verifies with the public key ready; nothing of SAML is looked at
 *   verify   saml_verify(): xmlsec as usher sets it up, with prescan, the walk and the form of the Signature before it
 *   judge    saml_judge(): that, everything proven again with OpenSSL, read from the signed bytes, every condition
 *   peer     a program that speaks the protocol of slices.h
 *
 * Every way has to refuse a Response with one changed letter before it is measured. The same with the worker process
 * between is worker.c; what larger documents cost is growth.c.
 */
#include "tests/bench/verdict.h"

#include "saml/compat_xml.h"

#include <xmlsec/app.h>
#include <xmlsec/base64.h>
#include <xmlsec/xmltree.h>

/* --- judge and its parts ---------------------------------------------------------------------------------------- */

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

static bool verify(struct slice xml)
{
    struct arena a;
    struct err e = ERR_INIT;
    struct saml_signed s;
    bool ok;

    arena_init(&a, SAML_ARENA_MAX);
    ok = saml_verify(xml, &in.trust, 0, &a, &s, &e) == 0;
    arena_free(&a);
    return ok;
}

static bool verify_start(void)
{
    struct err e = ERR_INIT;

    return saml_init(&e) == 0 && verify(in.xml) && !verify(in.twin);
}

static bool verify_once(void)
{
    return verify(in.xml);
}

static bool verify_base64_once(void)
{
    struct buf xml;
    struct err e = ERR_INIT;
    bool ok;

    buf_init(&xml, SAML_XML_MAX);
    ok = base64_decode(in.base64, &xml, &e) == 0 && verify(buf_slice(&xml));
    buf_free(&xml);
    return ok;
}

static bool recheck_once(void)
{
    struct saml_signer signers[2];
    struct err e = ERR_INIT;

    return saml_recheck(&kept, &in.trust, 0, signers, &e) == 0;
}

/* --- bare xmlsec ---------------------------------------------------------------------------------------------------
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

int main(int argc, char **argv)
{
    const struct slices_way ways[] = {
        {.name = "floor", .start = floor_start, .once = floor_once},
        {.name = "bare xmlsec", .start = xmlsec_start, .once = xmlsec_once},
        {.name = "bare xmlsec, base64", .start = xmlsec_start, .once = xmlsec_base64_once},
        {.name = "saml_verify", .start = verify_start, .once = verify_once},
        {.name = "saml_verify, base64", .start = verify_start, .once = verify_base64_once},
        {.name = "saml_recheck", .start = keep_signed, .once = recheck_once},
        {.name = "saml_judge, base64", .start = judge_start, .once = judge_base64_once},
        {.name = "SimpleSAMLphp, base64", .program = argv + 8},
    };
    enum { FLOOR, XMLSEC, XMLSEC64, VERIFY, VERIFY64, RECHECK, JUDGE64, PEER64 };
    static double ns[SLICES_MAX][SLICES_ROUNDS_MAX];
    size_t rounds = argc > 8 ? strtoul(argv[1], NULL, 10) : 0;

    if (rounds < 4 || rounds > SLICES_ROUNDS_MAX)
        slices_fail("usage", "verify ROUNDS RESPONSE.xml CERT.pem ISSUER ACS AUDIENCE REQUEST-ID PEER...");
    read_input(argv + 2);
    slices_measure(ways, sizeof ways / sizeof *ways, rounds, ns);
    slices_print("bare xmlsec, from XML / floor", ns[XMLSEC], ns[FLOOR], rounds);
    slices_print("bare xmlsec, from base64 / floor", ns[XMLSEC64], ns[FLOOR], rounds);
    slices_print("saml_verify, from base64 / floor (at most 3.8)", ns[VERIFY64], ns[FLOOR], rounds);
    slices_print("  of it from XML to signed bytes", ns[VERIFY], ns[FLOOR], rounds);
    slices_print("saml_recheck / floor", ns[RECHECK], ns[FLOOR], rounds);
    slices_print("saml_judge, from base64, in one process / floor", ns[JUDGE64], ns[FLOOR], rounds);
    slices_print("saml_judge / bare xmlsec, both from base64", ns[JUDGE64], ns[XMLSEC64], rounds);
    slices_print("SimpleSAMLphp / floor", ns[PEER64], ns[FLOOR], rounds);
    slices_print("SimpleSAMLphp / saml_judge (at least 8)", ns[PEER64], ns[JUDGE64], rounds);
    saml_trust_free(&in.trust);
    return 0;
}
