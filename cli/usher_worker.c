/*
 * usher_worker.c - the verification worker: hostile XML in, signed bytes out (saml/verify.h), inside a sandbox.
 *
 *     usher-worker MEMORY     reads frames (saml/wire.h) from descriptor 0, writes frames to descriptor 1
 *
 * Started by usher with one socket pair as both descriptors, an empty environment, and MEMORY octets of address space.
 * It owns no key, no file, no network, no clock; whoever takes it over owns one end of a socket pair. It handles what
 * has come, one document after the other, each with an arena of its own, then answers all of it in one write. It trusts
 * the router as little as it is trusted: a malformed frame ends it, and so does the end of input.
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "saml/selftest.h"
#include "saml/wire.h"

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || HAS_FEATURE(address_sanitizer) || \
    HAS_FEATURE(thread_sanitizer) || HAS_FEATURE(memory_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#define CHUNK ((size_t)256 * 1024)
/* Answers wait for the end of a batch, but not behind more work than this: the router counts time by them. */
#define BATCH_OCTETS ((size_t)64 * 1024)

/* --- the sandbox -------------------------------------------------------------------------------------------------- */

struct rule {
    int call;
    unsigned nargs;
    struct scmp_arg_cmp args[2];
};

/* Argument number n is this; all of these bits are set; none of them is. */
#define IS(n, value)                 \
    {                                \
        (n), SCMP_CMP_EQ, (value), 0 \
    }
#define HAS(n, bits)                            \
    {                                           \
        (n), SCMP_CMP_MASKED_EQ, (bits), (bits) \
    }
#define HASNT(n, bits)                     \
    {                                      \
        (n), SCMP_CMP_MASKED_EQ, (bits), 0 \
    }

/* Reading requests, writing answers, memory that cannot be executed, ending. */
/* clang-format off */
static const struct rule rules[] = {
    {SCMP_SYS(read), 1, {IS(0, STDIN_FILENO)}},
    {SCMP_SYS(write), 1, {IS(0, STDOUT_FILENO)}},
    {SCMP_SYS(mmap), 2, {HASNT(2, PROT_EXEC), HAS(3, MAP_ANONYMOUS | MAP_PRIVATE)}},
    {SCMP_SYS(mprotect), 1, {HASNT(2, PROT_EXEC)}}, /* malloc, when brk is exhausted */
    {SCMP_SYS(munmap), 0, {{0}}},
    {SCMP_SYS(mremap), 0, {{0}}},
    {SCMP_SYS(madvise), 0, {{0}}},
    {SCMP_SYS(brk), 0, {{0}}},
    {SCMP_SYS(futex), 0, {{0}}},         /* locks that nobody else holds, where libraries believe in threads */
    {SCMP_SYS(clock_gettime), 0, {{0}}}, /* where the kernel's clock is not in the vdso */
    {SCMP_SYS(getrandom), 0, {{0}}},
    {SCMP_SYS(getpid), 0, {{0}}}, /* OpenSSL asks whether it was forked before it gives random octets */
    {SCMP_SYS(rt_sigreturn), 0, {{0}}},
    {SCMP_SYS(exit_group), 0, {{0}}},
#if SANITIZED /* what the run-time needs for its bookkeeping and for a report on standard error */
    {SCMP_SYS(read), 0, {{0}}},
    {SCMP_SYS(write), 1, {IS(0, STDERR_FILENO)}},
    {SCMP_SYS(mmap), 0, {{0}}},
    {SCMP_SYS(mprotect), 0, {{0}}},
    {SCMP_SYS(openat), 0, {{0}}},
    {SCMP_SYS(close), 0, {{0}}},
    {SCMP_SYS(fstat), 0, {{0}}},
    {SCMP_SYS(newfstatat), 0, {{0}}},
    {SCMP_SYS(lseek), 0, {{0}}},
    {SCMP_SYS(readlink), 0, {{0}}},
    {SCMP_SYS(readlinkat), 0, {{0}}},
    {SCMP_SYS(gettid), 0, {{0}}},
    {SCMP_SYS(tgkill), 0, {{0}}},
    {SCMP_SYS(prctl), 0, {{0}}},
    {SCMP_SYS(prlimit64), 0, {{0}}},
    {SCMP_SYS(sched_yield), 0, {{0}}},
    {SCMP_SYS(sched_getaffinity), 0, {{0}}},
    {SCMP_SYS(clock_nanosleep), 0, {{0}}},
    {SCMP_SYS(sigaltstack), 0, {{0}}},
    {SCMP_SYS(rt_sigaction), 0, {{0}}},
    {SCMP_SYS(rt_sigprocmask), 0, {{0}}},
#endif
};
/* clang-format on */

