/* The trust anchor: Intel SGX Root CA, as Intel publishes it (DCAP.md rule 6). */
#ifndef VENICE_ATTEST_TDX_INTEL_ROOT_H
#define VENICE_ATTEST_TDX_INTEL_ROOT_H

#include <stdint.h>

/* DER; its SHA-256 is
 * 44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3 (test_dcap compares). */
enum { INTEL_ROOT_SIZE = 659 };
extern const uint8_t intel_root_der[INTEL_ROOT_SIZE];

#endif
