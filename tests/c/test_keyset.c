/* The gateway's papers: for every check a response in which only it fails; the signatures under it;
 * the gateway's own vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/crypto.h"
#include "base/crypto_sign.h"
#include "base/json.h"
#include "support_code.h"
#include "venice.h"

static const char other32[] = "abababababababababababababababababababababababababababababababab";
static const char other_digest[] =
    "sha256:abababababababababababababababababababababababababababababababab";

static cJSON *response(char shape)
{
    struct machine m;
    cJSON *body;

    machine_new(&m, 1);
    body = machine_response(&m, shape);
    machine_free(&m);
    return body;
}

/* The text of a member with one digit changed. */
static cJSON *flipped(const cJSON *item, size_t at)
{
    cJSON *copy = cJSON_CreateString(cJSON_GetStringValue(item));

    copy->valuestring[at] = copy->valuestring[at] == '0' ? '1' : '0';
    return copy;
}

/* ---- In order -------------------------------------------------------------------------------- */

static void good_papers(void **state)
{
    static const char *const both[] = { "aci_version",          "aci_tee_type",   "keyset_digest",
                                        "keyset_valid",         "keyset_has_key", "evidence_quote",
                                        "evidence_report_data", "custody_chain" };
    static const char *const gen_a[] = { "keyset_identity", "keyset_endorsed", "evidence_fresh" };

    (void)state;
    for (const char *shape = "CD"; *shape; shape++) {
        cJSON *report = judge(response(*shape), NULL, NULL, 0);
        const cJSON *custody = json_at(report, "aci", "custody", NULL);

        for (size_t i = 0; i < sizeof both / sizeof both[0]; i++)
            assert_non_null(find_check(report, both[i]));
        for (size_t i = 0; i < sizeof gen_a / sizeof gen_a[0]; i++)
            assert_true((find_check(report, gen_a[i]) != NULL) == (*shape == 'C'));
        assert_int_equal(json_at(custody, "keys", NULL)->valueint, *shape == 'C' ? 3 : 2);
        assert_int_equal(json_at(custody, "checked", NULL)->valueint, 2);
        assert_int_equal(json_bool(custody, "root_known"), 0);
        assert_int_equal(strlen(json_string(custody, "root")), 66);
        assert_int_equal(strlen(json_string(json_at(report, "aci", NULL), "keyset_digest")), 71);
        assert_no_failure(report);
    }
}

static void without_papers(void **state)
{
    cJSON *report = judge(response('B'), NULL, NULL, 0);

    (void)state;
    assert_null(json_at(report, "aci", NULL));
    assert_null(find_check(report, "aci_version"));
    assert_no_failure(report);
}

/* ---- One thing wrong ------------------------------------------------------------------------- */

