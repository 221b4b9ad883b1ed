/*
 * Fuzzes the reading of this service provider's private keys: PEM text, once as it is needed to serve and once as it is
 * enough to decrypt. What is added can do both, and is in the metadata that is written of it.
 */
#include "base/encode.h"
#include "saml/inspect.h"
#include "saml/redirect.h"
#include "saml/sp_metadata.h"
#include "tests/fuzz/saml_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The metadata is XML of the one kind, and holds every certificate. */
static void check_metadata(const struct saml_sp_keys *keys, bool slo)
{
    struct saml_sp_metadata m = {.entity_id = RIG_AUDIENCE "?a=\"1\"&b=<2>",
                                 .acs_url = RIG_ACS,
                                 .slo_url = slo ? "https://sp.example/slo" : NULL,
                                 .keys = keys,
                                 .requests_signed = slo};
    struct saml_inspection in;
    struct err e = ERR_INIT;
    struct buf xml, cert;
    struct arena a;

    arena_init(&a, SAML_ARENA_MAX);
    buf_init(&xml, SAML_XML_MAX);
    buf_init(&cert, SAML_XML_MAX);
    saml_sp_metadata_write(&m, &xml);
    must(!buf_failed(&xml) && saml_inspect(buf_slice(&xml), &a, &in, &e) == 0);
    must(slice_is(in.root, "EntityDescriptor"));
    for (size_t i = 0; i < keys->n && keys->v[i].certificate.n; i++) {
        base64_encode(&cert, keys->v[i].certificate.p, keys->v[i].certificate.n);
        must(memmem(xml.data, xml.len, buf_cstr(&cert), cert.len) != NULL);
        buf_reset(&cert);
    }
    buf_free(&cert);
    buf_free(&xml);
    arena_free(&a);
}

static void read_keys(struct slice pem, bool certificate_needed)
{
    struct saml_sp_keys keys = {.n = 0};
    struct err e = ERR_INIT;
    struct buf signature;

    if (saml_sp_keys_add_pem(&keys, pem, certificate_needed, &e) == 0) {
        must(keys.n == 1 && keys.v[0].pkey && (keys.v[0].certificate.n > 0 || !certificate_needed));
        buf_init(&signature, 1 << 16);
        must(redirect_sign(&keys.v[0], SLICE("SAMLRequest=a"), &signature, &e) == 0 && signature.len > 0);
        buf_free(&signature);
        if (certificate_needed) {
            check_metadata(&keys, false);
            check_metadata(&keys, true);
        }
        /* once more would be a mistake */
        must(saml_sp_keys_add_pem(&keys, pem, certificate_needed, &e) == -1 && e.code == ERR_KEY_FILE && keys.n == 1);
    } else {
        must_blame_input(&e);
        must(keys.n == 0);
    }
    saml_sp_keys_free(&keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = ERR_INIT;

    must(saml_init(&e) == 0);
    read_keys(slice_make(data, size), true);
    read_keys(slice_make(data, size), false);
    return 0;
}
