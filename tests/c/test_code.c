/* link: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
/* Which program was started: recordings, and for every check a response in which only it fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/crypto.h"
#include "base/json.h"
#include "support_code.h"
#include "torture.h"
#include "venice.h"

static const char other32[] = "abababababababababababababababababababababababababababababababab";
static const char other48[] =
    "abababababababababababababababababababababababababababababababababababab"
    "abababababababababababab";

/* ---- In order -------------------------------------------------------------------------------- */

static void good_responses_hold(void **state)
{
    (void)state;
    for (int version = 1; version <= 2; version++) {
        for (const char *shape = "ABCD"; *shape; shape++) {
            struct machine m;
            cJSON *report;

            machine_new(&m, version);
            m.stripped = version == 1;
            report = judge(machine_response(&m, *shape), NULL, NULL, 0);
            assert_true(cJSON_IsTrue(json_at(report, "code", "replayed", NULL)));
            assert_non_null(find_check(report, "mrconfigid_bound"));
            assert_true(cJSON_IsTrue(json_at(report, "code", "mrconfigid_bound", NULL)));
            assert_string_equal(json_string(json_at(report, "code", NULL), "mrconfigid"), "v1");
            assert_int_equal(
                strlen(json_string(json_at(report, "measurements", NULL), "compose_hash")), 64);
            assert_non_null(json_string(json_at(report, "measurements", NULL), "os_image_hash"));
            assert_non_null(json_string(json_at(report, "code", NULL), "app_id"));
            assert_string_equal(json_string(json_at(report, "code", NULL), "key_provider"),
                                machine_key_provider);
            assert_string_equal(json_string(report, "level"), "dcap");
            if (*shape != 'C')
                assert_string_equal(json_string(json_at(report, "code", NULL), "compose"),
                                    machine_compose);
            assert_no_failure(report);
            machine_free(&m);
        }
    }
}

static void claims_are_shown_as_claims(void **state)
{
    struct machine m;
    cJSON *body, *report;
    const cJSON *code, *manager;

    (void)state;
    machine_new(&m, 1);
    body = machine_response(&m, 'A');
    set_member(body, "info.vm_config",
               cJSON_CreateString("{\"num_gpus\":8,\"image\":\"sample-dev-0.1\\u001b[2J\"}"));
    report = judge(body, NULL, NULL, 0);
    code = json_at(report, "code", NULL);
    assert_string_equal(json_string(code, "image"), "sample-dev-0.1 [2J");
    assert_int_equal(json_at(code, "num_gpus", NULL)->valueint, 8);
    assert_string_equal(json_string(code, "mr_aggregated"), "not as the registers give");
    manager = json_at(code, "manager", NULL);
    assert_int_equal(json_bool(manager, "verified"), 1);
    assert_int_equal(json_at(manager, "actions", NULL)->valueint, 2);
    assert_string_equal(json_string(json_at(manager, "latest", NULL), "file"), "f.yaml");
    assert_string_equal(json_string(json_at(manager, "latest", NULL), "tag"), "v1");
    assert_no_failure(report);
    machine_free(&m);
}

/* ---- One thing wrong ------------------------------------------------------------------------- */

static void drop_event(struct machine *m, const char *name)
{
    cJSON_DeleteItemFromArray(m->log, event_place(m->log, name));
}

/* By hand: Debian 12's cJSON_InsertItemInArray refuses every place but the first. */
static void insert_event(struct machine *m, const char *before, const char *name)
{
    int at = event_place(m->log, before), after = cJSON_GetArraySize(m->log) - at;

    cJSON_AddItemToArray(m->log, runtime_event(m->version, name, "x", 1, 0));
    for (int i = 0; i < after; i++)
        cJSON_AddItemToArray(m->log, cJSON_DetachItemFromArray(m->log, at));
}

static void fault_duplicate(struct machine *m)
{
    insert_event(m, "system-ready", "app-id");
}

static void fault_no_ready(struct machine *m)
{
    drop_event(m, "system-ready");
}

static void fault_no_compose(struct machine *m)
{
    drop_event(m, "compose-hash");
}

static void fault_late_compose(struct machine *m)
{
    cJSON *event = cJSON_DetachItemFromArray(m->log, event_place(m->log, "compose-hash"));

    cJSON_AddItemToArray(m->log, event);
}

static void fault_app_id(struct machine *m)
{
    set_event(m, "app-id", "abc", 3);
}

static void fault_os_image(struct machine *m)
{
    set_event(m, "os-image-hash", other32, 32);
}

static void fault_key_provider(struct machine *m)
{
    set_event(m, "key-provider", "{\"name\":\"none\",\"id\":\"\"}", 22);
}

static void fault_mrconfigid(struct machine *m)
{
    m->mrconfigid[5] ^= 1;
}

static void fault_mrconfigid_tail(struct machine *m)
{
    m->mrconfigid[47] = 1;
}

static void fault_mrconfigid_v2(struct machine *m)
{
    m->mrconfigid[0] = 2;
}

