/* A whole response: whatever it is, a report comes out, and a key only with an accepted one. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/attestation.h"
#include "attest/evidence.h"
#include "base/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What the seeds answer (tests/c/support_attest.h). */
static const char model[] = "e2ee-sample-8b";
static const char nonce[] = "00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f";

/* What nothing proves must have been there, whatever else was left out. */
static void check_accepted(const char *body, size_t len)
{
    struct evidence e;

    if (evidence_read(&e, body, len) != 0 || !e.model || strcmp(e.model, model) != 0 ||
        !e.has_public_key || !e.quote || e.verified == 0)
        __builtin_trap();
    evidence_clear(&e);
}

static void judge(const char *body, size_t len, bool required)
{
    struct attestation *a = NULL;
    struct policy policy;
    uint8_t key[65];
    char *json = NULL;
    size_t json_len = 0;

    if (policy_read(&policy, NULL, NULL) != 0)
        return;
    policy.dcap_required = required;
    if (attestation_new(&a, &policy, model, nonce, 1790000000, NULL, NULL) != 0)
        goto out;
    if (attestation_feed_response(a, body, len) != 0)
        goto out;
    if (attestation_needs(a) == NEED_COLLATERAL)
        (void)attestation_feed_collateral(a, NULL, 0);
    if (attestation_needs(a) != NEED_NOTHING)
        __builtin_trap();
    if (attestation_key(a, key) != report_accepted(attestation_report(a)))
        __builtin_trap();
    if (report_accepted(attestation_report(a)))
        check_accepted(body, len);
    if (required && report_accepted(attestation_report(a)))
        __builtin_trap(); /* there was no collateral */
    if (report_json(attestation_report(a), &json, &json_len) != 0)
        __builtin_trap();
out:
    wiping_free(json);
    attestation_free(a);
    policy_clear(&policy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct evidence e;
    int r;

    r = evidence_read(&e, (const char *)data, len);
    if (r == 0)
        evidence_clear(&e);
    else if (!evidence_fault((const char *)data, len, r))
        __builtin_trap();
    judge((const char *)data, len, false);
    judge((const char *)data, len, true);
    return 0;
}
