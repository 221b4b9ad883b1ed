/*
 * dsig.c - one Signature: its form is judged first, then xmlsec verifies it; see dsig_verify() in dom.h.
 *
 * By default xmlsec 1.2 reads files and URLs, runs XPath and XSLT before any key is looked at, digests with MD5, and
 * with a keys manager believes a key that the document brings along. So the form leaves it one way to go (one Reference
 * to the parent's ID, enveloped-signature and exclusive c14n, one listed digest and signature algorithm); the same is
 * set on its context as a second fence; it gets one pinned key as signKey and no keys manager, so that KeyInfo is never
 * read.
 */
#include "saml/dom.h"

#include <openssl/err.h>

#include "base/encode.h"
#include "saml/algorithm.h"
#include "saml/compat_xml.h"
#include "saml/dsig_transform.h"
#include "saml/xml_memory.h"

/* What the form check has found. */
struct form {
    const struct signature_algorithm *method;
    const struct digest_algorithm *digest;
    struct slice c14n, transform; /* the exclusive c14n of SignedInfo and of the Reference */
    struct slice uri;
    struct slice value; /* raw octets, in the arena */
};

/* --- form -------------------------------------------------------------------------------------------------------- */

/* `only` is the one attribute the element may have (NULL: none); namespace declarations are not attributes. */
static bool attributes_are(const xmlNode *node, const char *only)
{
    for (const xmlAttr *at = node->properties; at; at = at->next) {
        if (at->ns || !only || strcmp((const char *)at->name, only) != 0)
            return false;
    }
    return true;
}

static bool is_dsig(const xmlNode *node, const char *local)
{
    return dom_is(node, SAML_NS_DSIG, local);
}

/* Strict base64 in one text node. */
static int octets_of(const xmlNode *node, struct buf *out, struct err *e)
{
    struct slice text;
    struct err why = ERR_INIT;

    if (!attributes_are(node, NULL) || !dom_text(node, &text))
        return dom_refuse(node, ERR_SIGNATURE_SHAPE, e, "not one plain text");
    if (base64_decode(text, out, &why) != 0)
        return dom_refuse(node, ERR_SIGNATURE_SHAPE, e, "%s", why.msg);
    return 0;
}

/* CanonicalizationMethod, or the second Transform: exclusive c14n, at most with a short PrefixList. */
static int check_exc_c14n(const xmlNode *node, struct slice *ret, struct err *e)
{
    const xmlNode *inclusive = dom_first(node);
    struct slice alg = dom_attr(node, "Algorithm"), list;
    char found[120];

    if (!is_exc_c14n(alg)) {
        str_cut(found, sizeof found, alg);
        (void)err_mismatch(e, ERR_TRANSFORM, found, SAML_ALG_EXC_C14N, "not exclusive canonicalization");
        return dom_at(node, e);
    }
    *ret = alg;
    if (!attributes_are(node, "Algorithm") || !dom_only_elements(node, false))
        return dom_refuse(node, ERR_SIGNATURE_SHAPE, e, "unexpected content of a canonicalization method");
    if (!inclusive)
        return 0;
    list = dom_attr(inclusive, "PrefixList");
    if (!dom_is(inclusive, SAML_NS_EXC_C14N, "InclusiveNamespaces") || dom_next(inclusive) || inclusive->children ||
        !attributes_are(inclusive, "PrefixList") || !list.p)
        return dom_refuse(node, ERR_SIGNATURE_SHAPE, e, "unexpected content of a canonicalization method");
    if (!is_short_prefix_list(list))
        return dom_refuse(inclusive, ERR_TRANSFORM, e, "too many names in the PrefixList");
    return 0;
}