static void replaced_members(void **state)
{
    static const struct {
        char shape;
        const char *path, *value; /* JSON */
        const char *id, *reason;
    } rows[] = {
        { 'D', "api_version", "\"aci/2\"", "aci_version", "aci_version" },
        { 'C', "api_version", "\"aci/1 \"", "aci_version", "aci_version" },
        { 'D', "attestation.tee_type", "\"sev\"", "aci_tee_type", "aci_tee_type" },
        { 'D', "workload_keyset_digest", NULL, "keyset_digest", "keyset_digest" },
        { 'C', "workload_keyset_digest", "\"664045b3\"", "keyset_digest", "keyset_digest" },
        { 'C', "workload_id", NULL, "keyset_identity", "keyset_identity" },
        { 'C', "attestation.keyset_endorsement.value", "\"00\"", "keyset_endorsed",
          "keyset_endorsement" },
        { 'C', "attestation.keyset_endorsement.algo", "\"ed25519\"", "keyset_endorsed",
          "keyset_endorsement" },
        { 'C', "attestation.freshness.stale_after", "1789999699", "evidence_fresh",
          "evidence_stale" },
        { 'D', "attestation.evidence.quote", "\"00\"", "evidence_quote",
          "evidence_quote_mismatch" },
        { 'D', "attestation.evidence.quote_report_data", "\"00\"", "evidence_report_data",
          "evidence_quote_mismatch" },
        { 'D', "attestation.report_data", "\"00\"", "evidence_report_data",
          "evidence_quote_mismatch" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cJSON *body = response(rows[i].shape);
        cJSON *value =
            rows[i].value ? cJSON_Parse(rows[i].value) : cJSON_CreateString(other_digest);

        set_member(body, rows[i].path, value);
        assert_only_failure(judge(body, NULL, NULL, 0), rows[i].id, rows[i].reason);
    }
}

static void endorsement_of_another(void **state)
{
    cJSON *body = response('C');
    cJSON *value = member(body, "attestation.keyset_endorsement.value");

    (void)state;
    set_member(body, "attestation.keyset_endorsement.value", flipped(value, 70));
    assert_only_failure(judge(body, NULL, NULL, 0), "keyset_endorsed", "keyset_endorsement");
}

/* Changes to the keyset itself, with digest and endorsement right. */
static void changed_keysets(void **state)
{
    static const struct {
        char shape;
        const char *path, *value;
        const char *id, *reason;
    } rows[] = {
        { 'C', "keyset_epoch.not_after", "1790000000", "keyset_valid", "keyset_expired" },
        { 'D', "not_after", "1790000000", "keyset_valid", "keyset_expired" },
        { 'D', "not_after", "-1", "keyset_valid", "keyset_expired" },
        { 'D', "not_after", "1790000001", NULL, NULL },
        { 'D', "not_after", "18446744073709551615", NULL, NULL },
        { 'D', "not_after", "\"never\"", NULL, NULL },
        { 'D', "not_after", NULL, NULL, NULL },
        { 'D', "e2ee_public_keys", NULL, NULL, NULL },
        { 'D', "e2ee_public_keys", "null", NULL, NULL },
        { 'D', "e2ee_public_keys", "[]", NULL, NULL },
        { 'D', "receipt_signing_keys", NULL, NULL, NULL },
        { 'D', "receipt_signing_keys", "[]", NULL, NULL },
        { 'D', "receipt_signing_keys", "[{\"algo\":\"ed25519\",\"public_key\":\"ab\"}]",
          "custody_chain", "custody_chain" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cJSON *body = response(rows[i].shape), *report;

        set_member(member(body, "attestation.workload_keyset"), rows[i].path,
                   rows[i].value ? cJSON_Parse(rows[i].value) : NULL);
        reseal_keyset(body);
        report = judge(body, NULL, NULL, 0);
        if (rows[i].id)
            assert_only_failure(report, rows[i].id, rows[i].reason);
        else
            assert_no_failure(report);
    }
}

static char *hex_of(uint8_t seed, bool compressed)
{
    static char hex[131];
    uint8_t secret[32] = { seed }, point[65], small[33];

    assert_int_equal(curve_public(point, secret), 0);
    assert_int_equal(curve_compress(small, point), 0);
    memset(hex, 0, sizeof hex);
    hex_encode(hex, compressed ? small : point, compressed ? sizeof small : sizeof point);
    return hex;
}

static void key_of_another(void **state)
{
    cJSON *body, *keys, *report;

    (void)state;
    for (int others = 1; others < 4; others++) { /* of the entries 0 and 2, as bits */
        body = response('C');
        keys = member(body, "attestation.workload_keyset.e2ee_public_keys");
        for (int i = 0; i < 2; i++) {
            if (others & (1 << i))
                set_member(cJSON_GetArrayItem(keys, 2 * i), "public_key",
                           cJSON_CreateString(hex_of(7, false)));
        }
        reseal_keyset(body);
        report = judge(body, NULL, NULL, 0);
        if (others == 3)
            assert_only_failure(report, "keyset_has_key", "keyset_key_mismatch");
        else /* any may match */
            assert_no_failure(report);
    }
}

/* Entries of the keyset that say nothing of our key, and forms in which they may name it. */
static void keys_of_a_keyset(void **state)
{
    static const struct {
        const char *algo; /* of the one entry; NULL: there is none */
        const char *form; /* of its public_key: n none, e empty, o ours, O in upper case, 0 with 0x,
                             c compressed, x another's, X another's compressed, b bad */
        bool stated, holds;
    } rows[] = {
        { NULL, "n", false, true },
        { "x25519-aes-256-gcm-hkdf-sha256", "x", false, true },
        { "ed25519", "b", false, true },
        { "ecdsa", "n", false, true },
        { "ecdsa", "e", false, true },
        { "ecdsa", "o", true, true },
        { "ECDSA", "O", true, true },
        { "secp256k1", "0", true, true },
        { "secp256k1-aes-256-gcm-hkdf-sha256", "c", true, true },
        { "ecdsa", "x", true, false },
        { "secp256k1-aes-256-gcm-hkdf-sha256", "X", true, false },
        { "secp256k1", "b", true, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cJSON *body = response('D'), *list = cJSON_CreateArray(), *entry, *report;
        char text[140] = "", ours[131];
        uint8_t point[65], small[33];

        snprintf(ours, sizeof ours, "%s", member(body, "signing_public_key")->valuestring);
        switch (rows[i].form[0]) {
        case 'o':
        case 'O': snprintf(text, sizeof text, "%s", ours); break;
        case '0': snprintf(text, sizeof text, "0x%s", ours); break;
        case 'c':
            assert_int_equal(hex_decode(point, ours, 130), 0);
            assert_int_equal(curve_compress(small, point), 0);
            hex_encode(text, small, sizeof small);
            break;
        case 'x':
        case 'X': snprintf(text, sizeof text, "%s", hex_of(7, rows[i].form[0] == 'X')); break;
        case 'b': snprintf(text, sizeof text, "%s", other32); break;
        default: break;
        }
        for (char *c = text; rows[i].form[0] == 'O' && *c; c++)
            *c = (char)(*c >= 'a' ? *c - 32 : *c);
        if (rows[i].algo) {
            entry = cJSON_CreateObject();
            cJSON_AddStringToObject(entry, "algo", rows[i].algo);
            if (rows[i].form[0] != 'n')
                cJSON_AddStringToObject(entry, "public_key", text);
            cJSON_AddItemToArray(list, entry);
        }
        set_member(body, "attestation.workload_keyset.e2ee_public_keys", list);
        reseal_keyset(body);
        report = judge(body, NULL, NULL, 0);
        assert_true(is_not_stated(report, "keyset_has_key") == !rows[i].stated);
        assert_true((find_check(report, "keyset_has_key") != NULL) == rows[i].stated);
        if (rows[i].holds)
            assert_no_failure(report);
        else
            assert_only_failure(report, "keyset_has_key", "keyset_key_mismatch");
    }
}

/* What is left out is noted where a check would have looked at it, and refuses nothing. */
static void papers_that_leave_things_out(void **state)
{
    static const struct {
        char shape;
        const char *path, *id;
    } rows[] = {
        { 'C', "api_version", "aci_version" },
        { 'D', "attestation.tee_type", "aci_tee_type" },
        { 'D', "workload_keyset_digest", "keyset_digest" },
        { 'D', "attestation.workload_keyset", "keyset_digest" },
        { 'D', "attestation.workload_keyset", "keyset_has_key" },
        { 'D', "attestation.workload_keyset", "keyset_valid" },
        { 'C', "workload_id", "keyset_identity" },
        { 'C', "attestation.workload_keyset", "keyset_identity" },
        { 'C', "attestation.keyset_endorsement", "keyset_endorsed" },
        { 'C', "attestation.keyset_endorsement.value", "keyset_endorsed" },
        { 'C', "attestation.freshness", "evidence_fresh" },
        { 'C', "attestation.freshness.stale_after", "evidence_fresh" },
        { 'D', "attestation.evidence.quote", "evidence_quote" },
        { 'D', "attestation.evidence.key_custody", "custody_chain" },
        { 'D', "attestation.evidence.key_custody.keys", "custody_chain" },
    };
    static const char *const empty[] = { NULL, "null", "\"\"", "[]", "{}" };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t k = 0; k < sizeof empty / sizeof empty[0]; k++) {
            cJSON *body = response(rows[i].shape), *report;

            set_member(body, rows[i].path, empty[k] ? cJSON_Parse(empty[k]) : NULL);
            report = judge(body, NULL, NULL, 0);
            if (!is_not_stated(report, rows[i].id) || find_check(report, rows[i].id))
                fail_msg("%s %s: %s", rows[i].path, empty[k] ? empty[k] : "", rows[i].id);
            assert_int_equal(json_bool(report, "gateway"), 1);
            assert_no_failure(report);
        }
    }
    /* Both copies of REPORTDATA. */
    for (int i = 0; i < 2; i++) {
        cJSON *body = response('D'), *report;

        set_member(body, "attestation.report_data", i ? cJSON_CreateString("") : NULL);
        set_member(body, "attestation.evidence.quote_report_data", NULL);
        report = judge(body, NULL, NULL, 0);
        assert_true(is_not_stated(report, "evidence_report_data"));
        assert_no_failure(report);
    }
}

/* One member that only a gateway has is enough; an enclave has none. */
static void gateways_are_told_from_enclaves(void **state)
{
    static const char *const members[] = { "api_version", "workload_keyset_digest", "workload_id",
                                           "attestation" };

    (void)state;
    for (const char *shape = "AB"; *shape; shape++) {
        cJSON *report = judge(response(*shape), NULL, NULL, 0);

        assert_int_equal(json_bool(report, "gateway"), 0);
        cJSON_Delete(report);
    }
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        cJSON *body = response('C'), *report;

        for (size_t k = 0; k < sizeof members / sizeof members[0]; k++) {
            if (k != i)
                set_member(body, members[k], NULL);
        }
        report = judge(body, NULL, NULL, 0);
        assert_int_equal(json_bool(report, "gateway"), 1);
        assert_null(json_string(report, "reason"));
        cJSON_Delete(report);
    }
}

