/* The small readers below dcap_verify: DER, PEM, dates, levels, the PCK extension, raw signatures.
 * */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "attest/date.h"
#include "attest/der.h"
#include "attest/p256.h"
#include "attest/pem.h"
#include "attest/tdx/intel_root.h"
#include "attest/tdx/pck.h"
#include "attest/tdx/tcb.h"
#include "attest/x509.h"
#include "base/codec.h"
#include "venice.h"

/* --- DER ------------------------------------------------------------------------------------ */

static bool takes(const char *hex, enum der_tag tag, size_t length)
{
    uint8_t bytes[400];
    size_t n = strlen(hex) / 2;
    struct der in = { bytes, n }, contents = { NULL, 0 };

    assert_int_equal(hex_decode(bytes, hex, 2 * n), 0);
    if (!der_take(&in, tag, &contents)) {
        assert_ptr_equal(in.p, bytes); /* a refusal takes nothing */
        assert_int_equal(in.n, n);
        return false;
    }
    assert_int_equal(contents.n, length);
    assert_true(contents.p + contents.n == in.p);
    return true;
}

static void der_is_exact(void **state)
{
    char long_form[2 * (3 + 0x80) + 1];

    (void)state;
    assert_true(takes("0400", DER_OCTET_STRING, 0));
    assert_true(takes("0401aa", DER_OCTET_STRING, 1));
    assert_true(takes("0401aabb", DER_OCTET_STRING, 1));
    assert_false(takes("", DER_OCTET_STRING, 0));
    assert_false(takes("04", DER_OCTET_STRING, 0));
    assert_false(takes("0401", DER_OCTET_STRING, 1));
    assert_false(takes("0402aa", DER_OCTET_STRING, 2));
    assert_false(takes("0301aa", DER_OCTET_STRING, 1));   /* another tag */
    assert_false(takes("048101aa", DER_OCTET_STRING, 1)); /* a longer form than needed */
    assert_false(takes("04820001aa", DER_OCTET_STRING, 1));
    assert_false(takes("30800000", DER_SEQUENCE, 0)); /* indefinite */
    assert_false(takes("0484ffffffff", DER_OCTET_STRING, 0));
    assert_false(takes("0481", DER_OCTET_STRING, 0));
    memset(long_form, '0', sizeof long_form - 1);
    long_form[sizeof long_form - 1] = 0;
    memcpy(long_form, "048180", 6);
    assert_true(takes(long_form, DER_OCTET_STRING, 0x80));
    memcpy(long_form, "04817f", 6);
    assert_false(takes(long_form, DER_OCTET_STRING, 0x7f));
}

static bool number(const char *hex, unsigned max, unsigned *out)
{
    uint8_t bytes[16];
    size_t n = strlen(hex) / 2;
    struct der in = { bytes, n };

    assert_int_equal(hex_decode(bytes, hex, 2 * n), 0);
    return der_take_unsigned(&in, DER_INTEGER, max, out);
}

static void der_numbers(void **state)
{
    unsigned n = 0;

    (void)state;
    assert_true(number("020100", 255, &n) && n == 0);
    assert_true(number("02017f", 255, &n) && n == 127);
    assert_true(number("020200ff", 255, &n) && n == 255);
    assert_true(number("020300ffff", 65535, &n) && n == 65535);
    assert_true(number("020500ffffffff", UINT32_MAX, &n) && n == UINT32_MAX);
    assert_false(number("02020100", 255, &n));     /* 256 */
    assert_false(number("0203010000", 65535, &n)); /* 65536 */
    assert_false(number("0201ff", 255, &n));       /* -1 */
    assert_false(number("0202007f", 255, &n));     /* padded */
    assert_false(number("0200", 255, &n));         /* empty */
    assert_false(number("0206000000000001", 255, &n));
}

/* --- dates ---------------------------------------------------------------------------------- */

