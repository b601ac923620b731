/* link: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
/* RTMR replay by itself: both event versions, full and stripped logs, limits, every way to be
 * wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "attest/tdx/event_log.h"
#include "base/codec.h"
#include "base/json.h"
#include "support_code.h"
#include "torture.h"
#include "venice.h"

/* Replays a log and compares with what machine_measure gave. Frees log. */
static void assert_replays(cJSON *log, const struct machine *m)
{
    struct event_log replayed;
    const char *reason;
    size_t where;

    assert_int_equal(event_log_replay(&replayed, &reason, &where, log), 0);
    assert_null(reason);
    assert_memory_equal(replayed.rtmr, m->rtmr, sizeof m->rtmr);
    assert_true(replayed.ready);
    assert_int_equal(event_log_find(&replayed, "compose-hash")->len, 32);
    assert_memory_equal(event_log_find(&replayed, "compose-hash")->payload, m->mrconfigid + 1, 32);
    assert_null(event_log_find(&replayed, "compose"));
    event_log_clear(&replayed);
    cJSON_Delete(log);
}

static void assert_refused(cJSON *log, const char *code, size_t at)
{
    struct event_log replayed;
    const char *reason;
    size_t where;

    assert_int_equal(event_log_replay(&replayed, &reason, &where, log), VENICE_E_MALFORMED);
    assert_string_equal(reason, code);
    assert_int_equal(where, at);
    event_log_clear(&replayed);
    cJSON_Delete(log);
}

static cJSON *as_text(const cJSON *log)
{
    char *text = cJSON_PrintUnformatted(log);
    cJSON *item = cJSON_CreateString(text);

    cJSON_free(text);
    return item;
}

static cJSON *stripped(const cJSON *log)
{
    cJSON *copy = cJSON_Duplicate(log, 1), *event;

    cJSON_ArrayForEach(event, copy)
        set_member(event, member(event, "imr")->valueint == 3 ? "digest" : "event_payload",
                   cJSON_CreateString(""));
    return copy;
}

static void both_versions_in_every_form(void **state)
{
    (void)state;
    for (int version = 1; version <= 2; version++) {
        struct machine m;
        cJSON *log, *event;

        machine_new(&m, version);
        assert_replays(cJSON_Duplicate(m.log, 1), &m);
        assert_replays(as_text(m.log), &m);
        assert_replays(stripped(m.log), &m);
        log = stripped(m.log);
        assert_replays(as_text(log), &m);
        /* Members that are missing are as good as empty. */
        cJSON_ArrayForEach(event, log)
        {
            set_member(event, "preimage", NULL);
            if (member(event, "imr")->valueint == 3)
                set_member(event, "digest", NULL);
            else
                set_member(event, "event_payload", NULL);
        }
        assert_replays(log, &m);
        machine_free(&m);
    }
}

/* dstack has hashed version 2 under two sets of names; digest or preimage tell which. */
static void other_form_of_version_2(void **state)
{
    static const char *const dropped[] = { "digest", "preimage", NULL };
    struct machine m;

    (void)state;
    machine_new(&m, 2);
    for (int i = 0; i < 3; i++) {
        cJSON *event = runtime_event(2, "instance-id", "in\"st", 5, 1);

        cJSON_ReplaceItemInArray(m.log, event_place(m.log, "instance-id"), event);
        machine_measure(&m);
        if (dropped[i])
            set_member(event, dropped[i], NULL);
        assert_replays(cJSON_Duplicate(m.log, 1), &m);
    }
    machine_free(&m);
}

