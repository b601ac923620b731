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
 * What is not served is noted as not stated. Does nothing for a body that is not a gateway's. Reads
 * "code.app_id" from the report (the measured one, which code_check puts there). quote NULL: there
 * is none. The checks are the keyset_*, aci_*, evidence_* and custody_* rows of checks.def. */
int keyset_check(struct report *r, const struct evidence *e, const struct tdx_quote *quote,
                 int64_t now);

#endif
