/* A policy, the known enclaves and an enclave, all as JSON: {"policy":…,"pins":…,"enclave":…}. What
 * stands in a user's file may be anything; none of it may vouch for what it does not name. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/attestation.h"
#include "attest/pins.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Whether some pin that was confirmed names RTMR1 and RTMR2 where the enclave has them. */
static bool is_vouched_for(const cJSON *enclave, const cJSON *pins)
{
    static const char *const names[] = { "mrtd", "rtmr1", "rtmr2", "mrconfigid_form", "shape" };
    const cJSON *pin;

    cJSON_ArrayForEach(pin, pins)
    {
        bool all = json_bool(pin, "confirmed") == 1 && json_string(pin, "mrtd");

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            all = all && (!json_string(enclave, names[i]) || json_string(pin, names[i]));
        if (all)
            return true;
    }
    return false;
}

static void judge_state(const cJSON *enclave, const cJSON *pins)
{
    const char *state = pins_state(enclave, pins);

    if (strcmp(state, "confirmed") == 0 && !is_vouched_for(enclave, pins))
        abort();
    if (pins && pins->child && strcmp(state, "first") == 0)
        abort();
}

static void judge_report(const struct policy *policy, const cJSON *enclave, const cJSON *pins)
{
    static const char *const names[] = { "mrtd", "rtmr1", "rtmr2", "compose_hash", "mrconfigid" };
    struct report *r;

    if (report_new(&r) != 0)
        return;
    report_check(r, CHECK_QUOTE_PRESENT, true, NULL, NULL);
    report_set_level(r, LEVEL_DCAP);
    report_set(r, "code.replayed", cJSON_CreateTrue());
    report_set(r, "code.mrconfigid_bound", cJSON_CreateTrue());
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = json_string(enclave, names[i]);
        char member[64] = "measurements.";

        strcat(member, names[i]);
        if (value)
            report_set_string(r, member, value);
    }
    pins_judge(r, policy, pins);
    /* Code is measured only where a list names all of it, or a pin was confirmed. */
    if (report_level(r) == LEVEL_MEASURED) {
        const char *state = report_string(r, "pin.state");

        if (!cJSON_IsTrue(report_get(r, "allowlist.complete")) &&
            !(state && strcmp(state, "confirmed") == 0))
            abort();
    }
    report_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const cJSON *pins, *enclave;
    struct policy policy;
    cJSON *root = NULL;

    if (json_parse(&root, (const char *)data, n, NULL) != 0)
        return 0;
    pins = json_at(root, "pins", NULL);
    enclave = json_at(root, "enclave", NULL);
    judge_state(enclave, pins);
    if (policy_read(&policy, NULL, json_at(root, "policy", NULL)) == 0)
        judge_report(&policy, enclave, pins);
    policy_clear(&policy);
    cJSON_Delete(root);
    return 0;
}
