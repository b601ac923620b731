/* Names of results, and failures that carry their words. */
#include "base/status.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/codec.h"
#include "base/json.h"
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

/* Makes a text fit for a screen and for JSON: control characters become spaces, invalid bytes
 * question marks, and a sequence that snprintf cut at the end is dropped. */
static void sanitize(char *text)
{
    size_t n = strlen(text);
    int tail = utf8_tail((const uint8_t *)text, n);

    if (tail > 0)
        n -= (size_t)tail;
    text[n] = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20 || c == 0x7f)
            text[i] = ' ';
        else if (c >= 0x80 && tail < 0)
            text[i] = '?';
    }
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
    sanitize(f->message);
    f->hint[0] = 0;
    if (hint) {
        if (snprintf(f->hint, sizeof f->hint, "%s", hint) < 0)
            f->hint[0] = 0;
        sanitize(f->hint);
    }
    return status;
}

/* {"a":1} and "b":2 make {"a":1,"b":2}. */
static int splice_members(char **json, size_t *len, const char *extra)
{
    size_t extra_len = extra ? strlen(extra) : 0;
    char *grown;

    if (extra_len == 0)
        return 0;
    grown = wiping_realloc(*json, *len + extra_len + 2);
    if (!grown)
        return VENICE_E_MEMORY;
    *json = grown;
    grown[*len - 1] = ',';
    memcpy(grown + *len, extra, extra_len);
    grown[*len + extra_len] = '}';
    grown[*len + extra_len + 1] = 0;
    *len += extra_len + 1;
    return 0;
}

int failure_json_with(const struct failure *f, const char *extra, char **out, size_t *len)
{
    int r = VENICE_E_MEMORY;
    char *text = NULL;
    size_t text_len = 0;
    cJSON *tree = NULL;

    *out = NULL;
    *len = 0;
    r = json_init();
    if (r != 0)
        return r;
    r = VENICE_E_MEMORY;
    tree = cJSON_CreateObject();
    if (!tree || !cJSON_AddStringToObject(tree, "code", venice_status_name(f->status)) ||
        !cJSON_AddStringToObject(tree, "message", f->message) ||
        !cJSON_AddStringToObject(tree, "hint", f->hint))
        goto out;
    r = json_print(&text, &text_len, tree);
    if (r != 0)
        goto out;
    r = splice_members(&text, &text_len, extra);
    if (r != 0)
        goto out;
    *out = text;
    *len = text_len;
    text = NULL;
out:
    wiping_free(text);
    cJSON_Delete(tree);
    return r;
}

int failure_json(const struct failure *f, char **out, size_t *len)
{
    return failure_json_with(f, NULL, out, len);
}
