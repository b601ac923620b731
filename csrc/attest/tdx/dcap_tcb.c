/* Which state the platform is in: TDX module, TCB levels, and what follows from all of them
 * together (DCAP.md rules 32 to 41, section 1a j). */
#include <stdio.h>
#include <string.h>

#include "attest/date.h"
#include "attest/tdx/dcap_steps.h"
#include "venice.h"

/* One evaluation: with TEE_TCB_SVN as at launch, or with TEE_TCB_SVN2 as it is now. */
struct evaluation {
    const struct tcb_level *platform;
    const struct tcb_isv_level *module; /* NULL for module version 0, which has no levels */
    const struct tcb_module *identity;  /* of module */
    enum tcb_status merged;
};

/* Since when something is out of date. */
struct since {
    bool known, unknown; /* a date was found; a date is missing */
    int64_t date;        /* the earliest */
};

/* Adds names to a sorted list in which each stands once. */
static void add_advisories(struct dcap_result *out, const cJSON *advisories)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, advisories)
    {
        size_t at = 0;
        int order = 1;

        while (at < out->advisory_count &&
               (order = strcmp(out->advisories[at], item->valuestring)) < 0)
            at++;
        if ((at < out->advisory_count && order == 0) || out->advisory_count == DCAP_ADVISORIES_MAX)
            continue;
        memmove(out->advisories[at + 1], out->advisories[at],
                (out->advisory_count - at) * sizeof out->advisories[0]);
        snprintf(out->advisories[at], sizeof out->advisories[at], "%s", item->valuestring);
        out->advisory_count++;
    }
}

static void add_verdict(struct dcap_result *out, const struct tcb_verdict *verdict)
{
    add_advisories(out, verdict->advisories);
    if (out->tcb_date[0] && out->tcb_date_unix <= verdict->date)
        return;
    out->tcb_date_unix = verdict->date;
    date_to_rfc3339(out->tcb_date, verdict->date);
}

/* Rule 34, stricter than any mask: SEAMATTRIBUTES must be zero as well. */
static bool seam_attributes_fit(const struct tcb_module *module, const uint8_t attributes[8])
{
    for (size_t i = 0; i < 8; i++)
        if (attributes[i] != 0 ||
            ((attributes[i] ^ module->attributes[i]) & module->attributes_mask[i]))
            return false;
    return true;
}

/* Rules 32 to 35. */
static bool check_module(struct dcap *d, enum check_id id, const uint8_t svn[TCB_COMPONENTS],
                         struct evaluation *e)
{
    const struct tcb_module *module = tcb_info_module(&d->tcb_info, svn[1]);
    const char *reason = NULL;

    e->module = NULL;
    e->identity = module;
    if (!module)
        reason = "tdx_module_mismatch";
    else if (memcmp(d->quote.mrsignerseam, module->mrsigner, sizeof module->mrsigner) != 0)
        reason = "tdx_module_mrsigner";
    else if (!seam_attributes_fit(module, d->quote.seam_attributes))
        reason = "tdx_module_attributes";
    else if (svn[1] > 0 &&
             !(e->module = tcb_isv_level_match(module->levels, module->level_count, svn[0])))
        reason = "tcb_no_match";
    return dcap_check(d, id, reason, "TDX_%02X, SVN %u%s%s", (unsigned)svn[1], (unsigned)svn[0],
                      e->module ? ", " : "",
                      e->module ? tcb_status_name(e->module->verdict.status) : "");
}

/* Rules 36 to 39. */
static bool check_level(struct dcap *d, enum check_id id, const uint8_t svn[TCB_COMPONENTS],
                        struct evaluation *e)
{
    char date[DATE_CHARS + 1] = "";

