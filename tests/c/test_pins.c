/* Pins and the allowlist: first sight, known, confirmed, changed; and the level that follows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/attestation.h"
#include "attest/pins.h"
#include "base/codec.h"
#include "base/json.h"
#include "base/secret.h"
#include "support_code.h"
#include "venice.h"

static const char *const names[] = { "mrtd",   "rtmr1",        "rtmr2",
                                     "shape",  "compose_hash", "mrconfigid_form",
                                     "app_id", "key_provider", "os_image_hash" };

/* What pins of before this version lack. */
static const char *const later_names[] = { "rtmr1", "rtmr2", "mrconfigid_form", "shape" };

static cJSON *judge_machine(struct machine *m, bool log, const char *policy, const char *pins)
{
    cJSON *body = machine_response(m, 'A');

    if (!log) {
        set_member(body, "event_log", NULL);
        set_member(body, "info.tcb_info.event_log", NULL);
    }
    return judge(body, policy, pins, 0);
}

static cJSON *judge_it(const char *policy, const char *pins)
{
    struct machine m;
    cJSON *report;

    machine_new(&m, 1);
    report = judge_machine(&m, true, policy, pins);
    machine_free(&m);
    return report;
}

/* Today's enclave as Lua would store it. */
static cJSON *enclave(void)
{
    cJSON *report = judge_it(NULL, NULL);
    cJSON *copy = cJSON_Duplicate(json_at(report, "pin", "enclave", NULL), 1);

    assert_non_null(copy);
    cJSON_Delete(report);
    return copy;
}

/* The same as an older version stored it. */
static cJSON *old_enclave(void)
{
    cJSON *pin = enclave();

    for (size_t i = 0; i < sizeof later_names / sizeof later_names[0]; i++)
        set_member(pin, later_names[i], NULL);
    return pin;
}

/* The text of an array of this pin; frees pin. */
static char *pins_of(cJSON *pin, bool confirmed)
{
    cJSON *array = cJSON_CreateArray();
    char *text;

    cJSON_AddBoolToObject(pin, "confirmed", confirmed);
    cJSON_AddItemToArray(array, pin);
    text = cJSON_PrintUnformatted(array);
    cJSON_Delete(array);
    return text;
}

/* The same for two pins. */
static char *two_pins(cJSON *a, bool a_confirmed, cJSON *b, bool b_confirmed)
{
    cJSON *array = cJSON_CreateArray();
    char *text;

    cJSON_AddBoolToObject(a, "confirmed", a_confirmed);
    cJSON_AddBoolToObject(b, "confirmed", b_confirmed);
    cJSON_AddItemToArray(array, a);
    cJSON_AddItemToArray(array, b);
    text = cJSON_PrintUnformatted(array);
    cJSON_Delete(array);
    return text;
}

/* The report of a machine with another kernel (RTMR1) or another initrd (RTMR2). */
static cJSON *judge_other(int rtmr, const char *policy, const char *pins)
{
    struct machine m;
    cJSON *report;

    machine_new(&m, 1);
    set_member(cJSON_GetArrayItem(m.log, rtmr + 1), "digest", cJSON_CreateString("0badc0de"));
    machine_measure(&m);
    report = judge_machine(&m, true, policy, pins);
    machine_free(&m);
    return report;
}

static void assert_missing(const cJSON *report, const char *const *wanted, size_t count)
{
    const cJSON *missing = json_at(report, "pin", "missing", NULL);

    if (count == 0)
        assert_null(missing);
    else
        assert_int_equal(cJSON_GetArraySize(missing), count);
    for (size_t i = 0; i < count; i++) {
        const cJSON *name;
        bool found = false;

        cJSON_ArrayForEach(name, missing) found =
            found || strcmp(name->valuestring, wanted[i]) == 0;
        assert_true(found);
    }
}

static void assert_verdict(cJSON *report, const char *state, const char *level, const char *reason)
{
    const char *found = json_string(json_at(report, "pin", NULL), "state");
    const char *code = json_string(report, "reason");

    assert_int_equal(json_bool(report, "verified"), 1);
    assert_int_equal(json_bool(report, "accepted"), reason == NULL);
    assert_string_equal(json_string(report, "level"), level);
    if (state)
        assert_string_equal(found ? found : "none", state);
    else
        assert_null(json_at(report, "pin", NULL));
    if (reason)
        assert_string_equal(code ? code : "none", reason);
    else
        assert_null(code);
    cJSON_Delete(report);
}

/* ---- Pins ------------------------------------------------------------------------------------ */

static void first_sight(void **state)
{
    static const char *const empty[] = { NULL, "[]", "{}" };
    cJSON *report;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        report = judge_it(NULL, empty[i]);
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            assert_non_null(json_string(json_at(report, "pin", "enclave", NULL), names[k]));
        assert_null(json_at(report, "pin", "enclave", "mrconfigid", NULL));
        assert_null(json_at(report, "pin", "previous", NULL));
        assert_verdict(report, "first", "dcap", NULL);
        assert_verdict(judge_it("{\"pin\":\"strict\"}", empty[i]), "first", "dcap", NULL);
        assert_verdict(judge_it("{\"pin\":\"off\"}", empty[i]), NULL, "dcap", NULL);
    }
}