static int filter_calls(struct err *e)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int rc = ctx ? seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) : -ENOMEM;

    for (size_t i = 0; rc == 0 && i < sizeof rules / sizeof *rules; i++)
        rc = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, rules[i].call, rules[i].nargs, rules[i].args);
    if (rc == 0)
        rc = seccomp_load(ctx);
    seccomp_release(ctx);
    return rc == 0 ? 0 : err_set(e, ERR_INTERNAL, "seccomp: %s", strerror(-rc));
}

static int limit(int resource, rlim_t max, const char *name, struct err *e)
{
    const struct rlimit l = {max, max};

    return setrlimit((__rlimit_resource_t)resource, &l) == 0
               ? 0
               : err_set(e, ERR_INTERNAL, "%s: %s", name, strerror(errno));
}

static int enter_sandbox(uint64_t memory, struct err *e)
{
    if (close_range(STDERR_FILENO + 1, ~0U, 0) != 0)
        return err_set(e, ERR_INTERNAL, "close_range: %s", strerror(errno));
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return err_set(e, ERR_INTERNAL, "prctl: %s", strerror(errno));
    if (!SANITIZED && limit(RLIMIT_AS, memory, "RLIMIT_AS", e) != 0)
        return -1;
    if (limit(RLIMIT_CORE, 0, "RLIMIT_CORE", e) != 0 || limit(RLIMIT_NPROC, 0, "RLIMIT_NPROC", e) != 0)
        return -1;
    /* a sanitizer opens /proc/self/maps for its report */
    if (!SANITIZED && limit(RLIMIT_NOFILE, 0, "RLIMIT_NOFILE", e) != 0)
        return -1;
    return filter_calls(e);
}

/* --- one frame ---------------------------------------------------------------------------------------------------- */

struct worker {
    struct wire_trusts trusts;
    const struct saml_trust *all[SAML_TRUSTS_MAX];
    struct buf in, out;
    size_t batch; /* octets of XML judged since the last write */
};

static int judge(const struct worker *w, const struct wire_judge *j, struct arena *a, struct saml_signed *ret,
                 struct err *e)
{
    struct saml_verify_request rq = {.message = j->message, .xml = j->xml, .content_key = j->content_key};
    int rc;

    rq.by_issuer = j->trust == WIRE_BY_ISSUER;
    if (rq.by_issuer) {
        rq.trusts = w->all;
        rq.ntrusts = w->trusts.n;
    } else if (j->trust >= 0) {
        rq.trusts = &w->all[j->trust];
        rq.ntrusts = 1;
    }
    rc = saml_verify_message(&rq, a, ret, e);
    if (j->trust >= 0)
        ret->trust = (size_t)j->trust; /* it was the only one that the verifier saw */
    return rc;
}

/* The answer that was just written is longer than the router would take, or could not be written. */
static bool too_long(const struct worker *w, size_t before, size_t xml)
{
    return buf_failed(&w->out) || w->out.len - before > WIRE_HEADER_SIZE + wire_reply_max(xml);
}

static int answer(struct worker *w, uint64_t id, size_t before, size_t xml, size_t trust, struct err *e)
{
    if (e->code == ERR_NONE && too_long(w, before, xml)) {
        w->out.len = before;
        w->out.failed = false;
        (void)err_set(e, ERR_LIMIT, "what was found in the message is too long to be handed on");
    }
    if (e->code == ERR_NONE)
        return 0;
    if (err_class_of(e->code) == ERR_CLASS_BUG) /* the place would be lost on the way */
        (void)err_wrap(e, "%s:%d", e->file, e->line);
    wire_put_refused(&w->out, id, trust, e);
    return buf_failed(&w->out) ? -1 : 0;
}

static int on_judge(struct worker *w, const struct wire_frame *f)
{
    struct err e = ERR_INIT;
    struct wire_judge j;
    struct saml_signed s;
    struct arena a;
    size_t before = w->out.len;
    int rc;

    if (wire_get_judge(f->payload, &j, &e) != 0 || (j.trust >= 0 && (size_t)j.trust >= w->trusts.n))
        return -1;
    arena_init(&a, 2 * wire_reply_max(j.xml.n));
    if (judge(w, &j, &a, &s, &e) == 0)
        wire_put_signed(&w->out, f->id, &s);
    rc = answer(w, f->id, before, j.xml.n, s.trust, &e);
    arena_free(&a);
    w->batch += j.xml.n;
    return rc;
}

