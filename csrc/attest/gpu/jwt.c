/* JSON web tokens, as far as NVIDIA's service uses them. */
#include "attest/gpu/jwt.h"

#include <string.h>

#include "base/codec.h"
#include "base/json.h"
#include "base/secret.h"
#include "venice.h"

enum { PARTS = 3 };

/* base64url, and no padding: the form in which JWTs are signed. */
static int decode(uint8_t **out, size_t *len, const char *text, size_t n)
{
    uint8_t *bytes;

    *out = NULL;
    if (n == 0 || memchr(text, '=', n))
        return VENICE_E_MALFORMED;
    bytes = wiping_malloc(n + 3);
    if (!bytes)
        return VENICE_E_MEMORY;
    if (base64_decode(bytes, len, text, n, true) != 0) {
        wiping_free(bytes);
        return VENICE_E_MALFORMED;
    }
    *out = bytes;
    return 0;
}

static int read_object(cJSON **out, const char *text, size_t n)
{
    const struct json_limits limits = { .bytes = JWT_BYTES_MAX };
    uint8_t *bytes = NULL;
    size_t len = 0;
    int r = decode(&bytes, &len, text, n);

    if (r == 0)
        r = json_parse(out, (const char *)bytes, len, &limits);
    wiping_free(bytes);
    return r == 0 && !cJSON_IsObject(*out) ? VENICE_E_MALFORMED : r;
}

static int read_signature(struct jwt *t, const char *text, size_t n)
{
    uint8_t *bytes = NULL;
    size_t len = 0;
    int r = decode(&bytes, &len, text, n);

    if (r == 0 && len != sizeof t->signature)
        r = VENICE_E_MALFORMED;
    if (r == 0)
        memcpy(t->signature, bytes, len);
    wiping_free(bytes);
    return r;
}

int jwt_read(struct jwt *out, const char *text)
{
    const char *first = strchr(text, '.'), *second = first ? strchr(first + 1, '.') : NULL;
    int r;

    memset(out, 0, sizeof *out);
    out->text = text;
    out->len = strlen(text);
    if (out->len > JWT_BYTES_MAX)
        return VENICE_E_LIMIT;
    if (!second || strchr(second + 1, '.'))
        return VENICE_E_MALFORMED;
    out->signed_len = (size_t)(second - text);
    r = read_object(&out->header, text, (size_t)(first - text));
    if (r == 0)
        r = read_object(&out->claims, first + 1, (size_t)(second - first - 1));
    if (r == 0)
        r = read_signature(out, second + 1, strlen(second + 1));
    if (r != 0)
        jwt_clear(out);
    return r;
}

void jwt_clear(struct jwt *t)
{
    cJSON_Delete(t->header);
    cJSON_Delete(t->claims);
    memset(t, 0, sizeof *t);
}

const char *jwt_kid(const struct jwt *t)
{
    return json_string(t->header, "kid");
}

const char *jwt_header_fault(const struct jwt *t)
{
    const char *alg = json_string(t->header, "alg");

    if (!alg || strcmp(alg, "ES384") != 0 || json_at(t->header, "crit", NULL))
        return "nras_alg";
    return NULL;
}
