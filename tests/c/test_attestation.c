/* link: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
/* The order of the checks and the policy: each check failing alone, members dropped and retyped,
 * recorded responses, failing allocations. Signatures are test_dcap's subject; sample quotes have
 * none, so most of this runs with dcap off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/attestation.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/secret.h"
#include "support_attest.h"
#include "support_base64.h"
#include "venice.h"

/* ---- Allocations that fail on demand -------------------------------------------------------- */

static long fail_at = -1; /* the allocation that fails, counted down; -1: none */

static int fails_now(void)
{
    return fail_at >= 0 && fail_at-- == 0;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
    return fails_now() ? NULL : __real_malloc(n);
}

static void *cjson_malloc(size_t n)
{
    return __wrap_malloc(n);
}

/* The library calls malloc by itself where it has no hooks. */
static void let_cjson_fail_too(void)
{
    cJSON_Hooks hooks = { cjson_malloc, free };

    cJSON_InitHooks(&hooks);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails_now() ? NULL : __real_realloc(p, n);
}

/* ---- Running it ----------------------------------------------------------------------------- */

static const char policy_off[] = "{\"dcap\":\"off\"}";
static const char policy_binding[] = "{\"dcap\":\"off\",\"gpu\":\"off\"}";

/* Judges a text through the public function; the report is the caller's. */
static cJSON *judge_text(const char *text, size_t len, const char *policy)
{
    venice_text out = { NULL, 0 };
    char options[2048];
    cJSON *report = NULL;

    snprintf(options, sizeof options,
             "{\"now\":%d,\"nonce\":\"%s\",\"model\":\"%s\",\"policy\":%s}", SAMPLE_NOW,
             SAMPLE_NONCE, SAMPLE_MODEL, policy);
    assert_int_equal(venice_verify_attestation(&out, text, len, options, strlen(options)), 0);
    assert_int_equal(json_parse(&report, out.data, out.len, NULL), 0);
    venice_text_free(&out);
    return report;
}

static cJSON *judge_with(const cJSON *body, const char *policy)
{
    char *text = NULL;
    size_t len = 0;
    cJSON *report;

    assert_int_equal(json_print(&text, &len, body), 0);
    report = judge_text(text, len, policy);
    wiping_free(text);
    return report;
}

static cJSON *judge(const cJSON *body)
{
    return judge_with(body, policy_off);
}

static const cJSON *find_check(const cJSON *report, const char *id)
{
    const cJSON *check;

    cJSON_ArrayForEach(check, json_at(report, "checks", NULL))
    {
        if (strcmp(json_string(check, "id"), id) == 0)
            return check;
    }
    return NULL;
}

static int count_failed(const cJSON *report)
{
    const cJSON *check;
    int failed = 0;

    cJSON_ArrayForEach(check, json_at(report, "checks", NULL)) failed +=
        json_bool(check, "ok") == 0;
    return failed;
}

/* Exactly this check fails, with this code, and the conclusions follow. */
static void assert_only(cJSON *report, const char *id, const char *code)
{
    const cJSON *check = find_check(report, id);

    assert_non_null(check);
    assert_int_equal(json_bool(check, "ok"), 0);
    assert_string_equal(json_string(check, "reason"), code);
    assert_non_null(json_string(check, "detail"));
    assert_int_equal(count_failed(report), 1);
    assert_string_equal(json_string(report, "reason"), code);
    assert_int_equal(json_bool(report, "verified"), 0);
    assert_int_equal(json_bool(report, "accepted"), 0);
    assert_string_equal(json_string(report, "level"), "none");
    cJSON_Delete(report);
}

static void assert_accepted(cJSON *report, const char *level)
{
    const char *reason = json_string(report, "reason");

    assert_string_equal(reason ? reason : "none", "none");
    assert_int_equal(json_bool(report, "verified"), 1);
    assert_int_equal(json_bool(report, "accepted"), 1);
    assert_string_equal(json_string(report, "level"), level);
    assert_int_equal(count_failed(report), 0);
    cJSON_Delete(report);
}

static void set_text(cJSON *body, const char *name, const char *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(body, name);
    cJSON_AddStringToObject(body, name, value);
}

/* ---- A response that is in order ------------------------------------------------------------ */

static void every_shape_passes(void **state)
{
    (void)state;
    for (const char *shape = "ABCD"; *shape; shape++) {
        cJSON *body = sample_response(*shape, NULL, 0);

        assert_accepted(judge(body), "binding");
        cJSON_Delete(body);
    }
}

static void the_report_has_what_the_quote_says(void **state)
{
    cJSON *body = sample_response('A', NULL, 0), *report = judge(body);
    uint8_t public65[65], address[20], quote[SAMPLE_QUOTE_MAX];
    char hex[131] = "", address_text[43] = "0x";
    const cJSON *measured = json_at(report, "measurements", NULL), *open;
    bool says_so = false;

    (void)state;
    sample_key(public65, address);
    hex_encode(hex, public65, 65);
    assert_string_equal(json_string(report, "signing_key"), hex);
    hex_encode(address_text + 2, address, 20);
    assert_string_equal(json_string(report, "signing_address"), address_text);
    assert_string_equal(json_string(report, "model"), SAMPLE_MODEL);
    sample_quote(quote, 4, 2, NULL);
    hex[96] = 0;
    hex_encode(hex, quote + 48 + 136, 48);
    assert_string_equal(json_string(measured, "mrtd"), hex);
    hex_encode(hex, quote + 48 + 472, 48);
    assert_string_equal(json_string(measured, "rtmr3"), hex);
    hex_encode(hex, quote + 48 + 16, 48);
    assert_string_equal(json_string(measured, "mrseam"), hex);
    hex_encode(hex, quote + 48 + 184, 48);
    assert_string_equal(json_string(measured, "mrconfigid"), hex);
    assert_int_equal(json_bool(report, "simulated"), 0);
    cJSON_ArrayForEach(open, json_at(report, "not_proven", NULL)) says_so |=
        strstr(open->valuestring, "signature was not verified") != NULL;
    assert_true(says_so);
    assert_non_null(strstr(json_string(find_check(report, "nonce_bound"), "detail"), "our nonce"));
    cJSON_Delete(report);
    cJSON_Delete(body);
}

/* Old quotes hold the hash of the nonce; the report says which it was (PROTOCOL section 1.2). */
static void the_hash_of_the_nonce_is_taken_too(void **state)
{
    uint8_t report_data[64], quote[SAMPLE_QUOTE_MAX];
    cJSON *body, *report;
    size_t n;

    (void)state;
    sample_report_data(report_data);
    assert_int_equal(sha256(report_data + 32, report_data + 32, 32), 0);
    n = sample_quote(quote, 4, 2, report_data);
    body = sample_response('B', quote, n);
    report = judge(body);
    assert_non_null(strstr(json_string(find_check(report, "nonce_bound"), "detail"), "SHA-256"));
    assert_accepted(report, "binding");
    cJSON_Delete(body);
}

