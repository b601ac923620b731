/* ECDSA on P-384 with SHA-384 and signatures in the raw form that SPDM and JWTs have. */
#ifndef VENICE_ATTEST_P384_H
#define VENICE_ATTEST_P384_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

enum { P384_SCALAR_SIZE = 48, P384_SIGNATURE_SIZE = 96, P384_HASH_SIZE = 48 };

/* Verifies ECDSA P-384 with SHA-384. signature is r then s, big-endian, 48 bytes each. Returns 0;
 * VENICE_E_INTEGRITY for anything but a good signature; VENICE_E_MEMORY. */
int p384_verify(EVP_PKEY *key, const uint8_t signature[P384_SIGNATURE_SIZE], const uint8_t *message,
                size_t len);

#endif
