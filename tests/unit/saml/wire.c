/* Unit tests of saml/wire.h: what is written is read back whole, and nothing else is read at all. */
#include "tests/unit/unit.h"

#include "saml/wire.h"
#include "tests/unit/saml/sign.h"

static EVP_PKEY *rsa, *ec;
static struct buf out;
static struct err e = ERR_INIT;

/* The one frame in `out`; its payload. */
static struct slice the_frame(enum wire_type type, uint64_t id)
{
    struct wire_frame f;
    size_t used = 0;

    assert_false(buf_failed(&out));
    assert_int_equal(wire_next(buf_slice(&out), &f, &used, &e), 1);
    assert_int_equal(used, out.len);
    assert_int_equal(f.type, type);
    assert_int_equal(f.id, id);
    return f.payload;
}

static void assert_slice(struct slice s, const char *text)
{
    if (!text) {
        assert_null(s.p);
        return;
    }
    assert_non_null(s.p);
    assert_int_equal(s.n, strlen(text));
    assert_memory_equal(s.p, text, s.n);
}

/* --- frames ------------------------------------------------------------------------------------------------------- */

static void a_frame_is_taken_when_it_is_whole(void **state)
{
    struct wire_frame f;
    size_t used = 0;

    (void)state;
    buf_reset(&out);
    wire_put_inspect(&out, 7, SLICE("<a/>"));
    wire_put_inspect(&out, 0xfedcba9876543210, SLICE("<b/>"));
    for (size_t n = 0; n < out.len / 2; n++)
        assert_int_equal(wire_next(slice_make(out.data, n), &f, &used, &e), 0);
    assert_int_equal(wire_next(buf_slice(&out), &f, &used, &e), 1);
    assert_int_equal(f.id, 7);
    assert_int_equal(used, out.len / 2);
    assert_int_equal(wire_next(slice_make(out.data + used, out.len - used), &f, &used, &e), 1);
    assert_true(f.id == 0xfedcba9876543210);
}

static void a_bad_header_is_refused_at_once(void **state)
{
    static const unsigned char bad[][WIRE_HEADER_SIZE] = {
        {0, 0, 0, 0, 0},             /* no type */
        {0, 0, 0, 0, 4},             /* between the two ranges */
        {0, 0, 0, 0, 15},            /* just below the second */
        {0, 0, 0, 0, 19},            /* past the last */
        {0, 0, 0, 0, 255},           /* far past it */
        {0, 0, 0, 0, 1, 1},          /* not zero */
        {0, 0, 0, 0, 1, 0, 0, 0x80}, /* not zero */
        {1, 0, 0x80, 2, 2},          /* 40 MiB and one octet */
        {0xff, 0xff, 0xff, 0xff, 2}, /* 4 GiB */
    };
    struct wire_frame f;
    size_t used;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_err(wire_next(slice_make(bad[i], sizeof bad[i]), &f, &used, &e), &e, "worker-protocol");
}

static void what_breaks_a_limit_is_not_written(void **state)
{
    struct saml_signed s = {.nsig = 1, .sig = {{.what = SAML_ASSERTION}}};
    char *big = calloc(1, 70000);
    size_t before;

    (void)state;
    assert_non_null(big);
    buf_reset(&out);
    wire_put_inspect(&out, 1, SLICE("<a/>"));
    before = out.len;
    s.outer.destination = slice_make(big, 70000);
    wire_put_signed(&out, 2, &s);
    assert_true(buf_failed(&out));
    assert_int_equal(out.len, before); /* what stood before it is still whole */
    free(big);
}

/* --- round trips -------------------------------------------------------------------------------------------------- */

