/* What NVIDIA's evidence hangs on: public certificates and keys, pinned. */
#ifndef VENICE_ATTEST_GPU_NVIDIA_ROOTS_H
#define VENICE_ATTEST_GPU_NVIDIA_ROOTS_H

#include <stdint.h>

enum { NVIDIA_DEVICE_ROOT_SIZE = 527, NVIDIA_SPKI_HASH_SIZE = 32, NVIDIA_SERVICE_COUNT = 1 };

/* The root of every GPU's chain, DER. */
extern const uint8_t nvidia_device_root_der[NVIDIA_DEVICE_ROOT_SIZE];

/* Who signs the attestation service's keys: SHA-256 of the SubjectPublicKeyInfo. The issuer above
 * is not published (EVIDENCE.md section 4.2), so the intermediates themselves are pinned. */
extern const uint8_t nvidia_service_spki[NVIDIA_SERVICE_COUNT][NVIDIA_SPKI_HASH_SIZE];

#endif