static void known_and_confirmed(void **state)
{
    char *known = pins_of(enclave(), false), *confirmed = pins_of(enclave(), true);

    (void)state;
    assert_verdict(judge_it(NULL, known), "known", "dcap", NULL);
    assert_verdict(judge_it(NULL, confirmed), "confirmed", "measured", NULL);
    assert_verdict(judge_it("{\"pin\":\"strict\"}", confirmed), "confirmed", "measured", NULL);
    assert_verdict(judge_it("{\"pin\":\"off\"}", confirmed), NULL, "dcap", NULL);
    cJSON_free(known);
    cJSON_free(confirmed);
}

static void each_value_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        cJSON *pin = enclave(), *report;
        char *value, *pins;

        value = member(pin, names[i])->valuestring;
        value[1] = value[1] == '0' ? '1' : '0';
        pins = pins_of(pin, true);
        report = judge_it(NULL, pins);
        assert_string_equal(json_string(report, "refusal"),
                            "the enclave is not one of those that you know");
        assert_non_null(json_string(json_at(report, "pin", "previous", NULL), names[i]));
        assert_string_not_equal(json_string(json_at(report, "pin", "previous", NULL), names[i]),
                                json_string(json_at(report, "pin", "enclave", NULL), names[i]));
        assert_verdict(report, "changed", "dcap", "pin_changed");
        assert_verdict(judge_it("{\"pin\":\"strict\"}", pins), "changed", "dcap", "pin_changed");
        assert_verdict(judge_it("{\"pin\":\"off\"}", pins), NULL, "dcap", NULL);
        cJSON_free(pins);
    }
}

/* What was confirmed was all of it: a pin that names less is only known, and says what it lacks;
 * one that names no firmware or no compose text knows nothing. */
static void pins_that_name_less(void **state)
{
    static const char *const odd[] = {
        "[{\"confirmed\":true}]",
        "[7]",
        "[[]]",
        "[null]",
        "[{\"mrtd\":7,\"compose_hash\":[]}]",
        "[{\"shape\":\"enclave\",\"confirmed\":true}]",
        "[{\"MRTD\":\"x\",\"rtmr_1\":\"y\",\"confirmed\":true}]",
        "[{\"confirmed\":\"yes\",\"mrtd\":\"\",\"compose_hash\":\"\"}]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        bool needed = strcmp(names[i], "mrtd") == 0 || strcmp(names[i], "compose_hash") == 0;

        for (int confirmed = 0; confirmed < 2; confirmed++) {
            cJSON *pin = enclave(), *report;
            char *pins;

            set_member(pin, names[i], NULL);
            pins = pins_of(pin, confirmed);
            report = judge_it(NULL, pins);
            assert_missing(report, &names[i], confirmed && !needed);
            assert_verdict(report, needed ? "changed" : "known", "dcap",
                           needed ? "pin_changed" : NULL);
            cJSON_free(pins);
        }
    }
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        assert_verdict(judge_it(NULL, odd[i]), "changed", "dcap", "pin_changed");
}

/* A value of another type in a pin that is right otherwise: hand-edited, and good for nothing. */
static void pins_that_are_edited_by_hand(void **state)
{
    static const char *const values[] = { "7", "null", "true", "[]", "{}", "[\"x\"]" };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
            cJSON *pin = enclave();
            char *pins;

            set_member(pin, names[i], cJSON_Parse(values[k]));
            pins = pins_of(pin, true);
            assert_verdict(judge_it(NULL, pins), "changed", "dcap", "pin_changed");
            cJSON_free(pins);
        }
    }
}

/* ---- Pins of an older version ---------------------------------------------------------------- */

/* MRTD is the firmware alone: with another kernel, everything that it measures is its word. */
static void another_kernel_is_a_change(void **state)
{
    char *pins = pins_of(enclave(), true);

    (void)state;
    for (int rtmr = 1; rtmr <= 2; rtmr++) {
        assert_verdict(judge_other(rtmr, NULL, pins), "changed", "dcap", "pin_changed");
        assert_verdict(judge_other(rtmr, "{\"pin\":\"strict\"}", pins), "changed", "dcap",
                       "pin_changed");
        assert_verdict(judge_other(rtmr, "{\"pin\":\"off\"}", pins), NULL, "dcap", NULL);
    }
    cJSON_free(pins);
}

/* They are kept, known and not confirmed, and the report says what they lack. */
static void pins_of_the_last_version(void **state)
{
    char *known = pins_of(old_enclave(), false), *confirmed = pins_of(old_enclave(), true);
    cJSON *report;

    (void)state;
    report = judge_it(NULL, known);
    assert_missing(report, NULL, 0);
    assert_verdict(report, "known", "dcap", NULL);
    report = judge_it(NULL, confirmed);
    assert_missing(report, later_names, 4);
    assert_true(is_not_proven(report, "stored without rtmr1, rtmr2, mrconfigid_form, shape"));
    assert_verdict(report, "known", "dcap", NULL);
    report = judge_it("{\"pin\":\"strict\"}", confirmed);
    assert_missing(report, later_names, 4);
    assert_verdict(report, "known", "dcap", NULL);
    cJSON_free(known);
    cJSON_free(confirmed);
}

