/* What the policy says about GPU evidence (DESIGN section 5a, GPU). */
#include <string.h>

#include "attest/gpu/gpu.h"
#include "attest/gpu/nras.h"
#include "attest/steps.h"
#include "base/json.h"

static const char off_words[] = "Anything about a GPU: verify.gpu is 'off'.";
static const char absent_words[] = "Anything about a GPU: no evidence of one was served.";

/* Absent, null and empty are the same; anything else must be the text of evidence. */
static bool is_served(const struct evidence *e)
{
    const cJSON *member = json_at(e->root, "nvidia_payload", NULL);

    return member && !cJSON_IsNull(member) && (!e->nvidia_payload || e->nvidia_payload[0]);
}

static int64_t claimed_gpus(const struct report *r)
{
    const cJSON *number = report_get(r, "code.num_gpus");

    return cJSON_IsNumber(number) ? (int64_t)number->valuedouble : -1;
}

static int judge(struct attestation *a)
{
    const struct gpu_input in = {
        .payload = a->evidence.nvidia_payload,
        .nonce = a->nonce,
        .root_pem = a->gpu_root_pem,
        .now = a->now,
        .claimed = claimed_gpus(a->report),
    };

    return gpu_check(a->report, &a->gpu, &in);
}

int step_gpu(struct attestation *a)
{
    bool served;

    if (!a->model)
        return 0;
    if (a->policy.gpu == POLICY_GPU_OFF) {
        report_not_proven(a->report, off_words);
        return 0;
    }
    served = is_served(&a->evidence);
    if (served)
        return judge(a);
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
