/* The entry points of venice.h for the envelope and the stream: they check what a caller hands in
 * and call the functions that do the work. */
#include <string.h>

#include "base/codec.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/secret.h"
#include "e2ee/envelope.h"
#include "e2ee/session.h"
#include "e2ee/stream.h"
#include "venice.h"

int venice_keypair_new(venice_keypair **out, const char *private_hex, size_t len)
{
    uint8_t scalar[32];
    int r;

    if (!out)
        return VENICE_E_ARG;
    *out = NULL;
    if (!private_hex && len == 0)
        return keypair_generate(out);
    if (!private_hex || len != VENICE_PRIVATE_KEY_HEX)
        return VENICE_E_ARG;
    r = hex_decode(scalar, private_hex, len) == 0 ? 0 : VENICE_E_ARG;
    if (r == 0)
        r = keypair_from_private(out, scalar);
    secret_wipe(scalar, sizeof scalar);
    return r;
}

int venice_keypair_public(const venice_keypair *kp, char out[131])
{
    if (!kp || !out)
        return VENICE_E_ARG;
    hex_encode(out, keypair_public(kp), 65);
    out[VENICE_PUBLIC_KEY_HEX] = 0;
    return 0;
}

void venice_keypair_free(venice_keypair *kp)
{
    keypair_drop(kp);
}

int venice_eth_address(char out[43], const char *public_hex, size_t len)
{
    uint8_t point[65], address[20];
    int r;

    if (!out)
        return VENICE_E_ARG;
    r = public_key_from_hex(point, public_hex, len);
    if (r != 0)
        return r;
    eth_address(address, point);
    out[0] = '0';
    out[1] = 'x';
    hex_encode(out + 2, address, sizeof address);
    out[VENICE_ADDRESS_CHARS] = 0;
    return 0;
}

int venice_seal(char *out, size_t out_cap, const char *model_public_hex, size_t key_len,
                const char *text, size_t text_len)
{
    uint8_t point[65];
    int r;

    if (!out || (!text && text_len > 0) || text_len > VENICE_MAX_MESSAGE)
        return VENICE_E_ARG;
    if (out_cap < 2 * (text_len + VENICE_BLOB_OVERHEAD))
        return VENICE_E_ARG;
    r = public_key_from_hex(point, model_public_hex, key_len);
    if (r != 0)
        return r;
    if (!utf8_valid((const uint8_t *)text, text_len))
        return VENICE_E_MALFORMED;
    r = envelope_seal(out, &ENVELOPE_LEGACY_V1, point, (const uint8_t *)text, text_len);
    return r == 0 ? (int)(2 * (text_len + VENICE_BLOB_OVERHEAD)) : r;
}

int venice_open(const venice_keypair *kp, char *out, size_t out_cap, const char *blob,
                size_t blob_len)
{
    size_t n;
    int r;

    if (!kp || !out || (!blob && blob_len > 0) || blob_len > INT32_MAX || out_cap < blob_len / 2)
        return VENICE_E_ARG;
    r = envelope_open((uint8_t *)out, &n, &ENVELOPE_LEGACY_V1, keypair_private(kp), blob, blob_len);
    if (r != 0)
        return r;
    if (!utf8_valid((const uint8_t *)out, n)) {
        secret_wipe(out, n);
        return VENICE_E_INTEGRITY;
    }
    return (int)n;
}

static int read_options(struct stream_options *options, const char *json, size_t len)
{
    cJSON *root = NULL;
    int r;

    memset(options, 0, sizeof *options);
    if (!json)
        return len == 0 ? 0 : VENICE_E_ARG;
    r = json_parse(&root, json, len, NULL);
    if (r != 0)
        return r == VENICE_E_MEMORY ? r : VENICE_E_CONFIG;
    r = cJSON_IsObject(root) ? 0 : VENICE_E_CONFIG;
    for (const cJSON *m = r == 0 ? root->child : NULL; m && r == 0; m = m->next) {
        const char *value = cJSON_GetStringValue(m);

        if (strcmp(m->string, "plaintext_whitespace") != 0 || !value)
            r = VENICE_E_CONFIG;
        else if (strcmp(value, "refuse") == 0)
            options->refuse_plaintext_whitespace = true;
        else if (strcmp(value, "mark") != 0)
            r = VENICE_E_CONFIG;
    }
    cJSON_Delete(root);
    return r;
}

int venice_stream_new(venice_stream **out, venice_keypair *kp, const char *options_json, size_t len)
{
    struct stream_options options;
    int r;

    if (!out)
        return VENICE_E_ARG;
    *out = NULL;
    if (!kp)
        return VENICE_E_ARG;
    r = read_options(&options, options_json, len);
    return r == 0 ? stream_new(out, kp, &options) : r;
}

int venice_stream_feed(venice_stream *s, const char *bytes, size_t len)
{
    if (!s || (!bytes && len > 0))
        return VENICE_E_ARG;
    return stream_feed(s, bytes, len);
}

int venice_stream_finish(venice_stream *s)
{
    return s ? stream_finish(s) : VENICE_E_ARG;
}

int venice_stream_next(venice_stream *s, venice_event *out)
{
    if (!s || !out)
        return VENICE_E_ARG;
    return stream_next(s, out);
}

void venice_stream_free(venice_stream *s)
{
    stream_free(s);
}
