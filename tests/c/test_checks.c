/* link: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
/* For every check of the table a case in which only it fails, with a reason of its row and the
 * sentence of its refusal; and the same for every refusal of the policy. A check that cannot fail
 * alone says why, and that is proven too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/aci/receipt.h"
#include "attest/attestation.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/secret.h"
#include "client/errors.h"
#include "support_code.h"
#include "support_dcap.h"
#include "support_gpu.h"
#include "support_receipt.h"
#include "torture.h"
#include "venice.h"

#define FOLDER "build/test/dcap-checks"

/* ---- A question to the machine --------------------------------------------------------------- */

/* Everything that an attestation may be given. Strings are freed with the question, unless const.
 */
struct question {
    cJSON *body; /* of the response */
    char *text;  /* in place of body */
    char *quote; /* a bare quote in place of a response */
    size_t quote_len;
    const char *nonce; /* NULL: SAMPLE_NONCE */
    const char *policy, *pins;
    char *collateral, *root;
    const char *gpu_root;
    char *nras, *jwks;
    bool asks_nras;
    int64_t now; /* 0: SAMPLE_NOW */
};

static cJSON *parse(const char *text)
{
    cJSON *tree = NULL;

    if (text)
        assert_int_equal(json_parse(&tree, text, strlen(text), NULL), 0);
    return tree;
}

static size_t length(const char *text)
{
    return text ? strlen(text) : 0;
}

/* Frees what q holds. The status of the feeding is left to who makes allocations fail. */
static struct attestation *ask(struct question *q, int *status)
{
    cJSON *options = parse(q->policy ? q->policy : "{\"dcap\":\"off\"}"), *pins = parse(q->pins);
    char *text = q->text ? q->text : q->body ? cJSON_PrintUnformatted(q->body) : NULL;
    struct failure f = { 0 };
    struct attestation *a;
    struct policy policy;

    assert_int_equal(policy_read(&policy, &f, options), 0);
    assert_int_equal(attestation_new(&a, &policy, text ? SAMPLE_MODEL : NULL,
                                     !text      ? NULL
                                     : q->nonce ? q->nonce
                                                : SAMPLE_NONCE,
                                     q->now ? q->now : SAMPLE_NOW, q->root, pins),
                     0);
    if (q->gpu_root)
        assert_int_equal(attestation_set_gpu_root(a, q->gpu_root), 0);
    *status = attestation_feed_collateral(a, q->collateral, length(q->collateral));
    if (*status == 0 && q->asks_nras)
        *status = attestation_feed_nras(a, q->nras, length(q->nras), q->jwks, length(q->jwks));
    if (*status == 0)
        *status = text ? attestation_feed_response(a, text, strlen(text))
                       : attestation_feed_quote(a, (uint8_t *)q->quote, q->quote_len);
    policy_clear(&policy);
    cJSON_Delete(options);
    cJSON_Delete(pins);
    if (text != q->text)
        cJSON_free(text);
    free(q->text);
    free(q->quote);
    free(q->collateral);
    free(q->root);
    free(q->nras);
    free(q->jwks);
    cJSON_Delete(q->body);
    return a;
}

/* ---- Responses and bare quotes --------------------------------------------------------------- */

struct row {
    enum check_id check;
    const char *reason;
    void (*build)(struct question *q, const struct row *row);
    const char *a, *b, *c; /* for build */
};

/* A response of the machine of support_code in shape a. */
static cJSON *response(const struct row *row)
{
    struct machine m;
    cJSON *body;

    machine_new(&m, 1);
    body = machine_response(&m, row->a[0]);
    machine_free(&m);
    return body;
}

/* Member b becomes what c says in JSON; NULL drops it. */
static void with_member(struct question *q, const struct row *row)
{
    q->body = response(row);
    set_member(q->body, row->b, row->c ? cJSON_Parse(row->c) : NULL);
}

/* The same in the keyset of a gateway, which is sealed again. */
static void with_keyset_member(struct question *q, const struct row *row)
{
    q->body = response(row);
    set_member(member(q->body, "attestation.workload_keyset"), row->b, cJSON_Parse(row->c));
    set_member(q->body, "attestation.evidence.key_custody", NULL);
    reseal_keyset(q->body);
}

static void with_text(struct question *q, const struct row *row)
{
    q->text = strdup(row->a);
}

/* A valid key that nobody attested, with its address. */
static void with_other_key(struct question *q, const struct row *row)
{
    static const uint8_t private32[32] = { [31] = 7 };
    uint8_t public65[65], address[20];
    char hex[131] = "", shown[43] = "0x";

    q->body = response(row);
    assert_int_equal(curve_public(public65, private32), 0);
    eth_address(address, public65);
    hex_encode(hex, public65, sizeof public65);
    hex_encode(shown + 2, address, sizeof address);
    set_member(q->body, "signing_public_key", cJSON_CreateString(hex));
    set_member(q->body, "signing_address", cJSON_CreateString(shown));
}

/* Bit b of byte a of a quote that nobody signed. */
static void with_flipped_bit(struct question *q, const struct row *row)
{
    uint8_t data[64], quote[SAMPLE_QUOTE_MAX];
    size_t n;

    sample_report_data(data);
    n = sample_quote(quote, 4, 2, data);
    quote[atoi(row->a)] ^= (uint8_t)(1 << atoi(row->b));
    q->body = sample_response('B', quote, n);
}

/* A machine whose log lacks event b. */
static void without_event(struct question *q, const struct row *row)
{
    struct machine m;

    machine_new(&m, 1);
    cJSON_DeleteItemFromArray(m.log, event_place(m.log, row->b));
    machine_measure(&m);
    q->body = machine_response(&m, row->a[0]);
    machine_free(&m);
}

static void with_shorter_log(struct question *q, const struct row *row)
{
    q->body = response(row);
    cJSON_DeleteItemFromArray(member(q->body, "info.tcb_info.event_log"), 0);
}

static void with_other_mrconfigid(struct question *q, const struct row *row)
{
    struct machine m;

    machine_new(&m, 1);
    m.mrconfigid[5] ^= 1;
    q->body = machine_response(&m, row->a[0]);
    machine_free(&m);
}

/* The compose manager's quote is made anew: of another machine (b "machine"), or with one bit of
 * its signature changed. */
static void with_manager_quote(struct question *q, const struct row *row)
{
    static const char path[] = "compose_manager_attestation";
    char hex[2 * SAMPLE_QUOTE_MAX + 1] = "";
    uint8_t quote[SAMPLE_QUOTE_MAX], data[64];
    struct machine m;
    size_t n;

    q->body = response(row);
    machine_new(&m, 1);
    assert_int_equal(hex_decode(data, json_string(member(q->body, path), "report_data"), 128), 0);
    if (strcmp(row->b, "machine") == 0)
        m.rtmr[3][7] ^= 1;
    n = machine_quote(quote, &m, data);
    if (strcmp(row->b, "machine") != 0)
        quote[SAMPLE_AUTH_SIZE + 4 + 40] ^= 1;
    hex_encode(hex, quote, n);
    set_member(member(q->body, path), "quote", cJSON_CreateString(hex));
    machine_free(&m);
}

