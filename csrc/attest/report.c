/* The report: what was checked, in the order in which it was checked, and what follows from it. */
#include "attest/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/codec.h"
#include "base/json.h"
#include "base/screen.h"
#include "base/secret.h"
#include "venice.h"

struct report {
    cJSON *checks, *members, *not_stated, *not_proven;
    size_t check_count, failed_count, not_stated_count;
    size_t held[2]; /* checks that hold, by their kind */
    bool refused;
    bool simulated;
    bool broken; /* something could not be stored: nothing may be concluded from the rest */
    enum report_level level;
    char reason[REPORT_CODE_MAX];
    enum check_id failed_check; /* the first, where failed_count is not 0 */
    char failed_detail[REPORT_DETAIL_MAX];
};

int report_new(struct report **out)
{
    struct report *r = wiping_calloc(1, sizeof *r);

    *out = NULL;
    if (!r)
        return VENICE_E_MEMORY;
    r->checks = cJSON_CreateArray();
    r->members = cJSON_CreateObject();
    r->not_stated = cJSON_CreateArray();
    r->not_proven = cJSON_CreateArray();
    if (!r->checks || !r->members || !r->not_stated || !r->not_proven) {
        report_free(r);
        return VENICE_E_MEMORY;
    }
    *out = r;
    return 0;
}

void report_free(struct report *r)
{
    if (!r)
        return;
    cJSON_Delete(r->checks);
    cJSON_Delete(r->members);
    cJSON_Delete(r->not_stated);
    cJSON_Delete(r->not_proven);
    wiping_free(r);
}

/* ---- Text that may be shown ----------------------------------------------------------------- */

/* Prints into out; a text that does not fit ends with three dots. */
static void format_detail(char out[REPORT_DETAIL_MAX], const char *format, va_list args)
{
    static const char dots[] = "...";
    int n = vsnprintf(out, REPORT_DETAIL_MAX, format, args);

    if (n < 0)
        out[0] = 0;
    if (n >= REPORT_DETAIL_MAX) {
        size_t keep = REPORT_DETAIL_MAX - sizeof dots;
        int tail = utf8_tail((const uint8_t *)out, keep);

        if (tail > 0)
            keep -= (size_t)tail;
        memcpy(out + keep, dots, sizeof dots);
    }
    screen_make_safe(out);
}

/* ---- Checks and conclusions ----------------------------------------------------------------- */

static void set_reason(struct report *r, const char *reason)
{
    if (r->reason[0] == 0)
        snprintf(r->reason, sizeof r->reason, "%s", reason);
}

static bool add_entry(cJSON *list, const struct check_row *row, bool has_result, bool ok,
                      const char *reason, const char *detail)
{
    static const char *const kinds[] = { "proven", "stated" };
    cJSON *entry = cJSON_CreateObject();

    if (entry && cJSON_AddStringToObject(entry, "id", row->id) &&
        cJSON_AddStringToObject(entry, "section", row->section) &&
        (!has_result || (cJSON_AddBoolToObject(entry, "ok", ok) &&
                         cJSON_AddStringToObject(entry, "kind", kinds[row->kind]))) &&
        (!reason || cJSON_AddStringToObject(entry, "reason", reason)) &&
        (!detail[0] || cJSON_AddStringToObject(entry, "detail", detail)) &&
        cJSON_AddItemToArray(list, entry))
        return true;
    cJSON_Delete(entry);
    return false;
}

/* Counts the check, and remembers the first that failed. */
static void count_check(struct report *r, enum check_id check, bool ok, const char *reason,
                        const char *detail)
{
    if (ok) {
        r->held[check_row(check)->kind]++;
        return;
    }
    if (r->failed_count++ == 0) {
        r->failed_check = check;
        snprintf(r->failed_detail, sizeof r->failed_detail, "%s", detail);
    }
    set_reason(r, reason);
}

