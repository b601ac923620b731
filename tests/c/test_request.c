/* link: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/secret.h"
#include "e2ee/envelope.h"
#include "e2ee/request.h"
#include "support_e2ee.h"
#include "torture.h"
#include "venice.h"

static uint8_t model_private[32];
static struct session *session;

static int make_session(void **state)
{
    uint8_t point[65];

    (void)state;
    return curve_generate(model_private, point) ||
           session_new(&session, 1, "e2ee-\"model\"", point, 1000, NULL, 0);
}

static int drop_session(void **state)
{
    (void)state;
    session_drop(session);
    return 0;
}

#define SAY(r, text)                                                \
    {                                                               \
        .role = r, .content = text, .content_len = sizeof(text) - 1 \
    }

static cJSON *parse(const char *json)
{
    cJSON *tree;

    assert_int_equal(json_parse(&tree, json, strlen(json), NULL), 0);
    return tree;
}

/* Opens a content with the model's key; the caller frees it. */
static char *open_content(const cJSON *message, size_t *n)
{
    const char *blob = json_string(message, "content");
    uint8_t *out;

    assert_non_null(blob);
    out = malloc(strlen(blob));
    assert_non_null(out);
    assert_int_equal(envelope_open(out, n, &ENVELOPE_LEGACY_V1, model_private, blob, strlen(blob)),
                     0);
    out[*n] = 0;
    return (char *)out;
}

static void assert_sealed(const cJSON *message, const char *role, const char *text)
{
    size_t n;
    char *opened = open_content(message, &n);

    assert_string_equal(json_string(message, "role"), role);
    assert_string_equal(opened, text);
    assert_int_equal(n, strlen(text));
    free(opened);
}

static bool holds(const char *bytes, size_t len, const char *needle)
{
    return memmem(bytes, len, needle, strlen(needle)) != NULL;
}

static void every_role_is_sealed(void **state)
{
    const venice_message messages[] = {
        SAY("system", "MARKED be brief"),
        SAY("user", "MARKED hello \xf0\x9f\x8e\x89"),
        SAY("assistant", "MARKED hi there"),
        SAY("developer", "MARKED rule"),
        { .role = "tool",
          .content = "MARKED result",
          .content_len = 13,
          .tool_call_id = "call_1a.b:c" },
    };
    struct request r;
    cJSON *body;
    const cJSON *list;

    (void)state;
    assert_int_equal(request_build(&r, NULL, session, messages, 5, NULL, NULL), 0);
    assert_int_equal(strlen(r.body), r.body_len);
    assert_false(holds(r.body, r.body_len, "MARKED"));
    body = parse(r.body);
    assert_string_equal(json_string(body, "model"), "e2ee-\"model\"");
    assert_int_equal(json_bool(body, "stream"), 1);
    assert_int_equal(json_bool(json_at(body, "stream_options", NULL), "include_usage"), 1);
    assert_int_equal(json_bool(json_at(body, "venice_parameters", NULL), "enable_e2ee"), 1);
    assert_int_equal(
        json_bool(json_at(body, "venice_parameters", NULL), "include_venice_system_prompt"), 0);
    assert_int_equal(cJSON_GetArraySize(body), 5); /* and no other member */
    list = json_at(body, "messages", NULL);
    assert_int_equal(cJSON_GetArraySize(list), 5);
    for (int i = 0; i < 5; i++) {
        const cJSON *m = cJSON_GetArrayItem(list, i);

        assert_sealed(m, messages[i].role, messages[i].content);
        assert_int_equal(cJSON_GetArraySize(m), i == 4 ? 3 : 2);
    }
    assert_string_equal(json_string(cJSON_GetArrayItem(list, 4), "tool_call_id"), "call_1a.b:c");
    cJSON_Delete(body);
    request_clear(&r);
    request_clear(&r);
}

static void keys_are_fresh(void **state)
{
    const venice_message messages[] = { SAY("user", "a"), SAY("user", "a") };
    struct request r[2];
    char hex[131];

    (void)state;
    for (int i = 0; i < 2; i++) {
        cJSON *body;
        const cJSON *list;

        assert_int_equal(request_build(&r[i], NULL, session, messages, 2, NULL, NULL), 0);
        assert_string_equal(r[i].model_key_hex, session->public_hex);
        venice_keypair_public(r[i].reply, hex);
        assert_string_equal(r[i].client_key_hex, hex);
        body = parse(r[i].body);
        list = json_at(body, "messages", NULL);
        /* no two messages, and no message and header, share a key */
        assert_memory_not_equal(json_string(cJSON_GetArrayItem(list, 0), "content"),
                                json_string(cJSON_GetArrayItem(list, 1), "content"), 130);
        assert_memory_not_equal(json_string(cJSON_GetArrayItem(list, 0), "content"), hex, 130);
        cJSON_Delete(body);
    }
    assert_string_not_equal(r[0].client_key_hex, r[1].client_key_hex);
    request_clear(&r[0]);
    request_clear(&r[1]);
}