/* Machines on which one thing is wrong although its quote agrees with its log. */
static void measured_faults(void **state)
{
    static const struct {
        void (*change)(struct machine *m);
        const char *id, *reason;
    } faults[] = {
        { fault_duplicate, "event_log_well_formed", "event_log_duplicate" },
        { fault_no_ready, "event_log_complete", "event_log_incomplete" },
        { fault_mrconfigid, "mrconfigid_bound", "mrconfigid_mismatch" },
        { fault_mrconfigid_tail, "mrconfigid_bound", "mrconfigid_mismatch" },
        { fault_mrconfigid_v2, "mrconfigid_bound", "mrconfigid_mismatch" },
        { fault_app_id, "app_id_restated", "app_id_mismatch" },
        { fault_os_image, "os_image_restated", "os_image_mismatch" },
        { fault_key_provider, "key_provider_restated", "key_provider_mismatch" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct machine m;
        cJSON *body;

        machine_new(&m, 1);
        faults[i].change(&m);
        machine_measure(&m);
        body = machine_response(&m, 'B');
        assert_only_failure(judge(body, NULL, NULL, 0), faults[i].id, faults[i].reason);
        machine_free(&m);
    }
}

/* Without a compose hash before system-ready nothing that is said about it can be the same. */
static void compose_hash_must_be_measured(void **state)
{
    void (*const changes[])(struct machine * m) = { fault_no_compose, fault_late_compose };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct machine m;
        cJSON *body;

        machine_new(&m, 1);
        changes[i](&m);
        machine_measure(&m);
        body = machine_response(&m, i ? 'A' : 'D');
        assert_only_failure(judge(body, NULL, NULL, 0), "compose_hash_measured",
                            "compose_hash_mismatch");
        machine_free(&m);
    }
}