bool report_check(struct report *r, enum check_id check, bool ok, const char *reason,
                  const char *detail, ...)
{
    char text[REPORT_DETAIL_MAX] = "";

    if (detail) {
        va_list args;

        va_start(args, detail);
        format_detail(text, detail, args);
        va_end(args);
    }
    if (!ok && (!reason || !check_gives(check, reason))) {
        r->broken = true;
        reason = "internal";
    }
    count_check(r, check, ok, reason, text);
    if (r->check_count++ >= REPORT_CHECKS_MAX ||
        !add_entry(r->checks, check_row(check), true, ok, ok ? NULL : reason, text))
        r->broken = true;
    return ok;
}

void report_not_stated(struct report *r, enum check_id check, const char *detail, ...)
{
    char text[REPORT_DETAIL_MAX];
    va_list args;

    va_start(args, detail);
    format_detail(text, detail, args);
    va_end(args);
    if (r->not_stated_count++ >= REPORT_CHECKS_MAX ||
        !add_entry(r->not_stated, check_row(check), false, false, NULL, text))
        r->broken = true;
}

bool report_claim(struct report *r, enum check_id check, enum claim claim, const char *reason,
                  const char *good, const char *bad, const char *absent)
{
    bool same = claim == CLAIM_SAME;

    if (claim != CLAIM_ABSENT)
        return report_check(r, check, same, reason, "%s", same ? good : bad);
    report_not_stated(r, check, "%s", absent);
    return true;
}

void report_policy_refusal(struct report *r, const char *reason)
{
    r->refused = true;
    set_reason(r, reason);
}

bool report_verified(const struct report *r)
{
    return !r->broken && r->check_count > 0 && r->failed_count == 0;
}

bool report_accepted(const struct report *r)
{
    return report_verified(r) && !r->refused && r->level > LEVEL_NONE;
}

const char *report_reason(const struct report *r)
{
    return r->reason[0] ? r->reason : NULL;
}

const struct check_row *report_failed_check(const struct report *r)
{
    return r->failed_count > 0 ? check_row(r->failed_check) : NULL;
}

const char *report_failed_detail(const struct report *r)
{
    return r->failed_detail[0] ? r->failed_detail : NULL;
}

void report_set_level(struct report *r, enum report_level level)
{
    r->level = level;
}

enum report_level report_level(const struct report *r)
{
    return r->level;
}

const char *report_level_name(enum report_level level)
{
    switch (level) {
    case LEVEL_BINDING: return "binding";
    case LEVEL_DCAP: return "dcap";
    case LEVEL_MEASURED: return "measured";
    case LEVEL_NONE: break;
    }
    return "none";
}

void report_set_simulated(struct report *r, bool simulated)
{
    r->simulated = simulated;
}

/* ---- Other members -------------------------------------------------------------------------- */

/* Splits "measurements.mrtd": returns the object that holds the last part (NULL where it is missing
 * and create is not set) and sets *last. */
static cJSON *find_parent(const struct report *r, const char *name, bool create, const char **last)
{
    const char *dot = strchr(name, '.');
    char first[REPORT_CODE_MAX];
    cJSON *object;

    *last = name;
    if (!dot)
        return r->members;
    if ((size_t)(dot - name) >= sizeof first)
        return NULL;
    memcpy(first, name, (size_t)(dot - name));
    first[dot - name] = 0;
    *last = dot + 1;
    object = cJSON_GetObjectItemCaseSensitive(r->members, first);
    if (!object && create)
        object = cJSON_AddObjectToObject(r->members, first);
    return cJSON_IsObject(object) ? object : NULL;
}