static void with_custody_of_another_purpose(struct question *q, const struct row *row)
{
    cJSON *keys;

    q->body = response(row);
    keys = member(q->body, "attestation.evidence.key_custody.keys");
    set_member(cJSON_GetArrayItem(keys, cJSON_GetArraySize(keys) - 1), "purpose",
               cJSON_CreateString("aci.other.v1"));
}

static void with_huge_quote(struct question *q, const struct row *row)
{
    (void)row;
    q->quote_len = 70000;
    q->quote = calloc(1, q->quote_len);
}

static char *generated(const char *name, const char *ending, size_t *len)
{
    char path[256];
    char *text;

    snprintf(path, sizeof path, FOLDER "/%s.%s", name, ending);
    text = dcap_file(path, len);
    if (!text)
        fail_msg("no file %s", path);
    return text;
}

/* Case a of tests/dcap/cases.py, under DCAP; b: without collateral. */
static void with_quote(struct question *q, const struct row *row)
{
    size_t n;

    q->quote = generated(row->a, "quote", &q->quote_len);
    q->root = generated(row->a, "root.pem", &n);
    if (!row->b)
        q->collateral = generated(row->a, "col.json", &n);
    q->policy = "{}";
    q->now = 1800000000;
}

/* ---- GPUs ------------------------------------------------------------------------------------ */

/* A response about gpu_nonce with this payload. */
static void with_payload(struct question *q, cJSON *payload)
{
    uint8_t data[64], quote[SAMPLE_QUOTE_MAX];
    char *text = cJSON_PrintUnformatted(payload);
    size_t n;

    sample_report_data(data);
    memcpy(data + 32, gpu_nonce, sizeof gpu_nonce);
    n = sample_quote(quote, 4, 2, data);
    q->body = sample_response('B', quote, n);
    set_member(q->body, "nonce", cJSON_CreateString(gpu_nonce_hex));
    set_member(q->body, "request_nonce", cJSON_CreateString(gpu_nonce_hex));
    set_member(q->body, "nvidia_payload", cJSON_CreateString(text));
    q->nonce = gpu_nonce_hex;
    q->gpu_root = gpu_root_pem();
    cJSON_free(text);
    cJSON_Delete(payload);
}

/* Member a of the payload becomes b. */
static void with_payload_member(struct question *q, const struct row *row)
{
    cJSON *payload = gpu_payload(1);

    set_member(payload, row->a, cJSON_Parse(row->b));
    with_payload(q, payload);
}

static void with_payload_text(struct question *q, const struct row *row)
{
    with_payload(q, gpu_payload(1));
    set_member(q->body, "nvidia_payload", cJSON_CreateString(row->a));
}

static void with_other_root(struct question *q, const struct row *row)
{
    (void)row;
    with_payload(q, gpu_payload(1));
    q->gpu_root = NULL;
}

static void with_entry(struct question *q, cJSON *entry)
{
    cJSON *payload = gpu_payload(0);

    cJSON_AddItemToArray(member(payload, "evidence_list"), entry);
    with_payload(q, payload);
}

static void with_unreadable_answer(struct question *q, const struct row *row)
{
    cJSON *entry = gpu_entry(0, NULL);

    (void)row;
    set_member(entry, "evidence", cJSON_CreateString("AAAA"));
    with_entry(q, entry);
}

/* A certificate of NVIDIA's for another kind of device. */
static void with_other_device(struct question *q, const struct row *row)
{
    static const struct gpu_answer_form usual;
    EVP_PKEY *key = NULL;
    char *pem = gpu_make_chain(&key, NULL, "LS10 A01 NVSwitch LF", true);
    size_t len;
    uint8_t *answer = gpu_make_answer(&len, &usual, key);

    (void)row;
    with_entry(q, gpu_entry_of(pem, answer, len));
    free(answer);
    free(pem);
    EVP_PKEY_free(key);
}

static void with_other_signer(struct question *q, const struct row *row)
{
    const struct gpu_answer_form form = { .key = gpu_new_key() };

    (void)row;
    with_entry(q, gpu_entry(0, &form));
    EVP_PKEY_free(form.key);
}

static void with_other_gpu_nonce(struct question *q, const struct row *row)
{
    static const uint8_t nonce[32] = { 9 };
    const struct gpu_answer_form form = { .nonce = nonce };

    (void)row;
    with_entry(q, gpu_entry(0, &form));
}

static void with_other_firmware(struct question *q, const struct row *row)
{
    static const uint8_t firmware[48] = { 9 };
    const struct gpu_answer_form form = { .firmware = firmware };

    (void)row;
    with_entry(q, gpu_entry(0, &form));
}

static void without_versions(struct question *q, const struct row *row)
{
    const struct gpu_answer_form form = { .driver = "" };

    (void)row;
    with_entry(q, gpu_entry(0, &form));
}

static void with_one_gpu_twice(struct question *q, const struct row *row)
{
    cJSON *payload = gpu_payload(1);

    (void)row;
    cJSON_AddItemToArray(member(payload, "evidence_list"), gpu_entry(0, NULL));
    with_payload(q, payload);
}

static void with_other_count(struct question *q, const struct row *row)
{
    (void)row;
    with_payload(q, gpu_payload(1));
    set_member(q->body, "vm_config", cJSON_CreateString("{\"num_gpus\":2}"));
}

/* ---- NVIDIA's service ------------------------------------------------------------------------ */

/* About two GPUs; answer NULL: there is none. */
static void with_answer(struct question *q, char *answer)
{
    cJSON *jwks = nras_make_jwks();
    char *text = cJSON_PrintUnformatted(jwks);

    with_payload(q, gpu_payload(2));
    q->policy = "{\"dcap\":\"off\",\"nras\":true}";
    q->asks_nras = true;
    q->nras = answer;
    q->jwks = strdup(text);
    cJSON_free(text);
    cJSON_Delete(jwks);
}

static void without_answer(struct question *q, const struct row *row)
{
    (void)row;
    with_answer(q, NULL);
}

static void with_answer_text(struct question *q, const struct row *row)
{
    with_answer(q, strdup(row->a));
}

static void with_fewer_tokens(struct question *q, const struct row *row)
{
    (void)row;
    with_answer(q, nras_make_answer(1, -1, NULL));
}

static char *cut(const char *token)
{
    return strndup(token, strlen(token) - 1);
}

static char *of_es256(const char *token)
{
    return nras_token_again(token, "{\"kid\":\"test-key\",\"alg\":\"ES256\"}", NULL);
}