static void dates_of_json(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } good[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "1969-12-31T23:59:59Z", -1 },
        { "2000-02-29T12:00:00Z", 951825600 },
        { "2024-02-29T23:59:59Z", 1709251199 },
        { "2025-08-13T00:00:00Z", 1755043200 },
        { "2038-01-19T03:14:08Z", 2147483648 },
        { "2100-03-01T00:00:00Z", 4107542400 },
        { "9999-12-31T23:59:59Z", 253402300799 },
        { "0000-01-01T00:00:00Z", -62167219200 },
    };
    static const char *const bad[] = { "",
                                       "2025-08-13",
                                       "2025-08-13T00:00:00",
                                       "2025-08-13T00:00:00z",
                                       "2025-08-13 00:00:00Z",
                                       "2025-08-13T00:00:00+00:00",
                                       "2025-08-13T00:00:00.0Z",
                                       "2025-8-13T00:00:00Z ",
                                       "2025-02-29T00:00:00Z",
                                       "2100-02-29T00:00:00Z",
                                       "2025-13-01T00:00:00Z",
                                       "2025-00-01T00:00:00Z",
                                       "2025-01-00T00:00:00Z",
                                       "2025-04-31T00:00:00Z",
                                       "2025-01-01T24:00:00Z",
                                       "2025-01-01T00:60:00Z",
                                       "2025-01-01T00:00:60Z",
                                       "-025-01-01T00:00:00Z",
                                       "2025-01-01T00:00:00ZZ",
                                       "2025-01-01T0x:00:00Z" };
    int64_t seconds;
    char text[DATE_CHARS + 1];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(date_from_rfc3339(&seconds, good[i].text));
        assert_true(seconds == good[i].seconds);
        date_to_rfc3339(text, seconds);
        assert_string_equal(text, good[i].text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(date_from_rfc3339(&seconds, bad[i]));
    assert_false(date_from_rfc3339(&seconds, NULL));
    date_to_rfc3339(text, INT64_MAX);
    assert_string_equal(text, "");
    date_to_rfc3339(text, INT64_MIN);
    assert_string_equal(text, "");
}

/* Every day of four centuries comes back. */
static void dates_come_back(void **state)
{
    char text[DATE_CHARS + 1];
    int64_t back;

    (void)state;
    for (int64_t day = -36525; day < 3 * 36525; day++) {
        date_to_rfc3339(text, day * 86400 + 86399);
        assert_true(date_from_rfc3339(&back, text));
        assert_true(back == day * 86400 + 86399);
    }
}

static bool asn1_date(int64_t *out, const char *text, bool generalized)
{
    return date_from_asn1(out, (const uint8_t *)text, strlen(text), generalized);
}

static void dates_of_certificates(void **state)
{
    int64_t seconds;

    (void)state;
    assert_true(asn1_date(&seconds, "180521104510Z", false) && seconds == 1526899510);
    assert_true(asn1_date(&seconds, "491231235959Z", false) && seconds == 2524607999);
    assert_true(asn1_date(&seconds, "500101000000Z", false) && seconds == -631152000);
    assert_true(asn1_date(&seconds, "20500101000000Z", true) && seconds == 2524608000);
    assert_false(asn1_date(&seconds, "180521104510Z", true));
    assert_false(asn1_date(&seconds, "20500101000000Z", false));
    assert_false(asn1_date(&seconds, "1805211045Z", false));
    assert_false(asn1_date(&seconds, "180521104510+0000", false));
    assert_false(asn1_date(&seconds, "20500101000000.5Z", true));
    assert_false(asn1_date(&seconds, "181321104510Z", false));
    assert_false(asn1_date(&seconds, "", false));
}

/* --- PEM ------------------------------------------------------------------------------------ */

/* Returns how many blocks there are, or -1. */
static int blocks(const char *text, size_t len)
{
    struct pem in = { text, text + len };
    uint8_t *der = malloc(len + 3);
    char *scratch = malloc(len + 1);
    size_t n;
    int count = 0, r;

    while ((r = pem_next(&in, der, &n, scratch)) > 0)
        count++;
    free(der);
    free(scratch);
    return r == 0 ? count : -1;
}

#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END   "-----END CERTIFICATE-----"

