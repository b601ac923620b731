/* The allowlist and the known enclaves (DESIGN section 5a, Pins). */
#include "attest/pins.h"

#include <stdio.h>
#include <string.h>

#include "attest/tdx/quote.h"
#include "base/codec.h"
#include "base/json.h"

/* What an enclave is known by. RTMR3 holds instance ids, RTMR0 the size of the machine: not
 * these. */
static const struct {
    const char *name;   /* in a pin */
    const char *member; /* in a report */
} values[] = { { "mrtd", "measurements.mrtd" },
               { "os_image_hash", "measurements.os_image_hash" },
               { "compose_hash", "measurements.compose_hash" },
               { "mrconfigid", "measurements.mrconfigid" },
               { "app_id", "code.app_id" },
               { "key_provider", "code.key_provider" } };

enum { VALUES = sizeof values / sizeof values[0], VALUE_COMPOSE = 2, VALUE_MRCONFIGID = 3 };

static void refuse(struct report *r, const char *reason, const char *sentence)
{
    report_policy_refusal(r, reason);
    if (!report_get(r, "refusal"))
        report_set_string(r, "refusal", sentence);
}

/* ---- The allowlist --------------------------------------------------------------------------- */

static bool is_listed(const cJSON *list, const char *value)
{
    const cJSON *item;
    uint8_t wanted[TDX_REGISTER_SIZE], listed[TDX_REGISTER_SIZE];
    size_t n = strlen(value);

    if (n > 2 * sizeof wanted || hex_decode(wanted, value, n) != 0)
        return false;
    cJSON_ArrayForEach(item, list)
    {
        const char *text = cJSON_GetStringValue(item);

        if (text && strlen(text) == n && hex_decode(listed, text, n) == 0 &&
            memcmp(wanted, listed, n / 2) == 0)
            return true;
    }
    return false;
}

/* Whether a list of this name says which compose text may run. */
static bool names_code(const char *name)
{
    return strcmp(name, "compose_hash") == 0 || strcmp(name, "mrconfigid") == 0 ||
           strcmp(name, "rtmr3") == 0;
}

enum judgement { VOUCHES, SILENT, REFUSES };

/* Whether the allowlist vouches for the code. A measurement that is listed and not known is
 * refused: the list was written to be met. */
static enum judgement judge_allowlist(struct report *r, const struct policy *policy)
{
    const cJSON *list, *lists = json_at(policy->source, "measurements", NULL);
    bool met = true, code = false;

    cJSON_ArrayForEach(list, lists)
    {
        char name[REPORT_CODE_MAX + 16], sentence[REPORT_CODE_MAX + 64];
        const char *value;

        snprintf(name, sizeof name, "measurements.%s", list->string);
        value = report_string(r, name);
        code = code || names_code(list->string);
        if (value && is_listed(list, value))
            continue;
        met = false;
        snprintf(sentence, sizeof sentence, "%s is %s", list->string,
                 value ? "not in verify.measurements"
                       : "not known, and verify.measurements "
                         "demands it");
        refuse(r, "measurement_not_allowed", sentence);
    }
    return !met ? REFUSES : code ? VOUCHES : SILENT;
}

/* ---- The known enclaves ---------------------------------------------------------------------- */

/* Whether both are the same value; hex may be of either case. */
static bool is_same(const char *a, const char *b)
{
    uint8_t x[TDX_REGISTER_SIZE], y[TDX_REGISTER_SIZE];
    size_t n = strlen(a);

    if (strcmp(a, b) == 0)
        return true;
    return n == strlen(b) && n <= 2 * sizeof x && hex_decode(x, a, n) == 0 &&
           hex_decode(y, b, n) == 0 && memcmp(x, y, n / 2) == 0;
}

/* Today's value. Where the compose hash is known, MRCONFIGID, which may be of another form
 * tomorrow, is not needed. */
static const char *today(const struct report *r, size_t value)
{
    if (value == VALUE_MRCONFIGID && report_string(r, values[VALUE_COMPOSE].member))
        return NULL;
    return report_string(r, values[value].member);
}

enum likeness { OTHER, SAME_SO_FAR, SAME };

/* Compares a pin with today's enclave. What the pin names must be there and the same; what only
 * today knows is news, not a change, but no confirmation covers it. *equal counts the values in
 * common. */
