/* link: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
/* The report: conclusions from checks, JSON, texts that are safe to show, failing allocations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "attest/report.h"
#include "base/json.h"
#include "base/secret.h"
#include "venice.h"

/* ---- Allocations that fail on demand -------------------------------------------------------- */

static long fail_at = -1; /* the allocation that fails, counted down; -1: none */

static int fails_now(void)
{
    return fail_at >= 0 && fail_at-- == 0;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
    return fails_now() ? NULL : __real_malloc(n);
}

static void *cjson_malloc(size_t n)
{
    return __wrap_malloc(n);
}

/* The library calls malloc by itself where it has no hooks. */
static void let_cjson_fail_too(void)
{
    cJSON_Hooks hooks = { cjson_malloc, free };

    cJSON_InitHooks(&hooks);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails_now() ? NULL : __real_realloc(p, n);
}

/* ---- Conclusions ---------------------------------------------------------------------------- */

static struct report *new_report(void)
{
    struct report *r = NULL;

    assert_int_equal(report_new(&r), 0);
    assert_non_null(r);
    return r;
}

static cJSON *as_json(const struct report *r)
{
    cJSON *tree = NULL;
    char *text = NULL;
    size_t len = 0;

    assert_int_equal(report_json(r, &text, &len), 0);
    assert_int_equal(strlen(text), len);
    assert_int_equal(json_parse(&tree, text, len, NULL), 0);
    wiping_free(text);
    return tree;
}

static void an_empty_report_says_nothing_good(void **state)
{
    struct report *r = new_report();
    cJSON *tree = as_json(r);

    (void)state;
    assert_false(report_verified(r));
    assert_false(report_accepted(r));
    assert_null(report_reason(r));
    assert_int_equal(json_bool(tree, "verified"), 0);
    assert_int_equal(json_bool(tree, "accepted"), 0);
    assert_int_equal(json_bool(tree, "simulated"), 0);
    assert_string_equal(json_string(tree, "level"), "none");
    assert_null(json_at(tree, "reason", NULL));
    assert_int_equal(cJSON_GetArraySize(json_at(tree, "checks", NULL)), 0);
    cJSON_Delete(tree);
    report_free(r);
    report_free(NULL);
}

static void the_first_failure_is_the_reason(void **state)
{
    struct report *r = new_report();
    const cJSON *check;
    cJSON *tree;

    (void)state;
    assert_true(report_check(r, CHECK_RESPONSE_IS_JSON, true, NULL, NULL));
    assert_true(report_verified(r));
    assert_false(report_check(r, CHECK_QUOTE_SIGNED, false, "quote_signature", "because of %d", 2));
    assert_false(report_check(r, CHECK_NONCE_ECHOED, false, "nonce_mismatch", "later"));
    assert_false(report_verified(r));
    assert_string_equal(report_reason(r), "quote_signature");
    assert_string_equal(report_failed_detail(r), "because of 2");
    tree = as_json(r);
    assert_string_equal(json_string(tree, "reason"), "quote_signature");
    check = json_at(tree, "checks", NULL)->child;
    assert_string_equal(json_string(check, "id"), "response_is_json");
    assert_string_equal(json_string(check, "section"), "binding");
    assert_int_equal(json_bool(check, "ok"), 1);
    assert_null(json_at(check, "reason", NULL));
    check = check->next;
    assert_string_equal(json_string(check, "id"), "quote_signed");
    assert_int_equal(json_bool(check, "ok"), 0);
    assert_string_equal(json_string(check, "reason"), "quote_signature");
    assert_string_equal(json_string(check, "detail"), "because of 2");
    cJSON_Delete(tree);
    report_free(r);
}

/* ---- What is proven, what is stated, what is not --------------------------------------------- */

static double count_of(const cJSON *tree, const char *name)
{
    return cJSON_GetNumberValue(json_at(tree, "counts", name, NULL));
}

