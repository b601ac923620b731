/* link: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
/* Web tokens and the key set that says who may sign them. */
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
#include "base/json.h"
#include "support_attest.h"
#include "support_gpu.h"
#include "torture.h"
#include "venice.h"

/* ---- One token ------------------------------------------------------------------------------ */

static void a_token_is_taken_apart(void **state)
{
    cJSON *claims = cJSON_Parse("{\"a\":1}");
    char *token = nras_make_token(NULL, claims, NULL);
    struct jwt t;

    (void)state;
    assert_int_equal(jwt_read(&t, token), 0);
    assert_string_equal(jwt_kid(&t), "test-key");
    assert_null(jwt_header_fault(&t));
    assert_int_equal(cJSON_GetObjectItem(t.claims, "a")->valueint, 1);
    assert_int_equal(t.len, strlen(token));
    assert_int_equal(
        p384_verify(nras_signing_key(), t.signature, (const uint8_t *)t.text, t.signed_len), 0);
    assert_int_equal(
        p384_verify(nras_signing_key(), t.signature, (const uint8_t *)t.text, t.signed_len - 1),
        VENICE_E_INTEGRITY);
    jwt_clear(&t);
    jwt_clear(&t);
    free(token);
    cJSON_Delete(claims);
}

static void expect_malformed(const char *text)
{
    struct jwt t;

    if (jwt_read(&t, text) != VENICE_E_MALFORMED)
        fail_msg("%.80s is taken", text);
}

static void a_token_has_three_parts(void **state)
{
    cJSON *claims = cJSON_Parse("{\"a\":1}");
    char *token = nras_make_token(NULL, claims, NULL), *dot = strchr(token, '.'), *copy;
    size_t n = strlen(token);

    (void)state;
    expect_malformed("");
    expect_malformed("..");
    expect_malformed("e30.e30");
    expect_malformed("e30.e30.");
    expect_malformed("e30..AAAA");
    expect_malformed("e30.e30.AAAA");
    expect_malformed("e30.e30.AAAA.AAAA");
    expect_malformed(dot);
    for (size_t i = 0; i < n; i += 3) { /* one character that is none, anywhere */
        copy = strdup(token);
        copy[i] = '=';
        expect_malformed(copy);
        copy[i] = '+';
        expect_malformed(copy);
        free(copy);
    }
    for (size_t i = 0; i < n; i++) {
        copy = strdup(token);
        copy[i] = 0;
        expect_malformed(copy);
        free(copy);
    }
    copy = calloc(1, n + 4);
    snprintf(copy, n + 4, "%s==", token);
    expect_malformed(copy);
    snprintf(copy, n + 4, "%sA", token);
    expect_malformed(copy);
    free(copy);
    free(token);
    cJSON_Delete(claims);
}

static void parts_are_objects(void **state)
{
    static const char *const bad[] = { "[]", "1", "null", "\"x\"", "{\"a\":1,\"a\":1}" };
    cJSON *object = cJSON_Parse("{}");

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cJSON *other = cJSON_Parse(bad[i]);
        char *token = nras_make_token(object, other, NULL);

        expect_malformed(token);
        free(token);
        token = nras_make_token(other, object, NULL);
        expect_malformed(token);
        free(token);
        cJSON_Delete(other);
    }
    cJSON_Delete(object);
}

static void a_token_has_a_bound(void **state)
{
    cJSON *claims = cJSON_CreateObject();
    char *text = calloc(1, JWT_BYTES_MAX), *token;
    struct jwt t;

    (void)state;
    memset(text, 'x', JWT_BYTES_MAX - 1);
    cJSON_AddStringToObject(claims, "a", text);
    token = nras_make_token(NULL, claims, NULL);
    assert_int_equal(jwt_read(&t, token), VENICE_E_LIMIT);
    free(token);
    free(text);
    cJSON_Delete(claims);
}

