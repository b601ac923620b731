/* The custody chain of a gateway's keys (EVIDENCE section 3.1, 8). */
#include "attest/aci/custody.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

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
    struct report *r;
    const struct evidence *e;
    const cJSON *keyset;
    uint8_t app_id[ID_SIZE];
    bool has_app_id;
    uint8_t app[COMPRESSED_SIZE], root[COMPRESSED_SIZE]; /* of the first key that was checked */
    uint8_t ours[COMPRESSED_SIZE];                       /* the key that is encrypted to */
    size_t keys, checked;
    bool covers_ours;  /* a chain was followed whose key it is */
    const char *fault; /* what is wrong; NULL: nothing */
};

/* --- one key ---------------------------------------------------------------------------------- */

/* Keys of any kind, in hex of either case; points of secp256k1 in any of their forms. */
static bool is_same_key(const char *a, const char *b)
{
    uint8_t x[65], y[65];

    if (strcasecmp(claim_digits(a), claim_digits(b)) == 0)
        return true;
    return evidence_any_point(x, a) == 0 && evidence_any_point(y, b) == 0 &&
           memcmp(x, y, sizeof x) == 0;
}

static bool lists(const cJSON *list, const char *public_key)
{
    const cJSON *entry;

    cJSON_ArrayForEach(entry, list)
    {
        const char *text = claim_string(entry, "public_key");

        if (text && is_same_key(text, public_key))
            return true;
    }
    return false;
}

/* Whether the keyset says of a key that it is not its own: it lists keys of both uses, and not this
 * one. A list that is left out says nothing; and whether the keyset has the key that is encrypted
 * to is another check's business. */
static bool denies(const struct chain *c, const char *public_key)
{
    const cJSON *receipt = json_at(c->keyset, "receipt_signing_keys", NULL);
    const cJSON *e2ee = json_at(c->keyset, "e2ee_public_keys", NULL);
    const char *identity =
        claim_string(json_at(c->keyset, "workload_identity", "public_key", NULL), "public_key");

    if (claim_is_empty(receipt) || claim_is_empty(e2ee))
        return false;
    if (c->e->has_public_key && evidence_is_point(public_key, c->e->public65))
        return false;
    return !(identity && is_same_key(identity, public_key)) && !lists(receipt, public_key) &&
           !lists(e2ee, public_key);
}

enum kms_key { KMS_KEY_READ, KMS_KEY_NONE, KMS_KEY_BAD };

/* A point in any of the forms that are in use, compressed. */
static bool read_point(uint8_t out[COMPRESSED_SIZE], const char *text)
{
    uint8_t point[65];

    return evidence_any_point(point, text) == 0 && curve_compress(out, point) == 0;
}

/* The secp256k1 key that the chain is about: the one named for it, else the key itself. */
static enum kms_key read_kms_key(uint8_t out[COMPRESSED_SIZE], const cJSON *entry)
{
    const char *kms = claim_string(entry, "kms_public_key");
    const char *public_key = claim_string(entry, "public_key");
    uint8_t own[65], compressed[COMPRESSED_SIZE];
    bool on_curve = public_key && evidence_public_key(own, public_key) == 0 &&
                    curve_compress(compressed, own) == 0;