static void other_spellings_of_the_same_are_taken(void **state)
{
    uint8_t public65[65], address[20];
    char hex[140] = "0x", upper[80] = SAMPLE_NONCE;
    cJSON *body = sample_response('A', NULL, 0);

    (void)state;
    sample_key(public65, address);
    hex_encode(hex + 2, public65 + 1, 64);
    set_text(body, "signing_public_key", hex); /* 0x, without 04 */
    memset(hex + 2, 0, sizeof hex - 2);
    hex_encode(hex + 2, address, 20);
    for (size_t i = 2; hex[i]; i += 3)
        hex[i] = (char)(hex[i] >= 'a' ? hex[i] - 'a' + 'A' : hex[i]);
    set_text(body, "signing_address", hex); /* mixed case, as EIP-55 has it */
    for (size_t i = 0; upper[i]; i++)
        upper[i] = (char)(upper[i] >= 'a' ? upper[i] - 'a' + 'A' : upper[i]);
    set_text(body, "nonce", upper);
    assert_accepted(judge(body), "binding");
    cJSON_Delete(body);
}

/* ---- Each check alone ----------------------------------------------------------------------- */

#define OTHER_NONCE "00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0e"

static const struct {
    const char *name, *value; /* value NULL: the member is dropped */
    const char *id, *code;
} member_faults[] = {
    { "intel_quote", NULL, "quote_present", "quote_missing" },
    { "intel_quote", "", "quote_present", "quote_missing" },
    { "intel_quote", "neither hex nor base64", "quote_present", "quote_missing" },
    { "intel_quote", "0400", "quote_well_formed", "quote_truncated" },
    { "nonce", "00", "nonce_echoed", "nonce_mismatch" },
    { "nonce", OTHER_NONCE, "nonce_echoed", "nonce_mismatch" },
    { "nonce", "0x" OTHER_NONCE, "nonce_echoed", "nonce_mismatch" },
    { "request_nonce", OTHER_NONCE, "nonce_echoed", "nonce_mismatch" },
    { "nonce_source", "server", "nonce_from_client", "nonce_source" },
    { "model", NULL, "model_named", "model_mismatch" },
    { "model", "", "model_named", "model_mismatch" },
    { "model", " ", "model_named", "model_mismatch" },
    { "model", "e2ee-sample-70b", "model_matches", "model_mismatch" },
    { "model", "E2EE-sample-8b", "model_matches", "model_mismatch" },
    { "signing_algo", "ed25519", "signing_algo_ecdsa", "signing_algo" },
    { "signing_algo", "ecdsa-p256", "signing_algo_ecdsa", "signing_algo" },
    { "signing_public_key", "04aa", "signing_key_valid", "signing_key_invalid" },
    { "signing_key", "04aa", "signing_keys_agree", "signing_key_mismatch" },
    { "signing_address", "0x0000000000000000000000000000000000000000", "address_matches",
      "address_mismatch" },
    { "signing_address", "none", "address_matches", "address_mismatch" },
    { "verified", "false", "server_verified", "server_not_verified" },
};

static void each_member_has_its_check(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof member_faults / sizeof member_faults[0]; i++) {
        cJSON *body = sample_response('A', NULL, 0);

        cJSON_DeleteItemFromObjectCaseSensitive(body, member_faults[i].name);
        if (member_faults[i].value)
            cJSON_AddStringToObject(body, member_faults[i].name, member_faults[i].value);
        assert_only(judge(body), member_faults[i].id, member_faults[i].code);
        cJSON_Delete(body);
    }
}

/* ---- Members that say nothing --------------------------------------------------------------- */

static const char *const empties[] = { NULL,       "null",   "\"\"", "\" \"", "\"0x\"",
                                       "\"null\"", "\"{}\"", "[]",   "{}",    "[null,[]]",
                                       "0",        "7",      "[1]",  "true",  "{\"a\":\"b\"}" };

/* value NULL: drops the member. */
static void set_json(cJSON *body, const char *name, const char *value)
{
    cJSON *item = NULL;

    cJSON_DeleteItemFromObjectCaseSensitive(body, name);
    if (!value)
        return;
    assert_int_equal(json_parse(&item, value, strlen(value), NULL), 0);
    cJSON_AddItemToObject(body, name, item);
}

static const char *not_stated(const cJSON *report, const char *id)
{
    const cJSON *entry;

    cJSON_ArrayForEach(entry, json_at(report, "not_stated", NULL))
    {
        if (strcmp(json_string(entry, "id"), id) == 0)
            return json_string(entry, "detail");
    }
    return NULL;
}

static void assert_not_stated(cJSON *report, const char *id)
{
    if (!not_stated(report, id) || find_check(report, id))
        fail_msg("%s", id);
    assert_accepted(report, "binding");
}

/* What follows from REPORTDATA or from the key is no less proven where nothing repeats it. */
static void what_is_left_out_is_not_stated(void **state)
{
    static const struct {
        const char *name, *id;
    } rows[] = { { "nonce_source", "nonce_from_client" },
                 { "signing_algo", "signing_algo_ecdsa" },
                 { "signing_address", "address_matches" },
                 { "signing_key", "signing_keys_agree" },
                 { "signing_public_key", "signing_keys_agree" },
                 { "nonce", "nonce_echoed" },
                 { "verified", "server_verified" },
                 { "server_verification", "server_consistent" } };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t k = 0; k < sizeof empties / sizeof empties[0]; k++) {
            cJSON *body = sample_response('A', NULL, 0);

            if (strcmp(rows[i].name, "nonce") == 0)
                set_json(body, "request_nonce", empties[k]);
            if (strcmp(rows[i].name, "verified") != 0 || !empties[k] ||
                strcmp(empties[k], "true") != 0) {
                set_json(body, rows[i].name, empties[k]);
                assert_not_stated(judge(body), rows[i].id);
            }
            cJSON_Delete(body);
        }
}

/* One copy of the nonce is enough to be compared. */
static void one_copy_of_the_nonce_is_compared(void **state)
{
    static const char *const names[] = { "nonce", "request_nonce" };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        cJSON *body = sample_response('A', NULL, 0), *report;

        set_json(body, names[i], NULL);
        report = judge(body);
        assert_non_null(find_check(report, "nonce_echoed"));
        assert_null(not_stated(report, "nonce_echoed"));
        assert_accepted(report, "binding");
        set_text(body, names[1 - i], OTHER_NONCE);
        assert_only(judge(body), "nonce_echoed", "nonce_mismatch");
        cJSON_Delete(body);
    }
}

