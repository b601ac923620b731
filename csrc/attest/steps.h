/* What an attestation knows, and its steps: for the files that implement them. Everybody else uses
 * attestation.h. */
#ifndef VENICE_ATTEST_STEPS_H
#define VENICE_ATTEST_STEPS_H

#include "attest/attestation.h"
#include "attest/binding.h"
#include "attest/evidence.h"
#include "attest/gpu/gpu.h"
#include "attest/tdx/quote.h"

struct attestation {
    struct policy policy;
    char *model; /* NULL: a bare quote is judged */
    uint8_t nonce[NONCE_SIZE];
    int64_t now;
    char *root_pem;
    cJSON *pins;

    struct report *report;
    size_t step; /* the next one */
    int failed;  /* a hard error: the report is worth nothing */
    bool given;  /* the response or the quote was */
    struct evidence evidence;
    struct tdx_quote quote; /* points into evidence */
    bool has_quote;

    bool has_platform; /* the quote says which collateral judges it */
    char fmspc[13];
    const char *ca;
    char *collateral;
    size_t collateral_len;
    bool collateral_given; /* or it was said that there is none */
    int64_t next_update;   /* of the collateral; 0: not known */

    char *gpu_root_pem; /* NULL: NVIDIA's */
    struct gpu_evidence gpu;
    char *nras_response, *nras_jwks;
    size_t nras_response_len, nras_jwks_len;
    bool nras_given; /* or it was said that there is none */
};

/* The steps, in their order. Each adds its checks to the report and returns 0; a hard error
 * (memory, a root_pem that is none) is negative. A bad finding is a failed check, not an error. */
int step_quote(struct attestation *a);   /* is there a quote, and can it be taken apart */
int step_binding(struct attestation *a); /* does it bind our nonce and the key */
int step_dcap(struct attestation *a);    /* is it Intel's, and does the policy take its TCB */
int step_code(struct attestation *a);    /* which program was started */
int step_gpu(struct attestation *a);     /* which GPUs answered: steps_gpu.c */
int step_nras(struct attestation *a);    /* what NVIDIA's service says about them */
int step_pins(struct attestation *a);    /* is it one that the user knows */
int step_summary(struct attestation *a); /* the words for what remains open */

/* What a step needs before it runs. */
enum attestation_need step_dcap_needs(const struct attestation *a);
enum attestation_need step_nras_needs(const struct attestation *a);

/* Puts what the response says about itself into the report. */
void step_report_identity(struct attestation *a);

#endif
