/* The gateway's papers: for every check a response in which only it fails; the signatures under it;
 * the gateway's own vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/crypto.h"
#include "base/crypto_sign.h"
#include "base/json.h"
#include "support_code.h"
#include "venice.h"

static const char other32[] = "abababababababababababababababababababababababababababababababab";
static const char other_digest[] =
    "sha256:abababababababababababababababababababababababababababababababab";

static cJSON *response(char shape)
{
    struct machine m;
    cJSON *body;

    machine_new(&m, 1);
    body = machine_response(&m, shape);
    machine_free(&m);
    return body;
}

/* The text of a member with one digit changed. */
static cJSON *flipped(const cJSON *item, size_t at)
{
    cJSON *copy = cJSON_CreateString(cJSON_GetStringValue(item));

    copy->valuestring[at] = copy->valuestring[at] == '0' ? '1' : '0';
    return copy;
}

/* ---- In order -------------------------------------------------------------------------------- */

static void good_papers(void **state)
{
    static const char *const both[] = { "aci_version",          "aci_tee_type",   "keyset_digest",
                                        "keyset_valid",         "keyset_has_key", "evidence_quote",
                                        "evidence_report_data", "custody_chain" };
    static const char *const gen_a[] = { "keyset_identity", "keyset_endorsed", "evidence_fresh" };

    (void)state;
    for (const char *shape = "CD"; *shape; shape++) {
        cJSON *report = judge(response(*shape), NULL, NULL, 0);
        const cJSON *custody = json_at(report, "aci", "custody", NULL);

        for (size_t i = 0; i < sizeof both / sizeof both[0]; i++)
            assert_non_null(find_check(report, both[i]));
        for (size_t i = 0; i < sizeof gen_a / sizeof gen_a[0]; i++)
            assert_true((find_check(report, gen_a[i]) != NULL) == (*shape == 'C'));
        assert_int_equal(json_at(custody, "keys", NULL)->valueint, *shape == 'C' ? 3 : 2);
        assert_int_equal(json_at(custody, "checked", NULL)->valueint, 2);
        assert_int_equal(json_bool(custody, "root_known"), 0);
        assert_int_equal(strlen(json_string(custody, "root")), 66);
        assert_int_equal(strlen(json_string(json_at(report, "aci", NULL), "keyset_digest")), 71);
        assert_no_failure(report);
    }
}

static void without_papers(void **state)
{
    cJSON *report = judge(response('B'), NULL, NULL, 0);

    (void)state;
    assert_null(json_at(report, "aci", NULL));
    assert_null(find_check(report, "aci_version"));
    assert_no_failure(report);
}

/* ---- One thing wrong ------------------------------------------------------------------------- */

