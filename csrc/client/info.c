/* What :checkhealth shows: versions, whether our allocators are in force, where the key is. */
#include <secp256k1.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/json.h"
#include "base/secret.h"
#include "client/job.h"
#include "client/version.h"

/* Prints and deletes a tree. */
static int give(venice_text *out, cJSON *tree, bool complete)
{
    char *text = NULL;
    size_t len = 0;
    int r = complete ? json_print(&text, &len, tree) : VENICE_E_MEMORY;

    cJSON_Delete(tree);
    if (r != 0)
        return r;
    out->data = text;
    out->len = (uint32_t)len;
    return 0;
}

/* Set and not empty, of any of these. */
static bool in_environment(const char *const *names)
{
    for (; *names; names++) {
        const char *value = getenv(*names);

        if (value && *value)
            return true;
    }
    return false;
}

/* libsecp256k1 does not say its version at run time; this is that of its header. */
static const char *secp256k1_version(void)
{
#ifdef SECP256K1_VERSION
    return SECP256K1_VERSION;
#else
    return "unknown";
#endif
}

static bool add_versions(cJSON *o)
{
    const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);

    return cJSON_AddStringToObject(o, "version", VENICE_VERSION) &&
           cJSON_AddNumberToObject(o, "abi", VENICE_ABI) &&
           cJSON_AddStringToObject(o, "openssl", OpenSSL_version(OPENSSL_VERSION_STRING)) &&
           cJSON_AddStringToObject(o, "curl", curl->version) &&
           cJSON_AddStringToObject(o, "curl_ssl", curl->ssl_version ? curl->ssl_version : "") &&
           cJSON_AddStringToObject(o, "cjson", cJSON_Version()) &&
           cJSON_AddStringToObject(o, "secp256k1", secp256k1_version());
}

int venice_info(venice_text *out)
{
    static const char *const KEYLOG[] = { "SSLKEYLOGFILE", NULL };
    static const char *const PROXY[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                                         NULL };
    bool complete;
    cJSON *o;
    int r;

    if (!out)
        return VENICE_E_ARG;
    memset(out, 0, sizeof *out);
    r = http_setup();
    if (r != 0)
        return r;
    o = cJSON_CreateObject();
    complete = o && add_versions(o) &&
               cJSON_AddBoolToObject(o, "curl_first", http_allocators_in_force()) &&
               cJSON_AddBoolToObject(o, "memory_locked", secret_is_locked()) &&
               cJSON_AddBoolToObject(o, "sslkeylogfile", in_environment(KEYLOG)) &&
               cJSON_AddBoolToObject(o, "proxy", in_environment(PROXY));
    return give(out, o, complete);
}

static int requests_in_flight(struct venice_client *c)
{
    int n = 0;

    pthread_mutex_lock(&c->lock);
    for (int i = 0; i < REQUESTS_MAX; i++)
        n += c->slots[i].id != 0;
    pthread_mutex_unlock(&c->lock);
    return n;
}

int venice_client_info(venice_client *c, venice_text *out)
{
    const char *kind, *name, *state;
    cJSON *o, *key, *sessions;
    bool complete = false;

    if (!c || !out)
        return VENICE_E_ARG;
    memset(out, 0, sizeof *out);
    key_source_describe(c->key, &kind, &name, &state);
    o = cJSON_CreateObject();
    key = o ? cJSON_AddObjectToObject(o, "key") : NULL;
    sessions = o ? cJSON_AddArrayToObject(o, "sessions") : NULL;
    if (key && sessions)
        complete = cJSON_AddStringToObject(key, "source", kind) &&
                   cJSON_AddStringToObject(key, "name", name) &&
                   cJSON_AddStringToObject(key, "state", state) &&
                   sessions_list(c->sessions, sessions) == 0 &&
                   cJSON_AddNumberToObject(o, "requests", requests_in_flight(c)) &&
                   cJSON_AddNumberToObject(o, "queue_bytes", (double)queue_bytes(c->queue));
    return give(out, o, complete);
}
