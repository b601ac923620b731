/* Numbers are copied one by one: a usage of 8 MB would otherwise go through Lua as a whole. */
#include "e2ee/usage.h"

#include <stdbool.h>
#include <string.h>

#include "base/json.h"
#include "venice.h"

/* Far above what a bill can say; a number beyond them, or below zero, is none. */
static const int64_t TOKENS_MAX = 1000000000000;
static const double COST_MAX = 1e6;

/* From where in usage, to where in the event. */
static const struct {
    const char *object, *name; /* object NULL: usage itself */
} TOKENS[] = {
    { NULL, "prompt_tokens" },
    { NULL, "completion_tokens" },
    { NULL, "total_tokens" },
    { "prompt_tokens_details", "cached_tokens" },
    { "completion_tokens_details", "reasoning_tokens" },
};

static bool copy_tokens(cJSON *to, const cJSON *usage, const char *object, const char *name)
{
    const cJSON *from = object ? json_at(usage, object, NULL) : usage;
    int64_t n;

    if (!json_integer(&n, from, name, 0, TOKENS_MAX))
        return true;
    if (object) {
        cJSON *inner = cJSON_GetObjectItemCaseSensitive(to, object);

        to = inner ? inner : cJSON_AddObjectToObject(to, object);
    }
    return to && cJSON_AddNumberToObject(to, name, (double)n);
}

/* Venice has {"cost":{"usd":n}} beside usage, others a number in it. NULL: it does not say. */
static const cJSON *cost_of(const cJSON *chunk)
{
    const cJSON *cost = json_at(chunk, "cost", "usd", NULL);

    if (!cost)
        cost = json_at(chunk, "cost", NULL);
    if (!cJSON_IsNumber(cost))
        cost = json_at(chunk, "usage", "cost", NULL);
    if (!cJSON_IsNumber(cost) || !(cost->valuedouble >= 0 && cost->valuedouble <= COST_MAX))
        return NULL;
    return cost;
}

static bool copy_cost(cJSON *to, const cJSON *cost)
{
    cJSON_DeleteItemFromObjectCaseSensitive(to, "cost");
    return cJSON_AddNumberToObject(to, "cost", cost->valuedouble);
}

static int copy_usage(cJSON **out, const cJSON *usage)
{
    bool done;

    *out = cJSON_CreateObject();
    done = *out != NULL;
    for (size_t i = 0; done && i < sizeof TOKENS / sizeof *TOKENS; i++)
        done = copy_tokens(*out, usage, TOKENS[i].object, TOKENS[i].name);
    return done ? 0 : VENICE_E_MEMORY;
}

int usage_read(char **out, size_t *len, const cJSON *chunk, const char *before)
{
    const cJSON *usage = json_at(chunk, "usage", NULL), *cost = cost_of(chunk);
    cJSON *to = NULL;
    int r = 0;

    *out = NULL;
    *len = 0;
    if (cJSON_IsObject(usage))
        r = copy_usage(&to, usage);
    else if (cost && before)
        r = json_parse(&to, before, strlen(before), NULL);
    if (r == 0 && to && cost && !copy_cost(to, cost))
        r = VENICE_E_MEMORY;
    if (r == 0 && to && to->child)
        r = json_print(out, len, to);
    cJSON_Delete(to);
    return r;
}
