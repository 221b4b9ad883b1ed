/* wire.c - see wire.h. */
#include "saml/wire.h"

#define FIELD_MAX (64 * 1024)    /* of text and SignedInfo: more than prescan() leaves of one token */
#define SIGNATURE_VALUE_MAX 2048 /* RSA of 16384 bits */
#define SPKI_MAX 4096
#define ABSENT UINT32_MAX /* in place of a length: the slice has p == NULL */

/* --- writing ------------------------------------------------------------------------------------------------------ */

/* A frame under construction. What the other side would refuse is not sent: the buffer fails instead. */
struct out {
    struct buf *b;
    size_t start;
};

static void put_int(struct buf *b, uint64_t v, size_t octets)
{
    char raw[8];

    for (size_t i = 0; i < octets; i++)
        raw[i] = (char)(unsigned char)(v >> (8 * i));
    buf_add(b, raw, octets);
}

static void put_slice(struct buf *b, struct slice s, size_t max)
{
    if (!s.p) {
        put_int(b, ABSENT, 4);
        return;
    }
    if (s.n > max) {
        b->failed = true;
        return;
    }
    put_int(b, s.n, 4);
    buf_add_slice(b, s);
}

/* A field that is never absent: nothing is an empty one. */
static void put_field(struct buf *b, struct slice s, size_t max)
{
    put_slice(b, s.p ? s : SLICE(""), max);
}

static struct out frame_begin(struct buf *b, enum wire_type type, uint64_t id)
{
    struct out o = {.b = b, .start = b->len};

    put_int(b, 0, 4); /* the length comes at the end */
    put_int(b, type, 1);
    put_int(b, 0, 3);
    put_int(b, id, 8);
    return o;
}

static void frame_end(const struct out *o)
{
    struct buf *b = o->b;
    size_t n;

    if (b->failed) {
        b->len = o->start;
        return;
    }
    n = b->len - o->start - WIRE_HEADER_SIZE;
    if (n > WIRE_PAYLOAD_MAX) {
        b->len = o->start;
        b->failed = true;
        return;
    }
    for (size_t i = 0; i < 4; i++)
        b->data[o->start + i] = (char)(unsigned char)(n >> (8 * i));
}

void wire_put_trusts(struct buf *b, const struct saml_trust *const *trusts, size_t n)
{
    struct out o = frame_begin(b, WIRE_TRUSTS, 0);

    if (n > SAML_TRUSTS_MAX)
        b->failed = true;
    put_int(b, n, 1);
    for (size_t i = 0; i < n && !b->failed; i++) {
        put_slice(b, slice_of(trusts[i]->issuer), FIELD_MAX);
        put_int(b, trusts[i]->allow, 4);
        put_int(b, trusts[i]->nkeys, 1);
        for (size_t k = 0; k < trusts[i]->nkeys; k++)
            put_field(b, trusts[i]->keys[k].spki, SPKI_MAX);
    }
    frame_end(&o);
}

void wire_put_judge(struct buf *b, uint64_t id, const struct wire_judge *j)
{
    struct out o = frame_begin(b, WIRE_JUDGE, id);

    put_int(b, j->message, 1);
    put_int(b, (uint32_t)j->trust, 4);
    put_field(b, j->content_key, SAML_CONTENT_KEY_MAX);
    put_field(b, j->xml, WIRE_PAYLOAD_MAX);
    frame_end(&o);
}

void wire_put_inspect(struct buf *b, uint64_t id, struct slice xml)
{
    struct out o = frame_begin(b, WIRE_INSPECT, id);

    put_field(b, xml, WIRE_PAYLOAD_MAX);
    frame_end(&o);
}

static void put_wrapped(struct buf *b, const struct saml_wrapped_key *w)
{
    put_int(b, w->cipher.p != NULL, 1);
    if (!w->cipher.p)
        return;
    put_int(b, w->transport, 1);
    put_int(b, w->digest, 1);
    put_int(b, w->mgf, 1);
    put_int(b, w->content, 1);
    put_field(b, w->label, SAML_WRAPPED_MAX);
    put_field(b, w->cipher, SAML_WRAPPED_MAX);
}