/* A double cannot tell 2^64 - 1 from its neighbour; the canonical form prints the same for both,
 * and a text that cJSON would have changed is hashed as it came. */
static void numbers_keep_their_tokens(void **state)
{
    cJSON *body = response('D'), *report;
    char *text, *at;
    static char changed[400000];

    (void)state;
    set_member(body, "attestation.workload_keyset.not_after",
               cJSON_CreateNumber(18446744073709552000.0));
    reseal_keyset(body);
    text = cJSON_PrintUnformatted(body);
    cJSON_Delete(body);
    at = strstr(text, "\"not_after\":");
    assert_non_null(at);
    at += strlen("\"not_after\":");
    snprintf(changed, sizeof changed, "%.*s18446744073709551615%s", (int)(at - text), text,
             at + strcspn(at, ",}"));
    assert_int_equal(judge_text(&report, changed, strlen(changed), NULL, NULL, 0), 0);
    assert_no_failure(report);
    snprintf(changed, sizeof changed, "%.*s18446744073709541615%s", (int)(at - text), text,
             at + strcspn(at, ",}"));
    assert_int_equal(judge_text(&report, changed, strlen(changed), NULL, NULL, 0), 0);
    assert_only_failure(report, "keyset_digest", "keyset_digest");
    cJSON_free(text);
}