static void trusts_come_back(void **state)
{
    struct saml_trust a, b, none;
    const struct saml_trust *all[] = {&a, &none, &b};
    struct wire_trusts *got = calloc(1, sizeof *got);
    struct slice payload;

    (void)state;
    assert_non_null(got);
    saml_trust_init(&a);
    saml_trust_init(&b);
    saml_trust_init(&none);
    sign_trust(&a, rsa);
    sign_trust(&a, ec);
    sign_trust(&b, ec);
    a.issuer = strdup("https://idp.example/");
    b.allow = SAML_ALLOW_SHA1 | SAML_ALLOW_RSA15;
    buf_reset(&out);
    wire_put_trusts(&out, all, 3);
    payload = the_frame(WIRE_TRUSTS, 0);
    assert_ok(wire_get_trusts(payload, got, &e), &e);
    assert_int_equal(got->n, 3);
    assert_string_equal(got->v[0].issuer, "https://idp.example/");
    assert_int_equal(got->v[0].nkeys, 2);
    assert_int_equal(got->v[0].allow, 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(got->v[0].keys[i].type, a.keys[i].type);
        assert_int_equal(got->v[0].keys[i].bits, a.keys[i].bits);
        assert_memory_equal(got->v[0].keys[i].sha256, a.keys[i].sha256, 32);
        assert_int_equal(EVP_PKEY_eq(got->v[0].keys[i].pkey, a.keys[i].pkey), 1);
    }
    assert_int_equal(got->v[1].nkeys, 0);
    assert_null(got->v[1].issuer);
    assert_int_equal(got->v[2].nkeys, 1);
    assert_int_equal(got->v[2].allow, SAML_ALLOW_SHA1 | SAML_ALLOW_RSA15);
    wire_trusts_free(got);
    /* one octet short of any length, or one more, is no table */
    for (size_t n = 0; n < payload.n; n++)
        assert_err(wire_get_trusts(slice_make(payload.p, n), got, &e), &e, "worker-protocol");
    buf_add_char(&out, 0);
    assert_err(wire_get_trusts(slice_make(out.data + WIRE_HEADER_SIZE, payload.n + 1), got, &e), &e, "worker-protocol");
    saml_trust_free(&a);
    saml_trust_free(&b);
    free(got);
}

/* The same key twice would make the numbers of keys differ on the two sides; a key that is none is no table. */
static void a_table_of_bad_keys_is_refused(void **state)
{
    struct wire_trusts *got = calloc(1, sizeof *got);
    struct saml_trust t;
    const struct saml_trust *all[] = {&t};

    (void)state;
    assert_non_null(got);
    saml_trust_init(&t);
    sign_trust(&t, ec);
    t.keys[1] = t.keys[0];
    t.nkeys = 2;
    buf_reset(&out);
    wire_put_trusts(&out, all, 1);
    assert_err(wire_get_trusts(the_frame(WIRE_TRUSTS, 0), got, &e), &e, "worker-protocol");
    t.nkeys = 1;
    buf_reset(&out);
    wire_put_trusts(&out, all, 1);
    out.data[out.len - 1] ^= 1; /* a point that is not on the curve */
    assert_err(wire_get_trusts(the_frame(WIRE_TRUSTS, 0), got, &e), &e, "worker-protocol");
    assert_int_equal(got->n, 0);
    saml_trust_free(&t);
    free(got);
}

static void a_judge_comes_back(void **state)
{
    static const int trusts[] = {WIRE_BY_ISSUER, 0, SAML_TRUSTS_MAX - 1};
    struct wire_judge j = {
        .message = SAML_MESSAGE_RESPONSE, .content_key = SLICE("0123456789abcdef"), .xml = SLICE("<x/>")};
    struct wire_judge got;

    (void)state;
    for (size_t i = 0; i < sizeof trusts / sizeof *trusts; i++) {
        j.trust = trusts[i];
        buf_reset(&out);
        wire_put_judge(&out, 42, &j);
        assert_ok(wire_get_judge(the_frame(WIRE_JUDGE, 42), &got, &e), &e);
        assert_int_equal(got.trust, trusts[i]);
        assert_int_equal(got.message, SAML_MESSAGE_RESPONSE);
        assert_slice(got.content_key, "0123456789abcdef");
        assert_slice(got.xml, "<x/>");
    }
    j = (struct wire_judge){.message = SAML_MESSAGE_METADATA, .trust = WIRE_NO_TRUST};
    buf_reset(&out);
    wire_put_judge(&out, 1, &j);
    assert_ok(wire_get_judge(the_frame(WIRE_JUDGE, 1), &got, &e), &e);
    assert_int_equal(got.trust, WIRE_NO_TRUST);
    assert_slice(got.content_key, "");
    assert_slice(got.xml, "");
}

