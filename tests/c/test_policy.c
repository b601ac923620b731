/* What is refused before anything is judged: policies and options, by the name of the member. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "attest/attestation.h"
#include "base/json.h"
#include "support_attest.h"
#include "venice.h"

/* ---- Policies ------------------------------------------------------------------------------- */

static void each_bad_policy_is_refused_by_name(void **state)
{
    static const struct {
        const char *json, *names;
    } rows[] = {
        { "{\"atestation\":true}", "verify.atestation" },
        { "{\"Dcap\":\"off\"}", "verify.Dcap" },
        { "{\"attestation\":\"false\"}", "verify.attestation" },
        { "{\"plaintext_whitespace\":\"no\"}", "verify.plaintext_whitespace" },
        { "{\"dcap\":true}", "verify.dcap" },
        { "{\"dcap\":\"Off\"}", "verify.dcap" },
        { "{\"accept_tcb\":\"UpToDate\"}", "verify.accept_tcb" },
        { "{\"accept_tcb\":[\"uptodate\"]}", "verify.accept_tcb" },
        { "{\"accept_tcb\":[\"Revoked\"]}", "verify.accept_tcb" },
        { "{\"accept_tcb\":[1]}", "verify.accept_tcb" },
        { "{\"tcb_grace_days\":-1}", "verify.tcb_grace_days" },
        { "{\"tcb_grace_days\":1.5}", "verify.tcb_grace_days" },
        { "{\"tcb_grace_days\":\"3\"}", "verify.tcb_grace_days" },
        { "{\"gpu\":\"on\"}", "verify.gpu" },
        { "{\"nras\":1}", "verify.nras" },
        { "{\"gpu_root_ca\":true}", "verify.gpu_root_ca" },
        { "{\"measurements\":[\"00\"]}", "verify.measurements" },
        { "{\"measurements\":{\"mrtb\":[]}}", "verify.measurements.mrtb" },
        { "{\"measurements\":{\"mrtd\":\"00\"}}", "verify.measurements.mrtd" },
        { "{\"measurements\":{\"mrtd\":[\"00\"]}}", "verify.measurements.mrtd" },
        { "{\"measurements\":{\"mrtd\":{\"a\":1}}}", "verify.measurements.mrtd" },
        { "{\"custody\":7}", "verify.custody must be a table" },
        { "{\"custody\":[\"00\"]}", "verify.custody must be a table" },
        { "{\"custody\":{\"root\":[]}}", "verify.custody.root is not an option" },
        { "{\"custody\":{\"roots\":\"00\"}}", "verify.custody.roots must be a list" },
        { "{\"custody\":{\"roots\":null}}", "verify.custody.roots must be a list" },
        { "{\"custody\":{\"roots\":[\"00\"]}}", "verify.custody.roots must hold texts of 66" },
        { "{\"custody\":{\"roots\":[7]}}", "verify.custody.roots must hold texts of 66" },
        { "{\"custody\":{\"roots\":[\"0x34c76e0c3f52ec64cbf9bbf5c910c272330166fd656c0a86bb330963e4"
          "6910e1\"]}}",
          "verify.custody.roots must hold texts of 66" },
        { "{\"custody\":{\"app_ids\":[\"fdb7a14e5a6675f752e2cb69c9067a98ca40291\"]}}",
          "verify.custody.app_ids must hold texts of 40" },
        { "{\"pin\":false}", "verify.pin" },
        { "{\"receipt\":1}", "verify.receipt" },
        { "{\"collateral_url\":1}", "verify.collateral_url" },
        { "{\"root_ca\":false}", "verify.root_ca" },
        { "\"off\"", "verify" },
        { "[1]", "verify" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct failure f = { .status = 0 };
        struct policy policy;
        cJSON *object = NULL;

        assert_int_equal(json_parse(&object, rows[i].json, strlen(rows[i].json), NULL), 0);
        assert_int_equal(policy_read(&policy, &f, object), VENICE_E_CONFIG);
        assert_non_null(strstr(f.message, rows[i].names));
        assert_true(policy.attestation && policy.dcap_required == POLICY_DCAP_REQUIRED_BY_DEFAULT);
        policy_clear(&policy);
        cJSON_Delete(object);
    }
}

/* A misspelt name is refused with the one that was meant, where one is near. */
static void the_name_that_was_meant(void **state)
{
    static const struct {
        const char *json, *message;
    } rows[] = {
        { "{\"measurements\":{\"rmtr1\":[]}}",
          "verify.measurements.rmtr1 is not a measurement: did you mean rtmr1?" },
        { "{\"measurements\":{\"RTMR2\":[]}}",
          "verify.measurements.RTMR2 is not a measurement: did you mean rtmr2?" },
        { "{\"measurements\":{\"rtmr_2\":[]}}",
          "verify.measurements.rtmr_2 is not a measurement: did you mean rtmr2?" },
        { "{\"measurements\":{\"rtm1\":[]}}",
          "verify.measurements.rtm1 is not a measurement: did you mean rtmr1?" },
        { "{\"measurements\":{\"composehash\":[]}}",
          "verify.measurements.composehash is not a measurement: did you mean compose_hash?" },
        { "{\"measurements\":{\"\":[]}}", "verify.measurements. is not a measurement" },
        { "{\"measurements\":{\"x\":[]}}", "verify.measurements.x is not a measurement" },
        { "{\"measurements\":{\"a_name_that_is_much_longer_than_any_of_ours\":[]}}",
          "verify.measurements.a_name_that_is_much_longer_than_any_of_ours is not a measurement" },
        { "{\"custody\":{\"root\":[]}}",
          "verify.custody.root is not an option: did you mean roots?" },
        { "{\"custody\":{\"appids\":[]}}",
          "verify.custody.appids is not an option: did you mean app_ids?" },
        { "{\"atestation\":true}",
          "verify.atestation is not an option: did you mean attestation?" },
        { "{\"measurement\":{}}",
          "verify.measurement is not an option: did you mean measurements?" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct failure f = { .status = 0 };
        struct policy policy;
        cJSON *object = NULL;

        assert_int_equal(json_parse(&object, rows[i].json, strlen(rows[i].json), NULL), 0);
        assert_int_equal(policy_read(&policy, &f, object), VENICE_E_CONFIG);
        assert_string_equal(f.message, rows[i].message);
        policy_clear(&policy);
        cJSON_Delete(object);
    }
}

/* A list may be long, and not longer. */
static void lists_have_a_limit(void **state)
{
    static const char *const names[] = { "measurements.mrtd", "custody.roots", "custody.app_ids" };
    static const size_t digits[] = { 96, 66, 40 };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (int over = 0; over < 2; over++) {
            struct failure f = { .status = 0 };
            cJSON *object = cJSON_CreateObject(), *group, *list;
            char value[97] = "", name[32];
            struct policy policy;

            snprintf(name, sizeof name, "%s", names[i]);
            *strchr(name, '.') = 0;
            group = cJSON_AddObjectToObject(object, name);
            list = cJSON_AddArrayToObject(group, name + strlen(name) + 1);
            memset(value, 'A', digits[i]);
            for (int k = 0; k < 1024 + over; k++)
                cJSON_AddItemToArray(list, cJSON_CreateString(value));
            assert_int_equal(policy_read(&policy, &f, object), over ? VENICE_E_CONFIG : 0);
            if (over)
                assert_non_null(strstr(f.message, "must be a list of at most 1024 values"));
            policy_clear(&policy);
            cJSON_Delete(object);
        }
    }
}

static void good_policies_are_read(void **state)
{
    static const char json[] =
        "{\"attestation\":true,\"plaintext_whitespace\":\"refuse\",\"dcap\":\"off\","
        "\"accept_tcb\":[\"UpToDate\",\"TDRelaunchAdvised\"],\"tcb_grace_days\":30,\"gpu\":"
        "\"require\",\"nras\":\"https://nras.example\",\"gpu_root_ca\":\"g\",\"measurements\":"
        "{\"compose_hash\":[]},\"custody\":{\"roots\":[],\"app_ids\":{}},\"pin\":\"strict\","
        "\"receipt\":false,\"collateral_url\":\"u\","
        "\"root_ca\":\"r\"}";
    struct policy policy, copy;
    cJSON *object = NULL;

    (void)state;
    assert_int_equal(policy_read(&policy, NULL, NULL), 0);
    assert_true(policy.attestation && !policy.nras);
    assert_false(policy.refuse_plaintext_whitespace);
    assert_int_equal(policy.accept_tcb_count, 4);
    assert_true(policy_accepts_tcb(&policy, "ConfigurationAndSWHardeningNeeded", 0, SAMPLE_NOW));
    assert_false(policy_accepts_tcb(&policy, "OutOfDate", SAMPLE_NOW, SAMPLE_NOW));
    policy_clear(&policy);

    assert_int_equal(json_parse(&object, json, strlen(json), NULL), 0);
    assert_int_equal(policy_read(&policy, NULL, object), 0);
    cJSON_Delete(object);
    assert_int_equal(policy_copy(&copy, &policy), 0);
    policy_clear(&policy);
    assert_true(copy.refuse_plaintext_whitespace && !copy.dcap_required);
    assert_true(copy.nras && copy.gpu == POLICY_GPU_REQUIRE && copy.pin == POLICY_PIN_STRICT);
    assert_string_equal(policy_string(&copy, "collateral_url"), "u");
    assert_string_equal(policy_string(&copy, "nras"), "https://nras.example");
    assert_true(policy_accepts_tcb(&copy, "TDRelaunchAdvised", 0, SAMPLE_NOW));
    assert_false(policy_accepts_tcb(&copy, "SWHardeningNeeded", 0, SAMPLE_NOW));
    assert_true(policy_accepts_tcb(&copy, "OutOfDate", SAMPLE_NOW - 30 * 86400, SAMPLE_NOW));
    assert_false(policy_accepts_tcb(&copy, "OutOfDate", SAMPLE_NOW - 30 * 86400 - 1, SAMPLE_NOW));
    assert_false(policy_accepts_tcb(&copy, "OutOfDate", 0, SAMPLE_NOW));
    assert_false(policy_accepts_tcb(&copy, "OutOfDateConfigurationNeeded", SAMPLE_NOW, SAMPLE_NOW));
    assert_false(policy_accepts_tcb(&copy, "Revoked", SAMPLE_NOW, SAMPLE_NOW));
    policy_clear(&copy);
}

/* Lua's JSON writes an empty table as [] or {}, and nil may come as null. */
static void empty_and_null_members_are_defaults(void **state)
{
    static const char *const rows[] = { "{}",
                                        "[]",
                                        "null",
                                        "{\"dcap\":null,\"gpu\":null}",
                                        "{\"measurements\":[]}",
                                        "{\"measurements\":{}}",
                                        "{\"custody\":{}}",
                                        "{\"custody\":[]}",
                                        "{\"custody\":null}" };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct policy policy;
        cJSON *object = NULL;

        assert_int_equal(json_parse(&object, rows[i], strlen(rows[i]), NULL), 0);
        assert_int_equal(policy_read(&policy, NULL, object), 0);
        assert_int_equal(policy.dcap_required, POLICY_DCAP_REQUIRED_BY_DEFAULT);
        assert_int_equal(policy.accept_tcb_count, 4);
        policy_clear(&policy);
        cJSON_Delete(object);
    }
}

