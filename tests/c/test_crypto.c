#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <pthread.h>
#include <secp256k1.h>
#include <stdio.h>
#include <string.h>

#include "base/codec.h"
#include "base/crypto.h"
#include "base/screen.h"
#include "base/status.h"
#include "venice.h"

static void unhex(uint8_t *out, const char *hex)
{
    assert_int_equal(hex_decode(out, hex, strlen(hex)), 0);
}

static void assert_hex(const uint8_t *bytes, const char *hex)
{
    uint8_t want[256];

    unhex(want, hex);
    assert_memory_equal(bytes, want, strlen(hex) / 2);
}

static void *init_thread(void *arg)
{
    uint8_t bytes[8];

    (void)arg;
    return (void *)(intptr_t)crypto_random(bytes, sizeof bytes);
}

/* First in the group: four threads meet at the first use. */
static void first_use_by_several_threads(void **state)
{
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, init_thread, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *result;

        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
}

static void digests(void **state)
{
    uint8_t out[48];

    (void)state;
    /* FIPS 180-4 examples */
    assert_int_equal(sha256(out, (const uint8_t *)"abc", 3), 0);
    assert_hex(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(sha256(out, NULL, 0), 0);
    assert_hex(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_int_equal(sha384(out, (const uint8_t *)"abc", 3), 0);
    assert_hex(out, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
                    "8086072ba1e7cc2358baeca134c825a7");
}

/* Around the block size of 136; made with an independent implementation. */
static void keccak_vectors(void **state)
{
    static const struct {
        size_t n;
        const char *digest;
    } rows[] = {
        { 0, "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470" },
        { 1, "5fe7f977e71dba2ea1a68e21057beebb9be2ac30c6410aa38d4f3fbe41dcffd2" },
        { 135, "8ab570337c9a3a773c3605160ca58e3f0546d92d217c908669cc4f35a31933bc" },
        { 136, "16b30a6be318a7acbcba7a2194789f628abf68dfbbf55a4d840f22f6a4d29efd" },
        { 137, "6a7e8293441d51be41bf4994995b35981f90c07866c7fd0465f405e2b7a8f8dd" },
        { 271, "bb02bca6be57f42d131406260c6f1a81fd9922af8bd1c96d78f454b19ae10add" },
        { 272, "443464c0c3ac8036d14a6f8647fc93b592d514adefbe88683cbbda3b4b2c4553" },
        { 273, "73d5960773e36742ead7c872d84d535f35e75b9517ccb1023491276013f88890" },
        { 1000, "5cab097db1a529f5b1a15428cc494df950671bc3824340aad89941fa68e151bc" },
    };
    uint8_t in[1000], out[32];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t k = 0; k < rows[i].n; k++)
            in[k] = (uint8_t)(k * 7 + rows[i].n);
        keccak256(out, in, rows[i].n);
        assert_hex(out, rows[i].digest);
    }
}

static void addresses(void **state)
{
    static const char one[] = "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
                              "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8";
    char out[43], text[140];

    (void)state;
    assert_int_equal(venice_eth_address(out, one, 130), 0);
    assert_string_equal(out, "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf");
    assert_int_equal(venice_eth_address(out, one + 2, 128), 0);
    assert_string_equal(out, "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf");
    memcpy(text, "0x", 2);
    memcpy(text + 2, one, 130);
    assert_int_equal(venice_eth_address(out, text, 132), 0);
    memcpy(text + 2, one + 2, 128);
    assert_int_equal(venice_eth_address(out, text, 130), 0);
    for (char *c = text + 2; c < text + 130; c++)
        *c = (char)(*c >= 'a' ? *c - 32 : *c);
    assert_int_equal(venice_eth_address(out, text, 130), 0);
    assert_string_equal(out, "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf");
    assert_int_equal(venice_eth_address(out, one, 129), VENICE_E_ARG);
    assert_int_equal(venice_eth_address(out, one, 126), VENICE_E_ARG);
    assert_int_equal(venice_eth_address(out, one, 0), VENICE_E_ARG);
    assert_int_equal(venice_eth_address(out, NULL, 130), VENICE_E_ARG);
    assert_int_equal(venice_eth_address(NULL, one, 130), VENICE_E_ARG);
    memcpy(text, one, 130);
    text[129] ^= 1;
    assert_int_equal(venice_eth_address(out, text, 130), VENICE_E_ARG);
    text[129] = 'g';
    assert_int_equal(venice_eth_address(out, text, 130), VENICE_E_ARG);
}

