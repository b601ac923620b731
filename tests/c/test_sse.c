/* link: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "e2ee/sse.h"
#include "support_e2ee.h"
#include "torture.h"
#include "venice.h"

/* Every event as "[data]". Returns what the last feed gave. */
static int split(struct text *log, const char *bytes, size_t len, size_t step)
{
    struct sse *s;
    int r = 0;

    text_add(log, "", 0);
    assert_int_equal(sse_new(&s), 0);
    for (size_t at = 0; at < len; at += step) {
        char *data;
        size_t n;

        r = sse_feed(s, bytes + at, step < len - at ? step : len - at);
        while (sse_next(s, &data, &n)) {
            assert_int_equal(data[n], 0);
            text_add(log, "[", 1);
            text_add(log, data, n);
            text_add(log, "]", 1);
        }
    }
    sse_free(s);
    return r;
}

static const struct {
    const char *bytes, *events;
} ROWS[] = {
    { "", "" },
    { "data: a\n\n", "[a]" },
    { "data:a\n\n", "[a]" },
    { "data:  a \n\n", "[ a ]" },
    { "data: a\r\n\r\n", "[a]" },
    { "data: a\r\rdata: b\r\r", "[a][b]" },
    { "data: a\r\n\ndata: b\n\r\n", "[a][b]" },
    { "data: a\n\ndata: b\n\n", "[a][b]" },
    { "data: a\ndata: b\n\n", "[a\nb]" },
    { "data: a\ndata:\ndata: b\n\n", "[a\n\nb]" },
    { "data: a\r\ndata: b\r\n\r\n", "[a\nb]" },
    { "data\n\n", "[]" },
    { "data:\n\n", "[]" },
    { "data:\ndata\n\n", "[\n]" },
    { ": comment\n\ndata: a\n\n", "[a]" },
    { ": comment\ndata: a\n: comment\n\n", "[a]" },
    { "event: x\nid: 1\nretry: 5\ndata: a\n\n", "[a]" },
    { "event: x\n\n", "" },
    { "\n\n\n\ndata: a\n\n\n\n", "[a]" },
    { "datax: a\n\ndat: a\n\nDATA: a\n\n data: a\n\n", "" },
    { "data : a\n\n", "" },
    { "data: a: b\n\n", "[a: b]" },
    { "data: a", "" },
    { "data: a\n", "" },
    { "data: a\r\n", "" },
    { "data: a\n\ndata: b", "[a]" },
    { "data: a\n\ndata: b\n", "[a]" },
    { "\xef\xbb\xbf"
      "data: a\n\n",
      "[a]" },
    { "\xef\xbb"
      "data: a\n\ndata: b\n\n",
      "[b]" },
    { "\xef\xbb\xbf\xef\xbb\xbf"
      "data: a\n\ndata: b\n\n",
      "[b]" },
    { "data: \xef\xbb\xbf\n\n", "[\xef\xbb\xbf]" },
    { "data: \xf0\x9f\x8e\x89\n\n", "[\xf0\x9f\x8e\x89]" },
};

/* Cut at every size of piece, from one byte on: the events never differ. */
static void events_do_not_depend_on_cuts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        size_t len = strlen(ROWS[i].bytes);

        for (size_t step = 1; step <= len + 1; step++) {
            struct text log = { 0 };

            assert_int_equal(split(&log, ROWS[i].bytes, len, step), 0);
            assert_string_equal(log.data, ROWS[i].events);
            text_clear(&log);
        }
    }
}

static void events_do_not_depend_on_one_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        for (size_t cut = 0; cut <= strlen(ROWS[i].bytes); cut++) {
            struct text log = { 0 };
            struct sse *s;
            char *data;
            size_t n;

            text_add(&log, "", 0);
            assert_int_equal(sse_new(&s), 0);
            assert_int_equal(sse_feed(s, ROWS[i].bytes, cut), 0);
            assert_int_equal(sse_feed(s, ROWS[i].bytes + cut, strlen(ROWS[i].bytes) - cut), 0);
            while (sse_next(s, &data, &n)) /* only now: whole events wait */
                text_addf(&log, "[%s]", data);
            assert_string_equal(log.data, ROWS[i].events);
            sse_free(s);
            text_clear(&log);
        }
}

static void nul_bytes_are_kept(void **state)
{
    struct text log = { 0 };

    (void)state;
    assert_int_equal(split(&log, "data: a\0b\n\n", 11, 3), 0);
    assert_int_equal(log.len, 5);
    assert_memory_equal(log.data, "[a\0b]", 5);
    text_clear(&log);
}

static void feed_many(struct sse *s, const char *bytes, size_t total, int last)
{
    size_t n = strlen(bytes), sent = 0;
    int r = 0;

    for (; sent < total && r == 0; sent += n)
        r = sse_feed(s, bytes, n);
    assert_int_equal(r, last);
    assert_int_equal(sse_feed(s, "\n\ndata: x\n\n", 11), last);
}

