/* Time: cancelling, silence, slow readers, and closing in the middle of everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/clock.h"
#include "support_client.h"

/* ---- Time, cancelling, closing ------------------------------------------------------------ */

static void cancel_closes_the_connection(void **state)
{
    struct seen s;
    struct timespec t;
    double cancelled_at, closed_at = 0;

    NEEDS_SIMULATOR();
    simulator_order("/_answer", "{\"tokens\":5000,\"rate\":100}");
    ask(&s);
    await_text(&s, 20);
    clock_gettime(CLOCK_REALTIME, &t);
    cancelled_at = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
    assert_int_equal(venice_cancel(the_client, s.id), 0);
    await_done(&s);
    expect_done(&s, VENICE_E_CANCELLED, "cancelled");
    for (int i = 0; i < 100 && closed_at == 0; i++) {
        cJSON *log = simulator_log();
        const cJSON *at = cJSON_GetObjectItem(log_entry(log, CHAT_PATH, 0), "client_closed");

        if (cJSON_IsNumber(at))
            closed_at = at->valuedouble;
        cJSON_Delete(log);
        (void)poll(NULL, 0, 10);
    }
    assert_true(closed_at > 0);
    if (closed_at - cancelled_at > 0.25) /* 50 ms, with slack for a loaded machine */
        fail_msg("closed after %.3f s", closed_at - cancelled_at);
    seen_free(&s);
}

/* All of an answer has come at once, and is being opened: a stop does not wait for its end. */
static void a_stop_in_a_burst(void **state)
{
    struct seen s;
    long long began;

    NEEDS_SIMULATOR();
    simulator_order("/_answer", "{\"tokens\":20000,\"rate\":0,\"batch\":20000}");
    ask(&s);
    for (long long end = clock_ms() + 60000; s.texts == 0 && clock_ms() < end;)
        events_pump(&s, 1, 50);
    began = clock_ms();
    assert_int_equal(venice_cancel(the_client, s.id), 0);
    await_done(&s);
    expect_done(&s, VENICE_E_CANCELLED, "cancelled");
    assert_true(s.texts < 20000);
    if (s.done_at - began > 250) /* 50 ms, with slack for a loaded machine */
        fail_msg("stopped after %lld ms", s.done_at - began);
    seen_free(&s);
}

static void silence_in_mid_answer(void **state)
{
    struct seen s;

    NEEDS_SIMULATOR();
    client_shut();
    client_open("\"idle_timeout\":1");
    simulator_order("/_fault", "{\"name\":\"stall\",\"n\":5,\"seconds\":60}");
    ask(&s);
    await_done(&s);
    expect_done(&s, VENICE_E_TIMEOUT, "sent nothing for 1 s");
    expect_done(&s, VENICE_E_TIMEOUT, "idle = 2");
    assert_true(s.text.len > 0); /* what came is kept */
    seen_free(&s);
    simulator_order("/_fault", "{\"name\":\"hang\"}");
    ask(&s);
    await_done(&s);
    expect_done(&s, VENICE_E_TIMEOUT, "sent nothing for 1 s");
    seen_free(&s);
}

static void an_open_end_is_an_end(void **state)
{
    struct seen s;
    long long began;

    NEEDS_SIMULATOR();
    simulator_order("/_fault", "{\"name\":\"hang_after_done\"}");
    began = clock_ms();
    ask(&s);
    await_done(&s);
    expect_done(&s, 0, "\"finish_reason\":\"stop\"");
    assert_true(s.done_at - began < 8000);
    seen_free(&s);
}

/* Only text postpones the end: what anybody could send does not, and a stop in the meantime would
 * mark a whole answer as stopped. */
static void what_comes_behind_the_end(void **state)
{
    static const char *const rows[] = {
        "{\"name\":\"drip_after_finish\"}",
        "{\"name\":\"drip_after_finish\",\"text\":\"data:\\n\\n\"}",
        "{\"name\":\"drip_after_finish\",\"text\":\"data: {\\\"choices\\\":[]}\\n\\n\"}",
        "{\"name\":\"drip_after_finish\",\"text\":\"data: "
        "{\\\"choices\\\":[{\\\"delta\\\":{\\\"content\\\":\\\" \\\"}}]}\\n\\n\"}",
        "{\"name\":\"drip_after_done\"}",
    };

    NEEDS_SIMULATOR();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct seen s;
        long long began;

        simulator_order("/_fault", rows[i]);
        ask(&s);
        await_text(&s, 20);
        began = clock_ms();
        await_done(&s);
        expect_done(&s, 0, "\"finish_reason\":\"stop\"");
        expect_done(&s, 0, "\"sent\":\"all\"");
        if (s.done_at - began > 15000) /* it drips for 60 s; the end is 3 s after the reason */
            fail_msg("row %zu: %lld ms", i, s.done_at - began);
        seen_free(&s);
    }
}

