/* A chunk's usage: what is passed on is small, and has known members with plain numbers only. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/secret.h"
#include "e2ee/usage.h"
#include "venice.h"

enum { USAGE_MAX = 400 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int is_known(const char *name)
{
    static const char *const NAMES[] = { "prompt_tokens",    "completion_tokens",
                                         "total_tokens",     "prompt_tokens_details",
                                         "cached_tokens",    "completion_tokens_details",
                                         "reasoning_tokens", "cost" };

    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strcmp(name, NAMES[i]) == 0)
            return 1;
    return 0;
}

static void check(const cJSON *object, int depth)
{
    const cJSON *m;

    if (!cJSON_IsObject(object) || !object->child || depth > 1)
        abort();
    cJSON_ArrayForEach(m, object)
    {
        if (!is_known(m->string))
            abort();
        if (!cJSON_IsNumber(m))
            check(m, depth + 1);
        else if (!(m->valuedouble >= 0 && m->valuedouble <= 1e12))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    cJSON *chunk, *usage;
    char *out;
    size_t n;

    if (json_parse(&chunk, (const char *)data, len, NULL) != 0)
        return 0;
    if (usage_read(&out, &n, chunk, "{\"total_tokens\":7,\"cost\":1}") != 0)
        abort();
    cJSON_Delete(chunk);
    if (!out)
        return 0;
    if (n > USAGE_MAX || json_parse(&usage, out, n, NULL) != 0)
        abort();
    check(usage, 0);
    cJSON_Delete(usage);
    wiping_free(out);
    return 0;
}
