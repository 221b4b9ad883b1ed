/* Unit tests of accounts/throttle.h: scenarios as tables. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdatomic.h>

#include "accounts/throttle.h"
#include "base/secret.h"

#define NOW 1800000000
#define THREADS 8

static struct throttle_attempt attempt(const char *account, const char *client, const char *device)
{
    struct throttle_attempt a = {.account = account, .device = slice_of(device)};
    struct err e = ERR_INIT;

    assert_ok(netaddr_parse(slice_of(client), &a.client, &e), &e);
    return a;
}

static int try(struct throttle *t, const char *account, const char *client, const char *device,
               enum throttle_outcome outcome, int64_t now, int64_t *ret_wait, struct err *e)
{
    struct throttle_attempt a = attempt(account, client, device);

    if (throttle_admit(t, &a, now, ret_wait, e) != 0)
        return -1;
    throttle_settle(t, &a, outcome, now);
    return 0;
}

/* A step: `times` attempts in one second; how many of them are admitted. */
struct step {
    int64_t at; /* from NOW */
    const char *account, *client, *device;
    enum throttle_outcome outcome;
    int times, admitted;
};

static void play(const char *name, const struct step *steps, size_t n)
{
    struct throttle *t = throttle_new();

    assert_non_null(t);
    for (size_t i = 0; i < n; i++) {
        const struct step *s = &steps[i];
        int admitted = 0;

        for (int k = 0; k < s->times; k++) {
            struct err e = ERR_INIT;
            int64_t wait = 0;

            if (try(t, s->account, s->client, s->device, s->outcome, NOW + s->at, &wait, &e) == 0)
                admitted++;
            else
                assert_err(-1, &e, "throttled");
        }
        if (admitted != s->admitted)
            fail_msg("%s: step %zu: %d admitted, %d expected", name, i, admitted, s->admitted);
    }
    throttle_free(t);
}
#define PLAY(...)                                            \
    do {                                                     \
        static const struct step steps[] = {__VA_ARGS__};    \
        play(__func__, steps, sizeof steps / sizeof *steps); \
    } while (0)

#define ADA "ada@example.com"
#define BOB "bob@example.com"
#define OFFICE "192.0.2.10"
#define OFFICE_TOO "192.0.2.99"
#define EVIL "198.51.100.1"
#define EVIL_TOO "203.0.113.1"

static void a_stranger_gets_five_and_then_waits(void **state)
{
    (void)state;
    PLAY({0, ADA, EVIL, "", THROTTLE_FAILED, 20, 5},    /* all in one second */
         {1, BOB, EVIL_TOO, "", THROTTLE_FAILED, 1, 1}, /* another account is another counter */
         {2, ADA, EVIL, "", THROTTLE_FAILED, 20, 1},    /* 2 s later one, */
         {5, ADA, EVIL, "", THROTTLE_FAILED, 20, 0},    /* then 4, */
         {6, ADA, EVIL, "", THROTTLE_FAILED, 20, 1},    /* */
         {13, ADA, EVIL, "", THROTTLE_FAILED, 20, 0},   /* then 8 */
         {14, ADA, EVIL, "", THROTTLE_FAILED, 20, 1});
}

static void networks_slow_each_other_but_not_a_fresh_one(void **state)
{
    (void)state;
    PLAY({0, ADA, EVIL, "", THROTTLE_FAILED, 20, 5},      /* */
         {1, ADA, EVIL_TOO, "", THROTTLE_FAILED, 20, 3},  /* fresh: three, the account has 8 now: 16 s */
         {2, ADA, EVIL, "", THROTTLE_FAILED, 20, 0},      /* by its own count the first would be let in: 2 s */
         {16, ADA, EVIL, "", THROTTLE_FAILED, 20, 0},     /* */
         {16, ADA, EVIL_TOO, "", THROTTLE_FAILED, 20, 0}, /* */
         {17, ADA, EVIL_TOO, "", THROTTLE_FAILED, 20, 1}, /* one for both, then 32 s */
         {17, ADA, EVIL, "", THROTTLE_FAILED, 20, 0},     /* */
         {48, ADA, EVIL, "", THROTTLE_FAILED, 20, 0},     /* */
         {49, ADA, EVIL, "", THROTTLE_FAILED, 20, 1},     /* */
         {49, ADA, OFFICE, "", THROTTLE_SUCCEEDED, 1, 1}, /* she comes for the first time */
         {49, BOB, EVIL, "", THROTTLE_FAILED, 20, 5});    /* the pair counts, not only the network */
}