static char *by_stranger(const char *token)
{
    EVP_PKEY *key = gpu_new_key();
    char *made = nras_token_again(token, NULL, key);

    EVP_PKEY_free(key);
    return made;
}

static void with_cut_token(struct question *q, const struct row *row)
{
    (void)row;
    with_answer(q, nras_with_token(0, cut));
}

static void with_es256(struct question *q, const struct row *row)
{
    (void)row;
    with_answer(q, nras_with_token(0, of_es256));
}

static void with_strange_token(struct question *q, const struct row *row)
{
    (void)row;
    with_answer(q, nras_with_token(0, by_stranger));
}

static void with_key_set(struct question *q, const struct row *row)
{
    with_answer(q, nras_make_answer(2, -1, NULL));
    free(q->jwks);
    q->jwks = strdup(row->a);
}

/* Claim b of the overall token (a "overall") or of a GPU's becomes c. */
static void with_claim(struct question *q, const struct row *row)
{
    bool overall = strcmp(row->a, "overall") == 0;
    cJSON *claims = overall ? nras_overall_claims() : nras_gpu_claims(0);

    set_member(claims, row->b, cJSON_Parse(row->c));
    with_answer(q, nras_make_answer(2, overall ? 0 : 1, claims));
    cJSON_Delete(claims);
}

/* ---- The table of responses ------------------------------------------------------------------ */

