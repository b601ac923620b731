/* Real and synthetic quotes with their verdicts, from the corpus (DCAP.md section 5). */
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
#include "attest/tdx/intel_root.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/secret.h"
#include "client/collateral_parts.h"
#include "support_dcap.h"
#include "venice.h"

enum { CASES_MAX = 512 };

static struct CMUnitTest tests[CASES_MAX];
static size_t test_count;
static struct dcap_result result;

static void run_row(void **state)
{
    dcap_run_case(*state);
}

static void add(const char *name, CMUnitTestFunction function, void *state)
{
    if (test_count < CASES_MAX)
        tests[test_count++] = (struct CMUnitTest){ name, function, NULL, NULL, state };
}

static const char *corpus(void)
{
    return getenv("VENICE_CORPUS");
}

static void skip_without_corpus(void **state)
{
    (void)state;
    skip();
}

static void corpus_path(char *out, size_t cap, const char *path)
{
    snprintf(out, cap, "%s/%s", corpus(), path);
}

/* --- the folders -------------------------------------------------------------------------- */

static void add_synthetic(void)
{
    static struct dcap_case *cases;
    char folder[400];
    size_t n;

    corpus_path(folder, sizeof folder, "dcap-synthetic");
    n = dcap_read_cases(&cases, folder);
    for (size_t i = 0; i < n; i++)
        add(cases[i].name, run_row, &cases[i]);
}

/* A line of EXPECTED.tsv: quote, collateral, time, "Status ADVISORIES" or "reject:reason", note. */
static void read_line(struct dcap_case *c, const char *folder, char *line)
{
    char *column[4] = { line };
    char *word;

    for (int i = 1; i < 4; i++) {
        column[i] = strchr(column[i - 1], '\t');
        assert_non_null(column[i]);
        *column[i]++ = 0;
    }
    column[3][strcspn(column[3], "\t\n")] = 0;
    snprintf(c->name, sizeof c->name, "%.60s at %.12s", column[0], column[2]);
    snprintf(c->quote, sizeof c->quote, "%.300s/quotes/%.150s", folder, column[0]);
    snprintf(c->collateral, sizeof c->collateral, "%.300s/collateral/%.150s", folder, column[1]);
    c->now = strtoll(column[2], NULL, 10);
    word = strchr(column[3], ' ');
    if (word)
        *word++ = 0;
    if (strncmp(column[3], "reject:", 7) == 0) {
        strcpy(c->verdict, "reject");
        column[3] += 7;
    } else {
        strcpy(c->verdict, strcmp(column[3], "UpToDate") == 0 ? "accept" : "policy");
    }
    snprintf(c->code, sizeof c->code, "%s", column[3]);
    snprintf(c->advisories, sizeof c->advisories, "%s", word ? word : "");
    /* Those that are out of date have the level of 2024-03-13 and fail that of 2024-11-13. */
    strcpy(c->since, strcmp(c->code, "OutOfDate") == 0 ? "2024-11-13" : "");
}

static void add_real(void)
{
    static struct dcap_case cases[CASES_MAX];
    char folder[400], path[512], line[1024];
    size_t n = 0;
    FILE *file;

    corpus_path(folder, sizeof folder, "dcap-real");
    snprintf(path, sizeof path, "%s/EXPECTED.tsv", folder);
    file = fopen(path, "r");
    if (!file)
        return;
    if (fgets(line, sizeof line, file)) /* the heading */
        while (n < CASES_MAX && fgets(line, sizeof line, file)) {
            read_line(&cases[n], folder, line);
            add(cases[n].name, run_row, &cases[n]);
            n++;
        }
    fclose(file);
}

static void add_sample(const char *quote, const char *collateral, int64_t now, const char *verdict,
                       const char *code)
{
    static struct dcap_case cases[32];
    static size_t n;
    struct dcap_case *c = &cases[n++];

    snprintf(c->name, sizeof c->name, "%s at %lld", quote, (long long)now);
    corpus_path(c->quote, sizeof c->quote, quote);
    corpus_path(c->collateral, sizeof c->collateral, collateral);
    c->now = now;
    strcpy(c->verdict, verdict);
    strcpy(c->code, code);
    strcpy(c->advisories, "*");
    strcpy(c->since, "*");
    add(c->name, run_row, c);
}

