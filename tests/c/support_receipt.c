/* The signature of an answer and a gateway's receipt beside it, of our own making. */
#include "support_receipt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the two above it */
#include <cmocka.h>
#include <openssl/evp.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <stdio.h>
#include <string.h>

#include "base/codec.h"
#include "base/crypto.h"
#include "base/jcs.h"
#include "base/json.h"
#include "base/secret.h"

/* ---- Signing -------------------------------------------------------------------------------- */

char answer_address[43];

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

const uint8_t answer_key[32] = { 0x31, [31] = 7 }, answer_stranger_key[32] = { 0x32, [31] = 9 };
static EVP_PKEY *receipt_key;

void receipt_world_make(void)
{
    static const uint8_t seed[32] = { 5 };
    uint8_t public65[65], bytes[20];

    assert_int_equal(curve_public(public65, answer_key), 0);
    eth_address(bytes, public65);
    memcpy(answer_address, "0x", 2);
    hex_encode(answer_address + 2, bytes, 20);
    receipt_key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
}

void receipt_world_free(void)
{
    EVP_PKEY_free(receipt_key);
    receipt_key = NULL;
}

cJSON *answer_body_of(const char *text, const uint8_t private32[32], int v_base)
{
    cJSON *o = cJSON_CreateObject();
    char signature[133];

    sign_text(signature, text, private32, v_base);
    cJSON_AddStringToObject(o, "text", text);
    cJSON_AddStringToObject(o, "signature", signature);
    cJSON_AddStringToObject(o, "signing_address", answer_address);
    cJSON_AddStringToObject(o, "signing_algo", "ecdsa");
    cJSON_AddStringToObject(o, "model", "e2ee-sample");
    cJSON_AddStringToObject(o, "request_id", ANSWER_ID);
    cJSON_AddStringToObject(o, "requested_request_id", ANSWER_ID);
    return o;
}

cJSON *answer_body(void)
{
    char text[160];
    cJSON *o, *payload;

    snprintf(text, sizeof text, "%s:%s", ANSWER_REQUEST_HASH, ANSWER_RESPONSE_HASH);
    o = answer_body_of(text, answer_key, 27);
    payload = cJSON_AddObjectToObject(o, "payload");
    cJSON_AddStringToObject(payload, "request_hash", ANSWER_REQUEST_HASH);
    cJSON_AddStringToObject(payload, "response_hash", ANSWER_RESPONSE_HASH);
    return o;
}

cJSON *answer_changed(cJSON *body, const char *name, const char *json)
{
    cJSON_DeleteItemFromObjectCaseSensitive(body, name);
    if (json)
        cJSON_AddItemToObject(body, name, cJSON_Parse(json));
    return body;
}

/* ---- Receipts ------------------------------------------------------------------------------- */

void receipt_sign(cJSON *o, bool first)
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

cJSON *receipt_keyset(bool first)
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

cJSON *receipt_make(bool first, const cJSON *keyset)
{
    static const char events[] =
        "[{\"type\":\"request.received\"},{\"type\":\"upstream.verified\",\"result\":\"verified\","
        "\"required\":false,\"model_id\":\"m\\u00e9\",\"session_id\":\"s\"},"
        "{\"type\":\"response.returned\"}]";
    cJSON *o = cJSON_Parse("{\"api_version\":\"aci/1\",\"method\":\"POST\"}"), *log, *event;
    char text[80];
    int i = 0;

    cJSON_AddStringToObject(o, "chat_id", ANSWER_ID);
    cJSON_AddNumberToObject(o, "served_at", ANSWER_SERVED_AT);
    log = cJSON_Parse(events);
    cJSON_AddItemToObject(o, "event_log", log);
    snprintf(text, sizeof text, "sha256:%s", ANSWER_REQUEST_HASH);
    cJSON_AddStringToObject(log->child, "body_hash", text);
    snprintf(text, sizeof text, "sha256:%s", ANSWER_RESPONSE_HASH);
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
    receipt_sign(o, first);
    return o;
}
