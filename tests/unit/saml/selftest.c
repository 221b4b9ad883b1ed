/* Unit test of saml/selftest.h: the known answers are known, and only after saml_init(). */
#include "tests/unit/unit.h"

#include "saml/selftest.h"
#include "saml/verify.h"

static void the_verifier_knows_its_answers(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_err(saml_selftest(&e), &e, "internal-error");
    assert_ok(saml_init(&e), &e);
    assert_ok(saml_selftest(&e), &e);
    saml_cleanup();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_verifier_knows_its_answers)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
