/* Values that a body repeats although the quote or the event log has them: compared, never used.
 *
 * What a body says may contradict what is proven; it can never prove anything, and where it says
 * nothing, nothing is refused. Here stands what counts as nothing. A value of another type than the
 * one that is looked for (a number in the place of a text) neither repeats nor contradicts, so it
 * reads as absent too. */
#ifndef VENICE_ATTEST_CLAIM_H
#define VENICE_ATTEST_CLAIM_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum claim { CLAIM_ABSENT = 0, CLAIM_SAME, CLAIM_OTHER };

/* What two members say together: other where one does, absent where both are. */
static inline enum claim claim_both(enum claim a, enum claim b)
{
    return a > b ? a : b;
}

/* Whether a value (NULL: absent) says nothing: null, false, 0, a text that is blank or is what a
 * writer makes of nothing ("0x", "null", "{}", "[]"), or a list or an object that holds only such
 * values. */
bool claim_is_empty(const cJSON *item);

/* The text of a member; NULL where it is empty in that sense, or no text. */
const char *claim_string(const cJSON *object, const char *name);

/* 1 or 0 for a boolean, or for its name as a text in either case; -1 for anything else. */
int claim_bool(const cJSON *object, const char *name);

/* Compares a member that holds bytes, in hex (either case, with or without 0x) or base64, with n
 * bytes; bytes NULL means that nothing is the same. A member that claim_string does not find is
 * absent. */
enum claim claim_hex(const cJSON *object, const char *name, const uint8_t *bytes, size_t n);

/* The same with a text that the member must hold exactly. */
enum claim claim_text(const cJSON *object, const char *name, const void *text, size_t n);

/* The text without 0x, where it begins with one. */
const char *claim_digits(const char *text);

/* Whether a text is these bytes in hex, in either case, with or without 0x. NULL is none. */
bool claim_is_hex(const char *text, const uint8_t *bytes, size_t n);

/* Reads exactly n bytes of hex, in either case, with or without 0x. Returns false for NULL and for
 * anything else. */
bool claim_read_hex(uint8_t *out, size_t n, const char *text);

#endif