static void the_algorithm_is_ours(void **state)
{
    static const char *const bad[] = {
        "{\"kid\":\"k\"}",
        "{\"kid\":\"k\",\"alg\":\"none\"}",
        "{\"kid\":\"k\",\"alg\":\"ES256\"}",
        "{\"kid\":\"k\",\"alg\":\"HS256\"}",
        "{\"kid\":\"k\",\"alg\":\"es384\"}",
        "{\"kid\":\"k\",\"alg\":[\"ES384\"]}",
        "{\"kid\":\"k\",\"Alg\":\"ES384\"}",
        "{\"kid\":\"k\",\"alg\":\"ES384\",\"crit\":[\"exp\"]}",
    };
    cJSON *claims = cJSON_Parse("{}");

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cJSON *header = cJSON_Parse(bad[i]);
        char *token = nras_make_token(header, claims, NULL);
        struct jwt t;

        assert_int_equal(jwt_read(&t, token), 0);
        assert_string_equal(jwt_header_fault(&t), "nras_alg");
        jwt_clear(&t);
        free(token);
        cJSON_Delete(header);
    }
    cJSON_Delete(claims);
}

/* ---- The key set ---------------------------------------------------------------------------- */

static cJSON *entry_of(cJSON *jwks)
{
    return cJSON_GetObjectItem(jwks, "keys")->child;
}

/* jwks is deleted. */
static void expect_key(cJSON *jwks, const char *root, int64_t now, const char *reason)
{
    EVP_PKEY *key;
    const char *found, *words;
    int r = jwks_key(&key, &found, &words, jwks_find(jwks, "test-key"), root, now);

    if (reason) {
        if (r != VENICE_E_INTEGRITY || strcmp(found, reason) != 0)
            fail_msg("%d %s, wanted %s", r, r == 0 ? "" : found, reason);
        assert_non_null(words);
        assert_null(key);
    } else {
        assert_int_equal(r, 0);
        assert_int_equal(EVP_PKEY_eq(key, nras_signing_key()), 1);
    }
    EVP_PKEY_free(key);
    cJSON_Delete(jwks);
}

static void keys_are_found_by_name(void **state)
{
    cJSON *jwks = nras_make_jwks();

    (void)state;
    assert_non_null(jwks_find(jwks, "test-key"));
    assert_null(jwks_find(jwks, "Test-Key"));
    assert_null(jwks_find(jwks, ""));
    assert_null(jwks_find(jwks, NULL));
    cJSON_AddItemToArray(cJSON_GetObjectItem(jwks, "keys"), cJSON_Duplicate(entry_of(jwks), 1));
    assert_null(jwks_find(jwks, "test-key")); /* which of the two? */
    cJSON_Delete(jwks);
}

static void a_certified_key_is_taken(void **state)
{
    (void)state;
    expect_key(nras_make_jwks(), gpu_root_pem(), GPU_TEST_NOW, NULL);
    expect_key(nras_make_jwks(), NULL, GPU_TEST_NOW, "jwks_unpinned");
}

static cJSON *with_member(const char *name, const char *value)
{
    cJSON *jwks = nras_make_jwks();

    cJSON_DeleteItemFromObject(entry_of(jwks), name);
    if (value)
        cJSON_AddItemToObject(entry_of(jwks), name, cJSON_Parse(value));
    return jwks;
}

