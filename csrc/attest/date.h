/* Dates as certificates and Intel's JSON write them, without the C library's clock and time zone.
 */
#ifndef VENICE_ATTEST_DATE_H
#define VENICE_ATTEST_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DATE_CHARS = 20 }; /* 2025-08-13T00:00:00Z */

/* Reads exactly YYYY-MM-DDThh:mm:ssZ (DCAP.md section 1a h). Returns false for any other text. */
bool date_from_rfc3339(int64_t *unix_seconds, const char *text);

/* Reads the contents of a UTCTime (generalized false: YYMMDDhhmmssZ, 50 to 99 are 19xx) or of a
 * GeneralizedTime (YYYYMMDDhhmmssZ) in the one form that RFC 5280 allows. */
bool date_from_asn1(int64_t *unix_seconds, const uint8_t *text, size_t n, bool generalized);

/* Out: RFC 3339 and a NUL. Years outside 0..9999 give "". */
void date_to_rfc3339(char out[DATE_CHARS + 1], int64_t unix_seconds);

#endif
