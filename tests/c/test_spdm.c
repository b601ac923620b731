/* link: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
/* GPU evidence: every recording holds, no flipped bit does, and each fault has its own code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/gpu/dice.h"
#include "attest/gpu/gpu.h"
#include "base/codec.h"
#include "base/json.h"
#include "base/secret.h"
#include "support_attest.h"
#include "support_base64.h"
#include "support_gpu.h"
#include "torture.h"
#include "venice.h"

/* ---- Judging -------------------------------------------------------------------------------- */

struct verdict {
    int status;
    bool genuine, verified;
    char reason[64];
    cJSON *report;
};

static struct verdict judge_at(const char *payload, const uint8_t *nonce, const char *root,
                               int64_t claimed, int64_t now)
{
    const struct gpu_input in = { payload, nonce, root, now, claimed };
    struct gpu_evidence e;
    struct verdict v = { .status = 0 };
    struct report *r;

    assert_int_equal(report_new(&r), 0);
    v.status = gpu_check(r, &e, &in);
    v.genuine = e.genuine;
    v.verified = report_verified(r);
    snprintf(v.reason, sizeof v.reason, "%s", report_reason(r) ? report_reason(r) : "");
    if (v.status == 0)
        assert_int_equal(report_tree(r, &v.report), 0);
    gpu_evidence_clear(&e);
    report_free(r);
    return v;
}

/* Judges a payload of our own; it is deleted. */
static struct verdict judge(cJSON *payload, int64_t claimed)
{
    char *text = cJSON_PrintUnformatted(payload);
    struct verdict v = judge_at(text, gpu_nonce, gpu_root_pem(), claimed, GPU_TEST_NOW);

    cJSON_free(text);
    cJSON_Delete(payload);
    return v;
}

static void expect(struct verdict v, const char *reason)
{
    assert_int_equal(v.status, 0);
    if (strcmp(v.reason, reason) != 0)
        fail_msg("%s, wanted %s", v.reason, reason);
    assert_true(v.verified == !reason[0]);
    assert_true(v.genuine == !reason[0]);
    assert_int_equal(json_bool(json_at(v.report, "gpu", NULL), "verified"), !reason[0]);
    cJSON_Delete(v.report);
}

static cJSON *list_of(cJSON *payload)
{
    return cJSON_GetObjectItem(payload, "evidence_list");
}

/* ---- In order ------------------------------------------------------------------------------- */

static void good_evidence_holds(void **state)
{
    struct verdict v = judge(gpu_payload(3), 3);
    const cJSON *gpu = json_at(v.report, "gpu", NULL);

    (void)state;
    assert_string_equal(json_string(gpu, "level"), "local");
    assert_string_equal(json_string(gpu, "arch"), "HOPPER");
    assert_string_equal(json_string(gpu, "driver"), "570.172.08");
    assert_string_equal(json_string(gpu, "vbios"), "96.00.CF.00.02");
    assert_int_equal(cJSON_GetObjectItem(gpu, "count")->valueint, 3);
    assert_int_equal(json_bool(gpu, "relayed"), 0);
    assert_int_equal(cJSON_GetArraySize(json_at(gpu, "devices", NULL)), 3);
    expect(v, "");
    expect(judge(gpu_payload(1), -1), "");
    v = judge(gpu_payload(2), 0);
    assert_int_equal(json_bool(json_at(v.report, "gpu", NULL), "relayed"), 1);
    expect(v, "");
}

static void a_chain_may_end_below_the_root(void **state)
{
    cJSON *payload = gpu_payload(1);
    EVP_PKEY *key = NULL;
    char *pem = gpu_make_chain(&key, NULL, NULL, false);
    size_t len;
    const struct gpu_answer_form form = { .nonce = NULL };
    uint8_t *answer = gpu_make_answer(&len, &form, key);

    (void)state;
    cJSON_ReplaceItemInArray(list_of(payload), 0, gpu_entry_of(pem, answer, len));
    expect(judge(payload, -1), "");
    free(pem);
    free(answer);
    EVP_PKEY_free(key);
}

static void versions_that_differ_are_told_by_device(void **state)
{
    const struct gpu_answer_form form = { .driver = "580.1" };
    cJSON *payload = gpu_payload(1);
    struct verdict v;

    (void)state;
    cJSON_AddItemToArray(list_of(payload), gpu_entry(1, &form));
    v = judge(payload, 2);
    assert_null(json_at(v.report, "gpu", "driver", NULL));
    assert_string_equal(
        json_string(json_at(v.report, "gpu", "devices", NULL)->child->next, "driver"), "580.1");
    expect(v, "");
}

/* ---- Each fault ----------------------------------------------------------------------------- */

static void payloads_have_a_form(void **state)
{
    static const char *const texts[] = { "hello",
                                         "[1]",
                                         "{\"nonce\":\"\"}",
                                         "{\"evidence_list\":{}}",
                                         "{\"evidence_list\":[]}",
                                         "{\"evidence_list\":[],\"evidence_list\":[1]}" };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect(judge_at(texts[i], gpu_nonce, gpu_root_pem(), -1, GPU_TEST_NOW), "gpu_malformed");
    expect(judge_at(NULL, gpu_nonce, gpu_root_pem(), -1, GPU_TEST_NOW), "gpu_malformed");
}

/* Nothing that is absent, null or empty; steps_gpu.c asks before it judges. */
static void an_empty_payload_is_told_from_a_broken_one(void **state)
{
    static const struct {
        const char *text;
        bool empty;
    } rows[] = { { "", true },         { " \r\n\t", true }, { "null", true },
                 { "{}", true },       { " { } ", true },   { "[]", true },
                 { "\"\"", true },     { "\"{}\"", false }, { "0", false },
                 { "false", false },   { "[null]", false }, { "{\"a\":null}", false },
                 { "hello", false },   { "{", false },      { "{}{}", false },
                 { "nullnull", false } };
    bool empty;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(gpu_payload_is_empty(&empty, rows[i].text), 0);
        if (empty != rows[i].empty)
            fail_msg("%s", rows[i].text);
    }
}

