/* link: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
/* Who signed an answer: the vectors, every form of v, and receipts of both generations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/aci/receipt.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/secret.h"
#include "support_attest.h"
#include "support_receipt.h"
#include "torture.h"
#include "venice.h"

/* ---- Judging -------------------------------------------------------------------------------- */

static cJSON *judge_text(const char *response, const char *keyset, int64_t now)
{
    const struct receipt_input in = { .response = response,
                                      .response_len = strlen(response),
                                      .signing_address = answer_address,
                                      .request_id = ANSWER_ID,
                                      .model = "e2ee-sample",
                                      .keyset = keyset,
                                      .keyset_len = keyset ? strlen(keyset) : 0,
                                      .asked_at = -1,
                                      .now = now };
    char *json;
    size_t len;
    cJSON *result;

    assert_int_equal(receipt_verify(&json, &len, &in), 0);
    result = cJSON_ParseWithLength(json, len);
    assert_non_null(result);
    assert_string_equal(json_string(result, "content_binding"), "not_checkable");
    assert_null(json_at(result, "level", NULL));
    assert_null(json_at(result, "accepted", NULL));
    assert_true(cJSON_GetArraySize(json_at(result, "checks", NULL)) > 0);
    wiping_free(json);
    return result;
}

static void expect_text(const char *response, const char *keyset, int64_t now, const char *reason)
{
    cJSON *result = judge_text(response, keyset, now);
    const char *found = json_string(result, "reason");

    if (strcmp(found ? found : "", reason) != 0)
        fail_msg("%s, wanted %s: %s", found ? found : "verified", reason, response);
    assert_int_equal(json_bool(result, "verified"), !reason[0]);
    cJSON_Delete(result);
}

/* body is deleted. */
static void expect(cJSON *body, const char *keyset, const char *reason)
{
    char *text = cJSON_PrintUnformatted(body);

    expect_text(text, keyset, ANSWER_NOW, reason);
    cJSON_free(text);
    cJSON_Delete(body);
}

/* ---- The signature -------------------------------------------------------------------------- */

static void every_form_of_v_is_taken(void **state)
{
    char text[160];

    (void)state;
    snprintf(text, sizeof text, "%s:%s", ANSWER_REQUEST_HASH, ANSWER_RESPONSE_HASH);
    expect(answer_body_of(text, answer_key, 27), NULL, "");
    expect(answer_body_of(text, answer_key, 0), NULL, "");
    expect(answer_body_of(text, answer_stranger_key, 27), NULL, "signature_signer");
    expect(answer_body_of(text, answer_stranger_key, 0), NULL, "signature_signer");
    for (int v = 2; v < 256; v += v == 26 ? 3 : 1) {
        cJSON *body = answer_body_of(text, answer_key, 27);
        char *hex = cJSON_GetObjectItem(body, "signature")->valuestring;
        const uint8_t byte = (uint8_t)v;

        hex_encode(hex + 130, &byte, 1);
        expect(body, NULL, "signature_v");
    }
}

