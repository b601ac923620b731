/* The JCS tokenizer: any bytes; what comes out must be its own canonical form. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/jcs.h"
#include "base/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const first[] = { "timestamp", "action", "b", NULL };
    char *once, *twice;
    size_t len, again;

    if (jcs_canonical(&once, &len, (const char *)data, n) == 0) {
        if (jcs_canonical(&twice, &again, once, len) != 0 || len != again ||
            memcmp(once, twice, len) != 0)
            abort();
        wiping_free(twice);
    }
    wiping_free(once);
    (void)jcs_ordered(&once, &len, (const char *)data, n, first);
    wiping_free(once);
    return 0;
}