static void a_check_says_what_it_is_worth(void **state)
{
    struct report *r = new_report();
    const cJSON *check, *left_out;
    cJSON *tree;

    (void)state;
    report_check(r, CHECK_NONCE_BOUND, true, NULL, NULL);
    report_check(r, CHECK_KEY_BOUND, true, NULL, NULL);
    report_check(r, CHECK_NONCE_ECHOED, true, NULL, NULL);
    report_check(r, CHECK_QUOTE_SIGNED, false, "quote_signature", NULL);
    report_not_stated(r, CHECK_MODEL_MATCHES, "no member \x1b%s", "model");
    tree = as_json(r);
    assert_true(count_of(tree, "proven") == 2 && count_of(tree, "stated") == 1);
    assert_true(count_of(tree, "not_stated") == 1 && count_of(tree, "failed") == 1);
    check = json_at(tree, "checks", NULL)->child;
    assert_string_equal(json_string(check, "kind"), "proven");
    assert_string_equal(json_string(check->next->next, "kind"), "stated");
    assert_int_equal(cJSON_GetArraySize(json_at(tree, "checks", NULL)), 4);
    left_out = json_at(tree, "not_stated", NULL)->child;
    assert_string_equal(json_string(left_out, "id"), "model_matches");
    assert_string_equal(json_string(left_out, "section"), "binding");
    assert_string_equal(json_string(left_out, "detail"), "no member  model");
    assert_null(json_at(left_out, "ok", NULL));
    assert_ptr_equal(report_failed_check(r), check_row(CHECK_QUOTE_SIGNED));
    cJSON_Delete(tree);
    report_free(r);
}

/* What the response leaves out neither proves anything nor fails. */
static void what_is_left_out_is_no_verdict(void **state)
{
    struct report *r = new_report();

    (void)state;
    report_set_level(r, LEVEL_DCAP);
    report_not_stated(r, CHECK_NONCE_ECHOED, "absent");
    assert_false(report_verified(r));
    report_check(r, CHECK_NONCE_BOUND, true, NULL, NULL);
    assert_true(report_verified(r));
    assert_true(report_accepted(r));
    assert_null(report_failed_check(r));
    report_free(r);
}

static void a_reason_must_be_one_of_its_row(void **state)
{
    static const char *const bad[] = { NULL, "quote", "quote_signatures", "signature", "" };
    char *text;
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct report *r = new_report();

        report_check(r, CHECK_QUOTE_SIGNED, false, bad[i], NULL);
        assert_int_equal(report_json(r, &text, &len), VENICE_E_MEMORY);
        report_free(r);
    }
    assert_true(check_gives(CHECK_QUOTE_SIGNED, "internal"));
    assert_true(check_gives(CHECK_TCB_CHAIN_COMPLETE, "cert_not_ca"));
    assert_false(check_gives(CHECK_QUOTE_SIGNED, "not_json"));
}

/* An id is unique in its section, a sentence names the model once, reasons are codes. */
static void the_table_is_sound(void **state)
{
    (void)state;
    for (int i = 0; i < CHECK_COUNT; i++) {
        const struct check_row *row = check_row(i);
        const char *at = strstr(row->sentence, "%s");

        assert_true(row->id[0] && strlen(row->id) < REPORT_CODE_MAX);
        assert_non_null(at);
        assert_null(strchr(at + 1, '%'));
        assert_true(row->reasons[0] > ' ');
        assert_null(strstr(row->reasons, "  "));
        assert_int_equal(strspn(row->reasons, "abcdefghijklmnopqrstuvwxyz0123456789_ "),
                         strlen(row->reasons));
        for (int k = 0; k < i; k++)
            assert_false(strcmp(check_row(k)->id, row->id) == 0 &&
                         strcmp(check_row(k)->section, row->section) == 0);
    }
    assert_null(check_policy_sentence("quote_signature"));
    assert_non_null(check_policy_sentence("pin_changed"));
}

