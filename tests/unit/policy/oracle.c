/*
 * oracle.c - random small policies and requests, judged by a slow reading of the rules of policy.h as well.
 *
 * The oracle knows no sets of doors and no intersection: where something is not known it goes through every world that
 * could be, and a door is open if it is open in all of them.
 */
#include "tests/unit/policy/policy_files.h"

#include "policy/trace.h"

#define ROUNDS 5000
#define REQUESTS 40
#define DOMAINS 3
#define LOCALS 3
#define RULES_MAX 4
#define GRANTS_MAX 3

static const char *const domain_names[DOMAINS] = {"one.example", "two.example", "three.example"};
static const char *const local_names[LOCALS] = {"ann", "bob", "cas"};
static const char *const idp_names[] = {"left", "right"};
static const char *const group_names[] = {"red", "blue"};
static const char *const networks[] = {"10.0.0.0/8", "192.168.0.0/16"};
static const char *const clients[] = {"10.1.1.1", "192.168.1.1", "203.0.113.1"}; /* the third is in neither */
static const bool speaks[2][DOMAINS] = {{true, true, false}, {false, true, true}};

enum { MODE_ABSENT, MODE_OFF, MODE_OPTIONAL, MODE_REQUIRED };
enum { TO_DENY, TO_PASSWORD, TO_OWN, TO_LEFT, TO_RIGHT };

struct rule {
    int to;
    unsigned accounts; /* bit LOCALS * domain + local; 0: no condition, as below */
    unsigned domains, groups, networks;
};
struct grant {
    bool outside, stored;
    int local; /* -1: `*` */
    int domain;
    int64_t from, until;
    unsigned networks;
};
struct model {
    int mode[DOMAINS], idp[DOMAINS];
    struct rule rules[RULES_MAX];
    int nrules;
    struct grant grants[GRANTS_MAX];
    int ngrants;
    int fallback;
};
struct question {
    int local, domain;
    unsigned groups;
    bool groups_known;
    int client; /* 3: unknown */
    int64_t now;
    bool routing, by_sso;
    int idp;
};

static uint64_t seed = 88172645463325252U;

static unsigned roll(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 20) % n;
}

/* --- the oracle -----------------------------------------------------------------------------------------------------
 */

enum { NO, YES, UNKNOWN };

static int network_answer(unsigned wanted, const struct question *q)
{
    return q->client == 3 ? UNKNOWN : q->client < 2 && (wanted >> q->client & 1);
}

static int group_answer(unsigned wanted, const struct question *q)
{
    if (q->routing)
        return NO;
    if (wanted & q->groups)
        return YES;
    return !q->groups_known && q->by_sso ? UNKNOWN : NO;
}

static int rule_answer(const struct rule *r, const struct question *q)
{
    int network = r->networks ? network_answer(r->networks, q) : YES;
    int group = r->groups ? group_answer(r->groups, q) : YES;

    if (r->accounts && !(r->accounts >> (LOCALS * q->domain + q->local) & 1))
        return NO;
    if (r->domains && !(r->domains >> q->domain & 1))
        return NO;
    if (network == NO || group == NO)
        return NO;
    return network == YES && group == YES ? YES : UNKNOWN;
}

static bool grant_counts(const struct grant *g, const struct question *q)
{
    return g->domain == q->domain && (g->local < 0 || g->local == q->local) && q->now >= g->from &&
           (!g->until || q->now < g->until);
}

static bool is_outside(const struct model *m, const struct question *q)
{
    for (int i = 0; i < m->ngrants; i++) {
        if (m->grants[i].outside && grant_counts(&m->grants[i], q))
            return true;
    }
    return false;
}

static bool is_granted(const struct model *m, const struct question *q)
{
    for (int i = 0; i < m->ngrants; i++) {
        const struct grant *g = &m->grants[i];

        if (grant_counts(g, q) && (!g->networks || network_answer(g->networks, q) == YES))
            return true;
    }
    return false;
}

/* The rule that matches in this world; NULL: none. Bit i of `world`: the i-th rule that may match does. */
static const struct rule *first_rule(const struct model *m, const struct question *q, unsigned world)
{
    for (int i = 0; i < m->nrules; i++) {
        int a = rule_answer(&m->rules[i], q);

        if (a == YES || (a == UNKNOWN && (world >> i & 1)))
            return &m->rules[i];
    }
    return NULL;
}