static void both_texts_are_taken(void **state)
{
    static const char *const bad[] = { "", "hello", ":", "a:b" };
    char text[1200];
    cJSON *result, *body;
    char *json;

    (void)state;
    snprintf(text, sizeof text, "zai-org/GLM:5:%s:%s", ANSWER_REQUEST_HASH, ANSWER_RESPONSE_HASH);
    body = answer_body_of(text, answer_key, 27);
    json = cJSON_PrintUnformatted(body);
    result = judge_text(json, NULL, ANSWER_NOW);
    assert_int_equal(json_bool(result, "verified"), 1);
    assert_string_equal(json_string(result, "signature"), "valid");
    assert_string_equal(json_string(result, "signer"), answer_address);
    assert_string_equal(json_string(result, "upstream_model"), "zai-org/GLM:5");
    assert_string_equal(json_string(result, "request_hash"), ANSWER_REQUEST_HASH);
    assert_string_equal(json_string(result, "response_hash"), ANSWER_RESPONSE_HASH);
    cJSON_Delete(result);
    cJSON_Delete(body);
    cJSON_free(json);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect(answer_body_of(bad[i], answer_key, 27), NULL, "signature_text");
    snprintf(text, sizeof text, ":%s:%s", ANSWER_REQUEST_HASH, ANSWER_RESPONSE_HASH);
    expect(answer_body_of(text, answer_key, 27), NULL, "signature_text");
    snprintf(text, sizeof text, "%s:%s:", ANSWER_REQUEST_HASH, ANSWER_RESPONSE_HASH);
    expect(answer_body_of(text, answer_key, 27), NULL, "signature_text");
    snprintf(text, sizeof text, "x%s:%s", ANSWER_REQUEST_HASH, ANSWER_RESPONSE_HASH);
    expect(answer_body_of(text, answer_key, 27), NULL, "signature_text");
    snprintf(text, sizeof text, "%s-%s", ANSWER_REQUEST_HASH, ANSWER_RESPONSE_HASH);
    expect(answer_body_of(text, answer_key, 27), NULL, "signature_text");
    memset(text, 'm', sizeof text);
    snprintf(text + 1000, 200, ":%s:%s", ANSWER_REQUEST_HASH, ANSWER_RESPONSE_HASH);
    expect(answer_body_of(text, answer_key, 27), NULL, "signature_text");
}

