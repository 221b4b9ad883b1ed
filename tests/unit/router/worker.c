/*
 * Unit tests of router/worker.h with real processes: build/usher-worker, and build/bad-worker, which does what a
 * document tells it to. Whatever one document does to a worker, the others are judged.
 */
#include "tests/unit/unit.h"

#include <event2/event.h>
#include <signal.h>
#include <unistd.h>

#include "router/worker.h"
#include "saml/recheck.h"
#include "tests/unit/saml/sign.h"

#define PROBES 24

/* One document on its way, and what came of it. */
struct probe {
    struct worker_request rq;
    char *xml;
    char id[32]; /* of its Assertion */
    struct arena arena;
    struct slice reply;
    struct err err;
    int done;
};

static struct event_base *base;
static EVP_PKEY *key;
static struct saml_trust trust, other;
static struct trusts *table;
static char good[4096], bad[4096];
static struct err e = ERR_INIT;
static struct probe probes[PROBES];
static size_t nprobes;
static int pending;

static void done(struct worker_request *r, struct slice reply, const struct err *why)
{
    struct probe *p = r->arg;

    p->done++;
    pending--;
    if (why) {
        p->err = *why;
        return;
    }
    p->reply = arena_slice(&p->arena, reply);
    assert_non_null(p->reply.p);
}

/* A genuine Response whose Assertion has an ID of its own. `mode`: what it tells the bad worker to do. */
static struct probe *probe(const char *mode)
{
    struct probe *p = &probes[nprobes++];
    struct sign_response r = sign_defaults(key);
    char order[64];

    assert_true(nprobes <= PROBES);
    *p = (struct probe){.done = 0};
    (void)snprintf(p->id, sizeof p->id, "_assertion-%zu", nprobes);
    (void)snprintf(order, sizeof order, "bad:%s;", mode ? mode : "");
    r.assertion_id = p->id;
    r.extensions = mode ? order : NULL;
    p->xml = sign_make(&r);
    arena_init(&p->arena, 1024 * 1024);
    p->rq = (struct worker_request){.judge = {SAML_MESSAGE_RESPONSE, WIRE_BY_ISSUER, SLICE(""), slice_of(p->xml)},
                                    .trusts = table,
                                    .done = done,
                                    .arg = p};
    return p;
}

static void submit(struct worker *w, struct probe *p)
{
    assert_ok(worker_submit(w, &p->rq, &e), &e);
    pending++;
}

static struct probe *submitted(struct worker *w, const char *mode)
{
    struct probe *p = probe(mode);

    submit(w, p);
    return p;
}

static void wait_for_all(void)
{
    while (pending > 0)
        assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
}

static void forget_all(void)
{
    for (size_t i = 0; i < nprobes; i++) {
        arena_free(&probes[i].arena);
        free(probes[i].xml);
    }
    nprobes = 0;
}

static bool is_of(const struct saml_signed *s, const struct probe *p)
{
    return memmem(s->sig[0].element.p, s->sig[0].element.n, p->id, strlen(p->id)) != NULL;
}

/* Answered once, with its own signed bytes, which hold. */
static void assert_judged(const struct probe *p)
{
    struct saml_signer signers[2];
    struct saml_signed s;

    assert_int_equal(p->done, 1);
    if (p->err.code != ERR_NONE)
        err_print(stderr, p->id, &p->err);
    assert_int_equal(p->err.code, ERR_NONE);
    assert_ok(wire_get_signed(p->reply, &s, &e), &e);
    assert_ok(saml_recheck(&s, trusts_get(table, s.trust), 0, signers, &e), &e);
    assert_true(is_of(&s, p));
}

static void assert_refused(struct probe *p, const char *code)
{
    assert_int_equal(p->done, 1);
    assert_string_equal(err_name(p->err.code), code);
}

static struct worker *worker_with(const char *path, unsigned deadline_ms)
{
    struct worker_options o;
    struct worker *w = NULL;

    worker_options_init(&o);
    o.path = path;
    o.deadline_ms = deadline_ms;
    assert_ok(worker_new(base, &o, &w, &e), &e);
    return w;
}

static struct worker_stats stats(const struct worker *w)
{
    struct worker_stats s;

    worker_stats(w, &s);
    return s;
}

/* --- the good worker ---------------------------------------------------------------------------------------------- */

