/* Which GPUs answered: NVIDIA's evidence, judged here, without asking anybody (EVIDENCE.md section
 * 4.3, 1 to 5).
 *
 * What holds then: genuine NVIDIA GPUs signed our nonce, under firmware that their certificates
 * name. What never follows: that they sit in the enclave's machine, or took part in an answer; and,
 * without NVIDIA's reference values, which firmware that is. */
#ifndef VENICE_ATTEST_GPU_GPU_H
#define VENICE_ATTEST_GPU_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/gpu/device_chain.h"
#include "attest/gpu/spdm.h"
#include "attest/report.h"

enum { GPU_DEVICES_MAX = 32, GPU_PAYLOAD_MAX = 1024 * 1024 };

/* What one GPU showed. */
struct gpu_device {
    uint8_t *message; /* backs spdm */
    struct spdm spdm;
    struct x509_chain chain;
    const char *fault, *words;      /* what is wrong with the chain; NULL: nothing */
    char serial[DEVICE_SERIAL_MAX]; /* of the leaf, decimal */
};

/* All of them, as far as they could be read. */
struct gpu_evidence {
    size_t count;
    struct gpu_device *devices;
    bool readable; /* every device's message and chain is there */
    bool genuine;  /* every check holds */
    char *text;    /* of a payload that was an object; NULL: it was a text. steps_gpu.c sets it */
};

struct gpu_input {
    const char *payload;  /* the JSON text of nvidia_payload; NULL: it is something else */
    const uint8_t *nonce; /* ours, 32 bytes */
    const char *root_pem; /* NULL: NVIDIA's */
    int64_t now;
    int64_t claimed; /* num_gpus of the VM's configuration; -1: it does not say */
};

/* Adds the checks of section "gpu" and the member
 *   gpu = { verified, level = 'local', count, relayed, firmware_bound, arch, driver, vbios,
 *           devices = [{ serial, name, driver, vbios }] }
 * (driver and vbios where all devices have the same; firmware_bound is false where an answer could
 * not be compared with its certificate, too). out is for nras_check; free it with
 * gpu_evidence_clear, also after a failure.
 *
 * Checks and the reasons of their failures:
 *   gpu_evidence_read     gpu_malformed            a list of evidence, of a size that there is
 *   gpu_nonce_echoed      gpu_nonce_mismatch       the text names our nonce, where it names one
 *   gpu_arch_known        gpu_arch                 Hopper or Blackwell, the same throughout, where
 *                                                  the text names any
 *   gpu_answer_read       gpu_evidence_malformed   each answer is an SPDM message
 *   gpu_chain_trusted     gpu_chain_malformed gpu_root_untrusted gpu_chain_signature gpu_chain_role
 *                         gpu_chain_expired gpu_chain_not_yet_valid
 *   gpu_is_gpu            gpu_other_device         each leaf is a GPU's of that architecture
 *   gpu_signature         gpu_signature            each answer is signed by its leaf
 *   gpu_nonce_signed      gpu_nonce_not_signed     over our nonce
 *   gpu_firmware_bound    gpu_firmware_mismatch    by the firmware that the leaf is for, where that
 *                                                  can be compared
 *   gpu_versions_named    gpu_versions             driver and VBIOS are named
 *   gpus_distinct         gpu_duplicate            no GPU answers twice
 *   gpu_count_claimed     gpu_count_mismatch       as many as the VM's configuration claims
 *
 * Returns 0; VENICE_E_CONFIG for a root_pem that is no certificate; VENICE_E_MEMORY. */
int gpu_check(struct report *r, struct gpu_evidence *out, const struct gpu_input *in);

/* Out: whether the text of nvidia_payload says nothing: no characters, null, or an empty text, list
 * or object. One with members and without evidence is not empty but malformed. Returns 0 or
 * VENICE_E_MEMORY. */
int gpu_payload_is_empty(bool *empty, const char *text);

void gpu_evidence_clear(struct gpu_evidence *e); /* takes zeroed ones */

#endif