static void duplicate_members(void **state)
{
    cJSON *body = response('D'), *report;
    char *text = cJSON_PrintUnformatted(body), *at = strstr(text, "\"workload_keyset\":{");
    static char changed[400000];

    (void)state;
    cJSON_Delete(body);
    snprintf(changed, sizeof changed, "%.*s\"workload_keyset\":{\"not_after\":1,%s",
             (int)(at - text), text, at + strlen("\"workload_keyset\":{"));
    assert_int_equal(judge_text(&report, changed, strlen(changed), NULL, NULL, 0),
                     VENICE_E_MALFORMED);
    cJSON_free(text);
}

/* ---- Custody --------------------------------------------------------------------------------- */

static void custody_faults(void **state)
{
    static const struct {
        char shape;
        const char *member, *value; /* JSON; NULL: a digit of the member is changed */
        int link;                   /* of signature_chain: 0 or 1; -1: the member itself */
    } rows[] = {
        { 'D', NULL, NULL, 0 },
        { 'D', NULL, NULL, 1 },
        { 'C', NULL, NULL, 0 },
        { 'C', NULL, NULL, 1 },
        { 'D', "signature_chain", "[\"00\",\"00\"]", -1 },
        { 'D', "signature_chain", "[1,2]", -1 },
        { 'D', "purpose", "\"aci.other.v1\"", -1 },
        { 'D', "kms_public_key", "\"00\"", -1 },
        { 'D', "kms_public_key",
          "\"0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798\"", -1 },
        { 'D', "public_key", "\"abcd\"", -1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cJSON *body = response(rows[i].shape);
        cJSON *keys = member(body, "attestation.evidence.key_custody.keys");
        cJSON *entry = cJSON_GetArrayItem(keys, cJSON_GetArraySize(keys) - 1), *chain;

        if (rows[i].link >= 0) {
            chain = member(entry, "signature_chain");
            cJSON_ReplaceItemInArray(chain, rows[i].link,
                                     flipped(cJSON_GetArrayItem(chain, rows[i].link), 20));
        } else {
            set_member(entry, rows[i].member, cJSON_Parse(rows[i].value));
        }
        assert_only_failure(judge(body, NULL, NULL, 0), "custody_chain", "custody_chain");
    }
}

static const char *root_of(const cJSON *report)
{
    return json_string(json_at(report, "aci", "custody", NULL), "root");
}

/* Without an event log no app id is measured, and no root can be computed. */
static void custody_without_app_id(void **state)
{
    cJSON *body = response('D'), *report;

    (void)state;
    set_member(body, "attestation.evidence.event_log", NULL);
    report = judge(body, NULL, NULL, 0);
    assert_non_null(find_check(report, "custody_chain"));
    assert_null(root_of(report));
    assert_null(json_at(report, "aci", "custody", "app_id", NULL));
    assert_true(is_not_proven(report, "only with a measured app id"));
    assert_no_failure(report);
}

/* Any two signatures are of some key: one chain alone, to a root that nobody knows, proves
 * nothing. */
static void one_chain_to_an_unknown_root(void **state)
{
    cJSON *body = response('D'), *report, *keys;

    (void)state;
    keys = member(body, "attestation.evidence.key_custody.keys");
    cJSON_DeleteItemFromArray(keys, 0);
    report = judge(body, NULL, NULL, 0);
    assert_null(find_check(report, "custody_chain"));
    assert_non_null(root_of(report)); /* to be pinned, and to be compared with verify.custody */
    assert_int_equal(json_bool(json_at(report, "aci", "custody", NULL), "root_known"), 0);
    assert_true(is_not_proven(report, "anybody can make such a chain"));
    assert_no_failure(report);
}

/* A genuine chain of the gateway's other keys says nothing of the key that is encrypted to. */
static void custody_of_other_keys(void **state)
{
    (void)state;
    for (const char *shape = "CD"; *shape; shape++) {
        for (int how = 0; how < 4; how++) {
            cJSON *body = response(*shape), *report, *keys, *entry;

            keys = member(body, "attestation.evidence.key_custody.keys");
            entry = cJSON_GetArrayItem(keys, cJSON_GetArraySize(keys) - 1); /* ours */
            if (how == 0)
                cJSON_DeleteItemFromArray(keys, cJSON_GetArraySize(keys) - 1);
            else
                set_member(entry, how == 3 ? "purpose" : "signature_chain",
                           how == 1 ? NULL : cJSON_Parse(how == 2 ? "[]" : "\"\""));
            report = judge(body, NULL, NULL, 0);
            assert_null(find_check(report, "custody_chain")); /* one chain is left */
            assert_null(root_of(report));
            assert_null(json_at(report, "aci", "custody", "root_known", NULL));
            assert_true(is_not_proven(report, "does not cover the key that is encrypted to"));
            assert_no_failure(report);
        }
    }
}

/* A chain that was issued for one app id leads to another root where another is measured. */
static void custody_for_another_app_id(void **state)
{
    uint8_t other_id[20] = { 0x99 };
    cJSON *report, *good = judge(response('D'), NULL, NULL, 0);
    struct machine m;

    (void)state;
    assert_string_equal(json_string(json_at(good, "aci", "custody", NULL), "app_id"),
                        "aabbcc0102030000000000000000000000000000");
    assert_true(is_not_proven(good, "which is not known here"));
    assert_true(is_not_proven(good, root_of(good)));
    machine_new(&m, 1);
    set_event(&m, "app-id", other_id, sizeof other_id);
    machine_measure(&m);
    report = judge(machine_response(&m, 'D'), NULL, NULL, 0);
    assert_non_null(root_of(report));
    assert_string_not_equal(root_of(report), root_of(good));
    assert_int_equal(json_bool(json_at(report, "aci", "custody", NULL), "root_known"), 0);
    assert_no_failure(report);
    cJSON_Delete(good);
    machine_free(&m);
}

static void make_upper(cJSON *item)
{
    cJSON *child;

    for (char *c = cJSON_GetStringValue(item); c && *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'f' ? *c - 32 : *c);
    cJSON_ArrayForEach(child, item) make_upper(child);
}

static void custody_in_other_forms(void **state)
{
    cJSON *good = judge(response('D'), NULL, NULL, 0);

    (void)state;
    for (int how = 0; how < 3; how++) {
        cJSON *body = response('D'), *report, *entry;

        cJSON_ArrayForEach(entry, member(body, "attestation.evidence.key_custody.keys"))
        {
            if (how == 0) {
                make_upper(member(entry, "public_key"));
                make_upper(member(entry, "kms_public_key"));
                make_upper(member(entry, "signature_chain"));
            } else if (how == 2) {
                set_member(entry, "key_id", NULL);
            }
        }
        if (how == 1) /* ours in place of its compressed form */
            set_member(entry = cJSON_GetArrayItem(
                           member(body, "attestation.evidence.key_custody.keys"), 1),
                       "kms_public_key", cJSON_Duplicate(member(body, "signing_public_key"), 1));
        report = judge(body, NULL, NULL, 0);
        assert_string_equal(root_of(report), root_of(good));
        assert_no_failure(report);
    }
    cJSON_Delete(good);
}

/* The recorded keysets lead to the root that is known, through the key that is encrypted to. */
static void recorded_custody(void **state)
{
    static const char root[] = "0334c76e0c3f52ec64cbf9bbf5c910c272330166fd656c0a86bb330963e46910e1";
    static const char key[] =
        "04943cea0b4babf60f6e2031e9a00866a37c4ae696fb45895b3a9b38ab8cbb898f42c85b704aceaa0a396cf26f"
        "7fdf79d83205be7e11d3a5d70419a68277158c3d";
    static const struct {
        const char *path, *name;
        int64_t now;
    } rows[] = {
        { "recorded/venice-py_2026-06_07/attestation_live_evidence.json", "attestation",
          1784573023 },
        { "recorded/venice_aci_genB_20260826_excerpt.json", NULL, 1787706450 },
    };

    (void)state;
    if (!getenv("VENICE_CORPUS"))
        skip();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int with_key = 0; with_key < 2; with_key++) {
            const cJSON *custody;
            cJSON *report, *tree, *body;
            char *text;
            size_t n;

            assert_int_equal(corpus_file(&text, &n, rows[i].path), 0);
            assert_int_equal(json_parse(&tree, text, n, NULL), 0);
            free(text);
            body = rows[i].name ? cJSON_DetachItemFromObject(tree, rows[i].name)
                                : cJSON_Duplicate(tree, 1);
            cJSON_Delete(tree);
            set_member(body, "signing_public_key", with_key ? cJSON_CreateString(key) : NULL);
            report = judge(body, NULL, NULL, rows[i].now);
            custody = json_at(report, "aci", "custody", NULL);
            assert_int_equal(json_bool(report, "gateway"), 1);
            assert_true((root_of(report) != NULL) == with_key);
            if (with_key) {
                assert_string_equal(root_of(report), root);
                assert_int_equal(json_bool(custody, "root_known"), 1);
                assert_true(is_not_proven(report, "can hand it out"));
                assert_true(is_not_proven(report, root));
                assert_string_equal(json_string(custody, "app_id"),
                                    json_string(json_at(report, "code", NULL), "app_id"));
            }
            assert_no_failure(report);
        }
    }
}

