/*
 * Fuzzes saml/wire.h: the input is what came through the pipe, from either side. Whatever is decoded and written again
 * gives the same octets, so nothing is read in two ways and nothing is passed over. (Keys are the exception: DER may be
 * made anew.) A reply then goes on as that of a worker that lies: nothing is accepted, for nothing in it is signed.
 */
#include "saml/logout.h"
#include "saml/wire.h"
#include "tests/fuzz/saml_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the router does with it, whichever message it had asked about. */
static void lied(const struct saml_signed *s)
{
    struct saml_expect x = rig_expect(0);
    static struct saml_verdict v;
    struct err e = ERR_INIT;
    struct saml_logout l;
    struct arena a;
    int rc;

    arena_init(&a, SAML_ARENA_MAX);
    rc = saml_judge_signed(s, rig_trust(), rig_sp_keys(), 0, &x, &a, &v, &e);
    must(rc != 0);
    rig_check_verdict(rc, &v, &x, &e);
    err_clear(&e);
    if (saml_logout_signed(s, rig_trust(), 0, NULL, &a, &l, &e) == 0)
        must(!l.is_signed && s->nsig == 0);
    else
        must_blame_input(&e);
    arena_free(&a);
}

/* False: refused, for a reason that is the sender's. */
static bool again(const struct wire_frame *f, struct buf *out, struct err *e)
{
    static struct wire_trusts trusts;
    static struct saml_inspection inspection;
    struct wire_judge judge;
    struct saml_signed s;
    struct slice xml;
    size_t trust;
    struct err why;

    switch (f->type) {
    case WIRE_TRUSTS:
        if (wire_get_trusts(f->payload, &trusts, e) != 0)
            return false;
        wire_trusts_free(&trusts);
        out->failed = true;
        return true;
    case WIRE_JUDGE:
        if (wire_get_judge(f->payload, &judge, e) != 0)
            return false;
        wire_put_judge(out, f->id, &judge);
        return true;
    case WIRE_INSPECT:
        if (wire_get_inspect(f->payload, &xml, e) != 0)
            return false;
        wire_put_inspect(out, f->id, xml);
        return true;
    case WIRE_SIGNED:
        if (wire_get_signed(f->payload, &s, e) != 0)
            return false;
        wire_put_signed(out, f->id, &s);
        lied(&s);
        return true;
    case WIRE_INSPECTED:
        if (wire_get_inspected(f->payload, NULL, &inspection, e) != 0)
            return false;
        wire_put_inspected(out, f->id, &inspection);
        return true;
    case WIRE_REFUSED:
        if (wire_get_refused(f->payload, &trust, &why, e) != 0)
            return false;
        wire_put_refused(out, f->id, trust, &why);
        return true;
    }
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_make(data, size);
    struct wire_frame f;
    struct err e = ERR_INIT;
    size_t used = 0;
    int r;

    while ((r = wire_next(rest, &f, &used, &e)) == 1) {
        struct buf out;

        if (used > rest.n)
            abort();
        buf_init(&out, size + WIRE_HEADER_SIZE);
        if (again(&f, &out, &e)) {
            if (!out.failed && !slice_eq(buf_slice(&out), slice_make(rest.p, used)))
                abort();
        } else if (e.code != ERR_WIRE) {
            abort();
        }
        buf_free(&out);
        err_clear(&e);
        rest = slice_make(rest.p + used, rest.n - used);
    }
    if (r < 0 && e.code != ERR_WIRE)
        abort();
    return 0;
}
