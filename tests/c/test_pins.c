/* Pins and the allowlist: first sight, known, confirmed, changed; and the level that follows. */
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
#include "attest/pins.h"
#include "base/json.h"
#include "base/secret.h"
#include "support_code.h"
#include "venice.h"

static const char *const names[] = { "mrtd", "os_image_hash", "compose_hash", "app_id",
                                     "key_provider" };

static cJSON *judge_machine(struct machine *m, bool log, const char *policy, const char *pins)
{
    cJSON *body = machine_response(m, 'A');

    if (!log) {
        set_member(body, "event_log", NULL);
        set_member(body, "info.tcb_info.event_log", NULL);
    }
    return judge(body, policy, pins, 0);
}

static cJSON *judge_it(const char *policy, const char *pins)
{
    struct machine m;
    cJSON *report;

    machine_new(&m, 1);
    report = judge_machine(&m, true, policy, pins);
    machine_free(&m);
    return report;
}

/* Today's enclave as Lua would store it. */
static cJSON *enclave(void)
{
    cJSON *report = judge_it(NULL, NULL);
    cJSON *copy = cJSON_Duplicate(json_at(report, "pin", "enclave", NULL), 1);

    assert_non_null(copy);
    cJSON_Delete(report);
    return copy;
}

/* The text of an array of this pin; frees pin. */
static char *pins_of(cJSON *pin, bool confirmed)
{
    cJSON *array = cJSON_CreateArray();
    char *text;

    cJSON_AddBoolToObject(pin, "confirmed", confirmed);
    cJSON_AddItemToArray(array, pin);
    text = cJSON_PrintUnformatted(array);
    cJSON_Delete(array);
    return text;
}

static void assert_verdict(cJSON *report, const char *state, const char *level, const char *reason)
{
    const char *found = json_string(json_at(report, "pin", NULL), "state");
    const char *code = json_string(report, "reason");

    assert_int_equal(json_bool(report, "verified"), 1);
    assert_int_equal(json_bool(report, "accepted"), reason == NULL);
    assert_string_equal(json_string(report, "level"), level);
    if (state)
        assert_string_equal(found ? found : "none", state);
    else
        assert_null(json_at(report, "pin", NULL));
    if (reason)
        assert_string_equal(code ? code : "none", reason);
    else
        assert_null(code);
    cJSON_Delete(report);
}

/* ---- Pins ------------------------------------------------------------------------------------ */

static void first_sight(void **state)
{
    static const char *const empty[] = { NULL, "[]", "{}" };
    cJSON *report;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        report = judge_it(NULL, empty[i]);
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            assert_non_null(json_string(json_at(report, "pin", "enclave", NULL), names[k]));
        assert_null(json_at(report, "pin", "enclave", "mrconfigid", NULL));
        assert_null(json_at(report, "pin", "previous", NULL));
        assert_verdict(report, "first", "dcap", NULL);
        assert_verdict(judge_it("{\"pin\":\"strict\"}", empty[i]), "first", "dcap", NULL);
        assert_verdict(judge_it("{\"pin\":\"off\"}", empty[i]), NULL, "dcap", NULL);
    }
}

static void known_and_confirmed(void **state)
{
    char *known = pins_of(enclave(), false), *confirmed = pins_of(enclave(), true);

    (void)state;
    assert_verdict(judge_it(NULL, known), "known", "dcap", NULL);
    assert_verdict(judge_it(NULL, confirmed), "confirmed", "measured", NULL);
    assert_verdict(judge_it("{\"pin\":\"strict\"}", confirmed), "confirmed", "measured", NULL);
    assert_verdict(judge_it("{\"pin\":\"off\"}", confirmed), NULL, "dcap", NULL);
    cJSON_free(known);
    cJSON_free(confirmed);
}

static void each_value_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        cJSON *pin = enclave(), *report;
        char *value, *pins;

        value = member(pin, names[i])->valuestring;
        value[3] = value[3] == '0' ? '1' : '0';
        pins = pins_of(pin, true);
        report = judge_it(NULL, pins);
        assert_string_equal(json_string(report, "refusal"),
                            "the enclave is not one of those that you know");
        assert_non_null(json_string(json_at(report, "pin", "previous", NULL), names[i]));
        assert_string_not_equal(json_string(json_at(report, "pin", "previous", NULL), names[i]),
                                json_string(json_at(report, "pin", "enclave", NULL), names[i]));
        assert_verdict(report, "changed", "dcap", "pin_changed");
        assert_verdict(judge_it("{\"pin\":\"strict\"}", pins), "changed", "dcap", "pin_changed");
        assert_verdict(judge_it("{\"pin\":\"off\"}", pins), NULL, "dcap", NULL);
        cJSON_free(pins);
    }
}

