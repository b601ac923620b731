/* What is tried again and what is not (DESIGN section 5a, Chat), and every refusal by its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/clock.h"
#include "support_client.h"

/* ---- Trying again, and not (DESIGN section 5a, Chat) -------------------------------------- */

static void retry_rows(void **state)
{
    static const struct {
        const char *fault; /* struck this often */
        int times, sent, status;
        const char *states, *done;
        int min_ms, max_ms;
    } rows[] = {
        { "http_429", 1, 2, 0, "\"seconds\":1,\"attempt\":1,\"code\":\"rate_limited\"", "stop", 900,
          4000 },
        { "http_502", 2, 3, 0, "\"seconds\":2,\"attempt\":2,\"code\":\"server\"", "stop", 2900,
          8000 },
        { "http_503_retry_after", 1, 2, 0, "\"seconds\":1,", "stop", 900, 4000 },
        { "http_504", 1, 2, 0, "retrying", "stop", 900, 4000 },
        { "http_502_html", 1, 2, 0, "retrying", "stop", 900, 4000 },
        { "http_429_retry_after_0", 9, 3, VENICE_E_RATE_LIMITED, "\"attempt\":2", "rate_limited", 0,
          2000 },
        { "http_429_reset", 1, 2, 0, "\"seconds\":1.5,", "stop", 1400, 5000 },
        { "http_429_hour", 9, 1, VENICE_E_RATE_LIMITED, "", "3600 s (60 minutes)", 0, 1000 },
        { "http_429_reset_long", 9, 1, VENICE_E_RATE_LIMITED, "", "900 s (15 minutes)", 0, 1000 },
        { "http_500", 9, 1, VENICE_E_SERVER, "", "HTTP 500", 0, 1000 },
        { "http_501", 9, 1, VENICE_E_SERVER, "", "HTTP 501", 0, 1000 },
    };

    NEEDS_SIMULATOR();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        long long began;
        struct seen s;
        char order[128];
        cJSON *log;

        simulator_anew();
        snprintf(order, sizeof order, "{\"name\":\"%s\",\"times\":%d}", rows[i].fault,
                 rows[i].times);
        simulator_order("/_fault", order);
        began = clock_ms();
        ask(&s);
        await_done(&s);
        expect_done(&s, rows[i].status, rows[i].done);
        if (!strstr(seen_text(&s.states), rows[i].states))
            fail_msg("%s: %s", rows[i].fault, seen_text(&s.states));
        if (s.done_at - began < rows[i].min_ms || s.done_at - began > rows[i].max_ms)
            fail_msg("%s: %lld ms", rows[i].fault, s.done_at - began);
        log = simulator_log();
        assert_int_equal(log_count(log, CHAT_PATH), rows[i].sent);
        for (int n = 0; n < rows[i].sent; n++)
            assert_non_null(text_member(cJSON_GetObjectItem(log_entry(log, CHAT_PATH, n), "header"),
                                        "x-venice-tee-client-pub-key"));
        cJSON_Delete(log);
        seen_free(&s);
    }
}

static void every_try_has_fresh_keys(void **state)
{
    cJSON *log;
    struct seen s;
    const char *a, *b;

    NEEDS_SIMULATOR();
    simulator_order("/_fault", "{\"name\":\"http_429_retry_after_0\",\"times\":1}");
    ask(&s);
    await_done(&s);
    expect_done(&s, 0, "stop");
    seen_free(&s);
    log = simulator_log();
    a = text_member(cJSON_GetObjectItem(log_entry(log, CHAT_PATH, 0), "header"),
                    "x-venice-tee-client-pub-key");
    b = text_member(cJSON_GetObjectItem(log_entry(log, CHAT_PATH, 1), "header"),
                    "x-venice-tee-client-pub-key");
    assert_string_not_equal(a, b);
    cJSON_Delete(log);
}

