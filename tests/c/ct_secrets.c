/* link: -Wl,--wrap=secp256k1_ec_pubkey_create -Wl,--wrap=secp256k1_ecdh */
/* Time must not depend on secrets. They are marked as undefined, and memcheck reports every branch
 * and every address that is computed from them: in our code, and in the libraries' that we call.
 * Run under valgrind (make test-ct); an error there is a failure. Speaks TAP. */
#include <secp256k1_ecdh.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "base/codec.h"
#include "base/crypto.h"
#include "e2ee/envelope.h"
#include "venice.h"

enum { TEXT = 48, BLOB = 2 * (TEXT + ENVELOPE_OVERHEAD) };

static uint8_t mine[32], my_point[65], theirs[32], their_point[65];
static int cases;

static void hide(void *p, size_t n)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(p, n);
}

static void show(void *p, size_t n)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(p, n);
}

/* ---- What is no secret any more ----------------------------------------------------------- */

/* A public key, and whether a scalar was one: libsecp256k1's own test shows the same. That a tag
 * does not hold is in ct_secrets.supp. */
int __real_secp256k1_ec_pubkey_create(const secp256k1_context *ctx, secp256k1_pubkey *point,
                                      const unsigned char *scalar);
int __wrap_secp256k1_ec_pubkey_create(const secp256k1_context *ctx, secp256k1_pubkey *point,
                                      const unsigned char *scalar);
int __real_secp256k1_ecdh(const secp256k1_context *ctx, unsigned char *out,
                          const secp256k1_pubkey *point, const unsigned char *scalar,
                          secp256k1_ecdh_hash_function hash, void *data);
int __wrap_secp256k1_ecdh(const secp256k1_context *ctx, unsigned char *out,
                          const secp256k1_pubkey *point, const unsigned char *scalar,
                          secp256k1_ecdh_hash_function hash, void *data);

int __wrap_secp256k1_ec_pubkey_create(const secp256k1_context *ctx, secp256k1_pubkey *point,
                                      const unsigned char *scalar)
{
    int r = __real_secp256k1_ec_pubkey_create(ctx, point, scalar);

    show(point, sizeof *point);
    show(&r, sizeof r);
    return r;
}

int __wrap_secp256k1_ecdh(const secp256k1_context *ctx, unsigned char *out,
                          const secp256k1_pubkey *point, const unsigned char *scalar,
                          secp256k1_ecdh_hash_function hash, void *data)
{
    int r = __real_secp256k1_ecdh(ctx, out, point, scalar, hash, data);

    show(&r, sizeof r);
    return r;
}

/* What a function returns is no secret: whether it worked is acted upon. */
static void done(const char *name, int result, int wanted)
{
    show(&result, sizeof result);
    printf("%s %d - %s\n", result == wanted ? "ok" : "not ok", ++cases, name);
}

/* Keys that are known here, and marked before each use. */
static void make_keys(void)
{
    if (crypto_init() != 0 || curve_generate(mine, my_point) != 0 ||
        curve_generate(theirs, their_point) != 0)
        exit(2);
}

static void a_public_key(void)
{
    uint8_t point[65];

    hide(mine, sizeof mine);
    done("the point of a private key", curve_public(point, mine), 0);
    show(point, sizeof point);
    show(mine, sizeof mine);
}

static void an_exchange(void)
{
    uint8_t x[32], key[32];
    int r;

    hide(mine, sizeof mine);
    r = curve_ecdh(x, mine, their_point);
    done("a shared secret", r, 0);
    hide(x, sizeof x);
    done("a key out of it", hkdf_sha256(key, x, sizeof x, "info", 4), 0);
    show(mine, sizeof mine);
}

/* Sealing hides the text and the ephemeral key; opening hides the reader's key. */
static void an_envelope(void)
{
    static const uint8_t nonce[12] = { 1 };
    uint8_t text[TEXT], opened[TEXT + 16];
    char blob[BLOB];
    size_t n = 0;

    memset(text, 'x', sizeof text);
    hide(text, sizeof text);
    hide(theirs, sizeof theirs);
    done("sealing",
         envelope_seal_with(blob, &ENVELOPE_LEGACY_V1, my_point, theirs, nonce, text, TEXT), 0);
    show(blob, sizeof blob);
    show(theirs, sizeof theirs);
    hide(mine, sizeof mine);
    done("opening", envelope_open(opened, &n, &ENVELOPE_LEGACY_V1, mine, blob, BLOB), 0);
    blob[BLOB - 1] = blob[BLOB - 1] == '0' ? '1' : '0';
    done("opening what does not authenticate",
         envelope_open(opened, &n, &ENVELOPE_LEGACY_V1, mine, blob, BLOB), VENICE_E_INTEGRITY);
    show(mine, sizeof mine);
}

static void hex(void)
{
    uint8_t bytes[32], back[32];
    char text[64];

    memset(bytes, 7, sizeof bytes);
    hide(bytes, sizeof bytes);
    hex_encode(text, bytes, sizeof bytes);
    done("hex of a key", hex_decode(back, text, sizeof text), 0);
}

/* Without this, a run that looks at nothing would pass: a derived key carries the mark of its
 * secret. */
static void the_marks_are_seen(void)
{
    uint8_t secret[32] = { 1 }, key[32], bits[32] = { 0 };

    hide(secret, sizeof secret);
    (void)hkdf_sha256(key, secret, sizeof secret, "info", 4);
    if (VALGRIND_GET_VBITS(key, bits, sizeof bits) != 1)
        memset(bits, 0, sizeof bits);
    done("marks are seen, and reach what is made of a secret", bits[0] != 0 && bits[31] != 0, 1);
}

int main(void)
{
    make_keys();
    the_marks_are_seen();
    a_public_key();
    an_exchange();
    an_envelope();
    hex();
    printf("1..%d\n", cases);
    return 0;
}
