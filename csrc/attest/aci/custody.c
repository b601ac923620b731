/* The custody chain of a gateway's keys (EVIDENCE section 3.1, 8). */
#include "attest/aci/custody.h"

#include <string.h>

#include "attest/claim.h"
#include "attest/evidence.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/crypto_sign.h"
#include "base/json.h"
#include "venice.h"

enum { COMPRESSED_SIZE = 33, SIGNATURE_SIZE = 65, ID_SIZE = 20, PURPOSE_MAX = 128 };

/* The root that every recorded gateway key leads to. */
static const uint8_t known_root[COMPRESSED_SIZE] = { 0x03, 0x34, 0xc7, 0x6e, 0x0c, 0x3f, 0x52,
                                                     0xec, 0x64, 0xcb, 0xf9, 0xbb, 0xf5, 0xc9,
                                                     0x10, 0xc2, 0x72, 0x33, 0x01, 0x66, 0xfd,
                                                     0x65, 0x6c, 0x0a, 0x86, 0xbb, 0x33, 0x09,
                                                     0x63, 0xe4, 0x69, 0x10, 0xe1 };

struct chain {
    const cJSON *keyset;
    uint8_t app_id[ID_SIZE];
    bool has_app_id;
    uint8_t app[COMPRESSED_SIZE], root[COMPRESSED_SIZE]; /* of the first key that was checked */
    size_t keys, checked;
    const char *fault; /* what is wrong; NULL: nothing */
};

/* --- one key ---------------------------------------------------------------------------------- */

static bool lists(const cJSON *list, const char *public_key)
{
    const cJSON *entry;

    cJSON_ArrayForEach(entry, list)
    {
        const char *text = json_string(entry, "public_key");

        if (text && strcmp(text, public_key) == 0)
            return true;
    }
    return false;
}

static bool is_in_keyset(const cJSON *keyset, const char *public_key)
{
    const char *identity =
        json_string(json_at(keyset, "workload_identity", "public_key", NULL), "public_key");

    return (identity && strcmp(identity, public_key) == 0) ||
           lists(json_at(keyset, "receipt_signing_keys", NULL), public_key) ||
           lists(json_at(keyset, "e2ee_public_keys", NULL), public_key);
}

enum kms_key { KMS_KEY_READ, KMS_KEY_NONE, KMS_KEY_BAD };

/* The secp256k1 key that the chain is about: the one named for it, else the key itself. */
static enum kms_key read_kms_key(uint8_t out[COMPRESSED_SIZE], const cJSON *entry)
{
    const char *kms = json_string(entry, "kms_public_key");
    const char *public_key = json_string(entry, "public_key");
    uint8_t own[65], point[65], compressed[COMPRESSED_SIZE];
    bool on_curve = public_key && evidence_public_key(own, public_key) == 0 &&
                    curve_compress(compressed, own) == 0;

    if (!kms) {
        if (!on_curve)
            return KMS_KEY_NONE;
        memcpy(out, compressed, COMPRESSED_SIZE);
        return KMS_KEY_READ;
    }
    if (!claim_read_hex(out, COMPRESSED_SIZE, kms) || curve_decompress(point, out) != 0)
        return KMS_KEY_BAD;
    if (on_curve && memcmp(out, compressed, COMPRESSED_SIZE) != 0)
        return KMS_KEY_BAD;
    return KMS_KEY_READ;
}

static bool recover(uint8_t out[COMPRESSED_SIZE], const uint8_t *message, size_t n,
                    const cJSON *signature)
{
    uint8_t bytes[SIGNATURE_SIZE], hash[32], point[65];

    if (!claim_read_hex(bytes, sizeof bytes, cJSON_GetStringValue(signature)))
        return false;
    keccak256(hash, message, n);
    return curve_recover(point, hash, bytes) == 0 && curve_compress(out, point) == 0;
}

/* The key that signed PURPOSE ":" and the compressed key in hex. */
static bool recover_app(uint8_t out[COMPRESSED_SIZE], const char *purpose,
                        const uint8_t key[COMPRESSED_SIZE], const cJSON *signature)
{
    uint8_t message[PURPOSE_MAX + 1 + 2 * COMPRESSED_SIZE];
    size_t n = strlen(purpose);

    if (n > PURPOSE_MAX)
        return false;
    memcpy(message, purpose, n);
    message[n] = ':';
    hex_encode((char *)message + n + 1, key, COMPRESSED_SIZE);
    return recover(out, message, n + 1 + 2 * COMPRESSED_SIZE, signature);
}

