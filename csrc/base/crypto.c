/* Thin calls into libsecp256k1 and OpenSSL 3. Nothing is invented here. */
#include "base/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <sched.h>
#include <secp256k1.h>
#include <secp256k1_ecdh.h>
#include <secp256k1_preallocated.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/secret.h"
#include "venice.h"

/* What is fetched once and read by every thread. It lives to the end of the process: freeing it at
 * exit would race with a worker that is still in a call (NATIVE.md H5). */
static struct {
    secp256k1_context *curve;
    EVP_CIPHER *aes256gcm;
    EVP_MD *sha256, *sha384;
    EVP_KDF *hkdf;
} lib;

enum { UNTOUCHED, RUNNING, READY };
static atomic_int lib_state = UNTOUCHED;
static atomic_uint complaints;

/* libsecp256k1 calls this instead of abort(), and its function then returns 0 (NATIVE.md H14). */
static void complain(const char *text, void *data)
{
    (void)text;
    (void)data;
    atomic_fetch_add_explicit(&complaints, 1, memory_order_relaxed);
}

unsigned crypto_complaints(void)
{
    return atomic_load_explicit(&complaints, memory_order_relaxed);
}

const void *crypto_curve_context(void)
{
    return crypto_init() == 0 ? lib.curve : NULL;
}

/* Preallocated, because secp256k1_context_create aborts when there is no memory. */
static int curve_init(void)
{
    size_t n = secp256k1_context_preallocated_size(SECP256K1_CONTEXT_NONE);
    void *memory = malloc(n);
    secp256k1_context *curve;
    uint8_t seed[32];
    int r = VENICE_E_INTERNAL;

    if (!memory)
        return VENICE_E_MEMORY;
    curve = secp256k1_context_preallocated_create(memory, SECP256K1_CONTEXT_NONE);
    if (!curve)
        goto out;
    secp256k1_context_set_illegal_callback(curve, complain, NULL);
    secp256k1_context_set_error_callback(curve, complain, NULL);
    if (RAND_priv_bytes(seed, sizeof seed) != 1 || !secp256k1_context_randomize(curve, seed))
        goto out;
    lib.curve = curve;
    memory = NULL;
    r = 0;
out:
    secret_wipe(seed, sizeof seed);
    if (memory)
        wiping_free(memory);
    return r;
}

static int lib_fetch(void)
{
    /* NO_ATEXIT first: whoever initialises OpenSSL first decides this for the process. */
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL) != 1)
        return VENICE_E_INTERNAL;
    if (!lib.aes256gcm)
        lib.aes256gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    if (!lib.sha256)
        lib.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!lib.sha384)
        lib.sha384 = EVP_MD_fetch(NULL, "SHA384", NULL);
    if (!lib.hkdf)
        lib.hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    if (!lib.aes256gcm || !lib.sha256 || !lib.sha384 || !lib.hkdf)
        return VENICE_E_INTERNAL;
    return lib.curve ? 0 : curve_init();
}

int crypto_init(void)
{
    int r;

    for (;;) {
        int expected = UNTOUCHED;

        if (atomic_load_explicit(&lib_state, memory_order_acquire) == READY)
            return 0;
        if (atomic_compare_exchange_strong(&lib_state, &expected, RUNNING))
            break;
        if (expected == RUNNING)
            sched_yield();
    }
    r = lib_fetch(); /* a failure leaves the next caller to try again */
    atomic_store_explicit(&lib_state, r == 0 ? READY : UNTOUCHED, memory_order_release);
    return r;
}

int crypto_random(uint8_t *out, size_t n)
{
    int r = crypto_init();

    if (r != 0)
        return r;
    return n <= INT32_MAX && RAND_priv_bytes(out, (int)n) == 1 ? 0 : VENICE_E_INTERNAL;
}

int curve_public(uint8_t public65[65], const uint8_t private32[32])
{
    secp256k1_pubkey point;
    size_t n = 65;
    int r = crypto_init();

    if (r != 0)
        return r;
    if (!secp256k1_ec_pubkey_create(lib.curve, &point, private32))
        return VENICE_E_ARG;
    if (!secp256k1_ec_pubkey_serialize(lib.curve, public65, &n, &point, SECP256K1_EC_UNCOMPRESSED))
        return VENICE_E_INTERNAL;
    return 0;
}

int curve_generate(uint8_t private32[32], uint8_t public65[65])
{
    int r = VENICE_E_INTERNAL;

    /* A random value is outside the group order once in 2^128 times; the second try is for form. */
    for (int attempt = 0; attempt < 2; attempt++) {
        r = crypto_random(private32, 32);
        if (r == 0)
            r = curve_public(public65, private32);
        if (r != VENICE_E_ARG)
            break;
    }
    if (r != 0)
        secret_wipe(private32, 32);
    return r == VENICE_E_ARG ? VENICE_E_INTERNAL : r;
}

static int parse_point(secp256k1_pubkey *point, const uint8_t public65[65])
{
    int r = crypto_init();

    if (r != 0)
        return r;
    if (public65[0] != 0x04 || !secp256k1_ec_pubkey_parse(lib.curve, point, public65, 65))
        return VENICE_E_ARG;
    return 0;
}

int curve_check(const uint8_t public65[65])
{
    secp256k1_pubkey point;

    return parse_point(&point, public65);
}

