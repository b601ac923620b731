/* A body of /tee/attestation, in any of Venice's four shapes, as one struct (PROTOCOL 1.2). */
#include "attest/evidence.h"

#include <string.h>
#include <strings.h>

#include "attest/claim.h"
#include "base/codec.h"
#include "base/crypto.h"
#include "base/crypto_sign.h"
#include "base/json.h"
#include "base/secret.h"
#include "venice.h"

int evidence_public_key(uint8_t public65[65], const char *text)
{
    const char *digits = claim_digits(text);
    size_t n = strlen(digits);

    if (n == VENICE_PUBLIC_KEY_HEX) {
        if (hex_decode(public65, digits, n) != 0)
            return VENICE_E_MALFORMED;
    } else if (n == VENICE_PUBLIC_KEY_HEX - 2) {
        public65[0] = 4;
        if (hex_decode(public65 + 1, digits, n) != 0)
            return VENICE_E_MALFORMED;
    } else {
        return VENICE_E_MALFORMED;
    }
    return curve_check(public65) == 0 ? 0 : VENICE_E_MALFORMED;
}

int evidence_any_point(uint8_t public65[65], const char *text)
{
    uint8_t compressed[33];

    if (!claim_read_hex(compressed, sizeof compressed, text))
        return evidence_public_key(public65, text);
    return curve_decompress(public65, compressed) == 0 ? 0 : VENICE_E_MALFORMED;
}

bool evidence_is_point(const char *text, const uint8_t public65[65])
{
    uint8_t point[65];

    return text && evidence_any_point(point, text) == 0 &&
           memcmp(point, public65, sizeof point) == 0;
}

const char *evidence_key_fault(const char *text)
{
    const char *digits = claim_digits(text);
    size_t n = strlen(digits);

    if (n == 0 || strspn(digits, "0123456789abcdefABCDEF") != n)
        return "is not hex";
    if (n == 66 && digits[0] == '0' && (digits[1] == '2' || digits[1] == '3'))
        return "is a compressed key; the protocol uses the whole point";
    if (n != VENICE_PUBLIC_KEY_HEX && n != VENICE_PUBLIC_KEY_HEX - 2)
        return "has another length than a point of secp256k1";
    return "is not a point of secp256k1";
}

/* Servers send hex; the service's documents say base64. What holds hex digits only is hex, for they
 * are base64 characters too. */
static int decode_quote(struct evidence *e, const char *text)
{
    const char *digits = claim_digits(text);
    size_t n = strlen(digits);
    bool is_hex = digits != text || strspn(digits, "0123456789abcdefABCDEF") == n;
    uint8_t *bytes;
    bool decoded = false;

    if (n == 0 || n > 2 * EVIDENCE_QUOTE_MAX)
        return 0;
    bytes = wiping_malloc(n + 3);
    if (!bytes)
        return VENICE_E_MEMORY;
    if (is_hex) {
        e->quote_len = n / 2;
        decoded = hex_decode(bytes, digits, n) == 0;
    } else {
        decoded = base64_decode(bytes, &e->quote_len, text, n, false) == 0 ||
                  base64_decode(bytes, &e->quote_len, text, n, true) == 0;
    }
    if (!decoded || e->quote_len > EVIDENCE_QUOTE_MAX) {
        e->quote_len = 0;
        wiping_free(bytes);
        return 0;
    }
    e->quote = bytes;
    return 0;
}

/* The provider's name is no hint (PROTOCOL section 0): the shape is what the body looks like. */
static enum evidence_shape find_shape(const cJSON *root)
{
    const char *api = json_string(root, "api_version");

    if (api && strcmp(api, "aci/1") == 0)
        return json_string(root, "workload_id") ? SHAPE_ACI_A : SHAPE_ACI_B;
    if (json_string(root, "quote") && json_string(root, "vm_config"))
        return SHAPE_PHALA_VLLM;
    if (cJSON_IsObject(json_at(root, "compose_manager_attestation", NULL)) ||
        cJSON_IsObject(json_at(root, "info", "tcb_info", NULL)))
        return SHAPE_NEAR;
    return SHAPE_UNKNOWN;
}

/* The earliest end that a gateway's body names (EVIDENCE section 3.1, 5). Numbers that are too
 * large to be a date are no limit. */
static int64_t find_end(const cJSON *root)
{
    const cJSON *attestation = json_at(root, "attestation", NULL);
    const cJSON *keyset = json_at(attestation, "workload_keyset", NULL);
    int64_t end = INT64_MAX, at;

    if (json_integer(&at, keyset, "not_after", 0, INT64_MAX) && at < end)
        end = at;
    if (json_integer(&at, json_at(keyset, "keyset_epoch", NULL), "not_after", 0, INT64_MAX) &&
        at < end)
        end = at;
    if (json_integer(&at, json_at(attestation, "freshness", NULL), "stale_after", 0, INT64_MAX) &&
        at < end)
        end = at;
    return end;
}

