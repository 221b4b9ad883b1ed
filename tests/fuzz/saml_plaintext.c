/*
 * Fuzzes what comes out of decryption, which is as hostile as what comes in: the input is encrypted (AES-GCM, a fixed
 * content key) and put into a Response, so that it goes through the worker's second round as it is. The first octet
 * says which namespaces are in scope there.
 */
#include <stdint.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "base/encode.h"
#include "saml/recheck.h"
#include "tests/fuzz/saml_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define XENC "http://www.w3.org/2001/04/xmlenc#"

/* IV (zeros), ciphertext, tag. */
static void encrypt(struct slice plain, const unsigned char key[16], struct buf *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char *p = calloc(1, plain.n + 28);
    int n = 0, m = 0;

    if (!ctx || !p || EVP_EncryptInit_ex2(ctx, EVP_aes_128_gcm(), key, p, NULL) != 1 ||
        EVP_EncryptUpdate(ctx, p + 12, &n, (const unsigned char *)plain.p, (int)plain.n) != 1 ||
        EVP_EncryptFinal_ex(ctx, p + 12 + n, &m) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, p + 12 + plain.n) != 1)
        abort();
    base64_encode(out, p, plain.n + 28);
    free(p);
    EVP_CIPHER_CTX_free(ctx);
}

static void response(struct slice plain, unsigned scope, const unsigned char key[16], struct buf *out)
{
    buf_add_str(out, "<p:Response xmlns:p=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"_r\" Version=\"2.0\"");
    if (scope & 1)
        buf_add_str(out, " xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"");
    if (scope & 2)
        buf_add_str(out, " xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" xmlns:x=\"urn:a?b&amp;c\"");
    buf_add_str(out, "><p:Status><p:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></p:Status>"
                     "<saml:EncryptedAssertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"");
    if (scope & 4)
        buf_add_str(out, " xmlns=\"\"");
    buf_add_str(out, "><e:EncryptedData xmlns:e=\"" XENC "\"><e:EncryptionMethod "
                     "Algorithm=\"http://www.w3.org/2009/xmlenc11#aes128-gcm\"/><e:CipherData><e:CipherValue>");
    encrypt(plain, key, out);
    buf_add_str(out, "</e:CipherValue></e:CipherData></e:EncryptedData><e:EncryptedKey xmlns:e=\"" XENC
                     "\"><e:EncryptionMethod Algorithm=\"" XENC "rsa-oaep-mgf1p\"/><e:CipherData><e:CipherValue>AAAA"
                     "</e:CipherValue></e:CipherData></e:EncryptedKey></saml:EncryptedAssertion></p:Response>");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char key[16] = {1, 2, 3};
    static struct saml_trust trust;
    const struct saml_trust *one = &trust;
    struct saml_verify_request rq = {
        .message = SAML_MESSAGE_RESPONSE, .trusts = &one, .ntrusts = 1, .content_key = slice_make(key, sizeof key)};
    struct saml_signer signers[2];
    struct saml_signed s;
    struct err e = ERR_INIT;
    struct arena a;
    struct buf xml;

    if (trust.nkeys == 0 && (saml_init(&e) != 0 || saml_trust_add_pem(&trust, SLICE(SAML_FUZZ_KEY), &e) != 0))
        abort();
    if (size == 0)
        return 0;
    buf_init(&xml, 2 * size + 64 * 1024);
    response(slice_make(data + 1, size - 1), data[0], key, &xml);
    arena_init(&a, 8 * xml.len + 256 * 1024);
    rq.xml = buf_slice(&xml);
    if (buf_failed(&xml))
        abort();
    if (saml_verify_message(&rq, &a, &s, &e) == 0) {
        if (s.nsig != 1 || s.sig[0].what != SAML_ASSERTION || s.wrapped.cipher.p ||
            saml_recheck(&s, &trust, 0, signers, &e) != 0)
            abort();
    } else if (e.code == ERR_NONE || e.code == ERR_INTERNAL) {
        abort();
    }
    arena_free(&a);
    buf_free(&xml);
    return 0;
}
