/* link: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
/* GPU evidence: every recording holds, no flipped bit does, and each fault has its own code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/gpu/gpu.h"
#include "base/codec.h"
#include "base/json.h"
#include "base/secret.h"
#include "support_attest.h"
#include "support_gpu.h"
#include "torture.h"
#include "venice.h"

/* ---- Judging -------------------------------------------------------------------------------- */

struct verdict {
    int status;
    bool genuine, verified;
    char reason[64];
    cJSON *report;
};

static struct verdict judge_at(const char *payload, const uint8_t *nonce, const char *root,
                               int64_t claimed, int64_t now)
{
    const struct gpu_input in = { payload, nonce, root, now, claimed };
    struct gpu_evidence e;
    struct verdict v = { .status = 0 };
    struct report *r;

    assert_int_equal(report_new(&r), 0);
    v.status = gpu_check(r, &e, &in);
    v.genuine = e.genuine;
    v.verified = report_verified(r);
    snprintf(v.reason, sizeof v.reason, "%s", report_reason(r) ? report_reason(r) : "");
    if (v.status == 0)
        assert_int_equal(report_tree(r, &v.report), 0);
    gpu_evidence_clear(&e);
    report_free(r);
    return v;
}

/* Judges a payload of our own; it is deleted. */
static struct verdict judge(cJSON *payload, int64_t claimed)
{
    char *text = cJSON_PrintUnformatted(payload);
    struct verdict v = judge_at(text, gpu_nonce, gpu_root_pem(), claimed, GPU_TEST_NOW);

    cJSON_free(text);
    cJSON_Delete(payload);
    return v;
}

static void expect(struct verdict v, const char *reason)
{
    assert_int_equal(v.status, 0);
    if (strcmp(v.reason, reason) != 0)
        fail_msg("%s, wanted %s", v.reason, reason);
    assert_true(v.verified == !reason[0]);
    assert_true(v.genuine == !reason[0]);
    assert_int_equal(json_bool(json_at(v.report, "gpu", NULL), "verified"), !reason[0]);
    cJSON_Delete(v.report);
}

static cJSON *list_of(cJSON *payload)
{
    return cJSON_GetObjectItem(payload, "evidence_list");
}

/* ---- In order ------------------------------------------------------------------------------- */

static void good_evidence_holds(void **state)
{
    struct verdict v = judge(gpu_payload(3), 3);
    const cJSON *gpu = json_at(v.report, "gpu", NULL);

    (void)state;
    assert_string_equal(json_string(gpu, "level"), "local");
    assert_string_equal(json_string(gpu, "arch"), "HOPPER");
    assert_string_equal(json_string(gpu, "driver"), "570.172.08");
    assert_string_equal(json_string(gpu, "vbios"), "96.00.CF.00.02");
    assert_int_equal(cJSON_GetObjectItem(gpu, "count")->valueint, 3);
    assert_int_equal(json_bool(gpu, "relayed"), 0);
    assert_int_equal(cJSON_GetArraySize(json_at(gpu, "devices", NULL)), 3);
    expect(v, "");
    expect(judge(gpu_payload(1), -1), "");
    v = judge(gpu_payload(2), 0);
    assert_int_equal(json_bool(json_at(v.report, "gpu", NULL), "relayed"), 1);
    expect(v, "");
}

static void a_chain_may_end_below_the_root(void **state)
{
    cJSON *payload = gpu_payload(1);
    EVP_PKEY *key = NULL;
    char *pem = gpu_make_chain(&key, NULL, NULL, false);
    size_t len;
    const struct gpu_answer_form form = { .nonce = NULL };
    uint8_t *answer = gpu_make_answer(&len, &form, key);

    (void)state;
    cJSON_ReplaceItemInArray(list_of(payload), 0, gpu_entry_of(pem, answer, len));
    expect(judge(payload, -1), "");
    free(pem);
    free(answer);
    EVP_PKEY_free(key);
}