static void read_strings(struct evidence *e)
{
    const cJSON *root = e->root;

    e->model = claim_string(root, "model");
    e->nonce = claim_string(root, "nonce");
    e->nonce_source = claim_string(root, "nonce_source");
    e->request_nonce = claim_string(root, "request_nonce");
    e->signing_address = claim_string(root, "signing_address");
    e->signing_algo = claim_string(root, "signing_algo");
    e->signing_public_key = claim_string(root, "signing_public_key");
    e->signing_key = claim_string(root, "signing_key");
    e->tee_provider = claim_string(root, "tee_provider");
    e->upstream_model = claim_string(root, "upstream_model");
    e->nvidia_payload = json_string(root, "nvidia_payload");
}

/* Either member holds the key; where both do, whether they agree is the business of a check. */
static void read_key(struct evidence *e)
{
    const char *text = e->signing_public_key ? e->signing_public_key : e->signing_key;

    e->key_member = e->signing_public_key ? "signing_public_key" : text ? "signing_key" : NULL;
    e->has_public_key = text && evidence_public_key(e->public65, text) == 0;
    if (!e->has_public_key)
        memset(e->public65, 0, sizeof e->public65);
}

int evidence_read(struct evidence *out, const char *body, size_t len)
{
    const struct json_limits limits = { .bytes = EVIDENCE_BODY_MAX };
    const char *quote;
    int r;

    memset(out, 0, sizeof *out);
    out->valid_until = INT64_MAX;
    out->verified = -1;
    r = json_parse(&out->root, body, len, &limits);
    if (r == 0 && !cJSON_IsObject(out->root))
        r = VENICE_E_MALFORMED;
    if (r != 0)
        goto out;
    r = VENICE_E_MEMORY;
    out->body = wiping_malloc(len + 1);
    if (!out->body)
        goto out;
    memcpy(out->body, body, len);
    out->body[len] = 0;
    out->body_len = len;
    read_strings(out);
    out->shape = find_shape(out->root);
    out->valid_until = find_end(out->root);
    out->verified = claim_bool(out->root, "verified");
    out->server_verification = json_at(out->root, "server_verification", NULL);
    read_key(out);
    quote = claim_string(out->root, "intel_quote");
    out->quote_present = quote != NULL;
    r = out->quote_present ? decode_quote(out, quote) : 0;
out:
    if (r != 0)
        evidence_clear(out);
    return r;
}

void evidence_clear(struct evidence *e)
{
    cJSON_Delete(e->root);
    wiping_free(e->body);
    wiping_free(e->quote);
    memset(e, 0, sizeof *e);
    e->verified = -1;
    e->valid_until = INT64_MAX;
}

bool evidence_has_gpu(const struct evidence *e)
{
    return !claim_is_empty(json_at(e->root, "nvidia_payload", NULL));
}

/* ---- What is wrong with a body --------------------------------------------------------------- */

static int utf16_unit(const char *p, const char *end)
{
    uint8_t two[2];

    return end - p >= 6 && p[0] == '\\' && p[1] == 'u' && hex_decode(two, p + 2, 4) == 0
               ? two[0] << 8 | two[1]
               : -1;
}

/* The first escape that JSON allows and that is not taken: a text ends there, or is no text. */
static const char *find_escape(const char *p, const char *end)
{
    for (; p < end && (p = memchr(p, '\\', (size_t)(end - p))) != NULL; p += 2) {
        int unit = utf16_unit(p, end), next;

        if (unit == 0)
            return "holds the character \\u0000, which is not taken";
        if (unit < 0xd800 || unit > 0xdfff)
            continue;
        next = unit <= 0xdbff ? utf16_unit(p + 6, end) : -1;
        if (next < 0xdc00 || next > 0xdfff)
            return "holds half of a character (a lone surrogate), which is not taken";
        p += 6;
    }
    return NULL;
}

const char *evidence_fault(const char *body, size_t len, int status)
{
    const struct json_limits twice = { .bytes = EVIDENCE_BODY_MAX, .allow_duplicates = true };
    const struct json_limits once = { .bytes = EVIDENCE_BODY_MAX };
    const char *escape;

    if (status == VENICE_E_LIMIT)
        return "is larger or deeper than real ones are";
    if (json_check(body, len, &once) == 0)
        return "is JSON, but not an object";
    if (json_check(body, len, &twice) == 0)
        return "names one member twice";
    escape = find_escape(body, body + len);
    return escape ? escape : "is not well-formed JSON";
}

const char *evidence_shape_name(enum evidence_shape shape)
{
    switch (shape) {
    case SHAPE_NEAR: return "near";
    case SHAPE_PHALA_VLLM: return "phala";
    case SHAPE_ACI_A: return "aci-a";
    case SHAPE_ACI_B: return "aci-b";
    case SHAPE_UNKNOWN: break;
    }
    return "unknown";
}

/* One of them is enough: a gateway that leaves out the others must not read as an enclave. */
bool evidence_is_gateway(const struct evidence *e)
{
    const cJSON *attestation = json_at(e->root, "attestation", NULL);
    const cJSON *members[] = { json_at(e->root, "workload_keyset_digest", NULL),
                               json_at(e->root, "workload_id", NULL),
                               json_at(attestation, "workload_keyset", NULL),
                               json_at(attestation, "keyset_endorsement", NULL),
                               json_at(attestation, "evidence", "key_custody", NULL) };
    const char *version = json_string(e->root, "api_version");

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (!claim_is_empty(members[i]))
            return true;
    }
    return version && strncasecmp(version, "aci/", 4) == 0;
}