static void add_samples(void)
{
    static const char quote[] = "dcap-samples/tdx_quote";
    static const char collateral[] = "dcap-samples/tdx_quote_collateral.json";
    static const char outdated[] = "dcap-samples/tdx_quote_outdated";
    static const char outdated_collateral[] = "dcap-samples/tdx_quote_outdated_collateral.json";

    add_sample(quote, collateral, 1750329147, "accept", "UpToDate");
    add_sample(quote, collateral, 1751000000, "accept", "UpToDate");
    add_sample(quote, collateral, 1752919235, "accept", "UpToDate");
    add_sample(quote, collateral, 1750329146, "reject", "qeid_not_yet_valid");
    add_sample(quote, collateral, 1752919236, "reject", "crl_expired");
    add_sample(quote, collateral, 0, "reject", "cert_not_yet_valid");
    add_sample(quote, collateral, INT64_MAX, "reject", "cert_expired");
    add_sample(outdated, outdated_collateral, 1771412331, "reject", "tcb_no_match");
    add_sample(outdated, outdated_collateral, 1774003275, "reject", "tcb_no_match");
    add_sample("dcap-samples/sgx_quote", "dcap-samples/sgx_quote_collateral.json", 1751000000,
               "reject", "tee_type");
}

/* --- single questions --------------------------------------------------------------------- */

static void pinned_root_is_intels(void **state)
{
    static const char expected[] =
        "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3";
    uint8_t hash[32];
    char hex[65] = "";

    (void)state;
    assert_int_equal(sha256(hash, intel_root_der, INTEL_ROOT_SIZE), 0);
    hex_encode(hex, hash, sizeof hash);
    assert_string_equal(hex, expected);
}

struct sample {
    char *quote, *collateral;
    struct dcap_input in;
};

static void load_sample(struct sample *s)
{
    char path[512];

    memset(s, 0, sizeof *s);
    corpus_path(path, sizeof path, "dcap-samples/tdx_quote");
    s->quote = dcap_file(path, &s->in.quote_len);
    corpus_path(path, sizeof path, "dcap-samples/tdx_quote_collateral.json");
    s->collateral = dcap_file(path, &s->in.collateral_len);
    assert_non_null(s->quote);
    assert_non_null(s->collateral);
    s->in.quote = (uint8_t *)s->quote;
    s->in.collateral = s->collateral;
    s->in.now = 1751000000;
}

static void free_sample(struct sample *s)
{
    free(s->quote);
    free(s->collateral);
}

static void hex_file_has_no_level(void **state)
{
    struct sample s;
    char path[512];
    size_t len;
    char *hex;

    (void)state;
    load_sample(&s);
    corpus_path(path, sizeof path, "dcap-samples/tdx-quote.hex");
    hex = dcap_file(path, &len);
    assert_non_null(hex);
    while (len > 0 && (hex[len - 1] == '\n' || hex[len - 1] == '\r'))
        len--;
    assert_memory_equal(hex, "0x", 2);
    assert_int_equal(hex_decode((uint8_t *)hex, hex + 2, len - 2), 0);
    s.in.quote = (uint8_t *)hex;
    s.in.quote_len = len / 2 - 1;
    assert_int_equal(dcap_verify(&result, NULL, &s.in), 0);
    assert_string_equal(result.reason, "tcb_no_match");
    free(hex);
    free_sample(&s);
}

/* Reads one of Intel's recorded answers, its body and the issuer chain of its headers. */
static struct collateral_answer recorded_answer(const char *name, const char *header, cJSON **head)
{
    struct collateral_answer answer;
    char path[700];
    size_t len;
    char *text;

    snprintf(path, sizeof path,
             "%s/recorded/venice_e2ee-qwen3-5-122b-a10b_20260424_015841/responses/%s.body",
             corpus(), name);
    answer.body = dcap_file(path, &answer.len);
    strcpy(path + strlen(path) - strlen("body"), "json");
    text = dcap_file(path, &len);
    assert_true(answer.body && text);
    assert_int_equal(json_parse(head, text, len, NULL), 0);
    answer.chain =
        header
            ? cJSON_GetStringValue(cJSON_GetArrayItem(json_at(*head, "headers", header, NULL), 0))
            : NULL;
    free(text);
    return answer;
}