/* The old pin, and the enclave that it grew into at the first sight with this version: another
 * kernel is neither. */
static void an_old_pin_knows_no_other_kernel(void **state)
{
    cJSON *half = enclave(), *report, *today = enclave(), *pins;
    char *text;

    (void)state;
    for (int turned = 0; turned < 2; turned++) { /* in either order */
        text = turned ? two_pins(enclave(), false, old_enclave(), true)
                      : two_pins(old_enclave(), true, enclave(), false);
        report = judge_it(NULL, text);
        assert_missing(report, later_names, 4); /* still said, until it is confirmed again */
        assert_verdict(report, "known", "dcap", NULL);
        for (int rtmr = 1; rtmr <= 2; rtmr++) {
            report = judge_other(rtmr, NULL, text);
            assert_missing(report, NULL, 0);
            assert_non_null(json_string(json_at(report, "pin", "previous", NULL), "rtmr1"));
            assert_verdict(report, "changed", "dcap", "pin_changed");
        }
        pins = cJSON_Parse(text);
        assert_string_equal(pins_state(today, pins), "known");
        member(today, "rtmr1")->valuestring[0] ^= 1;
        assert_string_equal(pins_state(today, pins), "changed");
        member(today, "rtmr1")->valuestring[0] ^= 1;
        cJSON_Delete(pins);
        cJSON_free(text);
    }
    text = two_pins(old_enclave(), true, enclave(), true);
    report = judge_it(NULL, text);
    assert_missing(report, NULL, 0);
    assert_verdict(report, "confirmed", "measured", NULL);
    assert_verdict(judge_other(1, NULL, text), "changed", "dcap", "pin_changed");
    cJSON_free(text);
    /* RTMR1 without RTMR2: never confirmed, and no more than that. */
    set_member(half, "rtmr2", NULL);
    text = pins_of(cJSON_Duplicate(half, 1), true);
    assert_verdict(judge_it(NULL, text), "known", "dcap", NULL);
    assert_verdict(judge_other(1, NULL, text), "changed", "dcap", "pin_changed");
    assert_verdict(judge_other(2, NULL, text), "known", "dcap", NULL);
    cJSON_free(text);
    text = two_pins(half, true, enclave(), false);
    assert_verdict(judge_other(2, NULL, text), "changed", "dcap", "pin_changed");
    cJSON_free(text);
    cJSON_Delete(today);
}

/* A shorter pin that says all that is known today counts beside a longer one: who confirmed it can
 * be answered by it. */
static void a_pin_that_says_all_is_enough(void **state)
{
    struct machine m;
    cJSON *report, *pin;
    char *text;

    (void)state;
    machine_new(&m, 1);
    report = judge_machine(&m, false, NULL, NULL);
    pin = cJSON_Duplicate(json_at(report, "pin", "enclave", NULL), 1);
    cJSON_Delete(report);
    text = two_pins(pin, true, enclave(), true);
    assert_verdict(judge_machine(&m, false, NULL, text), "confirmed", "dcap", NULL);
    assert_verdict(judge_machine(&m, true, NULL, text), "confirmed", "measured", NULL);
    cJSON_free(text);
    machine_free(&m);
}

static void one_of_several(void **state)
{
    cJSON *pins = cJSON_CreateArray(), *near = enclave(), *far = enclave(), *report;
    const cJSON *previous;
    char *text;

    (void)state;
    member(near, "compose_hash")->valuestring[0] = 'x';
    member(far, "compose_hash")->valuestring[0] = 'x';
    member(far, "mrtd")->valuestring[0] = 'x';
    cJSON_AddItemToArray(pins, far);
    cJSON_AddItemToArray(pins, near);
    text = cJSON_PrintUnformatted(pins);
    report = judge_it(NULL, text);
    previous = json_at(report, "pin", "previous", NULL);
    assert_string_equal(json_string(previous, "mrtd"), json_string(near, "mrtd"));
    assert_string_equal(json_string(previous, "compose_hash"), json_string(near, "compose_hash"));
    assert_verdict(report, "changed", "dcap", "pin_changed");
    cJSON_free(text);
    cJSON_AddItemToArray(pins, enclave());
    text = cJSON_PrintUnformatted(pins);
    assert_verdict(judge_it(NULL, text), "known", "dcap", NULL);
    cJSON_free(text);
    cJSON_AddBoolToObject(pins->child->next->next, "confirmed", 1);
    text = cJSON_PrintUnformatted(pins);
    assert_verdict(judge_it(NULL, text), "confirmed", "measured", NULL);
    cJSON_free(text);
    cJSON_Delete(pins);
}

/* Hex of either case; more members than ours do not matter. */
static void pins_are_read_with_tolerance(void **state)
{
    cJSON *pin = enclave();
    char *text;

    (void)state;
    for (char *c = member(pin, "mrtd")->valuestring; *c; c++)
        *c = (char)(*c >= 'a' ? *c - 32 : *c);
    cJSON_AddStringToObject(pin, "first_seen", "2026-11-01T00:00:00Z");
    text = pins_of(pin, true);
    assert_verdict(judge_it(NULL, text), "confirmed", "measured", NULL);
    cJSON_free(text);
}