static int check_transforms(const xmlNode *transforms, struct form *f, struct err *e)
{
    const xmlNode *first, *second;
    struct slice alg;
    char found[120];

    if (!is_dsig(transforms, "Transforms"))
        return err_set(e, ERR_TRANSFORM, "the Reference has no Transforms: inclusive canonicalization is not accepted");
    if (!attributes_are(transforms, NULL) || !dom_only_elements(transforms, false))
        return dom_refuse(transforms, ERR_SIGNATURE_SHAPE, e, "unexpected content");
    first = dom_first(transforms);
    second = first ? dom_next(first) : NULL;
    if (!is_dsig(first, "Transform") || !is_dsig(second, "Transform") || dom_next(second))
        return dom_refuse(transforms, ERR_TRANSFORM, e, "not exactly two transforms");
    alg = dom_attr(first, "Algorithm");
    if (!slice_is(alg, SAML_ALG_ENVELOPED)) {
        str_cut(found, sizeof found, alg);
        return err_mismatch(e, ERR_TRANSFORM, found, SAML_ALG_ENVELOPED, "the first transform");
    }
    if (!attributes_are(first, "Algorithm") || first->children)
        return dom_refuse(first, ERR_SIGNATURE_SHAPE, e, "enveloped-signature takes no content");
    return check_exc_c14n(second, &f->transform, e);
}

static int check_digest_value(const xmlNode *node, const struct form *f, struct err *e)
{
    struct buf digest;
    int result = -1;

    buf_init(&digest, 1024);
    if (octets_of(node, &digest, e) == 0) {
        if (digest.len != f->digest->size)
            (void)dom_refuse(node, ERR_SIGNATURE_SHAPE, e, "a digest of the wrong length");
        else if (digest_is_of_nothing(f->digest, digest.data))
            (void)dom_refuse(node, ERR_SIGNATURE, e, "the digest of an empty document");
        else
            result = 0;
    }
    buf_free(&digest);
    return result;
}

static int check_reference(const xmlNode *reference, struct slice parent_id, unsigned allow, struct form *f,
                           struct err *e)
{
    const xmlNode *transforms, *method, *value;
    char found[120], expected[120];

    f->uri = dom_attr(reference, "URI");
    if (!f->uri.p || !attributes_are(reference, "URI") || !dom_only_elements(reference, false))
        return dom_refuse(reference, ERR_SIGNATURE_SHAPE, e, "a Reference has the attribute URI and nothing else");
    if (f->uri.n < 2 || f->uri.p[0] != '#' || !slice_eq(slice_make(f->uri.p + 1, f->uri.n - 1), parent_id)) {
        str_cut(found, sizeof found, f->uri);
        (void)snprintf(expected, sizeof expected, "#%.*s", SLICE_ARG(parent_id));
        return err_mismatch(e, ERR_SIGNATURE_SHAPE, found, expected, "the Reference is not to the parent's ID");
    }
    transforms = dom_first(reference);
    if (check_transforms(transforms, f, e) != 0)
        return -1;
    method = dom_next(transforms);
    value = method ? dom_next(method) : NULL;
    if (!is_dsig(method, "DigestMethod") || !is_dsig(value, "DigestValue") || dom_next(value))
        return dom_refuse(reference, ERR_SIGNATURE_SHAPE, e, "a Reference is Transforms, DigestMethod, DigestValue");
    if (digest_algorithm_find(dom_attr(method, "Algorithm"), allow, &f->digest, e) != 0)
        return -1;
    if (!attributes_are(method, "Algorithm") || !dom_only_elements(method, false) || dom_first(method))
        return dom_refuse(method, ERR_SIGNATURE_SHAPE, e, "a digest method takes no parameters");
    return check_digest_value(value, f, e);
}

