/* link: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
/* Who signed an answer: the vectors, every form of v, and receipts of both generations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <openssl/evp.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/aci/receipt.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/jcs.h"
#include "base/json.h"
#include "base/secret.h"
#include "support_attest.h"
#include "torture.h"
#include "venice.h"

static const char REQUEST_HASH[] =
    "94d809bf47380d8a2eab0eb6e126d4dda9364b0b4725cdf7ead52dd70b2aa87b";
static const char RESPONSE_HASH[] =
    "dedfffe5b14d031b8e2c01996d021a15293cb7c63b56be7e4be9e89b6f0a5f61";
static const char CHAT[] = "chatcmpl-123";
enum { NOW = 1750000100, SERVED_AT = 1750000000 };

/* ---- Signing -------------------------------------------------------------------------------- */

static char address[43];

/* r, s and v over a text, as a wallet signs it. */
static void sign_text(char hex[133], const char *text, const uint8_t private32[32], int v_base)
{
    secp256k1_context *curve = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    secp256k1_ecdsa_recoverable_signature signature;
    uint8_t hash[32], bytes[65];
    char message[2048];
    int id = 0, n = snprintf(message, sizeof message,
                             "\x19"
                             "Ethereum Signed Message:\n%zu%s",
                             strlen(text), text);

    keccak256(hash, (uint8_t *)message, (size_t)n);
    assert_int_equal(
        secp256k1_ecdsa_sign_recoverable(curve, &signature, hash, private32, NULL, NULL), 1);
    secp256k1_ecdsa_recoverable_signature_serialize_compact(curve, bytes, &id, &signature);
    bytes[64] = (uint8_t)(id + v_base);
    memcpy(hex, "0x", 2);
    hex_encode(hex + 2, bytes, sizeof bytes);
    hex[132] = 0;
    secp256k1_context_destroy(curve);
}

static const uint8_t enclave_key[32] = { 0x31, [31] = 7 }, stranger_key[32] = { 0x32, [31] = 9 };

static void set_up(void)
{
    uint8_t public65[65], bytes[20];

    assert_int_equal(curve_public(public65, enclave_key), 0);
    eth_address(bytes, public65);
    memcpy(address, "0x", 2);
    hex_encode(address + 2, bytes, 20);
}

/* The usual body. */
static cJSON *body_of(const char *text, const uint8_t private32[32], int v_base)
{
    cJSON *o = cJSON_CreateObject();
    char signature[133];

    sign_text(signature, text, private32, v_base);
    cJSON_AddStringToObject(o, "text", text);
    cJSON_AddStringToObject(o, "signature", signature);
    cJSON_AddStringToObject(o, "signing_address", address);
    cJSON_AddStringToObject(o, "signing_algo", "ecdsa");
    cJSON_AddStringToObject(o, "model", "e2ee-sample");
    cJSON_AddStringToObject(o, "request_id", CHAT);
    cJSON_AddStringToObject(o, "requested_request_id", CHAT);
    return o;
}

static cJSON *usual_body(void)
{
    char text[160];
    cJSON *o, *payload;

    snprintf(text, sizeof text, "%s:%s", REQUEST_HASH, RESPONSE_HASH);
    o = body_of(text, enclave_key, 27);
    payload = cJSON_AddObjectToObject(o, "payload");
    cJSON_AddStringToObject(payload, "request_hash", REQUEST_HASH);
    cJSON_AddStringToObject(payload, "response_hash", RESPONSE_HASH);
    return o;
}

/* ---- Judging -------------------------------------------------------------------------------- */