/* ---- Without an event log -------------------------------------------------------------------- */

static void pins_without_a_log(void **state)
{
    char *full = pins_of(enclave(), true), *text;
    struct machine m;
    cJSON *report, *pin;

    (void)state;
    machine_new(&m, 1);
    report = judge_machine(&m, false, NULL, NULL);
    pin = cJSON_Duplicate(json_at(report, "pin", "enclave", NULL), 1);
    assert_non_null(json_string(pin, "mrtd"));
    assert_non_null(json_string(pin, "compose_hash")); /* MRCONFIGID says it */
    assert_null(json_string(pin, "app_id"));
    assert_verdict(report, "first", "dcap", NULL);
    /* What was shown before must be shown again: else leaving it out would hide a change. */
    assert_verdict(judge_machine(&m, false, NULL, full), "changed", "dcap", "pin_changed");
    /* Never measured, whoever confirmed it. */
    text = pins_of(pin, true);
    assert_verdict(judge_machine(&m, false, NULL, text), "confirmed", "dcap", NULL);
    assert_verdict(judge_machine(&m, true, NULL, text), "known", "dcap", NULL);
    cJSON_free(text);
    cJSON_free(full);
    /* Where MRCONFIGID is of another form, it stands for itself. */
    m.mrconfigid[0] = 2;
    report = judge_machine(&m, false, NULL, NULL);
    assert_non_null(json_at(report, "pin", "enclave", "mrconfigid", NULL));
    assert_null(json_at(report, "pin", "enclave", "compose_hash", NULL));
    cJSON_Delete(report);
    machine_free(&m);
}

/* ---- MRCONFIGID and the shape ---------------------------------------------------------------- */

static cJSON *judge_form(int form, const char *policy, const char *pins)
{
    struct machine m;
    cJSON *report;

    machine_new(&m, 1);
    if (form == 0)
        memset(m.mrconfigid, 0, sizeof m.mrconfigid);
    m.mrconfigid[0] = (uint8_t)form;
    report = judge_machine(&m, true, policy, pins);
    machine_free(&m);
    return report;
}

/* The allowlist that names all of a machine's code. */
static void full_list(char policy[1024], const cJSON *now)
{
    snprintf(policy, 1024,
             "{\"measurements\":{\"mrtd\":[\"%s\"],\"rtmr1\":[\"%s\"],\"rtmr2\":[\"%s\"],"
             "\"compose_hash\":[\"%s\"]}}",
             json_string(now, "mrtd"), json_string(now, "rtmr1"), json_string(now, "rtmr2"),
             json_string(now, "compose_hash"));
}

/* What was bound and is not any more is a change, whatever the log says. */
static void mrconfigid_must_stay_bound(void **state)
{
    static const struct {
        int form;
        const char *name;
    } forms[] = { { 0, "unused" }, { 9, "unknown" }, { 3, "v3" } };
    char *bound = pins_of(enclave(), true), policy[1024];
    cJSON *now = enclave();

    (void)state;
    full_list(policy, now);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        cJSON *report = judge_form(forms[i].form, NULL, NULL), *pin;
        char *pins;

        pin = cJSON_Duplicate(json_at(report, "pin", "enclave", NULL), 1);
        assert_string_equal(json_string(pin, "mrconfigid_form"), forms[i].name);
        assert_verdict(report, "first", "dcap", NULL);
        assert_verdict(judge_form(forms[i].form, NULL, bound), "changed", "dcap", "pin_changed");
        /* An allowlist, though complete and met, does not make up for it. */
        report = judge_form(forms[i].form, policy, NULL);
        assert_int_equal(json_bool(json_at(report, "allowlist", NULL), "complete"), 1);
        assert_true(is_not_proven(report, forms[i].form ? "could not be compared"
                                                        : "an allowlist is not enough"));
        assert_verdict(report, "first", "dcap", NULL);
        /* A pin that says "unused" does; nothing does for a form that is not understood. */
        pins = pins_of(pin, true);
        assert_verdict(judge_form(forms[i].form, NULL, pins), "confirmed",
                       forms[i].form ? "dcap" : "measured", NULL);
        assert_verdict(judge_form(forms[i].form, policy, pins), "confirmed",
                       forms[i].form ? "dcap" : "measured", NULL);
        cJSON_free(pins);
    }
    cJSON_free(bound);
    cJSON_Delete(now);
}

static cJSON *judge_shape(char shape, const char *without, const char *policy, const char *pins)
{
    struct machine m;
    cJSON *body;

    machine_new(&m, 1);
    body = machine_response(&m, shape);
    if (without)
        set_member(body, without, NULL);
    machine_free(&m);
    return judge(body, policy, pins, 0);
}

static char *pins_of_shape(char shape)
{
    cJSON *report = judge_shape(shape, NULL, NULL, NULL);
    cJSON *pin = cJSON_Duplicate(json_at(report, "pin", "enclave", NULL), 1);

    assert_string_equal(json_string(pin, "shape"), shape >= 'C' ? "gateway" : "enclave");
    assert_true((json_string(pin, "custody_root") != NULL) == (shape >= 'C'));
    cJSON_Delete(report);
    return pins_of(pin, true);
}

