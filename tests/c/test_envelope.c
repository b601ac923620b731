#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/crypto.h"
#include "base/json.h"
#include "e2ee/envelope.h"
#include "e2ee/session.h"
#include "support_e2ee.h"
#include "venice.h"

static cJSON *vectors(void)
{
    size_t len;
    char *text = corpus_read("vectors/e2ee-legacy-v1.json", &len);
    cJSON *tree;

    if (!text)
        return NULL;
    assert_int_equal(json_parse(&tree, text, len, NULL), 0);
    free(text);
    return tree;
}

static void unhex(uint8_t *out, const cJSON *object, const char *name, size_t n)
{
    const char *hex = json_string(object, name);

    assert_non_null(hex);
    assert_int_equal(strlen(hex), 2 * n);
    assert_int_equal(hex_decode(out, hex, 2 * n), 0);
}

static venice_keypair *keypair_of(const cJSON *tree, const char *name)
{
    const char *hex = json_string(tree, name);
    venice_keypair *kp;

    assert_int_equal(venice_keypair_new(&kp, hex, strlen(hex)), 0);
    return kp;
}

/* Opens by the public function and compares. */
static void assert_opens(const venice_keypair *kp, const char *blob, const char *text)
{
    size_t n = strlen(blob);
    char *out = malloc(n / 2 + 1);

    assert_non_null(out);
    assert_int_equal(venice_open(kp, out, n / 2, blob, n), strlen(text));
    assert_memory_equal(out, text, strlen(text));
    free(out);
}

static void check_request(const cJSON *row, const uint8_t model65[65], const venice_keypair *model,
                          const uint8_t *ephemeral)
{
    const char *text = json_string(row, "plaintext"), *blob = json_string(row, "blob");
    uint8_t nonce[12], own[32], key[32], x[32];
    char *out = malloc(strlen(blob));

    assert_non_null(out);
    unhex(nonce, row, "nonce", 12);
    if (!ephemeral) {
        unhex(own, row, "ephemeral_private", 32);
        ephemeral = own;
    }
    assert_int_equal(curve_ecdh(x, ephemeral, model65), 0);
    assert_int_equal(hkdf_sha256(key, x, 32, "ecdsa_encryption", 16), 0);
    unhex(x, row, "aes_key", 32);
    assert_memory_equal(key, x, 32);
    assert_int_equal(strlen(blob), 2 * (strlen(text) + ENVELOPE_OVERHEAD));
    assert_int_equal(envelope_seal_with(out, &ENVELOPE_LEGACY_V1, model65, ephemeral, nonce,
                                        (const uint8_t *)text, strlen(text)),
                     0);
    assert_memory_equal(out, blob, strlen(blob));
    assert_opens(model, blob, text);
    free(out);
}

static void corpus_requests(void **state)
{
    cJSON *tree = vectors();
    venice_keypair *model, *client;
    const cJSON *row;
    char hex[131], address[43];
    int rows = 0;

    (void)state;
    if (!tree)
        skip();
    model = keypair_of(tree, "model_private");
    client = keypair_of(tree, "client_private");
    venice_keypair_public(model, hex);
    assert_string_equal(hex, json_string(tree, "model_public"));
    assert_int_equal(venice_eth_address(address, hex, 130), 0);
    assert_string_equal(address, json_string(tree, "model_address"));
    venice_keypair_public(client, hex);
    assert_string_equal(hex, json_string(tree, "client_public"));
    cJSON_ArrayForEach(row, json_at(tree, "request", NULL))
    {
        check_request(row, keypair_public(model), model, NULL);
        rows++;
    }
    assert_in_range(rows, 7, 100);
    check_request(json_at(tree, "request_session_key", NULL), keypair_public(model), model,
                  keypair_private(client));
    venice_keypair_free(model);
    venice_keypair_free(client);
    cJSON_Delete(tree);
}