static void versions_that_differ_are_told_by_device(void **state)
{
    const struct gpu_answer_form form = { .driver = "580.1" };
    cJSON *payload = gpu_payload(1);
    struct verdict v;

    (void)state;
    cJSON_AddItemToArray(list_of(payload), gpu_entry(1, &form));
    v = judge(payload, 2);
    assert_null(json_at(v.report, "gpu", "driver", NULL));
    assert_string_equal(
        json_string(json_at(v.report, "gpu", "devices", NULL)->child->next, "driver"), "580.1");
    expect(v, "");
}

/* ---- Each fault ----------------------------------------------------------------------------- */

static void payloads_have_a_form(void **state)
{
    static const char *const texts[] = { "",
                                         "hello",
                                         "[]",
                                         "{}",
                                         "{\"evidence_list\":{}}",
                                         "{\"evidence_list\":[]}",
                                         "{\"evidence_list\":[],\"evidence_list\":[1]}" };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect(judge_at(texts[i], gpu_nonce, gpu_root_pem(), -1, GPU_TEST_NOW), "gpu_malformed");
    expect(judge_at(NULL, gpu_nonce, gpu_root_pem(), -1, GPU_TEST_NOW), "gpu_malformed");
}

static void the_list_has_a_bound(void **state)
{
    cJSON *payload = gpu_payload(1);

    (void)state;
    while (cJSON_GetArraySize(list_of(payload)) <= GPU_DEVICES_MAX)
        cJSON_AddItemToArray(list_of(payload), cJSON_CreateObject());
    expect(judge(payload, -1), "gpu_malformed");
}

static cJSON *with_text(const char *name, const char *value, bool entry)
{
    cJSON *payload = gpu_payload(2), *at = entry ? list_of(payload)->child->next : payload;

    cJSON_DeleteItemFromObject(at, name);
    if (value)
        cJSON_AddStringToObject(at, name, value);
    return payload;
}

static void members_have_their_codes(void **state)
{
    static const char other[] = "abababababababababababababababababababababababababababababababab";
    cJSON *payload;

    (void)state;
    expect(judge(with_text("nonce", other, false), -1), "gpu_nonce_mismatch");
    expect(judge(with_text("nonce", NULL, false), -1), "gpu_nonce_mismatch");
    expect(judge(with_text("nonce", "", false), -1), "gpu_nonce_mismatch");
    expect(judge(with_text("nonce", other, true), -1), "gpu_nonce_mismatch");
    expect(judge(with_text("nonce", gpu_nonce_hex, true), -1), "");
    expect(judge(with_text("arch", "LS10", false), -1), "gpu_arch");
    expect(judge(with_text("arch", NULL, false), -1), "gpu_arch");
    expect(judge(with_text("arch", "BLACKWELL", true), -1), "gpu_arch");
    expect(judge(with_text("arch", NULL, true), -1), "");
    expect(judge(with_text("evidence", "AAAA", true), -1), "gpu_evidence_malformed");
    expect(judge(with_text("evidence", "?", true), -1), "gpu_evidence_malformed");
    expect(judge(with_text("evidence", NULL, true), -1), "gpu_evidence_malformed");
    expect(judge(with_text("certificate", "AAAA", true), -1), "gpu_chain_malformed");
    expect(judge(with_text("certificate", "", true), -1), "gpu_chain_malformed");
    expect(judge(with_text("certificate", NULL, true), -1), "gpu_chain_malformed");
    payload = gpu_payload(2);
    cJSON_ReplaceItemInArray(list_of(payload), 1, cJSON_CreateString("x"));
    expect(judge(payload, -1), "gpu_evidence_malformed");
    payload = gpu_payload(2);
    cJSON_AddItemToArray(list_of(payload), cJSON_Duplicate(list_of(payload)->child, 1));
    expect(judge(payload, -1), "gpu_duplicate");
    expect(judge(gpu_payload(2), 3), "gpu_count_mismatch");
    expect(judge(gpu_payload(2), 1), "gpu_count_mismatch");
}