static cJSON *judge_text(const char *response, const char *keyset, int64_t now)
{
    const struct receipt_input in = { .response = response,
                                      .response_len = strlen(response),
                                      .signing_address = address,
                                      .request_id = CHAT,
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

    expect_text(text, keyset, NOW, reason);
    cJSON_free(text);
    cJSON_Delete(body);
}

static cJSON *changed(cJSON *body, const char *name, const char *json)
{
    cJSON_DeleteItemFromObjectCaseSensitive(body, name);
    if (json)
        cJSON_AddItemToObject(body, name, cJSON_Parse(json));
    return body;
}

/* ---- The signature -------------------------------------------------------------------------- */

static void every_form_of_v_is_taken(void **state)
{
    char text[160];

    (void)state;
    snprintf(text, sizeof text, "%s:%s", REQUEST_HASH, RESPONSE_HASH);
    expect(body_of(text, enclave_key, 27), NULL, "");
    expect(body_of(text, enclave_key, 0), NULL, "");
    expect(body_of(text, stranger_key, 27), NULL, "signature_signer");
    expect(body_of(text, stranger_key, 0), NULL, "signature_signer");
    for (int v = 2; v < 256; v += v == 26 ? 3 : 1) {
        cJSON *body = body_of(text, enclave_key, 27);
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
    snprintf(text, sizeof text, "zai-org/GLM:5:%s:%s", REQUEST_HASH, RESPONSE_HASH);
    body = body_of(text, enclave_key, 27);
    json = cJSON_PrintUnformatted(body);
    result = judge_text(json, NULL, NOW);
    assert_int_equal(json_bool(result, "verified"), 1);
    assert_string_equal(json_string(result, "signature"), "valid");
    assert_string_equal(json_string(result, "signer"), address);
    assert_string_equal(json_string(result, "upstream_model"), "zai-org/GLM:5");
    assert_string_equal(json_string(result, "request_hash"), REQUEST_HASH);
    assert_string_equal(json_string(result, "response_hash"), RESPONSE_HASH);
    cJSON_Delete(result);
    cJSON_Delete(body);
    cJSON_free(json);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect(body_of(bad[i], enclave_key, 27), NULL, "signature_text");
    snprintf(text, sizeof text, ":%s:%s", REQUEST_HASH, RESPONSE_HASH);
    expect(body_of(text, enclave_key, 27), NULL, "signature_text");
    snprintf(text, sizeof text, "%s:%s:", REQUEST_HASH, RESPONSE_HASH);
    expect(body_of(text, enclave_key, 27), NULL, "signature_text");
    snprintf(text, sizeof text, "x%s:%s", REQUEST_HASH, RESPONSE_HASH);
    expect(body_of(text, enclave_key, 27), NULL, "signature_text");
    snprintf(text, sizeof text, "%s-%s", REQUEST_HASH, RESPONSE_HASH);
    expect(body_of(text, enclave_key, 27), NULL, "signature_text");
    memset(text, 'm', sizeof text);
    snprintf(text + 1000, 200, ":%s:%s", REQUEST_HASH, RESPONSE_HASH);
    expect(body_of(text, enclave_key, 27), NULL, "signature_text");
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
        expect(changed(usual_body(), rows[i].name, rows[i].json), NULL, rows[i].reason);
    expect_text("", NULL, NOW, "not_json");
    expect_text("[]", NULL, NOW, "not_json");
    expect_text("{\"text\":1,\"text\":2}", NULL, NOW, "not_json");
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
            cJSON *body = changed(usual_body(), rows[i].name, empties[k]), *result;
            char *text = cJSON_PrintUnformatted(body);

            result = judge_text(text, NULL, NOW);
            assert_int_equal(json_bool(result, "verified"), 1);
            assert_string_equal(json_string(result, "signature"), "valid");
            assert_non_null(not_stated(result, rows[i].id));
            assert_false(has_check(result, rows[i].id));
            cJSON_Delete(result);
            cJSON_free(text);
            cJSON_Delete(body);
        }
    for (int both = 0; both <= 1; both++) {
        cJSON *body = changed(usual_body(), "request_id", NULL), *result;
        char *text;

        if (both)
            changed(body, "requested_request_id", "\"\"");
        text = cJSON_PrintUnformatted(body);
        result = judge_text(text, NULL, NOW);
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
    snprintf(form, sizeof form, "\"%s\"", address + 2);
    expect(changed(usual_body(), "signing_address", form), NULL, "");
    for (size_t i = 0; form[i]; i++)
        form[i] = (char)(form[i] >= 'a' && form[i] <= 'f' ? form[i] - 'a' + 'A' : form[i]);
    expect(changed(usual_body(), "signing_address", form), NULL, "");
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
        cJSON *result = judge_text(rows[i].body, NULL, NOW);
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
    snprintf(other, sizeof other, "%s:%s", RESPONSE_HASH, REQUEST_HASH);
    snprintf(quoted, sizeof quoted, "\"%s\"", other);
    expect(changed(changed(usual_body(), "payload", NULL), "text", quoted), NULL,
           "signature_signer");
    expect(changed(usual_body(), "text", quoted), NULL, "signature_payload");
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
                                        .request_id = CHAT,
                                        .asked_at = -1,
                                        .now = NOW };
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

static EVP_PKEY *receipt_key;

static void sign_document(cJSON *o, bool first)
{
    cJSON *at = first ? cJSON_GetObjectItem(o, "signature") : o;
    const char *name = first ? "value" : "signature";
    char *json, *canonical, hex[129] = "";
    size_t len, n = 64;
    uint8_t signature[64];
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    cJSON_DeleteItemFromObjectCaseSensitive(at, name);
    json = cJSON_PrintUnformatted(o);
    assert_int_equal(jcs_canonical(&canonical, &len, json, strlen(json)), 0);
    assert_int_equal(EVP_DigestSignInit(context, NULL, NULL, NULL, receipt_key), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &n, (uint8_t *)canonical, len), 1);
    hex_encode(hex, signature, 64);
    cJSON_AddStringToObject(at, name, hex);
    EVP_MD_CTX_free(context);
    wiping_free(canonical);
    cJSON_free(json);
}

static void add_digest(cJSON *o, const char *name, const cJSON *of)
{
    char *json = cJSON_PrintUnformatted(of), text[72] = "sha256:";
    uint8_t hash[32];

    assert_int_equal(jcs_sha256(hash, json, strlen(json)), 0);
    hex_encode(text + 7, hash, 32);
    cJSON_AddStringToObject(o, name, text);
    cJSON_free(json);
}

static cJSON *make_keyset(bool first)
{
    cJSON *o = cJSON_Parse(first ? "{\"workload_identity\":{\"public_key\":{\"algo\":\"ed25519\","
                                   "\"public_key\":\"00\"},\"subject\":null},"
                                   "\"keyset_epoch\":{\"version\":1,\"not_after\":1800000000}}"
                                 : "{\"subject\":null,\"not_after\":1.8e9}");
    cJSON *list = cJSON_AddArrayToObject(o, "receipt_signing_keys"), *key = cJSON_CreateObject();
    uint8_t raw[32];
    char hex[65] = "";
    size_t n = 32;

    EVP_PKEY_get_raw_public_key(receipt_key, raw, &n);
    hex_encode(hex, raw, 32);
    cJSON_AddStringToObject(key, "key_id", "receipt-1");
    cJSON_AddStringToObject(key, "algo", "ed25519");
    cJSON_AddStringToObject(key, "public_key", hex);
    cJSON_AddItemToArray(list, key);
    return o;
}

static cJSON *make_receipt(bool first, const cJSON *keyset)
{
    static const char events[] =
        "[{\"type\":\"request.received\"},{\"type\":\"upstream.verified\",\"result\":\"verified\","
        "\"required\":false,\"model_id\":\"m\\u00e9\",\"session_id\":\"s\"},"
        "{\"type\":\"response.returned\"}]";
    cJSON *o = cJSON_Parse("{\"api_version\":\"aci/1\",\"method\":\"POST\"}"), *log, *event;
    char text[80];
    int i = 0;

    cJSON_AddStringToObject(o, "chat_id", CHAT);
    cJSON_AddNumberToObject(o, "served_at", SERVED_AT);
    log = cJSON_Parse(events);
    cJSON_AddItemToObject(o, "event_log", log);
    snprintf(text, sizeof text, "sha256:%s", REQUEST_HASH);
    cJSON_AddStringToObject(log->child, "body_hash", text);
    snprintf(text, sizeof text, "sha256:%s", RESPONSE_HASH);
    cJSON_AddStringToObject(cJSON_GetArrayItem(log, 2), first ? "wire_hash" : "body_hash", text);
    if (first)
        cJSON_ArrayForEach(event, log) cJSON_AddNumberToObject(event, "seq", i++);
    add_digest(o, "workload_keyset_digest", keyset);
    if (first) {
        add_digest(o, "workload_id", json_at(keyset, "workload_identity", "public_key", NULL));
        cJSON_AddItemToObject(o, "signature",
                              cJSON_Parse("{\"algo\":\"ed25519\",\"key_id\":\"receipt-1\"}"));
    } else {
        cJSON_AddStringToObject(o, "key_id", "receipt-1");
    }
    sign_document(o, first);
    return o;
}

/* Takes keyset and receipt. */
static void expect_receipt(cJSON *receipt, cJSON *keyset, const char *reason)
{
    cJSON *body = usual_body();
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
        cJSON *keyset = make_keyset(first), *body = usual_body(), *whole = cJSON_CreateObject();
        char *text = cJSON_Print(keyset), *json; /* with white space: the form does not matter */
        cJSON *result;

        cJSON_AddItemToObject(body, "receipt", make_receipt(first, keyset));
        json = cJSON_Print(body);
        result = judge_text(json, text, NOW);
        assert_int_equal(json_bool(result, "verified"), 1);
        assert_int_equal(json_bool(json_at(result, "receipt", NULL), "signed"), 1);
        assert_string_equal(json_string(json_at(result, "receipt", NULL), "generation"),
                            first ? "A" : "B");
        assert_string_equal(json_string(json_at(result, "receipt", "upstream", NULL), "result"),
                            "verified");
        assert_int_equal(json_bool(json_at(result, "receipt", "upstream", NULL), "required"), 0);
        cJSON_Delete(result);
        /* Without a keyset nothing that only the receipt says is shown. */
        result = judge_text(json, NULL, NOW);
        assert_int_equal(json_bool(result, "verified"), 1);
        assert_int_equal(json_bool(json_at(result, "receipt", NULL), "signed"), 0);
        assert_null(json_at(result, "receipt", "upstream", NULL));
        cJSON_Delete(result);
        cJSON_free(text);
        /* The body of an attestation holds the keyset too. */
        cJSON_AddItemToObject(cJSON_AddObjectToObject(whole, "attestation"), "workload_keyset",
                              keyset);
        text = cJSON_PrintUnformatted(whole);
        expect_text(json, text, NOW, "");
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
            cJSON *keyset = make_keyset(first);
            cJSON *receipt = changed(make_receipt(first, keyset), rows[i].name, rows[i].json);

            /* Without a new signature that is what fails, at the latest. */
            if (!rows[i].reason[0])
                expect_receipt(cJSON_Duplicate(receipt, 1), cJSON_Duplicate(keyset, 1),
                               "receipt_signature");
            sign_document(receipt, first);
            expect_receipt(receipt, keyset, rows[i].reason);
        }
}

