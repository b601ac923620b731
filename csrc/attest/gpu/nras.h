/* What NVIDIA's attestation service says about GPU evidence (EVIDENCE.md section 4.2). Its answer
 * is HTTP 200 also where verification failed, so nothing but the tokens counts. */
#ifndef VENICE_ATTEST_GPU_NRAS_H
#define VENICE_ATTEST_GPU_NRAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/gpu/gpu.h"
#include "attest/report.h"

enum { NRAS_ANSWER_MAX = 1024 * 1024, NRAS_JWKS_MAX = 1024 * 1024 };

struct nras_input {
    const char *response; /* NULL: there is none */
    size_t response_len;
    const char *jwks;
    size_t jwks_len;
    const struct gpu_evidence *evidence; /* that was asked about; readable */
    const uint8_t *nonce;                /* ours, 32 bytes */
    const char *root_pem;                /* NULL: NVIDIA's */
    int64_t now;
};

/* Adds the checks of the answer to section "gpu". The reasons of failures:
 *   nras_missing                          there is no answer
 *   nras_malformed nras_gpu_set nras_token_malformed nras_alg
 *   jwks_malformed nras_kid_unknown jwks_key jwks_chain_malformed jwks_leaf_key jwks_chain_role
 *   jwks_leaf_signature jwks_unpinned jwks_not_yet_valid jwks_expired nras_signature
 *   nras_issuer nras_expired nras_not_yet_valid nras_lifetime nras_nonce
 *   nras_subject nras_result nras_submods
 *   nras_error nras_ueid and, for each claim of a GPU, nras_ and the claim's name with _ for -
 *   and without x-nvidia-gpu- (nras_measres, nras_driver_rim_fetched, ...)
 * Returns 0 and in *holds whether every one holds, and then in *until (may be NULL) when the first
 * token ends; VENICE_E_CONFIG; VENICE_E_MEMORY. */
int nras_check(struct report *r, bool *holds, int64_t *until, const struct nras_input *in);

/* Whether a token of the answer names a key that the key set has not: then it is worth asking for
 * the key set anew. False where the answer cannot be read. */
bool nras_wants_keys(const char *response, size_t response_len, const char *jwks, size_t jwks_len);

#endif