static void answers_have_their_codes(void **state)
{
    static const uint8_t other[48] = { 1, 2, 3 };
    static const struct {
        struct gpu_answer_form form;
        const char *reason;
    } rows[] = {
        { { .nonce = other }, "gpu_nonce_not_signed" },
        { { .firmware = other }, "gpu_firmware_mismatch" },
        { { .no_firmware = true }, "gpu_firmware_mismatch" },
        { { .extra_field = true }, "gpu_evidence_malformed" },
        { { .driver = "" }, "gpu_versions" },
        { { .driver = "a b" }, "gpu_versions" },
        { { .driver = "0123456789012345678901234567890123" }, "gpu_versions" },
        { { .no_vbios = true }, "gpu_versions" },
        { { .blocks = 1 }, "gpu_evidence_malformed" },
        { { .blocks = -1 }, "gpu_evidence_malformed" },
    };
    const struct gpu_answer_form by_stranger = { .key = gpu_new_key() };
    cJSON *payload;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        payload = gpu_payload(2);
        cJSON_ReplaceItemInArray(list_of(payload), 1, gpu_entry(1, &rows[i].form));
        expect(judge(payload, -1), rows[i].reason);
    }
    payload = gpu_payload(2);
    cJSON_ReplaceItemInArray(list_of(payload), 1, gpu_entry(1, &by_stranger));
    expect(judge(payload, -1), "gpu_signature");
    EVP_PKEY_free(by_stranger.key);
}

static void expect_chain(const struct gpu_cert_form *forms, const char *name, const char *reason)
{
    static const struct gpu_answer_form usual;
    cJSON *payload = gpu_payload(1);
    EVP_PKEY *key = NULL;
    char *pem = gpu_make_chain(&key, forms, name, true);
    size_t len;
    uint8_t *answer = gpu_make_answer(&len, &usual, key);

    cJSON_AddItemToArray(list_of(payload), gpu_entry_of(pem, answer, len));
    expect(judge(payload, -1), reason);
    free(pem);
    free(answer);
    EVP_PKEY_free(key);
}

