/*
 * policy.c - what one decision costs with 10, 1000, 100000 and 1000000 domains and grants, as ratio to 10.
 *
 *   policy ROUNDS
 *
 * Each size has as many domains (in the configuration) and as many grants (in the index of the store's grants). One
 * operation routes an address and then authorizes its owner; the addresses are spread over all domains, every second
 * one has a grant. Where the work is the same, what is left of the ratio is memory that is no longer in the cache.
 */
#include "tests/bench/slices.h"

#include <string.h>

#include "base/buf.h"
#include "policy/policy.h"

#define ADDRESSES 4096
#define NOW 1800000000

static const size_t sizes[] = {10, 1000, 100000, 1000000};

static struct {
    struct policy *policy;
    struct policy_grants *grants;
    struct email *who;
    size_t next;
} in;

/* The rules, and `n` domains of one identity provider. */
static bool read_policy(size_t n)
{
    struct conf_problems *problems = conf_problems_new();
    const char **names = calloc(n, sizeof *names);
    struct policy_idp idp = {.name = "i", .domains = names, .ndomains = n};
    struct conf_doc *doc;
    struct buf text;

    if (!problems || !names)
        return false;
    buf_init(&text, 64U << 20);
    buf_add_str(&text, "rules: [ { name: leavers, when: { group: leavers }, door: deny } ]\ndomains:\n");
    for (size_t i = 0; i < n; i++) {
        char name[32];

        (void)snprintf(name, sizeof name, "d%zu.test", i);
        names[i] = strdup(name);
        buf_printf(&text, "  %s: { sso: required, idp: i }\n", name);
    }
    doc = buf_failed(&text) ? NULL : conf_parse("bench", buf_slice(&text), problems);
    in.policy = doc && conf_errors(problems) == 0 ? policy_read(conf_root(doc), &idp, 1, problems) : NULL;
    if (conf_errors(problems) > 0) {
        buf_reset(&text);
        conf_problems_print(problems, &text);
        (void)fprintf(stderr, "%.*s", 2000, buf_cstr(&text));
        in.policy = NULL;
    }
    conf_free(doc);
    buf_free(&text);
    conf_problems_free(problems);
    return in.policy != NULL;
}

static bool add_grants(size_t n)
{
    struct err e = ERR_INIT;

    in.grants = policy_grants_new();
    for (size_t i = 0; in.grants && i < n; i++) {
        char account[64];
        struct policy_grant_text t = {
            .id = (int64_t)i + 1, .account = account, .kind = "fallback", .owner = "it", .reason = "bench"};

        (void)snprintf(account, sizeof account, "granted@d%zu.test", i);
        if (policy_grants_add(in.grants, &t, &e) != 0)
            return false;
    }
    return in.grants != NULL;
}

static bool parse_addresses(size_t n)
{
    struct err e = ERR_INIT;

    in.who = calloc(ADDRESSES, sizeof *in.who);
    for (size_t i = 0; in.who && i < ADDRESSES; i++) {
        char text[64];

        /* a step that shares no factor with any size visits the domains in no order the hardware could guess */
        (void)snprintf(text, sizeof text, "%s@d%zu.test", i % 2 ? "granted" : "ada", i * 7919 % n);
        if (email_parse(slice_of(text), &in.who[i], &e) != 0)
            return false;
    }
    return in.who != NULL;
}

static bool once(void)
{
    bool granted = in.next % 2;
    struct policy_request r = {
        .email = &in.who[in.next++ % ADDRESSES], .now = NOW, .groups = SLICE("staff\nall"), .groups_known = true};
    struct policy_decision d;
    struct err e = ERR_INIT;

    if (policy_route(in.policy, in.grants, &r, NULL, &d, &e) != 0 || d.door != (granted ? DOOR_CHOOSE : DOOR_SSO))
        return false;
    r.door_used = DOOR_SSO;
    r.idp_used = "i";
    return policy_authorize(in.policy, in.grants, &r, NULL, &d, &e) == 0 && d.door == DOOR_SSO;
}

static bool start(size_t n)
{
    return read_policy(n) && add_grants(n) && parse_addresses(n) && once() && once();
}

static bool start_0(void)
{
    return start(sizes[0]);
}

static bool start_1(void)
{
    return start(sizes[1]);
}

static bool start_2(void)
{
    return start(sizes[2]);
}

static bool start_3(void)
{
    return start(sizes[3]);
}

int main(int argc, char **argv)
{
    static const struct slices_way ways[] = {{.name = "10", .start = start_0, .once = once},
                                             {.name = "1000", .start = start_1, .once = once},
                                             {.name = "100000", .start = start_2, .once = once},
                                             {.name = "1000000", .start = start_3, .once = once}};
    static double ns[SLICES_MAX][SLICES_ROUNDS_MAX];
    size_t rounds = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;

    if (rounds < 4 || rounds > SLICES_ROUNDS_MAX)
        slices_fail("usage", "policy ROUNDS");
    slices_measure(ways, 4, rounds, ns);
    slices_print("decision with 1 000 / with 10 domains and grants", ns[1], ns[0], rounds);
    slices_print("decision with 100 000 / with 10", ns[2], ns[0], rounds);
    slices_print("decision with 1 000 000 / with 10", ns[3], ns[0], rounds);
    return 0;
}
