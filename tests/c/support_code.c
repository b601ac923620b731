/* A machine of our own making, for the tests of csrc/attest. */
#include "support_code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <secp256k1_recovery.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/aci/keyset.h"
#include "attest/code.h"
#include "attest/pins.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/jcs.h"
#include "base/json.h"
#include "base/secret.h"

enum {
    BODY = 48,
    MRTD = BODY + 136,
    MRCONFIGID = BODY + 184,
    MROWNER = BODY + 232,
    RTMR = BODY + 328,
    SIGNED = BODY + 584,
    AUTH = SIGNED + 4
};

const char machine_compose[] =
    "{\n  \"name\": \"sample \xe2\x80\x93 8b\",\n  \"docker_compose_file\": "
    "\"services:\\n  model:\\n    image: sample/model\\n\"\n}\n";
const char machine_key_provider[] = "{\"name\":\"kms\",\"id\":\"3059301306072a8648\"}";

static const uint8_t app_id[20] = { 0xaa, 0xbb, 0xcc, 1, 2, 3 };
static const uint8_t os_image[32] = { 0x05, 0x06, 0x07 };

static cJSON *hex_item(const void *bytes, size_t n)
{
    char *text = calloc(1, 2 * n + 1);
    cJSON *item;

    hex_encode(text, bytes, n);
    item = cJSON_CreateString(text);
    free(text);
    return item;
}

static void add_hex(cJSON *object, const char *name, const void *bytes, size_t n)
{
    cJSON_AddItemToObject(object, name, hex_item(bytes, n));
}

static cJSON *parse(const char *text)
{
    cJSON *tree = NULL;

    assert_int_equal(json_parse(&tree, text, strlen(text), NULL), 0);
    return tree;
}

static char *print(const cJSON *tree)
{
    char *text, *copy;
    size_t len;

    assert_int_equal(json_print(&text, &len, tree), 0);
    copy = calloc(1, len + 1);
    memcpy(copy, text, len);
    wiping_free(text);
    return copy;
}

/* ---- Paths ----------------------------------------------------------------------------------- */

static cJSON *parent_of(cJSON *root, const char *path, const char **last)
{
    char name[64];
    const char *dot;

    while (root && (dot = strchr(path, '.'))) {
        snprintf(name, sizeof name, "%.*s", (int)(dot - path), path);
        root = cJSON_GetObjectItemCaseSensitive(root, name);
        path = dot + 1;
    }
    *last = path;
    return root;
}

cJSON *member(cJSON *root, const char *path)
{
    const char *last;
    cJSON *parent = parent_of(root, path, &last);

    return parent ? cJSON_GetObjectItemCaseSensitive(parent, last) : NULL;
}

void set_member(cJSON *root, const char *path, cJSON *value)
{
    const char *last;
    cJSON *parent = parent_of(root, path, &last);

    assert_non_null(parent);
    cJSON_DeleteItemFromObjectCaseSensitive(parent, last);
    if (value)
        cJSON_AddItemToObject(parent, last, value);
}

/* ---- The event log --------------------------------------------------------------------------- */

cJSON *runtime_event(int version, const char *name, const void *payload, size_t n, int form)
{
    static const char *const forms[] = { "{\"name\":\"%s\",\"payload\":\"%s\",\"type\":134217729}",
                                         "{\"event\":\"%s\",\"event_type\":134217729,"
                                         "\"payload\":\"%s\",\"version\":2}" };
    size_t cap = 4 * n + 512, len;
    char *image = calloc(1, cap), *hex = calloc(1, 2 * n + 1);
    cJSON *event = cJSON_CreateObject();
    uint8_t digest[48];

    hex_encode(hex, payload, n);
    if (version == 1) {
        len = (size_t)snprintf(image, cap, "\x01%c%c\x08:%s:", 0, 0, name);
        memcpy(image + len, payload, n);
        len += n;
    } else {
        len = (size_t)snprintf(image, cap, forms[form], name, hex);
    }
    assert_int_equal(sha384(digest, (uint8_t *)image, len), 0);
    cJSON_AddNumberToObject(event, "imr", 3);
    cJSON_AddNumberToObject(event, "event_type", 134217729);
    add_hex(event, "digest", digest, sizeof digest);
    cJSON_AddStringToObject(event, "event", name);
    cJSON_AddStringToObject(event, "event_payload", hex);
    if (version == 2) {
        cJSON_AddNumberToObject(event, "version", 2);
        add_hex(event, "preimage", image, len);
    }
    free(image);
    free(hex);
    return event;
}

