/* What NVIDIA's tokens must say. */
#include "attest/gpu/nras_claims.h"

#include <stdio.h>
#include <string.h>

#include "base/codec.h"
#include "base/crypto.h"
#include "base/json.h"

enum { HASH_SIZE = 32, LIFETIME_MAX = 24 * 3600 };

static const int64_t time_max = 253402300799; /* the end of 9999 */

static bool is_text(const cJSON *claims, const char *name, const char *wanted)
{
    const char *text = json_string(claims, name);

    return text && strcmp(text, wanted) == 0;
}

/* ---- Every token ---------------------------------------------------------------------------- */

const char *nras_issuer_fault(const char **words, const struct nras_question *q)
{
    *words = "it is issued by somebody else";
    return is_text(q->token->claims, "iss", "https://nras.attestation.nvidia.com") ? NULL
                                                                                   : "nras_issuer";
}

/* Clocks may differ where a token begins; it does not live longer for that. */
const char *nras_time_fault(const char **words, const struct nras_question *q)
{
    const cJSON *claims = q->token->claims;
    int64_t begin, issued, end;

    *words = "it does not say from when to when it is valid";
    if (!json_integer(&end, claims, "exp", 0, time_max))
        return "nras_exp";
    if (!json_integer(&issued, claims, "iat", 0, time_max))
        return "nras_iat";
    if (!json_integer(&begin, claims, "nbf", 0, time_max))
        return "nras_nbf";
    *words = "it is not valid any more";
    if (q->now >= end)
        return "nras_expired";
    *words = "it is not valid yet";
    if (begin > q->now + JWT_SKEW || issued > q->now + JWT_SKEW)
        return "nras_not_yet_valid";
    *words = "it is valid for longer than a day, or for no time at all";
    return end <= issued || end - issued > LIFETIME_MAX ? "nras_lifetime" : NULL;
}

const char *nras_nonce_fault(const char **words, const struct nras_question *q)
{
    const char *text = json_string(q->token->claims, "eat_nonce");
    uint8_t bytes[SPDM_NONCE_SIZE];

    *words = "it is about another nonce than ours";
    if (text && strlen(text) == 2 * sizeof bytes &&
        hex_decode(bytes, text, 2 * sizeof bytes) == 0 &&
        memcmp(bytes, q->nonce, sizeof bytes) == 0)
        return NULL;
    return q->device ? "nras_gpu_nonce" : "nras_nonce";
}

/* ---- The overall token ---------------------------------------------------------------------- */

const char *nras_result_fault(const char **words, const struct nras_question *q)
{
    const cJSON *claims = q->token->claims;

    *words = "it is not about a platform";
    if (!is_text(claims, "sub", "NVIDIA-PLATFORM-ATTESTATION"))
        return "nras_subject";
    *words = "NVIDIA's service could not verify the GPUs";
    return json_bool(claims, "x-nvidia-overall-att-result") == 1 ? NULL : "nras_result";
}

/* ["DIGEST", ["SHA-256", hex]] of exactly this token. */
static bool is_digest_of(const cJSON *submod, const struct jwt *token)
{
    const cJSON *pair =
        cJSON_IsArray(submod) && cJSON_GetArraySize(submod) == 2 ? submod->child->next : NULL;
    const char *kind = pair ? cJSON_GetStringValue(submod->child) : NULL, *name, *hex;
    uint8_t hash[HASH_SIZE], named[HASH_SIZE];

    if (!kind || strcmp(kind, "DIGEST") != 0 || !cJSON_IsArray(pair) ||
        cJSON_GetArraySize(pair) != 2)
        return false;
    name = cJSON_GetStringValue(pair->child);
    hex = cJSON_GetStringValue(pair->child->next);
    return name && strcmp(name, "SHA-256") == 0 && hex && strlen(hex) == 2 * sizeof named &&
           hex_decode(named, hex, 2 * sizeof named) == 0 &&
           sha256(hash, (const uint8_t *)token->text, token->len) == 0 &&
           memcmp(hash, named, sizeof hash) == 0;
}

const char *nras_submods_fault(const char **words, const struct nras_question *q)
{
    const cJSON *submods = json_at(q->token->claims, "submods", NULL);

    *words = "it is about other tokens than those that came with it";
    if (!cJSON_IsObject(submods) || (size_t)cJSON_GetArraySize(submods) != q->count)
        return "nras_submods";
    for (size_t i = 0; i < q->count; i++) {
        char name[32];

        (void)snprintf(name, sizeof name, "GPU-%zu", i);
        if (!is_digest_of(json_at(submods, name, NULL), &q->gpus[i]))
            return "nras_submods";
    }
    return NULL;
}