/* The same machine, as a model's own enclave and as a gateway. */
static void the_shape_is_pinned(void **state)
{
    char *as_enclave = pins_of_shape('B'), *as_gateway = pins_of_shape('D'), *other;

    (void)state;
    assert_verdict(judge_shape('B', NULL, NULL, as_enclave), "confirmed", "measured", NULL);
    assert_verdict(judge_shape('A', NULL, NULL, as_enclave), "confirmed", "measured", NULL);
    assert_verdict(judge_shape('D', NULL, NULL, as_gateway), "confirmed", "measured", NULL);
    assert_verdict(judge_shape('C', NULL, NULL, as_gateway), "confirmed", "measured", NULL);
    assert_verdict(judge_shape('D', NULL, NULL, as_enclave), "changed", "dcap", "pin_changed");
    assert_verdict(judge_shape('B', NULL, NULL, as_gateway), "changed", "dcap", "pin_changed");
    /* Custody that was shown must be shown again, and lead to the same root. */
    assert_verdict(judge_shape('D', "attestation.evidence.key_custody", NULL, as_gateway),
                   "changed", "dcap", "pin_changed");
    other = strstr(as_gateway, "\"custody_root\":\"") + strlen("\"custody_root\":\"") + 9;
    *other = *other == '0' ? '1' : '0';
    assert_verdict(judge_shape('D', NULL, NULL, as_gateway), "changed", "dcap", "pin_changed");
    cJSON_free(as_enclave);
    cJSON_free(as_gateway);
}

/* ---- Custody in the policy ------------------------------------------------------------------- */

static void custody_policies(void **state)
{
    static const char app_id[] = "AABBCC0102030000000000000000000000000000";
    static const char other_id[] = "aabbcc0102030000000000000000000000000001";
    cJSON *report = judge_shape('D', NULL, NULL, NULL);
    char root[67], other[67], policy[300];
    const struct {
        char shape;
        const char *without, *roots, *app_ids; /* NULL: not set; "": an empty list */
        const char *reason;
    } rows[] = {
        { 'D', NULL, root, NULL, NULL },
        { 'C', NULL, root, NULL, NULL },
        { 'D', NULL, NULL, app_id, NULL },
        { 'D', NULL, root, app_id, NULL },
        { 'D', NULL, other, NULL, "custody_root_not_allowed" },
        { 'D', NULL, "", NULL, "custody_root_not_allowed" },
        { 'D', NULL, NULL, other_id, "custody_app_id_not_allowed" },
        { 'D', NULL, NULL, "", "custody_app_id_not_allowed" },
        { 'D', NULL, other, other_id, "custody_root_not_allowed" },
        { 'D', "attestation.evidence.key_custody", root, NULL, "custody_missing" },
        { 'D', "attestation.evidence.key_custody", NULL, app_id, NULL },
        { 'D', "attestation.evidence.event_log", root, NULL, "custody_missing" },
        { 'D', "attestation.evidence.event_log", NULL, app_id, "custody_missing" },
        { 'B', NULL, root, NULL, "custody_missing" },
        { 'A', NULL, root, app_id, "custody_missing" },
        { 'B', NULL, NULL, app_id, NULL },
        { 'B', NULL, NULL, other_id, "custody_app_id_not_allowed" },
    };

    (void)state;
    snprintf(root, sizeof root, "%s", json_string(json_at(report, "aci", "custody", NULL), "root"));
    cJSON_Delete(report);
    snprintf(other, sizeof other, "%s", root);
    other[20] = other[20] == '0' ? '1' : '0';
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *roots = rows[i].roots, *app_ids = rows[i].app_ids;

        snprintf(policy, sizeof policy, "{\"custody\":{%s%s%s%s%s%s%s}}",
                 roots ? "\"roots\":[" : "", roots && roots[0] ? "\"" : "", roots ? roots : "",
                 roots && roots[0] ? "\"" : "", roots ? "]" : "", roots && app_ids ? "," : "",
                 app_ids ? "\"app_ids\":" : "");
        if (app_ids)
            snprintf(policy + strlen(policy) - 2, sizeof policy - strlen(policy) + 2,
                     app_ids[0] ? "[\"%s\"]}}" : "[%s]}}", app_ids);
        report = judge_shape(rows[i].shape, rows[i].without, policy, NULL);
        assert_true((json_string(report, "refusal") != NULL) == (rows[i].reason != NULL));
        assert_verdict(report, "first", "dcap", rows[i].reason);
    }
    /* A pin that was confirmed does not outweigh it. */
    {
        char *pins = pins_of_shape('D');

        snprintf(policy, sizeof policy, "{\"custody\":{\"roots\":[\"%s\"]}}", other);
        assert_verdict(judge_shape('D', NULL, policy, pins), "confirmed", "dcap",
                       "custody_root_not_allowed");
        cJSON_free(pins);
    }
    assert_verdict(judge_shape('B', NULL, "{\"custody\":{}}", NULL), "first", "dcap", NULL);
}

/* ---- The allowlist --------------------------------------------------------------------------- */