static void each_member_has_its_code(void **state)
{
    static const struct {
        const char *name, *json, *reason;
    } rows[] = {
        { "signature", NULL, "signature_malformed" },
        { "signature", "5", "signature_malformed" },
        { "signature", "\"0x00\"", "signature_malformed" },
        { "signing_address", NULL, "" },
        { "signing_address", "\"0xabababababababababababababababababababab\"", "address_mismatch" },
        { "signing_address", "\"text\"", "address_mismatch" },
        { "signing_address", "[]", "" },
        { "signing_algo", "\"ed25519\"", "signing_algo" },
        { "signing_algo", "\"ecdsa-p256\"", "signing_algo" },
        { "signing_algo", "\"SECP256K1\"", "" },
        { "signing_algo", "\"Ecdsa\"", "" },
        { "signing_algo", "1", "" },
        { "signing_algo", NULL, "" },
        { "model", "\"e2ee-other\"", "model_mismatch" },
        { "model", NULL, "" },
        { "request_id", "\"chatcmpl-other\"", "request_id_mismatch" },
        { "request_id", NULL, "" },
        { "requested_request_id", "\"chatcmpl-other\"", "request_id_mismatch" },
        { "requested_request_id", "123", "" },
        { "text", NULL, "signature_text" },
        { "payload", NULL, "" },
        { "payload", "{}", "" },
        { "payload", "5", "" },
        { "payload", "{\"request_hash\":\"00\"}", "signature_payload" },
        { "payload", "{\"response_hash\":7}", "" },
        { "payload", "{\"response_hash\":\"00\"}", "signature_payload" },
        { "receipt", "null", "" },
        { "receipt", "\"\"", "" },
        { "receipt", "[]", "" },
        { "receipt", "0", "" },
        { "receipt", "5", "receipt_malformed" },
        { "receipt", "{}", "" },
        { "receipt", "{\"chat_id\":\"x\"}", "receipt_malformed" },
        { "unknown", "{}", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect(answer_changed(answer_body(), rows[i].name, rows[i].json), NULL, rows[i].reason);
    expect_text("", NULL, ANSWER_NOW, "not_json");
    expect_text("[]", NULL, ANSWER_NOW, "not_json");
    expect_text("{\"text\":1,\"text\":2}", NULL, ANSWER_NOW, "not_json");
}

static const char *not_stated(const cJSON *result, const char *id)
{
    const cJSON *entry;

    cJSON_ArrayForEach(entry, cJSON_GetObjectItem(result, "not_stated"))
    {
        if (strcmp(json_string(entry, "id"), id) == 0)
            return json_string(entry, "detail");
    }
    return NULL;
}

static bool has_check(const cJSON *result, const char *id)
{
    const cJSON *check;

    cJSON_ArrayForEach(check, cJSON_GetObjectItem(result, "checks"))
    {
        if (strcmp(json_string(check, "id"), id) == 0)
            return true;
    }
    return false;
}

/* What the body leaves out is neither a pass nor a failure: the signature is what counts. */
static void what_is_left_out_is_not_stated(void **state)
{
    static const struct {
        const char *name, *id;
    } rows[] = { { "signing_address", "address_matches" },
                 { "signing_algo", "signing_algo_ecdsa" },
                 { "model", "model_matches" },
                 { "payload", "payload_matches" },
                 { "receipt", "receipt_read" } };
    static const char *const empties[] = { NULL, "null", "\"\"", "\" \"", "\"0x\"",
                                           "[]", "{}",   "0",    "[null]" };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t k = 0; k < sizeof empties / sizeof *empties; k++) {
            cJSON *body = answer_changed(answer_body(), rows[i].name, empties[k]), *result;
            char *text = cJSON_PrintUnformatted(body);

            result = judge_text(text, NULL, ANSWER_NOW);
            assert_int_equal(json_bool(result, "verified"), 1);
            assert_string_equal(json_string(result, "signature"), "valid");
            assert_non_null(not_stated(result, rows[i].id));
            assert_false(has_check(result, rows[i].id));
            cJSON_Delete(result);
            cJSON_free(text);
            cJSON_Delete(body);
        }
    for (int both = 0; both <= 1; both++) {
        cJSON *body = answer_changed(answer_body(), "request_id", NULL), *result;
        char *text;

        if (both)
            answer_changed(body, "requested_request_id", "\"\"");
        text = cJSON_PrintUnformatted(body);
        result = judge_text(text, NULL, ANSWER_NOW);
        assert_int_equal(json_bool(result, "verified"), 1);
        assert_int_equal(has_check(result, "request_matches"), !both);
        assert_int_equal(not_stated(result, "request_matches") != NULL, both);
        cJSON_Delete(result);
        cJSON_free(text);
        cJSON_Delete(body);
    }
}

/* The address without 0x, or in another case. */
static void addresses_come_in_several_forms(void **state)
{
    char form[50];

    (void)state;
    snprintf(form, sizeof form, "\"%s\"", answer_address + 2);
    expect(answer_changed(answer_body(), "signing_address", form), NULL, "");
    for (size_t i = 0; form[i]; i++)
        form[i] = (char)(form[i] >= 'a' && form[i] <= 'f' ? form[i] - 'a' + 'A' : form[i]);
    expect(answer_changed(answer_body(), "signing_address", form), NULL, "");
}

/* The words say what is wrong with the text, also where it is JSON. */
static void what_cannot_be_read_is_called_by_its_name(void **state)
{
    static const struct {
        const char *body, *words;
    } rows[] = {
        { "<html>", "the answer is not well-formed JSON" },
        { "[]", "the answer is JSON, but not an object" },
        { "{\"text\":1,\"text\":2}", "the answer names one member twice" },
        { "{\"text\":\"\\u0000\"}", "the answer holds the character \\u0000, which is not taken" },
        { "{\"text\":\"\\udc00\"}",
          "the answer holds half of a character (a lone surrogate), which is not taken" }
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cJSON *result = judge_text(rows[i].body, NULL, ANSWER_NOW);
        const cJSON *check = cJSON_GetObjectItem(result, "checks")->child;

        assert_string_equal(json_string(check, "id"), "answer_is_json");
        assert_string_equal(json_string(check, "detail"), rows[i].words);
        cJSON_Delete(result);
    }
}

/* A text that was signed for something else. */
static void another_text_is_not_signed(void **state)
{
    char other[160], quoted[170];

    (void)state;
    snprintf(other, sizeof other, "%s:%s", ANSWER_RESPONSE_HASH, ANSWER_REQUEST_HASH);
    snprintf(quoted, sizeof quoted, "\"%s\"", other);
    expect(answer_changed(answer_changed(answer_body(), "payload", NULL), "text", quoted), NULL,
           "signature_signer");
    expect(answer_changed(answer_body(), "text", quoted), NULL, "signature_payload");
}

static void the_vectors_hold(void **state)
{
    char *text;
    size_t len;
    cJSON *file = NULL;
    const cJSON *row;
    int rows = 0;

    (void)state;
    if (corpus_file(&text, &len, "vectors/tee-signature-eip191.json") != 0)
        skip();
    assert_int_equal(json_parse(&file, text, len, NULL), 0);
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(file, "cases"))
    {
        for (int low = 0; low <= 1; low++) {
            cJSON *copy = cJSON_Duplicate(row, 1);
            char *hex = cJSON_GetObjectItem(copy, "signature")->valuestring, *json;
            struct receipt_input in = { .signing_address = json_string(row, "signing_address"),
                                        .request_id = ANSWER_ID,
                                        .asked_at = -1,
                                        .now = ANSWER_NOW };
            cJSON *result;

            if (low)
                memcpy(hex + 130, hex[131] == 'c' ? "01" : "00", 2);
            in.response = json = cJSON_PrintUnformatted(copy);
            in.response_len = strlen(json);
            {
                char *out;
                size_t out_len;

                assert_int_equal(receipt_verify(&out, &out_len, &in), 0);
                result = cJSON_ParseWithLength(out, out_len);
                wiping_free(out);
            }
            assert_int_equal(json_bool(result, "verified"), 1);
            cJSON_Delete(result);
            cJSON_free(json);
            cJSON_Delete(copy);
            rows++;
        }
    }
    assert_true(rows >= 4);
    cJSON_Delete(file);
    free(text);
}