/* ---- The signatures underneath --------------------------------------------------------------- */

/* s and n - s are both signatures; the second is "high". */
static void high_s_is_accepted(void **state)
{
    static const char order[] = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    cJSON *body = response('C');
    const char *hex = json_string(member(body, "attestation.keyset_endorsement"), "value");
    uint8_t n[32], signature[64];
    char text[129] = "";
    int borrow = 0;

    (void)state;
    assert_int_equal(hex_decode(n, order, 64), 0);
    assert_int_equal(hex_decode(signature, hex, 128), 0);
    for (int i = 31; i >= 0; i--) {
        int digit = n[i] - signature[32 + i] - borrow;

        borrow = digit < 0;
        signature[32 + i] = (uint8_t)digit;
    }
    hex_encode(text, signature, sizeof signature);
    set_member(body, "attestation.keyset_endorsement.value", cJSON_CreateString(text));
    assert_no_failure(judge(body, NULL, NULL, 0));
}

static void odd_signatures(void **state)
{
    uint8_t signature[65] = { 0 }, hash[32] = { 1 }, point[65] = { 4 }, compressed[33] = { 5 };
    uint8_t secret[32] = { 9 }, back[65];

    (void)state;
    assert_int_equal(curve_verify(point, hash, signature), VENICE_E_ARG);
    assert_int_equal(curve_compress(compressed, point), VENICE_E_ARG);
    assert_int_equal(curve_public(point, secret), 0);
    assert_int_equal(curve_verify(point, hash, signature), VENICE_E_INTEGRITY);
    memset(signature, 0xff, 64);
    assert_int_equal(curve_verify(point, hash, signature), VENICE_E_INTEGRITY);
    for (int id = 0; id < 256; id++) {
        signature[64] = (uint8_t)id;
        assert_int_equal(curve_recover(back, hash, signature), VENICE_E_INTEGRITY);
    }
    assert_int_equal(curve_compress(compressed, point), 0);
    assert_int_equal(curve_decompress(back, compressed), 0);
    assert_memory_equal(back, point, sizeof point);
    compressed[0] = 4;
    assert_int_equal(curve_decompress(back, compressed), VENICE_E_ARG);
    assert_int_equal(ed25519_verify(secret, signature, hash, sizeof hash), VENICE_E_INTEGRITY);
    assert_int_equal(crypto_complaints(), 0);
}

