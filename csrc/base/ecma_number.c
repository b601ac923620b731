/* JSON number in, ECMAScript's Number::toString out. */
#include "base/ecma_number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "venice.h"

/* An exponent beyond this makes the number infinite or zero whatever stands before it: a token has
 * no more than ECMA_NUMBER_TOKEN digits to move the point by. */
enum { EXPONENT_MAX = 100000 };

/* strtol stops at the longs' ends, which are beyond ours. */
static long read_exponent(const char *p, size_t n)
{
    char text[ECMA_NUMBER_TOKEN + 1];
    long exponent;

    memcpy(text, p, n);
    text[n] = 0;
    exponent = strtol(text, NULL, 10);
    if (exponent > EXPONENT_MAX)
        return EXPONENT_MAX;
    return exponent < -EXPONENT_MAX ? -EXPONENT_MAX : exponent;
}

/* The text goes to strtod without a decimal point, whose character would depend on the locale. */
bool json_number_read(double *out, const char *p, size_t n)
{
    char digits[ECMA_NUMBER_TOKEN + 32];
    size_t len = 0, i = 0;
    long shift = 0, exponent = 0;

    if (n > ECMA_NUMBER_TOKEN)
        return false;
    for (; i < n && p[i] != 'e' && p[i] != 'E'; i++) {
        if (p[i] != '.')
            digits[len++] = p[i];
        else
            shift = (long)i + 1;
    }
    if (shift > 0)
        shift = (long)i - shift;
    if (i < n)
        exponent = read_exponent(p + i + 1, n - i - 1);
    snprintf(digits + len, sizeof digits - len, "e%ld", exponent - shift);
    *out = strtod(digits, NULL);
    return isfinite(*out);
}

/* The shortest digits that come back as the same double: out gets them without a point, *point says
 * behind how many of them it stands. Returns how many there are. */
static int shortest_digits(char out[24], int *point, double value)
{
    char text[48];
    int n = 0;

    for (int precision = 0; precision < 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    for (const char *p = text; *p && *p != 'e'; p++) {
        if (*p >= '0' && *p <= '9' && n < 20) /* what is none is the locale's point */
            out[n++] = *p;
    }
    *point = (int)strtol(strchr(text, 'e') + 1, NULL, 10) + 1;
    while (n > 1 && out[n - 1] == '0')
        n--;
    return n;
}

/* Where the point stands among or beside the digits; beyond 21 places, and below 10^-6, with an
 * exponent. */
static void place_point(char *out, size_t cap, const char *digits, int count, int point)
{
    static const char zeros[] = "00000000000000000000";

    if (point > 21 || point < -5)
        snprintf(out, cap, "%.1s%s%.*se%+d", digits, count > 1 ? "." : "", count - 1, digits + 1,
                 point - 1);
    else if (point <= 0)
        snprintf(out, cap, "0.%.*s%.*s", -point, zeros, count, digits);
    else if (point >= count)
        snprintf(out, cap, "%.*s%.*s", count, digits, point - count, zeros);
    else
        snprintf(out, cap, "%.*s.%.*s", point, digits, count - point, digits + point);
}

int ecma_number(char out[ECMA_NUMBER_CHARS + 1], const char *token, size_t n)
{
    char digits[24];
    double value;
    int count, point;

    if (n > ECMA_NUMBER_TOKEN)
        return VENICE_E_LIMIT;
    if (!json_number_read(&value, token, n))
        return VENICE_E_MALFORMED;
    if (value == 0) { /* also -0 */
        memcpy(out, "0", 2);
        return 0;
    }
    count = shortest_digits(digits, &point, fabs(value));
    out[0] = '-';
    place_point(out + (value < 0), ECMA_NUMBER_CHARS + 1 - (value < 0), digits, count, point);
    return 0;
}