static int own_idp(const struct model *m, const struct question *q)
{
    if (m->mode[q->domain] != MODE_ABSENT)
        return m->mode[q->domain] == MODE_OFF ? -1 : m->idp[q->domain];
    return m->fallback == TO_LEFT ? 0 : m->fallback == TO_RIGHT ? 1 : -1;
}

static bool sso_in_world(const struct model *m, const struct question *q, unsigned world, int idp)
{
    const struct rule *r = first_rule(m, q, world);
    int mode = m->mode[q->domain];

    if (is_outside(m, q) || !speaks[idp][q->domain])
        return false;
    if (r)
        return r->to == TO_OWN ? own_idp(m, q) == idp : r->to == (idp ? TO_RIGHT : TO_LEFT);
    if (mode != MODE_ABSENT)
        return mode != MODE_OFF && m->idp[q->domain] == idp;
    return m->fallback == (idp ? TO_RIGHT : TO_LEFT);
}

static bool password_in_world(const struct model *m, const struct question *q, unsigned world)
{
    const struct rule *r = first_rule(m, q, world);
    int mode = m->mode[q->domain];

    if (is_outside(m, q) && !is_granted(m, q))
        return false;
    if (r)
        return r->to == TO_PASSWORD && (mode != MODE_REQUIRED || is_granted(m, q));
    if (is_granted(m, q))
        return true;
    return mode == MODE_ABSENT ? m->fallback == TO_PASSWORD : mode != MODE_REQUIRED;
}

static bool is_open(const struct model *m, const struct question *q, bool sso, int idp)
{
    for (unsigned world = 0; world < 1U << m->nrules; world++) {
        if (!(sso ? sso_in_world(m, q, world, idp) : password_in_world(m, q, world)))
            return false;
    }
    return true;
}

/* --- models into configuration --------------------------------------------------------------------------------------
 */

static void make_model(struct model *m)
{
    memset(m, 0, sizeof *m);
    for (int d = 0; d < DOMAINS; d++) {
        m->mode[d] = (int)roll(4);
        m->idp[d] = d == 0 ? 0 : d == 2 ? 1 : (int)roll(2);
    }
    m->fallback = (int[]){TO_DENY, TO_PASSWORD, TO_LEFT, TO_RIGHT}[roll(4)];
    m->nrules = (int)roll(RULES_MAX + 1);
    for (int i = 0; i < m->nrules; i++) {
        struct rule *r = &m->rules[i];

        r->to = (int)roll(5);
        r->accounts = roll(2) ? 1 + roll((1U << LOCALS * DOMAINS) - 1) : 0;
        r->domains = roll(3) ? 0 : 1 + roll(7);
        r->groups = roll(2) ? 0 : 1 + roll(3);
        r->networks = roll(3) ? 0 : 1 + roll(3);
        if (!r->accounts && !r->domains && !r->groups && !r->networks)
            r->domains = 1U << roll(3);
    }
    m->ngrants = (int)roll(GRANTS_MAX + 1);
    for (int i = 0; i < m->ngrants; i++)
        m->grants[i] = (struct grant){.outside = roll(2),
                                      .stored = roll(2),
                                      .local = (int)roll(LOCALS + 1) - 1,
                                      .domain = (int)roll(DOMAINS),
                                      .from = roll(2) ? 0 : 100 + roll(100),
                                      .until = roll(2) ? 0 : 200 + roll(100),
                                      .networks = roll(2) ? 0 : 1 + roll(3)};
}

static void write_list(struct buf *b, const char *key, unsigned bits, const char *const *names)
{
    const char *before = "[";

    if (!bits)
        return;
    buf_printf(b, "%s: ", key);
    for (unsigned i = 0; bits >> i; i++) {
        if (bits >> i & 1) {
            buf_printf(b, "%s%s", before, names[i]);
            before = ", ";
        }
    }
    buf_add_str(b, "], ");
}

