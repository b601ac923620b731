/* What a server says an answer has cost: the numbers that we know, and nothing else of it. */
#ifndef VENICE_E2EE_USAGE_H
#define VENICE_E2EE_USAGE_H

#include <cjson/cJSON.h>
#include <stddef.h>

/* From a chunk's members usage and cost to the JSON object that VENICE_EV_USAGE documents: a few
 * hundred characters at most, whatever the server sent. *out NULL where there is none of the
 * numbers; else freed with wiping_free. A cost without a usage is added to before, the result for
 * an earlier chunk, or NULL. Returns 0 or VENICE_E_MEMORY. */
int usage_read(char **out, size_t *len, const cJSON *chunk, const char *before);

#endif