static void hkdf_vectors(void **state)
{
    uint8_t ikm[80], info[80], out[32];

    (void)state;
    /* RFC 5869, test case 3: no salt, no info; the first 32 of its 42 bytes */
    memset(ikm, 0x0b, 22);
    assert_int_equal(hkdf_sha256(out, ikm, 22, "", 0), 0);
    assert_hex(out, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
    /* another info is another key */
    memset(info, 1, sizeof info);
    assert_int_equal(hkdf_sha256(out, ikm, 22, (const char *)info, sizeof info), 0);
    assert_int_not_equal(out[0], 0x8d);
}

static void gcm_vectors(void **state)
{
    /* McGrew and Viega, test cases 13, 14 and 16 */
    static const char key16[] = "feffe9928665731c6d6a8f9467308308"
                                "feffe9928665731c6d6a8f9467308308";
    static const char text16[] =
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e"
        "2449a6b525b16aedf5aa0de657ba637b39";
    static const char cipher16[] =
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b"
        "1056828838c5f61e6393ba7a0abcc9f662";
    uint8_t key[32] = { 0 }, nonce[12] = { 0 }, text[64] = { 0 }, aad[20], out[64], tag[16];

    (void)state;
    assert_int_equal(aes256gcm_seal(out, tag, key, nonce, NULL, 0, NULL, 0), 0);
    assert_hex(tag, "530f8afbc74536b9a963b4f1c4cb738b");
    assert_int_equal(aes256gcm_open(out, tag, key, nonce, NULL, 0, NULL, 0), 0);
    assert_int_equal(aes256gcm_seal(out, tag, key, nonce, NULL, 0, text, 16), 0);
    assert_hex(out, "cea7403d4d606b6e074ec5d3baf39d18");
    assert_hex(tag, "d0d1c8a799996bf0265b98b5d48ab919");
    unhex(key, key16);
    unhex(nonce, "cafebabefacedbaddecaf888");
    unhex(aad, "feedfacedeadbeeffeedfacedeadbeefabaddad2");
    unhex(text, text16);
    assert_int_equal(aes256gcm_seal(out, tag, key, nonce, aad, 20, text, 60), 0);
    assert_hex(out, cipher16);
    assert_hex(tag, "76fc6ece0f4e1768cddf8853bb2d551b");
    assert_int_equal(aes256gcm_open(out, tag, key, nonce, aad, 20, out, 60), 0);
    assert_hex(out, text16);
}

static void gcm_refuses_and_wipes(void **state)
{
    static const uint8_t zeros[60];
    uint8_t key[32] = { 1 }, nonce[12] = { 2 }, aad[3] = { 3 }, text[60], cipher[60], out[60];
    uint8_t tag[16];

    (void)state;
    memset(text, 'x', sizeof text);
    assert_int_equal(aes256gcm_seal(cipher, tag, key, nonce, aad, 3, text, 60), 0);
    uint8_t *const parts[] = { key, nonce, aad, cipher, tag };
    static const size_t sizes[] = { 32, 12, 3, 60, 16 };
    for (size_t p = 0; p < 5; p++)
        for (size_t bit = 0; bit < 8 * sizes[p]; bit++) {
            parts[p][bit / 8] ^= (uint8_t)(1 << (bit % 8));
            memset(out, 'y', sizeof out);
            assert_int_equal(aes256gcm_open(out, tag, key, nonce, aad, 3, cipher, 60),
                             VENICE_E_INTEGRITY);
            assert_memory_equal(out, zeros, sizeof out);
            parts[p][bit / 8] ^= (uint8_t)(1 << (bit % 8));
        }
    assert_int_equal(aes256gcm_open(out, tag, key, nonce, aad, 2, cipher, 60), VENICE_E_INTEGRITY);
    assert_int_equal(aes256gcm_open(out, tag, key, nonce, aad, 3, cipher, 59), VENICE_E_INTEGRITY);
    assert_int_equal(aes256gcm_open(out, tag, key, nonce, aad, 3, cipher, 60), 0);
    assert_memory_equal(out, text, sizeof text);
}

static void curve_agrees(void **state)
{
    uint8_t a[32], b[32], A[65], B[65], x[32], y[32];

    (void)state;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(curve_generate(a, A), 0);
        assert_int_equal(curve_generate(b, B), 0);
        assert_int_equal(A[0], 4);
        assert_memory_not_equal(a, b, 32);
        assert_int_equal(curve_ecdh(x, a, B), 0);
        assert_int_equal(curve_ecdh(y, b, A), 0);
        assert_memory_equal(x, y, 32);
        assert_int_equal(curve_check(A), 0);
    }
    /* twice the generator: the x-coordinate, not a hash of it */
    memset(a, 0, 32);
    a[31] = 2;
    memset(b, 0, 32);
    b[31] = 1;
    assert_int_equal(curve_public(B, b), 0);
    assert_int_equal(curve_ecdh(x, a, B), 0);
    assert_hex(x, "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5");
}