static void acceptance_wants_checks_policy_and_a_level(void **state)
{
    struct report *r = new_report();

    (void)state;
    report_set_level(r, LEVEL_DCAP);
    assert_false(report_accepted(r)); /* no check ran */
    report_check(r, CHECK_QUOTE_SIGNED, true, NULL, NULL);
    assert_true(report_accepted(r));
    report_set_level(r, LEVEL_NONE);
    assert_false(report_accepted(r));
    report_set_level(r, LEVEL_DCAP);
    report_policy_refusal(r, "tcb_not_accepted");
    assert_true(report_verified(r));
    assert_false(report_accepted(r));
    assert_string_equal(report_reason(r), "tcb_not_accepted");
    report_policy_refusal(r, "gpu_missing");
    assert_string_equal(report_reason(r), "tcb_not_accepted");
    report_free(r);
}

static void too_many_checks_are_no_report(void **state)
{
    struct report *r = new_report();
    char *text;
    size_t len;

    (void)state;
    for (int i = 0; i < REPORT_CHECKS_MAX; i++)
        report_check(r, CHECK_QUOTE_SIGNED, true, NULL, NULL);
    assert_true(report_verified(r));
    report_check(r, CHECK_QUOTE_SIGNED, true, NULL, NULL);
    assert_false(report_verified(r));
    assert_int_equal(report_json(r, &text, &len), VENICE_E_MEMORY);
    assert_null(text);
    report_free(r);
}

/* ---- Members -------------------------------------------------------------------------------- */

static void members_are_kept_by_name(void **state)
{
    static const uint8_t bytes[3] = { 0x00, 0xab, 0xff };
    struct report *r = new_report();
    cJSON *tree;

    (void)state;
    report_set_string(r, "model", "first");
    report_set_string(r, "model", "second");
    report_set_hex(r, "measurements.mrtd", bytes, sizeof bytes);
    report_set_hex(r, "measurements.rtmr0", bytes, 1);
    report_set_number(r, "tcb_eval", 20);
    report_set(r, "advisories", cJSON_CreateArray());
    report_set_simulated(r, true);
    report_set_level(r, LEVEL_MEASURED);
    report_not_proven(r, "One.");
    report_not_proven(r, "Two.");
    assert_string_equal(report_string(r, "measurements.mrtd"), "00abff");
    assert_null(report_string(r, "measurements.rtmr1"));
    assert_null(report_string(r, "nothing.here"));
    assert_null(report_string(r, "tcb_eval"));
    tree = as_json(r);
    assert_string_equal(json_string(tree, "model"), "second");
    assert_string_equal(json_string(json_at(tree, "measurements", NULL), "rtmr0"), "00");
    assert_true(cJSON_IsArray(json_at(tree, "advisories", NULL)));
    assert_int_equal(json_at(tree, "tcb_eval", NULL)->valueint, 20);
    assert_int_equal(json_bool(tree, "simulated"), 1);
    assert_string_equal(json_string(tree, "level"), "measured");
    assert_string_equal(json_at(tree, "not_proven", NULL)->child->next->valuestring, "Two.");
    cJSON_Delete(tree);
    report_free(r);
}

static void a_member_that_cannot_be_stored_breaks_the_report(void **state)
{
    struct report *r = new_report();
    char *text;
    size_t len;

    (void)state;
    report_check(r, CHECK_QUOTE_SIGNED, true, NULL, NULL);
    report_set_string(r, "model", "text");
    report_set_string(r, "model.below", "a text has no members");
    assert_false(report_verified(r));
    assert_int_equal(report_json(r, &text, &len), VENICE_E_MEMORY);
    report_free(r);
}

/* ---- Text that is shown --------------------------------------------------------------------- */

static void assert_detail(const char *given, const char *expected)
{
    struct report *r = new_report();

    report_check(r, CHECK_KEY_BOUND, false, "report_data_address", "%s", given);
    assert_string_equal(report_failed_detail(r), expected);
    report_free(r);
}