static void documents_are_judged(void **state)
{
    struct worker *w = worker_with(good, 10000);
    struct probe *p[16];

    (void)state;
    assert_int_equal(stats(w).pid, 0); /* it starts with the first request */
    for (size_t i = 0; i < 16; i++)
        p[i] = submitted(w, NULL);
    assert_int_equal(stats(w).in_flight, 16);
    wait_for_all();
    for (size_t i = 0; i < 16; i++)
        assert_judged(p[i]);
    assert_int_equal(stats(w).judged, 16);
    assert_int_equal(stats(w).restarts, 0);
    assert_true(stats(w).pid > 0);
    worker_free(w);
    forget_all();
}

static void a_refusal_is_the_documents(void **state)
{
    struct worker *w = worker_with(good, 10000);
    struct probe *changed, *rest, *fine;

    (void)state;
    changed = submitted(w, NULL);
    memcpy(strstr(changed->xml, "ada@contoso.com"), "bob", 3);
    rest = probe(NULL);
    rest->rq.judge.xml = SLICE("<Response");
    submit(w, rest);
    fine = submitted(w, NULL);
    wait_for_all();
    assert_refused(changed, "signature-invalid");
    assert_refused(rest, "xml-syntax");
    assert_judged(fine);
    worker_free(w);
    forget_all();
}

/* By issuer, by number, and never by a table that another request brought. */
static void the_table_is_the_requests_own(void **state)
{
    const struct saml_trust *swapped[] = {&trust, &other};
    struct trusts *second = trusts_borrow(swapped, 2);
    struct worker *w = worker_with(good, 10000);
    struct probe *p[5];
    struct saml_signed s;

    (void)state;
    assert_non_null(second);
    for (size_t i = 0; i < 5; i++)
        p[i] = probe(NULL);
    p[1]->rq.trusts = second;
    p[3]->rq.trusts = second;
    p[3]->rq.judge.trust = 0;
    p[4]->rq.judge.trust = 0; /* of the first table: another's keys */
    for (size_t i = 0; i < 5; i++)
        submit(w, p[i]);
    wait_for_all();
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(p[i]->err.code, ERR_NONE);
        assert_ok(wire_get_signed(p[i]->reply, &s, &e), &e);
        assert_int_equal(s.trust, i % 2 ? 0 : 1);
    }
    assert_refused(p[4], "signature-invalid");
    worker_free(w);
    trusts_unref(second);
    forget_all();
}

static void documents_without_keys_are_not_taken(void **state)
{
    struct worker *w = worker_with(good, 10000);
    struct probe *p = probe(NULL);

    (void)state;
    p->rq.trusts = NULL;
    assert_err(worker_submit(w, &p->rq, &e), &e, "internal-error");
    p->rq.trusts = table;
    p->rq.judge.trust = 2;
    assert_err(worker_submit(w, &p->rq, &e), &e, "internal-error");
    assert_int_equal(p->done, 0);
    worker_free(w);
    forget_all();
}

static void a_full_queue_refuses_at_once(void **state)
{
    struct worker_options o;
    struct worker *w = NULL;
    struct probe *p[3], *large;

    (void)state;
    worker_options_init(&o);
    o.path = good;
    o.queue_max = 2;
    o.deadline_ms = 10000;
    assert_ok(worker_new(base, &o, &w, &e), &e);
    p[0] = submitted(w, NULL);
    p[1] = submitted(w, NULL);
    p[2] = probe(NULL);
    assert_err(worker_submit(w, &p[2]->rq, &e), &e, "busy");
    wait_for_all();
    assert_judged(p[0]);
    assert_judged(p[1]);
    assert_int_equal(p[2]->done, 0);
    worker_free(w);

    o.queue_max = 100;
    o.bytes_max = strlen(p[0]->xml) + 10;
    assert_ok(worker_new(base, &o, &w, &e), &e);
    p[0] = submitted(w, NULL);
    large = probe(NULL);
    assert_err(worker_submit(w, &large->rq, &e), &e, "busy");
    wait_for_all();
    assert_judged(p[0]);
    submit(w, large);
    wait_for_all();
    assert_judged(large);
    worker_free(w);
    forget_all();
}

static void read_proc(const char *dir, const char *name, char *dst, size_t size)
{
    char path[96];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "r");
    assert_non_null(f);
    dst[fread(dst, 1, size - 1, f)] = '\0';
    (void)fclose(f);
}

