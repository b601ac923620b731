/* GPU evidence: a message that is taken lies whole inside, and nothing that was not signed under
 * NVIDIA's root is genuine. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/gpu/gpu.h"
#include "base/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void read_message(const uint8_t *data, size_t len)
{
    struct spdm s;

    if (spdm_read(&s, data, len) != 0)
        return;
    if (s.signature != data + s.signed_len || s.measurements == 0 ||
        s.signed_len + SPDM_SIGNATURE_SIZE > len ||
        len - s.signed_len - SPDM_SIGNATURE_SIZE > SPDM_PADDING_MAX)
        __builtin_trap();
    for (size_t i = s.signed_len + SPDM_SIGNATURE_SIZE; i < len; i++)
        if (data[i] != 0)
            __builtin_trap();
    if (s.fwid && (s.fwid < data || s.fwid + SPDM_FWID_SIZE > s.signature))
        __builtin_trap();
}

static void judge(const char *payload)
{
    static const uint8_t nonce[32];
    const struct gpu_input in = { payload, nonce, NULL, 1790000000, 1 };
    struct gpu_evidence e;
    struct report *r;

    if (report_new(&r) != 0)
        return;
    if (gpu_check(r, &e, &in) == 0 && (e.genuine || report_verified(r)))
        __builtin_trap();
    gpu_evidence_clear(&e);
    report_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = malloc(len + 1);

    if (!text)
        return 0;
    memcpy(text, data, len);
    text[len] = 0;
    read_message(data, len);
    judge(text);
    free(text);
    return 0;
}
