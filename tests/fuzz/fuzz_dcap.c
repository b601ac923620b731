/* A whole verification. The input: the lengths of collateral and root (4 bytes each,
 * little-endian), collateral, root in PEM (length 0: Intel's), and the quote. What must hold of
 * every result is checked. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/report.h"
#include "attest/tdx/dcap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_result(const struct dcap_result *result, const struct report *report)
{
    if (result->check_count == 0 || result->check_count > DCAP_CHECKS_MAX)
        __builtin_trap();
    for (size_t i = 0; i + 1 < result->check_count; i++)
        if (!result->checks[i].ok)
            __builtin_trap();
    if (result->checks[result->check_count - 1].ok != (result->reason == NULL) ||
        report_verified(report) != (result->reason == NULL))
        __builtin_trap();
    if (!result->reason && (result->status == TCB_NONE || result->status == TCB_REVOKED))
        __builtin_trap();
}

static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Cuts the input up. Returns false where it is too short. */
static bool read_input(struct dcap_input *in, char **root, const uint8_t *data, size_t len)
{
    size_t collateral, root_len;

    *root = NULL;
    if (len < 8)
        return false;
    collateral = read_u32(data);
    root_len = read_u32(data + 4);
    if (collateral > len - 8 || root_len > len - 8 - collateral)
        return false;
    in->collateral = collateral ? (const char *)data + 8 : NULL;
    in->collateral_len = collateral;
    in->quote = data + 8 + collateral + root_len;
    in->quote_len = len - 8 - collateral - root_len;
    in->now = root_len ? 1800000000 : 1751000000; /* the time of tests/dcap, of a real sample */
    if (root_len && (*root = malloc(root_len + 1))) {
        memcpy(*root, data + 8 + collateral, root_len);
        (*root)[root_len] = 0;
    }
    in->root_pem = *root;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct dcap_result result;
    struct dcap_input in;
    struct report *report = NULL;
    char fmspc[13], *root;
    const char *ca, *reason;

    if (!read_input(&in, &root, data, len))
        return 0;
    if (report_new(&report) == 0 && dcap_verify(&result, report, &in) == 0)
        check_result(&result, report);
    if ((dcap_platform(fmspc, &ca, &reason, in.quote, in.quote_len) == 0) != (reason == NULL))
        __builtin_trap();
    report_free(report);
    free(root);
    return 0;
}
