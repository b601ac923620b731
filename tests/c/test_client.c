/* The client against the simulated service: every request ends in one DONE, and what came before it
 * is what happened. Good paths, sessions, options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/clock.h"
#include "support_client.h"

static int count_of(const char *text, const char *part)
{
    int n = 0;

    while ((text = strstr(text, part)) != NULL) {
        text += strlen(part);
        n++;
    }
    return n;
}

/* ---- The good paths ----------------------------------------------------------------------- */

static void models_are_listed(void **state)
{
    struct seen s = { 0 };

    NEEDS_SIMULATOR();
    assert_int_equal(venice_models(the_client, &s.id), 0);
    await_done(&s);
    expect_done(&s, 0, "{");
    assert_non_null(strstr(seen_text(&s.models), "\"id\":\"e2ee-sim-small\""));
    assert_non_null(strstr(seen_text(&s.models), "\"id\":\"tee-sim-small\""));
    assert_null(strstr(seen_text(&s.models), "e2ee-sim-offline"));
    assert_null(strstr(seen_text(&s.models), "e2ee-sim-retired"));
    assert_null(strstr(seen_text(&s.models), "sim-plain"));
    seen_free(&s);
}

static void a_chat(void **state)
{
    struct seen s;
    cJSON *log;
    const cJSON *entry, *note;

    NEEDS_SIMULATOR();
    ask(&s);
    await_done(&s);
    expect_done(&s, 0, "\"finish_reason\":\"stop\"");
    expect_done(&s, 0, "\"usage\":{");
    expect_done(&s, 0, "\"id\":\"chatcmpl");
    expect_done(&s, 0, "\"model\":\"e2ee-sim-small\"");
    assert_non_null(strstr(seen_text(&s.text), "What does this loop do?"));
    assert_true(s.reasoning.len > 20);
    assert_int_equal(s.reports, 1);
    assert_int_equal(count_of(seen_text(&s.report), "\"checked_at\":"), 1);
    assert_non_null(strstr(seen_text(&s.report), "\"level\":\"binding\""));
    assert_string_equal(seen_text(&s.states), "{\"state\":\"attesting\"}{\"state\":\"waiting\"}"
                                              "{\"state\":\"streaming\"}");
    log = simulator_log();
    entry = log_entry(log, CHAT_PATH, 0);
    note = cJSON_GetArrayItem(cJSON_GetObjectItem(entry, "messages"), 0);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(entry, "all_sealed")));
    assert_string_equal(text_member(note, "text"), "What does this loop do?");
    entry = log_entry(log, ATTEST_PATH, 0);
    assert_null(cJSON_GetObjectItem(cJSON_GetObjectItem(entry, "header"), "authorization"));
    cJSON_Delete(log);
    seen_free(&s);
}

/* ---- What is secret never passes cJSON ------------------------------------------------------ */

static const char PROMPT[] = "Whether the prompt-3141592653 passes";
static const char ANSWER[] = "answer-2718281828-answer";
static const char KEY[] = "test-key-0123456789";
static atomic_int leaks, blocks;

/* A block of cJSON's, with its size before it. */
static void *watched_malloc(size_t n)
{
    size_t *p = malloc(n + 16);

    if (!p)
        return NULL;
    p[0] = n;
    atomic_fetch_add(&blocks, 1);
    return (char *)p + 16;
}

static void watched_free(void *p)
{
    static const char *const secrets[] = { PROMPT, ANSWER, KEY };
    char *block = p;

    if (!p)
        return;
    for (size_t i = 0; i < 3; i++)
        if (memmem(block, *(size_t *)(void *)(block - 16), secrets[i], strlen(secrets[i])))
            atomic_fetch_add(&leaks, 1);
    free(block - 16);
}

