/*
 * worker.c - what a whole verdict costs with usher-worker between: from the base64 text of a form to a struct
 * saml_verdict, CPU time of both processes, which share one core as in the daemon.
 *
 *   worker ROUNDS RESPONSE.xml CERT.pem ISSUER ACS AUDIENCE REQUEST-ID
 *
 * One at a time, every Response waits for two changes of process; with eight in flight they are written and read
 * together. The pipe is also measured alone, with Responses that the worker refuses at first sight.
 */
#include "tests/bench/verdict.h"

#include <sched.h>

#include <event2/event.h>

#include "router/worker.h"

#define IN_FLIGHT 8

static struct {
    struct event_base *base;
    struct worker *worker;
    struct trusts *trusts;
    clockid_t clock; /* of the worker process */
    size_t pending;
    bool failed;
} with;

struct verdict_request {
    struct worker_request rq;
    struct buf xml;
    bool good; /* what the verdict has to be */
};

static void done(struct worker_request *r, struct slice reply, const struct err *why)
{
    const struct verdict_request *v = r->arg;
    struct saml_verdict verdict;
    struct saml_signed s;
    struct err e = ERR_INIT;
    struct arena a;
    bool ok;

    arena_init(&a, SAML_ARENA_MAX);
    ok = !why && wire_get_signed(reply, &s, &e) == 0 &&
         saml_judge_signed(&s, &in.trust, NULL, 0, &in.expect, &a, &verdict, &e) == 0 && verdict.has_email;
    arena_free(&a);
    with.failed |= ok != v->good;
    with.pending--;
}

/* `n` texts in flight at once; true if every verdict is `good`. */
static bool judge_together(struct slice base64, size_t n, bool good)
{
    struct verdict_request v[IN_FLIGHT];
    struct err e = ERR_INIT;

    with.failed = false;
    for (size_t i = 0; i < n; i++) {
        v[i] = (struct verdict_request){.good = good};
        buf_init(&v[i].xml, SAML_XML_MAX);
        if (base64_decode(base64, &v[i].xml, &e) != 0)
            return false;
        v[i].rq = (struct worker_request){.judge = {SAML_MESSAGE_RESPONSE, 0, SLICE(""), buf_slice(&v[i].xml)},
                                          .trusts = with.trusts,
                                          .done = done,
                                          .arg = &v[i]};
        if (worker_submit(with.worker, &v[i].rq, &e) != 0)
            return false;
        with.pending++;
    }
    while (with.pending > 0 && event_base_loop(with.base, EVLOOP_ONCE) == 0)
        continue;
    for (size_t i = 0; i < n; i++)
        buf_free(&v[i].xml);
    return !with.failed && with.pending == 0;
}

static struct slice base64_of(struct slice data)
{
    static struct buf text[2];
    static size_t used;
    struct buf *b = &text[used++];

    buf_init(b, 128 * 1024);
    base64_encode(b, data.p, data.n);
    return buf_slice(b);
}

/* The first core that this process may use. */
static int pin(void)
{
    cpu_set_t all, one;

    if (sched_getaffinity(0, sizeof all, &all) != 0)
        return -1;
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (!CPU_ISSET(i, &all))
            continue;
        CPU_ZERO(&one);
        CPU_SET(i, &one);
        return sched_setaffinity(0, sizeof one, &one) == 0 ? i : -1;
    }
    return -1;
}

static struct slice junk;
static int core;

static bool start(void)
{
    static const struct saml_trust *trust = &in.trust;
    struct worker_options o;
    struct worker_stats stats;
    char path[4096];
    struct err e = ERR_INIT;

    worker_options_init(&o);
    if (saml_init(&e) != 0 || worker_path(path, sizeof path, &e) != 0)
        slices_fail("worker", e.msg);
    o.path = path;
    o.cpu = core;
    with.base = event_base_new();
    with.trusts = trusts_borrow(&trust, 1);
    junk = base64_of(SLICE("no XML"));
    if (!with.base || !with.trusts || worker_new(with.base, &o, &with.worker, &e) != 0)
        slices_fail("worker", e.msg);
    if (!judge_together(in.base64, 1, true) || !judge_together(base64_of(in.twin), 1, false) ||
        !judge_together(junk, 1, false))
        return false;
    worker_stats(with.worker, &stats);
    return stats.pid > 0 && clock_getcpuclockid(stats.pid, &with.clock) == 0;
}

static double worker_cpu_ns(void)
{
    struct timespec t = {0, 0};

    if (with.worker && clock_gettime(with.clock, &t) != 0)
        slices_fail("worker", "its process has ended");
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static bool one_once(void)
{
    return judge_together(in.base64, 1, true);
}

static bool eight_once(void)
{
    return judge_together(in.base64, IN_FLIGHT, true);
}

static bool junk_once(void)
{
    return judge_together(junk, IN_FLIGHT, false);
}

int main(int argc, char **argv)
{
    static const struct slices_way ways[] = {
        {.name = "floor", .start = floor_start, .once = floor_once},
        {.name = "worker, one", .start = start, .once = one_once, .extra = worker_cpu_ns},
        {.name = "worker, eight", .start = start, .once = eight_once, .extra = worker_cpu_ns},
        {.name = "worker, junk", .start = start, .once = junk_once, .extra = worker_cpu_ns},
    };
    enum { FLOOR, ONE, EIGHT, JUNK };
    static double ns[SLICES_MAX][SLICES_ROUNDS_MAX];
    size_t rounds = argc == 8 ? strtoul(argv[1], NULL, 10) : 0;

    if (rounds < 4 || rounds > SLICES_ROUNDS_MAX)
        slices_fail("usage", "worker ROUNDS RESPONSE.xml CERT.pem ISSUER ACS AUDIENCE REQUEST-ID");
    read_input(argv + 2);
    core = pin(); /* the floor too: the caches and the clock of one core are not those of another */
    if (core < 0)
        slices_fail("worker", "cannot be pinned to a core");
    slices_measure(ways, sizeof ways / sizeof *ways, rounds, ns);
    for (size_t r = 0; r < rounds; r++) {
        ns[EIGHT][r] /= IN_FLIGHT;
        ns[JUNK][r] /= IN_FLIGHT;
    }
    slices_print("verdict with usher-worker, 8 in flight / floor (at most 5.2)", ns[EIGHT], ns[FLOOR], rounds);
    slices_print("verdict with usher-worker, one at a time / floor", ns[ONE], ns[FLOOR], rounds);
    slices_print("the way there and back alone, 8 in flight / floor", ns[JUNK], ns[FLOOR], rounds);
    saml_trust_free(&in.trust);
    return 0;
}