static void the_list_has_a_bound(void **state)
{
    cJSON *payload = gpu_payload(1);

    (void)state;
    while (cJSON_GetArraySize(list_of(payload)) <= GPU_DEVICES_MAX)
        cJSON_AddItemToArray(list_of(payload), cJSON_CreateObject());
    expect(judge(payload, -1), "gpu_malformed");
}

static cJSON *with_text(const char *name, const char *value, bool entry)
{
    cJSON *payload = gpu_payload(2), *at = entry ? list_of(payload)->child->next : payload;

    cJSON_DeleteItemFromObject(at, name);
    if (value)
        cJSON_AddStringToObject(at, name, value);
    return payload;
}

static void members_have_their_codes(void **state)
{
    static const char other[] = "abababababababababababababababababababababababababababababababab";
    cJSON *payload;

    (void)state;
    expect(judge(with_text("nonce", other, false), -1), "gpu_nonce_mismatch");
    expect(judge(with_text("nonce", other, true), -1), "gpu_nonce_mismatch");
    expect(judge(with_text("nonce", gpu_nonce_hex, true), -1), "");
    expect(judge(with_text("arch", "LS10", false), -1), "gpu_arch");
    expect(judge(with_text("arch", "hopper", false), -1), "gpu_arch");
    expect(judge(with_text("arch", "BLACKWELL", true), -1), "gpu_arch");
    expect(judge(with_text("arch", NULL, true), -1), "");
    expect(judge(with_text("evidence", "AAAA", true), -1), "gpu_evidence_malformed");
    expect(judge(with_text("evidence", "?", true), -1), "gpu_evidence_malformed");
    expect(judge(with_text("evidence", NULL, true), -1), "gpu_evidence_malformed");
    expect(judge(with_text("certificate", "AAAA", true), -1), "gpu_chain_malformed");
    expect(judge(with_text("certificate", "", true), -1), "gpu_chain_malformed");
    expect(judge(with_text("certificate", NULL, true), -1), "gpu_chain_malformed");
    payload = gpu_payload(2);
    cJSON_ReplaceItemInArray(list_of(payload), 1, cJSON_CreateString("x"));
    expect(judge(payload, -1), "gpu_evidence_malformed");
    payload = gpu_payload(2);
    cJSON_AddItemToArray(list_of(payload), cJSON_Duplicate(list_of(payload)->child, 1));
    expect(judge(payload, -1), "gpu_duplicate");
    expect(judge(gpu_payload(2), 3), "gpu_count_mismatch");
    expect(judge(gpu_payload(2), 1), "gpu_count_mismatch");
}

static bool lists(const cJSON *report, const char *list, const char *id)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, json_at(report, list, NULL))
    {
        if (strcmp(json_string(item, "id"), id) == 0)
            return true;
    }
    return false;
}

static bool has_check(const cJSON *report, const char *id)
{
    return lists(report, "checks", id);
}

static bool is_not_stated(const cJSON *report, const char *id)
{
    return lists(report, "not_stated", id);
}

/* What the text does not say is proven by the signature and the certificates. */
static void what_is_not_stated_is_no_failure(void **state)
{
    static const char *const nothing[] = { "null", "\"\"", "[]", "{}", NULL };
    static const char *const names[] = { "nonce", "arch" };
    static const char *const ids[] = { "gpu_nonce_echoed", "gpu_arch_known" };

    (void)state;
    for (int member = 0; member < 2; member++)
        for (int i = 0; i == 0 || nothing[i - 1]; i++) {
            cJSON *payload = gpu_payload(2);
            struct verdict v;

            cJSON_DeleteItemFromObject(payload, names[member]);
            cJSON_DeleteItemFromObject(list_of(payload)->child, names[member]);
            cJSON_DeleteItemFromObject(list_of(payload)->child->next, names[member]);
            if (nothing[i]) {
                cJSON_AddItemToObject(payload, names[member], cJSON_Parse(nothing[i]));
                cJSON_AddItemToObject(list_of(payload)->child, names[member],
                                      cJSON_Parse(nothing[i]));
            }
            v = judge(payload, -1);
            assert_false(has_check(v.report, ids[member]));
            assert_true(is_not_stated(v.report, ids[member]));
            assert_true(has_check(v.report, ids[1 - member]));
            assert_false(is_not_stated(v.report, ids[1 - member]));
            assert_string_equal(json_string(json_at(v.report, "gpu", NULL), "arch"), "HOPPER");
            expect(v, "");
        }
    expect(judge(with_text("arch", NULL, false), -1), ""); /* its entries still say it */
}

static void nonces_have_forms(void **state)
{
    char text[80];

    (void)state;
    snprintf(text, sizeof text, "0x%s", gpu_nonce_hex);
    expect(judge(with_text("nonce", text, false), -1), "");
    expect(judge(with_text("nonce", text, true), -1), "");
    for (char *p = text; *p; p++)
        *p = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
    expect(judge(with_text("nonce", text, false), -1), "");
    text[strlen(text) - 1] ^= 1;
    expect(judge(with_text("nonce", text, false), -1), "gpu_nonce_mismatch");
    expect(judge(with_text("nonce", "0x", false), -1), "gpu_nonce_mismatch");
}

/* ---- Firmware ids --------------------------------------------------------------------------- */

static bool says_firmware_is_open(const cJSON *report)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, json_at(report, "not_proven", NULL))
    {
        if (strstr(item->valuestring, "no firmware id to compare"))
            return true;
    }
    return false;
}