/* RFC 8032 section 7.1, test 3. */
static void ed25519_vector(void **state)
{
    static const char key[] = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";
    static const char value[] = "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                                "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a";
    uint8_t public32[32], signature[64], message[2] = { 0xaf, 0x82 };

    (void)state;
    assert_int_equal(hex_decode(public32, key, 64), 0);
    assert_int_equal(hex_decode(signature, value, 128), 0);
    assert_int_equal(ed25519_verify(public32, signature, message, 2), 0);
    assert_int_equal(ed25519_verify(public32, signature, message, 1), VENICE_E_INTEGRITY);
    signature[63] ^= 1;
    assert_int_equal(ed25519_verify(public32, signature, message, 2), VENICE_E_INTEGRITY);
}

/* ---- The gateway's vectors ------------------------------------------------------------------- */

/* Generation A: the keyset of section 2, with its placeholder filled in, endorsed by Ed25519. */
static void generation_a_vector(void **state)
{
    static const char form[] =
        "{\"api_version\":\"aci/"
        "1\",\"workload_id\":\"sha256:57c2c8fa98bcf11441f1eff9ef087db67a5560a"
        "026082e96903e15365677b8c0\",\"workload_keyset_digest\":\"sha256:"
        "f2fba7e1b1451e0c0231df624f2"
        "93407692ef939d3e0e55bca723131bea3f1ff\",\"attestation\":{\"workload_keyset\":%.*s%s%.*s,"
        "\"keyset_endorsement\":{\"value\":\"%.128s\"}}}";
    static const char hole[] = "abab\xe2\x80\xa6"
                               "ab (32 placeholder bytes: 32 \xc3\x97 ab)";
    static const char name[] = "keyset_endorsement.value (ed25519, identity key) = ";
    char *text, *keyset, *end, *at, *value, *body;
    cJSON *report;
    size_t n;

    (void)state;
    if (!getenv("VENICE_CORPUS"))
        skip();
    assert_int_equal(corpus_file(&text, &n, "vectors/private-ai-gateway_genA/test-vectors.md"), 0);
    keyset = strstr(text, "{\n  \"workload_identity\"");
    end = keyset ? strstr(keyset, "\n```") : NULL;
    at = keyset ? strstr(keyset, hole) : NULL;
    value = strstr(text, name);
    assert_true(end && at && value && at < end);
    body = calloc(1, n + sizeof form);
    snprintf(body, n + sizeof form, form, (int)(at - keyset), keyset, other32,
             (int)(end - at - (long)strlen(hole)), at + strlen(hole), value + strlen(name));
    assert_int_equal(judge_text(&report, body, strlen(body), NULL, NULL, 0), 0);
    assert_non_null(find_check(report, "keyset_digest"));
    assert_non_null(find_check(report, "keyset_identity"));
    assert_non_null(find_check(report, "keyset_endorsed"));
    assert_no_failure(report);
    free(body);
    free(text);
}