/* ---- Options of the public functions -------------------------------------------------------- */

static void assert_config(bool whole, const char *options, const char *names)
{
    venice_text out = { NULL, 0 };
    int r = whole ? venice_verify_attestation(&out, "{}", 2, options, strlen(options))
                  : venice_verify_quote(&out, "", 0, options, strlen(options));

    assert_int_equal(r, VENICE_E_CONFIG);
    assert_non_null(out.data);
    assert_non_null(strstr(out.data, "\"config\""));
    assert_non_null(strstr(out.data, names));
    venice_text_free(&out);
}

static void options_are_read_strictly(void **state)
{
    static const char q[] = "\"now\":1,\"nonce\":\"" SAMPLE_NONCE "\",\"model\":\"m\"";
    char options[400];
    venice_text out;

    (void)state;
    assert_config(false, "", "options");
    assert_config(false, "[]", "options");
    assert_config(false, "{}", "now");
    assert_config(false, "{\"now\":null}", "now");
    assert_config(false, "{\"now\":\"1\"}", "now");
    assert_config(false, "{\"now\":-1}", "now");
    assert_config(false, "{\"now\":1.5}", "now");
    assert_config(false, "{\"now\":1,\"model\":\"m\"}", "model");
    assert_config(false, "{\"now\":1,\"colateral\":\"\"}", "colateral");
    assert_config(false, "{\"now\":1,\"collateral\":{}}", "collateral");
    assert_config(false, "{\"now\":1,\"root_ca\":\"/etc/root.pem\"}", "root_ca");
    assert_config(false, "{\"now\":1,\"policy\":{\"root_ca\":\"/etc/root.pem\"}}", "root_ca");
    assert_config(false, "{\"now\":1,\"policy\":{\"dcap\":1}}", "verify.dcap");
    assert_config(true, "{\"now\":1,\"model\":\"m\"}", "nonce");
    assert_config(true, "{\"now\":1,\"nonce\":\"" SAMPLE_NONCE "\"}", "model");
    assert_config(true, "{\"now\":1,\"model\":\"m\",\"nonce\":\"00\"}", "nonce");
    assert_config(true, "{\"now\":1,\"model\":\"m\",\"nonce\":\"" SAMPLE_NONCE "0\"}", "nonce");
    assert_config(true,
                  "{\"now\":1,\"model\":\"m\",\"nonce\":"
                  "\"g0112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f\"}",
                  "nonce");
    snprintf(options, sizeof options, "{%s,\"nras\":{\"response\":\"x\"}}", q);
    assert_config(true, options, "nras");
    snprintf(options, sizeof options, "{%s,\"pins\":{\"a\":1}}", q);
    assert_config(true, options, "pins");
    assert_int_equal(venice_verify_quote(NULL, "", 0, "{}", 2), VENICE_E_ARG);
    assert_int_equal(venice_verify_quote(&out, NULL, 1, "{}", 2), VENICE_E_ARG);
    assert_int_equal(venice_verify_quote(&out, "", 0, NULL, 0), VENICE_E_ARG);
    assert_null(out.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bad_policy_is_refused_by_name),
        cmocka_unit_test(the_name_that_was_meant),
        cmocka_unit_test(lists_have_a_limit),
        cmocka_unit_test(good_policies_are_read),
        cmocka_unit_test(empty_and_null_members_are_defaults),
        cmocka_unit_test(options_are_read_strictly),
    };

    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
