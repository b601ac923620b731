/* link: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
/* The forms of nvidia_payload in a response: absent, null and empty are the same; a text and the
 * object that it would hold are the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/attestation.h"
#include "base/codec.h"
#include "base/json.h"
#include "base/secret.h"
#include "support_attest.h"
#include "support_gpu.h"
#include "torture.h"
#include "venice.h"

static const char policy_auto[] = "{\"dcap\":\"off\"}";
static const char policy_require[] = "{\"dcap\":\"off\",\"gpu\":\"require\"}";
static const char policy_nras[] = "{\"dcap\":\"off\",\"nras\":true}";

/* ---- Judging -------------------------------------------------------------------------------- */

struct verdict {
    int status;
    char reason[64], nras[8192]; /* what NVIDIA's service would be sent; "" where it is not asked */
    bool accepted, has_gpu;
    cJSON *report;
};

static struct verdict judge_text(const char *body, const char *policy_text)
{
    struct verdict v = { .status = 0 };
    struct attestation *a = NULL;
    struct policy policy;
    struct failure f = { 0 };
    cJSON *tree = cJSON_Parse(policy_text);
    const char *payload;

    v.status = policy_read(&policy, &f, tree);
    if (v.status == 0)
        v.status = attestation_new(&a, &policy, SAMPLE_MODEL, SAMPLE_NONCE, SAMPLE_NOW, NULL, NULL);
    if (v.status == 0)
        v.status = attestation_set_gpu_root(a, gpu_root_pem());
    if (v.status == 0)
        v.status = attestation_feed_response(a, body, strlen(body));
    if (v.status == 0) {
        const struct report *r = attestation_report(a);

        payload = attestation_nras_payload(a);
        snprintf(v.nras, sizeof v.nras, "%s", payload ? payload : "");
        snprintf(v.reason, sizeof v.reason, "%s", report_reason(r) ? report_reason(r) : "");
        v.accepted = report_accepted(r);
        v.has_gpu = report_get(r, "gpu") != NULL;
        v.status = report_tree(r, &v.report);
    }
    attestation_free(a);
    policy_clear(&policy);
    cJSON_Delete(tree);
    return v;
}

/* The payload of a GPU that signed the sample's nonce. */
static cJSON *good_payload(void)
{
    cJSON *payload = gpu_payload(0);
    uint8_t nonce[32];
    const struct gpu_answer_form form = { .nonce = nonce };

    assert_int_equal(hex_decode(nonce, SAMPLE_NONCE, 64), 0);
    cJSON_ReplaceItemInObject(payload, "nonce", cJSON_CreateString(SAMPLE_NONCE));
    cJSON_AddItemToArray(cJSON_GetObjectItem(payload, "evidence_list"), gpu_entry(0, &form));
    return payload;
}

/* A response in which the JSON text of the member is this; NULL: the member is absent. */
static char *body_with(const char *value)
{
    static const char mark[] = "\"@payload@\"";
    cJSON *body = sample_response('A', NULL, 0);
    char *text, *at, *out;

    cJSON_DeleteItemFromObjectCaseSensitive(body, "nvidia_payload");
    if (value)
        cJSON_AddStringToObject(body, "nvidia_payload", "@payload@");
    text = cJSON_PrintUnformatted(body);
    cJSON_Delete(body);
    at = value ? strstr(text, mark) : NULL;
    out = calloc(1, strlen(text) + (value ? strlen(value) : 0) + 1);
    if (at)
        sprintf(out, "%.*s%s%s", (int)(at - text), text, value, at + strlen(mark));
    else
        strcpy(out, text);
    cJSON_free(text);
    return out;
}

static struct verdict judge(const char *value, const char *policy)
{
    char *body = body_with(value);
    struct verdict v = judge_text(body, policy);

    free(body);
    assert_int_equal(v.status, 0);
    return v;
}

static void expect_refused(const char *value, const char *policy, const char *reason)
{
    struct verdict v = judge(value, policy);

    if (v.accepted || strcmp(v.reason, reason) != 0)
        fail_msg("%s: %s, wanted %s", value, v.reason, reason);
    assert_string_equal(v.nras, "");
    cJSON_Delete(v.report);
}

/* ---- Cases ---------------------------------------------------------------------------------- */

