/* Metadata through the worker's half: what is signed by whom, and the canonical bytes that are read afterwards. */
#include "saml/metadata.h"

#include "tests/unit/saml/verify_rig.h"

#define MD "urn:oasis:names:tc:SAML:2.0:metadata"

static char *document; /* one entity with the ID "_md" and the certificate of `pinned` */

static int set_up(void **state)
{
    char *pem;
    struct buf b;

    if (verify_setup(state) != 0)
        return -1;
    pem = sign_cert_pem(pinned, "idp");
    buf_init(&b, 1 << 16);
    buf_printf(&b,
               "<md:EntityDescriptor xmlns:md=\"" MD "\" ID=\"_md\" entityID=\"urn:idp\"><md:Extensions/>"
               "<!-- a comment --><md:IDPSSODescriptor protocolSupportEnumeration=\""
               "urn:oasis:names:tc:SAML:2.0:protocol\"><md:KeyDescriptor><KeyInfo xmlns=\"" SIGN_DSIG
               "\"><X509Data><X509Certificate>%.*s</X509Certificate></X509Data></KeyInfo></md:KeyDescriptor>"
               "</md:IDPSSODescriptor></md:EntityDescriptor>",
               (int)(strstr(pem, "-----END") - strchr(pem, '\n')), strchr(pem, '\n'));
    document = strdup(buf_cstr(&b));
    buf_free(&b);
    free(pem);
    return 0;
}

static int tear_down(void **state)
{
    free(document);
    return verify_teardown(state);
}

/* The worker's verdict; `signer` NULL: nobody's signature is asked for. */
static int verify_md(const char *xml, EVP_PKEY *signer, struct arena *a, struct saml_signed *s, struct err *e)
{
    struct saml_trust trust;
    const struct saml_trust *one = &trust;
    struct saml_signer signers[2];
    struct saml_verify_request rq = {
        .message = SAML_MESSAGE_METADATA, .xml = slice_of(xml), .trusts = &one, .ntrusts = signer ? 1 : 0};
    int r;

    saml_trust_init(&trust);
    if (signer)
        sign_trust(&trust, signer);
    arena_init(a, 1 << 24);
    r = saml_verify_message(&rq, a, s, e);
    if (r == 0 && signer) {
        assert_int_equal(s->nsig, 1);
        assert_int_equal(s->sig[0].what, SAML_METADATA);
        assert_ok(saml_recheck(s, &trust, 0, signers, e), e);
    }
    saml_trust_free(&trust);
    if (r != 0)
        arena_free(a);
    return r;
}

static void reads(struct slice bytes)
{
    struct err e = ERR_INIT;
    struct saml_trust t;

    saml_trust_init(&t);
    assert_ok(saml_metadata_read(bytes, "urn:idp", &t, &e), &e);
    assert_int_equal(t.nkeys, 1);
    saml_trust_free(&t);
}

static void unsigned_document(void **state)
{
    struct err e = ERR_INIT;
    struct saml_signed s;
    struct arena a;

    (void)state;
    assert_ok(verify_md(document, NULL, &a, &s, &e), &e);
    assert_int_equal(s.nsig, 0);
    assert_int_equal(s.plain_what, SAML_METADATA);
    assert_null(memmem(s.plain.p, s.plain.n, "comment", 7));
    reads(s.plain);
    arena_free(&a);
    /* a Signature that nobody asked for is no reason to refuse */
    assert_ok(verify_md("<?xml-stylesheet href=\"x\"?><EntitiesDescriptor xmlns=\"" MD
                        "\"><Signature xmlns=\"" SIGN_DSIG "\"/></EntitiesDescriptor>",
                        NULL, &a, &s, &e),
              &e);
    arena_free(&a);
    assert_err(verify_md("<Response/>", NULL, &a, &s, &e), &e, "metadata-invalid");
    assert_err(verify_md("<EntityDescriptor xmlns=\"" MD "\">&x;</EntityDescriptor>", NULL, &a, &s, &e), &e,
               "xml-syntax");
    /* canonicalization fails on it and must not fail unnoticed */
    assert_err(verify_md("<EntityDescriptor xmlns=\"" MD "\" xmlns:r=\"relative\" r:x=\"\"/>", NULL, &a, &s, &e), &e,
               "xml-syntax");
}