static void nothing_secret_passes_cjson(void **state)
{
    cJSON_Hooks hooks = { watched_malloc, watched_free };
    struct seen s, done[3];

    NEEDS_SIMULATOR();
    simulator_order("/_answer", "{\"text\":\"answer-2718281828-answer\",\"rate\":0}");
    ask_attest(&s, POLICY);
    await_done(&s);
    seen_free(&s);
    client_shut();
    cJSON_InitHooks(&hooks); /* while nobody else works with it */
    client_open("");
    ask_with(&done[0], MODEL, PROMPT, POLICY);
    await_done(&done[0]);
    ask_with(&done[1], MODEL, "[\"Whether the prompt-3141592653 passes\"]", POLICY); /* the trap */
    await_done(&done[1]);
    unsetenv("VENICE_API_KEY");
    ask_with(&done[2], "e2ee-sim-vllm", PROMPT, POLICY);
    await_done(&done[2]);
    client_shut();
    cJSON_InitHooks(NULL);
    assert_true(atomic_load(&blocks) > 100);
    assert_int_equal(atomic_load(&leaks), 0);
    for (int i = 0; i < 3; i++) {
        expect_done(&done[i], 0, "stop");
        assert_non_null(strstr(seen_text(&done[i].text), ANSWER));
        seen_free(&done[i]);
    }
}

/* Headers that must, and that must not, be there. */
static void what_is_sent(void **state)
{
    struct seen s;
    cJSON *log, *header;

    NEEDS_SIMULATOR();
    ask(&s);
    await_done(&s);
    log = simulator_log();
    header = cJSON_GetObjectItem(log_entry(log, CHAT_PATH, 0), "header");
    assert_string_equal(text_member(header, "accept-encoding"), "identity");
    assert_string_equal(text_member(header, "accept"), "text/event-stream");
    assert_string_equal(text_member(header, "content-type"), "application/json");
    assert_string_equal(text_member(header, "x-venice-tee-signing-algo"), "ecdsa");
    assert_int_equal(strlen(text_member(header, "x-venice-tee-client-pub-key")), 130);
    assert_int_equal(strncmp(text_member(header, "user-agent"), "venice.nvim/", 12), 0);
    assert_null(text_member(header, "expect"));
    assert_null(text_member(header, "cookie"));
    header = cJSON_GetObjectItem(log_entry(log, ATTEST_PATH, 0), "header");
    assert_string_equal(text_member(header, "accept-encoding"), "identity");
    cJSON_Delete(log);
    seen_free(&s);
}

static void every_shape(void **state)
{
    static const char *const models[] = { "e2ee-sim-vllm", "e2ee-sim-aci-a", "e2ee-sim-aci-b",
                                          "tee-sim-small" };

    NEEDS_SIMULATOR();
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct seen s;

        ask_with(&s, models[i], "hello", POLICY);
        await_done(&s);
        expect_done(&s, 0, "\"finish_reason\":\"stop\"");
        assert_true(s.text.len > 100);
        seen_free(&s);
    }
}

/* ---- Sessions ----------------------------------------------------------------------------- */

static void a_session_is_kept(void **state)
{
    struct seen s;

    NEEDS_SIMULATOR();
    for (int i = 0; i < 3; i++) {
        ask(&s);
        await_done(&s);
        expect_done(&s, 0, "stop");
        assert_int_equal(s.reports, i == 0);
        seen_free(&s);
    }
    assert_int_equal(simulator_count(ATTEST_PATH), 1);
    ask_attest(&s, POLICY); /* from the cache, and it says so */
    await_done(&s);
    expect_done(&s, 0, "\"session\":1");
    assert_int_equal(count_of(seen_text(&s.report), "\"checked_at\":"), 1);
    assert_int_equal(count_of(seen_text(&s.report), "\"cached\":true"), 1);
    seen_free(&s);
    ask_attest(&s, "{\"policy\":{\"dcap\":\"off\",\"gpu\":\"off\"},\"fresh\":true}");
    await_done(&s);
    expect_done(&s, 0, "\"session\":2");
    assert_null(strstr(seen_text(&s.report), "\"cached\":"));
    seen_free(&s);
    assert_int_equal(simulator_count(ATTEST_PATH), 2);
    assert_int_equal(venice_forget(the_client, MODEL), 0);
    ask(&s);
    await_done(&s);
    assert_int_equal(s.reports, 1);
    seen_free(&s);
    assert_int_equal(simulator_count(ATTEST_PATH), 3);
}

