/* Taking a TDX quote apart: every rule of DCAP.md 1.1 to 1.3 and 1a a, b, each by its own code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/tdx/quote.h"
#include "base/codec.h"
#include "support_attest.h"
#include "venice.h"

enum { AUTH = 636 }; /* where the signature data of a version 4 quote starts */

/* Parses a copy that ends where the quote ends, so that a sanitizer sees a read behind it. */
static const char *parse_exact(const uint8_t *bytes, size_t n)
{
    uint8_t *exact = malloc(n ? n : 1);
    struct tdx_quote q;
    const char *reason = "unset";
    int r;

    assert_non_null(exact);
    memcpy(exact, bytes, n);
    r = tdx_quote_parse(&q, &reason, exact, n);
    assert_int_equal(r, reason ? VENICE_E_MALFORMED : 0);
    if (reason)
        assert_null(q.body);
    else
        assert_true(q.pem + q.pem_len <= (const char *)exact + n);
    free(exact);
    return reason;
}

static void assert_reason(const uint8_t *bytes, size_t n, const char *expected)
{
    const char *reason = parse_exact(bytes, n);

    assert_string_equal(reason ? reason : "none", expected);
}

static void fields_are_where_the_format_has_them(void **state)
{
    static const struct {
        unsigned version, body_type;
        size_t body_at, body_len;
    } forms[] = { { 4, 2, 48, 584 }, { 5, 2, 54, 584 }, { 5, 3, 54, 648 }, { 5, 4, 54, 885 } };
    uint8_t bytes[SAMPLE_QUOTE_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        size_t n = sample_quote(bytes, forms[i].version, forms[i].body_type, NULL);
        const uint8_t *body = bytes + forms[i].body_at;
        const uint8_t *auth = body + forms[i].body_len + 4;
        struct tdx_quote q;
        const char *reason;

        assert_int_equal(tdx_quote_parse(&q, &reason, bytes, n), 0);
        assert_null(reason);
        assert_int_equal(q.version, forms[i].version);
        assert_int_equal(q.body_type, forms[i].body_type);
        assert_ptr_equal(q.body, body);
        assert_int_equal(q.body_len, forms[i].body_len);
        assert_int_equal(q.signed_len, forms[i].body_at + forms[i].body_len);
        assert_ptr_equal(q.tee_tcb_svn, body);
        assert_ptr_equal(q.mrseam, body + 16);
        assert_ptr_equal(q.mrsignerseam, body + 64);
        assert_ptr_equal(q.seam_attributes, body + 112);
        assert_ptr_equal(q.td_attributes, body + 120);
        assert_ptr_equal(q.xfam, body + 128);
        assert_ptr_equal(q.mrtd, body + 136);
        assert_ptr_equal(q.mrconfigid, body + 184);
        assert_ptr_equal(q.mrowner, body + 232);
        assert_ptr_equal(q.mrownerconfig, body + 280);
        assert_ptr_equal(q.rtmr[0], body + 328);
        assert_ptr_equal(q.rtmr[3], body + 472);
        assert_ptr_equal(q.report_data, body + 520);
        assert_ptr_equal(q.tee_tcb_svn2, forms[i].body_type == 2 ? NULL : body + 584);
        assert_ptr_equal(q.mrservicetd, forms[i].body_type == 2 ? NULL : body + 600);
        assert_ptr_equal(q.signature, auth);
        assert_ptr_equal(q.attestation_key, auth + 64);
        assert_ptr_equal(q.qe_report, auth + 134);
        assert_ptr_equal(q.qe_report_signature, auth + 518);
        assert_ptr_equal(q.qe_auth_data, auth + 584);
        assert_int_equal(q.qe_auth_len, 32);
        assert_ptr_equal(q.pem, (const char *)auth + 622);
        assert_memory_equal(q.pem, "-----BEGIN CERTIFICATE-----", 27);
        assert_ptr_equal(q.pem + q.pem_len, (const char *)bytes + n);
    }
}