static void pem_is_strict(void **state)
{
    static const struct {
        const char *text;
        int count;
    } rows[] = {
        { "", 0 },
        { " \r\n\t\n", 0 },
        { BEGIN "\nAAAA\n" END, 1 },
        { BEGIN "\nAAAA\n" END "\n", 1 },
        { BEGIN "\r\nAAAA\r\n" END "\r\n", 1 },
        { BEGIN "\nAA\nAA\n" END "\n" BEGIN "\nAAA=\n" END, 2 },
        { BEGIN "AAAA\n" END, -1 },
        { BEGIN "\nAAAA" END, -1 },
        { BEGIN " \nAAAA\n" END, -1 },
        { BEGIN "\nAAAA\n" END END, -1 },
        { BEGIN "\nAAAA\n" END BEGIN "\nAAAA\n" END, -1 },
        { BEGIN "\nAAAA\n", -1 },
        { BEGIN "\nAAAA\n-----END", -1 },
        { BEGIN "\n", -1 },
        { BEGIN, -1 },
        { "-----BEGIN", -1 },
        { "x" BEGIN "\nAAAA\n" END, -1 },
        { BEGIN "\nAAAA\n" END "\nx", -1 },
        { BEGIN "\nAAAA\n" END "\v", -1 },
        { BEGIN "\nAAAA\n" END "\f", -1 },
        { BEGIN "\nAA A\n" END, -1 },
        { BEGIN "\nAAA\n" END, -1 },
        { BEGIN "\nAAB=\n" END, -1 },
        { BEGIN "\nAA==AA==\n" END, -1 },
        { BEGIN "\nAA-A\n" END, -1 },
        { BEGIN "\nAA\rAA\n" END, -1 },
        { BEGIN "\nProc-Type: 4\n\nAAAA\n" END, -1 },
        { "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----", -1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(blocks(rows[i].text, strlen(rows[i].text)), rows[i].count);
    assert_int_equal(blocks(BEGIN "\nAAAA\n" END "\0\0", sizeof BEGIN END + 8), 1);
    assert_int_equal(blocks(BEGIN "\nAA\0A\n" END, sizeof BEGIN END + 5), -1);
}

/* --- certificates --------------------------------------------------------------------------- */

static void root_is_read(void **state)
{
    struct x509_cert c;
    char text[64];

    (void)state;
    assert_int_equal(x509_read(&c, intel_root_der, INTEL_ROOT_SIZE, X509_P256_SHA256, NULL), 0);
    assert_true(c.is_ca);
    assert_int_equal(c.path_length, 1);
    assert_int_equal(c.usage, X509_KEY_CERT_SIGN | X509_CRL_SIGN);
    assert_false(c.unknown_critical);
    assert_true(c.not_before == 1526899510 && c.not_after == 2524607999);
    assert_int_equal(c.subject_key_id.len, 20);
    assert_true(x509_has_common_name(&c, "Intel SGX Root CA"));
    assert_false(x509_has_common_name(&c, "Intel SGX Root C"));
    assert_false(x509_has_common_name(&c, "Intel SGX Root CA "));
    assert_true(x509_is_issued_by(&c, &c));
    assert_true(x509_is_signed_by(&c, &c));
    x509_serial(text, sizeof text, &c);
    assert_string_equal(text, "22650cd65a9d3489f383b49552bf501b392706ac");
    x509_serial(text, 40, &c);
    assert_string_equal(text, "");
    x509_common_name(text, 6, &c);
    assert_string_equal(text, "Intel");
    x509_clear(&c);
    assert_int_equal(x509_read(&c, intel_root_der, INTEL_ROOT_SIZE, X509_P384_SHA384, NULL),
                     VENICE_E_MALFORMED);
    assert_null(c.x);
}

static void root_that_is_cut_is_refused(void **state)
{
    struct x509_cert c;

    (void)state;
    for (size_t n = 0; n < INTEL_ROOT_SIZE; n++) {
        uint8_t *cut = malloc(n ? n : 1);

        memcpy(cut, intel_root_der, n);
        assert_int_equal(x509_read(&c, cut, n, X509_P256_SHA256, NULL), VENICE_E_MALFORMED);
        free(cut);
    }
}

/* A changed bit is refused, or gives a certificate that nobody signed. */
static void root_with_a_flipped_bit_is_no_root(void **state)
{
    uint8_t der[INTEL_ROOT_SIZE];
    struct x509_cert root, c;

    (void)state;
    memcpy(der, intel_root_der, sizeof der);
    assert_int_equal(x509_read(&root, intel_root_der, sizeof der, X509_P256_SHA256, NULL), 0);
    for (size_t bit = 0; bit < 8 * sizeof der; bit++) {
        der[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (x509_read(&c, der, sizeof der, X509_P256_SHA256, NULL) == 0)
            assert_false(x509_is_signed_by(&c, &root));
        x509_clear(&c);
        der[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    x509_clear(&root);
}

/* --- raw P-256 ------------------------------------------------------------------------------ */

/* RFC 6979, A.2.5, "sample" with SHA-256. */
static const char key_hex[] = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                              "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
static const char signature_hex[] =
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";

static void raw_signatures(void **state)
{
    static const uint8_t message[] = { 's', 'a', 'm', 'p', 'l', 'e' };
    uint8_t xy[64], signature[64], bad[64];
    EVP_PKEY *key;

    (void)state;
    assert_int_equal(hex_decode(xy, key_hex, 128), 0);
    assert_int_equal(hex_decode(signature, signature_hex, 128), 0);
    assert_int_equal(p256_key(&key, xy), 0);
    assert_true(p256_verify(key, signature, message, sizeof message));
    assert_false(p256_verify(key, signature, message, sizeof message - 1));
    assert_false(p256_verify(NULL, signature, message, sizeof message));
    for (size_t bit = 0; bit < 512; bit++) {
        memcpy(bad, signature, sizeof bad);
        bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(p256_verify(key, bad, message, sizeof message));
    }
    memset(bad, 0, sizeof bad);
    assert_false(p256_verify(key, bad, message, sizeof message));
    memset(bad, 0xff, sizeof bad);
    assert_false(p256_verify(key, bad, message, sizeof message));
    EVP_PKEY_free(key);
    xy[10] ^= 1;
    assert_int_equal(p256_key(&key, xy), VENICE_E_MALFORMED);
    assert_null(key);
    memset(xy, 0, sizeof xy);
    assert_int_equal(p256_key(&key, xy), VENICE_E_MALFORMED);
    memset(xy, 0xff, sizeof xy);
    assert_int_equal(p256_key(&key, xy), VENICE_E_MALFORMED);
}

/* --- statuses and levels -------------------------------------------------------------------- */

static void statuses_have_names(void **state)
{
    (void)state;
    for (int s = TCB_UP_TO_DATE; s <= TCB_REVOKED; s++)
        assert_int_equal(tcb_status_read(tcb_status_name((enum tcb_status)s)), s);
    assert_null(tcb_status_name(TCB_NONE));
    assert_null(tcb_status_name((enum tcb_status)99));
    assert_int_equal(tcb_status_read("TDRelaunchAdvised"), TCB_NONE);
    assert_int_equal(tcb_status_read("uptodate"), TCB_NONE);
    assert_int_equal(tcb_status_read(""), TCB_NONE);
    assert_int_equal(tcb_status_read(NULL), TCB_NONE);
}

static void merging(void **state)
{
    (void)state;
    for (int s = TCB_UP_TO_DATE; s <= TCB_REVOKED; s++) {
        assert_int_equal(tcb_merge((enum tcb_status)s, TCB_REVOKED), TCB_REVOKED);
        assert_int_equal(tcb_merge((enum tcb_status)s, TCB_UP_TO_DATE), s);
        assert_int_equal(tcb_relaunch((enum tcb_status)s, (enum tcb_status)s), s);
        assert_int_equal(tcb_relaunch((enum tcb_status)s, TCB_REVOKED), TCB_REVOKED);
        assert_int_equal(tcb_relaunch(TCB_REVOKED, (enum tcb_status)s), TCB_REVOKED);
        assert_int_equal(tcb_relaunch((enum tcb_status)s, TCB_NONE), TCB_NONE);
        assert_int_equal(tcb_relaunch(TCB_NONE, (enum tcb_status)s), TCB_NONE);
    }
    assert_int_equal(tcb_merge(TCB_UP_TO_DATE, TCB_OUT_OF_DATE), TCB_OUT_OF_DATE);
    assert_int_equal(tcb_merge(TCB_SW_HARDENING_NEEDED, TCB_OUT_OF_DATE), TCB_OUT_OF_DATE);
    assert_int_equal(tcb_merge(TCB_CONFIGURATION_NEEDED, TCB_OUT_OF_DATE),
                     TCB_OUT_OF_DATE_CONFIGURATION_NEEDED);
    assert_int_equal(tcb_merge(TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED, TCB_OUT_OF_DATE),
                     TCB_OUT_OF_DATE_CONFIGURATION_NEEDED);
    assert_int_equal(tcb_relaunch(TCB_OUT_OF_DATE, TCB_UP_TO_DATE), TCB_TD_RELAUNCH_ADVISED);
    assert_int_equal(tcb_relaunch(TCB_OUT_OF_DATE, TCB_CONFIGURATION_NEEDED),
                     TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED);
    assert_int_equal(tcb_relaunch(TCB_OUT_OF_DATE_CONFIGURATION_NEEDED, TCB_UP_TO_DATE),
                     TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED);
    assert_int_equal(tcb_relaunch(TCB_OUT_OF_DATE, TCB_OUT_OF_DATE_CONFIGURATION_NEEDED),
                     TCB_OUT_OF_DATE_CONFIGURATION_NEEDED);
    assert_int_equal(tcb_relaunch(TCB_UP_TO_DATE, TCB_OUT_OF_DATE), TCB_OUT_OF_DATE);
    assert_int_equal(tcb_relaunch(TCB_UP_TO_DATE, TCB_CONFIGURATION_NEEDED),
                     TCB_CONFIGURATION_NEEDED);
}

static void matching_is_component_by_component(void **state)
{
    struct tcb_level levels[] = {
        { .sgx = { 2, 2 }, .pcesvn = 5, .tdx = { 3, 0, 4 } },
        { .sgx = { 4, 4 }, .pcesvn = 5, .tdx = { 5, 0, 6 } },
        { .sgx = { 4, 4 }, .pcesvn = 7, .tdx = { 5, 0, 6 } },
    };
    const uint8_t good[16] = { 4, 4 }, mixed[16] = { 9, 3 }, low[16] = { 9, 1 };
    const uint8_t version0[16] = { 5, 0, 6 }, old_module[16] = { 4, 0, 6 };
    const uint8_t version1[16] = { 1, 1, 6 }, old_td[16] = { 9, 1, 3 };

    (void)state;
    assert_true(tcb_levels_sort(levels, 3));
    assert_int_equal(levels[0].pcesvn, 7);
    assert_int_equal(levels[2].sgx[0], 2);
    assert_ptr_equal(tcb_level_match(levels, 3, good, 7, version0), &levels[0]);
    assert_ptr_equal(tcb_level_match(levels, 3, good, 6, version0), &levels[1]);
    assert_ptr_equal(tcb_level_match(levels, 3, mixed, 7, version0), &levels[2]);
    assert_null(tcb_level_match(levels, 3, low, 7, version0));
    assert_null(tcb_level_match(levels, 3, good, 4, version0));
    assert_ptr_equal(tcb_level_match(levels, 3, good, 7, old_module), &levels[2]);
    assert_ptr_equal(tcb_level_match(levels, 3, good, 7, version1), &levels[0]);
    assert_null(tcb_level_match(levels, 3, good, 7, old_td));
    assert_null(tcb_level_match(levels, 0, good, 7, version0));
    levels[1] = levels[0];
    assert_false(tcb_levels_sort(levels, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(der_is_exact),
        cmocka_unit_test(der_numbers),
        cmocka_unit_test(dates_of_json),
        cmocka_unit_test(dates_come_back),
        cmocka_unit_test(dates_of_certificates),
        cmocka_unit_test(pem_is_strict),
        cmocka_unit_test(root_is_read),
        cmocka_unit_test(root_that_is_cut_is_refused),
        cmocka_unit_test(root_with_a_flipped_bit_is_no_root),
        cmocka_unit_test(raw_signatures),
        cmocka_unit_test(statuses_have_names),
        cmocka_unit_test(merging),
        cmocka_unit_test(matching_is_component_by_component),
    };

    return cmocka_run_group_tests_name("dcap_forms", tests, NULL, NULL);
}
