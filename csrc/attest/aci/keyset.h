/* The papers of an ACI gateway (shapes C and D): keyset, endorsement, validity, custody.
 * REPORTDATA as Venice asks for it does not bind them, so they can be found consistent, and
 * never proven (EVIDENCE section 3.1). */
#ifndef VENICE_ATTEST_ACI_KEYSET_H
#define VENICE_ATTEST_ACI_KEYSET_H

#include <stdint.h>

#include "attest/evidence.h"
#include "attest/report.h"
#include "attest/tdx/quote.h"

/* By how much clocks may differ where a body says until when it is fresh. */
enum { KEYSET_SKEW = 300 };

/* Adds the checks of the gateway's papers to r (section "code"), every one whose input is
 * served, and the member
 *   aci = { keyset_digest, workload_id, not_after, stale_after, source, custody }
 * What is not served is noted as not stated. Does nothing for a body that is not a gateway's. Reads "code.app_id" from the report (the measured
 * one, which code_check puts there). quote NULL: there is none.
 *
 * Checks and the reasons of their failures:
 *   aci_version         aci_version               api_version is aci/1
 *   aci_tee_type        aci_tee_type              tee_type is tdx
 *   keyset_digest       keyset_digest             of the keyset, over its exact tokens
 *   keyset_identity     keyset_identity           workload_id is the hash of the identity key
 *   keyset_endorsed     keyset_endorsement        signed by the identity key
 *   keyset_valid        keyset_expired            not_after
 *   evidence_fresh      evidence_stale            stale_after
 *   keyset_has_key      keyset_key_mismatch       it names the signing key
 *   evidence_quote      evidence_quote_mismatch   it holds the same quote
 *   evidence_report_data evidence_quote_mismatch  it repeats REPORTDATA
 *   custody_chain       custody_chain             all keys lead to one root of the key service
 *
 * Returns 0, or a hard error (VENICE_E_MEMORY, VENICE_E_INTERNAL). */
int keyset_check(struct report *r, const struct evidence *e, const struct tdx_quote *quote,
                 int64_t now);

#endif
