/* The result of dcap_verify as members of the report. */
#include "attest/date.h"
#include "attest/tdx/dcap_steps.h"
#include "base/json.h"

static bool add_string(cJSON *object, const char *name, const char *value)
{
    return !value || !value[0] || cJSON_AddStringToObject(object, name, value);
}

static bool add_date(cJSON *object, const char *name, int64_t date)
{
    char text[DATE_CHARS + 1];

    date_to_rfc3339(text, date);
    return add_string(object, name, text);
}

static bool add_number(cJSON *object, const char *name, uint32_t value)
{
    return value == 0 || cJSON_AddNumberToObject(object, name, value);
}

static cJSON *advisories(const struct dcap_result *result)
{
    cJSON *array = cJSON_CreateArray();

    for (size_t i = 0; array && i < result->advisory_count; i++) {
        cJSON *item = cJSON_CreateString(result->advisories[i]);

        if (!item || !cJSON_AddItemToArray(array, item)) {
            cJSON_Delete(item);
            cJSON_Delete(array);
            return NULL;
        }
    }
    return array;
}

/* Each status by itself (platform, module and QE at launch; all of them together now). */
static cJSON *statuses(const struct dcap_result *result)
{
    cJSON *object = cJSON_CreateObject();
    bool ok = object && add_string(object, "platform", tcb_status_name(result->platform)) &&
              add_string(object, "module", tcb_status_name(result->module)) &&
              add_string(object, "qe", tcb_status_name(result->qe)) &&
              add_string(object, "current", tcb_status_name(result->current)) &&
              add_number(object, "tcb_info_eval", result->tcb_info_eval) &&
              add_number(object, "qe_identity_eval", result->qe_identity_eval) &&
              add_string(object, "ca", result->ca) &&
              (result->next_update == 0 || add_date(object, "next_update", result->next_update));

    if (ok)
        return object;
    cJSON_Delete(object);
    return NULL;
}

static bool add_certificate(cJSON *array, const struct dcap_certificate *c)
{
    cJSON *object = cJSON_CreateObject();

    if (object && add_string(object, "role", c->role) &&
        add_string(object, "subject", c->subject) && add_string(object, "serial", c->serial) &&
        add_date(object, "not_before", c->not_before) &&
        add_date(object, "not_after", c->not_after) && cJSON_AddItemToArray(array, object))
        return true;
    cJSON_Delete(object);
    return false;
}

static cJSON *chain(const struct dcap_result *result)
{
    cJSON *array = cJSON_CreateArray();

    for (size_t i = 0; array && i < DCAP_CERTIFICATES && result->certificates[i].role; i++)
        if (!add_certificate(array, &result->certificates[i])) {
            cJSON_Delete(array);
            return NULL;
        }
    return array;
}

void dcap_report(struct report *report, const struct dcap_result *result)
{
    uint32_t a = result->tcb_info_eval, b = result->qe_identity_eval;
    const char *status = tcb_status_name(result->status);

    if (status) {
        report_set_string(report, "status", status);
        report_set(report, "advisories", advisories(result));
        report_set_string(report, "tcb_date", result->tcb_date);
        if (result->out_of_date_since[0])
            report_set_string(report, "out_of_date_since", result->out_of_date_since);
    }
    if (a > 0 && b > 0)
        report_set_number(report, "tcb_eval", a < b ? a : b);
    if (result->fmspc[0])
        report_set_string(report, "fmspc", result->fmspc);
    report_set(report, "tcb", statuses(result));
    report_set(report, "chain", chain(result));
}