static void the_reply_key_opens_the_answer(void **state)
{
    const venice_message messages[] = { SAY("user", "a") };
    struct text t = { 0 }, log = { 0 };
    struct request r;

    (void)state;
    assert_int_equal(request_build(&r, NULL, session, messages, 1, NULL, NULL), 0);
    text_add_event(&t, r.reply,
                   "{\"choices\":[{\"delta\":{\"content\":<yes>},\"finish_reason\":\"stop\"}]}");
    stream_log(&log, r.reply, false, t.data, t.len, t.len, true);
    assert_string_equal(log.data, "C(yes)F(stop)");
    request_clear(&r);
    text_clear(&t);
    text_clear(&log);
}

static void content_is_sent_as_what_it_is(void **state)
{
    static const char *const rows[][2] = {
        { "plain", "plain" },
        { " \n", " \n" },
        { "[1,2,3]", "```json\n[1,2,3]\n```" },
        { " \t\r\n[1]\n ", "```json\n \t\r\n[1]\n \n```" },
        { "[]", "```json\n[]\n```" },
        { "[{\"type\":\"text\",\"text\":\"x\"}]",
          "```json\n[{\"type\":\"text\",\"text\":\"x\"}]\n```" },
        { "[\"```\"]", "````json\n[\"```\"]\n````" },
        { "[\"`````\",\"``\"]", "``````json\n[\"`````\",\"``\"]\n``````" },
        { "[NaN]", "```json\n[NaN]\n```" },
        { "\xc2\xa0[1]\xe2\x80\x83", "```json\n\xc2\xa0[1]\xe2\x80\x83\n```" },
        { "\xef\xbb\xbf[1]", "```json\n\xef\xbb\xbf[1]\n```" },
        { "\x0b[1]\x1c", "```json\n\x0b[1]\x1c\n```" },
        { "[1,2,3] is a list", "[1,2,3] is a list" },
        { "[see above]", "[see above]" },
        { "[1,]", "[1,]" },
        { "{\"a\":[1]}", "{\"a\":[1]}" },
        { "\"[1]\"", "\"[1]\"" },
        { "[", "[" },
        { "]", "]" },
    };
    static const char *const roles[] = { "user", "system", "assistant", "developer", "tool" };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t k = 0; k < 5; k++) {
            const venice_message m = { roles[k], rows[i][0], (uint32_t)strlen(rows[i][0]),
                                       k == 4 ? "id" : NULL };
            struct request r;
            cJSON *body;

            assert_int_equal(request_build(&r, NULL, session, &m, 1, NULL, NULL), 0);
            body = parse(r.body);
            assert_sealed(json_at(body, "messages", NULL)->child, roles[k], rows[i][1]);
            cJSON_Delete(body);
            request_clear(&r);
        }
}

static void nul_bytes_and_length_are_kept(void **state)
{
    const venice_message m = { "user", "a\0b", 3, NULL };
    struct request r;
    cJSON *body;
    char *opened;
    size_t n;

    (void)state;
    assert_int_equal(request_build(&r, NULL, session, &m, 1, NULL, NULL), 0);
    body = parse(r.body);
    opened = open_content(json_at(body, "messages", NULL)->child, &n);
    assert_int_equal(n, 3);
    assert_memory_equal(opened, "a\0b", 3);
    free(opened);
    cJSON_Delete(body);
    request_clear(&r);
}

static void empty_messages_are_left_out(void **state)
{
    const venice_message messages[] = {
        SAY("system", ""), SAY("user", "a"), { "assistant", NULL, 0, NULL }, SAY("user", "b")
    };
    struct failure f = { 0 };
    struct request r;
    cJSON *body;

    (void)state;
    assert_int_equal(request_build(&r, NULL, session, messages, 4, NULL, NULL), 0);
    body = parse(r.body);
    assert_int_equal(cJSON_GetArraySize(json_at(body, "messages", NULL)), 2);
    assert_sealed(cJSON_GetArrayItem(json_at(body, "messages", NULL), 1), "user", "b");
    cJSON_Delete(body);
    request_clear(&r);
    assert_int_equal(request_build(&r, &f, session, messages, 1, NULL, NULL), VENICE_E_CONFIG);
    assert_string_equal(f.message, "there is no text to send");
    assert_null(r.body);
    assert_null(r.reply);
    assert_int_equal(request_build(&r, NULL, session, NULL, 0, NULL, NULL), VENICE_E_CONFIG);
}