static void corpus_responses(void **state)
{
    static const char *const lists[] = { "response", "response_shared_ephemeral" };
    cJSON *tree = vectors();
    venice_keypair *client;
    const cJSON *row;
    int rows = 0;

    (void)state;
    if (!tree)
        skip();
    client = keypair_of(tree, "client_private");
    for (int i = 0; i < 2; i++)
        cJSON_ArrayForEach(row, json_at(tree, lists[i], NULL))
        {
            assert_opens(client, json_string(row, "blob"), json_string(row, "plaintext"));
            rows++;
        }
    assert_in_range(rows, 6, 100);
    venice_keypair_free(client);
    cJSON_Delete(tree);
}

static void corpus_negatives(void **state)
{
    cJSON *tree = vectors();
    venice_keypair *client;
    const cJSON *row;
    int rows = 0;

    (void)state;
    if (!tree)
        skip();
    client = keypair_of(tree, "client_private");
    cJSON_ArrayForEach(row, json_at(tree, "negative", NULL))
    {
        const char *blob = json_string(row, "blob");
        char *out = malloc(strlen(blob) + 1);
        int r = venice_open(client, out, strlen(blob), blob, strlen(blob));

        if (strcmp(json_string(row, "expect"), "accept") == 0 ? r < 0 : r != VENICE_E_INTEGRITY)
            fail_msg("%s: %d", json_string(row, "name"), r);
        free(out);
        rows++;
    }
    assert_in_range(rows, 15, 100);
    venice_keypair_free(client);
    cJSON_Delete(tree);
}

static void seal_and_open_any_length(void **state)
{
    static const size_t lengths[] = { 0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 64, 255, 4096, 1048576 };
    venice_keypair *kp;
    char hex[131];

    (void)state;
    assert_int_equal(venice_keypair_new(&kp, NULL, 0), 0);
    venice_keypair_public(kp, hex);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t n = lengths[i], cap = 2 * (n + VENICE_BLOB_OVERHEAD);
        char *text = malloc(n + 1), *blob = malloc(cap), *other = malloc(cap), *back = malloc(cap);

        assert_true(text && blob && other && back);
        for (size_t k = 0; k < n; k++)
            text[k] = (char)(k * 31 % 128); /* with NUL */
        assert_int_equal(venice_seal(blob, cap, hex, 130, text, n), cap);
        assert_int_equal(venice_seal(other, cap, hex, 130, text, n), cap);
        assert_memory_not_equal(blob, other, 130); /* a fresh key each time */
        assert_memory_not_equal(blob + 130, other + 130, 24);
        for (size_t k = 0; k < cap; k++)
            assert_non_null(memchr("0123456789abcdef", blob[k], 16));
        assert_int_equal(venice_open(kp, back, cap / 2, blob, cap), n);
        assert_memory_equal(back, text, n);
        free(text);
        free(blob);
        free(other);
        free(back);
    }
    venice_keypair_free(kp);
}

static void every_changed_bit_is_refused(void **state)
{
    enum { N = 5, HEX = 2 * (N + ENVELOPE_OVERHEAD) };
    static const uint8_t zeros[HEX];
    uint8_t bytes[HEX / 2], out[HEX];
    char blob[HEX];
    venice_keypair *kp;
    size_t n;

    (void)state;
    assert_int_equal(keypair_generate(&kp), 0);
    assert_int_equal(
        envelope_seal(blob, &ENVELOPE_LEGACY_V1, keypair_public(kp), (const uint8_t *)"Hello", N),
        0);
    assert_int_equal(hex_decode(bytes, blob, HEX), 0);
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << (bit % 8));
        hex_encode(blob, bytes, sizeof bytes);
        memset(out, 0, sizeof out);
        assert_int_equal(
            envelope_open(out, &n, &ENVELOPE_LEGACY_V1, keypair_private(kp), blob, HEX),
            VENICE_E_INTEGRITY);
        assert_int_equal(n, 0);
        assert_memory_equal(out, zeros, sizeof out);
        bytes[bit / 8] ^= (uint8_t)(1 << (bit % 8));
    }
    hex_encode(blob, bytes, sizeof bytes);
    for (size_t len = 0; len < HEX; len++)
        assert_int_equal(
            envelope_open(out, &n, &ENVELOPE_LEGACY_V1, keypair_private(kp), blob, len),
            VENICE_E_INTEGRITY);
    for (size_t at = 0; at < HEX; at++) {
        char was = blob[at];

        blob[at] = 'g';
        assert_int_equal(
            envelope_open(out, &n, &ENVELOPE_LEGACY_V1, keypair_private(kp), blob, HEX),
            VENICE_E_INTEGRITY);
        blob[at] = was;
    }
    assert_int_equal(envelope_open(out, &n, &ENVELOPE_LEGACY_V1, keypair_private(kp), blob, HEX),
                     0);
    assert_memory_equal(out, "Hello", N);
    keypair_drop(kp);
}

