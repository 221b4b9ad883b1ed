/* policy_files.h - policies for tests from configuration text: the four sections, and idps.NAME.domains. */
#ifndef USHER_TESTS_POLICY_FILES_H
#define USHER_TESTS_POLICY_FILES_H

#include "tests/unit/unit.h"

#include "policy/policy.h"

#define IDPS_MAX 8

struct loaded {
    struct conf_problems *problems;
    struct conf_doc *doc;
    struct policy *policy; /* NULL: there were errors */
    struct arena arena;
};

static inline void load_idps(const struct conf_node *root, struct arena *a, struct policy_idp idps[IDPS_MAX],
                             size_t *ret_n)
{
    static const struct conf_option domains = {.name = "domains", .type = CONF_T_DOMAINS};
    const struct conf_node *n = conf_get(root, "idps");

    *ret_n = n && conf_kind(n) == CONF_MAP ? conf_count(n) : 0;
    if (*ret_n > IDPS_MAX)
        *ret_n = IDPS_MAX;
    for (size_t i = 0; i < *ret_n; i++) {
        struct conf_problems *ignored = conf_problems_new();
        struct conf_strings list = {0};
        const struct conf_node *of =
            conf_kind(conf_item(n, i)) == CONF_MAP ? conf_get(conf_item(n, i), "domains") : NULL;

        if (of)
            (void)conf_read_value(of, &domains, &list, a, ignored);
        idps[i] = (struct policy_idp){.name = conf_text(conf_key(n, i)), .domains = list.v, .ndomains = list.n};
        conf_problems_free(ignored);
    }
}

static inline void load_policy(const char *name, struct slice text, struct loaded *ret)
{
    struct policy_idp idps[IDPS_MAX];
    size_t n;

    *ret = (struct loaded){.problems = conf_problems_new()};
    assert_non_null(ret->problems);
    arena_init(&ret->arena, 1 << 20);
    ret->doc = conf_parse(name, text, ret->problems);
    if (!ret->doc)
        return;
    load_idps(conf_root(ret->doc), &ret->arena, idps, &n);
    ret->policy = policy_read(conf_root(ret->doc), idps, n, ret->problems);
}

/* The same for text that must be right; its warnings are free. */
static inline void load_good_policy(const char *text, struct loaded *ret)
{
    struct buf out;

    load_policy("test.yaml", slice_of(text), ret);
    if (ret->policy)
        return;
    buf_init(&out, 1 << 16);
    conf_problems_print(ret->problems, &out);
    print_error("%s", buf_cstr(&out));
    buf_free(&out);
    fail();
}

static inline void unload(struct loaded *l)
{
    policy_free(l->policy);
    conf_free(l->doc);
    arena_free(&l->arena);
    conf_problems_free(l->problems);
    *l = (struct loaded){0};
}

/* A request as most tests need it: from 192.0.2.10, at noon of 2026-11-24. `email` is where the address is kept. */
static inline struct policy_request request_for(const char *address, struct email *email)
{
    struct policy_request r = {.email = email, .now = 1795521600};
    struct err e = ERR_INIT;

    assert_ok(email_parse(slice_of(address), email, &e), &e);
    assert_ok(netaddr_parse(SLICE("192.0.2.10"), &r.client, &e), &e);
    return r;
}

#endif
