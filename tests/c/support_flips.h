/* Flips single bits of a real quote and counts what becomes of it. */
#ifndef VENICE_TESTS_SUPPORT_FLIPS_H
#define VENICE_TESTS_SUPPORT_FLIPS_H

#include <stddef.h>

/* Tries every bit of a part of dcap-samples/tdx_quote with cmocka's assertions: all but what
 * follows the signature data, and a NUL that ends the PEM, must be refused; what follows must not
 * matter. pem: the certificate chain and what is behind it; else everything before. Skips without
 * corpus. */
void flip_every_bit(int pem);

#endif
