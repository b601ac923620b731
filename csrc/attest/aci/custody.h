/* Who made the gateway's keys: each is signed by the application's key, and that one by the key
 * service's root (EVIDENCE section 3.1, 8). */
#ifndef VENICE_ATTEST_ACI_CUSTODY_H
#define VENICE_ATTEST_ACI_CUSTODY_H

#include <cjson/cJSON.h>

#include "attest/report.h"

enum { CUSTODY_KEYS_MAX = 32 };

/* Adds the check custody_chain and the member aci.custody = { keys, checked, root, root_known };
 * does nothing where custody is NULL. A key without a kms_public_key that is not of secp256k1
 * itself cannot be checked and is only counted; without a measured app id ("code.app_id" of r)
 * there is no root.
 *
 * Public keys are recovered from the signatures, so a wrong signature gives another key: what
 * can be checked is that all keys of the keyset lead to one application key and one root.
 * Whether the root is the right one is a matter of knowing it; root_known says that it is the
 * one which Venice's gateways of 2026 had.
 *
 * Returns 0, or a hard error. */
int custody_check(struct report *r, const cJSON *keyset, const cJSON *custody);

#endif
