/* The list of models. It is shown to a user, nothing more: trust comes from attestation. */
#include "client/models.h"

#include <string.h>

#include "base/json.h"
#include "base/screen.h"
#include "e2ee/session.h"

bool model_id_is_valid(const char *id)
{
    static const char PLAIN[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/-";
    size_t n = strspn(id, PLAIN);

    return n > 0 && n <= SESSION_MODEL_MAX && id[n] == 0;
}

/* Members are copied where they are of the type that they should be. Tokens and dollars: a number
 * below zero, or beyond all that there are, is none. */
static int copy_number(cJSON *to, const char *name, const cJSON *value)
{
    static const double MOST = 1e12;

    if (!cJSON_IsNumber(value) || !(value->valuedouble >= 0 && value->valuedouble <= MOST))
        return 0;
    return cJSON_AddNumberToObject(to, name, value->valuedouble) ? 0 : VENICE_E_MEMORY;
}

static int copy_text(cJSON *to, const char *name, const cJSON *value)
{
    char text[MODEL_TEXT_MAX + 1];

    if (!cJSON_IsString(value))
        return 0;
    screen_copy(text, sizeof text, value->valuestring);
    return cJSON_AddStringToObject(to, name, text) ? 0 : VENICE_E_MEMORY;
}

static int copy_bool(cJSON *to, const char *name, const cJSON *value)
{
    if (!cJSON_IsBool(value))
        return 0;
    return cJSON_AddBoolToObject(to, name, cJSON_IsTrue(value)) ? 0 : VENICE_E_MEMORY;
}

/* The filter is what the service says of the model, never its name (PROTOCOL section 1.1). */
static bool is_usable(const cJSON *model)
{
    const char *id = json_string(model, "id");
    const char *type = json_string(model, "type");
    const cJSON *spec = json_at(model, "model_spec", NULL);

    return id && model_id_is_valid(id) && type && strcmp(type, "text") == 0 &&
           json_bool(json_at(spec, "capabilities", NULL), "supportsE2EE") == 1 &&
           json_bool(spec, "offline") != 1;
}

static int copy_members(cJSON *to, const cJSON *model)
{
    const cJSON *spec = json_at(model, "model_spec", NULL);
    int r = cJSON_AddStringToObject(to, "id", json_string(model, "id")) ? 0 : VENICE_E_MEMORY;

    if (r == 0)
        r = copy_text(to, "name", json_at(spec, "name", NULL));
    if (r == 0)
        r = copy_number(to, "context", json_at(spec, "availableContextTokens", NULL));
    if (r == 0)
        r = copy_number(to, "max_output", json_at(spec, "maxCompletionTokens", NULL));
    if (r == 0)
        r = copy_bool(to, "reasoning", json_at(spec, "capabilities", "supportsReasoning", NULL));
    if (r == 0)
        r = copy_number(to, "price_in", json_at(spec, "pricing", "input", "usd", NULL));
    if (r == 0)
        r = copy_number(to, "price_cache_in", json_at(spec, "pricing", "cache_input", "usd", NULL));
    if (r == 0)
        r = copy_number(to, "price_out", json_at(spec, "pricing", "output", "usd", NULL));
    if (r == 0)
        r = copy_text(to, "deprecation", json_at(spec, "deprecation", "date", NULL));
    return r;
}

static bool is_listed(const cJSON *list, const char *id)
{
    const cJSON *entry;

    cJSON_ArrayForEach(entry, list)
    {
        if (strcmp(json_string(entry, "id"), id) == 0)
            return true;
    }
    return false;
}

static int add_model(cJSON *list, const cJSON *model)
{
    cJSON *entry = cJSON_CreateObject();

    if (entry && copy_members(entry, model) == 0 && cJSON_AddItemToArray(list, entry))
        return 0;
    cJSON_Delete(entry);
    return VENICE_E_MEMORY;
}

int models_read(char **out, size_t *out_len, const char *body, size_t len)
{
    static const struct json_limits LIMITS = { .bytes = MODELS_BODY_MAX, .allow_duplicates = true };
    cJSON *root = NULL, *list = NULL;
    const cJSON *data, *model;
    int count = 0;
    int r = json_parse(&root, body, len, &LIMITS);

    *out = NULL;
    *out_len = 0;
    if (r != 0)
        return r;
    data = json_at(root, "data", NULL);
    list = cJSON_CreateArray();
    r = list ? 0 : VENICE_E_MEMORY;
    if (r == 0 && !cJSON_IsArray(data))
        r = VENICE_E_MALFORMED;
    if (r == 0) {
        cJSON_ArrayForEach(model, data)
        {
            if (!is_usable(model) || is_listed(list, json_string(model, "id")))
                continue;
            r = ++count > MODELS_MAX ? VENICE_E_LIMIT : add_model(list, model);
            if (r != 0)
                break;
        }
    }
    if (r == 0)
        r = json_print(out, out_len, list);
    cJSON_Delete(list);
    cJSON_Delete(root);
    return r;
}