/* A GPU under a chain of its own. bound: 1 compared and the same, 0 not compared, -1 refused. */
static void expect_firmware(const struct gpu_cert_form *leaf, const char *arch,
                            const struct gpu_answer_form *answer_form, int bound)
{
    struct gpu_cert_form forms[GPU_CHAIN_LEN] = { *leaf };
    bool blackwell = strcmp(arch, "BLACKWELL") == 0;
    EVP_PKEY *key = NULL;
    char *pem = gpu_make_chain(&key, forms, blackwell ? "GB100 A01 GSP FMC LF" : NULL, true);
    cJSON *payload = gpu_payload(0), *entry;
    const cJSON *gpu;
    size_t len;
    uint8_t *answer = gpu_make_answer(&len, answer_form, key);
    struct verdict v;

    cJSON_ReplaceItemInObject(payload, "arch", cJSON_CreateString(arch));
    entry = gpu_entry_of(pem, answer, len);
    cJSON_ReplaceItemInObject(entry, "arch", cJSON_CreateString(arch));
    cJSON_AddItemToArray(list_of(payload), entry);
    v = judge(payload, -1);
    gpu = json_at(v.report, "gpu", NULL);
    assert_string_equal(json_string(gpu, "arch"), arch);
    assert_int_equal(json_bool(gpu, "firmware_bound"), bound == 1);
    assert_int_equal(has_check(v.report, "gpu_firmware_bound"), bound != 0);
    assert_int_equal(is_not_stated(v.report, "gpu_firmware_bound"), bound == 0);
    assert_int_equal(says_firmware_is_open(v.report), bound == 0);
    expect(v, bound < 0 ? "gpu_firmware_mismatch" : "");
    free(pem);
    free(answer);
    EVP_PKEY_free(key);
}

static const uint8_t other_firmware[48] = { 1, 2, 3 };

static void firmware_is_named_in_several_ways(void **state)
{
    static const struct gpu_answer_form usual = { .padding = 0 };
    static const struct gpu_answer_form padded = { .padding = 4096 };
    static const struct gpu_answer_form silent = { .no_firmware = true, .driver = "535.86.09" };
    static const char hopper[] = "HOPPER", blackwell[] = "BLACKWELL";
    struct gpu_cert_form leaf = { 0 };

    (void)state;
    for (int critical = 0; critical < 2; critical++) {
        leaf = (struct gpu_cert_form){ .dice_critical = critical };
        expect_firmware(&leaf, hopper, &usual, 1);
        expect_firmware(&leaf, hopper, &padded, 1);
        expect_firmware(&leaf, hopper, &silent, 0);
        leaf.firmware = other_firmware;
        expect_firmware(&leaf, hopper, &usual, -1);
        leaf = (struct gpu_cert_form){ .dice_critical = critical, .dice = GPU_DICE_BLACKWELL };
        expect_firmware(&leaf, blackwell, &usual, 1);
        expect_firmware(&leaf, blackwell, &padded, 1);
        expect_firmware(&leaf, hopper, &usual, 1);
        expect_firmware(&leaf, blackwell, &silent, 0);
        leaf.firmware = other_firmware;
        expect_firmware(&leaf, blackwell, &usual, -1);
        leaf = (struct gpu_cert_form){ .dice_critical = critical, .dice = GPU_DICE_BOTH };
        expect_firmware(&leaf, blackwell, &usual, 1);
        leaf.firmware = other_firmware; /* only one of the two names the answer's */
        expect_firmware(&leaf, blackwell, &usual, -1);
        leaf = (struct gpu_cert_form){ .dice_critical = critical, .dice = GPU_DICE_MULTI };
        expect_firmware(&leaf, blackwell, &usual, 0);
    }
    leaf = (struct gpu_cert_form){ .dice = GPU_DICE_NONE };
    expect_firmware(&leaf, hopper, &usual, -1);
    expect_firmware(&leaf, hopper, &silent, 0);
}

/* One of two has nothing to compare: the other one's id does not speak for it. */
static void one_silent_gpu_leaves_the_firmware_open(void **state)
{
    static const struct gpu_answer_form silent = { .no_firmware = true };
    static const struct gpu_answer_form wrong = { .firmware = other_firmware };
    cJSON *payload = gpu_payload(1);
    struct verdict v;

    (void)state;
    cJSON_AddItemToArray(list_of(payload), gpu_entry(1, &silent));
    v = judge(payload, -1);
    assert_int_equal(json_bool(json_at(v.report, "gpu", NULL), "firmware_bound"), 0);
    assert_false(has_check(v.report, "gpu_firmware_bound"));
    expect(v, "");
    payload = gpu_payload(0);
    cJSON_AddItemToArray(list_of(payload), gpu_entry(1, &silent));
    cJSON_AddItemToArray(list_of(payload), gpu_entry(2, &wrong));
    expect(judge(payload, -1), "gpu_firmware_mismatch");
}

static void given_tcb_info(const uint8_t *value, size_t n, int bound)
{
    static const struct gpu_answer_form usual = { .padding = 0 };
    const struct gpu_cert_form leaf = { .dice = GPU_DICE_GIVEN,
                                        .tcb_info = value,
                                        .tcb_info_len = n };

    expect_firmware(&leaf, "BLACKWELL", &usual, bound);
}

/* Out: DER from hex in which F stands for an FWID of the usual firmware, O for one of another and S
 * for one of 32 bytes. */