/* ---- Receipts ------------------------------------------------------------------------------- */

/* Takes keyset and receipt. */
static void expect_receipt(cJSON *receipt, cJSON *keyset, const char *reason)
{
    cJSON *body = answer_body();
    char *text = keyset ? cJSON_PrintUnformatted(keyset) : NULL;

    cJSON_AddStringToObject(body, "api_version", "aci/1");
    cJSON_AddItemToObject(body, "receipt", receipt);
    expect(body, text, reason);
    cJSON_free(text);
    cJSON_Delete(keyset);
}

static void receipts_of_both_generations_hold(void **state)
{
    (void)state;
    for (int first = 0; first <= 1; first++) {
        cJSON *keyset = receipt_keyset(first), *body = answer_body(), *whole = cJSON_CreateObject();
        char *text = cJSON_Print(keyset), *json; /* with white space: the form does not matter */
        cJSON *result;

        cJSON_AddItemToObject(body, "receipt", receipt_make(first, keyset));
        json = cJSON_Print(body);
        result = judge_text(json, text, ANSWER_NOW);
        assert_int_equal(json_bool(result, "verified"), 1);
        assert_int_equal(json_bool(json_at(result, "receipt", NULL), "signed"), 1);
        assert_string_equal(json_string(json_at(result, "receipt", NULL), "generation"),
                            first ? "A" : "B");
        assert_string_equal(json_string(json_at(result, "receipt", "upstream", NULL), "result"),
                            "verified");
        assert_int_equal(json_bool(json_at(result, "receipt", "upstream", NULL), "required"), 0);
        cJSON_Delete(result);
        /* Without a keyset nothing that only the receipt says is shown. */
        result = judge_text(json, NULL, ANSWER_NOW);
        assert_int_equal(json_bool(result, "verified"), 1);
        assert_int_equal(json_bool(json_at(result, "receipt", NULL), "signed"), 0);
        assert_null(json_at(result, "receipt", "upstream", NULL));
        cJSON_Delete(result);
        cJSON_free(text);
        /* The body of an attestation holds the keyset too. */
        cJSON_AddItemToObject(cJSON_AddObjectToObject(whole, "attestation"), "workload_keyset",
                              keyset);
        text = cJSON_PrintUnformatted(whole);
        expect_text(json, text, ANSWER_NOW, "");
        cJSON_free(text);
        cJSON_free(json);
        cJSON_Delete(whole);
        cJSON_Delete(body);
    }
}

