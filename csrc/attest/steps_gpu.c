/* What the policy says about GPU evidence (DESIGN section 5a, GPU). */
#include <string.h>

#include "attest/gpu/gpu.h"
#include "attest/gpu/nras.h"
#include "attest/steps.h"
#include "base/json.h"
#include "base/secret.h"
#include "venice.h"

static const char off_words[] = "Anything about a GPU: verify.gpu is 'off'.";
static const char absent_words[] = "Anything about a GPU: no evidence of one was served.";

/* Copies the body's own text of the payload, which NVIDIA's service gets as it came. NULL where
 * there is none. */
static int copy_raw(char **out, const struct evidence *e)
{
    const char *raw;
    size_t len;

    *out = NULL;
    if (json_raw_member(&raw, &len, e->body, e->body_len, "nvidia_payload") != 0)
        return 0;
    *out = wiping_malloc(len + 1);
    if (!*out)
        return VENICE_E_MEMORY;
    memcpy(*out, raw, len);
    (*out)[len] = 0;
    return 0;
}

/* Finds the payload: a text, or the object that the text would hold. Absent, null and empty are the
 * same: not served. *text is NULL where it is something else; *own is what *text points to where
 * the caller must free it. Returns 0 or VENICE_E_MEMORY. */
static int find_payload(bool *served, const char **text, char **own, const struct evidence *e)
{
    const cJSON *member = json_at(e->root, "nvidia_payload", NULL);
    bool empty = !member || cJSON_IsNull(member);
    int r = 0;

    *text = cJSON_GetStringValue(member);
    *own = NULL;
    if (cJSON_IsObject(member) || cJSON_IsArray(member))
        empty = !member->child;
    if (cJSON_IsObject(member) && !empty) {
        r = copy_raw(own, e);
        *text = *own;
    } else if (*text) {
        r = gpu_payload_is_empty(&empty, *text);
    }
    *served = !empty;
    return r;
}

static int64_t claimed_gpus(const struct report *r)
{
    const cJSON *number = report_get(r, "code.num_gpus");

    return cJSON_IsNumber(number) ? (int64_t)number->valuedouble : -1;
}

static int judge(struct attestation *a, const char *payload)
{
    const struct gpu_input in = {
        .payload = payload,
        .nonce = a->nonce,
        .root_pem = a->gpu_root_pem,
        .now = a->now,
        .claimed = claimed_gpus(a->report),
    };

    return gpu_check(a->report, &a->gpu, &in);
}

int step_gpu(struct attestation *a)
{
    const char *text;
    char *own;
    bool served;
    int status;

    if (!a->model)
        return 0;
    if (a->policy.gpu == POLICY_GPU_OFF) {
        report_not_proven(a->report, off_words);
        return 0;
    }
    status = find_payload(&served, &text, &own, &a->evidence);
    if (status != 0)
        return status;
    if (served) {
        status = judge(a, text);
        a->gpu.text = own;
        a->evidence.nvidia_payload = text;
        return status;
    }
    wiping_free(own);
    report_not_stated(a->report, CHECK_GPU_EVIDENCE_READ, "no evidence of a GPU was served");
    report_not_proven(a->report, absent_words);
    if (a->policy.gpu == POLICY_GPU_REQUIRE)
        report_policy_refusal(a->report, "gpu_missing");
    return 0;
}

/* ---- NVIDIA's service ----------------------------------------------------------------------- */

/* It is told nothing about evidence that is refused anyway. */
enum attestation_need step_nras_needs(const struct attestation *a)
{
    bool wanted = a->policy.nras && !a->nras_given && a->gpu.genuine && report_accepted(a->report);

    return wanted ? NEED_NRAS : NEED_NOTHING;
}

/* An answer that was given is judged whether the policy asks for one or not. */
int step_nras(struct attestation *a)
{
    const struct nras_input in = {
        .response = a->nras_response,
        .response_len = a->nras_response_len,
        .jwks = a->nras_jwks,
        .jwks_len = a->nras_jwks_len,
        .evidence = &a->gpu,
        .nonce = a->nonce,
        .root_pem = a->gpu_root_pem,
        .now = a->now,
    };
    int64_t until = INT64_MAX;
    bool holds = false;
    int status;

    if (!a->gpu.readable)
        return 0;
    if (!a->nras_response && (!a->policy.nras || !a->nras_given)) {
        report_not_proven(a->report, "Which firmware the GPUs run: it was not compared with "
                                     "NVIDIA's reference values.");
        return 0;
    }
    status = nras_check(a->report, &holds, &until, &in);
    if (status != 0)
        return status;
    if (until < a->evidence.valid_until) /* a session does not outlive what it stands on */
        a->evidence.valid_until = until;
    report_set(a->report, "gpu.verified", cJSON_CreateBool(a->gpu.genuine && holds));
    if (holds)
        report_set_string(a->report, "gpu.level", "nras");
    return 0;
}
