/* What Venice says about the evidence it passes on. It is necessary, never sufficient: a "no" is
 * believed, a "yes" proves nothing. */
#ifndef VENICE_ATTEST_SERVER_VERDICT_H
#define VENICE_ATTEST_SERVER_VERDICT_H

#include "attest/evidence.h"
#include "attest/report.h"
#include "attest/tdx/quote.h"

/* Adds two checks of section "binding": server_verified (`verified`), and server_consistent: no
 * member of `server_verification` says that something was found to be bad, or disagrees with the
 * quote. Members that are absent, empty or of another type are passed over. A member that only says
 * what Venice did not check itself (and is checked here) is shown and refuses nothing; nor does one
 * about GPUs where they are not judged here, apart from a `valid` that is false while the policy
 * does want to know of GPUs.
 * In: quote NULL where it could not be read; gpu_judged as for binding_check. */
void server_verdict_check(struct report *r, const struct evidence *e, const struct tdx_quote *quote,
                          bool gpu_judged);

#endif