/* Each row sets up to four bytes of a good quote, and names what is wrong first. */
static void each_rule_has_its_code(void **state)
{
    static const struct {
        unsigned version;
        size_t at;
        const char *hex;
        const char *reason;
    } rows[] = {
        { 4, 0, "0000", "quote_version" },
        { 4, 0, "0300", "quote_version" },
        { 4, 0, "0600", "quote_version" },
        { 4, 0, "0401", "quote_version" },
        { 4, 2, "0000", "att_key_type" },
        { 4, 2, "0300", "att_key_type" },
        { 4, 2, "0201", "att_key_type" },
        { 4, 4, "00000000", "tee_type" },
        { 4, 4, "82000000", "tee_type" },
        { 4, 4, "81000001", "tee_type" },
        { 4, 12, "94", "qe_vendor" },
        { 4, 27, "08", "qe_vendor" },
        { 4, 8, "ffffffff", "none" },  /* reserved: accepted (1a i) */
        { 4, 28, "ffffffff", "none" }, /* user data */
        { 5, 48, "0000", "body_type" },
        { 5, 48, "0100", "body_type" },
        { 5, 48, "0500", "body_type" },
        { 5, 48, "0201", "body_type" },
        { 5, 48, "0200", "body_size" }, /* the size is that of type 3 */
        { 5, 50, "89020000", "body_size" },
        { 5, 50, "48020000", "body_size" },
        { 5, 50, "88020001", "body_size" },
        { 4, 632, "00000000", "auth_size" },
        { 4, 632, "ffffffff", "auth_size" },
        { 4, AUTH + 128, "0500", "cert_type_outer" },
        { 4, AUTH + 128, "0700", "cert_type_outer" },
        { 4, AUTH + 128, "0601", "cert_type_outer" },
        { 4, AUTH + 130, "ffffffff", "cert_data_size" },
        { 4, AUTH + 130, "00000000", "cert_data_size" },
        { 4, AUTH + 582, "ffff", "cert_data_size" },
        { 4, AUTH + 616, "0100", "cert_type_inner" },
        { 4, AUTH + 616, "0300", "cert_type_inner" },
        { 4, AUTH + 616, "0600", "cert_type_inner" },
        { 4, AUTH + 616, "0501", "cert_type_inner" },
        { 4, AUTH + 618, "00000000", "cert_data_size" },
        { 4, AUTH + 618, "ffffffff", "cert_data_size" },
    };
    uint8_t bytes[SAMPLE_QUOTE_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = sample_quote(bytes, rows[i].version, rows[i].version == 5 ? 3 : 2, NULL);

        assert_int_equal(hex_decode(bytes + rows[i].at, rows[i].hex, strlen(rows[i].hex)), 0);
        assert_reason(bytes, n, rows[i].reason);
    }
}

/* 1a a: an SGX quote of version 3 is no TDX quote; the version is only the second question. */
static void the_first_failure_is_the_one_that_is_named(void **state)
{
    uint8_t bytes[SAMPLE_QUOTE_MAX];
    size_t n = sample_quote(bytes, 4, 2, NULL);

    (void)state;
    bytes[AUTH + 616] = 1;
    assert_reason(bytes, n, "cert_type_inner");
    bytes[AUTH + 128] = 5;
    assert_reason(bytes, n, "cert_type_outer");
    bytes[12] ^= 1;
    assert_reason(bytes, n, "qe_vendor");
    bytes[2] = 3;
    assert_reason(bytes, n, "att_key_type");
    bytes[0] = 3;
    assert_reason(bytes, n, "quote_version");
    bytes[4] = 0;
    assert_reason(bytes, n, "tee_type");
    assert_reason(bytes, 47, "quote_truncated");
}

static void any_length_of_qe_authentication_data_is_legal(void **state)
{
    static const size_t lengths[] = { 0, 1, 48, 600 };
    uint8_t bytes[SAMPLE_QUOTE_MAX], longer[SAMPLE_QUOTE_MAX];
    size_t n = sample_quote(bytes, 4, 2, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        size_t l = lengths[i], rest = n - (AUTH + 616), end = 584 + l + rest;

        memset(longer, 0xee, sizeof longer);
        memcpy(longer, bytes, AUTH + 584);
        memcpy(longer + AUTH + 584 + l, bytes + AUTH + 616, rest);
        longer[AUTH + 582] = (uint8_t)l;
        longer[AUTH + 583] = (uint8_t)(l >> 8);
        longer[632] = (uint8_t)end;
        longer[633] = (uint8_t)(end >> 8);
        longer[AUTH + 130] = (uint8_t)(end - 134);
        longer[AUTH + 131] = (uint8_t)((end - 134) >> 8);
        assert_reason(longer, AUTH + end, "none");
    }
}

static void bytes_after_the_signature_data_are_ignored(void **state)
{
    uint8_t bytes[SAMPLE_QUOTE_MAX];
    size_t n = sample_quote(bytes, 5, 3, NULL);

    (void)state;
    memset(bytes + n, 0xff, 307);
    assert_reason(bytes, n + 1, "none");
    assert_reason(bytes, n + 307, "none");
}

/* A quote that was cut is never taken, and nothing behind its end is read (sanitizers watch). */
static void every_truncation_is_refused(void **state)
{
    uint8_t bytes[SAMPLE_QUOTE_MAX];

    (void)state;
    for (unsigned type = 2; type <= 4; type++) {
        size_t n = sample_quote(bytes, 5, type, NULL);

        for (size_t cut = 0; cut < n; cut++)
            assert_reason(bytes, cut, "quote_truncated");
        assert_reason(bytes, n, "none");
    }
}