static void details_are_safe_for_a_screen(void **state)
{
    struct report *r = new_report();

    (void)state;
    assert_detail("plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x91",
                  "plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x91");
    assert_detail("a\x1b[31mb\r\nc\td\x7f", "a [31mb  c d ");
    assert_detail("a\xc2\x9b"
                  "31mb",
                  "a 31mb"); /* C1 control */
    assert_detail("a\xe2\x80\xae"
                  "b\xe2\x81\xa6"
                  "c",
                  "a b c"); /* direction of writing */
    assert_detail("a\xe2\x80\x8b"
                  "b\xef\xbb\xbf"
                  "c\xd8\x9c",
                  "a b c ");                             /* invisible */
    assert_detail("bad \xff\xe2\x80 \x1b", "bad ???  "); /* not UTF-8 */
    report_set_string(r, "provider", "x\x1b]0;y\x07z");
    assert_string_equal(report_string(r, "provider"), "x ]0;y z");
    report_free(r);
}

static void long_details_are_cut_between_characters(void **state)
{
    char text[2 * REPORT_DETAIL_MAX];
    struct report *r;

    (void)state;
    for (size_t start = 0; start < 4; start++) {
        const char *cut;

        memset(text, 'a', start);
        for (size_t i = start; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4);
        r = new_report();
        report_check(r, CHECK_KEY_BOUND, false, "report_data_address", "%s", text);
        cut = report_failed_detail(r);
        assert_true(strlen(cut) < REPORT_DETAIL_MAX && strlen(cut) > REPORT_DETAIL_MAX - 8);
        assert_string_equal(cut + strlen(cut) - 3, "...");
        assert_int_equal((strlen(cut) - 3 - start) % 3, 0);
        cJSON_Delete(as_json(r));
        report_free(r);
    }
}

/* ---- Memory --------------------------------------------------------------------------------- */

/* Fills a report and prints it. Returns whether everything was there. */
static bool build_report(void)
{
    struct report *r = NULL;
    char *text = NULL;
    size_t len = 0;
    bool complete = false;

    if (report_new(&r) != 0)
        return false;
    report_check(r, CHECK_RESPONSE_IS_JSON, true, NULL, "detail %d", 1);
    report_check(r, CHECK_NONCE_BOUND, true, NULL, NULL);
    report_set_hex(r, "measurements.mrtd", (const uint8_t *)"abc", 3);
    report_set_string(r, "model", "name");
    report_set_level(r, LEVEL_BINDING);
    report_not_proven(r, "One.");
    if (report_json(r, &text, &len) == 0)
        complete = report_accepted(r);
    else
        assert_null(text);
    wiping_free(text);
    report_free(r);
    return complete;
}

static void every_allocation_may_fail(void **state)
{
    long failures = 0;

    (void)state;
    assert_true(build_report());
    let_cjson_fail_too();
    for (long n = 0; n < 1000; n++) {
        bool complete;

        fail_at = n;
        complete = build_report();
        if (fail_at >= 0) {
            fail_at = -1;
            assert_true(complete);
            break;
        }
        fail_at = -1;
        failures += !complete;
    }
    assert_true(failures > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_report_says_nothing_good),
        cmocka_unit_test(the_first_failure_is_the_reason),
        cmocka_unit_test(a_check_says_what_it_is_worth),
        cmocka_unit_test(what_is_left_out_is_no_verdict),
        cmocka_unit_test(a_reason_must_be_one_of_its_row),
        cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(acceptance_wants_checks_policy_and_a_level),
        cmocka_unit_test(too_many_checks_are_no_report),
        cmocka_unit_test(members_are_kept_by_name),
        cmocka_unit_test(a_member_that_cannot_be_stored_breaks_the_report),
        cmocka_unit_test(details_are_safe_for_a_screen),
        cmocka_unit_test(long_details_are_cut_between_characters),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
