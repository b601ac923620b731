/* Values that a body repeats although the quote or the event log has them: compared, never used. */
#ifndef VENICE_ATTEST_CLAIM_H
#define VENICE_ATTEST_CLAIM_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum claim { CLAIM_ABSENT = 0, CLAIM_SAME, CLAIM_OTHER };

/* Compares a member that holds hex (either case, with or without 0x) with n bytes; bytes NULL means
 * that nothing is the same. A member that is missing or no string is absent. */
enum claim claim_hex(const cJSON *object, const char *name, const uint8_t *bytes, size_t n);

/* The same with a text that the member must hold exactly. */
enum claim claim_text(const cJSON *object, const char *name, const void *text, size_t n);

/* Reads exactly n bytes of hex (as above). Returns false for NULL and for anything else. */
bool claim_read_hex(uint8_t *out, size_t n, const char *text);

#endif