static void bad_messages_are_named(void **state)
{
    static const struct {
        venice_message m;
        int status;
        const char *message;
    } rows[] = {
        { { NULL, "a", 1, NULL }, VENICE_E_CONFIG, "message 2 has a role that cannot be sent" },
        { { "", "a", 1, NULL }, VENICE_E_CONFIG, "message 2 has a role that cannot be sent" },
        { { "User", "a", 1, NULL }, VENICE_E_CONFIG, "message 2 has a role that cannot be sent" },
        { { "function", "a", 1, NULL },
          VENICE_E_CONFIG,
          "message 2 has a role that cannot be sent" },
        { { "user", NULL, 1, NULL }, VENICE_E_ARG, "message 2 has no content" },
        { { "user", "a", 1, "id" },
          VENICE_E_CONFIG,
          "message 2 has a tool_call_id but is not of a tool" },
        { { "tool", "a", 1, NULL }, VENICE_E_CONFIG, "message 2 needs a tool_call_id" },
        { { "tool", "a", 1, "" }, VENICE_E_CONFIG, "message 2 needs a tool_call_id" },
        { { "tool", "a", 1, "read file /etc/passwd" },
          VENICE_E_CONFIG,
          "message 2 needs a tool_call_id" },
        { { "tool", "a", 1, "0123456789012345678901234567890123456789012345678901234567890123x" },
          VENICE_E_CONFIG,
          "message 2 needs a tool_call_id" },
        { { "user",
            "ab\xff"
            "c",
            4, NULL },
          VENICE_E_MALFORMED,
          "message 2 is not UTF-8 from byte 2 on" },
        { { "user", "ab\xe2\x82", 4, NULL },
          VENICE_E_MALFORMED,
          "message 2 is not UTF-8 from byte 2 on" },
        { { "user", "\x80", 1, NULL },
          VENICE_E_MALFORMED,
          "message 2 is not UTF-8 from byte 0 on" },
        { { "user", "abc\xe2\x82\xff", 6, NULL },
          VENICE_E_MALFORMED,
          "message 2 is not UTF-8 from byte 5 on" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const venice_message messages[] = { SAY("user", "fine"), rows[i].m };
        struct failure f = { 0 };
        struct request r;

        assert_int_equal(request_build(&r, &f, session, messages, 2, NULL, NULL), rows[i].status);
        if (strncmp(f.message, rows[i].message, strlen(rows[i].message)) != 0)
            fail_msg("%s", f.message);
        assert_null(r.body);
        assert_null(r.reply);
        assert_int_equal(request_check(NULL, messages, 2, NULL, NULL), rows[i].status);
    }
}

static void sizes_have_limits(void **state)
{
    char *big = malloc(VENICE_MAX_MESSAGE + 1);
    venice_message *many = calloc(REQUEST_MESSAGES_MAX + 1, sizeof *many);
    venice_message two[2];
    struct request r;
    size_t n;

    (void)state;
    assert_true(big && many);
    memset(big, 'a', VENICE_MAX_MESSAGE + 1);
    two[0] = two[1] = (venice_message){ "user", big, VENICE_MAX_MESSAGE + 1, NULL };
    assert_int_equal(request_build(&r, NULL, session, two, 1, NULL, NULL), VENICE_E_TOO_LARGE);
    two[0].content_len = two[1].content_len = VENICE_MAX_MESSAGE;
    assert_int_equal(request_build(&r, NULL, session, two, 2, NULL, NULL), VENICE_E_TOO_LARGE);
    assert_int_equal(request_build(&r, NULL, session, two, 1, NULL, NULL), 0);
    n = 2 * (size_t)(VENICE_MAX_MESSAGE + ENVELOPE_OVERHEAD);
    assert_in_range(r.body_len, n, n + 1000);
    request_clear(&r);
    for (size_t i = 0; i <= REQUEST_MESSAGES_MAX; i++)
        many[i] = (venice_message){ "user", "", 0, NULL };
    many[0] = (venice_message){ "user", "a", 1, NULL };
    assert_int_equal(request_check(NULL, many, REQUEST_MESSAGES_MAX, NULL, NULL), 0);
    assert_int_equal(request_check(NULL, many, REQUEST_MESSAGES_MAX + 1, NULL, NULL),
                     VENICE_E_TOO_LARGE);
    free(big);
    free(many);
}

static void large_text_is_fast(void **state)
{
    enum { MEGABYTE = 1024 * 1024 };
    char *text = malloc(MEGABYTE);
    venice_message m = { "user", text, MEGABYTE, NULL };
    struct request r;
    clock_t start;

    (void)state;
    assert_non_null(text);
    memset(text, '[', MEGABYTE); /* the worst for the array check, too */
    text[MEGABYTE - 1] = ']';
    start = clock();
    assert_int_equal(request_build(&r, NULL, session, &m, 1, NULL, NULL), 0);
    request_clear(&r);
    memset(text, ' ', MEGABYTE);
    assert_int_equal(request_build(&r, NULL, session, &m, 1, NULL, NULL), 0);
    assert_in_range((clock() - start) / (CLOCKS_PER_SEC / 1000), 0, 2000);
    request_clear(&r);
    free(text);
}

static void parameters(void **state)
{
    static const struct {
        const char *params, *venice_parameters, *refused;
    } rows[] = {
        { "{\"temperature\":0.7,\"top_p\":1,\"min_p\":0.05,\"top_k\":40,\"max_tokens\":100,"
          "\"max_completion_tokens\":200,\"seed\":-7,\"frequency_penalty\":0.5,"
          "\"presence_penalty\":-0.5,\"repetition_penalty\":1.1,\"reasoning_effort\":\"low\","
          "\"reasoning\":{\"effort\":\"high\"}}",
          "{\"include_venice_system_prompt\":true,\"enable_e2ee\":true}", NULL },
        { "{}", "{}", NULL },
        { "{\"stop\":[\"x\"]}", NULL, "stop" },
        { "{\"tools\":[]}", NULL, "tools" },
        { "{\"tool_choice\":\"auto\"}", NULL, "tool_choice" },
        { "{\"stream\":false}", NULL, "stream" },
        { "{\"model\":\"other\"}", NULL, "model" },
        { "{\"messages\":[]}", NULL, "messages" },
        { "{\"user\":\"me\"}", NULL, "user" },
        { "{\"metadata\":{}}", NULL, "metadata" },
        { "{\"n\":2}", NULL, "n" },
        { "{\"logprobs\":true}", NULL, "logprobs" },
        { "{\"response_format\":{}}", NULL, "response_format" },
        { "{\"Temperature\":1}", NULL, "Temperature" },
        { "{\"temperature\":\"hot\"}", NULL, "temperature" },
        { "{\"temperature\":null}", NULL, "temperature" },
        { "{\"temperature\":1e300}", NULL, "temperature" },
        { "{\"top_k\":1.5}", NULL, "top_k" },
        { "{\"max_tokens\":true}", NULL, "max_tokens" },
        { "{\"reasoning_effort\":\"a text with blanks\"}", NULL, "reasoning_effort" },
        { "{\"reasoning_effort\":\"waytoolongtobeoneofthewordsthatexist\"}", NULL,
          "reasoning_effort" },
        { "{\"reasoning_effort\":\"\"}", NULL, "reasoning_effort" },
        { "{\"reasoning_effort\":1}", NULL, "reasoning_effort" },
        { "{\"reasoning\":{\"effort\":\"low\",\"x\":1}}", NULL, "reasoning" },
        { "{\"reasoning\":{\"x\":1}}", NULL, "reasoning" },
        { "{\"reasoning\":\"low\"}", NULL, "reasoning" },
        { NULL, "{\"enable_e2ee\":false}", "enable_e2ee" },
        { NULL, "{\"enable_web_search\":\"on\"}", "enable_web_search" },
        { NULL, "{\"include_venice_system_prompt\":1}", "include_venice_system_prompt" },
    };
    const venice_message m = SAY("user", "a");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cJSON *params = rows[i].params ? parse(rows[i].params) : NULL;
        cJSON *venice = rows[i].venice_parameters ? parse(rows[i].venice_parameters) : NULL;
        struct failure f = { 0 };
        struct request r;
        int status = request_build(&r, &f, session, &m, 1, params, venice);

        if (rows[i].refused) {
            char want[128];

            snprintf(want, sizeof want, "the request member %s is not accepted", rows[i].refused);
            assert_int_equal(status, VENICE_E_CONFIG);
            assert_string_equal(f.message, want);
        } else {
            cJSON *body;
            const cJSON *p;

            assert_int_equal(status, 0);
            body = parse(r.body);
            for (p = params->child; p; p = p->next)
                assert_true(cJSON_Compare(p, json_at(body, p->string, NULL), true));
            assert_int_equal(
                json_bool(json_at(body, "venice_parameters", NULL), "include_venice_system_prompt"),
                i == 0);
            cJSON_Delete(body);
            request_clear(&r);
        }
        cJSON_Delete(params);
        cJSON_Delete(venice);
    }
    cJSON *list = parse("[1]");
    assert_int_equal(request_check(NULL, &m, 1, list, NULL), VENICE_E_CONFIG);
    assert_int_equal(request_check(NULL, &m, 1, NULL, list), VENICE_E_CONFIG);
    cJSON_Delete(list);
}