static void allowlists(void **state)
{
    static const char zero[] = "00000000000000000000000000000000000000000000000000000000000000"
                               "0000000000000000000000000000000000";
    cJSON *now = enclave(), *report;
    const char *compose = json_string(now, "compose_hash"), *mrtd = json_string(now, "mrtd");
    char *changed = pins_of(cJSON_CreateObject(), true), *at;
    struct machine m;
    char policy[1024];

    (void)state;
    machine_new(&m, 1);
    full_list(policy, now);
    report = judge_it(policy, NULL);
    assert_int_equal(json_bool(json_at(report, "allowlist", NULL), "complete"), 1);
    assert_int_equal(cJSON_GetArraySize(json_at(report, "allowlist", "missing", NULL)), 0);
    assert_verdict(report, "first", "measured", NULL);
    assert_verdict(judge_machine(&m, false, policy, NULL), "first", "dcap", NULL);
    assert_verdict(judge_it(policy, changed), "changed", "dcap", "pin_changed");
    for (int rtmr = 1; rtmr <= 2; rtmr++)
        assert_verdict(judge_other(rtmr, "{\"pin\":\"off\"}", NULL), NULL, "dcap", NULL);
    for (int rtmr = 1; rtmr <= 2; rtmr++)
        assert_verdict(judge_other(rtmr, policy, NULL), "first", "dcap", "measurement_not_allowed");
    /* Several values of one name. */
    snprintf(policy + strlen(policy) - 3, sizeof policy - strlen(policy) + 3, ",\"%.64s\"]}}",
             zero);
    assert_verdict(judge_it(policy, NULL), "first", "measured", NULL);
    /* Not met. */
    at = strstr(policy, compose);
    *at = *at == '0' ? '1' : '0';
    assert_verdict(judge_it(policy, NULL), "first", "dcap", "measurement_not_allowed");
    snprintf(policy, sizeof policy,
             "{\"measurements\":{\"compose_hash\":[\"%s\"],\"mrtd\":[\"%s\"]}}", compose, zero);
    assert_verdict(judge_it(policy, NULL), "first", "dcap", "measurement_not_allowed");
    snprintf(policy, sizeof policy, "{\"measurements\":{}}");
    report = judge_it(policy, NULL);
    assert_null(json_at(report, "allowlist", NULL));
    assert_verdict(report, "first", "dcap", NULL);
    /* Listed and not known. */
    snprintf(policy, sizeof policy, "{\"measurements\":{\"os_image_hash\":[\"%s\"]}}",
             json_string(now, "os_image_hash"));
    assert_verdict(judge_it(policy, NULL), "first", "dcap", NULL);
    assert_verdict(judge_machine(&m, false, policy, NULL), "first", "dcap",
                   "measurement_not_allowed");
    snprintf(policy, sizeof policy, "{\"measurements\":{\"mrtd\":[\"%s\"]}}", mrtd);
    assert_verdict(judge_it(policy, NULL), "first", "dcap", NULL);
    machine_free(&m);
    cJSON_free(changed);
    cJSON_Delete(now);
}

/* A list that leaves a part of the code open still refuses, and raises no level. */
static void short_allowlists(void **state)
{
    static const char *const parts[] = { "mrtd", "rtmr1", "rtmr2", "compose_hash" };
    char *confirmed = pins_of(enclave(), true), policy[1024];
    cJSON *now = enclave();
    struct machine m;

    (void)state;
    machine_new(&m, 1);
    for (size_t i = 0; i < 6; i++) {
        cJSON *lists, *report, *missing, *text;
        char sentence[64], hex[97] = "";

        full_list(policy, now);
        text = cJSON_Parse(policy);
        lists = member(text, "measurements");
        if (i < 4)
            set_member(lists, parts[i], NULL);
        if (i == 3) { /* RTMR3 is no code's name: it holds what differs from machine to machine */
            hex_encode(hex, m.rtmr[3], 48);
            cJSON_AddItemToObject(lists, "rtmr3", cJSON_Parse("[]"));
            cJSON_AddItemToArray(member(lists, "rtmr3"), cJSON_CreateString(hex));
        }
        if (i == 4) { /* MRCONFIGID in place of the compose hash */
            set_member(lists, "compose_hash", NULL);
            hex_encode(hex, m.mrconfigid, 48);
            cJSON_AddItemToObject(lists, "mrconfigid", cJSON_Parse("[]"));
            cJSON_AddItemToArray(member(lists, "mrconfigid"), cJSON_CreateString(hex));
        }
        cJSON_PrintPreallocated(text, policy, sizeof policy, 0);
        cJSON_Delete(text);
        report = judge_it(policy, NULL);
        missing = (cJSON *)json_at(report, "allowlist", "missing", NULL);
        assert_int_equal(cJSON_GetArraySize(missing), i < 4);
        assert_int_equal(json_bool(json_at(report, "allowlist", NULL), "complete"), i >= 4);
        if (i < 4) {
            assert_string_equal(missing->child->valuestring, parts[i]);
            snprintf(sentence, sizeof sentence, "verify.measurements does not list %s", parts[i]);
            assert_true(is_not_proven(report, sentence));
        }
        assert_verdict(report, "first", i < 4 ? "dcap" : "measured", NULL);
        assert_verdict(judge_it(policy, confirmed), "confirmed", "measured", NULL);
    }
    machine_free(&m);
    cJSON_free(confirmed);
    cJSON_Delete(now);
}

