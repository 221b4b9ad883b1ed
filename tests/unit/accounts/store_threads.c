/* Unit tests of the store's threads: group commit, isolation of failures, two processes, kill -9. */
#include "tests/unit/accounts/fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "accounts/store_impl.h"

#define THREADS 8
#define WRITES 50

static struct event numbered_event(unsigned thread, unsigned i)
{
    struct event ev = {.at = NOW, .kind = "test"};

    (void)snprintf(ev.request_id, sizeof ev.request_id, "t%u-%u", thread, i);
    return ev;
}

/* A write that holds the writer until it is told to go on, so that what is queued meanwhile shares a transaction. */
struct gate {
    struct store *store;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool entered, open;
    int result;
};

static int hold(struct sql_conn *c, void *arg, struct err *e)
{
    struct gate *g = arg;

    (void)c;
    (void)e;
    (void)pthread_mutex_lock(&g->lock);
    g->entered = true;
    (void)pthread_cond_broadcast(&g->changed);
    while (!g->open)
        (void)pthread_cond_wait(&g->changed, &g->lock);
    (void)pthread_mutex_unlock(&g->lock);
    return 0;
}

static void *hold_thread(void *arg)
{
    struct gate *g = arg;
    struct err e = ERR_INIT;

    g->result = store_write(g->store, hold, g, &e);
    return NULL;
}