/* Two real quotes with what Intel's service answered on 2026-04-24. */
static void recorded_answers_of_intel(void **state)
{
    static const struct {
        const char *name, *header;
    } parts[COLLATERAL_PARTS] = {
        [COLLATERAL_TCB_INFO] = { "0002_api.trustedservices.intel.com_tdx_certification_v4_tcb",
                                  "Tcb-Info-Issuer-Chain" },
        [COLLATERAL_QE_IDENTITY] = { "0003_api.trustedservices.intel.com_tdx_certification_v4_qe_"
                                     "identity",
                                     "Sgx-Enclave-Identity-Issuer-Chain" },
        [COLLATERAL_PCK_CRL] = { "0004_api.trustedservices.intel.com_sgx_certification_v4_pckcrl",
                                 "Sgx-Pck-Crl-Issuer-Chain" },
        [COLLATERAL_ROOT_CRL] = { "0005_certificates.trustedservices.intel.com_intelsgxrootca.der",
                                  NULL },
    };
    struct collateral_answer answers[COLLATERAL_PARTS];
    cJSON *heads[COLLATERAL_PARTS] = { NULL };
    enum collateral_part bad;
    struct dcap_input in = { .now = 1778289411 };
    char path[512], *json;
    uint8_t *quote;

    (void)state;
    for (size_t i = 0; i < COLLATERAL_PARTS; i++)
        answers[i] = recorded_answer(parts[i].name, parts[i].header, &heads[i]);
    assert_int_equal(collateral_assemble(&json, &in.collateral_len, &bad, answers), 0);
    corpus_path(path, sizeof path, "dcap-samples/quote_v5_sample.dat");
    in.quote = quote = (uint8_t *)dcap_file(path, &in.quote_len);
    in.collateral = json;
    assert_int_equal(dcap_verify(&result, NULL, &in), 0);
    assert_null(result.reason);
    assert_int_equal(result.status, TCB_UP_TO_DATE);
    free(quote);
    corpus_path(path, sizeof path, "dcap-real/quotes/venice_20260424_070103_9a7eeca1.bin");
    in.quote = quote = (uint8_t *)dcap_file(path, &in.quote_len);
    in.now = 1776996000;
    assert_int_equal(dcap_verify(&result, NULL, &in), 0);
    assert_null(result.reason);
    assert_int_equal(result.status, TCB_UP_TO_DATE);
    assert_string_equal(result.fmspc, "90c06f000000");
    free(quote);
    wiping_free(json);
    for (size_t i = 0; i < COLLATERAL_PARTS; i++) {
        free((char *)answers[i].body);
        cJSON_Delete(heads[i]);
    }
}

static void result_says_what_it_saw(void **state)
{
    struct sample s;

    (void)state;
    load_sample(&s);
    assert_int_equal(dcap_verify(&result, NULL, &s.in), 0);
    assert_null(result.reason);
    assert_int_equal(result.status, TCB_UP_TO_DATE);
    assert_int_equal(result.platform, TCB_UP_TO_DATE);
    assert_int_equal(result.qe, TCB_UP_TO_DATE);
    assert_string_equal(result.fmspc, "b0c06f000000");
    assert_string_equal(result.ca, "platform");
    assert_int_equal(result.tcb_info_eval, 17);
    assert_int_equal(result.qe_identity_eval, 17);
    assert_string_equal(result.tcb_date, "2024-03-13T00:00:00Z");
    assert_int_equal(result.tcb_date_unix, 1710288000);
    assert_int_equal(result.next_update, 1752919235);
    assert_string_equal(result.certificates[0].subject, "Intel SGX PCK Certificate");
    assert_string_equal(result.certificates[0].serial, "3c16ed54eacbb4ced072be72630c85788cf46e36");
    assert_string_equal(result.certificates[2].subject, "Intel SGX Root CA");
    assert_string_equal(result.certificates[4].role, "qe_signer");
    free_sample(&s);
}

static void report_has_checks_and_members(void **state)
{
    struct sample s;
    struct report *report;
    char *text;
    size_t len;
    cJSON *root;

    (void)state;
    load_sample(&s);
    assert_int_equal(report_new(&report), 0);
    assert_int_equal(dcap_verify(&result, report, &s.in), 0);
    assert_true(report_verified(report));
    assert_int_equal(report_json(report, &text, &len), 0);
    assert_int_equal(json_parse(&root, text, len, NULL), 0);
    assert_string_equal(json_string(root, "status"), "UpToDate");
    assert_string_equal(json_string(root, "fmspc"), "b0c06f000000");
    assert_string_equal(json_string(root, "tcb_date"), "2024-03-13T00:00:00Z");
    assert_null(json_at(root, "out_of_date_since", NULL));
    assert_int_equal(cJSON_GetArraySize(json_at(root, "chain", NULL)), 5);
    assert_int_equal(cJSON_GetArraySize(json_at(root, "checks", NULL)), (int)result.check_count);
    assert_string_equal(json_string(json_at(root, "tcb", NULL), "qe"), "UpToDate");
    cJSON_Delete(root);
    wiping_free(text);
    report_free(report);
    free_sample(&s);
}

