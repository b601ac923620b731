/* Whose key signed a GPU's answer: from the leaf of the device to NVIDIA's root (EVIDENCE.md
 * section 4.3, 3 and 4). */
#ifndef VENICE_ATTEST_GPU_DEVICE_CHAIN_H
#define VENICE_ATTEST_GPU_DEVICE_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/gpu/spdm.h"
#include "attest/x509.h"

enum { DEVICE_SERIAL_MAX = 64 };

/* Reads the root: NVIDIA's, or the one certificate of a PEM text. *der backs root and belongs to
 * the caller (wiping_free). Returns 0; VENICE_E_CONFIG for another PEM text; VENICE_E_MEMORY. */
int device_root_read(struct x509_cert *root, uint8_t **der, const char *pem);

/* Reads a chain, leaf first. Results as x509_read_pem; known as there. */
int device_chain_read(struct x509_chain *out, const char *pem, size_t len,
                      const struct x509_cert *const *known, size_t known_count);

/* Whether the chain leads to root at this time. NULL: it does; else the reason's code, and *words
 * says it to a person. The chain was read; root itself may be its last certificate or not. */
const char *device_chain_fault(const char **words, struct x509_chain *chain,
                               const struct x509_cert *root, int64_t now);

/* The architectures as NVIDIA's payloads name them. */
extern const char device_arch_hopper[], device_arch_blackwell[];

enum device_firmware {
    DEVICE_FIRMWARE_SAME,
    DEVICE_FIRMWARE_OTHER,  /* another one, or none is named in a form that is known */
    DEVICE_FIRMWARE_UNKNOWN /* not comparable: the answer names no firmware, or the leaf a list */
};

/* Compares the firmware id of an answer (48 bytes; NULL: it has none) with the leaf's. */
enum device_firmware device_leaf_firmware(const struct x509_cert *leaf, const uint8_t *fwid);

/* The architecture of the GPU that the leaf is a certificate of; one of the two above. NULL: it is
 * another device's, of which there are some under the same root. */
const char *device_leaf_arch(const struct x509_cert *leaf);

/* Whether two leaves have the same key. */
bool device_leaf_same(const struct x509_cert *a, const struct x509_cert *b);

/* Out: the serial number in decimal, as NVIDIA's service writes it. Returns 0 or
 * VENICE_E_MEMORY. */
int device_leaf_serial(char out[DEVICE_SERIAL_MAX], const struct x509_cert *leaf);

#endif