/* A service that only says that it lives is not waited for longer than one that says nothing. */
static void nothing_but_keep_alives(void **state)
{
    static const char *const rows[] = {
        "{\"name\":\"drip_after_role\"}",
        "{\"name\":\"drip_after_role\",\"text\":\"data:\\n\\n\"}",
        "{\"name\":\"drip_after_role\",\"text\":\"x\"}",
        "{\"name\":\"drip_after_role\",\"text\":\"data: "
        "{\\\"choices\\\":[{\\\"delta\\\":{\\\"content\\\":\\\" \\\"}}]}\\n\\n\"}",
    };

    NEEDS_SIMULATOR();
    client_shut();
    client_open("\"idle_timeout\":2");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct seen s;

        simulator_order("/_fault", rows[i]);
        ask(&s);
        await_done(&s);
        expect_done(&s, VENICE_E_TIMEOUT, "sent nothing but keep-alives for 2 s");
        expect_done(&s, VENICE_E_TIMEOUT, "\"sent\":\"all\"");
        seen_free(&s);
    }
}

/* The user is told that it lives, and may decide. */
static void keep_alives_are_told_of(void **state)
{
    struct seen s;
    long long end = clock_ms() + 30000;

    NEEDS_SIMULATOR();
    client_shut();
    client_open("\"idle_timeout\":120");
    simulator_order("/_fault", "{\"name\":\"drip_after_role\"}");
    ask(&s);
    while (!strstr(seen_text(&s.states), "kept_alive") && clock_ms() < end)
        events_pump(&s, 1, 50);
    assert_non_null(strstr(seen_text(&s.states), "{\"state\":\"waiting\",\"kept_alive\":1"));
    venice_cancel(the_client, s.id);
    await_done(&s);
    expect_done(&s, VENICE_E_CANCELLED, "\"sent\":\"all\"");
    seen_free(&s);
}

static void what_was_sent_is_said(void **state)
{
    struct seen s;

    NEEDS_SIMULATOR();
    client_shut();
    client_open("\"idle_timeout\":2");
    simulator_order("/_fault", "{\"name\":\"td_debug\"}");
    ask(&s);
    await_done(&s);
    expect_done(&s, VENICE_E_ATTESTATION, "\"sent\":\"nothing\"");
    seen_free(&s);
    simulator_anew();
    for (int i = 0; i < 2; i++) {
        simulator_order("/_fault", i == 0 ? "{\"name\":\"hang\"}" : "{\"name\":\"close\"}");
        ask(&s);
        await_done(&s);
        expect_done(&s, i == 0 ? VENICE_E_TIMEOUT : VENICE_E_CONNECT, "\"sent\":\"all\"");
        expect_done(&s, s.status, "\"message\":\"sent, no answer: ");
        expect_done(&s, s.status, "\"hint\":\"asking again may cost twice");
        seen_free(&s);
    }
    simulator_order("/_fault", "{\"name\":\"nothing\"}");
    ask(&s);
    await_done(&s);
    expect_done(&s, VENICE_E_CUT_OFF, "sent, no answer: ");
    seen_free(&s);
    simulator_order("/_fault", "{\"name\":\"http_401\"}");
    ask(&s);
    await_done(&s);
    expect_done(&s, VENICE_E_UNAUTHORIZED, "\"sent\":\"all\"");
    seen_free(&s);
}

static void dead_port(void **state)
{
    static const char options[] = "{\"base_url\":\"http://127.0.0.1:1\"}";
    struct seen s = { 0 };

    NEEDS_SIMULATOR();
    client_shut();
    assert_int_equal(venice_client_new(&the_client, NULL, options, sizeof options - 1), 0);
    assert_int_equal(venice_models(the_client, &s.id), 0);
    await_done(&s);
    expect_done(&s, VENICE_E_CONNECT, "no connection to 127.0.0.1:1: Connection refused");
    seen_free(&s);
}