/* A session stands only under the demands that accepted its report. */
static void another_policy_attests_anew(void **state)
{
    static const char *const options[] = {
        "{\"policy\":{\"dcap\":\"off\",\"gpu\":\"off\"},\"pins\":[]}",
        "{\"pins\":[],\"policy\":{\"gpu\":\"off\",\"dcap\":\"off\"}}", /* the same */
        "{\"policy\":{\"dcap\":\"off\",\"gpu\":\"off\",\"receipt\":false}}",
    };
    static const int attestations[] = { 1, 1, 2 };

    NEEDS_SIMULATOR();
    for (int i = 0; i < 3; i++) {
        struct seen s;

        ask_with(&s, MODEL, "hello", options[i]);
        await_done(&s);
        expect_done(&s, 0, "stop");
        seen_free(&s);
        assert_int_equal(simulator_count(ATTEST_PATH), attestations[i]);
    }
}

/* Attests under these pins (freed); returns the report's enclave where wanted. */
static cJSON *attest_under(cJSON *pins, int status, int attestations)
{
    cJSON *options = cJSON_CreateObject(), *report, *enclave;
    struct seen s;
    char *text;

    cJSON_AddItemToObject(options, "policy", cJSON_Parse("{\"dcap\":\"off\",\"gpu\":\"off\"}"));
    cJSON_AddItemToObject(options, "pins", pins);
    text = cJSON_PrintUnformatted(options);
    ask_attest(&s, text);
    await_done(&s);
    expect_done(&s, status, status == 0 ? "\"session\":" : "pin_changed");
    assert_int_equal(simulator_count(ATTEST_PATH), attestations);
    report = cJSON_Parse(seen_text(&s.report));
    enclave = cJSON_DetachItemFromObject(cJSON_GetObjectItem(report, "pin"), "enclave");
    assert_non_null(enclave);
    seen_free(&s);
    cJSON_Delete(report);
    cJSON_Delete(options);
    cJSON_free(text);
    return enclave;
}

/* A list of an enclave as it is pinned: older without what this version added, other with another
 * kernel. */
static cJSON *pin_list(const cJSON *enclave, bool confirmed, bool older, bool other)
{
    static const char *const added[] = { "rtmr1", "rtmr2", "mrconfigid_form", "shape" };
    cJSON *list = cJSON_CreateArray(), *pin = cJSON_Duplicate(enclave, 1), *rtmr1;

    rtmr1 = cJSON_GetObjectItem(pin, "rtmr1");
    assert_non_null(rtmr1);
    if (other)
        rtmr1->valuestring[0] = rtmr1->valuestring[0] == '0' ? '1' : '0';
    for (size_t i = 0; i < 4 && older; i++)
        cJSON_DeleteItemFromObject(pin, added[i]);
    cJSON_AddBoolToObject(pin, "confirmed", confirmed);
    cJSON_AddItemToArray(list, pin);
    return list;
}

/* What the user decides about enclaves holds for sessions that stand already. */
static void pins_change_under_a_session(void **state)
{
    cJSON *enclave, *both, *list;

    NEEDS_SIMULATOR();
    enclave = attest_under(cJSON_CreateArray(), 0, 1);
    /* Stored at its first sight, or known since an older version: nothing is new. */
    cJSON_Delete(attest_under(pin_list(enclave, false, false, false), 0, 1));
    cJSON_Delete(attest_under(pin_list(enclave, true, true, false), 0, 1));
    /* Confirmed: its report is another one now. */
    cJSON_Delete(attest_under(pin_list(enclave, true, false, false), 0, 2));
    cJSON_Delete(attest_under(pin_list(enclave, true, false, false), 0, 2));
    /* Another kernel was confirmed, alone or as what an older pin grew into. */
    cJSON_Delete(attest_under(pin_list(enclave, true, false, true), VENICE_E_ATTESTATION, 3));
    cJSON_Delete(attest_under(pin_list(enclave, true, false, false), 0, 4));
    both = pin_list(enclave, true, true, false);
    list = pin_list(enclave, false, false, true);
    cJSON_AddItemToArray(both, cJSON_DetachItemFromArray(list, 0));
    cJSON_Delete(list);
    cJSON_Delete(attest_under(both, VENICE_E_ATTESTATION, 5));
    cJSON_Delete(enclave);
}

