/* policy.c - what decision tables do not show: the interface, printing, properties, and equal work. */
#include "tests/unit/policy/policy_files.h"

#include "policy/compiled.h"

static const char story[] = "idps:\n"
                            "  entra: { domains: [contoso.com, partner.org] }\n"
                            "domains:\n"
                            "  contoso.com: { sso: required, idp: entra, new_users: jit }\n"
                            "  partner.org: { sso: optional, idp: entra }\n"
                            "grants:\n"
                            "  - { account: room-4@contoso.com, kind: outside, owner: facilities, reason: display, "
                            "until: 2027-06-30 }\n"
                            "  - { account: '*-admin@contoso.com', kind: fallback, owner: it-lead, reason: "
                            "'break-glass: \"last\" way', network: [10.0.0.0/8, '2001:db8::/32'] }\n"
                            "rules:\n"
                            "  - { name: \"leavers, and others\", when: { group: [leavers, '#7'] }, door: deny }\n"
                            "  - { name: office, when: { email: ['*@partner.org'], domain: partner.org, network: "
                            "192.0.2.0/25 }, door: sso entra }\n"
                            "default: deny\n";

/* --- the interface --------------------------------------------------------------------------------------------------
 */

static void test_zero_is_deny(void **state)
{
    const struct policy_decision d = {0};
    struct loaded l;
    struct policy_request r;
    struct policy_decision ret;
    struct email email;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(d.door, DOOR_DENY);
    assert_string_equal(policy_door_name(DOOR_DENY), "deny");
    load_good_policy(story, &l);
    r = request_for("room-4@contoso.com", &email);
    r.groups_known = true;
    /* came by no door, by both, or by SSO of nobody */
    assert_err(policy_authorize(l.policy, NULL, &r, NULL, &ret, &e), &e, "wrong-door");
    r.door_used = DOOR_CHOOSE;
    assert_err(policy_authorize(l.policy, NULL, &r, NULL, &ret, &e), &e, "wrong-door");
    r = request_for("alice@contoso.com", &email);
    r.door_used = DOOR_SSO;
    r.groups_known = true;
    assert_err(policy_authorize(l.policy, NULL, &r, NULL, &ret, &e), &e, "wrong-door");
    assert_int_equal(ret.door, DOOR_DENY);
    /* a zeroed request is nobody's, and leaves a zeroed decision */
    memset(&ret, 0x55, sizeof ret);
    memset(&r, 0, sizeof r);
    assert_err(policy_route(l.policy, NULL, &r, NULL, &ret, &e), &e, "internal-error");
    assert_memory_equal(&ret, &d, sizeof d);
    assert_err(policy_authorize(l.policy, NULL, &r, NULL, &ret, &e), &e, "internal-error");
    r = request_for("alice@contoso.com", &email);
    assert_err(policy_route(NULL, NULL, &r, NULL, &ret, &e), &e, "internal-error");
    unload(&l);
}

/* Without groups_known set, a person who came by SSO has unknown groups: a forgotten flag refuses. */
static void test_forgotten_groups(void **state)
{
    struct loaded l;
    struct policy_request r;
    struct policy_decision d;
    struct email email;
    struct err e = ERR_INIT;

    (void)state;
    load_good_policy(story, &l);
    r = request_for("alice@contoso.com", &email);
    r.door_used = DOOR_SSO;
    r.idp_used = "entra";
    assert_err(policy_authorize(l.policy, NULL, &r, NULL, &d, &e), &e, "denied-by-rule");
    r.groups_known = true;
    assert_ok(policy_authorize(l.policy, NULL, &r, NULL, &d, &e), &e);
    assert_true(d.new_users_jit);
    unload(&l);
}

static void test_door_names(void **state)
{
    (void)state;
    assert_int_equal(policy_door_by_name("sso"), DOOR_SSO);
    assert_int_equal(policy_door_by_name("password"), DOOR_PASSWORD);
    assert_int_equal(policy_door_by_name("choose"), DOOR_CHOOSE);
    assert_int_equal(policy_door_by_name("deny"), DOOR_DENY);
    assert_int_equal(policy_door_by_name("SSO"), DOOR_DENY);
    assert_int_equal(policy_door_by_name(""), DOOR_DENY);
    assert_int_equal(policy_door_by_name(NULL), DOOR_DENY);
}

