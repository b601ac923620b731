/* What a body says beside what is proven: the forms that say nothing, those that repeat, and values
 * that nothing measures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "attest/claim.h"
#include "base/codec.h"
#include "base/json.h"
#include "support_base64.h"
#include "support_code.h"

static const char other32[] = "abababababababababababababababababababababababababababababababab";

/* ---- What counts as nothing ------------------------------------------------------------------ */

static cJSON *object_of(const char *json)
{
    char text[400];
    cJSON *object = NULL;

    snprintf(text, sizeof text, "{\"m\":%s}", json);
    assert_int_equal(json_parse(&object, text, strlen(text), NULL), 0);
    return object;
}

static void empty_values_say_nothing(void **state)
{
    static const char *const empty[] = {
        "null",     "false",        "0",      "\"\"",
        "\" \\n\"", "\"0x\"",       "\"0X\"", "\"null\"",
        "\"NULL\"", "\" {} \"",     "\"[]\"", "[]",
        "{}",       "[[],{},null]", "0.0",    "{\"a\":{\"b\":\"\"}}"
    };
    static const char *const full[] = { "true",      "1",     "-1",  "\"0\"",
                                        "\"false\"", "\"x\"", "[1]", "{\"a\":{\"b\":\" . \"}}" };

    (void)state;
    assert_true(claim_is_empty(NULL));
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        cJSON *object = object_of(empty[i]);

        if (!claim_is_empty(json_at(object, "m", NULL)))
            fail_msg("%s", empty[i]);
        assert_null(claim_string(object, "m"));
        assert_int_equal(claim_hex(object, "m", NULL, 0), CLAIM_ABSENT);
        cJSON_Delete(object);
    }
    for (size_t i = 0; i < sizeof full / sizeof full[0]; i++) {
        cJSON *object = object_of(full[i]);

        if (claim_is_empty(json_at(object, "m", NULL)))
            fail_msg("%s", full[i]);
        assert_int_equal(claim_string(object, "m") != NULL, full[i][0] == '"');
        cJSON_Delete(object);
    }
}

static void booleans_come_as_texts_too(void **state)
{
    static const struct {
        const char *json;
        int value;
    } rows[] = { { "true", 1 },       { "false", 0 },    { "\"true\"", 1 }, { "\"FALSE\"", 0 },
                 { "\"True\"", 1 },   { "null", -1 },    { "0", -1 },       { "1", -1 },
                 { "\"truth\"", -1 }, { "\"yes\"", -1 }, { "[true]", -1 },  { "\"\"", -1 } };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cJSON *object = object_of(rows[i].json);

        assert_int_equal(claim_bool(object, "m"), rows[i].value);
        cJSON_Delete(object);
    }
    assert_int_equal(claim_bool(NULL, "m"), -1);
}

/* Every length, so that each way in which base64 ends is met. */
static void bytes_come_in_hex_and_base64(void **state)
{
    uint8_t bytes[20], other[20];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(0xfb - i);
    for (size_t n = 1; n <= sizeof bytes; n++) {
        for (int form = 0; form < 5; form++) {
            char text[64] = "0x";
            cJSON *object = cJSON_CreateObject();

            if (form < 3) {
                hex_encode(text + 2, bytes, n);
            } else {
                memset(text, 0, sizeof text);
                base64_encode(text, bytes, n);
            }
            for (char *p = text + 2; form == 1 && *p; p++)
                *p = (char)(*p >= 'a' ? *p - 'a' + 'A' : *p);
            for (char *p = text; form == 4 && *p; p++)
                *p = (char)(*p == '+' ? '-' : *p == '/' ? '_' : *p == '=' ? 0 : *p);
            cJSON_AddStringToObject(object, "m", form == 2 ? text + 2 : text);
            assert_int_equal(claim_hex(object, "m", bytes, n), CLAIM_SAME);
            assert_int_equal(claim_hex(object, "m", NULL, n), CLAIM_OTHER);
            memcpy(other, bytes, n);
            other[n - 1] ^= 1;
            assert_int_equal(claim_hex(object, "m", other, n), CLAIM_OTHER);
            assert_int_equal(claim_hex(object, "m", bytes, n - 1), CLAIM_OTHER);
            cJSON_Delete(object);
        }
    }
}

/* ---- Values that nothing measures ------------------------------------------------------------ */

static const struct {
    const char *event, *member, *shown, *id, *value;
} values[] = {
    { "os-image-hash", "info.os_image_hash", "os_image_hash", "os_image_restated", other32 },
    { "app-id", "info.app_id", "app_id", "app_id_restated", other32 },
    { "key-provider", "info.key_provider_info", "key_provider", "key_provider_restated",
      "{\"name\":\"\x1b[2J\"}" },
};

static const char *not_stated(const cJSON *report, const char *id)
{
    const cJSON *entry;

    cJSON_ArrayForEach(entry, json_at(report, "not_stated", NULL))
    {
        if (strcmp(json_string(entry, "id"), id) == 0)
            return json_string(entry, "detail");
    }
    return NULL;
}