/* Members that only repeat, each with another value. */
static void restated_values(void **state)
{
    static const struct {
        const char *path, *value, *id, *reason;
    } rows[] = {
        { "info.app_id", other32, "app_id_restated", "app_id_mismatch" },
        { "info.compose_hash", other32, "compose_hash_restated", "compose_hash_mismatch" },
        { "info.tcb_info.compose_hash", other32, "compose_hash_restated", "compose_hash_mismatch" },
        { "info.os_image_hash", other32, "os_image_restated", "os_image_mismatch" },
        { "info.tcb_info.os_image_hash", other32, "os_image_restated", "os_image_mismatch" },
        { "info.key_provider_info", "{\"name\":\"none\"}", "key_provider_restated",
          "key_provider_mismatch" },
        { "info.tcb_info.app_compose", "other", "compose_text_matches", "compose_hash_mismatch" },
        { "info.tcb_info.mrtd", other48, "registers_restated", "registers_restated" },
        { "info.tcb_info.rtmr0", other48, "registers_restated", "registers_restated" },
        { "info.tcb_info.rtmr1", other48, "registers_restated", "registers_restated" },
        { "info.tcb_info.rtmr2", other48, "registers_restated", "registers_restated" },
        { "info.tcb_info.rtmr3", "00", "registers_restated", "registers_restated" },
        { "event_log", "[7]", "event_log_well_formed", "event_log_malformed" },
        { "event_log", "[{}]", "event_log_well_formed", "event_log_malformed" },
        { "event_log", "{\"a\":1}", "event_log_well_formed", "event_log_malformed" },
        { "event_log", "nothing", "event_log_well_formed", "event_log_malformed" },
        { "compose_manager_attestation.nonce", other32, "manager_nonce", "manager_statement" },
        { "compose_manager_attestation.actions_hash", other32, "manager_actions",
          "manager_statement" },
        { "compose_manager_attestation.report_data", other32, "manager_quote_bound",
          "manager_statement" },
        { "compose_manager_attestation.quote", other32, "manager_quote_bound",
          "manager_statement" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct machine m;
        cJSON *body;

        machine_new(&m, 1);
        body = machine_response(&m, 'A');
        set_member(body, rows[i].path, cJSON_CreateString(rows[i].value));
        assert_only_failure(judge(body, NULL, NULL, 0), rows[i].id, rows[i].reason);
        machine_free(&m);
    }
}

/* The two copies of a log are judged each. */
static void every_copy_must_replay(void **state)
{
    struct machine m;
    cJSON *body;

    (void)state;
    machine_new(&m, 1);
    body = machine_response(&m, 'B');
    cJSON_DeleteItemFromArray(member(body, "info.tcb_info.event_log"), 0);
    assert_only_failure(judge(body, NULL, NULL, 0), "event_log_replayed", "rtmr_mismatch");
    machine_free(&m);
}

/* ---- The compose manager --------------------------------------------------------------------- */

static cJSON *quote_item(const uint8_t *quote, size_t n)
{
    static char hex[2 * SAMPLE_QUOTE_MAX + 1];

    hex_encode(hex, quote, n);
    hex[2 * n] = 0;
    return cJSON_CreateString(hex);
}

static void manager_of_another_machine(void **state)
{
    struct machine m, other;
    uint8_t quote[SAMPLE_QUOTE_MAX], data[64];
    cJSON *body;
    size_t n;

    (void)state;
    machine_new(&m, 1);
    body = machine_response(&m, 'A');
    assert_int_equal(
        hex_decode(data, json_string(member(body, "compose_manager_attestation"), "report_data"),
                   128),
        0);
    other = m;
    other.rtmr[3][7] ^= 1;
    n = machine_quote(quote, &other, data);
    set_member(body, "compose_manager_attestation.quote", quote_item(quote, n));
    assert_only_failure(judge(body, NULL, NULL, 0), "manager_same_machine", "manager_statement");
    machine_free(&m);
}

static void manager_signature(void **state)
{
    struct machine m;
    uint8_t quote[SAMPLE_QUOTE_MAX], data[64];
    cJSON *body, *report;
    size_t n;

    (void)state;
    machine_new(&m, 1);
    for (int other_key = 0; other_key < 2; other_key++) {
        body = machine_response(&m, 'A');
        assert_int_equal(
            hex_decode(
                data, json_string(member(body, "compose_manager_attestation"), "report_data"), 128),
            0);
        n = machine_quote(quote, &m, data);
        quote[48 + 584 + 4 + (other_key ? 64 : 40)] ^= 1; /* the key, or the signature */
        set_member(body, "compose_manager_attestation.quote", quote_item(quote, n));
        report = judge(body, NULL, NULL, 0);
        if (other_key) { /* not judged, and said */
            assert_null(find_check(report, "manager_quote_signed"));
            assert_int_equal(json_bool(json_at(report, "code", "manager", NULL), "verified"), 0);
            assert_null(json_at(report, "code", "manager", "latest", NULL));
            assert_no_failure(report);
        } else {
            assert_only_failure(report, "manager_quote_signed", "manager_statement");
        }
    }
    machine_free(&m);
}

/* Nothing of the manager's statement is shown, and the report says why. */
static void assert_nothing_shown(cJSON *report)
{
    const cJSON *manager = json_at(report, "code", "manager", NULL);

    assert_int_equal(json_bool(manager, "verified"), 0);
    assert_null(json_at(manager, "latest", NULL));
    assert_null(json_at(manager, "actions", NULL));
    assert_null(find_check(report, "manager_actions"));
    assert_null(find_check(report, "manager_quote_bound"));
    assert_true(is_not_proven(report, "the hash of its statement could not be computed"));
    assert_no_failure(report);
}

/* What has no hash that was computed here is nobody's statement: a form that is not known is not
 * refused, for the manager may have it tomorrow, and is not shown. */
static void manager_without_a_hash(void **state)
{
    static const char *const forms[] = {
        "[{\"timestamp\":\"t9\",\"action\":\"compose_up\",\"file\":\"FORGED.yaml\",\"x\":1}]",
        "[{\"x\":null}]",
        "[\"compose_up FORGED.yaml\"]",
        "[\"compose_up\",{\"action\":\"compose_up\"}]",
        "\"compose_up FORGED.yaml\"",
        "{\"action\":\"compose_up\",\"file\":\"FORGED.yaml\"}",
        "[7]",
        "true",
        "[]",
        "\"\"",
        "\"[]\"",
        "null",
        NULL,
    };
    struct machine m;
    cJSON *body;

    (void)state;
    machine_new(&m, 1);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        for (int named = 0; named < 2; named++) { /* with and without the hash that is named */
            body = machine_response(&m, 'A');
            set_member(body, "compose_manager_attestation.actions",
                       forms[i] ? cJSON_Parse(forms[i]) : NULL);
            if (!named)
                set_member(body, "compose_manager_attestation.actions_hash", NULL);
            assert_nothing_shown(judge(body, NULL, NULL, 0));
        }
    }
    /* Also without its hash, a quote that is not for our nonce, or for what is named, is no
     * good. */
    for (int i = 0; i < 2; i++) {
        uint8_t data[64] = { 0 }, quote[SAMPLE_QUOTE_MAX];
        cJSON *report;
        size_t n;

        body = machine_response(&m, 'A');
        assert_int_equal(
            hex_decode(
                data, json_string(member(body, "compose_manager_attestation"), "report_data"), 128),
            0);
        data[i ? 40 : 8] ^= 1;
        n = machine_quote(quote, &m, data);
        set_member(body, "compose_manager_attestation.actions", NULL);
        set_member(body, "compose_manager_attestation.report_data", NULL);
        set_member(body, "compose_manager_attestation.quote", quote_item(quote, n));
        report = judge(body, NULL, NULL, 0);
        assert_null(json_at(report, "code", "manager", "latest", NULL));
        assert_only_failure(report, "manager_quote_bound", "manager_statement");
    }
    machine_free(&m);
}

