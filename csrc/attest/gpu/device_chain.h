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

/* Whether the leaf is for this firmware: the hash stands in its extension 2.23.133.5.4.1. */
bool device_leaf_has_firmware(const struct x509_cert *leaf, const uint8_t fwid[SPDM_FWID_SIZE]);

/* Whether the leaf is a GPU's of this architecture; under the same root there are other devices.
 * arch is "HOPPER" or "BLACKWELL". */
bool device_leaf_is_gpu(const struct x509_cert *leaf, const char *arch);

/* Whether two leaves have the same key. */
bool device_leaf_same(const struct x509_cert *a, const struct x509_cert *b);

/* Out: the serial number in decimal, as NVIDIA's service writes it. Returns 0 or
 * VENICE_E_MEMORY. */
int device_leaf_serial(char out[DEVICE_SERIAL_MAX], const struct x509_cert *leaf);

#endif
