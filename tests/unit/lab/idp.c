/* Unit tests of lab/people.h, and of the metadata in lab/idp.h, read back by saml/trust.h. */
#include "tests/unit/unit.h"

#include "base/secret.h"
#include "lab/idp.h"
#include "saml/check.h"
#include "saml/verify.h"
#include "tests/unit/lab/lab_keys.h"

struct reading {
    struct arena a;
    struct conf_problems *problems;
    struct people people;
    struct buf text; /* the problems as printed */
    bool ok;
};

static void read_people(struct reading *r, const char *yaml)
{
    struct conf_doc *d;

    memset(r, 0, sizeof *r);
    arena_init(&r->a, 1024 * 1024);
    buf_init(&r->text, 64 * 1024);
    r->problems = conf_problems_new();
    assert_non_null(r->problems);
    d = conf_parse("people.yaml", slice_of(yaml), r->problems);
    r->ok = d && people_read(d, &r->a, &r->people, r->problems);
    conf_free(d);
    conf_problems_print(r->problems, &r->text);
}

static void reading_free(struct reading *r)
{
    conf_problems_free(r->problems);
    buf_free(&r->text);
    arena_free(&r->a);
}

static void people_are_read_and_found(void **state)
{
    struct reading r;
    const struct person *ada;

    (void)state;
    read_people(&r, "tenant: t1\n"
                    "people:\n"
                    "  - name: ada@usher.test\n"
                    "    email: ada.lovelace@usher.test\n"
                    "    object_id: o1\n"
                    "    display_name: Ada Lovelace\n"
                    "    groups: [staff, admins]\n"
                    "  - { name: mallory@usher.test, object_id: o2, trick: expired }\n");
    assert_string_equal(buf_cstr(&r.text), "");
    assert_true(r.ok);
    assert_int_equal(r.people.n, 2);
    ada = people_find(&r.people, SLICE("ADA@usher.test"));
    assert_ptr_equal(ada, &r.people.v[0]);
    assert_ptr_equal(people_find(&r.people, SLICE("ada.lovelace@usher.test")), ada);
    assert_null(people_find(&r.people, SLICE("nobody@usher.test")));
    assert_null(people_find(&r.people, (struct slice){NULL, 0}));
    assert_int_equal(ada->groups.n, 2);
    assert_null(ada->trick);
    assert_null(r.people.v[1].email);
    assert_ptr_equal(r.people.v[1].trick, trick_find("expired"));
    reading_free(&r);
}

static void bad_files_say_what_and_where(void **state)
{
    static const struct {
        const char *yaml, *says;
    } rows[] = {
        {"tenant: t\n", "people"},
        {"people: []\n", "at least one"},
        {"people: [ada]\n", "people.yaml:1:10: error: a person is a mapping"},
        {"people:\n  - { name: a }\n", "object_id"},
        {"people:\n  - { name: a, object_id: 1, emial: x }\n", "did you mean 'email'"},
        {"people:\n  - { name: a, object_id: 1, trick: none }\n", "trick 'none' is unknown"},
        {"people:\n  - { name: a, object_id: 1 }\n  - { name: A, object_id: 2 }\n", "the name 'A' is taken"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reading r;

        read_people(&r, rows[i].yaml);
        assert_false(r.ok);
        if (!strstr(buf_cstr(&r.text), rows[i].says))
            fail_msg("'%s' is not in: %s", rows[i].says, buf_cstr(&r.text));
        reading_free(&r);
    }
}

static void claims_are_entras(void **state)
{
    struct reading r;
    struct claims c;
    struct err e = ERR_INIT;
    bool email = false, groups = false;

    (void)state;
    read_people(&r, "people:\n  - { name: a, object_id: o1, groups: [g1, g2] }\n");
    assert_true(r.ok);
    claims_init(&c, &r.a);
    assert_ok(person_claims(&r.people.v[0], &r.people, "https://idp/", &c, &e), &e);
    for (size_t i = 0; i < c.n; i++) {
        email = email || strcmp(c.v[i].name, SAML_CLAIM_EMAIL) == 0;
        groups = groups || (strcmp(c.v[i].name, SAML_CLAIM_GROUPS) == 0 && c.v[i].nvalues == 2);
    }
    assert_false(email); /* no mailbox, no claim */
    assert_true(groups);
    assert_string_equal(c.v[1].name, SAML_CLAIM_OBJECT_ID);
    assert_string_equal(c.v[1].values[0], "o1");
    reading_free(&r);
}

static void metadata_is_read_back(void **state)
{
    struct lab_keys k;
    struct err e = ERR_INIT;
    struct saml_trust trust;
    struct buf xml;
    struct idp idp = {.public_url = "https://idp.other.test:8443", .entity_id = "https://idp.other.test/?a&b"};

    (void)state;
    lab_keys_make(&k, "RSA");
    idp.key = k.key;
    buf_init(&xml, 64 * 1024);
    idp_metadata(&idp, &xml);
    saml_trust_init(&trust);
    assert_ok(saml_trust_add_file(&trust, buf_slice(&xml), NULL, &e), &e);
    assert_int_equal(trust.nkeys, 1);
    assert_string_equal(trust.issuer, "https://idp.other.test/?a&b");
    assert_string_equal(trust.sso_redirect, "https://idp.other.test:8443/sso");
    assert_null(trust.slo_redirect);
    saml_trust_free(&trust);
    idp.slo_url = "https://login.usher.test/saml/slo";
    buf_reset(&xml);
    idp_metadata(&idp, &xml);
    assert_ok(saml_trust_add_file(&trust, buf_slice(&xml), NULL, &e), &e);
    assert_string_equal(trust.slo_redirect, "https://idp.other.test:8443/slo");
    saml_trust_free(&trust);
    buf_free(&xml);
    lab_keys_free(&k);
}

static int set_up(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_ok(secret_init(&e), &e);
    assert_ok(saml_init(&e), &e);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    saml_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_are_read_and_found),
        cmocka_unit_test(bad_files_say_what_and_where),
        cmocka_unit_test(claims_are_entras),
        cmocka_unit_test(metadata_is_read_back),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