static void info_and_aad_are_part_of_a_scheme(void **state)
{
    const struct envelope_scheme other_info = { "another", 7, NULL, 0 };
    const struct envelope_scheme with_aad = { "ecdsa_encryption", 16, (const uint8_t *)"a", 1 };
    const struct envelope_scheme *schemes[] = { &ENVELOPE_LEGACY_V1, &other_info, &with_aad };
    char blob[2 * ENVELOPE_OVERHEAD];
    venice_keypair *kp;
    uint8_t out[8];
    size_t n;

    (void)state;
    assert_int_equal(keypair_generate(&kp), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(envelope_seal(blob, schemes[i], keypair_public(kp), NULL, 0), 0);
        for (int k = 0; k < 3; k++)
            assert_int_equal(
                envelope_open(out, &n, schemes[k], keypair_private(kp), blob, sizeof blob),
                i == k ? 0 : VENICE_E_INTEGRITY);
    }
    keypair_drop(kp);
}

static void public_functions_check_arguments(void **state)
{
    static const char order[] = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    venice_keypair *kp = NULL, *none = (venice_keypair *)&kp;
    char hex[131], blob[400], out[400];

    (void)state;
    assert_int_equal(venice_keypair_new(&none, order, 64), VENICE_E_ARG);
    assert_null(none);
    assert_int_equal(venice_keypair_new(&none, order, 63), VENICE_E_ARG);
    assert_int_equal(venice_keypair_new(&none, order, 66), VENICE_E_ARG);
    assert_int_equal(venice_keypair_new(&none, NULL, 64), VENICE_E_ARG);
    assert_int_equal(venice_keypair_new(&none, "", 0), VENICE_E_ARG);
    assert_int_equal(venice_keypair_new(NULL, NULL, 0), VENICE_E_ARG);
    assert_int_equal(venice_keypair_new(&kp, NULL, 0), 0);
    assert_int_equal(venice_keypair_public(kp, hex), 0);
    assert_int_equal(strlen(hex), 130);
    assert_int_equal(venice_keypair_public(NULL, hex), VENICE_E_ARG);
    assert_int_equal(venice_seal(blob, 187, hex, 130, "a", 1), VENICE_E_ARG);
    assert_int_equal(venice_seal(blob, 188, hex, 130, "a", 1), 188);
    assert_int_equal(venice_seal(blob, 400, hex, 129, "a", 1), VENICE_E_ARG);
    assert_int_equal(venice_seal(blob, 400, hex, 130, NULL, 1), VENICE_E_ARG);
    assert_int_equal(venice_seal(blob, 400, hex, 130, NULL, 0), 186);
    assert_int_equal(venice_seal(blob, 400, hex, 130, "\xff", 1), VENICE_E_MALFORMED);
    assert_int_equal(venice_seal(blob, 400, hex, 130, "\xe2\x82", 2), VENICE_E_MALFORMED);
    assert_int_equal(venice_seal(blob, 400, hex, 130, "a", 1), 188);
    assert_int_equal(venice_open(kp, out, 93, blob, 188), VENICE_E_ARG);
    assert_int_equal(venice_open(kp, out, 94, blob, 188), 1);
    assert_int_equal(out[0], 'a');
    assert_int_equal(venice_open(NULL, out, 400, blob, 188), VENICE_E_ARG);
    assert_int_equal(venice_open(kp, out, 400, NULL, 188), VENICE_E_ARG);
    assert_int_equal(venice_open(kp, out, 400, NULL, 0), VENICE_E_INTEGRITY);
    /* authentic, but half a character */
    assert_int_equal(envelope_seal(blob, &ENVELOPE_LEGACY_V1, keypair_public(kp),
                                   (const uint8_t *)"ab\xe2\x82", 4),
                     0);
    memset(out, 0, sizeof out);
    assert_int_equal(venice_open(kp, out, 400, blob, 194), VENICE_E_INTEGRITY);
    for (size_t i = 0; i < sizeof out; i++)
        assert_int_equal(out[i], 0);
    venice_keypair_free(kp);
    venice_keypair_free(NULL);
}

