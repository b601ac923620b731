/* The quoting enclave: its report in the quote, and Intel's identity that it must have (DCAP.md
 * rules 25 to 29). */
#ifndef VENICE_ATTEST_TDX_QE_IDENTITY_H
#define VENICE_ATTEST_TDX_QE_IDENTITY_H

#include "attest/tdx/intel_json.h"

enum { QE_REPORT_SIZE = 384, QE_REPORT_DATA = 320, QE_REPORT_DATA_SIZE = 64 };

struct qe_identity {
    struct intel_json json;
    uint8_t miscselect[4], miscselect_mask[4];
    uint8_t attributes[16], attributes_mask[16];
    uint8_t mrsigner[32];
    uint16_t isvprodid;
    struct tcb_isv_level *levels; /* sorted */
    size_t level_count;
};

/* As tcb_info_read. */
int qe_identity_read(struct qe_identity *out, const char **reason);
void qe_identity_clear(struct qe_identity *identity); /* takes NULL */

/* Whether a QE report is of this enclave: NULL, or the code of the first member that differs
 * (miscselect, attributes, mrsigner, isvprodid, then the debug bit, whatever the mask says). */
const char *qe_identity_mismatch(const struct qe_identity *identity,
                                 const uint8_t report[QE_REPORT_SIZE]);

/* The report's ISVSVN. */
unsigned qe_report_isvsvn(const uint8_t report[QE_REPORT_SIZE]);

#endif