/* What the kernel says of the process: no privileges to gain, a filter, nothing inherited. */
static void the_process_is_in_its_sandbox(void **state)
{
    struct worker *w = worker_with(good, 10000);
    char path[64], text[8192];

    (void)state;
    (void)submitted(w, NULL);
    wait_for_all();
    (void)snprintf(path, sizeof path, "/proc/%d", stats(w).pid);
    read_proc(path, "status", text, sizeof text);
    assert_non_null(strstr(text, "NoNewPrivs:\t1"));
    assert_non_null(strstr(text, "Seccomp:\t2"));
    if (geteuid() == 0) { /* it is not dumpable: its own user may not look */
        char link[80];

        (void)snprintf(link, sizeof link, "%s/fd/3", path);
        assert_int_not_equal(access(link, F_OK), 0);
        read_proc(path, "environ", text, sizeof text);
        assert_string_equal(text, "");
    }
    worker_free(w);
    forget_all();
}

static void a_killed_worker_loses_nothing(void **state)
{
    struct worker *w = worker_with(good, 10000);
    struct probe *p[8];

    (void)state;
    p[0] = submitted(w, NULL);
    wait_for_all();
    for (size_t round = 0; round < 2; round++) {
        assert_int_equal(kill(stats(w).pid, SIGSTOP), 0); /* so that all of them are in flight */
        for (size_t i = 1; i < 4; i++)
            p[3 * round + i] = submitted(w, NULL);
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
        assert_int_equal(kill(stats(w).pid, SIGKILL), 0);
        wait_for_all();
    }
    for (size_t i = 0; i < 7; i++)
        assert_judged(p[i]);
    assert_int_equal(stats(w).restarts, 2);
    worker_free(w);
    forget_all();
}

/* More than the socket takes, to a worker that does not read for a while. */
static void what_does_not_fit_is_sent_later(void **state)
{
    struct worker *w = worker_with(good, 30000);
    size_t n = 60000;
    char *large = malloc(n + 1);
    struct probe *p[12];

    (void)state;
    assert_non_null(large);
    memset(large, 'a', n);
    large[n] = '\0';
    memcpy(large, "<a>", 3);
    memcpy(large + n - 4, "</a>", 4);
    (void)submitted(w, NULL);
    wait_for_all();
    assert_int_equal(kill(stats(w).pid, SIGSTOP), 0);
    for (size_t i = 0; i < 12; i++) {
        p[i] = probe(NULL);
        p[i]->rq.judge.xml = slice_make(large, n);
        submit(w, p[i]);
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
    }
    assert_int_equal(kill(stats(w).pid, SIGCONT), 0);
    wait_for_all();
    for (size_t i = 0; i < 12; i++)
        assert_refused(p[i], "response-shape");
    assert_int_equal(stats(w).restarts, 0);
    worker_free(w);
    free(large);
    forget_all();
}

static void freeing_refuses_what_is_left(void **state)
{
    struct worker *w = worker_with(good, 10000);
    struct probe *flying, *waiting;

    (void)state;
    flying = submitted(w, NULL);
    (void)event_base_loop(base, EVLOOP_NONBLOCK);
    waiting = submitted(w, NULL);
    worker_free(w);
    assert_int_equal(pending, 0);
    if (flying->err.code != ERR_NONE) /* it may have been answered in time */
        assert_refused(flying, "worker-failed");
    assert_refused(waiting, "worker-failed");
    worker_free(NULL);
    forget_all();
}

/* --- no worker at all --------------------------------------------------------------------------------------------- */

static void without_a_worker_nothing_waits_for_ever(void **state)
{
    struct worker *w = worker_with("/nonexistent/usher-worker", 1000);
    struct probe *p[3];

    (void)state;
    for (size_t i = 0; i < 3; i++)
        p[i] = submitted(w, NULL);
    wait_for_all();
    for (size_t i = 0; i < 3; i++)
        assert_refused(p[i], "worker-failed");
    assert_err(worker_check(w, &e), &e, "worker-failed");
    worker_free(w);
    w = worker_with("/bin/true", 1000); /* starts, and is no worker */
    assert_err(worker_check(w, &e), &e, "worker-failed");
    worker_free(w);
    w = worker_with("/bin/cat", 5000); /* gives back what it gets */
    assert_err(worker_check(w, &e), &e, "worker-failed");
    worker_free(w);
    w = worker_with(good, 10000);
    assert_ok(worker_check(w, &e), &e);
    worker_free(w);
    forget_all();
}

