/* The event log: any text, as the string that holds a log, and as the list in a response. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/tdx/event_log.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Whether RTMR3 has an event that says nothing of what was started, or could say two things. */
static bool hides_something(const cJSON *log)
{
    const cJSON *event;

    cJSON_ArrayForEach(event, log)
    {
        const char *name = json_string(event, "event");
        int64_t imr, type, version = 1;

        if (!json_integer(&imr, event, "imr", 0, 3) ||
            !json_integer(&type, event, "event_type", 0, UINT32_MAX))
            return true;
        (void)json_integer(&version, event, "version", 1, 2);
        if (imr == 3 && (type != 0x08000001 || (version == 1 && strchr(name, ':'))))
            return true;
    }
    return false;
}

static void replay(const cJSON *log)
{
    struct event_log out;
    const char *reason;
    size_t where;
    int r = event_log_replay(&out, &reason, &where, log);

    if ((r == 0) != (reason == NULL))
        abort();
    if (r == 0 && hides_something(log))
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
