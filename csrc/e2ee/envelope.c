/* Seals and opens one blob. */
#include "e2ee/envelope.h"

#include <string.h>

#include "base/codec.h"
#include "base/crypto.h"
#include "base/secret.h"
#include "venice.h"

enum { POINT = 65, NONCE = 12, TAG = 16 };

const struct envelope_scheme ENVELOPE_LEGACY_V1 = {
    .info = "ecdsa_encryption", .info_len = 16, .aad = NULL, .aad_len = 0
};

/* The AES key that both sides come to. */
static int derive_key(uint8_t key32[32], const struct envelope_scheme *scheme,
                      const uint8_t private32[32], const uint8_t public65[65])
{
    uint8_t shared[32];
    int r = curve_ecdh(shared, private32, public65);

    if (r == 0)
        r = hkdf_sha256(key32, shared, sizeof shared, scheme->info, scheme->info_len);
    secret_wipe(shared, sizeof shared);
    return r;
}

/* The ciphertext is made in the upper half of out and spread into hex from there: its bytes lie at
 * out + cipher_at + i and go to 2 * i after the head, which never overtakes what is still to be
 * read, because the last byte of the upper half is the last of the hex too. */
static int seal(char *out, const struct envelope_scheme *scheme, const uint8_t public65[65],
                const uint8_t ephemeral32[32], const uint8_t ephemeral_public65[65],
                const uint8_t nonce12[12], const uint8_t *text, size_t n)
{
    uint8_t key[32], tag[TAG];
    char *hex = out + 2 * (POINT + NONCE);
    uint8_t *cipher = (uint8_t *)hex + n;
    int r = derive_key(key, scheme, ephemeral32, public65);

    if (r == 0)
        r = aes256gcm_seal(cipher, tag, key, nonce12, scheme->aad, scheme->aad_len, text, n);
    secret_wipe(key, sizeof key);
    if (r != 0)
        return r;
    hex_encode(out, ephemeral_public65, POINT);
    hex_encode(out + 2 * POINT, nonce12, NONCE);
    hex_encode(hex, cipher, n);
    hex_encode(hex + 2 * n, tag, TAG);
    return 0;
}

int envelope_seal_with(char *out, const struct envelope_scheme *scheme, const uint8_t public65[65],
                       const uint8_t ephemeral32[32], const uint8_t nonce12[12],
                       const uint8_t *text, size_t n)
{
    uint8_t ephemeral_public[POINT];
    int r = curve_public(ephemeral_public, ephemeral32);

    if (r != 0)
        return r;
    return seal(out, scheme, public65, ephemeral32, ephemeral_public, nonce12, text, n);
}

int envelope_seal(char *out, const struct envelope_scheme *scheme, const uint8_t public65[65],
                  const uint8_t *text, size_t n)
{
    uint8_t ephemeral[32], ephemeral_public[POINT], nonce[NONCE];
    int r = curve_generate(ephemeral, ephemeral_public);

    if (r == 0)
        r = crypto_random(nonce, sizeof nonce);
    if (r == 0)
        r = seal(out, scheme, public65, ephemeral, ephemeral_public, nonce, text, n);
    secret_wipe(ephemeral, sizeof ephemeral);
    return r;
}

int envelope_open(uint8_t *out, size_t *out_len, const struct envelope_scheme *scheme,
                  const uint8_t private32[32], const char *hex, size_t hex_len)
{
    uint8_t head[POINT + NONCE], tag[TAG], key[32];
    size_t n;
    int r;

    *out_len = 0;
    if (hex_len < ENVELOPE_MIN_HEX || hex_len % 2 != 0)
        return VENICE_E_INTEGRITY;
    n = hex_len / 2 - ENVELOPE_OVERHEAD;
    if (hex_decode(head, hex, 2 * sizeof head) != 0 ||
        hex_decode(tag, hex + hex_len - 2 * TAG, 2 * TAG) != 0 ||
        hex_decode(out, hex + 2 * sizeof head, 2 * n) != 0)
        r = VENICE_E_INTEGRITY;
    else
        r = derive_key(key, scheme, private32, head);
    if (r == 0)
        r = aes256gcm_open(out, tag, key, head + POINT, scheme->aad, scheme->aad_len, out, n);
    secret_wipe(key, sizeof key);
    if (r != 0)
        secret_wipe(out, n);
    else
        *out_len = n;
    /* A point that is refused is a blob that does not authenticate, not a caller's mistake. */
    return r == VENICE_E_ARG ? VENICE_E_INTEGRITY : r;
}
