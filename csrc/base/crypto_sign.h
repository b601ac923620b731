/* Signatures that others made, checked: secp256k1 ECDSA with and without a public key at hand, and
 * Ed25519. Nothing here signs. */
#ifndef VENICE_BASE_CRYPTO_SIGN_H
#define VENICE_BASE_CRYPTO_SIGN_H

#include <stddef.h>
#include <stdint.h>

/* Verifies ECDSA over a hash. signature64 is r then s, big-endian; s may be in the upper half of
 * the group order (EVIDENCE section 3.1, 4), which libsecp256k1 alone would refuse. Returns 0;
 * VENICE_E_INTEGRITY for a signature that does not hold; VENICE_E_ARG for a public key that is
 * none. */
int curve_verify(const uint8_t public65[65], const uint8_t hash32[32],
                 const uint8_t signature64[64]);

/* The public key that made a signature. signature65 is r, s and a recovery id of 0 to 3 or, as
 * Ethereum writes it, 27 to 30. Returns 0 or VENICE_E_INTEGRITY. A key comes out of nearly every
 * signature: what it means depends on whose it is. */
int curve_recover(uint8_t public65[65], const uint8_t hash32[32], const uint8_t signature65[65]);

/* The compressed form (02 or 03, x). VENICE_E_ARG unless public65 is a point. */
int curve_compress(uint8_t out33[33], const uint8_t public65[65]);

/* The uncompressed form. VENICE_E_ARG unless in33 is a compressed point. */
int curve_decompress(uint8_t public65[65], const uint8_t in33[33]);

/* Verifies Ed25519 (RFC 8032, pure) over a message. Returns 0; VENICE_E_INTEGRITY for a
 * signature or key that does not hold; VENICE_E_MEMORY. */
int ed25519_verify(const uint8_t public32[32], const uint8_t signature64[64],
                   const uint8_t *message, size_t n);

#endif
