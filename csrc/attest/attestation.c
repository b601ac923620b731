/* The order of the checks, as a table of steps (DESIGN section 3: evidence comes in steps). A step
 * runs as soon as what it needs was given. */
#include "attest/attestation.h"

#include <string.h>

#include "attest/steps.h"
#include "base/codec.h"
#include "base/secret.h"

/* ---- The machine ---------------------------------------------------------------------------- */

static const struct step {
    enum attestation_need (*needs)(const struct attestation *a); /* NULL: nothing */
    int (*run)(struct attestation *a);                           /* 0, or a hard error */
} steps[] = {
    { NULL, step_quote }, { NULL, step_binding }, { step_dcap_needs, step_dcap },
    { NULL, step_code },  { NULL, step_gpu },     { step_nras_needs, step_nras },
    { NULL, step_pins },  { NULL, step_summary },
};

enum { STEP_COUNT = sizeof steps / sizeof steps[0] };

/* After a hard error the report must not look as if it were complete. */
static int fail(struct attestation *a, int status)
{
    a->failed = status;
    report_check(a->report, CHECK_CHECKS_COMPLETED, false, "internal",
                 "the checks could not be completed: %s", venice_status_name(status));
    return status;
}

static int advance(struct attestation *a)
{
    while (a->step < STEP_COUNT && attestation_needs(a) == NEED_NOTHING) {
        int status = steps[a->step].run(a);

        if (status != 0)
            return fail(a, status);
        a->step++;
    }
    return 0;
}

enum attestation_need attestation_needs(const struct attestation *a)
{
    if (a->failed != 0 || a->step >= STEP_COUNT)
        return NEED_NOTHING;
    if (!a->given)
        return NEED_RESPONSE;
    return steps[a->step].needs ? steps[a->step].needs(a) : NEED_NOTHING;
}

/* ---- Life ----------------------------------------------------------------------------------- */

static bool copy_text(char **to, const char *from)
{
    *to = from ? wiping_strdup(from) : NULL;
    return !from || *to;
}

int attestation_new(struct attestation **out, const struct policy *policy, const char *model,
                    const char *nonce_hex, int64_t now, const char *root_pem, const cJSON *pins)
{
    struct attestation *a;

    *out = NULL;
    if (!policy || !model != !nonce_hex || (model && strlen(nonce_hex) != 2 * NONCE_SIZE))
        return VENICE_E_ARG;
    a = wiping_calloc(1, sizeof *a);
    if (!a)
        return VENICE_E_MEMORY;
    a->now = now;
    a->evidence.valid_until = INT64_MAX;
    if (nonce_hex && hex_decode(a->nonce, nonce_hex, 2 * NONCE_SIZE) != 0) {
        wiping_free(a);
        return VENICE_E_ARG;
    }
    if (report_new(&a->report) != 0 || policy_copy(&a->policy, policy) != 0 ||
        !copy_text(&a->model, model) || !copy_text(&a->root_pem, root_pem) ||
        (pins && !(a->pins = cJSON_Duplicate(pins, true)))) {
        attestation_free(a);
        return VENICE_E_MEMORY;
    }
    report_set_simulated(a->report, root_pem != NULL);
    report_set_number(a->report, "checked_at", (double)now);
    *out = a;
    return 0;
}

void attestation_free(struct attestation *a)
{
    if (!a)
        return;
    policy_clear(&a->policy);
    evidence_clear(&a->evidence);
    report_free(a->report);
    cJSON_Delete(a->pins);
    wiping_free(a->model);
    wiping_free(a->root_pem);
    wiping_free(a->collateral);
    wiping_free(a->gpu_root_pem);
    gpu_evidence_clear(&a->gpu);
    wiping_free(a->nras_response);
    wiping_free(a->nras_jwks);
    wiping_free(a);
}

int attestation_set_gpu_root(struct attestation *a, const char *pem)
{
    if (a->given || a->failed != 0 || a->gpu_root_pem || !pem)
        return VENICE_E_ARG;
    if (!copy_text(&a->gpu_root_pem, pem))
        return fail(a, VENICE_E_MEMORY);
    report_set_simulated(a->report, true);
    return 0;
}

/* ---- Feeding -------------------------------------------------------------------------------- */

/* Verification is switched off: no check runs, so the report proves nothing and says so. */
static void skip_all(struct attestation *a)
{
    if (a->model)
        step_report_identity(a);
    report_not_proven(a->report, "Anything: nothing was checked, because verify.attestation is "
                                 "false.");
    a->step = STEP_COUNT;
}

