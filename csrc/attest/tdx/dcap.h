/* Intel TDX DCAP: whether a quote comes from genuine hardware, and in which state it is
 * (DCAP.md sections 1 and 1a). Pure: bytes and an explicit `now` in, a result out. */
#ifndef VENICE_ATTEST_TDX_DCAP_H
#define VENICE_ATTEST_TDX_DCAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/report.h"
#include "attest/tdx/tcb.h"

enum {
    DCAP_CHECKS_MAX = 96,
    DCAP_ADVISORIES_MAX = 5 * TCB_ADVISORIES_MAX, /* platform and module twice, QE once */
    DCAP_CERTIFICATES = 5,
    DCAP_NAME_MAX = 64
};

struct dcap_input {
    const uint8_t *quote;
    size_t quote_len;
    const char *collateral; /* JSON in dcap-qvl's layout (DCAP.md section 3); NULL: there is none */
    size_t collateral_len;
    const char *root_pem; /* one certificate in PEM in place of Intel's root; NULL: Intel's */
    int64_t now;          /* unix seconds */
};

/* One certificate, for the view. */
struct dcap_certificate {
    const char *role; /* "pck", "pck_ca", "root", "tcb_signer", "qe_signer"; NULL: not seen */
    char subject[DCAP_NAME_MAX + 1]; /* common name, made safe */
    char serial[43];                 /* lower-case hex */
    int64_t not_before, not_after;
};

/* One check, in the order in which it ran. id is positive ("quote_signed"). Static
 * strings. */
struct dcap_check {
    const char *id;
    bool ok;
    const char *reason; /* the code of DCAP.md section 5; NULL where ok */
};

/* Holds no pointer into the input and nothing that must be freed. */
struct dcap_result {
    const char *reason;     /* NULL: verified. Else the code of the first failed check; static */
    enum tcb_status status; /* TCB_NONE until everything was matched */
    /* Each by itself, at launch; module is TCB_NONE for module version 0. */
    enum tcb_status platform, module, qe;
    enum tcb_status current; /* platform, module and QE now (TEE_TCB_SVN2); TCB_NONE for TD 1.0 */
    size_t advisory_count;   /* sorted, unique */
    char advisories[DCAP_ADVISORIES_MAX][TCB_ADVISORY_CHARS + 1];
    int64_t tcb_date_unix;             /* the earliest of the matched levels' dates */
    char tcb_date[TCB_DATE_CHARS + 1]; /* the same as RFC 3339; "" where not known */
    /* Where status is OutOfDate or OutOfDateConfigurationNeeded: since when, as far as newer levels
     * tell (tcb_level_failed_since): the earliest of platform, module and QE. Not known (0 and "")
     * where one of them is out of date and no newer level says since when. */
    int64_t out_of_date_since_unix;
    char out_of_date_since[TCB_DATE_CHARS + 1];
    uint32_t tcb_info_eval, qe_identity_eval; /* 0 where not known */
    char fmspc[13];                           /* lower-case hex; "" where not known */
    const char *ca;                           /* "platform", "processor" or NULL */
    int64_t next_update; /* the earliest of CRLs, TCB info and QE identity; 0 where not known */
    struct dcap_certificate certificates[DCAP_CERTIFICATES];
    size_t check_count;
    struct dcap_check checks[DCAP_CHECKS_MAX];
};

/* Judges a quote. Every check is added to report too (section "tdx"), and the members status,
 * advisories, tcb_date, out_of_date_since, tcb_eval, fmspc, tcb, chain are set; report may be
 * NULL. The policy (accept_tcb, grace) is the caller's: a result without reason is "verified",
 * whatever its status. Checks stop at the first failure, because what follows would rest on it.
 * Without collateral everything that the quote alone shows is checked, then the reason is
 * collateral_missing. Returns 0, also where the quote is refused; VENICE_E_MEMORY (out->reason
 * is set then too), or VENICE_E_CONFIG where root_pem is not one P-256 certificate. */
int dcap_verify(struct dcap_result *out, struct report *report, const struct dcap_input *in);

/* Which collateral a quote needs. Out: fmspc 12 upper-case hex digits and a NUL, *ca "platform" or
 * "processor". Nothing is verified here but form: what it says is a question to ask, not evidence.
 * Returns 0; VENICE_E_MALFORMED with *reason set (static code; dcap_verify without collateral then
 * reports it); VENICE_E_MEMORY. reason may be NULL. */
int dcap_platform(char fmspc[13], const char **ca, const char **reason, const uint8_t *quote,
                  size_t quote_len);

/* The earliest time at which collateral must be fetched again: the smallest nextUpdate of its TCB
 * info, QE identity and CRLs. For the cache; reads dates only, verifies nothing.
 * Returns 0, or VENICE_E_MALFORMED (unreadable collateral), VENICE_E_MEMORY. */
int dcap_collateral_expiry(int64_t *next_update, const char *collateral, size_t len);

#endif
