/* The policy: setup().verify, read strictly. A member that is not known, or is not what it should
 * be, is refused by name: a misspelt rule must not become no rule. */
#include <stdio.h>
#include <string.h>

#include "attest/attestation.h"
#include "attest/tdx/tcb.h"
#include "base/codec.h"
#include "base/json.h"

enum {
    GRACE_DAYS_MAX = 3650,
    SECONDS_PER_DAY = 86400,
    ALLOWLIST_MAX = 1024, /* values of one list */
    NAME_MAX_COMPARED = 32
};

/* A list of values that the user allows: its name, and the length of a value in hex digits. */
struct allowed {
    const char *name;
    size_t digits;
};

/* Registers that an allowlist can name. */
static const struct allowed measurements[] = {
    { "mrtd", 96 },       { "rtmr0", 96 },        { "rtmr1", 96 },
    { "rtmr2", 96 },      { "rtmr3", 96 },        { "mrseam", 96 },
    { "mrconfigid", 96 }, { "compose_hash", 64 }, { "os_image_hash", 64 },
};

/* Who may hand out a key: the compressed public key of a KMS, and the id of an application. */
static const struct allowed custody[] = { { "roots", 66 }, { "app_ids", 40 } };

enum {
    MEASUREMENTS = sizeof measurements / sizeof measurements[0],
    CUSTODY = sizeof custody / sizeof custody[0]
};

static int refuse(struct failure *f, const char *name, const char *wanted)
{
    return failure_set(f, VENICE_E_CONFIG, ":help venice-options", "verify.%s must be %s", name,
                       wanted);
}

/* The place of a text among words, or -1. */
static int choose(const cJSON *value, const char *const *words, int count)
{
    const char *text = cJSON_GetStringValue(value);

    for (int i = 0; text && i < count; i++) {
        if (strcmp(text, words[i]) == 0)
            return i;
    }
    return -1;
}

/* ---- The name that was meant ---------------------------------------------------------------- */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* How many characters were added, left out, changed, or swapped with their neighbour; in any
 * case. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][NAME_MAX_COMPARED + 1], m = strlen(a), n = strlen(b);
    size_t *before = rows[0], *above = rows[1], *row = rows[2];

    if (m > NAME_MAX_COMPARED || n > NAME_MAX_COMPARED)
        return SIZE_MAX;
    for (size_t k = 0; k <= n; k++)
        before[k] = above[k] = k;
    for (size_t i = 1; i <= m; i++) {
        size_t *spare = before;

        row[0] = i;
        for (size_t k = 1; k <= n; k++) {
            bool equal = lower(a[i - 1]) == lower(b[k - 1]);
            bool swapped = i > 1 && k > 1 && lower(a[i - 1]) == lower(b[k - 2]) &&
                           lower(a[i - 2]) == lower(b[k - 1]);

            row[k] = least(above[k - 1] + !equal, least(above[k], row[k - 1]) + 1);
            if (swapped)
                row[k] = least(row[k], before[k - 2] + 1);
        }
        before = above;
        above = row;
        row = spare;
    }
    return above[n];
}

/* The nearest of so many names, each at the start of a record of that size; NULL where none is
 * near enough to have been meant. */
static const char *find_meant(const char *name, const void *records, size_t count, size_t size)
{
    size_t best = strlen(name) / 2 + 1;
    const char *meant = NULL;

    for (size_t i = 0; i < count; i++) {
        const char *known = *(const char *const *)((const char *)records + i * size);
        size_t d = distance(name, known);

        if (d < best) {
            best = d;
            meant = known;
        }
    }
    return meant;
}

static int refuse_name(struct failure *f, const char *group, const char *name, const char *kind,
                       const char *meant)
{
    return failure_set(f, VENICE_E_CONFIG, ":help venice-options", "verify.%s%.80s is not %s%s%s%s",
                       group, name, kind, meant ? ": did you mean " : "", meant ? meant : "",
                       meant ? "?" : "");
}

/* ---- One reader a member -------------------------------------------------------------------- */

static int read_attestation(struct policy *p, struct failure *f, const cJSON *value)
{
    if (!cJSON_IsBool(value))
        return refuse(f, "attestation", "true or false");
    p->attestation = cJSON_IsTrue(value);
    return 0;
}

static int read_whitespace(struct policy *p, struct failure *f, const cJSON *value)
{
    static const char *const words[] = { "mark", "refuse" };
    int word = choose(value, words, 2);

    if (word < 0)
        return refuse(f, "plaintext_whitespace", "'mark' or 'refuse'");
    p->refuse_plaintext_whitespace = word == 1;
    return 0;
}