static size_t build_der(uint8_t *out, const char *text)
{
    static const uint8_t sha384[] = { 0x30, 0x3d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                      0x65, 0x03, 0x04, 0x02, 0x02, 0x04, 0x30 };
    static const uint8_t sha256[] = { 0x30, 0x2d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                      0x65, 0x03, 0x04, 0x02, 0x01, 0x04, 0x20 };
    size_t n = 0;

    for (; *text; text += 2) {
        if (*text == ' ') {
            text--;
        } else if (strchr("FOS", *text) && text[1] == '*') {
            size_t id = *text == 'S' ? 32 : 48;

            memcpy(out + n, id == 32 ? sha256 : sha384, sizeof sha384);
            memcpy(out + n + sizeof sha384, *text == 'O' ? other_firmware : gpu_firmware, id);
            n += sizeof sha384 + id;
        } else {
            assert_int_equal(hex_decode(out + n++, text, 2), 0);
        }
    }
    return n;
}

static void tcb_info_has_a_form(void **state)
{
    static const struct {
        const char *text;
        bool right;
    } rows[] = {
        { "3041 a63f F*", true },                     /* nothing but the list */
        { "308180 a67e F*O*", true },                 /* the first id counts */
        { "308180 a67e O*F*", false },                /* and no other one */
        { "3081c0 a681bd F*O*O*", true },             /* many */
        { "3044 830101 a63f F*", true },              /* some of the optional members */
        { "3044 a63f F* 8a0100", true },              /* others, behind it */
        { "3049 a63f F* ab06 3004 a202 3000", true }, /* one that is newer than Blackwell */
        { "3051 800c 4e56494449412047505520 585858 a63f F*",
          false },                             /* a length that is too long */
        { "3031 a62f S*", false },             /* an id of SHA-256 */
        { "308170 a66e S*F*", false },         /* as the first one */
        { "3002 a600", false },                /* an empty list */
        { "3003 830101", false },              /* no list */
        { "3000", false },                     /* nothing */
        { "308182 a63f F* a63f F*", false },   /* two lists */
        { "3041 863f F*", false },             /* a list that is no list */
        { "3041 a63f F* 00", false },          /* something behind it */
        { "3042 a63f F* 00", false },          /* inside */
        { "3043 a641 F* 0500", false },        /* in the list */
        { "3045 a63f F* 8a05 00", false },     /* a member that is cut off */
        { "3046 bf9f01 0100 a63f F*", false }, /* a tag of several bytes */
        { "308041 a63f F*", false },           /* lengths that are not DER */
        { "308141 a63f F*", false },
        { "3141 a63f F*", false }, /* a set */
        { "", false },
    };
    uint8_t bytes[512];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        given_tcb_info(bytes, build_der(bytes, rows[i].text), rows[i].right ? 1 : -1);
}

/* Hopper's form, alone and in a wrapper: the id is the last octet string. */
static void a_composite_device_id_has_a_form(void **state)
{
    static const struct {
        const char *text;
        bool right;
    } rows[] = {
        { "F*", true },
        { "3046 020101 3002 0500 F*", true },
        { "3050 0606678105050401 3046 020101 3002 0500 F*", true },
        { "3032 0430", false },
        { "3045 020101 3002 0500 F*", false },
        { "3048 020101 3002 0500 F* 0500", false },
        { "3000", false },
        { "0430", false },
        { "3047 3045 3043 3041 303f F*", false }, /* deeper than there are forms */
    };
    uint8_t bytes[512];
    const uint8_t *id;
    size_t n, len;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        n = build_der(bytes, rows[i].text);
        if (dice_firmware_id(&id, &len, bytes, n) != rows[i].right)
            fail_msg("%s", rows[i].text);
        if (rows[i].right)
            assert_true(len == 48 && memcmp(id, gpu_firmware, 48) == 0);
    }
}

static void no_prefix_of_tcb_info_is_one(void **state)
{
    size_t len, id_len;
    const uint8_t *id;
    uint8_t *whole = gpu_make_tcb_info(&len, gpu_firmware);

    (void)state;
    assert_true(dice_firmware_id(&id, &id_len, whole, len));
    assert_true(id_len == 48 && memcmp(id, gpu_firmware, 48) == 0);
    for (size_t n = 0; n < len; n++) {
        uint8_t *exact = malloc(n + 1); /* a read beyond it is seen by ASan */

        memcpy(exact, whole, n);
        assert_false(dice_firmware_id(&id, &id_len, exact, n));
        assert_null(id);
        free(exact);
    }
    free(whole);
}

/* ---- Each fault, again ---------------------------------------------------------------------- */

static void answers_have_their_codes(void **state)
{
    static const uint8_t other[48] = { 1, 2, 3 };
    static const struct {
        struct gpu_answer_form form;
        const char *reason;
    } rows[] = {
        { { .nonce = other }, "gpu_nonce_not_signed" },
        { { .firmware = other }, "gpu_firmware_mismatch" },
        { { .padding = 1, .padding_byte = 1 }, "gpu_evidence_malformed" },
        { { .padding = 4096, .padding_byte = 0x80 }, "gpu_evidence_malformed" },
        { { .padding = SPDM_PADDING_MAX + 1 }, "gpu_evidence_malformed" },
        { { .extra_field = true }, "gpu_evidence_malformed" },
        { { .driver = "" }, "gpu_versions" },
        { { .driver = "a b" }, "gpu_versions" },
        { { .driver = "0123456789012345678901234567890123" }, "gpu_versions" },
        { { .no_vbios = true }, "gpu_versions" },
        { { .blocks = 1 }, "gpu_evidence_malformed" },
        { { .blocks = -1 }, "gpu_evidence_malformed" },
    };
    const struct gpu_answer_form by_stranger = { .key = gpu_new_key() };
    cJSON *payload;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        payload = gpu_payload(2);
        cJSON_ReplaceItemInArray(list_of(payload), 1, gpu_entry(1, &rows[i].form));
        expect(judge(payload, -1), rows[i].reason);
    }
    payload = gpu_payload(2);
    cJSON_ReplaceItemInArray(list_of(payload), 1, gpu_entry(1, &by_stranger));
    expect(judge(payload, -1), "gpu_signature");
    EVP_PKEY_free(by_stranger.key);
}

