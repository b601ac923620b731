/* The list of models that can be used end-to-end encrypted (PROTOCOL section 1.1). Pure. */
#ifndef VENICE_CLIENT_MODELS_H
#define VENICE_CLIENT_MODELS_H

#include <stddef.h>

enum { MODELS_BODY_MAX = 4 * 1024 * 1024 };

/* From the body of GET /models to the JSON array that venice_models documents; *out is freed with
 * wiping_free. Entries that are not what they should be are left out; a body that is not a list is
 * VENICE_E_MALFORMED. */
int models_read(char **out, size_t *out_len, const char *body, size_t len);

#endif
