/* How the TD itself was set up: its attributes, its XFAM, its service TD (DCAP.md rules 42 to 44).
 */
#ifndef VENICE_ATTEST_TDX_TD_H
#define VENICE_ATTEST_TDX_TD_H

#include "attest/tdx/quote.h"

/* NULL, or the code of the first thing that is wrong with it, in the order of section 1a k:
 * td_debug, td_sept_ve_disable, td_attributes_reserved; td_xfam; td_mrservicetd. */
const char *td_attributes_fault(const struct tdx_quote *q);
const char *td_xfam_fault(const struct tdx_quote *q);
const char *td_mrservicetd_fault(const struct tdx_quote *q);

#endif