/* --- grants ---------------------------------------------------------------------------------------------------------
 */

static void test_grant_check(void **state)
{
    const struct policy_grant_text good = {.account = "Room-*@Contoso.com",
                                           .kind = "outside",
                                           .owner = "facilities",
                                           .reason = "display",
                                           .networks = " 10.0.0.0/8  2001:db8::/32 "};
    struct policy_grant_text t = good;
    char account[EMAIL_MAX + 1], many[8 * 80] = "";
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(policy_grant_check(&t, account, &e), &e);
    assert_string_equal(account, "room-*@contoso.com");
    assert_ok(policy_grant_check(&t, NULL, &e), &e);
#define REFUSED(field, value, name)                                \
    do {                                                           \
        t = good;                                                  \
        t.field = (value);                                         \
        assert_err(policy_grant_check(&t, account, &e), &e, name); \
    } while (0)
    REFUSED(account, NULL, "grant-invalid");
    REFUSED(account, "room-4", "grant-invalid");
    REFUSED(account, "r*m-*@contoso.com", "grant-invalid");
    REFUSED(account, "room@*.com", "grant-invalid");
    REFUSED(kind, NULL, "grant-invalid");
    REFUSED(kind, "Outside", "grant-invalid");
    REFUSED(owner, NULL, "grant-invalid");
    REFUSED(owner, " \t", "grant-invalid");
    REFUSED(reason, "", "grant-invalid");
    REFUSED(from, -1, "grant-invalid");
    REFUSED(until, -1, "grant-invalid");
    REFUSED(networks, "10.0.0.1/8", "grant-invalid");
    REFUSED(networks, "10.0.0.0/8,192.168.0.0/16", "grant-invalid");
    REFUSED(condition, "idp-failing", "not-supported");
#undef REFUSED
    for (int i = 0; i < 65; i++)
        (void)strcat(many, "10.0.0.1 ");
    t = good;
    t.networks = many;
    assert_err(policy_grant_check(&t, NULL, &e), &e, "grant-invalid");
    t = good;
    t.from = t.until = 5;
    assert_err(policy_grant_check(&t, NULL, &e), &e, "grant-invalid");
    t.until = 6;
    assert_ok(policy_grant_check(&t, NULL, &e), &e);
}

static void test_grants_count(void **state)
{
    struct policy_grants *set = policy_grants_new();
    struct policy_grant_text t = {
        .account = "a@contoso.com", .kind = "fallback", .owner = "o", .reason = "r", .condition = "idp-failing"};
    struct err e = ERR_INIT;

    (void)state;
    assert_non_null(set);
    assert_int_equal(policy_grants_count(set), 0);
    assert_err(policy_grants_add(set, &t, &e), &e, "not-supported");
    assert_int_equal(policy_grants_count(set), 0);
    t.condition = NULL;
    assert_ok(policy_grants_add(set, &t, &e), &e);
    t.kind = "inside"; /* kept shut */
    assert_err(policy_grants_add(set, &t, &e), &e, "grant-invalid");
    assert_int_equal(policy_grants_count(set), 2);
    policy_grants_free(set);
    policy_grants_free(NULL);
}

/* --- what never may be open ------------------------------------------------------------------------------------------
 */

