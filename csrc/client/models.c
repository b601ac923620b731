/* The list of models. It is shown to a user, nothing more: trust comes from attestation. */
#include "client/models.h"

#include <string.h>

#include "base/json.h"
#include "e2ee/session.h"

/* Members are copied where they are of the type that they should be. */
static int copy_number(cJSON *to, const char *name, const cJSON *value)
{
    if (!cJSON_IsNumber(value))
        return 0;
    return cJSON_AddNumberToObject(to, name, value->valuedouble) ? 0 : VENICE_E_MEMORY;
}

static int copy_text(cJSON *to, const char *name, const cJSON *value)
{
    if (!cJSON_IsString(value))
        return 0;
    return cJSON_AddStringToObject(to, name, value->valuestring) ? 0 : VENICE_E_MEMORY;
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

    return id && id[0] && strlen(id) <= SESSION_MODEL_MAX && type && strcmp(type, "text") == 0 &&
           json_bool(json_at(spec, "capabilities", NULL), "supportsE2EE") == 1 &&
           json_bool(spec, "offline") != 1;
}

static int copy_members(cJSON *to, const cJSON *model)
{
    const cJSON *spec = json_at(model, "model_spec", NULL);
    int r = copy_text(to, "id", json_at(model, "id", NULL));

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
            if (is_usable(model))
                r = add_model(list, model);
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