static cJSON *boot_event(int imr, double type, uint8_t seed, size_t n)
{
    cJSON *event = cJSON_CreateObject();
    uint8_t digest[48];

    memset(digest, seed, sizeof digest);
    cJSON_AddNumberToObject(event, "imr", imr);
    cJSON_AddNumberToObject(event, "event_type", type);
    add_hex(event, "digest", digest, n);
    cJSON_AddStringToObject(event, "event", "");
    cJSON_AddStringToObject(event, "event_payload", "0011223344");
    return event;
}

int event_place(cJSON *log, const char *name)
{
    cJSON *event;
    int i = 0;

    cJSON_ArrayForEach(event, log)
    {
        if (strcmp(json_string(event, "event"), name) == 0)
            return i;
        i++;
    }
    fail_msg("no event %s", name);
    return -1;
}

cJSON *find_event(cJSON *log, const char *name)
{
    return cJSON_GetArrayItem(log, event_place(log, name));
}

void set_event(struct machine *m, const char *name, const void *payload, size_t n)
{
    cJSON_ReplaceItemInArray(m->log, event_place(m->log, name),
                             runtime_event(m->version, name, payload, n, 0));
}

void machine_measure(struct machine *m)
{
    cJSON *event;

    memset(m->rtmr, 0, sizeof m->rtmr);
    cJSON_ArrayForEach(event, m->log)
    {
        const char *hex = json_string(event, "digest");
        uint8_t *rtmr = m->rtmr[member(event, "imr")->valueint], both[96] = { 0 };

        memcpy(both, rtmr, 48);
        assert_int_equal(hex_decode(both + 48, hex, strlen(hex)), 0);
        assert_int_equal(sha384(rtmr, both, sizeof both), 0);
    }
}

void machine_new(struct machine *m, int version)
{
    uint8_t hash[32];
    const struct {
        const char *name;
        const void *payload;
        size_t n;
    } events[] = { { "system-preparing", "", 0 },
                   { "app-id", app_id, sizeof app_id },
                   { "compose-hash", hash, sizeof hash },
                   { "instance-id", "instance", 8 },
                   { "boot-mr-done", "", 0 },
                   { "os-image-hash", os_image, sizeof os_image },
                   { "key-provider", machine_key_provider, strlen(machine_key_provider) },
                   { "system-ready", "", 0 } };

    memset(m, 0, sizeof *m);
    m->version = version;
    m->compose = machine_compose;
    assert_int_equal(hex_decode(m->nonce, SAMPLE_NONCE, 64), 0);
    assert_int_equal(sha256(hash, (const uint8_t *)machine_compose, strlen(machine_compose)), 0);
    m->mrconfigid[0] = 1;
    memcpy(m->mrconfigid + 1, hash, sizeof hash);
    m->log = cJSON_CreateArray();
    cJSON_AddItemToArray(m->log, boot_event(0, 2147483659.0, 0x11, 48));
    cJSON_AddItemToArray(m->log, boot_event(0, 4, 0x12, 48));
    cJSON_AddItemToArray(m->log, boot_event(1, 2147483651.0, 0x13, 32)); /* a shorter digest */
    cJSON_AddItemToArray(m->log, boot_event(2, 6, 0x14, 48));
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        cJSON_AddItemToArray(
            m->log, runtime_event(version, events[i].name, events[i].payload, events[i].n, 0));
    machine_measure(m);
}

