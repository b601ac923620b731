/* What a report says is not proven: one sentence for each thing that no check can show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <string.h>

#include "attest/attestation.h"
#include "base/json.h"
#include "base/secret.h"
#include "support_code.h"

static const char no_checks_outside[] = "{\"dcap\":\"off\",\"gpu\":\"off\"}";

static cJSON *report_of(struct attestation *a)
{
    cJSON *report = NULL;
    char *text;
    size_t len;

    assert_int_equal(attestation_needs(a), NEED_NOTHING);
    assert_int_equal(report_json(attestation_report(a), &text, &len), 0);
    assert_int_equal(json_parse(&report, text, len, NULL), 0);
    wiping_free(text);
    attestation_free(a);
    return report;
}

static struct attestation *new_attestation(const char *policy_text, bool bare)
{
    cJSON *object = cJSON_Parse(policy_text);
    struct attestation *a;
    struct policy policy;

    assert_int_equal(policy_read(&policy, NULL, object), 0);
    assert_int_equal(attestation_new(&a, &policy, bare ? NULL : SAMPLE_MODEL,
                                     bare ? NULL : SAMPLE_NONCE, SAMPLE_NOW, NULL, NULL),
                     0);
    policy_clear(&policy);
    cJSON_Delete(object);
    return a;
}

static cJSON *attest(char shape, const char *policy)
{
    struct attestation *a = new_attestation(policy, false);
    struct machine m;
    cJSON *body;
    char *text;

    machine_new(&m, 1);
    body = machine_response(&m, shape);
    text = cJSON_PrintUnformatted(body);
    assert_int_equal(attestation_feed_response(a, text, strlen(text)), 0);
    cJSON_free(text);
    cJSON_Delete(body);
    machine_free(&m);
    return report_of(a);
}

/* A gateway's report never reads as if it were the model's enclave. */
static void a_gateway_is_called_one(void **state)
{
    (void)state;
    for (const char *shape = "ABCD"; *shape; shape++) {
        cJSON *report = attest(*shape, no_checks_outside);
        bool gateway = *shape >= 'C';

        assert_int_equal(json_bool(report, "accepted"), 1);
        assert_int_equal(json_bool(report, "gateway"), gateway);
        assert_true(is_not_proven(report, "what stands behind it shows no evidence") == gateway);
        assert_true(is_not_proven(report, "Who can hand out the gateway's key") == gateway);
        cJSON_Delete(report);
    }
}

/* Also where nothing is verified, the shape of the body is said. */
static void a_gateway_is_called_one_unverified(void **state)
{
    cJSON *report = attest('D', "{\"attestation\":false}");

    (void)state;
    assert_int_equal(json_bool(report, "gateway"), 1);
    assert_true(is_not_proven(report, "nothing was checked"));
    cJSON_Delete(report);
}

static void what_no_check_can_show(void **state)
{
    uint8_t quote[SAMPLE_QUOTE_MAX];
    struct attestation *a;
    cJSON *report;
    size_t n;

    (void)state;
    report = attest('A', no_checks_outside);
    assert_true(is_not_proven(report, "WireTap, Battering RAM, TEE.fail"));
    assert_true(is_not_proven(report, "prompt cache"));
    assert_true(is_not_proven(report, "cached_tokens"));
    assert_false(is_not_proven(report, "OCSP")); /* no GPU answered */
    cJSON_Delete(report);
    report = attest('A', "{\"dcap\":\"off\"}");
    assert_true((json_at(report, "gpu", NULL) != NULL) == is_not_proven(report, "OCSP"));
    cJSON_Delete(report);

    a = new_attestation(no_checks_outside, true);
    n = sample_quote(quote, 4, 2, NULL);
    assert_int_equal(attestation_feed_quote(a, quote, n), 0);
    report = report_of(a);
    assert_true(is_not_proven(report, "WireTap, Battering RAM, TEE.fail"));
    assert_false(is_not_proven(report, "prompt cache"));
    assert_null(json_at(report, "gateway", NULL));
    cJSON_Delete(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gateway_is_called_one),
        cmocka_unit_test(a_gateway_is_called_one_unverified),
        cmocka_unit_test(what_no_check_can_show),
    };

    return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}