void wire_put_signed(struct buf *b, uint64_t id, const struct saml_signed *s)
{
    const struct slice outer[] = {s->outer.issuer, s->outer.destination, s->outer.in_response_to, s->outer.status_code,
                                  s->outer.status_detail};
    struct out o = frame_begin(b, WIRE_SIGNED, id);

    put_int(b, s->trust, 1);
    put_int(b, s->nsig, 1);
    for (size_t i = 0; i < s->nsig; i++) {
        put_int(b, s->sig[i].what, 1);
        put_field(b, s->sig[i].signed_info, FIELD_MAX);
        put_field(b, s->sig[i].signature_value, SIGNATURE_VALUE_MAX);
        put_field(b, s->sig[i].element, WIRE_PAYLOAD_MAX);
    }
    for (size_t i = 0; i < sizeof outer / sizeof *outer; i++)
        put_slice(b, outer[i], FIELD_MAX);
    put_int(b, s->plain_what, 1);
    put_field(b, s->plain, WIRE_PAYLOAD_MAX);
    put_wrapped(b, &s->wrapped);
    frame_end(&o);
}

#define INSPECTED_TEXTS 9

/* The text fields of an inspection, in the order in which they cross. */
static void inspected_texts(struct saml_inspection *i, struct slice *ret[INSPECTED_TEXTS])
{
    struct slice *texts[INSPECTED_TEXTS] = {&i->root,          &i->id,           &i->issuer,
                                            &i->issue_instant, &i->destination,  &i->in_response_to,
                                            &i->status_code,   &i->assertion_id, &i->assertion_issuer};

    memcpy(ret, texts, sizeof texts);
}

#define SIGNATURE_TEXTS 8

static void signature_texts(struct saml_inspected_signature *s, struct slice *ret[SIGNATURE_TEXTS])
{
    struct slice *texts[SIGNATURE_TEXTS] = {&s->path,   &s->parent_id,   &s->uri,  &s->method,
                                            &s->digest, &s->certificate, &s->spki, &s->subject};

    memcpy(ret, texts, sizeof texts);
}

void wire_put_inspected(struct buf *b, uint64_t id, const struct saml_inspection *inspection)
{
    struct saml_inspection i = *inspection;
    struct slice *texts[INSPECTED_TEXTS], *parts[SIGNATURE_TEXTS];
    struct out o = frame_begin(b, WIRE_INSPECTED, id);

    inspected_texts(&i, texts);
    for (size_t n = 0; n < INSPECTED_TEXTS; n++)
        put_slice(b, *texts[n], WIRE_PAYLOAD_MAX);
    put_int(b, i.assertions, 4);
    put_int(b, i.encrypted_assertions, 4);
    put_int(b, i.signatures_in_all, 4);
    put_int(b, i.traits, 4);
    put_int(b, i.nsignatures, 1);
    for (size_t n = 0; n < i.nsignatures; n++) {
        signature_texts(&i.signatures[n], parts);
        for (size_t k = 0; k < SIGNATURE_TEXTS; k++)
            put_slice(b, *parts[k], WIRE_PAYLOAD_MAX);
        put_int(b, i.signatures[n].covers_parent, 1);
        put_int(b, i.signatures[n].key_type, 1);
        put_int(b, i.signatures[n].key_bits, 4);
        put_int(b, (uint64_t)i.signatures[n].not_after, 8);
    }
    frame_end(&o);
}

/* What saml_verify_message() and saml_inspect() document. Nothing here means "accepted", and nothing blames a person.
 */
static bool worker_may_say(enum err_code code)
{
    static const enum err_code codes[] = {
        ERR_XML_SIZE,        ERR_XML_ENCODING, ERR_XML_DOCTYPE, ERR_XML_PI,
        ERR_XML_LIMIT,       ERR_XML_SYNTAX,   ERR_XML_ID,      ERR_RESPONSE_SHAPE,
        ERR_STATUS,          ERR_ISSUER,       ERR_DECRYPT,     ERR_LOGOUT,
        ERR_METADATA,        ERR_SIGNATURE,    ERR_TRANSFORM,   ERR_SIGNATURE_MISSING,
        ERR_SIGNATURE_SHAPE, ERR_KEY_WEAK,     ERR_ALGORITHM,   ERR_LIMIT,
        ERR_MEMORY,          ERR_INTERNAL,
    };

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (codes[i] == code)
            return true;
    }
    return false;
}