/* One that stands by is there again without being asked, but not for ever if it dies at once. */
static void a_worker_stands_by(void **state)
{
    struct worker_options o;
    struct worker *w = NULL;
    int pid;

    (void)state;
    worker_options_init(&o);
    o.path = good;
    o.deadline_ms = 10000;
    o.standby = true;
    assert_ok(worker_new(base, &o, &w, &e), &e);
    assert_ok(worker_check(w, &e), &e);
    pid = stats(w).pid;
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (stats(w).pid == pid || stats(w).pid == 0)
        assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
    assert_int_equal(stats(w).restarts, 1);
    worker_free(w);
    o.path = "/bin/true";
    assert_ok(worker_new(base, &o, &w, &e), &e);
    assert_err(worker_check(w, &e), &e, "worker-failed");
    while (event_base_loop(base, EVLOOP_ONCE) == 0)
        ; /* until nothing is left to wait for */
    assert_true(stats(w).restarts <= 4);
    worker_free(w);
}

static void a_command_asks_and_waits(void **state)
{
    struct worker_options o;
    struct worker *w = NULL;
    struct saml_signed s;
    struct slice reply;
    struct probe *p = probe(NULL), *none = probe(NULL);

    (void)state;
    worker_options_init(&o);
    o.path = good;
    o.deadline_ms = 10000;
    assert_ok(worker_open_blocking(&o, &w, &e), &e);
    assert_ok(worker_call(NULL, w, &p->rq, &p->arena, &reply, &e), &e);
    assert_ok(wire_get_signed(reply, &s, &e), &e);
    assert_true(is_of(&s, p));
    none->rq.judge.xml = SLICE("");
    assert_err(worker_call(NULL, w, &none->rq, &p->arena, &reply, &e), &e, "xml-too-large");
    worker_free(w);
    forget_all();
}

/* --- the bad worker ----------------------------------------------------------------------------------------------- */

/* One bad document among good ones, in one batch, and good ones after it. */
static void others_are_judged_beside(const char *mode, unsigned deadline_ms, bool refused)
{
    struct worker *w = worker_with(bad, deadline_ms);
    struct probe *before, *evil, *after, *later;

    before = submitted(w, NULL);
    evil = submitted(w, mode);
    after = submitted(w, NULL);
    wait_for_all();
    later = submitted(w, NULL);
    wait_for_all();
    assert_judged(before);
    assert_judged(after);
    assert_judged(later);
    if (refused)
        assert_refused(evil, "worker-failed");
    else
        assert_judged(evil);
    assert_true(stats(w).restarts >= (refused ? 2 : 1)); /* together with others, then alone */
    worker_free(w);
    forget_all();
}

static void a_worker_that_dies(void **state)
{
    static const char *const modes[] = {"abort", "crash", "exit", "socket"};

    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        others_are_judged_beside(modes[i], 10000, true);
}

/* The sandbox, not the document, says so: signal 31 is SIGSYS. */
static void a_worker_that_opens_is_killed(void **state)
{
    static const char *const modes[] = {"socket", "open"};
    struct worker *w = worker_with(bad, 10000);

    (void)state;
#if defined(__SANITIZE_ADDRESS__) /* must be able to open /proc/self/maps */
    for (size_t i = 0; i < 1; i++) {
#else
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
#endif
        struct probe *p = submitted(w, modes[i]);

        wait_for_all();
        assert_refused(p, "worker-failed");
        assert_non_null(strstr(p->err.msg, "signal 31"));
    }
    worker_free(w);
    forget_all();
}

static void a_worker_that_does_not_end(void **state)
{
    (void)state;
    others_are_judged_beside("loop", 1500, true);
#if !defined(__SANITIZE_ADDRESS__) /* no limit of memory there */
    others_are_judged_beside("allocate", 1500, true);
#endif
}

static void a_worker_that_breaks_the_protocol(void **state)
{
    (void)state;
    others_are_judged_beside("id", 10000, true);
    others_are_judged_beside("type", 10000, true);
    others_are_judged_beside("length", 10000, true);
    others_are_judged_beside("half", 1500, true);
    others_are_judged_beside("trust", 10000, true); /* an identity provider that is not there */
    others_are_judged_beside("twice", 10000, false);
}

