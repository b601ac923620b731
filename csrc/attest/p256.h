/* ECDSA on P-256 with keys and signatures in the raw form that quotes and Intel's JSON have. */
#ifndef VENICE_ATTEST_P256_H
#define VENICE_ATTEST_P256_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Verifies ECDSA P-256 with SHA-256. signature is r then s, big-endian, 32 bytes each (DCAP.md rule
 * 31: high s is accepted). Anything but a good signature is false. */
bool p256_verify(EVP_PKEY *key, const uint8_t signature[64], const uint8_t *message, size_t len);

/* Makes a key of a point (x then y, big-endian). Returns 0 and a key to be freed with
 * EVP_PKEY_free; VENICE_E_MALFORMED where it is not on the curve. */
int p256_key(EVP_PKEY **out, const uint8_t xy[64]);

/* Why OpenSSL has just refused something: VENICE_E_MEMORY, or VENICE_E_MALFORMED for bad input.
 * Empties its error queue. */
int openssl_refusal(void);

#endif
