/* Collateral as it comes from a service: its envelope, and each of its texts by itself. The first
 * byte chooses which reader gets the rest. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/tdx/collateral.h"
#include "attest/tdx/dcap.h"
#include "attest/tdx/qe_identity.h"
#include "attest/tdx/tcb_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void read_envelope(const char *text, size_t len)
{
    struct collateral c;
    int64_t ends;

    if (collateral_read(&c, text, len) == 0 && (!c.tcb_info || !c.pck_crl))
        __builtin_trap();
    collateral_clear(&c);
    (void)dcap_collateral_expiry(&ends, text, len);
}

/* Levels must be sorted, and every status one that has a name. */
static void read_tcb_info(const char *text)
{
    struct tcb_info info = { 0 };
    const char *reason = NULL;
    uint8_t svn[TCB_COMPONENTS] = { 0 };

    if (intel_json_parse(&info.json, text) == 0 && tcb_info_read(&info, &reason) == 0) {
        for (size_t i = 0; i < info.level_count; i++)
            if (!tcb_status_name(info.levels[i].verdict.status) ||
                (i > 0 && memcmp(info.levels[i].sgx, info.levels[i - 1].sgx, sizeof svn) > 0))
                __builtin_trap();
        for (unsigned version = 0; version < 256; version++)
            (void)tcb_info_module(&info, version);
        (void)tcb_level_match(info.levels, info.level_count, svn, 0, svn);
    }
    tcb_info_clear(&info);
}

static void read_qe_identity(const char *text)
{
    struct qe_identity identity = { 0 };
    const char *reason = NULL;
    uint8_t report[QE_REPORT_SIZE] = { 0 };

    if (intel_json_parse(&identity.json, text) == 0 && qe_identity_read(&identity, &reason) == 0) {
        if (identity.level_count == 0)
            __builtin_trap();
        (void)qe_identity_mismatch(&identity, report);
    }
    qe_identity_clear(&identity);
}

static void read_crl(const char *text)
{
    struct x509_crl crl;

    (void)collateral_crl(&crl, text);
    x509_crl_clear(&crl);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text;

    if (len == 0)
        return 0;
    text = malloc(len);
    if (!text)
        return 0;
    memcpy(text, data + 1, len - 1);
    text[len - 1] = 0;
    switch (data[0]) {
    case 't': read_tcb_info(text); break;
    case 'q': read_qe_identity(text); break;
    case 'c': read_crl(text); break;
    default: read_envelope(text, len - 1); break;
    }
    free(text);
    return 0;
}
