/* The JSON scan: what it takes, cJSON takes; what is printed is taken again; a member's raw bytes
 * are JSON themselves. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/secret.h"
#include "venice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_members(const cJSON *tree, const char *text, size_t len)
{
    const cJSON *first = cJSON_IsObject(tree) ? tree->child : NULL;
    const char *raw;
    size_t n;
    cJSON *value;

    if (!first)
        return;
    if (json_raw_member(&raw, &n, text, len, first->string) != 0 || raw < text ||
        raw + n > text + len)
        abort();
    if (json_parse(&value, raw, n, NULL) != 0 || !cJSON_Compare(first, value, true))
        abort();
    cJSON_Delete(value);
}

/* Numbers may change on the way (their last digits), so only the form is looked at. */
static void check_print(const cJSON *tree)
{
    char *text;
    size_t n;
    cJSON *again;

    if (json_print(&text, &n, tree) != 0)
        abort();
    if (json_parse(&again, text, n, NULL) == VENICE_E_MALFORMED)
        abort();
    cJSON_Delete(again);
    wiping_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *text = (const char *)data;
    const char *raw;
    size_t n;
    cJSON *tree;
    int r = json_parse(&tree, text, len, NULL);

    if (r != 0 && r != VENICE_E_MALFORMED && r != VENICE_E_LIMIT)
        abort(); /* VENICE_E_MEMORY would mean that cJSON refused what the scan took */
    if (r == 0) {
        check_members(tree, text, len);
        check_print(tree);
        if (json_is_array(text, len) != cJSON_IsArray(tree))
            abort();
    }
    cJSON_Delete(tree);
    json_is_array(text, len);
    json_raw_member(&raw, &n, text, len, "a");
    return 0;
}