int attestation_feed_response(struct attestation *a, const char *body, size_t len)
{
    int status;

    if (a->given || a->failed != 0 || !a->model)
        return VENICE_E_ARG;
    a->given = true;
    status = evidence_read(&a->evidence, body, len);
    if (status == VENICE_E_MEMORY)
        return fail(a, status);
    if (!a->policy.attestation) {
        skip_all(a);
        return 0;
    }
    report_check(a->report, CHECK_RESPONSE_IS_JSON, status == 0, "not_json", "the response %s",
                 status == 0 ? "is a JSON object" : evidence_fault(body, len, status));
    if (status != 0) {
        report_set_string(a->report, "model", a->model);
        a->step = STEP_COUNT;
        return 0;
    }
    return advance(a);
}

int attestation_feed_quote(struct attestation *a, const uint8_t *quote, size_t len)
{
    if (a->given || a->failed != 0 || a->model)
        return VENICE_E_ARG;
    a->given = true;
    if (!a->policy.attestation) {
        skip_all(a);
        return 0;
    }
    if (len > EVIDENCE_QUOTE_MAX) {
        report_check(a->report, CHECK_QUOTE_SIZE_SANE, false, "quote_too_large",
                     "a quote of %zu bytes; a real one has about 5000", len);
        a->step = STEP_COUNT;
        return 0;
    }
    a->evidence.quote = wiping_malloc(len + 1);
    if (!a->evidence.quote)
        return fail(a, VENICE_E_MEMORY);
    if (len > 0)
        memcpy(a->evidence.quote, quote, len);
    a->evidence.quote_len = len;
    return advance(a);
}

/* Copies what was fed; NULL stays NULL. */
static bool copy_bytes(char **to, size_t *to_len, const char *from, size_t len)
{
    *to = from ? wiping_malloc(len + 1) : NULL;
    if (!*to)
        return !from;
    if (len > 0)
        memcpy(*to, from, len);
    (*to)[len] = 0;
    *to_len = len;
    return true;
}

int attestation_feed_collateral(struct attestation *a, const char *json, size_t len)
{
    if (a->collateral_given || a->failed != 0)
        return VENICE_E_ARG;
    if (!copy_bytes(&a->collateral, &a->collateral_len, json, len))
        return fail(a, VENICE_E_MEMORY);
    a->collateral_given = true;
    return advance(a);
}

int attestation_feed_nras(struct attestation *a, const char *response, size_t response_len,
                          const char *jwks, size_t jwks_len)
{
    if (a->nras_given || a->failed != 0)
        return VENICE_E_ARG;
    if (!copy_bytes(&a->nras_response, &a->nras_response_len, response, response_len) ||
        !copy_bytes(&a->nras_jwks, &a->nras_jwks_len, jwks, jwks_len))
        return fail(a, VENICE_E_MEMORY);
    a->nras_given = true;
    return advance(a);
}

/* ---- Answers -------------------------------------------------------------------------------- */

int attestation_collateral_key(const struct attestation *a, char fmspc[13], const char **ca)
{
    if (attestation_needs(a) != NEED_COLLATERAL)
        return VENICE_E_ARG;
    memcpy(fmspc, a->fmspc, sizeof a->fmspc);
    *ca = a->ca;
    return 0;
}

const char *attestation_nras_payload(const struct attestation *a)
{
    return attestation_needs(a) == NEED_NRAS ? a->evidence.nvidia_payload : NULL;
}

const struct report *attestation_report(const struct attestation *a)
{
    return a->report;
}

int attestation_key(const struct attestation *a, uint8_t public65[65])
{
    bool complete = a->given && a->failed == 0 && a->step >= STEP_COUNT;
    bool usable = !a->policy.attestation || report_accepted(a->report);

    if (!complete || !usable || !a->evidence.has_public_key) {
        memset(public65, 0, 65);
        return 0;
    }
    memcpy(public65, a->evidence.public65, 65);
    return 1;
}

int64_t attestation_lifetime(const struct attestation *a)
{
    int64_t until = a->evidence.valid_until;

    if (a->next_update > 0 && a->next_update < until)
        until = a->next_update;
    if (until == INT64_MAX)
        return INT64_MAX;
    return until > a->now ? until - a->now : 0;
}