static void expect_chain(const struct gpu_cert_form *forms, const char *name, const char *reason)
{
    static const struct gpu_answer_form usual;
    cJSON *payload = gpu_payload(1);
    EVP_PKEY *key = NULL;
    char *pem = gpu_make_chain(&key, forms, name, true);
    size_t len;
    uint8_t *answer = gpu_make_answer(&len, &usual, key);

    cJSON_AddItemToArray(list_of(payload), gpu_entry_of(pem, answer, len));
    expect(judge(payload, -1), reason);
    free(pem);
    free(answer);
    EVP_PKEY_free(key);
}

static void chains_have_their_codes(void **state)
{
    static const uint8_t other[48] = { 1, 2, 3 };
    static const struct {
        struct gpu_cert_form forms[GPU_CHAIN_LEN];
        const char *reason;
    } rows[] = {
        { { { .ca = true } }, "gpu_chain_role" },
        { { { .no_sign = true } }, "gpu_chain_role" },
        { { { .critical = true } }, "gpu_chain_role" },
        { { { 0 }, { .no_ca = true } }, "gpu_chain_role" },
        { { { 0 }, { 0 }, { .no_sign = true } }, "gpu_chain_role" },
        { { { 0 }, { 0 }, { 0 }, { .critical = true } }, "gpu_chain_role" },
        { { { 0 }, { 0 }, { .path_length = 1 } }, "gpu_chain_role" },
        { { { 0 }, { .path_length = 1 }, { .path_length = 2 } }, "" },
        { { { .end = -1 } }, "gpu_chain_expired" },
        { { { 0 }, { 0 }, { 0 }, { .end = -1 } }, "gpu_chain_expired" },
        { { { .begin = 1 } }, "gpu_chain_not_yet_valid" },
        { { { .firmware = other } }, "gpu_firmware_mismatch" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_chain(rows[i].forms, NULL, rows[i].reason);
    expect_chain(NULL, "GB100 A01 GSP FMC LF", "gpu_other_device");
    expect_chain(NULL, "LS10 A01 FSP FMC LF", "gpu_other_device");
    expect_chain(NULL, "GHOST", "gpu_other_device");
}

/* Other selections and orders of the right certificates. */
static void a_chain_is_whole_and_in_order(void **state)
{
    static const char *const orders[] = { "43210", "0234", "1234", "0", "4", "01234432101234", "" };
    static const char *const reasons[] = { "gpu_root_untrusted",  "gpu_chain_signature",
                                           "gpu_chain_role",      "gpu_chain_malformed",
                                           "gpu_chain_malformed", "gpu_chain_malformed",
                                           "gpu_chain_malformed" };
    static const char begin[] = "-----BEGIN";
    const struct gpu_answer_form usual = { .nonce = NULL };
    EVP_PKEY *key = NULL;
    char *pem = gpu_make_chain(&key, NULL, NULL, true);
    const char *part[6] = { pem };
    size_t len;
    uint8_t *answer = gpu_make_answer(&len, &usual, key);

    (void)state;
    for (int i = 1; i < 6; i++)
        part[i] = i == 5 ? pem + strlen(pem) : strstr(part[i - 1] + 1, begin);
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        char *text = calloc(4, strlen(pem) + 1);
        cJSON *payload = gpu_payload(1);

        for (const char *c = orders[i]; *c; c++)
            strncat(text, part[*c - '0'], (size_t)(part[*c - '0' + 1] - part[*c - '0']));
        cJSON_AddItemToArray(list_of(payload), gpu_entry_of(text, answer, len));
        expect(judge(payload, -1), reasons[i]);
        free(text);
    }
    free(pem);
    free(answer);
    EVP_PKEY_free(key);
}

static void only_its_own_root_counts(void **state)
{
    cJSON *payload = gpu_payload(1);
    char *text = cJSON_PrintUnformatted(payload);

    (void)state;
    expect(judge_at(text, gpu_nonce, NULL, -1, GPU_TEST_NOW), "gpu_root_untrusted");
    assert_int_equal(judge_at(text, gpu_nonce, "no PEM", -1, GPU_TEST_NOW).status, VENICE_E_CONFIG);
    assert_int_equal(judge_at(text, gpu_nonce, "", -1, GPU_TEST_NOW).status, VENICE_E_CONFIG);
    cJSON_free(text);
    cJSON_Delete(payload);
}

/* ---- Bits ----------------------------------------------------------------------------------- */

/* What a flipped bit must not change: whether everything holds. */
static void assert_no_flip_passes(const char *pem, size_t pem_step, const uint8_t *answer,
                                  size_t len, size_t step, const uint8_t *nonce, const char *root,
                                  int64_t now)
{
    char *chain = strdup(pem), *text;
    uint8_t *bytes = malloc(len);
    size_t pem_len = strlen(pem);
    cJSON *payload = cJSON_CreateObject(), *list;
    char hex[65] = "";

    memcpy(bytes, answer, len);
    hex_encode(hex, nonce, 32);
    cJSON_AddStringToObject(payload, "arch", "HOPPER");
    cJSON_AddStringToObject(payload, "nonce", hex);
    list = cJSON_AddArrayToObject(payload, "evidence_list");
    for (size_t i = 0; i < pem_len + len; i += i < pem_len ? pem_step : step) {
        uint8_t *at = i < pem_len ? (uint8_t *)chain + i : bytes + (i - pem_len);
        uint8_t bit = (uint8_t)(1u << (i * 7 % 8));
        struct verdict v;

        if (i < pem_len && *at == bit)
            continue; /* would end the text of this test, not of the chain */
        *at ^= bit;
        cJSON_AddItemToArray(list, gpu_entry_of(chain, bytes, len));
        text = cJSON_PrintUnformatted(payload);
        v = judge_at(text, nonce, root, -1, now);
        if (v.status != 0 || v.genuine || v.verified)
            fail_msg("bit %#x of byte %zu passes", bit, i);
        cJSON_Delete(v.report);
        cJSON_free(text);
        cJSON_DeleteItemFromArray(list, 0);
        *at ^= bit;
    }
    cJSON_Delete(payload);
    free(chain);
    free(bytes);
}

static void no_flipped_bit_passes(void **state)
{
    static const struct gpu_answer_form usual;
    EVP_PKEY *key = NULL;
    char *pem = gpu_make_chain(&key, NULL, NULL, true);
    size_t len;
    uint8_t *answer = gpu_make_answer(&len, &usual, key);

    (void)state;
    assert_no_flip_passes(pem, 11, answer, len, 1, gpu_nonce, gpu_root_pem(), GPU_TEST_NOW);
    free(pem);
    free(answer);
    EVP_PKEY_free(key);
}

static void no_prefix_passes(void **state)
{
    static const struct gpu_answer_form usual;
    EVP_PKEY *key = gpu_new_key();
    size_t len;
    uint8_t *answer = gpu_make_answer(&len, &usual, key);
    struct spdm s;

    (void)state;
    assert_int_equal(spdm_read(&s, answer, len), 0);
    assert_int_equal(s.measurements, 3);
    assert_int_equal(s.signed_len, len - 96);
    for (size_t n = 0; n < len; n++) {
        uint8_t *exact = malloc(n + 1); /* a read beyond it is seen by ASan */

        memcpy(exact, answer, n);
        assert_int_equal(spdm_read(&s, exact, n), VENICE_E_MALFORMED);
        free(exact);
    }
    answer = realloc(answer, len + SPDM_PADDING_MAX + 1);
    memset(answer + len, 0, SPDM_PADDING_MAX + 1);
    for (size_t n = 0; n <= SPDM_PADDING_MAX; n += 512) {
        assert_int_equal(spdm_read(&s, answer, len + n), 0);
        assert_int_equal(s.signed_len, len - 96);
        assert_ptr_equal(s.signature, answer + len - 96);
    }
    assert_int_equal(spdm_read(&s, answer, len + SPDM_PADDING_MAX + 1), VENICE_E_MALFORMED);
    answer[len] = 1;
    assert_int_equal(spdm_read(&s, answer, len + 1), VENICE_E_MALFORMED);
    assert_int_equal(spdm_read(&s, answer, len + 2), VENICE_E_MALFORMED);
    free(answer);
    EVP_PKEY_free(key);
}

/* ---- Recordings ----------------------------------------------------------------------------- */

static struct {
    int payloads, devices, derived;
} recorded;

/* The devices of a payload sign one nonce; where it is not the one of the text, some upstream put
 * its own there, which must be refused and for nothing else. */
static void judge_recorded(const char *text, const char *where)
{
    cJSON *payload = NULL;
    uint8_t nonce[32];
    struct verdict v;

    if (json_parse(&payload, text, strlen(text), NULL) != 0)
        return;
    assert_non_null(json_string(payload, "nonce"));
    assert_int_equal(hex_decode(nonce, json_string(payload, "nonce"), 64), 0);
    v = judge_at(text, nonce, NULL, -1, 1790000000);
    assert_int_equal(v.status, 0);
    if (v.reason[0] && strcmp(v.reason, "gpu_nonce_not_signed") != 0)
        fail_msg("%s: %s", where, v.reason);
    recorded.payloads++;
    recorded.devices += cJSON_GetArraySize(list_of(payload));
    recorded.derived += v.reason[0] != 0;
    cJSON_Delete(v.report);
    cJSON_Delete(payload);
}

static void find_payloads(const cJSON *tree, const char *where)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, tree)
    {
        if (item->string && strcmp(item->string, "nvidia_payload") == 0 && cJSON_IsString(item))
            judge_recorded(item->valuestring, where);
        else if (item->string && strcmp(item->string, "req_body_base64") == 0 &&
                 cJSON_IsString(item) && item->valuestring[0]) {
            size_t n = strlen(item->valuestring), len = 0;
            char *body = calloc(1, n + 4);

            if (base64_decode((uint8_t *)body, &len, item->valuestring, n, false) == 0 &&
                strstr(body, "evidence_list"))
                judge_recorded(body, where);
            free(body);
        } else {
            find_payloads(item, where);
        }
    }
}