void wire_put_refused(struct buf *b, uint64_t id, size_t trust, const struct err *why)
{
    struct out o = frame_begin(b, WIRE_REFUSED, id);

    put_int(b, trust < SAML_TRUSTS_MAX ? trust : SAML_TRUSTS_MAX, 1);
    /* a code that it has no business with is a mistake of ours, and no reason for the router to shoot it */
    put_field(b, slice_of(err_name(worker_may_say(why->code) ? why->code : ERR_INTERNAL)), FIELD_MAX);
    put_field(b, slice_of(why->msg), sizeof why->msg - 1);
    put_field(b, slice_of(why->found), sizeof why->found - 1);
    put_field(b, slice_of(why->expected), sizeof why->expected - 1);
    put_field(b, slice_of(why->at), sizeof why->at - 1);
    frame_end(&o);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* A payload being taken apart. The first thing that is wrong empties it, so that readers look once, at the end. */
struct in {
    struct slice rest;
    const char *wrong; /* what was; NULL: nothing */
};

static void wrong(struct in *in, const char *what)
{
    if (!in->wrong)
        in->wrong = what;
    in->rest = SLICE("");
}

static uint64_t get_int(struct in *in, size_t octets, uint64_t max, const char *what)
{
    uint64_t v = 0;

    if (in->rest.n < octets) {
        wrong(in, what);
        return 0;
    }
    for (size_t i = octets; i-- > 0;)
        v = v << 8 | (unsigned char)in->rest.p[i];
    in->rest = slice_make(in->rest.p + octets, in->rest.n - octets);
    if (v > max) {
        wrong(in, what);
        return 0;
    }
    return v;
}

static struct slice get_slice(struct in *in, size_t max, const char *what)
{
    uint64_t n = get_int(in, 4, ABSENT, what);
    struct slice s;

    if (in->wrong || n == ABSENT)
        return (struct slice){NULL, 0};
    if (n > max || n > in->rest.n) {
        wrong(in, what);
        return (struct slice){NULL, 0};
    }
    s = slice_make(in->rest.p, (size_t)n);
    in->rest = slice_make(in->rest.p + n, in->rest.n - (size_t)n);
    return s;
}

/* A field that may be empty but not absent. */
static struct slice get_field(struct in *in, size_t max, const char *what)
{
    struct slice s = get_slice(in, max, what);

    if (!s.p)
        wrong(in, what);
    return s;
}

static int get_end(struct in *in, const char *frame, struct err *e)
{
    if (!in->wrong && in->rest.n)
        in->wrong = "octets left over";
    return in->wrong ? err_set(e, ERR_WIRE, "%s: %s", frame, in->wrong) : 0;
}

int wire_next(struct slice in, struct wire_frame *ret, size_t *ret_used, struct err *e)
{
    struct in header = {.rest = slice_make(in.p, WIRE_HEADER_SIZE)};
    uint64_t n, type, zero, id;

    if (in.n < WIRE_HEADER_SIZE)
        return 0;
    n = get_int(&header, 4, WIRE_PAYLOAD_MAX, "length");
    type = get_int(&header, 1, WIRE_REFUSED, "type");
    zero = get_int(&header, 3, 0, "the zero octets");
    id = get_int(&header, 8, UINT64_MAX, "id");
    if (!header.wrong && zero == 0 && (type < WIRE_TRUSTS || (type > WIRE_INSPECT && type < WIRE_SIGNED)))
        header.wrong = "type";
    if (header.wrong)
        return err_set(e, ERR_WIRE, "frame: %s", header.wrong);
    if (in.n - WIRE_HEADER_SIZE < n)
        return 0;
    *ret = (struct wire_frame){
        .type = (enum wire_type)type, .id = id, .payload = slice_make(in.p + WIRE_HEADER_SIZE, (size_t)n)};
    *ret_used = WIRE_HEADER_SIZE + (size_t)n;
    return 1;
}

/* One trust; the number of keys is what was announced, so none was there twice. */
static int get_trust(struct in *in, struct saml_trust *t, struct err *e)
{
    struct slice issuer = get_slice(in, FIELD_MAX, "issuer");
    struct err why = ERR_INIT;
    uint64_t nkeys;

    t->allow = (unsigned)get_int(in, 4, UINT32_MAX, "allow");
    nkeys = get_int(in, 1, SAML_KEYS_MAX, "number of keys");
    if (issuer.p && memchr(issuer.p, '\0', issuer.n))
        wrong(in, "issuer");
    for (uint64_t k = 0; k < nkeys && !in->wrong; k++) {
        struct slice spki = get_field(in, SPKI_MAX, "key");

        if (!in->wrong && (saml_trust_add_spki(t, spki, &why) != 0 || t->nkeys != k + 1))
            wrong(in, "key");
    }
    if (in->wrong || !issuer.p)
        return 0;
    t->issuer = strndup(issuer.p, issuer.n);
    return t->issuer ? 0 : err_set(e, ERR_MEMORY, "table of trusts");
}

int wire_get_trusts(struct slice payload, struct wire_trusts *ret, struct err *e)
{
    struct in in = {.rest = payload};
    uint64_t n = get_int(&in, 1, SAML_TRUSTS_MAX, "number of trusts");

    ret->n = 0;
    for (uint64_t i = 0; i < n && !in.wrong; i++) {
        saml_trust_init(&ret->v[i]);
        ret->n++;
        if (get_trust(&in, &ret->v[i], e) != 0) {
            wire_trusts_free(ret);
            return -1;
        }
    }
    if (get_end(&in, "trusts", e) == 0)
        return 0;
    wire_trusts_free(ret);
    return -1;
}

void wire_trusts_free(struct wire_trusts *t)
{
    for (size_t i = 0; i < t->n; i++)
        saml_trust_free(&t->v[i]);
    t->n = 0;
}

int wire_get_judge(struct slice payload, struct wire_judge *ret, struct err *e)
{
    struct in in = {.rest = payload};
    uint64_t message = get_int(&in, 1, SAML_MESSAGE_METADATA, "kind of message");
    uint32_t trust = (uint32_t)get_int(&in, 4, UINT32_MAX, "trust");
    struct wire_judge j = {.message = (enum saml_message)message};

    if (message < SAML_MESSAGE_RESPONSE)
        wrong(&in, "kind of message");
    if (trust == (uint32_t)WIRE_BY_ISSUER)
        j.trust = WIRE_BY_ISSUER;
    else if (trust == (uint32_t)WIRE_NO_TRUST && message == SAML_MESSAGE_METADATA)
        j.trust = WIRE_NO_TRUST;
    else if (trust < SAML_TRUSTS_MAX)
        j.trust = (int)trust;
    else
        wrong(&in, "trust");
    j.content_key = get_field(&in, SAML_CONTENT_KEY_MAX, "content key");
    j.xml = get_field(&in, WIRE_PAYLOAD_MAX, "document");
    if (get_end(&in, "judge", e) != 0)
        return -1;
    *ret = j;
    return 0;
}

int wire_get_inspect(struct slice payload, struct slice *ret_xml, struct err *e)
{
    struct in in = {.rest = payload};
    struct slice xml = get_field(&in, WIRE_PAYLOAD_MAX, "document");

    if (get_end(&in, "inspect", e) != 0)
        return -1;
    *ret_xml = xml;
    return 0;
}

static void get_wrapped(struct in *in, struct saml_wrapped_key *w)
{
    if (get_int(in, 1, 1, "wrapped key") == 0)
        return;
    w->transport = (enum saml_transport)get_int(in, 1, SAML_TRANSPORT_RSA15, "key transport");
    w->digest = (enum saml_hash)get_int(in, 1, SAML_HASH_SHA512, "digest of the key transport");
    w->mgf = (enum saml_hash)get_int(in, 1, SAML_HASH_SHA512, "mask of the key transport");
    w->content = (enum saml_cipher)get_int(in, 1, SAML_TRIPLEDES_CBC, "cipher");
    w->label = get_field(in, SAML_WRAPPED_MAX, "label");
    w->cipher = get_field(in, SAML_WRAPPED_MAX, "wrapped key");
    if (w->transport == SAML_TRANSPORT_NONE || w->content == SAML_CIPHER_NONE || w->cipher.n == 0 ||
        (w->transport == SAML_TRANSPORT_OAEP && (w->digest < SAML_HASH_SHA1 || w->mgf < SAML_HASH_SHA1)))
        wrong(in, "wrapped key");
}

/* Signatures, an unsigned document, or a key to unwrap first: exactly one of them. */
static void check_signed(struct in *in, const struct saml_signed *s)
{
    bool plain = s->plain_what != SAML_NOTHING, wrapped = s->wrapped.cipher.p != NULL;

    if ((s->nsig > 0) + plain + wrapped != 1)
        wrong(in, "what was found");
    if (!plain && s->plain.n)
        wrong(in, "an unsigned document of no kind");
    if (s->nsig == 2 && (s->sig[0].what != SAML_RESPONSE || s->sig[1].what != SAML_ASSERTION))
        wrong(in, "order of the signatures");
}

int wire_get_signed(struct slice payload, struct saml_signed *ret, struct err *e)
{
    struct in in = {.rest = payload};
    struct saml_signed s = {.nsig = 0};
    struct slice *outer[] = {&s.outer.issuer, &s.outer.destination, &s.outer.in_response_to, &s.outer.status_code,
                             &s.outer.status_detail};

    s.trust = (size_t)get_int(&in, 1, SAML_TRUSTS_MAX - 1, "trust");
    s.nsig = (size_t)get_int(&in, 1, 2, "number of signatures");
    for (size_t i = 0; i < s.nsig; i++) {
        s.sig[i].what = (enum saml_element)get_int(&in, 1, SAML_METADATA, "signed element");
        if (s.sig[i].what == SAML_NOTHING)
            wrong(&in, "signed element");
        s.sig[i].signed_info = get_field(&in, FIELD_MAX, "SignedInfo");
        s.sig[i].signature_value = get_field(&in, SIGNATURE_VALUE_MAX, "SignatureValue");
        s.sig[i].element = get_field(&in, WIRE_PAYLOAD_MAX, "signed octets");
    }
    for (size_t i = 0; i < sizeof outer / sizeof *outer; i++)
        *outer[i] = get_slice(&in, FIELD_MAX, "unsigned text");
    s.plain_what = (enum saml_element)get_int(&in, 1, SAML_METADATA, "unsigned document");
    s.plain = get_field(&in, WIRE_PAYLOAD_MAX, "unsigned document");
    get_wrapped(&in, &s.wrapped);
    check_signed(&in, &s);
    if (get_end(&in, "signed", e) != 0)
        return -1;
    *ret = s;
    return 0;
}

/* Text as str_escape() leaves it: it goes to logs and terminals as it is. */
static void check_escaped(struct in *in, struct slice s, const char *what)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 0x20 || s.p[i] > 0x7e)
            wrong(in, what);
    }
}