static bool says_absent(const cJSON *report)
{
    const cJSON *item, *list = json_at(report, "not_stated", NULL);
    bool stated = true;

    cJSON_ArrayForEach(item, list)
    {
        stated = stated && strcmp(json_string(item, "id"), "gpu_evidence_read") != 0;
    }
    if (stated)
        return false;

    cJSON_ArrayForEach(item, json_at(report, "not_proven", NULL))
    {
        if (strstr(item->valuestring, "no evidence of one was served"))
            return true;
    }
    return false;
}

static void empty_is_absent(void **state)
{
    static const char *const values[] = { NULL,          "null",         "\"\"",     "{}",
                                          "[]",          "\"{}\"",       "\"null\"", "\"[]\"",
                                          "\" {\\n} \"", "\"\\\"\\\"\"", "{ }",      "\" \\t\"" };

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct verdict v = judge(values[i], policy_auto);

        if (!v.accepted || v.reason[0] || v.has_gpu || !says_absent(v.report))
            fail_msg("%s: %s", values[i], v.reason);
        cJSON_Delete(v.report);
        v = judge(values[i], policy_nras);
        assert_string_equal(v.nras, "");
        cJSON_Delete(v.report);
        expect_refused(values[i], policy_require, "gpu_missing");
    }
}

/* What holds something is evidence, and then it must be whole. */
static void broken_is_not_absent(void **state)
{
    static const char *const values[] = {
        "0",
        "true",
        "false",
        "[1]",
        "[{}]",
        "\"hello\"",
        "\"{\"",
        "\"0\"",
        "\"[0]\"",
        "{\"nonce\":\"\"}",
        "{\"evidence_list\":[]}",
        "\"{\\\"evidence_list\\\":[]}\"",
        "\"{\\\"arch\\\":\\\"HOPPER\\\",\\\"evidence_list\\\":null}\"",
        "{\"arch\":\"HOPPER\",\"nonce\":\"" SAMPLE_NONCE "\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        expect_refused(values[i], policy_auto, "gpu_malformed");
        expect_refused(values[i], policy_nras, "gpu_malformed");
    }
}

/* Out: the payload as an object's text, with white space that no printer would write, and as the
 * JSON of a text. The caller frees both. */
static void make_forms(char **object, char **text)
{
    cJSON *payload = good_payload();
    char *plain = cJSON_PrintUnformatted(payload);
    cJSON *string;

    *object = calloc(1, strlen(plain) + 8);
    sprintf(*object, "{ \n%s", plain + 1);
    string = cJSON_CreateString(*object);
    *text = cJSON_PrintUnformatted(string);
    cJSON_Delete(string);
    cJSON_free(plain);
    cJSON_Delete(payload);
}

static void an_object_is_its_text(void **state)
{
    char *object, *text;
    const char *forms[2];

    (void)state;
    make_forms(&object, &text);
    forms[0] = text;
    forms[1] = object;
    for (int i = 0; i < 2; i++) {
        struct verdict v = judge(forms[i], policy_require);

        assert_string_equal(v.reason, "");
        assert_true(v.accepted);
        assert_int_equal(json_bool(json_at(v.report, "gpu", NULL), "verified"), 1);
        cJSON_Delete(v.report);
        v = judge(forms[i], policy_nras);
        assert_string_equal(v.nras, object); /* verbatim */
        cJSON_Delete(v.report);
    }
    memcpy(strstr(object, "HOPPER"), "HOPPEL", 6);
    expect_refused(object, policy_auto, "gpu_arch");
    free(object);
    cJSON_free(text);
}

static void an_object_without_memory(void **state)
{
    char *object, *text, *body;
    bool hit = true;

    (void)state;
    make_forms(&object, &text);
    body = body_with(object);
    for (long n = 0; hit; n += 7 + n / 16) {
        struct verdict v;

        torture_begin(n);
        v = judge_text(body, policy_nras);
        hit = torture_end();
        if (hit && v.status == 0 && v.accepted)
            assert_string_equal(v.nras, object);
        if (!hit)
            assert_true(v.status == 0 && v.accepted);
        cJSON_Delete(v.report);
    }
    free(body);
    free(object);
    cJSON_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_is_absent),
        cmocka_unit_test(broken_is_not_absent),
        cmocka_unit_test(an_object_is_its_text),
        cmocka_unit_test(an_object_without_memory),
    };
    int failed;

    torture_openssl();
    gpu_world_make();
    failed = cmocka_run_group_tests_name("gpu_payload", tests, NULL, NULL);
    gpu_world_free();
    return failed;
}