static void signed_document(void **state)
{
    struct sign_options o = {.key = pinned};
    char *xml = sign_element(document, "_md", &o), *changed;
    struct err e = ERR_INIT;
    struct saml_signed s;
    struct arena a;

    (void)state;
    assert_ok(verify_md(xml, pinned, &a, &s, &e), &e);
    reads(s.sig[0].element);
    arena_free(&a);
    assert_err(verify_md(xml, attacker, &a, &s, &e), &e, "signature-invalid");
    changed = sign_replace(xml, "urn:idp", "urn:idx");
    assert_err(verify_md(changed, pinned, &a, &s, &e), &e, "signature-invalid");
    free(changed);
    assert_err(verify_md(document, pinned, &a, &s, &e), &e, "signature-missing");
    changed = sign_replace(xml, " ID=\"_md\"", "");
    assert_err(verify_md(changed, pinned, &a, &s, &e), &e, "xml-id");
    free(changed);
    changed = sign_replace(xml, "<md:Extensions/>", "<Signature xmlns=\"" SIGN_DSIG "\"/>");
    assert_err(verify_md(changed, pinned, &a, &s, &e), &e, "signature-shape");
    free(changed);
    free(xml);
}

/* Wrapping: the signed entity moved into an aggregate, another beside it. */
static void only_the_root(void **state)
{
    struct sign_options o = {.key = pinned};
    char *xml = sign_element(document, "_md", &o), *wrapped;
    struct err e = ERR_INIT;
    struct saml_signed s;
    struct arena a;

    (void)state;
    wrapped = sign_printf("<EntitiesDescriptor xmlns=\"" MD "\" ID=\"_x\">%s</EntitiesDescriptor>", xml);
    assert_err(verify_md(wrapped, pinned, &a, &s, &e), &e, "signature-missing");
    free(wrapped);
    /* the Signature lifted to the new root refers to an element within */
    wrapped = sign_printf("<EntitiesDescriptor xmlns=\"" MD "\" ID=\"_x\">%.*s%s</EntitiesDescriptor>",
                          (int)(strstr(xml, "</Signature>") + 12 - strstr(xml, "<Signature")),
                          strstr(xml, "<Signature"), xml);
    assert_err(verify_md(wrapped, pinned, &a, &s, &e), &e, "signature-shape");
    free(wrapped);
    free(xml);
}

/* A worker that lies: the router's own check has the last word. */
static void recheck(void **state)
{
    struct sign_options o = {.key = pinned};
    char *xml = sign_element(document, "_md", &o);
    struct saml_signer signers[2];
    struct err e = ERR_INIT;
    struct saml_trust trust;
    struct saml_signed s, lie;
    struct arena a;

    (void)state;
    assert_ok(verify_md(xml, pinned, &a, &s, &e), &e);
    saml_trust_init(&trust);
    sign_trust(&trust, pinned);
    lie = s;
    lie.sig[0].what = SAML_ASSERTION;
    assert_err(saml_recheck(&lie, &trust, 0, signers, &e), &e, "recheck-failed");
    lie = s;
    lie.sig[0].element.n--;
    assert_err(saml_recheck(&lie, &trust, 0, signers, &e), &e, "recheck-failed");
    lie = s;
    lie.sig[1] = s.sig[0];
    lie.nsig = 2;
    assert_err(saml_recheck(&lie, &trust, 0, signers, &e), &e, "recheck-failed");
    saml_trust_free(&trust);
    arena_free(&a);
    free(xml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsigned_document),
        cmocka_unit_test(signed_document),
        cmocka_unit_test(only_the_root),
        cmocka_unit_test(recheck),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