    if (!kms) {
        if (!on_curve)
            return KMS_KEY_NONE;
        memcpy(out, compressed, COMPRESSED_SIZE);
        return KMS_KEY_READ;
    }
    if (!read_point(out, kms) || (on_curve && memcmp(out, compressed, COMPRESSED_SIZE) != 0))
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

/* The first fault counts: others may follow from it. */
static void blame(struct chain *c, const char *fault)
{
    if (!c->fault)
        c->fault = fault;
}

static void follow(struct chain *c, const cJSON *entry)
{
    const cJSON *links = json_at(entry, "signature_chain", NULL);
    const char *purpose = claim_string(entry, "purpose");
    const char *public_key = claim_string(entry, "public_key");
    uint8_t key[COMPRESSED_SIZE], app[COMPRESSED_SIZE], root[COMPRESSED_SIZE];
    bool first = c->checked == 0;
    enum kms_key kind = read_kms_key(key, entry);
    bool ours =
        kind == KMS_KEY_READ && c->e->has_public_key && memcmp(key, c->ours, COMPRESSED_SIZE) == 0;

    if (public_key && denies(c, public_key))
        blame(c, "a key in custody is not in the keyset");
    if (kind == KMS_KEY_BAD)
        blame(c, "a kms_public_key is none, or not the key that it stands for");
    if (kind != KMS_KEY_READ || !cJSON_IsArray(links) || claim_is_empty(links) || !purpose)
        return;
    if (cJSON_GetArraySize(links) != 2 || !recover_app(app, purpose, key, links->child) ||
        (c->has_app_id && !recover_root(root, c->app_id, app, links->child->next)))
        blame(c, "a signature chain is not two signatures");
    else if (!agrees(c->app, app, first))
        blame(c, "the keys do not lead to one application key");
    else if (c->has_app_id && !agrees(c->root, root, first))
        blame(c, "the keys do not lead to one root");
    c->covers_ours = c->covers_ours || ours;
    c->checked++;
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool is_known_root(const struct chain *c)
{
    return memcmp(c->root, known_root, sizeof known_root) == 0;
}

/* What the chain of the key that is encrypted to leads to; another key's is nothing to us. */
static bool has_root(const struct chain *c)
{
    return c->covers_ours && c->has_app_id && !c->fault;
}

static bool add_hex(cJSON *out, const char *name, const uint8_t *bytes, size_t n)
{
    char hex[2 * COMPRESSED_SIZE + 1];

    hex_encode(hex, bytes, n);
    hex[2 * n] = 0;
    return cJSON_AddStringToObject(out, name, hex);
}

static void report_custody(const struct chain *c)
{
    cJSON *out = cJSON_CreateObject();
    bool ok = out && cJSON_AddNumberToObject(out, "keys", (double)c->keys) &&
              cJSON_AddNumberToObject(out, "checked", (double)c->checked) &&
              (!has_root(c) || (add_hex(out, "root", c->root, COMPRESSED_SIZE) &&
                                cJSON_AddBoolToObject(out, "root_known", is_known_root(c)) &&
                                add_hex(out, "app_id", c->app_id, ID_SIZE)));

    if (!ok) {
        cJSON_Delete(out);
        out = NULL;
    }
    report_set(c->r, "aci.custody", out);
}

/* Who can hand out the key, in words: nothing here proves that it is only the gateway's. A chain
 * that leads to a root which nobody knows proves nothing, for anybody can make one. */
static void report_holder(const struct chain *c)
{
    char hex[2 * COMPRESSED_SIZE + 1], sentence[320];

    if (c->fault)
        return;
    if (!c->covers_ours) {
        report_not_proven(c->r, c->keys == 0
                                    ? "Who can hand out the gateway's key: no custody chain was "
                                      "served."
                                    : "Who can hand out the gateway's key: the custody chain that "
                                      "was served does not cover the key that is encrypted to.");
        return;
    }
    if (!c->has_app_id) {
        report_not_proven(c->r, "Who can hand out the gateway's key: its custody chain leads to a "
                                "root only with a measured app id, and none is measured.");
        return;
    }
    hex_encode(hex, c->root, COMPRESSED_SIZE);
    hex[2 * COMPRESSED_SIZE] = 0;
    snprintf(sentence, sizeof sentence,
             is_known_root(c)
                 ? "That only the gateway has its key: the KMS with the root %s can hand it out."
                 : "Who can hand out the gateway's key: its custody chain leads to the root %s, "
                   "which is not known here, and anybody can make such a chain.",
             hex);
    report_not_proven(c->r, sentence);
}

static const char *describe(const struct chain *c)
{
    if (!c->covers_ours)
        return "the keys in custody lead to one application key; the key that is encrypted to is "
               "not among them";
    if (!c->has_app_id)
        return "the keys in custody, with the key that is encrypted to, lead to one application "
               "key, and without a measured app id to no root";
    return is_known_root(c)
               ? "the key that is encrypted to was issued under a root that is known here"
               : "the keys in custody, with the key that is encrypted to, lead to one root, which "
                 "is not known here";
}

/* Keys that lead to one place are proven to belong together, and a root that is known to have
 * issued them. A single chain to a root that nobody knows is no proof: whatever its signatures
 * are, they are of some key. */
static void check_chain(const struct chain *c)
{
    bool proven = c->checked > 1 || (has_root(c) && is_known_root(c));

    if (c->fault)
        report_check(c->r, CHECK_CUSTODY_CHAIN, false, "custody_chain", "%s", c->fault);
    else if (proven)
        report_check(c->r, CHECK_CUSTODY_CHAIN, true, NULL, "%s", describe(c));
    else if (c->checked == 0)
        report_not_stated(c->r, CHECK_CUSTODY_CHAIN, "the response shows no custody chain");
}

int custody_check(struct report *r, const struct evidence *e, const cJSON *keyset,
                  const cJSON *custody)
{
    const cJSON *keys = json_at(custody, "keys", NULL), *entry;
    struct chain c = { .r = r, .e = e, .keyset = keyset };

    if (e->has_public_key && curve_compress(c.ours, e->public65) != 0)
        return VENICE_E_INTERNAL;
    c.has_app_id = claim_read_hex(c.app_id, sizeof c.app_id, report_string(r, "code.app_id"));
    if (cJSON_IsArray(keys) && !claim_is_empty(keys)) {
        cJSON_ArrayForEach(entry, keys)
        {
            if (c.keys++ < CUSTODY_KEYS_MAX)
                follow(&c, entry);
            else
                blame(&c, "more keys than real gateways have");
        }
        report_custody(&c);
    }
    check_chain(&c);
    report_holder(&c);
    return 0;
}