static int read_dcap(struct policy *p, struct failure *f, const cJSON *value)
{
    static const char *const words[] = { "off", "require" };
    int word = choose(value, words, 2);

    if (word < 0)
        return refuse(f, "dcap", "'require' or 'off'");
    p->dcap_required = word == 1;
    return 0;
}

/* Lua writes an empty table as an array or as an object, whatever was meant. */
static bool is_list(const cJSON *value)
{
    return cJSON_IsArray(value) || (cJSON_IsObject(value) && !value->child);
}

/* Revoked is never accepted (DCAP.md rule 41); a status that is misspelt would accept nothing. */
static bool is_acceptable_status(const char *status)
{
    for (int i = TCB_UP_TO_DATE; i <= TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED; i++) {
        const char *name = tcb_status_name((enum tcb_status)i);

        if (i != TCB_REVOKED && name && strcmp(name, status) == 0)
            return true;
    }
    return false;
}

static int read_accept_tcb(struct policy *p, struct failure *f, const cJSON *value)
{
    static const char wanted[] = "a list of TCB statuses, without Revoked";
    const cJSON *item;

    if (!is_list(value))
        return refuse(f, "accept_tcb", wanted);
    p->accept_tcb_count = 0;
    cJSON_ArrayForEach(item, value)
    {
        const char *status = cJSON_GetStringValue(item);
        size_t n = status ? strlen(status) : 0;

        if (n == 0 || n >= sizeof p->accept_tcb[0] || !is_acceptable_status(status) ||
            p->accept_tcb_count >= POLICY_STATUSES_MAX)
            return refuse(f, "accept_tcb", wanted);
        memcpy(p->accept_tcb[p->accept_tcb_count++], status, n + 1);
    }
    return 0;
}

static int read_grace(struct policy *p, struct failure *f, const cJSON *value)
{
    double days = cJSON_IsNumber(value) ? value->valuedouble : -1;

    if (!(days >= 0 && days <= GRACE_DAYS_MAX) || days != (double)(int)days)
        return refuse(f, "tcb_grace_days", "a whole number from 0 to 3650");
    p->tcb_grace_days = (int)days;
    return 0;
}

static int read_gpu(struct policy *p, struct failure *f, const cJSON *value)
{
    static const char *const words[] = { "auto", "require", "off" };
    int word = choose(value, words, 3);

    if (word < 0)
        return refuse(f, "gpu", "'auto', 'require' or 'off'");
    p->gpu = (enum policy_gpu)word;
    return 0;
}

static int read_nras(struct policy *p, struct failure *f, const cJSON *value)
{
    const char *url = cJSON_GetStringValue(value);

    if (!cJSON_IsBool(value) && (!url || !url[0]))
        return refuse(f, "nras", "true, false or a URL");
    p->nras = url || cJSON_IsTrue(value);
    return 0;
}

static int read_pin(struct policy *p, struct failure *f, const cJSON *value)
{
    static const char *const words[] = { "ask", "strict", "off" };
    int word = choose(value, words, 3);

    if (word < 0)
        return refuse(f, "pin", "'ask', 'strict' or 'off'");
    p->pin = (enum policy_pin)word;
    return 0;
}

/* Lua asks for signatures of answers, or does not; here its option is only read. */
static int read_receipt(struct policy *p, struct failure *f, const cJSON *value)
{
    (void)p;
    return cJSON_IsBool(value) ? 0 : refuse(f, "receipt", "true or false");
}

/* Texts that others use: policy_string hands them out. */
static int read_text(struct policy *p, struct failure *f, const cJSON *value)
{
    const char *text = cJSON_GetStringValue(value);

    (void)p;
    return text && text[0] ? 0 : refuse(f, value->string, "a text");
}

static bool is_hex_value(const char *text, size_t digits)
{
    uint8_t bytes[48];

    return text && strlen(text) == digits && hex_decode(bytes, text, digits) == 0;
}

static int read_allowed_values(struct failure *f, const char *group, const cJSON *list,
                               size_t digits)
{
    const cJSON *item;

    if (!is_list(list) || cJSON_GetArraySize(list) > ALLOWLIST_MAX)
        return failure_set(f, VENICE_E_CONFIG, ":help venice-options",
                           "verify.%s.%s must be a list of at most %d values", group, list->string,
                           ALLOWLIST_MAX);
    cJSON_ArrayForEach(item, list)
    {
        if (!is_hex_value(cJSON_GetStringValue(item), digits))
            return failure_set(f, VENICE_E_CONFIG, ":help venice-options",
                               "verify.%s.%s must hold texts of %zu hex digits", group,
                               list->string, digits);
    }
    return 0;
}