/* Many deadly documents in a row: each is refused, each start waits a little longer, and the good one comes through. */
static void a_storm_passes(void **state)
{
    struct worker *w = worker_with(bad, 10000);
    struct probe *p[10], *last;

    (void)state;
    for (size_t i = 0; i < 10; i++)
        p[i] = submitted(w, "exit");
    last = submitted(w, NULL);
    wait_for_all();
    for (size_t i = 0; i < 10; i++)
        assert_refused(p[i], "worker-failed");
    assert_judged(last);
    assert_int_equal(stats(w).restarts, 11); /* once together, then each alone */
    worker_free(w);
    forget_all();
}

static void assert_answered_with(const struct probe *p, const struct probe *with)
{
    struct saml_signed s;

    assert_int_equal(p->err.code, ERR_NONE);
    assert_ok(wire_get_signed(p->reply, &s, &e), &e);
    assert_true(is_of(&s, with));
}

/* Who was given somebody else's bytes asks for a new worker, and is judged by it, as are all others. */
static void a_worker_that_was_taken_over_is_replaced(void **state)
{
    struct worker *w = worker_with(bad, 10000);
    struct probe *honest, *evil, *victim, *again, *beside;
    int pid;

    (void)state;
    honest = submitted(w, NULL);
    wait_for_all();
    evil = submitted(w, "takeover");
    victim = submitted(w, NULL);
    wait_for_all();
    assert_judged(honest);
    assert_answered_with(evil, honest);
    assert_answered_with(victim, honest);
    pid = stats(w).pid;
    beside = submitted(w, NULL);
    again = probe(NULL);
    again->rq.fresh = true;
    submit(w, again);
    wait_for_all();
    assert_judged(again);
    assert_judged(beside);
    assert_int_not_equal(stats(w).pid, pid);
    worker_free(w);
    forget_all();
}

/* --- */

static int setup(void **state)
{
    const struct saml_trust *all[] = {&other, &trust};
    struct sign_response r;
    ssize_t n = readlink("/proc/self/exe", good, sizeof good - 1);
    char *end;
    EVP_PKEY *others_key = sign_rsa(2048);

    (void)state;
    /* build/unit/router/worker */
    assert_true(n > 0);
    good[n] = '\0';
    for (int up = 0; up < 3; up++) {
        end = strrchr(good, '/');
        assert_non_null(end);
        *end = '\0';
    }
    (void)snprintf(bad, sizeof bad, "%.4000s/bad-worker", good);
    (void)strcat(good, "/usher-worker");
    assert_ok(saml_init(&e), &e);
    key = sign_rsa(2048);
    r = sign_defaults(key);
    saml_trust_init(&trust);
    saml_trust_init(&other);
    sign_trust(&trust, key);
    sign_trust(&other, others_key);
    EVP_PKEY_free(others_key);
    trust.issuer = strdup(r.issuer);
    other.issuer = strdup("https://other.example/");
    table = trusts_borrow(all, 2);
    base = event_base_new();
    assert_non_null(table);
    assert_non_null(base);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    trusts_unref(table);
    saml_trust_free(&trust);
    saml_trust_free(&other);
    EVP_PKEY_free(key);
    event_base_free(base);
    libevent_global_shutdown();
    saml_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_judged),
        cmocka_unit_test(a_refusal_is_the_documents),
        cmocka_unit_test(the_table_is_the_requests_own),
        cmocka_unit_test(documents_without_keys_are_not_taken),
        cmocka_unit_test(a_full_queue_refuses_at_once),
        cmocka_unit_test(the_process_is_in_its_sandbox),
        cmocka_unit_test(a_killed_worker_loses_nothing),
        cmocka_unit_test(what_does_not_fit_is_sent_later),
        cmocka_unit_test(freeing_refuses_what_is_left),
        cmocka_unit_test(without_a_worker_nothing_waits_for_ever),
        cmocka_unit_test(a_worker_stands_by),
        cmocka_unit_test(a_command_asks_and_waits),
        cmocka_unit_test(a_worker_that_dies),
        cmocka_unit_test(a_worker_that_opens_is_killed),
        cmocka_unit_test(a_worker_that_does_not_end),
        cmocka_unit_test(a_worker_that_breaks_the_protocol),
        cmocka_unit_test(a_storm_passes),
        cmocka_unit_test(a_worker_that_was_taken_over_is_replaced),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
