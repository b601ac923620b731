/* A token, then after a line end a key set's entry: whatever they are, no question about them goes
 * wrong, and no key is certified that NVIDIA did not certify. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/gpu/nras_claims.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void ask(const struct jwt *t)
{
    static const uint8_t nonce[32];
    const struct gpu_device device = { .serial = "1", .spdm = { .driver = "1", .vbios = "2" } };
    const struct nras_question q = { t, t, 1, &device, nonce, 1790000000 };
    const char *words;

    (void)jwt_kid(t);
    (void)jwt_header_fault(t);
    (void)nras_issuer_fault(&words, &q);
    (void)nras_time_fault(&words, &q);
    (void)nras_nonce_fault(&words, &q);
    (void)nras_result_fault(&words, &q);
    (void)nras_submods_fault(&words, &q);
    (void)nras_error_fault(&words, &q);
    (void)nras_claims_fault(&words, &q);
    (void)nras_device_fault(&words, &q);
}

static void certify(const char *text, size_t len)
{
    cJSON *entry = NULL;
    EVP_PKEY *key;
    const char *reason, *words;

    if (json_parse(&entry, text, len, NULL) == 0 && cJSON_IsObject(entry) &&
        jwks_key(&key, &reason, &words, entry, NULL, 1790000000) == 0)
        __builtin_trap();
    cJSON_Delete(entry);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = malloc(len + 1), *rest;
    struct jwt t;

    if (!text)
        return 0;
    memcpy(text, data, len);
    text[len] = 0;
    rest = memchr(text, '\n', len);
    if (rest) {
        *rest++ = 0;
        certify(rest, len - (size_t)(rest - text));
    }
    if (jwt_read(&t, text) == 0) {
        if (t.signed_len >= t.len || t.text[t.signed_len] != '.')
            __builtin_trap();
        ask(&t);
        jwt_clear(&t);
    }
    free(text);
    return 0;
}
