/* What a server says went wrong, in any of the shapes that PROTOCOL section 1.3 lists:
 * {"error":{"message","type","code"}}, {"error":"text"}, {"code","error"},
 * {"object":"error","message"}. The same in the stream and in the body of an HTTP error. */
#ifndef VENICE_E2EE_SERVER_ERROR_H
#define VENICE_E2EE_SERVER_ERROR_H

#include <cjson/cJSON.h>
#include <stdbool.h>

enum { SERVER_ERROR_TEXT = 200, SERVER_ERROR_CODE = 64 };

struct server_error {
    char message[SERVER_ERROR_TEXT + 1]; /* "" where it says nothing */
    char type[SERVER_ERROR_CODE + 1];
    char code[SERVER_ERROR_CODE + 1]; /* numbers as digits */
};

/* Whether root is an error object; then *out is filled. Texts are the server's,
 * made safe for a screen, where they belong: never in a log (they can quote the prompt). */
bool server_error_read(struct server_error *out, const cJSON *root);

/* Whether a new attestation could help: the enclave could not open what was sent, or has another
 * key by now. */
bool server_error_wants_new_session(const struct server_error *e);

#endif
