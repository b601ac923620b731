/* Numbers as ECMAScript prints them, which is how RFC 8785 section 3.2.2.3 wants them. */
#ifndef VENICE_BASE_ECMA_NUMBER_H
#define VENICE_BASE_ECMA_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

enum {
    ECMA_NUMBER_TOKEN = 400, /* characters of a JSON number; longer ones are not in use */
    ECMA_NUMBER_CHARS = 25   /* -0.0000012345678901234567 is the longest result */
};

/* The double that is nearest to a JSON number of n characters (checked by the caller), whatever the
 * process's locale. False where no finite double is near, or n is over ECMA_NUMBER_TOKEN. */
bool json_number_read(double *out, const char *token, size_t n);

/* Prints the double that is nearest to a JSON number of n characters (checked by the caller).
 * Independent of the process's locale. Returns 0; VENICE_E_MALFORMED where no finite double is
 * near; VENICE_E_LIMIT. */
int ecma_number(char out[ECMA_NUMBER_CHARS + 1], const char *token, size_t n);

#endif