/* A confirmed pin does not outweigh a list that is not met. */
static void both_must_agree(void **state)
{
    char *pins = pins_of(enclave(), true);
    static const char policy[] = "{\"measurements\":{\"compose_hash\":[]}}";

    (void)state;
    assert_verdict(judge_it(policy, pins), "confirmed", "dcap", "measurement_not_allowed");
    cJSON_free(pins);
}

/* Nothing is pinned of a response in which a check failed. */
static void nothing_is_pinned_of_a_failure(void **state)
{
    struct machine m;
    cJSON *body, *report;
    char *pins = pins_of(enclave(), true);

    (void)state;
    machine_new(&m, 1);
    body = machine_response(&m, 'A');
    set_member(body, "info.app_id", cJSON_CreateString("00"));
    report = judge(body, NULL, pins, 0);
    assert_string_equal(json_string(report, "level"), "dcap");
    assert_only_failure(report, "app_id_restated", "app_id_mismatch");
    machine_free(&m);
    cJSON_free(pins);
}

/* ---- The whole way --------------------------------------------------------------------------- */

/* A recorded session of June 2026 through every step; returns its report. */
static cJSON *attest_recorded(const char *pins_text, const char *options)
{
    char *file, *collateral, *text;
    const char *body;
    size_t n, len, collateral_len;
    struct attestation *a;
    struct policy policy;
    struct failure f = { 0 };
    cJSON *pins = pins_text ? cJSON_Parse(pins_text) : NULL, *object = cJSON_Parse(options);
    cJSON *wrapped, *report = NULL;

    assert_int_equal(
        corpus_file(&file, &n, "recorded/venice-py_2026-06_07/attestation_gemma_3_27b_p.json"), 0);
    assert_int_equal(corpus_file(&collateral, &collateral_len,
                                 "recorded/venice-py_2026-06_07/collateral_gemma_3_27b_p.json"),
                     0);
    assert_int_equal(json_parse(&wrapped, file, n, NULL), 0);
    assert_int_equal(json_raw_member(&body, &len, file, n, "attestation"), 0);
    assert_int_equal(policy_read(&policy, &f, object), 0);
    assert_int_equal(attestation_new(&a, &policy, "e2ee-gemma-3-27b-p",
                                     json_string(wrapped, "_client_nonce"), 1780598249, NULL, pins),
                     0);
    assert_int_equal(attestation_feed_response(a, body, len), 0);
    if (policy.dcap_required) {
        assert_int_equal(attestation_needs(a), NEED_COLLATERAL);
        assert_int_equal(attestation_feed_collateral(a, collateral, collateral_len), 0);
    }
    assert_int_equal(attestation_needs(a), NEED_NOTHING);
    assert_int_equal(report_json(attestation_report(a), &text, &len), 0);
    assert_int_equal(json_parse(&report, text, len, NULL), 0);
    wiping_free(text);
    attestation_free(a);
    policy_clear(&policy);
    cJSON_Delete(wrapped);
    cJSON_Delete(pins);
    cJSON_Delete(object);
    free(file);
    free(collateral);
    return report;
}

/* What is asked about GPUs is another matter. */
static const char no_gpu[] = "{\"gpu\":\"off\"}";

static void a_recorded_session(void **state)
{
    cJSON *report, *pin;
    char *pins;

    (void)state;
    if (!getenv("VENICE_CORPUS"))
        skip();
    report = attest_recorded(NULL, no_gpu);
    pin = cJSON_Duplicate(json_at(report, "pin", "enclave", NULL), 1);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_non_null(json_string(pin, names[i]));
    assert_non_null(json_string(json_at(report, "code", NULL), "compose"));
    assert_verdict(report, "first", "dcap", NULL);
    pins = pins_of(pin, true);
    assert_verdict(attest_recorded(pins, no_gpu), "confirmed", "measured", NULL);
    /* Without the signature nothing is measured, whatever was confirmed. */
    assert_verdict(attest_recorded(pins, "{\"gpu\":\"off\",\"dcap\":\"off\"}"), "confirmed",
                   "binding", NULL);
    strstr(pins, "cd5af141")[0] = 'd';
    assert_verdict(attest_recorded(pins, no_gpu), "changed", "dcap", "pin_changed");
    cJSON_free(pins);
}

/* What a session asks of its enclave while the pins change under it. */
static void a_state_without_a_report(void **state)
{
    cJSON *today = enclave(), *other = enclave(), *pins;
    char *known = pins_of(enclave(), false), *confirmed = pins_of(enclave(), true), *changed;

    (void)state;
    member(other, "mrtd")->valuestring[0] = 'x';
    changed = pins_of(other, true);
    assert_string_equal(pins_state(today, NULL), "first");
    pins = cJSON_Parse(known);
    assert_string_equal(pins_state(today, pins), "known");
    cJSON_Delete(pins);
    pins = cJSON_Parse(confirmed);
    assert_string_equal(pins_state(today, pins), "confirmed");
    cJSON_Delete(pins);
    pins = cJSON_Parse(changed);
    assert_string_equal(pins_state(today, pins), "changed");
    cJSON_Delete(pins);
    cJSON_Delete(today);
    cJSON_free(known);
    cJSON_free(confirmed);
    cJSON_free(changed);
}

