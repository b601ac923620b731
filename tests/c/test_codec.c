#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/codec.h"
#include "support_base64.h"
#include "venice.h"

static void hex_round_trip(void **state)
{
    uint8_t bytes[256], back[256];
    char hex[512];

    (void)state;
    for (int i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    hex_encode(hex, bytes, 256);
    for (int i = 0; i < 256; i++) {
        char two[3];

        snprintf(two, sizeof two, "%02x", i);
        assert_memory_equal(hex + 2 * i, two, 2);
    }
    assert_int_equal(hex_decode(back, hex, 512), 0);
    assert_memory_equal(back, bytes, 256);
    assert_int_equal(hex_decode((uint8_t *)hex, hex, 512), 0);
    assert_memory_equal(hex, bytes, 256);
    assert_int_equal(hex_decode(back, hex, 0), 0);
}

static void hex_takes_exactly_its_digits(void **state)
{
    static const char digits[] = "0123456789abcdefABCDEF";

    (void)state;
    for (int c = 0; c < 256; c++) {
        char text[2] = { (char)c, '7' }, turned[2] = { '7', (char)c };
        const char *at = c ? strchr(digits, c) : NULL;
        uint8_t out;

        if (at) {
            unsigned value = (unsigned)(at - digits);

            value = value > 15 ? value - 6 : value;
            assert_int_equal(hex_decode(&out, text, 2), 0);
            assert_int_equal(out, value << 4 | 7);
            assert_int_equal(hex_decode(&out, turned, 2), 0);
            assert_int_equal(out, 0x70 | value);
        } else {
            assert_int_equal(hex_decode(&out, text, 2), VENICE_E_MALFORMED);
            assert_int_equal(hex_decode(&out, turned, 2), VENICE_E_MALFORMED);
        }
    }
    uint8_t out[2];
    assert_int_equal(hex_decode(out, "abc", 3), VENICE_E_MALFORMED);
    assert_int_equal(hex_decode(out, "a", 1), VENICE_E_MALFORMED);
}

static void base64_vectors(void **state)
{
    /* RFC 4648, section 10 */
    static const char *const rows[][2] = {
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
    };
    uint8_t out[64];
    char text[64];
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t len = strlen(rows[i][0]), coded = strlen(rows[i][1]);

        base64_encode(text, (const uint8_t *)rows[i][0], len);
        assert_memory_equal(text, rows[i][1], coded);
        assert_int_equal(base64_decode(out, &n, rows[i][1], coded, false), 0);
        assert_int_equal(n, len);
        assert_memory_equal(out, rows[i][0], len);
        /* base64url: with its padding and without */
        assert_int_equal(base64_decode(out, &n, rows[i][1], coded, true), 0);
        assert_int_equal(n, len);
        while (coded > 0 && rows[i][1][coded - 1] == '=')
            coded--;
        assert_int_equal(base64_decode(out, &n, rows[i][1], coded, true), 0);
        assert_int_equal(n, len);
        assert_memory_equal(out, rows[i][0], len);
    }
    assert_int_equal(base64_decode(out, &n, "+/+/", 4, false), 0);
    assert_int_equal(base64_decode(out, &n, "-_-_", 4, true), 0);
    assert_memory_equal(out, "\xfb\xff\xbf", 3);
}

static void base64_refuses(void **state)
{
    static const char *const standard[] = {
        "Zg",   "Zg=",  "Zg===",  "=",    "==",       "====",     "Z",    "Z===",      "Zh==",
        "Zm9=", "Zm 9", "Zm9v\n", "-_-_", "Zg==Zg==", "Zm9vYg=a", "=m9v", "Zm9vZm9v=", "Zm9v===="
    };
    static const char *const url[] = { "Z", "Zg=", "Zh", "+/+/", "Zm9vY", "Zg===", "Zm9v=", "=" };
    uint8_t out[64];
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof standard / sizeof *standard; i++)
        assert_int_equal(base64_decode(out, &n, standard[i], strlen(standard[i]), false),
                         VENICE_E_MALFORMED);
    for (size_t i = 0; i < sizeof url / sizeof *url; i++)
        assert_int_equal(base64_decode(out, &n, url[i], strlen(url[i]), true), VENICE_E_MALFORMED);
}

static void utf8_rows(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        int tail;
    } rows[] = {
        { "", 0, 0 },
        { "plain ascii, long enough for words", 34, 0 },
        { "a\0b", 3, 0 },
        { "\xc3\xbc", 2, 0 },
        { "\xe2\x82\xac", 3, 0 },
        { "\xf0\x9f\x8e\x89", 4, 0 },
        { "\xf4\x8f\xbf\xbf", 4, 0 },         /* U+10FFFF */
        { "\xed\x9f\xbf\xee\x80\x80", 6, 0 }, /* around the surrogates */
        { "\xc3", 1, 1 },
        { "12345678\xe2\x82", 10, 2 },
        { "\xf0\x9f\x8e", 3, 3 },
        { "\xf0\x9f", 2, 2 },
        { "\x80", 1, -1 },
        { "\xc0\x80", 2, -1 }, /* overlong NUL */
        { "\xc1\xbf", 2, -1 },
        { "\xe0\x9f\xbf", 3, -1 },     /* overlong */
        { "\xe0\x9f", 2, -1 },         /* already wrong before it is whole */
        { "\xf0\x8f\xbf\xbf", 4, -1 }, /* overlong */
        { "\xed\xa0\x80", 3, -1 },     /* surrogate */
        { "\xed\xa0", 2, -1 },
        { "\xf4\x90\x80\x80", 4, -1 }, /* over U+10FFFF */
        { "\xf5", 1, -1 },
        { "\xff", 1, -1 },
        { "\xc3\x28", 2, -1 },
        { "\xe2\x28\xa1", 3, -1 },
        { "\xe2\x82\x28", 3, -1 },
        { "\xf0\x9f\x8e\x28", 4, -1 },
        { "\xc3\xbc\xbc", 3, -1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const uint8_t *p = (const uint8_t *)rows[i].text;

        assert_int_equal(utf8_tail(p, rows[i].len), rows[i].tail);
        assert_int_equal(utf8_valid(p, rows[i].len), rows[i].tail == 0);
    }
}

/* Every scalar value is valid, and each of its cuts is a tail of the bytes that are there. */
static void utf8_every_character(void **state)
{
    (void)state;
    for (uint32_t c = 0x80; c <= 0x10ffff; c++) {
        uint8_t p[4];
        size_t n;

        if (c < 0x800) {
            n = 2;
            p[0] = (uint8_t)(0xc0 | c >> 6);
        } else if (c < 0x10000) {
            n = 3;
            p[0] = (uint8_t)(0xe0 | c >> 12);
        } else {
            n = 4;
            p[0] = (uint8_t)(0xf0 | c >> 18);
        }
        for (size_t k = 1; k < n; k++)
            p[k] = (uint8_t)(0x80 | (c >> (6 * (n - 1 - k)) & 0x3f));
        if (utf8_valid(p, n) != !(c >= 0xd800 && c <= 0xdfff))
            fail_msg("U+%X", (unsigned)c);
        for (size_t k = 1; k < n && !(c >= 0xd800 && c <= 0xdfff); k++)
            if (utf8_tail(p, k) != (int)k)
                fail_msg("U+%X cut at %zu", (unsigned)c, k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_round_trip), cmocka_unit_test(hex_takes_exactly_its_digits),
        cmocka_unit_test(base64_vectors), cmocka_unit_test(base64_refuses),
        cmocka_unit_test(utf8_rows),      cmocka_unit_test(utf8_every_character),
    };

    return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
