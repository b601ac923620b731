/* A list of models: whatever the service says, ids are plain and stand there once, texts are safe
 * for a screen and short, numbers are neither negative nor infinite. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/screen.h"
#include "base/secret.h"
#include "client/models.h"
#include "venice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_text(const char *text)
{
    char copy[MODEL_TEXT_MAX + 1];

    if (strlen(text) > MODEL_TEXT_MAX)
        abort();
    screen_copy(copy, sizeof copy, text);
    if (strcmp(copy, text) != 0)
        abort();
}

static void check_entry(const cJSON *entry, const cJSON *rest)
{
    const char *id = json_string(entry, "id");
    const cJSON *member;

    if (!id || !model_id_is_valid(id))
        abort();
    for (; rest; rest = rest->next)
        if (strcmp(json_string(rest, "id"), id) == 0)
            abort();
    cJSON_ArrayForEach(member, entry)
    {
        if (cJSON_IsString(member))
            check_text(member->valuestring);
        else if (cJSON_IsNumber(member) ? !(member->valuedouble >= 0) : !cJSON_IsBool(member))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *out;
    size_t n;
    cJSON *list;
    int r = models_read(&out, &n, (const char *)data, len);

    if (r != 0) {
        if (out || (r != VENICE_E_MALFORMED && r != VENICE_E_LIMIT))
            abort();
        return 0;
    }
    if (json_parse(&list, out, n, NULL) != 0 || cJSON_GetArraySize(list) > MODELS_MAX)
        abort();
    for (const cJSON *entry = list->child; entry; entry = entry->next)
        check_entry(entry, entry->next);
    cJSON_Delete(list);
    wiping_free(out);
    return 0;
}
