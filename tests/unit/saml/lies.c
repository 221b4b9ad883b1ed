/*
 * The router's half against a worker that says what it likes (saml/judge.h, saml_judge_signed_only()): whatever is made
 * out of the answers to two genuine documents - parts exchanged, changed, cut, doubled, relabelled -, what is accepted
 * is one of the two, whole, and with its own identity. Every layout: Assertion signed, Response signed, both; with the
 * Assertion encrypted, too.
 */
#include "tests/unit/unit.h"

#include "saml/judge.h"
#include "saml/wire.h"
#include "tests/unit/saml/encrypt.h"

#define ROUNDS 4000

/* What an honest worker says of one person's document. */
struct answer {
    const char *email;
    char *xml;
    struct arena arena;
    struct saml_signed s;
};

struct layout {
    const char *name;
    bool response, assertion, encrypted;
};

static const struct layout layouts[] = {
    {"Assertion signed", false, true, false},
    {"Response signed", true, false, false},
    {"both signed", true, true, false},
    {"signed around what is encrypted", true, false, true},
    {"signed, then encrypted", false, true, true},
};

static EVP_PKEY *key, *others_key, *sp;
static struct saml_sp_keys sp_keys;
static struct saml_trust trust, other;
static uint64_t seed;

/* xorshift: the same lies in every run */
static size_t any(size_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return n ? (size_t)(seed % n) : 0;
}

static void answer_make(struct answer *a, const struct layout *l, const char *email, const char *response_id,
                        const char *assertion_id, EVP_PKEY *by, const struct saml_trust *t)
{
    struct sign_response r = sign_defaults(by);
    struct encrypt_options o = encrypt_defaults(sp);
    struct saml_verify_request rq = {.message = SAML_MESSAGE_RESPONSE, .trusts = &t, .ntrusts = 1};
    unsigned char content_key[SAML_CONTENT_KEY_MAX];
    struct err e = ERR_INIT;

    r.name_id = email;
    r.attributes[3].value = email;
    r.response_id = response_id;
    r.assertion_id = assertion_id;
    r.sign_response = l->response;
    r.sign_assertion = l->assertion;
    a->email = email;
    a->xml = l->encrypted ? encrypt_response(&r, &o) : sign_make(&r);
    arena_init(&a->arena, 1024 * 1024);
    rq.xml = slice_of(a->xml);
    assert_ok(saml_verify_message(&rq, &a->arena, &a->s, &e), &e);
    if (a->s.wrapped.cipher.p) { /* it was told the content key, as it is in the daemon */
        assert_ok(saml_unwrap_key(&sp_keys, 0, &a->s.wrapped, content_key, &e), &e);
        rq.content_key = slice_make(content_key, saml_cipher_key_size(a->s.wrapped.content));
        assert_ok(saml_verify_message(&rq, &a->arena, &a->s, &e), &e);
    }
    assert_int_equal(a->s.nsig, l->response + l->assertion);
}

static void answer_free(struct answer *a)
{
    arena_free(&a->arena);
    free(a->xml);
}

/* What is read is one of the elements that were signed in this document. */
static bool same_bytes(const struct saml_signed *s, const struct answer *a)
{
    for (size_t i = 0; i < a->s.nsig; i++) {
        if (slice_eq(s->sig[0].element, a->s.sig[i].element) && s->sig[0].what == a->s.sig[i].what)
            return true;
    }
    return false;
}

/* Judged as the router does. True: accepted; then it must be the whole truth about one of the two. */
static bool accepted(const struct saml_signed *s, const struct saml_trust *t, const struct answer *a,
                     const struct answer *b)
{
    const struct answer *truth;
    struct saml_verdict v;
    struct err e = ERR_INIT;
    struct arena arena;
    bool yes;

    arena_init(&arena, 4 * 1024 * 1024);
    yes = saml_judge_signed_only(s, t, &sp_keys, 0, &arena, &v, &e) == 0;
    if (yes) {
        truth = same_bytes(s, a) ? a : b;
        if (!same_bytes(s, truth) || !slice_is(v.assertion.name_id, truth->email))
            fail_msg("accepted '%.*s', which nobody signed", SLICE_ARG(v.assertion.name_id));
        assert_ptr_equal(v.signers[0].key, &t->keys[0]);
    } else {
        assert_int_not_equal(e.code, ERR_NONE);
        assert_null(v.assertion.name_id.p); /* nothing of an identity is left */
        assert_false(v.has_email);
    }
    arena_free(&arena);
    return yes;
}

/* --- lies --------------------------------------------------------------------------------------------------------- */

static struct slice *part(struct saml_signed *s, size_t n)
{
    struct saml_signature *sig = &s->sig[n / 3 % 2];

    return n % 3 == 0 ? &sig->signed_info : n % 3 == 1 ? &sig->signature_value : &sig->element;
}

/* A changed copy: an octet changed, a piece cut out, or a piece of another text put in. */
static struct slice changed(struct slice s, struct slice by, struct arena *a)
{
    struct buf b;
    struct slice copy;
    size_t at = any(s.n), n = any(40), from = any(by.n);

    buf_init(&b, 1024 * 1024);
    buf_add(&b, s.p, at);
    switch (any(3)) {
    case 0:
        buf_add_char(&b, (char)any(256));
        at++;
        break;
    case 1: at += n; break;
    default: buf_add(&b, by.p ? by.p + from : "", by.n - from < n ? by.n - from : n); break;
    }
    if (at < s.n)
        buf_add(&b, s.p + at, s.n - at);
    copy = arena_slice(a, buf_slice(&b));
    assert_non_null(copy.p);
    buf_free(&b);
    return copy;
}

