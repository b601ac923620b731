/* Answers that are refusals: from an HTTP status and a body to a code, a sentence and a hint
 * (PROTOCOL section 1.3, error statuses and bodies). */
#ifndef VENICE_CLIENT_ERRORS_H
#define VENICE_CLIENT_ERRORS_H

#include <stdbool.h>

#include "attest/report.h"
#include "base/status.h"
#include "client/http.h"

enum error_place { AT_MODELS, AT_ATTESTATION, AT_CHAT, AT_RECEIPT };

/* Fills f from an answer whose status is not 2xx (or that is not what was asked for, where it is).
 * The server's own words are shown, made safe and short; they are never written anywhere else.
 * Returns the code. */
int error_from_answer(struct failure *f, const struct http *h, enum error_place place,
                      const char *model);

/* Whether the body says that the enclave could not open what was sent, or has another key. */
bool error_wants_new_session(const struct http *h);

/* Whether a status may be tried again before the first byte (DESIGN section 5a, Chat). */
bool error_is_passing(long status);

/* "nothing was sent: ..." for a report that is not accepted. */
int error_from_report(struct failure *f, const struct report *r, const char *model);

#endif
