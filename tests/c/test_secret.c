/* link: -Wl,--wrap=free */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/secret.h"

void __real_free(void *p);
void __wrap_free(void *p);

/* Looks at blocks as they are freed by wiping_free. */
static bool watching;
static size_t watched_blocks, watched_dirty;

void __wrap_free(void *p)
{
    if (watching && p) {
        const unsigned char *bytes = p;

        watched_blocks++;
        for (size_t i = 0; i < malloc_usable_size(p); i++)
            watched_dirty += bytes[i] != 0;
    }
    __real_free(p);
}

static void arena_gives_zeroed_memory_and_wipes_it(void **state)
{
    unsigned char *p = secret_alloc(32), *again;

    (void)state;
    assert_non_null(p);
    for (int i = 0; i < 32; i++)
        assert_int_equal(p[i], 0);
    memset(p, 0xaa, 32);
    secret_free(p);
    for (int i = 0; i < 32; i++)
        assert_int_equal(p[i], 0); /* still mapped, and empty */
    again = secret_alloc(32);
    assert_ptr_equal(again, p);
    secret_free(again);
    secret_free(NULL);
}

static void arena_keeps_blocks_apart(void **state)
{
    enum { N = 3000 };
    static unsigned char *blocks[N];

    (void)state;
    for (int i = 0; i < N; i++) {
        blocks[i] = secret_alloc((size_t)(i % 300) + 1);
        assert_non_null(blocks[i]);
        memset(blocks[i], i & 0xff, (size_t)(i % 300) + 1);
    }
    for (int i = 0; i < N; i++)
        for (int k = 0; k < i % 300 + 1; k++)
            if (blocks[i][k] != (i & 0xff))
                fail_msg("block %d was overwritten", i);
    for (int i = 0; i < N; i += 2)
        secret_free(blocks[i]);
    for (int i = 0; i < N; i += 2) {
        blocks[i] = secret_alloc((size_t)(i % 300) + 1);
        assert_non_null(blocks[i]);
        assert_int_equal(blocks[i][0], 0);
    }
    for (int i = 0; i < N; i++)
        secret_free(blocks[i]);
}

static void arena_has_an_end(void **state)
{
    enum { MANY = 200000 };
    void **blocks = calloc(MANY, sizeof *blocks);
    size_t n = 0;

    (void)state;
    assert_non_null(blocks);
    assert_null(secret_alloc(0));
    assert_null(secret_alloc(SECRET_KEY_MAX + SECRET_BLOCK + 1));
    while (n < MANY && (blocks[n] = secret_alloc(SECRET_KEY_MAX)) != NULL)
        n++;
    assert_in_range(n, 100, MANY - 1);
    while (n > 0)
        secret_free(blocks[--n]);
    blocks[0] = secret_alloc(SECRET_KEY_MAX + SECRET_BLOCK);
    assert_non_null(blocks[0]);
    secret_free(blocks[0]);
    free(blocks);
}

static void arena_ignores_strange_pointers(void **state)
{
    unsigned char *p = secret_alloc(200);
    int other;

    (void)state;
    p[70] = 7;
    secret_free(&other);
    secret_free(p + 64); /* inside a block */
    secret_free(p + 3);
    assert_int_equal(p[70], 7);
    secret_free(p);
}

/* VmFlags of the mapping that holds p. */
static void vm_flags(const void *p, char *out, size_t cap)
{
    FILE *file = fopen("/proc/self/smaps", "r");
    unsigned long from, to;
    bool here = false;
    char line[512];

    out[0] = 0;
    if (!file)
        return;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            here = (uintptr_t)p >= from && (uintptr_t)p < to;
        else if (here && strncmp(line, "VmFlags:", 8) == 0)
            snprintf(out, cap, "%s", line);
    }
    fclose(file);
}

static void arena_pages_are_locked_and_kept_out_of_dumps(void **state)
{
    void *p = secret_alloc(1);
    char flags[512];

    (void)state;
    vm_flags(p, flags, sizeof flags);
    if (!flags[0])
        skip();
    assert_non_null(strstr(flags, " dd"));
    assert_non_null(strstr(flags, " wf"));
#ifndef __SANITIZE_ADDRESS__ /* its runtime turns mlock into nothing */
    if (secret_is_locked())
        assert_non_null(strstr(flags, " lo"));
#endif
    secret_free(p);
}

static int child_status(void (*run)(unsigned char *), unsigned char *p)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL); /* cmocka's handler would go on with the tests in the child */
        signal(SIGBUS, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr)) /* a sanitizer reports the fault */
            _exit(3);
        run(p);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void read_far_ahead(unsigned char *p)
{
    volatile unsigned char *v = p;

    for (size_t i = 0; i < 64 * 1024; i++)
        (void)v[i];
}

static void read_far_back(unsigned char *p)
{
    volatile unsigned char *v = p;

    for (size_t i = 0; i < 64 * 1024; i++)
        (void)*(v - i);
}

static void expect_zero(unsigned char *p)
{
    _exit(p[0] == 0 ? 0 : 1);
}

static void arena_stands_between_guard_pages(void **state)
{
    unsigned char *p = secret_alloc(1);

    (void)state;
    p[0] = 1;
    assert_int_not_equal(child_status(read_far_back, p), 0);
    assert_int_not_equal(child_status(read_far_ahead, p + 1024), 0);
    secret_free(p);
}

static void arena_is_empty_in_a_child(void **state)
{
    unsigned char *p = secret_alloc(1);

    (void)state;
    p[0] = 1;
    assert_int_equal(child_status(expect_zero, p), 0);
    assert_int_equal(p[0], 1);
    secret_free(p);
}

static void allocator_wipes(void **state)
{
    char *p, *s;

    (void)state;
    watching = true;
    p = wiping_malloc(100);
    memset(p, 'x', 100);
    p = wiping_realloc(p, 100000);
    assert_int_equal(p[99], 'x');
    memset(p, 'y', 100000);
    p = wiping_realloc(p, 10);
    assert_int_equal(p[9], 'y');
    wiping_free(p);
    s = wiping_strdup("secret");
    assert_string_equal(s, "secret");
    wiping_free(s);
    p = wiping_calloc(3, 5);
    for (int i = 0; i < 15; i++)
        assert_int_equal(p[i], 0);
    memset(p, 1, 15);
    wiping_free(p);
    p = wiping_realloc(NULL, 8);
    assert_non_null(p);
    memset(p, 1, 8);
    wiping_free(p);
    wiping_free(NULL);
    watching = false;
    assert_in_range(watched_blocks, 5, 100);
    assert_int_equal(watched_dirty, 0);
}

static void wipe_takes_null(void **state)
{
    char a[4] = "abc";

    (void)state;
    secret_wipe(NULL, 5);
    secret_wipe(a, sizeof a);
    assert_memory_equal(a, "\0\0\0\0", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_gives_zeroed_memory_and_wipes_it),
        cmocka_unit_test(arena_stands_between_guard_pages),
        cmocka_unit_test(arena_keeps_blocks_apart),
        cmocka_unit_test(arena_ignores_strange_pointers),
        cmocka_unit_test(arena_pages_are_locked_and_kept_out_of_dumps),
        cmocka_unit_test(arena_is_empty_in_a_child),
        cmocka_unit_test(arena_has_an_end),
        cmocka_unit_test(allocator_wipes),
        cmocka_unit_test(wipe_takes_null),
    };

    return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
