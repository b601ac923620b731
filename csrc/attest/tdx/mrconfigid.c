/* The three forms of MRCONFIGID: a version, 32 bytes, zeros (EVIDENCE section 2.3, 3). */
#include "attest/tdx/mrconfigid.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "attest/claim.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/secret.h"

static const uint8_t zeros[TDX_REGISTER_SIZE];

enum { HASH_AT = 1, HASH_END = 33 };

enum mrconfigid_form mrconfigid_form(const uint8_t mrconfigid[TDX_REGISTER_SIZE])
{
    if (memcmp(mrconfigid, zeros, sizeof zeros) == 0)
        return MRCONFIGID_UNUSED;
    switch (mrconfigid[0]) {
    case 1: return MRCONFIGID_V1;
    case 2: return MRCONFIGID_V2;
    case 3: return MRCONFIGID_V3;
    default: return MRCONFIGID_UNKNOWN;
    }
}

const char *mrconfigid_form_name(enum mrconfigid_form form)
{
    switch (form) {
    case MRCONFIGID_UNUSED: return "unused";
    case MRCONFIGID_V1: return "v1";
    case MRCONFIGID_V2: return "v2";
    case MRCONFIGID_V3: return "v3";
    case MRCONFIGID_UNKNOWN: break;
    }
    return "unknown";
}

static bool holds_hash(const uint8_t mrconfigid[TDX_REGISTER_SIZE], const uint8_t hash[32])
{
    return memcmp(mrconfigid + HASH_AT, hash, 32) == 0;
}

/* dstack's number for a key provider, by the name in its event; -1: none of them. */
static int provider_number(const char *name)
{
    static const char *const names[] = { "none", "local", "kms", "tpm" };

    if (name && strcmp(name, "local-sgx") == 0)
        return 1;
    for (int i = 0; name && i < 4; i++) {
        if (strcmp(name, names[i]) == 0)
            return i;
    }
    return -1;
}

/* Version 2. The id may be left out where the compose text pins none. */
static enum mrconfigid_match compare_v2(const uint8_t mrconfigid[TDX_REGISTER_SIZE],
                                        const struct mrconfigid_facts *facts)
{
    uint8_t input[COMPOSE_HASH_SIZE + APP_ID_SIZE + 1 + KEY_PROVIDER_ID_MAX], hash[32];
    size_t fixed = COMPOSE_HASH_SIZE + APP_ID_SIZE + 1, id_len;
    enum mrconfigid_match match = MRCONFIGID_OPEN;
    cJSON *provider = NULL;
    const char *id;
    int number;

    if (!facts->compose_hash || !facts->app_id || !facts->key_provider ||
        json_parse(&provider, facts->key_provider, facts->key_provider_len, NULL) != 0)
        return MRCONFIGID_OPEN;
    number = provider_number(json_string(provider, "name"));
    id = json_string(provider, "id");
    id_len = id ? strlen(id) : 0;
    if (number < 0 || id_len > 2 * KEY_PROVIDER_ID_MAX ||
        (id_len > 0 && hex_decode(input + fixed, id, id_len) != 0))
        goto out;
    memcpy(input, facts->compose_hash, COMPOSE_HASH_SIZE);
    memcpy(input + COMPOSE_HASH_SIZE, facts->app_id, APP_ID_SIZE);
    input[fixed - 1] = (uint8_t)number;
    keccak256(hash, input, fixed + id_len / 2);
    match = MRCONFIGID_HOLDS;
    if (holds_hash(mrconfigid, hash))
        goto out;
    keccak256(hash, input, fixed);
    if (!holds_hash(mrconfigid, hash))
        match = MRCONFIGID_DIFFERS;
out:
    cJSON_Delete(provider);
    return match;
}

/* A document of version 3 that MRCONFIGID binds, beside the facts. One that names no compose
 * hash, or a machine of which none is known, leaves open which text is bound. */
static enum mrconfigid_match compare_document(const char *document,
                                              const struct mrconfigid_facts *facts)
{
    enum mrconfigid_match match = MRCONFIGID_OPEN;
    cJSON *root = NULL;
    enum claim compose, app_id;

    if (json_parse(&root, document, strlen(document), NULL) != 0)
        return MRCONFIGID_OPEN;
    compose = facts->compose_hash
                  ? claim_hex(root, "compose_hash", facts->compose_hash, COMPOSE_HASH_SIZE)
                  : CLAIM_ABSENT;
    app_id = facts->app_id ? claim_hex(root, "app_id", facts->app_id, APP_ID_SIZE) : CLAIM_ABSENT;
    if (compose == CLAIM_OTHER || app_id == CLAIM_OTHER)
        match = MRCONFIGID_DIFFERS;
    else if (compose == CLAIM_SAME)
        match = MRCONFIGID_HOLDS;
    cJSON_Delete(root);
    return match;
}

static enum mrconfigid_match compare_v3(const uint8_t mrconfigid[TDX_REGISTER_SIZE],
                                        const struct mrconfigid_facts *facts)
{
    static const char domain[] = "dstack-mr-config-v3:"; /* its NUL is hashed too */
    enum mrconfigid_match match = MRCONFIGID_DIFFERS;
    size_t n = facts->document ? strlen(facts->document) : 0;
    uint8_t *input, hash[32];

    if (!facts->document)
        return MRCONFIGID_OPEN;
    input = wiping_malloc(sizeof domain + n);
    if (!input)
        return MRCONFIGID_OPEN;
    memcpy(input, domain, sizeof domain);
    memcpy(input + sizeof domain, facts->document, n);
    if (sha256(hash, input, sizeof domain + n) == 0 && holds_hash(mrconfigid, hash))
        match = compare_document(facts->document, facts);
    wiping_free(input);
    return match;
}

enum mrconfigid_match mrconfigid_compare(const uint8_t mrconfigid[TDX_REGISTER_SIZE],
                                         const struct mrconfigid_facts *facts)
{
    enum mrconfigid_form form = mrconfigid_form(mrconfigid);

    if (form == MRCONFIGID_UNUSED || form == MRCONFIGID_UNKNOWN)
        return MRCONFIGID_OPEN;
    if (memcmp(mrconfigid + HASH_END, zeros, TDX_REGISTER_SIZE - HASH_END) != 0)
        return MRCONFIGID_DIFFERS;
    if (form == MRCONFIGID_V2)
        return compare_v2(mrconfigid, facts);
    if (form == MRCONFIGID_V3)
        return compare_v3(mrconfigid, facts);
    if (!facts->compose_hash)
        return MRCONFIGID_OPEN;
    return holds_hash(mrconfigid, facts->compose_hash) ? MRCONFIGID_HOLDS : MRCONFIGID_DIFFERS;
}