static pthread_t gate_close(struct gate *g, struct store *s)
{
    pthread_t t;

    *g = (struct gate){.store = s, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    assert_int_equal(pthread_create(&t, NULL, hold_thread, g), 0);
    (void)pthread_mutex_lock(&g->lock);
    while (!g->entered)
        (void)pthread_cond_wait(&g->changed, &g->lock);
    (void)pthread_mutex_unlock(&g->lock);
    return t;
}

static void gate_open(struct gate *g, pthread_t t)
{
    (void)pthread_mutex_lock(&g->lock);
    g->open = true;
    (void)pthread_cond_broadcast(&g->changed);
    (void)pthread_mutex_unlock(&g->lock);
    (void)pthread_join(t, NULL);
}

/* --- group commit ------------------------------------------------------------------------------------------------ */

struct worker {
    struct store *store;
    unsigned number;
    int failures;
    pthread_t thread;
};

static void *write_many(void *arg)
{
    struct worker *w = arg;

    for (unsigned i = 0; i < WRITES; i++) {
        struct event ev = numbered_event(w->number, i);
        struct err e = ERR_INIT;

        w->failures += store_event_append(w->store, &ev, &e) != 0;
    }
    return NULL;
}

static void group_commit(void **state)
{
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    struct worker w[THREADS];
    struct store_counters before, after;

    store_counters(s, &before);
    for (unsigned i = 0; i < THREADS; i++) {
        w[i] = (struct worker){.store = s, .number = i};
        assert_int_equal(pthread_create(&w[i].thread, NULL, write_many, &w[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        (void)pthread_join(w[i].thread, NULL);
        assert_int_equal(w[i].failures, 0);
    }
    store_counters(s, &after);
    assert_int_equal(after.writes - before.writes, THREADS * WRITES);
    assert_true(after.commits - before.commits < THREADS * WRITES);
    /* another process sees them at once: they were committed when the calls returned */
    assert_int_equal(fixture_sql(f, "SELECT count(DISTINCT request_id) FROM events"), THREADS * WRITES);
    store_close(s);
}

/* --- one transaction, several fates ------------------------------------------------------------------------------ */

struct single {
    struct store *store;
    store_fn fn;
    struct event ev;
    int result;
    struct err e;
    pthread_t thread;
};

static int insert(struct sql_conn *c, void *arg, struct err *e)
{
    struct single *w = arg;

    return store_event_insert(c, &w->ev, e);
}

static int insert_and_fail(struct sql_conn *c, void *arg, struct err *e)
{
    struct single *w = arg;

    if (store_event_insert(c, &w->ev, e) != 0)
        return -1;
    return err_set(e, ERR_ACCOUNT_NONE, "of its own");
}

static int lose_transaction(struct sql_conn *c, void *arg, struct err *e)
{
    (void)arg;
    return sql_do(c, "ROLLBACK", e); /* as SQLite does by itself when the disk is full */
}

static void *run_single(void *arg)
{
    struct single *w = arg;

    w->result = store_write(w->store, w->fn, w, &w->e);
    return NULL;
}

/* Queues the writes while the writer is held, so that they share one transaction. */
static void run_together(struct store *s, struct single *w, size_t n)
{
    struct gate g;
    pthread_t t = gate_close(&g, s);

    for (size_t i = 0; i < n; i++) {
        w[i].store = s;
        w[i].ev = numbered_event(0, (unsigned)i);
        w[i].e = (struct err)ERR_INIT;
        assert_int_equal(pthread_create(&w[i].thread, NULL, run_single, &w[i]), 0);
        while (store_queued(s) <= i) /* in order */
            (void)sched_yield();
    }
    gate_open(&g, t);
    for (size_t i = 0; i < n; i++)
        (void)pthread_join(w[i].thread, NULL);
    assert_int_equal(g.result, 0);
}

static void a_failing_write_harms_no_other(void **state)
{
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    struct single w[3] = {{.fn = insert}, {.fn = insert_and_fail}, {.fn = insert}};
    struct store_counters before, after;

    store_counters(s, &before);
    run_together(s, w, 3);
    store_counters(s, &after);
    assert_int_equal(after.commits - before.commits, 2); /* the gate's, and theirs */
    assert_int_equal(w[0].result, 0);
    assert_err(w[1].result, &w[1].e, "account-not-found");
    assert_int_equal(w[2].result, 0);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM events"), 2);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM events WHERE request_id = 't0-1'"), 0);
    store_close(s);
}

static void a_lost_transaction_is_told_to_all(void **state)
{
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    struct single w[4] = {{.fn = insert}, {.fn = insert_and_fail}, {.fn = lose_transaction}, {.fn = insert}};

    run_together(s, w, 4);
    assert_err(w[0].result, &w[0].e, "store-error");
    assert_err(w[1].result, &w[1].e, "account-not-found"); /* it failed before, for its own reason */
    assert_err(w[2].result, &w[2].e, "store-error");
    assert_err(w[3].result, &w[3].e, "store-error");
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM events"), 0);
    run_together(s, w, 1); /* and the store works on */
    assert_int_equal(w[0].result, 0);
    store_close(s);
}

static void a_full_queue_refuses(void **state)
{
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    struct single w = {.store = s, .fn = insert, .ev = numbered_event(0, 0)};
    struct event ev = numbered_event(0, 1);
    struct err e = ERR_INIT;
    struct gate g;
    pthread_t t;

    store_set_queue_max(s, 1);
    t = gate_close(&g, s);
    assert_int_equal(pthread_create(&w.thread, NULL, run_single, &w), 0);
    while (store_queued(s) < 1)
        (void)sched_yield();
    assert_err(store_event_append(s, &ev, &e), &e, "busy");
    gate_open(&g, t);
    (void)pthread_join(w.thread, NULL);
    assert_int_equal(w.result, 0);
    assert_ok(store_event_append(s, &ev, &e), &e);
    store_close(s);
}

/* --- two handles on one file ------------------------------------------------------------------------------------- */

static int be_impatient(struct sql_conn *c, void *arg, struct err *e)
{
    (void)arg;
    (void)e;
    sql_set_busy_timeout(c, 30);
    return 0;
}

static void a_busy_database_is_waited_for(void **state)
{
    struct fixture *f = *state;
    struct store *s = fixture_store(f), *other = fixture_store(f);
    struct event ev = numbered_event(0, 0);
    struct single w = {.store = s, .fn = insert, .ev = numbered_event(0, 1)};
    struct err e = ERR_INIT;
    struct gate g;
    pthread_t t = gate_close(&g, other); /* its transaction holds the write lock */

    assert_int_equal(pthread_create(&w.thread, NULL, run_single, &w), 0);
    while (store_queued(s) > 0)
        (void)sched_yield();
    gate_open(&g, t);
    (void)pthread_join(w.thread, NULL);
    assert_int_equal(w.result, 0);
    /* but not for ever */
    assert_ok(store_write(s, be_impatient, NULL, &e), &e);
    t = gate_close(&g, other);
    assert_err(store_event_append(s, &ev, &e), &e, "busy");
    gate_open(&g, t);
    assert_ok(store_event_append(s, &ev, &e), &e);
    store_close(s);
    store_close(other);
}

static void changes_are_seen_across_handles(void **state)
{
    struct fixture *f = *state;
    struct store *daemon = fixture_store(f), *cli = fixture_store(f);
    struct account_grant_row g = {
        .account = "a@example.com", .kind = "outside", .owner = "o", .reason = "r", .created = NOW};
    struct event ev = numbered_event(0, 0);
    int64_t a, b, id;
    struct err e = ERR_INIT;

    assert_ok(store_changes(daemon, &a, &e), &e);
    assert_ok(store_event_append(cli, &ev, &e), &e); /* a commit, but nothing to notice */
    assert_ok(store_changes(daemon, &b, &e), &e);
    assert_int_equal(a, b);
    assert_ok(store_grant_add(cli, &g, NULL, &id, &e), &e);
    assert_ok(store_changes(daemon, &b, &e), &e);
    assert_true(b > a);
    a = b;
    assert_ok(store_grant_revoke(daemon, id, NOW, NULL, &e), &e);
    assert_ok(store_changes(daemon, &b, &e), &e);
    assert_true(b > a);
    store_close(daemon);
    store_close(cli);
}

/* --- replay ------------------------------------------------------------------------------------------------------ */

struct login_race {
    struct store *stores[2];
    struct session_row row;
    const char *assertion; /* NULL: each its own */
    atomic_int accepted, replayed, created;
    atomic_int next;
};

static void *log_in(void *arg)
{
    struct login_race *r = arg;
    int number = atomic_fetch_add(&r->next, 1);
    struct session_token_row token = {.host = "login.example.com"};
    char own[16];
    struct store_login in;
    struct store_login_result result;
    struct err e = ERR_INIT;

    secret_random(token.hash, sizeof token.hash);
    (void)snprintf(own, sizeof own, "_own%d", number);
    in = fixture_login(&r->row, r->assertion ? r->assertion : own);
    in.token = &token;
    if (store_login_commit(r->stores[number % 2], &in, &result, &e) == 0) {
        atomic_fetch_add(&r->accepted, 1);
        atomic_fetch_add(&r->created, result.created);
    } else if (e.code == ERR_REPLAY) {
        atomic_fetch_add(&r->replayed, 1);
    }
    return NULL;
}

static void race(struct login_race *r)
{
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_in, r), 0);
    for (size_t i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
}

/* Over two handles, as two processes would. */
static void an_assertion_logs_in_exactly_once(void **state)
{
    struct fixture *f = *state;
    struct login_race r = {.stores = {fixture_store(f), fixture_store(f)},
                           .row = fixture_session("ada@example.com", "oid-ada"),
                           .assertion = "_same"};

    race(&r);
    assert_int_equal(r.accepted, 1);
    assert_int_equal(r.replayed, THREADS - 1);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM sessions"), 1);
    store_close(r.stores[0]);
    store_close(r.stores[1]);
}

static void first_logins_at_once_make_one_account(void **state)
{
    struct fixture *f = *state;
    struct login_race r = {.stores = {fixture_store(f), fixture_store(f)},
                           .row = fixture_session("ada@example.com", "oid-ada")};

    race(&r);
    assert_int_equal(r.accepted, THREADS);
    assert_int_equal(r.created, 1);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM accounts"), 1);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM sessions"), THREADS);
    store_close(r.stores[0]);
    store_close(r.stores[1]);
}

