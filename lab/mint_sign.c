/* mint_sign.c - see mint_sign.h. */
#include "lab/mint_sign.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/valid.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <xmlsec/base64.h>
#include <xmlsec/keys.h>
#include <xmlsec/openssl/evp.h>
#include <xmlsec/transforms.h>
#include <xmlsec/xmldsig.h>
#include <xmlsec/xmlsec.h>

#include "base/encode.h"
#include "base/secret.h"
#include "lab/mint_fill.h"

#define DSIG_NS "http://www.w3.org/2000/09/xmldsig#"
#define DSIG_MORE "http://www.w3.org/2001/04/xmldsig-more#"
#define EXC_C14N "http://www.w3.org/2001/10/xml-exc-c14n#"
#define PEM_FILE_MAX (64 * 1024)

struct mint_key {
    EVP_PKEY *pkey;
    struct buf cert; /* base64 of DER */
};

static const struct algorithm {
    const char *name;
    int key_type;
    const char *signature, *digest;
} algorithms[] = {
    {"rsa-sha256", EVP_PKEY_RSA, DSIG_MORE "rsa-sha256", "http://www.w3.org/2001/04/xmlenc#sha256"},
    {"rsa-sha384", EVP_PKEY_RSA, DSIG_MORE "rsa-sha384", DSIG_MORE "sha384"},
    {"rsa-sha512", EVP_PKEY_RSA, DSIG_MORE "rsa-sha512", "http://www.w3.org/2001/04/xmlenc#sha512"},
    {"rsa-sha1", EVP_PKEY_RSA, DSIG_NS "rsa-sha1", DSIG_NS "sha1"},
    {"ecdsa-sha256", EVP_PKEY_EC, DSIG_MORE "ecdsa-sha256", "http://www.w3.org/2001/04/xmlenc#sha256"},
    {"ecdsa-sha384", EVP_PKEY_EC, DSIG_MORE "ecdsa-sha384", DSIG_MORE "sha384"},
    {"ecdsa-sha512", EVP_PKEY_EC, DSIG_MORE "ecdsa-sha512", "http://www.w3.org/2001/04/xmlenc#sha512"},
};
#define NALGORITHMS (sizeof algorithms / sizeof *algorithms)

static const struct algorithm *find_algorithm(const char *name)
{
    for (size_t i = 0; i < NALGORITHMS; i++) {
        if (strcmp(algorithms[i].name, name) == 0)
            return &algorithms[i];
    }
    return NULL;
}

const char *const *mint_algorithms(void)
{
    static const char *const names[NALGORITHMS + 1] = {"rsa-sha256",   "rsa-sha384",   "rsa-sha512",  "rsa-sha1",
                                                       "ecdsa-sha256", "ecdsa-sha384", "ecdsa-sha512"};

    return names;
}

/* --- keys --------------------------------------------------------------------------------------------------------- */

static int load_private(const char *path, EVP_PKEY **ret, struct err *e)
{
    struct buf pem;
    BIO *bio = NULL;
    int r = -1;

    buf_init(&pem, PEM_FILE_MAX);
    if (secret_read_file(path, &pem, e) != 0)
        goto out;
    bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    /* the empty passphrase keeps OpenSSL from asking on the terminal */
    if (bio)
        *ret = PEM_read_bio_PrivateKey(bio, NULL, NULL, (char[]){""});
    if (!*ret)
        (void)err_set(e, ERR_KEY_FILE, "%s: not an unencrypted private key in PEM form", path);
    else
        r = 0;
out:
    BIO_free(bio);
    buf_free_secret(&pem);
    return r;
}