static const struct row rows[] = {
    { CHECK_RESPONSE_IS_JSON, "not_json", with_text, "<html>502</html>", NULL, NULL },
    { CHECK_QUOTE_PRESENT, "quote_missing", with_member, "B", "intel_quote", NULL },
    { CHECK_QUOTE_WELL_FORMED, "quote_truncated", with_member, "B", "intel_quote", "\"0400\"" },
    { CHECK_NONCE_ECHOED, "nonce_mismatch", with_member, "B", "request_nonce", "\"00\"" },
    { CHECK_NONCE_FROM_CLIENT, "nonce_source", with_member, "A", "nonce_source", "\"server\"" },
    { CHECK_MODEL_NAMED, "model_mismatch", with_member, "A", "model", NULL },
    { CHECK_MODEL_MATCHES, "model_mismatch", with_member, "A", "model", "\"e2ee-other\"" },
    { CHECK_SIGNING_ALGO_ECDSA, "signing_algo", with_member, "A", "signing_algo", "\"ed25519\"" },
    { CHECK_SIGNING_KEY_PRESENT, "signing_key_missing", with_member, "B", "signing_public_key",
      NULL },
    { CHECK_SIGNING_KEY_VALID, "signing_key_invalid", with_member, "B", "signing_public_key",
      "\"04aa\"" },
    { CHECK_SIGNING_KEYS_AGREE, "signing_key_mismatch", with_member, "A", "signing_key",
      "\"04aa\"" },
    { CHECK_ADDRESS_MATCHES, "address_mismatch", with_member, "A", "signing_address",
      "\"0x0000000000000000000000000000000000000000\"" },
    { CHECK_NONCE_BOUND, "report_data_nonce", with_flipped_bit, "620", "3", NULL },
    { CHECK_KEY_BOUND, "report_data_address", with_other_key, "B", NULL, NULL },
    { CHECK_SERVER_VERIFIED, "server_not_verified", with_member, "A", "verified", "false" },
    { CHECK_SERVER_CONSISTENT, "server_inconsistent", with_member, "A",
      "server_verification.tdx.valid", "false" },
    { CHECK_TD_NOT_DEBUG, "td_debug", with_flipped_bit, "168", "0", NULL },

    { CHECK_QUOTE_SIZE_SANE, "quote_too_large", with_huge_quote, NULL, NULL, NULL },
    { CHECK_TDX_QUOTE_WELL_FORMED, "quote_version", with_quote, "hdr_ver3", NULL, NULL },
    { CHECK_PCK_CHAIN_READABLE, "pem_malformed", with_quote, "chain_garbage", NULL, NULL },
    { CHECK_PCK_CHAIN_COMPLETE, "pck_chain_length", with_quote, "chain_four", NULL, NULL },
    { CHECK_PCK_CHAIN_ROOT_PINNED, "root_untrusted", with_quote, "chain_evil_root", NULL, NULL },
    { CHECK_PCK_CERTIFICATE_VALID, "cert_expired", with_quote, "chain_leaf_expired", NULL, NULL },
    { CHECK_PCK_CA_VALID, "cert_signature", with_quote, "chain_ca_by_evil", NULL, NULL },
    { CHECK_ROOT_VALID, "cert_expired", with_quote, "chain_root_expired", NULL, NULL },
    { CHECK_PCK_CA_ROLE, "cert_not_ca", with_quote, "chain_ca_not_ca", NULL, NULL },
    { CHECK_PCK_ROLE, "cert_leaf_is_ca", with_quote, "chain_leaf_is_ca", NULL, NULL },
    { CHECK_ROOT_ROLE, "cert_not_ca", with_quote, "chain_root_no_crl_sign", NULL, NULL },
    { CHECK_PCK_EXTENSION_WELL_FORMED, "pck_extension", with_quote, "pck_no_sgx_ext", NULL, NULL },
    { CHECK_COLLATERAL_PRESENT, "collateral_missing", with_quote, "ok_v4", "none", NULL },
    { CHECK_COLLATERAL_READABLE, "collateral_malformed", with_quote, "col_array", NULL, NULL },
    { CHECK_TCB_CHAIN_READABLE, "pem_malformed", with_quote, "tchain_garbage", NULL, NULL },
    { CHECK_TCB_CHAIN_COMPLETE, "tcb_chain_length", with_quote, "tchain_three", NULL, NULL },
    { CHECK_TCB_CHAIN_ROOT_PINNED, "root_untrusted", with_quote, "tchain_evil_root", NULL, NULL },
    { CHECK_TCB_SIGNER_VALID, "cert_expired", with_quote, "chain_tcb_leaf_expired", NULL, NULL },
    { CHECK_TCB_SIGNER_ROLE_RIGHT, "cert_subject", with_quote, "role_tcb_cn", NULL, NULL },
    { CHECK_QE_CHAIN_READABLE, "pem_malformed", with_quote, "qchain_garbage", NULL, NULL },
    { CHECK_QE_CHAIN_COMPLETE, "tcb_chain_length", with_quote, "tchain_qe_one", NULL, NULL },
    { CHECK_QE_CHAIN_ROOT_PINNED, "root_untrusted", with_quote, "qchain_evil_root", NULL, NULL },
    { CHECK_QE_SIGNER_VALID, "cert_expired", with_quote, "tchain_second_expired", NULL, NULL },
    { CHECK_QE_SIGNER_ROLE_RIGHT, "cert_subject", with_quote, "tchain_second_cn", NULL, NULL },
    { CHECK_ROOT_CRL_READABLE, "crl_malformed", with_quote, "crl_root_garbage", NULL, NULL },
    { CHECK_ROOT_CRL_VALID, "crl_expired", with_quote, "crl_root_expired", NULL, NULL },
    { CHECK_PCK_CRL_READABLE, "crl_malformed", with_quote, "crl_pck_garbage", NULL, NULL },
    { CHECK_PCK_CRL_VALID, "crl_signature", with_quote, "crl_pck_sig", NULL, NULL },
    { CHECK_CERTIFICATES_NOT_REVOKED, "cert_revoked", with_quote, "crl_leaf_revoked", NULL, NULL },
    { CHECK_TCB_INFO_READABLE, "tcbinfo_malformed", with_quote, "tcb_dup_key_status", NULL, NULL },
    { CHECK_TCB_INFO_SIGNED, "tcbinfo_signature", with_quote, "tcb_sig_space", NULL, NULL },
    { CHECK_TCB_INFO_COMPLETE, "tcbinfo_version", with_quote, "tcb_version2", NULL, NULL },
    { CHECK_FMSPC_MATCHES, "fmspc_mismatch", with_quote, "tcb_fmspc", NULL, NULL },
    { CHECK_PCEID_MATCHES, "pceid_mismatch", with_quote, "tcb_pceid", NULL, NULL },
    { CHECK_TCB_INFO_CURRENT, "tcbinfo_expired", with_quote, "tcb_expired", NULL, NULL },
    { CHECK_QE_IDENTITY_READABLE, "qeid_malformed", with_quote, "qeid_dup_key", NULL, NULL },
    { CHECK_QE_IDENTITY_SIGNED, "qeid_signature", with_quote, "qeid_sig", NULL, NULL },
    { CHECK_QE_IDENTITY_COMPLETE, "qeid_id", with_quote, "qeid_sgx_qe", NULL, NULL },
    { CHECK_QE_IDENTITY_CURRENT, "qeid_expired", with_quote, "qeid_expired", NULL, NULL },
    { CHECK_QE_REPORT_SIGNED, "qe_report_signature", with_quote, "qe_report_flip", NULL, NULL },
    { CHECK_ATTESTATION_KEY_VALID, "att_key_invalid", with_quote, "attkey_off_curve", NULL, NULL },
    { CHECK_ATTESTATION_KEY_BOUND, "qe_report_data", with_quote, "attkey_swapped", NULL, NULL },
    { CHECK_QE_GENUINE, "qe_mrsigner", with_quote, "qe_mrsigner", NULL, NULL },
    { CHECK_QE_LEVEL_FOUND, "qe_svn_unsupported", with_quote, "st_no_match_qe", NULL, NULL },
    { CHECK_QUOTE_SIGNED, "quote_signature", with_quote, "sig_body_flip", NULL, NULL },
    { CHECK_TDX_MODULE_GENUINE, "tdx_module_mrsigner", with_quote, "td_mrsignerseam", NULL, NULL },
    { CHECK_TCB_LEVEL_FOUND, "tcb_no_match", with_quote, "st_no_match_platform", NULL, NULL },
    { CHECK_TDX_MODULE_NOW_GENUINE, "tdx_module_mismatch", with_quote, "st_svn2_module_unknown",
      NULL, NULL },
    { CHECK_TCB_LEVEL_NOW_FOUND, "tcb_no_match", with_quote, "st_svn2_no_match", NULL, NULL },
    { CHECK_TCB_NOT_REVOKED, "tcb_revoked", with_quote, "st_revoked_platform", NULL, NULL },
    { CHECK_PCK_CPUSVN_CONSISTENT, "pck_extension", with_quote, "pck_cpusvn_differs", NULL, NULL },
    { CHECK_TD_ATTRIBUTES_ALLOWED, "td_sept_ve_disable", with_quote, "td_no_sept_ve", NULL, NULL },
    { CHECK_TD_XFAM_ALLOWED, "td_xfam", with_quote, "td_xfam_zero", NULL, NULL },
    { CHECK_TD_NO_SERVICE_TD, "td_mrservicetd", with_quote, "td_mrservicetd", NULL, NULL },

    { CHECK_EVENT_LOG_WELL_FORMED, "event_log_malformed", with_member, "A", "event_log", "[7]" },
    { CHECK_EVENT_LOG_REPLAYED, "rtmr_mismatch", with_shorter_log, "B", NULL, NULL },
    { CHECK_EVENT_LOG_COMPLETE, "event_log_incomplete", without_event, "B", "system-ready", NULL },
    { CHECK_COMPOSE_HASH_MEASURED, "compose_hash_mismatch", without_event, "D", "compose-hash",
      NULL },
    { CHECK_COMPOSE_TEXT_MATCHES, "compose_hash_mismatch", with_member, "A",
      "info.tcb_info.app_compose", "\"another\"" },
    { CHECK_MRCONFIGID_BOUND, "mrconfigid_mismatch", with_other_mrconfigid, "B", NULL, NULL },
    { CHECK_COMPOSE_HASH_RESTATED, "compose_hash_mismatch", with_member, "A", "info.compose_hash",
      "\"abab\"" },
    { CHECK_APP_ID_RESTATED, "app_id_mismatch", with_member, "A", "info.app_id", "\"abab\"" },
    { CHECK_OS_IMAGE_RESTATED, "os_image_mismatch", with_member, "A", "info.os_image_hash",
      "\"abab\"" },
    { CHECK_KEY_PROVIDER_RESTATED, "key_provider_mismatch", with_member, "A",
      "info.key_provider_info", "\"{\\\"name\\\":\\\"none\\\"}\"" },
    { CHECK_REGISTERS_RESTATED, "registers_restated", with_member, "A", "info.tcb_info.rtmr1",
      "\"abab\"" },
    { CHECK_MANAGER_NONCE, "manager_statement", with_member, "A",
      "compose_manager_attestation.nonce", "\"abab\"" },
    { CHECK_MANAGER_ACTIONS, "manager_statement", with_member, "A",
      "compose_manager_attestation.actions_hash", "\"abab\"" },
    { CHECK_MANAGER_QUOTE_BOUND, "manager_statement", with_member, "A",
      "compose_manager_attestation.report_data", "\"abab\"" },
    { CHECK_MANAGER_SAME_MACHINE, "manager_statement", with_manager_quote, "A", "machine", NULL },
    { CHECK_MANAGER_QUOTE_SIGNED, "manager_statement", with_manager_quote, "A", "signature", NULL },
    { CHECK_ACI_VERSION, "aci_version", with_member, "D", "api_version", "\"aci/2\"" },
    { CHECK_ACI_TEE_TYPE, "aci_tee_type", with_member, "D", "attestation.tee_type", "\"sev\"" },
    { CHECK_KEYSET_DIGEST, "keyset_digest", with_member, "D", "workload_keyset_digest",
      "\"sha256:00\"" },
    { CHECK_KEYSET_IDENTITY, "keyset_identity", with_member, "C", "workload_id", "\"sha256:00\"" },
    { CHECK_KEYSET_ENDORSED, "keyset_endorsement", with_member, "C",
      "attestation.keyset_endorsement.value", "\"00\"" },
    { CHECK_KEYSET_VALID, "keyset_expired", with_keyset_member, "D", "not_after", "1790000000" },
    { CHECK_EVIDENCE_FRESH, "evidence_stale", with_member, "C", "attestation.freshness.stale_after",
      "1789999699" },
    { CHECK_KEYSET_HAS_KEY, "keyset_key_mismatch", with_keyset_member, "D", "e2ee_public_keys",
      "[{\"algo\":\"ecdsa\",\"public_key\":\"04aa\"}]" },
    { CHECK_EVIDENCE_QUOTE, "evidence_quote_mismatch", with_member, "D",
      "attestation.evidence.quote", "\"00\"" },
    { CHECK_EVIDENCE_REPORT_DATA, "evidence_quote_mismatch", with_member, "D",
      "attestation.report_data", "\"00\"" },
    { CHECK_CUSTODY_CHAIN, "custody_chain", with_custody_of_another_purpose, "D", NULL, NULL },

    { CHECK_GPU_EVIDENCE_READ, "gpu_malformed", with_payload_text, "nothing", NULL, NULL },
    { CHECK_GPU_NONCE_ECHOED, "gpu_nonce_mismatch", with_payload_member, "nonce", "\"00\"", NULL },
    { CHECK_GPU_ARCH_KNOWN, "gpu_arch", with_payload_member, "arch", "\"AMPERE\"", NULL },
    { CHECK_GPU_ANSWER_READ, "gpu_evidence_malformed", with_unreadable_answer, NULL, NULL, NULL },
    { CHECK_GPU_CHAIN_TRUSTED, "gpu_root_untrusted", with_other_root, NULL, NULL, NULL },
    { CHECK_GPU_IS_GPU, "gpu_other_device", with_other_device, NULL, NULL, NULL },
    { CHECK_GPU_SIGNATURE, "gpu_signature", with_other_signer, NULL, NULL, NULL },
    { CHECK_GPU_NONCE_SIGNED, "gpu_nonce_not_signed", with_other_gpu_nonce, NULL, NULL, NULL },
    { CHECK_GPU_FIRMWARE_BOUND, "gpu_firmware_mismatch", with_other_firmware, NULL, NULL, NULL },
    { CHECK_GPU_VERSIONS_NAMED, "gpu_versions", without_versions, NULL, NULL, NULL },
    { CHECK_GPUS_DISTINCT, "gpu_duplicate", with_one_gpu_twice, NULL, NULL, NULL },
    { CHECK_GPU_COUNT_CLAIMED, "gpu_count_mismatch", with_other_count, NULL, NULL, NULL },
    { CHECK_NRAS_ANSWER_PRESENT, "nras_missing", without_answer, NULL, NULL, NULL },
    { CHECK_NRAS_ANSWER_READ, "nras_malformed", with_answer_text, "hello", NULL, NULL },
    { CHECK_NRAS_GPUS_NAMED, "nras_gpu_set", with_fewer_tokens, NULL, NULL, NULL },
    { CHECK_NRAS_TOKENS_READ, "nras_token_malformed", with_cut_token, NULL, NULL, NULL },
    { CHECK_NRAS_ALGORITHM, "nras_alg", with_es256, NULL, NULL, NULL },
    { CHECK_NRAS_KEY_SET_READ, "jwks_malformed", with_key_set, "x", NULL, NULL },
    { CHECK_NRAS_KEY_CERTIFIED, "nras_kid_unknown", with_key_set, "{\"keys\":[]}", NULL, NULL },
    { CHECK_NRAS_SIGNATURE, "nras_signature", with_strange_token, NULL, NULL, NULL },
    { CHECK_NRAS_ISSUER, "nras_issuer", with_claim, "overall", "iss", "\"somebody\"" },
    { CHECK_NRAS_VALID_NOW, "nras_expired", with_claim, "gpu", "exp", "1790000000" },
    { CHECK_NRAS_PASSED, "nras_result", with_claim, "overall", "x-nvidia-overall-att-result",
      "false" },
    { CHECK_NRAS_NONCE, "nras_nonce", with_claim, "overall", "eat_nonce", "\"00\"" },
    { CHECK_NRAS_SUBMODS, "nras_submods", with_claim, "overall", "submods", "{}" },
    { CHECK_NRAS_NO_ERROR, "nras_error", with_claim, "gpu", "x-nvidia-error-details",
      "{\"code\":4010}" },
    { CHECK_NRAS_GPU_NONCE, "nras_gpu_nonce", with_claim, "gpu", "eat_nonce", "\"00\"" },
    { CHECK_NRAS_CLAIMS, "nras_measres", with_claim, "gpu", "measres", "\"fail\"" },
    { CHECK_NRAS_SAME_DEVICE, "nras_ueid", with_claim, "gpu", "ueid", "\"0\"" },
};