static void parts_for_those_who_send_themselves(void **state)
{
    const venice_message messages[] = { SAY("system", "MARKED s"), SAY("user", "[1]") };
    const venice_message bad = { "user", "\xff", 1, NULL };
    venice_keypair *reply = NULL;
    char hex[131], *json = NULL;
    const cJSON *headers;
    struct failure f = { 0 };
    cJSON *tree;
    size_t n;

    (void)state;
    assert_int_equal(request_build_parts(&json, &n, &reply, NULL, session, messages, 2), 0);
    assert_int_equal(strlen(json), n);
    assert_false(holds(json, n, "MARKED"));
    tree = parse(json);
    assert_int_equal(cJSON_GetArraySize(tree), 3);
    assert_sealed(cJSON_GetArrayItem(json_at(tree, "messages", NULL), 0), "system", "MARKED s");
    assert_sealed(cJSON_GetArrayItem(json_at(tree, "messages", NULL), 1), "user",
                  "```json\n[1]\n```");
    headers = json_at(tree, "headers", NULL);
    assert_int_equal(cJSON_GetArraySize(headers), 3);
    venice_keypair_public(reply, hex);
    assert_string_equal(json_string(headers, "X-Venice-TEE-Client-Pub-Key"), hex);
    assert_string_equal(json_string(headers, "X-Venice-TEE-Model-Pub-Key"), session->public_hex);
    assert_string_equal(json_string(headers, "X-Venice-TEE-Signing-Algo"), "ecdsa");
    assert_int_equal(json_bool(json_at(tree, "venice_parameters", NULL), "enable_e2ee"), 1);
    cJSON_Delete(tree);
    wiping_free(json);
    venice_keypair_free(reply);
    assert_int_equal(request_build_parts(&json, &n, &reply, &f, session, &bad, 1),
                     VENICE_E_MALFORMED);
    assert_null(json);
    assert_null(reply);
}

