/* Unit tests of router/flood.h: what strangers may cost. */
#include "tests/unit/unit.h"

#include "base/secret.h"
#include "router/flood.h"

static struct netaddr addr(const char *text)
{
    struct err e = ERR_INIT;
    struct netaddr a;

    assert_ok(netaddr_parse(slice_of(text), &a, &e), &e);
    return a;
}

static void requests_at_once_are_counted_by_network(void **state)
{
    struct inflight *f = inflight_new();
    const struct netaddr a = addr("192.0.2.1"), same_network = addr("192.0.2.200"), other = addr("198.51.100.1");

    (void)state;
    assert_non_null(f);
    assert_true(inflight_enter(f, &a, 2));
    assert_true(inflight_enter(f, &same_network, 2));
    assert_false(inflight_enter(f, &a, 2));
    assert_true(inflight_enter(f, &other, 2));
    inflight_leave(f, &a);
    assert_true(inflight_enter(f, &a, 2));
    inflight_free(f);
}

static void one_network_runs_dry_and_others_do_not(void **state)
{
    struct flood *f = flood_new();
    const struct netaddr a = addr("192.0.2.1"), other = addr("198.51.100.1");
    int stored = 0;

    (void)state;
    assert_non_null(f);
    for (int i = 0; i < 3 * FLOOD_NETWORK_BURST; i++)
        stored += flood_admit(f, &a, 1000);
    assert_int_equal(stored, FLOOD_NETWORK_BURST);
    assert_true(flood_admit(f, &other, 1000));
    /* one token comes back every FLOOD_NETWORK_SECONDS, and no more */
    assert_false(flood_admit(f, &a, 1000 + FLOOD_NETWORK_SECONDS - 1));
    assert_true(flood_admit(f, &a, 1000 + FLOOD_NETWORK_SECONDS));
    assert_false(flood_admit(f, &a, 1000 + FLOOD_NETWORK_SECONDS));
    stored = 0;
    for (int i = 0; i < 3 * FLOOD_NETWORK_BURST; i++)
        stored += flood_admit(f, &a, 1000 + 1000000);
    assert_int_equal(stored, FLOOD_NETWORK_BURST);
    flood_free(f);
}

static void all_strangers_together_are_bounded(void **state)
{
    struct flood *f = flood_new();
    int stored = 0;

    (void)state;
    assert_non_null(f);
    for (int i = 0; i < 200; i++) {
        char text[32];
        struct netaddr a;

        (void)snprintf(text, sizeof text, "10.%d.0.1", i);
        a = addr(text);
        for (int k = 0; k < 100; k++)
            stored += flood_admit(f, &a, 5000);
    }
    assert_int_equal(stored, FLOOD_TOTAL_BURST);
    flood_free(f);
}

static void a_clock_that_goes_back_gives_nothing(void **state)
{
    struct flood *f = flood_new();
    const struct netaddr a = addr("192.0.2.1");

    (void)state;
    for (int i = 0; i < FLOOD_NETWORK_BURST; i++)
        assert_true(flood_admit(f, &a, 5000));
    assert_false(flood_admit(f, &a, 10));
    assert_false(flood_admit(f, &a, 10 + FLOOD_NETWORK_SECONDS - 1));
    flood_free(f);
}

static bool take_detail(void *ctx, const struct event *ev)
{
    assert_string_equal(ev->kind, "events.suppressed");
    (void)str_copy(ctx, 64, slice_of(ev->detail));
    return true;
}

static void what_was_suppressed_is_reported_once(void **state)
{
    struct flood *f = flood_new();
    const struct netaddr a = addr("192.0.2.1");
    struct store *s = NULL;
    struct err e = ERR_INIT;
    char detail[64] = "";

    (void)state;
    assert_ok(store_open("sqlite::memory:", &s, &e), &e);
    flood_report(f, s, 1);
    for (int i = 0; i < FLOOD_NETWORK_BURST + 7; i++)
        (void)flood_admit(f, &a, 1);
    flood_report(f, s, 2);
    flood_report(f, s, 3);
    assert_ok(store_event_list(s, 0, 0, 0, take_detail, detail, &e), &e);
    assert_string_equal(detail, "{\"count\":7}");
    store_close(s);
    flood_free(f);
}

static int setup(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    return secret_init(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_at_once_are_counted_by_network),
        cmocka_unit_test(one_network_runs_dry_and_others_do_not),
        cmocka_unit_test(all_strangers_together_are_bounded),
        cmocka_unit_test(a_clock_that_goes_back_gives_nothing),
        cmocka_unit_test(what_was_suppressed_is_reported_once),
    };

    return cmocka_run_group_tests_name("router/flood", tests, setup, NULL);
}
