/* Strict text encodings: what does not decode exactly is refused. */
#ifndef VENICE_BASE_CODEC_H
#define VENICE_BASE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes 2 * n lower-case digits, no NUL. */
void hex_encode(char *out, const uint8_t *in, size_t n);

/* Decodes n digits of either case into n / 2 bytes. Returns 0, or VENICE_E_MALFORMED for an odd
 * count or another character. Runs without branches on the digits' values. out may equal in. */
int hex_decode(uint8_t *out, const char *in, size_t n);

/* Decodes base64 (or base64url where url) with its canonical padding (base64url: none or
 * canonical), no white space, unused bits zero. out needs 3 * (n / 4) + 3 bytes.
 * Returns 0 and sets *out_len, or VENICE_E_MALFORMED. */
int base64_decode(uint8_t *out, size_t *out_len, const char *in, size_t n, bool url);

/* Whether n bytes are whole, shortest-form UTF-8 without surrogates. NUL bytes are allowed. */
bool utf8_valid(const uint8_t *p, size_t n);

/* The number of bytes at the end of p (0 to 3) that begin a sequence which is cut off, where
 * everything before is valid; -1 where something is invalid. */
int utf8_tail(const uint8_t *p, size_t n);

#endif
