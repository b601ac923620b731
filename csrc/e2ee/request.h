/* Messages in, encrypted chat body and headers out, in one place that cannot send plaintext.
 *
 * Every role is sealed. The body is written by the one function that seals: there is no way in for
 * a content that is not a blob it has just made (PROTOCOL section 2, items 1 to 4). */
#ifndef VENICE_E2EE_REQUEST_H
#define VENICE_E2EE_REQUEST_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "base/status.h"
#include "e2ee/session.h"

enum {
    REQUEST_MESSAGES_MAX = 4096,
    REQUEST_BODY_MAX = 34 * 1024 * 1024 /* the service takes 35 MB */
};

struct request {
    char *body; /* JSON, NUL-terminated; wiping_free */
    size_t body_len;
    char client_key_hex[VENICE_PUBLIC_KEY_HEX + 1]; /* X-Venice-TEE-Client-Pub-Key */
    char model_key_hex[VENICE_PUBLIC_KEY_HEX + 1];  /* X-Venice-TEE-Model-Pub-Key */
    venice_keypair *reply; /* opens the answer; one reference, the caller's */
};

/* Builds one request with fresh keys. params (NULL or an object) may hold what venice_chat
 * documents and nothing else; venice_parameters likewise.
 *   - A message whose content is empty is left out (servers refuse ""); where nothing is left,
 *     VENICE_E_CONFIG.
 *   - Text that would parse as a JSON array is put into a json fence (PROTOCOL section 1.3, the
 *     JSON-array trap), for every role.
 *   - Roles: system, user, assistant, tool, developer; tool needs tool_call_id, no other takes one.
 *   - Invalid UTF-8: VENICE_E_MALFORMED with the message's number and the byte's offset.
 * On failure f (may be NULL) says which message or member. */
int request_build(struct request *out, struct failure *f, const struct session *session,
                  const venice_message *messages, size_t count, const cJSON *params,
                  const cJSON *venice_parameters);

/* The sealed messages alone: a JSON object {"messages","headers","venice_parameters"} for callers
 * who send it themselves. *json is freed with wiping_free. */
int request_build_parts(char **json, size_t *len, venice_keypair **reply, struct failure *f,
                        const struct session *session, const venice_message *messages,
                        size_t count);

/* Checks messages and params without sealing, so that a bad request is refused before it
 * attests. */
int request_check(struct failure *f, const venice_message *messages, size_t count,
                  const cJSON *params, const cJSON *venice_parameters);

/* Frees the body and drops the key pair. */
void request_clear(struct request *r);

#endif
