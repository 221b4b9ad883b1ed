/* dsig_transform.c - see dsig_transform.h. */
#include "saml/dsig_transform.h"

#include "saml/compat_xml.h"

/* --- the key ----------------------------------------------------------------------------------------------------- */

struct key_data {
    xmlSecKeyData base;
    const struct saml_key *key;
};

/* No method that reads, writes, makes or names a key: it comes from dsig_key_new() or not at all. */
static xmlSecKeyDataKlass key_klass = {
    .klassSize = sizeof(xmlSecKeyDataKlass),
    .objSize = sizeof(struct key_data),
    .name = (const xmlChar *)"usher-pinned-key",
};

xmlSecKey *dsig_key_new(const struct saml_key *pinned)
{
    xmlSecKey *key = xmlSecKeyCreate();
    xmlSecKeyData *data = key ? xmlSecKeyDataCreate(&key_klass) : NULL;

    if (!data) {
        if (key)
            xmlSecKeyDestroy(key);
        return NULL;
    }
    ((struct key_data *)data)->key = pinned;
    if (xmlSecKeySetValue(key, data) < 0) {
        xmlSecKeyDataDestroy(data);
        xmlSecKeyDestroy(key);
        return NULL;
    }
    return key;
}

/* --- the signature transforms ------------------------------------------------------------------------------------ */

/* SignedInfo gathers in base.inBuf; it is a thousand octets. */
struct verifier {
    xmlSecTransform base;
    const struct saml_key *key;
};

#define KLASSES_MAX 16
static struct _xmlSecTransformKlass klasses[KLASSES_MAX]; /* by index of signature_algorithms */

/* NULL if this is not one of ours. */
static struct verifier *verifier_of(xmlSecTransform *transform, const struct signature_algorithm **ret_alg)
{
    for (size_t i = 0; i < signature_algorithms_n; i++) {
        if (transform && transform->id == &klasses[i]) {
            *ret_alg = &signature_algorithms[i];
            return (struct verifier *)transform;
        }
    }
    return NULL;
}

/* xmlSecKeyDataTypeUnknown means that the key is not asked for its type: the data klass says it all. */
static int set_key_requirements(xmlSecTransform *transform, xmlSecKeyReq *ret)
{
    if (transform->operation != xmlSecTransformOperationVerify)
        return -1;
    ret->keyId = &key_klass;
    ret->keyType = xmlSecKeyDataTypeUnknown;
    ret->keyUsage = xmlSecKeyUsageVerify;
    return 0;
}

static int set_key(xmlSecTransform *transform, xmlSecKey *key)
{
    const struct signature_algorithm *alg = NULL;
    struct verifier *v = verifier_of(transform, &alg);
    xmlSecKeyData *data = key ? xmlSecKeyGetValue(key) : NULL;

    if (!v || !data || data->id != &key_klass)
        return -1;
    v->key = ((const struct key_data *)data)->key;
    return v->key && v->key->type == alg->key ? 0 : -1;
}

static int execute(xmlSecTransform *transform, int last, xmlSecTransformCtx *ctx)
{
    (void)ctx;
    if (transform->operation != xmlSecTransformOperationVerify)
        return -1;
    if (transform->status == xmlSecTransformStatusNone)
        transform->status = xmlSecTransformStatusWorking;
    if (transform->status == xmlSecTransformStatusWorking && last)
        transform->status = xmlSecTransformStatusFinished;
    return 0;
}

static int verify(xmlSecTransform *transform, const xmlSecByte *data, xmlSecSize n, xmlSecTransformCtx *ctx)
{
    const struct signature_algorithm *alg = NULL;
    const struct verifier *v = verifier_of(transform, &alg);
    struct slice info;

    (void)ctx;
    if (!v || !v->key || transform->operation != xmlSecTransformOperationVerify ||
        transform->status != xmlSecTransformStatusFinished)
        return -1;
    info = slice_make(xmlSecBufferGetData(&transform->inBuf), xmlSecBufferGetSize(&transform->inBuf));
    transform->status = info.p && info.n && key_verifies(v->key, alg, slice_make(data, n), info)
                            ? xmlSecTransformStatusOk
                            : xmlSecTransformStatusFail;
    return 0;
}

