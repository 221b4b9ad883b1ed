/* mint_fill.c - see mint_fill.h. */
#include "lab/mint_fill.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/valid.h>
#include <openssl/evp.h>
#include <xmlsec/base64.h>
#include <xmlsec/list.h>
#include <xmlsec/keys.h>
#include <xmlsec/openssl/crypto.h>
#include <xmlsec/openssl/evp.h>
#include <xmlsec/transforms.h>
#include <xmlsec/xmldsig.h>
#include <xmlsec/xmlsec.h>

#include "lab/xmltext.h"

#define SIGNATURES_MAX 16

static bool is_named(const xmlNode *n, const char *name)
{
    return n && n->type == XML_ELEMENT_NODE && xmlStrEqual(n->name, (const xmlChar *)name);
}

/* The next element in document order within `root`. */
static xmlNode *next_element(xmlNode *n, const xmlNode *root)
{
    do {
        if (n->children && n->type == XML_ELEMENT_NODE) {
            n = n->children;
            continue;
        }
        while (n && n != root && !n->next)
            n = n->parent;
        n = n && n != root ? n->next : NULL;
    } while (n && n->type != XML_ELEMENT_NODE);
    return n;
}

static xmlNode *inside(xmlNode *root, const char *name)
{
    xmlNode *n = root;

    while ((n = next_element(n, root)) && !is_named(n, name))
        ;
    return n;
}

static bool is_empty(const xmlNode *n)
{
    return n && !n->children;
}

/* xmlsec finds "#ID" only for attributes that libxml2 knows as IDs: the first attribute of that value becomes one. */
static void register_target(xmlDoc *doc, xmlNode *signature)
{
    xmlNode *reference = inside(signature, "Reference");
    xmlChar *uri = reference ? xmlGetNoNsProp(reference, (const xmlChar *)"URI") : NULL;

    for (xmlNode *n = xmlDocGetRootElement(doc); uri && uri[0] == '#' && n;
         n = next_element(n, xmlDocGetRootElement(doc))) {
        for (xmlAttr *at = n->properties; at; at = at->next) {
            xmlChar *value = xmlNodeListGetString(doc, at->children, 1);
            bool hit = xmlStrEqual(value, uri + 1) && xmlStrcasecmp(at->name, (const xmlChar *)"id") == 0;

            if (hit && !xmlGetID(doc, value))
                (void)xmlAddID(NULL, doc, value, at);
            xmlFree(value);
        }
    }
    xmlFree(uri);
}

static xmlSecKey *hmac_key(struct slice secret)
{
    return xmlSecKeyReadMemory(xmlSecOpenSSLKeyDataHmacId, (const xmlSecByte *)secret.p, (xmlSecSize)secret.n);
}

static xmlSecKey *key_of(EVP_PKEY *pkey)
{
    xmlSecKey *key = xmlSecKeyCreate();
    xmlSecKeyData *data = NULL;

    if (!key || !EVP_PKEY_up_ref(pkey))
        goto fail;
    data = xmlSecOpenSSLEvpKeyAdopt(pkey);
    if (!data) {
        EVP_PKEY_free(pkey);
        goto fail;
    }
    if (xmlSecKeySetValue(key, data) == 0)
        return key;
    xmlSecKeyDataDestroy(data);
fail:
    xmlSecKeyDestroy(key);
    return NULL;
}

/*
 * A verifier's process knows only the transforms that it accepts (saml_init()), and its signature transforms cannot
 * sign; here all that xmlsec has are wanted. Single-threaded, as the lists are the process's. False: memory is out.
 */