static void write_rule(struct buf *b, const struct rule *r, int number)
{
    static const char *const doors[] = {"deny", "password", "sso", "sso left", "sso right"};
    const char *before = "email: [";

    buf_printf(b, "  - { name: r%d, door: %s, when: { ", number, doors[r->to]);
    for (unsigned i = 0; r->accounts >> i; i++) {
        if (!(r->accounts >> i & 1))
            continue;
        buf_printf(b, "%s%s@%s", before, local_names[i % LOCALS], domain_names[i / LOCALS]);
        before = ", ";
    }
    if (r->accounts)
        buf_add_str(b, "], ");
    write_list(b, "domain", r->domains, domain_names);
    write_list(b, "group", r->groups, group_names);
    write_list(b, "network", r->networks, networks);
    buf_add_str(b, "} }\n");
}

static void write_model(struct buf *b, const struct model *m)
{
    static const char *const modes[] = {"", "off", "optional", "required"};
    static const char *const doors[] = {"deny", "password", "", "sso left", "sso right"};
    const char *section = "domains:\n";

    buf_add_str(b, "idps:\n  left: { domains: [one.example, two.example] }\n"
                   "  right: { domains: [two.example, three.example] }\n");
    for (int d = 0; d < DOMAINS; d++) {
        if (m->mode[d] == MODE_ABSENT)
            continue;
        buf_printf(b, "%s  %s: { sso: %s", section, domain_names[d], modes[m->mode[d]]);
        section = "";
        buf_printf(b, m->mode[d] == MODE_OFF ? " }\n" : ", idp: %s }\n", idp_names[m->idp[d]]);
    }
    section = "grants:\n";
    for (int i = 0; i < m->ngrants; i++) {
        const struct grant *g = &m->grants[i];

        if (g->stored)
            continue;
        buf_printf(b, "%s  - { account: '%s@%s', kind: %s, owner: o, reason: r, ", section,
                   g->local < 0 ? "*" : local_names[g->local], domain_names[g->domain],
                   g->outside ? "outside" : "fallback");
        section = "";
        write_list(b, "network", g->networks, networks);
        if (g->from)
            buf_printf(b, "from: %lld, ", (long long)g->from);
        if (g->until)
            buf_printf(b, "until: %lld, ", (long long)g->until);
        buf_add_str(b, "}\n");
    }
    if (m->nrules)
        buf_add_str(b, "rules:\n");
    for (int i = 0; i < m->nrules; i++)
        write_rule(b, &m->rules[i], i);
    buf_printf(b, "default: %s\n", doors[m->fallback]);
}

static struct policy_grants *store_model(const struct model *m)
{
    struct policy_grants *set = policy_grants_new();
    struct err e = ERR_INIT;

    assert_non_null(set);
    for (int i = 0; i < m->ngrants; i++) {
        const struct grant *g = &m->grants[i];
        char account[64], list[64] = "";

        if (!g->stored)
            continue;
        (void)snprintf(account, sizeof account, "%s@%s", g->local < 0 ? "*" : local_names[g->local],
                       domain_names[g->domain]);
        (void)snprintf(list, sizeof list, "%s %s", g->networks & 1 ? networks[0] : "",
                       g->networks & 2 ? networks[1] : "");
        assert_ok(policy_grants_add(set,
                                    &(struct policy_grant_text){.id = i + 1,
                                                                .account = account,
                                                                .kind = g->outside ? "outside" : "fallback",
                                                                .owner = "o",
                                                                .reason = "r",
                                                                .from = g->from,
                                                                .until = g->until,
                                                                .networks = list},
                                    &e),
                  &e);
    }
    return set;
}

/* --- both are asked -------------------------------------------------------------------------------------------------
 */

static void make_question(struct question *q)
{
    *q = (struct question){.local = (int)roll(LOCALS),
                           .domain = (int)roll(DOMAINS),
                           .groups = roll(4),
                           .groups_known = roll(2),
                           .client = (int)roll(4),
                           .now = 50 + roll(300),
                           .routing = roll(3) == 0,
                           .by_sso = roll(2),
                           .idp = (int)roll(2)};
}