static struct _xmlSecTransformKlass klass_for(const struct signature_algorithm *alg)
{
    return (struct _xmlSecTransformKlass){
        .klassSize = sizeof(xmlSecTransformKlass),
        .objSize = sizeof(struct verifier),
        .name = (const xmlChar *)alg->name,
        .href = (const xmlChar *)alg->uri,
        .usage = xmlSecTransformUsageSignatureMethod,
        .setKeyReq = set_key_requirements,
        .setKey = set_key,
        .verify = verify,
        .getDataType = xmlSecTransformDefaultGetDataType,
        .pushBin = xmlSecTransformDefaultPushBin,
        .popBin = xmlSecTransformDefaultPopBin,
        .execute = execute,
    };
}

const xmlSecTransformKlass *dsig_signature_transform(const struct signature_algorithm *alg)
{
    return &klasses[alg - signature_algorithms];
}

/* --- the digest transforms -----------------------------------------------------------------------------------------
 */

struct digester {
    xmlSecTransform base;
    unsigned char digest[SAML_DIGEST_MAX];
};

static struct _xmlSecTransformKlass digest_klasses[KLASSES_MAX]; /* by index of digest_algorithms */

static struct digester *digester_of(xmlSecTransform *transform, const struct digest_algorithm **ret_alg)
{
    for (size_t i = 0; i < digest_algorithms_n; i++) {
        if (transform && transform->id == &digest_klasses[i]) {
            *ret_alg = &digest_algorithms[i];
            return (struct digester *)transform;
        }
    }
    return NULL;
}

/* Canonicalization gives all in one piece (dsig_c14n.c). A digest that is verified goes nowhere: the buffer that xmlsec
 * puts behind it is for signing, and stays empty. */
static int digest_push(xmlSecTransform *transform, const xmlSecByte *data, xmlSecSize n, int last,
                       xmlSecTransformCtx *ctx)
{
    const struct digest_algorithm *alg = NULL;
    struct digester *d = digester_of(transform, &alg);

    (void)ctx;
    if (!d || transform->operation != xmlSecTransformOperationVerify || !last || !data || n == 0 ||
        transform->status != xmlSecTransformStatusNone || !digest_compute(alg, slice_make(data, n), d->digest))
        return -1;
    transform->status = xmlSecTransformStatusFinished;
    return 0;
}

static int digest_verify(xmlSecTransform *transform, const xmlSecByte *data, xmlSecSize n, xmlSecTransformCtx *ctx)
{
    const struct digest_algorithm *alg = NULL;
    const struct digester *d = digester_of(transform, &alg);

    (void)ctx;
    if (!d || transform->operation != xmlSecTransformOperationVerify ||
        transform->status != xmlSecTransformStatusFinished)
        return -1;
    transform->status = data && n == alg->size && mem_equal_ct(data, d->digest, n) ? xmlSecTransformStatusOk
                                                                                   : xmlSecTransformStatusFail;
    return 0;
}

static struct _xmlSecTransformKlass digest_klass_for(const struct digest_algorithm *alg)
{
    return (struct _xmlSecTransformKlass){
        .klassSize = sizeof(xmlSecTransformKlass),
        .objSize = sizeof(struct digester),
        .name = (const xmlChar *)alg->name,
        .href = (const xmlChar *)alg->uri,
        .usage = xmlSecTransformUsageDigestMethod,
        .verify = digest_verify,
        .getDataType = xmlSecTransformDefaultGetDataType,
        .pushBin = digest_push,
        .popBin = xmlSecTransformDefaultPopBin,
    };
}

const xmlSecTransformKlass *dsig_digest_transform(const struct digest_algorithm *alg)
{
    return &digest_klasses[alg - digest_algorithms];
}

/* --- the list ---------------------------------------------------------------------------------------------------- */

int dsig_transforms_register(struct err *e)
{
    bool ok;

    xmlSecPtrListEmpty(xmlSecTransformIdsGet());
    ok = xmlSecTransformIdsRegister(xmlSecTransformEnvelopedId) >= 0 &&
         xmlSecTransformIdsRegister(dsig_c14n_transform(SLICE(SAML_ALG_EXC_C14N))) >= 0 &&
         xmlSecTransformIdsRegister(dsig_c14n_transform(SLICE(SAML_ALG_EXC_C14N_COMMENTS))) >= 0;
    for (size_t i = 0; i < digest_algorithms_n; i++) {
        digest_klasses[i] = digest_klass_for(&digest_algorithms[i]);
        ok = ok && xmlSecTransformIdsRegister(&digest_klasses[i]) >= 0;
    }
    for (size_t i = 0; i < signature_algorithms_n; i++) {
        klasses[i] = klass_for(&signature_algorithms[i]);
        ok = ok && xmlSecTransformIdsRegister(&klasses[i]) >= 0;
    }
    return ok ? 0 : err_set(e, ERR_INTERNAL, "xmlsec does not take the transforms");
}
