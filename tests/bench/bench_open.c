/* What opening costs beside the calls that it cannot do without: point parsing, ECDH, HKDF, GCM.
 *
 * Prints `open_ratio X` (opening one chunk) and `stream_ratio Y` (splitting, JSON and opening),
 * each the median of paired runs in this process, and `open_us Z`, the microseconds of one
 * opening. */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <secp256k1.h>
#include <secp256k1_ecdh.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/codec.h"
#include "e2ee/envelope.h"
#include "e2ee/session.h"
#include "e2ee/stream.h"

enum { CHUNKS = 200, ROUNDS = 31, TEXT = 6, HEX = 2 * (TEXT + ENVELOPE_OVERHEAD), PIECE = 1400 };

static char blobs[CHUNKS][HEX];
static uint8_t raw[CHUNKS][HEX / 2];
static char *answer;
static size_t answer_len;
static secp256k1_context *curve;
static EVP_KDF *hkdf;
static EVP_CIPHER *gcm;

static void check(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_open: %s failed\n", what);
        exit(1);
    }
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int copy_x(unsigned char *out, const unsigned char *x, const unsigned char *y, void *data)
{
    (void)y;
    (void)data;
    memcpy(out, x, 32);
    return 1;
}

static void bare_hkdf(uint8_t key[32], uint8_t shared[32])
{
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(hkdf);
    char info[] = "ecdsa_encryption", name[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, name, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, shared, 32),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof info - 1),
        OSSL_PARAM_construct_end(),
    };

    check(ctx && EVP_KDF_derive(ctx, key, 32, params) == 1, "HKDF");
    EVP_KDF_CTX_free(ctx);
}

static void bare_open(const uint8_t *blob, const uint8_t private32[32])
{
    secp256k1_pubkey point;
    uint8_t shared[32], key[32], out[TEXT + 16];
    EVP_CIPHER_CTX *ctx;
    int n;

    check(secp256k1_ec_pubkey_parse(curve, &point, blob, 65), "point");
    check(secp256k1_ecdh(curve, shared, &point, private32, copy_x, NULL), "ECDH");
    bare_hkdf(key, shared);
    ctx = EVP_CIPHER_CTX_new();
    check(EVP_DecryptInit_ex2(ctx, gcm, key, blob + 65, NULL) == 1, "GCM");
    check(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, (void *)(blob + 77 + TEXT)) == 1,
          "tag");
    check(EVP_DecryptUpdate(ctx, out, &n, blob + 77, TEXT) == 1, "GCM");
    check(EVP_DecryptFinal_ex(ctx, out + n, &n) == 1, "GCM");
    EVP_CIPHER_CTX_free(ctx);
}

static double run_bare(const venice_keypair *kp)
{
    double start = now();

    for (int i = 0; i < CHUNKS; i++)
        bare_open(raw[i], keypair_private(kp));
    return now() - start;
}

static double run_open(const venice_keypair *kp)
{
    double start = now();
    char out[HEX / 2];

    for (int i = 0; i < CHUNKS; i++)
        check(venice_open(kp, out, sizeof out, blobs[i], HEX) == TEXT, "venice_open");
    return now() - start;
}

static double run_stream(venice_keypair *kp)
{
    double start = now();
    venice_stream *s;
    venice_event ev;
    int texts = 0;

    check(venice_stream_new(&s, kp, NULL, 0) == 0, "venice_stream_new");
    for (size_t at = 0; at < answer_len; at += PIECE) {
        size_t n = answer_len - at < PIECE ? answer_len - at : PIECE;

        check(venice_stream_feed(s, answer + at, n) == 0, "venice_stream_feed");
        while (venice_stream_next(s, &ev))
            texts += ev.kind == VENICE_EV_CONTENT;
    }
    venice_stream_free(s);
    check(texts == CHUNKS, "the stream");
    return now() - start;
}

static void prepare(const venice_keypair *kp)
{
    static const char head[] =
        "data: {\"id\":\"chatcmpl-00112233445566778899aabbccddeeff\",\"object\":"
        "\"chat.completion.chunk\",\"created\":1780000000,\"model\":\"e2ee-bench\",\"choices\":"
        "[{\"index\":0,\"delta\":{\"content\":\"";
    static const char tail[] = "\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n";

    curve = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    answer = malloc(CHUNKS * (sizeof head + HEX + sizeof tail));
    check(curve && hkdf && gcm && answer, "setup");
    for (int i = 0; i < CHUNKS; i++) {
        check(envelope_seal(blobs[i], &ENVELOPE_LEGACY_V1, keypair_public(kp),
                            (const uint8_t *)" token", TEXT) == 0,
              "seal");
        check(hex_decode(raw[i], blobs[i], HEX) == 0, "hex");
        memcpy(answer + answer_len, head, sizeof head - 1);
        answer_len += sizeof head - 1;
        memcpy(answer + answer_len, blobs[i], HEX);
        answer_len += HEX;
        memcpy(answer + answer_len, tail, sizeof tail - 1);
        answer_len += sizeof tail - 1;
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, compare);
    return values[ROUNDS / 2];
}

int main(void)
{
    double open_ratio[ROUNDS], stream_ratio[ROUNDS], open_us[ROUNDS];
    venice_keypair *kp;

    check(venice_keypair_new(&kp, NULL, 0) == 0, "venice_keypair_new");
    prepare(kp);
    run_bare(kp);
    run_stream(kp);
    for (int i = 0; i < ROUNDS; i++) {
        double before = run_bare(kp), opened = run_open(kp), streamed = run_stream(kp);
        double bare = (before + run_bare(kp)) / 2;

        open_ratio[i] = opened / bare;
        stream_ratio[i] = streamed / bare;
        open_us[i] = opened / CHUNKS;
    }
    printf("open_ratio %.3f\n", median(open_ratio));
    printf("stream_ratio %.3f\n", median(stream_ratio));
    printf("open_us %.1f\n", median(open_us));
    venice_keypair_free(kp);
    free(answer);
    secp256k1_context_destroy(curve);
    EVP_KDF_free(hkdf);
    EVP_CIPHER_free(gcm);
    return 0;
}
