/* venice_verify_quote and venice_verify_attestation: the attestation machine, fed from memory. */
#include <string.h>

#include "attest/attestation.h"
#include "base/codec.h"
#include "base/json.h"
#include "base/secret.h"
#include "venice.h"

enum { OPTIONS_BYTES_MAX = 16 * 1024 * 1024, NONCE_DIGITS = 64 };

static const int64_t year_10000 = 253402300800; /* dates are written with four digits */

/* What the caller asks for; strings point into tree. */
struct options {
    cJSON *tree;
    struct policy policy;
    int64_t now;
    const char *collateral, *root_ca, *gpu_root_ca, *model, *nonce;
    const char *nras_response, *nras_jwks;
    const cJSON *pins;
};

static int bad_option(struct failure *f, const char *name, const char *wanted)
{
    return failure_set(f, VENICE_E_CONFIG, ":help venice-verify", "%s must be %s", name, wanted);
}

static bool is_known(const char *name, bool whole_response)
{
    static const char *const names[] = { "now", "collateral", "root_ca", "policy" };
    static const char *const more[] = { "nonce", "model", "nras", "pins", "gpu_root_ca" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    for (size_t i = 0; whole_response && i < sizeof more / sizeof more[0]; i++) {
        if (strcmp(name, more[i]) == 0)
            return true;
    }
    return false;
}

/* An optional text; null is the same as absent. */
static int read_text(struct failure *f, const char **out, const cJSON *tree, const char *name)
{
    const cJSON *value = json_at(tree, name, NULL);

    *out = NULL;
    if (!value || cJSON_IsNull(value))
        return 0;
    *out = cJSON_GetStringValue(value);
    return *out ? 0 : bad_option(f, name, "a text");
}

/* setup() takes a file for a root, but this is a pure function: here it is the PEM text itself. */
static int read_root(const char **out, const struct options *o, struct failure *f, const char *name)
{
    int r = read_text(f, out, o->tree, name);

    if (r == 0 && !*out)
        *out = policy_string(&o->policy, name);
    if (r == 0 && *out && !strstr(*out, "-----BEGIN CERTIFICATE-----"))
        r = bad_option(f, name, "a certificate as PEM text, not the name of a file");
    return r;
}

static int read_question(struct options *o, struct failure *f)
{
    uint8_t nonce[NONCE_DIGITS / 2];
    const cJSON *nras = json_at(o->tree, "nras", NULL);
    int r;

    if ((r = read_text(f, &o->model, o->tree, "model")) != 0 ||
        (r = read_text(f, &o->nonce, o->tree, "nonce")) != 0)
        return r;
    if (!o->model || !o->model[0])
        return bad_option(f, "model", "the id that was asked for");
    if (!o->nonce || strlen(o->nonce) != NONCE_DIGITS ||
        hex_decode(nonce, o->nonce, NONCE_DIGITS) != 0)
        return bad_option(f, "nonce", "64 hex digits: the one that was sent");
    o->nras_response = json_string(nras, "response");
    o->nras_jwks = json_string(nras, "jwks");
    if (nras && !cJSON_IsNull(nras) && (!o->nras_response || !o->nras_jwks))
        return bad_option(f, "nras", "{ response = text, jwks = text }");
    if ((r = read_root(&o->gpu_root_ca, o, f, "gpu_root_ca")) != 0)
        return r;
    o->pins = json_at(o->tree, "pins", NULL);
    if (cJSON_IsNull(o->pins))
        o->pins = NULL;
    if (o->pins && !cJSON_IsArray(o->pins) && !(cJSON_IsObject(o->pins) && !o->pins->child))
        return bad_option(f, "pins", "a list");
    return 0;
}

static int read_options(struct options *o, struct failure *f, bool whole_response, const char *text,
                        size_t len)
{
    const struct json_limits limits = { .bytes = OPTIONS_BYTES_MAX };
    const cJSON *value;
    int r = json_parse(&o->tree, text, len, &limits);

    if (r == VENICE_E_MEMORY)
        return r;
    if (r != 0 || !cJSON_IsObject(o->tree))
        return failure_set(f, VENICE_E_CONFIG, ":help venice-verify",
                           "the options are not one JSON object");
    cJSON_ArrayForEach(value, o->tree)
    {
        if (!is_known(value->string, whole_response))
            return failure_set(f, VENICE_E_CONFIG, ":help venice-verify", "%.80s is not an option",
                               value->string);
    }
    if (!json_integer(&o->now, o->tree, "now", 0, year_10000 - 1))
        return bad_option(f, "now", "the time in unix seconds");
    if ((r = policy_read(&o->policy, f, json_at(o->tree, "policy", NULL))) != 0 ||
        (r = read_text(f, &o->collateral, o->tree, "collateral")) != 0 ||
        (r = read_root(&o->root_ca, o, f, "root_ca")) != 0)
        return r;
    return whole_response ? read_question(o, f) : 0;
}

static size_t length(const char *text)
{
    return text ? strlen(text) : 0;
}

/* Judges input, which is a whole response or a bare quote; *json is the report. */
static int judge(char **json, size_t *json_len, struct failure *f, const struct options *o,
                 const char *input, size_t len)
{
    struct attestation *a = NULL;
    int r = attestation_new(&a, &o->policy, o->model, o->nonce, o->now, o->root_ca, o->pins);

    if (r == 0 && o->gpu_root_ca)
        r = attestation_set_gpu_root(a, o->gpu_root_ca);
    if (r == 0)
        r = attestation_feed_collateral(a, o->collateral,
                                        o->collateral ? strlen(o->collateral) : 0);
    if (r == 0)
        r = attestation_feed_nras(a, o->nras_response, length(o->nras_response), o->nras_jwks,
                                  length(o->nras_jwks));
    if (r == 0)
        r = o->model ? attestation_feed_response(a, input, len)
                     : attestation_feed_quote(a, (const uint8_t *)input, len);
    if (r == VENICE_E_CONFIG)
        bad_option(f, o->gpu_root_ca ? "root_ca or gpu_root_ca" : "root_ca",
                   o->gpu_root_ca ? "one certificate as PEM text, P-256 and P-384"
                                  : "one P-256 certificate as PEM text");
    if (r == 0)
        r = report_json(attestation_report(a), json, json_len);
    attestation_free(a);
    return r;
}

static int verify(venice_text *out, bool whole_response, const char *input, size_t len,
                  const char *options_json, size_t options_len)
{
    struct options o = { .tree = NULL };
    struct failure f = { .status = 0 };
    char *json = NULL;
    size_t json_len = 0;
    int r;

    if (!out)
        return VENICE_E_ARG;
    *out = (venice_text){ .data = NULL };
    if ((!input && len > 0) || !options_json)
        return VENICE_E_ARG;
    r = read_options(&o, &f, whole_response, options_json, options_len);
    if (r == 0)
        r = judge(&json, &json_len, &f, &o, input ? input : "", len);
    if (r != 0 && f.status != 0 && failure_json(&f, &json, &json_len) != 0)
        json_len = 0; /* the status has to do */
    if (json_len > 0 && json_len < UINT32_MAX)
        *out = (venice_text){ .data = json, .len = (uint32_t)json_len };
    else
        wiping_free(json);
    policy_clear(&o.policy);
    cJSON_Delete(o.tree);
    return r;
}

int venice_verify_quote(venice_text *out, const char *quote, size_t quote_len,
                        const char *options_json, size_t options_len)
{
    return verify(out, false, quote, quote_len, options_json, options_len);
}

int venice_verify_attestation(venice_text *out, const char *response, size_t response_len,
                              const char *options_json, size_t options_len)
{
    return verify(out, true, response, response_len, options_json, options_len);
}