static void one_attestation_for_all_who_wait(void **state)
{
    struct seen s[5];

    NEEDS_SIMULATOR();
    simulator_order("/_fault", "{\"name\":\"attestation_slow_start\",\"seconds\":0.3}");
    for (int i = 0; i < 4; i++)
        ask(&s[i]);
    ask_attest(&s[4], POLICY);
    assert_int_equal(venice_cancel(the_client, s[0].id), 0); /* the one that started it */
    await_all(s, 5, 20000);
    expect_done(&s[0], VENICE_E_CANCELLED, "cancelled");
    for (int i = 1; i < 5; i++) {
        expect_done(&s[i], 0, i < 4 ? "stop" : "session");
        assert_int_equal(s[i].reports, 1);
    }
    for (int i = 0; i < 5; i++)
        seen_free(&s[i]);
    assert_int_equal(simulator_count(ATTEST_PATH), 1);
    assert_int_equal(simulator_count(CHAT_PATH), 3);
}

static void a_session_ends(void **state)
{
    struct seen s;

    NEEDS_SIMULATOR();
    client_shut();
    client_open("\"session_ttl\":1");
    for (int i = 0; i < 2; i++) {
        ask(&s);
        await_done(&s);
        expect_done(&s, 0, "stop");
        assert_int_equal(s.reports, 1);
        seen_free(&s);
        (void)poll(NULL, 0, 2100);
    }
}

static void a_refused_report_sends_nothing(void **state)
{
    struct seen s;

    NEEDS_SIMULATOR();
    simulator_order("/_fault", "{\"name\":\"td_debug\"}");
    ask(&s);
    await_done(&s);
    expect_done(&s, VENICE_E_ATTESTATION, "nothing was sent: ");
    expect_done(&s, VENICE_E_ATTESTATION, ":Venice attest shows every check");
    assert_int_equal(s.reports, 1); /* the view needs it */
    assert_non_null(strstr(seen_text(&s.report), "\"accepted\":false"));
    seen_free(&s);
    ask_attest(&s, POLICY);
    await_done(&s);
    expect_done(&s, VENICE_E_ATTESTATION, "debug");
    assert_null(strstr(seen_text(&s.done), "session"));
    seen_free(&s);
    assert_int_equal(simulator_count(CHAT_PATH), 0);
}

static void without_attestation(void **state)
{
    struct seen s;

    NEEDS_SIMULATOR();
    simulator_order("/_fault", "{\"name\":\"td_debug\"}");
    ask_with(&s, MODEL, "x", "{\"policy\":{\"attestation\":false}}");
    await_done(&s);
    expect_done(&s, VENICE_E_CONFIG, "cannot switch attestation off"); /* not by a request */
    seen_free(&s);
    client_shut();
    client_open("\"attestation\":false");
    ask_with(&s, MODEL, "x", "{\"policy\":{\"attestation\":false}}");
    await_done(&s);
    expect_done(&s, 0, "stop");
    assert_non_null(strstr(seen_text(&s.report), "\"level\":\"none\""));
    assert_non_null(strstr(seen_text(&s.report), "\"accepted\":false"));
    seen_free(&s);
}

static void encrypt_needs_a_session(void **state)
{
    const venice_message m = { "user", "secret words", 12, NULL };
    venice_keypair *reply = NULL;
    venice_text out;
    struct seen s;

    NEEDS_SIMULATOR();
    assert_int_equal(venice_encrypt(the_client, &reply, &out, 1, &m, 1), VENICE_E_ATTESTATION);
    assert_non_null(strstr(out.data, "\"code\":\"attestation\""));
    assert_null(reply);
    venice_text_free(&out);
    ask_attest(&s, POLICY);
    await_done(&s);
    expect_done(&s, 0, "\"session\":1");
    seen_free(&s);
    assert_int_equal(venice_encrypt(the_client, &reply, &out, 1, &m, 1), 0);
    assert_non_null(reply);
    assert_non_null(strstr(out.data, "X-Venice-TEE-Client-Pub-Key"));
    assert_null(strstr(out.data, "secret words"));
    venice_text_free(&out);
    venice_keypair_free(reply);
    assert_int_equal(venice_forget(the_client, NULL), 0);
    assert_int_equal(venice_encrypt(the_client, &reply, &out, 1, &m, 1), VENICE_E_ATTESTATION);
    venice_text_free(&out);
}