static int check_signed_info(const xmlNode *info, struct slice parent_id, unsigned allow, struct form *f, struct err *e)
{
    const xmlNode *c14n = dom_first(info), *method = c14n ? dom_next(c14n) : NULL,
                  *reference = method ? dom_next(method) : NULL;

    if (!attributes_are(info, NULL) || !dom_only_elements(info, false) || !is_dsig(c14n, "CanonicalizationMethod") ||
        !is_dsig(method, "SignatureMethod") || !is_dsig(reference, "Reference") || dom_next(reference))
        return dom_refuse(info, ERR_SIGNATURE_SHAPE, e,
                          "SignedInfo is CanonicalizationMethod, SignatureMethod and one Reference");
    if (check_exc_c14n(c14n, &f->c14n, e) != 0 ||
        signature_algorithm_find(dom_attr(method, "Algorithm"), allow, &f->method, e) != 0)
        return -1;
    if (!attributes_are(method, "Algorithm") || !dom_only_elements(method, false) || dom_first(method))
        return dom_refuse(method, ERR_SIGNATURE_SHAPE, e, "a signature method takes no parameters");
    return check_reference(reference, parent_id, allow, f, e);
}

static int check_form(const xmlNode *signature, struct slice parent_id, unsigned allow, struct arena *a, struct form *f,
                      struct err *e)
{
    const xmlNode *info = dom_first(signature), *value = info ? dom_next(info) : NULL,
                  *key = value ? dom_next(value) : NULL;
    struct buf octets;
    int result = -1;

    buf_init(&octets, (size_t)4 * SAML_SIGNATURE_MAX);
    if (!attributes_are(signature, "Id") || !dom_only_elements(signature, false) || !is_dsig(info, "SignedInfo") ||
        !is_dsig(value, "SignatureValue") || (key && (!is_dsig(key, "KeyInfo") || dom_next(key)))) {
        (void)dom_refuse(signature, ERR_SIGNATURE_SHAPE, e,
                         "a Signature is SignedInfo, SignatureValue and one KeyInfo");
        goto out;
    }
    if (check_signed_info(info, parent_id, allow, f, e) != 0 || octets_of(value, &octets, e) != 0)
        goto out;
    if (octets.len == 0 || octets.len > SAML_SIGNATURE_MAX) {
        (void)dom_refuse(value, ERR_SIGNATURE_SHAPE, e, "a signature of impossible length");
        goto out;
    }
    f->value = arena_slice(a, buf_slice(&octets));
    if (!f->value.p) {
        (void)err_set(e, ERR_MEMORY, "no room for the signature");
        goto out;
    }
    result = 0;
out:
    buf_free(&octets);
    return result;
}

/* --- xmlsec ------------------------------------------------------------------------------------------------------ */

/* What xmlsec reported first in this thread since the last reset. It never prints. */
static _Thread_local char reported[160];

static void capture_report(const char *file, int line, const char *func, const char *object, const char *subject,
                           int reason, const char *msg)
{
    (void)file;
    (void)line;
    if (reported[0] == '\0')
        (void)snprintf(reported, sizeof reported, "%s %s %s (%d) %s", func ? func : "", object ? object : "",
                       subject ? subject : "", reason, msg ? msg : "");
}

int dsig_init(struct err *e)
{
    if (xmlSecInit() < 0)
        return err_set(e, ERR_INTERNAL, "xmlSecInit failed");
    xmlSecErrorsSetCallback(capture_report);
    xmlSecIOCleanupCallbacks(); /* no file, no URL, by whatever path */
    if (xmlSecCheckVersion() != 1)
        return err_set(e, ERR_INTERNAL, "xmlsec of another version than at build time");
    if (xmlSecOpenSSLInit() < 0)
        return err_set(e, ERR_INTERNAL, "xmlSecOpenSSLInit failed");
    xmlSecErrorsSetCallback(capture_report);
    return dsig_transforms_register(e);
}

void dsig_cleanup(void)
{
    (void)xmlSecOpenSSLShutdown();
    (void)xmlSecShutdown();
}

