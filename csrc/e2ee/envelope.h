/* One blob: hex( ephemeral public key 65 | nonce 12 | ciphertext | tag 16 ), PROTOCOL section 1.3.
 *
 * Pure. The key is HKDF-SHA256(x of ECDH, info), the cipher AES-256-GCM. A scheme names info and
 * AAD, so that a later version of the protocol is a row and not a second envelope. */
#ifndef VENICE_E2EE_ENVELOPE_H
#define VENICE_E2EE_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

struct envelope_scheme {
    const char *info;
    size_t info_len;
    const uint8_t *aad;
    size_t aad_len;
};
extern const struct envelope_scheme ENVELOPE_LEGACY_V1; /* info "ecdsa_encryption", no AAD */

enum { ENVELOPE_OVERHEAD = 93, ENVELOPE_MIN_HEX = 186 };

/* Seals n bytes for public65 with a fresh ephemeral key. out gets 2 * (n + 93) characters, no
 * NUL. */
int envelope_seal(char *out, const struct envelope_scheme *scheme, const uint8_t public65[65],
                  const uint8_t *text, size_t n);

/* The same with a given ephemeral key and nonce: for vectors only. */
int envelope_seal_with(char *out, const struct envelope_scheme *scheme, const uint8_t public65[65],
                       const uint8_t ephemeral32[32], const uint8_t nonce12[12],
                       const uint8_t *text, size_t n);

/* Opens hex of either case, without 0x. out gets at most hex_len / 2 bytes (it is used as working
 * space), *out_len the plaintext's length, which may be 0. Does not look at the text's encoding.
 * VENICE_E_INTEGRITY for everything that is not a blob that authenticates; out is wiped then. */
int envelope_open(uint8_t *out, size_t *out_len, const struct envelope_scheme *scheme,
                  const uint8_t private32[32], const char *hex, size_t hex_len);

#endif
