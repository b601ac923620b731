/* A body of /tee/attestation, in any of Venice's four shapes, as one struct (PROTOCOL 1.2). */
#include "attest/evidence.h"

#include <string.h>

#include "base/codec.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/secret.h"
#include "venice.h"

/* Without 0x, where it has one. */
static const char *skip_0x(const char *text)
{
    return text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? text + 2 : text;
}

int evidence_public_key(uint8_t public65[65], const char *text)
{
    const char *digits = skip_0x(text);
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

/* Servers send hex; the service's documents say base64. What holds hex digits only is hex, for they
 * are base64 characters too. */
static int decode_quote(struct evidence *e, const char *text)
{
    const char *digits = skip_0x(text);
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

    e->model = json_string(root, "model");
    e->nonce = json_string(root, "nonce");
    e->nonce_source = json_string(root, "nonce_source");
    e->request_nonce = json_string(root, "request_nonce");
    e->signing_address = json_string(root, "signing_address");
    e->signing_algo = json_string(root, "signing_algo");
    e->signing_public_key = json_string(root, "signing_public_key");
    e->signing_key = json_string(root, "signing_key");
    e->tee_provider = json_string(root, "tee_provider");
    e->tee_hardware = json_string(root, "tee_hardware");
    e->upstream_model = json_string(root, "upstream_model");
    e->nvidia_payload = json_string(root, "nvidia_payload");
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
    out->verified = json_bool(out->root, "verified");
    out->server_verification = json_at(out->root, "server_verification", NULL);
    out->public_key_present = out->signing_public_key && out->signing_public_key[0];
    out->has_public_key =
        out->public_key_present && evidence_public_key(out->public65, out->signing_public_key) == 0;
    if (!out->has_public_key)
        memset(out->public65, 0, sizeof out->public65);
    quote = json_string(out->root, "intel_quote");
    out->quote_present = quote && quote[0];
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