static void generation_b_fixtures(void **state)
{
    static const char *const files[] = {
        "vectors/private-ai-gateway_genB/aci_report_fixture.json",
        "vectors/private-ai-gateway_genB/verifier-ts_aci_report.json",
    };

    (void)state;
    if (!getenv("VENICE_CORPUS"))
        skip();
    for (size_t i = 0; i < 2; i++) {
        cJSON *report;
        char *text;
        size_t n;

        assert_int_equal(corpus_file(&text, &n, files[i]), 0);
        assert_int_equal(judge_text(&report, text, n, NULL, NULL, 0), 0);
        assert_non_null(find_check(report, "keyset_digest"));
        assert_no_failure(report);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_papers),
        cmocka_unit_test(without_papers),
        cmocka_unit_test(replaced_members),
        cmocka_unit_test(endorsement_of_another),
        cmocka_unit_test(changed_keysets),
        cmocka_unit_test(key_of_another),
        cmocka_unit_test(keys_of_a_keyset),
        cmocka_unit_test(papers_that_leave_things_out),
        cmocka_unit_test(gateways_are_told_from_enclaves),
        cmocka_unit_test(numbers_keep_their_tokens),
        cmocka_unit_test(duplicate_members),
        cmocka_unit_test(custody_faults),
        cmocka_unit_test(custody_without_app_id),
        cmocka_unit_test(one_chain_to_an_unknown_root),
        cmocka_unit_test(custody_of_other_keys),
        cmocka_unit_test(custody_for_another_app_id),
        cmocka_unit_test(custody_in_other_forms),
        cmocka_unit_test(recorded_custody),
        cmocka_unit_test(high_s_is_accepted),
        cmocka_unit_test(odd_signatures),
        cmocka_unit_test(ed25519_vector),
        cmocka_unit_test(generation_a_vector),
        cmocka_unit_test(generation_b_fixtures),
    };

    return cmocka_run_group_tests_name("keyset", tests, NULL, NULL);
}
