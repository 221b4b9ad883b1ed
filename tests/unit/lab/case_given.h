/* case_given.h - the lines of a row that are not changes of its document; part of case.h. */
#ifndef USHER_TESTS_UNIT_LAB_CASE_GIVEN_H
#define USHER_TESTS_UNIT_LAB_CASE_GIVEN_H

#include "lab/xmltext.h"

/* --- given: what the verifier was told to expect ---------------------------------------------------------------------
 */

static inline void case_given_defaults(struct case_row *r)
{
    bool entra = strncmp(r->base, "entra", 5) == 0;

    r->domains[0] = "usher.test";
    r->domains[1] = "xn--mnchen-3ya.test";
    r->x = (struct saml_expect){
        .issuer = entra ? SLICE("https://sts.windows.net/5f3c7f3e/") : SLICE("https://idp.other.test/"),
        .acs = SLICE("https://login.usher.test/saml/acs"),
        .audience = SLICE("https://login.usher.test"),
        .request_id = SLICE("id7f3e"),
        .now = CASE_NOW,
        .skew = SAML_SKEW_DEFAULT,
        .email_from = entra ? SLICE(SAML_CLAIM_EMAIL) : SLICE("nameid"),
        .email_domains = r->domains,
        .nemail_domains = 2,
    };
}

static inline int case_given_trust(struct case_making *mk, const char *names)
{
    struct slice rest = slice_of(names), name;

    if (mk->r->ntrust == 3)
        return err_set(mk->e, ERR_USAGE, "more than three trusts");
    saml_trust_init(&mk->r->trust[mk->r->ntrust++]);
    while (slice_split(&rest, ' ', &name)) {
        struct case_key *k = case_key_find(name, mk->e);

        if (!k || case_key_trust(k, &mk->r->trust[mk->r->ntrust - 1], mk->e) != 0)
            return -1;
    }
    return 0;
}

/* `given trust` begins a trust; `given name` and `given allow` belong to the last one. */
static inline struct saml_trust *case_last_trust(struct case_making *mk)
{
    if (mk->r->ntrust == 0 && case_given_trust(mk, "idp") != 0)
        return NULL;
    return &mk->r->trust[mk->r->ntrust - 1];
}

static inline int case_given_allow(struct case_making *mk, const char *names)
{
    struct saml_trust *t = case_last_trust(mk);
    struct slice rest = slice_of(names), name;

    while (t && slice_split(&rest, ' ', &name)) {
        unsigned bit = saml_allow_by_name(name);

        if (!bit)
            return err_set(mk->e, ERR_USAGE, "no exception of the name %.*s", SLICE_ARG(name));
        t->allow |= bit;
    }
    return t ? 0 : -1;
}

static inline int case_given_name(struct case_making *mk, const char *text)
{
    struct saml_trust *t = case_last_trust(mk);
    struct slice name;

    if (!t || case_string(mk, text, &name) != 0)
        return -1;
    t->issuer = strndup(name.p, name.n);
    return 0;
}

static inline int case_given_now(struct case_making *mk, const char *text)
{
    struct slice s = slice_of(text);
    uint64_t seconds;

    if (s.n && (s.p[0] == '+' || s.p[0] == '-')) {
        if (!str_to_u64(slice_make(s.p + 1, s.n - 1), 1U << 30, &seconds))
            return err_set(mk->e, ERR_USAGE, "not seconds: %s", text);
        mk->r->x.now += s.p[0] == '+' ? (int64_t)seconds : -(int64_t)seconds;
        return 0;
    }
    return time_parse(s, &mk->r->x.now, mk->e);
}