void machine_free(struct machine *m)
{
    cJSON_Delete(m->log);
}

/* ---- Quotes ---------------------------------------------------------------------------------- */

/* A P-256 key with a fixed scalar. */
static EVP_PKEY *machine_key(uint8_t xy[64])
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *point = EC_POINT_new(group);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    BIGNUM *scalar = NULL;
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params;
    uint8_t bytes[65];

    BN_hex2bn(&scalar, "1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef");
    EC_POINT_mul(group, point, scalar, NULL, NULL, NULL);
    EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, bytes, sizeof bytes, NULL);
    memcpy(xy, bytes + 1, 64);
    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, bytes, sizeof bytes);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, scalar);
    params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_fromdata_init(ctx);
    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    EC_POINT_free(point);
    EC_GROUP_free(group);
    BN_free(scalar);
    assert_non_null(key);
    return key;
}

static void sign_p256(uint8_t out[64], EVP_PKEY *key, const uint8_t *message, size_t n)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t der[128];
    const uint8_t *p = der;
    size_t len = sizeof der;
    ECDSA_SIG *signature;

    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, der, &len, message, n), 1);
    signature = d2i_ECDSA_SIG(NULL, &p, (long)len);
    BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + 32, 32);
    ECDSA_SIG_free(signature);
    EVP_MD_CTX_free(ctx);
}

size_t machine_quote(uint8_t out[SAMPLE_QUOTE_MAX], const struct machine *m,
                     const uint8_t report_data[64])
{
    size_t n = sample_quote(out, 4, 2, report_data);
    EVP_PKEY *key = machine_key(out + AUTH + 64);

    memcpy(out + MRCONFIGID, m->mrconfigid, 48);
    memset(out + MROWNER, 0, 96);
    memcpy(out + RTMR, m->rtmr, sizeof m->rtmr);
    sign_p256(out + AUTH, key, out, SIGNED);
    EVP_PKEY_free(key);
    return n;
}

/* ---- What dstack says beside the quote ------------------------------------------------------- */

static cJSON *served_log(const struct machine *m, bool stripped, bool as_text)
{
    cJSON *log = cJSON_Duplicate(m->log, 1), *event, *item;
    char *text;

    cJSON_ArrayForEach(event, log)
    {
        bool runtime = member(event, "event_type")->valuedouble == 134217729;

        if (stripped)
            set_member(event, runtime ? "digest" : "event_payload", cJSON_CreateString(""));
    }
    if (!as_text)
        return log;
    text = print(log);
    item = cJSON_CreateString(text);
    free(text);
    cJSON_Delete(log);
    return item;
}

static void add_info(cJSON *root, const struct machine *m, const uint8_t *quote)
{
    static const char vm[] = "{\"num_gpus\":8,\"image\":\"sample-0.1\"}";
    static const char *const names[] = { "rtmr0", "rtmr1", "rtmr2", "rtmr3" };
    cJSON *info = cJSON_CreateObject(), *tcb = cJSON_CreateObject();
    uint8_t hash[32], all[6 * 48];

    memcpy(all, quote + MRTD, 48);
    memcpy(all + 48, quote + RTMR, 4 * 48);
    memcpy(all + 5 * 48, quote + MRCONFIGID, 48);
    assert_int_equal(sha256(hash, (const uint8_t *)m->compose, strlen(m->compose)), 0);
    add_hex(info, "app_id", app_id, sizeof app_id);
    add_hex(info, "compose_hash", hash, sizeof hash);
    add_hex(info, "os_image_hash", os_image, sizeof os_image);
    cJSON_AddStringToObject(info, "key_provider_info", machine_key_provider);
    cJSON_AddStringToObject(info, "vm_config", vm);
    add_hex(info, "mr_aggregated", hash, sizeof hash); /* informational: wrong, and no failure */
    add_hex(tcb, "compose_hash", hash, sizeof hash);
    add_hex(tcb, "os_image_hash", os_image, sizeof os_image);
    add_hex(tcb, "mrtd", quote + MRTD, 48);
    for (size_t i = 0; i < 4; i++)
        add_hex(tcb, names[i], quote + RTMR + 48 * i, 48);
    cJSON_AddStringToObject(tcb, "app_compose", m->compose);
    cJSON_AddItemToObject(tcb, "event_log", served_log(m, false, false));
    cJSON_AddItemToObject(info, "tcb_info", tcb);
    set_member(root, "info", info);
}

