/* Reads a server's error object. */
#include "e2ee/server_error.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/screen.h"

/* A string or a number. Other types leave out empty. */
static void copy_text(char *out, size_t cap, const cJSON *value)
{
    const char *text = cJSON_GetStringValue(value);

    if (cJSON_IsNumber(value))
        snprintf(out, cap, "%.0f", value->valuedouble);
    else if (text)
        screen_copy(out, cap, text);
}

bool server_error_read(struct server_error *out, const cJSON *root)
{
    const cJSON *error = json_at(root, "error", NULL);
    const cJSON *from = root;
    const char *object = json_string(root, "object");

    memset(out, 0, sizeof *out);
    if (cJSON_IsObject(error)) {
        from = error;
        copy_text(out->message, sizeof out->message, json_at(error, "message", NULL));
    } else if (error && !cJSON_IsNull(error)) {
        /* A string is the message; another type is an error that says nothing. */
        copy_text(out->message, sizeof out->message, error);
    } else if (object && strcmp(object, "error") == 0) {
        copy_text(out->message, sizeof out->message, json_at(root, "message", NULL));
    } else {
        return false;
    }
    copy_text(out->type, sizeof out->type, json_at(from, "type", NULL));
    copy_text(out->code, sizeof out->code, json_at(from, "code", NULL));
    if (out->code[0] == 0)
        copy_text(out->code, sizeof out->code, json_at(root, "code", NULL));
    return true;
}

static bool names_stale_key(const char *word)
{
    static const char *const words[] = { "e2ee_decryption_failed", "e2ee_model_key_mismatch" };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

bool server_error_wants_new_session(const struct server_error *e)
{
    /* NEAR and the older proxy have sentences instead of codes (PROTOCOL section 1.3, table). */
    static const char *const sentences[] = { "e2ee_decryption_failed", "e2ee_model_key_mismatch",
                                             "Decryption failed", "Encrypted field is not valid" };

    if (names_stale_key(e->type) || names_stale_key(e->code))
        return true;
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++)
        if (strcasestr(e->message, sentences[i]))
            return true;
    return false;
}
