/*
 * Fuzzes everything behind the signature as if signatures were always true: the input is a message whose Signature
 * elements are templates (no digest, no value); it is genuinely signed, with a P-256 key made at start or the RSA key
 * of saml_key.h, whichever its algorithm asks for, and then judged. So mutations reach canonicalization, recheck, the
 * strict reader and the conditions instead of failing at a digest.
 *
 * An octet in front of the '<' chooses exceptions and expectations (saml_rig.h) and the kind of message. What comes out
 * is compared with what was signed: both halves must agree that the signature holds, whenever the document has the one
 * accepted form.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/secret.h"
#include "lab/mint_fill.h"
#include "lab/mint_sign.h"
#include "saml/logout.h"
#include "saml/metadata.h"
#include "saml/token.h"
#include "tests/fuzz/saml_rig.h"

#define LOGOUT 64U
#define METADATA 128U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mint_key *rsa, *ec;

/* The P-256 key signs fast; the trust gets to know it. */
static void make_keys(void)
{
    EVP_PKEY *fast = EVP_EC_gen("P-256");
    BIO *bio = BIO_new_mem_buf(SAML_FUZZ_PRIVATE, -1);
    EVP_PKEY *known = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    struct err e = ERR_INIT;
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(fast, &der);

    must(fast && known && n > 0 && secret_init(&e) == 0);
    must(saml_trust_add_spki(rig_trust(), slice_make(der, (size_t)n), &e) == 0);
    must(mint_key_adopt(fast, SLICE(""), &ec, &e) == 0 && mint_key_adopt(known, SLICE(""), &rsa, &e) == 0);
    OPENSSL_free(der);
    BIO_free(bio);
}

/* The form is right and the digests were made for it: what a router refuses then is content, never the signature. */
static void must_blame_content(const struct err *e)
{
    must_blame_input(e);
    must(e->code != ERR_SIGNATURE && e->code != ERR_RECHECK);
}

static void judge(const struct saml_signed *s, unsigned flags, struct arena *a)
{
    struct saml_expect x = rig_expect(flags);
    static struct saml_verdict v;
    struct err e = ERR_INIT;
    int rc = saml_judge_signed(s, rig_trust(), rig_sp_keys(), flags & RIG_ALLOW_ALL, &x, a, &v, &e);

    rig_check_verdict(rc, &v, &x, &e);
    if (rc != 0)
        must(e.code != ERR_SIGNATURE);
}

static void logout(const struct saml_signed *s, unsigned flags, struct arena *a)
{
    struct saml_logout_expect x = {
        .issuer = SLICE(RIG_ISSUER), .destination = SLICE(RIG_ACS), .in_response_to = SLICE("id1"), .now = RIG_NOW};
    struct err e = ERR_INIT;
    struct saml_logout l;

    if (saml_logout_signed(s, rig_trust(), flags & RIG_ALLOW_ALL, NULL, a, &l, &e) != 0) {
        must_blame_content(&e);
        return;
    }
    must(l.is_signed == (s->nsig == 1) && token_is_ncname(l.id) && (l.is_response ? l.status_code : l.name_id).n > 0);
    if (saml_logout_check(&l, &x, &e) != 0)
        must_blame_content(&e);
}

static void metadata(const struct saml_signed *s, unsigned flags)
{
    struct saml_signer signers[2];
    struct err e = ERR_INIT;
    struct saml_trust t;

    must(s->nsig == 1 && saml_recheck(s, rig_trust(), flags & RIG_ALLOW_ALL, signers, &e) == 0);
    saml_trust_init(&t);
    if (saml_metadata_read(s->sig[0].element, NULL, &t, &e) != 0)
        must_blame_content(&e);
    saml_trust_free(&t);
}

static void verify(struct slice xml, unsigned flags)
{
    const struct saml_trust *trust = rig_trust();
    struct saml_verify_request rq = {.message = SAML_MESSAGE_RESPONSE, .xml = xml, .trusts = &trust, .ntrusts = 1};
    struct err e = ERR_INIT;
    struct saml_signed s;
    struct arena a;

    arena_init(&a, SAML_ARENA_MAX);
    rig_trust()->allow = flags & RIG_ALLOW_ALL;
    if (flags & METADATA) {
        rq.message = SAML_MESSAGE_METADATA;
    } else if (flags & LOGOUT) {
        rq.message = SAML_MESSAGE_LOGOUT;
        rq.by_issuer = true;
    }
    if (saml_verify_message(&rq, &a, &s, &e) != 0)
        must_blame_input(&e);
    else if (rq.message == SAML_MESSAGE_METADATA)
        metadata(&s, flags);
    else if (rq.message == SAML_MESSAGE_LOGOUT)
        logout(&s, flags, &a);
    else if (!s.wrapped.cipher.p)
        judge(&s, flags, &a);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char rsa_method[] = "#rsa-sha";
    unsigned flags = 0;
    struct err e = ERR_INIT;
    struct buf xml;

    if (!rsa)
        make_keys();
    if (size > 64 * 1024)
        return 0;
    if (size > 0 && data[0] != '<') {
        flags = data[0];
        data++;
        size--;
    }
    buf_init(&xml, MINT_XML_MAX);
    if (mint_sign(slice_make(data, size), memmem(data, size, rsa_method, sizeof rsa_method - 1) ? rsa : ec, &xml, &e) ==
        0)
        verify(buf_slice(&xml), flags);
    buf_free(&xml);
    return 0;
}