static int visit(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    const char *root = getenv("VENICE_CORPUS");
    char *text;
    size_t len;
    cJSON *tree = NULL;

    (void)st, (void)at;
    if (kind != FTW_F || corpus_file(&text, &len, path + strlen(root) + 1) != 0)
        return 0;
    if (json_parse(&tree, text, len, NULL) == 0)
        find_payloads(tree, path);
    cJSON_Delete(tree);
    free(text);
    return 0;
}

static void every_recording_holds(void **state)
{
    char path[1024];

    (void)state;
    if (!getenv("VENICE_CORPUS"))
        skip();
    snprintf(path, sizeof path, "%s/recorded", getenv("VENICE_CORPUS"));
    memset(&recorded, 0, sizeof recorded);
    assert_int_equal(nftw(path, visit, 8, FTW_PHYS), 0);
    print_message("# %d payloads, %d devices, %d over a derived nonce\n", recorded.payloads,
                  recorded.devices, recorded.derived);
    assert_true(recorded.payloads - recorded.derived >= 2);
    assert_true(recorded.devices >= 17);
}

static void the_published_report_holds(void **state)
{
    char *hex, *pem, *text;
    size_t hex_len, pem_len;
    cJSON *payload = cJSON_CreateObject(), *list;
    char nonce_hex[65] = "";
    uint8_t *bytes;
    struct verdict v;

    (void)state;
    if (corpus_file(&hex, &hex_len, "vectors/nvtrust/hopperAttestationReport.txt") != 0 ||
        corpus_file(&pem, &pem_len, "vectors/nvtrust/hopperCertChain.txt") != 0) {
        cJSON_Delete(payload);
        skip();
    }
    while (hex_len > 0 && !strchr("0123456789abcdef", hex[hex_len - 1]))
        hex_len--;
    bytes = malloc(hex_len / 2);
    assert_int_equal(hex_decode(bytes, hex, hex_len), 0);
    hex_encode(nonce_hex, bytes + 4, 32);
    cJSON_AddStringToObject(payload, "arch", "HOPPER");
    cJSON_AddStringToObject(payload, "nonce", nonce_hex);
    list = cJSON_AddArrayToObject(payload, "evidence_list");
    cJSON_AddItemToArray(list, gpu_entry_of(pem, bytes, hex_len / 2));
    text = cJSON_PrintUnformatted(payload);
    v = judge_at(text, bytes + 4, NULL, -1, 1790000000);
    assert_string_equal(json_string(json_at(v.report, "gpu", NULL), "driver"), "550.90.07");
    assert_string_equal(json_string(json_at(v.report, "gpu", NULL), "vbios"), "96.00.9F.00.01");
    expect(v, "");
    assert_no_flip_passes(pem, 31, bytes, hex_len / 2, 29, bytes + 4, NULL, 1790000000);
    cJSON_free(text);
    cJSON_Delete(payload);
    free(bytes);
    free(hex);
    free(pem);
}