static void attestation_is_tried_again(void **state)
{
    static const struct {
        const char *fault;
        int times, asked, status;
        const char *done;
    } rows[] = {
        { "attestation_503", 1, 2, 0, "stop" },
        { "attestation_429_retry_after", 2, 3, 0, "stop" },
        { "attestation_429_text", 1, 2, 0, "stop" },
        { "attestation_502_failed", 9, 3, VENICE_E_ATTESTATION, "nothing was sent" },
        { "attestation_502_html", 9, 3, VENICE_E_SERVER, "could not attest" },
        { "attestation_500", 9, 1, VENICE_E_SERVER, "HTTP 500" },
        { "attestation_404", 9, 1, VENICE_E_NOT_FOUND, ":Venice model" },
        { "attestation_close", 9, 1, VENICE_E_CONNECT, "lost" },
        { "attestation_short_body", 9, 1, VENICE_E_CONNECT, "lost" },
        { "attestation_big_body", 9, 1, VENICE_E_LIMIT, "4194304 bytes" },
        { "attestation_not_http", 9, 1, VENICE_E_MALFORMED, "HTTP" },
        { "attestation_body_not_json", 9, 1, VENICE_E_ATTESTATION, "cannot be read" },
        { "attestation_deep_body", 9, 1, VENICE_E_ATTESTATION, "nothing was sent" },
    };

    NEEDS_SIMULATOR();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct seen s;
        char order[128];
        int asked;

        simulator_anew();
        venice_forget(the_client, NULL);
        snprintf(order, sizeof order, "{\"name\":\"%s\",\"times\":%d}", rows[i].fault,
                 rows[i].times);
        simulator_order("/_fault", order);
        ask(&s);
        await_done(&s);
        expect_done(&s, rows[i].status, rows[i].done);
        asked = simulator_count(ATTEST_PATH);
        /* curl asks again where a connection that it had used before was closed: harmless. */
        if (asked != rows[i].asked && !(rows[i].status == VENICE_E_CONNECT && asked == 2))
            fail_msg("%s: asked %d times", rows[i].fault, asked);
        if (rows[i].status != 0)
            assert_int_equal(simulator_count(CHAT_PATH), 0);
        seen_free(&s);
    }
}

static void a_stale_key_is_attested_anew_once(void **state)
{
    static const char *const faults[] = { "e2ee_decryption_failed", "e2ee_model_key_mismatch",
                                          "near_decryption_failed" };
    struct seen s;

    NEEDS_SIMULATOR();
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        char order[128];
        cJSON *log;

        simulator_anew();
        venice_forget(the_client, NULL);
        snprintf(order, sizeof order, "{\"name\":\"%s\"}", faults[i]);
        simulator_order("/_fault", order);
        ask(&s);
        await_done(&s);
        expect_done(&s, 0, "stop");
        assert_int_equal(s.reports, 2);
        seen_free(&s);
        log = simulator_log();
        assert_int_equal(log_count(log, ATTEST_PATH), 2);
        assert_int_equal(log_count(log, CHAT_PATH), 2);
        cJSON_Delete(log);
    }
    simulator_anew();
    simulator_order("/_fault", "{\"name\":\"e2ee_decryption_failed_always\"}");
    ask(&s);
    await_done(&s);
    expect_done(&s, VENICE_E_BAD_REQUEST, "bad_request");
    seen_free(&s);
    assert_int_equal(simulator_count(CHAT_PATH), 2);
    assert_int_equal(simulator_count(ATTEST_PATH), 1); /* a session stood at first */
}

static void a_pause_can_be_cancelled(void **state)
{
    struct seen s;
    long long began;

    NEEDS_SIMULATOR();
    simulator_order("/_fault", "{\"name\":\"http\",\"status\":429,\"body\":\"{}\","
                               "\"headers\":{\"Retry-After\":\"30\"}}");
    ask(&s);
    while (!strstr(seen_text(&s.states), "retrying"))
        assert_true(events_pump(&s, 1, 5000));
    assert_non_null(strstr(seen_text(&s.states), "\"seconds\":30,"));
    began = clock_ms();
    assert_int_equal(venice_cancel(the_client, s.id), 0);
    await_done(&s);
    expect_done(&s, VENICE_E_CANCELLED, "stopped");
    assert_true(s.done_at - began < 500);
    seen_free(&s);
}

/* ---- Refusals ----------------------------------------------------------------------------- */

