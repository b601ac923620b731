/* Thin calls into libsecp256k1 and OpenSSL 3, for signatures that others made. */
#include "base/crypto_sign.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include "base/crypto.h"
#include "venice.h"

static int serialize(uint8_t *out, size_t n, const secp256k1_context *curve,
                     const secp256k1_pubkey *point)
{
    unsigned form = n == 65 ? SECP256K1_EC_UNCOMPRESSED : SECP256K1_EC_COMPRESSED;

    return secp256k1_ec_pubkey_serialize(curve, out, &n, point, form) ? 0 : VENICE_E_INTERNAL;
}

int curve_verify(const uint8_t public65[65], const uint8_t hash32[32],
                 const uint8_t signature64[64])
{
    const secp256k1_context *curve = crypto_curve_context();
    secp256k1_ecdsa_signature signature;
    secp256k1_pubkey point;

    if (!curve)
        return VENICE_E_INTERNAL;
    if (public65[0] != 4 || !secp256k1_ec_pubkey_parse(curve, &point, public65, 65))
        return VENICE_E_ARG;
    if (!secp256k1_ecdsa_signature_parse_compact(curve, &signature, signature64))
        return VENICE_E_INTEGRITY;
    secp256k1_ecdsa_signature_normalize(curve, &signature, &signature);
    return secp256k1_ecdsa_verify(curve, &signature, hash32, &point) ? 0 : VENICE_E_INTEGRITY;
}

int curve_recover(uint8_t public65[65], const uint8_t hash32[32], const uint8_t signature65[65])
{
    const secp256k1_context *curve = crypto_curve_context();
    secp256k1_ecdsa_recoverable_signature signature;
    secp256k1_pubkey point;
    int id = signature65[64] >= 27 ? signature65[64] - 27 : signature65[64];

    if (!curve)
        return VENICE_E_INTERNAL;
    /* Another id would be a fault of ours to libsecp256k1, not of the signature. */
    if (id > 3)
        return VENICE_E_INTEGRITY;
    if (!secp256k1_ecdsa_recoverable_signature_parse_compact(curve, &signature, signature65, id) ||
        !secp256k1_ecdsa_recover(curve, &point, &signature, hash32))
        return VENICE_E_INTEGRITY;
    return serialize(public65, 65, curve, &point);
}

int curve_compress(uint8_t out33[33], const uint8_t public65[65])
{
    const secp256k1_context *curve = crypto_curve_context();
    secp256k1_pubkey point;

    if (!curve)
        return VENICE_E_INTERNAL;
    if (public65[0] != 4 || !secp256k1_ec_pubkey_parse(curve, &point, public65, 65))
        return VENICE_E_ARG;
    return serialize(out33, 33, curve, &point);
}

int curve_decompress(uint8_t public65[65], const uint8_t in33[33])
{
    const secp256k1_context *curve = crypto_curve_context();
    secp256k1_pubkey point;

    if (!curve)
        return VENICE_E_INTERNAL;
    if (!secp256k1_ec_pubkey_parse(curve, &point, in33, 33))
        return VENICE_E_ARG;
    return serialize(public65, 65, curve, &point);
}

int ed25519_verify(const uint8_t public32[32], const uint8_t signature64[64],
                   const uint8_t *message, size_t n)
{
    EVP_PKEY *key = NULL;
    EVP_MD_CTX *ctx = NULL;
    int r = crypto_init();

    if (r != 0)
        return r;
    ctx = EVP_MD_CTX_new();
    if (!ctx)
        return VENICE_E_MEMORY;
    r = VENICE_E_INTEGRITY;
    key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public32, 32);
    if (!key || EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) != 1)
        goto out;
    if (EVP_DigestVerify(ctx, signature64, 64, message, n) == 1)
        r = 0;
out:
    EVP_PKEY_free(key);
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return r;
}