static void a_judge_out_of_range_is_refused(void **state)
{
    static const struct {
        int message, trust;
        size_t key;
    } bad[] = {
        {0, 0, 0},
        {SAML_MESSAGE_METADATA + 1, 0, 0},
        {SAML_MESSAGE_RESPONSE, WIRE_NO_TRUST, 0}, /* nobody's keys: for metadata alone */
        {SAML_MESSAGE_LOGOUT, WIRE_NO_TRUST, 0},
        {SAML_MESSAGE_RESPONSE, SAML_TRUSTS_MAX, 0},
        {SAML_MESSAGE_RESPONSE, -3, 0},
    };
    struct wire_judge got;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct wire_judge j = {
            .message = (enum saml_message)bad[i].message, .trust = bad[i].trust, .xml = SLICE("<x/>")};

        buf_reset(&out);
        wire_put_judge(&out, 1, &j);
        assert_err(wire_get_judge(the_frame(WIRE_JUDGE, 1), &got, &e), &e, "worker-protocol");
    }
}

static struct saml_signed two_signatures(void)
{
    return (struct saml_signed){
        .nsig = 2,
        .trust = 63,
        .sig = {{SAML_RESPONSE, SLICE("<SignedInfo/>"), SLICE("\x00\x01value"), SLICE("<Response/>")},
                {SAML_ASSERTION, SLICE("<SignedInfo2/>"), SLICE("value2"), SLICE("<Assertion/>")}},
        .outer = {.issuer = SLICE("https://idp.example/"), .destination = SLICE(""), .status_detail = SLICE("why")},
    };
}

static void signatures_come_back(void **state)
{
    struct saml_signed s = two_signatures(), got;
    struct slice payload;

    (void)state;
    buf_reset(&out);
    wire_put_signed(&out, 3, &s);
    payload = the_frame(WIRE_SIGNED, 3);
    assert_ok(wire_get_signed(payload, &got, &e), &e);
    assert_int_equal(got.nsig, 2);
    assert_int_equal(got.trust, 63);
    assert_int_equal(got.sig[0].what, SAML_RESPONSE);
    assert_int_equal(got.sig[0].signature_value.n, 7);
    assert_slice(got.sig[1].signed_info, "<SignedInfo2/>");
    assert_slice(got.sig[1].element, "<Assertion/>");
    assert_slice(got.outer.issuer, "https://idp.example/");
    assert_slice(got.outer.destination, "");
    assert_slice(got.outer.in_response_to, NULL); /* absent stays absent */
    assert_slice(got.outer.status_detail, "why");
    assert_null(got.wrapped.cipher.p);
    for (size_t n = 0; n < payload.n; n++)
        assert_err(wire_get_signed(slice_make(payload.p, n), &got, &e), &e, "worker-protocol");
}

static void a_wrapped_key_comes_back(void **state)
{
    struct saml_signed s = {.trust = 1,
                            .wrapped = {.transport = SAML_TRANSPORT_OAEP,
                                        .digest = SAML_HASH_SHA256,
                                        .mgf = SAML_HASH_SHA1,
                                        .content = SAML_AES128_GCM,
                                        .label = SLICE(""),
                                        .cipher = SLICE("octets")}};
    struct saml_signed got;

    (void)state;
    buf_reset(&out);
    wire_put_signed(&out, 9, &s);
    assert_ok(wire_get_signed(the_frame(WIRE_SIGNED, 9), &got, &e), &e);
    assert_int_equal(got.nsig, 0);
    assert_int_equal(got.wrapped.transport, SAML_TRANSPORT_OAEP);
    assert_int_equal(got.wrapped.digest, SAML_HASH_SHA256);
    assert_int_equal(got.wrapped.mgf, SAML_HASH_SHA1);
    assert_int_equal(got.wrapped.content, SAML_AES128_GCM);
    assert_slice(got.wrapped.cipher, "octets");
}

