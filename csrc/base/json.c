/* JSON from outside. One pass of our own decides whether the text is acceptable; only then cJSON,
 * which is laxer and recursive, builds the tree. */
#include "base/json.h"

#include <stdarg.h>
#include <string.h>

#include "base/codec.h"
#include "base/secret.h"
#include "venice.h"

/* --- trees --------------------------------------------------------------------------------- */

int json_parse(cJSON **out, const char *text, size_t len, const struct json_limits *limits)
{
    int r;

    *out = NULL;
    r = json_check(text, len, limits);
    if (r != 0)
        return r;
    *out = cJSON_ParseWithLengthOpts(text, len, NULL, 0);
    /* The text is JSON, so what is missing is memory. */
    return *out ? 0 : VENICE_E_MEMORY;
}

const cJSON *json_at(const cJSON *root, ...)
{
    va_list names;
    const char *name;

    va_start(names, root);
    while (root && (name = va_arg(names, const char *)) != NULL)
        root = cJSON_IsObject(root) ? cJSON_GetObjectItemCaseSensitive(root, name) : NULL;
    va_end(names);
    return root;
}

const char *json_string(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(json_at(object, name, NULL));
}

int json_bool(const cJSON *object, const char *name)
{
    const cJSON *value = json_at(object, name, NULL);

    if (!value)
        return -1;
    return cJSON_IsBool(value) ? cJSON_IsTrue(value) : -2;
}

bool json_integer(int64_t *out, const cJSON *object, const char *name, int64_t min, int64_t max)
{
    const cJSON *value = json_at(object, name, NULL);
    const double exact = 9007199254740992.0; /* 2^53: above it a double skips integers */
    double number;

    if (!value || !cJSON_IsNumber(value))
        return false;
    number = value->valuedouble;
    if (!(number >= -exact && number <= exact) || number != (double)(int64_t)number)
        return false;
    if ((int64_t)number < min || (int64_t)number > max)
        return false;
    *out = (int64_t)number;
    return true;
}

int json_print(char **out, size_t *len, const cJSON *tree)
{
    char *text = cJSON_PrintUnformatted(tree);

    *len = text ? strlen(text) : 0;
    *out = text ? wiping_strdup(text) : NULL;
    cJSON_free(text);
    if (!*out)
        *len = 0;
    return *out ? 0 : VENICE_E_MEMORY;
}