    e->platform = tcb_level_match(d->tcb_info.levels, d->tcb_info.level_count, d->pck.components,
                                  d->pck.pcesvn, svn);
    if (!e->platform)
        return dcap_check(d, id, "tcb_no_match", "below every level of TCB info");
    e->merged = e->platform->verdict.status;
    if (e->module)
        e->merged = tcb_merge(e->merged, e->module->verdict.status);
    e->merged = tcb_merge(e->merged, d->qe_level->verdict.status);
    add_verdict(d->out, &e->platform->verdict);
    if (e->module)
        add_verdict(d->out, &e->module->verdict);
    date_to_rfc3339(date, e->platform->verdict.date);
    return dcap_check(d, id, NULL, "%s (level of %.10s); with module and QE %s",
                      tcb_status_name(e->platform->verdict.status), date,
                      tcb_status_name(e->merged));
}

static void add_since(struct since *s, bool known, int64_t date)
{
    s->unknown = s->unknown || !known;
    if (!known || (s->known && s->date <= date))
        return;
    s->known = true;
    s->date = date;
}

/* The merged status is out of date since the first of its parts is. */
static void find_since(struct since *s, const struct dcap *d, const struct evaluation *e)
{
    int64_t date = 0;
    bool known;

    if (tcb_is_out_of_date(e->platform->verdict.status)) {
        known = tcb_level_failed_since(&date, d->tcb_info.levels, e->platform);
        add_since(s, known, date);
    }
    if (e->module && tcb_is_out_of_date(e->module->verdict.status)) {
        known = tcb_isv_level_failed_since(&date, e->identity->levels, e->module);
        add_since(s, known, date);
    }
    if (tcb_is_out_of_date(d->qe_level->verdict.status)) {
        known = tcb_isv_level_failed_since(&date, d->qe.levels, d->qe_level);
        add_since(s, known, date);
    }
}

static void add_out_of_date_since(struct dcap_result *out, const struct dcap *d,
                                  const struct evaluation *launch, const struct evaluation *current)
{
    struct since s = { .known = false };

    if (!tcb_is_out_of_date(out->status))
        return;
    find_since(&s, d, launch);
    if (current->platform)
        find_since(&s, d, current);
    if (!s.known || s.unknown)
        return;
    out->out_of_date_since_unix = s.date;
    date_to_rfc3339(out->out_of_date_since, s.date);
}

/* Components and CPUSVN are the same thing twice in every genuine certificate (rule 13). */
static bool check_cpusvn(struct dcap *d)
{
    bool same = memcmp(d->pck.components, d->pck.cpusvn, sizeof d->pck.cpusvn) == 0;

    return dcap_check(d, CHECK_PCK_CPUSVN_CONSISTENT, same ? NULL : "pck_extension", NULL);
}

bool dcap_step_tcb(struct dcap *d)
{
    struct dcap_result *out = d->out;
    struct evaluation launch = { 0 }, current = { 0 };

    add_verdict(out, &d->qe_level->verdict);
    if (!check_module(d, CHECK_TDX_MODULE_GENUINE, d->quote.tee_tcb_svn, &launch) ||
        !check_level(d, CHECK_TCB_LEVEL_FOUND, d->quote.tee_tcb_svn, &launch))
        return false;
    out->platform = launch.platform->verdict.status;
    out->module = launch.module ? launch.module->verdict.status : TCB_NONE;
    out->status = launch.merged;
    if (d->quote.tee_tcb_svn2) {
        if (!check_module(d, CHECK_TDX_MODULE_NOW_GENUINE, d->quote.tee_tcb_svn2, &current) ||
            !check_level(d, CHECK_TCB_LEVEL_NOW_FOUND, d->quote.tee_tcb_svn2, &current)) {
            out->status = TCB_NONE;
            return false;
        }
        out->current = current.merged;
        out->status = tcb_relaunch(launch.merged, current.merged);
    }
    add_out_of_date_since(out, d, &launch, &current);
    return dcap_check(d, CHECK_TCB_NOT_REVOKED, out->status == TCB_REVOKED ? "tcb_revoked" : NULL,
                      "%s", tcb_status_name(out->status)) &&
           check_cpusvn(d);
}