static void add_manager(cJSON *root, const struct machine *m)
{
    /* Served with the members sorted, hashed in the manager's own order. */
    static const char served[] =
        "[{\"action\":\"pull\",\"image\":\"a/b\",\"timestamp\":\"t1\"},{\"action\":\"compose_up\","
        "\"commit\":\"c0\",\"file\":\"f.yaml\",\"services\":[\"x\",\"y\"],\"tag\":\"v1\","
        "\"timestamp\":\"t2\"}]";
    static const char hashed[] =
        "[{\"timestamp\":\"t1\",\"action\":\"pull\",\"image\":\"a/b\"},{\"timestamp\":\"t2\","
        "\"action\":\"compose_up\",\"tag\":\"v1\",\"commit\":\"c0\",\"file\":\"f.yaml\","
        "\"services\":[\"x\",\"y\"]}]";
    cJSON *manager = cJSON_CreateObject();
    uint8_t quote[SAMPLE_QUOTE_MAX], data[64];
    size_t n;

    assert_int_equal(sha256(data, (const uint8_t *)hashed, strlen(hashed)), 0);
    memcpy(data + 32, m->nonce, 32);
    n = machine_quote(quote, m, data);
    cJSON_AddItemToObject(manager, "actions", parse(served));
    add_hex(manager, "actions_hash", data, 32);
    add_hex(manager, "nonce", m->nonce, 32);
    add_hex(manager, "report_data", data, sizeof data);
    add_hex(manager, "quote", quote, n);
    set_member(root, "compose_manager_attestation", manager);
}

/* ---- A gateway's papers ---------------------------------------------------------------------- */

enum { KEY_IDENTITY = 0x21, KEY_APP = 0x22, KEY_ROOT = 0x23, KEY_RECEIPT_KMS = 0x24 };

static void public_of(uint8_t public65[65], uint8_t seed)
{
    uint8_t secret[32];

    memset(secret, seed, sizeof secret);
    assert_int_equal(curve_public(public65, secret), 0);
}

static void compress(uint8_t out[33], const uint8_t public65[65])
{
    out[0] = (uint8_t)(2 + (public65[64] & 1));
    memcpy(out + 1, public65 + 1, 32);
}

/* r, s and the recovery id. */
static void sign_curve(uint8_t out[65], uint8_t seed, const uint8_t hash[32])
{
    const secp256k1_context *curve = crypto_curve_context();
    secp256k1_ecdsa_recoverable_signature signature;
    uint8_t secret[32];
    int id;

    memset(secret, seed, sizeof secret);
    assert_int_equal(secp256k1_ecdsa_sign_recoverable(curve, &signature, hash, secret, NULL, NULL),
                     1);
    secp256k1_ecdsa_recoverable_signature_serialize_compact(curve, out, &id, &signature);
    out[64] = (uint8_t)id;
}

static cJSON *key_entry(const char *algo, const void *key, size_t n)
{
    cJSON *entry = cJSON_CreateObject();

    cJSON_AddStringToObject(entry, "algo", algo);
    cJSON_AddStringToObject(entry, "key_id", algo);
    add_hex(entry, "public_key", key, n);
    return entry;
}