/* dstack without a KMS measures no OS image: what the body says of it is shown as said. */
static void what_no_event_measures_is_stated(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct machine m;
        cJSON *body, *report;
        const cJSON *stated;
        const char *shown;

        machine_new(&m, 1);
        cJSON_DeleteItemFromArray(m.log, event_place(m.log, values[i].event));
        machine_measure(&m);
        body = machine_response(&m, 'B');
        set_member(body, values[i].member, cJSON_CreateString(values[i].value));
        report = judge(body, NULL, NULL, 0);
        stated = json_at(report, "code", "stated", NULL);
        shown = json_string(stated, values[i].shown);
        assert_non_null(shown);
        assert_null(strchr(shown, '\x1b'));
        assert_int_equal(strlen(shown), strlen(values[i].value));
        assert_int_equal(cJSON_GetArraySize(stated), 1);
        assert_null(find_check(report, values[i].id));
        assert_null(not_stated(report, values[i].id));
        assert_no_failure(report);
        machine_free(&m);
    }
}

/* Without a log and without a form of MRCONFIGID that names it, the compose hash too. */
static void without_a_log_all_of_it_is_stated(void **state)
{
    struct machine m;
    cJSON *body, *report;
    const cJSON *stated;

    (void)state;
    machine_new(&m, 1);
    memset(m.mrconfigid, 0, sizeof m.mrconfigid);
    body = machine_response(&m, 'B');
    set_member(body, "event_log", NULL);
    set_member(body, "info.tcb_info.event_log", NULL);
    set_member(body, "info.tcb_info.app_compose", NULL);
    report = judge(body, NULL, NULL, 0);
    stated = json_at(report, "code", "stated", NULL);
    assert_int_equal(cJSON_GetArraySize(stated), 4);
    assert_int_equal(strlen(json_string(stated, "compose_hash")), 64);
    assert_string_equal(json_string(stated, "key_provider"), machine_key_provider);
    assert_null(json_at(report, "measurements", "os_image_hash", NULL));
    assert_null(json_at(report, "code", "app_id", NULL));
    assert_no_failure(report);
    machine_free(&m);
}

/* What is measured and not repeated is measured all the same. */
static void what_is_not_repeated_is_not_stated(void **state)
{
    static const char *const empties[] = { NULL, "null", "\"\"", "[]", "{}", "0", "7", "\"0x\"" };

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        for (size_t k = 0; k < sizeof empties / sizeof empties[0]; k++) {
            struct machine m;
            cJSON *body, *report, *value = NULL;

            machine_new(&m, 2);
            body = machine_response(&m, 'A');
            if (empties[k])
                assert_int_equal(json_parse(&value, empties[k], strlen(empties[k]), NULL), 0);
            set_member(body, values[i].member, value);
            set_member(body, "info.tcb_info.os_image_hash", NULL);
            report = judge(body, NULL, NULL, 0);
            assert_non_null(not_stated(report, values[i].id));
            assert_null(find_check(report, values[i].id));
            assert_null(json_at(report, "code", "stated", NULL));
            assert_no_failure(report);
            machine_free(&m);
        }
}

/* One of two copies is enough to compare, and to contradict. */
static void one_copy_is_compared(void **state)
{
    static const char *const paths[] = { "info.os_image_hash", "info.tcb_info.os_image_hash" };

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct machine m;
        cJSON *body, *report;

        machine_new(&m, 1);
        body = machine_response(&m, 'A');
        set_member(body, paths[i % 2], cJSON_CreateString(""));
        if (i >= 2)
            set_member(body, paths[1 - i % 2], cJSON_CreateString(other32));
        report = judge(body, NULL, NULL, 0);
        assert_non_null(find_check(report, "os_image_restated"));
        if (i >= 2)
            assert_only_failure(report, "os_image_restated", "os_image_mismatch");
        else
            assert_no_failure(report);
        machine_free(&m);
    }
}

static void registers_may_be_left_out(void **state)
{
    static const char *const names[] = { "mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3" };
    struct machine m;
    cJSON *body, *report;
    char path[40];

    (void)state;
    machine_new(&m, 1);
    body = machine_response(&m, 'A');
    for (size_t i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "info.tcb_info.%s", names[i]);
        set_member(body, path, cJSON_CreateString(""));
    }
    report = judge(body, NULL, NULL, 0);
    assert_non_null(not_stated(report, "registers_restated"));
    assert_null(find_check(report, "registers_restated"));
    assert_no_failure(report);
    machine_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_values_say_nothing),
        cmocka_unit_test(booleans_come_as_texts_too),
        cmocka_unit_test(bytes_come_in_hex_and_base64),
        cmocka_unit_test(what_no_event_measures_is_stated),
        cmocka_unit_test(without_a_log_all_of_it_is_stated),
        cmocka_unit_test(what_is_not_repeated_is_not_stated),
        cmocka_unit_test(one_copy_is_compared),
        cmocka_unit_test(registers_may_be_left_out),
    };

    return cmocka_run_group_tests_name("stated", tests, NULL, NULL);
}