/* ---- NVIDIA's samples ----------------------------------------------------------------------- */

/* All seventy thousand bits of a sample take many minutes. A part of them, with a step that is no
 * multiple of a byte, of a base64 group or of a PEM line, meets every kind of field. */
#if defined(__SANITIZE_ADDRESS__)
enum { FLIP_STEP = 3989 };
#else
enum { FLIP_STEP = 499 };
#endif

struct gpu_sample {
    cJSON *payload; /* of one entry */
    char *pem;
    uint8_t *answer;
    size_t len;
    uint8_t nonce[32];
};

static char *decode_member(size_t *len, const cJSON *entry, const char *name)
{
    const char *text = json_string(entry, name);
    char *out = calloc(1, strlen(text) + 4);

    assert_int_equal(base64_decode((uint8_t *)out, len, text, strlen(text), false), 0);
    return out;
}

static int load_blackwell(struct gpu_sample *s)
{
    char *text;
    size_t len;
    const cJSON *entry;

    if (!getenv("VENICE_CORPUS") ||
        corpus_file(&text, &len, "nvidia-samples/blackwell-genuine.nvidia_payload.json") != 0)
        return -1;
    assert_int_equal(json_parse(&s->payload, text, len, NULL), 0);
    entry = list_of(s->payload)->child;
    assert_null(entry->next);
    s->pem = decode_member(&len, entry, "certificate");
    s->answer = (uint8_t *)decode_member(&s->len, entry, "evidence");
    assert_int_equal(hex_decode(s->nonce, json_string(s->payload, "nonce"), 64), 0);
    free(text);
    return 0;
}

static int load_535(struct gpu_sample *s)
{
    char *hex, hex_nonce[65] = "";
    size_t hex_len, pem_len;
    cJSON *list;

    if (!getenv("VENICE_CORPUS") ||
        corpus_file(&hex, &hex_len, "nvidia-samples/hopper-535-no-fwid.report.hex") != 0 ||
        corpus_file(&s->pem, &pem_len, "nvidia-samples/hopper-535-no-fwid.chain.pem") != 0)
        return -1;
    hex_len = strspn(hex, "0123456789abcdefABCDEF");
    s->len = hex_len / 2;
    s->answer = malloc(s->len);
    assert_int_equal(hex_decode(s->answer, hex, hex_len), 0);
    memcpy(s->nonce, s->answer + 4, sizeof s->nonce);
    hex_encode(hex_nonce, s->nonce, sizeof s->nonce);
    s->payload = cJSON_CreateObject();
    cJSON_AddStringToObject(s->payload, "arch", "HOPPER");
    cJSON_AddStringToObject(s->payload, "nonce", hex_nonce);
    list = cJSON_AddArrayToObject(s->payload, "evidence_list");
    cJSON_AddItemToArray(list, gpu_entry_of(s->pem, s->answer, s->len));
    free(hex);
    return 0;
}

static void free_sample(struct gpu_sample *s)
{
    cJSON_Delete(s->payload);
    free(s->pem);
    free(s->answer);
}

static struct verdict judge_sample(const struct gpu_sample *s)
{
    char *text = cJSON_PrintUnformatted(s->payload);
    struct verdict v = judge_at(text, s->nonce, NULL, -1, SAMPLE_NOW);

    cJSON_free(text);
    return v;
}

/* With the parts as they are now. */
static bool sample_passes(struct gpu_sample *s, size_t pem_len)
{
    cJSON *entry = list_of(s->payload)->child;
    char *text = calloc(1, 2 * (pem_len + s->len) + 8);
    struct verdict v;

    base64_encode(text, (uint8_t *)s->pem, pem_len);
    cJSON_ReplaceItemInObject(entry, "certificate", cJSON_CreateString(text));
    memset(text, 0, 2 * (pem_len + s->len) + 8);
    base64_encode(text, s->answer, s->len);
    cJSON_ReplaceItemInObject(entry, "evidence", cJSON_CreateString(text));
    free(text);
    v = judge_sample(s);
    assert_int_equal(v.status, 0);
    assert_true(v.genuine == v.verified);
    cJSON_Delete(v.report);
    return v.genuine;
}

