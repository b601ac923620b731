/* What Intel says about a processor in the extension 1.2.840.113741.1.13.1 of its PCK certificate
 * (DCAP.md rules 12 and 13). */
#ifndef VENICE_ATTEST_TDX_PCK_H
#define VENICE_ATTEST_TDX_PCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/tdx/tcb.h"
#include "attest/x509.h"

struct pck {
    uint8_t ppid[16];
    uint8_t components[TCB_COMPONENTS]; /* what TCB levels are compared with */
    uint16_t pcesvn;
    uint8_t cpusvn[16]; /* must equal components (section 1a f), checked last */
    uint8_t pceid[2];
    uint8_t fmspc[6];
    unsigned sgx_type;
    bool has_platform; /* the two members below, on platforms of more than one package */
    uint8_t platform_instance_id[16];
    bool dynamic_platform, cached_keys, smt_enabled;
};

/* The extension's OID. A PCK certificate is read with this as its foreign extension. */
extern const struct x509_foreign pck_extension_oid;

/* Reads the contents of the extension: every member exactly once with its exact type and length.
 * Returns false for anything else. */
bool pck_parse(struct pck *out, const uint8_t *der, size_t len);

/* Reads the one extension of a leaf. platform_ca: issued by the Platform CA, which makes members .6
 * and .7 required. */
bool pck_read(struct pck *out, const struct x509_cert *leaf, bool platform_ca);

#endif