enum { ROWS = sizeof rows / sizeof rows[0] };

/* ---- The table of answers -------------------------------------------------------------------- */

/* A body of /tee/signature with a receipt under a keyset, one thing in it changed. */
struct answer_row {
    enum check_id check;
    const char *reason;
    enum { IN_BODY, IN_RECEIPT, IN_SIGNED_RECEIPT, IN_KEYSET, IN_KEY } where;
    const char *name, *json; /* json NULL: dropped */
};

static const struct answer_row answer_rows[] = {
    { CHECK_ANSWER_IS_JSON, "not_json", IN_BODY, NULL, NULL },
    { CHECK_ANSWER_SIGNING_ALGO, "signing_algo", IN_BODY, "signing_algo", "\"ed25519\"" },
    { CHECK_ANSWER_MODEL, "model_mismatch", IN_BODY, "model", "\"e2ee-other\"" },
    { CHECK_ANSWER_REQUEST, "request_id_mismatch", IN_BODY, "request_id", "\"another\"" },
    { CHECK_ANSWER_TEXT, "signature_text", IN_BODY, "text", "\"hello\"" },
    { CHECK_ANSWER_PAYLOAD, "signature_payload", IN_BODY, "payload", "{\"request_hash\":\"00\"}" },
    { CHECK_ANSWER_SIGNATURE_READ, "signature_malformed", IN_BODY, "signature", "\"0x00\"" },
    { CHECK_ANSWER_SIGNATURE_FORM, "signature_v", IN_BODY, "signature", "\"v\"" },
    { CHECK_ANSWER_SIGNER, "signature_signer", IN_BODY, "signature", "\"stranger\"" },
    { CHECK_ANSWER_ADDRESS, "address_mismatch", IN_BODY, "signing_address",
      "\"0xabababababababababababababababababababab\"" },
    { CHECK_RECEIPT_READ, "receipt_malformed", IN_BODY, "receipt", "5" },
    { CHECK_RECEIPT_VERSION, "receipt_version", IN_SIGNED_RECEIPT, "api_version", "\"aci/2\"" },
    { CHECK_RECEIPT_CHAT, "receipt_chat_id", IN_SIGNED_RECEIPT, "chat_id", "\"another\"" },
    { CHECK_RECEIPT_EVENTS, "receipt_events", IN_SIGNED_RECEIPT, "event_log", "[]" },
    { CHECK_RECEIPT_HASHES, "receipt_hashes", IN_SIGNED_RECEIPT, "event_log",
      "[{\"type\":\"request.received\"},{\"type\":\"response.returned\"}]" },
    { CHECK_RECEIPT_FRESH, "receipt_time", IN_SIGNED_RECEIPT, "served_at", "1749900000" },
    { CHECK_RECEIPT_KEYSET, "receipt_keyset", IN_SIGNED_RECEIPT, "workload_keyset_digest",
      "\"sha256:00\"" },
    { CHECK_RECEIPT_WORKLOAD, "receipt_workload", IN_SIGNED_RECEIPT, "workload_id",
      "\"sha256:00\"" },
    { CHECK_RECEIPT_KEYSET_VALID, "keyset_expired", IN_KEYSET, "keyset_epoch",
      "{\"version\":1,\"not_after\":1750000100}" },
    { CHECK_RECEIPT_KEY, "receipt_key_unknown", IN_KEYSET, "receipt_signing_keys", "[]" },
    { CHECK_RECEIPT_KEY_ED25519, "receipt_key_algo", IN_KEY, "algo", "\"ecdsa-secp256k1\"" },
    { CHECK_RECEIPT_SIGNED, "receipt_signature", IN_RECEIPT, "method", "\"GET\"" },
};

