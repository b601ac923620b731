/* ECDSA on P-384 where NVIDIA writes it raw: 96 bytes of signature. */
#include "attest/p384.h"

#include <string.h>

#include "attest/der.h"
#include "attest/p256.h"
#include "base/crypto.h"
#include "venice.h"

/* The curve's size keeps every length below 128, where DER has its short form. */
enum { INTEGER_MAX = 2 + 1 + P384_SCALAR_SIZE };

/* A big-endian scalar as a DER INTEGER. Returns its length. */
static size_t put_integer(uint8_t *out, const uint8_t scalar[P384_SCALAR_SIZE])
{
    size_t skip = 0, pad, n;

    while (skip < P384_SCALAR_SIZE - 1 && scalar[skip] == 0)
        skip++;
    n = P384_SCALAR_SIZE - skip;
    pad = scalar[skip] & 0x80 ? 1 : 0; /* else it would read as negative */
    out[0] = DER_INTEGER;
    out[1] = (uint8_t)(n + pad);
    out[2] = 0;
    memcpy(out + 2 + pad, scalar + skip, n);
    return 2 + pad + n;
}

int p384_verify(EVP_PKEY *key, const uint8_t signature[P384_SIGNATURE_SIZE], const uint8_t *message,
                size_t len)
{
    uint8_t hash[P384_HASH_SIZE], der[2 + 2 * INTEGER_MAX];
    EVP_PKEY_CTX *context;
    size_t n;
    int r = VENICE_E_MEMORY;

    n = put_integer(der + 2, signature);
    n += put_integer(der + 2 + n, signature + P384_SCALAR_SIZE);
    der[0] = DER_SEQUENCE;
    der[1] = (uint8_t)n;
    if (!key)
        return VENICE_E_INTEGRITY;
    if (sha384(hash, message, len) != 0)
        return VENICE_E_MEMORY;
    context = EVP_PKEY_CTX_new(key, NULL);
    if (context && EVP_PKEY_verify_init(context) == 1) {
        r = EVP_PKEY_verify(context, der, n + 2, hash, sizeof hash) == 1 ? 0 : VENICE_E_INTEGRITY;
        if (r != 0 && openssl_refusal() == VENICE_E_MEMORY)
            r = VENICE_E_MEMORY;
    }
    EVP_PKEY_CTX_free(context);
    return r;
}