/* Twenty networks guess at one account as often as they may. */
static void many_networks_are_no_lock_out(void **state)
{
    struct throttle *t = throttle_new();
    struct err e = ERR_INIT;
    int64_t wait = 0;
    char client[48];

    (void)state;
    assert_non_null(t);
    for (int k = 0; k < THROTTLE_FRESH; k++) {
        for (int i = 0; i < 20; i++) {
            (void)snprintf(client, sizeof client, "10.9.%d.%d", i, k);
            assert_ok(try(t, ADA, client, "", THROTTLE_FAILED, NOW, &wait, &e), &e);
        }
    }
    for (int i = 0; i < 20; i++) { /* now each waits for all of them */
        (void)snprintf(client, sizeof client, "10.9.%d.77", i);
        assert_err(try(t, ADA, client, "", THROTTLE_FAILED, NOW + 1, &wait, &e), &e, "throttled");
        assert_int_equal(wait, THROTTLE_MAX_WAIT_SEC - 1);
    }
    /* the owner somewhere new is let in, at the first try, */
    assert_ok(try(t, ADA, "10.10.1.1", "", THROTTLE_SUCCEEDED, NOW + 1, &wait, &e), &e);
    /* or after two mistakes; but not after three */
    for (int k = 0; k < THROTTLE_FRESH; k++)
        assert_ok(try(t, ADA, "10.10.2.1", "", THROTTLE_FAILED, NOW + 1, &wait, &e), &e);
    assert_err(try(t, ADA, "10.10.2.1", "", THROTTLE_SUCCEEDED, NOW + 2, &wait, &e), &e, "throttled");
    assert_int_equal(wait, THROTTLE_MAX_WAIT_SEC - 1);
    /* what it costs: a guess of each network for each failure forgiven */
    for (int i = 0; i < 20; i++) {
        (void)snprintf(client, sizeof client, "10.9.%d.77", i);
        assert_ok(try(t, ADA, client, "", THROTTLE_FAILED, NOW + THROTTLE_FORGIVE_SEC, &wait, &e), &e);
        assert_err(try(t, ADA, client, "", THROTTLE_FAILED, NOW + THROTTLE_FORGIVE_SEC, &wait, &e), &e, "throttled");
    }
    throttle_free(t);
}

/* A guess from another network each time that the wait for the account runs out. */
static void a_guess_whenever_the_wait_ends_is_no_lock_out(void **state)
{
    struct throttle *t = throttle_new();
    struct err e = ERR_INIT;
    int64_t wait = 2, ignored = 0, now = NOW;
    char client[48];

    (void)state;
    assert_non_null(t);
    for (int i = 0; i < 20; i++) {
        (void)snprintf(client, sizeof client, "10.9.%d.1", i);
        assert_ok(try(t, ADA, client, "", THROTTLE_FAILED, now, &ignored, &e), &e);
        /* she travels: a place where she never was, each time */
        (void)snprintf(client, sizeof client, "10.10.%d.1", i);
        assert_ok(try(t, ADA, client, "", THROTTLE_SUCCEEDED, now, &ignored, &e), &e);
        if (i >= THROTTLE_FREE_ACCOUNT - 1) {
            now += wait;
            wait = wait * 2 < THROTTLE_MAX_WAIT_SEC ? wait * 2 : THROTTLE_MAX_WAIT_SEC;
        }
    }
    /* while any network gets three and then waits for what all did */
    for (int k = 0; k < THROTTLE_FRESH; k++)
        assert_ok(try(t, ADA, EVIL, "", THROTTLE_FAILED, now, &ignored, &e), &e);
    assert_err(try(t, ADA, EVIL, "", THROTTLE_FAILED, now, &ignored, &e), &e, "throttled");
    assert_true(ignored > 60);
    throttle_free(t);
}

static void a_stranger_does_not_lock_out_who_is_known(void **state)
{
    (void)state;
    PLAY({0, ADA, OFFICE, "", THROTTLE_SUCCEEDED, 1, 1},        /* she signs in at the office */
         {1, ADA, EVIL, "", THROTTLE_FAILED, 500, 5},           /* then the attack */
         {2, ADA, EVIL_TOO, "", THROTTLE_FAILED, 500, 3},       /* */
         {2, ADA, OFFICE, "", THROTTLE_FAILED, 3, 3},           /* at the office she may even mistype */
         {2, ADA, OFFICE_TOO, "", THROTTLE_SUCCEEDED, 10, 10},  /* and from the machine next to hers */
         {2, ADA, "198.18.0.1", "", THROTTLE_SUCCEEDED, 1, 1},  /* nor does she wait at a new place, */
         {2, ADA, EVIL, "", THROTTLE_SUCCEEDED, 1, 0},          /* but among the attackers she does */
         {2, ADA, EVIL, "her-device", THROTTLE_SUCCEEDED, 5, 5} /* unless she brings her device */
    );
}