static int load_cert(const char *path, struct buf *ret_base64, struct err *e)
{
    BIO *bio = BIO_new_file(path, "r");
    X509 *cert = NULL;
    unsigned char *der = NULL;
    int n, r = -1;

    if (!bio)
        return err_set(e, ERR_TRUST, "%s: %s", path, strerror(errno));
    cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    n = cert ? i2d_X509(cert, &der) : -1;
    if (n < 0) {
        (void)err_set(e, ERR_TRUST, "%s: not a certificate in PEM form", path);
        goto out;
    }
    base64_encode(ret_base64, der, (size_t)n);
    r = buf_failed(ret_base64) ? err_set(e, ERR_TRUST, "%s: too large", path) : 0;
out:
    OPENSSL_free(der);
    X509_free(cert);
    BIO_free(bio);
    return r;
}

static struct mint_key *new_key(void)
{
    struct mint_key *k = calloc(1, sizeof *k);

    if (k)
        buf_init(&k->cert, PEM_FILE_MAX);
    return k;
}

int mint_key_load(const char *key_file, const char *cert_file, struct mint_key **ret, struct err *e)
{
    struct mint_key *k = new_key();

    if (!k)
        return err_set(e, ERR_MEMORY, "no memory for a key");
    if (load_private(key_file, &k->pkey, e) != 0 || load_cert(cert_file, &k->cert, e) != 0) {
        mint_key_free(k);
        return -1;
    }
    *ret = k; /* transferred */
    return 0;
}

int mint_key_forge(const struct mint_key *victim, struct mint_key **ret, struct err *e)
{
    struct mint_key *k = new_key();

    if (!k)
        return err_set(e, ERR_MEMORY, "no memory for a key");
    buf_add_slice(&k->cert, buf_slice(&victim->cert));
    k->pkey = EVP_RSA_gen(2048);
    if (!k->pkey || buf_failed(&k->cert)) {
        mint_key_free(k);
        return err_set(e, ERR_INTERNAL, "a key could not be made");
    }
    *ret = k; /* transferred */
    return 0;
}

int mint_key_adopt(struct evp_pkey_st *pkey, struct slice cert_der, struct mint_key **ret, struct err *e)
{
    struct mint_key *k = new_key();

    if (!k) {
        EVP_PKEY_free(pkey);
        return err_set(e, ERR_MEMORY, "no memory for a key");
    }
    k->pkey = pkey; /* transferred */
    base64_encode(&k->cert, cert_der.p, cert_der.n);
    *ret = k; /* transferred */
    return 0;
}

struct evp_pkey_st *mint_key_pkey(const struct mint_key *k)
{
    return k->pkey;
}

void mint_key_free(struct mint_key *k)
{
    if (!k)
        return;
    EVP_PKEY_free(k->pkey);
    buf_free(&k->cert);
    free(k);
}

const char *mint_key_cert(const struct mint_key *k)
{
    return buf_cstr(&k->cert);
}

/* --- signing ------------------------------------------------------------------------------------------------------ */

int mint_sign_check(const char *algorithm, const struct mint_key *k, struct err *e)
{
    const struct algorithm *a = find_algorithm(algorithm);

    if (!a)
        return err_set(e, ERR_USAGE, "signature algorithm '%s' is unknown", algorithm);
    if (EVP_PKEY_get_base_id(k->pkey) != a->key_type)
        return err_set(e, ERR_USAGE, "signature algorithm '%s' does not fit the key", algorithm);
    return 0;
}

void mint_sign_template(struct buf *out, const char *algorithm, const struct mint_key *k, const char *id)
{
    const struct algorithm *a = find_algorithm(algorithm);

    buf_printf(out,
               "<Signature xmlns=\"" DSIG_NS "\"><SignedInfo><CanonicalizationMethod Algorithm=\"" EXC_C14N "\"/>"
               "<SignatureMethod Algorithm=\"%s\"/><Reference URI=\"#",
               a->signature);
    html_escape(out, slice_of(id));
    buf_printf(out,
               "\"><Transforms><Transform Algorithm=\"" DSIG_NS "enveloped-signature\"/>"
               "<Transform Algorithm=\"" EXC_C14N "\"/></Transforms><DigestMethod Algorithm=\"%s\"/>"
               "<DigestValue/></Reference></SignedInfo><SignatureValue/>"
               "<KeyInfo><X509Data><X509Certificate>%s</X509Certificate></X509Data></KeyInfo></Signature>",
               a->digest, buf_cstr(&k->cert));
}