static void chains_have_their_codes(void **state)
{
    static const uint8_t other[48] = { 1, 2, 3 };
    static const struct {
        struct gpu_cert_form forms[GPU_CHAIN_LEN];
        const char *reason;
    } rows[] = {
        { { { .ca = true } }, "gpu_chain_role" },
        { { { .no_sign = true } }, "gpu_chain_role" },
        { { { .critical = true } }, "gpu_chain_role" },
        { { { 0 }, { .no_ca = true } }, "gpu_chain_role" },
        { { { 0 }, { 0 }, { .no_sign = true } }, "gpu_chain_role" },
        { { { 0 }, { 0 }, { 0 }, { .critical = true } }, "gpu_chain_role" },
        { { { 0 }, { 0 }, { .path_length = 1 } }, "gpu_chain_role" },
        { { { 0 }, { .path_length = 1 }, { .path_length = 2 } }, "" },
        { { { .end = -1 } }, "gpu_chain_expired" },
        { { { 0 }, { 0 }, { 0 }, { .end = -1 } }, "gpu_chain_expired" },
        { { { .begin = 1 } }, "gpu_chain_not_yet_valid" },
        { { { .firmware = other } }, "gpu_firmware_mismatch" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_chain(rows[i].forms, NULL, rows[i].reason);
    expect_chain(NULL, "GB100 A01 GSP FMC LF", "gpu_other_device");
    expect_chain(NULL, "LS10 A01 FSP FMC LF", "gpu_other_device");
    expect_chain(NULL, "GHOST", "gpu_other_device");
}

/* Other selections and orders of the right certificates. */
static void a_chain_is_whole_and_in_order(void **state)
{
    static const char *const orders[] = { "43210", "0234", "1234", "0", "4", "01234432101234", "" };
    static const char *const reasons[] = { "gpu_root_untrusted",  "gpu_chain_signature",
                                           "gpu_chain_role",      "gpu_chain_malformed",
                                           "gpu_chain_malformed", "gpu_chain_malformed",
                                           "gpu_chain_malformed" };
    static const char begin[] = "-----BEGIN";
    const struct gpu_answer_form usual = { .nonce = NULL };
    EVP_PKEY *key = NULL;
    char *pem = gpu_make_chain(&key, NULL, NULL, true);
    const char *part[6] = { pem };
    size_t len;
    uint8_t *answer = gpu_make_answer(&len, &usual, key);

    (void)state;
    for (int i = 1; i < 6; i++)
        part[i] = i == 5 ? pem + strlen(pem) : strstr(part[i - 1] + 1, begin);
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        char *text = calloc(4, strlen(pem) + 1);
        cJSON *payload = gpu_payload(1);

        for (const char *c = orders[i]; *c; c++)
            strncat(text, part[*c - '0'], (size_t)(part[*c - '0' + 1] - part[*c - '0']));
        cJSON_AddItemToArray(list_of(payload), gpu_entry_of(text, answer, len));
        expect(judge(payload, -1), reasons[i]);
        free(text);
    }
    free(pem);
    free(answer);
    EVP_PKEY_free(key);
}

static void only_its_own_root_counts(void **state)
{
    cJSON *payload = gpu_payload(1);
    char *text = cJSON_PrintUnformatted(payload);

    (void)state;
    expect(judge_at(text, gpu_nonce, NULL, -1, GPU_TEST_NOW), "gpu_root_untrusted");
    assert_int_equal(judge_at(text, gpu_nonce, "no PEM", -1, GPU_TEST_NOW).status, VENICE_E_CONFIG);
    assert_int_equal(judge_at(text, gpu_nonce, "", -1, GPU_TEST_NOW).status, VENICE_E_CONFIG);
    cJSON_free(text);
    cJSON_Delete(payload);
}

/* ---- Bits ----------------------------------------------------------------------------------- */

/* What a flipped bit must not change: whether everything holds. */
static void assert_no_flip_passes(const char *pem, size_t pem_step, const uint8_t *answer,
                                  size_t len, size_t step, const uint8_t *nonce, const char *root,
                                  int64_t now)
{
    char *chain = strdup(pem), *text;
    uint8_t *bytes = malloc(len);
    size_t pem_len = strlen(pem);
    cJSON *payload = cJSON_CreateObject(), *list;
    char hex[65] = "";

    memcpy(bytes, answer, len);
    hex_encode(hex, nonce, 32);
    cJSON_AddStringToObject(payload, "arch", "HOPPER");
    cJSON_AddStringToObject(payload, "nonce", hex);
    list = cJSON_AddArrayToObject(payload, "evidence_list");
    for (size_t i = 0; i < pem_len + len; i += i < pem_len ? pem_step : step) {
        uint8_t *at = i < pem_len ? (uint8_t *)chain + i : bytes + (i - pem_len);
        uint8_t bit = (uint8_t)(1u << (i * 7 % 8));
        struct verdict v;

        if (i < pem_len && *at == bit)
            continue; /* would end the text of this test, not of the chain */
        *at ^= bit;
        cJSON_AddItemToArray(list, gpu_entry_of(chain, bytes, len));
        text = cJSON_PrintUnformatted(payload);
        v = judge_at(text, nonce, root, -1, now);
        if (v.status != 0 || v.genuine || v.verified)
            fail_msg("bit %#x of byte %zu passes", bit, i);
        cJSON_Delete(v.report);
        cJSON_free(text);
        cJSON_DeleteItemFromArray(list, 0);
        *at ^= bit;
    }
    cJSON_Delete(payload);
    free(chain);
    free(bytes);
}

static void no_flipped_bit_passes(void **state)
{
    static const struct gpu_answer_form usual;
    EVP_PKEY *key = NULL;
    char *pem = gpu_make_chain(&key, NULL, NULL, true);
    size_t len;
    uint8_t *answer = gpu_make_answer(&len, &usual, key);

    (void)state;
    assert_no_flip_passes(pem, 11, answer, len, 1, gpu_nonce, gpu_root_pem(), GPU_TEST_NOW);
    free(pem);
    free(answer);
    EVP_PKEY_free(key);
}

static void no_prefix_passes(void **state)
{
    static const struct gpu_answer_form usual;
    EVP_PKEY *key = gpu_new_key();
    size_t len;
    uint8_t *answer = gpu_make_answer(&len, &usual, key);
    struct spdm s;

    (void)state;
    assert_int_equal(spdm_read(&s, answer, len), 0);
    assert_int_equal(s.measurements, 3);
    assert_int_equal(s.signed_len, len - 96);
    for (size_t n = 0; n < len; n++) {
        uint8_t *exact = malloc(n + 1); /* a read beyond it is seen by ASan */

        memcpy(exact, answer, n);
        assert_int_equal(spdm_read(&s, exact, n), VENICE_E_MALFORMED);
        free(exact);
    }
    answer = realloc(answer, len + 1);
    answer[len] = 0;
    assert_int_equal(spdm_read(&s, answer, len + 1), VENICE_E_MALFORMED);
    free(answer);
    EVP_PKEY_free(key);
}

/* ---- Recordings ----------------------------------------------------------------------------- */

static struct {
    int payloads, devices, derived;
} recorded;

/* The devices of a payload sign one nonce; where it is not the one of the text, some upstream put
 * its own there, which must be refused and for nothing else. */
static void judge_recorded(const char *text, const char *where)
{
    cJSON *payload = NULL;
    uint8_t nonce[32];
    struct verdict v;

    if (json_parse(&payload, text, strlen(text), NULL) != 0)
        return;
    assert_non_null(json_string(payload, "nonce"));
    assert_int_equal(hex_decode(nonce, json_string(payload, "nonce"), 64), 0);
    v = judge_at(text, nonce, NULL, -1, 1790000000);
    assert_int_equal(v.status, 0);
    if (v.reason[0] && strcmp(v.reason, "gpu_nonce_not_signed") != 0)
        fail_msg("%s: %s", where, v.reason);
    recorded.payloads++;
    recorded.devices += cJSON_GetArraySize(list_of(payload));
    recorded.derived += v.reason[0] != 0;
    cJSON_Delete(v.report);
    cJSON_Delete(payload);
}

static void find_payloads(const cJSON *tree, const char *where)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, tree)
    {
        if (item->string && strcmp(item->string, "nvidia_payload") == 0 && cJSON_IsString(item))
            judge_recorded(item->valuestring, where);
        else if (item->string && strcmp(item->string, "req_body_base64") == 0 &&
                 cJSON_IsString(item) && item->valuestring[0]) {
            size_t n = strlen(item->valuestring), len = 0;
            char *body = calloc(1, n + 4);

            if (base64_decode((uint8_t *)body, &len, item->valuestring, n, false) == 0 &&
                strstr(body, "evidence_list"))
                judge_recorded(body, where);
            free(body);
        } else {
            find_payloads(item, where);
        }
    }
}

