/* Hex, base64, UTF-8: strict. */
#include "base/codec.h"

#include <string.h>

#include "venice.h"

/* 0 to 15 to a lower-case digit: no branch and no table, so that the time says nothing. */
static char hex_digit(unsigned nibble)
{
    unsigned is_letter = (9 - nibble) >> 31;

    return (char)(nibble + '0' + (is_letter * ('a' - '0' - 10)));
}

/* The value of a digit; *bad becomes 1 for any other character. A difference that wrapped below
 * zero has its top bit set, and so has (difference - count) for one that is in range. */
static unsigned hex_value(unsigned char c, unsigned *bad)
{
    unsigned digit = (unsigned)c - '0';
    unsigned letter = ((unsigned)c | 0x20) - 'a';
    unsigned is_digit = ((digit - 10) & ~digit) >> 31;
    unsigned is_letter = ((letter - 6) & ~letter) >> 31;

    *bad |= (is_digit | is_letter) ^ 1;
    return ((digit & (0U - is_digit)) | ((letter + 10) & (0U - is_letter))) & 15;
}

void hex_encode(char *out, const uint8_t *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = hex_digit(in[i] >> 4);
        out[2 * i + 1] = hex_digit(in[i] & 15);
    }
}

int hex_decode(uint8_t *out, const char *in, size_t n)
{
    unsigned bad = n & 1;

    for (size_t i = 0; i < n / 2; i++) {
        unsigned high = hex_value((unsigned char)in[2 * i], &bad);
        unsigned low = hex_value((unsigned char)in[2 * i + 1], &bad);

        out[i] = (uint8_t)(high << 4 | low);
    }
    return bad ? VENICE_E_MALFORMED : 0;
}

/* -1 for a character outside the alphabet. */
static int base64_value(unsigned char c, bool url)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (url ? '-' : '+'))
        return 62;
    if (c == (url ? '_' : '/'))
        return 63;
    return -1;
}

int base64_decode(uint8_t *out, size_t *out_len, const char *in, size_t n, bool url)
{
    size_t padding = 0, written = 0;
    uint32_t bits = 0;
    unsigned have = 0;

    *out_len = 0;
    while (padding < 2 && padding < n && in[n - 1 - padding] == '=')
        padding++;
    if ((padding > 0 || !url) && n % 4 != 0)
        return VENICE_E_MALFORMED;
    n -= padding;
    /* One character over a group holds 6 bits, which is no byte; and padding fills exactly the
     * gap. */
    if (n % 4 == 1 || (padding > 0 && (n + padding) % 4 != 0))
        return VENICE_E_MALFORMED;
    for (size_t i = 0; i < n; i++) {
        int value = base64_value((unsigned char)in[i], url);

        if (value < 0)
            return VENICE_E_MALFORMED;
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[written++] = (uint8_t)(bits >> have);
        }
    }
    if (bits & ((1U << have) - 1))
        return VENICE_E_MALFORMED;
    *out_len = written;
    return 0;
}

/* What a leading byte asks for: the length of its sequence, 0 for a byte that cannot lead, and the
 * range of the second byte, which is where overlong forms, surrogates and values over U+10FFFF are
 * kept out (Unicode, table 3-7). */
static size_t sequence_length(uint8_t lead, uint8_t *low, uint8_t *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    if (lead < 0xe0)
        return 2;
    if (lead == 0xe0)
        *low = 0xa0;
    else if (lead == 0xed)
        *high = 0x9f;
    else if (lead == 0xf0)
        *low = 0x90;
    else if (lead == 0xf4)
        *high = 0x8f;
    return lead < 0xf0 ? 3 : 4;
}

static size_t skip_ascii(const uint8_t *p, size_t i, size_t n)
{
    const uint64_t high_bits = UINT64_C(0x8080808080808080);

    while (n - i >= sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, p + i, sizeof word);
        if (word & high_bits)
            break;
        i += sizeof word;
    }
    while (i < n && p[i] < 0x80)
        i++;
    return i;
}

int utf8_tail(const uint8_t *p, size_t n)
{
    size_t i = n ? skip_ascii(p, 0, n) : 0;

    while (i < n) {
        uint8_t low, high;
        size_t length = sequence_length(p[i], &low, &high);
        size_t there = n - i < length ? n - i : length;

        if (length == 0)
            return -1;
        if (there > 1 && (p[i + 1] < low || p[i + 1] > high))
            return -1;
        for (size_t k = 2; k < there; k++)
            if ((p[i + k] & 0xc0) != 0x80)
                return -1;
        if (there < length)
            return (int)there;
        i += length;
        if (i < n && p[i] < 0x80)
            i = skip_ascii(p, i, n);
    }
    return 0;
}

bool utf8_valid(const uint8_t *p, size_t n)
{
    return utf8_tail(p, n) == 0;
}
