/* link: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
/* NVIDIA's service: the recorded answer holds, the recorded failure does not, and each token and
 * claim that is altered, dropped or of another type has its own code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/gpu/jwt.h"
#include "attest/gpu/nras.h"
#include "base/codec.h"
#include "base/json.h"
#include "base/secret.h"
#include "support_attest.h"
#include "support_gpu.h"
#include "torture.h"
#include "venice.h"

/* ---- Judging -------------------------------------------------------------------------------- */

static struct gpu_evidence evidence; /* of two usual devices */
static char *usual_jwks;

static struct gpu_evidence read_evidence(const char *payload, const uint8_t *nonce,
                                         const char *root, int64_t now)
{
    const struct gpu_input in = { payload, nonce, root, now, -1 };
    struct gpu_evidence e;
    struct report *r;

    assert_int_equal(report_new(&r), 0);
    assert_int_equal(gpu_check(r, &e, &in), 0);
    assert_true(e.readable);
    report_free(r);
    return e;
}

static void set_up(void)
{
    cJSON *payload = gpu_payload(2), *jwks = nras_make_jwks();
    char *text = cJSON_PrintUnformatted(payload);

    evidence = read_evidence(text, gpu_nonce, gpu_root_pem(), GPU_TEST_NOW);
    assert_true(evidence.genuine);
    usual_jwks = cJSON_PrintUnformatted(jwks);
    cJSON_free(text);
    cJSON_Delete(payload);
    cJSON_Delete(jwks);
}

static struct nras_input input_of(const char *response)
{
    return (struct nras_input){ .response = response,
                                .response_len = response ? strlen(response) : 0,
                                .jwks = usual_jwks,
                                .jwks_len = strlen(usual_jwks),
                                .evidence = &evidence,
                                .nonce = gpu_nonce,
                                .root_pem = gpu_root_pem(),
                                .now = GPU_TEST_NOW };
}

static void expect_in(const struct nras_input *in, const char *reason, const char *what)
{
    struct report *r;
    bool holds;
    const char *found;

    assert_int_equal(report_new(&r), 0);
    assert_int_equal(nras_check(r, &holds, NULL, in), 0);
    found = report_reason(r) ? report_reason(r) : "";
    if (strcmp(found, reason) != 0)
        fail_msg("%s: %s, wanted %s", what, found, reason);
    assert_true(holds == !reason[0]);
    assert_true(report_verified(r) == holds);
    report_free(r);
}

/* response is freed. */
static void expect(char *response, const char *reason, const char *what)
{
    struct nras_input in = input_of(response);

    expect_in(&in, reason, what);
    free(response);
}

/* ---- In order ------------------------------------------------------------------------------- */

static void a_good_answer_holds(void **state)
{
    struct nras_input in = input_of(NULL), good;
    cJSON *claims = nras_gpu_claims(1);
    struct report *r;
    int64_t until = 0;
    bool holds;

    (void)state;
    cJSON_ReplaceItemInObject(claims, "exp", cJSON_CreateNumber(GPU_TEST_NOW + 900));
    good = input_of(nras_make_answer(2, 2, claims));
    assert_int_equal(report_new(&r), 0);
    assert_int_equal(nras_check(r, &holds, &until, &good), 0);
    assert_true(holds && until == GPU_TEST_NOW + 900);
    report_free(r);
    free((char *)(uintptr_t)good.response);
    cJSON_Delete(claims);
    expect(nras_make_answer(2, -1, NULL), "", "good");
    expect_in(&in, "nras_missing", "none");
}

