/* Whether the enclave is one that the user knows: the allowlist and the known enclaves (DESIGN
 * section 5a, Pins), and the level "measured" that follows. */
#ifndef VENICE_ATTEST_PINS_H
#define VENICE_ATTEST_PINS_H

#include <cjson/cJSON.h>

#include "attest/attestation.h"
#include "attest/report.h"

/* Judges what the report holds by now (measurements.*, code.app_id, code.key_provider,
 * code.replayed); so it comes after every check.
 *
 * verify.measurements: a measurement that is listed must be one of the values, also where it is
 * not known: else a policy refusal, measurement_not_allowed.
 *
 * pins: NULL or an array of the model's known enclaves, each { mrtd, os_image_hash, compose_hash
 * (or mrconfigid), app_id, key_provider, confirmed }. What an enclave has shown before it must
 * show again. Adds, where the report verified and verify.pin is not 'off',
 *   pin = { state = "first"|"known"|"confirmed"|"changed", enclave = {...}, previous = {...} }
 * where enclave is today's and previous (for "changed") the known one that is nearest to it.
 * "changed" is a policy refusal, pin_changed, under 'ask' and 'strict'.
 *
 * Level dcap becomes measured where the event log replays, the compose hash is measured, MRCONFIGID
 * is of a known form (else something binds the code that nobody here understands), and an
 * allowlist that names the compose text, or a confirmed pin, accepts it. */
void pins_judge(struct report *r, const struct policy *policy, const cJSON *pins);

/* What an enclave (pin.enclave of a report) is to these pins: "first", "known", "confirmed" or
 * "changed". For a session that stands while the pins have changed under it. */
const char *pins_state(const cJSON *enclave, const cJSON *pins);

#endif