static void the_key_of_a_receipt_counts(void **state)
{
    (void)state;
    for (int first = 0; first <= 1; first++) {
        cJSON *keyset = make_keyset(first), *receipt, *key;
        char *hex;

        /* A key that the keyset does not have. */
        receipt = make_receipt(first, keyset);
        changed(first ? cJSON_GetObjectItem(receipt, "signature") : receipt, "key_id", "\"other\"");
        sign_document(receipt, first);
        expect_receipt(receipt, cJSON_Duplicate(keyset, 1), "receipt_key_unknown");
        /* Another algorithm in the keyset; twice the same name. */
        key = cJSON_GetObjectItem(keyset, "receipt_signing_keys")->child;
        changed(key, "algo", "\"ecdsa-secp256k1\"");
        expect_receipt(make_receipt(first, keyset), cJSON_Duplicate(keyset, 1), "receipt_key_algo");
        changed(key, "algo", "\"ed25519\"");
        cJSON_AddItemToArray(cJSON_GetObjectItem(keyset, "receipt_signing_keys"),
                             cJSON_Duplicate(key, 1));
        expect_receipt(make_receipt(first, keyset), cJSON_Duplicate(keyset, 1),
                       "receipt_key_unknown");
        cJSON_DeleteItemFromArray(cJSON_GetObjectItem(keyset, "receipt_signing_keys"), 1);
        /* A signature that is none, and one digit of it. */
        receipt = make_receipt(first, keyset);
        hex = cJSON_GetObjectItem(first ? cJSON_GetObjectItem(receipt, "signature") : receipt,
                                  first ? "value" : "signature")
                  ->valuestring;
        hex[5] = hex[5] == '0' ? '1' : '0';
        expect_receipt(receipt, cJSON_Duplicate(keyset, 1), "receipt_signature");
        receipt = make_receipt(first, keyset);
        changed(first ? cJSON_GetObjectItem(receipt, "signature") : receipt,
                first ? "value" : "signature", "\"00\"");
        expect_receipt(receipt, cJSON_Duplicate(keyset, 1), "receipt_signature");
        /* A member that was not signed. */
        receipt = make_receipt(first, keyset);
        cJSON_AddStringToObject(receipt, "more", "x");
        expect_receipt(receipt, keyset, "receipt_signature");
    }
}

