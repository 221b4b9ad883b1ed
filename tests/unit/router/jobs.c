/* Unit tests of router/jobs.h: everything submitted is answered, in the loop; a full queue refuses at once. */
#include "tests/unit/unit.h"

#include <event2/event.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "router/jobs.h"

struct probe {
    struct job job;
    pthread_t ran_in;
};

static struct event_base *base;
static pthread_t loop_thread;
static atomic_int ran;
static int answered, wanted;
static sem_t gate;

static bool run(struct job *j)
{
    ((struct probe *)j)->ran_in = pthread_self();
    atomic_fetch_add(&ran, 1);
    return true;
}

static bool run_at_gate(struct job *j)
{
    sem_wait(&gate);
    return run(j);
}

static void done(struct job *j)
{
    assert_true(pthread_equal(pthread_self(), loop_thread));
    assert_false(pthread_equal(((struct probe *)j)->ran_in, loop_thread));
    free(j);
    if (++answered == wanted)
        (void)event_base_loopbreak(base);
}

static int submit(struct jobs_pool *p, struct jobs_reply *r, bool (*fn)(struct job *), struct err *e)
{
    struct probe *probe = calloc(1, sizeof *probe);
    int rc;

    assert_non_null(probe);
    probe->job = (struct job){.run = fn, .done = done, .reply = r};
    rc = jobs_submit(p, &probe->job, e);
    if (rc != 0)
        free(probe);
    return rc;
}

static void jobs_are_answered_in_the_loop(void **state)
{
    struct jobs_pool *p = NULL;
    struct jobs_reply *r = NULL;
    struct err e = ERR_INIT;

    (void)state;
    answered = 0;
    wanted = 200;
    assert_ok(jobs_reply_new(base, &r, &e), &e);
    assert_ok(jobs_pool_new("test", 3, 1000, &p, &e), &e);
    for (int i = 0; i < wanted; i++)
        assert_ok(submit(p, r, run, &e), &e);
    (void)event_base_dispatch(base);
    assert_int_equal(answered, wanted);
    jobs_pool_free(p);
    jobs_reply_free(r);
}

static void a_full_queue_refuses_at_once(void **state)
{
    struct jobs_pool *p = NULL;
    struct jobs_reply *r = NULL;
    struct err e = ERR_INIT;
    int accepted = 0, refused = 0;

    (void)state;
    answered = 0;
    atomic_store(&ran, 0);
    assert_ok(jobs_reply_new(base, &r, &e), &e);
    assert_ok(jobs_pool_new("test", 1, 4, &p, &e), &e);
    for (int i = 0; i < 20; i++) {
        if (submit(p, r, run_at_gate, &e) == 0) {
            accepted++;
        } else {
            assert_string_equal(err_name(e.code), "busy");
            err_clear(&e);
            refused++;
        }
    }
    assert_true(accepted >= 4 && accepted <= 5); /* four wait, one may have been taken */
    assert_int_equal(accepted + refused, 20);
    wanted = accepted;
    for (int i = 0; i < accepted; i++)
        sem_post(&gate);
    (void)event_base_dispatch(base);
    assert_int_equal(answered, accepted);
    assert_int_equal(jobs_waiting(p), 0);
    jobs_pool_free(p);
    jobs_reply_free(r);
}

static struct jobs_pool *second;

static bool pass_on(struct job *j)
{
    struct err e = ERR_INIT;

    j->run = run;
    return jobs_submit(second, j, &e) != 0;
}

static void a_job_may_go_on_in_another_pool(void **state)
{
    struct jobs_pool *p = NULL;
    struct jobs_reply *r = NULL;
    struct err e = ERR_INIT;

    (void)state;
    answered = 0;
    wanted = 100;
    atomic_store(&ran, 0);
    assert_ok(jobs_reply_new(base, &r, &e), &e);
    assert_ok(jobs_pool_new("first", 2, 1000, &p, &e), &e);
    assert_ok(jobs_pool_new("second", 2, 1000, &second, &e), &e);
    for (int i = 0; i < wanted; i++)
        assert_ok(submit(p, r, pass_on, &e), &e);
    (void)event_base_dispatch(base);
    assert_int_equal(answered, wanted);
    assert_int_equal(atomic_load(&ran), wanted);
    jobs_pool_free(p);
    jobs_pool_free(second);
    jobs_reply_free(r);
}

static void stopping_finishes_what_was_accepted(void **state)
{
    struct jobs_pool *p = NULL;
    struct jobs_reply *r = NULL;
    struct err e = ERR_INIT;

    (void)state;
    answered = 0;
    wanted = -1;
    atomic_store(&ran, 0);
    assert_ok(jobs_reply_new(base, &r, &e), &e);
    assert_ok(jobs_pool_new("test", 2, 100, &p, &e), &e);
    for (int i = 0; i < 50; i++)
        assert_ok(submit(p, r, run, &e), &e);
    jobs_pool_free(p);
    assert_int_equal(atomic_load(&ran), 50);
    jobs_reply_free(r);
    assert_int_equal(answered, 50);
}

static int setup(void **state)
{
    (void)state;
    loop_thread = pthread_self();
    base = event_base_new();
    return base == NULL || sem_init(&gate, 0, 0) != 0;
}

static int teardown(void **state)
{
    (void)state;
    event_base_free(base);
    return sem_destroy(&gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_are_answered_in_the_loop),
        cmocka_unit_test(a_full_queue_refuses_at_once),
        cmocka_unit_test(a_job_may_go_on_in_another_pool),
        cmocka_unit_test(stopping_finishes_what_was_accepted),
    };

    return cmocka_run_group_tests_name("router/jobs", tests, setup, teardown);
}
