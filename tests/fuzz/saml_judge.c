/*
 * Fuzzes the whole verdict, once in one process (saml/judge.h) and once as router and worker share it: trusts, request
 * and answer cross the wire in between, and what is encrypted takes its second round. Both must come to the same. The
 * first octet: saml_rig.h, and the two bits below; the rest is a file as an administrator may have it.
 *
 * The documents of the corpus hold: the keys of saml_key.h signed them and are able to decrypt them.
 */
#include "saml/wire.h"
#include "tests/fuzz/saml_rig.h"

#define BY_ISSUER 64U
#define NO_SP_KEYS 128U
#define TEXT_MAX (64 * (size_t)1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice payload(const struct buf *b, enum wire_type type)
{
    struct err e = ERR_INIT;
    struct wire_frame f;
    size_t used;

    must(!buf_failed(b) && wire_next(buf_slice(b), &f, &used, &e) == 1 && used == b->len && f.type == type);
    return f.payload;
}

/* The worker's part of one round, with all that crosses. */
static int worker(const struct wire_judge *ask, const struct wire_trusts *trusts, struct buf *reply, struct arena *a,
                  struct saml_signed *ret, struct err *e)
{
    const struct saml_trust *table[] = {&trusts->v[0]};
    struct saml_verify_request rq = {.trusts = table, .ntrusts = 1};
    struct err why = ERR_INIT, wire = ERR_INIT;
    struct saml_signed s;
    struct wire_judge j;
    struct buf question;
    size_t trust;
    int rc;

    buf_init(&question, 2 * TEXT_MAX + 4 * ask->xml.n);
    wire_put_judge(&question, 7, ask);
    must(wire_get_judge(payload(&question, WIRE_JUDGE), &j, &wire) == 0);
    rq.message = j.message;
    rq.xml = j.xml;
    rq.by_issuer = j.trust == WIRE_BY_ISSUER;
    rq.content_key = j.content_key;
    rc = saml_verify_message(&rq, a, &s, &why);
    if (rc == 0) {
        wire_put_signed(reply, 7, &s);
        must(wire_get_signed(payload(reply, WIRE_SIGNED), ret, &wire) == 0);
    } else {
        wire_put_refused(reply, 7, s.trust, &why);
        must(wire_get_refused(payload(reply, WIRE_REFUSED), &trust, e, &wire) == 0 && e->code == why.code);
        must(trust <= SAML_TRUSTS_MAX);
    }
    buf_free(&question);
    return rc;
}

/* The router's part around it. */
static int judge_by_worker(struct slice xml, unsigned flags, const struct saml_sp_keys *keys,
                           const struct saml_expect *x, struct saml_verdict *v, struct arena *a, struct buf *reply,
                           struct err *e)
{
    const struct saml_trust *trust = rig_trust();
    struct wire_judge ask = {
        .message = SAML_MESSAGE_RESPONSE, .trust = flags & BY_ISSUER ? WIRE_BY_ISSUER : 0, .xml = xml};
    unsigned char key[SAML_CONTENT_KEY_MAX];
    static struct wire_trusts trusts;
    struct err wire = ERR_INIT;
    static struct saml_signed s; /* the verdict borrows from it */
    struct buf table;
    int rc;

    *v = (struct saml_verdict){.has_email = false};
    buf_init(&table, TEXT_MAX);
    wire_put_trusts(&table, &trust, 1);
    must(wire_get_trusts(payload(&table, WIRE_TRUSTS), &trusts, &wire) == 0);
    must(trusts.n == 1 && trusts.v[0].nkeys == trust->nkeys && trusts.v[0].allow == trust->allow);
    rc = worker(&ask, &trusts, reply, a, &s, e);
    if (rc == 0 && s.wrapped.cipher.p) {
        rc = saml_unwrap_key(keys, trust->allow, &s.wrapped, key, e);
        if (rc == 0) {
            ask.content_key = slice_make(key, saml_cipher_key_size(s.wrapped.content));
            buf_reset(reply);
            rc = worker(&ask, &trusts, reply, a, &s, e);
        }
    }
    wire_trusts_free(&trusts);
    buf_free(&table);
    return rc == 0 ? saml_judge_signed(&s, trust, keys, trust->allow, x, a, v, e) : -1;
}

static void compare(struct slice xml, unsigned flags)
{
    const struct saml_sp_keys *keys = flags & NO_SP_KEYS ? NULL : rig_sp_keys();
    struct saml_expect x = rig_expect(flags);
    static struct saml_verdict alone, shared;
    struct err e = ERR_INIT, by_worker = ERR_INIT;
    struct arena a, b;
    struct buf reply;
    int rc, rc_worker;

    arena_init(&a, SAML_ARENA_MAX);
    arena_init(&b, SAML_ARENA_MAX);
    buf_init(&reply, SAML_ARENA_MAX);
    rig_trust()->allow = flags & RIG_ALLOW_ALL;
    rc = saml_judge(xml, rig_trust(), keys, flags & RIG_ALLOW_ALL, &x, &a, &alone, &e);
    rig_check_verdict(rc, &alone, &x, &e);
    rc_worker = judge_by_worker(xml, flags, keys, &x, &shared, &b, &reply, &by_worker);
    rig_check_verdict(rc_worker, &shared, &x, &by_worker);
    if (rc == 0)
        must(rc_worker == 0 && slice_eq(alone.assertion.name_id, shared.assertion.name_id) &&
             slice_eq(alone.assertion.id, shared.assertion.id) && alone.valid_until == shared.valid_until &&
             alone.assertion.nattributes == shared.assertion.nattributes);
    else /* by issuer: the name alone may be what is refused */
        must(rc_worker != 0 && (e.code == by_worker.code || (flags & BY_ISSUER && by_worker.code == ERR_ISSUER)));
    buf_free(&reply);
    arena_free(&b);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = ERR_INIT;
    struct slice xml;
    struct arena a;

    if (size < 1 || size > TEXT_MAX)
        return 0;
    arena_init(&a, SAML_ARENA_MAX);
    if (saml_unwrap_file(slice_make(data + 1, size - 1), &a, &xml, &e) == 0)
        compare(xml, data[0]);
    arena_free(&a);
    return 0;
}