static int on_inspect(struct worker *w, const struct wire_frame *f)
{
    struct saml_inspection inspection;
    struct err e = ERR_INIT;
    struct slice xml;
    struct arena a;
    size_t before = w->out.len;
    int rc;

    if (wire_get_inspect(f->payload, &xml, &e) != 0)
        return -1;
    arena_init(&a, 2 * wire_reply_max(xml.n));
    if (saml_inspect(xml, &a, &inspection, &e) == 0)
        wire_put_inspected(&w->out, f->id, &inspection);
    rc = answer(w, f->id, before, xml.n, SAML_TRUSTS_MAX, &e);
    arena_free(&a);
    w->batch += xml.n;
    return rc;
}

static int on_trusts(struct worker *w, const struct wire_frame *f)
{
    struct err e = ERR_INIT;

    wire_trusts_free(&w->trusts);
    if (wire_get_trusts(f->payload, &w->trusts, &e) != 0)
        return -1;
    for (size_t i = 0; i < w->trusts.n; i++)
        w->all[i] = &w->trusts.v[i];
    return 0;
}

static int on_frame(struct worker *w, const struct wire_frame *f)
{
    switch (f->type) {
    case WIRE_TRUSTS: return on_trusts(w, f);
    case WIRE_JUDGE: return on_judge(w, f);
    case WIRE_INSPECT: return on_inspect(w, f);
    case WIRE_SIGNED:
    case WIRE_INSPECTED:
    case WIRE_REFUSED: break;
    }
    return -1;
}

/* --- the loop ----------------------------------------------------------------------------------------------------- */

static int flush(struct worker *w)
{
    struct slice rest = buf_slice(&w->out);

    while (rest.n > 0) {
        ssize_t n = write(STDOUT_FILENO, rest.p, rest.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        rest = slice_make(rest.p + n, rest.n - (size_t)n);
    }
    /* metadata of a federation is rare: its room is not kept */
    if (w->out.cap > 4 * CHUNK)
        buf_free(&w->out);
    else
        buf_reset(&w->out);
    w->batch = 0;
    return 0;
}

/* All whole frames that are there; what is left of the next one moves to the front. */
static int handle(struct worker *w)
{
    struct slice rest = buf_slice(&w->in);
    struct err e = ERR_INIT;
    struct wire_frame f;
    size_t used = 0;
    int r;

    while ((r = wire_next(rest, &f, &used, &e)) == 1) {
        if (on_frame(w, &f) != 0 || (w->batch >= BATCH_OCTETS && flush(w) != 0))
            return -1;
        rest = slice_make(rest.p + used, rest.n - used);
    }
    if (r < 0 || flush(w) != 0)
        return -1;
    if (rest.n == 0 && w->in.cap > 4 * CHUNK) {
        buf_free(&w->in);
    } else if (w->in.data) {
        memmove(w->in.data, rest.p, rest.n);
        w->in.len = rest.n;
    }
    return 0;
}

/* 0 at the end of input between two frames. */
static int serve(struct worker *w)
{
    for (;;) {
        char *room = buf_room(&w->in, CHUNK);
        ssize_t n;

        if (!room)
            return -1;
        n = read(STDIN_FILENO, room, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 && w->in.len == 0 ? 0 : -1;
        w->in.len += (size_t)n;
        if (handle(w) != 0)
            return -1;
    }
}

static int fail(const struct err *e)
{
    err_print(stderr, "usher-worker", e);
    return 2;
}

int main(int argc, char **argv)
{
    static struct worker w;
    struct err e = ERR_INIT;
    uint64_t memory;

    if (argc != 2 || !str_to_u64(slice_of(argv[1]), RLIM_INFINITY, &memory)) {
        fputs("usher-worker: usher starts it, with the memory it may have as its argument\n", stderr);
        return 2;
    }
    if (saml_init(&e) != 0 || saml_selftest(&e) != 0 || enter_sandbox(memory, &e) != 0)
        return fail(&e);
    if (saml_selftest(&e) != 0)
        _exit(2);
    buf_init(&w.in, WIRE_HEADER_SIZE + WIRE_PAYLOAD_MAX + CHUNK);
    buf_init(&w.out, 4 * (size_t)WIRE_PAYLOAD_MAX);
    /* not exit(): what runs at its end wants calls that are not allowed any more */
    _exit(serve(&w) == 0 ? 0 : 1);
}