static void curve_refuses(void **state)
{
    static const char *const scalars[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", /* the order */
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364142",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    uint8_t scalar[32], point[65], x[32];

    (void)state;
    for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++) {
        unhex(scalar, scalars[i]);
        assert_int_equal(curve_public(point, scalar), VENICE_E_ARG);
    }
    assert_int_equal(curve_generate(scalar, point), 0);
    for (int prefix = 0; prefix < 256; prefix++) {
        point[0] = (uint8_t)prefix;
        assert_int_equal(curve_check(point), prefix == 4 ? 0 : VENICE_E_ARG);
        assert_int_equal(curve_ecdh(x, scalar, point), prefix == 4 ? 0 : VENICE_E_ARG);
    }
    point[0] = 4;
    for (int bit = 0; bit < 512; bit++) { /* off the curve */
        point[1 + bit / 8] ^= (uint8_t)(1 << (bit % 8));
        assert_int_equal(curve_check(point), VENICE_E_ARG);
        point[1 + bit / 8] ^= (uint8_t)(1 << (bit % 8));
    }
    memset(point + 1, 0, 64);
    assert_int_equal(curve_check(point), VENICE_E_ARG);
    memset(point + 1, 0xff, 64);
    assert_int_equal(curve_check(point), VENICE_E_ARG);
}

/* NATIVE.md H14: the default callback would end the editor. */
static void misuse_of_the_curve_library_does_not_abort(void **state)
{
    const secp256k1_context *ctx = crypto_curve_context();
    unsigned before = crypto_complaints();
    secp256k1_pubkey never_parsed;
    uint8_t out[65];
    size_t n = sizeof out;

    (void)state;
    assert_non_null(ctx);
    memset(&never_parsed, 0, sizeof never_parsed);
    (void)secp256k1_ec_pubkey_serialize(ctx, out, &n, &never_parsed, SECP256K1_EC_UNCOMPRESSED);
    assert_int_equal(crypto_complaints(), before + 1);
}

static void statuses_have_names(void **state)
{
    (void)state;
    assert_int_equal(venice_abi(), VENICE_ABI);
    for (int s = VENICE_E_CANCELLED; s <= 0; s++)
        assert_non_null(venice_status_name(s));
    assert_string_equal(venice_status_name(VENICE_E_CUT_OFF), "cut_off");
    assert_string_equal(venice_status_name(VENICE_E_INTEGRITY), "integrity");
    assert_string_equal(venice_status_name(12345), "internal");
}

static void failures_keep_their_words(void **state)
{
    struct failure f = { 0 };
    char *json, long_text[600];
    size_t n;

    (void)state;
    assert_int_equal(failure_set(NULL, VENICE_E_DNS, NULL, "x"), VENICE_E_DNS);
    assert_int_equal(failure_set(&f, VENICE_E_DNS, "h\n", "a\tb%s", "\x1b[31m\"\x7f"),
                     VENICE_E_DNS);
    assert_int_equal(failure_set(&f, VENICE_E_TLS, NULL, "second"), VENICE_E_TLS);
    assert_int_equal(failure_json(&f, &json, &n), 0);
    assert_string_equal(json, "{\"code\":\"dns\",\"message\":\"a b [31m\\\" \",\"hint\":\"h \"}");
    assert_int_equal(n, strlen(json));
    venice_text t = { json, (uint32_t)n };
    venice_text_free(&t);
    assert_null(t.data);
    venice_text_free(&t);
    venice_text_free(NULL);
    /* cut at a character's border, wherever the limit falls */
    for (size_t pad = 0; pad < 4; pad++) {
        memset(&f, 0, sizeof f);
        memset(long_text, 'a', pad);
        for (size_t i = pad; i + 3 < sizeof long_text; i += 3)
            memcpy(long_text + i, "\xe2\x82\xac", 4);
        failure_set(&f, -1, long_text, "%s", long_text);
        assert_true(utf8_valid((const uint8_t *)f.message, strlen(f.message)));
        assert_true(utf8_valid((const uint8_t *)f.hint, strlen(f.hint)));
        assert_in_range(strlen(f.message), sizeof f.message - 4, sizeof f.message - 1);
    }
    memset(&f, 0, sizeof f);
    failure_set(&f, -1, NULL, "bad \xff byte");
    assert_string_equal(f.message, "bad ? byte");
}