static void plain_metadata_comes_back(void **state)
{
    struct saml_signed s = {.plain_what = SAML_METADATA, .plain = SLICE("<EntityDescriptor/>")}, got;

    (void)state;
    buf_reset(&out);
    wire_put_signed(&out, 9, &s);
    assert_ok(wire_get_signed(the_frame(WIRE_SIGNED, 9), &got, &e), &e);
    assert_int_equal(got.plain_what, SAML_METADATA);
    assert_slice(got.plain, "<EntityDescriptor/>");
}

/* What no correct worker says. */
static void contradictions_are_refused(void **state)
{
    struct saml_signed cases[9], got;
    size_t n = 0;

    (void)state;
    cases[n++] = (struct saml_signed){.nsig = 0}; /* nothing at all */
    cases[n] = two_signatures();
    cases[n++].plain_what = SAML_RESPONSE; /* signed and unsigned */
    cases[n] = two_signatures();
    cases[n].wrapped = (struct saml_wrapped_key){SAML_TRANSPORT_OAEP, 1, 1, SAML_AES128_GCM, SLICE(""), SLICE("x")};
    n++; /* signed, and nothing verified yet */
    cases[n] = two_signatures();
    cases[n].sig[0].what = SAML_ASSERTION; /* the Response comes first */
    cases[n++].sig[1].what = SAML_RESPONSE;
    cases[n] = two_signatures();
    cases[n++].sig[1].what = SAML_NOTHING;
    cases[n] = two_signatures();
    cases[n++].plain = SLICE("of no kind");
    cases[n++] = (struct saml_signed){.wrapped = {SAML_TRANSPORT_NONE, 1, 1, SAML_AES128_GCM, SLICE(""), SLICE("x")}};
    cases[n++] = (struct saml_signed){.wrapped = {SAML_TRANSPORT_OAEP, 0, 1, SAML_AES128_GCM, SLICE(""), SLICE("x")}};
    cases[n++] = (struct saml_signed){.wrapped = {SAML_TRANSPORT_OAEP, 1, 1, SAML_CIPHER_NONE, SLICE(""), SLICE("x")}};
    assert_int_equal(n, 9);
    for (size_t i = 0; i < n; i++) {
        buf_reset(&out);
        wire_put_signed(&out, 1, &cases[i]);
        assert_err(wire_get_signed(the_frame(WIRE_SIGNED, 1), &got, &e), &e, "worker-protocol");
    }
}

static struct saml_inspected_signature with_key(void)
{
    return (struct saml_inspected_signature){.certificate = SLICE("DER"),
                                             .spki = SLICE("SPKI"),
                                             .subject = SLICE("CN=idp"),
                                             .key_type = SAML_KEY_EC,
                                             .key_bits = 384,
                                             .not_after = -5};
}

/* A key that is half there, a text that would speak to the terminal, traits that there are none of. */
static void a_strange_inspection_is_refused(void **state)
{
    struct saml_inspection cases[12], got;
    static char long_text[4097];
    size_t n = 0, good;

    (void)state;
    memset(long_text, 'x', sizeof long_text);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cases[i] = (struct saml_inspection){.nsignatures = 1, .signatures_in_all = 1, .traits = SAML_TRAITS_ALL};
        cases[i].signatures[0] = with_key();
    }
    cases[n++].traits = SAML_TRAITS_ALL + 1;
    cases[n++].traits = 1U << 31;
    cases[n++].signatures[0].key_type = SAML_KEY_NONE;
    cases[n++].signatures[0].key_type = (enum saml_key_type)(SAML_KEY_EC + 1);
    cases[n++].signatures[0].key_bits = 0;
    cases[n++].signatures[0].certificate.p = NULL;
    cases[n++].signatures[0].spki.p = NULL;
    cases[n++].signatures[0].spki = slice_make(long_text, 4097);
    cases[n++].signatures[0].subject.p = NULL;
    cases[n++].signatures[0].subject = slice_make(long_text, 160);
    cases[n++].signatures[0].subject = SLICE("CN=\x1b[2J");
    good = n++;
    assert_int_equal(n, sizeof cases / sizeof *cases);
    for (size_t i = 0; i < n; i++) {
        buf_reset(&out);
        wire_put_inspected(&out, 1, &cases[i]);
        if (i == good)
            assert_ok(wire_get_inspected(the_frame(WIRE_INSPECTED, 1), NULL, &got, &e), &e);
        else
            assert_err(wire_get_inspected(the_frame(WIRE_INSPECTED, 1), NULL, &got, &e), &e, "worker-protocol");
    }
    cases[good].signatures[0] = (struct saml_inspected_signature){.not_after = 1}; /* of no certificate */
    buf_reset(&out);
    wire_put_inspected(&out, 1, &cases[good]);
    assert_err(wire_get_inspected(the_frame(WIRE_INSPECTED, 1), NULL, &got, &e), &e, "worker-protocol");
}

