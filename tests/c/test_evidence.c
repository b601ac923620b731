/* Reading bodies of /tee/attestation: shapes, encodings, keys, and whatever else may arrive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/evidence.h"
#include "base/codec.h"
#include "base/json.h"
#include "base/secret.h"
#include "support_attest.h"
#include "venice.h"

static int read_tree(struct evidence *e, const cJSON *tree)
{
    char *text = NULL;
    size_t len = 0;
    int r;

    assert_int_equal(json_print(&text, &len, tree), 0);
    r = evidence_read(e, text, len);
    wiping_free(text);
    return r;
}

static int read_text(struct evidence *e, const char *text)
{
    return evidence_read(e, text, strlen(text));
}

static void the_shape_is_what_the_body_looks_like(void **state)
{
    static const struct {
        char letter;
        enum evidence_shape shape;
        int64_t valid_until;
    } rows[] = { { 'A', SHAPE_NEAR, INT64_MAX },
                 { 'B', SHAPE_PHALA_VLLM, INT64_MAX },
                 { 'C', SHAPE_ACI_A, SAMPLE_NOW + 3600 },
                 { 'D', SHAPE_ACI_B, SAMPLE_NOW + 86400 } };
    uint8_t public65[65], address[20];

    (void)state;
    sample_key(public65, address);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cJSON *tree = sample_response(rows[i].letter, NULL, 0);
        struct evidence e;

        cJSON_AddStringToObject(tree, "nvidia_payload", "{}");
        /* The provider's name says nothing about the shape (PROTOCOL section 0). */
        cJSON_ReplaceItemInObjectCaseSensitive(tree, "tee_provider", cJSON_CreateString("phala"));
        assert_int_equal(read_tree(&e, tree), 0);
        assert_int_equal(e.shape, rows[i].shape);
        assert_true(e.valid_until == rows[i].valid_until);
        assert_string_equal(e.model, SAMPLE_MODEL);
        assert_string_equal(e.nonce, SAMPLE_NONCE);
        assert_string_equal(e.nonce_source, "client");
        assert_int_equal(e.verified, 1);
        assert_true(e.has_public_key && e.quote_present);
        assert_string_equal(e.key_member, "signing_public_key");
        assert_memory_equal(e.public65, public65, 65);
        assert_non_null(e.quote);
        assert_non_null(e.nvidia_payload);
        assert_true((e.request_nonce != NULL) == (rows[i].letter < 'C'));
        assert_true((e.signing_key != NULL) == (rows[i].letter == 'A'));
        evidence_clear(&e);
        evidence_clear(&e);
        cJSON_Delete(tree);
    }
}

static void what_is_no_json_object_is_refused(void **state)
{
    static const char *const bodies[] = {
        "",
        "null",
        "[]",
        "\"text\"",
        "1",
        "{",
        "{}x",
        "{\"a\":1,}",
        "<html></html>",
        "{\"model\":1,\"model\":2}",
        "{\"\xff\":1}",
        "{\"a\":\"\\u0000\"}",
    };
    struct evidence e;
    char *deep = calloc(1, 40001);

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_int_equal(read_text(&e, bodies[i]), VENICE_E_MALFORMED);
        assert_null(e.root);
    }
    assert_int_equal(read_text(&e, "{}"), 0);
    assert_int_equal(e.shape, SHAPE_UNKNOWN);
    evidence_clear(&e);
    memset(deep, '[', 20000);
    memset(deep + 20000, ']', 20000);
    assert_int_equal(read_text(&e, deep), VENICE_E_LIMIT);
    free(deep);
}

static void a_body_over_the_limit_is_refused(void **state)
{
    size_t n = EVIDENCE_BODY_MAX + 1;
    char *text = malloc(n);
    struct evidence e;

    (void)state;
    memset(text, ' ', n);
    text[0] = '{';
    text[n - 1] = '}';
    assert_int_equal(evidence_read(&e, text, n), VENICE_E_LIMIT);
    text[n - 2] = '}';
    assert_int_equal(evidence_read(&e, text, n - 1), 0);
    evidence_clear(&e);
    free(text);
}

/* ---- The quote's encodings ------------------------------------------------------------------ */

