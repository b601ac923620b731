/* The queue's one promise that everything above it stands on: the descriptor is readable exactly
 * while there is an event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "client/queue.h"

static bool readable(const struct queue *q)
{
    struct pollfd p = { .fd = queue_fd(q), .events = POLLIN };

    return poll(&p, 1, 0) == 1;
}

static void readable_while_not_empty(void **state)
{
    struct queue *q;
    venice_event ev;
    bool drained;

    (void)state;
    assert_int_equal(queue_new(&q, 1 << 20), 0);
    assert_false(readable(q));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5; i++) {
            assert_int_equal(queue_push(q, VENICE_EV_CONTENT, 7, i, "abc", 3), 0);
            assert_true(readable(q));
        }
        for (int i = 0; i < 5; i++) {
            assert_true(readable(q));
            assert_int_equal(queue_next(q, &ev, &drained), 1);
            assert_int_equal(ev.request, 7);
            assert_int_equal(ev.status, i);
            assert_int_equal(ev.len, 3);
            assert_string_equal(ev.data, "abc");
        }
        assert_false(readable(q));
        assert_int_equal(queue_next(q, &ev, &drained), 0);
        assert_null(ev.data);
        assert_int_equal(queue_bytes(q), 0);
    }
    queue_free(q);
}

static void descriptor_is_not_inherited(void **state)
{
    struct queue *q;
    char path[64], text[512];
    FILE *f;
    unsigned flags = 0;

    (void)state;
    assert_int_equal(queue_new(&q, 4096), 0);
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", queue_fd(q));
    f = fopen(path, "r");
    if (!f) {
        queue_free(q);
        skip();
    }
    while (fgets(text, sizeof text, f))
        (void)sscanf(text, "flags: %o", &flags);
    fclose(f);
    assert_true(flags & 02000000); /* O_CLOEXEC */
    assert_true(flags & 04000);    /* O_NONBLOCK */
    queue_free(q);
}

static void room_comes_back_at_half(void **state)
{
    struct queue *q;
    venice_event ev;
    bool drained;
    char kilo[1024] = { 0 };
    int n = 0, taken = 0;

    (void)state;
    assert_int_equal(queue_new(&q, 16 * 1024), 0);
    while (queue_has_room(q)) {
        assert_int_equal(queue_push(q, VENICE_EV_CONTENT, 1, 0, kilo, sizeof kilo), 0);
        n++;
    }
    assert_in_range(n, 14, 17);
    assert_true(queue_bytes(q) < 18 * 1024);
    for (;;) {
        assert_false(queue_has_room(q));
        assert_int_equal(queue_next(q, &ev, &drained), 1);
        taken++;
        if (drained)
            break;
    }
    assert_in_range(taken, 7, 10);
    assert_true(queue_has_room(q));
    while (queue_next(q, &ev, &drained))
        assert_false(drained); /* it was said once */
    queue_free(q);
}

static void done_is_taken_without_room(void **state)
{
    struct queue *q;
    venice_event ev;
    bool drained;

    (void)state;
    assert_int_equal(queue_new(&q, 1), 0);
    assert_int_equal(queue_reserve(q), 0);
    assert_int_equal(queue_push(q, VENICE_EV_CONTENT, 1, 0, "x", 1), 0);
    assert_false(queue_has_room(q));
    assert_int_equal(queue_push(q, VENICE_EV_DONE, 1, VENICE_E_CANCELLED, "{}", 2), 0);
    assert_int_equal(queue_next(q, &ev, &drained), 1);
    assert_int_equal(queue_next(q, &ev, &drained), 1);
    assert_int_equal(ev.kind, VENICE_EV_DONE);
    assert_int_equal(ev.status, VENICE_E_CANCELLED);
    queue_free(q);
}

static void done_has_words_without_memory(void **state)
{
    struct queue *q;
    venice_event ev;
    bool drained;

    (void)state;
    assert_int_equal(queue_new(&q, 4096), 0);
    assert_int_equal(queue_reserve(q), 0);
    /* A length that no allocation is tried for stands for one that fails. */
    assert_int_equal(queue_push(q, VENICE_EV_CONTENT, 9, 0, NULL, SIZE_MAX), VENICE_E_MEMORY);
    assert_false(readable(q));
    assert_int_equal(queue_push(q, VENICE_EV_DONE, 9, 0, NULL, SIZE_MAX), 0);
    assert_int_equal(queue_next(q, &ev, &drained), 1);
    assert_int_equal(ev.kind, VENICE_EV_DONE);
    assert_int_equal(ev.request, 9);
    assert_int_equal(ev.status, VENICE_E_MEMORY);
    assert_non_null(strstr(ev.data, "\"code\":\"internal\""));
    assert_int_equal(queue_push(q, VENICE_EV_DONE, 9, 0, NULL, SIZE_MAX), VENICE_E_MEMORY);
    queue_free(q);
}

enum { EVENTS = 20000 };

struct shared {
    struct queue *q;
    atomic_bool may_go;
};

static void *produce(void *user)
{
    struct shared *s = user;

    for (int i = 0; i < EVENTS; i++) {
        while (!queue_has_room(s->q))
            while (!atomic_exchange(&s->may_go, false))
                (void)poll(NULL, 0, 1);
        if (queue_push(s->q, VENICE_EV_CONTENT, 1, i, "token", 5) != 0)
            break;
    }
    return NULL;
}

/* Two threads: a reader who only reads when poll says so gets everything, in order. */
static void nothing_is_lost_between_threads(void **state)
{
    struct shared s = { 0 };
    struct pollfd p;
    pthread_t thread;
    venice_event ev;
    bool drained;
    int next = 0;

    (void)state;
    assert_int_equal(queue_new(&s.q, 4096), 0);
    assert_int_equal(pthread_create(&thread, NULL, produce, &s), 0);
    p = (struct pollfd){ .fd = queue_fd(s.q), .events = POLLIN };
    while (next < EVENTS) {
        assert_int_equal(poll(&p, 1, 10000), 1);
        assert_int_equal(queue_next(s.q, &ev, &drained), 1); /* readable: there is one */
        assert_int_equal(ev.status, next++);
        assert_true(queue_bytes(s.q) <= 4096 + 64);
        if (drained)
            atomic_store(&s.may_go, true);
    }
    pthread_join(thread, NULL);
    assert_false(readable(s.q));
    queue_free(s.q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readable_while_not_empty),
        cmocka_unit_test(descriptor_is_not_inherited),
        cmocka_unit_test(room_comes_back_at_half),
        cmocka_unit_test(done_is_taken_without_room),
        cmocka_unit_test(done_has_words_without_memory),
        cmocka_unit_test(nothing_is_lost_between_threads),
    };

    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