/* --- kill -9 ----------------------------------------------------------------------------------------------------- */

#define ACKNOWLEDGED_BEFORE_KILL 60

struct ack {
    uint32_t thread, i;
};

static void *write_until_killed(void *arg)
{
    struct worker *w = arg;

    for (unsigned i = 0;; i++) {
        struct event ev = numbered_event(w->number, i);
        struct ack ack = {w->number, i};
        struct err e = ERR_INIT;

        if (store_event_append(w->store, &ev, &e) != 0 || write(STDOUT_FILENO, &ack, sizeof ack) != sizeof ack)
            _exit(1);
    }
}

/* The child: writes from several threads, and says so on standard output once each is durable. */
static int write_as_child(const char *url)
{
    struct worker w[4];
    struct err e = ERR_INIT;
    struct store *s;

    if (secret_init(&e) != 0 || store_open(url, &s, &e) != 0) {
        err_print(stderr, url, &e);
        return 1;
    }
    for (unsigned i = 0; i < 4; i++) {
        w[i] = (struct worker){.store = s, .number = i};
        if (pthread_create(&w[i].thread, NULL, write_until_killed, &w[i]) != 0)
            return 1;
    }
    (void)pthread_join(w[0].thread, NULL);
    return 1;
}

static pid_t start_child(const char *url, int *ret_fd)
{
    int fds[2];
    pid_t pid;

    assert_int_equal(pipe(fds), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)close(fds[0]);
        (void)close(fds[1]);
        (void)execl("/proc/self/exe", "store_threads", url, (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    *ret_fd = fds[0];
    return pid;
}

static void what_was_acknowledged_survives_kill(void **state)
{
    struct fixture *f = *state;
    struct store *s = fixture_store(f);
    struct ack *acks = calloc(100000, sizeof *acks);
    size_t n = 0;
    struct event ev;
    struct err e = ERR_INIT;
    int fd, status;
    bool found;
    pid_t pid;

    assert_non_null(acks);
    store_close(s);
    pid = start_child(f->url, &fd);
    while (n < 100000 && read(fd, &acks[n], sizeof *acks) == sizeof *acks) {
        if (++n == ACKNOWLEDGED_BEFORE_KILL)
            assert_int_equal(kill(pid, SIGKILL), 0);
    }
    (void)close(fd);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_true(n >= ACKNOWLEDGED_BEFORE_KILL);
    s = fixture_store(f);
    for (size_t i = 0; i < n; i++) {
        ev = numbered_event(acks[i].thread, acks[i].i);
        assert_ok(store_event_find(s, ev.request_id, &ev, &found, &e), &e);
        assert_true(found);
    }
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM pragma_integrity_check"), 1);
    ev = numbered_event(99, 0);
    assert_ok(store_event_append(s, &ev, &e), &e);
    free(acks);
    store_close(s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        fixture_test(group_commit),
        fixture_test(a_failing_write_harms_no_other),
        fixture_test(a_lost_transaction_is_told_to_all),
        fixture_test(a_full_queue_refuses),
        fixture_test(a_busy_database_is_waited_for),
        fixture_test(changes_are_seen_across_handles),
        fixture_test(an_assertion_logs_in_exactly_once),
        fixture_test(first_logins_at_once_make_one_account),
        fixture_test(what_was_acknowledged_survives_kill),
    };

    if (argc == 2)
        return write_as_child(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