/* The bundle of an attestation is what venice_verify_attestation takes, and gives its verdict. */
static void a_bundle_is_judged_the_same(void **state)
{
    static const char policy_text[] = "{\"dcap\":\"off\",\"gpu\":\"off\"}";
    cJSON *options = cJSON_Parse(policy_text), *body, *bundle, *pins, *first, *again;
    char *text, *json = NULL, *pins_text = pins_of(enclave(), true), *options_text;
    struct failure f = { 0 };
    struct attestation *a;
    struct policy policy;
    struct machine m;
    venice_text out;
    size_t len = 0;

    (void)state;
    pins = cJSON_Parse(pins_text);
    assert_int_equal(policy_read(&policy, &f, options), 0);
    machine_new(&m, 1);
    body = machine_response(&m, 'A');
    text = cJSON_PrintUnformatted(body);
    assert_int_equal(
        attestation_new(&a, &policy, SAMPLE_MODEL, SAMPLE_NONCE, SAMPLE_NOW, NULL, pins), 0);
    assert_int_equal(attestation_feed_response(a, text, strlen(text)), 0);
    assert_int_equal(report_tree(attestation_report(a), &first), 0);
    assert_int_equal(attestation_bundle(a, &json, &len), 0);
    assert_int_equal(strlen(json), len);
    bundle = cJSON_Parse(json);
    assert_string_equal(json_string(bundle, "response"), text);
    cJSON_DeleteItemFromObject(bundle, "response");
    cJSON_AddItemToObject(bundle, "policy", cJSON_Duplicate(options, 1));
    options_text = cJSON_PrintUnformatted(bundle);
    assert_int_equal(
        venice_verify_attestation(&out, text, strlen(text), options_text, strlen(options_text)), 0);
    again = cJSON_Parse(out.data);
    assert_string_equal(json_string(json_at(again, "pin", NULL), "state"), "confirmed");
    assert_true(cJSON_Compare(first, again, 1));
    venice_text_free(&out);
    cJSON_free(options_text);
    cJSON_Delete(again);
    cJSON_Delete(first);
    cJSON_Delete(bundle);
    wiping_free(json);
    attestation_free(a);
    cJSON_free(text);
    cJSON_Delete(body);
    machine_free(&m);
    policy_clear(&policy);
    cJSON_Delete(options);
    cJSON_Delete(pins);
    cJSON_free(pins_text);
}

static void papers_end_a_session(void **state)
{
    static const struct {
        char shape;
        int64_t lifetime;
    } rows[] = { { 'A', INT64_MAX }, { 'C', 3600 }, { 'D', 86400 } };
    struct failure f = { 0 };
    struct policy policy;
    cJSON *options = cJSON_Parse("{\"dcap\":\"off\",\"gpu\":\"off\"}");

    (void)state;
    assert_int_equal(policy_read(&policy, &f, options), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct attestation *a;
        struct machine m;
        cJSON *body;
        char *text;

        machine_new(&m, 1);
        body = machine_response(&m, rows[i].shape);
        text = cJSON_PrintUnformatted(body);
        assert_int_equal(
            attestation_new(&a, &policy, SAMPLE_MODEL, SAMPLE_NONCE, SAMPLE_NOW, NULL, NULL), 0);
        assert_int_equal(attestation_feed_response(a, text, strlen(text)), 0);
        assert_true(attestation_lifetime(a) == rows[i].lifetime);
        assert_true(report_accepted(attestation_report(a)));
        attestation_free(a);
        cJSON_free(text);
        cJSON_Delete(body);
        machine_free(&m);
    }
    policy_clear(&policy);
    cJSON_Delete(options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_sight),
        cmocka_unit_test(known_and_confirmed),
        cmocka_unit_test(each_value_counts),
        cmocka_unit_test(pins_that_name_less),
        cmocka_unit_test(pins_that_are_edited_by_hand),
        cmocka_unit_test(another_kernel_is_a_change),
        cmocka_unit_test(pins_of_the_last_version),
        cmocka_unit_test(an_old_pin_knows_no_other_kernel),
        cmocka_unit_test(a_pin_that_says_all_is_enough),
        cmocka_unit_test(one_of_several),
        cmocka_unit_test(pins_are_read_with_tolerance),
        cmocka_unit_test(pins_without_a_log),
        cmocka_unit_test(mrconfigid_must_stay_bound),
        cmocka_unit_test(the_shape_is_pinned),
        cmocka_unit_test(custody_policies),
        cmocka_unit_test(allowlists),
        cmocka_unit_test(short_allowlists),
        cmocka_unit_test(a_recorded_session),
        cmocka_unit_test(a_state_without_a_report),
        cmocka_unit_test(a_bundle_is_judged_the_same),
        cmocka_unit_test(papers_end_a_session),
        cmocka_unit_test(both_must_agree),
        cmocka_unit_test(nothing_is_pinned_of_a_failure),
    };

    return cmocka_run_group_tests_name("pins", tests, NULL, NULL);
}
