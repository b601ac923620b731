/* Two transfers with NVIDIA's service. */
#include "client/nras_fetch.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "attest/gpu/nras.h"
#include "base/secret.h"

const char NRAS_URL[] = "https://nras.attestation.nvidia.com";
static const char ATTEST_PATH[] = "/v3/attest/gpu";
static const char KEYS_PATH[] = "/.well-known/jwks.json";
static const char OPTION[] = "verify.nras";

enum { TOTAL_SECONDS = 30 };

struct nras_fetch {
    CURLM *multi;
    const struct http_config *config;
    struct nras_keys *keys;
    char service[NRAS_URL_MAX], host[HTTP_HOST_MAX + 1];
    struct http *answer, *jwks; /* jwks NULL: the key set is at hand */
};

void nras_keys_clear(struct nras_keys *k)
{
    wiping_free(k->text);
    memset(k, 0, sizeof *k);
}

/* ---- Asking
 * --------------------------------------------------------------------------------------------- */

/* Users write the address in several ways. */
static int set_service(struct nras_fetch *n, struct failure *f, const char *service)
{
    const size_t tail = sizeof ATTEST_PATH - 1;
    struct http_url parts;
    size_t len = strlen(service);
    int r;

    while (len > 0 && service[len - 1] == '/')
        len--;
    if (len > tail && memcmp(service + len - tail, ATTEST_PATH, tail) == 0)
        len -= tail;
    while (len > 0 && service[len - 1] == '/')
        len--;
    if (len >= sizeof n->service)
        return failure_set(f, VENICE_E_CONFIG, NULL, "%s is too long", OPTION);
    memcpy(n->service, service, len);
    r = http_url_read(&parts, n->service, OPTION, f);
    if (r == 0 && parts.query)
        r = failure_set(f, VENICE_E_CONFIG, NULL, "%s must not hold a query", OPTION);
    if (r == 0)
        memcpy(n->host, parts.host, sizeof n->host);
    return r;
}

static int start(struct http **out, struct nras_fetch *n, struct failure *f, const char *path,
                 const char *payload)
{
    static const char *const post[] = { "Content-Type: application/json",
                                        "Accept: application/json", NULL };
    static const char *const get[] = { "Accept: application/json", NULL };
    char url[NRAS_URL_MAX + 64];
    struct http_request q = { .url = url,
                              .headers = payload ? post : get,
                              .body = payload,
                              .body_len = payload ? strlen(payload) : 0,
                              .response_max = payload ? NRAS_ANSWER_MAX : NRAS_JWKS_MAX,
                              .total_seconds = TOTAL_SECONDS };

    (void)snprintf(url, sizeof url, "%s%s", n->service, path);
    return http_start(out, f, n->multi, n->config, &q);
}

static int ask_keys(struct nras_fetch *n, struct failure *f, long long now)
{
    n->keys->asked = now;
    return start(&n->jwks, n, f, KEYS_PATH, NULL);
}

static bool has_keys(const struct nras_fetch *n, long long now)
{
    const struct nras_keys *k = n->keys;

    return k->text && strcmp(k->service, n->service) == 0 && now - k->fetched < NRAS_KEYS_MS;
}

int nras_fetch_start(struct nras_fetch **out, struct failure *f, CURLM *multi,
                     const struct http_config *config, const char *service, const char *payload,
                     struct nras_keys *keys, long long now)
{
    struct nras_fetch *n = wiping_calloc(1, sizeof *n);
    int r;

    *out = NULL;
    if (!n)
        return failure_set(f, VENICE_E_MEMORY, NULL, "there is not enough memory");
    n->multi = multi;
    n->config = config;
    n->keys = keys;
    r = set_service(n, f, service);
    if (r == 0)
        r = start(&n->answer, n, f, ATTEST_PATH, payload);
    if (r == 0 && !has_keys(n, now))
        r = ask_keys(n, f, now);
    if (r != 0)
        nras_fetch_stop(n);
    else
        *out = n;
    return r;
}

void nras_fetch_stop(struct nras_fetch *n)
{
    if (!n)
        return;
    http_stop(n->answer);
    http_stop(n->jwks);
    wiping_free(n);
}

/* ---- Waiting
 * -------------------------------------------------------------------------------------------- */

static bool has_failed(const struct http *h)
{
    return http_over(h) && (http_failure(h, NULL) != 0 || http_status(h) / 100 != 2);
}

/* A token of a key that is newer than the key set at hand. */
static bool is_outdated(const struct nras_fetch *n, long long now)
{
    size_t len;
    const char *body = http_body(n->answer, &len);

    return now - n->keys->asked >= NRAS_KEYS_AGAIN_MS &&
           nras_wants_keys(body, len, n->keys->text, n->keys->len);
}

bool nras_fetch_over(struct nras_fetch *n, long long now)
{
    if (has_failed(n->answer))
        return true;
    if (!http_over(n->answer))
        return n->jwks && has_failed(n->jwks);
    if (!n->jwks && is_outdated(n, now))
        return ask_keys(n, NULL, now) != 0; /* then the old one has to do */
    return !n->jwks || http_over(n->jwks);
}

long long nras_fetch_due(const struct nras_fetch *n)
{
    long long due = n ? http_due(n->answer) : LLONG_MAX, t = n ? http_due(n->jwks) : LLONG_MAX;

    return t < due ? t : due;
}

void nras_fetch_expire(struct nras_fetch *n, long long now)
{
    if (!n)
        return;
    http_expire(n->answer, now);
    http_expire(n->jwks, now);
}

/* ---- What came
 * ------------------------------------------------------------------------------------------ */

/* In words, where a transfer did not bring what was asked for. */
static int say_failure(const struct nras_fetch *n, const struct http *h, const char *what,
                       struct failure *f)
{
    static const char HINT[] = "try again later, or switch it off: verify.nras = false";
    struct failure cause = { 0 };
    int r;

    if (!has_failed(h))
        return 0;
    r = http_failure(h, &cause);
    if (r != 0)
        return failure_set(f, r, HINT, "%s", cause.message);
    return failure_set(f, VENICE_E_SERVER, HINT, "%s gave no %s (HTTP %ld)", n->host, what,
                       http_status(h));
}

int nras_fetch_result(const struct nras_fetch *n, const char **response, size_t *response_len,
                      const char **jwks, size_t *jwks_len, struct failure *f)
{
    int r = say_failure(n, n->answer, "answer about the GPUs", f);

    if (r != 0)
        return r;
    *response = http_body(n->answer, response_len);
    *jwks = n->keys->text;
    *jwks_len = n->keys->len;
    if (!n->jwks)
        return 0;
    r = say_failure(n, n->jwks, "key set", f);
    if (r == 0)
        *jwks = http_body(n->jwks, jwks_len);
    return r;
}

void nras_fetch_keep_keys(const struct nras_fetch *n, long long now)
{
    size_t len = 0;
    const char *text = n->jwks && !has_failed(n->jwks) ? http_body(n->jwks, &len) : NULL;
    char *copy = text ? wiping_malloc(len + 1) : NULL;

    if (!copy) /* none came, or it is asked for again next time */
        return;
    memcpy(copy, text, len);
    copy[len] = 0;
    wiping_free(n->keys->text);
    n->keys->text = copy;
    n->keys->len = len;
    n->keys->fetched = now;
    memcpy(n->keys->service, n->service, sizeof n->keys->service);
}