/* What was confirmed was all of it: a pin that names less is only known. */
static void pins_that_name_less(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        cJSON *pin = enclave();
        char *pins;

        set_member(pin, names[i], NULL);
        pins = pins_of(pin, true);
        assert_verdict(judge_it(NULL, pins), "known", "dcap", NULL);
        cJSON_free(pins);
    }
    assert_verdict(judge_it(NULL, "[{\"confirmed\":true}]"), "changed", "dcap", "pin_changed");
    assert_verdict(judge_it(NULL, "[7]"), "changed", "dcap", "pin_changed");
    assert_verdict(judge_it(NULL, "[{\"mrtd\":7,\"compose_hash\":[]}]"), "changed", "dcap",
                   "pin_changed");
}

static void one_of_several(void **state)
{
    cJSON *pins = cJSON_CreateArray(), *near = enclave(), *far = enclave(), *report;
    const cJSON *previous;
    char *text;

    (void)state;
    member(near, "compose_hash")->valuestring[0] = 'x';
    member(far, "compose_hash")->valuestring[0] = 'x';
    member(far, "mrtd")->valuestring[0] = 'x';
    cJSON_AddItemToArray(pins, far);
    cJSON_AddItemToArray(pins, near);
    text = cJSON_PrintUnformatted(pins);
    report = judge_it(NULL, text);
    previous = json_at(report, "pin", "previous", NULL);
    assert_string_equal(json_string(previous, "mrtd"), json_string(near, "mrtd"));
    assert_string_equal(json_string(previous, "compose_hash"), json_string(near, "compose_hash"));
    assert_verdict(report, "changed", "dcap", "pin_changed");
    cJSON_free(text);
    cJSON_AddItemToArray(pins, enclave());
    text = cJSON_PrintUnformatted(pins);
    assert_verdict(judge_it(NULL, text), "known", "dcap", NULL);
    cJSON_free(text);
    cJSON_AddBoolToObject(pins->child->next->next, "confirmed", 1);
    text = cJSON_PrintUnformatted(pins);
    assert_verdict(judge_it(NULL, text), "confirmed", "measured", NULL);
    cJSON_free(text);
    cJSON_Delete(pins);
}

/* Hex of either case; more members than ours do not matter. */
static void pins_are_read_with_tolerance(void **state)
{
    cJSON *pin = enclave();
    char *text;

    (void)state;
    for (char *c = member(pin, "mrtd")->valuestring; *c; c++)
        *c = (char)(*c >= 'a' ? *c - 32 : *c);
    cJSON_AddStringToObject(pin, "first_seen", "2026-11-01T00:00:00Z");
    text = pins_of(pin, true);
    assert_verdict(judge_it(NULL, text), "confirmed", "measured", NULL);
    cJSON_free(text);
}

/* ---- Without an event log -------------------------------------------------------------------- */

static void pins_without_a_log(void **state)
{
    char *full = pins_of(enclave(), true), *text;
    struct machine m;
    cJSON *report, *pin;

    (void)state;
    machine_new(&m, 1);
    report = judge_machine(&m, false, NULL, NULL);
    pin = cJSON_Duplicate(json_at(report, "pin", "enclave", NULL), 1);
    assert_non_null(json_string(pin, "mrtd"));
    assert_non_null(json_string(pin, "compose_hash")); /* MRCONFIGID says it */
    assert_null(json_string(pin, "app_id"));
    assert_verdict(report, "first", "dcap", NULL);
    /* What was shown before must be shown again: else leaving it out would hide a change. */
    assert_verdict(judge_machine(&m, false, NULL, full), "changed", "dcap", "pin_changed");
    /* Never measured, whoever confirmed it. */
    text = pins_of(pin, true);
    assert_verdict(judge_machine(&m, false, NULL, text), "confirmed", "dcap", NULL);
    assert_verdict(judge_machine(&m, true, NULL, text), "known", "dcap", NULL);
    cJSON_free(text);
    cJSON_free(full);
    /* Where MRCONFIGID is of another form, it stands for itself. */
    m.mrconfigid[0] = 2;
    report = judge_machine(&m, false, NULL, NULL);
    assert_non_null(json_at(report, "pin", "enclave", "mrconfigid", NULL));
    assert_null(json_at(report, "pin", "enclave", "compose_hash", NULL));
    cJSON_Delete(report);
    machine_free(&m);
}