static void lie_once(struct saml_signed *s, const struct answer *with, struct arena *a)
{
    struct saml_signed w = with->s;
    size_t n = any(6);

    switch (any(8)) {
    case 0: *part(s, n) = *part(&w, n); break;      /* the other document's part */
    case 1: *part(s, n) = *part(&w, any(6)); break; /* any part of it, anywhere */
    case 2: *part(s, n) = changed(*part(s, n), *part(&w, n), a); break;
    case 3: s->sig[any(2)] = w.sig[any(2)]; break;                  /* a whole signature of it */
    case 4: s->sig[any(2)].what = (enum saml_element)any(7); break; /* called something else */
    case 5: s->nsig = any(3); break;
    case 6:
        s->plain_what = (enum saml_element)any(6);
        s->plain = w.sig[0].element;
        break;
    default: s->trust = any(70); break;
    }
}

static void no_lie_is_accepted(void **state)
{
    struct answer a, b;
    size_t lies = 0;

    (void)state;
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        seed = 88172645463325252u + i;
        answer_make(&a, &layouts[i], "ada@contoso.com", "_response-a", "_assertion-a", key, &trust);
        answer_make(&b, &layouts[i], "eve@contoso.com", "_response-b", "_assertion-b", key, &trust);
        assert_true(accepted(&a.s, &trust, &a, &b));
        for (size_t round = 0; round < ROUNDS; round++) {
            struct saml_signed s = a.s;
            struct arena arena;

            arena_init(&arena, 1024 * 1024);
            for (size_t n = 1 + any(3); n > 0; n--)
                lie_once(&s, &b, &arena);
            lies += !accepted(&s, &trust, &a, &b);
            arena_free(&arena);
        }
        answer_free(&a);
        answer_free(&b);
    }
    assert_true(lies > sizeof layouts / sizeof *layouts * ROUNDS / 2); /* they were lies, most of them */
}

/* Each single lie by name, on every layout, so that it is clear what was tried. */
static void each_lie_is_refused(void **state)
{
    struct answer a, b, x;

    (void)state;
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        struct saml_signed s;

        answer_make(&a, &layouts[i], "ada@contoso.com", "_response-a", "_assertion-a", key, &trust);
        answer_make(&b, &layouts[i], "eve@contoso.com", "_response-b", "_assertion-b", key, &trust);
        answer_make(&x, &layouts[i], "ada@contoso.com", "_response-a", "_assertion-a", others_key, &other);
        s = a.s;
        s.sig[0].element = b.s.sig[0].element; /* another's words under this signature */
        assert_false(accepted(&s, &trust, &a, &b));
        s = a.s;
        s.sig[0].signed_info = b.s.sig[0].signed_info;
        assert_false(accepted(&s, &trust, &a, &b));
        s = a.s;
        s.sig[0].what = s.sig[0].what == SAML_RESPONSE ? SAML_ASSERTION : SAML_RESPONSE;
        assert_false(accepted(&s, &trust, &a, &b));
        s = a.s;
        s.nsig = 0; /* nobody signed it */
        assert_false(accepted(&s, &trust, &a, &b));
        s = (struct saml_signed){.plain_what = a.s.sig[0].what, .plain = a.s.sig[0].element};
        assert_false(accepted(&s, &trust, &a, &b));
        s = a.s;
        s.sig[1] = s.sig[0]; /* twice the same */
        s.nsig = 2;
        assert_false(accepted(&s, &trust, &a, &b));
        assert_false(accepted(&x.s, &trust, &a, &b)); /* genuine, of another identity provider */
        answer_free(&a);
        answer_free(&b);
        answer_free(&x);
    }
}

/* Two genuine signatures that do not belong together. */
static void two_halves_are_no_whole(void **state)
{
    struct answer a, b, alone;
    struct saml_signed s;

    (void)state;
    answer_make(&a, &layouts[2], "ada@contoso.com", "_response-a", "_assertion-a", key, &trust);
    answer_make(&b, &layouts[2], "eve@contoso.com", "_response-b", "_assertion-b", key, &trust);
    answer_make(&alone, &layouts[0], "eve@contoso.com", "_response-b", "_assertion-b", key, &trust);
    s = a.s;
    s.sig[1] = b.s.sig[1];
    assert_false(accepted(&s, &trust, &a, &b));
    s.sig[1] = alone.s.sig[0];
    assert_false(accepted(&s, &trust, &a, &b));
    s = a.s;
    s.sig[0] = a.s.sig[1]; /* the other way round */
    s.sig[1] = a.s.sig[0];
    assert_false(accepted(&s, &trust, &a, &b));
    answer_free(&a);
    answer_free(&b);
    answer_free(&alone);
}

static int setup(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(saml_init(&e), &e);
    key = sign_rsa(2048);
    others_key = sign_rsa(2048);
    sp = sign_rsa(2048);
    encrypt_sp_key(&sp_keys, sp);
    sign_trust(&trust, key);
    sign_trust(&other, others_key);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    saml_trust_free(&trust);
    saml_trust_free(&other);
    EVP_PKEY_free(key);
    EVP_PKEY_free(others_key);
    EVP_PKEY_free(sp);
    saml_sp_keys_free(&sp_keys);
    saml_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_lie_is_accepted),
        cmocka_unit_test(each_lie_is_refused),
        cmocka_unit_test(two_halves_are_no_whole),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
