/* JSON in canonical form (RFC 8785), from a tokenizer of our own: cJSON keeps numbers as doubles
 * and loses their text, so nothing that is hashed may pass through it (EVIDENCE section 3.1, 2). */
#ifndef VENICE_BASE_JCS_H
#define VENICE_BASE_JCS_H

#include <stddef.h>

enum {
    JCS_BYTES = 1024 * 1024, /* of the text */
    JCS_DEPTH = 32,          /* nesting; a lone value is 0 */
    JCS_VALUES = 65536       /* values and members */
};

/* Prints the one value that text holds in canonical form: members sorted by the UTF-16 units of
 * their names, no white space, numbers as ECMAScript prints the double that is nearest (also
 * integers beyond 2^53). *out gets a NUL that *len does not count; free with wiping_free.
 * Returns 0; VENICE_E_MALFORMED (not JSON, a member twice, half a surrogate pair, a number that no
 * double holds); VENICE_E_LIMIT; VENICE_E_MEMORY. */
int jcs_canonical(char **out, size_t *len, const char *text, size_t n);

/* The same without white space, but with the members of every object in a given order: those
 * named in first (ended by NULL) come first, in its order, the others follow as they stand in
 * the text. */
int jcs_ordered(char **out, size_t *len, const char *text, size_t n, const char *const *first);

/* SHA-256 of the canonical form. Results as above. */
int jcs_sha256(unsigned char out32[32], const char *text, size_t n);

#endif
