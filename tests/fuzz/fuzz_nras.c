/* An answer of NVIDIA's service, then after a line end its key set: it never holds, for NVIDIA
 * signed neither. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/gpu/nras.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void judge(const char *response, size_t response_len, const char *jwks, size_t jwks_len)
{
    static const uint8_t nonce[32];
    struct gpu_device devices[2] = { { .serial = "1" }, { .serial = "2" } };
    const struct gpu_evidence evidence = { 2, devices, true, true, NULL };
    const struct nras_input in = { response,  response_len, jwks, jwks_len,
                                   &evidence, nonce,        NULL, 1790000000 };
    struct report *r;
    bool holds;

    if (report_new(&r) != 0)
        return;
    if (nras_check(r, &holds, NULL, &in) == 0 && (holds || report_verified(r) || !report_reason(r)))
        __builtin_trap();
    report_free(r);
    (void)nras_wants_keys(response, response_len, jwks, jwks_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *text = (const char *)data, *rest = len > 0 ? memchr(text, '\n', len) : NULL;
    size_t n = rest ? (size_t)(rest - text) : len;

    if (len > 0)
        judge(text, n, rest ? rest + 1 : "", rest ? len - n - 1 : 0);
    return 0;
}