static void what_is_known_is_counted_itself(void **state)
{
    (void)state;
    PLAY({0, ADA, OFFICE, "", THROTTLE_SUCCEEDED, 1, 1},
         {1, ADA, OFFICE_TOO, "", THROTTLE_FAILED, 100, 10},          /* a colleague guesses */
         {2, ADA, OFFICE, "", THROTTLE_FAILED, 1, 0},                 /* that network has to wait */
         {2, ADA, OFFICE, "her-device", THROTTLE_SUCCEEDED, 10, 10},  /* her device does not */
         {3, ADA, OFFICE, "stolen-device", THROTTLE_FAILED, 100, 10}, /* which has its own counter */
         {4, ADA, OFFICE, "her-device", THROTTLE_SUCCEEDED, 1, 1},
         {4, BOB, OFFICE, "", THROTTLE_FAILED, 1, 1}); /* known for one account is not known for another */
}

static void a_network_where_many_are_known_is_counted_as_well(void **state)
{
    struct throttle *t = throttle_new();
    struct err e = ERR_INIT;
    int64_t wait = 0;
    int admitted = 0;
    char account[32];

    (void)state;
    assert_non_null(t);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(account, sizeof account, "p%d@example.com", i);
        assert_ok(try(t, account, OFFICE, "", THROTTLE_SUCCEEDED, NOW, &wait, &e), &e);
    }
    for (int i = 0; i < 100; i++) {
        (void)snprintf(account, sizeof account, "p%d@example.com", i);
        admitted += try(t, account, OFFICE_TOO, "", THROTTLE_FAILED, NOW, &wait, &e) == 0;
        err_clear(&e);
    }
    assert_int_equal(admitted, THROTTLE_FREE_KNOWN_NETWORK);
    assert_ok(try(t, "p99@example.com", OFFICE, "device", THROTTLE_SUCCEEDED, NOW, &wait, &e), &e);
    assert_ok(try(t, "p99@example.com", EVIL, "", THROTTLE_SUCCEEDED, NOW, &wait, &e), &e);
    throttle_free(t);
}

static void a_network_that_tries_many_accounts_waits(void **state)
{
    struct throttle *t = throttle_new();
    struct err e = ERR_INIT;
    int64_t wait = 0;
    char account[32];
    int admitted = 0;

    (void)state;
    assert_non_null(t);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(account, sizeof account, "p%d@example.com", i);
        admitted += try(t, account, i % 2 ? EVIL : "198.51.100.200", "", THROTTLE_FAILED, NOW, &wait, &e) == 0;
        err_clear(&e);
    }
    assert_int_equal(admitted, THROTTLE_FREE_NETWORK);
    assert_int_equal(wait, THROTTLE_FIRST_WAIT_SEC);
    /* IPv6: the /48 */
    for (int i = 0; i < THROTTLE_FREE_NETWORK; i++) {
        (void)snprintf(account, sizeof account, "q%d@example.com", i);
        assert_ok(try(t, account, i % 2 ? "2001:db8:1::1" : "2001:db8:1:ff::1", "", THROTTLE_FAILED, NOW, &wait, &e),
                  &e);
    }
    assert_err(try(t, BOB, "2001:db8:1:2::3", "", THROTTLE_FAILED, NOW, &wait, &e), &e, "throttled");
    assert_ok(try(t, BOB, "2001:db8:2::1", "", THROTTLE_FAILED, NOW, &wait, &e), &e);
    throttle_free(t);
}

