/* Dates, by arithmetic on the proleptic Gregorian calendar. */
#include "attest/date.h"

#include <stdio.h>
#include <string.h>

enum { SECONDS_A_DAY = 86400 };

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
    static const uint8_t days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to the first of January of a year from 0 on. */
static int64_t days_to_year(int year)
{
    int64_t before = year > 0 ? (int64_t)year - 1 : 0; /* complete years after year 0 */
    int64_t leaps = before / 4 - before / 100 + before / 400 + (year > 0); /* year 0 is one */

    return (int64_t)year * 365 + leaps - 719528;
}

/* fields: year, month, day, hour, minute, second. */
static bool to_unix(int64_t *out, const int fields[6])
{
    int64_t days;

    if (fields[1] < 1 || fields[1] > 12 || fields[2] < 1 ||
        fields[2] > days_in_month(fields[0], fields[1]) || fields[3] > 23 || fields[4] > 59 ||
        fields[5] > 59)
        return false;
    days = days_to_year(fields[0]) + fields[2] - 1;
    for (int month = 1; month < fields[1]; month++)
        days += days_in_month(fields[0], month);
    *out = days * SECONDS_A_DAY + fields[3] * 3600 + fields[4] * 60 + fields[5];
    return true;
}

static bool take_digits(int *out, const char *text, int count)
{
    *out = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *out = *out * 10 + (text[i] - '0');
    }
    return true;
}

bool date_from_rfc3339(int64_t *unix_seconds, const char *text)
{
    static const char pattern[] = "0000-00-00T00:00:00Z";
    static const uint8_t at[6] = { 0, 5, 8, 11, 14, 17 };
    int fields[6];

    if (!text || strlen(text) != DATE_CHARS)
        return false;
    for (int i = 0; i < DATE_CHARS; i++)
        if (pattern[i] != '0' && text[i] != pattern[i])
            return false;
    for (int i = 0; i < 6; i++)
        if (!take_digits(&fields[i], text + at[i], i == 0 ? 4 : 2))
            return false;
    return to_unix(unix_seconds, fields);
}

bool date_from_asn1(int64_t *unix_seconds, const uint8_t *text, size_t n, bool generalized)
{
    const char *p = (const char *)text;
    int year_digits = generalized ? 4 : 2;
    int fields[6];

    if (n != (size_t)year_digits + 11 || p[n - 1] != 'Z')
        return false;
    if (!take_digits(&fields[0], p, year_digits))
        return false;
    if (!generalized)
        fields[0] += fields[0] < 50 ? 2000 : 1900;
    for (int i = 1; i < 6; i++)
        if (!take_digits(&fields[i], p + year_digits + 2 * (i - 1), 2))
            return false;
    return to_unix(unix_seconds, fields);
}

void date_to_rfc3339(char out[DATE_CHARS + 1], int64_t unix_seconds)
{
    int64_t days = unix_seconds / SECONDS_A_DAY, second = unix_seconds % SECONDS_A_DAY;
    int year = 0, month = 1;

    out[0] = 0;
    if (second < 0) {
        second += SECONDS_A_DAY;
        days--;
    }
    if (days < days_to_year(0) || days >= days_to_year(10000))
        return;
    year = (int)((days + 719528) / 366); /* never too late */
    while (days_to_year(year + 1) <= days)
        year++;
    days -= days_to_year(year);
    while (days >= days_in_month(year, month))
        days -= days_in_month(year, month++);
    /* The masks tell the compiler the widths that the arithmetic guarantees. */
    snprintf(out, DATE_CHARS + 1, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)year % 10000u,
             (unsigned)month % 100u, (unsigned)(days + 1) % 100u, (unsigned)(second / 3600) % 100u,
             (unsigned)(second / 60 % 60) % 100u, (unsigned)(second % 60) % 100u);
}