enum { ANSWER_ROWS = sizeof answer_rows / sizeof answer_rows[0] };

/* ---- What cannot fail alone ------------------------------------------------------------------ */

static const struct {
    enum check_id check;
    const char *why;
} exceptions[] = {
    { CHECK_CHECKS_COMPLETED, "no input makes it fail: an allocation does; a test below" },
    { CHECK_TCB_CHAIN_ROOT_VALID,
      "the root that tcb_chain_root_pinned lets through is that of the quote, byte for byte, and "
      "root_valid has judged it; a test below" },
    { CHECK_QE_CHAIN_ROOT_VALID, "the same" },
};

/* ---- Assertions ------------------------------------------------------------------------------ */

/* The name of the check, unlike that of another section. */
static const char *name_of(enum check_id check)
{
    static char name[128];

    snprintf(name, sizeof name, "%s/%s", check_row(check)->section, check_row(check)->id);
    return name;
}

/* Of the checks of a report exactly this one failed, so; returns its detail. */
static const char *assert_only(const cJSON *report, enum check_id id, const char *reason)
{
    const struct check_row *row = check_row(id);
    const cJSON *check, *failed = NULL;

    cJSON_ArrayForEach(check, json_at(report, "checks", NULL))
    {
        if (json_bool(check, "ok") == 1)
            continue;
        if (strcmp(json_string(check, "id"), row->id) != 0 ||
            strcmp(json_string(check, "section"), row->section) != 0 || failed)
            fail_msg("%s: %s/%s failed (%s, %s)", name_of(id), json_string(check, "section"),
                     json_string(check, "id"), json_string(check, "reason"),
                     json_string(check, "detail"));
        failed = check;
    }
    if (!failed)
        fail_msg("%s: it did not fail", name_of(id));
    assert_string_equal(json_string(failed, "kind"),
                        row->kind == CHECK_PROVEN ? "proven" : "stated");
    if (strcmp(json_string(failed, "reason"), reason) != 0)
        fail_msg("%s: %s, wanted %s", name_of(id), json_string(failed, "reason"), reason);
    assert_string_equal(json_string(report, "reason"), reason);
    assert_int_equal(json_bool(report, "verified"), 0);
    assert_int_equal(json_at(report, "counts", "failed", NULL)->valueint, 1);
    assert_true(check_gives(id, reason));
    return json_string(failed, "detail");
}

/* The sentence of a row, about model, with the reason and the detail where it has room for them. */
static void assert_sentence(const char *message, const char *sentence, const char *model,
                            const char *reason)
{
    static const char begin[] = "nothing was sent: ";
    const char *at = strstr(sentence, "%s");
    char head[512];
    size_t n;

    assert_non_null(at);
    n = (size_t)snprintf(head, sizeof head, "%s%.*s%s%s", begin, (int)(at - sentence), sentence,
                         model, at + 2);
    assert_true(n < sizeof head);
    if (strncmp(message, head, n) != 0)
        fail_msg("%s, wanted %s", message, head);
    assert_null(strchr(message, '%'));
    if (sentence[strlen(sentence) - 1] == ':')
        assert_non_null(strstr(message + n, reason));
    else
        assert_int_equal(message[n], 0);
}

static void assert_refusal(const struct report *r, const char *sentence, const char *reason)
{
    struct failure f = { 0 };

    assert_int_equal(error_from_report(&f, r, SAMPLE_MODEL), VENICE_E_ATTESTATION);
    assert_sentence(f.message, sentence, SAMPLE_MODEL, reason);
    assert_string_equal(f.hint, ":Venice attest shows every check");
}

/* ---- The tests ------------------------------------------------------------------------------- */

static bool have_generated; /* the cases of DCAP: they need python3-cryptography */

static bool is_generated(const struct row *row)
{
    return row->build == with_quote;
}

static cJSON *tree_of(const struct report *r)
{
    cJSON *tree;

    assert_int_equal(report_tree(r, &tree), 0);
    return tree;
}

/* What the rows change holds as long as it is not changed. */
static void unchanged_ones_hold(void **state)
{
    static const char *const shapes[] = { "A", "B", "C", "D" };

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        struct question q = { 0 };
        struct attestation *a;
        const char *reason;
        int status;

        if (i < 4)
            q.body = response(&(const struct row){ .a = shapes[i] });
        else if (i == 4)
            with_payload(&q, gpu_payload(1));
        else
            with_answer(&q, nras_make_answer(2, -1, NULL));
        a = ask(&q, &status);
        assert_int_equal(status, 0);
        assert_int_equal(attestation_needs(a), NEED_NOTHING);
        reason = report_reason(attestation_report(a));
        if (reason)
            fail_msg("%zu: %s", i, reason);
        assert_true(report_verified(attestation_report(a)));
        attestation_free(a);
    }
}

