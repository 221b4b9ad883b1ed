/* mint_sign.c - see mint_sign.h. */
#include "lab/mint_sign.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/c14n.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/encode.h"
#include "base/secret.h"
#include "lab/mint_fill.h"

#define DSIG_NS "http://www.w3.org/2000/09/xmldsig#"
#define DSIG_MORE "http://www.w3.org/2001/04/xmldsig-more#"
#define EXC_C14N "http://www.w3.org/2001/10/xml-exc-c14n#"
#define PEM_FILE_MAX (64 * 1024)
#define SIGNED_MAX (16 * 1024 * 1024)

struct mint_key {
    EVP_PKEY *pkey;
    struct buf cert; /* base64 of DER */
};

static const struct algorithm {
    const char *name;
    int key_type;
    const char *signature, *digest, *md; /* two URIs, and OpenSSL's name */
} algorithms[] = {
    {"rsa-sha256", EVP_PKEY_RSA, DSIG_MORE "rsa-sha256", "http://www.w3.org/2001/04/xmlenc#sha256", "SHA256"},
    {"rsa-sha384", EVP_PKEY_RSA, DSIG_MORE "rsa-sha384", DSIG_MORE "sha384", "SHA384"},
    {"rsa-sha512", EVP_PKEY_RSA, DSIG_MORE "rsa-sha512", "http://www.w3.org/2001/04/xmlenc#sha512", "SHA512"},
    {"rsa-sha1", EVP_PKEY_RSA, DSIG_NS "rsa-sha1", DSIG_NS "sha1", "SHA1"},
    {"ecdsa-sha256", EVP_PKEY_EC, DSIG_MORE "ecdsa-sha256", "http://www.w3.org/2001/04/xmlenc#sha256", "SHA256"},
    {"ecdsa-sha384", EVP_PKEY_EC, DSIG_MORE "ecdsa-sha384", DSIG_MORE "sha384", "SHA384"},
    {"ecdsa-sha512", EVP_PKEY_EC, DSIG_MORE "ecdsa-sha512", "http://www.w3.org/2001/04/xmlenc#sha512", "SHA512"},
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

void *mint_key_pkey(const struct mint_key *k)
{
    return k->pkey;
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

/* The one that the template names. */
static const struct algorithm *algorithm_of(xmlNode *info)
{
    xmlNode *method = child(info, "SignatureMethod");
    xmlChar *uri = method ? xmlGetNoNsProp(method, (const xmlChar *)"Algorithm") : NULL;
    const struct algorithm *found = NULL;

    for (size_t i = 0; uri && i < NALGORITHMS; i++) {
        if (strcmp((const char *)uri, algorithms[i].signature) == 0)
            found = &algorithms[i];
    }
    xmlFree(uri);
    return found;
}

static int is_below(void *top, xmlNode *node, xmlNode *parent)
{
    const xmlNode *n = node && node->type == XML_ELEMENT_NODE ? node : parent;

    while (n && n != top)
        n = n->parent;
    return n == top;
}

/* The element and all below it, exclusively canonicalized. */
static bool canonical(xmlNode *element, struct buf *out)
{
    xmlOutputBuffer *text = xmlAllocOutputBuffer(NULL);
    bool ok = text && xmlC14NExecute(element->doc, is_below, element, XML_C14N_EXCLUSIVE_1_0, NULL, 0, text) >= 0;

    if (ok)
        buf_add(out, xmlOutputBufferGetContent(text), xmlOutputBufferGetSize(text));
    if (text)
        (void)xmlOutputBufferClose(text);
    return ok && !buf_failed(out);
}

static bool set_base64(xmlNode *node, const void *data, size_t n)
{
    struct buf text;
    bool ok;

    buf_init(&text, PEM_FILE_MAX);
    base64_encode(&text, data, n);
    ok = node && !buf_failed(&text);
    if (ok)
        xmlNodeSetContent(node, (const xmlChar *)buf_cstr(&text));
    buf_free(&text);
    return ok;
}

/* XML-DSig writes ECDSA signatures as r||s, each as wide as the curve. */
static bool raw_ecdsa(const EVP_PKEY *pkey, struct buf *signature)
{
    const unsigned char *p = (const unsigned char *)signature->data;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)signature->len);
    int half = (EVP_PKEY_get_bits(pkey) + 7) / 8;
    unsigned char raw[2 * 66]; /* P-521 */
    bool ok = sig && half <= 66 && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, half) == half &&
              BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + half, half) == half;

    ECDSA_SIG_free(sig);
    buf_reset(signature);
    if (ok)
        buf_add(signature, raw, (size_t)(2 * half));
    return ok && !buf_failed(signature);
}