/* The configuration checks refuse such rules; were one to slip through, the decision would still hold. */
static void test_without_the_checks(void **state)
{
    struct loaded l;
    struct policy_request r;
    struct policy_decision d;
    struct email email;
    struct err e = ERR_INIT;

    (void)state;
    load_good_policy("idps: { entra: { domains: [contoso.com] } }\n"
                     "domains: { contoso.com: { sso: optional, idp: entra } }\n"
                     "rules: [ { name: r, when: { domain: contoso.com }, door: password } ]\n",
                     &l);
    r = request_for("alice@contoso.com", &email);
    assert_ok(policy_route(l.policy, NULL, &r, NULL, &d, &e), &e);
    assert_int_equal(d.door, DOOR_PASSWORD);
    l.policy->domains[0].sso = SSO_REQUIRED;
    assert_err(policy_route(l.policy, NULL, &r, NULL, &d, &e), &e, "wrong-door");
    r.door_used = DOOR_PASSWORD;
    assert_err(policy_authorize(l.policy, NULL, &r, NULL, &d, &e), &e, "wrong-door");
    unload(&l);
}

/* --- properties ------------------------------------------------------------------------------------------------------
 */

static const char *const people[] = {"alice@contoso.com", "room-4@contoso.com", "x-admin@contoso.com",
                                     "bob@partner.org",   "eve@gmail.com",      "room-4@partner.org"};
#define PEOPLE (sizeof people / sizeof *people)

/* Every way a person can ask: routing, SSO, password; from here and from 10.1.1.1; with and without a group. */
#define WAYS 12
static int ask(const struct loaded *l, const struct policy_grants *extra, const char *who, int way,
               struct policy_decision *ret, struct err *e)
{
    struct email email;
    struct policy_request r = request_for(who, &email);
    struct err ignored = ERR_INIT;

    if (way & 1)
        assert_ok(netaddr_parse(SLICE("10.1.1.1"), &r.client, &ignored), &ignored);
    r.groups_known = true;
    r.groups = way & 2 ? SLICE("staff\nleavers") : SLICE("staff");
    if (way < 4)
        return policy_route(l->policy, extra, &r, NULL, ret, e);
    r.door_used = way < 8 ? DOOR_SSO : DOOR_PASSWORD;
    r.idp_used = way < 8 ? "entra" : NULL;
    return policy_authorize(l->policy, extra, &r, NULL, ret, e);
}

static void assert_same_decisions(const struct loaded *a, const struct policy_grants *extra_a, const struct loaded *b,
                                  const struct policy_grants *extra_b)
{
    for (size_t i = 0; i < PEOPLE * WAYS; i++) {
        struct policy_decision da, db;
        struct err ea = ERR_INIT, eb = ERR_INIT;
        int ra = ask(a, extra_a, people[i / WAYS], (int)(i % WAYS), &da, &ea);
        int rb = ask(b, extra_b, people[i / WAYS], (int)(i % WAYS), &db, &eb);

        assert_int_equal(ra, rb);
        assert_string_equal(err_name(ea.code), err_name(eb.code));
        assert_int_equal(da.door, db.door);
        assert_string_equal(da.idp ? da.idp : "", db.idp ? db.idp : "");
        assert_int_equal(da.new_users_jit, db.new_users_jit);
        assert_int_equal(da.outside, db.outside);
        assert_int_equal(da.grant_id, db.grant_id);
    }
}

/* A grant that is over, or not there yet, equals no grant. */
static void test_grant_out_of_time(void **state)
{
    const int64_t now = 1795521600;
    struct loaded l;
    struct err e = ERR_INIT;

    (void)state;
    load_good_policy(story, &l);
    for (size_t i = 0; i < PEOPLE * 4; i++) {
        struct policy_grants *set = policy_grants_new();
        struct policy_grant_text t = {.id = 1,
                                      .account = people[i / 4],
                                      .kind = i & 1 ? "outside" : "fallback",
                                      .owner = "o",
                                      .reason = "r",
                                      .from = i & 2 ? now + 1 : 0,
                                      .until = i & 2 ? 0 : now};

        assert_non_null(set);
        assert_ok(policy_grants_add(set, &t, &e), &e);
        assert_same_decisions(&l, NULL, &l, set);
        policy_grants_free(set);
    }
    unload(&l);
}