/* A reader who does not read: the sender is slowed down, and the memory stays bounded. */
static void a_slow_reader(void **state)
{
    struct seen s;
    venice_text info;
    cJSON *tree;
    double bytes;

    NEEDS_SIMULATOR();
    client_shut();
    client_open("\"queue_bytes\":65536,\"idle_timeout\":4");
    simulator_order("/_answer", "{\"tokens\":8000,\"rate\":0}");
    ask(&s);
    await_text(&s, 1);
    (void)poll(NULL, 0, 5000); /* longer than the idle time: it does not run while we pause */
    assert_int_equal(venice_client_info(the_client, &info), 0);
    tree = cJSON_Parse(info.data);
    bytes = cJSON_GetNumberValue(cJSON_GetObjectItem(tree, "queue_bytes"));
    assert_true(bytes > 30000 && bytes < 80000);
    cJSON_Delete(tree);
    venice_text_free(&info);
    assert_int_equal(s.dones, 0);
    await_done(&s);
    expect_done(&s, 0, "stop");
    assert_int_equal(s.texts, 8000);
    seen_free(&s);
}

static int threads(void)
{
    DIR *d = opendir("/proc/self/task");
    int n = 0;

    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

static int descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

static void close_in_mid_answer(void **state)
{
    int threads_before = 0, descriptors_before = 0;

    NEEDS_SIMULATOR();
    simulator_order("/_answer", "{\"tokens\":5000,\"rate\":500}");
    for (int i = 0; i < 30; i++) {
        struct seen s[3];
        long long began;

        if (!the_client)
            client_open("");
        for (int n = 0; n < 3; n++)
            ask(&s[n]);
        if (i % 3 != 0) /* else before anything came */
            await_text(&s[0], 1);
        began = clock_ms();
        client_shut();
        assert_true(clock_ms() - began < 1000);
        for (int n = 0; n < 3; n++)
            seen_free(&s[n]);
        if (i == 1) {
            threads_before = threads();
            descriptors_before = descriptors();
        }
    }
    assert_int_equal(threads(), threads_before);
    assert_int_equal(descriptors(), descriptors_before);
}

static void close_kills_the_key_command(void **state)
{
    const char *const argv[] = { "sleep", "100" };
    struct seen s;

    NEEDS_SIMULATOR();
    assert_int_equal(venice_key_from_command(the_client, argv, 2), 0);
    ask(&s);
    (void)poll(NULL, 0, 100);
    client_shut();
    seen_free(&s);
}

/* No socket of ours reaches a child that the editor starts (NATIVE.md H8). */
static void sockets_are_closed_on_exec(void **state)
{
    struct seen s;
    int sockets = 0;

    NEEDS_SIMULATOR();
    simulator_order("/_answer", "{\"tokens\":500,\"rate\":100}");
    ask(&s);
    await_text(&s, 1);
    for (int fd = 3; fd < 256; fd++) {
        char path[64], to[64] = "", line[128];
        unsigned flags = 0;
        FILE *f;

        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (readlink(path, to, sizeof to - 1) < 0 || strncmp(to, "socket:", 7) != 0)
            continue;
        snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
        f = fopen(path, "r");
        while (f && fgets(line, sizeof line, f))
            (void)sscanf(line, "flags: %o", &flags);
        if (f)
            fclose(f);
        sockets += (flags & 02000000) != 0;
    }
    assert_true(sockets >= 1);
    venice_cancel(the_client, s.id);
    await_done(&s);
    seen_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(cancel_closes_the_connection),
        CASE(a_stop_in_a_burst),
        CASE(silence_in_mid_answer),
        CASE(an_open_end_is_an_end),
        CASE(what_comes_behind_the_end),
        CASE(nothing_but_keep_alives),
        CASE(keep_alives_are_told_of),
        CASE(what_was_sent_is_said),
        CASE(dead_port),
        CASE(a_slow_reader),
        CASE(close_in_mid_answer),
        CASE(close_kills_the_key_command),
        CASE(sockets_are_closed_on_exec),
    };

    return cmocka_run_group_tests_name("client_time", tests, group_set_up, group_tear_down);
}