static inline int case_given(struct case_making *mk, const char *rest)
{
    struct saml_expect *x = &mk->r->x;
    const struct {
        const char *name;
        struct slice *place;
    } strings[] = {{"issuer", &x->issuer},
                   {"acs", &x->acs},
                   {"audience", &x->audience},
                   {"request", &x->request_id},
                   {"email-from", &x->email_from}};
    struct slice domain;
    uint64_t skew;

    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        if (case_word(&rest, strings[i].name))
            return case_string(mk, rest, strings[i].place);
    }
    if (case_word(&rest, "no exceptions in the router")) {
        mk->r->router_strict = true;
        return 0;
    }
    if (case_word(&rest, "unsolicited")) {
        x->unsolicited = true;
        return 0;
    }
    if (case_word(&rest, "now"))
        return case_given_now(mk, rest);
    if (case_word(&rest, "decrypt"))
        return case_decrypt_with(mk, rest);
    if (case_word(&rest, "no keys")) {
        mk->keys_given = true;
        return 0;
    }
    if (case_word(&rest, "trust"))
        return case_given_trust(mk, rest);
    if (case_word(&rest, "name"))
        return case_given_name(mk, rest);
    if (case_word(&rest, "allow"))
        return case_given_allow(mk, rest);
    if (case_word(&rest, "no domains")) {
        x->nemail_domains = 0;
        return 0;
    }
    if (case_word(&rest, "domain")) {
        if (case_string(mk, rest, &domain) != 0)
            return -1;
        mk->r->domains[0] = arena_strndup(&mk->r->a, domain.p, domain.n);
        x->nemail_domains = 1;
        return 0;
    }
    if (case_word(&rest, "skew -1")) {
        x->skew = -1;
        return 0;
    }
    if (case_word(&rest, "skew") && str_to_u64(slice_of(rest), 100000, &skew)) {
        x->skew = (int64_t)skew;
        return 0;
    }
    return case_bad_line(mk, rest);
}

static inline int case_at(struct case_making *mk, const char *rest)
{
    static const char *const layers[] = {
        [CASE_WIRE] = "wire",       [CASE_UNWRAP] = "unwrap", [CASE_ISSUER] = "issuer",
        [CASE_PRESCAN] = "prescan", [CASE_WORKER] = "worker", [CASE_ROUTER] = "router",
        [CASE_RECHECK] = "recheck", [CASE_KEY] = "key",       [CASE_READER] = "reader",
    };

    for (size_t i = 1; i < sizeof layers / sizeof *layers; i++) {
        if (strcmp(rest, layers[i]) == 0) {
            mk->r->layer = (enum case_layer)i;
            return 0;
        }
    }
    return case_bad_line(mk, rest);
}

/* --- value: other octets as SignatureValue
 * ---------------------------------------------------------------------------- */

/* The least number whose cube begins with `block`, a signature of RSA with exponent 3 to a careless verifier. */
static inline void case_cube_root(const unsigned char *block, size_t n, unsigned char *ret)
{
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *target = BN_bin2bn(block, (int)n, NULL), *root = BN_new(), *cube = BN_new();

    BN_zero(root);
    for (int bit = (int)(n * 8 / 3); bit >= 0; bit--) {
        (void)BN_set_bit(root, bit);
        (void)BN_sqr(cube, root, ctx);
        (void)BN_mul(cube, cube, root, ctx);
        if (BN_cmp(cube, target) > 0)
            (void)BN_clear_bit(root, bit);
    }
    (void)BN_add_word(root, 1);
    (void)BN_bn2binpad(root, ret, (int)n);
    BN_free(target);
    BN_free(root);
    BN_free(cube);
    BN_CTX_free(ctx);
}

static inline int case_verify(struct case_making *mk);