static void assert_quote(const char *text, const uint8_t *expected, size_t n)
{
    cJSON *tree = cJSON_CreateObject();
    struct evidence e;

    cJSON_AddStringToObject(tree, "intel_quote", text);
    assert_int_equal(read_tree(&e, tree), 0);
    assert_int_equal(e.quote_present, text[0] && strcmp(text, "0x") != 0);
    if (expected) {
        assert_non_null(e.quote);
        assert_int_equal(e.quote_len, n);
        assert_memory_equal(e.quote, expected, n);
    } else {
        assert_null(e.quote);
        assert_int_equal(e.quote_len, 0);
    }
    evidence_clear(&e);
    cJSON_Delete(tree);
}

static void quotes_come_in_four_encodings(void **state)
{
    static const uint8_t bytes[] = { 0x04, 0x00, 0xfb, 0xff, 0xbf, 0xfe, 0x01 };

    (void)state;
    assert_quote("0400fbffbffe01", bytes, 7);
    assert_quote("0400FBFFBFFE01", bytes, 7);
    assert_quote("0x0400fbffbffe01", bytes, 7);
    assert_quote("BAD7/7/+AQ==", bytes, 7);
    assert_quote("BAD7_7_-AQ", bytes, 7);
    assert_quote("BAD7_7_-AQ==", bytes, 7);
    assert_quote("", NULL, 0);
    assert_quote("0x", NULL, 0);
    assert_quote("0x040", NULL, 0);
    assert_quote("04000", NULL, 0); /* a digit is missing: not base64 by accident */
    assert_quote("0xBAD7/7/+AQ==", NULL, 0);
    assert_quote("0400 fbff", NULL, 0);
    assert_quote("BAD7/7/+AQ=", NULL, 0);
    assert_quote("not a quote", NULL, 0);
}

static void a_quote_over_the_limit_is_not_taken(void **state)
{
    size_t n = 2 * EVIDENCE_QUOTE_MAX;
    char *text = calloc(1, n + 3);
    uint8_t *zeros = calloc(1, EVIDENCE_QUOTE_MAX);

    (void)state;
    memset(text, '0', n);
    assert_quote(text, zeros, EVIDENCE_QUOTE_MAX);
    text[n] = text[n + 1] = '0';
    assert_quote(text, NULL, 0);
    free(text);
    free(zeros);
}

/* ---- Keys ----------------------------------------------------------------------------------- */

static void keys_come_with_and_without_prefix(void **state)
{
    uint8_t public65[65], address[20], out[65];
    char hex[131] = "", text[160];

    (void)state;
    sample_key(public65, address);
    hex_encode(hex, public65, 65);
    assert_int_equal(evidence_public_key(out, hex), 0);
    assert_memory_equal(out, public65, 65);
    memset(out, 0, sizeof out);
    assert_int_equal(evidence_public_key(out, hex + 2), 0);
    assert_memory_equal(out, public65, 65);
    snprintf(text, sizeof text, "0x%s", hex);
    assert_int_equal(evidence_public_key(out, text), 0);
    snprintf(text, sizeof text, "0X%s", hex + 2);
    assert_int_equal(evidence_public_key(out, text), 0);
    for (size_t i = 0; hex[i]; i++)
        text[i] = (char)(hex[i] >= 'a' ? hex[i] - 'a' + 'A' : hex[i]);
    text[130] = 0;
    assert_int_equal(evidence_public_key(out, text), 0);
    assert_memory_equal(out, public65, 65);
}

static void other_keys_are_refused(void **state)
{
    uint8_t public65[65], address[20], out[65];
    char hex[140] = "";

    (void)state;
    sample_key(public65, address);
    assert_int_equal(evidence_public_key(out, ""), VENICE_E_MALFORMED);
    assert_int_equal(evidence_public_key(out, "0x"), VENICE_E_MALFORMED);
    hex_encode(hex, public65, 65);
    hex[1] = '6'; /* hybrid form */
    assert_int_equal(evidence_public_key(out, hex), VENICE_E_MALFORMED);
    hex[1] = '4';
    hex[20] = 'g';
    assert_int_equal(evidence_public_key(out, hex), VENICE_E_MALFORMED);
    hex_encode(hex, public65, 65);
    hex[129] ^= 1; /* off the curve */
    assert_int_equal(evidence_public_key(out, hex), VENICE_E_MALFORMED);
    hex_encode(hex, public65, 65);
    hex[129] = 0;
    assert_int_equal(evidence_public_key(out, hex), VENICE_E_MALFORMED);
    hex[66] = 0; /* a compressed key's length */
    assert_int_equal(evidence_public_key(out, hex), VENICE_E_MALFORMED);
    memset(hex, '0', 130);
    hex[1] = '4';
    hex[130] = 0;
    assert_int_equal(evidence_public_key(out, hex), VENICE_E_MALFORMED);
}