/* Nothing binds the model, and without a key there is nothing to encrypt to. */
static void what_nothing_proves_must_be_named(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof empties / sizeof empties[0]; k++) {
        cJSON *body = sample_response('A', NULL, 0);

        set_json(body, "signing_key", empties[k]);
        set_json(body, "signing_public_key", empties[k]);
        assert_only(judge(body), "signing_key_present", "signing_key_missing");
        cJSON_Delete(body);
        body = sample_response('A', NULL, 0);
        if (!empties[k] || empties[k][0] != '"' || k < 6) {
            set_json(body, "model", empties[k]);
            assert_only(judge(body), "model_named", "model_mismatch");
        }
        set_json(body, "model", "\"" SAMPLE_MODEL "\"");
        set_json(body, "intel_quote", empties[k]);
        assert_only(judge(body), "quote_present", "quote_missing");
        cJSON_Delete(body);
    }
}

/* ---- The key -------------------------------------------------------------------------------- */

static void detail_of(char out[300], cJSON *report, const char *id)
{
    snprintf(out, 300, "%s", json_string(find_check(report, id), "detail"));
    cJSON_Delete(report);
}

static void either_member_holds_the_key(void **state)
{
    uint8_t public65[65], address[20];
    char hex[131] = "", compressed[67] = "", detail[300];
    cJSON *body = sample_response('B', NULL, 0);

    (void)state;
    sample_key(public65, address);
    hex_encode(hex, public65, 65);
    set_json(body, "signing_public_key", NULL);
    set_text(body, "signing_key", hex);
    detail_of(detail, judge(body), "signing_key_valid");
    assert_string_equal(detail, "signing_key is a point of secp256k1");
    assert_accepted(judge(body), "binding");
    set_text(body, "signing_public_key", "");
    assert_accepted(judge(body), "binding");
    /* A compressed key is one: it is refused, and not called none. */
    snprintf(compressed, sizeof compressed, "0%d%.64s", 2 + (public65[64] & 1), hex + 2);
    set_text(body, "signing_key", compressed);
    detail_of(detail, judge(body), "signing_key_valid");
    assert_string_equal(detail, "signing_key is a compressed key; the protocol uses the whole "
                                "point");
    assert_only(judge(body), "signing_key_valid", "signing_key_invalid");
    /* As a repeat of the whole point it contradicts nothing. */
    set_text(body, "signing_public_key", hex);
    assert_accepted(judge(body), "binding");
    compressed[1] = compressed[1] == '2' ? '3' : '2';
    set_text(body, "signing_key", compressed);
    assert_only(judge(body), "signing_keys_agree", "signing_key_mismatch");
    cJSON_Delete(body);
}

#define ZEROS32 "00000000000000000000000000000000"
#define ZEROS   ZEROS32 ZEROS32 ZEROS32 "0000000000000000000000000000000"

static void keys_that_are_none_are_called_by_their_fault(void **state)
{
    static const struct {
        const char *key, *detail;
    } rows[] = { { "no key", "signing_public_key is not hex" },
                 { "04aa", "signing_public_key has another length than a point of secp256k1" },
                 { "04" ZEROS "1", "signing_public_key is not a point of secp256k1" } };
    char detail[300];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cJSON *body = sample_response('C', NULL, 0);

        set_text(body, "signing_public_key", rows[i].key);
        detail_of(detail, judge(body), "signing_key_valid");
        assert_string_equal(detail, rows[i].detail);
        cJSON_Delete(body);
    }
}

/* ---- Benign forms --------------------------------------------------------------------------- */

static void upper(char *text)
{
    for (; *text; text++)
        *text = (char)(*text >= 'a' && *text <= 'z' ? *text - 'a' + 'A' : *text);
}

static void benign_forms_are_taken(void **state)
{
    static const struct {
        const char *name, *json;
    } rows[] = {
        { "signing_algo", "\"ECDSA\"" },
        { "signing_algo", "\"secp256k1\"" },
        { "signing_algo", "\"Secp256k1\"" },
        { "verified", "\"true\"" },
        { "verified", "\"True\"" },
        { "nonce_source", "\"Client\"" },
        { "nonce", "\"0x" SAMPLE_NONCE "\"" },
        { "request_nonce", "\"0X" SAMPLE_NONCE "\"" },
        { "nonce", "\"00112233445566778899AABBCCDDEEFF102132435465768798A9BACBDCEDFE0F\"" },
        { "request_nonce", "\"\"" },
        { "request_nonce", "[]" },
        { "request_nonce", "{}" },
        { "request_nonce", "0" },
        { "signing_key", "[]" },
        { "signing_key", "false" },
    };
    uint8_t public65[65], address[20];
    char text[140] = "";

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cJSON *body = sample_response('A', NULL, 0);

        set_json(body, rows[i].name, rows[i].json);
        assert_accepted(judge(body), "binding");
        cJSON_Delete(body);
    }
    for (int prefix = 0; prefix <= 1; prefix++) {
        cJSON *body = sample_response('A', NULL, 0);

        sample_key(public65, address);
        memcpy(text, "0x", 2);
        hex_encode(text + 2, address, 20);
        text[42] = 0;
        upper(text);
        set_text(body, "signing_address", prefix ? text : text + 2);
        hex_encode(text + 2, public65, 65);
        text[132] = 0;
        upper(text);
        set_text(body, "signing_public_key", prefix ? text : text + 2);
        assert_accepted(judge(body), "binding");
        cJSON_Delete(body);
    }
}

static void venice_itself_says_no(void **state)
{
    cJSON *body = sample_response('A', NULL, 0);

    (void)state;
    cJSON_ReplaceItemInObjectCaseSensitive(body, "verified", cJSON_CreateBool(0));
    assert_only(judge(body), "server_verified", "server_not_verified");
    cJSON_Delete(body);
}

/* Another valid key: its address is neither the one named nor the one in REPORTDATA. */
static void another_key_is_not_bound(void **state)
{
    static const uint8_t private32[32] = { [31] = 7 };
    uint8_t public65[65], address[20];
    char hex[131] = "", address_text[43] = "0x";
    cJSON *body = sample_response('B', NULL, 0), *report;

    (void)state;
    assert_int_equal(curve_public(public65, private32), 0);
    hex_encode(hex, public65, 65);
    set_text(body, "signing_public_key", hex);
    report = judge(body);
    assert_string_equal(json_string(report, "reason"), "address_mismatch");
    assert_int_equal(count_failed(report), 2);
    cJSON_Delete(report);
    eth_address(address, public65);
    hex_encode(address_text + 2, address, 20);
    set_text(body, "signing_address", address_text);
    assert_only(judge(body), "key_bound", "report_data_address");
    cJSON_Delete(body);
}

/* Flips one bit of the quote, and judges a response that is made around it. */
static cJSON *judge_flipped(size_t at, unsigned bit)
{
    uint8_t report_data[64], quote[SAMPLE_QUOTE_MAX];
    cJSON *body, *report;
    size_t n;

    sample_report_data(report_data);
    n = sample_quote(quote, 4, 2, report_data);
    quote[at] ^= (uint8_t)(1 << bit);
    body = sample_response('A', quote, n);
    report = judge(body);
    cJSON_Delete(body);
    return report;
}