static void the_keyset_counts(void **state)
{
    cJSON *keyset = make_keyset(true), *receipt = make_receipt(true, keyset), *later;
    char *text;

    (void)state;
    changed(receipt, "workload_id", "\"sha256:00\"");
    sign_document(receipt, true);
    expect_receipt(receipt, cJSON_Duplicate(keyset, 1), "receipt_workload");
    later = make_keyset(true);
    cJSON_ReplaceItemInObject(cJSON_GetObjectItem(later, "keyset_epoch"), "not_after",
                              cJSON_CreateNumber(NOW));
    expect_receipt(make_receipt(true, later), cJSON_Duplicate(later, 1), "keyset_expired");
    expect_receipt(make_receipt(true, keyset), later, "receipt_keyset");
    for (const char *const *bad = (const char *const[]){ "", "x", "[]", "{}", NULL }; *bad; bad++) {
        cJSON *body = usual_body();

        cJSON_AddItemToObject(body, "receipt", make_receipt(true, keyset));
        text = cJSON_PrintUnformatted(body);
        expect_text(text, *bad, NOW, "receipt_keyset");
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
    cJSON *body = usual_body();
    char *head = cJSON_PrintUnformatted(body),
         *text = calloc(1, strlen(head) + strlen(receipt) + 32);

    head[strlen(head) - 1] = 0;
    sprintf(text, "%s,\"receipt\":%s}", head, receipt);
    expect_text(text, keyset, NOW, good ? "" : "receipt_signature");
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
    cJSON *options = cJSON_CreateObject(), *body = usual_body();
    char *text = cJSON_PrintUnformatted(body);
    venice_text out;

    (void)state;
    cJSON_AddStringToObject(options, "response", text);
    cJSON_AddStringToObject(options, "signing_address", address);
    cJSON_AddStringToObject(options, "request_id", CHAT);
    cJSON_AddNumberToObject(options, "now", NOW);
    assert_int_equal(call(options, &out), 0);
    assert_non_null(strstr(out.data, "\"verified\":true"));
    venice_text_free(&out);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cJSON *copy = changed(cJSON_Duplicate(options, 1), rows[i].name, rows[i].json);

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
    cJSON *keyset = make_keyset(false), *body = usual_body();
    static const struct {
        int64_t asked_at;
        bool good;
    } rows[] = { { -1, true },
                 { SERVED_AT + RECEIPT_SKEW, true },
                 { SERVED_AT + RECEIPT_SKEW + 1, false },
                 { SERVED_AT - 3600, true } };
    char *text;

    (void)state;
    cJSON_AddItemToObject(body, "receipt", make_receipt(false, keyset));
    text = cJSON_PrintUnformatted(body);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct receipt_input in = { .response = text,
                                          .response_len = strlen(text),
                                          .signing_address = address,
                                          .request_id = CHAT,
                                          .asked_at = rows[i].asked_at,
                                          .now = SERVED_AT + 7200 };
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
    cJSON *keyset = make_keyset(true), *body = usual_body();
    char *text, *keys = cJSON_PrintUnformatted(keyset);
    struct receipt_input in = { .signing_address = address,
                                .request_id = CHAT,
                                .keyset = keys,
                                .keyset_len = strlen(keys),
                                .asked_at = -1,
                                .now = NOW };
    bool hit = true;

    (void)state;
    cJSON_AddItemToObject(body, "receipt", make_receipt(true, keyset));
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
    uint8_t seed[32] = { 5 };
    int failed;

    torture_openssl();
    json_init();
    receipt_key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
    set_up();
    failed = cmocka_run_group_tests_name("receipt", tests, NULL, NULL);
    EVP_PKEY_free(receipt_key);
    return failed;
}