static void waits_are_bounded_and_forgiven(void **state)
{
    struct throttle *t = throttle_new();
    struct err e = ERR_INIT;
    int64_t wait = 0, now = NOW, longest = 0;
    int guesses = 0;

    (void)state;
    assert_non_null(t);
    /* an attacker who comes exactly when told, for a day */
    while (now < NOW + 86400) {
        if (try(t, ADA, EVIL, "", THROTTLE_FAILED, now, &wait, &e) == 0) {
            guesses++;
            continue;
        }
        err_clear(&e);
        assert_true(wait > 0 && wait <= THROTTLE_MAX_WAIT_SEC);
        longest = wait > longest ? wait : longest;
        now += wait;
    }
    assert_true(longest > 300);
    assert_true(guesses > 50 && guesses < 200);
    /* a quiet day later all is forgiven */
    now += 86400;
    for (int i = 0; i < THROTTLE_FREE_ACCOUNT; i++)
        assert_ok(try(t, ADA, EVIL, "", THROTTLE_FAILED, now, &wait, &e), &e);
    assert_err(try(t, ADA, EVIL, "", THROTTLE_FAILED, now, &wait, &e), &e, "throttled");
    throttle_free(t);
}

static void a_clock_set_back_does_not_lock(void **state)
{
    struct throttle *t = throttle_new();
    struct err e = ERR_INIT;
    int64_t wait = 0;

    (void)state;
    assert_non_null(t);
    for (int i = 0; i < THROTTLE_FREE_ACCOUNT; i++)
        assert_ok(try(t, ADA, EVIL, "", THROTTLE_FAILED, NOW, &wait, &e), &e);
    assert_err(try(t, ADA, EVIL, "", THROTTLE_FAILED, NOW - 1000000, &wait, &e), &e, "throttled");
    assert_true(wait <= THROTTLE_MAX_WAIT_SEC);
    assert_ok(try(t, ADA, EVIL, "", THROTTLE_FAILED, NOW - 1000000 + wait, &wait, &e), &e);
    throttle_free(t);
}

static void many_at_once_are_no_way_around(void **state)
{
    struct throttle *t = throttle_new();
    struct throttle_attempt a[20];
    struct err e = ERR_INIT;
    int64_t wait = 0;
    size_t admitted = 0;

    (void)state;
    assert_non_null(t);
    for (size_t i = 0; i < 20; i++) { /* none is settled yet */
        a[admitted] = attempt(ADA, EVIL, "");
        if (throttle_admit(t, &a[admitted], NOW, &wait, &e) == 0)
            admitted++;
        err_clear(&e);
    }
    assert_int_equal(admitted, THROTTLE_FREE_ACCOUNT);
    for (size_t i = 0; i < admitted; i++)
        throttle_settle(t, &a[i], THROTTLE_ABANDONED, NOW);
    /* nothing was tried, so nothing counts; and nobody became known */
    for (int i = 0; i < THROTTLE_FREE_ACCOUNT; i++)
        assert_ok(try(t, ADA, EVIL, "", THROTTLE_FAILED, NOW, &wait, &e), &e);
    assert_err(try(t, ADA, EVIL, "", THROTTLE_FAILED, NOW, &wait, &e), &e, "throttled");
    throttle_free(t);
}

static void an_unknown_network_is_never_known(void **state)
{
    struct throttle *t = throttle_new();
    struct throttle_attempt a = {.account = ADA};
    struct err e = ERR_INIT;
    int64_t wait = 0;

    (void)state;
    assert_non_null(t);
    assert_ok(throttle_admit(t, &a, NOW, &wait, &e), &e);
    throttle_settle(t, &a, THROTTLE_SUCCEEDED, NOW);
    assert_ok(throttle_admit(t, &a, NOW, &wait, &e), &e);
    assert_false(a.known);
    throttle_free(t);
}

