/* TCB statuses and levels. */
#include "attest/tdx/tcb.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
    [TCB_UP_TO_DATE] = "UpToDate",
    [TCB_SW_HARDENING_NEEDED] = "SWHardeningNeeded",
    [TCB_CONFIGURATION_NEEDED] = "ConfigurationNeeded",
    [TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED] = "ConfigurationAndSWHardeningNeeded",
    [TCB_OUT_OF_DATE] = "OutOfDate",
    [TCB_OUT_OF_DATE_CONFIGURATION_NEEDED] = "OutOfDateConfigurationNeeded",
    [TCB_REVOKED] = "Revoked",
    [TCB_TD_RELAUNCH_ADVISED] = "TDRelaunchAdvised",
    [TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED] = "TDRelaunchAdvisedConfigurationNeeded",
};

const char *tcb_status_name(enum tcb_status status)
{
    return (size_t)status < sizeof names / sizeof names[0] ? names[status] : NULL;
}

enum tcb_status tcb_status_read(const char *name)
{
    for (int status = TCB_UP_TO_DATE; name && status <= TCB_REVOKED; status++)
        if (strcmp(name, names[status]) == 0)
            return (enum tcb_status)status;
    return TCB_NONE;
}

/* Highest first. */
static int compare_levels(const void *left, const void *right)
{
    const struct tcb_level *a = left, *b = right;
    int order = memcmp(b->sgx, a->sgx, sizeof a->sgx);

    if (order == 0)
        order = (int)b->pcesvn - (int)a->pcesvn;
    return order ? order : memcmp(b->tdx, a->tdx, sizeof a->tdx);
}

static int compare_isv_levels(const void *left, const void *right)
{
    const struct tcb_isv_level *a = left, *b = right;

    return (int)b->isvsvn - (int)a->isvsvn;
}

bool tcb_levels_sort(struct tcb_level *levels, size_t n)
{
    if (n > 1)
        qsort(levels, n, sizeof *levels, compare_levels);
    for (size_t i = 1; i < n; i++)
        if (compare_levels(&levels[i - 1], &levels[i]) == 0)
            return false;
    return true;
}

bool tcb_isv_levels_sort(struct tcb_isv_level *levels, size_t n)
{
    if (n > 1)
        qsort(levels, n, sizeof *levels, compare_isv_levels);
    for (size_t i = 1; i < n; i++)
        if (levels[i - 1].isvsvn == levels[i].isvsvn)
            return false;
    return true;
}

/* Every component by itself: a platform that is ahead in one and behind in another is behind. */
static bool reaches(const uint8_t have[TCB_COMPONENTS], const uint8_t need[TCB_COMPONENTS],
                    size_t first)
{
    for (size_t i = first; i < TCB_COMPONENTS; i++)
        if (have[i] < need[i])
            return false;
    return true;
}

const struct tcb_level *tcb_level_match(const struct tcb_level *levels, size_t n,
                                        const uint8_t sgx[TCB_COMPONENTS], unsigned pcesvn,
                                        const uint8_t tee_tcb_svn[TCB_COMPONENTS])
{
    size_t first = tee_tcb_svn[1] > 0 ? 2 : 0;

    for (size_t i = 0; i < n; i++)
        if (reaches(sgx, levels[i].sgx, 0) && pcesvn >= levels[i].pcesvn &&
            reaches(tee_tcb_svn, levels[i].tdx, first))
            return &levels[i];
    return NULL;
}

const struct tcb_isv_level *tcb_isv_level_match(const struct tcb_isv_level *levels, size_t n,
                                                unsigned svn)
{
    for (size_t i = 0; i < n; i++)
        if (svn >= levels[i].isvsvn)
            return &levels[i];
    return NULL;
}

bool tcb_is_out_of_date(enum tcb_status status)
{
    return status == TCB_OUT_OF_DATE || status == TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
}

/* Takes the date of a level that is not reached, where it is newer than the matched one and older
 * than what was found so far. */
static void take_failed(int64_t *since, bool *found, const struct tcb_verdict *failed,
                        const struct tcb_verdict *matched)
{
    bool newer = failed->date > matched->date ||
                 (failed->date == matched->date && !tcb_is_out_of_date(failed->status));

    if (!newer || (*found && *since <= failed->date))
        return;
    *since = failed->date;
    *found = true;
}

bool tcb_level_failed_since(int64_t *since, const struct tcb_level *levels,
                            const struct tcb_level *matched)
{
    bool found = false;

    for (; levels < matched; levels++)
        take_failed(since, &found, &levels->verdict, &matched->verdict);
    return found;
}

bool tcb_isv_level_failed_since(int64_t *since, const struct tcb_isv_level *levels,
                                const struct tcb_isv_level *matched)
{
    bool found = false;

    for (; levels < matched; levels++)
        take_failed(since, &found, &levels->verdict, &matched->verdict);
    return found;
}

enum tcb_status tcb_merge(enum tcb_status platform, enum tcb_status component)
{
    if (platform == TCB_REVOKED || component == TCB_REVOKED)
        return TCB_REVOKED;
    if (component != TCB_OUT_OF_DATE)
        return platform;
    switch (platform) {
    case TCB_UP_TO_DATE:
    case TCB_SW_HARDENING_NEEDED: return TCB_OUT_OF_DATE;
    case TCB_CONFIGURATION_NEEDED:
    case TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED: return TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
    default: return platform;
    }
}

enum tcb_status tcb_relaunch(enum tcb_status launch, enum tcb_status current)
{
    bool launch_is_old = tcb_is_out_of_date(launch);

    if (launch == TCB_NONE || current == TCB_NONE)
        return TCB_NONE;
    /* A relaunch would help: the platform is better now than when the TD was started. */
    if (launch_is_old && current < TCB_OUT_OF_DATE)
        return launch == TCB_OUT_OF_DATE_CONFIGURATION_NEEDED ||
                       current == TCB_CONFIGURATION_NEEDED ||
                       current == TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED
                   ? TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED
                   : TCB_TD_RELAUNCH_ADVISED;
    return launch > current ? launch : current;
}
