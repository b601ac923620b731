/* TCB info, member by member, in the order of DCAP.md section 1a: id, version, tcbType, the
 * members, the order of the dates. */
#include "attest/tdx/tcb_info.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "venice.h"

enum { TCB_INFO_VERSION = 3, TCB_TYPE = 0 };

static bool read_components(uint8_t out[TCB_COMPONENTS], const cJSON *array)
{
    const cJSON *item;
    size_t i = 0;
    int64_t svn;

    if (intel_array_size(array) != TCB_COMPONENTS)
        return false;
    cJSON_ArrayForEach(item, array)
    {
        if (!json_integer(&svn, item, "svn", 0, UINT8_MAX))
            return false;
        out[i++] = (uint8_t)svn;
    }
    return true;
}

static int read_level(struct tcb_level *out, bool *unknown_status, const cJSON *level)
{
    const cJSON *tcb = json_at(level, "tcb", NULL);
    int64_t pcesvn;

    *unknown_status = false;
    if (!read_components(out->sgx, json_at(tcb, "sgxtcbcomponents", NULL)) ||
        !json_integer(&pcesvn, tcb, "pcesvn", 0, UINT16_MAX) ||
        !read_components(out->tdx, json_at(tcb, "tdxtcbcomponents", NULL)))
        return VENICE_E_MALFORMED;
    out->pcesvn = (uint16_t)pcesvn;
    return intel_verdict(&out->verdict, unknown_status, level, false);
}

static int read_levels(struct tcb_info *info, bool *unknown_status)
{
    const cJSON *array = json_at(info->json.root, "tcbLevels", NULL), *item;
    size_t n = intel_array_size(array);

    if (n < 1 || n > INTEL_LEVELS_MAX)
        return VENICE_E_MALFORMED;
    info->levels = calloc(n, sizeof *info->levels);
    if (!info->levels)
        return VENICE_E_MEMORY;
    cJSON_ArrayForEach(item,
                       array) if (read_level(&info->levels[info->level_count++], unknown_status,
                                             item) != 0) return VENICE_E_MALFORMED;
    return tcb_levels_sort(info->levels, n) ? 0 : VENICE_E_MALFORMED;
}

static bool read_module(struct tcb_module *out, const cJSON *module)
{
    return intel_hex(out->mrsigner, sizeof out->mrsigner, module, "mrsigner") &&
           intel_hex(out->attributes, sizeof out->attributes, module, "attributes") &&
           intel_hex(out->attributes_mask, sizeof out->attributes_mask, module, "attributesMask");
}

static int read_identity(struct tcb_module *out, bool *unknown_status, const cJSON *identity)
{
    out->id = json_string(identity, "id");
    if (!out->id || !read_module(out, identity))
        return VENICE_E_MALFORMED;
    return intel_isv_levels(&out->levels, &out->level_count, unknown_status, identity);
}

/* The same version twice would make the order decide. */
static bool is_repeated(const struct tcb_info *info, const char *id)
{
    for (size_t i = 0; i + 1 < info->identity_count; i++)
        if (strcmp(info->identities[i].id, id) == 0)
            return true;
    return false;
}

/* Absent and empty are legal (section 1a h). */
static int read_identities(struct tcb_info *info, bool *unknown_status)
{
    const cJSON *array = json_at(info->json.root, "tdxModuleIdentities", NULL), *item;
    size_t n = intel_array_size(array);

    if (!array)
        return 0;
    if (!cJSON_IsArray(array) || n > TCB_MODULES_MAX)
        return VENICE_E_MALFORMED;
    if (n == 0)
        return 0;
    info->identities = calloc(n, sizeof *info->identities);
    if (!info->identities)
        return VENICE_E_MEMORY;
    cJSON_ArrayForEach(item, array)
    {
        struct tcb_module *module = &info->identities[info->identity_count++];
        int r = read_identity(module, unknown_status, item);

        if (r != 0)
            return r;
        if (is_repeated(info, module->id))
            return VENICE_E_MALFORMED;
    }
    return 0;
}

static int read_members(struct tcb_info *info, bool *unknown_status)
{
    const cJSON *root = info->json.root;
    int r;

    info->fmspc = json_string(root, "fmspc");
    info->pce_id = json_string(root, "pceId");
    if (!intel_json_header(&info->json) || !info->fmspc || !info->pce_id ||
        !read_module(&info->module, json_at(root, "tdxModule", NULL)))
        return VENICE_E_MALFORMED;
    r = read_identities(info, unknown_status);
    return r == 0 ? read_levels(info, unknown_status) : r;
}

int tcb_info_read(struct tcb_info *out, const char **reason)
{
    const cJSON *root = out->json.root;
    const char *id = json_string(root, "id");
    bool unknown_status = false;
    int64_t number;
    int r;

    *reason = NULL;
    if (!id || strcmp(id, "TDX") != 0)
        *reason = "tcbinfo_id";
    else if (!json_integer(&number, root, "version", TCB_INFO_VERSION, TCB_INFO_VERSION))
        *reason = "tcbinfo_version";
    else if (!json_integer(&number, root, "tcbType", TCB_TYPE, TCB_TYPE))
        *reason = "tcbinfo_type";
    if (*reason)
        return VENICE_E_MALFORMED;
    r = read_members(out, &unknown_status);
    if (r == 0 && !intel_json_dates_in_order(&out->json))
        r = VENICE_E_MALFORMED;
    if (r != 0)
        *reason = unknown_status ? "tcb_status_unknown" : "tcbinfo_malformed";
    return r;
}

static void module_clear(struct tcb_module *module)
{
    free(module->levels);
    module->levels = NULL;
}

void tcb_info_clear(struct tcb_info *info)
{
    if (!info)
        return;
    for (size_t i = 0; i < info->identity_count; i++)
        module_clear(&info->identities[i]);
    free(info->identities);
    free(info->levels);
    intel_json_clear(&info->json);
    memset(info, 0, sizeof *info);
}

const struct tcb_module *tcb_info_module(const struct tcb_info *info, unsigned version)
{
    static const char digits[] = "0123456789ABCDEF";
    char id[] = { 'T', 'D', 'X', '_', digits[version >> 4 & 15], digits[version & 15], 0 };

    if (version == 0)
        return &info->module;
    for (size_t i = 0; i < info->identity_count; i++)
        if (strcmp(info->identities[i].id, id) == 0)
            return &info->identities[i];
    return NULL;
}