static void an_inspection_comes_back(void **state)
{
    struct saml_inspection i = {
        .root = SLICE("Response"), .issuer = SLICE("me"), .assertions = 2, .nsignatures = 2, .signatures_in_all = 17};
    struct saml_inspection got;
    struct slice payload;
    struct arena a;

    (void)state;
    i.signatures[0] = (struct saml_inspected_signature){
        .path = SLICE("Response/Assertion"), .parent_id = SLICE("_1"), .uri = SLICE("#_1"), .covers_parent = true};
    i.signatures[1] = with_key();
    i.traits = SAML_TRAIT_ASSERTIONS | SAML_TRAIT_RELATIVE_NAMESPACE;
    arena_init(&a, 65536);
    buf_reset(&out);
    wire_put_inspected(&out, 5, &i);
    payload = the_frame(WIRE_INSPECTED, 5);
    assert_ok(wire_get_inspected(payload, NULL, &got, &e), &e);
    assert_true(got.root.p > payload.p && got.root.p < payload.p + payload.n);
    assert_ok(wire_get_inspected(payload, &a, &got, &e), &e);
    buf_free(&out); /* with an arena nothing points into the payload any more */
    assert_slice(got.root, "Response");
    assert_slice(got.issuer, "me");
    assert_slice(got.id, NULL);
    assert_int_equal(got.assertions, 2);
    assert_int_equal(got.signatures_in_all, 17);
    assert_int_equal(got.traits, SAML_TRAIT_ASSERTIONS | SAML_TRAIT_RELATIVE_NAMESPACE);
    assert_int_equal(got.nsignatures, 2);
    assert_slice(got.signatures[0].path, "Response/Assertion");
    assert_slice(got.signatures[0].certificate, NULL);
    assert_int_equal(got.signatures[0].key_type, SAML_KEY_NONE);
    assert_true(got.signatures[0].covers_parent);
    assert_slice(got.signatures[1].certificate, "DER");
    assert_slice(got.signatures[1].spki, "SPKI");
    assert_slice(got.signatures[1].subject, "CN=idp");
    assert_int_equal(got.signatures[1].key_type, SAML_KEY_EC);
    assert_int_equal(got.signatures[1].key_bits, 384);
    assert_true(got.signatures[1].not_after == -5);
    assert_false(got.signatures[1].covers_parent);
    arena_free(&a);
    i.signatures_in_all = 0; /* fewer than are described */
    wire_put_inspected(&out, 5, &i);
    assert_err(wire_get_inspected(the_frame(WIRE_INSPECTED, 5), NULL, &got, &e), &e, "worker-protocol");
    assert_int_equal(got.nsignatures, 0);
    wire_put_inspected(&out, 5, &i); /* and no room for a copy */
    buf_reset(&out);
    i.signatures_in_all = 2;
    wire_put_inspected(&out, 5, &i);
    arena_init(&a, 4);
    assert_err(wire_get_inspected(the_frame(WIRE_INSPECTED, 5), &a, &got, &e), &e, "out-of-memory");
    arena_free(&a);
}

/* --- refusals ----------------------------------------------------------------------------------------------------- */