static inline int case_cube(struct case_making *mk, unsigned char *value, size_t n)
{
    static const unsigned char head[] = {0x00, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                         0x00, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48,
                                         0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    unsigned char block[512] = {0};
    size_t size = 0;

    if (case_verify(mk) != 0 || n > sizeof block)
        return -1;
    memcpy(block, head, sizeof head);
    (void)EVP_Q_digest(NULL, "SHA256", NULL, mk->r->said.sig[0].signed_info.p, mk->r->said.sig[0].signed_info.n,
                       block + sizeof head, &size);
    memset(block + sizeof head + size, 0xff, n - sizeof head - size);
    case_cube_root(block, n, value);
    return 0;
}

/* The number with the modulus added: the same residue. It may need an octet more. */
static inline size_t case_plus_modulus(struct case_making *mk, unsigned char *value, size_t n)
{
    BIGNUM *v = BN_bin2bn(value, (int)n, NULL), *m = NULL;
    size_t size;

    (void)EVP_PKEY_get_bn_param(mk->key->pkey, OSSL_PKEY_PARAM_RSA_N, &m);
    (void)BN_add(v, v, m);
    size = (size_t)BN_num_bytes(v);
    (void)BN_bn2bin(v, value);
    BN_free(v);
    BN_free(m);
    return size;
}

static inline int case_value(struct case_making *mk, const char *kind)
{
    unsigned char value[4096];
    struct xmltext el;
    struct buf raw, text;
    size_t n;
    int result = 0;

    buf_init(&raw, sizeof value);
    buf_init(&text, 4 * sizeof value);
    if (!xmltext_find(buf_slice(&mk->doc), SLICE("SignatureValue"), &el) ||
        base64_decode(slice_make(mk->doc.data + el.inner, el.inner_to - el.inner), &raw, mk->e) != 0)
        return -1;
    n = raw.len;
    memset(value, 0, sizeof value);
    memcpy(value, raw.data, n);
    if (strcmp(kind, "zero") == 0)
        memset(value, 0, n);
    else if (strcmp(kind, "one") == 0)
        memset(value, 0, n), value[n / 2 - 1] = value[n - 1] = 1;
    else if (strcmp(kind, "flipped") == 0)
        value[n - 1] ^= 1;
    else if (strcmp(kind, "shorter") == 0)
        n--;
    else if (strcmp(kind, "with a leading zero") == 0)
        memmove(value + 1, value, n++), value[0] = 0;
    else if (strcmp(kind, "plus the modulus") == 0)
        n = case_plus_modulus(mk, value, n);
    else if (strcmp(kind, "cube root") == 0)
        result = case_cube(mk, value, n);
    else if (strcmp(kind, "with a trailing zero") == 0)
        value[n++] = 0;
    else if (strcmp(kind, "empty") == 0)
        n = 0;
    else if (strcmp(kind, "of 2049 octets") == 0)
        n = 2049;
    else
        result = case_bad_line(mk, kind);
    base64_encode(&text, value, n);
    if (result == 0)
        edit_splice(&mk->doc, el.inner, el.inner_to, buf_slice(&text));
    buf_free(&raw);
    buf_free(&text);
    return result;
}

/* --- what the worker says
 * --------------------------------------------------------------------------------------------- */

/* Judges the document as the worker does, once; its answer is what the following lines change. */
static inline int case_verify(struct case_making *mk)
{
    if (mk->is_verified)
        return 0;
    mk->is_verified = true;
    if (!case_last_trust(mk))
        return -1;
    return saml_verify(arena_slice(&mk->r->a, buf_slice(&mk->doc)), &mk->r->trust[0], mk->r->trust[0].allow, &mk->r->a,
                       &mk->r->said, mk->e);
}

static inline int case_edit_slice(struct case_making *mk, struct slice *part, const char *line)
{
    struct buf text;
    int result;

    buf_init(&text, EDIT_DOCUMENT_MAX);
    buf_add_slice(&text, *part);
    result = case_edit(mk, &text, line);
    if (result == 0)
        *part = arena_slice(&mk->r->a, buf_slice(&text));
    buf_free(&text);
    return result;
}

/* The last signature of the document beside takes the place of the second one. */
static inline int case_said_beside(struct case_making *mk)
{
    struct mint_signers with = case_signers(mk);
    struct saml_signed other;
    struct buf filled;
    int result = -1;

    buf_init(&filled, EDIT_DOCUMENT_MAX);
    if (mint_fill(buf_slice(&mk->beside), &with, &filled, mk->e) == 0 &&
        saml_verify(buf_slice(&filled), &mk->r->trust[0], mk->r->trust[0].allow, &mk->r->a, &other, mk->e) == 0) {
        mk->r->said.sig[1] = other.sig[other.nsig - 1];
        mk->r->said.nsig = 2;
        result = 0;
    }
    buf_free(&filled);
    return result;
}

/* Other octets as the signature of the first. */
static inline int case_said_value(struct case_making *mk, const char *kind)
{
    struct slice *value = &mk->r->said.sig[0].signature_value;
    char *copy = arena_alloc(&mk->r->a, value->n + 1);

    if (!copy)
        return -1;
    memcpy(copy, value->p, value->n);
    copy[value->n] = '\0';
    if (strcmp(kind, "flipped") == 0)
        copy[value->n - 1] ^= 1;
    else if (strcmp(kind, "with a zero behind") == 0)
        value->n++;
    else
        return case_bad_line(mk, kind);
    value->p = copy;
    return 0;
}

/* The digest in SignedInfo becomes that of the element, with or without zeros behind it. */
static inline int case_info_redigest(struct case_making *mk, bool longer)
{
    struct saml_signature *s = &mk->r->said.sig[0];
    unsigned char digest[64] = {0};
    struct xmltext el;
    struct buf text, base64;
    size_t n = 0;

    if (!xmltext_find(s->signed_info, SLICE("DigestValue"), &el) ||
        EVP_Q_digest(NULL, "SHA256", NULL, s->element.p, s->element.n, digest, &n) != 1)
        return err_set(mk->e, ERR_USAGE, "no digest to write");
    buf_init(&text, EDIT_DOCUMENT_MAX);
    buf_init(&base64, 256);
    base64_encode(&base64, digest, longer ? 2 * n : n);
    buf_add_slice(&text, s->signed_info);
    edit_splice(&text, el.inner, el.inner_to, buf_slice(&base64));
    s->signed_info = arena_slice(&mk->r->a, buf_slice(&text));
    buf_free(&text);
    buf_free(&base64);
    return 0;
}

/* The wrapped key of an encrypted assertion. */
static inline int case_said_wrapped(struct case_making *mk, const char *rest)
{
    struct saml_wrapped_key *w = &mk->r->said.wrapped;
    static const char noise[SAML_WRAPPED_MAX + 1];

    if (strcmp(rest, "for no cipher") == 0)
        w->content = SAML_CIPHER_NONE;
    else if (strcmp(rest, "for an unknown cipher") == 0)
        w->content = (enum saml_cipher)99;
    else if (strcmp(rest, "for Triple DES") == 0)
        w->content = SAML_TRIPLEDES_CBC;
    else if (strcmp(rest, "in no octets") == 0)
        w->cipher = SLICE("");
    else if (strcmp(rest, "in too many octets") == 0)
        w->cipher = slice_make(noise, sizeof noise);
    else if (strcmp(rest, "with a label too long") == 0)
        w->label = slice_make(noise, SAML_LABEL_MAX + 1);
    else if (strcmp(rest, "in no way") == 0)
        w->transport = SAML_TRANSPORT_NONE;
    else if (strcmp(rest, "in an unknown way") == 0)
        w->transport = (enum saml_transport)99;
    else if (strcmp(rest, "by RSA 1.5") == 0)
        w->transport = SAML_TRANSPORT_RSA15;
    else if (strcmp(rest, "by an unknown digest") == 0)
        w->digest = (enum saml_hash)99;
    else if (strcmp(rest, "by an unknown mask") == 0)
        w->mgf = (enum saml_hash)0;
    else if (strcmp(rest, "as it is") != 0)
        return case_bad_line(mk, rest);
    return 0;
}

static inline int case_said(struct case_making *mk, const char *rest)
{
    struct saml_signed *s = &mk->r->said;
    struct saml_signature first = s->sig[0];

    if (strcmp(rest, "the one beside as second") == 0)
        return case_said_beside(mk);
    if (case_word(&rest, "the key is wrapped"))
        return case_said_wrapped(mk, rest);
    if (case_word(&rest, "a value"))
        return case_said_value(mk, rest);
    if (strcmp(rest, "nothing") == 0)
        s->nsig = 0;
    else if (strcmp(rest, "three signatures") == 0)
        s->nsig = 3;
    else if (strcmp(rest, "the second alone") == 0)
        s->sig[0] = s->sig[1], s->nsig = 1;
    else if (strcmp(rest, "the first twice") == 0)
        s->sig[1] = first, s->nsig = 2;
    else if (strcmp(rest, "the two exchanged") == 0)
        s->sig[0] = s->sig[1], s->sig[1] = first;
    else if (strcmp(rest, "it is a Response") == 0)
        s->sig[0].what = SAML_RESPONSE;
    else if (strcmp(rest, "it is an Assertion") == 0)
        s->sig[0].what = SAML_ASSERTION;
    else if (strcmp(rest, "it is something else") == 0)
        s->sig[0].what = SAML_METADATA;
    else if (strcmp(rest, "the elements exchanged") == 0)
        s->sig[0].element = s->sig[1].element, s->sig[1].element = first.element;
    else if (strcmp(rest, "no element") == 0)
        s->sig[0].element.n = 0;
    else if (strcmp(rest, "no SignedInfo") == 0)
        s->sig[0].signed_info.n = 0;
    else if (strcmp(rest, "no value") == 0)
        s->sig[0].signature_value.n = 0;
    else if (strcmp(rest, "half a value") == 0)
        s->sig[0].signature_value.n /= 2;
    else if (strcmp(rest, "nothing outside") == 0)
        s->outer = (struct saml_outer){.status_code = s->outer.status_code};
    else if (strcmp(rest, "no status") == 0)
        s->outer.status_code = (struct slice){NULL, 0};
    else
        return case_bad_line(mk, rest);
    return 0;
}

/* The document becomes base64, once. */
static inline int case_base64(struct case_making *mk)
{
    struct buf text;

    if (mk->is_base64)
        return 0;
    mk->is_base64 = true;
    if (mk->r->layer != CASE_UNWRAP)
        mk->r->layer = CASE_WIRE;
    buf_init(&text, EDIT_DOCUMENT_MAX);
    base64_encode(&text, mk->doc.data, mk->doc.len);
    edit_splice(&mk->doc, 0, mk->doc.len, buf_slice(&text));
    buf_free(&text);
    return 0;
}

/* A form body; {message} in it is the base64 text, percent-encoded. */
static inline int case_form(struct case_making *mk, const char *text)
{
    struct buf encoded, out;
    size_t n = strlen(text);
    int result = case_base64(mk);

    buf_init(&encoded, EDIT_DOCUMENT_MAX);
    buf_init(&out, EDIT_DOCUMENT_MAX);
    percent_encode(&encoded, buf_slice(&mk->doc));
    if (n < 2 || text[0] != '"' || text[n - 1] != '"')
        result = case_bad_line(mk, text);
    else if (result == 0) {
        struct edit_word word = {"message", buf_cstr(&encoded)};

        result = edit_expand(slice_make(text + 1, n - 2), &word, 1, &out, mk->e);
    }
    if (result == 0)
        edit_splice(&mk->doc, 0, mk->doc.len, buf_slice(&out));
    buf_free(&encoded);
    buf_free(&out);
    return result;
}

static inline int case_worker_line(struct case_making *mk, const char *line)
{
    const char *rest = line;
    bool info = case_word(&rest, "info"), element = !info && case_word(&rest, "element");

    if (case_word(&rest, "wire"))
        return case_base64(mk) != 0 ? -1 : case_edit(mk, &mk->doc, rest);
    if (case_word(&rest, "form"))
        return case_form(mk, rest);
    if (!info && !element && !case_word(&rest, "said"))
        return case_bad_line(mk, line);
    if (case_verify(mk) != 0)
        return -1;
    if (mk->r->layer == CASE_WHOLE)
        mk->r->layer = CASE_ROUTER;
    if (info && (strcmp(rest, "redigest") == 0 || strcmp(rest, "redigest longer") == 0))
        return case_info_redigest(mk, strcmp(rest, "redigest longer") == 0);
    if (info)
        return case_edit_slice(mk, &mk->r->said.sig[0].signed_info, rest);
    return element ? case_edit_slice(mk, &mk->r->said.sig[0].element, rest) : case_said(mk, rest);
}

/* After the last line. */
static inline int case_given_done(struct case_making *mk)
{
    if (!case_last_trust(mk) || ((mk->r->layer == CASE_WIRE || mk->r->layer == CASE_UNWRAP) && case_base64(mk) != 0))
        return -1;
    if (mk->r->layer >= CASE_ROUTER && case_verify(mk) != 0)
        return -1;
    for (size_t i = 0; i < mk->r->said.nsig && i < 2; i++) {
        mk->r->said.sig[i].element = case_guarded(mk->r->said.sig[i].element);
        mk->r->said.sig[i].signed_info = case_guarded(mk->r->said.sig[i].signed_info);
    }
    mk->r->input = case_guarded(buf_slice(&mk->doc));
    return mk->r->input.p ? 0 : err_set(mk->e, ERR_MEMORY, "no memory");
}

#endif