/* Known members, other values: the quote does not bind them, whatever is named. */
static void manager_with_forged_actions(void **state)
{
    struct machine m;
    cJSON *body, *report;

    (void)state;
    machine_new(&m, 1);
    for (int named = 0; named < 2; named++) {
        body = machine_response(&m, 'A');
        set_member(cJSON_GetArrayItem(member(body, "compose_manager_attestation.actions"), 0),
                   "image", cJSON_CreateString("a/c"));
        if (!named)
            set_member(body, "compose_manager_attestation.actions_hash", NULL);
        report = judge(body, NULL, NULL, 0);
        assert_int_equal(json_bool(find_check(report, "manager_quote_bound"), "ok"), 0);
        assert_null(json_at(report, "code", "manager", "latest", NULL));
        assert_true((find_check(report, "manager_actions") != NULL) == named);
        if (!named)
            assert_true(is_not_stated(report, "manager_actions"));
        assert_string_equal(json_string(report, "reason"), "manager_statement");
        assert_int_equal(json_bool(report, "verified"), 0);
        cJSON_Delete(report);
    }
    machine_free(&m);
}

/* A manager that took no action says so: the hash of an empty list is one that can be computed. */
static void manager_that_took_no_action(void **state)
{
    uint8_t data[64], quote[SAMPLE_QUOTE_MAX];
    const cJSON *manager;
    struct machine m;
    cJSON *body, *report;
    size_t n;

    (void)state;
    machine_new(&m, 1);
    assert_int_equal(sha256(data, (const uint8_t *)"[]", 2), 0);
    memcpy(data + 32, m.nonce, 32);
    n = machine_quote(quote, &m, data);
    body = machine_response(&m, 'A');
    set_member(body, "compose_manager_attestation.actions", cJSON_CreateArray());
    set_member(body, "compose_manager_attestation.actions_hash", NULL);
    set_member(body, "compose_manager_attestation.report_data", NULL);
    set_member(body, "compose_manager_attestation.quote", quote_item(quote, n));
    report = judge(body, NULL, NULL, 0);
    manager = json_at(report, "code", "manager", NULL);
    assert_int_equal(json_bool(manager, "verified"), 1);
    assert_int_equal(json_at(manager, "actions", NULL)->valueint, 0);
    assert_null(json_at(manager, "latest", NULL));
    assert_non_null(find_check(report, "manager_quote_bound"));
    assert_no_failure(report);
    machine_free(&m);
}

static void manager_that_leaves_things_out(void **state)
{
    static const struct {
        const char *member, *id;
        bool verified;
    } rows[] = { { "nonce", "manager_nonce", true },
                 { "actions_hash", "manager_actions", true },
                 { "report_data", NULL, true },
                 { "quote", "manager_quote_bound", false } };
    struct machine m;

    (void)state;
    machine_new(&m, 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int empty = 0; empty < 3; empty++) {
            char path[80];
            cJSON *body = machine_response(&m, 'A'), *report;

            snprintf(path, sizeof path, "compose_manager_attestation.%s", rows[i].member);
            set_member(body, path,
                       empty == 0   ? NULL
                       : empty == 1 ? cJSON_CreateNull()
                                    : cJSON_CreateString(""));
            report = judge(body, NULL, NULL, 0);
            if (rows[i].id) {
                assert_true(is_not_stated(report, rows[i].id));
                assert_null(find_check(report, rows[i].id));
            }
            assert_int_equal(json_bool(json_at(report, "code", "manager", NULL), "verified"),
                             rows[i].verified);
            assert_true((json_at(report, "code", "manager", "latest", NULL) != NULL) ==
                        rows[i].verified);
            assert_no_failure(report);
        }
    }
    machine_free(&m);
}

/* ---- MRCONFIGID ------------------------------------------------------------------------------ */

static const char document_form[] = "{\"app_id\":\"aabbcc0102030000000000000000000000000000\","
                                    "\"compose_hash\":\"%s\",\"key_provider\":\"kms\"}";

static void set_mrconfigid(struct machine *m, int version, const uint8_t hash[32])
{
    memset(m->mrconfigid, 0, sizeof m->mrconfigid);
    m->mrconfigid[0] = (uint8_t)version;
    if (hash)
        memcpy(m->mrconfigid + 1, hash, 32);
}

static void mrconfigid_v2(void **state)
{
    static const uint8_t id[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48 };
    uint8_t text[128] = { 0 }, hash[32];
    struct machine m;

    (void)state;
    for (int with_id = 0; with_id < 2; with_id++) {
        cJSON *report;

        machine_new(&m, 1);
        memcpy(text, m.mrconfigid + 1, 32);
        memcpy(text + 32, "\xaa\xbb\xcc\x01\x02\x03", 6);
        text[52] = 2; /* kms */
        memcpy(text + 53, id, sizeof id);
        keccak256(hash, text, with_id ? 53 + sizeof id : 53);
        set_mrconfigid(&m, 2, hash);
        report = judge(machine_response(&m, 'A'), NULL, NULL, 0);
        assert_string_equal(json_string(json_at(report, "code", NULL), "mrconfigid"), "v2");
        assert_non_null(find_check(report, "mrconfigid_bound"));
        assert_no_failure(report);
        machine_free(&m);
    }
}