/* 1a b: sizes that lie are told from bytes that are missing. */
static void lying_sizes_in_short_quotes(void **state)
{
    uint8_t bytes[SAMPLE_QUOTE_MAX];
    size_t n = sample_quote(bytes, 4, 2, NULL);

    (void)state;
    bytes[AUTH + 583] = 0xff; /* L runs out of what is there */
    assert_reason(bytes, n, "cert_data_size");
    assert_reason(bytes, n - 1, "quote_truncated");
    bytes[AUTH + 130] = 0;
    bytes[AUTH + 131] = 0; /* S does not: the sizes contradict each other */
    assert_reason(bytes, n - 1, "cert_data_size");
    /* Types are checked when they are read, before what comes after them is missed. */
    bytes[AUTH + 128] = 5;
    assert_reason(bytes, AUTH + 130, "cert_type_outer");
    assert_reason(bytes, AUTH + 129, "quote_truncated");
}

static void debug_and_profiling_bits(void **state)
{
    uint8_t bytes[SAMPLE_QUOTE_MAX];
    size_t n = sample_quote(bytes, 4, 2, NULL);
    struct tdx_quote q;
    const char *reason;

    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        memset(bytes + SAMPLE_TD_ATTRIBUTES, 0, 8);
        bytes[SAMPLE_TD_ATTRIBUTES + bit / 8] = (uint8_t)(1 << bit % 8);
        assert_int_equal(tdx_quote_parse(&q, &reason, bytes, n), 0);
        assert_int_equal(tdx_quote_is_debug(&q), bit == 0 || (bit >= 4 && bit <= 6));
    }
}

/* ---- The corpus ----------------------------------------------------------------------------- */

static const char *const form_codes[] = { "quote_truncated", "quote_version",  "att_key_type",
                                          "tee_type",        "qe_vendor",      "body_type",
                                          "body_size",       "auth_size",      "cert_type_outer",
                                          "cert_data_size",  "cert_type_inner" };

static const char *expected_form(const cJSON *row)
{
    const char *code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "code"));

    for (size_t i = 0; code && i < sizeof form_codes / sizeof form_codes[0]; i++) {
        if (strcmp(code, form_codes[i]) == 0)
            return code;
    }
    return "none"; /* what is wrong with it, if anything, is not its form */
}

static void synthetic_corpus(void **state)
{
    char *text, *quote, path[256];
    size_t len;
    cJSON *rows;
    const cJSON *row;
    unsigned formal = 0, parsed = 0;

    (void)state;
    if (corpus_file(&text, &len, "dcap-synthetic/cases.json") != 0)
        skip();
    rows = cJSON_ParseWithLength(text, len);
    free(text);
    assert_non_null(rows);
    cJSON_ArrayForEach(row, rows)
    {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "name"));

        snprintf(path, sizeof path, "dcap-synthetic/%s.quote", name);
        assert_int_equal(corpus_file(&quote, &len, path), 0);
        assert_reason((const uint8_t *)quote, len, expected_form(row));
        if (strcmp(expected_form(row), "none") == 0)
            parsed++;
        else
            formal++;
        free(quote);
    }
    cJSON_Delete(rows);
    assert_true(formal >= 10 && parsed >= 80);
}

static void real_corpus(void **state)
{
    const char *corpus = getenv("VENICE_CORPUS");
    char folder[512], path[300];
    struct dirent *entry;
    unsigned count = 0;
    DIR *dir;

    (void)state;
    snprintf(folder, sizeof folder, "%s/dcap-real/quotes", corpus ? corpus : "");
    dir = corpus ? opendir(folder) : NULL;
    if (!dir)
        skip();
    while ((entry = readdir(dir)) != NULL) {
        char *quote;
        size_t len;

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "dcap-real/quotes/%.200s", entry->d_name);
        assert_int_equal(corpus_file(&quote, &len, path), 0);
        assert_reason((const uint8_t *)quote, len, "none");
        free(quote);
        count++;
    }
    closedir(dir);
    assert_true(count >= 30);
}

static void sample_corpus(void **state)
{
    static const struct {
        const char *path, *reason;
    } rows[] = { { "dcap-samples/tdx_quote", "none" },
                 { "dcap-samples/tdx_quote_outdated", "none" },
                 { "dcap-samples/quote_v5_sample.dat", "none" },
                 { "dcap-samples/sgx_quote", "tee_type" } };
    char *quote;
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (corpus_file(&quote, &len, rows[i].path) != 0)
            skip();
        assert_reason((const uint8_t *)quote, len, rows[i].reason);
        free(quote);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_where_the_format_has_them),
        cmocka_unit_test(each_rule_has_its_code),
        cmocka_unit_test(the_first_failure_is_the_one_that_is_named),
        cmocka_unit_test(any_length_of_qe_authentication_data_is_legal),
        cmocka_unit_test(bytes_after_the_signature_data_are_ignored),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(lying_sizes_in_short_quotes),
        cmocka_unit_test(debug_and_profiling_bits),
        cmocka_unit_test(synthetic_corpus),
        cmocka_unit_test(real_corpus),
        cmocka_unit_test(sample_corpus),
    };

    return cmocka_run_group_tests_name("quote", tests, NULL, NULL);
}