/* 64 MB of one event, of one line, of one comment: refused, and no more kept than the limit. */
static void endless_input_is_refused(void **state)
{
    enum { HUGE_INPUT = 64 * 1024 * 1024 };
    static const char *const starts[] = { "data: ", "", ": ", "event: " };
    char kilobyte[1025];
    struct sse *s;
    char *data;
    size_t n;

    (void)state;
    memset(kilobyte, 'x', 1024);
    kilobyte[1024] = 0;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(sse_new(&s), 0);
        assert_int_equal(sse_feed(s, "data: a\n\n", 9), 0);
        assert_int_equal(sse_feed(s, starts[i], strlen(starts[i])), 0);
        feed_many(s, kilobyte, HUGE_INPUT, VENICE_E_LIMIT);
        assert_int_equal(sse_next(s, &data, &n), 1); /* what was whole before is still given */
        assert_string_equal(data, "a");
        assert_int_equal(sse_next(s, &data, &n), 0);
        sse_free(s);
    }
    memcpy(kilobyte, "data:", 5); /* many lines, one event */
    kilobyte[1023] = '\n';
    assert_int_equal(sse_new(&s), 0);
    feed_many(s, kilobyte, HUGE_INPUT, VENICE_E_LIMIT);
    sse_free(s);
    assert_int_equal(sse_new(&s), 0);
    feed_many(s, "data\n", HUGE_INPUT, VENICE_E_LIMIT);
    sse_free(s);
    assert_int_equal(sse_new(&s), 0); /* comments are kept nowhere */
    feed_many(s, ": processing, ten seconds of it, and on and on\n\n", HUGE_INPUT, 0);
    sse_free(s);
}

static void an_event_of_the_limit_is_given(void **state)
{
    char *bytes = malloc(SSE_EVENT_MAX + 16);
    struct sse *s;
    char *data;
    size_t n;

    (void)state;
    assert_non_null(bytes);
    memset(bytes, 'x', SSE_EVENT_MAX + 16);
    memcpy(bytes, "data:", 5);
    assert_int_equal(sse_new(&s), 0);
    assert_int_equal(sse_feed(s, bytes, SSE_EVENT_MAX), 0);
    assert_int_equal(sse_feed(s, "\n\n", 2), 0);
    assert_int_equal(sse_next(s, &data, &n), 1);
    assert_int_equal(n, SSE_EVENT_MAX - 5);
    assert_int_equal(sse_feed(s, bytes, SSE_EVENT_MAX + 1), VENICE_E_LIMIT);
    sse_free(s);
    free(bytes);
}

/* One byte at a time costs the same for each byte, however long the event has become. */
static void work_is_linear(void **state)
{
    struct sse *s;
    clock_t start = clock();
    char *data;
    size_t n;

    (void)state;
    assert_int_equal(sse_new(&s), 0);
    assert_int_equal(sse_feed(s, "data:", 5), 0);
    for (int i = 0; i < 4000000; i++)
        assert_int_equal(sse_feed(s, i % 100 == 99 ? "\r" : "x", 1), 0);
    for (int i = 0; i < 200000; i++) {
        assert_int_equal(sse_feed(s, "\n\ndata:a\n\ndata:", 15), 0);
        while (sse_next(s, &data, &n))
            ;
    }
    sse_free(s);
    assert_in_range((clock() - start) / (CLOCKS_PER_SEC / 1000), 0, 20000);
}

static void failed_allocations_are_said(void **state)
{
    static const char bytes[] = "data: a\n\ndata: ";
    char *big = malloc(100000);
    bool hit = true;

    (void)state;
    assert_non_null(big);
    memset(big, 'x', 100000);
    for (long n = 0; hit; n++) {
        struct sse *s;
        int r;

        torture_begin(n);
        r = sse_new(&s);
        if (r == 0)
            r = sse_feed(s, bytes, sizeof bytes - 1);
        for (int i = 0; i < 5 && r == 0; i++)
            r = sse_feed(s, big, 100000);
        hit = torture_end();
        assert_int_equal(r, hit ? VENICE_E_MEMORY : 0);
        sse_free(s);
    }
    free(big);
    sse_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_do_not_depend_on_cuts),
        cmocka_unit_test(events_do_not_depend_on_one_cut),
        cmocka_unit_test(nul_bytes_are_kept),
        cmocka_unit_test(endless_input_is_refused),
        cmocka_unit_test(an_event_of_the_limit_is_given),
        cmocka_unit_test(work_is_linear),
        cmocka_unit_test(failed_allocations_are_said),
    };

    return cmocka_run_group_tests_name("sse", tests, NULL, NULL);
}
