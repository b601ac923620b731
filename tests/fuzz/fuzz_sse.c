/* The event-stream splitter: whatever the bytes, the events do not depend on how they are cut. The
 * first byte says how. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "e2ee/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A digest of all events, with their lengths. */
static void split(uint8_t out32[32], const char *bytes, size_t len, size_t step)
{
    struct sse *s;

    memset(out32, 0, 32);
    if (sse_new(&s) != 0)
        abort();
    for (size_t at = 0; at < len; at += step) {
        size_t n;
        char *event;

        if (sse_feed(s, bytes + at, step < len - at ? step : len - at) != 0)
            abort(); /* no input of a fuzzer's size is over a limit */
        while (sse_next(s, &event, &n)) {
            uint8_t both[64];

            if (event[n] != 0 || n > len)
                abort();
            memcpy(both, out32, 32);
            sha256(both + 32, (const uint8_t *)event, n);
            sha256(out32, both, sizeof both);
        }
    }
    sse_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t whole[32], cut[32], bytewise[32];

    if (len == 0)
        return 0;
    split(whole, (const char *)data + 1, len - 1, len);
    split(cut, (const char *)data + 1, len - 1, (size_t)data[0] + 1);
    split(bytewise, (const char *)data + 1, len - 1, 1);
    if (memcmp(whole, cut, 32) != 0 || memcmp(whole, bytewise, 32) != 0)
        abort();
    return 0;
}