static bool all_transforms(xmlSecPtrList **ret_before)
{
    const xmlSecTransformId openssl[] = {xmlSecOpenSSLTransformMd5Id,         xmlSecOpenSSLTransformRipemd160Id,
                                         xmlSecOpenSSLTransformSha1Id,        xmlSecOpenSSLTransformSha224Id,
                                         xmlSecOpenSSLTransformSha256Id,      xmlSecOpenSSLTransformSha384Id,
                                         xmlSecOpenSSLTransformSha512Id,      xmlSecOpenSSLTransformHmacMd5Id,
                                         xmlSecOpenSSLTransformHmacSha1Id,    xmlSecOpenSSLTransformHmacSha224Id,
                                         xmlSecOpenSSLTransformHmacSha256Id,  xmlSecOpenSSLTransformHmacSha384Id,
                                         xmlSecOpenSSLTransformHmacSha512Id,  xmlSecOpenSSLTransformHmacRipemd160Id,
                                         xmlSecOpenSSLTransformRsaMd5Id,      xmlSecOpenSSLTransformRsaRipemd160Id,
                                         xmlSecOpenSSLTransformRsaSha1Id,     xmlSecOpenSSLTransformRsaSha224Id,
                                         xmlSecOpenSSLTransformRsaSha256Id,   xmlSecOpenSSLTransformRsaSha384Id,
                                         xmlSecOpenSSLTransformRsaSha512Id,   xmlSecOpenSSLTransformEcdsaSha1Id,
                                         xmlSecOpenSSLTransformEcdsaSha224Id, xmlSecOpenSSLTransformEcdsaSha256Id,
                                         xmlSecOpenSSLTransformEcdsaSha384Id, xmlSecOpenSSLTransformEcdsaSha512Id,
                                         xmlSecOpenSSLTransformDsaSha1Id};
    xmlSecPtrList *list = xmlSecTransformIdsGet();

    *ret_before = xmlSecPtrListDuplicate(list);
    if (!*ret_before)
        return false;
    xmlSecPtrListEmpty(list);
    if (xmlSecTransformIdsRegisterDefault() < 0)
        return false;
    for (size_t i = 0; i < sizeof openssl / sizeof *openssl; i++) {
        if (openssl[i] != xmlSecTransformIdUnknown && xmlSecTransformIdsRegister(openssl[i]) < 0)
            return false;
    }
    return true;
}

static void transforms_before(xmlSecPtrList *before)
{
    xmlSecPtrList *list = xmlSecTransformIdsGet();

    xmlSecPtrListEmpty(list);
    if (before && xmlSecPtrListCopy(list, before) < 0)
        xmlSecPtrListEmpty(list); /* nothing verifies then */
    if (before)
        xmlSecPtrListDestroy(before);
}

static bool sign(xmlDoc *doc, xmlNode *signature, const struct mint_signers *with)
{
    const struct mint_key *k = is_named(signature->parent, "Response") ? with->response : with->otherwise;
    xmlNode *method = inside(signature, "SignatureMethod");
    xmlChar *uri = method ? xmlGetNoNsProp(method, (const xmlChar *)"Algorithm") : NULL;
    bool hmac = uri && with->hmac.n && xmlStrstr(uri, (const xmlChar *)"hmac");
    xmlSecPtrList *before = NULL;
    xmlSecDSigCtx *ctx = NULL;
    bool ok = false;

    xmlFree(uri);
    if (!k)
        return true; /* not now */
    if (!all_transforms(&before) || !(ctx = xmlSecDSigCtxCreate(NULL)))
        goto out;
    register_target(doc, signature);
    ctx->enabledReferenceUris = xmlSecTransformUriTypeEmpty | xmlSecTransformUriTypeSameDocument;
    ctx->signKey = hmac ? hmac_key(with->hmac) : key_of(mint_key_pkey(k)); /* owned by ctx */
    if (ctx->signKey)
        ok = xmlSecDSigCtxSign(ctx, signature) == 0 && ctx->status == xmlSecDSigStatusSucceeded;
out:
    if (ctx)
        xmlSecDSigCtxDestroy(ctx);
    transforms_before(before);
    return ok;
}

/* The k-th element of this name; false if there is none. */
static bool element_of(struct slice xml, const char *name, unsigned k, struct xmltext *ret)
{
    char path[64];

    (void)snprintf(path, sizeof path, "%s[%u]", name, k);
    return xmltext_find(xml, slice_of(path), ret);
}