static void a_refusal_comes_back(void **state)
{
    struct err why = ERR_INIT, got;
    size_t trust;
    struct slice payload;

    (void)state;
    (void)err_mismatch(&why, ERR_ISSUER, "found\n\x80", "expected", "no identity provider of this name");
    (void)err_at(&why, "Response/Issuer");
    buf_reset(&out);
    wire_put_refused(&out, 11, 3, &why);
    payload = the_frame(WIRE_REFUSED, 11);
    assert_ok(wire_get_refused(payload, &trust, &got, &e), &e);
    assert_int_equal(got.code, ERR_ISSUER);
    assert_int_equal(trust, 3);
    assert_string_equal(got.msg, why.msg);
    assert_string_equal(got.found, why.found);
    assert_string_equal(got.expected, "expected");
    assert_string_equal(got.at, "Response/Issuer");
    assert_non_null(got.file);
    for (size_t n = 0; n < payload.n; n++)
        assert_err(wire_get_refused(slice_make(payload.p, n), &trust, &got, &e), &e, "worker-protocol");
}

/* A worker cannot make the router blame a person, a configuration or nobody. */
static void a_worker_has_few_codes(void **state)
{
    static const char *const bad[] = {"none", "wrong-password", "config-invalid", "recheck-failed", "no-such-code",
                                      "",     "Issuer-mismatch"};
    struct err why = ERR_INIT, got;
    size_t trust;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct buf payload;

        buf_init(&payload, 4096);
        buf_add_char(&payload, SAML_TRUSTS_MAX);
        for (size_t k = 0; k < 5; k++) {
            const char *text = k == 0 ? bad[i] : "";
            const char n[4] = {(char)strlen(text), 0, 0, 0};

            buf_add(&payload, n, 4);
            buf_add_str(&payload, text);
        }
        assert_err(wire_get_refused(buf_slice(&payload), &trust, &got, &e), &e, "worker-protocol");
        buf_free(&payload);
    }
    /* if ours raises another one, it is a mistake of ours, not a reason to shoot it */
    (void)err_set(&why, ERR_PASSWORD, "whatever");
    buf_reset(&out);
    wire_put_refused(&out, 1, SAML_TRUSTS_MAX, &why);
    assert_ok(wire_get_refused(the_frame(WIRE_REFUSED, 1), &trust, &got, &e), &e);
    assert_int_equal(got.code, ERR_INTERNAL);
    assert_int_equal(trust, SAML_TRUSTS_MAX);
}

/* It goes to logs as it is: nothing that moves a cursor or ends a line. */
static void a_refusal_is_printable(void **state)
{
    struct err why = ERR_INIT, got;
    size_t trust;

    (void)state;
    (void)err_set(&why, ERR_XML_SYNTAX, "plain");
    for (size_t i = 0; i < 3; i++) {
        why.msg[2] = "\n\x7f\x80"[i];
        buf_reset(&out);
        wire_put_refused(&out, 1, SAML_TRUSTS_MAX, &why);
        assert_err(wire_get_refused(the_frame(WIRE_REFUSED, 1), &trust, &got, &e), &e, "worker-protocol");
    }
}

static int setup(void **state)
{
    (void)state;
    buf_init(&out, 1024 * 1024);
    rsa = sign_rsa(2048);
    ec = sign_ec("P-256");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_free(&out);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_is_taken_when_it_is_whole),
        cmocka_unit_test(a_bad_header_is_refused_at_once),
        cmocka_unit_test(what_breaks_a_limit_is_not_written),
        cmocka_unit_test(trusts_come_back),
        cmocka_unit_test(a_table_of_bad_keys_is_refused),
        cmocka_unit_test(a_judge_comes_back),
        cmocka_unit_test(a_judge_out_of_range_is_refused),
        cmocka_unit_test(signatures_come_back),
        cmocka_unit_test(a_wrapped_key_comes_back),
        cmocka_unit_test(plain_metadata_comes_back),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(an_inspection_comes_back),
        cmocka_unit_test(a_strange_inspection_is_refused),
        cmocka_unit_test(a_refusal_comes_back),
        cmocka_unit_test(a_worker_has_few_codes),
        cmocka_unit_test(a_refusal_is_printable),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