/* All that a certificate says, or nothing. */
static void get_certificate_key(struct in *in, struct saml_inspected_signature *s)
{
    bool has;

    s->key_type = (enum saml_key_type)get_int(in, 1, SAML_KEY_EC, "key");
    s->key_bits = (unsigned)get_int(in, 4, UINT32_MAX, "key");
    s->not_after = (int64_t)get_int(in, 8, UINT64_MAX, "key");
    has = s->key_type != SAML_KEY_NONE;
    if (has != (s->spki.p != NULL) || has != (s->subject.p != NULL) || has != (s->key_bits != 0) ||
        (has ? !s->certificate.p : s->not_after != 0))
        wrong(in, "key");
    if (s->spki.n > SPKI_MAX || s->subject.n >= sizeof((struct saml_key *)0)->subject)
        wrong(in, "key");
    check_escaped(in, s->subject, "key");
}

static void get_inspected_signature(struct in *in, struct saml_inspected_signature *s)
{
    struct slice *parts[SIGNATURE_TEXTS];

    signature_texts(s, parts);
    for (size_t k = 0; k < SIGNATURE_TEXTS; k++)
        *parts[k] = get_slice(in, WIRE_PAYLOAD_MAX, "signature");
    s->covers_parent = get_int(in, 1, 1, "signature") == 1;
    get_certificate_key(in, s);
}

