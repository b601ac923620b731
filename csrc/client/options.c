/* Options are read strictly: a name that is misspelt is said, not passed over. */
#include "client/options.h"

#include <string.h>

#include "base/json.h"
#include "base/secret.h"
#include "client/http_url.h"

enum {
    CONNECT_SECONDS = 15,
    IDLE_SECONDS = 120,
    SESSION_SECONDS = 1800,
    SECONDS_MAX = 7 * 24 * 3600,
    QUEUE_BYTES = 1024 * 1024,
    QUEUE_BYTES_MIN = 4096,
    QUEUE_BYTES_MAX = 64 * 1024 * 1024
};

static const char DEFAULT_URL[] = "https://api.venice.ai";

static int no_memory(struct failure *f)
{
    return failure_set(f, VENICE_E_MEMORY, NULL, "there is not enough memory");
}

/* An object, or NULL for an empty text. Lua writes an empty table as []. */
static int read_object(cJSON **out, struct failure *f, const char *text, size_t len)
{
    int r;

    *out = NULL;
    if (!text || len == 0)
        return 0;
    r = json_parse(out, text, len, NULL);
    if (r == 0 && !cJSON_IsObject(*out) && !(cJSON_IsArray(*out) && !(*out)->child)) {
        cJSON_Delete(*out);
        *out = NULL;
        r = VENICE_E_MALFORMED;
    }
    if (r == VENICE_E_MEMORY)
        return no_memory(f);
    return r == 0 ? 0 : failure_set(f, VENICE_E_CONFIG, NULL, "the options are not a JSON object");
}

/* ---- Of a client -------------------------------------------------------------------------- */

static int read_text(char **out, struct failure *f, const cJSON *value)
{
    const char *text = cJSON_GetStringValue(value);

    if (!text || !*text)
        return failure_set(f, VENICE_E_CONFIG, NULL, "%s must be a text", value->string);
    wiping_free(*out);
    *out = wiping_strdup(text);
    return *out ? 0 : no_memory(f);
}

/* Parts of a second are rounded up: nobody waits shorter than he asked for. */
static int read_seconds(long *out, struct failure *f, const cJSON *value)
{
    double v = cJSON_IsNumber(value) ? value->valuedouble : -1;

    if (!(v > 0 && v <= SECONDS_MAX))
        return failure_set(f, VENICE_E_CONFIG, NULL, "%s must be a number of seconds, 1 to %d",
                           value->string, SECONDS_MAX);
    *out = (long)v + ((double)(long)v < v);
    return 0;
}

static int read_queue_bytes(size_t *out, struct failure *f, const cJSON *value)
{
    double v = cJSON_IsNumber(value) ? value->valuedouble : -1;

    if (!(v >= QUEUE_BYTES_MIN && v <= QUEUE_BYTES_MAX))
        return failure_set(f, VENICE_E_CONFIG, NULL, "%s must be a number from %d to %d",
                           value->string, QUEUE_BYTES_MIN, QUEUE_BYTES_MAX);
    *out = (size_t)v;
    return 0;
}

static int read_client_member(struct client_options *o, struct failure *f, const cJSON *value)
{
    const char *name = value->string;

    if (cJSON_IsNull(value))
        return 0;
    if (strcmp(name, "base_url") == 0)
        return read_text(&o->base_url, f, value);
    if (strcmp(name, "tls_ca") == 0)
        return read_text(&o->tls_ca, f, value);
    if (strcmp(name, "cache_dir") == 0)
        return read_text(&o->cache_dir, f, value);
    if (strcmp(name, "connect_timeout") == 0)
        return read_seconds(&o->connect_seconds, f, value);
    if (strcmp(name, "idle_timeout") == 0)
        return read_seconds(&o->idle_seconds, f, value);
    if (strcmp(name, "session_ttl") == 0)
        return read_seconds(&o->session_seconds, f, value);
    if (strcmp(name, "queue_bytes") == 0)
        return read_queue_bytes(&o->queue_bytes, f, value);
    if (strcmp(name, "attestation") == 0 && cJSON_IsBool(value)) {
        o->attestation = cJSON_IsTrue(value);
        return 0;
    }
    return failure_set(f, VENICE_E_CONFIG, NULL, "%s is not an option, or is of the wrong type",
                       name);
}

/* Users write the address in several ways; paths begin with /api/v1 here. */
static int check_base_url(struct client_options *o, struct failure *f)
{
    static const char VERSION_PATH[] = "/api/v1";
    struct http_url parts;
    size_t n = strlen(o->base_url), tail = sizeof VERSION_PATH - 1;
    int r;

    while (n > 0 && o->base_url[n - 1] == '/')
        n--;
    if (n > tail && memcmp(o->base_url + n - tail, VERSION_PATH, tail) == 0)
        n -= tail;
    o->base_url[n] = 0;
    r = http_url_read(&parts, o->base_url, "base_url", f);
    if (r == 0 && parts.query)
        r = failure_set(f, VENICE_E_CONFIG, NULL, "base_url must not hold a query");
    return r;
}