static void each_part_of_a_receipt_counts(void **state)
{
    static const struct {
        const char *name, *json, *reason;
    } rows[] = {
        { "api_version", "\"aci/2\"", "receipt_version" },
        { "api_version", NULL, "receipt_version" },
        { "chat_id", "\"chatcmpl-other\"", "receipt_chat_id" },
        { "chat_id", NULL, "receipt_chat_id" },
        { "event_log", "[]", "receipt_events" },
        { "event_log", "{}", "receipt_events" },
        { "event_log", "[{\"type\":\"request.received\"}]", "receipt_events" },
        { "event_log", "[{\"type\":\"response.returned\"},{\"type\":\"request.received\"}]",
          "receipt_events" },
        { "event_log",
          "[{\"type\":\"request.received\"},{\"type\":\"response.returned\"},"
          "{\"type\":\"response.returned\"}]",
          "receipt_events" },
        { "event_log",
          "[{\"type\":\"request.received\",\"seq\":1},"
          "{\"type\":\"response.returned\",\"seq\":2}]",
          "receipt_events" },
        { "event_log", "[{\"type\":\"request.received\"},{\"type\":\"response.returned\"}]",
          "receipt_hashes" },
        { "served_at", "1749900000", "receipt_time" },
        { "served_at", "1750000401", "receipt_time" },
        { "served_at", "\"1750000000\"", "receipt_time" },
        { "served_at", NULL, "receipt_time" },
        { "workload_keyset_digest", "\"sha256:00\"", "receipt_keyset" },
        { "workload_keyset_digest", NULL, "receipt_keyset" },
        { "method", "\"GET\"", "" },
    };

    (void)state;
    for (int first = 0; first <= 1; first++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            cJSON *keyset = receipt_keyset(first);
            cJSON *receipt =
                answer_changed(receipt_make(first, keyset), rows[i].name, rows[i].json);

            /* Without a new signature that is what fails, at the latest. */
            if (!rows[i].reason[0])
                expect_receipt(cJSON_Duplicate(receipt, 1), cJSON_Duplicate(keyset, 1),
                               "receipt_signature");
            receipt_sign(receipt, first);
            expect_receipt(receipt, keyset, rows[i].reason);
        }
}

