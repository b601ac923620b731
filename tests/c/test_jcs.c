/* link: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc */
/* Canonical JSON: the rules of RFC 8785, what is refused, limits, failing allocations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/ecma_number.h"
#include "base/jcs.h"
#include "base/secret.h"
#include "support_attest.h"
#include "torture.h"
#include "venice.h"

/* Text of its exact length on the heap, so that a sanitizer sees a read behind it. */
static int canonical(char **out, const char *text, size_t n)
{
    char *copy = malloc(n ? n : 1);
    size_t len;
    int r;

    memcpy(copy, text, n);
    r = jcs_canonical(out, &len, copy, n);
    if (r == 0)
        assert_int_equal(strlen(*out), len);
    else
        assert_null(*out);
    free(copy);
    return r;
}

static void assert_canonical(const char *text, const char *expected)
{
    char *out;

    assert_int_equal(canonical(&out, text, strlen(text)), 0);
    assert_string_equal(out, expected);
    wiping_free(out);
}

static void assert_status(const char *text, size_t n, int expected)
{
    char *out;
    int r = canonical(&out, text, n);

    if (r != expected)
        fail_msg("%.40s: %d", text, r);
    wiping_free(out);
}

static void values(void **state)
{
    (void)state;
    assert_canonical(" \t\r\n[ null , true,false , \"x\" , {} , [ ] ] ",
                     "[null,true,false,\"x\",{},[]]");
    assert_canonical("{\"b\":{\"d\":1,\"c\":[{\"z\":0,\"y\":0}]},\"a\":\"\"}",
                     "{\"a\":\"\",\"b\":{\"c\":[{\"y\":0,\"z\":0}],\"d\":1}}");
    assert_canonical("\"\"", "\"\"");
    assert_canonical("{\"aa\":1,\"a\":2,\"\":3,\"a\\u0000\":4}",
                     "{\"\":3,\"a\":2,\"a\\u0000\":4,\"aa\":1}");
}

