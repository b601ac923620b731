/* Every single bit of a real quote, the part before its certificates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>

#include "support_flips.h"

static void everything_before_the_certificates(void **state)
{
    (void)state;
    flip_every_bit(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(everything_before_the_certificates) };

    return cmocka_run_group_tests_name("dcap_flips_body", tests, NULL, NULL);
}