static void the_key_of_a_receipt_counts(void **state)
{
    (void)state;
    for (int first = 0; first <= 1; first++) {
        cJSON *keyset = receipt_keyset(first), *receipt, *key;
        char *hex;

        /* A key that the keyset does not have. */
        receipt = receipt_make(first, keyset);
        answer_changed(first ? cJSON_GetObjectItem(receipt, "signature") : receipt, "key_id",
                       "\"other\"");
        receipt_sign(receipt, first);
        expect_receipt(receipt, cJSON_Duplicate(keyset, 1), "receipt_key_unknown");
        /* Another algorithm in the keyset; twice the same name. */
        key = cJSON_GetObjectItem(keyset, "receipt_signing_keys")->child;
        answer_changed(key, "algo", "\"ecdsa-secp256k1\"");
        expect_receipt(receipt_make(first, keyset), cJSON_Duplicate(keyset, 1), "receipt_key_algo");
        answer_changed(key, "algo", "\"ed25519\"");
        cJSON_AddItemToArray(cJSON_GetObjectItem(keyset, "receipt_signing_keys"),
                             cJSON_Duplicate(key, 1));
        expect_receipt(receipt_make(first, keyset), cJSON_Duplicate(keyset, 1),
                       "receipt_key_unknown");
        cJSON_DeleteItemFromArray(cJSON_GetObjectItem(keyset, "receipt_signing_keys"), 1);
        /* A signature that is none, and one digit of it. */
        receipt = receipt_make(first, keyset);
        hex = cJSON_GetObjectItem(first ? cJSON_GetObjectItem(receipt, "signature") : receipt,
                                  first ? "value" : "signature")
                  ->valuestring;
        hex[5] = hex[5] == '0' ? '1' : '0';
        expect_receipt(receipt, cJSON_Duplicate(keyset, 1), "receipt_signature");
        receipt = receipt_make(first, keyset);
        answer_changed(first ? cJSON_GetObjectItem(receipt, "signature") : receipt,
                       first ? "value" : "signature", "\"00\"");
        expect_receipt(receipt, cJSON_Duplicate(keyset, 1), "receipt_signature");
        /* A member that was not signed. */
        receipt = receipt_make(first, keyset);
        cJSON_AddStringToObject(receipt, "more", "x");
        expect_receipt(receipt, keyset, "receipt_signature");
    }
}

static void the_keyset_counts(void **state)
{
    cJSON *keyset = receipt_keyset(true), *receipt = receipt_make(true, keyset), *later;
    char *text;

    (void)state;
    answer_changed(receipt, "workload_id", "\"sha256:00\"");
    receipt_sign(receipt, true);
    expect_receipt(receipt, cJSON_Duplicate(keyset, 1), "receipt_workload");
    later = receipt_keyset(true);
    cJSON_ReplaceItemInObject(cJSON_GetObjectItem(later, "keyset_epoch"), "not_after",
                              cJSON_CreateNumber(ANSWER_NOW));
    expect_receipt(receipt_make(true, later), cJSON_Duplicate(later, 1), "keyset_expired");
    expect_receipt(receipt_make(true, keyset), later, "receipt_keyset");
    for (const char *const *bad = (const char *const[]){ "", "x", "[]", "{}", NULL }; *bad; bad++) {
        cJSON *body = answer_body();

        cJSON_AddItemToObject(body, "receipt", receipt_make(true, keyset));
        text = cJSON_PrintUnformatted(body);
        expect_text(text, *bad, ANSWER_NOW, "receipt_keyset");
        cJSON_free(text);
        cJSON_Delete(body);
    }
    cJSON_Delete(keyset);
}

/* ---- The published vectors ------------------------------------------------------------------ */

/* The line of a text that begins so. */
static char *find_line(const char *text, const char *begin, bool last)
{
    const char *found = NULL;

    for (const char *at = text; (at = strstr(at, begin)) != NULL; at++)
        if (at == text || at[-1] == '\n') {
            found = at;
            if (!last)
                break;
        }
    assert_non_null(found);
    return strndup(found, strcspn(found, "\n"));
}

/* The receipts of the vectors, inside a body that our key signs. */
static void judge_vector(const char *receipt, const char *keyset, bool good)
{
    cJSON *body = answer_body();
    char *head = cJSON_PrintUnformatted(body),
         *text = calloc(1, strlen(head) + strlen(receipt) + 32);

    head[strlen(head) - 1] = 0;
    sprintf(text, "%s,\"receipt\":%s}", head, receipt);
    expect_text(text, keyset, ANSWER_NOW, good ? "" : "receipt_signature");
    cJSON_free(head);
    free(text);
    cJSON_Delete(body);
}

static void the_vectors_of_generation_b_hold(void **state)
{
    char *text, *receipt, *keyset;
    size_t len;

    (void)state;
    if (corpus_file(&text, &len, "vectors/private-ai-gateway_genB/test-vectors.md") != 0)
        skip();
    receipt = find_line(text, "{\"api_version\":\"aci/1\",\"chat_id\"", true);
    keyset = find_line(text, "{\"e2ee_public_keys\"", false);
    judge_vector(receipt, keyset, true);
    memcpy(strstr(receipt, "demo-model"), "evil", 4);
    judge_vector(receipt, keyset, false);
    free(receipt);
    free(keyset);
    free(text);
}

