/* The steps of dcap_verify and what they share. Private to csrc/attest/tdx/dcap*.c. */
#ifndef VENICE_ATTEST_TDX_DCAP_STEPS_H
#define VENICE_ATTEST_TDX_DCAP_STEPS_H

#include "attest/tdx/collateral.h"
#include "attest/tdx/dcap.h"
#include "attest/tdx/pck.h"
#include "attest/tdx/qe_identity.h"
#include "attest/tdx/quote.h"
#include "attest/tdx/tcb_info.h"
#include "attest/x509.h"

/* Positions in the chains (DCAP.md rules 7 and 8). */
enum { PCK_LEAF = 0, PCK_CA = 1, PCK_ROOT = 2, PCK_CHAIN = 3 };
enum { SIGNER = 0, SIGNER_ROOT = 1, SIGNER_CHAIN = 2 };

struct dcap {
    const struct dcap_input *in;
    struct dcap_result *out;
    struct report *report;
    int error;                    /* VENICE_E_MEMORY, VENICE_E_CONFIG: no verdict */
    struct x509_cert root;        /* the trust anchor */
    struct x509_chain root_chain; /* holds it where the caller brought one */
    struct tdx_quote quote;
    struct x509_chain pck_chain, tcb_chain, qe_chain;
    struct pck pck;
    struct collateral collateral;
    struct x509_crl root_crl, pck_crl;
    struct tcb_info tcb_info;
    struct qe_identity qe;
    EVP_PKEY *attestation_key;
    const struct tcb_isv_level *qe_level;
};

/* Records a check: reason NULL where it holds. detail is printf-like and may be NULL.
 * Returns whether it holds, so that a step can end with it. */
bool dcap_check(struct dcap *d, enum check_id id, const char *reason, const char *detail, ...)
    __attribute__((format(printf, 4, 5)));

/* The reason for a reading function's result: NULL for 0, malformed for VENICE_E_MALFORMED;
 * remembers VENICE_E_MEMORY as the end of it all. */
const char *dcap_reason(struct dcap *d, int result, const char *malformed);

/* NULL, or one of the two codes where now is outside first..last. */
const char *dcap_time_fault(const struct dcap *d, int64_t first, int64_t last,
                            const char *not_yet_valid, const char *expired);

/* "platform" or "processor" by a PCK CA's common name, else NULL. */
const char *dcap_ca_kind(const struct x509_cert *ca);

/* Each step returns false where a check failed; none after it runs. In the order of section 1a. */
bool dcap_step_pck_chain(struct dcap *d);
bool dcap_step_signer_chains(struct dcap *d);
bool dcap_step_crls(struct dcap *d);
bool dcap_step_tcb(struct dcap *d);

/* Sets the report's members from the result. */
void dcap_report(struct report *report, const struct dcap_result *result);

#endif
