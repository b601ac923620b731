/* A blob for the key whose scalar is 1; and the same bytes sealed and opened again. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "e2ee/envelope.h"
#include "e2ee/session.h"
#include "venice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void open_it(const venice_keypair *kp, const uint8_t *data, size_t len)
{
    char *out = malloc(len / 2 + 1);
    int n;

    if (!out)
        abort();
    n = venice_open(kp, out, len / 2, (const char *)data, len);
    if (n != VENICE_E_INTEGRITY && (n < 0 || (size_t)n + ENVELOPE_OVERHEAD != len / 2))
        abort();
    if (n >= 0 && !utf8_valid((const uint8_t *)out, (size_t)n))
        abort();
    free(out);
}

static void round_trip(const venice_keypair *kp, const uint8_t *data, size_t len)
{
    size_t hex = 2 * (len + ENVELOPE_OVERHEAD), n;
    char *blob = malloc(hex);
    uint8_t *out = malloc(hex / 2);

    if (!blob || !out)
        abort();
    if (envelope_seal(blob, &ENVELOPE_LEGACY_V1, keypair_public(kp), data, len) != 0)
        abort();
    if (envelope_open(out, &n, &ENVELOPE_LEGACY_V1, keypair_private(kp), blob, hex) != 0)
        abort();
    if (n != len || (len > 0 && memcmp(out, data, len) != 0))
        abort();
    blob[len % hex] ^= 1; /* one digit for another, or none */
    if (envelope_open(out, &n, &ENVELOPE_LEGACY_V1, keypair_private(kp), blob, hex) !=
        VENICE_E_INTEGRITY)
        abort();
    free(blob);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static venice_keypair *kp;
    uint8_t one[32] = { 0 };
    char address[43];

    one[31] = 1;
    if (!kp && keypair_from_private(&kp, one) != 0)
        abort();
    open_it(kp, data, len);
    round_trip(kp, data, len);
    venice_eth_address(address, (const char *)data, len);
    return 0;
}
