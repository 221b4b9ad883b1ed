/*
 * policy_read.c - configuration text becomes a policy, or problems; what became one is asked and printed. Whatever it
 * says, SSO counts only for domains that the IdP speaks for, an outside account never comes by it, and the trace
 * changes nothing.
 */
#include <stdint.h>
#include <stdlib.h>

#include "policy/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 leaks a buffer when a quoted scalar runs into the end of the text. Leaks of ours still count. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml.so";
}

static const char *const entra[] = {"contoso.com", "partner.org"};
static const char *const okta[] = {"partner.org", "b.example"};
static const struct policy_idp idps[] = {{"entra", entra, 2}, {"okta", okta, 2}};
static const char *const people[] = {"a@contoso.com", "room-4@contoso.com", "b@partner.org", "c@b.example",
                                     "d@gmail.com"};

static void check(int condition)
{
    if (!condition)
        abort();
}

static int speaks(const char *idp, const char *domain)
{
    for (size_t i = 0; i < 4; i++) {
        if (idp && strcmp(idps[i / 2].name, idp) == 0 && strcmp(idps[i / 2].domains[i % 2], domain) == 0)
            return 1;
    }
    return 0;
}

static void ask(const struct policy *p, const struct policy_request *r, struct buf *out)
{
    struct policy_decision d, quiet;
    struct err e = ERR_INIT, quiet_e = ERR_INIT;
    struct arena a;
    int rc;

    arena_init(&a, 1 << 20);
    rc = r->door_used == DOOR_DENY ? policy_route(p, NULL, r, &a, &d, &e) : policy_authorize(p, NULL, r, &a, &d, &e);
    check((rc == 0) == (d.door != DOOR_DENY) && (rc == 0) == (e.code == ERR_NONE));
    if (d.door == DOOR_SSO || d.door == DOOR_CHOOSE)
        check(speaks(d.idp, r->email->domain) && !d.outside);
    if (rc == 0 && r->door_used != DOOR_DENY)
        check(d.door == r->door_used);
    check((r->door_used == DOOR_DENY ? policy_route(p, NULL, r, NULL, &quiet, &quiet_e)
                                     : policy_authorize(p, NULL, r, NULL, &quiet, &quiet_e)) == rc);
    check(quiet.door == d.door && quiet_e.code == e.code);
    policy_trace_print(&d, out);
    arena_free(&a);
}

static void ask_all(const struct policy *p, struct buf *out)
{
    for (size_t i = 0; i < 5 * 8; i++) {
        struct policy_request r = {.now = 1795521600, .groups = SLICE("staff\nleavers"), .groups_known = i & 1};
        struct email email;
        struct err e = ERR_INIT;

        check(email_parse(slice_of(people[i / 8]), &email, &e) == 0);
        r.email = &email;
        if (i & 1)
            check(netaddr_parse(SLICE("10.1.2.3"), &r.client, &e) == 0);
        r.door_used = (enum policy_door)(i % 8 / 2 % 3); /* deny: route */
        r.idp_used = i & 2 ? "okta" : "entra";
        ask(p, &r, out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf_problems *problems = conf_problems_new();
    struct conf_doc *doc;
    struct policy *p = NULL;
    struct buf out;

    check(problems != NULL);
    buf_init(&out, 1 << 20);
    doc = conf_parse("f", slice_make(data, size), problems);
    if (doc)
        p = policy_read(conf_root(doc), idps, 2, problems);
    check((p != NULL) == (conf_errors(problems) == 0));
    if (p) {
        policy_lint(p, 1795521600, problems);
        ask_all(p, &out);
        policy_print(p, &out);
    }
    conf_problems_print(problems, &out);
    buf_free(&out);
    policy_free(p);
    conf_free(doc);
    conf_problems_free(problems);
    return 0;
}