static void each_part_of_the_quote_has_its_check(void **state)
{
    (void)state;
    for (size_t i = 0; i < 20; i++)
        assert_only(judge_flipped(SAMPLE_REPORT_DATA + i, 3), "key_bound", "report_data_address");
    for (size_t i = 20; i < 32; i++)
        assert_only(judge_flipped(SAMPLE_REPORT_DATA + i, 0), "key_bound", "report_data_address");
    for (size_t i = 32; i < 64; i++)
        assert_only(judge_flipped(SAMPLE_REPORT_DATA + i, 7), "nonce_bound", "report_data_nonce");
    assert_only(judge_flipped(SAMPLE_TD_ATTRIBUTES, 0), "td_not_debug", "td_debug");
    assert_only(judge_flipped(SAMPLE_TD_ATTRIBUTES, 5), "td_not_debug", "td_debug");
    assert_only(judge_flipped(4, 0), "quote_well_formed", "tee_type");
    assert_only(judge_flipped(0, 1), "quote_well_formed", "quote_version");
    assert_only(judge_flipped(SAMPLE_AUTH_SIZE, 0), "quote_well_formed", "auth_size");
}

static void a_body_that_is_no_object_is_not_json(void **state)
{
    static const struct {
        const char *body, *words;
    } rows[] = {
        { "", "the response is not well-formed JSON" },
        { "{\"model\":", "the response is not well-formed JSON" },
        { "<html>502</html>", "the response is not well-formed JSON" },
        { "[]", "the response is JSON, but not an object" },
        { "{\"model\":1,\"model\":1}", "the response names one member twice" },
        { "{\"a\":\"\\u0000\"}", "the response holds the character \\u0000, which is not taken" },
        { "{\"\\u0000\":1}", "the response holds the character \\u0000, which is not taken" },
        { "{\"a\":\"\\\\u0000\"", "the response is not well-formed JSON" },
        { "{\"a\":\"\\ud800\"}",
          "the response holds half of a character (a lone surrogate), which is not taken" },
        { "{\"a\":\"\\ud83d\\ude00\\ude00\"}",
          "the response holds half of a character (a lone surrogate), which is not taken" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cJSON *report = judge_text(rows[i].body, strlen(rows[i].body), policy_off);

        assert_string_equal(json_string(find_check(report, "response_is_json"), "detail"),
                            rows[i].words);
        assert_only(report, "response_is_json", "not_json");
    }
}

/* ---- What Venice says about it -------------------------------------------------------------- */

/* Sets one member of server_verification by its path, "tdx.crlCheck.revoked". */
static void set_verdict(cJSON *body, const char *path, cJSON *value)
{
    cJSON *at = cJSON_GetObjectItemCaseSensitive(body, "server_verification");
    char copy[128], *name = copy, *dot;

    snprintf(copy, sizeof copy, "%s", path);
    while ((dot = strchr(name, '.')) != NULL) {
        *dot = 0;
        at = cJSON_GetObjectItemCaseSensitive(at, name);
        name = dot + 1;
    }
    assert_non_null(at);
    cJSON_DeleteItemFromObjectCaseSensitive(at, name);
    if (value)
        cJSON_AddItemToObject(at, name, value);
}

static void each_negative_verdict_counts(void **state)
{
    static const char *const good[] = { "tdx.valid",
                                        "tdx.signatureValid",
                                        "tdx.certificateChainValid",
                                        "tdx.attestationKeyMatch",
                                        "nvidia.valid",
                                        "nvidia.certificateChainStatus.valid",
                                        "signingAddressBinding.bound",
                                        "nonceBinding.bound",
                                        "nonceBinding.valid",
                                        "tdx.crlCheck.valid",
                                        "valid",
                                        "tdx.verified" };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        for (int text = 0; text <= 1; text++) {
            cJSON *body = sample_response('C', NULL, 0), *report;

            set_verdict(body, good[i], text ? cJSON_CreateString("False") : cJSON_CreateFalse());
            report = judge(body);
            assert_non_null(
                strstr(json_string(find_check(report, "server_consistent"), "detail"), good[i]));
            assert_only(report, "server_consistent", "server_inconsistent");
            cJSON_Delete(body);
        }
    }
}

/* What Venice did not check is checked here, and what it says of GPUs that are not judged here, or
 * not served, is no part of the verdict: shown, not refused. */
static void what_venice_left_to_us_is_shown_only(void **state)
{
    static const struct {
        const char *path, *policy;
    } rows[] = {
        { "tdx.rootCaPinned", policy_off },
        { "tdx.crlCheck.checked", policy_off },
        { "nvidia.certificateChainStatus.intermediatePinned", policy_off },
        { "nvidia.signatureVerified", policy_off }, /* the body has no GPU evidence */
        { "nvidiaNonceBinding.bound", policy_off },
        { "nvidia.valid", policy_binding },
        { "nvidia.signatureVerified", policy_binding },
        { "nvidia.certificateChainStatus.valid", policy_binding },
        { "nvidiaNonceBinding.bound", policy_binding },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cJSON *body = sample_response('C', NULL, 0), *report;

        set_verdict(body, rows[i].path, cJSON_CreateFalse());
        report = judge_with(body, rows[i].policy);
        assert_non_null(
            strstr(json_string(find_check(report, "server_consistent"), "detail"), rows[i].path));
        assert_accepted(report, "binding");
        cJSON_Delete(body);
    }
}

/* With GPU evidence in the body, what Venice found out about it counts. */
static void venice_on_gpu_evidence(void **state)
{
    static const char *const paths[] = { "nvidia.valid", "nvidia.signatureVerified",
                                         "nvidia.certificateChainStatus.valid",
                                         "nvidiaNonceBinding.bound" };

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        cJSON *body = sample_response('A', NULL, 0), *report;

        set_text(body, "nvidia_payload", "{\"evidence_list\":[7]}");
        set_verdict(body, paths[i], cJSON_CreateFalse());
        report = judge(body);
        assert_int_equal(json_bool(find_check(report, "server_consistent"), "ok"), 0);
        cJSON_Delete(report);
        assert_accepted(judge_with(body, policy_binding), "binding");
        cJSON_Delete(body);
    }
}

static void each_inconsistent_verdict_counts(void **state)
{
    static const char *const texts[] = { "tdx.reportData",
                                         "tdx.measurements.mrtd",
                                         "tdx.measurements.mrconfigid",
                                         "tdx.measurements.mrowner",
                                         "tdx.measurements.mrownerconfig",
                                         "tdx.measurements.rtmr0",
                                         "tdx.measurements.rtmr1",
                                         "tdx.measurements.rtmr2",
                                         "tdx.measurements.rtmr3",
                                         "tdx.measurements.tdAttributes",
                                         "tdx.measurements.xfam",
                                         "signingAddressBinding.reportDataAddress",
                                         "tdx.error",
                                         "nonceBinding.error",
                                         "error",
                                         "tdx.crlCheck.error" };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cJSON *body = sample_response('D', NULL, 0);

        set_verdict(body, texts[i], cJSON_CreateString("01"));
        assert_only(judge(body), "server_consistent", "server_inconsistent");
        cJSON_Delete(body);
    }
}