static void a_warning_is_shown(void **state)
{
    cJSON *claims = nras_gpu_claims(0);
    char *response;
    struct nras_input in;
    struct report *r;
    bool holds;

    (void)state;
    cJSON_ReplaceItemInObject(claims, "x-nvidia-attestation-warning", cJSON_CreateString("old"));
    response = nras_make_answer(2, 1, claims);
    in = input_of(response);
    assert_int_equal(report_new(&r), 0);
    assert_int_equal(nras_check(r, &holds, NULL, &in), 0);
    assert_true(holds);
    assert_string_equal(report_string(r, "gpu.warning"), "old");
    report_free(r);
    cJSON_DeleteItemFromObject(claims, "x-nvidia-attestation-warning");
    free(response);
    expect(nras_make_answer(2, 1, claims), "", "no warning");
    cJSON_Delete(claims);
}

/* ---- Form ----------------------------------------------------------------------------------- */

static void answers_have_a_form(void **state)
{
    static const char *const bad[] = {
        "",
        "hello",
        "{}",
        "[]",
        "[[\"JWT\",\"a\"]]",
        "[[\"JWT\",\"a\"],{}]",
        "[[\"JWT\",\"a\"],[]]",
        "[[\"JWT\",1],{\"GPU-0\":\"a\"}]",
        "[[\"JWS\",\"a\"],{\"GPU-0\":\"a\"}]",
        "[[\"JWT\"],{\"GPU-0\":\"a\"}]",
        "[[\"JWT\",\"a\",\"b\"],{\"GPU-0\":\"a\"}]",
        "[[\"JWT\",\"a\"],{\"GPU-0\":1}]",
        "[[\"JWT\",\"a\"],{\"GPU-0\":\"a\",\"GPU-0\":\"b\"}]",
        "[\"JWT\",{\"GPU-0\":\"a\"}]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect(strdup(bad[i]), "nras_malformed", bad[i]);
    expect(strdup("[[\"JWT\",\"a\"],{\"GPU-0\":\"a\"}]"), "nras_gpu_set", "one GPU");
    expect(strdup("[[\"JWT\",\"a\"],{\"GPU-0\":\"a\",\"GPU-2\":\"a\"}]"), "nras_gpu_set", "names");
    expect(strdup("[[\"JWT\",\"a\"],{\"GPU-0\":\"a\",\"GPU-01\":\"a\"}]"), "nras_gpu_set", "names");
    expect(strdup("[[\"JWT\",\"a\"],{\"GPU-0\":\"a\",\"GPU-1\":\"a\"}]"), "nras_token_malformed",
           "tokens");
    expect(nras_make_answer(1, -1, NULL), "nras_gpu_set", "fewer");
    expect(nras_make_answer(3, -1, NULL), "nras_gpu_set", "more");
}

static char *other_alg(const char *token)
{
    return nras_token_again(token, "{\"kid\":\"test-key\",\"alg\":\"ES256\"}", NULL);
}

static char *other_kid(const char *token)
{
    return nras_token_again(token, "{\"kid\":\"nobody\",\"alg\":\"ES384\"}", NULL);
}

static char *no_kid(const char *token)
{
    return nras_token_again(token, "{\"alg\":\"ES384\"}", NULL);
}

static char *by_stranger(const char *token)
{
    EVP_PKEY *key = gpu_new_key();
    char *made = nras_token_again(token, NULL, key);

    EVP_PKEY_free(key);
    return made;
}

static char *flip_signature(const char *token)
{
    char *made = strdup(token), *at = made + strlen(made) - 7;

    *at = *at == 'A' ? 'B' : 'A';
    return made;
}

static char *cut(const char *token)
{
    return strndup(token, strlen(token) - 1);
}

/* A good token of ours, but not the one that the overall token names. */
static char *another_good_one(const char *token)
{
    return nras_token_again(token, NULL, NULL);
}

static void each_token_counts(void **state)
{
    static const struct {
        char *(*change)(const char *token);
        const char *reason, *overall;
    } rows[] = {
        { other_alg, "nras_alg", "nras_alg" },
        { other_kid, "nras_kid_unknown", "nras_kid_unknown" },
        { no_kid, "nras_kid_unknown", "nras_kid_unknown" },
        { by_stranger, "nras_signature", "nras_signature" },
        { flip_signature, "nras_signature", "nras_signature" },
        { cut, "nras_token_malformed", "nras_token_malformed" },
        { another_good_one, "nras_submods", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int place = 0; place <= 2; place++)
            expect(nras_with_token(place, rows[i].change), place ? rows[i].reason : rows[i].overall,
                   rows[i].reason);
}

static void the_key_set_counts(void **state)
{
    char *response = nras_make_answer(2, -1, NULL);
    static const char *const bad[] = { "", "x", "[]", "{}", "{\"keys\":{}}" };
    struct nras_input in = input_of(response);

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        in.jwks = bad[i];
        in.jwks_len = strlen(bad[i]);
        expect_in(&in, "jwks_malformed", bad[i]);
    }
    in.jwks = NULL;
    expect_in(&in, "jwks_malformed", "none");
    in.jwks = "{\"keys\":[]}";
    in.jwks_len = strlen(in.jwks);
    expect_in(&in, "nras_kid_unknown", "no keys");
    assert_true(nras_wants_keys(response, strlen(response), in.jwks, in.jwks_len));
    assert_false(nras_wants_keys(response, strlen(response), usual_jwks, strlen(usual_jwks)));
    assert_false(nras_wants_keys("x", 1, usual_jwks, strlen(usual_jwks)));
    assert_false(nras_wants_keys(response, strlen(response), NULL, 0));
    in = input_of(response);
    in.root_pem = NULL;
    expect_in(&in, "jwks_unpinned", "NVIDIA's own");
    free(response);
}

/* ---- Claims --------------------------------------------------------------------------------- */

/* json NULL: dropped. */
static void expect_claim(int which, const char *name, const char *json, const char *reason)
{
    cJSON *claims = which == 0 ? nras_overall_claims() : nras_gpu_claims(which - 1);

    cJSON_DeleteItemFromObjectCaseSensitive(claims, name);
    if (json)
        cJSON_AddItemToObject(claims, name, cJSON_Parse(json));
    expect(nras_make_answer(2, which, claims), reason, name);
    cJSON_Delete(claims);
}

static void each_common_claim_counts(void **state)
{
    static const struct {
        const char *name, *json, *reason;
    } rows[] = {
        { "iss", "\"https://example.invalid\"", "nras_issuer" },
        { "iss", "\"https://nras.attestation.nvidia.com/\"", "nras_issuer" },
        { "iss", "[\"https://nras.attestation.nvidia.com\"]", "nras_issuer" },
        { "iss", NULL, "nras_issuer" },
        { "exp", NULL, "nras_exp" },
        { "exp", "\"1790003590\"", "nras_exp" },
        { "exp", "1e300", "nras_exp" },
        { "exp", "1790003590.5", "nras_exp" },
        { "exp", "1790000000", "nras_expired" },
        { "exp", "1790000001", "" },
        { "exp", "1790086390", "" },
        { "exp", "1790086391", "nras_lifetime" },
        { "iat", NULL, "nras_iat" },
        { "iat", "true", "nras_iat" },
        { "iat", "1790000301", "nras_not_yet_valid" },
        { "iat", "1790000300", "" },
        { "iat", "1790003590", "nras_not_yet_valid" },
        { "iat", "1789900000", "nras_lifetime" },
        { "nbf", NULL, "nras_nbf" },
        { "nbf", "\"1\"", "nras_nbf" },
        { "nbf", "1790000301", "nras_not_yet_valid" },
        { "nbf", "1790000300", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int which = 0; which <= 2; which += 2)
            expect_claim(which, rows[i].name, rows[i].json, rows[i].reason);
}

static void each_overall_claim_counts(void **state)
{
    static const char other[] =
        "\"abababababababababababababababababababababababababababababababab\"";
    static const struct {
        const char *name, *json, *reason;
    } rows[] = {
        { "sub", "\"NVIDIA-GPU-ATTESTATION\"", "nras_subject" },
        { "sub", NULL, "nras_subject" },
        { "x-nvidia-overall-att-result", "false", "nras_result" },
        { "x-nvidia-overall-att-result", "\"true\"", "nras_result" },
        { "x-nvidia-overall-att-result", "1", "nras_result" },
        { "x-nvidia-overall-att-result", NULL, "nras_result" },
        { "eat_nonce", other, "nras_nonce" },
        { "eat_nonce", NULL, "nras_nonce" },
        { "eat_nonce", "[]", "nras_nonce" },
        { "eat_nonce", "\"\"", "nras_nonce" },
        { "submods", "{}", "nras_submods" },
        { "submods", "[]", "nras_submods" },
        { "submods", "{\"GPU-0\":[\"DIGEST\",[\"SHA-256\",\"00\"]]}", "nras_submods" },
        { "submods", "{\"GPU-0\":1,\"GPU-1\":2}", "nras_submods" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_claim(0, rows[i].name, rows[i].json, rows[i].reason);
}

static void submods_are_exact(void **state)
{
    char *text = nras_make_answer(2, -1, NULL);
    cJSON *answer = cJSON_Parse(text);
    struct jwt t;
    static const char *const changes[] = { "DIGESTS", "SHA-384", "one more", "names" };

    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        cJSON *claims, *submods, *first, *inner;

        assert_int_equal(
            jwt_read(&t, cJSON_GetArrayItem(cJSON_GetArrayItem(answer, 0), 1)->valuestring), 0);
        claims = cJSON_Duplicate(t.claims, 1);
        submods = cJSON_GetObjectItem(claims, "submods");
        first = cJSON_GetObjectItem(submods, "GPU-0");
        inner = cJSON_GetArrayItem(first, 1);
        switch (i) {
        case 0: cJSON_ReplaceItemInArray(first, 0, cJSON_CreateString(changes[i])); break;
        case 1: cJSON_ReplaceItemInArray(inner, 0, cJSON_CreateString(changes[i])); break;
        case 2: cJSON_AddItemToObject(submods, "GPU-2", cJSON_Duplicate(first, 1)); break;
        default:
            cJSON_AddItemToObject(submods, "gpu-0",
                                  cJSON_DetachItemFromObjectCaseSensitive(submods, "GPU-0"));
        }
        jwt_clear(&t);
        /* The GPUs' tokens must stay as they are, so only the overall one is made anew. */
        {
            char *token = nras_make_token(NULL, claims, NULL), *changed;
            cJSON *copy = cJSON_Duplicate(answer, 1);

            cJSON_ReplaceItemInArray(cJSON_GetArrayItem(copy, 0), 1, cJSON_CreateString(token));
            changed = cJSON_PrintUnformatted(copy);
            expect(changed, "nras_submods", changes[i]);
            cJSON_Delete(copy);
            free(token);
        }
        cJSON_Delete(claims);
    }
    cJSON_Delete(answer);
    free(text);
}

/* The code of a claim is its name without x-nvidia-gpu-. */
static void code_of(char code[80], const char *name)
{
    static const char prefix[] = "x-nvidia-gpu-";

    if (strncmp(name, prefix, sizeof prefix - 1) == 0)
        name += sizeof prefix - 1;
    snprintf(code, 80, "nras_%s", name);
    for (char *c = code; *c; c++)
        *c = *c == '-' ? '_' : *c;
}

static void each_gpu_claim_counts(void **state)
{
    cJSON *claims = nras_gpu_claims(1);
    const cJSON *claim;
    size_t counted = 0;

    (void)state;
    cJSON_ArrayForEach(claim, claims)
    {
        static const char *const common[] = { "iss", "nbf",       "iat",
                                              "exp", "eat_nonce", "x-nvidia-attestation-warning" };
        bool is_common = false;
        char code[80];

        for (size_t i = 0; i < sizeof common / sizeof *common; i++)
            is_common = is_common || strcmp(common[i], claim->string) == 0;
        if (is_common)
            continue;
        code_of(code, claim->string);
        expect_claim(2, claim->string, NULL, code);
        expect_claim(2, claim->string, "null", code);
        expect_claim(2, claim->string, "[true]", code);
        expect_claim(2, claim->string, "1", code);
        expect_claim(2, claim->string, cJSON_IsTrue(claim) ? "\"true\"" : "\"other\"", code);
        expect_claim(2, claim->string, cJSON_IsTrue(claim) ? "false" : "true", code);
        counted++;
    }
    assert_int_equal(counted, 24);
    expect_claim(2, "eat_nonce", NULL, "nras_gpu_nonce");
    expect_claim(2, "eat_nonce", "\"00\"", "nras_gpu_nonce");
    expect_claim(2, "x-nvidia-attestation-warning", "5", "nras_attestation_warning");
    expect_claim(1, "x-nvidia-error-details", "{\"code\":4010}", "nras_error");
    expect_claim(1, "x-nvidia-error-details", "null", "nras_error");
    expect_claim(1, "ueid", "\"0\"", "nras_ueid");
    cJSON_Delete(claims);
}

/* ---- Recordings ----------------------------------------------------------------------------- */

#define VENICE_FOLDER "recorded/venice_e2ee-qwen3-5-122b-a10b_20260424_015841/responses/"
#define PHALA_FOLDER  "recorded/phalacloud_phala_deepseek-v3.2_20260610_014917/responses/"
#define NRAS_FILE     "0006_nras.attestation.nvidia.com_v3_attest_gpu"
#define JWKS_FILE     "0007_nras.attestation.nvidia.com_.well-known_jwks.json.body"

/* The payload that was posted, beside the answer that came. */
static char *recorded_payload(const char *path)
{
    char *text, *payload;
    size_t len;
    cJSON *tree = NULL;
    const char *body;

    assert_int_equal(corpus_file(&text, &len, path), 0);
    assert_int_equal(json_parse(&tree, text, len, NULL), 0);
    body = json_string(tree, "req_body_base64");
    payload = calloc(1, strlen(body) + 4);
    assert_int_equal(base64_decode((uint8_t *)payload, &len, body, strlen(body), false), 0);
    payload[len] = 0;
    cJSON_Delete(tree);
    free(text);
    return payload;
}

struct recording {
    char *payload, *response, *jwks;
    uint8_t nonce[32];
    struct gpu_evidence evidence;
    struct nras_input in;
};

static void open_recording(struct recording *r, const char *side, const char *body,
                           const char *jwks, int64_t now)
{
    cJSON *tree = NULL;
    size_t response_len, jwks_len;

    r->payload = recorded_payload(side);
    assert_int_equal(json_parse(&tree, r->payload, strlen(r->payload), NULL), 0);
    assert_int_equal(hex_decode(r->nonce, json_string(tree, "nonce"), 64), 0);
    cJSON_Delete(tree);
    assert_int_equal(corpus_file(&r->response, &response_len, body), 0);
    assert_int_equal(corpus_file(&r->jwks, &jwks_len, jwks), 0);
    r->evidence = read_evidence(r->payload, r->nonce, NULL, now);
    r->in = (struct nras_input){ r->response,  response_len, r->jwks, jwks_len,
                                 &r->evidence, r->nonce,     NULL,    now };
}

static void close_recording(struct recording *r)
{
    gpu_evidence_clear(&r->evidence);
    free(r->payload);
    free(r->response);
    free(r->jwks);
}

static void the_recorded_answer_holds_at_its_time(void **state)
{
    struct recording r;
    uint8_t other[32] = { 1 };
    struct nras_input in;

    (void)state;
    if (!getenv("VENICE_CORPUS"))
        skip();
    open_recording(&r, VENICE_FOLDER NRAS_FILE ".json", VENICE_FOLDER NRAS_FILE ".body",
                   VENICE_FOLDER JWKS_FILE, 1776996000);
    expect_in(&r.in, "", "recorded");
    in = r.in;
    in.now = 1776999512;
    expect_in(&in, "", "its last second");
    in.now = 1776999513;
    expect_in(&in, "nras_expired", "an hour later");
    in.now = 1776995613;
    expect_in(&in, "", "five minutes early");
    in.now = 1776995612;
    expect_in(&in, "nras_not_yet_valid", "more than five minutes early");
    in = r.in;
    in.nonce = other;
    expect_in(&in, "nras_nonce", "another nonce");
    in = r.in;
    in.root_pem = gpu_root_pem();
    expect_in(&in, "jwks_unpinned", "another root");
    close_recording(&r);
}

/* One character of any token, the key set's key or certificates. */
static void no_altered_recording_holds(void **state)
{
    struct recording r;
    size_t tried = 0;

    (void)state;
    if (!getenv("VENICE_CORPUS"))
        skip();
    open_recording(&r, VENICE_FOLDER NRAS_FILE ".json", VENICE_FOLDER NRAS_FILE ".body",
                   VENICE_FOLDER JWKS_FILE, 1776996000);
    for (size_t i = 11; i < r.in.response_len - 1; i += 97) {
        struct report *report;
        char was = r.response[i];
        bool holds;

        r.response[i] ^= 1;
        assert_int_equal(report_new(&report), 0);
        assert_int_equal(nras_check(report, &holds, NULL, &r.in), 0);
        if (holds)
            fail_msg("character %zu does not matter", i);
        report_free(report);
        r.response[i] = was;
        tried++;
    }
    assert_true(tried > 150);
    close_recording(&r);
}

static void the_recorded_failure_fails(void **state)
{
    struct recording r;

    (void)state;
    if (!getenv("VENICE_CORPUS"))
        skip();
    open_recording(&r, PHALA_FOLDER NRAS_FILE ".json", PHALA_FOLDER NRAS_FILE ".body",
                   PHALA_FOLDER JWKS_FILE, 1781056200);
    expect_in(&r.in, "nras_result", "recorded failure");
    close_recording(&r);
}

/* ---- No memory ------------------------------------------------------------------------------ */

static void without_memory(void **state)
{
    char *response = nras_make_answer(2, -1, NULL);
    struct nras_input in = input_of(response);
    bool hit = true;

    (void)state;
    for (long n = 0; hit; n += n < 200 ? 1 : 11) {
        struct report *r = NULL;
        bool holds = false;
        int status;

        torture_begin(n);
        status = report_new(&r);
        if (status == 0)
            status = nras_check(r, &holds, NULL, &in);
        hit = torture_end();
        if (!hit)
            assert_true(status == 0 && holds);
        report_free(r);
    }
    free(response);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_answer_holds),
        cmocka_unit_test(a_warning_is_shown),
        cmocka_unit_test(answers_have_a_form),
        cmocka_unit_test(each_token_counts),
        cmocka_unit_test(the_key_set_counts),
        cmocka_unit_test(each_common_claim_counts),
        cmocka_unit_test(each_overall_claim_counts),
        cmocka_unit_test(submods_are_exact),
        cmocka_unit_test(each_gpu_claim_counts),
        cmocka_unit_test(the_recorded_answer_holds_at_its_time),
        cmocka_unit_test(no_altered_recording_holds),
        cmocka_unit_test(the_recorded_failure_fails),
        cmocka_unit_test(without_memory),
    };
    int failed;

    torture_openssl();
    gpu_world_make();
    set_up();
    failed = cmocka_run_group_tests_name("nras", tests, NULL, NULL);
    gpu_evidence_clear(&evidence);
    cJSON_free(usual_jwks);
    gpu_world_free();
    return failed;
}