static void replaced_members(void **state)
{
    static const struct {
        char shape;
        const char *path, *value; /* JSON */
        const char *id, *reason;
    } rows[] = {
        { 'D', "api_version", "\"aci/2\"", "aci_version", "aci_version" },
        { 'C', "api_version", "\"aci/1 \"", "aci_version", "aci_version" },
        { 'D', "attestation.tee_type", "\"sev\"", "aci_tee_type", "aci_tee_type" },
        { 'D', "workload_keyset_digest", NULL, "keyset_digest", "keyset_digest" },
        { 'C', "workload_keyset_digest", "\"664045b3\"", "keyset_digest", "keyset_digest" },
        { 'C', "workload_id", NULL, "keyset_identity", "keyset_identity" },
        { 'C', "attestation.keyset_endorsement.value", "\"00\"", "keyset_endorsed",
          "keyset_endorsement" },
        { 'C', "attestation.keyset_endorsement.algo", "\"ed25519\"", "keyset_endorsed",
          "keyset_endorsement" },
        { 'C', "attestation.freshness.stale_after", "1789999699", "evidence_fresh",
          "evidence_stale" },
        { 'D', "attestation.evidence.quote", "\"00\"", "evidence_quote",
          "evidence_quote_mismatch" },
        { 'D', "attestation.evidence.quote_report_data", "\"00\"", "evidence_report_data",
          "evidence_quote_mismatch" },
        { 'D', "attestation.report_data", "\"00\"", "evidence_report_data",
          "evidence_quote_mismatch" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cJSON *body = response(rows[i].shape);
        cJSON *value =
            rows[i].value ? cJSON_Parse(rows[i].value) : cJSON_CreateString(other_digest);

        set_member(body, rows[i].path, value);
        assert_only_failure(judge(body, NULL, NULL, 0), rows[i].id, rows[i].reason);
    }
}

static void endorsement_of_another(void **state)
{
    cJSON *body = response('C');
    cJSON *value = member(body, "attestation.keyset_endorsement.value");

    (void)state;
    set_member(body, "attestation.keyset_endorsement.value", flipped(value, 70));
    assert_only_failure(judge(body, NULL, NULL, 0), "keyset_endorsed", "keyset_endorsement");
}

/* Changes to the keyset itself, with digest and endorsement right. */
static void changed_keysets(void **state)
{
    static const struct {
        char shape;
        const char *path, *value;
        const char *id, *reason;
    } rows[] = {
        { 'C', "keyset_epoch.not_after", "1790000000", "keyset_valid", "keyset_expired" },
        { 'D', "not_after", "1790000000", "keyset_valid", "keyset_expired" },
        { 'D', "not_after", "-1", "keyset_valid", "keyset_expired" },
        { 'D', "not_after", "1790000001", NULL, NULL },
        { 'D', "not_after", "18446744073709551615", NULL, NULL },
        { 'D', "not_after", "\"never\"", NULL, NULL },
        { 'D', "not_after", NULL, NULL, NULL },
        { 'D', "e2ee_public_keys", NULL, "custody_chain", "custody_chain" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cJSON *body = response(rows[i].shape), *report;

        set_member(member(body, "attestation.workload_keyset"), rows[i].path,
                   rows[i].value ? cJSON_Parse(rows[i].value) : NULL);
        reseal_keyset(body);
        report = judge(body, NULL, NULL, 0);
        if (rows[i].id)
            assert_only_failure(report, rows[i].id, rows[i].reason);
        else
            assert_no_failure(report);
    }
}

static void key_of_another(void **state)
{
    cJSON *body, *entry;
    uint8_t secret[32] = { 7 }, point[65];
    char hex[131] = "";

    (void)state;
    assert_int_equal(curve_public(point, secret), 0);
    hex_encode(hex, point, sizeof point);
    for (int legacy = 0; legacy < 2; legacy++) { /* either of the two entries */
        body = response('C');
        entry = cJSON_GetArrayItem(member(body, "attestation.workload_keyset.e2ee_public_keys"),
                                   legacy ? 2 : 0);
        set_member(entry, "public_key", cJSON_CreateString(hex));
        set_member(body, "attestation.evidence.key_custody", NULL);
        reseal_keyset(body);
        assert_only_failure(judge(body, NULL, NULL, 0), "keyset_has_key", "keyset_key_mismatch");
    }
    body = response('D');
    set_member(body, "attestation.workload_keyset.e2ee_public_keys", cJSON_CreateArray());
    set_member(body, "attestation.evidence.key_custody", NULL);
    reseal_keyset(body);
    assert_only_failure(judge(body, NULL, NULL, 0), "keyset_has_key", "keyset_key_mismatch");
}

/* A double cannot tell 2^64 - 1 from its neighbour; the canonical form prints the same for both,
 * and a text that cJSON would have changed is hashed as it came. */
static void numbers_keep_their_tokens(void **state)
{
    cJSON *body = response('D'), *report;
    char *text, *at;
    static char changed[400000];

    (void)state;
    set_member(body, "attestation.workload_keyset.not_after",
               cJSON_CreateNumber(18446744073709552000.0));
    reseal_keyset(body);
    text = cJSON_PrintUnformatted(body);
    cJSON_Delete(body);
    at = strstr(text, "\"not_after\":");
    assert_non_null(at);
    at += strlen("\"not_after\":");
    snprintf(changed, sizeof changed, "%.*s18446744073709551615%s", (int)(at - text), text,
             at + strcspn(at, ",}"));
    assert_int_equal(judge_text(&report, changed, strlen(changed), NULL, NULL, 0), 0);
    assert_no_failure(report);
    snprintf(changed, sizeof changed, "%.*s18446744073709541615%s", (int)(at - text), text,
             at + strcspn(at, ",}"));
    assert_int_equal(judge_text(&report, changed, strlen(changed), NULL, NULL, 0), 0);
    assert_only_failure(report, "keyset_digest", "keyset_digest");
    cJSON_free(text);
}

static void duplicate_members(void **state)
{
    cJSON *body = response('D'), *report;
    char *text = cJSON_PrintUnformatted(body), *at = strstr(text, "\"workload_keyset\":{");
    static char changed[400000];

    (void)state;
    cJSON_Delete(body);
    snprintf(changed, sizeof changed, "%.*s\"workload_keyset\":{\"not_after\":1,%s",
             (int)(at - text), text, at + strlen("\"workload_keyset\":{"));
    assert_int_equal(judge_text(&report, changed, strlen(changed), NULL, NULL, 0),
                     VENICE_E_MALFORMED);
    cJSON_free(text);
}

/* ---- Custody --------------------------------------------------------------------------------- */

static void custody_faults(void **state)
{
    static const struct {
        char shape;
        const char *member, *value; /* JSON; NULL: a digit of the member is changed */
        int link;                   /* of signature_chain: 0 or 1; -1: the member itself */
    } rows[] = {
        { 'D', NULL, NULL, 0 },
        { 'D', NULL, NULL, 1 },
        { 'C', NULL, NULL, 0 },
        { 'C', NULL, NULL, 1 },
        { 'D', "signature_chain", "[]", -1 },
        { 'D', "signature_chain", "[\"00\",\"00\"]", -1 },
        { 'D', "signature_chain", "[1,2]", -1 },
        { 'D', "purpose", "\"aci.other.v1\"", -1 },
        { 'D', "kms_public_key", "\"00\"", -1 },
        { 'D', "kms_public_key",
          "\"0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798\"", -1 },
        { 'D', "public_key", "\"abcd\"", -1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cJSON *body = response(rows[i].shape);
        cJSON *keys = member(body, "attestation.evidence.key_custody.keys");
        cJSON *entry = cJSON_GetArrayItem(keys, cJSON_GetArraySize(keys) - 1), *chain;

        if (rows[i].link >= 0) {
            chain = member(entry, "signature_chain");
            cJSON_ReplaceItemInArray(chain, rows[i].link,
                                     flipped(cJSON_GetArrayItem(chain, rows[i].link), 20));
        } else {
            set_member(entry, rows[i].member, cJSON_Parse(rows[i].value));
        }
        assert_only_failure(judge(body, NULL, NULL, 0), "custody_chain", "custody_chain");
    }
}

/* Without an event log no app id is measured, and no root can be computed. */
static void custody_without_app_id(void **state)
{
    cJSON *body = response('D'), *report;

    (void)state;
    set_member(body, "attestation.evidence.event_log", NULL);
    report = judge(body, NULL, NULL, 0);
    assert_non_null(find_check(report, "custody_chain"));
    assert_null(json_at(report, "aci", "custody", "root", NULL));
    assert_no_failure(report);
}

/* ---- The signatures underneath --------------------------------------------------------------- */

/* s and n - s are both signatures; the second is "high". */
static void high_s_is_accepted(void **state)
{
    static const char order[] = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    cJSON *body = response('C');
    const char *hex = json_string(member(body, "attestation.keyset_endorsement"), "value");
    uint8_t n[32], signature[64];
    char text[129] = "";
    int borrow = 0;

    (void)state;
    assert_int_equal(hex_decode(n, order, 64), 0);
    assert_int_equal(hex_decode(signature, hex, 128), 0);
    for (int i = 31; i >= 0; i--) {
        int digit = n[i] - signature[32 + i] - borrow;

        borrow = digit < 0;
        signature[32 + i] = (uint8_t)digit;
    }
    hex_encode(text, signature, sizeof signature);
    set_member(body, "attestation.keyset_endorsement.value", cJSON_CreateString(text));
    assert_no_failure(judge(body, NULL, NULL, 0));
}

static void odd_signatures(void **state)
{
    uint8_t signature[65] = { 0 }, hash[32] = { 1 }, point[65] = { 4 }, compressed[33] = { 5 };
    uint8_t secret[32] = { 9 }, back[65];

    (void)state;
    assert_int_equal(curve_verify(point, hash, signature), VENICE_E_ARG);
    assert_int_equal(curve_compress(compressed, point), VENICE_E_ARG);
    assert_int_equal(curve_public(point, secret), 0);
    assert_int_equal(curve_verify(point, hash, signature), VENICE_E_INTEGRITY);
    memset(signature, 0xff, 64);
    assert_int_equal(curve_verify(point, hash, signature), VENICE_E_INTEGRITY);
    for (int id = 0; id < 256; id++) {
        signature[64] = (uint8_t)id;
        assert_int_equal(curve_recover(back, hash, signature), VENICE_E_INTEGRITY);
    }
    assert_int_equal(curve_compress(compressed, point), 0);
    assert_int_equal(curve_decompress(back, compressed), 0);
    assert_memory_equal(back, point, sizeof point);
    compressed[0] = 4;
    assert_int_equal(curve_decompress(back, compressed), VENICE_E_ARG);
    assert_int_equal(ed25519_verify(secret, signature, hash, sizeof hash), VENICE_E_INTEGRITY);
    assert_int_equal(crypto_complaints(), 0);
}

/* RFC 8032 section 7.1, test 3. */
static void ed25519_vector(void **state)
{
    static const char key[] = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";
    static const char value[] = "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                                "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a";
    uint8_t public32[32], signature[64], message[2] = { 0xaf, 0x82 };

    (void)state;
    assert_int_equal(hex_decode(public32, key, 64), 0);
    assert_int_equal(hex_decode(signature, value, 128), 0);
    assert_int_equal(ed25519_verify(public32, signature, message, 2), 0);
    assert_int_equal(ed25519_verify(public32, signature, message, 1), VENICE_E_INTEGRITY);
    signature[63] ^= 1;
    assert_int_equal(ed25519_verify(public32, signature, message, 2), VENICE_E_INTEGRITY);
}

/* ---- The gateway's vectors ------------------------------------------------------------------- */

/* Generation A: the keyset of section 2, with its placeholder filled in, endorsed by Ed25519. */
static void generation_a_vector(void **state)
{
    static const char form[] =
        "{\"api_version\":\"aci/"
        "1\",\"workload_id\":\"sha256:57c2c8fa98bcf11441f1eff9ef087db67a5560a"
        "026082e96903e15365677b8c0\",\"workload_keyset_digest\":\"sha256:"
        "f2fba7e1b1451e0c0231df624f2"
        "93407692ef939d3e0e55bca723131bea3f1ff\",\"attestation\":{\"workload_keyset\":%.*s%s%.*s,"
        "\"keyset_endorsement\":{\"value\":\"%.128s\"}}}";
    static const char hole[] = "abab\xe2\x80\xa6"
                               "ab (32 placeholder bytes: 32 \xc3\x97 ab)";
    static const char name[] = "keyset_endorsement.value (ed25519, identity key) = ";
    char *text, *keyset, *end, *at, *value, *body;
    cJSON *report;
    size_t n;

    (void)state;
    if (!getenv("VENICE_CORPUS"))
        skip();
    assert_int_equal(corpus_file(&text, &n, "vectors/private-ai-gateway_genA/test-vectors.md"), 0);
    keyset = strstr(text, "{\n  \"workload_identity\"");
    end = keyset ? strstr(keyset, "\n```") : NULL;
    at = keyset ? strstr(keyset, hole) : NULL;
    value = strstr(text, name);
    assert_true(end && at && value && at < end);
    body = calloc(1, n + sizeof form);
    snprintf(body, n + sizeof form, form, (int)(at - keyset), keyset, other32,
             (int)(end - at - (long)strlen(hole)), at + strlen(hole), value + strlen(name));
    assert_int_equal(judge_text(&report, body, strlen(body), NULL, NULL, 0), 0);
    assert_non_null(find_check(report, "keyset_digest"));
    assert_non_null(find_check(report, "keyset_identity"));
    assert_non_null(find_check(report, "keyset_endorsed"));
    assert_no_failure(report);
    free(body);
    free(text);
}

static void generation_b_fixtures(void **state)
{
    static const char *const files[] = {
        "vectors/private-ai-gateway_genB/aci_report_fixture.json",
        "vectors/private-ai-gateway_genB/verifier-ts_aci_report.json",
    };

    (void)state;
    if (!getenv("VENICE_CORPUS"))
        skip();
    for (size_t i = 0; i < 2; i++) {
        cJSON *report;
        char *text;
        size_t n;

        assert_int_equal(corpus_file(&text, &n, files[i]), 0);
        assert_int_equal(judge_text(&report, text, n, NULL, NULL, 0), 0);
        assert_non_null(find_check(report, "keyset_digest"));
        assert_no_failure(report);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_papers),
        cmocka_unit_test(without_papers),
        cmocka_unit_test(replaced_members),
        cmocka_unit_test(endorsement_of_another),
        cmocka_unit_test(changed_keysets),
        cmocka_unit_test(key_of_another),
        cmocka_unit_test(numbers_keep_their_tokens),
        cmocka_unit_test(duplicate_members),
        cmocka_unit_test(custody_faults),
        cmocka_unit_test(custody_without_app_id),
        cmocka_unit_test(high_s_is_accepted),
        cmocka_unit_test(odd_signatures),
        cmocka_unit_test(ed25519_vector),
        cmocka_unit_test(generation_a_vector),
        cmocka_unit_test(generation_b_fixtures),
    };

    return cmocka_run_group_tests_name("keyset", tests, NULL, NULL);
}