static void more_verdicts(void **state)
{
    static const char *const none[] = { "null", "false", "0",    "\"\"",     "\" \"",
                                        "[]",   "{}",    "[{}]", "\"null\"", "{\"code\":0}" };
    static const char *const places[] = { "tdx.error", "nvidia.error", "error",
                                          "nonceBinding.error" };
    cJSON *body = sample_response('A', NULL, 0);

    (void)state;
    set_verdict(body, "tdx.crlCheck.revoked", cJSON_CreateTrue());
    assert_only(judge(body), "server_consistent", "server_inconsistent");
    set_verdict(body, "tdx.crlCheck.revoked", cJSON_CreateFalse());
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        for (size_t k = 0; k < sizeof places / sizeof places[0]; k++) {
            cJSON *value = NULL;

            assert_int_equal(json_parse(&value, none[i], strlen(none[i]), NULL), 0);
            set_verdict(body, places[k], value);
        }
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        cJSON *value = NULL;

        assert_int_equal(json_parse(&value, none[i], strlen(none[i]), NULL), 0);
        set_verdict(body, "tdx.error", value);
        assert_accepted(judge(body), "binding");
    }
    set_verdict(body, "tdx.error", cJSON_CreateTrue());
    assert_only(judge(body), "server_consistent", "server_inconsistent");
    set_verdict(body, "tdx.error", cJSON_CreateNumber(5));
    assert_only(judge(body), "server_consistent", "server_inconsistent");
    set_verdict(body, "tdx.error", NULL);
    assert_accepted(judge(body), "binding");
    cJSON_Delete(body);
}

static void reportdata_is_read_in_every_form(void **state)
{
    uint8_t data[64], other[64];
    char text[140] = "0x";

    (void)state;
    sample_report_data(data);
    memcpy(other, data, sizeof other);
    other[63] ^= 1;
    for (int form = 0; form < 5; form++) {
        cJSON *body = sample_response('A', NULL, 0);

        for (int good = 1; good >= 0; good--) {
            const uint8_t *bytes = good ? data : other;

            memset(text, 0, sizeof text);
            if (form < 3) {
                memcpy(text, "0x", 2);
                hex_encode(text + 2, bytes, 64);
            } else {
                base64_encode(text, bytes, 64);
            }
            if (form == 2)
                upper(text);
            if (form == 4)
                text[strcspn(text, "=")] = 0;
            for (char *p = text; form == 4 && *p; p++)
                *p = (char)(*p == '+' ? '-' : *p == '/' ? '_' : *p);
            set_verdict(body, "tdx.reportData", cJSON_CreateString(form == 1 ? text + 2 : text));
            if (good)
                assert_accepted(judge(body), "binding");
            else
                assert_only(judge(body), "server_consistent", "server_inconsistent");
        }
        cJSON_Delete(body);
    }
}

/* ---- A body that is cut off ------------------------------------------------------------------ */

static void a_cut_body_is_not_json_at_every_byte(void **state)
{
    cJSON *body = sample_response('A', NULL, 0);
    char *text, *exact;
    size_t len;

    (void)state;
    assert_int_equal(json_print(&text, &len, body), 0);
    for (size_t cut = 0; cut < len; cut += cut < 400 ? 1 : 7) {
        exact = malloc(cut ? cut : 1);
        memcpy(exact, text, cut);
        assert_only(judge_text(exact, cut, policy_off), "response_is_json", "not_json");
        free(exact);
    }
    wiping_free(text);
    cJSON_Delete(body);
}

/* ---- What the policy demands ---------------------------------------------------------------- */

static void assert_policy_refuses(const char *policy, const cJSON *body, const char *reason)
{
    cJSON *report = judge_with(body, policy);

    assert_int_equal(json_bool(report, "verified"), 1);
    assert_int_equal(json_bool(report, "accepted"), 0);
    assert_string_equal(json_string(report, "reason"), reason);
    assert_string_equal(json_string(report, "level"), "binding");
    cJSON_Delete(report);
}

static void what_is_not_judged_does_not_meet_a_policy(void **state)
{
    cJSON *body = sample_response('A', NULL, 0);
    char policy[600], mrtd[97] = "", other[97];
    uint8_t quote[SAMPLE_QUOTE_MAX];

    (void)state;
    cJSON_DeleteItemFromObjectCaseSensitive(body, "nvidia_payload");
    assert_policy_refuses("{\"dcap\":\"off\",\"gpu\":\"require\"}", body, "gpu_missing");
    assert_accepted(judge_with(body, "{\"dcap\":\"off\",\"gpu\":\"off\"}"), "binding");

    sample_quote(quote, 4, 2, NULL);
    hex_encode(mrtd, quote + 48 + 136, 48);
    memset(other, '0', 96);
    other[96] = 0;
    snprintf(policy, sizeof policy, "{\"dcap\":\"off\",\"measurements\":{\"mrtd\":[\"%s\"]}}",
             other);
    assert_policy_refuses(policy, body, "measurement_not_allowed");
    snprintf(policy, sizeof policy,
             "{\"dcap\":\"off\",\"measurements\":{\"mrtd\":[\"%s\",\"%s\"]}}", other, mrtd);
    assert_accepted(judge_with(body, policy), "binding");
    assert_policy_refuses("{\"dcap\":\"off\",\"measurements\":{\"rtmr1\":[]}}", body,
                          "measurement_not_allowed");
    cJSON_Delete(body);
}

/* ---- The machine ---------------------------------------------------------------------------- */

static struct attestation *new_attestation(const char *policy_json)
{
    struct attestation *a = NULL;
    struct policy policy;
    cJSON *object = NULL;

    assert_int_equal(json_parse(&object, policy_json, strlen(policy_json), NULL), 0);
    assert_int_equal(policy_read(&policy, NULL, object), 0);
    assert_int_equal(
        attestation_new(&a, &policy, SAMPLE_MODEL, SAMPLE_NONCE, SAMPLE_NOW, NULL, NULL), 0);
    policy_clear(&policy);
    cJSON_Delete(object);
    return a;
}

static void feed(struct attestation *a, const cJSON *body)
{
    char *text = NULL;
    size_t len = 0;

    assert_int_equal(json_print(&text, &len, body), 0);
    assert_int_equal(attestation_feed_response(a, text, len), 0);
    wiping_free(text);
}