static cJSON *custody_entry(const char *purpose, const void *key, size_t n, const uint8_t kms65[65],
                            bool name_kms)
{
    cJSON *entry = key_entry("x", key, n), *chain = cJSON_CreateArray();
    uint8_t kms[33], app65[65], message[256], hash[32], signature[65];
    char hex[67] = "";
    size_t len;

    compress(kms, kms65);
    hex_encode(hex, kms, sizeof kms);
    len = (size_t)snprintf((char *)message, sizeof message, "%s:%s", purpose, hex);
    keccak256(hash, message, len);
    sign_curve(signature, KEY_APP, hash);
    cJSON_AddItemToArray(chain, hex_item(signature, sizeof signature));
    public_of(app65, KEY_APP);
    memcpy(message, "dstack-kms-issued:", 18);
    memcpy(message + 18, app_id, sizeof app_id);
    compress(message + 38, app65);
    keccak256(hash, message, 38 + 33);
    sign_curve(signature, KEY_ROOT, hash);
    cJSON_AddItemToArray(chain, hex_item(signature, sizeof signature));
    cJSON_AddStringToObject(entry, "purpose", purpose);
    if (name_kms)
        add_hex(entry, "kms_public_key", kms, sizeof kms);
    cJSON_AddItemToObject(entry, "signature_chain", chain);
    return entry;
}

void reseal_keyset(cJSON *response)
{
    cJSON *report = member(response, "attestation");
    char *text = print(member(report, "workload_keyset")), digest[72] = "sha256:";
    char payload[256];
    uint8_t hash[32], signature[65];

    assert_int_equal(jcs_sha256(hash, text, strlen(text)), 0);
    hex_encode(digest + 7, hash, 32);
    set_member(response, "workload_keyset_digest", cJSON_CreateString(digest));
    if (member(report, "keyset_endorsement")) {
        snprintf(payload, sizeof payload,
                 "{\"purpose\":\"aci.keyset.endorsement.v1\",\"workload_keyset_digest\":\"%s\"}",
                 digest);
        assert_int_equal(sha256(hash, (uint8_t *)payload, strlen(payload)), 0);
        sign_curve(signature, KEY_IDENTITY, hash);
        set_member(report, "keyset_endorsement.value", hex_item(signature, 64));
    }
    free(text);
}

static void add_keyset(cJSON *root, cJSON *report, bool gen_a)
{
    static const uint8_t ed25519[32] = { 0xed }, x25519[32] = { 0x25 };
    cJSON *keyset = cJSON_AddObjectToObject(report, "workload_keyset"), *list, *identity;
    uint8_t key[65], address[20], identity65[65], hash[32];
    char digest[72] = "sha256:", *text;

    sample_key(key, address);
    public_of(identity65, KEY_IDENTITY);
    if (gen_a) {
        identity = cJSON_CreateObject();
        add_hex(identity, "public_key", identity65, 65);
        cJSON_AddStringToObject(identity, "algo", "ecdsa-secp256k1");
        text = print(identity);
        assert_int_equal(jcs_sha256(hash, text, strlen(text)), 0);
        free(text);
        hex_encode(digest + 7, hash, 32);
        set_member(root, "workload_id", cJSON_CreateString(digest));
        cJSON_AddItemToObject(cJSON_AddObjectToObject(keyset, "workload_identity"), "public_key",
                              identity);
        cJSON_AddNumberToObject(cJSON_AddObjectToObject(keyset, "keyset_epoch"), "not_after",
                                SAMPLE_NOW + 86400);
    } else {
        cJSON_AddNumberToObject(keyset, "not_after", SAMPLE_NOW + 86400);
    }
    list = cJSON_AddArrayToObject(keyset, "receipt_signing_keys");
    cJSON_AddItemToArray(list, key_entry("ed25519", ed25519, sizeof ed25519));
    list = cJSON_AddArrayToObject(keyset, "e2ee_public_keys");
    cJSON_AddItemToArray(list, key_entry("secp256k1-aes-256-gcm-hkdf-sha256", key, 65));
    cJSON_AddItemToArray(list, key_entry("x25519-aes-256-gcm-hkdf-sha256", x25519, 32));
    if (gen_a)
        cJSON_AddItemToArray(list, key_entry("ecdsa", key + 1, 64));
}