/* A rule about somebody else changes nothing for these, wherever it stands. */
static void test_unrelated_rule(void **state)
{
    static const char *const unrelated[] = {
        "  - { name: u, when: { email: nobody@contoso.com }, door: deny }\n",
        "  - { name: u, when: { domain: elsewhere.example }, door: password }\n",
        "  - { name: u, when: { group: sailors }, door: deny }\n",
        "  - { name: u, when: { network: 198.51.100.0/24 }, door: deny }\n",
        "  - { name: u, when: { email: 'alice@partner.org', group: staff }, door: sso }\n",
    };
    struct loaded before, after;

    (void)state;
    load_good_policy(story, &before);
    for (size_t i = 0; i < 2 * sizeof unrelated / sizeof *unrelated; i++) {
        const char *place = i & 1 ? strstr(story, "  - { name: \"leavers") : strstr(story, "default:");
        struct buf text;

        buf_init(&text, 1 << 16);
        buf_add(&text, story, (size_t)(place - story));
        buf_add_str(&text, unrelated[i / 2]);
        buf_add_str(&text, place);
        load_good_policy(buf_cstr(&text), &after);
        assert_same_decisions(&before, NULL, &after, NULL);
        unload(&after);
        buf_free(&text);
    }
    unload(&before);
}

/* What policy_print() prints is the policy: read again it decides and prints the same. */
static void test_print_again(void **state)
{
    struct loaded first, second;
    struct buf text, again;

    (void)state;
    load_good_policy(story, &first);
    buf_init(&text, 1 << 16);
    buf_add_str(&text, "idps:\n  entra: { domains: [contoso.com, partner.org] }\n");
    policy_print(first.policy, &text);
    assert_false(buf_failed(&text));
    load_good_policy(buf_cstr(&text), &second);
    assert_same_decisions(&first, NULL, &second, NULL);
    buf_init(&again, 1 << 16);
    buf_add_str(&again, "idps:\n  entra: { domains: [contoso.com, partner.org] }\n");
    policy_print(second.policy, &again);
    assert_string_equal(buf_cstr(&again), buf_cstr(&text));
    assert_non_null(strstr(buf_cstr(&text), "exceptions: routed"));
    policy_print(NULL, &again);
    assert_string_equal(buf_cstr(&again), buf_cstr(&text));
    buf_free(&text);
    buf_free(&again);
    unload(&first);
    unload(&second);
}

/* --- printing --------------------------------------------------------------------------------------------------------
 */

static void test_trace_text(void **state)
{
    struct loaded l;
    struct policy_request r;
    struct policy_decision d;
    struct email email;
    struct err e = ERR_INIT;
    struct arena a;
    struct buf out;

    (void)state;
    load_good_policy(story, &l);
    arena_init(&a, 1 << 16);
    buf_init(&out, 1 << 16);
    r = request_for("room-4@contoso.com", &email);
    r.door_used = DOOR_SSO;
    r.idp_used = "entra";
    r.groups_known = true;
    assert_err(policy_authorize(l.policy, NULL, &r, &a, &d, &e), &e, "outside-account-asserted");
    policy_trace_print(&d, &out);
    assert_string_equal(buf_cstr(&out),
                        "  rule     'leavers, and others' (test.yaml:10:5): does not match\n"
                        "      group leavers, #7: no\n"
                        "  rule     'office' (test.yaml:11:5): does not match\n"
                        "      email *@partner.org: no\n"
                        "      domain partner.org: no\n"
                        "      network 192.0.2.0/25: yes\n"
                        "* grant    room-4@contoso.com (test.yaml:7:5): matches: password only (outside; facilities: "
                        "display)\n"
                        "      time from always until 2027-06-30T00:00:00Z: yes\n"
                        "  domain   contoso.com (test.yaml:4:3): sso required, entra\n"
                        "=> deny, because of the grant for room-4@contoso.com (test.yaml:7:5); otherwise sso entra\n");
    buf_free(&out);
    arena_free(&a);
    unload(&l);
}