/* Stripped logs do not say which form was measured: either leads to the quote, no mixture does. */
static void stripped_logs_of_either_form(void **state)
{
    (void)state;
    for (int mixed = 0; mixed < 2; mixed++) {
        uint8_t bytes[SAMPLE_QUOTE_MAX], data[64] = { 0 };
        struct event_log replayed;
        struct tdx_quote quote;
        const char *reason;
        struct machine m;
        cJSON *event, *log;
        size_t where, n;

        machine_new(&m, 2);
        log = cJSON_CreateArray();
        cJSON_ArrayForEach(event, m.log)
        {
            uint8_t payload[256];
            const char *name = json_string(event, "event");
            const char *hex = json_string(event, "event_payload");

            if (member(event, "imr")->valueint != 3) {
                cJSON_AddItemToArray(log, cJSON_Duplicate(event, 1));
                continue;
            }
            assert_int_equal(hex_decode(payload, hex, strlen(hex)), 0);
            cJSON_AddItemToArray(log, runtime_event(2, name, payload, strlen(hex) / 2,
                                                    !mixed || strcmp(name, "app-id") != 0));
        }
        cJSON_Delete(m.log);
        m.log = log;
        machine_measure(&m);
        n = machine_quote(bytes, &m, data);
        assert_int_equal(tdx_quote_parse(&quote, &reason, bytes, n), 0);
        log = stripped(m.log);
        cJSON_ArrayForEach(event, log) set_member(event, "preimage", NULL);
        assert_int_equal(event_log_replay(&replayed, &reason, &where, log), 0);
        assert_int_equal(event_log_differs(&replayed, &quote), mixed ? 3 : -1);
        event_log_clear(&replayed);
        cJSON_Delete(log);
        machine_free(&m);
    }
}

static void after_ready_anything_goes(void **state)
{
    struct machine m;

    (void)state;
    machine_new(&m, 1);
    cJSON_AddItemToArray(m.log, runtime_event(1, "app-id", "x", 1, 0));
    cJSON_AddItemToArray(m.log, runtime_event(1, "app-id", "y", 1, 0));
    cJSON_AddItemToArray(m.log, runtime_event(2, "compose-hash", "z", 1, 0));
    cJSON_AddItemToArray(m.log, runtime_event(1, "system-ready", "", 0, 0));
    machine_measure(&m);
    assert_replays(cJSON_Duplicate(m.log, 1), &m);
    machine_free(&m);
}

static void differing_registers(void **state)
{
    uint8_t bytes[SAMPLE_QUOTE_MAX], data[64] = { 0 };
    struct event_log log;
    struct tdx_quote quote;
    const char *reason;
    struct machine m;
    size_t where, n;

    (void)state;
    machine_new(&m, 1);
    assert_int_equal(event_log_replay(&log, &reason, &where, m.log), 0);
    for (int i = -1; i < 4; i++) {
        machine_measure(&m);
        if (i >= 0)
            m.rtmr[i][47] ^= 1;
        n = machine_quote(bytes, &m, data);
        assert_int_equal(tdx_quote_parse(&quote, &reason, bytes, n), 0);
        assert_int_equal(event_log_differs(&log, &quote), i);
    }
    event_log_clear(&log);
    machine_free(&m);
}

/* A log without its boot events leads to RTMR3 alone; one with some of them is judged as a
 * whole. */
static void logs_of_register_3_only(void **state)
{
    uint8_t bytes[SAMPLE_QUOTE_MAX], data[64] = { 0 };
    struct tdx_quote quote;
    const char *reason;
    struct machine m;
    size_t where, n;

    (void)state;
    machine_new(&m, 1);
    n = machine_quote(bytes, &m, data);
    assert_int_equal(tdx_quote_parse(&quote, &reason, bytes, n), 0);
    for (int kept = 0; kept < 4; kept++) {
        cJSON *log = cJSON_Duplicate(m.log, 1);
        struct event_log replayed;

        for (int i = 4; i > kept; i--) /* the boot events come first */
            cJSON_DeleteItemFromArray(log, 0);
        assert_int_equal(event_log_replay(&replayed, &reason, &where, log), 0);
        assert_true(replayed.boot_registers == (kept > 0));
        assert_int_equal(event_log_differs(&replayed, &quote), kept > 0 ? 0 : -1);
        quote.rtmr[3] = (const uint8_t *)data; /* never left out */
        assert_int_equal(event_log_differs(&replayed, &quote), kept > 0 ? 0 : 3);
        assert_int_equal(tdx_quote_parse(&quote, &reason, bytes, n), 0);
        event_log_clear(&replayed);
        cJSON_Delete(log);
    }
    machine_free(&m);
}