/* ---- A GPU's token -------------------------------------------------------------------------- */

const char *nras_error_fault(const char **words, const struct nras_question *q)
{
    *words = "it reports an error";
    return json_at(q->token->claims, "x-nvidia-error-details", NULL) ? "nras_error" : NULL;
}

/* text NULL: the claim is the value true. */
static const struct nras_claim {
    const char *name, *text, *reason;
} claims_wanted[] = {
    { "measres", "success", "nras_measres" },
    { "secboot", NULL, "nras_secboot" },
    { "dbgstat", "disabled", "nras_dbgstat" },
    { "oemid", "5703", "nras_oemid" },
    { "x-nvidia-gpu-arch-check", NULL, "nras_arch_check" },
    { "x-nvidia-gpu-attestation-report-parsed", NULL, "nras_attestation_report_parsed" },
    { "x-nvidia-gpu-attestation-report-cert-chain-validated", NULL,
      "nras_attestation_report_cert_chain_validated" },
    { "x-nvidia-gpu-attestation-report-signature-verified", NULL,
      "nras_attestation_report_signature_verified" },
    { "x-nvidia-gpu-attestation-report-nonce-match", NULL, "nras_attestation_report_nonce_match" },
    { "x-nvidia-gpu-driver-rim-fetched", NULL, "nras_driver_rim_fetched" },
    { "x-nvidia-gpu-driver-rim-schema-validated", NULL, "nras_driver_rim_schema_validated" },
    { "x-nvidia-gpu-driver-rim-cert-validated", NULL, "nras_driver_rim_cert_validated" },
    { "x-nvidia-gpu-driver-rim-signature-verified", NULL, "nras_driver_rim_signature_verified" },
    { "x-nvidia-gpu-driver-rim-measurements-available", NULL,
      "nras_driver_rim_measurements_available" },
    { "x-nvidia-gpu-vbios-rim-fetched", NULL, "nras_vbios_rim_fetched" },
    { "x-nvidia-gpu-vbios-rim-schema-validated", NULL, "nras_vbios_rim_schema_validated" },
    { "x-nvidia-gpu-vbios-rim-cert-validated", NULL, "nras_vbios_rim_cert_validated" },
    { "x-nvidia-gpu-vbios-rim-signature-verified", NULL, "nras_vbios_rim_signature_verified" },
    { "x-nvidia-gpu-vbios-rim-measurements-available", NULL,
      "nras_vbios_rim_measurements_available" },
    { "x-nvidia-gpu-vbios-index-no-conflict", NULL, "nras_vbios_index_no_conflict" },
};

const char *nras_claims_fault(const char **words, const struct nras_question *q)
{
    const cJSON *claims = q->token->claims, *warning;

    for (size_t i = 0; i < sizeof claims_wanted / sizeof *claims_wanted; i++) {
        const struct nras_claim *c = &claims_wanted[i];
        bool holds = c->text ? is_text(claims, c->name, c->text) : json_bool(claims, c->name) == 1;

        *words = c->name;
        if (!holds)
            return c->reason;
    }
    *words = "it has a warning that is no text";
    warning = json_at(claims, "x-nvidia-attestation-warning", NULL);
    return warning && !cJSON_IsNull(warning) && !cJSON_IsString(warning)
               ? "nras_attestation_warning"
               : NULL;
}

/* Without ueid the service could have answered about other evidence (EVIDENCE.md section 4.2,
 * 10). */
const char *nras_device_fault(const char **words, const struct nras_question *q)
{
    const cJSON *claims = q->token->claims;
    const char *model = json_string(claims, "hwmodel");

    *words = "it is about a device with another serial number";
    if (!is_text(claims, "ueid", q->device->serial))
        return "nras_ueid";
    *words = "it is about another kind of device";
    if (!model || model[0] != 'G' || (model[1] != 'H' && model[1] != 'B'))
        return "nras_hwmodel";
    *words = "it names another driver than the device";
    if (!is_text(claims, "x-nvidia-gpu-driver-version", q->device->spdm.driver))
        return "nras_driver_version";
    *words = "it names another VBIOS than the device";
    if (!is_text(claims, "x-nvidia-gpu-vbios-version", q->device->spdm.vbios))
        return "nras_vbios_version";
    return NULL;
}
