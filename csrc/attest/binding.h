/* Whether a response answers our question, and whether the quote in it binds the key that it names:
 * what can be said without believing the quote's signature yet. */
#ifndef VENICE_ATTEST_BINDING_H
#define VENICE_ATTEST_BINDING_H

#include <stdbool.h>
#include <stdint.h>

#include "attest/evidence.h"
#include "attest/report.h"
#include "attest/tdx/quote.h"

enum { NONCE_SIZE = 32 };

/* Adds the checks of section "binding" to r, every one that can run, in the order of DESIGN section
 * 5a. In: quote NULL where it could not be read; model and nonce as they were asked for; gpu_judged
 * false where the policy wants to know nothing of GPUs. */
void binding_check(struct report *r, const struct evidence *e, const struct tdx_quote *quote,
                   const char *model, const uint8_t nonce[NONCE_SIZE], bool gpu_judged);

/* Whether a signing_algo names ECDSA over secp256k1, in one of the forms that are in use. */
bool binding_is_our_algo(const char *text);

/* The one check of this kind that concerns a bare quote too. */
void binding_check_debug(struct report *r, const struct tdx_quote *quote);

#endif