/* A flip may pass only where nothing is signed: white space of the PEM that stays white space, or
 * begins to be. */
static bool is_unsigned(const char *pem, size_t at, uint8_t bit)
{
    static const char space[] = " \t\r\n";
    char flipped = (char)(pem[at] ^ bit);

    return strchr(space, pem[at]) && (!flipped || strchr(space, flipped));
}

static void no_flipped_bit_of_a_sample_passes(struct gpu_sample *s)
{
    size_t pem_len = strlen(s->pem), tried = 0, passed = 0;

    assert_true(sample_passes(s, pem_len));
    for (size_t i = 0; i < 8 * (pem_len + s->len); i += FLIP_STEP) {
        bool in_pem = i / 8 < pem_len;
        uint8_t *at = in_pem ? (uint8_t *)s->pem + i / 8 : s->answer + (i / 8 - pem_len);
        uint8_t bit = (uint8_t)(1u << i % 8);
        bool passes;

        *at ^= bit;
        passes = sample_passes(s, pem_len);
        *at ^= bit;
        if (passes && !(in_pem && is_unsigned(s->pem, i / 8, bit)))
            fail_msg("bit %zu of byte %zu of the %s passes", i % 8,
                     in_pem ? i / 8 : i / 8 - pem_len, in_pem ? "chain" : "report");
        tried++;
        passed += passes;
    }
    print_message("# %zu of %zu flips refused\n", tried - passed, tried);
}

static void expect_sample(const struct gpu_sample *s, const char *arch, const char *driver,
                          const char *vbios, bool bound)
{
    struct verdict v = judge_sample(s);
    const cJSON *gpu = json_at(v.report, "gpu", NULL);
    const uint8_t *nonce = gpu_nonce;
    char *text = cJSON_PrintUnformatted(s->payload);

    assert_string_equal(json_string(gpu, "arch"), arch);
    assert_string_equal(json_string(gpu, "driver"), driver);
    assert_string_equal(json_string(gpu, "vbios"), vbios);
    assert_int_equal(json_bool(gpu, "firmware_bound"), bound);
    assert_int_equal(says_firmware_is_open(v.report), !bound);
    expect(v, "");
    expect(judge_at(text, nonce, NULL, -1, SAMPLE_NOW), "gpu_nonce_mismatch");
    cJSON_free(text);
}

static void nvidias_blackwell_sample_holds(void **state)
{
    struct gpu_sample s = { 0 };

    (void)state;
    if (load_blackwell(&s) != 0)
        skip();
    expect_sample(&s, "BLACKWELL", "575.32", "97.00.88.00.0F", true);
    no_flipped_bit_of_a_sample_passes(&s);
    free_sample(&s);
}

static void nvidias_535_sample_holds(void **state)
{
    struct gpu_sample s = { 0 };

    (void)state;
    if (load_535(&s) != 0)
        skip();
    expect_sample(&s, "HOPPER", "535.86.09", "96.00.5E.00.01", false);
    no_flipped_bit_of_a_sample_passes(&s);
    free_sample(&s);
}

/* ---- No memory ------------------------------------------------------------------------------ */

static void without_memory(void **state)
{
    cJSON *payload = gpu_payload(1);
    char *text = cJSON_PrintUnformatted(payload);
    const struct gpu_input in = { text, gpu_nonce, gpu_root_pem(), GPU_TEST_NOW, 1 };
    bool hit = true;

    (void)state;
    for (long n = 0; hit; n += n < 100 ? 1 : 7) {
        struct gpu_evidence e = { 0 };
        struct report *r = NULL;
        int status;

        torture_begin(n);
        status = report_new(&r);
        if (status == 0)
            status = gpu_check(r, &e, &in);
        hit = torture_end();
        if (hit && status == 0 && e.genuine)
            assert_true(report_verified(r) || report_reason(r) == NULL);
        if (!hit)
            assert_true(status == 0 && e.genuine);
        gpu_evidence_clear(&e);
        report_free(r);
    }
    cJSON_free(text);
    cJSON_Delete(payload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_evidence_holds),
        cmocka_unit_test(a_chain_may_end_below_the_root),
        cmocka_unit_test(versions_that_differ_are_told_by_device),
        cmocka_unit_test(payloads_have_a_form),
        cmocka_unit_test(an_empty_payload_is_told_from_a_broken_one),
        cmocka_unit_test(the_list_has_a_bound),
        cmocka_unit_test(what_is_not_stated_is_no_failure),
        cmocka_unit_test(nonces_have_forms),
        cmocka_unit_test(firmware_is_named_in_several_ways),
        cmocka_unit_test(one_silent_gpu_leaves_the_firmware_open),
        cmocka_unit_test(tcb_info_has_a_form),
        cmocka_unit_test(a_composite_device_id_has_a_form),
        cmocka_unit_test(no_prefix_of_tcb_info_is_one),
        cmocka_unit_test(members_have_their_codes),
        cmocka_unit_test(answers_have_their_codes),
        cmocka_unit_test(chains_have_their_codes),
        cmocka_unit_test(a_chain_is_whole_and_in_order),
        cmocka_unit_test(only_its_own_root_counts),
        cmocka_unit_test(no_flipped_bit_passes),
        cmocka_unit_test(no_prefix_passes),
        cmocka_unit_test(every_recording_holds),
        cmocka_unit_test(the_published_report_holds),
        cmocka_unit_test(nvidias_blackwell_sample_holds),
        cmocka_unit_test(nvidias_535_sample_holds),
        cmocka_unit_test(without_memory),
    };
    int failed;

    torture_openssl();
    gpu_world_make();
    failed = cmocka_run_group_tests_name("spdm", tests, NULL, NULL);
    gpu_world_free();
    return failed;
}