/* A real platform that is out of date, through the public function. */
static cJSON *judge_outdated(long long now, int grace)
{
    static const char quote_path[] = "dcap-real/quotes/nanogpt_20260325_0b0102_38aa3ea9.bin";
    static const char collateral_path[] =
        "dcap-real/collateral/"
        "nearcloud_qwen_qwen3.5-122b-a10b_20260424_020614.b0c06f000000.json";
    cJSON *options = cJSON_CreateObject(), *policy, *tree = NULL;
    char path[512], *quote, *collateral, *text;
    size_t quote_len, len;
    venice_text out = { NULL, 0 };

    corpus_path(path, sizeof path, quote_path);
    quote = dcap_file(path, &quote_len);
    corpus_path(path, sizeof path, collateral_path);
    collateral = dcap_file(path, &len);
    assert_non_null(quote);
    assert_non_null(collateral);
    cJSON_AddStringToObject(options, "collateral", collateral);
    cJSON_AddNumberToObject(options, "now", (double)now);
    policy = cJSON_AddObjectToObject(options, "policy");
    cJSON_AddNumberToObject(policy, "tcb_grace_days", grace);
    text = cJSON_PrintUnformatted(options);
    assert_int_equal(venice_verify_quote(&out, quote, quote_len, text, strlen(text)), 0);
    assert_int_equal(json_parse(&tree, out.data, out.len, NULL), 0);
    venice_text_free(&out);
    cJSON_free(text);
    cJSON_Delete(options);
    free(quote);
    free(collateral);
    return tree;
}

/* Its level is of 2024-03-13; until 2024-11-13, when the next one came, it was up to date. */
static void grace_counts_from_the_newer_level(void **state)
{
    enum { DAY = 86400 };
    const long long since = 1731456000, now = 1777253871;
    const int days = (int)((now - since) / DAY);

    (void)state;
    for (int more = 0; more < 2; more++) {
        cJSON *report = judge_outdated(now, days + more);

        assert_string_equal(json_string(report, "status"), "OutOfDate");
        assert_string_equal(json_string(report, "tcb_date"), "2024-03-13T00:00:00Z");
        assert_string_equal(json_string(report, "out_of_date_since"), "2024-11-13T00:00:00Z");
        assert_int_equal(json_bool(report, "verified"), 1);
        assert_int_equal(json_bool(report, "accepted"), more);
        cJSON_Delete(report);
    }
}

static void platform_is_read_from_the_quote(void **state)
{
    struct sample s;
    const char *ca, *reason;
    char fmspc[13];

    (void)state;
    load_sample(&s);
    assert_int_equal(dcap_platform(fmspc, &ca, &reason, s.in.quote, s.in.quote_len), 0);
    assert_string_equal(fmspc, "B0C06F000000");
    assert_string_equal(ca, "platform");
    assert_null(reason);
    assert_int_equal(dcap_platform(fmspc, &ca, &reason, s.in.quote, 47), VENICE_E_MALFORMED);
    assert_string_equal(reason, "quote_truncated");
    assert_null(ca);
    free_sample(&s);
}

static void collateral_says_when_it_ends(void **state)
{
    struct sample s;
    int64_t ends;

    (void)state;
    load_sample(&s);
    assert_int_equal(dcap_collateral_expiry(&ends, s.in.collateral, s.in.collateral_len), 0);
    assert_int_equal(ends, 1752919235);
    assert_int_equal(dcap_collateral_expiry(&ends, s.in.collateral, s.in.collateral_len - 2),
                     VENICE_E_MALFORMED);
    assert_int_equal(dcap_collateral_expiry(&ends, "{}", 2), VENICE_E_MALFORMED);
    free_sample(&s);
}

