/* The JSON-array trap (PROTOCOL section 1.3): servers turn a text that parses as a JSON array into
 * structured content. Such a text is sent in a json fence instead. */
#ifndef VENICE_E2EE_ARRAY_TRAP_H
#define VENICE_E2EE_ARRAY_TRAP_H

#include <stddef.h>

/* Where the text parses as a JSON array (for the laxest parser that could be on the way, whatever
 * white space is around it), *out gets it inside a fence that it cannot close, and *out_len the
 * length; the caller frees it with wiping_free. Any other text leaves *out NULL and *out_len n.
 * Returns 0 or VENICE_E_MEMORY. */
int array_trap_fence(char **out, size_t *out_len, const char *text, size_t n);

#endif