static void add_custody(cJSON *evidence, bool gen_a)
{
    static const uint8_t ed25519[32] = { 0xed };
    cJSON *keys = cJSON_AddArrayToObject(cJSON_AddObjectToObject(evidence, "key_custody"), "keys");
    uint8_t key[65], address[20], other[65];

    sample_key(key, address);
    if (gen_a) {
        public_of(other, KEY_IDENTITY);
        cJSON_AddItemToArray(keys, custody_entry("aci.identity.v1", other, 65, other, false));
    }
    public_of(other, KEY_RECEIPT_KMS);
    cJSON_AddItemToArray(keys, custody_entry("aci.receipt.v1", ed25519, 32, other, !gen_a));
    cJSON_AddItemToArray(keys, custody_entry("aci.e2ee.v1", key, 65, key, !gen_a));
}

static void add_papers(cJSON *root, const struct machine *m, const uint8_t *quote, size_t n,
                       bool gen_a)
{
    cJSON *report = cJSON_CreateObject(), *evidence;

    cJSON_AddStringToObject(report, "tee_type", "tdx");
    add_hex(report, "report_data", quote + SAMPLE_REPORT_DATA, gen_a ? 64 : 32);
    add_keyset(root, report, gen_a);
    if (gen_a) {
        cJSON_AddStringToObject(cJSON_AddObjectToObject(report, "keyset_endorsement"), "algo",
                                "ecdsa-secp256k1");
        cJSON_AddNumberToObject(cJSON_AddObjectToObject(report, "freshness"), "stale_after",
                                SAMPLE_NOW + 3600);
    }
    evidence = cJSON_AddObjectToObject(report, "evidence");
    add_hex(evidence, "quote", quote, n);
    add_hex(evidence, "quote_report_data", quote + SAMPLE_REPORT_DATA, 64);
    cJSON_AddItemToObject(evidence, "event_log", served_log(m, m->stripped, true));
    cJSON_AddStringToObject(evidence, "vm_config", "{\"num_gpus\":0}");
    if (!gen_a)
        cJSON_AddStringToObject(evidence, "app_compose", m->compose);
    add_custody(evidence, gen_a);
    set_member(root, "attestation", report);
    reseal_keyset(root);
}

cJSON *machine_response(const struct machine *m, char shape)
{
    uint8_t quote[SAMPLE_QUOTE_MAX], data[64];
    cJSON *root;
    size_t n;

    sample_report_data(data);
    n = machine_quote(quote, m, data);
    root = sample_response(shape, quote, n);
    if (shape == 'A' || shape == 'B') {
        add_info(root, m, quote);
        set_member(root, "event_log",
                   served_log(m, m->stripped || shape == 'B', m->log_as_text || shape == 'B'));
    } else {
        add_papers(root, m, quote, n, shape == 'C');
    }
    if (shape == 'A')
        add_manager(root, m);
    return root;
}

/* ---- Verdicts -------------------------------------------------------------------------------- */