/* An empty list would mean "everything", so each addition counts. */
static bool fence(xmlSecDSigCtx *ctx, const struct form *f)
{
    xmlSecTransformId c14n = dsig_c14n_transform(f->c14n);
    xmlSecTransformId exc = dsig_c14n_transform(f->transform);
    xmlSecTransformId method = dsig_signature_transform(f->method);
    xmlSecTransformId digest = dsig_digest_transform(f->digest);

    ctx->enabledReferenceUris = xmlSecTransformUriTypeSameDocument;
    return xmlSecDSigCtxEnableSignatureTransform(ctx, c14n) == 0 &&
           xmlSecDSigCtxEnableSignatureTransform(ctx, method) == 0 &&
           xmlSecDSigCtxEnableReferenceTransform(ctx, xmlSecTransformEnvelopedId) == 0 &&
           xmlSecDSigCtxEnableReferenceTransform(ctx, exc) == 0 &&
           xmlSecDSigCtxEnableReferenceTransform(ctx, digest) == 0;
}

/* What the canonicalization of this chain of transforms has made; {NULL, 0} if there is none. */
static struct slice canonical(const xmlSecTransformCtx *chain)
{
    struct slice text = {NULL, 0};

    for (xmlSecTransform *t = chain->first; t && !text.p; t = t->next)
        text = dsig_c14n_text(t);
    return text;
}

static bool too_long(const xmlSecTransformCtx *chain)
{
    bool found = false;

    for (xmlSecTransform *t = chain->first; t && !found; t = t->next)
        found = dsig_c14n_too_long(t);
    return found;
}

enum outcome {
    OUTCOME_ERROR = 0, /* see struct err */
    OUTCOME_OTHER_KEY, /* the digest holds, the signature is not by this key; signed_info is set */
    OUTCOME_VERIFIED
};

/* Copies what was digested and what was signed out of a context that has verified. */
static enum outcome take_signed(xmlSecDSigCtx *ctx, xmlSecDSigReferenceCtx *reference, struct arena *a,
                                struct saml_signature *ret, struct err *e)
{
    struct slice info = canonical(&ctx->transformCtx);
    struct slice element = canonical(&reference->transformCtx);

    /* canonicalization that failed and went unnoticed leaves nothing behind */
    if (!info.p || info.n == 0 || !element.p || element.n == 0) {
        (void)err_set(e, ERR_SIGNATURE, "the canonical form is empty");
        return OUTCOME_ERROR;
    }
    ret->signed_info = arena_slice(a, info);
    ret->element = arena_slice(a, element);
    if (!ret->signed_info.p || !ret->element.p) {
        (void)err_set(e, ERR_MEMORY, "no room for the signed bytes");
        return OUTCOME_ERROR;
    }
    return OUTCOME_VERIFIED;
}

static enum outcome keep_signed_info(xmlSecDSigCtx *ctx, struct arena *a, struct saml_signature *ret, struct err *e)
{
    struct slice info = canonical(&ctx->transformCtx);

    if (!info.p || info.n == 0)
        (void)err_set(e, ERR_SIGNATURE, "the signature cannot be processed: %s", reported);
    else if (!(ret->signed_info = arena_slice(a, info)).p)
        (void)err_set(e, ERR_MEMORY, "no room for the signed bytes");
    else
        return OUTCOME_OTHER_KEY;
    return OUTCOME_ERROR;
}

static enum outcome try_key(xmlNode *signature, const struct form *f, const struct saml_key *key, struct arena *a,
                            struct saml_signature *ret, struct err *e)
{
    xmlSecDSigCtx *ctx = xmlSecDSigCtxCreate(NULL); /* no keys manager, ever */
    xmlSecDSigReferenceCtx *reference = NULL;
    enum outcome outcome = OUTCOME_ERROR;
    int rc;