static void unknown_mrconfigid_is_never_measured(void **state)
{
    struct machine m;
    cJSON *report;
    char *pins = pins_of(enclave(), true);

    (void)state;
    machine_new(&m, 1);
    m.mrconfigid[0] = 9;
    report = judge_machine(&m, true, NULL, pins);
    assert_string_equal(json_string(json_at(report, "code", NULL), "mrconfigid"), "unknown");
    assert_verdict(report, "confirmed", "dcap", NULL);
    cJSON_free(pins);
    machine_free(&m);
}

/* ---- The allowlist --------------------------------------------------------------------------- */

static void allowlists(void **state)
{
    static const char zero[] = "00000000000000000000000000000000000000000000000000000000000000"
                               "0000000000000000000000000000000000";
    cJSON *now = enclave();
    const char *compose = json_string(now, "compose_hash"), *mrtd = json_string(now, "mrtd");
    char *changed = pins_of(cJSON_CreateObject(), true);
    struct machine m;
    char policy[512];

    (void)state;
    machine_new(&m, 1);
    snprintf(policy, sizeof policy, "{\"measurements\":{\"compose_hash\":[\"%s\"]}}", compose);
    assert_verdict(judge_it(policy, NULL), "first", "measured", NULL);
    assert_verdict(judge_machine(&m, false, policy, NULL), "first", "dcap", NULL);
    assert_verdict(judge_it(policy, changed), "changed", "dcap", "pin_changed");
    snprintf(policy, sizeof policy,
             "{\"measurements\":{\"compose_hash\":[\"%.64s\",\"%s\"],\"mrtd\":[\"%s\"]}}", zero,
             compose, mrtd);
    assert_verdict(judge_it(policy, NULL), "first", "measured", NULL);
    /* A list that says nothing about the program accepts, and measures nothing. */
    snprintf(policy, sizeof policy, "{\"measurements\":{\"mrtd\":[\"%s\"]}}", mrtd);
    assert_verdict(judge_it(policy, NULL), "first", "dcap", NULL);
    snprintf(policy, sizeof policy, "{\"measurements\":{}}");
    assert_verdict(judge_it(policy, NULL), "first", "dcap", NULL);
    /* Not met. */
    snprintf(policy, sizeof policy, "{\"measurements\":{\"compose_hash\":[\"%.64s\"]}}", zero);
    assert_verdict(judge_it(policy, NULL), "first", "dcap", "measurement_not_allowed");
    snprintf(policy, sizeof policy,
             "{\"measurements\":{\"compose_hash\":[\"%s\"],\"mrtd\":[\"%s\"]}}", compose, zero);
    assert_verdict(judge_it(policy, NULL), "first", "dcap", "measurement_not_allowed");
    /* Listed and not known. */
    snprintf(policy, sizeof policy, "{\"measurements\":{\"os_image_hash\":[\"%s\"]}}",
             json_string(now, "os_image_hash"));
    assert_verdict(judge_it(policy, NULL), "first", "dcap", NULL);
    assert_verdict(judge_machine(&m, false, policy, NULL), "first", "dcap",
                   "measurement_not_allowed");
    machine_free(&m);
    cJSON_free(changed);
    cJSON_Delete(now);
}

/* A confirmed pin does not outweigh a list that is not met. */
static void both_must_agree(void **state)
{
    char *pins = pins_of(enclave(), true);
    static const char policy[] = "{\"measurements\":{\"compose_hash\":[]}}";

    (void)state;
    assert_verdict(judge_it(policy, pins), "confirmed", "dcap", "measurement_not_allowed");
    cJSON_free(pins);
}

/* Nothing is pinned of a response in which a check failed. */
static void nothing_is_pinned_of_a_failure(void **state)
{
    struct machine m;
    cJSON *body, *report;
    char *pins = pins_of(enclave(), true);

    (void)state;
    machine_new(&m, 1);
    body = machine_response(&m, 'A');
    set_member(body, "info.app_id", cJSON_CreateString("00"));
    report = judge(body, NULL, pins, 0);
    assert_string_equal(json_string(report, "level"), "dcap");
    assert_only_failure(report, "app_id_restated", "app_id_mismatch");
    machine_free(&m);
    cJSON_free(pins);
}

