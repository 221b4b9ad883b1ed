/* Unit tests of router/trusts.h: counted, numbered, never changed. */
#include "tests/unit/unit.h"

#include "router/trusts.h"

static void tables_are_numbered(void **state)
{
    struct trusts *a = trusts_borrow(NULL, 0), *b = trusts_borrow(NULL, 0);

    (void)state;
    assert_non_null(a);
    assert_non_null(b);
    assert_true(trusts_serial(a) != 0);
    assert_true(trusts_serial(a) != trusts_serial(b));
    assert_int_equal(trusts_count(a), 0);
    assert_null(trusts_get(a, 0));
    trusts_unref(a);
    trusts_unref(b);
}

static void a_table_lives_as_long_as_it_is_held(void **state)
{
    struct saml_trust *v[2] = {calloc(1, sizeof *v[0]), calloc(1, sizeof *v[1])};
    struct trusts *t;

    (void)state;
    assert_non_null(v[0]);
    assert_non_null(v[1]);
    v[1]->issuer = strdup("https://idp.example/");
    t = trusts_new(v, 2);
    assert_non_null(t);
    assert_ptr_equal(trusts_ref(t), t);
    trusts_unref(t);
    assert_int_equal(trusts_count(t), 2);
    assert_string_equal(trusts_get(t, 1)->issuer, "https://idp.example/");
    assert_ptr_equal(trusts_all(t)[0], v[0]);
    assert_null(trusts_get(t, 2));
    trusts_unref(t); /* with the trusts: AddressSanitizer sees whether they are left */
    trusts_unref(NULL);
    assert_null(trusts_ref(NULL));
}

static void borrowed_trusts_stay(void **state)
{
    struct saml_trust mine = {.allow = SAML_ALLOW_SHA1};
    const struct saml_trust *v[] = {&mine};
    struct trusts *t = trusts_borrow(v, 1);

    (void)state;
    assert_non_null(t);
    assert_ptr_equal(trusts_get(t, 0), &mine);
    trusts_unref(t);
    assert_int_equal(mine.allow, SAML_ALLOW_SHA1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_numbered),
        cmocka_unit_test(a_table_lives_as_long_as_it_is_held),
        cmocka_unit_test(borrowed_trusts_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
