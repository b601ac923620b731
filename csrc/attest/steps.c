/* The steps of an attestation, in the order in which they run. Every step runs even after a failure
 * where it can: the view shows all checks, and the first failure is the report's reason. */
#include "attest/steps.h"

#include <stdio.h>
#include <string.h>

#include "attest/aci/keyset.h"
#include "attest/aci/receipt.h"
#include "attest/code.h"
#include "attest/pins.h"
#include "attest/tdx/dcap.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/secret.h"

/* ---- The quote ------------------------------------------------------------------------------ */

static void report_registers(struct report *r, const struct tdx_quote *q)
{
    report_set_hex(r, "measurements.mrtd", q->mrtd, TDX_REGISTER_SIZE);
    report_set_hex(r, "measurements.rtmr0", q->rtmr[0], TDX_REGISTER_SIZE);
    report_set_hex(r, "measurements.rtmr1", q->rtmr[1], TDX_REGISTER_SIZE);
    report_set_hex(r, "measurements.rtmr2", q->rtmr[2], TDX_REGISTER_SIZE);
    report_set_hex(r, "measurements.rtmr3", q->rtmr[3], TDX_REGISTER_SIZE);
    report_set_hex(r, "measurements.mrseam", q->mrseam, TDX_REGISTER_SIZE);
    report_set_hex(r, "measurements.mrconfigid", q->mrconfigid, TDX_REGISTER_SIZE);
}

static void check_quote_present(struct attestation *a)
{
    const struct evidence *e = &a->evidence;

    report_check(a->report, CHECK_QUOTE_PRESENT, e->quote != NULL, "quote_missing",
                 e->quote           ? "the response holds a quote"
                 : e->quote_present ? "intel_quote is neither hex nor base64 of at most 64 KiB"
                                    : "the response holds no intel_quote");
}

/* Takes the quote apart. Its form is reported here, except for a bare quote that dcap_verify will
 * judge: that reports the same in its own order. */
int step_quote(struct attestation *a)
{
    struct report *r = a->report;
    const struct evidence *e = &a->evidence;
    const char *reason = NULL;
    int status;

    if (a->model)
        check_quote_present(a);
    if (!e->quote)
        return 0;
    a->has_quote = tdx_quote_parse(&a->quote, &reason, e->quote, e->quote_len) == 0;
    if (a->model || !a->policy.dcap_required) {
        if (a->has_quote)
            report_check(r, CHECK_QUOTE_WELL_FORMED, true, NULL, "a TDX quote of version %u",
                         a->quote.version);
        else
            report_check(r, CHECK_QUOTE_WELL_FORMED, false, reason,
                         "the quote is not a complete TDX quote of version 4 or 5");
    }
    if (!a->has_quote)
        return 0;
    report_registers(r, &a->quote);
    status = dcap_platform(a->fmspc, &a->ca, NULL, e->quote, e->quote_len);
    a->has_platform = status == 0;
    return status == VENICE_E_MEMORY ? status : 0;
}

/* ---- The binding ---------------------------------------------------------------------------- */

void step_report_identity(struct attestation *a)
{
    const struct evidence *e = &a->evidence;
    struct report *r = a->report;
    char address[VENICE_ADDRESS_CHARS + 1] = "0x";
    uint8_t address20[20];

    report_set_string(r, "model", a->model);
    report_set_string(r, "shape", evidence_shape_name(e->shape));
    report_set(r, "gateway", cJSON_CreateBool(evidence_is_gateway(e)));
    if (e->tee_provider)
        report_set_string(r, "tee_provider", e->tee_provider);
    if (e->upstream_model)
        report_set_string(r, "upstream_model", e->upstream_model);
    if (e->has_public_key) {
        report_set_hex(r, "signing_key", e->public65, sizeof e->public65);
        eth_address(address20, e->public65);
        hex_encode(address + 2, address20, sizeof address20);
        address[VENICE_ADDRESS_CHARS] = 0;
        report_set_string(r, "signing_address", address);
    }
}

int step_binding(struct attestation *a)
{
    const struct tdx_quote *quote = a->has_quote ? &a->quote : NULL;

    if (!a->model) {
        /* With DCAP the debug bit is judged in DCAP's own order. */
        if (quote && !a->policy.dcap_required)
            binding_check_debug(a->report, quote);
        return 0;
    }
    step_report_identity(a);
    binding_check(a->report, &a->evidence, quote, a->model, a->nonce,
                  a->policy.gpu != POLICY_GPU_OFF);
    if (report_verified(a->report))
        report_set_level(a->report, LEVEL_BINDING);
    return 0;
}

/* ---- DCAP ----------------------------------------------------------------------------------- */

enum attestation_need step_dcap_needs(const struct attestation *a)
{
    bool wanted = a->policy.dcap_required && a->has_platform && !a->collateral_given;

    return wanted ? NEED_COLLATERAL : NEED_NOTHING;
}