/* ---- Whatever else -------------------------------------------------------------------------- */

static void a_cut_body_is_refused_at_every_byte(void **state)
{
    cJSON *tree = sample_response('C', NULL, 0);
    struct evidence e;
    char *text, *exact;
    size_t len;

    (void)state;
    cJSON_DeleteItemFromObjectCaseSensitive(tree, "intel_quote"); /* long, and all of one kind */
    assert_int_equal(json_print(&text, &len, tree), 0);
    for (size_t cut = 0; cut < len; cut++) {
        exact = malloc(cut ? cut : 1);
        memcpy(exact, text, cut);
        assert_int_equal(evidence_read(&e, exact, cut), VENICE_E_MALFORMED);
        free(exact);
    }
    wiping_free(text);
    cJSON_Delete(tree);
}

static void numbers_that_are_no_dates_are_no_limit(void **state)
{
    static const struct {
        const char *value;
        int64_t valid_until;
    } rows[] = { { "1790000000", 1790000000 },
                 { "0", 0 },
                 { "18446744073709551615", INT64_MAX },
                 { "1e300", INT64_MAX },
                 { "-1", INT64_MAX },
                 { "1.5", INT64_MAX },
                 { "\"1790000000\"", INT64_MAX },
                 { "null", INT64_MAX } };
    char body[200];
    struct evidence e;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(body, sizeof body, "{\"attestation\":{\"workload_keyset\":{\"not_after\":%s}}}",
                 rows[i].value);
        assert_int_equal(read_text(&e, body), 0);
        assert_true(e.valid_until == rows[i].valid_until);
        evidence_clear(&e);
    }
}

static void recorded_shapes(void **state)
{
    static const struct {
        const char *path;
        bool wrapped;
        enum evidence_shape shape;
        bool has_key;
    } rows[] = {
        { "recorded/venice_e2ee-qwen3-5-122b-a10b_20260424_015841/responses/"
          "0001_api.venice.ai_api_v1_tee_attestation.body",
          false, SHAPE_NEAR, true },
        { "recorded/venice-py_2026-06_07/attestation_gemma_3_27b_p.json", true, SHAPE_PHALA_VLLM,
          true },
        { "recorded/venice-py_2026-06_07/attestation_live_evidence.json", true, SHAPE_ACI_A,
          false },
        { "recorded/venice_aci_genB_20260826_excerpt.json", false, SHAPE_ACI_B, true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct evidence e;
        cJSON *tree;
        char *text;
        size_t len;

        if (corpus_file(&text, &len, rows[i].path) != 0)
            skip();
        assert_int_equal(json_parse(&tree, text, len, NULL), 0);
        free(text);
        assert_int_equal(read_tree(&e, rows[i].wrapped ? json_at(tree, "attestation", NULL) : tree),
                         0);
        assert_int_equal(e.shape, rows[i].shape);
        assert_int_equal(e.has_public_key, rows[i].has_key);
        assert_true(e.quote_len > 4900);
        assert_true((e.valid_until < INT64_MAX) == (e.shape >= SHAPE_ACI_A));
        evidence_clear(&e);
        cJSON_Delete(tree);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shape_is_what_the_body_looks_like),
        cmocka_unit_test(what_is_no_json_object_is_refused),
        cmocka_unit_test(a_body_over_the_limit_is_refused),
        cmocka_unit_test(quotes_come_in_four_encodings),
        cmocka_unit_test(a_quote_over_the_limit_is_not_taken),
        cmocka_unit_test(keys_come_with_and_without_prefix),
        cmocka_unit_test(other_keys_are_refused),
        cmocka_unit_test(a_cut_body_is_refused_at_every_byte),
        cmocka_unit_test(numbers_that_are_no_dates_are_no_limit),
        cmocka_unit_test(recorded_shapes),
    };

    return cmocka_run_group_tests_name("evidence", tests, NULL, NULL);
}