/* An arena that is full costs the trace, never the decision. */
static void test_trace_without_room(void **state)
{
    struct loaded l;
    struct policy_request r;
    struct policy_decision d;
    struct email email;
    struct err e = ERR_INIT;
    bool seen_none = false, seen_all = false;

    (void)state;
    load_good_policy(story, &l);
    r = request_for("room-4@contoso.com", &email);
    for (size_t room = 0; room < 6000; room += 16) {
        struct arena a;

        arena_init(&a, room);
        assert_ok(policy_route(l.policy, NULL, &r, &a, &d, &e), &e);
        assert_int_equal(d.door, DOOR_PASSWORD);
        if (d.trace)
            seen_all = true;
        else
            seen_none = true;
        arena_free(&a);
    }
    assert_true(seen_none && seen_all);
    unload(&l);
}

static void test_lint(void **state)
{
    struct loaded l;

    (void)state;
    load_good_policy(story, &l);
    assert_int_equal(conf_errors(l.problems), 0);
    assert_int_equal(conf_warnings(l.problems), 1); /* leavers, in partner.org */
    policy_lint(l.policy, 1795521600, l.problems);
    assert_int_equal(conf_warnings(l.problems), 1);
    policy_lint(l.policy, 1814313600, l.problems); /* 2027-06-30 */
    assert_int_equal(conf_warnings(l.problems), 2);
    unload(&l);
}

static void test_docs(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 16);
    policy_print_docs(&out);
    assert_false(buf_failed(&out));
    for (size_t i = 0; i < POLICY_TABLE_COUNT; i++) {
        assert_non_null(strstr(buf_cstr(&out), policy_tables[i].section));
        for (size_t j = 0; j < policy_tables[i].n; j++)
            assert_non_null(strstr(buf_cstr(&out), policy_tables[i].options[j].name));
    }
    buf_free(&out);
}

/* --- applications ----------------------------------------------------------------------------------------------------
 */

static bool read_app(const char *text, struct policy_app *app, struct arena *a)
{
    struct conf_problems *p = conf_problems_new();
    struct conf_doc *d = conf_parse("app.yaml", slice_of(text), p);
    bool ok;

    assert_non_null(d);
    *app = (struct policy_app){0};
    ok = policy_app_read(conf_get(conf_root(d), "allow"), app, a, p);
    assert_int_equal(ok, conf_errors(p) == 0);
    conf_free(d);
    conf_problems_free(p);
    return ok;
}

static void test_app(void **state)
{
    struct policy_app app = {0};
    struct err e = ERR_INIT;
    struct arena a;
    struct buf out;

    (void)state;
    arena_init(&a, 1 << 16);
    assert_ok(policy_authorize_app(&app, DOOR_PASSWORD, SLICE(""), &e), &e);
    assert_err(policy_authorize_app(&app, DOOR_DENY, SLICE("staff"), &e), &e, "app-not-allowed");
    assert_true(read_app("allow: { groups: [staff, it], door: sso }", &app, &a));
    assert_ok(policy_authorize_app(&app, DOOR_SSO, SLICE("guests\nit"), &e), &e);
    assert_ok(policy_authorize_app(&app, DOOR_SSO, SLICE("staff"), &e), &e);
    assert_err(policy_authorize_app(&app, DOOR_PASSWORD, SLICE("staff"), &e), &e, "app-not-allowed");
    assert_err(policy_authorize_app(&app, DOOR_CHOOSE, SLICE("staff"), &e), &e, "app-not-allowed");
    assert_err(policy_authorize_app(&app, DOOR_SSO, SLICE("guests"), &e), &e, "app-not-allowed");
    assert_err(policy_authorize_app(&app, DOOR_SSO, SLICE("Staff\nstaff2\nsta\nff"), &e), &e, "app-not-allowed");
    assert_err(policy_authorize_app(&app, DOOR_SSO, SLICE(""), &e), &e, "app-not-allowed");
    buf_init(&out, 1024);
    policy_app_print(&app, 1, &out);
    assert_non_null(strstr(buf_cstr(&out), "  allow:\n"));
    assert_non_null(strstr(buf_cstr(&out), "    door: sso\n"));
    buf_reset(&out);
    app = (struct policy_app){0};
    policy_app_print(&app, 1, &out);
    assert_string_equal(buf_cstr(&out), "");
    buf_free(&out);
    assert_true(read_app("allow: { door: password }", &app, &a));
    assert_ok(policy_authorize_app(&app, DOOR_PASSWORD, SLICE(""), &e), &e);
    assert_err(policy_authorize_app(&app, DOOR_SSO, SLICE(""), &e), &e, "app-not-allowed");
    assert_false(read_app("allow: { door: choose }", &app, &a));
    assert_false(read_app("allow: { groups: [] }", &app, &a));
    assert_false(read_app("allow: { group: staff }", &app, &a));
    assert_false(read_app("allow: staff", &app, &a));
    arena_free(&a);
}