static void the_key_comes_with_acceptance_only(void **state)
{
    uint8_t public65[65], address[20], key[65];
    cJSON *body = sample_response('C', NULL, 0);
    struct attestation *a = new_attestation(policy_off);

    (void)state;
    sample_key(public65, address);
    assert_int_equal(attestation_needs(a), NEED_RESPONSE);
    assert_int_equal(attestation_key(a, key), 0);
    feed(a, body);
    assert_int_equal(attestation_needs(a), NEED_NOTHING);
    assert_int_equal(attestation_feed_response(a, "{}", 2), VENICE_E_ARG);
    assert_int_equal(attestation_key(a, key), 1);
    assert_memory_equal(key, public65, 65);
    assert_true(attestation_lifetime(a) == 3600);
    attestation_free(a);

    set_text(body, "model", "another");
    a = new_attestation(policy_off);
    feed(a, body);
    assert_int_equal(attestation_key(a, key), 0);
    assert_int_equal(key[0], 0);
    attestation_free(a);
    attestation_free(NULL);
    cJSON_Delete(body);
}

static void the_body_says_how_long_it_is_good(void **state)
{
    static const struct {
        char shape;
        int64_t lifetime;
    } rows[] = { { 'A', INT64_MAX }, { 'B', INT64_MAX }, { 'C', 3600 }, { 'D', 86400 } };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cJSON *body = sample_response(rows[i].shape, NULL, 0);
        struct attestation *a = new_attestation(policy_off);

        feed(a, body);
        assert_true(attestation_lifetime(a) == rows[i].lifetime);
        attestation_free(a);
        cJSON_Delete(body);
    }
}

/* The one switch that turns verification off: a key can be used, nothing claims to be checked. */
static void without_attestation_nothing_is_claimed(void **state)
{
    uint8_t key[65];
    cJSON *body = sample_response('A', NULL, 0);
    struct attestation *a = new_attestation("{\"attestation\":false}");
    const struct report *r = attestation_report(a);

    (void)state;
    set_text(body, "model", "another");
    feed(a, body);
    assert_int_equal(attestation_needs(a), NEED_NOTHING);
    assert_false(report_verified(r));
    assert_false(report_accepted(r));
    assert_int_equal(report_level(r), LEVEL_NONE);
    assert_null(report_reason(r));
    assert_int_equal(attestation_key(a, key), 1);
    attestation_free(a);

    set_text(body, "signing_public_key", "04aa");
    a = new_attestation("{\"attestation\":false}");
    feed(a, body);
    assert_int_equal(attestation_key(a, key), 0);
    attestation_free(a);
    a = new_attestation("{\"attestation\":false}");
    assert_int_equal(attestation_feed_response(a, "no json", 7), 0);
    assert_int_equal(attestation_key(a, key), 0);
    attestation_free(a);
    cJSON_Delete(body);
}

static void arguments_are_checked(void **state)
{
    struct attestation *a;
    struct policy policy;

    (void)state;
    assert_int_equal(policy_read(&policy, NULL, NULL), 0);
    assert_int_equal(attestation_new(&a, NULL, "m", SAMPLE_NONCE, 1, NULL, NULL), VENICE_E_ARG);
    assert_int_equal(attestation_new(&a, &policy, "m", "00", 1, NULL, NULL), VENICE_E_ARG);
    assert_int_equal(attestation_new(&a, &policy, "m", NULL, 1, NULL, NULL), VENICE_E_ARG);
    assert_int_equal(attestation_new(&a, &policy, NULL, SAMPLE_NONCE, 1, NULL, NULL), VENICE_E_ARG);
    assert_int_equal(attestation_new(&a, &policy, NULL, NULL, 1, NULL, NULL), 0);
    assert_int_equal(attestation_feed_response(a, "{}", 2), VENICE_E_ARG);
    attestation_free(a);
    policy_clear(&policy);
}

/* ---- A bare quote --------------------------------------------------------------------------- */

static cJSON *judge_quote(const uint8_t *quote, size_t len, const char *options)
{
    venice_text out = { NULL, 0 };
    cJSON *report = NULL;

    assert_int_equal(venice_verify_quote(&out, (const char *)quote, len, options, strlen(options)),
                     0);
    assert_int_equal(json_parse(&report, out.data, out.len, NULL), 0);
    venice_text_free(&out);
    return report;
}

/* Without DCAP a bare quote is taken apart, and nothing more: that is no reason to accept it. */
static void a_bare_quote_without_dcap(void **state)
{
    static const char options[] = "{\"now\":1,\"policy\":{\"dcap\":\"off\"}}";
    uint8_t quote[SAMPLE_QUOTE_MAX];
    size_t n = sample_quote(quote, 5, 3, NULL);
    cJSON *report = judge_quote(quote, n, options);

    (void)state;
    assert_int_equal(json_bool(report, "verified"), 1);
    assert_int_equal(json_bool(report, "accepted"), 0);
    assert_string_equal(json_string(report, "level"), "none");
    assert_string_equal(json_string(report, "reason"), "signature_not_checked");
    assert_non_null(json_string(json_at(report, "measurements", NULL), "mrtd"));
    cJSON_Delete(report);
    quote[54 + 120] = 1;
    assert_only(judge_quote(quote, n, options), "td_not_debug", "td_debug");
    assert_only(judge_quote(quote, 100, options), "quote_well_formed", "quote_truncated");
    assert_only(judge_quote(NULL, 0, options), "quote_well_formed", "quote_truncated");
}

static void a_quote_of_no_sane_size(void **state)
{
    uint8_t *huge = calloc(1, 70000);
    size_t n = sample_quote(huge, 4, 2, NULL);

    (void)state;
    (void)n;
    assert_only(judge_quote(huge, 70000, "{\"now\":1}"), "quote_size_sane", "quote_too_large");
    free(huge);
}

/* ---- Recordings ----------------------------------------------------------------------------- */

static const char april[] = "recorded/venice_e2ee-qwen3-5-122b-a10b_20260424_015841/responses/"
                            "0001_api.venice.ai_api_v1_tee_attestation.body";

static const char april_collateral[] =
    "dcap-real/collateral/nearcloud_qwen_qwen3.5-122b-a10b_20260424_020614.90c06f000000.json";

static const struct recording {
    const char *path, *nonce, *model, *collateral;
    int64_t now;
    const char *reason; /* of the binding, NULL: none */
} recordings[] = {
    { april, "ac82eb750ec4cfbb273f90d33567776bfae8657e2a43f6dff2f3adad9b86095a",
      "e2ee-qwen3-5-122b-a10b", april_collateral, 1776996000, NULL },
    { "recorded/venice-py_2026-06_07/attestation_gemma_3_27b_p.json",
      "f2bdf0619bbec4cfc28423ea700cf3c6db26908a9f8e28cacdf9ab11e73d3f7d", "e2ee-gemma-3-27b-p",
      "recorded/venice-py_2026-06_07/collateral_gemma_3_27b_p.json", 1780598249, NULL },
    { "recorded/venice-py_2026-06_07/attestation_live_evidence.json",
      "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
      "e2ee-venice-uncensored-24b-p", "recorded/venice-py_2026-06_07/collateral_live_evidence.json",
      1784573023, "signing_key_missing" },
    { "recorded/venice_aci_genB_20260826_excerpt.json",
      "770a9d6aa19c950bbfbae57ae6071a774c61948d2e1e9f2c7448d6f7ce8d9d22", "e2ee-gpt-oss-120b-p",
      NULL, 1787706450, NULL },
    { "recorded/venice-py_2026-06_07/attestation_gemma.json",
      "a044fb0d995bc6a3d12c376695661fb1a0fe00032a5c01f99d6c95bcfdeb825b", "e2ee-gemma-3-27b-p",
      NULL, 1780591237, "quote_truncated" },
};