static void mrconfigid_v3(void **state)
{
    char document[512], hex[65] = "", input[600];
    struct machine m;
    cJSON *body, *report;
    uint8_t hash[32];
    size_t n;

    (void)state;
    for (int wrong = 0; wrong < 2; wrong++) {
        machine_new(&m, 1);
        hex_encode(hex, m.mrconfigid + 1, 32);
        if (wrong)
            hex[9] = hex[9] == '0' ? '1' : '0';
        snprintf(document, sizeof document, document_form, hex);
        n = (size_t)snprintf(input, sizeof input, "dstack-mr-config-v3:%c%s", 0, document);
        assert_int_equal(sha256(hash, (uint8_t *)input, n), 0);
        set_mrconfigid(&m, 3, hash);
        body = machine_response(&m, 'A');
        report = judge(body, NULL, NULL, 0); /* the document is not served */
        assert_null(find_check(report, "mrconfigid_bound"));
        assert_true(is_not_stated(report, "mrconfigid_bound"));
        assert_null(json_at(report, "code", "mrconfigid_bound", NULL));
        assert_no_failure(report);
        body = machine_response(&m, 'A');
        set_member(body, "info.mr_config", cJSON_CreateString(document));
        report = judge(body, NULL, NULL, 0);
        if (wrong) {
            assert_only_failure(report, "mrconfigid_bound", "mrconfigid_mismatch");
        } else {
            assert_non_null(find_check(report, "mrconfigid_bound"));
            assert_true(cJSON_IsTrue(json_at(report, "code", "mrconfigid_bound", NULL)));
            assert_no_failure(report);
        }
        machine_free(&m);
    }
}

/* A document that is bound, and leaves open which compose text it is for. */
static void mrconfigid_v3_without_a_compose_hash(void **state)
{
    static const char *const documents[] = { "{\"app_id\":\"\"}", "{\"compose_hash\":\"\"}", "x" };

    (void)state;
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        char input[200];
        struct machine m;
        cJSON *body, *report;
        uint8_t hash[32];
        size_t n;

        machine_new(&m, 1);
        n = (size_t)snprintf(input, sizeof input, "dstack-mr-config-v3:%c%s", 0, documents[i]);
        assert_int_equal(sha256(hash, (uint8_t *)input, n), 0);
        set_mrconfigid(&m, 3, hash);
        body = machine_response(&m, 'A');
        set_member(body, "info.mr_config", cJSON_CreateString(documents[i]));
        report = judge(body, NULL, NULL, 0);
        assert_null(find_check(report, "mrconfigid_bound"));
        assert_null(json_at(report, "code", "mrconfigid_bound", NULL));
        assert_no_failure(report);
        machine_free(&m);
    }
}

static void mrconfigid_unused_and_unknown(void **state)
{
    static const char *const names[] = { "unused", "unknown" };

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct machine m;
        cJSON *report;

        machine_new(&m, 1);
        set_mrconfigid(&m, i * 9, i ? (const uint8_t *)other32 : NULL);
        report = judge(machine_response(&m, 'D'), NULL, NULL, 0);
        assert_string_equal(json_string(json_at(report, "code", NULL), "mrconfigid"), names[i]);
        assert_null(find_check(report, "mrconfigid_bound"));
        assert_null(json_at(report, "code", "mrconfigid_bound", NULL));
        assert_true(is_not_proven(report, i ? "its form is not known" : "MRCONFIGID is not used"));
        assert_non_null(json_string(json_at(report, "measurements", NULL), "compose_hash"));
        assert_no_failure(report);
        machine_free(&m);
    }
}

/* ---- Not served ------------------------------------------------------------------------------ */

/* MRCONFIGID alone binds the compose text, and a text that it does not bind is refused. */
static void without_a_log(void **state)
{
    struct machine m;
    cJSON *body, *report;

    (void)state;
    machine_new(&m, 1);
    for (int wrong = 0; wrong < 2; wrong++) {
        body = machine_response(&m, 'A');
        set_member(body, "event_log", NULL);
        set_member(body, "info.tcb_info.event_log", NULL);
        if (wrong)
            set_member(body, "info.tcb_info.app_compose", cJSON_CreateString("other"));
        report = judge(body, NULL, NULL, 0);
        assert_null(json_at(report, "code", "replayed", NULL));
        assert_null(find_check(report, "event_log_replayed"));
        assert_true(is_not_stated(report, "event_log_replayed"));
        assert_true(cJSON_GetArraySize(json_at(report, "not_proven", NULL)) > 0);
        if (wrong) {
            assert_only_failure(report, "compose_text_matches", "compose_hash_mismatch");
        } else {
            assert_non_null(json_string(json_at(report, "measurements", NULL), "compose_hash"));
            assert_null(json_string(json_at(report, "measurements", NULL), "os_image_hash"));
            assert_non_null(find_check(report, "compose_text_matches"));
            assert_no_failure(report);
        }
    }
    machine_free(&m);
}