/* --- equal work ------------------------------------------------------------------------------------------------------
 */

static struct policy_grants *many_grants(size_t n)
{
    struct policy_grants *set = policy_grants_new();
    struct err e = ERR_INIT;

    assert_non_null(set);
    for (size_t i = 0; i < n; i++) {
        char account[64];

        (void)snprintf(account, sizeof account, "device-%zu@contoso.com", i);
        assert_ok(policy_grants_add(set,
                                    &(struct policy_grant_text){.id = (int64_t)i + 1,
                                                                .account = account,
                                                                .kind = "outside",
                                                                .owner = "facilities",
                                                                .reason = "device"},
                                    &e),
                  &e);
    }
    return set;
}

/* The work for 1000 addresses, half of them under a grant. */
static struct policy_work work_with(const struct policy *p, const struct policy_grants *set, size_t n)
{
    struct policy_work work = {0};

    for (size_t i = 0; i < 1000; i++) {
        struct policy_decision d;
        struct email email;
        struct policy_request r;
        struct err e = ERR_INIT;
        char address[64];

        (void)snprintf(address, sizeof address, i & 1 ? "device-%zu@contoso.com" : "person-%zu@contoso.com",
                       i * 7919 % n);
        r = request_for(address, &email);
        r.work = &work;
        assert_ok(policy_route(p, set, &r, NULL, &d, &e), &e);
        assert_int_equal(d.door, i & 1 ? DOOR_PASSWORD : DOOR_SSO);
    }
    return work;
}

static void test_equal_work(void **state)
{
    struct policy_grants *few = many_grants(10), *many = many_grants(100000);
    struct policy_work a, b;
    struct loaded l;

    (void)state;
    load_good_policy(story, &l);
    a = work_with(l.policy, few, 10);
    b = work_with(l.policy, many, 100000);
    assert_int_equal(a.lookups, b.lookups);
    assert_int_equal(a.rules, b.rules);
    assert_int_equal(a.patterns, b.patterns);
    assert_int_equal(a.rules, 2000);
    /* slots: under two a lookup at half full, whatever the number of entries */
    assert_true(a.probes > 0 && b.probes > 0);
    assert_true(b.probes <= 2 * b.lookups);
    assert_true(many->exact.n == 100000 && many->exact.capacity >= 2 * many->exact.n);
    assert_true(b.probes <= 2 * a.probes + 1000);
    print_message("# %zu lookups; slots looked at: %zu with 10 grants, %zu with 100000\n", a.lookups, a.probes,
                  b.probes);
    policy_grants_free(few);
    policy_grants_free(many);
    unload(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zero_is_deny),
        cmocka_unit_test(test_forgotten_groups),
        cmocka_unit_test(test_door_names),
        cmocka_unit_test(test_grant_check),
        cmocka_unit_test(test_grants_count),
        cmocka_unit_test(test_without_the_checks),
        cmocka_unit_test(test_grant_out_of_time),
        cmocka_unit_test(test_unrelated_rule),
        cmocka_unit_test(test_print_again),
        cmocka_unit_test(test_trace_text),
        cmocka_unit_test(test_trace_without_room),
        cmocka_unit_test(test_lint),
        cmocka_unit_test(test_docs),
        cmocka_unit_test(test_app),
        cmocka_unit_test(test_equal_work),
    };

    return cmocka_run_group_tests_name("policy/policy", tests, NULL, NULL);
}