static void without_a_session_there_is_no_request(void **state)
{
    const venice_message m = SAY("user", "a");
    venice_keypair *reply;
    struct request r;
    char *json;
    size_t n;

    (void)state;
    assert_int_equal(request_build(&r, NULL, NULL, &m, 1, NULL, NULL), VENICE_E_ATTESTATION);
    assert_null(r.body);
    assert_int_equal(request_build_parts(&json, &n, &reply, NULL, NULL, &m, 1),
                     VENICE_E_ATTESTATION);
    assert_null(json);
}

static void failed_allocations_are_said(void **state)
{
    const venice_message messages[] = { SAY("user", "[1]"), SAY("assistant", "b") };
    cJSON *params = parse("{\"temperature\":0.5,\"reasoning\":{\"effort\":\"low\"}}");
    bool hit = true;
    long n = 0;

    (void)state;
    for (; hit; n++) {
        struct failure f = { 0 };
        struct request r;
        int status;

        torture_begin(n);
        status = request_build(&r, &f, session, messages, 2, params, NULL);
        hit = torture_end();
        if (status == 0) {
            cJSON *body = parse(r.body); /* also where OpenSSL did without */

            assert_sealed(json_at(body, "messages", NULL)->child, "user", "```json\n[1]\n```");
            cJSON_Delete(body);
        } else {
            assert_true(hit);
            assert_int_equal(f.status, status);
            assert_null(r.body);
            assert_null(r.reply);
        }
        request_clear(&r);
    }
    assert_in_range(n, 20, 5000);
    cJSON_Delete(params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_role_is_sealed),
        cmocka_unit_test(keys_are_fresh),
        cmocka_unit_test(the_reply_key_opens_the_answer),
        cmocka_unit_test(content_is_sent_as_what_it_is),
        cmocka_unit_test(nul_bytes_and_length_are_kept),
        cmocka_unit_test(empty_messages_are_left_out),
        cmocka_unit_test(bad_messages_are_named),
        cmocka_unit_test(sizes_have_limits),
        cmocka_unit_test(large_text_is_fast),
        cmocka_unit_test(parameters),
        cmocka_unit_test(parts_for_those_who_send_themselves),
        cmocka_unit_test(without_a_session_there_is_no_request),
        cmocka_unit_test(failed_allocations_are_said),
    };

    torture_openssl();
    return cmocka_run_group_tests_name("request", tests, make_session, drop_session);
}
