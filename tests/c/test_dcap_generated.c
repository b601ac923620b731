/* Quotes that tests/dcap/generate.py makes and signs, one property changed in each, with the
 * verdict that follows from DCAP.md. Independent of the corpus. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support_dcap.h"

extern char **environ;

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

/* Returns the exit code, or -1 where it could not be started. */
static int run_python(const char *python, char *const argv[])
{
    pid_t pid;
    int status;

    if (posix_spawn(&pid, python, NULL, NULL, argv, environ) != 0 ||
        waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(int argc, char **argv)
{
    static char folder[] = "build/test/dcap-generated", script[] = "tests/dcap/generate.py";
    char python[] = "/usr/bin/python3";
    char import[] = "import cryptography", flag[] = "-c";
    char *probe[] = { python, flag, import, NULL };
    char *generate[] = { python, script, argc > 1 ? argv[1] : folder, NULL };
    struct dcap_case *cases = NULL;
    struct CMUnitTest *tests, single = { "generator", skip_without_python, NULL, NULL, NULL };
    size_t n;
    int failed;

    if (run_python(python, probe) != 0)
        return _cmocka_run_group_tests("dcap_generated", &single, 1, NULL, NULL);
    single.test_func = generator_runs;
    if (run_python(python, generate) != 0)
        return _cmocka_run_group_tests("dcap_generated", &single, 1, NULL, NULL);
    n = dcap_read_cases(&cases, generate[2]);
    tests = calloc(n + 1, sizeof *tests);
    for (size_t i = 0; i < n; i++) {
        snprintf(cases[i].root, sizeof cases[i].root, "%s/%s.root.pem", generate[2], cases[i].name);
        tests[i] = (struct CMUnitTest){ cases[i].name, run_case, NULL, NULL, &cases[i] };
    }
    failed = n > 0 ? _cmocka_run_group_tests("dcap_generated", tests, n, NULL, NULL)
                   : _cmocka_run_group_tests("dcap_generated", &single, 1, NULL, NULL);
    free(tests);
    free(cases);
    return failed;
}