/* Characters that a server could put into a name or an error to deceive who reads it. */
static void deceiving_characters_are_blanks(void **state)
{
    static const char *const unsafe[] = {
        "\x01",
        "\x1b",
        "\x7f",
        "\xc2\x85",
        "\xc2\x9b",
        "\xc2\xad",
        "\xcd\x8f",
        "\xd8\x9c",
        "\xe1\x85\x9f",
        "\xe1\x85\xa0",
        "\xe1\x9e\xb4",
        "\xe1\xa0\x8b",
        "\xe1\xa0\x8e",
        "\xe2\x80\x8b",
        "\xe2\x80\x8d",
        "\xe2\x80\x8f",
        "\xe2\x80\xa8",
        "\xe2\x80\xa9",
        "\xe2\x80\xae",
        "\xe2\x81\xa0",
        "\xe2\x81\xa6",
        "\xe2\x81\xa9",
        "\xe2\xa0\x80",
        "\xe3\x85\xa4",
        "\xef\xb8\x8f",
        "\xef\xbb\xbf",
        "\xef\xbe\xa0",
        "\xef\xbf\xb9",
        "\xef\xbf\xbb",
        "\xf3\xa0\x80\x81",
        "\xf3\xa0\x81\xa1",
        "\xf3\xa0\x84\x80",
    };
    static const char *const safe[] = { "a",
                                        "~",
                                        "\xc2\xa0",
                                        "\xc3\xa4",
                                        "\xe2\x80\x94",
                                        "\xe2\x82\xac",
                                        "\xe4\xb8\xad",
                                        "\xef\xbf\xbd",
                                        "\xf0\x9f\x98\x80",
                                        "\xf4\x8f\xbf\xbd" };
    char text[32], wanted[32];

    (void)state;
    for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++) {
        struct failure f = { 0 };

        snprintf(text, sizeof text, "a%sb%s", unsafe[i], unsafe[i]);
        failure_set(&f, VENICE_E_SERVER, text, "%s", text);
        if (strcmp(f.message, "a b ") != 0 || strcmp(f.hint, "a b ") != 0)
            fail_msg("row %zu: %s", i, f.message);
    }
    for (size_t i = 0; i < sizeof safe / sizeof *safe; i++) {
        snprintf(text, sizeof text, "a%sb%s", safe[i], safe[i]);
        memcpy(wanted, text, sizeof text);
        screen_make_safe(text);
        assert_string_equal(text, wanted);
    }
    for (size_t cap = 1; cap < 6; cap++) { /* cut at a character's border */
        screen_copy(text, cap, "\xe2\x82\xac\xe2\x82\xac");
        assert_int_equal(strlen(text), cap < 4 ? 0 : 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_use_by_several_threads),
        cmocka_unit_test(digests),
        cmocka_unit_test(keccak_vectors),
        cmocka_unit_test(addresses),
        cmocka_unit_test(hkdf_vectors),
        cmocka_unit_test(gcm_vectors),
        cmocka_unit_test(gcm_refuses_and_wipes),
        cmocka_unit_test(curve_agrees),
        cmocka_unit_test(curve_refuses),
        cmocka_unit_test(misuse_of_the_curve_library_does_not_abort),
        cmocka_unit_test(statuses_have_names),
        cmocka_unit_test(failures_keep_their_words),
        cmocka_unit_test(deceiving_characters_are_blanks),
    };

    return cmocka_run_group_tests_name("crypto", tests, NULL, NULL);
}