/* A table of lists, each of one of the known names. */
static int read_lists(struct failure *f, const cJSON *value, const char *kind,
                      const struct allowed *known, size_t count)
{
    const char *group = value->string;
    char dotted[32];
    const cJSON *list;

    if (!cJSON_IsObject(value) && !(cJSON_IsArray(value) && !value->child))
        return refuse(f, group, "a table of lists");
    snprintf(dotted, sizeof dotted, "%s.", group);
    cJSON_ArrayForEach(list, value)
    {
        size_t i = 0;
        int r;

        while (i < count && strcmp(known[i].name, list->string) != 0)
            i++;
        if (i == count)
            return refuse_name(f, dotted, list->string, kind,
                               find_meant(list->string, known, count, sizeof *known));
        r = read_allowed_values(f, group, list, known[i].digits);
        if (r != 0)
            return r;
    }
    return 0;
}

static int read_measurements(struct policy *p, struct failure *f, const cJSON *value)
{
    (void)p;
    return read_lists(f, value, "a measurement", measurements, MEASUREMENTS);
}

static int read_custody(struct policy *p, struct failure *f, const cJSON *value)
{
    (void)p;
    return read_lists(f, value, "an option", custody, CUSTODY);
}

static const struct {
    const char *name;
    int (*read)(struct policy *p, struct failure *f, const cJSON *value);
} members[] = {
    { "attestation", read_attestation },
    { "plaintext_whitespace", read_whitespace },
    { "dcap", read_dcap },
    { "accept_tcb", read_accept_tcb },
    { "tcb_grace_days", read_grace },
    { "gpu", read_gpu },
    { "nras", read_nras },
    { "gpu_root_ca", read_text },
    { "measurements", read_measurements },
    { "custody", read_custody },
    { "pin", read_pin },
    { "receipt", read_receipt },
    { "collateral_url", read_text },
    { "root_ca", read_text },
};

/* ---- The whole ------------------------------------------------------------------------------ */

static void set_defaults(struct policy *p)
{
    static const enum tcb_status accepted[] = { TCB_UP_TO_DATE, TCB_SW_HARDENING_NEEDED,
                                                TCB_CONFIGURATION_NEEDED,
                                                TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED };

    memset(p, 0, sizeof *p);
    p->attestation = true;
    p->dcap_required = POLICY_DCAP_REQUIRED_BY_DEFAULT;
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        const char *name = tcb_status_name(accepted[i]);

        memcpy(p->accept_tcb[i], name, strlen(name) + 1);
    }
    p->accept_tcb_count = sizeof accepted / sizeof accepted[0];
}

static int read_member(struct policy *p, struct failure *f, const cJSON *value)
{
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (strcmp(members[i].name, value->string) == 0)
            return cJSON_IsNull(value) ? 0 : members[i].read(p, f, value);
    }
    return refuse_name(
        f, "", value->string, "an option",
        find_meant(value->string, members, sizeof members / sizeof members[0], sizeof members[0]));
}

int policy_read(struct policy *out, struct failure *f, const cJSON *object)
{
    const cJSON *value;

    set_defaults(out);
    if (!object || cJSON_IsNull(object))
        return 0;
    if (!cJSON_IsObject(object) && !is_list(object))
        return failure_set(f, VENICE_E_CONFIG, ":help venice-options", "verify must be a table");
    if (cJSON_IsArray(object) && object->child)
        return failure_set(f, VENICE_E_CONFIG, ":help venice-options", "verify must be a table");
    cJSON_ArrayForEach(value, object)
    {
        int r = read_member(out, f, value);

        if (r != 0) {
            set_defaults(out); /* half a policy is none */
            return r;
        }
    }
    out->source = cJSON_Duplicate(object, true);
    return out->source ? 0 : failure_set(f, VENICE_E_MEMORY, NULL, "out of memory");
}

int policy_copy(struct policy *out, const struct policy *from)
{
    *out = *from;
    out->source = NULL;
    if (from->source && !(out->source = cJSON_Duplicate(from->source, true)))
        return VENICE_E_MEMORY;
    return 0;
}

void policy_clear(struct policy *p)
{
    cJSON_Delete(p->source);
    set_defaults(p); /* zeros would mean "do not verify" */
}

const char *policy_string(const struct policy *p, const char *name)
{
    return json_string(p->source, name);
}

bool policy_accepts_tcb(const struct policy *p, const char *status, int64_t since, int64_t now)
{
    for (size_t i = 0; i < p->accept_tcb_count; i++) {
        if (strcmp(p->accept_tcb[i], status) == 0)
            return true;
    }
    /* For one status only: a configuration that is wrong too is not a matter of time. */
    return strcmp(status, "OutOfDate") == 0 && p->tcb_grace_days > 0 && since > 0 &&
           now <= since + (int64_t)p->tcb_grace_days * SECONDS_PER_DAY;
}