/* A hash that is only MRCONFIGID's own is compared with nothing, and that is no check that
 * holds. */
static void mrconfigid_is_not_compared_with_itself(void **state)
{
    struct machine m;

    (void)state;
    machine_new(&m, 1);
    for (int with_text = 0; with_text < 2; with_text++) {
        cJSON *body = machine_response(&m, 'A'), *report;

        set_member(body, "event_log", NULL);
        set_member(body, "info.tcb_info.event_log", NULL);
        if (!with_text)
            set_member(body, "info.tcb_info.app_compose", NULL);
        report = judge(body, NULL, NULL, 0);
        assert_true((find_check(report, "mrconfigid_bound") != NULL) == with_text);
        assert_true(is_not_stated(report, "mrconfigid_bound") == !with_text);
        assert_true(is_not_stated(report, "compose_text_matches") == !with_text);
        assert_non_null(json_string(json_at(report, "measurements", NULL), "compose_hash"));
        assert_no_failure(report);
    }
    machine_free(&m);
}

/* A log without events is none; it neither refuses nor proves. */
static void empty_logs_are_absent(void **state)
{
    static const char *const empty[] = { "[]",          "\"\"",   "\"[]\"",
                                         "\" [ ]\\n\"", "\"{}\"", "\"null\"",
                                         "null",        "{}",     "0" };
    struct machine m;
    cJSON *body, *report;

    (void)state;
    machine_new(&m, 1);
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        body = machine_response(&m, 'A'); /* beside a full copy */
        set_member(body, "event_log", cJSON_Parse(empty[i]));
        report = judge(body, NULL, NULL, 0);
        assert_true(cJSON_IsTrue(json_at(report, "code", "replayed", NULL)));
        assert_false(is_not_stated(report, "event_log_replayed"));
        assert_no_failure(report);

        body = machine_response(&m, 'A');
        set_member(body, "event_log", cJSON_Parse(empty[i]));
        set_member(body, "info.tcb_info.event_log", cJSON_Parse(empty[i]));
        report = judge(body, NULL, NULL, 0);
        assert_null(json_at(report, "code", "replayed", NULL));
        assert_null(find_check(report, "event_log_well_formed"));
        assert_true(is_not_stated(report, "event_log_replayed"));
        assert_true(is_not_proven(report, "no event log was served"));
        assert_no_failure(report);
    }
    machine_free(&m);
}

/* dstack strips the boot events away: the rest leads to RTMR3, and says all that is concluded. */
static void logs_of_register_3_only(void **state)
{
    (void)state;
    for (int version = 1; version <= 2; version++) {
        for (int copies = 1; copies <= 2; copies++) {
            struct machine m;
            cJSON *body, *report, *log;
            const char *detail;

            machine_new(&m, version);
            body = machine_response(&m, 'A');
            for (int copy = 0; copy < copies; copy++) {
                log = member(body, copy ? "info.tcb_info.event_log" : "event_log");
                for (int i = 0; i < 4; i++)
                    cJSON_DeleteItemFromArray(log, 0);
            }
            report = judge(body, NULL, NULL, 0);
            assert_true(cJSON_IsTrue(json_at(report, "code", "replayed", NULL)));
            assert_non_null(json_string(json_at(report, "code", NULL), "app_id"));
            detail = json_string(find_check(report, "event_log_replayed"), "detail");
            assert_string_equal(
                detail, copies == 2 ? "the events lead to RTMR3; RTMR0 to RTMR2 are the quote's own"
                                    : "the events lead to RTMR0 to RTMR3 of the quote");
            assert_no_failure(report);
            /* Some of them are none of dstack's forms. */
            body = machine_response(&m, 'A');
            cJSON_DeleteItemFromArray(member(body, "event_log"), 3);
            assert_only_failure(judge(body, NULL, NULL, 0), "event_log_replayed", "rtmr_mismatch");
            machine_free(&m);
        }
    }
}

/* ---- Attacks --------------------------------------------------------------------------------- */

/* The start of another program as events with digests that nothing explains; then that program
 * measures the honest log again. Every MRCONFIGID that does not bind the text. */