static void the_vectors_of_generation_a_hold(void **state)
{
    static const char placeholder[] = "abab\xe2\x80\xa6"
                                      "ab (32 placeholder bytes: 32 \xc3\x97 ab)";
    char *text, *line, *value, *receipt, *keyset, *at;
    size_t len;

    (void)state;
    if (corpus_file(&text, &len, "vectors/private-ai-gateway_genA/test-vectors.md") != 0)
        skip();
    line = find_line(text, "{\"api_version\":\"aci/1\",\"chat_id\"", false);
    value = find_line(text, "signature.value (ed25519, receipt-1) = ", false);
    receipt = calloc(1, strlen(line) + 256);
    at = strstr(line, "\"key_id\":\"receipt-1\"}");
    assert_non_null(at);
    sprintf(receipt, "%.*s\"value\":\"%.128s\", %s", (int)(at - line), line,
            value + strlen("signature.value (ed25519, receipt-1) = "), at);
    at = strstr(text, "```json\n");
    keyset = strndup(at + 8, (size_t)(strstr(at + 8, "```") - at - 8));
    at = strstr(keyset, placeholder);
    assert_non_null(at);
    {
        char *filled = calloc(1, strlen(keyset) + 64);
        size_t before = (size_t)(at - keyset);

        memcpy(filled, keyset, before);
        for (int i = 0; i < 32; i++)
            memcpy(filled + before + 2 * i, "ab", 2);
        strcat(filled, at + sizeof placeholder - 1);
        free(keyset);
        keyset = filled;
    }
    judge_vector(receipt, keyset, true);
    memcpy(strstr(receipt, "demo-model"), "evil", 4);
    judge_vector(receipt, keyset, false);
    free(receipt);
    free(keyset);
    free(line);
    free(value);
    free(text);
}

/* ---- The public function -------------------------------------------------------------------- */

static int call(cJSON *options, venice_text *out)
{
    char *json = cJSON_PrintUnformatted(options);
    int r = venice_verify_receipt(out, json, strlen(json));

    cJSON_free(json);
    return r;
}

static void options_are_checked(void **state)
{
    static const struct {
        const char *name, *json;
    } rows[] = {
        { "response", NULL },
        { "response", "5" },
        { "signing_address", NULL },
        { "signing_address", "\"0x\"" },
        { "request_id", NULL },
        { "request_id", "\"\"" },
        { "now", NULL },
        { "now", "\"5\"" },
        { "now", "-1" },
        { "keyset", "{}" },
        { "asked_at", "\"x\"" },
        { "model", "1" },
        { "unknown", "1" },
    };
    cJSON *options = cJSON_CreateObject(), *body = answer_body();
    char *text = cJSON_PrintUnformatted(body);
    venice_text out;

    (void)state;
    cJSON_AddStringToObject(options, "response", text);
    cJSON_AddStringToObject(options, "signing_address", answer_address);
    cJSON_AddStringToObject(options, "request_id", ANSWER_ID);
    cJSON_AddNumberToObject(options, "now", ANSWER_NOW);
    assert_int_equal(call(options, &out), 0);
    assert_non_null(strstr(out.data, "\"verified\":true"));
    venice_text_free(&out);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cJSON *copy = answer_changed(cJSON_Duplicate(options, 1), rows[i].name, rows[i].json);

        assert_int_equal(call(copy, &out), VENICE_E_CONFIG);
        assert_non_null(strstr(out.data, rows[i].name));
        venice_text_free(&out);
        cJSON_Delete(copy);
    }
    assert_int_equal(venice_verify_receipt(NULL, "{}", 2), VENICE_E_ARG);
    assert_int_equal(venice_verify_receipt(&out, NULL, 0), VENICE_E_ARG);
    assert_int_equal(venice_verify_receipt(&out, "x", 1), VENICE_E_CONFIG);
    venice_text_free(&out);
    cJSON_free(text);
    cJSON_Delete(options);
    cJSON_Delete(body);
}

