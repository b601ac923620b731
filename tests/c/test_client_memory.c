/* link: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
/* Every accepted request gives exactly one DONE, whichever single allocation fails, in whichever
 * thread: ours, libcurl's, which come through our allocators, and cJSON's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/clock.h"
#include "support_client.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t n);

/* Allocations until one fails; far below zero: none does. Several threads count, unlike in
 * torture.h. */
static atomic_long left = -1000000000;

static bool fails(void)
{
    return atomic_fetch_sub(&left, 1) == 0;
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

static void *cjson_malloc(size_t n)
{
    return __wrap_malloc(n);
}

/* One chat with its attestation; the allocation after n others fails. Returns whether it was
 * reached. */
static bool chat_with_failure(long n)
{
    static const char text[] = "hello";
    const venice_message m = { "user", text, sizeof text - 1, NULL };
    struct seen s = { 0 };
    bool reached;
    venice_event ev;
    int r, dones = 0, status = 0;
    long long end = clock_ms() + 20000;

    venice_forget(the_client, NULL);
    atomic_store(&left, n);
    r = venice_chat(the_client, &s.id, MODEL, &m, 1, POLICY, strlen(POLICY));
    while (r == 0 && dones == 0) {
        struct timespec pause = { .tv_nsec = 1000000 };

        while (venice_next(the_client, &ev) == 1) {
            assert_int_equal(dones, 0);
            assert_int_equal(ev.request, s.id);
            dones += ev.kind == VENICE_EV_DONE;
            status = ev.status;
        }
        if (clock_ms() > end)
            fail_msg("no DONE where allocation %ld failed", n);
        nanosleep(&pause, NULL);
    }
    reached = atomic_exchange(&left, -1000000000) < 0;
    if (r != 0)
        assert_int_equal(r, VENICE_E_MEMORY);
    else if (status != 0 && !reached)
        fail_msg("status %d although nothing failed", status);
    return reached;
}

static void one_done_whatever_fails(void **state)
{
    int count = 0;
    struct seen s;
    cJSON_Hooks hooks = { cjson_malloc, free };

    NEEDS_SIMULATOR();
    cJSON_InitHooks(&hooks);
    simulator_order("/_answer", "{\"text\":\"one two three\",\"rate\":0}");
    chat_with_failure(1000000); /* connections, algorithms: what is made once */
    for (long n = 0; chat_with_failure(n); n += n < 300 ? 1 : 41)
        count++;
    print_message("%d places\n", count);
    assert_true(count > 100);
    ask(&s); /* and it still works */
    await_done(&s);
    expect_done(&s, 0, "stop");
    seen_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_done_whatever_fails),
    };

    return cmocka_run_group_tests_name("client_memory", tests, group_set_up, group_tear_down);
}