static int keep(struct arena *a, struct slice *s, struct err *e)
{
    if (!a || !s->p)
        return 0;
    *s = arena_slice(a, *s);
    return s->p ? 0 : err_set(e, ERR_MEMORY, "inspection");
}

static int keep_inspected(struct arena *a, struct saml_inspection *i, struct err *e)
{
    struct slice *texts[INSPECTED_TEXTS], *parts[SIGNATURE_TEXTS];

    inspected_texts(i, texts);
    for (size_t n = 0; n < INSPECTED_TEXTS; n++) {
        if (keep(a, texts[n], e) != 0)
            return -1;
    }
    for (size_t n = 0; n < i->nsignatures; n++) {
        signature_texts(&i->signatures[n], parts);
        for (size_t k = 0; k < SIGNATURE_TEXTS; k++) {
            if (keep(a, parts[k], e) != 0)
                return -1;
        }
    }
    return 0;
}

int wire_get_inspected(struct slice payload, struct arena *a, struct saml_inspection *ret, struct err *e)
{
    struct in in = {.rest = payload};
    struct slice *texts[INSPECTED_TEXTS];

    *ret = (struct saml_inspection){.nsignatures = 0};
    inspected_texts(ret, texts);
    for (size_t n = 0; n < INSPECTED_TEXTS; n++)
        *texts[n] = get_slice(&in, WIRE_PAYLOAD_MAX, "text");
    ret->assertions = (size_t)get_int(&in, 4, UINT32_MAX, "number of assertions");
    ret->encrypted_assertions = (size_t)get_int(&in, 4, UINT32_MAX, "number of encrypted assertions");
    ret->signatures_in_all = (size_t)get_int(&in, 4, UINT32_MAX, "number of signatures");
    ret->traits = (unsigned)get_int(&in, 4, SAML_TRAITS_ALL, "traits");
    ret->nsignatures = (size_t)get_int(&in, 1, SAML_INSPECT_SIGNATURES_MAX, "described signatures");
    if (ret->nsignatures > ret->signatures_in_all)
        wrong(&in, "described signatures");
    for (size_t n = 0; n < ret->nsignatures; n++)
        get_inspected_signature(&in, &ret->signatures[n]);
    if (get_end(&in, "inspected", e) != 0 || keep_inspected(a, ret, e) != 0) {
        *ret = (struct saml_inspection){.nsignatures = 0};
        return -1;
    }
    return 0;
}

static void get_text(struct in *in, char *dst, size_t size, const char *what)
{
    struct slice s = get_field(in, size - 1, what);

    check_escaped(in, s, what);
    if (!in->wrong)
        (void)str_copy(dst, size, s);
}

int wire_get_refused(struct slice payload, size_t *ret_trust, struct err *ret, struct err *e)
{
    struct in in = {.rest = payload};
    struct err why = ERR_INIT;
    char name[48] = "";
    size_t trust = (size_t)get_int(&in, 1, SAML_TRUSTS_MAX, "trust");
    enum err_code code;

    get_text(&in, name, sizeof name, "code");
    code = err_by_name(name);
    get_text(&in, why.msg, sizeof why.msg, "message");
    get_text(&in, why.found, sizeof why.found, "found");
    get_text(&in, why.expected, sizeof why.expected, "expected");
    get_text(&in, why.at, sizeof why.at, "place");
    if (!worker_may_say(code))
        wrong(&in, "code");
    if (get_end(&in, "refused", e) != 0)
        return -1;
    why.code = code;
    why.file = __FILE__;
    why.func = __func__;
    why.line = __LINE__;
    *ret = why;
    *ret_trust = trust;
    return 0;
}
