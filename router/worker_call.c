/* worker_call.c - the part of worker.h that waits: for commands, and for the daemon before its loops run. */
#include <event2/event.h>

#include "router/worker_impl.h"

struct call {
    struct arena *arena;
    struct slice reply;
    struct err err;
    bool done;
};

static void call_done(struct worker_request *r, struct slice reply, const struct err *why)
{
    struct call *c = r->arg;

    c->done = true;
    if (why) {
        c->err = *why;
        return;
    }
    c->reply = arena_slice(c->arena, reply);
    if (!c->reply.p)
        (void)err_set(&c->err, ERR_MEMORY, "no memory for an answer of %zu octets", reply.n);
}

static void wait_once(struct event_base *base, struct worker *w)
{
    struct err why = ERR_INIT;

    if (event_base_loop(base, EVLOOP_ONCE) == 0)
        return;
    (void)err_set(&why, ERR_INTERNAL, "nothing is left to wait for");
    worker_give_up(w, &why);
}

void worker_wait(struct worker *w)
{
    wait_once(worker_base(w), w);
}

int worker_call(struct event_base *base, struct worker *w, struct worker_request *r, struct arena *a,
                struct slice *ret_reply, struct err *e)
{
    struct call c = {.arena = a};

    r->done = call_done;
    r->arg = &c;
    if (worker_submit(w, r, e) != 0)
        return -1;
    while (!c.done)
        wait_once(base ? base : worker_base(w), w);
    if (c.err.code != ERR_NONE) {
        *e = c.err;
        return -1;
    }
    *ret_reply = c.reply;
    return 0;
}

int worker_open_blocking(const struct worker_options *o, struct worker **ret, struct err *e)
{
    struct event_base *base = event_base_new();

    if (!base)
        return err_set(e, ERR_MEMORY, "event loop");
    if (worker_new(base, o, ret, e) != 0) {
        event_base_free(base);
        return -1;
    }
    worker_own_base(*ret);
    return 0;
}

/* It has to say, of a document that is no Response, that it is none. */
int worker_check(struct worker *w, struct err *e)
{
    struct worker_request r = {.judge = {SAML_MESSAGE_RESPONSE, WIRE_BY_ISSUER, SLICE(""), SLICE("<Response/>")}};
    struct slice reply;
    struct err why = ERR_INIT;
    struct arena a;

    r.trusts = trusts_borrow(NULL, 0);
    if (!r.trusts)
        return err_set(e, ERR_MEMORY, "table of trusts");
    arena_init(&a, 64 * 1024);
    (void)worker_call(NULL, w, &r, &a, &reply, &why);
    arena_free(&a);
    trusts_unref(r.trusts);
    if (why.code == ERR_RESPONSE_SHAPE)
        return 0;
    if (why.code == ERR_WORKER)
        *e = why;
    else
        (void)err_set(e, ERR_WORKER, "the verification worker gives a wrong answer: %s", why.msg);
    return err_wrap(e, "%s", worker_program(w));
}