void report_set(struct report *r, const char *name, cJSON *value)
{
    const char *last;
    cJSON *parent = find_parent(r, name, true, &last);

    if (!parent || !value) {
        cJSON_Delete(value);
        r->broken = true;
        return;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(parent, last);
    if (!cJSON_AddItemToObject(parent, last, value)) {
        cJSON_Delete(value);
        r->broken = true;
    }
}

static cJSON *create_safe_string(const char *value)
{
    cJSON *item = cJSON_CreateString(value);

    if (item)
        screen_make_safe(item->valuestring);
    return item;
}

void report_set_string(struct report *r, const char *name, const char *value)
{
    report_set(r, name, create_safe_string(value));
}

bool report_add_string(cJSON *object, const char *name, const char *value)
{
    cJSON *item = create_safe_string(value);

    if (item && cJSON_AddItemToObject(object, name, item))
        return true;
    cJSON_Delete(item);
    return false;
}

void report_set_hex(struct report *r, const char *name, const uint8_t *bytes, size_t n)
{
    char *text = wiping_malloc(2 * n + 1);

    if (!text) {
        r->broken = true;
        return;
    }
    hex_encode(text, bytes, n);
    text[2 * n] = 0;
    report_set(r, name, cJSON_CreateString(text));
    wiping_free(text);
}

void report_set_number(struct report *r, const char *name, double value)
{
    report_set(r, name, cJSON_CreateNumber(value));
}

const cJSON *report_get(const struct report *r, const char *name)
{
    const char *last;
    const cJSON *parent = find_parent(r, name, false, &last);

    return parent ? cJSON_GetObjectItemCaseSensitive(parent, last) : NULL;
}

const char *report_string(const struct report *r, const char *name)
{
    return cJSON_GetStringValue(report_get(r, name));
}

void report_not_proven(struct report *r, const char *sentence)
{
    cJSON *item = cJSON_CreateString(sentence);

    if (!item || !cJSON_AddItemToArray(r->not_proven, item)) {
        cJSON_Delete(item);
        r->broken = true;
    }
}

/* ---- As JSON -------------------------------------------------------------------------------- */

static bool add_copy(cJSON *root, const char *name, const cJSON *value)
{
    cJSON *copy = cJSON_Duplicate(value, true);

    if (copy && cJSON_AddItemToObject(root, name, copy))
        return true;
    cJSON_Delete(copy);
    return false;
}

/* How many checks hold, by what they are worth, and how many could not be made. */
static bool add_counts(cJSON *root, const struct report *r)
{
    cJSON *counts = cJSON_AddObjectToObject(root, "counts");

    return counts && cJSON_AddNumberToObject(counts, "proven", (double)r->held[CHECK_PROVEN]) &&
           cJSON_AddNumberToObject(counts, "stated", (double)r->held[CHECK_STATED]) &&
           cJSON_AddNumberToObject(counts, "not_stated", (double)r->not_stated_count) &&
           cJSON_AddNumberToObject(counts, "failed", (double)r->failed_count);
}

/* The conclusions, then what r holds. Copies: cJSON's references leak where memory runs out. */
static bool build(cJSON *root, const struct report *r)
{
    const char *reason = report_reason(r);
    const cJSON *member;

    if (!cJSON_AddBoolToObject(root, "verified", report_verified(r)) ||
        !cJSON_AddBoolToObject(root, "accepted", report_accepted(r)) ||
        !cJSON_AddStringToObject(root, "level", report_level_name(r->level)) ||
        (reason && !cJSON_AddStringToObject(root, "reason", reason)) ||
        !cJSON_AddBoolToObject(root, "simulated", r->simulated))
        return false;
    cJSON_ArrayForEach(member, r->members)
    {
        if (!add_copy(root, member->string, member))
            return false;
    }
    return add_counts(root, r) && add_copy(root, "checks", r->checks) &&
           add_copy(root, "not_stated", r->not_stated) &&
           add_copy(root, "not_proven", r->not_proven);
}

int report_tree(const struct report *r, cJSON **out)
{
    *out = r->broken ? NULL : cJSON_CreateObject();
    if (*out && build(*out, r))
        return 0;
    cJSON_Delete(*out);
    *out = NULL;
    return VENICE_E_MEMORY;
}

int report_json(const struct report *r, char **out, size_t *len)
{
    cJSON *root;
    int status = report_tree(r, &root);

    *out = NULL;
    *len = 0;
    if (status == 0)
        status = json_print(out, len, root);
    cJSON_Delete(root);
    return status;
}