/* The policy's word on a quote that verified, with what a person must know to judge it. */
static void refuse_tcb(struct attestation *a, const struct dcap_result *result)
{
    char advisories[256] = "";
    char sentence[400];
    size_t len = 0;

    for (size_t i = 0; i < result->advisory_count; i++) {
        const char *id = result->advisories[i];

        if (len + strlen(id) + 3 > sizeof advisories)
            break;
        len += (size_t)snprintf(advisories + len, sizeof advisories - len, ", %s", id);
    }
    snprintf(sentence, sizeof sentence,
             "the platform is %s (TCB of %.10s%s), which verify.accept_tcb does not list",
             tcb_status_name(result->status), result->tcb_date, advisories);
    report_policy_refusal(a->report, "tcb_not_accepted");
    report_set_string(a->report, "refusal", sentence);
}

static int judge_quote(struct attestation *a, struct dcap_result *result)
{
    const struct dcap_input input = {
        .quote = a->evidence.quote,
        .quote_len = a->evidence.quote_len,
        .collateral = a->collateral,
        .collateral_len = a->collateral_len,
        .root_pem = a->root_pem,
        .now = a->now,
    };
    int status = dcap_verify(result, a->report, &input);

    if (status != 0)
        return status;
    /* A result that was not filled in has no reason, and no status either. */
    if (result->reason || result->status == TCB_NONE) {
        report_not_proven(a->report, "That the quote was made by genuine hardware.");
        return 0;
    }
    a->next_update = result->next_update;
    if (!a->model || report_level(a->report) == LEVEL_BINDING)
        report_set_level(a->report, LEVEL_DCAP);
    if (!policy_accepts_tcb(&a->policy, tcb_status_name(result->status),
                            result->out_of_date_since[0] ? result->out_of_date_since_unix
                                                         : result->tcb_date_unix,
                            a->now))
        refuse_tcb(a, result);
    return 0;
}

int step_dcap(struct attestation *a)
{
    struct dcap_result *result;
    int status;

    if (!a->policy.dcap_required) {
        report_not_proven(a->report,
                          "That the quote was made by genuine hardware: its signature was "
                          "not verified, because verify.dcap is 'off'.");
        if (!a->model)
            report_policy_refusal(a->report, "signature_not_checked");
        return 0;
    }
    /* A quote without form was reported already, except where it is all there is. */
    if (!a->has_quote && a->model)
        return 0;
    result = wiping_calloc(1, sizeof *result);
    if (!result)
        return VENICE_E_MEMORY;
    status = judge_quote(a, result);
    wiping_free(result);
    return status;
}

/* ---- The code ------------------------------------------------------------------------------- */

/* The gateway's papers need no quote; the rest does. */
int step_code(struct attestation *a)
{
    const struct tdx_quote *quote = a->has_quote ? &a->quote : NULL;
    int status = 0;

    if (!a->model)
        return 0;
    if (quote)
        status = code_check(a->report, &a->evidence, quote, a->nonce);
    if (status == 0)
        status = keyset_check(a->report, &a->evidence, quote, a->now);
    if (status == 0)
        receipt_keep_keyset(a->report, &a->evidence);
    return status;
}

/* A bare quote is nobody's enclave: then only the allowlist speaks. */
int step_pins(struct attestation *a)
{
    struct policy policy = a->policy;

    if (!a->model)
        policy.pin = POLICY_PIN_OFF;
    pins_judge(a->report, &policy, a->pins);
    return 0;
}

/* ---- The words for what remains open -------------------------------------------------------- */

/* What no check of a response can show, whoever runs it. */
static void report_limits(struct report *r)
{
    if (report_get(r, "gpu"))
        report_not_proven(r, "That the certificate of a GPU was not revoked: NVIDIA's revocation "
                             "service (OCSP) is not asked.");
    report_not_proven(r,
                      "That nobody attacks the machine physically: whoever holds it and can put an "
                      "interposer on its memory bus (WireTap, Battering RAM, TEE.fail) may extract "
                      "attestation keys, and a quote that is forged with them passes every check "
                      "here.");
}

int step_summary(struct attestation *a)
{
    struct report *r = a->report;

    if (a->root_pem)
        report_not_proven(r,
                          "Anything about real hardware: the root of trust was given by root_ca, "
                          "it is not Intel's.");
    if (a->gpu_root_pem)
        report_not_proven(r, "Anything about real GPUs: their root of trust was given by "
                             "gpu_root_ca, it is not NVIDIA's.");
    if (!a->model)
        report_not_proven(r, "Whose key the quote binds, and that it is fresh: only the quote was "
                             "judged.");
    else if (evidence_is_gateway(&a->evidence))
        report_not_proven(r, "Anything about the machine on which the model runs: this is the "
                             "evidence of a gateway, and what stands behind it shows no evidence.");
    if (!report_get(r, "code.replayed"))
        report_not_proven(r, "Which program runs in the enclave.");
    else
        report_not_proven(r, "That container images which the compose text names without a digest "
                             "are what they say, and that nobody was given a way to log in.");
    report_not_proven(r,
                      "What the program does with the text that it decrypts, to whom it hands it "
                      "on, which model answers, and with which weights.");
    if (a->model)
        report_not_proven(r, "That a prompt leaves no trace in a prompt cache: a hit shows in "
                             "cached_tokens and in the time that an answer takes, also to others "
                             "who share the cache.");
    report_limits(r);
    return 0;
}