/* ---- Options and information -------------------------------------------------------------- */

static void bad_options(void **state)
{
    static const char *const rows[] = {
        "{\"base_url\":\"http://api.venice.ai\"}",
        "{\"base_url\":\"ftp://x\"}",
        "{\"base_url\":5}",
        "{\"base_url\":\"\"}",
        "{\"base_url\":\"https://a/?q\"}",
        "{\"idle_timeout\":0}",
        "{\"idle_timeout\":-1}",
        "{\"connect_timeout\":\"5\"}",
        "{\"connect_timeout\":1e99}",
        "{\"queue_bytes\":10}",
        "{\"attestation\":\"no\"}",
        "{\"api_key\":\"secret\"}",
        "{\"session_ttl\":0}",
        "{",
        "[1]",
        "\"x\"",
    };
    venice_client *c;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        venice_text error;

        if (venice_client_new(&c, &error, rows[i], strlen(rows[i])) != VENICE_E_CONFIG)
            fail_msg("%s", rows[i]);
        assert_null(c);
        assert_non_null(strstr(error.data, "\"code\":\"config\""));
        venice_text_free(&error);
    }
    assert_int_equal(venice_client_new(NULL, NULL, NULL, 0), VENICE_E_ARG);
    assert_int_equal(venice_client_new(&c, NULL, NULL, 4), VENICE_E_ARG);
}

static void good_options(void **state)
{
    static const char *const rows[] = {
        "",
        "{}",
        "[]",
        "{\"base_url\":\"https://api.venice.ai/\"}",
        "{\"base_url\":\"https://api.venice.ai/api/v1/\",\"tls_ca\":null}",
        "{\"connect_timeout\":0.5,\"idle_timeout\":1,\"session_ttl\":1800,\"queue_bytes\":4096}",
    };
    venice_client *c;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        venice_text error;

        if (venice_client_new(&c, &error, rows[i], strlen(rows[i])) != 0)
            fail_msg("%s: %s", rows[i], error.data);
        assert_true(venice_client_fd(c) >= 0);
        assert_int_equal(venice_client_close(&c, 1000), 0);
    }
}

static void information(void **state)
{
    static const char *const members[] = { "version", "abi",       "openssl",    "curl",
                                           "cjson",   "secp256k1", "curl_first", "memory_locked" };
    venice_text out;
    cJSON *tree;
    struct seen s;

    NEEDS_SIMULATOR();
    assert_int_equal(venice_info(&out), 0);
    tree = cJSON_Parse(out.data);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        assert_non_null(cJSON_GetObjectItem(tree, members[i]));
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(tree, "curl_first")));
    cJSON_Delete(tree);
    venice_text_free(&out);
    ask(&s);
    await_done(&s);
    seen_free(&s);
    assert_int_equal(venice_client_info(the_client, &out), 0);
    assert_non_null(strstr(out.data, "{\"source\":\"env\",\"name\":\"VENICE_API_KEY\","
                                     "\"state\":\"set\"}"));
    assert_non_null(strstr(out.data, "\"model\":\"e2ee-sim-small\",\"level\":\"binding\","
                                     "\"expires_in\":1"));
    assert_null(strstr(out.data, "test-key"));
    venice_text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_options),
        cmocka_unit_test(good_options),
        CASE(information),
        CASE(models_are_listed),
        CASE(a_chat),
        CASE(what_is_sent),
        CASE(nothing_secret_passes_cjson),
        CASE(every_shape),
        CASE(a_session_is_kept),
        CASE(another_policy_attests_anew),
        CASE(pins_change_under_a_session),
        CASE(one_attestation_for_all_who_wait),
        CASE(a_session_ends),
        CASE(a_refused_report_sends_nothing),
        CASE(without_attestation),
        CASE(encrypt_needs_a_session),
    };

    return cmocka_run_group_tests_name("client", tests, group_set_up, group_tear_down);
}