static bool is_element(const xmlNode *n, const char *name)
{
    return n && n->type == XML_ELEMENT_NODE && xmlStrEqual(n->name, (const xmlChar *)name);
}

static xmlNode *child(xmlNode *parent, const char *name)
{
    for (xmlNode *n = parent ? parent->children : NULL; n; n = n->next) {
        if (is_element(n, name))
            return n;
    }
    return NULL;
}

/* xmlsec finds "#ID" only for attributes that libxml2 knows as IDs. */
static bool register_id(xmlDoc *doc, xmlNode *element)
{
    xmlAttr *id = xmlHasProp(element, (const xmlChar *)"ID");
    xmlChar *value = id ? xmlNodeListGetString(doc, id->children, 1) : NULL;
    bool ok = value && xmlAddID(NULL, doc, value, id) != NULL;

    xmlFree(value);
    return ok;
}

/* xmlsec's key takes a reference of its own. */
static xmlSecKey *xmlsec_key(const struct mint_key *k)
{
    xmlSecKey *key = xmlSecKeyCreate();
    xmlSecKeyData *data;

    if (!key || !EVP_PKEY_up_ref(k->pkey)) {
        xmlSecKeyDestroy(key);
        return NULL;
    }
    data = xmlSecOpenSSLEvpKeyAdopt(k->pkey);
    if (!data) {
        EVP_PKEY_free(k->pkey);
        xmlSecKeyDestroy(key);
        return NULL;
    }
    if (xmlSecKeySetValue(key, data) < 0) {
        xmlSecKeyDataDestroy(data);
        xmlSecKeyDestroy(key);
        return NULL;
    }
    return key;
}

static bool sign_element(xmlDoc *doc, xmlNode *element, const struct mint_key *k)
{
    xmlNode *signature = child(element, "Signature");
    xmlSecDSigCtx *ctx;
    bool ok = false;

    if (!signature)
        return true; /* nothing to do */
    ctx = xmlSecDSigCtxCreate(NULL);
    if (!ctx)
        return false;
    ctx->enabledReferenceUris = xmlSecTransformUriTypeSameDocument;
    ctx->signKey = xmlsec_key(k); /* owned by ctx */
    if (ctx->signKey && register_id(doc, element))
        ok = xmlSecDSigCtxSign(ctx, signature) == 0 && ctx->status == xmlSecDSigStatusSucceeded;
    xmlSecDSigCtxDestroy(ctx);
    return ok;
}

int mint_sign(struct slice xml, const struct mint_key *k, struct buf *out, struct err *e)
{
    xmlDoc *doc = xmlReadMemory(xml.p, (int)xml.n, "response.xml", "UTF-8", XML_PARSE_NONET | XML_PARSE_NOERROR);
    xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
    xmlBuffer *text = xmlBufferCreate();
    int columns = xmlSecBase64GetDefaultLineSize();
    int r = -1;

    if (!root || !text) {
        (void)err_set(e, ERR_INTERNAL, "the Response is not well-formed XML: text that is not UTF-8?");
        goto out;
    }
    xmlSecBase64SetDefaultLineSize(0); /* Entra does not break lines */
    if (!sign_element(doc, child(root, "Assertion"), k) || !sign_element(doc, root, k)) {
        (void)err_set(e, ERR_INTERNAL, "xmlsec did not sign the Response");
        goto out;
    }
    if (xmlNodeDump(text, doc, root, 0, 0) < 0) {
        (void)err_set(e, ERR_INTERNAL, "the Response could not be written");
        goto out;
    }
    buf_add(out, xmlBufferContent(text), (size_t)xmlBufferLength(text));
    r = 0;
out:
    xmlSecBase64SetDefaultLineSize(columns);
    xmlBufferFree(text);
    xmlFreeDoc(doc);
    return r;
}
