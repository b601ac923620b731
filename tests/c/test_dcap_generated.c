/* Quotes that tests/dcap/generate.py makes and signs, one property changed in each, with the
 * verdict that follows from DCAP.md. Independent of the corpus. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_dcap.h"

static void run_case(void **state)
{
    dcap_run_case(*state);
}

static void skip_without_python(void **state)
{
    (void)state;
    skip();
}

static void generator_runs(void **state)
{
    (void)state;
    fail_msg("tests/dcap/generate.py failed");
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : "build/test/dcap-generated";
    struct dcap_case *cases = NULL;
    struct CMUnitTest *tests, single = { "generator", skip_without_python, NULL, NULL, NULL };
    enum dcap_made made = dcap_generate(folder, NULL, 0);
    size_t n;
    int failed;

    if (made != DCAP_MADE) {
        single.test_func = made == DCAP_NO_PYTHON ? skip_without_python : generator_runs;
        return _cmocka_run_group_tests("dcap_generated", &single, 1, NULL, NULL);
    }
    single.test_func = generator_runs;
    n = dcap_read_cases(&cases, folder);
    tests = calloc(n + 1, sizeof *tests);
    for (size_t i = 0; i < n; i++) {
        snprintf(cases[i].root, sizeof cases[i].root, "%s/%s.root.pem", folder, cases[i].name);
        tests[i] = (struct CMUnitTest){ cases[i].name, run_case, NULL, NULL, &cases[i] };
    }
    failed = n > 0 ? _cmocka_run_group_tests("dcap_generated", tests, n, NULL, NULL)
                   : _cmocka_run_group_tests("dcap_generated", &single, 1, NULL, NULL);
    free(tests);
    free(cases);
    return failed;
}
