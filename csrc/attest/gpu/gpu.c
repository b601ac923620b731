/* NVIDIA's evidence about GPUs, offline. */
#include "attest/gpu/gpu.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "attest/claim.h"
#include "attest/p384.h"
#include "base/codec.h"
#include "base/json.h"
#include "base/secret.h"
#include "venice.h"

enum { CHAIN_TEXT_MAX = 64 * 1024, COMMON_NAME_MAX = 64, EMPTY_TEXT_MAX = 64 };

static const char firmware_words[] =
    "That the GPUs answered under the firmware that their certificates name: an answer or a "
    "certificate has no firmware id to compare.";

struct gpus {
    struct report *r;
    struct gpu_evidence *e;
    const struct gpu_input *in;
    cJSON *payload;
    const cJSON *list;
    const char *arch; /* of all of them; NULL: not known */
    bool arch_refused;
    struct x509_cert root;
    uint8_t *root_der;
    bool holds; /* no check has failed */
    bool firmware_bound;
};

static bool __attribute__((format(printf, 5, 6)))
check(struct gpus *g, enum check_id id, bool ok, const char *reason, const char *format, ...)
{
    char text[REPORT_DETAIL_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    g->holds = report_check(g->r, id, ok, reason, "%s", text) && g->holds;
    return ok;
}

/* ---- The payload ---------------------------------------------------------------------------- */

static int read_payload(struct gpus *g)
{
    const struct json_limits limits = { .bytes = GPU_PAYLOAD_MAX };
    int r = VENICE_E_MALFORMED, count;

    if (g->in->payload)
        r = json_parse(&g->payload, g->in->payload, strlen(g->in->payload), &limits);
    if (r == VENICE_E_MEMORY)
        return r;
    if (r == 0)
        g->list = json_at(g->payload, "evidence_list", NULL);
    count = cJSON_IsArray(g->list) ? cJSON_GetArraySize(g->list) : 0;
    if (count >= 1 && count <= GPU_DEVICES_MAX)
        g->e->count = (size_t)count;
    check(g, CHECK_GPU_EVIDENCE_READ, g->e->count > 0, "gpu_malformed", "%s",
          g->e->count > 0 ? "nvidia_payload holds a list of evidence"
                          : "nvidia_payload is not the text of a list of 1 to 32 answers");
    return 0;
}

/* What is absent, null or empty says nothing. */
static bool is_value(const cJSON *item)
{
    if (cJSON_IsString(item))
        return item->valuestring[0] != 0;
    if (cJSON_IsObject(item) || cJSON_IsArray(item))
        return item->child != NULL;
    return item && !cJSON_IsNull(item);
}

static bool is_stated(const cJSON *object, const char *name)
{
    return is_value(json_at(object, name, NULL));
}

/* Of the whole and of each entry, where they name one: which nonce was signed is another check. */
static void check_nonce_text(struct gpus *g)
{
    bool stated = is_stated(g->payload, "nonce");
    bool ours =
        !stated || claim_is_hex(json_string(g->payload, "nonce"), g->in->nonce, SPDM_NONCE_SIZE);
    const cJSON *entry;

    cJSON_ArrayForEach(entry, g->list)
    {
        if (!is_stated(entry, "nonce"))
            continue;
        stated = true;
        ours = ours && claim_is_hex(json_string(entry, "nonce"), g->in->nonce, SPDM_NONCE_SIZE);
    }
    if (!stated) {
        report_not_stated(g->r, CHECK_GPU_NONCE_ECHOED,
                          "the GPU evidence names no nonce beside "
                          "the one that is signed");
        return;
    }
    check(g, CHECK_GPU_NONCE_ECHOED, ours, "gpu_nonce_mismatch", "%s",
          ours ? "the evidence is about our nonce" : "the evidence is about another nonce");
}

/* Out: the architecture that a member names, as one of our own texts; NULL for another one. Returns
 * whether it names any. */
static bool read_arch(const char **arch, const cJSON *object)
{
    const char *const known[] = { device_arch_hopper, device_arch_blackwell };
    const char *text = json_string(object, "arch");

    *arch = NULL;
    for (size_t i = 0; text && i < sizeof known / sizeof *known; i++)
        if (strcmp(text, known[i]) == 0)
            *arch = known[i];
    return is_stated(object, "arch");
}

/* What the text says; where it says nothing, the certificates do. */
static void check_arch(struct gpus *g)
{
    const char *arch, *own;
    bool stated = read_arch(&arch, g->payload), known = !stated || arch;
    const cJSON *entry;

    cJSON_ArrayForEach(entry, g->list)
    {
        if (!read_arch(&own, entry))
            continue;
        known = known && own && (!stated || own == arch);
        arch = stated ? arch : own;
        stated = true;
    }
    if (!stated) {
        report_not_stated(g->r, CHECK_GPU_ARCH_KNOWN,
                          "the GPU evidence names no architecture beside its certificates");
        return;
    }
    g->arch_refused = !check(g, CHECK_GPU_ARCH_KNOWN, known, "gpu_arch", "the architecture is %s",
                             known ? arch : "none that is known here, or not one");
    g->arch = g->arch_refused ? NULL : arch;
}

/* ---- One device ----------------------------------------------------------------------------- */

/* Decodes a member in base64. *out is NULL where it is none. */
static int decode(uint8_t **out, size_t *len, const cJSON *entry, const char *name, size_t max)
{
    const char *text = json_string(entry, name);
    size_t n = text ? strlen(text) : 0;
    uint8_t *bytes;

    *out = NULL;
    *len = 0;
    if (n == 0 || n / 4 * 3 > max)
        return 0;
    bytes = wiping_malloc(n + 3);
    if (!bytes)
        return VENICE_E_MEMORY;
    if (base64_decode(bytes, len, text, n, false) == 0) {
        *out = bytes;
        return 0;
    }
    wiping_free(bytes);
    return 0;
}

/* The certificates above the leaves, which devices share: each is parsed and verified once. */
static size_t known_issuers(const struct x509_cert **out, const struct gpus *g, size_t before)
{
    size_t n = 0;

    for (size_t i = 0; i < before; i++) {
        const struct x509_chain *chain = &g->e->devices[i].chain;

        for (size_t k = 1; k < chain->count && k < X509_CHAIN_MAX; k++)
            out[n++] = &chain->certs[k];
    }
    return n;
}

/* A chain that is none is a finding: d->fault. */
static int read_chain(struct gpus *g, size_t index, const cJSON *entry)
{
    const struct x509_cert *known[GPU_DEVICES_MAX * X509_CHAIN_MAX];
    struct gpu_device *d = &g->e->devices[index];
    uint8_t *pem = NULL;
    size_t len = 0;
    int r = decode(&pem, &len, entry, "certificate", CHAIN_TEXT_MAX);

    d->fault = "gpu_chain_malformed";
    d->words = "it has no certificates in PEM";
    if (r == 0 && pem)
        r = device_chain_read(&d->chain, (const char *)pem, len, known,
                              known_issuers(known, g, index));
    if (r == 0 && d->chain.count > 0)
        d->fault = device_chain_fault(&d->words, &d->chain, &g->root, g->in->now);
    if (r == 0 && d->chain.count > 0)
        r = device_leaf_serial(d->serial, &d->chain.certs[0]);
    wiping_free(pem);
    return r == VENICE_E_MALFORMED ? 0 : r;
}

static int read_devices(struct gpus *g)
{
    const cJSON *entry;
    size_t i = 0, bad = SIZE_MAX;

    g->e->devices = wiping_calloc(g->e->count, sizeof *g->e->devices);
    if (!g->e->devices)
        return VENICE_E_MEMORY;
    g->e->readable = true;
    cJSON_ArrayForEach(entry, g->list)
    {
        struct gpu_device *d = &g->e->devices[i];
        size_t len;
        int r = decode(&d->message, &len, entry, "evidence", SPDM_MESSAGE_MAX);

        if (r == 0)
            r = read_chain(g, i, entry);
        if (r != 0)
            return r;
        if ((!d->message || spdm_read(&d->spdm, d->message, len) != 0) && bad == SIZE_MAX)
            bad = i;
        g->e->readable = g->e->readable && bad == SIZE_MAX && d->chain.count > 0;
        i++;
    }
    if (bad == SIZE_MAX)
        check(g, CHECK_GPU_ANSWER_READ, true, NULL, "%zu SPDM answer%s with %zu measurements",
              g->e->count, g->e->count == 1 ? "" : "s, each", g->e->devices[0].spdm.measurements);
    else
        check(g, CHECK_GPU_ANSWER_READ, false, "gpu_evidence_malformed",
              "GPU %zu: its evidence is no SPDM answer", bad);
    return 0;
}

/* ---- Checks over all devices ---------------------------------------------------------------- */

static void check_chains(struct gpus *g)
{
    for (size_t i = 0; i < g->e->count; i++) {
        const struct gpu_device *d = &g->e->devices[i];

        if (d->fault) {
            check(g, CHECK_GPU_CHAIN_TRUSTED, false, d->fault, "GPU %zu: the certificate chain: %s",
                  i, d->words);
            return;
        }
    }
    check(g, CHECK_GPU_CHAIN_TRUSTED, true, NULL, "each certificate chain leads to %s root",
          g->in->root_pem ? "the given" : "NVIDIA's");
}

/* One check for all devices: 1 it holds, 0 it does not, or a hard error. */
typedef int device_question(const struct gpus *g, const struct gpu_device *d);

/* Under NVIDIA's root there are also switches and network cards. */
static int is_gpu(const struct gpus *g, const struct gpu_device *d)
{
    return g->arch && device_leaf_arch(&d->chain.certs[0]) == g->arch;
}

static int is_signed(const struct gpus *g, const struct gpu_device *d)
{
    int r =
        p384_verify(d->chain.certs[0].key, d->spdm.signature, d->spdm.message, d->spdm.signed_len);

    (void)g;
    return r == 0 ? 1 : r == VENICE_E_INTEGRITY ? 0 : r;
}

static int is_fresh(const struct gpus *g, const struct gpu_device *d)
{
    return memcmp(d->spdm.nonce, g->in->nonce, SPDM_NONCE_SIZE) == 0;
}

static int has_versions(const struct gpus *g, const struct gpu_device *d)
{
    (void)g;
    return d->spdm.driver[0] && d->spdm.vbios[0];
}

static int is_alone(const struct gpus *g, const struct gpu_device *d)
{
    for (const struct gpu_device *other = g->e->devices; other < d; other++)
        if (device_leaf_same(&other->chain.certs[0], &d->chain.certs[0]))
            return 0;
    return 1;
}

static int check_all(struct gpus *g, enum check_id id, const char *reason, device_question *holds,
                     const char *good, const char *bad)
{
    for (size_t i = 0; i < g->e->count; i++) {
        int r = holds(g, &g->e->devices[i]);

        if (r < 0)
            return r;
        if (r == 0) {
            check(g, id, false, reason, "GPU %zu: %s", i, bad);
            return 0;
        }
    }
    check(g, id, true, NULL, "%s", good);
    return 0;
}

/* An answer of driver 535 names no firmware id. Then there is nothing to compare, and nothing is
 * wrong; one that names an id must name the leaf's. */
static void check_firmware(struct gpus *g)
{
    size_t unknown = 0, last = 0;

    for (size_t i = 0; i < g->e->count; i++) {
        const struct gpu_device *d = &g->e->devices[i];

        switch (device_leaf_firmware(&d->chain.certs[0], d->spdm.fwid)) {
        case DEVICE_FIRMWARE_SAME: break;
        case DEVICE_FIRMWARE_UNKNOWN:
            unknown++;
            last = i;
            break;
        case DEVICE_FIRMWARE_OTHER:
            check(g, CHECK_GPU_FIRMWARE_BOUND, false, "gpu_firmware_mismatch",
                  "GPU %zu: it names another firmware id than its certificate", i);
            return;
        }
    }
    g->firmware_bound = unknown == 0;
    if (g->firmware_bound) {
        check(g, CHECK_GPU_FIRMWARE_BOUND, true, NULL,
              "each answer names the firmware id of its certificate");
        return;
    }
    report_not_stated(g->r, CHECK_GPU_FIRMWARE_BOUND, "GPU %zu: its %s", last,
                      g->e->devices[last].spdm.fwid ? "certificate lists several firmware ids"
                                                    : "answer names no firmware id");
    report_not_proven(g->r, firmware_words);
}

static int check_devices(struct gpus *g)
{
    int r = 0;

    if (!g->arch && !g->arch_refused)
        g->arch = device_leaf_arch(&g->e->devices[0].chain.certs[0]);
    if (!g->arch_refused)
        r = check_all(g, CHECK_GPU_IS_GPU, "gpu_other_device", is_gpu,
                      "each certificate is a GPU's of this architecture",
                      "its certificate is not that of a GPU of this architecture");
    if (r == 0)
        r = check_all(g, CHECK_GPU_SIGNATURE, "gpu_signature", is_signed,
                      "each answer is signed by its device",
                      "its answer is not signed by the key of its certificate");
    if (r == 0)
        r = check_all(g, CHECK_GPU_NONCE_SIGNED, "gpu_nonce_not_signed", is_fresh,
                      "each device signed our nonce", "it signed another nonce than ours");
    if (r == 0)
        check_firmware(g);
    if (r == 0)
        r = check_all(g, CHECK_GPU_VERSIONS_NAMED, "gpu_versions", has_versions,
                      "each answer names its driver and VBIOS",
                      "its answer does not name its driver and VBIOS");
    if (r == 0)
        r = check_all(g, CHECK_GPUS_DISTINCT, "gpu_duplicate", is_alone, "no device answers twice",
                      "it has the key of another one in the list");
    return r;
}

/* What the VM's configuration says is claimed, not measured; but then the claims must agree. */
static void check_count(struct gpus *g)
{
    int64_t claimed = g->in->claimed;

    if (claimed > 0)
        check(g, CHECK_GPU_COUNT_CLAIMED, (int64_t)g->e->count == claimed, "gpu_count_mismatch",
              "%zu GPU%s answered; the VM's configuration claims %lld", g->e->count,
              g->e->count == 1 ? "" : "s", (long long)claimed);
}

/* ---- The report ----------------------------------------------------------------------------- */

static cJSON *describe_device(const struct gpu_device *d)
{
    char name[COMMON_NAME_MAX], serial[DEVICE_SERIAL_MAX] = "";
    cJSON *o = cJSON_CreateObject();

    if (d->chain.count > 0)
        x509_serial(serial, sizeof serial, &d->chain.certs[0]);
    name[0] = 0;
    if (d->chain.count > 0)
        x509_common_name(name, sizeof name, &d->chain.certs[0]);
    if (o && cJSON_AddStringToObject(o, "serial", serial) &&
        cJSON_AddStringToObject(o, "name", name) &&
        cJSON_AddStringToObject(o, "driver", d->spdm.driver) &&
        cJSON_AddStringToObject(o, "vbios", d->spdm.vbios))
        return o;
    cJSON_Delete(o);
    return NULL;
}

/* Adds a version that all devices have. */
static bool add_version(cJSON *o, const struct gpu_evidence *e, const char *name, bool driver)
{
    const char *first = NULL;

    for (size_t i = 0; i < e->count && e->devices; i++) {
        const struct spdm *s = &e->devices[i].spdm;
        const char *text = driver ? s->driver : s->vbios;

        if (!text[0] || (first && strcmp(first, text) != 0))
            return true;
        first = text;
    }
    return !first || cJSON_AddStringToObject(o, name, first);
}

static bool add_devices(cJSON *o, const struct gpu_evidence *e)
{
    cJSON *list = cJSON_AddArrayToObject(o, "devices");

    for (size_t i = 0; list && i < e->count && e->devices; i++) {
        cJSON *device = describe_device(&e->devices[i]);

        if (!device || !cJSON_AddItemToArray(list, device)) {
            cJSON_Delete(device);
            return false;
        }
    }
    return list != NULL;
}

static void describe(struct gpus *g)
{
    cJSON *o = cJSON_CreateObject();
    bool complete = o && cJSON_AddBoolToObject(o, "verified", g->e->genuine) &&
                    cJSON_AddStringToObject(o, "level", "local") &&
                    cJSON_AddNumberToObject(o, "count", (double)g->e->count) &&
                    cJSON_AddBoolToObject(o, "relayed", g->in->claimed == 0) &&
                    cJSON_AddBoolToObject(o, "firmware_bound", g->firmware_bound) &&
                    (!g->arch || cJSON_AddStringToObject(o, "arch", g->arch)) &&
                    add_version(o, g->e, "driver", true) && add_version(o, g->e, "vbios", false) &&
                    add_devices(o, g->e);

    if (!complete) {
        cJSON_Delete(o);
        o = NULL;
    }
    report_set(g->r, "gpu", o);
    if (g->in->claimed == 0)
        report_not_proven(g->r, "Whose GPUs these are: by its configuration the attested machine "
                                "has none, so the evidence was relayed from another one.");
    else
        report_not_proven(g->r, "That the GPUs sit in the attested machine: TDX does not measure "
                                "them, only our nonce is common to both.");
}

/* ---- The whole ------------------------------------------------------------------------------ */

static int judge(struct gpus *g)
{
    int r = read_payload(g);

    if (r != 0 || g->e->count == 0)
        return r;
    r = device_root_read(&g->root, &g->root_der, g->in->root_pem);
    if (r != 0)
        return r;
    check_nonce_text(g);
    check_arch(g);
    r = read_devices(g);
    if (r != 0)
        return r;
    check_chains(g);
    if (g->e->readable)
        r = check_devices(g);
    if (r == 0)
        check_count(g);
    return r;
}

int gpu_payload_is_empty(bool *empty, const char *text)
{
    size_t len = strlen(text);
    cJSON *tree = NULL;
    int r = 0;

    *empty = strspn(text, " \t\r\n") == len;
    if (!*empty && len <= EMPTY_TEXT_MAX)
        r = json_parse(&tree, text, len, NULL);
    if (tree)
        *empty = !is_value(tree);
    cJSON_Delete(tree);
    return r == VENICE_E_MEMORY ? r : 0;
}

int gpu_check(struct report *r, struct gpu_evidence *out, const struct gpu_input *in)
{
    struct gpus g = { .r = r, .e = out, .in = in, .holds = true };
    int status;

    memset(out, 0, sizeof *out);
    status = judge(&g);
    out->genuine = status == 0 && g.holds && out->readable && g.arch;
    if (status == 0)
        describe(&g);
    x509_clear(&g.root);
    wiping_free(g.root_der);
    cJSON_Delete(g.payload);
    return status;
}

void gpu_evidence_clear(struct gpu_evidence *e)
{
    for (size_t i = 0; e->devices && i < e->count; i++) {
        wiping_free(e->devices[i].message);
        x509_chain_clear(&e->devices[i].chain);
    }
    wiping_free(e->devices);
    wiping_free(e->text);
    memset(e, 0, sizeof *e);
}