int judge_text(cJSON **report, const char *body, size_t len, const char *policy_text,
               const char *pins_text, int64_t now)
{
    struct evidence e;
    struct tdx_quote quote;
    struct policy policy;
    struct failure f = { 0 };
    struct report *r = NULL;
    uint8_t nonce[32];
    const char *reason;
    char *text = NULL;
    cJSON *pins = NULL, *options = NULL;
    bool has_quote;
    int status = evidence_read(&e, body, len);

    *report = NULL;
    if (status != 0)
        return status;
    (void)hex_decode(nonce, SAMPLE_NONCE, 64);
    if (e.nonce && strlen(e.nonce) == 64)
        (void)hex_decode(nonce, e.nonce, 64);
    has_quote = e.quote && tdx_quote_parse(&quote, &reason, e.quote, e.quote_len) == 0;
    if (policy_text)
        status = json_parse(&options, policy_text, strlen(policy_text), NULL);
    if (status == 0 && pins_text)
        status = json_parse(&pins, pins_text, strlen(pins_text), NULL);
    if (status == 0)
        status = report_new(&r);
    memset(&policy, 0, sizeof policy);
    if (status == 0)
        status = policy_read(&policy, &f, options);
    if (status != 0)
        goto out;
    report_set(r, "gateway", cJSON_CreateBool(evidence_is_gateway(&e)));
    if (has_quote) {
        report_set_hex(r, "measurements.mrtd", quote.mrtd, 48);
        report_set_hex(r, "measurements.rtmr1", quote.rtmr[1], 48);
        report_set_hex(r, "measurements.rtmr2", quote.rtmr[2], 48);
        report_set_hex(r, "measurements.rtmr3", quote.rtmr[3], 48);
        report_set_hex(r, "measurements.mrconfigid", quote.mrconfigid, 48);
    }
    report_set_level(r, LEVEL_DCAP);
    if (has_quote)
        status = code_check(r, &e, &quote, nonce);
    if (status == 0)
        status = keyset_check(r, &e, has_quote ? &quote : NULL, now ? now : SAMPLE_NOW);
    if (status == 0)
        pins_judge(r, &policy, pins);
    if (status == 0)
        status = report_json(r, &text, &len);
    if (status == 0)
        status = json_parse(report, text, len, NULL);
out:
    wiping_free(text);
    report_free(r);
    policy_clear(&policy);
    cJSON_Delete(pins);
    cJSON_Delete(options);
    evidence_clear(&e);
    return status;
}

cJSON *judge(cJSON *response, const char *policy, const char *pins, int64_t now)
{
    char *text = print(response);
    cJSON *report;

    cJSON_Delete(response);
    assert_int_equal(judge_text(&report, text, strlen(text), policy, pins, now), 0);
    free(text);
    return report;
}

const cJSON *find_check(const cJSON *report, const char *id)
{
    const cJSON *check;

    cJSON_ArrayForEach(check, json_at(report, "checks", NULL))
    {
        if (strcmp(json_string(check, "id"), id) == 0)
            return check;
    }
    return NULL;
}

bool is_not_stated(const cJSON *report, const char *id)
{
    const cJSON *entry;

    cJSON_ArrayForEach(entry, json_at(report, "not_stated", NULL))
    {
        if (strcmp(json_string(entry, "id"), id) == 0)
            return true;
    }
    return false;
}

bool is_not_proven(const cJSON *report, const char *text)
{
    const cJSON *sentence;

    cJSON_ArrayForEach(sentence, json_at(report, "not_proven", NULL))
    {
        if (strstr(sentence->valuestring, text))
            return true;
    }
    return false;
}

void assert_only_failure(cJSON *report, const char *id, const char *reason)
{
    const cJSON *check;
    size_t failed = 0;

    cJSON_ArrayForEach(check, json_at(report, "checks", NULL))
    {
        if (json_bool(check, "ok") == 1)
            continue;
        assert_string_equal(json_string(check, "id"), id);
        assert_string_equal(json_string(check, "reason"), reason);
        assert_string_equal(json_string(check, "section"), "code");
        failed++;
    }
    if (failed != 1)
        fail_msg("%s: %zu checks failed", id, failed);
    assert_string_equal(json_string(report, "reason"), reason);
    assert_int_equal(json_bool(report, "verified"), 0);
    assert_int_equal(json_bool(report, "accepted"), 0);
    assert_string_not_equal(json_string(report, "level"), "measured");
    assert_null(json_at(report, "pin", NULL));
    cJSON_Delete(report);
}

void assert_no_failure(cJSON *report)
{
    const char *reason = json_string(report, "reason");

    if (reason)
        fail_msg("reason %s", reason);
    assert_int_equal(json_bool(report, "verified"), 1);
    assert_int_equal(json_bool(report, "accepted"), 1);
    cJSON_Delete(report);
}