static int visit(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    const char *root = getenv("VENICE_CORPUS");
    char *text;
    size_t len;
    cJSON *tree = NULL;

    (void)st, (void)at;
    if (kind != FTW_F || corpus_file(&text, &len, path + strlen(root) + 1) != 0)
        return 0;
    if (json_parse(&tree, text, len, NULL) == 0)
        find_payloads(tree, path);
    cJSON_Delete(tree);
    free(text);
    return 0;
}

static void every_recording_holds(void **state)
{
    char path[1024];

    (void)state;
    if (!getenv("VENICE_CORPUS"))
        skip();
    snprintf(path, sizeof path, "%s/recorded", getenv("VENICE_CORPUS"));
    memset(&recorded, 0, sizeof recorded);
    assert_int_equal(nftw(path, visit, 8, FTW_PHYS), 0);
    print_message("# %d payloads, %d devices, %d over a derived nonce\n", recorded.payloads,
                  recorded.devices, recorded.derived);
    assert_true(recorded.payloads - recorded.derived >= 2);
    assert_true(recorded.devices >= 17);
}

static void the_published_report_holds(void **state)
{
    char *hex, *pem, *text;
    size_t hex_len, pem_len;
    cJSON *payload = cJSON_CreateObject(), *list;
    char nonce_hex[65] = "";
    uint8_t *bytes;
    struct verdict v;

    (void)state;
    if (corpus_file(&hex, &hex_len, "vectors/nvtrust/hopperAttestationReport.txt") != 0 ||
        corpus_file(&pem, &pem_len, "vectors/nvtrust/hopperCertChain.txt") != 0) {
        cJSON_Delete(payload);
        skip();
    }
    while (hex_len > 0 && !strchr("0123456789abcdef", hex[hex_len - 1]))
        hex_len--;
    bytes = malloc(hex_len / 2);
    assert_int_equal(hex_decode(bytes, hex, hex_len), 0);
    hex_encode(nonce_hex, bytes + 4, 32);
    cJSON_AddStringToObject(payload, "arch", "HOPPER");
    cJSON_AddStringToObject(payload, "nonce", nonce_hex);
    list = cJSON_AddArrayToObject(payload, "evidence_list");
    cJSON_AddItemToArray(list, gpu_entry_of(pem, bytes, hex_len / 2));
    text = cJSON_PrintUnformatted(payload);
    v = judge_at(text, bytes + 4, NULL, -1, 1790000000);
    assert_string_equal(json_string(json_at(v.report, "gpu", NULL), "driver"), "550.90.07");
    assert_string_equal(json_string(json_at(v.report, "gpu", NULL), "vbios"), "96.00.9F.00.01");
    expect(v, "");
    assert_no_flip_passes(pem, 31, bytes, hex_len / 2, 29, bytes + 4, NULL, 1790000000);
    cJSON_free(text);
    cJSON_Delete(payload);
    free(bytes);
    free(hex);
    free(pem);
}

