/* NEAR's compose manager: what is measured is the manager; which containers it started
 * afterwards it states in a quote of its own (EVIDENCE section 2.4). */
#ifndef VENICE_ATTEST_COMPOSE_MANAGER_H
#define VENICE_ATTEST_COMPOSE_MANAGER_H

#include <stdint.h>

#include "attest/binding.h"
#include "attest/evidence.h"
#include "attest/report.h"
#include "attest/tdx/quote.h"

/* Adds the checks of the statement, where the body has one, and the member
 *   code.manager = { verified, actions = number, latest = { timestamp, action, tag, commit, ... } }
 * with actions and latest only where verified is true: where every check holds, among them that the
 * quote binds a hash of the actions that was computed here. A statement in a form whose hash cannot
 * be computed (a member that is not known, no list of objects) is not refused, for the service may
 * have changed it harmlessly; nothing of it is shown, and the report says why.
 * All fail with the reason manager_statement:
 *   manager_nonce          it answers our nonce
 *   manager_actions        the actions have the hash that it names
 *   manager_quote_bound    its quote binds their hash and our nonce
 *   manager_same_machine   its quote has the main quote's registers
 *   manager_quote_signed   by the same attestation key
 * Returns 0, or a hard error (VENICE_E_MEMORY). */
int compose_manager_check(struct report *r, const struct evidence *e, const struct tdx_quote *quote,
                          const uint8_t nonce[NONCE_SIZE]);

#endif