static void refusal_rows(void **state)
{
    static const struct {
        const char *fault;
        int status;
        const char *done;
    } rows[] = {
        { "http_400_string", VENICE_E_BAD_REQUEST, "refused the request (HTTP 400): " },
        { "http_400_object", VENICE_E_BAD_REQUEST, "HTTP 400): " },
        { "http_400_issues", VENICE_E_BAD_REQUEST, "HTTP 400): " },
        { "http_400_code", VENICE_E_BAD_REQUEST, "HTTP 400): " },
        { "http_400_html", VENICE_E_BAD_REQUEST, "HTTP 400)\"" },
        { "http_400_empty", VENICE_E_BAD_REQUEST, "HTTP 400)\"" },
        { "http_400_context", VENICE_E_BAD_REQUEST, ":Venice new" },
        { "http_401", VENICE_E_UNAUTHORIZED, "the service refused the API key" },
        { "http_402", VENICE_E_PAYMENT, "venice.ai" },
        { "http_403", VENICE_E_UNAUTHORIZED, "not allow" },
        { "http_403", VENICE_E_UNAUTHORIZED, "modelPrivacy (PRIVATE_ONLY" },
        { "http_404", VENICE_E_NOT_FOUND, ":Venice model lists" },
        { "http_413", VENICE_E_TOO_LARGE, "too large" },
        { "http_413_html", VENICE_E_TOO_LARGE, "too large" },
        { "e2ee_header_missing", VENICE_E_BAD_REQUEST, "did not take the encryption" },
        { "e2ee_invalid_version", VENICE_E_BAD_REQUEST, "its protocol may have changed" },
        { "e2ee_headers_invalid", VENICE_E_BAD_REQUEST, "did not take the encryption" },
        { "redirect", VENICE_E_MALFORMED, "not followed" },
        { "http_200_html", VENICE_E_MALFORMED, "not what the protocol has" },
        { "http_200_error", VENICE_E_SERVER, "the service failed" },
        { "not_http", VENICE_E_MALFORMED, "does not speak HTTP" },
        { "drop_fin", VENICE_E_CUT_OFF, "cut_off" },
        { "drop_rst", VENICE_E_CUT_OFF, "cut_off" },
        { "end_early", VENICE_E_CUT_OFF, "cut_off" },
        { "nothing", VENICE_E_CUT_OFF, "cut_off" },
        { "blob_flip_tag", VENICE_E_INTEGRITY, "integrity" },
        { "plaintext_word", VENICE_E_INTEGRITY, "integrity" },
        { "tool_calls", VENICE_E_INTEGRITY, "integrity" },
        { "event_64mb", VENICE_E_LIMIT, "limit" },
        { "endless_line", VENICE_E_LIMIT, "limit" },
        { "error_object", VENICE_E_SERVER, "server" },
        { "no_done", 0, "stop" },
        { "no_finish", 0, "usage" },
        { "comments", 0, "stop" },
        { "framing_one_write", 0, "stop" },
    };

    NEEDS_SIMULATOR();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct seen s;
        char order[128];
        int sent;

        simulator_anew();
        snprintf(order, sizeof order, "{\"name\":\"%s\"}", rows[i].fault);
        simulator_order("/_fault", order);
        ask(&s);
        await_done(&s);
        if (s.status != rows[i].status)
            print_error("%s:\n", rows[i].fault);
        expect_done(&s, rows[i].status, rows[i].done);
        sent = simulator_count(CHAT_PATH);
        if (sent != 1)
            fail_msg("%s: sent %d times", rows[i].fault, sent);
        seen_free(&s);
    }
}

/* Each says what happened, and no more. */
static void refusals_say_what_happened(void **state)
{
    static const struct {
        const char *at, *answer; /* an order without its braces */
        int status;
        const char *done;
    } rows[] = {
        { "chat", "\"status\":429,\"headers\":{\"Retry-After\":\"0\"}", VENICE_E_RATE_LIMITED,
          "the service takes no more requests for now (HTTP 429)" },
        { "chat", "\"status\":304", VENICE_E_MALFORMED,
          "the answer is not what the protocol has (HTTP 304)" },
        { "chat", "\"status\":307", VENICE_E_MALFORMED, "sends us elsewhere (HTTP 307)" },
        { "attestation", "\"status\":401", VENICE_E_UNAUTHORIZED,
          "the service wants a key for an attestation (HTTP 401), which is asked for without" },
        { "chat", "\"status\":401", VENICE_E_UNAUTHORIZED, "the service refused the API key" },
        { "chat", "\"status\":500,\"body\":{\"error\":\"a\\u202eb\\u009bc\\u200bd\"}",
          VENICE_E_SERVER, "the service failed (HTTP 500): a b c d" },
    };

    NEEDS_SIMULATOR();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct seen s;
        char order[256];

        simulator_anew();
        venice_forget(the_client, NULL);
        snprintf(order, sizeof order, "{\"name\":\"http\",\"at\":\"%s\",%s}", rows[i].at,
                 rows[i].answer);
        simulator_order("/_fault", order);
        ask(&s);
        await_done(&s);
        expect_done(&s, rows[i].status, rows[i].done);
        seen_free(&s);
    }
}