static void keypairs_live_as_long_as_someone_holds_them(void **state)
{
    venice_keypair *kp;

    (void)state;
    assert_int_equal(keypair_generate(&kp), 0);
    assert_ptr_equal(keypair_hold(kp), kp);
    keypair_drop(kp);
    assert_int_equal(keypair_public(kp)[0], 4);
    keypair_drop(kp);
    keypair_drop(NULL);
    assert_null(keypair_hold(NULL));
}

static void sessions(void **state)
{
    uint8_t scalar[32], point[65];
    char name[SESSION_MODEL_MAX + 2];
    struct session *s;

    (void)state;
    assert_int_equal(curve_generate(scalar, point), 0);
    assert_int_equal(session_new(&s, 7, "e2ee-model", point, 100, "{}", 2), 0);
    assert_string_equal(s->model, "e2ee-model");
    assert_string_equal(s->report, "{}");
    assert_int_equal(strlen(s->public_hex), 130);
    assert_memory_equal(s->public65, point, 65);
    assert_true(session_stands(s, 99));
    assert_false(session_stands(s, 100));
    assert_false(session_stands(NULL, 0));
    assert_ptr_equal(session_hold(s), s);
    session_drop(s);
    assert_int_equal(s->id, 7);
    session_drop(s);
    session_drop(NULL);
    memset(name, 'm', sizeof name - 1);
    name[sizeof name - 1] = 0;
    assert_int_equal(session_new(&s, 1, name, point, 0, NULL, 0), VENICE_E_ARG);
    assert_null(s);
    assert_int_equal(session_new(&s, 1, name + 1, point, 0, NULL, 0), 0);
    session_drop(s);
    assert_int_equal(session_new(&s, 0, "m", point, 0, NULL, 0), VENICE_E_ARG);
    assert_int_equal(session_new(&s, 1, "", point, 0, NULL, 0), VENICE_E_ARG);
    assert_int_equal(session_new(&s, 1, NULL, point, 0, NULL, 0), VENICE_E_ARG);
    assert_int_equal(session_new(&s, 1, "a\nb", point, 0, NULL, 0), VENICE_E_ARG);
    assert_int_equal(session_new(&s, 1, "m", NULL, 0, NULL, 0), VENICE_E_ARG);
    point[64] ^= 1;
    assert_int_equal(session_new(&s, 1, "m", point, 0, NULL, 0), VENICE_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(corpus_requests),
        cmocka_unit_test(corpus_responses),
        cmocka_unit_test(corpus_negatives),
        cmocka_unit_test(seal_and_open_any_length),
        cmocka_unit_test(every_changed_bit_is_refused),
        cmocka_unit_test(info_and_aad_are_part_of_a_scheme),
        cmocka_unit_test(public_functions_check_arguments),
        cmocka_unit_test(keypairs_live_as_long_as_someone_holds_them),
        cmocka_unit_test(sessions),
    };

    return cmocka_run_group_tests_name("envelope", tests, NULL, NULL);
}
