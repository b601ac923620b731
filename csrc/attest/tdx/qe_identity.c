/* QE identity, and the QE report beside it. */
#include "attest/tdx/qe_identity.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "venice.h"

enum { QE_IDENTITY_VERSION = 2 };

/* Offsets in the QE report (DCAP.md section 1.3). */
enum {
    REPORT_MISCSELECT = 16,
    REPORT_ATTRIBUTES = 48,
    REPORT_MRSIGNER = 128,
    REPORT_ISVPRODID = 256,
    REPORT_ISVSVN = 258,
    ATTRIBUTES_DEBUG = 2 /* in the first byte of ATTRIBUTES */
};

static int read_members(struct qe_identity *out, bool *unknown_status)
{
    const cJSON *root = out->json.root;
    int64_t isvprodid;

    if (!intel_json_header(&out->json) ||
        !intel_hex(out->miscselect, sizeof out->miscselect, root, "miscselect") ||
        !intel_hex(out->miscselect_mask, sizeof out->miscselect_mask, root, "miscselectMask") ||
        !intel_hex(out->attributes, sizeof out->attributes, root, "attributes") ||
        !intel_hex(out->attributes_mask, sizeof out->attributes_mask, root, "attributesMask") ||
        !intel_hex(out->mrsigner, sizeof out->mrsigner, root, "mrsigner") ||
        !json_integer(&isvprodid, root, "isvprodid", 0, UINT16_MAX))
        return VENICE_E_MALFORMED;
    out->isvprodid = (uint16_t)isvprodid;
    return intel_isv_levels(&out->levels, &out->level_count, unknown_status, root);
}

int qe_identity_read(struct qe_identity *out, const char **reason)
{
    const cJSON *root = out->json.root;
    const char *id = json_string(root, "id");
    bool unknown_status = false;
    int64_t number;
    int r;

    *reason = NULL;
    if (!id || strcmp(id, "TD_QE") != 0)
        *reason = "qeid_id";
    else if (!json_integer(&number, root, "version", QE_IDENTITY_VERSION, QE_IDENTITY_VERSION))
        *reason = "qeid_version";
    if (*reason)
        return VENICE_E_MALFORMED;
    r = read_members(out, &unknown_status);
    if (r == 0 && !intel_json_dates_in_order(&out->json))
        r = VENICE_E_MALFORMED;
    if (r != 0)
        *reason = unknown_status ? "tcb_status_unknown" : "qeid_malformed";
    return r;
}

void qe_identity_clear(struct qe_identity *identity)
{
    if (!identity)
        return;
    free(identity->levels);
    intel_json_clear(&identity->json);
    memset(identity, 0, sizeof *identity);
}

/* Both sides are masked: values outside the mask are Intel's to write (section 1a i). */
static bool equal_under_mask(const uint8_t *a, const uint8_t *b, const uint8_t *mask, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((a[i] ^ b[i]) & mask[i])
            return false;
    return true;
}

static unsigned read_u16(const uint8_t *p)
{
    return (unsigned)p[0] | (unsigned)p[1] << 8;
}

const char *qe_identity_mismatch(const struct qe_identity *identity,
                                 const uint8_t report[QE_REPORT_SIZE])
{
    if (!equal_under_mask(report + REPORT_MISCSELECT, identity->miscselect,
                          identity->miscselect_mask, sizeof identity->miscselect))
        return "qe_miscselect";
    if (!equal_under_mask(report + REPORT_ATTRIBUTES, identity->attributes,
                          identity->attributes_mask, sizeof identity->attributes))
        return "qe_attributes";
    if (memcmp(report + REPORT_MRSIGNER, identity->mrsigner, sizeof identity->mrsigner) != 0)
        return "qe_mrsigner";
    if (read_u16(report + REPORT_ISVPRODID) != identity->isvprodid)
        return "qe_isvprodid";
    if (report[REPORT_ATTRIBUTES] & ATTRIBUTES_DEBUG)
        return "qe_debug";
    return NULL;
}

unsigned qe_report_isvsvn(const uint8_t report[QE_REPORT_SIZE])
{
    return read_u16(report + REPORT_ISVSVN);
}