/* ---- The whole way --------------------------------------------------------------------------- */

/* A recorded session of June 2026 through every step; returns its report. */
static cJSON *attest_recorded(const char *pins_text, const char *options)
{
    char *file, *collateral, *text;
    const char *body;
    size_t n, len, collateral_len;
    struct attestation *a;
    struct policy policy;
    struct failure f = { 0 };
    cJSON *pins = pins_text ? cJSON_Parse(pins_text) : NULL, *object = cJSON_Parse(options);
    cJSON *wrapped, *report = NULL;

    assert_int_equal(
        corpus_file(&file, &n, "recorded/venice-py_2026-06_07/attestation_gemma_3_27b_p.json"), 0);
    assert_int_equal(corpus_file(&collateral, &collateral_len,
                                 "recorded/venice-py_2026-06_07/collateral_gemma_3_27b_p.json"),
                     0);
    assert_int_equal(json_parse(&wrapped, file, n, NULL), 0);
    assert_int_equal(json_raw_member(&body, &len, file, n, "attestation"), 0);
    assert_int_equal(policy_read(&policy, &f, object), 0);
    assert_int_equal(attestation_new(&a, &policy, "e2ee-gemma-3-27b-p",
                                     json_string(wrapped, "_client_nonce"), 1780598249, NULL, pins),
                     0);
    assert_int_equal(attestation_feed_response(a, body, len), 0);
    if (policy.dcap_required) {
        assert_int_equal(attestation_needs(a), NEED_COLLATERAL);
        assert_int_equal(attestation_feed_collateral(a, collateral, collateral_len), 0);
    }
    assert_int_equal(attestation_needs(a), NEED_NOTHING);
    assert_int_equal(report_json(attestation_report(a), &text, &len), 0);
    assert_int_equal(json_parse(&report, text, len, NULL), 0);
    wiping_free(text);
    attestation_free(a);
    policy_clear(&policy);
    cJSON_Delete(wrapped);
    cJSON_Delete(pins);
    cJSON_Delete(object);
    free(file);
    free(collateral);
    return report;
}

/* What is asked about GPUs is another matter. */
static const char no_gpu[] = "{\"gpu\":\"off\"}";

static void a_recorded_session(void **state)
{
    cJSON *report, *pin;
    char *pins;

    (void)state;
    if (!getenv("VENICE_CORPUS"))
        skip();
    report = attest_recorded(NULL, no_gpu);
    pin = cJSON_Duplicate(json_at(report, "pin", "enclave", NULL), 1);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_non_null(json_string(pin, names[i]));
    assert_non_null(json_string(json_at(report, "code", NULL), "compose"));
    assert_verdict(report, "first", "dcap", NULL);
    pins = pins_of(pin, true);
    assert_verdict(attest_recorded(pins, no_gpu), "confirmed", "measured", NULL);
    /* Without the signature nothing is measured, whatever was confirmed. */
    assert_verdict(attest_recorded(pins, "{\"gpu\":\"off\",\"dcap\":\"off\"}"), "confirmed",
                   "binding", NULL);
    strstr(pins, "cd5af141")[0] = 'd';
    assert_verdict(attest_recorded(pins, no_gpu), "changed", "dcap", "pin_changed");
    cJSON_free(pins);
}

/* What a session asks of its enclave while the pins change under it. */
static void a_state_without_a_report(void **state)
{
    cJSON *today = enclave(), *other = enclave(), *pins;
    char *known = pins_of(enclave(), false), *confirmed = pins_of(enclave(), true), *changed;

    (void)state;
    member(other, "mrtd")->valuestring[0] = 'x';
    changed = pins_of(other, true);
    assert_string_equal(pins_state(today, NULL), "first");
    pins = cJSON_Parse(known);
    assert_string_equal(pins_state(today, pins), "known");
    cJSON_Delete(pins);
    pins = cJSON_Parse(confirmed);
    assert_string_equal(pins_state(today, pins), "confirmed");
    cJSON_Delete(pins);
    pins = cJSON_Parse(changed);
    assert_string_equal(pins_state(today, pins), "changed");
    cJSON_Delete(pins);
    cJSON_Delete(today);
    cJSON_free(known);
    cJSON_free(confirmed);
    cJSON_free(changed);
}