static bool sign_octets(const struct algorithm *a, EVP_PKEY *pkey, struct slice data, struct buf *ret)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t n = (size_t)EVP_PKEY_get_size(pkey);
    char *to = buf_room(ret, n);
    bool ok = ctx && to && EVP_DigestSignInit_ex(ctx, NULL, a->md, NULL, NULL, pkey, NULL) == 1 &&
              EVP_DigestSign(ctx, (unsigned char *)to, &n, (const unsigned char *)data.p, data.n) == 1;

    EVP_MD_CTX_free(ctx);
    ret->len = ok ? n : 0;
    return ok && (a->key_type != EVP_PKEY_EC || raw_ecdsa(pkey, ret));
}

/*
 * Fills in the template: DigestValue over the element without its Signature, SignatureValue over SignedInfo. With
 * libxml2 and OpenSSL alone: what signs is not what verifies, which is xmlsec, and in this process cannot sign.
 */
static bool sign_element(xmlNode *element, const struct mint_key *k)
{
    xmlNode *signature = child(element, "Signature"), *info = child(signature, "SignedInfo");
    xmlNode *after = signature ? signature->next : NULL, *reference = child(info, "Reference");
    const struct algorithm *a;
    unsigned char digest[EVP_MAX_MD_SIZE];
    struct buf octets, value;
    size_t n = 0;
    bool ok = false;

    if (!signature)
        return true; /* nothing to do */
    buf_init(&octets, SIGNED_MAX);
    buf_init(&value, PEM_FILE_MAX);
    a = algorithm_of(info);
    if (!a || !reference)
        goto out;
    xmlUnlinkNode(signature);
    ok = canonical(element, &octets);
    if (!(after ? xmlAddPrevSibling(after, signature) : xmlAddChild(element, signature)))
        ok = false;
    ok = ok && EVP_Q_digest(NULL, a->md, NULL, octets.data, octets.len, digest, &n) == 1 &&
         set_base64(child(reference, "DigestValue"), digest, n);
    buf_reset(&octets);
    ok = ok && canonical(info, &octets) && sign_octets(a, k->pkey, buf_slice(&octets), &value) &&
         set_base64(child(signature, "SignatureValue"), value.data, value.len);
out:
    buf_free(&octets);
    buf_free(&value);
    return ok;
}

int mint_sign(struct slice xml, const struct mint_key *k, struct buf *out, struct err *e)
{
    xmlDoc *doc = xmlReadMemory(xml.p, (int)xml.n, "response.xml", "UTF-8", XML_PARSE_NONET | XML_PARSE_NOERROR);
    xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
    xmlBuffer *text = xmlBufferCreate();
    int r = -1;

    if (!root || !text) {
        (void)err_set(e, ERR_INTERNAL, "the Response is not well-formed XML: text that is not UTF-8?");
        goto out;
    }
    if (!sign_element(child(root, "Assertion"), k) || !sign_element(root, k)) {
        (void)err_set(e, ERR_INTERNAL, "the Response could not be signed");
        goto out;
    }
    if (xmlNodeDump(text, doc, root, 0, 0) < 0) {
        (void)err_set(e, ERR_INTERNAL, "the Response could not be written");
        goto out;
    }
    buf_add(out, xmlBufferContent(text), (size_t)xmlBufferLength(text));
    r = 0;
out:
    xmlBufferFree(text);
    xmlFreeDoc(doc);
    return r;
}