static void members_have_their_codes(void **state)
{
    static const struct {
        const char *name, *value, *reason;
    } rows[] = {
        { "kty", "\"RSA\"", "jwks_key" },
        { "kty", NULL, "jwks_key" },
        { "crv", "\"P-256\"", "jwks_key" },
        { "crv", "384", "jwks_key" },
        { "alg", "\"ES384\"", NULL },
        { "alg", "\"ES256\"", "jwks_key" },
        { "use", "\"sig\"", NULL },
        { "use", "\"enc\"", "jwks_key" },
        { "x", NULL, "jwks_key" },
        { "x", "\"AAAA\"", "jwks_key" },
        { "y", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
          "jwks_leaf_key" },
        { "y", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"", "jwks_key" },
        { "x5c", NULL, "jwks_chain_malformed" },
        { "x5c", "\"AAAA\"", "jwks_chain_malformed" },
        { "x5c", "[]", "jwks_chain_malformed" },
        { "x5c", "[\"AAAA\",\"AAAA\"]", "jwks_chain_malformed" },
        { "x5c", "[1,2]", "jwks_chain_malformed" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_key(with_member(rows[i].name, rows[i].value), gpu_root_pem(), GPU_TEST_NOW,
                   rows[i].reason);
}

static cJSON *with_chain(char *leaf, char *middle)
{
    cJSON *jwks = nras_make_jwks(), *chain = cJSON_GetObjectItem(entry_of(jwks), "x5c");

    if (leaf)
        cJSON_ReplaceItemInArray(chain, 0, cJSON_CreateString(leaf));
    if (middle)
        cJSON_ReplaceItemInArray(chain, 1, cJSON_CreateString(middle));
    free(leaf);
    free(middle);
    return jwks;
}

static void certificates_have_their_codes(void **state)
{
    const struct gpu_cert_form over = { .begin = -4, .end = -1 }, early = { .begin = 1, .end = 3 };
    const struct gpu_cert_form ca = { .ca = true }, usage = { .no_sign = true };
    EVP_PKEY *key = nras_signing_key(), *other = gpu_new_key();

    (void)state;
    expect_key(with_chain(nras_make_leaf(other, NULL, false), NULL), gpu_root_pem(), GPU_TEST_NOW,
               "jwks_leaf_key");
    expect_key(with_chain(nras_make_leaf(key, NULL, true), NULL), gpu_root_pem(), GPU_TEST_NOW,
               "jwks_leaf_signature");
    expect_key(with_chain(nras_make_leaf(key, NULL, true), nras_intermediate(true)), gpu_root_pem(),
               GPU_TEST_NOW, "jwks_unpinned");
    expect_key(with_chain(NULL, nras_intermediate(true)), gpu_root_pem(), GPU_TEST_NOW,
               "jwks_leaf_signature");
    expect_key(with_chain(nras_make_leaf(key, &over, false), NULL), gpu_root_pem(), GPU_TEST_NOW,
               "jwks_expired");
    expect_key(with_chain(nras_make_leaf(key, &early, false), NULL), gpu_root_pem(), GPU_TEST_NOW,
               "jwks_not_yet_valid");
    expect_key(with_chain(nras_make_leaf(key, &ca, false), NULL), gpu_root_pem(), GPU_TEST_NOW,
               "jwks_chain_role");
    expect_key(with_chain(nras_make_leaf(key, &usage, false), NULL), gpu_root_pem(), GPU_TEST_NOW,
               "jwks_chain_role");
    expect_key(with_chain(nras_make_leaf(key, NULL, false), nras_make_leaf(key, NULL, false)),
               gpu_root_pem(), GPU_TEST_NOW, "jwks_chain_role");
    EVP_PKEY_free(other);
}

/* Clocks may differ by five minutes, and by no more. */
static void times_have_a_tolerance(void **state)
{
    const struct gpu_cert_form two_days = { .begin = -1, .end = 1 };
    const int64_t day = 86400;

    (void)state;
    for (int past = -1; past <= 1; past += 2)
        for (int beyond = 0; beyond <= 1; beyond++)
            expect_key(with_chain(nras_make_leaf(nras_signing_key(), &two_days, false), NULL),
                       gpu_root_pem(), GPU_TEST_NOW + past * (day + JWT_SKEW + beyond),
                       !beyond    ? NULL
                       : past < 0 ? "jwks_not_yet_valid"
                                  : "jwks_expired");
}

static void a_root_that_is_none_is_said(void **state)
{
    cJSON *jwks = nras_make_jwks();
    EVP_PKEY *key;
    const char *reason, *words;

    (void)state;
    assert_int_equal(
        jwks_key(&key, &reason, &words, jwks_find(jwks, "test-key"), "none", GPU_TEST_NOW),
        VENICE_E_CONFIG);
    cJSON_Delete(jwks);
}

/* Every key of the recorded sets, at a time when both were fetched. */
static void recorded_keys_are_certified(void **state)
{
    static const struct {
        const char *path;
        int64_t now;
    } rows[] = {
        { "recorded/venice_e2ee-qwen3-5-122b-a10b_20260424_015841/responses/"
          "0007_nras.attestation.nvidia.com_.well-known_jwks.json.body",
          1776996000 },
        { "recorded/phalacloud_phala_deepseek-v3.2_20260610_014917/responses/"
          "0007_nras.attestation.nvidia.com_.well-known_jwks.json.body",
          1781056200 },
    };

    (void)state;
    if (!getenv("VENICE_CORPUS"))
        skip();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text;
        size_t len, count = 0;
        cJSON *jwks = NULL;
        const cJSON *entry;

        assert_int_equal(corpus_file(&text, &len, rows[i].path), 0);
        assert_int_equal(json_parse(&jwks, text, len, NULL), 0);
        cJSON_ArrayForEach(entry, cJSON_GetObjectItem(jwks, "keys"))
        {
            EVP_PKEY *key;
            const char *reason, *words;
            int r = jwks_key(&key, &reason, &words, entry, NULL, rows[i].now);

            if (r != 0)
                fail_msg("%s: %d %s", json_string(entry, "kid"), r, reason ? reason : "");
            EVP_PKEY_free(key);
            r = jwks_key(&key, &reason, &words, entry, NULL, rows[i].now + 3 * 86400);
            assert_int_equal(r, VENICE_E_INTEGRITY);
            assert_string_equal(reason, "jwks_expired");
            count++;
        }
        assert_true(count >= 32);
        cJSON_Delete(jwks);
        free(text);
    }
}

/* ---- No memory ------------------------------------------------------------------------------ */

static void without_memory(void **state)
{
    cJSON *jwks = nras_make_jwks(), *claims = cJSON_Parse("{\"a\":1}");
    const cJSON *entry = jwks_find(jwks, "test-key");
    char *token = nras_make_token(NULL, claims, NULL);
    bool hit = true;

    (void)state;
    for (long n = 0; hit; n++) {
        struct jwt t = { .header = NULL };
        EVP_PKEY *key = NULL;
        const char *reason, *words;
        int r;

        torture_begin(n);
        r = jwt_read(&t, token);
        if (r == 0)
            r = jwks_key(&key, &reason, &words, entry, gpu_root_pem(), GPU_TEST_NOW);
        hit = torture_end();
        assert_true(hit ? r == 0 ? key != NULL : key == NULL : r == 0 && key != NULL);
        jwt_clear(&t);
        EVP_PKEY_free(key);
    }
    free(token);
    cJSON_Delete(claims);
    cJSON_Delete(jwks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_taken_apart),
        cmocka_unit_test(a_token_has_three_parts),
        cmocka_unit_test(parts_are_objects),
        cmocka_unit_test(a_token_has_a_bound),
        cmocka_unit_test(the_algorithm_is_ours),
        cmocka_unit_test(keys_are_found_by_name),
        cmocka_unit_test(a_certified_key_is_taken),
        cmocka_unit_test(members_have_their_codes),
        cmocka_unit_test(certificates_have_their_codes),
        cmocka_unit_test(times_have_a_tolerance),
        cmocka_unit_test(a_root_that_is_none_is_said),
        cmocka_unit_test(recorded_keys_are_certified),
        cmocka_unit_test(without_memory),
    };
    int failed;

    torture_openssl();
    gpu_world_make();
    failed = cmocka_run_group_tests_name("jwt", tests, NULL, NULL);
    gpu_world_free();
    return failed;
}
