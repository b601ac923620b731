/* ECDSA on P-256 where Intel writes it raw: 64 bytes of signature, 64 bytes of point. */
#include "attest/p256.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <string.h>

#include "attest/der.h"
#include "base/crypto.h"
#include "venice.h"

int openssl_refusal(void)
{
    int r = VENICE_E_MALFORMED;
    unsigned long error;

    while ((error = ERR_get_error()) != 0)
        if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
            r = VENICE_E_MEMORY;
    return r;
}

/* A big-endian scalar as a DER INTEGER. Returns its length. */
static size_t put_integer(uint8_t *out, const uint8_t scalar[32])
{
    size_t skip = 0, n;

    while (skip < 31 && scalar[skip] == 0)
        skip++;
    n = 32 - skip;
    out[0] = DER_INTEGER;
    out[1] = (uint8_t)n;
    if (scalar[skip] & 0x80) { /* would read as negative */
        out[1]++;
        out[2] = 0;
        memcpy(out + 3, scalar + skip, n);
        return n + 3;
    }
    memcpy(out + 2, scalar + skip, n);
    return n + 2;
}

bool p256_verify(EVP_PKEY *key, const uint8_t signature[64], const uint8_t *message, size_t len)
{
    uint8_t hash[32], der[2 + 2 * 35];
    size_t n;
    EVP_PKEY_CTX *context;
    bool good = false;

    n = put_integer(der + 2, signature);
    n += put_integer(der + 2 + n, signature + 32);
    der[0] = DER_SEQUENCE;
    der[1] = (uint8_t)n;
    if (!key || sha256(hash, message, len) != 0)
        return false;
    context = EVP_PKEY_CTX_new(key, NULL);
    if (context && EVP_PKEY_verify_init(context) == 1)
        good = EVP_PKEY_verify(context, der, n + 2, hash, sizeof hash) == 1;
    EVP_PKEY_CTX_free(context);
    return good;
}

int p256_key(EVP_PKEY **out, const uint8_t xy[64])
{
    uint8_t point[65] = { 0x04 };
    char group[] = "P-256";
    OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
                            OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point,
                                                              sizeof point),
                            OSSL_PARAM_construct_end() };
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    int r = VENICE_E_MEMORY;

    *out = NULL;
    memcpy(point + 1, xy, 64);
    ERR_clear_error();
    if (!context || EVP_PKEY_fromdata_init(context) != 1)
        goto out;
    r = EVP_PKEY_fromdata(context, out, EVP_PKEY_PUBLIC_KEY, params) == 1 ? 0 : openssl_refusal();
out:
    EVP_PKEY_CTX_free(context);
    if (r != 0) {
        EVP_PKEY_free(*out);
        *out = NULL;
    }
    return r;
}
