/* An Intel TDX quote, version 4 or 5, taken apart (DCAP.md rules 1 to 5). Pure; points into the
 * bytes it is given. */
#ifndef VENICE_ATTEST_TDX_QUOTE_H
#define VENICE_ATTEST_TDX_QUOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sizes in bytes of what a quote is made of. */
enum tdx_quote_size {
    TDX_HEADER_SIZE = 48,
    TDX_BODY_10_SIZE = 584,  /* TD report 1.0: the whole body of a version 4 quote */
    TDX_BODY_15_SIZE = 648,  /* 1.5: and TEE_TCB_SVN2, MRSERVICETD */
    TDX_BODY_15X_SIZE = 885, /* 1.5 extended */
    TDX_REGISTER_SIZE = 48,  /* MRTD, RTMRs and the other measurements */
    TDX_ATTRIBUTES_SIZE = 8,
    TDX_TCB_SVN_SIZE = 16,
    TDX_REPORT_DATA_SIZE = 64,
    TDX_SIGNATURE_SIZE = 64, /* r, s */
    TDX_KEY_SIZE = 64,       /* x, y */
    TDX_QE_REPORT_SIZE = 384
};

struct tdx_quote {
    const uint8_t *bytes;
    size_t signed_len;  /* header and body: what the quote signature covers */
    unsigned version;   /* 4 or 5 */
    unsigned body_type; /* 2 TD 1.0, 3 TD 1.5, 4 TD 1.5 extended */
    const uint8_t *body;
    size_t body_len;
    /* Inside the body (DCAP.md section 1.2). */
    const uint8_t *tee_tcb_svn, *mrseam, *mrsignerseam, *seam_attributes, *td_attributes, *xfam,
        *mrtd, *mrconfigid, *mrowner, *mrownerconfig, *rtmr[4], *report_data;
    const uint8_t *tee_tcb_svn2, *mrservicetd; /* NULL for TD 1.0 */
    /* Signature data (DCAP.md section 1.3). */
    const uint8_t *signature, *attestation_key, *qe_report, *qe_report_signature, *qe_auth_data;
    size_t qe_auth_len;
    const char *pem; /* the PCK chain; not NUL-terminated */
    size_t pem_len;
};

/* Takes a quote apart. Bytes after the signature data are ignored (DCAP.md rule 5).
 * Returns 0, or VENICE_E_MALFORMED with *reason set to the code of DCAP.md section 5 (a static
 * string) for the first check that fails, in the order of section 1a; then out is zero. */
int tdx_quote_parse(struct tdx_quote *out, const char **reason, const uint8_t *bytes, size_t n);

/* Whether TDATTRIBUTES says that the TD can be looked into from outside: the debug bit 0, or one of
 * the profiling bits 4 to 6 (DCAP.md section 1a k). */
bool tdx_quote_is_debug(const struct tdx_quote *q);

#endif
