/* Reading Intel's signed JSON, strictly. Members are compared by case and were checked for
 * duplicates by base/json. */
#include "attest/tdx/intel_json.h"

#include <stdlib.h>
#include <string.h>

#include "attest/date.h"
#include "base/codec.h"
#include "base/json.h"
#include "venice.h"

int intel_json_parse(struct intel_json *out, const char *text)
{
    int r;

    memset(out, 0, sizeof *out);
    r = json_parse(&out->root, text, strlen(text), NULL);
    if (r == 0 && !cJSON_IsObject(out->root)) {
        intel_json_clear(out);
        r = VENICE_E_MALFORMED;
    }
    return r == 0 || r == VENICE_E_MEMORY ? r : VENICE_E_MALFORMED;
}

void intel_json_clear(struct intel_json *j)
{
    if (!j)
        return;
    cJSON_Delete(j->root);
    j->root = NULL;
}

bool intel_json_header(struct intel_json *j)
{
    int64_t evaluation;

    if (!date_from_rfc3339(&j->issue_date, json_string(j->root, "issueDate")) ||
        !date_from_rfc3339(&j->next_update, json_string(j->root, "nextUpdate")) ||
        !json_integer(&evaluation, j->root, "tcbEvaluationDataNumber", 0, UINT32_MAX))
        return false;
    j->evaluation = (uint32_t)evaluation;
    return true;
}

bool intel_json_dates_in_order(const struct intel_json *j)
{
    return j->issue_date < j->next_update;
}

bool intel_hex(uint8_t *out, size_t n, const cJSON *object, const char *name)
{
    const char *text = json_string(object, name);

    return text && strlen(text) == 2 * n && hex_decode(out, text, 2 * n) == 0;
}

size_t intel_array_size(const cJSON *array)
{
    return cJSON_IsArray(array) ? (size_t)cJSON_GetArraySize(array) : 0;
}

/* An advisory's name ends up on a screen and in a fixed array. */
static bool is_advisory(const cJSON *item)
{
    const char *text = cJSON_GetStringValue(item);
    size_t n = text ? strlen(text) : 0;

    for (size_t i = 0; i < n; i++)
        if (text[i] <= 0x20 || text[i] >= 0x7f)
            return false;
    return n > 0 && n <= TCB_ADVISORY_CHARS;
}

static bool advisories_are_well_formed(const cJSON *advisories)
{
    const cJSON *item;

    if (!cJSON_IsArray(advisories) || intel_array_size(advisories) > TCB_ADVISORIES_MAX)
        return false;
    cJSON_ArrayForEach(item, advisories) if (!is_advisory(item)) return false;
    return true;
}

int intel_verdict(struct tcb_verdict *out, bool *unknown_status, const cJSON *level, bool component)
{
    const char *status = json_string(level, "tcbStatus");

    *unknown_status = false;
    out->advisories = json_at(level, "advisoryIDs", NULL);
    if (!status || !date_from_rfc3339(&out->date, json_string(level, "tcbDate")) ||
        (out->advisories && !advisories_are_well_formed(out->advisories)))
        return VENICE_E_MALFORMED;
    out->status = tcb_status_read(status);
    if (component && out->status != TCB_UP_TO_DATE && out->status != TCB_OUT_OF_DATE &&
        out->status != TCB_REVOKED)
        out->status = TCB_NONE;
    *unknown_status = out->status == TCB_NONE;
    return *unknown_status ? VENICE_E_MALFORMED : 0;
}

int intel_isv_levels(struct tcb_isv_level **out, size_t *count, bool *unknown_status,
                     const cJSON *object)
{
    const cJSON *array = json_at(object, "tcbLevels", NULL), *item;
    size_t n = intel_array_size(array), i = 0;
    struct tcb_isv_level *levels;
    int64_t isvsvn;

    *unknown_status = false;
    *out = NULL;
    *count = 0;
    if (n < 1 || n > INTEL_LEVELS_MAX)
        return VENICE_E_MALFORMED;
    levels = calloc(n, sizeof *levels);
    if (!levels)
        return VENICE_E_MEMORY;
    cJSON_ArrayForEach(item, array)
    {
        if (!json_integer(&isvsvn, json_at(item, "tcb", NULL), "isvsvn", 0, UINT16_MAX) ||
            intel_verdict(&levels[i].verdict, unknown_status, item, true) != 0)
            goto malformed;
        levels[i++].isvsvn = (uint16_t)isvsvn;
    }
    if (!tcb_isv_levels_sort(levels, n))
        goto malformed;
    *out = levels;
    *count = n;
    return 0;
malformed:
    free(levels);
    return VENICE_E_MALFORMED;
}