static void only_it_fails(void **state)
{
    const struct row *row = *state;
    struct question q = { 0 };
    struct attestation *a;
    cJSON *tree;
    int status;

    if (is_generated(row) && !have_generated)
        skip();
    row->build(&q, row);
    a = ask(&q, &status);
    assert_int_equal(status, 0);
    assert_int_equal(attestation_needs(a), NEED_NOTHING);
    tree = tree_of(attestation_report(a));
    (void)assert_only(tree, row->check, row->reason);
    assert_refusal(attestation_report(a), check_row(row->check)->sentence, row->reason);
    cJSON_Delete(tree);
    attestation_free(a);
}

/* Member name of the body, the receipt or its keyset is changed; where it has to be, the receipt is
 * signed anew. Signatures of a special kind are named. */
static char *make_answer(char **keyset_text, const struct answer_row *row)
{
    cJSON *keyset = receipt_keyset(true), *body = answer_body(), *receipt;
    char *text, hashes[160];

    if (row->where == IN_KEYSET)
        answer_changed(keyset, row->name, row->json);
    if (row->where == IN_KEY)
        answer_changed(member(keyset, "receipt_signing_keys")->child, row->name, row->json);
    receipt = receipt_make(true, keyset);
    if (row->where == IN_RECEIPT || row->where == IN_SIGNED_RECEIPT)
        answer_changed(receipt, row->name, row->json);
    if (row->where == IN_SIGNED_RECEIPT)
        receipt_sign(receipt, true);
    if (row->json && strcmp(row->json, "\"stranger\"") == 0) {
        cJSON_Delete(body);
        snprintf(hashes, sizeof hashes, "%s:%s", ANSWER_REQUEST_HASH, ANSWER_RESPONSE_HASH);
        body = answer_body_of(hashes, answer_stranger_key, 27);
    } else if (row->json && strcmp(row->json, "\"v\"") == 0) {
        memcpy(member(body, "signature")->valuestring + 130, "05", 2);
    } else if (row->where == IN_BODY && row->name && strcmp(row->name, "receipt") != 0) {
        answer_changed(body, row->name, row->json);
    }
    if (row->name && strcmp(row->name, "receipt") == 0)
        cJSON_AddItemToObject(body, "receipt", cJSON_Parse(row->json));
    else if (strcmp(row->reason, "signature_text") != 0)
        cJSON_AddItemToObject(body, "receipt", cJSON_Duplicate(receipt, true));
    text = row->name ? cJSON_PrintUnformatted(body) : strdup("[]");
    *keyset_text = cJSON_PrintUnformatted(keyset);
    cJSON_Delete(receipt);
    cJSON_Delete(keyset);
    cJSON_Delete(body);
    return text;
}

/* An answer is there already when its signature is asked for, so nothing is refused; the view shows
 * the detail of the check, and whoever wants a sentence has the one of the row. */
static void only_it_fails_of_an_answer(void **state)
{
    const struct answer_row *row = *state;
    struct receipt_input in = { .signing_address = answer_address,
                                .request_id = ANSWER_ID,
                                .model = "e2ee-sample",
                                .asked_at = -1,
                                .now = ANSWER_NOW };
    char *keyset, *text = make_answer(&keyset, row), *json;
    const char *detail;
    struct report *r;
    cJSON *tree;
    size_t len;

    in.response = text;
    in.response_len = strlen(text);
    in.keyset = keyset;
    in.keyset_len = strlen(keyset);
    assert_int_equal(receipt_verify(&json, &len, &in), 0);
    tree = cJSON_ParseWithLength(json, len);
    detail = assert_only(tree, row->check, row->reason);
    assert_true(detail && strlen(detail) > 10);
    assert_int_equal(report_new(&r), 0);
    (void)report_check(r, row->check, false, row->reason, "%s", detail);
    assert_refusal(r, check_row(row->check)->sentence, row->reason);
    report_free(r);
    cJSON_Delete(tree);
    wiping_free(json);
    free(text);
    cJSON_free(keyset);
}

/* An allocation that fails at any place leaves a report whose last check says so; somewhere that is
 * the only one that failed. */
static void a_report_that_is_not_complete_says_so(void **state)
{
    size_t alone = 0;
    bool hit = true;

    (void)state;
    for (long n = 0; hit && n < 20000; n++) {
        struct attestation *a = NULL;
        cJSON *body = response(&(const struct row){ .a = "B" }), *tree = NULL;
        char *text = cJSON_PrintUnformatted(body);
        struct policy policy;
        int status;

        assert_int_equal(policy_read(&policy, NULL, NULL), 0);
        policy.dcap_required = false;
        assert_int_equal(
            attestation_new(&a, &policy, SAMPLE_MODEL, SAMPLE_NONCE, SAMPLE_NOW, NULL, NULL), 0);
        torture_begin(n);
        status = attestation_feed_response(a, text, strlen(text));
        hit = torture_end();
        assert_true(hit || status == 0);
        if (status != 0 && report_tree(attestation_report(a), &tree) == 0) {
            (void)assert_only(tree, CHECK_CHECKS_COMPLETED, "internal");
            assert_refusal(attestation_report(a), check_row(CHECK_CHECKS_COMPLETED)->sentence,
                           "internal");
            alone++;
        }
        cJSON_Delete(tree);
        attestation_free(a);
        cJSON_Delete(body);
        cJSON_free(text);
        policy_clear(&policy);
    }
    assert_false(hit);
    assert_true(alone > 0);
}

/* Whatever is wrong with the root, root_valid says it, and nothing behind it is looked at; a signer
 * under another root does not get to its own root_valid. */
static void a_root_is_judged_once(void **state)
{
    static const struct row proofs[] = {
        { CHECK_ROOT_VALID, "cert_expired", with_quote, "chain_root_expired", NULL, NULL },
        { CHECK_ROOT_VALID, "cert_not_yet_valid", with_quote, "chain_root_future", NULL, NULL },
        { CHECK_ROOT_VALID, "cert_critical_ext", with_quote, "chain_root_unknown_critical", NULL,
          NULL },
        { CHECK_TCB_CHAIN_ROOT_PINNED, "root_untrusted", with_quote, "tchain_evil_root", NULL,
          NULL },
        { CHECK_QE_CHAIN_ROOT_PINNED, "root_untrusted", with_quote, "qchain_evil_root", NULL,
          NULL },
    };

    (void)state;
    if (!have_generated)
        skip();
    for (size_t i = 0; i < sizeof proofs / sizeof proofs[0]; i++) {
        struct question q = { 0 };
        struct attestation *a;
        cJSON *tree;
        int status;

        proofs[i].build(&q, &proofs[i]);
        a = ask(&q, &status);
        assert_int_equal(status, 0);
        tree = tree_of(attestation_report(a));
        (void)assert_only(tree, proofs[i].check, proofs[i].reason);
        assert_null(find_check(tree, "tcb_info_readable"));
        cJSON_Delete(tree);
        attestation_free(a);
    }
}