static void strings(void **state)
{
    (void)state;
    assert_canonical("\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\"",
                     "\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"");
    assert_canonical("\"\\b\\f\\n\\r\\t\\u0008\\u007f\\ud83d\\ude00\"",
                     "\"\\b\\f\\n\\r\\t\\b\x7f\xf0\x9f\x98\x80\"");
}

/* By UTF-16 units: what is written with surrogates lies below U+E000 to U+FFFF. */
static void member_order(void **state)
{
    (void)state;
    assert_canonical("{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,"
                     "\"\\u0080\":6,\"\\u00f6\":7}",
                     "{\"\\r\":2,\"1\":4,\"\xc2\x80\":6,\"\xc3\xb6\":7,\"\xe2\x82\xac\":1,"
                     "\"\xf0\x9f\x98\x80\":5,\"\xef\xac\xb3\":3}");
    assert_canonical("{\"x\xef\xbf\xbd\":1,\"x\xf4\x8f\xbf\xbf\":2,\"x\xee\x80\x80\":3,"
                     "\"x\xed\x9f\xbf\":4}",
                     "{\"x\xed\x9f\xbf\":4,\"x\xf4\x8f\xbf\xbf\":2,\"x\xee\x80\x80\":3,"
                     "\"x\xef\xbf\xbd\":1}");
}

static void numbers(void **state)
{
    static const char *const rows[][2] = {
        { "0", "0" },
        { "-0", "0" },
        { "-0.0e5", "0" },
        { "1.0", "1" },
        { "-1e0", "-1" },
        { "100E-2", "1" },
        { "0.1", "0.1" },
        { "1800000000", "1800000000" },
        { "9007199254740991", "9007199254740991" },
        { "9007199254740993", "9007199254740992" },
        { "-9007199254740995", "-9007199254740996" },
        { "18446744073709551615", "18446744073709552000" },
        { "18446744073709551615.0", "18446744073709552000" },
        { "295147905179352825856", "295147905179352830000" },
        { "999999999999999900000", "999999999999999900000" },
        { "1000000000000000000000", "1e+21" },
        { "1e21", "1e+21" },
        { "123e20", "1.23e+22" },
        { "1e23", "1e+23" },
        { "9.999999999999997e22", "9.999999999999997e+22" },
        { "1.7976931348623157e308", "1.7976931348623157e+308" },
        { "5e-324", "5e-324" },
        { "2.5e-324", "5e-324" },
        { "1e-400", "0" },
        { "0.000001", "0.000001" },
        { "0.0000012345", "0.0000012345" },
        { "1e-7", "1e-7" },
        { "0.0000001234", "1.234e-7" },
        { "333333333.33333329", "333333333.3333333" },
        { "1424953923781206.25", "1424953923781206.2" },
        { "0.30000000000000004", "0.30000000000000004" },
        { "4.50", "4.5" },
        { "2e-3", "0.002" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_canonical(rows[i][0], rows[i][1]);
}

/* A process whose locale writes 0,1 must not write other hashes. */
static void numbers_in_another_locale(void **state)
{
    static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "C.UTF-8" };
    size_t i = 0;

    while (i < 4 && !setlocale(LC_NUMERIC, names[i]))
        i++;
    numbers(state);
    setlocale(LC_NUMERIC, "C");
}

static void refused(void **state)
{
    static const char *const malformed[] = {
        "",
        " ",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "nul",
        "nulll",
        "True",
        "01",
        "1.",
        ".1",
        "+1",
        "-",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "Infinity",
        "1e309",
        "-1e309",
        "\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"\\ud800\\ud800\"",
        "\"\t\"",
        "'a'",
        "1 1",
        "{} x",
        "\"\xff\"",
        "\"\xed\xa0\x80\"",
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"b\":2,\"\\u0061\":3}",
        "[{\"x\":{\"y\":1,\"y\":2}}]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++)
        assert_status(malformed[i], strlen(malformed[i]), VENICE_E_MALFORMED);
    assert_status("1\0", 2, VENICE_E_MALFORMED);
}

static void limits(void **state)
{
    char *text = malloc(JCS_BYTES + 2), *out;
    size_t n = 0;

    (void)state;
    memset(text, '[', 64);
    assert_status(text, 64, VENICE_E_LIMIT);
    memset(text, '[', JCS_DEPTH);
    memset(text + JCS_DEPTH, ']', JCS_DEPTH);
    assert_status(text, 2 * JCS_DEPTH, 0);
    memset(text, '1', ECMA_NUMBER_TOKEN + 1);
    assert_status(text, ECMA_NUMBER_TOKEN + 1, VENICE_E_LIMIT);
    memset(text, ' ', JCS_BYTES + 1);
    assert_status(text, JCS_BYTES + 1, VENICE_E_LIMIT);
    text[n++] = '[';
    while (n < 2 * JCS_VALUES + 2) {
        text[n++] = '1';
        text[n++] = ',';
    }
    text[n - 1] = ']';
    assert_status(text, n, VENICE_E_LIMIT);
    /* The largest growth that there is: a short number in a long list. */
    n = 0;
    text[n++] = '[';
    while (n < 4 * 10000) {
        memcpy(text + n, "1e20,", 5);
        n += 5;
    }
    text[n - 1] = ']';
    assert_int_equal(canonical(&out, text, n), 0);
    assert_non_null(strstr(out, ",100000000000000000000]"));
    wiping_free(out);
    free(text);
}

static void given_order(void **state)
{
    static const char *const first[] = { "timestamp", "action", "services", NULL };
    static const char text[] = "[{\"z\":1,\"action\":\"up\",\"services\":[\"b\",\"a\"],\"b\":1.50,"
                               "\"timestamp\":\"t\"}]";
    char *out;
    size_t len;

    (void)state;
    assert_int_equal(jcs_ordered(&out, &len, text, strlen(text), first), 0);
    assert_string_equal(out, "[{\"timestamp\":\"t\",\"action\":\"up\",\"services\":[\"b\",\"a\"],"
                             "\"z\":1,\"b\":1.5}]");
    wiping_free(out);
    assert_int_equal(jcs_ordered(&out, &len, "{\"b\":1,\"b\":1}", 13, first), VENICE_E_MALFORMED);
}

static const char sample[] =
    "{\"b\":[1,2.5e3,{\"\\u00e4\":\"\\ud83d\\ude00\"}],\"a\":null,\"c\":-7}";

static void truncations(void **state)
{
    (void)state;
    for (size_t n = 0; n < strlen(sample); n++)
        assert_status(sample, n, VENICE_E_MALFORMED);
}

static void canonical_is_a_fixed_point(void **state)
{
    char *once;

    (void)state;
    assert_int_equal(canonical(&once, sample, strlen(sample)), 0);
    assert_canonical(once, once);
    wiping_free(once);
}

static void failing_allocations(void **state)
{
    bool hit = true;

    (void)state;
    for (long n = 0; hit; n++) {
        size_t len;
        char *out;
        int r;

        torture_begin(n);
        r = jcs_canonical(&out, &len, sample, strlen(sample));
        hit = torture_end();
        assert_int_equal(r, hit ? VENICE_E_MEMORY : 0);
        wiping_free(out);
    }
}

/* The digests that the gateway's own vectors name for lines of canonical JSON. */
static void gateway_vectors(void **state)
{
    static const struct {
        const char *file, *line, *digest;
    } rows[] = {
        { "vectors/private-ai-gateway_genB/test-vectors.md", "{\"e2ee_public_keys\"",
          "53a5cd44b30dcc51999754c719f2628a041f174ecbf9662a6f8e898a10cd9371" },
        { "vectors/private-ai-gateway_genA/test-vectors.md", "{\"algo\":\"ed25519\",\"public_key\"",
          "57c2c8fa98bcf11441f1eff9ef087db67a5560a026082e96903e15365677b8c0" },
    };

    (void)state;
    if (!getenv("VENICE_CORPUS"))
        skip();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text, *line, hex[65] = "";
        uint8_t hash[32];
        size_t len;

        assert_int_equal(corpus_file(&text, &len, rows[i].file), 0);
        line = strstr(text, rows[i].line);
        assert_non_null(line);
        assert_non_null(strstr(text, rows[i].digest));
        assert_int_equal(jcs_sha256(hash, line, strcspn(line, "\n")), 0);
        hex_encode(hex, hash, sizeof hash);
        assert_string_equal(hex, rows[i].digest);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(strings),
        cmocka_unit_test(member_order),
        cmocka_unit_test(numbers),
        cmocka_unit_test(numbers_in_another_locale),
        cmocka_unit_test(refused),
        cmocka_unit_test(limits),
        cmocka_unit_test(given_order),
        cmocka_unit_test(truncations),
        cmocka_unit_test(canonical_is_a_fixed_point),
        cmocka_unit_test(failing_allocations),
        cmocka_unit_test(gateway_vectors),
    };

    return cmocka_run_group_tests_name("jcs", tests, NULL, NULL);
}
