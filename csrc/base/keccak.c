/* Keccak-256 and Ethereum addresses. OpenSSL 3.0 has SHA-3 only, whose padding differs. */
#include <string.h>

#include "base/crypto.h"

enum { LANES = 25, ROUNDS = 24, RATE = 136 /* bytes: (1600 - 2 * 256) / 8 */ };

static const uint64_t ROUND_CONSTANT[ROUNDS] = {
    UINT64_C(0x0000000000000001), UINT64_C(0x0000000000008082), UINT64_C(0x800000000000808a),
    UINT64_C(0x8000000080008000), UINT64_C(0x000000000000808b), UINT64_C(0x0000000080000001),
    UINT64_C(0x8000000080008081), UINT64_C(0x8000000000008009), UINT64_C(0x000000000000008a),
    UINT64_C(0x0000000000000088), UINT64_C(0x0000000080008009), UINT64_C(0x000000008000000a),
    UINT64_C(0x000000008000808b), UINT64_C(0x800000000000008b), UINT64_C(0x8000000000008089),
    UINT64_C(0x8000000000008003), UINT64_C(0x8000000000008002), UINT64_C(0x8000000000000080),
    UINT64_C(0x000000000000800a), UINT64_C(0x800000008000000a), UINT64_C(0x8000000080008081),
    UINT64_C(0x8000000000008080), UINT64_C(0x0000000080000001), UINT64_C(0x8000000080008008),
};

static uint64_t rotate(uint64_t v, unsigned by)
{
    return v << (by & 63) | v >> ((64 - by) & 63);
}

/* Lane (x, y) of the specification is a[x + 5 * y] (FIPS 202, section 3.2). */
static void theta(uint64_t a[LANES])
{
    uint64_t column[5];

    for (unsigned x = 0; x < 5; x++)
        column[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
    for (unsigned x = 0; x < 5; x++) {
        uint64_t d = column[(x + 4) % 5] ^ rotate(column[(x + 1) % 5], 1);

        for (unsigned y = 0; y < 5; y++)
            a[x + 5 * y] ^= d;
    }
}

/* Both walk the same path (x, y) -> (y, 2x + 3y); step t turns by the triangular number of t +
 * 1. */
static void rho_and_pi(uint64_t a[LANES])
{
    unsigned x = 1, y = 0;
    uint64_t moving = a[x];

    for (unsigned t = 0; t < LANES - 1; t++) {
        unsigned next_y = (2 * x + 3 * y) % 5;
        uint64_t turned = rotate(moving, (t + 1) * (t + 2) / 2);

        x = y;
        y = next_y;
        moving = a[x + 5 * y];
        a[x + 5 * y] = turned;
    }
}

static void chi(uint64_t a[LANES])
{
    for (unsigned y = 0; y < LANES; y += 5) {
        uint64_t row[5];

        memcpy(row, a + y, sizeof row);
        for (unsigned x = 0; x < 5; x++)
            a[x + y] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
    }
}

static void permute(uint64_t a[LANES])
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        theta(a);
        rho_and_pi(a);
        chi(a);
        a[0] ^= ROUND_CONSTANT[round];
    }
}

static void absorb(uint64_t a[LANES], const uint8_t block[RATE])
{
    for (unsigned i = 0; i < RATE; i++)
        a[i / 8] ^= (uint64_t)block[i] << (8 * (i % 8));
    permute(a);
}

void keccak256(uint8_t out32[32], const uint8_t *in, size_t n)
{
    uint64_t a[LANES] = { 0 };
    uint8_t last[RATE] = { 0 };

    for (; n >= RATE; in += RATE, n -= RATE)
        absorb(a, in);
    if (n > 0)
        memcpy(last, in, n);
    last[n] ^= 0x01;
    last[RATE - 1] ^= 0x80;
    absorb(a, last);
    for (unsigned i = 0; i < 32; i++)
        out32[i] = (uint8_t)(a[i / 8] >> (8 * (i % 8)));
}

void eth_address(uint8_t out20[20], const uint8_t public65[65])
{
    uint8_t digest[32];

    keccak256(digest, public65 + 1, 64);
    memcpy(out20, digest + 12, 20);
}