static enum likeness compare(const cJSON *enclave, const cJSON *pin, size_t *equal)
{
    enum likeness likeness = SAME;
    size_t named = 0;

    *equal = 0;
    for (size_t i = 0; i < VALUES; i++) {
        const char *known = json_string(pin, values[i].name);
        const char *now = json_string(enclave, values[i].name);

        if (!known) {
            if (now && likeness == SAME)
                likeness = SAME_SO_FAR;
            continue;
        }
        /* A pin may name both; the compose hash decides then. */
        if (i == VALUE_MRCONFIGID && json_string(pin, values[VALUE_COMPOSE].name))
            continue;
        named++;
        if (now && is_same(known, now))
            (*equal)++;
        else
            likeness = OTHER;
    }
    return named > 0 ? likeness : OTHER;
}

/* The five values, of today (pin NULL) or of a pin. */
static cJSON *make_enclave(const struct report *r, const cJSON *pin)
{
    cJSON *out = cJSON_CreateObject();

    for (size_t i = 0; i < VALUES && out; i++) {
        const char *value = pin ? json_string(pin, values[i].name) : today(r, i);

        if (value && !cJSON_AddStringToObject(out, values[i].name, value)) {
            cJSON_Delete(out);
            out = NULL;
        }
    }
    return out;
}

struct verdict {
    const char *state;
    const cJSON *nearest;
};

static struct verdict find_pin(const cJSON *enclave, const cJSON *pins)
{
    struct verdict v = { pins && pins->child ? "changed" : "first", NULL };
    size_t equal, most = 0;
    const cJSON *pin;

    cJSON_ArrayForEach(pin, pins)
    {
        enum likeness likeness = compare(enclave, pin, &equal);

        if (likeness != OTHER) {
            bool confirmed = likeness == SAME && json_bool(pin, "confirmed") == 1;

            if (strcmp(v.state, "confirmed") != 0)
                v.state = confirmed ? "confirmed" : "known";
        }
        if (!v.nearest || equal > most) {
            v.nearest = pin;
            most = equal;
        }
    }
    return v;
}

const char *pins_state(const cJSON *enclave, const cJSON *pins)
{
    return find_pin(enclave, pins).state;
}

/* Whether a pin vouches for the enclave: one that was confirmed. */
static enum judgement judge_pins(struct report *r, const struct policy *policy, const cJSON *pins)
{
    struct verdict v;
    cJSON *enclave;
    bool changed;

    if (policy->pin == POLICY_PIN_OFF || !report_verified(r))
        return SILENT;
    enclave = make_enclave(r, NULL);
    v = find_pin(enclave, pins);
    changed = strcmp(v.state, "changed") == 0;
    report_set_string(r, "pin.state", v.state);
    report_set(r, "pin.enclave", enclave);
    if (changed && cJSON_IsObject(v.nearest))
        report_set(r, "pin.previous", make_enclave(r, v.nearest));
    if (changed)
        refuse(r, "pin_changed",
               policy->pin == POLICY_PIN_STRICT
                   ? "the enclave is not one of those that you know, and verify.pin is 'strict'"
                   : "the enclave is not one of those that you know");
    return changed ? REFUSES : strcmp(v.state, "confirmed") == 0 ? VOUCHES : SILENT;
}

/* ---- The level ------------------------------------------------------------------------------- */

void pins_judge(struct report *r, const struct policy *policy, const cJSON *pins)
{
    enum judgement list = judge_allowlist(r, policy), pin = judge_pins(r, policy, pins);
    const char *form = report_string(r, "code.mrconfigid");
    bool measured = cJSON_IsTrue(report_get(r, "code.replayed")) &&
                    report_string(r, "measurements.compose_hash") && form &&
                    strcmp(form, "unknown") != 0;

    if (!report_verified(r) || report_level(r) != LEVEL_DCAP || !measured)
        return;
    if (list == REFUSES || pin == REFUSES)
        return;
    if (list == VOUCHES || pin == VOUCHES)
        report_set_level(r, LEVEL_MEASURED);
    else
        report_not_proven(r, "That you know the code that runs: it was measured, but neither "
                             "verify.measurements nor a pin that you confirmed (:Venice trust) "
                             "names it.");
}