static void the_start_cannot_be_hidden(void **state)
{
    static const int forms[] = { 0, 2, 3, 9 };

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct machine evil, honest;
        cJSON *event, *log = cJSON_CreateArray();

        machine_new(&evil, 1);
        machine_new(&honest, 1);
        set_event(&evil, "compose-hash", other32, 32);
        cJSON_ArrayForEach(event, evil.log)
        {
            cJSON *copy = cJSON_Duplicate(event, 1);

            if (member(copy, "imr")->valueint == 3) {
                set_member(copy, "event_type", cJSON_CreateNumber(13));
                set_member(copy, "event", cJSON_CreateString(""));
                set_member(copy, "event_payload", cJSON_CreateString(""));
                set_member(copy, "preimage", NULL);
            }
            cJSON_AddItemToArray(log, copy);
        }
        cJSON_ArrayForEach(event, honest.log)
        {
            if (member(event, "imr")->valueint == 3)
                cJSON_AddItemToArray(log, cJSON_Duplicate(event, 1));
        }
        cJSON_Delete(honest.log);
        honest.log = log;
        machine_measure(&honest);
        memset(honest.mrconfigid, forms[i] ? 0x5a : 0, 33);
        honest.mrconfigid[0] = (uint8_t)forms[i];
        assert_only_failure(judge(machine_response(&honest, 'B'), NULL, NULL, 0),
                            "event_log_well_formed", "event_log_malformed");
        machine_free(&honest);
        machine_free(&evil);
    }
}

/* The key provider's event under another name: the same digest, and no key provider in the pin. */
static void a_name_cannot_be_cut_anew(void **state)
{
    static const char name[] = "key-provider:{\"name\"";
    struct machine m;
    cJSON *body;

    (void)state;
    machine_new(&m, 1);
    cJSON_ReplaceItemInArray(m.log, event_place(m.log, "key-provider"),
                             runtime_event(1, name, machine_key_provider + strlen("{\"name\":"),
                                           strlen(machine_key_provider + strlen("{\"name\":")), 0));
    body = machine_response(&m, 'B');
    set_member(body, "info.key_provider_info", NULL);
    assert_only_failure(judge(body, NULL, NULL, 0), "event_log_well_formed", "event_log_malformed");
    machine_free(&m);
}

/* ---- Every member ---------------------------------------------------------------------------- */

/* Visits every member of a response, in any depth, and calls visit with its path. */
static void walk(cJSON *node, char path[256], size_t len, void (*visit)(const char *path))
{
    cJSON *child;

    cJSON_ArrayForEach(child, node)
    {
        size_t n;

        if (!child->string || len + strlen(child->string) + 2 > 256)
            continue;
        n = (size_t)snprintf(path + len, 256 - len, "%s%s", len ? "." : "", child->string);
        visit(path);
        if (cJSON_IsObject(child))
            walk(child, path, len + n, visit);
        path[len] = 0;
    }
}

static char walked_shape;
static size_t walked;

/* Drops, renames and retypes one member: a report comes in every case. What is only absent fails no
 * check, unless a digest over its object says that it was there. */
static void shake(const char *path)
{
    const char *last = strrchr(path, '.');
    struct machine m;

    last = last ? last + 1 : path;
    for (int how = 0; how < 8; how++) {
        cJSON *body, *item, *report;
        const cJSON *reason;

        machine_new(&m, 1);
        body = machine_response(&m, walked_shape);
        item = how == 1   ? cJSON_Duplicate(member(body, path), 1)
               : how == 2 ? cJSON_CreateNull()
               : how == 3 ? cJSON_CreateNumber(7)
               : how == 4 ? cJSON_CreateString("x")
               : how == 5 ? cJSON_CreateArray()
               : how == 6 ? cJSON_CreateObject()
               : how == 7 ? cJSON_CreateTrue()
                          : NULL;
        set_member(body, path, NULL);
        if (how == 1) {
            char name[80];

            snprintf(name, sizeof name, "%.*s%s2", (int)(last - path), path, last);
            set_member(body, name, item);
        } else if (how > 1) {
            set_member(body, path, item);
        }
        report = judge(body, NULL, NULL, 0);
        reason = json_at(report, "reason", NULL);
        if (how < 3 && strncmp(path, "attestation.workload_keyset.", 28) != 0 && reason)
            fail_msg("%s (%d): %s", path, how, reason->valuestring);
        if (json_at(report, "checks", NULL)->child)
            assert_true(json_bool(report, "verified") == !reason);
        cJSON_Delete(report);
        machine_free(&m);
    }
    walked++;
}

static void each_member_may_be_missing_or_odd(void **state)
{
    (void)state;
    for (const char *shape = "ABCD"; *shape; shape++) {
        struct machine m;
        char path[256] = "";
        cJSON *body;

        machine_new(&m, 1);
        body = machine_response(&m, *shape);
        walked_shape = *shape;
        walked = 0;
        walk(body, path, 0, shake);
        assert_true(walked > 40);
        cJSON_Delete(body);
        machine_free(&m);
    }
}

/* ---- Recordings ------------------------------------------------------------------------------ */

static cJSON *recorded(const char *path, const char *name, int64_t now)
{
    const char *body;
    char *text;
    size_t n, len;
    cJSON *report;

    if (corpus_file(&text, &n, path) != 0)
        return NULL;
    body = text;
    len = n;
    if (name)
        assert_int_equal(json_raw_member(&body, &len, text, n, name), 0);
    assert_int_equal(judge_text(&report, body, len, NULL, NULL, now), 0);
    free(text);
    return report;
}

