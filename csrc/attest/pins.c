/* The allowlist and the known enclaves (DESIGN section 5a, Pins). */
#include "attest/pins.h"

#include <stdio.h>
#include <string.h>

#include "attest/tdx/quote.h"
#include "base/codec.h"
#include "base/json.h"

/* What an enclave is known by. Without RTMR1 and RTMR2 it would be known by the word of any kernel,
 * for all of it but MRTD (the firmware) and MRCONFIGID is what the kernel measures. RTMR3 holds
 * instance ids, RTMR0 the size of the machine: not these. */
enum {
    VALUE_MRTD,
    VALUE_RTMR1,
    VALUE_RTMR2,
    VALUE_FORM,
    VALUE_OS_IMAGE,
    VALUE_COMPOSE,
    VALUE_MRCONFIGID,
    VALUE_APP_ID,
    VALUE_KEY_PROVIDER,
    VALUE_SHAPE,
    VALUE_CUSTODY_ROOT,
    VALUES
};

static const struct {
    const char *name;   /* in a pin */
    const char *member; /* in a report; NULL: find_today knows */
} values[VALUES] = {
    [VALUE_MRTD] = { "mrtd", "measurements.mrtd" },
    [VALUE_RTMR1] = { "rtmr1", "measurements.rtmr1" },
    [VALUE_RTMR2] = { "rtmr2", "measurements.rtmr2" },
    [VALUE_FORM] = { "mrconfigid_form", "code.mrconfigid" },
    [VALUE_OS_IMAGE] = { "os_image_hash", "measurements.os_image_hash" },
    [VALUE_COMPOSE] = { "compose_hash", "measurements.compose_hash" },
    [VALUE_MRCONFIGID] = { "mrconfigid", "measurements.mrconfigid" },
    [VALUE_APP_ID] = { "app_id", "code.app_id" },
    [VALUE_KEY_PROVIDER] = { "key_provider", "code.key_provider" },
    [VALUE_SHAPE] = { "shape", NULL },
    [VALUE_CUSTODY_ROOT] = { "custody_root", NULL },
};

enum judgement { VOUCHES, SILENT, REFUSES };

static void refuse(struct report *r, const char *reason, const char *sentence)
{
    report_policy_refusal(r, reason);
    if (!report_get(r, "refusal"))
        report_set_string(r, "refusal", sentence);
}

/* ---- Lists of names -------------------------------------------------------------------------- */