int client_options_read(struct client_options *out, struct failure *f, const char *text, size_t len)
{
    cJSON *tree = NULL;
    const cJSON *value;
    int r;

    memset(out, 0, sizeof *out);
    out->connect_seconds = CONNECT_SECONDS;
    out->idle_seconds = IDLE_SECONDS;
    out->session_seconds = SESSION_SECONDS;
    out->attestation = true;
    out->queue_bytes = QUEUE_BYTES;
    out->base_url = wiping_strdup(DEFAULT_URL);
    r = out->base_url ? read_object(&tree, f, text, len) : no_memory(f);
    if (r == 0) {
        cJSON_ArrayForEach(value, tree)
        {
            r = read_client_member(out, f, value);
            if (r != 0)
                break;
        }
    }
    if (r == 0)
        r = check_base_url(out, f);
    cJSON_Delete(tree);
    if (r != 0)
        client_options_clear(out);
    return r;
}

void client_options_clear(struct client_options *o)
{
    wiping_free(o->base_url);
    wiping_free(o->tls_ca);
    wiping_free(o->cache_dir);
    memset(o, 0, sizeof *o);
    o->attestation = true; /* zero would mean "do not verify" */
}

/* ---- Of a request ------------------------------------------------------------------------- */

/* Sorts the members of every object by name; Lua gives them in any order. */
static void sort_members(cJSON *tree)
{
    cJSON *sorted = NULL, *last = NULL, *item, *least;

    cJSON_ArrayForEach(item, tree) sort_members(item);
    if (!cJSON_IsObject(tree))
        return;
    while (tree->child) {
        least = tree->child;
        cJSON_ArrayForEach(item, tree)
        {
            if (strcmp(item->string, least->string) < 0)
                least = item;
        }
        cJSON_DetachItemViaPointer(tree, least);
        least->prev = last;
        if (last)
            last->next = least;
        else
            sorted = least;
        last = least;
    }
    if (sorted)
        sorted->prev = last; /* how cJSON finds the end of a list */
    tree->child = sorted;
}

static int write_policy_text(struct request_options *o, struct failure *f)
{
    int r = VENICE_E_MEMORY;
    size_t len = 0;
    cJSON *policy =
        o->policy.source ? cJSON_Duplicate(o->policy.source, true) : cJSON_CreateObject();

    if (policy) {
        sort_members(policy);
        r = json_print(&o->policy_text, &len, policy);
    }
    cJSON_Delete(policy);
    return r == 0 ? 0 : no_memory(f);
}

static int read_policy(struct request_options *o, struct failure *f, const cJSON *value,
                       bool attestation)
{
    int r = policy_read(&o->policy, f, value);

    if (r == 0 && attestation && !o->policy.attestation)
        r = failure_set(f, VENICE_E_CONFIG, "verification is switched off for all or for none",
                        "a request cannot switch attestation off");
    o->policy.attestation = attestation;
    return r;
}

static bool is_list(const cJSON *value)
{
    return cJSON_IsArray(value) || (cJSON_IsObject(value) && !value->child);
}

/* Takes the member out of the tree. */
static cJSON *take(cJSON *tree, cJSON *value)
{
    return cJSON_DetachItemViaPointer(tree, value);
}

static int read_request_member(struct request_options *o, struct failure *f, cJSON *tree,
                               cJSON *value, bool is_chat)
{
    const char *name = value->string;

    if (cJSON_IsNull(value) || strcmp(name, "policy") == 0)
        return 0;
    if (strcmp(name, "pins") == 0 && is_list(value)) {
        if (value->child)
            o->pins = take(tree, value);
        return 0;
    }
    if (strcmp(name, "fresh") == 0 && cJSON_IsBool(value) && !is_chat) {
        o->fresh = cJSON_IsTrue(value);
        return 0;
    }
    if (strcmp(name, "evidence") == 0 && cJSON_IsBool(value) && !is_chat) {
        o->evidence = cJSON_IsTrue(value);
        o->fresh = o->fresh || o->evidence; /* a session does not keep it */
        return 0;
    }
    if (is_chat && strcmp(name, "params") == 0) {
        o->params = take(tree, value);
        return 0;
    }
    if (is_chat && strcmp(name, "venice_parameters") == 0) {
        o->venice_parameters = take(tree, value);
        return 0;
    }
    return failure_set(f, VENICE_E_CONFIG, NULL,
                       "%s is not an option of a request, or is of the "
                       "wrong type",
                       name);
}

int request_options_read(struct request_options *out, struct failure *f, const char *text,
                         size_t len, bool attestation, bool is_chat)
{
    cJSON *tree = NULL, *value, *next;
    int r;

    memset(out, 0, sizeof *out);
    out->policy.attestation = true;
    r = read_object(&tree, f, text, len);
    if (r == 0)
        r = read_policy(out, f, tree ? cJSON_GetObjectItemCaseSensitive(tree, "policy") : NULL,
                        attestation);
    for (value = tree ? tree->child : NULL; r == 0 && value; value = next) {
        next = value->next; /* the member may be taken out */
        r = read_request_member(out, f, tree, value, is_chat);
    }
    if (r == 0)
        r = write_policy_text(out, f);
    cJSON_Delete(tree);
    if (r != 0)
        request_options_clear(out);
    return r;
}

void request_options_clear(struct request_options *o)
{
    policy_clear(&o->policy);
    wiping_free(o->policy_text);
    cJSON_Delete(o->pins);
    cJSON_Delete(o->params);
    cJSON_Delete(o->venice_parameters);
    o->policy_text = NULL;
    o->pins = o->params = o->venice_parameters = NULL;
}
