/*
 * policy_grant.c - rows of grants as the store might hold them, one a line, fields separated by `|`:
 * account|kind|owner|reason|networks|condition. What policy_grant_check() refuses opens no door; an account under a row
 * that means outside, or may have meant it, never comes by SSO.
 */
#include <stdint.h>
#include <stdlib.h>

#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIELDS 6

static const char conf[] = "domains: { contoso.com: { sso: required, idp: entra } }";

static void check(int condition)
{
    if (!condition)
        abort();
}

/* One grant in an index of its own: what does it do to the account it names (a `*` taken as a letter)? */
static void one(const struct policy *p, char field[FIELDS][128])
{
    const struct policy_grant_text t = {.id = 1,
                                        .account = field[0],
                                        .kind = field[1],
                                        .owner = field[2],
                                        .reason = field[3],
                                        .networks = field[4],
                                        .condition = field[5]};
    struct policy_grants *set = policy_grants_new();
    struct policy_request r = {.now = 1, .groups_known = true};
    struct policy_decision d;
    struct email email;
    struct err e = ERR_INIT, ignored = ERR_INIT;
    char account[EMAIL_MAX + 1];
    int sound;

    check(set != NULL);
    sound = policy_grant_check(&t, account, &e) == 0;
    check((policy_grants_add(set, &t, &ignored) == 0) == sound);
    err_clear(&ignored);
    if (email_parse(slice_of(field[0]), &email, &ignored) == 0) {
        r.email = &email;
        r.door_used = DOOR_PASSWORD;
        (void)netaddr_parse(SLICE("10.1.2.3"), &r.client, &ignored);
        err_clear(&ignored);
        if (policy_authorize(p, set, &r, NULL, &d, &ignored) == 0)
            check(sound);
        err_clear(&ignored);
        r.door_used = DOOR_SSO;
        r.idp_used = "entra";
        if (policy_authorize(p, set, &r, NULL, &d, &ignored) == 0)
            check(strcmp(field[1], "fallback") == 0 || policy_grants_count(set) == 0);
        if (sound)
            check(policy_is_outside(p, set, &email, 1) == (strcmp(field[1], "outside") == 0));
    } else {
        check(!sound);
    }
    policy_grants_free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const domains[] = {"contoso.com"};
    static const struct policy_idp idp = {"entra", domains, 1};
    static struct policy *p;
    struct slice rest = slice_make(data, size), line, part;

    if (!p) {
        struct conf_problems *problems = conf_problems_new();
        struct conf_doc *doc = conf_parse("f", SLICE(conf), problems);

        p = policy_read(conf_root(doc), &idp, 1, problems);
        check(p != NULL);
        conf_free(doc);
        conf_problems_free(problems);
    }
    while (slice_split(&rest, '\n', &line)) {
        char field[FIELDS][128] = {{0}};

        for (int i = 0; i < FIELDS && slice_split(&line, '|', &part); i++)
            str_cut(field[i], sizeof field[i], part);
        one(p, field);
    }
    return 0;
}