static bool add_name(cJSON *list, const char *name)
{
    cJSON *item = cJSON_CreateString(name);

    if (item && cJSON_AddItemToArray(list, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static void join_names(char *out, size_t size, const cJSON *names)
{
    const cJSON *name;
    size_t len = 0;

    out[0] = 0;
    cJSON_ArrayForEach(name, names)
    {
        int n = snprintf(out + len, size - len, "%s%s", len > 0 ? ", " : "", name->valuestring);

        if (n < 0 || (size_t)n >= size - len)
            break;
        len += (size_t)n;
    }
}

/* ---- The allowlist --------------------------------------------------------------------------- */

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

static bool is_listed(const cJSON *list, const char *value)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, list)
    {
        const char *text = cJSON_GetStringValue(item);

        if (text && is_same(value, text))
            return true;
    }
    return false;
}

/* The names that a list must have before it says which code may run: firmware, kernel, the rest of
 * the system, and the compose text. NULL where memory is short. */
static cJSON *find_unlisted(const cJSON *lists)
{
    static const char *const needed[] = { "mrtd", "rtmr1", "rtmr2" };
    cJSON *missing = cJSON_CreateArray();
    bool ok = missing != NULL;

    for (size_t i = 0; i < sizeof needed / sizeof needed[0] && ok; i++)
        ok = json_at(lists, needed[i], NULL) || add_name(missing, needed[i]);
    if (ok && !json_at(lists, "compose_hash", NULL) && !json_at(lists, "mrconfigid", NULL))
        ok = add_name(missing, "compose_hash");
    if (ok)
        return missing;
    cJSON_Delete(missing);
    return NULL;
}

/* Whether the allowlist vouches for the code. A measurement that is listed and not known is
 * refused: the list was written to be met. One that is too short refuses, and vouches for
 * nothing. */
static enum judgement judge_allowlist(struct report *r, const struct policy *policy)
{
    const cJSON *list, *lists = json_at(policy->source, "measurements", NULL);
    bool met = true, complete;
    cJSON *missing;

    if (!lists || !lists->child)
        return SILENT;
    cJSON_ArrayForEach(list, lists)
    {
        char name[REPORT_CODE_MAX + 16], sentence[REPORT_CODE_MAX + 64];
        const char *value;

        snprintf(name, sizeof name, "measurements.%s", list->string);
        value = report_string(r, name);
        if (value && is_listed(list, value))
            continue;
        met = false;
        snprintf(sentence, sizeof sentence, "%s is %s", list->string,
                 value ? "not in verify.measurements"
                       : "not known, and verify.measurements demands it");
        refuse(r, "measurement_not_allowed", sentence);
    }
    missing = find_unlisted(lists);
    complete = missing && !missing->child;
    report_set(r, "allowlist.complete", cJSON_CreateBool(complete));
    report_set(r, "allowlist.missing", missing);
    return !met ? REFUSES : complete ? VOUCHES : SILENT;
}

/* ---- Custody --------------------------------------------------------------------------------- */

static enum judgement judge_root(struct report *r, const cJSON *roots)
{
    const char *root = json_string(report_get(r, "aci.custody"), "root");
    char sentence[256];

    if (!roots)
        return SILENT;
    if (!root) {
        refuse(r, "custody_missing",
               "no custody chain leads to the key that is encrypted to, and verify.custody.roots "
               "demands one");
        return REFUSES;
    }
    if (is_listed(roots, root))
        return SILENT;
    snprintf(sentence, sizeof sentence,
             "the key comes from the KMS with the root %.66s, which verify.custody.roots does not "
             "list",
             root);
    refuse(r, "custody_root_not_allowed", sentence);
    return REFUSES;
}

static enum judgement judge_app_id(struct report *r, const cJSON *app_ids)
{
    const char *app_id = report_string(r, "code.app_id");
    char sentence[256];

    if (!app_ids)
        return SILENT;
    if (!app_id) {
        refuse(r, "custody_missing",
               "no app id is measured, and verify.custody.app_ids demands one");
        return REFUSES;
    }
    if (is_listed(app_ids, app_id))
        return SILENT;
    snprintf(sentence, sizeof sentence,
             "the app id %.128s is not one that verify.custody.app_ids lists", app_id);
    refuse(r, "custody_app_id_not_allowed", sentence);
    return REFUSES;
}

/* Who may hold the key, where the user says so. What is not shown is refused: the rule was written
 * to be met by every body. */
static enum judgement judge_custody(struct report *r, const struct policy *policy)
{
    const cJSON *custody = json_at(policy->source, "custody", NULL);
    enum judgement root = judge_root(r, json_at(custody, "roots", NULL));
    enum judgement app_id = judge_app_id(r, json_at(custody, "app_ids", NULL));

    return root == REFUSES || app_id == REFUSES ? REFUSES : SILENT;
}

/* ---- The known enclaves ---------------------------------------------------------------------- */

/* Today's value. Where the compose hash is known, MRCONFIGID, which may be of another form
 * tomorrow, is not needed. */
static const char *find_today(const struct report *r, size_t value)
{
    bool gateway = cJSON_IsTrue(report_get(r, "gateway"));

    switch (value) {
    case VALUE_SHAPE: return gateway ? "gateway" : "enclave";
    case VALUE_CUSTODY_ROOT:
        return gateway ? json_string(report_get(r, "aci.custody"), "root") : NULL;
    case VALUE_MRCONFIGID:
        if (report_string(r, values[VALUE_COMPOSE].member))
            return NULL;
        break;
    default: break;
    }
    return report_string(r, values[value].member);
}

/* A value that a pin names. It may name MRCONFIGID beside the compose hash, which decides then. */
static const char *find_named(const cJSON *pin, size_t value)
{
    if (value == VALUE_MRCONFIGID && json_string(pin, values[VALUE_COMPOSE].name))
        return NULL;
    return json_string(pin, values[value].name);
}

/* Whether a pin can know anything: it names the firmware and the compose text, as each does that
 * was ever stored, and no value of it is something else than a text. */
static bool is_pin(const cJSON *pin)
{
    for (size_t i = 0; i < VALUES; i++) {
        const cJSON *value = json_at(pin, values[i].name, NULL);

        if (value && !cJSON_IsString(value))
            return false;
    }
    return json_string(pin, values[VALUE_MRTD].name) &&
           (json_string(pin, values[VALUE_COMPOSE].name) ||
            json_string(pin, values[VALUE_MRCONFIGID].name));
}

enum likeness { OTHER, SAME_SO_FAR, SAME };

struct comparison {
    enum likeness likeness;
    size_t equal; /* values in common */
    size_t news;  /* values that only today knows */
};

/* Compares a pin with today's enclave. What the pin names must be there and the same; what only
 * today knows is news, not a change, but no confirmation covers it. */
static struct comparison compare(const cJSON *enclave, const cJSON *pin)
{
    struct comparison c = { SAME, 0, 0 };
    bool other = !is_pin(pin);

    for (size_t i = 0; i < VALUES; i++) {
        const char *known = find_named(pin, i), *now = json_string(enclave, values[i].name);

        if (known && now && is_same(known, now))
            c.equal++;
        else if (known)
            other = true;
        else if (now)
            c.news++;
    }
    c.likeness = other ? OTHER : c.news > 0 ? SAME_SO_FAR : SAME;
    return c;
}

/* Whether another pin of the list has the values of this one, and more. */
static bool is_extended(const cJSON *pin, const cJSON *pins)
{
    const cJSON *longer;

    cJSON_ArrayForEach(longer, pins)
    {
        size_t more = 0;
        bool same = is_pin(longer);

        for (size_t i = 0; i < VALUES && same; i++) {
            const char *a = find_named(pin, i), *b = find_named(longer, i);

            same = !a || (b && is_same(a, b));
            more += !a && b;
        }
        if (same && more > 0)
            return true;
    }
    return false;
}

/* Today's values (pin NULL), or those of a pin. */
static cJSON *make_enclave(const struct report *r, const cJSON *pin)
{
    cJSON *out = cJSON_CreateObject();

    for (size_t i = 0; i < VALUES && out; i++) {
        const char *value = pin ? json_string(pin, values[i].name) : find_today(r, i);

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
    const cJSON *shorter; /* confirmed, the same so far; with the most values */
};

/* A pin that says less than is known today knows the enclave only while no other pin of the list
 * says the same and more: else one from before RTMR1 and RTMR2 were pinned would know every kernel
 * for ever. One that says all of it counts in any case. */
static struct verdict find_pin(const cJSON *enclave, const cJSON *pins)
{
    struct verdict v = { pins && pins->child ? "changed" : "first", NULL, NULL };
    size_t most = 0, fewest = VALUES + 1;
    const cJSON *pin;

    cJSON_ArrayForEach(pin, pins)
    {
        struct comparison c = compare(enclave, pin);
        bool confirmed = json_bool(pin, "confirmed") == 1;

        if (c.likeness == SAME || (c.likeness == SAME_SO_FAR && !is_extended(pin, pins))) {
            if (strcmp(v.state, "confirmed") != 0)
                v.state = confirmed && c.likeness == SAME ? "confirmed" : "known";
        }
        if (c.likeness == SAME_SO_FAR && confirmed && c.news < fewest) {
            v.shorter = pin;
            fewest = c.news;
        }
        if (!v.nearest || c.equal > most) {
            v.nearest = pin;
            most = c.equal;
        }
    }
    return v;
}

const char *pins_state(const cJSON *enclave, const cJSON *pins)
{
    return find_pin(enclave, pins).state;
}

/* The names of the values that today has and a pin has not; NULL where memory is short. */
static cJSON *find_news(const cJSON *enclave, const cJSON *pin)
{
    cJSON *names = cJSON_CreateArray();
    bool ok = names != NULL;

    for (size_t i = 0; i < VALUES && ok; i++) {
        if (json_string(enclave, values[i].name) && !json_string(pin, values[i].name))
            ok = add_name(names, values[i].name);
    }
    if (ok)
        return names;
    cJSON_Delete(names);
    return NULL;
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
    if (strcmp(v.state, "known") == 0 && v.shorter)
        report_set(r, "pin.missing", find_news(enclave, v.shorter));
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

/* Whether the compose text is measured, and bound by more than the event log: by MRCONFIGID, or
 * where that is not used by a pin, which says so. *why is set where it is not. */
static bool is_bound(const struct report *r, enum judgement pin, const char **why)
{
    const char *form = report_string(r, "code.mrconfigid");

    *why = NULL;
    if (cJSON_IsTrue(report_get(r, "code.mrconfigid_bound")))
        return true;
    if (!form || strcmp(form, "unused") != 0) {
        *why = "That you know the code that runs: MRCONFIGID, which should bind the compose text, "
               "could not be compared with it.";
        return false;
    }
    if (pin != VOUCHES)
        *why = "That you know the code that runs: MRCONFIGID is not used, so an allowlist is not "
               "enough; only an enclave that you confirmed (:Venice trust) is known.";
    return pin == VOUCHES;
}

/* Why neither the list nor a pin vouches for code that is measured. */
static void report_unknown(struct report *r)
{
    const cJSON *missing = report_get(r, "pin.missing"), *unlisted;
    char names[256], sentence[512];

    unlisted = report_get(r, "allowlist.missing");
    if (missing) {
        join_names(names, sizeof names, missing);
        snprintf(sentence, sizeof sentence,
                 "That you know the code that runs: the enclave that you confirmed was stored "
                 "without %s; confirm it again (:Venice trust).",
                 names);
    } else if (unlisted && unlisted->child) {
        join_names(names, sizeof names, unlisted);
        snprintf(sentence, sizeof sentence,
                 "That you know the code that runs: verify.measurements does not list %s, and no "
                 "pin that you confirmed (:Venice trust) names it.",
                 names);
    } else {
        snprintf(sentence, sizeof sentence,
                 "That you know the code that runs: it was measured, but neither "
                 "verify.measurements nor a pin that you confirmed (:Venice trust) names it.");
    }
    report_not_proven(r, sentence);
}

void pins_judge(struct report *r, const struct policy *policy, const cJSON *pins)
{
    enum judgement list = judge_allowlist(r, policy), custody = judge_custody(r, policy);
    enum judgement pin = judge_pins(r, policy, pins);
    bool measured = cJSON_IsTrue(report_get(r, "code.replayed")) &&
                    report_string(r, "measurements.compose_hash");
    const char *why;

    if (!report_verified(r) || report_level(r) != LEVEL_DCAP || !measured)
        return;
    if (list == REFUSES || custody == REFUSES || pin == REFUSES)
        return;
    if (!is_bound(r, pin, &why))
        report_not_proven(r, why);
    else if (list == VOUCHES || pin == VOUCHES)
        report_set_level(r, LEVEL_MEASURED);
    else
        report_unknown(r);
}
