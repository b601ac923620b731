/* TCB statuses, and which level of TCB info or of an identity fits (DCAP.md rules 23, 24, 29,
 * 35 to 40). Pure arithmetic over parsed structs. */
#ifndef VENICE_ATTEST_TDX_TCB_H
#define VENICE_ATTEST_TDX_TCB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first seven after NONE stand in order of severity (DCAP.md rule 38). */
enum tcb_status {
    TCB_NONE = 0, /* not known: nothing was matched */
    TCB_UP_TO_DATE,
    TCB_SW_HARDENING_NEEDED,
    TCB_CONFIGURATION_NEEDED,
    TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED,
    TCB_OUT_OF_DATE,
    TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
    TCB_REVOKED,
    /* Only as the result of tcb_relaunch; TCB info cannot hold them. */
    TCB_TD_RELAUNCH_ADVISED,
    TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED
};

enum {
    TCB_COMPONENTS = 16,
    TCB_DATE_CHARS = 20,     /* 2025-08-13T00:00:00Z */
    TCB_ADVISORIES_MAX = 64, /* of one level */
    TCB_ADVISORY_CHARS = 31
};

struct cJSON;

/* What every level has, whatever it is a level of. */
struct tcb_verdict {
    enum tcb_status status;
    int64_t date;                   /* tcbDate, unix seconds */
    const struct cJSON *advisories; /* array of strings, or NULL; points into the parsed JSON */
};

/* A level of the platform (TCB info's tcbLevels). */
struct tcb_level {
    uint8_t sgx[TCB_COMPONENTS];
    uint16_t pcesvn;
    uint8_t tdx[TCB_COMPONENTS];
    struct tcb_verdict verdict;
};

/* A level of one enclave or module, by its ISVSVN. */
struct tcb_isv_level {
    uint16_t isvsvn;
    struct tcb_verdict verdict;
};

/* "UpToDate" and so on; NULL for TCB_NONE. Static. */
const char *tcb_status_name(enum tcb_status status);

/* The status that Intel's JSON names, by case; TCB_NONE for any other word, the two relaunch
 * statuses among them. */
enum tcb_status tcb_status_read(const char *name);

/* Sorts levels into the order in which they are evaluated: highest first, by SGX components
 * lexicographically, then PCESVN, then TDX components (rule 23). Returns false where two levels
 * have the same key: their order would decide the status. */
bool tcb_levels_sort(struct tcb_level *levels, size_t n);
bool tcb_isv_levels_sort(struct tcb_isv_level *levels, size_t n);

/* The first of the sorted levels that the platform reaches in every component (rule 36), or NULL.
 * TDX components 0 and 1 are the module's and are left out when tee_tcb_svn[1], the module's
 * version, is not 0: the module has its own identity then. */
const struct tcb_level *tcb_level_match(const struct tcb_level *levels, size_t n,
                                        const uint8_t sgx[TCB_COMPONENTS], unsigned pcesvn,
                                        const uint8_t tee_tcb_svn[TCB_COMPONENTS]);

/* The first of the sorted levels with isvsvn not above svn, or NULL (rules 29, 35). */
const struct tcb_isv_level *tcb_isv_level_match(const struct tcb_isv_level *levels, size_t n,
                                                unsigned svn);

/* Whether a status means that updates are missing. */
bool tcb_is_out_of_date(enum tcb_status status);

/* Since when a level is out of date: the date of the oldest newer level that the platform fails. It
 * fails every level before the matched one in the sorted order. Newer is one with a later date; one
 * with the same date counts where it is itself not out of date, because then it is what the matched
 * level lacks. matched is one of levels. Returns false where there is none. */
bool tcb_level_failed_since(int64_t *since, const struct tcb_level *levels,
                            const struct tcb_level *matched);
bool tcb_isv_level_failed_since(int64_t *since, const struct tcb_isv_level *levels,
                                const struct tcb_isv_level *matched);

/* The platform's status with that of one component (module or QE) taken into account (rule 38).
 * component TCB_NONE: there is none. */
enum tcb_status tcb_merge(enum tcb_status platform, enum tcb_status component);

/* The status of a TD whose platform changed since its launch (rule 40, section 1a j). Both are
 * merged already. */
enum tcb_status tcb_relaunch(enum tcb_status launch, enum tcb_status current);

#endif
