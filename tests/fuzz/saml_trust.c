/*
 * Fuzzes saml/trust.h: PEM text or metadata as in a file; or DER, which begins with the octet of a SEQUENCE, as a
 * certificate and as a bare key. What is added is ready for use: copies and the worker's table hold the same keys, and
 * none is added twice.
 */
#include "saml/algorithm.h"
#include "saml/wire.h"
#include "tests/fuzz/saml_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_key(const struct saml_key *k)
{
    const struct digest_algorithm *sha256;
    unsigned char digest[SAML_DIGEST_MAX];
    struct err e = ERR_INIT;

    must(digest_algorithm_find(SLICE("http://www.w3.org/2001/04/xmlenc#sha256"), 0, &sha256, &e) == 0);
    must(digest_compute(sha256, k->spki, digest) && memcmp(digest, k->sha256, sizeof k->sha256) == 0);
    must(k->type == SAML_KEY_RSA ? k->bits > 0 && k->bits <= 16384
                                 : k->type == SAML_KEY_EC && (k->bits == 256 || k->bits == 384 || k->bits == 521));
    must(k->pkey && signature_size(k) > 0 && signature_size(k) <= SAML_SIGNATURE_MAX);
    for (const char *p = k->subject; *p; p++)
        must(*p >= ' ' && *p < 0x7f);
}

static bool same_keys(const struct saml_trust *a, const struct saml_trust *b)
{
    for (size_t i = 0; i < a->nkeys && i < b->nkeys; i++) {
        if (!slice_eq(a->keys[i].spki, b->keys[i].spki) ||
            memcmp(a->keys[i].sha256, b->keys[i].sha256, sizeof a->keys[i].sha256) != 0)
            return false;
    }
    return a->nkeys == b->nkeys;
}

/* The worker's table is made of it, and has the same keys. */
static void check_wire(const struct saml_trust *t)
{
    static struct wire_trusts trusts;
    struct err e = ERR_INIT;
    struct wire_frame f;
    struct buf out;
    size_t used;

    buf_init(&out, 1 << 20);
    wire_put_trusts(&out, &t, 1);
    if (!buf_failed(&out)) {
        must(wire_next(buf_slice(&out), &f, &used, &e) == 1 && wire_get_trusts(f.payload, &trusts, &e) == 0);
        must(trusts.n == 1 && same_keys(t, &trusts.v[0]));
        wire_trusts_free(&trusts);
    }
    buf_free(&out);
}

static void check_trust(struct saml_trust *t)
{
    struct saml_trust copy;
    struct err e = ERR_INIT;

    must(t->nkeys <= SAML_KEYS_MAX);
    for (size_t i = 0; i < t->nkeys; i++)
        check_key(&t->keys[i]);
    must(saml_trust_copy(&copy, t, &e) == 0 && same_keys(&copy, t));
    must(!t->issuer == !copy.issuer && (!t->issuer || strcmp(t->issuer, copy.issuer) == 0));
    for (size_t i = 0; i < t->nkeys; i++) /* it is there already */
        must(saml_trust_add_spki(&copy, t->keys[i].spki, &e) == 0 && copy.nkeys == t->nkeys);
    check_wire(t);
    while (copy.nkeys > 0) {
        saml_trust_drop_key(&copy, 0);
        must(copy.nkeys == 0 || slice_eq(copy.keys[0].spki, t->keys[t->nkeys - copy.nkeys].spki));
    }
    saml_trust_free(&copy);
}

static void der(struct slice text)
{
    struct saml_trust t;
    struct err e = ERR_INIT;

    saml_trust_init(&t);
    if (saml_trust_add_cert(&t, text, &e) != 0)
        must_blame_input(&e);
    err_clear(&e);
    if (saml_trust_add_spki(&t, text, &e) != 0)
        must_blame_input(&e);
    check_trust(&t);
    saml_trust_free(&t);
}

static void file(struct slice text)
{
    struct saml_trust t;
    struct err e = ERR_INIT;
    size_t before;

    saml_trust_init(&t);
    if (saml_trust_add_file(&t, text, NULL, &e) == 0) {
        must(t.nkeys > 0);
        before = t.nkeys;
        must(saml_trust_add_file(&t, text, t.issuer, &e) == 0 && t.nkeys == before);
    } else {
        must_blame_input(&e);
    }
    check_trust(&t); /* after an error too: some of the keys may be there */
    saml_trust_free(&t);
}

/* The names of exceptions, one a line. */
static void exceptions(struct slice names)
{
    char text[64];
    struct slice name;
    unsigned allow = 0, again = 0;

    while (slice_split(&names, '\n', &name))
        allow |= saml_allow_by_name(name);
    saml_allow_print(allow, text, sizeof text);
    names = slice_of(text);
    while (slice_split(&names, ',', &name))
        again |= saml_allow_by_name(slice_trim(name));
    must(again == allow && (allow != 0 || strcmp(text, "-") == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make(data, size);
    struct err e = ERR_INIT;

    must(saml_init(&e) == 0);
    exceptions(text);
    if (size > 0 && data[0] == 0x30)
        der(text);
    else
        file(text);
    return 0;
}