/* The time of the request narrows what a receipt may say. */
static void the_exchange_has_a_time(void **state)
{
    cJSON *keyset = receipt_keyset(false), *body = answer_body();
    static const struct {
        int64_t asked_at;
        bool good;
    } rows[] = { { -1, true },
                 { ANSWER_SERVED_AT + RECEIPT_SKEW, true },
                 { ANSWER_SERVED_AT + RECEIPT_SKEW + 1, false },
                 { ANSWER_SERVED_AT - 3600, true } };
    char *text;

    (void)state;
    cJSON_AddItemToObject(body, "receipt", receipt_make(false, keyset));
    text = cJSON_PrintUnformatted(body);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct receipt_input in = { .response = text,
                                          .response_len = strlen(text),
                                          .signing_address = answer_address,
                                          .request_id = ANSWER_ID,
                                          .asked_at = rows[i].asked_at,
                                          .now = ANSWER_SERVED_AT + 7200 };
        char *json;
        size_t len;

        assert_int_equal(receipt_verify(&json, &len, &in), 0);
        assert_true((strstr(json, "receipt_time") == NULL) == rows[i].good);
        wiping_free(json);
    }
    cJSON_free(text);
    cJSON_Delete(body);
    cJSON_Delete(keyset);
}

/* ---- No memory ------------------------------------------------------------------------------ */

static void without_memory(void **state)
{
    cJSON *keyset = receipt_keyset(true), *body = answer_body();
    char *text, *keys = cJSON_PrintUnformatted(keyset);
    struct receipt_input in = { .signing_address = answer_address,
                                .request_id = ANSWER_ID,
                                .keyset = keys,
                                .keyset_len = strlen(keys),
                                .asked_at = -1,
                                .now = ANSWER_NOW };
    bool hit = true;

    (void)state;
    cJSON_AddItemToObject(body, "receipt", receipt_make(true, keyset));
    in.response = text = cJSON_PrintUnformatted(body);
    in.response_len = strlen(text);
    for (long n = 0; hit; n++) {
        char *json = NULL;
        size_t len;
        int r;

        torture_begin(n);
        r = receipt_verify(&json, &len, &in);
        hit = torture_end();
        if (!hit)
            assert_true(r == 0 && strstr(json, "\"verified\":true"));
        if (r != 0)
            assert_null(json);
        wiping_free(json);
    }
    cJSON_free(text);
    cJSON_free(keys);
    cJSON_Delete(body);
    cJSON_Delete(keyset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_v_is_taken),
        cmocka_unit_test(both_texts_are_taken),
        cmocka_unit_test(each_member_has_its_code),
        cmocka_unit_test(what_is_left_out_is_not_stated),
        cmocka_unit_test(addresses_come_in_several_forms),
        cmocka_unit_test(what_cannot_be_read_is_called_by_its_name),
        cmocka_unit_test(another_text_is_not_signed),
        cmocka_unit_test(the_vectors_hold),
        cmocka_unit_test(receipts_of_both_generations_hold),
        cmocka_unit_test(each_part_of_a_receipt_counts),
        cmocka_unit_test(the_key_of_a_receipt_counts),
        cmocka_unit_test(the_keyset_counts),
        cmocka_unit_test(the_vectors_of_generation_b_hold),
        cmocka_unit_test(the_vectors_of_generation_a_hold),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(the_exchange_has_a_time),
        cmocka_unit_test(without_memory),
    };
    int failed;

    torture_openssl();
    receipt_world_make();
    failed = cmocka_run_group_tests_name("receipt", tests, NULL, NULL);
    receipt_world_free();
    return failed;
}
