/* The event log: any text, as the string that holds a log, and as the list in a response. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/tdx/event_log.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void replay(const cJSON *log)
{
    struct event_log out;
    const char *reason;
    size_t where;
    int r = event_log_replay(&out, &reason, &where, log);

    if ((r == 0) != (reason == NULL))
        abort();
    if (out.ready && !event_log_find(&out, "system-ready"))
        abort();
    event_log_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cJSON *list = NULL, *text;
    char *copy;

    if (json_parse(&list, (const char *)data, n, NULL) == 0)
        replay(list);
    cJSON_Delete(list);
    copy = calloc(1, n + 1);
    if (!copy)
        return 0;
    if (n > 0)
        memcpy(copy, data, n);
    text = cJSON_CreateString(copy);
    if (text)
        replay(text);
    cJSON_Delete(text);
    free(copy);
    return 0;
}