static void put_content(struct buf *text, const struct xmltext *el, struct slice content)
{
    struct buf out;

    buf_init(&out, text->max);
    buf_add(&out, text->data, el->inner);
    buf_add_slice(&out, content);
    buf_add(&out, text->data + el->inner_to, text->len - el->inner_to);
    buf_free(text);
    *text = out; /* transferred */
}

/* Writes the content of the nodes into the empty elements of this name in the text, in order. */
static void fill_in(struct buf *text, const char *name, xmlNode *const *nodes, size_t n)
{
    struct xmltext el;
    size_t i = 0;

    for (unsigned k = 1; i < n && element_of(buf_slice(text), name, k, &el); k++) {
        if (el.inner == el.inner_to && !el.empty) {
            xmlChar *value = xmlNodeGetContent(nodes[i++]);

            put_content(text, &el, slice_of((const char *)value));
            xmlFree(value);
        }
    }
}

int mint_fill(struct slice xml, const struct mint_signers *with, struct buf *out, struct err *e)
{
    xmlDoc *doc = xmlReadMemory(xml.p, (int)xml.n, "document.xml", NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);
    xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
    xmlNode *signatures[SIGNATURES_MAX], *values[SIGNATURES_MAX], *digests[SIGNATURES_MAX];
    size_t n = 0, ndigests = 0;
    int columns = xmlSecBase64GetDefaultLineSize(), result = -1;
    struct buf text;

    buf_init(&text, out->max);
    xmlSecBase64SetDefaultLineSize(0);
    if (!root) {
        (void)err_set(e, ERR_INTERNAL, "not well-formed XML");
        goto out;
    }
    for (xmlNode *node = root; node; node = next_element(node, root)) {
        if (is_named(node, "Signature") && n < SIGNATURES_MAX && is_empty(inside(node, "SignatureValue"))) {
            values[n] = inside(node, "SignatureValue");
            signatures[n++] = node;
        }
        if (is_named(node, "DigestValue") && ndigests < SIGNATURES_MAX && is_empty(node))
            digests[ndigests++] = node;
    }
    for (size_t i = n; i-- > 0;) {
        if (!sign(doc, signatures[i], with)) {
            (void)err_set(e, ERR_INTERNAL, "xmlsec did not sign");
            goto out;
        }
    }
    buf_add_slice(&text, xml);
    fill_in(&text, "DigestValue", digests, ndigests);
    fill_in(&text, "SignatureValue", values, n);
    buf_add_slice(out, buf_slice(&text));
    result = buf_failed(out) ? err_set(e, ERR_LIMIT, "the document does not fit %zu octets", out->max) : 0;
out:
    xmlSecBase64SetDefaultLineSize(columns);
    buf_free(&text);
    xmlFreeDoc(doc);
    return result;
}

int mint_redigest(struct slice xml, const struct mint_signers *with, struct buf *out, struct err *e)
{
    struct buf empty, filled;
    struct xmltext el, old;
    int result = -1;

    buf_init(&empty, out->max);
    buf_init(&filled, out->max);
    buf_add_slice(&empty, xml);
    for (unsigned k = 1; element_of(buf_slice(&empty), "DigestValue", k, &el); k++)
        put_content(&empty, &el, SLICE(""));
    for (unsigned k = 1; element_of(buf_slice(&empty), "SignatureValue", k, &el); k++)
        put_content(&empty, &el, SLICE(""));
    if (mint_fill(buf_slice(&empty), with, &filled, e) != 0)
        goto out;
    for (unsigned k = 1;
         element_of(buf_slice(&filled), "SignatureValue", k, &el) && element_of(xml, "SignatureValue", k, &old); k++)
        put_content(&filled, &el, slice_make(xml.p + old.inner, old.inner_to - old.inner));
    buf_add_slice(out, buf_slice(&filled));
    result = 0;
out:
    buf_free(&empty);
    buf_free(&filled);
    return result;
}