/* Random accounts from random networks, as many as two cores could hash in ten minutes. */
static void a_flood_washes_nothing_out(void **state)
{
    struct throttle *t = throttle_new();
    struct err e = ERR_INIT;
    int64_t wait = 0, now = NOW;
    int strangers = 0, fresh = 0;

    (void)state;
    assert_non_null(t);
    assert_ok(try(t, ADA, OFFICE, "", THROTTLE_SUCCEEDED, NOW, &wait, &e), &e);
    while (wait < 60) { /* an attack on one account that has got to waits of a minute */
        now += wait;
        while (try(t, ADA, EVIL, "", THROTTLE_FAILED, now, &wait, &e) == 0)
            ;
        err_clear(&e);
    }
    for (uint32_t i = 0; i < 30000; i++) {
        char account[32], client[48];

        (void)snprintf(account, sizeof account, "r%u@example.com", i * 2654435761U);
        (void)snprintf(client, sizeof client, "2001:db8:%x::1", i & 0xffff);
        (void)try(t, account, client, "", THROTTLE_FAILED, now, &wait, &e);
        err_clear(&e);
    }
    /* the attack on one account is still remembered */
    assert_err(try(t, ADA, EVIL, "", THROTTLE_FAILED, now + 1, &wait, &e), &e, "throttled");
    /* she is not touched where she is known */
    for (int i = 0; i < 5; i++)
        assert_ok(try(t, ADA, OFFICE, "", THROTTLE_SUCCEEDED, now + 1, &wait, &e), &e);
    /* and nearly every stranger still gets in, even to the account under attack */
    for (int i = 0; i < 100; i++) {
        char account[32], client[48];

        (void)snprintf(account, sizeof account, "new%d@example.com", i);
        (void)snprintf(client, sizeof client, "10.7.%d.1", i);
        strangers += try(t, account, client, "", THROTTLE_FAILED, now + 1, &wait, &e) == 0;
        err_clear(&e);
        (void)snprintf(client, sizeof client, "10.8.%d.1", i);
        fresh += try(t, ADA, client, "", THROTTLE_FAILED, now + 1, &wait, &e) == 0;
        err_clear(&e);
    }
    assert_true(strangers >= 95);
    assert_true(fresh >= 95);
    throttle_free(t);
}

/* Whoever can sign in to one account cannot push others out of the memory of known places, but for the one in some
 * thousands who share a set with them. */
static void an_insider_pushes_out_only_their_own(void **state)
{
    static const char *const people[] = {ADA, "carol@example.com", "dan@example.com", "eve@example.com"};
    struct throttle *t = throttle_new();
    struct err e = ERR_INIT;
    int64_t wait = 0;
    int known = 0;

    (void)state;
    assert_non_null(t);
    for (size_t i = 0; i < 4; i++)
        assert_ok(try(t, people[i], OFFICE, "", THROTTLE_SUCCEEDED, NOW, &wait, &e), &e);
    for (int i = 0; i < 20000; i++) {
        char client[48];

        (void)snprintf(client, sizeof client, "2001:db8:%x::1", i);
        assert_ok(try(t, BOB, client, "", THROTTLE_SUCCEEDED, NOW + 1 + i, &wait, &e), &e);
    }
    for (size_t i = 0; i < 4; i++) {
        struct throttle_attempt a = attempt(people[i], OFFICE, "");

        assert_ok(throttle_admit(t, &a, NOW + 30000, &wait, &e), &e);
        known += a.known;
    }
    assert_true(known >= 3);
    throttle_free(t);
}

struct crowd {
    struct throttle *t;
    atomic_int admitted;
};

static void *guess(void *arg)
{
    struct crowd *c = arg;

    for (int i = 0; i < 200; i++) {
        struct err e = ERR_INIT;
        int64_t wait;

        atomic_fetch_add(&c->admitted, try(c->t, ADA, EVIL, "", THROTTLE_FAILED, NOW, &wait, &e) == 0);
    }
    return NULL;
}

static void threads_share_one_count(void **state)
{
    struct crowd c = {.t = throttle_new()};
    pthread_t threads[THREADS];

    (void)state;
    assert_non_null(c.t);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, guess, &c), 0);
    for (size_t i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    assert_int_equal(c.admitted, THROTTLE_FREE_ACCOUNT);
    throttle_free(c.t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stranger_gets_five_and_then_waits),
        cmocka_unit_test(networks_slow_each_other_but_not_a_fresh_one),
        cmocka_unit_test(many_networks_are_no_lock_out),
        cmocka_unit_test(a_guess_whenever_the_wait_ends_is_no_lock_out),
        cmocka_unit_test(a_stranger_does_not_lock_out_who_is_known),
        cmocka_unit_test(what_is_known_is_counted_itself),
        cmocka_unit_test(a_network_where_many_are_known_is_counted_as_well),
        cmocka_unit_test(a_network_that_tries_many_accounts_waits),
        cmocka_unit_test(waits_are_bounded_and_forgiven),
        cmocka_unit_test(a_clock_set_back_does_not_lock),
        cmocka_unit_test(many_at_once_are_no_way_around),
        cmocka_unit_test(an_unknown_network_is_never_known),
        cmocka_unit_test(a_flood_washes_nothing_out),
        cmocka_unit_test(an_insider_pushes_out_only_their_own),
        cmocka_unit_test(threads_share_one_count),
    };
    struct err e = ERR_INIT;

    if (secret_init(&e) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
