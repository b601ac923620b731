/* PEM, strictly: certificates and nothing else (DCAP.md section 1a c). */
#ifndef VENICE_ATTEST_PEM_H
#define VENICE_ATTEST_PEM_H

#include <stddef.h>
#include <stdint.h>

/* What is left to read. */
struct pem {
    const char *p, *end;
};

/* Decodes the next CERTIFICATE block. White space (also NUL, which ends the text in most quotes)
 * may stand around it and nothing else; its base64 is canonical, in lines of any length. scratch
 * has room for as many bytes as are left, der for 3 bytes more.
 * Returns 1 and the DER, 0 where the text is at its end, or VENICE_E_MALFORMED. */
int pem_next(struct pem *in, uint8_t *der, size_t *der_len, char *scratch);

#endif
