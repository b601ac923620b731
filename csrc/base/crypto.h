/* The primitives, each one call: libsecp256k1 for the curve, OpenSSL 3 for the rest.
 *
 * Everything returns 0 or a negative venice_status and wipes what it put on the stack. Algorithms
 * are fetched from OpenSSL once, because a fetch costs more than opening a token does. "curve" is
 * secp256k1; the names keep clear of the library's own. */
#ifndef VENICE_BASE_CRYPTO_H
#define VENICE_BASE_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

/* Makes sure that the libraries below are set up (OPENSSL_INIT_NO_ATEXIT first: NATIVE.md H5; both
 * callbacks of libsecp256k1 set: H14). Every function here calls it; calling it again is free. */
int crypto_init(void);

/* How often libsecp256k1 has called one of its callbacks, which means a fault of ours: it returns
 * an error then and does not abort. */
unsigned crypto_complaints(void);

/* The secp256k1_context that all calls share, for modules of libsecp256k1 that are not named here
 * (const secp256k1_context *); NULL where crypto_init fails. */
const void *crypto_curve_context(void);

int crypto_random(uint8_t *out, size_t n);

/* A fresh secp256k1 scalar and its uncompressed point (04 x y). */
int curve_generate(uint8_t private32[32], uint8_t public65[65]);

/* The point of a scalar. VENICE_E_ARG for zero or a value outside the group order. */
int curve_public(uint8_t public65[65], const uint8_t private32[32]);

/* VENICE_E_ARG unless it is 04 x y on the curve. Hybrid prefixes (06, 07), which both libraries
 * would take, are refused. */
int curve_check(const uint8_t public65[65]);

/* Reads a public key in the forms that Venice and its relatives use: 130 hex digits, or 128 without
 * the 04, of either case, optional 0x. VENICE_E_ARG for another form or a point off the curve. */
int public_key_from_hex(uint8_t public65[65], const char *hex, size_t len);

/* The x-coordinate of private * public. Checks public as above. */
int curve_ecdh(uint8_t x32[32], const uint8_t private32[32], const uint8_t public65[65]);

/* HKDF-SHA256 without salt, 32 bytes out. */
int hkdf_sha256(uint8_t out32[32], const uint8_t *ikm, size_t ikm_len, const char *info,
                size_t info_len);

/* AES-256-GCM. out has n bytes and may equal in. aad may be NULL with 0. */
int aes256gcm_seal(uint8_t *out, uint8_t tag16[16], const uint8_t key32[32],
                   const uint8_t nonce12[12], const uint8_t *aad, size_t aad_len, const uint8_t *in,
                   size_t n);

/* VENICE_E_INTEGRITY where the tag does not hold; out is wiped then. */
int aes256gcm_open(uint8_t *out, const uint8_t tag16[16], const uint8_t key32[32],
                   const uint8_t nonce12[12], const uint8_t *aad, size_t aad_len, const uint8_t *in,
                   size_t n);

int sha256(uint8_t out32[32], const uint8_t *in, size_t n);
int sha384(uint8_t out48[48], const uint8_t *in, size_t n);

/* Keccak-256 as Ethereum has it (padding 01, not SHA-3's 06). keccak.c. */
void keccak256(uint8_t out32[32], const uint8_t *in, size_t n);

/* The last 20 bytes of keccak256(x y). */
void eth_address(uint8_t out20[20], const uint8_t public65[65]);

#endif
