/* Collateral: what Intel publishes about a platform, in the JSON layout of dcap-qvl (DCAP.md
 * section 3). Here only the envelope; what is in it is read by tcb_info, qe_identity and x509. */
#ifndef VENICE_ATTEST_TDX_COLLATERAL_H
#define VENICE_ATTEST_TDX_COLLATERAL_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/x509.h"

/* Strings point into root. pck_crl_issuer_chain and pck_certificate_chain may be there and are not
 * used: the quote's own chain is (section 1a c, g). */
struct collateral {
    cJSON *root;
    const char *root_ca_crl, *pck_crl; /* hex of DER */
    const char *tcb_info_issuer_chain, *tcb_info, *tcb_info_signature;
    const char *qe_identity_issuer_chain, *qe_identity, *qe_identity_signature;
};

/* Returns 0; VENICE_E_MALFORMED where it is not a JSON object with these members as strings;
 * VENICE_E_MEMORY. */
int collateral_read(struct collateral *out, const char *json, size_t len);
void collateral_clear(struct collateral *c); /* takes NULL */

/* Reads a CRL from hex of either case. Returns as x509_crl_read. */
int collateral_crl(struct x509_crl *out, const char *hex);

#endif
