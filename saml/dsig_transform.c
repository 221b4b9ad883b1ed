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

/* --- the list ---------------------------------------------------------------------------------------------------- */

int dsig_transforms_register(struct err *e)
{
    xmlSecPtrList *list = xmlSecTransformIdsGet();
    xmlSecTransformId kept[8];
    size_t n = 0;

    kept[n++] = xmlSecTransformEnvelopedId;
    kept[n++] = dsig_c14n_transform(SLICE(SAML_ALG_EXC_C14N));
    kept[n++] = dsig_c14n_transform(SLICE(SAML_ALG_EXC_C14N_COMMENTS));
    for (size_t i = 0; i < digest_algorithms_n; i++)
        kept[n++] = xmlSecTransformIdListFindByHref(list, (const xmlChar *)digest_algorithms[i].uri,
                                                    xmlSecTransformUsageDigestMethod);
    xmlSecPtrListEmpty(list);
    for (size_t i = 0; i < n; i++) {
        /* a digest that this xmlsec was built without is refused when a document asks for it */
        if (kept[i] != xmlSecTransformIdUnknown && xmlSecTransformIdsRegister(kept[i]) < 0)
            return err_set(e, ERR_INTERNAL, "xmlsec does not take its own transforms");
    }
    for (size_t i = 0; i < signature_algorithms_n; i++) {
        klasses[i] = klass_for(&signature_algorithms[i]);
        if (xmlSecTransformIdsRegister(&klasses[i]) < 0)
            return err_set(e, ERR_INTERNAL, "xmlsec does not take the transform %s", signature_algorithms[i].name);
    }
    return 0;
}
