/* admit.c - the decision table of provisioning/admit.h: every row names its accounts and flags, and what comes out. */
#include "tests/unit/unit.h"

#include "provisioning/admit.h"

/* Accounts: K the identity's own; E holds the asserted address, without an identity; O holds it for another identity.
 */
struct row {
    const char *what;
    const char *by_subject; /* "", "K" same address, "k" another address; "D" same address, disabled */
    const char *by_email;   /* "", "K" the same account, "E", "O", "P", "D" */
    bool jit;
    const char *expect; /* "existing", "moved", "link", "create", or an error name */
};

static const struct row rows[] = {
    {"known, nothing changed", "K", "K", false, "existing"},
    {"known, nothing changed, jit on", "K", "K", true, "existing"},
    {"known, new address is free", "k", "", false, "moved"},
    {"known, new address is another account's", "k", "E", true, "account-link-refused"},
    {"known, new address is another identity's", "k", "O", true, "account-link-refused"},
    {"known, new address is a disabled account's", "k", "D", true, "account-link-refused"},
    {"known but disabled", "D", "", true, "account-disabled"},
    {"known but disabled, address is another account's", "D", "E", true, "account-disabled"},
    {"unknown, account without identity", "", "E", false, "link"},
    {"unknown, account without identity, jit on", "", "E", true, "link"},
    {"unknown, account of another identity", "", "O", true, "account-link-refused"},
    {"unknown, account of another IdP with the same id", "", "P", true, "account-link-refused"},
    {"unknown, disabled account", "", "D", true, "account-disabled"},
    {"unknown, no account, jit on", "", "", true, "create"},
    {"unknown, no account, jit off", "", "", false, "no-account-and-jit-off"},
};

static const struct account *account_for(const char *key, struct account *room)
{
    if (key[0] == '\0')
        return NULL;
    *room = (struct account){.id = key[0] == 'K' || key[0] == 'k' ? 1 : 2, .disabled = key[0] == 'D'};
    (void)strcpy(room->email_key, key[0] == 'k' ? "old@contoso.com" : "alice@contoso.com");
    if (strchr("KkOP", key[0])) {
        (void)strcpy(room->idp, key[0] == 'P' ? "okta" : "entra");
        (void)strcpy(room->subject, key[0] == 'O' ? "another" : "oid-1");
    }
    return room;
}

static const char *outcome_name(const struct provisioning_outcome *o)
{
    switch (o->account) {
    case LOGIN_EXISTING: return o->email_changed ? "moved" : "existing";
    case LOGIN_LINK: return "link";
    case LOGIN_CREATE: return "create";
    case LOGIN_REFUSED: break;
    }
    return "refused";
}

static void test_table(void **state)
{
    struct email alice;
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(email_parse(SLICE("Alice@contoso.com"), &alice, &e), &e);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        struct account first, second;
        const struct account *by_subject = account_for(r->by_subject, &first);
        const struct account *by_email = account_for(r->by_email, &second);
        struct provisioning_identity who = {.idp = "entra", .subject = "oid-1", .email = &alice, .jit = r->jit};
        struct provisioning_outcome out;
        int rc;

        if (by_subject && r->by_subject[0] == 'D') {
            (void)strcpy(first.idp, "entra");
            (void)strcpy(first.subject, "oid-1");
        }
        memset(&out, 0x55, sizeof out);
        rc = provisioning_admit(&who, by_subject, by_email, &out, &e);
        if (rc != 0) {
            assert_int_equal(rc, -1);
            assert_int_equal(out.account, LOGIN_REFUSED);
            assert_int_equal(out.account_id, 0);
            if (strcmp(err_name(e.code), r->expect) != 0)
                fail_msg("%s: %s, expected %s", r->what, err_name(e.code), r->expect);
            err_clear(&e);
            continue;
        }
        if (strcmp(outcome_name(&out), r->expect) != 0)
            fail_msg("%s: %s, expected %s", r->what, outcome_name(&out), r->expect);
        if (out.account != LOGIN_CREATE)
            assert_int_equal(out.account_id, by_subject ? 1 : 2);
    }
}

/* An account that is not the one asked for is never opened. */
static void test_mixed_up_lookups(void **state)
{
    struct email alice;
    struct err e = ERR_INIT;
    struct account a = {.id = 7, .email_key = "mallory@contoso.com", .idp = "entra", .subject = "oid-9"};
    struct provisioning_identity who = {.idp = "entra", .subject = "oid-1", .email = &alice, .jit = true};
    struct provisioning_outcome out;

    (void)state;
    assert_ok(email_parse(SLICE("alice@contoso.com"), &alice, &e), &e);
    assert_err(provisioning_admit(&who, &a, NULL, &out, &e), &e, "internal-error");
    assert_err(provisioning_admit(&who, NULL, &a, &out, &e), &e, "internal-error");
    who.subject = "";
    assert_err(provisioning_admit(&who, NULL, NULL, &out, &e), &e, "internal-error");
    who.subject = "oid-1";
    who.idp = NULL;
    assert_err(provisioning_admit(&who, NULL, NULL, &out, &e), &e, "internal-error");
    assert_int_equal(out.account, LOGIN_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_mixed_up_lookups),
    };

    return cmocka_run_group_tests_name("provisioning/admit", tests, NULL, NULL);
}