/* The body of a recording, without the wrapper that some have; NULL where there is no corpus. */
static cJSON *read_recording(const char *path)
{
    cJSON *tree = NULL, *inner;
    char *text;
    size_t len;

    if (corpus_file(&text, &len, path) != 0)
        return NULL;
    assert_int_equal(json_parse(&tree, text, len, NULL), 0);
    free(text);
    if (cJSON_GetObjectItemCaseSensitive(tree, "_capture_epoch")) {
        inner = cJSON_DetachItemFromObjectCaseSensitive(tree, "attestation");
        cJSON_Delete(tree);
        tree = inner;
    }
    return tree;
}

static cJSON *judge_recording(const struct recording *rec, const cJSON *body, const char *policy,
                              const char *collateral)
{
    cJSON *options = cJSON_CreateObject(), *report = NULL, *tree = NULL;
    char *text = NULL, *json = NULL;
    size_t len = 0, json_len = 0;
    venice_text out = { NULL, 0 };

    assert_int_equal(json_parse(&tree, policy, strlen(policy), NULL), 0);
    cJSON_AddItemToObject(options, "policy", tree);
    cJSON_AddStringToObject(options, "nonce", rec->nonce);
    cJSON_AddStringToObject(options, "model", rec->model);
    cJSON_AddNumberToObject(options, "now", (double)rec->now);
    if (collateral)
        cJSON_AddStringToObject(options, "collateral", collateral);
    assert_int_equal(json_print(&text, &len, body), 0);
    assert_int_equal(json_print(&json, &json_len, options), 0);
    assert_int_equal(venice_verify_attestation(&out, text, len, json, json_len), 0);
    assert_int_equal(json_parse(&report, out.data, out.len, NULL), 0);
    venice_text_free(&out);
    wiping_free(text);
    wiping_free(json);
    cJSON_Delete(options);
    return report;
}

static void recorded_responses_bind(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof recordings / sizeof recordings[0]; i++) {
        cJSON *body = read_recording(recordings[i].path), *report;

        if (!body)
            skip();
        /* The fragment's GPU evidence is cut off too; here it is the binding that is judged. */
        report = judge_recording(&recordings[i], body, policy_binding, NULL);
        if (!recordings[i].reason) {
            assert_accepted(report, "binding");
        } else {
            assert_string_equal(json_string(report, "reason"), recordings[i].reason);
            assert_int_equal(count_failed(report), 1);
            assert_int_equal(json_bool(report, "accepted"), 0);
            cJSON_Delete(report);
        }
        cJSON_Delete(body);
    }
}

/* With 'require' and no collateral the binding holds, and nothing is accepted. */
static void recorded_response_without_collateral(void **state)
{
    cJSON *body = read_recording(april), *report;
    struct attestation *a;
    struct policy policy;
    char fmspc[13], *text;
    uint8_t key[65];
    const char *ca;
    size_t len;

    (void)state;
    if (!body)
        skip();
    report = judge_recording(&recordings[0], body, "{\"dcap\":\"require\"}", NULL);
    assert_string_equal(json_string(report, "reason"), "collateral_missing");
    assert_string_equal(json_string(report, "level"), "binding");
    assert_int_equal(json_bool(report, "accepted"), 0);
    cJSON_Delete(report);
    report = judge_recording(&recordings[0], body, "{\"dcap\":\"require\"}", "{}");
    assert_string_equal(json_string(report, "reason"), "collateral_malformed");
    assert_int_equal(json_bool(report, "verified"), 0);
    cJSON_Delete(report);

    assert_int_equal(policy_read(&policy, NULL, NULL), 0);
    policy.dcap_required = true;
    assert_int_equal(attestation_new(&a, &policy, recordings[0].model, recordings[0].nonce,
                                     recordings[0].now, NULL, NULL),
                     0);
    assert_int_equal(json_print(&text, &len, body), 0);
    assert_int_equal(attestation_feed_response(a, text, len), 0);
    wiping_free(text);
    assert_int_equal(attestation_needs(a), NEED_COLLATERAL);
    assert_int_equal(attestation_collateral_key(a, fmspc, &ca), 0);
    assert_int_equal(strlen(fmspc), 12);
    assert_string_equal(ca, "platform");
    assert_int_equal(attestation_key(a, key), 0);
    assert_int_equal(attestation_feed_collateral(a, NULL, 0), 0);
    assert_int_equal(attestation_needs(a), NEED_NOTHING);
    assert_int_equal(attestation_collateral_key(a, fmspc, &ca), VENICE_E_ARG);
    assert_string_equal(report_reason(attestation_report(a)), "collateral_missing");
    assert_int_equal(attestation_key(a, key), 0);
    attestation_free(a);
    policy_clear(&policy);
    cJSON_Delete(body);
}

static void recorded_responses_reach_dcap(void **state)
{
    unsigned judged = 0;

    (void)state;
    for (size_t i = 0; i < sizeof recordings / sizeof recordings[0]; i++) {
        cJSON *body, *report;
        char *collateral;
        size_t len;

        if (!recordings[i].collateral)
            continue;
        body = read_recording(recordings[i].path);
        if (!body)
            skip();
        assert_int_equal(corpus_file(&collateral, &len, recordings[i].collateral), 0);
        report = judge_recording(&recordings[i], body, "{\"dcap\":\"require\"}", collateral);
        assert_non_null(json_string(report, "status"));
        assert_string_equal(json_string(report, "status"), "UpToDate");
        if (recordings[i].reason) {
            assert_string_equal(json_string(report, "reason"), recordings[i].reason);
            assert_int_equal(json_bool(report, "accepted"), 0);
            assert_int_equal(count_failed(report), 1);
            cJSON_Delete(report);
        } else {
            assert_accepted(report, "dcap");
        }
        free(collateral);
        cJSON_Delete(body);
        judged++;
    }
    assert_int_equal(judged, 3);
}

/* ---- Bare quotes of the synthetic corpus, through the public function ----------------------- */

