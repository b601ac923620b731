/* Which program the machine started: event log, compose text, MRCONFIGID (EVIDENCE section 2). */
#ifndef VENICE_ATTEST_CODE_H
#define VENICE_ATTEST_CODE_H

#include <stdint.h>

#include "attest/binding.h"
#include "attest/evidence.h"
#include "attest/report.h"
#include "attest/tdx/quote.h"

/* More of a compose text than this is hashed, but not put into the report. */
enum { CODE_COMPOSE_SHOWN = 256 * 1024 };

/* Adds the checks of section "code" to r, every one that can run, and the members
 *   measurements.compose_hash, measurements.os_image_hash   as measured,
 *   code = { replayed, events, mrconfigid (its form), mrconfigid_bound (true where it was compared
 *            and holds), app_id, key_provider, compose,                     as measured
 *            image, num_gpus, mr_aggregated,                                as claimed
 *            stated = { compose_hash, app_id, os_image_hash, key_provider } } what the body says
 *                                                                           and nothing measures
 * What is not served is not checked: then replayed is absent, and the report says what remains
 * open.
 *
 * Checks and the reasons of their failures:
 *   event_log_well_formed  event_log_malformed, event_digest_mismatch, event_log_duplicate
 *   event_log_replayed     rtmr_mismatch           the registers of the quote come out
 *   event_log_complete     event_log_incomplete    it reaches system-ready
 *   compose_hash_measured  compose_hash_mismatch   the log has one
 *   compose_text_matches   compose_hash_mismatch   the text that is shown is the one measured
 *   compose_hash_restated  compose_hash_mismatch
 *   mrconfigid_bound       mrconfigid_mismatch
 *   app_id_restated        app_id_mismatch
 *   os_image_restated      os_image_mismatch
 *   key_provider_restated  key_provider_mismatch
 *   registers_restated     registers_restated
 * and those of compose_manager.h.
 *
 * Returns 0, or a hard error (VENICE_E_MEMORY). */
int code_check(struct report *r, const struct evidence *e, const struct tdx_quote *quote,
               const uint8_t nonce[NONCE_SIZE]);

#endif
