/* A whole response: every step of an attestation, with DCAP off, so that what follows it is reached
 * although nobody signed the quote. The report must come, and must not say more than was proven. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/attestation.h"
#include "base/json.h"
#include "base/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char nonce[] = "00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f";
static const char pin_text[] = "[{\"mrtd\":\"00\",\"confirmed\":true}]";

static void judge(const char *options, const cJSON *pins, const uint8_t *data, size_t n)
{
    struct attestation *a = NULL;
    struct failure f = { 0 };
    struct policy policy;
    cJSON *object = NULL;
    char *text;
    size_t len;

    if (json_parse(&object, options, strlen(options), NULL) != 0 ||
        policy_read(&policy, &f, object) != 0 ||
        attestation_new(&a, &policy, "e2ee-sample-8b", nonce, 1790000000, NULL, pins) != 0 ||
        attestation_feed_response(a, (const char *)data, n) != 0)
        abort();
    if (attestation_needs(a) == NEED_COLLATERAL && attestation_feed_collateral(a, NULL, 0) != 0)
        abort();
    if (attestation_needs(a) != NEED_NOTHING ||
        report_level(attestation_report(a)) > LEVEL_BINDING || attestation_lifetime(a) < 0 ||
        report_json(attestation_report(a), &text, &len) != 0)
        abort();
    wiping_free(text);
    attestation_free(a);
    policy_clear(&policy);
    cJSON_Delete(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cJSON *pins = NULL;

    if (json_parse(&pins, pin_text, strlen(pin_text), NULL) != 0)
        abort();
    judge("{\"dcap\":\"off\"}", NULL, data, n);
    judge("{\"pin\":\"strict\",\"measurements\":{\"compose_hash\":[]}}", pins, data, n);
    cJSON_Delete(pins);
    return 0;
}