/* Events of another type have a digest that nothing explains: the real start could hide there. */
static void register_3_holds_runtime_events_only(void **state)
{
    static const double types[] = { 4, 134217730, 2147483659.0, 0 };

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        for (int after = 0; after < 2; after++) { /* before and after system-ready */
            struct machine m;
            cJSON *event;

            machine_new(&m, 1);
            event = after ? cJSON_Duplicate(find_event(m.log, "system-ready"), 1)
                          : find_event(m.log, "app-id");
            set_member(event, "event_type", cJSON_CreateNumber(types[i]));
            if (after)
                cJSON_AddItemToArray(m.log, event);
            machine_measure(&m);
            assert_refused(cJSON_Duplicate(m.log, 1), "event_log_malformed", after ? 12 : 5);
            machine_free(&m);
        }
    }
}

/* The digest of version 1 covers "name:payload": with a colon in the name it could be cut anew. */
static void a_name_of_version_1_holds_no_colon(void **state)
{
    static const struct {
        const char *name, *payload;
    } cuts[] = {
        { "key-provider:{\"name\"", "\"kms\",\"id\":\"3059301306072a8648\"}" },
        { "key-provider:{\"name\":\"kms\",\"id\"", "\"3059301306072a8648\"}" },
        { "key-provider:", "" },
        { ":", "" },
        { "a:b", "c" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        struct machine m;
        cJSON *event;
        int at;

        machine_new(&m, 1);
        at = event_place(m.log, "key-provider");
        event = runtime_event(1, cuts[i].name, cuts[i].payload, strlen(cuts[i].payload), 0);
        if (i < 2) /* the digest that the honest event has */
            assert_string_equal(member(event, "digest")->valuestring,
                                member(find_event(m.log, "key-provider"), "digest")->valuestring);
        cJSON_ReplaceItemInArray(m.log, at, event);
        machine_measure(&m);
        assert_refused(cJSON_Duplicate(m.log, 1), "event_log_malformed", (size_t)at);
        assert_refused(stripped(m.log), "event_log_malformed", (size_t)at);
        machine_free(&m);
    }
}

/* In version 2 a name is escaped, so it cannot end its own member and begin the payload. */
static void a_name_of_version_2_means_one_thing(void **state)
{
    static const char *const names[] = { "a:b", "a\"b", "a\\\"b", "a\\",
                                         "x\",\"payload\":\"00\",\"type\":134217729}" };
    static const char *const escaped[] = {
        "a:b", "a\\\"b", "a\\\\\\\"b", "a\\\\",
        "x\\\",\\\"payload\\\":\\\"00\\\",\\\"type\\\":134217729}"
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (int honest = 0; honest < 2; honest++) {
            struct machine m;
            cJSON *event;

            machine_new(&m, 2);
            /* The digest over the escaped name, or over one that is written as it is. */
            event = runtime_event(2, honest ? escaped[i] : names[i], "p", 1, 0);
            set_member(event, "event", cJSON_CreateString(names[i]));
            cJSON_ReplaceItemInArray(m.log, event_place(m.log, "instance-id"), event);
            machine_measure(&m);
            if (honest || i == 0)
                assert_replays(cJSON_Duplicate(m.log, 1), &m);
            else
                assert_refused(cJSON_Duplicate(m.log, 1), "event_digest_mismatch", 7);
            machine_free(&m);
        }
    }
}

/* An event of one version is none of the other: their bytes begin differently. */
static void versions_are_not_confused(void **state)
{
    (void)state;
    for (int version = 1; version <= 2; version++) {
        struct machine m;

        machine_new(&m, version);
        set_member(find_event(m.log, "app-id"), "version", cJSON_CreateNumber(3 - version));
        assert_refused(cJSON_Duplicate(m.log, 1), "event_digest_mismatch", 5);
        machine_free(&m);
    }
}

/* One member of one event changed. */
static void malformed_events(void **state)
{
    static const struct {
        const char *event;          /* NULL: the first boot event */
        const char *member, *value; /* JSON; NULL: dropped */
        const char *code;
    } rows[] = {
        { NULL, "imr", NULL, "event_log_malformed" },
        { NULL, "imr", "4", "event_log_malformed" },
        { NULL, "imr", "-1", "event_log_malformed" },
        { NULL, "imr", "0.5", "event_log_malformed" },
        { NULL, "imr", "\"0\"", "event_log_malformed" },
        { NULL, "event_type", NULL, "event_log_malformed" },
        { NULL, "event_type", "-1", "event_log_malformed" },
        { NULL, "event_type", "4294967296", "event_log_malformed" },
        { NULL, "digest", NULL, "event_log_malformed" },
        { NULL, "digest", "\"\"", "event_log_malformed" },
        { NULL, "digest", "\"abc\"", "event_log_malformed" },
        { NULL, "digest", "\"zz\"", "event_log_malformed" },
        { NULL, "digest", "7", "event_log_malformed" },
        { NULL, "imr", "3", "event_log_malformed" },
        { "app-id", "imr", "0", "event_log_malformed" },
        { "app-id", "event_type", "4", "event_log_malformed" },
        { "app-id", "event", NULL, "event_log_malformed" },
        { "app-id", "event", "\"\"", "event_log_malformed" },
        { "app-id", "event", "7", "event_log_malformed" },
        { "app-id", "event", "\"app\\u00e4id\"", "event_log_malformed" },
        { "app-id", "event", "\"app\\nid\"", "event_log_malformed" },
        { "app-id", "event_payload", NULL, "event_log_malformed" },
        { "app-id", "event_payload", "\"0\"", "event_log_malformed" },
        { "app-id", "event_payload", "\"xy\"", "event_log_malformed" },
        { "app-id", "event_payload", "[]", "event_log_malformed" },
        { "app-id", "version", "3", "event_log_malformed" },
        { "app-id", "version", "0", "event_log_malformed" },
        { "app-id", "version", "\"1\"", "event_log_malformed" },
        { "app-id", "version", "2", "event_digest_mismatch" },
        { "app-id", "event", "\"app-ie\"", "event_digest_mismatch" },
        { "app-id", "event_payload", "\"aabb\"", "event_digest_mismatch" },
        { "app-id", "digest", "\"ab\"", "event_digest_mismatch" },
        { "app-id", "preimage", "\"00\"", "event_digest_mismatch" },
        { "app-id", "preimage", "\"xyz\"", "event_digest_mismatch" },
        { "instance-id", "event", "\"system-ready\"", "event_digest_mismatch" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct machine m;
        cJSON *event, *value = rows[i].value ? cJSON_Parse(rows[i].value) : NULL;

        machine_new(&m, 1);
        event = rows[i].event ? find_event(m.log, rows[i].event) : m.log->child;
        set_member(event, rows[i].member, value);
        assert_refused(cJSON_Duplicate(m.log, 1), rows[i].code,
                       rows[i].event ? (size_t)(strcmp(rows[i].event, "app-id") == 0 ? 5 : 7) : 0);
        machine_free(&m);
    }
}

static void no_logs(void **state)
{
    static const char *const texts[] = { "null",
                                         "7",
                                         "{}",
                                         "\"\"",
                                         "\"[\"",
                                         "\"{}\"",
                                         "\"7\"",
                                         "[7]",
                                         "[null]",
                                         "[[]]",
                                         "[\"x\"]",
                                         "[{}]",
                                         "\"[{\\\"imr\\\":0,\\\"imr\\\":0}]\"" };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_refused(cJSON_Parse(texts[i]), "event_log_malformed", 0);
}

/* An empty list has no events; whoever asks reads that as no log. */
static void empty_logs(void **state)
{
    static const char *const texts[] = { "[]", "\"[]\"", "\" [ ] \"" };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct event_log log;
        const char *reason;
        size_t where;
        cJSON *item = cJSON_Parse(texts[i]);

        assert_int_equal(event_log_replay(&log, &reason, &where, item), 0);
        assert_int_equal(log.event_count, 0);
        assert_false(log.ready || log.boot_registers);
        event_log_clear(&log);
        cJSON_Delete(item);
    }
}

static void limits(void **state)
{
    struct machine m;
    cJSON *log = cJSON_CreateArray(), *event;
    static char long_text[2 * EVENT_LOG_PAYLOAD + 3], name[EVENT_LOG_NAME + 2];

    (void)state;
    machine_new(&m, 1);
    for (int i = 0; i <= EVENT_LOG_EVENTS; i++)
        cJSON_AddItemToArray(log, cJSON_Duplicate(m.log->child, 1));
    assert_refused(log, "event_log_malformed", 0);

    memset(long_text, 'a', sizeof long_text - 1);
    event = cJSON_Duplicate(m.log->child, 1); /* also where it is not read */
    set_member(event, "event_payload", cJSON_CreateString(long_text));
    log = cJSON_CreateArray();
    cJSON_AddItemToArray(log, event);
    assert_refused(log, "event_log_malformed", 0);

    log = cJSON_CreateArray();
    cJSON_AddItemToArray(log, runtime_event(1, "big", long_text, EVENT_LOG_PAYLOAD, 0));
    cJSON_AddItemToArray(log, runtime_event(2, "big too", long_text, EVENT_LOG_PAYLOAD, 0));
    memset(name, 'n', EVENT_LOG_NAME + 1);
    cJSON_AddItemToArray(log, runtime_event(1, name + 1, "", 0, 0));
    cJSON_AddItemToArray(log, runtime_event(1, name, "", 0, 0)); /* one character too many */
    assert_refused(log, "event_log_malformed", 3);
    machine_free(&m);
}

static void duplicates(void **state)
{
    cJSON *log = cJSON_CreateArray();

    (void)state;
    cJSON_AddItemToArray(log, runtime_event(1, "storage-fs", "a", 1, 0));
    cJSON_AddItemToArray(log, runtime_event(1, "x", "", 0, 0));
    cJSON_AddItemToArray(log, runtime_event(1, "storage-fs", "a", 1, 0));
    assert_refused(log, "event_log_duplicate", 2);
}

static void failing_allocations(void **state)
{
    struct machine m;
    cJSON *text;
    bool hit = true;

    (void)state;
    machine_new(&m, 2);
    text = as_text(m.log);
    for (long n = 0; hit; n++) {
        struct event_log log;
        const char *reason;
        size_t where;
        int r;

        torture_begin(n);
        r = event_log_replay(&log, &reason, &where, text);
        hit = torture_end();
        if (!hit)
            assert_int_equal(r, 0);
        else
            assert_true(r == VENICE_E_MEMORY || r == VENICE_E_INTERNAL);
        event_log_clear(&log);
    }
    cJSON_Delete(text);
    machine_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_versions_in_every_form),
        cmocka_unit_test(other_form_of_version_2),
        cmocka_unit_test(stripped_logs_of_either_form),
        cmocka_unit_test(after_ready_anything_goes),
        cmocka_unit_test(differing_registers),
        cmocka_unit_test(logs_of_register_3_only),
        cmocka_unit_test(register_3_holds_runtime_events_only),
        cmocka_unit_test(a_name_of_version_1_holds_no_colon),
        cmocka_unit_test(a_name_of_version_2_means_one_thing),
        cmocka_unit_test(versions_are_not_confused),
        cmocka_unit_test(malformed_events),
        cmocka_unit_test(no_logs),
        cmocka_unit_test(empty_logs),
        cmocka_unit_test(limits),
        cmocka_unit_test(duplicates),
        cmocka_unit_test(failing_allocations),
    };

    (void)torture_openssl();
    return cmocka_run_group_tests_name("event_log", tests, NULL, NULL);
}