static void collateral_may_be_missing_or_unreadable(void **state)
{
    struct sample s;

    (void)state;
    load_sample(&s);
    s.in.collateral_len -= 2;
    assert_int_equal(dcap_verify(&result, NULL, &s.in), 0);
    assert_string_equal(result.reason, "collateral_malformed");
    s.in.collateral = NULL;
    s.in.collateral_len = 0;
    assert_int_equal(dcap_verify(&result, NULL, &s.in), 0);
    assert_string_equal(result.reason, "collateral_missing");
    assert_string_equal(result.fmspc, "b0c06f000000");
    s.in.quote_len = 700;
    assert_int_equal(dcap_verify(&result, NULL, &s.in), 0);
    assert_string_equal(result.reason, "quote_truncated");
    free_sample(&s);
}

static void another_root_is_not_trusted(void **state)
{
    struct sample s;
    char path[512];
    size_t len;
    char *root;

    (void)state;
    load_sample(&s);
    corpus_path(path, sizeof path, "dcap-synthetic/root.pem");
    root = dcap_file(path, &len);
    s.in.root_pem = root;
    assert_int_equal(dcap_verify(&result, NULL, &s.in), 0);
    assert_string_equal(result.reason, "root_untrusted");
    s.in.root_pem = "no certificate";
    assert_int_equal(dcap_verify(&result, NULL, &s.in), VENICE_E_CONFIG);
    assert_non_null(result.reason);
    s.in.root_pem = "";
    assert_int_equal(dcap_verify(&result, NULL, &s.in), VENICE_E_CONFIG);
    free(root);
    free_sample(&s);
}

static void every_truncation_is_refused(void **state)
{
    struct sample s;
    size_t whole, accepted = 0, end = 636;

    (void)state;
    load_sample(&s);
    whole = s.in.quote_len;
    end += (size_t)s.in.quote[632] | (size_t)s.in.quote[633] << 8;
    for (size_t n = 0; n < whole; n++) {
        /* A block of exactly n bytes, so that a sanitizer sees a read behind it. */
        uint8_t *cut = malloc(n ? n : 1);

        memcpy(cut, s.quote, n);
        s.in.quote = cut;
        s.in.quote_len = n;
        assert_int_equal(dcap_verify(&result, NULL, &s.in), 0);
        accepted += result.reason == NULL;
        if (n < end)
            assert_string_equal(result.reason, "quote_truncated");
        free(cut);
    }
    /* What follows the signature data may be missing: rule 5. */
    assert_int_equal(accepted, whole - end);
    free_sample(&s);
}

static void truncated_collateral_is_refused(void **state)
{
    struct sample s;
    size_t whole;

    (void)state;
    load_sample(&s);
    whole = s.in.collateral_len;
    while (s.collateral[whole - 1] != '}')
        whole--;
    for (size_t n = 0; n < whole; n += 7) {
        char *cut = malloc(n ? n : 1);

        memcpy(cut, s.collateral, n);
        s.in.collateral = cut;
        s.in.collateral_len = n;
        assert_int_equal(dcap_verify(&result, NULL, &s.in), 0);
        assert_string_equal(result.reason, "collateral_malformed");
        free(cut);
    }
    free_sample(&s);
}

int main(void)
{
    static const struct {
        const char *name;
        CMUnitTestFunction run;
    } single[] = {
        { "hex_file_has_no_level", hex_file_has_no_level },
        { "grace_counts_from_the_newer_level", grace_counts_from_the_newer_level },
        { "recorded_answers_of_intel", recorded_answers_of_intel },
        { "result_says_what_it_saw", result_says_what_it_saw },
        { "report_has_checks_and_members", report_has_checks_and_members },
        { "platform_is_read_from_the_quote", platform_is_read_from_the_quote },
        { "collateral_says_when_it_ends", collateral_says_when_it_ends },
        { "collateral_may_be_missing_or_unreadable", collateral_may_be_missing_or_unreadable },
        { "another_root_is_not_trusted", another_root_is_not_trusted },
        { "every_truncation_is_refused", every_truncation_is_refused },
        { "truncated_collateral_is_refused", truncated_collateral_is_refused },
    };

    add("pinned_root_is_intels", pinned_root_is_intels, NULL);
    if (corpus()) {
        add_synthetic();
        add_real();
        add_samples();
    } else {
        add("corpus of quotes", skip_without_corpus, NULL);
    }
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++)
        add(single[i].name, corpus() ? single[i].run : skip_without_corpus, NULL);
    return _cmocka_run_group_tests("dcap", tests, test_count, NULL, NULL);
}