static void lists_that_are_too_long(void **state)
{
    enum { COUNT = 100000 };
    struct seen s = { 0 };
    char *order = malloc(COUNT * 10 + 100);
    size_t n;

    NEEDS_SIMULATOR();
    assert_non_null(order);
    n = (size_t)sprintf(order, "{\"name\":\"http\",\"at\":\"models\",\"body\":{\"data\":[");
    for (int i = 0; i < COUNT; i++)
        n += (size_t)sprintf(order + n, "%s{\"a\":1}", i ? "," : "");
    (void)sprintf(order + n, "]}}");
    simulator_order("/_fault", order);
    free(order);
    assert_int_equal(venice_models(the_client, &s.id), 0);
    await_done(&s);
    expect_done(&s, VENICE_E_LIMIT, "the list of models is too long");
    seen_free(&s);
}

/* curl repeats a request on its own where a connection that it has used before is found closed. A
 * completion is not repeated, whatever the reason (DESIGN promise 1). */
static void a_completion_is_never_repeated_unseen(void **state)
{
    static const char *const faults[] = { "close", "reset" };
    struct seen s;

    NEEDS_SIMULATOR();
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        char order[64];

        for (int warm = 0; warm < 2; warm++) {
            simulator_anew();
            if (warm == 0) { /* leaves a connection that can be used again */
                ask(&s);
                await_done(&s);
                expect_done(&s, 0, "stop");
                seen_free(&s);
                continue;
            }
            snprintf(order, sizeof order, "{\"name\":\"%s\"}", faults[i]);
            simulator_order("/_fault", order);
            ask(&s);
            await_done(&s);
            expect_done(&s, VENICE_E_CONNECT, "connect");
            seen_free(&s);
            assert_int_equal(simulator_count(CHAT_PATH), 1);
        }
    }
}

static void a_refused_key_is_read_anew(void **state)
{
    struct seen s;

    NEEDS_SIMULATOR();
    simulator_order("/_fault", "{\"name\":\"http_401\",\"times\":1}");
    ask(&s);
    await_done(&s);
    expect_done(&s, VENICE_E_UNAUTHORIZED, "api_key");
    seen_free(&s);
    setenv("VENICE_API_KEY", "another-key", 1);
    ask(&s);
    await_done(&s);
    expect_done(&s, 0, "stop");
    seen_free(&s);
}

static void no_key_no_request(void **state)
{
    struct seen s;

    NEEDS_SIMULATOR();
    unsetenv("VENICE_API_KEY");
    ask(&s);
    await_done(&s);
    expect_done(&s, VENICE_E_NO_KEY,
                "no API key: the environment variable VENICE_API_KEY is not set");
    seen_free(&s);
    assert_int_equal(simulator_count(ATTEST_PATH), 0);
    ask_attest(&s, POLICY); /* needs none */
    await_done(&s);
    expect_done(&s, 0, "session");
    seen_free(&s);
}

static void the_key_from_a_command(void **state)
{
    const char *const good[] = { "sh", "-c", "sleep 0.2; echo command-key; echo user: me" };
    const char *const bad[] = { "sh", "-c", "echo locked >&2; exit 2" };
    struct seen s[3];

    NEEDS_SIMULATOR();
    assert_int_equal(venice_key_from_command(the_client, bad, 3), 0);
    ask(&s[0]);
    ask(&s[1]);
    await_all(s, 2, 10000);
    for (int i = 0; i < 2; i++) {
        expect_done(&s[i], VENICE_E_KEY_COMMAND, "exit status 2");
        expect_done(&s[i], VENICE_E_KEY_COMMAND, "locked");
        seen_free(&s[i]);
    }
    assert_int_equal(venice_key_from_command(the_client, good, 3), 0);
    for (int i = 0; i < 3; i++)
        ask(&s[i]);
    await_all(s, 3, 20000);
    for (int i = 0; i < 3; i++) {
        expect_done(&s[i], 0, "stop");
        seen_free(&s[i]);
    }
}

static void bad_requests_end_in_done(void **state)
{
    static const struct {
        const char *model, *role, *content, *options, *done;
        int status;
    } rows[] = {
        { "", "user", "x", "{}", "name of a model", VENICE_E_CONFIG },
        { "a b", "user", "x", "{}", "name of a model", VENICE_E_CONFIG },
        { "m\n", "user", "x", "{}", "name of a model", VENICE_E_CONFIG },
        { "m", "user", "x", "{", "options", VENICE_E_CONFIG },
        { "m", "user", "x", "[1]", "options", VENICE_E_CONFIG },
        { "m", "user", "x", "{\"tools\":[]}", "tools", VENICE_E_CONFIG },
        { "m", "user", "x", "{\"fresh\":true}", "fresh", VENICE_E_CONFIG },
        { "m", "user", "x", "{\"params\":{\"stop\":[\"x\"]}}", "stop", VENICE_E_CONFIG },
        { "m", "user", "x", "{\"policy\":{\"dcpa\":\"off\"}}", "dcpa", VENICE_E_CONFIG },
        { "m", "robot", "x", "{}", "role", VENICE_E_CONFIG },
        { "m", "user", "", "{}", "config", VENICE_E_CONFIG },
        { "m", "user", "\xff", "{}", "malformed", VENICE_E_MALFORMED },
    };

    NEEDS_SIMULATOR();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const venice_message m = { rows[i].role, rows[i].content, (uint32_t)strlen(rows[i].content),
                                   NULL };
        struct seen s = { 0 };

        assert_int_equal(venice_chat(the_client, &s.id, rows[i].model, &m, 1, rows[i].options,
                                     strlen(rows[i].options)),
                         0);
        await_done(&s);
        expect_done(&s, rows[i].status, rows[i].done);
        seen_free(&s);
    }
    assert_int_equal(simulator_count("/api"), 0);
}

