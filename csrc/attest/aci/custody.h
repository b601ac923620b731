/* Who made the gateway's keys: each is signed by the application's key, and that one by the key
 * service's root (EVIDENCE section 3.1, 8). */
#ifndef VENICE_ATTEST_ACI_CUSTODY_H
#define VENICE_ATTEST_ACI_CUSTODY_H

#include <cjson/cJSON.h>

#include "attest/evidence.h"
#include "attest/report.h"

enum { CUSTODY_KEYS_MAX = 32 };

/* Adds the check custody_chain, the member
 *   aci.custody = { keys, checked, root, root_known, app_id }
 * where custody has keys, and a sentence on who can hand out the key. custody may be NULL.
 *
 * root, root_known and app_id are there only where the chain of the key that is encrypted to was
 * followed: a chain of other keys is genuine and says nothing of ours. app_id is the one that the
 * event log measures ("code.app_id" of r); the chain is computed with it, so a chain that was
 * issued for another app id leads to another root. A key without a kms_public_key that is not of
 * secp256k1 itself cannot be checked and is only counted.
 *
 * Public keys are recovered from the signatures, so a wrong signature gives another key: what
 * can be checked is that all keys of the keyset lead to one application key and one root.
 * Whether the root is the right one is a matter of knowing it; root_known says that it is the
 * one which Venice's gateways of 2026 had.
 *
 * Returns 0, or a hard error. */
int custody_check(struct report *r, const struct evidence *e, const cJSON *keyset,
                  const cJSON *custody);

#endif
