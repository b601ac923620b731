/* Intel's TCB info of one platform family for TDX (DCAP.md rules 17 to 24). */
#ifndef VENICE_ATTEST_TDX_TCB_INFO_H
#define VENICE_ATTEST_TDX_TCB_INFO_H

#include "attest/tdx/intel_json.h"

enum { TCB_MODULES_MAX = 64 };

/* The TDX module of one version, or tdxModule (then without levels). */
struct tcb_module {
    const char *id; /* "TDX_03"; NULL for tdxModule */
    uint8_t mrsigner[48], attributes[8], attributes_mask[8];
    struct tcb_isv_level *levels; /* sorted */
    size_t level_count;
};

struct tcb_info {
    struct intel_json json;
    const char *fmspc, *pce_id; /* as they stand there, of any length */
    struct tcb_module module;
    struct tcb_module *identities;
    size_t identity_count;
    struct tcb_level *levels; /* sorted */
    size_t level_count;
};

/* Reads what intel_json_parse put into out->json, whose signature is checked by then. Returns 0;
 * VENICE_E_MALFORMED with *reason set; VENICE_E_MEMORY. Free with tcb_info_clear in any case. */
int tcb_info_read(struct tcb_info *out, const char **reason);
void tcb_info_clear(struct tcb_info *info); /* takes NULL */

/* The module of a version (TEE_TCB_SVN[1]; rule 33): tdxModule for 0, else the identity "TDX_%02X",
 * or NULL where there is none. */
const struct tcb_module *tcb_info_module(const struct tcb_info *info, unsigned version);

#endif
