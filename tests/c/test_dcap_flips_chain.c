/* Every single bit of a real quote, the part with its certificates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>

#include "support_flips.h"

static void everything_from_the_certificates_on(void **state)
{
    (void)state;
    flip_every_bit(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(everything_from_the_certificates_on) };

    return cmocka_run_group_tests_name("dcap_flips_chain", tests, NULL, NULL);
}