static void every_check_has_a_case(void **state)
{
    size_t cases[CHECK_COUNT] = { 0 }, wrong = 0;

    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        cases[rows[i].check]++;
    for (size_t i = 0; i < ANSWER_ROWS; i++)
        cases[answer_rows[i].check]++;
    for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++)
        cases[exceptions[i].check]++;
    for (int check = 0; check < CHECK_COUNT; check++) {
        if (cases[check] == 1)
            continue;
        print_message("# %s has %zu cases\n", name_of((enum check_id)check), cases[check]);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

/* ---- The policy ------------------------------------------------------------------------------ */

static const struct {
    const char *reason;
    struct row row;
    const char *policy, *pins;
} policy_rows[] = {
    { "signature_not_checked",
      { CHECK_COUNT, NULL, with_quote, "ok_v4", NULL, NULL },
      "{\"dcap\":\"off\"}",
      NULL },
    { "gpu_missing",
      { CHECK_COUNT, NULL, with_member, "B", "nvidia_payload", NULL },
      "{\"dcap\":\"off\",\"gpu\":\"require\"}",
      NULL },
    { "measurement_not_allowed",
      { CHECK_COUNT, NULL, with_member, "B", "nvidia_payload", NULL },
      "{\"dcap\":\"off\",\"measurements\":{\"compose_hash\":[]}}",
      NULL },
    { "pin_changed",
      { CHECK_COUNT, NULL, with_member, "B", "nvidia_payload", NULL },
      "{\"dcap\":\"off\",\"pin\":\"strict\"}",
      "[{\"compose_hash\":\"abababababababababababababababababababababababababababababababab\"}]" },
    { "custody_missing",
      { CHECK_COUNT, NULL, with_member, "B", "nvidia_payload", NULL },
      "{\"dcap\":\"off\",\"custody\":{\"roots\":"
      "[\"0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798\"]}}",
      NULL },
    { "custody_root_not_allowed",
      { CHECK_COUNT, NULL, with_member, "D", "nvidia_payload", NULL },
      "{\"dcap\":\"off\",\"custody\":{\"roots\":"
      "[\"0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798\"]}}",
      NULL },
    { "custody_app_id_not_allowed",
      { CHECK_COUNT, NULL, with_member, "D", "nvidia_payload", NULL },
      "{\"dcap\":\"off\",\"custody\":{\"app_ids\":"
      "[\"abababababababababababababababababababab\"]}}",
      NULL },
    { "tcb_not_accepted",
      { CHECK_COUNT, NULL, with_quote, "st_ood_platform", NULL, NULL },
      "{}",
      NULL },
};

enum { POLICY_ROWS = sizeof policy_rows / sizeof policy_rows[0] };

static void a_refusal_of_the_policy_has_its_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < POLICY_ROWS; i++) {
        struct question q = { 0 };
        const struct report *r;
        struct attestation *a;
        int status;

        if (is_generated(&policy_rows[i].row) && !have_generated)
            continue;
        policy_rows[i].row.build(&q, &policy_rows[i].row);
        q.policy = policy_rows[i].policy;
        q.pins = policy_rows[i].pins;
        a = ask(&q, &status);
        assert_int_equal(status, 0);
        r = attestation_report(a);
        assert_true(report_verified(r));
        assert_false(report_accepted(r));
        assert_string_equal(report_reason(r), policy_rows[i].reason);
        /* The sentence of tcb_not_accepted depends on the status: test_reasons. */
        if (strcmp(policy_rows[i].reason, "tcb_not_accepted") != 0)
            assert_refusal(r, check_policy_sentence(policy_rows[i].reason), policy_rows[i].reason);
        attestation_free(a);
    }
}

static void every_refusal_of_the_policy_has_a_case(void **state)
{
    static const char *const reasons[] = {
#define CHECK(symbol, id, section, kind, reasons, sentence)
#define POLICY(reason, sentence) reason,
#include "attest/checks.def"
#undef CHECK
#undef POLICY
    };

    (void)state;
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        size_t found = 0;

        for (size_t k = 0; k < POLICY_ROWS; k++)
            found += strcmp(policy_rows[k].reason, reasons[i]) == 0;
        if (found != 1)
            fail_msg("%s has %zu cases", reasons[i], found);
    }
}

/* ---- All of it ------------------------------------------------------------------------------- */

static void make_generated(void)
{
    const char *names[ROWS + POLICY_ROWS + 2];
    size_t n = 0;

    for (size_t i = 0; i < ROWS; i++)
        if (is_generated(&rows[i]))
            names[n++] = rows[i].a;
    for (size_t i = 0; i < POLICY_ROWS; i++)
        if (is_generated(&policy_rows[i].row))
            names[n++] = policy_rows[i].row.a;
    names[n++] = "chain_root_future";
    names[n++] = "chain_root_unknown_critical";
    have_generated = dcap_generate(FOLDER, names, n) != DCAP_NO_PYTHON;
}

int main(void)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(every_check_has_a_case),
        cmocka_unit_test(unchanged_ones_hold),
        cmocka_unit_test(a_report_that_is_not_complete_says_so),
        cmocka_unit_test(a_root_is_judged_once),
        cmocka_unit_test(a_refusal_of_the_policy_has_its_sentence),
        cmocka_unit_test(every_refusal_of_the_policy_has_a_case),
    };
    enum { OTHERS = sizeof others / sizeof others[0] };
    struct CMUnitTest tests[OTHERS + ROWS + ANSWER_ROWS];
    char names[ROWS + ANSWER_ROWS][160];
    size_t n = OTHERS;
    int failed;

    torture_openssl();
    gpu_world_make();
    receipt_world_make();
    make_generated();
    memcpy(tests, others, sizeof others);
    for (size_t i = 0; i < ROWS + ANSWER_ROWS; i++, n++) {
        bool answer = i >= ROWS;
        const void *row = answer ? (const void *)&answer_rows[i - ROWS] : (const void *)&rows[i];

        snprintf(names[i], sizeof names[i], "only %s fails",
                 name_of(answer ? answer_rows[i - ROWS].check : rows[i].check));
        tests[n] =
            (struct CMUnitTest){ .name = names[i],
                                 .test_func = answer ? only_it_fails_of_an_answer : only_it_fails,
                                 .initial_state = (void *)(uintptr_t)row };
    }
    failed = _cmocka_run_group_tests("checks", tests, n, NULL, NULL);
    receipt_world_free();
    gpu_world_free();
    return failed;
}
