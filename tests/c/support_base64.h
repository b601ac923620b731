/* base64 for what tests make up; the library only reads it. */
#ifndef TESTS_SUPPORT_BASE64_H
#define TESTS_SUPPORT_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* Standard base64 with padding; out needs 4 * ((n + 2) / 3) bytes, no NUL is written. */
void base64_encode(char *out, const uint8_t *in, size_t n);

#endif