static void null_arguments(void **state)
{
    const venice_message no_role = { NULL, "x", 1, NULL }, no_text = { "user", NULL, 1, NULL };
    uint32_t id;
    venice_event ev;
    venice_text out;

    NEEDS_SIMULATOR();
    assert_int_equal(venice_chat(the_client, NULL, "m", &no_role, 1, NULL, 0), VENICE_E_ARG);
    assert_int_equal(venice_chat(the_client, &id, NULL, &no_role, 0, NULL, 0), VENICE_E_ARG);
    assert_int_equal(venice_chat(the_client, &id, "m", NULL, 1, NULL, 0), VENICE_E_ARG);
    assert_int_equal(venice_chat(the_client, &id, "m", &no_role, 1, NULL, 0), VENICE_E_ARG);
    assert_int_equal(venice_chat(the_client, &id, "m", &no_text, 1, NULL, 0), VENICE_E_ARG);
    assert_int_equal(venice_chat(the_client, &id, "m", NULL, 0, NULL, 5), VENICE_E_ARG);
    assert_int_equal(venice_models(NULL, &id), VENICE_E_ARG);
    assert_int_equal(venice_attest(the_client, &id, NULL, NULL, 0), VENICE_E_ARG);
    assert_int_equal(venice_cancel(NULL, 1), VENICE_E_ARG);
    assert_int_equal(venice_cancel(the_client, 12345), 0);
    assert_int_equal(venice_cancel(the_client, 0), 0);
    assert_int_equal(venice_next(the_client, NULL), VENICE_E_ARG);
    assert_int_equal(venice_next(the_client, &ev), 0);
    assert_int_equal(venice_client_info(the_client, NULL), VENICE_E_ARG);
    assert_int_equal(venice_encrypt(the_client, NULL, &out, 1, NULL, 0), VENICE_E_ARG);
    assert_int_equal(venice_client_close(NULL, 0), VENICE_E_ARG);
}

static void a_full_inbox(void **state)
{
    enum { FULL = 64 };
    struct seen *s = calloc(FULL, sizeof *s);
    const venice_message m = { "user", "x", 1, NULL };
    uint32_t id;

    NEEDS_SIMULATOR();
    simulator_order("/_fault", "{\"name\":\"attestation_hang\"}");
    for (int i = 0; i < FULL; i++)
        ask(&s[i]);
    assert_int_equal(venice_chat(the_client, &id, MODEL, &m, 1, NULL, 0), VENICE_E_BUSY);
    for (int i = 0; i < FULL; i++)
        assert_int_equal(venice_cancel(the_client, s[i].id), 0);
    await_all(s, FULL, 10000);
    for (int i = 0; i < FULL; i++) {
        expect_done(&s[i], VENICE_E_CANCELLED, "cancelled");
        seen_free(&s[i]);
    }
    simulator_anew();
    ask(&s[0]);
    await_done(&s[0]);
    expect_done(&s[0], 0, "stop");
    seen_free(&s[0]);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(retry_rows),
        CASE(every_try_has_fresh_keys),
        CASE(attestation_is_tried_again),
        CASE(a_stale_key_is_attested_anew_once),
        CASE(a_pause_can_be_cancelled),
        CASE(refusal_rows),
        CASE(refusals_say_what_happened),
        CASE(lists_that_are_too_long),
        CASE(a_completion_is_never_repeated_unseen),
        CASE(a_refused_key_is_read_anew),
        CASE(no_key_no_request),
        CASE(the_key_from_a_command),
        CASE(bad_requests_end_in_done),
        CASE(null_arguments),
        CASE(a_full_inbox),
    };

    return cmocka_run_group_tests_name("client_retry", tests, group_set_up, group_tear_down);
}
