/* Names of results, and failures that carry their words. */
#include "base/status.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/screen.h"
#include "base/secret.h"

int venice_abi(void)
{
    return VENICE_ABI;
}

/* The codes of DESIGN section 5a, Errors. Those of a caller's mistake are "config": what was handed
 * in is not acceptable. */
const char *venice_status_name(int status)
{
    switch (status) {
    case VENICE_OK: return "ok";
    case VENICE_E_ARG: return "config";
    case VENICE_E_CONFIG: return "config";
    case VENICE_E_NO_KEY: return "no_key";
    case VENICE_E_KEY_COMMAND: return "key_command";
    case VENICE_E_UNAUTHORIZED: return "unauthorized";
    case VENICE_E_PAYMENT: return "payment";
    case VENICE_E_NOT_FOUND: return "not_found";
    case VENICE_E_BAD_REQUEST: return "bad_request";
    case VENICE_E_TOO_LARGE: return "too_large";
    case VENICE_E_RATE_LIMITED: return "rate_limited";
    case VENICE_E_SERVER: return "server";
    case VENICE_E_CONNECT: return "connect";
    case VENICE_E_DNS: return "dns";
    case VENICE_E_TLS: return "tls";
    case VENICE_E_TIMEOUT: return "timeout";
    case VENICE_E_CUT_OFF: return "cut_off";
    case VENICE_E_INTEGRITY: return "integrity";
    case VENICE_E_MALFORMED: return "malformed";
    case VENICE_E_LIMIT: return "limit";
    case VENICE_E_ATTESTATION: return "attestation";
    case VENICE_E_CANCELLED: return "cancelled";
    default: return "internal";
    }
}

void venice_text_free(venice_text *t)
{
    if (!t)
        return;
    wiping_free(t->data);
    t->data = NULL;
    t->len = 0;
}

int failure_set(struct failure *f, int status, const char *hint, const char *format, ...)
{
    va_list args;

    if (!f || f->status != 0)
        return status;
    f->status = status;
    va_start(args, format);
    if (vsnprintf(f->message, sizeof f->message, format, args) < 0)
        f->message[0] = 0;
    va_end(args);
    screen_make_safe(f->message);
    f->hint[0] = 0;
    if (hint) {
        if (snprintf(f->hint, sizeof f->hint, "%s", hint) < 0)
            f->hint[0] = 0;
        screen_make_safe(f->hint);
    }
    return status;
}

int failure_json(const struct failure *f, char **out, size_t *len)
{
    int r = VENICE_E_MEMORY;
    cJSON *tree = cJSON_CreateObject();

    *out = NULL;
    *len = 0;
    if (tree && cJSON_AddStringToObject(tree, "code", venice_status_name(f->status)) &&
        cJSON_AddStringToObject(tree, "message", f->message) &&
        cJSON_AddStringToObject(tree, "hint", f->hint))
        r = json_print(out, len, tree);
    cJSON_Delete(tree);
    return r;
}
