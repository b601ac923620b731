/* Evidence of our own making, for the tests of csrc/attest. */
#include "support_attest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/crypto.h"
#include "base/json.h"

static void put(uint8_t *p, uint32_t value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

static size_t put_auth(uint8_t *auth)
{
    static const char pem[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    size_t end = 590 + 32 + sizeof pem; /* the NUL belongs to it */

    for (size_t i = 0; i < end; i++)
        auth[i] = (uint8_t)(i * 5 + 1);
    put(auth + 128, 6, 2);
    put(auth + 130, (uint32_t)(end - 134), 4);
    put(auth + 582, 32, 2);
    put(auth + 584 + 32, 5, 2);
    put(auth + 586 + 32, sizeof pem, 4);
    memcpy(auth + 590 + 32, pem, sizeof pem);
    return end;
}

size_t sample_quote(uint8_t out[SAMPLE_QUOTE_MAX], unsigned version, unsigned body_type,
                    const uint8_t report_data[64])
{
    static const uint8_t vendor[16] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                        0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };
    static const uint8_t td_attributes[8] = { 0, 0, 0, 0x10, 0, 0, 0, 0 };
    size_t body_len = body_type == 2 ? 584 : body_type == 3 ? 648 : 885;
    uint8_t *p = out + 48;
    size_t auth_len;

    memset(out, 0, SAMPLE_QUOTE_MAX);
    put(out, version, 2);
    put(out + 2, 2, 2);
    put(out + 4, 0x81, 4);
    memcpy(out + 12, vendor, sizeof vendor);
    if (version == 5) {
        put(p, body_type, 2);
        put(p + 2, (uint32_t)body_len, 4);
        p += 6;
    }
    for (size_t i = 0; i < body_len; i++)
        p[i] = (uint8_t)(i * 7 + i / 256 + 3);
    memcpy(p + 120, td_attributes, sizeof td_attributes);
    if (report_data)
        memcpy(p + 520, report_data, 64);
    p += body_len;
    auth_len = put_auth(p + 4);
    put(p, (uint32_t)auth_len, 4);
    return (size_t)(p + 4 + auth_len - out);
}

void sample_key(uint8_t public65[65], uint8_t address[20])
{
    static const uint8_t private32[32] = { [0] = 0x11, [31] = 0x2a };

    if (curve_public(public65, private32) != 0)
        memset(public65, 0, 65);
    eth_address(address, public65);
}

void sample_report_data(uint8_t out[64])
{
    uint8_t public65[65];

    memset(out, 0, 64);
    sample_key(public65, out);
    (void)hex_decode(out + 32, SAMPLE_NONCE, 64);
}

static void add_hex(cJSON *object, const char *name, const char *prefix, const uint8_t *bytes,
                    size_t n)
{
    char *text = calloc(1, strlen(prefix) + 2 * n + 1);

    memcpy(text, prefix, strlen(prefix));
    hex_encode(text + strlen(prefix), bytes, n);
    cJSON_AddStringToObject(object, name, text);
    free(text);
}

static void add_measurements(cJSON *tdx, const uint8_t *body)
{
    static const struct {
        const char *name;
        size_t at, n;
    } fields[] = { { "mrtd", 136, 48 },        { "mrconfigid", 184, 48 },
                   { "mrowner", 232, 48 },     { "mrownerconfig", 280, 48 },
                   { "rtmr0", 328, 48 },       { "rtmr1", 376, 48 },
                   { "rtmr2", 424, 48 },       { "rtmr3", 472, 48 },
                   { "tdAttributes", 120, 8 }, { "xfam", 128, 8 } };
    cJSON *measured = cJSON_AddObjectToObject(tdx, "measurements");

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        add_hex(measured, fields[i].name, "", body + fields[i].at, fields[i].n);
}

static cJSON *parse(const char *text)
{
    cJSON *tree = NULL;

    (void)json_parse(&tree, text, strlen(text), NULL);
    return tree;
}

static void add_verdict(cJSON *root, const uint8_t *body)
{
    cJSON *verdict = parse(
        "{\"tdx\":{\"valid\":true,\"signatureValid\":true,\"certificateChainValid\":true,"
        "\"rootCaPinned\":true,\"attestationKeyMatch\":true,"
        "\"crlCheck\":{\"checked\":true,\"revoked\":false}},"
        "\"nvidia\":{\"valid\":true,\"signatureVerified\":true,\"certificateChainStatus\":"
        "{\"valid\":true,\"intermediatePinned\":true,\"leafCertExpiry\":\"2026-12-01T00:00:00Z\"}},"
        "\"signingAddressBinding\":{\"bound\":true},\"nonceBinding\":{\"bound\":true,\"method\":"
        "\"raw\"},\"nvidiaNonceBinding\":{\"bound\":true,\"method\":\"nvidia_payload\"},"
        "\"verifiedAt\":\"2026-11-22T00:00:00Z\",\"verificationDurationMs\":90}");
    cJSON *tdx = cJSON_GetObjectItemCaseSensitive(verdict, "tdx");

    cJSON_AddItemToObject(root, "server_verification", verdict);
    add_hex(tdx, "reportData", "", body + 520, 64);
    add_measurements(tdx, body);
    add_hex(cJSON_GetObjectItemCaseSensitive(verdict, "signingAddressBinding"), "reportDataAddress",
            "0x", body + 520, 20);
}

static void add_shape(cJSON *root, char shape)
{
    static const char info[] = "{\"app_id\":\"00\",\"tcb_info\":{}}";
    cJSON *attestation;

    cJSON_AddStringToObject(root, "tee_provider", shape == 'A' ? "near-ai" : "phala");
    if (shape == 'A' || shape == 'B') {
        cJSON_AddStringToObject(root, "request_nonce", SAMPLE_NONCE);
        cJSON_AddItemToObject(root, "info", parse(info));
    }
    if (shape == 'A') {
        cJSON_AddItemToObject(root, "signing_key",
                              cJSON_Duplicate(cJSON_GetObjectItem(root, "signing_public_key"), 1));
        cJSON_AddItemToObject(root, "compose_manager_attestation", parse("{\"actions\":[]}"));
    } else if (shape == 'B') {
        cJSON_AddItemToObject(root, "quote",
                              cJSON_Duplicate(cJSON_GetObjectItem(root, "intel_quote"), 1));
        cJSON_AddStringToObject(root, "vm_config", "{}");
    } else {
        cJSON_AddStringToObject(root, "api_version", "aci/1");
        if (shape == 'C')
            cJSON_AddStringToObject(root, "workload_id", "sha256:00");
        attestation = parse(shape == 'C' ? "{\"workload_keyset\":{\"keyset_epoch\":{\"version\":1,"
                                           "\"not_after\":1790086400}},\"freshness\":"
                                           "{\"fetched_at\":1790000000,\"stale_after\":1790003600}}"
                                         : "{\"workload_keyset\":{\"not_after\":1790086400}}");
        cJSON_AddItemToObject(root, "attestation", attestation);
    }
}

cJSON *sample_response(char shape, const uint8_t *quote, size_t quote_len)
{
    uint8_t good[SAMPLE_QUOTE_MAX], report_data[64], public65[65], address[20];
    cJSON *root;

    root = cJSON_CreateObject();
    if (!quote) {
        sample_report_data(report_data);
        quote_len = sample_quote(good, 4, 2, report_data);
        quote = good;
    }
    sample_key(public65, address);
    add_hex(root, "signing_address", "0x", address, sizeof address);
    cJSON_AddStringToObject(root, "signing_algo", "ecdsa");
    add_hex(root, "signing_public_key", "", public65, sizeof public65);
    add_hex(root, "intel_quote", "", quote, quote_len);
    cJSON_AddBoolToObject(root, "verified", 1);
    cJSON_AddStringToObject(root, "model", SAMPLE_MODEL);
    cJSON_AddStringToObject(root, "nonce", SAMPLE_NONCE);
    cJSON_AddStringToObject(root, "nonce_source", "client");
    cJSON_AddStringToObject(root, "tee_hardware", "intel-tdx");
    cJSON_AddStringToObject(root, "upstream_model", "Sample/Sample-8B");
    cJSON_AddNumberToObject(root, "candidates_evaluated", 1);
    if (quote_len >= 632)
        add_verdict(root, quote + 48);
    add_shape(root, shape);
    return root;
}

int corpus_file(char **out, size_t *len, const char *path)
{
    const char *corpus = getenv("VENICE_CORPUS");
    char name[1024];
    FILE *file;
    long size = -1;

    *out = NULL;
    *len = 0;
    if (!corpus || snprintf(name, sizeof name, "%s/%s", corpus, path) >= (int)sizeof name)
        return -1;
    file = fopen(name, "rb");
    if (!file)
        return -1;
    if (fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    rewind(file);
    if (size >= 0)
        *out = calloc(1, (size_t)size + 1);
    if (*out)
        *len = fread(*out, 1, (size_t)size, file);
    fclose(file);
    return *out && *len == (size_t)size ? 0 : -1;
}
