/* The list of models that can be used end-to-end encrypted (PROTOCOL section 1.1). Pure. */
#ifndef VENICE_CLIENT_MODELS_H
#define VENICE_CLIENT_MODELS_H

#include <stdbool.h>
#include <stddef.h>

enum {
    MODELS_BODY_MAX = 4 * 1024 * 1024, /* the service's list of 100 takes 150 KB */
    MODELS_MAX = 1000,                 /* that can be used: somebody has to choose among them */
    MODEL_TEXT_MAX = 128               /* bytes of a name that is shown */
};

/* Whether a text may be a model's id: letters, digits and . _ : / - alone, not too long. It is
 * completed into command lines and stands in URLs and headers of chats. */
bool model_id_is_valid(const char *id);

/* From the body of GET /models to the JSON array that venice_models documents; *out is freed with
 * wiping_free. Entries that are not what they should be, and ids that stand there already, are left
 * out. A body that is not a list is VENICE_E_MALFORMED; a list of more than MODELS_MAX, or one over
 * the limits of JSON, is VENICE_E_LIMIT. */
int models_read(char **out, size_t *out_len, const char *body, size_t len);

#endif