    if (!ctx || !fence(ctx, f) || !(ctx->signKey = dsig_key_new(key))) {
        (void)err_set(e, xml_memory_exhausted() ? ERR_XML_LIMIT : ERR_INTERNAL, "xmlsec cannot be set up: %s",
                      reported);
        goto out;
    }
    ctx->flags = XMLSEC_DSIG_FLAGS_IGNORE_MANIFESTS | XMLSEC_DSIG_FLAGS_USE_VISA3D_HACK;
    reported[0] = '\0';
    rc = xmlSecDSigCtxVerify(ctx, signature);
    if (xmlSecPtrListGetSize(&ctx->signedInfoReferences) == 1)
        reference = xmlSecPtrListGetItem(&ctx->signedInfoReferences, 0);
    if (too_long(&ctx->transformCtx) || (reference && too_long(&reference->transformCtx)))
        (void)err_set(e, ERR_XML_LIMIT, "the canonical form is too long");
    else if (xml_memory_exhausted()) /* whatever it says then */
        (void)err_set(e, ERR_XML_LIMIT, "the document takes too much memory for its size");
    else if (reference && reference->status == xmlSecDSigStatusInvalid)
        (void)err_set(e, ERR_SIGNATURE, "the signed content was changed after signing (digest mismatch)");
    else if (!reference || reference->status != xmlSecDSigStatusSucceeded)
        (void)err_set(e, ERR_SIGNATURE, "the signature cannot be processed: %s", reported);
    else if (rc == 0 && ctx->status == xmlSecDSigStatusSucceeded)
        outcome = take_signed(ctx, reference, a, ret, e);
    else /* rc -1 too: to some keys another key's signature is not even a number they can raise to a power */
        outcome = keep_signed_info(ctx, a, ret, e);
out:
    if (ctx)
        xmlSecDSigCtxDestroy(ctx);
    return outcome;
}

/*
 * xmlsec canonicalizes and digests the element before it looks at the key, which costs by the size of the document. So
 * after the first key OpenSSL says which of the others it is, and xmlsec runs once more: twice at most, not once per
 * key.
 */
static int try_keys(xmlNode *signature, const struct form *f, const struct saml_trust *trust, unsigned allow,
                    struct arena *a, struct saml_signature *ret, struct err *e)
{
    bool first = true;

    for (size_t i = 0; i < trust->nkeys; i++) {
        const struct saml_key *key = &trust->keys[i];

        if (key_fits(key, f->method, allow) != KEY_FIT_OK || f->value.n != signature_size(key) ||
            (!first && !key_verifies(key, f->method, f->value, ret->signed_info)))
            continue;
        first = false;
        switch (try_key(signature, f, key, a, ret, e)) {
        case OUTCOME_VERIFIED: return 0;
        case OUTCOME_OTHER_KEY: break;
        case OUTCOME_ERROR: return -1;
        }
    }
    return no_key_verifies(trust, f->method, allow, e);
}

int dsig_verify(xmlNode *signature, xmlNode *parent, enum saml_element what, const struct saml_trust *trust,
                unsigned allow, struct arena *a, struct saml_signature *ret, struct err *e)
{
    struct form f = {.method = NULL};
    struct saml_signature s = {.what = what};
    xmlAttr *id = dom_attr_node(parent, "ID");
    struct slice id_value = dom_attr_value(id);
    int result;

    if (!id_value.p || signature->parent != parent)
        return err_set(e, ERR_INTERNAL, "dsig_verify() called for a place that was not located");
    if (check_form(signature, id_value, allow, a, &f, e) != 0)
        return -1;
    /* this one ID exists for libxml2, and only as long as it is needed: the Reference cannot lead elsewhere */
    if (!xmlAddID(NULL, signature->doc, (const xmlChar *)id_value.p, id))
        return err_set(e, xml_memory_exhausted() ? ERR_XML_LIMIT : ERR_XML_ID, "the ID is already taken");
    if (xmlGetID(signature->doc, (const xmlChar *)id_value.p) != id)
        result = err_set(e, ERR_XML_ID, "the ID does not lead to the element it stands on");
    else
        result = try_keys(signature, &f, trust, allow, a, &s, e);
    (void)xmlRemoveID(signature->doc, id);
    ERR_clear_error();
    if (result != 0)
        return -1;
    s.signature_value = f.value;
    *ret = s;
    return 0;
}
