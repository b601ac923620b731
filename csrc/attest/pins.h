/* Whether the enclave is one that the user knows: the allowlist and the known enclaves (DESIGN
 * section 5a, Pins), and the level "measured" that follows. */
#ifndef VENICE_ATTEST_PINS_H
#define VENICE_ATTEST_PINS_H

#include <cjson/cJSON.h>

#include "attest/attestation.h"
#include "attest/report.h"

/* Judges what the report holds by now (measurements.*, code.*, aci.custody, gateway); so it comes
 * after every check.
 *
 * verify.measurements: a measurement that is listed must be one of the values, also where it is
 * not known: else a policy refusal, measurement_not_allowed. Adds, where it is set,
 *   allowlist = { complete, missing = { names } }
 * complete where it lists mrtd, rtmr1, rtmr2 and compose_hash (or mrconfigid).
 *
 * verify.custody: who may hand out the key that is encrypted to, whatever the body is; refusals
 * custody_missing, custody_root_not_allowed, custody_app_id_not_allowed.
 *
 * pins: NULL or an array of the model's known enclaves, each { mrtd, rtmr1, rtmr2, mrconfigid_form,
 * os_image_hash, compose_hash (or mrconfigid), app_id, key_provider, shape, custody_root,
 * confirmed }; names that are not known here are not looked at. What an enclave has shown before
 * it must show again. A pin that names less than is known today (of an older version) is known and
 * never confirmed, and counts only while no other pin names the same and more. Adds, where the
 * report verified and verify.pin is not 'off',
 *   pin = { state = "first"|"known"|"confirmed"|"changed", enclave = {...}, previous = {...},
 *           missing = { names } }
 * where enclave is today's, previous (for "changed") the known one that is nearest to it, and
 * missing (for "known") what a pin lacks that was confirmed. "changed" is a policy refusal,
 * pin_changed, under 'ask' and 'strict'.
 *
 * Level dcap becomes measured where the event log replays, the compose hash is measured, MRCONFIGID
 * binds it, and a complete allowlist or a confirmed pin accepts it. Where MRCONFIGID is not used,
 * a confirmed pin must say so, and the allowlist is not enough. */
void pins_judge(struct report *r, const struct policy *policy, const cJSON *pins);

/* What an enclave (pin.enclave of a report) is to these pins: "first", "known", "confirmed" or
 * "changed". For a session that stands while the pins have changed under it. */
const char *pins_state(const cJSON *enclave, const cJSON *pins);

#endif
