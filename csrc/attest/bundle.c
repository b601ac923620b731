/* What a verdict was made from, so that it can be made again: the input of verify_attestation. */
#include <string.h>

#include "attest/steps.h"
#include "base/codec.h"
#include "base/json.h"

/* A text that was fed; one with a NUL in it is no JSON, so an empty one gives the same verdict. */
static bool add_fed(cJSON *o, const char *name, const char *text, size_t len)
{
    return !text || cJSON_AddStringToObject(o, name, memchr(text, 0, len) ? "" : text);
}

static bool add_text(cJSON *o, const char *name, const char *text)
{
    return !text || cJSON_AddStringToObject(o, name, text);
}

static bool add_nras(cJSON *o, const struct attestation *a)
{
    cJSON *nras;

    if (!a->nras_response || !a->nras_jwks)
        return true;
    nras = cJSON_AddObjectToObject(o, "nras");
    return nras && add_fed(nras, "response", a->nras_response, a->nras_response_len) &&
           add_fed(nras, "jwks", a->nras_jwks, a->nras_jwks_len);
}

static bool add_pins(cJSON *o, const struct attestation *a)
{
    cJSON *pins;

    if (!a->pins)
        return true;
    pins = cJSON_Duplicate(a->pins, true);
    if (cJSON_AddItemToObject(o, "pins", pins))
        return true;
    cJSON_Delete(pins);
    return false;
}

int attestation_bundle(const struct attestation *a, char **out, size_t *len)
{
    char nonce[2 * NONCE_SIZE + 1];
    const char *body = a->evidence.body ? a->evidence.body : "";
    cJSON *o = NULL;
    int r = VENICE_E_MEMORY;

    *out = NULL;
    hex_encode(nonce, a->nonce, NONCE_SIZE);
    nonce[2 * NONCE_SIZE] = 0;
    o = cJSON_CreateObject();
    if (o && add_fed(o, "response", body, a->evidence.body_len) && add_text(o, "nonce", nonce) &&
        add_text(o, "model", a->model) && cJSON_AddNumberToObject(o, "now", (double)a->now) &&
        add_fed(o, "collateral", a->collateral, a->collateral_len) && add_nras(o, a) &&
        add_pins(o, a) && add_text(o, "root_ca", a->root_pem) &&
        add_text(o, "gpu_root_ca", a->gpu_root_pem))
        r = json_print(out, len, o);
    cJSON_Delete(o);
    return r;
}