static void recordings_hold(void **state)
{
    static const struct {
        const char *path, *name;
        int64_t now;
        const char *compose_hash, *also;
        bool text;
    } rows[] = {
        { "recorded/venice_e2ee-qwen3-5-122b-a10b_20260424_015841/responses/"
          "0001_api.venice.ai_api_v1_tee_attestation.body",
          NULL, 1776996000, "242a62724303cc32f364da0fc92738706b0078e7587821b7ba3e75488223797b",
          "manager_quote_signed", true },
        { "recorded/venice-py_2026-06_07/attestation_gemma_3_27b_p.json", "attestation", 1780598249,
          "cd5af14107fda0782665a90a48507ddfc99f37d3e6a22ce3df8802881c0b1a1a", "registers_restated",
          true },
        { "recorded/venice-py_2026-06_07/attestation_live_evidence.json", "attestation", 1784573023,
          "4d6cc774e2a9ffed48d368ace6102782933bc25bb6ed62c208640189d6d00749", "keyset_endorsed",
          false },
        { "recorded/venice_aci_genB_20260826_excerpt.json", NULL, 1787706450,
          "21d93ac768cffa43b6b37f1d2cd579137d9e7db693f2aa6e4ae70a8181897e82", "custody_chain",
          false },
    };

    (void)state;
    if (!getenv("VENICE_CORPUS"))
        skip();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cJSON *report = recorded(rows[i].path, rows[i].name, rows[i].now);
        const cJSON *code = json_at(report, "code", NULL);

        assert_non_null(report);
        assert_true(cJSON_IsTrue(json_at(code, "replayed", NULL)));
        assert_int_equal(json_at(code, "events", NULL)->valueint, 30);
        assert_string_equal(json_string(json_at(report, "measurements", NULL), "compose_hash"),
                            rows[i].compose_hash);
        assert_true((json_string(code, "compose") != NULL) == rows[i].text);
        assert_non_null(find_check(report, "mrconfigid_bound"));
        assert_non_null(find_check(report, rows[i].also));
        if (json_string(code, "mr_aggregated"))
            assert_string_equal(json_string(code, "mr_aggregated"), "as the registers give");
        if (json_at(report, "aci", NULL)) /* one of them was recorded without its key */
            assert_int_equal(json_bool(json_at(report, "aci", "custody", NULL), "root_known"),
                             strcmp(rows[i].also, "custody_chain") == 0 ? 1 : -1);
        assert_no_failure(report);
    }
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static void failing_allocations(void **state)
{
    (void)state;
    for (const char *shape = "AC"; *shape; shape++) {
        struct machine m;
        cJSON *body, *report;
        char *text;
        long n = 0;
        bool hit = true;

        machine_new(&m, 2);
        body = machine_response(&m, *shape);
        text = cJSON_PrintUnformatted(body);
        cJSON_Delete(body);
        machine_free(&m);
        for (; hit; n += n < 2000 ? 1 : 7) {
            int status;

            torture_begin(n);
            status = judge_text(&report, text, strlen(text), NULL, NULL, 0);
            hit = torture_end();
            /* Memory that is missing may cost a proof, and never makes one. */
            if (status == 0 && hit)
                assert_string_not_equal(json_string(report, "level"), "measured");
            if (status != 0)
                assert_true(status == VENICE_E_MEMORY || status == VENICE_E_INTERNAL);
            if (!hit)
                assert_int_equal(status, 0);
            cJSON_Delete(report);
        }
        assert_true(n > 100);
        cJSON_free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_responses_hold),
        cmocka_unit_test(claims_are_shown_as_claims),
        cmocka_unit_test(measured_faults),
        cmocka_unit_test(compose_hash_must_be_measured),
        cmocka_unit_test(restated_values),
        cmocka_unit_test(every_copy_must_replay),
        cmocka_unit_test(manager_of_another_machine),
        cmocka_unit_test(manager_signature),
        cmocka_unit_test(manager_without_a_hash),
        cmocka_unit_test(manager_with_forged_actions),
        cmocka_unit_test(manager_that_took_no_action),
        cmocka_unit_test(manager_that_leaves_things_out),
        cmocka_unit_test(mrconfigid_v2),
        cmocka_unit_test(mrconfigid_v3),
        cmocka_unit_test(mrconfigid_v3_without_a_compose_hash),
        cmocka_unit_test(mrconfigid_unused_and_unknown),
        cmocka_unit_test(without_a_log),
        cmocka_unit_test(mrconfigid_is_not_compared_with_itself),
        cmocka_unit_test(empty_logs_are_absent),
        cmocka_unit_test(logs_of_register_3_only),
        cmocka_unit_test(the_start_cannot_be_hidden),
        cmocka_unit_test(a_name_cannot_be_cut_anew),
        cmocka_unit_test(each_member_may_be_missing_or_odd),
        cmocka_unit_test(recordings_hold),
        cmocka_unit_test(failing_allocations),
    };

    (void)torture_openssl();
    return cmocka_run_group_tests_name("code", tests, NULL, NULL);
}
