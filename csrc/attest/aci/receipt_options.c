/* The options of venice_verify_receipt and venice_receipt, and the first of the two. */
#include "attest/aci/receipt_options.h"

#include <string.h>

#include "attest/claim.h"
#include "base/json.h"
#include "base/secret.h"
#include "venice.h"

enum { OPTIONS_BYTES_MAX = 8 * 1024 * 1024, REQUEST_ID_MAX = 256 };

static const int64_t year_10000 = 253402300800;

static int bad(struct failure *f, const char *name, const char *wanted)
{
    return failure_set(f, VENICE_E_CONFIG, ":help venice-verify", "%s must be %s", name, wanted);
}

/* Which options there are, and which of them only offline. */
static bool is_known(const char *name, bool offline)
{
    static const char *const names[] = { "signing_address", "request_id", "keyset", "asked_at",
                                         "response",        "now",        "model" };
    enum { LIVE = 4, ALL = sizeof names / sizeof *names };

    for (int i = 0; i < (offline ? ALL : LIVE); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool is_absent(const cJSON *tree, const char *name)
{
    const cJSON *value = json_at(tree, name, NULL);

    return !value || cJSON_IsNull(value);
}

static int read_question(struct receipt_options *o, struct failure *f)
{
    struct receipt_input *in = &o->input;
    uint8_t address[20];

    in->signing_address = json_string(o->tree, "signing_address");
    if (!claim_read_hex(address, sizeof address, in->signing_address))
        return bad(f, "signing_address", "0x and 40 hex digits: the one that the quote binds");
    in->request_id = json_string(o->tree, "request_id");
    if (!in->request_id || !in->request_id[0] || strlen(in->request_id) > REQUEST_ID_MAX)
        return bad(f, "request_id", "the id of the answer");
    in->keyset = json_string(o->tree, "keyset");
    if (!in->keyset && !is_absent(o->tree, "keyset"))
        return bad(f, "keyset", "JSON text");
    in->keyset_len = in->keyset ? strlen(in->keyset) : 0;
    in->asked_at = -1;
    if (!is_absent(o->tree, "asked_at") &&
        !json_integer(&in->asked_at, o->tree, "asked_at", 0, year_10000 - 1))
        return bad(f, "asked_at", "a time in unix seconds");
    return 0;
}

static int read_answer(struct receipt_options *o, struct failure *f)
{
    struct receipt_input *in = &o->input;

    in->response = json_string(o->tree, "response");
    if (!in->response)
        return bad(f, "response", "the body as text");
    in->response_len = strlen(in->response);
    in->model = json_string(o->tree, "model");
    if (!in->model && !is_absent(o->tree, "model"))
        return bad(f, "model", "a text");
    if (!json_integer(&in->now, o->tree, "now", 0, year_10000 - 1))
        return bad(f, "now", "the time in unix seconds");
    return 0;
}

int receipt_options_read(struct receipt_options *out, struct failure *f, const char *text,
                         size_t len, bool offline)
{
    const struct json_limits limits = { .bytes = OPTIONS_BYTES_MAX };
    const cJSON *value;
    int r;

    memset(out, 0, sizeof *out);
    r = json_parse(&out->tree, text, len, &limits);
    if (r == VENICE_E_MEMORY)
        return failure_set(f, r, NULL, "there is not enough memory");
    if (r != 0 || !cJSON_IsObject(out->tree))
        return failure_set(f, VENICE_E_CONFIG, ":help venice-verify",
                           "the options are not one JSON object");
    cJSON_ArrayForEach(value, out->tree)
    {
        if (!is_known(value->string, offline))
            return failure_set(f, VENICE_E_CONFIG, ":help venice-verify", "%.80s is not an option",
                               value->string);
    }
    r = read_question(out, f);
    return r == 0 && offline ? read_answer(out, f) : r;
}

void receipt_options_clear(struct receipt_options *o)
{
    cJSON_Delete(o->tree);
    memset(o, 0, sizeof *o);
}

int venice_verify_receipt(venice_text *out, const char *options_json, size_t len)
{
    struct receipt_options o;
    struct failure f = { .status = 0 };
    char *json = NULL;
    size_t json_len = 0;
    int r;

    if (!out)
        return VENICE_E_ARG;
    *out = (venice_text){ .data = NULL };
    if (!options_json)
        return VENICE_E_ARG;
    r = receipt_options_read(&o, &f, options_json, len, true);
    if (r == 0)
        r = receipt_verify(&json, &json_len, &o.input);
    if (r == VENICE_E_CONFIG && failure_json(&f, &json, &json_len) != 0)
        json_len = 0; /* the status has to do */
    if (json_len > 0)
        *out = (venice_text){ .data = json, .len = (uint32_t)json_len };
    receipt_options_clear(&o);
    return r;
}
