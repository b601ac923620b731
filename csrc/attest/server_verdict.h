/* What Venice says about the evidence it passes on. It is necessary, never sufficient: a "no" is
 * believed, a "yes" proves nothing. */
#ifndef VENICE_ATTEST_SERVER_VERDICT_H
#define VENICE_ATTEST_SERVER_VERDICT_H

#include "attest/evidence.h"
#include "attest/report.h"
#include "attest/tdx/quote.h"

/* Adds two checks of section "binding": server_verified (`verified`), and server_consistent: no
 * member of `server_verification` is negative, or disagrees with the quote. Members that are absent
 * or of another type are passed over.
 * In: quote NULL where it could not be read. */
void server_verdict_check(struct report *r, const struct evidence *e,
                          const struct tdx_quote *quote);

#endif