static void translate(const struct question *q, struct policy_request *r, struct email *email, char groups[16])
{
    char address[64];
    struct err e = ERR_INIT;

    (void)snprintf(address, sizeof address, "%s@%s", local_names[q->local], domain_names[q->domain]);
    *r = request_for(address, email);
    (void)snprintf(groups, 16, "%s%s%s", q->groups & 1 ? "red" : "", q->groups == 3 ? "\n" : "",
                   q->groups & 2 ? "blue" : "");
    r->groups = slice_of(groups);
    r->groups_known = q->groups_known;
    r->client = (struct netaddr){0};
    if (q->client < 3)
        assert_ok(netaddr_parse(slice_of(clients[q->client]), &r->client, &e), &e);
    r->now = q->now;
    r->door_used = q->routing ? DOOR_DENY : q->by_sso ? DOOR_SSO : DOOR_PASSWORD;
    r->idp_used = q->by_sso ? idp_names[q->idp] : NULL;
}

static void differ(const struct buf *conf, const struct question *q, const struct policy_decision *d, int rc,
                   const char *expect)
{
    struct buf trace;

    buf_init(&trace, 1 << 16);
    policy_trace_print(d, &trace);
    print_error("%s\n%s %s@%s groups %u%s client %d now %lld idp %d: %s, expected %s\n%s", buf_cstr(conf),
                q->routing  ? "route"
                : q->by_sso ? "sso"
                            : "password",
                local_names[q->local], domain_names[q->domain], q->groups, q->groups_known ? "" : "+", q->client,
                (long long)q->now, q->idp, rc == 0 ? policy_door_name(d->door) : "refused", expect, buf_cstr(&trace));
    buf_free(&trace);
    fail();
}

static void compare(const struct buf *conf, const struct model *m, const struct policy *p,
                    const struct policy_grants *stored, const struct question *q)
{
    struct policy_request r;
    struct policy_decision d;
    struct email email;
    struct err e = ERR_INIT;
    struct arena a;
    char groups[16];
    int rc;

    translate(q, &r, &email, groups);
    arena_init(&a, 1 << 18);
    if (q->routing) {
        int idp = is_open(m, q, true, 0) ? 0 : is_open(m, q, true, 1) ? 1 : -1;
        bool password = is_open(m, q, false, 0);
        enum policy_door expect = idp >= 0 ? (password ? DOOR_CHOOSE : DOOR_SSO) : password ? DOOR_PASSWORD : DOOR_DENY;

        rc = policy_route(p, stored, &r, &a, &d, &e);
        if (d.door != expect || (rc == 0) != (expect != DOOR_DENY) ||
            (idp >= 0 && strcmp(d.idp ? d.idp : "", idp_names[idp]) != 0))
            differ(conf, q, &d, rc, policy_door_name(expect));
    } else {
        bool expect = is_open(m, q, q->by_sso, q->idp);

        rc = policy_authorize(p, stored, &r, &a, &d, &e);
        if ((rc == 0) != expect || d.door != (expect ? r.door_used : DOOR_DENY))
            differ(conf, q, &d, rc, expect ? "yes" : "no");
    }
    if (d.outside != is_outside(m, q) || d.outside != policy_is_outside(p, stored, &email, q->now))
        differ(conf, q, &d, rc, "outside");
    arena_free(&a);
}

static void test_oracle(void **state)
{
    size_t read = 0, open = 0;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct policy_grants *stored;
        struct question q;
        struct model m;
        struct loaded l;
        struct buf conf;

        make_model(&m);
        buf_init(&conf, 1 << 16);
        write_model(&conf, &m);
        load_policy("test.yaml", buf_slice(&conf), &l);
        if (l.policy) { /* else it was one of those that lint.c refuses: tests/cases/policy/bad */
            read++;
            stored = store_model(&m);
            for (int i = 0; i < REQUESTS; i++) {
                make_question(&q);
                compare(&conf, &m, l.policy, stored, &q);
                open += is_open(&m, &q, q.by_sso, q.idp);
            }
            policy_grants_free(stored);
        }
        unload(&l);
        buf_free(&conf);
    }
    print_message("# %zu policies, %zu requests, a door open in %zu\n", read, read * REQUESTS, open);
    assert_true(read > ROUNDS / 4);
    assert_true(open > read * REQUESTS / 10 && open < read * REQUESTS * 9 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oracle),
    };

    return cmocka_run_group_tests_name("policy/oracle", tests, NULL, NULL);
}