/* The bundle of an attestation is what venice_verify_attestation takes, and gives its verdict. */
static void a_bundle_is_judged_the_same(void **state)
{
    static const char policy_text[] = "{\"dcap\":\"off\",\"gpu\":\"off\"}";
    cJSON *options = cJSON_Parse(policy_text), *body, *bundle, *pins, *first, *again;
    char *text, *json = NULL, *pins_text = pins_of(enclave(), true), *options_text;
    struct failure f = { 0 };
    struct attestation *a;
    struct policy policy;
    struct machine m;
    venice_text out;
    size_t len = 0;

    (void)state;
    pins = cJSON_Parse(pins_text);
    assert_int_equal(policy_read(&policy, &f, options), 0);
    machine_new(&m, 1);
    body = machine_response(&m, 'A');
    text = cJSON_PrintUnformatted(body);
    assert_int_equal(
        attestation_new(&a, &policy, SAMPLE_MODEL, SAMPLE_NONCE, SAMPLE_NOW, NULL, pins), 0);
    assert_int_equal(attestation_feed_response(a, text, strlen(text)), 0);
    assert_int_equal(report_tree(attestation_report(a), &first), 0);
    assert_int_equal(attestation_bundle(a, &json, &len), 0);
    assert_int_equal(strlen(json), len);
    bundle = cJSON_Parse(json);
    assert_string_equal(json_string(bundle, "response"), text);
    cJSON_DeleteItemFromObject(bundle, "response");
    cJSON_AddItemToObject(bundle, "policy", cJSON_Duplicate(options, 1));
    options_text = cJSON_PrintUnformatted(bundle);
    assert_int_equal(
        venice_verify_attestation(&out, text, strlen(text), options_text, strlen(options_text)), 0);
    again = cJSON_Parse(out.data);
    assert_string_equal(json_string(json_at(again, "pin", NULL), "state"), "confirmed");
    assert_true(cJSON_Compare(first, again, 1));
    venice_text_free(&out);
    cJSON_free(options_text);
    cJSON_Delete(again);
    cJSON_Delete(first);
    cJSON_Delete(bundle);
    wiping_free(json);
    attestation_free(a);
    cJSON_free(text);
    cJSON_Delete(body);
    machine_free(&m);
    policy_clear(&policy);
    cJSON_Delete(options);
    cJSON_Delete(pins);
    cJSON_free(pins_text);
}

static void papers_end_a_session(void **state)
{
    static const struct {
        char shape;
        int64_t lifetime;
    } rows[] = { { 'A', INT64_MAX }, { 'C', 3600 }, { 'D', 86400 } };
    struct failure f = { 0 };
    struct policy policy;
    cJSON *options = cJSON_Parse("{\"dcap\":\"off\",\"gpu\":\"off\"}");

    (void)state;
    assert_int_equal(policy_read(&policy, &f, options), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct attestation *a;
        struct machine m;
        cJSON *body;
        char *text;

        machine_new(&m, 1);
        body = machine_response(&m, rows[i].shape);
        text = cJSON_PrintUnformatted(body);
        assert_int_equal(
            attestation_new(&a, &policy, SAMPLE_MODEL, SAMPLE_NONCE, SAMPLE_NOW, NULL, NULL), 0);
        assert_int_equal(attestation_feed_response(a, text, strlen(text)), 0);
        assert_true(attestation_lifetime(a) == rows[i].lifetime);
        assert_true(report_accepted(attestation_report(a)));
        attestation_free(a);
        cJSON_free(text);
        cJSON_Delete(body);
        machine_free(&m);
    }
    policy_clear(&policy);
    cJSON_Delete(options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_sight),
        cmocka_unit_test(known_and_confirmed),
        cmocka_unit_test(each_value_counts),
        cmocka_unit_test(pins_that_name_less),
        cmocka_unit_test(one_of_several),
        cmocka_unit_test(pins_are_read_with_tolerance),
        cmocka_unit_test(pins_without_a_log),
        cmocka_unit_test(unknown_mrconfigid_is_never_measured),
        cmocka_unit_test(allowlists),
        cmocka_unit_test(a_recorded_session),
        cmocka_unit_test(a_state_without_a_report),
        cmocka_unit_test(a_bundle_is_judged_the_same),
        cmocka_unit_test(papers_end_a_session),
        cmocka_unit_test(both_must_agree),
        cmocka_unit_test(nothing_is_pinned_of_a_failure),
    };

    return cmocka_run_group_tests_name("pins", tests, NULL, NULL);
}