static void synthetic_quotes_and_the_policy(void **state)
{
    static const struct {
        const char *name, *policy, *reason, *status, *level;
        bool verified, accepted;
    } rows[] = {
        { "ok_v4", "{}", NULL, "UpToDate", "dcap", true, true },
        { "st_swhardening", "{}", NULL, "SWHardeningNeeded", "dcap", true, true },
        { "st_swhardening", "{\"accept_tcb\":[\"UpToDate\"]}", "tcb_not_accepted",
          "SWHardeningNeeded", "dcap", true, false },
        { "st_svn2_older_than_svn", "{}", "tcb_not_accepted", "OutOfDate", "dcap", true, false },
        { "st_svn2_older_than_svn", "{\"accept_tcb\":[\"OutOfDate\"]}", NULL, "OutOfDate", "dcap",
          true, true },
        { "st_svn2_older_than_svn", "{\"tcb_grace_days\":3650}", NULL, "OutOfDate", "dcap", true,
          true },
        { "st_revoked_module", "{}", "tcb_revoked", NULL, "none", false, false },
        { "sig_body_flip", "{}", "quote_signature", NULL, "none", false, false },
    };
    char *root, *quote, *collateral, *json, path[200];
    size_t len, root_len, quote_len, json_len;

    (void)state;
    if (corpus_file(&root, &root_len, "dcap-synthetic/root.pem") != 0)
        skip();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cJSON *options = cJSON_CreateObject(), *policy = NULL, *report;

        assert_int_equal(json_parse(&policy, rows[i].policy, strlen(rows[i].policy), NULL), 0);
        cJSON_AddItemToObject(policy, "dcap", cJSON_CreateString("require"));
        snprintf(path, sizeof path, "dcap-synthetic/%s.quote", rows[i].name);
        assert_int_equal(corpus_file(&quote, &quote_len, path), 0);
        snprintf(path, sizeof path, "dcap-synthetic/%s.col.json", rows[i].name);
        assert_int_equal(corpus_file(&collateral, &len, path), 0);
        cJSON_AddItemToObject(options, "policy", policy);
        cJSON_AddNumberToObject(options, "now", 1790000000);
        cJSON_AddStringToObject(options, "root_ca", root);
        cJSON_AddStringToObject(options, "collateral", collateral);
        assert_int_equal(json_print(&json, &json_len, options), 0);
        report = judge_quote((const uint8_t *)quote, quote_len, json);
        if (rows[i].reason)
            assert_string_equal(json_string(report, "reason"), rows[i].reason);
        else
            assert_null(json_string(report, "reason"));
        if (rows[i].status)
            assert_string_equal(json_string(report, "status"), rows[i].status);
        assert_string_equal(json_string(report, "level"), rows[i].level);
        assert_int_equal(json_bool(report, "verified"), rows[i].verified);
        assert_int_equal(json_bool(report, "accepted"), rows[i].accepted);
        assert_int_equal(json_bool(report, "simulated"), 1);
        cJSON_Delete(report);
        wiping_free(json);
        cJSON_Delete(options);
        free(quote);
        free(collateral);
    }
    free(root);
}

/* ---- Memory --------------------------------------------------------------------------------- */

/* Returns whether the response was accepted; what fails must fail closed. */
static bool judge_once(const char *text, size_t len, const char *options)
{
    venice_text out = { NULL, 0 };
    int r = venice_verify_attestation(&out, text, len, options, strlen(options));
    bool accepted = false;

    if (r == 0)
        accepted = out.data && strstr(out.data, "\"accepted\":true");
    else
        assert_int_equal(r, VENICE_E_MEMORY);
    venice_text_free(&out);
    return accepted;
}

/* An allocation that fails may be made up for (a buffer that does not grow in place, a base64 try
 * after a hex try), but never makes a bad response good. */
static void torture(char shape, bool good)
{
    cJSON *body = sample_response(shape, NULL, 0);
    char options[400], *text = NULL;
    size_t len = 0;
    long n;

    if (!good)
        set_text(body, "model", "another");
    assert_int_equal(json_print(&text, &len, body), 0);
    snprintf(options, sizeof options,
             "{\"now\":%d,\"nonce\":\"%s\",\"model\":\"%s\",\"policy\":%s}", SAMPLE_NOW,
             SAMPLE_NONCE, SAMPLE_MODEL, policy_off);
    assert_int_equal(judge_once(text, len, options), good);
    let_cjson_fail_too();
    for (n = 0; n < 20000; n++) {
        bool accepted, reached_the_end;

        fail_at = n;
        accepted = judge_once(text, len, options);
        reached_the_end = fail_at >= 0;
        fail_at = -1;
        if (!good)
            assert_false(accepted);
        if (reached_the_end) {
            assert_int_equal(accepted, good);
            break;
        }
    }
    assert_true(n > 100 && n < 20000);
    wiping_free(text);
    cJSON_Delete(body);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    torture('C', true);
    torture('A', false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_passes),
        cmocka_unit_test(the_report_has_what_the_quote_says),
        cmocka_unit_test(the_hash_of_the_nonce_is_taken_too),
        cmocka_unit_test(other_spellings_of_the_same_are_taken),
        cmocka_unit_test(each_member_has_its_check),
        cmocka_unit_test(what_is_left_out_is_not_stated),
        cmocka_unit_test(one_copy_of_the_nonce_is_compared),
        cmocka_unit_test(what_nothing_proves_must_be_named),
        cmocka_unit_test(either_member_holds_the_key),
        cmocka_unit_test(keys_that_are_none_are_called_by_their_fault),
        cmocka_unit_test(benign_forms_are_taken),
        cmocka_unit_test(venice_itself_says_no),
        cmocka_unit_test(another_key_is_not_bound),
        cmocka_unit_test(each_part_of_the_quote_has_its_check),
        cmocka_unit_test(a_body_that_is_no_object_is_not_json),
        cmocka_unit_test(each_negative_verdict_counts),
        cmocka_unit_test(each_inconsistent_verdict_counts),
        cmocka_unit_test(what_venice_left_to_us_is_shown_only),
        cmocka_unit_test(venice_on_gpu_evidence),
        cmocka_unit_test(more_verdicts),
        cmocka_unit_test(reportdata_is_read_in_every_form),
        cmocka_unit_test(a_cut_body_is_not_json_at_every_byte),
        cmocka_unit_test(what_is_not_judged_does_not_meet_a_policy),
        cmocka_unit_test(the_key_comes_with_acceptance_only),
        cmocka_unit_test(the_body_says_how_long_it_is_good),
        cmocka_unit_test(without_attestation_nothing_is_claimed),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(a_bare_quote_without_dcap),
        cmocka_unit_test(a_quote_of_no_sane_size),
        cmocka_unit_test(recorded_responses_bind),
        cmocka_unit_test(recorded_response_without_collateral),
        cmocka_unit_test(recorded_responses_reach_dcap),
        cmocka_unit_test(synthetic_quotes_and_the_policy),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("attestation", tests, NULL, NULL);
}
