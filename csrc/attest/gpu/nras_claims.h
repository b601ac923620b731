/* The claims of NVIDIA's tokens, one question each (EVIDENCE.md section 4.2, 6 to 10). The token's
 * signature held before anything here is asked. */
#ifndef VENICE_ATTEST_GPU_NRAS_CLAIMS_H
#define VENICE_ATTEST_GPU_NRAS_CLAIMS_H

#include <stddef.h>
#include <stdint.h>

#include "attest/gpu/gpu.h"
#include "attest/gpu/jwt.h"

struct nras_question {
    const struct jwt *token;
    const struct jwt *gpus;          /* all tokens about GPUs, in the order of their names */
    size_t count;                    /* of gpus */
    const struct gpu_device *device; /* that the token is about; NULL: the overall one */
    const uint8_t *nonce;
    int64_t now;
};

/* Each returns NULL where it holds, else the reason's code, and sets *words. Types are strict: a
 * text "true" is not true, and what is absent does not hold. */
const char *nras_issuer_fault(const char **words, const struct nras_question *q);
const char *nras_time_fault(const char **words, const struct nras_question *q);
const char *nras_nonce_fault(const char **words, const struct nras_question *q);
/* Of the overall token. */
const char *nras_result_fault(const char **words, const struct nras_question *q);
const char *nras_submods_fault(const char **words, const struct nras_question *q);
/* Of a GPU's. */
const char *nras_error_fault(const char **words, const struct nras_question *q);
const char *nras_claims_fault(const char **words, const struct nras_question *q);
const char *nras_device_fault(const char **words, const struct nras_question *q);

#endif