/* ---- No memory ------------------------------------------------------------------------------ */

static void without_memory(void **state)
{
    cJSON *payload = gpu_payload(1);
    char *text = cJSON_PrintUnformatted(payload);
    const struct gpu_input in = { text, gpu_nonce, gpu_root_pem(), GPU_TEST_NOW, 1 };
    bool hit = true;

    (void)state;
    for (long n = 0; hit; n += n < 100 ? 1 : 7) {
        struct gpu_evidence e = { 0 };
        struct report *r = NULL;
        int status;

        torture_begin(n);
        status = report_new(&r);
        if (status == 0)
            status = gpu_check(r, &e, &in);
        hit = torture_end();
        if (hit && status == 0 && e.genuine)
            assert_true(report_verified(r) || report_reason(r) == NULL);
        if (!hit)
            assert_true(status == 0 && e.genuine);
        gpu_evidence_clear(&e);
        report_free(r);
    }
    cJSON_free(text);
    cJSON_Delete(payload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_evidence_holds),
        cmocka_unit_test(a_chain_may_end_below_the_root),
        cmocka_unit_test(versions_that_differ_are_told_by_device),
        cmocka_unit_test(payloads_have_a_form),
        cmocka_unit_test(the_list_has_a_bound),
        cmocka_unit_test(members_have_their_codes),
        cmocka_unit_test(answers_have_their_codes),
        cmocka_unit_test(chains_have_their_codes),
        cmocka_unit_test(a_chain_is_whole_and_in_order),
        cmocka_unit_test(only_its_own_root_counts),
        cmocka_unit_test(no_flipped_bit_passes),
        cmocka_unit_test(no_prefix_passes),
        cmocka_unit_test(every_recording_holds),
        cmocka_unit_test(the_published_report_holds),
        cmocka_unit_test(without_memory),
    };
    int failed;

    torture_openssl();
    json_init();
    gpu_world_make();
    failed = cmocka_run_group_tests_name("spdm", tests, NULL, NULL);
    gpu_world_free();
    return failed;
}