int public_key_from_hex(uint8_t public65[65], const char *hex, size_t len)
{
    size_t skip;

    if (!hex)
        return VENICE_E_ARG;
    if (len > 2 && hex[0] == '0' && (hex[1] == 'x' || hex[1] == 'X')) {
        hex += 2;
        len -= 2;
    }
    if (len != 130 && len != 128)
        return VENICE_E_ARG;
    skip = (130 - len) / 2;
    public65[0] = 0x04;
    if (hex_decode(public65 + skip, hex, len) != 0)
        return VENICE_E_ARG;
    return curve_check(public65);
}

static int copy_x(unsigned char *out, const unsigned char *x32, const unsigned char *y32,
                  void *data)
{
    (void)y32;
    (void)data;
    memcpy(out, x32, 32);
    return 1;
}

int curve_ecdh(uint8_t x32[32], const uint8_t private32[32], const uint8_t public65[65])
{
    secp256k1_pubkey point;
    int r = parse_point(&point, public65);

    if (r != 0)
        return r;
    if (!secp256k1_ecdh(lib.curve, x32, &point, private32, copy_x, NULL)) {
        secret_wipe(x32, 32);
        return VENICE_E_ARG;
    }
    return 0;
}

int hkdf_sha256(uint8_t out32[32], const uint8_t *ikm, size_t ikm_len, const char *info,
                size_t info_len)
{
    OSSL_PARAM params[4];
    EVP_KDF_CTX *ctx;
    int r = crypto_init();

    if (r != 0)
        return r;
    ctx = EVP_KDF_CTX_new(lib.hkdf);
    if (!ctx)
        return VENICE_E_MEMORY;
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, "SHA256", 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)ikm, ikm_len);
    params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, info_len);
    params[3] = OSSL_PARAM_construct_end();
    r = EVP_KDF_derive(ctx, out32, 32, params) == 1 ? 0 : VENICE_E_INTERNAL;
    if (r != 0)
        secret_wipe(out32, 32);
    EVP_KDF_CTX_free(ctx);
    return r;
}

/* Lengths are int below; no caller has more than a message, but say so. */
static bool fits_int(size_t a, size_t b)
{
    return a <= INT32_MAX && b <= INT32_MAX;
}

int aes256gcm_seal(uint8_t *out, uint8_t tag16[16], const uint8_t key32[32],
                   const uint8_t nonce12[12], const uint8_t *aad, size_t aad_len, const uint8_t *in,
                   size_t n)
{
    EVP_CIPHER_CTX *ctx = NULL;
    uint8_t rest[16];
    int done = 0, r = crypto_init();

    if (r != 0)
        return r;
    if (!fits_int(n, aad_len))
        return VENICE_E_ARG;
    ctx = EVP_CIPHER_CTX_new();
    if (!ctx)
        return VENICE_E_MEMORY;
    r = VENICE_E_INTERNAL;
    if (EVP_EncryptInit_ex2(ctx, lib.aes256gcm, key32, nonce12, NULL) != 1)
        goto out;
    if (aad_len > 0 && EVP_EncryptUpdate(ctx, NULL, &done, aad, (int)aad_len) != 1)
        goto out;
    if (n > 0 && EVP_EncryptUpdate(ctx, out, &done, in, (int)n) != 1)
        goto out;
    if (EVP_EncryptFinal_ex(ctx, rest, &done) != 1 || done != 0)
        goto out;
    if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag16) != 1)
        goto out;
    r = 0;
out:
    EVP_CIPHER_CTX_free(ctx);
    return r;
}

int aes256gcm_open(uint8_t *out, const uint8_t tag16[16], const uint8_t key32[32],
                   const uint8_t nonce12[12], const uint8_t *aad, size_t aad_len, const uint8_t *in,
                   size_t n)
{
    EVP_CIPHER_CTX *ctx = NULL;
    uint8_t rest[16];
    int done = 0, r = crypto_init();

    if (r != 0)
        return r;
    if (!fits_int(n, aad_len))
        return VENICE_E_ARG;
    ctx = EVP_CIPHER_CTX_new();
    if (!ctx)
        return VENICE_E_MEMORY;
    r = VENICE_E_INTERNAL;
    if (EVP_DecryptInit_ex2(ctx, lib.aes256gcm, key32, nonce12, NULL) != 1)
        goto out;
    if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, (void *)tag16) != 1)
        goto out;
    if (aad_len > 0 && EVP_DecryptUpdate(ctx, NULL, &done, aad, (int)aad_len) != 1)
        goto out;
    if (n > 0 && EVP_DecryptUpdate(ctx, out, &done, in, (int)n) != 1)
        goto out;
    r = EVP_DecryptFinal_ex(ctx, rest, &done) == 1 && done == 0 ? 0 : VENICE_E_INTEGRITY;
out:
    if (r != 0)
        secret_wipe(out, n);
    EVP_CIPHER_CTX_free(ctx);
    return r;
}

static int digest(const EVP_MD *const *md, uint8_t *out, const uint8_t *in, size_t n)
{
    int r = crypto_init();

    if (r != 0)
        return r;
    return EVP_Digest(in, n, out, NULL, *md, NULL) == 1 ? 0 : VENICE_E_INTERNAL;
}

int sha256(uint8_t out32[32], const uint8_t *in, size_t n)
{
    return digest((const EVP_MD *const *)&lib.sha256, out32, in, n);
}

int sha384(uint8_t out48[48], const uint8_t *in, size_t n)
{
    return digest((const EVP_MD *const *)&lib.sha384, out48, in, n);
}
