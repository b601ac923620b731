/* link: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
/* Every allocation of a verification fails once, OpenSSL's and cJSON's too: nothing crashes,
 * nothing leaks, and nothing is accepted that lacks a piece. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/report.h"
#include "base/secret.h"
#include "support_dcap.h"
#include "torture.h"
#include "venice.h"

/* Sanitizers make an allocation ten times slower: there, a part of them fails. */
#if defined(__SANITIZE_ADDRESS__)
enum { STEP = 11 };
#else
enum { STEP = 1 };
#endif

enum { ALLOCATIONS_MAX = 50000 };

static struct dcap_result result, whole;
static struct dcap_input in = { .now = 1751000000 };
static bool openssl_takes_part;

static void load(void)
{
    char path[512];

    if (in.quote)
        return;
    if (!getenv("VENICE_CORPUS"))
        skip();
    snprintf(path, sizeof path, "%s/dcap-samples/tdx_quote", getenv("VENICE_CORPUS"));
    in.quote = (uint8_t *)dcap_file(path, &in.quote_len);
    strcat(path, "_collateral.json");
    in.collateral = dcap_file(path, &in.collateral_len);
    assert_non_null(in.quote);
    assert_non_null(in.collateral);
    assert_int_equal(dcap_verify(&whole, NULL, &in), 0);
    assert_null(whole.reason);
}

/* Where OpenSSL does without something that it wanted (a cache, an entry of its error queue), what
 * comes out must be the same result to the last byte. */
static void verification(void **state)
{
    long n = 0, refused = 0, the_same = 0;

    (void)state;
    load();
    for (; n < ALLOCATIONS_MAX; n += STEP) {
        int r;

        torture_begin(n);
        r = dcap_verify(&result, NULL, &in);
        if (!torture_end())
            break;
        assert_true(r == 0 || r == VENICE_E_MEMORY);
        if (r != 0)
            assert_non_null(result.reason);
        if (result.reason) {
            refused++;
            continue;
        }
        assert_memory_equal(&result, &whole, sizeof result);
        the_same++;
    }
    assert_true(n < ALLOCATIONS_MAX);
    assert_null(result.reason);
    assert_true(refused > 50);
    printf("# note: %ld of %ld allocations failed in turn (OpenSSL's too: %s): %ld refusals, %ld "
           "times "
           "the result was whole without it\n",
           refused + the_same, n, openssl_takes_part ? "yes" : "no", refused, the_same);
}

/* With a report: what could not be stored must not look verified. */
static void report(void **state)
{
    (void)state;
    load();
    for (long n = 0; n < ALLOCATIONS_MAX; n += 7 * STEP) {
        struct report *r = NULL;
        char *text = NULL;
        size_t len;
        bool hit;

        assert_int_equal(report_new(&r), 0);
        torture_begin(n);
        (void)dcap_verify(&result, r, &in);
        hit = torture_end();
        if (result.reason)
            assert_false(report_verified(r));
        if (report_verified(r))
            assert_int_equal(report_json(r, &text, &len), 0);
        wiping_free(text);
        report_free(r);
        if (!hit)
            return;
    }
    fail_msg("more allocations than thought");
}

/* What must be refused is never accepted because a piece could not be stored: a revocation that was
 * not remembered, a signature that was not looked at. */
static void refusals_stay(void **state)
{
    static const char *const names[] = {
        "crl_leaf_revoked", "crl_root_revoked",           "chain_leaf_by_evil", "tchain_evil_root",
        "crl_pck_by_evil",  "chain_unknown_critical_ext", "tcb_sig_value",      "st_revoked_module",
        "sig_quote_flip",   "qe_report_by_other_key",     "tcb_expired",        "td_mrsignerseam",
    };
    char path[512], *root;
    size_t root_len;

    (void)state;
    load();
    snprintf(path, sizeof path, "%s/dcap-synthetic/root.pem", getenv("VENICE_CORPUS"));
    root = dcap_file(path, &root_len);
    assert_non_null(root);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct dcap_input bad = { .now = 1790000000, .root_pem = root };
        bool hit = true;

        snprintf(path, sizeof path, "%s/dcap-synthetic/%s.quote", getenv("VENICE_CORPUS"),
                 names[i]);
        bad.quote = (uint8_t *)dcap_file(path, &bad.quote_len);
        snprintf(path, sizeof path, "%s/dcap-synthetic/%s.col.json", getenv("VENICE_CORPUS"),
                 names[i]);
        bad.collateral = dcap_file(path, &bad.collateral_len);
        assert_true(bad.quote && bad.collateral);
        for (long n = (long)i; hit; n += 13 * STEP) {
            torture_begin(n);
            (void)dcap_verify(&result, NULL, &bad);
            hit = torture_end();
            assert_non_null(result.reason);
        }
        free((void *)bad.quote);
        free((void *)bad.collateral);
    }
    free(root);
}

static void platform_and_expiry(void **state)
{
    (void)state;
    load();
    for (long n = 0; n < ALLOCATIONS_MAX; n += STEP) {
        char fmspc[13];
        const char *ca, *reason;
        int64_t ends;
        bool hit;
        int r;

        torture_begin(n);
        r = dcap_platform(fmspc, &ca, &reason, in.quote, in.quote_len);
        if (r == 0)
            r = dcap_collateral_expiry(&ends, in.collateral, in.collateral_len);
        hit = torture_end();
        assert_true(r == 0 || r == VENICE_E_MEMORY || r == VENICE_E_MALFORMED);
        if (!hit) {
            assert_int_equal(r, 0);
            return;
        }
    }
    fail_msg("more allocations than thought");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verification),
        cmocka_unit_test(report),
        cmocka_unit_test(refusals_stay),
        cmocka_unit_test(platform_and_expiry),
    };

    openssl_takes_part = torture_openssl();
    return cmocka_run_group_tests_name("dcap_torture", tests, NULL, NULL);
}