/* The key that signed "dstack-kms-issued:", the app id and the application's key. */
static bool recover_root(uint8_t out[COMPRESSED_SIZE], const uint8_t app_id[ID_SIZE],
                         const uint8_t app[COMPRESSED_SIZE], const cJSON *signature)
{
    static const char issued[] = "dstack-kms-issued:";
    uint8_t message[sizeof issued - 1 + ID_SIZE + COMPRESSED_SIZE];

    memcpy(message, issued, sizeof issued - 1);
    memcpy(message + sizeof issued - 1, app_id, ID_SIZE);
    memcpy(message + sizeof issued - 1 + ID_SIZE, app, COMPRESSED_SIZE);
    return recover(out, message, sizeof message, signature);
}

/* Keeps what the first key led to; later ones must lead there too. */
static bool agrees(uint8_t kept[COMPRESSED_SIZE], const uint8_t found[COMPRESSED_SIZE], bool first)
{
    if (first)
        memcpy(kept, found, COMPRESSED_SIZE);
    return memcmp(kept, found, COMPRESSED_SIZE) == 0;
}

static void follow(struct chain *c, const cJSON *entry)
{
    const cJSON *links = json_at(entry, "signature_chain", NULL);
    const char *purpose = json_string(entry, "purpose");
    const char *public_key = json_string(entry, "public_key");
    uint8_t key[COMPRESSED_SIZE], app[COMPRESSED_SIZE], root[COMPRESSED_SIZE];
    bool first = c->checked == 0;
    enum kms_key kind;

    if (public_key && cJSON_IsObject(c->keyset) && !is_in_keyset(c->keyset, public_key))
        c->fault = "a key in custody is not in the keyset";
    kind = read_kms_key(key, entry);
    if (kind == KMS_KEY_BAD)
        c->fault = "a kms_public_key is none, or not the key that it stands for";
    if (kind != KMS_KEY_READ || !cJSON_IsArray(links) || !purpose)
        return;
    if (cJSON_GetArraySize(links) != 2 || !recover_app(app, purpose, key, links->child) ||
        (c->has_app_id && !recover_root(root, c->app_id, app, links->child->next)))
        c->fault = "a signature chain is not two signatures";
    else if (!agrees(c->app, app, first))
        c->fault = "the keys do not lead to one application key";
    else if (c->has_app_id && !agrees(c->root, root, first))
        c->fault = "the keys do not lead to one root";
    c->checked++;
}

/* --- the whole -------------------------------------------------------------------------------- */

static void report_custody(struct report *r, const struct chain *c)
{
    char hex[2 * COMPRESSED_SIZE + 1];
    cJSON *out = cJSON_CreateObject();
    bool root = c->checked > 0 && c->has_app_id && !c->fault, ok;

    hex_encode(hex, c->root, COMPRESSED_SIZE);
    hex[2 * COMPRESSED_SIZE] = 0;
    ok = out && cJSON_AddNumberToObject(out, "keys", (double)c->keys) &&
         cJSON_AddNumberToObject(out, "checked", (double)c->checked) &&
         (!root || (cJSON_AddStringToObject(out, "root", hex) &&
                    cJSON_AddBoolToObject(out, "root_known",
                                          memcmp(c->root, known_root, sizeof known_root) == 0)));
    if (!ok) {
        cJSON_Delete(out);
        out = NULL;
    }
    report_set(r, "aci.custody", out);
}

int custody_check(struct report *r, const cJSON *keyset, const cJSON *custody)
{
    const cJSON *keys = json_at(custody, "keys", NULL), *entry;
    struct chain c = { .keyset = keyset };

    if (!cJSON_IsArray(keys))
        return 0;
    c.has_app_id = claim_read_hex(c.app_id, sizeof c.app_id, report_string(r, "code.app_id"));
    cJSON_ArrayForEach(entry, keys)
    {
        if (c.keys++ < CUSTODY_KEYS_MAX)
            follow(&c, entry);
        else
            c.fault = "more keys than real gateways have";
    }
    if (c.checked > 0 || c.fault)
        report_check(r, CHECK_CUSTODY_CHAIN, !c.fault, "custody_chain", "%s",
                     c.fault        ? c.fault
                     : c.has_app_id ? "the keys were issued by one application key under one root"
                                    : "the keys were issued by one application key");
    report_custody(r, &c);
    return 0;
}
