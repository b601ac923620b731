/* A bare quote: whatever the bytes are, it is taken apart within them or refused by a code. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/tdx/quote.h"
#include "venice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_pointers(const struct tdx_quote *q, const uint8_t *data, size_t len)
{
    const uint8_t *end = data + len;

    if (q->signed_len > len || q->body + q->body_len > end || q->report_data + 64 > end ||
        q->qe_auth_data + q->qe_auth_len > end || (const uint8_t *)q->pem + q->pem_len > end)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const options[] = {
        "{\"now\":1790000000,\"policy\":{\"dcap\":\"off\"}}",
        "{\"now\":1790000000,\"policy\":{\"dcap\":\"require\"}}"
    };
    struct tdx_quote quote;
    const char *reason = NULL;
    int r = tdx_quote_parse(&quote, &reason, data, len);

    if ((r == 0) != (reason == NULL))
        __builtin_trap();
    if (r == 0)
        check_pointers(&quote, data, len);
    for (size_t i = 0; i < 2; i++) {
        venice_text report = { NULL, 0 };

        if (venice_verify_quote(&report, (const char *)data, len, options[i], strlen(options[i])) !=
            0)
            __builtin_trap();
        if (strstr(report.data, "\"accepted\":true")) /* nobody's signature was checked */
            __builtin_trap();
        venice_text_free(&report);
    }
    return 0;
}
